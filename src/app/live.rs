//! What a socket may see and what it missed, read in one transaction.
use super::{App, Caller, Need};
use crate::api::live::{MAX_TEAMS, Room};
use crate::domain::{Seq, UserId};
use crate::error::{Error, FieldError, Kind, Result};
use crate::store::{Backlog, Interest, Read};

/// Everything that the emitter needs to let a socket in: true as of `head`.
#[derive(Debug)]
pub struct Joining {
    pub rooms: Vec<Room>,
    pub user: Option<UserId>,
    pub head: Seq,
    pub backlog: Backlog,
}

impl App {
    /// What `caller` may follow of `teams` (none: all that he may see), and what came after
    /// `after`, or the state as it is.
    ///
    /// # Errors
    /// `NotFound` naming the teams that he may not see: then nothing is joined.
    pub async fn joining(
        &self,
        caller: &Caller,
        teams: Option<Vec<String>>,
        after: Option<Seq>,
    ) -> Result<Joining> {
        caller.must_have(Need::Read)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let interest = match &teams {
                    Some(names) => named_teams(r, &caller, names)?,
                    None => caller.sight(r, now)?,
                };
                let head = r.head()?;
                let backlog = match usable(r, &caller, &interest, after, head)? {
                    Some(after) => r.missed(&interest, after)?.map(Backlog::Events),
                    None => None,
                };
                let backlog = match backlog {
                    Some(backlog) => backlog,
                    None => r.snapshot(&interest)?,
                };
                let user = caller.user().map(|user| user.id);
                Ok(Joining { rooms: rooms(&interest), user, head, backlog })
            })
            .await
    }

    /// The rooms of these teams, whoever asks: leaving takes no permission. None stays none.
    ///
    /// # Errors
    /// `Unavailable` when the database cannot be read.
    pub async fn rooms_of(&self, teams: Option<Vec<String>>) -> Result<Option<Vec<Room>>> {
        let Some(mut names) = teams else { return Ok(None) };
        names.truncate(MAX_TEAMS);
        self.0
            .store
            .read(move |r| {
                let mut rooms = Vec::new();
                for name in &names {
                    rooms.extend(r.find_team(name)?.map(|team| Room::Team(team.id)));
                }
                Ok(Some(rooms))
            })
            .await
    }
}

fn rooms(interest: &Interest) -> Vec<Room> {
    if interest.everything {
        return vec![Room::All];
    }
    let teams = interest.teams.iter().copied().map(Room::Team);
    teams.chain(interest.user.map(|concern| Room::User(concern.user))).collect()
}

fn named_teams(r: &Read<'_>, caller: &Caller, names: &[String]) -> Result<Interest> {
    if names.len() > MAX_TEAMS {
        return Err(Error::invalid("teamIds", format!("names more than {MAX_TEAMS} teams")));
    }
    let mut interest = Interest::default();
    let mut refused = Vec::new();
    for name in names {
        let found = match r.find_team(name)? {
            Some(team) if caller.may(r, Need::Read, team.id, name).is_ok() => Some(team.id),
            _ => None,
        };
        match found {
            Some(team) if !interest.teams.contains(&team) => interest.teams.push(team),
            Some(_) => {}
            None => refused.push(name.clone()),
        }
    }
    if refused.is_empty() {
        return Ok(interest);
    }
    let mut error = Error::new(
        Kind::NotFound,
        format!("No such team, or you are not a member: {}.", refused.join(", ")),
    );
    error.fields =
        refused.into_iter().map(|message| FieldError { field: "team".into(), message }).collect();
    Err(error)
}

/// A cursor from which the log can be told on: none if too old, from another life of the
/// database, or from before the caller belonged to these teams.
fn usable(
    r: &Read<'_>,
    caller: &Caller,
    interest: &Interest,
    after: Option<Seq>,
    head: Seq,
) -> Result<Option<Seq>> {
    let Some(after) = after else { return Ok(None) };
    if after > head || after < r.floor()? {
        return Ok(None);
    }
    if let (Some(user), false) = (caller.user(), caller.is_platform_admin()) {
        let newest = r
            .memberships(user.id)?
            .into_iter()
            .filter(|member| interest.teams.contains(&member.team))
            .map(|member| member.since)
            .max();
        if newest.is_some_and(|since| since > after) {
            return Ok(None);
        }
    }
    Ok(Some(after))
}
