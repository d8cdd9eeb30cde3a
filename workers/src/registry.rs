//! The instances this node serves right now, each with its session and its work loop.

use crate::{
    job::Place,
    node::Node,
    queue::{Loop, RUNNING_MAX},
    session::{Session, Target},
};
use if_engine::Provider;
use if_home::Instance;
use if_manifest::ProviderSpec;
use if_schemas::{
    Name, Timestamp,
    presence::{InstancePresence, InstanceState, ProviderPresence},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// A provider with its description in the forms that are needed again and again.
#[derive(Clone)]
pub struct Known {
    pub name: Name,
    pub spec: Arc<ProviderSpec>,
    pub provider: Arc<dyn Provider>,
}

type Key = (Name, Name);

/// Why the file does not say what is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `file:line:column: what`
    pub text: String,
    pub since: Timestamp,
}

struct Running {
    instance: Instance,
    session: Session,
    stop: CancellationToken,
}

#[derive(Default)]
struct Tables {
    running: BTreeMap<Key, Running>,
    problems: BTreeMap<Key, Problem>,
}

pub struct Registry {
    node: Arc<Node>,
    known: BTreeMap<Name, Known>,
    tables: Mutex<Tables>,
}

/// What the files ask for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Enabled instances.
    pub instances: BTreeMap<Key, Instance>,
    /// Instances whose entry is wrong: one that is running goes on with its last good settings.
    pub problems: BTreeMap<Key, Problem>,
    /// Providers whose file cannot be read: everything of them goes on as it is.
    pub unreadable: BTreeMap<Name, Problem>,
}

impl Registry {
    pub fn new(node: Arc<Node>, known: BTreeMap<Name, Known>) -> Self {
        Self { node, known, tables: Mutex::default() }
    }

    /// Starts, stops and restarts until what runs is what is wanted.
    pub fn apply(&self, wanted: &Wanted) {
        let mut tables = self.tables();
        let keep = |key: &Key, running: &Running| match wanted.instances.get(key) {
            Some(instance) => *instance == running.instance,
            None => wanted.problems.contains_key(key) || wanted.unreadable.contains_key(&key.0),
        };
        tables.running.retain(|key, running| {
            let kept = keep(key, running);
            if !kept {
                tracing::info!(provider = %key.0, instance = %key.1, "stopped serving");
                running.stop.cancel();
            }
            kept
        });
        for (key, instance) in &wanted.instances {
            if !tables.running.contains_key(key)
                && let Some(started) = self.start(key, instance)
            {
                tracing::info!(provider = %key.0, instance = %key.1, "serving");
                tables.running.insert(key.clone(), started);
            }
        }
        let mut problems = wanted.problems.clone();
        for (provider, problem) in &wanted.unreadable {
            let of_it = tables.running.keys().filter(|(p, _)| p == provider);
            problems.extend(of_it.map(|key| (key.clone(), problem.clone())));
        }
        tables.problems = problems;
        drop(tables);
        self.node.changed.notify_one();
    }

    fn start(&self, key: &Key, instance: &Instance) -> Option<Running> {
        let known = self.known.get(&key.0)?;
        let stop = self.node.stop.child_token();
        let target = Target {
            provider: known.provider.clone(),
            provider_name: key.0.clone(),
            name: key.1.clone(),
            instance: instance.clone(),
        };
        // The session outlives the queue while the node stops, so that running commands can end.
        let session = Session::start(target, self.node.changed.clone(), stop.clone());
        let place = Place {
            node: self.node.clone(),
            session: session.clone(),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        };
        let work = Loop { place, spec: known.spec.clone(), provider: key.0.clone(), instance: key.1.clone() };
        tokio::spawn(work.run(stop.clone()));
        Some(Running { instance: instance.clone(), session, stop })
    }

    /// Lets every session that is not connected try at once.
    pub fn kick(&self) {
        for running in self.tables().running.values() {
            if running.session.snapshot().state != InstanceState::Ok {
                running.session.kick();
            }
        }
    }

    /// State of every instance, and of those whose entry is wrong.
    pub fn presence(&self) -> Vec<InstancePresence> {
        let tables = self.tables();
        let running = tables.running.iter().map(|((provider, instance), running)| {
            let now = running.session.snapshot();
            let problem = tables.problems.get(&(provider.clone(), instance.clone()));
            let note = problem.map(|p| format!("its settings changed and are not used: {}", p.text));
            let detail = [now.detail, note].into_iter().flatten().collect::<Vec<_>>().join("; ");
            InstancePresence {
                provider: provider.clone(),
                instance: instance.clone(),
                state: now.state,
                detail: Some(detail).filter(|d| !d.is_empty()),
                since: now.since,
                simulated: now.simulated,
            }
        });
        let wrong = tables.problems.iter().filter(|(key, _)| !tables.running.contains_key(*key));
        let wrong = wrong.map(|((provider, instance), problem)| InstancePresence {
            provider: provider.clone(),
            instance: instance.clone(),
            state: InstanceState::BadConfig,
            detail: Some(problem.text.clone()),
            since: problem.since,
            simulated: false,
        });
        running.chain(wrong).collect()
    }

    /// Operations of every provider that has an instance here.
    pub fn providers(&self) -> Vec<ProviderPresence> {
        let tables = self.tables();
        let served = |name: &Name| {
            tables.running.keys().chain(tables.problems.keys()).any(|(provider, _)| provider == name)
        };
        let known = self.known.values().filter(|k| served(&k.name));
        known
            .map(|k| {
                let operations = k.spec.operations.iter();
                let operations = operations.filter_map(|o| o.id.parse().ok().map(|id| (id, o.effect))).collect();
                ProviderPresence { provider: k.name.clone(), operations }
            })
            .collect()
    }

    pub fn len(&self) -> usize {
        self.tables().running.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
