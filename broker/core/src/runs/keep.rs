//! What budgets keep for the steps of a run from its start on. Deciding does it on copies, applying on the state.

use super::run::Held;
use crate::{
    Book, Budgets, Ledger,
    budget::{AccountError, Spender},
};
use if_schemas::{
    Code, Name, Order, Reject, Target, Timestamp, codec,
    limits::{RUN_QUOTES_MAX, RUN_QUOTES_MAX_BYTES},
    run::{Reserve, StepQuote},
};
use std::collections::BTreeMap;

/// Reserves the worst case of every quote, all together within every budget and the cap of the order.
pub(crate) fn keep(
    (book, budgets, ledger): (&Book, &mut Budgets, &mut Ledger),
    (operator, order): (&Name, &Order),
    quotes: &[StepQuote],
    at: Timestamp,
) -> Result<BTreeMap<u32, Held>, Reject> {
    check_shape(order, quotes)?;
    let (mut held, mut total) = (BTreeMap::new(), 0i128);
    for StepQuote { step, operation, target, quote } in quotes {
        let reserved = quote.worst_case().map_err(|e| Reject::new(Code::PriceUnknown, e.to_string()))?;
        let Target { provider, instance } = target;
        let session = order.session.as_ref();
        let spender = Spender { operation, provider, instance, operator, session, reserved };
        let holds = budgets.plan(&spender, book, at)?;
        budgets.hold(&holds).map_err(|e: AccountError| Reject::new(Code::BudgetExceeded, e.to_string()))?;
        ledger.reserve(reserved).map_err(|e| Reject::new(Code::PriceUnknown, e.to_string()))?;
        if let Some(cap) = order.max_cost {
            total += i128::from(book.convert(reserved, cap.currency)?.amount_micros);
            if total > i128::from(cap.amount_micros) {
                let text = format!("up to step {step} the run may cost more than its limit of {cap}");
                return Err(Reject::new(Code::CostCapExceeded, text)
                    .hint("raise --max-cost, or see what each step may cost with --plan"));
            }
        }
        held.insert(*step, Held { reserved, holds });
    }
    Ok(held)
}

/// Once for each step, in their order, and no more than an entry holds.
fn check_shape(order: &Order, quotes: &[StepQuote]) -> Result<(), Reject> {
    if quotes.is_empty() {
        return Ok(());
    }
    let rising = quotes.iter().zip(quotes.iter().skip(1)).all(|(one, next)| one.step < next.step);
    let known = quotes.last().is_none_or(|last| last.step < order.steps);
    if order.reserve != Reserve::Run || !rising || !known {
        return Err(Reject::new(Code::BadRunChange, "the order asks for nothing like it to be reserved"));
    }
    let bytes = codec::encode("quotes", &quotes)?.len();
    if quotes.len() > RUN_QUOTES_MAX || bytes > RUN_QUOTES_MAX_BYTES {
        let text = format!(
            "{} steps cost something ({bytes} bytes of quotes); at the start it can be reserved for {RUN_QUOTES_MAX} \
             steps and {RUN_QUOTES_MAX_BYTES} bytes",
            quotes.len()
        );
        return Err(Reject::new(Code::TooLarge, text).hint("use --reserve step"));
    }
    Ok(())
}
