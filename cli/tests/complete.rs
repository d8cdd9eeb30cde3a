//! What a shell is told at the tab key.

mod support;

use std::{fs, process::Command};
use support::{Cli, binary};

/// What `ifctl` offers for the last of these words.
fn offered(cli: &Cli, words: &[&str]) -> Vec<String> {
    let mut command = cli.command(["--", "ifctl"]);
    command.args(words);
    command.env("IF_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string()).env("_CLAP_IFS", "\n");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect()
}

/// The same without flags, which go with everything.
fn names(cli: &Cli, words: &[&str]) -> Vec<String> {
    offered(cli, words).into_iter().filter(|word| !word.starts_with("--")).collect()
}

fn with_instances() -> Cli {
    let cli = Cli::initialised();
    for name in ["left", "right"] {
        cli.run(["vmix", "add", name, "--host", "127.0.0.1"]).expect(0);
    }
    cli.run(["chat", "add", "telegram", "news", "--token", "env:TOKEN"]).expect(0);
    cli
}

#[test]
fn commands_providers_and_parameters_come_from_the_descriptions() {
    let cli = Cli::default();
    assert!(offered(&cli, &["vm"]).contains(&"vmix".to_string()));
    assert!(offered(&cli, &["obs", "scene", ""]).contains(&"switch".to_string()));
    assert_eq!(offered(&cli, &["chat", "send", "tele"]), ["telegram"]);
    assert!(offered(&cli, &["vmix", "cut", "left", "--in"]).contains(&"--input".to_string()));
}

#[test]
fn instances_come_from_the_home_directory() {
    let cli = with_instances();
    assert_eq!(names(&cli, &["vmix", "cut", ""]), ["left", "right"]);
    assert_eq!(names(&cli, &["vmix", "remove", "le"]), ["left"]);
    assert_eq!(names(&cli, &["chat", "send", "telegram", ""]), ["news"]);
    let nothing: [&str; 0] = [];
    assert_eq!(names(&Cli::default(), &["vmix", "cut", "x"]), nothing, "no home directory is no error");
}

#[test]
fn the_script_of_bash_works_in_bash() {
    let cli = with_instances();
    let bin = cli.path("bin");
    fs::create_dir(&bin).unwrap();
    fs::hard_link(binary(), bin.join("ifctl")).or_else(|_| fs::copy(binary(), bin.join("ifctl")).map(drop)).unwrap();
    let script = r#"
        source <(ifctl completions bash)
        COMP_WORDS=(ifctl vmix cut "") COMP_CWORD=3 COMP_TYPE=9
        _clap_complete_ifctl ifctl "" cut
        printf '%s\n' "${COMPREPLY[@]}"
        complete -p ifctl
    "#;
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-c", script]).env("PATH", path).env("IF_HOME", cli.home());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("left\nright\n"), "{output:?}");
    assert!(said.contains("-F _clap_complete_ifctl ifctl"), "{said}");
}

#[test]
fn there_is_a_script_for_every_shell() {
    let cli = Cli::default();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = cli.run(["completions", shell]).expect(0).stdout;
        assert!(script.contains("IF_COMPLETE") && script.contains("ifctl"), "{shell}: {script}");
    }
}
