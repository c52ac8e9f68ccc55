//! Who may what: every operation, tried by everybody. A new one without a row here fails.
use incidentd::api::openapi::Operation;
use incidentd::api::tokens::NewToken;
use incidentd::api::webhooks::NewWebhook;
use incidentd::api::{Access, Method};
use incidentd::app::{Caller, Visitor};
use incidentd::domain::Scope;
use incidentd::http::routes;
use incidentd::secret::Secret;
use serde_json::{Value, json};

use crate::harness::{Socket, TestServer, answer, mins};
use crate::wire::is_well;

/// Who tries. The first three get 401 wherever a credential is needed; the others are the columns
/// of the table below, in this order.
const WHO: [&str; 12] = [
    "anonymous",
    "disabled",
    "expired",
    "stranger",
    "observer",
    "responder",
    "team admin",
    "platform admin",
    // Of the team's admin.
    "read token",
    "respond token",
    // Of a platform admin.
    "token for another team",
    "token for the team",
];
/// Those without a good credential.
const OUTSIDE: usize = 3;
/// Those who may see the team.
const INSIDE: std::ops::Range<usize> = 4..10;

/// Beside the schedule.
const PAGING: &str = r#"
[[channels]]
slug = "chat"
team = "payments"
channel = "ntfy"
address = "https://ntfy.sh/SECRET-TOPIC"
[[escalation_policies]]
slug = "nights"
team = "payments"
steps = [ { after = "0m", targets = ["user:bob"] } ]
[[services]]
slug = "checkout"
team = "payments"
escalation_policy = "nights"
"#;

/// An operation, how it is called, and the status that each of `WHO` gets.
type Row = (Method, &'static str, &'static str, Value, [u16; 9]);

/// The answers, to whom? Each column is one of `WHO`.
mod to {
    type Answers = [u16; 9];
    //                                   strg obsv resp admn plat rdtk rstk othr team
    pub const ANY_CALLER: Answers = [200, 200, 200, 200, 200, 200, 200, 200, 200];
    pub const READERS: Answers = [404, 200, 200, 200, 200, 200, 200, 404, 200];
    pub const RESPONDERS: Answers = [404, 403, 200, 200, 200, 403, 200, 404, 200];
    pub const MANAGERS: Answers = [404, 403, 403, 200, 200, 403, 403, 404, 200];
    pub const PLATFORM: Answers = [403, 403, 403, 403, 200, 403, 403, 403, 403];
    /// What is one's own, with a credential that may change things.
    pub const OWN: Answers = [200, 200, 200, 200, 200, 403, 403, 200, 200];
    /// What is the person's own: not for a token that is good for one team.
    pub const THEMSELF: Answers = [200, 200, 200, 200, 200, 403, 403, 403, 403];
    /// What is another's: there for platform admins alone.
    pub const OTHERS: Answers = [404, 404, 404, 404, 200, 403, 403, 404, 404];
    pub const NOBODY_THERE: Answers = [404; 9];

    /// Whoever is let in gets `status` instead.
    pub const fn but(mut answers: Answers, status: u16) -> Answers {
        let mut at = 0;
        while at < answers.len() {
            if answers[at] == 200 {
                answers[at] = status;
            }
            at += 1;
        }
        answers
    }
}

/// Incidents 1 and 2 are of payments, 3 of the stranger's team, user dave of none; ids in braces
/// are root's. What succeeds may be repeated.
fn rows() -> Vec<Row> {
    let mut rows = incidents();
    rows.extend(configuration());
    rows.extend(schedules());
    rows.extend(heartbeats());
    rows.extend(silences());
    rows.extend(paging());
    rows.extend(contacts());
    rows.extend(people());
    rows.extend(credentials());
    rows
}

fn incidents() -> Vec<Row> {
    use Method::{Get, Post};
    let none = Value::Null;
    let note = json!({"action": "addNote", "body": "x"});
    vec![
        (Get, "/incidents", "", none.clone(), to::ANY_CALLER),
        (Get, "/incidents", "?team=payments", none.clone(), to::READERS),
        (Get, "/incidents", "?team=1", none.clone(), to::READERS),
        (Get, "/incidents", "?service=checkout", none.clone(), to::READERS),
        (Get, "/incidents", "?service=1", none.clone(), to::READERS),
        (Get, "/incidents", "?assignee=nobody-at-all", none.clone(), to::NOBODY_THERE),
        (Get, "/incidents", "?assignee=bob", none.clone(), to::READERS),
        (
            Post,
            "/incidents",
            "",
            json!({"service": "checkout", "title": "by hand"}),
            to::RESPONDERS,
        ),
        (Post, "/incidents", "", json!({"to": "bob", "title": "look"}), to::RESPONDERS),
        (
            Post,
            "/incidents",
            "",
            json!({"to": "dave", "title": "look"}),
            // Of no team: there for platform admins alone, whose own team has it.
            [404, 404, 404, 404, 200, 403, 404, 404, 404],
        ),
        (Get, "/incidents/{id}", "", none.clone(), to::READERS),
        (Get, "/incidents/{id}/timeline", "", none.clone(), to::READERS),
        (Get, "/incidents/{id}/alerts", "", none.clone(), to::READERS),
        (Get, "/incidents/{id}/deliveries", "", none.clone(), to::READERS),
        (Post, "/incidents/{id}/actions", "", note, to::RESPONDERS),
        (
            Post,
            "/incidents/{id}/actions",
            "",
            json!({"action": "reassign", "to": "dave"}),
            // Whom the caller does not know is nobody; only the platform's admins know all.
            [404, 403, 404, 404, 200, 403, 404, 404, 404],
        ),
        (
            Post,
            "/incidents/{id}/actions",
            "",
            json!({"action": "merge", "into": 2}),
            to::RESPONDERS,
        ),
        (
            Post,
            "/incidents/{id}/actions",
            "",
            json!({"action": "merge", "into": 3}),
            // Whose own is the other: not there, or of another team.
            [404, 403, 404, 404, 409, 403, 404, 404, 404],
        ),
        (
            Post,
            "/incidents/actions",
            "",
            json!({"action": "addNote", "body": "x", "ids": []}),
            [200, 200, 200, 200, 200, 403, 200, 200, 200],
        ),
        (Get, "/events", "", none.clone(), to::ANY_CALLER),
        (Get, "/events", "?team=payments", none, to::READERS),
    ]
}

