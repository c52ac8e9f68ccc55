//! Links that work once: the first platform admin sets up the host by one, further people set
//! their password by one. The secret stands behind the `#` and is stored as a hash.
use std::time::Duration;

use jiff::Timestamp;

use super::sessions::{Opened, Opening};
use super::users::{Person, new_password};
use super::{App, Caller, Visitor};
use crate::api::sessions::{Link, LinkView, SetUp, Welcome};
use crate::clock::shift;
use crate::domain::event::{Access, Record};
use crate::domain::{Actor, UserId};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::store::{self, Read, User, Write};

const SETUP: Duration = Duration::from_mins(30);
const WELCOME: Duration = Duration::from_hours(72);

fn set_up_already() -> Error {
    Error::refused("This server is set up already.")
        .hint("Log in: incidentd login. A platform admin adds people: incidentd user add NAME")
}

fn no_longer_good() -> Error {
    Error::refused("This link is no longer good: it was used, replaced by a newer one, or is over.")
        .hint("Get a new one: incidentd setup-link, or incidentd user link NAME")
}

/// A link that is about to be stored.
struct Making {
    secret: Secret,
    base: String,
}

impl Making {
    fn new(app: &App) -> Result<Self> {
        Ok(Self { secret: Secret::random()?, base: app.public_url().to_owned() })
    }

    /// Voids the older links of the same kind.
    fn write(&self, w: &mut Write<'_>, user: Option<UserId>, actor: &Actor) -> Result<Link> {
        let (page, lasts) = if user.is_some() { ("welcome", WELCOME) } else { ("setup", SETUP) };
        let expires_at = shift(w.now(), lasts);
        w.void_links(user)?;
        w.insert_link(user, &self.secret.hash(), expires_at)?;
        w.record(&Record::Access { change: Access::LinkCreated { user } }, actor)?;
        let url = format!("{}/{page}#{}", self.base, self.secret.expose());
        Ok(Link { url, expires_at, mailed: None })
    }
}

