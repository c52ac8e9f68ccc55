//! Operations on silences.
use super::mount::Mounted;
use crate::api::silences as api;

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    mounted
        .mount(&api::SILENCES, |s, c| async move { s.app.silences(&c.caller, c.query).await })
        .mount(
            &api::CREATE_SILENCE,
            |s, c| async move { s.app.create_silence(&c.caller, c.body).await },
        )
        .mount(&api::PREVIEW_SILENCE, |s, c| async move {
            s.app.preview_silence(&c.caller, c.body).await
        })
        .mount(&api::SILENCE, |s, c| async move { s.app.silence(&c.caller, c.path).await })
        .mount(&api::END_SILENCE, |s, c| async move { s.app.end_silence(&c.caller, c.path).await })
}
