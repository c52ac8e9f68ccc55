//! Messages to people: one file a channel, the next is written by copying its neighbour. Knows
//! what a message says and how a channel is spoken to; nothing of who is to be told or when.
mod command;
mod email;
mod gateway;
mod gsm;
pub mod http;
mod ntfy;
pub mod sign;
pub mod text;
mod webhook;
mod webpush;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::user::check_slug;
use crate::domain::{Incident, Urgency};
use crate::error::{Error, Result};
use crate::trust;

use http::Outgoing;
use text::{Texts, View};
pub use webpush::PushKey;

/// However slow a far end is: the queue behind it waits no longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// So much of a title all providers show.
const HEADING: usize = 150;
/// What rates are counted by.
const MINUTE: Duration = Duration::from_mins(1);

pub use crate::domain::delivery::{DeliveryKind as MessageKind, Message};

/// How much noise a message makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loudness {
    /// It wakes.
    Loud,
    Normal,
    Quiet,
}

impl Message {
    /// A test, to see what becomes of words.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            id: "sample".into(),
            kind: MessageKind::Test,
            incidents: Vec::new(),
            text: String::new(),
            to: "Alice".into(),
            ack_url: None,
            resolve_url: None,
            url: "https://oncall.example.com/".into(),
        }
    }

    /// A page about an incident, or a made-up one.
    #[must_use]
    pub fn example(incident: Option<Incident>, public_url: &str) -> Self {
        let made_up = || serde_json::from_str(include_str!("templates/example.json")).ok();
        let url = public_url.trim_end_matches('/');
        let incidents: Vec<_> = incident.or_else(made_up).into_iter().collect();
        let first = incidents.first().map_or(0, |incident| incident.id.0);
        Self {
            kind: MessageKind::Page,
            incidents,
            ack_url: Some(format!("{url}/a/EXAMPLE")),
            resolve_url: Some(format!("{url}/r/EXAMPLE")),
            url: format!("{url}/incidents/{first}"),
            ..Self::sample()
        }
    }

    fn loudness(&self) -> Loudness {
        let high = self.incidents.iter().any(|one| one.urgency == Urgency::High);
        match self.kind {
            MessageKind::Page if high => Loudness::Loud,
            MessageKind::AllClear => Loudness::Quiet,
            _ => Loudness::Normal,
        }
    }
}

/// Why a message did not go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may go later; perhaps the far end said when.
    Later { why: String, after: Option<Duration> },
    /// It will not: the address is wrong, or the far end refused it for good.
    Never { why: String },
    /// Nor will anything else: the far end has ended the address.
    Gone { why: String },
}

impl Failure {
    fn never(why: impl Into<String>) -> Self {
        Self::Never { why: why.into() }
    }

    fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }

    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Later { why, .. } | Self::Never { why } | Self::Gone { why } => why,
        }
    }
}

/// What a channel is, for people who choose one and type an address.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct About {
    pub channel: String,
    /// What an address on it looks like.
    pub address: String,
    /// Whoever knows an address can use or read it.
    pub secret: bool,
}

/// A channel's work.
type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// One way to reach people.
trait Channel: Send + Sync {
    /// What an address on it looks like, and whether it is a secret.
    fn about(&self) -> (&str, bool);

    /// # Errors
    /// Says what is wrong with an address, as far as that can be seen without asking anybody.
    fn check(&self, address: &str) -> Result<(), String>;

    fn send<'a>(&'a self, address: &'a str, said: &'a Said<'a>) -> Sending<'a>;

    /// Sees whether the far end can be reached, without sending anything.
    fn probe(&self) -> Sending<'_> {
        Box::pin(async { Ok(()) })
    }

    /// Where a message to `address` goes on the web, if the address says so.
    fn leads_to(&self, _address: &str) -> Option<String> {
        None
    }
}

/// A message, and the words for it.
struct Said<'a> {
    message: &'a Message,
    view: View,
    texts: &'a Texts,
}

impl Said<'_> {
    fn title(&self) -> String {
        self.texts.title(&self.view)
    }

    fn text(&self) -> String {
        self.texts.text(&self.view)
    }

    /// The text without its links, where a channel has buttons of its own.
    fn story(&self) -> String {
        let (ack_url, resolve_url, url) = (None, None, String::new());
        self.texts.text(&View { ack_url, resolve_url, url, ..self.view.clone() })
    }

    /// The story from where it says more than the title above it, if it does.
    fn beyond(&self) -> Option<String> {
        let (story, title) = (self.story(), crate::domain::text::cut(&self.title(), HEADING));
        let more: Vec<&str> =
            story.lines().skip_while(|line| title.contains(line.trim())).collect();
        (!more.is_empty()).then(|| more.join("\n"))
    }

    /// What stands below the title, never nothing.
    fn below(&self) -> String {
        self.beyond().unwrap_or_else(|| self.story())
    }

    /// All of it, for programs.
    fn as_json(&self) -> serde_json::Value {
        let message = self.message;
        serde_json::json!({
            "id": message.id,
            "kind": message.kind.word(),
            "to": message.to,
            "title": self.title(),
            "text": self.text(),
            "incidents": message.incidents,
            "ackUrl": message.ack_url,
            "resolveUrl": message.resolve_url,
            "url": message.url,
        })
    }
}

