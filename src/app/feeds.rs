//! Calendars by a secret address. Whoever has it reads what its maker may see, as long as he may.
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::changes::Thing;
use super::rota::{People, rules};
use super::schedules::seen_schedule;
use super::{App, Caller, Need};
use crate::api::feeds::{Feed, IssuedFeed, NewFeed};
use crate::clock::shift;
use crate::domain::{Actor, FeedId, UserId};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{FeedRow, Read, ScheduleRow, Write};

/// A last use is right to this.
const USED_EVERY: Duration = Duration::from_hours(1);
/// Addresses that one person may have made.
const MAX_FEEDS: usize = 50;
/// What a calendar shows at least of what was and of what comes.
const PAST: SignedDuration = SignedDuration::from_hours(2 * 7 * 24);
const AHEAD: SignedDuration = SignedDuration::from_hours(12 * 7 * 24);
/// A calendar begins and ends at a multiple of this since 1970, so that the shift that is cut there
/// is the same one from day to day.
const EDGE: i64 = 4 * 7 * 24 * 3_600;

/// Shifts and gaps, for whoever writes them in a format.
#[derive(Clone, Debug)]
pub struct Calendar {
    pub name: String,
    /// When it was read.
    pub at: Timestamp,
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    /// The same for the same shift, whenever it is read.
    pub uid: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub summary: String,
}

fn absent(id: FeedId) -> Error {
    Error::not_found(format_args!("Feed {id}"))
}

impl App {
    /// # Errors
    /// `Forbidden` for a token that is good for one team only.
    pub async fn feeds(&self, caller: &Caller) -> Result<Vec<Feed>> {
        caller.must_have(Need::Manage)?;
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| {
                let schedules = r.schedules()?;
                let mut feeds = Vec::new();
                for row in r.feeds()? {
                    let of = schedules.iter().find(|one| Some(one.id) == row.schedule);
                    if manages(r, &caller, &row, of) {
                        feeds.push(Feed {
                            id: row.id,
                            schedule: of.map(|one| one.slug.clone()),
                            made_by: row.made_by,
                            created_at: row.created_at,
                            last_used_at: row.last_used_at,
                        });
                    }
                }
                Ok(feeds)
            })
            .await
    }

    /// # Errors
    /// `NotFound` for a schedule that the caller may not see.
    pub async fn create_feed(&self, caller: &Caller, new: NewFeed) -> Result<IssuedFeed> {
        caller.must_have(Need::Manage)?;
        let maker = caller.themself()?.clone();
        let (secret, by, base) = (Secret::random()?, caller.clone(), self.public_url().to_owned());
        self.write_once(caller, move |w| {
            if w.feeds()?.iter().filter(|one| one.made_by.id == maker.id).count() >= MAX_FEEDS {
                return Err(Error::refused(format!("You have {MAX_FEEDS} feeds already."))
                    .hint("End those that nobody reads: incidentd schedule feed list"));
            }
            let of = new.schedule.as_ref().map(|name| seen_schedule(w, &by, Need::Read, name));
            let of = of.transpose()?;
            let id = w.insert_feed(of.as_ref().map(|one| one.id), maker.id, &secret.hash())?;
            let name = of.as_ref().map_or(&maker.username, |one| &one.slug);
            Thing { what: "feed", id: id.0, name }.log(w, "created", &by.actor())?;
            Ok(IssuedFeed { id, url: format!("{base}/feeds/{}.ics", secret.expose()) })
        })
        .await
    }

    /// # Errors
    /// `NotFound` for what the caller did not make and does not manage.
    pub async fn delete_feed(&self, caller: &Caller, id: FeedId) -> Result<()> {
        caller.must_have(Need::Manage)?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let row = w.find_feed(id)?.ok_or_else(|| absent(id))?;
            let of = w.schedules()?.into_iter().find(|one| Some(one.id) == row.schedule);
            if !manages(w, &caller, &row, of.as_ref()) {
                return Err(absent(id));
            }
            end_feed(w, &row, of.as_ref(), &caller.actor())
        })
        .await
    }

    /// What the address with this secret shows.
    ///
    /// # Errors
    /// `NotFound` if it never was, is over, or shows what its maker may not see any more.
    pub async fn calendar(&self, secret: &Secret) -> Result<Calendar> {
        let (hash, now) = (secret.hash(), self.now());
        let read = self.0.store.read(move |r| {
            let row = r.find_feed_by_secret(&hash)?.ok_or_else(gone)?;
            let calendar = calendar(r, &row, now)?;
            Ok((row, calendar))
        });
        let (row, calendar) = read.await?;
        if row.last_used_at.is_none_or(|last| shift(last, USED_EVERY) <= now) {
            // The calendar is worth more than the note.
            let _ = self.write(move |w| w.use_feed(row.id)).await;
        }
        Ok(calendar)
    }
}