impl App {
    /// Nobody administers the platform yet: whoever opens the set-up link will.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn is_new(&self) -> Result<bool> {
        self.0.store.read(|r| Ok(r.admins()? == 0)).await
    }

    /// # Errors
    /// `Refused` once there is a platform admin.
    pub async fn make_setup_link(&self, caller: &Caller) -> Result<Link> {
        caller.must_be_platform_admin()?;
        let (making, actor) = (Making::new(self)?, caller.actor());
        self.write_once(caller, move |w| match w.admins()? {
            0 => making.write(w, None, &actor),
            _ => Err(set_up_already()),
        })
        .await
    }

    /// A link by which `username` sets a password and gets in.
    ///
    /// # Errors
    /// `Refused` for somebody who is disabled.
    pub async fn make_link(&self, caller: &Caller, username: String) -> Result<Link> {
        caller.must_be_platform_admin()?;
        let (making, actor) = (Making::new(self)?, caller.actor());
        self.write_once(caller, move |w| {
            let user = w.username(&username)?;
            if user.disabled_at.is_some() {
                return Err(Error::refused(format!("{username} is disabled."))
                    .hint(format!("Let him in again: incidentd user enable {username}")));
            }
            making.write(w, Some(user.id), &actor)
        })
        .await
    }

    /// What a link is for, without using it.
    ///
    /// # Errors
    /// `Refused` for one that is no longer good, in the same words whatever it was.
    pub async fn look_at_link(&self, visitor: &Visitor, secret: &Secret) -> Result<LinkView> {
        let (hash, now) = (secret.hash(), self.now());
        let found = self.0.store.read(move |r| {
            let (link, user) = good_link(r, &hash, now)?;
            let has_password = match &user {
                Some(user) => r.password_hash(&user.username)?.is_some(),
                None => false,
            };
            Ok((link, user, has_password))
        });
        let (link, user, has_password) = self.counted(visitor, found.await)?;
        Ok(LinkView {
            has_password,
            expires_at: link.expires_at,
            time_zone: user.as_ref().and_then(|user| user.time_zone.clone()),
            user: user.map(|user| user.reference()),
        })
    }

    /// Makes the first platform admin, and logs him in.
    ///
    /// # Errors
    /// `Refused` for a link that is no longer good, `Invalid` naming the field.
    pub async fn set_up(&self, visitor: &Visitor, new: SetUp) -> Result<Opened> {
        if let Some(opened) = self.opened_before(visitor).await? {
            return Ok(opened);
        }
        let secret = Secret::new(new.secret.clone());
        if self.look_at_link(visitor, &secret).await?.user.is_some() {
            return Err(no_longer_good());
        }
        Person {
            username: Some(&new.username),
            name: new.name.as_deref(),
            email: new.email.as_deref(),
            time_zone: new.time_zone.as_deref(),
            password: Some(&new.password),
        }
        .check()?;
        let hash = self.hash_password(Secret::new(new.password.clone())).await?;
        self.open_session(Opening::new(self, visitor)?, move |w, opening| {
            let (link, _) = good_link(w, &secret.hash(), w.now())?;
            let name = new.name.as_deref().unwrap_or(&new.username);
            let id = w.insert_user(&new.username, name, new.email.as_deref(), true)?;
            let user = User { time_zone: new.time_zone.clone(), ..w.username(&new.username)? };
            w.save_user(&user)?;
            w.set_password_hash(id, &hash)?;
            let actor = Actor::user(&user.reference());
            w.record(&Record::Access { change: Access::UserCreated { user: id } }, &actor)?;
            use_link(w, &link, &user, &actor)?;
            opening.write(w, &user)
        })
        .await
    }

    /// Logs the link's user in. A new password ends what an older one opened; who has one may keep
    /// it.
    ///
    /// # Errors
    /// As `set_up`.
    pub async fn welcome(&self, visitor: &Visitor, new: Welcome) -> Result<Opened> {
        if let Some(opened) = self.opened_before(visitor).await? {
            return Ok(opened);
        }
        let secret = Secret::new(new.secret.clone());
        let link = self.look_at_link(visitor, &secret).await?;
        let Some(user) = link.user else {
            return Err(no_longer_good());
        };
        Person {
            name: new.name.as_deref(),
            time_zone: new.time_zone.as_deref(),
            password: new.password.as_deref(),
            ..Person::default()
        }
        .check()?;
        let hash = match &new.password {
            Some(password) => Some(self.hash_password(Secret::new(password)).await?),
            None if link.has_password => None,
            None => return Err(Error::invalid("password", "is missing; there is none yet")),
        };
        let opened = self.open_session(Opening::new(self, visitor)?, move |w, opening| {
            let (link, user) = good_link(w, &secret.hash(), w.now())?;
            let mut user = user.ok_or_else(no_longer_good)?;
            user.name = new.name.clone().unwrap_or(user.name);
            user.time_zone = new.time_zone.clone().or(user.time_zone);
            w.save_user(&user)?;
            let actor = Actor::user(&user.reference());
            use_link(w, &link, &user, &actor)?;
            if let Some(hash) = &hash {
                new_password(w, &user, hash, None, &actor)?;
            }
            opening.write(w, &user)
        });
        let opened = opened.await?;
        self.0.attempts.forget(&user.username);
        Ok(opened)
    }

    /// A link that is none counts as a bad secret.
    fn counted<T>(&self, visitor: &Visitor, found: Result<T>) -> Result<T> {
        if found.as_ref().is_err_and(|error| error.kind == Kind::Refused) {
            self.0.attempts.bad_secret(visitor, self.0.clock.since_boot())?;
        }
        found
    }
}

/// The link with this secret, and whose it is.
fn good_link(r: &Read<'_>, hash: &[u8; 32], now: Timestamp) -> Result<(store::Link, Option<User>)> {
    let link = r
        .find_link(hash)?
        .filter(|link| link.used_at.is_none() && link.expires_at > now)
        .ok_or_else(no_longer_good)?;
    let user = match link.user {
        None if r.admins()? > 0 => return Err(set_up_already()),
        None => None,
        Some(id) => Some(r.find_user(id)?.ok_or_else(no_longer_good)?),
    };
    if user.as_ref().is_some_and(|user| user.disabled_at.is_some()) {
        return Err(no_longer_good());
    }
    Ok((link, user))
}

fn use_link(w: &mut Write<'_>, link: &store::Link, user: &User, actor: &Actor) -> Result<()> {
    w.use_link(link.id)?;
    w.record(&Record::Access { change: Access::LinkUsed { user: user.id } }, actor).map(|_| ())
}
