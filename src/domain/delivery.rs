//! A message on its way: to whom, why, whether it is still wanted, and what became of it.
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alert::Urgency;
use super::id::{ChannelId, ContactId, DeliveryId, IncidentId, Seq, UserId};
use super::incident::{Incident, Status};

/// Further pages to the same address wait this long and go as one.
pub const BUNDLE: Duration = Duration::from_mins(1);
/// What is over is not told later than this.
pub const ALL_CLEAR_FRESH: Duration = Duration::from_mins(1);
/// Attempts at one message.
pub const MAX_ATTEMPTS: u32 = 8;
/// The first pause before another attempt; each next is three times as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// After so many failed attempts the person's other contacts ring, too.
pub const FAIL_OVER: u32 = 2;
/// After so many, which takes about a minute, the next step waits for it no longer.
pub const GIVE_WAY: u32 = 4;
/// Nor where the far end wants a pause that is longer than this.
const SOON: Duration = Duration::from_mins(1);

macro_rules! words {
    ($($(#[$doc:meta])* $type:ident { $($variant:ident = $word:literal),+; else $other:ident })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $type { $($variant),+ }

        impl $type {
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Of a word that this version does not know, the most harmless.
            #[must_use]
            pub fn of_word(word: &str) -> Self {
                match word { $($word => Self::$variant,)+ _ => Self::$other }
            }
        }
    )+};
}
words! {
    /// What a message is for.
    DeliveryKind {
        Page = "page", AllClear = "all_clear", Update = "update", Notice = "notice", Test = "test";
        else Notice
    }
    /// Where it is.
    DeliveryState { Queued = "queued", Sent = "sent", Failed = "failed", Dropped = "dropped"; else Dropped }
}

/// What is to be said to one contact or team channel, in one go.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same whenever it is sent again: far ends and people tell a repetition by it.
    pub id: String,
    pub kind: DeliveryKind,
    /// What it is about, the most urgent first; none for a notice or test.
    pub incidents: Vec<Incident>,
    /// The words of a notice or test.
    pub text: String,
    /// The person's name, or the team channel's.
    pub to: String,
    /// Acknowledges exactly these incidents as that person; none where nobody in particular reads.
    pub ack_url: Option<String>,
    pub resolve_url: Option<String>,
    /// Where these are seen.
    pub url: String,
}

/// Where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct To {
    /// None: a team's channel.
    pub user: Option<UserId>,
    pub contact_id: Option<ContactId>,
    pub channel_id: Option<ChannelId>,
    pub channel: String,
    pub address: String,
    /// The contact's name, or the team channel's slug.
    pub contact: String,
}

/// One message to one contact or team channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub kind: DeliveryKind,
    pub state: DeliveryState,
    pub incident: Option<IncidentId>,
    /// The seq of its reason.
    pub made: Option<Seq>,
    /// It rings by the rules for high urgency.
    pub high: bool,
    /// Somebody asked for it himself: it waits for no bundle.
    pub by_hand: bool,
    pub to: To,
    /// The words of a notice; of a page, none.
    pub text: Option<String>,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub attempts: u32,
    pub ended_at: Option<Timestamp>,
    pub outcome: Option<String>,
    /// The first row of those that were sent in one go.
    pub message: Option<DeliveryId>,
}

impl Delivery {
    /// One that is queued now.
    #[must_use]
    pub fn queued(kind: DeliveryKind, to: To, now: Timestamp) -> Self {
        Self {
            id: DeliveryId::default(),
            kind,
            state: DeliveryState::Queued,
            incident: None,
            made: None,
            high: true,
            by_hand: false,
            to,
            text: None,
            created_at: now,
            due_at: now,
            attempts: 0,
            ended_at: None,
            outcome: None,
            message: None,
        }
    }

