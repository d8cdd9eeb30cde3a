//! Verifying a whole log on all cores: one thread replays, others check signatures, in batches, through bounded queues.

use super::{against::SavedHead, finder::Finder};
use crate::CliError;
use if_core::{Auditor, Damage, SignatureBatch};
use if_schemas::{Entry, Envelope, Head, query::RawEntry};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Batches waiting for a thread; the replay waits when it is full.
const BATCH_QUEUE: usize = 8;

/// A verification under way.
pub struct Audit {
    auditor: Auditor,
    checkers: Checkers,
    pub saved: Option<SavedHead>,
    pub finder: Option<Finder>,
}

/// What a finished verification proved.
pub struct Audited {
    pub auditor: Auditor,
    pub saved: Option<SavedHead>,
    pub finder: Option<Finder>,
}

impl Audit {
    pub fn new(saved: Option<SavedHead>, finder: Option<Finder>) -> Result<Self, CliError> {
        Ok(Self { auditor: Auditor::default(), checkers: Checkers::start()?, saved, finder })
    }

    /// Index of the next entry.
    pub fn next(&self) -> u64 {
        self.auditor.state().next()
    }

    /// Checks one entry. After an error nothing more may be pushed; [`Audit::finish`] says what was wrong first.
    pub fn push(&mut self, raw: &RawEntry) -> Result<(), Damage> {
        let index = self.next();
        self.auditor.push(&raw.entry, raw.payload.as_ref())?;
        if let Some(batch) = self.auditor.take_batch(false) {
            self.checkers.check(batch);
        }
        if let Some(saved) = &mut self.saved {
            saved.note(index, self.auditor.state().prev());
        }
        if let Some(finder) = &mut self.finder {
            let entry = Entry::decode(&raw.entry).map_err(|e| Damage { index, what: e.to_string() })?;
            finder.note(&entry, self.auditor.state().prev());
        }
        match self.checkers.found.load(Ordering::Relaxed) {
            true => Err(Damage { index: u64::MAX, what: "a signature checked meanwhile does not match".into() }),
            false => Ok(()),
        }
    }

    /// Waits for all signatures. `found` is what pushing found: the damage with the lowest index is the one to name.
    pub fn finish(mut self, found: Option<Damage>) -> Result<Audited, Damage> {
        if let Some(batch) = self.auditor.take_batch(true) {
            self.checkers.check(batch);
        }
        match self.checkers.join().into_iter().chain(found).min_by_key(|d| d.index) {
            Some(damage) => Err(damage),
            None => Ok(Audited { auditor: self.auditor, saved: self.saved, finder: self.finder }),
        }
    }
}

impl Audited {
    /// The signed head must be exactly where the log ends.
    pub fn check_head(&self, envelope: &Envelope) -> Result<Head, Damage> {
        self.auditor.check_head(envelope)
    }
}

struct Checkers {
    queue: Option<SyncSender<SignatureBatch>>,
    threads: Vec<JoinHandle<Option<Damage>>>,
    found: Arc<AtomicBool>,
}

impl Checkers {
    fn start() -> Result<Self, CliError> {
        let (queue, batches) = sync_channel(BATCH_QUEUE);
        let batches = Arc::new(Mutex::new(batches));
        let found = Arc::new(AtomicBool::new(false));
        let count = thread::available_parallelism().map_or(1, usize::from);
        let start = |number: usize| {
            let (batches, found) = (batches.clone(), found.clone());
            let thread = thread::Builder::new().name(format!("signatures-{number}"));
            thread
                .spawn(move || check_all(&batches, &found))
                .map_err(|e| CliError::io("a thread cannot be started", &e))
        };
        let threads = (0..count).map(start).collect::<Result<_, _>>()?;
        Ok(Self { queue: Some(queue), threads, found })
    }

    fn check(&self, batch: SignatureBatch) {
        if let Some(queue) = &self.queue {
            // Fails only once every thread has found damage, and then `found` says so.
            let _ = queue.send(batch);
        }
    }

    fn join(&mut self) -> Vec<Damage> {
        self.queue = None;
        let lost = || Damage { index: 0, what: "a checking thread panicked: nothing is proven".into() };
        self.threads.drain(..).filter_map(|t| t.join().unwrap_or_else(|_| Some(lost()))).collect()
    }
}

/// Checks batches until there are no more; the lowest damage found. Goes on after damage, to find the lowest.
fn check_all(batches: &Mutex<Receiver<SignatureBatch>>, found: &AtomicBool) -> Option<Damage> {
    let mut lowest: Option<Damage> = None;
    loop {
        let next = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = next else { return lowest };
        if let Err(damage) = batch.check() {
            found.store(true, Ordering::Relaxed);
            lowest = lowest.into_iter().chain([damage]).min_by_key(|d| d.index);
        }
    }
}
