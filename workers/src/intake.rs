//! From bytes on the work queue to work that may be executed. The queue is open to anybody on the bus, so nothing in a
//! message is believed but what the broker signed (it is in the log) and what an operator signed (they asked for it).

use crate::trust::TrustView;
use if_manifest::ProviderSpec;
use if_schemas::{
    Body, Cause, Command, CommandId, Effect, Entry, Envelope, Hash, KeyId, Name, OperationId, Payload, Reject,
    RunChange, RunOp, SchemaError, Timestamp, TraceId, Trust,
    outcome::Failure,
    payload::Arguments,
    price::Quote,
    wire::{Message, WorkItem},
};
use serde_json::{Map, Value};

/// How long after its deadline a command is remembered, microseconds. Later than this its work is not even answered.
pub const REMEMBER_US: i64 = 60_000_000;

/// What a result needs to know of the work it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub command: CommandId,
    /// Hash of the entry that admitted the command.
    pub entry: Hash,
    pub trace: TraceId,
    pub operation: OperationId,
    pub provider: Name,
    pub instance: Name,
    pub deadline: Timestamp,
    pub effect: Effect,
    /// What it may cost, from the admission; none where the operation is free.
    pub quote: Option<Quote>,
}

impl Assignment {
    /// Must not run twice: a repeat would do it again, or pay for it again with only one reservation.
    pub fn runs_once(&self) -> bool {
        self.effect == Effect::Once || self.quote.is_some()
    }
}

/// Work that passed every check. Made only by [`check`].
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedWork {
    assignment: Assignment,
    args: Map<String, Value>,
    redact: Vec<String>,
    cause: Option<Cause>,
}

impl CheckedWork {
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }
    /// Checked against the operation's parameters, defaults filled in.
    pub fn args(&self) -> &Map<String, Value> {
        &self.args
    }
    /// There if a trigger sent it.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }
    /// Names whose values stay out of the result.
    pub fn redact(&self) -> &[String] {
        &self.redact
    }
}

/// Authentic work.
#[derive(Debug, Clone, PartialEq)]
pub enum Intake {
    Execute(CheckedWork),
    /// Past its deadline: answered, not executed.
    Expired(Assignment),
    /// Cannot be executed here: answered with why.
    Refused(Assignment, Failure),
}

impl Intake {
    pub fn assignment(&self) -> &Assignment {
        match self {
            Intake::Execute(work) => work.assignment(),
            Intake::Expired(assignment) | Intake::Refused(assignment, _) => assignment,
        }
    }
}

/// Work that is not authentic, or not for this node. Dropped without an answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IntakeError {
    #[error("not a work item: {0}")]
    Malformed(SchemaError),
    #[error("the head is not signed by the broker of this log: {0}")]
    ForgedHead(SchemaError),
    #[error("the head names another entry than the one sent along")]
    HeadMismatch,
    #[error("the head is of another log")]
    OtherLog,
    #[error("the entry is {0}, not an admission")]
    NotAdmitted(&'static str),
    #[error("{0}")]
    Signer(Reject),
    #[error("the command is for {0}")]
    WrongTarget(String),
    #[error("the command is a dry run")]
    DryRun,
    #[error("the payload is missing")]
    PayloadMissing,
    #[error("the payload is not the one the command commits to: {0}")]
    Payload(SchemaError),
    #[error("the deadline passed at {0}, nobody waits for it any more")]
    Stale(Timestamp),
    /// Authentic, but this node may not serve the instance: for another node.
    #[error("{0}")]
    NotServed(Reject),
    /// Authentic, but the broker gave it to another node.
    #[error("it is for the node {0}")]
    Elsewhere(Name),
    /// Authentic, but the signer may not ask for it as far as this node knows.
    #[error("{reject}")]
    Denied { assignment: Box<Assignment>, reject: Reject },
}

impl IntakeError {
    /// Stable name for logs and counters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::ForgedHead(_) => "forged_head",
            Self::HeadMismatch => "head_mismatch",
            Self::OtherLog => "other_log",
            Self::NotAdmitted(_) => "not_admitted",
            Self::Signer(reject) | Self::NotServed(reject) | Self::Denied { reject, .. } => reject.code.as_str(),
            Self::WrongTarget(_) => "subject_mismatch",
            Self::DryRun => "dry_run",
            Self::PayloadMissing => "payload_missing",
            Self::Payload(_) => "payload_mismatch",
            Self::Stale(_) => "stale",
            Self::Elsewhere(_) => "elsewhere",
        }
    }

    /// True if newer trust entries could change the answer.
    pub fn may_be_old_trust(&self) -> bool {
        let unknown = |r: &Reject| r.code == if_schemas::Code::UnknownKey;
        match self {
            Self::ForgedHead(SchemaError::WrongKey { .. }) | Self::NotServed(_) | Self::Denied { .. } => true,
            Self::Signer(reject) => unknown(reject),
            _ => false,
        }
    }
}

/// Where work is taken in: one instance of one node.
pub struct Desk<'a> {
    pub provider: &'a Name,
    pub instance: &'a Name,
    pub spec: &'a ProviderSpec,
    pub trust: &'a TrustView,
    /// This node's key.
    pub worker: KeyId,
    pub now: Timestamp,
}

