//! From a result (or its absence) to exactly one settlement.

use crate::InFlight;
use if_schemas::{Code, KeyId, Money, Reject, ResultEvent, Settlement, Trust, price::PriceError};

/// May `signer` settle this command with this result?
pub(crate) fn check_result(trust: &Trust, flight: &InFlight, signer: &KeyId, r: &ResultEvent) -> Result<(), Reject> {
    trust.authorize_result(signer, &flight.worker, &flight.provider, &flight.instance)?;
    if r.entry != flight.entry {
        return Err(Reject::new(
            Code::UnknownCommand,
            format!("the result names entry {}, not the admission of {}", r.entry, r.command),
        ));
    }
    let fits = r.cost.currency == flight.reserved.currency
        && (0..=flight.reserved.amount_micros).contains(&r.cost.amount_micros);
    if !fits {
        return Err(Reject::new(
            Code::CostExceedsReservation,
            format!("the result claims {}, reserved were {}", r.cost, flight.reserved),
        ));
    }
    check_cost(flight, r)
}

/// The cost follows from the quote of the admission and what was used: no worker and no plugin sets prices.
fn check_cost(flight: &InFlight, r: &ResultEvent) -> Result<(), Reject> {
    let wrong = |text: String| Err(Reject::new(Code::WrongCost, text));
    let Some(quote) = &flight.quote else {
        let is_free = r.cost.is_zero() && r.usage.is_none() && r.price_table.is_none();
        return if is_free {
            Ok(())
        } else {
            wrong("the operation is free, the result names a price or a usage".into())
        };
    };
    if r.price_table.as_ref() != Some(&quote.table) {
        return wrong(format!("the quote is by {:?}, the result by {:?}", quote.table, r.price_table));
    }
    let uncountable = |e: PriceError| Reject::new(Code::WrongCost, e.to_string());
    let due = match &r.usage {
        Some(usage) => quote.cost(usage).map_err(uncountable)?,
        None => flight.reserved,
    };
    if r.cost != due {
        return wrong(format!("the result claims {}, what it says was used costs {due}", r.cost));
    }
    Ok(())
}

/// Post the cost, void the rest.
pub(crate) fn of_result(reserved: Money, cost: Money) -> Settlement {
    let rest = Money { amount_micros: reserved.amount_micros - cost.amount_micros, currency: reserved.currency };
    Settlement { posted: cost, voided: rest }
}

/// Nothing was spent.
pub(crate) fn of_nothing(reserved: Money) -> Settlement {
    Settlement { posted: Money { amount_micros: 0, currency: reserved.currency }, voided: reserved }
}

/// Nobody knows whether it was spent: count it as spent, so that a budget is never exceeded.
pub(crate) fn of_unknown(reserved: Money) -> Settlement {
    Settlement { posted: reserved, voided: Money { amount_micros: 0, currency: reserved.currency } }
}
