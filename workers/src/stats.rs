//! This node as a NATS micro-service: `nats service ls` shows it, `stats` gives its counters.

use crate::{node::Node, registry::Registry};
use if_bus::service::{self, Endpoint, EndpointStats, ServiceInfo};
use if_schemas::subject;
use std::{collections::BTreeMap, sync::Arc};

/// Name under which all worker nodes are found.
pub const SERVICE: &str = "if-worker";

/// Answers until the node stops.
pub async fn serve(node: Arc<Node>, registry: Arc<Registry>) {
    let info = ServiceInfo {
        name: SERVICE.into(),
        id: format!("{}-{}", node.name, node.key.id()),
        version: env!("CARGO_PKG_VERSION").into(),
        description: "InfraFabric worker node".into(),
        metadata: BTreeMap::from([("node".to_string(), node.name.to_string())]),
        endpoints: vec![Endpoint { name: "work".into(), subject: subject::WORK.into(), queue_group: None }],
    };
    let counters = {
        let node = node.clone();
        move || vec![work_stats(&node, &registry)]
    };
    service::run(node.bus.clone(), info, counters, node.stop.clone().cancelled_owned()).await;
}

fn work_stats(node: &Node, registry: &Registry) -> EndpointStats {
    let counts = node.metrics.counts();
    let (remembered, running) = node.inbox.counts();
    let not_succeeded = counts.statuses.iter().filter(|(s, _)| **s != "succeeded").map(|(_, n)| n).sum();
    EndpointStats {
        num_requests: counts.statuses.values().sum(),
        num_errors: not_succeeded,
        last_error: counts.last_error,
        processing_time: counts.busy,
        data: serde_json::json!({
            "statuses": counts.statuses,
            "dropped": counts.dropped,
            "triggers": {
                "armed": counts.rules.armed, "complaints": counts.rules.complaints, "fired": counts.triggered,
            },
            "instances": registry.len(),
            "remembered": remembered,
            "running": running,
        }),
    }
}
