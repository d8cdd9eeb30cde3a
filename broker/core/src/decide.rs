//! One input, one decision. Nothing is done here; the sequencer makes the entry durable, then acts.

use crate::{
    State, VerifiedChange, VerifiedCommand, VerifiedFinance, VerifiedResult, VerifiedRun, Window,
    admission::{self, check_times},
    finance,
    pricing::Pricing,
    settlement,
};
use if_schemas::{
    Body, Code, CommandId, Effect, Envelope, FinanceOp, Head, Name, OperationId, Payload, Reject, Status, Target,
    Timestamp, finance::BudgetKey, head::Verdict,
};

mod run;

/// Everything that can reach the log.
#[derive(Debug, Clone)]
pub enum Input {
    Command {
        command: VerifiedCommand,
        prior: Prior,
        served: Served,
        pricing: Pricing,
    },
    Trust {
        change: VerifiedChange,
        prior: Prior,
    },
    Result {
        result: VerifiedResult,
        prior: Prior,
    },
    /// `zone_known`: a budget's time zone is one the broker can count days in.
    Finance {
        change: VerifiedFinance,
        prior: Prior,
        zone_known: bool,
    },
    /// A new window of a budget that [`crate::Budgets::stale`] named. Before any other input of the same time.
    Period {
        budget: BudgetKey,
        window: Window,
    },
    /// `asked`: every command of the plan of an order that keeps what it may cost.
    Run {
        change: VerifiedRun,
        prior: Prior,
        asked: Vec<Asked>,
    },
    /// The run [`crate::Runs::grantable`] named.
    Lease {
        run: CommandId,
    },
    /// A run [`crate::Runs::to_end`] named.
    RunOver {
        run: CommandId,
    },
    /// A command [`State::overdue`] named.
    Overdue {
        command: CommandId,
    },
}

/// What the log already holds under the same command id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Prior {
    #[default]
    Nothing,
    /// These exact envelope bytes: their first entry, and the reject if they were refused.
    Same { head: Head, reject: Option<Reject> },
    /// Something else.
    Different,
}

/// Presence at the time of admission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// `known`: the most similar `provider/instance` that is served.
    Nobody { known: Option<String> },
    /// The member that serves it, and the effect class it announces for the operation; none if it does not know it.
    By { worker: Name, effect: Option<Effect> },
}

/// A command that a run is going to send, and what the broker knows of its price.
#[derive(Debug, Clone)]
pub struct Asked {
    pub step: u32,
    pub operation: OperationId,
    pub target: Target,
    /// Some live worker serves the target.
    pub is_served: bool,
    pub pricing: Pricing,
}

/// What to do with an input.
// One at a time, used up at once; boxing the body would cost the good case an allocation.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Append, make durable, answer `verdict` with the new entry's head, then act.
    Append { body: Body, payload: Option<Payload>, verdict: Verdict, then: Option<Action> },
    /// Nothing to log.
    Answer { verdict: Verdict, head: Option<Head> },
}

/// What follows a durable entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Publish the work item.
    Dispatch,
    /// Publish the result event of this command.
    AnnounceResult(CommandId),
    /// Hand the new trust to whoever checks signatures.
    TrustChanged,
    /// Begin windows for budgets that are new.
    FinanceChanged,
    /// Show the runs anew.
    RunChanged,
}

pub fn decide(state: &State, now: Timestamp, input: Input) -> Decision {
    // The entry will carry this time: after a clock stepped back, a deadline must be judged by the log's time.
    let now = now.max(state.at());
    match input {
        Input::Command { command, prior, served, pricing } => command_(state, now, command, prior, served, pricing),
        Input::Trust { change, prior } => trust(state, now, change, prior),
        Input::Result { result, prior } => result_(state, result, prior),
        Input::Finance { change, prior, zone_known } => finance_(state, now, change, prior, zone_known),
        Input::Period { budget, window } => period(state, now, budget, window),
        Input::Run { change, prior, asked } => run::change(state, now, change, prior, asked),
        Input::Lease { run } => run::lease(state, now, run),
        Input::RunOver { run } => run::over(state, now, run),
        Input::Overdue { command } => overdue(state, command),
    }
}

fn command_(
    state: &State,
    now: Timestamp,
    command: VerifiedCommand,
    prior: Prior,
    served: Served,
    pricing: Pricing,
) -> Decision {
    let dry_run = command.command().dry_run;
    let id = command.command().id;
    match prior {
        Prior::Same { head, reject } => return again(head, reject),
        Prior::Different => {
            return refuse(command.authentic.into_envelope(), Some(command.payload), id_reused(id), dry_run);
        }
        Prior::Nothing => {}
    }
    // The error carries the command back; see `admission`.
    #[allow(clippy::result_large_err)]
    let admitted = admission::authorize(state, now, command).and_then(|a| a.reserve(state, now, served, pricing));
    match admitted {
        Ok(admitted) if admitted.is_dry_run() => {
            let estimate = admitted.estimate(state).map(Box::new);
            Decision::Answer { verdict: Verdict::WouldAccept { estimate }, head: None }
        }
        Ok(admitted) => {
            let (body, payload) = admitted.into_body();
            Decision::Append { body, payload: Some(payload), verdict: Verdict::Accepted, then: Some(Action::Dispatch) }
        }
        Err((command, reject)) => refuse(command.authentic.into_envelope(), Some(command.payload), reject, dry_run),
    }
}

