//! Changes of runs: who may make them, and what they do.

use super::{
    Run, Runs, Standing,
    run::{Cast, Held},
};
use if_schemas::{
    Code, CommandId, Envelope, KeyId, Member, Order, Reject, Role, RunChange, RunOp, Timestamp, Trust,
    limits::RUN_LIFE_MAX_US,
    plan::Phase,
    run::{Note, OnConflict, Outcome, Vote},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Most votes of one guardian that a run keeps. Each has a number of its own: nobody can use up those of another.
const VOTES_MAX: usize = 1_024;

impl Runs {
    /// May `signer` make this change at `at`?
    pub(crate) fn check(&self, trust: &Trust, signer: &KeyId, change: &RunChange, at: Timestamp) -> Result<(), Reject> {
        change.check()?;
        let standing = trust.standing(signer);
        let unknown = || Reject::new(Code::UnknownKey, format!("no member has the key {signer}"));
        let member = trust.active(standing.ok_or_else(unknown)?)?;
        if let RunOp::Start(order) = &change.op {
            return self.check_start(trust, member, order, at);
        }
        let run = self.known(&change.run())?;
        if change.trace != run.trace {
            return Err(bad("its trace is not that of the run"));
        }
        if let RunOp::Note { note, after, .. } = &change.op {
            if *after < run.turned {
                return Err(bad(format!(
                    "it was written before entry {}, which changed where the run goes",
                    run.turned
                )));
            }
            return check_note(run, signer, note);
        }
        if let RunOp::Vote(vote) = &change.op {
            return check_vote(run, member, vote);
        }
        if *signer != run.operator && member.role != Role::Admin {
            return Err(Reject::new(Code::NotAllowed, format!("the run {} is not {}'s", change.run(), member.name))
                .hint("ask who ordered it, or an admin"));
        }
        match (&change.op, run.standing) {
            (RunOp::Cancel { .. }, Standing::Ended { .. }) => Err(not_going(change, run)),
            (RunOp::Cancel { rollback, .. }, _) if run.cancelled && run.rollback == *rollback => {
                Err(bad("it is cancelled already"))
            }
            (RunOp::Resume { .. } | RunOp::Rollback { .. }, Standing::Ended { outcome, .. }) => {
                self.check_again(run, &change.op, outcome, at)
            }
            (RunOp::Resume { .. } | RunOp::Rollback { .. }, _) => Err(bad("it has not ended")
                .hint("`ifctl bus run cancel RUN --rollback` ends and undoes a run that goes on")),
            _ => Ok(()),
        }
    }

    fn check_start(&self, trust: &Trust, member: &Member, order: &Order, at: Timestamp) -> Result<(), Reject> {
        if !matches!(member.role, Role::Admin | Role::Operator) {
            return Err(Reject::new(Code::NotAllowed, format!("a {} orders no runs", member.role.as_str())));
        }
        if let Some(cause) = &order.cause {
            cause.check()?;
        }
        // Who may do nothing to an instance must not be able to keep others from it.
        if let Some(target) = order.writes.iter().find(|t| !member.may_send_some(&t.provider, &t.instance)) {
            return Err(Reject::new(Code::NotAllowed, format!("{} may do nothing to {target}", member.name))
                .hint(format!("an admin grants it with `--allow 'OPERATION@{target}'`")));
        }
        let delegate = trust.standing(&order.delegate).filter(|s| s.is_active() && s.member.role == Role::Worker);
        if delegate.is_none() {
            return Err(bad(format!("no active worker has the key {}, which is to carry it out", order.delegate))
                .hint("see `ifctl node list`"));
        }
        let life = order.until.since_us(at);
        if !(1..=RUN_LIFE_MAX_US).contains(&life) {
            return Err(bad("it must end between now and 7 days").hint("use --within"));
        }
        let others = self.conflicting(&order.writes);
        if let (OnConflict::Refuse, Some(other)) = (order.on_conflict, others.first()) {
            return Err(Reject::new(Code::RunConflict, format!("the run {other} writes to the same"))
                .hint("wait for it (--on-conflict wait), or stop it (--on-conflict preempt)"));
        }
        self.check_room()
    }

    /// May an ended run go on, forward or back?
    fn check_again(&self, run: &Run, op: &RunOp, outcome: Outcome, at: Timestamp) -> Result<(), Reject> {
        if at > run.order.until {
            return Err(bad("its time is over").hint("order it anew"));
        }
        let resume = matches!(op, RunOp::Resume { .. });
        if resume && (run.phase == Phase::Undo || outcome == Outcome::Succeeded) {
            return Err(bad(format!("it cannot go on: {}", outcome.as_str())).hint("order it anew"));
        }
        if !resume && outcome == Outcome::RolledBack {
            return Err(bad("it is undone already"));
        }
        Ok(())
    }

    /// Applies a change that [`Runs::check`] allowed. Gives back what was held and is free again.
    pub(crate) fn apply(
        &mut self,
        trust: &Trust,
        envelope: &Envelope,
        change: &RunChange,
        held: BTreeMap<u32, Held>,
        (index, at): (u64, Timestamp),
    ) -> Vec<Held> {
        if let RunOp::Start(order) = &change.op {
            self.start(envelope, change, order, held, (index, at));
            return Vec::new();
        }
        let Some(run) = self.changing(&change.run(), index) else { return Vec::new() };
        match &change.op {
            RunOp::Start(_) => {}
            RunOp::Cancel { rollback, .. } => {
                run.cancelled = true;
                run.rollback = *rollback;
                run.turned = index;
                let began = run.standing == Standing::Going || run.phase == Phase::Undo || !run.marks.is_empty();
                // Who was to carry it out may not even say that it is over.
                let deserted = !trust.standing(&run.order.delegate).is_some_and(|s| s.is_active());
                if !began || deserted {
                    return run.end(Outcome::Cancelled, at);
                }
            }
            RunOp::Resume { .. } | RunOp::Rollback { .. } => {
                if matches!(change.op, RunOp::Rollback { .. }) {
                    run.phase = Phase::Undo;
                }
                run.cancelled = false;
                run.rollback = false;
                run.preempted_by = None;
                (run.explained, run.undoing) = (false, false);
                run.turned = index;
                run.over.clear();
                run.standing = first_standing(&run.order, index);
            }
            RunOp::Note { note, .. } => match note {
                Note::Undoing { .. } => {
                    (run.phase, run.undoing) = (Phase::Undo, true);
                    run.turned = index;
                }
                Note::AwaitsApproval { step } => drop(run.awaiting.insert(*step, at)),
                Note::Ended { step, .. } => {
                    run.awaiting.remove(step);
                    run.over.insert((*step, Phase::Do));
                }
                Note::Undone { step, .. } => drop(run.over.insert((*step, Phase::Undo))),
                Note::Recorded { .. } => {}
                Note::Closed { outcome, .. } => {
                    run.explained = true;
                    return if run.has_ended() { Vec::new() } else { run.end(*outcome, at) };
                }
            },
            RunOp::Vote(vote) => {
                if let Ok(name) = trust.claimed_name(&envelope.key()) {
                    let cast = Cast { approve: vote.approve, at, key: envelope.key() };
                    run.votes.entry(vote.leaf).or_default().insert(name.clone(), cast);
                }
            }
        }
        Vec::new()
    }

    fn start(
        &mut self,
        envelope: &Envelope,
        change: &RunChange,
        order: &Order,
        held: BTreeMap<u32, Held>,
        (index, at): (u64, Timestamp),
    ) {
        if order.on_conflict == OnConflict::Preempt {
            for other in self.conflicting(&order.writes) {
                if let Some(run) = self.known_mut(&other).filter(|r| !r.has_ended()) {
                    run.preempted_by = Some(change.id);
                    run.turned = index;
                }
            }
        }
        self.make_room();
        let run = Run {
            index,
            started_at: at,
            operator: envelope.key(),
            trace: change.trace,
            ordered: envelope.clone(),
            order: order.clone(),
            phase: Phase::Do,
            standing: first_standing(order, index),
            preempted_by: None,
            explained: false,
            cancelled: false,
            rollback: false,
            marks: BTreeMap::new(),
            votes: BTreeMap::new(),
            held,
            undoing: false,
            over: BTreeSet::new(),
            turned: index,
            newest: index,
            awaiting: BTreeMap::new(),
            in_flight: 0,
            reserved_micros: 0,
            posted_micros: 0,
        };
        self.runs.insert(change.id, Arc::new(run));
    }

    /// The broker's own word: the run has what it writes to.
    pub(crate) fn check_lease(&self, id: &CommandId, at: Timestamp) -> Result<(), &'static str> {
        match self.grantable() {
            Some(next) if next == *id && self.ending(id, at).is_none() => Ok(()),
            _ => Err("a run that is not the next one goes on"),
        }
    }

    pub(crate) fn lease(&mut self, id: &CommandId, index: u64) {
        if let Some(run) = self.changing(id, index) {
            run.standing = Standing::Going;
        }
    }

    pub(crate) fn check_over(
        &self,
        id: &CommandId,
        how: (Outcome, Option<CommandId>),
        at: Timestamp,
    ) -> Result<(), &'static str> {
        if self.ending(id, at) == Some(how) { Ok(()) } else { Err("a run was ended before its time") }
    }

    pub(crate) fn over(&mut self, id: &CommandId, outcome: Outcome, (index, at): (u64, Timestamp)) -> Vec<Held> {
        self.changing(id, index).map(|run| run.end(outcome, at)).unwrap_or_default()
    }
}

