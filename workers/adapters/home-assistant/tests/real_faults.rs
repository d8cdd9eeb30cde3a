//! What goes wrong with a real Home Assistant: tokens, restarts, freezes, recovery mode, contradictory commands.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod support;

use if_adapter_home_assistant::Limits;
use if_engine::{Adapter, Execution};
use if_schemas::presence::InstanceState;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{PATIENCE, adapter, adapter_for, execute, failed, failed_within, home::Home, live, raw::Raw, succeeded};
use tokio::time::timeout;

async fn lost(adapter: &Arc<dyn Adapter>) -> if_engine::AdapterError {
    timeout(PATIENCE, adapter.closed()).await.expect("the loss was not noticed")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn tokens_wrong_and_revoked() {
    let home = Home::start().await;
    let wrong = adapter(home.port, "not-a-token-of-this-house").connect().await.unwrap_err();
    assert_eq!(wrong.state, InstanceState::AuthenticationFailure, "{wrong:?}");
    assert!(wrong.message.contains("refused the token"), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("not-a-token"), "{wrong:?}");

    let mut stage = Raw::connect(home.port, &home.token).await;
    let long_lived = json!({"type": "auth/long_lived_access_token", "client_name": "if", "lifespan": 365});
    let long_lived = stage.ask(long_lived).await.as_str().unwrap().to_owned();
    let kept = adapter(home.port, &long_lived);
    kept.connect().await.unwrap();

    let ha = home.connected().await;
    home.with(|home| home.revoke()).await;
    // Home Assistant hangs up on whoever used it.
    assert_eq!(lost(&ha).await.state, InstanceState::Disconnected);
    let revoked = ha.connect().await.unwrap_err();
    assert_eq!(revoked.state, InstanceState::AuthenticationFailure, "{revoked:?}");
    // A long-lived token is one of its own.
    succeeded(&kept, "ha.light.on", json!({"entity": "light.bed_light"})).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn the_last_of_contradictory_commands_wins() {
    let home = Home::start().await;
    let ha = home.connected().await;
    let entity = "cover.hall_window";

    // The first needs seconds; the second comes meanwhile and is obeyed.
    let progress = async |operation: &str, args: Value| execute(&ha, operation, args, PATIENCE).await;
    let first = progress("ha.cover.open", json!({"entity": entity}));
    let second = async {
        live(&ha, "entity.cover=2Ehall_window.state", json!("opening")).await;
        progress("ha.cover.close", json!({"entity": entity})).await
    };
    let (first, second) = tokio::join!(first, second);
    let Execution::Succeeded(document) = second else { panic!("{second:?}") };
    assert_eq!(document["state"], "closed");
    assert_eq!(home.is("cover.hall_window").await, "closed");
    let Execution::Failed(failure) = first else { panic!("{first:?}") };
    assert_eq!(failure.code, "superseded");
    assert!(
        failure.message.contains("wanted cover.hall_window open") && failure.message.contains("command "),
        "{failure:?}"
    );

    // Thirty at once, in the order they were given: the light is what the last one said, and nobody else claims that it is
    // something else.
    let commands = (0..30).map(|n| {
        let operation = if n % 2 == 0 { "ha.light.on" } else { "ha.light.off" };
        execute(&ha, operation, json!({"entity": "light.bed_light"}), PATIENCE)
    });
    let ends = futures::future::join_all(commands).await;
    assert!(matches!(ends.last(), Some(Execution::Succeeded(d)) if d["state"] == "off"), "{ends:?}");
    assert_eq!(home.is("light.bed_light").await, "off");
    for end in ends {
        match end {
            Execution::Succeeded(_) => {}
            Execution::Failed(failure) => assert_eq!(failure.code, "superseded", "{failure:?}"),
            Execution::Indeterminate(failure) => panic!("{failure:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn another_operator_comes_in_between() {
    let home = Home::start().await;
    let ha = home.connected().await;
    let limit = Duration::from_secs(15);
    let opening = execute(&ha, "ha.cover.open", json!({"entity": "cover.hall_window"}), limit);
    let rival = async {
        live(&ha, "entity.cover=2Ehall_window.state", json!("opening")).await;
        home.service("cover", "close_cover", json!({"entity_id": "cover.hall_window"})).await;
        live(&ha, "entity.cover=2Ehall_window.state", json!("closed")).await;
    };
    let (opening, ()) = tokio::join!(opening, rival);
    let Execution::Failed(failure) = opening else { panic!("{opening:?}") };
    assert!(failure.code == "not_confirmed" || failure.code == "superseded", "{failure:?}");
    assert!(failure.message.contains("observed closed, current_position 0"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn stopped_killed_and_started_again() {
    let home = Home::start().await;
    let ha = home.connected().await;
    let fresh = |ha: &Arc<dyn Adapter>| ha.live().unwrap().changes_since(0).fresh;
    assert!(fresh(&ha));
    home.with(|home| home.quit().and_then(|()| home.start_again())).await;
    assert_eq!(lost(&ha).await.state, InstanceState::Disconnected);
    assert!(!fresh(&ha));
    ha.connect().await.unwrap();
    assert!(fresh(&ha));

    // In the middle of a command that takes seconds.
    let moving = execute(&ha, "ha.cover.open", json!({"entity": "cover.hall_window"}), PATIENCE);
    let death = async {
        live(&ha, "entity.cover=2Ehall_window.state", json!("opening")).await;
        home.with(|home| {
            home.kill();
            Ok(())
        })
        .await;
    };
    let (moving, ()) = tokio::join!(moving, death);
    let Execution::Indeterminate(failure) = moving else { panic!("{moving:?}") };
    assert_eq!(failure.code, "no_readback");
    assert_eq!(lost(&ha).await.state, InstanceState::Disconnected);
    let live_state = ha.live().unwrap().changes_since(0);
    assert!(!live_state.fresh && !live_state.values.is_empty(), "stale values are kept, and said to be stale");
    assert_eq!(ha.connect().await.unwrap_err().state, InstanceState::Disconnected);
    assert_eq!(failed(&ha, "ha.light.on", json!({"entity": "light.bed_light"})).await.code, "disconnected");

    home.with(|home| home.start_again()).await;
    ha.connect().await.unwrap();
    assert!(fresh(&ha));
    succeeded(&ha, "ha.light.on", json!({"entity": "light.bed_light"})).await;
    assert_eq!(home.is("light.bed_light").await, "on");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs real Home Assistant: make test-peers"]
async fn frozen_and_then_in_recovery_mode() {
    let home = Home::start().await;
    let quick = Limits { ping: Duration::from_millis(300), silence: Duration::from_secs(3), ..Limits::default() };
    let ha = adapter_for(json!({"host": "127.0.0.1", "port": home.port}), &home.token, quick);
    ha.connect().await.unwrap();

    home.with(|home| home.freeze()).await;
    let light = json!({"entity": "light.bed_light"});
    let stuck = execute(&ha, "ha.light.on", light.clone(), Duration::from_millis(700)).await;
    let Execution::Indeterminate(stuck) = stuck else { panic!("{stuck:?}") };
    assert_eq!(stuck.code, "no_readback");
    let silent = lost(&ha).await;
    assert!(silent.state == InstanceState::Disconnected && silent.message.contains("silent"), "{silent:?}");
    assert!(!ha.live().unwrap().changes_since(0).fresh);
    home.with(|home| home.thaw()).await;
    ha.connect().await.unwrap();
    let read = failed_within(&ha, "ha.state", json!({"entity": "light.none"}), PATIENCE).await;
    assert_eq!(read.code, "not_found");

    home.with(|home| home.start_broken()).await;
    let recovery = ha.connect().await.unwrap_err();
    assert_eq!(recovery.state, InstanceState::UnknownError, "{recovery:?}");
    assert!(recovery.message.contains("recovery mode"), "{recovery:?}");
    assert!(!ha.live().unwrap().changes_since(0).fresh);
}
