//! The browser dashboard: files of `assets/`, embedded. All of them share one hash, which stands in
//! their addresses: a browser keeps them for ever and asks only whether the page itself is new.
//! The page is open to anybody: it holds nothing, and a link to it keeps its place over a login.
use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use include_dir::{Dir, include_dir};

use super::Shared;
use crate::error::Error;
use crate::secret::hash;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets");
static SITE: LazyLock<Site> = LazyLock::new(Site::read);

/// What the files write where their hash will stand.
const MARK: &str = "/assets/@/";
/// The page serves every address of its own; which of them it shows is its own affair.
const PAGES: [&str; 13] = [
    "/",
    "/incidents",
    "/incidents/{id}",
    "/services",
    "/services/{service}",
    "/teams",
    "/teams/{team}",
    "/users",
    "/tokens",
    "/profile",
    "/setup",
    "/welcome",
    "/index.html",
];

/// Answered from memory; needs nothing of the server.
pub fn router() -> Router<Shared> {
    let mut router = Router::new()
        .route("/assets/{version}/{*path}", get(kept))
        .route("/sw.js", get(|headers: HeaderMap| async move { asked("sw.js", &headers) }))
        .route(
            "/manifest.webmanifest",
            get(|headers: HeaderMap| async move { asked("manifest.webmanifest", &headers) }),
        );
    for page in PAGES {
        router = router
            .route(page, get(|headers: HeaderMap| async move { asked("index.html", &headers) }));
    }
    router
}

/// A file under the hash of them all: it never changes there.
async fn kept(Path((version, path)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let file = SITE.files.get(path.as_str()).filter(|_| version == SITE.version);
    match file {
        Some(file) => file.answer(&headers, "public, max-age=31536000, immutable"),
        // Of another version: its page would not understand this one's file.
        None => Error::not_found("This file").into_response(),
    }
}

/// A file whose address stays while it changes: browsers ask each time whether it did.
fn asked(path: &str, headers: &HeaderMap) -> Response {
    let Some(file) = SITE.files.get(path) else {
        return Error::not_found("This file").into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| *tag == SITE.tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.answer(headers, "no-cache")
    };
    response.headers_mut().insert(header::ETAG, SITE.tag.clone());
    response
}

struct Site {
    version: String,
    tag: HeaderValue,
    files: HashMap<&'static str, File>,
}

struct File {
    kind: &'static str,
    plain: Bytes,
    /// Where that is shorter.
    gzip: Option<Bytes>,
}

impl Site {
    fn read() -> Self {
        let mut found = Vec::new();
        collect(&FILES, &mut found);
        found.sort_unstable_by_key(|(path, ..)| *path);
        let mut all = Vec::new();
        for (path, _, bytes) in &found {
            all.extend_from_slice(path.as_bytes());
            all.extend_from_slice(bytes);
        }
        let version = URL_SAFE_NO_PAD.encode(&hash(&all)[..9]);
        let files = found
            .into_iter()
            .map(|(path, kind, bytes)| (path, File::new(path, kind, bytes, &version)))
            .collect();
        let tag = HeaderValue::from_str(&format!("\"{version}\""));
        Self { tag: tag.unwrap_or(HeaderValue::from_static("\"\"")), version, files }
    }
}

/// The files that a browser is served, with their types.
fn collect(
    dir: &'static Dir<'static>,
    found: &mut Vec<(&'static str, &'static str, &'static [u8])>,
) {
    for file in dir.files() {
        let path = file.path().to_str().unwrap_or_default();
        if let Some(kind) = kind_of(path) {
            found.push((path, kind, file.contents()));
        }
    }
    dir.dirs().for_each(|dir| collect(dir, found));
}

fn kind_of(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

impl File {
    fn new(path: &str, kind: &'static str, bytes: &'static [u8], version: &str) -> Self {
        let plain = match std::str::from_utf8(bytes) {
            Ok(text) if path.starts_with("app/") => Bytes::from(without_comments(text)),
            Ok(text) if !path.contains('/') => {
                Bytes::from(text.replace(MARK, &format!("/assets/{version}/")))
            }
            _ => Bytes::from_static(bytes),
        };
        let gzip = gzip(&plain).filter(|gzip| gzip.len() < plain.len());
        Self { kind, plain, gzip }
    }

    fn answer(&self, headers: &HeaderMap, cache: &'static str) -> Response {
        let accepts = headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|coding| coding.split(';').next().is_some_and(|name| name.trim() == "gzip"));
        let gzip = self.gzip.as_ref().filter(|_| accepts);
        let mut response = gzip.unwrap_or(&self.plain).clone().into_response();
        let answer = response.headers_mut();
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if gzip.is_some() {
            answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Our modules without the lines that are comments only, and without indentation: a browser
/// reads neither. Lines keep their numbers.
fn without_comments(script: &str) -> String {
    let mut block = false;
    let mut text = String::with_capacity(script.len());
    for line in script.lines().map(str::trim_start) {
        let begins = line.starts_with("/**");
        let ends = line.ends_with("*/");
        if !(block || begins && ends || begins && !line.contains("*/") || line.starts_with("//")) {
            text.push_str(line);
        }
        block = (block || begins && !line.contains("*/")) && !ends;
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_at_home_and_lines_keep_their_numbers() {
        let script = "// What it is for.\n/** @param {x} y\n * @returns {z} */\nconst a = 1; // here\n  \
                      const b = /** @type {T} */ (c);\n  /** @type {T} */ (d).e();\n";
        let lean = "\n\n\nconst a = 1; // here\nconst b = /** @type {T} */ (c);\n\
                    /** @type {T} */ (d).e();\n";
        assert_eq!(without_comments(script), lean);
    }

    /// What is promised to a phone on a slow line.
    #[test]
    fn the_dashboard_is_small() {
        let size = |of: &dyn Fn(&str) -> bool| -> usize {
            let files = SITE.files.iter().filter(|(path, _)| of(path));
            files.map(|(_, file)| file.gzip.as_ref().unwrap_or(&file.plain).len()).sum()
        };
        let all = size(&|_| true);
        assert!(all < 200_000, "all assets have {all} bytes compressed");
    }

    #[test]
    fn every_address_in_the_files_leads_to_one() {
        let page = SITE.files.get("index.html").expect("the page");
        let text = std::str::from_utf8(&page.plain).expect("text");
        let prefix = format!("/assets/{}/", SITE.version);
        let mut found = 0;
        for rest in text.split(prefix.as_str()).skip(1) {
            let path = rest.split('"').next().expect("a path");
            assert!(SITE.files.contains_key(path), "index.html names {path}");
            found += 1;
        }
        assert!(found > 5, "{text}");
    }
}
