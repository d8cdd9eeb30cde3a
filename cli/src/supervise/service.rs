//! One child process: started with its output in a log file, restarted after a crash, stopped when told.

use super::{STOP_TIMEOUT, process};
use crate::CliError;
use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};

/// Crashes within [`CRASH_WINDOW`] after which a child is given up.
const CRASHES_MAX: usize = 5;
const CRASH_WINDOW: Duration = Duration::from_secs(60);
/// Pause before a restart: doubles with every crash in the window, from the first to the second figure.
const RESTART_DELAY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// A log larger than this is put aside (one old one is kept) when a child is started, bytes.
const LOG_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How much of a log's end is shown when its child failed.
const TAIL_BYTES: u64 = 8 * 1024;
const TAIL_LINES: usize = 12;

#[derive(Debug)]
pub struct Service {
    pub name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    /// Where in its log this run of the child begins, bytes.
    log_from: u64,
    child: Child,
    crashes: VecDeque<Instant>,
}

impl Service {
    pub fn start(name: &'static str, program: &Path, args: Vec<String>, run_dir: &Path) -> Result<Self, CliError> {
        let log = run_dir.join(format!("{name}.log"));
        put_aside(&log);
        let log_from = length(&log);
        let child = spawn(name, program, &args, &log)?;
        Ok(Self { name, program: program.to_path_buf(), args, log, log_from, child, crashes: VecDeque::new() })
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Resolves when the child ends.
    pub async fn ended(&mut self) -> Result<ExitStatus, CliError> {
        self.child.wait().await.map_err(|e| CliError::io(format!("{} cannot be waited for", self.name), &e))
    }

    /// The end of a child as an error that shows why.
    pub fn failure(&self, status: ExitStatus) -> CliError {
        let tail = self.tail();
        let text = if tail.is_empty() { String::new() } else { format!(":\n{tail}") };
        let error = CliError::failed(format!("{} ended ({status}){text}", self.name));
        let error = match status.code() {
            Some(64) => CliError { exit: crate::Exit::Config, ..error }.code("bad_configuration"),
            Some(6) => CliError { exit: crate::Exit::Damaged, ..error }.code("verification_failed"),
            _ => error,
        };
        error.hint(format!("its log is {}", self.log.display()))
    }

    /// The last lines of this run's log.
    pub fn tail(&self) -> String {
        tail(&self.log, self.log_from)
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it again after a pause, unless it crashes too often or said that trying again is no use.
    pub async fn restart(&mut self, status: ExitStatus) -> Result<(), CliError> {
        let hopeless = matches!(status.code(), Some(64 | 6));
        let now = Instant::now();
        self.crashes.retain(|at| now.duration_since(*at) < CRASH_WINDOW);
        self.crashes.push_back(now);
        if hopeless || self.crashes.len() > CRASHES_MAX {
            let error = self.failure(status);
            let times = self.crashes.len();
            let message = if hopeless {
                error.message.clone()
            } else {
                format!("{times} crashes within a minute, the last one: {}", error.message)
            };
            return Err(CliError { message, ..error });
        }
        let doublings = u32::try_from(self.crashes.len() - 1).unwrap_or(0).min(8);
        tokio::time::sleep(RESTART_DELAY.0.saturating_mul(1 << doublings).min(RESTART_DELAY.1)).await;
        put_aside(&self.log);
        self.log_from = length(&self.log);
        self.child = spawn(self.name, &self.program, &self.args, &self.log)?;
        Ok(())
    }

    /// Stops it: asks, waits, and in the end kills. False if it had to be killed.
    pub async fn stop(mut self) -> bool {
        let asked = self.pid().is_some_and(process::terminate);
        if asked && tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.is_ok() {
            return true;
        }
        if self.pid().is_none() {
            return true;
        }
        // Fails only if it is gone already.
        let _ = self.child.kill().await;
        false
    }
}

fn spawn(name: &'static str, program: &Path, args: &[String], log: &Path) -> Result<Child, CliError> {
    let shown = log.display();
    let out = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|e| CliError::io(format!("{shown} cannot be opened"), &e))?;
    let err = out.try_clone().map_err(|e| CliError::io(format!("{shown} cannot be opened"), &e))?;
    let mut command = Command::new(program);
    command.args(args).env("NO_COLOR", "1").stdin(Stdio::null()).stdout(out).stderr(err).kill_on_drop(true);
    // A Ctrl-C at the terminal is for the supervisor alone, which stops its children in order.
    #[cfg(unix)]
    command.process_group(0);
    command.spawn().map_err(|e| CliError::io(format!("{name} ({}) cannot be started", program.display()), &e))
}

fn put_aside(log: &Path) {
    if fs::metadata(log).is_ok_and(|m| m.len() > LOG_MAX_BYTES) {
        // A log that cannot be moved is appended to.
        let _ = fs::rename(log, log.with_extension("log.old"));
    }
}

/// Bytes of a log; 0 if there is none yet.
pub fn length(log: &Path) -> u64 {
    fs::metadata(log).map(|m| m.len()).unwrap_or(0)
}

/// The last lines of a log that begin at byte `from` or later; empty if there are none.
pub fn tail(log: &Path, from: u64) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES).max(from)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|l| format!("  {l}")).collect::<Vec<_>>().join("\n")
}
