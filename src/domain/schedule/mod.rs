//! Who is on call: rotations, and overrides on top of them, by the wall clock of one zone. Asked
//! for one instant (at night) or for a span (calendars, previews); both see the same places.
mod rotation;
pub mod told;
pub(in crate::domain) mod wall;
pub(in crate::domain) mod window;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod stories;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use rotation::{Every, Rotation};
use wall::Wall;
pub use window::{Day, Restrict, Window};

use super::id::{OverrideId, Seq, UserId};
use crate::error::FieldError;

/// No list reaches further than this from its start.
pub const HORIZON: SignedDuration = SignedDuration::from_hours(2 * 366 * 24);
/// A list that has as many ends early.
pub const MAX_SHIFTS: usize = 10_000;
/// So many handoffs are looked at for one answer.
const MAX_STEPS: usize = 20_000;

/// A schedule with all that decides who is on call. It answers whatever it holds: limits are for
/// those who change it, never for those who are paged by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub zone: TimeZone,
    /// All count: together they are a union.
    pub rotations: Vec<Rotation>,
    /// Those that reach into what is asked.
    pub overrides: Vec<Override>,
    /// People whose shifts and overrides are void.
    pub disabled: BTreeSet<UserId>,
}

/// Somebody stands in for everybody, or for one person where that person would be on call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub id: OverrideId,
    /// The write that made it: the latest wins, and the two of a swap share one.
    pub made: Seq,
    pub start: Timestamp,
    /// Not included.
    pub end: Timestamp,
    pub user: UserId,
    pub replacing: Option<UserId>,
}

/// Why somebody is on call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Because {
    /// By its place in the schedule.
    Rotation(usize),
    Override(OverrideId),
}

/// One person's span on call for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift {
    pub start: Timestamp,
    pub end: Timestamp,
    pub user: UserId,
    pub because: Because,
}

/// Nobody is on call.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Gap {
    pub start: Timestamp,
    pub end: Timestamp,
}

/// What a change of the schedule gives to somebody or takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub start: Timestamp,
    pub end: Timestamp,
    pub user: UserId,
    pub gains: bool,
}

/// A list of spans, ordered by their start and cut at what was asked: all that there is up to `to`,
/// which is earlier than asked if that was too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub to: Timestamp,
}

/// One of the places on call: a rotation's, or an override's where no rotation has one.
struct Place {
    /// All who hold it or would without a later override: the latest override of one of them wins.
    held: Vec<UserId>,
    holder: Option<(UserId, Because)>,
}

impl Schedule {
    pub const MAX_ROTATIONS: usize = 20;
    pub const MAX_OVERRIDES: usize = 500;
    /// At one instant.
    pub const MAX_AT_ONCE: usize = 50;

    /// Everybody who is on call at an instant.
    #[must_use]
    pub fn on_call_at(&self, at: Timestamp) -> BTreeSet<UserId> {
        self.reasons_at(at).into_iter().map(|(user, _)| user).collect()
    }

    /// The same, with why.
    #[must_use]
    pub fn reasons_at(&self, at: Timestamp) -> BTreeSet<(UserId, Because)> {
        let now = Wall::at(&self.zone, at);
        let mut places: Vec<Place> = self
            .rotations
            .iter()
            .enumerate()
            .filter_map(|(index, rotation)| Some((rotation.on_call(now)?, index)))
            .map(|(user, index)| self.place(user, Because::Rotation(index)))
            .collect();
        let mut active: Vec<&Override> = self.overrides.iter().filter(|o| o.covers(at)).collect();
        active.sort_by_key(|o| o.made);
        for write in active.chunk_by(|one, other| one.made == other.made) {
            self.stand_in(&mut places, write);
        }
        places.into_iter().filter_map(|place| place.holder).collect()
    }

    /// A disabled person's place is empty: nobody else of the rotation moves up.
    fn place(&self, user: UserId, because: Because) -> Place {
        let able = !self.disabled.contains(&user);
        Place { held: vec![user], holder: able.then_some((user, because)) }
    }