/// Team 1 is payments, service 1 checkout, integration 1 prometheus.
fn configuration() -> Vec<Row> {
    use Method::{Delete, Get, Patch, Post, Put};
    let none = Value::Null;
    let checkout = json!({"slug": "checkout", "team": "payments"});
    let prometheus = json!({"service": "checkout", "name": "prometheus"});
    vec![
        (Put, "/configuration", "", json!({}), to::PLATFORM),
        (Get, "/configuration", "", none.clone(), to::PLATFORM),
        (Get, "/backup", "", none.clone(), to::PLATFORM),
        (Get, "/audit", "", none.clone(), to::PLATFORM),
        (Get, "/doctor", "", none.clone(), to::PLATFORM),
        (Get, "/teams", "", none.clone(), to::ANY_CALLER),
        (Post, "/teams", "", json!({"slug": "another"}), to::PLATFORM),
        (Get, "/teams/{team}", "", none.clone(), to::READERS),
        (Patch, "/teams/{team}", "", json!({"name": "Payments"}), to::MANAGERS),
        (Delete, "/teams/{team}", "", none.clone(), to::but(to::PLATFORM, 409)),
        (Get, "/teams/{team}/members", "", none.clone(), to::READERS),
        (Put, "/teams/{team}/members/{user}", "", json!({"role": "observer"}), to::MANAGERS),
        (Delete, "/teams/{team}/members/{user}", "", none.clone(), to::MANAGERS),
        (Get, "/services", "", none.clone(), to::ANY_CALLER),
        (Get, "/services", "?team=payments", none.clone(), to::READERS),
        (Post, "/services", "", checkout, to::but(to::MANAGERS, 409)),
        (Get, "/services/{service}", "", none.clone(), to::READERS),
        (Patch, "/services/{service}", "", json!({"urgency": "auto"}), to::MANAGERS),
        (Delete, "/services/{service}", "", none.clone(), to::but(to::MANAGERS, 409)),
        (Get, "/integrations", "", none.clone(), to::ANY_CALLER),
        (Get, "/integrations", "?service=checkout", none.clone(), to::READERS),
        (Post, "/integrations", "", prometheus, to::but(to::MANAGERS, 409)),
        (Get, "/integrations/{id}", "", none.clone(), to::READERS),
        (Patch, "/integrations/{id}", "", json!({"name": "prometheus"}), to::MANAGERS),
        (Get, "/integrations/{id}/payloads", "", none.clone(), to::MANAGERS),
        (Post, "/integrations/{id}/test", "", none.clone(), to::RESPONDERS),
        (Post, "/integrations/{id}/rotate", "", none.clone(), to::MANAGERS),
        // Gone after the first.
        (Delete, "/integrations/{id}", "", none, [404, 403, 403, 200, 404, 403, 403, 404, 404]),
    ]
}

