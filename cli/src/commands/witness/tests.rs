use super::{anchor::Anchor, finder::Finder};
use crate::Exit;
use std::io::Write;

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
