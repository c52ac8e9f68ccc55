//! The one error of the house: a kind (one table gives HTTP status, code and exit code), what
//! happened, and what to do next. Internal causes are logged once, at the boundary, never sent.
use std::fmt;

/// Result of everything that can fail for a caller.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as the caller needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Malformed,
    Invalid,
    /// Typed wrongly on the command line; no server was asked.
    Usage,
    TooLarge,
    Unsupported,
    NotFound,
    Method,
    Refused,
    Unauthenticated,
    Forbidden,
    Limited,
    Unavailable,
    Unreachable,
    Internal,
}

impl Kind {
    /// (HTTP status, code on the wire, exit code of the command line).
    const fn row(self) -> (u16, &'static str, u8) {
        match self {
            Self::Malformed => (400, "malformed", 1),
            Self::Invalid => (422, "invalid", 1),
            Self::Usage => (422, "usage", 2),
            Self::TooLarge => (413, "too_large", 1),
            Self::Unsupported => (415, "unsupported", 1),
            Self::NotFound => (404, "not_found", 3),
            Self::Method => (405, "method_not_allowed", 1),
            Self::Refused => (409, "refused", 5),
            Self::Unauthenticated => (401, "unauthenticated", 4),
            Self::Forbidden => (403, "forbidden", 5),
            Self::Limited => (429, "limited", 1),
            Self::Unavailable => (503, "unavailable", 1),
            Self::Unreachable => (502, "unreachable", 6),
            Self::Internal => (500, "internal", 1),
        }
    }

    /// HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// Stable word for programs, as in `problem.code`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().1
    }

    /// Exit code of the command line.
    #[must_use]
    pub const fn exit(self) -> u8 {
        self.row().2
    }

    const ALL: [Self; 14] = [
        Self::Malformed,
        Self::Invalid,
        Self::Usage,
        Self::TooLarge,
        Self::Unsupported,
        Self::NotFound,
        Self::Method,
        Self::Refused,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Limited,
        Self::Unavailable,
        Self::Unreachable,
        Self::Internal,
    ];

    /// What to do next, where nothing more particular is known: for programs, browsers and people
    /// at a terminal alike.
    #[must_use]
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Malformed | Self::Method | Self::Unsupported => {
                "Check the address and what is sent there: /openapi.json says what it takes. \
                 Client and server should be of like versions."
            }
            Self::Invalid => "Correct it and try again; /openapi.json says what is allowed.",
            Self::Usage => "--help says what may be written.",
            Self::TooLarge => "Send less at once.",
            Self::NotFound => "Check the name, and that you are a member of its team.",
            Self::Refused => "Look how it stands now (`show` and `list` say), then try again.",
            Self::Unauthenticated => "Put a token into INCIDENTD_TOKEN and try again.",
            Self::Forbidden => "Ask an admin of the team, or use a token of a wider scope.",
            Self::Limited => "Wait a minute and try again.",
            Self::Unavailable => "Try again in a moment; the server's log says more.",
            Self::Unreachable => "Is the server running? --server or INCIDENTD_URL name another.",
            Self::Internal => "The server's log says what; try again.",
        }
    }

    /// The kind that a server's answer names; an unknown code falls back to the status.
    #[must_use]
    pub fn of_answer(code: &str, status: u16) -> Self {
        Self::ALL
            .into_iter()
            .find(|kind| kind.code() == code)
            .or_else(|| Self::ALL.into_iter().find(|kind| kind.status() == status))
            .unwrap_or(Self::Internal)
    }
}

/// One field of the input and what is wrong with it.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

/// An error with its next step.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    pub detail: String,
    pub hint: Option<String>,
    pub fields: Vec<FieldError>,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u32>,
}

impl Error {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), hint: None, fields: Vec::new(), retry_after: None }
    }

    /// The thing does not exist, or the caller may not see it.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("{what} does not exist, or you may not see it."))
            .hint("Check the name, and that you are a member of its team.")
    }

    /// A name that stands for nothing, in a field of what was sent.
    pub fn unknown(field: &str, message: impl Into<String>) -> Self {
        Self { kind: Kind::NotFound, ..Self::invalid(field, message) }
    }

    /// A value that is understood and wrong.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut error = Self::new(Kind::Invalid, format!("{field}: {message}"));
        error.fields.push(FieldError { field: field.to_owned(), message });
        error
    }

    /// A command that was typed wrongly.
    pub fn usage(detail: impl Into<String>) -> Self {
        Self::new(Kind::Usage, detail)
    }

    /// A file that somebody named: it is not there, or cannot be read.
    pub fn unreadable(name: impl fmt::Display, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            _ => Kind::Invalid,
        };
        Self::new(kind, format!("{name} cannot be read: {error}."))
    }

    pub fn refused(detail: impl Into<String>) -> Self {
        Self::new(Kind::Refused, detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, detail)
    }

    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(Kind::Unauthenticated, "This needs a valid token or session.")
            .hint("Send `Authorization: Bearer TOKEN`; `incidentd token create` makes one.")
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        let mut error = Self::new(Kind::Unavailable, detail)
            .hint("Try again; nothing of this request was stored.");
        error.retry_after = Some(1);
        error
    }

    /// Logs the cause and hides it from the caller.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Kind::Internal, "Something failed inside incidentd.")
            .hint("The server's log says what; try again.")
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        // Words that the wire fixes end without one.
        let stop = if self.detail.ends_with(['.', '!', '?', '…']) { "" } else { "." };
        match &self.hint {
            Some(hint) => write!(f, "{stop} {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_told_apart_by_its_code() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_answer(kind.code(), 0), kind);
            assert!((400..600).contains(&kind.status()));
            assert!((1..=6).contains(&kind.exit()));
            assert!(kind.next_step().ends_with('.'), "{kind:?} leaves people alone");
        }
        assert_eq!(Kind::of_answer("newer word", 409), Kind::Refused);
    }
}
