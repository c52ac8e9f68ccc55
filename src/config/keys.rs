//! The keys of the configuration, read off the types: name, comment, type, default.
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::value::Error as Said;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::Value as Json;
use toml::{Table, Value};

use super::{Config, Limits, Outgoing, SignOfLife, Smtp, Tls, outside};

/// Width of the example's comments.
const WIDTH: usize = 88;
/// Names that differ more are not what was meant.
const ALIKE: f64 = 0.75;

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    /// In the environment and as a flag separated by commas.
    List,
    /// One of these words.
    Choice(Vec<String>),
}

/// One key of the configuration.
#[derive(Clone, Debug)]
pub struct Key {
    pub section: Option<&'static str>,
    pub name: &'static str,
    /// What it is for.
    pub doc: String,
    pub kind: Kind,
    /// What its value is called where it is explained.
    pub value: String,
    /// What holds where nothing is said, if that is the same everywhere.
    pub default: Option<Value>,
    example: Option<Value>,
    least: Option<i64>,
    /// Never shown; in the environment it may also be named by a file, `…_FILE`.
    pub secret: bool,
    /// Does not change while the server runs.
    pub restart: bool,
}

impl Key {
    fn joined(&self, by: &str) -> String {
        self.section.map_or_else(|| self.name.into(), |section| [section, self.name].join(by))
    }

    /// As in the file: `limits.sockets`.
    #[must_use]
    pub fn path(&self) -> String {
        self.joined(".")
    }

    /// As on the command line, without its dashes: `limits-sockets`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.joined("-").replace('_', "-")
    }

    /// As in the environment: `INCIDENTD_LIMITS_SOCKETS`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("INCIDENTD_{}", self.joined("_").to_uppercase())
    }

    /// Its value in a table of the file's shape.
    #[must_use]
    pub fn of<'a>(&self, table: &'a Table) -> Option<&'a Value> {
        match self.section {
            Some(section) => table.get(section)?.as_table()?.get(self.name),
            None => table.get(self.name),
        }
    }

    /// Puts a value, or nothing, into such a table.
    pub fn put(&self, table: &mut Table, value: Option<Value>) {
        let table = match self.section {
            Some(section) => {
                let inner = table.entry(section).or_insert_with(|| Table::new().into());
                let Some(inner) = inner.as_table_mut() else { return };
                inner
            }
            None => table,
        };
        match value {
            Some(value) => table.insert(self.name.into(), value),
            None => table.remove(self.name),
        };
    }

    /// The value that words from outside mean.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub fn read(&self, words: &[String]) -> Result<Value, String> {
        let text = || words.last().cloned().unwrap_or_default();
        match &self.kind {
            Kind::Text | Kind::Choice(_) => Ok(Value::String(text())),
            Kind::List => Ok(Value::Array(words.iter().map(|word| word.trim().into()).collect())),
            Kind::Number => {
                let digits = text().replace('_', "");
                let number = digits
                    .trim()
                    .parse()
                    .map_err(|_| format!("`{}` is no whole number", text()))?;
                Ok(Value::Integer(number))
            }
        }
    }

    /// # Errors
    /// Says what is wrong with its value in this table.
    pub fn check(&self, table: &Table) -> Result<(), String> {
        match (self.least, self.of(table)) {
            (Some(least), Some(Value::Integer(number))) if *number < least => {
                Err(format!("{number} is less than {least}"))
            }
            _ => Ok(()),
        }
    }

    /// A value as it may be shown.
    fn shown(&self, value: Option<&Value>) -> String {
        match value {
            Some(_) if self.secret => "(secret)".into(),
            Some(value) => value.to_string(),
            None => "(not set)".into(),
        }
    }
}

/// Every key, in the order of the types.
#[must_use]
pub fn keys() -> Vec<Key> {
    [
        section::<Config>(None),
        section::<Tls>(Some("tls")),
        section::<Smtp>(Some("smtp")),
        section::<Outgoing>(Some("outgoing")),
        section::<SignOfLife>(Some("heartbeat")),
        section::<Limits>(Some("limits")),
    ]
    .concat()
}

