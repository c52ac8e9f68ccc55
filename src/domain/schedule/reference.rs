//! Schedules against a slow and obvious reference, which asks the zone database for each handoff
//! and each end of a window, shift by shift, or watches the clocks minute by minute.
use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::wall::Wall;
use super::{Because, Day, Override, Restrict, Rotation, Schedule, Shift, Window};
use crate::domain::id::{OverrideId, Seq, UserId};

/// Gaps and overlaps of a half, one and two hours, a day that never was, one that came twice,
/// offsets of quarters, rules that ended, rules that change every year, none.
const ZONES: [&str; 20] = [
    "Europe/Paris",
    "America/New_York",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "UTC",
    "Africa/Casablanca",
    "Europe/Dublin",
    "America/St_Johns",
    "Pacific/Kwajalein",
    "Asia/Gaza",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Pacific/Chatham",
    "Asia/Pyongyang",
    "America/Caracas",
    "Europe/Istanbul",
    "Africa/Cairo",
    "Asia/Manila",
];
const EVERY: [&str; 12] =
    ["1h", "2h", "5h", "12h", "1d", "2d", "36h", "1w", "2w", "1mo", "3mo", "1y"];

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect(name)
}

/// When the clocks show it: in an overlap the first time, in a gap at its end.
fn happens(zone: &TimeZone, shown: DateTime) -> Timestamp {
    let ambiguous = zone.to_ambiguous_timestamp(shown);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => happens(zone, shown + MINUTE),
        _ => ambiguous.earlier().expect("an instant"),
    }
}

/// As text is read: a number and a unit.
fn span(every: &str) -> Span {
    every.parse().expect(every)
}

/// Shift by shift from the first.
fn turn(zone: &TimeZone, rotation: &Rotation, at: Timestamp) -> Option<UserId> {
    let every = span(&rotation.every.to_string());
    let starts = (0..i64::MAX).map(|index| happens(zone, rotation.handoff + every * index));
    let started = starts.take_while(|&start| start <= at).count();
    let index = started.checked_sub(1)?;
    let counts = rotation.restrict.windows().is_empty()
        || rotation.restrict.windows().iter().any(|window| open(zone, window, at));
    counts.then(|| rotation.participants[index % rotation.participants.len()])
}

/// Window by window of the days around.
fn open(zone: &TimeZone, window: &Window, at: Timestamp) -> bool {
    let today = zone.to_datetime(at).date();
    (-3..=3).map(|days| today + Span::new().days(days)).any(|date: Date| {
        let last = if window.to > window.from { date } else { date + Span::new().days(1) };
        window.days.contains(
            &Day::ALL[usize::try_from(date.weekday().to_monday_zero_offset()).expect("0 to 6")],
        ) && happens(zone, date.to_datetime(window.from)) <= at
            && at < happens(zone, last.to_datetime(window.to))
    })
}

/// The latest write first: has it anybody for the place that `scheduled` has?
fn holder(
    schedule: &Schedule,
    scheduled: Option<UserId>,
    writes: &[Vec<&Override>],
) -> Option<UserId> {
    let able = |user: &UserId| !schedule.disabled.contains(user);
    let Some((latest, earlier)) = writes.split_last() else { return scheduled.filter(able) };
    let known = ever(scheduled, earlier);
    takers(latest, &known).into_iter().rfind(able).or_else(|| holder(schedule, scheduled, earlier))
}

fn takers(write: &[&Override], known: &BTreeSet<UserId>) -> Vec<UserId> {
    let takes = |o: &&&Override| o.replacing.is_none_or(|user| known.contains(&user));
    write.iter().filter(takes).map(|o| o.user).collect()
}

/// Everybody who was ever to have a place.
fn ever(scheduled: Option<UserId>, writes: &[Vec<&Override>]) -> BTreeSet<UserId> {
    let Some((latest, earlier)) = writes.split_last() else {
        return scheduled.into_iter().collect();
    };
    let mut known = ever(scheduled, earlier);
    known.extend(takers(latest, &known));
    known
}

