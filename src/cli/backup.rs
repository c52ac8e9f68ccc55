//! `incidentd backup` and `restore`: a copy of everything in one file, and back.
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::connect::{connect_for_setup, must_have_database};
use super::{Common, Format, output};
use crate::api::backup::BACKUP;
use crate::app::backup::{Summary, check_backup, is_marked, restore};
use crate::client::Client;
use crate::error::{Error, Kind, Result};

/// How the name ends of what is not whole yet.
const PART: &str = ".part";
/// Nobody writes any more to what was not written to for so long.
const ABANDONED: SignedDuration = SignedDuration::from_hours(1);

const ABOUT_BACKUP: &str = "\
Everything as of one moment, in one file for its owner alone (0600). Nothing stops meanwhile.
Where no server runs, the folder of --data-dir is read directly. Needs a platform admin's token,
or --data-dir on the host.

The copy is checked before it takes FILE's name, so FILE is never half a backup. With --data-dir
root becomes the folder's owner, who then writes FILE. In /etc/cron.d:
  0 3 * * *  incidentd  incidentd backup -q --data-dir /var/lib/incidentd /srv/backup/incidentd.db

Keep it like a secret: it holds everybody's names, addresses and alerts. Passwords, tokens and
keys are in it as hashes only.";

const ABOUT_RESTORE: &str = "\
The server must be stopped. The file is checked first; whatever is wrong with it, nothing is
changed. Tokens, sessions and passwords are as in the backup. The log goes on far above every
number that was given out since, so clients start from a fresh snapshot; new incidents are
numbered from the next whole ten thousand.

Before it changes the schema, incidentd keeps a copy of its own beside the database,
incidentd.db.before-N, and no older one. The version before this one can restore it.";

#[derive(Args)]
#[command(after_long_help = ABOUT_BACKUP)]
pub struct Backup {
    /// Where to, replacing what is there; `-` is stdout
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Say nothing when all is well
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Args)]
#[command(after_long_help = ABOUT_RESTORE)]
pub struct Restore {
    /// A backup; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// If there is a database already, move it aside: incidentd.db.replaced-TIME
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct BackedUp {
    bytes: u64,
    seq: crate::domain::Seq,
}

impl Backup {
    pub async fn run(self, common: &Common) -> Result<()> {
        if let Some(dir) = &common.data_dir {
            must_have_database(dir)?;
        }
        let connection = connect_for_setup(common).await?;
        let mut signals = Signals::listen().map_err(Error::internal)?;
        let done = tokio::select! {
            done = self.copy(&connection.client, common) => done,
            () = signals.any() => {
                let said = format!("Stopped: {} is as it was.", self.file.display());
                Err(Error::unavailable(said).hint("Let it come to its end, then there is a copy."))
            }
        };
        connection.close().await;
        done
    }

    async fn copy(&self, client: &Client, common: &Common) -> Result<()> {
        if self.file.as_os_str() == "-" {
            self.to_stdout(client).await
        } else {
            self.to_file(client, common).await
        }
    }

    async fn to_stdout(&self, client: &Client) -> Result<()> {
        let bytes = client.download(&BACKUP, &mut io::stdout().lock()).await?;
        if !self.quiet {
            output::say(&format!("Backed up {}.", output::bytes(bytes)));
        }
        Ok(())
    }

