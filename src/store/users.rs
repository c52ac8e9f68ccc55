//! People. Disabled, never erased.
use jiff::Timestamp;
use rusqlite::Row;

use super::sql::{Read, Write, exists, ms, time, time_or_null};
use crate::domain::UserId;
use crate::domain::user::UserRef;
use crate::error::{Error, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub username: String,
    pub name: String,
    pub email: Option<String>,
    pub time_zone: Option<String>,
    pub admin: bool,
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl User {
    #[must_use]
    pub fn reference(&self) -> UserRef {
        UserRef { id: self.id, username: self.username.clone(), name: self.name.clone() }
    }
}

pub(super) const USER: &str =
    "u.id, u.username, u.name, u.email, u.time_zone, u.admin, u.disabled_at, u.created_at";

pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        name: row.get(2)?,
        email: row.get(3)?,
        time_zone: row.get(4)?,
        admin: row.get(5)?,
        disabled_at: time_or_null(row, 6)?,
        created_at: time(row, 7)?,
    })
}

impl Read<'_> {
    pub fn find_user(&self, id: UserId) -> Result<Option<User>> {
        self.one(&format!("select {USER} from users u where u.id = ?1"), [id], user)
    }

    pub fn find_username(&self, username: &str) -> Result<Option<User>> {
        self.one(&format!("select {USER} from users u where u.username = ?1"), [username], user)
    }

    /// # Errors
    /// `NotFound` if nobody is called so.
    pub fn username(&self, username: &str) -> Result<User> {
        self.find_username(username)?
            .ok_or_else(|| Error::not_found(format_args!("User `{username}`")))
    }

    pub fn users(&self) -> Result<Vec<User>> {
        self.all(&format!("select {USER} from users u order by u.username"), [], user)
    }

    /// Platform admins who are not disabled.
    pub fn admins(&self) -> Result<u64> {
        self.one("select count(*) from users where admin = 1 and disabled_at is null", [], |row| {
            row.get(0)
        })
        .map(Option::unwrap_or_default)
    }

    /// Channels by which a person can be told: of contacts that were seen to work, else e-mail
    /// where the account has an address.
    pub fn channels_of(&self, id: UserId) -> Result<Vec<String>> {
        self.all(
            "select c.channel from contacts c join users u on u.id = c.user_id
             where u.id = ?1 and c.verified_at is not null
                and (c.address is not null or u.email is not null)
             union select 'email' from users where id = ?1 and email is not null",
            [id],
            |row| row.get(0),
        )
    }

    /// The hash of a person's password; none if he has none or is disabled.
    pub fn password_hash(&self, username: &str) -> Result<Option<(UserId, String)>> {
        self.one(
            "select id, password_hash from users
             where username = ?1 and password_hash is not null and disabled_at is null",
            [username],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}

impl Write<'_> {
    pub fn insert_user(
        &self,
        username: &str,
        name: &str,
        email: Option<&str>,
        admin: bool,
    ) -> Result<UserId> {
        self.insert_free(
            "insert into users (username, name, email, admin, created_at)
                 values (?1, ?2, ?3, ?4, ?5)",
            (username, name, email, admin, ms(self.now())),
            || exists("user", username),
        )
        .map(UserId)
    }

    /// Sets what is given.
    pub fn update_user(
        &self,
        id: UserId,
        name: Option<&str>,
        email: Option<&str>,
        time_zone: Option<&str>,
        admin: Option<bool>,
    ) -> Result<()> {
        self.run(
            "update users set name = coalesce(?2, name), email = coalesce(?3, email),
                time_zone = coalesce(?4, time_zone), admin = coalesce(?5, admin) where id = ?1",
            (id, name, email, time_zone, admin),
        )
        .map(|_| ())
    }

    /// Writes name, address, time zone and standing as they are in `user`.
    pub fn save_user(&self, user: &User) -> Result<()> {
        self.run(
            "update users set name = ?2, email = ?3, time_zone = ?4, admin = ?5 where id = ?1",
            (user.id, &user.name, &user.email, &user.time_zone, user.admin),
        )
        .map(|_| ())
    }

    pub fn set_password_hash(&self, id: UserId, hash: &str) -> Result<()> {
        self.run("update users set password_hash = ?2 where id = ?1", (id, hash)).map(|_| ())
    }

    pub fn disable_user(&self, id: UserId) -> Result<bool> {
        self.run(
            "update users set disabled_at = ?2 where id = ?1 and disabled_at is null",
            (id, ms(self.now())),
        )
        .map(|rows| rows > 0)
    }

    /// False if he was not disabled.
    pub fn enable_user(&self, id: UserId) -> Result<bool> {
        self.run(
            "update users set disabled_at = null where id = ?1 and disabled_at is not null",
            [id],
        )
        .map(|rows| rows > 0)
    }
}
