//! `trigger remove`.

use super::sign;
use crate::{CliError, context::Context};
use if_home::triggers;
use if_schemas::Name;
use serde_json::json;

/// The rule goes first: from then on nothing fires, whatever becomes of its key.
pub fn run(context: &Context, name: &Name) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    triggers::remove(&home.triggers_file(), name)?;
    let revoked = sign::shut_out(context, &home, &config, name).map_err(|e| {
        let hint = format!("the rule is removed; end its membership too: `ifctl trust revoke trigger-{name}`");
        e.hint(hint)
    })?;
    if context.out.is_json() {
        return context.out.document(&json!({"trigger": name, "removed": true, "revoked": revoked}));
    }
    let key = if revoked { "its key is revoked" } else { "its key was no member's" };
    context.out.text(&format!("trigger {name} is removed; {key}"))
}
