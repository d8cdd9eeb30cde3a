//! Which addresses may be asked: those of private networks, and not too many.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Most addresses of one search: a /20, or sixteen /24. Three products of it take half a minute.
pub const ADDRESSES_MAX: usize = 4_096;

/// RFC 1918, loopback, link-local.
const PRIVATE_V4: [Ipv4Net; 5] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
];
/// Unique local addresses and loopback.
const PRIVATE_V6: [Ipv6Net; 2] =
    [Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7), Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)];

/// Why a network is not searched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("{0:?} is no network")]
    NoNetwork(String),
    #[error("{0} is not private")]
    Public(IpNet),
    #[error("{0} is link-local: its addresses mean nothing without an interface")]
    NeedsInterface(IpNet),
    #[error("{what} has {addresses} addresses")]
    TooLarge { what: String, addresses: String },
}

impl NetworkError {
    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NoNetwork(_) => "say it as address/bits: 192.168.1.0/24".into(),
            Self::Public(_) => {
                "only private networks are searched: those of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, \
                 127.0.0.0/8, 169.254.0.0/16 and fc00::/7"
                    .into()
            }
            Self::NeedsInterface(_) => "name the IPv4 network of that interface".into(),
            Self::TooLarge { .. } => {
                format!("at most {ADDRESSES_MAX} addresses are asked at a time: a /20 (IPv6: a /116) or less")
            }
        }
    }
}

/// A private network of at most [`ADDRESSES_MAX`] addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(IpNet);

impl Network {
    /// The addresses a host can have in it. Of IPv4 without the network's own and the broadcast address.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        self.0.hosts()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `192.168.1.0/24`; also an address within it (`192.168.1.7/24`), and an address alone.
impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let said = text.trim();
        let net = said.parse::<IpNet>().or_else(|_| said.parse::<IpAddr>().map(IpNet::from));
        let net = net.map_err(|_| NetworkError::NoNetwork(text.to_string()))?.trunc();
        if let IpNet::V6(v6) = net
            && v6.addr().is_unicast_link_local()
        {
            return Err(NetworkError::NeedsInterface(net));
        }
        if !is_private_net(&net) {
            return Err(NetworkError::Public(net));
        }
        let bits = net.max_prefix_len() - net.prefix_len();
        let addresses = 1_u128.checked_shl(bits.into());
        if addresses.is_none_or(|n| n > ADDRESSES_MAX as u128) {
            let addresses = addresses.map_or_else(|| format!("2^{bits}"), |n| n.to_string());
            return Err(NetworkError::TooLarge { what: net.to_string(), addresses });
        }
        Ok(Self(net))
    }
}

/// Every address of these networks, once, in order. Errors: more than [`ADDRESSES_MAX`] together.
pub fn addresses(networks: &[Network]) -> Result<BTreeSet<IpAddr>, NetworkError> {
    let all: BTreeSet<IpAddr> = networks.iter().flat_map(Network::addresses).collect();
    if all.len() > ADDRESSES_MAX {
        let what = networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" with ");
        return Err(NetworkError::TooLarge { what, addresses: all.len().to_string() });
    }
    Ok(all)
}

/// May this address be asked?
pub fn is_private(address: IpAddr) -> bool {
    is_private_net(&IpNet::from(address))
}

/// The network of an interface as it is best suggested; `None` where it would be refused. One that is too large is
/// narrowed to the /24 around the address.
pub fn suggestion(address: Ipv4Addr, prefix_len: u8) -> Option<Network> {
    if address.is_loopback() || address.is_link_local() {
        return None;
    }
    let network = |bits: u8| format!("{address}/{bits}").parse::<Network>();
    match network(prefix_len) {
        Err(NetworkError::TooLarge { .. }) => network(24).ok(),
        other => other.ok(),
    }
}

fn is_private_net(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => PRIVATE_V4.iter().any(|p| p.contains(net)),
        IpNet::V6(net) => PRIVATE_V6.iter().any(|p| p.contains(net)),
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
