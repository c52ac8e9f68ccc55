//! `incidentd on-call` and `incidentd schedule …`: who is on call, and who stands in.
use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};

use super::connect::connect;
use super::feeds::Feed;
use super::{Common, Format, output};
use crate::api::overview::{OVERVIEW, OverviewQuery, Uncovered, Unreachable};
use crate::api::schedules::{
    self as api, Back, NewOverride, OnCallQuery, Override, Shifts, SpanQuery, Take,
};
use crate::api::{Nothing, OfTeam};
use crate::client::{self, Client};
use crate::domain::{OverrideId, Span};
use crate::error::Result;

/// Who is on call, in my teams' schedules
#[derive(Args)]
pub struct OnCall {
    /// Only this team's
    #[arg(long, value_name = "SLUG")]
    team: Option<String>,
    /// Only this schedule
    #[arg(long, value_name = "SLUG")]
    schedule: Option<String>,
    /// At another moment: RFC 3339, `2026-12-01T09:00` here, or the next `09:00` here
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

#[derive(Subcommand)]
pub enum Schedule {
    /// List the schedules of my teams
    List {
        /// Of one team
        #[arg(long, value_name = "SLUG")]
        team: Option<String>,
    },
    /// Show who is on call when, and when nobody is, by the clocks of the schedule's zone
    Show {
        /// The schedule's slug
        #[arg(value_name = "NAME")]
        schedule: String,
        /// How far
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=104))]
        weeks: u8,
        /// Since when; left out: now
        #[arg(long, value_name = "TIME", value_parser = moment)]
        from: Option<Timestamp>,
    },
    /// Let somebody stand in, for all who are on call or for one
    ///
    /// Of several the one made last counts. Responders settle what concerns themselves, a team's
    /// admins all.
    Override {
        /// The schedule's slug
        #[arg(value_name = "NAME")]
        schedule: String,
        /// Who stands in: a username, or `me`
        #[arg(long, value_name = "USER")]
        user: String,
        /// RFC 3339, `2026-12-01T09:00` here, or the next `09:00` here; left out: now
        #[arg(long, value_name = "TIME", value_parser = moment)]
        from: Option<Timestamp>,
        /// Until when, as --from
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Timestamp,
        /// Whom; left out: all
        #[arg(long, value_name = "USER")]
        replacing: Option<String>,
    },
    /// Let two people stand in for each other, both or neither
    Swap {
        /// The schedule's slug
        #[arg(value_name = "NAME")]
        schedule: String,
        /// Who gives: a username, or `me`
        #[arg(long, value_name = "USER", default_value = "me")]
        user: String,
        /// Who takes, and gives back
        #[arg(long, value_name = "USER")]
        with: String,
        /// When `--user` is stood in for
        #[arg(long, value_name = "TIME", value_parser = moment)]
        from: Timestamp,
        /// Until when, as --from
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Timestamp,
        /// When `--with` is; left out: at the same time, for people of two rotations
        #[arg(long, value_name = "TIME", value_parser = moment, requires = "back_until")]
        back_from: Option<Timestamp>,
        /// Until when, as --back-from
        #[arg(long, value_name = "TIME", value_parser = moment, requires = "back_from")]
        back_until: Option<Timestamp>,
    },
    /// Be on call from now on, alone
    Take {
        /// The schedule's slug
        #[arg(value_name = "NAME")]
        schedule: String,
        /// Left out: until somebody else's turn, a day at most
        #[arg(long = "for", value_name = "DURATION")]
        span: Option<Span>,
    },
    /// End a standing in (its id stands in `schedule show`): what was stays
    End {
        /// The schedule's slug
        #[arg(value_name = "NAME")]
        schedule: String,
        /// As `incidentd schedule show` has it
        #[arg(value_name = "ID")]
        id: OverrideId,
    },
    /// Calendars for phones and desktops, by a secret address
    #[command(subcommand)]
    Feed(Feed),
    /// Remove a schedule in which nobody stands in from now on
    Remove {
        /// The schedule's slug
        #[arg(value_name = "NAME")]
        schedule: String,
    },
}

/// A moment; without a zone by the clock here.
pub(super) fn moment(text: &str) -> std::result::Result<Timestamp, String> {
    moment_in(text, &TimeZone::system())
}

