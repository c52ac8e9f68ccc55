//! All that the screen shows, and how it changes: by what is learnt and by keys. Pure: what is to
//! be done outside comes back as effects.
use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::around::Around;
use super::board::Board;
use super::detail::Detail;
use super::effect::{Effect, Report};
use super::prompt::{Draft, Prompt};
use super::undo::Undo;
use super::{Commands, layout};
use crate::client::live::{Live, LiveEvent};
use crate::domain::user::UserRef;
use crate::domain::{Change, Event, Incident, IncidentId, Status, UpdateReason};
use crate::error::{Error, Kind};

/// One bell in this time, however much happens.
const BELL_EVERY: Duration = Duration::from_secs(5);
/// A message that is no error goes after this.
const MESSAGE_FOR: Duration = Duration::from_secs(20);

/// What the status line says of the connection, always truly.
#[derive(Debug)]
pub enum Link {
    Connecting,
    /// Let in; what was missed is coming.
    CatchingUp,
    Live,
    /// What is shown was true at `as_of`, if ever.
    Lost {
        as_of: Option<Timestamp>,
        why: String,
        attempt: u32,
        again_at: Duration,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
}

#[derive(Debug)]
pub struct Message {
    pub text: String,
    pub tone: Tone,
    since: Duration,
}

/// What the whole screen is about.
pub enum Page {
    List,
    Incident(Box<Detail>),
    Reading { over: Box<Page>, top: usize, what: Reading },
}

/// What is read from top to bottom, and left again.
pub enum Reading {
    Help,
    /// What a command said.
    Answer {
        line: String,
        text: String,
    },
    /// What explains a command.
    Manual {
        line: String,
        lay: Lay,
    },
}

/// Lays a text out for so many columns.
pub type Lay = Box<dyn Fn(usize) -> String>;

/// Why what is open was told anew.
#[derive(Clone, Copy)]
enum Anew {
    /// Too much had happened to tell one by one.
    TooMuch,
    /// There is one more team to see.
    Joined,
}

/// How a dashboard begins.
pub struct Settings {
    pub readonly: bool,
    pub notify: bool,
    pub zone: TimeZone,
    pub verbs: Box<dyn Commands>,
    /// Only these are watched; none: all that may be.
    pub teams: Vec<String>,
}

pub struct State {
    pub board: Board,
    pub page: Page,
    pub prompt: Option<Prompt>,
    pub(super) draft: Option<Draft>,
    /// Keys that were pressed.
    pub(super) pressed: u64,
    pub link: Link,
    pub message: Option<Message>,
    pub settings: Settings,
    /// The proof that we hear: when the last alert came, and from whom.
    pub heard: Option<Hearing>,
    pub around: Around,
    pub(super) undo: Vec<Undo>,
    pub(super) effects: Vec<Effect>,
    pub(super) me: Option<UserRef>,
    /// A snapshot has come, whole.
    pub loaded: bool,
    was_live: bool,
    /// Why a snapshot came since the last catch-up, if one did.
    anew: Option<Anew>,
    size: (u16, u16),
    local: Timestamp,
    boot: Duration,
    /// The server's clock less ours.
    ahead: SignedDuration,
    bell: Bell,
    asked_hearing: Option<Duration>,
    /// How many lines of the page that was drawn last are off the screen.
    pub(super) off_screen: Cell<usize>,
    /// The last click: on which row of the screen, when, and what stood there.
    pub(super) clicked: Option<(u16, Duration, IncidentId)>,
    ended: Option<Error>,
}

/// When alerts last came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hearing {
    /// None: there is no integration.
    pub integrations: usize,
    pub last: Option<(Timestamp, String)>,
}

#[derive(Default)]
struct Bell {
    rung: Option<Duration>,
    due: bool,
    /// What it rings for, as a desktop tells it.
    news: Vec<String>,
}

impl State {
    #[must_use]
    pub fn new(settings: Settings, now: Timestamp, boot: Duration) -> Self {
        Self {
            board: Board::default(),
            page: Page::List,
            prompt: None,
            draft: None,
            pressed: 0,
            link: Link::Connecting,
            message: None,
            settings,
            heard: None,
            around: Around::default(),
            undo: Vec::new(),
            effects: Vec::new(),
            me: None,
            loaded: false,
            was_live: false,
            anew: None,
            size: (80, 24),
            local: now,
            boot,
            ahead: SignedDuration::ZERO,
            bell: Bell::default(),
            asked_hearing: None,
            off_screen: Cell::default(),
            clicked: None,
            ended: None,
        }
    }

