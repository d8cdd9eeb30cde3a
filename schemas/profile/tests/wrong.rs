//! Wrong files, each with the exact messages it must give. A file `wrong/NAME.yaml` is the profile `p`; what it must give
//! stands in `wrong/NAME.txt`, a line for each problem: `LINE:COLUMN: message (hint)`.

mod common;

use common::{compile_all, shown, sources};
use std::{collections::BTreeSet, fs, path::Path};

/// Fewest files of the table.
const FILES_MIN: usize = 60;

/// What wrong files may nest.
const INTRO: &str = "
name: intro
vars:
  scene: {type: string, help: scene to begin with}
  fade: {type: duration, default: 1s}
steps:
  - {id: scene, run: 'obs scene switch myobs \"${scene}\"'}
  - {id: pause, needs: scene, wait: '${fade}'}
";

fn found(text: &str) -> String {
    match compile_all(&sources(&[("p", text), ("intro", INTRO)]), "p", &[]) {
        Ok(_) => "it compiles\n".into(),
        Err(problems) => shown(&problems).replace("p.yaml: ", "").replace("p.yaml:", ""),
    }
}

#[test]
fn every_wrong_file_gives_its_messages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let names: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .filter_map(|item| item.unwrap().file_name().to_str()?.strip_suffix(".yaml").map(String::from))
        .collect();
    assert!(names.len() >= FILES_MIN, "{} files", names.len());
    let mut wrong = Vec::new();
    for name in names {
        let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let expected = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap_or_default();
        let found = found(&text);
        if found != expected {
            wrong.push(format!("== {name}\nexpected:\n{expected}found:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_variable_that_does_not_exist_is_named_where_it_was_given() {
    let text = "name: p\nvars:\n  scene: {type: string, default: Main}\nsteps:\n  - {id: a, run: 'obs scene switch myobs ${scene}'}\n";
    let problems = compile_all(&sources(&[("p", text)]), "p", &[("scnee", "A")]).unwrap_err();
    assert_eq!(shown(&problems), "--set scnee: p has no variable \"scnee\" (did you mean \"scene\"?)\n");
    let problems = compile_all(&sources(&[("p", text)]), "q", &[]).unwrap_err();
    assert_eq!(shown(&problems), "q: there is no profile \"q\" (`ifctl bus profile list` shows them)\n");
}
