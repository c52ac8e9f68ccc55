//! Every operation of the contract and the one call that it makes.
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post, put};

use super::mount::{Mounted, open_body, with_cookie};
use super::{Shared, auth, health, ingest, origin, reply};
use crate::api::incidents::{self, Bulk, BulkResult, EventsPage};
use crate::api::people;
use crate::api::{MAX_BULK, Nothing, PREFIX, Page, Problem, configuration};
use crate::app::{LogRow, NewIncident, page_size};
use crate::domain::Seq;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Everything but sockets.
pub fn router(shared: &Shared) -> Router {
    let sessions = Router::new()
        .route(&format!("{PREFIX}{}", people::LOG_IN.path), post(log_in))
        .route(&format!("{PREFIX}{}", people::LOG_OUT.path), delete(log_out));
    Router::new()
        .route("/integrations/{key}/generic", post(ingest::generic))
        .route("/integrations/{key}/alertmanager", post(ingest::alertmanager))
        .route("/integrations/{key}/api/v2/alerts", post(ingest::prometheus))
        .route("/integrations/{key}/grafana", post(ingest::grafana).merge(put(ingest::grafana)))
        .route("/v2/enqueue", post(ingest::pagerduty))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(sessions)
        .merge(operations().router)
        .fallback(any(|| async { Error::not_found("This address").into_response() }))
        .with_state(shared.clone())
}

/// The typed operations.
#[must_use]
pub fn operations() -> Mounted {
    let mounted = Mounted::default()
        .mount(&incidents::LIST, |s, c| async move {
            let (items, next_cursor) = s.app.incidents(&c.caller, c.query).await?;
            Ok(Page { items, next_cursor })
        })
        .mount(&incidents::TRIGGER, |s, c| async move {
            let new = trigger(c.body)?;
            s.app.trigger(&c.caller, new).await
        })
        .mount(&incidents::SHOW, |s, c| async move { s.app.incident(&c.caller, c.path).await })
        .mount(&incidents::TIMELINE, |s, c| async move {
            let limit = page_size(c.query.limit)?;
            let after = cursor(c.query.cursor.as_deref())?.or(c.query.after).unwrap_or_default();
            let rows = s.app.timeline(&c.caller, c.path, after, limit).await?;
            Ok(Page { next_cursor: next(&rows, limit), items: verbatim(&rows)? })
        })
        .mount(&incidents::ALERTS, |s, c| async move {
            let limit = page_size(c.query.limit)?;
            let after = cursor(c.query.cursor.as_deref())?.unwrap_or_default();
            let items = s.app.alerts(&c.caller, c.path, after.0, limit).await?;
            let full = items.len() == limit as usize;
            let next_cursor = items.last().filter(|_| full).map(|item| item.id.to_string());
            Ok(Page { items, next_cursor })
        })
        .mount(&incidents::ACT, |s, c| async move { s.app.act(&c.caller, c.path, c.body).await })
        .mount(&incidents::ACT_ON_ALL, |s, c| async move {
            if c.body.ids.len() > MAX_BULK {
                return Err(Error::invalid("ids", format!("names more than {MAX_BULK}")));
            }
            let results = s.app.act_on_all(&c.caller, c.body.ids, &c.body.action).await;
            Ok(Bulk { results: results.into_iter().map(bulk_result).collect() })
        })
        .mount(&incidents::EVENTS, |s, c| async move {
            let limit = page_size(c.query.limit)?;
            let after = cursor(c.query.cursor.as_deref())?.unwrap_or(c.query.after);
            let (rows, head) = s.app.events(&c.caller, after, c.query.team, limit).await?;
            Ok(EventsPage { next_cursor: next(&rows, limit), items: verbatim(&rows)?, head })
        })
        .mount(&configuration::APPLY, |s, c| async move { s.app.apply(&c.caller, c.body).await });
    people_operations(mounted)
}

