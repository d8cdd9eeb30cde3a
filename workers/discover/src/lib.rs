//! Finds instances on the network: those that announce themselves are heard (mDNS), the others are asked, address by
//! address, within a private network that the operator names. Nothing is changed anywhere, and nobody is logged in to.
//!
//! Which addresses, what an answer means and how an instance is added is pure ([`network`], [`product`], [`found`]). The
//! feature `probe` has what touches the network.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod found;
#[cfg(feature = "probe")]
mod mdns;
pub mod network;
#[cfg(feature = "probe")]
mod probe;
pub mod product;
pub mod report;
#[cfg(feature = "probe")]
mod scan;

pub use found::Found;
pub use network::{Network, NetworkError};
pub use product::Product;
pub use report::{Other, Report};
#[cfg(feature = "probe")]
pub use {
    probe::{Outcome, Ports, ask},
    scan::{Progress, Request, discover},
};
