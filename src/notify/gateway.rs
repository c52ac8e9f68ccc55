//! Providers that are spoken to by HTTP as a recipe says, one of ours (`recipes/`, one small file
//! each) or an operator's own. A body is a table whose texts are templates: what they become is
//! put into JSON or a form afterwards, so that nothing in a message can change its shape.
use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, context, escape_formatter};
use regex::Regex;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value as Json};

use super::http::{Outgoing, host};
use super::text::{self, Texts, View};
use super::{Channel, Failure, Message, Said, Sending};
use crate::config::Gateway as Config;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Name and text of each recipe.
const RECIPES: &[(&str, &str)] = &[
    ("discord", include_str!("recipes/discord.toml")),
    ("gotify", include_str!("recipes/gotify.toml")),
    ("mattermost", include_str!("recipes/mattermost.toml")),
    ("pushover", include_str!("recipes/pushover.toml")),
    ("slack", include_str!("recipes/slack.toml")),
    ("teams", include_str!("recipes/teams.toml")),
    ("telegram", include_str!("recipes/telegram.toml")),
    ("twilio", include_str!("recipes/twilio.toml")),
    ("twilio-call", include_str!("recipes/twilio-call.toml")),
];
/// An object with this key is left out where its value is nothing.
const WHEN: &str = "when";
const MAX_PATTERN: usize = 512;
const MAX_PATTERN_SIZE: usize = 1 << 20;

static ENV: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = text::environment();
    env.add_filter("slack", |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    });
    // Some make no button of an address such as http://localhost/.
    env.add_test("dotted", |url: Option<String>| {
        url.is_some_and(|url| url.split('/').nth(2).is_some_and(|host| host.contains('.')))
    });
    env
});
/// The same, but what is put into an address stays in its place there.
static URLS: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = ENV.clone();
    env.set_auto_escape_callback(|_| AutoEscape::Custom("url".into()));
    env.set_formatter(|out, state, value| {
        if value.is_safe() || value.is_undefined() || value.is_none() {
            return escape_formatter(out, state, &Value::from_safe_string(text_of(value)));
        }
        let encoded = crate::domain::text::percent_encoded(&text_of(value));
        escape_formatter(out, state, &Value::from_safe_string(encoded))
    });
    env
});

fn text_of(value: &Value) -> String {
    if value.is_none() { String::new() } else { value.to_string() }
}

/// One provider, with its secrets.
pub struct Gateway {
    config: Config,
    pattern: Option<Regex>,
    vars: BTreeMap<String, Secret>,
    out: Outgoing,
}

/// Recipes that need nothing but an address: they are channels as they are.
pub fn ready(out: &Outgoing, texts: &Texts) -> Result<Vec<(&'static str, Gateway)>> {
    let mut ready = Vec::new();
    for (name, _) in RECIPES {
        let config = recipe(name)?;
        if config.vars.is_empty() {
            ready.push((*name, Gateway::new(name, &config, out, texts)?));
        }
    }
    Ok(ready)
}

/// Is there a recipe of this name?
pub fn is_recipe(name: &str) -> bool {
    RECIPES.iter().any(|(known, _)| *known == name)
}

fn recipe(name: &str) -> Result<Config> {
    let found = RECIPES.iter().find(|(known, _)| *known == name);
    let Some((_, text)) = found else {
        let names: Vec<&str> = RECIPES.iter().map(|(name, _)| *name).collect();
        return Err(Error::invalid("recipe", format!("`{name}` is not known"))
            .hint(format!("There are {}.", names.join(", "))));
    };
    toml::from_str(text).map_err(Error::internal)
}

