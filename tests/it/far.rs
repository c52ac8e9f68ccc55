//! The far end of a channel: an HTTP server that keeps what it hears and answers as it is told.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use incidentd::config::Network;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::harness::PATIENCE;
use crate::tls::Papers;

/// One request, as it came.
#[derive(Debug)]
pub struct Heard {
    pub method: Method,
    /// With its query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Heard {
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn form(&self) -> Vec<(String, String)> {
        assert_eq!(self.header("content-type"), "application/x-www-form-urlencoded");
        serde_html_form::from_bytes(&self.body).expect("a form")
    }

    /// Empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

type Answers = Arc<Mutex<VecDeque<(u16, &'static str, String)>>>;

/// Takes connections by TLS; who breaks off in the handshake is passed over.
struct ByTls(TcpListener, TlsAcceptor);

impl axum::serve::Listener for ByTls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, addr) = self.0.accept().await.expect("a connection");
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, addr);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// A far end; it ends with the test.
pub struct Far {
    pub addr: SocketAddr,
    scheme: &'static str,
    heard: UnboundedReceiver<Heard>,
    answers: Answers,
}

impl Far {
    pub async fn start() -> Self {
        Self::with(None).await
    }

    /// One that speaks https.
    pub async fn start_tls(papers: &Papers) -> Self {
        Self::with(Some(papers.acceptor())).await
    }

    async fn with(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (send, heard) = unbounded_channel();
        let answers = Answers::default();
        let told = answers.clone();
        let hear = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            // Before it is heard: who hears of it may at once say how to answer the next.
            let answer = told.lock().expect("unpoisoned").pop_front();
            let _ = send.send(Heard { method, path: uri.to_string(), headers, body: body.into() });
            let (status, header, value) = answer.unwrap_or((200, "x-told", String::new()));
            let status = StatusCode::from_u16(status).expect("a status");
            let line = value.lines().next().unwrap_or_default().to_owned();
            std::future::ready((status, [(header, line)], value))
        };
        let router = axum::Router::new().fallback(hear);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let serving = async move {
            match tls {
                Some(tls) => axum::serve(ByTls(listener, tls), router).await,
                None => axum::serve(listener, router).await,
            }
        };
        tokio::spawn(serving);
        Self { addr, scheme, heard, answers }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addr)
    }

    /// How the next request that nothing else was said of is answered; the header's value is
    /// the first line of the body.
    pub fn answer(&self, status: u16, header: &'static str, value: impl Into<String>) {
        self.answers.lock().expect("unpoisoned").push_back((status, header, value.into()));
    }

    /// The next request.
    pub async fn next(&mut self) -> Heard {
        #[expect(clippy::disallowed_methods, reason = "real time bounds a real far end")]
        let heard = tokio::time::timeout(PATIENCE, self.heard.recv()).await;
        heard.expect("no silence").expect("it listens")
    }

    /// What was heard and not yet asked for.
    pub fn so_far(&mut self) -> Vec<Heard> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

/// Far ends of tests are on this machine.
pub fn this_machine() -> Vec<Network> {
    vec![Network::try_from("127.0.0.0/8".to_owned()).expect("a network")]
}