/// Schedule 1 is payments'; of its overrides bob is in 1.
fn schedules() -> Vec<Row> {
    use Method::{Delete, Get, Post, Put};
    let none = Value::Null;
    let primary = json!({"slug": "primary", "team": "payments"});
    let weekly = json!({"rotations": [{"name": "weekly", "every": "1w",
        "handoff": "2026-01-05T09:00", "participants": ["alice", "bob"]}]});
    let stranger = json!({"rotations": [{"name": "weekly", "every": "1w",
        "handoff": "2026-01-05T09:00", "participants": ["dave"]}]});
    let (start, end) = ("2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z");
    let by = |user: &str| json!({"user": user, "start": start, "end": end});
    let swap = json!({"user": "alice", "with": "bob", "start": start, "end": end});
    vec![
        (Get, "/channel-kinds", "", none.clone(), to::ANY_CALLER),
        (Post, "/templates/render", "", json!({}), to::ANY_CALLER),
        (Post, "/templates/render", "", json!({"incident": 1}), to::READERS),
        (Get, "/overview", "", none.clone(), to::ANY_CALLER),
        (Get, "/overview", "?team=payments", none.clone(), to::READERS),
        (Get, "/on-call", "", none.clone(), to::ANY_CALLER),
        (Get, "/on-call", "?team=payments", none.clone(), to::READERS),
        (Get, "/on-call", "?schedule=1", none.clone(), to::READERS),
        (Get, "/schedules", "", none.clone(), to::ANY_CALLER),
        (Get, "/schedules", "?team=payments", none.clone(), to::READERS),
        (Post, "/schedules", "", primary, to::but(to::MANAGERS, 409)),
        (Get, "/schedules/{schedule}", "", none.clone(), to::READERS),
        (Put, "/schedules/{schedule}", "", weekly.clone(), to::MANAGERS),
        // Whom the caller does not know is nobody; only the platform's admins know all.
        (
            Post,
            "/schedules/{schedule}/preview",
            "",
            stranger,
            [404, 403, 403, 404, 200, 403, 403, 404, 404],
        ),
        (Post, "/schedules/{schedule}/preview", "", weekly, to::MANAGERS),
        (Get, "/schedules/{schedule}/shifts", "", none.clone(), to::READERS),
        (Get, "/schedules/{schedule}/overrides", "", none.clone(), to::READERS),
        // A responder settles what concerns himself.
        (
            Post,
            "/schedules/{schedule}/overrides",
            "",
            by("bob"),
            [404, 403, 200, 200, 200, 403, 403, 404, 200],
        ),
        (
            Post,
            "/schedules/{schedule}/overrides",
            "",
            by("alice"),
            [404, 403, 403, 200, 200, 403, 200, 404, 200],
        ),
        (Post, "/schedules/{schedule}/swap", "", swap, to::RESPONDERS),
        (Post, "/schedules/{schedule}/take", "", json!({"for": "1h"}), to::RESPONDERS),
        // Gone after the first.
        (
            Delete,
            "/schedules/{schedule}/overrides/1",
            "",
            none.clone(),
            [404, 403, 200, 404, 404, 403, 404, 404, 404],
        ),
        (Get, "/feeds", "", none.clone(), to::OWN),
        // The stranger's own is the first.
        (Post, "/feeds", "", json!({}), to::THEMSELF),
        (
            Post,
            "/feeds",
            "",
            json!({"schedule": "1"}),
            [404, 200, 200, 200, 200, 403, 403, 403, 403],
        ),
        // Gone after the first.
        (Delete, "/feeds/{id}", "", none.clone(), [200, 404, 404, 404, 404, 403, 403, 404, 404]),
        (Delete, "/schedules/{schedule}", "", none, to::but(to::MANAGERS, 409)),
    ]
}

/// Heartbeat 1 is payments'.
fn heartbeats() -> Vec<Row> {
    use Method::{Delete, Get, Patch, Post};
    let none = Value::Null;
    let nightly = json!({"slug": "nightly", "service": "checkout", "every": "1d"});
    vec![
        (Get, "/heartbeats", "", none.clone(), to::ANY_CALLER),
        (Get, "/heartbeats", "?team=payments", none.clone(), to::READERS),
        (Get, "/heartbeats", "?service=checkout", none.clone(), to::READERS),
        (Post, "/heartbeats", "", nightly, to::but(to::MANAGERS, 409)),
        (Get, "/heartbeats/{heartbeat}", "", none.clone(), to::READERS),
        (Patch, "/heartbeats/{heartbeat}", "", json!({"grace": "1h"}), to::MANAGERS),
        (Post, "/heartbeats/{heartbeat}/rotate", "", none.clone(), to::MANAGERS),
        // Gone after the first; a credential that is too small is told so.
        (
            Delete,
            "/heartbeats/{heartbeat}",
            "",
            none,
            [404, 403, 403, 200, 404, 403, 403, 404, 404],
        ),
    ]
}

/// Silence 1 is payments'.
fn silences() -> Vec<Row> {
    use Method::{Delete, Get, Post};
    let none = Value::Null;
    let ends_at = "2026-12-01T00:00:00Z";
    let ours = json!({"team": "payments", "matchers": ["a=b"], "reason": "x", "endsAt": ends_at});
    let global = json!({"matchers": ["a=b"], "reason": "x", "endsAt": ends_at});
    vec![
        (Post, "/route-test", "", json!({"service": "checkout"}), to::READERS),
        (Get, "/silences", "", none.clone(), to::ANY_CALLER),
        (Get, "/silences", "?team=payments", none.clone(), to::READERS),
        (Post, "/silences", "", ours.clone(), to::RESPONDERS),
        (Post, "/silences", "", global.clone(), to::PLATFORM),
        (Post, "/silences/preview", "", ours, to::RESPONDERS),
        (Post, "/silences/preview", "", global, to::PLATFORM),
        (Get, "/silences/{id}", "", none.clone(), to::READERS),
        (Delete, "/silences/{id}", "", none, to::RESPONDERS),
    ]
}

