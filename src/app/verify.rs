//! Whether messages arrive: codes that verify a contact, tests, and what became of one.
use std::time::Duration;

use super::channels::seen_channel;
use super::contacts::{contact_of, view, whose};
use super::deliveries::view as view_of;
use super::paging::queue;
use super::rota::People;
use super::{App, Caller, Need};
use crate::api::contacts as api;
use crate::api::deliveries::DeliveryView;
use crate::clock::shift;
use crate::domain::delivery::{Delivery, DeliveryKind, To};
use crate::domain::{ContactId, DeliveryId};
use crate::error::{Error, Kind, Result};
use crate::secret::{hash, random};
use crate::store::{Contact, Read, User, Write};

/// How long a code is good, and how soon another may be asked for.
const CODE_FOR: Duration = Duration::from_hours(1);
const CODE_EVERY: Duration = Duration::from_mins(1);
/// Guesses at one code.
const MAX_TRIES: u32 = 5;
/// What a browser gave is proved by it.
const BROWSER: &str = "webpush";

/// Six digits that are not known before they arrive.
#[derive(Clone)]
pub(super) struct Code(String);

impl Code {
    pub(super) fn new() -> Result<Self> {
        Ok(Self(format!("{:06}", u32::from_be_bytes(random()?) % 1_000_000)))
    }
}

fn code_hash(contact: ContactId, code: &str) -> [u8; 32] {
    hash(format!("{contact} {code}").as_bytes())
}

/// Needs a contact on this channel no code?
pub(super) fn proved(channel: &str) -> bool {
    channel == BROWSER
}

/// Sends a code to a contact; the one before is void.
pub(super) fn send_code(w: &Write<'_>, user: &User, contact: &Contact, code: &Code) -> Result<()> {
    w.set_code(contact.id, &code_hash(contact.id, &code.0), shift(w.now(), CODE_FOR))?;
    let text = format!(
        "{} is the code of contact {}, good for an hour. Not asked for? Then ignore it.",
        code.0, contact.name
    );
    let notice = Delivery::queued(DeliveryKind::Notice, queue::to(user, contact), w.now());
    w.insert_delivery(&Delivery { text: Some(text), ..notice }).map(|_| ())
}

impl App {
    /// Sends another code to a contact of somebody's own.
    ///
    /// # Errors
    /// `Limited` right after the last one.
    pub async fn send_code(
        &self,
        caller: &Caller,
        username: String,
        contact: String,
    ) -> Result<api::Contact> {
        self.one_more_to(caller, Need::Manage, &username).await?;
        let (by, code) = (caller.clone(), Code::new()?);
        let sent = self
            .write_once(caller, move |w| {
                let (user, _) = whose(w, &by, Need::Manage, &username)?;
                let contact = contact_of(w, &user, &contact)?;
                if contact.verified_at.is_some() {
                    return Ok(view(contact));
                }
                let last = w.find_code(contact.id)?.filter(|last| {
                    // Sent so long before it expires.
                    shift(w.now(), CODE_FOR.saturating_sub(CODE_EVERY)) < last.expires
                });
                if last.is_some() {
                    return Err(Error::new(Kind::Limited, "A code was sent within a minute.")
                        .hint("Wait for it, or ask again in a minute."));
                }
                send_code(w, &user, &contact, &code)?;
                Ok(view(contact))
            })
            .await?;
        self.knock();
        Ok(sent)
    }

    /// Verifies a contact by the code that was sent there; verified already, it stays so.
    ///
    /// # Errors
    /// `Invalid` for a wrong code, `Refused` where none is good any more.
    pub async fn verify_contact(
        &self,
        caller: &Caller,
        username: String,
        contact: String,
        code: String,
    ) -> Result<api::Contact> {
        let by = caller.clone();
        // A wrong guess is an error that counts: it is no failure of the write.
        self.write_as(caller.clone(), move |w| {
            let (user, _) = whose(w, &by, Need::Manage, &username)?;
            let mut contact = contact_of(w, &user, &contact)?;
            if contact.verified_at.is_some() {
                return Ok(Ok(view(contact)));
            }
            let sent = w.find_code(contact.id)?;
            let sent = sent.filter(|sent| sent.tries < MAX_TRIES && sent.expires > w.now());
            let Some(sent) = sent else {
                return Ok(Err(Error::refused("No code is good for this contact.")
                    .hint(format!("Have one sent: incidentd contact code {}", contact.name))));
            };
            if sent.hash != code_hash(contact.id, code.trim()) {
                w.count_try(contact.id)?;
                return Ok(Err(Error::invalid("code", "is not the one that was sent")
                    .hint("Of several the last one counts; after five guesses none does.")));
            }
            contact.verified_at = Some(w.now());
            w.update_contact(&contact)?;
            super::contacts::log_verified(w, &user, &contact, &by.actor())?;
            Ok(Ok(view(contact)))
        })
        .await?
    }

