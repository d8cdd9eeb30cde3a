//! What runs add to what every reader must accept. Nothing that was there before is another.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{Vector, alice, bob, broker, usd},
    runs::{change, dora, going, order, order_of, plan, plan_payload, runs, step_of},
    valid::{envelope, expect},
};
use if_schemas::{
    Hash, Payload, RunOp,
    plan::Phase,
    run::{Note, Vote},
    wire::{Committed, Message},
};
use serde_json::json;

pub fn vectors() -> Vec<Vector> {
    let mut out = envelopes();
    out.push(work());
    out.extend(exports());
    out
}

fn envelopes() -> Vec<Vector> {
    let plan = plan("studio1", true);
    let payload = plan_payload(&plan);
    let start = change(0x30, 30, 0x30, RunOp::Start(order(&plan)), Some(&payload));
    let run = start.id;
    let of = |op| change(0x31, 31, 0x30, op, None);
    let leaf = plan.tree().unwrap().find(0, Phase::Do, 0).unwrap().0.hash().unwrap();
    let vote = of(RunOp::Vote(Vote { run, step: 0, leaf, approve: false }));
    let note =
        of(RunOp::Note { run, after: 7, note: Note::Undone { step: 1, undone: false, text: "it is sent".into() } });
    let (_, show) = going(|_| {});
    vec![
        envelope("run-start", "an operator orders a run", &start, &bob()),
        envelope("run-cancel", "an operator cancels it", &of(RunOp::Cancel { run, rollback: true }), &bob()),
        envelope("run-note", "its orchestrator reports", &note, &dora()),
        envelope("run-vote", "a guardian says no", &vote, &alice()),
        envelope("command-of-run", "a command that a run ordered", &step_of(&show, 0x31, 31, 1, Phase::Undo), &dora()),
    ]
}

/// A work item with the order its worker checks.
fn work() -> Vector {
    let (mut log, show) = going(|_| {});
    let hash = log.send(&step_of(&show, 0x31, 31, 0, Phase::Do), usd(0));
    let payload: Option<Payload> = None;
    let last = log.entries.last().unwrap();
    let order = Some(Box::new(order_of(&show)));
    let (entry, head, signer) = (last.raw.entry.clone(), log.head(&broker()), Some(dora().public()));
    let committed = Committed { entry, head, payload, signer, order };
    let expect = json!({"hash": Hash(hash.0), "broker": broker().public()});
    let bytes = committed.to_message().unwrap();
    Vector::valid("committed-work-of-run", "committed", "a work item of a run with its order", bytes, expect)
}

fn exports() -> Vec<Vector> {
    let log = runs();
    let mut whole = expect(&log, 0, 0);
    whole["posted_micros"] = json!({"USD": 50_000});
    whole["reserved_micros"] = json!({"USD": 0});
    whole["in_flight"] = json!(0);
    let range = expect(&log, 5, 3);
    let after = expect(&log, 8, 3);
    let last = log.entries.len() - 1;
    vec![
        Vector::valid("export-runs", "export", "runs that end in every way", log.export(), whole),
        Vector::valid(
            "export-runs-range",
            "export",
            "the same without what was before",
            log.export_range(5, last),
            range,
        ),
        Vector::valid(
            "export-runs-later",
            "export",
            "the order of the first run is before the range",
            log.export_range(8, last),
            after,
        ),
    ]
}
