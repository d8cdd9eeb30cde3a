//! Large profiles, and what holds of any.

mod common;

use common::{compile_all, good, of, sources};
use if_schemas::{
    Payload, Plan, Salt, codec,
    limits::PAYLOAD_MAX_BYTES,
    payload::Arguments,
    plan::{Act, Args},
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Most bytes a plan may take for each of its steps.
const STEP_BYTES_MAX: usize = 1_500;

fn sound(plan: &Plan) {
    plan.check().unwrap();
    let tree = plan.tree().unwrap();
    for (leaf, path) in &tree.leaves {
        assert_eq!(path.root(leaf.hash().unwrap()).unwrap(), tree.root);
    }
    let bytes = codec::encode("plan", plan).unwrap();
    assert!(bytes.len() <= STEP_BYTES_MAX * plan.steps.len(), "{} bytes", bytes.len());
    assert_eq!(codec::decode::<Plan>("plan", &bytes).unwrap(), *plan);
}

#[test]
fn a_thousand_steps_one_after_the_other() {
    let mut text = String::from("name: p\nsteps:\n  - {id: s0, wait: 1s}\n");
    for n in 1..1_000 {
        let line = match n % 2 {
            0 => format!("obs scene switch myobs \"Scene {n}\""),
            _ => format!("ha light on myhome light.number_{n} --brightness 9"),
        };
        text += &format!("  - {{id: s{n}, needs: s{}, run: '{line}', undo: none}}\n", n - 1);
    }
    let plan = good(&text).plan;
    assert_eq!(plan.steps.len(), 1_000);
    sound(&plan);
    assert!(Payload::new(&plan, Salt([0; Salt::LEN])).unwrap().bytes.len() <= PAYLOAD_MAX_BYTES);
}

#[test]
fn a_hundred_at_once_ten_times() {
    let items: Vec<String> = (0..100).map(|n| format!("light.number_{n}")).collect();
    let mut text =
        format!("name: p\nconcurrency: 100\nvars:\n  all: {{type: list, default: [{}]}}\nsteps:\n", items.join(", "));
    for row in 0..10 {
        let needs = if row > 0 { format!("needs: r{}, ", row - 1) } else { String::new() };
        text += &format!(
            "  - {{id: r{row}, {needs}for_each: '${{all}}', run: 'ha switch on myhome ${{item}}', undo: none}}\n"
        );
    }
    let plan = good(&text).plan;
    // Rows meet in one step: a hundred needs each, and not ten thousand.
    assert_eq!(plan.steps.len(), 10 * 100 + 9);
    assert!(plan.steps.iter().map(|s| s.needs.len()).sum::<usize>() < 2_000);
    sound(&plan);
}

/// Whether two of them write the same is asked for each two: that must stay cheap.
#[test]
fn four_thousand_at_once_are_checked_and_found_too_large_to_sign() {
    let items: Vec<String> = (0..4_000).map(|n| format!("light.number_{n}")).collect();
    let text = format!(
        "name: p\nsteps:\n  - {id}, for_each: [{}], run: 'ha switch on myhome ${{item}}', undo: none}}\n",
        items.join(", "),
        id = "{id: a"
    );
    let problems = of(&text, &[]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.ends_with("bytes, at most 524288 are allowed"), "{problems:?}");
}

#[test]
fn profiles_inside_of_one_another_end() {
    let mut files = vec![("p9".to_string(), "name: p9\nsteps:\n  - {id: a, wait: 1s}\n".to_string())];
    for n in 0..9 {
        let inner = n + 1;
        files.push((
            format!("p{n}"),
            format!("name: p{n}\nsteps:\n  - {{id: a, profile: p{inner}}}\n  - {{id: b, profile: p{inner}}}\n"),
        ));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    let problems = compile_all(&sources(&files), "p0", &[]).unwrap_err();
    assert!(problems[0].message.contains("nested more than 8 deep"), "{problems:?}");
    assert_eq!(compile_all(&sources(&files), "p2", &[]).unwrap().plan.steps.len(), 128);
}

#[test]
fn each_payload_has_a_salt_of_its_own() {
    let plan = good("name: p\nsteps:\n  - {id: a, run: ha switch on myhome switch.a}\n  - {id: b, run: ha switch on myhome switch.b}\n").plan;
    let calls = plan.steps.iter().flat_map(|s| s.call().into_iter().chain(s.undo_calls().into_iter().map(|(_, c)| c)));
    let salts: Vec<Salt> =
        calls.filter_map(|c| if let Args::Fixed(p) = &c.args { Some(p.salt) } else { None }).collect();
    assert_eq!(salts.len(), 6);
    assert_eq!(salts.iter().map(|s| s.0).collect::<BTreeSet<_>>().len(), 6);
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

proptest! {
    /// Whatever a variable holds, it is one argument and nothing else.
    #[test]
    fn values_are_never_read_as_words(value in "[^\\x00-\\x1f\\x7f-\\x9f\\u{2028}\\u{2029}\\u{feff}]{0,40}") {
        let text = "name: p\nvars:\n  x: {type: string}\nsteps:\n  - {id: a, run: 'obs text set myobs Title ${x}'}\n  - {id: b, needs: a, run: 'obs text set myobs Title \"<${x}>\"'}\n";
        let plan = of(text, &[("x", &value)]).unwrap().plan;
        let sent = |n: usize| match &plan.steps[n].act {
            Act::Command(call) => match &call.args {
                Args::Fixed(payload) => payload.read::<Arguments>().unwrap().args["text"].clone(),
                Args::Open(_) => panic!(),
            },
            _ => panic!(),
        };
        prop_assert_eq!(sent(0), value.as_str());
        prop_assert_eq!(sent(1), format!("<{value}>"));
    }

    /// Any text is a profile or gives problems; nothing else happens.
    #[test]
    fn no_text_is_too_strange(line in "[ -~]{0,60}", key in "run|wait|when|needs|undo|for_each|confirm|retry|profile|approve") {
        let text = format!("name: p\nsteps:\n  - id: a\n    {key}: {}\n", quoted(&line));
        if let Err(problems) = of(&text, &[]) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|p| p.line > 0), "{:?}", problems);
        }
    }

    /// Steps in any order of writing come after all they need.
    #[test]
    fn needs_come_first(order in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle(), seed in any::<u64>()) {
        let line = |n: &usize| {
            let needs: Vec<String> = (0..*n).filter(|m| (seed >> ((n * 5 + m) % 64)) & 1 == 1).map(|m| format!("s{m}")).collect();
            format!("  - {{id: s{n}, needs: [{}], wait: 1s}}\n", needs.join(", "))
        };
        let text = format!("name: p\nsteps:\n{}", order.iter().map(line).collect::<String>());
        let plan = of(&text, &[]).unwrap().plan;
        plan.check().unwrap();
        prop_assert_eq!(plan.steps.len(), 12);
    }
}
