//! Incidents through their changes: members, timeouts, flapping.
use super::*;
use crate::domain::id::TeamId;

pub fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + minute * 60).expect("in range")
}

pub fn incident() -> Incident {
    Incident {
        id: IncidentId(42),
        title: "disk full".into(),
        description: String::new(),
        status: Status::Triggered,
        urgency: Urgency::Low,
        severity: Severity::Warning,
        team: TeamRef { id: TeamId(1), slug: "payments".into(), name: "Payments".into() },
        service: None,
        assignees: vec![],
        dedup_key: "k".into(),
        alert_count: 1,
        firing_count: 1,
        labels: Labels::new(),
        links: vec![],
        url: String::new(),
        created_at: at(0),
        updated_at: at(0),
        acknowledged_at: None,
        acknowledged_by: None,
        acknowledged_until: None,
        resolved_at: None,
        resolved_by: None,
        resolved_reason: None,
        resolution_note: None,
        snoozed_until: None,
        silenced_until: None,
        held_until: None,
        flapping: false,
        merged_into: None,
        escalation: Escalation::default(),
        untold: false,
        seq: Seq(1),
        memory: Memory::default(),
    }
}

fn acknowledged() -> Incident {
    let mut incident = incident();
    let change = Change::Acknowledged { until: Some(at(480)), note: None, assignee: None };
    incident.apply(&change, &Actor::system(), at(0));
    incident
}

#[test]
fn a_new_member_of_an_acknowledged_incident_is_not_swallowed() {
    let fired = acknowledged().member_fired(Severity::Warning, Urgency::Low, at(5));
    assert_eq!(
        fired,
        Fired::Now(Box::new(Update::new(UpdateReason::AlertAdded))),
        "told, not triggered"
    );

    let Fired::Now(worse) = acknowledged().member_fired(Severity::Critical, Urgency::High, at(5))
    else {
        panic!("severity rises: told at once")
    };
    assert_eq!(worse.status, Some(Status::Triggered));
    assert_eq!(worse.urgency, Some(Urgency::High));

    let mut old = acknowledged();
    let Fired::Now(late) = old.member_fired(Severity::Warning, Urgency::Low, at(30)) else {
        panic!("told at once")
    };
    assert_eq!(late.status, Some(Status::Triggered), "the acknowledgement is 30 min old");
    old.apply(&Change::Updated(*late), &Actor::system(), at(30));
    let due = |kind| old.deadlines().into_iter().find(|(of, _)| *of == kind).and_then(|it| it.1);
    assert_eq!(due(TimerKind::AckTimeout), None, "its timeout is void");
    assert_eq!(due(TimerKind::Escalate), Some(at(30)), "and step 1 is due");
}

#[test]
fn members_make_at_most_one_event_in_ten_seconds_and_the_last_is_sent() {
    let mut incident = incident();
    let Fired::Now(first) = incident.member_fired(Severity::Warning, Urgency::Low, at(1)) else {
        panic!("the first is told at once")
    };
    incident.apply(&Change::Updated(*first), &Actor::system(), at(1));
    let soon = shift(at(1), Duration::from_secs(3));
    assert_eq!(incident.member_fired(Severity::Warning, Urgency::Low, soon), Fired::Later);
    let due = Some(shift(at(1), PACE));
    assert_eq!(incident.deadlines()[5], (TimerKind::Members, due));
    let louder = incident.member_fired(Severity::Critical, Urgency::High, soon);
    assert!(matches!(louder, Fired::Now(_)), "a rise in urgency is not held back");
}

#[test]
fn the_third_reopen_within_an_hour_is_flapping() {
    let mut incident = incident();
    for (minute, reason) in
        [(0, UpdateReason::Reopened), (20, UpdateReason::Reopened), (40, UpdateReason::Flapping)]
    {
        assert_eq!(
            incident.member_ended(0, ResolveReason::Source, at(minute)),
            Ended::Resolve(ResolveReason::Source)
        );
        let over = Change::resolved(ResolveReason::Source);
        incident.apply(&over, &Actor::system(), at(minute));
        assert_eq!(incident.reopen_reason(at(minute + 1)), reason);
        let again = Change::Updated(Update::triggered(reason));
        incident.apply(&again, &Actor::system(), at(minute + 1));
    }
    assert!(incident.flapping && incident.is_open());
    assert_eq!(incident.member_ended(0, ResolveReason::Source, at(42)), Ended::Later);
    assert_eq!(incident.deadlines()[3], (TimerKind::Settle, Some(at(57))));
    let _ = incident.member_fired(Severity::Warning, Urgency::Low, at(43));
    assert_eq!(incident.deadlines()[3], (TimerKind::Settle, None), "a firing lets it go on");
    incident.apply(
        &Change::Updated(Update::new(UpdateReason::Flapping)),
        &Actor::system(),
        at(101),
    );
    assert!(!incident.flapping);
    assert_eq!(incident.reopen_reason(at(102)), UpdateReason::Reopened);
}
