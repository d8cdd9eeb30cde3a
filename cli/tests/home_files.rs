//! What works without a fabric: init, instances, providers, configuration, keys.

mod support;

use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use support::{Cli, golden};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_makes_private_files_and_a_genesis_that_names_three_members() {
    let cli = Cli::default();
    let document = cli.run(["init", "--name", "danny", "--json"]).expect(0).json();
    let roles: Vec<_> =
        document["members"].as_array().unwrap().iter().map(|m| (m["name"].clone(), m["role"].clone())).collect();
    for member in [("danny", "admin"), ("broker", "broker"), ("local", "worker")] {
        assert!(roles.contains(&(json!(member.0), json!(member.1))), "{roles:?}");
    }
    assert_eq!(mode(&cli.home()), 0o700);
    for file in [
        "keys/ed25519.key",
        "keys/broker.key",
        "keys/worker.key",
        "nats/operator.nk",
        "nats/worker.nk",
        "nats/broker.nk",
        "config.yaml",
    ] {
        assert_eq!(mode(&cli.home().join(file)), 0o600, "{file}");
    }
    cli.run(["config", "check"]).expect(0);
}

#[test]
fn init_again_changes_nothing_and_an_interrupted_one_is_completed() {
    let cli = Cli::initialised();
    let snapshot = |cli: &Cli| {
        let files = [
            "genesis.bin",
            "keys/ed25519.key",
            "keys/broker.key",
            "keys/worker.key",
            "nats/nats.conf",
            "nats/broker.nk",
            "config.yaml",
        ];
        files.map(|f| fs::read(cli.home().join(f)).unwrap())
    };
    let before = snapshot(&cli);
    let again = cli.run(["init", "--name", "somebody-else", "--json"]).expect(0).json();
    assert_eq!(again["created"], json!([]));
    assert_eq!(snapshot(&cli), before);
    fs::remove_file(cli.home().join("genesis.bin")).unwrap();
    fs::remove_file(cli.home().join("nats/nats.conf")).unwrap();
    let completed = cli.run(["init", "--name", "danny", "--json"]).expect(0).json();
    assert_eq!(completed["created"].as_array().unwrap().len(), 2);
    let after = snapshot(&cli);
    assert_eq!(after[1..4], before[1..4], "keys must stay");
    assert_eq!(after[4], before[4], "the same keys make the same NATS configuration");
}

#[test]
fn init_never_makes_a_genesis_beside_a_log_it_does_not_belong_to() {
    let cli = Cli::initialised();
    fs::remove_file(cli.home().join("genesis.bin")).unwrap();
    fs::create_dir(cli.home().join("witness")).unwrap();
    let refused = cli.run(["init"]).expect(64);
    assert!(refused.stderr.contains("hint: restore genesis.bin"), "{}", refused.stderr);
}

#[test]
fn another_machine_joins_with_a_key_of_its_own() {
    let cli = Cli::initialised();
    let genesis = cli.home().join("genesis.bin").display().to_string();
    let other = Cli::default();
    let joined = other.run(["init", "--join", &genesis, "--worker", "--name", "studio2", "--json"]).expect(0).json();
    let key = fs::read_to_string(other.home().join("keys/worker.pub")).unwrap();
    assert_eq!(joined["member"]["key"], json!(key.trim()));
    assert_eq!(
        joined["admin_runs"],
        json!(format!("ifctl trust add studio2 --key {} --role worker --allow '*'", key.trim()))
    );
    assert!(!other.home().join("keys/broker.key").exists() && !other.home().join("keys/ed25519.key").exists());
    // What belongs to a fabric elsewhere becomes no fabric of its own, and does not start one.
    assert!(other.run(["init"]).expect(64).stderr.contains("belongs to a fabric with another broker"));
    assert!(other.run(["up"]).expect(64).stderr.contains("joined a fabric that runs elsewhere"));
    let third = Cli::initialised();
    let third_genesis = third.home().join("genesis.bin").display().to_string();
    assert!(other.run(["init", "--join", &third_genesis]).expect(64).stderr.contains("another fabric"));
}

#[test]
fn garbage_is_no_genesis() {
    let cli = Cli::initialised();
    let file = cli.path("garbage");
    for garbage in [b"".as_slice(), b"hello", &[0xff; 100_000]] {
        fs::write(&file, garbage).unwrap();
        let other = Cli::default();
        other.run(["init".as_ref(), "--join".as_ref(), file.as_os_str()]).expect(64);
        assert!(!other.home().join("genesis.bin").exists());
    }
    fs::write(cli.home().join("genesis.bin"), b"hello").unwrap();
    cli.run(["vmix", "cut", "my"]).expect(64);
}

