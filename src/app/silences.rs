//! Silences by hand: whoever responds for a team makes them, a platform admin those of all teams.
use jiff::Timestamp;

use super::changes::Thing;
use super::quiet::{each_firing, turn};
use super::teams::{live_team, seen_team};
use super::{App, Caller, Need, page_size};
use crate::api::Page;
use crate::api::silences::{
    Matched, NewSilence, Quiet, Silence, SilencePreview, SilencesQuery, Windows,
};
use crate::clock::shift;
use crate::domain::matcher::NoMatcher;
use crate::domain::silence::{self, State, silenced_until};
use crate::domain::{Actor, IncidentId, Matcher, SilenceId, TeamId, TimerKind, text};
use crate::error::{Error, Result};
use crate::store::{Read, Write};

/// Silences of one team, or of all teams, that are on or to come.
const MAX_LIVE: usize = 200;
/// More of those there are not, whatever the number of teams.
const ALL: u32 = 100_000;
/// Open incidents that a preview looks at, and shows; spans that it shows.
const LOOKED_AT: usize = 2_000;
const SHOWN: usize = 200;
const SPANS: usize = 3;

impl App {
    /// # Errors
    /// `NotFound` for a team that the caller may not see.
    pub async fn silences(&self, caller: &Caller, query: SilencesQuery) -> Result<Page<Silence>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let before = match query.cursor.as_deref().map(str::parse) {
            None => SilenceId(i64::MAX),
            Some(Ok(before)) => before,
            Some(Err(_)) => return Err(Error::invalid("cursor", "is not one that a list gave")),
        };
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let sight = caller.sight(r, now)?;
                let teams = match &query.team {
                    Some(team) => Some(vec![seen_team(r, &caller, Need::Read, team)?.id]),
                    None if sight.everything => None,
                    None => Some(sight.teams),
                };
                let over = query.state == Some(State::Expired);
                // Few are not over; of those some may have no window left.
                let most = if over { limit + 1 } else { ALL };
                let mut found = r.silences(teams.as_deref(), !over, now, before, most)?;
                found.retain(|it| match query.state {
                    Some(State::Expired) => true,
                    Some(state) => it.state(now) == state,
                    None => it.state(now) != State::Expired,
                });
                let more = found.len() > limit as usize;
                found.truncate(limit as usize);
                let next_cursor = found.last().filter(|_| more).map(|it| it.id.to_string());
                Ok(Page { items: found.iter().map(|it| shown(it, now)).collect(), next_cursor })
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers to its team.
    pub async fn silence(&self, caller: &Caller, id: SilenceId) -> Result<Silence> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| seen_silence(r, &caller, Need::Read, id).map(|it| shown(&it, now)))
            .await
    }

    /// # Errors
    /// `Invalid` if it leaves next to nothing out and is not forced; `Forbidden` for who does not
    /// respond for the team.
    pub async fn create_silence(&self, caller: &Caller, new: NewSilence) -> Result<Silence> {
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let now = w.now();
            let silence = planned(w, &by, &new, now)?;
            Ok(shown(&add_silence(w, silence, new.force, &by.actor())?, now))
        })
        .await
    }

    /// Ends one; over already, it stays so.
    ///
    /// # Errors
    /// `NotFound` for strangers to its team, `Forbidden` for who does not respond for it.
    pub async fn end_silence(&self, caller: &Caller, id: SilenceId) -> Result<Silence> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let now = w.now();
            let silence = seen_silence(w, &caller, Need::Respond, id)?;
            if silence.state(now) == State::Expired {
                return Ok(shown(&silence, now));
            }
            Ok(shown(&end_silence(w, &silence, &caller.actor())?, now))
        })
        .await
    }

    /// # Errors
    /// As `create_silence`, but for what leaves nothing out.
    pub async fn preview_silence(
        &self,
        caller: &Caller,
        new: NewSilence,
    ) -> Result<SilencePreview> {
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let silence = planned(r, &caller, &new, now)?;
                let (items, more) = matched(r, &silence, now)?;
                Ok(SilencePreview { items, more, spans: spans(&silence, now) })
            })
            .await
    }
}

pub(super) fn add_silence(
    w: &mut Write<'_>,
    mut silence: silence::Silence,
    force: bool,
    actor: &Actor,
) -> Result<silence::Silence> {
    must_be_meant(&silence, force)?;
    let now = w.now();
    must_fit(w, &silence, now)?;
    silence.id = w.insert_silence(&silence)?;
    log(w, &silence, "added", actor)?;
    match (silence.active_until(now), silence.next_edge(now)) {
        (Some(_), _) => turn(w, &silence, actor)?,
        (None, Some(edge)) => w.set_timer(TimerKind::Silence, silence.id.0, edge)?,
        (None, None) => {}
    }
    Ok(silence)
}

