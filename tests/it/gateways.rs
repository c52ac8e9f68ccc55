//! Providers by recipe: what each of them gets, against the request that it documents; and an
//! operator's own gateways and commands.
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use incidentd::config::{Command, Config, Gateway, Value as Var};
use incidentd::domain::Span;
use incidentd::domain::alert::Link;
use incidentd::notify::{Failure, MessageKind, Notifier};
use serde_json::{Value, json};

use crate::channels::{incident, notifier, page};
use crate::far::Far;
use crate::programs::node;

const SLY: &str =
    "<!channel> & <https://evil.example|bob> [x](https://evil.example) @everyone *now*";

fn gateway(text: &str) -> Gateway {
    toml::from_str(text).expect("a gateway")
}

/// A recipe's gateway, called as the recipe is, whose provider is `far`.
fn by_recipe(recipe: &str, far: &Far, vars: &[(&str, &str)]) -> Notifier {
    let mut vars: BTreeMap<String, Var> =
        vars.iter().map(|(name, value)| ((*name).into(), Var::Text((*value).into()))).collect();
    vars.insert("api".into(), Var::Text(far.url("")));
    let gateway = Gateway { recipe: Some(recipe.into()), vars, ..Gateway::default() };
    notifier(|config| drop(config.gateways.insert(recipe.into(), gateway)))
}

#[tokio::test]
async fn slack_gets_blocks_in_which_a_sender_s_words_are_words() {
    let mut far = Far::start().await;
    let notifier = notifier(|_| {});
    let address = far.url("/services/T0/B0/x");
    notifier.check_address("slack", &address).expect("good");
    notifier.send("slack", &address, &page(vec![incident(42, SLY)])).await.expect("sent");
    let heard = far.next().await;
    assert_eq!(heard.path, "/services/T0/B0/x");
    let body = heard.json();
    let text = body["text"].as_str().expect("text");
    assert!(text.starts_with("#42 &lt;!channel&gt; &amp; &lt;https:// evil"), "{text}");
    assert!(!text.contains(['<', '>']) && !text.contains("@everyone"), "{text}");
    assert_eq!((&body["unfurl_links"], &body["unfurl_media"]), (&json!(false), &json!(false)));
    let kinds: Vec<_> =
        body["blocks"].as_array().expect("blocks").iter().map(|b| &b["type"]).collect();
    assert_eq!(kinds, ["header", "section", "context"]);
    for block in [0, 1] {
        assert_eq!(body["blocks"][block]["text"]["type"], "plain_text");
    }
    let links: Vec<_> = body["blocks"][2]["elements"].as_array().expect("links").iter().collect();
    let ack =
        json!({ "type": "mrkdwn", "text": "<https://oncall.example.com/a/Kx7fPq2|Acknowledge>" });
    assert_eq!((links.len(), links[0]), (3, &ack), "and `when` is not sent");
}

