//! The way out: the one HTTP client for what people and teams name. It reaches public addresses
//! and what the operator allows, connects to the address that it has looked at, follows nobody
//! elsewhere, and tells no more of an answer than its status: what an inner host says is its own.
use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Url};
use rustls::pki_types::CertificateDer;

use super::Failure;
use crate::clock::Clock;
use crate::config::Network;
use crate::error::{Error, Result};
use crate::trust;

const CONNECT: Duration = Duration::from_secs(5);
const IN_ALL: Duration = Duration::from_secs(10);
/// So much of an answer is read.
const ANSWER: usize = 64 * 1024;
const MAX_URL: usize = 2_048;
/// The longest wait that a far end may ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Blocks of IPv4 that are nobody's on the public internet (IANA's special-purpose registry).
const SPECIAL_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];
/// The same within 2000::/3, outside of which nothing of IPv6 is public: Teredo and its
/// neighbours, documentation, 6to4 (which may stand for any IPv4), documentation again.
const SPECIAL_V6: &[(u128, u32)] = &[
    (0x2001_0000 << 96, 23),
    (0x2001_0db8 << 96, 32),
    (0x2002_0000 << 96, 16),
    (0x3fff_0000 << 96, 20),
];

/// Is it an address of the public internet?
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|(block, bits)| {
            let shift = 32 - bits;
            v4.to_bits() >> shift == u32::from_be_bytes(*block) >> shift
        }),
        IpAddr::V6(v6) => {
            v6.to_bits() >> 125 == 1
                && !SPECIAL_V6
                    .iter()
                    .any(|(block, bits)| v6.to_bits() >> (128 - bits) == block >> (128 - bits))
        }
    }
}

/// What an answer may tell.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// When the far end asks to be tried again.
    pub after: Option<Duration>,
}

impl Answer {
    /// Sent if `ok`; else whether to try again.
    ///
    /// # Errors
    /// Says what was answered.
    pub fn judged(self, ok: bool) -> Result<(), Failure> {
        if ok {
            return Ok(());
        }
        let hint = match self.status {
            300..=399 => "; redirects are not followed",
            401 | 403 => "; its token or key may be wrong or withdrawn",
            404 | 410 => "; its address may be wrong or gone",
            413 => "; the message is too long for it",
            429 => "; it is asked too often",
            500..=599 => "; it has trouble of its own",
            _ => "",
        };
        let why = format!("It answered {}{hint}.", self.status);
        match self.status {
            408 | 425 | 429 | 500..=599 => Err(Failure::Later { why, after: self.after }),
            _ => Err(Failure::Never { why }),
        }
    }

    /// As `judged`, where all from 200 to 299 means sent.
    ///
    /// # Errors
    /// Says what was answered.
    pub fn taken(self) -> Result<(), Failure> {
        let ok = (200..300).contains(&self.status);
        self.judged(ok)
    }
}

/// The guarded way out, and one for addresses that the operator himself wrote.
#[derive(Clone)]
pub struct Outgoing(Arc<Inner>);

struct Inner {
    allowed: Arc<[Network]>,
    authorities: Vec<CertificateDer<'static>>,
    clock: Clock,
    /// Guarded, free; made when first needed, as reading the host's authorities takes a while.
    clients: OnceLock<Result<(Client, Client), String>>,
}

impl Outgoing {
    #[must_use]
    pub fn new(
        allowed: &[Network],
        authorities: Vec<CertificateDer<'static>>,
        clock: Clock,
    ) -> Self {
        let (allowed, clients) = (allowed.into(), OnceLock::new());
        Self(Arc::new(Inner { allowed, authorities, clock, clients }))
    }

    /// A request to an address that a person or team named.
    ///
    /// # Errors
    /// `Never` for an address that may not be reached.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, Failure> {
        let url = self.check(url).map_err(|why| Failure::Never { why: format!("Its {why}.") })?;
        Ok(self.clients()?.0.request(method, url))
    }

    /// A request to an address that stands in the operator's own file.
    ///
    /// # Errors
    /// `Never` for what is no address.
    pub fn operators(&self, method: Method, url: &str) -> Result<RequestBuilder, Failure> {
        let url = parse(url).map_err(|why| Failure::Never { why: format!("Its {why}.") })?;
        Ok(self.clients()?.1.request(method, url))
    }

    /// What can be said of an address without asking anybody.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self, url: &str) -> Result<Url, String> {
        let url = parse(url)?;
        match host_address(&url) {
            Some(address) if !self.may_reach(address) => Err(private(address)),
            _ => Ok(url),
        }
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        may_reach(&self.0.allowed, address)
    }

    fn clients(&self) -> Result<&(Client, Client), Failure> {
        let make = || {
            let guard = Guard(self.0.allowed.clone());
            let client = |builder: reqwest::ClientBuilder| {
                builder
                    .user_agent(concat!("incidentd/", env!("CARGO_PKG_VERSION")))
                    .tls_backend_preconfigured(trust::config(true, &self.0.authorities)?)
                    .connect_timeout(CONNECT)
                    .timeout(IN_ALL)
                    .redirect(Policy::none())
                    .no_proxy()
                    // A page that met the end of an idle connection would wait for its next try.
                    .pool_max_idle_per_host(0)
                    .build()
                    .map_err(Error::internal)
            };
            let guarded = client(Client::builder().dns_resolver(guard))?;
            Ok((guarded, client(Client::builder())?))
        };
        let clients =
            self.0.clients.get_or_init(|| make().map_err(|error: Error| error.to_string()));
        clients.as_ref().map_err(|why| Failure::Later { why: why.clone(), after: None })
    }

    /// Sends, and reads the beginning of the answer, so that the far end is not cut off in it.
    ///
    /// # Errors
    /// `Later` if there is no answer, `Never` if there must be none.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, Failure> {
        let mut response = request.send().await.map_err(|error| unanswered(&error))?;
        let status = response.status().as_u16();
        let after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| self.wait(value));
        let mut read = 0;
        while read < ANSWER {
            match response.chunk().await {
                Ok(Some(piece)) => read += piece.len(),
                // It has answered: what is wrong with the rest changes nothing.
                Ok(None) | Err(_) => break,
            }
        }
        Ok(Answer { status, after })
    }

    /// Seconds, or the date of an answer.
    fn wait(&self, value: &str) -> Option<Duration> {
        let seconds = value.trim().parse().map(Duration::from_secs).ok();
        let wait = seconds.or_else(|| {
            let at = rfc2822::parse(value.trim()).ok()?.timestamp();
            Duration::try_from(at.duration_since(self.0.clock.now())).ok()
        })?;
        Some(wait.min(LONGEST_WAIT))
    }
}

