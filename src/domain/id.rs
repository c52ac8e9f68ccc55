//! Small integers that people can say aloud, one type a noun so that none is taken for another.
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    AlertId, ChannelId, ContactId, DeliveryId, FeedId, HeartbeatId, IncidentId, IntegrationId, OverrideId,
    PolicyId, ScheduleId, ServiceId, SessionId, SilenceId, TeamId, TokenId, UserId, WebhookId,
    /// Place in the log: strictly rising, never reused.
    Seq,
}
