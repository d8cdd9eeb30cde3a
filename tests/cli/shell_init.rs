//! `ifctl shell-init` in real interactive shells: the bare `if vmix cut …` runs, the shell's own `if` does not change.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "../../cli/src/shell_init/mod.rs"]
mod shell_init;
#[path = "shell_init/terminal.rs"]
mod terminal;

use shell_init::Shell;
use terminal::Terminal;

/// One test per shell of a case that is the same in all of them.
macro_rules! in_every_shell {
    ($case:ident) => {
        mod $case {
            #[test]
            fn bash() {
                super::$case(super::Shell::Bash);
            }
            #[test]
            fn zsh() {
                super::$case(super::Shell::Zsh);
            }
            #[test]
            fn fish() {
                super::$case(super::Shell::Fish);
            }
        }
    };
}

in_every_shell!(bare_lines_run);
fn bare_lines_run(shell: Shell) {
    let mut terminal = Terminal::open(shell);
    let shown = terminal.line("if vmix cut myvmix --input 1");
    assert!(shown.contains("ran vmix"), "{shown}");
    terminal.line("if obs scene switch myobs \"Main Scene\"");
    terminal.line("  if   vmix list --why 'a; then b'");
    terminal.line("if witness log --since \"1 hour ago\" | tr a-z A-Z > shouted");
    terminal.line("if status && echo went-o''n > went-on");
    terminal.line("if --version");
    terminal.line("if --help");
    terminal.line("if node list");
    let expected = [
        "[vmix][cut][myvmix][--input][1]",
        "[obs][scene][switch][myobs][Main Scene]",
        "[vmix][list][--why][a; then b]",
        "[witness][log][--since][1 hour ago]",
        "[status]",
        "[--version]",
        "[--help]",
        "[node][list]",
    ];
    assert_eq!(terminal.calls(), expected);
    assert_eq!(std::fs::read_to_string(terminal.path("shouted")).unwrap(), "RAN WITNESS\n");
    assert_eq!(std::fs::read_to_string(terminal.path("went-on")).unwrap(), "went-on\n");
}

in_every_shell!(other_lines_are_not_touched);
fn other_lines_are_not_touched(shell: Shell) {
    let mut terminal = Terminal::open(shell);
    assert!(terminal.line("echo if vmi''x").contains("if vmix"));
    assert!(terminal.line("").contains("> "));
    terminal.line("ifctl vmix list");
    assert_eq!(terminal.calls(), ["[vmix][list]"]);
}

in_every_shell!(the_history_holds_what_was_typed);
fn the_history_holds_what_was_typed(shell: Shell) {
    let mut terminal = Terminal::open(shell);
    let kept = ["echo first", "if vmix cut myvmix --input 1", "echo second", "if vmix list | cat", "echo third"];
    for line in kept {
        terminal.next_second();
        terminal.line(line);
    }
    terminal.line(" if vmix list --not-kept");
    terminal.expect_history(&kept);
    assert_eq!(terminal.calls().len(), 3);
}

in_every_shell!(the_line_comes_back_with_the_up_key);
fn the_line_comes_back_with_the_up_key(shell: Shell) {
    const UP: &str = "\x1b[A";
    let mut terminal = Terminal::open(shell);
    terminal.next_second();
    terminal.keys("if vmix list --first\r");
    terminal.wait_for("ran vmix");
    terminal.line(&format!("{UP} --again"));
    assert_eq!(terminal.calls(), ["[vmix][list][--first]", "[vmix][list][--first][--again]"]);
    terminal.expect_history(&["if vmix list --first", "if vmix list --first --again"]);
}

/// Lines that use `vmix` as a command of the shell, in its own `if`, each ending in a file of the given name.
fn real_ifs(shell: Shell, lines: &[&[&str]]) {
    let define = match shell {
        Shell::Fish => "function vmix; true; end",
        Shell::Bash | Shell::Zsh => "vmix() { true; }",
    };
    let mut terminal = Terminal::open_with(shell, define, "");
    for (n, lines) in lines.iter().enumerate() {
        let name = format!("done-{n}");
        let lines: Vec<String> = lines.iter().map(|l| l.replace("OUT", &name)).collect();
        let shown = terminal.lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(terminal.path(&name).exists(), "{lines:?} did not run; the terminal showed:\n{shown}");
    }
    assert_eq!(terminal.calls(), Vec::<String>::new());
}

const POSIX_IFS: &[&[&str]] = &[
    &["if true; then touch OUT; fi"],
    &["if [ -d . ]; then touch OUT; else false; fi"],
    &["if vmix list; then touch OUT; fi"],
    &["if vmix list ;then touch OUT; fi"],
    &["if vmix list && true; then touch OUT; fi"],
    &["if true", "then", "  touch OUT", "fi"],
    &["if true; then", "if vmix list", "then touch OUT", "fi; fi"],
    &["for i in 1; do", "if vmix list", "then touch OUT", "fi", "done"],
    &["if vmix list;", "then touch OUT; fi"],
    &["if vmix list &&", "true; then touch OUT; fi"],
    &["if vmix \\", "list; then touch OUT; fi"],
    &["if node() { true; }; node check.js; then touch OUT; fi"],
    &["cat > OUT <<END", "if vmix list", "END"],
    &["echo '", "if vmix list' > OUT"],
];