/// Makes one as `new` says; what it covered and covers follows.
pub(super) fn change_silence(
    w: &mut Write<'_>,
    new: &silence::Silence,
    force: bool,
    actor: &Actor,
) -> Result<()> {
    must_be_meant(new, force)?;
    w.update_silence(new)?;
    log(w, new, "changed", actor)?;
    turn(w, new, actor)
}

pub(super) fn end_silence(
    w: &mut Write<'_>,
    silence: &silence::Silence,
    actor: &Actor,
) -> Result<silence::Silence> {
    w.end_silence(silence.id)?;
    log(w, silence, "ended", actor)?;
    let silence = w.silence(silence.id)?;
    turn(w, &silence, actor)?;
    Ok(silence)
}

fn must_be_meant(silence: &silence::Silence, force: bool) -> Result<()> {
    if silence.is_narrow() || force {
        return Ok(());
    }
    let whose = if silence.team.is_some() { "of the team" } else { "there is" };
    let why = format!("would silence nearly all {whose}");
    Err(Error::invalid("matchers", why).hint("Narrow them, or mean it: --force, \"force\": true."))
}

fn seen_silence(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    id: SilenceId,
) -> Result<silence::Silence> {
    let silence = r.silence(id)?;
    match &silence.team {
        Some(team) => caller.may(r, need, team.id, &format!("Silence {id}"))?,
        None if need == Need::Read => {}
        None => caller.must_be_platform_admin()?,
    }
    Ok(silence)
}

/// The silence that is asked for, if the caller may make it.
pub(super) fn planned(
    r: &Read<'_>,
    caller: &Caller,
    new: &NewSilence,
    now: Timestamp,
) -> Result<silence::Silence> {
    let team = match &new.team {
        Some(team) => Some(live_team(r, caller, Need::Respond, team)?.reference()),
        None => {
            caller.must_be_platform_admin()?;
            None
        }
    };
    if new.matchers.len() > silence::MAX_MATCHERS {
        let why = format!("are more than {}", silence::MAX_MATCHERS);
        return Err(Error::invalid("matchers", why));
    }
    let matcher = |text: &String| {
        let wrong = |why: NoMatcher| Error::invalid("matchers", format!("`{text}` {why}"));
        text.parse::<Matcher>().map_err(wrong)
    };
    let matchers = new.matchers.iter().map(matcher).collect::<Result<_>>()?;
    let reason = new.reason.trim();
    if reason.is_empty() || reason.len() > silence::MAX_REASON {
        let why = format!("needs 1 to {} bytes: why is it quiet?", silence::MAX_REASON);
        return Err(Error::invalid("reason", why));
    }
    let asked = new.starts_at.unwrap_or(now);
    // Windows may be counted from a day that was.
    let starts_at = if new.windows.is_some() { asked } else { asked.max(now) };
    let windows = new.windows.as_ref().map(|it| windows(it, starts_at)).transpose()?;
    if new.span.is_some() && new.ends_at.is_some() {
        return Err(Error::invalid("for", "does not go with `endsAt`; leave one of them out"));
    }
    let ends_at = new.span.map(|span| shift(asked, span.duration())).or(new.ends_at);
    let planned = silence::Silence {
        id: SilenceId::default(),
        team,
        matchers,
        reason: text::lines(reason, silence::MAX_REASON),
        author: caller.actor().name,
        starts_at,
        ends_at,
        ended_at: None,
        windows,
        created_at: now,
    };
    check(&planned, now).map(|()| planned)
}

fn windows(asked: &Windows, starts_at: Timestamp) -> Result<silence::Windows> {
    let rule = asked.rrule.parse().map_err(|why: String| Error::invalid("windows.rrule", why))?;
    if !(silence::MIN_WINDOW..=silence::MAX_WINDOW).contains(&asked.duration) {
        let why = format!("must be {} to {}", silence::MIN_WINDOW, silence::MAX_WINDOW);
        return Err(Error::invalid("windows.duration", why));
    }
    let zone = &asked.time_zone;
    silence::Windows::new(rule, zone, asked.duration, starts_at).ok_or_else(|| {
        let why = format!("`{zone}` is not a zone such as Europe/Paris");
        Error::invalid("windows.timeZone", why)
    })
}

