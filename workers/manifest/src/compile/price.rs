//! How a call is measured.

use super::{Compiler, extract::ANSWER};
use crate::{
    plan::Extract,
    raw::{self, Format, Most, SkuName, Type},
};
use if_schemas::{
    limits::METER_LINES_MAX,
    price::{self, Meter, MeterLine, Quantity, Unit},
};
use std::collections::BTreeMap;

/// A meter, and how what was used is read.
pub type Measured = (Meter, BTreeMap<Unit, Extract>);

impl From<raw::Unit> for Unit {
    fn from(raw: raw::Unit) -> Unit {
        match raw {
        raw::Unit::Call => Unit::Call,
        raw::Unit::Message => Unit::Message,
        raw::Unit::Minute => Unit::Minute,
        raw::Unit::Hour => Unit::Hour,
        raw::Unit::InputToken => Unit::InputToken,
        raw::Unit::CachedInputToken => Unit::CachedInputToken,
        raw::Unit::OutputToken => Unit::OutputToken,
        raw::Unit::Amount => Unit::Amount,
        }
    }
}

impl raw::Unit {
    /// As it is written in the file.
    pub fn name(self) -> &'static str {
        match self {
            raw::Unit::Call => "call",
            raw::Unit::Message => "message",
            raw::Unit::Minute => "minute",
            raw::Unit::Hour => "hour",
            raw::Unit::InputToken => "input_token",
            raw::Unit::CachedInputToken => "cached_input_token",
            raw::Unit::OutputToken => "output_token",
            raw::Unit::Amount => "amount",
        }
    }
}

impl<'a> Compiler<'a> {
    /// None for a free operation.
    pub fn price(&mut self, raw: &'a raw::Price) -> Option<Option<Measured>> {
        match raw {
            raw::Price::Free => Some(None),
            raw::Price::Metered(metered) => self.at("metered", |c| c.metered(metered)).map(Some),
        }
    }

    fn metered(&mut self, raw: &'a raw::Metered) -> Option<Measured> {
        if raw.most.is_empty() || raw.most.len() > METER_LINES_MAX {
            self.at("most", |c| c.wrong("most holds no unit, or too many", format!("use 1 to {METER_LINES_MAX}")));
        }
        let sku = self.at("sku", |c| c.sku(&raw.sku));
        let line = |(u, most): (&'a raw::Unit, &'a Most)| {
            let most = self.at("most", |c| c.at(u.name(), |c| c.quantity(*u, most)));
            most.map(|most| MeterLine { unit: (*u).into(), most })
        };
        let lines: Vec<Option<MeterLine>> = raw.most.iter().map(line).collect();
        let used = |(u, extract): (&'a raw::Unit, &'a raw::Extract)| {
            self.at("used", |c| {
                c.at(u.name(), |c| {
                    if !raw.most.contains_key(u) {
                        c.wrong_key(format!("{} is used but not in most", u.name()), "say how much it can be at most");
                    }
                    c.extract(extract, ANSWER).map(|e| ((*u).into(), e))
                })
            })
        };
        let used: Vec<Option<(Unit, Extract)>> = raw.used.iter().map(used).collect();
        let meter = Meter { sku: sku?, lines: lines.into_iter().collect::<Option<_>>()? };
        Some((meter, used.into_iter().collect::<Option<_>>()?))
    }

    fn sku(&mut self, raw: &'a SkuName) -> Option<price::SkuName> {
        match raw {
            SkuName::Fixed(name) => Some(price::SkuName::Fixed(name.clone())),
            SkuName::Argument(name) => {
                self.argument_of("argument", name, "string", |t, _| t == Type::String)?;
                Some(price::SkuName::Argument(name.clone()))
            }
        }
    }

    fn quantity(&mut self, unit: raw::Unit, raw: &'a Most) -> Option<Quantity> {
        if matches!(raw, Most::Money { .. }) != (unit == raw::Unit::Amount) {
            self.wrong("money goes with the unit amount, and only with it", "use money there, a number elsewhere");
        }
        match raw {
            Most::Fixed(n) => Some(Quantity::Fixed(*n)),
            Most::Argument(name) => {
                self.argument_of("argument", name, "integer", |t, f| t == Type::Integer && f.is_none())?;
                Some(Quantity::Argument(name.clone()))
            }
            Most::TextBytes { arguments, extra } => {
                let known = arguments.iter().enumerate().map(|(i, name)| {
                    self.at("text_bytes", |c| c.at("arguments", |c| c.at(i, |c| c.param(name)))).is_some()
                });
                let known: Vec<bool> = known.collect();
                let all = !known.is_empty() && known.iter().all(|k| *k);
                all.then(|| Quantity::TextBytes { arguments: arguments.clone(), extra: *extra })
            }
            Most::Money { amount, currency } => self.at("money", |c| {
                let sum = c.argument_of("amount", amount, "string of format amount", |_, f| f == Some(Format::Amount));
                let code = c.argument_of("currency", currency, "string", |t, _| t == Type::String);
                sum.and(code).map(|()| Quantity::Money { amount: amount.clone(), currency: currency.clone() })
            }),
            Most::MinutesOf(name) => {
                self.argument_of("minutes_of", name, "integer of format duration", |_, f| f == Some(Format::Duration))?;
                Some(Quantity::MinutesOf(name.clone()))
            }
        }
    }

    fn argument_of(
        &mut self,
        key: &'a str,
        name: &'a str,
        expected: &str,
        fits: impl Fn(Type, Option<Format>) -> bool,
    ) -> Option<()> {
        self.at(key, |c| {
            let param = c.param(name)?;
            if !fits(param.kind, param.format) {
                c.wrong(format!("{name} cannot be counted"), format!("it must be of type {expected}"));
                return None;
            }
            Some(())
        })
    }
}
