//! One phase of one step: forward, or back.

use if_schemas::{CommandId, Effect, Status, Timestamp};

/// Longest pause between two attempts, milliseconds: doubling stops there.
const PAUSE_MAX_MS: u64 = 3_600_000;

/// Milliseconds as microseconds.
pub(crate) fn us(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000)
}

/// Where a phase of a step is. `E`: how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage<E> {
    /// Others come first, or the run begins nothing.
    Pending,
    /// Waits for a place.
    Queued,
    /// Waits for guardians, without a place.
    Awaiting,
    /// Has a place; no command of it is in the log.
    Begun,
    /// A command is in flight.
    Running,
    /// An attempt failed; the next is at that time.
    Pausing(Timestamp),
    /// The command is over; by that time a state must be seen.
    Looking(Timestamp),
    Over(E),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line<E> {
    pub stage: Stage<E>,
    /// Of the stage.
    pub since: Timestamp,
    pub began: Option<Timestamp>,
    /// Steps that are not over and come before this phase of it.
    pub waits: u32,
    /// Every command of the phase that is in the log.
    pub ids: Vec<CommandId>,
    pub flights: Vec<CommandId>,
    /// Attempts since the step, or the run, began or was resumed.
    pub tries: u32,
    /// The best that is known of the commands of this attempt.
    pub best: Option<Status>,
    /// A command of it succeeded, or may have.
    pub doubt: bool,
    /// A command of it succeeded.
    pub sure: bool,
    pub text: String,
}

impl<E> Default for Line<E> {
    fn default() -> Self {
        Self {
            stage: Stage::Pending,
            since: Timestamp::default(),
            began: None,
            waits: 0,
            ids: Vec::new(),
            flights: Vec::new(),
            tries: 0,
            best: None,
            doubt: false,
            sure: false,
            text: String::new(),
        }
    }
}

/// How a phase deals with what becomes of its command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub effect: Effect,
    pub retries: u16,
    pub pause_ms: u64,
    /// How long a state is waited for after it; none where nothing has to be seen.
    pub look_ms: Option<u64>,
}

/// What follows from the end of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Look(Timestamp),
    Pause(Timestamp),
    Good,
    Bad,
    /// Nobody knows.
    Unknown,
}

impl Rule {
    /// May another attempt be made after `tries`, where one may have happened already (`doubt`)?
    pub fn repeats(&self, tries: u32, doubt: bool) -> bool {
        tries <= u32::from(self.retries) && !(self.effect == Effect::Once && doubt)
    }

    /// Pause after attempt number `tries`, microseconds.
    pub fn pause_us(&self, tries: u32) -> i64 {
        let factor = 1_u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX);
        us(self.pause_ms.saturating_mul(factor).min(PAUSE_MAX_MS))
    }
}

impl<E> Line<E> {
    pub fn go(&mut self, stage: Stage<E>, at: Timestamp) {
        self.stage = stage;
        self.since = at;
    }

    pub fn admit(&mut self, command: CommandId, at: Timestamp) {
        if self.flights.is_empty() {
            self.best = None;
        }
        if !self.ids.contains(&command) {
            self.ids.push(command);
            self.tries = self.tries.saturating_add(1);
        }
        self.flights.push(command);
        self.began.get_or_insert(at);
        self.go(Stage::Running, at);
    }

    /// A command was refused. Gives the number of attempts, and whether one may have happened; none where nobody waits for
    /// this command: it was sent again after a kill and the first is there already, or the phase has gone on without it.
    /// `counts`: it is an attempt at all.
    pub fn refuse(&mut self, command: CommandId, counts: bool) -> Option<(u32, bool)> {
        if self.ids.contains(&command) {
            return None;
        }
        self.ids.push(command);
        if !counts || !matches!(self.stage, Stage::Begun | Stage::Pausing(_) | Stage::Looking(_)) {
            return None;
        }
        self.tries = self.tries.saturating_add(1);
        Some((self.tries, self.doubt))
    }

    /// The result of one command; none while another is still in flight.
    pub fn settle(&mut self, command: CommandId, status: Status, rule: &Rule, at: Timestamp) -> Option<Verdict> {
        self.flights.retain(|flight| *flight != command);
        self.doubt |= matches!(status, Status::Succeeded | Status::Indeterminate);
        self.sure |= status == Status::Succeeded;
        self.best = Some(match (self.best, status) {
            (Some(Status::Succeeded), _) | (_, Status::Succeeded) => Status::Succeeded,
            (Some(Status::Indeterminate), _) | (_, Status::Indeterminate) => Status::Indeterminate,
            _ => status,
        });
        let best = self.best.filter(|_| self.flights.is_empty())?;
        Some(self.verdict(best, rule, at))
    }

    fn verdict(&self, best: Status, rule: &Rule, at: Timestamp) -> Verdict {
        let unknown = best == Status::Indeterminate;
        if let Some(ms) = rule.look_ms.filter(|_| unknown || best == Status::Succeeded) {
            return Verdict::Look(at.saturating_add_us(us(ms)));
        }
        if best == Status::Succeeded {
            return Verdict::Good;
        }
        if rule.repeats(self.tries, self.doubt) {
            return Verdict::Pause(at.saturating_add_us(rule.pause_us(self.tries)));
        }
        if unknown { Verdict::Unknown } else { Verdict::Bad }
    }
}

pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
