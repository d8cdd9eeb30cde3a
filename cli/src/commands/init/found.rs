//! A new fabric: all keys, NATS users, and the genesis that says who is who.

use super::Made;
use crate::{CliError, client::read_genesis, clock, context::Context, nats_conf};
use if_bus::nkey;
use if_schemas::{Envelope, Grant, Hash, Member, Name, Role, SigningKey, Trust, member::Genesis};
use serde_json::json;

/// Name of the worker node that runs on the same machine.
pub const LOCAL_NODE: &str = "local";
const BROKER: &str = "broker";

/// Idempotent: what exists is kept. The genesis comes last, so an interrupted run is simply repeated.
pub fn found(context: &Context, made: &mut Made, name: Name) -> Result<(), CliError> {
    let genesis = made.home.genesis_file();
    let existing = genesis.exists().then(|| read_genesis(&genesis)).transpose()?;
    match &existing {
        Some(envelope) => refuse_foreign(made, envelope)?,
        None => refuse_orphans(made)?,
    }
    made.directory(made.home.root())?;
    made.directory(&made.home.providers_dir())?;
    let (operator, broker, worker) = (made.key("ed25519")?, made.key("broker")?, made.key("worker")?);
    nats(made)?;
    made.config()?;
    made.file(genesis, || Ok(genesis_of(name, &operator, &broker, &worker)?.encode()?))?;
    let envelope = read_genesis(&made.home.genesis_file())?;
    show(context, made, &envelope)
}

/// A home directory that has joined another fabric never becomes one of its own.
fn refuse_foreign(made: &Made, envelope: &Envelope) -> Result<(), CliError> {
    if made.home.key_file("broker").exists() {
        return Ok(());
    }
    let broker = Trust::from_genesis(envelope)?.broker();
    let whose = broker.map(|b| b.key_id().to_string()).unwrap_or_default();
    Err(CliError::config(
        format!(
            "{} belongs to a fabric with another broker ({whose}): its key is not here",
            made.home.root().display()
        ),
        "nothing was changed; use another --home for a fabric of your own, or restore keys/broker.key",
    ))
}

/// A log without its genesis file cannot get a new one: the two would not fit.
fn refuse_orphans(made: &Made) -> Result<(), CliError> {
    let log = made.home.witness_dir();
    if !log.exists() {
        return Ok(());
    }
    Err(CliError::config(
        format!("{} holds a log, but there is no {}", log.display(), made.home.genesis_file().display()),
        "restore genesis.bin from a copy, or move the log away to begin a new one",
    ))
}

fn genesis_of(
    name: Name,
    operator: &SigningKey,
    broker: &SigningKey,
    worker: &SigningKey,
) -> Result<Envelope, CliError> {
    let member = |name: Name, key: &SigningKey, role, grants| Member { name, key: key.public(), role, grants };
    let genesis = Genesis {
        created_at: clock::now(),
        nonce: Hash(clock::random()?),
        members: vec![
            member(name, operator, Role::Admin, Vec::new()),
            member(BROKER.parse()?, broker, Role::Broker, Vec::new()),
            member(LOCAL_NODE.parse()?, worker, Role::Worker, vec![Grant::all()]),
        ],
    };
    genesis.check()?;
    let envelope = Envelope::seal(&genesis, operator)?;
    Trust::from_genesis(&envelope)
        .map_err(|e| CliError::usage(format!("the genesis cannot be made: {e}"), "choose another --name"))?;
    Ok(envelope)
}

fn nats(made: &mut Made) -> Result<(), CliError> {
    let dir = made.home.nats_dir();
    made.directory(&dir)?;
    made.directory(&dir.join("data"))?;
    for role in ["operator", "worker", "broker"] {
        made.file(made.home.nats_seed_file(role), || {
            let (seed, _) = nkey::user_from_seed(clock::random()?)?;
            Ok(format!("{seed}\n").into_bytes())
        })?;
    }
    let home = made.home;
    made.file(nats_conf::file(home), || Ok(nats_conf::content(home)?.into_bytes()))
}

fn show(context: &Context, made: &Made, envelope: &Envelope) -> Result<(), CliError> {
    let trust = Trust::from_genesis(envelope)?;
    let members: Vec<_> = trust.members().map(|(id, s)| (id, &s.member)).collect();
    if context.out.is_json() {
        let mut document = made.document();
        let row = |(id, m): &(&if_schemas::KeyId, &Member)| json!({"name": m.name, "role": m.role, "key_id": id, "key": m.key});
        document["members"] = members.iter().map(row).collect();
        document["genesis"] = json!(made.home.genesis_file());
        return context.out.document(&document);
    }
    let headline = if made.created.is_empty() { "Already set up; nothing was changed." } else { "A new fabric." };
    let admin = members.iter().find(|(_, m)| m.role == Role::Admin);
    let who = admin.map(|(id, m)| format!("  {} is admin, key id {id}\n", m.name)).unwrap_or_default();
    let next = format!(
        "Next: `{p} up --detach`, then `{p} vmix add NAME --host ADDRESS` or `{p} obs add NAME --host ADDRESS`",
        p = context.program
    );
    context.out.text(&format!("{headline}\n{}{who}{next}\n", made.human(context)))
}
