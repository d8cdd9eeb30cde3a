use super::*;
use crate::Config;

const EXAMPLE: &str = include_str!("examples/config.yaml");

fn parse(text: &str) -> Result<Config, HomeError> {
    Config::parse(Path::new("/h/config.yaml"), text)
}

/// Message and hint of the error, the file's path cut off.
fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string().replace("/h/", "")
}

#[test]
fn the_example_is_accepted_verbatim() {
    let config = parse(EXAMPLE).unwrap();
    assert!(config.witness.enabled);
    assert_eq!(config.witness.signing_key, Path::new("/h/keys/ed25519.key"));
    assert!(config.optimise.enabled && config.optimise.budget_alerts && config.optimise.cost_tracking);
    assert_eq!(config.ground.philosophy.as_deref(), Some("wu_lun"));
    assert_eq!(
        config.ground.principles,
        ["open_source_first", "validate_with_toolchain", "observability_without_fragility"]
    );
}

#[test]
fn a_missing_file_means_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::load(&dir.path().join("config.yaml")).unwrap();
    assert_eq!(config, Config::defaults(dir.path()));
    assert_eq!(config.witness.signing_key, dir.path().join("keys/ed25519.key"));
}

#[test]
fn a_file_that_says_nothing_means_defaults() {
    for text in ["", "# nothing\n", "---\n", "if:\n", "if: {}\n", "if:\n  nats:\n"] {
        assert_eq!(parse(text).unwrap(), Config::defaults(Path::new("/h")), "{text:?}");
    }
}

#[test]
fn every_section_of_our_own_is_read() {
    let config = parse(
        "if:\n  nats: {url: 'tls://nats.studio:4222'}\n  broker: {http_addr: '127.0.0.1:0', data_dir: ~/.if/log}\n  \
         worker: {node: studio-pc}\n  defaults: {deadline: 2m}\n  optimise: {budget_alerts: false}\n",
    )
    .unwrap();
    assert_eq!(config.nats.url.as_deref(), Some("tls://nats.studio:4222"));
    assert_eq!(config.broker.http_addr, Some("127.0.0.1:0".parse().unwrap()));
    assert_eq!(config.broker.data_dir.as_deref(), Some(Path::new("/h/log")));
    assert_eq!(config.worker.node, Some(name("studio-pc")));
    assert_eq!(config.defaults.deadline_us, Some(120_000_000));
    assert!(config.optimise.enabled && !config.optimise.budget_alerts);
}

#[test]
fn unknown_keys_are_refused_with_place_and_nearest() {
    assert_eq!(
        refused("if:\n  witnes:\n    enabled: true\n"),
        "config.yaml:2:3: unknown key \"witnes\" in if\nhint: did you mean \"witness\"?"
    );
    assert_eq!(
        refused("if:\n  witness:\n    enabled: true\n    signing_kee: a\n"),
        "config.yaml:4:5: unknown key \"signing_kee\" in if.witness\nhint: did you mean \"signing_key\"?"
    );
    assert_eq!(
        refused("# top\nwitness:\n  enabled: true\n"),
        "config.yaml:2:1: unknown key \"witness\" in the configuration\nhint: use if"
    );
    assert_eq!(refused("if:\n  nats: {port: 1}\n"), "config.yaml:2:10: unknown key \"port\" in if.nats\nhint: use url");
}

#[test]
fn wrong_types_are_refused_with_place() {
    let cases = [
        ("if: 1\n", "config.yaml:1:5: if is a number, expected a map of `name: value` lines"),
        ("- if\n", "config.yaml:1:1: the configuration is a list, expected a map of `name: value` lines"),
        ("if:\n  witness:\n    enabled: yes\n", "config.yaml:3:14: if.witness.enabled is text, expected true or false"),
        ("if:\n  witness: [a]\n", "config.yaml:2:12: if.witness is a list, expected a map of `name: value` lines"),
        ("if:\n  ground:\n    principles: one\n", "config.yaml:3:17: if.ground.principles is text, expected a list"),
        (
            "if:\n  ground:\n    principles:\n      - one\n      - 2\n",
            "config.yaml:5:9: an item of if.ground.principles is a number, expected text",
        ),
        ("if:\n  defaults: {deadline: 5}\n", "config.yaml:2:24: if.defaults.deadline is a number, expected text"),
        (
            "if:\n  defaults: {deadline: 25h}\n",
            "config.yaml:2:24: if.defaults.deadline is \"25h\", expected a duration like 500ms, 5s or 2m, at most 24h",
        ),
        (
            "if:\n  worker: {node: Studio PC}\n",
            "config.yaml:2:18: if.worker.node is \"Studio PC\", expected a name of a-z, 0-9, '_' and '-'",
        ),
        (
            "if:\n  broker: {http_addr: localhost}\n",
            "config.yaml:2:23: if.broker.http_addr is \"localhost\", expected an address and port like 127.0.0.1:9464",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected, "{text:?}");
    }
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        refused("if:\n  ground: {philosophy: 五倫, x: 1}\n"),
        "config.yaml:2:28: unknown key \"x\" in if.ground\nhint: use philosophy, principles"
    );
}

#[test]
fn bad_yaml_is_refused_with_place() {
    for (text, expected) in [
        ("if:\n  witness: [1\n", "config.yaml:2:12: not valid YAML: unclosed bracket '['"),
        ("if:\n\twitness: 1\n", "config.yaml:2:2: not valid YAML: tabs disallowed"),
        ("if:\n  nats: {}\n  nats: {}\n", "config.yaml:3:3: not valid YAML: "),
        ("if: *nobody\n", "config.yaml:1:5: not valid YAML: "),
        ("if: {}\n---\nif: {}\n", "config.yaml:3:1: not valid YAML: only single YAML document expected"),
    ] {
        let e = refused(text);
        assert!(e.starts_with(expected), "{e}");
        assert_eq!(e.lines().count(), 1, "{e}");
    }
}

#[test]
fn aliases_cannot_make_a_small_file_large() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..10 {
        let before = n - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    assert!(refused(&text).contains("not valid YAML"), "{}", refused(&text));
}

#[test]
fn the_witness_cannot_be_switched_off() {
    let e = refused("if:\n  witness:\n    enabled: false\n");
    assert!(e.starts_with("config.yaml:3:14: if.witness.enabled is false\nhint: "), "{e}");
}

#[test]
fn a_wrong_url_is_not_shown() {
    let e = refused("if:\n  nats: {url: 'http://me:hunter2@host'}\n");
    assert_eq!(e, "config.yaml:2:15: if.nats.url is not a NATS URL\nhint: use nats://host:port or tls://host:port");
}

#[test]
fn a_file_that_cannot_be_read_is_no_default() {
    let dir = tempfile::tempdir().unwrap();
    let e = Config::load(dir.path()).unwrap_err();
    assert!(e.message().contains("cannot read"), "{e}");
}
