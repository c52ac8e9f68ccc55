//! Messages on their way, for the loop that sends them: what is due, what one message says, and
//! what became of it.
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::paging::aftermath;
use super::rota::People;
use super::{App, Caller, Need, answers, contacts};
use crate::api::deliveries::DeliveryView;
use crate::clock::shift;
use crate::domain::contact::EMAIL;
use crate::domain::delivery::{
    BUNDLE, Delivery, DeliveryKind, DeliveryState, GIVE_WAY, MAX_ATTEMPTS, Message, To, pause,
};
use crate::domain::user::UserRef;
use crate::domain::{Actor, DeliveryId, Incident, IncidentId, Span, Status, TimerKind};
use crate::error::Result;
use crate::secret::chance;
use crate::store::{Group, Read, Write, order_of_need};

/// Incidents that one message is about.
const AT_ONCE: u32 = 500;

/// One message that should go now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Due {
    pub channel: String,
    pub address: String,
    kind: DeliveryKind,
    /// Sent before under this name: it stays the same message.
    again: Option<DeliveryId>,
}

/// A message that goes now, and its rows.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub message: Message,
    rows: Vec<Delivery>,
}

/// Why a message did not go out.
#[derive(Clone, Debug)]
pub enum Undelivered {
    Later { why: String, after: Option<Duration> },
    Never { why: String },
    Gone { why: String },
}

impl Undelivered {
    #[must_use]
    pub fn why(&self) -> &str {
        let (Self::Later { why, .. } | Self::Never { why } | Self::Gone { why }) = self;
        why
    }
}

impl Outgoing {
    /// Others stand in for it already: now only its own tries count.
    #[must_use]
    pub fn has_given_way(&self) -> bool {
        self.rows.first().is_some_and(|row| row.attempts >= GIVE_WAY)
    }
}

impl App {
    /// What should go now to addresses that are not in `busy`, the earliest first; and when to
    /// look again at the latest, if that is known.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn due_messages(
        &self,
        busy: HashSet<(String, String)>,
    ) -> Result<(Vec<Due>, Option<Timestamp>)> {
        let now = self.now();
        self.0
            .store
            .read(move |r| {
                // What a silence is about to cover is not sent a moment before.
                for kind in [TimerKind::Silence, TimerKind::Quiet] {
                    if r.is_due(kind, now)? {
                        return Ok((Vec::new(), Some(now)));
                    }
                }
                let (mut due, mut taken) = (Vec::new(), busy);
                let mut next = r.next_delivery(now)?;
                for group in r.due_groups(now)? {
                    let place = (group.channel.clone(), group.address.clone());
                    if let Some(at) = bundled_until(r, &group, now)? {
                        next = Some(next.map_or(at, |next| next.min(at)));
                    } else if taken.insert(place) {
                        let Group { channel, address, kind, message: again, .. } = group;
                        due.push(Due { channel, address, kind, again });
                    }
                }
                Ok((due, next))
            })
            .await
    }

    /// Who was told of an incident, after the delivery with id `after`.
    ///
    /// # Errors
    /// `NotFound` for what the caller may not see.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: IncidentId,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<DeliveryView>> {
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                caller.may_on(r, Need::Read, &r.incident(id)?, now)?;
                let mut people = People::default();
                r.deliveries(id, after, limit)?
                    .into_iter()
                    .map(|row| {
                        let user = row.to.user.map(|user| people.one(r, user)).transpose()?;
                        Ok(view(row, user))
                    })
                    .collect()
            })
            .await
    }

    /// Takes the rows of a message, without those that nobody wants any more. None: none is left.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored; then nothing was taken.
    pub async fn claim(&self, due: Due) -> Result<Option<Outgoing>> {
        let url = self.0.public_url.clone();
        self.write(move |w| claim(w, &due, &url)).await
    }

    /// Notes what became of a message.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored: it will be sent again, under the same id.
    pub async fn settle(&self, sent: Outgoing, result: Result<(), Undelivered>) -> Result<()> {
        self.write(move |w| settle(w, &sent.rows, &result)).await
    }

    /// What failed at these addresses of a channel is tried again now.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored: they wait as they did.
    pub async fn hurry(&self, channel: String, addresses: Vec<String>) -> Result<()> {
        self.write(move |w| {
            addresses.iter().try_for_each(|address| w.hurry_deliveries(&channel, address))
        })
        .await
    }
}

