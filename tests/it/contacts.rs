//! How people are told: their contacts, and which of them rings when.
use incidentd::api::Nothing;
use incidentd::api::contacts::{
    CHANGE_CONTACT, CREATE_CONTACT, ContactChange, NewContact, REMOVE_CONTACT, RULES, SET_RULES,
};
use incidentd::domain::contact::Rules;
use serde_json::json;

use crate::configuration::{apply, export};
use crate::harness::TestServer;

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
