//! What workers count, as they say it themselves. Shown, never believed: anybody on the bus may answer.

use super::Client;
use crate::CliError;
use if_schemas::query::{self, NodesAnswer};
use serde::Deserialize;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;

/// The workers' counters.
const SUBJECT: &str = "$SRV.STATS.if-worker";
/// Longest wait for the answers of all nodes.
const ANSWERS_TIMEOUT: Duration = Duration::from_millis(500);

/// Rules of triggers, as the workers that follow them say.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// They see what they look at.
    pub armed: BTreeSet<String>,
    /// Why others are not followed.
    pub complaints: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Stats {
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    triggers: Rules,
}

impl Client {
    /// The rules of all live workers.
    pub async fn rules(&mut self) -> Result<Rules, CliError> {
        let nodes: NodesAnswer = self.query(query::NODES).await?;
        let mut answers = self.bus.request_many(SUBJECT, Vec::new(), None).await?;
        let (mut all, give_up) = (Rules::default(), Instant::now() + ANSWERS_TIMEOUT);
        for _ in 0..nodes.nodes.len() {
            let Ok(Some(answer)) = tokio::time::timeout_at(give_up, answers.next()).await else { break };
            let Ok(stats) = serde_json::from_slice::<Stats>(&answer.payload) else { continue };
            for endpoint in stats.endpoints {
                all.armed.extend(endpoint.data.triggers.armed);
                all.complaints.extend(endpoint.data.triggers.complaints);
            }
        }
        Ok(all)
    }
}
