//! Files that are derived from the code and committed: they say what the code says. After a change
//! `UPDATE=1 cargo nextest run generated` writes them anew.
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use incidentd::api::openapi;
use incidentd::http::routes;

fn is_current(path: &str, derived: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(&file, derived).expect("written");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == derived,
        "{path} is not what the code says; run: UPDATE=1 cargo nextest run generated"
    );
}

#[test]
fn the_openapi_document() {
    let document = openapi::document(&routes::operations().operations);
    let text = serde_json::to_string_pretty(&document).expect("JSON");
    is_current("assets/openapi.json", &format!("{text}\n"));
}

/// The manual: a page for each command, and one for the configuration's file.
#[test]
fn the_manual() {
    let folder = tempfile::tempdir().expect("a folder");
    clap_mangen::generate_to(incidentd::cli::command(), folder.path()).expect("written");
    let mut pages = BTreeMap::from([("incidentd.toml.5".to_owned(), configuration())]);
    for page in fs::read_dir(folder.path()).expect("a folder") {
        let page = page.expect("a page");
        let text = fs::read_to_string(page.path()).expect("readable");
        pages.insert(page.file_name().to_string_lossy().into_owned(), text);
    }
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    for page in fs::read_dir(&committed).into_iter().flatten() {
        let page = page.expect("a page");
        let known = pages.contains_key(&*page.file_name().to_string_lossy());
        if !known && std::env::var_os("UPDATE").is_some() {
            fs::remove_file(page.path()).expect("removed");
        } else {
            assert!(known, "man/{:?} is of no command", page.file_name());
        }
    }
    for (name, text) in pages {
        is_current(&format!("man/{name}"), &text);
    }
}

fn configuration() -> String {
    use clap_mangen::roff::{Roff, bold, italic, roman};
    let mut page = Roff::new();
    page.control(
        "TH",
        ["incidentd.toml", "5", "", concat!("incidentd ", env!("CARGO_PKG_VERSION"))],
    );
    page.control("SH", ["NAME"]);
    page.text([roman("incidentd.toml - the server's configuration")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(
        "Each key has a default; none is needed. A key of the file is overridden by its variable, \
         and that by its flag. `incidentd config check` reads a file, `incidentd config example` \
         writes one with every default.",
    )]);
    page.control("SH", ["KEYS"]);
    for key in incidentd::config::keys() {
        page.control("TP", []);
        page.text([bold(key.path())]);
        let default = key.default.as_ref().filter(|value| !value.is_array());
        let default = default.map(|value| format!(" Default: {value}."));
        let restart = if key.restart { " Changes with a restart." } else { "" };
        page.text([roman(format!("{}.{}{restart}", key.doc, default.unwrap_or_default()))]);
        page.control("br", []);
        page.text([italic(key.variable()), roman(", "), bold(format!("--{}", key.flag()))]);
    }
    page.to_roff()
}
