//! Links and buttons in messages that answer: signed, for one person, one message and one action,
//! for a day. They need no login and end in the same `act`.
use jiff::Timestamp;

use super::{App, Caller, Need, act};
use crate::api::incidents::Acted;
use crate::clock::shift;
use crate::domain::delivery::{Delivery, DeliveryState};
use crate::domain::{Action, DeliveryId, Incident, IncidentId, UserId};
use crate::error::{Error, Kind, Result};
use crate::secret::{self, Secret};
use crate::store::{Read, User, Write};

const GOOD_FOR: std::time::Duration = std::time::Duration::from_hours(24);
/// The key that signs, in the database: a restored one signs with its own.
const KEY: &str = "answer_key";

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Acknowledge,
    Resolve,
}

impl Answer {
    const fn letter(self) -> char {
        match self {
            Self::Acknowledge => 'a',
            Self::Resolve => 'r',
        }
    }

    fn action(self) -> Action {
        match self {
            Self::Acknowledge => {
                Action::Acknowledge { span: None, until: None, note: None, take: false }
            }
            Self::Resolve => Action::Resolve { note: None, hold: None },
        }
    }
}

/// What a link is good for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub answer: Answer,
    pub user: User,
    /// As they are now.
    pub incidents: Vec<Incident>,
}

/// What came of a link, for each of its incidents.
#[derive(Debug)]
pub struct Answered {
    pub answer: Answer,
    pub user: User,
    pub acts: Vec<(IncidentId, Result<Acted>)>,
}

struct Claims {
    answer: Answer,
    message: DeliveryId,
    user: UserId,
    expires: i64,
}

impl Claims {
    fn text(&self) -> String {
        let Self { answer, message, user, expires } = self;
        format!("{}.{message}.{user}.{expires}", answer.letter())
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let answer = match parts.next()? {
            "a" => Answer::Acknowledge,
            "r" => Answer::Resolve,
            _ => return None,
        };
        let (message, user, expires) = (parts.next()?, parts.next()?, parts.next()?);
        let claims = Self {
            answer,
            message: message.parse().ok()?,
            user: user.parse().ok()?,
            expires: expires.parse().ok()?,
        };
        parts.next().is_none().then_some(claims)
    }

    /// What is signed. The seq of its reason is in it: after a restore, when numbers of rows come
    /// again, no link answers what another was about.
    fn signed(&self, first: &Delivery) -> String {
        format!("{}.{}", self.text(), first.made.map_or(0, |made| made.0))
    }
}

/// Links that acknowledge and resolve exactly what one message is about.
pub(super) fn sign(
    w: &Write<'_>,
    first: &Delivery,
    user: UserId,
    url: &str,
) -> Result<(String, String)> {
    let key = match w.find_meta(KEY)? {
        Some(key) => Secret::new(key),
        None => {
            let key = Secret::random()?;
            w.set_meta(KEY, key.expose())?;
            key
        }
    };
    let expires = shift(w.now(), GOOD_FOR).as_second();
    let link = |answer| {
        let message = first.message.unwrap_or(first.id);
        let claims = Claims { answer, message, user, expires };
        let mac = secret::sign(&key, claims.signed(first).as_bytes());
        format!("{url}/answer/{}.{mac}", claims.text())
    };
    Ok((link(Answer::Acknowledge), link(Answer::Resolve)))
}

impl App {
    /// What a link would do; does nothing.
    ///
    /// # Errors
    /// `NotFound` if it is no link of ours, has expired or is its person's no longer.
    pub async fn asked(&self, token: String) -> Result<Asked> {
        let now = self.now();
        self.0.store.read(move |r| asked(r, &token, now)).await
    }

    /// Does what a link says, to each of its incidents.
    ///
    /// # Errors
    /// As `asked`.
    pub async fn answer(&self, token: String) -> Result<Answered> {
        let Asked { answer, user, incidents } = self.asked(token).await?;
        let caller = Caller::by_link(user.reference());
        let person = user.id;
        let acts = incidents.into_iter().map(|incident| {
            let caller = caller.clone();
            async move {
                let acted = self.write(move |w| {
                    // Of this one alone: all of them with each would take the square of a storm.
                    let there = w.find_user(person)?.filter(|user| user.disabled_at.is_none());
                    there.ok_or_else(gone)?;
                    caller.may_on(w, Need::Respond, &w.incident(incident.id)?, w.now())?;
                    act::act(w, &caller, incident.id, &answer.action())
                });
                (incident.id, acted.await)
            }
        });
        Ok(Answered { answer, user, acts: futures_util::future::join_all(acts).await })
    }
}

fn asked(r: &Read<'_>, token: &str, now: Timestamp) -> Result<Asked> {
    let (claims, mac) = token.rsplit_once('.').ok_or_else(gone)?;
    let claims = Claims::read(claims).ok_or_else(gone)?;
    let rows = r.message(claims.message)?;
    // By its row it was signed, whatever its number among them.
    let named = |row: &&Delivery| row.id == claims.message && row.to.user == Some(claims.user);
    let first = rows.iter().find(named).ok_or_else(gone)?;
    let key = r.find_meta(KEY)?.map(Secret::new).ok_or_else(gone)?;
    if !secret::is_signed(&key, claims.signed(first).as_bytes(), mac) {
        return Err(gone());
    }
    if claims.expires <= now.as_second() {
        return Err(gone());
    }
    let user = r.find_user(claims.user)?.filter(|user| user.disabled_at.is_none());
    let user = user.ok_or_else(gone)?;
    let caller = Caller::by_link(user.reference());
    let mut incidents: Vec<Incident> = Vec::new();
    let went = rows.iter().filter(|row| row.state != DeliveryState::Dropped);
    for id in went.filter_map(|row| row.incident) {
        let Some(incident) = r.find_incident(id)? else { continue };
        let may = caller.may_on(r, Need::Respond, &incident, now).is_ok();
        if may && incidents.iter().all(|known| known.id != id) {
            incidents.push(incident);
        }
    }
    // Whoever lost his access is told nothing.
    if incidents.is_empty() {
        return Err(gone());
    }
    Ok(Asked { answer: claims.answer, user, incidents })
}

fn gone() -> Error {
    Error::new(Kind::NotFound, "This link is no longer good.")
        .hint("Open the dashboard, or answer with: incidentd ack ID")
}
