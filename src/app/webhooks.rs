//! Outgoing webhooks: where a team's events go, by whose word, and how far the follower of the
//! log has got with each.
use std::time::Duration;

use super::changes::Thing;
use super::teams::{live_team, of_seen_teams};
use super::{App, Caller, LogRow, Need, page_size, paging};
use crate::api::webhooks::{EnableWebhook, IssuedWebhook, NewWebhook, Webhook};
use crate::api::{OfTeam, Page};
use crate::clock::shift;
use crate::domain::contact::{check_address, shown as cut};
use crate::domain::{Actor, Seq, TeamId, WebhookId};
use crate::error::{Error, Result};
use crate::secret::{Secret, webhook_bytes};
use crate::store::{Read, WebhookRow, Write};

/// A webhook that fails this long is disabled.
const FAILING: Duration = Duration::from_hours(72);

const fn thing(id: WebhookId, url: &str) -> Thing<'_> {
    Thing { what: "webhook", id: id.0, name: url }
}

/// # Errors
/// Says what is wrong with where a webhook goes.
pub(super) fn check_url(url: &str) -> Result<(), String> {
    check_address(url)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains('@') || url.contains(char::is_whitespace) {
        return Err("is no address like https://example.com/hook, without a password".into());
    }
    Ok(())
}

impl App {
    /// Webhooks of the teams that the caller may see.
    ///
    /// # Errors
    /// `NotFound` for a team that he may not see.
    pub async fn webhooks(&self, caller: &Caller, query: OfTeam) -> Result<Page<Webhook>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let team = query.team.as_deref();
                let rows = of_seen_teams(r, &caller, team, now, r.webhooks()?, |row| row.team.id)?;
                let found = rows.into_iter().map(|row| shown(r, &caller, row)).collect();
                let key = |of: &Webhook| format!("{} {:020}", of.team.slug, of.id.0);
                Ok(Page::cut(found, query.cursor.as_deref(), limit, key))
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook> {
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| Ok(shown(r, &caller, seen_webhook(r, &caller, Need::Read, id)?)))
            .await
    }

    /// Adds a webhook; its secret is shown this once.
    ///
    /// # Errors
    /// `Refused` if the team has one to this address.
    pub async fn create_webhook(&self, caller: &Caller, new: NewWebhook) -> Result<IssuedWebhook> {
        check_url(&new.url).map_err(|why| Error::invalid("url", why))?;
        let secret = match &new.secret {
            Some(secret) => {
                webhook_bytes(secret).map_err(|why| Error::invalid("secret", why))?;
                Secret::new(secret)
            }
            None => Secret::webhook()?,
        };
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let team = live_team(w, &by, Need::Manage, &new.team)?;
            let id = add_webhook(w, team.id, &new.url, &secret, &by.actor())?;
            Ok(issued(w, &by, seen_webhook(w, &by, Need::Manage, id)?))
        })
        .await
    }

    /// Where a test of it goes, by what secret, and of whose.
    ///
    /// # Errors
    /// As `enable_webhook`.
    pub async fn webhook_to_test(&self, caller: &Caller, id: WebhookId) -> Result<WebhookRow> {
        let caller = caller.clone();
        self.0.store.read(move |r| seen_webhook(r, &caller, Need::Manage, id)).await
    }

    /// Lets it go on where it stopped, or from now on.
    ///
    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn enable_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        how: EnableWebhook,
    ) -> Result<Webhook> {
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let mut row = seen_webhook(w, &by, Need::Manage, id)?;
            (row.failing_since, row.last_error) = (None, None);
            if how.skip {
                row.seq = w.head()?;
            }
            if row.disabled_at.take().is_some() {
                thing(id, &row.url).log(w, "enabled", &by.actor())?;
            }
            w.update_webhook(&row)?;
            Ok(shown(w, &by, row))
        })
        .await
    }

    /// # Errors
    /// As `enable_webhook`.
    pub async fn disable_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook> {
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let mut row = seen_webhook(w, &by, Need::Manage, id)?;
            if row.disabled_at.is_none() {
                row.disabled_at = Some(w.now());
                thing(id, &row.url).log(w, "disabled", &by.actor())?;
                w.update_webhook(&row)?;
            }
            Ok(shown(w, &by, row))
        })
        .await
    }

    /// Makes a new secret.
    ///
    /// # Errors
    /// As `enable_webhook`.
    pub async fn rotate_secret(&self, caller: &Caller, id: WebhookId) -> Result<IssuedWebhook> {
        let (by, secret) = (caller.clone(), Secret::webhook()?);
        self.write_once(caller, move |w| {
            let row = seen_webhook(w, &by, Need::Manage, id)?;
            let row = set_secret(w, row, &secret, &by.actor())?;
            Ok(issued(w, &by, row))
        })
        .await
    }

    /// # Errors
    /// As `enable_webhook`.
    pub async fn remove_webhook(&self, caller: &Caller, id: WebhookId) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let row = seen_webhook(w, &caller, Need::Manage, id)?;
            remove_webhook(w, &row, &caller.actor())
        })
        .await
    }
}

