//! The profiles that come with the product, and what a new one begins with.

mod common;

use common::{compile_all, name, shown, sources};
use if_profile::{SCHEMA_FILE, builtins, json_schema, outline, template};
use if_schemas::{
    Plan, codec,
    plan::{Act, Undo},
};
use std::path::Path;

fn plan(root: &str, vars: &[(&str, &str)]) -> Plan {
    let compiled = compile_all(&builtins(), root, vars).unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    assert_eq!(compiled.warnings, [], "{root}: {}", shown(&compiled.warnings));
    let bytes = codec::encode("plan", &compiled.plan).unwrap();
    assert_eq!(codec::decode::<Plan>("plan", &bytes).unwrap(), compiled.plan, "{root}");
    compiled.plan.check().unwrap();
    compiled.plan
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn live_streaming_studio_can_be_undone_step_by_step() {
    let plan = plan("live-streaming-studio", &[("lights", "light.bed_light,light.office"), ("output", "record")]);
    assert_eq!(
        ids(&plan),
        ["lights[0]", "lights[1]", "lights", "cameras[0]", "cameras", "scene", "virtualcam", "record", "on-air"]
    );
    let step = |id: &str| plan.steps.iter().find(|s| s.id == id).unwrap();
    for id in ["lights[0]", "lights[1]", "scene", "record", "on-air"] {
        assert!(matches!(step(id).undo, Undo::Restore(_)), "{id}: {:?}", step(id).undo);
    }
    assert_eq!(step("virtualcam").skip.as_deref(), Some("${output}==virtualcam does not hold"));
    assert_eq!(step("record").skip, None);
}

#[test]
fn emergency_shutdown_waits_for_nothing() {
    let plan = plan("emergency-shutdown", &[("keep_recording", "false")]);
    assert!(plan.steps.iter().all(|s| s.needs.is_empty() && s.when.is_empty() && s.skip.is_none()));
    assert!(plan.steps.iter().all(|s| s.undo == Undo::Needless && s.guard.is_none()));
}

#[test]
fn redundant_stream_starts_the_backup_once_in_either_mode() {
    for (mode, done) in [("standby", 2), ("both", 1)] {
        let plan = plan("redundant-stream", &[("mode", mode)]);
        let starts = plan.steps.iter().filter(|s| s.skip.is_none());
        let starts =
            starts.filter(|s| matches!(&s.act, Act::Command(c) if c.operation.as_str() == "vmix.stream.start"));
        assert_eq!(starts.count(), done, "{mode}");
    }
}

#[test]
fn production_alert_goes_to_every_chat() {
    let plan = plan("production-alert", &[("text", "Stand by"), ("chats", "telegram/desk")]);
    let targets: Vec<String> = plan.steps.iter().filter_map(|s| s.call()).map(|c| c.target.to_string()).collect();
    assert_eq!(targets, ["telegram/desk", "ha/myhome", "ha/myhome"]);
    let problems = compile_all(&builtins(), "production-alert", &[]).unwrap_err();
    assert_eq!(shown(&problems), "--set text: text has no default and must be given (what is said)\n");
}

#[test]
fn motion_recording_leaves_the_recording_of_others_alone() {
    let plan = plan("motion-recording", &[]);
    assert_eq!(ids(&plan), ["record", "least", "quiet", "stop", "tell"]);
    assert!(plan.steps.iter().all(|s| !s.when.is_empty()));
}

#[test]
fn built_ins_and_a_new_one_are_valid_by_the_published_schema() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../json").join(SCHEMA_FILE);
    let published: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let said = "run `cargo run -p if-manifest --example make_schemas`";
    assert_eq!(published, serde_json::to_value(json_schema()).unwrap(), "{SCHEMA_FILE} is out of date: {said}");
    let schema = jsonschema::validator_for(&published).unwrap();
    let new = template(&name("mine"));
    let mut all: Vec<String> = builtins().into_values().map(|source| source.text).collect();
    all.push(new.clone());
    for text in all {
        let tree = if_manifest::yaml::parse(&text).unwrap().unwrap().to_json();
        let found: Vec<String> = schema.iter_errors(&tree).map(|e| e.to_string()).collect();
        assert!(found.is_empty(), "{found:#?}\n{text}");
    }
    let compiled = compile_all(&sources(&[("mine", &new)]), "mine", &[]).unwrap_or_else(|p| panic!("{}", shown(&p)));
    assert_eq!(compiled.warnings, []);
}

#[test]
fn unknown_keys_are_refused_by_the_schema_too() {
    let schema = jsonschema::validator_for(&serde_json::to_value(json_schema()).unwrap()).unwrap();
    for place in ["", "/vars/obs", "/steps/0"] {
        let mut tree = if_manifest::yaml::parse(&template(&name("mine"))).unwrap().unwrap().to_json();
        assert!(schema.is_valid(&tree));
        tree.pointer_mut(place).unwrap()["unknown"] = 1.into();
        assert!(!schema.is_valid(&tree), "an unknown key at {place:?} is valid");
    }
}

#[test]
fn a_list_needs_no_fabric() {
    for (name, source) in builtins() {
        let outline = outline(&name, &source).unwrap_or_else(|problems| panic!("{}", shown(&problems)));
        assert!(!outline.description.is_empty() && !outline.steps.is_empty(), "{name}");
        let json = serde_json::to_value(&outline).unwrap();
        assert!(json["vars"].as_object().unwrap().values().all(|var| var["type"].is_string()), "{json}");
    }
}
