//! The live client: through restarts, cut lines, silence and sleep nothing is missed and nothing
//! comes twice, and what cannot go on says so.
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use incidentd::client::Client;
use incidentd::client::live::{Live, LiveEvent, Lives, Wanted, follow};
use incidentd::clock::{Clock, ManualClock};
use incidentd::domain::Seq;
use incidentd::error::Kind;
use incidentd::secret::Secret;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{PATIENCE, START, TestServer};

/// The network between a client and a server: its address stays while servers come and go.
pub struct Line {
    pub url: String,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    To(SocketAddr),
    /// Connections are cut and refused.
    Down,
    /// Nothing arrives any more, and nobody says so.
    Silent,
}

impl Line {
    pub async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = watch::Sender::new(State::To(address_of(url)));
        let watched = state.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(pass(near, watched.clone()));
            }
        });
        Self { url: format!("http://{address}"), state }
    }

    pub fn lead_to(&self, url: &str) {
        self.state.send_replace(State::To(address_of(url)));
    }

    pub fn cut(&self) {
        self.state.send_replace(State::Down);
    }

    pub fn fall_silent(&self) {
        self.state.send_replace(State::Silent);
    }
}

fn address_of(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().expect("an address")
}

async fn pass(mut near: TcpStream, mut state: watch::Receiver<State>) {
    let State::To(address) = *state.borrow_and_update() else { return };
    let Ok(mut far) = TcpStream::connect(address).await else { return };
    let silent = tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => false,
        _ = state.changed() => *state.borrow() == State::Silent,
    };
    if silent {
        let _ = state.changed().await;
    }
}

struct Watcher {
    lives: Lives,
    clock: Arc<ManualClock>,
}

impl Watcher {
    fn of(url: &str, token: &str, wanted: Wanted) -> Self {
        let client = Client::new(url, Some(Secret::new(token)), PATIENCE).expect("a client");
        let clock = ManualClock::starting_at(START.parse().expect("a time"));
        Self { lives: follow(&client, Clock::Manual(clock.clone()), wanted), clock }
    }

    /// The next thing that it learns, while its clock stands.
    async fn heard(&mut self) -> Live {
        #[expect(clippy::disallowed_methods, reason = "real time bounds a real server")]
        let live = tokio::time::timeout(PATIENCE, self.lives.next()).await.expect("no silence");
        live.expect("it goes on")
    }

    /// The same; pauses before another try pass at once.
    async fn next(&mut self) -> Live {
        let live = self.heard().await;
        if let Live::Lost { next_in, .. } = &live {
            let (clock, next_in) = (self.clock.clone(), *next_in);
            // The follower begins to wait after it said so.
            tokio::spawn(async move {
                let mut passed = Duration::ZERO;
                while passed < next_in + Duration::from_secs(1) {
                    tokio::task::yield_now().await;
                    clock.advance(Duration::from_secs(1));
                    passed += Duration::from_secs(1);
                }
            });
        }
        live
    }

    async fn event(&mut self) -> LiveEvent {
        loop {
            match self.next().await {
                Live::Event(event) => return *event,
                Live::Snapshot { .. } => panic!("a snapshot instead of what was missed"),
                _ => {}
            }
        }
    }

    async fn caught_up(&mut self) -> usize {
        loop {
            if let Live::CaughtUp { changes } = self.next().await {
                return changes;
            }
        }
    }

    async fn lost(&mut self) -> (String, Duration) {
        loop {
            if let Live::Lost { why, next_in, .. } = self.next().await {
                return (why, next_in);
            }
        }
    }

    async fn end(&mut self) -> incidentd::error::Error {
        loop {
            if let Live::Refused(error) = self.next().await {
                return error;
            }
        }
    }
}

fn title(event: &LiveEvent) -> String {
    event.event.as_ref().expect("understood").incident.title.clone()
}

fn payments() -> Wanted {
    Wanted { teams: vec!["payments".into()], ..Wanted::default() }
}

