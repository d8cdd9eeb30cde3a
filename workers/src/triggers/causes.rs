//! Which change came of which trigger: so that a chain of them is known to be one.

use crate::{
    intake::{Assignment, Intake},
    node::Node,
};
use if_home::triggers::Target;
use if_schemas::{Cause, CommandId, OperationId, Status, TraceId};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long after a command's end what changes on its instance still counts as its effect.
const AFTERMATH: Duration = Duration::from_millis(500);

/// What led to something: a command a trigger sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub cause: Cause,
    pub trace: TraceId,
}

/// One command on this node, from its begin to its end, as triggers see it.
pub struct Caused {
    target: Target,
    cause: Option<Cause>,
}

impl Caused {
    pub fn begin(node: &Node, a: &Assignment, intake: &Intake) -> Self {
        let target = Target { provider: a.provider.clone(), instance: a.instance.clone() };
        let cause = match intake {
            Intake::Execute(work) => work.cause().cloned(),
            Intake::Expired(_) | Intake::Refused(..) => None,
        };
        if let Some(cause) = cause.clone() {
            node.causes.begin(target.clone(), a.command, Origin { cause, trace: a.trace });
        }
        Self { target, cause }
    }

    pub fn end(self, node: &Node, a: &Assignment, status: Status) {
        let Self { target, cause } = self;
        node.causes.end(&target, a.command);
        let ended = Ended { target, operation: a.operation.clone(), command: a.command, status, trace: a.trace, cause };
        // Fails where no trigger listens.
        let _ = node.ended.send(ended);
    }
}

/// A command that has come to its end on this node.
#[derive(Debug, Clone)]
pub struct Ended {
    pub target: Target,
    pub operation: OperationId,
    pub command: CommandId,
    pub status: Status,
    pub trace: TraceId,
    /// There if a trigger sent it.
    pub cause: Option<Cause>,
}

/// Commands of triggers that execute, or did a moment ago. Bounded by what executes at once.
#[derive(Debug, Default)]
pub struct Causes(Mutex<BTreeMap<Target, Vec<Active>>>);

#[derive(Debug)]
struct Active {
    command: CommandId,
    origin: Origin,
    ended: Option<Instant>,
}

impl Causes {
    pub fn begin(&self, target: Target, command: CommandId, origin: Origin) {
        let mut all = self.lock();
        prune(&mut all);
        all.entry(target).or_default().push(Active { command, origin, ended: None });
    }

    pub fn end(&self, target: &Target, command: CommandId) {
        let mut all = self.lock();
        let active = all.get_mut(target).into_iter().flatten().find(|a| a.command == command);
        if let Some(active) = active {
            active.ended = Some(Instant::now());
        }
    }

    /// What a change of the instance just now came of; where it may be several, the longest chain.
    pub fn of(&self, target: &Target) -> Option<Origin> {
        let mut all = self.lock();
        prune(&mut all);
        let active = all.get(target)?.iter().max_by_key(|a| a.origin.cause.chain.len());
        active.map(|a| a.origin.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Target, Vec<Active>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prune(all: &mut BTreeMap<Target, Vec<Active>>) {
    for active in all.values_mut() {
        active.retain(|a| a.ended.is_none_or(|at| at.elapsed() < AFTERMATH));
    }
    all.retain(|_, active| !active.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(chain: &[&str]) -> Origin {
        let chain = chain.iter().map(|n| n.parse().unwrap()).collect();
        let cause = Cause { trigger: "t".parse().unwrap(), because: "x".into(), chain, runaway: false };
        Origin { cause, trace: TraceId::from_bytes([1; 16]) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_explains_changes_while_it_runs_and_shortly_after() {
        let causes = Causes::default();
        let (target, other): (Target, Target) = ("vmix/a".parse().unwrap(), "vmix/b".parse().unwrap());
        let (first, second) = (CommandId::from_bytes([1; 16]), CommandId::from_bytes([2; 16]));
        assert_eq!(causes.of(&target), None);
        causes.begin(target.clone(), first, origin(&[]));
        causes.begin(target.clone(), second, origin(&["a"]));
        assert_eq!(causes.of(&target), Some(origin(&["a"])));
        assert_eq!(causes.of(&other), None);
        causes.end(&target, second);
        tokio::time::advance(AFTERMATH - Duration::from_millis(1)).await;
        assert_eq!(causes.of(&target), Some(origin(&["a"])));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(causes.of(&target), Some(origin(&[])));
        causes.end(&target, first);
        tokio::time::advance(AFTERMATH).await;
        assert_eq!(causes.of(&target), None);
    }
}
