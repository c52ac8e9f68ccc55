//! What users are promised, one story a rule.
mod clocks;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{
    Because, Difference, Gap, HORIZON, MAX_SHIFTS, Override, Restrict, Rotation, Schedule, Shift,
    Window,
};
use crate::domain::id::{OverrideId, Seq, UserId};

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);
const CAROL: UserId = UserId(3);
const DAVE: UserId = UserId(4);

fn rotation(every: &str, handoff: &str, participants: &[UserId]) -> Rotation {
    Rotation {
        name: format!("{every} from {handoff}"),
        every: every.parse().expect(every),
        handoff: handoff.parse().expect(handoff),
        participants: participants.to_vec(),
        restrict: Restrict::default(),
    }
}

fn restricted(windows: &str, mut rotation: Rotation) -> Rotation {
    let windows: Vec<Window> = serde_json::from_str(windows).expect(windows);
    rotation.restrict = windows.into();
    rotation
}

fn schedule(zone: &str, rotations: impl Into<Vec<Rotation>>) -> Schedule {
    Schedule {
        zone: TimeZone::get(zone).expect(zone),
        rotations: rotations.into(),
        overrides: Vec::new(),
        disabled: BTreeSet::new(),
    }
}

impl Schedule {
    /// `who` from `start` to `end`, made after all others.
    fn with(mut self, who: UserId, replacing: Option<UserId>, start: &str, end: &str) -> Self {
        let number = i64::try_from(self.overrides.len()).expect("few");
        self.overrides.push(Override {
            id: OverrideId(number),
            made: Seq(number),
            start: self.shown(start),
            end: self.shown(end),
            user: who,
            replacing,
        });
        self
    }

    fn without(mut self, user: UserId) -> Self {
        self.disabled.insert(user);
        self
    }

    /// An instant, by a wall clock on which it is not ambiguous, or in UTC.
    fn shown(&self, text: &str) -> Timestamp {
        text.parse().unwrap_or_else(|_| {
            let shown: DateTime = text.parse().expect(text);
            let ambiguous = self.zone.to_ambiguous_timestamp(shown);
            ambiguous.unambiguous().expect("not ambiguous")
        })
    }

    fn at(&self, text: &str) -> Vec<UserId> {
        self.on_call_at(self.shown(text)).into_iter().collect()
    }

    /// Who takes over when, by the wall clock.
    fn handoffs(&self, from: &str, to: &str) -> Vec<(String, UserId)> {
        let shifts = self.shifts(self.shown(from), self.shown(to));
        let shown = |at| self.zone.to_datetime(at).strftime("%m-%d %H:%M").to_string();
        shifts.items.into_iter().map(|shift| (shown(shift.start), shift.user)).collect()
    }
}

fn handoffs(expected: &[(&str, UserId)]) -> Vec<(String, UserId)> {
    expected.iter().map(|&(at, user)| (at.to_owned(), user)).collect()
}

#[test]
fn windows_say_when_a_rotation_counts() {
    let weekly = rotation("1w", "2026-01-05T09:00", &[ALICE, BOB]);
    let office = r#"[{"days":["mon","tue","wed","thu","fri"],"from":"09:00","to":"17:00"}]"#;
    let office = schedule("Europe/Paris", [restricted(office, weekly.clone())]);
    assert_eq!(office.at("2026-01-05T16:59:59"), [ALICE]);
    assert_eq!(office.at("2026-01-05T17:00"), []);
    assert_eq!(office.at("2026-01-10T12:00"), [], "a Saturday");
    assert_eq!(office.at("2026-01-12T09:00"), [BOB], "the turn went on");
    // Sunday to Monday, past midnight and past the handoff.
    let night = r#"[{"days":["sun"],"from":"22:00","to":"10:00"}]"#;
    let night = schedule("Europe/Paris", [restricted(night, weekly.clone())]);
    assert_eq!(
        night.handoffs("2026-01-09T00:00", "2026-01-16T00:00"),
        handoffs(&[("01-11 22:00", ALICE), ("01-12 09:00", BOB)])
    );
    assert_eq!(night.at("2026-01-12T10:00"), []);
    // Windows that touch or overlap are one, and without days they are of every day.
    let long = r#"[{"from":"08:00","to":"16:00"},{"from":"16:00","to":"08:00"}]"#;
    let long = schedule("Europe/Paris", [restricted(long, weekly)]);
    assert_eq!(
        long.handoffs("2026-01-06T00:00", "2026-01-16T00:00"),
        handoffs(&[("01-06 00:00", ALICE), ("01-12 09:00", BOB)])
    );
}

