//! E-mail at a real mail server that is not ours: what it hears by TLS, whom we do not trust it to,
//! and what becomes of its refusals.
use std::ffi::OsStr;

use incidentd::api::Nothing;
use incidentd::api::sessions::CREATE_LINK;
use incidentd::api::users::{CREATE_USER, NewUser};
use incidentd::config::{Config, Smtp};
use incidentd::notify::{Failure, Message, Notifier};
use serde_json::{Value, json};

use crate::channels::{incident, notifier, page};
use crate::harness::TestServer;
use crate::programs::{Listen, Program, python};
use crate::tls::Papers;

/// A mail server, and the port on which it listens.
pub fn mailbox<I: IntoIterator<Item: AsRef<OsStr>>>(options: I) -> (Program, u16) {
    let mut server = Program::start(python("mailbox.py").args(options), Listen::Stdout);
    let port = server.wait_for("port", |line| line.strip_prefix("listening on ")?.parse().ok());
    (server, port)
}

pub fn next_mail(server: &mut Program) -> Value {
    server.wait_for("mail", |line| serde_json::from_str(line).ok())
}

/// One that trusts the authority of `papers`, and no other beside the host's.
fn by(url: String, papers: &Papers) -> Notifier {
    notifier(|config| {
        config.outgoing.authorities = Some(papers.path("authority.pem"));
        config.smtp = Smtp { url: Some(url), from: Some("oncall@example.com".into()) };
    })
}

fn disk_full() -> Message {
    page(vec![incident(42, "disk full")])
}

async fn sent(notifier: &Notifier, message: &Message) -> Result<(), Failure> {
    notifier.send("email", "alice@example.com", message).await
}

/// Its options for TLS of this kind.
fn tls(kind: &str, papers: &Papers) -> Vec<std::ffi::OsString> {
    vec![kind.into(), papers.path("cert.pem").into(), papers.path("key.pem").into()]
}

