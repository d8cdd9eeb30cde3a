//! Another machine of an existing fabric: one key of its own and a copy of the public genesis.

use super::Made;
use crate::{CliError, client::read_genesis, context::Context};
use if_schemas::{Name, Role, Trust};
use serde_json::json;
use std::path::Path;

pub fn join(context: &Context, made: &mut Made, file: &Path, name: Name, worker: bool) -> Result<(), CliError> {
    let envelope = read_genesis(file)?;
    let target = made.home.genesis_file();
    if target.exists() && read_genesis(&target)? != envelope {
        return Err(CliError::config(
            format!("{} is of another fabric than {}", target.display(), file.display()),
            "nothing was changed; use another --home to belong to both",
        ));
    }
    made.directory(made.home.root())?;
    made.directory(&made.home.providers_dir())?;
    made.directory(&made.home.nats_dir())?;
    let (key, role, seed, grant) = match worker {
        true => (made.key("worker")?, Role::Worker, "worker", "*"),
        false => (made.key("ed25519")?, Role::Operator, "operator", "vmix.*"),
    };
    made.config()?;
    made.file(target, || Ok(envelope.encode()?))?;
    let line = format!("ifctl trust add {name} --key {} --role {} --allow '{grant}'", key.public(), role.as_str());
    let seed_file = made.home.nats_seed_file(seed);
    if context.out.is_json() {
        let mut document = made.document();
        document["member"] = json!({"name": name, "role": role, "key": key.public(), "key_id": key.id()});
        document["admin_runs"] = json!(line);
        document["nats_seed_file"] = json!(seed_file);
        return context.out.document(&document);
    }
    let admins = admins(&Trust::from_genesis(&envelope)?);
    let have_seed = if seed_file.exists() {
        String::new()
    } else {
        format!("  and copies {seed}.nk of the fabric to {}\n", seed_file.display())
    };
    context.out.text(&format!(
        "Joined the fabric of {admins}.\n{}  public key  {}\nAn admin now runs:\n  {line}\n{have_seed}",
        made.human(context),
        key.public(),
    ))
}

fn admins(trust: &Trust) -> String {
    let admins = trust.members().filter(|(_, s)| s.member.role == Role::Admin);
    admins.map(|(id, s)| format!("{} (key {id})", s.member.name)).collect::<Vec<_>>().join(", ")
}
