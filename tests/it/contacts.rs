//! How people are told: their contacts, and which of them rings when.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use incidentd::api::contacts::{
    CHANGE_CONTACT, CONTACTS, CREATE_CONTACT, ContactChange, NewContact, REMOVE_CONTACT, RULES,
    SEND_CODE, SET_RULES, TEST, Test, VERIFY_CONTACT, Verify,
};
use incidentd::api::deliveries::{DELIVERIES, DELIVERY};
use incidentd::api::doctor::DOCTOR;
use incidentd::api::users::{CHANGE_USER, ChangeUser};
use incidentd::api::{Nothing, PageQuery};
use incidentd::domain::IncidentId;
use incidentd::domain::contact::Rules;
use incidentd::domain::delivery::DeliveryState;
use incidentd::error::Kind;
use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use serde_json::json;

use crate::configuration::{apply, export};
use crate::far::{Far, this_machine};
use crate::harness::{TestServer, hours, mins};
use crate::mail::mailbox;

const NONE: &Nothing = &Nothing {};

const ALICE: &str = r#"
[[users]]
username = "alice"
email = "alice@example.com"
contacts = [ { name = "phone", channel = "ntfy", address = "https://ntfy.example.com/alice-x7f3" },
             { name = "mail", channel = "email" },
             { name = "chat", channel = "slack", address = "https://hooks.slack.com/sesame" } ]
rules.high = [ { after = "0m", contact = "phone" }, { after = "5m", contact = "mail" } ]
rules.low = [ { after = "0m", contact = "mail" } ]
rules.quiet = { from = "22:00", to = "07:00" }
"#;

#[tokio::test]
async fn a_file_says_how_somebody_is_told() {
    let server = TestServer::start().await;
    let made = apply(&server, ALICE).await;
    assert_eq!(
        made,
        ["~ user alice (email: nothing → \"alice@example.com\"; contacts.phone: nothing → ntfy \
         https://ntfy.example.com/…; contacts.mail: nothing → email of the account; \
         contacts.chat: nothing → slack https://hooks.slack.com/…; rules.high: nothing → \
         0s=phone 5m=mail; rules.low: nothing → 0s=mail; rules.quiet: nothing → 22:00-07:00)"]
    );
    assert_eq!(apply(&server, ALICE).await, [""; 0], "it is so already");
    let written = toml::to_string(&export(&server).await).expect("written");
    assert!(written.contains("alice-x7f3") && !written.contains("sesame"), "{written}");
    assert_eq!(apply(&server, &written).await, [""; 0], "what was written down is so");

    let moved = ALICE.replace("x7f3", "y8g4");
    assert_eq!(apply(&server, &moved).await, ["~ user alice (contacts.phone changed)"]);
    let less = "[[users]]\nusername = \"alice\"\n\
        contacts = [ { name = \"mail\", channel = \"email\", address = \"a@example.org\" } ]";
    assert_eq!(
        apply(&server, less).await,
        ["~ user alice (contacts.mail: email of the account → email a@example.org; \
         contacts.phone: ntfy https://ntfy.example.com/… → nothing; \
         contacts.chat: slack https://hooks.slack.com/… → nothing)"]
    );
    let alice = export(&server).await.users.remove(0);
    let rules = alice.rules.expect("rules");
    assert_eq!(rules.high.len(), 1, "what named a contact that is gone went with it");
}

