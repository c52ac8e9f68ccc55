//! `doctor`: will somebody be told? One small judgement for each thing that may stand in the way,
//! each with its remedy.
use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::paging::rehearsal::{IN_GOOD_TIME, first_told};
use super::reach::{tells_somebody, without_contact};
use super::rota::{AHEAD, rules};
use super::vitals::is_short;
use super::{App, Caller};
use crate::api::doctor::Gravity::{Problem, Warning};
use crate::api::doctor::{Diagnosis, Finding};
use crate::domain::heartbeat::Pulse;
use crate::domain::words::moment;
use crate::error::Result;
use crate::store::{Contact, Read};

/// A gap that begins sooner than this is a problem.
const SOON: SignedDuration = SignedDuration::from_hours(48);
/// A sender that was not heard for so long is perhaps none any more.
const UNUSED: SignedDuration = SignedDuration::from_hours(90 * 24);
const OLD_BACKUP: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Names that one message lists.
const NAMED: usize = 8;

/// What the rooms around know of this server.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Why it is not ready.
    pub faults: Vec<String>,
    /// What its configuration lets one fear.
    pub advice: Vec<String>,
    /// Channels that are set up, and why one cannot be reached.
    pub channels: Vec<(String, Result<(), String>)>,
    /// Hosts to which contacts, team channels and webhooks lead.
    pub hosts: Vec<Host>,
    /// Whether another monitor took its last sign of life, if it was sent yet; none: to nobody.
    pub sign_of_life: Option<Option<Result<(), String>>>,
}

/// The far end of somebody's address.
#[derive(Clone, Debug)]
pub struct Host {
    pub name: String,
    /// By what it is used.
    pub channels: Vec<String>,
    /// Why it cannot be reached.
    pub reached: Result<(), String>,
}

impl App {
    /// All addresses that messages and events may go to, each with its channel; for a look whether
    /// their hosts answer.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is a platform admin.
    pub async fn addresses(&self, caller: &Caller) -> Result<BTreeSet<(String, String)>> {
        caller.must_be_platform_admin()?;
        self.0
            .store
            .read(|r| {
                let mut found = BTreeSet::new();
                for user in r.users()?.into_iter().filter(|user| user.disabled_at.is_none()) {
                    let contacts = r.contacts(user.id)?.into_iter().filter(Contact::works);
                    found.extend(contacts.map(|contact| (contact.channel, contact.address)));
                }
                found.extend(r.channels()?.into_iter().map(|row| (row.channel, row.address)));
                let hooks = r.webhooks()?.into_iter().filter(|row| row.disabled_at.is_none());
                found.extend(hooks.map(|row| ("webhook".to_owned(), row.url)));
                Ok(found)
            })
            .await
    }

    /// # Errors
    /// `Forbidden` unless the caller is a platform admin.
    pub async fn diagnose(&self, caller: &Caller, around: Around) -> Result<Diagnosis> {
        caller.must_be_platform_admin()?;
        let store = self.0.store.clone();
        let intact = tokio::task::spawn_blocking(move || store.quick_check());
        let mut findings = vec![ready(&around.faults), configuration(&around.advice)];
        findings.push(database(intact.await.map_err(crate::error::Error::internal)?));
        findings.push(self.room());
        findings.push(self.clock_finding().await);
        findings.push(sign_of_life(around.sign_of_life.as_ref()));
        findings.extend(channels(&around.channels));
        findings.extend(hosts(&around.hosts));
        let now = self.now();
        let app = self.clone();
        let stored = self.0.store.read(move |r| stored(r, &app, &around, now)).await?;
        findings.extend(stored);
        Ok(Diagnosis::of(findings))
    }

    fn room(&self) -> Finding {
        let (database, wal, _) = self.disk();
        let (free, whole) = self.0.store.disk();
        let mib = |bytes: u64| bytes / 1024 / 1024;
        let said = format!(
            "{} MiB free; the database has {} MiB, its log {} MiB",
            mib(free),
            mib(database),
            mib(wal)
        );
        if is_short(free, whole) {
            let remedy = "Free some space there, or shorten `retention`.";
            return Finding::new(Problem, "disk", said, remedy);
        }
        Finding::ok("disk", said)
    }

