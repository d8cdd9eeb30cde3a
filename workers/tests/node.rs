//! What a node believes, serves and says: trust, forged work, instance files, presence, service verbs, command line.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    House, Worker,
    adapter::{PROVIDER, Scripted},
    broker::{admin, echoed, genesis, order, stranger},
    stage, within,
};
use if_schemas::{
    Effect, Envelope, Hash, Member, Outcome, Payload, Role, Salt, SigningKey, Status, TrustOp,
    presence::{Announcement, InstanceState},
    subject,
    wire::WorkItem,
};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn fire(text: &str) -> common::broker::Order {
    order("one", "fire", Effect::Once, text, LONG)
}

fn is_ok(name: &'static str) -> impl Fn(&Announcement) -> bool {
    move |a| a.instances.iter().any(|i| i.instance.as_str() == name && i.state == InstanceState::Ok)
}

/// The counters of the worker by `$SRV.STATS`.
async fn stats(broker: &common::broker::Broker) -> Value {
    let answer = broker.bus.request("$SRV.STATS.if-worker", vec![], Duration::from_secs(5)).await.unwrap();
    serde_json::from_slice(&answer).unwrap()
}

#[tokio::test]
async fn nothing_that_is_forged_or_changed_is_executed_and_each_is_counted() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    broker.announced("one", is_ok("one")).await;
    let order = fire("forged");
    let item = broker.admit(&order, &admin());
    let other_head = broker.admit(&fire("other"), &admin()).head;
    let head_by_stranger =
        Envelope::seal(&item.head.read_unverified::<if_schemas::Head>().unwrap(), &stranger()).unwrap();
    let forged = [
        WorkItem { head: head_by_stranger, ..item.clone() },
        WorkItem { head: other_head, ..item.clone() },
        WorkItem {
            payload: Some(Payload::new(&json!({"args": {}, "why": null}), Salt([1; 16])).unwrap()),
            ..item.clone()
        },
        WorkItem { payload: None, ..item.clone() },
        broker.admit(&fire("stranger"), &stranger()),
        broker.admit(&common::broker::order("two", "fire", Effect::Once, "elsewhere", LONG), &admin()),
    ];
    let one = "one".parse().unwrap();
    for (n, item) in forged.iter().enumerate() {
        broker.publish(&one, item, &n.to_string()).await;
    }
    let garbage = subject::work(&PROVIDER.parse().unwrap(), &one);
    broker.bus.publish_work(&garbage, "garbage", vec![0xc1; 700_000]).await.unwrap();
    broker.nothing_before(&fire("marker")).await;
    assert_eq!(provider.executed(), ["marker"]);
    let dropped = stats(&broker).await["endpoints"][0]["data"]["dropped"].clone();
    let expected = json!({"forged_head": 1, "head_mismatch": 1, "payload_mismatch": 1, "payload_missing": 1,
        "unknown_key": 1, "subject_mismatch": 1, "malformed": 1});
    assert_eq!(dropped, expected);
    // The genuine item is still good: a forged copy did not use it up.
    broker.publish(&one, &item, "genuine").await;
    assert_eq!(broker.result().await.outcome, echoed("forged"));
    worker.stop().await;
}

#[tokio::test]
async fn a_new_operator_is_known_at_the_first_command_and_a_revoked_one_is_refused() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    broker.announced("one", is_ok("one")).await;
    let operator = SigningKey::from_seed(&[42; 32]);
    let grants = vec![format!("*@{PROVIDER}").parse().unwrap()];
    let member = Member { name: "newcomer".parse().unwrap(), key: operator.public(), role: Role::Operator, grants };
    // Nobody tells the worker: it has to ask.
    broker.change_trust(TrustOp::Add(member), false).await;
    let one = "one".parse().unwrap();
    let item = broker.admit(&fire("new"), &operator);
    broker.publish(&one, &item, "").await;
    assert_eq!(broker.result().await.outcome, echoed("new"));
    let item = broker.admit(&fire("revoked"), &operator);
    broker.change_trust(TrustOp::Revoke(operator.id()), true).await;
    // The revocation travels on another subject than the work: send until it has arrived.
    let refused = within("the revocation", async {
        loop {
            let item = broker.admit(&fire("revoked"), &operator);
            broker.publish(&one, &item, "").await;
            let got = broker.result().await;
            if got.event.status != Status::Succeeded {
                return got;
            }
        }
    })
    .await;
    let Outcome::Error(failure) = refused.outcome else { panic!("no error") };
    assert_eq!((refused.event.status, failure.code.as_str()), (Status::Failed, "key_revoked"));
    broker.publish(&one, &item, "").await;
    assert_eq!(broker.result().await.event.status, Status::Failed);
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_may_not_serve_an_instance_neither_announces_nor_takes_its_work() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    broker.announced("one", is_ok("one")).await;
    broker.change_trust(TrustOp::Revoke(common::worker_key().id()), true).await;
    broker.announced("nothing", |a| a.instances.is_empty()).await;
    let order = fire("not mine");
    broker.send(&order).await;
    let queue = within("the queue to be free", async {
        let mut queue = broker.bus.work_queue(&order.command.provider, &order.command.instance).await.unwrap();
        queue.next().await.unwrap().payload.len()
    });
    assert!(queue.await > 0);
    assert_eq!(provider.executed(), Vec::<String>::new());
    worker.stop().await;
}

