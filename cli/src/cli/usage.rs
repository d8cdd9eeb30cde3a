//! What clap refuses, in the words of all our errors: what is wrong, then what to do.

use super::{Catalog, Words, build};
use crate::CliError;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use if_manifest::args::nearest;

/// The usage error of a command line clap refused. Hints say `ifctl`, which runs in every shell.
pub fn usage_error(error: &clap::Error, program: &str, words: &Words, catalog: &Catalog) -> CliError {
    let verbs = verbs(program, words, catalog);
    let path = [&[program.to_string()], verbs.as_slice()].concat().join(" ");
    let see = format!("see `{} --help`", [&["ifctl".to_string()], verbs.as_slice()].concat().join(" "));
    let text = |kind| error.get(kind).and_then(strings).unwrap_or_default();
    let one = |kind| text(kind).into_iter().next().unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = one(ContextKind::InvalidSubcommand);
            let hint = did_you_mean(&word, text(ContextKind::SuggestedSubcommand)).unwrap_or(see);
            CliError::usage(format!("{path} has no command {word:?}"), hint)
        }
        ErrorKind::UnknownArgument => {
            let word = one(ContextKind::InvalidArg);
            let hint = did_you_mean(&word, text(ContextKind::SuggestedArg)).unwrap_or(see);
            CliError::usage(format!("{path} does not take {word:?}"), hint)
        }
        ErrorKind::MissingRequiredArgument => {
            CliError::usage(format!("{path} needs {}", text(ContextKind::InvalidArg).join(", ")), see)
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            CliError::usage(format!("{path} needs a command"), see)
        }
        ErrorKind::InvalidValue if one(ContextKind::InvalidValue).is_empty() => {
            CliError::usage(format!("{} needs a value", one(ContextKind::InvalidArg)), see)
        }
        ErrorKind::InvalidValue => {
            invalid_value(&one(ContextKind::InvalidValue), &one(ContextKind::InvalidArg), text(ContextKind::ValidValue))
        }
        _ => CliError::usage(first_line(error), see),
    }
}

fn invalid_value(value: &str, arg: &str, valid: Vec<String>) -> CliError {
    let hint = match nearest(value, valid.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("use {}", valid.join(", ")),
    };
    CliError::usage(format!("{value:?} is no value of {arg}"), hint)
}

fn did_you_mean(word: &str, suggested: Vec<String>) -> Option<String> {
    // clap lists its suggestions from the least to the most similar; ours decides.
    nearest(word, suggested.iter().map(String::as_str))
        .or(suggested.last().cloned())
        .map(|s| format!("did you mean {s}?"))
}

fn strings(value: &ContextValue) -> Option<Vec<String>> {
    match value {
        ContextValue::String(s) => Some(vec![s.clone()]),
        ContextValue::Strings(s) => Some(s.clone()),
        ContextValue::StyledStr(s) => Some(vec![s.to_string()]),
        _ => None,
    }
}

/// The words that name a command: `vmix`, `cut` of `vmix cut my extra`.
fn verbs(program: &str, words: &Words, catalog: &Catalog) -> Vec<String> {
    let mut command = &build(program, words, catalog);
    let mut verbs = Vec::new();
    for word in &words.words {
        match command.find_subcommand(word) {
            Some(sub) => command = sub,
            None => break,
        }
        verbs.push(word.clone());
    }
    verbs
}

fn first_line(error: &clap::Error) -> String {
    let rendered = error.to_string();
    rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string()
}
