//! Sound of inputs: volume, mute, monitoring, sync offset, balance.

use super::{Context, Outcome, bad_argument, change::Change, names::INPUTS, nothing_done};
use crate::{
    limits::MIRROR_BATCH,
    session::RequestError,
    wanted::{Reading, Wanted, quote},
};
use if_engine::Execution;
use serde_json::{Value, json};

/// What `list` asks of every input, in the order of [`document`].
const READS: [&str; 5] =
    ["GetInputMute", "GetInputVolume", "GetInputAudioMonitorType", "GetInputAudioSyncOffset", "GetInputAudioBalance"];
/// Largest difference between a volume that was set and read back, dB: OBS keeps the multiplier as a 32-bit float.
const DB_TOLERANCE: f64 = 0.01;
/// What obs-websocket calls silence, dB.
const SILENCE_DB: f64 = -100.0;
const MONITOR: &str = "OBS_MONITORING_TYPE_";

pub async fn run(context: &Context<'_>, verb: &str) -> Outcome {
    match verb {
        "list" => list(context).await,
        "volume" => volume(context).await,
        "mute" => mute(context, true).await,
        "unmute" => mute(context, false).await,
        "monitor" => monitor(context).await,
        "sync" => sync(context).await,
        "balance" => balance(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"inputs": [{"input", "muted", "volume_db", "volume_percent", "monitor", "sync_ms", "balance"}]}`: inputs with sound.
async fn list(context: &Context<'_>) -> Outcome {
    let answer = context.ask("GetInputList", json!({})).await?;
    let mut inputs = Vec::new();
    for names in INPUTS.names(&answer).chunks(MIRROR_BATCH / READS.len()) {
        let ask = |name: &&str| READS.map(|read| (read.to_owned(), json!({"inputName": name})));
        let requests = names.iter().flat_map(ask).collect();
        let results = context.session.batch(requests, false, context.clock.act_until).await.map_err(nothing_done)?;
        for (name, five) in names.iter().zip(results.chunks(READS.len())) {
            // Refused for an input without sound.
            if five.iter().all(|one| one.request_status.result) {
                let answers: Vec<&Value> = five.iter().map(|one| &one.response_data).collect();
                inputs.push(document(name, &answers));
            }
        }
    }
    Ok(json!({"inputs": inputs}))
}

fn document(name: &str, answers: &[&Value]) -> Value {
    let of = |index: usize, field: &str| answers.get(index).map(|answer| answer[field].clone()).unwrap_or_default();
    json!({
        "input": name,
        "muted": of(0, "inputMuted"),
        "volume_db": of(1, "inputVolumeDb"),
        "volume_percent": of(1, "inputVolumeMul").as_f64().map(|mul| mul * 100.0),
        "monitor": monitor_word(&of(2, "monitorType")),
        "sync_ms": of(3, "inputAudioSyncOffset"),
        "balance": of(4, "inputAudioBalance"),
    })
}

fn monitor_word(kind: &Value) -> Option<String> {
    kind.as_str().map(|kind| kind.trim_start_matches(MONITOR).to_lowercase().replace('_', "-"))
}

/// The turn for one property of the input given, and the input, which has sound.
async fn audible<'a>(context: &Context<'a>, read: &'static str) -> Result<(crate::lanes::Turn, &'a str), Execution> {
    let turn = context.turn(format!("{read} {}", context.name("input")?)).await?;
    let (input, _) = context.input().await?;
    let data = json!({"inputName": input});
    match context.session.request(read, data, context.clock.act_until).await {
        Ok(_) => Ok((turn, input)),
        Err(RequestError::Refused { code, .. })
            if code != super::CODE_UNKNOWN_REQUEST && code != super::CODE_NOT_FOUND =>
        {
            let message = format!("input {} has no sound", quote(input));
            Err(Execution::failed(
                "wrong_kind",
                message,
                Some("`ifctl obs audio list <instance>` shows those that have"),
            ))
        }
        Err(error) => Err(nothing_done(error)),
    }
}

/// `{"input", "volume_db" | "volume_percent", "changed", "confirmed_by"}`.
async fn volume(context: &Context<'_>) -> Outcome {
    let number = |name: &str| context.json(name).as_f64();
    let (wanted, data, mut document) = match (number("db"), number("percent")) {
        (Some(db), None) => (db, json!({"inputVolumeDb": db}), json!({"volume_db": db})),
        (None, Some(percent)) => {
            let mul = percent / 100.0;
            let db = if mul > 0.0 { (20.0 * mul.log10()).max(SILENCE_DB) } else { SILENCE_DB };
            (db, json!({"inputVolumeMul": mul}), json!({"volume_percent": percent}))
        }
        _ => return Err(bad_argument("no volume, or two", "give either --db or --percent")),
    };
    let (turn, input) = audible(context, "GetInputVolume").await?;
    let words = format!("input {} at {wanted:.2} dB", quote(input));
    let wanted = Wanted::new(words, "GetInputVolume", json!({"inputName": input}), move |answer| {
        // A volume of nothing may be told as null: JSON has no minus infinity.
        let seen = answer["inputVolumeDb"].as_f64().unwrap_or(SILENCE_DB).max(SILENCE_DB);
        Reading::at_once((seen - wanted).abs() <= DB_TOLERANCE, format!("{seen:.2} dB"))
    })
    .told("InputVolumeChanged", [("inputName", input.into())]);
    let mut data = data;
    data["inputName"] = input.into();
    document["input"] = input.into();
    context.set(turn, Change { request: "SetInputVolume", data, wanted }, document).await
}

/// `{"input", "muted": bool, "changed", "confirmed_by"}`.
async fn mute(context: &Context<'_>, muted: bool) -> Outcome {
    let (turn, input) = audible(context, "GetInputMute").await?;
    let words = format!("input {} {}", quote(input), if muted { "muted" } else { "not muted" });
    let wanted = field(words, "GetInputMute", input, "/inputMuted", muted.into())
        .told("InputMuteStateChanged", [("inputName", input.into()), ("inputMuted", muted.into())]);
    let data = json!({"inputName": input, "inputMuted": muted});
    let document = json!({"input": input, "muted": muted});
    context.set(turn, Change { request: "SetInputMute", data, wanted }, document).await
}

/// `{"input", "monitor": word, "changed", "confirmed_by"}`.
async fn monitor(context: &Context<'_>) -> Outcome {
    let mode = context.name("mode")?;
    let kind = format!("{MONITOR}{}", mode.to_uppercase().replace('-', "_"));
    let (turn, input) = audible(context, "GetInputAudioMonitorType").await?;
    let words = format!("monitoring of {} set to {mode}", quote(input));
    let wanted = field(words, "GetInputAudioMonitorType", input, "/monitorType", kind.as_str().into())
        .told("InputAudioMonitorTypeChanged", [("inputName", input.into()), ("monitorType", kind.as_str().into())]);
    let data = json!({"inputName": input, "monitorType": kind});
    let document = json!({"input": input, "monitor": mode});
    context.set(turn, Change { request: "SetInputAudioMonitorType", data, wanted }, document).await
}

/// `{"input", "sync_ms": n, "changed", "confirmed_by"}`.
async fn sync(context: &Context<'_>) -> Outcome {
    let offset = context.call.integer("offset").unwrap_or_default();
    let (turn, input) = audible(context, "GetInputAudioSyncOffset").await?;
    let words = format!("input {} {offset} ms late", quote(input));
    let wanted = field(words, "GetInputAudioSyncOffset", input, "/inputAudioSyncOffset", offset.into())
        .told("InputAudioSyncOffsetChanged", [("inputName", input.into()), ("inputAudioSyncOffset", offset.into())]);
    let data = json!({"inputName": input, "inputAudioSyncOffset": offset});
    let document = json!({"input": input, "sync_ms": offset});
    context.set(turn, Change { request: "SetInputAudioSyncOffset", data, wanted }, document).await
}

/// `{"input", "balance": n, "changed", "confirmed_by"}`.
async fn balance(context: &Context<'_>) -> Outcome {
    let balance = context.json("balance");
    let (turn, input) = audible(context, "GetInputAudioBalance").await?;
    let words = format!("balance {balance} of {}", quote(input));
    let wanted = field(words, "GetInputAudioBalance", input, "/inputAudioBalance", balance.clone())
        .told("InputAudioBalanceChanged", [("inputName", input.into())]);
    let data = json!({"inputName": input, "inputAudioBalance": balance});
    let document = json!({"input": input, "balance": balance});
    context.set(turn, Change { request: "SetInputAudioBalance", data, wanted }, document).await
}

fn field(words: String, read: &'static str, input: &str, pointer: &'static str, value: Value) -> Wanted {
    Wanted::field(words, read, json!({"inputName": input}), pointer, value)
}