#[tokio::test]
async fn instances_follow_their_file_without_a_restart() {
    let (nats, mut broker, house) = stage().await;
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    broker.announced("one", is_ok("one")).await;
    house.instances("  one: {host: here}\n  two: {host: there, simulated: true}\n");
    let both = broker.announced("two", is_ok("two")).await;
    assert!(both.instances.iter().find(|i| i.instance.as_str() == "two").unwrap().simulated);
    broker.send(&order("two", "fire", Effect::Once, "second", LONG)).await;
    assert!(broker.result().await.event.simulated);
    // A file that cannot be read changes nothing but what is said about it.
    std::fs::write(house.home.provider_file(&PROVIDER.parse().unwrap()), "instances: [").unwrap();
    broker.bus.publish(subject::RELOAD_ASK, vec![], None).await.unwrap();
    let said =
        |a: &Announcement| a.instances.iter().all(|i| i.detail.as_ref().is_some_and(|d| d.contains("scripted.yaml:")));
    let broken = broker.announced("the mistake", |a| a.instances.len() == 2 && said(a)).await;
    assert!(broken.instances.iter().all(|i| i.state == InstanceState::Ok));
    house.instances("  one: {host: here, enabled: false}\n  two: {host: there, simulated: true}\n");
    broker.announced("only two", |a| a.instances.len() == 1 && is_ok("two")(a)).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_secret_reaches_the_adapter_and_nobody_else() {
    let (nats, mut broker, house) = stage().await;
    let secret = house.dir.path().join("secret");
    if_home::private::write_new(&secret, b"hunter2\n").unwrap();
    house.instances(&format!("  one: {{host: here, password: 'file:{}'}}\n", secret.display()));
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    broker.announced("one", is_ok("one")).await;
    assert_eq!(*provider.shared.secrets.lock().unwrap(), ["hunter2"]);
    worker.stop().await;
}

#[tokio::test]
async fn presence_is_said_when_asked_and_lists_operations() {
    let (nats, mut broker, house) = stage().await;
    let worker = Worker::start(&house, &nats.url(), Scripted::new());
    let first = broker.announced("one", is_ok("one")).await;
    assert_eq!((first.node.as_str(), first.leaving), ("node1", false));
    let operations = &first.providers[0].operations;
    assert!(operations.contains(&(format!("{PROVIDER}.fire").parse().unwrap(), Effect::Once)));
    broker.bus.publish(subject::PRESENCE_ASK, vec![], None).await.unwrap();
    let next = broker.announced("an answer", |a| a.sequence > first.sequence).await;
    assert!(next.at >= first.at);
    worker.stop().await;
    broker.announced("leaving", |a| a.leaving).await;
}

#[tokio::test]
async fn the_service_verbs_are_answered() {
    let (nats, mut broker, house) = stage().await;
    let worker = Worker::start(&house, &nats.url(), Scripted::new());
    broker.announced("one", is_ok("one")).await;
    broker.send(&fire("counted")).await;
    broker.result().await;
    let id = format!("node1-{}", common::worker_key().id());
    for (verb, kind) in [("PING", "ping"), ("INFO", "info"), ("STATS", "stats")] {
        for subject in [format!("$SRV.{verb}"), format!("$SRV.{verb}.if-worker"), format!("$SRV.{verb}.if-worker.{id}")]
        {
            let answer = broker.bus.request(&subject, vec![], Duration::from_secs(5)).await.unwrap();
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["type"], format!("io.nats.micro.v1.{kind}_response"));
            assert_eq!((answer["name"].as_str(), answer["id"].as_str()), (Some("if-worker"), Some(id.as_str())));
        }
    }
    let stats = stats(&broker).await;
    assert_eq!(stats["endpoints"][0]["num_requests"], 1);
    assert_eq!(stats["endpoints"][0]["data"]["statuses"]["succeeded"], 1);
    worker.stop().await;
}

fn if_worker(house: &House, arguments: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_if-worker"));
    // A port nobody listens on: a worker that got as far as connecting would wait there for ever.
    command.args(["--nats", "nats://127.0.0.1:1", "--node", "node1", "--home"]).arg(house.dir.path()).args(arguments);
    command.output().unwrap()
}

#[test]
fn bad_configuration_ends_with_64_before_anything_is_opened() {
    let house = House::new(&genesis());
    assert_eq!(if_worker(&house, &["--check-config"]).status.code(), Some(0));
    std::fs::write(house.home.genesis_file(), b"nonsense").unwrap();
    let output = if_worker(&house, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("genesis.bin") && said.contains("hint:"), "{said}");

    let house = House::new(&genesis());
    std::fs::write(house.home.config_file(), "if:\n  worker: {nod: x}\n").unwrap();
    let output = if_worker(&house, &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("config.yaml:2:12") && said.contains("node"), "{said}");

    let house = House::new(&genesis());
    std::fs::remove_file(house.home.key_file("worker")).unwrap();
    assert_eq!(if_worker(&house, &[]).status.code(), Some(64));
}

#[cfg(unix)]
#[tokio::test]
async fn a_terminated_process_says_goodbye_and_ends_with_0() {
    let (nats, mut broker, house) = stage().await;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_if-worker"))
        .args(["--nats", &nats.url(), "--node", "node7", "--log-format", "json", "--home"])
        .arg(house.dir.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let first = broker.announced("the process", |a| a.node.as_str() == "node7").await;
    // The file of a provider this build does not have is no reason to stop.
    assert!(first.instances.is_empty());
    let kill = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    broker.announced("goodbye", |a| a.leaving).await;
    let status =
        within("the process to end", tokio::task::spawn_blocking(move || child.wait())).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_genesis_that_is_signed_by_a_stranger_is_no_anchor() {
    let members = vec![Member { name: "a".parse().unwrap(), key: admin().public(), role: Role::Admin, grants: vec![] }];
    let forged = if_schemas::member::Genesis { created_at: if_schemas::Timestamp(1), nonce: Hash([1; 32]), members };
    let house = House::new(&Envelope::seal(&forged, &stranger()).unwrap());
    assert_eq!(if_worker(&house, &["--check-config"]).status.code(), Some(64));
}
