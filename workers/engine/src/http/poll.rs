//! Work that the provider does by itself: asked for until it is done.

use super::{
    ask::{LOOK, Question, Reply, Run},
    extract,
    failure::{Stop, shortened},
    request::{draft, text_of},
    response::Answer,
};
use if_manifest::plan::{Poll, context_of};
use if_schemas::Effect;
use serde_json::Value;

impl Run<'_> {
    /// Asks until the work that `first` answered is done. The answer that said so.
    pub async fn poll(&mut self, poll: &Poll, first: &Answer) -> Result<Answer, Stop> {
        let engine = self.engine;
        let document = first.document.as_ref().unwrap_or(&Value::Null);
        let effect = self.operation.effect;
        let created = extract::fields(&engine.plan, &poll.created, document, &self.scope);
        let created = created.map_err(|e| self.malformed(effect, &e.to_string()))?;
        if let Some((name, _)) = created.iter().find(|(_, v)| v.is_null()) {
            return Err(self.malformed(effect, &format!("it has no {name}")));
        }
        let about = shortened(&Value::Object(created.clone()).to_string());
        self.scope.set("created", context_of(Value::Object(created)));
        let response = &self.operation.response;
        let context = self.scope.context();
        let asked = draft(&engine.plan, &poll.request, response.format, &context, &Default::default());
        // The work has begun: whatever goes wrong from here, nobody knows how it ends.
        let begun = |stop: Stop| {
            let message = format!("it was begun ({about}), and then: {}", stop.message());
            match effect {
                Effect::Read => Stop::failed(stop.code(), message, None),
                _ => Stop::unknown(stop.code(), message, Some(LOOK)),
            }
        };
        let asked = asked.map_err(begun)?;
        loop {
            let at = engine.clock.now() + poll.every;
            if at >= self.deadline {
                let late = Stop::unknown("deadline", "it was not done when the deadline came", None);
                return Err(begun(late));
            }
            engine.clock.sleep_until(at).await;
            let question = Question { draft: &asked, response, effect: Effect::Read, keyed: false, open: false };
            let answer = match self.ask(&question).await.map_err(begun)? {
                Reply::Whole(answer) => answer,
                Reply::Open(_) => return Err(self.malformed(effect, "it is a stream")),
            };
            let document = answer.document.as_ref().unwrap_or(&Value::Null);
            let Some(status) = extract::find(&poll.status, document) else {
                return Err(begun(self.malformed(effect, "it has no status")));
            };
            if poll.done.contains(&status) {
                return Ok(answer);
            }
            if poll.failed.contains(&status) {
                let words = poll.message.as_ref();
                let words = words.and_then(|m| extract::value(&engine.plan, m, document, &self.scope));
                let words = words.map(|w| format!(": {}", shortened(&text_of(&w)))).unwrap_or_default();
                let name = &engine.plan.spec.display_name;
                let message = format!("{name} says it is {}{words} ({about})", text_of(&status));
                return Err(Stop::failed("provider_error", message, None));
            }
        }
    }
}