    async fn clock_finding(&self) -> Finding {
        match self.last_clock_step().await {
            Some((at, step)) => Finding::new(
                Warning,
                "clock",
                format!(
                    "somebody set the wall clock by {} s, at {at}; timers followed",
                    step.as_secs()
                ),
                "Keep it by NTP: `timedatectl set-ntp true`, or chrony.",
            ),
            None => Finding::ok("clock", "nobody set the wall clock since the start"),
        }
    }
}

fn stored(r: &Read<'_>, app: &App, around: &Around, now: Timestamp) -> Result<Vec<Finding>> {
    let channels: Vec<String> = around.channels.iter().map(|(name, _)| name.clone()).collect();
    let mut findings = vec![timers(app.0.failing.late(r, now)?), zones(r)?, backups(r, now)?];
    findings.push(untold(r)?);
    findings.push(people(r, &channels, now)?);
    findings.push(ladders(r, &channels, now)?);
    findings.extend(schedules(r, now)?);
    findings.push(last_alert(r, now)?);
    findings.extend(senders(r, now)?);
    findings.push(heartbeats(r)?);
    Ok(findings)
}

fn ready(faults: &[String]) -> Finding {
    if faults.is_empty() {
        return Finding::ok("ready", "database, timers and followers keep up");
    }
    let remedy = "The server's log says more; if it hangs, restart it.";
    Finding::new(Problem, "ready", faults.join("; "), remedy)
}

fn configuration(advice: &[String]) -> Finding {
    if advice.is_empty() {
        return Finding::ok("config", "nothing to say against it");
    }
    let remedy = "Change it, then `incidentd config check`; SIGHUP reads it again.";
    Finding::new(Warning, "config", advice.join("; "), remedy)
}

/// What SQLite finds wrong; none if it had no time to look.
fn database(found: Result<Option<Vec<String>>>) -> Finding {
    match found {
        Ok(Some(wrong)) if wrong.is_empty() => Finding::ok("database", "intact"),
        Ok(Some(wrong)) => Finding::new(
            Problem,
            "database",
            format!("damaged: {}", wrong.join("; ")),
            "Stop the server and restore the last backup: incidentd restore FILE --force",
        ),
        Ok(None) => Finding::new(
            Warning,
            "database",
            "too large to be looked through now",
            "`incidentd backup FILE` looks through its copy.",
        ),
        Err(error) => Finding::new(
            Problem,
            "database",
            format!("cannot be read: {}", error.detail),
            "Look at the disk and at the rights of the data directory.",
        ),
    }
}

fn sign_of_life(last: Option<&Option<Result<(), String>>>) -> Finding {
    let check = "sign of life";
    match last {
        Some(None) => Finding::ok(check, "another monitor is to be told that this server lives"),
        Some(Some(Ok(()))) => Finding::ok(check, "another monitor is told that this server lives"),
        Some(Some(Err(why))) => {
            let why = why.trim_end_matches('.');
            let said = format!("the other monitor did not hear that this server lives: {why}");
            let remedy =
                "Until it does, nobody notices if this server dies: look at heartbeat.url.";
            Finding::new(Problem, check, said, remedy)
        }
        None => Finding::new(
            Warning,
            check,
            "nobody notices if this server dies",
            "Make a check at another monitor and set heartbeat.url to its address.",
        ),
    }
}

fn channels(channels: &[(String, Result<(), String>)]) -> Vec<Finding> {
    let (mut findings, mut well) = (Vec::new(), Vec::new());
    for (name, reached) in channels {
        let Err(why) = reached else {
            well.push(name.clone());
            continue;
        };
        let said = format!("{name}: {}", why.trim_end_matches('.'));
        let remedy = "Nobody is told by it until it answers: look at its configuration.";
        findings.push(Finding::new(Problem, "channel", said, remedy));
    }
    if !well.is_empty() {
        findings.push(Finding::ok("channel", format!("set up: {}", well.join(", "))));
    }
    findings
}

