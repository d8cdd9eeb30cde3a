//! Windows of budgets: begun before whatever moves the budgets, in the same batch.

use super::{Origin, Pending, Sequencer};
use crate::{BrokerError, publisher::Publication, windows};
use if_core::{Decision, Input, decide};
use if_schemas::{CommandId, Timestamp};

impl Sequencer {
    /// Begins a window for each budget whose last one is over at `now`, or that has none yet.
    pub(super) fn begin_windows(&mut self, now: Timestamp, pending: &mut Pending) -> Result<(), BrokerError> {
        let now = now.max(self.state.at());
        for stale in self.state.budgets().stale(now) {
            let window = windows::containing(&stale, now);
            self.say(now, Input::Period { budget: stale.budget.key.clone(), window }, pending)?;
        }
        Ok(())
    }

    /// An entry of the broker's own making. False if it does not follow from the state: it is passed over, not tried again.
    pub(super) fn say(&mut self, now: Timestamp, input: Input, pending: &mut Pending) -> Result<bool, BrokerError> {
        let about = format!("{input:?}");
        match decide(&self.state, now, input) {
            Decision::Append { body, verdict, .. } => {
                // Of nobody's making: there is no command it belongs to.
                let command = CommandId::from_bytes([0; 16]);
                let origin = Origin { command, is_request: false, hash: None, signer: None, reply: None };
                let (entry, _, _) = self.append(now, body, None, None, &origin, &verdict, pending)?;
                pending.publications.push(Publication { reply: None, entry: Some(entry), then: None });
                Ok(true)
            }
            Decision::Answer { verdict, .. } => {
                tracing::error!(?verdict, about, "what the state asked for was refused");
                Ok(false)
            }
        }
    }
}