/// When it would be on, if ever.
fn check(silence: &silence::Silence, now: Timestamp) -> Result<()> {
    let wrong = |why: &str| Err(Error::invalid("endsAt", why));
    let windows = silence.windows.is_some();
    match silence.ends_at {
        None if !windows => return wrong("is needed: until when is it quiet?"),
        Some(end) if end <= now => return wrong("is over already"),
        Some(end) if end <= silence.starts_at => return wrong("must come after the start"),
        Some(end) if !windows && end > shift(silence.starts_at, silence::MAX_LENGTH.duration()) => {
            return wrong(&format!("must come at most {} after the start", silence::MAX_LENGTH));
        }
        _ => {}
    }
    if silence.ends_at.is_none()
        && silence.windows.as_ref().is_some_and(silence::Windows::hardly_close)
    {
        let why = "lets each window last until the next: it would be quiet for ever";
        return Err(Error::invalid("windows.duration", why)
            .hint("Make it shorter, or say when the silence ends."));
    }
    if silence.span(now).is_none() {
        let why = "opens no window within ten years, or none before the end";
        return Err(Error::invalid("windows.rrule", why));
    }
    Ok(())
}

fn must_fit(r: &Read<'_>, new: &silence::Silence, now: Timestamp) -> Result<()> {
    let team = |silence: &silence::Silence| silence.team.as_ref().map(|team| team.id);
    let only: Vec<TeamId> = team(new).into_iter().collect();
    let live = r.silences(Some(&only), true, now, SilenceId(i64::MAX), ALL)?;
    if live.iter().filter(|it| team(it) == team(new)).count() < MAX_LIVE {
        return Ok(());
    }
    Err(Error::refused(format!("There are {MAX_LIVE} silences on or to come."))
        .hint("End one: incidentd silence list, incidentd silence end ID"))
}

fn log(w: &mut Write<'_>, silence: &silence::Silence, change: &str, actor: &Actor) -> Result<()> {
    let whose = silence.team.as_ref().map_or("all teams", |team| team.slug.as_str());
    let what: Vec<String> = silence.matchers.iter().map(ToString::to_string).collect();
    let what = if what.is_empty() { "everything".to_owned() } else { what.join(" ") };
    let name = format!("{} of {whose}: {}", silence.id, text::cut(&what, 500));
    Thing { what: "silence", id: silence.id.0, name: &name }.log(w, change, actor)
}

fn shown(silence: &silence::Silence, now: Timestamp) -> Silence {
    Silence {
        id: silence.id,
        team: silence.team.clone(),
        matchers: silence.matchers.iter().map(ToString::to_string).collect(),
        reason: silence.reason.clone(),
        author: silence.author.clone(),
        state: silence.state(now),
        starts_at: silence.starts_at,
        ends_at: silence.ends_at,
        ended_at: silence.ended_at,
        windows: silence.windows.as_ref().map(|windows| Windows {
            rrule: windows.rule.to_string(),
            time_zone: windows.zone.iana_name().unwrap_or("UTC").to_owned(),
            duration: windows.length,
        }),
        span: silence.span(now).map(|(start, end)| Quiet { start, end }),
        created_at: silence.created_at,
    }
}

/// The first few times that it is on.
fn spans(silence: &silence::Silence, now: Timestamp) -> Vec<Quiet> {
    let mut spans = Vec::new();
    let mut at = now;
    while let Some((start, end)) = silence.span(at).filter(|_| spans.len() < SPANS) {
        spans.push(Quiet { start, end });
        at = end;
    }
    spans
}

/// What it would match now, and whether there is more.
fn matched(
    r: &Read<'_>,
    silence: &silence::Silence,
    now: Timestamp,
) -> Result<(Vec<Matched>, bool)> {
    let team = silence.team.as_ref().map(|team| team.id);
    let ids = r.open_after(team, IncidentId::default(), LOOKED_AT + 1)?;
    let mut items = Vec::new();
    for id in ids.iter().take(LOOKED_AT) {
        if items.len() == SHOWN {
            return Ok((items, true));
        }
        let incident = r.incident(*id)?;
        let others = r.live_silences(incident.team.id, now)?;
        let (mut firing, mut matching, mut silenced) = (0, 0, true);
        each_firing(r, &incident, |facts| {
            let matches = silence.matches(facts);
            firing += 1;
            matching += u64::from(matches);
            silenced &= matches || silenced_until(&others, facts, now).is_some();
            true
        })?;
        if matching > 0 {
            let service = incident.service.map(|service| service.slug);
            let (title, status) = (incident.title, incident.status);
            items.push(Matched { id: *id, title, status, service, firing, matching, silenced });
        }
    }
    Ok((items, ids.len() > LOOKED_AT))
}
