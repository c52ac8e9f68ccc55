//! Schedules: their rotations, and what they say of any moment. Who stands in is beside this.
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::changes::{Thing, differ, unknown, wrongs};
use super::gaps;
use super::incidents::knows;
use super::policies::refuse_named;
use super::rota::{AHEAD, People, on_call_in, rules};
use super::teams::{live_team, of_seen_teams};
use super::users::check_time_zone;
use super::{App, Caller, Need, page_size};
use crate::api::configuration::FieldChange;
use crate::api::schedules::{
    Difference, NewSchedule, OnCall, OnCallQuery, Plan, Preview, Rotation, Schedule, Shifts,
    SpanQuery,
};
use crate::api::{OfTeam, Page};
use crate::domain::policy::Target;
use crate::domain::schedule;
use crate::domain::user::check_slug;
use crate::domain::{Actor, ScheduleId, TeamId, UserId};
use crate::error::{Error, FieldError, Result};
use crate::store::{Read, ScheduleRow, Write};

impl App {
    /// # Errors
    /// `NotFound` for a team or schedule that the caller may not see.
    pub async fn on_call(&self, caller: &Caller, query: OnCallQuery) -> Result<Page<OnCall>> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let mut rows = seen_schedules(r, &caller, query.team.as_deref(), now)?;
                if let Some(name) = &query.schedule {
                    let only = seen_schedule(r, &caller, Need::Read, name)?.id;
                    rows.retain(|row| row.id == only);
                }
                let mut on_call = Vec::new();
                for row in rows {
                    on_call.extend(on_call_in(r, &row, query.at.unwrap_or(now))?);
                }
                Ok(Page::whole(on_call))
            })
            .await
    }

    /// Schedules of the teams that the caller may see.
    ///
    /// # Errors
    /// `NotFound` for a team that he may not see.
    pub async fn schedules(&self, caller: &Caller, query: OfTeam) -> Result<Page<Schedule>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let mut schedules = Vec::new();
                for row in seen_schedules(r, &caller, query.team.as_deref(), now)? {
                    schedules.push(shown(r, row)?);
                }
                let key = |schedule: &Schedule| schedule.slug.clone();
                Ok(Page::cut(schedules, query.cursor.as_deref(), limit, key))
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn schedule(&self, caller: &Caller, schedule: String) -> Result<Schedule> {
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| shown(r, seen_schedule(r, &caller, Need::Read, &schedule)?))
            .await
    }

    /// # Errors
    /// `Refused` if the slug is taken; `Forbidden` for who does not manage the team.
    pub async fn create_schedule(&self, caller: &Caller, new: NewSchedule) -> Result<Schedule> {
        check_slug(&new.slug).map_err(|why| Error::invalid("slug", why))?;
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let team = live_team(w, &by, Need::Manage, &new.team)?.id;
            let plan = Plan {
                slug: None,
                time_zone: Some(new.time_zone.clone().unwrap_or_else(|| "UTC".into())),
                rotations: new.rotations.clone(),
            };
            let rotations = named(w, &by, team, &plan, &[])?;
            let zone = plan.time_zone.as_deref().unwrap_or_default();
            add_schedule(w, team, &new.slug, zone, &rotations, &by.actor())?;
            shown(w, w.schedule(&new.slug)?)
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage its team.
    pub async fn set_schedule(
        &self,
        caller: &Caller,
        schedule: String,
        plan: Plan,
    ) -> Result<Schedule> {
        let slug = plan.slug.as_deref();
        slug.map_or(Ok(()), check_slug).map_err(|why| Error::invalid("slug", why))?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = seen_schedule(w, &caller, Need::Manage, &schedule)?;
            let new = planned(w, &caller, &found, &plan)?;
            change_schedule(w, &found, &new, &caller.actor())?;
            shown(w, new)
        })
        .await
    }

    /// # Errors
    /// `Refused` while somebody stands in or will.
    pub async fn delete_schedule(&self, caller: &Caller, schedule: String) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = seen_schedule(w, &caller, Need::Manage, &schedule)?;
            remove_schedule(w, &found, &caller.actor())
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn shifts(
        &self,
        caller: &Caller,
        schedule: String,
        span: SpanQuery,
    ) -> Result<Shifts> {
        let (caller, (from, to)) = (caller.clone(), bounds(span, self.now())?);
        self.0
            .store
            .read(move |r| {
                let row = seen_schedule(r, &caller, Need::Read, &schedule)?;
                let rules = rules(r, &row, from, to)?;
                let (shifts, gaps) = (rules.shifts(from, to), rules.gaps(from, to));
                let until = shifts.to.min(gaps.to);
                let mut people = People::default();
                let mut items = Vec::new();
                for shift in shifts.items.into_iter().filter(|shift| shift.start < until) {
                    items.push(people.shift(r, &row, shift)?);
                }
                let gaps = gaps.items.into_iter().filter(|gap| gap.start < until).collect();
                Ok(Shifts { items, gaps, from, until })
            })
            .await
    }

    /// # Errors
    /// As `set_schedule`.
    pub async fn preview(
        &self,
        caller: &Caller,
        schedule: String,
        plan: Plan,
        span: SpanQuery,
    ) -> Result<Preview> {
        let (caller, (from, to)) = (caller.clone(), bounds(span, self.now())?);
        self.0
            .store
            .read(move |r| {
                let row = seen_schedule(r, &caller, Need::Manage, &schedule)?;
                let new = rules(r, &planned(r, &caller, &row, &plan)?, from, to)?;
                let moved = rules(r, &row, from, to)?.difference(&new, from, to);
                let gaps = new.gaps(from, to);
                let until = moved.to.min(gaps.to);
                let mut people = People::default();
                let mut items = Vec::new();
                for one in moved.items.into_iter().filter(|one| one.start < until) {
                    let schedule::Difference { start, end, user, gains } = one;
                    items.push(Difference { start, end, user: people.one(r, user)?, gains });
                }
                let gaps = gaps.items.into_iter().filter(|gap| gap.start < until).collect();
                Ok(Preview { items, gaps, from, until })
            })
            .await
    }
}

