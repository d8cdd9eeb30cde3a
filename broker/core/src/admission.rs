//! The checks a verified command passes, in order. Each step's output is a type the next one needs.

// A refusal hands the command back to be logged; boxing it would cost the good case an allocation.
#![allow(clippy::result_large_err)]

use crate::{
    State, VerifiedCommand,
    budget::{Hold, Spender},
    decide::Served,
    guards,
    pricing::{self, Pricing},
    runs::{Held, Share, StepKey},
    settlement,
};
use if_schemas::{
    Body, Code, Command, KeyId, Money, Name, Payload, Reject, Timestamp,
    finance::Estimate,
    limits::{CLOCK_SKEW_MAX_US, DEADLINE_MAX_US},
    plan::Phase,
    price::Quote,
};

/// A command its signer may send, now.
pub(crate) struct AuthorizedCommand(VerifiedCommand);

/// A command that somebody serves and whose worst-case cost is reserved.
pub(crate) struct AdmittedCommand {
    command: VerifiedCommand,
    worker: Name,
    price: Price,
}

/// What a command may cost, and the budgets that hold it.
struct Price {
    reserved: Money,
    quote: Option<Quote>,
    holds: Vec<Hold>,
}

pub(crate) fn authorize(
    state: &State,
    now: Timestamp,
    command: VerifiedCommand,
) -> Result<AuthorizedCommand, (VerifiedCommand, Reject)> {
    let c = command.command();
    let checked =
        may_send(state, &command.authentic.key(), c, now).and_then(|()| check_times(now, c.issued_at, c.deadline));
    let checked = checked.and_then(|()| command.payload.cause().map_or(Ok(()), |cause| cause.check()));
    match checked {
        Ok(()) => Ok(AuthorizedCommand(command)),
        Err(reject) => Err((command, reject)),
    }
}

/// By a grant of its own, or by the order of a run. Also what [`State::apply`] checks.
pub(crate) fn may_send(state: &State, signer: &KeyId, c: &Command, at: Timestamp) -> Result<(), Reject> {
    match &c.run {
        None => state.trust().authorize(signer, c),
        Some(step) => state.runs().authorize(state.trust(), signer, c, step, at).map(|_| ()),
    }
}

/// Whose budgets a command falls under: who ordered the run, where it is part of one.
pub(crate) fn payer<'a>(state: &'a State, signer: &KeyId, c: &Command) -> Result<&'a Name, Reject> {
    let key = match &c.run {
        None => *signer,
        Some(step) => state.runs().known(&step.run)?.operator(),
    };
    state.trust().claimed_name(&key)
}

impl AuthorizedCommand {
    /// Finds who executes it, what it may cost, and room for that in every budget it falls under.
    pub(crate) fn reserve(
        self,
        state: &State,
        now: Timestamp,
        served: Served,
        pricing: Pricing,
    ) -> Result<AdmittedCommand, (VerifiedCommand, Reject)> {
        let c = self.0.command();
        let checked = check_served(c, served).and_then(|worker| {
            // Presence may be older than the newest change of trust.
            state.trust().authorize_node(&worker, &c.provider, &c.instance)?;
            let price = price(state, now, &self.0, pricing)?;
            guards::check(state, c, price.quote.as_ref(), now)?;
            Ok((worker, price))
        });
        match checked {
            Ok((worker, price)) => Ok(AdmittedCommand { command: self.0, worker, price }),
            Err(reject) => Err((self.0, reject)),
        }
    }
}

impl AdmittedCommand {
    pub(crate) fn into_body(self) -> (Body, Payload) {
        let VerifiedCommand { authentic, payload } = self.command;
        let envelope = authentic.into_envelope();
        let Price { reserved, quote, .. } = self.price;
        (Body::Admitted { envelope, worker: self.worker, reserved, quote }, payload)
    }
    /// None where the operation is free.
    pub(crate) fn estimate(&self, state: &State) -> Option<Estimate> {
        let Price { reserved, quote, holds } = &self.price;
        let budgets = state.budgets().left(holds);
        quote.clone().map(|quote| Estimate { reserved: *reserved, quote, budgets })
    }
    pub(crate) fn is_dry_run(&self) -> bool {
        self.command.command().dry_run
    }
}

