//! Live state of the instances a run looks at, wherever they are served.

use super::near::Near;
use crate::node::Node;
use if_bus::BusError;
use if_orchestrator::{Seen, watched};
use if_schemas::{
    Envelope, Name, Plan, Role, StateMatch, Target,
    presence::InstanceState,
    state::{ABOUT, StateReport},
    watch::CONNECTION,
    wire::Message as _,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Pause before an instance is looked at again after the looking broke off.
const AGAIN: Duration = Duration::from_millis(500);

/// What is seen of one instance.
#[derive(Default)]
struct View {
    values: BTreeMap<String, Value>,
    /// The node that says so.
    node: Option<Name>,
    fresh: bool,
    /// Everything that was there when the looking began has come.
    whole: bool,
}

type Views = Arc<Mutex<BTreeMap<Target, View>>>;

pub struct Sight {
    wanted: Vec<StateMatch>,
    views: Views,
    near: Arc<Near>,
    changed: watch::Receiver<u64>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Sight {
    pub fn open(node: &Arc<Node>, near: Arc<Near>, plan: &Plan) -> Self {
        let wanted = watched(plan);
        let targets: std::collections::BTreeSet<Target> = wanted.iter().map(|w| w.target.clone()).collect();
        let views = Views::default();
        let (tell, changed) = watch::channel(0);
        let tell = Arc::new(tell);
        let follow = |target: Target| {
            let (node, views, tell) = (node.clone(), views.clone(), tell.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    if let Err(error) = look(&node, &target, &views, &tell).await {
                        tracing::debug!(%error, %target, "live state is not seen");
                    }
                    change(&views, &target, &tell, |view| *view = View::default());
                    tokio::time::sleep(AGAIN).await;
                }
            }))
        };
        let tasks = targets.into_iter().map(follow).collect();
        Self { wanted, views, near, changed, _tasks: tasks }
    }

    /// What is known now; what is old, or of a node that has gone silent, is not.
    pub fn seen(&self) -> Seen {
        let views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = Seen::default();
        for wanted in &self.wanted {
            seen.set(wanted, self.value(&views, wanted));
        }
        seen
    }

    fn value(&self, views: &BTreeMap<Target, View>, wanted: &StateMatch) -> Option<Value> {
        if wanted.path == CONNECTION {
            return self.near.state_anywhere(&wanted.target).map(|state| Value::from(state.as_str()));
        }
        let view = views.get(&wanted.target).filter(|v| v.fresh && v.whole)?;
        // What was so before a connection was lost is not what is so now.
        self.near.state(view.node.as_ref()?, &wanted.target).filter(|state| *state == InstanceState::Ok)?;
        Some(view.values.get(&wanted.path).cloned().unwrap_or(Value::Null))
    }

    /// Waits until something may be seen anew.
    pub async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

async fn look(node: &Node, target: &Target, views: &Views, tell: &watch::Sender<u64>) -> Result<(), BusError> {
    let mut state = node.bus.watch_state(&target.provider, &target.instance, ">").await?;
    if state.pending == 0 {
        change(views, target, tell, |view| view.whole = true);
    }
    loop {
        let message = state.next().await?;
        let report = report(node, target, &message.payload);
        change(views, target, tell, |view| {
            if let Some(report) = report {
                take(view, report);
            }
            view.whole |= message.pending == 0;
        });
    }
}

fn take(view: &mut View, report: StateReport) {
    view.node = Some(report.node);
    match report.value {
        Some(about) if report.path == ABOUT => view.fresh = about["fresh"] == true,
        Some(value) => drop(view.values.insert(report.path, value)),
        None => drop(view.values.remove(&report.path)),
    }
}

fn change(views: &Views, target: &Target, tell: &watch::Sender<u64>, how: impl FnOnce(&mut View)) {
    let mut views = views.lock().unwrap_or_else(PoisonError::into_inner);
    how(views.entry(target.clone()).or_default());
    drop(views);
    tell.send_modify(|count| *count += 1);
}

/// A report of an active worker that may serve the instance, under its own name.
fn report(node: &Node, target: &Target, bytes: &[u8]) -> Option<StateReport> {
    let trust = node.trust.current()?;
    let envelope = Envelope::from_message(bytes).ok()?;
    let standing = trust.trust.standing(&envelope.key()).filter(|s| s.is_active() && s.member.role == Role::Worker)?;
    let report: StateReport = envelope.open(&standing.member.key).ok()?;
    let fits = report.provider == target.provider && report.instance == target.instance;
    let may = standing.member.may_serve(&target.provider, &target.instance);
    (fits && may && report.node == standing.member.name).then_some(report)
}