/// # Errors
/// `Invalid` for a span that ends before it begins.
pub(super) fn bounds(span: SpanQuery, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
    let from = span.from.unwrap_or(now);
    let to = span.until.unwrap_or_else(|| from.saturating_add(AHEAD).unwrap_or(Timestamp::MAX));
    if to <= from {
        return Err(Error::invalid("until", "needs to be after `from`"));
    }
    Ok((from, to))
}

/// A schedule in whose team the caller may do what `need` says.
pub(super) fn seen_schedule(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    name: &str,
) -> Result<ScheduleRow> {
    let what = format!("Schedule `{name}`");
    let schedule = r.find_schedule(name)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(r, need, schedule.team.id, &what)?;
    Ok(schedule)
}

pub(super) fn seen_schedules(
    r: &Read<'_>,
    caller: &Caller,
    team: Option<&str>,
    now: Timestamp,
) -> Result<Vec<ScheduleRow>> {
    of_seen_teams(r, caller, team, now, r.schedules()?, |row| row.team.id)
}

fn shown(r: &Read<'_>, row: ScheduleRow) -> Result<Schedule> {
    let rotations = by_name(r, &row.rotations)?;
    let ScheduleRow { id, slug, team, time_zone, .. } = row;
    Ok(Schedule { id, slug, team, time_zone, rotations })
}

/// Rotations with people's names.
pub(super) fn by_name(r: &Read<'_>, of: &[schedule::Rotation]) -> Result<Vec<Rotation>> {
    let mut people = People::default();
    let mut name = |user: UserId| people.one(r, user).map(|user| user.username);
    of.iter().map(|rotation| rotation.clone().try_map(&mut name)).collect()
}

/// Outside the team only those whom the caller can see anyway may be named.
pub(super) fn may_name(
    r: &Read<'_>,
    caller: &Caller,
    team: TeamId,
    before: &[schedule::Rotation],
    user: UserId,
) -> Result<bool> {
    Ok(before.iter().any(|rotation| rotation.participants.contains(&user))
        || r.find_role(team, user)?.is_some()
        || knows(r, caller, user)?)
}

/// Rotations with people's ids, or all that is wrong with them.
fn named(
    r: &Read<'_>,
    caller: &Caller,
    team: TeamId,
    plan: &Plan,
    before: &[schedule::Rotation],
) -> Result<Vec<schedule::Rotation>> {
    let (rotations, wrong) =
        with_ids(r, &plan.rotations, |user| may_name(r, caller, team, before, user))?;
    check_time_zone(plan.time_zone.as_deref())?;
    unknown(wrong)?;
    check_rotations(&rotations)?;
    Ok(rotations)
}

/// # Errors
/// `Invalid`, naming each field that is wrong.
fn check_rotations(rotations: &[schedule::Rotation]) -> Result<()> {
    faults(rotations).map_or(Ok(()), wrongs)
}

