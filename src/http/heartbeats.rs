//! Signs of life: who has the key beats, by whatever a job can call. Beside that the operations on
//! heartbeats.
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::mount::Mounted;
use super::{Shared, body, reply};
use crate::api::{Nothing, heartbeats};
use crate::domain::alert::MAX_DESCRIPTION;
use crate::domain::text;
use crate::error::Result;
use crate::secret::Secret;

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(
            &heartbeats::HEARTBEATS,
            |s, c| async move { s.app.heartbeats(&c.caller, c.query).await },
        )
        .mount(&heartbeats::CREATE_HEARTBEAT, |s, c| async move {
            s.app.create_heartbeat(&c.caller, c.body).await
        })
        .mount(
            &heartbeats::HEARTBEAT,
            |s, c| async move { s.app.heartbeat(&c.caller, c.path).await },
        )
        .mount(&heartbeats::CHANGE_HEARTBEAT, |s, c| async move {
            s.app.change_heartbeat(&c.caller, c.path, c.body).await
        })
        .mount(&heartbeats::REMOVE_HEARTBEAT, move |s, c| async move {
            s.app.remove_heartbeat(&c.caller, c.path).await.map(done)
        })
        .mount(&heartbeats::ROTATE_HEARTBEAT, |s, c| async move {
            s.app.rotate_heartbeat(&c.caller, c.path).await
        })
}

/// `GET`, `HEAD` or `POST /heartbeat/{key}` → 200: it is on disk. What else a job sends is not read.
pub async fn beat(State(shared): State<Shared>, Path(key): Path<String>) -> Response {
    answer(shared.app.beat(&Secret::new(key), None).await)
}

/// The same with `/fail`: the body says why.
pub async fn fail(
    State(shared): State<Shared>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    let failed = async {
        let (parts, stream) = request.into_parts();
        let limits = &shared.config().limits;
        let why = body::read(&parts.headers, stream, limits.sender_body, limits).await?;
        let why = text::lines(&String::from_utf8_lossy(&why), MAX_DESCRIPTION);
        shared.app.beat(&Secret::new(key), Some(why)).await
    };
    answer(failed.await)
}

fn answer(stored: Result<()>) -> Response {
    match stored {
        Ok(()) => reply::with_type(StatusCode::OK, "text/plain; charset=utf-8", "ok\n"),
        Err(error) => error.into_response(),
    }
}