#[test]
fn instances_are_added_listed_and_removed_without_a_fabric() {
    let cli = Cli::initialised();
    let added = cli.run(["vmix", "add", "myvmix", "--host", "192.168.1.100"]).expect(0);
    assert_eq!(
        cli.portable(&added.stdout),
        "vmix/myvmix added to DIR/home/providers/vmix.yaml\nThe fabric is not running: `if up` serves it.\n"
    );
    cli.run(["vmix", "add", "sim", "--host", "127.0.0.1", "--tcp-port", "8199", "--simulated", "--disabled"]).expect(0);
    assert_eq!(
        cli.run(["vmix", "add", "sim", "--host", "h"]).expect(2).stderr.lines().last(),
        Some("hint: choose another name, or `ifctl vmix remove sim` first")
    );
    let listed = cli.run(["vmix", "list"]).expect(0);
    golden("vmix_list.txt", &listed.stdout);
    let document = cli.run(["vmix", "list", "--json"]).expect(0).json();
    assert_eq!(document["fabric_up"], json!(false));
    assert_eq!(document["instances"][1]["settings"], json!({"host": "127.0.0.1", "port": 8088, "tcp_port": 8199}));
    assert_eq!(
        (&document["instances"][1]["enabled"], &document["instances"][1]["simulated"]),
        (&json!(false), &json!(true))
    );
    let near = cli.run(["vmix", "remove", "myvmx"]).expect(2);
    assert!(near.stderr.contains("hint: did you mean myvmix?"), "{}", near.stderr);
    cli.run(["vmix", "remove", "myvmix"]).expect(0);
    assert!(!cli.run(["vmix", "list"]).expect(0).stdout.contains("myvmix"));
}

#[test]
fn secrets_are_warned_of_and_never_shown() {
    let cli = Cli::initialised();
    let added = cli.run(["obs", "add", "a", "--host", "h", "--password", "hunter2"]).expect(0);
    assert!(
        added.stderr.contains("warning: the password itself is now in") && !added.stderr.contains("hunter2"),
        "{added:?}"
    );
    assert!(!added.stdout.contains("hunter2"));
    let referred = cli.run(["obs", "add", "b", "--host", "h", "--password", "env:OBS_PASSWORD"]).expect(0);
    assert_eq!(referred.stderr, "");
    assert_eq!(mode(&cli.home().join("providers/obs.yaml")), 0o600);
    for line in [["obs", "list"].as_slice(), &["obs", "list", "--json"], &["config", "check"], &["config", "show"]] {
        let shown = cli.run(line).expect(0);
        assert!(!shown.stdout.contains("hunter2") && !shown.stderr.contains("hunter2"), "{line:?}");
    }
    let document = cli.run(["obs", "list", "--json"]).json();
    assert_eq!(document["instances"][0]["secrets"], json!({"password": "literal"}));
    assert_eq!(document["instances"][1]["secrets"], json!({"password": "env:OBS_PASSWORD"}));
}

#[test]
fn a_secret_may_come_from_stdin() {
    let cli = Cli::initialised();
    let secret = cli.path("secret");
    fs::write(&secret, "from stdin\n").unwrap();
    let mut command = cli.command(["obs", "add", "a", "--host", "h", "--password", "-"]);
    command.stdin(fs::File::open(&secret).unwrap());
    support::ran(command.output().unwrap()).expect(0);
    let file = fs::read_to_string(cli.home().join("providers/obs.yaml")).unwrap();
    assert!(file.contains("password: \"from stdin\"\n"), "{file}");
}

#[test]
fn providers_describe_themselves() {
    let cli = Cli::default();
    golden("provider_list.txt", &cli.run(["provider", "list"]).expect(0).stdout);
    golden("provider_show_obs.txt", &cli.run(["provider", "show", "obs"]).expect(0).stdout);
    let document = cli.run(["provider", "show", "vmix", "--json"]).expect(0).json();
    let ids: Vec<_> = document["operations"].as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"vmix.cut") && ids.contains(&"vmix.status"), "{ids:?}");
}

