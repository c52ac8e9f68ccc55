//! E-mail, as plain text and as simple HTML, to the server that `[smtp]` names. Messages about an
//! incident form one thread.
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use reqwest::Url;
use rustls::pki_types::CertificateDer;

use super::{Channel, Failure, Loudness, Said, Sending};
use crate::clock::Clock;
use crate::config::Smtp;
use crate::domain::text;
use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(10);

pub struct Email {
    builder: AsyncSmtpTransportBuilder,
    /// Made when first needed: its pool lives in a runtime, which `config check` has not.
    transport: OnceLock<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
    clock: Clock,
}

impl Email {
    /// None where no server is named.
    pub fn new(
        smtp: &Smtp,
        authorities: &[CertificateDer<'static>],
        clock: Clock,
    ) -> Result<Option<Self>> {
        let Some(url) = &smtp.url else { return Ok(None) };
        let Some(from) = &smtp.from else {
            return Err(Error::invalid("smtp.url", "stands without a sender")
                .hint("Name the address that e-mail comes from in smtp.from."));
        };
        let from = Mailbox::from_str(from)
            .map_err(|_| Error::invalid("smtp.from", format!("`{from}` is no e-mail address")))?;
        // Never quoted: it holds a password.
        let builder = builder(url, authorities).map_err(|why| Error::invalid("smtp.url", why))?;
        Ok(Some(Self { builder, transport: OnceLock::new(), from, clock }))
    }

    fn transport(&self) -> &AsyncSmtpTransport<Tokio1Executor> {
        self.transport.get_or_init(|| self.builder.clone().build())
    }

    fn compose(&self, address: &str, said: &Said<'_>) -> Result<lettre::Message, Failure> {
        let message = said.message;
        let to = mailbox(address).map_err(Failure::never)?;
        let domain = self.from.email.domain();
        let header = |name: &'static str, value: String| {
            HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
        };
        let id: String = message
            .id
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
            .collect();
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            // A reader would decode what looks encoded, whatever that holds.
            .subject(said.title().replace("=?", "= ?"))
            .date(SystemTime::from(self.clock.now()))
            .message_id(Some(format!("<{id}@{domain}>")))
            // No out-of-office answers to what nobody reads.
            .raw_header(header("Auto-Submitted", "auto-generated".into()));
        if let [one] = message.incidents.as_slice() {
            // All that is said of an incident hangs on one name, which no message has.
            let thread = format!("<incident-{}-{}@{domain}>", one.id, one.created_at.as_second());
            builder = builder.in_reply_to(thread.clone()).references(thread);
        }
        if message.loudness() == Loudness::Loud {
            builder = builder
                .raw_header(header("Importance", "high".into()))
                .raw_header(header("X-Priority", "1".into()));
        }
        let part = |kind: ContentType, body: String| SinglePart::builder().header(kind).body(body);
        let html = said.texts.html(&said.view);
        let parts = MultiPart::alternative()
            .singlepart(part(ContentType::TEXT_PLAIN, said.text()))
            .singlepart(part(ContentType::TEXT_HTML, html));
        builder.multipart(parts).map_err(|error| Failure::never(format!("It is no mail: {error}.")))
    }
}

fn mailbox(address: &str) -> Result<Address, String> {
    address.trim().parse().map_err(|_| "is no e-mail address".to_owned())
}

fn builder(
    url: &str,
    authorities: &[CertificateDer<'static>],
) -> Result<AsyncSmtpTransportBuilder, String> {
    let url =
        Url::parse(url).map_err(|_| "is no address; write one as smtps://mail.example.com")?;
    let host = url.host_str().ok_or("names no host")?.to_owned();
    let plain = match url.query() {
        None => false,
        Some("tls=none") => true,
        Some(_) => return Err("may end in ?tls=none, in no other `?`".into()),
    };
    let trusted = |host| trusted(host, authorities);
    let (tls, port) = match url.scheme() {
        "smtp" if plain => (Tls::None, 25),
        "smtp" => (Tls::Required(trusted(&host)?), 587),
        "smtps" => (Tls::Wrapper(trusted(&host)?), 465),
        _ => return Err("must begin with smtps:// or smtp://".into()),
    };
    let decoded = |text: &str| decode(text).ok_or("holds a name or password that is not UTF-8");
    let (user, password) = (decoded(url.username())?, decoded(url.password().unwrap_or_default())?);
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(url.port().unwrap_or(port))
        .tls(tls)
        .timeout(Some(TIMEOUT));
    if !user.is_empty() {
        builder = builder.credentials(Credentials::new(user, password));
    }
    Ok(builder)
}

/// The host's authorities; where there are none, Mozilla's; and the operator's own.
fn trusted(host: &str, own: &[CertificateDer<'static>]) -> Result<TlsParameters, String> {
    let none = rustls_native_certs::load_native_certs().certs.is_empty();
    let store = if none { CertificateStore::WebpkiRoots } else { CertificateStore::Default };
    let wrong = |error| format!("cannot be reached by TLS: {error}");
    let mut parameters = TlsParameters::builder(host.to_owned()).certificate_store(store);
    for authority in own {
        let authority = Certificate::from_der(authority.to_vec()).map_err(wrong)?;
        parameters = parameters.add_root_certificate(authority);
    }
    parameters.build_rustls().map_err(wrong)
}

/// Percent-encoding undone.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match tail {
            [a, b, after @ ..] if *first == b'%' => {
                let digits = [*a, *b];
                bytes.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn failure(error: &lettre::transport::smtp::Error) -> Failure {
    let why = text::cut(&text::shown(&format!("The mail server: {error}.")), 200);
    if error.is_permanent() { Failure::never(why) } else { Failure::later(why) }
}

impl Channel for Email {
    fn about(&self) -> (&str, bool) {
        ("alice@example.com", false)
    }

    fn check(&self, address: &str) -> Result<(), String> {
        mailbox(address).map(drop)
    }

    fn send<'a>(&'a self, address: &'a str, said: &'a Said<'a>) -> Sending<'a> {
        Box::pin(async move {
            let mail = self.compose(address, said)?;
            self.transport().send(mail).await.map(drop).map_err(|error| failure(&error))
        })
    }

    fn probe(&self) -> Sending<'_> {
        Box::pin(async {
            match self.transport().test_connection().await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Failure::later("The mail server ends the conversation.")),
                Err(error) => Err(failure(&error)),
            }
        })
    }
}
