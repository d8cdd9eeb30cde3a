//! The instances this node serves right now, each with its session and its work loop.

use crate::{
    catalog::{Catalog, Known, Providers},
    job::Place,
    node::Node,
    queue::{Loop, RUNNING_MAX},
    route::{Reserve, Seat, Seats},
    session::{Session, Target, Timing},
    state::{Mirror, Mirrored},
    tariff::Sheet,
};
use if_engine::{LiveState, Provider};
use if_home::{Instance, instances::Backup};
use if_schemas::{
    Name, Timestamp,
    presence::{InstancePresence, InstanceState, ProviderPresence},
    tariff::ArgumentDefaults,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// How long commands may go on after their instance was removed or the node was told to stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Provider and instance.
pub type Key = (Name, Name);

/// Why the file does not say what is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `file:line:column: what`
    pub text: String,
    pub hint: Option<String>,
}

/// What runs for one instance.
#[derive(Debug, Clone, PartialEq)]
enum Plan {
    Serve(Instance),
    /// Its entry is wrong: every command is answered with that.
    Broken(Problem),
}

impl Plan {
    fn backup(&self) -> Option<&Backup> {
        match self {
            Plan::Serve(instance) => instance.backup.as_ref(),
            Plan::Broken(_) => None,
        }
    }
}

struct Running {
    plan: Plan,
    /// What it was started with: another one of the same name starts it anew.
    provider: Arc<dyn Provider>,
    seat: Seat,
    /// Take no more work.
    stop: CancellationToken,
    /// Close the connection.
    close: CancellationToken,
}

impl Running {
    /// Stops taking work at once, and closes the connection when what executes has ended or had its time.
    fn retire(self) {
        self.stop.cancel();
        tokio::spawn(async move {
            let all = u32::try_from(RUNNING_MAX).unwrap_or(u32::MAX);
            // Whether it ended or ran out of time, the connection is closed.
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, self.seat.running.acquire_many(all)).await;
            self.close.cancel();
        });
    }
}

#[derive(Default)]
struct Tables {
    running: BTreeMap<Key, Running>,
    /// Running instances whose entry has become wrong.
    problems: BTreeMap<Key, Problem>,
    /// Providers that have an instance here.
    served: Vec<Known>,
    tariffs: Arc<Vec<Sheet>>,
}

impl Tables {
    fn served(&self, known: &Providers) -> Vec<Known> {
        let providers: BTreeSet<&Name> = self.running.keys().map(|(provider, _)| provider).collect();
        providers.into_iter().filter_map(|name| known.get(name).cloned()).collect()
    }

    fn sheets(&self) -> Vec<Sheet> {
        let sheets = self.served.iter().filter_map(|known| {
            let sheet = Sheet::of(known, self.defaults(known));
            sheet.inspect_err(|error| tracing::error!(provider = %known.name, %error, "its prices cannot be told")).ok()
        });
        sheets.collect()
    }

    fn defaults(&self, known: &Known) -> BTreeMap<Name, ArgumentDefaults> {
        let mine = self.running.iter().filter(|((provider, _), _)| *provider == known.name);
        let defaults = mine.filter_map(|((_, instance), running)| match &running.plan {
            Plan::Serve(settings) => {
                let defaults = known.provider.price_defaults(&settings.open_settings());
                (!defaults.is_empty()).then(|| (instance.clone(), defaults))
            }
            Plan::Broken(_) => None,
        });
        defaults.collect()
    }

    fn presence(&self) -> Vec<InstancePresence> {
        let running = self.running.iter().map(|(key, running)| {
            let now = running.seat.session.snapshot();
            let backup = running.plan.backup().map(|backup| format!("backup {backup}"));
            let note = self.problems.get(key).map(|p| format!("its settings changed and are not used: {}", p.text));
            let detail = [now.detail, backup, note].into_iter().flatten().collect::<Vec<_>>().join("; ");
            InstancePresence {
                provider: key.0.clone(),
                instance: key.1.clone(),
                state: now.state,
                detail: Some(detail).filter(|d| !d.is_empty()),
                since: now.since,
                simulated: now.simulated,
            }
        });
        running.collect()
    }

    fn providers(&self) -> Vec<ProviderPresence> {
        let of = |known: &Known| {
            let operations = known.spec.operations.iter();
            let operations = operations.filter_map(|o| o.id.parse().ok().map(|id| (id, o.effect))).collect();
            let tariff = self.tariffs.iter().find(|t| t.provider == known.name).map(|t| t.hash);
            ProviderPresence { provider: known.name.clone(), operations, tariff }
        };
        self.served.iter().map(of).collect()
    }
}

pub struct Registry {
    node: Arc<Node>,
    catalog: Arc<Catalog>,
    tables: Mutex<Tables>,
    /// Counts what was applied.
    applied: watch::Sender<u64>,
    /// Of what is running, for those whose backup it is.
    seats: Seats,
}

/// What a node announces.
pub struct Now {
    /// State of every instance.
    pub instances: Vec<InstancePresence>,
    /// Operations of every provider that has an instance here.
    pub providers: Vec<ProviderPresence>,
    /// What these operations cost.
    pub tariffs: Arc<Vec<Sheet>>,
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

/// A connected instance.
pub struct Connected {
    pub since: Timestamp,
    /// None for a peer that pushes nothing.
    pub live: Option<Arc<LiveState>>,
    pub mirrored: Mirrored,
}

impl Registry {
    pub fn new(node: Arc<Node>, catalog: Arc<Catalog>) -> Self {
        Self { node, catalog, tables: Mutex::default(), applied: watch::Sender::new(0), seats: Seats::default() }
    }

