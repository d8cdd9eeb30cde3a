//! Every operation of every provider: sign, send, await the signed result, show it.

pub mod args;
mod notice;
mod piped;
mod report;
mod streamed;

use piped::Piped;
pub use report::Report;
use streamed::Streamed;

use crate::{
    CliError, Exit,
    client::{Awaited, Client, Ending, Outgoing, Settled, ask},
    clock,
    commands::optimise,
    context::Context,
    output::value,
};
use clap::ArgMatches;
use if_bus::Bus;
use if_home::{Config, Home, keys};
use if_manifest::{OperationSpec, ProviderSpec};
use if_schemas::{
    Code, Command, Envelope, Name, Outcome, Payload, SigningKey, Status,
    head::Verdict,
    limits::RESULT_GRACE_US,
    outcome::Failure,
    payload::Arguments,
    query::{self, BudgetRow, BudgetsAnswer},
    subject,
    wire::Submission,
};
use serde_json::{Map, Value};
use std::{
    pin::pin,
    time::{Duration, Instant},
};

/// After the broker's own grace the result may still be on its way for this long.
const RESULT_EXTRA: Duration = Duration::from_secs(1);

/// How long the question what is left of budgets may take after a command.
const BUDGETS_TIMEOUT: Duration = Duration::from_secs(1);
/// Environment variable naming the session commands are charged to.
const SESSION_VARIABLE: &str = "IF_SESSION";

/// What is asked for.
pub struct Request<'a> {
    pub provider: &'a ProviderSpec,
    pub operation: &'a OperationSpec,
    pub instance: Name,
    pub args: Map<String, Value>,
}

pub fn run(
    context: &Context,
    provider: &ProviderSpec,
    operation: &OperationSpec,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let instance = super::instance_name(matches)?;
    let mut args = args::collect(operation, matches)?;
    let piped = Piped::take(context, operation, &mut args)?;
    let report = execute(context, &Request { provider, operation, instance, args })?;
    optimise::warnings(report.budgets.as_deref().unwrap_or_default()).iter().for_each(|w| context.out.warning(w));
    match piped {
        Some(piped) => piped.show(context, report),
        None => report.show(context.out),
    }
}

/// Runs one operation to its end. The error is for what went wrong before there was a command; everything later,
/// success or not, is in the report.
pub fn execute(context: &Context, request: &Request) -> Result<Report, CliError> {
    let key = keys::read(&context.config(&context.home()?)?.witness.signing_key)?;
    execute_as(context, request, key)
}

/// The same, signed with another key than the operator's.
pub fn execute_as(context: &Context, request: &Request, key: SigningKey) -> Result<Report, CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let arguments = Arguments { args: request.args.clone(), why: context.globals.why.clone(), cause: None };
    let payload = Payload::new(&arguments, clock::salt()?)?;
    let command = draft(context, &config, request, &payload)?;
    let mut report = Report::new(&command);
    notice::say(context, &home, request);
    let outcome = context.block_on(async {
        let client = context.connect(&home, &config).await?;
        let is_free = request.operation.price.is_none();
        Run { context, client, key, payload, is_free, report: &mut report }.operate(command).await
    });
    if let Err(error) = outcome {
        report.fail_with(explain(error, &home, request));
    }
    Ok(report)
}

fn draft(context: &Context, config: &Config, request: &Request, payload: &Payload) -> Result<Command, CliError> {
    let issued_at = clock::now();
    let trace = match context.globals.trace {
        Some(trace) => trace,
        None => clock::trace_id()?,
    };
    Ok(Command {
        id: clock::command_id(issued_at)?,
        trace,
        issued_at,
        deadline: issued_at.saturating_add_us(context.deadline_us(config)),
        operation: request.operation.id.parse()?,
        provider: request.provider.id.parse()?,
        instance: request.instance.clone(),
        effect: request.operation.effect,
        dry_run: context.globals.dry_run,
        session: session()?,
        payload: payload.hash(),
        run: None,
    })
}

