//! `incidentd silence …`: what matches pages nobody for a while.
use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::connect::connect;
use super::schedules::moment_in;
use super::{Common, Format, output};
use crate::api::Nothing;
use crate::api::silences::{self as api, NewSilence, Quiet, SilencesQuery, Windows};
use crate::client::{self, Client};
use crate::domain::silence::State;
use crate::domain::{SilenceId, Span};
use crate::error::{Error, Result};

#[derive(Subcommand)]
pub enum Silence {
    /// Silence what matches; prints the silence's id
    ///
    /// Alerts are kept and shown as ever; nobody is paged for an incident as long as all that
    /// fires in it is silenced. What still fires afterwards does page.
    ///
    ///   incidentd silence add --team payments @service=checkout host=~'db-.*' --for 2h --reason deploy
    ///   incidentd silence add --team payments @service=checkout --every 'FREQ=WEEKLY;BYDAY=SU' \
    ///     --starts 02:00 --for 1h --zone Europe/Paris --reason 'weekly restart'
    #[command(verbatim_doc_comment)]
    Add {
        #[command(flatten)]
        what: What,
        /// Why it is quiet
        #[arg(long, short = 'c', alias = "comment", value_name = "TEXT")]
        reason: String,
        /// Also where next to nothing is left out
        #[arg(long)]
        force: bool,
    },
    /// Say what such a silence would match now, and when it would be on; changes nothing
    Preview {
        #[command(flatten)]
        what: What,
    },
    /// List the silences of my teams and of all teams
    #[command(visible_alias = "query")]
    List {
        /// Of one team, and of all teams
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
        /// Left out: active and pending ones
        #[arg(long, value_enum)]
        state: Option<State>,
    },
    /// End silences: what still fires and nobody has does page
    #[command(visible_alias = "expire")]
    End {
        /// As `incidentd silence list` shows them
        #[arg(value_name = "ID", required = true)]
        ids: Vec<SilenceId>,
    },
}

#[derive(Args)]
pub struct What {
    /// name=value, name!=value, name=~regex or name!~regex: labels as sent, or @service, @team,
    /// @severity; all must hold
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    #[command(flatten)]
    whose: Whose,
    /// How long; with --every, each time [default: 1h]
    #[arg(long = "for", short = 'd', alias = "duration", value_name = "DURATION")]
    span: Option<Span>,
    /// Until when; with --every, the last time
    #[arg(long, alias = "end", value_name = "TIME")]
    until: Option<String>,
    /// Since when: RFC 3339, `2026-12-01T09:00` or the next `09:00`, here or by the clocks of
    /// --zone; left out: now
    #[arg(long, alias = "start", value_name = "TIME")]
    starts: Option<String>,
    /// Again and again, on the days of this rule of RFC 5545, such as `FREQ=WEEKLY;BYDAY=SU`, at
    /// the time of day of --starts
    #[arg(long, value_name = "RRULE", requires = "zone")]
    every: Option<String>,
    /// Whose clocks count for --every, such as Europe/Paris
    #[arg(long, value_name = "ZONE", requires = "every")]
    zone: Option<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// Whose alerts
    #[arg(long, value_name = "SLUG")]
    team: Option<String>,
    /// Those of all teams; needs a platform admin
    #[arg(long)]
    all_teams: bool,
}

const DEFAULT: Span = Span::secs(3_600);

impl What {
    fn asked(self, reason: String, force: bool) -> Result<NewSilence> {
        let Self { matchers, whose: Whose { team, .. }, span, until, starts, every, zone } = self;
        let mut new = NewSilence { team, matchers, reason, force, ..NewSilence::default() };
        let zone_of = |name: &String| {
            jiff::tz::TimeZone::get(name)
                .map_err(|_| Error::usage(format!("--zone: `{name}` is not such as Europe/Paris.")))
        };
        let clocks = zone.as_ref().map_or_else(|| Ok(jiff::tz::TimeZone::system()), zone_of)?;
        let read = |flag: &str, text: Option<String>| {
            let at = text.map(|text| moment_in(&text, &clocks)).transpose();
            at.map_err(|why| Error::usage(format!("{flag}: {why}.")))
        };
        new.starts_at = read("--starts", starts)?;
        let until = read("--until", until)?;
        match every.zip(zone) {
            Some((rrule, time_zone)) => {
                let duration = span.unwrap_or(DEFAULT);
                new.windows = Some(Windows { rrule, time_zone, duration });
                new.ends_at = until;
            }
            None if span.is_some() && until.is_some() => {
                return Err(Error::usage("Both --for and --until say when it ends.")
                    .hint("Leave one of them out."));
            }
            None => {
                new.span = until.is_none().then_some(span.unwrap_or(DEFAULT));
                new.ends_at = until;
            }
        }
        Ok(new)
    }
}

