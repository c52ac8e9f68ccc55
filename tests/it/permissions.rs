//! Who may what: every operation, tried by everybody. A new one without a row here fails.
use incidentd::api::Method;
use incidentd::api::openapi::Operation;
use incidentd::api::tokens::NewToken;
use incidentd::app::Caller;
use incidentd::domain::Scope;
use incidentd::http::routes;
use serde_json::{Value, json};

use crate::harness::{Socket, TestServer, answer};
use crate::wire::is_well;

/// Who tries, in the order of the columns below.
const WHO: [&str; 8] = [
    "anonymous",
    "stranger",
    "observer",
    "responder",
    "team admin",
    "platform admin",
    "read token",
    "token of another team",
];

/// An operation, how it is called, and the status that each of `WHO` gets.
type Row = (Method, &'static str, &'static str, Value, [u16; 8]);

/// Incident 1 is of payments; token 90 nobody's. What succeeds may be repeated.
fn rows() -> Vec<Row> {
    use Method::{Delete, Get, Post, Put};
    let read = [401, 404, 200, 200, 200, 200, 200, 404];
    let respond = [401, 404, 403, 200, 200, 200, 403, 404];
    let own = [401, 200, 200, 200, 200, 200, 403, 200];
    let anyone = [401, 200, 200, 200, 200, 200, 200, 200];
    let platform = [401, 403, 403, 403, 403, 200, 403, 403];
    let none = Value::Null;
    let mut rows = acts();
    rows.extend([
        (Get, "/incidents", "", none.clone(), anyone),
        (Get, "/incidents", "?team=payments", none.clone(), read),
        (Get, "/incidents", "?team=1", none.clone(), read),
        (Get, "/incidents", "?service=checkout", none.clone(), read),
        (Get, "/incidents", "?service=1", none.clone(), read),
        (
            Get,
            "/incidents",
            "?assignee=nobody-at-all",
            none.clone(),
            [401, 404, 404, 404, 404, 404, 404, 404],
        ),
        (
            Get,
            "/incidents",
            "?assignee=bob",
            none.clone(),
            [401, 404, 200, 200, 200, 200, 200, 404],
        ),
        (Post, "/incidents", "", json!({"service": "checkout", "title": "by hand"}), respond),
        (Get, "/incidents/{id}", "", none.clone(), read),
        (Get, "/incidents/{id}/timeline", "", none.clone(), read),
        (Get, "/incidents/{id}/alerts", "", none.clone(), read),
        (Get, "/events", "", none.clone(), anyone),
        (Get, "/events", "?team=payments", none.clone(), read),
        (Put, "/configuration", "", json!({}), platform),
        (Get, "/backup", "", none.clone(), platform),
        (Get, "/audit", "", none.clone(), platform),
        (Get, "/me", "", none.clone(), anyone),
        (Get, "/users", "", none.clone(), anyone),
        (Post, "/users", "", json!({"username": "zoe"}), platform),
        (Put, "/users/{user}/password", "", json!({"password": "correct horse"}), platform),
        (Get, "/tokens", "", none.clone(), own),
        (Post, "/tokens", "", json!({"name": "x"}), own),
        (Post, "/tokens", "", json!({"user": "rita"}), platform),
        (
            Post,
            "/tokens",
            "",
            json!({"team": "payments"}),
            [401, 404, 200, 200, 200, 200, 403, 404],
        ),
        (Delete, "/tokens/{id}", "", none.clone(), [401, 404, 404, 404, 404, 200, 403, 404]),
        (Delete, "/users/{user}", "", none, platform),
    ]);
    rows
}

/// What is done to incidents: 2 is of payments too, 3 of the stranger's team.
fn acts() -> Vec<Row> {
    use Method::Post;
    let respond = [401, 404, 403, 200, 200, 200, 403, 404];
    vec![
        (Post, "/incidents/{id}/actions", "", json!({"action": "addNote", "body": "x"}), respond),
        (
            Post,
            "/incidents/{id}/actions",
            "",
            json!({"action": "reassign", "to": "dave"}),
            // Whom the caller does not know is nobody; only the platform's admins know all.
            [401, 404, 403, 404, 404, 200, 403, 404],
        ),
        (
            Post,
            "/incidents/{id}/actions",
            "",
            json!({"action": "merge", "into": 2}),
            [401, 404, 403, 200, 200, 200, 403, 404],
        ),
        (
            Post,
            "/incidents/{id}/actions",
            "",
            json!({"action": "merge", "into": 3}),
            [401, 404, 403, 404, 404, 409, 403, 404],
        ),
        (
            Post,
            "/incidents/actions",
            "",
            json!({"action": "addNote", "body": "x", "ids": []}),
            [401, 200, 200, 200, 200, 200, 403, 200],
        ),
    ]
}

