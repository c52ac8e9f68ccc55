//! Teams, and who belongs to them.
use jiff::Timestamp;

use super::changes::{Thing, check_name, differ, fault, quoted, wrongs};
use super::paging::aftermath;
use super::policies::{follow_team, refuse_named};
use super::{App, Caller, Need, page_size};
use crate::api::Page;
use crate::api::configuration::FieldChange;
use crate::api::teams::{Member, NewTeam, Team, TeamChange, TeamsQuery};
use crate::domain::event::{Access, Record};
use crate::domain::policy::Target;
use crate::domain::user::check_slug;
use crate::domain::{
    Actor, Change, IncidentId, Role, Status, TeamId, Update, UpdateReason, UserId,
};
use crate::error::{Error, Result};
use crate::store::{self, OWN_TEAM, Read, Write};

impl App {
    /// Teams that the caller may see.
    ///
    /// # Errors
    /// `Invalid` for a limit that is out of range.
    pub async fn teams(&self, caller: &Caller, query: TeamsQuery) -> Result<Page<Team>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let sight = caller.sight(r, now)?;
                let mut teams = r.teams()?;
                teams.retain(|team| sight.everything || sight.teams.contains(&team.id));
                teams.retain(|team| query.archived || team.archived_at.is_none());
                let teams = teams.into_iter().map(shown).collect();
                Ok(Page::cut(teams, query.cursor.as_deref(), limit, |team| team.slug.clone()))
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn team(&self, caller: &Caller, team: String) -> Result<Team> {
        let caller = caller.clone();
        self.0.store.read(move |r| seen_team(r, &caller, Need::Read, &team).map(shown)).await
    }

    /// Adds a team, or brings an archived one back as it was.
    ///
    /// # Errors
    /// `Refused` if there is one with this slug.
    pub async fn create_team(&self, caller: &Caller, new: NewTeam) -> Result<Team> {
        caller.must_be_platform_admin()?;
        check(Some(&new.slug), new.name.as_deref())?;
        let actor = caller.actor();
        self.write_once(caller, move |w| {
            add_team(w, &new, &actor)?;
            w.team(&new.slug).map(shown)
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn change_team(
        &self,
        caller: &Caller,
        team: String,
        change: TeamChange,
    ) -> Result<Team> {
        check(change.slug.as_deref(), change.name.as_deref())?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = live_team(w, &caller, Need::Manage, &team)?;
            if change.slug.as_ref().is_some_and(|slug| *slug != found.slug) {
                caller.must_be_platform_admin()?;
            }
            change_team(w, &found, &change, &caller.actor())?;
            w.team(&found.id.to_string()).map(shown)
        })
        .await
    }

    /// Archives a team; archived already, it stays so.
    ///
    /// # Errors
    /// `Refused` while it has services or open incidents.
    pub async fn archive_team(&self, caller: &Caller, team: String) -> Result<()> {
        caller.must_be_platform_admin()?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = seen_team(w, &caller, Need::Manage, &team)?;
            if found.archived_at.is_some() {
                return Ok(());
            }
            archive_team(w, &found, &caller.actor())
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn team_members(&self, caller: &Caller, team: String) -> Result<Vec<Member>> {
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| {
                let team = seen_team(r, &caller, Need::Read, &team)?;
                let member =
                    |(user, role): (store::User, _)| Member { user: user.reference(), role };
                Ok(r.team_members(team.id)?.into_iter().map(member).collect())
            })
            .await
    }

    /// Adds somebody to a team or changes his role.
    ///
    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn set_membership(
        &self,
        caller: &Caller,
        team: String,
        username: String,
        role: Role,
    ) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = live_team(w, &caller, Need::Manage, &team)?;
            has_members(&found)?;
            let user = w.username(&username)?;
            if user.disabled_at.is_some() {
                return Err(Error::refused(format!("{username} is disabled.")));
            }
            set_member(w, found.id, user.id, role, &caller.actor())
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn remove_membership(
        &self,
        caller: &Caller,
        team: String,
        username: String,
    ) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = live_team(w, &caller, Need::Manage, &team)?;
            has_members(&found)?;
            let user = w.username(&username)?;
            remove_member(w, found.id, user.id, &caller.actor())
        })
        .await
    }
}

