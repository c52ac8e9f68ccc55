//! The typed HTTP client: the same constants that the server mounts, over TCP or the control
//! socket; beside it the live one. Knows what any stranger's client could know.
mod address;
pub mod live;
mod said;
mod socket;
mod wire;

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::sessions::ME;
use crate::api::{Method, Nothing, PREFIX, Page, Problem, Route, Segments};
use crate::clock::Clock;
use crate::domain::IncidentId;
use crate::domain::text::percent_encoded;
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::trust;

pub use address::{Named, Ours};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// What stands for an address where the control socket is one.
const CONTROL: &str = "http://control";
/// A backup may take this long, whatever else a call may.
const DOWNLOAD: Duration = Duration::from_hours(1);

/// A server, and who calls it.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<Secret>,
    /// How long a call may take, retries included.
    timeout: Duration,
    /// It only looks: why nothing else is sent.
    looks_only: Option<&'static str>,
}

fn unreachable(base: &str, error: &reqwest::Error) -> Error {
    let why = if error.is_timeout() { "no answer in time" } else { "no connection" };
    let (why, hint) = match distrust(error) {
        Some(why) => (
            format!("its certificate is not trusted ({why})"),
            "Put the authority that vouches for it into a PEM file and name that in SSL_CERT_FILE.",
        ),
        None => (
            why.to_owned(),
            "Is the server running there? Choose another with --server or INCIDENTD_URL.",
        ),
    };
    Error::new(Kind::Unreachable, format!("{base} cannot be reached: {why}.")).hint(hint)
}

/// Why the server's certificate was refused, if it was.
fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
        return Some(why.to_string());
    }
    // An I/O error passes on the source of what it wraps, not that itself.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => distrust(wrapped),
        None => distrust(error.source()?),
    }
}

/// # Errors
/// `Usage` for what is no address of a server.
pub fn must_be_address(url: &str) -> Result<()> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(());
    }
    let why = format!("`{url}` is no address of a server: it begins with http:// or https://.");
    Err(Error::usage(why).hint("Correct --server or INCIDENTD_URL."))
}

impl Client {
    /// # Errors
    /// `Usage` for an address that is none.
    pub fn new(url: &str, token: Option<Secret>, timeout: Duration) -> Result<Self> {
        must_be_address(url)?;
        let base = url.trim_end_matches('/').to_owned();
        let http = builder(base.starts_with("https://"))?.build().map_err(Error::internal)?;
        Ok(Self { http, base, token, timeout, looks_only: None })
    }

    /// Over the control socket of a data directory, as the host's administrator.
    ///
    /// # Errors
    /// `Internal` when the client cannot be made.
    pub fn control(socket: &Path, timeout: Duration) -> Result<Self> {
        let http = builder(false)?.unix_socket(socket).build().map_err(Error::internal)?;
        Ok(Self { http, base: CONTROL.into(), token: None, timeout, looks_only: None })
    }