#[test]
fn real_ifs_of_bash_stay() {
    real_ifs(Shell::Bash, POSIX_IFS);
}

#[test]
fn real_ifs_of_zsh_stay() {
    real_ifs(Shell::Zsh, POSIX_IFS);
}

#[test]
fn real_ifs_of_fish_stay() {
    real_ifs(
        Shell::Fish,
        &[
            &["if true; touch OUT; end"],
            &["if vmix list; touch OUT; end"],
            &["if vmix list; and true; touch OUT; else; false; end"],
            &["if true", "  touch OUT", "end"],
            &["if true", "if vmix list", "touch OUT; end; end"],
            &["for i in 1", "if vmix list", "touch OUT; end", "end"],
            &["if vmix list;", "touch OUT; end"],
            &["if vmix list &&", "true; touch OUT; end"],
            &["echo '", "if vmix list' > OUT"],
        ],
    );
}

in_every_shell!(a_line_with_an_open_quote_goes_on);
fn a_line_with_an_open_quote_goes_on(shell: Shell) {
    let mut terminal = Terminal::open(shell);
    terminal.lines(&["if vmix list --why 'one", "if vmix two'"]);
    let calls = std::fs::read_to_string(terminal.path("calls")).unwrap();
    assert_eq!(calls, "[vmix][list][--why][one\nif vmix two]\n");
}

#[test]
fn a_line_given_up_in_bash_leaves_others_alone() {
    an_abandoned_line_leaves_no_trace(Shell::Bash);
}

#[test]
fn a_line_given_up_in_zsh_leaves_others_alone() {
    an_abandoned_line_leaves_no_trace(Shell::Zsh);
}

/// fish has no continuation prompt: a line given up there was never entered.
fn an_abandoned_line_leaves_no_trace(shell: Shell) {
    let mut terminal = Terminal::open(shell);
    terminal.keys("if vmix list 'one\r");
    terminal.wait_for("more> ");
    terminal.interrupt();
    terminal.line("ifctl vmix list two");
    assert_eq!(terminal.calls(), ["[vmix][list][two]"]);
    match shell {
        // bash remembers a line as soon as it is entered, this one as it was typed.
        Shell::Bash => terminal.expect_history(&["if vmix list 'one", "ifctl vmix list two"]),
        Shell::Zsh | Shell::Fish => terminal.expect_history(&["ifctl vmix list two"]),
    }
}

in_every_shell!(the_status_of_the_command_before_is_kept);
fn the_status_of_the_command_before_is_kept(shell: Shell) {
    let mut terminal = Terminal::open(shell);
    let status = if shell == Shell::Fish { "$status" } else { "$?" };
    terminal.keys("false\r");
    terminal.line(&format!("echo was-{status}."));
    terminal.wait_for("was-1.");
    terminal.keys("if vmix list --missing\r");
    terminal.wait_for("ran vmix");
    terminal.line(&format!("echo now-{status}."));
    terminal.wait_for("now-0.");
}

#[test]
fn bash_keeps_the_last_argument_and_other_prompt_commands() {
    let mut terminal = Terminal::open_with(Shell::Bash, "PROMPT_COMMAND='seen=$?'", "");
    terminal.keys("test -e missing\r");
    terminal.keys("echo last-$_.\r");
    terminal.wait_for("last-missing.");
    terminal.keys("(exit 7)\r");
    terminal.keys("echo seen-$seen.\r");
    terminal.wait_for("seen-7.");
}

#[test]
fn bash_survives_a_prompt_command_that_replaces_its_own() {
    for replaced in ["PROMPT_COMMAND=true", "PROMPT_COMMAND=(true 'seen=1')", "unset PROMPT_COMMAND", "set -u"] {
        let mut terminal = Terminal::open_with(Shell::Bash, "", replaced);
        terminal.line("if vmix list one");
        terminal.line("if vmix list two");
        assert_eq!(terminal.calls(), ["[vmix][list][one]", "[vmix][list][two]"], "{replaced}");
        terminal.expect_history(&["if vmix list one", "if vmix list two"]);
        terminal.lines(&["cat > text <<END", "if vmix list", "END"]);
        assert_eq!(std::fs::read_to_string(terminal.path("text")).unwrap(), "if vmix list\n");
    }
}

#[test]
fn vi_keys_work_too() {
    for (shell, vi) in [(Shell::Bash, "set -o vi"), (Shell::Zsh, "bindkey -v"), (Shell::Fish, "fish_vi_key_bindings")] {
        let mut terminal = Terminal::open_with(shell, vi, "");
        terminal.line("if vmix list inserted");
        assert_eq!(terminal.calls(), ["[vmix][list][inserted]"], "{}", shell.as_str());
    }
}

#[test]
fn loading_twice_changes_nothing() {
    for shell in Shell::ALL {
        let again = shell_init::script(shell, &terminal::WORDS);
        let mut terminal = Terminal::open_with(shell, "", &again);
        terminal.line("if vmix list once");
        assert_eq!(terminal.calls(), ["[vmix][list][once]"], "{}", shell.as_str());
        terminal.expect_history(&["if vmix list once"]);
    }
}
