//! Backups of the running server: a copy of one moment, for platform admins.
use std::fs::File;

use tokio::sync::OwnedSemaphorePermit;

use super::{App, Caller};
use crate::domain::event::Record;
use crate::error::{Error, Result};

pub use crate::store::{Restored, Summary, check_backup, is_marked, restore};

/// A copy that is to be sent. No second one is taken as long as it lives.
pub struct Copy {
    pub file: File,
    pub bytes: u64,
    _turn: OwnedSemaphorePermit,
}

impl App {
    /// # Errors
    /// `Refused` while another backup is under way, `Unavailable` without room for it.
    pub async fn back_up(&self, caller: &Caller) -> Result<Copy> {
        caller.must_be_platform_admin()?;
        let turn = self.0.backups.clone().try_acquire_owned().map_err(|_| {
            Error::refused("A backup is being taken already.").hint("Wait for it, then try again.")
        })?;
        let store = self.0.store.clone();
        let file =
            tokio::task::spawn_blocking(move || store.copy()).await.map_err(Error::internal)??;
        let bytes = file.metadata().map_err(Error::internal)?.len();
        let actor = caller.actor();
        let taken = Record::Config {
            what: "backup".into(),
            id: 0,
            name: format!("of {bytes} bytes"),
            change: "took".into(),
        };
        self.write(move |w| {
            w.note_backup()?;
            w.record(&taken, &actor)
        })
        .await?;
        Ok(Copy { file, bytes, _turn: turn })
    }
}
