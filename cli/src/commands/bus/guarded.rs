//! Steps that policies cover get their guardians before the plan is signed: so the run asks for them in time.

use super::plan::ask;
use crate::{CliError, client::Client, clock};
use if_schemas::{
    Code, Name, Plan, Policy, SigningKey, TraceId, Trust,
    plan::{Args, Call, Step},
};

/// Sets the guard of each step that a policy covers and that has none of its own. The broker says which ones those are:
/// whether something is above a policy's amount depends on prices that it knows.
pub async fn set(client: &mut Client, key: &SigningKey, plan: &mut Plan) -> Result<(), CliError> {
    client.refresh_trust().await?;
    let trust = client.trust.trust().clone();
    let trace = TraceId::from_bytes(clock::random()?);
    for step in plan.steps.iter_mut().filter(|step| step.skip.is_none() && step.guard.is_none()) {
        let Some(call) = step.call() else { continue };
        let covering = covering(&trust, call);
        let Some((_, first)) = covering.first() else { continue };
        let (_, refused) = ask(client, key, trace, call).await?;
        if refused.is_none_or(|reject| reject.code != Code::ApprovalMissing) {
            continue;
        }
        check(step, call, &covering)?;
        step.guard = Some(first.guard.clone());
    }
    Ok(())
}

fn covering<'a>(trust: &'a Trust, call: &Call) -> Vec<(&'a Name, &'a Policy)> {
    let Call { operation, target, effect, .. } = call;
    let covers = |policy: &Policy| policy.covers(*effect, operation, &target.provider, &target.instance);
    trust.policies().filter(|(_, policy)| covers(policy)).collect()
}

/// A step has one guard, and its command is known before the run.
fn check(step: &Step, call: &Call, covering: &[(&Name, &Policy)]) -> Result<(), CliError> {
    let names: Vec<&str> = covering.iter().map(|(name, _)| name.as_str()).collect();
    if covering.iter().any(|(_, policy)| policy.guard != covering[0].1.guard) {
        let text = format!("step {}: the policies {} ask different guardians", step.id, names.join(", "));
        return Err(CliError::usage(text, "make one policy of them, or give the step an `approve` that all accept"));
    }
    if matches!(call.args, Args::Open(_)) {
        let text =
            format!("step {}: the policy {} covers it, and what it does is known only in the run", step.id, names[0]);
        return Err(CliError::usage(text, "give its arguments as values"));
    }
    Ok(())
}
