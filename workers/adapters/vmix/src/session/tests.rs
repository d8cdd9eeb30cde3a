use super::*;
use if_engine::InstanceConfig;
use if_harness::vmix::{Fault, SimOptions, VmixSim, WireFault};
use serde_json::json;
use std::collections::BTreeMap;

const LIMIT: Duration = Duration::from_secs(10);

fn soon(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

async fn open(sim: &VmixSim) -> Arc<Session> {
    let settings = json!({"host": "127.0.0.1", "port": sim.http_addr.port(), "tcp_port": sim.tcp_addr.port()});
    let config = InstanceConfig {
        provider: "vmix".parse().unwrap(),
        name: "myvmix".parse().unwrap(),
        settings: settings.as_object().unwrap().clone(),
        secrets: BTreeMap::new(),
    };
    Session::open(&Endpoint::new(&config).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_function_given_up_while_it_waits_its_turn_is_never_sent() {
    let sim = VmixSim::start(SimOptions::default()).unwrap();
    let session = open(&sim).await;
    // The first answer takes a while, so that the second function has to wait.
    sim.set_fault(Fault::Tcp(WireFault::SlowDrip(Duration::from_millis(10))));
    let first = session.function("Cut Input=3", soon(5_000));
    let second = async {
        assert!(sim.wait_received(1, LIMIT).await);
        session.function("Cut Input=4", soon(50)).await
    };
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    assert!(matches!(second, Err(RequestError::TimedOut)), "{second:?}");
    sim.clear_faults();
    // In order: had the second been sent, it would have arrived before this is answered.
    assert_eq!(session.read_tally(soon(5_000)).await.unwrap(), "2010");
    assert_eq!(sim.received().len(), 1);
}

#[tokio::test]
async fn replies_find_their_requests_among_pushes() {
    let sim = VmixSim::start(SimOptions { delay: Duration::ZERO, ..SimOptions::default() }).unwrap();
    let session = open(&sim).await;
    for round in 0..50 {
        let number = 1 + round % 4;
        let cut = format!("Cut Input={number}");
        let (function, state) = tokio::join!(session.function(&cut, soon(5_000)), session.read_state(soon(5_000)));
        function.unwrap();
        assert_eq!(state.unwrap().inputs.len(), 4);
    }
    let mut pushed = session.pushed();
    let tally =
        tokio::time::timeout(LIMIT, pushed.wait_for(|p| p.digit(2) == Some('1'))).await.unwrap().unwrap().clone();
    assert_eq!(tally.digit(5), None);
    assert_eq!(tally.digit(0), None);
}

#[tokio::test]
async fn who_waits_when_the_connection_is_lost_is_told_what_is_known() {
    let sim = VmixSim::start(SimOptions::default()).unwrap();
    let session = open(&sim).await;
    sim.set_fault(Fault::Tcp(WireFault::NeverAnswer));
    let sent = session.function("Cut Input=3", soon(5_000));
    let queued = async {
        assert!(sim.wait_received(1, LIMIT).await);
        session.function("Cut Input=4", soon(5_000)).await
    };
    let dropping = async {
        assert!(sim.wait_received(1, LIMIT).await);
        sim.drop_connections();
    };
    let (sent, queued, ()) = tokio::join!(sent, queued, dropping);
    assert!(matches!(sent, Err(RequestError::NoReply(SessionError::Closed { .. }))), "{sent:?}");
    assert!(matches!(queued, Err(RequestError::NotSent(SessionError::Closed { .. }))), "{queued:?}");
    let after = session.function("Cut Input=1", soon(5_000)).await;
    assert!(matches!(after, Err(RequestError::NotSent(_))), "{after:?}");
    assert_eq!(sim.received().len(), 1);
}
