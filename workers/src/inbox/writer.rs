//! The one thread that writes the journal. What waits is written together and synced together.

use super::{
    InboxError,
    frame::{self, HEADER_BYTES, Salt},
    table::{DEAD_BYTES_MAX, Table},
};
use if_schemas::codec;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{mpsc, oneshot};

/// Records waiting to be written; who wants to write more waits.
pub const QUEUE: usize = 4_096;
/// Most records written and synced together.
const BATCH: usize = 512;

/// How far a record must have come before its writer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// With the operating system: survives the end of this process.
    Written,
    /// On the disk: survives power loss.
    Synced,
}

pub struct Append {
    pub frame: Vec<u8>,
    pub until: Until,
    /// Sync it, even if nobody waits for that.
    pub sync: bool,
    pub done: Option<oneshot::Sender<Result<(), InboxError>>>,
}

pub struct Writer {
    path: PathBuf,
    salt: Salt,
    table: Arc<Mutex<Table>>,
    file: File,
    /// Length up to which the file is known to hold whole frames.
    length: u64,
    /// After a failed write or sync nobody knows what the file holds: it is written anew before anything else.
    broken: bool,
    /// Length before which no compaction is tried again after one failed.
    compact_from: u64,
}

impl Writer {
    /// Starts with a journal rewritten from `table`: whatever was torn or dead in the old one is gone.
    pub fn create(path: &Path, salt: Salt, table: Arc<Mutex<Table>>) -> Result<Self, InboxError> {
        let (file, length) = rewrite(path, &salt, &table)?;
        Ok(Self { path: path.into(), salt, table, file, length, broken: false, compact_from: 0 })
    }

    /// One whose file cannot be written.
    #[cfg(test)]
    pub fn read_only(path: &Path, salt: Salt, table: Arc<Mutex<Table>>) -> Self {
        let file = File::open(path).unwrap();
        Self { path: path.into(), salt, table, file, length: 0, broken: false, compact_from: 0 }
    }

    #[cfg(test)]
    pub fn move_to(&mut self, path: &Path) {
        self.path = path.into();
    }

    /// Writes until the queue closes.
    pub fn run(mut self, mut queue: mpsc::Receiver<Append>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = queue.blocking_recv() {
            batch.push(first);
            while batch.len() < BATCH {
                let Ok(next) = queue.try_recv() else { break };
                batch.push(next);
            }
            self.write_batch(&mut batch);
            self.compact();
        }
    }

    fn write_batch(&mut self, batch: &mut Vec<Append>) {
        let written = self.append(batch);
        let sync = batch.iter().any(|a| a.sync);
        for append in batch.iter_mut().filter(|a| a.until == Until::Written || written.is_err()) {
            answer(append, &written);
        }
        if written.is_ok() && sync {
            let synced = self.file.sync_data().map_err(|e| self.failed("sync", &e));
            batch.iter_mut().for_each(|append| answer(append, &synced));
        }
        batch.clear();
    }

    fn append(&mut self, batch: &[Append]) -> Result<(), InboxError> {
        if self.broken {
            // Everything that counts is in the table, the records of this batch included.
            let (file, length) = rewrite(&self.path, &self.salt, &self.table)?;
            (self.file, self.length, self.broken) = (file, length, false);
            tracing::info!(journal = %self.path.display(), "the inbox journal is written again");
        }
        let bytes: Vec<u8> = batch.iter().flat_map(|a| a.frame.iter().copied()).collect();
        let mut file = &self.file;
        file.write_all(&bytes).map_err(|e| self.failed("write", &e))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn compact(&mut self) {
        let live = self.table.lock().unwrap_or_else(PoisonError::into_inner).live_bytes();
        let dead = self.length.saturating_sub(live + HEADER_BYTES as u64);
        if self.broken || dead <= DEAD_BYTES_MAX.max(live) || self.length < self.compact_from {
            return;
        }
        match rewrite(&self.path, &self.salt, &self.table) {
            Ok((file, length)) => (self.file, self.length) = (file, length),
            // The old file is still there and whole; it merely stays long.
            Err(error) => {
                tracing::warn!(%error, "the inbox journal could not be compacted");
                self.compact_from = self.length + DEAD_BYTES_MAX;
            }
        }
    }

    fn failed(&mut self, action: &'static str, e: &io::Error) -> InboxError {
        self.broken = true;
        let error = InboxError::io(&self.path, action, e);
        tracing::error!(%error, "work that must not run twice is refused until the journal can be written");
        error
    }
}

fn answer(append: &mut Append, result: &Result<(), InboxError>) {
    if let Some(done) = append.done.take() {
        // The waiter may have been stopped.
        let _ = done.send(result.clone());
    }
}

/// Writes all live records to a new file, syncs it and puts it in the place of the old one.
fn rewrite(path: &Path, salt: &Salt, table: &Mutex<Table>) -> Result<(File, u64), InboxError> {
    let records = table.lock().unwrap_or_else(PoisonError::into_inner).live();
    let mut bytes = frame::header(salt);
    for record in &records {
        let record = codec::encode("inbox record", record).map_err(|e| InboxError::Encode(e.to_string()))?;
        frame::write(&mut bytes, salt, &record).ok_or(InboxError::TooLarge)?;
    }
    let temporary = path.with_extension("new");
    let io = |action: &'static str| move |e: io::Error| InboxError::io(path, action, &e);
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary).map_err(io("create"))?;
    file.write_all(&bytes).map_err(io("write"))?;
    file.sync_all().map_err(io("sync"))?;
    fs::rename(&temporary, path).map_err(io("replace"))?;
    sync_dir(path).map_err(io("sync the directory of"))?;
    file.seek(SeekFrom::End(0)).map_err(io("seek in"))?;
    Ok((file, bytes.len() as u64))
}

#[cfg(unix)]
fn sync_dir(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// Directories cannot be synced elsewhere; the file system orders renames itself.
#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
