//! One attempt at a command: on its instance, on the backup of that, or on both.

use crate::{
    clock,
    execute::{self, Done, NotBegun, Run, Told, Turn},
    intake::CheckedWork,
    job::{Place, inbox_unavailable, started},
    report::Ending,
    route::{self, Begin, LINE_MAX, Ready, Reserve, verdict},
};
use if_schemas::{Effect, Leg, Name, Outcome, Route, RouteMode};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

/// Where a command stands in the lines of its instance.
#[derive(Debug, Default)]
pub struct Turns {
    begin: Turn,
    /// Of those that may go to the backup: what comes later does not overtake there what was lost earlier.
    backup: Option<Turn>,
}

/// The ends of these lines.
#[derive(Debug, Default)]
pub struct LastTurns {
    begin: Option<oneshot::Receiver<()>>,
    backup: Option<oneshot::Receiver<()>>,
}

impl Turns {
    /// The turns after the last ones.
    pub fn after(last: &mut LastTurns, reserve: Option<&Reserve>) -> Self {
        let fails_over = reserve.is_some_and(|r| r.backup.mode == RouteMode::Failover);
        let backup = fails_over.then(|| Turn::after(&mut last.backup));
        Self { begin: Turn::after(&mut last.begin), backup }
    }
}

/// What became of it, and where it went if that is worth a word.
struct Went {
    result: Result<Done, NotBegun>,
    simulated: bool,
    route: Option<Route>,
}

/// What every step of an attempt needs.
struct Attempt<'a> {
    place: &'a Place,
    work: &'a CheckedWork,
    told: Told<'a>,
    deadline: Instant,
}

impl Place {
    /// Executes until the deadline and no longer.
    pub(crate) async fn execute(&self, work: &CheckedWork, mut run: Run, turns: Turns) -> Ending {
        let a = work.assignment();
        let deadline = clock::instant_of(a.deadline);
        let reserve = self.reserve.as_deref();
        let mirrors = reserve.is_some_and(|r| r.mirrors(a.effect == Effect::Read, a.quote.is_some()));
        let chosen = route::choose(&self.seat, reserve, mirrors, a.runs_once(), deadline).await;
        run.started_at = clock::now();
        let attempt = Attempt { place: self, work, told: Told::new(&self.node, a), deadline };
        let begin = match chosen {
            Ok(begin) => begin,
            Err(not) => {
                run.simulated = self.seat.session.snapshot().simulated;
                let route = reserve.map(|r| attempt.route(r, mirrors, attempt.unsent_main(), attempt.unsent_backup(r)));
                return Ending { route, ..not.ending(&run) };
            }
        };
        run.simulated = begin.simulated();
        if let Err(error) = self.node.inbox.started(started(a, &run)).await
            && a.runs_once()
        {
            return NotBegun::Unavailable(inbox_unavailable(&error.to_string())).ending(&run);
        }
        let Went { result, simulated, route } = attempt.go(begin, mirrors, turns).await;
        run.simulated = simulated;
        match result {
            Ok(Done { status, outcome, metered }) => {
                let Run { attempt, started_at, simulated, .. } = run;
                let finished_at = clock::now().max(started_at);
                Ending { status, outcome, metered, started_at, finished_at, attempt, simulated, route }
            }
            Err(not) => Ending { route, ..not.ending(&run) },
        }
    }
}

