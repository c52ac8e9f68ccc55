//! HTTP that no client speaks, one row a case: what is sent, and what it may be answered. 0 means
//! that the connection just ends.
use serde_json::json;

use crate::harness::{KEY, TestServer, answer};
use crate::wire::{Raw, is_well, status};

/// A sender's address with the key, and a body that it would take.
const BODY: &str = "{\"title\":\"x\"}";
/// A request inside a body whose end is in doubt.
const SMUGGLED: &str = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

fn post(headers: &str, rest: &str) -> String {
    let address = format!("/integrations/{KEY}/generic");
    format!("POST {address} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{rest}")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

fn other(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

type Row = (&'static str, String, &'static [u16]);

/// Where a body ends.
fn lengths() -> Vec<Row> {
    let both = "Content-Length: 6\r\nTransfer-Encoding: chunked";
    let turned = "Transfer-Encoding: chunked\r\nContent-Length: 6";
    vec![
        ("both lengths", post(both, SMUGGLED), &[400, 422]),
        ("both, turned", post(turned, SMUGGLED), &[400, 422]),
        ("two lengths", post("Content-Length: 13\r\nContent-Length: 14", BODY), &[400]),
        ("a list of lengths", post("Content-Length: 13, 14", BODY), &[400]),
        ("a signed length", post("Content-Length: +13", BODY), &[400]),
        ("no number", post("Content-Length: 0x0d", BODY), &[400]),
        ("a length beyond 64 bits", post("Content-Length: 99999999999999999999", BODY), &[400]),
        ("1e12 bytes", post("Content-Length: 1000000000000", ""), &[413]),
        ("an unknown coding", post("Transfer-Encoding: brotli", BODY), &[400]),
        ("two codings", post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), &[400, 415, 422]),
        ("chunked, not last", post("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"), &[400]),
        ("a bad chunk size", post("Transfer-Encoding: chunked", "zz\r\nxx\r\n0\r\n\r\n"), &[400]),
        ("an endless size", post("Transfer-Encoding: chunked", "ffffffffffffffffff\r\n"), &[400]),
        ("gzip", post("Content-Encoding: gzip\r\nContent-Length: 12", BODY), &[415]),
    ]
}

fn headers() -> Vec<Row> {
    let many: Vec<String> = (0..110).map(|n| format!("X-{n}: y")).collect();
    vec![
        ("a folded header", post("X: a\r\n b\r\nContent-Length: 13", BODY), &[400]),
        ("a space before the colon", post("Content-Length : 13", BODY), &[400]),
        ("a NUL in a header", post("X: a\0b\r\nContent-Length: 13", BODY), &[400]),
        ("a 20 KB header", post(&format!("X: {}", "y".repeat(20_000)), ""), &[431]),
        ("110 headers", post(&many.join("\r\n"), ""), &[431]),
        ("a 100 KB line", format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)), &[414, 431]),
    ]
}

fn protocols() -> Vec<Row> {
    let hello = "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n";
    vec![
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), &[400]),
        ("TLS", hello.into(), &[400]),
        ("SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n".into(), &[400]),
        ("no version", "GET /healthz\r\n\r\n".into(), &[400]),
        ("HTTP/9", "GET /healthz HTTP/9.9\r\n\r\n".into(), &[400]),
        ("TRACE", other("TRACE", "/healthz"), &[405]),
        ("TRACE of nothing", other("TRACE", "/nothing"), &[405]),
        ("TRACE of a sender", other("TRACE", &format!("/integrations/{KEY}/generic")), &[405]),
        ("CONNECT", other("CONNECT", "evil.example:80"), &[404, 405]),
        ("the wrong method", other("DELETE", "/v2/enqueue"), &[405]),
        ("a method of its own", other("BREW", "/healthz"), &[405]),
    ]
}

fn addresses() -> Vec<Row> {
    vec![
        ("a whole address", get("http://evil.example/api/v1/me"), &[401]),
        ("dots", get("/api/v1/%2e%2e/%2e%2e/healthz"), &[404]),
        ("plain dots", get("/../../etc/passwd"), &[404]),
        ("bad UTF-8", get("/integrations/%ff%fe/generic"), &[400, 404, 405]),
        ("bad percent signs", get("/%zz%1"), &[400, 404]),
        ("NUL in the path", get("/healthz%00"), &[400, 404]),
        ("a raw NUL", get("/health\0z"), &[400]),
        ("two slashes", get("//healthz"), &[404]),
        ("a backslash", get("/\\..\\healthz"), &[400, 404]),
    ]
}

#[tokio::test]
async fn http_that_no_client_speaks() {
    let server = TestServer::start().await;
    let mut wrong = Vec::new();
    let rows = [lengths(), headers(), protocols(), addresses()].concat();
    for (name, bytes, expected) in rows {
        let mut raw = Raw::connect(&server.url).await;
        raw.send(&bytes).await;
        let status = raw.answer().await.map_or(0, |answer| answer.status);
        if !expected.contains(&status) {
            wrong.push(format!("{name}: {status}"));
        }
        if matches!(status, 400 | 422) && raw.answer().await.is_some() {
            // What may be out of step is never read on.
            wrong.push(format!("{name}: a second answer"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let bad = "POST /api/v1/incidents/%ff/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n";
    let bad = format!("{bad}Authorization: Bearer {}\r\n\r\n", server.token("bob"));
    assert!(matches!(status(&server.url, bad).await, 400 | 404));
    is_well(&server, "raw HTTP").await;
    let url = format!("{}/api/v1/incidents?status=all", server.url);
    let (_, page) = answer(server.http().get(url).bearer_auth(server.token("root"))).await;
    assert_eq!(page["items"], json!([]));
}
