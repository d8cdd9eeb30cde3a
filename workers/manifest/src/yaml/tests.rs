use super::*;

/// Both readers find the same, at the same places.
fn assert_plain(text: &str) {
    let tree = plain::parse(text).unwrap_or_else(|| panic!("not plain: {text}"));
    assert!(tree == parse_any(text).unwrap(), "read differently: {text}");
}

#[test]
fn built_in_files_are_plain_and_read_alike() {
    for entry in crate::catalog() {
        assert_plain(entry.manifest);
        entry.prices.into_iter().for_each(assert_plain);
    }
    assert_plain(include_str!("../../tests/data/telegram/manifest.yaml"));
}

#[test]
fn plain_values_are_read_alike() {
    let values = [
        "1",
        "0",
        "007",
        "0x10",
        "0o17",
        "0b11",
        "1_000",
        "1.5",
        "1e3",
        "999999999999999999",
        "18446744073709551615",
        "99999999999999999999",
        "2026-11-01",
        "20s",
        "10m",
        "true",
        "True",
        "false",
        "FALSE",
        "null",
        "Null",
        "yes",
        "no",
        "on",
        "y",
        "nan",
        "inf",
        "NaN",
        "text",
        "two words",
        "$.a.b",
        "/rooms/a",
        "a#b",
        "a-b",
        "'1'",
        "\"a\\nb\\u00e9\"",
        "''",
        "\"{{ secret.token }}\"",
        "1:30",
        "1.2.3.4",
        "0.",
        "1e999x",
        "000",
        "0_1",
    ];
    for value in values {
        for text in
            [format!("a: {value}\n"), format!("a: {{b: {value}}}"), format!("a:\n- {value}\n- x"), value.to_string()]
        {
            assert_plain(&text);
        }
    }
    assert_plain("# comment\na: |\n  two\n  lines\nb: >-\n  folded\n  line\n\nc: first\n  second # comment\n");
    assert_plain("---\na:\n  - b: 1\n    c: [x, {d: e}]\n  - []\n  - {}\n");
    assert_plain("\u{feff}a: 1\n");
    assert_plain("a: &a {b: &b [x, 1], c: 2}\nd: *a\ne: {f: *b, g: &c text, h: *c}\ni: [*a, *b]\n");
}

#[test]
fn what_is_not_plain_is_left_to_the_reader_of_all() {
    let read = [
        "x: &x {a: 1}\ny: {<<: *x, b: 2}",
        "a: !!str 5",
        "a: -1",
        "a: .5",
        "a: ~",
        "a:",
        "a: +1",
        "a: é",
        "1: a",
        "null: a",
        "'<<': a",
        "? [a]\n: b",
        "a: ---x",
        "%YAML 1.2\n---\na: 1",
    ];
    for text in read {
        assert_eq!(plain::parse(text), None, "{text}");
        let tree = parse_any(text);
        assert_eq!(parse(text).map_err(|e| e.what), tree.map(Some).map_err(|e| e.what), "{text}");
    }
    // Also where it is refused: two spellings of one number, a key given twice, two documents, no YAML at all.
    for text in ["0xB: a\n11: b", "a: 1\na: 2", "a: {b: {c: 1, 'c': 2}}", "--- a\n--- b", "a: [", "a: b: c"] {
        assert_eq!(plain::parse(text), None, "{text}");
        let error = parse(text).unwrap_err();
        assert_eq!(error, parse_any(text).unwrap_err(), "{text}");
    }
    assert_eq!(parse("# nothing"), Ok(None));
    assert_eq!(parse(""), Ok(None));
}

#[test]
fn limits_hold_for_both() {
    let deep = |levels: usize| format!("a: {}{}", "[".repeat(levels), "]".repeat(levels));
    assert_plain(&deep(DEPTH_MAX - 2));
    assert_eq!(plain::parse(&deep(DEPTH_MAX - 1)), None);
    assert!(parse(&deep(DEPTH_MAX + 1)).is_err());
    let bomb = format!("a: &a [{}]\nb: [{}]", "x, ".repeat(1_000), "*a, ".repeat(20));
    assert_eq!(plain::parse(&bomb), None);
    assert!(parse(&bomb).is_err());
}
