//! Who asks, where a proxy stands between: only what a trusted one says of its client counts, and
//! of a chain the first that is not trusted, counted from here.
use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use super::crowd::household;
use crate::config::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other side of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// None for what comes over a Unix socket without a word of whom.
    pub address: Option<IpAddr>,
    /// Whom limits for one address count; neither this host nor a proxy that names nobody.
    pub counted: Option<IpAddr>,
    /// It speaks https, with us or with the proxy.
    pub secure: bool,
}

impl Client {
    /// Of a connection from `peer` (none: a Unix socket, on which only proxies are let).
    #[must_use]
    pub fn of(
        peer: Option<IpAddr>,
        secure: bool,
        headers: &HeaderMap,
        trusted: &[Network],
    ) -> Self {
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        if peer.is_some_and(|peer| !is_trusted(peer)) {
            return Self { address: peer, counted: counted(peer), secure };
        }
        let first_stranger = |hops: &[IpAddr]| {
            hops.iter().rev().find(|hop| !is_trusted(**hop)).or(hops.first()).copied()
        };
        let x = first_stranger(&x_forwarded_for(headers));
        let forwarded = first_stranger(&forwarded_for(headers));
        let (address, counted) = match (x, forwarded) {
            // One of them was written by the client, and nobody can tell which.
            (Some(x), Some(forwarded)) if x != forwarded => (peer, peer.map(household)),
            (named, other) => {
                let named = named.or(other);
                (named.or(peer), counted(named).filter(|_| !named.is_some_and(is_trusted)))
            }
        };
        let proto = last(headers, &X_FORWARDED_PROTO).or_else(|| forwarded_last(headers, "proto"));
        let secure = proto.map_or(secure, |proto| proto.eq_ignore_ascii_case("https"));
        Self { address, counted, secure }
    }
}

/// Caps leave out this host.
fn counted(address: Option<IpAddr>) -> Option<IpAddr> {
    address.filter(|address| !address.is_loopback()).map(household)
}

/// The elements of a header that is a list, however many lines it has.
fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .collect::<Vec<_>>()
        .into_iter()
}

fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    elements(headers, name).next_back().filter(|text| !text.is_empty())
}

/// The addresses to the right of what is none: that is not passed over.
fn x_forwarded_for(headers: &HeaderMap) -> Vec<IpAddr> {
    readable(elements(headers, &X_FORWARDED_FOR).map(Some))
}

/// RFC 7239: `for="[2001:db8::1]:47";proto=https, for=192.0.2.1`.
fn forwarded_for(headers: &HeaderMap) -> Vec<IpAddr> {
    readable(elements(headers, &header::FORWARDED).map(|element| parameter(element, "for")))
}

fn forwarded_last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    parameter(elements(headers, &header::FORWARDED).next_back()?, name)
}

fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().trim_matches('"'))
}

fn readable<'a>(hops: impl DoubleEndedIterator<Item = Option<&'a str>>) -> Vec<IpAddr> {
    let mut hops: Vec<IpAddr> = hops.rev().map_while(|hop| address(hop?)).collect();
    hops.reverse();
    hops
}

/// With or without a port, IPv6 with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_matches(['[', ']']);
    let address = bare.parse().or_else(|_| text.parse().map(|addr: SocketAddr| addr.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> Client {
        let trusted = ["10.0.0.0/8", "fd00::/8"]
            .map(|text| Network::try_from(text.to_owned()).expect("a network"));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header"));
        }
        Client::of(peer.parse().ok(), false, &map, &trusted)
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_as_far_as_it_can_know() {
        let x = "x-forwarded-for";
        for (peer, headers, address, counted) in [
            // A stranger says what he likes.
            ("192.0.2.9", vec![(x, "198.51.100.1")], "192.0.2.9", "192.0.2.9"),
            ("192.0.2.9", vec![("forwarded", "for=198.51.100.1")], "192.0.2.9", "192.0.2.9"),
            // A proxy's client, and what that one claimed before.
            ("10.0.0.1", vec![(x, "198.51.100.1")], "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", vec![(x, "1.1.1.1, 198.51.100.1")], "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", vec![(x, "1.1.1.1"), (x, "198.51.100.1")], "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", vec![(x, "198.51.100.1, 10.0.0.2")], "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", vec![(x, "1.1.1.1, unknown, 10.0.0.2")], "10.0.0.2", ""),
            ("10.0.0.1", vec![(x, "198.51.100.1:4711")], "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", vec![(x, "::ffff:198.51.100.1")], "198.51.100.1", "198.51.100.1"),
            ("10.0.0.1", vec![(x, "[2001:db8::1]:80")], "2001:db8::1", "2001:db8::"),
            (
                "10.0.0.1",
                vec![("forwarded", "for=\"[2001:db8::1]:80\"")],
                "2001:db8::1",
                "2001:db8::",
            ),
            (
                "fd00::1",
                vec![("forwarded", "for=1.1.1.1, For=198.51.100.1;proto=https")],
                "198.51.100.1",
                "198.51.100.1",
            ),
            // Nothing, or nothing readable: the proxy's own business.
            ("10.0.0.1", vec![], "10.0.0.1", ""),
            ("10.0.0.1", vec![(x, "")], "10.0.0.1", ""),
            ("10.0.0.1", vec![(x, "_hidden")], "10.0.0.1", ""),
            ("10.0.0.1", vec![(x, "127.0.0.1")], "127.0.0.1", ""),
            ("127.0.0.1", vec![], "127.0.0.1", ""),
            // Two stories: whoever forged one shares his limit with all who do.
            (
                "10.0.0.1",
                vec![(x, "198.51.100.1"), ("forwarded", "for=1.1.1.1")],
                "10.0.0.1",
                "10.0.0.1",
            ),
            // A Unix socket.
            ("", vec![(x, "198.51.100.1")], "198.51.100.1", "198.51.100.1"),
            ("", vec![], "", ""),
        ] {
            let found = client(peer, &headers);
            assert_eq!(found.address, address.parse().ok(), "{peer} {headers:?}");
            assert_eq!(found.counted, counted.parse().ok(), "{peer} {headers:?}");
        }
    }

    #[test]
    fn the_scheme_is_that_of_the_client() {
        assert!(client("10.0.0.1", &[("x-forwarded-proto", "https")]).secure);
        assert!(client("10.0.0.1", &[("forwarded", "for=192.0.2.1;proto=https")]).secure);
        assert!(!client("10.0.0.1", &[("x-forwarded-proto", "https, http")]).secure);
        assert!(!client("192.0.2.9", &[("x-forwarded-proto", "https")]).secure);
    }
}
