//! Every operation of the contract and the one call that it makes.
use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};

use super::front::wants_page;
use super::mount::Mounted;
use super::{
    Shared, answers, assets, backup, configuration, doctor, feeds, health, heartbeats, ingest,
    metrics, paging, people, reply, schedules, silences, words,
};
use crate::api::audit::AUDIT;
use crate::api::backup::BACKUP;
use crate::api::deliveries::DELIVERIES;
use crate::api::incidents::{self, Bulk, BulkResult, EventsPage, LogEntry};
use crate::api::route::TEST_ROUTE;
use crate::api::{MAX_BULK, Page, Problem};
use crate::app::{LogRow, NewIncident, page_size};
use crate::domain::{DeliveryId, Seq};
use crate::error::{Error, Kind, Result};

/// Everything but sockets.
pub fn router(shared: &Shared) -> Router {
    Router::new()
        .route("/integrations/{key}/generic", post(ingest::generic))
        .route("/integrations/{key}/alertmanager", post(ingest::alertmanager))
        .route("/integrations/{key}/api/v2/alerts", post(ingest::prometheus))
        .route("/integrations/{key}/grafana", post(ingest::grafana).merge(put(ingest::grafana)))
        .route("/v2/enqueue", post(ingest::pagerduty))
        .route("/feeds/{secret}", get(feeds::calendar))
        .route("/heartbeat/{key}", get(heartbeats::beat).post(heartbeats::beat))
        .route("/heartbeat/{key}/fail", get(heartbeats::fail).post(heartbeats::fail))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi))
        .merge(operations().router)
        .merge(answers::router())
        .merge(assets::router())
        .fallback(any(nowhere))
        .method_not_allowed_fallback(|| async { wrong_method().into_response() })
        .with_state(shared.clone())
}

/// People get a page that leads home; programs read what they ask for.
async fn nowhere(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method == Method::GET && !uri.path().starts_with("/api/") && wants_page(&headers) {
        return assets::nowhere(&headers);
    }
    Error::not_found("This address").into_response()
}

/// The answer's `Allow` names the methods.
pub fn wrong_method() -> Error {
    Error::new(Kind::Method, "This address takes no such method.")
        .hint("The header Allow names those that it takes; /openapi.json has them all.")
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
        .mount(&TEST_ROUTE, |s, c| async move { s.app.test_route(&c.caller, c.body).await })
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
        .mount(&DELIVERIES, |s, c| async move {
            let limit = page_size(c.query.limit)?;
            let after = cursor(c.query.cursor.as_deref())?.unwrap_or_default();
            let items = s.app.deliveries(&c.caller, c.path, DeliveryId(after.0), limit).await?;
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
            let (rows, head, reset) = s.app.events(&c.caller, after, c.query.team, limit).await?;
            let next_cursor = next(&rows, limit);
            Ok(EventsPage { next_cursor, items: verbatim(&rows)?, head, reset })
        })
        .mount_any(
            &BACKUP,
            |s, c| async move { s.app.back_up(&c.caller).await.map(backup::answer) },
        )
        .mount(&AUDIT, |s, c| async move {
            let limit = page_size(c.query.limit)?;
            let cursor = cursor(c.query.cursor.as_deref())?;
            let (items, next) = s.app.audit(&c.caller, c.query, cursor, limit).await?;
            Ok(Page { items, next_cursor: next.map(|seq| seq.to_string()) })
        });
    let mounted = configuration::operations(people::operations(feeds::operations(mounted)));
    let mounted = paging::operations(schedules::operations(mounted));
    let mounted = silences::operations(doctor::operations(heartbeats::operations(mounted)));
    words::operations(mounted)
}

/// The contract, as `tests/it/generated.rs` derives it.
async fn openapi() -> Response {
    let document = include_str!("../../assets/openapi.json");
    reply::with_type(StatusCode::OK, "application/json", document)
}

fn trigger(body: incidents::Trigger) -> Result<NewIncident> {
    Ok(NewIncident {
        service: body.service.clone(),
        team: body.team.clone(),
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

fn verbatim(rows: &[LogRow]) -> Result<Vec<LogEntry>> {
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
