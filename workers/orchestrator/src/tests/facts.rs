//! Facts from entries of the log.

use super::kit::*;
use crate::{Fact, What, command_id};
use if_schemas::{
    Code, Command, Effect, Entry, Envelope, Hash, Money, Outcome, Payload, Reject, ResultEvent, RunChange, RunOp, Salt,
    Settlement, SigningKey, Status, Timestamp, TraceId,
    entry::Body,
    outcome::Failure,
    plan::Phase,
    run::{Note, StepRef, Vote},
};
use serde_json::json;

fn key() -> SigningKey {
    SigningKey::from_seed(&[3; 32])
}

fn command() -> Command {
    let plan = plan(1, vec![step("a", &[]), step("b", &[])]);
    let tree = plan.tree().unwrap();
    let path = tree.find(1, Phase::Do, 0).unwrap().1.clone();
    let run = StepRef { run: run_id(), step: 1, phase: Phase::Do, way: 0, open: false, guard: None, path };
    Command {
        id: command_id(run_id(), 1, Phase::Do, 0),
        trace: TraceId::from_bytes([1; 16]),
        issued_at: Timestamp(START),
        deadline: Timestamp(START + SECOND),
        operation: "vmix.cut".parse().unwrap(),
        provider: "vmix".parse().unwrap(),
        instance: "a".parse().unwrap(),
        effect: Effect::Idempotent,
        dry_run: false,
        session: None,
        payload: Hash::ZERO,
        run: Some(Box::new(run)),
    }
}

fn fact(body: Body, payload: Option<&Payload>) -> Option<What> {
    let entry = Entry::new(4, Hash::ZERO, Timestamp(START), body);
    let fact = Fact::of_entry(&entry, run_id(), payload).unwrap()?;
    assert_eq!(fact.at, Timestamp(START));
    Some(fact.what)
}

fn admitted(command: &Command) -> Body {
    let envelope = Envelope::seal(command, &key()).unwrap();
    Body::Admitted { envelope, worker: "node".parse().unwrap(), reserved: Money::FREE, quote: None }
}

#[test]
fn commands_of_the_run_and_no_others() {
    let mine = command();
    let expected = What::Admitted { step: 1, phase: Phase::Do, command: mine.id };
    assert_eq!(fact(admitted(&mine), None), Some(expected));
    assert_eq!(fact(admitted(&Command { run: None, ..mine.clone() }), None), None);
    let other = StepRef { run: command_id(run_id(), 0, Phase::Do, 9), ..*mine.run.clone().unwrap() };
    assert_eq!(fact(admitted(&Command { run: Some(Box::new(other)), ..mine }), None), None);
}

#[test]
fn refusals_of_commands_and_of_notes() {
    let mine = command();
    let reject = Reject::new(Code::NoWorker, "nobody");
    let refused = Body::Rejected { envelope: Envelope::seal(&mine, &key()).unwrap(), reject: reject.clone() };
    let expected = What::Refused { step: 1, phase: Phase::Do, command: mine.id, reject: reject.clone() };
    assert_eq!(fact(refused, None), Some(expected));
    let note = change(RunOp::Note { run: run_id(), after: 0, note: Note::AwaitsApproval { step: 0 } });
    let refused = Body::Rejected { envelope: Envelope::seal(&note, &key()).unwrap(), reject };
    assert_eq!(fact(refused, None), Some(What::NoteRefused));
}

fn result(status: Status) -> Body {
    let result = ResultEvent {
        command: command().id,
        entry: Hash::ZERO,
        status,
        started_at: Timestamp(START),
        finished_at: Timestamp(START),
        attempt: 1,
        simulated: false,
        cost: Money::FREE,
        price_table: None,
        usage: None,
        payload: Hash::ZERO,
        route: None,
    };
    let settlement = Settlement { posted: Money::FREE, voided: Money::FREE };
    Body::Completed { envelope: Envelope::seal(&result, &key()).unwrap(), settlement }
}

#[test]
fn results_with_and_without_their_payload() {
    let of = |status, payload: Option<Outcome>| {
        let payload = payload.map(|outcome| Payload::new(&outcome, Salt([0; 16])).unwrap());
        match fact(result(status), payload.as_ref()) {
            Some(What::Settled { result, text, .. }) => (result, text),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(of(Status::Succeeded, Some(Outcome::Result(json!({"n": 1})))), (Some(json!({"n": 1})), String::new()));
    let failure = Failure { code: "offline".into(), message: "it is off".into(), hint: None };
    assert_eq!(of(Status::Failed, Some(Outcome::Error(failure))), (None, "it is off (offline)".into()));
    assert_eq!(of(Status::Failed, None), (None, "failed, its details are not there".into()));
    let settlement = Settlement { posted: Money::FREE, voided: Money::FREE };
    let command = command().id;
    let body = Body::Unresolved { command, status: Status::Indeterminate, reason: "no result".into(), settlement };
    let expected = What::Settled {
        command,
        status: Status::Indeterminate,
        result: None,
        text: "no result".into(),
        cost: Money::FREE,
    };
    assert_eq!(fact(body, None), Some(expected));
}

fn change(op: RunOp) -> RunChange {
    let at = Timestamp(START);
    RunChange { id: run_id(), trace: TraceId::from_bytes([1; 16]), issued_at: at, deadline: at, op, payload: None }
}

#[test]
fn changes_of_the_run() {
    let ann = "ann".parse().unwrap();
    let of =
        |op, payload: Option<&Payload>| Fact::of_change(Timestamp(START), &change(op), &ann, payload).unwrap().what;
    let run = run_id();
    assert_eq!(of(RunOp::Start(order(&plan(1, Vec::new()))), None), What::Started);
    assert_eq!(of(RunOp::Cancel { run, rollback: true }, None), What::Cancelled { rollback: true });
    assert_eq!(of(RunOp::Resume { run }, None), What::Resumed);
    assert_eq!(of(RunOp::Rollback { run }, None), What::RollbackAsked);
    let vote = Vote { run, step: 2, leaf: Hash::ZERO, approve: true };
    assert_eq!(
        of(RunOp::Vote(vote), None),
        What::Voted { guardian: ann.clone(), step: 2, leaf: Hash::ZERO, approve: true }
    );
    let recorded = facts(&[("x", json!(1))]);
    let payload = Payload::new(&recorded, Salt([0; 16])).unwrap();
    let note = Note::Recorded { step: 2 };
    let expected = What::Noted { note: note.clone(), facts: Some(recorded) };
    assert_eq!(of(RunOp::Note { run, after: 0, note }, Some(&payload)), expected);
}

#[test]
fn ids_follow_from_what_they_name() {
    let ids = [(1, Phase::Do, 0), (1, Phase::Do, 1), (1, Phase::Undo, 0), (2, Phase::Do, 0)]
        .map(|(step, phase, number)| command_id(run_id(), step, phase, number));
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
    assert!(ids.iter().all(|id| id.as_bytes()[..6] == run_id().as_bytes()[..6] && id.as_bytes()[6] >> 4 == 7));
}

#[test]
fn what_is_not_of_this_run_changes_nothing() {
    let mut play = Play::new(1, vec![step("a", &[])]);
    let before = play.next();
    let stranger = command_id(run_id(), 7, Phase::Do, 0);
    play.fact(What::Admitted { step: 7, phase: Phase::Do, command: stranger });
    play.settle(stranger, Status::Succeeded, "");
    play.fact(What::Noted {
        note: Note::Ended { step: 9, ended: if_schemas::plan::Ended::Failed, text: String::new() },
        facts: None,
    });
    assert_eq!(play.next(), before);
}
