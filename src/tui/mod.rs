//! The terminal dashboard: one loop that selects, one state, one table of keys. It learns from
//! `client::live`, acts through the HTTP client, and never waits for either.
mod answer;
mod around;
mod board;
pub mod command;
mod detail;
mod effect;
mod filter;
mod input;
mod keys;
mod layout;
mod prompt;
mod screen;
pub mod state;
mod straight;
mod undo;
pub mod view;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::time::Duration;

use crossterm::event::{Event as Input, EventStream};
use futures_util::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::api::incidents::Trigger;
use crate::client::live::Lives;
use crate::client::{Client, Ours};
use crate::clock::Clock;
use crate::domain::{Action, IncidentId};
use crate::error::{Error, Result};

use effect::{Effect, Report};
use screen::Screen;
use state::State;

pub use answer::{Answer, Errand};
pub use state::{Lay, Settings};

/// A frame at most so often, however much happens.
const FRAME: Duration = Duration::from_millis(33);
/// News taken in before the next frame.
const AT_ONCE: usize = 2_000;
/// Ages and countdowns go on.
const TICK: Duration = Duration::from_secs(1);

/// What a typed line means.
pub enum Typed {
    Act(Vec<IncidentId>, Action),
    Show(IncidentId),
    /// An incident by hand.
    Open(Box<Trigger>),
    /// What is over too, or what is open.
    List {
        over: bool,
    },
    /// What else there is, beside the screen.
    Run(Errand),
    /// What is known at once, as a page.
    Read(Lay),
    Help,
    Quit,
}

/// Names that the screen knows: incidents by their ids, in the order of the list; all else by slugs
/// and usernames.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub open: Vec<String>,
    pub resolved: Vec<String>,
    pub teams: Vec<String>,
    pub services: Vec<String>,
    pub people: Vec<String>,
}

/// The command line, as far as it has a place here.
pub trait Commands {
    /// Reads the words of a line; the incidents are those that are selected, and addresses must be
    /// ours.
    ///
    /// # Errors
    /// What is wrong with it, or why it has no place here.
    fn read(&self, words: &[String], selected: &[IncidentId], ours: &Ours) -> Result<Typed>;
    /// What the last of these words may become, of what the screen knows.
    fn completions(&self, words: &[String], known: &Known) -> Vec<String>;
    /// Words that name a shell's commands, as they are typed here.
    fn here<'a>(&self, text: &'a str) -> Cow<'a, str>;
}

/// Why nothing is done.
pub const READONLY: &str = "Nothing was done: this dashboard is --readonly.";

/// What a dashboard needs of the world.
pub struct Watch {
    pub client: Client,
    pub lives: Lives,
    pub settings: Settings,
}

struct Signals {
    end: [Signal; 3],
    stop: Signal,
    go_on: Signal,
}

enum Asked {
    End,
    Stop,
    GoOn,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use rustix::process::Signal as Number;
        let on = |number: Number| signal(SignalKind::from_raw(number.as_raw()));
        Ok(Self {
            end: [on(Number::TERM)?, on(Number::HUP)?, on(Number::INT)?],
            stop: on(Number::TSTP)?,
            go_on: on(Number::CONT)?,
        })
    }

    async fn next(&mut self) -> Asked {
        let [term, hup, int] = &mut self.end;
        tokio::select! {
            _ = term.recv() => Asked::End,
            _ = hup.recv() => Asked::End,
            _ = int.recv() => Asked::End,
            _ = self.stop.recv() => Asked::Stop,
            _ = self.go_on.recv() => Asked::GoOn,
        }
    }
}

/// Runs until somebody quits, or nothing can go on.
///
/// # Errors
/// Why nothing can go on: a refused token, a team that is not ours, a terminal that is gone.
pub async fn run(watch: Watch) -> Result<()> {
    tokio::task::LocalSet::new().run_until(show(watch)).await
}

async fn show(mut watch: Watch) -> Result<()> {
    let clock = Clock::System;
    let mut signals = Signals::new().map_err(Error::internal)?;
    let mut screen = Screen::enter()?;
    let mut inputs = EventStream::new();
    let (tell, mut reports) = mpsc::unbounded_channel::<Report>();
    let mut state = State::new(watch.settings, clock.now(), clock.since_boot());
    state.around.server = Ours::at(watch.client.base());
    let mut drawn: Option<Duration> = None;
    let mut fresh = true;
    loop {
        state.tick(clock.now(), clock.since_boot());
        let since = drawn.map_or(FRAME, |at| clock.since_boot().saturating_sub(at));
        if fresh && since >= FRAME {
            screen.draw(&mut state)?;
            drawn = Some(clock.since_boot());
            fresh = false;
        }
        for effect in state.take_effects() {
            match effect {
                Effect::Bell => screen::bell()?,
                Effect::Notify(words) => screen::notify(&words)?,
                Effect::Copy(words) => screen::copy(&words)?,
                Effect::Reconnect => watch.lives.nudge(),
                Effect::Suspend => screen.suspend()?,
                Effect::Redraw => screen.forget()?,
                Effect::Quit => return Ok(()),
                effect => effect::run(effect, &watch.client, &tell),
            }
            fresh = true;
        }
        if let Some(error) = state.take_end() {
            return Err(error);
        }
        let wait = if fresh { FRAME.saturating_sub(since).min(FRAME) } else { TICK };
        tokio::select! {
            input = inputs.next() => {
                state.tick(clock.now(), clock.since_boot());
                match input {
                    Some(Ok(Input::Key(key))) => state.key(key),
                    Some(Ok(Input::Mouse(mouse))) => state.mouse(mouse),
                    Some(Ok(Input::Paste(text))) => state.paste(&text),
                    Some(Ok(_)) => {}
                    // The terminal is gone.
                    Some(Err(_)) | None => return Ok(()),
                }
            }
            live = watch.lives.next() => {
                let Some(live) = live else { return Ok(()) };
                state.apply(live);
                for live in (0..AT_ONCE).map_while(|_| watch.lives.try_next()) {
                    state.apply(live);
                }
            }
            Some(report) = reports.recv() => state.report(report),
            asked = signals.next() => match asked {
                Asked::End => return Ok(()),
                Asked::Stop => screen.suspend()?,
                Asked::GoOn => screen.resume()?,
            },
            () = clock.sleep(wait) => {}
        }
        fresh = true;
    }
}
