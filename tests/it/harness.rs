//! A server in this process over real TCP, with a clock that stands still until it is turned,
//! four people, one service, and a thin Socket.IO client.
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use incidentd::api::configuration::Document;
use incidentd::api::tokens::NewToken;
use incidentd::api::{Nothing, Route, Segments, incidents};
use incidentd::app::Caller;
use incidentd::client::Client;
use incidentd::clock::{Clock, ManualClock};
use incidentd::config::Config;
use incidentd::domain::{Action, Incident, IncidentId, Span};
use incidentd::engine::timers;
use incidentd::error::Error;
use incidentd::secret::Secret;
use incidentd::server::Server;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// The key of `checkout`'s integration.
pub const KEY: &str = "0123456789abcdef0123456789abcdef";
/// When the story begins.
pub const START: &str = "2026-11-23T03:00:00Z";
/// Nothing here takes this long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub const fn mins(mins: u64) -> Duration {
    secs(mins * 60)
}

pub const fn hours(hours: u64) -> Duration {
    mins(hours * 60)
}

/// A server, and the world around it: `payments` with alice (admin), bob (responder) and carol
/// (observer); `search` with mallory, a stranger to payments; root, a platform admin.
pub struct TestServer {
    pub url: String,
    pub clock: Arc<ManualClock>,
    pub server: Option<Server>,
    dir: tempfile::TempDir,
    config: Config,
    tokens: Vec<(String, String)>,
    http: reqwest::Client,
}

pub const WORLD: &str = r#"
[[users]]
username = "root"
admin = true
[[users]]
username = "alice"
[[users]]
username = "bob"
[[users]]
username = "carol"
[[users]]
username = "mallory"
[[teams]]
slug = "payments"
members = { alice = "admin", bob = "responder", carol = "observer" }
[[teams]]
slug = "search"
members = { mallory = "admin" }
[[services]]
slug = "checkout"
team = "payments"
[[services]]
slug = "index"
team = "search"
# Whom an incident tells is the stories' of `paging`; elsewhere nothing falls due.
[[escalation_policies]]
slug = "payments-default"
team = "payments"
steps = [ { after = "7d", targets = ["team:payments"] } ]
[[escalation_policies]]
slug = "search-default"
team = "search"
steps = [ { after = "7d", targets = ["team:search"] } ]
[[integrations]]
service = "checkout"
name = "prometheus"
key = "0123456789abcdef0123456789abcdef"
[[integrations]]
service = "index"
name = "cron"
key = "fedcba9876543210fedcba9876543210"
"#;