/// The session that spends, from the environment of whoever runs this.
fn session() -> Result<Option<Name>, CliError> {
    let said = std::env::var(SESSION_VARIABLE).ok().filter(|s| !s.is_empty());
    said.map(|s| super::name(SESSION_VARIABLE, &s)).transpose()
}

struct Run<'a> {
    context: &'a Context<'a>,
    client: Client,
    key: SigningKey,
    payload: Payload,
    is_free: bool,
    report: &'a mut Report,
}

impl Run<'_> {
    async fn operate(mut self, mut command: Command) -> Result<(), CliError> {
        // The deadline counts from when the command leaves, not from when NATS was looked for.
        let allowed_us = command.deadline.since_us(command.issued_at);
        command.issued_at = clock::now();
        command.deadline = command.issued_at.saturating_add_us(allowed_us);
        let allowed = Duration::from_micros(u64::try_from(allowed_us).unwrap_or(0));
        let events = subject::events_of_operation(&command.provider, &command.instance, &command.operation);
        let mut events = self.client.bus.subscribe(&events).await?;
        let submission =
            Submission { envelope: Envelope::seal(&command, &self.key)?, payload: Some(self.payload.clone()) };
        let to = subject::command(&command.provider, &command.instance, &command.operation);
        let sent = Instant::now();
        self.report.sent();
        let outgoing = Outgoing {
            subject: &to,
            submission: &submission,
            id: command.id,
            dry_run: command.dry_run,
            deadline: allowed,
            trace: Some(command.trace),
        };
        let submitted = self.client.submit(&outgoing).await?;
        let receipt = submitted.receipt;
        self.report.admitted(receipt.head, submitted.took);
        let admission = match (receipt.verdict, receipt.head) {
            (Verdict::Rejected(reject), _) => return Err(reject.into()),
            (Verdict::WouldAccept { estimate }, _) if command.dry_run => {
                self.report.status = "would_accept";
                self.report.estimate = estimate.map(|e| *e);
                self.report.budgets = budgets(&self.client.bus, &command, self.operator()).await;
                return Ok(());
            }
            (Verdict::Accepted, Some(head)) if !command.dry_run => head,
            _ => return Err(CliError::damaged("the receipt does not answer what was asked")),
        };
        self.report.status = "pending";
        if self.context.globals.no_wait {
            return Ok(());
        }
        let until = tokio::time::Instant::from_std(sent) + allowed + micros(RESULT_GRACE_US) + RESULT_EXTRA;
        let awaited = Awaited { command: command.id, admission, until };
        let (out, bus, operator) = (self.context.out, self.client.bus.clone(), self.operator());
        let mut streamed = Streamed::default();
        let settled = self.client.await_result(&mut events, &awaited, |p| {
            if !streamed.take(out, p) && out.shows_progress() && p.sequence > 0 {
                out.note(&format!("  … {}", value::printable(&p.message)));
            }
        });
        let settled = async { (settled.await, sent.elapsed()) };
        // A free command changes no budget: they are asked for while it runs.
        let (early, (settled, took)) = match self.is_free {
            true => beside(budgets(&bus, &command, operator.clone()), settled).await,
            false => (None, settled.await),
        };
        let left = match early {
            Some(left) => left,
            None if settled.is_ok() => budgets(&bus, &command, operator).await,
            None => None,
        };
        (self.report.timing.total, self.report.budgets) = (Some(took), left);
        let outcome = match settled? {
            Some(settled) => self.finish(settled, &admission),
            None => Err(no_result(&command, &admission)),
        };
        streamed.finish(out, self.report.result.as_mut())?;
        outcome
    }

    /// The name of the member who signs.
    fn operator(&self) -> Option<Name> {
        self.client.trust.member(&self.key.id()).map(|m| m.name.clone())
    }

    fn finish(&mut self, settled: Settled, admission: &if_schemas::Head) -> Result<(), CliError> {
        let report = &mut *self.report;
        report.result_witness = Some(settled.head);
        report.cost = settled.settlement.posted;
        let (event, outcome) = match settled.ending {
            Ending::Unresolved { reason } => {
                report.status = Status::Indeterminate.as_str();
                return Err(CliError::new(Exit::NoResult, format!("nobody knows whether it happened: {reason}"))
                    .code("unresolved")
                    .hint("look at the target before you try again"));
            }
            Ending::Result { event, outcome } => (event, outcome),
        };
        report.simulated = event.simulated;
        report.route = event.route;
        report.timing.queue_us = Some(event.started_at.since_us(admission.at));
        report.timing.execute_us = Some(event.finished_at.since_us(event.started_at));
        report.timing.commit_us = Some(settled.head.at.since_us(event.finished_at));
        report.status = event.status.as_str();
        match (event.status, outcome) {
            (Status::Succeeded, Some(Outcome::Result(value))) => {
                report.result = Some(value);
                Ok(())
            }
            (Status::Succeeded, None) => Ok(()),
            (Status::Succeeded, Some(Outcome::Error(_))) => {
                report.status = Status::Indeterminate.as_str();
                Err(CliError::new(Exit::NoResult, "the worker reports success and failure at once")
                    .hint("look at the target"))
            }
            (status, outcome) => Err(unsuccessful(status, outcome)),
        }
    }
}

