//! What happens, as it happens: one subscription that survives lost connections, restarts and
//! sleep. It keeps one cursor; nothing is missed and nothing comes twice.
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::Client;
use super::said::{Answer, Envelope, Greeting, Notice, Scope, is_incident, read, refused, team_of};
use super::socket::{End, Socket};
use super::wire::Packet;
use crate::api::incidents::{self, ListQuery, Order};
use crate::api::live::{
    AUTHENTICATED, MEMBERSHIP_CHANGED, RATE_LIMIT_WARNING, SESSION_EXPIRED, SUBSCRIBE, Subscribe,
    TeamName, UNSUBSCRIBED,
};
use crate::api::{MAX_PAGE, Nothing};
use crate::clock::Clock;
use crate::domain::user::UserRef;
use crate::domain::{Event, Incident, Seq, TeamId};
use crate::error::{Error, Kind};

/// Before the second try and, doubling, at most; each up to half shorter, so that many clients do
/// not come back as one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What waits for whoever reads. When it is full the socket is not read on either, so that the
/// server learns of it.
const WAITING: usize = 1_024;

/// What is followed.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Ids or slugs; none: all that I may see.
    pub teams: Vec<String>,
    /// The last seq that is known already.
    pub after: Option<Seq>,
    /// What is open at the beginning is of no use, but for its head.
    pub events_alone: bool,
}

/// What a follower learns.
#[derive(Debug)]
pub enum Live {
    /// Let in. `now` is the server's clock.
    Connected {
        user: Option<UserRef>,
        now: Timestamp,
    },
    /// What is open at `head`, in place of all that was known; `more` comes as `Rest`, between
    /// events. Per incident the highest seq wins.
    Snapshot {
        head: Seq,
        incidents: Vec<Incident>,
        more: bool,
    },
    Rest {
        incidents: Vec<Incident>,
        more: bool,
    },
    Event(Box<LiveEvent>),
    /// All is known up to now; so many events had been missed.
    CaughtUp {
        changes: usize,
    },
    /// A team is ours now; what is open comes anew, its incidents among them.
    Joined,
    /// These teams are no longer ours.
    Left {
        teams: Vec<TeamId>,
        reason: String,
    },
    /// The server's words on how much we send.
    Warned(String),
    /// The connection is gone; the next try begins in `next_in`.
    /// Nothing was heard for `silent`.
    Lost {
        why: String,
        attempt: u32,
        next_in: Duration,
        silent: Duration,
    },
    /// The end: no other try makes sense.
    Refused(Error),
}

/// An event as the log has it, and as far as this version understands it.
#[derive(Debug)]
pub struct LiveEvent {
    pub seq: Seq,
    pub raw: Box<RawValue>,
    pub event: Option<Event>,
}

/// What a subscription learns, in order, without an end but `Refused`.
pub struct Lives {
    lives: mpsc::Receiver<Live>,
    nudge: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Lives {
    /// None after `Refused`. May be dropped at any point and called again.
    pub async fn next(&mut self) -> Option<Live> {
        self.lives.recv().await
    }

    /// The server answers, as somebody saw: the next try need not wait.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// What is there already.
    pub fn try_next(&mut self) -> Option<Live> {
        self.lives.try_recv().ok()
    }
}

impl futures_util::Stream for Lives {
    type Item = Live;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Live>> {
        self.lives.poll_recv(context)
    }
}

impl Drop for Lives {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins to follow.
#[must_use]
pub fn follow(client: &Client, clock: Clock, wanted: Wanted) -> Lives {
    let (tell, lives) = mpsc::channel(WAITING);
    let nudge = Arc::new(Notify::new());
    let follower = Follower {
        client: client.clone(),
        clock,
        cursor: wanted.after,
        no_rest: wanted.events_alone,
        teams: wanted.teams,
        scope: Scope::default(),
        tell,
        nudge: nudge.clone(),
        rest: None,
        early: Vec::new(),
        was_live: false,
        joined: false,
    };
    Lives { lives, nudge, task: tokio::spawn(follower.run()) }
}

struct Follower {
    client: Client,
    clock: Clock,
    teams: Vec<String>,
    cursor: Option<Seq>,
    /// Of the next snapshot.
    no_rest: bool,
    scope: Scope,
    tell: mpsc::Sender<Live>,
    nudge: Arc<Notify>,
    /// Fetches what did not fit into a snapshot; until it is done the cursor is worth nothing.
    rest: Option<JoinHandle<Result<(), Error>>>,
    /// Events that came before the ack.
    early: Vec<Box<RawValue>>,
    was_live: bool,
    /// There is a team that the next subscribe brings.
    joined: bool,
}

/// Nobody listens any more.
fn nobody() -> End {
    End::lost("nobody listens")
}

impl Follower {
    async fn run(mut self) {
        let mut attempt = 0;
        loop {
            let mut heard = self.clock.since_boot();
            let end = match self.connection(&mut heard).await {
                Ok(never) => match never {},
                Err(end) => end,
            };
            if let Some(rest) = self.rest.take() {
                rest.abort();
                self.cursor = None;
            }
            if std::mem::take(&mut self.was_live) {
                attempt = 0;
            }
            let told = match end {
                End::Refused(error) => {
                    // Nobody may be left to hear it.
                    let _ = self.tell.send(Live::Refused(error)).await;
                    return;
                }
                End::Lost { why, after } => {
                    attempt += 1;
                    let next_in = pause(attempt).max(after);
                    let silent = self.clock.since_boot().saturating_sub(heard);
                    let told = self.tell.send(Live::Lost { why, attempt, next_in, silent }).await;
                    self.wait(after).await;
                    self.wait_or_nudge(next_in.saturating_sub(after)).await;
                    told
                }
            };
            if told.is_err() {
                return;
            }
        }
    }

