//! Runs at the command line: plans that are kept, guardians who vote, and a trigger that orders a profile.

mod support;

use serde_json::{Value, json};
use std::fs;
use support::{
    Cli, Ran,
    fabric::{Fabric, until},
};

fn profile(cli: &Cli, name: &str, steps: &str) {
    let dir = cli.home().join("profiles");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(format!("{name}.yaml")), format!("name: {name}\nsteps:\n{steps}")).unwrap();
}

/// The document of a run that was followed: the last line.
fn ended(ran: &Ran) -> Value {
    serde_json::from_str::<Value>(ran.stdout.lines().last().unwrap()).unwrap()["document"].clone()
}

/// Waits until the live state says what is on program: a plan looks at that.
fn seen(cli: &Cli, input: u64) {
    let state = || cli.run(["vmix", "watch", "myvmix", "--once", "--json"]).expect(0).json();
    until("live state", || state()["values"]["tally.program"] == json!(input));
}

fn program(cli: &Cli) -> Value {
    cli.run(["vmix", "status", "myvmix", "--json"]).expect(0).json()["result"]["program"].clone()
}

#[test]
fn a_kept_plan_is_carried_out_as_it_is_unless_what_it_looks_at_has_changed() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let cli = &fabric.cli;
    profile(cli, "show", "  - {id: cut, run: vmix cut myvmix --input 3, confirm: \"vmix/myvmix:tally.program==3\"}\n");
    let order = ["bus", "orchestrate", "--profile", "show"];
    seen(cli, 1);
    let planned = cli.run([&order[..], &["--plan", "--out", "show.json"]].concat()).expect(0);
    assert!(
        planned.stdout.contains("vmix.cut on vmix/myvmix") && planned.stderr.contains("--from-plan"),
        "{planned:?}"
    );
    assert_eq!(program(cli), json!(1), "a plan does nothing");

    // Somebody cuts meanwhile: the plan was made for another state.
    cli.run(["vmix", "cut", "myvmix", "--input", "2"]).expect(0);
    seen(cli, 2);
    let kept = ["bus", "orchestrate", "--from-plan", "show.json", "--yes", "--json"];
    let drifted = cli.run(kept).expect(3);
    assert_eq!(drifted.json()["error"]["code"], json!("drift"), "{drifted:?}");
    assert!(drifted.stderr.contains("vmix/myvmix:tally.program was 1, is 2"), "{drifted:?}");
    assert_eq!(program(cli), json!(2));
    let forced = cli.run([&kept[..], &["--force"]].concat()).expect(0);
    assert_eq!(ended(&forced)["outcome"], json!("succeeded"));
    assert_eq!(program(cli), json!(3));

    // What the profile says by now does not matter: the plan is what was looked at.
    cli.run(["vmix", "cut", "myvmix", "--input", "1"]).expect(0);
    profile(cli, "show", "  - {id: cut, run: vmix cut myvmix --input 4}\n");
    seen(cli, 1);
    cli.run(kept).expect(0);
    assert_eq!(program(cli), json!(3));
    let text = fs::read_to_string(cli.path("show.json")).unwrap();
    fs::write(cli.path("show.json"), text.replace("\"profile\": \"show\"", "\"profile\": \"other\"")).unwrap();
    let changed = cli.run(kept).expect(64);
    assert!(changed.stderr.contains("it was changed"), "{changed:?}");
}

/// A second member with a home of her own, in the same fabric.
fn join(cli: &Cli, name: &str) -> String {
    let home = cli.path(name).display().to_string();
    cli.run(["--home", &home, "init", "--name", name]).expect(0);
    for file in ["genesis.bin", "run/fabric.json"] {
        let to = cli.path(name).join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(cli.home().join(file), to).unwrap();
    }
    let seeds = fs::read_dir(cli.home().join("nats")).unwrap();
    for seed in seeds.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        fs::copy(&seed, cli.path(name).join("nats").join(seed.file_name().unwrap())).unwrap();
    }
    let public = cli.path(name).join("keys/ed25519.pub").display().to_string();
    cli.run(["trust", "add", name, "--file", &public, "--role", "operator", "--allow", "vmix.status"]).expect(0);
    home
}

