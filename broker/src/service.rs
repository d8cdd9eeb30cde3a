//! The broker as a NATS micro-service: `nats service ls` shows it, `stats` gives its counters.

use crate::shared::Shared;
use if_bus::{
    Bus,
    service::{self, Endpoint, EndpointStats, ServiceInfo},
};
use if_schemas::subject;
use std::{collections::BTreeMap, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Name under which the broker is found.
const SERVICE: &str = "if-broker";

/// Answers `$SRV.PING|INFO|STATS` until shutdown.
pub async fn serve(bus: Bus, shared: Arc<Shared>, shutdown: CancellationToken) {
    let endpoint =
        |name: &str, subject: &str| Endpoint { name: name.into(), subject: subject.into(), queue_group: None };
    let info = ServiceInfo {
        name: SERVICE.into(),
        id: shared.key.id().to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        description: "InfraFabric broker".into(),
        metadata: BTreeMap::from([("log".to_string(), shared.view.load().head.log.to_string())]),
        endpoints: vec![endpoint("command", subject::COMMANDS), endpoint("result", subject::RESULTS)],
    };
    let stats = move || vec![command_stats(&shared), result_stats(&shared)];
    service::run(bus, info, stats, shutdown.cancelled_owned()).await;
}

fn command_stats(shared: &Shared) -> EndpointStats {
    let view = shared.view.load();
    EndpointStats {
        num_requests: view.counts.admitted + view.counts.rejected,
        num_errors: view.counts.rejected,
        data: serde_json::json!({ "in_flight": view.in_flight, "log_index": view.head.index }),
        ..EndpointStats::default()
    }
}

fn result_stats(shared: &Shared) -> EndpointStats {
    let settled = &shared.view.load().counts.settled;
    let data = settled.iter().map(|(status, n)| (status.as_str().to_string(), serde_json::json!(n))).collect();
    EndpointStats {
        num_requests: settled.values().sum(),
        data: serde_json::Value::Object(data),
        ..EndpointStats::default()
    }
}
