//! Reading, and nothing else.

use crate::{
    adapter::UNREACHABLE_HINT,
    endpoint::{Endpoint, ReadError},
    resolve,
    session::{RequestError, Session},
    state::{Input, State, fader, shown},
};
use if_engine::{Call, Execution, http::HttpError};
use if_schemas::limits::PAYLOAD_MAX_BYTES;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Room left in a payload for what surrounds a result document, bytes.
const ENVELOPE_ROOM_BYTES: usize = 4 * 1024;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    Status,
    Inputs,
    Input,
    Tally,
    State,
    Mixes,
    Ndi,
    Stream,
    Record,
    Replay,
}

/// The read that an operation is; none where it is a change.
pub fn of(operation: &str) -> Option<Read> {
    Some(match operation {
        "vmix.status" => Read::Status,
        "vmix.inputs" | "vmix.input.list" => Read::Inputs,
        "vmix.input.show" => Read::Input,
        "vmix.tally" => Read::Tally,
        "vmix.state" => Read::State,
        "vmix.mix.list" => Read::Mixes,
        "vmix.ndi.list" => Read::Ndi,
        "vmix.stream.status" => Read::Stream,
        "vmix.record.status" => Read::Record,
        "vmix.replay.status" => Read::Replay,
        _ => return None,
    })
}

pub async fn run(read: Read, endpoint: &Endpoint, session: &Session, call: &Call, until: Instant) -> Execution {
    if read == Read::Status {
        return status(endpoint, until).await;
    }
    // The tally first: what it says of inputs that came between the two is not there, never of another input.
    let both = async {
        let tally = match read {
            Read::Inputs | Read::Tally | Read::State => session.read_tally(until).await?,
            _ => String::new(),
        };
        Ok((session.read_state(until).await?, tally))
    };
    match both.await {
        Ok((state, tally)) => answer(read, &state, &tally, call).unwrap_or_else(|refused| refused),
        Err(error) => read_failure(&error),
    }
}

fn answer(read: Read, state: &State, tally: &str, call: &Call) -> Result<Execution, Execution> {
    let document = match read {
        Read::Status => status_document(state),
        Read::Inputs => inputs_document(state, tally, |_| true),
        Read::Ndi => inputs_document(state, tally, |input| input.kind == "NDI"),
        Read::Input => input_document(resolve::required(call, state)?),
        Read::Tally => tally_document(state, tally),
        Read::State => state_document(state, tally),
        Read::Mixes => json!({"mixes": mixes(state)}),
        Read::Stream => json!({"streaming": state.streaming, "streams": streams(state)}),
        Read::Record => json!({"recording": state.recording, "duration_s": state.recording_for}),
        Read::Replay => {
            let none = || {
                Execution::failed(
                    "not_found",
                    "vMix has no replay input",
                    Some("add an Instant Replay input in vMix first"),
                )
            };
            let replay = state.replay().ok_or_else(none)?;
            json!({
                "recording": replay.recording, "live": replay.live, "channel_mode": replay.channel_mode,
                "camera_a": replay.camera_a, "camera_b": replay.camera_b, "speed": replay.speed,
            })
        }
    };
    let bytes = document.to_string().len();
    if bytes > PAYLOAD_MAX_BYTES - ENVELOPE_ROOM_BYTES {
        return Err(Execution::failed(
            "provider_error",
            format!("what was read of {} inputs takes {bytes} bytes, more than a result may hold", state.inputs.len()),
            Some("ask for less: vmix inputs, vmix input show"),
        ));
    }
    Ok(Execution::Succeeded(document))
}

/// What is on program and preview, and what is being recorded and sent. Read over HTTP.
async fn status(endpoint: &Endpoint, until: Instant) -> Execution {
    let limit = until.saturating_duration_since(Instant::now());
    match endpoint.read_state(limit).await {
        Ok(state) => Execution::Succeeded(status_document(&state)),
        Err(error) => {
            let reached = !matches!(error, ReadError::Http(HttpError::Transport { .. }));
            unreadable(reached, &error.to_string())
        }
    }
}

/// The failure of a read that nothing came of.
pub fn read_failure(error: &RequestError) -> Execution {
    let reached = matches!(error, RequestError::Refused(_) | RequestError::State(_));
    unreadable(reached, &error.to_string())
}

fn unreadable(reached: bool, why: &str) -> Execution {
    let code = if reached { "provider_error" } else { "unreachable" };
    Execution::failed(code, format!("the state of vMix could not be read: {why}"), Some(UNREACHABLE_HINT))
}

