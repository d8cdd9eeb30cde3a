//! The golden vectors: the files are what the generator makes, valid ones read and rewrite to the same bytes,
//! invalid ones fail with the error they name.
#![allow(clippy::unwrap_used)]

#[path = "../examples/make_vectors/fixtures.rs"]
mod fixtures;
#[path = "../examples/make_vectors/invalid.rs"]
mod invalid;
#[path = "../examples/make_vectors/invalid_log.rs"]
mod invalid_log;
#[path = "../examples/make_vectors/invalid_money.rs"]
mod invalid_money;
#[path = "../examples/make_vectors/invalid_rules.rs"]
mod invalid_rules;
#[path = "../examples/make_vectors/invalid_runs.rs"]
mod invalid_runs;
#[path = "../examples/make_vectors/log.rs"]
#[allow(dead_code)]
mod log;
#[path = "../examples/make_vectors/policies.rs"]
mod policies;
#[path = "../examples/make_vectors/raw.rs"]
mod raw;
#[path = "../examples/make_vectors/runs.rs"]
mod runs;
#[path = "../examples/make_vectors/valid.rs"]
mod valid;
#[path = "../examples/make_vectors/valid_runs.rs"]
mod valid_runs;

use if_schemas::{
    Command, Entry, Envelope, Hash, Head, Kind, Payload, PublicKey, ResultEvent, SchemaError, Signed, Timestamp,
    TrustChange, Verifier, codec,
    export::{ExportError, Reader, Record, Writer},
    head::Receipt,
    member::Genesis,
    outcome::Progress,
    presence::Announcement,
    wire::{Committed, Message, Submission},
};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::PathBuf};

struct Case {
    name: String,
    bytes: Vec<u8>,
    json: Value,
}

impl Case {
    fn what(&self) -> &str {
        self.json["what"].as_str().unwrap()
    }
    fn expect(&self, field: &str) -> &Value {
        &self.json["expect"][field]
    }
    /// A field of `expect` as the text it must have.
    #[track_caller]
    fn assert_text(&self, field: &str, actual: impl ToString) {
        assert_eq!(self.expect(field).as_str(), Some(actual.to_string().as_str()), "{}: {field}", self.name);
    }
    fn key(&self, value: &Value) -> PublicKey {
        value.as_str().unwrap_or_else(|| panic!("{} has no public key", self.name)).parse().unwrap()
    }
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name)
}

fn cases(folder_name: &str) -> Vec<Case> {
    let mut names: Vec<_> = fs::read_dir(folder(folder_name)).unwrap().map(|f| f.unwrap().path()).collect();
    names.sort();
    let cases: Vec<Case> = names
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "json"))
        .map(|p| Case {
            name: p.file_stem().unwrap().to_string_lossy().into_owned(),
            bytes: fs::read(p.with_extension("bin")).unwrap(),
            json: serde_json::from_slice(&fs::read(p).unwrap()).unwrap(),
        })
        .collect();
    assert!(cases.len() >= 20, "only {} vectors in {folder_name}", cases.len());
    cases
}

#[test]
fn files_are_exactly_what_the_generator_makes() {
    let mut expected = BTreeSet::new();
    for vector in fixtures::all() {
        let stem = folder(vector.folder()).join(&vector.name);
        let bytes = fs::read(stem.with_extension("bin")).unwrap_or_else(|e| panic!("{}: {e}", vector.name));
        assert!(bytes == vector.bytes, "the bytes of {} changed: is that a new format version?", vector.name);
        let json: Value = serde_json::from_slice(&fs::read(stem.with_extension("json")).unwrap()).unwrap();
        assert_eq!(json, vector.json, "{}", vector.name);
        assert!(expected.insert(stem.with_extension("bin")) && expected.insert(stem.with_extension("json")));
    }
    for name in ["valid", "invalid"] {
        for file in fs::read_dir(folder(name)).unwrap() {
            let path = file.unwrap().path();
            assert!(expected.contains(&path), "{} is no vector of the generator", path.display());
        }
    }
}

#[test]
fn valid_vectors_read_and_rewrite_to_the_same_bytes() {
    for case in cases("valid") {
        match case.what() {
            "envelope" => check_envelope(&case),
            "payload" => check_payload(&case),
            "entry" => check_entry(&case),
            "submission" => {
                let submission = Submission::from_message(&case.bytes).unwrap();
                assert_eq!(submission.to_message().unwrap(), case.bytes, "{}", case.name);
                case.assert_text("key_id", submission.envelope.key());
                case.assert_text("envelope_hash", submission.envelope.hash().unwrap());
            }
            "committed" => check_committed(&case),
            "export" => check_export(&case),
            other => panic!("{}: what is {other:?}?", case.name),
        }
    }
}

