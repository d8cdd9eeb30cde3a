//! Connecting and staying connected: a clear error in bounded time, whatever is at the other end.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CONNECT_LIMIT, LIMIT, adapter, adapter_at, connect_error, connected, settings, sim, together};
use if_adapter_vmix::VmixProvider;
use if_engine::{AdapterError, Provider};
use if_harness::vmix::{Fault, SimOptions, WireFault};
use if_schemas::presence::InstanceState;
use std::time::Duration;

const SLOW: WireFault = WireFault::SlowDrip(Duration::from_millis(200));
const LESS_SLOW: WireFault = WireFault::SlowDrip(Duration::from_millis(50));

#[track_caller]
fn says(error: &AdapterError, state: InstanceState, text: &str) {
    assert_eq!(error.state, state, "{error:?}");
    assert!(error.message.contains(text), "{:?} does not say {text:?}", error.message);
    assert!(error.hint.as_ref().is_some_and(|h| !h.is_empty()), "{error:?} must say what to do next");
}

async fn connect_with(fault: Fault) -> AdapterError {
    let sim = sim(SimOptions::default());
    sim.set_fault(fault);
    connect_error(&*adapter(&sim)).await
}

#[tokio::test]
async fn nobody_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let error = connect_error(&*adapter_at(port, port)).await;
    says(&error, InstanceState::Disconnected, &format!("vMix at 127.0.0.1:{port} could not be reached"));
}

#[tokio::test]
async fn half_open() {
    let error = connect_with(Fault::Wire(WireFault::HalfOpen)).await;
    says(&error, InstanceState::Disconnected, "did not greet within 2 s");
    let error = connect_with(Fault::Http(WireFault::HalfOpen)).await;
    says(&error, InstanceState::Disconnected, "/api/ could not be reached");
}

#[tokio::test]
async fn never_answering() {
    let error = connect_with(Fault::Tcp(WireFault::NeverAnswer)).await;
    says(&error, InstanceState::Disconnected, "did not answer SUBSCRIBE within 2 s");
    let error = connect_with(Fault::Http(WireFault::NeverAnswer)).await;
    says(&error, InstanceState::Disconnected, "/api/ could not be reached");
}

#[tokio::test]
async fn dripping() {
    let (slow, less_slow, http) = tokio::join!(
        connect_with(Fault::Tcp(SLOW)),
        connect_with(Fault::Tcp(LESS_SLOW)),
        connect_with(Fault::Http(SLOW))
    );
    says(&slow, InstanceState::Disconnected, "did not greet within 2 s");
    says(&less_slow, InstanceState::Disconnected, "did not answer SUBSCRIBE within 2 s");
    says(&http, InstanceState::Disconnected, "/api/ could not be reached");
}

#[tokio::test]
async fn speaking_garbage() {
    let error = connect_with(Fault::Tcp(WireFault::Garbage)).await;
    says(&error, InstanceState::UnknownError, "does not speak vMix's protocol: it sent a line that is not vMix's");
    let error = connect_with(Fault::Tcp(WireFault::Flood)).await;
    says(&error, InstanceState::UnknownError, "it sent 16384 bytes without a line break");
    let error = connect_with(Fault::Tcp(WireFault::HugeBody)).await;
    says(&error, InstanceState::UnknownError, "it announced a body of 999999999 bytes");
    together([WireFault::Garbage, WireFault::Flood], async |fault| {
        let error = connect_with(Fault::Http(fault)).await;
        says(&error, InstanceState::Disconnected, "/api/ could not be reached");
    })
    .await;
    let error = connect_with(Fault::Http(WireFault::HugeBody)).await;
    says(&error, InstanceState::UnknownError, "/api/ answered more than 4194304 bytes");
}

#[tokio::test]
async fn closing_at_once() {
    let error = connect_with(Fault::Wire(WireFault::Drop)).await;
    says(&error, InstanceState::Disconnected, "closed the connection");
}

#[tokio::test]
async fn ports_mixed_up() {
    let sim = sim(SimOptions::default());
    let (http, tcp) = (sim.http_addr.port(), sim.tcp_addr.port());
    let error = connect_error(&*adapter_at(http, http)).await;
    says(&error, InstanceState::Disconnected, "did not greet within 2 s");
    assert!(error.hint.unwrap().contains("8088"));
    let error = connect_error(&*adapter_at(tcp, tcp)).await;
    says(&error, InstanceState::Disconnected, "/api/ could not be reached");
}

#[test]
fn a_host_that_is_none_is_bad_configuration() {
    for host in ["", "http://192.168.1.100", "vmix/api", "a b", "user@vmix"] {
        let error = VmixProvider::new().adapter(settings(host, 8088, 8099)).err().unwrap();
        says(&error, InstanceState::BadConfig, &format!("is {host:?}"));
    }
    assert!(VmixProvider::new().adapter(settings("::1", 8088, 8099)).is_ok());
}

#[tokio::test]
async fn a_lost_connection_is_told_and_can_be_made_again() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    sim.drop_connections();
    let error = tokio::time::timeout(LIMIT, adapter.closed()).await.unwrap();
    says(&error, InstanceState::Disconnected, "closed the connection");
    assert!(adapter.health_check().await.is_err());
    adapter.connect().await.unwrap();
    adapter.health_check().await.unwrap();
}

#[tokio::test]
async fn closing_is_idempotent_and_ends_the_session() {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    let waiting = {
        let adapter = adapter.clone();
        tokio::spawn(async move { adapter.closed().await })
    };
    tokio::task::yield_now().await;
    adapter.disconnect().await;
    adapter.disconnect().await;
    let error = tokio::time::timeout(LIMIT, waiting).await.unwrap().unwrap();
    assert_eq!(error.state, InstanceState::Disconnected);
    assert_eq!(adapter.closed().await.message, "not connected to vMix");
    assert_eq!(adapter.health_check().await.unwrap_err().message, "not connected to vMix");
}

async fn check_after(fault: Fault) {
    let sim = sim(SimOptions::default());
    let adapter = connected(&sim).await;
    sim.set_fault(fault);
    let checked = tokio::time::timeout(CONNECT_LIMIT, adapter.health_check()).await.expect("must be bounded in time");
    assert!(checked.is_err(), "with {fault:?}");
    if let Fault::Tcp(_) = fault {
        let error = tokio::time::timeout(LIMIT, adapter.closed()).await.unwrap();
        assert_ne!(error.state, InstanceState::Ok, "with {fault:?}");
    }
}

#[tokio::test]
async fn a_health_check_finds_a_peer_that_stopped_answering() {
    let faults = [
        Fault::Tcp(WireFault::HalfOpen),
        Fault::Tcp(WireFault::NeverAnswer),
        Fault::Tcp(SLOW),
        Fault::Tcp(WireFault::Garbage),
        Fault::Http(WireFault::HalfOpen),
        Fault::Http(WireFault::Garbage),
    ];
    together(faults, check_after).await;
}

#[tokio::test]
async fn an_instance_that_hangs_does_not_hold_up_another() {
    let (hanging, sound) = (sim(SimOptions::default()), sim(SimOptions::default()));
    hanging.set_fault(Fault::Wire(WireFault::HalfOpen));
    let (bad, good) = (adapter(&hanging), adapter(&sound));
    let bad = tokio::spawn(async move { bad.connect().await.is_err() });
    good.connect().await.unwrap();
    good.health_check().await.unwrap();
    assert!(!bad.is_finished(), "the hanging one must still be trying");
    assert!(bad.await.unwrap());
}
