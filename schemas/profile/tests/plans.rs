//! What profiles become.

mod common;

use common::{compile_all, good, of, shown, sources};
use if_schemas::{
    Plan, StateMatch,
    payload::Arguments,
    plan::{Act, Args, Ended, OnFailure, Source, Step, Undo, When},
};
use serde_json::{Value, json};

fn step<'p>(plan: &'p Plan, id: &str) -> &'p Step {
    plan.steps.iter().find(|s| s.id == id).unwrap_or_else(|| panic!("no {id}"))
}

fn place(plan: &Plan, id: &str) -> u32 {
    u32::try_from(plan.steps.iter().position(|s| s.id == id).unwrap()).unwrap()
}

fn args(step: &Step) -> Value {
    match &step.call().unwrap().args {
        Args::Fixed(payload) => payload.read::<Arguments>().unwrap().args.into(),
        Args::Open(_) => panic!("{} is open", step.id),
    }
}

fn state(text: &str) -> StateMatch {
    text.parse().unwrap()
}

/// Steps of a profile without variables.
fn steps(list: &str) -> Plan {
    good(&format!("name: p\nsteps:\n{list}")).plan
}

#[test]
fn a_command_has_its_arguments_its_defaults_and_its_way_back() {
    let plan = steps(
        "  - {id: a, run: 'obs scene switch myobs \"Close up\"', timeout: 3s, confirm: 'obs/myobs:scene.program==Close up'}\n",
    );
    let a = step(&plan, "a");
    assert_eq!(args(a), json!({"scene": "Close up"}));
    assert_eq!((a.timeout_ms, a.retries, a.on_failure), (3_000, 0, OnFailure::Stop));
    assert_eq!(a.confirm.as_ref().unwrap().state.to_string(), "obs/myobs:scene.program==Close up");
    let Undo::Restore(restore) = &a.undo else { panic!("{:?}", a.undo) };
    assert_eq!(restore.record, [state("obs/myobs:scene.program")]);
    let way = &restore.ways[0];
    assert_eq!(way.when, [state("obs/myobs:scene.program!=null")]);
    let back = way.call.as_ref().unwrap();
    assert_eq!((back.operation.as_str(), back.target.to_string().as_str()), ("obs.scene.switch", "obs/myobs"));
    assert_eq!(back.args, Args::Open([("scene".into(), Source::Recorded(state("obs/myobs:scene.program")))].into()));
}

#[test]
fn the_way_back_is_about_the_same_thing() {
    let plan = steps("  - {id: a, run: ha light on myhome light.bed --brightness 9}\n");
    let Undo::Restore(restore) = &step(&plan, "a").undo else { panic!() };
    assert_eq!(restore.record[0], state("ha/myhome:entity.light=2Ebed.state"));
    let off = restore.ways[0].call.as_ref().unwrap();
    let Args::Fixed(payload) = &off.args else { panic!() };
    assert_eq!(Value::from(payload.read::<Arguments>().unwrap().args), json!({"entity": "light.bed"}));
    assert_eq!(off.operation.as_str(), "ha.light.off");
}

#[test]
fn both_ways_to_write_a_command_are_one() {
    let plan = steps(
        "  - {id: a, run: vmix fade myvmix --input 3 --duration 2s}\n  \
           - {id: b, needs: a, run: {operation: vmix.fade, instance: vmix/myvmix, args: {input: 3, duration: 2s}}}\n",
    );
    assert_eq!(args(step(&plan, "a")), json!({"input": 3, "duration": 2_000}));
    assert_eq!(args(step(&plan, "a")), args(step(&plan, "b")));
}

#[test]
fn a_family_of_several_providers_names_the_provider() {
    let plan = steps("  - {id: a, run: 'chat send telegram desk \"On air\" --chat 42', undo: none}\n");
    assert_eq!(step(&plan, "a").call().unwrap().target.to_string(), "telegram/desk");
    assert_eq!(args(step(&plan, "a"))["text"], "On air");
}