/// What stands in the file wins over the recipe.
fn merged(own: &Config) -> Result<Config> {
    let Some(name) = &own.recipe else { return Ok(own.clone()) };
    let mut base = recipe(name)?;
    if let Some(unknown) = own.vars.keys().find(|name| !base.vars.contains_key(*name)) {
        let names: Vec<&str> = base.vars.keys().map(String::as_str).collect();
        return Err(Error::invalid(&format!("vars.{unknown}"), "is no variable of this recipe")
            .hint(format!("It has {}.", names.join(", "))));
    }
    base.vars.extend(own.vars.clone());
    base.headers.extend(own.headers.clone());
    let other_body = own.json.is_some() || !own.form.is_empty() || own.text.is_some();
    let (json, form, text, mut limits) = if other_body {
        (own.json.clone(), own.form.clone(), own.text.clone(), BTreeMap::new())
    } else {
        (base.json, base.form, base.text, base.limits)
    };
    limits.extend(own.limits.clone());
    Ok(Config {
        recipe: None,
        address: own.address.clone().or(base.address),
        pattern: own.pattern.clone().or(base.pattern),
        url: own.url.clone().or(base.url),
        method: own.method.clone().or(base.method),
        headers: base.headers,
        basic: own.basic.clone().or(base.basic),
        json,
        form,
        text,
        limits,
        ok: if own.ok.is_empty() { base.ok } else { own.ok.clone() },
        vars: base.vars,
    })
}

impl Gateway {
    /// # Errors
    /// `Invalid`, naming the key of `[gateways.NAME]` that cannot be used.
    pub fn new(name: &str, own: &Config, out: &Outgoing, texts: &Texts) -> Result<Self> {
        let at = |key: &str| format!("gateways.{name}.{key}");
        let placed = |mut error: Error| {
            for field in &mut error.fields {
                field.field = at(&field.field);
            }
            error
        };
        let config = merged(own).map_err(placed)?;
        if config.url.is_none() {
            return Err(Error::invalid(&at("url"), "is missing")
                .hint("Name a recipe, or the address that is called."));
        }
        if let Some(unknown) = config.limits.keys().find(|place| !has_text(&config, place)) {
            return Err(Error::invalid(
                &at(&format!("limits.{unknown}")),
                "is no text of the body",
            ));
        }
        let mut vars = BTreeMap::new();
        for (var, value) in &config.vars {
            let key = at(&format!("vars.{var}"));
            let value = value.read().map_err(|error| Error::invalid(&key, error.detail))?;
            if value.expose().is_empty() {
                return Err(Error::invalid(&key, "is missing"));
            }
            vars.insert(var.clone(), value);
        }
        let pattern = config.pattern.as_deref().map(compile).transpose();
        let pattern = pattern.map_err(|why| Error::invalid(&at("pattern"), why))?;
        let gateway = Self { config, pattern, vars, out: out.clone() };
        // A page is no time to find out that a template is wrong.
        for message in [Message::sample(), Message::example(None, "https://oncall.example.com")] {
            let said = Said { message: &message, view: View::of(&message), texts };
            let what = gateway.context("", &said);
            gateway.render(&what).map_err(|(key, why)| Error::invalid(&at(key), why))?;
        }
        Ok(gateway)
    }

    fn context(&self, address: &str, said: &Said<'_>) -> Value {
        let mut what = match serde_json::to_value(&said.view) {
            Ok(Json::Object(view)) => view,
            _ => Map::new(),
        };
        let vars: Map<String, Json> =
            self.vars.iter().map(|(name, value)| (name.clone(), value.expose().into())).collect();
        what.insert("title".into(), said.title().into());
        what.insert("short".into(), said.texts.short(&said.view).into());
        what.insert("story".into(), said.below().into());
        // Last: the view's own text is what happened, this one is all that is said.
        what.insert("text".into(), said.text().into());
        what.insert("address".into(), address.trim().into());
        what.insert("vars".into(), vars.into());
        Value::from(Serde(&what))
    }

    /// All templates; on failure the key of the one that is wrong, and why.
    fn render(&self, what: &Value) -> Result<Request, (&'static str, String)> {
        let config = &self.config;
        let filling = Filling { what, limits: &config.limits };
        let line = |key: &'static str, env: &Environment<'_>, template: &str| {
            let rendered = env.render_str(template, what.clone());
            rendered.map_err(|error| (key, text::wrong(&error)))
        };
        let method = config.method.as_deref().unwrap_or("POST");
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
            .map_err(|_| ("method", "is no method of HTTP".to_owned()))?;
        let url = line("url", &URLS, config.url.as_deref().unwrap_or_default())?;
        let mut headers = Vec::new();
        for (name, value) in &config.headers {
            let wrong = || ("headers", format!("`{name}` is no header, or holds a line break"));
            let value = line("headers", &ENV, value)?;
            let value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            headers.push((name, value));
        }
        let basic = match &config.basic {
            Some([user, password]) => {
                Some((line("basic", &ENV, user)?, line("basic", &ENV, password)?))
            }
            None => None,
        };
        let body = match (&config.json, &config.text) {
            (Some(json), _) => {
                let json = serde_json::to_value(json).unwrap_or_default();
                let filled = filling.fill("", &json).map_err(|why| ("json", why))?;
                Body::Json(filled.unwrap_or_default())
            }
            (None, Some(text)) => {
                Body::Text(filling.text("text", text).map_err(|why| ("text", why))?)
            }
            (None, None) => {
                let mut form = Vec::new();
                for (name, value) in &config.form {
                    let value = filling.text(name, value).map_err(|why| ("form", why))?;
                    if !value.is_empty() {
                        form.push((name.clone(), value));
                    }
                }
                Body::Form(form)
            }
        };
        Ok(Request { method, url, headers, basic, body })
    }

