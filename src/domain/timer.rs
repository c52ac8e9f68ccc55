//! The moments at which something must be looked at again, and by which clock each is measured.

/// Why a timer was set; its subject is an incident, an alert, a heartbeat, a session, a token, a
/// silence or a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimerKind {
    // incidents
    AckTimeout,
    SnoozeEnd,
    HoldEnd,
    /// A flapping incident without a firing member resolves.
    Settle,
    /// The flapping flag goes.
    Calm,
    /// Members came or went; the event about it waits for its turn.
    Members,
    /// The ladder's next rung.
    Escalate,
    /// Those who were paged are told that they need not come.
    AllClear,
    /// Who has it is told what became worse.
    Assignee,
    /// Its members changed: does all that fires in it fall under a silence?
    Quiet,
    // alerts
    /// `endsAt` passed without a refresh.
    Expiry,
    /// A firing of an ended episode fires anew.
    Late,
    Stale,
    /// A sign of life did not come in time.
    Heartbeat,
    // access
    Session,
    Token,
    // silences
    /// One begins or ends, or its incidents are not all looked at yet.
    Silence,
    // schedules
    /// Those who plan are told when nobody will be on call.
    Gaps,
}

impl TimerKind {
    /// (word in the database, follows elapsed time rather than the wall).
    const fn row(self) -> (&'static str, bool) {
        match self {
            Self::AckTimeout => ("ack_timeout", true),
            Self::SnoozeEnd => ("snooze_end", false),
            Self::HoldEnd => ("hold_end", true),
            Self::Settle => ("settle", true),
            Self::Calm => ("calm", true),
            Self::Members => ("members", true),
            Self::Escalate => ("escalate", true),
            Self::AllClear => ("all_clear", true),
            Self::Assignee => ("assignee", true),
            Self::Quiet => ("quiet", true),
            Self::Expiry => ("expiry", false),
            Self::Late => ("late", true),
            Self::Stale => ("stale", true),
            Self::Heartbeat => ("heartbeat", true),
            Self::Session => ("session", false),
            Self::Token => ("token", false),
            Self::Silence => ("silence", false),
            Self::Gaps => ("gaps", false),
        }
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        self.row().0
    }

    /// An elapsed timer keeps its length when somebody sets the wall clock.
    #[must_use]
    pub const fn is_elapsed(self) -> bool {
        self.row().1
    }

    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    pub const ALL: [Self; 18] = [
        Self::AckTimeout,
        Self::SnoozeEnd,
        Self::HoldEnd,
        Self::Settle,
        Self::Calm,
        Self::Members,
        Self::Escalate,
        Self::AllClear,
        Self::Assignee,
        Self::Quiet,
        Self::Expiry,
        Self::Late,
        Self::Stale,
        Self::Heartbeat,
        Self::Session,
        Self::Token,
        Self::Silence,
        Self::Gaps,
    ];

    /// Its subject is an incident.
    #[must_use]
    pub const fn is_of_incident(self) -> bool {
        matches!(
            self,
            Self::AckTimeout
                | Self::SnoozeEnd
                | Self::HoldEnd
                | Self::Settle
                | Self::Calm
                | Self::Members
                | Self::Escalate
                | Self::AllClear
                | Self::Assignee
                | Self::Quiet
        )
    }
}
