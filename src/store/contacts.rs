//! People's contacts, and their rules of which rings when.
use jiff::Timestamp;
use rusqlite::Row;

use super::sql::{Read, Write, exists, json, ms, ms_or_null, time, time_or_null, to_json};
use crate::domain::contact::Rules;
use crate::domain::{ContactId, UserId};
use crate::error::Result;

/// A person's address on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub id: ContactId,
    pub user: UserId,
    pub name: String,
    pub channel: String,
    /// The account's where the contact has none of its own; empty if neither has.
    pub address: String,
    /// The address is the contact's, not the account's.
    pub own: bool,
    /// Since when it may be paged.
    pub verified_at: Option<Timestamp>,
}

impl Contact {
    /// May be paged, and can be.
    #[must_use]
    pub const fn works(&self) -> bool {
        self.verified_at.is_some() && !self.address.is_empty()
    }
}

const CONTACT: &str = "select c.id, c.user_id, c.name, c.channel,
        coalesce(c.address, u.email, ''), c.address is not null, c.verified_at
     from contacts c join users u on u.id = c.user_id";

fn contact(row: &Row<'_>) -> rusqlite::Result<Contact> {
    Ok(Contact {
        id: row.get(0)?,
        user: row.get(1)?,
        name: row.get(2)?,
        channel: row.get(3)?,
        address: row.get(4)?,
        own: row.get(5)?,
        verified_at: time_or_null(row, 6)?,
    })
}

impl Read<'_> {
    /// A person's contacts in the order in which they were added, unverified ones too.
    pub fn contacts(&self, user: UserId) -> Result<Vec<Contact>> {
        self.kept("contacts", [user.0, 0, 0, 0], || {
            self.all(&format!("{CONTACT} where c.user_id = ?1 order by c.id"), [user], contact)
        })
    }

    pub fn find_contact(&self, user: UserId, name: &str) -> Result<Option<Contact>> {
        self.one(&format!("{CONTACT} where c.user_id = ?1 and c.name = ?2"), (user, name), contact)
    }

    pub fn rules(&self, user: UserId) -> Result<Rules> {
        self.kept("rules", [user.0, 0, 0, 0], || {
            let rules =
                self.one("select coalesce(rules, '{}') from users where id = ?1", [user], |row| {
                    json(row, 0)
                })?;
            Ok(rules.unwrap_or_default())
        })
    }
}

/// A code that was sent to a contact.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    pub hash: [u8; 32],
    pub expires: Timestamp,
    /// Wrong guesses.
    pub tries: u32,
}

impl Read<'_> {
    pub fn find_code(&self, contact: ContactId) -> Result<Option<Code>> {
        self.one(
            "select code_hash, code_expires, code_tries from contacts
             where id = ?1 and code_hash is not null",
            [contact],
            |row| Ok(Code { hash: row.get(0)?, expires: time(row, 1)?, tries: row.get(2)? }),
        )
    }
}

impl Write<'_> {
    /// The code before is void.
    pub fn set_code(&self, contact: ContactId, hash: &[u8; 32], expires: Timestamp) -> Result<()> {
        self.run(
            "update contacts set code_hash = ?2, code_expires = ?3, code_tries = 0 where id = ?1",
            (contact, hash.as_slice(), ms(expires)),
        )
        .map(|_| ())
    }

    pub fn count_try(&self, contact: ContactId) -> Result<()> {
        self.run("update contacts set code_tries = code_tries + 1 where id = ?1", [contact])
            .map(|_| ())
    }

    /// Without an address of its own it is the account's.
    pub fn insert_contact(
        &self,
        user: UserId,
        name: &str,
        channel: &str,
        address: Option<&str>,
        verified_at: Option<Timestamp>,
    ) -> Result<ContactId> {
        self.insert_free(
            "insert into contacts (user_id, name, channel, address, verified_at, created_at)
             values (?1, ?2, ?3, ?4, ?5, ?6)",
            (user, name, channel, address, ms_or_null(verified_at), ms(self.now())),
            || exists("contact", name),
        )
        .map(ContactId)
    }

    /// Sets what is kept of a contact; a code that was sent is void.
    pub fn update_contact(&self, contact: &Contact) -> Result<()> {
        let Contact { id, name, channel, address, own, verified_at, .. } = contact;
        let address = own.then_some(address);
        self.run_free(
            "update contacts set name = ?2, channel = ?3, address = ?4, verified_at = ?5,
                code_hash = null, code_expires = null where id = ?1",
            (id, name, channel, address, ms_or_null(*verified_at)),
            || exists("contact", name),
        )
    }

    pub fn delete_contact(&self, id: ContactId) -> Result<()> {
        self.run("delete from contacts where id = ?1", [id]).map(|_| ())
    }

    pub fn set_rules(&self, user: UserId, rules: &Rules) -> Result<()> {
        self.run("update users set rules = ?2 where id = ?1", (user, to_json(rules)?)).map(|_| ())
    }
}
