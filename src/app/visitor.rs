//! Where a request comes from, as sessions remember it and limits count it.
use std::net::IpAddr;

use super::RequestKey;

/// Longest name of a client that is kept, in characters.
const MAX_CLIENT: usize = 200;

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

    /// The address as text; empty where there is none.
    #[must_use]
    pub fn place(&self) -> String {
        self.address.map_or_else(String::new, |address| address.to_string())
    }
}