#[test]
fn several_rotations_are_on_call_together() {
    let both = schedule(
        "UTC",
        [
            rotation("1w", "2026-01-05T09:00", &[ALICE, BOB]),
            rotation("1d", "2026-01-06T09:00", &[CAROL, ALICE]),
        ],
    );
    assert_eq!(both.at("2026-01-05T12:00"), [ALICE]);
    assert_eq!(both.at("2026-01-06T12:00"), [ALICE, CAROL]);
    assert_eq!(both.at("2026-01-07T12:00"), [ALICE], "twice, and one person");
    assert_eq!(both.reasons_at(both.shown("2026-01-07T12:00")).len(), 2);
}

#[test]
fn an_override_replaces_everybody_or_one_person_where_that_person_has_a_place() {
    let both = schedule(
        "UTC",
        [
            rotation("1d", "2026-01-05T00:00", &[ALICE, BOB]),
            rotation("1y", "2026-01-05T00:00", &[CAROL]),
        ],
    );
    let all = both.clone().with(DAVE, None, "2026-01-05T06:00", "2026-01-05T07:00");
    assert_eq!(all.at("2026-01-05T05:59:59.999"), [ALICE, CAROL]);
    assert_eq!(all.at("2026-01-05T06:00"), [DAVE]);
    assert_eq!(all.at("2026-01-05T07:00"), [ALICE, CAROL]);
    let holiday = both.with(DAVE, Some(ALICE), "2026-01-05T00:00", "2026-01-19T00:00");
    assert_eq!(holiday.at("2026-01-05T12:00"), [CAROL, DAVE]);
    assert_eq!(holiday.at("2026-01-06T12:00"), [BOB, CAROL], "not alice's day");
    // Where nobody is scheduled, only what replaces everybody puts somebody on call.
    let empty = schedule("UTC", []).with(BOB, Some(ALICE), "2026-01-05T00:00", "2026-01-06T00:00");
    assert_eq!(empty.at("2026-01-05T12:00"), []);
    let taken = empty.with(CAROL, None, "2026-01-05T00:00", "2026-01-06T00:00");
    assert_eq!(taken.at("2026-01-05T12:00"), [CAROL]);
}

#[test]
fn the_latest_override_wins() {
    let alice = schedule("UTC", [rotation("1w", "2026-01-05T00:00", &[ALICE])]);
    let (start, end) = ("2026-01-05T00:00", "2026-01-06T00:00");
    let noon = "2026-01-05T12:00";
    let bob = alice.clone().with(BOB, Some(ALICE), start, end);
    assert_eq!(bob.clone().with(CAROL, None, start, end).at(noon), [CAROL]);
    assert_eq!(
        bob.clone().with(CAROL, Some(ALICE), start, end).at(noon),
        [CAROL],
        "of two for alice"
    );
    assert_eq!(
        bob.clone().with(CAROL, Some(BOB), start, end).at(noon),
        [CAROL],
        "for who stands in"
    );
    assert_eq!(bob.clone().with(ALICE, Some(BOB), start, end).at(noon), [ALICE], "taken back");
    let all = alice.with(BOB, None, start, end).with(CAROL, Some(ALICE), start, end);
    assert_eq!(all.at(noon), [CAROL], "alice's place, whoever took it before");
    // Made first, listed last.
    let mut reversed = bob.with(CAROL, None, start, end);
    reversed.overrides.reverse();
    assert_eq!(reversed.at(noon), [CAROL]);
}

