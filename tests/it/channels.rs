//! How messages go out: what each channel sends, checked against what its provider documents, and
//! where none of them goes.
use std::time::Duration;

use incidentd::clock::Clock;
use incidentd::config::{Config, Smtp};
use incidentd::domain::Incident;
use incidentd::notify::{Failure, Message, MessageKind, Notifier, PushKey, Template};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::far::{Far, this_machine};
use crate::mail::{mailbox, next_mail};

pub fn incident(id: i64, title: &str) -> Incident {
    serde_json::from_value(json!({
        "id": id,
        "title": title,
        "description": "free: 2%\nmount: /var",
        "status": "triggered",
        "urgency": "high",
        "severity": "critical",
        "team": { "id": 1, "slug": "payments", "name": "Payments" },
        "service": { "id": 1, "slug": "checkout", "name": "Checkout" },
        "url": format!("https://oncall.example.com/incidents/{id}"),
        "createdAt": "2026-11-23T03:00:00Z",
        "updatedAt": "2026-11-23T03:00:00Z",
        "seq": 7,
    }))
    .expect("an incident")
}

pub fn page(incidents: Vec<Incident>) -> Message {
    Message {
        id: "m-17".into(),
        kind: MessageKind::Page,
        incidents,
        text: String::new(),
        to: "Alice".into(),
        ack_url: Some("https://oncall.example.com/a/Kx7fPq2".into()),
        resolve_url: Some("https://oncall.example.com/r/Kx7fPq2".into()),
        url: "https://oncall.example.com/incidents/42".into(),
    }
}

pub fn key() -> PushKey {
    PushKey::read(&PushKey::generate().expect("random"), "mailto:a@example.com").expect("a key")
}

/// One that may reach this machine.
pub fn notifier(configure: impl FnOnce(&mut Config)) -> Notifier {
    let mut config = Config::default();
    config.outgoing.allow_private = this_machine();
    configure(&mut config);
    Notifier::new(&config, Clock::System, key()).expect("a configuration")
}

