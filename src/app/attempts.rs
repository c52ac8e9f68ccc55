//! Failed attempts to prove who one is, counted so that guessing does not pay: in memory, bounded,
//! by the app's clock. Knows no database: who an account belongs to makes no difference.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Visitor;
use crate::error::{Error, Kind, Result};

/// How long a failure counts: the window begins with the first.
const PERIOD: Duration = Duration::from_mins(15);
/// Wrong passwords for one account from one address.
const SAME: u32 = 10;
/// Wrong passwords from one address, whatever the account.
const FROM_ADDRESS: u32 = 50;
/// Wrong passwords for one account, from wherever it was never used before.
const FOR_ACCOUNT: u32 = 100;
/// Bad tokens and links from one address.
const BAD_SECRETS: u32 = 100;
/// Codes and tests that one person has sent.
const ASKED: u32 = 20;
/// Windows kept at most.
const MAX_WINDOWS: usize = 10_000;
/// Of these, where room is needed, one in so many goes.
const DROPPED: usize = 10;

/// What is counted. Accounts as hashes: they may be of any length, and what was typed there may
/// be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Counted {
    Same([u8; 32], Option<IpAddr>),
    FromAddress(IpAddr),
    ForAccount([u8; 32]),
    BadSecrets(IpAddr),
    Asked([u8; 32]),
}

impl Counted {
    const fn limit(self) -> u32 {
        match self {
            Self::Same(..) => SAME,
            Self::FromAddress(_) => FROM_ADDRESS,
            Self::ForAccount(_) => FOR_ACCOUNT,
            Self::BadSecrets(_) => BAD_SECRETS,
            Self::Asked(_) => ASKED,
        }
    }
}

#[derive(Clone, Copy)]
struct Window {
    failures: u32,
    since: Duration,
}

/// Failures by what they count against.
#[derive(Default)]
pub(super) struct Attempts(Mutex<HashMap<Counted, Window>>);

/// Somebody says a password of `account`.
#[derive(Clone)]
pub(super) struct Guess(Vec<Counted>);

impl Guess {
    /// `known`: the account was used from there before, so that nobody elsewhere locks it out.
    pub(super) fn new(account: &str, visitor: &Visitor, known: bool) -> Self {
        let account = crate::secret::hash(account.as_bytes());
        let mut counted = vec![Counted::Same(account, visitor.counted)];
        counted.extend(visitor.counted.map(Counted::FromAddress));
        if !known {
            counted.push(Counted::ForAccount(account));
        }
        Self(counted)
    }

    /// A token, session or link; none from where no one address answers for them.
    fn secret(visitor: &Visitor) -> Self {
        Self(visitor.counted.map(Counted::BadSecrets).into_iter().collect())
    }
}

impl Attempts {
    /// # Errors
    /// `Limited` where one more guess would be one too many.
    pub(super) fn check(&self, guess: &Guess, now: Duration) -> Result<()> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = guess
            .0
            .iter()
            .filter_map(|counted| {
                let window = windows.get(counted)?;
                let left = PERIOD.checked_sub(now.saturating_sub(window.since))?;
                (window.failures >= counted.limit() && !left.is_zero()).then_some(left)
            })
            .max();
        wait.map_or(Ok(()), |wait| Err(too_many(wait)))
    }

    pub(super) fn failed(&self, guess: &Guess, now: Duration) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for counted in &guess.0 {
            if !windows.contains_key(counted) {
                make_room(&mut windows, now);
            }
            let window = windows.entry(*counted).or_insert(Window { failures: 0, since: now });
            if now.saturating_sub(window.since) >= PERIOD {
                *window = Window { failures: 0, since: now };
            }
            window.failures = window.failures.saturating_add(1);
        }
    }

    /// Whoever knows the password starts anew; what else came from there still counts.
    pub(super) fn succeeded(&self, guess: &Guess) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for counted in guess.0.iter().filter(|counted| matches!(counted, Counted::Same(..))) {
            windows.remove(counted);
        }
    }

    /// The account has a new password: what was guessed before is of no use.
    pub(super) fn forget(&self, account: &str) {
        let account = crate::secret::hash(account.as_bytes());
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.retain(|counted, _| match counted {
            Counted::Same(of, _) | Counted::ForAccount(of) => *of != account,
            Counted::FromAddress(_) | Counted::BadSecrets(_) | Counted::Asked(_) => true,
        });
    }

    /// Somebody has a message sent.
    ///
    /// # Errors
    /// `Limited` where there were too many.
    pub(super) fn asked(&self, username: &str, now: Duration) -> Result<()> {
        let asked = Guess(vec![Counted::Asked(crate::secret::hash(username.as_bytes()))]);
        self.check(&asked, now).map_err(|error| {
            let secs = error.retry_after.unwrap_or_default();
            let mut error = Error::new(Kind::Limited, "Too many messages were asked for.")
                .hint(format!("Wait {} min.", secs.div_ceil(60)));
            error.retry_after = Some(secs);
            error
        })?;
        self.failed(&asked, now);
        Ok(())
    }

    /// A token, session or link that was none.
    ///
    /// # Errors
    /// `Limited` where there were too many: a good one is never held up by bad ones, so it is
    /// asked after the look, and says no more than that.
    pub(super) fn bad_secret(&self, visitor: &Visitor, now: Duration) -> Result<()> {
        let guess = Guess::secret(visitor);
        let over = self.check(&guess, now);
        if over.is_ok() {
            self.failed(&guess, now);
        }
        over
    }
}

