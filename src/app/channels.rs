//! Places that whole teams read.
use super::changes::{Thing, differ};
use super::policies::refuse_named;
use crate::api::configuration::FieldChange;
use crate::domain::policy::Target;
use crate::domain::{Actor, ChannelId, TeamId};
use crate::error::Result;
use crate::store::{ChannelRow, Write};

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
