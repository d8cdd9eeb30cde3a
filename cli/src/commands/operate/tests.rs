use super::*;
use crate::output::Style;
use if_schemas::{CommandId, Currency, Hash, Head, Leg, Money, Reject, Route, RouteMode, Timestamp, TraceId};

fn command() -> Command {
    let issued_at: Timestamp = "2026-11-22T18:30:00Z".parse().unwrap();
    Command {
        id: CommandId::new(1_700_000_000_000, [7; 10]),
        trace: TraceId::from_bytes([0xab; 16]),
        issued_at,
        deadline: issued_at.saturating_add_us(5_000_000),
        operation: "vmix.cut".parse().unwrap(),
        provider: "vmix".parse().unwrap(),
        instance: "myvmix".parse().unwrap(),
        effect: if_schemas::Effect::Once,
        dry_run: false,
        session: None,
        payload: Hash([1; 32]),
        run: None,
    }
}

fn head(index: u64) -> Head {
    Head { log: Hash([9; 32]), index, hash: Hash([u8::try_from(index).unwrap(); 32]), at: command().issued_at }
}

fn succeeded() -> Report {
    let mut report = Report::new(&command());
    report.sent();
    report.admitted(Some(head(4)), Duration::from_micros(1_500));
    report.status = "succeeded";
    report.simulated = true;
    report.result_witness = Some(head(5));
    report.cost = Money { amount_micros: 1_250_000, currency: Currency::USD };
    report.timing.execute_us = Some(43_000);
    report.timing.queue_us = Some(700);
    report.timing.commit_us = Some(400);
    report.timing.total = Some(Duration::from_micros(47_300));
    report.budgets = Some(Vec::new());
    report.result = Some(serde_json::json!({"program": 3}));
    report
}

#[test]
fn a_success_is_one_screen_that_ends_with_cost_and_budget() {
    let expected = "vmix.cut on vmix/myvmix: succeeded  *** SIMULATED: no real target was operated ***
  program  3
  witness  admission #4 040404040404, result #5 050505050505
  command  018bcfe5-6800-7707-8707-070707070707
  time     47.3 ms (admit 1.5 ms, execute 43.0 ms)
Cost: $1.25
Budget: none set
";
    assert_eq!(succeeded().human(Style::new(false)), expected);
}

#[test]
fn the_document_has_every_field_of_the_contract() {
    let expected = serde_json::json!({
        "command_id": "018bcfe5-6800-7707-8707-070707070707",
        "trace_id": "ab".repeat(16),
        "operation": "vmix.cut",
        "provider": "vmix",
        "instance": "myvmix",
        "status": "succeeded",
        "simulated": true,
        "witness": {"index": 4, "hash": "04".repeat(32)},
        "result_witness": {"index": 5, "hash": "05".repeat(32)},
        "cost": {"amount_micros": 1_250_000, "currency": "USD"},
        "budget": null,
        "budgets": [],
        "timing_us": {"admit": 1_500, "queue": 700, "execute": 43_000, "commit": 400, "total": 47_300},
        "result": {"program": 3},
    });
    assert_eq!(succeeded().document(), expected);
}

#[test]
fn where_a_command_went_is_shown_to_people_and_programs() {
    let leg = |instance: &str, status, code: Option<&str>| Leg {
        instance: instance.parse().unwrap(),
        status,
        code: code.map(Into::into),
    };
    let (away, done) =
        (leg("myvmix", None, Some("disconnected")), leg("myvmix2", Some(if_schemas::Status::Succeeded), None));
    let mut report = succeeded();
    report.route = Some(Route { mode: RouteMode::Failover, main: away.clone(), backup: done.clone() });
    let line = "  executed on backup myvmix2: myvmix: not sent (disconnected); myvmix2: succeeded\n";
    assert!(report.human(Style::new(false)).contains(line), "{}", report.human(Style::new(false)));
    let expected = serde_json::json!({
        "mode": "failover",
        "main": {"instance": "myvmix", "status": null, "code": "disconnected"},
        "backup": {"instance": "myvmix2", "status": "succeeded", "code": null},
    });
    assert_eq!(report.document()["route"], expected);
    let text = |mode, main: &Leg, backup: &Leg| Route { mode, main: main.clone(), backup: backup.clone() }.text();
    assert_eq!(text(RouteMode::Mirror, &done, &done), "mirrored: myvmix2: succeeded; myvmix2: succeeded");
    let degraded = "mirrored, degraded: myvmix: not sent (disconnected); myvmix2: succeeded";
    assert_eq!(text(RouteMode::Mirror, &away, &done), degraded);
    let unused = "backup not used: myvmix: not sent (disconnected); myvmix: not sent (disconnected)";
    assert_eq!(text(RouteMode::Failover, &away, &away), unused);
}

#[test]
fn a_refusal_has_an_error_instead_of_a_result_and_the_entry_that_records_it() {
    let mut report = Report::new(&command());
    report.sent();
    report.admitted(Some(head(4)), Duration::from_micros(900));
    report.fail_with(Reject::new(Code::NotAllowed, "eve may not").hint("ask").into());
    let document = report.document();
    assert_eq!(document["status"], "rejected");
    assert_eq!(
        document["error"],
        serde_json::json!({"code": "not_allowed", "message": "eve may not (IF1104)", "hint": "ask"})
    );
    assert_eq!(document["witness"]["index"], 4);
    assert!(document["result_witness"].is_null() && document.get("result").is_none());
    assert_eq!(report.error.unwrap().exit, Exit::Rejected);
}

#[test]
fn whether_it_may_have_arrived_is_never_hidden() {
    let unreachable = || CliError::new(Exit::Unreachable, "down");
    let mut before = Report::new(&command());
    before.fail_with(unreachable());
    assert_eq!(before.status, "not_sent");
    let mut lost = Report::new(&command());
    lost.sent();
    lost.fail_with(unreachable().code("no_receipt"));
    assert_eq!(lost.status, "unknown");
    let mut nobody = Report::new(&command());
    nobody.sent();
    nobody.fail_with(CliError::from(if_bus::BusError::NoResponders { subject: "if.command.x".into() }));
    assert_eq!(nobody.status, "not_sent");
    let mut waiting = Report::new(&command());
    waiting.sent();
    waiting.admitted(Some(head(4)), Duration::from_micros(900));
    waiting.status = "pending";
    waiting.fail_with(unreachable());
    assert_eq!(waiting.status, "pending");
}

#[test]
fn every_final_status_has_its_exit_code() {
    let failure = |status| {
        unsuccessful(status, Some(Outcome::Error(Failure { code: "c".into(), message: "m".into(), hint: None })))
    };
    assert_eq!(failure(Status::Failed).exit, Exit::Failed);
    assert_eq!(failure(Status::Expired).exit, Exit::Rejected);
    assert_eq!(failure(Status::Indeterminate).exit, Exit::NoResult);
    assert_eq!(unsuccessful(Status::Failed, None).exit, Exit::Failed);
}
