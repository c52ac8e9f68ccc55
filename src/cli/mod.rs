//! The command line: what may be typed, and which room does it. Knows no SQL and no rules.
mod audit;
mod backup;
mod channels;
mod chosen;
mod complete;
mod configuration;
mod connect;
mod contacts;
mod demo;
mod doctor;
mod examples;
mod feeds;
mod first_run;
mod flags;
mod heartbeats;
mod incidents;
mod integrations;
mod log;
mod login;
mod logins;
mod look;
mod mistyped;
mod notify;
mod output;
mod owner;
mod people;
mod policies;
mod prompt;
mod route;
mod schedules;
mod serve;
mod services;
mod sessions;
mod settings;
mod sheet;
mod silences;
mod table;
mod teams;
mod template;
mod tokens;
mod verbs;
mod watch;
mod wrap;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::client::Client;
use crate::clock::Clock;
use crate::domain::Span;
use crate::error::{Error, Kind, Result};

/// On-call and incident alerting in one binary: alerts in, incidents out, live.
#[derive(Parser)]
#[command(name = "incidentd", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Under what `--help` shows what is not the command's own.
const EVERYWHERE: &str = "Options of every command";

/// Options of every command.
#[derive(Args)]
struct Common {
    /// The server's address; left out: `INCIDENTD_URL`, else that of the last log-in, else
    /// http://127.0.0.1:8080
    #[arg(long, global = true, value_name = "URL", help_heading = EVERYWHERE)]
    server: Option<String>,
    /// On the server's host: speak to the server that holds this folder, as platform admin
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    data_dir: Option<PathBuf>,
    /// How long to keep trying
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", help_heading = EVERYWHERE)]
    timeout: Span,
    /// Output: a table on a terminal, tab-separated lines in a pipe, or JSON
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text, help_heading = EVERYWHERE)]
    output: Format,
    /// Print ids only, nothing else
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    /// The way to the server, where one is open already
    #[arg(skip)]
    client: Option<Client>,
}

