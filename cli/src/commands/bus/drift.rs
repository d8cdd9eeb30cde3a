//! Whether a saved plan still meets what it was made for.

use super::live;
use crate::{CliError, client::Client, context::Context};
use if_home::plans::Values;
use if_schemas::Plan;
use serde_json::Value;
use std::collections::BTreeSet;

/// Most changed values that are named.
const NAMED_MAX: usize = 5;

/// Refuses where a value that the plan looks at is no longer what it was, unless `force`.
pub async fn check(
    context: &Context<'_>,
    client: &mut Client,
    (plan, before): (&Plan, &Values),
    force: bool,
) -> Result<(), CliError> {
    let now = live::seen_by_all(client, plan).await?;
    let changed = changes(before, &now);
    if changed.is_empty() {
        return Ok(());
    }
    let mut named = changed.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join("; ");
    if changed.len() > NAMED_MAX {
        named.push_str(&format!("; and {} more", changed.len() - NAMED_MAX));
    }
    if force {
        context.out.warning(&format!("not as it was when the plan was made: {named}"));
        return Ok(());
    }
    Err(CliError::new(crate::Exit::Rejected, format!("it is not as it was when the plan was made: {named}"))
        .code("drift")
        .hint("make the plan again, or carry it out all the same with --force"))
}

fn changes(before: &Values, now: &Values) -> Vec<String> {
    let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let value = |values: &Values, key: &String| values.get(key).unwrap_or(&Value::Null).clone();
    let pairs = keys.into_iter().map(|key| (key, value(before, key), value(now, key)));
    pairs.filter(|(_, a, b)| a != b).map(|(key, a, b)| format!("{key} was {a}, is {b}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_another_value_and_what_came_or_went_are_changes() {
        let values = |all: &[(&str, i64)]| all.iter().map(|(k, v)| ((*k).to_string(), (*v).into())).collect::<Values>();
        assert!(changes(&values(&[("a", 1)]), &values(&[("a", 1)])).is_empty());
        let changed = changes(&values(&[("a", 1), ("b", 2)]), &values(&[("a", 3), ("c", 4)]));
        assert_eq!(changed, ["a was 1, is 3", "b was 2, is null", "c was null, is 4"]);
    }
}
