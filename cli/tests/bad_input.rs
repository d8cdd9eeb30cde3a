//! What wrong command lines get: one error, one hint, the exit code of the contract, nothing on stdout.

mod support;

use std::fmt::Write;
use support::{Cli, golden};

const LINES: &[&[&str]] = &[
    &["vmixx", "cut", "my"],
    &["vmix", "cutt", "my"],
    &["vmix", "cut"],
    &["vmix", "cut", "my", "--inptu", "1"],
    &["vmix", "cut", "my", "--input", "0"],
    &["vmix", "cut", "my", "--input", ""],
    &["vmix", "cut", "my", "--input", "-1"],
    &["vmix", "cut", "my", "--input"],
    &["vmix", "cut", "my", "extra"],
    &["vmix", "cut", "My", "--input", "1"],
    &["vmix", "cut", "my.other"],
    &["vmix", "cut", "my>", "--json"],
    &["vmix", "cut", ""],
    &["vmix", "cut", "../etc"],
    &["vmix", "fade", "my", "--duration", "fast"],
    &["vmix", "preview", "my"],
    &["vmix", "cut", "my", "--deadline", "5"],
    &["vmix", "cut", "my", "--deadline", "0s"],
    &["vmix", "cut", "my", "--deadline", "25h"],
    &["vmix", "cut", "my", "--deadline", "99999999999999999999h"],
    &["vmix", "cut", "my", "--trace", "abc"],
    &["vmix", "add", "my"],
    &["vmix", "add", "My", "--host", "h"],
    &["vmix", "add", "my", "--host", "h", "--port", "70000"],
    &["vmix", "add", "my", "--host", "h", "--prot", "1"],
    &["vmix", "remove", "my"],
    &["obs", "scene", "swich", "my", "Main"],
    &["obs", "scene", "switch", "my"],
    &["obs", "scen"],
    &["witness", "log", "--since", "yesterday"],
    &["witness", "log", "--until", "2026-13-01T00:00:00Z"],
    &["witness", "log", "--status", "succeded"],
    &["witness", "log", "--limit", "0"],
    &["witness", "log", "--provider", "V*"],
    &["witness", "log", "--operation", "cut"],
    &["witness", "verify", "--trust", "keys"],
    &["witness", "verify", "--file", "missing.ifx"],
    &["witness", "verify", "--against", "missing.json"],
    &["witness", "export", "--from", "x", "--out", "f"],
    &["witness", "export"],
    &["provider", "show", "vmx"],
    &["trust", "add", "eve", "--role", "operator"],
    &["trust", "add", "eve", "--key", "12", "--role", "operator"],
    &[
        "trust",
        "add",
        "eve",
        "--key",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "--role",
        "operator",
    ],
    &["trust", "add", "eve", "--key", "12", "--role", "king"],
    &["key", "rotate", "--key", "broker"],
    &["completions", "tcsh"],
    &["shell-init", "csh"],
    &["up", "--port", "66000"],
    &["init", "--worker"],
];

#[test]
fn wrong_command_lines_get_exactly_these_answers() {
    let cli = Cli::initialised();
    let mut text = String::new();
    for line in LINES {
        let ran = cli.run(*line);
        writeln!(text, "$ ifctl {}", line.join(" ")).unwrap();
        text.push_str(&cli.portable(&ran.stdout));
        text.push_str(&cli.portable(&ran.stderr));
        writeln!(text, "[{}]\n", ran.code).unwrap();
    }
    golden("bad_input.txt", &text);
}

#[test]
fn with_json_a_wrong_command_line_is_one_document_on_stdout() {
    let cli = Cli::initialised();
    for line in [
        ["vmix", "cut", "--json"].as_slice(),
        &["--json", "vmixx"],
        &["vmix", "--json", "cut", "My"],
        &["--json", "witness", "log", "--since", "x"],
    ] {
        let ran = cli.run(line).expect(2);
        let document = ran.json();
        assert_eq!(
            (&document["status"], &document["exit"], &document["error"]["code"]),
            (&"error".into(), &2.into(), &"usage".into()),
            "{line:?}"
        );
        assert!(document["error"]["message"].as_str().is_some_and(|m| !m.is_empty()));
        assert!(document["error"]["hint"].as_str().is_some_and(|m| !m.is_empty()));
    }
}

#[test]
fn no_colour_leaves_a_pipe() {
    let cli = Cli::initialised();
    for line in
        [["--help"].as_slice(), &["provider", "show", "vmix"], &["vmix", "list"], &["vmixx"], &["config", "check"]]
    {
        let ran = cli.run(line);
        assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'), "{line:?}: {ran:?}");
    }
}