#[test]
fn a_step_waits_for_its_guardians_who_agree_to_exactly_that_command() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let cli = &fabric.cli;
    let anna = join(cli, "anna");
    let approve = "approve: {need: 2, of: [danny, anna], veto: [anna], valid: 10m}";
    profile(cli, "show", &format!("  - {{id: cut, run: vmix cut myvmix --input 3, {approve}}}\n"));
    let order = ["bus", "orchestrate", "--profile", "show", "--yes", "--detach", "--json"];
    let run = cli.run(order).expect(0).json()["run"].as_str().unwrap().to_string();
    let pending = || cli.run(["guard", "pending", "--json"]).expect(0).json()["pending"].clone();
    until("the step to wait", || pending() != json!([]));
    let asked = pending()[0].clone();
    assert_eq!((&asked["step"], &asked["args"]["input"]), (&json!("cut"), &json!(3)), "{asked}");
    assert_eq!(asked["guard"]["need"], json!(2));
    assert!(cli.run(["guard", "pending"]).expect(0).stdout.contains("2 of anna, danny"));

    let unknown = cli.run(["guard", "approve", &run, "cot"]).expect(2);
    assert!(unknown.stderr.contains("no step \"cot\""), "{unknown:?}");
    cli.run(["guard", "approve", &run, "cut"]).expect(0);
    assert_eq!(program(cli), json!(1), "one of two is not enough");
    cli.run(["--home", &anna, "guard", "approve", "last", "cut"]).expect(0);
    until("the cut", || program(cli) == json!(3));
    let watched = cli.run(["bus", "run", "watch", &run, "--json"]).expect(0);
    assert_eq!(ended(&watched)["outcome"], json!("succeeded"));

    // Her veto ends the next one.
    let second = cli.run(order).expect(0).json()["run"].as_str().unwrap().to_string();
    until("the step to wait", || pending() != json!([]));
    cli.run(["--home", &anna, "guard", "reject", &second, "cut"]).expect(0);
    let watched = cli.run(["bus", "run", "watch", &second, "--json"]).expect(1);
    let document = ended(&watched);
    assert_eq!(document["outcome"], json!("failed"), "{document}");
    assert!(document["text"].as_str().unwrap().contains("anna said no"), "{document}");
    cli.run(["witness", "verify"]).expect(0);
}

#[test]
fn a_trigger_orders_a_profile_and_may_do_what_its_plan_does_and_nothing_else() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let cli = &fabric.cli;
    profile(
        cli,
        "close-up",
        "  - {id: mute, run: vmix audio mute myvmix --input 3}\n  - {id: cut, needs: mute, run: vmix cut myvmix --input 4}\n",
    );
    let refused =
        ["on", "vmix/myvmix:tally.program==3", "run", "bus", "orchestrate", "--profile", "close-up", "--max-cost", "5"];
    assert!(cli.run(refused).expect(2).stderr.contains("--max-cost is not for triggers"));
    let made = cli.run(&refused[..7]).expect(0);
    assert!(made.stdout.contains("is armed: on vmix/myvmix:tally.program==3, the profile close-up"), "{made:?}");
    let rule = cli.run(["trigger", "list", "--json"]).expect(0).json()["triggers"][0].clone();
    assert_eq!((&rule["state"], &rule["run"]["profile"]), (&json!("armed"), &json!("close-up")), "{rule}");
    let tested = cli.run(["trigger", "test", rule["trigger"].as_str().unwrap()]).expect(0);
    assert!(tested.stdout.contains("the profile close-up would be admitted"), "{tested:?}");

    cli.run(["vmix", "cut", "myvmix", "--input", "3"]).expect(0);
    until("the second step", || program(cli) == json!(4));
    until("the end of the run", || {
        cli.run(["bus", "runs", "--json"]).expect(0).json()["runs"][0]["standing"]["ended"]["outcome"] == "succeeded"
    });
    let firing = cli.run(["trigger", "log", "--json"]).expect(0).json()["firings"][0].clone();
    assert_eq!(firing["operation"], json!("run.start"), "{firing}");
    assert_eq!(firing["cause"]["because"], json!("vmix/myvmix:tally.program is 3, was 1"), "{firing}");
    let member = format!("trigger-{}", rule["trigger"].as_str().unwrap());
    let trust = cli.run(["trust", "list", "--json"]).expect(0).json();
    let members = trust["members"].as_array().unwrap();
    let own = members.iter().find(|m| m["member"]["name"] == json!(member)).unwrap();
    // Also what undoes them.
    let grants = json!(["vmix.audio.mute@vmix/myvmix", "vmix.audio.unmute@vmix/myvmix", "vmix.cut@vmix/myvmix"]);
    assert_eq!(own["member"]["grants"], grants, "{own}");
    cli.run(["config", "check"]).expect(0);
    cli.run(["trigger", "remove", rule["trigger"].as_str().unwrap()]).expect(0);
    assert_eq!(fs::read_dir(cli.home().join("plans")).unwrap().count(), 0);
}

