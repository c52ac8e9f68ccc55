//! Reading the configuration from its layers, and saying where it is wrong: file, line, key, and
//! what to do.
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Table;
use toml::de::{DeTable, DeValue};

use super::{Config, Gateway, Key, keys, nearest};
use crate::error::{Error, Kind, Result};
use crate::secret;

/// What is read where no file is named, if it is there.
pub const SYSTEM_FILE: &str = "/etc/incidentd/incidentd.toml";

/// More than so many faults are not told at once.
const MAX_WRONG: usize = 20;

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
    /// `Invalid`, of a flag `Usage`, naming who said what is wrong first.
    pub fn read(&self) -> Result<Config> {
        self.read_whole().map_err(|mut wrong| wrong.swap_remove(0))
    }

    /// The same.
    ///
    /// # Errors
    /// At least one, `Invalid` or `Usage`: all that is wrong, as far as it can be read.
    pub fn read_whole(&self) -> Result<Config, Vec<Error>> {
        let read = self.file.as_deref().map_or_else(|| Ok(Table::new()), read_file);
        let (mut table, mut wrong) = match read {
            Ok(table) => (table, Vec::new()),
            Err(wrong) => (Table::new(), wrong),
        };
        for given in &self.given {
            match given.value() {
                Ok(value) => given.key.put(&mut table, Some(value)),
                Err(error) => wrong.push(error),
            }
        }
        for key in keys() {
            let why = key.check(&table).err();
            wrong.extend(why.map(|why| self.located(Error::invalid(&key.path(), why))));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let config: Config = table.try_into().map_err(|error| vec![Error::internal(error)])?;
        wrong.extend(config.faults().into_iter().map(|error| self.located(error)));
        if wrong.is_empty() { Ok(config) } else { Err(wrong) }
    }

    /// An error that names a key, as one that names the place where its value was said.
    #[must_use]
    pub fn located(&self, mut error: Error) -> Error {
        let Some(field) = error.fields.first_mut() else { return error };
        let said = |given: &&Given| given.key.path() == field.field;
        let place = match (self.given.iter().rev().find(said), &self.file) {
            (Some(given), _) => {
                error.kind = given.fault();
                Some(given.by.clone())
            }
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

impl Given {
    /// What is wrong with a flag is wrong usage.
    fn fault(&self) -> Kind {
        if self.by.starts_with("--") { Kind::Usage } else { Kind::Invalid }
    }

    fn value(&self) -> Result<toml::Value> {
        let wrong = |why: String| {
            let why = one_line(why.trim_end_matches('.'));
            let wrong = Error::invalid(&self.by, format!("{why}."));
            corrected(Error { kind: self.fault(), ..wrong })
        };
        let value = self.key.read(&self.words).map_err(wrong)?;
        let mut alone = Table::new();
        self.key.put(&mut alone, Some(value.clone()));
        match alone.try_into::<Config>() {
            Ok(_) => Ok(value),
            Err(_) if self.key.secret => Err(wrong("cannot be used".into())),
            Err(error) => Err(wrong(error.message().to_owned())),
        }
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

fn read_file(file: &Path) -> Result<Table, Vec<Error>> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let why = Error::unreadable(shown, &error);
        vec![why.hint("Name another with --config; without one the defaults hold.")]
    })?;
    let config = read_text(&text).map_err(|wrong| {
        wrong.iter().map(|error| misread(file, &text, error)).collect::<Vec<_>>()
    })?;
    let table: Table = toml::from_str(&text).map_err(|error| vec![misread(file, &text, &error)])?;
    let keyed = keys().iter().any(|key| key.secret && key.of(&table).is_some());
    if keyed || config.gateways.values().any(Gateway::holds_secret) {
        secret::check_private(file).map_err(|error| vec![error])?;
    }
    Ok(table)
}

/// The configuration, or all that is wrong with it: what is wrong is taken out, and the rest is
/// read again.
fn read_text(text: &str) -> Result<Config, Vec<toml::de::Error>> {
    let mut tree = DeTable::parse(text).map_err(|error| vec![error])?;
    let mut wrong: Vec<toml::de::Error> = Vec::new();
    loop {
        match Config::deserialize(toml::Deserializer::from(tree.clone())) {
            Ok(config) if wrong.is_empty() => return Ok(config),
            Ok(_) => break,
            Err(error) => {
                let gone = error.span().is_some_and(|at| take_out(tree.get_mut(), at.start));
                wrong.push(error);
                if !gone || wrong.len() == MAX_WRONG {
                    break;
                }
            }
        }
    }
    wrong.sort_by_key(|error| error.span().map(|at| at.start));
    Err(wrong)
}

/// Takes out the innermost entry that stands at a place of the text; false if there is none.
fn take_out(table: &mut DeTable<'_>, at: usize) -> bool {
    let inside = |value: &mut DeValue<'_>| match value {
        DeValue::Table(table) => take_out(table, at),
        _ => false,
    };
    if table.iter_mut().any(|(_, value)| inside(value.get_mut())) {
        return true;
    }
    let mut entries = table.iter();
    let found = entries.find(|(key, it)| key.span().contains(&at) || it.span().contains(&at));
    let key = found.map(|(key, _)| key.clone());
    key.is_some_and(|key| table.remove(&key).is_some())
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
    fn all_that_is_wrong_is_said_at_once() {
        let text = "lisen = \"x\"\nlog_format = \"xml\"\npublic_url = \"https://example.com\"\n\
                    [limits]\nsockets = \"x\"\nsocket = 1\n[limit]\na = 1\nb = 2\n";
        let (_dir, mut sources) = file(text);
        sources.given = vec![given("limits.sockets", &["many"])];
        let wrong = sources.read_whole().expect_err("all wrong");
        let said: Vec<String> = wrong.iter().map(|error| error.detail.clone()).collect();
        assert_eq!(said.len(), 6, "{said:#?}");
        assert!(said[0].contains("line 1:") && said[4].contains("line 7:"), "{said:#?}");
        for part in [
            "line 1: `lisen`",
            "line 2: log_format:",
            "line 5: limits.sockets:",
            "line 6: `socket` is no key",
            "line 7: `limit` is no key",
            "INCIDENTD_LIMITS_SOCKETS: `many`",
        ] {
            assert_eq!(
                said.iter().filter(|one| one.contains(part)).count(),
                1,
                "{part}: {said:#?}"
            );
        }
        let (_dir, sources) = file("public_url = \"here\"\n[tls]\ncert = \"c.pem\"\n[limits]\n");
        let wrong = sources.read_whole().expect_err("both");
        assert_eq!(wrong.len(), 2, "{wrong:#?}");
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
