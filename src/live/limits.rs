//! Messages of one person, over all of his sockets: reconnecting does not reset the count.
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::UserId;

/// Messages within `WINDOW`.
pub const LIMIT: usize = 100;
pub const WARN_AT: usize = 80;
pub const WINDOW: Duration = Duration::from_mins(1);
/// The first subscribes of a connection cost nothing, so that a reconnect is not punished.
pub const FREE_SUBSCRIBES: u32 = 5;
/// Windows kept before idle ones are dropped.
const SWEEP_ABOVE: usize = 1_024;

/// What a message did to its sender's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// The count reached the warning.
    Warn {
        current: usize,
        retry_after: Duration,
    },
    /// Over the limit.
    Over {
        current: usize,
        retry_after: Duration,
    },
}

/// Sliding windows, by person; time is since boot.
#[derive(Default)]
pub struct RateLimit(Mutex<HashMap<UserId, VecDeque<Duration>>>);

impl RateLimit {
    pub fn count(&self, user: UserId, now: Duration) -> Verdict {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |at: &Duration| now.saturating_sub(*at) < WINDOW;
        if windows.len() > SWEEP_ABOVE {
            windows.retain(|_, times| times.back().is_some_and(fresh));
        }
        let times = windows.entry(user).or_default();
        while times.front().is_some_and(|at| !fresh(at)) {
            times.pop_front();
        }
        if times.len() <= LIMIT {
            times.push_back(now);
        }
        let current = times.len();
        let retry_after =
            times.front().map_or(WINDOW, |first| WINDOW.saturating_sub(now.saturating_sub(*first)));
        match current {
            WARN_AT => Verdict::Warn { current, retry_after },
            _ if current > LIMIT => Verdict::Over { current, retry_after },
            _ => Verdict::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighty_warn_a_hundred_and_one_end_and_a_minute_forgives() {
        let (limit, user) = (RateLimit::default(), UserId(1));
        let at = Duration::from_secs;
        for n in 1..=100 {
            let verdict = limit.count(user, at(10));
            assert_eq!(matches!(verdict, Verdict::Warn { current: 80, .. }), n == 80);
            assert!(!matches!(verdict, Verdict::Over { .. }));
        }
        assert_eq!(limit.count(user, at(30)), Verdict::Over { current: 101, retry_after: at(40) });
        assert_eq!(limit.count(UserId(2), at(30)), Verdict::Fine, "others are not concerned");
        assert_eq!(limit.count(user, at(71)), Verdict::Fine, "the window slides");
    }
}
