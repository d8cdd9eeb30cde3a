//! The state a change is to bring about, as data: the event that tells of it and the request that reads it back.

use crate::{
    documents::SceneList,
    limits::{NUMBER_TOLERANCE, QUOTE_MAX},
    protocol::Event,
    session::{Kind, Output, Phase, RequestError, Session},
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// One read-back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub reached: bool,
    /// False while OBS names the wanted state but is still on its way to it.
    pub settled: bool,
    /// What is there instead (or too), in words.
    pub observed: String,
}

impl Reading {
    /// Of a state that has no way to it.
    pub fn at_once(reached: bool, observed: String) -> Self {
        Self { reached, settled: true, observed }
    }
}

type Judge = Box<dyn Fn(&Value) -> Reading + Send + Sync>;

/// An event that tells something, by its type and some of its fields.
struct Sign {
    kind: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl Sign {
    fn is(&self, event: &Event) -> bool {
        let fits = |(name, value): &(&str, Value)| event.data.get(*name).is_some_and(|seen| holds(value, seen));
        event.kind == self.kind && self.fields.iter().all(fits)
    }
}

/// What reading back alone cannot tell.
enum Beside {
    Nothing,
    /// A transition that still runs.
    Transition,
    /// An output that is stopping still says that it is active.
    Phase {
        output: Output,
        not: Phase,
    },
}

/// The state a change is to bring about.
pub struct Wanted {
    words: String,
    request: Kind,
    data: Value,
    judge: Judge,
    beside: Beside,
    signs: Vec<Sign>,
    counter_signs: Vec<Sign>,
    needs_event: bool,
    patient: bool,
}

impl Wanted {
    /// `words` go with "wanted". `request` with `data` reads the state, `judge` says what its answer means.
    pub fn new(
        words: impl Into<String>,
        request: impl Into<Kind>,
        data: Value,
        judge: impl Fn(&Value) -> Reading + Send + Sync + 'static,
    ) -> Self {
        Self {
            words: words.into(),
            request: request.into(),
            data,
            judge: Box::new(judge),
            beside: Beside::Nothing,
            signs: Vec::new(),
            counter_signs: Vec::new(),
            needs_event: false,
            patient: true,
        }
    }

    /// A field of the answer, given as JSON pointer, holds `value` (see [`holds`]).
    pub fn field(
        words: impl Into<String>,
        request: impl Into<Kind>,
        data: Value,
        pointer: &'static str,
        value: Value,
    ) -> Self {
        Self::new(words, request, data, move |answer| {
            let seen = answer.pointer(pointer).unwrap_or(&Value::Null);
            Reading::at_once(holds(&value, seen), short(seen))
        })
    }

    /// A list of the answer has an entry of that name, or has none.
    pub fn listed(request: &'static str, data: Value, list: List, name: &str, there: bool) -> Self {
        let what = list.what;
        let words = if there { format!("{what} {}", quote(name)) } else { format!("no {what} {}", quote(name)) };
        let name = name.to_owned();
        Self::new(words, request, data, move |answer| {
            let found = list.names(answer).iter().any(|n| *n == name);
            let observed = if found { format!("that the {what} is there") } else { format!("no such {what}") };
            Reading::at_once(found == there, observed)
        })
    }

    /// A scene on program, its transition over.
    pub fn program(name: &str) -> Self {
        let wanted = name.to_owned();
        let judge = move |answer: &Value| {
            let Some(scenes) = SceneList::of(answer) else {
                return Reading::at_once(false, "no list of scenes".into());
            };
            let observed = match &scenes.current_program_scene_name {
                Some(name) => format!("scene {} on program", quote(name)),
                None => "no scene on program".into(),
            };
            Reading::at_once(scenes.is_program(&wanted), observed)
        };
        let mut wanted = Self::new(format!("scene {} on program", quote(name)), "GetSceneList", json!({}), judge);
        wanted.beside = Beside::Transition;
        wanted.told("CurrentProgramSceneChanged", [("sceneName", name.into())])
    }

    /// An output that runs or does not.
    pub fn output(output: Output, request: &'static str, active: bool) -> Self {
        let name = output.name();
        let words = if active { format!("a running {name}") } else { format!("no {name}") };
        let state =
            |active: bool| json!(if active { "OBS_WEBSOCKET_OUTPUT_STARTED" } else { "OBS_WEBSOCKET_OUTPUT_STOPPED" });
        let mut wanted = Self::new(words, request, json!({}), move |answer| {
            let seen = answer["outputActive"] == true;
            let way = answer["outputReconnecting"] == true;
            let observed = match (seen, way) {
                (true, true) => format!("a {name} that is reconnecting"),
                (true, false) => format!("a {name} that runs"),
                (false, _) => format!("no running {name}"),
            };
            Reading { reached: seen == active, settled: !(active && way), observed }
        });
        let not = if active { Phase::Stopping } else { Phase::Starting };
        wanted.beside = Beside::Phase { output, not };
        let wanted = wanted.told(output.event(), [("outputState", state(active))]);
        if active { wanted.refuted(output.event(), [("outputState", state(false))]) } else { wanted }
    }

