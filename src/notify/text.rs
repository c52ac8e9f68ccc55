//! The words of messages: four templates that an operator may put others in place of, within a
//! measure of fuel. What senders wrote comes in as text alone: it names nobody and links nowhere.
use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use regex::Regex;
use serde::Serialize;

use super::{Message, MessageKind, gsm};
use crate::domain::alert::Link;
use crate::domain::{Incident, Urgency, text};
use crate::error::{Error, Result};

/// Name and default of each; an operator's stands under the same name in `[templates]`.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("title", include_str!("templates/title.txt")),
    ("text", include_str!("templates/text.txt")),
    ("short", include_str!("templates/short.txt")),
    ("html", include_str!("templates/html.txt")),
];
/// What one template may do, in instructions: a thousand times the defaults' need would be less.
const FUEL: u64 = 50_000;
/// Longest template, and longest outcome.
const MAX_TEMPLATE: usize = 16 * 1_024;
const MAX_RENDERED: usize = 64 * 1_024;
/// Incidents of a bundle that are named; the others are counted.
const NAMED: usize = 10;
const MAX_TITLE: usize = 200;
/// Titles in `what`, where a bundle is told in one line.
const IN_LINE: usize = 3;
const MAX_DESCRIPTION: usize = 1_000;
/// Labels in `facts`, and so much of each.
const FACTS: usize = 3;
const MAX_FACT: usize = 80;

/// What a template knows of a message.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    pub id: String,
    /// page, all_clear, update, notice, test.
    pub kind: &'static str,
    pub to: String,
    /// high or low: the loudest of its incidents.
    pub urgency: &'static str,
    /// The worst of its incidents.
    pub severity: &'static str,
    /// `#42 disk full`, or `14 incidents: #42 disk full; …`.
    pub what: String,
    /// Its service or team; those of a bundle.
    pub r#where: String,
    /// `14 incidents: 3 high, 11 low`.
    pub summary: String,
    pub count: usize,
    /// How many are not named.
    pub more: usize,
    pub incidents: Vec<Row>,
    pub text: String,
    /// A page's, for one incident: where its sender says what to do about it.
    pub link: Option<String>,
    pub ack_url: Option<String>,
    pub resolve_url: Option<String>,
    pub url: String,
}

/// An incident, as a template knows it.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub id: i64,
    pub title: String,
    pub description: String,
    pub status: &'static str,
    pub urgency: &'static str,
    pub severity: &'static str,
    pub team: String,
    pub service: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// The first few labels, `host=db-3, zone=b`.
    pub facts: String,
    /// The first of its links: most often what to do about it.
    pub link: Option<String>,
    pub url: String,
}

impl Row {
    fn of(incident: &Incident) -> Self {
        let label = |(name, value): (&String, &String)| (tame_line(name), tame_line(value));
        let labels: BTreeMap<_, _> = incident.labels.iter().map(label).collect();
        let fact =
            |(name, value): (&String, &String)| text::cut(&format!("{name}={value}"), MAX_FACT);
        let facts = labels.iter().take(FACTS).map(fact).collect::<Vec<_>>().join(", ");
        let link = incident.links.iter().find_map(|link| Link::new(&link.href, ""));
        Self {
            id: incident.id.0,
            title: tame_line(&incident.title),
            description: text::cut(&tame(&incident.description), MAX_DESCRIPTION),
            status: incident.status.word(),
            urgency: incident.urgency.word(),
            severity: incident.severity.word(),
            team: incident.team.slug.clone(),
            service: incident.service.as_ref().map(|service| service.slug.clone()),
            labels,
            facts,
            link: link.map(|link| link.href),
            url: incident.url.clone(),
        }
    }

    fn place(&self) -> &str {
        self.service.as_deref().unwrap_or(&self.team)
    }
}