    /// Waits by boot time, in pieces: a machine that slept tries at once.
    async fn wait(&self, pause: Duration) {
        let until = self.clock.since_boot() + pause;
        loop {
            let left = until.saturating_sub(self.clock.since_boot());
            if left.is_zero() {
                return;
            }
            self.clock.sleep(left.min(Duration::from_secs(1))).await;
        }
    }

    async fn wait_or_nudge(&self, pause: Duration) {
        tokio::select! {
            () = self.wait(pause) => {}
            () = self.nudge.notified() => {}
        }
    }

    async fn tell(&self, live: Live) -> Result<(), End> {
        self.tell.send(live).await.map_err(|_| nobody())
    }

    /// Ends only with an error; `heard` is then when the server last said something.
    async fn connection(&mut self, heard: &mut Duration) -> Result<Infallible, End> {
        let mut socket = Socket::open(&self.client, &self.clock).await?;
        let ended = self.session(&mut socket).await;
        *heard = socket.heard();
        ended
    }

    async fn session(&mut self, socket: &mut Socket) -> Result<Infallible, End> {
        self.early.clear();
        loop {
            if let Packet::Event { name, data: Some(data) } = socket.next().await? {
                if name == AUTHENTICATED {
                    let greeting: Greeting = read(&data)?;
                    let Greeting { user, now } = greeting;
                    self.tell(Live::Connected { user, now }).await?;
                    break;
                }
                self.early.push(data);
            }
        }
        self.subscribe(socket).await?;
        self.was_live = true;
        loop {
            if std::mem::take(&mut self.joined) {
                self.subscribe(socket).await?;
                continue;
            }
            let packet = tokio::select! {
                packet = socket.next() => packet?,
                done = done(&mut self.rest) => {
                    self.rest = None;
                    if let Err(error) = done {
                        self.cursor = None;
                        return Err(End::lost(error.to_string()));
                    }
                    continue;
                }
            };
            if self.hear(packet).await? == Heard::Gap {
                self.subscribe(socket).await?;
            }
        }
    }

    /// Asks until everything up to the answer's head is known.
    async fn subscribe(&mut self, socket: &mut Socket) -> Result<(), End> {
        let mut changes = 0;
        loop {
            let names = self.teams.iter().map(|team| match team.parse() {
                Ok(id) => TeamName::Id(id),
                Err(_) => TeamName::Slug(team.clone()),
            });
            let team_ids = (!self.teams.is_empty()).then(|| names.collect());
            let ask = Subscribe { team_id: None, team_ids, after: self.cursor };
            let id = socket.ask(SUBSCRIBE, &ask).await?;
            let answer = self.answer(socket, id).await?;
            if !answer.ok {
                return Err(refused(answer.error));
            }
            if let Some(events) = answer.events {
                let before = self.cursor;
                for raw in events {
                    changes += usize::from(self.learn(raw, false).await? == Heard::News);
                }
                if answer.more {
                    if self.cursor == before {
                        return Err(End::lost("the server repeats itself"));
                    }
                    continue;
                }
            } else {
                self.reset(answer.head, &answer.incidents, answer.next_cursor).await?;
            }
            self.cursor = self.cursor.max(Some(answer.head));
            self.scope = Scope { rooms: answer.rooms, head: answer.head, last: HashMap::new() };
            break;
        }
        self.tell(Live::CaughtUp { changes }).await?;
        for raw in std::mem::take(&mut self.early) {
            self.learn(raw, true).await?;
        }
        Ok(())
    }

    /// Waits for the ack `id`; events that come before it wait for it too.
    async fn answer(&mut self, socket: &mut Socket, id: u64) -> Result<Answer, End> {
        loop {
            match socket.next().await? {
                Packet::Ack { id: found, data: Some(data) } if found == id => return read(&data),
                Packet::Event { name, data: Some(data) } if is_incident(&name) => {
                    self.early.push(data);
                }
                packet => {
                    self.hear(packet).await?;
                }
            }
        }
    }

