//! What a command in flight takes from one budget.

use if_schemas::{
    Command, Money, Name, OperationId, Settlement,
    finance::{BudgetKey, Scope},
};
use serde::{Deserialize, Serialize};

/// In the budget's currency, converted once: what rates do later changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub budget: BudgetKey,
    /// A budget that was removed and made again is another one.
    pub generation: u64,
    pub amount_micros: i64,
}

impl Hold {
    /// The part of this hold that a settlement spends: in proportion, rounded up, never more than is held.
    pub fn posted(&self, settlement: &Settlement) -> i64 {
        posted_part(self.amount_micros, settlement)
    }
}

/// The part of `amount_micros` that a settlement spends: in proportion, rounded up, never more than all.
pub(crate) fn posted_part(amount_micros: i64, settlement: &Settlement) -> i64 {
    let (posted, voided) = (i128::from(settlement.posted.amount_micros), i128::from(settlement.voided.amount_micros));
    let reserved = posted + voided;
    if reserved <= 0 {
        return 0;
    }
    let part = (i128::from(amount_micros) * posted + reserved - 1) / reserved;
    i64::try_from(part).unwrap_or(i64::MAX).min(amount_micros)
}

/// Who spends on what: what scopes are matched with.
#[derive(Debug, Clone, Copy)]
pub struct Spender<'a> {
    pub operation: &'a OperationId,
    pub provider: &'a Name,
    pub instance: &'a Name,
    /// The member that signed.
    pub operator: &'a Name,
    pub session: Option<&'a Name>,
    /// The worst case.
    pub reserved: Money,
}

impl<'a> Spender<'a> {
    pub(crate) fn of(c: &'a Command, operator: &'a Name, reserved: Money) -> Self {
        let Command { operation, provider, instance, session, .. } = c;
        Self { operation, provider, instance, operator, session: session.as_ref(), reserved }
    }

    pub fn is_in(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Global => true,
            Scope::Provider(name) => name == self.provider,
            Scope::Instance { provider, instance } => provider == self.provider && instance == self.instance,
            Scope::Operator(name) => name == self.operator,
            Scope::Family(name) => name.as_str() == self.operation.family(),
            Scope::Session(name) => Some(name) == self.session,
        }
    }
}
