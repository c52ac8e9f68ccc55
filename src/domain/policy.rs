//! Escalation policies: who is told when, until somebody answers. Where a ladder stands and what
//! comes next is decided here; whom a target means tonight is looked up by who asks.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::{ChannelId, PolicyId, ScheduleId, TeamId, UserId};
use super::span::Span;

/// From the last step of a round to the start of the next, and to the last resort.
pub const ROUND_PAUSE: Duration = Duration::from_mins(5);
/// After the last resort, until somebody answers.
pub const REMIND_EVERY: Duration = Duration::from_hours(1);
/// A reassigned incident that nobody answers for this long climbs the ladder.
pub const ASSIGNEE_ALONE: Duration = Duration::from_mins(5);
/// Rounds after the first, where nothing else is said.
pub const REPEAT: u32 = 2;
pub const MAX_REPEAT: u32 = 10;
pub const MAX_STEPS: usize = 20;
pub const MAX_TARGETS: usize = 20;
/// The latest that a step comes after the start of its round.
pub const MAX_AFTER: Span = Span::days(7);

/// The policy of a team's services that name none, if there is one.
#[must_use]
pub fn default_slug(team: &str) -> String {
    format!("{team}-default")
}

/// A policy, as named inside other things.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyRef {
    pub id: PolicyId,
    pub slug: String,
}

/// Whom a step tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    User(UserId),
    /// Whoever is on call then.
    Schedule(ScheduleId),
    /// Whoever is on call after those.
    Next(ScheduleId),
    /// All responders and admins.
    Team(TeamId),
    /// A place that a whole team reads.
    Channel(ChannelId),
}

/// A target as people write it: `user:alice`, `schedule:primary` (who is on call then),
/// `schedule:primary/next` (who is after them), `team:payments`, `channel:payments-chat`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetName {
    User(String),
    Schedule(String),
    Next(String),
    Team(String),
    Channel(String),
}

impl FromStr for TargetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no target; write user:NAME, schedule:SLUG, schedule:SLUG/next, \
                 team:SLUG or channel:SLUG"
            )
        };
        let (kind, name) = text.trim().split_once(':').ok_or_else(wrong)?;
        let checked = |name: &str| {
            super::user::check_slug(name).map(|()| name.to_owned()).map_err(|_| wrong())
        };
        match (kind, name.strip_suffix("/next")) {
            ("schedule", Some(slug)) => checked(slug).map(Self::Next),
            ("schedule", None) => checked(name).map(Self::Schedule),
            ("user", _) => checked(name).map(Self::User),
            ("team", _) => checked(name).map(Self::Team),
            ("channel", _) => checked(name).map(Self::Channel),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Schedule(slug) => write!(f, "schedule:{slug}"),
            Self::Next(slug) => write!(f, "schedule:{slug}/next"),
            Self::Team(slug) => write!(f, "team:{slug}"),
            Self::Channel(slug) => write!(f, "channel:{slug}"),
        }
    }
}

impl Serialize for TargetName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TargetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for TargetName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "`user:NAME`, `schedule:SLUG` (who is on call then), \
                `schedule:SLUG/next` (who is after them), `team:SLUG` (its responders and \
                admins) or `channel:SLUG`.",
            "pattern": "^(user|schedule|team|channel):.+$",
        })
    }
}

/// One rung of the ladder; targets by id in the database, by name for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyStep")]
pub struct Step<T> {
    /// From the start of the round.
    pub after: Span,
    pub targets: Vec<T>,
}

/// As people write it: `5m=user:alice,channel:chat`.
impl<T: fmt::Display> fmt::Display for Step<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<String> = self.targets.iter().map(ToString::to_string).collect();
        write!(f, "{}={}", self.after, targets.join(","))
    }
}

impl FromStr for Step<TargetName> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no step; write 5m=user:alice,channel:chat");
        let (after, targets) = text.split_once('=').ok_or_else(wrong)?;
        let targets = targets.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { after: after.parse()?, targets })
    }
}

/// A ladder: its steps, repeated, then the last resort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy<T> {
    pub slug: String,
    /// Rounds after the first.
    pub repeat: u32,
    /// By `after`.
    pub steps: Vec<Step<T>>,
    /// None: the team's admins, then the platform's.
    pub last_resort: Option<Vec<T>>,
}

/// Where a ladder stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Before the first step, whose time its policy knows.
    #[default]
    Start,
    /// The person to whom it was given, before any step.
    Assignee,
    /// Both from 1.
    Step {
        round: u32,
        step: u32,
    },
    LastResort,
}

