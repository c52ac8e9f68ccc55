//! Which browser pages may speak with this server: decided here, for HTTP and sockets alike.
use std::net::IpAddr;

use axum::http::{HeaderMap, Method, Uri, header};

use crate::config::Config;
use crate::error::{Error, Result};

/// What a request says of where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// No browser, or one that says nothing.
    None,
    /// A page that may.
    Allowed,
    /// A page that may not.
    Foreign,
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((scheme, rest)) => &url[..scheme.len() + 3 + rest.find('/').unwrap_or(rest.len())],
        None => url,
    }
}

/// A host without its port and brackets.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Names that no stranger's DNS can claim: localhost and addresses.
fn is_literal(host: &str) -> bool {
    let name = name_of(host);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// The host by which a browser came, if it is not one of ours: DNS lets any page's name point
/// here, and then that page speaks with the visitor's rights. A proxy must pass on the Host that
/// it was asked for; what else it passes on may be the page's own words.
#[must_use]
pub fn unknown_host(config: &Config, headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let is_browser = headers.contains_key(header::ORIGIN)
        || headers.contains_key(header::COOKIE)
        // Over plain http the page itself is asked for with none of these.
        || super::front::wants_page(headers)
        || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"));
    if !is_browser {
        return None;
    }
    let host = uri
        .authority()
        .map(axum::http::uri::Authority::as_str)
        .or_else(|| text(headers, header::HOST))
        .unwrap_or_default();
    let known = config.public_url.iter().chain(&config.allowed_origins).any(|url| {
        let origin = origin_of(url);
        let own = origin.split_once("://").map_or(origin, |(_, host)| host);
        name_of(own).eq_ignore_ascii_case(name_of(host))
    });
    (!known && !is_literal(host)).then(|| host.to_owned())
}

#[must_use]
pub fn of(config: &Config, headers: &HeaderMap) -> Origin {
    let Some(origin) = text(headers, header::ORIGIN) else { return Origin::None };
    let mut known = config.public_url.iter().chain(&config.allowed_origins);
    if known.any(|url| origin_of(url).eq_ignore_ascii_case(origin)) {
        return Origin::Allowed;
    }
    // The page came from this very server, under a name that cannot be rebound.
    let host = text(headers, header::HOST).unwrap_or_default();
    let same = origin.split_once("://").is_some_and(|(scheme, rest)| {
        (scheme == "http" || scheme == "https") && rest.eq_ignore_ascii_case(host)
    });
    if same && is_literal(host) { Origin::Allowed } else { Origin::Foreign }
}

/// A page of this very server says so. Other origins' pages may send it only where we allow it
/// (Fetch, CORS), which is nowhere; over plain http it is all that a poll of ours can say.
const OWN_PAGE: &str = "x-incidentd-page";

/// A cookie alone proves nothing: what changes something must come from an allowed page.
///
/// # Errors
/// `Forbidden`.
pub fn check_cookie_use(config: &Config, method: &Method, headers: &HeaderMap) -> Result<()> {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let own_page = match of(config, headers) {
        Origin::Allowed => true,
        Origin::Foreign => false,
        Origin::None => {
            site == Some("same-origin")
                || site.is_none() && headers.contains_key(OWN_PAGE)
                || method.is_safe() && site != Some("cross-site")
        }
    };
    if own_page { Ok(()) } else { Err(foreign("This page may not act with your session.")) }
}

/// What needs no session still is not for the pages of others.
///
/// # Errors
/// `Forbidden`.
pub fn check_page(config: &Config, headers: &HeaderMap) -> Result<()> {
    match of(config, headers) {
        Origin::Foreign => Err(foreign("This page may not log in here.")),
        Origin::None | Origin::Allowed => Ok(()),
    }
}

fn foreign(detail: &str) -> Error {
    Error::forbidden(detail)
        .hint("Set public_url or allowed_origins to the address in the browser.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_by_a_browser() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "incidentd.lan:8080".parse().expect("header"));
        let unknown =
            |headers: &HeaderMap| unknown_host(&Config::default(), headers, &Uri::from_static("/"));
        assert_eq!(unknown(&headers), None, "a program");
        headers.insert(header::ACCEPT, "text/html,*/*;q=0.8".parse().expect("header"));
        assert_eq!(unknown(&headers).as_deref(), Some("incidentd.lan:8080"));
    }

    fn judge(origin: &str, host: &str) -> Origin {
        let config = Config {
            public_url: Some("https://oncall.example.com/".into()),
            allowed_origins: vec!["http://wall.lan:3000".into()],
            ..Config::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().expect("header"));
        headers.insert(header::HOST, host.parse().expect("header"));
        of(&config, &headers)
    }

    #[test]
    fn browsers_come_by_names_that_are_ours() {
        let config = Config {
            public_url: Some("https://oncall.example.com/".into()),
            allowed_origins: vec!["http://wall.lan:3000".into()],
            ..Config::default()
        };
        let unknown = |host: &str, browser: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().expect("header"));
            headers.insert(browser, "x".parse().expect("header"));
            unknown_host(&config, &headers, &Uri::from_static("/")).is_some()
        };
        for host in ["oncall.example.com", "OnCall.Example.com:444", "wall.lan", "localhost:1"] {
            assert!(!unknown(host, "origin"), "{host}");
        }
        for host in ["10.0.0.5:8080", "[::1]:8080", "[fd00::1]"] {
            assert!(!unknown(host, "cookie"), "{host}");
        }
        for host in ["", "evil.example", "oncall.example.com.evil.example", "127.0.0.1.nip.io"] {
            assert!(unknown(host, "sec-fetch-site"), "{host}");
            assert!(!unknown(host, "accept"), "{host}: no browser");
        }
    }

    #[test]
    fn only_known_pages_and_this_server_itself() {
        for (origin, host) in [
            ("https://oncall.example.com", "oncall.example.com"),
            ("http://wall.lan:3000", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://192.168.1.5:8080", "192.168.1.5:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://localhost:8080", "localhost:8080"),
        ] {
            assert_eq!(judge(origin, host), Origin::Allowed, "{origin} at {host}");
        }
        for (origin, host) in [
            ("https://evil.example", "127.0.0.1:8080"),
            ("null", "127.0.0.1:8080"),
            ("http://oncall.example.com", "oncall.example.com"),
            ("https://oncall.example.com:444", "oncall.example.com"),
            ("https://oncall.example.com.evil.example", "oncall.example.com"),
            ("https://evil-oncall.example.com", "oncall.example.com"),
            ("http://127.0.0.1:8081", "127.0.0.1:8080"),
            ("http://rebound.example:8080", "rebound.example:8080"),
        ] {
            assert_eq!(judge(origin, host), Origin::Foreign, "{origin} at {host}");
        }
    }
}
