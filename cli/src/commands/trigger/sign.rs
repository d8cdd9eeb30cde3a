//! The key of a trigger: one for each rule, let in for what the rule does and nothing else.

use crate::{
    CliError, Exit,
    client::Client,
    clock,
    commands::{bus, trust},
    context::Context,
};
use if_home::{
    Config, Home, Trigger, keys, plans, private,
    triggers::{self, Call, Run},
};
use if_schemas::{Head, KeyId, Member, Name, Plan, Role, SigningKey, TrustOp, limits::GRANTS_MAX};
use serde_json::json;
use std::{collections::BTreeSet, fs, io, path::Path};

/// A member that signs for a trigger.
pub struct LetIn {
    pub member: Name,
    pub head: Head,
    /// What it may do.
    pub grants: Vec<String>,
}

pub fn member_of(trigger: &Name) -> Result<Name, CliError> {
    let long =
        || CliError::usage(format!("{trigger} is too long a name"), "a trigger's name has at most 55 characters");
    triggers::member_name(trigger).ok_or_else(long)
}

pub fn allow(context: &Context, name: &Name) -> Result<(), CliError> {
    let home = context.home()?;
    let trigger = super::load(&home, name)?;
    let LetIn { member, head, grants } = let_in(context, &home, name, &trigger)?;
    // Read again by the worker, which now finds the key.
    triggers::set_enabled(&home.triggers_file(), name, trigger.enabled)?;
    if context.out.is_json() {
        let witness = json!({"index": head.index, "hash": head.hash});
        return context.out.document(&json!({"trigger": name, "signed_by": member, "witness": witness}));
    }
    context.out.text(&format!("trigger {name} may {}; entry #{}", grants.join(", "), head.index))
}

/// What the rule may do, and nothing else: its command, or every command that the plan of its profile has.
fn grants(run: &Run, plan: Option<&Plan>) -> Result<Vec<String>, CliError> {
    let all: BTreeSet<String> = match run {
        Run::Command(Call { operation, target, .. }) => [format!("{operation}@{target}")].into(),
        Run::Profile(_) => {
            let leaves = plan.map(Plan::leaves).unwrap_or_default();
            leaves.iter().map(|l| format!("{}@{}/{}", l.operation, l.provider, l.instance)).collect()
        }
    };
    if all.len() > GRANTS_MAX {
        let what = format!("the profile has {} kinds of commands, a key may be let in for {GRANTS_MAX}", all.len());
        return Err(CliError::usage(what, "make the profile smaller"));
    }
    Ok(all.into_iter().collect())
}

/// The plan of a profile as it is now: it is what the trigger will order.
async fn plan_of(
    context: &Context<'_>,
    client: &mut Client,
    key: &SigningKey,
    run: &Run,
) -> Result<Option<Plan>, CliError> {
    match run {
        Run::Command(_) => Ok(None),
        Run::Profile(profile) => bus::compiled(context, client, key, (&profile.name, &profile.set)).await.map(Some),
    }
}

/// Makes a fresh key and lets it in. A key the rule had before is revoked first: it may have been let in for another command.
pub fn let_in(context: &Context, home: &Home, name: &Name, trigger: &Trigger) -> Result<LetIn, CliError> {
    let member = member_of(name)?;
    let config = context.config(home)?;
    let admin = keys::read(&config.witness.signing_key)?;
    let file = home.key_file(member.as_str());
    let plan_file = home.trigger_plan_file(&member);
    let (head, grants) = context.block_on(async {
        let mut client = context.connect(home, &config).await?;
        let plan = plan_of(context, &mut client, &admin, &trigger.run).await?;
        let may = grants(&trigger.run, plan.as_ref())?;
        let grants = may.iter().map(|grant| grant.parse()).collect::<Result<Vec<_>, _>>()?;
        let deadline = context.deadline_us(&config);
        if let Some(old) = active(&mut client, &member).await? {
            trust::submit(&mut client, &admin, TrustOp::Revoke(old), deadline).await?;
        }
        forget(&file)?;
        if let Some(plan) = &plan {
            private::create_dir(&home.plans_dir())?;
            plans::write(&plan_file, plan, plans::Values::new(), clock::now())?;
        }
        let key = keys::write_new(&file, &*keys::random_seed()?)?;
        let new = Member { name: member.clone(), key: key.public(), role: Role::Operator, grants };
        let added = trust::submit(&mut client, &admin, TrustOp::Add(new), deadline).await;
        if added.as_ref().is_err_and(|e| e.exit == Exit::Rejected) {
            forget(&file)?;
        }
        Ok((added?.head, may))
    })?;
    Ok(LetIn { member, head, grants })
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
    remove(&home.trigger_plan_file(&member))?;
    Ok(ended)
}

async fn active(client: &mut Client, member: &Name) -> Result<Option<KeyId>, CliError> {
    client.refresh_trust().await?;
    Ok(client.trust.trust().by_name(member.as_str()).map(|(key, _)| *key))
}

fn forget(key_file: &Path) -> Result<(), CliError> {
    remove(key_file)?;
    remove(&keys::public_file(key_file))
}

fn remove(file: &Path) -> Result<(), CliError> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(CliError::io(format!("{} cannot be removed", file.display()), &e))
        }
        _ => Ok(()),
    }
}