impl Silence {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::Add { what, reason, force } => add(common, &client, what, reason, force).await,
            Self::Preview { what } => preview(common, &client, what).await,
            Self::List { team, state } => list(common, &client, team, state).await,
            Self::End { ids } => end(common, &client, ids).await,
        }
    }
}

async fn add(
    common: &Common,
    client: &Client,
    what: What,
    reason: String,
    force: bool,
) -> Result<()> {
    let new = what.asked(reason, force)?;
    let silence = client.call_once(&api::CREATE_SILENCE, Nothing {}, &new).await?;
    if common.output == Format::Json {
        return output::json(&silence);
    }
    let when = silence.span.map_or_else(String::new, |it| words(it, silence.state));
    let again = if silence.windows.is_some() { ", and again" } else { "" };
    output::say(&format!(
        "Silence {0} is {1}{when}{again}. End it: incidentd silence end {0}",
        silence.id,
        silence.state.word()
    ));
    output::line(&silence.id.to_string());
    Ok(())
}

fn words(span: Quiet, state: State) -> String {
    match state {
        State::Active => format!(" until {}", output::clock(span.end)),
        _ => format!(", from {} until {}", output::clock(span.start), output::clock(span.end)),
    }
}

async fn preview(common: &Common, client: &Client, what: What) -> Result<()> {
    let new = what.asked("preview".into(), false)?;
    let found = client.call(&api::PREVIEW_SILENCE, Nothing {}, &Nothing {}, &new).await?;
    if common.output == Format::Json {
        return output::json(&found);
    }
    let row = |it: &api::Matched| {
        vec![
            it.id.to_string(),
            it.status.word().into(),
            it.service.clone().unwrap_or_default(),
            format!("{}/{}", it.matching, it.firing),
            if it.silenced { "silenced" } else { "heard" }.into(),
            it.title.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = found.items.iter().map(row).collect();
    if rows.is_empty() {
        output::say("Nothing that fires now matches.");
    } else {
        let head = ["ID", "STATUS", "SERVICE", "MATCHES", "WOULD BE", "TITLE"];
        output::table_or_less(&head, &["STATUS", "SERVICE", "MATCHES"], &rows);
    }
    if found.more {
        output::say("There is more than is shown.");
    }
    for Quiet { start, end } in found.spans {
        output::say(&format!("On from {} until {}.", output::clock(start), output::clock(end)));
    }
    Ok(())
}

async fn list(
    common: &Common,
    client: &Client,
    team: Option<String>,
    state: Option<State>,
) -> Result<()> {
    let items = client::all(|cursor| {
        let query = SilencesQuery { team: team.clone(), state, cursor, limit: None };
        async move { client.call(&api::SILENCES, Nothing {}, &query, &Nothing {}).await }
    })
    .await?;
    if output::for_programs(common, &items, |of| of.id.to_string())? {
        return Ok(());
    }
    let row = |it: api::Silence| {
        let over = it.ended_at.or(it.ends_at);
        let (from, until) = match it.span {
            Some(span) => (Some(span.start), Some(span.end)),
            None => (Some(it.starts_at), over),
        };
        let clock = |at: Option<Timestamp>| at.map_or_else(String::new, output::clock);
        vec![
            it.id.to_string(),
            it.state.word().into(),
            it.team.map_or_else(String::new, |team| team.slug),
            clock(from),
            clock(until),
            it.windows.map_or_else(String::new, |it| it.rrule),
            it.author,
            it.matchers.join(" "),
            it.reason,
        ]
    };
    let rows: Vec<Vec<String>> = items.into_iter().map(row).collect();
    let head = ["ID", "STATE", "TEAM", "FROM", "UNTIL", "EVERY", "BY", "MATCHERS", "REASON"];
    output::table_or_less(&head, &["EVERY", "BY", "TEAM", "FROM", "STATE", "REASON"], &rows);
    Ok(())
}

async fn end(common: &Common, client: &Client, ids: Vec<SilenceId>) -> Result<()> {
    let (mut ended, mut failures) = (Vec::new(), Vec::new());
    for id in ids {
        match client.call(&api::END_SILENCE, id, &Nothing {}, &Nothing {}).await {
            Ok(silence) => {
                if common.output == Format::Text {
                    output::say(&format!("Silence {id} is over."));
                }
                ended.push(silence);
            }
            Err(error) => failures.push(error),
        }
    }
    if common.output == Format::Json {
        output::json(&ended)?;
    }
    output::failures(failures, common.output == Format::Json)
}
