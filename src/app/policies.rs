//! Escalation policies: who is told when. What a team has not set holds all the same.
use super::changes::{Thing, differ, differ_or_not, unknown, wrongs};
use super::teams::{live_team, of_seen_teams};
use super::{App, Caller, Need, page_size, paging};
use crate::api::configuration::FieldChange;
use crate::api::policies::{NewPolicy, Policy as Shown, PolicyChange};
use crate::api::{OfTeam, Page};
use crate::domain::policy::{Policy, REPEAT, Target, TargetName, default_slug};
use crate::domain::user::check_slug;
use crate::domain::{Actor, PolicyId, TeamId};
use crate::error::{Error, FieldError, Result};
use crate::store::{PolicyRow, Read, Write};

impl App {
    /// Policies of the teams that the caller may see.
    ///
    /// # Errors
    /// `NotFound` for a team that he may not see.
    pub async fn policies(&self, caller: &Caller, query: OfTeam) -> Result<Page<Shown>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let team = query.team.as_deref();
                let rows = of_seen_teams(r, &caller, team, now, r.policies()?, |row| row.team.id)?;
                let found = rows.into_iter().map(|row| shown(r, row)).collect::<Result<_>>()?;
                let key = |policy: &Shown| policy.slug.clone();
                Ok(Page::cut(found, query.cursor.as_deref(), limit, key))
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn policy(&self, caller: &Caller, policy: String) -> Result<Shown> {
        let caller = caller.clone();
        self.0.store.read(move |r| shown(r, seen_policy(r, &caller, Need::Read, &policy)?)).await
    }

    /// # Errors
    /// `Refused` if the slug is taken; `Forbidden` for who does not manage the team; `Invalid`
    /// naming each target that is not there or not his to name.
    pub async fn create_policy(&self, caller: &Caller, new: NewPolicy) -> Result<Shown> {
        check_slug(&new.slug).map_err(|why| Error::invalid("slug", why))?;
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let team = live_team(w, &by, Need::Manage, &new.team)?;
            let NewPolicy { slug, repeat, steps, last_resort, .. } = new.clone();
            let repeat = repeat.unwrap_or(REPEAT);
            let written = Policy { slug, repeat, steps, last_resort };
            let policy = checked(w, &by, team.id, None, written)?;
            add_policy(w, team.id, &policy, &by.actor())?;
            shown(w, w.policy(&new.slug)?)
        })
        .await
    }

    /// Changes what is given.
    ///
    /// # Errors
    /// As `create_policy`.
    pub async fn change_policy(
        &self,
        caller: &Caller,
        policy: String,
        change: PolicyChange,
    ) -> Result<Shown> {
        let slug = change.slug.as_deref();
        slug.map_or(Ok(()), check_slug).map_err(|why| Error::invalid("slug", why))?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let old = seen_policy(w, &caller, Need::Manage, &policy)?;
            let was = with_names(w, old.policy.clone())?;
            let PolicyChange { slug, repeat, steps, last_resort } = change.clone();
            let written = Policy {
                slug: slug.unwrap_or(was.slug),
                repeat: repeat.unwrap_or(was.repeat),
                steps: steps.unwrap_or(was.steps),
                last_resort: last_resort.unwrap_or(was.last_resort),
            };
            let new = checked(w, &caller, old.team.id, Some(&old.policy), written)?;
            change_policy(w, &old, &new, &caller.actor())?;
            shown(w, w.policy(&new.slug)?)
        })
        .await
    }

    /// # Errors
    /// `Refused` while a service names it.
    pub async fn remove_policy(&self, caller: &Caller, policy: String) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let row = seen_policy(w, &caller, Need::Manage, &policy)?;
            remove_policy(w, &row, &caller.actor())
        })
        .await
    }
}

/// A policy in whose team the caller may do what `need` says.
fn seen_policy(r: &Read<'_>, caller: &Caller, need: Need, name: &str) -> Result<PolicyRow> {
    let what = format!("Policy `{name}`");
    let row = r.find_policy(name)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(r, need, row.team.id, &what)?;
    Ok(row)
}

fn shown(r: &Read<'_>, row: PolicyRow) -> Result<Shown> {
    let Policy { slug, repeat, steps, last_resort } = with_names(r, row.policy)?;
    let services = r.services_with_policy(row.id)?;
    Ok(Shown { id: row.id, slug, team: row.team, repeat, steps, last_resort, services })
}