    async fn to_file(&self, client: &Client, common: &Common) -> Result<()> {
        let part = Part::beside(&self.file)?;
        client.download(&BACKUP, &mut &part.file).await?;
        let copy = part.keep(&self.file)?;
        if common.output == Format::Json {
            return output::json(&BackedUp { bytes: copy.bytes, seq: copy.seq });
        }
        if !self.quiet {
            let size = output::bytes(copy.bytes);
            let name = self.file.display();
            output::say(&format!("Backed up to {name}: {size}, seq {}.", copy.seq));
        }
        Ok(())
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Error {
    Error::new(Kind::Refused, format!("{} cannot be written: {error}.", path.display()))
        .hint("With --data-dir its owner writes the file. As yourself: incidentd backup - > FILE")
}

/// A file that takes its name when it is whole, and goes when it never is.
struct Part {
    path: PathBuf,
    file: File,
}

impl Part {
    fn beside(target: &Path) -> Result<Self> {
        let usual = fs::metadata(target).map_or(true, |meta| meta.is_file());
        let name = target.file_name().filter(|_| usual).ok_or_else(|| {
            Error::usage(format!("`{}` is no ordinary file; `-` is stdout.", target.display()))
        })?;
        let path = target.with_file_name(format!(".{}{PART}", name.to_string_lossy()));
        discard_abandoned(folder_of(target));
        let open = || {
            // Whoever writes it goes on; what nobody writes was left by one that was killed.
            if let Ok(old) = File::open(&path) {
                old.try_lock()?;
                fs::remove_file(&path)?;
            }
            // Never one that somebody prepared, to read it or to have another file overwritten.
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.try_lock()?;
            Ok::<_, io::Error>(file)
        };
        let file = open().map_err(|error| unwritten(&path, &error))?;
        Ok(Self { path, file })
    }

    fn keep(self, target: &Path) -> Result<Summary> {
        self.file.sync_all().map_err(|error| unwritten(&self.path, &error))?;
        let summary = check_backup(&self.path, &target.display().to_string())?;
        fs::rename(&self.path, target)
            .and_then(|()| File::open(folder_of(target))?.sync_all())
            .map_err(|error| unwritten(target, &error))?;
        Ok(summary)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Gone already if it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

fn folder_of(file: &Path) -> &Path {
    let named = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

/// Takes away what killed backups of other names left there. A host that shares the folder may not
/// see another's lock, but writes on.
fn discard_abandoned(folder: &Path) {
    let is_abandoned = |path: &Path| -> io::Result<bool> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let meta = fs::symlink_metadata(path)?;
        if !name.starts_with('.') || !name.ends_with(PART) || !meta.is_file() {
            return Ok(false);
        }
        let written = Timestamp::try_from(meta.modified()?).map_err(io::Error::other)?;
        let still = super::now().duration_since(written) > ABANDONED;
        Ok(still && is_marked(path) && File::open(path)?.try_lock().is_ok())
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if is_abandoned(&path).unwrap_or_default() {
            // Whose it is may be another: then it stays.
            let _ = fs::remove_file(&path);
        }
    }
}

/// What ends a command from outside.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> io::Result<Self> {
        let [term, int, hup] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
        Ok(Self([term?, int?, hup?]))
    }

    async fn any(&mut self) {
        let Self([term, int, hup]) = self;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            _ = hup.recv() => {}
        }
    }
}

impl Restore {
    pub fn run(&self, common: &Common) -> Result<()> {
        let dir = common.data_dir.as_ref().ok_or_else(|| {
            Error::usage("restore works on the server's host: add --data-dir DIR.")
        })?;
        let name = self.file.display().to_string();
        let now = super::now();
        let restored = if name == "-" {
            restore(dir, &mut io::stdin().lock(), "stdin", self.force, now)?
        } else {
            refuse_live(&self.file)?;
            let mut file = File::open(&self.file).map_err(|error| {
                let why = Error::unreadable(&name, &error);
                if why.kind == Kind::NotFound {
                    return why.hint("Name a file that `incidentd backup` wrote; `-` is stdin.");
                }
                why.hint("The folder's owner reads it. As yourself: incidentd restore - < FILE")
            })?;
            restore(dir, &mut file, &name, self.force, now)?
        };
        let as_of = restored.backup.as_of.as_deref().unwrap_or("its beginning");
        output::say(&format!("Restored {name} as of {as_of}."));
        if let Some(aside) = &restored.aside {
            output::say(&format!("The database that was there is now {}.", aside.display()));
        }
        if restored.unreadable {
            output::say("It could not be read: see to it that nobody still uses its numbers.");
        }
        output::say(&format!(
            "New incidents are numbered above {}. Start the server: incidentd serve --data-dir {}",
            restored.incidents_above,
            dir.display()
        ));
        Ok(())
    }
}

/// A database with a log beside it is more than its one file.
fn refuse_live(file: &Path) -> Result<()> {
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    if fs::metadata(&wal).is_ok_and(|meta| meta.len() > 0) {
        return Err(Error::refused(format!(
            "{} is a database in use: what came last is in the log beside it.",
            file.display()
        ))
        .hint("Make a backup of it: incidentd backup FILE --data-dir DIR."));
    }
    Ok(())
}
