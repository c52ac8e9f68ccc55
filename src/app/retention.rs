//! How long what is over is kept.
use std::time::Duration;

use jiff::Timestamp;

use super::App;
use crate::error::Result;

/// Rows that one write deletes: intake waits for no more.
const AT_ONCE: usize = 100;

impl App {
    /// Deletes some of what ended longer than `keep` ago: incidents, the audit, credentials, notices.
    /// Returns how many rows, so that a caller goes on, and how many incidents.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be stored.
    pub async fn let_go_of_old(&self, keep: Duration) -> Result<(usize, usize)> {
        self.write(move |w| {
            let before = w.now().saturating_sub(keep).unwrap_or(Timestamp::MIN);
            let (mut rows, gone) = w.retire_incidents(before, AT_ONCE)?;
            if rows == 0 {
                rows = w.retire_records(before, AT_ONCE)?;
            }
            if rows == 0 {
                rows = w.retire_credentials(before, AT_ONCE / 3)?;
            }
            if rows == 0 {
                rows = w.retire_notices(before, AT_ONCE)?;
            }
            Ok((rows, gone))
        })
        .await
    }
}