impl Policy<Target> {
    /// What holds where a team has set nothing: all of it at once, repeated.
    #[must_use]
    pub fn whole_team(team: TeamId, slug: &str) -> Self {
        let steps = vec![Step { after: Span::default(), targets: vec![Target::Team(team)] }];
        Self { slug: default_slug(slug), repeat: REPEAT, steps, last_resort: None }
    }
}

impl Rung {
    /// The round that it belongs to, if it does to one.
    #[must_use]
    pub const fn round(self) -> Option<u32> {
        match self {
            Self::Step { round, .. } => Some(round),
            Self::Start | Self::Assignee | Self::LastResort => None,
        }
    }
}

impl<T> Policy<T> {
    /// What no ladder may be, by field.
    #[must_use]
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut say = |field: String, why: String| wrong.push((field, why));
        if self.repeat > MAX_REPEAT {
            say("repeat".into(), format!("may be {MAX_REPEAT} at most"));
        }
        if self.steps.is_empty() || self.steps.len() > MAX_STEPS {
            say("steps".into(), format!("needs 1 to {MAX_STEPS} steps"));
        }
        let amount = format!("needs 1 to {MAX_TARGETS} targets");
        let mut before = None;
        for (n, step) in self.steps.iter().enumerate() {
            if step.targets.is_empty() || step.targets.len() > MAX_TARGETS {
                say(format!("steps[{n}].targets"), amount.clone());
            }
            if step.after > MAX_AFTER {
                say(format!("steps[{n}].after"), format!("may be {MAX_AFTER} at most"));
            }
            if before.is_some_and(|before| step.after <= before) {
                let why = "needs to be later than the step before; both count from the round's \
                           start";
                say(format!("steps[{n}].after"), why.into());
            }
            before = Some(step.after);
        }
        if self.last_resort.as_ref().is_some_and(|last| last.len() > MAX_TARGETS) {
            say("last_resort".into(), amount);
        }
        wrong
    }

    /// The same with other targets, if there is one for each.
    ///
    /// # Errors
    /// The first that `with` gives; it is told where the target stands.
    pub fn try_map<U, E>(
        self,
        mut with: impl FnMut(&str, T) -> Result<U, E>,
    ) -> Result<Policy<U>, E> {
        let mut all = |at: &str, targets: Vec<T>| {
            let place = |(n, target)| with(&format!("{at}[{n}]"), target);
            targets.into_iter().enumerate().map(place).collect::<Result<Vec<U>, E>>()
        };
        let mut steps = Vec::new();
        for (n, Step { after, targets }) in self.steps.into_iter().enumerate() {
            steps.push(Step { after, targets: all(&format!("steps[{n}].targets"), targets)? });
        }
        let last_resort = self.last_resort.map(|last| all("last_resort", last)).transpose()?;
        Ok(Policy { slug: self.slug, repeat: self.repeat, steps, last_resort })
    }

    /// All whom it may ever tell, but for what a missing last resort means.
    pub fn all_targets(&self) -> impl Iterator<Item = &T> {
        let last = self.last_resort.iter().flatten();
        self.steps.iter().flat_map(|step| &step.targets).chain(last)
    }

    /// The targets of a step.
    #[must_use]
    pub fn targets(&self, step: u32) -> &[T] {
        self.index(step).map_or(&[], |index| &self.steps[index].targets)
    }

    fn index(&self, step: u32) -> Option<usize> {
        usize::try_from(step).ok()?.checked_sub(1).filter(|index| *index < self.steps.len())
    }

    fn after(&self, step: u32) -> Duration {
        self.index(step).map_or(Duration::ZERO, |index| self.steps[index].after.duration())
    }

    /// The rung itself; of a step that was taken away meanwhile, what follows it.
    #[must_use]
    pub fn standing(&self, rung: Rung) -> Rung {
        match rung {
            Rung::Step { step, .. } if self.index(step).is_none() => self.next(rung).0,
            rung => rung,
        }
    }

    /// Where a ladder stands by this policy that stood by `old` before, and how much later than it
    /// was due: at the first step after the last one that it took.
    #[must_use]
    pub fn instead_of(&self, old: &Self, rung: Rung) -> (Rung, SignedDuration) {
        let stays = (rung, SignedDuration::ZERO);
        let Rung::Step { round, step } = rung else { return stays };
        let taken = (step > 1).then(|| old.after(step - 1));
        let next = self.steps.iter().zip(1..);
        let next =
            next.map(|(_, step)| step).find(|step| taken.is_none_or(|it| self.after(*step) > it));
        let Some(next) = next else { return stays };
        let signed = |span: Duration| SignedDuration::try_from(span).unwrap_or_default();
        let later = signed(self.after(next)).saturating_sub(signed(old.after(step)));
        (Rung::Step { round, step: next }, later)
    }

    /// The rung after `rung`, and how long after it that is due. The time between two steps is
    /// kept even if the first was late or brought forward, so that no two come at one moment.
    #[must_use]
    pub fn next(&self, rung: Rung) -> (Rung, Duration) {
        let first = |round, pause: Duration| {
            if self.steps.is_empty() {
                return (Rung::LastResort, pause);
            }
            (Rung::Step { round, step: 1 }, pause + self.after(1))
        };
        match rung {
            Rung::Start => first(1, Duration::ZERO),
            Rung::Assignee => first(1, ASSIGNEE_ALONE),
            Rung::LastResort => (Rung::LastResort, REMIND_EVERY),
            Rung::Step { round, step } if self.index(step + 1).is_some() => {
                let wait = self.after(step + 1).saturating_sub(self.after(step));
                (Rung::Step { round, step: step + 1 }, wait)
            }
            Rung::Step { round, .. } if round <= self.repeat => first(round + 1, ROUND_PAUSE),
            Rung::Step { .. } => (Rung::LastResort, ROUND_PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(repeat: u32, after: &[u32]) -> Policy<TargetName> {
        let target = || "team:payments".parse().expect("a target");
        let step = |secs: &u32| Step { after: Span::secs(*secs), targets: vec![target()] };
        let steps = after.iter().map(step).collect();
        Policy { slug: "p".into(), repeat, steps, last_resort: None }
    }

    fn walk(policy: &Policy<TargetName>, rungs: usize) -> Vec<(Rung, u64)> {
        let (mut rung, mut wait) = policy.next(Rung::Start);
        let mut at = Duration::ZERO;
        (0..rungs)
            .map(|_| {
                at += wait;
                let now = (rung, at.as_secs());
                (rung, wait) = policy.next(rung);
                now
            })
            .collect()
    }

    #[test]
    fn rounds_repeat_five_minutes_after_their_last_step_then_comes_the_last_resort() {
        let step = |round, step| Rung::Step { round, step };
        let expected = [
            (step(1, 1), 0),
            (step(1, 2), 300),
            (step(2, 1), 600),
            (step(2, 2), 900),
            (Rung::LastResort, 1_200),
            (Rung::LastResort, 4_800),
        ];
        assert_eq!(walk(&policy(1, &[0, 300]), 6), expected);
    }

    #[test]
    fn a_policy_without_steps_goes_to_the_last_resort_at_once() {
        assert_eq!(walk(&policy(2, &[]), 2), [(Rung::LastResort, 0), (Rung::LastResort, 3_600)]);
    }

    #[test]
    fn the_assignee_has_five_minutes_of_his_own() {
        let next = policy(0, &[60]).next(Rung::Assignee);
        assert_eq!(next, (Rung::Step { round: 1, step: 1 }, Duration::from_mins(6)));
    }

    #[test]
    fn steps_that_were_taken_away_end_the_round() {
        let next = policy(0, &[0]).next(Rung::Step { round: 1, step: 7 });
        assert_eq!(next, (Rung::LastResort, ROUND_PAUSE));
        assert!(policy(0, &[0]).targets(7).is_empty());
    }

    #[test]
    fn steps_read_as_they_are_written_and_come_one_after_the_other() {
        let step: Step<TargetName> = "5m=user:alice,channel:chat".parse().expect("a step");
        assert_eq!(step.to_string(), "5m=user:alice,channel:chat");
        assert!("5m".parse::<Step<TargetName>>().is_err());
        let fields = |policy: Policy<TargetName>| -> Vec<String> {
            policy.faults().into_iter().map(|(field, _)| field).collect()
        };
        assert_eq!(fields(policy(2, &[0, 300])), [""; 0]);
        assert_eq!(fields(policy(11, &[])), ["repeat", "steps"]);
        assert_eq!(fields(policy(2, &[60, 60])), ["steps[1].after"]);
        let mut none = policy(2, &[0]);
        none.steps[0].targets.clear();
        assert_eq!(fields(none), ["steps[0].targets"]);
    }

    #[test]
    fn targets_read_as_they_are_written() {
        let words =
            ["user:alice", "schedule:primary", "schedule:primary/next", "team:x", "channel:chat"];
        for word in words {
            assert_eq!(word.parse::<TargetName>().expect("a target").to_string(), word);
        }
        for wrong in
            ["alice", "user:", "user:A B", "person:x", "team:x/next", ":x", "schedule:/next"]
        {
            assert!(wrong.parse::<TargetName>().is_err(), "{wrong}");
        }
    }
}