pub(super) fn view(row: Delivery, user: Option<UserRef>) -> DeliveryView {
    DeliveryView {
        id: row.id,
        kind: row.kind,
        state: row.state,
        user,
        channel: row.to.channel,
        contact: row.to.contact,
        made: row.made,
        due_at: row.due_at,
        attempts: row.attempts,
        ended_at: row.ended_at,
        outcome: row.outcome,
        message: row.message,
    }
}

/// Until when further pages to an address wait, to go as one; none: they go now.
fn bundled_until(r: &Read<'_>, group: &Group, now: Timestamp) -> Result<Option<Timestamp>> {
    if group.kind != DeliveryKind::Page || group.message.is_some() || group.by_hand {
        return Ok(None);
    }
    let last = r.last_page(&group.channel, &group.address)?;
    // A storm is told as fast as it goes.
    if group.rows >= AT_ONCE {
        return Ok(None);
    }
    // Told in the future: somebody set the clock back.
    let last = last.filter(|last| *last <= now);
    Ok(last.map(|last| shift(last, BUNDLE)).filter(|until| *until > now))
}

fn claim(w: &mut Write<'_>, due: &Due, url: &str) -> Result<Option<Outgoing>> {
    let group = Group {
        channel: due.channel.clone(),
        address: due.address.clone(),
        kind: due.kind,
        message: due.again,
        rows: 0,
        by_hand: false,
    };
    let mut rows = Vec::new();
    let mut incidents: Vec<Incident> = Vec::new();
    for mut row in w.group(&group, w.now(), AT_ONCE)? {
        let incident = match row.incident {
            Some(id) => w.find_incident(id)?,
            None => None,
        };
        if let Some(why) = row.unwanted(incident.as_ref(), w.now()) {
            let row = row.dropped(why, w.now());
            w.update_delivery(&row)?;
            aftermath::show_told(w, &row)?;
            continue;
        }
        if !leads_there(w, &row)? {
            let row = row.dropped("the contact is gone or has changed", w.now());
            w.update_delivery(&row)?;
            aftermath::lost(w, &row)?;
            continue;
        }
        let id = *rows.first().map_or(&row.id, |first: &Delivery| &first.id);
        row.message = Some(due.again.unwrap_or(id));
        w.update_delivery(&row)?;
        // The same incident by two steps is told once.
        incidents.extend(incident.filter(|it| incidents.iter().all(|known| known.id != it.id)));
        rows.push(row);
        // The words of a notice are its own.
        if matches!(due.kind, DeliveryKind::Notice | DeliveryKind::Test) {
            break;
        }
    }
    let Some(first) = rows.first() else { return Ok(None) };
    // What is sent again is known by the row that was its first then.
    let again = match due.again {
        Some(id) => w.find_delivery(id)?,
        None => None,
    };
    let first = again.as_ref().unwrap_or(first);
    incidents.sort_by_key(order_of_need);
    let user = match first.to.user {
        Some(user) => w.find_user(user)?,
        None => None,
    };
    let pages = due.kind == DeliveryKind::Page;
    let links = match (&user, pages) {
        (Some(user), true) => Some(answers::sign(w, first, user.id, url)?),
        _ => None,
    };
    let (ack_url, resolve_url) = links.unzip();
    // One tap should not resolve what somebody has not looked at one by one.
    let resolve_url = resolve_url.filter(|_| incidents.len() == 1);
    let message = Message {
        id: format!(
            "{}-{}",
            first.made.map_or(0, |made| made.0),
            first.message.unwrap_or(first.id)
        ),
        kind: due.kind,
        text: match &first.text {
            Some(text) => text.clone(),
            None => words(w, due.kind, &incidents)?,
        },
        to: user.map_or_else(|| first.to.contact.clone(), |user| user.name),
        ack_url,
        resolve_url,
        url: match incidents.as_slice() {
            [one] => one.url.clone(),
            _ => url.to_owned(),
        },
        incidents,
    };
    Ok(Some(Outgoing { message, rows }))
}

