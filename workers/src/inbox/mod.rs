//! The inbox: what makes execution at most once although work is delivered at least once.
//!
//! Crash argument. A `once` effect begins only after its `Started` record is synced, so after any crash the journal
//! holds `Started` for every effect that may have happened. A command with `Started` and no `Finished` from an earlier
//! process is answered `indeterminate` and never begun again. Commands are remembered until a minute after their
//! deadline; later than that nothing is executed because the deadline itself forbids it.

pub mod frame;
pub mod table;
mod writer;

pub use table::{Begin, Finished, Record, Started};
pub use writer::Until;

use if_schemas::{CommandId, Timestamp, codec};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use table::Table;
use tokio::sync::{mpsc, oneshot};
use writer::{Append, Writer};

/// Longest wait for the worker before this one to let go of the inbox.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Pause between two attempts to get the lock.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// Largest journal read at start-up, bytes.
const FILE_MAX_BYTES: u64 = 4 * table::LIVE_BYTES_MAX;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    #[error("cannot {action} the inbox journal {path}: {why}")]
    Io { path: PathBuf, action: &'static str, why: String },
    #[error("another worker uses {0}; stop it first, or give this one a home directory of its own")]
    InUse(PathBuf),
    #[error("a record of the inbox cannot be encoded: {0}")]
    Encode(String),
    #[error("a record of the inbox is larger than {} bytes", frame::RECORD_MAX_BYTES)]
    TooLarge,
    #[error("the operating system gives no random numbers")]
    Random,
    #[error("the inbox is closed")]
    Closed,
}

impl InboxError {
    fn io(path: &Path, action: &'static str, e: &io::Error) -> Self {
        Self::Io { path: path.into(), action, why: e.to_string() }
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    table: Arc<Mutex<Table>>,
    salt: frame::Salt,
    queue: mpsc::Sender<Append>,
    /// Held for as long as the inbox lives; the operating system releases it when the process dies.
    _lock: Arc<File>,
}

impl Inbox {
    /// Opens `dir/inbox.journal`, making it if needed. Whole records before and after damage are kept. Blocks.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, InboxError> {
        fs::create_dir_all(dir).map_err(|e| InboxError::io(dir, "make the directory of", &e))?;
        let lock = lock(dir)?;
        let path = dir.join("inbox.journal");
        let table = Arc::new(Mutex::new(read(&path, now)?));
        let mut salt = [0; frame::SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| InboxError::Random)?;
        let writer = Writer::create(&path, salt, table.clone())?;
        Self::with(writer, table, salt, lock)
    }

    fn with(writer: Writer, table: Arc<Mutex<Table>>, salt: frame::Salt, lock: File) -> Result<Self, InboxError> {
        let (queue, receiver) = mpsc::channel(writer::QUEUE);
        let spawned = std::thread::Builder::new().name("inbox".into()).spawn(move || writer.run(receiver));
        spawned.map_err(|e| InboxError::io(Path::new("inbox.journal"), "start the writer of", &e))?;
        Ok(Self { table, salt, queue, _lock: lock.into() })
    }

    /// Decides about a delivery. After `Execute` the caller must end with [`Inbox::finished`] or [`Inbox::forget`].
    pub fn begin(&self, command: CommandId, deadline: Timestamp, delivered: u32, now: Timestamp) -> Begin {
        let mut table = self.table();
        table.expire(now);
        table.begin(command, deadline, delivered)
    }

    pub fn forget(&self, command: CommandId) {
        self.table().forget(command);
    }

    /// Records that execution is about to begin. For a `once` or paid command this returns when the record is synced, and an
    /// error means: do not execute. For other effects nothing depends on the record, and nothing is waited for.
    pub async fn started(&self, started: Started) -> Result<(), InboxError> {
        let once = started.runs_once();
        let until = once.then_some(Until::Synced);
        self.record(&Record::Started(started.into()), once, until).await
    }