/// A moment; by the clocks of `zone` where it says none.
pub(super) fn moment_in(text: &str, zone: &TimeZone) -> std::result::Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let wrong = || format!("`{text}` is no moment; write 2026-12-01T09:00, 09:00 or RFC 3339");
    let here = |at: civil::DateTime| {
        at.to_zoned(zone.clone()).map(|at| at.timestamp()).map_err(|_| wrong())
    };
    // A date alone would be read as its midnight.
    if text.contains([':']) && text.contains('-') {
        return here(text.parse().map_err(|_| wrong())?);
    }
    let time: civil::Time = text.parse().map_err(|_| wrong())?;
    let now = super::now();
    let today = now.to_zoned(zone.clone()).date();
    let next = here(today.to_datetime(time))?;
    if next > now {
        Ok(next)
    } else {
        here(today.tomorrow().map_err(|_| wrong())?.to_datetime(time))
    }
}

/// Without the parts of a second, which nobody says.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

impl OnCall {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        let (team, schedule) = (self.team.clone(), self.schedule.clone());
        let query = OnCallQuery { team, schedule, at: self.at };
        let page = client.call(&api::ON_CALL, Nothing {}, &query, &Nothing {}).await?;
        if common.quiet {
            let now = page.items.into_iter().filter_map(|of| of.user);
            let now: BTreeSet<String> = now.map(|user| user.username).collect();
            for username in &now {
                output::line(username);
            }
            return Ok(());
        }
        if common.output == Format::Json {
            return output::json(&page.items);
        }
        if page.items.is_empty() {
            output::say("There is no schedule. Next: [[schedules]] in a file for incidentd apply");
        }
        let row = |of: api::OnCall| {
            let next: Vec<String> = of.next.into_iter().map(|user| user.username).collect();
            vec![
                of.schedule.slug,
                of.team.slug,
                somebody(of.user.map(|user| user.username)),
                of.until.map_or_else(String::new, output::clock),
                if next.is_empty() && of.until.is_some() { somebody(None) } else { next.join(",") },
            ]
        };
        let rows: Vec<Vec<String>> = page.items.into_iter().map(row).collect();
        let head = ["SCHEDULE", "TEAM", "WHO", "UNTIL", "NEXT"];
        output::table_or_less(&head, &["TEAM", "NEXT"], &rows);
        warn(&client, self.team, self.schedule.as_deref()).await
    }
}

/// Says, beside the data, when nobody will be on call, of each schedule the first time, and who has
/// no contact that works.
async fn warn(client: &Client, team: Option<String>, only: Option<&str>) -> Result<()> {
    let query = OverviewQuery { team };
    let overview = client.call(&OVERVIEW, Nothing {}, &query, &Nothing {}).await?;
    let meant = |of: &api::ScheduleRef| {
        only.is_none_or(|only| only == of.slug || only == of.id.to_string())
    };
    let mut warned = BTreeSet::new();
    for Uncovered { schedule, gap } in overview.gaps {
        let slug = &schedule.slug;
        if meant(&schedule) && warned.insert(slug.clone()) {
            let (from, until) = (output::clock(gap.start), output::clock(gap.end));
            output::say(&format!("Nobody is on call in {slug} from {from} until {until}."));
        }
    }
    if let Some(slug) = warned.first() {
        output::say(&format!(
            "Let somebody stand in: incidentd schedule override {slug} --user USER --from … --until …"
        ));
    }
    let mute = overview.unreachable.into_iter().filter(|one| meant(&one.schedule));
    for Unreachable { schedule, user, start } in mute {
        let (name, slug, from) = (user.username, schedule.slug, output::clock(start));
        output::say(&format!(
            "Nothing reaches {name}, on call in {slug} from {from}: incidentd contact add --user {name}"
        ));
    }
    Ok(())
}

/// For eyes a gap is a word; in a pipe it is empty, since anybody may be called `nobody`.
fn somebody(username: Option<String>) -> String {
    let gap = if output::is_seen() { "NOBODY" } else { "" };
    username.unwrap_or_else(|| gap.to_owned())
}

