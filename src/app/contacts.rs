//! How people are told: their contacts, and which of them rings when.
use super::changes::{Thing, differ, differ_or_not, unknown, wrongs};
use super::channels::check_whole;
use super::users::seen;
use super::verify::{Code, proved, send_code};
use super::{App, Caller, Need};
use crate::api::configuration::FieldChange;
use crate::api::contacts::{self as api, ContactChange, NewContact};
use crate::domain::contact::{EMAIL, MAX_CONTACTS, Rule, Rules, shown};
use crate::domain::delivery::To;
use crate::domain::user::check_slug;
use crate::domain::{Actor, UserId};
use crate::error::{Error, FieldError, Result};
use crate::store::{Contact, Read, User, Write};

impl App {
    /// Somebody's contacts, in the order in which they were added.
    ///
    /// # Errors
    /// `NotFound` for whom the caller may not see, `Forbidden` for others than himself unless he
    /// is a platform admin.
    pub async fn contacts(&self, caller: &Caller, username: String) -> Result<Vec<api::Contact>> {
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| {
                let (user, _) = whose(r, &caller, Need::Read, &username)?;
                Ok(r.contacts(user.id)?.into_iter().map(view).collect())
            })
            .await
    }

    /// Adds a contact. `check` knows what an address on a channel looks like.
    ///
    /// # Errors
    /// As `contacts`; `Refused` if there is one of this name, or too many.
    pub async fn create_contact(
        &self,
        caller: &Caller,
        username: String,
        new: NewContact,
        check: impl Fn(&str, &str) -> Result<()> + Send + 'static,
    ) -> Result<api::Contact> {
        check_slug(&new.name).map_err(|why| Error::invalid("name", why))?;
        self.one_more_to(caller, Need::Manage, &username).await?;
        let (by, code) = (caller.clone(), Code::new()?);
        let made = self.write_once(caller, move |w| {
            let (user, own) = whose(w, &by, Need::Manage, &username)?;
            if w.contacts(user.id)?.len() >= MAX_CONTACTS {
                return Err(Error::refused(format!("There are {MAX_CONTACTS} contacts already."))
                    .hint("Remove one first: incidentd contact remove NAME"));
            }
            let NewContact { name, channel, address } = &new;
            let account = user.email.as_ref().filter(|_| channel == EMAIL);
            let to = address.as_ref().or(account).ok_or_else(|| {
                let why = match channel.as_str() {
                    EMAIL => "is missing, and the account has none",
                    _ => "is missing",
                };
                Error::invalid("address", why)
            })?;
            check_whole(channel, to, &check)?;
            let to = (channel.as_str(), address.as_deref());
            let verified = !own || proved(channel);
            let made = add_contact(w, &user, name, to, verified, &by.actor())?;
            if !verified {
                send_code(w, &user, &made, &code)?;
            }
            Ok(view(made))
        });
        let made = made.await?;
        self.knock();
        Ok(made)
    }

    /// Renames a contact, or gives it another address, which is to be verified.
    ///
    /// # Errors
    /// As `create_contact`.
    pub async fn change_contact(
        &self,
        caller: &Caller,
        username: String,
        contact: String,
        change: ContactChange,
        check: impl Fn(&str, &str) -> Result<()> + Send + 'static,
    ) -> Result<api::Contact> {
        let name = change.name.as_deref();
        name.map_or(Ok(()), check_slug).map_err(|why| Error::invalid("name", why))?;
        if change.address.is_some() {
            self.one_more_to(caller, Need::Manage, &username).await?;
        }
        let (caller, code) = (caller.clone(), Code::new()?);
        let made = self.write_as(caller.clone(), move |w| {
            let (user, own) = whose(w, &caller, Need::Manage, &username)?;
            let old = contact_of(w, &user, &contact)?;
            let mut new = old.clone();
            new.name = change.name.clone().unwrap_or(new.name);
            if let Some(address) = change.address.as_ref().filter(|it| **it != old.address) {
                check_whole(&old.channel, address, &check)?;
                (new.own, new.address) = (true, address.clone());
                new.verified_at = (!own || proved(&old.channel)).then(|| w.now());
            }
            change_contact(w, &user, &old, &new, &caller.actor())?;
            if new.verified_at.is_none() && new.address != old.address {
                send_code(w, &user, &new, &code)?;
            }
            Ok(view(new))
        });
        let made = made.await?;
        self.knock();
        Ok(made)
    }

    /// # Errors
    /// As `contacts`.
    pub async fn remove_contact(
        &self,
        caller: &Caller,
        username: String,
        contact: String,
    ) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let (user, _) = whose(w, &caller, Need::Manage, &username)?;
            let contact = contact_of(w, &user, &contact)?;
            remove_contact(w, &user, &contact, &caller.actor())
        })
        .await
    }

    /// Which of somebody's contacts rings when.
    ///
    /// # Errors
    /// As `contacts`.
    pub async fn rules(&self, caller: &Caller, username: String) -> Result<Rules> {
        let caller = caller.clone();
        self.0.store.read(move |r| r.rules(whose(r, &caller, Need::Read, &username)?.0.id)).await
    }

    /// # Errors
    /// As `contacts`; `Invalid` or `NotFound` naming each rule that is wrong.
    pub async fn set_rules(
        &self,
        caller: &Caller,
        username: String,
        rules: Rules,
    ) -> Result<Rules> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let (user, _) = whose(w, &caller, Need::Manage, &username)?;
            let contacts = w.contacts(user.id)?;
            let names: Vec<&str> = contacts.iter().map(|contact| contact.name.as_str()).collect();
            let faults = rules.faults(&names).into_iter();
            let (nameless, wrong) = faults
                .map(|(field, message)| FieldError { field, message })
                .partition(|fault: &FieldError| fault.field.ends_with(".contact"));
            wrongs(wrong)?;
            unknown(nameless)?;
            change_rules(w, &user, &rules, &caller.actor())?;
            w.rules(user.id)
        })
        .await
    }
}