/// Policy, channel and webhook 1 are payments'.
fn paging() -> Vec<Row> {
    use Method::{Delete, Get, Patch, Post};
    let none = Value::Null;
    let step = |target: &str| json!({"steps": [{"after": "0m", "targets": [target]}]});
    let nights = json!({"slug": "nights", "team": "payments",
        "steps": [{"after": "0m", "targets": ["user:bob"]}]});
    let chat = json!({"slug": "chat", "team": "payments", "channel": "ntfy",
        "address": "https://ntfy.sh/x"});
    let hook = json!({"team": "payments", "url": "https://example.com/hook"});
    vec![
        (Get, "/policies", "", none.clone(), to::ANY_CALLER),
        (Get, "/policies", "?team=payments", none.clone(), to::READERS),
        (Post, "/policies", "", nights, to::but(to::MANAGERS, 409)),
        (Get, "/policies/{policy}", "", none.clone(), to::READERS),
        (Patch, "/policies/{policy}", "", step("user:bob"), to::MANAGERS),
        // Only the platform's admins name whom the team does not hold; then it may stay.
        (
            Patch,
            "/policies/{policy}",
            "",
            step("user:mallory"),
            [404, 403, 403, 404, 200, 403, 403, 404, 200],
        ),
        (
            Patch,
            "/policies/{policy}",
            "",
            step("team:search"),
            [404, 403, 403, 404, 200, 403, 403, 404, 200],
        ),
        (Delete, "/policies/{policy}", "", none.clone(), to::but(to::MANAGERS, 409)),
        (Get, "/channels", "", none.clone(), to::ANY_CALLER),
        (Get, "/channels", "?team=payments", none.clone(), to::READERS),
        (Post, "/channels", "", chat, to::but(to::MANAGERS, 409)),
        (Get, "/channels/{channel}", "", none.clone(), to::READERS),
        (Patch, "/channels/{channel}", "", json!({"slug": "chat"}), to::MANAGERS),
        (Post, "/channels/{channel}/test", "", none.clone(), to::MANAGERS),
        // Gone after the first.
        (
            Delete,
            "/channels/{channel}",
            "",
            none.clone(),
            [404, 403, 403, 200, 404, 403, 403, 404, 404],
        ),
        (Get, "/webhooks", "", none.clone(), to::ANY_CALLER),
        (Get, "/webhooks", "?team=payments", none.clone(), to::READERS),
        (Post, "/webhooks", "", hook, to::but(to::MANAGERS, 409)),
        (Get, "/webhooks/{id}", "", none.clone(), to::READERS),
        (Post, "/webhooks/{id}/enable", "", none.clone(), to::MANAGERS),
        (Post, "/webhooks/{id}/test", "", none.clone(), to::MANAGERS),
        (Post, "/webhooks/{id}/disable", "", none.clone(), to::MANAGERS),
        (Post, "/webhooks/{id}/rotate", "", none.clone(), to::MANAGERS),
        // Gone after the first.
        (Delete, "/webhooks/{id}", "", none, [404, 403, 403, 200, 404, 403, 403, 404, 404]),
    ]
}

/// Somebody's contacts are his own: everybody has one called `phone`.
fn contacts() -> Vec<Row> {
    use Method::{Delete, Get, Patch, Post, Put};
    let none = Value::Null;
    let phone = json!({"name": "phone", "channel": "ntfy", "address": "https://ntfy.sh/x"});
    let (name, rules) = (json!({"name": "phone"}), json!({"high": []}));
    // Not for a token that is good for one team, and others' for platform admins alone.
    let own = [200, 200, 200, 200, 200, 200, 200, 403, 403];
    let seen = [404, 403, 200, 403, 200, 403, 403, 404, 403];
    // Of others a token that only reads is told less.
    let others = [404, 404, 404, 404, 200, 404, 404, 404, 404];
    let phones = "/users/{user}/contacts/phone";
    vec![
        (Get, "/users/{user}/contacts", "", none.clone(), others),
        (Get, "/users/me/contacts", "", none.clone(), own),
        (Get, "/users/bob/contacts", "", none.clone(), seen),
        (Post, "/users/{user}/contacts", "", phone.clone(), to::but(to::OTHERS, 409)),
        (Post, "/users/me/contacts", "", phone, to::but(to::THEMSELF, 409)),
        (Patch, phones, "", name.clone(), to::OTHERS),
        (Patch, "/users/me/contacts/phone", "", name, to::THEMSELF),
        (Get, "/users/{user}/rules", "", none.clone(), others),
        (Get, "/users/me/rules", "", none.clone(), own),
        (Put, "/users/{user}/rules", "", rules.clone(), to::OTHERS),
        (Put, "/users/me/rules", "", rules, to::THEMSELF),
        // It is verified already.
        (Post, "/users/{user}/contacts/phone/code", "", none.clone(), to::OTHERS),
        (Post, "/users/me/contacts/phone/code", "", none.clone(), to::THEMSELF),
        (Post, "/users/{user}/contacts/phone/verify", "", json!({"code": "0"}), to::OTHERS),
        (Post, "/users/me/contacts/phone/verify", "", json!({"code": "0"}), to::THEMSELF),
        (
            Post,
            "/users/{user}/test",
            "",
            none.clone(),
            [404, 404, 404, 404, 200, 403, 404, 404, 404],
        ),
        (Post, "/users/me/test", "", none.clone(), [200, 200, 200, 200, 200, 403, 200, 403, 403]),
        (Get, "/deliveries/{id}", "", none.clone(), to::READERS),
        // Gone after the first.
        (Delete, phones, "", none, to::OTHERS),
    ]
}