/// Tables whose keys the operator names: they stand in the file only.
fn maps() -> Vec<&'static str> {
    let known = keys();
    let is_map = |name: &&&str| {
        !known.iter().any(|key| key.section == Some(**name) || key.path() == ***name)
    };
    fields::<Config>().iter().filter(is_map).copied().collect()
}

fn section<T>(section: Option<&'static str>) -> Vec<Key>
where
    T: JsonSchema + Default + Serialize + DeserializeOwned,
{
    let schema = SchemaSettings::default()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    let defaults = Table::try_from(T::default()).unwrap_or_default();
    let key = |name: &&'static str| {
        let of = &schema["properties"][*name];
        // A section has its own keys, a map its operator's.
        let is_key = of.is_object() && of.get("properties").is_none();
        is_key.then(|| key(section, name, of, &defaults))
    };
    fields::<T>().iter().filter_map(key).collect()
}

fn key(section: Option<&'static str>, name: &'static str, of: &Json, defaults: &Table) -> Key {
    let marked = |name: &str| of[name] == Json::Bool(true);
    let is = |kind: &str| match &of["type"] {
        Json::Array(kinds) => kinds.iter().any(|one| one == kind),
        one => one == kind,
    };
    let kind = match of["enum"].as_array() {
        Some(words) => {
            Kind::Choice(words.iter().filter_map(Json::as_str).map(Into::into).collect())
        }
        None if is("array") => Kind::List,
        None if is("integer") => Kind::Number,
        None => Kind::Text,
    };
    let unnamed = if matches!(kind, Kind::Choice(_)) { "WORD" } else { "NUMBER" };
    let example = of["examples"][0].as_str().map(|text| Value::String(text.into()));
    let doc = of["description"].as_str().unwrap_or_default();
    Key {
        section,
        name,
        doc: doc.split_whitespace().collect::<Vec<_>>().join(" "),
        value: of["x-value"].as_str().unwrap_or(unnamed).to_owned(),
        kind,
        // What needs an example has no default, or another on each host.
        default: defaults.get(name).filter(|_| example.is_none()).cloned(),
        example,
        least: of["minimum"].as_i64(),
        secret: marked("x-secret"),
        restart: marked("x-restart"),
    }
}

/// The fields of a struct in their order.
fn fields<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut fields = Fields(&[]);
    // It never gets one: it only says what it would take.
    let _ = T::deserialize(&mut fields);
    fields.0
}