fn shown(team: store::Team) -> Team {
    let store::Team { id, slug, name, created_at, archived_at } = team;
    Team { id, slug, name, created_at, archived_at }
}

fn check(slug: Option<&str>, name: Option<&str>) -> Result<()> {
    let given = [fault("slug", slug.map(check_slug)), fault("name", name.map(check_name))];
    wrongs(given.into_iter().flatten().collect())
}

/// A team in which the caller may do what `need` says.
pub(super) fn seen_team(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    name: &str,
) -> Result<store::Team> {
    let what = format!("Team `{name}`");
    let team = r.find_team(name)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(r, need, team.id, &what)?;
    Ok(team)
}

/// Of `rows` those of the teams that the caller may see, or of one of these.
pub(super) fn of_seen_teams<T>(
    r: &Read<'_>,
    caller: &Caller,
    team: Option<&str>,
    now: Timestamp,
    mut rows: Vec<T>,
    team_of: impl Fn(&T) -> TeamId,
) -> Result<Vec<T>> {
    let sight = caller.sight(r, now)?;
    let only = match team {
        Some(team) => Some(seen_team(r, caller, Need::Read, team)?.id),
        None => None,
    };
    rows.retain(|row| {
        let team = team_of(row);
        (sight.everything || sight.teams.contains(&team)) && only.is_none_or(|only| only == team)
    });
    Ok(rows)
}

/// As `seen_team`, unless it is archived.
pub(super) fn live_team(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    name: &str,
) -> Result<store::Team> {
    let team = seen_team(r, caller, need, name)?;
    match team.archived_at {
        None => Ok(team),
        Some(_) => Err(Error::refused(format!("Team `{}` is archived.", team.slug))
            .hint(format!("A platform admin brings it back: incidentd team add {}", team.slug))),
    }
}

const fn thing(id: TeamId, slug: &str) -> Thing<'_> {
    Thing { what: "team", id: id.0, name: slug }
}

/// Adds a team or brings an archived one back, with its members and their history.
pub(super) fn add_team(w: &mut Write<'_>, new: &NewTeam, actor: &Actor) -> Result<TeamId> {
    let archived = w.find_team(&new.slug)?.filter(|team| team.archived_at.is_some());
    if let Some(team) = archived {
        let change = TeamChange { slug: None, name: new.name.clone() };
        return change_team(w, &team, &change, actor).map(|_| team.id);
    }
    let id = w.insert_team(&new.slug, new.name.as_deref().unwrap_or(&new.slug))?;
    thing(id, &new.slug).log(w, "created", actor)?;
    Ok(id)
}

/// Changes what is given, and brings back what is archived; says what differs.
pub(super) fn change_team(
    w: &mut Write<'_>,
    team: &store::Team,
    change: &TeamChange,
    actor: &Actor,
) -> Result<Vec<FieldChange>> {
    let slug = change.slug.as_ref().unwrap_or(&team.slug);
    let name = change.name.as_ref().unwrap_or(&team.name);
    if team.slug == OWN_TEAM && slug != OWN_TEAM {
        return Err(built_in());
    }
    let mut fields = Vec::new();
    differ(&mut fields, "slug", &team.slug, slug);
    differ(&mut fields, "name", quoted(&team.name), quoted(name));
    if team.archived_at.is_some() {
        thing(team.id, slug).log(w, "brought back", actor)?;
    }
    if team.archived_at.is_some() || !fields.is_empty() {
        w.update_team(team.id, slug, name)?;
    }
    if *slug != team.slug {
        follow_team(w, team.id, (&team.slug, slug), actor)?;
    }
    thing(team.id, slug).log_fields(w, &fields, actor)?;
    Ok(fields)
}

