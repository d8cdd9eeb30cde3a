//! One entry taken apart for showing: hash recomputed, signature and payload checked.

use crate::{CliError, client::Client, commands::guard, output::value};
use if_schemas::{
    Body, Cause, Command, Entry, Envelope, FinanceChange, Hash, Kind, Member, Outcome, Payload, ResultEvent, RunChange,
    RunOp, SchemaError, TrustChange, TrustOp, member::Genesis, payload::Arguments, query::ShownEntry,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A checked entry.
pub struct View {
    pub entry: Entry,
    pub hash: Hash,
    pub payload: Option<Payload>,
    /// Whose signature was checked; none where the broker itself settled.
    pub signer: Option<Member>,
    /// Names of arguments and result fields that are not shown.
    pub redact: Vec<String>,
}

/// What an envelope says, read.
pub enum Said {
    Command(Command),
    Result(ResultEvent),
    Trust(TrustChange),
    Finance(FinanceChange),
    Run(RunChange),
    Genesis(Genesis),
    Nothing,
}

/// Checks what the broker showed. Trust must be up to date.
pub fn check(client: &Client, shown: &ShownEntry) -> Result<View, CliError> {
    let bytes = unhex(&shown.bytes_hex)?;
    let entry = Entry::decode(&bytes)?;
    let hash = Entry::hash_bytes(&bytes);
    if hash != shown.hash || entry.index != shown.index {
        return Err(CliError::damaged(format!("entry {} is not what it is said to be", shown.index)));
    }
    let signer = entry.body.envelope().map(|e| signer(client, entry.index, e)).transpose()?;
    let payload = match &shown.payload {
        None => None,
        Some(hexed) => {
            let payload = Payload { salt: hexed.salt, bytes: unhex(&hexed.bytes_hex)? };
            let commitment = entry.body.committed_payload()?.ok_or(SchemaError::HashMismatch { what: "payload" })?;
            payload.check(&commitment)?;
            Some(payload)
        }
    };
    Ok(View { entry, hash, payload, signer, redact: Vec::new() })
}

/// Any member that ever was: entries signed by a key revoked later still count.
fn signer(client: &Client, index: u64, envelope: &Envelope) -> Result<Member, CliError> {
    let member = client.trust.member(&envelope.key()).cloned();
    let member = member.ok_or_else(|| {
        CliError::damaged(format!("entry {index} is signed by {}, which no member has or had", envelope.key()))
    })?;
    envelope.verify(&member.key)?;
    Ok(member)
}

fn unhex(text: &str) -> Result<Vec<u8>, CliError> {
    hex::decode(text).map_err(|e| CliError::failed(format!("the broker's answer is not hex: {e}")))
}

impl View {
    pub fn said(&self) -> Result<Said, CliError> {
        let Some(envelope) = self.entry.body.envelope() else { return Ok(Said::Nothing) };
        Ok(match envelope.kind() {
            Kind::Command => Said::Command(envelope.read_unverified()?),
            Kind::Result => Said::Result(envelope.read_unverified()?),
            Kind::Trust => Said::Trust(envelope.read_unverified()?),
            Kind::Finance => Said::Finance(envelope.read_unverified()?),
            Kind::Run => Said::Run(envelope.read_unverified()?),
            Kind::Genesis => Said::Genesis(envelope.read_unverified()?),
            _ => Said::Nothing,
        })
    }

    pub fn arguments(&self) -> Option<Arguments> {
        self.read_payload()
    }
    /// The trigger that sent the command, or ordered the run, and why.
    pub fn cause(&self) -> Option<Cause> {
        match self.said().ok()? {
            Said::Run(RunChange { op: RunOp::Start(order), .. }) => order.cause.map(|cause| *cause),
            Said::Command(_) => self.arguments()?.cause,
            _ => None,
        }
    }
    pub fn outcome(&self) -> Option<Outcome> {
        self.read_payload()
    }

    fn read_payload<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.shown_payload()?).ok()
    }

    fn shown_payload(&self) -> Option<Value> {
        let mut payload: Value = self.payload.as_ref()?.read().ok()?;
        if_manifest::redact(&mut payload, &self.redact);
        Some(payload)
    }

    pub fn signer_name(&self) -> String {
        self.signer.as_ref().map_or("broker".into(), |m| m.name.to_string())
    }

    /// What the entry says beyond its kind, on one line.
    pub fn summary(&self) -> Result<String, CliError> {
        Ok(match (&self.entry.body, self.said()?) {
            (Body::Admitted { worker, reserved, .. }, Said::Command(c)) => {
                format!("{} on {}/{} by {worker}, reserved {reserved}", c.operation, c.provider, c.instance)
            }
            (Body::Rejected { reject, .. }, _) => format!("{}: {}", reject.code, reject.message),
            (Body::Completed { settlement, .. }, Said::Result(r)) => {
                format!("{}, posted {}{}", r.status.as_str(), settlement.posted, routed(&r))
            }
            (Body::Unresolved { reason, settlement, .. }, _) => format!("{reason}, posted {}", settlement.posted),
            (Body::Late { .. }, Said::Result(r)) => format!("{} came after the settlement", r.status.as_str()),
            (Body::Period { budget, start, end }, _) => format!("{budget}: from {start} to {end}"),
            (_, Said::Trust(t)) => trust_text(&t.op),
            (_, Said::Finance(f)) => f.op.operation().to_string(),
            (Body::Lease { run }, _) => format!("the run {run} goes on"),
            (Body::RunOver { run, outcome, .. }, _) => format!("the run {run} ends: {}", outcome.as_str()),
            (_, Said::Run(r)) => format!("{} of the run {}", r.op.operation(), r.run()),
            (_, Said::Genesis(g)) => format!("{} members", g.members.len()),
            _ => String::new(),
        })
    }

    pub fn document(&self) -> Result<Value, CliError> {
        let envelope = self.entry.body.envelope();
        let said = match self.said()? {
            Said::Command(c) => to_value(&c)?,
            Said::Result(r) => to_value(&r)?,
            Said::Trust(t) => to_value(&t)?,
            Said::Finance(f) => to_value(&f)?,
            Said::Run(r) => to_value(&r)?,
            Said::Genesis(g) => to_value(&g)?,
            Said::Nothing => Value::Null,
        };
        let settled = match &self.entry.body {
            Body::Admitted { worker, reserved, quote, .. } => {
                json!({"worker": worker, "reserved": reserved, "quote": quote})
            }
            Body::Completed { settlement, .. } | Body::Unresolved { settlement, .. } => to_value(settlement)?,
            Body::Rejected { reject, .. } => to_value(reject)?,
            _ => Value::Null,
        };
        let payload = self.shown_payload();
        Ok(json!({
            "index": self.entry.index,
            "hash": self.hash,
            "prev": self.entry.prev,
            "at": self.entry.at,
            "kind": self.entry.body.name(),
            "signer": envelope.map(|e| json!({"key_id": e.key(), "name": self.signer.as_ref().map(|m| m.name.clone())})),
            "signature_verified": envelope.is_some(),
            "body": said,
            "settlement": settled,
            "payload": payload,
        }))
    }

    /// The payload for a person: arguments, result or failure.
    pub fn payload_lines(&self, style: crate::output::Style) -> String {
        if let Some(arguments) = self.arguments() {
            let args = value::document(style, &Value::Object(arguments.args));
            let why = arguments.why.map(|w| format!("  why  {}\n", value::printable(&w))).unwrap_or_default();
            let cause = arguments.cause.map(|c| format!("  trigger  {}\n", value::printable(&cause_text(&c))));
            return format!("{args}{why}{}", cause.unwrap_or_default());
        }
        match self.outcome() {
            Some(Outcome::Result(result)) => value::document(style, &result),
            Some(Outcome::Error(failure)) => value::document(style, &to_value(&failure).unwrap_or_default()),
            None => String::new(),
        }
    }
}

