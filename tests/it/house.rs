//! The house itself: its arrows, its invariants, what must not be written twice.
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that a room may use directly; `error`, `clock`, `config`, `metrics`, `secret`, `trust` serve all.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("api", &["domain"]),
    ("ingest", &["domain"]),
    ("app", &["store", "api", "domain"]),
    ("notify", &["domain"]),
    ("engine", &["app", "notify", "domain"]),
    // It asks of `notify` what an address must be and what words become; it sends nothing.
    ("http", &["app", "ingest", "notify", "api", "domain"]),
    ("live", &["http", "app", "api", "domain"]),
    // What people look at knows what any client could know: never the store, never the rules' room.
    ("client", &["api", "domain"]),
    ("tui", &["client", "api", "domain"]),
    ("server", &["live", "http", "engine", "notify", "app", "store"]),
    ("cli", &["tui", "server", "client", "app", "api", "domain"]),
];
const SERVE_ALL: &[&str] = &["error", "clock", "config", "metrics", "secret", "trust"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// (room, path in the repository, text) of every source file.
fn house() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    found
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(root.join("src")).expect("inside").to_owned();
            let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
            let room = first.trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).expect("readable");
            (room, inside.display().to_string(), text)
        })
        .collect()
}

#[test]
fn every_room_uses_only_those_below_it() {
    for (room, path, text) in house() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            continue;
        };
        let used: BTreeSet<&str> = text
            .match_indices("crate::")
            .map(|(at, _)| &text[at + "crate::".len()..])
            .filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next())
            .filter(|name| !name.is_empty() && *name != room && !SERVE_ALL.contains(name))
            .collect();
        for name in used {
            assert!(allowed.contains(&name), "{path} uses {name}: {room} may use {allowed:?}");
        }
    }
}

#[test]
fn what_belongs_to_one_room_stays_there() {
    let invariants: &[(&str, &[&str], &str)] = &[
        ("rusqlite", &["store"], "SQL"),
        ("axum::", &["http", "live", "server"], "axum"),
        ("socketioxide::", &["live"], "Socket.IO"),
        ("println!", &["cli"], "printing"),
        (".emit(", &["live"], "emitting"),
    ];
    for (room, path, text) in house() {
        for (sign, rooms, what) in invariants {
            let uses = text.contains(sign);
            assert!(!uses || rooms.contains(&room.as_str()), "{what} does not belong in {path}");
        }
    }
}

#[test]
fn only_append_changes_an_incident() {
    for (room, path, text) in house() {
        let applies =
            text.contains(".apply(&change, actor") || text.contains("update incidents set status");
        assert!(!applies || path == "store/incidents.rs" || room == "domain", "{path}");
    }
}

/// What the writer keeps in mind is forgotten there.
#[test]
fn all_that_is_written_goes_one_way() {
    for (room, path, text) in house() {
        let prepares = room == "store" && text.contains("prepare_cached(");
        let one = ["store/sql.rs", "store/writer.rs"].contains(&path.as_str());
        assert!(!prepares || one, "{path}");
    }
}

#[test]
fn every_file_says_what_it_is_for_and_none_is_a_hall() {
    for (_, path, text) in house() {
        assert!(text.starts_with("//!"), "{path} does not say what it is for");
        let lines = text.lines().count();
        assert!(lines <= 520, "{path} has {lines} lines: which rooms are in it?");
    }
}

#[test]
fn values_never_become_sql() {
    // Constants in capitals, and pieces of SQL that are built beside it.
    let known = |name: &str| {
        let pieces = ["", "marks", "within", "order", "table"];
        pieces.contains(&name) || name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    };
    for (room, path, text) in house().into_iter().filter(|(room, ..)| room == "store") {
        for literal in text.split("format!(").skip(1).filter_map(|rest| rest.split('"').nth(1)) {
            if !(literal.contains("select") || literal.contains("i.status")) {
                continue;
            }
            for name in literal.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                assert!(known(name), "{room}: {path} puts `{name}` into SQL");
            }
        }
    }
}
