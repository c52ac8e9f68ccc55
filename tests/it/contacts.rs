//! How people are told: their contacts, and which of them rings when.
use crate::configuration::{apply, export};
use crate::harness::TestServer;

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
