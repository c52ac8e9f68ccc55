//! Whom a page would reach: who has a contact that works, on a channel that is set up.
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::paging::who;
use super::rota;
use crate::domain::policy::{Policy, Target};
use crate::domain::{Role, UserId};
use crate::error::Result;
use crate::store::{Read, User};

/// People who may be paged and have no contact that works, by name.
#[derive(Default)]
pub(super) struct Mute {
    /// On call now.
    pub on_call: Vec<String>,
    /// Those who answer for a team.
    pub others: Vec<String>,
}

/// `channels`: those that are set up.
pub(super) fn without_contact(r: &Read<'_>, channels: &[String], now: Timestamp) -> Result<Mute> {
    let mut people: BTreeMap<UserId, bool> = BTreeMap::new();
    for team in r.teams()?.into_iter().filter(|team| team.archived_at.is_none()) {
        let answers =
            |(user, role): &(User, Role)| user.disabled_at.is_none() && *role >= Role::Responder;
        people.extend(
            r.team_members(team.id)?
                .iter()
                .filter(|one| answers(one))
                .map(|(user, _)| (user.id, false)),
        );
    }
    for row in r.schedules()? {
        let on_call = rota::rules(r, &row, now, now)?.on_call_at(now);
        people.extend(on_call.into_iter().map(|user| (user, true)));
    }
    let mut mute = Mute::default();
    for (id, on_call) in people {
        if is_reached(r, channels, id)? {
            continue;
        }
        let Some(user) = r.find_user(id)? else { continue };
        if on_call { &mut mute.on_call } else { &mut mute.others }.push(user.username);
    }
    Ok(mute)
}

/// Does this person have a contact that works, on a channel that is set up?
pub(super) fn is_reached(r: &Read<'_>, channels: &[String], id: UserId) -> Result<bool> {
    Ok(r.channels_of(id)?.iter().any(|name| channels.contains(name)))
}

/// Does anybody whom this policy names now have such a contact? A team's channel counts, and is
/// judged by itself.
pub(super) fn tells_somebody(
    r: &Read<'_>,
    channels: &[String],
    policy: &Policy<Target>,
    now: Timestamp,
) -> Result<bool> {
    for target in policy.all_targets() {
        if matches!(target, Target::Channel(_)) {
            return Ok(true);
        }
        for user in who::meant(r, *target, now)? {
            if is_reached(r, channels, user.id)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
