//! One command from its arguments to its result.

use super::{
    ask::{Question, Reply, Run, is_keyed},
    body,
    context::Scope,
    engine::Engine,
    extract,
    failure::Stop,
    pages,
    request::draft,
    response::Answer,
    sse::Framing,
    usage::Readings,
};
use crate::{
    adapter::{Call, Execution, ProgressSink},
    metered::Metered,
};
use if_manifest::{plan::OperationPlan, raw::ResponseFormat};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::Instant;

/// What is left of a command's time to say what came of it.
pub const ANSWER_TIME: Duration = Duration::from_millis(50);

impl Engine {
    /// Executes `call` and says what it used.
    pub async fn execute(&self, call: &Call, progress: &ProgressSink) -> (Execution, Metered) {
        let Some(operation) = self.plan.operations.get(call.operation.as_str()) else {
            let message = format!("{} has no operation {}", self.plan.spec.id, call.operation);
            return (Execution::failed("unsupported", message, None), Metered::zero(false));
        };
        let priced = operation.used.is_some();
        let scope = Scope::of_command(&self.plan, &self.config, operation, &call.args, &call.command);
        let deadline = self.deadline(call.deadline);
        let mut run = Run { engine: self, operation, scope, deadline, may_be_charged_twice: false };
        let mut readings = Readings::default();
        let (execution, metered) = match run.execute(progress, &mut readings).await {
            Ok(result) => {
                let known = readings.known(&self.plan, operation).filter(|_| !run.may_be_charged_twice);
                (Execution::Succeeded(result), known.map_or(Metered::unknown(priced), Metered::Known))
            }
            Err(stop) if stop.may_be_charged => (stop.execution, Metered::unknown(priced)),
            Err(stop) => (stop.execution, Metered::zero(priced)),
        };
        (self.scrubber.execution(execution), metered)
    }

    /// A little before the command's own, so that the answer comes in time.
    fn deadline(&self, of_command: Instant) -> Instant {
        let left = of_command.saturating_duration_since(self.clock.now());
        of_command.checked_sub(ANSWER_TIME.min(left / 10)).unwrap_or(of_command)
    }
}

impl Run<'_> {
    async fn execute(&mut self, progress: &ProgressSink, readings: &mut Readings) -> Result<Value, Stop> {
        let (plan, operation) = (&self.engine.plan, self.operation);
        let (request, response) = (&operation.request, &operation.response);
        let context = self.scope.context();
        let target = response.save.as_deref().map(|param| self.target(param)).transpose()?;
        let files = body::files(plan, request.body.as_ref(), &context).await?;
        let mut draft = draft(plan, request, response.format, &context, &files)?;
        let key = self.scope.idempotency_key.clone();
        draft.key(&operation.idempotency, &key)?;
        if let (Some(list), Some(pagination)) = (&response.list, &operation.pagination) {
            let (mut result, last) = self.pages(draft, list, pagination, readings).await?;
            self.add_fields(&mut result, &last)?;
            return Ok(result);
        }
        let framing = framing(operation);
        let question = Question {
            draft: &draft,
            response,
            effect: operation.effect,
            keyed: is_keyed(operation),
            open: framing.is_some() || target.is_some(),
        };
        let answer = match self.ask(&question).await? {
            Reply::Whole(answer) => answer,
            Reply::Open(exchanged) => {
                return match (target, framing, &response.stream) {
                    (Some(path), ..) => self.save(&path, exchanged).await,
                    (None, Some(framing), Some(stream)) => {
                        self.stream(stream, framing, exchanged, progress, readings).await
                    }
                    _ => Err(self.malformed(operation.effect, "the manifest does not say what to do with it")),
                };
            }
        };
        let answer = match &operation.poll {
            Some(poll) => self.poll(poll, &answer).await?,
            None => answer,
        };
        let document = answer.document.as_ref().unwrap_or(&Value::Null);
        readings.read(plan, operation, document, &self.scope);
        let mut result = match &response.list {
            Some(list) => pages::single(self, list, document, operation)?,
            None => Value::Object(Map::new()),
        };
        self.add_fields(&mut result, &answer)?;
        Ok(result)
    }

    fn add_fields(&self, result: &mut Value, answer: &Answer) -> Result<(), Stop> {
        let document = answer.document.as_ref().unwrap_or(&Value::Null);
        let fields = extract::fields(&self.engine.plan, &self.operation.response.result, document, &self.scope);
        let fields = fields.map_err(|e| self.malformed(self.operation.effect, &e.to_string()))?;
        if let Value::Object(map) = result {
            map.extend(fields);
        }
        Ok(())
    }
}

fn framing(operation: &OperationPlan) -> Option<Framing> {
    match operation.response.format {
        ResponseFormat::Sse => Some(Framing::Sse),
        ResponseFormat::JsonLines => Some(Framing::JsonLines),
        _ => None,
    }
}
