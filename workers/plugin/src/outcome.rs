//! What a plugin's result means for the command: the one place where it becomes an [`Execution`].

use crate::protocol::Finished;
use if_engine::{Executed, Execution, Metered};
use if_schemas::{
    Effect,
    price::{Meter, Unit, Usage},
};
use serde_json::{Map, Value};

/// A result and what it used: quantities only, the price table says what they cost.
pub fn outcome(finished: Finished, effect: Effect, meter: Option<&Meter>) -> Executed {
    match finished {
        Finished::Succeeded { document, usage } => {
            Executed { execution: Execution::Succeeded(document), metered: metered(&usage, meter) }
        }
        Finished::Failed { failure, usage } => {
            let metered = meter.map_or(Metered::Nothing, |m| Metered::Known(quantities(&usage, m)));
            Executed { execution: Execution::Failed(failure), metered }
        }
        Finished::Indeterminate { failure, usage } => {
            Executed { execution: Execution::Indeterminate(failure), metered: metered(&usage, meter) }
        }
        Finished::Malformed(why) => {
            let message = format!("the plugin's result cannot be used: {why}");
            Executed { execution: unknown(effect, "bad_reply", message), metered: Metered::unknown(meter.is_some()) }
        }
    }
}

/// Known only where every unit of the meter is told: one that is not may have been used up to its limit.
fn metered(said: &Map<String, Value>, meter: Option<&Meter>) -> Metered {
    let Some(meter) = meter else { return Metered::Nothing };
    let usage = quantities(said, meter);
    match meter.lines.iter().all(|line| usage.contains_key(&line.unit)) {
        true => Metered::Known(usage),
        false => Metered::Unknown,
    }
}

/// It began and gave no result: for a read that is a failure, otherwise nobody can know.
pub fn unknown(effect: Effect, code: &str, message: String) -> Execution {
    match effect {
        Effect::Read => Execution::failed(code, message, Some("see the worker's log")),
        _ => Execution::indeterminate(code, message, Some("look at the target to see whether it happened")),
    }
}

/// What fits the meter; the rest is not counted, and told.
fn quantities(said: &Map<String, Value>, meter: &Meter) -> Usage {
    let fits = |(name, value): (&String, &Value)| {
        let unit = serde_json::from_value::<Unit>(Value::from(name.as_str())).ok();
        let unit = unit.filter(|u| meter.lines.iter().any(|l| l.unit == *u));
        match (unit, value.as_u64()) {
            (Some(unit), Some(quantity)) => Some((unit, quantity)),
            _ => {
                tracing::warn!(unit = name, "a plugin reports usage that its operation does not measure; ignored");
                None
            }
        }
    };
    said.iter().filter_map(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use if_schemas::price::{MeterLine, Quantity, SkuName};
    use serde_json::json;

    #[test]
    fn usage_is_only_what_the_meter_measures_and_what_is_not_told_is_not_known() {
        let line = MeterLine { unit: Unit::Message, most: Quantity::Fixed(3) };
        let meter = Meter { sku: SkuName::Fixed("page".into()), lines: vec![line] };
        let usage = json!({"message": 2, "minute": 1, "price": 5, "call": "1"}).as_object().cloned().unwrap();
        let finished = Finished::Succeeded { document: json!({}), usage };
        let told = outcome(finished.clone(), Effect::Once, Some(&meter)).metered;
        assert_eq!(told, Metered::Known(Usage::from([(Unit::Message, 2)])));
        let silent = Finished::Succeeded { document: json!({}), usage: Map::new() };
        assert_eq!(outcome(silent, Effect::Once, Some(&meter)).metered, Metered::Unknown);
        assert_eq!(outcome(finished, Effect::Once, None).metered, Metered::Nothing);
    }

    #[test]
    fn a_result_that_is_none_is_a_failure_for_a_read_alone() {
        let malformed = || Finished::Malformed("x".into());
        assert!(matches!(outcome(malformed(), Effect::Read, None).execution, Execution::Failed(_)));
        for effect in [Effect::Once, Effect::Idempotent] {
            assert!(matches!(outcome(malformed(), effect, None).execution, Execution::Indeterminate(_)));
        }
    }
}
