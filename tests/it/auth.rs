//! Proving who one is, as attackers try it: guesses, stolen and stale credentials, others' pages.
use incidentd::api::sessions::{Link, SESSIONS, Session};
use incidentd::app::{Caller, Visitor};
use incidentd::secret::Secret;
use reqwest::header::{RETRY_AFTER, SET_COOKIE};
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Socket, TestServer, hours, mins};

const PASSWORD: &str = "correct horse battery";

/// A request of a browser or a script, spelt out.
struct Asked<'a> {
    server: &'a TestServer,
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'static str, String)>,
    body: Value,
}

/// What was answered.
struct Answered {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl<'a> Asked<'a> {
    fn new(server: &'a TestServer, method: &'a str, path: &'a str) -> Self {
        Self { server, method, path, headers: Vec::new(), body: Value::Null }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    /// From a client elsewhere: the proxy on this host says so.
    fn from(self, address: &str) -> Self {
        self.with("x-forwarded-for", address)
    }

    async fn answer(self) -> Answered {
        let url = format!("{}/api/v1{}", self.server.url, self.path);
        let method = self.method.parse().expect("a method");
        let mut request = self.server.http().request(method, url).timeout(PATIENCE);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        if !self.body.is_null() {
            request = request.json(&self.body);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Answered { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
    }

    async fn status(self) -> u16 {
        self.answer().await.status
    }
}

/// alice and bob have passwords; a proxy on this host is trusted.
async fn world() -> TestServer {
    let here = "127.0.0.0/8".to_owned().try_into().expect("a network");
    let server = TestServer::with(|config| config.trusted_proxies = vec![here]).await;
    for who in ["alice", "bob"] {
        let (app, host) = (&server.server().app, Caller::host());
        app.set_password(&host, who.into(), password()).await.expect("set");
    }
    server
}

fn password() -> Secret {
    Secret::new(PASSWORD)
}

fn log_in<'a>(server: &'a TestServer, username: &str, password: &str) -> Asked<'a> {
    Asked::new(server, "POST", "/sessions")
        .body(json!({"username": username, "password": password}))
}

async fn session(server: &TestServer, username: &str) -> Session {
    let answered = log_in(server, username, PASSWORD).answer().await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    serde_json::from_value(answered.body).expect("a session")
}

async fn me(server: &TestServer, token: &str) -> u16 {
    Asked::new(server, "GET", "/me").with("authorization", format!("Bearer {token}")).status().await
}

#[tokio::test]
async fn ten_guesses_and_no_more_whether_there_is_such_an_account_or_not() {
    let server = world().await;
    let app = &server.server().app;
    for who in ["alice", "nobody-of-that-name"] {
        let before = app.password_hashes();
        for n in 0..10 {
            let answered = log_in(&server, who, &format!("guess {n}")).answer().await;
            assert_eq!(answered.status, 401, "{who}");
            assert_eq!(answered.body["detail"], "The username or the password is wrong.");
        }
        assert_eq!(app.password_hashes() - before, 10, "{who}: each guess costs a hash");
        let over = log_in(&server, who, PASSWORD).answer().await;
        assert_eq!((over.status, &over.body["code"]), (429, &json!("limited")), "{who}");
        assert_eq!(over.headers[RETRY_AFTER], "900", "{who}");
        assert_eq!(app.password_hashes() - before, 10, "{who}: what is refused costs nothing");
    }
    // Others, and alice elsewhere, go on.
    assert_eq!(log_in(&server, "bob", PASSWORD).status().await, 200);
    assert_eq!(log_in(&server, "alice", PASSWORD).from("192.0.2.1").status().await, 200);
    server.clock.advance(mins(15));
    assert_eq!(log_in(&server, "alice", PASSWORD).status().await, 200);
}

#[tokio::test]
async fn guesses_at_once_are_not_more_guesses() {
    let server = world().await;
    let guesses = (0..40).map(|n| {
        let server = &server;
        async move { log_in(server, "alice", &format!("guess {n}")).status().await }
    });
    let answers = futures_util::future::join_all(guesses).await;
    let made = answers.iter().filter(|status| **status == 401).count();
    // Two may be under way when the tenth fails.
    assert!((10..=11).contains(&made), "{answers:?}");
    assert!(answers.iter().all(|status| [401, 429].contains(status)), "{answers:?}");
}

#[tokio::test]
async fn the_right_password_starts_anew_and_a_new_one_forgives() {
    let server = world().await;
    for _ in 0..3 {
        for _ in 0..9 {
            assert_eq!(log_in(&server, "alice", "wrong").status().await, 401);
        }
        assert_eq!(log_in(&server, "alice", PASSWORD).status().await, 200);
    }
    for _ in 0..10 {
        log_in(&server, "alice", "wrong").status().await;
    }
    assert_eq!(log_in(&server, "alice", PASSWORD).status().await, 429);
    let host = Caller::host();
    let app = &server.server().app;
    app.set_password(&host, "alice".into(), password()).await.expect("set");
    assert_eq!(log_in(&server, "alice", PASSWORD).status().await, 200);
}

#[tokio::test]
async fn nobody_elsewhere_locks_anybody_out_of_where_he_was() {
    let server = world().await;
    let home = "198.51.100.7";
    assert_eq!(log_in(&server, "alice", PASSWORD).from(home).status().await, 200);
    let mut refused = 0;
    for n in 0..110 {
        let status = log_in(&server, "alice", "wrong").from(&format!("192.0.2.{n}")).status().await;
        refused += u32::from(status == 429);
    }
    assert_eq!(refused, 10, "a hundred from everywhere");
    assert_eq!(log_in(&server, "alice", PASSWORD).from("203.0.113.9").status().await, 429);
    assert_eq!(log_in(&server, "alice", PASSWORD).from(home).status().await, 200);
    assert_eq!(me(&server, server.token("alice")).await, 200, "what was open stays open");
}

#[tokio::test]
async fn one_address_has_fifty_guesses_over_all_accounts() {
    let server = world().await;
    let mut made = 0;
    while log_in(&server, &format!("user{made}"), "wrong").from("192.0.2.1").status().await == 401 {
        made += 1;
    }
    assert_eq!(made, 50);
    assert_eq!(log_in(&server, "bob", PASSWORD).from("192.0.2.1").status().await, 429);
    assert_eq!(log_in(&server, "bob", PASSWORD).from("192.0.2.2").status().await, 200);
}

#[tokio::test]
async fn bad_tokens_are_told_to_wait_and_good_ones_never() {
    let server = world().await;
    let ask = |token: &str| {
        let bearer = format!("Bearer {token}");
        Asked::new(&server, "GET", "/me").from("192.0.2.1").with("authorization", bearer)
    };
    let good = server.token("alice");
    let bad = format!("{good}x");
    for n in 0..100 {
        let status = ask(if n % 2 == 0 { &bad } else { "ses_none" }).status().await;
        assert_eq!(status, 401);
    }
    let over = ask(&bad).answer().await;
    assert_eq!((over.status, &over.headers[RETRY_AFTER]), (429, &"900".parse().expect("a value")));
    assert_eq!(ask(good).status().await, 200);
    let link = Asked::new(&server, "POST", "/links").from("192.0.2.1");
    assert_eq!(link.body(json!({"secret": "x"})).status().await, 429, "links count, too");
    server.clock.advance(mins(15));
    assert_eq!(ask(&bad).status().await, 401);
}

/// Each way to send a credential that is none, or no longer one, and what is answered.
#[tokio::test]
async fn what_is_no_credential() {
    let mut server = world().await;
    let open = session(&server, "alice").await.token;
    let other = session(&server, "bob").await.token;
    let ended = session(&server, "alice").await.token;
    let bearer = |token: &str| format!("Bearer {token}");
    let log_out = Asked::new(&server, "DELETE", "/sessions/current");
    assert_eq!(log_out.with("authorization", bearer(&ended)).status().await, 200);
    let good = server.token("alice").to_owned();
    let of_bob = format!("{}_{}", good.rsplit_once('_').expect("parts").0, "x".repeat(43));
    let cookie = |token: &str| format!("incidentd_session={token}");
    let cases: &[(&str, &'static str, String, u16)] = &[
        ("a good token", "authorization", bearer(&good), 200),
        ("a good session", "authorization", bearer(&open), 200),
        ("a good session, as a cookie", "cookie", cookie(&open), 200),
        ("no word before it", "authorization", good.clone(), 401),
        ("another word", "authorization", format!("Basic {good}"), 401),
        ("none", "authorization", "Bearer ".into(), 401),
        ("spaces", "authorization", "Bearer    ".into(), 401),
        ("cut", "authorization", bearer(&good[..good.len() - 1]), 401),
        ("longer", "authorization", format!("Bearer {good}0"), 401),
        ("another secret", "authorization", bearer(&of_bob), 401),
        ("another's case", "authorization", bearer(&good.to_uppercase()), 401),
        ("a number alone", "authorization", "Bearer inc_1".into(), 401),
        ("SQL", "authorization", "Bearer inc_1' or 1=1--_x".into(), 401),
        ("a session that was logged out", "authorization", bearer(&ended), 401),
        ("the same as a cookie", "cookie", cookie(&ended), 401),
        ("a token as a cookie of another name", "cookie", format!("session={open}"), 401),
        (
            "two cookies, the first counts",
            "cookie",
            format!("{}; {}", cookie("x"), cookie(&open)),
            401,
        ),
        ("an API key", "x-api-key", good.clone(), 401),
    ];
    for (what, header, value, expected) in cases {
        let answered = Asked::new(&server, "GET", "/me").with(header, value.clone()).answer().await;
        assert_eq!(answered.status, *expected, "{what}: {}", answered.body);
        let said = answered.body.to_string();
        assert!(!said.contains(&good[6..]) && !said.contains(&open[6..]), "{what}: {said}");
    }
    for query in ["token", "access_token", "api_key"] {
        let path = format!("/me?{query}={open}");
        let status = Asked::new(&server, "GET", &path).status().await;
        assert!([401, 422].contains(&status), "{query} in an address: {status}");
    }
    // Bearer wins over a cookie, so that a page cannot lend its user to a script.
    let both = Asked::new(&server, "GET", "/me").with("cookie", cookie(&other));
    let both = both.with("authorization", bearer(&open)).answer().await;
    assert_eq!(both.body["user"]["username"], "alice");
    server.advance(hours(30 * 24)).await;
    let late =
        Asked::new(&server, "GET", "/me").with("authorization", bearer(&open)).answer().await;
    assert_eq!((late.status, &late.body["detail"]), (401, &json!("Session expired")));
}

/// What a browser says of a request, and what reading and writing get.
type FromPage<'a> = (&'a str, &'a [(&'static str, &'a str)], u16, u16);

/// Others' pages, which browsers let send cookies: nothing of theirs changes or tells anything.
#[tokio::test]
async fn others_pages_cannot_use_a_session() {
    let server = world().await;
    let cookie = format!("incidentd_session={}", session(&server, "alice").await.token);
    let own = server.url.clone();
    let note = json!({"action": "addNote", "body": "x"});
    server.alert(json!({"title": "disk full"})).await;
    let site = "sec-fetch-site";
    let cases: &[FromPage<'_>] = &[
        ("its own page", &[("origin", &own), (site, "same-origin")], 200, 200),
        ("a script with a cookie", &[], 200, 403),
        (
            "a page of another site",
            &[("origin", "https://evil.example"), (site, "cross-site")],
            403,
            403,
        ),
        ("its frame", &[("origin", "null")], 403, 403),
        ("a neighbour's port", &[("origin", "http://127.0.0.1:1"), (site, "same-site")], 403, 403),
        ("an image", &[(site, "cross-site")], 403, 403),
        ("a link that somebody typed", &[(site, "none")], 200, 403),
    ];
    for (what, headers, reads, writes) in cases {
        for (method, path, body, expected) in [
            ("GET", "/me", Value::Null, *reads),
            ("POST", "/incidents/1/actions", note.clone(), *writes),
            ("DELETE", "/sessions", Value::Null, *writes),
        ] {
            let mut asked = Asked::new(&server, method, path).with("cookie", cookie.clone());
            for (name, value) in *headers {
                asked = asked.with(name, *value);
            }
            let answered = asked.body(body).answer().await;
            assert_eq!(answered.status, expected, "{what}: {method} {path}: {}", answered.body);
        }
    }
    for (path, body) in [
        ("/sessions", json!({"username": "alice", "password": PASSWORD})),
        ("/setup", json!({"secret": "x", "username": "eve", "password": PASSWORD})),
        ("/welcome", json!({"secret": "x", "password": PASSWORD})),
    ] {
        let foreign = Asked::new(&server, "POST", path).with("origin", "https://evil.example");
        assert_eq!(foreign.body(body).status().await, 403, "{path}");
    }
}

#[tokio::test]
async fn a_cookie_is_for_this_server_alone() {
    let server = world().await;
    let answered = log_in(&server, "alice", PASSWORD).answer().await;
    let cookie = answered.headers[SET_COOKIE].to_str().expect("text").to_owned();
    for part in ["incidentd_session=ses_", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(answered.headers["cache-control"], "no-store");
    let again = log_in(&server, "alice", PASSWORD).with("cookie", cookie.clone()).answer().await;
    assert_ne!(again.body["token"], answered.body["token"], "each log-in has a secret of its own");
    let token = answered.body["token"].as_str().expect("a token");
    let out = Asked::new(&server, "DELETE", "/sessions/current")
        .with("authorization", format!("Bearer {token}"))
        .answer()
        .await;
    assert!(out.headers[SET_COOKIE].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!(me(&server, token).await, 401);
    // Only what nobody can read back is stored.
    let stored = std::fs::read(server.dir().join("incidentd.db")).expect("readable");
    let log = std::fs::read(server.dir().join("incidentd.db-wal")).unwrap_or_default();
    for secret in [token, PASSWORD, server.token("alice")] {
        let found = |file: &[u8]| file.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found(&stored) && !found(&log), "a secret is stored as it is");
    }
}

#[tokio::test]
async fn a_new_password_ends_every_other_session_and_its_sockets() {
    let server = world().await;
    let mine = session(&server, "alice").await.token;
    let other = session(&server, "alice").await.token;
    let mut socket = Socket::connect(&server.url, &json!({"token": other})).await.expect("in");
    let mut own = Socket::connect(&server.url, &json!({"token": mine})).await.expect("in");
    let change = |current: &str, password: &str| {
        Asked::new(&server, "PUT", "/me/password")
            .with("authorization", format!("Bearer {mine}"))
            .body(json!({"current": current, "password": password}))
    };
    let wrong = change("not mine", "another good one").answer().await;
    assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (422, &json!("current")));
    let short = change(PASSWORD, "short").answer().await;
    assert_eq!((short.status, &short.body["errors"][0]["field"]), (422, &json!("password")));
    assert_eq!(change(PASSWORD, "another good one").status().await, 200);
    socket.expect("session_expired").await;
    own.expect_nothing().await;
    assert_eq!((me(&server, &mine).await, me(&server, &other).await), (200, 401));
    assert_eq!(me(&server, server.token("alice")).await, 200, "tokens stay");
    assert_eq!(log_in(&server, "alice", PASSWORD).status().await, 401);
    assert_eq!(log_in(&server, "alice", "another good one").status().await, 200);
    // A stolen session is no way to guess the password either.
    let mut refused = 0;
    for _ in 0..12 {
        refused += u32::from(change("guess", "another good one").status().await == 429);
    }
    assert!(refused >= 1, "guesses with a session count");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_and_last_from_their_last_use() {
    let mut server = world().await;
    let browser = log_in(&server, "alice", PASSWORD).with("user-agent", "Firefox\u{9}on a phone");
    let browser = browser.from("192.0.2.1").answer().await;
    let browser = browser.body["token"].as_str().expect("a token").to_owned();
    let mine = session(&server, "alice").await.token;
    let client = incidentd::client::Client::new(&server.url, Some(Secret::new(&*mine)), PATIENCE);
    let client = client.expect("a client");
    let nothing = incidentd::api::Nothing {};
    let all = incidentd::api::PageQuery::default();
    let list = async || client.call(&SESSIONS, nothing, &all, &nothing).await.expect("listed");
    let listed = list().await.items;
    assert_eq!(listed.len(), 2);
    let theirs = listed.iter().find(|session| !session.current).expect("the browser's");
    assert_eq!(theirs.address, "192.0.2.1");
    assert!(theirs.client.starts_with("Firefox") && !theirs.client.contains('\t'), "{theirs:?}");
    // Used every 20 days it lasts; the other is over after 30.
    let opened = theirs.expires_at;
    for _ in 0..3 {
        server.advance(hours(20 * 24)).await;
        assert_eq!(me(&server, &mine).await, 200);
        server.advance(mins(1)).await;
    }
    assert_eq!(me(&server, &browser).await, 401);
    let listed = list().await.items;
    assert_eq!(listed.len(), 1, "what expired is no longer listed");
    assert!(listed[0].expires_at > opened && listed[0].current, "{listed:?}");
    let used = listed[0].last_used_at;
    me(&server, &mine).await;
    server.advance(mins(1)).await;
    assert_eq!(list().await.items[0].last_used_at, used, "an hour is one use");
    let third = session(&server, "alice").await.token;
    let end = Asked::new(&server, "DELETE", "/sessions");
    let ended = end.with("authorization", format!("Bearer {mine}")).answer().await;
    assert_eq!((ended.status, &ended.body["ended"]), (200, &json!(1)));
    assert_eq!((me(&server, &mine).await, me(&server, &third).await), (200, 401));
}

#[tokio::test]
async fn a_hundred_sessions_and_the_oldest_makes_room() {
    let server = world().await;
    let first = session(&server, "bob").await.token;
    let open = async || {
        let (app, host) = (&server.server().app, Caller::host());
        app.sessions(&host, Some("bob".into())).await.expect("listed").len()
    };
    for _ in 0..99 {
        session(&server, "bob").await;
    }
    assert_eq!((open().await, me(&server, &first).await), (100, 200));
    session(&server, "bob").await;
    assert_eq!((open().await, me(&server, &first).await), (100, 401));
}

#[tokio::test]
async fn a_tokens_last_use_is_known_to_the_minute_and_costs_no_request_a_write() {
    let mut server = world().await;
    let root = server.token("root").to_owned();
    let used = async |server: &TestServer| {
        let listed = Asked::new(server, "GET", "/tokens");
        let listed = listed.with("authorization", format!("Bearer {root}")).answer().await;
        let items = listed.body["items"].as_array().expect("items").clone();
        let of_bob = items.into_iter().find(|token| token["user"] == "bob").expect("bob's");
        of_bob["lastUsedAt"].clone()
    };
    assert_eq!(used(&server).await, Value::Null);
    me(&server, server.token("bob")).await;
    server.advance(mins(0)).await;
    let first = used(&server).await;
    assert!(first.is_string(), "{first}");
    server.clock.advance(std::time::Duration::from_secs(59));
    me(&server, server.token("bob")).await;
    server.advance(mins(0)).await;
    assert_eq!(used(&server).await, first, "within the minute");
    server.clock.advance(std::time::Duration::from_secs(1));
    me(&server, server.token("bob")).await;
    server.advance(mins(0)).await;
    assert_ne!(used(&server).await, first);
}

#[tokio::test]
async fn somebody_always_stays_platform_admin() {
    let server = world().await;
    let (app, host) = (server.server().app.clone(), Caller::host());
    let refused = app.disable_user(&host, "root".into()).await.expect_err("the last one");
    assert!(refused.hint.is_some_and(|hint| hint.contains("user edit")));
    let demote =
        |admin| incidentd::api::users::ChangeUser { admin: Some(admin), ..Default::default() };
    app.change_user(&host, "root".into(), demote(false)).await.expect_err("the last one");
    app.change_user(&host, "alice".into(), demote(true)).await.expect("made");
    app.disable_user(&host, "root".into()).await.expect("another is left");
    assert_eq!(me(&server, server.token("root")).await, 401);
    app.disable_user(&host, "alice".into()).await.expect_err("the last one again");
    let back = app.enable_user(&host, "root".into()).await.expect("enabled");
    assert!(back.admin && !back.disabled);
    assert_eq!(me(&server, server.token("root")).await, 401, "his tokens stay revoked");
}

/// A link's secret, and where it leads.
fn parts(link: &Link) -> (&str, &str) {
    link.url.split_once('#').expect("behind the #")
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_voids_what_was_before() {
    let mut server = world().await;
    let (app, host) = (server.server().app.clone(), Caller::host());
    let old = session(&server, "alice").await.token;
    let first = app.make_link(&host, "alice".into()).await.expect("made");
    let link = app.make_link(&host, "alice".into()).await.expect("made");
    let (page, secret) = parts(&link);
    assert_eq!(page, format!("{}/welcome", server.url));
    let open = |secret: &str| {
        Asked::new(&server, "POST", "/welcome").body(
            json!({"secret": secret, "password": "another good one", "timeZone": "Europe/Paris"}),
        )
    };
    assert_eq!(open(parts(&first).1).status().await, 409, "the newer voids the older");
    let look = Asked::new(&server, "POST", "/links").body(json!({"secret": secret}));
    let look = look.answer().await;
    assert_eq!(look.body["user"]["username"], "alice", "{}", look.body);
    let opened = open(secret).answer().await;
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert!(opened.headers.contains_key(SET_COOKIE));
    assert_eq!(me(&server, opened.body["token"].as_str().expect("a token")).await, 200);
    assert_eq!(me(&server, &old).await, 401, "what the old password opened is over");
    assert_eq!(open(secret).status().await, 409, "once");
    let alice = app.user(&host, "alice".into()).await.expect("there");
    assert_eq!(alice.time_zone.as_deref(), Some("Europe/Paris"));
    // Others end it: time, a password, being disabled.
    for end in ["time", "password", "disabled"] {
        let link = app.make_link(&host, "bob".into()).await.expect("made");
        match end {
            "time" => server.advance(hours(72)).await,
            "password" => {
                app.set_password(&host, "bob".into(), password()).await.expect("set");
            }
            _ => app.disable_user(&host, "bob".into()).await.expect("disabled"),
        }
        let late = Asked::new(&server, "POST", "/welcome");
        let body = json!({"secret": parts(&link).1, "password": "another good one"});
        assert_eq!(late.body(body).status().await, 409, "{end}");
    }
    assert!(app.make_link(&host, "bob".into()).await.is_err(), "disabled people get none");
}

#[tokio::test]
async fn who_has_a_password_keeps_it_and_comes_in_by_a_link() {
    let server = world().await;
    let (app, host) = (server.server().app.clone(), Caller::host());
    let old = session(&server, "alice").await.token;
    let open = async |name: &str| {
        let link = app.make_link(&host, name.into()).await.expect("made");
        let secret = parts(&link).1.to_owned();
        let look = Asked::new(&server, "POST", "/links").body(json!({"secret": secret}));
        let look = look.answer().await.body;
        let opened = Asked::new(&server, "POST", "/welcome").body(json!({"secret": secret}));
        (look, opened.answer().await)
    };
    let (look, opened) = open("alice").await;
    assert_eq!(look["hasPassword"], true, "{look}");
    assert_eq!(opened.status, 200, "{}", opened.body);
    assert_eq!(me(&server, &old).await, 200, "nothing that was open ends");
    assert_eq!(session(&server, "alice").await.user.username, "alice", "and the password is it");
    let (look, opened) = open("mallory").await;
    assert_eq!(look["hasPassword"], false, "{look}");
    assert_eq!(opened.status, 422, "{}", opened.body);
    assert_eq!(opened.body["errors"][0]["field"], "password");
}

#[tokio::test]
async fn the_first_admin_comes_by_a_link_and_nobody_after_him() {
    let mut server = TestServer::empty().await;
    let (app, host) = (server.server().app.clone(), Caller::host());
    let void = app.make_setup_link(&host).await.expect("made");
    let link = app.make_setup_link(&host).await.expect("made");
    let set_up = |server: &TestServer, link: &Link, username: &str| {
        let body = json!({"secret": parts(link).1, "username": username, "password": PASSWORD,
            "email": "a@example.com", "timeZone": "Europe/Paris"});
        let request = server.http().post(format!("{}/api/v1/setup", server.url)).json(&body);
        crate::harness::answer(request)
    };
    assert_eq!(set_up(&server, &void, "alice").await.0, 409);
    let (status, said) = set_up(&server, &link, "Not A Name").await;
    assert_eq!((status, &said["errors"][0]["field"]), (422, &json!("username")), "{said}");
    server.advance(mins(30)).await;
    assert_eq!(set_up(&server, &link, "alice").await.0, 409, "half an hour");
    let link = app.make_setup_link(&host).await.expect("made");
    let at_once = futures_util::future::join_all(
        ["alice", "bob", "carol"].map(|who| set_up(&server, &link, who)),
    );
    let answers = at_once.await;
    let made: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
    assert_eq!(made.len(), 1, "one of them: {answers:?}");
    let token = made[0].1["token"].as_str().expect("a token");
    let who = Asked::new(&server, "GET", "/me").with("authorization", format!("Bearer {token}"));
    let who = who.answer().await;
    assert_eq!(who.body["admin"], true, "{}", who.body);
    assert_eq!(app.users(&host).await.expect("listed").len(), 1);
    assert_eq!(set_up(&server, &link, "eve").await.0, 409);
    assert!(app.make_setup_link(&host).await.is_err(), "set up already");
    assert!(!app.is_new().await.expect("read"));
}

#[tokio::test]
async fn sockets_count_what_they_try_and_say_always_the_same() {
    let server = world().await;
    for token in ["", "inc_1_x", "ses_x"] {
        let refused = Socket::connect(&server.url, &json!({"token": token})).await.err();
        let expected =
            if token.is_empty() { "Authentication required" } else { "Authentication failed" };
        assert_eq!(refused.as_deref(), Some(expected), "{token}");
    }
    let ended = session(&server, "alice").await.token;
    let app = &server.server().app;
    let visitor = Visitor::default();
    let caller = app.admit(&visitor, &Secret::new(&*ended)).await.expect("good");
    app.log_out(&caller).await.expect("out");
    let refused = Socket::connect(&server.url, &json!({"token": ended})).await.err();
    assert_eq!(refused.as_deref(), Some("Session expired"));
}

#[tokio::test]
async fn who_was_sent_away_while_his_request_came_in_does_nothing() {
    use incidentd::api::tokens::NewToken;
    use incidentd::api::users::NewUser;
    let server = TestServer::start().await;
    let app = &server.server().app;
    let backdoor = || NewUser { username: "backdoor".into(), admin: true, ..NewUser::default() };
    let caller = app.authenticate(&Secret::new(server.token("root"))).await.expect("root");
    // Another admin, so that root can be sent away.
    let other = NewUser { username: "other".into(), admin: true, ..NewUser::default() };
    app.create_user(&Caller::host(), other).await.expect("added");
    app.disable_user(&Caller::host(), "root".into()).await.expect("disabled");
    let refused = app.create_user(&caller, backdoor()).await.expect_err("disabled meanwhile");
    assert_eq!(refused.kind, incidentd::error::Kind::Unauthenticated);
    assert!(
        app.set_password(&caller, "alice".into(), Secret::new("correct horse battery"))
            .await
            .is_err()
    );

    let alice = app.authenticate(&Secret::new(server.token("alice"))).await.expect("alice");
    app.revoke_token(&alice, alice_token(&alice)).await.expect("revoked");
    assert!(app.create_token(&alice, NewToken::default()).await.is_err(), "revoked meanwhile");
}

fn alice_token(caller: &Caller) -> incidentd::domain::TokenId {
    match &caller.who {
        incidentd::app::Who::User { token: Some(token), .. } => *token,
        _ => panic!("a token"),
    }
}

#[tokio::test]
async fn a_token_makes_none_that_outlives_it() {
    use incidentd::api::tokens::NewToken;
    let server = TestServer::start().await;
    let app = &server.server().app;
    let short = NewToken {
        user: Some("alice".into()),
        expires: Some("1h".parse().expect("a span")),
        ..NewToken::default()
    };
    let short = app.create_token(&Caller::host(), short).await.expect("made");
    let caller = app.authenticate(&Secret::new(&short.token)).await.expect("alice");
    let child = app.create_token(&caller, NewToken::default()).await.expect("made");
    assert_eq!(child.expires_at, short.expires_at);
}
