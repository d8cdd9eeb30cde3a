use super::*;
use crate::instances::{add, load, remove};
use serde_json::{Map, Value, json};
use std::sync::Barrier;

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The text after adding `new: {host: h}`.
fn added(text: &str) -> String {
    let (_dir, path) = file(text);
    add(&path, &spec(), &name("new"), fields(json!({"host": "h"}))).unwrap();
    assert_eq!(load(&path, &spec()).unwrap()[&name("new")].settings["host"], "h");
    fs::read_to_string(&path).unwrap()
}

fn removed(text: &str, which: &str) -> String {
    let (_dir, path) = file(text);
    remove(&path, &name(which)).unwrap();
    assert!(!load(&path, &spec()).unwrap().contains_key(&name(which)));
    fs::read_to_string(&path).unwrap()
}

#[test]
fn the_first_instance_makes_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("providers").join("obs.yaml");
    let all = json!({"simulated": true, "password": "env:OBS", "host": "10.0.0.5", "port": 4455, "muted": false});
    add(&path, &spec(), &name("myobs"), fields(all)).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "instances:\n  myobs:\n    host: 10.0.0.5\n    port: 4455\n    password: env:OBS\n    muted: false\n    simulated: true\n"
    );
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn an_instance_goes_after_the_others_in_their_style() {
    let entry = "new:\n    host: h\n";
    assert_eq!(added("instances:\n  a: {host: x}\n"), format!("instances:\n  a: {{host: x}}\n  {entry}"));
    assert_eq!(
        added("instances:\n      a:\n        host: x\n"),
        "instances:\n      a:\n        host: x\n      new:\n        host: h\n"
    );
    assert_eq!(added("instances:\n  a: {host: x}"), "instances:\n  a: {host: x}\n  new:\n    host: h");
    assert_eq!(added("instances:\r\n  a: {host: x}\r\n"), "instances:\r\n  a: {host: x}\r\n  new:\r\n    host: h\r\n");
    assert_eq!(
        added("\u{feff}instances:\n  a: {host: x}\n"),
        format!("\u{feff}instances:\n  a: {{host: x}}\n  {entry}")
    );
    assert_eq!(added("instances:\n  a: {host: x}\n...\n"), format!("instances:\n  a: {{host: x}}\n  {entry}...\n"));
}

#[test]
fn an_instance_goes_where_there_was_none() {
    let entry = "  new:\n    host: h\n";
    assert_eq!(added(""), format!("instances:\n{entry}"));
    assert_eq!(added("# mine\n"), format!("# mine\ninstances:\n{entry}"));
    assert_eq!(added("# mine"), format!("# mine\ninstances:\n{entry}"));
    assert_eq!(added("instances:\n"), format!("instances:\n{entry}"));
    assert_eq!(added("instances: # none\n\n# end\n"), format!("instances: # none\n{entry}\n# end\n"));
    assert_eq!(added("instances: {}  # none\n"), format!("instances:  # none\n{entry}"));
    assert_eq!(added("instances: { }"), "instances:\n  new:\n    host: h");
}

const COMMENTED: &str = "\
# Studio machines

instances:  # all of them
  # the main one
  a:
    host: x   # under the desk
    # port: 4456

  # spare
  b: {host: y}  # flow
  # nothing below
";

#[test]
fn comments_and_the_text_of_others_stay() {
    let after = added(COMMENTED);
    assert_eq!(after, COMMENTED.replace("# flow\n", "# flow\n  new:\n    host: h\n"));
    assert_eq!(removed(&after, "new"), COMMENTED);
    assert_eq!(
        removed(COMMENTED, "a"),
        "# Studio machines\n\ninstances:  # all of them\n  # the main one\n\n  # spare\n  b: {host: y}  # flow\n  # nothing below\n"
    );
    assert_eq!(removed(COMMENTED, "b"), COMMENTED.replace("  b: {host: y}  # flow\n", ""));
}

#[test]
fn the_last_instance_can_go() {
    assert_eq!(removed("instances:\n  a: {host: x}\n", "a"), "instances:\n");
    assert_eq!(removed("instances:\n  a: {host: x}", "a"), "instances:");
}

#[test]
fn entries_over_several_lines_go_whole() {
    let rest = "  z: {host: z}\n";
    for entry in [
        "  a:\n    host: |\n      # not a comment\n      x\n\n",
        "  a: {\n    host: x,\n    port: 1\n  }\n",
        "  a:\n    host: \"x\n\n      # text\n      y\"\n",
        "  \"a\":\n    host: x\n",
        "  a: # one\n\n    host: x\n",
    ] {
        let text = format!("instances:\n{entry}{rest}");
        let after = removed(&text, "a");
        assert_eq!(after.replace("\n\n", "\n"), format!("instances:\n{rest}"), "{text}");
    }
}

