//! Whom a target means at this moment.
use jiff::Timestamp;

use crate::app::rota;
use crate::domain::policy::{Policy, Rung, Target, TargetName};
use crate::domain::{Incident, Role, TeamId, UserId};
use crate::error::Result;
use crate::store::{ChannelRow, Read, User};

/// Whom a rung tells.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The targets as people write them.
    pub targets: Vec<String>,
    pub people: Vec<User>,
    pub channels: Vec<ChannelRow>,
    /// Targets that mean nobody, and why.
    pub skipped: Vec<String>,
}

impl Told {
    /// One page a person and channel, however many targets mean them.
    fn add(&mut self, user: User) {
        if self.people.iter().all(|known| known.id != user.id) {
            self.people.push(user);
        }
    }

    /// Usernames, and `channel:SLUG`.
    pub fn names(&self) -> Vec<String> {
        let people = self.people.iter().map(|user| user.username.clone());
        let channels = self.channels.iter().map(|channel| format!("channel:{}", channel.slug));
        people.chain(channels).collect()
    }
}

/// Whom `rung` tells at `at`. The first step tells also those who had it.
pub fn told(
    r: &Read<'_>,
    incident: &Incident,
    policy: &Policy<Target>,
    rung: Rung,
    at: Timestamp,
) -> Result<Told> {
    let had_it = matches!(rung, Rung::Assignee | Rung::Step { round: 1, step: 1 });
    let (mut told, team) = (Told::default(), incident.team.id);
    for user in incident.assignees.iter().filter(|_| had_it) {
        if rung == Rung::Assignee {
            told.targets.push(TargetName::User(user.username.clone()).to_string());
        }
        if let Some(user) = r.find_user(user.id)?.filter(|user| user.disabled_at.is_none()) {
            told.add(user);
        }
    }
    let step = match rung {
        Rung::Step { step, .. } => step,
        Rung::LastResort => 0,
        Rung::Start | Rung::Assignee => return Ok(told),
    };
    let all = |mut told| {
        match &policy.last_resort {
            _ if step > 0 => resolve(r, policy.targets(step), at, &mut told)?,
            Some(targets) => resolve(r, targets, at, &mut told)?,
            None => admins(r, team, &mut told)?,
        }
        Ok(told)
    };
    if !told.people.is_empty() {
        return all(told);
    }
    // For all incidents of a service alike, while it is the same second: no turn ends within one.
    let service = incident.service.as_ref().map_or(0, |service| service.id.0);
    r.kept("told", [team.0, service, step.into(), at.as_second()], || all(told))
}

/// The people whom a target means at `at`.
pub fn meant(r: &Read<'_>, target: Target, at: Timestamp) -> Result<Vec<User>> {
    let mut told = Told::default();
    resolve(r, &[target], at, &mut told)?;
    Ok(told.people)
}

/// Where the last resort told nobody: the team's admins, then the platform's.
pub fn beyond(r: &Read<'_>, team: TeamId, told: &mut Told) -> Result<()> {
    admins(r, team, told)?;
    told.targets.push("the platform's admins".into());
    for user in platform_admins(r)? {
        told.add(user);
    }
    Ok(())
}

pub fn platform_admins(r: &Read<'_>) -> Result<Vec<User>> {
    r.kept("platform's admins", [0; 4], || {
        let mut users = r.users()?;
        users.retain(|user| user.admin && user.disabled_at.is_none());
        Ok(users)
    })
}

fn admins(r: &Read<'_>, team: TeamId, told: &mut Told) -> Result<()> {
    let name = "the team's admins";
    if told.targets.iter().all(|known| known != name) {
        told.targets.push(name.into());
    }
    for user in members(r, team, Role::Admin)? {
        told.add(user);
    }
    Ok(())
}

/// Those of a team who are at least `role`, without disabled ones.
pub fn members(r: &Read<'_>, team: TeamId, role: Role) -> Result<Vec<User>> {
    let members = r.team_members(team)?.into_iter();
    let fit = members.filter(|(user, is)| *is >= role && user.disabled_at.is_none());
    Ok(fit.map(|(user, _)| user).collect())
}

fn resolve(r: &Read<'_>, targets: &[Target], at: Timestamp, told: &mut Told) -> Result<()> {
    for target in targets {
        let name = name(r, *target)?;
        let before = told.people.len() + told.channels.len();
        let mut known = false;
        let why = match target {
            Target::User(id) => {
                let user = r.find_user(*id)?.filter(|user| user.disabled_at.is_none());
                if let Some(user) = user {
                    known |= told.people.iter().any(|other| other.id == user.id);
                    told.add(user);
                }
                "disabled"
            }
            Target::Schedule(id) | Target::Next(id) => {
                let next = matches!(target, Target::Next(_));
                for user in on_call(r, &id.to_string(), next, at)? {
                    known |= told.people.iter().any(|other| other.id == user);
                    if let Some(user) = r.find_user(user)? {
                        told.add(user);
                    }
                }
                "nobody is on call"
            }
            Target::Team(id) => {
                for user in members(r, *id, Role::Responder)? {
                    known |= told.people.iter().any(|other| other.id == user.id);
                    told.add(user);
                }
                "has no responder"
            }
            Target::Channel(id) => {
                let channel = r.find_channel(&id.to_string())?;
                known = told.channels.iter().any(|other| other.id == *id);
                told.channels.extend(channel.filter(|_| !known));
                "is gone"
            }
        };
        if !known && told.people.len() + told.channels.len() == before {
            told.skipped.push(format!("{name}: {why}"));
        }
        told.targets.push(name);
    }
    Ok(())
}

fn on_call(r: &Read<'_>, schedule: &str, next: bool, at: Timestamp) -> Result<Vec<UserId>> {
    let Some(row) = r.find_schedule(schedule)? else { return Ok(Vec::new()) };
    let rules = rota::rules(r, &row, at, Timestamp::MAX)?;
    let now = rules.on_call_at(at);
    if !next {
        return Ok(now.into_iter().collect());
    }
    // Who takes over, whenever that is; a gap between is nobody's turn.
    let mut then = rules.next_change(at);
    for _ in 0..LOOKS_AHEAD {
        let Some(change) = then else { break };
        let after: Vec<UserId> =
            rules.on_call_at(change).into_iter().filter(|user| !now.contains(user)).collect();
        if !after.is_empty() {
            return Ok(after);
        }
        then = rules.next_change(change);
    }
    Ok(Vec::new())
}

/// Changes of a schedule that are looked at for who is next.
const LOOKS_AHEAD: usize = 50;

/// A target as people write it.
fn name(r: &Read<'_>, target: Target) -> Result<String> {
    let gone = |id: i64| id.to_string();
    let schedule = |id: crate::domain::ScheduleId| -> Result<String> {
        Ok(r.find_schedule(&id.to_string())?.map_or_else(|| gone(id.0), |row| row.slug))
    };
    Ok(match target {
        Target::User(id) => {
            TargetName::User(r.find_user(id)?.map_or_else(|| gone(id.0), |user| user.username))
        }
        Target::Schedule(id) => TargetName::Schedule(schedule(id)?),
        Target::Next(id) => TargetName::Next(schedule(id)?),
        Target::Team(id) => TargetName::Team(
            r.find_team(&id.to_string())?.map_or_else(|| gone(id.0), |team| team.slug),
        ),
        Target::Channel(id) => TargetName::Channel(
            r.find_channel(&id.to_string())?.map_or_else(|| gone(id.0), |row| row.slug),
        ),
    }
    .to_string())
}
