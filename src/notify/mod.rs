//! Messages to people: one file a channel, the next is written by copying its neighbour. Knows
//! what a message says and how a channel is spoken to; nothing of who is to be told or when.
use crate::domain::Incident;

/// What is to be said to one contact or team channel, in one go.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same whenever it is sent again: far ends and people tell a repetition by it.
    pub id: String,
    pub kind: MessageKind,
    /// What it is about, the most urgent first; none for a notice or test.
    pub incidents: Vec<Incident>,
    /// The words of a notice or test; what happened, for an update or all clear.
    pub text: String,
    /// The person's name, or the team channel's.
    pub to: String,
    /// Acknowledges exactly these incidents as that person; none where nobody in particular reads.
    pub ack_url: Option<String>,
    pub resolve_url: Option<String>,
    /// Where the list of these is seen.
    pub url: String,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Answer this.
    Page,
    /// It is over, or somebody else has it.
    AllClear,
    /// To the one who has it: it got worse, or needs a look.
    Update,
    /// To admins: what they should mend.
    Notice,
    /// To see whether it arrives.
    Test,
}

/// Why a message did not go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may go later; perhaps the far end said when.
    Later { why: String, after: Option<std::time::Duration> },
    /// It will not: the address is wrong, or the far end refused it for good.
    Never { why: String },
}

/// Sends messages over all channels that are configured.
#[derive(Clone, Debug, Default)]
pub struct Notifier;

impl Notifier {
    /// Sends `message` over `channel` (`email`, `ntfy`, …) to `address`.
    ///
    /// # Errors
    /// Says whether to try again.
    #[expect(clippy::unused_async, reason = "channels come next")]
    pub async fn send(
        &self,
        channel: &str,
        _address: &str,
        _message: &Message,
    ) -> Result<(), Failure> {
        Err(Failure::Never { why: format!("The channel `{channel}` is not known.") })
    }
}
