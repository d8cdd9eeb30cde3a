//! `trust`: who may do what. Changes are signed by an admin and kept in the log like everything else.

pub mod change;

pub use change::{show, submit};

use super::name;
use crate::{
    CliError,
    client::Client,
    context::Context,
    output::{Style, table, value},
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use if_home::keys;
use if_schemas::{
    Grant, KeyId, Member, PublicKey, Role, TrustOp,
    query::{self, MemberRow, TrustAnswer},
};
use std::path::PathBuf;

pub fn tree(command: Command) -> Command {
    let value = |name: &'static str, as_: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(as_).help(help)
    };
    let who = |help: &'static str| Arg::new("name").value_name("NAME").required(true).help(help);
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("all members there ever were"))
        .subcommand(
            Command::new("add")
                .about("let somebody in (admins only)")
                .arg(who("name of the new member"))
                .arg(
                    value("key", "HEX", "public key, 64 hex digits")
                        .required_unless_present("file")
                        .conflicts_with("file"),
                )
                .arg(
                    value("file", "PUB", "file with the public key (`key show` names it)")
                        .value_parser(value_parser!(PathBuf)),
                )
                .arg(value("role", "ROLE", "what it is").required(true).value_parser(["admin", "operator", "worker"]))
                .arg(
                    value(
                        "allow",
                        "GRANT",
                        "what it may do: 'obs.*', 'vmix.cut@vmix/studio2', '*@obs', '*'; may be repeated",
                    )
                    .action(ArgAction::Append)
                    .num_args(1..),
                )
                .after_help(
                    "Without --allow an operator may send nothing and a worker serve nothing. Admins need no grants.",
                ),
        )
        .subcommand(
            Command::new("revoke")
                .about("end a membership; what it signed before still verifies")
                .arg(who("name or key id of the member")),
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand() {
        Some(("add", m)) => {
            let member = member(m)?;
            change::run(context, async |_| Ok(TrustOp::Add(member)))
        }
        Some(("revoke", m)) => {
            let who = m.get_one::<String>("name").cloned().unwrap_or_default();
            change::run(context, async |client| Ok(TrustOp::Revoke(find(client, &who).await?)))
        }
        _ => list(context),
    }
}

fn member(m: &ArgMatches) -> Result<Member, CliError> {
    let text = |id: &str| m.get_one::<String>(id).map(String::as_str).unwrap_or_default();
    let key: PublicKey = match m.get_one::<PathBuf>("file") {
        Some(file) => keys::read_public(file)?,
        None => text("key").parse().map_err(|_| {
            CliError::usage(
                format!("--key: {:?} is no public key", text("key")),
                "it is 64 hex digits: `ifctl key show` prints it",
            )
        })?,
    };
    let grant = |g: &String| {
        g.parse::<Grant>().map_err(|e| CliError::usage(format!("--allow: {e}"), "quote it, the shell expands *"))
    };
    let grants = m.get_many::<String>("allow").unwrap_or_default().map(grant).collect::<Result<Vec<_>, _>>()?;
    let role: Role = text("role").parse()?;
    let member = Member { name: name("member name", text("name"))?, key, role, grants };
    member.check().map_err(|e| CliError::usage(e.to_string(), "see `ifctl trust add --help`"))?;
    Ok(member)
}

/// The key of an active member, by name or id, from verified trust.
async fn find(client: &mut Client, who: &str) -> Result<KeyId, CliError> {
    client.refresh_trust().await?;
    let trust = client.trust.trust();
    if let Ok(key) = who.parse::<KeyId>() {
        return Ok(key);
    }
    if let Some((key, _)) = trust.by_name(who) {
        return Ok(*key);
    }
    let names: Vec<&str> =
        trust.members().filter(|(_, s)| s.is_active()).map(|(_, s)| s.member.name.as_str()).collect();
    let hint = match if_manifest::args::nearest(who, names.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are: {}", names.join(", ")),
    };
    Err(CliError::usage(format!("no active member is named {who:?}"), hint))
}

/// The members as the log proves them, not as the broker says.
fn list(context: &Context) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let answer = context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        let answer: TrustAnswer = client.query(query::TRUST).await?;
        client.refresh_trust().await?;
        let folded: Vec<_> = client.trust.trust().members().map(|(id, s)| (*id, s.clone())).collect();
        let agrees = |m: &MemberRow| {
            folded
                .iter()
                .any(|(id, s)| *id == m.key_id && s.member == m.member && s.added == m.added && s.revoked == m.revoked)
        };
        if answer.members.len() != folded.len() || !answer.members.iter().all(agrees) {
            return Err(CliError::damaged(
                "the broker's list of members does not follow from the signed trust entries",
            ));
        }
        Ok(answer)
    })?;
    match context.out.is_json() {
        true => context.out.document(&answer),
        false => context.out.text(&render(context.out.style(), &answer.members)),
    }
}

fn render(style: Style, members: &[MemberRow]) -> String {
    let row = |m: &MemberRow| {
        let grants = m.member.grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let grants = match (m.member.role, grants.is_empty()) {
            (Role::Admin, _) => "everything".into(),
            (_, true) => "-".into(),
            _ => grants,
        };
        let state = m.revoked.map_or("active".to_string(), |index| format!("revoked by #{index}"));
        vec![
            value::printable(m.member.name.as_str()),
            m.member.role.as_str().into(),
            state,
            format!("#{}", m.added),
            m.key_id.to_string(),
            grants,
        ]
    };
    let rows: Vec<Vec<String>> = members.iter().map(row).collect();
    table::table(style, &["NAME", "ROLE", "STATE", "SINCE", "KEY ID", "MAY"], &rows, None)
}