/// What writes to nothing waits for nobody.
fn first_standing(order: &Order, index: u64) -> Standing {
    if order.writes.is_empty() { Standing::Going } else { Standing::Waiting { since: index } }
}

fn check_note(run: &Run, signer: &KeyId, note: &Note) -> Result<(), Reject> {
    if *signer != run.order.delegate {
        return Err(Reject::new(Code::NotAllowed, "only who carries the run out reports on it"));
    }
    // What a run that the broker ended had done is still to be said; one that waits may be cancelled.
    let may_close = if run.has_ended() { !run.explained } else { run.cancelled };
    let is_last_word = may_close && matches!(note, Note::Closed { .. });
    if run.standing != Standing::Going && !is_last_word {
        return Err(Reject::new(Code::RunNotGoing, "the run does not go on").hint("see `ifctl bus run show`"));
    }
    match note {
        Note::Closed { .. } if run.in_flight > 0 => Err(bad("commands of it are under way")),
        Note::Closed { outcome, .. } if !run.may_end_as(*outcome) => {
            Err(bad(format!("that is not how it ended: {}", outcome.as_str())))
        }
        Note::Undoing { .. } if run.undoing => Err(bad("it is being undone already")),
        Note::Undoing { .. } if run.cancelled && !run.rollback => Err(bad("it was cancelled, and not to be undone")),
        Note::Ended { step, .. }
        | Note::AwaitsApproval { step }
        | Note::Recorded { step }
        | Note::Undone { step, .. }
            if *step >= run.order.steps =>
        {
            Err(bad(format!("it has no step {step}")))
        }
        _ => Ok(()),
    }
}

