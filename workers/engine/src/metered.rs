//! What a call used, as far as it can be known.

use if_schemas::price::Usage;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metered {
    /// Nothing that costs anything.
    Nothing,
    /// Exactly this; an empty usage costs nothing.
    Known(Usage),
    /// Nobody can know: the whole reservation is posted.
    Unknown,
}

impl Metered {
    /// Of a call that did nothing.
    pub fn zero(priced: bool) -> Self {
        if priced { Self::Known(Usage::new()) } else { Self::Nothing }
    }
    /// Of a call nobody knows the use of.
    pub fn unknown(priced: bool) -> Self {
        if priced { Self::Unknown } else { Self::Nothing }
    }
}
