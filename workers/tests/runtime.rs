//! A whole worker against a real nats-server: what is executed, what is answered, and what survives.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    House, Worker,
    adapter::Scripted,
    broker::{Broker, Got, Order, SPARE_SEED, admin, echoed, genesis, order},
    stage, within,
};
use if_schemas::{
    Code, Currency, Effect, Entry, Envelope, Money, Outcome, Reject, Status,
    head::Verdict,
    outcome::Progress,
    presence::InstanceState,
    price::{Quote, QuoteLine, Rate, Unit, Usage},
    subject::{self, EventKind},
    wire::Message,
};
use std::{collections::HashMap, time::Duration};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_secs(2);

fn fire(text: &str) -> Order {
    order("one", "fire", Effect::Once, text, LONG)
}

fn code(got: &Got) -> &str {
    match &got.outcome {
        Outcome::Error(failure) => &failure.code,
        Outcome::Result(_) => "",
    }
}

#[tokio::test]
async fn executes_work_and_reports_a_signed_result() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let order = fire("shot");
    let item = broker.send(&order).await;
    let got = broker.result().await;
    assert_eq!((got.event.status, got.event.command), (Status::Succeeded, order.command.id));
    assert_eq!(got.event.entry, Entry::hash_bytes(&item.entry));
    assert_eq!((got.event.attempt, got.event.simulated), (1, false));
    assert_eq!(got.outcome, echoed("shot"));
    assert_eq!(provider.executed(), ["shot"]);
    worker.stop().await;
}

fn quote() -> Quote {
    let rate = Rate { unit: Unit::Call, amount_micros: 10_000, per: 1 };
    let lines = vec![QuoteLine { rate, most: 5 }];
    Quote { table: "2026-11".into(), sku: "shot".into(), currency: Currency::USD, lines }
}

/// The quote of the admission and what the adapter metered make the cost; a worker that does not know charges all.
#[tokio::test]
async fn a_paid_command_is_billed_by_its_quote() {
    let (nats, mut broker, house) = stage().await;
    let worker = Worker::start(&house, &nats.url(), Scripted::new());
    let used = |calls| Some(Usage::from([(Unit::Call, calls)]));
    let cases = [
        ("hang_read", "past its deadline", None, 50_000),
        ("set", "use 3", used(3), 30_000),
        ("echo", "use 7", used(7), 50_000),
        ("fire", "use ?", None, 50_000),
        ("set", "nothing", Some(Usage::new()), 0),
        ("panic", "boom", None, 50_000),
    ];
    for (verb, text, usage, cost) in cases {
        let effect = match verb {
            "set" => Effect::Idempotent,
            "echo" | "hang_read" => Effect::Read,
            _ => Effect::Once,
        };
        let order = order("one", verb, effect, text, if verb == "hang_read" { 2 * SHORT } else { LONG });
        let item = broker.admit_priced("node1", &order, &admin(), Some(quote()));
        broker.publish(&order.command.instance, &item, "").await;
        let got = broker.result().await;
        assert_eq!((got.event.command, &got.event.usage), (order.command.id, &usage), "{verb} {text}");
        assert_eq!(got.event.cost, Money { amount_micros: cost, currency: Currency::USD }, "{verb} {text}");
        assert_eq!(got.event.price_table.as_deref(), Some("2026-11"));
    }
    // What is free stays free, whatever the adapter says.
    broker.send(&order("one", "set", Effect::Idempotent, "use 3", LONG)).await;
    let got = broker.result().await;
    assert_eq!((got.event.cost, got.event.usage, got.event.price_table), (Money::FREE, None, None));
    worker.stop().await;
}

/// One reservation pays for one call: whatever the effect, after a crash it is not made again.
#[tokio::test]
async fn a_paid_command_that_was_interrupted_is_not_repeated_and_charged_in_full() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let order = order("one", "hang_set", Effect::Idempotent, "a", LONG);
    let item = broker.admit_priced("node1", &order, &admin(), Some(quote()));
    broker.publish(&order.command.instance, &item, "").await;
    provider.begun(1).await;
    worker.crash().await;
    let again = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), again.clone());
    let got = broker.result().await;
    assert_eq!((got.event.status, code(&got)), (Status::Indeterminate, "interrupted"));
    assert_eq!((got.event.cost.amount_micros, got.event.usage), (50_000, None));
    assert!(again.executed().is_empty());
    worker.stop().await;
}