#[tokio::test]
async fn who_wants_events_alone_is_told_of_nothing_else() {
    let server = TestServer::start().await;
    let open = |n: u32| json!({"labels": {"alertname": format!("a{n}")}});
    let (status, _) = server.post("api/v2/alerts", &(0..500).map(open).collect()).await;
    assert_eq!(status, 200);
    let wanted = Wanted { events_alone: true, ..payments() };
    let mut bob = Watcher::of(&server.url, server.token("bob"), wanted);
    bob.caught_up().await;
    for n in 0..5 {
        server.alert(json!({"title": format!("new {n}")})).await;
        match bob.next().await {
            Live::Event(event) => assert_eq!(title(&event), format!("new {n}")),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_restart_while_things_happen_is_caught_up_with() {
    let mut server = TestServer::start().await;
    let line = Line::to(&server.url).await;
    let mut bob = Watcher::of(&line.url, server.token("bob"), payments());
    bob.caught_up().await;
    server.alert(json!({"title": "before"})).await;
    assert_eq!(title(&bob.event().await), "before");

    line.cut();
    let (why, next_in) = bob.lost().await;
    assert!(!why.is_empty() && next_in <= Duration::from_secs(1), "{why} {next_in:?}");
    server.alert(json!({"title": "while it was away"})).await;
    server.restart().await;
    server.alert(json!({"title": "after the restart"})).await;
    line.lead_to(&server.url);
    assert_eq!(title(&bob.event().await), "while it was away");
    assert_eq!(title(&bob.event().await), "after the restart");
    assert_eq!(bob.caught_up().await, 2);
    server.alert(json!({"title": "live again"})).await;
    assert_eq!(title(&bob.event().await), "live again");
}

#[tokio::test]
async fn whoever_saw_the_server_answer_waits_for_no_other_try() {
    let server = TestServer::start().await;
    let line = Line::to(&server.url).await;
    let mut bob = Watcher::of(&line.url, server.token("bob"), payments());
    bob.caught_up().await;
    line.cut();
    while !matches!(bob.heard().await, Live::Lost { .. }) {}
    server.alert(json!({"title": "while it was away"})).await;
    line.lead_to(&server.url);
    bob.lives.nudge();
    loop {
        match bob.heard().await {
            Live::Event(event) => break assert_eq!(title(&event), "while it was away"),
            Live::Lost { .. } => panic!("the line is there"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_line_that_is_cut_again_and_again_loses_and_doubles_nothing() {
    let server = TestServer::start().await;
    let line = Line::to(&server.url).await;
    let mut bob = Watcher::of(&line.url, server.token("bob"), Wanted::default());
    bob.caught_up().await;
    let posting = async {
        for number in 0..200 {
            server.alert(json!({"title": format!("alert {number}")})).await;
            if number % 17 == 0 {
                line.cut();
                tokio::task::yield_now().await;
                line.lead_to(&server.url);
            }
        }
    };
    let watching = async {
        let mut titles = Vec::new();
        while titles.len() < 200 {
            titles.push(title(&bob.event().await));
        }
        titles
    };
    let ((), titles) = tokio::join!(posting, watching);
    let all: Vec<String> = (0..200).map(|number| format!("alert {number}")).collect();
    assert_eq!(titles, all);
}

#[tokio::test]
async fn a_silent_line_and_a_machine_that_slept_are_noticed() {
    let server = TestServer::start().await;
    let line = Line::to(&server.url).await;
    let mut bob = Watcher::of(&line.url, server.token("bob"), payments());
    bob.caught_up().await;
    line.fall_silent();
    server.alert(json!({"title": "unheard"})).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
        bob.clock.advance(Duration::from_secs(1));
    }
    let (why, _) = bob.lost().await;
    assert_eq!(why, "no sign of life");
    line.lead_to(&server.url);
    assert_eq!(title(&bob.event().await), "unheard");
    assert_eq!(bob.caught_up().await, 1);
}

async fn say(stream: &mut WebSocketStream<TcpStream>, packets: Vec<String>) {
    for packet in packets {
        stream.send(Message::text(packet)).await.expect("sent");
    }
}

async fn hear(stream: &mut WebSocketStream<TcpStream>) -> String {
    loop {
        if let Message::Text(text) = stream.next().await.expect("it goes on").expect("a message") {
            return text.to_string();
        }
    }
}

/// A server that forgets to send an event, as none of ours does.
async fn forgetful(listener: TcpListener) -> (Value, WebSocketStream<TcpStream>) {
    let (tcp, _) = listener.accept().await.expect("a client");
    let mut stream = tokio_tungstenite::accept_async(tcp).await.expect("a websocket");
    let event = |seq: i64, prev: i64| {
        let incident = json!({"id": seq, "title": format!("alert {seq}"), "status": "triggered",
            "urgency": "high", "severity": "error", "createdAt": START, "updatedAt": START,
            "team": {"id": 1, "slug": "payments", "name": "Payments"}, "seq": seq});
        json!({"seq": seq, "prev": prev, "at": START, "type": "incident:created", "incidentId": seq,
            "actor": {"kind": "system", "id": null, "name": "x"}, "incident": incident})
    };
    let open = json!({"sid": "x", "pingInterval": 25_000, "pingTimeout": 20_000});
    say(&mut stream, vec![format!("0{open}")]).await;
    hear(&mut stream).await;
    let hello = json!(["authenticated", {"user": null, "now": START}]);
    say(&mut stream, vec!["40{}".into(), format!("42{hello}")]).await;
    hear(&mut stream).await;
    let joined =
        json!([{"ok": true, "rooms": ["team:1"], "head": 10, "events": [], "more": false}]);
    let live = |seq, prev| format!("42{}", json!(["incident:created", event(seq, prev)]));
    say(&mut stream, vec![format!("430{joined}"), live(11, 10), live(13, 12)]).await;
    let again = hear(&mut stream).await;
    let events = [event(12, 11), event(13, 12)];
    let told =
        json!([{"ok": true, "rooms": ["team:1"], "head": 13, "events": events, "more": false}]);
    say(&mut stream, vec![live(13, 12), format!("431{told}"), live(14, 13)]).await;
    let asked = serde_json::from_str(again.trim_start_matches("421")).expect("a message");
    (asked, stream)
}

#[tokio::test]
async fn a_gap_is_noticed_and_filled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(forgetful(listener));
    let mut bob = Watcher::of(&url, "token", Wanted { after: Some(Seq(10)), ..Wanted::default() });
    for seq in 11..=14 {
        assert_eq!(bob.event().await.seq, Seq(seq));
    }
    let (asked, _stream) = server.await.expect("served");
    assert_eq!(asked, json!(["subscribe:incidents", {"after": 11}]));
}

#[tokio::test]
async fn what_is_open_comes_whole_and_what_happens_meanwhile_too() {
    let server = TestServer::start().await;
    for number in 0..450 {
        server
            .alert(json!({"title": format!("alert {number}"), "description": "x".repeat(600)}))
            .await;
    }
    let mut alice = Watcher::of(&server.url, server.token("alice"), payments());
    let mut ids = BTreeSet::new();
    let mut pages = 0;
    loop {
        let (incidents, more) = match alice.next().await {
            Live::Snapshot { incidents, more, .. } => (incidents, more),
            Live::Rest { incidents, more } => (incidents, more),
            Live::Event(event) => panic!("nothing happens: {}", event.raw),
            _ => continue,
        };
        pages += 1;
        for incident in incidents {
            assert!(ids.insert(incident.id), "{} twice", incident.id);
        }
        if !more {
            break;
        }
    }
    assert_eq!(ids.len(), 450);
    assert!(pages >= 3);
    server.alert(json!({"title": "one more"})).await;
    assert_eq!(title(&alice.event().await), "one more");
}

#[tokio::test]
async fn after_names_where_to_begin() {
    let server = TestServer::start().await;
    for number in 0..5 {
        server.alert(json!({"title": format!("alert {number}")})).await;
    }
    let after = server.incident(3).await.seq;
    let wanted = Wanted { after: Some(after), ..Wanted::default() };
    let mut bob = Watcher::of(&server.url, server.token("bob"), wanted);
    assert_eq!(title(&bob.event().await), "alert 3");
    let last = bob.event().await;
    assert_eq!((title(&last), last.seq > after), ("alert 4".into(), true));
    let raw: Value = serde_json::from_str(last.raw.get()).expect("as the log has it");
    assert_eq!(raw["type"], "incident:created");

    let wanted = Wanted { after: Some(Seq(4_711)), ..Wanted::default() };
    let mut lost = Watcher::of(&server.url, server.token("bob"), wanted);
    loop {
        match lost.next().await {
            Live::Snapshot { incidents, more, .. } => {
                assert_eq!((incidents.len(), more), (5, false), "beyond the head: what is open");
                break;
            }
            Live::Event(event) => panic!("{}", event.raw),
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_cannot_go_on_says_so_and_ends() {
    let server = TestServer::start().await;
    let end = Watcher::of(&server.url, "inc_1_wrong", payments()).end().await;
    assert_eq!(end.kind, Kind::Unauthenticated);
    assert!(end.hint.is_some_and(|hint| hint.contains("login")));

    let end = Watcher::of(&server.url, server.token("mallory"), payments()).end().await;
    assert_eq!((end.kind, end.detail.contains("payments")), (Kind::NotFound, true), "{end}");

    let nothing = incidentd::api::Nothing {};
    let mut bob = Watcher::of(&server.url, server.token("bob"), payments());
    let mut carol = Watcher::of(&server.url, server.token("carol"), Wanted::default());
    bob.caught_up().await;
    carol.caught_up().await;
    let member = ("payments".to_owned(), "bob".to_owned());
    let remove = &incidentd::api::teams::REMOVE_MEMBER;
    server.call("alice", remove, member, &nothing, &nothing).await.expect("removed");
    assert_eq!(bob.end().await.kind, Kind::NotFound);

    let disable = &incidentd::api::users::DISABLE_USER;
    server.call("root", disable, "carol".to_owned(), &nothing, &nothing).await.expect("disabled");
    assert_eq!(carol.end().await.kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn one_team_is_one_team_even_for_whoever_is_assigned_elsewhere() {
    let server = TestServer::start().await;
    let wanted = Wanted { teams: vec!["search".into()], ..Wanted::default() };
    let mut mallory = Watcher::of(&server.url, server.token("mallory"), wanted);
    mallory.caught_up().await;
    server.alert(json!({"title": "disk full"})).await;
    let to = incidentd::domain::Action::Reassign { to: "mallory".into(), reason: None };
    server.act("root", 1, to).await.expect("assigned");
    let path = "/integrations/fedcba9876543210fedcba9876543210/generic";
    let body = json!({"title": "index broken"}).to_string().into_bytes();
    assert_eq!(server.post_raw(path, "application/json", body).await.0, 202);
    assert_eq!(title(&mallory.event().await), "index broken");
}

#[tokio::test]
async fn a_team_that_one_joins_is_followed_from_then_on() {
    let server = TestServer::start().await;
    server.alert(json!({"title": "disk full"})).await;
    let mut mallory = Watcher::of(&server.url, server.token("mallory"), Wanted::default());
    assert_eq!(mallory.caught_up().await, 0);
    let role = incidentd::api::teams::MemberRole { role: incidentd::domain::Role::Responder };
    let (path, set) = (("payments".into(), "mallory".into()), &incidentd::api::teams::SET_MEMBER);
    server.call("alice", set, path, &incidentd::api::Nothing {}, &role).await.expect("joined");
    assert!(matches!(mallory.next().await, Live::Joined));
    let Live::Snapshot { incidents, .. } = mallory.next().await else { panic!("what is open") };
    assert_eq!(incidents[0].title, "disk full");
    mallory.caught_up().await;
    server.alert(json!({"title": "disk fuller"})).await;
    assert_eq!(title(&mallory.event().await), "disk fuller");
}