fn status_document(state: &State) -> Value {
    json!({
        "version": state.version,
        "edition": state.edition,
        "preset": state.preset,
        "program": state.program,
        "preview": state.preview,
        "program_input": state.program_input().map(Input::reference),
        "preview_input": state.preview_input().map(Input::reference),
        "fade_to_black": state.fade_to_black,
        "recording": state.recording,
        "streaming": state.streaming,
        "external": state.external,
        "play_list": state.play_list,
        "multi_corder": state.multi_corder,
        "fullscreen": state.fullscreen,
        "overlays": overlays(state),
        "input_count": state.inputs.len(),
    })
}

fn digit(input: &Input, tally: &str) -> Option<&'static str> {
    let at = usize::try_from(input.number).ok()?.checked_sub(1)?;
    tally.as_bytes().get(at).map(|d| tally_word(char::from(*d)))
}

fn inputs_document(state: &State, tally: &str, which: impl Fn(&&Input) -> bool) -> Value {
    let rows: Vec<Value> = state
        .inputs
        .iter()
        .filter(which)
        .map(|input| {
            json!({
                "number": input.number,
                "key": input.key,
                "title": shown(&input.title),
                "type": input.kind,
                "tally": digit(input, tally),
                "state": input.state,
                "position_ms": input.position_ms,
                "duration_ms": input.duration_ms,
                "loop": input.looping,
                "muted": input.muted,
            })
        })
        .collect();
    json!({"count": rows.len(), "program": state.program, "preview": state.preview, "inputs": rows})
}

fn input_document(input: &Input) -> Value {
    let fields = |fields: &[(String, String)]| -> Vec<Value> {
        fields.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    };
    json!({
        "number": input.number, "key": input.key, "title": input.title, "short_title": input.short_title,
        "type": input.kind, "state": input.state, "position_ms": input.position_ms, "duration_ms": input.duration_ms,
        "loop": input.looping, "selected": input.selected,
        "audio": input.muted.map(|muted| json!({
            "muted": muted, "volume": input.volume.map(fader_of), "balance": input.balance, "solo": input.solo,
            "busses": input.busses,
        })),
        "texts": fields(&input.texts), "images": fields(&input.images), "items": input.items,
    })
}

/// The fader as on the screen, to two decimals.
fn fader_of(gain: f64) -> f64 {
    (fader(gain) * 100.0).round() / 100.0
}

fn tally_document(state: &State, tally: &str) -> Value {
    let of = |word: &str| -> Vec<u32> {
        state.inputs.iter().filter(|i| digit(i, tally) == Some(word)).map(|i| i.number).collect()
    };
    json!({
        "program": state.program, "preview": state.preview, "tally": tally,
        "on_air": of("program"), "on_preview": of("preview"), "overlays": overlays(state),
    })
}

fn state_document(state: &State, tally: &str) -> Value {
    let busses: Vec<Value> = state
        .busses
        .iter()
        .map(|(letter, bus)| {
            let name = if *letter == 'M' { "master".into() } else { letter.to_ascii_lowercase().to_string() };
            json!({"bus": name, "volume": fader_of(bus.volume), "muted": bus.muted, "solo": bus.solo})
        })
        .collect();
    let transitions: Vec<Value> = state
        .transitions
        .iter()
        .map(|(number, (effect, ms))| json!({"number": number, "effect": effect, "duration_ms": ms}))
        .collect();
    json!({
        "status": status_document(state),
        "inputs": inputs_document(state, tally, |_| true)["inputs"],
        "mixes": mixes(state), "streams": streams(state), "busses": busses, "transitions": transitions,
        "headphones_volume": state.headphones.map(fader_of), "dynamic": state.dynamic,
    })
}

fn mixes(state: &State) -> Vec<Value> {
    let mixes = state.mixes.iter();
    mixes.map(|(number, mix)| json!({"number": number, "program": mix.program, "preview": mix.preview})).collect()
}

fn streams(state: &State) -> Vec<Value> {
    state.streams.iter().map(|(number, on)| json!({"channel": number, "streaming": on})).collect()
}

fn overlays(state: &State) -> Vec<Value> {
    state.overlays.iter().map(|(channel, input)| json!({"number": channel, "input": input})).collect()
}

fn tally_word(digit: char) -> &'static str {
    match digit {
        '1' => "program",
        '2' => "preview",
        _ => "off",
    }
}
