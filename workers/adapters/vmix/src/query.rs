//! `vmix.status` and `vmix.inputs`: reading, and nothing else.

use crate::{
    adapter::UNREACHABLE_HINT,
    endpoint::{Endpoint, ReadError},
    session::{RequestError, Session},
    state::{Input, State},
};
use if_engine::{Execution, http::HttpError};
use if_schemas::limits::PAYLOAD_MAX_BYTES;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Room left in a payload for what surrounds a result document, bytes.
const ENVELOPE_ROOM_BYTES: usize = 4 * 1024;

/// What is on program and preview, and what is being recorded and sent. Read over HTTP.
pub async fn status(endpoint: &Endpoint, until: Instant) -> Execution {
    let limit = until.saturating_duration_since(Instant::now());
    match endpoint.read_state(limit).await {
        Ok(state) => Execution::Succeeded(status_document(&state)),
        Err(error) => {
            let reached = !matches!(error, ReadError::Http(HttpError::Transport { .. }));
            unreadable(reached, &error.to_string())
        }
    }
}

/// Every input with its tally. Read over the TCP session.
pub async fn inputs(session: &Session, until: Instant) -> Execution {
    let read = async { Ok((session.read_state(until).await?, session.read_tally(until).await?)) };
    match read.await {
        Ok((state, tally)) => inputs_document(&state, &tally),
        Err(error) => read_failure(&error),
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
    let overlays: Vec<Value> =
        state.overlays.iter().map(|(channel, input)| json!({"number": channel, "input": input})).collect();
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
        "overlays": overlays,
        "input_count": state.inputs.len(),
    })
}

fn inputs_document(state: &State, tally: &str) -> Execution {
    let digits: Vec<char> = tally.chars().collect();
    let rows: Vec<Value> = state
        .inputs
        .iter()
        .map(|input| {
            let digit = usize::try_from(input.number).ok().and_then(|n| n.checked_sub(1)).and_then(|at| digits.get(at));
            json!({
                "number": input.number,
                "key": input.key,
                "title": input.title,
                "type": input.kind,
                "tally": digit.map(|d| tally_word(*d)),
                "state": input.state,
                "position_ms": input.position_ms,
                "duration_ms": input.duration_ms,
                "loop": input.looping,
                "muted": input.muted,
            })
        })
        .collect();
    let document = json!({"count": rows.len(), "program": state.program, "preview": state.preview, "inputs": rows});
    let bytes = document.to_string().len();
    if bytes > PAYLOAD_MAX_BYTES - ENVELOPE_ROOM_BYTES {
        return Execution::failed(
            "provider_error",
            format!("the list of {} inputs takes {bytes} bytes, more than a result may hold", state.inputs.len()),
            Some("shorten the titles of the inputs"),
        );
    }
    Execution::Succeeded(document)
}

fn tally_word(digit: char) -> &'static str {
    match digit {
        '1' => "program",
        '2' => "preview",
        _ => "off",
    }
}
