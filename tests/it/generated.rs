//! Files that are derived from the code and committed: they say what the code says. After a change
//! `UPDATE=1 cargo nextest run generated` writes them anew.
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
