//! The live state: what pushes say at once, and the whole state read again after them, over HTTP so that no command waits
//! behind it, at a bounded rate.

use crate::{
    endpoint::Endpoint,
    session::{Pushed, Session},
    state::{Input, State, fader, shown},
};
use if_engine::LiveState;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// Shortest time between two reads.
const READ_GAP: Duration = Duration::from_millis(200);
/// Longest time between two reads: titles, texts and inputs change without a push.
const RESYNC: Duration = Duration::from_secs(5);
/// Reads one after the other that are passed over because something newer was told meanwhile.
const OVERTAKEN_MAX: u32 = 3;
/// Longest wait for one read.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Sets everything to what `state` says.
pub fn fill(live: &LiveState, state: &State) {
    live.replace("", values(state));
}

/// Keeps `live` up to date until the session is over; then it is stale.
pub async fn run(endpoint: Endpoint, session: Arc<Session>, live: Arc<LiveState>) {
    let follow = async {
        let mut pushed = session.pushed();
        let mut known = 0;
        let mut read_at = Instant::now();
        let mut due = read_at + RESYNC;
        let mut overtaken = 0;
        loop {
            tokio::select! {
                changed = pushed.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    known = at_once(&live, &pushed.borrow_and_update(), known);
                    due = due.min(read_at + READ_GAP);
                }
                () = sleep_until(due) => {
                    let before = live.version();
                    // A read that fails leaves what is known; the session says when the connection is lost.
                    let read = endpoint.read_state(READ_TIMEOUT).await;
                    read_at = Instant::now();
                    due = read_at + RESYNC;
                    if let Ok(state) = read {
                        // What was told meanwhile may be newer than what was read.
                        if live.version() == before || overtaken >= OVERTAKEN_MAX {
                            overtaken = 0;
                            fill(&live, &state);
                        } else {
                            overtaken += 1;
                            due = read_at + READ_GAP;
                        }
                    }
                }
            }
        }
    };
    tokio::select! {
        () = follow => {}
        _ = session.ended() => {}
    }
    live.set_fresh(false);
}

/// What can be said without reading the state. Returns the number of the last push it knows.
fn at_once(live: &LiveState, pushed: &Pushed, known: u64) -> u64 {
    for (name, value) in pushed.since(known) {
        let on = value == "1";
        let (name, number) = name.split_once(' ').map_or((name, None), |(n, i)| (n, i.parse::<u32>().ok()));
        match (name, number) {
            ("Input", Some(n)) if on => live.set("tally.program", n.into()),
            ("InputPreview", Some(n)) if on => live.set("tally.preview", n.into()),
            ("InputAudio", Some(n)) => live.set(&format!("inputs.{n}.muted"), (!on).into()),
            ("Recording", None) => live.set("recording", on.into()),
            ("Streaming", None) => live.set("streaming", on.into()),
            ("External", None) => live.set("external", on.into()),
            ("FadeToBlack", None) => live.set("fade_to_black", on.into()),
            ("MultiCorder", None) => live.set("multi_corder", on.into()),
            // The rest comes with the read that follows.
            _ => {}
        }
    }
    pushed.acts
}

fn values(state: &State) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::from([
        ("version".to_string(), shown(&state.version).into()),
        ("tally.program".into(), json!(state.program)),
        ("tally.preview".into(), json!(state.preview)),
        ("fade_to_black".into(), state.fade_to_black.into()),
        ("recording".into(), state.recording.into()),
        ("streaming".into(), state.streaming.into()),
        ("external".into(), state.external.into()),
        ("multi_corder".into(), state.multi_corder.into()),
        ("play_list".into(), state.play_list.into()),
        ("fullscreen".into(), state.fullscreen.into()),
    ]);
    for channel in &state.channels {
        let on = state.overlays.iter().find(|(c, _)| c == channel).map(|(_, input)| *input);
        all.insert(format!("overlays.{channel}"), json!(on));
    }
    for (number, on) in &state.streams {
        all.insert(format!("streams.{number}"), (*on).into());
    }
    for (number, mix) in &state.mixes {
        all.insert(format!("mixes.{number}.program"), json!(mix.program));
        all.insert(format!("mixes.{number}.preview"), json!(mix.preview));
    }
    for (letter, bus) in &state.busses {
        let name = if *letter == 'M' { "master".into() } else { letter.to_ascii_lowercase().to_string() };
        all.insert(format!("audio.{name}.muted"), bus.muted.into());
        all.insert(format!("audio.{name}.volume"), volume(bus.volume));
    }
    state.inputs.iter().for_each(|input| of_input(input, state, &mut all));
    all
}

fn of_input(input: &Input, state: &State, all: &mut BTreeMap<String, Value>) {
    let number = input.number;
    let on_air = state.program == Some(number) || state.overlays.iter().any(|(_, n)| *n == number);
    let tally = if on_air {
        "program"
    } else if state.preview == Some(number) {
        "preview"
    } else {
        "off"
    };
    let mut put = |name: &str, value: Value| {
        all.insert(format!("inputs.{number}.{name}"), value);
    };
    put("key", input.key.as_str().into());
    put("title", shown(&input.title).into());
    put("type", shown(&input.kind).into());
    put("state", shown(&input.state).into());
    put("tally", tally.into());
    if let Some(muted) = input.muted {
        put("muted", muted.into());
    }
    if let Some(gain) = input.volume {
        put("volume", volume(gain));
    }
}

/// The fader, to two decimals.
fn volume(gain: f64) -> Value {
    ((fader(gain) * 100.0).round() / 100.0).into()
}