#[test]
fn what_a_policy_covers_is_requested_and_done_once_its_guardians_agree() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let cli = &fabric.cli;
    let set =
        ["guard", "policy", "set", "cuts", "--operations", "vmix.cut@vmix/myvmix", "--need", "1", "--of", "danny:2"];
    let made = cli.run(set).expect(0);
    assert!(made.stdout.contains("the policy cuts holds: vmix.cut@vmix/myvmix needs 1 of danny (2)"), "{made:?}");
    assert!(cli.run(["guard", "policy", "list"]).expect(0).stdout.contains("1 of danny (2)"));
    let alone = cli.run(["vmix", "cut", "myvmix", "--input", "3", "--json"]).expect(3);
    assert_eq!(alone.json()["error"]["code"], json!("approval_missing"), "{alone:?}");
    assert!(alone.stderr.contains("guard request"), "{alone:?}");
    cli.run(["vmix", "status", "myvmix"]).expect(0);

    let request = ["guard", "request", "--no-wait", "vmix", "cut", "myvmix", "--input", "3"];
    let run = cli.run(request).expect(0).stdout.trim().to_string();
    let pending = || cli.run(["guard", "pending", "--json"]).expect(0).json()["pending"].clone();
    until("the command to wait", || pending() != json!([]));
    assert_eq!(program(cli), json!(1));
    cli.run(["guard", "approve", &run, "vmix.cut"]).expect(0);
    let watched = cli.run(["bus", "run", "watch", &run, "--json"]).expect(0);
    assert_eq!(ended(&watched)["outcome"], json!("succeeded"));
    assert_eq!(program(cli), json!(3));

    // A profile asks for them without saying so.
    profile(cli, "show", "  - {id: cut, run: vmix cut myvmix --input 2}\n");
    let planned = cli.run(["bus", "orchestrate", "--profile", "show", "--plan", "--json"]).expect(0).json();
    assert_eq!((&planned["steps"][0]["refused"], &planned["steps"][0]["guard"]["need"]), (&Value::Null, &json!(1)));
    cli.run(["guard", "policy", "remove", "cuts"]).expect(0);
    cli.run(["vmix", "cut", "myvmix", "--input", "1"]).expect(0);
    for wrong in [
        &["guard", "policy", "set", "p", "--operations", "vmix..cut", "--need", "1", "--of", "danny"][..],
        &["guard", "policy", "set", "p", "--operations", "vmix.cut", "--need", "2", "--of", "danny"],
        &["guard", "policy", "set", "p", "--operations", "vmix.cut", "--need", "1", "--of", "danny:x"],
        &["guard", "policy", "set", "p", "--operations", "vmix.cut", "--need", "1", "--of", "danny", "--valid", "soon"],
        &["guard", "request", "bus", "runs"],
    ] {
        let ran = cli.run(wrong).expect(2);
        assert!(ran.stderr.contains("hint:"), "{wrong:?}: {ran:?}");
    }
    cli.run(["guard", "policy", "remove", "cuts"]).expect(3);
    cli.run(["witness", "verify"]).expect(0);
}
