//! What happens in the demo and when: pure, so that the same seed tells the same story.
use std::collections::BTreeMap;
use std::time::Duration;

use super::kinds::{self, KINDS, Kind};

/// The days before somebody looks.
pub const BEFORE: Duration = Duration::from_hours(50);
/// Before this nothing of chance is open any more: what is, is `OPEN`.
const SETTLED: u64 = 100 * MINUTE;
/// One in so many comes with company.
const STORM: u64 = 13;
/// What comes again sooner would reopen its incident, as flapping does.
const REST: u64 = 11 * MINUTE;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

/// A kind of trouble in one of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    kind: usize,
    place: usize,
}

impl Case {
    #[must_use]
    pub fn kind(self) -> &'static Kind {
        &KINDS[self.kind]
    }

    #[must_use]
    pub fn place(self) -> &'static str {
        self.kind().places[self.place]
    }

    #[must_use]
    pub fn title(self) -> String {
        self.kind().title.replace("{}", self.place())
    }

    fn all() -> impl Iterator<Item = Self> {
        let places = |kind: usize| (0..KINDS[kind].places.len()).map(move |place| (kind, place));
        (0..KINDS.len()).flat_map(places).map(|(kind, place)| Self { kind, place })
    }

    fn named(name: &str, at: &str) -> Self {
        let wanted = |case: &Self| case.kind().name == name && case.place() == at;
        Self::all().find(wanted).unwrap_or(Self { kind: 0, place: 0 })
    }
}

/// Who does it; whose turn it is, the schedules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    OnCall,
    Colleague,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Fires,
    Clears,
    Ack(Who),
    Note(Who, &'static str),
    Resolve(Who, &'static str),
    Snooze(Who),
    /// To the other.
    HandOver(Who),
}

/// Something happens, so long after the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    pub at: Duration,
    pub case: Case,
    pub deed: Deed,
}

/// How fast it goes: milliseconds between two cases, and how much slower than at its fastest.
struct Pace {
    least: u64,
    most: u64,
    slow: u64,
}

/// What happens of itself, beat by beat; for ever unless it ends.
pub struct Story {
    random: Random,
    pace: Pace,
    agenda: BTreeMap<(u64, u64), (Case, Deed)>,
    told: u64,
    cases: u64,
    next_case: u64,
    last_case: u64,
    /// Until when a case is not to begin.
    taken: BTreeMap<Case, u64>,
}

use Deed::{Ack, Clears, Fires, HandOver, Note, Resolve, Snooze};
use Who::{Colleague, OnCall};