/// Team 1 is payments, service 1 checkout, integration 1 prometheus.
fn rows_of_configuration() -> Vec<Row> {
    use Method::{Delete, Get, Patch, Post, Put};
    let read = [401, 404, 200, 200, 200, 200, 200, 404];
    let manage = [401, 404, 403, 403, 200, 200, 403, 404];
    let anyone = [401, 200, 200, 200, 200, 200, 200, 200];
    let none = Value::Null;
    vec![
        (Get, "/teams", "", none.clone(), anyone),
        (Post, "/teams", "", json!({"slug": "another"}), [401, 403, 403, 403, 403, 200, 403, 403]),
        (Get, "/teams/{team}", "", none.clone(), read),
        (Patch, "/teams/{team}", "", json!({"name": "Payments"}), manage),
        (Delete, "/teams/{team}", "", none.clone(), [401, 403, 403, 403, 403, 409, 403, 403]),
        (Get, "/services", "", none.clone(), anyone),
        (Get, "/services", "?team=payments", none.clone(), read),
        (
            Post,
            "/services",
            "",
            json!({"slug": "checkout", "team": "payments"}),
            [401, 404, 403, 403, 409, 409, 403, 404],
        ),
        (Get, "/services/{service}", "", none.clone(), read),
        (Patch, "/services/{service}", "", json!({"urgency": "auto"}), manage),
        (Delete, "/services/{service}", "", none.clone(), [401, 404, 403, 403, 409, 409, 403, 404]),
        (Get, "/integrations", "", none.clone(), anyone),
        (Get, "/integrations", "?service=checkout", none.clone(), read),
        (
            Post,
            "/integrations",
            "",
            json!({"service": "checkout", "name": "prometheus"}),
            [401, 404, 403, 403, 409, 409, 403, 404],
        ),
        (Get, "/integrations/{id}", "", none.clone(), read),
        (Patch, "/integrations/{id}", "", json!({"name": "prometheus"}), manage),
        (Post, "/integrations/{id}/rotate", "", none.clone(), manage),
        (Delete, "/integrations/{id}", "", none.clone(), [401, 404, 403, 403, 200, 404, 403, 404]),
        (Get, "/teams/{team}/members", "", none.clone(), read),
        (Put, "/teams/{team}/members/{user}", "", json!({"role": "observer"}), manage),
        (Delete, "/teams/{team}/members/{user}", "", none.clone(), manage),
    ]
}

/// What is of the configuration comes first: later rows disable people.
fn all_rows() -> Vec<Row> {
    rows_of_configuration().into_iter().chain(rows()).collect()
}

/// `checkout`'s incident 1, a user `dave` without a team, and the tokens of `WHO`.
async fn world() -> (TestServer, Vec<Option<String>>, i64) {
    let server = TestServer::start().await;
    let app = &server.server().app;
    let dave = toml::from_str("[[users]]\nusername = \"dave\"\n[[users]]\nusername = \"rita\"")
        .expect("a document");
    app.apply(&Caller::host(), dave).await.expect("applied");
    server
        .alert(json!({"title": "SECRET-TITLE", "description": "SECRET-TEXT", "labels": {"SECRET-LABEL": "x"}}))
        .await;
    server.alert(json!({"title": "SECRET-TITLE of 2"})).await;
    let elsewhere = "/integrations/fedcba9876543210fedcba9876543210/generic";
    server.post_raw(elsewhere, "text/plain", b"elsewhere".to_vec()).await;
    let mut tokens = vec![None];
    for who in ["mallory", "carol", "bob", "alice", "root"] {
        tokens.push(Some(server.token(who).to_owned()));
    }
    for (user, scope, team) in
        [("alice", Some(Scope::Read), None), ("root", None, Some("search".to_owned()))]
    {
        let new = NewToken { user: Some(user.into()), scope, team, ..NewToken::default() };
        let issued = app.create_token(&Caller::host(), new).await.expect("made");
        tokens.push(Some(issued.token));
    }
    let new = NewToken { user: Some("root".into()), ..NewToken::default() };
    let spare = app.create_token(&Caller::host(), new).await.expect("made").id.0;
    (server, tokens, spare)
}