fn trust(state: &State, now: Timestamp, change: VerifiedChange, prior: Prior) -> Decision {
    let c = change.change();
    match prior {
        Prior::Same { head, reject } => return again(head, reject),
        Prior::Different => {
            let reject = id_reused(c.id);
            return refuse(change.authentic.into_envelope(), None, reject, false);
        }
        Prior::Nothing => {}
    }
    let checked =
        check_times(now, c.issued_at, c.deadline).and_then(|()| state.trust().check_change(&change.authentic.key(), c));
    let envelope = change.authentic.into_envelope();
    match checked {
        Ok(()) => Decision::Append {
            body: Body::Trust { envelope },
            payload: None,
            verdict: Verdict::Accepted,
            then: Some(Action::TrustChanged),
        },
        Err(reject) => refuse(envelope, None, reject, false),
    }
}

fn finance_(state: &State, now: Timestamp, change: VerifiedFinance, prior: Prior, zone_known: bool) -> Decision {
    let c = change.change();
    let (key, id) = (change.authentic.key(), c.id);
    let checked = check_times(now, c.issued_at, c.deadline)
        .and_then(|()| finance::check_change(state.trust(), state.budgets(), state.book(), &key, c))
        .and_then(|()| match &c.op {
            FinanceOp::SetBudget(budget) if !zone_known => {
                let text = format!("no time zone is called {:?}", budget.zone);
                Err(Reject::new(Code::BadFinanceChange, text).hint("use an IANA name like Europe/Berlin or UTC"))
            }
            _ => Ok(()),
        });
    let envelope = change.authentic.into_envelope();
    match (prior, checked) {
        (Prior::Same { head, reject }, _) => again(head, reject),
        (Prior::Different, _) => refuse(envelope, None, id_reused(id), false),
        (Prior::Nothing, Ok(())) => Decision::Append {
            body: Body::Finance { envelope },
            payload: None,
            verdict: Verdict::Accepted,
            then: Some(Action::FinanceChanged),
        },
        (Prior::Nothing, Err(reject)) => refuse(envelope, None, reject, false),
    }
}

fn period(state: &State, now: Timestamp, budget: BudgetKey, window: Window) -> Decision {
    let Window { start, end } = window;
    match state.budgets().check_window(&budget, window, now) {
        Ok(()) => Decision::Append {
            body: Body::Period { budget, start, end },
            payload: None,
            verdict: Verdict::Accepted,
            then: None,
        },
        Err(why) => {
            let reject = Reject::new(Code::BadFinanceChange, format!("{budget}: {why}"));
            Decision::Answer { verdict: Verdict::Rejected(reject), head: None }
        }
    }
}

fn result_(state: &State, result: VerifiedResult, prior: Prior) -> Decision {
    if let Prior::Same { head, reject } = prior {
        return again(head, reject);
    }
    let key = result.authentic.key();
    let r = result.result();
    let id = r.command;
    let flight = state.in_flight().get(&id);
    let checked = match flight {
        Some(flight) => settlement::check_result(state.trust(), flight, &key, r),
        None if prior == Prior::Different => Ok(()),
        None => Err(Reject::new(Code::UnknownCommand, format!("command {id} was never admitted"))),
    };
    let settlement = flight.map(|f| settlement::of_result(f.reserved, r.cost));
    let is_worker =
        state.trust().standing(&key).is_some_and(|s| s.is_active() && s.member.role == if_schemas::Role::Worker);
    let VerifiedResult { authentic, payload } = result;
    let envelope = authentic.into_envelope();
    match (checked, settlement) {
        (Err(reject), _) => refuse(envelope, Some(payload), reject, false),
        (Ok(()), Some(settlement)) => Decision::Append {
            body: Body::Completed { envelope, settlement },
            payload: Some(payload),
            verdict: Verdict::Accepted,
            then: Some(Action::AnnounceResult(id)),
        },
        (Ok(()), None) if is_worker => Decision::Append {
            body: Body::Late { envelope },
            payload: Some(payload),
            verdict: Verdict::Accepted,
            then: None,
        },
        (Ok(()), None) => {
            let reject = Reject::new(Code::WrongWorker, format!("the key {key} is no active worker's"));
            refuse(envelope, Some(payload), reject, false)
        }
    }
}

fn overdue(state: &State, command: CommandId) -> Decision {
    let Some(flight) = state.in_flight().get(&command) else {
        let reject = Reject::new(Code::AlreadySettled, format!("command {command} is not in flight"));
        return Decision::Answer { verdict: Verdict::Rejected(reject), head: None };
    };
    Decision::Append {
        body: Body::Unresolved {
            command,
            status: Status::Indeterminate,
            reason: "no result came before the deadline".into(),
            settlement: settlement::of_unknown(flight.reserved),
        },
        payload: None,
        verdict: Verdict::Accepted,
        then: Some(Action::AnnounceResult(command)),
    }
}

/// The first receipt once more.
fn again(head: Head, reject: Option<Reject>) -> Decision {
    let verdict = reject.map_or(Verdict::Accepted, Verdict::Rejected);
    Decision::Answer { verdict, head: Some(head) }
}

/// Refusals of authentic messages are logged, except of dry runs, which never are.
fn refuse(envelope: Envelope, payload: Option<Payload>, reject: Reject, dry_run: bool) -> Decision {
    let verdict = Verdict::Rejected(reject.clone());
    if dry_run {
        return Decision::Answer { verdict, head: None };
    }
    Decision::Append { body: Body::Rejected { envelope, reject }, payload, verdict, then: None }
}

fn id_reused(id: CommandId) -> Reject {
    Reject::new(Code::IdReused, format!("another message with the id {id} is already in the log"))
        .hint("every command needs an id of its own")
}
