//! Triggers through a whole fabric: what fires, what it signs, what is recorded, and what stops it.

use anyhow::{Context, Result, ensure};
use if_harness::fabric::Fabric;
use if_home::{keys, triggers};
use if_schemas::{
    Effect, Member, Name, Role, SigningKey, Status, TrustOp,
    query::{LOG, LogAnswer, LogQuery, LogRow},
};
use if_tests::{InProcess, world};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// A fabric whose worker has these rules; each may do `may` on `noop/main`.
async fn with_rules(rules: &str, members: &[(&str, &str)]) -> Result<InProcess> {
    let mut fabric = InProcess::start(false).await?;
    std::fs::write(fabric.home.triggers_file(), format!("triggers:\n{rules}"))?;
    for (number, (trigger, may)) in (100u8..).zip(members) {
        let name = triggers::member_name(&trigger.parse()?).context("too long")?;
        keys::write_new(&fabric.home.key_file(name.as_str()), &world::seed(number))?;
        let key = SigningKey::from_seed(&world::seed(number)).public();
        let grants = vec![format!("{may}@noop/main").parse()?];
        let member = Member { name, key, role: Role::Operator, grants };
        fabric.client.change_trust(TrustOp::Add(member), &fabric.keys.admin).await?;
    }
    fabric.start_worker().await?;
    armed(&fabric, members.len()).await?;
    Ok(fabric)
}

async fn armed(fabric: &InProcess, count: usize) -> Result<()> {
    let waiting = async {
        while fabric.client.armed().await? != count {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, waiting).await.context("the rules were not armed")?
}

async fn rows(fabric: &InProcess, trigger: &str) -> Result<Vec<LogRow>> {
    let question = LogQuery { actor: Some(format!("trigger-{trigger}")), limit: 100, ..LogQuery::default() };
    let answer: LogAnswer = fabric.client.query(LOG, &question).await?;
    Ok(answer.rows.into_iter().filter(|r| r.operation.starts_with("noop.")).collect())
}

/// Waits until the commands of a trigger are as they must become.
async fn until(fabric: &InProcess, trigger: &str, good: impl Fn(&[LogRow]) -> bool) -> Result<Vec<LogRow>> {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let rows = rows(fabric, trigger).await?;
        if good(&rows) {
            return Ok(rows);
        }
        ensure!(tokio::time::Instant::now() < give_up, "{trigger} did not get there: {:?}", statuses(&rows));
        tokio::time::sleep(POLL).await;
    }
}

fn statuses(rows: &[LogRow]) -> Vec<String> {
    rows.iter().map(|r| r.code.clone().unwrap_or_else(|| r.status.clone())).collect()
}

fn done(rows: &[LogRow], count: usize) -> bool {
    rows.len() == count && rows.iter().all(|r| r.status == "succeeded")
}

async fn send(fabric: &InProcess, operation: &str, effect: Effect) -> Result<()> {
    let (_, _, status) = fabric.client.run(operation, effect, &fabric.keys.operator).await?;
    ensure!(status == Status::Succeeded, "{operation} ended as {status:?}");
    Ok(())
}