fn check_envelope(case: &Case) {
    let envelope = Envelope::decode(&case.bytes).unwrap();
    assert_eq!(envelope.encode().unwrap(), case.bytes, "{}", case.name);
    let key = case.key(case.expect("public_key"));
    case.assert_text("key_id", key.key_id());
    case.assert_text("kind", envelope.kind().as_str());
    case.assert_text("envelope_hash", envelope.hash().unwrap());
    let (message, sig) = envelope.signed_parts().unwrap();
    case.assert_text("signed_message_hex", hex::encode(message));
    case.assert_text("sig", sig);
    match envelope.kind() {
        Kind::Command => check_body::<Command>(case, &envelope, &key),
        Kind::Trust => check_body::<TrustChange>(case, &envelope, &key),
        Kind::Genesis => check_body::<Genesis>(case, &envelope, &key),
        Kind::Result => check_body::<ResultEvent>(case, &envelope, &key),
        Kind::Progress => check_body::<Progress>(case, &envelope, &key),
        Kind::Head => check_body::<Head>(case, &envelope, &key),
        Kind::Receipt => check_body::<Receipt>(case, &envelope, &key),
        Kind::Presence => check_body::<Announcement>(case, &envelope, &key),
        Kind::Finance => check_body::<if_schemas::FinanceChange>(case, &envelope, &key),
        Kind::State => check_body::<if_schemas::state::StateReport>(case, &envelope, &key),
        Kind::Run => check_body::<if_schemas::RunChange>(case, &envelope, &key),
        Kind::Tariff => check_body::<if_schemas::tariff::Tariff>(case, &envelope, &key),
    }
}

fn check_body<T: Signed>(case: &Case, envelope: &Envelope, key: &PublicKey) {
    let body: T = envelope.open(key).unwrap();
    case.assert_text("body_hex", hex::encode(codec::encode("body", &body).unwrap()));
    assert_eq!(&serde_json::to_value(&body).unwrap(), case.expect("body"), "{}", case.name);
    // The JSON form says the same thing as the bytes.
    let from_json: T = serde_json::from_value(case.expect("body").clone()).unwrap();
    case.assert_text("body_hex", hex::encode(codec::encode("body", &from_json).unwrap()));
}

fn check_payload(case: &Case) {
    let payload: Payload = codec::decode_canonical("payload", &case.bytes).unwrap();
    case.assert_text("hash", payload.hash());
    case.assert_text("document_hex", hex::encode(&payload.bytes));
    assert_eq!(&payload.read::<Value>().unwrap(), case.expect("document"));
    let again = Payload::new(case.expect("document"), payload.salt).unwrap();
    assert_eq!(again.read::<Value>().unwrap(), *case.expect("document"));
}

fn check_entry(case: &Case) {
    let entry = Entry::decode(&case.bytes).unwrap();
    assert_eq!(entry.encode().unwrap(), case.bytes, "{}", case.name);
    case.assert_text("hash", Entry::hash_bytes(&case.bytes));
    case.assert_text("prev", entry.prev);
    case.assert_text("at", entry.at);
    case.assert_text("body", entry.body.name());
    assert_eq!(case.expect("index").as_u64(), Some(entry.index));
    assert_eq!(case.expect("at_us").as_i64(), Some(entry.at.0));
}

fn check_committed(case: &Case) {
    let committed = Committed::from_message(&case.bytes).unwrap();
    assert_eq!(committed.to_message().unwrap(), case.bytes, "{}", case.name);
    let head = committed.open_head(&Verifier::new(case.key(case.expect("broker"))).unwrap()).unwrap();
    case.assert_text("hash", head.hash);
}

fn check_export(case: &Case) {
    let walked = walk(&case.bytes).unwrap_or_else(|e| panic!("{}: {e:?}", case.name));
    assert_eq!(walked.rewritten, case.bytes, "{}", case.name);
    let hashes: Vec<String> =
        case.expect("entries").as_array().unwrap().iter().map(|e| e["hash"].as_str().unwrap().into()).collect();
    assert_eq!(walked.hashes.iter().map(Hash::to_string).collect::<Vec<_>>(), hashes);
    assert_eq!(case.expect("payloads").as_u64(), Some(walked.payloads));
    assert_eq!(case.expect("trust_records").as_u64(), Some(walked.trust));
}