/// Kind, place, so many minutes ago, and what was done since.
type Opened = (&'static str, &'static str, u64, &'static [(u64, Deed)]);

/// What is open when somebody first looks.
const OPEN: &[Opened] = &[
    (kinds::CERTIFICATE, "api.example.com", 2, &[]),
    (kinds::DISK_FULL, "db-3", 14, &[]),
    (kinds::INVOICES, "tenant 204", 6, &[]),
    (kinds::SLOW_BACKUP, "customers", 22, &[]),
    (kinds::NIGHTLY, "ios", 41, &[]),
    (
        kinds::REPLICA_LAG,
        "db-2",
        31,
        &[
            (28, Ack(OnCall)),
            (21, Note(OnCall, "A report holds it up; asked its owner to stop.")),
            (9, Note(Colleague, "It is the year-end report. Stopping it is fine.")),
        ],
    ),
    (
        kinds::DECLINED,
        "Cardbridge",
        18,
        &[
            (16, Ack(OnCall)),
            (11, Note(OnCall, "Their status page admits it. Asked them for a time.")),
        ],
    ),
    (kinds::DISK_FILLS, "db-1", 83, &[(74, Snooze(OnCall))]),
];

/// Which heartbeats beat before somebody first looks, so many hours ago, in their order: one is
/// well, one has been late for an hour.
pub const PULSES: &[(u64, &str)] =
    &[(31, "nightly-backup"), (25, "ledger-export"), (7, "nightly-backup")];

/// How that ends, in seconds after the first look; the rest stays.
const THEN: &[(&str, &str, u64, Deed)] = &[
    (kinds::CERTIFICATE, "api.example.com", 48, Ack(OnCall)),
    (kinds::CERTIFICATE, "api.example.com", 71, Note(OnCall, "The new proxy is in the way.")),
    (kinds::DECLINED, "Cardbridge", 95, Resolve(OnCall, "They are back.")),
    (kinds::DECLINED, "Cardbridge", 101, Clears),
    (kinds::INVOICES, "tenant 204", 140, Ack(Colleague)),
    (kinds::REPLICA_LAG, "db-2", 160, Clears),
    (kinds::DISK_FULL, "db-3", 240, Ack(OnCall)),
    (kinds::CERTIFICATE, "api.example.com", 270, Clears),
    (kinds::SLOW_BACKUP, "customers", 300, Clears),
    (kinds::INVOICES, "tenant 204", 330, Resolve(Colleague, "Ran it again.")),
    (kinds::INVOICES, "tenant 204", 336, Clears),
    (kinds::DISK_FULL, "db-3", 400, Clears),
];

/// The days before, to their end.
#[must_use]
pub fn before(seed: u64) -> Vec<Beat> {
    let end = u64::try_from(BEFORE.as_millis()).unwrap_or(u64::MAX);
    let pace = Pace { least: 25 * MINUTE, most: 85 * MINUTE, slow: 20 };
    let mut story = Story::new(seed, pace);
    story.last_case = end - SETTLED;
    let open = OPEN.iter().flat_map(|&(name, place, since, deeds)| {
        let case = Case::named(name, place);
        let beat = move |ago: u64, deed| Beat {
            at: Duration::from_millis(end - ago * MINUTE),
            case,
            deed,
        };
        let fires = std::iter::once(beat(since, Fires));
        fires.chain(deeds.iter().map(move |(ago, deed)| beat(*ago, *deed)))
    });
    let mut beats: Vec<Beat> = open.collect();
    beats.extend(story);
    beats.sort_by_key(|beat| beat.at);
    beats
}

impl Story {
    /// From the first look on, for ever.
    #[must_use]
    pub fn live(seed: u64) -> Self {
        let pace = Pace { least: 9 * SECOND, most: 26 * SECOND, slow: 1 };
        let mut story = Self::new(seed.wrapping_add(1), pace);
        // Whoever looks shall not wait.
        story.next_case = 4 * SECOND;
        for &(name, place, after, deed) in THEN {
            story.tell(after * SECOND, Case::named(name, place), deed);
        }
        story
    }

    fn new(seed: u64, pace: Pace) -> Self {
        // What is open at the first look is no matter of chance.
        let open = OPEN.iter().map(|&(name, place, ..)| (Case::named(name, place), u64::MAX));
        let mut random = Random(seed);
        let next_case = random.between(pace.least, pace.most) / 2;
        Self {
            random,
            pace,
            agenda: BTreeMap::new(),
            told: 0,
            cases: 0,
            next_case,
            last_case: u64::MAX,
            taken: open.collect(),
        }
    }

    fn tell(&mut self, at: u64, case: Case, deed: Deed) {
        self.told += 1;
        self.agenda.insert((at, self.told), (case, deed));
    }

    /// Some seconds, at this pace.
    fn some(&mut self, least: u64, most: u64) -> u64 {
        self.random.between(least * SECOND, most * SECOND) * self.pace.slow
    }

    fn free(&mut self, at: u64) -> Option<Case> {
        let free: Vec<Case> = Case::all()
            .filter(|case| self.taken.get(case).is_none_or(|until| *until <= at))
            .collect();
        (!free.is_empty()).then(|| *self.random.pick(&free))
    }

    fn begin(&mut self) {
        let at = self.next_case;
        self.next_case += self.random.between(self.pace.least, self.pace.most);
        self.cases += 1;
        if self.cases.is_multiple_of(STORM) {
            return self.storm(at);
        }
        if let Some(case) = self.free(at) {
            let over = self.course(at, case);
            self.taken.insert(case, over + REST);
        }
    }

    /// Much at once, and it is over as fast.
    fn storm(&mut self, at: u64) {
        for nth in 0..7 {
            let Some(case) = self.free(at) else { return };
            let begins = at + self.random.between(0, 4 * SECOND);
            self.tell(begins, case, Fires);
            if nth < 2 {
                let answered = begins + self.some(12, 25);
                self.tell(answered, case, Ack(OnCall));
            }
            let over = begins + self.some(40, 80);
            self.tell(over, case, Clears);
            self.taken.insert(case, over + REST);
        }
    }

    /// What becomes of one; returns when it is over.
    fn course(&mut self, mut at: u64, case: Case) -> u64 {
        let kind = case.kind();
        self.tell(at, case, Fires);
        if kind.name == kinds::FLAPS {
            for _ in 0..2 {
                at += self.some(9, 14);
                self.tell(at, case, Clears);
                at += self.some(5, 9);
                self.tell(at, case, Fires);
            }
        } else if kind.note.is_empty() {
            if self.random.one_in(3) {
                at += self.some(15, 40);
                self.tell(at, case, Snooze(OnCall));
            }
            at += self.some(40, 110);
            self.tell(at, case, Clears);
            return at;
        } else if self.random.one_in(6) {
            // Nobody was fast enough.
            at += self.some(20, 45);
            self.tell(at, case, Clears);
            return at;
        }
        let mut who = if self.random.one_in(5) { Colleague } else { OnCall };
        at += self.some(14, 45);
        if who == OnCall && self.random.one_in(7) {
            self.tell(at, case, HandOver(OnCall));
            who = Colleague;
            at += self.some(10, 20);
        }
        self.tell(at, case, Ack(who));
        at += self.some(10, 30);
        if !self.random.one_in(3) {
            self.tell(at, case, Note(who, kind.note));
        }
        at += self.some(20, 80);
        if self.random.one_in(3) {
            self.tell(at, case, Resolve(who, kind.end));
            at += self.some(3, 8);
        }
        self.tell(at, case, Clears);
        at
    }
}

impl Iterator for Story {
    type Item = Beat;

    fn next(&mut self) -> Option<Beat> {
        while self.next_case <= self.last_case
            && self.agenda.first_key_value().is_none_or(|(&(at, _), _)| self.next_case <= at)
        {
            self.begin();
        }
        let ((at, _), (case, deed)) = self.agenda.pop_first()?;
        Some(Beat { at: Duration::from_millis(at), case, deed })
    }
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    const fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    const fn one_in(&mut self, many: u64) -> bool {
        self.next().is_multiple_of(many)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let index = self.next() % of.len() as u64;
        &of[usize::try_from(index).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn titles(beats: impl IntoIterator<Item = Beat>) -> Vec<String> {
        let fires = beats.into_iter().filter(|beat| beat.deed == Fires);
        fires.map(|beat| beat.case.title()).collect()
    }

    #[test]
    fn a_seed_tells_the_same_story_and_another_one_not() {
        assert_eq!(before(7), before(7));
        assert_ne!(titles(before(7)), titles(before(8)));
        let live = |seed| Story::live(seed).take(500).collect::<Vec<_>>();
        assert_eq!(live(7), live(7));
        assert_ne!(titles(live(7)), titles(live(8)));
    }

    #[test]
    fn it_is_in_order_and_what_begins_ends() {
        for seed in 0..50 {
            let mut open = BTreeSet::new();
            let mut last = Duration::ZERO;
            for beat in before(seed) {
                assert!(last <= beat.at && beat.at <= BEFORE);
                last = beat.at;
                match beat.deed {
                    Fires => assert!(open.insert(beat.case), "{:?} is open already", beat.case),
                    Clears => assert!(open.remove(&beat.case), "{:?} is not open", beat.case),
                    _ => assert!(open.contains(&beat.case), "{beat:?}"),
                }
            }
            let known: BTreeSet<Case> = OPEN.iter().map(|one| Case::named(one.0, one.1)).collect();
            assert_eq!(open, known);
            for beat in Story::live(seed).take(3_000) {
                match beat.deed {
                    Fires => assert!(open.insert(beat.case), "{:?} is open already", beat.case),
                    Clears => assert!(open.remove(&beat.case), "{:?} is not open", beat.case),
                    _ => {}
                }
                assert!(open.len() < 25, "it drowns");
            }
        }
    }

    #[test]
    fn every_case_that_is_named_exists() {
        let named = OPEN.iter().map(|one| (one.0, one.1)).chain(THEN.iter().map(|o| (o.0, o.1)));
        for (name, place) in named {
            let case = Case::named(name, place);
            assert_eq!((case.kind().name, case.place()), (name, place));
        }
        let titles: Vec<String> = Case::all().map(Case::title).collect();
        assert_eq!(titles.iter().collect::<BTreeSet<_>>().len(), titles.len());
    }
}