    /// Records a result. That of a `once` effect is synced soon, and this returns when it is written, so that the result
    /// sent next is the one that is sent again if this process dies. Another effect would be executed again: nothing
    /// waits for its record.
    pub async fn finished(&self, finished: Arc<Finished>, once: bool) -> Result<(), InboxError> {
        self.record(&Record::Finished(finished), once, once.then_some(Until::Written)).await
    }

    /// Records that the broker has the result.
    pub async fn acked(&self, command: CommandId, deadline: Timestamp) -> Result<(), InboxError> {
        self.record(&Record::Acked { command, deadline }, false, None).await
    }

    /// `once` and paid commands an earlier process began and did not finish. The caller makes their results.
    pub fn take_interrupted(&self) -> Vec<Arc<Started>> {
        self.table().take_interrupted()
    }

    /// Results the broker may not know yet.
    pub fn unreported(&self) -> Vec<Arc<Finished>> {
        self.table().unreported()
    }

    /// Commands remembered, and those of them being worked on.
    pub fn counts(&self) -> (usize, usize) {
        let table = self.table();
        (table.remembered(), table.running())
    }

    async fn record(&self, record: &Record, sync: bool, wait: Option<Until>) -> Result<(), InboxError> {
        let bytes = codec::encode("inbox record", record).map_err(|e| InboxError::Encode(e.to_string()))?;
        let mut framed = Vec::with_capacity(bytes.len() + frame::FRAME_BYTES);
        frame::write(&mut framed, &self.salt, &bytes).ok_or(InboxError::TooLarge)?;
        self.table().note(record, framed.len() as u64);
        let (done, answer) = oneshot::channel();
        let until = wait.unwrap_or(Until::Written);
        let append = Append { frame: framed, until, sync, done: wait.is_some().then_some(done) };
        if wait.is_none() {
            return match self.queue.try_send(append) {
                // The table has it, which is what counts while this process lives.
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => Err(InboxError::Closed),
            };
        }
        self.queue.send(append).await.map_err(|_| InboxError::Closed)?;
        answer.await.map_err(|_| InboxError::Closed)?
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A table whose lock was held by a panicking thread is still whole: no update of it can be half done.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only one worker at a time. One that is just ending, or a command it is just starting, may hold the lock a moment
/// longer.
fn lock(dir: &Path) -> Result<File, InboxError> {
    let path = dir.join("inbox.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| InboxError::io(&path, "open the lock of", &e))?;
    let give_up = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < give_up => std::thread::sleep(LOCK_RETRY),
            Err(fs::TryLockError::WouldBlock) => return Err(InboxError::InUse(dir.into())),
            Err(fs::TryLockError::Error(e)) => return Err(InboxError::io(&path, "lock", &e)),
        }
    }
}

fn read(path: &Path, now: Timestamp) -> Result<Table, InboxError> {
    let bytes = match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Table::default()),
        Err(e) => return Err(InboxError::io(path, "open", &e)),
        Ok(meta) if meta.len() > FILE_MAX_BYTES => {
            let why = format!("it is {} bytes, the limit is {FILE_MAX_BYTES}; move it away to begin anew", meta.len());
            return Err(InboxError::Io { path: path.into(), action: "read", why });
        }
        Ok(_) => fs::read(path).map_err(|e| InboxError::io(path, "read", &e))?,
    };
    let scan = frame::scan(&bytes);
    if scan.damaged > 0 {
        tracing::warn!(journal = %path.display(), bytes = scan.damaged, "dropped a damaged part of the inbox journal");
    }
    let mut table = Table::default();
    for record in &scan.records {
        match codec::decode::<Record>("inbox record", record) {
            Ok(decoded) => table.replay(&decoded, (record.len() + frame::FRAME_BYTES) as u64),
            // It may be the one that says that a charge was begun.
            Err(e) => {
                let why = format!(
                    "another version wrote it ({e}); start that version, or move the file away once nothing is pending"
                );
                return Err(InboxError::Io { path: path.into(), action: "read", why });
            }
        }
    }
    table.expire(now);
    Ok(table)
}

#[cfg(test)]
mod tests;