fn end_feed(w: &mut Write<'_>, row: &FeedRow, of: Option<&ScheduleRow>, by: &Actor) -> Result<()> {
    let name = of.map_or(&row.made_by.username, |one| &one.slug);
    Thing { what: "feed", id: row.id.0, name }.log(w, "removed", by)?;
    w.delete_feed(row.id)
}

/// Ends all that somebody made.
pub(super) fn end_feeds(w: &mut Write<'_>, made_by: UserId, by: &Actor) -> Result<()> {
    let schedules = w.schedules()?;
    for row in w.feeds()?.iter().filter(|row| row.made_by.id == made_by) {
        let of = schedules.iter().find(|one| Some(one.id) == row.schedule);
        end_feed(w, row, of, by)?;
    }
    Ok(())
}

fn gone() -> Error {
    Error::not_found("This calendar")
}

/// His own, one of a schedule that he manages, or any for a platform admin.
fn manages(r: &Read<'_>, caller: &Caller, row: &FeedRow, of: Option<&ScheduleRow>) -> bool {
    let own = caller.team.is_none() && caller.user().is_some_and(|user| user.id == row.made_by.id);
    let managed = of.is_some_and(|one| caller.may(r, Need::Manage, one.team.id, "").is_ok());
    own || managed || caller.is_platform_admin()
}

fn calendar(r: &Read<'_>, row: &FeedRow, now: Timestamp) -> Result<Calendar> {
    let maker = r.find_user(row.made_by.id)?.filter(|user| user.disabled_at.is_none());
    let maker = maker.ok_or_else(gone)?;
    let mut schedules = r.schedules()?;
    let (name, only) = match row.schedule {
        Some(id) => {
            schedules.retain(|one| one.id == id);
            let of = schedules.first().ok_or_else(gone)?;
            if !maker.admin && r.find_role(of.team.id, maker.id)?.is_none() {
                return Err(gone());
            }
            (format!("On call: {}", of.slug), None)
        }
        None => (format!("{} on call", maker.username), Some(maker.id)),
    };
    let mut entries = Vec::new();
    for of in &schedules {
        entries.extend(shifts(r, of, only, now)?);
    }
    entries.sort_by_key(|entry| entry.start);
    Ok(Calendar { name, at: now, entries })
}

/// Shifts and gaps of a schedule; or the shifts of one person.
fn shifts(
    r: &Read<'_>,
    of: &ScheduleRow,
    only: Option<UserId>,
    now: Timestamp,
) -> Result<Vec<Entry>> {
    let (from, until) = (edge(now.saturating_sub(PAST), 0), edge(now.saturating_add(AHEAD), 1));
    let rules = rules(r, of, from, until)?;
    let mut people = People::default();
    let mut entries = Vec::new();
    let entry = |who: i64, name: &str, start: Timestamp, end: Timestamp| Entry {
        uid: format!("schedule-{}-user-{who}-{}@incidentd", of.id, start.as_second()),
        start,
        end,
        summary: format!("{name} on call: {}", of.slug),
    };
    for shift in rules.shifts(from, until).items {
        if only.is_none_or(|only| only == shift.user) {
            let user = people.one(r, shift.user)?;
            entries.push(entry(user.id.0, &user.username, shift.start, shift.end));
        }
    }
    if only.is_none() {
        let gaps = rules.gaps(from, until).items;
        entries.extend(gaps.into_iter().map(|gap| entry(0, "NOBODY", gap.start, gap.end)));
    }
    Ok(entries)
}

/// The multiple of `EDGE` at or before a moment, or `more` later.
fn edge(at: std::result::Result<Timestamp, jiff::Error>, more: i64) -> Timestamp {
    let edge =
        |at: Timestamp| Timestamp::from_second((at.as_second().div_euclid(EDGE) + more) * EDGE);
    at.and_then(edge).unwrap_or(if more == 0 { Timestamp::MIN } else { Timestamp::MAX })
}
