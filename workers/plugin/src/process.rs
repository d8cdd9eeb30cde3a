//! One running process of a plugin: requests out, answers in, by id; ended whole when it misbehaves.

mod pipes;

use crate::{
    protocol::{Answer, Finished, LINE_MAX_BYTES, Message, Request},
    redact::Redactor,
    sandbox::{self, Errors, Group},
    stderr::{self, Rate},
};
use if_engine::{AdapterError, ProgressSink};
use if_plugin_files::Folder;
use if_schemas::{Name, presence::InstanceState};
use std::{
    collections::HashMap,
    path::Path,
    process::ExitStatus,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    process::Child,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Most requests without an answer.
pub const OUTSTANDING_MAX: usize = 128;
/// Most lines waiting to be read by the plugin: each request, its cancellation, and a few more.
const LINES_MAX: usize = 2 * OUTSTANDING_MAX + 8;
/// Longest time a plugin may not read what is sent to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a plugin may take to give its result after `cancel`; then its process is killed.
pub const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// How long it may take to end after `shutdown`.
pub const SHUTDOWN_GRACE: Duration = Duration::from_millis(700);
/// How long what it wrote last may take to be read, and a killed process to be gone.
const DRAIN: Duration = Duration::from_millis(500);

/// Why a process is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    #[error("the plugin's process ended: {0}")]
    Exited(String),
    #[error("the plugin broke the protocol and was ended: {0}")]
    Broke(String),
    #[error("the plugin did not answer and was ended: {0}")]
    Silent(String),
    #[error("{0}")]
    Refused(AdapterError),
    #[error("the plugin was stopped")]
    Stopped,
}

impl From<Ended> for AdapterError {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Refused(error) => error,
            other => AdapterError::new(InstanceState::Disconnected, other.to_string())
                .hint("what the plugin wrote to its standard error is in the worker's log"),
        }
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nothing of it left.
    NotSent(String),
    Ended(Ended),
}

impl From<NoAnswer> for AdapterError {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::NotSent(why) => AdapterError::new(InstanceState::Disconnected, why),
            NoAnswer::Ended(ended) => ended.into(),
        }
    }
}

enum Pending {
    Answer(oneshot::Sender<Answer>),
    Execute(oneshot::Sender<Finished>, ProgressSink),
    /// Its result is awaited, and of no use.
    Cancelled,
}

/// What waits for the plugin; none once the process has ended.
type Table = Option<HashMap<u64, Pending>>;

struct Shared {
    plugin: Name,
    instance: String,
    next: AtomicU64,
    pending: Mutex<Table>,
    out: mpsc::Sender<Zeroizing<Vec<u8>>>,
    redactor: Redactor,
    /// End the process, for the reason in `why`.
    stop: CancellationToken,
    why: Mutex<Option<Ended>>,
    ended: watch::Sender<Option<Ended>>,
}

/// Ended when dropped.
pub struct Process(Arc<Shared>);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.end(Ended::Stopped);
    }
}

impl Process {
    /// Starts the plugin of `folder` in `work`. Nothing is asked of it yet.
    pub fn start(
        folder: &Folder,
        work: &Path,
        instance: &str,
        errors: Errors,
        redactor: Redactor,
    ) -> std::io::Result<Self> {
        let (mut child, group) = sandbox::spawn(folder, work, errors)?;
        let (out, lines) = mpsc::channel(LINES_MAX);
        let shared = Arc::new(Shared {
            plugin: folder.plugin.id.clone(),
            instance: instance.into(),
            next: AtomicU64::new(1),
            pending: Mutex::new(Some(HashMap::new())),
            out,
            redactor: redactor.clone(),
            stop: CancellationToken::new(),
            why: Mutex::default(),
            ended: watch::channel(None).0,
        });
        // Input and output are piped, so they are there; a task without its pipe ends at once, and the process with it.
        let reader = child.stdout.take().map(|pipe| tokio::spawn(pipes::read(shared.clone(), pipe)));
        if let Some(pipe) = child.stdin.take() {
            tokio::spawn(pipes::write(shared.clone(), pipe, lines));
        }
        if let Some(pipe) = child.stderr.take() {
            tokio::spawn(stderr::log(pipe, folder.plugin.id.clone(), instance.into(), redactor));
        }
        let reader = reader.unwrap_or_else(|| tokio::spawn(async {}));
        tokio::spawn(supervise(shared.clone(), child, group, reader));
        Ok(Self(shared))
    }

