//! Those who play the demo: senders post alerts and people act on incidents, all through the public
//! API, as strangers' programs would.
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::kinds::Sender;
use super::phones::NTFY;
use super::story::{Beat, Case, Deed, Who};
use crate::api::Nothing;
use crate::api::configuration::Document;
use crate::api::contacts::{CREATE_CONTACT, NewContact};
use crate::api::incidents::{ACT, LIST, ListQuery};
use crate::api::schedules::{ON_CALL, OnCallQuery};
use crate::api::tokens::NewToken;
use crate::app::{App, Caller};
use crate::client::Client;
use crate::clock::Clock;
use crate::domain::{Action, IncidentId, Span};
use crate::error::{Error, Kind, Result};
use crate::secret::{Secret, hash};

/// Who looks at the demo.
pub const YOU: &str = "you";
const COMPANY: &str = include_str!("company.toml");
const PATIENCE: Duration = Duration::from_secs(10);
/// A rule holds so long before its alert comes.
const PENDING: SignedDuration = SignedDuration::from_secs(30);

pub struct Players {
    /// `service/integration` → its key.
    keys: BTreeMap<String, Secret>,
    tokens: BTreeMap<String, Secret>,
    /// Team → people, in the order of their names.
    teams: BTreeMap<String, Vec<String>>,
    clock: Clock,
    url: String,
    /// Since when what fires does.
    since: BTreeMap<Case, Timestamp>,
}

impl Players {
    /// Founds the company: people, teams, services, schedules, and the keys and tokens to them.
    /// `ntfy` is what takes the place of the server that people's phones listen to.
    ///
    /// # Errors
    /// None is expected of a server that is empty.
    pub async fn found(app: &App, ntfy: &str) -> Result<Self> {
        let host = Caller::host();
        let company = COMPANY.replace(NTFY, ntfy);
        let document: Document = toml::from_str(&company).map_err(Error::internal)?;
        let (users, teams) = (document.users.clone(), document.teams.clone());
        let made = app.apply(&host, document).await?.keys;
        app.set_password(&host, YOU.into(), Secret::random()?).await?;
        let mut tokens = BTreeMap::new();
        for user in users {
            let new = NewToken { user: Some(user.username.clone()), ..NewToken::default() };
            let token = app.create_token(&host, new).await?.token;
            tokens.insert(user.username, Secret::new(token));
        }
        // Bought yesterday, and its code lies unread.
        let tablet = NewContact {
            name: "tablet".into(),
            channel: "ntfy".into(),
            address: Some(format!("{ntfy}/you-tablet-m4c1")),
        };
        let you = Client::new(app.public_url(), tokens.get(YOU).cloned(), PATIENCE)?;
        you.call_once(&CREATE_CONTACT, "me".to_owned(), &tablet).await?;
        let members = |team: crate::api::configuration::Team| {
            let people = team.members.unwrap_or_default().into_keys();
            (team.slug, people.filter(|name| name != YOU).collect())
        };
        Ok(Self {
            keys: made.into_iter().map(|made| (made.name, Secret::new(made.key))).collect(),
            tokens,
            teams: teams.into_iter().map(members).collect(),
            clock: app.clock().clone(),
            url: app.public_url().to_owned(),
            since: BTreeMap::new(),
        })
    }

    /// They go on with another server, which has the same folder.
    #[must_use]
    pub fn at(self, app: &App) -> Self {
        Self { clock: app.clock().clone(), url: app.public_url().to_owned(), ..self }
    }

    /// # Errors
    /// `Internal` for somebody who is not there.
    pub fn token(&self, who: &str) -> Result<&Secret> {
        self.tokens.get(who).ok_or_else(|| Error::internal(format!("nobody is called {who}")))
    }

    /// # Errors
    /// `Internal` for an integration that is not there.
    pub fn key(&self, service: &str, sender: Sender) -> Result<&Secret> {
        let name = format!("{service}/{}", sender.name());
        self.keys.get(&name).ok_or_else(|| Error::internal(format!("{name} has no key")))
    }

    /// # Errors
    /// `Internal` for somebody who is not there.
    pub fn client(&self, who: &str) -> Result<Client> {
        Client::new(&self.url, Some(self.token(who)?.clone()), PATIENCE)
    }

    /// Does what the story says.
    ///
    /// # Errors
    /// What the server says against it, as if somebody else was faster.
    pub async fn play(&mut self, beat: &Beat) -> Result<()> {
        let (case, deed) = (beat.case, beat.deed);
        let who = match deed {
            Deed::Fires | Deed::Clears => return self.send(case, deed == Deed::Fires).await,
            Deed::Ack(who)
            | Deed::Note(who, _)
            | Deed::Resolve(who, _)
            | Deed::Snooze(who)
            | Deed::HandOver(who) => who,
        };
        let (who, other) = self.people(case.kind().team, who).await?;
        let client = self.client(&who)?;
        let action = match deed {
            Deed::Note(_, body) => Action::AddNote { body: body.into() },
            Deed::Resolve(_, note) => Action::Resolve { note: Some(note.into()), hold: None },
            Deed::Snooze(_) => Action::Snooze { span: Some(Span::secs(4 * 3_600)), until: None },
            Deed::HandOver(_) => Action::Reassign { to: other, reason: None },
            _ => Action::Acknowledge { span: None, until: None, note: None, take: false },
        };
        let id = find(&client, case).await?;
        client.call_once(&ACT, id, &action).await.map(drop)
    }

