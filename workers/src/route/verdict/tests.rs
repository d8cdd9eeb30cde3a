use super::*;
use serde_json::json;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn ok(text: &str) -> Done {
    Done { status: Status::Succeeded, outcome: Outcome::Result(json!(text)), metered: Metered::Nothing }
}

fn not(status: Status, code: &str) -> Done {
    let failure = Failure { code: code.into(), message: format!("{code} it was"), hint: Some(format!("mend {code}")) };
    Done { status, outcome: Outcome::Error(failure), metered: Metered::Nothing }
}

fn both(main: Done, backup: Done) -> Done {
    of_both((&name("a"), main), (&name("b"), backup))
}

fn failure(done: &Done) -> (Status, &str, &str, Option<&str>) {
    let Outcome::Error(f) = &done.outcome else { panic!("{done:?}") };
    (done.status, &f.code, &f.message, f.hint.as_deref())
}

#[test]
fn it_succeeded_only_if_it_did_on_both_and_the_document_is_the_main_instances() {
    assert_eq!(both(ok("main"), ok("backup")), ok("main"));
}

#[test]
fn one_that_failed_beside_one_that_succeeded_is_told_apart_from_one_that_did_nothing() {
    let hint = Some("look at both: what one of them did is not taken back");
    let said = "a: failed (refused: refused it was); b: succeeded";
    let done = both(not(Status::Failed, "refused"), ok("b"));
    assert_eq!(failure(&done), (Status::Failed, "mirror_incomplete", said, hint));
    let said = "a: succeeded; b: failed (refused: refused it was)";
    let done = both(ok("a"), not(Status::Failed, "refused"));
    assert_eq!(failure(&done), (Status::Failed, "mirror_incomplete", said, hint));
}

#[test]
fn one_that_is_unknown_makes_the_whole_unknown() {
    use Status::{Failed, Indeterminate};
    let code = |main, backup| {
        let done = both(main, backup);
        let (status, code, ..) = failure(&done);
        (status, code.to_string())
    };
    let expected = (Indeterminate, "mirror_incomplete".to_string());
    assert_eq!(code(ok("a"), not(Indeterminate, "deadline")), expected);
    assert_eq!(code(not(Indeterminate, "deadline"), ok("b")), expected);
    assert_eq!(code(not(Failed, "refused"), not(Indeterminate, "deadline")), expected);
    assert_eq!(code(not(Indeterminate, "deadline"), not(Failed, "refused")), (Indeterminate, "deadline".into()));
}

#[test]
fn what_both_refused_is_the_main_instances_failure() {
    let done = both(not(Status::Failed, "not_found"), not(Status::Failed, "refused"));
    let said = "a: failed (not_found: not_found it was); b: failed (refused: refused it was)";
    assert_eq!(failure(&done), (Status::Failed, "not_found", said, Some("mend not_found")));
}

#[test]
fn after_a_loss_what_the_backup_says_counts_and_the_unknown_stays_unknown() {
    let (a, b) = (name("a"), name("b"));
    let silent = given_up(&a, false, "silent");
    assert_eq!(after_loss((&a, &silent), (&b, ok("b"))), ok("b"));
    let done = after_loss((&a, &silent), (&b, not(Status::Failed, "refused")));
    let said = "a: silent; backup b: refused it was";
    assert_eq!(failure(&done), (Status::Indeterminate, "refused", said, Some("mend refused")));
    let read = given_up(&a, true, "silent");
    let done = after_loss((&a, &read), (&b, not(Status::Failed, "refused")));
    assert_eq!(failure(&done).0, Status::Failed);
}

#[test]
fn a_leg_says_how_it_ended_and_a_code_of_any_length_is_cut() {
    let long = "x".repeat(10_000);
    assert_eq!(leg(&name("a"), &not(Status::Failed, &long)).code.unwrap().len(), CODE_MAX);
    assert_eq!(leg(&name("a"), &ok("a")), Leg { instance: name("a"), status: Some(Status::Succeeded), code: None });
}