#[derive(Debug)]
enum Fault {
    File(ExportError),
    Schema(SchemaError),
    Entry { index: u64, name: &'static str },
}

impl From<ExportError> for Fault {
    fn from(e: ExportError) -> Self {
        Self::File(e)
    }
}
impl From<SchemaError> for Fault {
    fn from(e: SchemaError) -> Self {
        Self::Schema(e)
    }
}

struct Walked {
    hashes: Vec<Hash>,
    payloads: u64,
    trust: u64,
    rewritten: Vec<u8>,
}

/// Reads an export file and checks the chain, the payloads and that the head is of the last entry.
fn walk(bytes: &[u8]) -> Result<Walked, Fault> {
    let mut reader = Reader::new(bytes)?;
    let header = reader.header().clone();
    let mut writer = Writer::new(Vec::new(), &header)?;
    let (mut next, mut prev, mut time) = (header.from, header.prev, Timestamp(i64::MIN));
    let (mut hashes, mut payloads, mut trust) = (Vec::new(), 0, 0);
    loop {
        match reader.next_record()?.expect("a reader gives the footer or an error") {
            Record::Trust(entry) => {
                Entry::decode(&entry)?;
                writer.trust(&entry)?;
                trust += 1;
            }
            Record::Entry(raw) => {
                let entry = Entry::decode(&raw.entry)?;
                let fault = |name| Fault::Entry { index: next, name };
                if entry.index != next {
                    return Err(fault("index"));
                }
                if entry.prev != prev {
                    return Err(fault("prev"));
                }
                if entry.at < time {
                    return Err(fault("time"));
                }
                if let Some(payload) = &raw.payload {
                    let committed = entry.body.committed_payload()?.ok_or(fault("hash_mismatch"))?;
                    payload.check(&committed).map_err(|e| fault(e.name()))?;
                    payloads += 1;
                }
                (prev, time) = (Entry::hash_bytes(&raw.entry), entry.at);
                next += 1;
                hashes.push(prev);
                writer.entry(raw)?;
            }
            Record::Footer(envelope) => {
                let head: Head =
                    envelope.open(&header.broker).map_err(|e| Fault::Entry { index: next - 1, name: e.name() })?;
                if (head.index, head.hash, head.at) != (next - 1, prev, time) {
                    return Err(Fault::Entry { index: next - 1, name: "head" });
                }
                assert!(reader.next_record().map_err(Fault::File)?.is_none());
                return Ok(Walked { hashes, payloads, trust, rewritten: writer.finish(envelope)? });
            }
        }
    }
}

#[test]
fn invalid_vectors_fail_with_the_error_they_name() {
    let mut errors = BTreeSet::new();
    for case in cases("invalid") {
        let error = case.json["error"].as_str().unwrap().to_string();
        let found = match case.what() {
            "envelope" => open(&case).unwrap_err().name(),
            "entry" => Entry::decode(&case.bytes).unwrap_err().name(),
            "submission" => submit(&case).unwrap_err().name(),
            "committed" => {
                let committed = Committed::from_message(&case.bytes).unwrap();
                let broker = Verifier::new(case.key(&case.json["broker"])).unwrap();
                committed.open_head(&broker).unwrap_err().name()
            }
            "export" => match walk_invalid(&case, &error) {
                Some(found) => found,
                None => continue,
            },
            other => panic!("{}: what is {other:?}?", case.name),
        };
        assert_eq!(found, error, "{}: {}", case.name, case.json["description"]);
        errors.insert(error);
    }
    let all = [
        "bad_signature",
        "hash_mismatch",
        "index",
        "kind",
        "magic",
        "malformed",
        "order",
        "prev",
        "time",
        "too_large",
        "trailing_bytes",
        "truncated",
        "version",
        "wrong_key",
        "head",
    ];
    assert!(all.iter().all(|e| errors.contains(*e)), "{errors:?}");
}

fn open(case: &Case) -> Result<(), SchemaError> {
    let key = case.key(&case.json["public_key"]);
    let envelope = Envelope::decode(&case.bytes)?;
    match case.json["open_as"].as_str().unwrap() {
        "command" => envelope.open::<Command>(&key).map(drop),
        "receipt" => envelope.open::<Receipt>(&key).map(drop),
        other => panic!("{}: open as {other:?}?", case.name),
    }
}

fn submit(case: &Case) -> Result<(), SchemaError> {
    let submission = Submission::from_message(&case.bytes)?;
    let command: Command = submission.envelope.open(&case.key(&case.json["public_key"]))?;
    submission.payload.unwrap().check(&command.payload)
}

/// `None` where the fault is one of trust, rights or money, which this crate does not judge: the chain must be right.
fn walk_invalid(case: &Case, error: &str) -> Option<&'static str> {
    let index = case.json["index"].as_u64();
    match walk(&case.bytes) {
        Ok(_) => {
            let judged_elsewhere = [
                "bad_signature",
                "unknown_key",
                "key_revoked",
                "not_allowed",
                "bad_trust_change",
                "genesis",
                "duplicate",
                "rule",
                "settlement",
                "cost_exceeds_reservation",
                "wrong_worker",
                "quote",
                "wrong_cost",
                "budget_exceeded",
                "rate_unknown",
                "window",
                "bad_finance_change",
                "unknown_command",
                "not_in_flight",
                "log",
                "kind",
                "unknown_run",
                "run_conflict",
                "not_in_order",
                "run_not_going",
                "step_done",
                "approval_missing",
                "cost_cap_exceeded",
                "bad_run_change",
                "turn",
            ];
            assert!(judged_elsewhere.contains(&error), "{} was accepted", case.name);
            None
        }
        Err(Fault::File(e)) => Some(e.name()),
        Err(Fault::Schema(e)) => Some(e.name()),
        Err(Fault::Entry { index: at, name }) => {
            assert_eq!(index, Some(at), "{}: {name}", case.name);
            Some(name)
        }
    }
}
