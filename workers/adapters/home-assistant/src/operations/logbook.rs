//! The logbook.

use super::{Ground, Outcome, home::limit, nothing_done};
use if_schemas::Timestamp;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `{"since": RFC 3339, "total": n, "shown": n, "events": [{"at", "entity", "name", "state", "message", "domain"}]}`, the
/// newest last and the newest kept where there are more than asked for.
pub async fn logbook(ground: &Ground<'_>) -> Outcome {
    let since = ground.call.args.get("since").and_then(Value::as_u64).unwrap_or_default();
    let from = SystemTime::now().checked_sub(Duration::from_millis(since)).unwrap_or(UNIX_EPOCH);
    let from = timestamp(from.duration_since(UNIX_EPOCH).unwrap_or_default());
    let mut body = json!({"start_time": from});
    if ground.text("entity").is_some() {
        let entity = ground.entity(&[])?;
        body["entity_ids"] = json!([entity.id]);
    }
    let events: Vec<Value> =
        ground.session.read("logbook/get_events", body, ground.clock.act_until).await.map_err(nothing_done)?;
    let left_out = events.len().saturating_sub(limit(ground));
    let rows: Vec<Value> = events.iter().skip(left_out).map(row).collect();
    Ok(json!({"since": from, "total": events.len(), "shown": rows.len(), "events": rows}))
}

fn timestamp(since_epoch: Duration) -> String {
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)).to_string()
}

/// `when` is in seconds since 1970.
fn row(event: &Value) -> Value {
    let at = event["when"].as_f64().and_then(|s| Duration::try_from_secs_f64(s).ok()).map(timestamp);
    json!({
        "at": at,
        "entity": event["entity_id"],
        "name": event["name"],
        "state": event["state"],
        "message": event["message"],
        "domain": event["domain"],
    })
}
