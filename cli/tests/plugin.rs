//! `plugin` with and without a fabric.

mod support;

use serde_json::Value;
use std::fs;
use support::{Cli, Ran};

fn row(ran: &Ran, id: &str) -> Value {
    let document = ran.json();
    let rows = document["plugins"].as_array().unwrap();
    rows.iter().find(|r| r["id"] == id).cloned().unwrap_or_else(|| panic!("no {id} in {document}"))
}

#[test]
fn a_new_plugin_works_without_a_change() {
    let cli = Cli::initialised();
    for category in ["studio", "chat"] {
        cli.run(["plugin", "new", category, "--category", category]).expect(0);
        let checked = cli.run(["plugin", "check", category, "--json"]).expect(0).json();
        let family = if category == "studio" { "studio" } else { "chat" };
        assert_eq!(checked["operations"][format!("{family}.write")], "idempotent", "{checked}");
        assert_eq!(checked["hash"].as_str().map(str::len), Some(64));
    }
    let again = cli.run(["plugin", "new", "chat"]).expect(2);
    assert!(again.stderr.contains("already"), "{again:?}");
    assert!(cli.run(["plugin", "new", "vmix"]).expect(2).stderr.contains("choose another id"));
    assert!(cli.run(["plugin", "new", "No Name"]).expect(2).stderr.contains("plugin id"));
}

#[test]
fn a_check_says_what_is_wrong() {
    let cli = Cli::initialised();
    cli.run(["plugin", "new", "note"]).expect(0);
    let folder = cli.home().join("plugins/note");
    let (yaml, code) = (folder.join("plugin.yaml"), folder.join("plugin.py"));
    let (good_yaml, good_code) = (fs::read_to_string(&yaml).unwrap(), fs::read_to_string(&code).unwrap());
    fs::write(&yaml, good_yaml.replace("summary: keeps", "sumary: keeps")).unwrap();
    let ran = cli.run(["plugin", "check", "note"]).expect(64);
    assert!(ran.stderr.contains("plugin.yaml:6:1") && ran.stderr.contains("did you mean \"summary\"?"), "{ran:?}");
    assert_eq!(row(&cli.run(["plugin", "list", "--json"]).expect(0), "note")["state"], "broken");
    fs::write(&yaml, &good_yaml).unwrap();
    fs::write(&code, good_code.replace("\"idempotent\"", "\"once\"")).unwrap();
    let ran = cli.run(["plugin", "check", "note"]).expect(1);
    assert!(ran.stderr.contains("note.write is Once there and Idempotent"), "{ran:?}");
    fs::write(&code, "import sys\nprint('out of luck', file=sys.stderr)\nsys.exit(5)\n").unwrap();
    let ran = cli.run(["plugin", "check", "note"]).expect(1);
    assert!(ran.stderr.contains("exit status: 5") && ran.stderr.contains("out of luck"), "{ran:?}");
    assert!(cli.run(["plugin", "check", "nothing"]).expect(2).stderr.contains("there is no plugin nothing"));
    // By path, from anywhere.
    let elsewhere = cli.path("note");
    fs::rename(&folder, &elsewhere).unwrap();
    fs::write(elsewhere.join("plugin.py"), &good_code).unwrap();
    cli.run(["plugin", "check", "./note"]).expect(0);
}

#[test]
fn without_a_fabric_nothing_is_trusted_by_mistake() {
    let cli = Cli::initialised();
    assert!(cli.run(["plugin", "list"]).expect(0).stdout.contains("no plugin yet"));
    cli.run(["plugin", "new", "note"]).expect(0);
    fs::create_dir_all(cli.home().join("plugins/data")).unwrap();
    fs::write(cli.home().join("plugins/data/manifest.yaml"), "").unwrap();
    let listed = cli.run(["plugin", "list", "--json"]).expect(0);
    assert_eq!(
        (row(&listed, "note")["state"].as_str(), row(&listed, "note")["kind"].as_str()),
        (Some("unknown"), Some("executable"))
    );
    assert_eq!(row(&listed, "data")["kind"], "manifest");
    let asked = cli.run(["plugin", "trust", "note"]).expect(2);
    assert!(
        asked.stderr.contains("--yes") && asked.stderr.contains("plugin.py"),
        "it shows the files and asks: {asked:?}"
    );
    cli.run(["plugin", "trust", "note", "--yes"]).expect(5);
    cli.run(["plugin", "untrust", "note"]).expect(5);
}