/// Both take from one queue; the second knows nothing of what the first did with a command before it died.
#[tokio::test]
async fn of_two_nodes_only_the_one_it_was_given_to_executes_a_command() {
    let (nats, mut broker, house) = stage().await;
    let spare_house = House::of(&genesis(), &SPARE_SEED);
    spare_house.instances("  one: {host: here}\n");
    let (first, spare) = (Scripted::new(), Scripted::new());
    let worker = Worker::start(&house, &nats.url(), first.clone());
    let spare_worker = Worker::start(&spare_house, &nats.url(), spare.clone());
    for (node, text) in [("node1", "a"), ("node2", "b"), ("node1", "c"), ("node2", "d")] {
        let order = fire(text);
        let item = broker.admit_for(node, &order, &admin());
        broker.publish(&order.command.instance, &item, "").await;
        assert_eq!(broker.result().await.outcome, echoed(text));
    }
    assert_eq!((first.executed(), spare.executed()), (vec!["a".into(), "c".into()], vec!["b".into(), "d".into()]));
    worker.stop().await;
    spare_worker.stop().await;
}

#[tokio::test]
async fn commands_begin_in_the_order_in_which_they_were_admitted() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let texts: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    for text in &texts {
        broker.send(&fire(text)).await;
    }
    for _ in &texts {
        assert_eq!(broker.result().await.event.status, Status::Succeeded);
    }
    assert_eq!(provider.executed(), texts);
    worker.stop().await;
}

#[tokio::test]
async fn a_work_item_put_on_the_queue_again_is_not_executed_again() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let order = fire("first");
    let item = broker.send(&order).await;
    let first = broker.result().await;
    for again in ["a", "b", "c"] {
        broker.publish(&order.command.instance, &item, again).await;
    }
    broker.nothing_new_before(&fire("marker"), &[&first]).await;
    assert_eq!(provider.executed(), ["first", "marker"]);
    worker.stop().await;
}