impl Common {
    const fn timeout(&self) -> Duration {
        self.timeout.duration()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    Watch(watch::Watch),
    /// List incidents: open ones of all my teams, unless asked otherwise
    List(look::List),
    /// Show an incident
    Show(chosen::One),
    /// Show what happened to an incident
    Timeline(chosen::One),
    /// Acknowledge incidents: I have it, stop paging
    Ack(incidents::Ack),
    /// Resolve incidents
    Resolve(incidents::Resolve),
    /// Give acknowledged incidents back: they are triggered again
    Unack(chosen::Ids),
    /// Tell those of the next step now, whoever has it
    Escalate(chosen::Ids),
    /// Reopen resolved incidents
    Reopen(chosen::Ids),
    /// Acknowledge an incident for a while; then it is triggered again
    Snooze(incidents::Snooze),
    /// Give an incident to somebody
    Reassign(incidents::Reassign),
    /// Add a note to an incident
    Note(incidents::Note),
    /// Make incidents part of another: it goes on with their alerts, they are resolved
    Merge(incidents::Merge),
    /// Open an incident, or count into the one that its dedup key has open
    Trigger(incidents::Trigger),
    /// Page a person, a team or whoever is on call, about something of no service
    Page(incidents::Page),
    /// Log in to a server
    Login(login::Login),
    /// End the session and forget it
    Logout(login::Logout),
    /// Show who I am, where, and what I may
    Whoami(login::Whoami),
    /// Show and end sessions
    #[command(subcommand)]
    Session(sessions::Session),
    /// Make the link that sets up the first platform admin; voids the older
    SetupLink(first_run::SetupLink),
    /// Manage people
    #[command(subcommand)]
    User(people::User),
    /// Manage API tokens
    #[command(subcommand)]
    Token(tokens::Token),
    /// Manage teams and who belongs to them
    #[command(subcommand)]
    Team(teams::Team),
    /// Manage what is watched
    #[command(subcommand)]
    Service(services::Service),
    /// Manage the keys by which senders reach a service
    #[command(subcommand)]
    Integration(integrations::Integration),
    /// Manage signs of life that are expected of jobs and monitors, or run a job that gives one
    #[command(subcommand)]
    Heartbeat(heartbeats::Heartbeat),
    /// Say how I am told, and which contact rings when
    #[command(subcommand)]
    Contact(contacts::Contact),
    /// Send tests
    #[command(subcommand)]
    Notify(notify::Notify),
    /// Manage who is told when, until somebody answers
    #[command(subcommand)]
    Policy(policies::Policy),
    /// Manage places that whole teams read
    #[command(subcommand)]
    Channel(channels::Channel),
    /// Manage where teams' incident events go, signed
    #[command(subcommand)]
    Webhook(channels::Webhook),
    /// Make the configuration as a TOML file says, all or nothing
    Apply(configuration::Apply),
    OnCall(schedules::OnCall),
    /// Look at schedules, and let people stand in
    #[command(subcommand)]
    Schedule(schedules::Schedule),
    /// Try an alert without sending one
    #[command(subcommand)]
    Route(route::Route),
    /// Keep it quiet while you work on it: what matches pages nobody
    #[command(subcommand)]
    Silence(silences::Silence),
    /// Show who did what to whom and when: incidents, access, configuration
    Audit(audit::Audit),
    /// Try the words of messages
    #[command(subcommand)]
    Template(template::Template),
    /// Print the configuration as such a file, without secrets
    Export(configuration::Export),
    /// Copy everything into one file, while the server runs or not
    Backup(backup::Backup),
    /// Look whether everything is so that somebody will be told; exit 1 if not
    Doctor(doctor::Doctor),
    /// Put a backup in the place of the database in --data-dir
    Restore(backup::Restore),
    /// Check or write the server's configuration
    #[command(subcommand)]
    Config(settings::Config),
    Demo(demo::Demo),
    /// Print what a shell needs to complete commands, ids and names
    Completions(complete::Completions),
    /// Say which version this is
    Version,
}

/// What bare `incidentd` prints.
const OVERVIEW: &str = "\
Answer    incidentd list                     what is open
          incidentd ack 42                   I have it
          incidentd resolve 42 --note TEXT   it is over
Look      incidentd watch                    all of it, live
          incidentd show 42, timeline 42     what happened, who did what
          incidentd on-call                  who is on call, and until when
          incidentd login, whoami            who I am
Run       incidentd serve                    start the server
          incidentd user add NAME --admin --password-stdin --data-dir DIR
          incidentd token create --user NAME --data-dir DIR
          incidentd apply -f FILE            teams, services, integrations
          incidentd backup FILE, restore FILE
          incidentd doctor                   will somebody be told?
Every command explains itself with --help. To see it all at work, and nothing stays: incidentd demo
";

/// Everything that may be typed.
#[must_use]
pub fn command() -> clap::Command {
    examples::explained(Cli::command())
}

/// Parses, runs, and turns the outcome into an exit code.
#[must_use]
pub fn run() -> ExitCode {
    if complete::answered() {
        return ExitCode::SUCCESS;
    }
    let mut cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let Some(command) = cli.command else {
        output::data(OVERVIEW);
        return ExitCode::SUCCESS;
    };
    let command = match command {
        Command::Serve(serve) => return finish(serve.run(), cli.common.output),
        Command::Demo(demo) => return finish(demo.run(&cli.common), cli.common.output),
        command => command,
    };
    if matches!(command, Command::SetupLink(_)) {
        // By default where `serve` looks by default.
        cli.common.data_dir.get_or_insert_with(crate::config::default_data_dir);
    }
    if let Some(Err(error)) = cli.common.data_dir.as_deref().map(owner::become_owner) {
        return finish(Err(error), cli.common.output);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return finish(Err(Error::internal(error)), cli.common.output),
    };
    if let Command::Heartbeat(heartbeats::Heartbeat::Wrap(wrap)) = command {
        let ran = runtime.block_on(wrap.run(&cli.common));
        return ran.unwrap_or_else(|error| finish(Err(error), cli.common.output));
    }
    let outcome = runtime.block_on(dispatch(command, &cli.common));
    finish(outcome, cli.common.output)
}

async fn dispatch(command: Command, common: &Common) -> Result<()> {
    match command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(common),
        Command::Watch(watch) => watch.run(common).await,
        Command::List(list) => list.run(common).await,
        Command::Show(one) => one.show(common).await,
        Command::Timeline(one) => one.timeline(common).await,
        Command::Ack(ack) => ack.run(common).await,
        Command::Resolve(resolve) => resolve.run(common).await,
        Command::Unack(ids) => ids.run(common, crate::domain::Action::Unacknowledge {}).await,
        Command::Escalate(ids) => ids.run(common, crate::domain::Action::Escalate {}).await,
        Command::Reopen(ids) => ids.run(common, crate::domain::Action::Reopen {}).await,
        Command::Snooze(snooze) => snooze.run(common).await,
        Command::Reassign(reassign) => reassign.run(common).await,
        Command::Note(note) => note.run(common).await,
        Command::Merge(merge) => merge.run(common).await,
        Command::Trigger(trigger) => trigger.run(common).await,
        Command::Page(page) => page.run(common).await,
        Command::Login(login) => login.run(common).await,
        Command::Logout(logout) => logout.run(common).await,
        Command::Whoami(whoami) => whoami.run(common).await,
        Command::Session(session) => session.run(common).await,
        Command::SetupLink(link) => link.run(common).await,
        Command::User(user) => user.run(common).await,
        Command::Token(token) => token.run(common).await,
        Command::Team(team) => team.run(common).await,
        Command::Service(service) => service.run(common).await,
        Command::Integration(integration) => integration.run(common).await,
        Command::Heartbeat(heartbeat) => heartbeat.run(common).await,
        Command::Contact(contact) => contact.run(common).await,
        Command::Notify(notify) => notify.run(common).await,
        Command::Policy(policy) => policy.run(common).await,
        Command::Channel(channel) => channel.run(common).await,
        Command::Webhook(webhook) => webhook.run(common).await,
        Command::OnCall(on_call) => on_call.run(common).await,
        Command::Schedule(schedule) => schedule.run(common).await,
        Command::Silence(silence) => silence.run(common).await,
        Command::Route(route) => route.run(common).await,
        Command::Apply(apply) => apply.run(common).await,
        Command::Template(template) => template.run(common).await,
        Command::Audit(audit) => audit.run(common).await,
        Command::Export(export) => export.run(common).await,
        Command::Backup(backup) => backup.run(common).await,
        Command::Doctor(doctor) => doctor.run(common).await,
        Command::Restore(restore) => restore.run(common),
        Command::Config(config) => config.run(),
        Command::Completions(completions) => completions.run(),
        Command::Version => {
            let version = env!("CARGO_PKG_VERSION");
            if common.output == Format::Json {
                return output::json(&serde_json::json!({"version": version}));
            }
            output::line(version);
            Ok(())
        }
    }
}