    /// Ends the process; the first reason counts.
    pub fn end(&self, why: Ended) {
        self.0.end(why);
    }

    /// Resolves once the process is gone.
    pub async fn ended(&self) -> Ended {
        ended(self.0.ended.subscribe()).await
    }

    /// Tells of the end without keeping the process alive.
    pub fn watch(&self) -> watch::Receiver<Option<Ended>> {
        self.0.ended.subscribe()
    }

    /// Asks it to end, waits for that a moment, and ends it.
    pub async fn shut_down(&self) {
        if self.0.send(&Request::Shutdown).is_ok() {
            // Whether it went by itself changes nothing.
            let _ = timeout(SHUTDOWN_GRACE, self.ended()).await;
        }
        self.end(Ended::Stopped);
        let _ = timeout(DRAIN, self.ended()).await;
    }

    /// One request that is no command, answered within `limit`.
    pub async fn ask<'a>(
        &self,
        what: &str,
        limit: Duration,
        request: impl FnOnce(u64) -> Request<'a>,
    ) -> Result<Answer, NoAnswer> {
        let (sender, receiver) = oneshot::channel();
        let id = self.0.open(Pending::Answer(sender))?;
        let _forget = Forget { shared: &self.0, id };
        self.0.send(&request(id))?;
        match timeout(limit, receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(NoAnswer::Ended(self.ended().await)),
            Err(_) => {
                let silent = Ended::Silent(format!("no answer to {what} within {} ms", limit.as_millis()));
                self.end(silent.clone());
                Err(NoAnswer::Ended(silent))
            }
        }
    }

    /// One command. If the future is dropped the plugin is told to cancel it, and ended if it does not.
    pub async fn execute<'a>(
        &self,
        progress: ProgressSink,
        request: impl FnOnce(u64) -> Request<'a>,
    ) -> Result<Finished, NoAnswer> {
        let (sender, receiver) = oneshot::channel();
        let id = self.0.open(Pending::Execute(sender, progress))?;
        if let Err(not_sent) = self.0.send(&request(id)) {
            drop(Forget { shared: &self.0, id });
            return Err(not_sent);
        }
        let cancel = CancelOnDrop { shared: self.0.clone(), id };
        let finished = receiver.await;
        drop(cancel);
        match finished {
            Ok(finished) => Ok(finished),
            Err(_) => Err(NoAnswer::Ended(self.ended().await)),
        }
    }
}

async fn ended(mut watch: watch::Receiver<Option<Ended>>) -> Ended {
    match watch.wait_for(Option::is_some).await {
        Ok(ended) => ended.clone().unwrap_or(Ended::Stopped),
        Err(_) => Ended::Stopped,
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, why: Ended) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.stop.cancel();
    }

    fn open(&self, pending: Pending) -> Result<u64, NoAnswer> {
        let mut table = self.table();
        let Some(open) = table.as_mut() else {
            let ended = self.ended.borrow().clone();
            return Err(NoAnswer::NotSent(ended.unwrap_or(Ended::Stopped).to_string()));
        };
        if open.len() >= OUTSTANDING_MAX {
            return Err(NoAnswer::NotSent(format!("{OUTSTANDING_MAX} requests wait for the plugin already")));
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        open.insert(id, pending);
        Ok(id)
    }

    fn send(&self, request: &Request) -> Result<(), NoAnswer> {
        let mut line = Zeroizing::new(Vec::new());
        serde_json::to_writer(&mut *line, request)
            .map_err(|e| NoAnswer::NotSent(format!("the request cannot be written: {e}")))?;
        line.push(b'\n');
        if line.len() > LINE_MAX_BYTES {
            return Err(NoAnswer::NotSent(format!("the request is longer than {LINE_MAX_BYTES} bytes")));
        }
        self.out.try_send(line).map_err(|_| NoAnswer::NotSent("the plugin does not read what is sent to it".into()))
    }

    fn dispatch(&self, message: Message, rate: &mut Rate) {
        let (plugin, instance) = (&self.plugin, &self.instance);
        let stray = |id: u64| tracing::debug!(%plugin, instance, id, "a plugin answers what nobody waits for");
        let mut table = self.table();
        let Some(open) = table.as_mut() else { return };
        match message {
            Message::Progress { id, message, data } => match open.get(&id) {
                Some(Pending::Execute(_, sink)) => sink.report(message, data),
                _ => stray(id),
            },
            // Whoever waited may have gone.
            Message::Answer { id, answer } => match open.remove(&id) {
                Some(Pending::Answer(sender)) => drop(sender.send(answer)),
                Some(other) => drop(open.insert(id, other)),
                None => stray(id),
            },
            Message::Result { id, result } => match open.remove(&id) {
                Some(Pending::Execute(sender, _)) => drop(sender.send(result)),
                Some(Pending::Cancelled) => {}
                Some(other) => drop(open.insert(id, other)),
                None => stray(id),
            },
            Message::Unknown(kind) => {
                if rate.pass(Instant::now()).0 {
                    tracing::warn!(%plugin, instance, kind, "a plugin sent a message of unknown type; ignored");
                }
            }
        }
    }

    /// No answers come any more.
    fn close(&self, why: Ended) {
        tracing::info!(plugin = %self.plugin, instance = self.instance, %why, "plugin process is gone");
        self.ended.send_replace(Some(why));
        // Dropping what waits wakes everybody who does.
        drop(self.table().take());
    }
}

