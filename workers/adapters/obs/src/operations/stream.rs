//! Streaming: start, stop, status, and where it goes.

use super::{
    Context, Outcome, bad_argument,
    change::{Change, told},
    free::scrub,
    nothing_done, output,
    status::stream_document,
};
use crate::{
    limits::STREAM_KEY_MAX_BYTES,
    session::Output,
    wanted::{Reading, Wanted, holds},
};
use if_engine::{Execution, Secret};
use serde_json::json;

pub async fn run(context: &Context<'_>, verb: &str) -> Outcome {
    match verb {
        "start" => {
            let turn = context.turn(Output::Stream.name()).await?;
            let switched = output::start(context, Output::Stream, turn).await?;
            Ok(told(json!({"streaming": true}), switched.changed, switched.by))
        }
        "stop" => {
            let switched = output::stop(context, Output::Stream).await?;
            Ok(told(json!({"streaming": false}), switched.changed, switched.by))
        }
        "status" => {
            let status = context.session.stream_status(context.clock.act_until).await.map_err(nothing_done)?;
            Ok(stream_document(&status))
        }
        "service" => service(context).await,
        "configure" => configure(context).await,
        _ => Err(context.unknown()),
    }
}

/// `{"type", "service": name | null, "server": address | null, "key": "[redacted]" | null, "settings": {…}}`.
async fn service(context: &Context<'_>) -> Outcome {
    let answer = context.ask("GetStreamServiceSettings", json!({})).await?;
    let settings = &answer["streamServiceSettings"];
    let has_key = settings["key"].as_str().is_some_and(|key| !key.is_empty());
    let mut document = json!({
        "type": answer["streamServiceType"],
        "service": settings["service"],
        "server": settings["server"],
        "key": has_key.then_some("[redacted]"),
        "settings": settings,
    });
    scrub(&mut document);
    Ok(document)
}

/// `{"type", "service": name | null, "server", "key": "instance" | "file" | "kept" | null, "changed", "confirmed_by"}`;
/// `key` says where it came from. Without one given, the one OBS has is kept.
async fn configure(context: &Context<'_>) -> Outcome {
    let turn = context.turn("stream service").await?;
    let (server, service) = (context.call.text("server"), context.call.text("service"));
    if server.is_none_or(|server| server.trim().is_empty()) && service.is_none_or(|service| service.trim().is_empty()) {
        return Err(bad_argument("no server and no service", "give --server rtmp://…, or --service NAME"));
    }
    if output::status(context, Output::Stream).await?["outputActive"] == true {
        let message = "OBS is streaming: where to cannot be changed now";
        return Err(Execution::failed("refused", message, Some("stop the stream first")));
    }
    let (key, from) = key(context).await?;
    let now = context.ask("GetStreamServiceSettings", json!({})).await?;
    let (kind, mut settings) = match service {
        Some(service) => ("rtmp_common", json!({"service": service, "server": server.unwrap_or("auto")})),
        None => ("rtmp_custom", json!({"server": server, "use_auth": false})),
    };
    let kept = now["streamServiceSettings"]["key"].as_str().unwrap_or_default();
    settings["key"] = key.as_ref().map_or(kept, Secret::expose).into();
    let from = from.or((!kept.is_empty()).then_some("kept"));
    let document = json!({"type": kind, "service": service, "server": settings["server"], "key": from});
    let data = json!({"streamServiceType": kind, "streamServiceSettings": settings});
    let wished = data.clone();
    // The key is compared and never said.
    let wanted = Wanted::new("this stream service", "GetStreamServiceSettings", json!({}), move |answer| {
        let seen = &answer["streamServiceSettings"];
        let reached = holds(&wished, answer);
        let what =
            if reached { "it".into() } else { format!("service {}, server {}", seen["service"], seen["server"]) };
        Reading::at_once(reached, what)
    });
    let change = Change { request: "SetStreamServiceSettings", data, wanted };
    context.set(turn, change, document).await
}

/// The key that was given, and from where.
async fn key(context: &Context<'_>) -> Result<(Option<Secret>, Option<&'static str>), Execution> {
    let Some(path) = context.call.text("key_file").map(str::to_owned) else {
        return Ok((context.stream_key.cloned(), context.stream_key.map(|_| "instance")));
    };
    let shown = path.clone();
    let read = tokio::task::spawn_blocking(move || read_key(&path)).await;
    let read = read.map_err(|error| error.to_string()).and_then(|read| read);
    let key = read.map_err(|why| {
        let message = format!("the stream key cannot be read from {shown} on the worker: {why}");
        bad_argument(message, "give a file that holds the key alone")
    })?;
    Ok((Some(key), Some("file")))
}

fn read_key(path: &str) -> Result<Secret, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > STREAM_KEY_MAX_BYTES {
        return Err(format!("it has {size} bytes, a key has at most {STREAM_KEY_MAX_BYTES}"));
    }
    let key = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    match key.trim() {
        "" => Err("it is empty".into()),
        key => Ok(Secret::new(key.to_owned())),
    }
}
