//! The follower that sends: reads the log in order, sends each event to its rooms, obeys changes
//! of access, and lets sockets in and out. One task, so the order is total.
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::value::RawValue;
use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::socket::Sid;
use socketioxide::{SendError, SocketError};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::command::{Command, answer};
use super::door::Door;
use super::places::{Place, Places};
use super::seam::{Ring, access, add_recent, rooms_of, wire};
use crate::api::live::{
    AUTHENTICATED, Authenticated, Left, MEMBERSHIP_CHANGED, MembershipChanged, RATE_LIMIT_WARNING,
    Refused, Room, SESSION_EXPIRED, SessionExpired, Subscribed, UNSUBSCRIBED, Unsubscribed,
};
use crate::app::{App, Caller, Joining, LogRow};
use crate::domain::event::Access;
use crate::domain::{Seq, UserId};
use crate::error::{Error, Result};
use crate::http::server::Conn;
use crate::metrics::Metrics;

/// Rows read at once.
const ROWS: u32 = 256;
/// Events that go to one socket before the next socket's turn, so that they leave in one write.
const RUN: usize = 64;
/// Sends after which other tasks get their turn, so that queues can drain.
const YIELD_AFTER: usize = 64;
/// A row that brings the loop down this often is skipped, loudly.
const ATTEMPTS: u32 = 3;
const BEAT: Duration = Duration::from_secs(1);

/// Survives a panic of its loop: what it knows lies behind a lock.
#[derive(Clone)]
pub struct Emitter {
    state: Arc<Mutex<State>>,
    metrics: Metrics,
}

struct State {
    app: App,
    metrics: Metrics,
    commands: mpsc::Receiver<Command>,
    door: Arc<Door>,
    places: Places,
    cursor: Seq,
    ring: Ring,
    trying: Trying,
}

/// What is being sent, so that a row which brings the loop down is found and skipped.
#[derive(Default)]
struct Trying {
    row: Seq,
    times: u32,
    /// Where the last run ends: one that did not get there is told again row by row.
    run_to: Seq,
}

impl Emitter {
    pub fn new(
        app: App,
        metrics: Metrics,
        commands: mpsc::Receiver<Command>,
        door: Arc<Door>,
    ) -> Self {
        let cursor = *app.head().borrow();
        metrics.emitter_cursor.store(cursor.0, Ordering::Relaxed);
        let state = State {
            app,
            metrics: metrics.clone(),
            commands,
            door,
            places: Places::default(),
            cursor,
            ring: Ring::default(),
            trying: Trying::default(),
        };
        Self { state: Arc::new(Mutex::new(state)), metrics }
    }

    /// Runs for ever; started again after a panic it goes on where it was.
    pub async fn run(self) {
        let mut state = self.state.lock().await;
        self.metrics.emitter_beat.now();
        let mut head = state.app.head();
        loop {
            match state.advance(None).await {
                Ok(()) => self.metrics.emitter_beat.now(),
                Err(error) => {
                    tracing::error!(%error, "the log cannot be read");
                    crate::clock::Clock::System.sleep(BEAT).await;
                    continue;
                }
            }
            tokio::select! {
                changed = head.changed() => if changed.is_err() { return },
                command = state.commands.recv() => match command {
                    Some(command) => state.obey(command).await,
                    None => return,
                },
                () = crate::clock::Clock::System.sleep(BEAT) => {}
            }
        }
    }
}

impl State {
    /// Sends everything up to the head, or at least up to `until`.
    async fn advance(&mut self, until: Option<Seq>) -> Result<()> {
        if self.places.is_empty() {
            // Nobody to tell, and nobody whose seam a row could close.
            self.skip_to_head();
            return Ok(());
        }
        loop {
            let rows = self.app.events_after(self.cursor, ROWS).await?;
            let full = rows.len() == ROWS as usize;
            let mut rows = rows.into_iter().peekable();
            while let Some(first) = rows.next() {
                let mut run = vec![first];
                while !self.is_alone(&run)
                    && let Some(row) = rows.next_if(|row| row.incident.is_some())
                {
                    run.push(row);
                }
                self.step(run).await;
            }
            if !full || until.is_some_and(|until| self.cursor >= until) {
                return Ok(());
            }
        }
    }

    fn skip_to_head(&mut self) {
        // What was read last may be newer than what the writer has announced.
        self.cursor = self.cursor.max(*self.app.head().borrow());
        self.ring.clear();
        self.metrics.emitter_cursor.store(self.cursor.0, Ordering::Relaxed);
    }

    /// May nothing more go with these rows?
    fn is_alone(&self, run: &[LogRow]) -> bool {
        let access = run.first().is_none_or(|row| row.incident.is_none());
        access || run.len() == RUN || self.cursor < self.trying.run_to
    }

