//! Completion: the shell asks this binary, which knows what may be typed and asks the server for
//! ids and slugs. Quickly or not at all, and never a word where there is no server or log-in.
use std::io;
use std::path::Path;
use std::time::Duration;

use clap::{Arg, Args, Command, Parser};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;

use super::chosen::list;
use super::connect::connect;
use super::{Cli, output};
use crate::api::channels::CHANNELS;
use crate::api::heartbeats::{HEARTBEATS, HeartbeatsQuery};
use crate::api::incidents::{ListQuery, StatusFilter};
use crate::api::policies::POLICIES;
use crate::api::schedules::SCHEDULES;
use crate::api::services::{SERVICES, ServicesQuery};
use crate::api::teams::{TEAMS, TeamsQuery};
use crate::api::users::USERS;
use crate::api::{MAX_PAGE, Nothing, OfTeam, PageQuery};
use crate::client::Client;
use crate::clock::Clock;
use crate::domain::text::shown;
use crate::domain::words::Standing;
use crate::error::{Error, Result};

/// Who presses tab waits no longer.
const PATIENCE: Duration = Duration::from_millis(300);
/// The variable by which a shell asks.
const ASKED: &str = "COMPLETE";
/// Incidents that are offered.
const OFFERED: u64 = 50;

#[derive(Args)]
#[command(after_help = "\
bash    source <(incidentd completions bash)                in ~/.bashrc
zsh     source <(incidentd completions zsh)                 in ~/.zshrc, after compinit
fish    incidentd completions fish | source                 in ~/.config/fish/config.fish")]
pub struct Completions {
    /// Whose
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    /// Prints what the shell reads at its start.
    pub fn run(&self) -> Result<()> {
        let name = match self.shell {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        };
        let shells = Shells::builtins();
        let shell = shells.completer(name).ok_or_else(|| Error::internal(name))?;
        let mut text = Vec::new();
        shell
            .write_registration(ASKED, "incidentd", "incidentd", &ourselves(), &mut text)
            .map_err(Error::internal)?;
        output::data(&String::from_utf8_lossy(&text));
        Ok(())
    }
}

/// What the shell runs: our name where that is enough, else where we are.
fn ourselves() -> String {
    let called = std::env::args().next().unwrap_or_default();
    match std::env::current_exe() {
        Ok(path) if called.contains('/') => path.display().to_string(),
        _ => "incidentd".into(),
    }
}

/// Answers a shell, if one asks. True: that is all.
pub fn answered() -> bool {
    if std::env::var_os(ASKED).is_none_or(|asked| asked.is_empty()) {
        return false;
    }
    let here = std::env::current_dir().ok();
    let taught = || taught(super::command(), 0, &asking);
    let answer = CompleteEnv::with_factory(taught)
        .completer(ourselves())
        .try_complete(std::env::args_os(), here.as_deref().map(Path::new));
    answer.unwrap_or(true)
}

/// What an argument names, of which the server knows some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    Team,
    Service,
    Schedule,
    Heartbeat,
    Policy,
    Channel,
    Person,
    /// Incidents.
    Open,
    Resolved,
}

impl Names {
    fn of(arg: &Arg, reopens: bool, depth: usize) -> Option<Self> {
        Some(match arg.get_id().as_str() {
            "team" => Self::Team,
            "service" => Self::Service,
            "schedule" => Self::Schedule,
            "heartbeat" => Self::Heartbeat,
            "policy" => Self::Policy,
            "channel" => Self::Channel,
            "user" | "username" | "to" | "assignee" | "with" | "replacing" => Self::Person,
            "ids" if reopens => Self::Resolved,
            "id" | "ids" | "into" if depth == 1 => Self::Open,
            _ => return None,
        })
    }
}

/// Tells each argument that names something what it may be.
pub fn taught(
    command: Command,
    depth: usize,
    offer: &impl Fn(Names) -> ArgValueCandidates,
) -> Command {
    let reopens = command.get_name() == "reopen";
    let command = command.mut_args(|arg| match Names::of(&arg, reopens, depth) {
        Some(names) => arg.add(offer(names)),
        None => arg,
    });
    command.mut_subcommands(|command| taught(command, depth + 1, offer))
}

/// As the server says.
fn asking(names: Names) -> ArgValueCandidates {
    ArgValueCandidates::new(match names {
        Names::Team => teams,
        Names::Service => services,
        Names::Schedule => schedules,
        Names::Heartbeat => heartbeats,
        Names::Policy => policies,
        Names::Channel => channels,
        Names::Person => people,
        Names::Open => open,
        Names::Resolved => resolved,
    })
}

fn open() -> Vec<CompletionCandidate> {
    incidents(&[])
}