/// Hears which fields a struct asks for, and gives none.
struct Fields(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Fields {
    type Error = Said;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Said> {
        Err(Said::custom("nothing to read"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Said> {
        self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A file with every key, commented out, and its default or an example.
#[must_use]
pub fn example() -> String {
    let mut lines = wrapped(
        "# The configuration of incidentd. Each key is also a flag of `incidentd serve` \
         (--limits-sockets) and a variable (INCIDENTD_LIMITS_SOCKETS); a flag wins over a \
         variable, a variable over this file. None is needed. SIGHUP reads it again.",
    );
    let mut last = None;
    for key in keys() {
        if key.section != last {
            last = key.section;
            lines.push(format!("\n[{}]", key.section.unwrap_or_default()));
        }
        let restart = if key.restart { "; a change takes a restart" } else { "" };
        lines.push(String::new());
        lines.extend(wrapped(&format!("# {}{restart}", key.doc)));
        let value = key.default.as_ref().or(key.example.as_ref());
        let value = value.map(ToString::to_string).unwrap_or_default();
        lines.push(format!("#{} = {value}", key.name));
    }
    lines.join("\n") + "\n\n" + outside::EXAMPLE
}

/// A comment in lines.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + word.len() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("# {word}")),
        }
    }
    lines
}

/// The one of `known` that was most likely meant.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// From one configuration to another.
#[derive(Debug, Default)]
pub struct Shift {
    /// `key: before → after`, for each that is different from now on.
    pub changed: Vec<String>,
    /// The same for each that takes a restart.
    pub waiting: Vec<String>,
}

impl Config {
    /// Takes from `new` what can change while the server runs.
    #[must_use]
    pub fn shifted(&self, new: &Self) -> (Self, Shift) {
        let tables = (Table::try_from(self), Table::try_from(new));
        let (Ok(mut now), Ok(new)) = tables else { return (self.clone(), Shift::default()) };
        let mut shift = Shift::default();
        for key in keys() {
            let (before, after) = (key.of(&now).cloned(), key.of(&new).cloned());
            if before == after {
                continue;
            }
            let line = format!(
                "{}: {} → {}",
                key.path(),
                key.shown(before.as_ref()),
                key.shown(after.as_ref())
            );
            // A listener speaks TLS, or not, from its beginning.
            let other = key.section == Some("tls") && before.is_some() != after.is_some();
            if key.restart || other {
                shift.waiting.push(line);
            } else {
                shift.changed.push(line);
                key.put(&mut now, after);
            }
        }
        for map in maps() {
            let after = new.get(map).cloned().unwrap_or_else(|| Table::new().into());
            if now.get(map) != Some(&after) {
                // What has changed in it may be a secret.
                shift.changed.push(format!("{map}: changed"));
                now.insert(map.to_owned(), after);
            }
        }
        (now.try_into().unwrap_or_else(|_| self.clone()), shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_the_defaults() {
        assert_eq!(toml::from_str::<Config>(&example()).expect("TOML"), Config::default());
        let said = |with_examples: bool| {
            let known = keys();
            let wanted = |line: &&str| {
                let name = line.trim_start_matches('#').split(' ').next().unwrap_or_default();
                let key = known.iter().find(|key| key.name == name);
                !line.starts_with('#')
                    || key.is_some_and(|key| with_examples || key.default.is_some())
            };
            let text: Vec<String> = example()
                .lines()
                .filter(|line| !line.starts_with("# "))
                .filter(wanted)
                .map(|line| line.trim_start_matches('#').to_owned())
                .collect();
            toml::from_str::<Config>(&text.join("\n")).expect("TOML")
        };
        assert_eq!(said(false), Config::default());
        assert_eq!(said(true).public_url.as_deref(), Some("https://oncall.example.com"));
        assert!(said(true).tls.cert.is_some());
    }

    #[test]
    fn no_section_is_forgotten_and_every_key_says_what_it_is_for() {
        let known = keys();
        let table = Table::try_from(Config::default()).expect("a table");
        for (name, value) in &table {
            let inside = value.as_table().map_or(1, Table::len);
            let known = known.iter().filter(|key| key.name == name || key.section == Some(name));
            assert!(known.count() >= inside, "{name}");
        }
        for key in known {
            assert!(!key.doc.is_empty(), "{}", key.path());
            assert!(key.default.is_some() || key.example.is_some(), "{}", key.path());
        }
    }

    #[test]
    fn a_typing_error_finds_its_key() {
        let names: Vec<String> = keys().iter().map(Key::path).collect();
        let near = |name| nearest(name, names.iter().map(String::as_str));
        assert_eq!(near("lisen"), Some("listen"));
        assert_eq!(near("trusted_proxy"), Some("trusted_proxies"));
        assert_eq!(near("zzz"), None);
    }

    #[test]
    fn what_can_change_while_it_runs_does() {
        let now = Config::default();
        let new = Config {
            listen: ([127, 0, 0, 1], 1).into(),
            log: "debug".into(),
            allowed_origins: vec!["http://wall.lan".into()],
            tls: Tls { cert: Some("c".into()), key: Some("k".into()) },
            limits: Limits { sockets: 7, ..Limits::default() },
            ..Config::default()
        };
        let (then, shift) = now.shifted(&new);
        assert_eq!((then.log.as_str(), then.limits.sockets), ("debug", 7));
        assert_eq!((&then.listen, &then.tls), (&now.listen, &now.tls));
        assert_eq!(shift.changed.len(), 3, "{shift:?}");
        assert_eq!(shift.waiting.len(), 3, "{shift:?}");
        assert!(shift.changed.contains(&"limits.sockets: 2000 → 7".to_owned()), "{shift:?}");
    }
}
