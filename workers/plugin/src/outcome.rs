//! What a plugin's result means for the command: the one place where it becomes an [`Execution`].

use crate::protocol::Finished;
use if_engine::Execution;
use if_schemas::{
    Effect,
    price::{Meter, Unit, Usage},
};
use serde_json::{Map, Value};

/// A result and what the plugin says it used, by unit of the operation's meter.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub execution: Execution,
    /// Quantities only: the price table says what they cost. A unit that is not here was used up to its limit.
    pub usage: Usage,
}

pub fn outcome(finished: Finished, effect: Effect, meter: Option<&Meter>) -> Outcome {
    let (execution, usage) = match finished {
        Finished::Succeeded { document, usage } => (Execution::Succeeded(document), usage),
        Finished::Failed { failure, usage } => (Execution::Failed(failure), usage),
        Finished::Indeterminate { failure, usage } => (Execution::Indeterminate(failure), usage),
        Finished::Malformed(why) => {
            let message = format!("the plugin's result cannot be used: {why}");
            (unknown(effect, "bad_reply", message), Map::new())
        }
    };
    Outcome { execution, usage: meter.map(|m| quantities(&usage, m)).unwrap_or_default() }
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
    fn usage_is_only_what_the_meter_measures() {
        let line = MeterLine { unit: Unit::Message, most: Quantity::Fixed(3) };
        let meter = Meter { sku: SkuName::Fixed("page".into()), lines: vec![line] };
        let usage = json!({"message": 2, "minute": 1, "price": 5, "call": "1"}).as_object().cloned().unwrap();
        let finished = Finished::Succeeded { document: json!({}), usage };
        assert_eq!(outcome(finished.clone(), Effect::Once, Some(&meter)).usage, Usage::from([(Unit::Message, 2)]));
        assert_eq!(outcome(finished, Effect::Once, None).usage, Usage::new());
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
