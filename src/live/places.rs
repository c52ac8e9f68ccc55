//! Which socket is in which room, and what each was sent last: so that an event comes once to a
//! socket, and in order, however many of its rooms it concerns.
use std::collections::{BTreeSet, HashMap};

use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;

use crate::api::live::Room;
use crate::app::{Caller, Who};
use crate::domain::{Seq, SessionId, TokenId, UserId};
use crate::http::server::Conn;

/// A connected socket.
pub struct Place {
    pub socket: SocketRef,
    pub caller: Caller,
    /// The TCP stream it came on.
    pub conn: Option<Conn>,
    pub rooms: BTreeSet<Room>,
    /// The newest event that was queued for it.
    pub sent: Seq,
}

impl Place {
    pub fn user(&self) -> Option<UserId> {
        self.caller.user().map(|user| user.id)
    }

    pub const fn session(&self) -> Option<SessionId> {
        match &self.caller.who {
            Who::User { session, .. } => *session,
            Who::Host => None,
        }
    }

    pub const fn token(&self) -> Option<TokenId> {
        match &self.caller.who {
            Who::User { token, .. } => *token,
            Who::Host => None,
        }
    }
}

/// All sockets, in slots, so that sending to a room follows no hash for each.
#[derive(Default)]
pub struct Places {
    slots: Vec<Option<Place>>,
    free: Vec<usize>,
    by_sid: HashMap<Sid, usize>,
    rooms: HashMap<Room, BTreeSet<usize>>,
}

impl Places {
    pub fn is_empty(&self) -> bool {
        self.by_sid.is_empty()
    }

    pub fn add(&mut self, place: Place) {
        let sid = place.socket.id;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(place);
        self.by_sid.insert(sid, slot);
    }

    pub fn remove(&mut self, sid: Sid) -> Option<Place> {
        let slot = self.by_sid.remove(&sid)?;
        let place = self.slots[slot].take()?;
        for room in &place.rooms {
            self.empty(*room, slot);
        }
        self.free.push(slot);
        Some(place)
    }

    fn empty(&mut self, room: Room, slot: usize) {
        if let Some(members) = self.rooms.get_mut(&room) {
            members.remove(&slot);
            if members.is_empty() {
                self.rooms.remove(&room);
            }
        }
    }

    pub fn join(&mut self, sid: Sid, rooms: &[Room]) {
        let Some(slot) = self.by_sid.get(&sid).copied() else { return };
        let Some(place) = &mut self.slots[slot] else { return };
        for room in rooms {
            place.rooms.insert(*room);
            self.rooms.entry(*room).or_default().insert(slot);
        }
    }

    /// Leaves those of `rooms` that it is in; returns them.
    pub fn leave(&mut self, sid: Sid, rooms: &[Room]) -> Vec<Room> {
        let Some(slot) = self.by_sid.get(&sid).copied() else { return Vec::new() };
        let Some(place) = &mut self.slots[slot] else { return Vec::new() };
        let left: Vec<Room> =
            rooms.iter().copied().filter(|room| place.rooms.remove(room)).collect();
        for room in &left {
            self.empty(*room, slot);
        }
        left
    }

    pub fn get_mut(&mut self, sid: Sid) -> Option<&mut Place> {
        self.by_sid.get(&sid).and_then(|slot| self.slots[*slot].as_mut())
    }

    /// The slots of all sockets in any of `rooms`, each once.
    pub fn slots_in(&self, rooms: &BTreeSet<Room>) -> Vec<usize> {
        let members = rooms.iter().filter_map(|room| self.rooms.get(room));
        let mut slots: Vec<usize> = members.flatten().copied().collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    pub fn at_mut(&mut self, slot: usize) -> Option<&mut Place> {
        self.slots.get_mut(slot).and_then(Option::as_mut)
    }

    /// The sockets for which `wanted` holds.
    pub fn find(&self, wanted: impl Fn(&Place) -> bool) -> Vec<Sid> {
        self.slots
            .iter()
            .flatten()
            .filter(|place| wanted(place))
            .map(|place| place.socket.id)
            .collect()
    }
}
