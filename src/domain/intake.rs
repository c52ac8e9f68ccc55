//! Where an alert goes: decided from what is known of it, in one fixed order.
use std::time::Duration;

use jiff::Timestamp;

use super::alert::Alert;
use super::event::ResolveReason;
use super::id::IncidentId;
use super::incident::{Incident, Status};
use super::member::{EndedBy, Member};
use crate::clock::shift;

/// A firing whose episode was already resolved waits this long for a further resolve.
pub const LATE: Duration = Duration::from_mins(5);
/// `endsAt` of an alert of the Alertmanager API that names none.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_mins(5);
/// Without a refresh for this long an alert of a webhook is stale.
pub const STALE: Duration = Duration::from_hours(24);
/// So many refreshes make a source one whose silence is news.
pub const REFRESHES: i64 = 3;

/// What intake needs to know of an incident to place an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: IncidentId,
    pub status: Status,
    /// Resolved by hand while it fired: what fires on waits for the hold's end.
    pub held: bool,
    pub resolved_reason: Option<ResolveReason>,
    pub reopened_at: Option<Timestamp>,
}

impl Known {
    /// An open incident of which nothing else matters: a firing that is a member just counts.
    #[must_use]
    pub const fn open(id: IncidentId) -> Self {
        Self {
            id,
            status: Status::Triggered,
            held: false,
            resolved_reason: None,
            reopened_at: None,
        }
    }

    #[must_use]
    pub fn of(incident: &Incident, held: bool) -> Self {
        Self {
            id: incident.id,
            status: incident.status,
            held,
            resolved_reason: incident.resolved_reason,
            reopened_at: incident.memory.reopened_at,
        }
    }
}

/// What a firing does, as far as the alert's own past says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firing {
    /// It fires already, or its incident is held: count it.
    Counts,
    /// Its episode is over; count it, and let it fire anew if no further resolve follows.
    Late,
    /// It is an ended member of an open incident and fires again there.
    Again,
    /// It was no longer reported while its incident is held: it fires on there, unseen.
    Held,
    /// Its incident went out as no longer reported, and here it is again.
    StillFiring,
    /// Its past says nothing: the key decides.
    ByKey,
}

/// Decides what a firing of `alert` does.
#[must_use]
pub fn firing(alert: &Alert, known: Option<(&Member, &Known)>) -> Firing {
    let Some((member, incident)) = known else {
        return Firing::ByKey;
    };
    let same = member.same_episode(alert.starts_at);
    let open = incident.status != Status::Resolved;
    match member.ended {
        None if open => Firing::Counts,
        None if same && incident.held => Firing::Counts,
        None => Firing::ByKey,
        Some(EndedBy::Source) if same => Firing::Late,
        Some(EndedBy::Source | EndedBy::Expired) if open => Firing::Again,
        Some(EndedBy::Expired) if same && incident.held => Firing::Held,
        Some(EndedBy::Expired) if same => Firing::StillFiring,
        Some(_) => Firing::ByKey,
    }
}

/// What a resolve does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolve {
    /// Nothing of this alert is open, or the resolve is of an older episode.
    Ignored,
    /// It confirms the end of an episode whose late firing was waiting.
    Confirms,
    Ends,
}

/// Decides what a resolve of `alert` does.
#[must_use]
pub fn resolve(alert: &Alert, known: Option<(&Member, &Known)>) -> Resolve {
    let Some((member, incident)) = known else {
        return Resolve::Ignored;
    };
    if !member.fires() {
        return if member.late { Resolve::Confirms } else { Resolve::Ignored };
    }
    let older = |sent: Option<Timestamp>, ours: Option<Timestamp>| match (sent, ours) {
        (Some(sent), Some(ours)) => sent < ours,
        _ => false,
    };
    if older(alert.starts_at, member.starts_at) || older(alert.ended_at, incident.reopened_at) {
        return Resolve::Ignored;
    }
    Resolve::Ends
}