/// A policy that the caller may set, with ids; what it named `before` it may name on.
fn checked(
    r: &Read<'_>,
    caller: &Caller,
    team: TeamId,
    before: Option<&Policy<Target>>,
    mut written: Policy<TargetName>,
) -> Result<Policy<Target>> {
    // None at all is the same as none of its own.
    written.last_resort = written.last_resort.filter(|last| !last.is_empty());
    let api = |field: &str| field.replace("last_resort", "lastResort");
    let faults = written.faults().into_iter();
    wrongs(faults.map(|(field, message)| FieldError { field: api(&field), message }).collect())?;
    let named = |target: Target| before.is_some_and(|it| it.all_targets().any(|it| *it == target));
    let (policy, wrong) = with_ids(r, written, |target, owner| {
        Ok(named(target) || may_name(r, caller, team, target, owner)?)
    })?;
    let mine = if caller.is_platform_admin() { "" } else { " that you may name here" };
    let wrong = wrong.into_iter().map(|FieldError { field, message }| FieldError {
        field: api(&field),
        message: format!("{message}{mine}"),
    });
    unknown(wrong.collect())?;
    Ok(policy)
}

const fn thing(id: PolicyId, slug: &str) -> Thing<'_> {
    Thing { what: "policy", id: id.0, name: slug }
}

/// A target, and the team that it belongs to; people belong to none.
type Found = Option<(Target, Option<TeamId>)>;

fn find(r: &Read<'_>, name: &TargetName) -> Result<Found> {
    Ok(match name {
        TargetName::User(name) => r.find_username(name)?.map(|it| (Target::User(it.id), None)),
        TargetName::Schedule(slug) => {
            r.find_schedule(slug)?.map(|it| (Target::Schedule(it.id), Some(it.team.id)))
        }
        TargetName::Next(slug) => {
            r.find_schedule(slug)?.map(|it| (Target::Next(it.id), Some(it.team.id)))
        }
        TargetName::Team(slug) => {
            let team = r.find_team(slug)?.filter(|team| team.archived_at.is_none());
            team.map(|it| (Target::Team(it.id), Some(it.id)))
        }
        TargetName::Channel(slug) => {
            r.find_channel(slug)?.map(|it| (Target::Channel(it.id), Some(it.team.id)))
        }
    })
}

const fn kind(name: &TargetName) -> (&'static str, &String) {
    match name {
        TargetName::User(name) => ("user", name),
        TargetName::Schedule(slug) | TargetName::Next(slug) => ("schedule", slug),
        TargetName::Team(slug) => ("team", slug),
        TargetName::Channel(slug) => ("channel", slug),
    }
}

/// A policy with ids for names, and which of those stand for nothing that `may_name` allows.
pub(super) fn with_ids(
    r: &Read<'_>,
    policy: Policy<TargetName>,
    may_name: impl Fn(Target, Option<TeamId>) -> Result<bool>,
) -> Result<(Policy<Target>, Vec<FieldError>)> {
    let mut wrong = Vec::new();
    let policy = policy.try_map(|field, name| -> Result<Target> {
        if let Some((target, team)) = find(r, &name)?
            && may_name(target, team)?
        {
            return Ok(target);
        }
        let (kind, name) = kind(&name);
        let message = format!("there is no {kind} `{name}`");
        wrong.push(FieldError { field: field.to_owned(), message });
        Ok(Target::Team(TeamId::default()))
    })?;
    Ok((policy, wrong))
}

/// A policy with names for ids.
pub(super) fn with_names(r: &Read<'_>, policy: Policy<Target>) -> Result<Policy<TargetName>> {
    policy.try_map(|_, target| name_of(r, target))
}

pub(super) fn name_of(r: &Read<'_>, target: Target) -> Result<TargetName> {
    Ok(match target {
        Target::User(id) => {
            let user = r.find_user(id)?.ok_or_else(|| Error::not_found("This user"))?;
            TargetName::User(user.username)
        }
        Target::Schedule(id) => TargetName::Schedule(r.schedule(&id.to_string())?.slug),
        Target::Next(id) => TargetName::Next(r.schedule(&id.to_string())?.slug),
        Target::Team(id) => TargetName::Team(r.team(&id.to_string())?.slug),
        Target::Channel(id) => TargetName::Channel(r.channel(id)?.slug),
    })
}

