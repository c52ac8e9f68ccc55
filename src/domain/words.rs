//! Rows of the log in words for people: timelines and the audit.
use super::event::{About, Access, Change, Record, ResolveReason, UpdateReason};

impl Change {
    /// What happened to the incident.
    #[must_use]
    pub fn words(&self) -> String {
        let noted = |note: &Option<String>| {
            note.as_ref().map_or_else(String::new, |note| format!(": {note}"))
        };
        match self {
            Self::Created => "opened".into(),
            Self::Acknowledged { until, note, .. } => match until {
                Some(until) => format!("acknowledged until {until}{}", noted(note)),
                None => format!("acknowledged{}", noted(note)),
            },
            Self::Resolved { merged_into: Some(into), .. } => format!("merged into {into}"),
            Self::Resolved { reason, note, .. } => {
                use ResolveReason as Reason;
                let why = match reason {
                    Reason::Manual => "resolved",
                    Reason::Source => "resolved by its source",
                    Reason::Expired => "no longer reported",
                    Reason::Merged => "merged",
                    Reason::Unknown => "resolved for a reason that this version does not know",
                };
                format!("{why}{}", noted(note))
            }
            Self::Reassigned { to, reason, .. } => {
                let names: Vec<&str> = to.iter().map(|user| user.username.as_str()).collect();
                format!("reassigned to {}{}", names.join(", "), noted(reason))
            }
            Self::NoteAdded { note } => format!("noted: {}", note.body),
            Self::Updated(update) => {
                let about = update.alert.as_ref().map(|alert| format!(": {}", alert.title));
                let about = about.or_else(|| update.merged.map(|id| format!(": {id}")));
                let what = match update.reason {
                    UpdateReason::Unacknowledged => "given back",
                    UpdateReason::AckTimeout => "acknowledgement timed out",
                    UpdateReason::Reopened => "reopened",
                    UpdateReason::StillFiring => "still fires",
                    UpdateReason::Snoozed => "snoozed",
                    UpdateReason::SnoozeEnded => "snooze ended",
                    UpdateReason::Urgency => "urgency changed",
                    UpdateReason::Severity => "severity changed",
                    UpdateReason::AlertAdded => "another alert",
                    UpdateReason::AlertResolved => "an alert is over",
                    UpdateReason::Stale => "not reported for long; is it still so?",
                    UpdateReason::Merged => "took another incident in",
                    UpdateReason::Flapping => "flapping",
                    UpdateReason::Unknown => "changed in a way that this version does not know",
                };
                format!("{what}{}", about.unwrap_or_default())
            }
            Self::Unknown => "something that this version does not know".into(),
        }
    }
}

impl Record {
    /// What was done, and to whom.
    #[must_use]
    pub fn words(&self, about: &About) -> String {
        match self {
            Self::Access { change } => change.words(about),
            Self::Config { what, name, change, .. } => format!("{change} {what} {name}"),
            Self::Unknown => "something that this version does not know".into(),
        }
    }
}

impl Access {
    fn words(&self, about: &About) -> String {
        let user = about.user.as_ref().map_or("somebody", |user| user.username.as_str());
        let team = about.team.as_ref().map_or("a team", |team| team.slug.as_str());
        let token = || match about.token.as_deref() {
            None | Some("") => String::new(),
            Some(name) => format!(" ({name})"),
        };
        match self {
            Self::MemberSet { role, .. } => format!("made {user} {role} of team {team}"),
            Self::MemberRemoved { .. } => format!("removed {user} from team {team}"),
            Self::UserCreated { .. } => format!("added user {user}"),
            Self::UserChanged { admin: true, .. } => {
                format!("changed user {user}, a platform admin")
            }
            Self::UserChanged { .. } => format!("changed user {user}"),
            Self::UserDisabled { .. } => format!("disabled user {user}"),
            Self::UserEnabled { .. } => format!("enabled user {user}"),
            Self::PasswordSet { .. } => format!("set the password of {user}"),
            Self::LinkCreated { user: None } => "made a set-up link".into(),
            Self::LinkCreated { .. } => format!("made a link for {user}"),
            Self::LinkUsed { .. } => format!("opened the link of {user}"),
            Self::SessionCreated { .. } => format!("signed in as {user}"),
            Self::SessionEnded { expired: true, .. } => format!("a session of {user} expired"),
            Self::SessionEnded { .. } => format!("ended a session of {user}"),
            Self::TokenCreated { token: id, .. } => format!("made token {id}{} of {user}", token()),
            Self::TokenEnded { token: id, expired: true, .. } => {
                format!("token {id}{} of {user} expired", token())
            }
            Self::TokenEnded { token: id, .. } => {
                format!("revoked token {id}{} of {user}", token())
            }
            Self::Unknown => "something that this version does not know".into(),
        }
    }
}