    /// The server's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.local.saturating_add(self.ahead).unwrap_or(self.local)
    }

    #[must_use]
    pub const fn boot(&self) -> Duration {
        self.boot
    }

    #[must_use]
    pub const fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Time went on.
    pub fn tick(&mut self, now: Timestamp, boot: Duration) {
        (self.local, self.boot) = (now, boot);
        let over = |message: &Message| {
            message.tone != Tone::Bad && boot.saturating_sub(message.since) > MESSAGE_FOR
        };
        if self.message.as_ref().is_some_and(over) {
            self.message = None;
        }
        if std::mem::take(&mut self.bell.due) {
            self.ring();
        }
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.size = (columns, rows);
        self.board.resize(layout::list_height(columns, rows));
    }

    /// Ready to be drawn.
    pub fn arrange(&mut self) {
        self.board.arrange();
        self.look_around();
        let minute = Duration::from_mins(1);
        let stale = self.asked_hearing.is_none_or(|at| self.boot.saturating_sub(at) > minute);
        if self.loaded && self.board.counts().open == 0 && stale && matches!(self.link, Link::Live)
        {
            self.asked_hearing = Some(self.boot);
            self.effects.push(Effect::AskHearing(self.teams_shown()));
        }
    }

    /// Other teams are looked at: what was heard for the last ones proves nothing.
    pub(super) fn heard_of_others(&mut self) {
        (self.heard, self.asked_hearing) = (None, None);
    }

    /// What is to be done outside.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// The error that ended it.
    pub const fn take_end(&mut self) -> Option<Error> {
        self.ended.take()
    }

    pub(super) fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.message = Some(Message { text: text.into(), tone, since: self.boot });
    }

    pub(super) fn fail(&mut self, error: &Error) {
        match error.kind {
            // Which one is known here, and no other can be chosen.
            Kind::Unreachable => self.say(Tone::Bad, "The server does not answer."),
            _ => self.warn(&error.to_string()),
        }
    }

    /// What is wrong; the commands that it names are typed here.
    fn warn(&mut self, words: &str) {
        let words = self.here(words).into_owned();
        self.say(Tone::Bad, words);
    }

    /// Words that name commands, as these are typed here.
    #[must_use]
    pub fn here<'a>(&self, words: &'a str) -> Cow<'a, str> {
        self.settings.verbs.here(words)
    }

    /// A count, and whether there may be more: not all that is open has come yet.
    #[must_use]
    pub fn at_least(&self, count: usize) -> String {
        format!("{count}{}", if self.loaded { "" } else { "+" })
    }

    /// What the terminal's title says.
    #[must_use]
    pub fn title(&self) -> String {
        let counts = self.board.counts();
        match (&self.link, counts.unanswered + counts.elsewhere) {
            (Link::Live | Link::CatchingUp, 0) => "incidentd".into(),
            (Link::Live | Link::CatchingUp, count) => {
                format!("({}) incidentd", self.at_least(count))
            }
            _ => "(?) incidentd".into(),
        }
    }

    /// Learns what happened.
    pub fn apply(&mut self, live: Live) {
        match live {
            Live::Connected { user, now } => {
                self.me = user;
                self.ahead = now.duration_since(self.local);
                self.link = Link::CatchingUp;
            }
            Live::Snapshot { incidents, more, .. } => self.begin_anew(incidents, more),
            Live::Rest { incidents, more } => {
                for incident in incidents {
                    self.board.take(incident);
                }
                self.loaded = !more;
            }
            Live::Event(event) => self.learn(*event),
            Live::CaughtUp { changes } => self.caught_up(changes),
            Live::Joined => self.anew = Some(Anew::Joined),
            Live::Left { teams, reason } => {
                for team in teams {
                    self.board.forget_team(team);
                }
                self.around.doubt();
                self.warn(&reason);
            }
            Live::Warned(words) => self.warn(&words),
            Live::Lost { why, attempt, next_in, silent } => {
                let as_of = match &self.link {
                    Link::Lost { as_of, .. } => *as_of,
                    Link::Live => self.now().checked_sub(silent).ok(),
                    Link::Connecting | Link::CatchingUp => None,
                };
                let again_at = self.boot + next_in;
                self.link = Link::Lost { as_of, why, attempt, again_at };
            }
            Live::Refused(error) => self.ended = Some(error),
        }
    }

    /// What is open, in place of all that was known.
    fn begin_anew(&mut self, incidents: Vec<Incident>, more: bool) {
        let news = incidents
            .iter()
            .any(|it| it.status == Status::Triggered && self.board.get(it.id).is_none());
        self.bell.due |= self.was_live && news;
        self.anew = self.anew.or(Some(Anew::TooMuch));
        self.effects.extend(self.board.replace(incidents).map(Effect::Look));
        if let Page::Incident(detail) = &self.page
            && self.board.get(detail.id).is_none()
        {
            self.effects.push(Effect::Look(detail.id));
        }
        self.loaded = !more;
    }

    fn caught_up(&mut self, changes: usize) {
        let again = std::mem::replace(&mut self.was_live, true);
        let anew = self.anew.take();
        self.link = Link::Live;
        self.around.doubt();
        if let Page::Incident(detail) = &self.page
            && again
        {
            self.effects.extend([Effect::Timeline(detail.id), Effect::Alerts(detail.id)]);
        }
        if again {
            let words = match (anew, changes) {
                (Some(Anew::Joined), _) => "You are in one more team: this is what is open now.",
                (Some(Anew::TooMuch), _) => {
                    "Live again. Too much happened to tell: this is what is open."
                }
                (None, 0) => "Live again. Nothing happened meanwhile.",
                (None, 1) => "Live again. 1 change.",
                (None, many) => &format!("Live again. {many} changes."),
            };
            self.say(Tone::Good, words);
        }
    }

    fn learn(&mut self, event: LiveEvent) {
        let Some(event) = event.event else {
            self.say(Tone::Bad, format!("Event {} is newer than this version.", event.seq));
            return;
        };
        if self.calls(&event) {
            let Event { incident, .. } = &event;
            self.bell.news.push(format!("{} {}", incident.id, incident.title));
            self.ring();
        }
        self.board.take(event.incident.clone());
        if let Page::Incident(detail) = &mut self.page
            && detail.id == event.incident_id
        {
            detail.learn(event);
            self.effects.push(Effect::Alerts(detail.id));
        }
    }

    /// Is it news that somebody should answer, and not my own doing?
    fn calls(&self, event: &Event) -> bool {
        let mine = self.me.as_ref().is_some_and(|me| event.actor.user_id() == Some(me.id));
        let fresh = match &event.change {
            Change::Created => true,
            Change::Updated(update) => {
                update.status == Some(Status::Triggered)
                    || update.reason == UpdateReason::Unsilenced
            }
            Change::Reassigned { .. } => true,
            _ => false,
        };
        let waits = event.incident.status == Status::Triggered;
        fresh && !mine && waits && event.incident.silenced_until.is_none()
    }

    fn ring(&mut self) {
        let quiet = self.bell.rung.is_some_and(|at| self.boot.saturating_sub(at) < BELL_EVERY);
        if quiet || !matches!(self.link, Link::Live) {
            self.bell.due = true;
            return;
        }
        self.bell.rung = Some(self.boot);
        self.effects.push(Effect::Bell);
        let news = std::mem::take(&mut self.bell.news);
        let Some(last) = news.last().filter(|_| self.settings.notify) else { return };
        let words = match news.len() {
            1 => last.clone(),
            count => format!("{count} call, the last is {last}"),
        };
        self.effects.push(Effect::Notify(words));
    }

    /// What an effect came to.
    pub fn report(&mut self, report: Report) {
        if matches!(self.link, Link::Lost { .. }) && report.is_answer() {
            self.effects.push(Effect::Reconnect);
        }
        match report {
            Report::Acted(asked, results) => self.acted(&asked, results),
            Report::Looked(id, Ok(incident)) => {
                debug_assert_eq!(id, incident.id);
                self.board.take(*incident);
            }
            // Not ours any more, or gone.
            Report::Looked(id, Err(_)) => self.board.forget(id),
            Report::Timeline(id, found) => self.with_detail(id, |detail| detail.tell(found)),
            Report::Alerts(id, found) => self.with_detail(id, |detail| detail.list_alerts(found)),
            Report::Hearing(hearing) => self.heard = hearing,
            Report::Around(found) => {
                let now = self.now();
                // What was known goes on to be shown.
                if let Some(found) = found {
                    self.around.learn(*found, now);
                }
            }
            Report::Met(team, people) => {
                self.around.meet(team, people);
                self.offer_anew();
            }
            Report::History(Ok((over, more))) => {
                if more {
                    let all = "incidentd list --status resolved --limit 2000";
                    let words = format!("The last {}; more: {}", over.len(), self.here(all));
                    self.say(Tone::Plain, words);
                }
                for incident in over {
                    self.board.take(incident);
                }
            }
            Report::History(Err(error)) => self.fail(&error),
            Report::Answered(line, answer) => self.learn_answer(line, answer),
            Report::Said(Ok(words)) => {
                let words = self.here(&words).into_owned();
                self.say(Tone::Plain, words);
            }
            Report::Said(Err(error)) => self.fail(&error),
        }
    }

    fn with_detail(&mut self, id: IncidentId, then: impl FnOnce(&mut Detail) -> Option<Error>) {
        let error = match &mut self.page {
            Page::Incident(detail) if detail.id == id => then(detail),
            _ => None,
        };
        // Of a lost connection more is said already, and what is missing comes when it is back.
        let lost = matches!(self.link, Link::Lost { .. });
        if let Some(error) = error.filter(|error| !(lost && error.kind == Kind::Unreachable)) {
            self.fail(&error);
        }
    }

    /// Opens an incident.
    pub(super) fn open(&mut self, id: IncidentId) {
        if self.board.get(id).is_none() {
            self.effects.push(Effect::Look(id));
        }
        self.page = Page::Incident(Box::new(Detail::of(id)));
        self.effects.push(Effect::Timeline(id));
        self.effects.push(Effect::Alerts(id));
    }
}