    /// The overrides of one write all see the places as they were before it, so that those who
    /// swap while both are on call do not end up with one of them.
    fn stand_in(&self, places: &mut Vec<Place>, write: &[&Override]) {
        if places.is_empty() && write.iter().any(|o| o.replacing.is_none()) {
            places.push(Place { held: Vec::new(), holder: None });
        }
        for place in places {
            let before = place.held.len();
            for o in write {
                let takes = o.replacing.is_none_or(|user| place.held[..before].contains(&user));
                if takes {
                    place.held.push(o.user);
                }
                if takes && !self.disabled.contains(&o.user) {
                    place.holder = Some((o.user, Because::Override(o.id)));
                }
            }
        }
    }

    /// The next instant at which any rotation or override moves.
    fn next_edge(&self, after: Timestamp) -> Option<Timestamp> {
        let now = Wall::at(&self.zone, after);
        let handoff = self.rotations.iter().filter_map(|rotation| rotation.next_edge(now)).min();
        let edges = self.overrides.iter().flat_map(|o| [o.start, o.end]);
        edges.chain(handoff.map(|wall| wall.first(&self.zone))).filter(|&edge| edge > after).min()
    }

    /// When somebody else is on call; none if that is beyond the horizon or very many handoffs.
    #[must_use]
    pub fn next_change(&self, after: Timestamp) -> Option<Timestamp> {
        let now = self.on_call_at(after);
        self.edges(after).find(|&edge| self.on_call_at(edge) != now)
    }

    /// How long `user`, on call at `at`, stays so; none if that is as far.
    #[must_use]
    pub fn until(&self, user: UserId, at: Timestamp) -> Option<Timestamp> {
        self.edges(at).find(|&edge| !self.on_call_at(edge).contains(&user))
    }

    /// The same for everybody who is on call, in one walk.
    #[must_use]
    pub fn untils(&self, at: Timestamp) -> BTreeMap<UserId, Option<Timestamp>> {
        let mut found: BTreeMap<_, _> =
            self.on_call_at(at).into_iter().map(|user| (user, None)).collect();
        for edge in self.edges(at) {
            if found.values().all(Option::is_some) {
                break;
            }
            let then = self.on_call_at(edge);
            for (user, until) in &mut found {
                if until.is_none() && !then.contains(user) {
                    *until = Some(edge);
                }
            }
        }
        found
    }

    fn edges(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        let horizon = after.saturating_add(HORIZON).unwrap_or(Timestamp::MAX);
        std::iter::successors(self.next_edge(after), |&edge| self.next_edge(edge))
            .take_while(move |&edge| edge <= horizon)
            .take(MAX_STEPS)
    }

    /// Who is on call when and why, for a calendar.
    #[must_use]
    pub fn shifts(&self, from: Timestamp, to: Timestamp) -> Listed<Shift> {
        let reasons = |at| self.reasons_at(at);
        spans(from, to, |at| self.next_edge(at), reasons)
            .map(|(start, end, (user, because))| Shift { start, end, user, because })
    }

    /// When nobody is on call.
    #[must_use]
    pub fn gaps(&self, from: Timestamp, to: Timestamp) -> Listed<Gap> {
        let empty = |at| self.on_call_at(at).is_empty().then_some(()).into_iter().collect();
        spans(from, to, |at| self.next_edge(at), empty).map(|(start, end, ())| Gap { start, end })
    }

    /// Who gains and who loses what, if this schedule becomes `new`: a preview before it is saved.
    /// Only people count, not why they are on call.
    #[must_use]
    pub fn difference(&self, new: &Self, from: Timestamp, to: Timestamp) -> Listed<Difference> {
        let edge = |at| self.next_edge(at).into_iter().chain(new.next_edge(at)).min();
        let moved = |at| {
            let (old, new) = (self.on_call_at(at), new.on_call_at(at));
            old.symmetric_difference(&new).map(|user| (*user, new.contains(user))).collect()
        };
        spans(from, to, edge, moved).map(|(start, end, (user, gains))| Difference {
            start,
            end,
            user,
            gains,
        })
    }