/// What the follower of the log asks.
impl App {
    /// Those that get events.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn enabled_webhooks(&self) -> Result<Vec<WebhookRow>> {
        self.0.store.read(|r| r.enabled_webhooks()).await
    }

    /// The first event of its team after `seq`.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn next_for_webhook(&self, hook: &WebhookRow, seq: Seq) -> Result<Option<LogRow>> {
        let team = hook.team.id;
        self.0.store.read(move |r| r.next_event(team, seq)).await
    }

    /// It has taken the event.
    ///
    /// # Errors
    /// `Unavailable` when nothing can be stored.
    pub async fn webhook_took(&self, id: WebhookId, seq: Seq) -> Result<()> {
        self.write(move |w| w.advance_webhook(id, seq)).await
    }

    /// It has not; one that has failed for too long, or is gone for good, is disabled.
    ///
    /// # Errors
    /// `Unavailable` when nothing can be stored.
    pub async fn webhook_failed(&self, hook: &WebhookRow, why: &str, gone: bool) -> Result<()> {
        let (id, team, url, why) = (hook.id, hook.team.id, hook.url.clone(), why.to_owned());
        self.write(move |w| {
            let Some(since) = w.fail_webhook(id, &why)? else { return Ok(()) };
            if !gone && shift(since, FAILING) > w.now() {
                return Ok(());
            }
            w.disable_webhook(id)?;
            thing(id, &url).log(w, "disabled", &Actor::system())?;
            let end = url.split(['?', '#']).next().unwrap_or_default();
            let after = if gone { "says that it is gone" } else { "has failed for 72 hours" };
            let text = format!(
                "The webhook to {end} {after} and gets no more events: {why} \
                 `incidentd webhook enable` lets it go on."
            );
            paging::tell_admins(w, team, None, &text)
        })
        .await
    }
}

fn seen_webhook(r: &Read<'_>, caller: &Caller, need: Need, id: WebhookId) -> Result<WebhookRow> {
    let what = format!("Webhook {id}");
    let row = r.find_webhook(id)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(r, need, row.team.id, &what)?;
    Ok(row)
}

fn shown(r: &Read<'_>, caller: &Caller, row: WebhookRow) -> Webhook {
    let manages = caller.may(r, Need::Manage, row.team.id, "").is_ok();
    Webhook {
        id: row.id,
        team: row.team,
        url: if manages { row.url } else { cut("webhook", &row.url, false) },
        seq: row.seq,
        failing_since: row.failing_since,
        last_error: row.last_error,
        disabled_at: row.disabled_at,
    }
}

fn issued(r: &Read<'_>, caller: &Caller, row: WebhookRow) -> IssuedWebhook {
    let secret = row.secret.expose().to_owned();
    IssuedWebhook { webhook: shown(r, caller, row), secret }
}

pub(super) fn add_webhook(
    w: &mut Write<'_>,
    team: TeamId,
    url: &str,
    secret: &Secret,
    actor: &Actor,
) -> Result<WebhookId> {
    let id = w.insert_webhook(team, url, secret)?;
    thing(id, url).log(w, "created", actor)?;
    Ok(id)
}

pub(super) fn set_secret(
    w: &mut Write<'_>,
    mut row: WebhookRow,
    secret: &Secret,
    actor: &Actor,
) -> Result<WebhookRow> {
    row.secret = secret.clone();
    w.update_webhook(&row)?;
    thing(row.id, &row.url).log(w, "secret changed", actor)?;
    Ok(row)
}

pub(super) fn remove_webhook(w: &mut Write<'_>, row: &WebhookRow, actor: &Actor) -> Result<()> {
    thing(row.id, &row.url).log(w, "removed", actor)?;
    w.delete_webhook(row.id)
}
