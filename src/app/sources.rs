//! What a source's silence means: about single alerts of a group, and when it speaks again.
use std::collections::HashSet;

use super::members::{Origin, end_member, tell_of_members};
use crate::domain::member::EndedBy;
use crate::domain::{Alert, IntegrationId, Key, UpdateReason};
use crate::error::Result;
use crate::store::{IncidentSource, Write};

/// Most members of one group that absence marks stale in one request.
const MAX_ABSENT: u32 = 1_000;

/// What a complete list leaves out is stale: somebody should look, nothing resolves.
pub(super) fn mark_absent(
    w: &mut Write<'_>,
    origin: &Origin<'_>,
    group: &Key,
    listed: &[Alert],
) -> Result<()> {
    let Some(id) = w.find_open(origin.service.id, &group.hash)? else {
        return Ok(());
    };
    let mut present = HashSet::new();
    for alert in listed {
        if let Some((member, _)) = w.find_current(origin.service.id, &alert.fingerprint.hash)? {
            present.insert(member.id);
        }
    }
    let mut any = false;
    for member in w.firing(id, MAX_ABSENT)? {
        let theirs = member.integration == origin.integration && member.ends_at.is_none();
        let gone = theirs && !member.stale && !present.contains(&member.id);
        // A merge may have put members of several groups into one incident.
        if gone && w.alert_of(member.id)?.0.key.as_ref().is_some_and(|key| key.hash == group.hash) {
            w.mark_stale(member.id)?;
            any = true;
        }
    }
    if any {
        let mut incident = w.incident(id)?;
        tell_of_members(w, &mut incident, UpdateReason::Stale, &origin.actor)?;
    }
    Ok(())
}

/// A source that had gone silent sent something: the incident about its silence is over.
pub(super) fn heard_again(
    w: &mut Write<'_>,
    source: &IncidentSource,
    origin: &Origin<'_>,
) -> Result<()> {
    w.set_silent_incident(source.id, None)?;
    let key = silence_key(source.id);
    match w.find_current(source.service.id, &key.hash)? {
        Some((member, _)) if member.fires() => {
            end_member(w, &member, EndedBy::Source, &origin.actor).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// The key of the incident about a source's silence.
pub(super) fn silence_key(integration: IntegrationId) -> Key {
    Key::internal(&format!("silent:{integration}"))
}
