//! What a dashboard says above its list.
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::reach::is_reached;
use super::rota::{AHEAD, People, on_call_in, rules};
use super::schedules::seen_schedules;
use super::teams::seen_team;
use super::{App, Caller, Need};
use crate::api::overview::{Overview, OverviewQuery, Uncovered, Unreachable};
use crate::api::schedules::ScheduleRef;
use crate::domain::schedule::Schedule;
use crate::domain::{TeamId, UserId};
use crate::error::Result;
use crate::store::{Read, ScheduleRow};

/// Gaps, and people, that are told of; the next look shows the rest.
const MAX_TOLD: usize = 50;
/// So long before their turn people need a contact that works: time to add one in daylight.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

impl App {
    /// `channels`: those that are set up.
    ///
    /// # Errors
    /// `NotFound` for a team that the caller may not see.
    pub async fn overview(
        &self,
        caller: &Caller,
        query: OverviewQuery,
        channels: Vec<String>,
    ) -> Result<Overview> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let teams: Vec<TeamId> = match &query.team {
                    Some(team) => vec![seen_team(r, &caller, Need::Read, team)?.id],
                    None if caller.is_platform_admin() => {
                        r.teams()?.into_iter().map(|team| team.id).collect()
                    }
                    None => caller.teams(r)?,
                };
                let (mut on_call, mut gaps) = (Vec::new(), Vec::new());
                let mut mute = Mute::among(channels);
                let until = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
                for row in seen_schedules(r, &caller, query.team.as_deref(), now)? {
                    on_call.extend(on_call_in(r, &row, now)?);
                    let rules = rules(r, &row, now, until)?;
                    mute.look(r, &caller, &row, &rules, now)?;
                    let uncovered = rules.gaps(now, until).items;
                    gaps.extend(uncovered.into_iter().map(|gap| Uncovered {
                        schedule: ScheduleRef { id: row.id, slug: row.slug.clone() },
                        gap,
                    }));
                }
                gaps.sort_by_key(|uncovered| uncovered.gap.start);
                gaps.truncate(MAX_TOLD);
                let (mut last_alert_at, mut untold) = (None, 0);
                for team in teams {
                    last_alert_at = last_alert_at.max(r.last_heard(team)?);
                    untold += r.untold(Some(team))?;
                }
                let unreachable = mute.told();
                Ok(Overview { on_call, gaps, last_alert_at, untold, unreachable })
            })
            .await
    }
}

/// Those whose turn it is soon, and whom nothing would reach.
struct Mute {
    channels: Vec<String>,
    reached: BTreeMap<UserId, bool>,
    people: People,
    found: Vec<Unreachable>,
}

impl Mute {
    fn among(channels: Vec<String>) -> Self {
        Self { channels, reached: BTreeMap::new(), people: People::default(), found: Vec::new() }
    }

    /// Each once, by their first turn. A colleague's contacts are no business of the caller's,
    /// unless the caller answers for the team.
    fn look(
        &mut self,
        r: &Read<'_>,
        caller: &Caller,
        row: &ScheduleRow,
        rules: &Schedule,
        now: Timestamp,
    ) -> Result<()> {
        let me = caller.user().map(|user| user.id);
        let all = caller.may(r, Need::Manage, row.team.id, "").is_ok();
        let soon = now.saturating_add(SOON).unwrap_or(Timestamp::MAX);
        let mut seen = Vec::new();
        for shift in rules.shifts(now, soon).items {
            if seen.contains(&shift.user) || !(all || me == Some(shift.user)) {
                continue;
            }
            seen.push(shift.user);
            let reached = match self.reached.get(&shift.user) {
                Some(reached) => *reached,
                None => is_reached(r, &self.channels, shift.user)?,
            };
            self.reached.insert(shift.user, reached);
            if !reached {
                let schedule = ScheduleRef { id: row.id, slug: row.slug.clone() };
                let user = self.people.one(r, shift.user)?;
                self.found.push(Unreachable { schedule, user, start: shift.start });
            }
        }
        Ok(())
    }

    fn told(mut self) -> Vec<Unreachable> {
        self.found.sort_by_key(|one| one.start);
        self.found.truncate(MAX_TOLD);
        self.found
    }
}
