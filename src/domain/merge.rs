//! Merging: two incidents that are one. The first is resolved, the other goes on with its alerts.
use super::alert::Severity;
use super::event::{Change, ResolveReason, Update, UpdateReason};
use super::id::IncidentId;
use super::incident::{Incident, Status};
use crate::error::{Error, Result};

impl Incident {
    /// Decides whether this goes into `into`. None: it did already.
    pub(super) fn decide_merge(&self, into: Option<&Self>) -> Result<Option<Change>> {
        let into = into.ok_or_else(|| Error::invalid("into", "names no incident"))?;
        if into.id == self.id {
            return Err(Error::invalid("into", "is the same incident; name another"));
        }
        if self.merged_into == Some(into.id) {
            return Ok(None);
        }
        if !self.is_open() {
            return Err(self.is_resolved("merged"));
        }
        if into.team.id != self.team.id {
            let (ours, theirs) = (&self.team.slug, &into.team.slug);
            return Err(Error::refused(format!(
                "{} belongs to {ours} and {} to {theirs}: only a team's own can be merged.",
                self.id, into.id
            ))
            .hint("Resolve one of them, with a note that names the other."));
        }
        if !into.is_open() {
            return Err(into.is_resolved("merged into"));
        }
        Ok(Some(Change::Resolved {
            reason: ResolveReason::Merged,
            note: None,
            held_until: None,
            merged_into: Some(into.id),
        }))
    }

    /// What comes of taking `other` in, as it was before. Its members are among ours by now;
    /// `worst` is the worst of all that fire. Who has this one keeps it, unless nobody had
    /// answered `other`.
    #[must_use]
    pub fn absorb(&mut self, other: &Self, worst: Option<Severity>) -> Update {
        if other.firing_count > 0 {
            self.memory.settles_at = None;
        }
        let unanswered = other.status == Status::Triggered && self.status == Status::Acknowledged;
        let mut update = Update::new(UpdateReason::Merged);
        update.merged = Some(other.id);
        update.status = unanswered.then_some(Status::Triggered);
        update.severity = worst.filter(|worst| *worst != self.severity);
        update.urgency = (other.urgency < self.urgency).then_some(other.urgency);
        update
    }

    pub(super) fn is_part_of(&self, into: IncidentId, what: &str) -> Error {
        Error::refused(format!("{} was merged into {into} and cannot be {what}.", self.id))
            .hint(format!("Act on {into} instead."))
    }
}

#[cfg(test)]
mod tests {
    use super::super::incident::tests::{at, incident};
    use super::*;
    use crate::domain::event::Actor;
    use crate::domain::{TeamId, Urgency};
    use crate::error::Kind;

    fn other() -> Incident {
        Incident { id: IncidentId(43), ..incident() }
    }

    fn with(status: Status, urgency: Urgency) -> Incident {
        Incident { status, urgency, ..incident() }
    }

    #[test]
    fn only_what_is_open_goes_into_another_that_is_open_and_of_the_same_team() {
        let mut it = incident();
        let elsewhere = Incident {
            team: crate::domain::user::TeamRef { id: TeamId(2), ..incident().team },
            ..other()
        };
        let over = Incident { status: Status::Resolved, ..other() };
        for (into, kind) in
            [(incident(), Kind::Invalid), (elsewhere, Kind::Refused), (over.clone(), Kind::Refused)]
        {
            let error = it.decide_merge(Some(&into)).expect_err("it stays");
            assert_eq!(error.kind, kind, "{error}");
        }
        assert_eq!(over.decide_merge(Some(&it)).expect_err("over").kind, Kind::Refused);

        let merged = it.decide_merge(Some(&other())).expect("they fit").expect("a change");
        it.apply(&merged, &Actor::host(), at(1));
        assert_eq!((it.status, it.merged_into), (Status::Resolved, Some(IncidentId(43))));
        assert_eq!(it.held_until, None);
        assert_eq!(it.decide_merge(Some(&other())).expect("so already"), None);
        assert_eq!(it.decide_merge(Some(&over)).expect("whatever became of it"), None);
        let third = Incident { id: IncidentId(44), ..incident() };
        let refused = it.decide_merge(Some(&third)).expect_err("it went elsewhere");
        assert!(refused.to_string().contains("Act on 43 instead"), "{refused}");
    }

    #[test]
    fn what_nobody_answered_is_not_hidden_by_an_acknowledgement() {
        use Status::{Acknowledged, Triggered};
        use Urgency::{High, Low};
        for (ours, theirs, status, urgency) in [
            ((Triggered, Low), (Triggered, Low), None, None),
            ((Acknowledged, Low), (Triggered, Low), Some(Triggered), None),
            ((Acknowledged, High), (Acknowledged, Low), None, None),
            ((Triggered, Low), (Acknowledged, High), None, Some(High)),
        ] {
            let mut it = with(ours.0, ours.1);
            let update = it.absorb(&with(theirs.0, theirs.1), Some(Severity::Warning));
            assert_eq!((update.status, update.urgency), (status, urgency), "{ours:?} {theirs:?}");
            assert_eq!((update.severity, update.merged), (None, Some(IncidentId(42))));
        }
        let worse = incident().absorb(&other(), Some(Severity::Critical));
        assert_eq!(worse.severity, Some(Severity::Critical));
    }

    #[test]
    fn a_flapping_incident_that_takes_in_what_fires_waits_no_longer() {
        let mut it = Incident { flapping: true, ..incident() };
        it.memory.settles_at = Some(at(15));
        let quiet = Incident { firing_count: 0, ..other() };
        let _ = it.absorb(&quiet, None);
        assert_eq!(it.memory.settles_at, Some(at(15)));
        let _ = it.absorb(&other(), Some(Severity::Warning));
        assert_eq!(it.memory.settles_at, None);
    }
}
