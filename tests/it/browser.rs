//! The browser dashboard: people's stories in Debian's chromium before the built binary, and its
//! modules against the types of the API.
use std::path::Path;
use std::process::Command;

use crate::programs::run;

/// Node with a script of `tests/browser`.
fn node(script: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    assert!(folder.join("node_modules").is_dir(), "scripts/test installs what the browser needs");
    let mut command = Command::new("node");
    command.arg(folder.join(script)).env("INCIDENTD_BIN", env!("CARGO_BIN_EXE_incidentd"));
    command
}

/// What each story is stands in `tests/browser/stories.mjs`.
#[test]
fn people_find_their_way() {
    let ran = run(&mut node("run.mjs"), "");
    assert!(ran.status.success(), "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn its_modules_know_the_api() {
    let ran = run(&mut node("types.mjs"), "");
    assert!(ran.status.success(), "{}\n{}", ran.stdout, ran.stderr);
}
