//! Runs: what their steps cost before they begin, who goes on when others let go, and whose time is over.

use super::{Pending, Sequencer};
use crate::{
    BrokerError,
    presence::{Call, Presence},
    publisher::Also,
};
use if_core::{Asked, Input, Pricing, Served, VerifiedRun};
use if_schemas::{
    Body, Command, CommandId, Envelope, Kind, Payload, RunChange, RunOp, Timestamp,
    plan::{self, Args},
    run::Reserve,
};

/// The commands that an order wants to have priced, by their steps.
pub fn priced(change: &VerifiedRun) -> Vec<(u32, &plan::Call)> {
    let RunOp::Start(order) = &change.change().op else { return Vec::new() };
    let Some(plan) = change.plan().filter(|_| order.reserve == Reserve::Run) else { return Vec::new() };
    let steps = (0u32..).zip(&plan.steps).filter(|(_, s)| s.skip.is_none());
    steps.filter_map(|(step, s)| s.call().map(|call| (step, call))).collect()
}

/// The price of every command that an order wants to have reserved. What cannot be known before the run is named as that,
/// so it is refused rather than free.
pub(super) fn asked(presence: &Presence, change: &VerifiedRun) -> Vec<Asked> {
    priced(change)
        .into_iter()
        .map(|(step, call)| {
            let served = |payload: &Payload| {
                let (provider, instance) = (&call.target.provider, &call.target.instance);
                presence.served(&Call { provider, instance, operation: &call.operation, payload })
            };
            let (served, pricing) = match &call.args {
                Args::Fixed(payload) => served(payload),
                Args::Open(_) => match served(&Payload::empty()) {
                    free @ (_, Pricing::Free) => free,
                    (served, _) => {
                        let why = format!("what step {step} costs depends on earlier steps: use --reserve step");
                        (served, Pricing::Unknown(why))
                    }
                },
            };
            let is_served = matches!(served, Served::By { .. });
            Asked { step, operation: call.operation.clone(), target: call.target.clone(), is_served, pricing }
        })
        .collect()
}

impl Sequencer {
    /// Ends runs whose time is over or whose place another one took, and lets those go on that waited for them.
    pub(super) fn turn_runs(&mut self, now: Timestamp, pending: &mut Pending) -> Result<(), BrokerError> {
        while let Some(run) = self.state.runs().to_end(now.max(self.state.at())) {
            if !self.say(now, Input::RunOver { run }, pending)? {
                break;
            }
        }
        while let Some(run) = self.state.runs().grantable() {
            if !self.say(now, Input::Lease { run }, pending)? {
                break;
            }
        }
        Ok(())
    }

    /// Who listens to this entry beside those who listen to all. `run`: of the command it is about.
    pub(super) fn also(&self, body: &Body, run: Option<CommandId>) -> Option<Also> {
        if matches!(body, Body::Trust { .. }) {
            return Some(Also::Trust);
        }
        if self.state.runs().is_empty() {
            return None;
        }
        let run = run.or_else(|| names_run(body))?;
        let delegate = self.state.runs().get(&run)?.order().delegate;
        Some(Also::Run { run, delegate })
    }
}

/// The run that an entry itself names.
fn names_run(body: &Body) -> Option<CommandId> {
    let by_envelope = |envelope: &Envelope| match envelope.kind() {
        Kind::Command => envelope.read_unverified::<Command>().ok()?.run.map(|step| step.run),
        Kind::Run => envelope.read_unverified::<RunChange>().ok().map(|change| change.run()),
        _ => None,
    };
    match body {
        Body::Lease { run } | Body::RunOver { run, .. } => Some(*run),
        Body::Run { envelope, .. } | Body::Rejected { envelope, .. } => by_envelope(envelope),
        _ => None,
    }
}
