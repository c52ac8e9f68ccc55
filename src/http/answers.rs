//! Links in messages: opening one shows what it would do, since mail scanners open links; the
//! button does it. Plain HTML without a script, for whatever phone it is opened on; a program that
//! asks for JSON, as the button of a Web Push does, is told the same.
use std::fmt::Write;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::front::wants_page;
use super::{Shared, assets, reply};
use crate::api::incidents::Acted;
use crate::app::{Answer, Answered, Asked};
use crate::domain::{Incident, IncidentId, Status, UserId};
use crate::error::{Error, Result};

/// Incidents that are named on the page; the rest is counted.
const NAMED: usize = 20;

pub fn router() -> Router<Shared> {
    Router::new().route("/answer/{token}", get(ask).post(answer))
}

async fn ask(State(shared): State<Shared>, Path(token): Path<String>) -> Response {
    match shared.app.asked(token).await {
        Ok(asked) => page(StatusCode::OK, word(&asked), &question(&asked)),
        Err(error) => refused(&error),
    }
}

/// What came of a link.
#[derive(Serialize)]
struct Said {
    title: String,
    results: Vec<Outcome>,
}

/// Of one incident: how it stands now, or only why not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    id: IncidentId,
    title: Option<String>,
    status: Option<Status>,
    /// Who has acknowledged it.
    held_by: Option<String>,
    changed: bool,
    message: String,
}

async fn answer(
    State(shared): State<Shared>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let as_json = !wants_page(&headers) && accept.is_some_and(|it| it.contains("application/json"));
    let answered = match shared.app.answer(token).await {
        Ok(answered) => answered,
        Err(error) if as_json => return error.into_response(),
        Err(error) => return refused(&error),
    };
    let all_done = answered.acts.iter().all(|(_, acted)| acted.is_ok());
    let status = if all_done { StatusCode::OK } else { StatusCode::CONFLICT };
    let title = heading(&answered);
    let results: Vec<Outcome> = answered.acts.into_iter().map(outcome).collect();
    if as_json {
        return reply::json(status, &Said { title, results });
    }
    let mut body = String::from("<ul>");
    for one in results {
        let what = match one.title {
            Some(title) => format!("{title}: {}", one.message),
            None => one.message,
        };
        item(&mut body, &one.id.to_string(), &what);
    }
    body.push_str("</ul>");
    page(status, &title, &body)
}

fn outcome((id, acted): (IncidentId, Result<Acted>)) -> Outcome {
    match acted {
        Ok(Acted { incident, changed, message }) => Outcome {
            id,
            status: Some(incident.status),
            held_by: holder(&incident).map(str::to_owned),
            title: Some(incident.title),
            changed,
            message,
        },
        Err(error) => Outcome {
            id,
            title: None,
            status: None,
            held_by: None,
            changed: false,
            message: error.to_string(),
        },
    }
}

/// By the name that people call him.
fn holder(incident: &Incident) -> Option<&str> {
    let by = incident.acknowledged_by.as_ref();
    let by = by.filter(|_| incident.status == Status::Acknowledged)?;
    let known = incident.assignees.iter().find(|user| Some(user.id.0) == by.id);
    Some(known.map(|user| user.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(&by.name))
}

/// What was done, in a few words; for whom another was quicker, who.
fn heading(answered: &Answered) -> String {
    let done = match answered.answer {
        Answer::Acknowledge => "Acknowledged",
        Answer::Resolve => "Resolved",
    };
    match answered.acts.as_slice() {
        [(_, Ok(acted))] if acted.changed => done.to_owned(),
        [(_, Ok(acted))] => as_it_was(&acted.incident, answered.user.id),
        [(_, Err(_))] => "Not done".to_owned(),
        several => {
            let changed =
                |(_, acted): &&(_, Result<Acted>)| acted.as_ref().is_ok_and(|it| it.changed);
            match (several.iter().filter(changed).count(), several.len()) {
                (0, _) => "Nothing was changed".to_owned(),
                (count, all) if count == all => format!("{done} {all}"),
                (count, all) => format!("{done} {count} of {all}"),
            }
        }
    }
}

/// Of what somebody, or the source, was quicker to do.
fn as_it_was(incident: &Incident, me: UserId) -> String {
    match holder(incident) {
        _ if incident.status == Status::Resolved => "Resolved meanwhile".to_owned(),
        Some(_) if incident.acknowledged_by.as_ref().is_some_and(|by| by.id == Some(me.0)) => {
            "You have it already".to_owned()
        }
        Some(name) => format!("{name} has it already"),
        None => "Nothing was changed".to_owned(),
    }
}

fn word(asked: &Asked) -> &'static str {
    match asked.answer {
        Answer::Acknowledge => "Acknowledge",
        Answer::Resolve => "Resolve",
    }
}

fn question(asked: &Asked) -> String {
    let mut body = String::from("<ul>");
    for incident in asked.incidents.iter().take(NAMED) {
        let what = format!("{} ({})", incident.title, incident.status.word());
        item(&mut body, &incident.id.to_string(), &what);
    }
    if let Some(more @ 1..) = asked.incidents.len().checked_sub(NAMED) {
        let _ = write!(body, "<li>and {more} more</li>");
    }
    let count = match asked.incidents.len() {
        1 => String::new(),
        many => format!(" {many}"),
    };
    let who = escaped(&asked.user.name);
    let _ = write!(
        body,
        "</ul><form method=\"post\"><button class=\"primary\">{}{count} as {who}</button></form>",
        word(asked)
    );
    body
}

fn item(body: &mut String, id: &str, text: &str) {
    let _ = write!(body, "<li><a href=\"/incidents/{id}\">{id}</a> {}</li>", escaped(text));
}

fn refused(error: &Error) -> Response {
    let hint = error.hint.as_deref().unwrap_or_default();
    let body = format!("<p>{}</p><p>{}</p>", escaped(&error.detail), escaped(hint));
    page(
        StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        "Not done",
        &body,
    )
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escaped(title);
    let style = assets::address("css/base.css");
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title} - incidentd</title>\
         <link rel=\"stylesheet\" href=\"{style}\"></head>\
         <body><main class=\"answer\"><h1>{title}</h1>{body}</main></body></html>"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, html).into_response()
}

/// What a sender or a person wrote is text, wherever it is shown.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in crate::domain::text::shown(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