#[tokio::test]
async fn the_same_result_is_sent_until_the_broker_takes_it() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    // Silence is no receipt, and a broker whose log is closed for the moment has not taken it either.
    *broker.verdict.lock().unwrap() = None;
    broker.send(&fire("once")).await;
    let first = broker.result().await;
    *broker.verdict.lock().unwrap() = Some(Verdict::Rejected(Reject::new(Code::Unavailable, "not now")));
    let second = broker.result().await;
    *broker.verdict.lock().unwrap() = Some(Verdict::Accepted);
    let third = broker.result().await;
    assert!(first.submission == second.submission && second.submission == third.submission);
    broker.nothing_new_before(&fire("marker"), &[&third]).await;
    assert_eq!(provider.executed(), ["once", "marker"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_result_refused_for_good_is_not_sent_again() {
    let (nats, mut broker, house) = stage().await;
    let worker = Worker::start(&house, &nats.url(), Scripted::new());
    *broker.verdict.lock().unwrap() = Some(Verdict::Rejected(Reject::new(Code::WrongWorker, "no")));
    broker.send(&fire("refused")).await;
    broker.result().await;
    *broker.verdict.lock().unwrap() = Some(Verdict::Accepted);
    broker.nothing_before(&fire("marker")).await;
    worker.stop().await;
}

#[tokio::test]
async fn at_the_deadline_a_hanging_command_is_indeterminate_and_a_hanging_read_failed() {
    let (nats, mut broker, house) = stage().await;
    let worker = Worker::start(&house, &nats.url(), Scripted::new());
    for (verb, effect, status) in [
        ("hang", Effect::Once, Status::Indeterminate),
        ("hang_set", Effect::Idempotent, Status::Indeterminate),
        ("hang_read", Effect::Read, Status::Failed),
    ] {
        let order = order("one", verb, effect, verb, SHORT);
        broker.send(&order).await;
        let got = broker.result().await;
        assert_eq!((got.event.status, code(&got)), (status, "deadline"), "{verb}");
        assert!(got.event.finished_at >= order.command.deadline);
    }
    worker.stop().await;
}

#[tokio::test]
async fn work_that_arrives_late_is_expired_and_not_executed() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    broker.send(&order("one", "fire", Effect::Once, "late", Duration::ZERO)).await;
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let got = broker.result().await;
    assert_eq!((got.event.status, code(&got)), (Status::Expired, "expired"));
    broker.nothing_before(&fire("marker")).await;
    assert_eq!(provider.executed(), ["marker"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_panicking_adapter_is_indeterminate_and_the_instance_comes_back() {
    let (nats, mut broker, house) = stage().await;
    let worker = Worker::start(&house, &nats.url(), Scripted::new());
    broker.send(&order("one", "panic", Effect::Once, "boom", LONG)).await;
    let got = broker.result().await;
    assert_eq!((got.event.status, code(&got)), (Status::Indeterminate, "adapter_panicked"));
    broker.announced("unknown_error", |a| a.instances.iter().any(|i| i.state == InstanceState::UnknownError)).await;
    broker.announced("ok", |a| a.instances.iter().any(|i| i.state == InstanceState::Ok)).await;
    broker.send(&fire("after")).await;
    assert_eq!(broker.result().await.event.status, Status::Succeeded);
    worker.stop().await;
}

#[tokio::test]
async fn an_instance_that_cannot_be_used_fails_at_once_with_why() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    provider.refuse(InstanceState::AuthenticationFailure, "wrong password");
    house.instances("  one: {host: here}\n  wrong: {hots: here}\n");
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    broker
        .announced("both", |a| a.instances.iter().filter(|i| i.state != InstanceState::Connecting).count() == 2)
        .await;
    broker.send(&fire("never")).await;
    let got = broker.result().await;
    assert_eq!((got.event.status, code(&got)), (Status::Failed, "authentication_failure"));
    broker.send(&order("wrong", "fire", Effect::Once, "never", LONG)).await;
    let got = broker.result().await;
    assert_eq!((got.event.status, code(&got)), (Status::Failed, "bad_config"));
    let Outcome::Error(failure) = got.outcome else { panic!("no error") };
    assert!(failure.message.contains("scripted.yaml:3:11"), "{}", failure.message);
    assert_eq!(provider.executed(), Vec::<String>::new());
    worker.stop().await;
}

#[tokio::test]
async fn started_and_progress_events_are_signed_and_counted() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let mut events = broker.bus.subscribe(subject::EVENTS).await.unwrap();
    broker.bus.flush().await.unwrap();
    let order = order("one", "hang", Effect::Once, "slow", LONG);
    broker.send(&order).await;
    for (sequence, kind) in [(0, EventKind::Started), (1, EventKind::Progress)] {
        let message = within("an event", events.next()).await.unwrap();
        assert_eq!(subject::event_kind(&message.subject), Some(kind));
        assert_eq!(message.trace, Some(order.command.trace));
        let key = common::worker_key().public();
        let progress: Progress = Envelope::from_message(&message.payload).unwrap().open(&key).unwrap();
        assert_eq!((progress.sequence, progress.command), (sequence, order.command.id));
    }
    provider.shared.gate.add_permits(1);
    assert_eq!(broker.result().await.event.status, Status::Succeeded);
    worker.stop().await;
}

#[tokio::test]
async fn a_crash_in_the_middle_makes_a_once_command_indeterminate_and_repeats_an_idempotent_one() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let once = order("one", "hang", Effect::Once, "once", LONG);
    let set = order("one", "hang_set", Effect::Idempotent, "set", LONG);
    broker.send(&once).await;
    broker.send(&set).await;
    provider.begun(2).await;
    worker.crash().await;
    let provider = Scripted::new();
    provider.shared.gate.add_permits(10);
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    // Either may come more than once: the bytes are sent until there is a receipt.
    let mut results = HashMap::new();
    while results.len() < 2 {
        let got = broker.result().await;
        results.insert(got.event.command, got);
    }
    let (of_once, of_set) = (&results[&once.command.id], &results[&set.command.id]);
    assert_eq!((of_once.event.status, code(of_once)), (Status::Indeterminate, "interrupted"));
    assert_eq!(of_set.event.status, Status::Succeeded);
    assert!(of_set.event.attempt >= 2);
    assert_eq!(provider.executed(), ["set"]);
    worker.stop().await;
}

#[tokio::test]
async fn an_interrupted_idempotent_command_that_cannot_be_repeated_in_time_is_indeterminate() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let set = order("one", "hang_set", Effect::Idempotent, "set", LONG);
    broker.send(&set).await;
    provider.begun(1).await;
    worker.crash().await;
    let provider = Scripted::new();
    provider.refuse(InstanceState::BadConfig, "broken meanwhile");
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let got = broker.result().await;
    assert_eq!((got.event.status, code(&got)), (Status::Indeterminate, "interrupted"));
    assert_eq!(provider.executed(), Vec::<String>::new());
    worker.stop().await;
}

