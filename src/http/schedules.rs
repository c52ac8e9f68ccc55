//! Operations on schedules and on those who stand in.
use super::mount::Mounted;
use crate::api::Nothing;
use crate::api::overview::OVERVIEW;
use crate::api::schedules as api;

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    let mounted = mounted
        .mount(&OVERVIEW, |s, c| async move {
            s.app.overview(&c.caller, c.query, s.notifier.names()).await
        })
        .mount(&api::ON_CALL, |s, c| async move { s.app.on_call(&c.caller, c.query).await })
        .mount(&api::SCHEDULES, |s, c| async move { s.app.schedules(&c.caller, c.query).await })
        .mount(&api::CREATE_SCHEDULE, |s, c| async move {
            s.app.create_schedule(&c.caller, c.body).await
        })
        .mount(&api::SCHEDULE, |s, c| async move { s.app.schedule(&c.caller, c.path).await })
        .mount(&api::SET_SCHEDULE, |s, c| async move {
            s.app.set_schedule(&c.caller, c.path, c.body).await
        })
        .mount(&api::DELETE_SCHEDULE, move |s, c| async move {
            s.app.delete_schedule(&c.caller, c.path).await.map(done)
        })
        .mount(&api::SHIFTS, |s, c| async move { s.app.shifts(&c.caller, c.path, c.query).await })
        .mount(&api::PREVIEW, |s, c| async move {
            s.app.preview(&c.caller, c.path, c.body, c.query).await
        });
    overrides(mounted)
}

fn overrides(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(
            &api::OVERRIDES,
            |s, c| async move { s.app.overrides(&c.caller, c.path, c.query).await },
        )
        .mount(&api::CREATE_OVERRIDE, |s, c| async move {
            s.app.create_override(&c.caller, c.path, c.body).await
        })
        .mount(&api::END_OVERRIDE, move |s, c| async move {
            let (schedule, id) = c.path;
            s.app.end_override(&c.caller, schedule, id).await.map(done)
        })
        .mount(&api::SWAP, |s, c| async move { s.app.swap(&c.caller, c.path, c.body).await })
        .mount(&api::TAKE, |s, c| async move { s.app.take(&c.caller, c.path, c.body).await })
}
