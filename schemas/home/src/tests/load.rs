use super::*;
use crate::instances::{self, load, load_each, scan};
use serde_json::json;

const VMIX: &str = include_str!("examples/providers/vmix.yaml");
const OPENAI: &str = include_str!("examples/providers/openai.yaml");

fn refused(text: &str) -> String {
    let (_dir, path) = file(text);
    shown(&load(&path, &spec()).unwrap_err(), &path)
}

#[test]
fn the_example_is_accepted_verbatim_whoever_may_read_it() {
    let (_dir, path) = file_of_mode(VMIX, 0o644);
    let found = load(&path, &if_manifest::provider("vmix").unwrap()).unwrap();
    let (mine, second) = (&found[&name("myvmix")], &found[&name("studio2")]);
    assert!(mine.enabled && !mine.simulated);
    assert!(!second.enabled);
    assert_eq!(json!(mine.settings), json!({"host": "192.168.1.100", "port": 8088, "tcp_port": 8099}));
    assert_eq!(found.len(), 2);
}

#[test]
fn the_form_on_one_line_is_accepted() {
    let (_dir, path) = file("instances:\n  myobs: {host: 192.168.1.100, port: 4456, simulated: true}\n");
    let found = load(&path, &spec()).unwrap();
    assert!(found[&name("myobs")].simulated);
    assert_eq!(found[&name("myobs")].settings["port"], 4456);
}

#[test]
fn a_file_without_instances_holds_none() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load(&dir.path().join("obs.yaml"), &spec()).unwrap().is_empty());
    for text in ["", "# none yet\n", "instances:\n", "instances: {}\n"] {
        let (_dir, path) = file(text);
        assert!(load(&path, &spec()).unwrap().is_empty(), "{text:?}");
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let cases = [
        (
            "instances:\n  a:\n    host: x\n    prot: 1\n",
            "obs.yaml:4:5: instance a: unknown key \"prot\", no field of obs instances\nhint: did you mean \"port\"?",
        ),
        (
            "instances:\n  a: {host: x, enable: true}\n",
            "obs.yaml:2:16: instance a: unknown key \"enable\", no field of obs instances\nhint: did you mean \"enabled\"?",
        ),
        (
            "instances:\n  a: {host: x, port: 99999}\n",
            "obs.yaml:2:22: instance a: port of a obs instance is 99999, expected a whole number from 1 to 65535",
        ),
        ("instances:\n  a: {host: x, enabled: 1}\n", "obs.yaml:2:25: instance a: enabled is 1, expected true or false"),
        (
            "instances:\n  b: {host: x}\n  a: {port: 1}\n",
            "obs.yaml:3:3: instance a: a obs instance needs host: host name or address of the OBS computer\n\
             hint: give it a line `host: …`",
        ),
        ("instances:\n  a: x\n", "obs.yaml:2:6: instance a is text, expected a map of `name: value` lines"),
        ("instances: [a]\n", "obs.yaml:1:12: instances is a list, expected a map of `name: value` lines"),
        (
            "instance:\n  a: {}\n",
            "obs.yaml:1:1: unknown key \"instance\" in the file\nhint: did you mean \"instances\"?",
        ),
        (
            "instances:\n  My OBS: {host: x}\n",
            "obs.yaml:2:3: \"My OBS\" is not a valid instance name\n\
             hint: use a-z, 0-9, '_' and '-', start with a letter or digit, at most 63 characters",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected, "{text:?}");
    }
    assert!(refused("instances:\n  a: {}\n  a: {}\n").starts_with("obs.yaml:3:3: not valid YAML"));
}

#[test]
fn a_wrong_instance_does_not_stop_the_others() {
    let (_dir, path) = file("instances:\n  good: {host: x}\n  bad: {host: 5}\n");
    let each = load_each(&path, &spec()).unwrap();
    assert_eq!(each[&name("good")].as_ref().unwrap().settings["host"], "x");
    assert!(each[&name("bad")].is_err());
    load(&path, &spec()).unwrap_err();
}

#[cfg(unix)]
#[test]
fn a_literal_secret_others_can_read_is_refused_with_the_fix() {
    let (_dir, path) = file_of_mode("instances:\n  a: {host: x, password: hunter2}\n", 0o644);
    let e = load(&path, &spec()).unwrap_err();
    assert_eq!(
        shown(&e, &path),
        "obs.yaml: it holds a secret, but other users may use the file (mode 0644)\nhint: chmod 600 obs.yaml"
    );
    set_mode(&path, 0o600);
    let found = load(&path, &spec()).unwrap();
    assert!(found[&name("a")].secrets["password"].is_literal());
}

#[test]
fn a_reference_may_be_read_by_anybody() {
    let (_dir, path) = file_of_mode("instances:\n  a: {host: x, password: env:OBS_PASSWORD}\n", 0o644);
    let found = load(&path, &spec()).unwrap();
    let a = &found[&name("a")];
    assert_eq!(a.secrets["password"], crate::SecretRef::Env("OBS_PASSWORD".into()));
    assert_eq!(a.settings["password"], "env:OBS_PASSWORD");
    assert!(!a.open_settings().contains_key("password"));
}

#[test]
fn no_error_and_no_debug_output_shows_a_secret() {
    for value in ["12345678", "[hunter2]", "{a: hunter2}", "true", "'env:hunter 2'"] {
        let text = format!("instances:\n  a: {{host: x, password: {value}}}\n");
        let e = refused(&text);
        assert!(e.starts_with("obs.yaml:2:26: instance a: "), "{e}");
        assert!(!e.contains("hunter") && !e.contains("12345678"), "{e}");
    }
    let (_dir, path) = file("instances:\n  a: {host: x, password: hunter2}\n");
    let found = load(&path, &spec()).unwrap();
    assert!(!format!("{found:?}").contains("hunter2"));
    fs::write(&path, "instances:\n  a: {host: x, password: hunter2\n").unwrap();
    assert!(!load(&path, &spec()).unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn a_scan_warns_of_what_it_does_not_know_and_reads_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(dir.path().join(file), text).unwrap();
    write("vmix.yaml", VMIX);
    write("nobody.yaml", OPENAI);
    write("vmx.yaml", "nonsense");
    write("obs.yaml", "instances: [");
    write("notes.txt", "");
    write(".vmix.yaml.lock", "");
    let found = scan(dir.path(), &if_manifest::providers()).unwrap();
    assert_eq!(found.providers[&name("vmix")].as_ref().unwrap().len(), 2);
    assert!(found.providers[&name("obs")].is_err());
    assert_eq!(found.providers.len(), 2);
    let warnings: Vec<String> =
        found.warnings.iter().map(|w| w.to_string().replace(&format!("{}/", dir.path().display()), "")).collect();
    assert_eq!(
        warnings,
        [
            "nobody.yaml: unknown provider nobody; ignored",
            "notes.txt: not an instance file, expected <provider>.yaml; ignored",
            "vmx.yaml: unknown provider vmx; ignored; did you mean vmix.yaml?",
        ]
    );
}

#[test]
fn a_directory_that_is_not_there_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let found: instances::Scan = scan(&dir.path().join("providers"), &if_manifest::providers()).unwrap();
    assert!(found.providers.is_empty() && found.warnings.is_empty());
}
