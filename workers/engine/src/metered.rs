//! What a call used, as far as it can be known.

use if_schemas::price::Usage;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metered {
    /// The operation has no price.
    Nothing,
    /// Nothing was used (an empty usage), or exactly this.
    Known(Usage),
    /// It may have been used up to its limit: the worst case is to be charged.
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
