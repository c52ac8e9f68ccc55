//! The folder of a throw-away server: gone when the process is, whatever ended it.
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Waits for the end of its input, which is the end of this process, and tidies up. Ctrl-c and a
/// closed terminal are meant for us, not for it.
const CARETAKER: &str = r#"trap '' HUP INT TERM; while read -r line; do :; done; rm -rf -- "$1""#;

pub struct Folder {
    path: PathBuf,
    /// None where there is no shell: then a kill -9 leaves the folder behind.
    caretaker: Option<Child>,
}

impl Folder {
    /// # Errors
    /// `Unavailable` where temporary files cannot be made.
    pub fn make() -> Result<Self> {
        let name = format!("incidentd-demo-{}", Secret::random_key()?.expose());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            let shown = path.display();
            Error::unavailable(format!("{shown} cannot be made: {error}."))
                .hint("Name a folder that can be written in TMPDIR.")
        })?;
        let caretaker = Command::new("sh")
            .args(["-c", CARETAKER, "caretaker"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .current_dir("/")
            .spawn();
        Ok(Self { path, caretaker: caretaker.ok() })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about what fails here.
        if let Some(mut caretaker) = self.caretaker.take() {
            drop(caretaker.stdin.take());
            let _ = caretaker.wait();
        }
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