fn reference(schedule: &Schedule, at: Timestamp) -> BTreeSet<UserId> {
    let made: BTreeSet<Seq> = schedule.overrides.iter().map(|o| o.made).collect();
    let active = |o: &&Override| o.start <= at && at < o.end;
    let writes: Vec<Vec<&Override>> = made
        .into_iter()
        .map(|made| schedule.overrides.iter().filter(active).filter(|o| o.made == made).collect())
        .collect();
    let turns: Vec<UserId> =
        schedule.rotations.iter().filter_map(|r| turn(&schedule.zone, r, at)).collect();
    if turns.is_empty() {
        // What replaces everybody has a place although nobody is scheduled.
        let first = writes.iter().position(|write| write.iter().any(|o| o.replacing.is_none()));
        return first
            .and_then(|first| holder(schedule, None, &writes[first..]))
            .into_iter()
            .collect();
    }
    turns.into_iter().filter_map(|user| holder(schedule, Some(user), &writes)).collect()
}

/// Instants of seventy years, most of them near a change of the clocks.
fn instants(zone: TimeZone) -> impl Strategy<Value = Timestamp> {
    let anywhere = 160_000_000_i64..2_400_000_000;
    let aside = prop_oneof![
        3 => -100_000_i64..100_000,
        2 => (-26_i64..=26).prop_map(|hours| hours * 3_600),
        1 => -1_i64..=1,
    ];
    (anywhere, aside, 0..4).prop_map(move |(second, aside, kind)| {
        let at = Timestamp::from_second(second).expect("in range");
        let change = zone.following(at).next().map(|change| change.timestamp());
        match (kind, change) {
            (0, _) | (_, None) => at,
            (_, Some(change)) => change + SignedDuration::from_secs(aside),
        }
    })
}

fn users() -> impl Strategy<Value = UserId> {
    (1..=6_i64).prop_map(UserId)
}

fn minutes() -> impl Strategy<Value = Time> {
    let any = (0_i8..24, 0_i8..60);
    prop_oneof![any, (0_i8..5, select(vec![0_i8, 15, 30, 45]))]
        .prop_map(|(hour, minute)| Time::constant(hour, minute, 0, 0))
}

fn windows() -> impl Strategy<Value = Window> {
    let days = subsequence(Day::ALL.to_vec(), 1..=7);
    (days, minutes(), minutes()).prop_map(|(days, from, to)| Window { days, from, to })
}

/// Begun some shifts before `near`, or after it.
fn rotations(near: DateTime) -> impl Strategy<Value = Rotation> {
    let people = prop::collection::vec(users(), 1..5);
    let windows = prop_oneof![Just(Vec::new()), prop::collection::vec(windows(), 0..4)];
    (select(&EVERY[..]), -2_i64..40, -3_i64..3, minutes(), people, windows).prop_map(
        move |(every, ago, days, time, participants, windows)| {
            let around = near - span(every) * ago + Span::new().days(days);
            Rotation {
                name: every.into(),
                every: every.parse().expect(every),
                handoff: around.date().to_datetime(time),
                participants,
                restrict: Restrict::from(windows),
            }
        },
    )
}

fn overrides(near: Timestamp) -> impl Strategy<Value = Override> {
    let who = (users(), prop::option::of(users()));
    (0..1_000_i64, 0..4_i64, -4_000..2_000_i64, 1..6_000_i64, who).prop_map(
        move |(id, made, start, minutes, (user, replacing))| {
            let start = near + SignedDuration::from_mins(start);
            let end = start + SignedDuration::from_mins(minutes);
            let (id, made) = (OverrideId(id), Seq(made));
            Override { id, made, start, end, user, replacing }
        },
    )
}