#[tokio::test]
async fn contacts_are_one_s_own_and_rules_follow_them() {
    let server = TestServer::start().await;
    let add = async |who: &str, whose: &str, name: &str, channel: &str, address: Option<&str>| {
        let address = address.map(str::to_owned);
        let new = NewContact { name: name.into(), channel: channel.into(), address };
        server.call(who, &CREATE_CONTACT, whose.into(), NONE, &new).await
    };
    let phone = Some("https://ntfy.sh/alice-x7f3");
    let made = add("alice", "me", "phone", "ntfy", phone).await.expect("added");
    assert_eq!((made.address.as_str(), made.verified_at), ("https://ntfy.sh/alice-x7f3", None));
    let hook = add("alice", "me", "hook", "webhook", Some("https://example.com/sesame")).await;
    assert_eq!(hook.expect("added").address, "https://example.com/…", "never told again");
    let by_admin = add("root", "bob", "phone", "ntfy", Some("https://ntfy.sh/bob")).await;
    assert!(by_admin.expect("added").verified_at.is_some(), "an admin's word is enough");
    for (who, whose, name, channel, address, field) in [
        ("alice", "me", "phone 2", "ntfy", phone, "name"),
        ("alice", "me", "pager", "pigeon", phone, "channel"),
        ("alice", "me", "pager", "ntfy", Some("ftp://x"), "address"),
        ("alice", "me", "pager", "ntfy", None, "address"),
        ("alice", "me", "pager", "ntfy", Some("https://127.0.0.1/x"), "address"),
    ] {
        let wrong = add(who, whose, name, channel, address).await.expect_err(field);
        assert_eq!(wrong.fields.first().map(|it| it.field.as_str()), Some(field), "{wrong}");
    }

    let rules: Rules = serde_json::from_value(json!({
        "high": [{"after": "0m", "contact": "phone"}, {"after": "3m", "contact": "hook"}],
        "quiet": {"from": "22:00", "to": "07:00"}, "allClear": false,
    }))
    .expect("rules");
    let set = server.call("alice", &SET_RULES, "me".into(), NONE, &rules).await.expect("set");
    assert_eq!(set, rules);
    let mut of_others = rules.clone();
    of_others.high.remove(0);
    let stranger = server.call("bob", &SET_RULES, "me".into(), NONE, &of_others).await;
    assert_eq!(stranger.expect_err("not his").fields[0].field, "high[0].contact");

    let name = ContactChange { name: Some("mobile".into()), address: None };
    let path = |name: &str| ("me".to_owned(), name.to_owned());
    server.call("alice", &CHANGE_CONTACT, path("phone"), NONE, &name).await.expect("renamed");
    server.call("alice", &REMOVE_CONTACT, path("hook"), NONE, NONE).await.expect("removed");
    let rules = server.call("alice", &RULES, "me".into(), NONE, NONE).await.expect("rules");
    let high: Vec<String> = rules.high.iter().map(ToString::to_string).collect();
    assert_eq!(high, ["0s=mobile"]);
}

/// The code in what came to the far end.
async fn code(far: &mut Far) -> String {
    let said = far.next().await.json()["text"].to_string();
    said.split(|c: char| !c.is_ascii_digit()).find(|it| it.len() == 6).expect("a code").to_owned()
}

#[tokio::test]
async fn a_contact_is_paged_once_its_owner_has_shown_that_messages_arrive() {
    let mut far = Far::start().await;
    let mut server =
        TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
    let address = Some(far.url("/alice"));
    let new = NewContact { name: "phone".into(), channel: "webhook".into(), address };
    let path = || ("me".to_owned(), "phone".to_owned());
    let made = server.call("alice", &CREATE_CONTACT, "me".into(), NONE, &new).await;
    assert_eq!(made.expect("added").verified_at, None);
    let first = code(&mut far).await;
    let soon = server.call("alice", &SEND_CODE, path(), NONE, NONE).await;
    assert_eq!(soon.expect_err("a moment ago").kind, Kind::Limited);
    server.advance(mins(1)).await;
    server.call("alice", &SEND_CODE, path(), NONE, NONE).await.expect("sent");
    let second = code(&mut far).await;
    let verify = async |code: &str| {
        let code = Verify { code: code.to_owned() };
        server.call("alice", &VERIFY_CONTACT, path(), NONE, &code).await
    };
    let other = if first == second { "000000".to_owned() } else { first };
    let wrong = verify(&other).await.expect_err("the first is void");
    assert_eq!(wrong.fields[0].field, "code");
    let test = Test::default();
    let nowhere = server.call("alice", &TEST, "me".into(), NONE, &test).await;
    assert_eq!(nowhere.expect_err("no contact works").kind, Kind::Refused);
    assert!(verify(&second).await.expect("the last").verified_at.is_some());
    verify(&other).await.expect("verified already");

    let sent = server.call("alice", &TEST, "me".into(), NONE, &test).await.expect("sent").items;
    assert_eq!((sent.len(), sent[0].contact.as_str()), (1, "phone"));
    assert_eq!(far.next().await.json()["kind"], "test");
    server.settle_deliveries().await;
    let became = server.call("alice", &DELIVERY, sent[0].id, NONE, NONE).await.expect("seen");
    assert_eq!(became.state, DeliveryState::Sent);
    let hidden = server.call("bob", &DELIVERY, sent[0].id, NONE, NONE).await;
    assert_eq!(hidden.expect_err("another's").kind, Kind::NotFound);

    let elsewhere = ContactChange { name: None, address: Some(far.url("/elsewhere")) };
    let moved = server.call("alice", &CHANGE_CONTACT, path(), NONE, &elsewhere).await;
    assert_eq!(moved.expect("moved").verified_at, None, "to be shown anew");
}

