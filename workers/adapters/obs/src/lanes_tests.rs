use super::*;
use std::time::Duration;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[tokio::test]
async fn the_last_one_wins_and_the_one_before_is_told() {
    let lanes = Lanes::default();
    let mut first = lanes.turn("program".into(), soon()).await.unwrap().claim("A");
    let mut same = lanes.turn("program".into(), soon()).await.unwrap().claim("A");
    let other = lanes.turn("mute".into(), soon()).await.unwrap().claim("B");
    assert!(futures::FutureExt::now_or_never(first.superseded()).is_none());
    let _last = lanes.turn("program".into(), soon()).await.unwrap().claim("C");
    assert_eq!((first.superseded().await, same.superseded().await), ("C".to_owned(), "C".to_owned()));
    drop(other);
}

#[tokio::test]
async fn a_lane_is_contested_while_an_effect_is_waited_for() {
    let lanes = Lanes::default();
    let claim = lanes.turn("mute".into(), soon()).await.unwrap().claim("A");
    assert!(lanes.turn("mute".into(), soon()).await.unwrap().contested());
    drop(claim);
    assert!(!lanes.turn("mute".into(), soon()).await.unwrap().contested());
}

#[tokio::test]
async fn turns_are_taken_one_after_the_other_and_waiting_ends() {
    let lanes = Lanes::default();
    let turn = lanes.turn("program".into(), soon()).await.unwrap();
    assert!(lanes.turn("program".into(), Instant::now() + Duration::from_millis(20)).await.is_none());
    drop(turn);
    assert!(lanes.turn("program".into(), soon()).await.is_some());
}

#[tokio::test]
async fn lanes_that_nobody_uses_are_forgotten() {
    let lanes = Lanes::default();
    let kept = lanes.turn("kept".into(), soon()).await.unwrap().claim("A");
    for index in 0..IDLE_LANES_MAX * 3 {
        lanes.turn(index.to_string(), soon()).await.unwrap();
    }
    let known = lanes.0.lock().unwrap();
    assert!(known.len() <= IDLE_LANES_MAX && known.contains_key("kept"), "{}", known.len());
    drop(kept);
}
