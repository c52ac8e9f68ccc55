//! The server's configuration on the command line: a flag and a variable for each key, read off
//! the keys themselves; and what helps to write the file.
use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Subcommand};

use super::incidents::KEY;
use super::output;
use crate::config::{self, Given, Key, KeyKind, Sources};
use crate::error::{Error, Kind, Result};
use crate::secret;
use crate::server::Server;

/// Never a flag: everybody on the host can read those.
const TOKEN: &str = "INCIDENTD_TOKEN";

/// Flags and variables; of the file only its name.
#[derive(Clone, Debug)]
pub struct Settings {
    sources: Sources,
}

/// clap's name of a key's argument.
fn id(key: &Key) -> String {
    key.flag().replace('-', "_")
}

/// A variable speaks for the flag, unless it is empty.
fn with_variable(argument: Arg, name: &str) -> Arg {
    let empty = std::env::var_os(name).is_some_and(|said| said.is_empty());
    if empty { argument } else { argument.env(name.to_owned()) }
}

fn argument(key: &Key) -> Arg {
    let default = key.default.as_ref().map(|value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    });
    let default = default.filter(|text| text != "[]");
    let help = match default {
        Some(default) => format!("{} [default: {default}]", key.doc),
        None => key.doc.clone(),
    };
    let argument = Arg::new(id(key))
        .long(key.flag())
        .value_name(key.value.clone())
        .help(help)
        .hide_env_values(true)
        .help_heading(key.section);
    let argument = with_variable(argument, &key.variable());
    match &key.kind {
        KeyKind::List => argument.action(ArgAction::Append).value_delimiter(','),
        KeyKind::Number => argument,
        // Of the type that the data directory has where a command speaks to a server: clap knows
        // one argument of that name.
        KeyKind::Text => argument.value_parser(clap::value_parser!(PathBuf)),
        KeyKind::Choice(words) => argument.value_parser(PossibleValuesParser::new(words.clone())),
    }
}

impl Args for Settings {
    fn augment_args(command: clap::Command) -> clap::Command {
        let file = with_variable(Arg::new("config"), "INCIDENTD_CONFIG")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help(format!("A TOML file; without one {}, if it exists", config::SYSTEM_FILE));
        command.arg(file).args(config::keys().iter().map(argument))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let file: Option<PathBuf> = matches.get_one("config").cloned();
        let given = config::keys().into_iter().filter_map(|key| given(matches, key)).collect();
        Ok(Self { sources: Sources::new(file, given) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What the command line or the environment says of a key.
fn given(matches: &ArgMatches, key: Key) -> Option<Given> {
    let id = id(&key);
    let words: Vec<String> =
        matches.get_raw(&id)?.map(|word| word.to_string_lossy().into_owned()).collect();
    let by_variable = matches.value_source(&id) == Some(ValueSource::EnvVariable);
    let by = if by_variable { key.variable() } else { format!("--{}", key.flag()) };
    let none = key.kind == KeyKind::List && words.iter().all(String::is_empty);
    let words = if none { Vec::new() } else { words };
    Some(Given { key, by, words })
}

impl Settings {
    /// What a server would be told by `file` and the variables, without flags.
    ///
    /// # Errors
    /// `Invalid` for a variable that says what cannot be.
    pub fn of_environment(file: Option<PathBuf>) -> Result<Self> {
        let wrong = |error: clap::Error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Error::new(Kind::Invalid, first.trim_start_matches("error: ").to_owned())
        };
        let command = Self::augment_args(clap::Command::new("incidentd"));
        let matches = command.try_get_matches_from(["incidentd"]).map_err(wrong)?;
        let mut settings = Self::from_arg_matches(&matches).map_err(wrong)?;
        settings.sources.file = file.or(settings.sources.file);
        Ok(settings)
    }

    /// Where the configuration comes from, with the secrets that files hold.
    ///
    /// # Errors
    /// `Invalid` for a secret's file that is no good.
    pub fn sources(self) -> Result<Sources> {
        let mut sources = self.sources;
        for key in config::keys().into_iter().filter(|key| key.secret) {
            let by = format!("{}_FILE", key.variable());
            let told = sources.given.iter().any(|given| given.key.path() == key.path());
            let Some(file) = std::env::var_os(&by).filter(|file| !file.is_empty() && !told) else {
                continue;
            };
            let secret = secret::from_file(file.as_ref())?;
            let words = vec![secret.expose().to_owned()];
            sources.given.push(Given { key, by, words });
        }
        Ok(sources)
    }
}

/// The variables that some command reads.
fn variables(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
    let mut all: BTreeSet<String> = own.map(Into::into).collect();
    all.extend(command.get_subcommands().flat_map(variables));
    all
}

/// Variables that look like ours and are none, each with what it may mean; what the configuration
/// itself names has its use.
pub fn strange_variables(config: &config::Config) -> Vec<String> {
    let mut known = variables(&super::Cli::command());
    known.extend([TOKEN.to_owned(), KEY.to_owned()]);
    known.extend(config.gateways.values().flat_map(config::Gateway::variables));
    let bare = |name: &str| name.strip_prefix("INCIDENTD_").map(ToOwned::to_owned);
    let names: Vec<String> = known.iter().filter_map(|name| bare(name)).collect();
    std::env::vars_os()
        .filter_map(|(name, value)| name.into_string().ok().filter(|_| !value.is_empty()))
        .filter(|name| !known.contains(name.trim_end_matches("_FILE")))
        .filter_map(|name| {
            let meant = config::nearest(&bare(&name)?, names.iter().map(String::as_str));
            Some(match meant {
                Some(meant) => format!("{name} is no setting. Did you mean INCIDENTD_{meant}?"),
                None => format!("{name} is no setting. `incidentd serve --help` names them all."),
            })
        })
        .collect()
}

#[derive(Subcommand)]
pub enum Config {
    /// Read the configuration as `serve` would, and say what is wrong; exit 0 if nothing is
    Check(Settings),
    /// Print a file with every key, its default and what it is for
    Example,
}

impl Config {
    pub fn run(self) -> Result<()> {
        match self {
            Self::Example => {
                output::data(&config::example());
                Ok(())
            }
            Self::Check(settings) => {
                let sources = settings.sources()?;
                let read = sources.read_whole();
                let strange =
                    strange_variables(read.as_ref().unwrap_or(&config::Config::default()));
                for said in &strange {
                    output::say(said);
                }
                let config = match read {
                    Ok(config) => config,
                    Err(wrong) => return output::failures(wrong, false),
                };
                Server::check(&config).map_err(|error| sources.located(error))?;
                let what = match &sources.file {
                    Some(file) => format!("{} is good.", file.display()),
                    None => "No file is read; the defaults are good.".to_owned(),
                };
                output::say(&what);
                for advice in config.advice() {
                    output::say(&format!("Note: {advice}."));
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_flag_and_a_variable() {
        let mut command = crate::cli::Cli::command();
        command.build();
        let serve = command.find_subcommand("serve").expect("serve");
        for key in config::keys() {
            let flag = serve.get_arguments().find(|arg| arg.get_long() == Some(&key.flag()));
            let variable = flag.and_then(|flag| flag.get_env()).and_then(|name| name.to_str());
            assert_eq!(variable, Some(key.variable().as_str()), "{}", key.path());
        }
    }
}