#[test]
fn two_who_swap_while_both_are_on_call_both_stay() {
    let both = schedule(
        "UTC",
        [
            rotation("1w", "2026-01-05T00:00", &[ALICE, DAVE]),
            rotation("1w", "2026-01-05T12:00", &[BOB, DAVE]),
        ],
    );
    let mut swapped = both.with(BOB, Some(ALICE), "2026-01-05T00:00", "2026-01-12T00:00").with(
        ALICE,
        Some(BOB),
        "2026-01-05T12:00",
        "2026-01-12T12:00",
    );
    swapped.overrides[1].made = swapped.overrides[0].made;
    assert_eq!(swapped.at("2026-01-05T06:00"), [BOB]);
    assert_eq!(swapped.at("2026-01-06T00:00"), [ALICE, BOB]);
    assert_eq!(swapped.at("2026-01-12T06:00"), [ALICE, DAVE]);
}

#[test]
fn what_a_disabled_person_had_is_void() {
    let daily = schedule("UTC", [rotation("1d", "2026-01-05T00:00", &[ALICE, BOB])]);
    let (start, end) = ("2026-01-05T00:00", "2026-01-08T00:00");
    let gone = daily.clone().without(BOB);
    assert_eq!(gone.at("2026-01-06T12:00"), [], "nobody moves up");
    let gap = Gap { start: gone.shown("2026-01-06T00:00"), end: gone.shown("2026-01-07T00:00") };
    assert_eq!(gone.gaps(gone.shown(start), gone.shown(end)).items, [gap]);
    // An override by somebody disabled: the rotation beneath counts.
    let void = daily.with(CAROL, None, start, end).without(CAROL);
    assert_eq!(void.at("2026-01-06T12:00"), [BOB]);
    assert_eq!(
        void.with(DAVE, Some(CAROL), start, end).at("2026-01-06T12:00"),
        [DAVE],
        "he said so"
    );
    // Who stands in for somebody who is disabled later still does.
    assert_eq!(gone.with(CAROL, Some(BOB), start, end).at("2026-01-06T12:00"), [CAROL]);
}

#[test]
fn a_calendar_shows_what_goes_on_as_one_and_why() {
    let people = [ALICE, ALICE, BOB];
    let daily = schedule("UTC", [rotation("1d", "2026-01-05T09:00", &people)]).with(
        CAROL,
        None,
        "2026-01-06T12:00",
        "2026-01-07T12:00",
    );
    let (from, to) = (daily.shown("2026-01-01T00:00"), daily.shown("2026-01-09T00:00"));
    let shift = |start, end, user, because| Shift {
        start: daily.shown(start),
        end: daily.shown(end),
        user,
        because,
    };
    let listed = daily.shifts(from, to);
    assert_eq!(listed.to, to);
    assert_eq!(
        listed.items,
        [
            shift("2026-01-05T09:00", "2026-01-06T12:00", ALICE, Because::Rotation(0)),
            shift("2026-01-06T12:00", "2026-01-07T12:00", CAROL, Because::Override(OverrideId(0))),
            shift("2026-01-07T12:00", "2026-01-08T09:00", BOB, Because::Rotation(0)),
            shift("2026-01-08T09:00", "2026-01-09T00:00", ALICE, Because::Rotation(0)),
        ]
    );
    assert_eq!(
        daily.gaps(from, to).items,
        [Gap { start: from, end: daily.shown("2026-01-05T09:00") }]
    );
    assert!(daily.shifts(to, from).items.is_empty());
}

#[test]
fn the_next_change_is_when_somebody_else_is_on_call() {
    let office = r#"[{"days":["mon","tue"],"from":"09:00","to":"17:00"}]"#;
    let week = schedule(
        "Europe/Paris",
        [
            restricted(office, rotation("1w", "2026-01-05T09:00", &[ALICE])),
            rotation("1d", "2026-01-05T09:00", &[ALICE, ALICE, BOB]),
        ],
    );
    let at = week.shown("2026-01-05T10:00");
    // At 17:00 alice loses one of two reasons.
    assert_eq!(week.next_change(at), Some(week.shown("2026-01-07T09:00")));
    assert_eq!(week.until(ALICE, at), Some(week.shown("2026-01-07T09:00")));
    let alone = schedule("UTC", [rotation("1h", "2026-01-05T09:00", &[ALICE])]);
    assert_eq!(alone.next_change(alone.shown("2026-01-06T00:00")), None);
    assert_eq!(alone.until(ALICE, alone.shown("2026-01-06T00:00")), None);
}

