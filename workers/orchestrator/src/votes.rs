//! The words of guardians on one step.

use if_schemas::{Name, Timestamp, run::Guard};
use std::collections::BTreeMap;

/// The last word of each.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Votes(BTreeMap<Name, (bool, Timestamp)>);

impl Votes {
    pub fn add(&mut self, guardian: Name, approve: bool, at: Timestamp) {
        self.0.insert(guardian, (approve, at));
    }

    /// Guardians are asked again.
    pub fn forget_refusals(&mut self) {
        self.0.retain(|_, (approve, _)| *approve);
    }

    /// Is the weight there at `now`? A vote counts for the guard's `valid_ms`.
    pub fn approved(&self, guard: &Guard, now: Timestamp) -> bool {
        let valid = |at: &Timestamp| at.saturating_add_us(crate::line::us(guard.valid_ms)) >= now;
        let yes = self.0.iter().filter(|(_, (approve, at))| *approve && valid(at));
        let weight: u64 = yes.filter_map(|(name, _)| guard.of.get(name)).map(|weight| u64::from(*weight)).sum();
        weight >= u64::from(guard.need)
    }

    /// Why it can no longer be approved: a veto, or too many said no.
    pub fn refused(&self, guard: &Guard) -> Option<String> {
        let no = |name: &&Name| self.0.get(*name).is_some_and(|(approve, _)| !approve);
        if let Some(name) = guard.veto.iter().find(no) {
            return Some(format!("{name} said no"));
        }
        let open: u64 = guard.of.iter().filter(|(name, _)| !no(name)).map(|(_, weight)| u64::from(*weight)).sum();
        let names: Vec<&str> = guard.of.keys().filter(no).map(Name::as_str).collect();
        (open < u64::from(guard.need)).then(|| format!("not approved: {} said no", names.join(", ")))
    }
}
