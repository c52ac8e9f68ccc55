//! Escalation policies: who is told when. What a team has not set holds all the same.
use super::changes::{Thing, differ, differ_or_not};
use crate::api::configuration::FieldChange;
use crate::domain::policy::{Policy, Target, TargetName};
use crate::domain::{Actor, PolicyId, TeamId};
use crate::error::{Error, FieldError, Result};
use crate::store::{PolicyRow, Read, Write};

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
    let (old, slug) =
        (crate::domain::policy::default_slug(old), crate::domain::policy::default_slug(new));
    let Some(row) = w.find_policy(&old)?.filter(|row| row.team.id == team) else { return Ok(()) };
    let policy = Policy { slug, ..row.policy.clone() };
    change_policy(w, &row, &policy, actor).map(|_| ())
}
