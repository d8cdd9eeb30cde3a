use super::*;

#[test]
fn every_shell_gets_the_words() {
    for shell in Shell::ALL {
        let text = script(shell, &["vmix", "node list"]);
        assert!(text.contains("'vmix|node[[:blank:]]+list'"), "{}", shell.as_str());
        assert!(!text.contains(WORDS), "{}", shell.as_str());
    }
}

#[test]
fn what_could_break_out_of_the_script_is_left_out() {
    let text = script(Shell::Bash, &["vmix", "a'b", "x;rm", "", " a", "a  b", "A", "$x", ".*", "obs"]);
    assert!(text.contains("'vmix|obs'"));
}

#[test]
fn shells_are_found_by_name() {
    for shell in Shell::ALL {
        assert_eq!(shell.as_str().parse(), Ok(shell));
    }
    assert_eq!("tcsh".parse::<Shell>().unwrap_err(), "no integration for shell \"tcsh\", use bash, zsh or fish");
}
