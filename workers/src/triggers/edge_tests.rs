use super::*;
use serde_json::json;

const MS: Duration = Duration::from_millis(1);

fn is_three(value: i64) -> Option<Sight> {
    Some(Sight { value: json!(value), holds: Some(value == 3) })
}

fn any(value: &str) -> Option<Sight> {
    Some(Sight { value: json!(value), holds: None })
}

fn fires(step: &Step) -> Option<(String, String)> {
    step.fire.as_ref().map(|c| (c.before.to_string(), c.now.to_string()))
}

#[test]
fn it_fires_once_when_the_test_begins_to_hold() {
    let (mut edge, now) = (Edge::new(Duration::ZERO, Duration::ZERO), Instant::now());
    assert_eq!(fires(&edge.look(now, is_three(1))), None);
    assert_eq!(fires(&edge.look(now, is_three(3))), Some(("1".into(), "3".into())));
    assert_eq!(fires(&edge.look(now, is_three(3))), None);
    assert_eq!(fires(&edge.look(now, is_three(2))), None);
    assert_eq!(fires(&edge.look(now, is_three(3))), Some(("2".into(), "3".into())));
}

#[test]
fn what_held_when_the_looking_began_does_not_fire_nor_what_changed_unseen() {
    let (mut edge, now) = (Edge::new(Duration::ZERO, Duration::ZERO), Instant::now());
    assert_eq!(fires(&edge.look(now, is_three(3))), None);
    edge.look(now, is_three(1));
    edge.look(now, None);
    assert_eq!(fires(&edge.look(now, is_three(3))), None);
    edge.look(now, is_three(1));
    assert!(edge.look(now, is_three(3)).fire.is_some());
}

#[test]
fn without_a_test_every_change_fires() {
    let (mut edge, now) = (Edge::new(Duration::ZERO, Duration::ZERO), Instant::now());
    edge.look(now, any("a"));
    assert_eq!(fires(&edge.look(now, any("b"))), Some(("\"a\"".into(), "\"b\"".into())));
    assert_eq!(fires(&edge.look(now, any("b"))), None);
    assert!(edge.look(now, any("a")).fire.is_some());
}

#[test]
fn debounce_waits_until_it_has_stayed_so() {
    let (mut edge, t) = (Edge::new(100 * MS, Duration::ZERO), Instant::now());
    edge.look(t, is_three(1));
    assert_eq!(edge.look(t, is_three(3)), Step { fire: None, wake: Some(t + 100 * MS) });
    // Gone before its time: nothing.
    edge.look(t + 50 * MS, is_three(1));
    assert_eq!(edge.step(t + 200 * MS), Step::default());
    edge.look(t + 300 * MS, is_three(3));
    assert_eq!(edge.step(t + 399 * MS).fire, None);
    assert!(edge.step(t + 400 * MS).fire.is_some());
    // The connection lost in between: nobody knows whether it stayed so.
    edge.look(t + 500 * MS, is_three(1));
    edge.look(t + 510 * MS, is_three(3));
    edge.look(t + 520 * MS, None);
    edge.look(t + 530 * MS, is_three(3));
    assert_eq!(edge.step(t + 900 * MS), Step::default());
}

#[test]
fn a_cooldown_passes_over_what_comes_too_soon() {
    let (mut edge, t) = (Edge::new(Duration::ZERO, 100 * MS), Instant::now());
    edge.look(t, is_three(1));
    assert!(edge.look(t, is_three(3)).fire.is_some());
    edge.look(t + 10 * MS, is_three(1));
    assert_eq!(edge.look(t + 99 * MS, is_three(3)), Step::default());
    edge.look(t + 100 * MS, is_three(1));
    assert!(edge.look(t + 101 * MS, is_three(3)).fire.is_some());
}

#[test]
fn results_fire_by_themselves_and_debounce_until_it_is_quiet() {
    let change = || Change { now: json!("failed"), before: Value::Null };
    let t = Instant::now();
    assert!(Edge::new(Duration::ZERO, Duration::ZERO).strike(t, change()).fire.is_some());
    let mut edge = Edge::new(100 * MS, Duration::ZERO);
    edge.strike(t, change());
    assert_eq!(edge.strike(t + 90 * MS, change()).wake, Some(t + 190 * MS));
    assert!(edge.step(t + 190 * MS).fire.is_some());
}

#[test]
fn firing_without_end_is_noticed() {
    let (mut edge, t) = (Edge::new(Duration::ZERO, Duration::ZERO), Instant::now());
    edge.look(t, any("0"));
    for n in 0..RUNAWAY_FIRINGS {
        edge.look(t, any(&format!("{}", n + 1)));
        assert!(!edge.is_runaway(t), "{n}");
    }
    edge.look(t, any("last"));
    assert!(edge.is_runaway(t));
    assert!(!edge.is_runaway(t + RUNAWAY_WINDOW));
}