    /// Where a message to `address` would go; of the rest of its request nothing is known.
    fn place(&self, address: &str) -> Option<String> {
        let vars: Value = self
            .vars
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect();
        let what = minijinja::context! { address => address.trim(), vars };
        URLS.render_str(self.config.url.as_deref()?, what).ok()
    }

    /// May the address decide which host is called? Then it may lead nowhere private.
    fn is_guarded(&self) -> bool {
        static OPERATORS: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"^(https?://[^{}/?#]+|\{\{\s*vars\.[a-z_]+(\|safe)?\s*\}\})(/|$)").ok()
        });
        let url = self.config.url.as_deref().unwrap_or_default();
        !OPERATORS.as_ref().is_some_and(|own| own.is_match(url))
    }

    fn request(&self, rendered: Request) -> Result<RequestBuilder, Failure> {
        let Request { method, url, headers, basic, body } = rendered;
        let mut request = if self.is_guarded() {
            self.out.request(method, &url)?
        } else {
            self.out.operators(method, &url)?
        };
        if let Some((user, password)) = basic {
            request = request.basic_auth(user, Some(password));
        }
        request = match body {
            Body::Json(json) => request.json(&json),
            Body::Form(form) => {
                let form = serde_html_form::to_string(form).unwrap_or_default();
                request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
            }
            Body::Text(text) => {
                request.header(CONTENT_TYPE, "text/plain; charset=utf-8").body(text)
            }
        };
        // Last, so that an operator's win.
        Ok(request.headers(headers.into_iter().collect()))
    }
}

struct Request {
    method: Method,
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    basic: Option<(String, String)>,
    body: Body,
}

enum Body {
    Json(Json),
    Form(Vec<(String, String)>),
    Text(String),
}

fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("is longer than {MAX_PATTERN} bytes"));
    }
    regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(MAX_PATTERN_SIZE)
        .build()
        .map_err(|_| "is no regular expression".into())
}

/// Is there a text at this place of the body?
fn has_text(config: &Config, place: &str) -> bool {
    match (&config.json, &config.text) {
        (Some(json), _) => {
            let pointer = format!("/{}", place.replace('.', "/"));
            let json = serde_json::to_value(json).unwrap_or_default();
            json.pointer(&pointer).is_some_and(Json::is_string)
        }
        (None, Some(_)) => place == "text",
        (None, None) => config.form.contains_key(place),
    }
}

/// What is put into a body, and how much its provider takes of each text in it.
struct Filling<'a> {
    what: &'a Value,
    limits: &'a BTreeMap<String, usize>,
}

