//! Export files of logs that break one rule each. All but the one rule is right: hashes are chained and the head is
//! the broker's, unless that is the rule.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{Vector, alice, at, broker, carol, change, genesis, mallory, member, seal},
    log::{Log, begin, export, whole},
    raw,
};
use if_schemas::{
    Body, Entry, Envelope, Hash, Role, TrustOp,
    export::{MAGIC, RECORD_MAX_BYTES},
};
use serde_json::json;

pub fn vectors() -> Vec<Vector> {
    let mut out = files();
    out.extend(chains());
    out.extend(signatures());
    out
}

/// Index of the last entry of the whole log.
const LAST: u64 = 23;

/// `index`: the entry where a verifier must stop.
pub fn log(name: &str, description: &str, bytes: Vec<u8>, error: &str, index: u64) -> Vector {
    Vector::invalid(&format!("export-{name}"), "export", description, bytes, error, json!({"index": index}))
}

fn file(name: &str, description: &str, bytes: Vec<u8>, error: &str) -> Vector {
    Vector::invalid(&format!("export-{name}"), "export", description, bytes, error, json!({}))
}

fn files() -> Vec<Vector> {
    let good = begin().0.export();
    let after_magic = MAGIC.len();
    let first = u32::from_be_bytes(good[after_magic..after_magic + 4].try_into().unwrap()) as usize;
    let header_end = after_magic + 4 + first;
    let footer_start = last_record(&good);
    let huge = u32::try_from(RECORD_MAX_BYTES + 1).unwrap().to_be_bytes();
    let header = &good[after_magic + 4..header_end];
    assert_eq!(header[9..12], [0xa1, b'v', 1]);
    let mut version = good.clone();
    version[after_magic + 4 + 11] = 2;
    vec![
        file("magic", "another first line", [b"infrafabric export v2\n", &good[after_magic..]].concat(), "magic"),
        file("empty", "no bytes", Vec::new(), "magic"),
        file("version-2", "a header of a later version", version, "version"),
        file("truncated", "cut in the middle of a record", good[..good.len() - 7].to_vec(), "truncated"),
        file("no-footer", "cut between two records", good[..footer_start].to_vec(), "truncated"),
        file(
            "no-entries",
            "a footer right after the header",
            [&good[..header_end], &good[footer_start..]].concat(),
            "order",
        ),
        file("no-header", "entries without a header", [&good[..after_magic], &good[header_end..]].concat(), "order"),
        file(
            "trailing-bytes",
            "a record after the footer",
            [&good[..], &good[footer_start..]].concat(),
            "trailing_bytes",
        ),
        file(
            "oversize-record",
            "a record longer than any may be",
            [&good[..header_end], &huge, &[0; 64]].concat(),
            "too_large",
        ),
        file(
            "record-garbage",
            "a record that is no MessagePack",
            [&good[..header_end], &[0, 0, 0, 2, 0xc1, 0xc1]].concat(),
            "malformed",
        ),
    ]
}

/// Where the last record of an export file starts.
fn last_record(file: &[u8]) -> usize {
    let (mut start, mut next) = (0, MAGIC.len());
    while next < file.len() {
        start = next;
        next += 4 + u32::from_be_bytes(file[next..next + 4].try_into().unwrap()) as usize;
    }
    start
}