const ON_FIRE: &str = "  react: {on: 'noop/main:last.noop=2Efire', run: {operation: noop.set, instance: noop/main}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_sets_it_off_and_the_record_says_why_and_by_whom() -> Result<()> {
    let fabric = with_rules(ON_FIRE, &[("react", "noop.set")]).await?;
    send(&fabric, "noop.fire", Effect::Once).await?;
    let fired = until(&fabric, "react", |rows| done(rows, 1)).await?;
    let row = &fired[0];
    ensure!(row.actor_name.as_ref().map(Name::as_str) == Some("trigger-react"), "{row:?}");
    ensure!(row.operation == "noop.set" && row.result.is_some(), "{row:?}");
    let cause = fabric.client.cause_of(row.index).await?.context("no cause")?;
    ensure!(cause.trigger.as_str() == "react" && cause.chain.is_empty() && !cause.runaway, "{cause:?}");
    ensure!(cause.because.starts_with("noop/main:last.noop=2Efire is "), "{cause:?}");
    // What it does itself is no change it looks for; another one is.
    send(&fabric, "noop.fire", Effect::Once).await?;
    until(&fabric, "react", |rows| done(rows, 2)).await?;
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn results_set_it_off_too_and_share_the_trace_where_a_trigger_caused_them() -> Result<()> {
    let rules = format!(
        "{ON_FIRE}  next: {{on: 'noop.set@noop/main==succeeded', run: {{operation: noop.read, instance: noop/main}}}}\n"
    );
    let fabric = with_rules(&rules, &[("react", "noop.set"), ("next", "noop.read")]).await?;
    send(&fabric, "noop.fire", Effect::Once).await?;
    let first = until(&fabric, "react", |rows| done(rows, 1)).await?;
    let second = until(&fabric, "next", |rows| done(rows, 1)).await?;
    let cause = fabric.client.cause_of(second[0].index).await?.context("no cause")?;
    ensure!(cause.because == "noop.set on noop/main ended: succeeded", "{cause:?}");
    ensure!(cause.chain.iter().map(Name::as_str).collect::<Vec<_>>() == ["react"], "{cause:?}");
    ensure!(first[0].trace == second[0].trace && first[0].trace.is_some(), "{first:?} {second:?}");
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_does_not_hold_holds_it_back() -> Result<()> {
    let rules = format!(
        "{ON_FIRE}  held: {{on: 'noop/main:last.noop=2Efire', if: 'noop/main:executions<0', run: {{operation: noop.set, \
         instance: noop/main}}}}\n  gone: {{on: 'noop/main:last.noop=2Efire', if: 'noop/other:executions>=0', run: \
         {{operation: noop.set, instance: noop/main}}}}\n"
    );
    let fabric = with_rules(&rules, &[("react", "noop.set"), ("held", "noop.set"), ("gone", "noop.set")]).await?;
    for round in 1..=3 {
        send(&fabric, "noop.fire", Effect::Once).await?;
        until(&fabric, "react", |rows| done(rows, round)).await?;
    }
    ensure!(rows(&fabric, "held").await?.is_empty() && rows(&fabric, "gone").await?.is_empty());
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_set_each_other_off_are_refused_recorded_and_stopped_until_started_again() -> Result<()> {
    let rules = "  ping: {on: 'noop/main:last.noop=2Efire', run: {operation: noop.set, instance: noop/main}}\n  \
                 pong:\n    on: 'noop/main:last.noop=2Eset'\n    run: {operation: noop.fire, instance: noop/main}\n";
    let fabric = with_rules(rules, &[("ping", "noop.set"), ("pong", "noop.fire")]).await?;
    send(&fabric, "noop.fire", Effect::Once).await?;
    let stopped = |rows: &[LogRow]| rows.iter().any(|r| r.code.as_deref() == Some("trigger_loop"));
    let ping = until(&fabric, "ping", stopped).await?;
    ensure!(ping.len() == if_schemas::cause::ROUNDS_MAX + 1, "{:?}", statuses(&ping));
    let cause = fabric.client.cause_of(ping.last().context("none")?.index).await?.context("no cause")?;
    ensure!(cause.chain.len() == 2 * if_schemas::cause::ROUNDS_MAX, "{cause:?}");
    // It rests: what would set it off does not.
    send(&fabric, "noop.fire", Effect::Once).await?;
    ensure!(rows(&fabric, "ping").await?.len() == ping.len());
    triggers::set_enabled(&fabric.home.triggers_file(), &"pong".parse()?, false)?;
    let again = async {
        loop {
            send(&fabric, "noop.fire", Effect::Once).await?;
            if rows(&fabric, "ping").await?.len() > ping.len() {
                return anyhow::Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.context("it was not started again")??;
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_can_do_what_its_key_may_and_nothing_else() -> Result<()> {
    let fabric = with_rules(ON_FIRE, &[("react", "noop.read")]).await?;
    send(&fabric, "noop.fire", Effect::Once).await?;
    let refused = until(&fabric, "react", |rows| rows.len() == 1).await?;
    ensure!(statuses(&refused) == ["not_allowed"], "{refused:?}");
    ensure!(fabric.executions() == 1, "{}", fabric.executions());
    fabric.stop().await?;
    Ok(())
}

/// The newest firing of a trigger, once it has come to `status`.
fn fired(fabric: &Fabric, name: &str, status: &str) -> Result<Value> {
    let give_up = std::time::Instant::now() + PATIENCE;
    loop {
        let log = fabric.json(&["trigger", "log", name])?;
        let newest = log["firings"].as_array().and_then(|f| f.last()).cloned().unwrap_or_default();
        if newest["status"] == status {
            return Ok(newest);
        }
        ensure!(std::time::Instant::now() < give_up, "{name} did not come to {status}: {log}");
        std::thread::sleep(POLL);
    }
}

#[test]
fn the_command_line_makes_tests_shows_and_removes_a_rule() -> Result<()> {
    let (mut fabric, sim) = super::with_vmix()?;
    let on = ["on", "vmix/sim:tally.program==2", "--name", "follow", "run", "vmix", "preview", "sim", "--input", "3"];
    let made = fabric.json(&on)?;
    ensure!(made["armed"] == true && made["signed_by"] == "trigger-follow", "{made}");
    let test = fabric.json(&["trigger", "test", "follow"])?;
    ensure!(test["on"]["known"] == true && test["on"]["holds"] == false && test["would_fire"] == true, "{test}");
    ensure!(test["admission"]["status"] == "would_accept" && sim.received().is_empty(), "{test}");
    fabric.run(&["vmix", "cut", "sim", "--input", "2"])?.expect(0)?;
    let firing = fired(&fabric, "follow", "succeeded")?;
    ensure!(firing["operation"] == "vmix.preview" && firing["simulated"] == true, "{firing}");
    ensure!(firing["cause"]["because"] == "vmix/sim:tally.program is 2, was 1", "{firing}");
    let status = fabric.json(&["vmix", "status", "sim"])?;
    ensure!(status["result"]["preview"] == 3, "{status}");
    let list = fabric.json(&["trigger", "list"])?;
    ensure!(list["triggers"][0]["state"] == "armed" && list["triggers"][0]["last"]["status"] == "succeeded", "{list}");
    ensure!(list["triggers"][0]["run"]["args"] == json!({"input": 3}), "{list}");
    // Its key may send this and nothing else.
    let trust = fabric.json(&["trust", "list"])?;
    let member = trust["members"].as_array().into_iter().flatten().find(|m| m["member"]["name"] == "trigger-follow");
    let member = member.context("not a member")?;
    ensure!(member["member"]["grants"] == json!(["vmix.preview@vmix/sim"]), "{member}");
    let shown = fabric.run(&["witness", "show", firing["command_id"].as_str().context("no id")?])?.expect(0)?;
    ensure!(shown.stdout.contains("trigger  follow: vmix/sim:tally.program is 2, was 1"), "{}", shown.stdout);
    fabric.run(&["config", "check"])?.expect(0)?;
    let again = fabric.run(&on)?.expect(2)?;
    ensure!(again.stderr.contains("exists already"), "{}", again.stderr);
    let key = fabric.home().join("keys/trigger-follow.key");
    ensure!(key.exists());
    fabric.run(&["trigger", "remove", "follow"])?.expect(0)?;
    ensure!(!key.exists());
    fabric.run(&["trigger", "remove", "follow"])?.expect(64)?;
    let list = fabric.json(&["trigger", "list"])?;
    ensure!(list["triggers"] == json!([]), "{list}");
    fabric.stop()
}

#[test]
fn a_rule_written_by_hand_is_armed_once_it_is_allowed_and_a_wrong_one_is_said() -> Result<()> {
    let (mut fabric, _sim) = super::with_vmix()?;
    let rules = "triggers:\n  # Mine.\n  by-hand:\n    on: vmix.cut@vmix/sim==succeeded\n    \
                 run: {operation: vmix.preview, instance: vmix/sim, args: {input: 2}}\n  \
                 wrong:\n    on: vmix/sim:tally.program\n    run: {operation: vmix.preveiw, instance: vmix/sim}\n";
    std::fs::write(fabric.home().join("triggers.yaml"), rules)?;
    let checked = fabric.run(&["config", "check"])?.expect(64)?;
    ensure!(checked.stderr.contains("trigger allow by-hand"), "{}", checked.stderr);
    fabric.run(&["trigger", "allow", "by-hand"])?.expect(0)?;
    let list = fabric.json(&["trigger", "enable", "by-hand"])?;
    ensure!(list["armed"] == true, "{list}");
    fabric.run(&["vmix", "cut", "sim", "--input", "3"])?.expect(0)?;
    let firing = fired(&fabric, "by-hand", "succeeded")?;
    ensure!(firing["cause"]["because"] == "vmix.cut on vmix/sim ended: succeeded", "{firing}");
    let list = fabric.run(&["trigger", "list"])?.expect(0)?;
    ensure!(list.stderr.contains("did you mean vmix.preview?") || list.stdout.contains("no key"), "{}", list.stdout);
    for (line, what) in [
        (&["on", "vmix/sim:tally.program==2", "vmix", "cut", "sim"][..], "the word `run` is missing"),
        (&["on", "vmix:tally", "run", "vmix", "cut", "sim", "--input", "1"], "is no instance"),
        (&["on", "vmix/sim:tally.program==2", "run", "witness", "head"], "no operation"),
        (&["on", "vmix/sim:tally.program==2", "run", "vmix", "cut", "sim", "--inptu", "1"], "--input"),
        (&["trigger", "test", "by-hnad"], "there is no trigger by-hnad"),
    ] {
        let ran = fabric.run(line)?.expect(2)?;
        ensure!(ran.stderr.contains(what), "{line:?}: {}", ran.stderr);
    }
    fabric.stop()
}