/// Did the source itself fall silent, rather than drop one alert? True if it is known to refresh
/// and sent nothing in the second half of the time that the alert's last report promised.
#[must_use]
pub fn source_is_silent(
    refreshes: i64,
    last_request: Option<Timestamp>,
    last_report: Timestamp,
    ends_at: Timestamp,
) -> bool {
    let half = Duration::try_from(ends_at.duration_since(last_report)).unwrap_or_default() / 2;
    refreshes >= REFRESHES && last_request.is_none_or(|at| at < shift(last_report, half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{Key, Labels, Lifetime, Severity, Signal};
    use crate::domain::id::AlertId;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).expect("in range")
    }

    fn alert(starts: Option<i64>) -> Alert {
        Alert {
            key: None,
            fingerprint: Key::new("f"),
            signal: Signal::Firing,
            title: "disk full".into(),
            description: String::new(),
            severity: Severity::Critical,
            labels: Labels::new(),
            links: vec![],
            group: None,
            starts_at: starts.map(at),
            ended_at: None,
            lifetime: Lifetime::Endless,
        }
    }

    fn member(starts: Option<i64>, ended: Option<EndedBy>) -> Member {
        Member {
            id: AlertId(1),
            incident: IncidentId(1),
            ended,
            severity: Severity::Critical,
            starts_at: starts.map(at),
            ends_at: None,
            last_at: at(1),
            late: false,
            stale: false,
            integration: None,
        }
    }

    fn incident(status: Status, held: bool) -> Known {
        Known { id: IncidentId(1), status, held, resolved_reason: None, reopened_at: None }
    }

    #[test]
    fn a_firing_finds_its_place_by_its_own_past_first() {
        use EndedBy::{Expired, Source};
        use Status::{Resolved, Triggered};
        let table = [
            // starts, known starts, ended, status, held; what it does
            (Some(0), Some(0), None, Triggered, false, Firing::Counts),
            (Some(5), Some(0), None, Triggered, false, Firing::Counts),
            (None, None, None, Triggered, false, Firing::Counts),
            (Some(0), Some(0), None, Resolved, true, Firing::Counts),
            (None, None, None, Resolved, true, Firing::Counts),
            (Some(5), Some(0), None, Resolved, true, Firing::ByKey),
            (Some(0), Some(0), None, Resolved, false, Firing::ByKey),
            (Some(0), Some(0), Some(Source), Triggered, false, Firing::Late),
            (Some(0), Some(0), Some(Source), Resolved, false, Firing::Late),
            (Some(5), Some(0), Some(Source), Triggered, false, Firing::Again),
            (Some(5), Some(0), Some(Source), Resolved, false, Firing::ByKey),
            (None, None, Some(Source), Resolved, true, Firing::ByKey),
            (Some(0), Some(0), Some(Expired), Triggered, false, Firing::Again),
            (Some(0), Some(0), Some(Expired), Resolved, false, Firing::StillFiring),
            (Some(0), Some(0), Some(Expired), Resolved, true, Firing::Held),
            (Some(5), Some(0), Some(Expired), Resolved, false, Firing::ByKey),
        ];
        for (row, (sent, starts, ended, status, held, expected)) in table.into_iter().enumerate() {
            let (member, incident) = (member(starts, ended), incident(status, held));
            let found = firing(&alert(sent), Some((&member, &incident)));
            assert_eq!(found, expected, "row {row}");
        }
        assert_eq!(firing(&alert(None), None), Firing::ByKey);
    }

    #[test]
    fn a_resolve_of_an_older_episode_or_before_a_reopen_is_ignored() {
        let open = incident(Status::Triggered, false);
        let fires = member(Some(5), None);
        assert_eq!(resolve(&alert(Some(5)), Some((&fires, &open))), Resolve::Ends);
        assert_eq!(resolve(&alert(Some(0)), Some((&fires, &open))), Resolve::Ignored);
        assert_eq!(resolve(&alert(None), Some((&fires, &open))), Resolve::Ends);
        assert_eq!(resolve(&alert(None), None), Resolve::Ignored);

        let reopened = Known { reopened_at: Some(at(8)), ..open.clone() };
        let mut before = alert(Some(5));
        before.ended_at = Some(at(7));
        assert_eq!(resolve(&before, Some((&fires, &reopened))), Resolve::Ignored);

        let mut waiting = member(Some(5), Some(EndedBy::Source));
        assert_eq!(resolve(&alert(Some(5)), Some((&waiting, &open))), Resolve::Ignored);
        waiting.late = true;
        assert_eq!(resolve(&alert(Some(5)), Some((&waiting, &open))), Resolve::Confirms);
    }

    #[test]
    fn a_source_is_silent_only_if_nothing_at_all_came() {
        assert!(source_is_silent(3, Some(at(0)), at(0), at(4)));
        assert!(source_is_silent(3, Some(at(1)), at(0), at(4)), "another group, shortly after");
        assert!(!source_is_silent(3, Some(at(3)), at(0), at(4)), "it sends other alerts");
        assert!(!source_is_silent(2, Some(at(0)), at(0), at(4)), "it never refreshed");
    }
}