/// What happened, where that is not what the message is for.
fn words(w: &Write<'_>, kind: DeliveryKind, incidents: &[Incident]) -> Result<String> {
    if !matches!(kind, DeliveryKind::AllClear | DeliveryKind::Update) {
        return Ok(String::new());
    }
    let by = |actor: Option<&Actor>| actor.map_or("incidentd", |actor| &actor.name).to_owned();
    let mut said = BTreeSet::new();
    for it in incidents {
        said.insert(match (kind, it.status) {
            (DeliveryKind::AllClear, Status::Acknowledged) => {
                format!("{} has it", by(it.acknowledged_by.as_ref()))
            }
            (DeliveryKind::AllClear, Status::Resolved) => {
                format!("resolved by {}", by(it.resolved_by.as_ref()))
            }
            (DeliveryKind::AllClear, Status::Triggered) => "given to somebody else".into(),
            _ => firing(w, it)?,
        });
    }
    Ok(said.into_iter().collect::<Vec<_>>().join("; "))
}

/// How many of its alerts fire, and whether anybody still reports them.
fn firing(w: &Write<'_>, incident: &Incident) -> Result<String> {
    let n = incident.firing_count;
    let fire = if n == 1 { "1 alert fires".to_owned() } else { format!("{n} alerts fire") };
    let (stale, Some(last)) = w.stale_members(incident.id)? else { return Ok(fire) };
    let silent = Span::about(w.now().duration_since(last));
    let which = if stale == n { String::new() } else { format!("{stale} of them ") };
    Ok(format!("{fire}, {which}not reported for {silent}; still so?"))
}

fn settle(w: &mut Write<'_>, rows: &[Delivery], result: &Result<(), Undelivered>) -> Result<()> {
    let now = w.now();
    // What went as one message goes as one again.
    let attempts = rows.first().map_or(0, |row| row.attempts) + 1;
    let after = match result {
        Err(Undelivered::Later { after, .. }) => *after,
        _ => None,
    };
    let wait = pause(attempts, after, chance());
    for row in rows {
        // As it is now: it may have been given up meanwhile.
        let Some(mut row) = w.find_delivery(row.id)? else { continue };
        if row.state != DeliveryState::Queued {
            continue;
        }
        row.attempts = attempts;
        match result {
            Ok(()) => {
                row.state = DeliveryState::Sent;
                row.ended_at = Some(now);
                row.outcome = Some("sent".into());
            }
            Err(Undelivered::Later { why, .. }) if row.attempts < MAX_ATTEMPTS => {
                row.outcome = Some(why.clone());
                row.due_at = shift(now, wait);
            }
            Err(failed) => {
                row.state = DeliveryState::Failed;
                row.ended_at = Some(now);
                row.outcome = Some(failed.why().to_owned());
            }
        }
        if matches!(result, Err(Undelivered::Gone { .. })) {
            contacts::ended(w, &row.to)?;
        }
        w.update_delivery(&row)?;
        aftermath::settled(w, &row)?;
    }
    Ok(())
}

/// Does a row still go where its contact or channel leads?
fn leads_there(r: &Read<'_>, row: &Delivery) -> Result<bool> {
    let To { user, contact_id, channel_id, channel, address, contact } = &row.to;
    let same = |other: &str, at: &str| other == channel && at == address;
    if let Some(id) = channel_id {
        let there = r.find_channel(&id.to_string())?;
        return Ok(there.is_some_and(|there| same(&there.channel, &there.address)));
    }
    let Some(user) = user else { return Ok(false) };
    if let Some(id) = contact_id {
        let contacts = r.contacts(*user)?;
        let there = contacts.iter().find(|there| there.id == *id);
        return Ok(there.is_some_and(|there| same(&there.channel, &there.address)));
    }
    // The account's own, or a contact that was removed.
    let email = r.find_user(*user)?.and_then(|user| user.email);
    Ok(contact == EMAIL && email.as_deref() == Some(address))
}