    /// What may not be saved; each message names its field.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut faults: Vec<(String, String)> = Vec::new();
        let (rotations, overrides) = (self.rotations.len(), self.overrides.len());
        if rotations > Self::MAX_ROTATIONS {
            let message = format!("has {rotations} entries; at most {}", Self::MAX_ROTATIONS);
            faults.push(("rotations".into(), message));
        }
        if overrides > Self::MAX_OVERRIDES {
            let message = format!("has {overrides} entries; at most {}", Self::MAX_OVERRIDES);
            faults.push(("overrides".into(), message));
        }
        let mut names = BTreeSet::new();
        for (place, rotation) in self.rotations.iter().enumerate() {
            let within = |(field, message)| (format!("rotations[{place}].{field}"), message);
            faults.extend(rotation.faults().into_iter().map(within));
            if !names.insert(&rotation.name) {
                let message = format!("`{}` is another rotation's; choose a name", rotation.name);
                faults.push(within(("name".to_owned(), message)));
            }
        }
        for (place, entry) in self.overrides.iter().enumerate() {
            let within = |(field, message)| (format!("overrides[{place}].{field}"), message);
            faults.extend(entry.faults().into_iter().map(within));
            let others = self.overrides.iter().filter(|other| other.covers(entry.start)).count();
            if others > Self::MAX_AT_ONCE {
                let message = format!("more than {} hold then; end one first", Self::MAX_AT_ONCE);
                faults.push(within(("start".to_owned(), message)));
            }
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(faults.into_iter().map(|(field, message)| FieldError { field, message }).collect())
    }
}

impl Override {
    /// The longest that somebody may stand in.
    pub const MAX_LENGTH: SignedDuration = SignedDuration::from_hours(366 * 24);

    fn covers(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// What no override may be, as (field, message).
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, message: &str| faults.push((field.into(), message.into()));
        if self.end <= self.start {
            fault("end", "needs to be after `start`");
        }
        if self.end.duration_since(self.start) > Self::MAX_LENGTH {
            fault("end", "needs to be within a year after `start`");
        }
        if self.replacing == Some(self.user) {
            fault("replacing", "needs to be another person than `user`");
        }
        faults
    }
}

impl<T> Listed<T> {
    fn map<U>(self, f: impl FnMut(T) -> U) -> Listed<U> {
        Listed { items: self.items.into_iter().map(f).collect(), to: self.to }
    }
}

/// (start, end, what) for all that holds somewhere from `from` to `to`: `state` says what holds
/// from an edge to the next. What holds on across an edge is one span.
fn spans<K: Ord + Copy>(
    from: Timestamp,
    to: Timestamp,
    next_edge: impl Fn(Timestamp) -> Option<Timestamp>,
    state: impl Fn(Timestamp) -> BTreeSet<K>,
) -> Listed<(Timestamp, Timestamp, K)> {
    let to = to.min(from.saturating_add(HORIZON).unwrap_or(Timestamp::MAX));
    let mut open: BTreeMap<K, Timestamp> = BTreeMap::new();
    let mut items = Vec::new();
    let mut at = from;
    for _ in 0..MAX_STEPS {
        if at >= to || items.len() >= MAX_SHIFTS {
            break;
        }
        let holds = state(at);
        items.extend(
            open.extract_if(.., |what, _| !holds.contains(what))
                .map(|(what, start)| (start, at, what)),
        );
        for what in holds {
            open.entry(what).or_insert(at);
        }
        at = next_edge(at).map_or(to, |edge| edge.min(to));
    }
    items.extend(open.into_iter().map(|(what, start)| (start, at, what)));
    items.sort_unstable();
    Listed { items, to: at.min(to) }
}
