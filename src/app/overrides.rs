//! Who stands in for whom. Responders settle what concerns themselves, a team's admins all; what
//! was is never changed.
use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::incidents::{named, page_size};
use super::rota::{People, rules};
use super::schedules::{bounds, may_name, seen_schedule, thing};
use super::{App, Caller, Need};
use crate::api::Page;
use crate::api::schedules::{Back, NewOverride, Override, OverridesQuery, SpanQuery, Swap, Take};
use crate::clock::shift;
use crate::domain::schedule;
use crate::domain::{OverrideId, Seq, UserId};
use crate::error::{Error, Result};
use crate::store::{Read, ScheduleRow, User, Write};

/// The longest that somebody takes a schedule without saying how long.
const TAKEN: SignedDuration = SignedDuration::from_hours(24);

/// Who stands in when, before it is written.
struct Wanted {
    user: User,
    replacing: Option<User>,
    start: Timestamp,
    end: Timestamp,
}

impl App {
    /// # Errors
    /// `NotFound` for strangers.
    pub async fn overrides(
        &self,
        caller: &Caller,
        schedule: String,
        query: OverridesQuery,
    ) -> Result<Page<Override>> {
        let (caller, now) = (caller.clone(), self.now());
        let limit = page_size(query.limit)?;
        let until = query.until.unwrap_or(Timestamp::MAX);
        let (from, to) = bounds(SpanQuery { from: query.from, until: Some(until) }, now)?;
        self.0
            .store
            .read(move |r| {
                let row = seen_schedule(r, &caller, Need::Read, &schedule)?;
                let found = shown(r, r.overrides(row.id, from, to)?)?;
                // In the order of time; of two that begin at once the older is the first.
                let key = |it: &Override| format!("{}:{:020}", it.start, it.id.0);
                Ok(Page::cut(found, query.cursor.as_deref(), limit, key))
            })
            .await
    }

    /// # Errors
    /// `Forbidden` for a responder whom it does not concern.
    pub async fn create_override(
        &self,
        caller: &Caller,
        schedule: String,
        new: NewOverride,
    ) -> Result<Override> {
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let row = seen_schedule(w, &by, Need::Respond, &schedule)?;
            let user = person(w, &by, &row, "user", &new.user)?;
            let replacing = new.replacing.as_ref();
            let replacing =
                replacing.map(|name| person(w, &by, &row, "replacing", name)).transpose()?;
            let wanted = Wanted { user, replacing, start: new.start, end: new.end };
            add(w, &by, &row, "overrode", vec![wanted]).and_then(only)
        })
        .await
    }

    /// # Errors
    /// As `create_override`.
    pub async fn swap(
        &self,
        caller: &Caller,
        schedule: String,
        swap: Swap,
    ) -> Result<Page<Override>> {
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let row = seen_schedule(w, &by, Need::Respond, &schedule)?;
            let one = person(w, &by, &row, "user", &swap.user)?;
            let other = person(w, &by, &row, "with", &swap.with)?;
            if one.id == other.id {
                return Err(Error::invalid("with", "needs to be another person than `user`"));
            }
            let Swap { start, end, .. } = swap;
            let back = swap.back.unwrap_or(Back { start, end });
            let there = Wanted { user: other.clone(), replacing: Some(one.clone()), start, end };
            let (start, end) = (back.start, back.end);
            let here = Wanted { user: one, replacing: Some(other), start, end };
            add(w, &by, &row, "swapped", vec![there, here]).map(Page::whole)
        })
        .await
    }

    /// # Errors
    /// `Refused` for the host's administrator, who is nobody.
    pub async fn take(&self, caller: &Caller, schedule: String, take: Take) -> Result<Override> {
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let row = seen_schedule(w, &by, Need::Respond, &schedule)?;
            let me = by.user().ok_or_else(|| {
                Error::refused("Over the control socket you are the host's administrator, no user.")
                    .hint("Name somebody: incidentd schedule override NAME --user USER …")
            })?;
            let now = w.now();
            let end = match take.span {
                Some(span) => shift(now, span.duration()),
                None => {
                    let day = now.saturating_add(TAKEN).unwrap_or(Timestamp::MAX);
                    let turn = rules(w, &row, now, Timestamp::MAX)?.next_change(now);
                    turn.unwrap_or(day).min(day)
                }
            };
            let user = w.username(&me.username)?;
            let wanted = Wanted { user, replacing: None, start: now, end };
            add(w, &by, &row, "taken", vec![wanted]).and_then(only)
        })
        .await
    }

    /// Ends one from now on; ended already, it stays so.
    ///
    /// # Errors
    /// `NotFound` if there is none; `Forbidden` for a responder whom it does not concern.
    pub async fn end_override(
        &self,
        caller: &Caller,
        schedule: String,
        id: OverrideId,
    ) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let row = seen_schedule(w, &caller, Need::Respond, &schedule)?;
            let none = || Error::not_found(format_args!("Override {id} of `{}`", row.slug));
            let found = w.find_override(row.id, id)?.ok_or_else(none)?;
            must_concern(w, &caller, &row, [Some(found.user), found.replacing])?;
            if found.end <= w.now() {
                return Ok(());
            }
            let words = in_words(&shown(w, vec![found])?);
            thing(row.id, &row.slug).log(w, &format!("ended: {words}"), &caller.actor())?;
            w.end_override(id)
        })
        .await
    }
}