impl Filling<'_> {
    /// A table with its templates rendered. What becomes nothing is left out; a text that is one
    /// expression becomes its value, be it a number, a list or a yes.
    fn fill(&self, path: &str, json: &Json) -> Result<Option<Json>, String> {
        let within = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        Ok(match json {
            Json::String(text) => self.leaf(path, text)?,
            Json::Array(items) => {
                let mut filled = Vec::new();
                for (n, item) in items.iter().enumerate() {
                    filled.extend(self.fill(&within(&n.to_string()), item)?);
                }
                (!filled.is_empty()).then_some(Json::Array(filled))
            }
            Json::Object(fields) => {
                if let Some(Json::String(when)) = fields.get(WHEN)
                    && self.leaf(WHEN, when)?.is_none_or(|value| value == Json::Bool(false))
                {
                    return Ok(None);
                }
                let mut filled = Map::new();
                for (name, field) in fields.iter().filter(|(name, _)| *name != WHEN) {
                    if let Some(field) = self.fill(&within(name), field)? {
                        filled.insert(name.clone(), field);
                    }
                }
                (!filled.is_empty()).then_some(Json::Object(filled))
            }
            other => Some(other.clone()),
        })
    }

    fn leaf(&self, path: &str, template: &str) -> Result<Option<Json>, String> {
        let wrong = |error: minijinja::Error| text::wrong(&error);
        let expression = template
            .strip_prefix("{{")
            .and_then(|rest| rest.strip_suffix("}}"))
            .filter(|inside| !inside.contains("{{") && !inside.contains("}}"));
        if let Some(expression) = expression {
            let value = ENV.compile_expression(expression).map_err(wrong)?;
            let value = value.eval(self.what.clone()).map_err(wrong)?;
            if value.is_undefined() || value.is_none() {
                return Ok(None);
            }
            if value.as_str().is_none() {
                return serde_json::to_value(&value).map(Some).map_err(|error| error.to_string());
            }
        }
        let text = self.text(path, template)?;
        Ok((!text.is_empty()).then(|| text.into()))
    }

    /// A text that fits. What is too long about it is the story, then the title, never a link.
    fn text(&self, path: &str, template: &str) -> Result<String, String> {
        let render = |what: Value| {
            let rendered = ENV.render_str(template, what).map_err(|error| text::wrong(&error))?;
            Ok::<_, String>(rendered.trim().to_owned())
        };
        let mut what = self.what.clone();
        let mut line = render(what.clone())?;
        let Some(max) = self.limits.get(path) else { return Ok(line) };
        for part in ["story", "text", "title"] {
            let over = units(&line).saturating_sub(*max);
            let whole = what.get_attr(part).unwrap_or_default();
            if let (1.., Some(whole)) = (over, whole.as_str()) {
                let shorter = first_units(whole, units(whole).saturating_sub(over + 1));
                let cut = if shorter.is_empty() { String::new() } else { format!("{shorter}…") };
                what = context! { ..Value::from(BTreeMap::from([(part, cut)])), ..what };
                line = render(what.clone())?;
            }
        }
        Ok(first_units(&line, *max).to_owned())
    }
}

/// As the strictest of the providers counts: in UTF-16.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn first_units(text: &str, max: usize) -> &str {
    let mut room = max;
    let end = text.char_indices().find(|(_, c)| {
        let full = c.len_utf16() > room;
        room = room.saturating_sub(c.len_utf16());
        full
    });
    end.map_or(text, |(end, _)| text[..end].trim_end())
}

impl Channel for Gateway {
    fn about(&self) -> (&str, bool) {
        let address = self.config.address.as_deref().unwrap_or("its operator says");
        // What is an address of the web is a capability too.
        (address, self.is_guarded())
    }

    fn check(&self, address: &str) -> Result<(), String> {
        let address = address.trim();
        if address.is_empty() {
            return Err("is missing".into());
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(address)) {
            return Err("does not look like an address of this channel".into());
        }
        if self.is_guarded() && address.starts_with("http") {
            self.out.check(address)?;
        }
        Ok(())
    }

    fn probe(&self) -> Sending<'_> {
        Box::pin(async {
            let own = self.place("").filter(|_| !self.is_guarded());
            let Some(host) = own.as_deref().and_then(host) else { return Ok(()) };
            // `HEAD /` asks for nothing, and any answer will do.
            self.out.send(self.out.operators(Method::HEAD, &host)?).await.map(drop)
        })
    }

    fn leads_to(&self, address: &str) -> Option<String> {
        self.place(address).filter(|_| self.is_guarded())
    }

    fn send<'a>(&'a self, address: &'a str, said: &'a Said<'a>) -> Sending<'a> {
        Box::pin(async move {
            self.check(address).map_err(|why| Failure::never(format!("Its address {why}.")))?;
            let rendered = self.render(&self.context(address, said));
            let rendered = rendered
                .map_err(|(key, why)| Failure::never(format!("Its `{key}` fails: {why}.")))?;
            let answer = self.out.send(self.request(rendered)?).await?;
            let ok = match self.config.ok.as_slice() {
                [] => (200..300).contains(&answer.status),
                some => some.contains(&answer.status),
            };
            answer.judged(ok)
        })
    }
}
