use super::{Style, table, value};
use if_schemas::Timestamp;
use serde_json::json;

#[test]
fn durations_are_shown_in_the_unit_that_fits() {
    for (us, text) in [
        (0, "0 us"),
        (999, "999 us"),
        (1_000, "1.0 ms"),
        (12_345, "12.3 ms"),
        (1_000_000, "1.00 s"),
        (59_990_000, "59.99 s"),
        (185_000_000, "3 min 5 s"),
        (7_260_000_000, "2 h 1 min"),
        (-1_500, "-1.5 ms"),
        (i64::MIN, "-2562047788 h 0 min"),
    ] {
        assert_eq!(value::duration(us), text);
    }
}

#[test]
fn times_are_utc_to_the_millisecond() {
    let at: Timestamp = "2026-11-22T18:30:00.123456Z".parse().unwrap();
    assert_eq!(value::time(at), "2026-11-22 18:30:00.123");
    assert_eq!(value::time_of_day(at), "18:30:00.123");
}

#[test]
fn a_result_document_becomes_lines_and_tables() {
    let document = json!({
        "current": "Main",
        "studio_mode": false,
        "tags": ["a", "b"],
        "none": null,
        "scenes": [{"name": "Main", "index": 1}, {"name": "Break", "index": 2, "live": true}],
        "input": {"number": 3},
    });
    let expected = "  current      Main
  none         -
  studio mode  no
  tags         a, b
  input
    number  3
  scenes
    index  name   live
    1      Main
    2      Break  yes
";
    assert_eq!(value::document(Style::new(false), &document), expected);
}

#[test]
fn text_from_a_peer_cannot_steer_the_terminal() {
    assert_eq!(value::printable("a\x1b[31mred\u{7}\r\nb\u{9b}"), "a [31mred   b ");
    let document = value::document(Style::new(false), &json!({"title": "x\x1b]0;owned\u{7}"}));
    assert!(!document.contains('\x1b') && !document.contains('\u{7}'), "{document:?}");
}

#[test]
fn tables_align_and_colour_only_where_told() {
    let rows = vec![vec!["a".to_string(), "ok".to_string()], vec!["long name".to_string(), "disconnected".to_string()]];
    let plain = table::table(Style::new(false), &["NAME", "STATE"], &rows, Some(1));
    assert_eq!(plain, "NAME       STATE\na          ok\nlong name  disconnected\n");
    let coloured = table::table(Style::new(true), &["NAME", "STATE"], &rows, Some(1));
    assert!(coloured.contains("\x1b[32mok\x1b[0m") && coloured.contains("\x1b[33mdisconnected\x1b[0m"), "{coloured:?}");
}