/// Channels that an operator's own may not stand in for.
const BUILT_IN: &[&str] = &["email", "ntfy", "webhook", "webpush"];

fn check_name(section: &str, name: &str) -> Result<()> {
    let field = format!("{section}.{name}");
    if BUILT_IN.contains(&name) {
        return Err(Error::invalid(&field, "is the name of a channel that is built in")
            .hint("Give it another name."));
    }
    check_slug(name).map_err(|why| Error::invalid(&field, why))
}

/// Is it a channel that every server may have, set up or not?
fn is_kind(name: &str) -> bool {
    BUILT_IN.contains(&name) || gateway::is_recipe(name)
}

/// Everything that one configuration makes possible.
struct Set {
    channels: BTreeMap<String, Box<dyn Channel>>,
    rates: BTreeMap<String, NonZeroU32>,
    texts: Texts,
    outgoing: Outgoing,
}

impl Set {
    fn new(config: &Config, clock: &Clock, key: Option<&PushKey>) -> Result<Self> {
        let authorities = config.outgoing.authorities.as_deref();
        let authorities = authorities.map(|file| trust::authorities("outgoing.authorities", file));
        let authorities = authorities.transpose()?.unwrap_or_default();
        let email = email::Email::new(&config.smtp, &authorities, clock.clone())?;
        let outgoing = Outgoing::new(&config.outgoing.allow_private, authorities, clock.clone());
        let texts = Texts::new(&config.templates)?;
        let mut channels: BTreeMap<String, Box<dyn Channel>> = BTreeMap::new();
        if let Some(email) = email {
            channels.insert("email".into(), Box::new(email));
        }
        channels.insert("ntfy".into(), Box::new(ntfy::Ntfy(outgoing.clone())));
        channels.insert("webhook".into(), Box::new(webhook::Webhook::new(&outgoing, clock)));
        if let Some(key) = key {
            let (key, out, clock) = (key.clone(), outgoing.clone(), clock.clone());
            channels.insert("webpush".into(), Box::new(webpush::WebPush { key, out, clock }));
        }
        for (name, gateway) in gateway::ready(&outgoing, &texts)? {
            channels.insert(name.to_owned(), Box::new(gateway));
        }
        for (name, own) in &config.gateways {
            check_name("gateways", name)?;
            channels.insert(
                name.clone(),
                Box::new(gateway::Gateway::new(name, own, &outgoing, &texts)?),
            );
        }
        for (name, command) in &config.commands {
            check_name("commands", name)?;
            if config.gateways.contains_key(name) {
                return Err(Error::invalid(&format!("commands.{name}"), "is a gateway, too"));
            }
            channels.insert(name.clone(), Box::new(command::Command::new(name, command)?));
        }
        let set = Self { channels, rates: config.rates.clone(), texts, outgoing };
        for name in set.rates.keys() {
            set.named(&format!("rates.{name}"), name)?;
        }
        Ok(set)
    }

    fn channel(&self, name: &str) -> Result<&dyn Channel> {
        self.named("channel", name)
    }

    /// The channel that `field` names.
    fn named(&self, field: &str, name: &str) -> Result<&dyn Channel> {
        self.find(name).map_err(|why| {
            let names: Vec<&str> = self.channels.keys().map(String::as_str).collect();
            let hint = match name {
                _ if !is_kind(name) => "Choose another, or ask its operator to add it.".to_owned(),
                "email" => "Its operator sets smtp.url and smtp.from.".to_owned(),
                _ => format!("Its operator adds [gateways.{name}] with recipe = \"{name}\"."),
            };
            Error::invalid(field, format!("{why}; there are {}", names.join(", "))).hint(hint)
        })
    }

    /// # Errors
    /// Says why a channel cannot be used.
    fn find(&self, name: &str) -> Result<&dyn Channel, String> {
        self.channels.get(name).map(AsRef::as_ref).ok_or_else(|| {
            let what = if is_kind(name) { "is not set up on" } else { "is no channel of" };
            format!("`{name}` {what} this server")
        })
    }
}

/// Sends messages over all channels that are configured.
#[derive(Clone)]
pub struct Notifier(Arc<Inner>);

struct Inner {
    clock: Clock,
    key: PushKey,
    set: RwLock<Arc<Set>>,
}

impl Notifier {
    /// # Errors
    /// `Invalid`, naming the key of the configuration that cannot be used.
    pub fn new(config: &Config, clock: Clock, key: PushKey) -> Result<Self> {
        let set = RwLock::new(Arc::new(Set::new(config, &clock, Some(&key))?));
        Ok(Self(Arc::new(Inner { clock, key, set })))
    }