/// A schedule and an instant that is of interest to it.
fn schedules(
    rotation: impl Into<prop::collection::SizeRange>,
    changes: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = (Schedule, Timestamp)> {
    let (rotation, changes) = (rotation.into(), changes.into());
    let near = select(&ZONES[..]).prop_flat_map(|name| (Just(zone(name)), instants(zone(name))));
    near.prop_flat_map(move |(zone, at)| {
        let rotations = prop::collection::vec(rotations(zone.to_datetime(at)), rotation.clone());
        let overrides = prop::collection::vec(overrides(at), changes.clone());
        let disabled = prop::collection::btree_set(users(), 0..3);
        (Just(zone), rotations, overrides, disabled, Just(at))
    })
    .prop_map(|(zone, rotations, overrides, disabled, at)| {
        (Schedule { zone, rotations, overrides, disabled }, at)
    })
}

/// An hour-glass around an instant, fine in the middle.
fn around(at: Timestamp) -> impl Iterator<Item = Timestamp> {
    [0, 1, 60, 1_799, 3_600, 7_200, 43_200, 90_000]
        .into_iter()
        .flat_map(move |secs| [at - SECOND * secs, at + SECOND * secs])
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn everybody_is_on_call_whom_the_reference_says((schedule, at) in schedules(0..4, 0..6)) {
        for at in around(at) {
            prop_assert_eq!(schedule.on_call_at(at), reference(&schedule, at), "at {}", at);
        }
    }

    #[test]
    fn a_plain_rotation_has_one_person_at_every_instant((schedule, at) in schedules(1, 0)) {
        let mut schedule = schedule;
        schedule.disabled.clear();
        schedule.rotations[0].restrict = Restrict::default();
        let begin = happens(&schedule.zone, schedule.rotations[0].handoff).max(at - DAY * 3);
        let end = begin + DAY * 12;
        let shifts = schedule.shifts(begin, end);
        let mut reached = begin;
        for shift in &shifts.items {
            // No gap, no overlap, nobody twice in a row.
            prop_assert_eq!(shift.start, reached);
            prop_assert!(shift.end > shift.start);
            reached = shift.end;
            for at in [shift.start, shift.end - SECOND] {
                prop_assert_eq!(turn(&schedule.zone, &schedule.rotations[0], at), Some(shift.user));
            }
        }
        prop_assert_eq!((reached, shifts.to), (end, end));
        prop_assert!(shifts.items.windows(2).all(|two| two[0].user != two[1].user));
    }

    #[test]
    fn lists_agree_with_every_instant((schedule, at) in schedules(0..4, 0..6)) {
        let (from, to) = (at - DAY * 5, at + DAY * 5);
        let (shifts, gaps) = (schedule.shifts(from, to), schedule.gaps(from, to));
        prop_assert_eq!((shifts.to, gaps.to), (to, to));
        prop_assert!(shifts.items.is_sorted() && gaps.items.is_sorted());
        let edges = shifts.items.iter().flat_map(|s| [s.start, s.end]);
        let edges = edges.chain(gaps.items.iter().flat_map(|g| [g.start, g.end]));
        for edge in edges.flat_map(|edge| [edge - SECOND, edge, edge + SECOND]).chain(around(at)) {
            if !(from..to).contains(&edge) {
                continue;
            }
            let listed: BTreeSet<(UserId, Because)> = shifts
                .items
                .iter()
                .filter(|s| s.start <= edge && edge < s.end)
                .map(|s| (s.user, s.because))
                .collect();
            let nobody = gaps.items.iter().any(|g| g.start <= edge && edge < g.end);
            prop_assert_eq!(nobody, listed.is_empty());
            prop_assert_eq!(listed, schedule.reasons_at(edge), "at {}", edge);
        }
        // What goes on is one shift.
        for one in &shifts.items {
            let split = |other: &Shift| {
                (other.start, other.user, other.because) == (one.end, one.user, one.because)
            };
            prop_assert!(!shifts.items.iter().any(split));
        }
    }

    #[test]
    fn nothing_changes_before_the_next_change(
        (schedule, at) in schedules(0..4, 0..6),
        part in 0.0..1.0,
    ) {
        let now = schedule.on_call_at(at);
        let Some(next) = schedule.next_change(at) else { return Ok(()) };
        prop_assert_ne!(schedule.on_call_at(next), now.clone());
        prop_assert_eq!(schedule.on_call_at(next - SignedDuration::from_nanos(1)), now.clone());
        let between = at + next.duration_since(at).mul_f64(part);
        if between < next {
            prop_assert_eq!(reference(&schedule, between), now.clone(), "at {}", between);
        }
        for user in now {
            let Some(until) = schedule.until(user, at) else { continue };
            prop_assert!(until >= next);
            prop_assert!(!schedule.on_call_at(until).contains(&user));
        }
    }

    #[test]
    fn a_preview_says_who_gains_and_who_loses(
        (old, at) in schedules(0..3, 0..4),
        (new, _) in schedules(0..3, 0..4),
    ) {
        let (from, to) = (at - DAY * 3, at + DAY * 3);
        prop_assert!(old.difference(&old, from, to).items.is_empty());
        let moved = old.difference(&new, from, to).items;
        for at in moved.iter().flat_map(|m| [m.start - SECOND, m.start, m.end]).chain(around(at)) {
            if !(from..to).contains(&at) {
                continue;
            }
            let mut then = old.on_call_at(at);
            for m in moved.iter().filter(|m| m.start <= at && at < m.end) {
                let moves = if m.gains { then.insert(m.user) } else { then.remove(&m.user) };
                prop_assert!(moves);
            }
            prop_assert_eq!(then, new.on_call_at(at), "at {}", at);
        }
    }

    #[test]
    fn the_wall_runs_forward((name, at, aside) in select(&ZONES[..]).prop_flat_map(|name| {
        (Just(name), instants(zone(name)), prop_oneof![-100_000_i64..100_000, -2..2_i64])
    })) {
        let zone = zone(name);
        let shown = Wall::of(zone.to_datetime(at)).plus(aside);
        let first = shown.first(&zone);
        prop_assert_eq!(first <= at, shown <= Wall::at(&zone, at));
        prop_assert!(Wall::at(&zone, first) >= shown);
        prop_assert!(Wall::at(&zone, first - SECOND) < shown);
        prop_assert!(Wall::at(&zone, at) <= Wall::at(&zone, at + SECOND));
    }
}

/// Watches the clocks from two days before a change to two after it: a handoff has happened as
/// soon as they have shown its time.
fn watch(zone: &TimeZone, change: Timestamp, every: &str, handoff: DateTime) {
    let participants: Vec<UserId> = (1..=3).map(UserId).collect();
    let rotation = Rotation {
        name: every.into(),
        every: every.parse().expect(every),
        handoff,
        participants: participants.clone(),
        restrict: Restrict::default(),
    };
    let schedule = Schedule {
        zone: zone.clone(),
        rotations: vec![rotation],
        overrides: Vec::new(),
        disabled: BTreeSet::new(),
    };
    let mut shown = DateTime::MIN;
    let mut passed = 0_usize;
    let mut at = change - DAY * 2;
    while at < change + DAY * 2 {
        shown = shown.max(zone.to_datetime(at));
        while handoff + span(every) * i64::try_from(passed).expect("few") <= shown {
            passed += 1;
        }
        let expected: BTreeSet<UserId> =
            passed.checked_sub(1).map(|index| participants[index % 3]).into_iter().collect();
        assert_eq!(schedule.on_call_at(at), expected, "{at} {every} from {handoff} in {zone:?}");
        at += MINUTE;
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn minute_by_minute_the_clocks_say_who(
        (name, at) in select(&ZONES[..]).prop_flat_map(|name| (Just(name), instants(zone(name)))),
        every in select(&EVERY[..7]),
        time in minutes(),
    ) {
        let zone = zone(name);
        let date = zone.to_datetime(at - DAY * 3).date();
        watch(&zone, at, every, date.to_datetime(time));
    }
}
