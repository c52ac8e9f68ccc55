//! Gaps in schedules are told of before they come: once a day somebody looks, and a team's admins
//! hear of what they were not told. Never at night: whoever plans is no responder.
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

use super::rota::rules;
use super::{App, paging};
use crate::domain::schedule::told::{AROUND, Told, is_day, next_look};
use crate::domain::{ScheduleId, TimerKind};
use crate::error::{Error, Result};
use crate::store::{ScheduleRow, Write};

/// Gaps that one notice names.
const NAMED: usize = 8;

impl App {
    /// Sees that each schedule is looked at; before an upgrade none was.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored.
    pub async fn watch_schedules(&self) -> Result<()> {
        self.write(|w| {
            for row in w.schedules()? {
                if !w.has_timer(TimerKind::Gaps, row.id.0)? {
                    look_later(w, row.id, &row.time_zone)?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// Somebody looks on the next morning there.
pub(super) fn look_later(w: &Write<'_>, id: ScheduleId, zone: &str) -> Result<()> {
    match next_look(&zone_of(zone), w.now()) {
        Some(at) => w.set_timer(TimerKind::Gaps, id.0, at),
        None => Ok(()),
    }
}

/// The schedule is gone.
pub(super) fn forget(w: &Write<'_>, id: ScheduleId) -> Result<()> {
    w.clear_timer(TimerKind::Gaps, id.0)?;
    w.clear_meta(&memory(id))
}

/// It is time to look.
pub(super) fn look(w: &Write<'_>, id: ScheduleId) -> Result<()> {
    let Some(row) = w.find_schedule(&id.to_string())? else { return Ok(()) };
    look_later(w, id, &row.time_zone)?;
    let team = w.find_team(&row.team.slug)?;
    let lives = team.is_some_and(|team| team.archived_at.is_none());
    // After a downtime its timer may fall due at any hour.
    if !lives || !is_day(&zone_of(&row.time_zone), w.now()) {
        return Ok(());
    }
    let told: Vec<Told> = match w.find_meta(&memory(id))? {
        Some(told) => serde_json::from_str(&told).unwrap_or_default(),
        None => Vec::new(),
    };
    let from = w.now().saturating_sub(AROUND).unwrap_or(Timestamp::MIN);
    let rules = rules(w, &row, from, Timestamp::MAX)?;
    let (new, remembered) = rules.to_tell(&told, w.now());
    if !new.is_empty() {
        paging::tell_admins(w, row.team.id, None, &words(&row, &rules.zone, &new, w.now()))?;
    }
    if remembered == told {
        return Ok(());
    }
    let remembered = serde_json::to_string(&remembered).map_err(Error::internal)?;
    w.set_meta(&memory(id), &remembered)
}

/// Where it is remembered what was told.
fn memory(id: ScheduleId) -> String {
    format!("gaps:{id}")
}

fn zone_of(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn words(row: &ScheduleRow, zone: &TimeZone, gaps: &[Told], now: Timestamp) -> String {
    let clock = |at: Timestamp| zone.to_datetime(at).strftime("%a %d %b %H:%M").to_string();
    let said = |gap: &Told| {
        let start = if gap.start > now { clock(gap.start) } else { "now".to_owned() };
        let end = gap.end.map_or_else(|| "on".to_owned(), |end| format!("until {}", clock(end)));
        format!("from {start} {end}")
    };
    let (weekly, once): (Vec<&Told>, Vec<&Told>) = gaps.iter().partition(|gap| gap.weekly);
    let mut said: Vec<String> = once.iter().take(NAMED).map(|gap| said(gap)).collect();
    if let Some(more @ 1..) = once.len().checked_sub(NAMED) {
        said.push(format!("and {more} times more"));
    }
    if !weekly.is_empty() {
        said.push(format!("every week {}", every_week(zone, &weekly)));
    }
    let (slug, zone, said) = (&row.slug, &row.time_zone, said.join("; "));
    format!(
        "Nobody is on call in {slug} {said} ({zone}). Let somebody stand in: incidentd schedule \
         override {slug} --user USER --from TIME --until TIME"
    )
}

/// What comes every week, by the clocks of the zone: days with the same hours together.
fn every_week(zone: &TimeZone, gaps: &[&Told]) -> String {
    type Hours = (Time, Time, i32);
    let mut of_hours: Vec<(Hours, Vec<DateTime>)> = Vec::new();
    for (gap, end) in gaps.iter().filter_map(|gap| gap.end.map(|end| (gap, end))) {
        let (start, end) = (zone.to_datetime(gap.start), zone.to_datetime(end));
        let days = start.date().until(end.date()).map_or(0, |span| span.get_days());
        let hours = (start.time(), end.time(), days);
        match of_hours.iter_mut().find(|(known, _)| *known == hours) {
            Some((_, starts)) => starts.push(start),
            None => of_hours.push((hours, vec![start])),
        }
    }
    let said = of_hours.iter().map(|((from, until, days), starts)| {
        let names: Vec<String> =
            starts.iter().map(|start| start.strftime("%a").to_string()).collect();
        let of = match (days, starts.as_slice()) {
            (0, _) => String::new(),
            (days, [only]) => {
                let end = only.checked_add(jiff::Span::new().days(*days)).unwrap_or(*only);
                format!(" {}", end.strftime("%a"))
            }
            (1, _) => " the next day".to_owned(),
            (days, _) => format!(" {days} days later"),
        };
        let (from, until) = (from.strftime("%H:%M"), until.strftime("%H:%M"));
        format!("on {} from {from} until{of} {until}", names.join(", "))
    });
    said.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_every_week_is_said_once_with_its_days_joined() {
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        let gap = |start: &str, end: &str| -> Told {
            let gap =
                serde_json::json!({"start": start, "end": end, "weekly": true, "soon": false});
            serde_json::from_value(gap).expect("a gap")
        };
        let nights = [
            gap("2026-11-23T17:00:00Z", "2026-11-24T08:00:00Z"),
            gap("2026-11-24T17:00:00Z", "2026-11-25T08:00:00Z"),
            gap("2026-11-25T11:00:00Z", "2026-11-25T12:00:00Z"),
            gap("2026-11-27T17:00:00Z", "2026-11-30T08:00:00Z"),
        ];
        let nights: Vec<&Told> = nights.iter().collect();
        assert_eq!(
            every_week(&zone, &nights),
            "on Mon, Tue from 18:00 until the next day 09:00; on Wed from 12:00 until 13:00; \
             on Fri from 18:00 until Mon 09:00"
        );
    }
}
