//! `docs/home-assistant.md` names every operation, and none that is not there.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::{collections::BTreeSet, path::Path};

#[test]
fn every_operation_is_in_the_table_with_its_command_line() {
    let spec = if_manifest::native::ha::spec();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/home-assistant.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `ha.")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, typed, vendor, confirmed] = cells[..] else { panic!("not four cells: {line}") };
        let id = id.trim_matches('`');
        let words = id.replace('.', " ");
        assert!(typed.starts_with(&format!("`ifctl {words} myhome")), "{id} is not typed {typed}");
        assert!(!vendor.is_empty() && !confirmed.is_empty(), "{line}");
        // A flag that is shown is one that is there.
        let operation = spec.operation(id).unwrap_or_else(|| panic!("the table has {id}, which is no operation"));
        for flag in typed.split(['[', ' ']).filter_map(|word| word.strip_prefix("--")) {
            let name = flag.trim_end_matches([']', '`']).replace('-', "_");
            assert!(operation.params.iter().any(|p| p.name == name && !p.positional), "{id} has no --{flag}");
        }
        rows.push(id.to_owned());
    }
    let known: BTreeSet<String> = spec.operations.iter().map(|o| o.id.clone()).collect();
    assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), known);
    assert_eq!(rows.len(), known.len(), "an operation is there twice");
}

#[test]
fn what_would_be_noticed_twice_is_done_once() {
    let spec = if_manifest::native::ha::spec();
    let once = spec.operations.iter().filter(|o| o.effect == if_schemas::Effect::Once).map(|o| o.id.as_str());
    let expected = BTreeSet::from([
        "ha.automation.trigger",
        "ha.event.fire",
        "ha.light.toggle",
        "ha.notify",
        "ha.scene.activate",
        "ha.script.run",
        "ha.service.call",
        "ha.switch.toggle",
        "ha.tts",
    ]);
    assert_eq!(once.collect::<BTreeSet<_>>(), expected);
}
