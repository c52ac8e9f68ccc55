//! https by the server itself: other people's clients, a renewal under way, and those who speak
//! something else.
use std::path::{Path, PathBuf};
use std::time::Duration;

use incidentd::config::{Limits, Tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;

use crate::harness::{KEY, TestServer, answer, secs};
use crate::programs::{Host, node, python};
use crate::wire::{Raw, status, until, within};

/// An authority and a certificate of it for this host, as files in a folder.
pub struct Papers {
    dir: tempfile::TempDir,
    names: Vec<String>,
    authority: CertificateDer<'static>,
}

impl Papers {
    pub fn new() -> Self {
        Self::of(&["localhost", "127.0.0.1"])
    }

    /// For a host of these names.
    pub fn of(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let names: Vec<String> = names.iter().copied().map(ToOwned::to_owned).collect();
        let authority = Self::issue(dir.path(), &names);
        Self { dir, names, authority }
    }

    /// Others in their place, by another authority.
    pub fn renew(&mut self) {
        self.authority = Self::issue(self.dir.path(), &self.names);
    }

    fn issue(dir: &Path, names: &[String]) -> CertificateDer<'static> {
        use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Authority");
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let authority = params.self_signed(&key).expect("signed");
        let issuer = Issuer::new(params, key);
        let mut params = CertificateParams::new(names.to_vec()).expect("names");
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &issuer).expect("signed");
        let write = |name: &str, text: String| {
            let path = dir.join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        write("authority.pem", authority.pem());
        write("cert.pem", cert.pem());
        close(&write("key.pem", key.serialize_pem()));
        authority.der().clone()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn config(&self) -> Tls {
        Tls { cert: Some(self.path("cert.pem")), key: Some(self.path("key.pem")) }
    }

    /// A server's side of TLS.
    pub fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        let pem = |name| std::fs::read(self.path(name)).expect("there");
        let cert = CertificateDer::from_pem_slice(&pem("cert.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(&pem("key.pem")).expect("a key");
        let provider = rustls::crypto::ring::default_provider();
        let config = rustls::ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .expect("a pair");
        std::sync::Arc::new(config).into()
    }

    /// A client that trusts their authority and no other.
    fn client(&self) -> reqwest::Client {
        let tls = trusting(std::slice::from_ref(&self.authority));
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client")
    }
}

fn close(file: &Path) {
    let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(file, owner).expect("closed");
}

/// A client's side of TLS.
pub fn trusting(authorities: &[CertificateDer<'static>]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = rustls::crypto::ring::default_provider();
    rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn https(server: &TestServer) -> String {
    server.url.replace("http://", "https://")
}

#[test]
fn other_people_s_clients_come_by_https() {
    let host = Host::start_with(Some(Papers::new()));
    assert!(host.url.starts_with("https://"), "{}", host.url);
    let mut watchers = [
        host.watch(node("watch.mjs"), Some("websocket")),
        host.watch(node("watch.mjs"), Some("polling")),
        host.watch(python("watch.py"), None),
    ];
    let mut sender = python("pagerduty_events.py");
    sender.env("INCIDENTD_KEY", KEY).arg(&host.url).args(["trigger", "disk full", "db-3/disk"]);
    host.trusted(&mut sender);
    assert_eq!(crate::programs::run(&mut sender, "").done(), "db-3/disk\n");
    for watcher in &mut watchers {
        assert_eq!(watcher.event("incident:created")["incident"]["title"], "disk full");
    }
    host.cli(["ack", "1"]).done();
    for watcher in &mut watchers {
        watcher.event("incident:acknowledged");
    }
    // Our own follows by wss, too.
    let seen = host.cli(["watch", "--once", "-o", "json"]).done();
    assert!(seen.contains("disk full") && seen.contains("acknowledged"), "{seen}");
    // Who does not know the authority is told what to do.
    let mut stranger = crate::programs::incidentd();
    stranger.env("INCIDENTD_URL", &host.url).env("INCIDENTD_TOKEN", &host.token).arg("list");
    let ran = crate::programs::run(&mut stranger, "");
    assert_eq!(ran.status.code(), Some(6));
    assert!(ran.stderr.contains("certificate") && ran.stderr.contains("SSL_CERT_FILE"), "{ran:?}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_half_a_renewal_is_not() {
    let mut papers = Papers::new();
    let server = TestServer::with(|config| config.tls = papers.config()).await;
    let url = format!("{}/healthz", https(&server));
    let old = papers.client();
    assert_eq!(answer(old.get(&url)).await.0, 200);
    let fresh = |papers: &Papers| papers.client();
    let first = fresh(&papers);

    // Half of it: a certificate that is not the key's.
    let key = std::fs::read(papers.path("key.pem")).expect("there");
    papers.renew();
    std::fs::write(papers.path("key.pem"), &key).expect("written");
    let refused = server.server().reload(&server.server().config()).expect_err("no pair");
    assert!(refused.detail.contains("tls.key"), "{refused}");
    server.clock.advance(secs(61));
    assert_eq!(answer(first.get(&url)).await.0, 200, "the old one stays");

    // The whole, found without being told.
    papers.renew();
    server.clock.advance(secs(61));
    until("the new certificate", || async {
        server.clock.advance(secs(61));
        fresh(&papers).get(&url).send().await.is_ok()
    })
    .await;
    assert_eq!(answer(old.get(&url)).await.0, 200, "a connection that is open stays so");

    // And by a reload, under other names.
    papers.renew();
    server.server().reload(&server.server().config()).expect("good");
    assert_eq!(answer(fresh(&papers).get(&url)).await.0, 200);
}

#[tokio::test]
async fn who_speaks_no_tls_is_told_or_let_go() {
    let papers = Papers::new();
    let server = TestServer::with(|config| {
        config.tls = papers.config();
        config.limits = Limits { tls_timeout_secs: 1, ..Limits::default() };
    })
    .await;
    let mut plain = Raw::connect(&server.url).await;
    plain.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let said = plain.answer().await.expect("an answer");
    assert_eq!((said.status, said.body.contains("https://")), (400, true), "{said:?}");
    assert_eq!(status(&server.url, [0x16, 0x03, 0x01, 0x00, 0x02, 0x99, 0x99]).await, 0);
    // A hello that never ends, and a silence: neither holds the door, nor stays.
    let mut half = Raw::connect(&server.url).await;
    half.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    let mut silent = Raw::connect(&server.url).await;
    let mut crowd = Vec::new();
    for _ in 0..50 {
        crowd.push(TcpStream::connect(server.url.trim_start_matches("http://")).await);
    }
    let url = format!("{}/healthz", https(&server));
    assert_eq!(answer(papers.client().get(url)).await.0, 200);
    within(Duration::from_secs(9), "an end", async {
        tokio::join!(half.closed(), silent.closed())
    })
    .await;
}

#[tokio::test]
async fn a_goodbye_reaches_websockets_over_tls() {
    let papers = Papers::new();
    let mut server = TestServer::with(|config| config.tls = papers.config()).await;
    let addr = server.server().addr.expect("an address");
    let tcp = TcpStream::connect(addr).await.expect("connected");
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(trusting(
        std::slice::from_ref(&papers.authority),
    )));
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let stream = connector.connect(name, tcp).await.expect("met");
    let address = "wss://localhost/socket.io/?EIO=4&transport=websocket";
    let (mut ws, _) = tokio_tungstenite::client_async(address, stream).await.expect("a websocket");
    let open = futures_util::StreamExt::next(&mut ws).await.expect("open").expect("open");
    assert!(open.to_text().is_ok_and(|text| text.starts_with('0')), "{open:?}");
    server.server.take().expect("it runs").stop().await;
    let mut last = None;
    while let Some(Ok(message)) = futures_util::StreamExt::next(&mut ws).await {
        last = Some(message);
    }
    assert!(last.is_some_and(|message| message.is_close()), "a close frame");
}
