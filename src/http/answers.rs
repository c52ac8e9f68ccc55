//! Links in messages: opening one shows what it would do, since mail scanners open links; the
//! button does it. Plain HTML without a script, for whatever phone it is opened on.
use std::fmt::Write;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::{Shared, assets};
use crate::app::{Answer, Asked};
use crate::error::Error;

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

async fn answer(State(shared): State<Shared>, Path(token): Path<String>) -> Response {
    match shared.app.answer(token).await {
        Ok(acts) => {
            let mut body = String::from("<ul>");
            let (mut status, mut title) = (StatusCode::OK, "Done");
            for (id, acted) in acts {
                let said = match acted {
                    Ok(acted) => format!("{}: {}", acted.incident.title, acted.message),
                    Err(error) => {
                        (status, title) = (StatusCode::CONFLICT, "Not all was done");
                        error.to_string()
                    }
                };
                item(&mut body, &id.to_string(), &said);
            }
            body.push_str("</ul>");
            page(status, title, &body)
        }
        Err(error) => refused(&error),
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
