//! Calendars for programs that know no log-in: the secret is in the address, the format iCalendar.
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use icalendar::{Calendar as Document, Component, Event, Property};
use jiff::Timestamp;

use super::mount::Mounted;
use super::reply::part;
use super::{Shared, reply};
use crate::api::Nothing;
use crate::api::feeds as api;
use crate::app::Calendar;
use crate::error::Error;
use crate::secret::Secret;

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    mounted
        .mount(&api::FEEDS, |s, c| async move { part(s.app.feeds(&c.caller).await?, &c.query) })
        .mount(&api::CREATE_FEED, |s, c| async move { s.app.create_feed(&c.caller, c.body).await })
        .mount(&api::DELETE_FEED, |s, c| async move {
            s.app.delete_feed(&c.caller, c.path).await.map(|()| Nothing {})
        })
}

/// `GET /feeds/{secret}.ics`.
pub async fn calendar(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let Some(secret) = name.strip_suffix(".ics") else {
        return Error::not_found("This address").into_response();
    };
    match shared.app.calendar(&Secret::new(secret)).await {
        Ok(calendar) => {
            let mut response = reply::with_type(
                axum::http::StatusCode::OK,
                "text/calendar; charset=utf-8",
                written(&calendar),
            );
            let private = header::HeaderValue::from_static("private, max-age=300");
            response.headers_mut().insert(header::CACHE_CONTROL, private);
            response
        }
        Err(error) => error.into_response(),
    }
}

/// RFC 5545; times in UTC.
fn written(calendar: &Calendar) -> String {
    let time = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut document = Document::empty();
    document
        .append_property(Property::new("VERSION", "2.0"))
        .append_property(Property::new(
            "PRODID",
            concat!("-//incidentd//", env!("CARGO_PKG_VERSION"), "//EN"),
        ))
        .append_property(Property::new("CALSCALE", "GREGORIAN"))
        .append_property(Property::new("METHOD", "PUBLISH"))
        .append_property(Property::new("REFRESH-INTERVAL;VALUE=DURATION", "PT1H"))
        .append_property(Property::new("X-PUBLISHED-TTL", "PT1H"))
        .append_property(Property::new("X-WR-CALNAME", &calendar.name));
    for entry in &calendar.entries {
        let mut event = Event::with_uid(&entry.uid);
        event
            .add_property("DTSTAMP", time(calendar.at))
            .add_property("DTSTART", time(entry.start))
            .add_property("DTEND", time(entry.end))
            // Whoever is on call can be asked to dinner.
            .add_property("TRANSP", "TRANSPARENT")
            .summary(&entry.summary);
        document.push(event.done());
    }
    document.to_string()
}