/// Which trigger sent it, why, and after which others.
pub fn cause_text(cause: &Cause) -> String {
    let Cause { trigger, because, chain, .. } = cause;
    let after = chain.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" → ");
    let after = if after.is_empty() { after } else { format!(" (after {after})") };
    format!("{trigger}: {because}{after}")
}

/// Where a command went that its instance did not execute alone, after what else is said of it.
pub fn routed(result: &ResultEvent) -> String {
    result.route.as_ref().map(|route| format!(", {}", route.text())).unwrap_or_default()
}

fn trust_text(op: &TrustOp) -> String {
    match op {
        TrustOp::Add(m) => format!("add {} as {}", m.name, m.role.as_str()),
        TrustOp::Revoke(key) => format!("revoke key {key}"),
        TrustOp::Rotate(key) => format!("rotate to key {}", key.key_id()),
        TrustOp::Pin { plugin, hash } => format!("pin plugin {plugin} to {}", value::short(*hash)),
        TrustOp::Unpin { plugin } => format!("unpin plugin {plugin}"),
        TrustOp::Guard { name, policy } => format!("policy {name}: {}", guard::policy::text(policy)),
        TrustOp::Unguard { name } => format!("end of the policy {name}"),
    }
}

fn to_value<T: Serialize>(value: &T) -> Result<Value, CliError> {
    serde_json::to_value(value).map_err(|e| CliError::failed(format!("cannot be shown as JSON: {e}")))
}
