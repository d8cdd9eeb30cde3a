//! Why a command was sent that no human typed: the trigger that sent it, and the triggers before that.

use crate::{Code, Name, Reject};
use serde::{Deserialize, Serialize};

/// Most triggers that may follow from one another.
pub const CHAIN_MAX: usize = 16;
/// How often one trigger may be in a chain before its next command is refused.
pub const ROUNDS_MAX: usize = 3;

/// What a trigger says with its command: part of the payload, so signed and kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    pub trigger: Name,
    /// What was seen: `vmix/myvmix:tally.program is 3, was 1`.
    pub because: String,
    /// The triggers whose commands led to this one, oldest first.
    pub chain: Vec<Name>,
    /// The trigger fires without end: the command is sent only so that the refusal is recorded.
    pub runaway: bool,
}

impl Cause {
    /// Refuses a trigger that sets itself off again and again, whoever notices it.
    pub fn check(&self) -> Result<(), Reject> {
        let stopped = |text: String| {
            Reject::new(Code::TriggerLoop, text).hint(format!(
                "mend the rule, then start it again: `ifctl trigger enable {}`; `ifctl trigger log` shows what it did",
                self.trigger
            ))
        };
        let before = self.chain.iter().filter(|name| **name == self.trigger).count();
        if before >= ROUNDS_MAX {
            let path = self.chain.iter().map(Name::as_str).collect::<Vec<_>>().join(" → ");
            return Err(stopped(format!("the trigger {0} sets itself off: {path} → {0}", self.trigger)));
        }
        if self.chain.len() >= CHAIN_MAX {
            return Err(stopped(format!("{CHAIN_MAX} triggers follow from one another, {} is the last", self.trigger)));
        }
        match self.runaway {
            true => Err(stopped(format!("the trigger {} fires without end", self.trigger))),
            false => Ok(()),
        }
    }

    /// The chain of a trigger that fires because of this command.
    pub fn next_chain(&self) -> Vec<Name> {
        self.chain.iter().chain([&self.trigger]).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(trigger: &str, chain: &[&str], runaway: bool) -> Cause {
        let chain = chain.iter().map(|n| n.parse().unwrap()).collect();
        Cause { trigger: trigger.parse().unwrap(), because: "x".into(), chain, runaway }
    }

    #[test]
    fn a_trigger_may_come_back_a_few_times_and_no_more() {
        assert_eq!(cause("a", &["a", "b", "a", "b"], false).check(), Ok(()));
        let reject = cause("a", &["a", "b", "a", "b", "a", "b"], false).check().unwrap_err();
        assert_eq!(reject.code, Code::TriggerLoop);
        assert_eq!(reject.message, "the trigger a sets itself off: a → b → a → b → a → b → a");
    }

    #[test]
    fn long_chains_and_runaways_are_refused() {
        let names: Vec<String> = (0..CHAIN_MAX).map(|n| format!("t{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(cause("z", &names[1..], false).check(), Ok(()));
        assert!(cause("z", &names, false).check().is_err());
        assert!(cause("z", &[], true).check().is_err());
    }
}
