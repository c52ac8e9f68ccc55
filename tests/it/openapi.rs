//! The OpenAPI document, held against programs that know nothing of this one: a validator, and
//! schemathesis, which asks whatever the document allows, and more.
use incidentd::api::tokens::NewToken;
use incidentd::app::Caller;
use serde_json::json;

use crate::harness::TestServer;
use crate::programs::{Ran, python_program, run};

/// What ends the credential that it is asked with, and what alert senders post.
const ENDS_ITSELF: &str = "^/api/v1/(sessions|tokens|me|setup|links)";

#[tokio::test]
async fn the_document_is_valid() {
    let mut validator = python_program("openapi-spec-validator");
    validator.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/openapi.json"));
    run(&mut validator, "").done();
}

async fn ask(server: &TestServer, which: [&str; 2]) -> Ran {
    let new = NewToken { user: Some("root".into()), ..NewToken::default() };
    let token = server.server().app.create_token(&Caller::host(), new).await.expect("a token");
    let mut schemathesis = python_program("schemathesis");
    schemathesis
        .args(["run", &format!("{}/openapi.json", server.url), "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {}", token.token)])
        .args(["--seed", "1", "--max-examples", "20", "--request-timeout", "30"])
        // Rules that no schema can tell (a name that is taken) refuse what is valid by shape.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .args(which)
        .current_dir(server.dir());
    tokio::task::spawn_blocking(move || run(&mut schemathesis, "")).await.expect("it ran")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_is_answered_as_the_document_says() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full", "labels": {"host": "db-3"}})).await;
    let all = ask(&server, ["--exclude-path-regex", ENDS_ITSELF]).await;
    assert!(all.status.success(), "{}", all.stdout);
    assert!(!all.stdout.contains("Authentication failed"), "{}", all.stdout);
    let own = ask(&server, ["--include-path-regex", ENDS_ITSELF]).await;
    assert!(own.status.success(), "{}", own.stdout);
}