#[test]
fn variables_keep_their_types() {
    let text = "name: p\nvars:\n  level: {type: integer, default: 7}\n  input: {type: string, default: '3'}\n  lights: {type: list, default: [light.a, light.b]}\n  quick: {type: duration, default: 250ms}\nsteps:\n  - {id: a, for_each: '${lights}', run: 'ha light on myhome ${item} --brightness ${level} --transition ${quick}'}\n  - {id: b, run: 'vmix preview myvmix --input ${input}', timeout: '${quick}'}\n  - {id: c, wait: '${quick}'}\n";
    let plan = of(text, &[("level", "9")]).unwrap_or_else(|p| panic!("{}", shown(&p))).plan;
    assert_eq!(args(step(&plan, "a[1]")), json!({"entity": "light.b", "brightness": 9, "transition": 250}));
    assert_eq!(args(step(&plan, "b")), json!({"input": 3}));
    assert_eq!(step(&plan, "b").timeout_ms, 250);
    assert_eq!(step(&plan, "c").act, Act::Pause(250));
    assert_eq!(plan.vars["level"], 9);
}

#[test]
fn the_variables_decide_what_they_can_and_the_rest_is_left_to_the_run() {
    let text = "name: p\nvars:\n  mode: {type: enum, values: [live, test], default: live}\n  loud: {type: boolean, default: false}\nsteps:\n  - {id: a, when: ['${mode}==test', 'obs/myobs:studio_mode==true'], run: obs studio off myobs}\n  - {id: b, when: ['${mode}!=test', 'not ${loud}', 'obs/myobs:stream.active!=true'], run: obs stream start myobs, on_failure: continue}\n  - {id: c, when: steps.b!=confirmed, run: 'ha notify myhome \"no stream\"', undo: none}\n  - {id: d, when: steps.a==confirmed, run: obs studio on myobs, undo: none}\n";
    let plan = of(text, &[]).unwrap_or_else(|p| panic!("{}", shown(&p))).plan;
    assert_eq!(step(&plan, "a").skip.as_deref(), Some("${mode}==test does not hold"));
    assert_eq!(step(&plan, "b").when, [When::State(state("obs/myobs:stream.active!=true"))]);
    let b = place(&plan, "b");
    assert_eq!(
        step(&plan, "c").when,
        [When::Ended { step: b, is: vec![Ended::Failed, Ended::Indeterminate, Ended::Skipped] }]
    );
    assert_eq!(step(&plan, "c").needs, [b], "a condition on a step is a need of it");
    assert_eq!(step(&plan, "d").skip.as_deref(), Some("a is skipped"));
}

#[test]
fn what_is_put_into_a_path_is_one_part_of_it() {
    let text = "name: p\nvars:\n  scene: {type: string, default: 'Close up'}\n  lamp: {type: string, default: light.on_air}\nsteps:\n  - {id: a, when: 'ha/myhome:entity.${lamp}.state==off', wait: {state: 'obs/myobs:scene.program==${scene}', timeout: 5s}}\n";
    let plan = of(text, &[("scene", "3")]).unwrap().plan;
    assert_eq!(step(&plan, "a").when, [When::State(state("ha/myhome:entity.light=2Eon_air.state==off"))]);
    let Act::Until(wanted) = &step(&plan, "a").act else { panic!() };
    assert_eq!(wanted.state.test.as_ref().unwrap().value, json!("3"), "a variable that is text stays text");
}