#[tokio::test]
async fn a_result_that_a_crashed_worker_could_not_report_is_reported_by_the_next_one() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    *broker.verdict.lock().unwrap() = None;
    broker.send(&fire("done")).await;
    let first = broker.result().await;
    worker.crash().await;
    *broker.verdict.lock().unwrap() = Some(Verdict::Accepted);
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let again = broker.result().await;
    assert!(first.submission == again.submission);
    broker.nothing_new_before(&fire("marker"), &[&again]).await;
    assert_eq!(provider.executed(), ["marker"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_clean_stop_lets_a_running_command_end_and_takes_no_more() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let order = order("one", "hang", Effect::Once, "last", LONG);
    broker.send(&order).await;
    provider.begun(1).await;
    worker.ask_to_stop();
    broker.announced("leaving", |a| a.leaving).await;
    broker.send(&fire("too late")).await;
    provider.shared.gate.add_permits(1);
    assert_eq!(broker.result().await.outcome, echoed("last"));
    worker.stop().await;
    assert_eq!(provider.executed(), ["last"]);
}

#[tokio::test]
async fn after_the_server_lost_everything_work_goes_on() {
    let (mut nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    broker.send(&fire("before")).await;
    broker.result().await;
    nats.kill();
    nats.restart();
    let mut link = broker.bus.link();
    within("the connection", link.wait_for(|l| l.up && l.epoch > 1)).await.unwrap();
    broker.bus.ensure_streams().await.unwrap();
    broker.send(&fire("after")).await;
    assert_eq!(broker.result().await.outcome, echoed("after"));
    assert_eq!(provider.executed(), ["before", "after"]);
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_started_before_its_server_and_broker_serves_once_they_are_there() {
    let (mut nats, broker, house) = stage().await;
    drop(broker);
    nats.kill();
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    nats.restart();
    let mut broker = Broker::start(&nats.url()).await;
    broker.send(&fire("at last")).await;
    assert_eq!(broker.result().await.outcome, echoed("at last"));
    worker.stop().await;
}

#[tokio::test]
async fn a_hundred_commands_that_wait_do_not_stop_another_instance() {
    let (nats, mut broker, house) = stage().await;
    house.instances("  one: {host: here}\n  two: {host: there}\n");
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    for _ in 0..100 {
        broker.send(&order("one", "hang_read", Effect::Read, "waiting", LONG)).await;
    }
    provider.begun(64).await;
    broker.send(&order("two", "fire", Effect::Once, "free", LONG)).await;
    assert_eq!(broker.result().await.outcome, echoed("free"));
    assert_eq!(provider.executed().iter().filter(|t| *t == "waiting").count(), 64);
    provider.shared.gate.add_permits(100);
    for _ in 0..100 {
        assert_eq!(broker.result().await.event.status, Status::Succeeded);
    }
    worker.stop().await;
}
