use super::{anchor::Anchor, finder::Finder, partial::Partial};
use crate::Exit;
use if_schemas::{
    Entry,
    export::{Header, Reader, Record, is_trust_history},
};
use std::{io::Write, path::Path};

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

#[test]
fn trusted_keys_are_read_from_text_with_comments() {
    let text = format!("# admin\n{}\n{} # broker\n\n", "ab".repeat(32), "cd".repeat(16));
    match Anchor::read(file(text.as_bytes()).path()).unwrap() {
        Anchor::Keys(keys) => assert_eq!(keys.len(), 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_list_of_keys_is_a_usage_error() {
    for content in [&b""[..], b"# nothing\n", b"hello", b"abcd", b"\xff\xfe", &[0x85; 40_000]] {
        let error = Anchor::read(file(content).path()).unwrap_err();
        assert_eq!(error.exit, Exit::Usage, "{error}");
    }
}

#[test]
fn a_search_needs_a_few_digits_of_an_id() {
    for text in ["", "abc", "xyzw", "#12", "0199-"] {
        let made = Finder::new(text);
        assert_eq!(made.is_ok(), text == "0199-", "{text:?}");
    }
    let error = Finder::new("abcd").unwrap().done().unwrap_err();
    assert_eq!((error.exit, error.code.as_str()), (Exit::Usage, "not_found"));
}

/// The golden log read as if it began at entry `from`: what was before is only trust.
fn partial(vector: &str, from: usize) -> Result<Partial, if_core::Damage> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/vectors").join(vector);
    let bytes = std::fs::read(path).unwrap();
    let mut reader = Reader::new(bytes.as_slice()).unwrap();
    let (log, broker) = (reader.header().log, reader.header().broker);
    let mut entries = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        if let Record::Entry(raw) = record {
            entries.push(raw);
        }
    }
    let prev = Entry::hash_bytes(&entries[from - 1].entry);
    let mut partial = Partial::new(&Header::new(log, from as u64, prev, broker), None, None);
    for raw in &entries[..from] {
        if is_trust_history(&Entry::decode(&raw.entry).unwrap()) {
            partial.history(&raw.entry)?;
        }
    }
    entries[from..].iter().try_for_each(|raw| partial.push(raw))?;
    Ok(partial)
}

#[test]
fn commands_of_a_run_are_held_against_its_order_where_that_is_in_the_range() {
    assert_eq!(partial("valid/export-runs.bin", 5).unwrap().unordered, 0);
    for broken in ["other-arguments", "other-place", "other-trace", "by-operator", "open"] {
        let file = format!("invalid/export-step-{broken}.bin");
        let damage = partial(&file, 3).map(|p| p.unordered).unwrap_err();
        assert_eq!(damage.index, 5, "{broken}: {damage}");
        // Without the order nobody can tell; it is said how many there are.
        assert_eq!(partial(&file, 4).unwrap().unordered, 1, "{broken}");
    }
    assert_eq!(partial("invalid/export-step-not-written.bin", 3).map(|p| p.unordered).unwrap_err().index, 4);
    assert_eq!(partial("valid/export-runs.bin", 8).unwrap().unordered, 4);
    let damage = partial("invalid/export-step-delegate-revoked.bin", 4).map(|p| p.unordered).unwrap_err();
    assert_eq!(damage.index, 6, "who sends it must be a member all the same");
}
