use super::*;
use serde_json::json;

fn report(path: &str, sequence: u64, value: Option<Value>) -> StateReport {
    StateReport {
        node: "node".parse().unwrap(),
        provider: "vmix".parse().unwrap(),
        instance: "main".parse().unwrap(),
        path: path.into(),
        at: Timestamp(i64::try_from(sequence).unwrap()),
        sequence,
        value,
    }
}

fn paths(board: &Board) -> Vec<&str> {
    board.values().map(|(path, _)| path.as_str()).collect()
}

#[test]
fn a_value_is_shown_when_it_is_another_one() {
    let mut board = Board::new(None);
    let shown = board.take(report("tally.program", 1, Some(json!(1)))).unwrap();
    assert_eq!((shown.path.as_str(), shown.value), ("tally.program", Some(json!(1))));
    assert_eq!(board.take(report("tally.program", 2, Some(json!(1)))), None, "said again");
    assert_eq!(board.take(report("tally.program", 3, Some(json!(2)))).unwrap().value, Some(json!(2)));
    assert_eq!(board.take(report("tally.program", 4, None)).unwrap().value, None);
    assert!(board.is_empty());
}

#[test]
fn an_older_report_never_replaces_a_newer_one() {
    let mut board = Board::new(None);
    board.take(report("a", 5, Some(json!("new"))));
    assert_eq!(board.take(report("a", 4, Some(json!("old")))), None);
    assert_eq!(board.values().next().unwrap().1, &json!("new"));
}

#[test]
fn what_does_not_come_in_a_whole_reading_is_gone() {
    let mut board = Board::new(None);
    board.take(report("a", 1, Some(json!(1))));
    board.take(report("b", 2, Some(json!(1))));
    board.begin();
    board.take(report("b", 2, Some(json!(1))));
    board.end();
    assert_eq!(paths(&board), ["b"]);
}

#[test]
fn only_what_was_asked_for_is_kept_and_freshness_always_is() {
    let mut board = Board::new(Some("inputs.1.".into()));
    for path in ["inputs.1", "inputs.1.title", "inputs.10.title", "tally"] {
        board.take(report(path, 1, Some(json!(1))));
    }
    assert_eq!(paths(&board), ["inputs.1", "inputs.1.title"]);
    assert!(!board.is_fresh(), "nobody said so yet");
    board.take(report(ABOUT, 9, Some(json!({"fresh": true, "truncated": false}))));
    board.take(report(ABOUT, 8, Some(json!({"fresh": false, "truncated": true}))));
    assert!(board.is_fresh() && !board.is_truncated());
}

#[test]
fn names_are_shown_as_they_are() {
    assert_eq!(readable("audio.Mic=201.muted"), "audio.\"Mic 1\".muted");
    assert_eq!(readable("tally.program"), "tally.program");
}