/// Nobody waits any more for a request that needs no cancelling.
struct Forget<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(open) = self.shared.table().as_mut() {
            open.remove(&self.id);
        }
    }
}

/// Tells the plugin that nobody waits for a command any more.
struct CancelOnDrop {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let (shared, id) = (self.shared.clone(), self.id);
        match shared.table().as_mut().and_then(|open| open.get_mut(&id)) {
            // Answered, or the process is gone.
            None => return,
            Some(pending) => *pending = Pending::Cancelled,
        }
        let silent = Ended::Silent(format!("no result within {} ms after `cancel`", CANCEL_GRACE.as_millis()));
        let sent = shared.send(&Request::Cancel { id });
        match (sent, tokio::runtime::Handle::try_current()) {
            (Ok(()), Ok(runtime)) => drop(runtime.spawn(async move {
                let gone = ended(shared.ended.subscribe());
                if timeout(CANCEL_GRACE, gone).await.is_err() {
                    let waits = shared.table().as_ref().is_some_and(|open| open.contains_key(&id));
                    if waits {
                        shared.end(silent);
                    }
                }
            })),
            // It cannot be told, or nobody could see to it that it obeys.
            _ => shared.end(silent),
        }
    }
}

/// Sees to it that the process, and everything it started, ends when it should.
async fn supervise(shared: Arc<Shared>, mut child: Child, mut group: Group, mut reader: JoinHandle<()>) {
    let status = tokio::select! {
        () = shared.stop.cancelled() => None,
        status = child.wait() => status.ok(),
        // Without an output it is of no use. Most often it is about to end.
        _ = &mut reader => timeout(DRAIN, child.wait()).await.ok().and_then(Result::ok),
    };
    group.kill();
    if status.is_none() {
        // Where there are no groups this kills it; where there are, it waits.
        let gone = timeout(DRAIN, child.kill()).await;
        if !matches!(gone, Ok(Ok(()))) {
            tracing::error!(plugin = %shared.plugin, instance = shared.instance, "a killed plugin is still there");
        }
    }
    if !reader.is_finished() {
        // What it wrote last may be a result. Nothing can be added to it any more.
        let _ = timeout(DRAIN, &mut reader).await;
        reader.abort();
    }
    let why = shared.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
    shared.stop.cancel();
    shared.close(why.unwrap_or_else(|| match status {
        Some(status) => Ended::Exited(told(status)),
        None => Ended::Broke("it closed its standard output".into()),
    }));
}

/// `exit status: 1`; for the shell's own codes what they mean.
fn told(status: ExitStatus) -> String {
    match status.code() {
        Some(126) => "exit status 126: the program of `command` cannot be executed".into(),
        Some(127) => "exit status 127: the program of `command` was not found".into(),
        _ => status.to_string(),
    }
}
