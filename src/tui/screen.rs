//! The terminal itself: taken over, and left as it was found, whatever happens.
use std::io::{BufWriter, Stdout, Write, stdout};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, getpid, kill_process};

use super::state::State;
use super::straight::{self, Piece};
use super::view::look::Look;
use super::view::{self, text};
use crate::error::{Error, Kind, Result};

/// Puts the window's title on the terminal's own stack, and takes it from there (XTWINOPS).
const SAVE_TITLE: &[u8] = b"\x1b[22;2t";
const RESTORE_TITLE: &[u8] = b"\x1b[23;2t";

pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    look: Look,
    /// Rows with text of disputed width.
    crooked: Vec<u16>,
    title: String,
    /// Ours at the moment, not the shell's.
    ours: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn gone(error: std::io::Error) -> Error {
    Error::new(Kind::Unavailable, format!("The terminal cannot be used: {error}."))
        .hint("In a pipe, `incidentd watch` prints a line an event.")
}

fn take_over() -> std::io::Result<()> {
    enable_raw_mode()?;
    let mut out = stdout();
    out.write_all(SAVE_TITLE)?;
    execute!(out, EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste)
}

/// Leaves the terminal as it was. Nothing can be done about what fails here.
fn give_back() {
    let mut out = stdout();
    let _ =
        queue!(out, DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, cursor::Show);
    let _ = out.write_all(RESTORE_TITLE);
    let _ = out.flush();
    let _ = disable_raw_mode();
}

impl Screen {
    pub fn enter() -> Result<Self> {
        let terminal =
            Terminal::new(CrosstermBackend::new(BufWriter::new(stdout()))).map_err(gone)?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
            // A dashboard that broke shows nothing that could be trusted.
            std::process::exit(101);
        }));
        take_over().map_err(gone)?;
        Ok(Self {
            terminal,
            look: Look::of_environment(),
            crooked: Vec::new(),
            title: String::new(),
            ours: true,
        })
    }

    pub fn draw(&mut self, state: &mut State) -> Result<()> {
        let size = self.terminal.size().map_err(gone)?;
        state.resize(size.width, size.height);
        state.arrange();
        let look = self.look;
        let drawn = self.terminal.draw(|frame| view::draw(state, look, frame)).map_err(gone)?;
        let pieces = straight::pieces(drawn.buffer, &mut self.crooked);
        self.write(&pieces).map_err(gone)?;
        let title = state.title();
        if title != self.title {
            execute!(stdout(), SetTitle(&title)).map_err(gone)?;
            self.title = title;
        }
        Ok(())
    }

    /// Writes these once more; the cursor stays where it is.
    fn write(&mut self, pieces: &[Piece]) -> std::io::Result<()> {
        if pieces.is_empty() {
            return Ok(());
        }
        let out = self.terminal.backend_mut();
        queue!(out, cursor::SavePosition)?;
        for (at, cells) in pieces {
            let cells = cells.iter().zip(at.x..).map(|(cell, x)| (x, at.y, cell));
            ratatui::backend::Backend::draw(out, cells)?;
        }
        queue!(out, cursor::RestorePosition)?;
        Write::flush(out)
    }

    /// Draws everything anew with the next frame.
    pub fn forget(&mut self) -> Result<()> {
        self.title.clear();
        // Not `clear`, which asks the terminal where its cursor is, while keys are read elsewhere.
        let size = self.terminal.size().map_err(gone)?;
        self.terminal.resize(size.into()).map_err(gone)
    }

    /// Hands the terminal to the shell until somebody says `fg`.
    pub fn suspend(&mut self) -> Result<()> {
        give_back();
        self.ours = false;
        // Not TSTP: that one is listened to.
        let _ = kill_process(getpid(), Signal::STOP);
        self.resume()
    }

    /// Takes the terminal over again, whoever had it meanwhile.
    pub fn resume(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.ours, true) {
            take_over().map_err(gone)?;
            return self.forget();
        }
        // Stopped from outside: a shell may have set the terminal to its own liking.
        disable_raw_mode().and_then(|()| enable_raw_mode()).map_err(gone)?;
        self.forget()
    }
}

pub fn bell() -> Result<()> {
    tell(b"\x07")
}

/// Asks the terminal for a desktop notification: OSC 777 where it is known, else OSC 9.
pub fn notify(words: &str) -> Result<()> {
    let words = text::clean(words);
    let term = std::env::var("TERM").unwrap_or_default();
    let rxvt = ["rxvt", "foot"].iter().any(|name| term.starts_with(name));
    let ask = if rxvt || std::env::var_os("VTE_VERSION").is_some() {
        format!("\x1b]777;notify;incidentd;{}\x07", words.replace(';', ","))
    } else {
        format!("\x1b]9;incidentd: {words}\x07")
    };
    tell(ask.as_bytes())
}

/// Puts text into the clipboard of whoever sits at the terminal, also through ssh (OSC 52).
pub fn copy(words: &str) -> Result<()> {
    execute!(stdout(), CopyToClipboard::to_clipboard_from(words)).map_err(gone)
}

fn tell(bytes: &[u8]) -> Result<()> {
    let mut out = stdout();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(gone)
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}
