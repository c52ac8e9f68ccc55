//! Reading the configuration from its layers, and saying where it is wrong: file, line, key, and
//! what to do.
use std::path::{Path, PathBuf};

use toml::Table;

use super::{Config, Gateway, Key, keys, nearest};
use crate::error::{Error, Kind, Result};
use crate::secret;

/// What is read where no file is named, if it is there.
pub const SYSTEM_FILE: &str = "/etc/incidentd/incidentd.toml";

/// A value from outside the file, and who said it: a flag or a variable.
#[derive(Clone, Debug)]
pub struct Given {
    pub key: Key,
    pub by: String,
    pub words: Vec<String>,
}

/// Where the configuration comes from; a reload reads it anew.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    /// Later ones win.
    pub given: Vec<Given>,
}

impl Sources {
    #[must_use]
    pub fn new(file: Option<PathBuf>, given: Vec<Given>) -> Self {
        let system = || Path::new(SYSTEM_FILE).exists().then(|| SYSTEM_FILE.into());
        Self { file: file.or_else(system), given }
    }

    /// Defaults, then the file, then what was given.
    ///
    /// # Errors
    /// `Invalid`, naming who said it.
    pub fn read(&self) -> Result<Config> {
        let mut table = self.file.as_deref().map(read_file).transpose()?.unwrap_or_default();
        for given in &self.given {
            let wrong = |why: String| {
                let why = one_line(why.trim_end_matches('.'));
                corrected(Error::invalid(&given.by, format!("{why}.")))
            };
            let value = given.key.read(&given.words).map_err(wrong)?;
            let mut alone = Table::new();
            given.key.put(&mut alone, Some(value.clone()));
            if let Err(error) = alone.try_into::<Config>() {
                let why = if given.key.secret { "cannot be used" } else { error.message() };
                return Err(wrong(why.to_owned()));
            }
            given.key.put(&mut table, Some(value));
        }
        for key in keys() {
            key.check(&table).map_err(|why| self.located(Error::invalid(&key.path(), why)))?;
        }
        let config: Config = table.try_into().map_err(Error::internal)?;
        config.check().map_err(|error| self.located(error))?;
        Ok(config)
    }

    /// An error that names a key, as one that names the place where its value was said.
    #[must_use]
    pub fn located(&self, mut error: Error) -> Error {
        let Some(field) = error.fields.first_mut() else { return error };
        let said = |given: &&Given| given.key.path() == field.field;
        let place = match (self.given.iter().rev().find(said), &self.file) {
            (Some(given), _) => Some(given.by.clone()),
            (None, Some(file)) => std::fs::read_to_string(file)
                .ok()
                .and_then(|text| line_of(&text, &field.field))
                .map(|line| format!("{}, line {line}: {}", file.display(), field.field)),
            (None, None) => None,
        };
        if let Some(place) = place {
            error.detail = format!("{place}: {}.", field.message.trim_end_matches('.'));
        }
        corrected(error)
    }
}

/// With the next step, if it has none of its own.
fn corrected(error: Error) -> Error {
    if error.hint.is_some() {
        return error;
    }
    error.hint("Correct it; `incidentd config check` tells whether all is well.")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read_file(file: &Path) -> Result<Table> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::new(Kind::Invalid, format!("{shown} cannot be read: {error}."))
            .hint("Name another with --config; without one the defaults hold.")
    })?;
    let config: Config = toml::from_str(&text).map_err(|error| misread(file, &text, &error))?;
    let table: Table = toml::from_str(&text).map_err(|error| misread(file, &text, &error))?;
    let keyed = keys().iter().any(|key| key.secret && key.of(&table).is_some());
    if keyed || config.gateways.values().any(Gateway::holds_secret) {
        secret::check_private(file)?;
    }
    Ok(table)
}

/// File, line, key, what is wrong, and what was meant.
fn misread(file: &Path, text: &str, error: &toml::de::Error) -> Error {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let name = line.split('=').next().unwrap_or_default().trim();
    let path = match section_before(text, number) {
        Some(section) if !name.starts_with('[') => format!("{section}.{name}"),
        _ => name.trim_matches(['[', ']']).to_owned(),
    };
    let place = format!("{}, line {}", file.display(), number + 1);
    let message = error.message();
    if let Some(unknown) = message.strip_prefix("unknown field `").and_then(|m| m.split('`').next())
    {
        let error = Error::new(Kind::Invalid, format!("{place}: `{unknown}` is no key."));
        return error.hint(meant(unknown));
    }
    let known = keys().into_iter().find(|key| key.path() == path);
    let why = match &known {
        Some(key) if key.secret => "cannot be used".to_owned(),
        _ => one_line(message),
    };
    let key = known.map_or(String::new(), |key| format!("{}: ", key.path()));
    corrected(Error::new(Kind::Invalid, format!("{place}: {key}{}.", why.trim_end_matches('.'))))
}