/// A team's admins name whom their own teams hold; platform admins everybody.
fn may_name(
    r: &Read<'_>,
    caller: &Caller,
    team: TeamId,
    target: Target,
    owner: Option<TeamId>,
) -> Result<bool> {
    if caller.is_platform_admin() {
        return Ok(true);
    }
    match (target, owner) {
        (Target::User(user), _) => Ok(r.find_role(team, user)?.is_some()),
        (_, Some(owner)) => Ok(owner == team || caller.may(r, Need::Manage, owner, "").is_ok()),
        (_, None) => Ok(false),
    }
}

pub(super) fn add_policy(
    w: &mut Write<'_>,
    team: TeamId,
    policy: &Policy<Target>,
    actor: &Actor,
) -> Result<PolicyId> {
    let id = w.insert_policy(team, policy)?;
    thing(id, &policy.slug).log(w, "created", actor)?;
    Ok(id)
}

/// Makes a policy as `new` says; says what differs, step by step.
pub(super) fn change_policy(
    w: &mut Write<'_>,
    old: &PolicyRow,
    new: &Policy<Target>,
    actor: &Actor,
) -> Result<Vec<FieldChange>> {
    let mut fields = Vec::new();
    if old.policy != *new {
        let (from, to) = (with_names(w, old.policy.clone())?, with_names(w, new.clone())?);
        fields = differences(&from, &to);
        w.update_policy(old.id, new)?;
        paging::follow_policy(w, old.team.id, &old.policy, new)?;
    }
    thing(old.id, &new.slug).log_fields(w, &fields, actor)?;
    Ok(fields)
}

fn differences(from: &Policy<TargetName>, to: &Policy<TargetName>) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    differ(&mut fields, "slug", &from.slug, &to.slug);
    differ(&mut fields, "repeat", from.repeat, to.repeat);
    let mut times: Vec<_> = from.steps.iter().chain(&to.steps).map(|step| step.after).collect();
    times.sort_unstable();
    times.dedup();
    for after in times {
        let of = |policy: &Policy<TargetName>| {
            policy.steps.iter().find(|step| step.after == after).map(|step| list(&step.targets))
        };
        differ_or_not(&mut fields, &format!("steps.{after}"), of(from), of(to));
    }
    let last = |policy: &Policy<TargetName>| policy.last_resort.as_deref().map(list);
    differ_or_not(&mut fields, "last_resort", last(from), last(to));
    fields
}

fn list(targets: &[TargetName]) -> String {
    let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
    targets.join(",")
}

/// # Errors
/// `Refused` while a service names it.
pub(super) fn remove_policy(w: &mut Write<'_>, row: &PolicyRow, actor: &Actor) -> Result<()> {
    let slug = &row.policy.slug;
    let services = w.services_with_policy(row.id)?;
    if let Some(first) = services.first() {
        let why = format!("Policy `{slug}` is that of services: {}.", services.join(", "));
        return Err(Error::refused(why).hint(format!(
            "Give them another first: incidentd service set {first} --policy SLUG"
        )));
    }
    thing(row.id, slug).log(w, "removed", actor)?;
    w.delete_policy(row.id)
}

/// What a policy names does not go away under it.
///
/// # Errors
/// `Refused`, naming the policies.
pub(super) fn refuse_named(r: &Read<'_>, what: &str, targets: &[Target]) -> Result<()> {
    let mut policies = Vec::new();
    for target in targets {
        policies.extend(r.policies_naming(*target)?);
    }
    policies.dedup();
    let Some(first) = policies.first() else { return Ok(()) };
    Err(Error::refused(format!("{what} is named by policies: {}.", policies.join(", ")))
        .hint(format!("Change them first: incidentd policy set {first} --step …")))
}

/// The default policy of a team goes by its slug.
pub(super) fn follow_team(
    w: &mut Write<'_>,
    team: TeamId,
    (old, new): (&str, &str),
    actor: &Actor,
) -> Result<()> {
    let (old, slug) = (default_slug(old), default_slug(new));
    let Some(row) = w.find_policy(&old)?.filter(|row| row.team.id == team) else { return Ok(()) };
    let policy = Policy { slug, ..row.policy.clone() };
    change_policy(w, &row, &policy, actor).map(|_| ())
}