impl TestServer {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// One that is configured otherwise.
    pub async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut server = Self::begin(configure).await;
        let app = server.server().app.clone();
        let document: Document = toml::from_str(WORLD).expect("a document");
        app.apply(&Caller::host(), document).await.expect("applied");
        for name in ["root", "alice", "bob", "carol", "mallory"] {
            let new = NewToken { user: Some(name.into()), ..NewToken::default() };
            let issued = app.create_token(&Caller::host(), new).await.expect("a token");
            server.tokens.push((name.to_owned(), issued.token));
        }
        server
    }

    /// One that nobody has set up yet.
    pub async fn empty() -> Self {
        Self::begin(|_| {}).await
    }

    async fn begin(configure: impl FnOnce(&mut Config)) -> Self {
        let clock = ManualClock::starting_at(START.parse().expect("a time"));
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: dir.path().to_owned(),
            // The tests let go of old things themselves, or years pass between two requests.
            retention: Span::default(),
            ..Config::default()
        };
        configure(&mut config);
        let server =
            Server::start(config.clone(), Clock::Manual(clock.clone())).await.expect("started");
        let (url, http) = (url(&server), http());
        Self { url, clock, server: Some(server), dir, tokens: Vec::new(), http, config }
    }

    /// Stops the server and starts it again on the same folder; the port changes.
    pub async fn restart(&mut self) {
        self.stop_for(Duration::ZERO).await;
    }

    /// The same, and time passes meanwhile.
    pub async fn stop_for(&mut self, down: Duration) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        self.clock.advance(down);
        self.rise().await;
    }

    /// Somebody sets the wall clock while it is down.
    pub async fn restart_with_wall(&mut self, by: jiff::SignedDuration) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        self.clock.step_wall(by);
        self.rise().await;
    }

    /// What is not committed at this moment never happens; then as `stop_for`.
    pub async fn crash(&mut self, down: Duration) {
        let (file, left) = (self.dir().join("incidentd.db"), self.dir().join("left.db"));
        let db = rusqlite::Connection::open(&file).expect("opened");
        db.execute("vacuum into ?1", [left.to_str().expect("UTF-8")]).expect("copied");
        drop(db);
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        for beside in ["incidentd.db-wal", "incidentd.db-shm"] {
            let _ = std::fs::remove_file(self.dir().join(beside));
        }
        std::fs::rename(left, file).expect("put in its place");
        self.clock.advance(down);
        self.rise().await;
    }

    async fn rise(&mut self) {
        // The last clones of the store go with the tasks that were told to stop.
        let server = loop {
            let clock = Clock::Manual(self.clock.clone());
            match Server::start(self.config.clone(), clock).await {
                Ok(server) => break server,
                Err(error) if error.kind == incidentd::error::Kind::Refused => {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        self.url = url(&server);
        self.server = Some(server);
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    pub fn token(&self, who: &str) -> &str {
        self.tokens.iter().find(|(name, _)| name == who).map(|(_, token)| token).expect("known")
    }

    pub fn client(&self, who: &str) -> Client {
        Client::new(&self.url, Some(Secret::new(self.token(who))), PATIENCE).expect("a client")
    }

    /// The data directory.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub const fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Time passes; everything that falls due on the way happens at its moment.
    pub async fn advance(&mut self, by: Duration) {
        self.server().pass(&self.clock, by).await.expect("readable");
    }

    /// Until nothing is due to be sent.
    pub async fn settle_deliveries(&self) {
        let app = &self.server().app;
        while !app.due_messages(HashSet::new()).await.expect("readable").0.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// Somebody sets the wall clock.
    pub async fn step_wall(&mut self, by: jiff::SignedDuration) {
        self.clock.step_wall(by);
        let app = self.server().app.clone();
        timers::turn(&app).await;
    }

    /// Posts to `/integrations/KEY/{source}`; returns status and body.
    pub async fn post(&self, source: &str, body: &Value) -> (u16, Value) {
        self.post_raw(
            &format!("/integrations/{KEY}/{source}"),
            "application/json",
            body.to_string().into(),
        )
        .await
    }

    pub async fn post_raw(&self, path: &str, content_type: &str, body: Vec<u8>) -> (u16, Value) {
        let request =
            self.http.post(format!("{}{path}", self.url)).header("content-type", content_type);
        answer(request.body(body)).await
    }

    /// An alert through the generic source, which must be taken.
    pub async fn alert(&self, body: Value) -> incidents::Outcome {
        let (status, answer) = self.post("generic", &body).await;
        assert_eq!(status, 202, "{answer}");
        serde_json::from_value(answer).expect("an outcome")
    }

    pub async fn call<P, Q, B, R>(
        &self,
        who: &str,
        route: &Route<P, Q, B, R>,
        path: P,
        query: &Q,
        body: &B,
    ) -> Result<R, Error>
    where
        P: Segments,
        Q: Serialize,
        B: Serialize,
        R: DeserializeOwned,
    {
        self.client(who).call(route, path, query, body).await
    }

    pub async fn incident(&self, id: i64) -> Incident {
        self.call("root", &incidents::SHOW, IncidentId(id), &Nothing {}, &Nothing {})
            .await
            .expect("shown")
    }

    pub async fn act(&self, who: &str, id: i64, action: Action) -> Result<incidents::Acted, Error> {
        self.call(who, &incidents::ACT, IncidentId(id), &Nothing {}, &action).await
    }

    /// The names of an incident's events, with the reason of an update or resolve.
    pub async fn story(&self, id: i64) -> Vec<String> {
        let page = self
            .call(
                "root",
                &incidents::TIMELINE,
                IncidentId(id),
                &incidents::AfterQuery::default(),
                &Nothing {},
            )
            .await
            .expect("a timeline");
        page.items
            .iter()
            .map(|event| serde_json::from_str::<Value>(event.0.get()).expect("JSON"))
            .map(|event| {
                let name = event["type"].as_str().expect("a type").trim_start_matches("incident:");
                match event["reason"].as_str() {
                    Some(reason) if event["type"] != "incident:reassigned" => {
                        format!("{name} {reason}")
                    }
                    _ => name.to_owned(),
                }
            })
            .collect()
    }

    pub async fn socket(&self, who: &str) -> Socket {
        Socket::connect(&self.url, &json!({"token": self.token(who)})).await.expect("connected")
    }
}

pub fn http() -> reqwest::Client {
    let tls = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client")
}

pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.timeout(PATIENCE).send().await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (
        status,
        serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into())),
    )
}

fn url(server: &Server) -> String {
    format!("http://{}", server.addr.expect("it listens"))
}

type Stream = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

/// A Socket.IO client in a few lines: websocket only, Engine.IO 4, Socket.IO 5.
pub struct Socket {
    stream: Stream,
    next_ack: u64,
    /// Events that came while something else was waited for.
    events: VecDeque<(String, Value)>,
    pub authenticated: Value,
    /// What the server's close frame said.
    pub close_code: Option<u16>,
}

impl Socket {
    /// The error is the message of the server's `connect_error`.
    pub async fn connect(url: &str, auth: &Value) -> Result<Self, String> {
        let addr = url.trim_start_matches("http://");
        let tcp = tokio::net::TcpStream::connect(addr).await.expect("a connection");
        let address = format!("ws://{addr}/socket.io/?EIO=4&transport=websocket");
        let (stream, _) = tokio_tungstenite::client_async(address, tcp).await.expect("a websocket");
        let mut socket = Self {
            stream,
            next_ack: 0,
            events: VecDeque::default(),
            authenticated: Value::Null,
            close_code: None,
        };
        assert!(socket.packet().await.expect("open").starts_with('0'));
        socket.send(&format!("40{auth}")).await;
        let answer = socket.packet().await.expect("an answer to connect");
        if let Some(refused) = answer.strip_prefix("44") {
            let refused: Value = serde_json::from_str(refused).expect("JSON");
            return Err(refused["message"].as_str().expect("a message").to_owned());
        }
        assert!(answer.starts_with("40"), "{answer}");
        socket.authenticated = socket.expect("authenticated").await;
        Ok(socket)
    }

    pub async fn send(&mut self, packet: &str) {
        self.stream.send(Message::text(packet)).await.expect("sent");
    }

    /// The next packet; pings are answered. None when the connection is closed.
    pub async fn packet(&mut self) -> Option<String> {
        loop {
            #[expect(clippy::disallowed_methods, reason = "real time bounds a real server")]
            let message =
                tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("no silence");
            match message {
                Some(Ok(Message::Text(text))) if text.as_str() == "2" => self.send("3").await,
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(frame))) => {
                    self.close_code = frame.map(|frame| frame.code.into());
                    return None;
                }
                Some(Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Emits with an ack and returns what was acknowledged; events on the way are kept.
    pub async fn ask(&mut self, event: &str, data: &Value) -> Value {
        let id = self.next_ack;
        self.next_ack += 1;
        self.send(&format!("42{id}{}", json!([event, data]))).await;
        let prefix = format!("43{id}");
        loop {
            let packet = self.packet().await.expect("an ack before the end");
            match packet.strip_prefix(&prefix) {
                Some(answer) => {
                    let mut answer: Vec<Value> = serde_json::from_str(answer).expect("JSON");
                    return answer.remove(0);
                }
                None => self.keep(&packet),
            }
        }
    }

    fn keep(&mut self, packet: &str) {
        if let Some(event) = packet.strip_prefix("42") {
            let (name, data): (String, Value) = serde_json::from_str(event).expect("an event");
            self.events.push_back((name, data));
        }
    }

    /// The next event; None when the server closed or disconnected the socket.
    pub async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let packet = self.packet().await?;
            if packet.starts_with("41") || packet == "1" {
                return None;
            }
            self.keep(&packet);
        }
    }

    /// As `event`; a connection that breaks, at whatever point, is an end too.
    pub async fn event_or_end(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.stream.next().await?.ok()? {
                Message::Text(text) if text.as_str() == "2" => {
                    self.stream.send(Message::text("3")).await.ok()?;
                }
                Message::Text(text) => self.keep(text.as_str()),
                _ => {}
            }
        }
    }

    /// The next event, which must be this one.
    pub async fn expect(&mut self, name: &str) -> Value {
        let (found, data) =
            self.event().await.unwrap_or_else(|| panic!("closed instead of {name}"));
        assert_eq!(found, name, "{data}");
        data
    }

    /// Nothing has arrived up to now: a ping and its answer come without an event between.
    pub async fn expect_nothing(&mut self) {
        let answer = self.ask("ping", &Value::Null).await;
        assert_eq!(answer["ok"], true, "{answer}");
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    pub async fn subscribe(&mut self, data: Value) -> Value {
        self.ask("subscribe:incidents", &data).await
    }
}
