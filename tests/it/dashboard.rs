//! The dashboard's files as browsers are given them: kept for ever under their hash, asked for
//! once where they may change, and nothing beside them.
use reqwest::{Response, StatusCode, header};

use crate::harness::TestServer;

async fn get(server: &TestServer, path: &str, tag: Option<&str>) -> Response {
    let mut request = server.http().get(format!("{}{path}", server.url));
    if let Some(tag) = tag {
        request = request.header(header::IF_NONE_MATCH, tag);
    }
    request.send().await.expect("an answer")
}

fn said(response: &Response, name: header::HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

/// The version that the page of this server names.
async fn version(server: &TestServer) -> String {
    let page = get(server, "/", None).await.text().await.expect("text");
    let rest = page.split("/assets/").nth(1).expect("a file of the page");
    rest.split('/').next().expect("a version").to_owned()
}

#[tokio::test]
async fn every_page_is_the_same_shell_and_asked_for_once() {
    let server = TestServer::start().await;
    let page = get(&server, "/", None).await;
    assert_eq!(said(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(said(&page, header::CACHE_CONTROL), "no-cache");
    assert!(said(&page, header::CONTENT_SECURITY_POLICY).starts_with("default-src 'self';"));
    let tag = said(&page, header::ETAG).to_owned();
    let text = page.text().await.expect("text");
    for inline in ["<style", "style=", "onclick", "<script>", "http://", "https://"] {
        assert!(!text.contains(inline), "{inline} in the page");
    }
    for path in ["/incidents/42", "/incidents?q=a", "/services/checkout", "/setup", "/welcome"] {
        assert_eq!(get(&server, path, None).await.text().await.expect("text"), text, "{path}");
        let again = get(&server, path, Some(&tag)).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
    }
    assert_eq!(get(&server, "/", Some("\"older\"")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn who_strays_in_a_browser_gets_the_page_and_a_program_gets_its_answer() {
    let server = TestServer::start().await;
    let stray = async |path: &str, accept: &str| {
        let asked = server.http().get(format!("{}{path}", server.url));
        let asked = asked.header(header::ACCEPT, accept).header(header::IF_NONE_MATCH, "*");
        let answer = asked.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        said(&answer, header::CONTENT_TYPE).to_owned()
    };
    assert_eq!(stray("/xyz", "text/html,*/*;q=0.8").await, "text/html; charset=utf-8");
    assert_eq!(stray("/xyz", "*/*").await, "application/problem+json");
    assert_eq!(stray("/api/v1/xyz", "text/html").await, "application/problem+json");
}

#[tokio::test]
async fn files_are_kept_for_ever_under_their_hash() {
    let server = TestServer::start().await;
    let version = version(&server).await;
    for (path, kind) in [
        ("app/main.js", "text/javascript; charset=utf-8"),
        ("vendor/lit-html/lit-html.js", "text/javascript; charset=utf-8"),
        ("css/base.css", "text/css; charset=utf-8"),
        ("icons/firing.svg", "image/svg+xml"),
        ("icons/app-192.png", "image/png"),
    ] {
        let file = get(&server, &format!("/assets/{version}/{path}"), None).await;
        assert_eq!((file.status(), said(&file, header::CONTENT_TYPE)), (StatusCode::OK, kind));
        assert_eq!(said(&file, header::CACHE_CONTROL), "public, max-age=31536000, immutable");
        // Of another version's page: it must not be mixed with this one's.
        let other = get(&server, &format!("/assets/older/{path}"), None).await;
        assert_eq!(other.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let worker = get(&server, "/sw.js", None).await;
    assert_eq!(said(&worker, header::CACHE_CONTROL), "no-cache");
    assert!(worker.text().await.expect("text").contains(&format!("/assets/{version}/")));
}

#[tokio::test]
async fn only_files_of_the_page_are_served() {
    let server = TestServer::start().await;
    let version = version(&server).await;
    for path in [
        "openapi.json",
        "api.d.ts",
        "vendor/README.md",
        "none.js",
        "../Cargo.toml",
        "%2e%2e/Cargo.toml",
        "app/../../src/lib.rs",
        "app",
        "",
    ] {
        let file = get(&server, &format!("/assets/{version}/{path}"), None).await;
        assert_ne!(file.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn compressed_for_those_who_can_read_it() {
    let server = TestServer::start().await;
    let path = format!("/assets/{}/app/main.js", version(&server).await);
    let plain = get(&server, &path, None).await;
    assert_eq!(said(&plain, header::CONTENT_ENCODING), "");
    let plain = plain.bytes().await.expect("bytes");
    for (accepted, coding) in
        [("br;q=0.9, gzip;q=0.8", "br"), ("gzip, deflate", "gzip"), ("zstd, br", "br")]
    {
        let request = server.http().get(format!("{}{path}", server.url));
        let packed = request.header(header::ACCEPT_ENCODING, accepted).send().await;
        let packed = packed.expect("an answer");
        assert_eq!(said(&packed, header::CONTENT_ENCODING), coding);
        assert_eq!(said(&packed, header::VARY), "accept-encoding");
        let packed = packed.bytes().await.expect("bytes");
        assert!(packed.len() < plain.len());
        assert_eq!(packed.starts_with(&[0x1f, 0x8b]), coding == "gzip");
    }
}