#[test]
fn results_of_steps_become_arguments() {
    let plan = steps(
        "  - {id: now, run: obs scene current myobs}\n  \
           - {id: next, run: 'obs preview set myobs ${steps.now.result.scene}', undo: none}\n  \
           - {id: new, run: obs scene create myobs New, undo: 'obs scene remove myobs ${steps.new.result.scene}'}\n  \
           - {id: last, when: 'steps.now.result.scene==Main', needs: new, wait: 1s}\n",
    );
    let now = place(&plan, "now");
    let open = Args::Open([("scene".into(), Source::Result { step: now, pointer: "/scene".into() })].into());
    assert_eq!(step(&plan, "next").call().unwrap().args, open);
    assert_eq!(step(&plan, "next").needs, [now]);
    let new = place(&plan, "new");
    let Undo::Call(back) = &step(&plan, "new").undo else { panic!() };
    assert_eq!(
        back.args,
        Args::Open([("scene".into(), Source::Result { step: new, pointer: "/scene".into() })].into())
    );
    assert_eq!(step(&plan, "new").needs, [] as [u32; 0]);
    assert!(
        matches!(&step(&plan, "last").when[0], When::Result { step, pointer, .. } if *step == now && pointer == "/scene")
    );
}

const INTRO: &str = "name: intro\nvars:\n  scene: {type: string}\nsteps:\n  - {id: scene, run: 'obs scene switch myobs \"${scene}\"'}\n  - {id: settle, needs: scene, wait: 1s}\n  - {id: again, when: steps.scene==confirmed, needs: settle, run: obs scene current myobs}\n";

#[test]
fn nested_profiles_are_steps_between_what_comes_before_and_after() {
    let outer = "name: p\nsteps:\n  - {id: before, wait: 1s}\n  - {id: intro, needs: before, profile: intro, with: {scene: Main}, when: 'obs/myobs:stream.active==true', approve: {need: 1, of: [alice]}}\n  - {id: after, needs: intro, wait: 1s}\n  - {id: each, needs: after, for_each: [A, B], profile: one, with: {item_scene: '${item}'}}\n";
    let one = "name: one\nvars:\n  item_scene: {type: string}\nsteps:\n  - {id: show, run: 'obs item show myobs \"${item_scene}\" Logo', undo: none}\n";
    let compiled = compile_all(&sources(&[("p", outer), ("intro", INTRO), ("one", one)]), "p", &[]);
    let plan = compiled.unwrap_or_else(|p| panic!("{}", shown(&p))).plan;
    let ids: Vec<&str> = plan.steps.iter().map(|s| s.id.as_str()).collect();
    let expected = [
        "before",
        "intro:begin",
        "intro.scene",
        "intro.settle",
        "intro.again",
        "intro",
        "after",
        "each[0].show",
        "each[1].show",
    ];
    assert_eq!(ids, expected);
    let begin = place(&plan, "intro:begin");
    let gate = step(&plan, "intro:begin");
    assert_eq!(
        (gate.needs.as_slice(), &gate.act, gate.when.len()),
        ([place(&plan, "before")].as_slice(), &Act::Nothing, 1)
    );
    assert!(gate.guard.is_some());
    for id in ["intro.scene", "intro.settle", "intro.again"] {
        let inner = step(&plan, id);
        assert!(inner.needs.contains(&begin) && inner.guard.is_none(), "{id}");
        assert_eq!(inner.when[0], When::Ended { step: begin, is: vec![Ended::Confirmed] }, "{id}");
    }
    assert!(step(&plan, "intro").needs.contains(&place(&plan, "intro.again")));
    assert_eq!(step(&plan, "after").needs, [place(&plan, "intro")]);
    assert_eq!(args(step(&plan, "each[1].show"))["scene"], "B");
    plan.check().unwrap();
}

#[test]
fn a_nested_profile_that_the_variables_rule_out_is_skipped_as_a_whole() {
    let outer = "name: p\nvars:\n  on: {type: boolean, default: false}\nsteps:\n  - {id: intro, profile: intro, with: {scene: Main}, when: '${on}'}\n  - {id: after, needs: intro, run: obs stream start myobs}\n";
    let files = sources(&[("p", outer), ("intro", INTRO)]);
    let plan = compile_all(&files, "p", &[]).unwrap_or_else(|p| panic!("{}", shown(&p))).plan;
    let skipped: Vec<&str> = plan.steps.iter().filter(|s| s.skip.is_some()).map(|s| s.id.as_str()).collect();
    assert_eq!(skipped, ["intro.scene", "intro.settle", "intro.again"]);
    let plan = compile_all(&files, "p", &[("on", "true")]).unwrap_or_else(|p| panic!("{}", shown(&p))).plan;
    assert!(plan.steps.iter().all(|s| s.skip.is_none()));
    let never = outer.replace("'${on}'", "false");
    let plan = compile_all(&sources(&[("p", &never), ("intro", INTRO)]), "p", &[]).unwrap().plan;
    assert_eq!(plan.steps.iter().filter(|s| s.skip.is_some()).count(), 3, "what is switched off is no mistake");
}

