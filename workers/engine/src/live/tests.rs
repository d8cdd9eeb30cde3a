use super::*;
use serde_json::json;

fn values(changes: &Changes) -> Vec<(&str, Option<&Value>)> {
    changes.values.iter().map(|(path, value)| (path.as_str(), value.as_ref())).collect()
}

#[test]
fn a_reader_gets_the_newest_value_of_what_changed_and_nothing_else() {
    let state = LiveState::default();
    state.set("tally.program", json!(1));
    state.set("tally.preview", json!(2));
    let all = state.changes_since(0);
    assert_eq!(values(&all), [("tally.preview", Some(&json!(2))), ("tally.program", Some(&json!(1)))]);
    state.set("tally.program", json!(3));
    state.set("tally.program", json!(4));
    state.set("tally.preview", json!(2));
    let later = state.changes_since(all.version);
    assert_eq!(values(&later), [("tally.program", Some(&json!(4)))]);
    assert_eq!(state.changes_since(later.version).values, []);
}

#[test]
fn what_is_removed_is_told_to_who_knew_it_and_not_to_who_begins() {
    let state = LiveState::default();
    for path in ["inputs.1.title", "inputs.10.title", "inputs.1"] {
        state.set(path, json!("x"));
    }
    let before = state.changes_since(0).version;
    state.remove("inputs.1");
    assert_eq!(values(&state.changes_since(before)), [("inputs.1", None), ("inputs.1.title", None)]);
    assert_eq!(values(&state.changes_since(0)), [("inputs.10.title", Some(&json!("x")))]);
    assert_eq!(state.get("inputs.1"), None);
}

#[test]
fn replacing_leaves_what_is_the_same_untouched() {
    let state = LiveState::default();
    state.replace("", BTreeMap::from([("a.x".into(), json!(1)), ("a.y".into(), json!(2)), ("b".into(), json!(3))]));
    let before = state.changes_since(0).version;
    state.replace("a", BTreeMap::from([("a.x".into(), json!(1)), ("a.z".into(), json!(4))]));
    assert_eq!(values(&state.changes_since(before)), [("a.y", None), ("a.z", Some(&json!(4)))]);
    assert_eq!(state.get("b"), Some(json!(3)));
}

#[test]
fn losing_the_connection_keeps_the_values_and_says_that_they_are_old() {
    let state = LiveState::default();
    state.set("scene", json!("Main"));
    state.set_fresh(true);
    let seen = state.changes_since(0);
    assert!(seen.fresh && seen.turned);
    state.set_fresh(false);
    let lost = state.changes_since(seen.version);
    assert_eq!((lost.fresh, lost.turned, lost.values.len()), (false, true, 0));
    assert_eq!(state.get("scene"), Some(json!("Main")));
    assert!(!state.changes_since(lost.version).turned);
}

#[test]
fn there_are_never_more_paths_than_the_limit_and_what_is_left_out_is_said() {
    let state = LiveState::default();
    for n in 0..PATHS_MAX {
        state.set(&format!("p.{n}"), json!(n));
    }
    assert!(!state.changes_since(0).truncated);
    state.set("one.more", json!(1));
    let changes = state.changes_since(0);
    assert!(changes.truncated && changes.values.len() == PATHS_MAX);
    state.remove("p.7");
    state.set("one.more", json!(1));
    assert_eq!(state.get("one.more"), Some(json!(1)), "the place of what is gone is free");
}

#[test]
fn values_that_are_too_large_and_paths_that_are_none_are_left_out() {
    let state = LiveState::default();
    state.set("big", json!("x".repeat(VALUE_MAX_BYTES)));
    for path in ["", "a..b", "a b", ".a", "a.", "a*"] {
        state.set(path, json!(1));
    }
    let changes = state.changes_since(0);
    assert!(changes.values.is_empty() && changes.truncated);
}

#[tokio::test]
async fn a_subscriber_is_woken_by_a_change_only() {
    let state = LiveState::default();
    let mut woken = state.subscribe();
    state.set("a", json!(1));
    woken.changed().await.unwrap();
    state.set("a", json!(1));
    assert!(!woken.has_changed().unwrap());
}
