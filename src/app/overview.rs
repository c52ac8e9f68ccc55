//! What a dashboard says above its list.
use jiff::Timestamp;

use super::rota::{AHEAD, on_call_in, rules};
use super::schedules::seen_schedules;
use super::teams::seen_team;
use super::{App, Caller, Need};
use crate::api::overview::{Overview, OverviewQuery, Uncovered};
use crate::api::schedules::ScheduleRef;
use crate::domain::TeamId;
use crate::error::Result;

/// Gaps that are told of; the next look shows the rest.
const MAX_GAPS: usize = 50;

impl App {
    /// # Errors
    /// `NotFound` for a team that the caller may not see.
    pub async fn overview(&self, caller: &Caller, query: OverviewQuery) -> Result<Overview> {
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
                let until = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
                for row in seen_schedules(r, &caller, query.team.as_deref(), now)? {
                    on_call.extend(on_call_in(r, &row, now)?);
                    let uncovered = rules(r, &row, now, until)?.gaps(now, until).items;
                    gaps.extend(uncovered.into_iter().map(|gap| Uncovered {
                        schedule: ScheduleRef { id: row.id, slug: row.slug.clone() },
                        gap,
                    }));
                }
                gaps.sort_by_key(|uncovered| uncovered.gap.start);
                gaps.truncate(MAX_GAPS);
                let (mut last_alert_at, mut untold) = (None, 0);
                for team in teams {
                    last_alert_at = last_alert_at.max(r.last_heard(team)?);
                    untold += r.untold(Some(team))?;
                }
                Ok(Overview { on_call, gaps, last_alert_at, untold })
            })
            .await
    }
}