#[test]
fn lists_have_an_end_and_say_where_it_is() {
    let hourly = schedule("UTC", [rotation("1h", "2020-01-01T00:00", &[ALICE, BOB])]);
    let from = hourly.shown("2026-01-01T00:00");
    let listed = hourly.shifts(from, Timestamp::MAX);
    assert_eq!(listed.items.len(), MAX_SHIFTS + 1, "with the one that was cut");
    assert_eq!(listed.items.last().map(|shift| shift.end), Some(listed.to));
    let weekly = schedule("UTC", [rotation("1w", "2020-01-01T00:00", &[ALICE, BOB])]);
    assert_eq!(weekly.shifts(from, Timestamp::MAX).to, from + HORIZON);
}

#[test]
fn a_preview_says_who_gains_and_who_loses_which_span() {
    let old = schedule("UTC", [rotation("1w", "2026-01-05T09:00", &[ALICE, BOB])]);
    let mut new = old.clone();
    new.rotations[0].name = "renamed".into();
    let (from, to) = (old.shown("2026-01-05T00:00"), old.shown("2026-01-26T09:00"));
    assert!(old.difference(&new, from, to).items.is_empty(), "a name moves nobody");
    new.rotations[0].participants = vec![ALICE, CAROL];
    let (start, end) = (old.shown("2026-01-12T09:00"), old.shown("2026-01-19T09:00"));
    assert_eq!(
        old.difference(&new, from, to).items,
        [
            Difference { start, end, user: BOB, gains: false },
            Difference { start, end, user: CAROL, gains: true },
        ]
    );
}

#[test]
fn what_may_not_be_saved_is_named() {
    let good = schedule("UTC", [rotation("1w", "2026-01-05T09:00", &[ALICE])]);
    assert_eq!(good.check(), Ok(()));
    let mut bad = good.with(BOB, Some(BOB), "2026-01-06T00:00", "2026-01-05T00:00").with(
        BOB,
        None,
        "2026-01-06T00:00",
        "2027-01-08T00:00",
    );
    let mut second = rotation("1w", "2101-01-05T09:00:30", &[]);
    second.name = bad.rotations[0].name.clone();
    bad.rotations.push(restricted(r#"[{"days":[],"from":"09:00","to":"17:00"}]"#, second));
    bad.rotations.push(Rotation {
        name: " ".into(),
        ..restricted(
            &format!("[{}]", vec![r#"{"from":"09:00","to":"10:00"}"#; 21].join(",")),
            rotation("1d", "2026-01-05T09:00", &[ALICE; 51]),
        )
    });
    let fields = |schedule: &Schedule| -> Vec<String> {
        schedule.check().expect_err("bad").into_iter().map(|fault| fault.field).collect()
    };
    assert_eq!(
        fields(&bad),
        [
            "rotations[1].handoff",
            "rotations[1].handoff",
            "rotations[1].participants",
            "rotations[1].restrict[0].days",
            "rotations[1].name",
            "rotations[2].name",
            "rotations[2].participants",
            "rotations[2].restrict",
            "overrides[0].end",
            "overrides[0].replacing",
            "overrides[1].end",
        ]
    );
    // Whatever it holds, it answers.
    assert_eq!(bad.at("2026-01-05T09:30"), [ALICE]);
    let many = Schedule {
        rotations: vec![rotation("1w", "2026-01-05T09:00", &[ALICE]); 21],
        overrides: vec![bad.overrides[1].clone(); 501],
        ..bad
    };
    assert_eq!(fields(&many)[..2], ["rotations", "overrides"]);
    assert!(fields(&many).contains(&"overrides[0].start".to_owned()), "more than fifty at once");
}
