//! `key`: the keys of this machine. Private halves are never shown.

mod rotate;

use crate::{
    CliError, Exit,
    context::Context,
    output::{Style, table},
};
use clap::{Arg, ArgMatches, Command};
use if_home::{Home, keys};
use if_schemas::PublicKey;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What people call the keys, and the names of their files.
const KEYS: [(&str, &str); 3] = [("operator", "ed25519"), ("broker", "broker"), ("worker", "worker")];

pub fn tree(command: Command) -> Command {
    let names = KEYS.map(|(name, _)| name);
    let key = move |help: &'static str| Arg::new("key").long("key").value_name("KEY").value_parser(names).help(help);
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("show").about("public keys and key ids").arg(key("only this one")))
        .subcommand(
            Command::new("rotate")
                .about("replace the operator's key; the old one signs the change")
                .arg(key("which one [default: operator]")),
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand() {
        Some(("rotate", m)) => match m.get_one::<String>("key").map(String::as_str) {
            None | Some("operator") => rotate::rotate(context),
            Some(other) => Err(CliError::usage(
                format!("the {other}'s key cannot be rotated from here"),
                "add a new worker with `ifctl trust add` and revoke the old one; the broker's key stays with its log",
            )),
        },
        Some((_, m)) => show(context, m.get_one::<String>("key").map(String::as_str)),
        None => show(context, None),
    }
}

/// A public key of this machine.
struct Shown {
    name: &'static str,
    public: PublicKey,
    file: PathBuf,
}

fn show(context: &Context, only: Option<&str>) -> Result<(), CliError> {
    let home = context.home()?;
    let found = found(&home, only)?;
    if context.out.is_json() {
        let row =
            |k: &Shown| json!({"name": k.name, "key_id": k.public.key_id(), "public_key": k.public, "file": k.file});
        let rows: Vec<Value> = found.iter().map(row).collect();
        return context.out.document(&json!({"keys": rows}));
    }
    context.out.text(&render(context.out.style(), &found))
}

fn found(home: &Home, only: Option<&str>) -> Result<Vec<Shown>, CliError> {
    let mut found = Vec::new();
    for (name, file) in KEYS.into_iter().filter(|(name, _)| only.is_none_or(|o| o == *name)) {
        let file = keys::public_file(&home.key_file(file));
        match keys::read_public(&file) {
            Ok(public) => found.push(Shown { name, public, file }),
            Err(e) if e.is_missing() && only.is_none() => {}
            Err(e) => return Err(CliError::from(e).hint("run `ifctl init`")),
        }
    }
    if found.is_empty() {
        return Err(CliError::new(Exit::Config, format!("{} holds no keys", home.keys_dir().display()))
            .hint("run `ifctl init`"));
    }
    Ok(found)
}

fn render(style: Style, found: &[Shown]) -> String {
    let rows: Vec<Vec<String>> =
        found.iter().map(|k| vec![k.name.into(), k.public.key_id().to_string(), k.public.to_string()]).collect();
    table::table(style, &["KEY", "KEY ID", "PUBLIC KEY"], &rows, None)
}
