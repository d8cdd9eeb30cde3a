//! Runs that this node carries out: everything it knows of them it reads in the log, so it may be killed at any point.
//! What it may send the operators have signed; broker and workers check that, not this.

mod drive;
mod log;
mod near;
mod routes;
mod send;
mod sight;

use crate::{node::Node, runs::near::Near};
use if_bus::BusError;
use if_schemas::{
    Body, CommandId, Entry,
    query::{self, Answer, RunRow, RunStanding, RunsAnswer},
    subject,
    wire::{Committed, Message as _},
};
use routes::Routes;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

/// How often the broker is asked which runs there are, whatever was heard.
const POLL: Duration = Duration::from_secs(2);
/// Longest wait for one answer of the broker.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// Runs carried out at once; more wait for one of them to end.
const RUNS_AT_ONCE: usize = 64;

/// Carries out the runs whose order names this node.
pub struct Runs {
    node: Arc<Node>,
    routes: Arc<Routes>,
    near: Arc<Near>,
}

impl Runs {
    pub fn new(node: Arc<Node>) -> Self {
        Self { node, routes: Arc::default(), near: Arc::default() }
    }

    /// Until the node stops.
    pub async fn run(self) {
        let mut link = self.node.bus.link();
        let mut running = BTreeMap::new();
        while !self.node.stop.is_cancelled() {
            link.borrow_and_update();
            tokio::select! {
                () = self.node.stop.cancelled() => return,
                result = self.follow(&mut running) => if let Err(error) = result {
                    tracing::warn!(%error, "runs are not followed until the next connection");
                    tokio::time::sleep(POLL).await;
                },
                _ = link.changed() => {}
            }
            // What was said meanwhile nobody heard.
            self.routes.forget();
        }
    }

    async fn follow(&self, running: &mut BTreeMap<CommandId, AbortOnDropHandle<()>>) -> Result<(), BusError> {
        let mut entries = self.node.bus.subscribe(&subject::witness_runs_of(&self.node.key.id())).await?;
        let mut presence = self.node.bus.subscribe(subject::PRESENCE).await?;
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let look = tokio::select! {
                message = entries.next() => match message {
                    Some(message) => self.heard(&message.payload),
                    None => return Ok(()),
                },
                message = presence.next() => match message {
                    Some(message) => {
                        self.near.note(&self.node, &message.payload);
                        false
                    }
                    None => return Ok(()),
                },
                _ = ticks.tick() => true,
            };
            if look {
                self.look(running).await;
            }
        }
    }

    /// Takes in one entry as it goes by. True if the runs there are may be others than before.
    fn heard(&self, bytes: &[u8]) -> bool {
        let Some(trust) = self.node.trust.current() else { return false };
        let Ok(committed) = Committed::from_message(bytes) else { return false };
        let Ok(entry) = Entry::decode(&committed.entry) else { return false };
        if let Err(error) = committed.open_head(&trust.broker) {
            tracing::warn!(%error, index = entry.index, "not the broker's word on an entry");
            return false;
        }
        let is_of_run = matches!(entry.body, Body::Run { .. } | Body::Lease { .. } | Body::RunOver { .. });
        if let Some(run) = self.routes.of(&entry) {
            self.routes.tell(run, entry, committed.payload);
        }
        is_of_run
    }

    /// Begins to carry out what is this node's to carry out.
    async fn look(&self, running: &mut BTreeMap<CommandId, AbortOnDropHandle<()>>) {
        running.retain(|_, task| !task.is_finished());
        let rows = match self.rows().await {
            Ok(rows) => rows,
            Err(error) => return tracing::debug!(error, "runs not asked for"),
        };
        let mine = rows.into_iter().filter(|row| row.delegate == self.node.key.id() && is_open(row));
        for row in mine {
            if running.contains_key(&row.run) {
                self.routes.expect_up_to(&row.run, row.newest);
                continue;
            }
            if running.len() >= RUNS_AT_ONCE {
                continue;
            }
            let driver = drive::Driver {
                node: self.node.clone(),
                routes: self.routes.clone(),
                near: self.near.clone(),
                run: row.run,
            };
            running.insert(row.run, AbortOnDropHandle::new(tokio::spawn(driver.run())));
        }
    }

    async fn rows(&self) -> Result<Vec<RunRow>, String> {
        let answer = self.node.bus.request(&subject::query(query::RUNS), Vec::new(), QUERY_TIMEOUT).await;
        let answer = answer.map_err(|e| e.to_string())?;
        match serde_json::from_slice(&answer).map_err(|e| e.to_string())? {
            Answer::Ok(RunsAnswer { runs }) => Ok(runs),
            Answer::Error { message, .. } => Err(message),
        }
    }
}

/// There is something to do or to say.
fn is_open(row: &RunRow) -> bool {
    match row.standing {
        RunStanding::Going => true,
        RunStanding::Waiting => row.cancelled,
        RunStanding::Ended { .. } => !row.explained,
    }
}
