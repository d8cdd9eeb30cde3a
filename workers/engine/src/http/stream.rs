//! A stream of events that becomes a result: its text is shown as it comes.

use super::{
    ask::{LOOK, Run},
    client::host_of,
    exchange::Exchanged,
    extract,
    failure::{Stop, shortened},
    request::text_of,
    response,
    scrub::Pieces,
    sse::{Events, Framing},
    usage::Readings,
};
use crate::adapter::ProgressSink;
use futures::StreamExt;
use if_manifest::plan::Stream;
use if_schemas::Effect;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Shortest time between two reports of text.
pub const REPORT_EVERY: Duration = Duration::from_millis(50);

/// What the events so far add up to.
struct Gathered<'a> {
    text: String,
    pieces: Pieces,
    /// Not reported yet.
    waiting: String,
    next_report: Instant,
    fields: Map<String, Value>,
    progress: &'a ProgressSink,
}

impl Gathered<'_> {
    fn report(&mut self) {
        if !self.waiting.is_empty() {
            let text = std::mem::take(&mut self.waiting);
            self.progress.report("text", Some(json!({ "text": text })));
            self.next_report = Instant::now() + REPORT_EVERY;
        }
    }
}

/// Why a stream is not whole.
enum Broken {
    /// It stopped, or cannot be read.
    Interrupted(String),
    /// It says so itself.
    Error(String),
}

impl Run<'_> {
    /// Reads the stream to its end: the joined `text` and the fields of `result`.
    pub async fn stream(
        &self,
        stream: &Stream,
        framing: Framing,
        exchanged: Exchanged,
        progress: &ProgressSink,
        readings: &mut Readings,
    ) -> Result<Value, Stop> {
        let mut gathered = Gathered {
            text: String::new(),
            pieces: Pieces::default(),
            waiting: String::new(),
            next_report: Instant::now(),
            fields: Map::new(),
            progress,
        };
        let read = self.events(stream, framing, exchanged, &mut gathered, readings).await;
        let rest = gathered.pieces.end();
        gathered.waiting.push_str(&rest);
        gathered.report();
        let Gathered { text, mut fields, .. } = gathered;
        let missing = self.operation.response.result.iter().find(|(n, e)| e.required && !fields.contains_key(*n));
        let read = match (read, missing) {
            (Ok(()), Some((name, _))) => Err(Broken::Interrupted(format!("no event had {name}"))),
            (read, _) => read,
        };
        let partial = |why: String| match text.is_empty() {
            true => why,
            false => format!("{why}; it had said: {}", shortened(&text)),
        };
        match (read, self.operation.effect) {
            (Ok(()), _) => {
                for name in self.operation.response.result.keys() {
                    fields.entry(name.clone()).or_insert(Value::Null);
                }
                fields.insert("text".into(), text.into());
                Ok(Value::Object(fields))
            }
            (Err(Broken::Error(why)), _) => Err(Stop::failed("provider_error", partial(why), None)),
            (Err(Broken::Interrupted(why)), Effect::Read) => {
                Err(Stop::failed("stream_interrupted", partial(why), None))
            }
            (Err(Broken::Interrupted(why)), _) => Err(Stop::unknown("stream_interrupted", partial(why), Some(LOOK))),
        }
    }

    async fn events(
        &self,
        stream: &Stream,
        framing: Framing,
        exchanged: Exchanged,
        gathered: &mut Gathered<'_>,
        readings: &mut Readings,
    ) -> Result<(), Broken> {
        let Exchanged { mut incoming, url, place: _place, .. } = exchanged;
        let (host, limit) = (host_of(&url), self.engine.plan.limits.response_bytes);
        let broken = |e: crate::transport::TransportError| Broken::Interrupted(e.to_string());
        response::check_head(&incoming, &host, limit).map_err(broken)?;
        let mut events = Events::new(framing);
        let mut bytes = 0;
        loop {
            let chunk = tokio::select! {
                chunk = incoming.body.next() => chunk,
                () = sleep_until(gathered.next_report), if !gathered.waiting.is_empty() => {
                    gathered.report();
                    continue;
                }
            };
            let last = chunk.is_none();
            let found = match chunk {
                Some(chunk) => {
                    let chunk = chunk.map_err(broken)?;
                    bytes += chunk.len();
                    if bytes > limit {
                        return Err(broken(response::too_large(&host, limit)));
                    }
                    events.push(&chunk)
                }
                None => events.finish(),
            };
            for data in found.map_err(|e| Broken::Interrupted(e.to_string()))? {
                if self.event(stream, &data, gathered, readings)? {
                    return Ok(());
                }
            }
            if gathered.next_report <= Instant::now() {
                gathered.report();
            }
            if last {
                return match stream.done.is_none() && stream.done_when.is_none() {
                    true => Ok(()),
                    false => Err(Broken::Interrupted(format!("the stream of {host} ended before it was done"))),
                };
            }
        }
    }

    /// Takes one event; true if it is the last.
    fn event(
        &self,
        stream: &Stream,
        data: &str,
        gathered: &mut Gathered<'_>,
        readings: &mut Readings,
    ) -> Result<bool, Broken> {
        let (plan, operation, scope) = (&self.engine.plan, self.operation, &self.scope);
        if stream.done.as_deref() == Some(data.trim()) {
            return Ok(true);
        }
        let event: Value =
            serde_json::from_str(data).map_err(|e| Broken::Interrupted(format!("an event is not JSON: {e}")))?;
        let told = |path| extract::find(path, &event).filter(|v| *v != Value::Bool(false));
        if let Some(error) = stream.error.as_ref().and_then(told) {
            let name = &plan.spec.display_name;
            return Err(Broken::Error(format!("{name} broke off: {}", shortened(&text_of(&error)))));
        }
        for text in stream.text.query(&event).all().into_iter().filter_map(Value::as_str) {
            gathered.text.push_str(text);
            let shown = gathered.pieces.push(&self.engine.scrubber, text);
            gathered.waiting.push_str(&shown);
        }
        for (name, from) in &operation.response.result {
            if let Some(value) = extract::value(plan, from, &event, scope) {
                gathered.fields.insert(name.clone(), value);
            }
        }
        readings.read(plan, operation, &event, scope);
        Ok(stream.done_when.as_ref().and_then(told).is_some())
    }
}
