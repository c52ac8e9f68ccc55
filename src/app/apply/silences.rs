//! Makes silences that come again as the document says. What is quiet once is an affair of a night
//! and of nobody's file.
use super::run::Run;
use crate::api::configuration::{DifferenceAction as Action, FieldChange, Silence};
use crate::api::silences::{NewSilence, Windows};
use crate::app::changes::differ;
use crate::app::silences::{add_silence, change_silence, planned};
use crate::domain::silence;
use crate::error::{Error, Result};

impl Run<'_, '_> {
    pub(super) fn silence(&mut self, at: &str, entry: &Silence) -> Result<()> {
        let team = match &entry.team {
            Some(team) => {
                let Some(team) = self.live_team(at, team)? else { return Ok(()) };
                Some(team)
            }
            None => None,
        };
        let names = (entry.slug.as_str(), entry.renamed_from.as_ref());
        let Some(found) = self.found(at, names, |w, slug| w.find_silence_called(slug))? else {
            return Ok(());
        };
        let asked = new(entry).and_then(|new| planned(self.w, self.caller, &new, self.w.now()));
        let Some(mut new) = self.wrong.note(at, asked)? else { return Ok(()) };
        let Some((slug, old)) = found else {
            let made = add_silence(self.w, new, entry.force, &self.actor);
            let Some(made) = self.wrong.note(at, made)? else { return Ok(()) };
            self.w.call_silence(made.id, &entry.slug)?;
            self.say(Action::Add, "silence", &entry.slug, Vec::new());
            return Ok(());
        };
        if old.team.as_ref().map(|of| of.id) != team.map(|of| of.id) {
            let whose = old.team.as_ref().map_or("all teams", |of| of.slug.as_str());
            let why = format!("silence `{slug}` is of {whose}; give the other one another slug");
            self.wrong.say(format!("{at}.team"), why);
            return Ok(());
        }
        let mut fields = Vec::new();
        differ(&mut fields, "slug", &slug, &entry.slug);
        if slug != entry.slug {
            self.w.call_silence(old.id, &entry.slug)?;
        }
        (new.id, new.created_at) = (old.id, old.created_at);
        let differs = differences(&old, &new);
        if !differs.is_empty() {
            let changed = change_silence(self.w, &new, entry.force, &self.actor);
            self.wrong.note(at, changed)?;
            fields.extend(differs);
        }
        self.say(Action::Change, "silence", &entry.slug, fields);
        Ok(())
    }
}

/// What the entry asks for, as a person would ask for it.
fn new(entry: &Silence) -> Result<NewSilence> {
    let Silence { team, matchers, reason, rrule, starts_at, duration, time_zone, force, .. } =
        entry;
    let zone = jiff::tz::TimeZone::get(time_zone).map_err(|_| {
        Error::invalid("time_zone", format!("`{time_zone}` is not a zone such as Europe/Paris"))
    })?;
    let starts_at = zone
        .to_timestamp(*starts_at)
        .map_err(|_| Error::invalid("starts_at", "is no moment that can be reckoned with"))?;
    let (rrule, time_zone) = (rrule.clone(), time_zone.clone());
    Ok(NewSilence {
        team: team.clone(),
        matchers: matchers.clone(),
        reason: reason.clone(),
        starts_at: Some(starts_at),
        windows: Some(Windows { rrule, time_zone, duration: *duration }),
        force: *force,
        ..NewSilence::default()
    })
}

fn differences(old: &silence::Silence, new: &silence::Silence) -> Vec<FieldChange> {
    let words = |of: &silence::Silence| {
        let what: Vec<String> = of.matchers.iter().map(ToString::to_string).collect();
        let windows = of.windows.as_ref().map(|it| {
            let zone = it.zone.iana_name().unwrap_or("UTC");
            format!("{} from {} for {} in {zone}", it.rule, it.first, it.length)
        });
        (what.join(" "), windows.unwrap_or_else(|| "once".into()))
    };
    let ((was, when), (is, then)) = (words(old), words(new));
    let mut fields = Vec::new();
    differ(&mut fields, "matchers", was, is);
    differ(&mut fields, "windows", when, then);
    differ(&mut fields, "reason", &old.reason, &new.reason);
    fields
}
