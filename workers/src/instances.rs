//! Follows the instance files: what is written there runs, without a restart.

use crate::{
    catalog::{Catalog, Refreshed},
    node::Node,
    registry::{Problem, Registry, Wanted},
};
use if_bus::Subscription;
use if_home::{HomeError, instances};
use if_manifest::ProviderSpec;
use if_plugin::Pins;
use if_schemas::subject;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::MissedTickBehavior;

/// How often the files are looked at.
const POLL: Duration = Duration::from_millis(500);

pub struct Watcher {
    pub dir: PathBuf,
    pub node: Arc<Node>,
    pub registry: Arc<Registry>,
    pub catalog: Arc<Catalog>,
    /// Told of every change of the plugins that may run.
    pub pins: Pins,
}

/// What shows that a file was changed: its time and length.
type Stamp = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Watcher {
    /// Follows until the node stops.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut link = this.node.bus.link();
        let mut seen = Seen::default();
        while !this.node.stop.is_cancelled() {
            link.borrow_and_update();
            tokio::select! {
                () = this.node.stop.cancelled() => return,
                () = this.clone().follow(&mut seen) => {}
                _ = link.changed() => {}
            }
        }
    }

    async fn follow(self: Arc<Self>, seen: &mut Seen) {
        let mut ask = match self.node.bus.subscribe(subject::RELOAD_ASK).await {
            Ok(ask) => Some(ask),
            Err(error) => {
                tracing::warn!(%error, "requests to reload are not heard until the next connection");
                None
            }
        };
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pins = self.pins.clone();
        loop {
            let (asked, trusted) = tokio::select! {
                _ = ticks.tick() => (false, false),
                () = asked(&mut ask) => (true, false),
                // Only the end of this process closes it.
                Ok(()) = pins.changed() => (false, true),
            };
            let this = self.clone();
            // The directories may be on a slow drive.
            let looked = tokio::task::spawn_blocking(move || (this.catalog.refresh(), stamp(&this.dir))).await;
            let Ok((Refreshed { changed, complaints }, stamp)) = looked else { continue };
            warn_of_new(&complaints, &mut seen.catalog_complaints);
            if asked || changed || seen.stamp.as_ref() != Some(&stamp) {
                self.reload(seen).await;
                seen.stamp = Some(stamp);
            }
            if asked || trusted {
                self.registry.kick();
            }
        }
    }

    async fn reload(self: &Arc<Self>, seen: &mut Seen) {
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || read(&this.dir, &this.catalog.specs())).await;
        let Ok(read) = read else { return };
        match read {
            Ok((wanted, complaints)) => {
                warn_of_new(&complaints, &mut seen.complaints);
                self.registry.apply(&wanted);
            }
            Err(error) => tracing::error!(%error, "the instance files cannot be read; everything goes on as it is"),
        }
    }
}

#[derive(Default)]
struct Seen {
    stamp: Option<Stamp>,
    /// Said already.
    complaints: BTreeSet<String>,
    catalog_complaints: BTreeSet<String>,
}

/// Says what was not said yet.
fn warn_of_new(complaints: &BTreeSet<String>, said: &mut BTreeSet<String>) {
    for complaint in complaints.difference(said) {
        tracing::warn!("{complaint}");
    }
    said.clone_from(complaints);
}

/// The next question; never, where none are heard.
async fn asked(subscription: &mut Option<Subscription>) {
    if let Some(questions) = subscription
        && questions.next().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

/// Reads all files: what they want, and what to complain about.
pub fn read(dir: &Path, specs: &[ProviderSpec]) -> Result<(Wanted, BTreeSet<String>), HomeError> {
    let scan = instances::scan(dir, specs)?;
    let mut complaints: BTreeSet<String> = scan.warnings.iter().map(ToString::to_string).collect();
    let mut wanted = Wanted::default();
    for (provider, file) in scan.providers {
        let entries = match file {
            Ok(entries) => entries,
            Err(error) => {
                complaints.insert(error.to_string());
                wanted.unreadable.insert(provider, problem(&error));
                continue;
            }
        };
        for (name, instance) in entries {
            let key = (provider.clone(), name);
            match instance {
                Ok(instance) if instance.enabled => {
                    wanted.instances.insert(key, instance);
                }
                Ok(_) => {}
                Err(error) => {
                    complaints.insert(error.to_string());
                    wanted.problems.insert(key, problem(&error));
                }
            }
        }
    }
    Ok((wanted, complaints))
}

fn problem(error: &HomeError) -> Problem {
    Problem { text: error.message(), hint: error.hint() }
}

fn stamp(dir: &Path) -> Stamp {
    // A directory that is not there holds nothing; one that cannot be read is reported by the reading itself.
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let stamps = entries.map(|e| {
        let meta = e.metadata().ok();
        (e.path(), (meta.as_ref().and_then(|m| m.modified().ok()), meta.map_or(0, |m| m.len())))
    });
    stamps.collect()
}

#[cfg(test)]
mod tests;
