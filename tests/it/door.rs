//! The front door: what every answer says, who is let in by which name, and who asks.
use serde_json::{Value, json};

use crate::harness::{KEY, TestServer, answer};
use crate::wire::{Answer, Raw, status};

async fn ask(server: &TestServer, request: &str) -> Answer {
    let mut raw = Raw::connect(&server.url).await;
    raw.send(request).await;
    raw.answer().await.expect("an answer")
}

/// A header of an answer; its head is in lower case.
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let line = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':').map(str::trim);
    answer.head.lines().find_map(line)
}

#[tokio::test]
async fn every_answer_tells_browsers_what_holds() {
    let server =
        TestServer::with(|config| config.public_url = Some("https://oncall.example.com".into()))
            .await;
    let generic = format!("/integrations/{KEY}/generic");
    for (request, status) in [
        ("GET /healthz", 200),
        ("GET /nothing", 404),
        ("GET /api/v1/me", 401),
        ("TRACE /healthz", 405),
        ("DELETE /healthz", 405),
        (&format!("POST {generic}"), 422),
        ("GET /socket.io/?EIO=4&transport=polling", 200),
        ("GET /socket.io/?EIO=3&transport=polling", 400),
        ("GET /openapi.json", 200),
    ] {
        let said = ask(&server, &format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(said.status, status, "{request}: {}", said.body);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(header(&said, name), Some(value), "{request}: {}", said.head);
        }
        if status >= 400 && !request.contains("socket.io") {
            assert_eq!(
                header(&said, "content-type"),
                Some("application/problem+json"),
                "{request}"
            );
        }
        let policy = header(&said, "content-security-policy").expect("a policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert!(header(&said, "permissions-policy").is_some() && !said.head.contains("\nserver:"));
    }
    let plain = TestServer::start().await;
    let said = ask(&plain, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(
        header(&said, "strict-transport-security"),
        None,
        "over plain HTTP it would be a lie"
    );
}

#[tokio::test]
async fn a_request_has_a_number_which_its_problem_names() {
    let server = TestServer::start().await;
    let ask = |id: &str| {
        let request = format!("GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\n\r\n");
        let server = &server;
        async move {
            let said = ask(server, &request).await;
            let number = header(&said, "x-request-id").expect("a number").to_owned();
            let problem: Value = serde_json::from_str(&said.body).expect("JSON");
            assert_eq!(problem["requestId"].as_str().map(str::to_lowercase), Some(number.clone()));
            number
        }
    };
    for given in ["abc-123", &"x".repeat(64)] {
        assert_eq!(ask(given).await, given);
    }
    let mut made = Vec::new();
    for given in ["", "a b", "a\u{e9}", "<script>", "a;b", "../x", &"x".repeat(65)] {
        let number = ask(given).await;
        assert!(number != given && number.len() <= 64, "{given}: {number}");
        made.push(number);
    }
    let all = made.len();
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), all, "each has its own");
}

