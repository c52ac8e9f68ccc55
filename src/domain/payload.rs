//! What of a sender's request is kept for whoever connects it: its beginning, without secrets.
use super::text;

/// Longest excerpt, in bytes.
const MAX: usize = 16 * 1024;
/// Fields of JSON whose text nobody but the sender shall read.
const SECRETS: [&str; 10] = [
    "routing_key",
    "service_key",
    "integration_key",
    "api_key",
    "apikey",
    "token",
    "access_token",
    "password",
    "secret",
    "authorization",
];

/// The beginning of `body` as text; `key` and what looks like another secret are replaced.
#[must_use]
pub fn excerpt(body: &[u8], key: &str) -> String {
    let head = &body[..body.len().min(MAX)];
    let mut kept = String::from_utf8_lossy(head).into_owned();
    if !key.is_empty() {
        kept = kept.replace(key, "[key]");
    }
    let cut = head.len() < body.len();
    if cut {
        // A character, or the key, may be halved.
        kept.truncate(kept.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
        let halved = (1..key.len()).rev().find(|n| kept.ends_with(&key[..*n]));
        kept.truncate(kept.len() - halved.unwrap_or(0));
    }
    kept = without_secrets(&kept);
    if cut {
        kept = format!("{kept}{} [cut: {} bytes in all]", text::CUT, body.len());
    }
    kept
}

/// Where the string that begins at the first byte of `text`, a quote, ends.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().enumerate().skip(1).find_map(|(at, byte)| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends.then_some(at)
    })
}

fn without_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let Some(end) = end_of_string(&rest[start..]).map(|end| start + end) else { break };
        let name = rest[start + 1..end].to_lowercase();
        out.push_str(&rest[..=end]);
        rest = &rest[end + 1..];
        let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
        let Some(value) = value.filter(|value| value.starts_with('"')) else { continue };
        if SECRETS.contains(&name.as_str()) {
            out.push_str(&rest[..rest.len() - value.len()]);
            out.push_str("\"[secret]\"");
            rest = end_of_string(value).map_or("", |end| &value[end + 1..]);
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn secrets_are_replaced_wherever_they_stand() {
        let body = format!(
            r#"{{"routing_key":"{KEY}","a":{{"Password" : "x\"y", "note":"{KEY}!"}},"token":"#
        );
        let kept = excerpt(format!("{body}\"unfinished").as_bytes(), KEY);
        assert_eq!(
            kept,
            r#"{"routing_key":"[secret]","a":{"Password" : "[secret]", "note":"[key]!"},"token":"[secret]""#
        );
        assert_eq!(excerpt(b"key=1 \"token\" is \"x\"", ""), "key=1 \"token\" is \"x\"");
        assert_eq!(excerpt(b"\xff\"", KEY), "\u{fffd}\"");
    }

    #[test]
    fn what_is_long_is_cut_and_no_part_of_a_key_stays() {
        for before in MAX - 40..MAX {
            let body = format!("{}{KEY}{}", "ü".repeat(before / 2), "y".repeat(MAX));
            let kept = excerpt(body.as_bytes(), KEY);
            assert!(kept.len() <= MAX + 64 && kept.ends_with("bytes in all]"), "{before}");
            assert!(!kept.contains("0123"), "{before}");
        }
    }
}
