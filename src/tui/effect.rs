//! What the state asks for, and running it beside the screen, which never waits.
use tokio::sync::mpsc;

use super::answer::{Answer, Running};
use super::around::Found;
use super::prompt::Entry;
use super::state::Hearing;
use crate::api::incidents::{
    self, Acted, AfterQuery, BulkAction, ListQuery, Order, StatusFilter, Trigger,
};
use crate::api::overview::{OVERVIEW, OverviewQuery};
use crate::api::services::{INTEGRATIONS, IntegrationsQuery};
use crate::api::sessions::ME;
use crate::api::teams::MEMBERS;
use crate::api::{MAX_BULK, MAX_PAGE, Nothing, PageQuery};
use crate::client::{Client, Ours};
use crate::domain::member::MemberView;
use crate::domain::words::telling;
use crate::domain::{Action, Event, Incident, IncidentId, Role};
use crate::error::{Error, Kind, Result};

/// Events and alerts of one incident that are fetched; of more, the command line tells.
const MAX_FETCHED: usize = 2_000;

/// Actions on incidents, one after the other.
#[derive(Clone, Debug)]
pub struct Asked {
    pub ids: Vec<IncidentId>,
    pub actions: Vec<Action>,
    /// What was typed for it.
    pub entry: Option<Entry>,
    /// What it takes back, as in "Undone: acknowledged 42".
    pub undoes: Option<&'static str>,
    /// As they were when it began.
    pub before: Vec<Incident>,
    /// What was under the cursor then.
    pub cursor: Option<IncidentId>,
}

/// What is to be done outside.
#[derive(Debug)]
pub enum Effect {
    Act(Box<Asked>),
    /// An incident by hand.
    Open(Box<Trigger>),
    /// A command whose answer is text.
    Run(Running),
    Look(IncidentId),
    Timeline(IncidentId),
    Alerts(IncidentId),
    /// What was heard for these teams; none: for all.
    AskHearing(Vec<String>),
    /// Who is on call, and my teams.
    LookAround,
    /// Who belongs to a team.
    Meet(String),
    /// What is over, the newest.
    AskHistory(Vec<String>),
    Copy(String),
    Browse(String),
    Bell,
    Notify(String),
    /// The server answers: no need to wait before the next try to follow it.
    Reconnect,
    Suspend,
    Redraw,
    Quit,
}

/// What it came to.
#[derive(Debug)]
pub enum Report {
    Acted(Box<Asked>, Vec<(IncidentId, Result<Acted>)>),
    Looked(IncidentId, Result<Box<Incident>>),
    Timeline(IncidentId, Result<Vec<Event>>),
    Alerts(IncidentId, Result<Vec<MemberView>>),
    Hearing(Option<Hearing>),
    /// None: it could not be found out.
    Around(Option<Box<Found>>),
    Met(String, Vec<String>),
    /// The newest, and whether there are more.
    History(Result<(Vec<Incident>, bool)>),
    Said(Result<String>),
    Answered(String, Answer),
}

impl Report {
    /// Did the server answer?
    pub fn is_answer(&self) -> bool {
        fn heard<T>(result: &Result<T>) -> bool {
            !matches!(result, Err(Error { kind: Kind::Unreachable, .. }))
        }
        match self {
            Self::Acted(_, results) => results.iter().any(|(_, result)| heard(result)),
            Self::Looked(_, found) => heard(found),
            Self::Timeline(_, found) => heard(found),
            Self::Alerts(_, found) => heard(found),
            Self::History(found) => heard(found),
            Self::Hearing(found) => found.is_some(),
            Self::Around(found) => found.is_some(),
            Self::Met(..) => true,
            // Not all of these ask it.
            Self::Said(_) | Self::Answered(..) => false,
        }
    }
}

/// Runs what asks the server, on the thread of the screen, in its pauses; the rest is the screen's
/// own.
pub fn run(effect: Effect, client: &Client, reports: &mpsc::UnboundedSender<Report>) {
    let (client, reports) = (client.clone(), reports.clone());
    tokio::task::spawn_local(async move {
        let report = match effect {
            Effect::Act(asked) => {
                let results = act(&client, &asked).await;
                Report::Acted(asked, results)
            }
            Effect::Run(Running { line, answer }) => Report::Answered(line, answer.await),
            Effect::Open(asked) => Report::Said(open(&client, &asked).await),
            Effect::Look(id) => {
                let found = client.call(&incidents::SHOW, id, &Nothing {}, &Nothing {}).await;
                Report::Looked(id, found.map(Box::new))
            }
            Effect::Timeline(id) => Report::Timeline(id, timeline(&client, id).await),
            Effect::Alerts(id) => Report::Alerts(id, alerts(&client, id).await),
            Effect::AskHearing(teams) => Report::Hearing(hearing(&client, teams).await.ok()),
            Effect::LookAround => Report::Around(around(&client).await.ok().map(Box::new)),
            Effect::Meet(team) => match people(&client, team.clone()).await {
                Ok(people) => Report::Met(team, people),
                // Names can be typed without.
                Err(_) => return,
            },
            Effect::AskHistory(teams) => Report::History(history(&client, teams).await),
            Effect::Browse(url) => Report::Said(browse(&url)),
            _ => return,
        };
        // The dashboard may have ended meanwhile.
        let _ = reports.send(report);
    });
}

async fn act(client: &Client, asked: &Asked) -> Vec<(IncidentId, Result<Acted>)> {
    let mut results: Vec<(IncidentId, Result<Acted>)> = Vec::new();
    for action in &asked.actions {
        let ids: Vec<IncidentId> = if results.is_empty() {
            asked.ids.clone()
        } else {
            results.iter().filter(|(_, result)| result.is_ok()).map(|(id, _)| *id).collect()
        };
        for (id, result) in once(client, &ids, action).await {
            match results.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) => *known = result,
                None => results.push((id, result)),
            }
        }
    }
    results
}

