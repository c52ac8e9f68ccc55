//! Whose folder is it? Commands on the host act as its owner, so that no file ever belongs to
//! somebody else; and no memory of this process lands in a core file.
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use super::output;
use crate::error::{Error, Kind, Result};

/// Becomes the owner of `dir`, if that is needed and this is root. Must run before any thread is
/// started: those inherit what this one is.
///
/// # Errors
/// `Forbidden`, with the command to use, for any other user than the owner.
pub fn become_owner(dir: &Path) -> Result<()> {
    // Hashes of secrets and people's messages pass through here.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // Not there yet: whoever makes it owns it.
    let Ok(folder) = fs::metadata(dir) else { return Ok(()) };
    let me = geteuid();
    if me.as_raw() == folder.uid() {
        return Ok(());
    }
    let owner = name_of(folder.uid());
    if !me.is_root() {
        let what = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        return Err(Error::new(
            Kind::Forbidden,
            format!("{} belongs to {owner}, and you are somebody else.", dir.display()),
        )
        .hint(format!("Run it as {owner}: sudo -u {owner} incidentd {what}")));
    }
    let (uid, gid) =
        (rustix::fs::Uid::from_raw(folder.uid()), rustix::fs::Gid::from_raw(folder.gid()));
    set_thread_groups(&[])
        .and_then(|()| set_thread_gid(gid))
        .and_then(|()| set_thread_uid(uid))
        .map_err(|error| {
            Error::new(Kind::Forbidden, format!("root cannot act as {owner} here: {error}."))
                .hint(format!("Run it as {owner}: sudo -u {owner} incidentd …"))
        })?;
    // The kernel allows it again to who changes.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    Ok(())
}

/// Says so where a server runs with more rights than it needs.
pub fn warn_of_root() {
    if geteuid().is_root() {
        output::say(
            "incidentd: running as root, which it does not need. Make a user for it and give it \
             the folder: chown -R incidentd DIR.",
        );
    }
}

/// The user's name in `/etc/passwd`; else his number, as sudo takes it.
fn name_of(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("'#{uid}'"))
}