#[test]
fn wrong_files_are_named_with_their_line_and_what_to_do() {
    let cli = Cli::initialised();
    let broken: &[(&str, &str, &str)] = &[
        (
            "config.yaml",
            "if:\n  witnes: {}\n",
            "config.yaml:2:3: unknown key \"witnes\" in if\nhint: did you mean \"witness\"?",
        ),
        ("config.yaml", "if: [\n", "config.yaml:"),
        (
            "config.yaml",
            "if:\n  witness: {enabled: 7}\n",
            "config.yaml:2:22: if.witness.enabled is a number, expected true or false",
        ),
        ("providers/vmix.yaml", "instances:\n  a: {host: h, prot: 1}\n", "unknown key \"prot\""),
    ];
    for (file, text, says) in broken {
        let path = cli.home().join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, text).unwrap();
        let checked = cli.run(["config", "check"]).expect(64);
        assert!(checked.stderr.contains(says), "{file}: {}", checked.stderr);
        match before {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
    cli.run(["config", "check"]).expect(0);
}

#[test]
fn a_key_others_can_read_is_refused() {
    let cli = Cli::initialised();
    let key = cli.home().join("keys/ed25519.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    for line in [["vmix", "cut", "my"].as_slice(), &["config", "check"], &["trust", "revoke", "x"]] {
        let refused = cli.run(line).expect(64);
        assert!(refused.stderr.contains("hint: chmod 600 "), "{line:?}: {}", refused.stderr);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(cli.home().join("keys/broker.key"), fs::Permissions::from_mode(0o640)).unwrap();
    let refused = cli.run(["up", "--detach"]).expect(64);
    assert!(refused.stderr.contains("keys/broker.key") && refused.stderr.contains("chmod 600"), "{}", refused.stderr);
}

#[test]
fn before_init_every_command_says_so() {
    let cli = Cli::default();
    for line in [
        ["vmix", "cut", "my"].as_slice(),
        &["up"],
        &["status"],
        &["witness", "log"],
        &["trust", "list"],
        &["key", "show"],
        &["key", "rotate"],
    ] {
        let refused = cli.run(line).expect(64);
        assert!(refused.stderr.contains("ifctl init"), "{line:?}: {}", refused.stderr);
    }
    assert!(!cli.home().join("keys").exists(), "asking must not create anything");
}

#[test]
fn the_product_owners_files_are_accepted_as_written() {
    let cli = Cli::initialised();
    let config = "# ~/.if/config.yaml - Global config\nif:\n  witness:\n    enabled: true\n    signing_key: ~/.if/keys/ed25519.key\n  optimise:\n    enabled: true\n    budget_alerts: true\n    cost_tracking: true\n  ground:\n    philosophy: wu_lun\n    principles:\n      - open_source_first\n      - validate_with_toolchain\n      - observability_without_fragility\n";
    fs::write(cli.home().join("config.yaml"), config).unwrap();
    let vmix = "instances:\n  myvmix:\n    host: 192.168.1.100\n    port: 8088\n    enabled: true\n  studio2:\n    host: 192.168.1.101\n    port: 8088\n    enabled: false\n";
    fs::write(cli.home().join("providers/vmix.yaml"), vmix).unwrap();
    cli.run(["config", "check"]).expect(0);
    let document = cli.run(["vmix", "list", "--json"]).expect(0).json();
    assert_eq!(document["instances"][0]["name"], json!("myvmix"));
    assert_eq!(document["instances"][1]["enabled"], json!(false));
}

#[test]
fn the_nats_configuration_follows_the_program_until_it_is_taken_over() {
    let cli = Cli::initialised();
    let file = cli.home().join("nats/nats.conf");
    let current = fs::read_to_string(&file).unwrap();
    // `up` fails here, since there is no such nats-server, but only after it has looked at the file.
    let up = || support::ran(cli.command(["up"]).env("IF_NATS_SERVER", "/nonexistent").output().unwrap()).expect(64);
    let older = current.replace("if.query.>", "if.query.log");
    assert_ne!(older, current);
    fs::write(&file, &older).unwrap();
    assert!(up().stderr.contains("was brought up to date"));
    assert_eq!(fs::read_to_string(&file).unwrap(), current);
    assert!(!up().stderr.contains("was brought up to date"));
    let own = older.lines().skip(1).collect::<Vec<_>>().join("\n");
    fs::write(&file, &own).unwrap();
    assert!(!up().stderr.contains("was brought up to date"));
    assert_eq!(fs::read_to_string(&file).unwrap(), own);
}

#[test]
fn a_providers_folder_is_checked_and_its_cases_run() {
    let cli = Cli::default();
    let providers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../workers/providers");
    let checked =
        cli.run(["provider", "check", &providers.join("telegram").to_string_lossy(), "--json"]).expect(0).json();
    assert_eq!((&checked["ok"], &checked["missing"]), (&json!(true), &json!([])), "{checked}");
    assert!(checked["cases"].as_array().unwrap().len() >= 4, "{checked}");

    let copy = cli.home().join("telegram");
    std::fs::create_dir_all(copy.join("cases")).unwrap();
    let manifest = std::fs::read_to_string(providers.join("telegram/manifest.yaml")).unwrap();
    std::fs::write(copy.join("manifest.yaml"), &manifest).unwrap();
    let ok = std::fs::read_to_string(providers.join("telegram/cases/ok-send.json")).unwrap();
    std::fs::write(copy.join("cases/ok.json"), ok.replace("sendMessage", "sendNothing")).unwrap();
    let path = copy.to_string_lossy();
    let wrong = cli.run(["provider", "check", &path]).expect(1);
    assert!(wrong.stdout.contains("sendNothing") && wrong.stderr.contains("do not come out"), "{wrong:?}");
    std::fs::write(copy.join("manifest.yaml"), manifest.replace("summary:", "sumary:")).unwrap();
    let broken = cli.run(["provider", "check", &path]).expect(64);
    assert!(broken.stderr.contains("manifest.yaml:") && broken.stderr.contains("summary"), "{}", broken.stderr);
}
