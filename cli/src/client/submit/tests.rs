use super::*;
use if_schemas::{Code, Hash, Head, Reject, SigningKey, Timestamp, TrustChange, TrustOp, head::Verdict};

fn id(n: u8) -> CommandId {
    CommandId::from_bytes([n; 16])
}

fn submission() -> Submission {
    let key = SigningKey::from_seed(&[1; 32]);
    let op = TrustOp::Revoke(key.id());
    let change = TrustChange { id: id(1), issued_at: Timestamp(0), deadline: Timestamp(1), op };
    Submission { envelope: Envelope::seal(&change, &key).unwrap(), payload: None }
}

fn worth(command: Option<CommandId>, logged: bool, verdict: Verdict, dry_run: bool) -> &'static str {
    let head = logged.then_some(Head { log: Hash([1; 32]), index: 7, hash: Hash([2; 32]), at: Timestamp(0) });
    let submission = submission();
    let deadline = Duration::from_secs(1);
    let out = Outgoing { subject: "s", submission: &submission, id: id(1), dry_run, deadline, trace: None };
    match classify(Receipt { command, head, verdict }, &out) {
        Answer::Binding(_) => "binding",
        Answer::Doubtful(_) => "doubtful",
        Answer::Noise(_) => "noise",
    }
}

#[test]
fn only_what_binds_the_broker_to_this_submission_counts_at_once() {
    let rejected = || Verdict::Rejected(Reject::new(Code::BadSignature, "x"));
    let (ours, other) = (Some(id(1)), Some(id(2)));
    for (command, logged, verdict, dry_run, expected) in [
        (ours, true, Verdict::Accepted, false, "binding"),
        (ours, true, rejected(), false, "binding"),
        (ours, false, Verdict::WouldAccept { estimate: None }, true, "binding"),
        (ours, false, rejected(), true, "binding"),
        // Provoked by a spoiled copy of our message, or simply refused before it was read.
        (None, false, rejected(), false, "doubtful"),
        (ours, false, rejected(), false, "doubtful"),
        (None, false, rejected(), true, "doubtful"),
        // Old receipts of other commands, and receipts that answer something else.
        (other, true, Verdict::Accepted, false, "noise"),
        (other, true, rejected(), false, "noise"),
        (None, true, Verdict::Accepted, false, "noise"),
        (ours, false, Verdict::Accepted, false, "noise"),
        (ours, false, Verdict::WouldAccept { estimate: None }, false, "noise"),
    ] {
        let said = format!("{command:?} {logged} {verdict:?} {dry_run}");
        assert_eq!(worth(command, logged, verdict, dry_run), expected, "{said}");
    }
}
