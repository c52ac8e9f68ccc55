//! Looks whether the appliance itself is well, and opens an incident for its admins if it is not.
use std::time::Duration;

use crate::app::App;
use crate::app::own::Trouble;
use crate::clock::Clock;
use crate::domain::Severity;
use crate::notify::{Message, MessageKind, Notifier};

/// Between two looks: what is told is wrong at both.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// After a start, timers of the downtime have their turn first.
const SETTLE: Duration = Duration::from_mins(1);
/// All that this loop may tell of.
const KEYS: &[&str] = &["timers", "disk", "ready"];

/// While nothing can be stored, admins hear of it again after this.
const SHOUT_EVERY: Duration = Duration::from_hours(1);

/// Runs for ever; `faults` says why the server is not ready.
pub async fn run<F: Future<Output = Vec<String>>>(
    app: App,
    notifier: Notifier,
    faults: impl Fn() -> F,
) {
    Clock::System.sleep(SETTLE).await;
    // What was wrong before this start and is so still is not over.
    let before = look(&app, faults().await).await;
    let mut watchdog = Watchdog { before, ..Watchdog::new(app, notifier) };
    loop {
        Clock::System.sleep(LOOK_EVERY).await;
        watchdog.turn(faults().await).await;
    }
}

/// What is remembered from one look to the next.
pub struct Watchdog {
    app: App,
    notifier: Notifier,
    before: Vec<Trouble>,
    /// What could not be stored: it is an incident as soon as that is possible, so that it leaves
    /// a trace even if it is over then.
    owed: Vec<Trouble>,
    /// When admins heard of it past the database, by the boot clock.
    shouted: Option<Duration>,
}

impl Watchdog {
    #[must_use]
    pub fn new(app: App, notifier: Notifier) -> Self {
        Self { app, notifier, before: Vec::new(), owed: Vec::new(), shouted: None }
    }

    /// Tells of what is wrong now and was at the look before; returns what is wrong now.
    pub async fn turn(&mut self, faults: Vec<String>) -> &[Trouble] {
        let now = look(&self.app, faults).await;
        let lasts = |trouble: &&Trouble| self.before.iter().any(|other| other.key == trouble.key);
        let mut lasting: Vec<Trouble> = now.iter().filter(lasts).cloned().collect();
        for trouble in &lasting {
            tracing::error!("{}", trouble.title);
        }
        let is_new = |owed: &Trouble| lasting.iter().all(|trouble| trouble.key != owed.key);
        let owed: Vec<Trouble> = self.owed.drain(..).filter(is_new).collect();
        lasting.extend(owed);
        if let Err(error) = self.app.tell_own(KEYS, lasting.clone()).await {
            tracing::error!(%error, "what is wrong with this server could not be stored");
            self.shout(&lasting).await;
            self.owed = lasting;
        }
        self.before = now;
        &self.before
    }

    /// Tells the platform's admins what no incident can tell, by all that reaches them.
    async fn shout(&mut self, troubles: &[Trouble]) {
        let now = self.app.clock().since_boot();
        if troubles.is_empty() || self.shouted.is_some_and(|last| now < last + SHOUT_EVERY) {
            return;
        }
        self.shouted = Some(now);
        let places = match self.app.admins_places().await {
            Ok(places) => places,
            Err(error) => {
                tracing::error!(%error, "nor is it known whom to tell");
                return;
            }
        };
        let titles: Vec<&str> = troubles.iter().map(|trouble| trouble.title.as_str()).collect();
        let message = Message {
            id: format!("own-{}", self.app.now().as_second()),
            kind: MessageKind::Notice,
            incidents: Vec::new(),
            text: format!("{}. Nothing can be stored: alerts are refused.", titles.join(". ")),
            to: String::new(),
            ack_url: None,
            resolve_url: None,
            url: self.app.public_url().to_owned(),
        };
        let told = places.into_iter().map(|(to, place)| {
            let (notifier, message) = (&self.notifier, Message { to, ..message.clone() });
            async move {
                if let Err(why) = notifier.send(&place.channel, &place.address, &message).await {
                    tracing::error!(channel = place.channel, why = why.why(), "nor told past it");
                }
            }
        });
        futures_util::future::join_all(told).await;
    }
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
        let title = format!("{count} {are} late, by up to {} s", late.as_secs());
        let what = "Pages and ends of silences may come late or not at all. The log says why a \
                    timer could not be handled; a restart tries them all again.";
        found.push(trouble("timers", title, what));
    }
    if let Some(title) = app.disk_is_short() {
        let what = "When it is full, alerts are refused with 503 and nothing is paged. Free some \
                    space, or give the data directory a larger disk.";
        found.push(trouble("disk", title, what));
    }
    if !faults.is_empty() {
        let title = format!("not ready: {}", faults.join("; "));
        found.push(trouble(
            "ready",
            title,
            "As /readyz says. Its log and `incidentd doctor` say more.",
        ));
    }
    found
}
