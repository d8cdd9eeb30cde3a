//! Which input a number, key or title means. What does not exist is refused before anything is sent, with what is near.

use crate::state::{Input, State, labels, shown};
use if_engine::{Call, Execution};
use if_manifest::args::nearest;
use serde_json::Value;

/// Existing inputs named when one does not exist.
const NEAREST_SHOWN: usize = 3;

/// The input that the argument `input` names; none where it is not given.
pub fn optional<'a>(call: &Call, state: &'a State) -> Result<Option<&'a Input>, Execution> {
    call.args.get("input").map(|named| input(named, state)).transpose()
}

/// The same where the operation needs one.
pub fn required<'a>(call: &Call, state: &'a State) -> Result<&'a Input, Execution> {
    let missing =
        || Execution::failed("bad_argument", "no input is named; nothing was sent", Some("name one with --input"));
    optional(call, state)?.ok_or_else(missing)
}

fn input<'a>(named: &Value, state: &'a State) -> Result<&'a Input, Execution> {
    match named {
        Value::String(name) => by_name(name, state),
        number => by_number(number.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0), state),
    }
}

fn by_number(number: u32, state: &State) -> Result<&Input, Execution> {
    state.input(number).ok_or_else(|| {
        let hint = match state.inputs.len() {
            0 => "vMix has no inputs: add one first".into(),
            count => format!("vMix has {count} inputs; nearest: {}", state.nearest(number, NEAREST_SHOWN)),
        };
        Execution::failed("not_found", format!("vMix has no input {number}; nothing was sent"), Some(&hint))
    })
}

fn by_name<'a>(name: &str, state: &'a State) -> Result<&'a Input, Execution> {
    if let Some(input) = state.inputs.iter().find(|i| !i.key.is_empty() && i.key.eq_ignore_ascii_case(name)) {
        return Ok(input);
    }
    let called: Vec<&Input> = state.inputs.iter().filter(|i| i.is_called(name)).collect();
    match called.as_slice() {
        [one] => Ok(one),
        [] => Err(no_such(name, state)),
        several => Err(Execution::failed(
            "not_found",
            format!("{} inputs are called {:?}; nothing was sent", several.len(), shown(name)),
            Some(&format!("name one by its number or key: {}", labels(several.iter().copied(), NEAREST_SHOWN))),
        )),
    }
}

fn no_such(name: &str, state: &State) -> Execution {
    let near = near_inputs(name, state);
    let hint = match state.inputs.len() {
        0 => "vMix has no inputs: add one first".into(),
        count => format!("vMix has {count} inputs; nearest: {near}"),
    };
    let message = format!("vMix has no input called {:?}; nothing was sent", shown(name));
    Execution::failed("not_found", message, Some(&hint))
}

/// The inputs whose titles are most like a name; the first ones where none is like it.
fn near_inputs(name: &str, state: &State) -> String {
    let mut left: Vec<&Input> = state.inputs.iter().collect();
    let mut near = Vec::new();
    while near.len() < NEAREST_SHOWN {
        let Some(title) = nearest(name, left.iter().map(|i| i.title.as_str())) else { break };
        let (like, rest) = left.into_iter().partition(|i| i.title == title);
        near.extend::<Vec<&Input>>(like);
        left = rest;
    }
    if near.is_empty() { labels(&state.inputs, NEAREST_SHOWN) } else { labels(near, NEAREST_SHOWN) }
}

/// Refuses a name that is not among those there are, with the nearest.
pub fn known<'a>(what: &str, name: &str, there: impl Iterator<Item = &'a str> + Clone) -> Result<(), Execution> {
    if there.clone().any(|known| known == name) {
        return Ok(());
    }
    let hint = match nearest(name, there.clone()) {
        Some(near) => format!("did you mean {:?}?", shown(&near)),
        None => {
            let all: Vec<String> = there.take(NEAREST_SHOWN).map(|n| format!("{:?}", shown(n))).collect();
            if all.is_empty() { format!("there is no {what} at all") } else { format!("there is {}", all.join(", ")) }
        }
    };
    Err(Execution::failed("not_found", format!("there is no {what} {:?}; nothing was sent", shown(name)), Some(&hint)))
}
