//! Places that whole teams read.
use super::changes::{Thing, differ};
use super::policies::refuse_named;
use super::teams::{live_team, of_seen_teams};
use super::{App, Caller, Need, page_size};
use crate::api::channels::{Channel, ChannelChange, NewChannel};
use crate::api::configuration::FieldChange;
use crate::api::{OfTeam, Page};
use crate::domain::contact;
use crate::domain::policy::Target;
use crate::domain::user::check_slug;
use crate::domain::{Actor, ChannelId, TeamId};
use crate::error::{Error, Result};
use crate::store::{ChannelRow, Read, Write};

impl App {
    /// Channels of the teams that the caller may see.
    ///
    /// # Errors
    /// `NotFound` for a team that he may not see.
    pub async fn channels(&self, caller: &Caller, query: OfTeam) -> Result<Page<Channel>> {
        caller.must_have(Need::Read)?;
        let limit = page_size(query.limit)?;
        let (caller, now) = (caller.clone(), self.now());
        self.0
            .store
            .read(move |r| {
                let team = query.team.as_deref();
                let rows = of_seen_teams(r, &caller, team, now, r.channels()?, |row| row.team.id)?;
                let found = rows.into_iter().map(|row| shown(r, &caller, row)).collect();
                Ok(Page::cut(found, query.cursor.as_deref(), limit, |of| of.slug.clone()))
            })
            .await
    }

    /// # Errors
    /// `NotFound` for strangers.
    pub async fn channel(&self, caller: &Caller, channel: String) -> Result<Channel> {
        let caller = caller.clone();
        self.0
            .store
            .read(move |r| Ok(shown(r, &caller, seen_channel(r, &caller, Need::Read, &channel)?)))
            .await
    }

    /// `check` knows what an address on a channel looks like.
    ///
    /// # Errors
    /// `Refused` if the slug is taken; `Forbidden` for who does not manage the team.
    pub async fn create_channel(
        &self,
        caller: &Caller,
        new: NewChannel,
        check: impl Fn(&str, &str) -> Result<()> + Send + 'static,
    ) -> Result<Channel> {
        check_slug(&new.slug).map_err(|why| Error::invalid("slug", why))?;
        let by = caller.clone();
        self.write_once(caller, move |w| {
            let team = live_team(w, &by, Need::Manage, &new.team)?;
            let (channel, address) = (new.channel.as_str(), new.address.as_str());
            check_whole(channel, address, &check)?;
            add_channel(w, team.id, &new.slug, (channel, address), &by.actor())?;
            seen_channel(w, &by, Need::Manage, &new.slug).map(|row| shown(w, &by, row))
        })
        .await
    }

    /// # Errors
    /// As `create_channel`.
    pub async fn change_channel(
        &self,
        caller: &Caller,
        channel: String,
        change: ChannelChange,
        check: impl Fn(&str, &str) -> Result<()> + Send + 'static,
    ) -> Result<Channel> {
        let slug = change.slug.as_deref();
        slug.map_or(Ok(()), check_slug).map_err(|why| Error::invalid("slug", why))?;
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let old = seen_channel(w, &caller, Need::Manage, &channel)?;
            let mut new = old.clone();
            if let Some(address) = &change.address {
                check_whole(&old.channel, address, &check)?;
                new.address.clone_from(address);
            }
            new.slug = change.slug.clone().unwrap_or(new.slug);
            change_channel(w, &old, &new, &caller.actor())?;
            Ok(shown(w, &caller, new))
        })
        .await
    }

    /// # Errors
    /// `Refused` while a policy names it.
    pub async fn remove_channel(&self, caller: &Caller, channel: String) -> Result<()> {
        let caller = caller.clone();
        self.write_as(caller.clone(), move |w| {
            let row = seen_channel(w, &caller, Need::Manage, &channel)?;
            remove_channel(w, &row, &caller.actor())
        })
        .await
    }
}

/// What any address must be, and what this one.
///
/// # Errors
/// `Invalid`, naming the field.
pub(super) fn check_whole(
    channel: &str,
    address: &str,
    check: impl Fn(&str, &str) -> Result<()>,
) -> Result<()> {
    contact::check_address(address).map_err(|why| Error::invalid("address", why))?;
    check(channel, address)
}

/// A channel in whose team the caller may do what `need` says.
pub(super) fn seen_channel(
    r: &Read<'_>,
    caller: &Caller,
    need: Need,
    name: &str,
) -> Result<ChannelRow> {
    let what = format!("Channel `{name}`");
    let row = r.find_channel(name)?.ok_or_else(|| Error::not_found(&what))?;
    caller.may(r, need, row.team.id, &what)?;
    Ok(row)
}

fn shown(r: &Read<'_>, caller: &Caller, row: ChannelRow) -> Channel {
    let manages = caller.may(r, Need::Manage, row.team.id, "").is_ok();
    let address = contact::shown(&row.channel, &row.address, manages);
    Channel { id: row.id, slug: row.slug, team: row.team, channel: row.channel, address }
}

const fn thing(id: ChannelId, slug: &str) -> Thing<'_> {
    Thing { what: "channel", id: id.0, name: slug }
}

pub(super) fn add_channel(
    w: &mut Write<'_>,
    team: TeamId,
    slug: &str,
    (channel, address): (&str, &str),
    actor: &Actor,
) -> Result<ChannelId> {
    let id = w.insert_channel(team, slug, channel, address)?;
    thing(id, slug).log(w, "created", actor)?;
    Ok(id)
}

/// Makes a channel as `new` says; says what differs.
pub(super) fn change_channel(
    w: &mut Write<'_>,
    old: &ChannelRow,
    new: &ChannelRow,
    actor: &Actor,
) -> Result<Vec<FieldChange>> {
    let mut fields = Vec::new();
    differ(&mut fields, "slug", &old.slug, &new.slug);
    differ(&mut fields, "channel", &old.channel, &new.channel);
    if old.address != new.address {
        fields.push(FieldChange { field: "address".into(), from: None, to: None });
    }
    if !fields.is_empty() {
        w.update_channel(new)?;
    }
    thing(new.id, &new.slug).log_fields(w, &fields, actor)?;
    Ok(fields)
}

/// # Errors
/// `Refused` while a policy names it.
pub(super) fn remove_channel(w: &mut Write<'_>, row: &ChannelRow, actor: &Actor) -> Result<()> {
    let what = format!("Channel `{}`", row.slug);
    refuse_named(w, &what, &[Target::Channel(row.id)])?;
    thing(row.id, &row.slug).log(w, "removed", actor)?;
    w.delete_channel(row.id)
}
