//! Changes of runs, and what the broker itself says of them.

use super::{Action, Asked, Decision, Prior, again, id_reused, refuse};
use crate::{State, VerifiedRun, admission::check_times, budget::Spender, pricing};
use if_schemas::{
    Body, Code, CommandId, KeyId, Order, Reject, RunOp, Target, Timestamp,
    head::Verdict,
    limits::RUN_QUOTES_MAX,
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
    let VerifiedRun { authentic, payload } = change;
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

/// What is kept for the steps of an order, all together within every budget.
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
    let (mut budgets, mut ledger) = (state.budgets().clone(), state.ledger().clone());
    let mut quotes = Vec::new();
    let mut total: i128 = 0;
    for Asked { step, operation, target, pricing } in asked {
        let Some(quote) = pricing::quote(state.book(), &target.provider, &operation, pricing)? else { continue };
        let reserved = quote.worst_case().map_err(|e| Reject::new(Code::PriceUnknown, e.to_string()))?;
        let Target { provider, instance } = &target;
        let session = order.session.as_ref();
        let spender = Spender { operation: &operation, provider, instance, operator, session, reserved };
        let holds = budgets.plan(&spender, state.book(), now)?;
        let uncountable = |what: String| Reject::new(Code::BudgetExceeded, what);
        budgets.hold(&holds).map_err(|e| uncountable(e.to_string()))?;
        ledger.reserve(reserved).map_err(|e| uncountable(e.to_string()))?;
        if let Some(cap) = order.max_cost {
            total += i128::from(state.book().convert(reserved, cap.currency)?.amount_micros);
            if total > i128::from(cap.amount_micros) {
                let text = format!("up to step {step} the run may cost more than its limit of {cap}");
                return Err(Reject::new(Code::CostCapExceeded, text)
                    .hint("raise --max-cost, or see what each step may cost with --plan"));
            }
        }
        quotes.push(StepQuote { step, operation, target, quote });
    }
    if quotes.len() > RUN_QUOTES_MAX {
        let text =
            format!("{} steps cost something, for {RUN_QUOTES_MAX} it can be reserved at the start", quotes.len());
        return Err(Reject::new(Code::TooLarge, text).hint("use --reserve step"));
    }
    Ok(quotes)
}

pub(super) fn lease(state: &State, run: CommandId) -> Decision {
    own_word(state.runs().check_lease(&run), Body::Lease { run })
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
