//! vMix: TCP 8099 for functions and tally, HTTP 8088 for the XML state.
//!
//! On-air changes are `once`: a redelivered cut could put an input on air a second time, after somebody moved on. So are
//! toggles, steps (next, previous) and whatever adds or removes.

mod inputs;
mod media;
mod output;
pub mod program;
mod restore;

use crate::{Category, FieldSpec, OperationSpec, ParamKind, ProviderSpec};
use if_schemas::Effect;

/// Highest input number vMix accepts.
const INPUT_MAX: i64 = 1_000;
const PORT: ParamKind = ParamKind::Integer { min: 1, max: 65_535 };
/// How an input is named: its number, its key (GUID) or its title.
const INPUT: ParamKind = ParamKind::NumberOrName { max: INPUT_MAX };
const INPUT_HELP: &str = "number, key or exact title of the input";

/// vMix's functions, one a line, as its reference lists them; transitions are among them.
const FUNCTIONS: &str = include_str!("functions.txt");

/// Names of the functions vMix is known to have, sorted. They are case-sensitive.
pub fn functions() -> impl Iterator<Item = &'static str> + Clone {
    FUNCTIONS.lines()
}

pub fn spec() -> ProviderSpec {
    let operations = [program::operations(), inputs::operations(), media::operations(), output::operations()];
    ProviderSpec {
        id: "vmix".into(),
        display_name: "vMix".into(),
        category: Category::Studio,
        summary: "vMix live production software".into(),
        docs_url: None,
        maturity: None,
        checked_on: None,
        verify: None,
        instance: vec![
            FieldSpec::required("host", ParamKind::Text, "host name or address of the vMix computer"),
            FieldSpec::optional("port", PORT, Some("8088"), "HTTP port, for the XML state"),
            FieldSpec::optional("tcp_port", PORT, Some("8099"), "TCP API port, for functions and tally"),
        ],
        operations: operations.into_iter().flatten().collect(),
    }
    .with_live(&[("input", "inputs.*.title")])
    .with_restore(restore::table())
}

fn read(id: &str, summary: &str) -> OperationSpec {
    OperationSpec::new(id, Effect::Read, summary)
}
fn idempotent(id: &str, summary: &str) -> OperationSpec {
    OperationSpec::new(id, Effect::Idempotent, summary)
}
fn once(id: &str, summary: &str) -> OperationSpec {
    OperationSpec::new(id, Effect::Once, summary)
}

fn choice(words: &[&str]) -> ParamKind {
    ParamKind::Choice(words.iter().map(ToString::to_string).collect())
}

/// `--state on|off|toggle`.
fn switch(operation: OperationSpec, default: &str) -> OperationSpec {
    let help = "what it is to be; nothing is sent for a state that is there already";
    operation.optional("state", choice(&["on", "off", "toggle"]), Some(default), help)
}

/// Operations on one input.
fn of_input(operation: OperationSpec) -> OperationSpec {
    operation.required("input", INPUT, INPUT_HELP)
}

#[cfg(test)]
mod tests;