/// Drops what is over; where that is not enough, those who failed least and longest ago.
fn make_room(windows: &mut HashMap<Counted, Window>, now: Duration) {
    if windows.len() < MAX_WINDOWS {
        return;
    }
    windows.retain(|_, window| now.saturating_sub(window.since) < PERIOD);
    if windows.len() < MAX_WINDOWS {
        return;
    }
    let mut ranks: Vec<_> = windows.values().map(|w| (w.failures, w.since)).collect();
    let (_, last, _) = ranks.select_nth_unstable(MAX_WINDOWS / DROPPED);
    let last = *last;
    windows.retain(|_, window| (window.failures, window.since) > last);
}

fn too_many(wait: Duration) -> Error {
    let secs = wait.as_millis().div_ceil(1_000);
    let mut error = Error::new(Kind::Limited, "Too many failed attempts.").hint(format!(
        "Wait {} min. On the host `incidentd user set-password` and `token create` always work.",
        secs.div_ceil(60)
    ));
    error.retry_after = u32::try_from(secs).ok();
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn from(address: &str) -> Visitor {
        let address = address.parse().ok();
        Visitor::new("", address, address)
    }

    /// How many wrong guesses are let through.
    fn guesses(attempts: &Attempts, guess: &Guess, now: Duration) -> u32 {
        let mut made = 0;
        while attempts.check(guess, now).is_ok() {
            attempts.failed(guess, now);
            made += 1;
        }
        made
    }

    #[test]
    fn ten_from_one_place_and_a_quarter_of_an_hour_later_ten_more() {
        let attempts = Attempts::default();
        let guess = Guess::new("alice", &from("192.0.2.1"), false);
        assert_eq!(guesses(&attempts, &guess, at(100)), SAME);
        let told = attempts.check(&guess, at(400)).expect_err("too many");
        assert_eq!(told.retry_after, Some(600));
        assert_eq!(guesses(&attempts, &guess, at(1_000)), SAME);
    }

    #[test]
    fn an_address_has_its_limit_over_all_accounts_but_this_host_has_none() {
        let guess_all = |place: &str| {
            let attempts = Attempts::default();
            let guess = |n: u32| Guess::new(&format!("user{n}"), &from(place), false);
            (0..1_000).filter(|n| guesses(&attempts, &guess(*n), at(1)) > 0).count()
        };
        assert_eq!(guess_all("192.0.2.1"), (FROM_ADDRESS / SAME) as usize);
        assert_eq!(guess_all("this host"), 1_000);
    }

    #[test]
    fn guessing_from_everywhere_never_locks_out_whoever_was_there_before() {
        let attempts = Attempts::default();
        let made: u32 = (0..200)
            .map(|n| Guess::new("alice", &from(&format!("192.0.2.{n}")), false))
            .map(|guess| guesses(&attempts, &guess, at(1)))
            .sum();
        assert_eq!(made, FOR_ACCOUNT);
        let at_home = |known| Guess::new("alice", &from("198.51.100.7"), known);
        assert!(attempts.check(&at_home(false), at(2)).is_err());
        assert!(attempts.check(&at_home(true), at(2)).is_ok());
        attempts.forget("alice");
        assert!(attempts.check(&at_home(false), at(3)).is_ok(), "a new password, a new start");
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let attempts = Attempts::default();
        let worst = Guess::new("alice", &from("192.0.2.1"), true);
        guesses(&attempts, &worst, at(1));
        for n in 0..u32::try_from(MAX_WINDOWS).expect("small") {
            let place = std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
            attempts.failed(&Guess::new(&format!("user{n}"), &from(&place), true), at(2));
        }
        assert!(attempts.0.lock().expect("whole").len() <= MAX_WINDOWS);
        assert!(attempts.check(&worst, at(2)).is_err());
    }
}
