//! Shifts through every trick that clocks and calendars play.
use jiff::Timestamp;

use super::{ALICE, BOB, CAROL, handoffs, restricted, rotation, schedule};

#[test]
fn a_week_ends_at_nine_in_winter_and_in_summer() {
    let weekly = schedule("Europe/Paris", [rotation("1w", "2026-01-05T09:00", &[ALICE, BOB])]);
    assert_eq!(weekly.at("2026-01-05T08:59:59"), []);
    assert_eq!(weekly.at("2026-01-05T09:00"), [ALICE]);
    assert_eq!(weekly.at("2026-01-12T08:59:59"), [ALICE]);
    assert_eq!(weekly.at("2026-01-12T09:00"), [BOB]);
    assert_eq!(
        weekly.handoffs("2026-03-20T00:00", "2026-04-14T00:00"),
        handoffs(&[
            ("03-20 00:00", ALICE),
            ("03-23 09:00", BOB),
            ("03-30 09:00", ALICE),
            ("04-06 09:00", BOB),
            ("04-13 09:00", ALICE),
        ])
    );
}

#[test]
fn a_handoff_in_the_hour_that_is_leapt_over_happens_at_its_end() {
    let daily = schedule("America/New_York", [rotation("1d", "2026-03-01T02:30", &[ALICE, BOB])]);
    // 2026-03-08, 02:00 to 03:00 does not exist.
    assert_eq!(daily.at("2026-03-08T06:59:59Z"), [ALICE]);
    assert_eq!(daily.at("2026-03-08T07:00:00Z"), [BOB]);
    assert_eq!(daily.at("2026-03-09T02:29:59"), [BOB]);
    assert_eq!(daily.at("2026-03-09T02:30"), [ALICE]);
}

#[test]
fn a_handoff_in_the_hour_that_comes_twice_happens_the_first_time() {
    let daily = schedule("America/New_York", [rotation("1d", "2026-10-31T01:30", &[ALICE, BOB])]);
    // 2026-11-01, 01:30 is at 05:30 and at 06:30 UTC.
    assert_eq!(daily.at("2026-11-01T05:29:59Z"), [ALICE]);
    assert_eq!(daily.at("2026-11-01T05:30:00Z"), [BOB]);
    assert_eq!(daily.at("2026-11-01T06:10:00Z"), [BOB], "the clocks show 01:10 again");
    assert_eq!(daily.at("2026-11-01T06:30:00Z"), [BOB]);
    assert_eq!(daily.at("2026-11-02T01:30"), [ALICE]);
}

#[test]
fn hours_are_those_of_the_wall_clock_too() {
    let people = [ALICE, BOB, CAROL];
    let hourly = schedule("Europe/Paris", [rotation("1h", "2026-03-29T00:00", &people)]);
    // 02:00 to 03:00 does not exist: it was carol's.
    assert_eq!(
        hourly.handoffs("2026-03-29T00:00", "2026-03-29T05:00"),
        handoffs(&[
            ("03-29 00:00", ALICE),
            ("03-29 01:00", BOB),
            ("03-29 03:00", ALICE),
            ("03-29 04:00", BOB)
        ])
    );
    let hourly = schedule("Europe/Paris", [rotation("1h", "2026-10-25T01:00", &people)]);
    // 02:00 to 03:00 comes twice: bob has both.
    assert_eq!(
        hourly.handoffs("2026-10-25T01:00", "2026-10-25T05:00"),
        handoffs(&[
            ("10-25 01:00", ALICE),
            ("10-25 02:00", BOB),
            ("10-25 03:00", CAROL),
            ("10-25 04:00", ALICE)
        ])
    );
    let nights = schedule("Europe/Paris", [rotation("12h", "2026-03-01T08:00", &[ALICE, BOB])]);
    assert_eq!(nights.at("2026-07-01T08:00"), [ALICE]);
    assert_eq!(nights.at("2026-07-01T20:00"), [BOB]);
}

#[test]
fn months_from_a_31st_begin_on_the_last_day_of_shorter_ones() {
    let monthly = schedule("Europe/Paris", [rotation("1mo", "2028-01-31T09:00", &[ALICE, BOB])]);
    assert_eq!(
        monthly.handoffs("2028-01-31T09:00", "2028-06-01T00:00"),
        handoffs(&[
            ("01-31 09:00", ALICE),
            ("02-29 09:00", BOB),
            ("03-31 09:00", ALICE),
            ("04-30 09:00", BOB),
            ("05-31 09:00", ALICE),
        ])
    );
    let yearly = schedule("UTC", [rotation("1y", "2024-02-29T00:00", &[ALICE, BOB])]);
    assert_eq!(yearly.at("2025-02-27T23:59"), [ALICE]);
    assert_eq!(yearly.at("2025-02-28T00:00"), [BOB]);
    assert_eq!(yearly.at("2028-02-28T23:59"), [BOB]);
    assert_eq!(yearly.at("2028-02-29T00:00"), [ALICE]);
}