#[test]
fn a_secret_goes_only_as_the_name_of_a_file_on_the_worker() {
    let text = "name: p\nvars:\n  key: {type: secret}\nsteps:\n  - {id: a, run: 'obs stream configure myobs --server rtmp://a/b --key-file ${key}', undo: none}\n";
    let plan = of(text, &[("key", "file:/etc/keys/stream")]).unwrap_or_else(|p| panic!("{}", shown(&p))).plan;
    assert_eq!(args(step(&plan, "a"))["key_file"], "/etc/keys/stream");
    assert_eq!(plan.vars["key"], "file:/etc/keys/stream");
    assert!(of(text, &[("key", "env:KEY")]).is_err(), "no worker would look it up");
    assert!(!shown(&of(text, &[("key", "hunter2")]).unwrap_err()).contains("hunter2"));
}

#[test]
fn what_writes_to_different_things_may_run_at_once() {
    for steps in [
        "  - {id: a, run: obs audio mute myobs Mic}\n  - {id: b, run: obs audio mute myobs Desk}\n",
        "  - {id: a, run: obs audio mute myobs Mic}\n  - {id: b, run: obs audio volume myobs Mic --db -6}\n",
        "  - {id: a, run: obs scene switch myobs A}\n  - {id: b, run: obs scene switch backup A}\n",
        "  - {id: a, run: obs scene switch myobs A}\n  - {id: b, run: obs record start myobs}\n",
        "  - {id: a, run: obs scene switch myobs A}\n  - {id: b, needs: a, run: obs scene switch myobs B}\n",
        "  - {id: a, run: obs scene switch myobs A}\n  - {id: c, needs: a, wait: 1s}\n  - {id: b, needs: c, run: obs scene switch myobs B}\n",
        "  - {id: a, run: obs status myobs}\n  - {id: b, run: obs status myobs}\n",
        "  - {id: a, run: vmix text set myvmix --input 1 --name Head.Text --value A}\n  - {id: b, run: vmix text set myvmix --input 1 --name Sub.Text --value B}\n",
        "  - {id: a, run: obs scene switch myobs A, when: 'obs/myobs:studio_mode==true', on_failure: continue}\n  - {id: b, when: steps.a==failed, run: obs scene switch myobs B}\n",
        "  - {id: a, for_each: [light.a, light.b], run: 'ha light off myhome ${item}'}\n",
    ] {
        good(&format!("name: p\nsteps:\n{steps}"));
    }
}

#[test]
fn what_cannot_be_rolled_back_is_said() {
    let text = "name: p\non_failure: rollback\nsteps:\n  - {id: a, run: obs scene create myobs New}\n  - {id: b, needs: a, run: obs scene switch myobs New}\n";
    let warnings = good(text).warnings;
    assert_eq!(
        shown(&warnings),
        "p.yaml:4:18: warning: step a: it cannot be rolled back: the state before obs.scene.create is not known, or no \
         command brings it back (give it an `undo` command, or `undo: none` if nothing has to be undone)\n"
    );
}

#[test]
fn the_example_of_the_document_compiles() {
    let text = include_str!("../../../docs/profiles.md");
    let example = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let compiled = compile_all(&sources(&[("evening-show", example)]), "evening-show", &[]);
    let compiled = compiled.unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    assert_eq!(compiled.warnings, []);
    assert_eq!(compiled.plan.steps.len(), 6);
}
