//! What a value must be beyond its type.
use reqwest::Url;
use tracing_subscriber::EnvFilter;

use super::Config;
use crate::error::{Error, Result};

impl Config {
    /// # Errors
    /// `Invalid`, naming the key.
    pub fn check(&self) -> Result<()> {
        if let Some(url) = &self.public_url {
            check_url("public_url", url)?;
        }
        for url in &self.allowed_origins {
            check_url("allowed_origins", url)?;
        }
        if let Err(error) = EnvFilter::builder().parse(&self.log) {
            return Err(Error::invalid("log", format!("`{}`: {error}", self.log)));
        }
        match (&self.tls.cert, &self.tls.key) {
            (Some(_), None) => Err(Error::invalid("tls.cert", "stands without its key")
                .hint("Name the private key's file in tls.key.")),
            (None, Some(_)) => Err(Error::invalid("tls.key", "stands without its certificate")
                .hint("Name the certificate's file in tls.cert.")),
            _ => Ok(()),
        }
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
