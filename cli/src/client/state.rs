//! Reports of live state, believed only from the worker that is a member by the name they give.

use super::Client;
use if_schemas::{Envelope, Role, state::StateReport, wire::Message as _};

impl Client {
    /// A report, if an active worker of this fabric made it. Anything else on the bus is noise.
    pub async fn state_report(&mut self, bytes: &[u8]) -> Option<StateReport> {
        let envelope = Envelope::from_message(bytes).ok()?;
        let key = self.key_of(&envelope.key(), Role::Worker).await.ok()?;
        let report: StateReport = envelope.open(&key).ok()?;
        let by = self.trust.member(&envelope.key()).map(|member| &member.name);
        (by == Some(&report.node)).then_some(report)
    }
}