fn never(outcome: Result<(), Failure>) -> String {
    match outcome {
        Err(Failure::Never { why }) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ntfy_gets_its_json_with_buttons_that_answer() {
    let mut far = Far::start().await;
    let notifier = notifier(|_| {});
    let address = format!("{} tk_secret", far.url("/alice-x7f3"));
    notifier.check_address("ntfy", &address).expect("good");
    let page = page(vec![incident(42, "disk full")]);
    notifier.send("ntfy", &address, &page).await.expect("sent");
    let heard = far.next().await;
    assert_eq!((heard.method.as_str(), heard.path.as_str()), ("POST", "/"));
    assert_eq!(heard.header("authorization"), "Bearer tk_secret");
    let button = |label: &str, path: &str| {
        let url = format!("https://oncall.example.com/{path}/Kx7fPq2");
        json!({ "action": "http", "label": label, "url": url, "method": "POST", "clear": true })
    };
    let body = heard.json();
    assert_eq!(body["topic"], "alice-x7f3");
    assert_eq!(body["title"], "#42 disk full (checkout)");
    assert_eq!((&body["priority"], &body["tags"]), (&json!(5), &json!(["rotating_light"])));
    assert_eq!(body["click"], page.url);
    assert_eq!(body["actions"], json!([button("Acknowledge", "a"), button("Resolve", "r")]));
    assert!(body["message"].as_str().is_some_and(|text| text.contains("mount: /var")), "{body}");

    for wrong in ["", "alice", "https://ntfy.sh/", "https://ntfy.sh/a b", "https://u:p@ntfy.sh/a"] {
        let error = notifier.check_address("ntfy", wrong).expect_err(wrong);
        assert_eq!(error.fields[0].field, "address", "{wrong}");
    }
    let error = notifier.check_address("pigeon", "x").expect_err("no channel");
    assert_eq!(error.fields[0].field, "channel");
    assert!(error.fields[0].message.contains("ntfy, "), "it names those that there are: {error}");
}

#[tokio::test]
async fn a_webhook_gets_everything_and_can_tell_that_it_is_ours() {
    let mut far = Far::start().await;
    let notifier = notifier(|_| {});
    let address = format!("{} whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", far.url("/hook?x=1"));
    notifier.check_address("webhook", &address).expect("good");
    let sent = page(vec![incident(42, "disk full")]);
    notifier.send("webhook", &address, &sent).await.expect("sent");
    let heard = far.next().await;
    let body = heard.json();
    assert_eq!(heard.path, "/hook?x=1");
    assert_eq!((&body["id"], &body["kind"]), (&json!("m-17"), &json!("page")));
    assert_eq!(body["incidents"][0]["dedupKey"], "", "the incident as every client reads it");
    assert_eq!(heard.header("webhook-id"), "m-17");
    let key =
        incidentd::notify::sign::key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
    let at = heard.header("webhook-timestamp").parse().expect("seconds");
    let at = jiff::Timestamp::from_second(at).expect("a time");
    let expected = incidentd::notify::sign::headers(&key, "m-17", at, &heard.body);
    assert_eq!(heard.header("webhook-signature"), expected[2].1);
}

#[tokio::test]
async fn what_a_far_end_answers_decides_whether_it_is_tried_again() {
    let far = Far::start().await;
    let notifier = notifier(|_| {});
    let (address, page) = (far.url("/hook"), page(vec![incident(42, "disk full")]));
    far.answer(503, "retry-after", "17");
    let later = notifier.send("webhook", &address, &page).await.expect_err("not now");
    let after = Some(Duration::from_secs(17));
    assert_eq!(
        later,
        Failure::Later { why: "It answered 503; it has trouble of its own.".into(), after }
    );
    far.answer(429, "x-told", "slow down\nsecond line\u{1b}[2J");
    let later = notifier.send("webhook", &address, &page).await.expect_err("not now");
    assert_eq!(
        later,
        Failure::Later { why: "It answered 429; it is asked too often.".into(), after: None }
    );
    far.answer(404, "x-told", "x".repeat(5_000));
    let why = never(notifier.send("webhook", &address, &page).await);
    assert_eq!(why, "It answered 404; its address may be wrong or gone.", "nothing of its words");
    let gone = format!("http://127.0.0.1:{}/", unused_port().await);
    let later = notifier.send("webhook", &gone, &page).await.expect_err("nobody is there");
    assert_eq!(later, Failure::Later { why: "It takes no connection.".into(), after: None });
}

/// A far end ends an idle connection when it likes, and a message that crosses that is lost.
#[tokio::test]
async fn no_message_rides_on_a_connection_that_may_be_about_to_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // It answers once as if it held on, and is gone when asked again.
                let (mut heard, mut piece) = (Vec::new(), [0; 4_096]);
                while !heard.ends_with(b"}") {
                    let read = stream.read(&mut piece).await.expect("read");
                    heard.extend_from_slice(&piece[..read]);
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).await.expect("written");
                let _ = stream.read(&mut piece).await;
            });
        }
    });
    let notifier = notifier(|_| {});
    for _ in 0..3 {
        let page = page(vec![incident(42, "disk full")]);
        notifier.send("webhook", &address, &page).await.expect("sent");
    }
}

