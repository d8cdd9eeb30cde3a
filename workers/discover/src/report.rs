//! What a search comes to.

use crate::{Found, Product};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// In the order of product and address.
    pub found: Vec<Found>,
    /// Where something listens that is not what was looked for.
    pub other: Vec<Other>,
    /// Connections that were tried.
    pub asked: usize,
    /// False if the time was up before everybody was asked.
    pub complete: bool,
    /// What could not be done.
    pub warnings: Vec<String>,
    /// Private networks of this machine that could be searched, like `192.168.1.0/24`.
    pub networks: Vec<String>,
}

/// A port that is open and says something else, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Other {
    /// What was looked for there.
    pub provider: Product,
    pub address: IpAddr,
    pub port: u16,
    pub detail: String,
}