fn hosts(hosts: &[Host]) -> Vec<Finding> {
    let (mut findings, mut well) = (Vec::new(), Vec::new());
    for Host { name, channels, reached } in hosts {
        let Err(why) = reached else {
            well.push(name.clone());
            continue;
        };
        let why = why.trim_end_matches('.');
        let said = format!("{name}, for {}: {why}", channels.join(", "));
        let remedy = "What goes there waits or is lost: look at that host, at the way out to it, \
                      and at outgoing.allow_private.";
        findings.push(Finding::new(Problem, "far end", said, remedy));
    }
    if !well.is_empty() {
        findings.push(Finding::ok("far end", format!("answering: {}", named(&well))));
    }
    findings
}

fn timers((count, late): (u64, std::time::Duration)) -> Finding {
    if count == 0 {
        return Finding::ok("timers", "none is late");
    }
    let are = if count == 1 { "is" } else { "are" };
    let said = format!("{count} {are} late, by up to {} s", late.as_secs());
    Finding::new(Problem, "timers", said, "The server's log says why; a restart tries again.")
}

fn zones(r: &Read<'_>) -> Result<Finding> {
    let mut zones: Vec<String> = r.users()?.into_iter().filter_map(|user| user.time_zone).collect();
    zones.extend(r.schedules()?.into_iter().map(|row| row.time_zone));
    zones.sort();
    zones.dedup();
    let unknown: Vec<String> =
        zones.iter().filter(|zone| TimeZone::get(zone).is_err()).cloned().collect();
    if unknown.is_empty() {
        return Ok(Finding::ok("time zones", format!("{} in use, all known", zones.len())));
    }
    let said = format!("unknown, so that UTC holds instead: {}", named(&unknown));
    Ok(Finding::new(
        Problem,
        "time zones",
        said,
        "Choose one that `timedatectl list-timezones` has.",
    ))
}

fn backups(r: &Read<'_>, now: Timestamp) -> Result<Finding> {
    let remedy = "Take one every night: `incidentd backup --help` has the line for cron.";
    Ok(match r.last_backup()? {
        None => Finding::new(Warning, "backup", "none was ever taken", remedy),
        Some(at) if now.duration_since(at) > OLD_BACKUP => {
            Finding::new(Warning, "backup", format!("the last is from {at}"), remedy)
        }
        Some(at) => Finding::ok("backup", format!("the last is from {at}")),
    })
}

fn untold(r: &Read<'_>) -> Result<Finding> {
    let count = r.untold(None)?;
    if count == 0 {
        return Ok(Finding::ok("pages", "no open incident is untold"));
    }
    let said = format!("of {count} open incidents nobody could be told");
    Ok(Finding::new(Problem, "pages", said, "`incidentd list` shows them first; `show` says why."))
}

/// Whoever is on call, or would be paged with his whole team, needs a contact that works.
fn people(r: &Read<'_>, channels: &[String], now: Timestamp) -> Result<Finding> {
    let mute = without_contact(r, channels, now)?;
    if mute.on_call.is_empty() && mute.others.is_empty() {
        return Ok(Finding::ok("contacts", "whoever may be paged can be reached"));
    }
    let remedy = "They add and verify one: incidentd contact add, incidentd contact verify";
    Ok(if mute.on_call.is_empty() {
        let said = format!("members of teams who cannot be reached: {}", named(&mute.others));
        Finding::new(Warning, "contacts", said, remedy)
    } else {
        let said = format!("on call, and cannot be reached: {}", named(&mute.on_call));
        Finding::new(Problem, "contacts", said, remedy)
    })
}

/// Somebody on each service's ladder needs one, too.
fn ladders(r: &Read<'_>, channels: &[String], now: Timestamp) -> Result<Finding> {
    let (mut vain, mut late) = (Vec::new(), Vec::new());
    for service in r.services()?.into_iter().filter(|service| !service.archived) {
        let policy = r.policy_of(service.team.id, Some(service.id))?;
        let name = format!("{} ({})", service.slug, policy.slug);
        if !tells_somebody(r, channels, &policy, now)? {
            vain.push(name);
        } else if let Some(at) = first_told(r, &service, now)?
            && at.duration_since(now) > IN_GOOD_TIME
        {
            late.push(name);
        }
    }
    if vain.is_empty() && !late.is_empty() {
        let said = format!("tell the first person after more than an hour: {}", named(&late));
        let remedy = "`incidentd route test --service NAME` says when: is it `m` that is meant?";
        return Ok(Finding::new(Warning, "policies", said, remedy));
    }
    if vain.is_empty() {
        return Ok(Finding::ok("policies", "each service's reaches somebody"));
    }
    let said = format!("reach nobody, so that the platform's admins are told: {}", named(&vain));
    let remedy = "`incidentd policy show NAME` says who is named: add people, or their contacts.";
    Ok(Finding::new(Problem, "policies", said, remedy))
}