impl View {
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let all = &message.incidents;
        let incidents: Vec<Row> = all.iter().take(NAMED).map(Row::of).collect();
        let urgency = all.iter().map(|incident| incident.urgency).min();
        let severity = all.iter().map(|incident| incident.severity).min();
        let link = match incidents.as_slice() {
            [one] if message.kind == MessageKind::Page => one.link.clone(),
            _ => None,
        };
        let mut places: Vec<&str> = incidents.iter().map(Row::place).collect();
        places.dedup();
        Self {
            id: message.id.clone(),
            kind: message.kind.word(),
            to: tame_line(&message.to),
            urgency: urgency.map_or("high", Urgency::word),
            severity: severity.map_or("error", |severity| severity.word()),
            what: what(&incidents, all.len()),
            r#where: places.iter().take(IN_LINE).copied().collect::<Vec<_>>().join(", "),
            summary: summary(all),
            count: all.len(),
            more: all.len() - incidents.len(),
            incidents,
            // Our own words, which may quote a sender's or a far end's.
            text: tame(&message.text),
            link,
            ack_url: message.ack_url.clone(),
            resolve_url: message.resolve_url.clone(),
            url: message.url.clone(),
        }
    }
}

fn what(incidents: &[Row], count: usize) -> String {
    let named = |row: &Row| format!("#{} {}", row.id, row.title);
    match incidents {
        [] => String::new(),
        [one] => named(one),
        several => {
            let titles: Vec<_> = several.iter().take(IN_LINE).map(named).collect();
            let rest = if count > IN_LINE { "; …" } else { "" };
            format!("{count} incidents: {}{rest}", titles.join("; "))
        }
    }
}

/// `14 incidents: 3 high, 11 low`.
fn summary(incidents: &[Incident]) -> String {
    let of = |urgency| incidents.iter().filter(|incident| incident.urgency == urgency).count();
    let (count, high) = (incidents.len(), of(Urgency::High));
    let split = match (high, count - high) {
        (_, 0) => "all high".to_owned(),
        (0, _) => "all low".to_owned(),
        (high, low) => format!("{high} high, {low} low"),
    };
    match count {
        0 => String::new(),
        1 => "1 incident".into(),
        count => format!("{count} incidents: {split}"),
    }
}

/// A sender's text, from which nothing is obeyed: no control or hidden characters, no `@name`,
/// and neither scheme nor `www.` that a phone or chat would turn into a link.
#[must_use]
pub fn tame(text: &str) -> String {
    static WWW: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)\b(www)\.").ok());
    let text = clean(text).replace("://", ":// ");
    let text = WWW.as_ref().map_or(text.as_str().into(), |www| www.replace_all(&text, "$1 ."));
    let mut tamed = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        if before == '@' && (c.is_alphanumeric() || c == '_') {
            let len = tamed.len() - 1;
            let starts = !tamed[..len].ends_with(|c: char| c.is_alphanumeric());
            if starts {
                tamed.push(' ');
            }
        }
        tamed.push(c);
        before = c;
    }
    tamed
}

fn tame_line(line: &str) -> String {
    tame(&text::shown(line))
}

