//! What `schemas/README.md` states in figures and lists is what the code does.
#![allow(clippy::unwrap_used)]

use if_schemas::{Code, codec, export, limits, subject};
use std::collections::BTreeSet;

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let head = digits.len() % 3;
    let groups = digits.as_bytes()[head..].chunks(3).map(|g| String::from_utf8_lossy(g).into_owned());
    let first = (head > 0).then(|| digits[..head].to_string());
    first.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

#[test]
fn it_lists_every_reject_code_and_their_numbers_differ() {
    let text = readme();
    for code in Code::ALL {
        assert!(text.contains(&format!("`{code}`")), "{code} is not in the specification");
    }
    let numbers: BTreeSet<u16> = Code::ALL.iter().map(|c| c.number()).collect();
    assert_eq!(numbers.len(), Code::ALL.len());
}

#[test]
fn it_states_every_context_subject_and_limit() {
    let text = readme();
    let contexts = [
        codec::CONTEXT_ENTRY,
        codec::CONTEXT_PAYLOAD,
        codec::CONTEXT_KEY_ID,
        codec::CONTEXT_ENVELOPE,
        codec::CONTEXT_STATE,
        codec::CONTEXT_BATCH_LEAF,
        codec::CONTEXT_BATCH_NODE,
    ];
    let subjects = [
        subject::TRUST,
        subject::RUN,
        subject::WITNESS_ENTRY,
        subject::WITNESS_TRUST,
        subject::PRESENCE_ASK,
        subject::RELOAD_ASK,
        subject::WORK_STREAM,
    ];
    for item in contexts.iter().chain(&subjects) {
        assert!(text.contains(&format!("`{item}`")), "{item} is not in the specification");
    }
    let sizes = [
        ("entry", limits::ENTRY_MAX_BYTES),
        ("envelope", limits::ENVELOPE_MAX_BYTES),
        ("payload document", limits::PAYLOAD_MAX_BYTES),
        ("message on any subject", limits::MESSAGE_MAX_BYTES),
        ("name", limits::NAME_MAX_BYTES),
    ];
    for (what, bytes) in sizes {
        assert!(text.contains(&format!("| {what} | {} bytes |", grouped(bytes))), "{what}: {bytes}");
    }
    assert!(text.contains(&format!("| operation | {} bytes", limits::OPERATION_MAX_BYTES)));
    assert!(text.contains(&format!("| grants of a member | {} |", limits::GRANTS_MAX)));
    assert!(text.contains(&format!("| members of a genesis | {} |", limits::GENESIS_MEMBERS_MAX)));
    assert!(text.contains(&format!("| clock skew | {} s |", limits::CLOCK_SKEW_MAX_US / 1_000_000)));
    assert!(text.contains(&format!("| life of a command | {} h |", limits::DEADLINE_MAX_US / 3_600_000_000)));
    let of_runs = [
        ("runs kept", limits::RUNS_MAX),
        ("steps of a run", limits::RUN_STEPS_MAX),
        ("commands of a plan, ways back included", limits::RUN_LEAVES_MAX),
        ("targets of a run", limits::RUN_WRITES_MAX),
        ("guardians of a step", limits::GUARDIANS_MAX),
    ];
    for (what, most) in of_runs {
        assert!(text.contains(&format!("| {what} | {} |", grouped(most))), "{what}: {most}");
    }
    let kept = format!("{}, of {} bytes |", limits::RUN_QUOTES_MAX, grouped(limits::RUN_QUOTES_MAX_BYTES));
    assert!(text.contains(&format!("| steps whose cost is kept from the start | {kept}")));
    assert!(text.contains(&format!("| text of a note | {} bytes |", grouped(limits::RUN_TEXT_MAX_BYTES))));
    assert!(text.contains(&format!("| life of a run | {} days |", limits::RUN_LIFE_MAX_US / 86_400_000_000)));
    assert!(
        text.contains(&format!("| wait for a result after the deadline | {} s |", limits::RESULT_GRACE_US / 1_000_000))
    );
    assert!(text.contains(&format!("{} bytes", grouped(export::RECORD_MAX_BYTES))));
    assert!(text.contains(std::str::from_utf8(export::MAGIC).unwrap().trim_end()));
    assert_eq!(limits::VERSION, 1);
}

#[test]
fn the_json_schemas_are_json_and_refer_to_each_other_only() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/json");
    let mut names = BTreeSet::new();
    let mut references = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let schema: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(schema["$id"].as_str(), Some(name.as_str()));
        collect_references(&schema, &mut references);
        names.insert(name);
    }
    assert!(names.contains("command-document.v1.schema.json"));
    let outside: Vec<_> = references.iter().filter(|r| !r.starts_with("#/") && !names.contains(*r)).collect();
    assert!(outside.is_empty(), "{outside:?}");
}

fn collect_references(value: &serde_json::Value, out: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(|r| r.as_str()) {
                out.insert(reference.to_string());
            }
            map.values().for_each(|v| collect_references(v, out));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|v| collect_references(v, out)),
        _ => {}
    }
}
