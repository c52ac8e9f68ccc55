//! `GET /metrics`: how it does, for Prometheus. Open to whoever reaches the port, and so it counts
//! and names nobody; with a platform admin's token it also tells teams apart.
use std::collections::BTreeMap;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::health::emitter_lag;
use super::{Shared, auth, reply};
use crate::app::vitals::{Open, Vitals};
use crate::metrics::{Labels, Page};

pub async fn metrics(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let mut page = shared.metrics.page();
    let names = if parts.headers.contains_key(header::AUTHORIZATION) {
        match auth::caller(&shared, &auth::visitor(&parts), &parts).await {
            Ok(caller) => caller.is_platform_admin(),
            Err(error) => return axum::response::IntoResponse::into_response(error),
        }
    } else {
        false
    };
    process(&mut page, &shared);
    writer(&mut page, &shared);
    let faults = shared.faults().await;
    page.number("ready", "1 as /readyz says it", u64::from(faults.is_empty()));
    let head = shared.app.head().borrow().0;
    page.number("log_head", "Newest seq of the log", u64::try_from(head).unwrap_or(0));
    let lag = u64::try_from(emitter_lag(&shared)).unwrap_or(0);
    page.number("emitter_lag", "Events that the emitter has yet to send", lag);
    let channels = shared.notifier.names();
    // Where the database cannot be read these are absent, and `ready` says why.
    if let Ok(vitals) = shared.app.vitals(channels).await {
        stored(&mut page, &vitals, names);
    }
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    reply::with_type(StatusCode::OK, kind, page.text())
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn process(page: &mut Page, shared: &Shared) {
    let started = shared.app.now().as_second() as f64 - shared.metrics.uptime().as_secs_f64();
    page.value("start_time_seconds", "When it started, in seconds since 1970", started.floor());
    let version = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("schema", crate::app::vitals::schema().to_string()),
    ];
    page.series("build_info", "Which incidentd this is; always 1", [(version, 1.0)]);
    if let Some(bytes) = resident_bytes() {
        page.number("resident_memory_bytes", "Memory that the process holds", bytes);
    }
}

/// Linux says it in pages.
fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(resident * rustix::param::page_size() as u64)
}

fn writer(page: &mut Page, shared: &Shared) {
    let writer = shared.app.figures();
    page.total("writer_operations", "Operations written", writer.operations);
    page.total("writer_failed_commits", "Transactions that failed", writer.failed_commits);
    page.number("writer_waiting", "Operations waiting to be written", writer.waiting);
    page.spread("writer_batch_operations", "Operations in a transaction", &writer.batch_sizes);
    let help = "Commits, each with its fsync";
    page.spread("writer_commit_seconds", help, &writer.commit_seconds);
    let (database, wal, free) = shared.app.disk();
    page.number("database_bytes", "Size of the database file", database);
    page.number("wal_bytes", "Size of the write-ahead log", wal);
    page.number("disk_free_bytes", "What the disk below the database has left", free);
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
fn stored(page: &mut Page, vitals: &Vitals, names: bool) {
    let mut open: BTreeMap<Labels, f64> = BTreeMap::new();
    for status in ["triggered", "acknowledged"] {
        for urgency in ["high", "low"] {
            if !names {
                let labels = vec![("status", status.into()), ("urgency", urgency.into())];
                open.insert(labels, 0.0);
            }
        }
    }
    for Open { team, status, urgency, count } in &vitals.open {
        let mut labels = vec![("status", status.clone()), ("urgency", urgency.clone())];
        if names {
            labels.push(("team", team.clone()));
        }
        *open.entry(labels).or_default() += *count as f64;
    }
    page.series("incidents_open", "Open incidents by status and urgency", open);
    let pulses = vitals
        .pulses
        .iter()
        .map(|(pulse, count)| (vec![("status", pulse.word().to_owned())], *count as f64));
    page.series("heartbeats", "Heartbeats by status", pulses);
    if let Some(at) = vitals.last_backup {
        let help = "When a backup was last taken, in seconds since 1970";
        page.value("last_backup_seconds", help, at.as_second() as f64);
    }
    let help = "People on call now without a contact that works";
    page.number("oncall_without_contact", help, vitals.mute);
    page.number("timers_late", "Timers due for more than 10 seconds", vitals.late.0);
    page.number("incidents_untold", "Open incidents of which nobody could be told", vitals.untold);
    page.number("messages_unsent", "Messages that are due and not yet sent", vitals.unsent.0);
    let waits = vitals.unsent.1.as_secs_f64();
    page.value("messages_unsent_seconds", "How long the first of them has been due", waits);
    let lateness = vitals.late.1.as_secs_f64();
    page.value("timers_lateness_seconds", "How late the latest of them is", lateness);
}