impl Attempt<'_> {
    async fn go(&self, begin: Begin, mirrors: bool, turns: Turns) -> Went {
        let simulated = begin.simulated();
        let Some(reserve) = self.place.reserve.as_deref() else {
            let (Begin::Main(ready) | Begin::Backup(ready) | Begin::Both(ready, _)) = begin;
            let result = self.on(&ready, turns.begin).await;
            return Went { result, simulated, route: None };
        };
        match begin {
            Begin::Both(main, backup) => self.mirrored(reserve, &main, &backup, turns.begin).await,
            Begin::Backup(ready) => {
                let main = self.unsent_main();
                let result = self.on_backup(&ready, turns).await;
                let route = Some(self.route(reserve, mirrors, main, self.leg(reserve.name(), &result)));
                Went { result, simulated, route }
            }
            Begin::Main(ready) if mirrors => {
                let backup = self.unsent_backup(reserve);
                let result = self.on(&ready, turns.begin).await;
                let route = Some(self.route(reserve, mirrors, self.leg(self.main(), &result), backup));
                Went { result, simulated, route }
            }
            // Begun is begun: what must not happen twice stays where it is.
            Begin::Main(ready) if self.work.assignment().runs_once() => {
                drop(turns.backup);
                let result = self.on(&ready, turns.begin).await;
                Went { result, simulated, route: None }
            }
            Begin::Main(ready) => self.guarded(reserve, &ready, turns).await,
        }
    }

    /// On one instance, once it is its turn and there is room.
    async fn on(&self, ready: &Ready, mut turn: Turn) -> Result<Done, NotBegun> {
        let line = async {
            // In this order: a permit is never held by a command that waits for one without.
            turn.come().await;
            ready.seat.running.acquire().await
        };
        let Ok(permit) = tokio::time::timeout_at(self.deadline, line).await else { return Err(busy()) };
        let done = execute::run(&self.told, ready, self.work, turn).await;
        drop(permit);
        done
    }

    /// On the backup from the beginning: after those that began there, and those that may have to.
    async fn on_backup(&self, ready: &Ready, turns: Turns) -> Result<Done, NotBegun> {
        let Turns { begin: mut turn, backup } = turns;
        if tokio::time::timeout_at(self.deadline, turn.come()).await.is_err() {
            return Err(busy());
        }
        let turn = match wait_for(backup).await {
            Some(line) => turn.with(line),
            None => turn,
        };
        self.on(ready, turn).await
    }

    /// On both at the same time.
    async fn mirrored(&self, reserve: &Reserve, main: &Ready, backup: &Ready, mut turn: Turn) -> Went {
        let simulated = main.simulated || backup.simulated;
        let (main, backup) = match tokio::time::timeout_at(self.deadline, turn.come()).await {
            Ok(()) => {
                let second = turn.share();
                tokio::join!(self.on(main, turn), self.on(backup, second))
            }
            Err(_) => (Err(busy()), Err(busy())),
        };
        let legs = (self.leg(self.main(), &main), self.leg(reserve.name(), &backup));
        let result = match (main, backup) {
            // In neither did it begin.
            (Err(not), Err(_)) => Err(not),
            (main, backup) => Ok(verdict::of_both((self.main(), settled(main)), (reserve.name(), settled(backup)))),
        };
        Went { result, simulated, route: Some(self.route(reserve, true, legs.0, legs.1)) }
    }

    /// On the main instance, and on the backup if that is lost meanwhile. For what may be repeated.
    async fn guarded(&self, reserve: &Reserve, ready: &Ready, turns: Turns) -> Went {
        let reads = self.work.assignment().effect == Effect::Read;
        let Turns { begin, backup } = turns;
        // What changes nothing may come before or after anything.
        let line = if reads { None } else { backup };
        // Owned, so that it can be stopped.
        let mut attempt = Box::pin(self.on(ready, begin));
        let alone = |result| Went { result, simulated: ready.simulated, route: None };
        let main = tokio::select! {
            biased;
            result = &mut attempt => match &result {
                Ok(Done { outcome: Outcome::Error(failure), .. })
                    if route::is_lost(&failure.code, &ready.seat) && Instant::now() < self.deadline =>
                {
                    Main::Ended(result)
                }
                _ => return alone(result),
            },
            code = route::lost(ready) => Main::GivenUp(code),
        };
        let soon = self.deadline.min(Instant::now() + route::HEALTH_LIMIT);
        let (spare, main) = match (reserve.ready(soon).await, main) {
            (Ok(spare), main) => (spare, main),
            // Nowhere to go: what the main instance says is what there is.
            (Err(_), Main::Ended(result)) => return alone(result),
            (Err(_), Main::GivenUp(_)) => return alone(attempt.await),
        };
        let leg = match main {
            Main::Ended(result) => self.leg(self.main(), &result),
            Main::GivenUp(code) => verdict::given_up(self.main(), reads, code),
        };
        drop(attempt);
        tracing::warn!(main = %self.main(), backup = %reserve.name(), code = leg.code, "failed over while executing");
        let begun = wait_for(line).await;
        let result = self.on(&spare, begun.unwrap_or_default()).await;
        let simulated = ready.simulated || spare.simulated;
        let backup = self.leg(reserve.name(), &result);
        let result = Ok(verdict::after_loss((self.main(), &leg), (reserve.name(), settled(result))));
        Went { result, simulated, route: Some(self.route(reserve, false, leg, backup)) }
    }

    fn main(&self) -> &Name {
        &self.work.assignment().instance
    }

    fn unsent_main(&self) -> Leg {
        verdict::unsent(self.main(), route::state(&self.place.seat))
    }

    fn unsent_backup(&self, reserve: &Reserve) -> Leg {
        verdict::unsent(reserve.name(), reserve.code())
    }

    fn leg(&self, instance: &Name, result: &Result<Done, NotBegun>) -> Leg {
        match result {
            Ok(done) => verdict::leg(instance, done),
            Err(not) => verdict::unsent(instance, not.code().into()),
        }
    }

    fn route(&self, reserve: &Reserve, mirrors: bool, main: Leg, backup: Leg) -> Route {
        debug_assert_eq!(&backup.instance, reserve.name());
        let mode = if mirrors { RouteMode::Mirror } else { RouteMode::Failover };
        Route { mode, main, backup }
    }
}

/// How the main instance left a command that goes to the backup.
enum Main {
    /// It said that its connection is lost.
    Ended(Result<Done, NotBegun>),
    /// It says nothing.
    GivenUp(&'static str),
}

/// Waits for those before in the line of the backup, not longer than finding out takes.
async fn wait_for(line: Option<Turn>) -> Option<Turn> {
    let mut turn = line?;
    if timeout(LINE_MAX, turn.come()).await.is_err() {
        tracing::warn!("goes to the backup before an earlier command that is not known to be done");
    }
    Some(turn)
}

fn busy() -> NotBegun {
    NotBegun::Expired("the instance was busy with other commands until the deadline".into())
}

/// One of two instances on which it did not begin counts as one that failed.
fn settled(result: Result<Done, NotBegun>) -> Done {
    result.unwrap_or_else(|not| verdict::not_begun(not.failure()))
}
