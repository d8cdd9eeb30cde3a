//! Processes that tests start: ended together with those they start, their output read for ever.

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, PipeReader},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Lines of output kept for error messages.
const OUTPUT_LINES: usize = 120;
/// Lines that told something, waiting to be read.
const TOLD_QUEUE: usize = 8;

/// A process and those it starts, ended together (SIGKILL) when dropped.
pub struct Group {
    child: Child,
    reaped: bool,
}

impl Group {
    /// `hint` says how to get the program where it is not there.
    pub fn spawn(command: &mut Command, hint: &str) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("{program} does not start: {hint}"))?;
        Ok(Self { child, reaped: false })
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The piped standard output; once.
    pub fn stdout(&mut self) -> anyhow::Result<ChildStdout> {
        self.child.stdout.take().context("no stdout")
    }

    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        ensure!(!self.reaped, "the process has ended");
        kill_process_group(self.pid(), signal)?;
        Ok(())
    }

    /// Idempotent.
    pub fn stop(&mut self) {
        if self.reaped {
            return;
        }
        // Fails only where the group has ended by itself.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
        self.reaped = true;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a process prints, read for ever so that it never blocks on a full pipe.
pub struct Output<T> {
    lines: Arc<Mutex<VecDeque<String>>>,
    told: mpsc::Receiver<T>,
    end: mpsc::Receiver<()>,
}

impl<T: Send + 'static> Output<T> {
    /// `telling` finds the lines that say something.
    pub fn follow(reader: PipeReader, telling: impl Fn(&str) -> Option<T> + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (told_sender, told) = mpsc::sync_channel(TOLD_QUEUE);
        let (end_sender, end) = mpsc::sync_channel(1);
        let kept = lines.clone();
        thread::spawn(move || {
            let _end = end_sender;
            for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if let Some(told) = telling(&line) {
                    // Nobody listens any more once the process runs.
                    let _ = told_sender.try_send(told);
                }
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == OUTPUT_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
        Self { lines, told, end }
    }

    /// The next thing told; none where the time is up or the process has ended.
    pub fn wait_told(&self, deadline: Instant) -> Option<T> {
        self.told.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    /// Whether the output ended, which it does with the process.
    pub fn wait_end(&self, limit: Duration) -> bool {
        matches!(self.end.recv_timeout(limit), Err(mpsc::RecvTimeoutError::Disconnected))
    }

    /// The last lines.
    pub fn tail(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// Where the install scripts put what they bring.
pub fn cache() -> anyhow::Result<PathBuf> {
    match (std::env::var_os("IF_CACHE"), std::env::var_os("HOME")) {
        (Some(cache), _) => Ok(PathBuf::from(cache)),
        (None, Some(home)) => Ok(PathBuf::from(home).join(".cache/infrafabric")),
        (None, None) => bail!("neither IF_CACHE nor HOME is set"),
    }
}

/// Where free ports are looked for: below what the system gives to outgoing connections, which could otherwise take the port
/// of a server that is being started again.
const FREE_PORTS: std::ops::Range<u16> = 10_000..32_768;

/// A loopback port nobody had a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    for _ in 0..64 {
        let port = fastrand::u16(FREE_PORTS);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("64 loopback ports in a row are taken")
}
