//! What is queued for a person: by which contacts, in which order, when.
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::clock::shift;
use crate::domain::contact::EMAIL;
use crate::domain::delivery::{Delivery, DeliveryKind, To};
use crate::domain::{Incident, Urgency};
use crate::error::Result;
use crate::store::{ChannelRow, Contact, Read, User};

/// What a person is sent, and whether that can be relied on.
pub struct Planned {
    pub rows: Vec<Delivery>,
    /// By contacts that were seen to work.
    pub verified: bool,
}

/// The pages of one person for `incident`, by his rules; the earliest first.
pub fn pages(r: &Read<'_>, user: &User, incident: &Incident, now: Timestamp) -> Result<Planned> {
    let contacts = verified(r, user)?;
    let urgency = incident.urgency;
    let page = |to: To, due_at| Delivery {
        incident: Some(incident.id),
        high: urgency == Urgency::High,
        due_at,
        ..Delivery::queued(DeliveryKind::Page, to, now)
    };
    if contacts.is_empty() {
        let rows = account_email(user).map(|to| page(to, now)).into_iter().collect();
        return Ok(Planned { rows, verified: false });
    }
    let rules = r.rules(user.id)?;
    let names: Vec<&str> = contacts.iter().map(|contact| contact.name.as_str()).collect();
    let quiet = rules.quiet.filter(|_| urgency == Urgency::Low);
    let zone = zone(user);
    let mut rows = Vec::new();
    for (after, name) in rules.rings(urgency, &names) {
        let due = shift(now, after);
        let due = quiet.and_then(|quiet| quiet.end(due, &zone)).unwrap_or(due);
        let contact = contacts.iter().find(|contact| contact.name == name);
        rows.extend(contact.map(|contact| page(to(user, contact), due)));
    }
    rows.sort_by_key(|row| row.due_at);
    Ok(Planned { rows, verified: true })
}

/// The clock on this person's wall.
pub fn zone(user: &User) -> TimeZone {
    let name = user.time_zone.as_deref().unwrap_or("UTC");
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// Contacts that were seen to work and have an address.
pub fn verified(r: &Read<'_>, user: &User) -> Result<Vec<Contact>> {
    let mut contacts = r.contacts(user.id)?;
    contacts.retain(Contact::works);
    Ok(contacts)
}

pub fn to(user: &User, contact: &Contact) -> To {
    To {
        user: Some(user.id),
        contact_id: Some(contact.id),
        channel_id: None,
        channel: contact.channel.clone(),
        address: contact.address.clone(),
        contact: contact.name.clone(),
    }
}

/// Better than nothing.
fn account_email(user: &User) -> Option<To> {
    let address = user.email.clone()?;
    Some(To {
        user: Some(user.id),
        channel: EMAIL.into(),
        address,
        contact: EMAIL.into(),
        ..To::default()
    })
}

/// By each of a person's contacts that work, else the account's e-mail.
pub fn everywhere(r: &Read<'_>, user: &User) -> Result<Vec<To>> {
    let contacts = verified(r, user)?;
    if contacts.is_empty() {
        return Ok(account_email(user).into_iter().collect());
    }
    Ok(contacts.iter().map(|contact| to(user, contact)).collect())
}

/// Where a person reads what is not urgent: by the first of his rules, else the account's e-mail.
pub fn quietly(r: &Read<'_>, user: &User) -> Result<Option<To>> {
    let contacts = verified(r, user)?;
    let names: Vec<&str> = contacts.iter().map(|contact| contact.name.as_str()).collect();
    let first = r.rules(user.id)?.rings(Urgency::Low, &names).into_iter().min_by_key(|it| it.0);
    let contact = first.and_then(|(_, name)| contacts.iter().find(|it| it.name == name));
    Ok(contact.map(|contact| to(user, contact)).or_else(|| account_email(user)))
}

pub fn to_channel(channel: &ChannelRow) -> To {
    To {
        user: None,
        contact_id: None,
        channel_id: Some(channel.id),
        channel: channel.channel.clone(),
        address: channel.address.clone(),
        contact: channel.slug.clone(),
    }
}