#[tokio::test]
async fn chats_that_need_an_address_alone_get_what_they_document() {
    let mut far = Far::start().await;
    let notifier = notifier(|_| {});
    let page = page(vec![incident(42, SLY)]);
    notifier.send("mattermost", &far.url("/hooks/x"), &page).await.expect("sent");
    let body = far.next().await.json();
    let text = body["text"].as_str().expect("text");
    assert!(text.starts_with(":rotating_light: **\\#42 \\<\\!channel\\>"), "{text}");
    assert!(text.contains("\\[x\\]\\(https://") && text.contains("\\*now\\*"), "{text}");
    assert!(text.contains("[Acknowledge](https://oncall.example.com/a/Kx7fPq2)"), "{text}");
    assert!(!text.contains("@everyone"), "{text}");

    notifier.send("discord", &far.url("/api/webhooks/1/x"), &page).await.expect("sent");
    let body = far.next().await.json();
    assert_eq!((&body["allowed_mentions"], &body["flags"]), (&json!({ "parse": [] }), &json!(4)));
    assert!(body["content"].as_str().is_some_and(|text| text.chars().count() <= 2_000), "{body}");

    notifier.send("teams", &far.url("/workflows/x"), &page).await.expect("sent");
    let body = far.next().await.json();
    let card = &body["attachments"][0]["content"];
    assert_eq!(body["type"], "message");
    assert_eq!(body["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
    assert_eq!(card["body"][0]["inlines"][0]["type"], "TextRun", "which reads no Markdown");
    assert_eq!(
        card["actions"][0],
        json!({ "type": "Action.OpenUrl", "title": "Acknowledge", "url": page.ack_url })
    );

    let address = far.url("/message?token=AbC");
    notifier.check_address("gotify", &address).expect("good");
    notifier.check_address("gotify", &far.url("/")).expect_err("no token");
    notifier.send("gotify", &address, &page).await.expect("sent");
    let heard = far.next().await;
    assert_eq!(heard.path, "/message?token=AbC");
    let body = heard.json();
    assert_eq!((&body["priority"], &body["title"]), (&json!(8), &json!(title(SLY))));
    assert_eq!(body["extras"]["client::notification"]["click"]["url"], page.url);
}

/// A title is said once, a sender's `www.` is no link, and the one that was checked is one to press.
#[tokio::test]
async fn what_to_do_about_it_can_be_pressed() {
    let mut far = Far::start().await;
    let notifier = notifier(|_| {});
    let mut one = incident(42, "disk full, see www.evil.example, http://evil.example");
    one.links =
        Link::new("https://wiki.example.com/disk_full|now?a=1&b=2", "").into_iter().collect();
    let page = page(vec![one]);
    let asked = "https://wiki.example.com/disk_full|now?a=1&b=2";
    for (channel, path, link) in [
        ("mattermost", "/text", format!("See: <{asked}>")),
        ("discord", "/content", format!("See: <{asked}>")),
        ("slack", "/blocks/2/elements/3/text", {
            "<https://wiki.example.com/disk_full%7Cnow?a=1&amp;b=2|More>".to_owned()
        }),
        ("teams", "/attachments/0/content/actions/3/url", asked.to_owned()),
        ("ntfy", "/message", format!("See: {asked}")),
    ] {
        notifier.send(channel, &far.url("/x"), &page).await.expect("sent");
        let body = far.next().await.json();
        let text = body.pointer(path).and_then(Value::as_str).unwrap_or_default();
        assert!(text.contains(&link), "{channel}: {text}");
        let all = body.to_string();
        assert!(!all.contains("www.evil") && !all.contains("<http://>"), "{all}");
        let titles = if channel == "slack" { 2 } else { 1 };
        assert_eq!(all.matches("disk full, see www").count(), titles, "{all}");
    }
}

fn title(of: &str) -> String {
    format!("#42 {} (checkout)", incidentd::notify::text::tame(of))
}

#[tokio::test]
async fn telegram_gets_plain_text_and_buttons_that_there_are() {
    let mut far = Far::start().await;
    let notifier = by_recipe("telegram", &far, &[("token", "123:AbC")]);
    notifier.check_address("telegram", "-1001234567890").expect("a chat");
    notifier.check_address("telegram", "+49151").expect_err("no chat");
    let mut message = page(vec![incident(42, SLY)]);
    message.resolve_url = None;
    notifier.send("telegram", "-1001234567890", &message).await.expect("sent");
    let heard = far.next().await;
    assert_eq!(heard.path, "/bot123:AbC/sendMessage");
    let body = heard.json();
    assert_eq!(body["chat_id"], "-1001234567890");
    assert_eq!(body.get("parse_mode"), None);
    assert_eq!(body["link_preview_options"]["is_disabled"], true);
    let button = |text: &str, url: &str| json!({ "text": text, "url": url });
    let ack = button("Acknowledge", message.ack_url.as_deref().expect("a link"));
    let buttons = json!([[ack, button("Look", &message.url)]]);
    assert_eq!(body["reply_markup"]["inline_keyboard"], buttons);
}

#[tokio::test]
async fn pushover_and_twilio_get_their_forms() {
    let mut far = Far::start().await;
    let message = page(vec![incident(42, "disk full")]);
    let user = "u".repeat(30);
    let pushover = by_recipe("pushover", &far, &[("token", "app")]);
    pushover.send("pushover", &user, &message).await.expect("sent");
    let heard = far.next().await;
    let form: BTreeMap<String, String> = heard.form().into_iter().collect();
    assert_eq!(heard.path, "/1/messages.json");
    assert_eq!((form["token"].as_str(), form["user"].as_str()), ("app", user.as_str()));
    assert_eq!((form["priority"].as_str(), form["url_title"].as_str()), ("1", "Acknowledge"));

    let vars = [("sid", "AC17"), ("token", "hush"), ("from", "+15550100")];
    let twilio = by_recipe("twilio", &far, &vars);
    twilio.check_address("twilio", "+4915112345678").expect("a number");
    twilio.check_address("twilio", "0151/123").expect_err("none");
    far.answer(201, "x-told", "{}");
    twilio.send("twilio", "+4915112345678", &message).await.expect("sent");
    let heard = far.next().await;
    assert_eq!(heard.path, "/2010-04-01/Accounts/AC17/Messages.json");
    assert_eq!(heard.header("authorization"), format!("Basic {}", STANDARD.encode("AC17:hush")));
    let body = "#42 disk full (checkout). Ack: https://oncall.example.com/a/Kx7fPq2";
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let form = [pair("Body", body), pair("From", "+15550100"), pair("To", "+4915112345678")];
    assert_eq!(heard.form(), form, "and no empty MessagingServiceSid");

    let call = by_recipe("twilio-call", &far, &vars);
    let sly = page(vec![incident(42, "</Say><Dial>+1900</Dial>")]);
    call.send("twilio-call", "+4915112345678", &sly).await.expect("sent");
    let heard = far.next().await;
    let form: BTreeMap<String, String> = heard.form().into_iter().collect();
    assert_eq!(heard.path, "/2010-04-01/Accounts/AC17/Calls.json");
    assert!(form["Twiml"].contains("&lt;&#x2f;Say&gt;&lt;Dial"), "{form:?}");
}

#[tokio::test]
async fn an_operator_s_own_gateway_is_configured_and_not_coded() {
    let mut far = Far::start().await;
    let text = r#"
        url = "FAR/api/{{ address }}/send"
        method = "put"
        headers = { authorization = "Bearer {{ vars.token }}" }
        json = { text = "{{ title }}", loud = "{{ urgency == 'high' }}", n = "{{ count }}" }
        pattern = "[a-z/.?#]+"
        ok = [200, 418]
        vars = { token = "t" }
    "#;
    let own = gateway(&text.replace("FAR", &far.url("")));
    let notifier = notifier(|config| drop(config.gateways.insert("chat".into(), own)));
    far.answer(418, "x-told", "a teapot");
    let quoted = page(vec![incident(42, "\"}, {\"a\": \"b")]);
    notifier.send("chat", "a/../b?c#d", &quoted).await.expect("sent");
    let heard = far.next().await;
    assert_eq!(
        (heard.method.as_str(), heard.path.as_str()),
        ("PUT", "/api/a%2F..%2Fb%3Fc%23d/send")
    );
    assert_eq!(heard.header("authorization"), "Bearer t");
    let expected = json!({ "text": "#42 \"}, {\"a\": \"b (checkout)", "loud": true, "n": 1 });
    assert_eq!(heard.json(), expected);
    far.answer(204, "x-told", "");
    let refused = notifier.send("chat", "a", &quoted).await.expect_err("not what counts");
    assert_eq!(refused, Failure::Never { why: "It answered 204.".into() });
}

#[test]
fn a_gateway_that_cannot_work_is_refused_at_the_start() {
    for (name, text, key) in [
        ("sms", "recipe = \"twillio\"", "gateways.sms.recipe"),
        ("sms", "recipe = \"twilio\"\nvars = { sid = \"AC\" }", "gateways.sms.vars.from"),
        ("sms", "recipe = \"twilio\"\nvars = { sdi = \"AC\" }", "gateways.sms.vars.sdi"),
        ("sms", "recipe = \"twilio\"\nvars = { sid = { env = \"NONE_OF\" } }", "gateways.sms.vars"),
        ("x", "json = { a = \"b\" }", "gateways.x.url"),
        ("x", "url = \"https://x/{{ address\"", "gateways.x.url"),
        ("x", "url = \"https://x/\"\njson = { a = [\"{{ b|c }}\"] }", "gateways.x.json"),
        ("x", "url = \"https://x/\"\nheaders = { \"a b\" = \"c\" }", "gateways.x.headers"),
        ("x", "url = \"https://x/\"\nmethod = \"a b\"", "gateways.x.method"),
        ("x", "url = \"https://x/\"\npattern = \"(\"", "gateways.x.pattern"),
        ("x", "url = \"https://x/\"\ntext = \"b\"\nlimits = { c = 1 }", "gateways.x.limits.c"),
        ("ntfy", "url = \"https://x/\"", "gateways.ntfy"),
        ("A b", "url = \"https://x/\"", "gateways.A b"),
    ] {
        let gateways = [(name.to_owned(), gateway(text))].into();
        let error = Notifier::check(&Config { gateways, ..Config::default() }).expect_err(text);
        assert!(error.fields[0].field.starts_with(key), "{text}: {error:?}");
    }
}

#[tokio::test]
async fn an_address_that_names_the_host_leads_nowhere_private() {
    let mut far = Far::start().await;
    let own = gateway("url = \"http://{{ address|safe }}/x\"\njson = { a = \"b\" }");
    let config = Config { gateways: [("sly".to_owned(), own)].into(), ..Config::default() };
    let clock = incidentd::clock::Clock::System;
    let notifier = Notifier::new(&config, clock, crate::channels::key()).expect("good");
    let page = page(vec![incident(42, "x")]);
    for (channel, address) in [
        ("sly", far.addr.to_string()),
        ("slack", far.url("/")),
        ("gotify", far.url("/message?token=x")),
    ] {
        let outcome = notifier.send(channel, &address, &page).await;
        assert!(matches!(outcome, Err(Failure::Never { .. })), "{channel}: {outcome:?}");
    }
    assert_eq!(far.so_far().len(), 0);
}

/// A program in `dir`, as its operator would write it.
fn program(dir: &std::path::Path, text: &str) -> Command {
    let path = dir.join("program");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("set");
    let run = vec![path.display().to_string(), "--loud".into()];
    Command { run, timeout: Span::secs(5), address: Some("a number".into()) }
}

fn with_command(command: Command) -> Notifier {
    notifier(|config| drop(config.commands.insert("pager".into(), command)))
}

#[tokio::test]
async fn a_command_hears_the_message_and_no_secret_of_ours() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("out");
    let text = format!("{{ echo \"$@\"; env; cat; }} > {}", out.display());
    let notifier = with_command(program(dir.path(), &text));
    let mut message = page(vec![incident(42, "$(touch /tmp/sly); `id`")]);
    message.kind = MessageKind::Page;
    notifier.send("pager", "17; rm -rf /", &message).await.expect("sent");
    let heard = std::fs::read_to_string(out).expect("heard");
    assert!(heard.starts_with("--loud\n"), "{heard}");
    assert!(heard.contains("INCIDENTD_ADDRESS=17; rm -rf /\n"), "{heard}");
    assert!(heard.contains("INCIDENTD_TITLE=#42 $(touch /tmp/sly); `id` (checkout)\n"), "{heard}");
    assert!(!heard.contains("CARGO"), "our own environment is not its: {heard}");
    let json = heard.lines().find(|line| line.starts_with('{')).expect("JSON");
    let json: Value = serde_json::from_str(json).expect("JSON");
    assert_eq!((&json["id"], &json["incidents"][0]["id"]), (&json!("m-17"), &json!(42)));
}

#[tokio::test]
async fn a_command_s_end_decides_whether_it_is_tried_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = page(vec![incident(42, "x")]);
    let with = |text: &str| with_command(program(dir.path(), text));
    let notifier = with("echo no such pager >&2; exit 67");
    let outcome = notifier.send("pager", "1", &page).await;
    assert_eq!(outcome, Err(Failure::Never { why: "It ended with 67: no such pager".into() }));
    let notifier = with("echo busy >&2; exit 1");
    let why = "It ended with 1: busy".into();
    let outcome = notifier.send("pager", "1", &page).await;
    assert_eq!(outcome, Err(Failure::Later { why, after: None }));
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_all_that_it_started() {
    let dir = tempfile::tempdir().expect("a folder");
    let pid = dir.path().join("pid");
    let text = format!("sleep 60 & echo $! > {}; wait", pid.display());
    let command = Command { timeout: Span::secs(1), ..program(dir.path(), &text) };
    let notifier = with_command(command);
    let outcome = notifier.send("pager", "1", &page(vec![incident(42, "x")])).await;
    let why = "It did not end in time.".into();
    assert_eq!(outcome, Err(Failure::Later { why, after: None }));
    let child = std::fs::read_to_string(pid).expect("it started");
    let status = format!("/proc/{}/status", child.trim());
    // Gone, or waiting to be fetched by whoever inherited it.
    let gone = || std::fs::read_to_string(&status).map_or(true, |text| text.contains("State:\tZ"));
    while !gone() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_browser_opens_what_is_pushed_and_knows_who_sent_it() {
    let mut far = Far::start().await;
    let notifier = notifier(|_| {});
    let mut browser = node("push.mjs")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/test installs it");
    let (mut stdin, stdout) =
        (browser.stdin.take().expect("in"), browser.stdout.take().expect("out"));
    let mut lines = BufReader::new(stdout).lines();
    let mut said = || -> Value {
        serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON")
    };
    let subscription = json!({ "endpoint": far.url("/push/1"), "keys": said() }).to_string();
    notifier.check_address("webpush", &subscription).expect("good");
    notifier.check_address("webpush", "{}").expect_err("none");
    let mut all: Vec<_> = (1..=20).map(|id| incident(id, &"x".repeat(1_000))).collect();
    all[0].title = "disk full".into();
    let message = page(all);
    notifier.send("webpush", &subscription, &message).await.expect("sent");
    let heard = far.next().await;
    assert_eq!((heard.path.as_str(), heard.header("urgency")), ("/push/1", "high"));
    assert_eq!((heard.header("content-encoding"), heard.header("ttl")), ("aes128gcm", "3600"));
    assert!(heard.body.len() <= 4_096, "{}", heard.body.len());
    assert!(heard.header("authorization").ends_with(&format!("k={}", notifier.push_key())));
    writeln!(stdin, "{}\t{}", STANDARD.encode(&heard.body), heard.header("authorization"))
        .expect("told");
    let opened = said();
    assert_eq!(opened["claims"]["aud"], far.url(""));
    assert_eq!(opened["claims"]["sub"], "mailto:a@example.com");
    let (push, claims) = (&opened["message"], &opened["claims"]);
    assert!(claims["exp"].as_i64().is_some_and(|at| at > jiff::Timestamp::UNIX_EPOCH.as_second()));
    assert_eq!((&push["ackUrl"], &push["id"]), (&json!(message.ack_url), &json!("m-17")));
    assert!(push["title"].as_str().is_some_and(|title| title.contains("#1 disk full")), "{push}");
    drop(stdin);
    browser.wait().expect("ended");

    far.answer(410, "x-told", "gone");
    let outcome = notifier.send("webpush", &subscription, &message).await;
    let why = "The browser has ended its subscription.".into();
    assert_eq!(outcome, Err(Failure::Gone { why }));
}
