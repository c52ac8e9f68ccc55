//! Operations on how people are told.
use super::Shared;
use super::mount::Mounted;
use crate::api::words::{ChannelKind, KINDS, Kinds, RENDER, Render, Rendered, TemplateName};
use crate::app::Caller;
use crate::error::{Error, Result};
use crate::notify::{Message, Template};

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    mounted
        .mount(&KINDS, |s, _| async move { Ok(kinds(&s)) })
        .mount(&RENDER, |s, c| async move { render(&s, &c.caller, c.body).await })
}

fn kinds(shared: &Shared) -> Kinds {
    let kind = |about: crate::notify::About| ChannelKind {
        channel: about.channel,
        address: about.address,
        secret: about.secret,
    };
    Kinds {
        items: shared.notifier.channels().into_iter().map(kind).collect(),
        push_key: shared.notifier.push_key(),
    }
}

async fn render(shared: &Shared, caller: &Caller, asked: Render) -> Result<Rendered> {
    let template = match (asked.name, asked.template) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid("template", "stands beside a name; give one of them"));
        }
        (_, Some(template)) => Template::Other(template),
        (name, None) => match name.unwrap_or_default() {
            TemplateName::Title => Template::Title,
            TemplateName::Text => Template::Text,
            TemplateName::Short => Template::Short,
            TemplateName::Html => Template::Html,
        },
    };
    let incident = match asked.incident {
        Some(id) => Some(shared.app.incident(caller, id).await?),
        None => None,
    };
    let message = Message::example(incident, shared.app.public_url());
    let text = shared.notifier.render(&template, &message)?;
    Ok(Rendered { text })
}
