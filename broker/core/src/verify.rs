//! From untrusted submissions to values whose signature is proven. The only constructors of the `Verified*` types.

use if_schemas::{
    Code, Command, Envelope, FinanceChange, Hash, KeyId, Kind, Name, OperationId, Payload, Plan, PublicKey, Reject,
    ResultEvent, RunChange, RunOp, SchemaError, Signed, Trust, TrustChange, wire::Submission,
};

/// An envelope of a member, its signature checked, its body read.
#[derive(Debug, Clone)]
pub struct Authentic<T> {
    envelope: Envelope,
    hash: Hash,
    body: T,
    signer: PublicKey,
}

impl<T: Signed> Authentic<T> {
    fn verify(trust: &Trust, envelope: Envelope) -> Result<Self, Reject> {
        // Read the body before its signature is proven only to answer with a better code; nothing acts on it until then.
        let signer = trust.claimed(&envelope)?.member.key;
        let body = envelope.open(&signer)?;
        let hash = envelope.hash()?;
        Ok(Self { envelope, hash, body, signer })
    }
}

impl<T> Authentic<T> {
    pub fn body(&self) -> &T {
        &self.body
    }
    pub fn key(&self) -> KeyId {
        self.envelope.key()
    }
    pub fn signer(&self) -> PublicKey {
        self.signer
    }
    /// Hash of the exact envelope bytes.
    pub fn hash(&self) -> Hash {
        self.hash
    }
    pub(crate) fn into_envelope(self) -> Envelope {
        self.envelope
    }
}

/// A command whose signer, subject and payload are proven. Not yet allowed to do anything.
#[derive(Debug, Clone)]
pub struct VerifiedCommand {
    pub(crate) authentic: Authentic<Command>,
    pub(crate) payload: Payload,
}

impl VerifiedCommand {
    /// `subject` is what the message arrived on. A mismatch with the signed body means somebody on the bus moved
    /// or changed the message, not that its signer did wrong: like a bad signature it is refused and not logged.
    pub fn verify(trust: &Trust, submission: Submission, subject: &str) -> Result<Self, Reject> {
        let authentic = Authentic::<Command>::verify(trust, submission.envelope)?;
        let c = authentic.body();
        check_subject(subject, &c.provider, &c.instance, &c.operation)?;
        let payload = check_payload(submission.payload, &c.payload)?;
        Ok(Self { authentic, payload })
    }
    pub fn command(&self) -> &Command {
        self.authentic.body()
    }
    pub fn hash(&self) -> Hash {
        self.authentic.hash()
    }
    pub fn signer(&self) -> PublicKey {
        self.authentic.signer()
    }
    /// The payload the signature commits to: the arguments.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }
}

/// A trust change whose signer is proven.
#[derive(Debug, Clone)]
pub struct VerifiedChange {
    pub(crate) authentic: Authentic<TrustChange>,
}

impl VerifiedChange {
    pub fn verify(trust: &Trust, submission: Submission) -> Result<Self, Reject> {
        Authentic::verify(trust, submission.envelope).map(|authentic| Self { authentic })
    }
    pub fn change(&self) -> &TrustChange {
        self.authentic.body()
    }
    pub fn hash(&self) -> Hash {
        self.authentic.hash()
    }
}

/// A change of budgets, prices or rates whose signer is proven.
#[derive(Debug, Clone)]
pub struct VerifiedFinance {
    pub(crate) authentic: Authentic<FinanceChange>,
}

impl VerifiedFinance {
    pub fn verify(trust: &Trust, submission: Submission) -> Result<Self, Reject> {
        Authentic::verify(trust, submission.envelope).map(|authentic| Self { authentic })
    }
    pub fn change(&self) -> &FinanceChange {
        self.authentic.body()
    }
    pub fn hash(&self) -> Hash {
        self.authentic.hash()
    }
}

/// A change of a run whose signer and payload are proven; an order also has a plan that it is the order of.
#[derive(Debug, Clone)]
pub struct VerifiedRun {
    pub(crate) authentic: Authentic<RunChange>,
    pub(crate) payload: Option<Payload>,
    plan: Option<Plan>,
}

impl VerifiedRun {
    /// The plan is looked at here, not by the one writer: it may be large. Like a payload that does not match, an order of
    /// something else than its plan is refused and not logged.
    pub fn verify(trust: &Trust, submission: Submission) -> Result<Self, Reject> {
        let authentic = Authentic::<RunChange>::verify(trust, submission.envelope)?;
        let change = authentic.body();
        let bad = |error: SchemaError| Reject::new(Code::BadRunChange, error.to_string());
        change.check().map_err(bad)?;
        let payload = match &change.payload {
            Some(committed) => Some(check_payload(submission.payload, committed)?),
            None => None,
        };
        let plan = match (&change.op, &payload) {
            (RunOp::Start(order), Some(payload)) => {
                let plan: Plan = payload.read().map_err(bad)?;
                order.check_plan(&plan).map_err(bad)?;
                Some(plan)
            }
            _ => None,
        };
        Ok(Self { authentic, payload, plan })
    }
    pub fn change(&self) -> &RunChange {
        self.authentic.body()
    }
    pub fn hash(&self) -> Hash {
        self.authentic.hash()
    }
    pub fn signer(&self) -> PublicKey {
        self.authentic.signer()
    }
    /// Of an order.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }
}

/// A result whose signer and payload are proven.
#[derive(Debug, Clone)]
pub struct VerifiedResult {
    pub(crate) authentic: Authentic<ResultEvent>,
    pub(crate) payload: Payload,
}

impl VerifiedResult {
    pub fn verify(trust: &Trust, submission: Submission) -> Result<Self, Reject> {
        let authentic = Authentic::<ResultEvent>::verify(trust, submission.envelope)?;
        let payload = check_payload(submission.payload, &authentic.body().payload)?;
        Ok(Self { authentic, payload })
    }
    pub fn result(&self) -> &ResultEvent {
        self.authentic.body()
    }
    pub fn hash(&self) -> Hash {
        self.authentic.hash()
    }
    pub fn signer(&self) -> PublicKey {
        self.authentic.signer()
    }
}

/// What kind of submission this is, before anything is proven.
pub fn kind(submission: &Submission) -> Kind {
    submission.envelope.kind()
}

fn check_subject(subject: &str, provider: &Name, instance: &Name, operation: &OperationId) -> Result<(), Reject> {
    let expected = if_schemas::subject::command(provider, instance, operation);
    if subject == expected {
        return Ok(());
    }
    Err(Reject::new(Code::SubjectMismatch, format!("the signed command is for {expected}, it came on {subject}")))
}

fn check_payload(payload: Option<Payload>, committed: &Hash) -> Result<Payload, Reject> {
    let payload = payload.ok_or(SchemaError::HashMismatch { what: "payload" })?;
    payload.check(committed)?;
    Ok(payload)
}
