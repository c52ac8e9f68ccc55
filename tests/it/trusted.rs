//! Far ends by TLS, as the running server meets them: one that is not who it says it is, or whom
//! nobody vouches for, hears nothing, and no secret of ours is told on the way.
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use incidentd::api::Nothing;
use incidentd::api::contacts::{TEST, Test};
use incidentd::api::deliveries::{DELIVERY, DeliveryView};
use incidentd::client::Client;
use incidentd::domain::delivery::DeliveryState;
use incidentd::secret::Secret;

use crate::far::Far;
use crate::mail::{mailbox, next_mail};
use crate::process::{Serving, incidentd, on_host, until};
use crate::tls::Papers;

const PASSWORD: &str = "hush-sesame";

/// Who vouches for whom: trusted and called so; trusted and called otherwise; unknown.
struct World {
    right: Papers,
    other: Papers,
    unknown: Papers,
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (right, unknown) = (Papers::new(), Papers::new());
        let other = Papers::of(&["elsewhere.example.com", "127.0.0.2"]);
        let pem =
            |papers: &Papers| std::fs::read_to_string(papers.path("authority.pem")).expect("there");
        let both = pem(&right) + &pem(&other);
        std::fs::write(dir.path().join("authorities.pem"), both).expect("written");
        Self { right, other, unknown, dir }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A server that sends its mail to this address, and the words that it must not say.
    fn serve(&self, smtp: &str) -> Serving {
        let file = self.dir.path().join("incidentd.toml");
        let text = format!(
            "[outgoing]\nallow_private = [\"127.0.0.0/8\"]\nauthorities = \"{}\"\n\
             [smtp]\nurl = \"{smtp}\"\nfrom = \"oncall@example.com\"\n",
            self.dir.path().join("authorities.pem").display()
        );
        std::fs::write(&file, text).expect("written");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("closed");
        let mut serve = incidentd();
        serve.arg("serve").arg("--config").arg(&file).arg("--data-dir").arg(self.data());
        serve.args(["--log", "info,incidentd=trace"]);
        Serving::with(&mut serve, "127.0.0.1:0").expect("serves")
    }
}

/// Root, on a host of his own; his token.
fn root(data: &Path) -> String {
    let add = ["user", "add", "root", "--admin", "--email", "root@example.com"];
    on_host(data, &add, "");
    on_host(data, &["token", "create", "--user", "root"], "").trim().to_owned()
}

/// A test by one contact, once it was tried.
async fn tried(server: &Serving, token: &str, contact: &str) -> DeliveryView {
    let token = Secret::new(token);
    let client = Client::new(&server.url, Some(token), Duration::from_secs(10)).expect("a client");
    let test = Test { contact: Some(contact.into()) };
    let sent = client.call_once(&TEST, "me".to_owned(), &test).await.expect("queued").items;
    let seen = async || {
        let none = Nothing {};
        client.call(&DELIVERY, sent[0].id, &none, &none).await.expect("shown")
    };
    until("an outcome", || async {
        let now = seen().await;
        now.attempts > 0 && (now.outcome.is_some() || now.state == DeliveryState::Sent)
    })
    .await;
    seen().await
}

fn refused(of: &DeliveryView) {
    let why = of.outcome.as_deref().unwrap_or_default();
    assert!(of.state != DeliveryState::Sent && why.contains("certificate"), "{of:?}");
    assert!(!why.contains("sesame") && !why.contains("7f3"), "{why}");
}

/// All that it said to its end.
fn secrets_are_kept(mut server: Serving) {
    assert_eq!(server.terminate().0, Some(0));
    let log = server.rest();
    assert!(log.iter().any(|line| line.contains("TRACE") || line.contains("DEBUG")), "{log:#?}");
    for word in ["sesame", "x7f3"] {
        assert_eq!(log.iter().find(|line| line.contains(word)), None, "{word}");
    }
}

#[tokio::test]
async fn mail_goes_to_whom_we_trust_and_nobody_else_learns_the_password() {
    let world = World::new();
    let token = root(&world.data());
    on_host(&world.data(), &["apply", "-f", "-"], MAIL);
    for (kind, scheme) in [("--tls", "smtps"), ("--starttls", "smtp")] {
        for papers in [&world.unknown, &world.other, &world.right] {
            let mut options: Vec<OsString> = vec![kind.into()];
            options.extend(["cert.pem", "key.pem"].map(|name| papers.path(name).into()));
            options.extend(["--login", "oncall", PASSWORD].map(Into::into));
            let (mut far, port) = mailbox(options);
            let server = world.serve(&format!("{scheme}://oncall:{PASSWORD}@127.0.0.1:{port}"));
            let became = tried(&server, &token, "mail").await;
            if std::ptr::eq(papers, &raw const world.right) {
                assert_eq!(became.state, DeliveryState::Sent, "{kind}: {became:?}");
                assert_eq!(next_mail(&mut far)["secret"], true, "{kind}");
            } else {
                refused(&became);
            }
            secrets_are_kept(server);
        }
    }
}

const MAIL: &str = "[[users]]\nusername = \"root\"\n\
    contacts = [ { name = \"mail\", channel = \"email\", address = \"root@example.com\" } ]";

#[tokio::test]
async fn messages_go_by_https_to_whom_we_trust() {
    let world = World::new();
    let token = root(&world.data());
    let mut fars = Vec::new();
    let mut contacts = Vec::new();
    for (name, papers) in
        [("right", &world.right), ("other", &world.other), ("unknown", &world.unknown)]
    {
        let far = Far::start_tls(papers).await;
        let address = far.url("/alice-x7f3");
        contacts.push(format!(
            "{{ name = \"{name}\", channel = \"webhook\", address = \"{address} {WHSEC}\" }}"
        ));
        fars.push(far);
    }
    let server = world.serve("smtp://127.0.0.1:9?tls=none");
    let text = format!("[[users]]\nusername = \"root\"\ncontacts = [ {} ]", contacts.join(", "));
    let data = world.data();
    tokio::task::spawn_blocking(move || on_host(&data, &["apply", "-f", "-"], &text))
        .await
        .expect("applied");
    refused(&tried(&server, &token, "other").await);
    refused(&tried(&server, &token, "unknown").await);
    assert_eq!(tried(&server, &token, "right").await.state, DeliveryState::Sent);
    assert_eq!(fars[0].next().await.path, "/alice-x7f3");
    assert_eq!((fars[1].so_far().len(), fars[2].so_far().len()), (0, 0));
    secrets_are_kept(server);
}

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
