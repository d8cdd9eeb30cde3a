//! `vmix.cut`, `vmix.fade`, `vmix.preview`: send one function, then read the state back until it shows the effect.

mod confirm;

use crate::{
    adapter::UNREACHABLE_HINT,
    endpoint::Endpoint,
    query::read_failure,
    session::{REPLY_TIMEOUT, RequestError, Session},
    state::{Input, State},
};
use confirm::{Readback, Seen, Watch};
use if_engine::{Call, Execution, ProgressSink};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// How long an effect that was there before must still be there to count: a function takes tens of milliseconds to act.
const SETTLE: Duration = Duration::from_millis(100);
/// Time that must be left after the effect to read it back.
const READ_ROOM: Duration = Duration::from_millis(100);
/// Existing inputs named when one does not exist.
const NEAREST_SHOWN: usize = 3;

/// Where the input is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Program,
    Preview,
}

/// One change, ready to be sent.
#[derive(Debug)]
struct Change {
    /// vMix's function name.
    name: &'static str,
    place: Place,
    target: Input,
    /// `Name` or `Name Input=…&…`.
    function: String,
    /// How long the effect takes by itself.
    takes: Duration,
}

impl Place {
    fn of(self, state: &State) -> Option<&Input> {
        match self {
            Place::Program => state.program_input(),
            Place::Preview => state.preview_input(),
        }
    }
    fn as_str(self) -> &'static str {
        match self {
            Place::Program => "program",
            Place::Preview => "preview",
        }
    }
}

impl Change {
    /// By key: numbers move when somebody moves an input.
    fn holds(&self, state: &State) -> bool {
        self.place.of(state).is_some_and(|input| input.key == self.target.key && input.number == self.target.number)
    }

    /// `Cut of input 2 "Camera 2"`
    fn label(&self) -> String {
        format!("{} of input {}", self.name, self.target.label())
    }

    /// `program is input 1 "Camera 1"`
    fn observed(&self, state: &State) -> String {
        let found = self.place.of(state).map_or("empty".into(), |input| format!("input {}", input.label()));
        format!("{} is {found}", self.place.as_str())
    }
}

/// Executes a change. Returns shortly after `until` at the latest.
pub async fn execute(
    endpoint: &Endpoint,
    session: &Session,
    call: &Call,
    until: Instant,
    progress: &ProgressSink,
) -> Execution {
    let before = match session.read_state(share(until, 2)).await {
        Ok(state) => state,
        Err(error) => return read_failure(&error),
    };
    let change = match plan(call, &before) {
        Ok(change) => change,
        Err(refused) => return refused,
    };
    if let Some(refused) = too_short(&change, until) {
        return refused;
    }
    let mut watch = Watch::new(session);
    let sent_at = Instant::now();
    let took = session.function(&change.function, share(until - change.takes, 2)).await;
    let answered = match took {
        Ok(()) => true,
        Err(RequestError::NotSent(error)) => {
            let message = format!("{} was not sent: {error}", change.label());
            return Execution::failed("unreachable", message, Some(UNREACHABLE_HINT));
        }
        Err(RequestError::Refused(text)) => {
            let message = format!("vMix refused {}: {text:?}", change.label());
            return Execution::failed("provider_error", message, Some("see vMix for why; nothing was changed"));
        }
        // It may have been carried out all the same: the state tells.
        Err(RequestError::NoReply(_) | RequestError::TimedOut | RequestError::State(_)) => false,
    };
    progress.report(format!("{} sent, reading the effect back", change.label()), None);
    let ends_at = sent_at + change.takes;
    let not_before = if change.holds(&before) { ends_at.max(Instant::now() + SETTLE) } else { ends_at };
    let mut readback = Readback::new(endpoint, session, answered);
    let seen = confirm::confirm(&change, &mut readback, &mut watch, not_before, until).await;
    conclude(&change, &before, seen, sent_at)
}

/// A moment that leaves `1/parts` of what is left until `until`, at most a reply's time away.
fn share(until: Instant, parts: u32) -> Instant {
    let now = Instant::now();
    now + (until.saturating_duration_since(now) / parts).min(REPLY_TIMEOUT)
}

fn plan(call: &Call, before: &State) -> Result<Change, Execution> {
    let (name, place) = match call.operation.as_str() {
        "vmix.fade" => ("Fade", Place::Program),
        "vmix.preview" => ("PreviewInput", Place::Preview),
        _ => ("Cut", Place::Program),
    };
    let asked = call.integer("input");
    let target = match asked {
        Some(number) => existing(before, number)?,
        None => before.preview_input().ok_or_else(nothing_on_preview)?,
    };
    let mut params = Vec::new();
    if asked.is_some() {
        params.push(format!("Input={}", target.number));
    }
    let mut takes = Duration::ZERO;
    if name == "Fade"
        && let Some(ms) = call.integer("duration").and_then(|ms| u64::try_from(ms).ok())
    {
        params.push(format!("Duration={ms}"));
        takes = Duration::from_millis(ms);
    }
    let function = if params.is_empty() { name.into() } else { format!("{name} {}", params.join("&")) };
    Ok(Change { name, place, target: target.clone(), function, takes })
}

fn existing(before: &State, number: i64) -> Result<&Input, Execution> {
    let wanted = u32::try_from(number).unwrap_or(u32::MAX);
    before.input(wanted).ok_or_else(|| {
        let hint = match before.inputs.len() {
            0 => "vMix has no inputs: add one first".into(),
            count => format!("vMix has {count} inputs; nearest: {}", before.nearest(wanted, NEAREST_SHOWN)),
        };
        Execution::failed("not_found", format!("vMix has no input {number}; nothing was sent"), Some(&hint))
    })
}

fn nothing_on_preview() -> Execution {
    Execution::failed(
        "not_found",
        "nothing is on preview that could be put on program; nothing was sent",
        Some("name an input with --input, or put one on preview first"),
    )
}

/// A fade that would end after the deadline could neither be confirmed nor called failed.
fn too_short(change: &Change, until: Instant) -> Option<Execution> {
    let left = until.saturating_duration_since(Instant::now());
    let needed = change.takes.saturating_add(READ_ROOM);
    (left < needed).then(|| {
        let message = format!(
            "{} takes {} ms and {} ms are left until the deadline; nothing was sent",
            change.label(),
            needed.as_millis(),
            left.as_millis()
        );
        Execution::failed("deadline_too_short", message, Some("give a longer --deadline or a shorter duration"))
    })
}

fn conclude(change: &Change, before: &State, seen: Seen, sent_at: Instant) -> Execution {
    let elapsed_ms = u64::try_from(sent_at.elapsed().as_millis()).unwrap_or(u64::MAX);
    match seen {
        Seen::Effect { state, by } => Execution::Succeeded(json!({
            "program": state.program,
            "preview": state.preview,
            "input": change.target.reference(),
            "previous_program": before.program_input().map(Input::reference),
            "changed": !change.holds(before),
            "confirmed_by": by.as_str(),
            "observed_ms": elapsed_ms,
        })),
        Seen::NoEffect { state } => Execution::failed(
            "not_confirmed",
            format!("{} was sent, but after {elapsed_ms} ms {}", change.label(), change.observed(&state)),
            Some("see vMix: somebody else may have changed it, or the function had no effect"),
        ),
        Seen::Nothing { why } => Execution::indeterminate(
            "no_readback",
            format!("{} was sent, and whether it took effect could not be read back: {why}", change.label()),
            Some("look at vMix before repeating: the change may have been made"),
        ),
    }
}