/// The key or section that `unknown` is most like, or its right place.
fn meant(unknown: &str) -> String {
    let known = keys();
    let sections = known.iter().filter_map(|key| key.section);
    let Some(name) = nearest(unknown, known.iter().map(|key| key.name).chain(sections)) else {
        return "`incidentd config example` shows all keys.".into();
    };
    match known.iter().find(|key| key.name == name) {
        Some(Key { section: Some(section), .. }) if name == unknown => {
            format!("It belongs under [{section}].")
        }
        Some(_) if name == unknown => "It belongs above the first [section].".into(),
        Some(key) => format!("Did you mean `{}`?", key.path()),
        None => format!("Did you mean [{name}]?"),
    }
}

/// The section in which line `number` (from 0) stands.
fn section_before(text: &str, number: usize) -> Option<&str> {
    text.lines()
        .take(number + 1)
        .filter_map(|line| line.trim().strip_prefix('[')?.split(']').next())
        .last()
}

/// The line (from 1) that sets the key.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let (section, name) = match path.rsplit_once('.') {
        Some((section, name)) => (Some(section), name),
        None => (None, path),
    };
    let sets = |line: &str| line.split('=').next().is_some_and(|key| key.trim() == name);
    (0..text.lines().count())
        .find(|&number| {
            section_before(text, number) == section
                && text.lines().nth(number).is_some_and(|line| line.contains('=') && sets(line))
        })
        .map(|number| number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, Sources) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("incidentd.toml");
        std::fs::write(&path, text).expect("written");
        (dir, Sources::new(Some(path), Vec::new()))
    }

    fn given(path: &str, words: &[&str]) -> Given {
        let key = keys().into_iter().find(|key| key.path() == path).expect("known");
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Given { by: key.variable(), key, words }
    }

    #[test]
    fn later_layers_win() {
        let (_dir, mut sources) = file("listen = \"127.0.0.1:1\"\n[limits]\nsockets = 5\n");
        sources.given = vec![
            given("limits.sockets", &["1_000"]),
            given("allowed_origins", &["http://a", " http://b"]),
            given("limits.sockets", &["7"]),
        ];
        let config = sources.read().expect("good");
        assert_eq!((config.listen.to_string().as_str(), config.limits.sockets), ("127.0.0.1:1", 7));
        assert_eq!(config.allowed_origins, ["http://a", "http://b"]);
        assert_eq!(Sources::default().read().expect("defaults"), Config::default());
    }

    #[test]
    fn what_is_wrong_is_said_with_file_line_key_and_the_next_step() {
        for (text, said, hint) in [
            ("lisen = \"x\"", "line 1: `lisen` is no key.", "`listen`"),
            ("\n[limit]\nsockets = 1", "line 2: `limit` is no key.", "mean [limits]?"),
            ("[limits]\nsocket = 1", "line 2: `socket` is no key.", "`limits.sockets`"),
            ("sockets = 1", "line 1: `sockets` is no key.", "under [limits]"),
            ("[tls]\nlog = \"info\"", "line 2: `log` is no key.", "above the first [section]"),
            ("zzz = 1", "`zzz` is no key.", "config example"),
            ("[limits]\n\nsockets = \"x\"", "line 3: limits.sockets: invalid type", "check"),
            ("[limits]\nsockets = 0", "line 2: limits.sockets: 0 is less than 1", "check"),
            ("[limits]\nsockets = -1", "line 2: limits.sockets: invalid value", "check"),
            ("listen = \"8080\"", "line 1: listen: `8080` is no address", "check"),
            ("trusted_proxies = [\"ten\"]", "line 1: trusted_proxies: `ten` is no", "check"),
            ("public_url = \"here\"", "line 1: public_url: `here`", "check"),
            ("log = \"a=b=c\"", "line 1: log:", "check"),
            ("log_format = \"xml\"", "line 1: log_format: unknown variant", "check"),
            ("[tls]\ncert = \"c.pem\"", "line 2: tls.cert:", "tls.key"),
            ("listen = ", "line 1:", "check"),
        ] {
            let (_dir, sources) = file(text);
            let error = sources.read().expect_err(text);
            assert!(error.detail.contains(said), "{text}: {error}");
            assert!(error.detail.contains("incidentd.toml"), "{text}: {error}");
            assert!(error.to_string().contains(hint), "{text}: {error}");
        }
        for (path, word, said) in [
            ("limits.sockets", "many", "INCIDENTD_LIMITS_SOCKETS: `many` is no whole number"),
            ("limits.sockets", "0", "INCIDENTD_LIMITS_SOCKETS: 0 is less than 1"),
            ("listen", "x", "INCIDENTD_LISTEN: `x` is no address"),
            ("public_url", "x", "INCIDENTD_PUBLIC_URL: `x`"),
        ] {
            let sources = Sources::new(None, vec![given(path, &[word])]);
            let error = sources.read().expect_err(path);
            assert!(error.detail.contains(said), "{error}");
        }
    }
}