/// Its members keep reading what happened.
pub(super) fn archive_team(w: &mut Write<'_>, team: &store::Team, actor: &Actor) -> Result<()> {
    if team.slug == OWN_TEAM {
        return Err(built_in());
    }
    let mut services = w.services()?;
    services.retain(|service| !service.archived);
    let of = |id: TeamId, slug: String| (id == team.id).then_some(slug);
    let services = services.into_iter().filter_map(|row| of(row.team.id, row.slug));
    let policies = w.policies()?.into_iter().filter_map(|row| of(row.team.id, row.policy.slug));
    let schedules = w.schedules()?.into_iter().filter_map(|row| of(row.team.id, row.slug));
    let channels = w.channels()?.into_iter().filter_map(|row| of(row.team.id, row.slug));
    let webhooks = w.webhooks()?.into_iter().filter_map(|row| of(row.team.id, row.url));
    for (kinds, kind, slugs) in [
        ("services", "service", services.collect::<Vec<_>>()),
        ("policies", "policy", policies.collect()),
        ("schedules", "schedule", schedules.collect()),
        ("channels", "channel", channels.collect()),
        ("webhooks", "webhook", webhooks.collect()),
    ] {
        if !slugs.is_empty() {
            let why = format!("Team `{}` still has {kinds}: {}.", team.slug, slugs.join(", "));
            let next = format!("Remove them first: incidentd {kind} remove …");
            return Err(Error::refused(why).hint(next));
        }
    }
    refuse_named(w, &format!("Team `{}`", team.slug), &[Target::Team(team.id)])?;
    refuse_open("Team", &team.slug, &w.some_open_of_team(team.id)?)?;
    w.archive_team(team.id)?;
    thing(team.id, &team.slug).log(w, "archived", actor)
}

fn built_in() -> Error {
    Error::refused(format!("Team `{OWN_TEAM}` is built in: it keeps its slug, and stays."))
        .hint("It owns the incidents of incidentd itself; a name for people it may have.")
}

/// # Errors
/// `Refused` for the own team: who administers the platform belongs to it.
pub(super) fn has_members(team: &store::Team) -> Result<()> {
    if team.slug != OWN_TEAM {
        return Ok(());
    }
    Err(Error::refused(format!("The members of team `{OWN_TEAM}` are the platform's admins."))
        .hint("Make somebody one: incidentd user edit NAME --admin true"))
}

/// What still has open incidents does not end: some of them, each with how many there are.
pub(super) fn refuse_open(kind: &str, slug: &str, open: &[(IncidentId, usize)]) -> Result<()> {
    let Some((_, count)) = open.first() else { return Ok(()) };
    let ids: Vec<String> = open.iter().map(|(id, _)| id.to_string()).collect();
    let more = match count - ids.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let s = if *count == 1 { "" } else { "s" };
    let why = format!("has {count} open incident{s}: {}{more}.", ids.join(", "));
    let flag = kind.to_lowercase();
    Err(Error::refused(format!("{kind} `{slug}` {why}"))
        .hint(format!("Resolve them first: incidentd resolve --{flag} {slug}")))
}

/// Sets a role, and logs it if it changes something.
pub(super) fn set_member(
    w: &mut Write<'_>,
    team: TeamId,
    user: UserId,
    role: Role,
    actor: &Actor,
) -> Result<()> {
    if w.find_role(team, user)? == Some(role) {
        return Ok(());
    }
    let change = Access::MemberSet { team, user, role: role.word().into() };
    let since = w.record(&Record::Access { change }, actor)?;
    w.set_membership(team, user, role, since)
}

pub(super) fn remove_member(
    w: &mut Write<'_>,
    team: TeamId,
    user: UserId,
    actor: &Actor,
) -> Result<()> {
    if !w.delete_membership(team, user)? {
        return Ok(());
    }
    let change = Access::MemberRemoved { team, user };
    w.record(&Record::Access { change }, actor)?;
    let_go(w, user, Some(team), actor)
}

/// Who is gone has nothing: what he acknowledged is triggered again.
pub(super) fn let_go(
    w: &mut Write<'_>,
    user: UserId,
    team: Option<TeamId>,
    actor: &Actor,
) -> Result<()> {
    let held = w.open_of(user, team)?;
    // What follows is told to those who are left.
    w.forget_person(user, team)?;
    for id in &held {
        let mut incident = w.incident(*id)?;
        let before = incident.clone();
        // Else the next step told him again, and with that let him in again.
        incident.assignees.retain(|one| one.id != user);
        if incident.status == Status::Acknowledged {
            let change = Change::Updated(Update::triggered(UpdateReason::Unacknowledged));
            w.append(&mut incident, change, actor)?;
        } else {
            w.save_paging(&mut incident, &before)?;
        }
    }
    aftermath::drop_all(w, user, team)?;
    let gone = w.find_user(user)?.map(|user| user.username).unwrap_or_default();
    held.into_iter().try_for_each(|id| aftermath::left_alone(w, id, &gone))
}
