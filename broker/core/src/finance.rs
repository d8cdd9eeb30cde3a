//! Changes of budgets, prices and rates: who may make them, and what they do.

use crate::{Book, Budgets, budget::AccountError};
use if_schemas::{
    Code, FinanceChange, FinanceOp, KeyId, Name, OperationId, Reject, Trust,
    finance::{INSTANCE, PROVIDER},
};

/// May `signer` make this change? The zone's existence is checked by the broker: its database is not part of the log.
pub(crate) fn check_change(
    trust: &Trust,
    budgets: &Budgets,
    book: &Book,
    signer: &KeyId,
    change: &FinanceChange,
) -> Result<(), Reject> {
    let op = &change.op;
    let operation: OperationId = op.operation().parse()?;
    let (provider, instance): (Name, Name) = (PROVIDER.parse()?, INSTANCE.parse()?);
    trust.authorize_operation(signer, &operation, &provider, &instance)?;
    op.check().map_err(|e| bad(e.to_string()))?;
    match op {
        FinanceOp::SetBudget(budget) => budgets.check_set(budget),
        FinanceOp::RemoveBudget(key) if budgets.get(key).is_none() => {
            Err(bad(format!("there is no budget {key}")).hint("see `ifctl optimise budget list`"))
        }
        FinanceOp::SetPrice(price) => book.check_set_price(price),
        FinanceOp::RemovePrice { provider, sku } if book.price(provider, sku).is_none() => {
            Err(bad(format!("no price is set for {sku:?} of {provider}")).hint("see `ifctl optimise rates`"))
        }
        FinanceOp::SetRate(rate) => book.check_set_rate(rate),
        FinanceOp::RemoveRate { from, to } if !book.has_rate(*from, *to) => {
            Err(bad(format!("no exchange rate is set from {from} to {to}")).hint("see `ifctl optimise rates`"))
        }
        _ => Ok(()),
    }
}

/// Applies a change that [`check_change`] allowed, as entry `index`.
pub(crate) fn apply_change(
    budgets: &mut Budgets,
    book: &mut Book,
    op: &FinanceOp,
    index: u64,
) -> Result<(), AccountError> {
    match op {
        FinanceOp::SetBudget(budget) => budgets.set(budget, index)?,
        FinanceOp::RemoveBudget(key) => budgets.remove(key),
        FinanceOp::SetPrice(price) => book.set_price(price, index),
        FinanceOp::RemovePrice { provider, sku } => book.remove_price(provider, sku),
        FinanceOp::SetRate(rate) => book.set_rate(rate),
        FinanceOp::RemoveRate { from, to } => book.remove_rate(*from, *to),
        FinanceOp::SetReporting(currency) => book.set_reporting(*currency),
    }
    Ok(())
}

fn bad(text: String) -> Reject {
    Reject::new(Code::BadFinanceChange, text)
}