    /// OBS sends this event when the state has come about. Several may be given; one is enough.
    #[must_use]
    pub fn told<const N: usize>(mut self, kind: &'static str, fields: [(&'static str, Value); N]) -> Self {
        self.signs.push(Sign { kind, fields: fields.into() });
        self
    }

    /// OBS sends this event when it will not come.
    #[must_use]
    pub fn refuted<const N: usize>(mut self, kind: &'static str, fields: [(&'static str, Value); N]) -> Self {
        self.counter_signs.push(Sign { kind, fields: fields.into() });
        self
    }

    /// Reading back proves nothing without the event.
    #[must_use]
    pub fn only_by_event(mut self) -> Self {
        self.needs_event = true;
        self
    }

    /// Later versions send the event, earlier ones never do: reading back counts at once.
    #[must_use]
    pub fn without_patience(mut self) -> Self {
        self.patient = false;
        self
    }

    pub fn told_by(&self, event: &Event) -> bool {
        self.signs.iter().any(|sign| sign.is(event))
    }
    pub fn refuted_by(&self, event: &Event) -> bool {
        self.counter_signs.iter().any(|sign| sign.is(event))
    }
    pub fn refutation(&self, event: Option<&Event>) -> String {
        event.map_or_else(String::new, |event| format!("that OBS gave it up ({})", event.kind))
    }
    /// Whether the event is worth waiting for where the state is there already.
    pub fn expects_event(&self) -> bool {
        self.patient && !self.signs.is_empty()
    }
    pub fn needs_event(&self) -> bool {
        self.needs_event
    }
    /// In words, to go with "wanted".
    pub fn words(&self) -> &str {
        &self.words
    }

    pub async fn read(&self, session: &Session, until: Instant) -> Result<Reading, RequestError> {
        let answer = session.request(self.request.clone(), self.data.clone(), until).await?;
        let mut reading = (self.judge)(&answer);
        match self.beside {
            Beside::Nothing => {}
            Beside::Transition => {
                if reading.reached && session.in_transition(until).await? {
                    reading.settled = false;
                    reading.observed =
                        format!("a transition to {} that still runs", self.words.trim_end_matches(" on program"));
                }
            }
            Beside::Phase { output, not } => {
                if reading.reached && session.phase(output) == not {
                    reading.reached = false;
                    reading.observed = format!("a {} that is {}", output.name(), not.name());
                }
            }
        }
        Ok(reading)
    }
}

impl Output {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Output::Record => "recording",
            Output::Stream => "stream",
            Output::Replay => "replay buffer",
            Output::VirtualCam => "virtual camera",
        }
    }
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Stopping => "stopping",
            Phase::Running => "running",
            Phase::Stopped | Phase::Unknown => "not running",
        }
    }
}

/// Where the names of a list of an answer are.
#[derive(Clone, Copy)]
pub struct List {
    /// What an entry is, in words.
    pub what: &'static str,
    pub field: &'static str,
    /// The field of an entry that is its name; entries are names themselves where it is empty.
    pub key: &'static str,
}

impl List {
    pub fn entries(self, answer: &Value) -> &[Value] {
        answer[self.field].as_array().map_or(&[], Vec::as_slice)
    }
    pub fn names(self, answer: &Value) -> Vec<&str> {
        self.entries(answer)
            .iter()
            .filter_map(|entry| if self.key.is_empty() { entry.as_str() } else { entry[self.key].as_str() })
            .collect()
    }
}

/// Whether what was read is what was wanted: numbers within a tolerance, and of objects the fields that were wanted.
pub fn holds(wanted: &Value, seen: &Value) -> bool {
    match (wanted, seen) {
        (Value::Object(wanted), Value::Object(seen)) => {
            wanted.iter().all(|(name, value)| seen.get(name).is_some_and(|seen| holds(value, seen)))
        }
        (Value::Array(wanted), Value::Array(seen)) => {
            wanted.len() == seen.len() && wanted.iter().zip(seen).all(|(wanted, seen)| holds(wanted, seen))
        }
        (Value::Number(wanted), Value::Number(seen)) => match (wanted.as_f64(), seen.as_f64()) {
            (Some(wanted), Some(seen)) => (wanted - seen).abs() <= NUMBER_TOLERANCE * wanted.abs().max(1.0),
            _ => wanted == seen,
        },
        _ => wanted == seen,
    }
}

/// A name in quotation marks, cut where it is very long.
pub fn quote(name: &str) -> String {
    match name.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}

/// A value as JSON, cut where it is very long.
pub fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(QUOTE_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
#[path = "wanted_tests.rs"]
mod tests;
