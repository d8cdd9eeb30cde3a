//! `down`: stop the supervisor of this home directory, which stops its children in order.

use crate::{
    CliError,
    context::Context,
    supervise::{self, Lock, process},
};
use clap::{ArgMatches, Command};
use if_home::Home;
use serde_json::json;
use std::time::{Duration, Instant};

/// Three children, each of which may take its full stop time-out, and a little.
const DOWN_TIMEOUT: Duration = Duration::from_secs(35);

pub fn tree(command: Command) -> Command {
    command
}

pub fn run(context: &Context, _: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    if !home.run_dir().exists() {
        return report(context, false, "The fabric was not running.");
    }
    if let Some(_lock) = Lock::try_take(&home)? {
        let orphans = context.block_on(supervise::stop_orphans(&home))?;
        return match orphans.as_slice() {
            [] => report(context, false, "The fabric was not running."),
            names => report(
                context,
                true,
                &format!("The supervisor was gone; stopped what it left behind: {}.", names.join(", ")),
            ),
        };
    }
    let started = Instant::now();
    stop_supervisor(&home)?;
    while Lock::try_take(&home)?.is_none() {
        if started.elapsed() > DOWN_TIMEOUT {
            return Err(CliError::failed(format!("the fabric did not stop within {} s", DOWN_TIMEOUT.as_secs()))
                .hint(format!("see the logs in {}", home.run_dir().display())));
        }
        std::thread::sleep(supervise::LOOK_INTERVAL);
    }
    report(context, true, "The fabric is down.")
}

/// The lock proves that a supervisor lives; its own words on the command line prove that this pid is it.
fn stop_supervisor(home: &Home) -> Result<(), CliError> {
    let hint = format!("a process holds {}: stop it by hand", home.run_dir().join("up.lock").display());
    let pid = supervise::supervisor_pid(home)
        .ok_or_else(|| CliError::failed("the supervisor has not said which process it is").hint(hint.clone()))?;
    let is_up = process::command_line(pid).is_some_and(|words| words.split(' ').any(|w| w == "up"));
    if !is_up || !process::terminate(pid) {
        return Err(
            CliError::failed(format!("process {pid} is not the supervisor, or may not be stopped by you")).hint(hint)
        );
    }
    Ok(())
}

fn report(context: &Context, stopped: bool, text: &str) -> Result<(), CliError> {
    if context.out.is_json() {
        return context.out.document(&json!({"status": "down", "stopped": stopped}));
    }
    context.out.text(text)
}
