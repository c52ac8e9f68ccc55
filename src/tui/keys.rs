//! One table gives the keys, the help line and the help page.
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Back,
    Mark,
    Ack,
    Undo,
    Resolve,
    Snooze,
    Note,
    Reassign,
    Escalate,
    CopyLink,
    Browse,
    Filter,
    Command,
    Tab,
    History,
    Help,
    Suspend,
    Redraw,
    Quit,
}

/// One line of the help page.
pub struct Binding {
    pub wish: Wish,
    /// Without modifiers; `Char('^z')` would be ctrl-z, see `ctrl`.
    codes: &'static [KeyCode],
    ctrl: Option<char>,
    /// As people read it.
    pub shown: &'static str,
    /// One word for the help line; none: the help page alone.
    pub word: Option<&'static str>,
    pub help: &'static str,
    /// It changes incidents, or is for that alone: not with --readonly.
    pub acts: bool,
}

const fn look(
    wish: Wish,
    codes: &'static [KeyCode],
    shown: &'static str,
    word: Option<&'static str>,
    help: &'static str,
) -> Binding {
    Binding { wish, codes, ctrl: None, shown, word, help, acts: false }
}

const fn act(
    wish: Wish,
    codes: &'static [KeyCode],
    shown: &'static str,
    word: Option<&'static str>,
    help: &'static str,
) -> Binding {
    Binding { wish, codes, ctrl: None, shown, word, help, acts: true }
}

const fn ctrl(wish: Wish, key: char, shown: &'static str, help: &'static str) -> Binding {
    Binding { wish, codes: &[], ctrl: Some(key), shown, word: None, help, acts: false }
}

use KeyCode::Char;

pub const TABLE: &[Binding] = &[
    act(Wish::Ack, &[Char('a')], "a", Some("ack"), "acknowledge: I have it, paging stops"),
    act(
        Wish::Resolve,
        &[Char('r')],
        "r",
        Some("resolve"),
        "resolve; asks for a note, which may be empty",
    ),
    act(Wish::Snooze, &[Char('s')], "s", Some("snooze"), "acknowledge for a while: 30m, 2h, 08:00"),
    act(Wish::Note, &[Char('n')], "n", Some("note"), "add a note"),
    act(
        Wish::Reassign,
        &[Char('m')],
        "m",
        Some("reassign"),
        "give it to somebody: a username, or me",
    ),
    act(Wish::Escalate, &[Char('e')], "e", None, "escalate: tell whoever is next, now"),
    act(Wish::Undo, &[Char('u')], "u", None, "undo what I did last"),
    act(Wish::Mark, &[Char(' ')], "space", None, "select; keys then act on all selected, and ask"),
    look(
        Wish::Filter,
        &[Char('/')],
        "/",
        Some("filter"),
        "narrow as I type: words, label=value, @service=~x; esc clears",
    ),
    look(
        Wish::Command,
        &[Char(':')],
        ":",
        Some("command"),
        "type a command as after incidentd: ack --for 2h, silence list, on-call; tab completes",
    ),
    look(Wish::Down, &[Char('j'), KeyCode::Down], "j ↓", None, "down"),
    look(Wish::Up, &[Char('k'), KeyCode::Up], "k ↑", None, "up"),
    look(Wish::PageDown, &[KeyCode::PageDown], "pgdn", None, "a page down"),
    look(Wish::PageUp, &[KeyCode::PageUp], "pgup", None, "a page up"),
    look(Wish::First, &[Char('g'), KeyCode::Home], "g home", None, "to the first"),
    look(Wish::Last, &[Char('G'), KeyCode::End], "G end", None, "to the last"),
    look(
        Wish::Open,
        &[KeyCode::Enter, Char('l'), KeyCode::Right],
        "enter",
        None,
        "open it: timeline, alerts, labels",
    ),
    look(
        Wish::Back,
        &[KeyCode::Esc, Char('h'), KeyCode::Left],
        "esc",
        None,
        "back; clears selection, filter, message",
    ),
    look(Wish::Tab, &[KeyCode::Tab], "tab", None, "next team; inside an incident the next pane"),
    look(
        Wish::History,
        &[Char('H')],
        "H",
        None,
        "what is over, the newest first; again: what is open",
    ),
    look(Wish::CopyLink, &[Char('y')], "y", None, "copy its link"),
    look(Wish::Browse, &[Char('o')], "o", None, "open its link in a browser"),
    look(Wish::Help, &[Char('?')], "?", Some("help"), "this page"),
    ctrl(Wish::Redraw, 'l', "ctrl-l", "draw the screen anew"),
    ctrl(Wish::Suspend, 'z', "ctrl-z", "suspend; fg comes back"),
    look(Wish::Quit, &[Char('q')], "q", Some("quit"), "leave this page; on the list, quit"),
    ctrl(Wish::Quit, 'c', "ctrl-c", "quit"),
];

/// What this key asks for.
#[must_use]
pub fn wish(key: &KeyEvent) -> Option<&'static Binding> {
    let with_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    if key.modifiers.contains(KeyModifiers::ALT) {
        return None;
    }
    TABLE.iter().find(|binding| match key.code {
        Char(c) if with_ctrl => binding.ctrl == Some(c.to_ascii_lowercase()),
        code => !with_ctrl && binding.codes.contains(&code),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_and_every_key_is_explained() {
        let mut seen = Vec::new();
        for binding in TABLE {
            assert!(!binding.help.is_empty() && !binding.shown.is_empty());
            for code in binding.codes {
                assert!(!seen.contains(code), "{code:?} twice");
                seen.push(*code);
            }
            assert!(binding.codes.is_empty() != binding.ctrl.is_none());
        }
        assert_eq!(wish(&KeyEvent::from(Char('a'))).map(|b| b.wish), Some(Wish::Ack));
        let ctrl_a = KeyEvent::new(Char('a'), KeyModifiers::CONTROL);
        assert!(wish(&ctrl_a).is_none(), "tmux's prefix acknowledges nothing");
    }
}
