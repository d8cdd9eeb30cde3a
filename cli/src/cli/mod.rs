//! The command tree. Only the branch a command line asks for is built: the others are a name and a line of help.

mod catalog;
mod family;
mod usage;

pub use catalog::{Catalog, Family, FamilyKind};
pub use family::data_id;
pub use usage::usage_error;

use crate::commands::{NOUNS, Noun};
use clap::{Arg, ArgAction, Command, value_parser};
use std::{ffi::OsString, path::Path, path::PathBuf};

/// Names the binary is installed under.
const PROGRAMS: [&str; 2] = ["if", "ifctl"];
/// Global flags that take a value, so that the scan for words can step over it.
const VALUE_FLAGS: [&str; 5] = ["--deadline", "--trace", "--why", "--home", "--nats"];
const GLOBAL_HEADING: &str = "Global options";
/// Orders global options after those of the command.
const GLOBAL_ORDER: usize = 1_000;

/// What the program was called by; anything unknown counts as `ifctl`, which runs everywhere.
pub fn program_name(first: Option<&OsString>) -> String {
    let stem = first.and_then(|f| Path::new(f).file_stem()).and_then(|s| s.to_str()).unwrap_or_default();
    PROGRAMS.into_iter().find(|p| *p == stem).unwrap_or("ifctl").to_string()
}

/// A first look at a command line, before there is a tree to parse it with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Everything that is no flag and no flag's value, up to `--`.
    words: Vec<String>,
    json: bool,
    home: Option<PathBuf>,
    nats: Option<String>,
}

impl Words {
    pub fn scan(args: &[OsString]) -> Self {
        let mut found = Self::default();
        let mut rest = args.iter().skip(1).map(|a| a.to_string_lossy());
        while let Some(word) = rest.next() {
            match word.as_ref() {
                "--" => break,
                "--json" => found.json = true,
                "--home" => found.home = rest.next().map(|value| PathBuf::from(value.as_ref())),
                flag if flag.starts_with("--home=") => {
                    found.home = flag.strip_prefix("--home=").map(PathBuf::from);
                }
                "--nats" => found.nats = rest.next().map(|value| value.into_owned()),
                flag if flag.starts_with("--nats=") => found.nats = flag.strip_prefix("--nats=").map(str::to_string),
                flag if VALUE_FLAGS.contains(&flag) => drop(rest.next()),
                flag if flag.starts_with('-') => {}
                _ => found.words.push(word.into_owned()),
            }
        }
        found
    }

    pub fn json(&self) -> bool {
        self.json
    }

    /// What `--home` says.
    pub fn home(&self) -> Option<PathBuf> {
        self.home.clone()
    }

    /// What `--nats` says.
    pub fn nats(&self) -> Option<String> {
        self.nats.clone()
    }

    /// The word at `place`, the first being 0.
    pub fn at(&self, place: usize) -> Option<&str> {
        self.words.get(place).map(String::as_str)
    }

    /// The command asked for; of `help vmix`, `vmix`.
    fn focus(&self) -> Option<&str> {
        let mut words = self.words.iter().map(String::as_str);
        match words.next() {
            Some("help") => words.next(),
            first => first,
        }
    }
}

/// The tree for one command line.
pub fn build(program: &str, words: &Words, catalog: &Catalog) -> Command {
    assemble(program, catalog, |name| words.focus() == Some(name))
}

/// The whole tree, for completions.
pub fn build_all(program: &str, catalog: &Catalog) -> Command {
    assemble(program, catalog, |_| true)
}

/// Top-level words, for shells.
pub fn top_words(catalog: &Catalog) -> Vec<String> {
    let nouns = NOUNS.iter().map(|n| n.name.to_string());
    catalog.families().iter().map(|f| f.name.clone()).chain(nouns).chain(["help".to_string()]).collect()
}

fn assemble(program: &str, catalog: &Catalog, wanted: impl Fn(&str) -> bool) -> Command {
    let mut root = Command::new(program.to_string())
        .bin_name(program.to_string())
        .version(env!("CARGO_PKG_VERSION"))
        .about("InfraFabric: signed, witnessed and confirmed operation of studio and cloud systems")
        .after_help(after_help(program))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(110)
        .args(globals());
    for family in catalog.families() {
        let shallow = Command::new(family.name.clone()).about(family.about.clone());
        let branch = |c| family::tree(c, &family, &catalog.providers_of(&family));
        root = root.subcommand(if wanted(&family.name) { branch(shallow) } else { shallow });
    }
    for Noun { name, about, tree, .. } in NOUNS {
        let shallow = Command::new(*name).about(*about);
        root = root.subcommand(if wanted(name) { tree(shallow) } else { shallow });
    }
    root
}

fn after_help(program: &str) -> String {
    let shell = match program {
        "if" => {
            "\n`if` is a reserved word of most shells: `ifctl` is the same program, and `ifctl shell-init` makes `if` work at a prompt."
        }
        _ => "",
    };
    format!(
        "Exit codes: 0 succeeded, 1 the provider failed, 2 usage, 3 rejected, 4 indeterminate or no result,\n\
         5 fabric not reachable, 6 verification failed, 64 bad configuration.{shell}"
    )
}

fn globals() -> Vec<Arg> {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let value = |name: &'static str, as_: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(as_).help(help)
    };
    let args = [
        flag("json", "print exactly one JSON document"),
        value("deadline", "TIME", "how long the operation may take: 500ms, 5s, 2m [default: 10s]"),
        flag("dry-run", "ask whether the command would be admitted; nothing is logged or executed"),
        flag("no-wait", "return with the receipt, do not wait for the result"),
        value("trace", "ID", "trace id, 32 hex digits; commands with the same one belong together"),
        value("why", "REASON", "why you do this; kept with the command in the witness"),
        value("home", "DIR", "home directory [default: IF_HOME or ~/.if]").value_parser(value_parser!(PathBuf)),
        value("nats", "URL", "NATS server [default: IF_NATS, the running fabric, or the configuration]"),
    ];
    let place = |(i, arg): (usize, Arg)| arg.global(true).help_heading(GLOBAL_HEADING).display_order(GLOBAL_ORDER + i);
    args.into_iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests;
