//! Operations that end in ways a real Home Assistant cannot be made to end: every peer here is a scripted fake.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use if_adapter_home_assistant::Limits;
use if_engine::{Adapter, Execution};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{
    PATIENCE, adapter_for, execute, failed, failed_within,
    fake::{Fake, House, Side, TOKEN, state},
    indeterminate, live, succeeded,
};

const SHORT: Duration = Duration::from_millis(900);

async fn connected(fake: &Fake) -> Arc<dyn Adapter> {
    let adapter = adapter_for(json!({"host": "127.0.0.1", "port": fake.port}), TOKEN, Limits::default());
    adapter.connect().await.unwrap();
    adapter
}

fn light() -> Value {
    json!({"entity": "light.bed_light"})
}

/// Serves reads until the client leaves.
async fn only_reads(mut side: Side, house: House) {
    if let Some(request) = side.serve(&house).await {
        panic!("unexpected {request}");
    }
}

#[tokio::test]
async fn success_without_effect_is_no_success() {
    // Home Assistant says success even for what it never does.
    let fake = Fake::loaded(House::new(), |mut side, house| async move {
        while let Some(request) = side.serve(&house).await {
            side.taken(&request, "c1").await;
        }
    });
    let fake = fake.await;
    let adapter = connected(&fake).await;
    let failure = failed_within(&adapter, "ha.light.on", light(), SHORT).await;
    assert_eq!(failure.code, "not_confirmed");
    assert_eq!(failure.message, "wanted light.bed_light on, observed off when the deadline came");
}

#[tokio::test]
async fn an_event_that_reading_back_denies_is_no_success() {
    let fake = Fake::loaded(House::new(), |mut side, house| async move {
        while let Some(request) = side.serve(&house).await {
            side.changed("light.bed_light", state("light.bed_light", "on")).await;
            side.taken(&request, "c1").await;
        }
    });
    let fake = fake.await;
    let adapter = connected(&fake).await;
    let failure = failed_within(&adapter, "ha.light.on", light(), SHORT).await;
    assert_eq!(failure.code, "not_confirmed");
    assert!(failure.message.contains("Home Assistant reported it, but then observed off"), "{failure:?}");
}

#[tokio::test]
async fn pushes_between_request_and_answer_count_and_answers_may_come_twice() {
    let fake = Fake::loaded(House::new(), |mut side, mut house| async move {
        while let Some(request) = side.serve(&house).await {
            side.changed("light.table", state("light.table", "on")).await;
            house.set("light.bed_light", "on");
            side.changed("light.bed_light", state("light.bed_light", "on")).await;
            side.taken(&request, "c1").await;
            side.taken(&request, "c1").await;
            side.send(json!({"id": 9_999, "type": "result", "success": true, "result": null})).await;
            side.send(json!({"id": 9_999, "type": "event", "event": {}})).await;
        }
    });
    let fake = fake.await;
    let adapter = connected(&fake).await;
    let done = succeeded(&adapter, "ha.light.on", light()).await;
    assert_eq!(done["confirmed_by"], json!(["event", "read_back"]));
}

#[tokio::test]
async fn the_effect_counts_where_the_answer_stays_out_and_nobody_knows_without_both() {
    let fake = Fake::loaded(House::new(), |mut side, mut house| async move {
        while let Some(request) = side.serve(&house).await {
            if request["service"] == "turn_on" {
                house.set("light.bed_light", "on");
                side.changed("light.bed_light", state("light.bed_light", "on")).await;
            } else {
                // Hangs up after it has taken the call.
                return;
            }
        }
    });
    let fake = fake.await;
    let adapter = connected(&fake).await;
    let done = execute(&adapter, "ha.light.on", light(), SHORT).await;
    assert!(matches!(&done, Execution::Succeeded(d) if d["state"] == "on"), "{done:?}");
    let lost = indeterminate(&adapter, "ha.light.off", light(), PATIENCE).await;
    assert_eq!(lost.code, "no_readback");
}

#[tokio::test]
async fn speech_that_nothing_shows_is_no_success() {
    let mut house = House::new();
    house.states = vec![state("media_player.hall", "idle"), state("tts.voice", "unknown")];
    let fake = Fake::loaded(house, |mut side, house| async move {
        while let Some(request) = side.serve(&house).await {
            // The engine spoke; whether the player plays is another matter.
            side.changed("tts.voice", state("tts.voice", "2026-01-01T00:00:00+00:00")).await;
            side.taken(&request, "c1").await;
        }
    });
    let fake = fake.await;
    let adapter = connected(&fake).await;
    let speech = json!({"message": "Stand by", "player": "media_player.hall"});
    let unseen = indeterminate(&adapter, "ha.tts", speech, SHORT).await;
    assert_eq!(unseen.code, "not_observable");
}