async fn unused_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test]
async fn no_message_reaches_a_private_address_that_the_operator_did_not_allow() {
    let mut far = Far::start().await;
    let port = far.addr.port();
    let notifier = Notifier::new(&Config::default(), Clock::System, key()).expect("defaults");
    let page = page(vec![incident(42, "disk full")]);
    for host in [
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[fc00::1]",
        "[fe80::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "ok@127.0.0.1",
        "ok:pass@127.0.0.1",
        "224.0.0.1",
    ] {
        let address = format!("http://{host}:{port}/topic");
        // Not every machine knows its own name with a dot.
        let named = host.to_ascii_lowercase().starts_with("localhost");
        for channel in ["webhook", "ntfy"] {
            let outcome = notifier.send(channel, &address, &page).await;
            let never = matches!(outcome, Err(Failure::Never { .. }));
            assert!(never || named && outcome.is_err(), "{address}: {outcome:?}");
        }
        assert!(named || notifier.check_address("webhook", &address).is_err(), "{address}");
    }
    assert_eq!(far.so_far().len(), 0, "nothing of it was heard");
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let mut far = Far::start().await;
    let notifier = notifier(|_| {});
    far.answer(302, "location", far.url("/inside"));
    let why = never(notifier.send("webhook", &far.url("/"), &page(vec![incident(1, "x")])).await);
    assert!(why.contains("302"), "{why}");
    assert_eq!(far.so_far().len(), 1);
}

#[tokio::test]
async fn mail_arrives_as_text_and_html_and_forms_a_thread() {
    let (mut server, port) = mailbox::<[&str; 0]>([]);
    let notifier = notifier(|config| {
        config.smtp = Smtp {
            url: Some(format!("smtp://127.0.0.1:{port}?tls=none")),
            from: Some("On call <oncall@example.com>".into()),
        };
    });
    notifier.check_address("email", "alice@example.com").expect("good");
    notifier.check_address("email", "alice").expect_err("none");
    notifier.probe("email").await.expect("it listens");
    let sly = "full\r\nBcc: eve@example.com\r\n\r\n<b>now</b> see https://evil.example/ @everyone";
    let sent = page(vec![incident(42, sly)]);
    notifier.send("email", "alice@example.com", &sent).await.expect("sent");
    let mail = next_mail(&mut server);
    assert_eq!(mail["to"], json!(["alice@example.com"]));
    let headers: Vec<(String, String)> =
        serde_json::from_value(mail["headers"].clone()).expect("headers");
    let header = |name: &str| {
        let found: Vec<_> = headers.iter().filter(|(header, _)| header == name).collect();
        assert_eq!(found.len(), 1, "{name}: {headers:?}");
        found[0].1.clone()
    };
    assert_eq!(header("message-id"), "<m-17@example.com>");
    assert_eq!(header("auto-submitted"), "auto-generated");
    assert_eq!(header("in-reply-to"), header("references"));
    assert!(header("subject").starts_with("#42 full"), "{headers:?}");
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "auto-submitted",
            "content-type",
            "date",
            "from",
            "importance",
            "in-reply-to",
            "message-id",
            "mime-version",
            "references",
            "subject",
            "to",
            "x-priority",
        ],
        "and no header more"
    );
    let (plain, html) =
        (mail["plain"].as_str().expect("text"), mail["html"].as_str().expect("HTML"));
    assert!(plain.contains("Acknowledge: https://oncall.example.com/a/Kx7fPq2"), "{plain}");
    assert!(html.contains("<a href=\"https:&#x2f;&#x2f;oncall.example.com"), "{html}");
    assert!(!html.contains("<b>now") && html.contains("&lt;b&gt;now"), "{html}");
    for text in [plain, html] {
        assert!(!text.contains("https://evil") && !text.contains("@everyone"), "{text}");
    }

    let bad = "bob@example.com\r\nBcc: eve@example.com";
    let why = never(notifier.send("email", bad, &sent).await);
    assert!(why.contains("no e-mail address"), "{why}");
}

