//! The appliance watches itself: what is wrong with it is an incident of its own team, whose
//! people are the platform's admins.
use super::App;
use super::paging::{queue, who};
use super::teams::add_team;
use crate::api::teams::NewTeam;
use crate::domain::alert::{Labels, Lifetime};
use crate::domain::delivery::To;
use crate::domain::service::{Rules, UrgencyRule};
use crate::domain::{
    Actor, Alert, Change, Incident, Key, ResolveReason, Service, ServiceId, Severity, Signal,
    Update, UpdateReason,
};
use crate::error::Result;
use crate::store::{NewIncident, OWN_TEAM, Team, Write};

/// Something that is wrong with the appliance itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What makes two of them the same.
    pub key: &'static str,
    pub title: String,
    pub description: String,
    pub severity: Severity,
}

impl App {
    /// Raises `troubles`, and ends those of `keys` that are not among them. What is so already
    /// changes nothing.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored.
    pub async fn tell_own(&self, keys: &'static [&str], troubles: Vec<Trouble>) -> Result<()> {
        let url = self.0.public_url.clone();
        self.write(move |w| {
            for trouble in &troubles {
                raise_own(w, trouble, &url)?;
            }
            let is_well = |key: &&&str| troubles.iter().all(|trouble| trouble.key != **key);
            keys.iter().filter(is_well).try_for_each(|key| calm_own(w, key))
        })
        .await
    }

    /// Everything by which the platform's admins can be told, each with his name.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn admins_places(&self) -> Result<Vec<(String, To)>> {
        self.0
            .store
            .read(|r| {
                let mut found = Vec::new();
                for user in who::platform_admins(r)? {
                    let places = queue::everywhere(r, &user)?.into_iter();
                    found.extend(places.map(|to| (user.name.clone(), to)));
                }
                Ok(found)
            })
            .await
    }
}

/// The team that owns the appliance's own incidents, made when it is first needed.
pub(super) fn own_team(w: &mut Write<'_>) -> Result<Team> {
    let there = w.find_team(OWN_TEAM)?.filter(|team| team.archived_at.is_none());
    if let Some(team) = there {
        return Ok(team);
    }
    add_team(w, &NewTeam { slug: OWN_TEAM.into(), name: None }, &Actor::system())?;
    w.team(OWN_TEAM)
}

fn own_key(key: &str) -> Key {
    Key::internal(&format!("{OWN_TEAM}:{key}"))
}

/// Opens an incident of the own team, unless it is open. Whoever resolved it by hand is left in
/// peace as long as that holds.
pub(super) fn raise_own(w: &mut Write<'_>, trouble: &Trouble, url: &str) -> Result<()> {
    let key = own_key(trouble.key);
    if w.find_own(&key.hash)?.is_some() {
        return Ok(());
    }
    let team = own_team(w)?.reference();
    let alert = Alert {
        key: Some(key.clone()),
        fingerprint: key.clone(),
        signal: Signal::Firing,
        title: trouble.title.clone(),
        description: trouble.description.clone(),
        severity: trouble.severity,
        labels: Labels::new(),
        links: Vec::new(),
        group: None,
        starts_at: None,
        ended_at: None,
        lifetime: Lifetime::Endless,
    };
    // No service is watched: only its rules are lent.
    let rules = Rules { urgency: UrgencyRule::Auto, ..Rules::default() };
    let name = String::new;
    let lent =
        Service { id: ServiceId(0), slug: name(), name: name(), team, rules, archived: false };
    let mut incident = Incident::opened_by(&alert, &lent, &key, w.now());
    incident.service = None;
    w.open_incident(NewIncident { incident, key: &key }, &Actor::system(), url).map(|_| ())
}

/// It is over: resolves the incident that `raise_own` opened, or the hold on it.
pub(super) fn calm_own(w: &mut Write<'_>, key: &str) -> Result<()> {
    let Some(id) = w.find_own(&own_key(key).hash)? else { return Ok(()) };
    w.count_alert(id, 0, -1)?;
    let mut incident = w.incident(id)?;
    let over = if incident.is_open() {
        Change::resolved(ResolveReason::Source)
    } else {
        Change::Updated(Update::new(UpdateReason::AlertResolved))
    };
    w.append(&mut incident, over, &Actor::system()).map(|_| ())
}
