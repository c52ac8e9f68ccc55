//! Where a request comes from, as sessions remember it and limits count it.
use std::net::{IpAddr, Ipv6Addr};

use super::RequestKey;

/// Longest name of a client that is kept, in characters.
const MAX_CLIENT: usize = 200;

/// The bits of an IPv6 address that one customer has.
const SITE: u128 = !0 << 64;

/// As far as limits go: IPv4 in IPv6 is IPv4, and an IPv6 network of 64 bits is one.
#[must_use]
pub const fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & SITE)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The far side of a request, before anybody proved anything.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// What the browser or program calls itself.
    pub client: String,
    /// None over the control socket, or where a proxy does not say for whom it asks.
    pub address: Option<IpAddr>,
    /// Whom limits for one address count; neither this host nor a proxy.
    pub counted: Option<IpAddr>,
    /// The `Idempotency-Key` of what is asked now.
    pub request: Option<RequestKey>,
}

impl Visitor {
    #[must_use]
    pub fn new(client: &str, address: Option<IpAddr>, counted: Option<IpAddr>) -> Self {
        Self {
            client: crate::domain::text::line(client, MAX_CLIENT),
            address,
            counted,
            request: None,
        }
    }

    /// Was somebody seen here before, of whom these addresses are known?
    #[must_use]
    pub(super) fn is_at_home(&self, known: &[String]) -> bool {
        let home = self.address.map(household);
        known.iter().any(|place| place.parse().ok().map(household) == home)
    }

    /// The address as text; empty where there is none.
    #[must_use]
    pub fn place(&self) -> String {
        self.address.map_or_else(String::new, |address| address.to_string())
    }
}
