//! `key rotate`: a new operator key, in an order in which a crash at any point loses neither key.
//!
//! 1. the new key is written as `ed25519.key.new`; 2. the old one signs the change; 3. once the broker has it in the log
//!    the old file is put aside, the new one takes its place, and the old one is removed. Run again, it goes on where it was.

use crate::{CliError, Exit, client::Client, commands::trust, context::Context};
use if_home::{keys, private};
use if_schemas::{Role, SigningKey, TrustOp};
use std::{
    fs,
    path::{Path, PathBuf},
};

pub fn rotate(context: &Context) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let file = config.witness.signing_key.clone();
    let new_file = beside(&file, "new");
    finish_swap(&file, &new_file)?;
    let old = keys::read(&file)?;
    let new = match new_file.exists() {
        true => keys::read(&new_file)?,
        false => keys::write_new(&new_file, &*keys::random_seed()?)?,
    };
    let outcome = context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        if is_active(&mut client, &new).await? {
            return Ok(None);
        }
        trust::submit(&mut client, &old, TrustOp::Rotate(new.public()), context.deadline_us(&config)).await.map(Some)
    });
    let change = match outcome {
        Ok(change) => change,
        Err(e) if e.exit == Exit::Rejected => {
            remove_new(&new_file)?;
            return Err(e);
        }
        Err(e) => {
            let kept = format!("both keys are kept ({}); run `ifctl key rotate` again to finish", new_file.display());
            return Err(e.hint(kept));
        }
    };
    swap(&file, &new_file, &old, &new)?;
    match change {
        Some(change) => trust::show(context, &change),
        None => context.out.text(&format!("The change was in the log already; your key is {} now.", new.id())),
    }
}

async fn is_active(client: &mut Client, key: &SigningKey) -> Result<bool, CliError> {
    client.refresh_trust().await?;
    let active = |role| client.trust.active(&key.id(), role).is_some();
    Ok(active(Role::Admin) || active(Role::Operator))
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(suffix);
    file.with_file_name(name)
}

/// An interruption between the two renames leaves only the new key: put it in place.
fn finish_swap(file: &Path, new_file: &Path) -> Result<(), CliError> {
    if !file.exists() && new_file.exists() {
        fs::rename(new_file, file)
            .map_err(|e| CliError::io(format!("{} cannot be renamed", new_file.display()), &e))?;
    }
    Ok(())
}

fn swap(file: &Path, new_file: &Path, old: &SigningKey, new: &SigningKey) -> Result<(), CliError> {
    let put_aside = beside(file, &format!("{}.old", old.id()));
    let failed = |path: &Path| {
        let shown = path.display().to_string();
        move |e: std::io::Error| {
            CliError::io(
                format!("the log has the new key, but {shown} cannot be replaced; run `ifctl key rotate` again"),
                &e,
            )
        }
    };
    fs::rename(file, &put_aside).map_err(failed(file))?;
    fs::rename(new_file, file).map_err(failed(file))?;
    private::replace(&keys::public_file(file), format!("{}\n", new.public()).as_bytes())?;
    let new_public = keys::public_file(new_file);
    if new_public != keys::public_file(file) && new_public.exists() {
        fs::remove_file(&new_public).map_err(failed(&new_public))?;
    }
    // Revoked by now: it can sign nothing any more, and a private key that is of no use is best gone.
    fs::remove_file(&put_aside).map_err(failed(&put_aside))
}

fn remove_new(new_file: &Path) -> Result<(), CliError> {
    let public = keys::public_file(new_file);
    for path in [new_file, &public] {
        match fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(CliError::io(format!("{} cannot be removed", path.display()), &e));
            }
            _ => {}
        }
    }
    Ok(())
}