impl Schedule {
    pub async fn run(self, common: &Common) -> Result<()> {
        let client = connect(common)?;
        match self {
            Self::Feed(feed) => feed.run(common).await,
            Self::List { team } => list(common, &client, team).await,
            Self::Show { schedule, weeks, from } => {
                show(common, &client, schedule, weeks, from).await
            }
            Self::Override { schedule, user, from, until, replacing } => {
                let start = from.unwrap_or_else(|| whole(super::now()));
                let new = NewOverride { user, start, end: until, replacing };
                let made = client.call_once(&api::CREATE_OVERRIDE, schedule, &new).await?;
                told(common, &made, std::slice::from_ref(&made))
            }
            Self::Swap { schedule, user, with, from, until, back_from, back_until } => {
                let back = back_from.zip(back_until).map(|(start, end)| Back { start, end });
                let swap = api::Swap { user, with, start: from, end: until, back };
                let made = client.call_once(&api::SWAP, schedule, &swap).await?.items;
                told(common, &made, &made)
            }
            Self::Take { schedule, span } => {
                let made = client.call_once(&api::TAKE, schedule, &Take { span }).await?;
                told(common, &made, std::slice::from_ref(&made))
            }
            Self::End { schedule, id } => {
                let path = (schedule, id);
                client.call(&api::END_OVERRIDE, path, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Override {id} is over."));
                Ok(())
            }
            Self::Remove { schedule } => {
                let path = schedule.clone();
                client.call(&api::DELETE_SCHEDULE, path, &Nothing {}, &Nothing {}).await?;
                output::say(&format!("Removed schedule {schedule}."));
                Ok(())
            }
        }
    }
}

fn told(common: &Common, value: &impl serde::Serialize, made: &[Override]) -> Result<()> {
    if common.output == Format::Json {
        return output::json(value);
    }
    for one in made {
        let whom = one.replacing.as_ref().map_or("everybody", |user| user.username.as_str());
        output::say(&format!(
            "{} stands in for {whom} from {} until {} (override {}).",
            one.user.username,
            output::clock(one.start),
            output::clock(one.end),
            one.id
        ));
    }
    Ok(())
}

async fn list(common: &Common, client: &Client, team: Option<String>) -> Result<()> {
    let items = client::all(|cursor| {
        let query = OfTeam { team: team.clone(), cursor, ..OfTeam::default() };
        async move { client.call(&api::SCHEDULES, Nothing {}, &query, &Nothing {}).await }
    })
    .await?;
    if output::for_programs(common, &items, |of| of.slug.clone())? {
        return Ok(());
    }
    let row = |of: api::Schedule| {
        let rotations: Vec<String> = of.rotations.into_iter().map(|it| it.name).collect();
        vec![of.slug, of.team.slug, of.time_zone, rotations.join(",")]
    };
    let rows: Vec<Vec<String>> = items.into_iter().map(row).collect();
    let head = ["SCHEDULE", "TEAM", "TIME ZONE", "ROTATIONS"];
    output::table_or_less(&head, &["ROTATIONS", "TEAM"], &rows);
    Ok(())
}

async fn show(
    common: &Common,
    client: &Client,
    name: String,
    weeks: u8,
    from: Option<Timestamp>,
) -> Result<()> {
    let found = client.call(&api::SCHEDULE, name.clone(), &Nothing {}, &Nothing {}).await?;
    let from = from.unwrap_or_else(|| whole(super::now()));
    let length = SignedDuration::from_hours(i64::from(weeks) * 7 * 24);
    let until = from.saturating_add(length).unwrap_or(Timestamp::MAX);
    let span = SpanQuery { from: Some(from), until: Some(until) };
    let shifts = client.call(&api::SHIFTS, name, &span, &Nothing {}).await?;
    if common.output == Format::Json {
        return output::json(&serde_json::json!({"schedule": found, "shifts": shifts}));
    }
    if output::is_seen() {
        output::say(&format!("{} of {}, {}", found.slug, found.team.slug, found.time_zone));
    }
    let zone = TimeZone::get(&found.time_zone).unwrap_or(TimeZone::UTC);
    if output::is_seen() {
        let days = ["WEEK OF", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
        let weeks = calendar(&shifts, &zone);
        // Half names say nothing, and the shifts below say it all.
        if output::fits(&days, &weeks) {
            output::table(&days, &weeks);
            output::data("\n");
        }
    }
    let clock = |at: Timestamp| output::clock_in(at, &zone);
    let rows = in_order(&shifts, &zone);
    let head = ["FROM", "UNTIL", "HOURS", "WHO", "WHY"];
    output::table_or_less(&head, &["HOURS", "WHY", "UNTIL"], &rows);
    if let Some(gap) = shifts.gaps.first() {
        let (from, until) = (clock(gap.start), clock(gap.end));
        output::say(&format!("Nobody is on call from {from} until {until}, to begin with."));
    }
    if shifts.until < until {
        output::say(&format!("There is more after {}: --from.", clock(shifts.until)));
    }
    Ok(())
}

/// Shifts and gaps as they follow each other, on a terminal by the clocks of `zone`.
fn in_order(shifts: &Shifts, zone: &TimeZone) -> Vec<Vec<String>> {
    let clock = |at: Timestamp| {
        if !output::is_seen() {
            return at.to_string();
        }
        at.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M").to_string()
    };
    let row = |start: Timestamp, end: Timestamp, who: Option<String>, why: String| {
        let length = end.duration_since(start).as_mins();
        let hours = format!("{}:{:02}", length / 60, length % 60);
        (start, vec![clock(start), clock(end), hours, somebody(who), why])
    };
    let mut rows = Vec::new();
    for shift in &shifts.items {
        let stood = shift.stand_in.map(|id| format!("override {id}"));
        let why = stood.or_else(|| shift.rotation.clone()).unwrap_or_default();
        rows.push(row(shift.start, shift.end, Some(shift.user.username.clone()), why));
    }
    for gap in &shifts.gaps {
        rows.push(row(gap.start, gap.end, None, "gap".into()));
    }
    rows.sort_by_key(|(start, _)| *start);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// A row for each week, from Monday on: who is on call on each day, one after the other, `-` where
/// nobody is.
fn calendar(shifts: &Shifts, zone: &TimeZone) -> Vec<Vec<String>> {
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    let people = shifts.items.iter().map(|one| (one.start, one.end, one.user.username.as_str()));
    let mut spans: Vec<_> =
        people.chain(shifts.gaps.iter().map(|gap| (gap.start, gap.end, "-"))).collect();
    spans.sort_unstable();
    let (from, until) = (day(shifts.from), day(shifts.until));
    let of_day = |date: civil::Date| {
        let bounds = |date: civil::Date| date.to_zoned(zone.clone()).map(|at| at.timestamp());
        let (Ok(start), Ok(end)) = (bounds(date), date.tomorrow().and_then(bounds)) else {
            return String::new();
        };
        let there = spans.iter().filter(|(from, until, _)| *from < end && *until > start);
        let mut names: Vec<&str> = there.map(|(.., who)| *who).collect();
        names.dedup();
        names.join(" ")
    };
    let back = i64::from(from.weekday().to_monday_zero_offset());
    let mut monday = from.saturating_sub(jiff::Span::new().days(back));
    let mut rows = Vec::new();
    while monday <= until {
        let next = monday.saturating_add(jiff::Span::new().days(7));
        let days = monday.series(jiff::Span::new().days(1)).take(7).map(of_day);
        rows.push(std::iter::once(monday.strftime("%d %b").to_string()).chain(days).collect());
        if next <= monday {
            break;
        }
        monday = next;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_the_next_one() {
        let ahead = moment("08:00").expect("a time").duration_since(super::super::now());
        assert!(ahead.is_positive() && ahead.as_hours() <= 25);
        assert!(moment("soon").is_err());
    }

    #[test]
    fn a_calendar_has_a_row_for_each_week_and_shows_handoffs_and_gaps() {
        let user = |name: &str| serde_json::json!({"id": 1, "username": name, "name": name});
        let shifts: Shifts = serde_json::from_value(serde_json::json!({
            "from": "2026-11-25T08:00:00Z", "until": "2026-12-01T08:00:00Z",
            "items": [
                {"start": "2026-11-25T08:00:00Z", "end": "2026-11-26T22:00:00Z",
                 "user": user("alice"), "rotation": "a", "override": null},
                {"start": "2026-11-27T23:00:00Z", "end": "2026-11-30T08:00:00Z",
                 "user": user("alice"), "rotation": "a", "override": null},
                {"start": "2026-11-30T08:00:00Z", "end": "2026-12-01T08:00:00Z",
                 "user": user("bob"), "rotation": "a", "override": null},
            ],
            "gaps": [{"start": "2026-11-26T22:00:00Z", "end": "2026-11-27T23:00:00Z"}],
        }))
        .expect("shifts");
        let zone = TimeZone::get("Europe/Paris").expect("a zone");
        assert_eq!(
            calendar(&shifts, &zone),
            [
                ["23 Nov", "", "", "alice", "alice -", "-", "alice", "alice"],
                ["30 Nov", "alice bob", "bob", "", "", "", "", ""],
            ]
        );
    }
}