/// As a browser gives it: any point of the curve.
fn subscription(endpoint: &str) -> String {
    let random = SystemRandom::new();
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random).expect("a key");
    let public = own.compute_public_key().expect("its half");
    let (p256dh, auth) = (URL_SAFE_NO_PAD.encode(public), URL_SAFE_NO_PAD.encode([7; 16]));
    json!({ "endpoint": endpoint, "keys": { "p256dh": p256dh, "auth": auth } }).to_string()
}

#[tokio::test]
async fn a_browser_that_ended_its_subscription_is_no_way_to_somebody_until_it_has_another() {
    let mut far = Far::start().await;
    let server = TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
    apply(&server, "[[teams]]\nslug = \"payments\"\nmembers = { alice = \"responder\" }").await;
    let me = || "alice".to_owned();
    let address = Some(subscription(&far.url("/one")));
    let new = NewContact { name: "browser".into(), channel: "webpush".into(), address };
    let made = server.call("alice", &CREATE_CONTACT, me(), NONE, &new).await.expect("added");
    assert!(made.verified_at.is_some(), "what the browser gave is proved by it");
    far.answer(410, "x-told", "gone");
    let test = Test::default();
    server.call("alice", &TEST, me(), NONE, &test).await.expect("on its way");
    far.next().await;
    server.settle_deliveries().await;
    let mine = async || {
        let all = PageQuery::default();
        let all = server.call("alice", &CONTACTS, me(), &all, NONE).await.expect("contacts");
        all.items.into_iter().next().expect("the browser")
    };
    assert_eq!(mine().await.verified_at, None);
    let found = server.call("root", &DOCTOR, Nothing {}, NONE, NONE).await.expect("a diagnosis");
    let contacts = found.findings.iter().find(|one| one.check == "contacts").expect("looked at");
    assert!(contacts.message.contains("alice"), "{}", contacts.message);
    let address = Some(subscription(&far.url("/two")));
    let change = ContactChange { address, ..ContactChange::default() };
    let at = (me(), "browser".to_owned());
    server.call("alice", &CHANGE_CONTACT, at, NONE, &change).await.expect("subscribed again");
    assert!(mine().await.verified_at.is_some());
}