    /// Sends a run of incident events, or obeys one other row.
    async fn step(&mut self, run: Vec<LogRow>) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
        let (first, last) = (first.seq, last.seq);
        let times = if self.trying.row == first { self.trying.times + 1 } else { 1 };
        self.trying = Trying { row: first, times, run_to: self.trying.run_to.max(last) };
        if times > ATTEMPTS {
            self.metrics.skipped_events.inc();
            tracing::error!(seq = %first, "an event brought the emitter down {ATTEMPTS} times: skipped");
        } else {
            self.send(&run).await;
            if let Some(change) = run.first().and_then(access) {
                self.follow_access(&change);
            }
        }
        for row in run {
            self.ring.push(row);
        }
        self.cursor = last;
        self.metrics.emitter_cursor.store(last.0, Ordering::Relaxed);
    }

    /// Events to every socket that they concern: all of them to one socket, then to the next.
    async fn send(&mut self, run: &[LogRow]) {
        let slots = self.places.slots_in(&run.iter().flat_map(rooms_of).collect());
        if slots.is_empty() {
            return;
        }
        let events: Vec<_> = run.iter().filter_map(|row| Some((row, payload(row)?))).collect();
        let mut lagging = Vec::new();
        let mut sends = 0;
        for slot in slots {
            let Some(place) = self.places.at_mut(slot) else { continue };
            for (row, payload) in &events {
                if !rooms_of(row).any(|room| place.rooms.contains(&room)) {
                    continue;
                }
                sends += 1;
                if !deliver(&self.metrics, place, row, payload) {
                    lagging.push(place.socket.id);
                    break;
                }
            }
            if sends >= YIELD_AFTER {
                sends = 0;
                tokio::task::yield_now().await;
            }
        }
        for sid in lagging {
            self.cut(sid);
        }
    }

    /// A socket that did not take an event has lost its place: it is cut, and its client comes
    /// back with the last seq that it has.
    fn cut(&mut self, sid: Sid) {
        if let Some(place) = self.places.remove(sid) {
            self.metrics.lagging.inc();
            tracing::warn!(socket = %sid, "a socket reads too slowly and is cut off");
            self.door.cut(sid, place.conn.as_ref());
        }
    }

    /// Ends a socket for good: its client is told not to come back with this credential.
    fn expire(&mut self, sid: Sid, message: &'static str) {
        let Some(place) = self.places.remove(sid) else { return };
        let told = place.socket.emit(SESSION_EXPIRED, &SessionExpired { message });
        if told.is_err() || place.socket.disconnect().is_err() {
            self.door.cut(sid, place.conn.as_ref());
        }
    }

    fn follow_access(&mut self, change: &Access) {
        let of = |user: UserId| move |place: &Place| place.user() == Some(user);
        match change {
            Access::MemberSet { team, user, role } => {
                let news = MembershipChanged { team_id: *team, role };
                // A token for one team sees no other, whatever becomes of its owner.
                let told =
                    |place: &Place| place.user() == Some(*user) && place.caller.team.is_none();
                for sid in self.places.find(told) {
                    let Some(place) = self.places.get_mut(sid) else { continue };
                    if place.socket.emit(MEMBERSHIP_CHANGED, &news).is_err() {
                        self.cut(sid);
                    }
                }
            }
            Access::MemberRemoved { team, user } => {
                for sid in self.places.find(of(*user)) {
                    self.leave_team(sid, Room::Team(*team));
                }
            }
            Access::UserDisabled { user } => {
                for sid in self.places.find(of(*user)) {
                    self.expire(sid, "Your account was disabled.");
                }
            }
            Access::UserChanged { user, admin } => {
                // What he may see changed: his clients come back and are asked anew.
                let stale = |place: &Place| {
                    place.user() == Some(*user)
                        && place.caller.is_platform_admin() != *admin
                        && place.caller.team.is_none()
                };
                for sid in self.places.find(stale) {
                    if let Some(place) = self.places.remove(sid) {
                        self.door.cut(sid, place.conn.as_ref());
                    }
                }
            }
            Access::SessionEnded { session, expired, .. } => {
                let message =
                    if *expired { "Your session expired." } else { "Your session was ended." };
                for sid in self.places.find(|place| place.session() == Some(*session)) {
                    self.expire(sid, message);
                }
            }
            Access::TokenEnded { token, expired, .. } => {
                let message =
                    if *expired { "Your token expired." } else { "Your token was revoked." };
                for sid in self.places.find(|place| place.token() == Some(*token)) {
                    self.expire(sid, message);
                }
            }
            _ => {}
        }
    }

    fn leave_team(&mut self, sid: Sid, room: Room) {
        if self.places.get_mut(sid).is_some_and(|place| place.caller.is_platform_admin()) {
            return;
        }
        let rooms = self.places.leave(sid, &[room]);
        let Some(place) = self.places.get_mut(sid).filter(|_| !rooms.is_empty()) else { return };
        let notice = Unsubscribed { rooms, reason: "You are no longer a member of this team." };
        if place.socket.emit(UNSUBSCRIBED, &notice).is_err() {
            self.cut(sid);
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Connect { socket, caller, conn, heard_from } => {
                self.connect(socket, *caller, conn);
                // Its inbox went away: nobody to tell.
                let _ = heard_from.send(self.cursor);
            }
            Command::Disconnect { sid } => {
                self.places.remove(sid);
            }
            Command::Join { sid, joining, ack, unused } => {
                self.join(sid, joining, ack, unused).await;
            }
            Command::Leave { sid, rooms, ack } => {
                let rooms = rooms.unwrap_or_else(|| {
                    self.places.get_mut(sid).map_or_else(Vec::new, |place| {
                        let own = |room: &&Room| !matches!(room, Room::User(_));
                        place.rooms.iter().filter(own).copied().collect()
                    })
                });
                let rooms = self.places.leave(sid, &rooms);
                answer(ack, &Left { ok: true, rooms });
            }
            Command::Warn { sid, warning, over } => {
                let Some(place) = self.places.get_mut(sid) else { return };
                let told = place.socket.emit(RATE_LIMIT_WARNING, &warning);
                if over
                    && let Some(place) = self.places.remove(sid)
                    && (told.is_err() || place.socket.disconnect().is_err())
                {
                    self.door.cut(sid, place.conn.as_ref());
                }
            }
            Command::Expire { sid } => self.expire(sid, "Your session or token is no longer good."),
        }
    }

    fn connect(&mut self, socket: SocketRef, caller: Caller, conn: Option<Conn>) {
        let sid = socket.id;
        let user = caller.user().cloned();
        // A token for one team shows nothing of the others.
        let own = user.as_ref().filter(|_| caller.team.is_none()).map(|user| Room::User(user.id));
        let hello = Authenticated {
            user,
            head: self.cursor,
            now: self.app.now(),
            version: env!("CARGO_PKG_VERSION"),
        };
        if matches!(socket.emit(AUTHENTICATED, &hello), Err(SendError::Socket(SocketError::Closed)))
        {
            // It went before its hello; its goodbye may have come before this.
            return;
        }
        let sent = self.cursor;
        self.places.add(Place {
            socket,
            caller,
            conn,
            rooms: std::collections::BTreeSet::new(),
            sent,
        });
        self.places.join(sid, own.as_slice());
    }

    /// The seam: first up to what the subscriber's read saw; then, without a pause, refused if
    /// his access went since, else answered, sent what came after his read, and joined.
    async fn join(
        &mut self,
        sid: Sid,
        joining: Joining,
        ack: AckSender,
        unused: oneshot::Sender<AckSender>,
    ) {
        if self.cursor < joining.head && self.advance(Some(joining.head)).await.is_err() {
            let error = Error::unavailable("The log cannot be read; subscribe again.");
            return answer(ack, &Refused::from(&error));
        }
        let Joining { rooms, user, head, backlog } = joining;
        if !self.ring.reaches(head, self.cursor) || self.ring.access_went(&rooms, user, head) {
            // Read again: what he may see, or what came since, is no longer what was read.
            let _ = unused.send(ack);
            return;
        }
        let backlog = add_recent(backlog, &self.ring.recent(head, &rooms));
        let (backlog, complete) = wire(backlog);
        let head = self.cursor;
        let subscribed = Subscribed { ok: true, rooms: rooms.clone(), head, backlog };
        if matches!(ack.send(&subscribed), Err(SendError::Socket(SocketError::InternalChannelFull)))
        {
            // Joined without knowing from where would be a gap.
            return self.cut(sid);
        }
        if complete {
            self.places.join(sid, &rooms);
        }
    }
}

/// False if the socket's queue did not take it.
fn deliver(metrics: &Metrics, place: &mut Place, row: &LogRow, payload: &RawValue) -> bool {
    if row.seq <= place.sent {
        return true;
    }
    place.sent = row.seq;
    match place.socket.emit(&row.name, payload) {
        Ok(()) => {
            metrics.emitted.inc();
            true
        }
        // Its goodbye is on the way.
        Err(SendError::Socket(SocketError::Closed)) => true,
        Err(error) => {
            metrics.emit_failures.inc();
            tracing::debug!(socket = %place.socket.id, %error, "an event was not queued");
            false
        }
    }
}

fn payload(row: &LogRow) -> Option<&RawValue> {
    let payload = serde_json::from_str(&row.json).ok();
    if payload.is_none() {
        tracing::error!(seq = %row.seq, "a row of the log is no JSON");
    }
    payload
}
