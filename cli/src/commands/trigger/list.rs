//! `trigger list`: the rules, and what each did last.

use super::log::{self, Firing};
use crate::{
    CliError,
    context::Context,
    output::{Style, table, value},
};
use if_home::{
    Home, HomeError, Trigger,
    triggers::{self, Run},
};
use if_schemas::{Code, Name};
use serde_json::{Value, json};

struct Row {
    name: Name,
    trigger: Result<Trigger, HomeError>,
    has_key: bool,
    /// A worker says that it follows it.
    armed: bool,
    last: Option<Firing>,
}

pub fn run(context: &Context) -> Result<(), CliError> {
    let home = context.home()?;
    let rules = super::load_all(&home)?;
    let names: Vec<Name> = rules.keys().cloned().collect();
    let asked = log::newest(context, &home, &names);
    let fabric_up = asked.is_some();
    let (last, now) = asked.unwrap_or_default();
    let last = last.into_iter().chain(std::iter::repeat_with(|| None));
    let row = |((name, trigger), last): ((Name, _), _)| {
        let armed = now.armed.contains(name.as_str());
        Row { has_key: has_key(&home, &name), armed, name, trigger, last }
    };
    let rows: Vec<Row> = rules.into_iter().zip(last).map(row).collect();
    if context.out.is_json() {
        let rows: Vec<Value> = rows.iter().map(Row::document).collect();
        return context.out.document(&json!({"fabric_up": fabric_up, "triggers": rows}));
    }
    if rows.is_empty() {
        return context.out.text("There are no triggers. `ifctl on --help` tells how to make one.");
    }
    if !fabric_up {
        context.out.note("The fabric is not reachable: what they did last is not known.");
    }
    now.complaints.iter().for_each(|c| context.out.warning(&value::printable(c)));
    context.out.text(&render(context.out.style(), &rows))
}

fn has_key(home: &Home, name: &Name) -> bool {
    triggers::member_name(name).is_some_and(|member| home.key_file(member.as_str()).exists())
}

impl Row {
    fn state(&self) -> &'static str {
        let looped = self.last.as_ref().is_some_and(|l| l.row.code.as_deref() == Some(Code::TriggerLoop.as_str()));
        match &self.trigger {
            Err(_) => "wrong",
            Ok(trigger) if !trigger.enabled => "disabled",
            Ok(_) if !self.has_key => "no key",
            Ok(_) if self.armed => "armed",
            Ok(_) if looped => "stopped (loop)",
            Ok(_) => "not armed",
        }
    }

    fn document(&self) -> Value {
        let mut row = json!({
            "trigger": self.name, "state": self.state(), "last": self.last.as_ref().map(Firing::document),
        });
        match &self.trigger {
            Ok(t) => {
                row["on"] = json!(t.on.to_string());
                row["if"] = t.conditions.iter().map(ToString::to_string).collect();
                row["debounce_ms"] = json!(u64::try_from(t.debounce.as_millis()).ok());
                row["cooldown_ms"] = json!(u64::try_from(t.cooldown.as_millis()).ok());
                row["run"] = match &t.run {
                    Run::Command(c) => {
                        json!({"operation": c.operation, "instance": c.target.to_string(), "args": c.args})
                    }
                    Run::Profile(p) => json!({"profile": p.name, "set": p.set}),
                };
            }
            Err(e) => row["error"] = json!({"message": e.message(), "hint": e.hint()}),
        }
        row
    }
}

fn render(style: Style, rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let (on, run) = match &row.trigger {
            Ok(t) => (when(t), command(t)),
            Err(e) => (value::printable(&e.message()), "-".into()),
        };
        let last = row.last.as_ref().map_or("-".into(), |l| format!("{} {}", value::time(l.row.at), l.outcome()));
        vec![row.name.to_string(), row.state().into(), on, run, last]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    table::table(style, &["TRIGGER", "STATE", "ON", "RUNS", "LAST (UTC)"], &rows, Some(1))
}

fn when(t: &Trigger) -> String {
    let conditions: String = t.conditions.iter().map(|c| format!(" if {c}")).collect();
    value::printable(&format!("{}{conditions}", t.on))
}

fn command(t: &Trigger) -> String {
    let text = match &t.run {
        Run::Command(c) => {
            let args: String = c.args.iter().map(|(name, v)| format!(" {name}={}", value::scalar(v))).collect();
            format!("{} {}{args}", c.operation, c.target)
        }
        Run::Profile(p) => {
            let set: String = p.set.iter().map(|(name, v)| format!(" {name}={v}")).collect();
            format!("profile {}{set}", p.name)
        }
    };
    value::printable(&text)
}
