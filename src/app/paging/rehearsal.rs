//! Who would be told of an alert, when and by what: the ladder is climbed as ever, but on paper.
use jiff::{SignedDuration, Timestamp};

use super::{Plan, Shown, is_over, plan, policy_of, shown, who};
use crate::api::route::{PolicyOf, Try, Way, WayPage, WayStep};
use crate::app::services::{must_live, seen_service};
use crate::app::{App, Caller, Need, quiet};
use crate::clock::shift;
use crate::domain::alert::Lifetime;
use crate::domain::delivery::Delivery;
use crate::domain::escalation::Ladder;
use crate::domain::policy::{Policy, Rung, Target, default_slug};
use crate::domain::{Alert, Incident, Key, Service, Severity, Signal};
use crate::error::{Error, Result};
use crate::store::Read;

/// Steps that are told of: more than any policy has rounds of.
const MOST: usize = 256;
/// Whoever is told later than this of what is critical is told too late.
pub(in crate::app) const IN_GOOD_TIME: SignedDuration = SignedDuration::from_hours(1);
/// Services that are named to who has to choose one.
const NAMED: usize = 10;

impl App {
    /// Who would be paged for this alert if it came now. Nothing comes of it.
    ///
    /// # Errors
    /// `NotFound` for a service that the caller may not see.
    pub async fn test_route(&self, caller: &Caller, asked: Try) -> Result<Way> {
        let (caller, now) = (caller.clone(), self.now());
        self.0.store.read(move |r| way(r, &caller, &asked, now)).await
    }
}

fn way(r: &Read<'_>, caller: &Caller, asked: &Try, now: Timestamp) -> Result<Way> {
    let service = service_for(r, caller, asked, now)?;
    let alert = alert(asked);
    let key = Key::new("route test");
    let mut incident = Incident::opened_by(&alert, &service, &key, now);
    let silences = quiet::silences_of(r, &service, &alert, now)?;
    let until = silences.iter().map(|(_, until)| *until).max();
    incident.silenced_until = until;
    let policy = policy_of(r, &incident)?;
    let mut fed = r.fed_heartbeats(service.id)?;
    fed.retain(|heartbeat| heartbeat.is_fed_by(&alert));
    let steps = match fed.as_slice() {
        [] => climb(r, &incident, &policy, until.unwrap_or(now))?,
        _ => Vec::new(),
    };
    Ok(Way {
        service: service.reference(),
        severity: incident.severity,
        urgency: incident.urgency,
        silenced_until: until,
        silences: silences.into_iter().map(|(id, _)| id).collect(),
        policy_of: policy_from(r, &service)?,
        heartbeats: fed.into_iter().map(|heartbeat| heartbeat.slug).collect(),
        steps,
        policy: policy.slug,
        team: service.team,
    })
}

/// When the first is told of a critical alert of this service that comes now, if anybody is.
pub(in crate::app) fn first_told(
    r: &Read<'_>,
    service: &Service,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let alert = alert(&Try { severity: Some(Severity::Critical), ..Try::default() });
    let incident = Incident::opened_by(&alert, service, &Key::new("route test"), now);
    let steps = climb(r, &incident, &policy_of(r, &incident)?, now)?;
    Ok(steps.iter().flat_map(|step| &step.pages).map(|page| page.at).min())
}

fn service_for(r: &Read<'_>, caller: &Caller, asked: &Try, now: Timestamp) -> Result<Service> {
    caller.must_have(Need::Read)?;
    if let Some(name) = &asked.service {
        let service = seen_service(r, caller, Need::Read, name)?;
        return must_live(&service).map(|()| service);
    }
    let sight = caller.sight(r, now)?;
    let mut services = r.services()?;
    services.retain(|service| {
        !service.archived && (sight.everything || sight.teams.contains(&service.team.id))
    });
    if services.len() == 1 {
        return services.pop().ok_or_else(|| Error::not_found("A service"));
    }
    let names: Vec<&str> = services.iter().take(NAMED).map(|it| it.slug.as_str()).collect();
    let why = format!("is needed: which of {}?", names.join(", "));
    Err(Error::invalid("service", why).hint("Name it: --service SLUG"))
}

fn alert(asked: &Try) -> Alert {
    let labels = crate::domain::alert::sender_labels(
        asked.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let said = labels.get("severity").map(|word| Severity::of_sender(word));
    Alert {
        key: None,
        fingerprint: Key::new("route test"),
        signal: Signal::Firing,
        title: labels.get("alertname").cloned().unwrap_or_else(|| "route test".into()),
        description: String::new(),
        severity: asked.severity.or(said).unwrap_or(Severity::Error),
        labels,
        links: Vec::new(),
        group: None,
        starts_at: None,
        ended_at: None,
        lifetime: Lifetime::Endless,
    }
}

fn policy_from(r: &Read<'_>, service: &Service) -> Result<PolicyOf> {
    if r.policy_of_service(service.id)?.is_some() {
        return Ok(PolicyOf::Service);
    }
    let default = r.find_policy(&default_slug(&service.team.slug))?;
    Ok(if default.is_some() { PolicyOf::Team } else { PolicyOf::Nobody })
}

fn climb(
    r: &Read<'_>,
    incident: &Incident,
    policy: &Policy<Target>,
    start: Timestamp,
) -> Result<Vec<WayStep>> {
    let (rung, wait) = policy.next(Rung::Start);
    let mut ladder = Ladder { rung, due: shift(start, wait), told_in: 0, exhausted: false };
    let mut steps = Vec::new();
    while steps.len() < MOST {
        let Ladder { rung, due: at, .. } = ladder;
        let plan = plan(r, incident, policy, rung, at)?;
        let tells = plan.tells();
        ladder = ladder.after(policy, rung, tells, at);
        steps.push(step(rung, at, plan));
        if rung == Rung::LastResort || is_over(incident, rung, tells) {
            break;
        }
    }
    Ok(steps)
}

fn step(rung: Rung, at: Timestamp, plan: Plan) -> WayStep {
    let (round, step) = match rung {
        Rung::Step { round, step } => (round, step),
        _ => (0, 0),
    };
    let mut pages: Vec<WayPage> = plan.rows.iter().map(|row| page(row, &plan.who)).collect();
    pages.sort_by_key(|page| page.at);
    let skipped = [plan.who.skipped, plan.unverified].concat();
    WayStep { round, step, at, targets: plan.who.targets, pages, skipped }
}

fn page(row: &Delivery, who: &who::Told) -> WayPage {
    let Shown { user, channel, at, .. } = shown(row, who);
    WayPage { who: user, channel, contact: row.to.contact.clone(), at }
}