/// What rotations may not be.
pub(super) fn faults(rotations: &[schedule::Rotation]) -> Option<Vec<FieldError>> {
    let rules = schedule::Schedule {
        zone: TimeZone::UTC,
        rotations: rotations.to_vec(),
        overrides: Vec::new(),
        disabled: std::collections::BTreeSet::default(),
    };
    rules.check().err()
}

/// Rotations with people's ids; and who is nobody, by place.
pub(super) fn with_ids(
    r: &Read<'_>,
    rotations: &[Rotation],
    may_name: impl Fn(UserId) -> Result<bool>,
) -> Result<(Vec<schedule::Rotation>, Vec<FieldError>)> {
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    for (n, rotation) in rotations.iter().enumerate() {
        let mut place = 0;
        let rotation = rotation.clone().try_map(|name| -> Result<UserId> {
            let user = r.find_username(&name)?.map(|user| user.id);
            let known = user.map(&may_name).transpose()?.unwrap_or(false);
            if !known {
                let field = format!("rotations[{n}].participants[{place}]");
                wrong.push(FieldError { field, message: format!("there is no user `{name}`") });
            }
            place += 1;
            Ok(user.unwrap_or_default())
        })?;
        found.push(rotation);
    }
    Ok((found, wrong))
}

fn planned(r: &Read<'_>, caller: &Caller, found: &ScheduleRow, plan: &Plan) -> Result<ScheduleRow> {
    Ok(ScheduleRow {
        id: found.id,
        slug: plan.slug.clone().unwrap_or_else(|| found.slug.clone()),
        team: found.team.clone(),
        time_zone: plan.time_zone.clone().unwrap_or_else(|| found.time_zone.clone()),
        rotations: named(r, caller, found.team.id, plan, &found.rotations)?,
    })
}

pub(super) const fn thing(id: ScheduleId, slug: &str) -> Thing<'_> {
    Thing { what: "schedule", id: id.0, name: slug }
}

pub(super) fn add_schedule(
    w: &mut Write<'_>,
    team: TeamId,
    slug: &str,
    time_zone: &str,
    rotations: &[schedule::Rotation],
    actor: &Actor,
) -> Result<ScheduleId> {
    let id = w.insert_schedule(team, slug, time_zone, rotations)?;
    thing(id, slug).log(w, "created", actor)?;
    gaps::look_later(w, id, time_zone)?;
    Ok(id)
}

/// Makes a schedule as `new` says; says what differs.
pub(super) fn change_schedule(
    w: &mut Write<'_>,
    old: &ScheduleRow,
    new: &ScheduleRow,
    actor: &Actor,
) -> Result<Vec<FieldChange>> {
    let mut fields = Vec::new();
    differ(&mut fields, "slug", &old.slug, &new.slug);
    differ(&mut fields, "time_zone", &old.time_zone, &new.time_zone);
    if old.rotations != new.rotations {
        let (from, to) = (words(w, old)?, words(w, new)?);
        differ(&mut fields, "rotations", from, to);
    }
    if !fields.is_empty() {
        w.update_schedule(new)?;
    }
    if old.time_zone != new.time_zone {
        gaps::look_later(w, new.id, &new.time_zone)?;
    }
    thing(new.id, &new.slug).log_fields(w, &fields, actor)?;
    Ok(fields)
}

/// Rotations in a line.
fn words(r: &Read<'_>, row: &ScheduleRow) -> Result<String> {
    let rotations = by_name(r, &row.rotations)?;
    serde_json::to_string(&rotations).map_err(Error::internal)
}

/// # Errors
/// `Refused` while somebody stands in or will: that was agreed by people.
pub(super) fn remove_schedule(
    w: &mut Write<'_>,
    schedule: &ScheduleRow,
    actor: &Actor,
) -> Result<()> {
    let agreed = w.overrides(schedule.id, w.now(), Timestamp::MAX)?;
    let slug = &schedule.slug;
    if !agreed.is_empty() {
        let ids: Vec<String> = agreed.iter().map(|one| one.id.to_string()).collect();
        let why = format!("Schedule `{slug}` has overrides from now on: {}.", ids.join(", "));
        return Err(
            Error::refused(why).hint(format!("End them first: incidentd schedule end {slug} ID"))
        );
    }
    let targets = [Target::Schedule(schedule.id), Target::Next(schedule.id)];
    refuse_named(w, &format!("Schedule `{slug}`"), &targets)?;
    thing(schedule.id, slug).log(w, "removed", actor)?;
    gaps::forget(w, schedule.id)?;
    w.delete_schedule(schedule.id)
}
