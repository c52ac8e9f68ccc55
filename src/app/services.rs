//! Services: what is watched, and the rules that it gives its incidents.
use super::changes::{Thing, check_name, differ, differ_or_not, fault, quoted, wrongs};
use super::teams::{live_team, of_seen_teams, refuse_open};
use super::{App, Caller, Need, page_size};
use crate::api::Page;
use crate::api::configuration::FieldChange;
use crate::api::services::{NewService, Service, ServiceChange, ServicesQuery};
use crate::domain::service::Rules;
use crate::domain::user::check_slug;
use crate::domain::{self, Actor, PolicyId, ServiceId, TeamId};
use crate::error::{Error, FieldError, Result};
use crate::store::{Read, Write};

const MAX_GROUP_BY: usize = 16;
/// Longest name of a label, in bytes.
const MAX_LABEL: usize = 255;

impl App {
    /// Services of the teams that the caller may see.
    ///
    /// # Errors
    /// `NotFound` for a team that he may not see.
    pub async fn services(&self, caller: &Caller, query: ServicesQuery) -> Result<Page<Service>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let (team, all) = (query.team.as_deref(), r.services()?);
                let mut services =
                    of_seen_teams(r, &caller, team, now, all, |service| service.team.id)?;
                services.retain(|service| query.archived || !service.archived);
                let services =
                    services.into_iter().map(|row| shown(r, row)).collect::<Result<_>>()?;
                let key = |service: &Service| service.slug.clone();
                Ok(Page::cut(services, query.cursor.as_deref(), limit, key))
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn service(&self, caller: &Caller, service: String) -> Result<Service> {
        let caller = caller.clone();
        self.0.store.read(move |r| shown(r, seen_service(r, &caller, Need::Read, &service)?)).await
    }

    /// Adds a service, or brings an archived one of the same team back.
    ///
    /// # Errors
    /// `Refused` if the slug is taken; `Forbidden` for who does not manage the team.
    pub async fn create_service(&self, caller: &Caller, new: NewService) -> Result<Service> {
        check(Some(&new.slug), &ServiceChange::from(&new))?;
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let team = live_team(w, &by, Need::Manage, &new.team)?.id;
            add_service(w, team, &new.slug, &ServiceChange::from(&new), &by.actor())?;
            shown(w, w.service(&new.slug)?)
        })
        .await
    }

    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage its team.
    pub async fn change_service(
        &self,
        caller: &Caller,
        service: String,
        change: ServiceChange,
    ) -> Result<Service> {
        check(change.slug.as_deref(), &change)?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = live_service(w, &caller, Need::Manage, &service)?;
            change_service(w, &found, &change, &caller.actor())?;
            shown(w, w.service_by_id(found.id)?)
        })
        .await
    }

    /// Archives a service; archived already, it stays so.
    ///
    /// # Errors
    /// `Refused` while it has open incidents.
    pub async fn archive_service(&self, caller: &Caller, service: String) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let found = seen_service(w, &caller, Need::Manage, &service)?;
            if found.archived {
                return Ok(());
            }
            archive_service(w, &found, &caller.actor())
        })
        .await
    }
}

fn shown(r: &Read<'_>, service: domain::Service) -> Result<Service> {
    let domain::Service { id, slug, name, team, rules, archived } = service;
    let escalation_policy = r.policy_of_service(id)?;
    Ok(Service { id, slug, name, team, rules, escalation_policy, archived })
}

impl From<&NewService> for ServiceChange {
    fn from(new: &NewService) -> Self {
        Self {
            slug: None,
            name: new.name.clone(),
            urgency: new.urgency,
            group_by: new.group_by.clone(),
            ack_timeout: new.ack_timeout,
            reopen_within: new.reopen_within,
            escalation_policy: new.escalation_policy.clone().map(Some),
        }
    }
}

fn check(slug: Option<&str>, change: &ServiceChange) -> Result<()> {
    let slug = fault("slug", slug.map(check_slug));
    wrongs(slug.into_iter().chain(check_service(change)).collect())
}

/// What is wrong with the fields of a service.
pub(super) fn check_service(change: &ServiceChange) -> Vec<FieldError> {
    let mut wrong = Vec::from_iter(fault("name", change.name.as_deref().map(check_name)));
    let mut say = |field: &str, message: String| {
        wrong.push(FieldError { field: field.to_owned(), message });
    };
    let labels = change.group_by.as_deref().unwrap_or_default();
    if labels.len() > MAX_GROUP_BY {
        say("groupBy", format!("names more than {MAX_GROUP_BY} labels"));
    }
    if labels.iter().any(|label| label.is_empty() || label.len() > MAX_LABEL) {
        say("groupBy", format!("needs names of labels, each of 1 to {MAX_LABEL} bytes"));
    }
    wrong
}

