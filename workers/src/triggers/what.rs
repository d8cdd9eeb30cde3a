//! What a rule sends: its one command, or the order of its profile. Checked once, signed anew each time it fires.

use super::shot::ShotError;
use crate::clock;
use if_home::triggers::Call;
use if_manifest::ProviderSpec;
use if_schemas::{
    Cause, Command, CommandId, Effect, Envelope, KeyId, Order, Payload, Plan, RunChange, RunOp, SigningKey, Timestamp,
    TraceId,
    payload::Arguments,
    run::{OnConflict, Reserve},
    subject,
    wire::Submission,
};
use serde_json::{Map, Value};
use std::time::Duration;

/// How long an order may be on its way, microseconds.
const ORDER_LIFE_US: i64 = 5_000_000;

pub enum What {
    Command {
        call: Call,
        effect: Effect,
        args: Map<String, Value>,
    },
    /// `until` of the order is set when it is signed.
    Order {
        plan: Payload,
        order: Box<Order>,
    },
}

/// Signed, with where it goes.
pub struct Signed {
    pub id: CommandId,
    pub subject: String,
    pub submission: Submission,
}

/// One firing.
pub struct Firing {
    pub trace: TraceId,
    pub cause: Cause,
    /// How long the command, or the run, may take.
    pub deadline: Duration,
}

impl What {
    /// Checks the command against what its provider can do.
    pub fn command(call: &Call, spec: &ProviderSpec) -> Result<Self, String> {
        let operation = spec.operation(call.operation.as_str()).ok_or_else(|| {
            let known = spec.operations.iter().map(|o| o.id.as_str());
            let near = if_manifest::args::nearest(call.operation.as_str(), known);
            let hint = near.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
            format!("{} has no operation {}{hint}", spec.id, call.operation)
        })?;
        let args = operation.check(&call.args).map_err(|e| e.to_string())?;
        Ok(Self::Command { effect: operation.effect, call: call.clone(), args })
    }

    /// The order of a plan, to be carried out by the node with this key. While an earlier run of it goes on, another is
    /// refused.
    pub fn order(plan: &Plan, delegate: KeyId) -> Result<Self, String> {
        let order = Order {
            profile: plan.profile.clone(),
            delegate,
            until: Timestamp::default(),
            root: plan.tree().map_err(|e| e.to_string())?.root,
            steps: u32::try_from(plan.steps.len()).map_err(|e| e.to_string())?,
            writes: plan.writes().into_iter().collect(),
            on_conflict: OnConflict::Refuse,
            max_cost: None,
            reserve: Reserve::Run,
            session: None,
            cause: None,
        };
        let salt = clock::salt().ok_or("the operating system gives no random numbers")?;
        let plan = Payload::new(plan, salt).map_err(|e| e.to_string())?;
        Ok(Self::Order { plan, order: Box::new(order) })
    }

    pub fn sign(&self, firing: Firing, key: &SigningKey) -> Result<Signed, ShotError> {
        let issued_at = clock::now();
        let millis = u64::try_from(issued_at.0 / 1_000).unwrap_or(0);
        let id = CommandId::new(millis, clock::random().ok_or(ShotError::Random)?);
        let Firing { trace, cause, deadline } = firing;
        let until = issued_at.saturating_add_us(i64::try_from(deadline.as_micros()).unwrap_or(i64::MAX));
        match self {
            Self::Command { call, effect, args } => {
                let arguments = Arguments { args: args.clone(), why: None, cause: Some(cause) };
                let payload = Payload::new(&arguments, clock::salt().ok_or(ShotError::Random)?)?;
                let command = Command {
                    id,
                    trace,
                    issued_at,
                    deadline: until,
                    operation: call.operation.clone(),
                    provider: call.target.provider.clone(),
                    instance: call.target.instance.clone(),
                    effect: *effect,
                    dry_run: false,
                    session: None,
                    payload: payload.hash(),
                    run: None,
                };
                let subject = subject::command(&command.provider, &command.instance, &command.operation);
                let envelope = Envelope::seal(&command, key)?;
                Ok(Signed { id, subject, submission: Submission { envelope, payload: Some(payload) } })
            }
            Self::Order { plan, order } => {
                let order = Order { until, cause: Some(Box::new(cause)), ..(**order).clone() };
                let change = RunChange {
                    id,
                    trace,
                    issued_at,
                    deadline: issued_at.saturating_add_us(ORDER_LIFE_US),
                    op: RunOp::Start(order),
                    payload: Some(plan.hash()),
                };
                let envelope = Envelope::seal(&change, key)?;
                let submission = Submission { envelope, payload: Some(plan.clone()) };
                Ok(Signed { id, subject: subject::RUN.into(), submission })
            }
        }
    }
}
