use super::*;
use crate::execute::{NotBegun, connected};
use async_trait::async_trait;
use if_engine::{Call, Discovered, Executed, Prices, ProgressSink};
use if_manifest::{Category, ProviderSpec};
use serde_json::Map;
use std::{collections::VecDeque, sync::Mutex};

/// What the next call of `connect` does; the last one repeats.
#[derive(Clone)]
enum Step {
    Works,
    Fails(InstanceState),
    Hangs,
    Panics,
}

struct Script {
    spec: ProviderSpec,
    shared: Arc<Shared>,
}

struct Shared {
    steps: Mutex<VecDeque<Step>>,
    attempts: watch::Sender<u32>,
    adapters: watch::Sender<u32>,
    disconnects: watch::Sender<u32>,
    lose: Notify,
    healthy: watch::Sender<bool>,
}

impl Script {
    fn new(steps: &[Step]) -> Arc<Self> {
        let spec = ProviderSpec {
            id: "test".into(),
            display_name: "Test".into(),
            category: Category::Studio,
            summary: String::new(),
            docs_url: None,
            maturity: None,
            checked_on: None,
            verify: None,
            instance: vec![],
            operations: vec![],
        };
        let shared = Shared {
            steps: Mutex::new(steps.iter().cloned().collect()),
            attempts: watch::channel(0).0,
            adapters: watch::channel(0).0,
            disconnects: watch::channel(0).0,
            lose: Notify::new(),
            healthy: watch::channel(true).0,
        };
        Arc::new(Self { spec, shared: shared.into() })
    }
}

#[async_trait]
impl Provider for Script {
    fn spec(&self) -> &ProviderSpec {
        &self.spec
    }
    fn prices(&self) -> Prices {
        Prices::free(self.spec())
    }
    fn adapter(&self, _: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        self.shared.adapters.send_modify(|n| *n += 1);
        Ok(Arc::new(Player(self.shared.clone())))
    }
}

struct Player(Arc<Shared>);

fn peer() -> Peer {
    Peer { description: "test peer".into(), simulated: true }
}

#[async_trait]
impl Adapter for Player {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        self.0.attempts.send_modify(|n| *n += 1);
        let step = {
            let mut steps = self.0.steps.lock().unwrap();
            if steps.len() > 1 { steps.pop_front() } else { steps.front().cloned() }
        };
        match step.unwrap() {
            Step::Works => Ok(peer()),
            Step::Fails(state) => Err(AdapterError::new(state, "refused by script")),
            Step::Hangs => std::future::pending().await,
            Step::Panics => panic!("script says so"),
        }
    }
    async fn disconnect(&self) {
        self.0.disconnects.send_modify(|n| *n += 1);
    }
    async fn closed(&self) -> AdapterError {
        self.0.lose.notified().await;
        AdapterError::new(InstanceState::Disconnected, "peer went away")
    }
    async fn health_check(&self) -> Result<Peer, AdapterError> {
        if *self.0.healthy.borrow() {
            return Ok(peer());
        }
        std::future::pending().await
    }
    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        Ok(vec![])
    }
    async fn execute_command(&self, _: Call, _: ProgressSink) -> Executed {
        unreachable!("not part of these tests")
    }
}

struct Stage {
    session: Session,
    script: Arc<Script>,
    stop: CancellationToken,
}

const QUICK: Timing = Timing {
    connect: Duration::from_millis(300),
    retry: (Duration::from_millis(1), Duration::from_millis(20)),
    health_interval: Duration::from_millis(50),
    health: Duration::from_millis(50),
};

fn start(steps: &[Step]) -> Stage {
    let script = Script::new(steps);
    let instance =
        Instance { enabled: true, simulated: false, backup: None, settings: Map::new(), secrets: BTreeMap::new() };
    let target = Target {
        provider: script.clone(),
        provider_name: "test".parse().unwrap(),
        name: "one".parse().unwrap(),
        instance,
        timing: QUICK,
    };
    let stop = CancellationToken::new();
    Stage { session: Session::start(target, Arc::default(), &TaskTracker::new(), stop.clone()), script, stop }
}

impl Stage {
    async fn state(&self, state: InstanceState) -> Snapshot {
        let mut watch = self.session.watch();
        let found = tokio::time::timeout(Duration::from_secs(20), watch.wait_for(|s| s.state == state)).await;
        found.unwrap_or_else(|_| panic!("never {}", state.as_str())).unwrap().clone()
    }
}

#[tokio::test]
async fn a_connected_instance_is_ok_and_says_who_it_is() {
    let stage = start(&[Step::Works]);
    let now = stage.state(InstanceState::Ok).await;
    assert_eq!(now.detail.as_deref(), Some("test peer"));
    assert!(now.simulated && now.adapter.is_some());
    stage.stop.cancel();
    stage.script.shared.disconnects.subscribe().wait_for(|n| *n == 1).await.unwrap();
}

