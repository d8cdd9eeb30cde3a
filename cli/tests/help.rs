//! Help and version: answers on stdout, exit 0, under the name the program was called by.

mod support;

use std::process::Command;
use support::{Cli, golden, ran};

#[test]
fn help_is_as_published() {
    let cli = Cli::default();
    for (name, line) in [
        ("help.txt", ["--help"].as_slice()),
        ("help_vmix.txt", &["vmix", "--help"]),
        ("help_vmix_fade.txt", &["vmix", "fade", "--help"]),
        ("help_obs_scene.txt", &["obs", "scene", "--help"]),
        ("help_ha.txt", &["ha", "--help"]),
        ("help_ha_add.txt", &["ha", "add", "--help"]),
        ("help_ha_light_on.txt", &["ha", "light", "on", "--help"]),
        ("help_obs_add.txt", &["obs", "add", "--help"]),
        ("help_witness.txt", &["witness", "--help"]),
        ("help_up.txt", &["up", "--help"]),
    ] {
        let shown = cli.run(line).expect(0);
        assert_eq!(shown.stderr, "");
        golden(name, &shown.stdout);
    }
}

#[test]
fn help_of_a_command_and_the_help_command_say_the_same() {
    let cli = Cli::default();
    let short = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(
        short(&cli.run(["help", "witness", "log"]).expect(0).stdout),
        short(&cli.run(["witness", "log", "--help"]).expect(0).stdout)
    );
}

#[test]
fn version_names_the_program_it_was_called_as() {
    let cli = Cli::default();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(cli.run(["--version"]).expect(0).stdout, format!("if {version}\n"));
    let link = cli.path("ifctl");
    std::os::unix::fs::symlink(support::binary(), &link).unwrap();
    let shown = ran(Command::new(&link).arg("--version").output().unwrap());
    assert_eq!(shown.stdout, format!("ifctl {version}\n"));
    let usage = ran(Command::new(&link).arg("--help").output().unwrap());
    assert!(usage.stdout.contains("Usage: ifctl "), "{}", usage.stdout);
}

#[test]
fn without_a_command_the_help_is_a_usage_error() {
    let cli = Cli::default();
    for line in [[].as_slice(), &["vmix"], &["obs", "scene"], &["witness"], &["trust"]] {
        let shown = cli.run(line).expect(2);
        assert_eq!(shown.stdout, "", "{line:?}");
        assert!(shown.stderr.contains("Usage:"), "{line:?}: {}", shown.stderr);
    }
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let cli = Cli::default();
    let mut command = cli.command(["completions", "bash"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let done = ran(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(done.stderr, "");
}