async fn once(
    client: &Client,
    ids: &[IncidentId],
    action: &Action,
) -> Vec<(IncidentId, Result<Acted>)> {
    if let [id] = ids {
        return vec![(*id, client.call_once(&incidents::ACT, *id, action).await)];
    }
    let mut results = Vec::new();
    for some in ids.chunks(MAX_BULK) {
        let bulk = BulkAction { ids: some.to_vec(), action: action.clone() };
        match client.call_once(&incidents::ACT_ON_ALL, Nothing {}, &bulk).await {
            Ok(answer) => results.extend(answer.results.into_iter().map(|one| {
                let acted = match (one.incident, one.error) {
                    (Some(incident), _) => {
                        let message = one.message.unwrap_or_default();
                        Ok(Acted { incident, changed: one.changed, message })
                    }
                    (None, Some(problem)) => Err(problem.into_error()),
                    (None, None) => Err(Error::new(Kind::Internal, "The server did not say.")),
                };
                (one.id, acted)
            })),
            Err(error) => results.extend(some.iter().map(|id| (*id, Err(error.clone())))),
        }
    }
    results
}

async fn open(client: &Client, asked: &Trigger) -> Result<String> {
    let outcome = client.call_once(&incidents::TRIGGER, Nothing {}, asked).await?;
    Ok(match outcome.incident_id {
        Some(id) if asked.to.is_some() => {
            let incident = client.call(&incidents::SHOW, id, &Nothing {}, &Nothing {}).await?;
            format!("Opened {id}. {}", telling(&incident))
        }
        _ => outcome.words(),
    })
}

async fn timeline(client: &Client, id: IncidentId) -> Result<Vec<Event>> {
    let mut query = AfterQuery { limit: Some(MAX_PAGE), ..AfterQuery::default() };
    let mut events = Vec::new();
    loop {
        let page = client.call(&incidents::TIMELINE, id, &query, &Nothing {}).await?;
        // What this version cannot read is not worth losing the rest.
        events.extend(page.items.iter().filter_map(|row| serde_json::from_str(row.0.get()).ok()));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() || events.len() >= MAX_FETCHED {
            return Ok(events);
        }
    }
}

async fn alerts(client: &Client, id: IncidentId) -> Result<Vec<MemberView>> {
    let mut query = incidents_page();
    let mut alerts = Vec::new();
    loop {
        let page = client.call(&incidents::ALERTS, id, &query, &Nothing {}).await?;
        alerts.extend(page.items);
        query.cursor = page.next_cursor;
        if query.cursor.is_none() || alerts.len() >= MAX_FETCHED {
            return Ok(alerts);
        }
    }
}

fn incidents_page() -> PageQuery {
    PageQuery { limit: Some(MAX_PAGE), cursor: None }
}

async fn hearing(client: &Client, teams: Vec<String>) -> Result<Hearing> {
    let each: Vec<Option<String>> =
        if teams.is_empty() { vec![None] } else { teams.into_iter().map(Some).collect() };
    let mut heard = Hearing { integrations: 0, last: None };
    for team in each {
        let query =
            IntegrationsQuery { team, limit: Some(MAX_PAGE), ..IntegrationsQuery::default() };
        let page = client.call(&INTEGRATIONS, Nothing {}, &query, &Nothing {}).await?;
        let times = page.items.iter().filter_map(|one| one.last_received_at.map(|at| (at, one)));
        let last = times.map(|(at, one)| (at, one.name.clone())).max();
        heard.last = heard.last.max(last);
        heard.integrations += page.items.len();
    }
    Ok(heard)
}

async fn around(client: &Client) -> Result<Found> {
    let nothing = Nothing {};
    let overview = client.call(&OVERVIEW, nothing, &OverviewQuery::default(), &nothing).await?;
    let me = client.call(&ME, nothing, &nothing, &nothing).await?;
    let only = me.team.map(|team| team.slug);
    let mine = me.teams.into_iter().map(|membership| membership.team.slug);
    let teams = mine.filter(|slug| only.as_ref().is_none_or(|only| only == slug)).collect();
    let mut server = Ours::at(client.base());
    server.also(&me.public_url);
    Ok(Found { overview, teams, server })
}

async fn people(client: &Client, team: String) -> Result<Vec<String>> {
    let page = client.call(&MEMBERS, team, &PageQuery::default(), &Nothing {}).await?;
    let members = page.items.into_iter().filter(|member| member.role != Role::Observer);
    Ok(members.map(|member| member.user.username).collect())
}

async fn history(client: &Client, team: Vec<String>) -> Result<(Vec<Incident>, bool)> {
    let query = ListQuery {
        team,
        status: vec![StatusFilter::Resolved],
        sort: Some(Order::New),
        limit: Some(MAX_PAGE),
        ..ListQuery::default()
    };
    let page = client.call(&incidents::LIST, Nothing {}, &query, &Nothing {}).await?;
    Ok((page.items, page.next_cursor.is_some()))
}

/// Hands a link to the desktop.
fn browse(url: &str) -> Result<String> {
    use std::process::{Command, Stdio};
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(opener);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(mut child) => {
            // Its end is waited for, so that nothing of it is left.
            std::thread::spawn(move || child.wait());
            Ok(format!("Opening {url}"))
        }
        Err(_) => Err(Error::new(Kind::Unsupported, "There is no browser here.")
            .hint("Copy the link with y.")),
    }
}