#[tokio::test]
async fn after_five_guesses_no_code_is_good() {
    let mut far = Far::start().await;
    let mut server =
        TestServer::with(|config| config.outgoing.allow_private = this_machine()).await;
    let address = Some(far.url("/alice"));
    let new = NewContact { name: "phone".into(), channel: "webhook".into(), address };
    let path = || ("me".to_owned(), "phone".to_owned());
    server.call("alice", &CREATE_CONTACT, "me".into(), NONE, &new).await.expect("added");
    let sent = code(&mut far).await;
    let verify = async |server: &TestServer, code: &str| {
        let code = Verify { code: code.to_owned() };
        server.call("alice", &VERIFY_CONTACT, path(), NONE, &code).await
    };
    for _ in 0..5 {
        assert_eq!(verify(&server, "guess").await.expect_err("wrong").kind, Kind::Invalid);
    }
    assert_eq!(verify(&server, &sent).await.expect_err("void").kind, Kind::Refused);
    server.advance(mins(1)).await;
    server.call("alice", &SEND_CODE, path(), NONE, NONE).await.expect("sent");
    let another = code(&mut far).await;
    server.advance(hours(1)).await;
    let late = verify(&server, &another).await.expect_err("an hour later");
    assert!(late.to_string().contains("incidentd contact code phone"), "{late}");
}

#[tokio::test]
async fn a_new_address_of_the_account_is_verified_anew_and_the_old_one_is_used_no_more() {
    let mut far = Far::start().await;
    let (mut mailbox, port) = mailbox::<[&str; 0]>([]);
    let mut server = TestServer::with(|config| {
        config.outgoing.allow_private = this_machine();
        config.smtp.url = Some(format!("smtp://127.0.0.1:{port}?tls=none"));
        config.smtp.from = Some("oncall@example.com".into());
    })
    .await;
    let file = ALICE.replace("https://ntfy.example.com/alice-x7f3", &far.url("/alice"))
        + "[[escalation_policies]]\nslug = \"payments-default\"\nteam = \"payments\"\n\
           steps = [ { after = \"0m\", targets = [\"user:alice\"] } ]\n";
    apply(&server, &file).await;
    server.alert(json!({"title": "disk full"})).await;
    far.next().await;
    server.settle_deliveries().await;

    let change: ChangeUser = serde_json::from_value(json!({"email": "a@example.org"})).expect("it");
    server.call("alice", &CHANGE_USER, "me".into(), NONE, &change).await.expect("changed");
    // Waiting for a line of it would keep the server waiting, too.
    server.settle_deliveries().await;
    let mail = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
    let said = mailbox.wait_for("mail", mail);
    assert_eq!(said["to"], json!(["a@example.org"]), "the code, to the new address");
    let plain = said["plain"].to_string();
    let mut numbers = plain.split(|c: char| !c.is_ascii_digit());
    let code = numbers.find(|it| it.len() == 6).expect("a code").to_owned();

    server.advance(mins(5)).await;
    server.settle_deliveries().await;
    let query = PageQuery::default();
    let rows = server.call("alice", &DELIVERIES, IncidentId(1), &query, NONE).await.expect("rows");
    let mails = rows.items.iter().filter(|row| row.contact == "mail");
    let became: Vec<_> = mails.map(|row| (row.state, row.outcome.as_deref())).collect();
    let gone = Some("the contact is gone or has changed");
    assert_eq!(became, [(DeliveryState::Dropped, gone)], "what waited for the old address");

    let verified = async || {
        let all = server
            .call("alice", &CONTACTS, "me".into(), &PageQuery::default(), NONE)
            .await
            .expect("a list");
        let mail = all.items.into_iter().find(|it| it.name == "mail").expect("there");
        (mail.address, mail.verified_at.is_some())
    };
    assert_eq!(verified().await, ("a@example.org".to_owned(), false));
    let path = ("me".to_owned(), "mail".to_owned());
    let code = Verify { code };
    server.call("alice", &VERIFY_CONTACT, path, NONE, &code).await.expect("verified");
    assert_eq!(verified().await, ("a@example.org".to_owned(), true));
    let alone = "[[users]]\nusername = \"alice\"\nemail = \"b@example.org\"\n";
    apply(&server, alone).await;
    assert_eq!(verified().await, ("b@example.org".to_owned(), false), "a file says nothing of it");
    apply(&server, &file).await;
    assert_eq!(verified().await, ("alice@example.com".to_owned(), true), "or vouches for it");
}