#[test]
fn a_leap_day_is_a_day() {
    let daily = schedule("UTC", [rotation("1d", "2028-02-28T00:00", &[ALICE, BOB, CAROL])]);
    assert_eq!(daily.at("2028-02-29T12:00"), [BOB]);
    assert_eq!(daily.at("2028-03-01T12:00"), [CAROL]);
}

#[test]
fn the_day_that_samoa_left_out_is_nobodys() {
    // After Thursday, 2011-12-29 came Saturday, 2011-12-31.
    let people = [ALICE, BOB, CAROL];
    let daily = schedule("Pacific/Apia", [rotation("1d", "2011-12-28T00:00", &people)]);
    assert_eq!(
        daily.handoffs("2011-12-28T00:00", "2012-01-02T00:00"),
        handoffs(&[
            ("12-28 00:00", ALICE),
            ("12-29 00:00", BOB),
            ("12-31 00:00", ALICE),
            ("01-01 00:00", BOB)
        ])
    );
    // A handoff on the day itself happens when Saturday begins.
    let weekly = schedule("Pacific/Apia", [rotation("1w", "2011-12-23T09:00", &[ALICE, BOB])]);
    assert_eq!(weekly.at("2011-12-29T23:59:59"), [ALICE]);
    assert_eq!(weekly.at("2011-12-31T00:00"), [BOB]);
    let fridays = restricted(
        r#"[{"days":["fri"],"from":"00:00","to":"24:00"}]"#,
        rotation("1w", "2011-12-01T00:00", &[ALICE]),
    );
    assert_eq!(
        schedule("Pacific/Apia", [fridays]).handoffs("2011-12-20T00:00", "2012-01-10T00:00"),
        handoffs(&[("12-23 00:00", ALICE), ("01-06 00:00", ALICE)])
    );
}

#[test]
fn lord_howe_moves_its_clocks_by_half_an_hour() {
    let daily =
        schedule("Australia/Lord_Howe", [rotation("1d", "2026-04-04T01:45", &[ALICE, BOB])]);
    // 2026-04-05 at 02:00 (+11) it is 01:30 (+10:30) again.
    assert_eq!(daily.at("2026-04-04T14:44:59Z"), [ALICE]);
    assert_eq!(daily.at("2026-04-04T14:45:00Z"), [BOB]);
    assert_eq!(daily.at("2026-04-04T15:05:00Z"), [BOB], "the clocks show 01:35 again");
    let daily =
        schedule("Australia/Lord_Howe", [rotation("1d", "2026-10-03T02:15", &[ALICE, BOB])]);
    // 2026-10-04 at 02:00 (+10:30) it is 02:30 (+11).
    assert_eq!(daily.at("2026-10-03T15:29:59Z"), [ALICE]);
    assert_eq!(daily.at("2026-10-03T15:30:00Z"), [BOB]);
}

#[test]
fn zones_that_gave_up_or_changed_their_rules_are_followed() {
    // Midnight did not exist on the first day of summer time, the last of which began in 2018.
    let daily = schedule("America/Sao_Paulo", [rotation("1d", "2018-11-03T00:00", &[ALICE, BOB])]);
    assert_eq!(daily.at("2018-11-04T02:59:59Z"), [ALICE]);
    assert_eq!(daily.at("2018-11-04T03:00:00Z"), [BOB]);
    let weekly = schedule("America/Sao_Paulo", [rotation("1w", "2018-01-01T09:00", &[ALICE, BOB])]);
    let nine = |day: &str| weekly.next_change(weekly.shown(day)).expect("a handoff").to_string();
    assert_eq!(nine("2018-12-02T12:00"), "2018-12-03T11:00:00Z");
    assert_eq!(nine("2026-12-06T12:00"), "2026-12-07T12:00:00Z");
    let daily = schedule("Asia/Kathmandu", [rotation("1d", "2026-01-05T09:00", &[ALICE, BOB])]);
    assert_eq!(daily.at("2026-06-01T03:14:59Z"), [ALICE]);
    assert_eq!(daily.at("2026-06-01T03:15:00Z"), [BOB]);
}

#[test]
fn a_first_handoff_decades_ago_is_counted_not_walked() {
    let hourly =
        schedule("Europe/London", [rotation("1h", "1970-01-01T00:00", &[ALICE, BOB, CAROL])]);
    // 1,356,984 hours, a multiple of three.
    assert_eq!(hourly.at("2124-10-22T00:30"), [ALICE]);
    assert_eq!(hourly.at("2124-10-22T01:30"), [BOB]);
    let far = [Timestamp::MIN, Timestamp::MAX];
    assert_eq!(far.map(|at| hourly.on_call_at(at).len()), [0, 1]);
    assert_eq!(hourly.next_change(Timestamp::MAX), None);
    assert!(hourly.shifts(far[0], far[1]).items.is_empty(), "the horizon is before 1970");
}