    /// Who it is, and who else is there.
    async fn people(&self, team: &str, who: Who) -> Result<(String, String)> {
        let people = self.teams.get(team).map_or(&[] as &[String], Vec::as_slice);
        let absent = || Error::internal(format!("nobody belongs to {team}"));
        let first = people.first().ok_or_else(absent)?;
        let query = OnCallQuery { team: Some(team.into()), ..OnCallQuery::default() };
        let nothing = Nothing {};
        let duty = self.client(first)?.call(&ON_CALL, nothing, &query, &nothing).await?;
        let on_call = duty.items.into_iter().find_map(|one| one.user).map(|user| user.username);
        let on_call = on_call.unwrap_or_else(|| first.clone());
        let colleague = people.iter().find(|name| **name != on_call).ok_or_else(absent)?.clone();
        Ok(match who {
            Who::OnCall => (on_call, colleague),
            Who::Colleague => (colleague, on_call),
        })
    }

    /// A job has done its work.
    ///
    /// # Errors
    /// None is expected.
    pub async fn beat(&self, slug: &str) -> Result<()> {
        let absent = || Error::internal(format!("{slug} has no key"));
        let key = self.keys.get(slug).ok_or_else(absent)?;
        Client::new(&self.url, None, PATIENCE)?.beat(key, None).await
    }

    async fn send(&mut self, case: Case, fires: bool) -> Result<()> {
        let kind = case.kind();
        let now = self.clock.now();
        let began = now.saturating_sub(PENDING).unwrap_or(now);
        let since = if fires {
            *self.since.entry(case).or_insert(began)
        } else {
            self.since.remove(&case).unwrap_or(began)
        };
        let body = match kind.sender {
            Sender::Prometheus => webhook(case, fires, since, now),
            Sender::Grafana => {
                let mut body = webhook(case, fires, since, now);
                body["title"] = format!("[{}:{}] {}", state(fires), kind.size, kind.name).into();
                body["state"] = if fires { "alerting" } else { "ok" }.into();
                body["orgId"] = 1.into();
                body["externalURL"] = "https://grafana.example.com/".into();
                body
            }
            Sender::Cron => json!({
                "title": case.title(), "status": state(fires), "severity": kind.severity,
                "description": kind.about, "labels": {"job": kind.name, "of": case.place()},
            }),
        };
        let client = Client::new(&self.url, None, PATIENCE)?;
        let key = self.key(kind.service, kind.sender)?;
        client.send_alert::<_, Value>(key, kind.sender.format(), &body).await.map(drop)
    }
}

/// The open incident of a case, as people find it: by its title.
async fn find(client: &Client, case: Case) -> Result<IncidentId> {
    let title = case.title();
    let query = ListQuery { q: Some(title.clone()), ..ListQuery::default() };
    let found = client.call(&LIST, Nothing {}, &query, &Nothing {}).await?;
    let it = found.items.into_iter().find(|incident| incident.title == title);
    it.map(|incident| incident.id).ok_or_else(|| Error::new(Kind::NotFound, "It is over."))
}

const fn state(fires: bool) -> &'static str {
    if fires { "firing" } else { "resolved" }
}

/// As an Alertmanager posts it.
fn webhook(case: Case, fires: bool, since: Timestamp, now: Timestamp) -> Value {
    let kind = case.kind();
    let annotations = json!({
        "summary": case.title(),
        "description": kind.about,
        "runbook_url": format!("https://runbooks.example.com/{}", kind.name),
    });
    let labels = json!({
        "alertname": kind.name, "instance": case.place(),
        "severity": kind.severity, "team": kind.team, "env": "production",
    });
    let alert = |nth: usize| {
        let mut labels = labels.clone();
        if kind.size > 1 {
            labels["shard"] = format!("{:02}", nth + 1).into();
        }
        let name = format!("{} {} {nth}", kind.name, case.place());
        let fingerprint =
            hash(name.as_bytes()).first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        json!({
            "status": state(fires), "labels": labels, "annotations": annotations,
            "startsAt": since,
            "endsAt": if fires { "0001-01-01T00:00:00Z".into() } else { now.to_string() },
            "generatorURL": format!("https://prometheus.example.com/graph?g0.expr={}", kind.name),
            "fingerprint": format!("{fingerprint:016x}"),
        })
    };
    json!({
        "version": "4", "receiver": "incidentd", "status": state(fires),
        "groupKey": format!("{{}}:{{alertname={:?}, instance={:?}}}", kind.name, case.place()),
        "groupLabels": {"alertname": kind.name, "instance": case.place()},
        "commonLabels": labels, "commonAnnotations": annotations,
        "externalURL": "https://alertmanager.example.com", "truncatedAlerts": 0,
        "alerts": (0..kind.size).map(alert).collect::<Vec<_>>(),
    })
}
