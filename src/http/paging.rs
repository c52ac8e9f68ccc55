//! Operations on who is told, when and by what.
use std::collections::BTreeMap;

use serde_json::json;

use super::Shared;
use super::mount::Mounted;
use super::reply::part;
use crate::api::configuration::Document;
use crate::api::deliveries::DELIVERY;
use crate::api::{Nothing, Page, channels, contacts, policies, webhooks};
use crate::app::WebhookRow;
use crate::domain::user::check_slug;
use crate::error::{Error, FieldError, Kind, Result};
use crate::notify::http::Answer;
use crate::notify::{Notifier, sign};

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    of_webhooks(of_channels(of_people(of_policies(mounted))))
}

/// What the channels of this moment say of an address: the rules' room does not know them.
fn checker(shared: &Shared) -> impl Fn(&str, &str) -> Result<()> + Send + use<> {
    let notifier = shared.notifier.clone();
    move |channel, address| notifier.check_address(channel, address)
}

fn of_policies(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(&policies::POLICIES, |s, c| async move { s.app.policies(&c.caller, c.query).await })
        .mount(&policies::CREATE_POLICY, |s, c| async move {
            s.app.create_policy(&c.caller, c.body).await
        })
        .mount(&policies::POLICY, |s, c| async move { s.app.policy(&c.caller, c.path).await })
        .mount(&policies::CHANGE_POLICY, |s, c| async move {
            s.app.change_policy(&c.caller, c.path, c.body).await
        })
        .mount(&policies::REMOVE_POLICY, move |s, c| async move {
            s.app.remove_policy(&c.caller, c.path).await.map(done)
        })
}

fn of_people(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(&contacts::CONTACTS, |s, c| async move {
            part(s.app.contacts(&c.caller, c.path).await?, &c.query)
        })
        .mount(&contacts::CREATE_CONTACT, |s, c| async move {
            let check = checker(&s);
            s.app.create_contact(&c.caller, c.path, c.body, check).await
        })
        .mount(&contacts::CHANGE_CONTACT, |s, c| async move {
            let (user, name) = c.path;
            let check = checker(&s);
            s.app.change_contact(&c.caller, user, name, c.body, check).await
        })
        .mount(&contacts::REMOVE_CONTACT, move |s, c| async move {
            let (user, name) = c.path;
            s.app.remove_contact(&c.caller, user, name).await.map(done)
        })
        .mount(&contacts::SEND_CODE, |s, c| async move {
            let (user, name) = c.path;
            s.app.send_code(&c.caller, user, name).await
        })
        .mount(&contacts::VERIFY_CONTACT, |s, c| async move {
            let (user, name) = c.path;
            s.app.verify_contact(&c.caller, user, name, c.body.code).await
        })
        .mount(&contacts::TEST, |s, c| async move {
            s.app.test_contacts(&c.caller, c.path, c.body).await.map(Page::whole)
        })
        .mount(&DELIVERY, |s, c| async move { s.app.delivery(&c.caller, c.path).await })
        .mount(&contacts::RULES, |s, c| async move { s.app.rules(&c.caller, c.path).await })
        .mount(&contacts::SET_RULES, |s, c| async move {
            s.app.set_rules(&c.caller, c.path, c.body).await
        })
}

fn of_channels(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(&channels::CHANNELS, |s, c| async move { s.app.channels(&c.caller, c.query).await })
        .mount(&channels::CREATE_CHANNEL, |s, c| async move {
            let check = checker(&s);
            s.app.create_channel(&c.caller, c.body, check).await
        })
        .mount(&channels::CHANNEL, |s, c| async move { s.app.channel(&c.caller, c.path).await })
        .mount(&channels::CHANGE_CHANNEL, |s, c| async move {
            let check = checker(&s);
            s.app.change_channel(&c.caller, c.path, c.body, check).await
        })
        .mount(&channels::TEST_CHANNEL, |s, c| async move {
            s.app.test_channel(&c.caller, c.path).await
        })
        .mount(&channels::REMOVE_CHANNEL, move |s, c| async move {
            s.app.remove_channel(&c.caller, c.path).await.map(done)
        })
}