#[test]
fn layouts_that_cannot_be_edited_safely_are_refused_and_kept() {
    let refused = |text: &str, edit: &dyn Fn(&Path) -> Result<(), HomeError>| {
        let (_dir, path) = file(text);
        let e = edit(&path).unwrap_err();
        assert!(e.message().ends_with("the file's layout cannot be edited safely"), "{e}");
        assert!(e.hint().unwrap().contains("by hand"), "{e}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    };
    for text in ["instances: {a: {host: x}}\n", "{instances: {}}\n", "instances: ~\n"] {
        refused(text, &|path| add(path, &spec(), &name("new"), fields(json!({"host": "h"}))));
    }
    for text in ["instances: {a: {host: x}}\n", "instances:\n  a: &x {host: x}\n  b: *x\n"] {
        refused(text, &|path| remove(path, &name("a")));
    }
}

#[test]
fn a_name_is_used_once() {
    let (_dir, path) = file("instances:\n  a: {host: x}\n");
    let e = add(&path, &spec(), &name("a"), fields(json!({"host": "h"}))).unwrap_err();
    assert_eq!(
        shown(&e, &path),
        "obs.yaml: instance a exists already\nhint: choose another name, or `ifctl obs remove a` first"
    );
}

#[test]
fn an_unknown_name_gets_the_nearest() {
    let (_dir, path) = file("instances:\n  studio1: {host: x}\n  myobs: {host: x}\n");
    let hint = |which: &str| {
        let e = remove(&path, &name(which)).unwrap_err();
        assert_eq!(shown(&e, &path).lines().next().unwrap(), format!("obs.yaml: no instance {which}"));
        e.hint().unwrap()
    };
    assert_eq!(hint("studo1"), "did you mean studio1?");
    assert_eq!(hint("qqq"), "there are: studio1, myobs");
    fs::write(&path, "").unwrap();
    assert_eq!(hint("a"), "the file holds no instances");
}

#[test]
fn fields_are_checked_before_the_file_is_touched() {
    let cases = [
        (json!({"host": "h", "prot": 1}), "unknown key \"prot\", no field of obs instances"),
        (json!({"host": 1}), "host of a obs instance is 1, expected text"),
        (json!({}), "a obs instance needs host: host name or address of the OBS computer"),
        (json!({"host": "h", "password": 12345678}), "password is not text"),
        (json!({"host": "h", "enabled": "no"}), "enabled is \"no\", expected true or false"),
    ];
    for (given, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("obs.yaml");
        let e = add(&path, &spec(), &name("a"), fields(given)).unwrap_err();
        assert_eq!(shown(&e, &path).lines().next().unwrap(), format!("obs.yaml: {expected}"));
        assert!(!path.exists());
    }
}

#[test]
fn a_broken_file_is_not_edited() {
    let (_dir, path) = file("instances: [\n");
    add(&path, &spec(), &name("a"), fields(json!({"host": "h"}))).unwrap_err();
    remove(&path, &name("a")).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "instances: [\n");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    let (dir, path) = file("instances:\n  a: {host: x}\n");
    let link = dir.path().join("link.yaml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    remove(&link, &name("a")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "instances:\n");
}

#[test]
fn editors_at_the_same_time_lose_nothing() {
    const EDITORS: usize = 8;
    let (_dir, path) = file("instances:\n");
    let barrier = Barrier::new(EDITORS);
    std::thread::scope(|scope| {
        for n in 0..EDITORS {
            let (path, barrier) = (&path, &barrier);
            scope.spawn(move || {
                barrier.wait();
                add(path, &spec(), &name(&format!("obs{n}")), fields(json!({"host": "h"}))).unwrap();
            });
        }
    });
    assert_eq!(load(&path, &spec()).unwrap().len(), EDITORS);
}

#[test]
fn a_held_lock_ends_in_an_error_not_in_waiting() {
    let (dir, path) = file("instances:\n");
    let lock = fs::File::create(dir.path().join(".obs.yaml.lock")).unwrap();
    lock.lock().unwrap();
    let e = remove(&path, &name("a")).unwrap_err();
    assert_eq!(e.message(), format!("{}: another process is changing this file", path.display()));
}
