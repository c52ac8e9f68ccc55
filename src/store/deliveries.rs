//! Deliveries: one message to one contact or team channel each, queued with its reason.
use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::sql::{Read, Write, ms, ms_or_null, time, time_or_null};
use crate::domain::delivery::{Delivery, DeliveryKind, DeliveryState, To};
use crate::domain::{DeliveryId, IncidentId, Seq, TeamId, UserId};
use crate::error::{Error, Result};

const DELIVERY: &str = "select id, kind, state, incident_id, made, high, user_id, contact_id, \
     channel_id, channel, address, contact, text, created_at, due_at, attempts, ended_at, outcome, \
     message, by_hand from deliveries";

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let word = |index| row.get_ref(index)?.as_str().map(str::to_owned).map_err(Into::into);
    let kind: rusqlite::Result<String> = word(1);
    let state: rusqlite::Result<String> = word(2);
    Ok(Delivery {
        id: row.get(0)?,
        kind: DeliveryKind::of_word(&kind?),
        state: DeliveryState::of_word(&state?),
        incident: row.get(3)?,
        made: row.get(4)?,
        high: row.get(5)?,
        to: To {
            user: row.get(6)?,
            contact_id: row.get(7)?,
            channel_id: row.get(8)?,
            channel: row.get(9)?,
            address: row.get(10)?,
            contact: row.get(11)?,
        },
        text: row.get(12)?,
        created_at: time(row, 13)?,
        due_at: time(row, 14)?,
        attempts: row.get(15)?,
        ended_at: time_or_null(row, 16)?,
        outcome: row.get(17)?,
        message: row.get(18)?,
        by_hand: row.get(19)?,
    })
}

/// Rows that go to one address as one message.
#[derive(Clone, Debug)]
pub struct Group {
    pub channel: String,
    pub address: String,
    pub kind: DeliveryKind,
    /// The message that they were sent in before, if they were.
    pub message: Option<DeliveryId>,
    pub rows: u32,
    /// Somebody asked for one of them himself.
    pub by_hand: bool,
}

impl Read<'_> {
    pub fn find_delivery(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        self.one(&format!("{DELIVERY} where id = ?1"), [id], delivery)
    }

    /// All of an incident, the oldest first; after `after`, for pages.
    pub fn deliveries(
        &self,
        of: IncidentId,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        self.all(
            &format!("{DELIVERY} where incident_id = ?1 and id > ?2 order by id limit ?3"),
            (of, after, limit),
            delivery,
        )
    }

    /// What is due at `now`, by message, the earliest first.
    pub fn due_groups(&self, now: Timestamp) -> Result<Vec<Group>> {
        self.all(
            "select channel, address, kind, message, count(*), min(due_at), max(by_hand) from deliveries
             where state = 'queued' and due_at <= ?1 group by 1, 2, 3, 4
             order by kind = 'page' desc, max(high) desc, 6",
            [ms(now)],
            |row| {
                Ok(Group {
                    channel: row.get(0)?,
                    address: row.get(1)?,
                    kind: DeliveryKind::of_word(row.get_ref(2)?.as_str()?),
                    message: row.get(3)?,
                    rows: row.get(4)?,
                    by_hand: row.get(6)?,
                })
            },
        )
    }

    /// The rows of one message that are due at `now`.
    pub fn group(&self, of: &Group, now: Timestamp, limit: u32) -> Result<Vec<Delivery>> {
        self.all(
            &format!(
                "{DELIVERY} where state = 'queued' and due_at <= ?1 and channel = ?2
                 and address = ?3 and kind = ?4 and message is ?5 order by high desc, id limit ?6"
            ),
            (ms(now), &of.channel, &of.address, of.kind.word(), of.message, limit),
            delivery,
        )
    }

    /// When the next one is due after `now`.
    pub fn next_delivery(&self, now: Timestamp) -> Result<Option<Timestamp>> {
        self.one(
            "select due_at from deliveries where state = 'queued' and due_at > ?1
             order by due_at limit 1",
            [ms(now)],
            |row| time(row, 0),
        )
    }

    /// When a page last reached this address.
    pub fn last_page(&self, channel: &str, address: &str) -> Result<Option<Timestamp>> {
        self.one(
            "select max(ended_at) from deliveries where state = 'sent' and channel = ?1
             and address = ?2 and kind = 'page'",
            (channel, address),
            |row| time_or_null(row, 0),
        )
        .map(Option::flatten)
    }

    /// What was sent in one go.
    pub fn message(&self, id: DeliveryId) -> Result<Vec<Delivery>> {
        self.all(&format!("{DELIVERY} where message = ?1 order by id"), [id], delivery)
    }

    /// What waits for a person about a team's incidents; about all, if none.
    pub fn queued_for(&self, user: UserId, team: Option<TeamId>) -> Result<Vec<Delivery>> {
        self.all(
            &format!(
                "{DELIVERY} where user_id = ?1 and state = 'queued' and (?2 is null or incident_id
                 in (select id from incidents where team_id = ?2)) order by id"
            ),
            (user, team),
            delivery,
        )
    }

    /// The step that last told somebody of an incident.
    pub fn last_made(&self, incident: IncidentId) -> Result<Option<Seq>> {
        self.one(
            "select max(made) from deliveries where incident_id = ?1 and kind = 'page'",
            [incident],
            |row| row.get(0),
        )
        .map(Option::flatten)
    }

    /// The rows that one step made.
    pub fn made_by(&self, incident: IncidentId, seq: Seq) -> Result<Vec<Delivery>> {
        self.all(
            &format!("{DELIVERY} where incident_id = ?1 and made = ?2 order by id"),
            (incident, seq),
            delivery,
        )
    }

    /// When somebody was last told something of this kind in these words.
    pub fn last_notice(&self, to: Option<UserId>, text: &str) -> Result<Option<Timestamp>> {
        self.one(
            "select max(created_at) from deliveries where kind = 'notice' and user_id is ?1
             and text = ?2",
            (to, text),
            |row| time_or_null(row, 0),
        )
        .map(Option::flatten)
    }
}

