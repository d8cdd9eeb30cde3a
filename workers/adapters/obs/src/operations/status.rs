//! What OBS says of itself: status, stats, version.

use super::{Context, Outcome, nothing_done, record};
use crate::documents::StreamStatus;
use serde_json::{Value, json};

/// `{"scene": name | null, "preview": name | null, "in_transition": bool, "scenes": count, "record": {recording, paused,
/// timecode, duration_ms, bytes}, "stream": {streaming, reconnecting, timecode, duration_ms, bytes, congestion,
/// skipped_frames, total_frames}}`. `congestion` is 0 to 1, null where OBS does not tell.
pub async fn status(context: &Context<'_>) -> Outcome {
    let until = context.clock.act_until;
    let session = context.session;
    let (scenes, in_transition, recording, stream) = tokio::try_join!(
        session.scenes(until),
        session.in_transition(until),
        session.record_status(until),
        session.stream_status(until),
    )
    .map_err(nothing_done)?;
    Ok(json!({
        "scene": scenes.current_program_scene_name,
        "preview": scenes.current_preview_scene_name,
        "in_transition": in_transition,
        "scenes": scenes.len(),
        "record": record::document(&recording),
        "stream": stream_document(&stream),
    }))
}

/// `{"streaming", "reconnecting", "timecode", "duration_ms", "bytes", "congestion", "skipped_frames", "total_frames"}`.
pub fn stream_document(stream: &StreamStatus) -> Value {
    json!({
        "streaming": stream.output_active,
        "reconnecting": stream.output_reconnecting,
        "timecode": stream.output_timecode,
        "duration_ms": stream.output_duration,
        "bytes": stream.output_bytes,
        "congestion": stream.output_congestion,
        "skipped_frames": stream.output_skipped_frames,
        "total_frames": stream.output_total_frames,
    })
}

/// `{"cpu_percent", "memory_mb", "disk_free_mb", "fps", "frame_render_ms", "render_frames", "render_skipped_frames",
/// "output_frames", "output_skipped_frames"}`, numbers; `disk_free_mb` is of the recording directory.
pub async fn stats(context: &Context<'_>) -> Outcome {
    let stats = context.session.stats(context.clock.act_until).await.map_err(nothing_done)?;
    Ok(json!({
        "cpu_percent": stats.cpu_usage,
        "memory_mb": stats.memory_usage,
        "disk_free_mb": stats.available_disk_space,
        "fps": stats.active_fps,
        "frame_render_ms": stats.average_frame_render_time,
        "render_frames": stats.render_total_frames,
        "render_skipped_frames": stats.render_skipped_frames,
        "output_frames": stats.output_total_frames,
        "output_skipped_frames": stats.output_skipped_frames,
    }))
}

/// `{"obs": text, "obs_websocket": text, "rpc_version": n, "platform": text, "platform_description": text}`.
pub async fn version(context: &Context<'_>) -> Outcome {
    let version = context.session.version(context.clock.act_until).await.map_err(nothing_done)?;
    Ok(json!({
        "obs": version.obs_version,
        "obs_websocket": version.obs_web_socket_version,
        "rpc_version": version.rpc_version,
        "platform": version.platform,
        "platform_description": version.platform_description,
    }))
}