/// Runs both until the second has ended; what the first gave by then.
async fn beside<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (Option<A>, B) {
    let (mut first, mut second, mut early) = (pin!(first), pin!(second), None);
    loop {
        tokio::select! {
            biased;
            done = &mut second => return (early, done),
            gave = &mut first, if early.is_none() => early = Some(gave),
        }
    }
}

/// The budgets the command is charged to; none if the broker does not say in time. Never worth failing for.
async fn budgets(bus: &Bus, command: &Command, operator: Option<Name>) -> Option<Vec<BudgetRow>> {
    let asked = tokio::time::timeout(BUDGETS_TIMEOUT, ask::<BudgetsAnswer>(bus, query::BUDGETS)).await;
    let answer = asked.ok()?.ok()?;
    Some(optimise::of_command(answer.budgets, command, operator.as_ref().map(Name::as_str)))
}

/// The worker's failure as an error with the exit code of its status.
fn unsuccessful(status: Status, outcome: Option<Outcome>) -> CliError {
    let exit = match status {
        Status::Failed | Status::Succeeded => Exit::Failed,
        Status::Expired => Exit::Rejected,
        Status::Indeterminate => Exit::NoResult,
    };
    match outcome {
        Some(Outcome::Error(Failure { code, message, hint })) => {
            let hint = hint.map(|h| value::printable(&h));
            CliError::new(exit, value::printable(&message)).code(code).hint_opt(hint)
        }
        _ => CliError::new(exit, format!("the operation ended as {}; its details are gone", status.as_str()))
            .code(status.as_str()),
    }
}

fn no_result(command: &Command, admission: &if_schemas::Head) -> CliError {
    let after = value::duration(command.deadline.since_us(command.issued_at));
    CliError::new(Exit::NoResult, format!("no result within {after}, the deadline; nobody knows whether it happened"))
        .hint(format!(
            "it is entry #{} of the log: `ifctl witness show {}` says what became of it",
            admission.index, command.id
        ))
}

/// What the files of this machine know about a command that was refused.
fn explain(error: CliError, home: &Home, request: &Request) -> CliError {
    if error.code != Code::NoWorker.as_str() {
        return error;
    }
    let file = home.provider_file(&match request.provider.id.parse() {
        Ok(name) => name,
        Err(_) => return error,
    });
    let Ok(mut instances) = if_home::instances::load_each(&file, request.provider) else { return error };
    let known: Vec<String> = instances.keys().map(ToString::to_string).collect();
    match instances.remove(&request.instance) {
        Some(Err(e)) => {
            CliError { message: format!("{}: {}", error.message, e.message()), hint: e.hint().or(error.hint), ..error }
        }
        Some(Ok(i)) if !i.enabled => {
            error.hint(format!("{} is disabled: set `enabled: true` in {}", request.instance, file.display()))
        }
        Some(Ok(_)) => error.hint("it is in this home directory, but no running worker serves it: see `ifctl status`"),
        None => match if_manifest::args::nearest(request.instance.as_str(), known.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        },
    }
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

#[cfg(test)]
mod tests;
