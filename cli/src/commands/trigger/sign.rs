//! The key of a trigger: one for each rule, let in for its one command and nothing else.

use crate::{CliError, Exit, client::Client, commands::trust, context::Context};
use if_home::{
    Config, Home, Trigger, keys,
    triggers::{self, Run},
};
use if_schemas::{Head, KeyId, Member, Name, Role, TrustOp};
use serde_json::json;
use std::{fs, io, path::Path};

/// A member that signs for a trigger.
pub struct LetIn {
    pub member: Name,
    pub head: Head,
}

pub fn member_of(trigger: &Name) -> Result<Name, CliError> {
    let long =
        || CliError::usage(format!("{trigger} is too long a name"), "a trigger's name has at most 55 characters");
    triggers::member_name(trigger).ok_or_else(long)
}

pub fn allow(context: &Context, name: &Name) -> Result<(), CliError> {
    let home = context.home()?;
    let trigger = super::load(&home, name)?;
    let LetIn { member, head } = let_in(context, &home, name, &trigger)?;
    // Read again by the worker, which now finds the key.
    triggers::set_enabled(&home.triggers_file(), name, trigger.enabled)?;
    if context.out.is_json() {
        let witness = json!({"index": head.index, "hash": head.hash});
        return context.out.document(&json!({"trigger": name, "signed_by": member, "witness": witness}));
    }
    context.out.text(&format!("trigger {name} may {}; entry #{}", grant(&trigger), head.index))
}

fn grant(trigger: &Trigger) -> String {
    let Run { operation, target, .. } = &trigger.run;
    format!("{operation}@{target}")
}

/// Makes a fresh key and lets it in. A key the rule had before is revoked first: it may have been let in for another command.
pub fn let_in(context: &Context, home: &Home, name: &Name, trigger: &Trigger) -> Result<LetIn, CliError> {
    let member = member_of(name)?;
    let config = context.config(home)?;
    let admin = keys::read(&config.witness.signing_key)?;
    let file = home.key_file(member.as_str());
    let grants = vec![grant(trigger).parse()?];
    let head = context.block_on(async {
        let mut client = context.connect(home, &config).await?;
        let deadline = context.deadline_us(&config);
        if let Some(old) = active(&mut client, &member).await? {
            trust::submit(&mut client, &admin, TrustOp::Revoke(old), deadline).await?;
        }
        forget(&file)?;
        let key = keys::write_new(&file, &*keys::random_seed()?)?;
        let new = Member { name: member.clone(), key: key.public(), role: Role::Operator, grants };
        let added = trust::submit(&mut client, &admin, TrustOp::Add(new), deadline).await;
        if added.as_ref().is_err_and(|e| e.exit == Exit::Rejected) {
            forget(&file)?;
        }
        Ok(added?.head)
    })?;
    Ok(LetIn { member, head })
}

/// Ends the membership and removes the key; false if there was none.
pub fn shut_out(context: &Context, home: &Home, config: &Config, name: &Name) -> Result<bool, CliError> {
    let member = member_of(name)?;
    let admin = keys::read(&config.witness.signing_key)?;
    let ended = context.block_on(async {
        let mut client = context.connect(home, config).await?;
        let Some(key) = active(&mut client, &member).await? else { return Ok(false) };
        trust::submit(&mut client, &admin, TrustOp::Revoke(key), context.deadline_us(config)).await?;
        Ok(true)
    })?;
    forget(&home.key_file(member.as_str()))?;
    Ok(ended)
}

async fn active(client: &mut Client, member: &Name) -> Result<Option<KeyId>, CliError> {
    client.refresh_trust().await?;
    Ok(client.trust.trust().by_name(member.as_str()).map(|(key, _)| *key))
}

fn forget(key_file: &Path) -> Result<(), CliError> {
    for file in [key_file.to_path_buf(), keys::public_file(key_file)] {
        match fs::remove_file(&file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(CliError::io(format!("{} cannot be removed", file.display()), &e));
            }
            _ => {}
        }
    }
    Ok(())
}