#[tokio::test]
async fn mail_goes_by_tls_of_either_kind_and_says_who_we_are() {
    let papers = Papers::new();
    for (kind, scheme) in [("--tls", "smtps"), ("--starttls", "smtp")] {
        let mut options = tls(kind, &papers);
        options.extend(["--login", "on@call", "hush/:%"].map(Into::into));
        let (mut server, port) = mailbox(options);
        let url = |password: &str| format!("{scheme}://on%40call:{password}@127.0.0.1:{port}");
        let notifier = by(url("hush%2F%3A%25"), &papers);
        notifier.probe("email").await.expect("it listens");
        sent(&notifier, &disk_full()).await.expect("sent");
        let mail = next_mail(&mut server);
        assert_eq!((&mail["secret"], &mail["login"]), (&json!(true), &json!(true)), "{kind}");

        let refused = sent(&by(url("wrong"), &papers), &disk_full()).await.expect_err("a stranger");
        assert!(matches!(&refused, Failure::Never { why } if why.contains("535")), "{refused:?}");
        assert!(!refused.why().contains("wrong"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_mail_server_that_we_do_not_trust_hears_nothing() {
    let (papers, others) = (Papers::new(), Papers::new());
    for (kind, scheme) in [("--tls", "smtps"), ("--starttls", "smtp")] {
        let (mut server, port) = mailbox(tls(kind, &papers));
        let url = format!("{scheme}://127.0.0.1:{port}");
        let refused = sent(&by(url.clone(), &others), &disk_full()).await.expect_err("untrusted");
        assert!(refused.why().contains("certificate"), "{kind}: {refused:?}");
        // The first mail that it hears is that of somebody who trusts it.
        let mut second = disk_full();
        second.id = "m-18".into();
        sent(&by(url, &papers), &second).await.expect("sent");
        let mail = next_mail(&mut server);
        assert!(mail["headers"].to_string().contains("m-18@"), "{kind}: {mail}");
    }
    // Nor one that a thief between us has made forget its TLS.
    let (_server, port) = mailbox::<[&str; 0]>([]);
    let url = format!("smtp://u:hush@127.0.0.1:{port}");
    let refused = sent(&by(url, &papers), &disk_full()).await.expect_err("no TLS");
    assert!(refused.why().to_uppercase().contains("STARTTLS"), "{refused:?}");
}

#[tokio::test]
async fn a_mail_server_says_whether_it_may_be_asked_again() {
    let (mut server, port) =
        mailbox(["--answer", "451 4.7.1 greylisted", "--answer", "554 5.7.1 spam\u{1b}[2J"]);
    let url = format!("smtp://127.0.0.1:{port}?tls=none");
    let notifier = by(url, &Papers::new());
    let refused = sent(&notifier, &disk_full()).await.expect_err("not now");
    assert!(matches!(&refused, Failure::Later { why, .. } if why.contains("grey")), "{refused:?}");
    let refused = sent(&notifier, &disk_full()).await.expect_err("never");
    assert!(matches!(&refused, Failure::Never { why } if why.contains("554")), "{refused:?}");
    assert!(!refused.why().contains('\u{1b}'), "{refused:?}");
    sent(&notifier, &disk_full()).await.expect("sent");
    let answers: Vec<_> = (0..3).map(|_| next_mail(&mut server)["answer"].clone()).collect();
    assert!(answers[2] == "250 kept", "{answers:?}");
}

#[tokio::test]
async fn no_title_makes_a_header() {
    let (mut server, port) = mailbox::<[&str; 0]>([]);
    let notifier = by(format!("smtp://127.0.0.1:{port}?tls=none"), &Papers::new());
    let mut of = async |title: &str| {
        sent(&notifier, &page(vec![incident(42, title)])).await.expect(title);
        let mail = next_mail(&mut server);
        assert_eq!(mail["ascii"], true, "{title}");
        assert!(mail["longest"].as_u64().is_some_and(|length| length <= 998), "{title}: {mail}");
        let headers: Vec<(String, String)> =
            serde_json::from_value(mail["headers"].clone()).expect("headers");
        let names: Vec<String> = headers.iter().map(|(name, _)| name.clone()).collect();
        let subject = headers.into_iter().find(|(name, _)| name == "subject").expect("a subject");
        (names, subject.1)
    };
    let (benign, _) = of("disk full").await;
    for title in [
        "full\r\nBcc: eve@example.com",
        "full\nBcc: eve@example.com\n\nbody",
        "full\rBcc: eve@example.com",
        "=?utf-8?q?full=0D=0ABcc:_eve@example.com?=",
        "full\u{2028}Bcc: eve@example.com\u{85}Bcc: eve@example.com\0",
        &"long ".repeat(200),
        &"x".repeat(1_024),
        "größte Festplatte 漢字 \u{1f525}",
        &"漢".repeat(500),
        "Subject: x\tTo: y",
    ] {
        let (names, subject) = of(title).await;
        assert_eq!(names, benign, "{title:?}");
        assert!(subject.starts_with("#42 ") && !subject.contains(['\r', '\n']), "{subject:?}");
    }
    assert!(of("größte 漢字 \u{1f525}").await.1.contains("größte 漢字 \u{1f525}"));
}

#[test]
fn authorities_that_are_none_are_refused_at_the_start() {
    let papers = Papers::new();
    for file in [papers.path("none.pem"), papers.path("key.pem")] {
        let mut config = Config::default();
        config.outgoing.authorities = Some(file);
        let error = Notifier::check(&config).expect_err("no authority");
        assert_eq!(error.fields[0].field, "outgoing.authorities", "{error}");
    }
}

#[tokio::test]
async fn the_link_of_a_new_account_is_mailed_to_it_and_it_is_told_where_that_failed() {
    let (mut mails, port) = mailbox::<[&str; 0]>([]);
    let server = TestServer::with(|config| {
        config.smtp = Smtp {
            url: Some(format!("smtp://127.0.0.1:{port}?tls=none")),
            from: Some("oncall@example.com".into()),
        };
    })
    .await;
    let root = server.client("root");
    let link_for = async |who: &str| {
        root.call(&CREATE_LINK, who.into(), &Nothing {}, &Nothing {}).await.expect("a link")
    };
    let dave = NewUser {
        username: "dave".into(),
        email: Some("dave@example.com".into()),
        ..NewUser::default()
    };
    root.call(&CREATE_USER, Nothing {}, &Nothing {}, &dave).await.expect("added");
    let link = link_for("dave").await;
    let mailed = link.mailed.expect("mailed");
    assert_eq!((&*mailed.to, mailed.failure), ("dave@example.com", None));
    let mail = next_mail(&mut mails);
    assert_eq!(mail["to"], json!(["dave@example.com"]));
    let plain = mail["plain"].as_str().expect("text");
    assert!(plain.contains(&link.url), "{plain}");

    assert!(link_for("bob").await.mailed.is_none(), "he has no address");
    drop(mails);
    let mailed = link_for("dave").await.mailed.expect("tried");
    assert!(mailed.failure.is_some_and(|why| why.contains("mail server")));
}
