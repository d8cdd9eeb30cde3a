//! A whole worker against a real nats-server.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    House, Worker,
    adapter::Scripted,
    broker::{Broker, echoed, genesis, order},
    nats::Nats,
};
use if_schemas::{Effect, Status};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn executes_work_and_reports_a_signed_result() {
    let nats = Nats::start();
    let mut broker = Broker::start(&nats.url()).await;
    let house = House::new(&genesis());
    house.instances("  one: {host: here}\n");
    let provider = Scripted::new();
    let worker = Worker::start(&house, &nats.url(), provider.clone());
    let order = order("one", "fire", Effect::Once, "shot", MINUTE);
    let item = broker.send(&order).await;
    let got = broker.result().await;
    assert_eq!((got.event.status, got.event.command), (Status::Succeeded, order.command.id));
    assert_eq!(got.event.entry, if_schemas::Entry::hash_bytes(&item.entry));
    assert_eq!(got.outcome, echoed("shot"));
    assert_eq!(provider.executed(), ["shot"]);
    worker.stop().await;
}
