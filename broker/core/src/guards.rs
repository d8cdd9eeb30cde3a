//! Policies of trust: what guardians must agree to, whoever sends it and however it was ordered.

use crate::{State, runs};
use if_schemas::{Code, Command, Name, Policy, Reject, Timestamp, policy::at_stake, price::Quote};

/// Refuses a command that a policy covers, unless it is a step of a run that the guardians of each such policy agreed to.
/// Also what [`State::apply`] checks.
pub(crate) fn check(state: &State, c: &Command, quote: Option<&Quote>, at: Timestamp) -> Result<(), Reject> {
    let covers = |policy: &Policy| policy.covers(c.effect, &c.operation, &c.provider, &c.instance);
    for (name, policy) in state.trust().policies().filter(|(_, policy)| covers(policy)) {
        if is_above(state, policy, quote) {
            check_one(state, c, (name, policy), at)?;
        }
    }
    Ok(())
}

/// What cannot be compared counts as more.
fn is_above(state: &State, policy: &Policy, quote: Option<&Quote>) -> bool {
    let Some(above) = policy.above else { return true };
    let Some(stake) = at_stake(quote) else { return false };
    state.book().convert(stake, above.currency).map_or(true, |stake| stake.amount_micros > above.amount_micros)
}

fn check_one(state: &State, c: &Command, (name, policy): (&Name, &Policy), at: Timestamp) -> Result<(), Reject> {
    let Some(step) = &c.run else {
        let names: Vec<&str> = policy.guard.of.keys().map(Name::as_str).collect();
        let text = format!(
            "{} is guarded by the policy {name}: {} of {} must agree first",
            c.operation,
            policy.guard.need,
            names.join(", ")
        );
        return Err(Reject::new(Code::ApprovalMissing, text)
            .hint("ask them with `ifctl guard request COMMAND…`, or make it a step of a profile"));
    };
    let run = state.runs().known(&step.run)?;
    runs::check_votes(run, state.trust(), (c, step), &policy.guard, at)
}
