//! Which run an entry belongs to, and who wants to know.

use if_schemas::{Body, Command, CommandId, Entry, Kind, Payload, ResultEvent, RunChange};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;

/// Entries of one run that its driver may be behind; more, and it reads the log anew.
const NEWS_MAX: usize = 1_024;

/// One entry of a run, as it went by.
pub struct News {
    pub entry: Entry,
    pub payload: Option<Payload>,
}

/// Runs that are carried out here, and their commands under way. Bounded by the limits of runs and their steps.
#[derive(Default)]
pub struct Routes(Mutex<Table>);

#[derive(Default)]
struct Table {
    runs: HashMap<CommandId, Listener>,
    commands: HashMap<CommandId, CommandId>,
}

/// Who carries a run out.
struct Listener {
    news: mpsc::Sender<News>,
    /// It has read the log.
    reads: bool,
    /// Index of the newest entry it was told or has read.
    told: u64,
    /// Index of an entry that it should know by now.
    due: u64,
}

impl Routes {
    /// Everything about the run from now on. The channel ends where something was missed.
    pub fn open(&self, run: CommandId) -> mpsc::Receiver<News> {
        let (news, told) = mpsc::channel(NEWS_MAX);
        self.lock().runs.insert(run, Listener { news, reads: false, told: 0, due: 0 });
        told
    }

    /// Its entries up to this index were read in the log.
    pub fn has_read(&self, run: &CommandId, index: u64) {
        if let Some(listener) = self.lock().runs.get_mut(run) {
            listener.told = listener.told.max(index);
            listener.reads = true;
        }
    }

    /// The log has entries of the run up to `newest`. If it had said so before and they have not come by since, they were
    /// missed: the channel ends.
    pub fn expect_up_to(&self, run: &CommandId, newest: u64) {
        let mut table = self.lock();
        // Who still reads the log may be behind for as long as that takes.
        let Some(listener) = table.runs.get_mut(run).filter(|listener| listener.reads) else { return };
        if listener.due <= listener.told {
            listener.due = newest;
            return;
        }
        tracing::warn!(%run, index = listener.due, "entries were missed: the run is read anew");
        table.runs.remove(run);
    }

    /// The end of this command is news of the run.
    pub fn expect(&self, command: CommandId, run: CommandId) {
        self.lock().commands.insert(command, run);
    }

    pub fn close(&self, run: &CommandId) {
        let mut table = self.lock();
        table.runs.remove(run);
        table.commands.retain(|_, of| of != run);
    }

    /// Something was missed by all.
    pub fn forget(&self) {
        self.lock().runs.clear();
    }

    /// The run that the entry is news of, if it is carried out here.
    pub fn of(&self, entry: &Entry) -> Option<CommandId> {
        let mut table = self.lock();
        let run = match &entry.body {
            Body::Run { envelope, .. } => envelope.read_unverified::<RunChange>().ok()?.run(),
            Body::Lease { run } | Body::RunOver { run, .. } => *run,
            Body::Admitted { envelope, .. } => {
                let command: Command = envelope.read_unverified().ok()?;
                let run = command.run.as_ref()?.run;
                table.commands.insert(command.id, run);
                run
            }
            Body::Rejected { envelope, .. } => match envelope.kind() {
                Kind::Command => envelope.read_unverified::<Command>().ok()?.run.as_ref()?.run,
                Kind::Run => envelope.read_unverified::<RunChange>().ok()?.run(),
                _ => return None,
            },
            Body::Completed { envelope, .. } => {
                table.commands.remove(&envelope.read_unverified::<ResultEvent>().ok()?.command)?
            }
            Body::Unresolved { command, .. } => table.commands.remove(command)?,
            _ => return None,
        };
        table.runs.contains_key(&run).then_some(run)
    }

    pub fn tell(&self, run: CommandId, entry: Entry, payload: Option<Payload>) {
        let mut table = self.lock();
        let sent = table.runs.get_mut(&run).map(|listener| {
            listener.told = listener.told.max(entry.index);
            listener.news.try_send(News { entry, payload }).is_ok()
        });
        if sent == Some(false) {
            // Its channel ends, so it reads the log anew.
            table.runs.remove(&run);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The command or change that an entry logs; none where it logs the end of one, or a word of the broker.
pub fn id_of(entry: &Entry) -> Option<CommandId> {
    let envelope = match &entry.body {
        Body::Admitted { envelope, .. } | Body::Rejected { envelope, .. } | Body::Run { envelope, .. } => envelope,
        _ => return None,
    };
    match envelope.kind() {
        Kind::Command => envelope.read_unverified::<Command>().ok().map(|c| c.id),
        Kind::Run => envelope.read_unverified::<RunChange>().ok().map(|c| c.id),
        _ => None,
    }
}
