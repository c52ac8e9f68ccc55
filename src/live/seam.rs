//! The seam between what a subscriber read and what is sent from now on: a ring of the newest
//! rows, and the answer that holds both.
use std::collections::VecDeque;

use serde_json::value::RawValue;

use crate::api::live::{Backlog as WireBacklog, MAX_ACK, Room};
use crate::app::{Backlog, LogRow, cursor_after, order_of_need};
use crate::domain::event::{Access, Record};
use crate::domain::{Event, Seq, UserId};

/// Rows remembered.
const RING: usize = 4_096;
/// Room in an ack for what is around the events.
const ACK_ENVELOPE: usize = 8 * 1024;

/// A row as the ring keeps it.
struct Recent {
    row: LogRow,
    access: Option<Access>,
}

/// The newest rows of the log, to close the seam between a subscriber's read and now.
#[derive(Default)]
pub struct Ring(VecDeque<Recent>);

impl Ring {
    pub fn push(&mut self, row: LogRow) {
        if self.0.len() == RING {
            self.0.pop_front();
        }
        let access = access(&row);
        self.0.push_back(Recent { row, access });
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Does it hold everything between `head` and the cursor?
    pub fn reaches(&self, head: Seq, cursor: Seq) -> bool {
        head >= cursor || self.0.front().is_some_and(|first| first.row.seq.0 <= head.0 + 1)
    }

    fn newer(&self, head: Seq) -> impl Iterator<Item = &Recent> {
        self.0.iter().rev().take_while(move |recent| recent.row.seq > head)
    }

    /// Did `user` lose one of `rooms` after `head`, or change what he is?
    pub fn access_went(&self, rooms: &[Room], user: Option<UserId>, head: Seq) -> bool {
        self.newer(head).any(|recent| match &recent.access {
            Some(Access::MemberRemoved { team, user: gone }) => {
                user == Some(*gone) && rooms.contains(&Room::Team(*team))
            }
            Some(Access::UserChanged { user: changed, .. }) => user == Some(*changed),
            _ => false,
        })
    }

    /// What went out to `rooms` after `head`, oldest first.
    pub fn recent(&self, head: Seq, rooms: &[Room]) -> Vec<LogRow> {
        let concerns = |row: &LogRow| {
            row.incident.is_some() && rooms_of(row).any(|room| rooms.contains(&room))
        };
        let mut found: Vec<LogRow> = self
            .newer(head)
            .filter(|recent| concerns(&recent.row))
            .map(|recent| recent.row.clone())
            .collect();
        found.reverse();
        found
    }
}

/// The rooms that an event goes to.
pub fn rooms_of(row: &LogRow) -> impl Iterator<Item = Room> {
    let everybody = row.incident.map(|_| Room::All);
    everybody
        .into_iter()
        .chain(row.team.map(Room::Team))
        .chain(row.people.iter().copied().map(Room::User))
}

/// What a row says of who may what; none for others.
pub fn access(row: &LogRow) -> Option<Access> {
    if row.incident.is_some() {
        return None;
    }
    match serde_json::from_str(&row.json) {
        Ok(Record::Access { change }) => Some(change),
        _ => None,
    }
}

/// Closes the seam: what came after the subscriber's read goes into his answer, so that it is
/// neither missed nor sent out of order.
pub fn add_recent(mut backlog: Backlog, recent: &[LogRow]) -> Backlog {
    match &mut backlog {
        Backlog::Events(rows) => rows.extend_from_slice(recent),
        Backlog::Snapshot { incidents, next } => {
            // What stands behind the last of a page belongs to the pages after it: shown here, it
            // would be taken for where they begin.
            let last = incidents.last().map(order_of_need).filter(|_| next.is_some());
            for row in recent {
                let Ok(Event { incident, .. }) = serde_json::from_str(&row.json) else { continue };
                incidents.retain(|known| known.id != incident.id);
                if incident.is_open() {
                    incidents.push(incident);
                }
            }
            incidents.retain(|it| last.is_none_or(|last| order_of_need(it) <= last));
            incidents.sort_by_key(order_of_need);
        }
    }
    backlog
}

/// As much of a backlog as an ack may hold; says whether that is all.
pub fn wire(backlog: Backlog) -> (WireBacklog, bool) {
    let mut room = MAX_ACK - ACK_ENVELOPE;
    let mut fits = |json: &str| {
        let fits = json.len() < room;
        room = room.saturating_sub(json.len() + 1);
        fits
    };
    match backlog {
        Backlog::Events(rows) => {
            let all = rows.len();
            let events: Vec<Box<RawValue>> = rows
                .into_iter()
                .take_while(|row| fits(&row.json))
                .filter_map(|row| RawValue::from_string(row.json.to_string()).ok())
                .collect();
            let more = events.len() < all;
            (WireBacklog::Events { events, more }, !more)
        }
        Backlog::Snapshot { incidents, next } => {
            let mut next_cursor = next;
            let mut shown = Vec::with_capacity(incidents.len());
            let mut last = None;
            for incident in &incidents {
                let Ok(json) = serde_json::value::to_raw_value(incident) else { continue };
                if !fits(json.get()) {
                    next_cursor = last.map(cursor_after);
                    break;
                }
                shown.push(json);
                last = Some(incident);
            }
            (WireBacklog::Reset { reset: true, incidents: shown, next_cursor }, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{Incident, IncidentId, TeamId};

    fn incident(id: i64, description: &str) -> Incident {
        serde_json::from_value(json!({
            "id": id, "title": "disk full", "description": description, "status": "triggered",
            "urgency": "high", "severity": "critical", "seq": id, "alertCount": 1,
            "team": {"id": 1, "slug": "payments", "name": "Payments"},
            "createdAt": "2026-11-23T03:00:00Z", "updatedAt": "2026-11-23T03:00:00Z",
        }))
        .expect("an incident")
    }

    fn created(incident: &Incident) -> LogRow {
        let event = json!({
            "seq": incident.seq, "prev": null, "at": "2026-11-23T03:00:00Z",
            "type": "incident:created", "actor": {"kind": "integration", "id": 1, "name": "cron"},
            "incidentId": incident.id, "incident": incident,
        });
        LogRow {
            seq: incident.seq,
            team: Some(TeamId(1)),
            incident: Some(incident.id),
            people: Vec::new(),
            name: "incident:created".into(),
            json: event.to_string().into(),
        }
    }

    #[test]
    fn what_came_meanwhile_hides_no_page_of_a_snapshot() {
        // Of 10,000 that are open; the ack has room for 200 of these and not for those that came.
        let page: Vec<_> = (1..=200).map(|id| incident(id, &"x".repeat(400))).collect();
        let next = page.last().map(cursor_after);
        let recent: Vec<_> =
            (10_001..=10_040).map(|id| created(&incident(id, &"x".repeat(6_000)))).collect();
        let backlog = Backlog::Snapshot { incidents: page, next: next.clone() };
        let (WireBacklog::Reset { incidents, next_cursor, .. }, true) =
            wire(add_recent(backlog, &recent))
        else {
            panic!("a snapshot");
        };
        assert_eq!(incidents.len(), 200);
        assert_eq!(next_cursor, next, "the rest begins after what was read");
    }

    #[test]
    fn of_a_snapshot_without_further_pages_all_that_came_is_shown() {
        let backlog = Backlog::Snapshot { incidents: vec![incident(1, "")], next: None };
        let Backlog::Snapshot { incidents, .. } = add_recent(backlog, &[created(&incident(2, ""))])
        else {
            panic!("a snapshot");
        };
        let ids: Vec<_> = incidents.iter().map(|it| it.id).collect();
        assert_eq!(ids, [IncidentId(1), IncidentId(2)]);
    }
}
