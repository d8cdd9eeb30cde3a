//! The embedded fabric with real parts: nats-server, if-broker, if-worker and a simulated vMix.

mod support;

use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};
use support::{
    Cli,
    fabric::{Fabric, PATIENCE, is_alive, signal, until},
};

#[test]
fn the_first_five_minutes() {
    let (fabric, vmix) = Fabric::with_vmix();
    let cli = &fabric.cli;
    let cut = cli.run(["vmix", "cut", "myvmix", "--input", "3", "--why", "test", "--json"]).expect(0).json();
    assert_eq!(
        (&cut["status"], &cut["simulated"], &cut["result"]["program"]),
        (&json!("succeeded"), &json!(true), &json!(3))
    );
    assert_eq!(cut["result_witness"]["index"].as_u64().unwrap(), cut["witness"]["index"].as_u64().unwrap() + 1);
    for part in ["admit", "queue", "execute", "commit", "total"] {
        assert!(cut["timing_us"][part].as_i64().is_some_and(|us| us >= 0), "{part}: {cut}");
    }
    let human = cli.run(["vmix", "cut", "myvmix", "--input", "1"]).expect(0).stdout;
    assert!(
        human.starts_with("vmix.cut on vmix/myvmix: succeeded  *** SIMULATED")
            && human.ends_with("Cost: $0.00\nBudget: none set\n"),
        "{human}"
    );
    let failed = cli.run(["vmix", "cut", "myvmix", "--input", "99", "--json"]).expect(1).json();
    assert_eq!(failed["status"], json!("failed"));
    assert!(failed["error"]["code"].is_string() && failed.get("result").is_none());
    let nobody = cli.run(["vmix", "cut", "myvmx", "--input", "1"]).expect(3);
    assert!(
        nobody.stderr.contains("(IF1301)") && nobody.stderr.contains("hint: did you mean myvmix?"),
        "{}",
        nobody.stderr
    );
    let tested = cli.run(["vmix", "test", "myvmix", "--json"]).expect(0).json();
    assert!(tested["peer"].as_str().unwrap().contains("vMix") && tested["round_trip_us"].as_u64().unwrap() > 0);
    let status = cli.run(["status", "--json"]).expect(0).json();
    assert_eq!((&status["status"], &status["nodes"][0]["instances"][0]["state"]), (&json!("up"), &json!("ok")));
    let again = cli.run(["up", "--detach"]).expect(0);
    assert!(again.stderr.contains("up already"), "{again:?}");
    let pids = fabric.pids();
    cli.run(["down"]).expect(0);
    for part in ["nats", "broker", "worker"] {
        assert!(!is_alive(&pids[part]), "{part} still runs after down");
    }
    assert!(cli.run(["down"]).expect(0).stdout.contains("was not running"));
    cli.run(["vmix", "cut", "myvmix"]).expect(5);
    drop(vmix);
}

#[test]
fn a_dry_run_logs_nothing_and_no_wait_returns_with_the_receipt() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let head = || fabric.cli.run(["witness", "head", "--json"]).expect(0).json()["index"].as_u64().unwrap();
    let before = head();
    let dry = fabric.cli.run(["vmix", "cut", "myvmix", "--input", "2", "--dry-run", "--json"]).expect(0).json();
    assert_eq!((&dry["status"], &dry["witness"]), (&json!("would_accept"), &Value::Null));
    fabric.cli.run(["vmix", "cut", "nobody", "--dry-run"]).expect(3);
    assert_eq!(head(), before);
    let sent = fabric.cli.run(["vmix", "cut", "myvmix", "--input", "2", "--no-wait", "--json"]).expect(0).json();
    assert_eq!((&sent["status"], &sent["result_witness"]), (&json!("pending"), &Value::Null));
    let id = sent["command_id"].as_str().unwrap();
    until("the result", || {
        fabric.cli.run(["witness", "show", id, "--json"]).expect(0).json()["operation"]["status"] == "succeeded"
    });
}

