//! One rule at work: looks, waits, and fires.

use super::{
    causes::{Ended, Origin},
    edge::{Change, Edge, Sight},
    shot::{Landed, Shot},
};
use crate::{node::Node, registry::Registry, session::Session};
use if_home::{
    Trigger,
    triggers::{CONNECTION, ResultMatch, StateMatch, Watch},
};
use if_schemas::{Cause, Code, Name};
use serde_json::Value;
use std::sync::Arc;
use tokio::{
    sync::{broadcast::error::RecvError, watch},
    time::Instant,
};

pub struct Rule {
    pub node: Arc<Node>,
    pub registry: Arc<Registry>,
    pub name: Name,
    pub trigger: Trigger,
    pub shot: Shot,
}

/// Whether a rule goes on.
#[derive(PartialEq)]
enum Next {
    GoOn,
    /// It would fire for ever: it rests until somebody starts it again.
    Stopped,
}

impl Rule {
    /// Until it is stopped from outside, or by the broker as a loop.
    pub async fn run(self) {
        let edge = Edge::new(self.trigger.debounce, self.trigger.cooldown);
        match &self.trigger.on {
            Watch::State(state) => self.follow_state(state, edge).await,
            Watch::Result(result) => self.follow_results(result, edge).await,
        }
    }

    async fn follow_state(&self, state: &StateMatch, mut edge: Edge) {
        let mut applied = self.registry.applied();
        let mut armed = Armed::new(self);
        loop {
            applied.borrow_and_update();
            let session = self.registry.session(&state.target.provider, &state.target.instance);
            let mut snapshots = session.as_ref().map(Session::watch);
            // Told of changes from before the value is read: none is missed.
            let mut changes = snapshots.as_mut().and_then(|s| {
                let adapter = s.borrow_and_update().adapter.clone();
                adapter.and_then(|a| a.live()).map(|live| live.subscribe())
            });
            let step = edge.look(Instant::now(), self.sight(state));
            armed.set(edge.knows());
            if let Some(change) = step.fire
                && self.fire(&edge, change, self.node.causes.of(&state.target)).await == Next::Stopped
            {
                return;
            }
            tokio::select! {
                () = turned(&mut changes) => {}
                () = turned(&mut snapshots) => {}
                alive = applied.changed() => if alive.is_err() { return },
                () = until(step.wake) => {}
            }
        }
    }

    async fn follow_results(&self, wanted: &ResultMatch, mut edge: Edge) {
        let mut results = self.node.ended.subscribe();
        let (mut wake, mut newest) = (None, None);
        let mut armed = Armed::new(self);
        armed.set(true);
        loop {
            let step = tokio::select! {
                ended = results.recv() => match ended {
                    Ok(ended) if matches(wanted, &ended) => {
                        newest = ended.cause.map(|cause| Origin { cause, trace: ended.trace });
                        let now = Value::from(ended.status.as_str());
                        edge.strike(Instant::now(), Change { now, before: Value::Null })
                    }
                    Ok(_) => continue,
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(trigger = %self.name, missed, "results came faster than they were looked at");
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                },
                () = until(wake) => edge.step(Instant::now()),
            };
            wake = step.wake;
            if let Some(change) = step.fire
                && self.fire(&edge, change, newest.take()).await == Next::Stopped
            {
                return;
            }
        }
    }

    /// What is so right now; none while nobody knows.
    fn sight(&self, state: &StateMatch) -> Option<Sight> {
        let session = self.registry.session(&state.target.provider, &state.target.instance)?;
        let now = session.snapshot();
        let value = if state.path == CONNECTION {
            Value::from(now.state.as_str())
        } else {
            now.adapter?.live()?.fresh_value(&state.path)?
        };
        let holds = state.test.as_ref().map(|test| test.holds(&value));
        Some(Sight { value, holds })
    }

    async fn fire(&self, edge: &Edge, change: Change, origin: Option<Origin>) -> Next {
        let trigger = &self.name;
        let failing = self.trigger.conditions.iter().find(|c| self.sight(c).and_then(|s| s.holds) != Some(true));
        if let Some(condition) = failing {
            tracing::info!(%trigger, %condition, "seen, but a condition does not hold");
            return Next::GoOn;
        }
        let runaway = edge.is_runaway(Instant::now());
        let chain = origin.as_ref().map(|o| o.cause.next_chain()).unwrap_or_default();
        let cause = Cause { trigger: trigger.clone(), because: self.because(&change), chain, runaway };
        let because = cause.because.clone();
        let landed = self.shot.fire(&self.node, cause, origin).await;
        match landed {
            Ok(Landed::Admitted(command, head)) => {
                self.node.metrics.triggered("admitted");
                tracing::info!(%trigger, because, %command, entry = head.index, "fired");
                Next::GoOn
            }
            Ok(Landed::Refused(reject)) => {
                self.node.metrics.triggered(reject.code.as_str());
                tracing::error!(%trigger, because, code = reject.code.as_str(), hint = reject.hint, "refused: {reject}");
                if reject.code == Code::TriggerLoop { Next::Stopped } else { Next::GoOn }
            }
            Err(error) => {
                self.node.metrics.triggered("no_receipt");
                tracing::error!(%trigger, because, %error, run = %self.trigger.run, "fired without a receipt");
                if runaway { Next::Stopped } else { Next::GoOn }
            }
        }
    }

    fn because(&self, change: &Change) -> String {
        let text = match &self.trigger.on {
            Watch::State(StateMatch { target, path, .. }) => {
                format!("{target}:{path} is {}, was {}", change.now, change.before)
            }
            Watch::Result(result) => {
                let status = change.now.as_str().unwrap_or_default();
                format!("{} on {} ended: {status}", result.operation, result.target)
            }
        };
        text.chars().take(BECAUSE_MAX).collect()
    }
}

/// Counts a rule as armed, until it is dropped.
struct Armed<'a> {
    rule: &'a Rule,
    armed: bool,
}

impl<'a> Armed<'a> {
    fn new(rule: &'a Rule) -> Self {
        Self { rule, armed: false }
    }

    fn set(&mut self, armed: bool) {
        if std::mem::replace(&mut self.armed, armed) != armed {
            self.rule.node.metrics.arm(&self.rule.name, armed);
        }
    }
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// Longest reason given, characters.
const BECAUSE_MAX: usize = 500;

fn matches(wanted: &ResultMatch, ended: &Ended) -> bool {
    wanted.operation == ended.operation
        && wanted.target == ended.target
        && wanted.status.is_none_or(|status| status == ended.status)
}

/// The next change; never, where there is nothing that could change or nobody to tell.
async fn turned<T>(changed: &mut Option<watch::Receiver<T>>) {
    if let Some(changed) = changed
        && changed.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
