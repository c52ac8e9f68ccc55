//! What people see of incidents.

use super::{App, Caller, Need};
use crate::api::incidents::{ListQuery, Order, StatusFilter};
use crate::api::live::MAX_TEAMS;
use crate::api::{MAX_PAGE, PAGE};
use crate::domain::matcher::NoMatcher;
use crate::domain::member::MemberView;
use crate::domain::{Incident, IncidentId, Matcher, Seq, UserId};
use crate::error::{Error, Result};
use crate::store::{Filter, LogRow, Read, Sort, User, Write};

/// Matchers that a list can be narrowed by at once.
const MAX_MATCHERS: usize = 16;

impl App {
    /// # Errors
    /// `NotFound` for what the caller may not see.
    pub async fn incident(&self, caller: &Caller, id: IncidentId) -> Result<Incident> {
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let incident = r.incident(id)?;
                caller.may_on(r, Need::Read, &incident, now)?;
                Ok(incident)
            })
            .await
    }

    /// A page of the incidents that the caller may see, and the next page's cursor.
    ///
    /// # Errors
    /// `NotFound` for a team or service that he may not see.
    pub async fn incidents(
        &self,
        caller: &Caller,
        query: ListQuery,
    ) -> Result<(Vec<Incident>, Option<String>)> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let sight = caller.sight(r, now)?;
                let mut filter = Filter {
                    statuses: StatusFilter::statuses(&query.status),
                    urgency: query.urgency,
                    text: query.q.clone(),
                    matchers: matchers(&query.label)?,
                    since: query.since,
                    until: query.until,
                    sort: if query.sort == Some(Order::New) { Sort::New } else { Sort::Need },
                    limit: page_size(query.limit)?,
                    cursor: query.cursor.clone(),
                    ..Filter::default()
                };
                if query.team.is_empty() {
                    filter.concerns = sight.user;
                    filter.teams = if sight.everything {
                        r.teams()?.into_iter().map(|team| team.id).collect()
                    } else {
                        sight.teams
                    };
                } else {
                    if query.team.len() > MAX_TEAMS {
                        let why = format!("names more than {MAX_TEAMS} teams");
                        return Err(Error::invalid("team", why));
                    }
                    for name in &query.team {
                        let what = format!("Team `{name}`");
                        let team = r.find_team(name)?.ok_or_else(|| Error::not_found(&what))?;
                        caller.may(r, Need::Read, team.id, &what)?;
                        if !filter.teams.contains(&team.id) {
                            filter.teams.push(team.id);
                        }
                    }
                }
                if let Some(name) = &query.service {
                    let what = format!("Service `{name}`");
                    let service = r.find_service(name)?.ok_or_else(|| Error::not_found(&what))?;
                    caller.may(r, Need::Read, service.team.id, &what)?;
                    filter.service = Some(service.id);
                }
                let Some(name) = &query.assignee else { return r.incidents(&filter) };
                let assignee = person(r.find_username(&named(&caller, name)?)?, name)?;
                filter.assignee = Some(assignee.id);
                let page = r.incidents(&filter)?;
                // Whom the caller neither knows nor meets in what he sees does not exist for him.
                if page.0.is_empty() && !knows(r, &caller, assignee.id)? {
                    return person(None, name).map(|_| page);
                }
                Ok(page)
            })
            .await
    }

    /// An incident's events after `after`, oldest first.
    ///
    /// # Errors
    /// `NotFound` for what the caller may not see.
    pub async fn timeline(
        &self,
        caller: &Caller,
        id: IncidentId,
        after: Seq,
        limit: u32,
    ) -> Result<Vec<LogRow>> {
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                caller.may_on(r, Need::Read, &r.incident(id)?, now)?;
                r.timeline(id, after, limit)
            })
            .await
    }

    /// An incident's alerts after the one with id `after`.
    ///
    /// # Errors
    /// `NotFound` for what the caller may not see.
    pub async fn alerts(
        &self,
        caller: &Caller,
        id: IncidentId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<MemberView>> {
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                caller.may_on(r, Need::Read, &r.incident(id)?, now)?;
                r.members(id, after, limit)
            })
            .await
    }

    /// Events after a seq that the caller may see, in order, and the newest seq.
    ///
    /// # Errors
    /// `NotFound` for a team that he may not see.
    pub async fn events(
        &self,
        caller: &Caller,
        after: Seq,
        team: Option<String>,
        limit: u32,
    ) -> Result<(Vec<LogRow>, Seq, bool)> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let mut sight = caller.sight(r, now)?;
                if let Some(name) = &team {
                    let what = format!("Team `{name}`");
                    let team = r.find_team(name)?.ok_or_else(|| Error::not_found(&what))?;
                    caller.may(r, Need::Read, team.id, &what)?;
                    sight = crate::store::Interest { teams: vec![team.id], ..Default::default() };
                }
                let head = r.head()?;
                // Swept away, or of a log that was restored to before.
                let reset = after.0 > 0 && after < r.floor()? || after > head;
                Ok((r.page_of_events(&sight, after, limit)?, head, reset))
            })
            .await
    }
}

/// # Errors
/// `Invalid` beyond what a page may hold.
pub fn page_size(limit: Option<u32>) -> Result<u32> {
    match limit {
        Some(limit @ 1..=MAX_PAGE) => Ok(limit),
        None => Ok(PAGE),
        Some(_) => Err(Error::invalid("limit", format!("must be 1 to {MAX_PAGE}"))),
    }
}

fn matchers(given: &[String]) -> Result<Vec<Matcher>> {
    if given.len() > MAX_MATCHERS {
        return Err(Error::invalid("label", format!("stands more than {MAX_MATCHERS} times")));
    }
    given
        .iter()
        .map(|text| text.parse().map_err(|why: NoMatcher| Error::invalid("label", why.to_string())))
        .collect()
}

/// `me` or a name.
pub(super) fn named(caller: &Caller, name: &str) -> Result<String> {
    match (name, caller.user()) {
        ("me", Some(user)) => Ok(user.username.clone()),
        ("me", None) => Err(Error::invalid("to", "`me` is nobody here; name a user")),
        (name, _) => Ok(name.to_owned()),
    }
}

pub(super) fn person(found: Option<User>, name: &str) -> Result<User> {
    found.ok_or_else(|| Error::not_found(format_args!("User `{name}`")))
}

/// Somebody who can be given an incident.
pub(super) fn assignable(
    w: &Write<'_>,
    caller: &Caller,
    to: &str,
    incident: &Incident,
) -> Result<User> {
    let user = person(w.find_username(&named(caller, to)?)?, to)?;
    // Outside the team only those whom the caller can see anyway may be named.
    let known = w.find_role(incident.team.id, user.id)?.is_some() || knows(w, caller, user.id)?;
    if !known {
        return Err(Error::not_found(format_args!("User `{to}`")));
    }
    if user.disabled_at.is_some() {
        return Err(Error::refused(format!("{to} is disabled and cannot be assigned.")));
    }
    Ok(user)
}

/// Platform admins know everybody, others themselves and those of their teams.
pub(super) fn knows(r: &Read<'_>, caller: &Caller, user: UserId) -> Result<bool> {
    let Some(me) = caller.user().filter(|_| !caller.is_platform_admin()) else {
        return Ok(true);
    };
    for team in caller.teams(r)? {
        if r.find_role(team, user)?.is_some() {
            return Ok(true);
        }
    }
    Ok(me.id == user)
}
