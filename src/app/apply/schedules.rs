//! Makes a schedule as the document says. Those who stand in are agreed by people, and stay.
use jiff::Timestamp;

use super::run::Run;
use crate::api::configuration::{DifferenceAction as Action, FieldChange, Schedule};
use crate::app::rota::{AHEAD, People, rules};
use crate::app::schedules::{add_schedule, change_schedule, faults, with_ids};
use crate::domain::schedule::Rotation;
use crate::domain::words::moment;
use crate::error::Result;
use crate::store::{Applied as By, Part, ScheduleRow};

/// Turns that are told of.
const MOVED: usize = 12;

impl Run<'_, '_> {
    pub(super) fn schedule(&mut self, at: &str, entry: &Schedule) -> Result<()> {
        let Some(team) = self.live_team(at, &entry.team)? else { return Ok(()) };
        let names = (entry.slug.as_str(), entry.renamed_from.as_ref());
        let Some(found) = self.found(at, names, |w, slug| w.find_schedule(slug))? else {
            return Ok(());
        };
        let errors = self.wrong.0.len();
        let rotations = self.rotations(at, entry)?;
        if self.wrong.0.len() > errors {
            return Ok(());
        }
        let Some(old) = found else {
            let zone = entry.time_zone.as_deref().unwrap_or("UTC");
            let rotations = rotations.unwrap_or_default();
            let id = add_schedule(self.w, team.id, &entry.slug, zone, &rotations, &self.actor)?;
            self.w.set_applied(Part::Schedule(id), By::Made)?;
            self.say(Action::Add, "schedule", &entry.slug, Vec::new());
            return Ok(());
        };
        if !self.same_team(at, ("schedule", &old.slug), &old.team, &team) {
            return Ok(());
        }
        let new = ScheduleRow {
            slug: entry.slug.clone(),
            time_zone: entry.time_zone.clone().unwrap_or_else(|| old.time_zone.clone()),
            rotations: rotations.unwrap_or_else(|| old.rotations.clone()),
            ..old.clone()
        };
        let mut fields = change_schedule(self.w, &old, &new, &self.actor)?;
        if !fields.is_empty() {
            fields.extend(self.moved(&old, &new)?);
        }
        self.say(Action::Change, "schedule", &entry.slug, fields);
        Ok(())
    }

    /// Who gains and who loses which turn within the next weeks.
    fn moved(&self, old: &ScheduleRow, new: &ScheduleRow) -> Result<Vec<FieldChange>> {
        let from = self.w.now();
        let to = from.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
        let after = rules(self.w, new, from, to)?;
        let moved = rules(self.w, old, from, to)?.difference(&after, from, to).items;
        let more = moved.len().saturating_sub(MOVED);
        let mut people = People::default();
        let mut fields = Vec::new();
        for one in moved.into_iter().take(MOVED) {
            let field = format!("on call, {}", people.one(self.w, one.user)?.username);
            let when = |at| moment(at, Some(&new.time_zone));
            let turn = Some(format!("{} until {}", when(one.start), when(one.end)));
            let (from, to) = if one.gains { (None, turn) } else { (turn, None) };
            fields.push(FieldChange { field, from, to });
        }
        if more > 0 {
            let to = Some(format!("and {more} more"));
            fields.push(FieldChange { field: "on call".to_owned(), from: None, to });
        }
        Ok(fields)
    }

    /// With people's ids; what is wrong is noted.
    fn rotations(&mut self, at: &str, entry: &Schedule) -> Result<Option<Vec<Rotation>>> {
        let Some(rotations) = &entry.rotations else { return Ok(None) };
        let (rotations, nobody) = with_ids(self.w, rotations, |_| Ok(true))?;
        let found = nobody.is_empty();
        for wrong in nobody {
            let why = format!("{}; add him under [[users]]", wrong.message);
            self.wrong.say(format!("{at}.{}", wrong.field), why);
        }
        for wrong in faults(&rotations).unwrap_or_default() {
            self.wrong.say(format!("{at}.{}", wrong.field), wrong.message);
        }
        Ok(Some(rotations).filter(|_| found))
    }
}