fn check_vote(run: &Run, member: &Member, vote: &Vote) -> Result<(), Reject> {
    if !matches!(member.role, Role::Admin | Role::Operator) {
        return Err(Reject::new(Code::NotAllowed, format!("a {} is no guardian", member.role.as_str())));
    }
    if run.has_ended() {
        return Err(Reject::new(Code::RunNotGoing, "the run has ended"));
    }
    if vote.step >= run.order.steps {
        return Err(bad(format!("it has no step {}", vote.step)));
    }
    let has_voted = |votes: &BTreeMap<_, _>| votes.contains_key(&member.name);
    let is_new = !run.votes.get(&vote.leaf).is_some_and(has_voted);
    if is_new && run.votes.values().filter(|votes| has_voted(votes)).count() >= VOTES_MAX {
        return Err(bad(format!("{} voted {VOTES_MAX} times on the run already", member.name)));
    }
    Ok(())
}

fn not_going(change: &RunChange, run: &Run) -> Reject {
    let how = match run.standing {
        Standing::Ended { outcome, .. } => outcome.as_str(),
        _ => "waits",
    };
    Reject::new(Code::RunNotGoing, format!("the run {} has ended: {how}", change.run())).hint("see `ifctl bus runs`")
}

fn bad(text: impl Into<String>) -> Reject {
    Reject::new(Code::BadRunChange, text)
}
