//! Triggers: rules of `triggers.yaml`, looked after in the worker that serves what they look at. A rule acts only on what
//! this process itself saw, and signs with a key of its own, which the log allows what the rule does and nothing else.

pub mod causes;
mod edge;
mod rule;
mod shot;
mod what;

use crate::{catalog::Catalog, node::Node, registry::Registry};
use if_home::{
    Home, HomeError, Trigger, keys, plans,
    triggers::{self, Each, Run},
};
use if_schemas::Name;
use rule::Rule;
use shot::Shot;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;
use what::What;

/// How often the file is looked at.
const POLL: Duration = Duration::from_millis(500);
/// Results of commands that a rule may be behind before it misses some.
pub const RESULTS_QUEUE: usize = 256;

pub struct Triggers {
    pub home: Home,
    pub node: Arc<Node>,
    pub registry: Arc<Registry>,
    pub catalog: Arc<Catalog>,
}

/// A rule at work, as it was written.
struct Running {
    trigger: Trigger,
    task: AbortOnDropHandle<()>,
}

type Stamp = Option<(SystemTime, u64)>;

#[derive(Default)]
struct Table {
    running: BTreeMap<Name, Running>,
    stamp: Stamp,
    complaints: BTreeSet<String>,
}

impl Triggers {
    /// Follows the file until the node stops.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut table = Table::default();
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = this.node.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let looking = this.clone();
            let known = table.stamp;
            // The directory may be on a slow drive.
            let looked = tokio::task::spawn_blocking(move || looking.look(known)).await;
            if let Ok(Some((stamp, read))) = looked {
                table.stamp = stamp;
                this.apply(&mut table, read);
            }
        }
    }

    /// The file, if it is another one than `known`.
    fn look(&self, known: Stamp) -> Option<(Stamp, Result<Each, HomeError>)> {
        let file = self.home.triggers_file();
        let meta = std::fs::metadata(&file).ok();
        let stamp = meta.and_then(|m| Some((m.modified().ok()?, m.len())));
        (stamp != known).then(|| (stamp, triggers::load_each(&file)))
    }

    /// Starts what is new, stops what is gone. What stopped by itself starts again with any change of the file.
    fn apply(self: &Arc<Self>, table: &mut Table, read: Result<Each, HomeError>) {
        let mut complaints = BTreeSet::new();
        let each = match read {
            Ok(each) => each,
            Err(error) => {
                // What runs goes on: a slip in the file switches nothing off.
                complaints.insert(error.to_string());
                Each::new()
            }
        };
        let unreadable = !complaints.is_empty();
        let wanted: BTreeMap<&Name, &Trigger> =
            each.iter().filter_map(|(name, t)| Some((name, t.as_ref().ok().filter(|t| t.enabled)?))).collect();
        let stays = |name: &Name, running: &mut Running| {
            let wrong = unreadable || matches!(each.get(name), Some(Err(_)));
            !running.task.is_finished() && (wrong || wanted.get(name) == Some(&&running.trigger))
        };
        table.running.retain(stays);
        complaints.extend(each.values().filter_map(|t| t.as_ref().err()).map(ToString::to_string));
        for (name, trigger) in wanted {
            if table.running.contains_key(name) {
                continue;
            }
            match self.start(name, trigger) {
                Ok(running) => drop(table.running.insert(name.clone(), running)),
                Err(why) => drop(complaints.insert(format!("trigger {name}: {why}"))),
            }
        }
        for complaint in complaints.difference(&table.complaints) {
            tracing::error!("not armed: {complaint}");
        }
        self.node.metrics.not_armed(complaints.clone());
        table.complaints = complaints;
    }

    fn start(&self, name: &Name, trigger: &Trigger) -> Result<Running, String> {
        let member = triggers::member_name(name).ok_or("its name is too long")?;
        let again = format!("`ifctl trigger allow {name}` makes one");
        let key = keys::read(&self.home.key_file(member.as_str()))
            .map_err(|e| format!("it has no key: {}; {again}", e.message()))?;
        let what = match &trigger.run {
            Run::Command(call) => {
                let provider = &call.target.provider;
                let known = self.catalog.current().get(provider).cloned();
                What::command(call, &known.ok_or_else(|| format!("there is no provider {provider}"))?.spec)?
            }
            Run::Profile(profile) => {
                let read = plans::read(&self.home.trigger_plan_file(&member));
                let (plan, _) = read.map_err(|e| format!("it has no plan: {}; {again}", e.message()))?;
                if plan.profile != profile.name {
                    return Err(format!("its plan is of the profile {}; {again}", plan.profile));
                }
                What::order(&plan, self.node.key.id())?
            }
        };
        let shot = Shot { what, deadline: trigger.deadline, key };
        tracing::info!(trigger = %name, on = %trigger.on, "armed");
        let (node, registry) = (self.node.clone(), self.registry.clone());
        let rule = Rule { node, registry, name: name.clone(), trigger: trigger.clone(), shot };
        Ok(Running { trigger: trigger.clone(), task: AbortOnDropHandle::new(tokio::spawn(rule.run())) })
    }
}
