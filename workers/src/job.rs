//! One delivery, from taken in to acknowledged.

use crate::{
    attempt::Turns,
    clock,
    execute::{NotBegun, Run},
    inbox::{Begin, Finished, Started},
    intake::{Assignment, Intake},
    node::Node,
    report::{self, Ending},
    route::{Reserve, Seat},
    triggers::causes::Caused,
};
use if_bus::Delivery;
use if_schemas::{Effect, Status, Timestamp, outcome::Failure};
use std::{sync::Arc, time::Duration};
use tokio::time::MissedTickBehavior;
use tracing::Instrument;

/// How often the queue is told that a delivery is still being worked on. Less than half of its patience.
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// What the jobs of one instance share.
#[derive(Clone)]
pub struct Place {
    pub node: Arc<Node>,
    pub seat: Seat,
    /// What stands in for it.
    pub reserve: Option<Arc<Reserve>>,
}

impl Place {
    /// Does what the delivery needs; the delivery is acknowledged once the broker has the result.
    pub async fn handle(self, delivery: Delivery, intake: Intake, turns: Turns) {
        let a = intake.assignment();
        let span = tracing::info_span!(
            "command",
            trace_id = %a.trace, command = %a.command, operation = %a.operation,
            provider = %a.provider, instance = %a.instance
        );
        let work = async {
            let done = keep_alive(&delivery, self.settle(delivery.attempt, intake, turns)).await;
            let answer = if done { delivery.ack().await } else { delivery.in_progress().await };
            if let Err(error) = answer {
                // It is delivered again, and the inbox knows it.
                tracing::debug!(%error, "not acknowledged");
            }
        };
        work.instrument(span).await;
    }

    /// True once nothing more is to be done for the delivery.
    async fn settle(&self, delivered: u32, intake: Intake, turns: Turns) -> bool {
        let (inbox, a) = (&self.node.inbox, intake.assignment().clone());
        let now = clock::now();
        let finished = match inbox.begin(a.command, a.deadline, delivered, now) {
            Begin::Acked => return true,
            Begin::Running => return false,
            Begin::Finished(finished) => Some(finished),
            // Not recorded: there is no room for it.
            Begin::Full => self.seal(&a, &inbox_full(now, delivered)),
            Begin::Interrupted(started) => self.finish_interrupted(&a, &started).await,
            Begin::Execute { attempt, was_begun } => {
                let run = Run { attempt, was_begun, started_at: now, simulated: false };
                let caused = Caused::begin(&self.node, &a, &intake);
                let ending = match intake {
                    Intake::Execute(work) => self.execute(&work, run, turns).await,
                    Intake::Expired(_) => {
                        NotBegun::Expired(format!("it arrived after its deadline {}", a.deadline)).ending(&run)
                    }
                    Intake::Refused(_, failure) => NotBegun::Unavailable(failure).ending(&run),
                };
                caused.end(&self.node, &a, ending.status);
                self.settle_state(&a).await;
                self.end(&a, &ending).await
            }
        };
        let Some(finished) = finished else { return false };
        report::deliver(&self.node, &finished).await;
        true
    }

    /// What the command changed is told before its end.
    async fn settle_state(&self, a: &Assignment) {
        let live = self.seat.session.snapshot().adapter.and_then(|adapter| adapter.live());
        if let Some(live) = live.filter(|_| a.effect != Effect::Read) {
            self.seat.mirrored.settle(&live).await;
        }
    }

    /// Makes and records the result.
    async fn end(&self, a: &Assignment, ending: &Ending) -> Option<Arc<Finished>> {
        let finished = self.seal(a, ending)?;
        Some(self.record(a.runs_once(), finished).await)
    }

    fn seal(&self, a: &Assignment, ending: &Ending) -> Option<Arc<Finished>> {
        let us = ending.finished_at.since_us(ending.started_at);
        self.node.metrics.executed(ending.status, us);
        if ending.status == Status::Succeeded {
            tracing::info!(status = ending.status.as_str(), us, "done");
        } else {
            tracing::warn!(status = ending.status.as_str(), us, code = ending.code(), "done");
            self.node.metrics.failed(ending.code());
        }
        // Without a result the broker settles the command as unresolved; nothing runs twice, the inbox knows it ran.
        report::seal(&self.node, a, ending).inspect_err(|error| tracing::error!(%error, "no result could be made")).ok()
    }

    async fn finish_interrupted(&self, a: &Assignment, started: &Started) -> Option<Arc<Finished>> {
        match report::seal_interrupted(&self.node, started) {
            Ok(finished) => Some(self.record(a.runs_once(), finished).await),
            Err(error) => {
                tracing::error!(%error, "no result could be made");
                None
            }
        }
    }

    async fn record(&self, once: bool, finished: Arc<Finished>) -> Arc<Finished> {
        if let Err(error) = self.node.inbox.finished(finished.clone(), once).await {
            // The result is sent all the same. If this process ends before the broker has it, a `once` command is
            // answered as interrupted, which is true.
            tracing::error!(%error, "result not recorded in the inbox");
        }
        finished
    }
}

pub fn started(a: &Assignment, run: &Run) -> Started {
    Started {
        command: a.command,
        entry: a.entry,
        trace: a.trace,
        provider: a.provider.clone(),
        instance: a.instance.clone(),
        deadline: a.deadline,
        effect: a.effect,
        started_at: run.started_at,
        attempt: run.attempt,
        simulated: run.simulated,
        quote: a.quote.clone(),
    }
}

pub fn inbox_unavailable(why: &str) -> Failure {
    Failure {
        code: "inbox_unavailable".into(),
        message: format!("not executed, because it could not be recorded first: {why}"),
        hint: Some("free space on the worker's disk, then send it again".into()),
    }
}

fn inbox_full(now: Timestamp, attempt: u32) -> Ending {
    let failure = Failure {
        code: "inbox_unavailable".into(),
        message: "not executed: the worker remembers as many commands as it can".into(),
        hint: Some("use shorter deadlines, or send fewer commands at once".into()),
    };
    Ending::failure(Status::Failed, failure, now, attempt, false)
}

/// Runs `work` and tells the queue all the while that it is under way.
async fn keep_alive<T>(delivery: &Delivery, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => {
                if let Err(error) = delivery.in_progress().await {
                    tracing::debug!(%error, "not marked as under way");
                }
            }
        }
    }
}