fn may_reach(allowed: &[Network], address: IpAddr) -> bool {
    let plain = address.to_canonical();
    is_public(address) || allowed.iter().any(|one| one.contains(address) || one.contains(plain))
}

fn private(address: impl fmt::Display) -> String {
    format!("address lies in a private network ({address}); outgoing.allow_private may allow that")
}

/// The host of an address, with its scheme and port.
#[must_use]
pub fn host(url: &str) -> Option<String> {
    let url = parse(url).ok()?;
    url.has_host().then(|| url.origin().ascii_serialization())
}

/// # Errors
/// Says what is wrong with it.
fn parse(url: &str) -> Result<Url, String> {
    if url.len() > MAX_URL {
        return Err(format!("address is longer than {MAX_URL} bytes"));
    }
    let url = Url::parse(url).map_err(|_| "address is none; write one as https://…".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("address must begin with https:// or http://".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("address must not hold a name or password".into());
    }
    Ok(url)
}

/// Why there was no answer, in few words: what a far end's name means is not for everybody.
fn unanswered(error: &reqwest::Error) -> Failure {
    if let Some(refused) = cause::<Private>(error) {
        return Failure::Never { why: refused.to_string() };
    }
    let why = match cause::<rustls::Error>(error) {
        Some(untrusted) => format!("Its certificate is not trusted: {untrusted}."),
        None if error.is_timeout() => "It did not answer in time.".into(),
        None if error.is_dns() => "Its host's name is not known.".into(),
        None if error.is_connect() => "It takes no connection.".into(),
        None => "The connection broke.".into(),
    };
    Failure::Later { why, after: None }
}

fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    if let Some(found) = error.downcast_ref::<T>() {
        return Some(found);
    }
    // An I/O error passes on the source of what it wraps, not that itself.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => cause(wrapped),
        None => cause(error.source()?),
    }
}

/// All addresses of a name are such as may not be reached.
#[derive(Debug)]
struct Private(String);

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Its {}.", private(&self.0))
    }
}

impl StdError for Private {}

/// Looks a name up and gives on only what may be reached: the connection goes to just these, so
/// that a name cannot mean something else a moment later.
struct Guard(Arc<[Network]>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (open, closed): (Vec<SocketAddr>, Vec<SocketAddr>) =
                found.partition(|found| may_reach(&allowed, found.ip()));
            match closed.first() {
                Some(_) if open.is_empty() => {
                    Err(Box::new(Private(name.as_str().to_owned()))
                        as Box<dyn StdError + Send + Sync>)
                }
                _ => Ok(Box::new(open.into_iter()) as Addrs),
            }
        })
    }
}

/// The address that stands in place of a host's name, however it is written.
fn host_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_known() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "100::1",
            "5f00::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(private.parse().expect(private)), "{private}");
        }
        for public in [
            "1.1.1.1",
            "9.9.9.9",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(public.parse().expect(public)), "{public}");
        }
    }

    #[test]
    fn an_address_is_looked_at_however_it_is_written() {
        let out = Outgoing::new(&[], Vec::new(), Clock::System);
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://0/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            assert!(out.check(url).is_err_and(|why| why.contains("private")), "{url}");
        }
        for url in ["http://ok@1.1.1.1/", "http://a:b@example.com/", "ftp://x/", "x", "file:///x"] {
            assert!(out.check(url).is_err(), "{url}");
        }
        out.check("https://example.com/x?y#z").expect("a good one");
        let network = |text: &str| Network::try_from(text.to_owned()).expect("a network");
        let out = Outgoing::new(&[network("127.0.0.0/8")], Vec::new(), Clock::System);
        out.check("http://127.0.0.1:8080/").expect("allowed");
        out.check("http://[::ffff:127.0.0.1]/").expect("the same in other words");
        out.check("http://[::1]/").expect_err("another");
    }

    #[test]
    fn a_far_end_may_ask_for_a_while() {
        let out = Outgoing::new(&[], Vec::new(), Clock::System);
        assert_eq!(out.wait("17"), Some(Duration::from_secs(17)));
        assert_eq!(out.wait("99999999"), Some(LONGEST_WAIT));
        assert_eq!(out.wait("Wed, 21 Oct 2099 07:28:00 GMT"), Some(LONGEST_WAIT));
        assert_eq!(out.wait("Wed, 21 Oct 2015 07:28:00 GMT"), None, "it is over");
        assert_eq!(out.wait("soon"), None);
    }
}