fn resolved() -> Vec<CompletionCandidate> {
    incidents(&[StatusFilter::Resolved])
}

fn incidents(status: &[StatusFilter]) -> Vec<CompletionCandidate> {
    let query = ListQuery { status: status.to_owned(), ..ListQuery::default() };
    asked(async |client| {
        let (found, _) = list(&client, query, OFFERED).await?;
        Ok(found
            .iter()
            .map(|incident| {
                let about = format!("{} {}", Standing::of(incident).word(), incident.title);
                candidate(&incident.id.to_string(), &about)
            })
            .collect())
    })
}

fn teams() -> Vec<CompletionCandidate> {
    let query = TeamsQuery { limit: Some(MAX_PAGE), ..TeamsQuery::default() };
    asked(async |client| {
        let page = client.call(&TEAMS, Nothing {}, &query, &Nothing {}).await?;
        Ok(page.items.iter().map(|team| candidate(&team.slug, &team.name)).collect())
    })
}

fn services() -> Vec<CompletionCandidate> {
    let query = ServicesQuery { limit: Some(MAX_PAGE), ..ServicesQuery::default() };
    asked(async |client| {
        let page = client.call(&SERVICES, Nothing {}, &query, &Nothing {}).await?;
        Ok(page.items.iter().map(|service| candidate(&service.slug, &service.name)).collect())
    })
}

fn schedules() -> Vec<CompletionCandidate> {
    let query = OfTeam { limit: Some(MAX_PAGE), ..OfTeam::default() };
    asked(async |client| {
        let page = client.call(&SCHEDULES, Nothing {}, &query, &Nothing {}).await?;
        Ok(page.items.iter().map(|found| candidate(&found.slug, &found.team.name)).collect())
    })
}

fn heartbeats() -> Vec<CompletionCandidate> {
    let query = HeartbeatsQuery { limit: Some(MAX_PAGE), ..HeartbeatsQuery::default() };
    asked(async |client| {
        let page = client.call(&HEARTBEATS, Nothing {}, &query, &Nothing {}).await?;
        Ok(page.items.iter().map(|found| candidate(&found.slug, &found.service.name)).collect())
    })
}

fn policies() -> Vec<CompletionCandidate> {
    let query = OfTeam { limit: Some(MAX_PAGE), ..OfTeam::default() };
    asked(async |client| {
        let page = client.call(&POLICIES, Nothing {}, &query, &Nothing {}).await?;
        Ok(page.items.iter().map(|found| candidate(&found.slug, &found.team.name)).collect())
    })
}

fn channels() -> Vec<CompletionCandidate> {
    let query = OfTeam { limit: Some(MAX_PAGE), ..OfTeam::default() };
    asked(async |client| {
        let page = client.call(&CHANNELS, Nothing {}, &query, &Nothing {}).await?;
        Ok(page.items.iter().map(|found| candidate(&found.slug, &found.team.name)).collect())
    })
}

fn people() -> Vec<CompletionCandidate> {
    asked(async |client| {
        let page = client.call(&USERS, Nothing {}, &PageQuery::default(), &Nothing {}).await?;
        Ok(page.items.iter().map(|user| candidate(&user.username, &user.name)).collect())
    })
}

fn candidate(value: &str, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help(Some(shown(about).into_owned().into()))
}

/// Asks the server that the words typed so far name; nothing within `PATIENCE` is nothing.
fn asked(
    ask: impl AsyncFnOnce(Client) -> Result<Vec<CompletionCandidate>>,
) -> Vec<CompletionCandidate> {
    let answer = || -> Option<Vec<CompletionCandidate>> {
        let cli = Cli::try_parse_from(named_server(std::env::args())).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(io::Error::other).ok()?.block_on(async {
            let client = connect(&cli.common).ok()?;
            tokio::select! {
                found = ask(client) => found.ok(),
                () = Clock::System.sleep(PATIENCE) => None,
            }
        })
    };
    answer().unwrap_or_default()
}

/// Of the words typed so far those that say which server is meant.
fn named_server(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut named = vec!["incidentd".to_owned()];
    let mut words = words.skip_while(|word| word != "--").skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--server" | "--data-dir" => {
                if let Some(value) = words.next() {
                    named.extend([word, value]);
                }
            }
            _ if word.starts_with("--server=") || word.starts_with("--data-dir=") => {
                named.push(word);
            }
            _ => {}
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_the_one_that_was_typed() {
        let words = |text: &str| named_server(text.split(' ').map(str::to_owned));
        assert_eq!(words("incidentd -- incidentd ack 4"), ["incidentd"]);
        assert_eq!(
            words("incidentd -- incidentd --server http://x ack --data-dir=d --server"),
            ["incidentd", "--server", "http://x", "--data-dir=d"]
        );
    }
}
