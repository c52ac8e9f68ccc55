//! `incidentd apply` and `incidentd export`: the configuration as a file.
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::connect::connect_for_setup;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::configuration::{
    self, Applied, ApplyQuery, Difference, DifferenceAction, Document, SecretText,
};
use crate::error::{Error, FieldError, Kind, Result};

/// Largest document that is read.
const MAX_FILE: u64 = 4 * 1024 * 1024;

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches that people type")]
pub struct Apply {
    /// A TOML file (or JSON), or `-` for stdin
    #[arg(short, long, value_name = "FILE", required_unless_present = "schema")]
    file: Option<PathBuf>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Change nothing; exit 1 if anything differs
    #[arg(long)]
    check: bool,
    /// Also end what an earlier apply made and the file does not name: users are disabled, teams
    /// and services archived, schedules and heartbeats removed
    #[arg(long)]
    prune: bool,
    /// Print the JSON Schema of the file, for editors
    #[arg(long, conflicts_with_all = ["file", "dry_run", "check", "prune"])]
    schema: bool,
}

impl Apply {
    pub async fn run(self, common: &Common) -> Result<()> {
        if self.schema {
            let schema = schemars::schema_for!(Document);
            let text = serde_json::to_string_pretty(&schema).map_err(Error::internal)?;
            output::data(&format!("{text}\n"));
            return Ok(());
        }
        let path = self.file.unwrap_or_else(|| "-".into());
        let file = File::read(&path)?;
        let document = file.document()?;
        let how = ApplyQuery { dry_run: self.dry_run || self.check, prune: self.prune };
        let connection = connect_for_setup(common).await?;
        let applied =
            connection.client.call(&configuration::APPLY, Nothing {}, &how, &document).await;
        connection.close().await;
        let applied = applied.map_err(|error| file.placed(error))?;
        show(common, &applied, how)?;
        match applied.changes.len() {
            n if self.check && n > 0 => {
                let what = if n == 1 { "One thing differs" } else { "Things differ" };
                Err(Error::new(Kind::Invalid, format!("{what} from {}.", file.name))
                    .hint("`incidentd apply` makes it so."))
            }
            _ => Ok(()),
        }
    }
}

/// What a document was read from.
struct File {
    name: String,
    text: String,
    /// Where files that it names lie.
    folder: PathBuf,
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let stdin = path.as_os_str() == "-";
        let name = if stdin { "stdin".to_owned() } else { path.display().to_string() };
        let mut text = String::new();
        let read = if stdin {
            std::io::stdin().take(MAX_FILE).read_to_string(&mut text)
        } else {
            std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
        };
        read.map_err(|error| {
            Error::unreadable(&name, &error).hint("Name a file of TOML or JSON, or `-` for stdin.")
        })?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { name, text, folder })
    }

    /// The document, with the secrets that it refers to.
    fn document(&self) -> Result<Document> {
        let mut document: Document = if self.text.trim_start().starts_with('{') {
            serde_json::from_str(&self.text).map_err(|error| self.unreadable(&error))?
        } else {
            toml::from_str(&self.text).map_err(|error| self.misread(&error))?
        };
        let mut wrong = Vec::new();
        for (field, secret) in document.secrets() {
            if let Err(message) = self.resolve(secret) {
                wrong.push(FieldError { field, message });
            }
        }
        if wrong.is_empty() {
            return Ok(document);
        }
        let mut error = Error::new(Kind::Invalid, "").hint("Nothing was sent.");
        error.fields = wrong;
        Err(self.placed(error))
    }

    fn unreadable(&self, why: &impl std::fmt::Display) -> Error {
        Error::new(Kind::Invalid, format!("{}: {why}.", self.name))
            .hint("`incidentd apply --schema` says what it may hold.")
    }

    fn misread(&self, error: &toml::de::Error) -> Error {
        let message = error.message().trim_end_matches('.');
        match error.span() {
            Some(span) => {
                let line = self.line(span.start);
                // What stands behind a name may be a secret.
                let name = self.text.lines().nth(line - 1).and_then(|text| text.split('=').next());
                match name.map(str::trim).filter(|name| !name.is_empty()) {
                    Some(name) => self.unreadable(&format!("line {line}, `{name}`: {message}")),
                    None => self.unreadable(&format!("line {line}: {message}")),
                }
            }
            None => self.unreadable(&message),
        }
    }

    /// Puts the text in the place of where it lies.
    fn resolve(&self, secret: &mut SecretText) -> Result<(), String> {
        let text = match &*secret {
            SecretText::Text(_) => return Ok(()),
            SecretText::Env(from) => std::env::var(&from.env)
                .map_err(|_| format!("the environment has no readable `{}`", from.env))?,
            SecretText::File(from) => {
                let path = self.folder.join(&from.file);
                std::fs::read_to_string(&path)
                    .map_err(|error| format!("{}: {error}", path.display()))?
            }
        };
        *secret = SecretText::Text(text.trim().to_owned());
        Ok(())
    }

    fn line(&self, byte: usize) -> usize {
        self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1
    }

    /// Says each thing that is wrong with the line of the file where it stands.
    fn placed(&self, mut error: Error) -> Error {
        let lines: Vec<String> = error
            .fields
            .iter()
            .map(|FieldError { field, message }| match self.line_of(field) {
                Some(line) => format!("{}:{line}: {field}: {message}", self.name),
                None => format!("{field}: {message}"),
            })
            .collect();
        match lines.as_slice() {
            [] => {}
            [line] => line.clone_into(&mut error.detail),
            lines => {
                for line in lines {
                    output::say(line);
                }
                error.detail = format!("{} things are wrong in {}.", lines.len(), self.name);
            }
        }
        error
    }

    /// The line of a place such as `services[1].team`; of what is around it if that is not there.
    fn line_of(&self, field: &str) -> Option<usize> {
        let root = toml::de::DeTable::parse(&self.text).ok()?;
        let (mut names, mut span) = (field.split('.'), None);
        let (section, index) = names.next()?.strip_suffix(']')?.split_once('[')?;
        let section = root.get_ref().iter().find(|(name, _)| name.get_ref() == section)?.1;
        let mut here = section.get_ref().get(index.parse::<usize>().ok()?);
        let mut rest = names;
        while let Some(found) = here {
            span = Some(found.span());
            let Some(name) = rest.next() else { break };
            here = match found.get_ref() {
                toml::de::DeValue::Table(table) => {
                    let entry = table.iter().find(|(key, _)| key.get_ref() == name);
                    entry.map(|(_, value)| value)
                }
                _ => None,
            };
        }
        span.map(|span| self.line(span.start))
    }
}

