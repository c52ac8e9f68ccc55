//! How people are told: their contacts, and which of them rings when.
use super::changes::{Thing, differ, differ_or_not};
use crate::api::configuration::FieldChange;
use crate::domain::contact::{Rule, Rules, shown};
use crate::domain::{Actor, UserId};
use crate::error::Result;
use crate::store::{Contact, Read, User, Write};

fn label(user: &User, name: &str) -> String {
    format!("{}/{name}", user.username)
}

fn thing<'a>(contact: &Contact, label: &'a str) -> Thing<'a> {
    Thing { what: "contact", id: contact.id.0, name: label }
}

/// A contact in a line, for whoever reads what changed.
pub(super) fn words(contact: &Contact) -> String {
    let address = match (contact.own, contact.address.as_str()) {
        (true, address) => shown(&contact.channel, address, false),
        (false, _) => "of the account".to_owned(),
    };
    let standing = if contact.verified_at.is_none() { " (unverified)" } else { "" };
    format!("{} {address}{standing}", contact.channel)
}

/// Adds a contact; without an address it is the account's.
pub(super) fn add_contact(
    w: &mut Write<'_>,
    user: &User,
    name: &str,
    (channel, address): (&str, Option<&str>),
    verified: bool,
    actor: &Actor,
) -> Result<Contact> {
    let verified_at = verified.then(|| w.now());
    w.insert_contact(user.id, name, channel, address, verified_at)?;
    let contact = seen(w, user, name)?;
    let label = label(user, name);
    thing(&contact, &label).log(w, "created", actor)?;
    Ok(contact)
}

/// A contact of somebody who is known to the caller.
pub(super) fn seen(r: &Read<'_>, user: &User, name: &str) -> Result<Contact> {
    r.find_contact(user.id, name)?
        .ok_or_else(|| crate::error::Error::not_found(format_args!("Contact `{name}`")))
}

/// Makes a contact as `new` says, with the rules that name it; says what differs.
pub(super) fn change_contact(
    w: &mut Write<'_>,
    user: &User,
    old: &Contact,
    new: &Contact,
    actor: &Actor,
) -> Result<Vec<FieldChange>> {
    if old == new {
        return Ok(Vec::new());
    }
    let mut fields = Vec::new();
    differ(&mut fields, "name", &old.name, &new.name);
    let (from, to) = (words(old), words(new));
    if from == to && (old.own, &old.address) != (new.own, &new.address) {
        fields.push(FieldChange { field: "address".into(), from: None, to: None });
    }
    differ(&mut fields, "contact", from, to);
    w.update_contact(new)?;
    follow(w, user.id, &old.name, Some(&new.name))?;
    let label = label(user, &new.name);
    thing(new, &label).log_fields(w, &fields, actor)?;
    Ok(fields)
}

/// Rules that named it no longer do.
pub(super) fn remove_contact(
    w: &mut Write<'_>,
    user: &User,
    contact: &Contact,
    actor: &Actor,
) -> Result<()> {
    follow(w, user.id, &contact.name, None)?;
    let label = label(user, &contact.name);
    thing(contact, &label).log(w, "removed", actor)?;
    w.delete_contact(contact.id)
}

fn follow(w: &Write<'_>, user: UserId, name: &str, now: Option<&str>) -> Result<()> {
    let old = w.rules(user)?;
    let mut new = old.clone();
    new.follow(name, now);
    if new == old { Ok(()) } else { w.set_rules(user, &new) }
}

/// Sets which contact rings when; says what differs.
pub(super) fn change_rules(
    w: &mut Write<'_>,
    user: &User,
    new: &Rules,
    actor: &Actor,
) -> Result<Vec<FieldChange>> {
    let old = w.rules(user.id)?;
    let mut fields = Vec::new();
    let list = |rules: &[Rule]| {
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        (!rules.is_empty()).then(|| rules.join(" "))
    };
    differ_or_not(&mut fields, "rules.high", list(&old.high), list(&new.high));
    differ_or_not(&mut fields, "rules.low", list(&old.low), list(&new.low));
    let hours = |rules: &Rules| rules.quiet.map(|quiet| quiet.to_string());
    differ_or_not(&mut fields, "rules.quiet", hours(&old), hours(new));
    differ(&mut fields, "rules.all_clear", old.all_clear, new.all_clear);
    if !fields.is_empty() {
        w.set_rules(user.id, new)?;
    }
    Thing { what: "rules", id: user.id.0, name: &user.username }.log_fields(w, &fields, actor)?;
    Ok(fields)
}