    /// The same, that waits so long at most.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self { timeout: self.timeout.min(timeout), ..self.clone() }
    }

    /// The same, for looking alone: what would change something is refused, for this reason.
    #[must_use]
    pub fn looking_only(self, why: &'static str) -> Self {
        Self { looks_only: Some(why), ..self }
    }

    #[must_use]
    pub const fn only_looks(&self) -> bool {
        self.looks_only.is_some()
    }

    fn may_change(&self) -> Result<()> {
        match self.looks_only {
            Some(why) => Err(Error::refused(why).hint("Begin without it, to act.")),
            None => Ok(()),
        }
    }

    /// The server's address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The incidents that are meant, all of this server.
    ///
    /// # Errors
    /// `Usage` if one is another's.
    pub async fn ours(&self, named: &[Named]) -> Result<Vec<IncidentId>> {
        let mut ours = Ours::at(&self.base);
        if !named.iter().all(|one| ours.hold(one)) {
            // A link that was copied from a message.
            let me = self.call(&ME, Nothing {}, &Nothing {}, &Nothing {}).await?;
            if self.base == CONTROL {
                ours = Ours::default();
            }
            ours.also(&me.public_url);
        }
        named.iter().map(|one| ours.id(one)).collect()
    }

    /// Calls an operation once.
    ///
    /// # Errors
    /// The server's own, or `Unreachable`.
    pub async fn call<P, Q, B, R>(
        &self,
        route: &Route<P, Q, B, R>,
        path: P,
        query: &Q,
        body: &B,
    ) -> Result<R>
    where
        P: Segments,
        Q: Serialize,
        B: Serialize,
        R: DeserializeOwned,
    {
        self.send(route, &path, query, body, None, self.timeout).await
    }

    /// Calls an operation until it is answered or time is up; one idempotency key holds over all
    /// tries, so that trying again is safe.
    ///
    /// # Errors
    /// The server's own, or `Unreachable`.
    pub async fn call_once<P, B, R>(
        &self,
        route: &Route<P, Nothing, B, R>,
        path: P,
        body: &B,
    ) -> Result<R>
    where
        P: Segments,
        B: Serialize,
        R: DeserializeOwned,
    {
        let nothing = Nothing {};
        self.until_answered(async |key, left| {
            self.send(route, &path, &nothing, body, Some(key), left).await
        })
        .await
    }

    /// Tries until there is an answer or time is up.
    async fn until_answered<R>(
        &self,
        attempt: impl AsyncFn(&str, Duration) -> Result<R>,
    ) -> Result<R> {
        let key = Secret::random_key()?;
        let until = Instant::now() + self.timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut error = match attempt(key.expose(), left).await {
                Err(error) if matches!(error.kind, Kind::Unreachable | Kind::Unavailable) => error,
                answer => return answer,
            };
            if Instant::now() + pause >= until {
                // Whatever it was, nothing answered in time.
                error.kind = Kind::Unreachable;
                return Err(error);
            }
            Clock::System.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn send<P, Q, B, R>(
        &self,
        route: &Route<P, Q, B, R>,
        path: &P,
        query: &Q,
        body: &B,
        key: Option<&str>,
        timeout: Duration,
    ) -> Result<R>
    where
        P: Segments,
        Q: Serialize,
        B: Serialize,
        R: DeserializeOwned,
    {
        if route.changes() {
            self.may_change()?;
        }
        let query = serde_html_form::to_string(query).map_err(Error::internal)?;
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{PREFIX}{}{mark}{query}", self.base, fill(route.path, &path.write()));
        let method = match route.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut request = self.http.request(method, url).timeout(timeout);
        if matches!(route.method, Method::Post | Method::Put | Method::Patch) {
            request = request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(serde_json::to_vec(body).map_err(Error::internal)?);
        }
        self.answer(request, key).await
    }

    /// Writes what an operation answers `to` somebody, as it comes; returns its length.
    ///
    /// # Errors
    /// The server's own, `Unreachable` if the answer breaks off, `Unavailable` if it cannot be
    /// written.
    pub async fn download<R>(
        &self,
        route: &Route<Nothing, Nothing, Nothing, R>,
        to: &mut impl std::io::Write,
    ) -> Result<u64> {
        let mut request = self.http.get(format!("{}{PREFIX}{}", self.base, route.path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let away = |error: reqwest::Error| unreachable(&self.base, &error);
        let mut response = request.timeout(DOWNLOAD).send().await.map_err(away)?;
        if !response.status().is_success() {
            return Err(self.problem(response.status(), &response.bytes().await.map_err(away)?));
        }
        let mut written = 0;
        while let Some(piece) = response.chunk().await.map_err(away)? {
            to.write_all(&piece)
                .map_err(|error| Error::unavailable(format!("It cannot be written: {error}.")))?;
            written += piece.len() as u64;
        }
        to.flush()
            .map_err(|error| Error::unavailable(format!("It cannot be written: {error}.")))?;
        Ok(written)
    }

    /// Sends an alert as an integration, in the format of a source: no person's token is needed.
    ///
    /// # Errors
    /// The server's own, or `Unreachable`.
    pub async fn send_alert<B: Serialize, R: DeserializeOwned>(
        &self,
        key: &Secret,
        source: &str,
        body: &B,
    ) -> Result<R> {
        self.may_change()?;
        let url = format!("{}/integrations/{}/{source}", self.base, key.expose());
        self.until_answered(async |once, left| {
            self.answer(self.http.post(&url).timeout(left).json(body), Some(once)).await
        })
        .await
    }

    /// Beats as a heartbeat, or says why its job failed: no person's token is needed.
    ///
    /// # Errors
    /// The server's own, or `Unreachable`.
    pub async fn beat(&self, key: &Secret, failure: Option<&str>) -> Result<()> {
        let fail = if failure.is_some() { "/fail" } else { "" };
        let url = format!("{}/heartbeat/{}{fail}", self.base, key.expose());
        let why = failure.unwrap_or_default();
        self.until_answered(async |_, left| {
            let request = self.http.post(&url).timeout(left).body(why.to_owned());
            let away = |error: reqwest::Error| unreachable(&self.base, &error);
            let response = request.send().await.map_err(away)?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            Err(self.problem(status, &response.bytes().await.map_err(away)?))
        })
        .await
    }

    async fn answer<R: DeserializeOwned>(
        &self,
        mut request: reqwest::RequestBuilder,
        key: Option<&str>,
    ) -> Result<R> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let response = request.send().await.map_err(|error| unreachable(&self.base, &error))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| unreachable(&self.base, &error))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|_| {
                Error::new(
                    Kind::Internal,
                    format!("{} did not answer as incidentd does.", self.base),
                )
                .hint("Check the address, and that client and server are of like versions.")
            });
        }
        Err(self.problem(status, &bytes))
    }

    fn problem(&self, status: reqwest::StatusCode, body: &[u8]) -> Error {
        let other = || {
            let kind = Kind::of_answer("", status.as_u16());
            Error::new(kind, format!("{} answered {status}.", self.base))
        };
        serde_json::from_slice(body).map_or_else(|_| other(), Problem::into_error)
    }
}

/// All pages of a list, each fetched after the cursor of the one before.
///
/// # Errors
/// Those of `page`.
pub async fn all<T, F>(page: impl Fn(Option<String>) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Result<Page<T>>>,
{
    let mut next = page(None).await?;
    let mut items = next.items;
    while let Some(cursor) = next.next_cursor {
        next = page(Some(cursor)).await?;
        items.append(&mut next.items);
    }
    Ok(items)
}

/// Puts path parameters into a template, percent-encoded.
fn fill(template: &str, values: &[String]) -> String {
    let mut values = values.iter();
    template
        .split('/')
        .map(|part| match part.strip_prefix('{').and_then(|_| values.next()) {
            Some(value) => percent_encoded(value),
            None => part.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("/")
}

fn builder(secure: bool) -> Result<reqwest::ClientBuilder> {
    let name = concat!("incidentd/", env!("CARGO_PKG_VERSION"));
    let tls = trust::config(secure, &[])?;
    Ok(reqwest::Client::builder().user_agent(name).tls_backend_preconfigured(tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_parameters_cannot_leave_their_place() {
        let values = ["../x".to_owned(), "a b?c#d".to_owned()];
        assert_eq!(
            fill("/teams/{team}/members/{user}", &values),
            "/teams/..%2Fx/members/a%20b%3Fc%23d"
        );
    }
}
