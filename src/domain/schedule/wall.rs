//! The clocks on the walls of a zone, made to run forward only: where they are put back, the
//! highest time that they have shown counts on; where they are put forward, all that they leap
//! over happens at once. On that one rising number every rule of a schedule is plain arithmetic,
//! and no instant can have two people or none because of a change of the clocks.
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 24 * HOUR;
pub const WEEK: i64 = 7 * DAY;

/// No zone differs from UTC by more, and none ever moved its clocks by more.
const REACH: i64 = 26 * HOUR;
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
/// From the Monday before the epoch, a Thursday.
const SINCE_MONDAY: i64 = 3 * DAY;

/// What a wall clock shows: whole seconds since 1970-01-01T00:00 there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(i64);

impl Wall {
    #[must_use]
    pub fn of(shown: DateTime) -> Self {
        Self(shown.duration_since(EPOCH).as_secs())
    }

    /// The highest that the clocks have shown up to `at`.
    #[must_use]
    pub fn at(zone: &TimeZone, at: Timestamp) -> Self {
        let at = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
        let mut highest = at + offset(zone, at);
        for change in zone.preceding(instant(at.saturating_add(1))) {
            let changed = change.timestamp().as_second();
            if changed < at - REACH {
                break;
            }
            highest = highest.max(changed - 1 + offset(zone, changed - 1));
        }
        Self(highest)
    }

    /// The first instant at which the clocks show this or more: in a gap its end, in an overlap
    /// the earlier of the two. For every instant: `first <= at` just if `self <= Wall::at(at)`.
    #[must_use]
    pub fn first(self, zone: &TimeZone) -> Timestamp {
        let mut since = self.0.saturating_sub(REACH);
        let mut ahead = offset(zone, since);
        for change in zone.following(instant(since)) {
            let changed = change.timestamp().as_second();
            if since.max(self.0.saturating_sub(ahead)) < changed {
                break;
            }
            since = changed;
            ahead = change.offset().seconds().into();
        }
        instant(since.max(self.0.saturating_sub(ahead)))
    }

    #[must_use]
    pub const fn plus(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// Seconds from `earlier` to this.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Seconds since Monday, 00:00.
    #[must_use]
    pub const fn of_week(self) -> i64 {
        self.0.saturating_add(SINCE_MONDAY).rem_euclid(WEEK)
    }

    /// Months since the year 0.
    #[must_use]
    pub fn month(self) -> i64 {
        month(EPOCH.saturating_add(SignedDuration::from_secs(self.0)))
    }
}

/// Months since the year 0.
#[must_use]
pub fn month(shown: DateTime) -> i64 {
    i64::from(shown.year()) * 12 + i64::from(shown.month()) - 1
}

fn offset(zone: &TimeZone, at: i64) -> i64 {
    zone.to_offset(instant(at)).seconds().into()
}

/// Beyond what can be named, the first or the last that can.
fn instant(secs: i64) -> Timestamp {
    let end = if secs < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(secs).unwrap_or(end)
}