    async fn reset(
        &mut self,
        head: Seq,
        incidents: &[Box<RawValue>],
        next: Option<String>,
    ) -> Result<(), End> {
        // One that this version cannot read is not worth losing the others.
        let incidents =
            incidents.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        self.cursor = Some(head);
        if let Some(rest) = self.rest.take() {
            rest.abort();
        }
        self.tell(Live::Snapshot { head, incidents, more: next.is_some() }).await?;
        let no_rest = std::mem::take(&mut self.no_rest);
        if let Some(cursor) = next.filter(|_| !no_rest) {
            let (client, tell) = (self.client.clone(), self.tell.clone());
            self.rest = Some(tokio::spawn(fetch_rest(client, self.teams.clone(), cursor, tell)));
        }
        Ok(())
    }

    /// What comes unasked.
    async fn hear(&mut self, packet: Packet) -> Result<Heard, End> {
        let (name, data) = match packet {
            Packet::Event { name, data: Some(data) } => (name, data),
            Packet::Disconnected => return Err(End::lost("the server ended the session")),
            _ => return Ok(Heard::Nothing),
        };
        match name.as_str() {
            name if is_incident(name) => return self.learn(data, true).await,
            UNSUBSCRIBED => {
                let notice: Notice = read(&data)?;
                self.scope.rooms.retain(|room| !notice.rooms.contains(room));
                let teams = notice.rooms.iter().filter_map(|room| team_of(room)).collect();
                self.tell(Live::Left { teams, reason: notice.reason.clone() }).await?;
                if self.scope.rooms.is_empty() && !self.teams.is_empty() {
                    return Err(End::Refused(Error::new(Kind::NotFound, notice.reason)));
                }
            }
            MEMBERSHIP_CHANGED => {
                let notice: Notice = read(&data)?;
                let follows = notice.team_id.is_none_or(|team| self.scope.follows(team));
                // Who named teams follows those alone.
                if self.teams.is_empty() && !follows {
                    self.joined = true;
                    self.tell(Live::Joined).await?;
                }
            }
            SESSION_EXPIRED => {
                let error = Error::new(Kind::Unauthenticated, "Your session or token has ended.");
                return Err(End::Refused(error.hint("Log in again: incidentd login")));
            }
            RATE_LIMIT_WARNING => {
                let notice: Notice = read(&data)?;
                if notice.message.contains("disconnected.") {
                    let after = Duration::from_millis(notice.retry_after_ms);
                    return Err(End::Lost { why: notice.message, after });
                }
                self.tell(Live::Warned(notice.message)).await?;
            }
            _ => {}
        }
        Ok(Heard::Nothing)
    }

    /// Takes an event in, unless it is known. A live one whose team's events before it are not
    /// all known is a gap, and is not taken: it comes again.
    async fn learn(&mut self, raw: Box<RawValue>, live: bool) -> Result<Heard, End> {
        let Ok(Envelope { seq, prev, incident }) = serde_json::from_str(raw.get()) else {
            return Ok(Heard::Nothing);
        };
        let team = incident.team.id;
        if self.cursor.is_some_and(|cursor| seq <= cursor) {
            return Ok(Heard::Nothing);
        }
        if live {
            if self.scope.misses(team, prev) {
                return Ok(Heard::Gap);
            }
            self.scope.last.insert(team, seq);
        }
        self.cursor = Some(seq);
        // A person's own room brings other teams' too; who named teams wants those alone.
        if live && !self.teams.is_empty() && !self.scope.follows(team) {
            return Ok(Heard::Nothing);
        }
        let event = serde_json::from_str(raw.get()).ok();
        self.tell(Live::Event(Box::new(LiveEvent { seq, raw, event }))).await?;
        Ok(Heard::News)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    News,
    Gap,
}

async fn done(rest: &mut Option<JoinHandle<Result<(), Error>>>) -> Result<(), Error> {
    match rest {
        Some(rest) => rest.await.unwrap_or_else(|error| Err(Error::internal(error))),
        None => std::future::pending().await,
    }
}

/// The pages after those incidents that fitted into the ack.
async fn fetch_rest(
    client: Client,
    team: Vec<String>,
    cursor: String,
    tell: mpsc::Sender<Live>,
) -> Result<(), Error> {
    let mut query = ListQuery {
        team,
        sort: Some(Order::Need),
        limit: Some(MAX_PAGE),
        cursor: Some(cursor),
        ..ListQuery::default()
    };
    while query.cursor.is_some() {
        let page = client.call(&incidents::LIST, Nothing {}, &query, &Nothing {}).await?;
        query.cursor = page.next_cursor;
        let more = query.cursor.is_some();
        if tell.send(Live::Rest { incidents: page.items, more }).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Before try `attempt + 1`: doubling, at most `LONGEST_PAUSE`, and up to half less by chance.
fn pause(attempt: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(5));
    let whole = doubled.min(LONGEST_PAUSE);
    whole.mul_f64(1.0 - crate::secret::chance() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_never_pass_the_cap() {
        for (attempt, whole) in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (7, 30), (4_000, 30)] {
            let whole = Duration::from_secs(whole);
            for _ in 0..50 {
                let pause = pause(attempt);
                assert!(pause <= whole && pause >= whole / 2, "{attempt}: {pause:?}");
            }
        }
    }
}
