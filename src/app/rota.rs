//! Who is on call at any moment, by the rules, the stand-ins and the people of now: what schedules,
//! pages, calendars and warnings of gaps all ask.
use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::api::schedules::{OnCall, ScheduleRef, Shift};
use crate::domain::UserId;
use crate::domain::schedule::{self, Because};
use crate::domain::user::UserRef;
use crate::error::{Error, Result};
use crate::store::{Read, ScheduleRow};

/// How far a list reaches, unless asked otherwise.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_hours(4 * 7 * 24);

/// Names for ids, each looked up once.
#[derive(Default)]
pub(super) struct People(BTreeMap<UserId, UserRef>);

impl People {
    pub(super) fn one(&mut self, r: &Read<'_>, user: UserId) -> Result<UserRef> {
        if let Some(known) = self.0.get(&user) {
            return Ok(known.clone());
        }
        let found = r.find_user(user)?.ok_or_else(|| Error::not_found("This user"))?;
        Ok(self.0.entry(user).or_insert_with(|| found.reference()).clone())
    }

    pub(super) fn shift(
        &mut self,
        r: &Read<'_>,
        of: &ScheduleRow,
        shift: schedule::Shift,
    ) -> Result<Shift> {
        let schedule::Shift { start, end, user, because } = shift;
        let (rotation, stand_in) = match because {
            Because::Rotation(place) => (of.rotations.get(place).map(|it| it.name.clone()), None),
            Because::Override(id) => (None, Some(id)),
        };
        Ok(Shift { start, end, user: self.one(r, user)?, rotation, stand_in })
    }
}

/// All that decides who is on call in a span.
pub(super) fn rules(
    r: &Read<'_>,
    row: &ScheduleRow,
    from: Timestamp,
    to: Timestamp,
) -> Result<schedule::Schedule> {
    Ok(schedule::Schedule {
        // Whoever is paged is better told by another clock than not at all.
        zone: TimeZone::get(&row.time_zone).unwrap_or(TimeZone::UTC),
        rotations: row.rotations.clone(),
        overrides: r.overrides(row.id, from, to)?,
        disabled: r.disabled_users()?,
    })
}

pub(super) fn on_call_in(r: &Read<'_>, row: &ScheduleRow, at: Timestamp) -> Result<Vec<OnCall>> {
    let rules = rules(r, row, at, Timestamp::MAX)?;
    let mut people = People::default();
    let mut entry = |user: Option<UserId>, until: Option<Timestamp>| -> Result<OnCall> {
        let then = until.map(|until| rules.on_call_at(until)).unwrap_or_default();
        let next = then.into_iter().map(|user| people.one(r, user)).collect::<Result<_>>()?;
        Ok(OnCall {
            schedule: ScheduleRef { id: row.id, slug: row.slug.clone() },
            team: row.team.clone(),
            user: user.map(|user| people.one(r, user)).transpose()?,
            until,
            next,
        })
    };
    let now = rules.untils(at);
    if now.is_empty() {
        return Ok(vec![entry(None, rules.next_change(at))?]);
    }
    now.into_iter().map(|(user, until)| entry(Some(user), until)).collect()
}