fn show(common: &Common, applied: &Applied, how: ApplyQuery) -> Result<()> {
    if common.output == Format::Json {
        return output::json(applied);
    }
    // What would change is what was asked for; what did change is said beside the keys.
    let tell: fn(&str) = if how.dry_run { output::line } else { output::say };
    for difference in &applied.changes {
        let Difference { action, kind, name, fields } = difference;
        let sign = match action {
            DifferenceAction::Add => '+',
            DifferenceAction::Change => '~',
            DifferenceAction::Remove => '-',
        };
        tell(&format!("{sign} {kind} {name}"));
        for field in fields {
            tell(&format!("    {field}"));
        }
    }
    for warning in &applied.warnings {
        output::say(&format!("warning: {warning}"));
    }
    if applied.changes.is_empty() {
        output::say("All is so already.");
    } else if how.dry_run {
        output::say("Nothing was changed.");
    }
    for made in &applied.keys {
        output::say(&format!("The address of {}, with its key, shown this once:", made.name));
        output::line(if made.url.is_empty() { &made.key } else { &made.url });
    }
    for made in &applied.secrets {
        output::say(&format!(
            "Secret of {}'s webhook to {}, shown this once:",
            made.team, made.url
        ));
        output::line(&made.secret);
    }
    Ok(())
}

/// What an export begins with.
const HEAD: &str = "\
# The configuration, as `incidentd apply -f FILE` takes it.
# Left out: passwords, tokens and sessions; what is archived; the keys of integrations and
# heartbeats, and the secrets of webhooks; addresses that are secrets, such as Slack's. Applied here
# it changes nothing; on an empty server it makes the same with new keys, each shown once, once those
# addresses are added.
";

#[derive(Args)]
pub struct Export {}

impl Export {
    pub async fn run(self, common: &Common) -> Result<()> {
        let connection = connect_for_setup(common).await?;
        let document = connection
            .client
            .call(&configuration::EXPORT, Nothing {}, &Nothing {}, &Nothing {})
            .await;
        connection.close().await;
        let document = document?;
        if common.output == Format::Json {
            return output::json(&document);
        }
        let text = toml::to_string(&document).map_err(Error::internal)?;
        output::data(HEAD);
        output::data(&format!("\n{text}"));
        Ok(())
    }
}