#[tokio::test]
async fn each_failure_is_the_state_and_a_later_attempt_succeeds() {
    for state in [InstanceState::Disconnected, InstanceState::AuthenticationFailure, InstanceState::BadConfig] {
        let stage = start(&[Step::Fails(state), Step::Fails(state), Step::Works]);
        let now = stage.state(state).await;
        assert_eq!(now.detail.as_deref(), Some("refused by script"));
        assert!(now.adapter.is_none());
        stage.state(InstanceState::Ok).await;
        assert_eq!(*stage.script.shared.attempts.borrow(), 3);
        // Secrets are read again only where they may be what is wrong.
        let adapters = if state == InstanceState::AuthenticationFailure { 3 } else { 1 };
        assert_eq!(*stage.script.shared.adapters.borrow(), adapters);
    }
}

#[tokio::test]
async fn an_attempt_that_hangs_is_given_up() {
    let stage = start(&[Step::Hangs]);
    let now = stage.state(InstanceState::Disconnected).await;
    assert_eq!(now.detail.as_deref(), Some("did not answer within 300 ms"));
}

#[test]
fn attempts_become_rarer() {
    let (first, most) = Timing::STANDARD.retry;
    let mut backoff = Backoff::new(first, most);
    let mut bound = first;
    for _ in 0..20 {
        let pause = backoff.step();
        assert!(pause >= bound / 2 && pause <= bound, "{pause:?} of {bound:?}");
        bound = (bound * 2).min(most);
    }
    assert_eq!(bound, most);
    backoff.reset();
    assert!(backoff.step() <= first);
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    let stage = start(&[Step::Works]);
    stage.state(InstanceState::Ok).await;
    stage.script.shared.lose.notify_one();
    let now = stage.state(InstanceState::Connecting).await;
    assert_eq!(now.detail.as_deref(), Some("connection lost: peer went away"));
    stage.state(InstanceState::Ok).await;
    assert_eq!(*stage.script.shared.attempts.borrow(), 2);
}

#[tokio::test]
async fn a_peer_that_stops_answering_is_noticed() {
    let stage = start(&[Step::Works, Step::Hangs]);
    stage.state(InstanceState::Ok).await;
    stage.script.shared.healthy.send_replace(false);
    let now = stage.state(InstanceState::Connecting).await;
    assert_eq!(now.detail.as_deref(), Some("connection lost: did not answer the health check within 50 ms"));
}

#[tokio::test]
async fn a_busy_instance_may_miss_two_health_checks_and_not_three() {
    let stage = start(&[Step::Works, Step::Hangs]);
    stage.state(InstanceState::Ok).await;
    let busy = stage.session.busy();
    let begun = Instant::now();
    stage.script.shared.healthy.send_replace(false);
    stage.state(InstanceState::Connecting).await;
    // Two are missed and forgiven, the third is not; the interval before the first had begun already.
    assert!(begun.elapsed() >= QUICK.health * 3 + QUICK.health_interval * 2);
    drop(busy);
}

#[tokio::test]
async fn a_panic_is_a_state_and_the_session_goes_on() {
    let stage = start(&[Step::Panics, Step::Works]);
    let now = stage.state(InstanceState::UnknownError).await;
    assert_eq!(now.detail.as_deref(), Some("the adapter panicked: script says so"));
    stage.state(InstanceState::Ok).await;
}

#[tokio::test]
async fn a_fault_while_executing_makes_a_new_connection() {
    let stage = start(&[Step::Works]);
    stage.state(InstanceState::Ok).await;
    stage.session.fault();
    stage.state(InstanceState::UnknownError).await;
    stage.state(InstanceState::Ok).await;
}

#[tokio::test]
async fn a_command_waits_for_a_connection_under_way_but_not_for_a_failed_one() {
    let stage = start(&[Step::Hangs]);
    let soon = Instant::now() + Duration::from_millis(50);
    assert!(matches!(connected(&stage.session, soon).await, Err(NotBegun::Expired(_))));
    let later = Instant::now() + Duration::from_secs(60);
    let Err(NotBegun::Unavailable(failure)) = connected(&stage.session, later).await else { panic!("connected") };
    assert_eq!(failure.code, "unreachable");
    assert!(Instant::now() < later);
    for (state, code) in [
        (InstanceState::AuthenticationFailure, "authentication_failure"),
        (InstanceState::BadConfig, "bad_config"),
        (InstanceState::UnknownError, "unknown_error"),
    ] {
        let stage = start(&[Step::Fails(state)]);
        let Err(NotBegun::Unavailable(failure)) = connected(&stage.session, later).await else { panic!("connected") };
        assert_eq!((failure.code.as_str(), failure.message.as_str()), (code, "refused by script"));
        assert!(failure.hint.is_some());
    }
}
