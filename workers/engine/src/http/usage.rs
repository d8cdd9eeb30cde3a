//! What a successful call used, read from its answer.

use super::{context::Scope, extract};
use if_manifest::plan::{OperationPlan, Plan};
use if_schemas::price::{Unit, Usage};
use serde_json::Value;

/// Readings so far. A stream gives several; the last of each unit counts.
#[derive(Debug, Default)]
pub struct Readings(Usage);

impl Readings {
    pub fn read(&mut self, plan: &Plan, operation: &OperationPlan, document: &Value, scope: &Scope) {
        for (unit, from) in operation.used.iter().flatten() {
            if let Some(quantity) = extract::value(plan, from, document, scope).as_ref().and_then(quantity) {
                self.0.insert(*unit, quantity);
            }
        }
    }

    /// None where a unit that is priced could not be read.
    pub fn known(self, plan: &Plan, operation: &OperationPlan) -> Option<Usage> {
        let units = priced(plan, operation);
        (!units.is_empty() && units.iter().all(|u| self.0.contains_key(u))).then_some(self.0)
    }
}

/// The units a call is measured in.
fn priced(plan: &Plan, operation: &OperationPlan) -> Vec<Unit> {
    let meter = plan.spec.operation(&operation.id).and_then(|o| o.price.as_ref());
    meter.map(|m| m.lines.iter().map(|line| line.unit).collect()).unwrap_or_default()
}

/// A whole number, rounded up: what was used is never less than what is said.
fn quantity(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(n) => n.to_string(),
        Value::String(s) => s.trim().to_string(),
        _ => return None,
    };
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let number = text.parse::<f64>().ok()?.ceil();
    // Beyond this, whole numbers are not exact.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
    (0.0..=EXACT_MAX).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_are_whole_and_rounded_up() {
        let read = |v: Value| quantity(&v);
        assert_eq!((read(json!(7)), read(json!("12")), read(json!(0))), (Some(7), Some(12), Some(0)));
        assert_eq!((read(json!(1.2)), read(json!("0.5")), read(json!(u64::MAX))), (Some(2), Some(1), Some(u64::MAX)));
        for bad in [json!(-1), json!("x"), json!(null), json!([1]), json!("NaN"), json!(1e300)] {
            assert_eq!(quantity(&bad), None, "{bad}");
        }
    }
}