fn people() -> Vec<Row> {
    use Method::{Delete, Get, Patch, Post, Put};
    let none = Value::Null;
    let name = json!({"name": "Somebody Else"});
    vec![
        (Get, "/me", "", none.clone(), to::ANY_CALLER),
        (Get, "/users", "", none.clone(), to::ANY_CALLER),
        (Post, "/users", "", json!({"username": "root"}), to::but(to::PLATFORM, 409)),
        (Get, "/users/{user}", "", none.clone(), [404, 404, 404, 404, 200, 404, 404, 404, 404]),
        (Get, "/users/bob", "", none.clone(), to::READERS),
        (Get, "/users/nobody", "", none.clone(), to::NOBODY_THERE),
        (Get, "/users/me", "", none.clone(), to::ANY_CALLER),
        (Patch, "/users/{user}", "", name.clone(), to::OTHERS),
        // Seen, but another's.
        (Patch, "/users/bob", "", name.clone(), [404, 403, 200, 403, 200, 403, 403, 404, 403]),
        (Patch, "/users/me", "", json!({"timeZone": "Europe/Paris"}), to::THEMSELF),
        (Patch, "/users/me", "", json!({"admin": true}), to::PLATFORM),
        (Delete, "/users/{user}", "", none.clone(), to::PLATFORM),
        (Delete, "/users/nobody", "", none.clone(), to::but(to::PLATFORM, 404)),
        (Post, "/users/{user}/enable", "", none.clone(), to::PLATFORM),
        (Put, "/users/{user}/password", "", json!({"password": "correct horse"}), to::PLATFORM),
        (Post, "/users/{user}/links", "", none, to::PLATFORM),
    ]
}

fn credentials() -> Vec<Row> {
    use Method::{Delete, Get, Post, Put};
    let none = Value::Null;
    let change = json!({"current": "not my password", "password": "correct horse"});
    vec![
        (Delete, "/sessions/current", "", none.clone(), to::ANY_CALLER),
        (Get, "/sessions", "", none.clone(), to::THEMSELF),
        (Delete, "/sessions", "", none.clone(), to::THEMSELF),
        (Delete, "/sessions/{session}", "", none.clone(), to::OTHERS),
        (Delete, "/sessions/777", "", none.clone(), to::but(to::OTHERS, 404)),
        (Get, "/users/{user}/sessions", "", none.clone(), to::PLATFORM),
        (Delete, "/users/{user}/sessions", "", none.clone(), to::PLATFORM),
        (Put, "/me/password", "", change, to::but(to::THEMSELF, 422)),
        (Post, "/setup-links", "", none.clone(), to::but(to::PLATFORM, 409)),
        (Get, "/tokens", "", none.clone(), to::OWN),
        (Post, "/tokens", "", json!({"name": "x"}), to::OWN),
        (Post, "/tokens", "", json!({"user": "rita"}), to::PLATFORM),
        (
            Post,
            "/tokens",
            "",
            json!({"team": "payments"}),
            [404, 200, 200, 200, 200, 403, 403, 404, 200],
        ),
        (Delete, "/tokens/{token}", "", none, to::OTHERS),
    ]
}

