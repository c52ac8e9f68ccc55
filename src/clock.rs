//! Time, read in one place so that tests can turn it. Wall time says when; boot time (which goes
//! on during suspend and does not follow clock steps) says how long.
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The system's clock, or one that a test turns.
#[derive(Clone)]
pub enum Clock {
    System,
    Manual(Arc<ManualClock>),
}

/// A clock that stands still until it is turned.
pub struct ManualClock {
    /// (wall time, time since boot).
    time: watch::Sender<(Timestamp, Duration)>,
}

impl ManualClock {
    #[must_use]
    pub fn starting_at(wall: Timestamp) -> Arc<Self> {
        Arc::new(Self { time: watch::Sender::new((wall, Duration::ZERO)) })
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        self.time.send_modify(|(wall, boot)| {
            *wall = shift(*wall, by);
            *boot += by;
        });
    }

    /// Somebody sets the wall clock; no time passes.
    pub fn step_wall(&self, by: SignedDuration) {
        self.time.send_modify(|(wall, _)| {
            *wall = wall.saturating_add(by).unwrap_or(*wall);
        });
    }
}

impl Clock {
    /// Wall time, in whole milliseconds: what is stored is what is sent.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> Timestamp {
        let exact = match self {
            Self::System => Timestamp::now(),
            Self::Manual(manual) => manual.time.borrow().0,
        };
        Timestamp::from_millisecond(exact.as_millisecond()).unwrap_or(exact)
    }

    /// Time since boot, suspend included.
    #[must_use]
    pub fn since_boot(&self) -> Duration {
        match self {
            Self::System => {
                let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                Duration::new(
                    time.tv_sec.try_into().unwrap_or(0),
                    time.tv_nsec.try_into().unwrap_or(0),
                )
            }
            Self::Manual(manual) => manual.time.borrow().1,
        }
    }

    /// Returns after `duration` has passed on this clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    pub async fn sleep(&self, duration: Duration) {
        match self {
            Self::System => tokio::time::sleep(duration).await,
            Self::Manual(manual) => {
                let mut time = manual.time.subscribe();
                let until = time.borrow().1 + duration;
                // The sender lives in `self`, so this ends only when the time has come.
                let _ = time.wait_for(|(_, boot)| *boot >= until).await;
            }
        }
    }
}

/// `at + by`, at most the end of representable time.
#[must_use]
pub fn shift(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| at.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}
