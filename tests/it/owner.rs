//! Whose folder it is: on the host every command acts as the folder's owner, or not at all.
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;

use crate::process::{Serving, incidentd, on_host, run, say};

/// Two users that own nothing else here.
const OWNER: u32 = 54_321;
const OTHER: u32 = 54_322;

/// A folder of `OWNER`'s; none where this is not root.
fn owned() -> Option<tempfile::TempDir> {
    let parent = tempfile::tempdir().expect("a folder");
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).expect("open to all");
    let dir = parent.path().join("data");
    fs::create_dir(&dir).expect("made");
    if chown(&dir, Some(OWNER), Some(OWNER)).is_err() {
        say("skipped: only root can give folders away");
        return None;
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).expect("private");
    Some(parent)
}

fn all_are_the_owners(dir: &Path) {
    for entry in fs::read_dir(dir).expect("readable") {
        let path = entry.expect("an entry").path();
        let meta = fs::symlink_metadata(&path).expect("there");
        assert_eq!((meta.uid(), meta.gid()), (OWNER, OWNER), "{}", path.display());
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn root_becomes_the_owner_and_nobody_else_does() {
    let Some(parent) = owned() else { return };
    let dir = parent.path().join("data");
    // Where none runs, and beside a server, which is the owner's too although root started it.
    on_host(&dir, &["user", "add", "alice", "--admin"], "");
    all_are_the_owners(&dir);
    let server = Serving::start(&dir);
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("read");
    let line = |name: &str| status.lines().find(|line| line.starts_with(name)).expect("there");
    let ids = format!("\t{OWNER}\t{OWNER}\t{OWNER}\t{OWNER}");
    assert!(line("Uid:").ends_with(&ids) && line("Gid:").ends_with(&ids), "{status}");
    assert_eq!(line("Groups:").trim_end_matches([' ', '\t']), "Groups:", "{status}");
    on_host(&dir, &["user", "list"], "");
    // What root hands over is written where root may: the output is the owner's as well.
    let output = run(incidentd().args(["backup", "-"]).arg("--data-dir").arg(&dir), "");
    assert!(output.status.success() && output.stdout.starts_with(b"SQLite"), "{output:?}");
    all_are_the_owners(&dir);
    drop(server);

    let before = fs::read_dir(&dir).expect("readable").count();
    for what in [&["user", "list"][..], &["serve", "--listen", "127.0.0.1:0"], &["backup", "x"]] {
        let mut command = incidentd();
        command.args(what).arg("--data-dir").arg(&dir).uid(OTHER).gid(OTHER);
        let output = run(&mut command, "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{what:?}: {said}");
        let expected = format!("sudo -u '#{OWNER}' incidentd {}", what[0]);
        assert!(said.contains(&expected), "{what:?}: {said}");
    }
    assert_eq!(fs::read_dir(&dir).expect("readable").count(), before);
    let mut command = incidentd();
    command.args(["user", "list"]).arg("--data-dir").arg(&dir).uid(OWNER).gid(OWNER);
    assert!(run(&mut command, "").status.success(), "the owner needs no sudo");
}

#[test]
fn the_process_that_holds_secrets_leaves_no_core() {
    let dir = tempfile::tempdir().expect("a folder");
    let allowed = format!(
        "ulimit -c unlimited; exec \"{}\" serve --data-dir \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_incidentd")
    );
    let mut server = Serving::with(
        std::process::Command::new("sh").args(["-c", &allowed]).arg(dir.path()),
        "127.0.0.1:0",
    )
    .expect("serves");
    let pid = rustix::process::Pid::from_child(&server.child);
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).expect("signalled");
    let ended = server.child.wait().expect("ended");
    assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended:?}");
}
