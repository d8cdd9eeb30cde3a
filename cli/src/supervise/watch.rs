//! The supervisor: starts, keeps running, stops in order.

use super::{
    Event, LOOK_INTERVAL, Plan, STOP_TIMEOUT, process,
    service::Service,
    start::{self, Running},
};
use crate::CliError;
use if_home::{FabricFile, Home};
use std::process::ExitStatus;
use tokio::time::Instant;

/// Runs the fabric until told to stop or until a part of it cannot be kept running.
pub async fn run(mut plan: Plan, say: &dyn Fn(Event)) -> Result<(), CliError> {
    let mut stop = Stop::listen()?;
    stop_orphans(&plan.home).await?;
    let mut running = Running::default();
    let outcome = tokio::select! {
        outcome = supervise(&mut plan, &mut running, say) => outcome,
        () = stop.asked() => Ok(()),
    };
    say(Event::Progress("stopping".into()));
    for name in running.stop().await {
        say(Event::Progress(format!("{name} did not stop in time and was killed")));
    }
    FabricFile::remove(&plan.home.fabric_file())?;
    outcome
}

async fn supervise(plan: &mut Plan, running: &mut Running, say: &dyn Fn(Event)) -> Result<(), CliError> {
    start::start(plan, running, say).await?;
    let file = running.fabric_file(plan);
    file.save(&plan.home.fabric_file())?;
    say(Event::Ready(file));
    loop {
        let (service, status) = next_end(running).await?;
        say(Event::Progress(format!("{} ended ({status}), starting it again", service.name)));
        service.restart(status).await?;
        running.fabric_file(plan).save(&plan.home.fabric_file())?;
    }
}

/// Waits until any child ends.
async fn next_end(running: &mut Running) -> Result<(&mut Service, ExitStatus), CliError> {
    async fn end(service: &mut Option<Service>) -> Result<ExitStatus, CliError> {
        match service {
            Some(service) => service.ended().await,
            None => std::future::pending().await,
        }
    }
    let Running { nats, broker, worker } = running;
    let (which, status) = tokio::select! {
        status = end(nats) => (nats, status?),
        status = end(broker) => (broker, status?),
        status = end(worker) => (worker, status?),
    };
    match which {
        Some(service) => Ok((service, status)),
        None => Err(CliError::failed("a child ended that was never started")),
    }
}

/// Children of a supervisor that was killed still run: stop them, or two brokers would want one log.
pub async fn stop_orphans(home: &Home) -> Result<Vec<&'static str>, CliError> {
    let Some(file) = FabricFile::load(&home.fabric_file())? else { return Ok(Vec::new()) };
    let root = home.root().display().to_string();
    let ours = |words: &String| words.contains(&root);
    let parts = [("worker", file.pids.worker), ("broker", file.pids.broker), ("nats", file.pids.nats)];
    let mut stopped = Vec::new();
    for (name, pid) in parts {
        let Some(pid) = pid.filter(|pid| process::command_line(*pid).is_some_and(|words| ours(&words))) else {
            continue;
        };
        if !stop_by_pid(pid, ours).await {
            let hint = format!("see what holds it up (`ps -p {pid}`), then run this again");
            return Err(CliError::failed(format!("{name} (process {pid}) does not end, even killed")).hint(hint));
        }
        stopped.push(name);
    }
    FabricFile::remove(&home.fabric_file())?;
    Ok(stopped)
}

/// Asks, waits, and in the end kills. False if even that did not end it.
async fn stop_by_pid(pid: u32, ours: impl Fn(&String) -> bool) -> bool {
    process::terminate(pid);
    if ended(pid, &ours).await {
        return true;
    }
    process::kill(pid);
    ended(pid, &ours).await
}

/// Waits until the process is gone, [`STOP_TIMEOUT`] at most. One that is ending has no command line any more and still
/// holds its files.
async fn ended(pid: u32, ours: impl Fn(&String) -> bool) -> bool {
    let give_up = Instant::now() + STOP_TIMEOUT;
    while process::is_alive(pid) && process::command_line(pid).as_ref().is_none_or(&ours) {
        if Instant::now() > give_up {
            return false;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    true
}

/// Ctrl-C, and on Unix SIGTERM and SIGHUP.
struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Stop {
    #[cfg(unix)]
    fn listen() -> Result<Self, CliError> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|e| CliError::io("signals cannot be handled", &e));
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [a, b, c] = kinds.map(listen);
        Ok(Self { signals: [a?, b?, c?] })
    }

    #[cfg(unix)]
    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn listen() -> Result<Self, CliError> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn asked(&mut self) {
        // Without a handler there is no orderly way to stop; the children end with us.
        let _ = tokio::signal::ctrl_c().await;
    }
}
