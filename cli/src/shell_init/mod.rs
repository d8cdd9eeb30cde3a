//! Shell integration: makes the bare line `if vmix cut myvmix --input 1` work at an interactive prompt.
//!
//! `if` is a reserved word of every shell, so the line is changed to `ifctl vmix cut …` when Enter is pressed, before the
//! shell parses it. A line is changed only if it is a whole command of the fabric: real `if …; then … fi` never is.
//! The history keeps what was typed.

use std::str::FromStr;

#[cfg(test)]
mod tests;

/// Where a script takes the words from. They become part of a regular expression between single quotes.
const WORDS: &str = "@WORDS@";

/// A shell there is an integration for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash 4.0 and later.
    Bash,
    Zsh,
    /// fish 3.1 and later.
    Fish,
}

impl Shell {
    pub const ALL: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

    pub fn as_str(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Shell::Bash => include_str!("bash.sh"),
            Shell::Zsh => include_str!("zsh.zsh"),
            Shell::Fish => include_str!("fish.fish"),
        }
    }
}

impl FromStr for Shell {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|shell| shell.as_str() == s);
        known.ok_or_else(|| format!("no integration for shell {s:?}, use bash, zsh or fish"))
    }
}

/// The integration of `shell`, to be evaluated by it.
///
/// `words` are what may follow `if`: families and nouns (`vmix`, `witness`), or a noun with its verb (`node list`) where
/// the noun alone is a well-known command, so that `if node check.js` stays the shell's. Words of anything else than
/// lower-case letters, digits, `_`, `-` and single spaces are no such words and are left out.
pub fn script(shell: Shell, words: &[&str]) -> String {
    let alternatives: Vec<String> =
        words.iter().filter(|w| is_word(w)).map(|w| w.replace(' ', "[[:blank:]]+")).collect();
    shell.template().replace(WORDS, &alternatives.join("|"))
}

fn is_word(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    text.split(' ').all(|token| !token.is_empty() && token.chars().all(letter))
}
