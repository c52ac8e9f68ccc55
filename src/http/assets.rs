//! The browser dashboard: files of `assets/`, embedded. All of them share one hash, which stands in
//! their addresses: a browser keeps them for ever and asks only whether the page itself is new.
//! The page is open to anybody: it holds nothing, and a link to it keeps its place over a login.
use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brotli::enc::BrotliEncoderParams;
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
const PAGES: [&str; 19] = [
    "/",
    "/incidents",
    "/incidents/{id}",
    "/on-call",
    "/on-call/{schedule}",
    "/services",
    "/services/{service}",
    "/silences",
    "/teams",
    "/teams/{team}",
    "/teams/{team}/{part}",
    "/users",
    "/tokens",
    "/profile",
    "/health",
    "/audit",
    "/setup",
    "/welcome",
    "/index.html",
];

/// Where a file is served from, kept for ever.
pub fn address(path: &str) -> String {
    format!("/assets/{}/{path}", SITE.version)
}

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

/// The page at an address that it does not know either: it says so, and leads home.
pub fn nowhere(headers: &HeaderMap) -> Response {
    let page = SITE.files.get("index.html").map(|page| page.answer(headers, "no-cache"));
    let mut response = page.unwrap_or_default();
    *response.status_mut() = StatusCode::NOT_FOUND;
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
    brotli: Packed,
    gzip: Packed,
}

/// Packed when first asked for, for good; empty where that makes it no smaller.
type Packed = OnceLock<Bytes>;
type Pack = fn(&[u8]) -> Vec<u8>;

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
        Self { kind, plain, brotli: Packed::new(), gzip: Packed::new() }
    }

    fn answer(&self, headers: &HeaderMap, cache: &'static str) -> Response {
        let (coding, bytes) = self.packed(headers);
        let mut response = bytes.clone().into_response();
        let answer = response.headers_mut();
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(coding) = coding {
            answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        response
    }

    /// As small as the other side can read it. Browsers take brotli over https and from localhost
    /// only: on the way there are proxies that would spoil it.
    fn packed(&self, headers: &HeaderMap) -> (Option<&'static str>, &Bytes) {
        let codings = headers.get_all(header::ACCEPT_ENCODING);
        let codings = codings.iter().filter_map(|value| value.to_str().ok());
        let accepted: Vec<&str> = codings
            .flat_map(|value| value.split(','))
            .filter_map(|coding| coding.split(';').next().map(str::trim))
            .collect();
        let ways = [("br", &self.brotli, brotli as Pack), ("gzip", &self.gzip, gzip)];
        for (coding, kept, pack) in ways {
            if accepted.contains(&coding) {
                let packed = kept.get_or_init(|| {
                    let packed = pack(&self.plain);
                    if packed.len() < self.plain.len() { packed.into() } else { Bytes::new() }
                });
                if !packed.is_empty() {
                    return (Some(coding), packed);
                }
            }
        }
        (None, &self.plain)
    }
}

/// Writing into memory does not fail; if it did, the file would go as it is.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.unwrap_or_else(|_| bytes.to_vec())
}

fn brotli(mut bytes: &[u8]) -> Vec<u8> {
    let plain = bytes;
    let params = BrotliEncoderParams { size_hint: bytes.len(), ..BrotliEncoderParams::default() };
    let mut packed = Vec::new();
    match brotli::BrotliCompress(&mut bytes, &mut packed, &params) {
        Ok(_) => packed,
        Err(_) => plain.to_vec(),
    }
}

/// Our modules without what a browser does not read: the lines that are comments only, types
/// amid the code, indentation. Lines keep their numbers.
fn without_comments(script: &str) -> String {
    let mut block = false;
    let mut text = String::with_capacity(script.len());
    for line in script.lines().map(str::trim_start) {
        let begins = line.starts_with("/**");
        let ends = line.ends_with("*/");
        if !(block || begins && ends || begins && !line.contains("*/") || line.starts_with("//")) {
            push_without_types(&mut text, line);
        }
        block = (block || begins && !line.contains("*/")) && !ends;
        text.push('\n');
    }
    text
}

fn push_without_types(text: &mut String, mut line: &str) {
    while let Some((before, rest)) = line.split_once("/** @type ") {
        text.push_str(before);
        line = rest.split_once("*/").map_or("", |(_, after)| after.trim_start());
    }
    text.push_str(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_at_home_and_lines_keep_their_numbers() {
        let script = "// What it is for.\n/** @param {x} y\n * @returns {z} */\nconst a = 1; // here\n  \
                      const b = /** @type {T} */ (c);\n  /** @type {T} */ (d).e();\n";
        let lean = "\n\n\nconst a = 1; // here\nconst b = (c);\n(d).e();\n";
        assert_eq!(without_comments(script), lean);
    }

    /// What is promised to a phone on a slow line.
    #[test]
    fn the_dashboard_is_small() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, br"));
        let size = |of: &dyn Fn(&str, &File) -> bool| -> usize {
            let files = SITE.files.iter().filter(|(path, file)| of(path, file));
            files.map(|(_, file)| file.packed(&headers).1.len()).sum()
        };
        let page = SITE.files.get("index.html").expect("the page");
        let page = std::str::from_utf8(&page.plain).expect("text");
        let all = size(&|_, _| true);
        let first = size(&|path, file| file.kind.contains("javascript") && page.contains(path));
        assert!(first < 60_000, "JavaScript of the first page has {first} bytes");
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
