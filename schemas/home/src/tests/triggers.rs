use crate::triggers::{self, Call, Compare, Profile, Run, StateMatch, Test, Trigger, Watch};
use if_schemas::{Name, Status};
use serde_json::{Map, Value, json};
use std::{path::PathBuf, time::Duration};

fn watch(text: &str) -> Watch {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn state(text: &str) -> StateMatch {
    match watch(text) {
        Watch::State(state) => state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_looked_at_reads_and_shows_as_the_same_text() {
    for text in [
        "vmix/myvmix:tally.program==3",
        "vmix/myvmix:tally.program",
        "vmix/myvmix:inputs.Camera=201.muted==true",
        "ha/home:sensor.temperature>=21.5",
        "ha/home:light.kitchen!=on",
        "obs/myobs:scene==\"3\"",
        "vmix/myvmix:_state!=ok",
        "vmix.cut@vmix/myvmix",
        "vmix.cut@vmix/myvmix==failed",
    ] {
        assert_eq!(watch(text).to_string(), text);
    }
    let spaced = state("vmix/myvmix: tally.program == Close up ");
    assert_eq!(spaced.test, Some(Test { compare: Compare::Is, value: json!("Close up") }));
    let Watch::Result(result) = watch("vmix.cut@vmix/myvmix==indeterminate") else { panic!() };
    assert_eq!(result.status, Some(Status::Indeterminate));
}

#[test]
fn what_cannot_be_looked_at_is_refused_with_the_way_to_say_it() {
    for (text, what, hint) in [
        ("tally.program==3", "names no value", "vmix/myvmix:tally.program==3"),
        ("vmix:tally==3", "\"vmix\" is no instance", "PROVIDER/INSTANCE"),
        ("vmix/myvmix:==3", "\"\" is no path", "ifctl watch"),
        ("vmix/myvmix:tally program==3", "is no path", "ifctl watch"),
        ("vmix/myvmix:tally.program==", "nothing follows ==", "tally.program==3"),
        ("vmix/myvmix:tally.program===3", "cannot be read", "tally.program==3"),
        ("vmix/myvmix:tally.program>three", "> needs a number", "use == or !="),
        ("vmix.cut@vmix/myvmix==succeded", "no status", "did you mean succeeded?"),
        ("Vmix.Cut@vmix/myvmix", "no operation", "vmix.cut@vmix/myvmix"),
        ("vmix.cut@vmix", "\"vmix\" is no instance", "PROVIDER/INSTANCE"),
    ] {
        let error = text.parse::<Watch>().unwrap_err();
        assert!(error.what.contains(what) && error.hint.contains(hint), "{text}: {error:?}");
    }
}

#[test]
fn tests_compare_what_was_seen_as_people_mean_it() {
    let holds = |text: &str, value: Value| state(&format!("a/b:c{text}")).test.unwrap().holds(&value);
    assert!(holds("==3", json!(3)) && holds("==3", json!(3.0)) && holds("==3", json!("3")));
    assert!(!holds("==3", json!(4)) && !holds("==3", Value::Null));
    assert!(holds("==null", Value::Null) && holds("!=3", Value::Null));
    assert!(holds("==true", json!(true)) && !holds("==true", json!(1)));
    assert!(holds("==\"3\"", json!("3")) && !holds("==\"3\"", json!(3)));
    assert!(holds("<3", json!(2.5)) && !holds("<3", json!(3)) && holds("<=3", json!(3)));
    assert!(holds(">3", json!(4)) && holds(">=3", json!(3)));
    assert!(!holds(">3", json!("4")) && !holds("<3", Value::Null));
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("triggers.yaml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

const GOOD: &str = r#"triggers:
  # The second camera is the close-up.
  closeup:
    on: vmix/myvmix:tally.program==3
    if: obs/myobs:studio_mode==false
    debounce: 200ms
    cooldown: 2s
    run: {operation: obs.scene.switch, instance: obs/myobs, args: {scene: "Close-up"}}
  other: {on: "vmix.cut@vmix/myvmix==failed", run: {operation: chat.send, instance: telegram/desk}, enabled: false}
"#;

#[test]
fn a_file_reads_as_its_rules_and_a_wrong_rule_is_alone_in_that() {
    let (_dir, path) = file(&format!("{GOOD}  bad: {{on: nonsense, run: {{}}}}\n"));
    let rules = triggers::load_each(&path).unwrap();
    let get = |name: &str| rules.get(&name.parse::<Name>().unwrap()).unwrap();
    let closeup = get("closeup").as_ref().unwrap();
    assert_eq!(closeup.on, watch("vmix/myvmix:tally.program==3"));
    assert_eq!(closeup.conditions, [state("obs/myobs:studio_mode==false")]);
    assert_eq!((closeup.debounce, closeup.cooldown), (Duration::from_millis(200), Duration::from_secs(2)));
    let Run::Command(call) = &closeup.run else { panic!("{closeup:?}") };
    assert_eq!(call.args.get("scene"), Some(&json!("Close-up")));
    assert!(closeup.enabled && !get("other").as_ref().unwrap().enabled);
    let error = get("bad").as_ref().unwrap_err().to_string();
    assert!(error.contains("triggers.yaml:10:13: trigger bad: on: \"nonsense\" names no value\nhint: "), "{error}");
}

#[test]
fn every_wrong_rule_is_refused_with_its_place() {
    let rule = |rest: &str| {
        format!("triggers:\n  t:\n    on: vmix/a:b==1\n    run: {{operation: vmix.cut, instance: vmix/a}}\n{rest}")
    };
    for (text, place, what) in [
        (rule("    debounc: 1s\n"), ":5:5", "did you mean \"debounce\"?"),
        (rule("    debounce: fast\n"), ":5:15", "use a duration like 200ms"),
        (rule("    cooldown: 25h\n"), ":5:15", "at most 24h"),
        (rule("    deadline: 0s\n"), ":5:15", "use a duration"),
        (rule("    if: vmix/a:b\n"), ":5:9", "is no condition"),
        (rule("    enabled: maybe\n"), ":5:14", "expected true or false"),
        ("triggers:\n  t: {run: {operation: vmix.cut, instance: vmix/a}}\n".into(), ":2:3", "\"on\" is missing"),
        ("triggers:\n  t: {on: vmix/a:b, run: {instance: vmix/a}}\n".into(), ":2:26", "\"operation\" is missing"),
        (
            "triggers:\n  t: {on: vmix/a:b, run: {operation: Cut, instance: vmix/a}}\n".into(),
            ":2:38",
            "is no operation",
        ),
    ] {
        let (_dir, path) = file(&text);
        let rules = triggers::load_each(&path).unwrap();
        let error = rules.values().next().unwrap().as_ref().unwrap_err().to_string();
        assert!(error.contains(&format!("triggers.yaml{place}: ")) && error.contains(what), "{text}: {error}");
    }
    for (text, what) in
        [("rules: {}\n", "unknown key \"rules\""), ("triggers: {Bad Name: {}}\n", "not a valid trigger name")]
    {
        let (_dir, path) = file(text);
        let error = triggers::load_each(&path).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let (dir, _) = file("");
    assert!(triggers::load_each(&dir.path().join("none.yaml")).unwrap().is_empty());
}

#[test]
fn rules_are_added_and_removed_and_read_back_as_they_were() {
    let (_dir, path) = file(GOOD);
    let added = Trigger {
        on: watch("ha/home:light.kitchen==on"),
        conditions: vec![state("vmix/myvmix:_state==ok")],
        debounce: Duration::from_millis(1_500),
        cooldown: Duration::ZERO,
        run: Run::Command(Call {
            operation: "vmix.text.set".parse().unwrap(),
            target: "vmix/myvmix".parse().unwrap(),
            args: [("value".to_string(), json!("say \"hi\": 'ü' #1\n"))].into_iter().collect::<Map<_, _>>(),
        }),
        deadline: Duration::from_secs(3),
        enabled: true,
    };
    let name: Name = "title".parse().unwrap();
    triggers::add(&path, &name, &added).unwrap();
    assert!(triggers::add(&path, &name, &added).unwrap_err().to_string().contains("exists already"));
    let rules = triggers::load_each(&path).unwrap();
    assert_eq!(rules.get(&name).unwrap().as_ref().unwrap(), &added);
    triggers::set_enabled(&path, &name, false).unwrap();
    let off = triggers::load_each(&path).unwrap().remove(&name).unwrap().unwrap();
    assert_eq!(off, Trigger { enabled: false, ..added });
    triggers::remove(&path, &name).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), GOOD);
    let error = triggers::remove(&path, &"closup".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("no trigger closup") && error.contains("did you mean closeup?"), "{error}");
}

#[test]
fn a_rule_may_order_a_profile_and_is_either_that_or_a_command() {
    let (_dir, path) = file("triggers: {}\n");
    let set = [("obs".to_string(), "myobs".to_string()), ("count".to_string(), "3".to_string())].into();
    let run = Run::Profile(Profile { name: "motion".parse().unwrap(), set });
    let added = Trigger {
        on: watch("ha/home:entity.binary_sensor.hall.state==on"),
        conditions: Vec::new(),
        debounce: Duration::ZERO,
        cooldown: Duration::ZERO,
        deadline: run.deadline(),
        run,
        enabled: true,
    };
    let name: Name = "hall".parse().unwrap();
    triggers::add(&path, &name, &added).unwrap();
    assert!(!std::fs::read_to_string(&path).unwrap().contains("deadline"));
    assert_eq!(triggers::load_each(&path).unwrap().get(&name).unwrap().as_ref().unwrap(), &added);

    let wrong = [
        ("{profile: motion, instance: obs/x}", "\"instance\" does not go with the rest"),
        ("{operation: vmix.cut, instance: vmix/x, set: {a: b}}", "\"set\" does not go with the rest"),
        ("{profile: Motion}", "\"Motion\" is no profile name"),
        ("{profile: motion, set: {lights: [a, b]}}", "set: lights is no single value"),
        ("{profil: motion}", "did you mean"),
    ];
    for (run, why) in wrong {
        let (_dir, path) = file(&format!("triggers:\n  bad: {{on: \"vmix/m:recording\", run: {run}}}\n"));
        let rules = triggers::load_each(&path).unwrap();
        let error = rules.get(&"bad".parse::<Name>().unwrap()).unwrap().as_ref().unwrap_err();
        let text = format!("{} {:?}", error.message(), error.hint());
        assert!(text.contains(why), "{why}: {text}");
    }
}
