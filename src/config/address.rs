//! Addresses in the configuration: where to listen, and networks.
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl From<([u8; 4], u16)> for Listen {
    fn from(addr: ([u8; 4], u16)) -> Self {
        Self::Tcp(addr.into())
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(format!("`{text}` must name its socket from the root, as in unix:/run/x.sock"))
            };
        }
        let text = text.strip_prefix("localhost:").map_or_else(
            || text.strip_prefix(':').map_or(text.to_owned(), |port| format!("0.0.0.0:{port}")),
            |port| format!("127.0.0.1:{port}"),
        );
        text.parse().map(Self::Tcp).map_err(|_| {
            format!("`{text}` is no address; write one as 127.0.0.1:8080, [::]:8080 or unix:/path")
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

/// Addresses that begin alike, as `10.0.0.0/8`; a single one may stand alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl Network {
    /// It is the whole world.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.prefix_len() == 0
    }

    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl TryFrom<String> for Network {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let whole = |address: IpAddr| Self(address.into());
        text.parse().map(Self).or_else(|_| text.parse().map(whole)).map_err(|_| {
            format!("`{text}` is no network; write one as 10.0.0.0/8, 192.168.1.7 or fd00::/8")
        })
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_people_write_them() {
        for (text, means) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:80", "127.0.0.1:80"),
            (":8080", "0.0.0.0:8080"),
            ("[::]:0", "[::]:0"),
            ("unix:/run/incidentd.sock", "unix:/run/incidentd.sock"),
        ] {
            assert_eq!(text.parse::<Listen>().map(|listen| listen.to_string()), Ok(means.into()));
        }
        for text in ["", "8080", "example.com:80", "unix:", "unix:here.sock", "127.0.0.1"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
        let network = |text: &str| Network::try_from(text.to_owned());
        assert!(network("10.0.0.0/8").is_ok_and(|n| n.contains([10, 1, 2, 3].into())));
        assert!(network("10.1.2.3").is_ok_and(|n| !n.contains([10, 1, 2, 4].into())));
        assert!(network("10.0.0.0/33").is_err() && network("ten").is_err());
    }
}