/// Whose contacts the caller asks for, and whether they are his own.
pub(super) fn whose(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    username: &str,
) -> Result<(User, bool)> {
    caller.must_have(need)?;
    let user = seen(r, caller, username)?;
    let own = caller.themself().is_ok_and(|me| me.id == user.id);
    if !own {
        caller.must_be_platform_admin()?;
    }
    Ok((user, own))
}

pub(super) fn view(contact: Contact) -> api::Contact {
    let Contact { id, name, channel, address, own, verified_at, .. } = contact;
    let address = shown(&channel, &address, true);
    api::Contact { id, name, channel, address, of_account: !own, verified_at }
}

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

pub(super) fn log_verified(
    w: &mut Write<'_>,
    user: &User,
    contact: &Contact,
    actor: &Actor,
) -> Result<()> {
    let label = label(user, &contact.name);
    thing(contact, &label).log(w, "verified", actor)
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
    let contact = contact_of(w, user, name)?;
    let label = label(user, name);
    thing(&contact, &label).log(w, "created", actor)?;
    Ok(contact)
}

/// The account's e-mail became another: a contact that uses it was seen to work at the old one, and
/// a code that is on its way there is void. Returns those that are to be verified anew.
pub(super) fn email_changed(
    w: &mut Write<'_>,
    before: &User,
    user: &User,
    actor: &Actor,
) -> Result<Vec<Contact>> {
    if before.email == user.email {
        return Ok(Vec::new());
    }
    let mut contacts = w.contacts(user.id)?;
    contacts.retain(|contact| !contact.own);
    for contact in &mut contacts {
        let seen = contact.clone();
        contact.verified_at = None;
        change_contact(w, user, &seen, contact, actor)?;
        w.update_contact(contact)?;
    }
    contacts.retain(|contact| !contact.address.is_empty());
    Ok(contacts)
}

pub(super) fn contact_of(r: &Read<'_>, user: &User, name: &str) -> Result<Contact> {
    r.find_contact(user.id, name)?.ok_or_else(|| Error::not_found(format_args!("Contact `{name}`")))
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

/// The far end has ended the address: nobody is paged there until the contact has another.
pub(super) fn ended(w: &mut Write<'_>, to: &To) -> Result<()> {
    let (Some(user), Some(id)) = (to.user, to.contact_id) else { return Ok(()) };
    let Some(user) = w.find_user(user)? else { return Ok(()) };
    let there = |it: &Contact| it.id == id && it.address == to.address && it.verified_at.is_some();
    let Some(old) = w.contacts(user.id)?.into_iter().find(there) else { return Ok(()) };
    let new = Contact { verified_at: None, ..old.clone() };
    change_contact(w, &user, &old, &new, &Actor::system()).map(drop)
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