fn chains() -> Vec<Vector> {
    let whole = whole();
    let head = || whole.head(&broker());
    let id = whole.entries[0].hash;
    let mut altered = whole.raw();
    let reason = b"no result came";
    let place = altered[6].entry.windows(reason.len()).rposition(|w| w == reason).unwrap();
    altered[6].entry[place] = b'N';
    let mut removed = whole.raw();
    removed.remove(5);
    let mut swapped = whole.raw();
    swapped.swap(5, 6);
    let mut cut = whole.raw();
    cut.pop();
    let mut forged = whole.raw();
    forged[13] = whole.entries[12].raw.clone();
    let wrong_prev = {
        let (mut log, _) = begin();
        let body = add_carol();
        log.push_entry(Entry::new(3, log.entries[1].hash, at(20), body), None);
        log.export()
    };
    let gap = {
        let (mut log, _) = begin();
        log.push_entry(Entry::new(4, log.prev(), at(20), add_carol()), None);
        log.export()
    };
    let backwards = {
        let (mut log, _) = begin();
        log.push(at(9), add_carol(), None);
        log.export()
    };
    let first_prev = {
        let mut log = Log::default();
        log.push_entry(
            Entry::new(0, Hash([1; 32]), at(0), Body::Genesis { envelope: seal(&genesis(), &alice()) }),
            None,
        );
        log.export()
    };
    vec![
        log("broken-chain", "entry 6 was changed after entry 7 was written", export(id, &altered, head()), "prev", 7),
        log("removed-entry", "entry 5 was taken out", export(id, &removed, head()), "index", 5),
        log("swapped-entries", "entries 5 and 6 changed places", export(id, &swapped, head()), "index", 5),
        log("repeated-entry", "entry 12 stands in the place of entry 13", export(id, &forged, head()), "index", 13),
        log("cut-log", "the last entry was taken out, the head kept", export(id, &cut, head()), "head", LAST - 1),
        log("wrong-prev", "entry 3 names the hash of entry 1", wrong_prev, "prev", 3),
        log("index-gap", "index 4 follows index 2", gap, "index", 3),
        log("time-backwards", "entry 3 is older than entry 2", backwards, "time", 3),
        log("first-prev", "entry 0 has a previous entry", first_prev, "prev", 0),
        log("other-log", "the header names another log", export(Hash([3; 32]), &whole.raw(), head()), "log", 0),
    ]
}

pub fn add_carol() -> Body {
    let op = TrustOp::Add(member("carol", &carol(), Role::Operator, &["vmix.cut@vmix"]));
    Body::Trust { envelope: seal(&change(2, 20, op), &alice()) }
}

fn signatures() -> Vec<Vector> {
    let whole = whole();
    let id = whole.entries[0].hash;
    let mut payload = whole.raw();
    payload[1].payload.as_mut().unwrap().bytes[0] ^= 1;
    let mut stray = whole.raw();
    stray[3].payload = stray[1].payload.clone();
    let bad = |index: usize| {
        let mut log = whole.first(index);
        let mut entry = whole.entries[index].entry.clone();
        if let Body::Admitted { envelope, .. } | Body::Completed { envelope, .. } | Body::Trust { envelope } =
            &mut entry.body
        {
            *envelope = flipped(envelope);
        }
        log.push_entry(entry, whole.entries[index].raw.payload.clone());
        log.export()
    };
    let mut other_broker = whole.export();
    let key = broker().public().0;
    let place = other_broker.windows(32).position(|w| w == key).unwrap();
    other_broker[place..place + 32].copy_from_slice(&mallory().public().0);
    let foreign_head = export(id, &whole.raw(), whole.head(&alice()));
    let unknown_head = export(id, &whole.raw(), whole.head(&mallory()));
    let mut head = whole.head(&broker());
    head = flipped(&head);
    vec![
        log(
            "other-broker",
            "the header names another broker than the one that signed",
            other_broker,
            "wrong_key",
            LAST,
        ),
        log(
            "payload-mismatch",
            "the payload of entry 1 was changed",
            export(id, &payload, whole.head(&broker())),
            "hash_mismatch",
            1,
        ),
        log(
            "stray-payload",
            "a payload beside an entry that commits to none",
            export(id, &stray, whole.head(&broker())),
            "hash_mismatch",
            3,
        ),
        log(
            "bad-signature-command",
            "the signature in entry 1 is wrong, the chain is right",
            bad(1),
            "bad_signature",
            1,
        ),
        log(
            "bad-signature-result",
            "the signature in entry 2 is wrong, the chain is right",
            bad(2),
            "bad_signature",
            2,
        ),
        log("bad-signature-trust", "the signature in entry 3 is wrong, the chain is right", bad(3), "bad_signature", 3),
        log("head-not-broker", "the head is signed by an admin", foreign_head, "wrong_key", LAST),
        log("head-unknown-key", "the head is signed by nobody known", unknown_head, "wrong_key", LAST),
        log(
            "head-bad-signature",
            "the signature of the head is wrong",
            export(id, &whole.raw(), head),
            "bad_signature",
            LAST,
        ),
    ]
}

fn flipped(envelope: &Envelope) -> Envelope {
    let bytes = envelope.encode().unwrap();
    let mut sig = raw::binary(&raw::field(&bytes, "sig"));
    sig[40] ^= 1;
    Envelope::decode(&raw::with(&bytes, "sig", rmpv::Value::Binary(sig))).unwrap()
}
