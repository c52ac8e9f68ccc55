//! `incidentd notify test`: does what we send arrive?
use std::time::Duration;

use clap::Subcommand;

use super::connect::connect;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::contacts::{TEST, Test};
use crate::api::deliveries::{DELIVERY, DeliveryView};
use crate::client::Client;
use crate::clock::Clock;
use crate::domain::delivery::DeliveryState;
use crate::error::{Error, Kind, Result};

/// How often it is asked what became of a message.
const ASK_EVERY: Duration = Duration::from_millis(250);

#[derive(Subcommand)]
pub enum Notify {
    /// Send a test to each contact that works, and say what became of it
    Test {
        /// Somebody else, for platform admins
        #[arg(value_name = "USER", default_value = "me", hide_default_value = true)]
        user: String,
        /// To this contact only
        #[arg(long, value_name = "NAME")]
        contact: Option<String>,
    },
}

impl Notify {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let Self::Test { user, contact } = self;
        let sent = client.call_once(&TEST, user, &Test { contact }).await?.items;
        tell(common, &client, sent).await
    }
}

/// Waits until it is known what became of them, and says so.
pub(super) async fn tell(
    common: &Common,
    client: &Client,
    mut sent: Vec<DeliveryView>,
) -> Result<()> {
    let end = Clock::System.since_boot() + common.timeout();
    for one in &mut sent {
        while one.state == DeliveryState::Queued && Clock::System.since_boot() < end {
            Clock::System.sleep(ASK_EVERY).await;
            *one = client.call(&DELIVERY, one.id, &Nothing {}, &Nothing {}).await?;
        }
    }
    let failed = sent.iter().filter(|one| one.state != DeliveryState::Sent).count();
    if common.output == Format::Json {
        output::json(&sent)?;
    } else {
        let row = |one: &DeliveryView| {
            let why = one.outcome.clone().filter(|_| one.state != DeliveryState::Sent);
            let (contact, channel) = (one.contact.clone(), one.channel.clone());
            vec![contact, channel, one.state.word().to_owned(), why.unwrap_or_default()]
        };
        let rows: Vec<Vec<String>> = sent.iter().map(row).collect();
        output::prose(&["CONTACT", "CHANNEL", "", ""], &["CHANNEL"], &rows);
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Error::new(Kind::Unavailable, format!("{failed} of {} did not go out yet.", sent.len()))
        .hint("What is queued is tried again for a while."))
}
