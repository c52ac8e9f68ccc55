//! What the follower of outgoing webhooks asks: whose turn it is, what comes next, and what became
//! of it.
use std::time::Duration;

use super::changes::Thing;
use super::{App, LogRow, paging};
use crate::clock::shift;
use crate::domain::event::Actor;
use crate::domain::{Seq, WebhookId};
use crate::error::Result;
use crate::store::Outbound;

/// A webhook that fails this long is disabled.
const FAILING: Duration = Duration::from_hours(72);

impl App {
    /// Those that get events.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn outbound(&self) -> Result<Vec<Outbound>> {
        self.0.store.read(|r| r.outbound()).await
    }

    /// The first event of its team after `seq`.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn next_outbound(&self, hook: &Outbound, seq: Seq) -> Result<Option<LogRow>> {
        let team = hook.team;
        self.0.store.read(move |r| r.next_event(team, seq)).await
    }

    /// It has taken the event.
    ///
    /// # Errors
    /// `Unavailable` when nothing can be stored.
    pub async fn outbound_took(&self, id: WebhookId, seq: Seq) -> Result<()> {
        self.write(move |w| w.advance_outbound(id, seq)).await
    }

    /// It has not; one that has failed for too long, or is gone for good, is disabled.
    ///
    /// # Errors
    /// `Unavailable` when nothing can be stored.
    pub async fn outbound_failed(&self, hook: &Outbound, why: &str, gone: bool) -> Result<()> {
        let (id, team, url, why) = (hook.id, hook.team, hook.url.clone(), why.to_owned());
        self.write(move |w| {
            let Some(since) = w.fail_outbound(id, &why)? else { return Ok(()) };
            if !gone && shift(since, FAILING) > w.now() {
                return Ok(());
            }
            w.disable_outbound(id)?;
            Thing { what: "webhook", id: id.0, name: &url }.log(w, "disabled", &Actor::system())?;
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