#[test]
fn a_mail_server_s_address_is_understood_or_refused_without_its_password() {
    let with = |url: &str, from: Option<&str>| {
        let smtp = Smtp { url: Some(url.into()), from: from.map(Into::into) };
        Notifier::check(&Config { smtp, ..Config::default() })
    };
    for url in ["smtps://u%40x:p%2Fw@mail.example.com", "smtp://mail:2525", "smtp://m?tls=none"] {
        with(url, Some("a@example.com")).expect(url);
    }
    for (url, from, key) in [
        ("mail.example.com", Some("a@b.example"), "smtp.url"),
        ("http://u:hush@mail", Some("a@b.example"), "smtp.url"),
        ("smtp://u:hush@mail?tls=maybe", Some("a@b.example"), "smtp.url"),
        ("smtps://u:hush@mail", None, "smtp.url"),
        ("smtps://u:hush@mail", Some("nobody"), "smtp.from"),
    ] {
        let error = with(url, from).expect_err(url);
        assert_eq!(error.fields[0].field, key, "{error}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[test]
fn an_sms_says_what_where_and_how_to_acknowledge() {
    let notifier = notifier(|_| {});
    let short = |message: &Message| notifier.render(&Template::Short, message).expect("words");
    assert_eq!(
        short(&page(vec![incident(42, "disk full")])),
        "#42 disk full (checkout). Ack: https://oncall.example.com/a/Kx7fPq2"
    );
    let long = short(&page(vec![incident(42, &"disk “fuller” ".repeat(40))]));
    assert_eq!(long.chars().count(), 160, "{long}");
    assert!(long.starts_with("#42 disk \"fuller\" disk"), "{long}");
    assert!(long.ends_with(".. (checkout). Ack: https://oncall.example.com/a/Kx7fPq2"), "{long}");

    let many: Vec<Incident> = (1..=14).map(|id| incident(id, &format!("host {id} down"))).collect();
    let bundle = page(many);
    let said = short(&bundle);
    assert!(said.len() <= 160, "{said}");
    assert!(said.starts_with("14 incidents: #1 host 1 down; #2 host 2 down; #3"), "{said}");
    let text = notifier.render(&Template::Text, &bundle).expect("words");
    assert!(text.contains("14 incidents: all high") && text.contains("and 4 more"), "{text}");

    let mut over = page(vec![incident(42, "disk full")]);
    (over.kind, over.text) = (MessageKind::AllClear, "resolved by bob".into());
    (over.ack_url, over.resolve_url) = (None, None);
    assert_eq!(short(&over), "#42 disk full: resolved by bob");
    let title = notifier.render(&Template::Title, &over).expect("words");
    assert_eq!(title, "#42 disk full: resolved by bob");
}

#[test]
fn an_operator_s_words_are_checked_and_cannot_run_away() {
    let with = |name: &str, text: &str| {
        let templates = [(name.to_owned(), text.to_owned())].into();
        Notifier::check(&Config { templates, ..Config::default() })
    };
    with("title", "{{ severity|upper }} {{ what }}").expect("good");
    for (name, text) in [
        ("titel", "x"),
        ("title", "{{ what"),
        ("text", "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}"),
        ("short", "{{ what|nothing_like_that }}"),
        ("html", "{% include 'etc/passwd' %}"),
    ] {
        let error = with(name, text).expect_err(text);
        assert_eq!(error.fields[0].field, format!("templates.{name}"), "{error}");
    }
    let notifier = notifier(|config| {
        // Good for one incident, and not for many.
        let text = "{% if count > 1 %}{% for i in range(99999) %}x{% endfor %}{% endif %}".into();
        config.templates.insert("title".into(), text);
    });
    let two = page(vec![incident(42, "disk full"), incident(43, "no swap")]);
    let title = notifier.render(&Template::Title, &two).expect("words");
    assert_eq!(title, "2 incidents: #42 disk full; #43 no swap", "ours stand in");
    let sly = page(vec![incident(42, "{{ 7 * 7 }} \u{202e}\u{1b}[2J")]);
    let title = notifier.render(&Template::Text, &sly).expect("words");
    assert!(title.contains("{{ 7 * 7 }}") && !title.contains(['\u{202e}', '\u{1b}']), "{title}");
}
