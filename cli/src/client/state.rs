//! Reports of live state, believed only from the worker that is a member by the name they give.

use super::Client;
use crate::{CliError, Exit};
use if_schemas::{
    Envelope, Name, Role,
    state::{ABOUT, StateReport},
    wire::Message as _,
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Longest wait for a value that was there when the reading began.
pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(5);

/// The live state of an instance at one moment.
#[derive(Debug, Default)]
pub struct State {
    pub values: BTreeMap<String, Value>,
    /// Its worker says that the values are those of now.
    pub fresh: bool,
}

impl Client {
    /// Every value that is retained for an instance.
    pub async fn state_of(&mut self, provider: &Name, instance: &Name) -> Result<State, CliError> {
        let mut watch = self.bus.watch_state(provider, instance, ">").await?;
        let (mut state, mut pending) = (State::default(), watch.pending);
        while pending > 0 {
            let next = tokio::time::timeout(SNAPSHOT_TIMEOUT, watch.next()).await;
            let late = |_| CliError::new(Exit::Unreachable, "the live state did not come in time");
            let message = next.map_err(late)??;
            pending = message.pending;
            let Some(report) = self.state_report(&message.payload).await else { continue };
            match report.value {
                _ if report.provider != *provider || report.instance != *instance => {}
                Some(about) if report.path == ABOUT => state.fresh = about["fresh"] == true,
                Some(value) => drop(state.values.insert(report.path, value)),
                None => {}
            }
        }
        Ok(state)
    }

    /// A report, if an active worker of this fabric made it. Anything else on the bus is noise.
    pub async fn state_report(&mut self, bytes: &[u8]) -> Option<StateReport> {
        let envelope = Envelope::from_message(bytes).ok()?;
        let key = self.key_of(&envelope.key(), Role::Worker).await.ok()?;
        let report: StateReport = envelope.open(&key).ok()?;
        let by = self.trust.member(&envelope.key()).map(|member| &member.name);
        (by == Some(&report.node)).then_some(report)
    }
}