fn of_webhooks(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .mount(&webhooks::WEBHOOKS, |s, c| async move { s.app.webhooks(&c.caller, c.query).await })
        .mount(&webhooks::CREATE_WEBHOOK, |s, c| async move {
            let checked = s.notifier.outgoing().check(&c.body.url);
            checked.map_err(|why| Error::invalid("url", why.trim_start_matches("address ")))?;
            s.app.create_webhook(&c.caller, c.body).await
        })
        .mount(&webhooks::WEBHOOK, |s, c| async move { s.app.webhook(&c.caller, c.path).await })
        .mount(&webhooks::ENABLE_WEBHOOK, |s, c| async move {
            s.app.enable_webhook(&c.caller, c.path, c.body).await
        })
        .mount(&webhooks::DISABLE_WEBHOOK, |s, c| async move {
            s.app.disable_webhook(&c.caller, c.path).await
        })
        .mount(&webhooks::TEST_WEBHOOK, |s, c| async move {
            let hook = s.app.webhook_to_test(&c.caller, c.path).await?;
            s.app.do_once(&c.caller, async { Ok(test_webhook(&s, &hook).await) }).await
        })
        .mount(&webhooks::ROTATE_SECRET, |s, c| async move {
            s.app.rotate_secret(&c.caller, c.path).await
        })
        .mount(&webhooks::REMOVE_WEBHOOK, move |s, c| async move {
            s.app.remove_webhook(&c.caller, c.path).await.map(done)
        })
}

async fn test_webhook(shared: &Shared, hook: &WebhookRow) -> webhooks::WebhookTest {
    let (at, out) = (shared.app.now(), shared.notifier.outgoing());
    let body = json!({"type": "webhook:test", "at": at, "team": hook.team}).to_string();
    let id = format!("test_{}_{}", hook.id, at.as_millisecond());
    let sent = sign::post(&out, &hook.url, &hook.secret, &id, at, body.as_bytes()).await;
    let failed = sent.and_then(Answer::taken).err();
    let error = failed.map(|failure| failure.why().to_owned());
    webhooks::WebhookTest { taken: error.is_none(), error }
}

/// What this server's channels say of the addresses in a document: a wrong one is refused, and a
/// channel that no server has; that one is not set up yet is a warning, as a configuration grows
/// step by step.
///
/// # Errors
/// `Invalid`, naming each channel and address that is wrong.
pub fn check_addresses(shared: &Shared, document: &Document) -> Result<Vec<String>> {
    let notifier = &shared.notifier;
    let (mut wrong, mut unready) = (Vec::new(), BTreeMap::<&str, (String, usize)>::new());
    for (at, channel, address) in document.addresses() {
        let place = at.strip_suffix("address").map(|entry| format!("{entry}channel"));
        if let Err(error) = notifier.check_channel(channel) {
            let (why, hint) = said(error);
            let at = place.unwrap_or(at);
            if Notifier::is_kind(channel) {
                let warning = format!(
                    "{at}: `{channel}` is not set up on this server: nothing is sent by it, other \
                     contacts ring instead. {hint}"
                );
                unready.entry(channel).or_insert((warning, 0)).1 += 1;
            } else if check_slug(channel).is_ok() {
                wrong.push(FieldError { field: at, message: format!("{why}. {hint}") });
            }
            // What is not even a name is refused with all else that is wrong by itself.
        } else if let Some(Err(error)) = address.map(|to| notifier.check_address(channel, to)) {
            wrong.push(FieldError { field: at, message: said(error).0 });
        }
    }
    let Some(first) = wrong.first() else {
        let counted = unready.into_values().map(|(warning, count)| match count {
            1 => warning,
            2 => format!("{warning} So it is at one other place."),
            _ => format!("{warning} So it is at {} other places.", count - 1),
        });
        return Ok(counted.collect());
    };
    let mut error = Error::new(Kind::Invalid, format!("{}: {}", first.field, first.message))
        .hint("Nothing was changed.");
    error.fields = wrong;
    Err(error)
}

/// What is wrong with the field that an error names, and its hint.
fn said(mut error: Error) -> (String, String) {
    let hint = error.hint.take().unwrap_or_default();
    (error.fields.pop().map_or(error.detail, |field| field.message), hint)
}