fn schedules(r: &Read<'_>, now: Timestamp) -> Result<Vec<Finding>> {
    let until = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let mut findings = Vec::new();
    for row in r.schedules()? {
        let gaps = rules(r, &row, now, until)?.gaps(now, until).items;
        let Some(first) = gaps.first() else { continue };
        let soon = first.start.duration_since(now) < SOON;
        let when = |at: Timestamp| moment(at, Some(&row.time_zone));
        let start = if first.start > now { when(first.start) } else { "now".into() };
        let end = when(first.end);
        let said = format!("{}: nobody is on call from {start} until {end}", row.slug);
        let more = if gaps.len() > 1 {
            format!(", and {} times more", gaps.len() - 1)
        } else {
            String::new()
        };
        let remedy = format!(
            "Close it: incidentd schedule override {} --user USER --from TIME --until TIME",
            row.slug
        );
        let gravity = if soon { Problem } else { Warning };
        findings.push(Finding::new(gravity, "schedule", said + &more, remedy));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("schedule", "no gap within four weeks"));
    }
    Ok(findings)
}

fn last_alert(r: &Read<'_>, now: Timestamp) -> Result<Finding> {
    let last = r.integrations()?.into_iter().filter_map(|row| row.last_received_at).max();
    let remedy = "Send one: incidentd integration test SERVICE/NAME";
    Ok(match last {
        None => Finding::new(Warning, "alerts", "no sender was ever heard", remedy),
        Some(at) if now.duration_since(at) > UNUSED => {
            Finding::new(Warning, "alerts", format!("the last sender was heard {at}"), remedy)
        }
        Some(at) => Finding::ok("alerts", format!("a sender was last heard {at}")),
    })
}

fn senders(r: &Read<'_>, now: Timestamp) -> Result<Vec<Finding>> {
    let (mut unused, mut refused) = (Vec::new(), Vec::new());
    for row in r.integrations()? {
        let name = format!("{}/{}", row.service.slug, row.name);
        let heard = row.last_received_at.unwrap_or(row.created_at);
        if now.duration_since(heard) > UNUSED {
            unused.push(name.clone());
        }
        if row.last_rejected_at.is_some_and(|at| row.last_received_at.is_none_or(|last| last < at))
        {
            refused.push(name);
        }
    }
    let mut findings = Vec::new();
    if !unused.is_empty() {
        let said = format!("not heard for 90 days: {}", named(&unused));
        let remedy = "A key that nobody needs is a risk: incidentd integration remove SERVICE/NAME";
        findings.push(Finding::new(Warning, "keys", said, remedy));
    }
    if !refused.is_empty() {
        let said = format!("what was sent last was refused: {}", named(&refused));
        let remedy = "incidentd integration payloads SERVICE/NAME says what and why.";
        findings.push(Finding::new(Problem, "senders", said, remedy));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("keys", "each was used within 90 days"));
    }
    Ok(findings)
}

fn heartbeats(r: &Read<'_>) -> Result<Finding> {
    let rows = r.heartbeats()?;
    let waiting: Vec<String> = rows
        .iter()
        .filter(|row| row.heartbeat.pulse() == Pulse::Waiting)
        .map(|row| row.heartbeat.slug.clone())
        .collect();
    if waiting.is_empty() {
        return Ok(Finding::ok("heartbeats", format!("{} expected, each has beaten", rows.len())));
    }
    let said = format!("never beat, so that nobody misses them: {}", named(&waiting));
    let remedy = "Let their jobs call the address, or wrap them: incidentd heartbeat wrap --help";
    Ok(Finding::new(Warning, "heartbeats", said, remedy))
}

/// Some names, and how many more.
fn named(names: &[String]) -> String {
    match names.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!("{} and {more} more", names[..NAMED].join(", ")),
        _ => names.join(", "),
    }
}
