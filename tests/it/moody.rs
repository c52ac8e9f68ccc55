//! A far end with moods: well, away, flaky, refusing, gone; and it may hang.
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use axum::http::{StatusCode, Uri};
use incidentd::clock::Clock;
use serde_json::Value;
use tokio::sync::watch;

use crate::auditor::Post;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Well,
    Away,
    /// Every other message.
    Flaky,
    Refuses,
    /// Nothing arrives.
    Gone,
}

/// A far end with moods; what it hangs on to it lets go of when it is told to.
pub struct Line {
    pub url: String,
    mood: Mutex<Mood>,
    hang_next: AtomicBool,
    hung: Mutex<HashSet<String>>,
    go: watch::Sender<()>,
    heard: Mutex<Vec<Post>>,
    clock: OnceLock<Clock>,
}

/// Somebody waits at this address.
struct Hung<'a>(&'a Line, String);

impl Drop for Hung<'_> {
    fn drop(&mut self) {
        self.0.hung.lock().expect("unpoisoned").remove(&self.1);
    }
}

impl Line {
    pub async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let line = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            mood: Mutex::new(Mood::Well),
            hang_next: AtomicBool::default(),
            hung: Mutex::default(),
            go: watch::Sender::new(()),
            heard: Mutex::default(),
            clock: OnceLock::new(),
        });
        let here = line.clone();
        let hear = move |uri: Uri, body: axum::Json<Value>| {
            let here = here.clone();
            async move { here.hear(uri.path(), body.0).await }
        };
        let router = axum::Router::new().fallback(hear);
        tokio::spawn(async move { axum::serve(listener, router).await });
        line
    }

    pub fn goes_by(&self, clock: Clock) {
        assert!(self.clock.set(clock).is_ok(), "it has one");
    }

    pub fn is(&self, mood: Mood) {
        *self.mood.lock().expect("unpoisoned") = mood;
    }

    /// Answers what it hangs on to; `hangs`: it will hang on to the next.
    pub fn let_go(&self, hangs: bool) {
        self.hang_next.store(hangs, Ordering::Relaxed);
        self.go.send_replace(());
    }

    /// The addresses at which somebody waits for an answer.
    pub fn hung(&self) -> HashSet<String> {
        self.hung.lock().expect("unpoisoned").clone()
    }

    pub fn heard(&self) -> Vec<Post> {
        self.heard.lock().expect("unpoisoned").clone()
    }

    async fn hear(&self, path: &str, said: Value) -> StatusCode {
        if *self.mood.lock().expect("unpoisoned") == Mood::Gone {
            return StatusCode::BAD_GATEWAY;
        }
        let now = || self.clock.get().expect("the server came first").now();
        let at = now();
        let address = format!("{}{path}", self.url);
        let n = {
            let mut heard = self.heard.lock().expect("unpoisoned");
            heard.push(Post { at, address: address.clone(), said, answered: 0, answered_at: at });
            heard.len()
        };
        if self.hang_next.swap(false, Ordering::Relaxed) {
            let mut go = self.go.subscribe();
            self.hung.lock().expect("unpoisoned").insert(address.clone());
            let _waits = Hung(self, address);
            let _ = go.changed().await;
        }
        let status = match *self.mood.lock().expect("unpoisoned") {
            Mood::Away | Mood::Gone => 503,
            Mood::Flaky if n.is_multiple_of(2) => 503,
            Mood::Refuses => 410,
            Mood::Well | Mood::Flaky => 200,
        };
        let mut heard = self.heard.lock().expect("unpoisoned");
        (heard[n - 1].answered, heard[n - 1].answered_at) = (status, now());
        StatusCode::from_u16(status).expect("a status")
    }
}