    /// What a browser needs to subscribe to Web Push.
    #[must_use]
    pub fn push_key(&self) -> String {
        self.0.key.public()
    }

    /// Can messages be sent with this? Sends none.
    ///
    /// # Errors
    /// `Invalid`, naming the key of the configuration that cannot be used.
    pub fn check(config: &Config) -> Result<()> {
        Set::new(config, &Clock::System, None).map(drop)
    }

    /// Takes on another configuration; what is being sent goes on with the old one.
    ///
    /// # Errors
    /// As `check`; then nothing has changed.
    pub fn reload(&self, config: &Config) -> Result<()> {
        let set = Arc::new(Set::new(config, &self.0.clock, Some(&self.0.key))?);
        *self.0.set.write().unwrap_or_else(PoisonError::into_inner) = set;
        Ok(())
    }

    fn set(&self) -> Arc<Set> {
        self.0.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The guarded way out.
    #[must_use]
    pub fn outgoing(&self) -> Outgoing {
        self.set().outgoing.clone()
    }

    /// What can be used here.
    #[must_use]
    pub fn channels(&self) -> Vec<About> {
        let set = self.set();
        let abouts = set.channels.iter().map(|(name, channel)| (name, channel.about()));
        abouts
            .map(|(name, (address, secret))| About {
                channel: name.clone(),
                address: address.to_owned(),
                secret,
            })
            .collect()
    }

    /// The names of those.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.set().channels.keys().cloned().collect()
    }

    /// Of `channel`, which cannot be used here: could it, once it is set up?
    #[must_use]
    pub fn is_kind(channel: &str) -> bool {
        is_kind(channel)
    }

    /// The least time from one message to the next, to one far end of `channel`.
    #[must_use]
    pub fn pace(&self, channel: &str) -> Duration {
        self.set().rates.get(channel).map_or(Duration::ZERO, |rate| MINUTE / rate.get())
    }

    /// Can `channel` be used?
    ///
    /// # Errors
    /// `Invalid`, naming `channel`.
    pub fn check_channel(&self, channel: &str) -> Result<()> {
        self.set().channel(channel).map(|_| ())
    }

    /// Can `channel` be used, and is `address` one of its?
    ///
    /// # Errors
    /// `Invalid`, naming `channel` or `address`.
    pub fn check_address(&self, channel: &str, address: &str) -> Result<()> {
        let set = self.set();
        let channel = set.channel(channel)?;
        channel.check(address).map_err(|why| {
            Error::invalid("address", why).hint(format!("Write it as {}.", channel.about().0))
        })
    }

    /// What becomes of a template, or of one that is named, for a message.
    ///
    /// # Errors
    /// `Invalid`, saying where the template is wrong.
    pub fn render(&self, template: &Template, message: &Message) -> Result<String> {
        let (set, view) = (self.set(), View::of(message));
        match template {
            Template::Title => Ok(set.texts.title(&view)),
            Template::Text => Ok(set.texts.text(&view)),
            Template::Short => Ok(set.texts.short(&view)),
            Template::Html => Ok(set.texts.html(&view)),
            Template::Other(template) => set.texts.try_out(template, message),
        }
    }

    /// Sees whether a channel's far end can be reached, without sending anything.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub async fn probe(&self, channel: &str) -> Result<(), Failure> {
        let set = self.set();
        let channel = set.find(channel).map_err(Failure::never)?;
        patiently(channel.probe()).await
    }

    /// The host that an address leads to, as `https://host`, without what is secret of it.
    #[must_use]
    pub fn far_end(&self, channel: &str, address: &str) -> Option<String> {
        let set = self.set();
        let url = set.channels.get(channel)?.leads_to(address)?;
        http::host(&url)
    }

    /// Sees whether a host answers at all: asked by `HEAD /`, it is told nothing.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub async fn knock(&self, host: &str) -> Result<(), Failure> {
        let out = self.outgoing();
        let request = out.request(reqwest::Method::HEAD, host)?;
        out.send(request).await.map(drop)
    }

    /// Sends `message` over `channel` (`email`, `ntfy`, …) to `address`.
    ///
    /// # Errors
    /// Says whether to try again.
    pub async fn send(
        &self,
        channel: &str,
        address: &str,
        message: &Message,
    ) -> Result<(), Failure> {
        let set = self.set();
        let channel = set.find(channel).map_err(Failure::never)?;
        let said = Said { message, view: View::of(message), texts: &set.texts };
        patiently(channel.send(address, &said)).await
    }
}

/// Words of the server by name, or others to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    Title,
    Text,
    Short,
    Html,
    Other(String),
}

#[expect(clippy::disallowed_methods, reason = "real time bounds a real far end")]
async fn patiently(sending: Sending<'_>) -> Result<(), Failure> {
    match tokio::time::timeout(PATIENCE, sending).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::later("It did not answer in time.")),
    }
}
