//! How many connections there are, in all and from one address.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

pub use crate::app::household;
use crate::config::Limits;

#[derive(Clone, Default)]
pub struct Crowd(Arc<Mutex<Count>>);

#[derive(Default)]
struct Count {
    all: usize,
    from: HashMap<IpAddr, usize>,
}

/// One connection's place, free again when it is dropped.
pub struct Place {
    crowd: Crowd,
    from: Option<IpAddr>,
}

impl Crowd {
    fn count(&self) -> std::sync::MutexGuard<'_, Count> {
        // Plain numbers: a panic elsewhere leaves them right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None if there is no room; `from` is whom the limit of one address counts, if anybody.
    #[must_use]
    pub fn enter(&self, from: Option<IpAddr>, limits: &Limits) -> Option<Place> {
        let mut count = self.count();
        if count.all >= limits.connections {
            return None;
        }
        if let Some(from) = from {
            let here = count.from.entry(from).or_default();
            if *here >= limits.connections_per_address {
                return None;
            }
            *here += 1;
        }
        count.all += 1;
        drop(count);
        Some(Place { crowd: self.clone(), from })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut count = self.crowd.count();
        count.all -= 1;
        if let Some(from) = self.from
            && let Some(here) = count.from.get_mut(&from)
        {
            *here -= 1;
            if *here == 0 {
                count.from.remove(&from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_share_and_all_have_theirs() {
        let crowd = Crowd::default();
        let limits = Limits { connections: 4, connections_per_address: 2, ..Limits::default() };
        let address = |text: &str| Some(household(text.parse().expect("an address")));
        let a = address("192.0.2.1");
        let mut places = vec![crowd.enter(a, &limits).expect("room")];
        places.push(crowd.enter(address("::ffff:192.0.2.1"), &limits).expect("room"));
        assert!(crowd.enter(a, &limits).is_none(), "the same address, however it is written");
        places.push(crowd.enter(address("2001:db8::1"), &limits).expect("room"));
        places.push(crowd.enter(address("2001:db8::ffff:2"), &limits).expect("room"));
        assert!(crowd.enter(None, &limits).is_none(), "four are all");
        places.remove(0);
        assert!(crowd.enter(address("2001:db8::3"), &limits).is_none(), "one network has two");
        assert!(crowd.enter(a, &limits).is_some());
        drop(places);
        assert!(crowd.count().from.is_empty() && crowd.count().all == 0);
    }
}