fn people_operations(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(&people::ME, |s, c| async move { s.app.me(&c.caller).await })
        .mount(&people::USERS, |s, c| async move { s.app.users(&c.caller).await.map(Page::whole) })
        .mount(
            &people::CREATE_USER,
            |s, c| async move { s.app.create_user(&c.caller, c.body).await },
        )
        .mount(&people::DISABLE_USER, move |s, c| async move {
            s.app.disable_user(&c.caller, c.path).await.map(done)
        })
        .mount(&people::SET_PASSWORD, move |s, c| async move {
            let password = Secret::new(c.body.password);
            s.app.set_password(&c.caller, c.path, password).await.map(done)
        })
        .mount(&people::TEAMS, |s, c| async move { s.app.teams(&c.caller).await.map(Page::whole) })
        .mount(&people::MEMBERS, |s, c| async move {
            s.app.team_members(&c.caller, c.path).await.map(Page::whole)
        })
        .mount(&people::SET_MEMBER, move |s, c| async move {
            let (team, user) = c.path;
            s.app.set_membership(&c.caller, team, user, c.body.role).await.map(done)
        })
        .mount(&people::REMOVE_MEMBER, move |s, c| async move {
            let (team, user) = c.path;
            s.app.remove_membership(&c.caller, team, user).await.map(done)
        })
        .mount(
            &people::TOKENS,
            |s, c| async move { s.app.tokens(&c.caller).await.map(Page::whole) },
        )
        .mount(
            &people::CREATE_TOKEN,
            |s, c| async move { s.app.create_token(&c.caller, c.body).await },
        )
        .mount(&people::REVOKE_TOKEN, move |s, c| async move {
            s.app.revoke_token(&c.caller, c.path).await.map(done)
        })
}

async fn log_in(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let opened = async {
        // Nobody's page logs its visitors in here, or tries passwords with their browsers.
        origin::check_page(&shared.config, &parts.headers)?;
        let login: people::Login = open_body(&shared, &parts.headers, body).await?;
        shared.app.log_in(login.username, Secret::new(login.password)).await
    };
    match opened.await {
        Err(error) => error.into_response(),
        Ok(opened) => {
            let Some(user) = opened.caller.user() else {
                return Error::unauthenticated().into_response();
            };
            let session = people::Session {
                token: opened.secret.expose().to_owned(),
                user: user.clone(),
                expires_at: opened.caller.expires_at,
            };
            let cookie = auth::set_cookie(&shared, opened.secret.expose());
            with_cookie(reply::json(StatusCode::OK, &session), &cookie)
        }
    }
}

async fn log_out(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let ended = async {
        let caller =
            auth::caller(&shared, &parts.method, &parts.headers, &parts.extensions).await?;
        shared.app.log_out(&caller).await
    };
    match ended.await {
        Err(error) => error.into_response(),
        Ok(()) => {
            let gone = auth::set_cookie(&shared, "");
            with_cookie(reply::json(StatusCode::OK, &Nothing {}), &gone)
        }
    }
}

fn trigger(body: incidents::Trigger) -> Result<NewIncident> {
    Ok(NewIncident {
        service: body.service.clone(),
        urgency: body.urgency,
        to: body.to.clone(),
        alert: body.into_alert()?,
    })
}

fn bulk_result((id, result): (crate::domain::IncidentId, Result<incidents::Acted>)) -> BulkResult {
    match result {
        Ok(acted) => BulkResult {
            id,
            incident: Some(acted.incident),
            changed: acted.changed,
            message: Some(acted.message),
            error: None,
        },
        Err(error) => BulkResult {
            id,
            incident: None,
            changed: false,
            message: None,
            error: Some(Problem::new(&error, None)),
        },
    }
}

fn verbatim(rows: &[LogRow]) -> Result<Vec<Box<serde_json::value::RawValue>>> {
    rows.iter().map(|row| serde_json::from_str(&row.json).map_err(Error::internal)).collect()
}

fn next(rows: &[LogRow], limit: u32) -> Option<String> {
    let full = rows.len() == limit as usize;
    rows.last().filter(|_| full).map(|row| row.seq.to_string())
}

fn cursor(cursor: Option<&str>) -> Result<Option<Seq>> {
    cursor
        .map(|cursor| {
            cursor.parse().map_err(|_| Error::invalid("cursor", "is not one that a list gave"))
        })
        .transpose()
}