fn finish(outcome: Result<()>, format: Format) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error, format == Format::Json);
            ExitCode::from(flags::kind(&error, std::env::args_os()).exit())
        }
    }
}

fn parse() -> std::result::Result<Cli, clap::Error> {
    // Everybody on the host can read a process's arguments.
    let mut arguments = std::env::args_os().skip(1).take_while(|argument| argument != "--");
    if arguments.any(|argument| argument.to_string_lossy().starts_with("--token")) {
        return Err(Cli::command().error(
            ErrorKind::UnknownArgument,
            "a token on the command line can be read by everybody on this host; \
             put it into INCIDENTD_TOKEN",
        ));
    }
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Help that was asked for, or what was typed wrongly: words of others may be in that.
fn misused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nobody reads what goes wrong here.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    if json_was_asked() {
        let text = text.trim_start_matches("error: ");
        let mut paragraphs = text.split("\n\n").map(str::trim);
        let what = Error::usage(paragraphs.next().unwrap_or_default());
        output::error(&what.hint(paragraphs.next().unwrap_or_default()), true);
    } else {
        text.trim_end().lines().for_each(output::say);
    }
    ExitCode::from(Kind::Usage.exit())
}

/// `-o json`, in whatever form, of arguments that could not be read.
fn json_was_asked() -> bool {
    let given: Vec<String> = std::env::args().collect();
    let apart = given
        .windows(2)
        .any(|two| matches!(two[0].as_str(), "-o" | "--output") && two[1] == "json");
    apart || given.iter().any(|one| matches!(one.as_str(), "-ojson" | "-o=json" | "--output=json"))
}

/// Now, for commands.
fn now() -> jiff::Timestamp {
    Clock::System.now()
}

#[cfg(test)]
mod tests {
    fn silent(command: &clap::Command, way: &str, found: &mut Vec<String>) {
        let way = format!("{way} {}", command.get_name());
        let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
        found.extend(arguments.map(|argument| format!("{way}: {}", argument.get_id())));
        command.get_subcommands().for_each(|inner| silent(inner, &way, found));
    }

    #[test]
    fn every_argument_says_what_it_is() {
        let mut found = Vec::new();
        silent(&super::command(), "", &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
}
