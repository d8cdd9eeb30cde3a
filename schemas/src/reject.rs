//! Rejections: domain outcomes with stable codes.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $number:literal;)*) => {
        /// Why the fabric refused. The text is stable; `docs/errors/IFnnnn.md` explains each number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }
        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];
            /// Stable snake_case name, as in `--json` and metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }
            /// Number of its page in `docs/errors`.
            pub fn number(self) -> u16 {
                match self { $(Code::$variant => $number,)* }
            }
        }
    };
}

codes! {
    /// Not a message of this contract.
    Malformed = "malformed", 1001;
    /// Major version this build does not read.
    UnsupportedVersion = "unsupported_version", 1002;
    /// Larger than a limit of the contract.
    TooLarge = "too_large", 1003;
    /// The payload is not the one the signature commits to.
    PayloadMismatch = "payload_mismatch", 1004;
    /// The subject names another instance or operation than the signed body.
    SubjectMismatch = "subject_mismatch", 1005;
    /// No member of the log has this key.
    UnknownKey = "unknown_key", 1101;
    /// The signature does not match the bytes and the key named.
    BadSignature = "bad_signature", 1102;
    /// The key was a member's and has been revoked.
    KeyRevoked = "key_revoked", 1103;
    /// No grant of the signer covers this.
    NotAllowed = "not_allowed", 1104;
    /// The trust change cannot be made (name taken, unknown key, last admin).
    BadTrustChange = "bad_trust_change", 1105;
    /// Sender and broker clocks differ by more than 30 s.
    ClockSkew = "clock_skew", 1201;
    /// Past its deadline.
    Expired = "expired", 1202;
    /// A different command with this id is already in the log.
    IdReused = "id_reused", 1203;
    /// The deadline is before the issue time or too far away.
    BadDeadline = "bad_deadline", 1204;
    /// No live worker serves this instance.
    NoWorker = "no_worker", 1301;
    /// The instance's worker does not know the operation.
    UnknownOperation = "unknown_operation", 1302;
    /// The signed effect class is not the operation's.
    EffectMismatch = "effect_mismatch", 1303;
    /// A queue of the broker is full; nothing was logged.
    Overloaded = "overloaded", 1304;
    /// A trigger sets itself off again and again.
    TriggerLoop = "trigger_loop", 1305;
    /// A result for a command that was never admitted, or names another entry.
    UnknownCommand = "unknown_command", 1401;
    /// The signer of a result may not serve that instance.
    WrongWorker = "wrong_worker", 1402;
    /// The command already has its settlement.
    AlreadySettled = "already_settled", 1403;
    /// The result claims a cost above what was reserved.
    CostExceedsReservation = "cost_exceeds_reservation", 1404;
    /// The result's cost is not what its usage costs by the quote.
    WrongCost = "wrong_cost", 1405;
    /// A hard budget has not enough left for the most the call can cost.
    BudgetExceeded = "budget_exceeded", 1601;
    /// Nobody has told what the call costs.
    PriceUnknown = "price_unknown", 1602;
    /// No exchange rate leads from the price to a budget.
    RateUnknown = "rate_unknown", 1603;
    /// The change of budgets, prices or rates cannot be made.
    BadFinanceChange = "bad_finance_change", 1604;
    /// No run of that id is known.
    UnknownRun = "unknown_run", 1701;
    /// The run waits, has ended, was cancelled, or goes the other way.
    RunNotGoing = "run_not_going", 1702;
    /// Another run writes to the same instance.
    RunConflict = "run_conflict", 1703;
    /// The operator did not order this of the orchestrator.
    NotInOrder = "not_in_order", 1704;
    /// The step's command is under way, or may not happen twice.
    StepDone = "step_done", 1705;
    /// The run would cost more than its operator allowed.
    CostCapExceeded = "cost_cap_exceeded", 1706;
    /// Guardians have not approved it, or one has rejected it.
    ApprovalMissing = "approval_missing", 1707;
    /// The change of the run cannot be made.
    BadRunChange = "bad_run_change", 1708;
    /// The broker cannot write to its log.
    Unavailable = "unavailable", 1501;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal: what, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reject {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
}

impl Reject {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (IF{})", self.message, self.code.number())
    }
}

impl From<crate::SchemaError> for Reject {
    fn from(e: crate::SchemaError) -> Self {
        use crate::SchemaError as E;
        let code = match &e {
            E::Version { .. } => Code::UnsupportedVersion,
            E::TooLarge { .. } => Code::TooLarge,
            E::BadSignature | E::WrongKey { .. } => Code::BadSignature,
            E::HashMismatch { .. } => Code::PayloadMismatch,
            E::Malformed { .. } | E::Invalid { .. } | E::Kind { .. } => Code::Malformed,
        };
        Reject::new(code, e.to_string())
    }
}
