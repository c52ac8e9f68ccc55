//! Engine.IO 4 and Socket.IO 5, as far as a client over one websocket needs them: text in,
//! packets out. What it does not know it ignores.
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One packet of the server.
#[derive(Debug)]
pub enum Packet {
    /// Engine.IO is open. The server pings every `interval`; it waits `timeout` for an answer.
    Open {
        interval: Duration,
        timeout: Duration,
    },
    Ping,
    /// The server ends the connection.
    Close,
    Connected,
    /// It does not let us in, in its words.
    Refused(String),
    /// It sent us away; the connection may stay.
    Disconnected,
    Event {
        name: String,
        data: Option<Box<RawValue>>,
    },
    Ack {
        id: u64,
        data: Option<Box<RawValue>>,
    },
    Other,
}

pub const PONG: &str = "3";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opening {
    ping_interval: u64,
    ping_timeout: u64,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Packet {
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (kind, rest) = text.split_at_checked(1).unwrap_or_default();
        match kind {
            "0" => serde_json::from_str(rest).map_or(Self::Other, |open: Opening| Self::Open {
                interval: Duration::from_millis(open.ping_interval),
                timeout: Duration::from_millis(open.ping_timeout),
            }),
            "1" => Self::Close,
            "2" => Self::Ping,
            "4" => Self::message(rest).unwrap_or(Self::Other),
            _ => Self::Other,
        }
    }

    /// Socket.IO, in the namespace `/` alone.
    fn message(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_at_checked(1)?;
        if rest.starts_with('/') {
            return None;
        }
        match kind {
            "0" => Some(Self::Connected),
            "1" => Some(Self::Disconnected),
            "2" => {
                let mut items = items(numbered(rest).1)?.into_iter();
                let name = serde_json::from_str(items.next()?.get()).ok()?;
                Some(Self::Event { name, data: items.next() })
            }
            "3" => {
                let (id, data) = numbered(rest);
                Some(Self::Ack { id: id.parse().ok()?, data: items(data)?.into_iter().next() })
            }
            "4" => {
                serde_json::from_str(rest).ok().map(|Refusal { message }| Self::Refused(message))
            }
            _ => None,
        }
    }
}

fn numbered(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn items(text: &str) -> Option<Vec<Box<RawValue>>> {
    serde_json::from_str(text).ok()
}

/// The packet that asks to be let in.
#[must_use]
pub fn connect(token: &str) -> String {
    format!("40{}", serde_json::json!({ "token": token }))
}

/// An event that wants to be acknowledged as `id`.
///
/// # Errors
/// None that `data` of ours has: it is JSON.
pub fn ask(id: u64, name: &str, data: &impl serde::Serialize) -> serde_json::Result<String> {
    Ok(format!("42{id}{}", serde_json::to_string(&(name, data))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart_and_nonsense_is_ignored() {
        let open =
            Packet::parse(r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#);
        assert!(matches!(open, Packet::Open { interval, .. } if interval.as_secs() == 25));
        assert!(matches!(Packet::parse("2"), Packet::Ping));
        assert!(matches!(Packet::parse(r#"40{"sid":"y"}"#), Packet::Connected));
        assert!(matches!(Packet::parse("41"), Packet::Disconnected));
        let refused = Packet::parse(r#"44{"message":"Session expired"}"#);
        assert!(matches!(refused, Packet::Refused(why) if why == "Session expired"));
        match Packet::parse(r#"4217["incident:created",{"seq":3}]"#) {
            Packet::Event { name, data: Some(data) } => {
                assert_eq!((name.as_str(), data.get()), ("incident:created", r#"{"seq":3}"#));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(Packet::parse(r#"4312[{"ok":true}]"#), Packet::Ack { id: 12, .. }));
        for odd in
            ["", "9", "4", "42", "42[", "42[]", "42[1]", "43[]", "0{}", "44", "42/x,[\"a\"]", "é"]
        {
            assert!(matches!(Packet::parse(odd), Packet::Other), "{odd}");
        }
    }
}