#[test]
fn the_witness_is_searched_shown_verified_and_exported() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let cli = &fabric.cli;
    let trace = "0123456789abcdef0123456789abcdef";
    let first = cli
        .run(["vmix", "cut", "myvmix", "--input", "2", "--trace", trace, "--why", "because", "--json"])
        .expect(0)
        .json();
    cli.run(["vmix", "preview", "myvmix", "--input", "4", "--trace", trace]).expect(0);
    let id = first["command_id"].as_str().unwrap();
    let log =
        cli.run(["witness", "log", "--operation", "vmix.cut", "--since", "1 hour ago", "--json"]).expect(0).json();
    assert_eq!((log["rows"].as_array().unwrap().len(), &log["rows"][0]["command"]), (1, &json!(id)));
    let shown = cli.run(["witness", "show", id, "--json"]).expect(0).json();
    assert_eq!(shown["entries"][0]["payload"]["why"], json!("because"));
    assert_eq!(shown["entries"][0]["body"]["operation"], json!("vmix.cut"));
    assert!(shown["entries"].as_array().unwrap().iter().all(|e| e["signature_verified"] == true));
    let chain = cli.run(["witness", "chain", "--trace-from", id, "--json"]).expect(0).json();
    let operations = chain["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 2, "both commands of the trace");
    let steps: Vec<_> =
        operations[0]["links"].as_array().unwrap().iter().map(|l| l["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["command", "admission", "work", "result", "settlement"]);
    let tree = cli.run(["witness", "chain", "--trace-from", id]).expect(0).stdout;
    assert!(tree.contains(trace) && tree.contains("└─ settlement"), "{tree}");
    let secret = ["vmix", "stream", "set", "myvmix", "--channel", "1", "--key", "geheim", "--json"];
    let configured = cli.run(secret).expect(4).json();
    let id_of_secret = configured["command_id"].as_str().unwrap();
    for shown in [cli.run(["witness", "show", id_of_secret]), cli.run(["witness", "show", id_of_secret, "--json"])] {
        assert!(shown.stdout.contains("[redacted]") && !shown.stdout.contains("geheim"), "{}", shown.stdout);
    }
    let head = cli.run(["witness", "head", "--json"]).expect(0);
    let saved = cli.path("head.json");
    fs::write(&saved, &head.stdout).unwrap();
    let index = head.json()["index"].as_u64().unwrap();
    cli.run(["vmix", "status", "myvmix"]).expect(0);
    let saved = saved.display().to_string();
    let verified = cli.run(["witness", "verify", "--against", &saved, "--operation-id", id, "--json"]).expect(0).json();
    assert_eq!((&verified["entries"], &verified["anchor_pinned"]), (&json!(index + 3), &json!(true)));
    assert_eq!((&verified["against"]["index"], verified["operation"].as_array().unwrap().len()), (&json!(index), 2));
    let (all, part) = (cli.path("all.ifx").display().to_string(), cli.path("part.ifx").display().to_string());
    cli.run(["witness", "export", "--out", &all]).expect(0);
    cli.run(["witness", "export", "--from", "2", "--to", "3", "--out", &part]).expect(0);
    cli.run(["witness", "export", "--out", &all]).expect(2);
    cli.run(["witness", "export", "--from", "9999", "--out", &cli.path("none").display().to_string()]).expect(2);
    let genesis = cli.home().join("genesis.bin").display().to_string();
    cli.run(["down"]).expect(0);
    for file in [&all, &part] {
        cli.run(["witness", "verify", "--file", file, "--trust", &genesis]).expect(0);
    }
    cli.run(["witness", "verify", "--file", &all, "--against", &saved]).expect(0);
}

#[test]
fn a_tail_follows_without_gaps() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let mut command = fabric.cli.command(["witness", "tail", "--from", "0", "--json"]);
    let mut tail = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&next()["kind"]), &json!("genesis"));
    fabric.cli.run(["vmix", "cut", "myvmix", "--input", "2"]).expect(0);
    fabric.cli.run(["vmix", "cut", "myvmix", "--input", "3"]).expect(0);
    for index in 1..=4 {
        assert_eq!(next()["index"], json!(index));
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[test]
fn live_state_is_watched_and_offered_at_the_tab_key() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let state = || fabric.cli.run(["vmix", "watch", "myvmix", "--once", "--json"]).expect(0).json();
    until("the state", || state()["fresh"] == json!(true) && state()["values"]["tally.program"] == json!(1));
    fabric.cli.run(["vmix", "cut", "myvmix", "--input", "3"]).expect(0);
    until("the cut in the state", || state()["values"]["tally.program"] == json!(3));
    let below = fabric.cli.run(["watch", "vmix/myvmix", "--once", "--json", "--path", "tally"]).expect(0).json();
    let paths: Vec<_> = below["values"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(paths, ["tally.preview", "tally.program"]);
    let text = fabric.cli.run(["watch", "vmix/myvmix", "--once", "--path", "tally.program"]).expect(0);
    assert_eq!(text.stdout, "tally.program = 3\n");
    assert!(text.stderr.contains("vmix/myvmix on node") && text.stderr.contains("vMix"), "{}", text.stderr);
    fabric.cli.run(["watch", "vmix/nobody", "--once"]).expect(1);

    let mut shell = fabric.cli.command(["--", "ifctl", "vmix", "preview", "myvmix", "--input", "Cam"]);
    shell.env("IF_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "5").env("_CLAP_IFS", "\n");
    let offered = String::from_utf8(shell.output().unwrap().stdout).unwrap();
    assert!(offered.lines().any(|line| line == "Camera\\ 1"), "{offered:?}");

    let mut follow = fabric.cli.command(["watch", "vmix/myvmix", "--path", "tally.program", "--json"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["value"], json!(3));
    fabric.cli.run(["vmix", "cut", "myvmix", "--input", "2"]).expect(0);
    let change = next();
    assert_eq!(
        (&change["path"], &change["value"], &change["fresh"]),
        (&json!("tally.program"), &json!(2), &json!(true))
    );
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_killed_part_is_started_again_and_the_log_goes_on() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let before = fabric.pids();
    for part in ["broker", "worker", "nats"] {
        signal(before[part].as_i64().unwrap(), rustix::process::Signal::KILL);
        until("a new process", || fabric.pids()[part] != before[part]);
        until("an answer", || fabric.cli.run(["vmix", "status", "myvmix"]).code == 0);
    }
    fabric.cli.run(["witness", "verify"]).expect(0);
}

#[test]
fn what_a_killed_supervisor_left_is_cleaned_up() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let kill_supervisor = || {
        let pid = fs::read_to_string(fabric.cli.home().join("run/up.pid")).unwrap().trim().parse().unwrap();
        signal(pid, rustix::process::Signal::KILL);
        until("the end of the supervisor", || !is_alive(&json!(pid)));
    };
    let first = fabric.pids();
    kill_supervisor();
    fabric.cli.run(["up", "--detach"]).expect(0);
    assert!(!is_alive(&first["broker"]) && fabric.pids()["broker"] != first["broker"]);
    fabric.cli.run(["vmix", "status", "myvmix"]).expect(0);
    kill_supervisor();
    let second = fabric.pids();
    assert!(fabric.cli.run(["down"]).expect(0).stdout.contains("stopped what it left behind"));
    assert!(["nats", "broker", "worker"].iter().all(|part| !is_alive(&second[part])));
}

#[test]
fn a_part_that_cannot_start_is_an_error_with_its_own_words_and_nothing_stays_behind() {
    let cli = Cli::initialised();
    fs::write(cli.home().join("witness"), "not a directory").unwrap();
    for line in [["up"].as_slice(), &["up", "--detach"]] {
        let failed = cli.run(line);
        assert_ne!(failed.code, 0);
        assert!(
            failed.stderr.contains("error: broker ended") && failed.stderr.contains("hint: its log is "),
            "{line:?}: {}",
            failed.stderr
        );
        assert!(!cli.home().join("run/fabric.json").exists());
        assert!(cli.run(["down"]).expect(0).stdout.contains("was not running"));
    }
}

#[test]
fn the_foreground_fabric_stops_cleanly_when_told() {
    let cli = Cli::initialised();
    for stop in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut up = cli.command(["up"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("the fabric", || cli.home().join("run/fabric.json").exists());
        let pids: Value = serde_json::from_slice(&fs::read(cli.home().join("run/fabric.json")).unwrap()).unwrap();
        signal(i64::from(up.id()), stop);
        assert!(up.wait().unwrap().success());
        assert!(["nats", "broker", "worker"].iter().all(|part| !is_alive(&pids["pids"][part])));
        assert!(!cli.home().join("run/fabric.json").exists());
    }
}

#[test]
fn somebody_is_let_in_limited_and_shut_out_again() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let (cli, eve) = (&fabric.cli, Cli::default());
    let genesis = cli.home().join("genesis.bin").display().to_string();
    eve.run(["init", "--join", &genesis, "--name", "eve"]).expect(0);
    fs::copy(cli.home().join("nats/operator.nk"), eve.home().join("nats/operator.nk")).unwrap();
    let url = fabric.url();
    let as_eve = |line: &[&str]| eve.run(line.iter().chain(&["--nats", &url]));
    let unknown = as_eve(&["vmix", "status", "myvmix", "--json"]).expect(3).json();
    assert_eq!(unknown["error"]["code"], json!("unknown_key"));
    let public = eve.home().join("keys/ed25519.pub").display().to_string();
    cli.run(["trust", "add", "eve", "--file", &public, "--role", "operator", "--allow", "vmix.status", "obs.*"])
        .expect(0);
    as_eve(&["vmix", "status", "myvmix"]).expect(0);
    let denied = as_eve(&["vmix", "cut", "myvmix", "--json"]).expect(3).json();
    assert_eq!((&denied["error"]["code"], &denied["status"]), (&json!("not_allowed"), &json!("rejected")));
    assert!(denied["witness"]["index"].is_u64(), "an authentic refusal is in the log");
    as_eve(&["trust", "revoke", "danny"]).expect(3);
    let members = cli.run(["trust", "list", "--json"]).expect(0).json();
    assert_eq!(members["members"].as_array().unwrap().len(), 4);
    assert!(cli.run(["trust", "revoke", "evee"]).expect(2).stderr.contains("hint: did you mean eve?"));
    cli.run(["trust", "revoke", "eve"]).expect(0);
    assert_eq!(as_eve(&["vmix", "status", "myvmix", "--json"]).expect(3).json()["error"]["code"], json!("key_revoked"));
    cli.run(["trust", "revoke", "danny"]).expect(3);
    cli.run(["witness", "verify"]).expect(0);
}

#[test]
fn the_operators_key_is_rotated_and_the_old_one_is_worth_nothing() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let cli = &fabric.cli;
    let key_file = cli.home().join("keys/ed25519.key");
    let old = fs::read(&key_file).unwrap();
    cli.run(["key", "rotate"]).expect(0);
    let new = fs::read(&key_file).unwrap();
    assert_ne!(old, new);
    cli.run(["vmix", "status", "myvmix"]).expect(0);
    let left: Vec<_> =
        fs::read_dir(cli.home().join("keys")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(left.len(), 6, "{left:?}");
    fs::write(&key_file, old).unwrap();
    assert_eq!(cli.run(["vmix", "status", "myvmix", "--json"]).expect(3).json()["error"]["code"], json!("key_revoked"));
    fs::write(&key_file, new).unwrap();
    cli.run(["witness", "verify"]).expect(0);
}

#[test]
fn an_interrupted_rotation_goes_on_where_it_was() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let cli = &fabric.cli;
    let keys = cli.home().join("keys");
    // As after a crash between the answer of the broker and the renames: the log has the new key, the files do not.
    let old = fs::read(keys.join("ed25519.key")).unwrap();
    cli.run(["key", "rotate"]).expect(0);
    fs::rename(keys.join("ed25519.key"), keys.join("ed25519.key.new")).unwrap();
    fs::write(keys.join("ed25519.key"), &old).unwrap();
    fs::set_permissions(keys.join("ed25519.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert!(cli.run(["key", "rotate"]).expect(0).stdout.contains("in the log already"));
    cli.run(["vmix", "status", "myvmix"]).expect(0);
    // And between the two renames: only the new key is there.
    fs::rename(keys.join("ed25519.key"), keys.join("ed25519.key.new")).unwrap();
    cli.run(["key", "rotate"]).expect(0);
    cli.run(["vmix", "status", "myvmix"]).expect(0);
}

#[test]
fn nats_gone_while_waiting_is_said_within_three_seconds() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let supervisor: i64 = fs::read_to_string(fabric.cli.home().join("run/up.pid")).unwrap().trim().parse().unwrap();
    // The supervisor would start it again: stop it from doing so while we look.
    signal(supervisor, rustix::process::Signal::STOP);
    let mut command = fabric.cli.command([
        "vmix",
        "fade",
        "myvmix",
        "--input",
        "2",
        "--duration",
        "8s",
        "--deadline",
        "20s",
        "--json",
    ]);
    let waiting = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the command in flight", || fabric.cli.run(["status", "--json"]).json()["in_flight"] == 1);
    signal(fabric.pids()["nats"].as_i64().unwrap(), rustix::process::Signal::KILL);
    let began = Instant::now();
    let ended = support::ran(waiting.wait_with_output().unwrap());
    let took = began.elapsed();
    signal(supervisor, rustix::process::Signal::CONT);
    let document = ended.expect(5).json();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(document["status"], json!("pending"), "admitted, and nobody knows yet");
    assert!(
        document["witness"]["index"].is_u64() && document["error"]["hint"].as_str().unwrap().contains("witness show")
    );
}

/// Answers every command before the broker can: with nothing, with garbage, and with a refusal signed by the broker
/// itself, which it gets by sending it a spoiled copy.
async fn answer_falsely(url: String, operator: String, broker: String, ready: std::sync::mpsc::Sender<()>) {
    use if_bus::{Bus, BusRole, ConnectOptions};
    let connect = |role, seed: String| {
        let options = ConnectOptions { url: url.clone(), name: "hostile".into(), role, nkey_seed: Some(seed) };
        async move { Bus::connect(&options).await.unwrap() }
    };
    let (victim_side, broker_side) =
        (connect(BusRole::Broker, broker).await, connect(BusRole::Operator, operator).await);
    let mut commands = victim_side.subscribe(if_schemas::subject::COMMANDS).await.unwrap();
    victim_side.flush().await.unwrap();
    ready.send(()).unwrap();
    while let Some(message) = commands.next().await {
        let mut spoiled = message.payload.to_vec();
        let Some(byte) = spoiled.last_mut() else { continue };
        *byte ^= 1;
        if message.reply.as_deref().is_some_and(|r| r.starts_with("_INBOX_operator")) && message.payload.len() > 100 {
            victim_side.reply(&message, Vec::new()).await.unwrap();
            victim_side.reply(&message, b"garbage".to_vec()).await.unwrap();
            let refusal = broker_side.request(&message.subject, spoiled, Duration::from_secs(2)).await;
            if let Ok(refusal) = refusal {
                victim_side.reply(&message, refusal.to_vec()).await.unwrap();
            }
        }
    }
}

#[test]
fn false_answers_on_the_bus_change_nothing_of_what_is_said() {
    let (fabric, _vmix) = Fabric::with_vmix();
    let seed =
        |role: &str| fs::read_to_string(fabric.cli.home().join(format!("nats/{role}.nk"))).unwrap().trim().to_string();
    let (url, operator, broker) = (fabric.url(), seed("operator"), seed("broker"));
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(answer_falsely(url, operator, broker, ready));
    });
    is_ready.recv_timeout(PATIENCE).unwrap();
    for input in ["2", "3", "1"] {
        let cut = fabric.cli.run(["vmix", "cut", "myvmix", "--input", input, "--json"]).expect(0).json();
        assert_eq!(cut["status"], json!("succeeded"));
    }
    let denied = fabric.cli.run(["vmix", "cut", "nobody", "--json"]).expect(3).json();
    assert_eq!(denied["error"]["code"], json!("no_worker"), "the true refusal, not the provoked one");
}