    /// Sends a test to each of somebody's contacts that work, or to one.
    ///
    /// # Errors
    /// `Refused` where there is nowhere to send it, `Limited` after too many.
    pub async fn test_contacts(
        &self,
        caller: &Caller,
        username: String,
        test: api::Test,
    ) -> Result<Vec<DeliveryView>> {
        self.one_more_to(caller, Need::Respond, &username).await?;
        let by = caller.clone();
        let sent = self
            .write_once(caller, move |w| {
                let (user, _) = whose(w, &by, Need::Respond, &username)?;
                let places = match &test.contact {
                    Some(name) => {
                        let contact = contact_of(w, &user, name)?;
                        if !contact.works() {
                            return Err(Error::refused(format!("Contact `{name}` is unverified."))
                                .hint(format!("incidentd contact verify {name} CODE")));
                        }
                        vec![queue::to(&user, &contact)]
                    }
                    None => queue::everywhere(w, &user)?,
                };
                if places.is_empty() {
                    let name = &user.username;
                    return Err(Error::refused(format!("{name} has no contact that works."))
                        .hint("Add one: incidentd contact add NAME --channel …"));
                }
                places.into_iter().map(|to| test_to(w, to)).collect::<Result<Vec<_>>>()
            })
            .await?;
        self.knock();
        Ok(sent)
    }

    /// Sends a test to a team's channel.
    ///
    /// # Errors
    /// `NotFound` for strangers, `Forbidden` for who does not manage the team.
    pub async fn test_channel(&self, caller: &Caller, channel: String) -> Result<DeliveryView> {
        let (by, name) = (caller.clone(), channel.clone());
        self.0.store.read(move |r| seen_channel(r, &by, Need::Manage, &name)).await?;
        self.one_more(caller)?;
        let by = caller.clone();
        let sent = self
            .write_once(caller, move |w| {
                let row = seen_channel(w, &by, Need::Manage, &channel)?;
                test_to(w, queue::to_channel(&row))
            })
            .await?;
        self.knock();
        Ok(sent)
    }

    /// What became of one message.
    ///
    /// # Errors
    /// `NotFound` for what the caller may not see.
    pub async fn delivery(&self, caller: &Caller, id: DeliveryId) -> Result<DeliveryView> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let hidden = || Error::not_found(format_args!("Delivery {id}"));
                let row = r.find_delivery(id)?.ok_or_else(hidden)?;
                let own = caller.themself().is_ok_and(|me| Some(me.id) == row.to.user);
                let sees = own
                    || caller.is_platform_admin()
                    || match (row.incident, row.to.channel_id) {
                        (Some(incident), _) => {
                            caller.may_on(r, Need::Read, &r.incident(incident)?, now).is_ok()
                        }
                        (None, Some(channel)) => {
                            let team = r.channel(channel)?.team.id;
                            caller.may(r, Need::Manage, team, "").is_ok()
                        }
                        (None, None) => false,
                    };
                if sees { shown(r, row) } else { Err(hidden()) }
            })
            .await
    }

    /// As `one_more`, of what is sent to somebody, if the caller may that.
    pub(super) async fn one_more_to(
        &self,
        caller: &Caller,
        need: Need,
        username: &str,
    ) -> Result<()> {
        let (by, username) = (caller.clone(), username.to_owned());
        self.0.store.read(move |r| whose(r, &by, need, &username).map(drop)).await?;
        self.one_more(caller)
    }

    /// A few messages of one's own are enough to see whether they arrive. Asked before a write,
    /// which may be done twice.
    pub(super) fn one_more(&self, caller: &Caller) -> Result<()> {
        let name = caller.user().map_or("host", |user| user.username.as_str());
        self.0.attempts.asked(name, self.0.clock.since_boot())
    }
}

fn shown(r: &Read<'_>, row: Delivery) -> Result<DeliveryView> {
    let user = row.to.user.map(|user| People::default().one(r, user)).transpose()?;
    Ok(view_of(row, user))
}

fn test_to(w: &Write<'_>, to: To) -> Result<DeliveryView> {
    let id = w.insert_delivery(&Delivery::queued(DeliveryKind::Test, to, w.now()))?;
    let row = w.find_delivery(id)?.ok_or_else(|| Error::internal("a row that was written"))?;
    shown(w, row)
}