fn price(state: &State, now: Timestamp, command: &VerifiedCommand, pricing: Pricing) -> Result<Price, Reject> {
    let c = command.command();
    let quote = pricing::quote(state.book(), &c.provider, &c.operation, pricing)?;
    let Some(quote) = quote else { return Ok(Price { reserved: Money::FREE, quote, holds: Vec::new() }) };
    let reserved = quote.worst_case().map_err(|e| Reject::new(Code::PriceUnknown, e.to_string()))?;
    if !state.ledger().has_room(reserved) {
        return Err(Reject::new(Code::PriceUnknown, format!("{reserved} more cannot be counted")));
    }
    let operator = payer(state, &command.authentic.key(), c)?;
    let spender = Spender::of(c, operator, reserved);
    let holds = plan(state, c, &spender, now)?;
    share(state, c, reserved)?;
    Ok(Price { reserved, quote: Some(quote), holds })
}

/// The holds of a command. What its run keeps for the step is free for it.
pub(crate) fn plan(state: &State, c: &Command, spender: &Spender<'_>, at: Timestamp) -> Result<Vec<Hold>, Reject> {
    match kept(state, c) {
        None => state.budgets().plan(spender, state.book(), at),
        Some(held) => {
            let mut budgets = state.budgets().clone();
            let freed = budgets.settle(&held.holds, &settlement::of_nothing(held.reserved));
            freed.map_err(|e| Reject::new(Code::BudgetExceeded, e.to_string()))?;
            budgets.plan(spender, state.book(), at)
        }
    }
}

/// What the run of a command keeps for its step.
pub(crate) fn kept<'a>(state: &'a State, c: &Command) -> Option<&'a Held> {
    let step = c.run.as_ref().filter(|step| step.phase == Phase::Do)?;
    state.runs().get(&step.run)?.held(step.step)
}

/// The part of a command in its run; refused if the run would cost more than it may.
pub(crate) fn share(state: &State, c: &Command, reserved: Money) -> Result<Option<Share>, Reject> {
    let Some(step) = &c.run else { return Ok(None) };
    let run = state.runs().known(&step.run)?;
    let amount = match run.order().max_cost {
        None => Money::FREE,
        Some(cap) => state.book().convert(reserved, cap.currency)?,
    };
    run.check_cap(amount)?;
    Ok(Some(Share { run: step.run, key: StepKey::of(step), amount_micros: amount.amount_micros }))
}

/// Also for trust changes: both carry an issue time and a deadline.
pub(crate) fn check_times(now: Timestamp, issued: Timestamp, deadline: Timestamp) -> Result<(), Reject> {
    let skew = now.since_us(issued);
    let life = deadline.since_us(issued);
    if !(1..=DEADLINE_MAX_US).contains(&life) {
        return Err(Reject::new(
            Code::BadDeadline,
            format!("the deadline is {} ms after the issue time", life / 1_000),
        )
        .hint("use a deadline between now and 24 h"));
    }
    if now > deadline {
        return Err(Reject::new(
            Code::Expired,
            format!("its deadline passed {} ms ago", now.since_us(deadline) / 1_000),
        )
        .hint("send it again; a longer --deadline gives it more time"));
    }
    if skew.abs() > CLOCK_SKEW_MAX_US {
        let (seconds, side) = (skew.abs() / 1_000_000, if skew > 0 { "behind" } else { "ahead of" });
        return Err(Reject::new(Code::ClockSkew, format!("it was issued {seconds} s {side} the broker's clock"))
            .hint("set the clock of the sending machine (NTP); at most 30 s are tolerated"));
    }
    Ok(())
}

/// What to type to add the instance of a command: `vmix add studio`, `chat add telegram mychannel`.
fn add_command(c: &Command) -> String {
    let family = c.operation.as_str().split('.').next().unwrap_or_default();
    match family == c.provider.as_str() {
        true => format!("{family} add {}", c.instance),
        false => format!("{family} add {} {}", c.provider, c.instance),
    }
}

/// The member that will execute it.
fn check_served(c: &Command, served: Served) -> Result<Name, Reject> {
    let target = format!("{}/{}", c.provider, c.instance);
    match served {
        Served::Nobody { known } => {
            let hint = match known {
                Some(nearest) => format!("did you mean {nearest}? `ifctl node list` shows what is served"),
                None => format!("start a worker that has {target}, or add it: `ifctl {}`", add_command(c)),
            };
            Err(Reject::new(Code::NoWorker, format!("no live worker serves {target}")).hint(hint))
        }
        Served::By { effect: None, .. } => {
            Err(Reject::new(Code::UnknownOperation, format!("the worker of {target} does not know {}", c.operation))
                .hint("the worker may be older than this CLI: compare `ifctl node list`"))
        }
        Served::By { effect: Some(effect), .. } if effect != c.effect => Err(Reject::new(
            Code::EffectMismatch,
            format!("{} is signed as {:?} but is {effect:?}", c.operation, c.effect),
        )
        .hint("the CLI and the worker are of different versions: update the older one")),
        Served::By { worker, .. } => Ok(worker),
    }
}