    /// Starts, stops and restarts until what runs is what is wanted.
    pub fn apply(&self, wanted: &Wanted) {
        let known = self.catalog.current();
        let mut tables = self.tables();
        let stays =
            |k: &Key, r: &Running| known.get(&k.0).is_some_and(|now| now.is(&r.provider)) && keep(wanted, k, &r.plan);
        let retired: Vec<Key> = tables.running.iter().filter(|(k, r)| !stays(k, r)).map(|(k, _)| k.clone()).collect();
        for key in retired {
            if let Some(running) = tables.running.remove(&key) {
                tracing::info!(provider = %key.0, instance = %key.1, "stopped serving");
                running.retire();
            }
        }
        let serve = wanted.instances.iter().map(|(key, instance)| (key, Plan::Serve(instance.clone())));
        let broken = wanted.problems.iter().map(|(key, problem)| (key, Plan::Broken(problem.clone())));
        for (key, plan) in serve.chain(broken) {
            if !tables.running.contains_key(key)
                && let Some(started) = self.start(&known, key, plan)
            {
                tables.running.insert(key.clone(), started);
            }
        }
        self.seats.replace(tables.running.iter().map(|(key, r)| (key.clone(), r.seat.clone())).collect());
        tables.problems = problems(wanted, &tables.running);
        tables.served = tables.served(&known);
        tables.tariffs = Arc::new(tables.sheets());
        drop(tables);
        self.applied.send_modify(|n| *n += 1);
        self.node.changed.notify_one();
    }

    fn start(&self, known: &Providers, key: &Key, plan: Plan) -> Option<Running> {
        let known = known.get(&key.0)?;
        let (provider, instance) = (&key.0, &key.1);
        let (stop, close) = (self.node.stop.child_token(), self.node.close.child_token());
        let session = match &plan {
            Plan::Serve(settings) => {
                tracing::info!(%provider, %instance, "serving");
                let target = Target {
                    provider: known.provider.clone(),
                    provider_name: provider.clone(),
                    name: instance.clone(),
                    instance: settings.clone(),
                    timing: Timing::STANDARD,
                };
                Session::start(target, self.node.changed.clone(), &self.node.sessions, close.clone())
            }
            Plan::Broken(problem) => {
                tracing::error!(%provider, %instance, problem = problem.text, "not served");
                Session::broken(problem.text.clone(), problem.hint.clone())
            }
        };
        let mirror = Mirror::new(self.node.clone(), provider.clone(), instance.clone());
        let seat = Seat { session, mirrored: mirror.mirrored(), running: Arc::new(Semaphore::new(RUNNING_MAX)) };
        self.node.sessions.spawn(mirror.run(seat.session.watch(), close.clone()));
        let reserve = plan.backup().map(|backup| Reserve {
            backup: backup.clone(),
            provider: provider.clone(),
            seats: self.seats.clone(),
            node: self.node.clone(),
        });
        let place = Place { node: self.node.clone(), seat: seat.clone(), reserve: reserve.map(Arc::new) };
        let work = Loop { place, spec: known.spec.clone(), provider: provider.clone(), instance: instance.clone() };
        tokio::spawn(work.run(stop.clone()));
        Some(Running { plan, provider: known.provider.clone(), seat, stop, close })
    }

    /// The session of an instance that is served right now.
    pub fn session(&self, provider: &Name, instance: &Name) -> Option<Session> {
        self.tables().running.get(&(provider.clone(), instance.clone())).map(|running| running.seat.session.clone())
    }

    /// Told whenever instances may have come, gone or started anew.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }

    /// Lets every session that is not connected try at once.
    pub fn kick(&self) {
        for running in self.tables().running.values() {
            if running.seat.session.snapshot().state != InstanceState::Ok {
                running.seat.session.kick();
            }
        }
    }

    /// The instances that are connected right now.
    pub fn connected(&self) -> BTreeMap<Key, Connected> {
        let tables = self.tables();
        let ok = |running: &Running| {
            let now = running.seat.session.snapshot();
            let live = now.adapter.as_ref()?.live();
            Some(Connected { since: now.since, live, mirrored: running.seat.mirrored.clone() })
        };
        tables.running.iter().filter_map(|(key, running)| Some((key.clone(), ok(running)?))).collect()
    }

    /// What is announced, as of one moment: never an instance whose prices are not among the tariffs.
    pub fn now(&self) -> Now {
        let tables = self.tables();
        Now { instances: tables.presence(), providers: tables.providers(), tariffs: tables.tariffs.clone() }
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

/// May what runs go on as it is?
fn keep(wanted: &Wanted, key: &Key, plan: &Plan) -> bool {
    if let Some(instance) = wanted.instances.get(key) {
        return matches!(plan, Plan::Serve(running) if running == instance);
    }
    match (wanted.problems.get(key), plan) {
        (Some(_), Plan::Serve(_)) => true,
        (Some(problem), Plan::Broken(known)) => problem == known,
        (None, _) => wanted.unreadable.contains_key(&key.0),
    }
}

/// What is wrong with the entries of instances that go on with their last good settings.
fn problems(wanted: &Wanted, running: &BTreeMap<Key, Running>) -> BTreeMap<Key, Problem> {
    let served = running.iter().filter(|(_, r)| matches!(r.plan, Plan::Serve(_)));
    let wrong = served.filter_map(|(key, _)| {
        let problem = wanted.problems.get(key).or_else(|| wanted.unreadable.get(&key.0))?;
        Some((key.clone(), problem.clone()))
    });
    wrong.collect()
}
