//! What a value must be beyond its type.
use reqwest::Url;
use tracing_subscriber::EnvFilter;

use super::{Config, Listen, Network};
use crate::domain::Span;
use crate::error::{Error, Result};

impl Config {
    /// # Errors
    /// `Invalid`, naming the first key that is wrong.
    pub fn check(&self) -> Result<()> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// What is wrong, each naming its key.
    #[must_use]
    pub fn faults(&self) -> Vec<Error> {
        let urls = self.public_url.iter().map(|url| ("public_url", url));
        let urls = urls.chain(self.allowed_origins.iter().map(|url| ("allowed_origins", url)));
        let mut wrong: Vec<Error> =
            urls.filter_map(|(key, url)| check_url(key, url).err()).collect();
        if let Some(url) = &self.heartbeat.url
            && !Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        {
            let why = "must be an address that begins with https:// or http://";
            wrong.push(Error::invalid("heartbeat.url", why));
        }
        if self.heartbeat.every < Span::secs(10) {
            wrong.push(Error::invalid("heartbeat.every", "must be at least 10s"));
        }
        if let Err(error) = EnvFilter::builder().parse(&self.log) {
            wrong.push(Error::invalid("log", format!("`{}`: {error}", self.log)));
        }
        if self.trusted_proxies.iter().any(Network::is_all) {
            let why = "must not name everybody: each could call himself whom he likes";
            let wide = Error::invalid("trusted_proxies", why);
            wrong.push(wide.hint("Name the network of the proxy alone."));
        }
        match (&self.tls.cert, &self.tls.key) {
            (Some(_), None) => wrong.push(
                Error::invalid("tls.cert", "stands without its key")
                    .hint("Name the private key's file in tls.key."),
            ),
            (None, Some(_)) => wrong.push(
                Error::invalid("tls.key", "stands without its certificate")
                    .hint("Name the certificate's file in tls.cert."),
            ),
            _ => {}
        }
        wrong
    }
}

impl Config {
    /// What is no error, and yet may not be what is wanted.
    #[must_use]
    pub fn advice(&self) -> Vec<&'static str> {
        let far = match self.listen {
            Listen::Tcp(addr) => !addr.ip().is_loopback(),
            Listen::Unix(_) => false,
        };
        let open = far && self.tls.cert.is_none() && self.trusted_proxies.is_empty();
        [
            open.then_some(
                "other machines reach this server by plain HTTP, passwords and tokens included; \
                 set tls.cert and tls.key, or trusted_proxies if a proxy speaks https for it",
            ),
            self.public_url.is_none().then_some(
                "public_url is not set: links name the address that is listened on, and browsers \
                 may come by IP address or localhost only",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn check_url(key: &str, text: &str) -> Result<()> {
    let wrong = |why: &str| Err(Error::invalid(key, format!("`{text}` {why}")));
    let Ok(url) = Url::parse(text) else {
        return wrong("is no address; write one as https://oncall.example.com");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong("must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not hold a name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("must end before `?` and `#`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_trusts_everybody_and_plain_http_is_advised_against() {
        let network = |text: &str| Network::try_from(text.to_owned()).expect("a network");
        for all in ["0.0.0.0/0", "::/0"] {
            let config = Config { trusted_proxies: vec![network(all)], ..Config::default() };
            assert_eq!(config.check().expect_err(all).fields[0].field, "trusted_proxies");
        }
        assert_eq!(Config::default().advice().len(), 1);
        let listen: Listen = "0.0.0.0:8080".parse().expect("an address");
        let open = Config { listen, public_url: Some("http://x".into()), ..Config::default() };
        assert!(open.advice()[0].contains("plain HTTP"));
        let proxied = Config { trusted_proxies: vec![network("10.0.0.0/8")], ..open };
        assert!(proxied.advice().is_empty());
    }

    #[test]
    fn addresses_are_those_of_pages() {
        for url in ["https://oncall.example.com", "http://127.0.0.1:8080/", "http://[::1]:8080"] {
            check_url("public_url", url).expect(url);
        }
        for url in
            ["", "oncall.example.com", "ftp://x", "https://", "https://a:b@c", "https://c/?d"]
        {
            let error = check_url("public_url", url).expect_err(url);
            assert_eq!(error.fields[0].field, "public_url");
        }
    }
}