/// Checks one message. The order matters: what can be answered comes after everything that proves it is authentic.
pub fn check(desk: &Desk<'_>, message: &[u8]) -> Result<Intake, IntakeError> {
    let item = WorkItem::from_message(message).map_err(IntakeError::Malformed)?;
    let entry = check_head(desk.trust, &item)?;
    let Body::Admitted { envelope, worker, quote, .. } = &entry.body else {
        return Err(IntakeError::NotAdmitted(entry.body.name()));
    };
    let signer = desk.trust.trust.claimed(envelope).map_err(IntakeError::Signer)?.member.key;
    let command: Command = envelope.open(&signer).map_err(|e| IntakeError::Signer(e.into()))?;
    if (&command.provider, &command.instance) != (desk.provider, desk.instance) {
        return Err(IntakeError::WrongTarget(format!("{}/{}", command.provider, command.instance)));
    }
    if command.dry_run {
        return Err(IntakeError::DryRun);
    }
    if desk.now.since_us(command.deadline) > REMEMBER_US {
        return Err(IntakeError::Stale(command.deadline));
    }
    let payload = item.payload.as_ref().ok_or(IntakeError::PayloadMissing)?;
    payload.check(&command.payload).map_err(IntakeError::Payload)?;
    let serves = desk.trust.trust.authorize_worker(&desk.worker, desk.provider, desk.instance);
    serves.map_err(IntakeError::NotServed)?;
    let own = desk.trust.trust.standing(&desk.worker).map(|s| &s.member.name);
    if own != Some(worker) {
        return Err(IntakeError::Elsewhere(worker.clone()));
    }
    let assignment = assignment_of(&command, Entry::hash_bytes(&item.entry), quote.clone());
    if desk.now >= command.deadline {
        return Ok(Intake::Expired(assignment));
    }
    if let Err(reject) = may_send(&desk.trust.trust, &envelope.key(), &command, item.order.as_deref()) {
        return Err(IntakeError::Denied { assignment: Box::new(assignment), reject });
    }
    match arguments(desk.spec, &command, payload) {
        Ok(Checked { args, redact, cause }) => {
            let cause = cause.or_else(|| cause_of_run(&command, item.order.as_deref()));
            Ok(Intake::Execute(CheckedWork { assignment, args, redact, cause }))
        }
        Err(failure) => Ok(Intake::Refused(assignment, failure)),
    }
}

/// By a grant of its signer, or by the order of a run, which the operator signed: the broker's word alone is not enough.
fn may_send(trust: &Trust, signer: &KeyId, command: &Command, order: Option<&Envelope>) -> Result<(), Reject> {
    match &command.run {
        None => trust.authorize(signer, command),
        Some(step) => if_schemas::run::authorize(trust, signer, command, step, order),
    }
}

/// Why the run was ordered that the command is part of. The order was checked with the command.
fn cause_of_run(command: &Command, order: Option<&Envelope>) -> Option<Cause> {
    command.run.as_ref()?;
    match order?.read_unverified::<RunChange>().ok()?.op {
        RunOp::Start(order) => order.cause.map(|cause| *cause),
        _ => None,
    }
}

/// The answer to a denial that stays one after trust was refreshed.
pub fn refuse_denied(error: IntakeError) -> Result<Intake, IntakeError> {
    match error {
        IntakeError::Denied { assignment, reject } => {
            let code = reject.code.as_str().to_string();
            Ok(Intake::Refused(*assignment, Failure { code, message: reject.message, hint: reject.hint }))
        }
        other => Err(other),
    }
}

fn check_head(trust: &TrustView, item: &WorkItem) -> Result<Entry, IntakeError> {
    let head = item.open_head(&trust.broker).map_err(|error| match error {
        SchemaError::HashMismatch { .. } => IntakeError::HeadMismatch,
        error => IntakeError::ForgedHead(error),
    })?;
    if head.log != trust.log {
        return Err(IntakeError::OtherLog);
    }
    let entry = Entry::decode(&item.entry).map_err(IntakeError::Malformed)?;
    if head.index != entry.index {
        return Err(IntakeError::HeadMismatch);
    }
    Ok(entry)
}

fn assignment_of(command: &Command, entry: Hash, quote: Option<Quote>) -> Assignment {
    Assignment {
        command: command.id,
        entry,
        trace: command.trace,
        operation: command.operation.clone(),
        provider: command.provider.clone(),
        instance: command.instance.clone(),
        deadline: command.deadline,
        effect: command.effect,
        quote,
    }
}

/// What a payload that passed its checks says.
struct Checked {
    args: Map<String, Value>,
    redact: Vec<String>,
    cause: Option<Cause>,
}

/// The checked arguments, or why this node cannot execute the command.
fn arguments(spec: &ProviderSpec, command: &Command, payload: &Payload) -> Result<Checked, Failure> {
    let fail =
        |code: &str, message: String, hint: &str| Failure { code: code.into(), message, hint: Some(hint.into()) };
    let Some(operation) = spec.operation(command.operation.as_str()) else {
        let message = format!("this node's {} does not know {}", spec.id, command.operation);
        return Err(fail("unknown_operation", message, "use the same version of the worker and the command line"));
    };
    if operation.effect != command.effect {
        let message = format!("{} was sent as {:?}, here it is {:?}", operation.id, command.effect, operation.effect);
        return Err(fail("effect_mismatch", message, "use the same version of the worker and the command line"));
    }
    let given: Arguments = payload.read().map_err(|e| {
        fail("invalid_arguments", format!("the arguments cannot be read: {e}"), "send them with `ifctl`")
    })?;
    let args = operation
        .check(&given.args)
        .map_err(|e| fail("invalid_arguments", e.to_string(), "see `ifctl provider show` for the parameters"))?;
    Ok(Checked { args, redact: operation.redact.clone(), cause: given.cause })
}

#[cfg(test)]
mod tests;