async fn call(
    server: &TestServer,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> (u16, Value) {
    let method = match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    };
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
    let (server, tokens, spare) = world().await;
    let mut wrong = Vec::new();
    for (method, route, query, body, expected) in all_rows() {
        let path = match route {
            "/tokens/{id}" => route.replace("{id}", &spare.to_string()),
            _ => route
                .replace("{id}", "1")
                .replace("{user}", "dave")
                .replace("{team}", "1")
                .replace("{service}", "1"),
        };
        for ((who, token), expected) in WHO.iter().zip(&tokens).zip(expected) {
            let path = format!("{path}{query}");
            let (status, said) = call(&server, method, &path, token.as_deref(), &body).await;
            if status != expected {
                wrong.push(format!(
                    "{who}: {method:?} {path} {body}: {status}, not {expected}: {said}"
                ));
            }
            let may_see = (2..=6).contains(&WHO.iter().position(|w| w == who).unwrap_or(0));
            let text = said.to_string();
            let named = ["checkout", "prometheus"].iter().any(|name| text.contains(name))
                && !query.contains("checkout")
                && !body.to_string().contains("checkout");
            if !may_see && (text.contains("SECRET") || named) {
                wrong.push(format!("{who}: {method:?} {path} tells: {said}"));
            }
            if status == 401 {
                assert_eq!(said["code"], "unauthenticated", "{said}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_operation_has_a_row() {
    let rows = all_rows();
    for Operation { method, path, .. } in routes::operations().operations {
        // Logging in and out has its own story.
        if path.starts_with("/sessions") {
            continue;
        }
        assert!(
            rows.iter().any(|(row, route, ..)| *row == method && *route == path),
            "{method:?} {path} has no row in the table of permissions"
        );
    }
}

/// What is hidden and what is not there are told in the same words.
#[tokio::test]
async fn nobody_learns_what_exists() {
    let (server, tokens, _) = world().await;
    let app = &server.server().app;
    app.disable_user(&Caller::host(), "carol".into()).await.expect("disabled");
    server
        .post_raw(
            "/integrations/fedcba9876543210fedcba9876543210/generic",
            "text/plain",
            "own".into(),
        )
        .await;
    for who in [1, 7] {
        let token = tokens[who].as_deref();
        what_is_hidden_is_not_there(&server, who, token).await;
        lists_tell_nothing(&server, who, token).await;
        sockets_tell_nothing(&server, token).await;
    }
    assert_eq!(server.incident(1).await.status, incidentd::domain::Status::Triggered);
}

async fn what_is_hidden_is_not_there(server: &TestServer, who: usize, token: Option<&str>) {
    let note = json!({"action": "addNote", "body": "x"});
    let to = |name: &str| json!({"action": "reassign", "to": name});
    for (method, there, not_there, bodies) in [
        (Method::Get, "/incidents/1", "/incidents/777", [Value::Null, Value::Null]),
        (
            Method::Get,
            "/incidents/1/timeline",
            "/incidents/777/timeline",
            [Value::Null, Value::Null],
        ),
        (Method::Get, "/incidents/1/alerts", "/incidents/777/alerts", [Value::Null, Value::Null]),
        (Method::Post, "/incidents/1/actions", "/incidents/777/actions", [note.clone(), note]),
        (Method::Post, "/incidents/2/actions", "/incidents/2/actions", [to("alice"), to("nobody")]),
        (Method::Post, "/incidents/2/actions", "/incidents/2/actions", [to("carol"), to("nobody")]),
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
async fn lists_tell_nothing(server: &TestServer, who: usize, token: Option<&str>) {
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
    let (server, _, _) = world().await;
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
