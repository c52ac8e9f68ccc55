//! Addresses of incidents. A number means another incident on each server, so an address is taken
//! only where it is one of the server that is spoken to.
use std::net::IpAddr;

use reqwest::Url;

use crate::domain::IncidentId;
use crate::error::{Error, Result};

/// What stands before the number.
const INCIDENTS: &str = "/incidents/";

/// An incident as somebody names it: `42`, `#42` or `https://oncall.example.com/incidents/42`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    id: IncidentId,
    /// Of an address: what it begins with, as it was written.
    server: Option<String>,
}

impl Named {
    /// # Errors
    /// `Usage` for what names no incident.
    pub fn read(text: &str) -> Result<Self> {
        let address = text.split(['?', '#']).next().unwrap_or_default();
        let (server, id) = match address.split_once(INCIDENTS) {
            // What stands behind it is a page of that incident.
            Some((server, rest)) => (Some(server), rest.split('/').next().unwrap_or_default()),
            None => (None, text.trim_start_matches('#')),
        };
        match id.parse() {
            Ok(IncidentId(id)) if id > 0 => Ok(Self {
                id: IncidentId(id),
                server: server.filter(|server| !server.is_empty()).map(ToOwned::to_owned),
            }),
            _ => Err(Error::usage(format!("`{text}` is no incident."))
                .hint("Write 42, '#42' or its address; `incidentd list` shows what is open.")),
        }
    }
}

/// Where a server is, however that is written: with a slash at its end or none, with the port that
/// its scheme has anyway, or by another name of this host.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    scheme: String,
    host: String,
    port: Option<u16>,
    path: String,
}

impl Place {
    fn of(address: &str) -> Option<Self> {
        let url = Url::parse(address).ok()?;
        // `https://ours@theirs` is theirs, and nobody writes it by accident.
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let host = url.host_str()?.trim_end_matches('.');
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let here = host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: if here { "localhost" } else { host }.to_owned(),
            port: url.port_or_known_default(),
            path: url.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// The addresses of the server that is spoken to.
#[derive(Clone, Debug, Default)]
pub struct Ours(Vec<String>);

impl Ours {
    #[must_use]
    pub fn at(address: &str) -> Self {
        Self(vec![address.to_owned()])
    }

    /// Another one: what it calls itself in links.
    pub fn also(&mut self, address: &str) {
        if !address.is_empty() && !self.0.iter().any(|known| known == address) {
            self.0.push(address.to_owned());
        }
    }

    #[must_use]
    pub fn hold(&self, named: &Named) -> bool {
        let Some(server) = &named.server else { return true };
        // Browsers leave the scheme out.
        let meant = if server.contains("://") {
            vec![server.clone()]
        } else {
            vec![format!("http://{server}"), format!("https://{server}")]
        };
        let places = || self.0.iter().filter_map(|address| Place::of(address));
        meant.iter().filter_map(|it| Place::of(it)).any(|it| places().any(|ours| ours == it))
    }

    /// # Errors
    /// `Usage` for an incident of another server, naming both.
    pub fn id(&self, named: &Named) -> Result<IncidentId> {
        let id = named.id;
        match &named.server {
            Some(server) if !self.hold(named) => Err(Error::usage(format!(
                "`{server}{INCIDENTS}{id}` is an incident of {server}, not of {}.",
                self.0.join(" or ")
            ))
            .hint(format!("Say --server {server}, or {id} if you mean the one here."))),
            _ => Ok(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_are_named_as_people_write_them() {
        for text in
            ["42", "#42", "https://oncall.example.com/incidents/42", "http://x/incidents/42?a#b"]
        {
            assert_eq!(Named::read(text).expect(text).id, IncidentId(42), "{text}");
        }
        for text in ["", "x", "-1", "0", "4 2", "https://example.com/42", "http://x/incidents/"] {
            assert!(Named::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_counts_where_it_is_one_of_the_server() {
        let holds = |ours: &[&str], text: &str| {
            let ours = Ours(ours.iter().map(|&one| one.to_owned()).collect());
            ours.hold(&Named::read(text).expect(text))
        };
        let here = ["http://127.0.0.1:8080", "https://oncall.example.com/"];
        for text in [
            "4",
            "#4",
            "/incidents/4",
            "http://127.0.0.1:8080/incidents/4",
            "http://localhost:8080/incidents/4",
            "http://[::1]:8080/incidents/4?from=mail",
            "https://oncall.example.com/incidents/4",
            "https://ONCALL.example.com:443/incidents/4#timeline",
            "oncall.example.com/incidents/4/alerts",
        ] {
            assert!(holds(&here, text), "{text}");
        }
        for text in [
            "http://127.0.0.1:8081/incidents/4",
            "http://oncall.example.com/incidents/4",
            "https://oncall.example.com.evil.example/incidents/4",
            "https://oncall.example.com@evil.example/incidents/4",
            "https://oncall.example.com/other/incidents/4",
            "https://oncall.example.com:8443/incidents/4",
            "elsewhere/incidents/4",
        ] {
            assert!(!holds(&here, text), "{text}");
        }
        let below = ["https://example.com/oncall/"];
        assert!(holds(&below, "https://example.com/oncall/incidents/4"));
        assert!(!holds(&below, "https://example.com/incidents/4"));
        let error = Ours::at("http://a").id(&Named::read("http://b/incidents/4").expect("read"));
        let said = error.expect_err("another's").to_string();
        assert!(
            said.contains("of http://b, not of http://a") && said.contains("--server http://b")
        );
    }
}
