//! Changes of runs, and what the broker itself says of them.

use super::{Action, Asked, Decision, Prior, again, id_reused, refuse};
use crate::{State, VerifiedRun, admission::check_times, pricing, runs::keep};
use if_schemas::{
    Body, Code, CommandId, KeyId, Order, Reject, RunOp, Target, Timestamp,
    head::Verdict,
    run::{Outcome, Reserve, StepQuote},
};

pub(super) fn change(state: &State, now: Timestamp, change: VerifiedRun, prior: Prior, asked: Vec<Asked>) -> Decision {
    let c = change.change();
    let (key, id) = (change.authentic.key(), c.id);
    match prior {
        Prior::Same { head, reject } => return again(head, reject),
        Prior::Different => return refuse(change.authentic.into_envelope(), change.payload, id_reused(id), false),
        Prior::Nothing => {}
    }
    let checked = check_times(now, c.issued_at, c.deadline)
        .and_then(|()| state.runs().check(state.trust(), &key, c, now))
        .and_then(|()| match &c.op {
            RunOp::Start(order) => quotes(state, now, &key, order, asked),
            _ => Ok(Vec::new()),
        });
    let VerifiedRun { authentic, payload, .. } = change;
    let envelope = authentic.into_envelope();
    match checked {
        Ok(quotes) => Decision::Append {
            body: Body::Run { envelope, quotes },
            payload,
            verdict: Verdict::Accepted,
            then: Some(Action::RunChanged),
        },
        Err(reject) => refuse(envelope, payload, reject, false),
    }
}

/// What is kept for the steps of an order.
fn quotes(
    state: &State,
    now: Timestamp,
    signer: &KeyId,
    order: &Order,
    asked: Vec<Asked>,
) -> Result<Vec<StepQuote>, Reject> {
    if order.reserve == Reserve::Step {
        return Ok(Vec::new());
    }
    let operator = state.trust().claimed_name(signer)?;
    let mut quotes = Vec::new();
    for Asked { step, operation, target, is_served, pricing } in asked {
        let quote = pricing::quote(state.book(), &target.provider, &operation, pricing);
        let quote = quote.map_err(|reject| if is_served { reject } else { nobody_tells(step, &target) })?;
        if let Some(quote) = quote {
            quotes.push(StepQuote { step, operation, target, quote });
        }
    }
    let (mut budgets, mut ledger) = (state.budgets().clone(), state.ledger().clone());
    keep((state.book(), &mut budgets, &mut ledger), (operator, order), &quotes, now)?;
    Ok(quotes)
}

fn nobody_tells(step: u32, target: &Target) -> Reject {
    Reject::new(Code::NoWorker, format!("no live worker serves {target}, so nobody tells what step {step} costs"))
        .hint("see `ifctl node list`; with --reserve step each step is reserved when its turn comes")
}

pub(super) fn lease(state: &State, now: Timestamp, run: CommandId) -> Decision {
    own_word(state.runs().check_lease(&run, now), Body::Lease { run })
}

pub(super) fn over(state: &State, now: Timestamp, run: CommandId) -> Decision {
    match state.runs().ending(&run, now) {
        Some((outcome, by)) => own_word(Ok(()), Body::RunOver { run, outcome, by }),
        None => own_word(
            Err("a run that goes on was to be ended"),
            Body::RunOver { run, outcome: Outcome::Expired, by: None },
        ),
    }
}

fn own_word(checked: Result<(), &'static str>, body: Body) -> Decision {
    match checked {
        Ok(()) => Decision::Append { body, payload: None, verdict: Verdict::Accepted, then: Some(Action::RunChanged) },
        Err(why) => Decision::Answer { verdict: Verdict::Rejected(Reject::new(Code::BadRunChange, why)), head: None },
    }
}