    /// It has failed, and is tried on too late for whoever waits for it.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        let far = self.attempts > 0 && self.due_at > crate::clock::shift(now, SOON);
        self.state == DeliveryState::Queued && (far || self.attempts >= GIVE_WAY)
    }

    /// Is it a page that has told somebody, or may yet in time?
    #[must_use]
    pub fn may_reach(&self, now: Timestamp) -> bool {
        let waits = self.state == DeliveryState::Queued && !self.is_late(now);
        self.kind == DeliveryKind::Page && (waits || self.state == DeliveryState::Sent)
    }

    /// The same, sent to nobody.
    #[must_use]
    pub fn dropped(mut self, why: &str, now: Timestamp) -> Self {
        self.state = DeliveryState::Dropped;
        self.ended_at = Some(now);
        self.outcome = Some(why.to_owned());
        self
    }

    /// Why it should not be sent any more, as its incident is now; none: it should.
    #[must_use]
    pub fn unwanted(&self, incident: Option<&Incident>, now: Timestamp) -> Option<&'static str> {
        let has_it = |it: &Incident| it.assignees.iter().any(|user| Some(user.id) == self.to.user);
        let old = crate::clock::shift(self.created_at, ALL_CLEAR_FRESH) < now;
        match (self.kind, incident) {
            (DeliveryKind::Notice | DeliveryKind::Test, _) => None,
            (_, None) => Some("the incident is gone"),
            (DeliveryKind::AllClear, _) if old => Some("too late to matter"),
            (DeliveryKind::AllClear, Some(it)) if it.status == Status::Triggered && has_it(it) => {
                Some("paged again")
            }
            (DeliveryKind::AllClear, _) => None,
            (DeliveryKind::Update, Some(it)) => {
                let theirs = it.status == Status::Acknowledged && has_it(it);
                (!theirs).then_some("no longer theirs")
            }
            (DeliveryKind::Page, Some(it)) => match it.status {
                Status::Acknowledged => Some("acknowledged"),
                Status::Resolved => Some("resolved"),
                Status::Triggered if it.silences(self.created_at) => Some("silenced"),
                Status::Triggered if self.high && it.urgency == Urgency::Low => {
                    Some("no longer urgent")
                }
                // Whom a step pages is among those who have it, until it is given to somebody else.
                Status::Triggered if self.to.user.is_some() && !has_it(it) => {
                    Some("given to another")
                }
                Status::Triggered => None,
            },
        }
    }
}

/// How long to wait after so many failed attempts; `spread` from 0 to 1 keeps those that failed
/// together from coming back together.
#[must_use]
pub fn pause(attempts: u32, after: Option<Duration>, spread: f64) -> Duration {
    let factor = 3_u32.saturating_pow(attempts.saturating_sub(1).min(8));
    let pause = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
    let spread = pause.mul_f64(0.5 * spread.clamp(0.0, 1.0));
    (pause.mul_f64(0.75) + spread).max(after.unwrap_or_default().min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::super::incident::tests::{at, incident};
    use super::super::user::UserRef;
    use super::*;

    fn page() -> Delivery {
        let to = To { user: Some(UserId(1)), ..To::default() };
        Delivery::queued(DeliveryKind::Page, to, at(0))
    }

    fn alice() -> UserRef {
        UserRef { id: UserId(1), username: "alice".into(), name: "Alice".into() }
    }

    fn high(status: Status) -> Incident {
        Incident { status, urgency: Urgency::High, assignees: vec![alice()], ..incident() }
    }

    #[test]
    fn a_page_is_wanted_only_while_nobody_has_answered() {
        let wanted = |incident: &Incident| page().unwanted(Some(incident), at(0));
        assert_eq!(wanted(&high(Status::Triggered)), None);
        assert_eq!(wanted(&high(Status::Acknowledged)), Some("acknowledged"));
        assert_eq!(wanted(&high(Status::Resolved)), Some("resolved"));
        assert_eq!(wanted(&incident()), Some("no longer urgent"));
        let silenced = Incident { silenced_until: Some(at(9)), ..high(Status::Triggered) };
        assert_eq!(wanted(&silenced), Some("silenced"));
        let given = Incident { assignees: Vec::new(), ..high(Status::Triggered) };
        assert_eq!(wanted(&given), Some("given to another"));
        assert_eq!(page().unwanted(None, at(0)), Some("the incident is gone"));
    }

    #[test]
    fn an_all_clear_is_fresh_or_nothing() {
        let clear = Delivery { kind: DeliveryKind::AllClear, ..page() };
        let over = high(Status::Resolved);
        assert_eq!(clear.unwanted(Some(&over), at(1)), None);
        assert_eq!(clear.unwanted(Some(&over), at(2)), Some("too late to matter"));
        let given = Incident { assignees: Vec::new(), ..high(Status::Triggered) };
        assert_eq!(clear.unwanted(Some(&given), at(0)), None, "another has it now");
        let again = high(Status::Triggered);
        assert_eq!(clear.unwanted(Some(&again), at(0)), Some("paged again"));
    }

    #[test]
    fn what_became_worse_is_told_to_who_has_it() {
        let update = Delivery { kind: DeliveryKind::Update, ..page() };
        let mut mine = high(Status::Acknowledged);
        assert_eq!(update.unwanted(Some(&mine), at(0)), None);
        mine.assignees = Vec::new();
        assert_eq!(update.unwanted(Some(&mine), at(0)), Some("no longer theirs"));
    }

    #[test]
    fn pauses_grow_have_a_real_cap_and_honour_the_far_end() {
        let secs = |attempts, after: Option<u64>| {
            pause(attempts, after.map(Duration::from_secs), 0.5).as_secs()
        };
        assert_eq!((secs(1, None), secs(2, None), secs(3, None)), (5, 15, 45));
        assert_eq!(secs(30, None), 600);
        assert_eq!(secs(1, Some(60)), 60);
        assert_eq!(secs(1, Some(86_400)), 600, "nobody waits a day at night");
    }
}