/// A service in whose team the caller may do what `need` says.
pub(super) fn seen_service(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    name: &str,
) -> Result<domain::Service> {
    let what = format!("Service `{name}`");
    let service = r.find_service(name)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(r, need, service.team.id, &what)?;
    Ok(service)
}

/// As `seen_service`, unless it is archived.
pub(super) fn live_service(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    name: &str,
) -> Result<domain::Service> {
    let service = seen_service(r, caller, need, name)?;
    must_live(&service)?;
    Ok(service)
}

/// # Errors
/// `Refused` for what is archived: it only has a history.
pub(super) fn must_live(service: &domain::Service) -> Result<()> {
    if !service.archived {
        return Ok(());
    }
    let (slug, team) = (&service.slug, &service.team.slug);
    Err(Error::refused(format!("Service `{slug}` is archived."))
        .hint(format!("Bring it back: incidentd service add {slug} --team {team}")))
}

const fn thing(id: ServiceId, slug: &str) -> Thing<'_> {
    Thing { what: "service", id: id.0, name: slug }
}

fn merged(rules: &Rules, change: &ServiceChange) -> Rules {
    Rules {
        urgency: change.urgency.unwrap_or(rules.urgency),
        group_by: change.group_by.clone().unwrap_or_else(|| rules.group_by.clone()),
        ack_timeout: change.ack_timeout.unwrap_or(rules.ack_timeout),
        reopen_within: change.reopen_within.unwrap_or(rules.reopen_within),
    }
}

/// Adds a service, or brings an archived one back with its rules and integrations.
pub(super) fn add_service(
    w: &mut Write<'_>,
    team: TeamId,
    slug: &str,
    rules: &ServiceChange,
    actor: &Actor,
) -> Result<ServiceId> {
    let archived = w.find_service(slug)?.filter(|found| found.archived && found.team.id == team);
    if let Some(found) = archived {
        return change_service(w, &found, rules, actor).map(|_| found.id);
    }
    let name = rules.name.as_deref().unwrap_or(slug);
    let id = w.insert_service(team, slug, name, &merged(&Rules::default(), rules))?;
    thing(id, slug).log(w, "created", actor)?;
    if let Some(Some(policy)) = &rules.escalation_policy {
        w.set_policy_of_service(id, Some(policy_of_team(w, team, policy)?))?;
    }
    Ok(id)
}

/// # Errors
/// `NotFound` if the team has no such policy.
fn policy_of_team(r: &Read<'_>, team: TeamId, name: &str) -> Result<PolicyId> {
    let found = r.find_policy(name)?.filter(|row| row.team.id == team);
    found.map(|row| row.id).ok_or_else(|| {
        let why = format!("the service's team has no policy `{name}`");
        Error::unknown("escalationPolicy", why)
    })
}

/// Changes what is given, and brings back what is archived; says what differs.
pub(super) fn change_service(
    w: &mut Write<'_>,
    service: &domain::Service,
    change: &ServiceChange,
    actor: &Actor,
) -> Result<Vec<FieldChange>> {
    let slug = change.slug.as_ref().unwrap_or(&service.slug);
    let name = change.name.as_ref().unwrap_or(&service.name);
    let (old, new) = (&service.rules, merged(&service.rules, change));
    let labels = |rules: &Rules| format!("{:?}", rules.group_by);
    let mut fields = Vec::new();
    differ(&mut fields, "slug", &service.slug, slug);
    differ(&mut fields, "name", quoted(&service.name), quoted(name));
    differ(&mut fields, "urgency", old.urgency.word(), new.urgency.word());
    differ(&mut fields, "group_by", labels(old), labels(&new));
    differ(&mut fields, "ack_timeout", old.ack_timeout, new.ack_timeout);
    differ(&mut fields, "reopen_within", old.reopen_within, new.reopen_within);
    if let Some(policy) = &change.escalation_policy {
        let name = policy.as_deref();
        let id = name.map(|name| policy_of_team(w, service.team.id, name)).transpose()?;
        let was = w.policy_of_service(service.id)?;
        if was.as_ref().map(|was| was.id) != id {
            differ_or_not(
                &mut fields,
                "escalation_policy",
                was.map(|was| was.slug),
                policy.clone(),
            );
            w.set_policy_of_service(service.id, id)?;
        }
    }
    if service.archived {
        thing(service.id, slug).log(w, "brought back", actor)?;
    }
    if service.archived || !fields.is_empty() {
        w.update_service(service.id, slug, name, &new)?;
    }
    thing(service.id, slug).log_fields(w, &fields, actor)?;
    Ok(fields)
}

/// Its integrations stay, with keys that are dead until it is brought back.
pub(super) fn archive_service(
    w: &mut Write<'_>,
    service: &domain::Service,
    actor: &Actor,
) -> Result<()> {
    refuse_open("Service", &service.slug, &w.some_open_of_service(service.id)?)?;
    w.archive_service(service.id)?;
    thing(service.id, &service.slug).log(w, "archived", actor)
}