/// Somebody who can be on call: `me`, or a name that the caller may know.
fn person(
    r: &Read<'_>,
    caller: &Caller,
    row: &ScheduleRow,
    field: &str,
    name: &str,
) -> Result<User> {
    let nobody = || Error::unknown(field, format!("there is no user `{name}`"));
    let user = r.find_username(&named(caller, name)?)?.ok_or_else(nobody)?;
    if !may_name(r, caller, row.team.id, &row.rotations, user.id)? {
        return Err(nobody());
    }
    Ok(user)
}

/// # Errors
/// `Forbidden` for a responder who is none of `people`.
fn must_concern(
    r: &Read<'_>,
    caller: &Caller,
    row: &ScheduleRow,
    people: [Option<UserId>; 2],
) -> Result<()> {
    let me = caller.user().map(|me| me.id);
    if me.is_some() && people.contains(&me) {
        return Ok(());
    }
    caller.may(r, Need::Manage, row.team.id, "This schedule").map_err(|_| {
        Error::forbidden(
            "You may stand in for others and be stood in for, but not settle it for them.",
        )
        .hint("Ask one of them, or an admin of the team.")
    })
}

/// All in one write, so that those who swap see each other as they were before it.
fn add(
    w: &mut Write<'_>,
    caller: &Caller,
    row: &ScheduleRow,
    what: &str,
    wanted: Vec<Wanted>,
) -> Result<Vec<Override>> {
    let now = w.now();
    let mut new = Vec::new();
    for Wanted { user, replacing, start, end } in wanted {
        let replaced = replacing.as_ref().map(|user| user.id);
        must_concern(w, caller, row, [Some(user.id), replaced])?;
        if user.disabled_at.is_some() {
            return Err(Error::refused(format!("{} is disabled.", user.username)));
        }
        if end <= now {
            return Err(Error::invalid("end", "is over; what was stays as it was"));
        }
        let (id, made) = (OverrideId::default(), Seq::default());
        let (start, end) = (whole(start.max(now)), whole(end));
        new.push(schedule::Override { id, made, start, end, user: user.id, replacing: replaced });
    }
    check(w, row, &new)?;
    let words = in_words(&shown(w, new.clone())?);
    let made = thing(row.id, &row.slug).record(w, &format!("{what}: {words}"), &caller.actor())?;
    for one in &mut new {
        one.made = made;
        one.id = w.insert_override(row.id, one)?;
    }
    shown(w, new)
}

/// What would be too much, or makes no sense.
fn check(r: &Write<'_>, row: &ScheduleRow, new: &[schedule::Override]) -> Result<()> {
    for one in new {
        if let Some((field, message)) = one.faults().into_iter().next() {
            return Err(Error::invalid(&field, message));
        }
    }
    let mut overrides = r.overrides(row.id, r.now(), Timestamp::MAX)?;
    overrides.extend_from_slice(new);
    let rules = schedule::Schedule {
        zone: TimeZone::UTC,
        rotations: Vec::new(),
        overrides,
        disabled: BTreeSet::default(),
    };
    match rules.check().err().and_then(|wrong| wrong.into_iter().next()) {
        Some(wrong) => {
            let field = wrong.field.rsplit('.').next().unwrap_or_default();
            Err(Error::invalid(field, wrong.message))
        }
        None => Ok(()),
    }
}

/// Without the parts of a second, which nobody says.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn only(mut made: Vec<Override>) -> Result<Override> {
    made.pop().ok_or_else(|| Error::internal("an override was made and is not there"))
}

fn shown(r: &Read<'_>, overrides: Vec<schedule::Override>) -> Result<Vec<Override>> {
    let mut people = People::default();
    let mut found = Vec::new();
    for schedule::Override { id, start, end, user, replacing, .. } in overrides {
        let user = people.one(r, user)?;
        let replacing = replacing.map(|user| people.one(r, user)).transpose()?;
        found.push(Override { id, start, end, user, replacing });
    }
    Ok(found)
}

fn in_words(overrides: &[Override]) -> String {
    let words = |one: &Override| {
        let whom = one.replacing.as_ref().map_or("all", |user| user.username.as_str());
        format!("{} for {whom} from {} until {}", one.user.username, one.start, one.end)
    };
    overrides.iter().map(words).collect::<Vec<_>>().join(", ")
}
