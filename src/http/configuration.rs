//! Operations on what is watched and who belongs to it, one by one and as a whole.
use super::mount::Mounted;
use super::reply::part;
use super::{body, paging};
use crate::api::services::{Integration, TestAlert};
use crate::api::{Nothing, configuration, services, teams};
use crate::domain::{Alert, Severity};
use crate::error::{Error, Result};
use crate::ingest::generic;

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    let mounted = mounted
        .mount(&configuration::APPLY, |s, c| async move {
            c.caller.must_be_platform_admin()?;
            let warnings = paging::check_addresses(&s, &c.body)?;
            let mut applied = s.app.configure(&c.caller, c.body, c.query).await?;
            applied.warnings.extend(warnings);
            Ok(applied)
        })
        .mount(&configuration::EXPORT, |s, c| async move { s.app.export(&c.caller).await });
    integrations(of_services(of_teams(mounted)))
}

fn of_teams(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(&teams::TEAMS, |s, c| async move { s.app.teams(&c.caller, c.query).await })
        .mount(
            &teams::CREATE_TEAM,
            |s, c| async move { s.app.create_team(&c.caller, c.body).await },
        )
        .mount(&teams::TEAM, |s, c| async move { s.app.team(&c.caller, c.path).await })
        .mount(&teams::CHANGE_TEAM, |s, c| async move {
            s.app.change_team(&c.caller, c.path, c.body).await
        })
        .mount(&teams::ARCHIVE_TEAM, move |s, c| async move {
            s.app.archive_team(&c.caller, c.path).await.map(done)
        })
        .mount(&teams::MEMBERS, |s, c| async move {
            part(s.app.team_members(&c.caller, c.path).await?, &c.query)
        })
        .mount(&teams::SET_MEMBER, move |s, c| async move {
            let (team, user) = c.path;
            s.app.set_membership(&c.caller, team, user, c.body.role).await.map(done)
        })
        .mount(&teams::REMOVE_MEMBER, move |s, c| async move {
            let (team, user) = c.path;
            s.app.remove_membership(&c.caller, team, user).await.map(done)
        })
}

fn of_services(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(&services::SERVICES, |s, c| async move { s.app.services(&c.caller, c.query).await })
        .mount(&services::CREATE_SERVICE, |s, c| async move {
            s.app.create_service(&c.caller, c.body).await
        })
        .mount(&services::SERVICE, |s, c| async move { s.app.service(&c.caller, c.path).await })
        .mount(&services::CHANGE_SERVICE, |s, c| async move {
            s.app.change_service(&c.caller, c.path, c.body).await
        })
        .mount(&services::ARCHIVE_SERVICE, move |s, c| async move {
            s.app.archive_service(&c.caller, c.path).await.map(done)
        })
}

fn integrations(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(&services::INTEGRATIONS, |s, c| async move {
            s.app.integrations(&c.caller, c.query).await
        })
        .mount(&services::CREATE_INTEGRATION, |s, c| async move {
            s.app.create_integration(&c.caller, c.body).await
        })
        .mount(
            &services::INTEGRATION,
            |s, c| async move { s.app.integration(&c.caller, c.path).await },
        )
        .mount(&services::PAYLOADS, |s, c| async move {
            part(s.app.payloads(&c.caller, c.path).await?, &c.query)
        })
        .mount(&services::TEST_INTEGRATION, |s, c| async move {
            let integration = s.app.integration(&c.caller, c.path).await?;
            let alert = test_alert(&integration, c.body)?;
            s.app.test_integration(&c.caller, c.path, alert).await
        })
        .mount(&services::RENAME_INTEGRATION, |s, c| async move {
            s.app.rename_integration(&c.caller, c.path, c.body).await
        })
        .mount(&services::REMOVE_INTEGRATION, move |s, c| async move {
            s.app.remove_integration(&c.caller, c.path).await.map(done)
        })
        .mount(
            &services::ROTATE_KEY,
            |s, c| async move { s.app.rotate_key(&c.caller, c.path).await },
        )
}

/// What the generic source makes of a test.
fn test_alert(integration: &Integration, test: TestAlert) -> Result<Alert> {
    let sent = serde_json::json!({
        "title": format!("Test from {}", integration.name),
        "description": "Somebody tries this integration; nothing is wrong.",
        "dedupKey": format!("test of integration {}", integration.id),
        "status": if test.resolve { "resolved" } else { "firing" },
        "severity": test.severity.unwrap_or(Severity::Info),
    });
    let parsed = generic::parse(sent.to_string().as_bytes(), "application/json");
    let alert = parsed.map_err(body::unusable)?.alerts.pop();
    alert.ok_or_else(|| Error::internal("a test without an alert"))
}