/// Without what moves, hides or reorders.
fn clean(lines: &str) -> String {
    lines
        .lines()
        .map(|line| text::shown(line).into_owned())
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

/// The templates, ready to be used.
pub struct Texts {
    env: Environment<'static>,
    /// What holds where an operator's fails.
    defaults: Environment<'static>,
}

impl Texts {
    /// # Errors
    /// `Invalid`, naming the template that cannot be used.
    pub fn new(own: &BTreeMap<String, String>) -> Result<Self> {
        let mut env = environment();
        let mut defaults = environment();
        for (name, text) in TEMPLATES {
            defaults.add_template(name, text).map_err(Error::internal)?;
            env.add_template(name, text).map_err(Error::internal)?;
        }
        for (name, text) in own {
            let field = format!("templates.{name}");
            if !TEMPLATES.iter().any(|(known, _)| known == name) {
                return Err(Error::invalid(&field, "is no template")
                    .hint("There are title, text, short and html."));
            }
            if text.len() > MAX_TEMPLATE {
                let why = format!("is longer than {MAX_TEMPLATE} bytes");
                return Err(Error::invalid(&field, why));
            }
            env.add_template_owned(name.clone(), text.clone())
                .map_err(|error| Error::invalid(&field, wrong(&error)))?;
        }
        let texts = Self { env, defaults };
        for message in [Message::sample(), Message::example(None, "https://oncall.example.com")] {
            let view = View::of(&message);
            for name in own.keys() {
                rendered(&texts.env, name, &view)
                    .map_err(|error| Error::invalid(&format!("templates.{name}"), wrong(&error)))?;
            }
        }
        Ok(texts)
    }

    /// What becomes of any template for a message.
    ///
    /// # Errors
    /// `Invalid`, saying where it is wrong.
    pub fn try_out(&self, template: &str, message: &Message) -> Result<String> {
        if template.len() > MAX_TEMPLATE {
            return Err(Error::invalid("template", format!("is longer than {MAX_TEMPLATE} bytes")));
        }
        let view = Value::from(Serde(&View::of(message)));
        let rendered = self.env.render_named_str("template", template, view);
        rendered
            .map(|text| text::cut(&text, MAX_RENDERED))
            .map_err(|error| Error::invalid("template", wrong(&error)))
    }

    /// A message goes out whatever an operator wrote: if his words fail, ours are sent.
    fn render(&self, name: &str, view: &View) -> String {
        rendered(&self.env, name, view)
            .or_else(|error| {
                tracing::warn!(name, why = wrong(&error), "a template fails; the default is used");
                rendered(&self.defaults, name, view)
            })
            .unwrap_or_else(|_| view.what.clone())
    }

    /// One line, for subjects and headings.
    #[must_use]
    pub fn title(&self, view: &View) -> String {
        text::cut(&text::shown(&self.render("title", view)), MAX_TITLE)
    }

    #[must_use]
    pub fn text(&self, view: &View) -> String {
        clean(&self.render("text", view))
    }

    #[must_use]
    pub fn html(&self, view: &View) -> String {
        self.render("html", view)
    }

    /// One SMS. What is too long about it is what happened, never the link.
    #[must_use]
    pub fn short(&self, view: &View) -> String {
        let render = |view: &View| gsm::plain(&text::shown(&self.render("short", view)));
        let shorter = |part: &str, line: &str| {
            let part = gsm::plain(part);
            let over = gsm::units(line).saturating_sub(gsm::SMS);
            gsm::cut(&part, gsm::units(&part).saturating_sub(over))
        };
        let line = render(view);
        let view = View { what: shorter(&view.what, &line), ..view.clone() };
        let line = render(&view);
        let view = View { text: shorter(&view.text, &line), ..view };
        gsm::cut(&render(&view), gsm::SMS)
    }
}

fn rendered(
    env: &Environment<'static>,
    name: &str,
    view: &View,
) -> Result<String, minijinja::Error> {
    let text = env.get_template(name)?.render(Value::from(Serde(view)))?;
    Ok(text::cut(text.trim(), MAX_RENDERED))
}

/// An environment in which a template can do nothing but write text, and not for long.
pub fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(32);
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_auto_escape_callback(|name| match name {
        "html" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    env.add_filter("first_line", |text: &str| text.lines().next().unwrap_or_default().to_owned());
    env.add_filter("cut", |text: &str, max: usize| text::cut(text, max));
    env.add_filter("markdown", markdown);
    env
}

/// With a backslash before all that Markdown might obey. An address stays one to press: those of
/// senders' words are broken up, and what is left is ours or a link that was checked.
#[expect(clippy::needless_pass_by_value, reason = "a filter's shape")]
fn markdown(text: String) -> String {
    let mut escaped = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let address = word.trim_end();
        let is_one = address.split_once("://").is_some_and(|(scheme, rest)| {
            matches!(scheme, "http" | "https") && !rest.is_empty() && !rest.contains(['<', '>'])
        });
        if is_one {
            escaped.extend(["<", address, ">", &word[address.len()..]]);
            continue;
        }
        for c in word.chars() {
            let obeyed = !matches!(c, ',' | ';' | ':' | '\'' | '/' | '?' | '%');
            if c.is_ascii_punctuation() && obeyed {
                escaped.push('\\');
            }
            escaped.push(c);
        }
    }
    escaped
}

/// What is wrong with a template, in one line.
pub fn wrong(error: &minijinja::Error) -> String {
    let kind = error.kind().to_string();
    let what = error.detail().map_or(kind.clone(), |detail| format!("{kind}: {detail}"));
    let place = error.line().map_or(String::new(), |line| format!(" (line {line})"));
    text::cut(&text::shown(&format!("{what}{place}")), 300)
}