impl Read<'_> {
    /// Triggered incidents whose ladder has no timer.
    pub fn without_ladder(&self) -> Result<Vec<IncidentId>> {
        self.all(
            "select i.id from incidents i where i.status = 0 and not exists
                (select 1 from timers t where t.kind = 'escalate' and t.subject = i.id)",
            [],
            |row| row.get(0),
        )
    }

    /// Messages that are due or wait for another attempt, and since when the oldest should have
    /// gone.
    pub fn queued(&self, now: Timestamp) -> Result<(u64, Option<Timestamp>)> {
        let queued = self.one(
            "select count(*), min(case attempts when 0 then due_at else created_at end)
             from deliveries where state = 'queued' and (due_at <= ?1 or attempts > 0)",
            [ms(now)],
            |row| Ok((row.get(0)?, time_or_null(row, 1)?)),
        )?;
        Ok(queued.unwrap_or_default())
    }
}

impl Read<'_> {
    /// What is queued for people and may wait for the end of their quiet hours, and until when.
    pub fn put_off_for_quiet(&self) -> Result<BTreeMap<UserId, Vec<(DeliveryId, Timestamp)>>> {
        let rows = self.all(
            "select user_id, id, due_at from deliveries where state = 'queued'
             and user_id is not null and (high = 0 or kind = 'notice')",
            [],
            |row| Ok((row.get(0)?, (row.get(1)?, time(row, 2)?))),
        )?;
        let mut found = BTreeMap::<UserId, Vec<_>>::new();
        for (user, row) in rows {
            found.entry(user).or_default().push(row);
        }
        Ok(found)
    }
}

impl Write<'_> {
    /// Queues a message; `new.id` is given here.
    pub fn insert_delivery(&self, new: &Delivery) -> Result<DeliveryId> {
        self.insert(
            "insert into deliveries (kind, state, incident_id, made, high, user_id, contact_id,
                channel_id, channel, address, contact, text, created_at, due_at, outcome, ended_at,
                by_hand)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                new.kind.word(),
                new.state.word(),
                new.incident,
                new.made,
                new.high,
                new.to.user,
                new.to.contact_id,
                new.to.channel_id,
                &new.to.channel,
                &new.to.address,
                &new.to.contact,
                &new.text,
                ms(new.created_at),
                ms(new.due_at),
                &new.outcome,
                ms_or_null(new.ended_at),
                new.by_hand,
            ],
        )
        .map(DeliveryId)
    }

    /// Saves what became of it.
    pub fn update_delivery(&self, row: &Delivery) -> Result<()> {
        let changed = self.run(
            "update deliveries set state = ?2, due_at = ?3, attempts = ?4, ended_at = ?5,
                outcome = ?6, message = ?7 where id = ?1",
            (
                row.id,
                row.state.word(),
                ms(row.due_at),
                row.attempts,
                ms_or_null(row.ended_at),
                &row.outcome,
                row.message,
            ),
        )?;
        if changed == 0 {
            return Err(Error::not_found(format_args!("Delivery {}", row.id)));
        }
        Ok(())
    }

    /// What failed at this address is tried again now.
    pub fn hurry_deliveries(&self, channel: &str, address: &str) -> Result<()> {
        self.run(
            "update deliveries set due_at = ?3 where state = 'queued' and attempts > 0
             and channel = ?1 and address = ?2 and due_at > ?3",
            (channel, address, ms(self.now())),
        )
        .map(|_| ())
    }

    /// Nothing that waits is sent: it may have been sent since the backup was made. Where a page
    /// waited that nobody has answered, the ladder begins anew.
    pub(super) fn drop_all_deliveries(&mut self, why: &str) -> Result<()> {
        let unanswered: Vec<IncidentId> = self.all(
            "select distinct i.id from incidents i join deliveries d on d.incident_id = i.id
             where i.status = 0 and d.kind = 'page' and d.state = 'queued'",
            [],
            |row| row.get(0),
        )?;
        for id in unanswered {
            let mut incident = self.incident(id)?;
            let before = incident.clone();
            incident.start_ladder(self.now());
            self.save_paging(&mut incident, &before)?;
        }
        self.run(
            "update deliveries set state = 'dropped', ended_at = ?1, outcome = ?2
             where state = 'queued'",
            (ms(self.now()), why),
        )
        .map(|_| ())
    }
}
