//! Looks whether the appliance itself is well, and opens an incident for its admins if it is not.
use std::time::Duration;

use crate::app::App;
use crate::app::own::Trouble;
use crate::clock::Clock;
use crate::domain::Severity;

/// Between two looks: what is told is wrong at both.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// After a start, timers of the downtime have their turn first.
const SETTLE: Duration = Duration::from_mins(1);
/// All that this loop may tell of.
const KEYS: &[&str] = &["timers", "disk", "ready"];

/// Runs for ever; `faults` says why the server is not ready.
pub async fn run<F: Future<Output = Vec<String>>>(app: App, faults: impl Fn() -> F) {
    Clock::System.sleep(SETTLE).await;
    let mut before = look(&app, faults().await).await;
    loop {
        Clock::System.sleep(LOOK_EVERY).await;
        before = turn(&app, &before, faults().await).await;
    }
}

/// Tells of what is wrong now and was at the look before; returns what is wrong now.
pub async fn turn(app: &App, before: &[Trouble], faults: Vec<String>) -> Vec<Trouble> {
    let now = look(app, faults).await;
    let lasts = |trouble: &&Trouble| before.iter().any(|other| other.key == trouble.key);
    let lasting: Vec<Trouble> = now.iter().filter(lasts).cloned().collect();
    for trouble in &lasting {
        tracing::error!("{}", trouble.title);
    }
    if let Err(error) = app.tell_own(KEYS, lasting).await {
        tracing::error!(%error, "what is wrong with this server could not be told");
    }
    now
}

/// What is wrong now.
async fn look(app: &App, faults: Vec<String>) -> Vec<Trouble> {
    let trouble = |key, title: String, description: &str| Trouble {
        key,
        title,
        description: description.into(),
        severity: Severity::Critical,
    };
    let mut found = Vec::new();
    if let Ok((count @ 1.., late)) = app.late_timers().await {
        let are = if count == 1 { "timer is" } else { "timers are" };
        let title = format!("incidentd: {count} {are} late, by up to {} s", late.as_secs());
        let what = "Pages and ends of silences may come late or not at all. The log says why a \
                    timer could not be handled; a restart tries them all again.";
        found.push(trouble("timers", title, what));
    }
    if let Some(title) = app.disk_is_short() {
        let what = "When it is full, alerts are refused with 503 and nothing is paged. Free some \
                    space, or give the data directory a larger disk.";
        found.push(trouble("disk", format!("incidentd: {title}"), what));
    }
    if !faults.is_empty() {
        let title = format!("incidentd is not ready: {}", faults.join("; "));
        found.push(trouble(
            "ready",
            title,
            "As /readyz says. Its log and `incidentd doctor` say more.",
        ));
    }
    found
}