#[tokio::test]
async fn refusals_are_passed_on() {
    let fake = Fake::loaded(House::new(), |mut side, house| async move {
        while let Some(request) = side.serve(&house).await {
            let code =
                if request["service"] == "turn_on" { "home_assistant_error" } else { "service_validation_error" };
            side.refuse(&request, code, "the bulb is loose").await;
        }
    });
    let fake = fake.await;
    let adapter = connected(&fake).await;
    for (operation, code) in [("ha.light.on", "provider_error"), ("ha.light.off", "refused")] {
        let failure = failed(&adapter, operation, light()).await;
        assert!(failure.code == code && failure.message.contains("the bulb is loose"), "{failure:?}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_refused_before_anything_is_sent() {
    let house = House::new();
    let fake = Fake::loaded(house.clone(), only_reads).await;
    let adapter = connected(&fake).await;
    let typo = failed(&adapter, "ha.light.on", json!({"entity": "light.bed_lihgt"})).await;
    assert_eq!((typo.code.as_str(), typo.hint.as_deref()), ("not_found", Some("did you mean \"light.bed_light\"?")));
    let service = failed(&adapter, "ha.light.toggle", light()).await;
    assert_eq!(
        (service.code.as_str(), service.hint.as_deref()),
        ("not_found", Some("did you mean \"light.turn_on\"?"))
    );
    for name in ["", " ", "light.ü\"\n'", &"x".repeat(10_000)] {
        let refused = failed(&adapter, "ha.state", json!({"entity": name})).await;
        assert!(["not_found", "bad_argument"].contains(&refused.code.as_str()), "{refused:?}");
    }
    assert_eq!(house.seen(), Vec::<Value>::new());
}

#[tokio::test]
async fn an_entity_removed_between_look_up_and_execution() {
    // Known at the look-up; gone when the call arrives. Home Assistant says success.
    let fake = Fake::loaded(House::new(), |mut side, mut house| async move {
        while let Some(request) = side.serve(&house).await {
            house.states.clear();
            side.changed("light.bed_light", Value::Null).await;
            side.taken(&request, "c1").await;
        }
    });
    let fake = fake.await;
    let adapter = connected(&fake).await;
    // Long before its deadline.
    let gone = failed_within(&adapter, "ha.light.on", light(), Duration::from_secs(3_600)).await;
    assert_eq!(gone.code, "not_confirmed");
    assert!(gone.message.contains("no such entity any more"), "{gone:?}");
    // Told before the command: refused, and nothing is sent.
    let next = failed(&adapter, "ha.light.on", light()).await;
    assert_eq!(next.code, "not_found");
}

#[tokio::test]
async fn an_entity_that_is_unavailable_is_not_asked() {
    let mut house = House::new();
    house.set("light.bed_light", "unavailable");
    let fake = Fake::loaded(house.clone(), only_reads).await;
    let adapter = connected(&fake).await;
    assert_eq!(failed(&adapter, "ha.light.on", light()).await.code, "not_ready");
    assert_eq!(house.seen(), Vec::<Value>::new());
}

#[tokio::test]
async fn two_thousand_entities_and_odd_names() {
    const COUNT: usize = 2_000;
    let mut house = House::new();
    house.states = (0..COUNT)
        .map(|n| {
            let mut light = state(&format!("light.l{n}"), "off");
            light["attributes"] = json!({"friendly_name": format!("Licht „{n}“\n'x'"), "brightness": n % 255, "rgb_color": [1, 2, 3],
                "supported_color_modes": ["rgb"], "padding": "x".repeat(400)});
            light
        })
        .collect();
    let fake = Fake::loaded(house, |mut side, mut house| async move {
        // Every entity changes, then the command's one.
        for n in 0..COUNT {
            let id = format!("light.l{n}");
            side.changed(&id, state(&id, "on")).await;
            house.set(&id, "on");
        }
        while let Some(request) = side.serve(&house).await {
            let id = request["target"]["entity_id"][0].as_str().unwrap().to_owned();
            house.set(&id, "off");
            side.changed(&id, state(&id, "off")).await;
            side.taken(&request, "c1").await;
        }
    });
    let fake = fake.await;
    let adapter = connected(&fake).await;
    let last = COUNT - 1;
    live(&adapter, &format!("entity.light=2El{last}.state"), json!("on")).await;
    let changes = adapter.live().unwrap().changes_since(0);
    assert!(!changes.truncated && changes.values.len() >= 4 * COUNT, "{}", changes.values.len());
    let list = succeeded(&adapter, "ha.entities", json!({"limit": 2_000, "state": "on"})).await;
    assert_eq!((&list["total"], &list["shown"]), (&json!(COUNT), &json!(COUNT)));
    let off = succeeded(&adapter, "ha.light.off", json!({"entity": format!("light.l{last}")})).await;
    assert_eq!(off["confirmed_by"], json!(["event", "read_back"]));
}