/// What needs no credential answers everybody alike.
fn open_rows() -> [(&'static str, Value, u16); 4] {
    let nobody = json!({"username": "nobody", "password": "no password"});
    let link = json!({"secret": "none"});
    let set_up = json!({"secret": "none", "username": "eve", "password": "correct horse"});
    let welcome = json!({"secret": "none", "password": "correct horse"});
    [
        ("/sessions", nobody, 401),
        ("/links", link, 409),
        ("/setup", set_up, 409),
        ("/welcome", welcome, 409),
    ]
}

/// `checkout`'s incident 1, users `dave` and `rita` without a team, and what is root's.
struct World {
    server: TestServer,
    session: i64,
    token: i64,
    outside: [Option<String>; OUTSIDE],
}

impl World {
    async fn start() -> Self {
        let mut server = TestServer::start().await;
        let app = server.server().app.clone();
        let more = "[[users]]\nusername = \"dave\"\n[[users]]\nusername = \"rita\"\n\
                    [[users]]\nusername = \"gone\"\n\
                    [[schedules]]\nslug = \"primary\"\nteam = \"payments\"\n\
                    [[heartbeats]]\nslug = \"nightly\"\nservice = \"checkout\"\nevery = \"1d\"";
        let more = toml::from_str(&format!("{more}{PAGING}")).expect("a document");
        app.apply(&Caller::host(), more).await.expect("applied");
        let hook = NewWebhook {
            team: "payments".into(),
            url: "https://example.com/hook".into(),
            ..NewWebhook::default()
        };
        app.create_webhook(&Caller::host(), hook).await.expect("added");
        for user in ["root", "alice", "bob", "carol", "mallory", "dave"] {
            let phone = json!({"name": "phone", "channel": "ntfy", "address": "https://ntfy.sh/x"});
            let phone = serde_json::from_value(phone).expect("a contact");
            let host = Caller::host();
            let added = app.create_contact(&host, user.into(), phone, |_, _| Ok(())).await;
            added.expect("added");
        }
        let alert = json!({"title": "SECRET-TITLE", "description": "SECRET-TEXT",
            "labels": {"SECRET-LABEL": "x"}});
        server.alert(alert).await;
        server.alert(json!({"title": "SECRET-TITLE of 2"})).await;
        let quiet = json!({"team": "payments", "matchers": ["SECRET-LABEL=nothing"],
            "reason": "SECRET-TEXT", "endsAt": "2026-12-01T00:00:00Z"});
        let quiet = serde_json::from_value(quiet).expect("a silence");
        app.create_silence(&Caller::host(), quiet).await.expect("made");
        let elsewhere = "/integrations/fedcba9876543210fedcba9876543210/generic";
        server.post_raw(elsewhere, "text/plain", b"elsewhere".to_vec()).await;
        let disabled = issue(&server, "gone", None, None).await;
        app.disable_user(&Caller::host(), "gone".into()).await.expect("disabled");
        let brief = NewToken {
            user: Some("alice".into()),
            expires: Some(incidentd::domain::Span::secs(60)),
            ..NewToken::default()
        };
        let expired = app.create_token(&Caller::host(), brief).await.expect("made").token;
        server.advance(mins(2)).await;
        let host = Caller::host();
        let password = || Secret::new("correct horse battery");
        app.set_password(&host, "root".into(), password()).await.expect("set");
        let visitor = Visitor::default();
        app.log_in(&visitor, "root".into(), password()).await.expect("logged in");
        let session = app.sessions(&host, Some("root".into())).await.expect("listed")[0].id.0;
        let spare = NewToken { user: Some("root".into()), ..NewToken::default() };
        let token = app.create_token(&host, spare).await.expect("made").id.0;
        Self { server, session, token, outside: [None, Some(disabled), Some(expired)] }
    }

    /// A credential for each of `WHO`, made anew: some requests end the one that they came with.
    async fn credentials(&self) -> Vec<Option<String>> {
        let mut made = self.outside.to_vec();
        for (user, scope, team) in [
            ("mallory", None, None),
            ("carol", None, None),
            ("bob", None, None),
            ("alice", None, None),
            ("root", None, None),
            ("alice", Some(Scope::Read), None),
            ("alice", Some(Scope::Respond), None),
            ("root", None, Some("search")),
            ("root", None, Some("payments")),
        ] {
            made.push(Some(issue(&self.server, user, scope, team).await));
        }
        made
    }

    fn path(&self, route: &str) -> String {
        route
            .replace("{id}", "1")
            .replace("{user}", "dave")
            .replace("{team}", "1")
            .replace("{service}", "1")
            .replace("{schedule}", "1")
            .replace("{heartbeat}", "1")
            .replace("{policy}", "nights")
            .replace("{channel}", "chat")
            .replace("{session}", &self.session.to_string())
            .replace("{token}", &self.token.to_string())
    }
}

async fn issue(
    server: &TestServer,
    user: &str,
    scope: Option<Scope>,
    team: Option<&str>,
) -> String {
    let team = team.map(str::to_owned);
    let new = NewToken { user: Some(user.into()), scope, team, ..NewToken::default() };
    server.server().app.create_token(&Caller::host(), new).await.expect("made").token
}

async fn call(
    server: &TestServer,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> (u16, Value) {
    let method = method.word().parse().expect("a method");
    let mut request = server.http().request(method, format!("{}/api/v1{path}", server.url));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if !body.is_null() {
        request = request.json(body);
    }
    answer(request).await
}

#[tokio::test]
async fn everybody_tries_everything() {
    let world = World::start().await;
    let mut wrong = Vec::new();
    for (method, route, query, body, inside) in rows() {
        let path = format!("{}{query}", world.path(route));
        let expected = [401; OUTSIDE].into_iter().chain(inside);
        let credentials = world.credentials().await;
        for (who, ((name, token), expected)) in
            WHO.iter().zip(&credentials).zip(expected).enumerate()
        {
            let (status, said) = call(&world.server, method, &path, token.as_deref(), &body).await;
            if status != expected {
                wrong.push(format!(
                    "{name}: {method:?} {path} {body}: {status}, not {expected}: {said}"
                ));
            }
            let told = said.to_string();
            let named = ["checkout", "prometheus", "primary", "nightly"]
                .iter()
                .any(|name| told.contains(name))
                && !query.contains("checkout")
                && !body.to_string().contains("checkout");
            let may_see = INSIDE.contains(&who) || *name == "token for the team";
            if !may_see && (told.contains("SECRET") || named) {
                wrong.push(format!("{name}: {method:?} {path} tells: {said}"));
            }
            if status == 401 {
                assert_eq!(said["code"], "unauthenticated", "{said}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn what_is_open_answers_everybody_alike() {
    let world = World::start().await;
    for (path, body, expected) in open_rows() {
        // Of each kind a few: guesses are counted.
        for token in world.credentials().await.iter().step_by(2) {
            let token = token.as_deref();
            let (status, said) = call(&world.server, Method::Post, path, token, &body).await;
            assert_eq!(status, expected, "{path}: {said}");
            assert!(!said.to_string().contains("SECRET"), "{said}");
        }
    }
}

/// A new operation without rows fails here, one that is open to anyone above all.
#[test]
fn every_operation_has_a_row() {
    let template = |path: &str| {
        let stands_for = |part: &str| match part {
            "bob" | "nobody" | "me" => "{user}".to_owned(),
            "phone" => "{contact}".to_owned(),
            "1" | "777" | "{session}" | "{token}" => "{id}".to_owned(),
            part => part.to_owned(),
        };
        let root = path.split('/').nth(1).unwrap_or_default();
        let parts = path.split('/').map(|part| match part {
            "me" if root == "me" => "me".to_owned(),
            part => stands_for(part),
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let rows: Vec<(Method, String)> =
        rows().iter().map(|(method, path, ..)| (*method, template(path))).collect();
    let open: Vec<&str> = open_rows().iter().map(|(path, ..)| *path).collect();
    for Operation { method, path, access, .. } in routes::operations().operations {
        let found = match access {
            Access::Anyone => method == Method::Post && open.contains(&path),
            _ => rows.contains(&(method, path.to_owned())),
        };
        assert!(found, "{method:?} {path} has no row in the table of permissions");
    }
}

/// What is hidden and what is not there are told in the same words.
#[tokio::test]
async fn nobody_learns_what_exists() {
    let world = World::start().await;
    let (server, tokens) = (&world.server, world.credentials().await);
    let app = &server.server().app;
    app.disable_user(&Caller::host(), "carol".into()).await.expect("disabled");
    for who in ["stranger", "token for another team"] {
        let place = WHO.iter().position(|name| *name == who).expect("a column");
        let token = tokens[place].as_deref();
        what_is_hidden_cannot_be_read(server, who, token).await;
        what_is_hidden_is_not_there(server, who, token).await;
        lists_tell_nothing(server, who, token).await;
        sockets_tell_nothing(server, token).await;
    }
    assert_eq!(server.incident(1).await.status, incidentd::domain::Status::Triggered);
}

/// Places that are read alone.
async fn what_is_hidden_cannot_be_read(server: &TestServer, who: &str, token: Option<&str>) {
    for place in ["incidents/1", "incidents/1/timeline", "incidents/1/alerts", "schedules/1"]
        .into_iter()
        .chain(["schedules/1/shifts", "schedules/1/overrides"])
        .chain(["policies/1", "channels/1", "webhooks/1"])
    {
        let other = place.replace('1', "777");
        let (status, said) =
            call(server, Method::Get, &format!("/{place}"), token, &Value::Null).await;
        let unknown = call(server, Method::Get, &format!("/{other}"), token, &Value::Null).await;
        assert_eq!((status, plain(&said)), (unknown.0, plain(&unknown.1)), "{who} {place}");
        assert_eq!(status, 404, "{who} {place}: {said}");
    }
}

async fn what_is_hidden_is_not_there(server: &TestServer, who: &str, token: Option<&str>) {
    let note = json!({"action": "addNote", "body": "x"});
    let to = |name: &str| json!({"action": "reassign", "to": name});
    for (method, there, not_there, bodies) in [
        (Method::Post, "/incidents/1/actions", "/incidents/777/actions", [note.clone(), note]),
        (Method::Post, "/incidents/3/actions", "/incidents/3/actions", [to("alice"), to("nobody")]),
        (Method::Post, "/incidents/3/actions", "/incidents/3/actions", [to("carol"), to("nobody")]),
        (
            Method::Get,
            "/incidents?team=payments",
            "/incidents?team=nothing",
            [Value::Null, Value::Null],
        ),
        (Method::Get, "/incidents?team=1", "/incidents?team=777", [Value::Null, Value::Null]),
        (
            Method::Get,
            "/incidents?service=checkout",
            "/incidents?service=nothing",
            [Value::Null, Value::Null],
        ),
        (
            Method::Get,
            "/incidents?assignee=alice",
            "/incidents?assignee=nobody",
            [Value::Null, Value::Null],
        ),
        (Method::Get, "/events?team=payments", "/events?team=nothing", [Value::Null, Value::Null]),
        (
            Method::Get,
            "/teams/payments/members",
            "/teams/nothing/members",
            [Value::Null, Value::Null],
        ),
        (Method::Get, "/teams/1/members", "/teams/777/members", [Value::Null, Value::Null]),
        (
            Method::Put,
            "/teams/1/members/bob",
            "/teams/777/members/bob",
            [json!({"role": "admin"}), json!({"role": "admin"})],
        ),
        (
            Method::Delete,
            "/teams/1/members/bob",
            "/teams/777/members/bob",
            [Value::Null, Value::Null],
        ),
        (Method::Get, "/on-call?schedule=1", "/on-call?schedule=777", [Value::Null, Value::Null]),
        (
            Method::Post,
            "/schedules/1/take",
            "/schedules/777/take",
            [json!({"for": "1h"}), json!({"for": "1h"})],
        ),
        (Method::Delete, "/tokens/2", "/tokens/777", [Value::Null, Value::Null]),
        (
            Method::Post,
            "/incidents",
            "/incidents",
            [
                json!({"service": "checkout", "title": "x"}),
                json!({"service": "nothing", "title": "x"}),
            ],
        ),
        (
            Method::Post,
            "/tokens",
            "/tokens",
            [json!({"team": "payments"}), json!({"team": "nothing"})],
        ),
    ] {
        let (status, said) = call(server, method, there, token, &bodies[0]).await;
        let (other, unknown) = call(server, method, not_there, token, &bodies[1]).await;
        assert_eq!((status, plain(&said)), (other, plain(&unknown)), "{who} {method:?} {there}");
        assert_eq!(status, 404, "{who} {method:?} {there}: {said}");
    }
}

/// What was said, but for the names that the caller brought himself.
fn plain(said: &Value) -> String {
    let mut said = said.clone();
    if let Some(problem) = said.as_object_mut() {
        problem.remove("requestId");
    }
    let mut text = said.to_string();
    for name in ["777", "payments", "nothing", "nobody", "alice", "carol", "checkout", "1", "2"] {
        text = text.replace(&format!(" {name} "), " _ ").replace(&format!("`{name}`"), "_");
    }
    text
}

/// Lists, and one result an id.
async fn lists_tell_nothing(server: &TestServer, who: &str, token: Option<&str>) {
    for path in [
        "/incidents?status=all",
        "/events",
        "/events?after=0&limit=200",
        "/users",
        "/teams",
        "/me",
        "/incidents?q=SECRET",
        "/incidents?label=SECRET-LABEL=x&status=all",
    ] {
        let (status, said) = call(server, Method::Get, path, token, &Value::Null).await;
        let text = said.to_string();
        assert_eq!(status, 200, "{said}");
        for secret in ["SECRET", "payments", "checkout", "alice", "prometheus"] {
            assert!(
                !text.contains(secret) || path == "/me" && secret == "alice",
                "{who} {path}: {said}"
            );
        }
    }
    let bulk = json!({"action": "resolve", "ids": [1, 777]});
    let (_, said) = call(server, Method::Post, "/incidents/actions", token, &bulk).await;
    for result in said["results"].as_array().expect("results") {
        assert_eq!(result["error"]["code"], "not_found", "{said}");
    }
    assert!(!said.to_string().contains("SECRET"));
}

async fn sockets_tell_nothing(server: &TestServer, token: Option<&str>) {
    let auth = json!({"token": token});
    let mut socket = Socket::connect(&server.url, &auth).await.expect("connected");
    let plain = |said: &Value, name: &str| said.to_string().replace(name, "_");
    let a = socket.subscribe(json!({"teamId": "payments"})).await;
    let b = socket.subscribe(json!({"teamId": "nothing"})).await;
    assert_eq!(plain(&a, "payments"), plain(&b, "nothing"));
    let a = socket.subscribe(json!({"teamId": 1, "after": 0})).await;
    let b = socket.subscribe(json!({"teamId": 777, "after": 0})).await;
    assert_eq!(plain(&a, "\"1\"").replace("1.", "_."), plain(&b, "\"777\"").replace("777.", "_."));
    let left =
        socket.ask("unsubscribe:incidents", &json!({"teamIds": ["payments", "nothing"]})).await;
    assert_eq!((&left["ok"], &left["rooms"]), (&json!(true), &json!([])), "{left}");
    let all = socket.subscribe(json!({})).await;
    assert!(!all.to_string().contains("SECRET"), "{all}");
}

#[tokio::test]
async fn logging_in_and_health_are_open_and_say_little() {
    let World { server, .. } = World::start().await;
    for (body, expected) in [
        (json!({"username": "alice", "password": "wrong password"}), 401),
        (json!({"username": "nobody", "password": "wrong password"}), 401),
        (json!({"username": "alice", "password": ""}), 401),
        (json!({"username": "alice'--", "password": "x".repeat(100_000)}), 401),
        (json!({"username": "alice"}), 422),
    ] {
        let (status, said) = call(&server, Method::Post, "/sessions", None, &body).await;
        assert_eq!(status, expected, "{said}");
        assert!(!said.to_string().contains("alice"), "{said}");
    }
    let (status, _) = call(&server, Method::Delete, "/sessions/current", None, &Value::Null).await;
    assert_eq!(status, 401);
    for token in [
        "",
        "x",
        "inc_",
        "inc_1",
        "inc_1_",
        "inc_99999999999999999999_x",
        "ses_",
        "ses_x",
        "inc_1_x\u{e9}",
    ] {
        let (status, said) = call(&server, Method::Get, "/me", Some(token), &Value::Null).await;
        assert_eq!(status, 401, "{token}: {said}");
        assert!(token.len() < 6 || !said.to_string().contains(token), "{said}");
    }
    for scheme in ["Basic", "Digest", ""] {
        let request = server.http().get(format!("{}/api/v1/me", server.url));
        let value = format!("{scheme} {}", server.token("root"));
        assert_eq!(answer(request.header("authorization", value)).await.0, 401, "{scheme}");
    }
    is_well(&server, "log-ins").await;
    for path in ["healthz", "readyz", "metrics"] {
        let (status, said) = answer(server.http().get(format!("{}/{path}", server.url))).await;
        assert_eq!(status, 200, "{path}");
        let text = said.to_string();
        for secret in ["SECRET", "payments", "checkout", "alice"] {
            assert!(!text.contains(secret), "{path}: {text}");
        }
    }
}
