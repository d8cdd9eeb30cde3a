//! A plan in a file: what was looked at is what is carried out later.

use crate::{HomeError, Place, private};
use if_schemas::{Hash, Name, Plan, Timestamp, codec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

/// The form of these files; one that says another is refused.
const FORM: u32 = 1;
/// Largest file that is read, bytes: twice the largest plan in hex, and the values.
const FILE_MAX_BYTES: u64 = 4 << 20;
const HINT: &str = "make it again with `ifctl bus orchestrate --profile NAME --plan --out FILE`";

/// Live state by `provider/instance:path`.
pub type Values = BTreeMap<String, Value>;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    if_plan: u32,
    saved_at: Timestamp,
    profile: Name,
    /// What an order of it commits to.
    root: Hash,
    /// The live state it was made in.
    state: Values,
    /// The plan itself: MessagePack in hex. The rest of the file is for people and for the comparison.
    plan: String,
}

/// Writes or replaces the file, readable by its owner alone: a plan holds the arguments of every command.
pub fn write(file: &Path, plan: &Plan, state: Values, now: Timestamp) -> Result<(), HomeError> {
    let bad = |e: if_schemas::SchemaError| HomeError::invalid(Place::file(file), format!("cannot be written: {e}"));
    let saved = Saved {
        if_plan: FORM,
        saved_at: now,
        profile: plan.profile.clone(),
        root: plan.tree().map_err(bad)?.root,
        state,
        plan: hex::encode(codec::encode("plan", plan).map_err(bad)?),
    };
    let mut text = serde_json::to_vec_pretty(&saved)
        .map_err(|e| HomeError::invalid(Place::file(file), format!("cannot be written: {e}")))?;
    text.push(b'\n');
    private::replace(file, &text)
}

/// The plan of a file, and the live state it was made in.
pub fn read(file: &Path) -> Result<(Plan, Values), HomeError> {
    let (text, _) = private::read(file, FILE_MAX_BYTES)?;
    let no_plan = |why: String| HomeError::invalid(Place::file(file), format!("no saved plan: {why}")).or_hint(HINT);
    let saved: Saved = serde_json::from_str(&text).map_err(|e| no_plan(e.to_string()))?;
    if saved.if_plan != FORM {
        return Err(no_plan(format!("it is of form {}, this program reads form {FORM}", saved.if_plan)));
    }
    let bytes = hex::decode(&saved.plan).map_err(|e| no_plan(format!("plan: {e}")))?;
    let plan: Plan = codec::decode("plan", &bytes).map_err(|e| no_plan(e.to_string()))?;
    plan.check().map_err(|e| no_plan(e.to_string()))?;
    let tree = plan.tree().map_err(|e| no_plan(e.to_string()))?;
    if tree.root != saved.root || plan.profile != saved.profile {
        return Err(no_plan("its commands are not those of its root: it was changed".into()));
    }
    Ok((plan, saved.state))
}
