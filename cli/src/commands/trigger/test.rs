//! `trigger test`: what a rule sees now, and whether its command would be admitted. Nothing happens.

use super::sign;
use crate::{
    CliError,
    client::Client,
    commands::{
        bus, instance,
        operate::{Report, Request, execute_as},
    },
    context::Context,
    output::value,
};
use if_home::{
    Home, keys, plans,
    triggers::{CONNECTION, Call, Run, StateMatch, Watch},
};
use if_schemas::{Name, SigningKey, query};
use serde_json::{Value, json};

/// What one expression is right now.
struct Look {
    text: String,
    /// None where nobody knows.
    value: Option<Value>,
    /// None where there is nothing to hold, or nobody knows.
    holds: Option<bool>,
}

pub fn run(context: &Context, name: &Name) -> Result<(), CliError> {
    let home = context.home()?;
    let trigger = super::load(&home, name)?;
    let key = keys::read(&home.key_file(sign::member_of(name)?.as_str()))
        .map_err(|e| CliError::from(e).hint(format!("`ifctl trigger allow {name}` makes a key for it")))?;
    let (on, conditions) = context.with_client(async |client| {
        let on = match &trigger.on {
            Watch::State(state) => Some(look(client, state).await?),
            Watch::Result(_) => None,
        };
        let mut conditions = Vec::new();
        for condition in &trigger.conditions {
            conditions.push(look(client, condition).await?);
        }
        Ok((on, conditions))
    })?;
    let error_of = match &trigger.run {
        Run::Command(call) => dry_run(context, call, key)?.error,
        Run::Profile(_) => refused_step(context, &home, name, &key)?,
    };
    let open = conditions.iter().all(|c| c.holds == Some(true));
    if context.out.is_json() {
        context.out.document(&json!({
            "trigger": name, "on": on.as_ref().map(Look::document), "would_fire": open && error_of.is_none(),
            "conditions": conditions.iter().map(Look::document).collect::<Vec<_>>(),
            "admission": {
                "status": if error_of.is_none() { "would_accept" } else { "rejected" },
                "error": error_of.as_ref().map(error),
            },
        }))?;
    } else {
        let lines = on.iter().chain(&conditions).map(Look::line).chain([match &trigger.on {
            Watch::Result(_) => format!("on {}: fires at the end of such a command", trigger.on),
            Watch::State(_) => String::new(),
        }]);
        let admission = match &error_of {
            None => format!("{} would be admitted", trigger.run),
            Some(e) => format!("{} would be refused: {}", trigger.run, e.message),
        };
        let text: Vec<String> = lines.filter(|l| !l.is_empty()).chain([admission]).collect();
        context.out.text(&text.join("\n"))?;
    }
    match error_of {
        Some(error) => Err(if context.out.is_json() { error.printed() } else { error }),
        None => Ok(()),
    }
}

fn error(e: &CliError) -> Value {
    json!({"code": e.code, "message": e.message, "hint": e.hint})
}

/// Why a command of its plan would be refused, if one would.
fn refused_step(context: &Context, home: &Home, name: &Name, key: &SigningKey) -> Result<Option<CliError>, CliError> {
    let (plan, _) = plans::read(&home.trigger_plan_file(&sign::member_of(name)?))?;
    let refused = context.with_client(async |client| bus::refusals(client, key, &plan).await)?;
    Ok(refused.into_iter().next().map(|(step, reject)| {
        CliError::new(crate::Exit::Rejected, format!("step {step}: {reject}"))
            .code(reject.code.as_str())
            .hint_opt(reject.hint)
    }))
}

fn dry_run(context: &Context, call: &Call, key: SigningKey) -> Result<Report, CliError> {
    let (operation, target) = (&call.operation, &call.target);
    let unknown = || CliError::usage(format!("there is no operation {operation}"), "see `ifctl provider list`");
    let provider = context.catalog.provider(target.provider.as_str()).ok_or_else(unknown)?;
    let spec = provider.operation(operation.as_str()).ok_or_else(unknown)?;
    let args = spec.check(&call.args).map_err(|e| CliError::usage(e.to_string(), "mend the rule's `args`"))?;
    let globals = crate::context::Globals { dry_run: true, ..context.globals.clone() };
    let asking = Context { globals, ..*context };
    execute_as(&asking, &Request { provider: &provider, operation: spec, instance: target.instance.clone(), args }, key)
}

async fn look(client: &mut Client, state: &StateMatch) -> Result<Look, CliError> {
    let target = &state.target;
    let value = if state.path == CONNECTION {
        let live = instance::live_of_nodes(client.query(query::NODES).await?);
        let here = live.into_iter().find(|l| l.provider == target.provider && l.instance == target.instance);
        here.map(|l| Value::from(l.state.as_str()))
    } else {
        let mut now = client.state_of(&target.provider, &target.instance).await?;
        now.fresh.then(|| now.values.remove(&state.path).unwrap_or(Value::Null))
    };
    let holds = value.as_ref().and_then(|v| Some(state.test.as_ref()?.holds(v)));
    Ok(Look { text: state.to_string(), value, holds })
}

impl Look {
    fn document(&self) -> Value {
        json!({"expression": self.text, "value": self.value, "known": self.value.is_some(), "holds": self.holds})
    }

    fn line(&self) -> String {
        let now = self.value.as_ref().map_or("not known".to_string(), value::scalar);
        let holds = match self.holds {
            Some(true) => ", it holds",
            Some(false) => ", it does not hold",
            None => "",
        };
        value::printable(&format!("{}: now {now}{holds}", self.text))
    }
}
