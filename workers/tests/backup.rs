//! Main and backup: a whole worker with two instances, of which one stands in for the other.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    House, Worker,
    broker::{Broker, Got, Order, order},
    nats::Nats,
    pair::{Host, Link, Pair},
    stage,
};
use if_engine::Execution;
use if_schemas::{
    Effect, Leg, Outcome, Route, RouteMode, Status,
    presence::{Announcement, InstanceState},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_secs(2);
const ALL: [(&str, Effect); 3] = [("echo", Effect::Read), ("set", Effect::Idempotent), ("fire", Effect::Once)];
const REPEATABLE: [(&str, Effect); 2] = [ALL[0], ALL[1]];

struct Stage {
    worker: Worker,
    broker: Broker,
    house: House,
    pair: Arc<Pair>,
    main: Arc<Host>,
    spare: Arc<Host>,
    _nats: Nats,
}

impl Stage {
    /// `one` with the backup `two`, both connected.
    async fn new(mode: &str) -> Self {
        let (nats, broker, house) = stage().await;
        house.instances(&format!("  one: {{host: main, backup: two, mode: {mode}}}\n  two: {{host: spare}}\n"));
        let pair = Pair::new();
        let worker = Worker::start(&house, &nats.url(), pair.clone());
        let (main, spare) = (pair.host("main"), pair.host("spare"));
        let mut stage = Self { worker, broker, house, pair, main, spare, _nats: nats };
        stage.is("one", InstanceState::Ok).await;
        stage.is("two", InstanceState::Ok).await;
        stage
    }

    async fn is(&mut self, instance: &str, state: InstanceState) -> Announcement {
        let wanted = |a: &Announcement| a.instances.iter().any(|i| i.instance.as_str() == instance && i.state == state);
        self.broker.announced(&format!("{instance} as {}", state.as_str()), wanted).await
    }

    async fn down(&mut self, instance: &str, host: &Arc<Host>, state: InstanceState) {
        host.set(Link::Down(state));
        self.is(instance, state).await;
    }

    async fn result(&mut self, order: &Order) -> Got {
        self.broker.send(order).await;
        let got = self.broker.result().await;
        assert_eq!(got.event.command, order.command.id);
        got
    }
}

fn to_one((verb, effect): (&str, Effect), text: &str, deadline: Duration) -> Order {
    order("one", verb, effect, text, deadline)
}

fn leg(instance: &str, status: Option<Status>, code: Option<&str>) -> Leg {
    Leg { instance: instance.parse().unwrap(), status, code: code.map(Into::into) }
}

fn route(
    mode: RouteMode,
    main: (Option<Status>, Option<&str>),
    backup: (Option<Status>, Option<&str>),
) -> Option<Route> {
    Some(Route { mode, main: leg("one", main.0, main.1), backup: leg("two", backup.0, backup.1) })
}

const DONE: (Option<Status>, Option<&str>) = (Some(Status::Succeeded), None);

fn on(host: &str) -> Outcome {
    Outcome::Result(json!({"host": host}))
}

fn failure(got: &Got) -> (Status, &str, &str) {
    let Outcome::Error(failure) = &got.outcome else { panic!("{:?}", got.outcome) };
    (got.event.status, &failure.code, &failure.message)
}

#[tokio::test]
async fn while_the_main_instance_is_there_nothing_goes_to_the_backup() {
    let mut s = Stage::new("failover").await;
    for kind in ALL {
        let got = s.result(&to_one(kind, "a", LONG)).await;
        assert_eq!((got.outcome, got.event.route), (on("main"), None));
    }
    assert_eq!((s.main.executed().len(), s.spare.executed().len()), (3, 0));
    // What the backup is told itself is its own.
    let got = s.result(&order("two", "fire", Effect::Once, "b", LONG)).await;
    assert_eq!((got.outcome, got.event.route), (on("spare"), None));
    s.worker.stop().await;
}

/// Nothing was sent to the main instance, so that any effect may go to the backup.
#[tokio::test]
async fn what_cannot_begin_on_the_main_instance_begins_on_the_backup() {
    let mut s = Stage::new("failover").await;
    let main = s.main.clone();
    for state in [InstanceState::Disconnected, InstanceState::AuthenticationFailure, InstanceState::BadConfig] {
        s.down("one", &main, state).await;
        for kind in ALL {
            let got = s.result(&to_one(kind, "a", LONG)).await;
            assert_eq!((got.event.status, &got.outcome), (Status::Succeeded, &on("spare")));
            // It is connecting for a moment before each failure.
            let code = got.event.route.as_ref().unwrap().main.code.clone().unwrap();
            assert!([state.as_str(), "connecting"].contains(&code.as_str()), "{code}");
            assert_eq!(got.event.route, route(RouteMode::Failover, (None, Some(&code)), DONE));
        }
        main.set(Link::Up);
        s.is("one", InstanceState::Ok).await;
    }
    assert_eq!((s.main.executed().len(), s.spare.executed().len()), (0, 9));
    let got = s.result(&to_one(ALL[2], "back", LONG)).await;
    assert_eq!((got.outcome, got.event.route), (on("main"), None));
    s.worker.stop().await;
}

#[tokio::test]
async fn a_main_instance_that_is_connecting_is_not_waited_for_long() {
    let mut s = Stage::new("failover").await;
    s.main.set(Link::Hangs);
    s.is("one", InstanceState::Connecting).await;
    let got = s.result(&to_one(ALL[2], "a", Duration::from_secs(4))).await;
    assert_eq!(got.outcome, on("spare"));
    assert_eq!(got.event.route, route(RouteMode::Failover, (None, Some("connecting")), DONE));
    assert!(s.main.executed().is_empty());
    s.worker.stop().await;
}

#[tokio::test]
async fn if_neither_is_there_the_failure_and_the_record_name_both() {
    let mut s = Stage::new("failover").await;
    let (main, spare) = (s.main.clone(), s.spare.clone());
    s.down("one", &main, InstanceState::AuthenticationFailure).await;
    s.down("two", &spare, InstanceState::AuthenticationFailure).await;
    let got = s.result(&to_one(ALL[1], "a", LONG)).await;
    let said = "the test says so; backup two: the test says so";
    assert_eq!(failure(&got), (Status::Failed, "authentication_failure", said));
    let auth = (None, Some("authentication_failure"));
    assert_eq!(got.event.route, route(RouteMode::Failover, auth, auth));
    s.worker.stop().await;
}

#[tokio::test]
async fn what_must_not_happen_twice_is_never_repeated_on_the_backup() {
    let mut s = Stage::new("failover").await;
    for code in ["unreachable", "disconnected", "lost_after_send"] {
        s.main.gives(Execution::indeterminate(code, "the connection broke", None));
        let got = s.result(&to_one(ALL[2], code, LONG)).await;
        assert_eq!(failure(&got), (Status::Indeterminate, code, "the connection broke"));
        assert_eq!(got.event.route, None);
    }
    // Not of one that takes it and then says nothing more either.
    s.main.hangs();
    let got = s.result(&to_one(ALL[2], "hangs", SHORT)).await;
    let (status, code, _) = failure(&got);
    assert_eq!((status, code), (Status::Indeterminate, "deadline"));
    assert_eq!((s.main.executed().len(), s.spare.executed().len()), (4, 0));
    s.worker.stop().await;
}

#[tokio::test]
async fn a_silent_main_instance_is_found_out_before_it_gets_what_must_not_happen_twice() {
    let mut s = Stage::new("failover").await;
    s.main.falls_silent();
    let got = s.result(&to_one(ALL[2], "a", LONG)).await;
    assert_eq!((got.event.status, &got.outcome), (Status::Succeeded, &on("spare")));
    assert_eq!(got.event.route, route(RouteMode::Failover, (None, Some("silent")), DONE));
    assert_eq!((s.main.executed().len(), s.spare.executed().len()), (0, 1));
    s.worker.stop().await;
}

#[tokio::test]
async fn what_may_be_repeated_goes_to_the_backup_when_the_connection_is_lost() {
    let mut s = Stage::new("failover").await;
    s.main.gives(Execution::failed("disconnected", "the connection broke", None));
    for kind in REPEATABLE {
        let got = s.result(&to_one(kind, "a", LONG)).await;
        assert_eq!((got.event.status, &got.outcome), (Status::Succeeded, &on("spare")));
        let main = (Some(Status::Failed), Some("disconnected"));
        assert_eq!(got.event.route, route(RouteMode::Failover, main, DONE));
    }
    // A refusal is an answer.
    s.main.gives(Execution::failed("refused", "no", None));
    let got = s.result(&to_one(ALL[1], "a", LONG)).await;
    assert_eq!((failure(&got), &got.event.route), ((Status::Failed, "refused", "no"), &None));
    s.worker.stop().await;
}

#[tokio::test]
async fn what_may_be_repeated_goes_to_the_backup_when_the_main_instance_falls_silent() {
    let mut s = Stage::new("failover").await;
    s.main.falls_silent();
    for (kind, status) in [(REPEATABLE[0], Status::Failed), (REPEATABLE[1], Status::Indeterminate)] {
        let got = s.result(&to_one(kind, "a", LONG)).await;
        assert_eq!((got.event.status, &got.outcome), (Status::Succeeded, &on("spare")));
        assert_eq!(got.event.route, route(RouteMode::Failover, (Some(status), Some("silent")), DONE));
    }
    s.worker.stop().await;
}

#[tokio::test]
async fn one_that_is_slow_and_answers_keeps_its_command() {
    let mut s = Stage::new("failover").await;
    s.main.hangs();
    let got = s.result(&to_one(ALL[1], "slow", SHORT)).await;
    let (status, code, _) = failure(&got);
    assert_eq!((status, code, &got.event.route), (Status::Indeterminate, "deadline", &None));
    assert!(s.spare.executed().is_empty());
    s.worker.stop().await;
}

/// The later of two settings is the one that stays, also where both move to the backup.
#[tokio::test]
async fn commands_that_move_to_the_backup_keep_their_order() {
    let mut s = Stage::new("failover").await;
    s.main.hangs();
    let texts: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    for text in &texts {
        s.broker.send(&to_one(ALL[1], text, LONG)).await;
    }
    s.main.begun(texts.len()).await;
    s.main.set(Link::Down(InstanceState::Disconnected));
    s.broker.send(&to_one(ALL[1], "last", LONG)).await;
    for _ in 0..=texts.len() {
        assert_eq!(s.broker.result().await.event.status, Status::Succeeded);
    }
    assert_eq!(s.spare.executed(), [texts, vec!["last".into()]].concat());
    s.worker.stop().await;
}

#[tokio::test]
async fn a_mirrored_command_goes_to_both_and_what_only_asks_to_one() {
    let mut s = Stage::new("mirror").await;
    for kind in [ALL[1], ALL[2]] {
        let got = s.result(&to_one(kind, "a", LONG)).await;
        assert_eq!((got.event.status, &got.outcome), (Status::Succeeded, &on("main")));
        assert_eq!(got.event.route, route(RouteMode::Mirror, DONE, DONE));
    }
    let got = s.result(&to_one(ALL[0], "read", LONG)).await;
    assert_eq!((got.outcome, got.event.route), (on("main"), None));
    assert_eq!((s.main.executed().len(), s.spare.executed().len()), (3, 2));
    s.worker.stop().await;
}

#[tokio::test]
async fn a_mirrored_command_with_one_of_the_two_away_is_recorded_as_degraded() {
    let mut s = Stage::new("mirror").await;
    let (main, spare) = (s.main.clone(), s.spare.clone());
    let away = (None, Some("authentication_failure"));
    s.down("two", &spare, InstanceState::AuthenticationFailure).await;
    let got = s.result(&to_one(ALL[2], "a", LONG)).await;
    assert_eq!((got.event.status, &got.outcome), (Status::Succeeded, &on("main")));
    assert_eq!(got.event.route, route(RouteMode::Mirror, DONE, away));
    assert!(got.event.route.unwrap().is_degraded());
    spare.set(Link::Up);
    s.is("two", InstanceState::Ok).await;
    s.down("one", &main, InstanceState::AuthenticationFailure).await;
    let got = s.result(&to_one(ALL[2], "b", LONG)).await;
    assert_eq!((got.event.status, &got.outcome), (Status::Succeeded, &on("spare")));
    assert_eq!(got.event.route, route(RouteMode::Mirror, away, DONE));
    s.worker.stop().await;
}

#[tokio::test]
async fn a_mirrored_command_succeeds_only_on_both_and_is_sent_once_to_each() {
    let mut s = Stage::new("mirror").await;
    s.spare.gives(Execution::failed("refused", "no", None));
    let got = s.result(&to_one(ALL[2], "a", LONG)).await;
    assert_eq!(failure(&got), (Status::Failed, "mirror_incomplete", "one: succeeded; two: failed (refused: no)"));
    assert_eq!(got.event.route, route(RouteMode::Mirror, DONE, (Some(Status::Failed), Some("refused"))));
    s.main.gives(Execution::indeterminate("lost_after_send", "gone", None));
    let got = s.result(&to_one(ALL[2], "b", LONG)).await;
    let said = "one: indeterminate (lost_after_send: gone); two: failed (refused: no)";
    assert_eq!(failure(&got), (Status::Indeterminate, "lost_after_send", said));
    assert_eq!((s.main.executed(), s.spare.executed()), (vec!["a".into(), "b".into()], vec!["a".into(), "b".into()]));
    s.worker.stop().await;
}

/// Its settings change while the worker runs: the next command finds the new one.
#[tokio::test]
async fn a_backup_that_is_started_anew_is_followed() {
    let mut s = Stage::new("failover").await;
    let main = s.main.clone();
    s.down("one", &main, InstanceState::AuthenticationFailure).await;
    s.house.instances("  one: {host: main, backup: two, mode: failover}\n  two: {host: other, simulated: true}\n");
    let other = |a: &Announcement| a.instances.iter().any(|i| i.simulated && i.state == InstanceState::Ok);
    s.broker.announced("the other peer", other).await;
    let got = s.result(&to_one(ALL[2], "a", LONG)).await;
    assert_eq!((&got.outcome, got.event.simulated), (&on("other"), true));
    assert_eq!((s.spare.executed().len(), s.pair.host("other").executed()), (0, vec!["a".to_string()]));
    s.worker.stop().await;
}

#[tokio::test]
async fn a_backup_that_is_no_instance_is_bad_config_of_that_instance_alone() {
    let (nats, broker, house) = stage().await;
    house.instances("  one: {host: main, backup: tow}\n  two: {host: spare}\n");
    let pair = Pair::new();
    let worker = Worker::start(&house, &nats.url(), pair.clone());
    let (main, spare) = (pair.host("main"), pair.host("spare"));
    let mut s = Stage { worker, broker, house, pair, main, spare, _nats: nats };
    let announced = s.is("one", InstanceState::BadConfig).await;
    let detail = announced.instances.iter().find(|i| i.instance.as_str() == "one").unwrap().detail.clone().unwrap();
    assert!(
        detail.ends_with("scripted.yaml:2:29: instance one: its backup tow is no instance of this file"),
        "{detail}"
    );
    s.is("two", InstanceState::Ok).await;
    s.worker.stop().await;
}
