//! From a result (or its absence) to exactly one settlement.

use crate::InFlight;
use if_schemas::{Code, KeyId, Money, Reject, ResultEvent, Settlement, Trust};

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
    Ok(())
}

/// Post the cost, void the rest.
pub(crate) fn of_result(reserved: Money, cost: Money) -> Settlement {
    let rest = Money { amount_micros: reserved.amount_micros - cost.amount_micros, currency: reserved.currency };
    Settlement { posted: cost, voided: rest }
}

/// Nobody knows whether it was spent: count it as spent, so that a budget is never exceeded.
pub(crate) fn of_unknown(reserved: Money) -> Settlement {
    Settlement { posted: reserved, voided: Money { amount_micros: 0, currency: reserved.currency } }
}