#[tokio::test]
async fn a_browser_that_comes_by_a_strange_name_is_told_what_to_set() {
    let server =
        TestServer::with(|config| config.public_url = Some("https://oncall.example.com".into()))
            .await;
    let get = |host: &str, extra: &str| {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n");
        let server = &server;
        async move { ask(server, &head).await }
    };
    let browsers = [
        "Cookie: a=b\r\n",
        "Sec-Fetch-Mode: navigate\r\n",
        "Sec-Fetch-Site: none\r\n",
        "Origin: http://rebound.example\r\n",
    ];
    for browser in browsers {
        for host in ["rebound.example", "oncall.example.com.evil.example", "x", "127.0.0.1.evil"] {
            let said = get(host, browser).await;
            assert_eq!(said.status, 403, "{host} {browser}");
            let problem: Value = serde_json::from_str(&said.body).expect("a problem");
            let hint = problem["hint"].as_str().expect("a hint");
            assert!(hint.contains("public_url") && hint.contains(host), "{hint}");
        }
        for host in ["oncall.example.com", "127.0.0.1:8080", "localhost", "[::1]:8080"] {
            assert_eq!(get(host, browser).await.status, 200, "{host} {browser}");
        }
    }
    assert_eq!(get("rebound.example", "").await.status, 200, "a sender may call us what it likes");
    let page = get("<b>x", &format!("{}Accept: text/html,*/*\r\n", browsers[1])).await;
    assert_eq!(page.status, 403);
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    assert!(page.body.contains("public_url") && !page.body.contains("<b>"), "{}", page.body);
    let page = get("wall.lan:80", &format!("{}Accept: text/html\r\n", browsers[0])).await;
    assert!(page.body.contains("http://wall.lan:80"), "{}", page.body);
    // The address in the request line is what counts, if there is one.
    let whole =
        "GET http://rebound.example/healthz HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\n\r\n";
    assert_eq!(status(&server.url, whole).await, 403);

    // A reload lets a further name in.
    let mut config = (*server.server().config()).clone();
    config.allowed_origins = vec!["http://rebound.example".into()];
    server.server().reload(&config).expect("good");
    assert_eq!(get("rebound.example", browsers[0]).await.status, 200);
}

/// How many handshakes `forwarded` may begin before it is told to wait.
async fn handshakes(server: &TestServer, forwarded: &str) -> usize {
    let polling = "/socket.io/?EIO=4&transport=polling";
    let request = format!("GET {polling} HTTP/1.1\r\nHost: x\r\n{forwarded}\r\n");
    let mut begun = 0;
    while status(&server.url, &request).await == 200 {
        begun += 1;
    }
    begun
}

#[tokio::test]
async fn limits_count_the_client_behind_a_trusted_proxy_and_nobody_s_inventions() {
    // 16 handshakes may wait for their connect, a quarter of them from one address.
    let trusting = TestServer::with(|config| {
        config.limits.sockets = 8;
        config.trusted_proxies = vec!["127.0.0.0/8".to_owned().try_into().expect("a network")];
    })
    .await;
    assert_eq!(handshakes(&trusting, "X-Forwarded-For: 192.0.2.1\r\n").await, 4);
    assert_eq!(handshakes(&trusting, "X-Forwarded-For: 9.9.9.9, 192.0.2.1\r\n").await, 0);
    assert_eq!(handshakes(&trusting, "Forwarded: for=\"[2001:db8::1]:7\"\r\n").await, 4);
    assert_eq!(handshakes(&trusting, "Forwarded: for=\"[2001:db8::2]\"\r\n").await, 0);
    let wary = TestServer::with(|config| config.limits.sockets = 8).await;
    assert_eq!(handshakes(&wary, "X-Forwarded-For: 192.0.2.1\r\n").await, 16, "it is this host");
}

#[tokio::test]
async fn over_a_unix_socket_a_proxy_asks_and_no_administrator() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("web.sock");
    let listen = format!("unix:{}", path.display()).parse().expect("an address");
    let config = incidentd::config::Config {
        listen,
        data_dir: dir.path().join("data"),
        ..Default::default()
    };
    let server = incidentd::server::Server::start(config, incidentd::clock::Clock::System)
        .await
        .expect("started");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&path).expect("there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o660);
    let over = |path: &std::path::Path| {
        reqwest::Client::builder()
            .tls_backend_preconfigured(crate::tls::trusting(&[]))
            .unix_socket(path)
            .build()
            .expect("a client")
    };
    let me = "http://x/api/v1/users";
    assert_eq!(answer(over(&path).get("http://x/healthz")).await, (200, json!("ok\n")));
    assert_eq!(answer(over(&path).get(me)).await.0, 401);
    let control = dir.path().join("data/control.sock");
    assert_eq!(answer(over(&control).get(me)).await.0, 200);
    server.stop().await;
    crate::wire::until("its file gone", || async { !path.exists() }).await;
}
