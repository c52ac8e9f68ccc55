//! What comes again or goes out stands in the file too: maintenance windows and webhooks.
use incidentd::api::Nothing;
use incidentd::api::configuration::ApplyQuery;
use incidentd::api::silences::{END_SILENCE, SILENCES, Silence, SilencesQuery};
use incidentd::api::webhooks::{CREATE_WEBHOOK, NewWebhook};
use incidentd::domain::SilenceId;
use incidentd::domain::silence::State;
use serde_json::json;

use crate::configuration::{apply, configure, export, lines, refused};
use crate::harness::{TestServer, WORLD, hours, mins};

const PRUNE: ApplyQuery = ApplyQuery { dry_run: false, prune: true };
const DRY_RUN: ApplyQuery = ApplyQuery { dry_run: true, prune: true };

/// Each Monday from 05:00 to 07:00 in Paris; the story begins there on a Monday, at 04:00.
const WINDOW: &str = r#"
[[silences]]
slug = "weekly-restart"
team = "payments"
matchers = ["@service=checkout"]
reason = "weekly restart"
rrule = "FREQ=WEEKLY;BYDAY=MO"
starts_at = "2026-01-05T05:00"
duration = "2h"
time_zone = "Europe/Paris"
"#;

async fn silences(server: &TestServer, state: Option<State>) -> Vec<Silence> {
    let query = SilencesQuery { state, ..SilencesQuery::default() };
    let page = server.call("root", &SILENCES, Nothing {}, &query, &Nothing {}).await;
    page.expect("a list").items
}

#[tokio::test]
async fn a_file_has_the_maintenance_that_comes_again() {
    let mut server = TestServer::start().await;
    let planned = configure(&server, "root", WINDOW, DRY_RUN).await.expect("rehearsed");
    assert!(lines(&planned).contains(&"+ silence weekly-restart".to_owned()), "{planned:?}");
    assert_eq!(silences(&server, None).await.len(), 0, "that was a rehearsal");
    assert_eq!(apply(&server, WINDOW).await, ["+ silence weekly-restart"]);
    assert_eq!(apply(&server, WINDOW).await, [""; 0], "it is so already");
    let written = toml::to_string(&export(&server).await).expect("written");
    assert!(written.contains("slug = \"weekly-restart\""), "{written}");
    assert_eq!(apply(&server, &written).await, [""; 0], "what was written down is so");

    server.advance(mins(90)).await;
    server.alert(json!({"title": "disk full"})).await;
    assert!(server.incident(1).await.silenced_until.is_some(), "a window is open");
    let other = WINDOW.replace("@service=checkout", "host=db-1").replace("weekly", "monday");
    let renamed = other.replace("[[silences]]", "[[silences]]\nrenamed_from = \"weekly-restart\"");
    assert_eq!(
        apply(&server, &renamed).await,
        ["~ silence monday-restart (slug: weekly-restart → monday-restart; matchers: \
          @service=\"checkout\" → host=\"db-1\"; reason: weekly restart → monday restart)"]
    );
    assert_eq!(silences(&server, None).await.len(), 1, "the same one");
    assert_eq!(server.incident(1).await.silenced_until, None, "what it covers no longer is heard");

    let id: SilenceId = silences(&server, None).await[0].id;
    server.call("bob", &END_SILENCE, id, &Nothing {}, &Nothing {}).await.expect("ended");
    assert_eq!(apply(&server, &other).await, ["+ silence monday-restart"], "the file wins");
    let pruned = configure(&server, "root", WORLD, PRUNE).await.expect("pruned");
    assert_eq!(lines(&pruned), ["- silence monday-restart"]);
    assert_eq!(silences(&server, None).await.len(), 0);
    assert_eq!(silences(&server, Some(State::Expired)).await.len(), 2, "history stays");
    server.advance(hours(1)).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_window_is_said_at_its_place() {
    let server = TestServer::start().await;
    apply(&server, WINDOW).await;
    for (was, is, place, why) in [
        ("BYDAY=MO", "COUNT=3", "silences[0]", "COUNT"),
        ("Europe/Paris", "Europe/Atlantis", "silences[0]", "Atlantis"),
        ("\"2h\"", "\"9d\"", "silences[0]", "7d"),
        ("@service=checkout", "@service=~.*", "silences[0]", "nearly all"),
        ("\"payments\"", "\"nowhere\"", "silences[0].team", "nowhere"),
        ("\"payments\"", "\"search\"", "silences[0].team", "payments"),
        ("slug = \"weekly-restart\"", "slug = \"Weekly!\"", "silences[0].slug", ""),
    ] {
        let wrong = refused(&server, &WINDOW.replace(was, is), ApplyQuery::default()).await;
        assert!(wrong[0].starts_with(&format!("{place}: ")) && wrong[0].contains(why), "{wrong:?}");
    }
    let twice = refused(&server, &format!("{WINDOW}{WINDOW}"), ApplyQuery::default()).await;
    assert!(twice[0].starts_with("silences[1]: "), "{twice:?}");
    assert_eq!(apply(&server, WINDOW).await, [""; 0], "nothing of it was done");
}

#[tokio::test]
async fn a_file_has_webhooks_and_prunes_only_its_own() {
    let server = TestServer::start().await;
    let by_hand = NewWebhook {
        team: "payments".into(),
        url: "https://example.com/by-hand".into(),
        secret: None,
    };
    let none = Nothing {};
    server.call("alice", &CREATE_WEBHOOK, Nothing {}, &none, &by_hand).await.expect("added");
    let hook = "[[webhooks]]\nteam = \"payments\"\nurl = \"https://example.com/hook\"\n";
    let rehearsed = configure(&server, "root", hook, ApplyQuery { dry_run: true, prune: false });
    let rehearsed = rehearsed.await.expect("rehearsed");
    assert_eq!(lines(&rehearsed), ["+ webhook payments https://example.com/hook"]);
    assert!(rehearsed.secrets.is_empty(), "none was made");
    let made = configure(&server, "root", hook, ApplyQuery::default()).await.expect("applied");
    assert_eq!(made.secrets.len(), 1, "shown once");
    let again = configure(&server, "root", hook, ApplyQuery::default()).await.expect("so already");
    assert!(again.changes.is_empty() && again.secrets.is_empty(), "{again:?}");

    let secret = format!("{hook}secret = \"{}\"\n", made.secrets[0].secret);
    assert_eq!(apply(&server, &secret).await, [""; 0], "the same secret");
    let other = incidentd::secret::Secret::webhook().expect("chance");
    let rotated = format!("{hook}secret = \"{}\"\n", other.expose());
    let said = apply(&server, &rotated).await;
    assert_eq!(said, ["~ webhook payments https://example.com/hook (secret changed)"]);
    let exported = toml::to_string(&export(&server).await).expect("written");
    assert!(!exported.contains("whsec_"), "without secrets: {exported}");
    assert_eq!(apply(&server, &exported).await, [""; 0]);

    let pruned = configure(&server, "root", WORLD, PRUNE).await.expect("pruned");
    assert_eq!(lines(&pruned), ["- webhook payments https://example.com/hook"]);
    let left = export(&server).await.webhooks;
    assert_eq!(left.iter().map(|of| of.url.as_str()).collect::<Vec<_>>(), [by_hand.url]);
}
