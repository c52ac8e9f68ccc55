//! Operations on people: sessions, links, users, tokens.
use super::mount::{Answer, Mounted};
use super::reply::part;
use super::{Shared, auth};
use crate::api::{Nothing, sessions, tokens, users};
use crate::app::Opened;
use crate::domain::contact::EMAIL;
use crate::domain::delivery::{DeliveryKind, Message};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    sessions_and_links(mounted)
        .mount(&sessions::ME, |s, c| async move { s.app.me(&c.caller).await })
        .mount(&users::USERS, |s, c| async move { part(s.app.users(&c.caller).await?, &c.query) })
        .mount(
            &users::CREATE_USER,
            |s, c| async move { s.app.create_user(&c.caller, c.body).await },
        )
        .mount(&users::DISABLE_USER, move |s, c| async move {
            s.app.disable_user(&c.caller, c.path).await.map(done)
        })
        .mount(&users::SET_PASSWORD, move |s, c| async move {
            let password = Secret::new(c.body.password);
            s.app.set_password(&c.caller, c.path, password).await.map(done)
        })
        .mount(&users::USER, |s, c| async move { s.app.user(&c.caller, c.path).await })
        .mount(&users::CHANGE_USER, |s, c| async move {
            s.app.change_user(&c.caller, c.path, c.body).await
        })
        .mount(
            &users::ENABLE_USER,
            |s, c| async move { s.app.enable_user(&c.caller, c.path).await },
        )
        .mount(
            &tokens::TOKENS,
            |s, c| async move { part(s.app.tokens(&c.caller).await?, &c.query) },
        )
        .mount(
            &tokens::CREATE_TOKEN,
            |s, c| async move { s.app.create_token(&c.caller, c.body).await },
        )
        .mount(&tokens::REVOKE_TOKEN, move |s, c| async move {
            s.app.revoke_token(&c.caller, c.path).await.map(done)
        })
}

fn sessions_and_links(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        .open(&sessions::LOG_IN, |s, c| async move {
            let password = Secret::new(c.body.password);
            let found = s.app.log_in(&c.visitor, c.body.username, password).await;
            if found.as_ref().is_err_and(|error| error.kind == Kind::Unauthenticated) {
                s.metrics.logins_failed.inc();
            }
            opened(&s, &found?)
        })
        .mount(&sessions::LOG_OUT, |s, c| async move {
            s.app.log_out(&c.caller).await?;
            Ok(Answer { reply: Nothing {}, cookie: Some(auth::set_cookie(&s, "")) })
        })
        .mount(&sessions::CHANGE_PASSWORD, move |s, c| async move {
            let (current, new) = (Secret::new(c.body.current), Secret::new(c.body.password));
            s.app.change_password(&c.caller, &c.visitor, current, new).await.map(done)
        })
        .mount(&sessions::SESSIONS, |s, c| async move {
            part(s.app.sessions(&c.caller, None).await?, &c.query)
        })
        .mount(&sessions::SESSIONS_OF, |s, c| async move {
            part(s.app.sessions(&c.caller, Some(c.path)).await?, &c.query)
        })
        .mount(&sessions::END_SESSION, move |s, c| async move {
            s.app.end_session(&c.caller, c.path).await.map(done)
        })
        .mount(&sessions::END_OTHER_SESSIONS, |s, c| async move {
            s.app.end_sessions(&c.caller, None).await
        })
        .mount(&sessions::END_SESSIONS_OF, |s, c| async move {
            s.app.end_sessions(&c.caller, Some(c.path)).await
        })
        .mount(&sessions::CREATE_SETUP_LINK, |s, c| async move {
            s.app.make_setup_link(&c.caller).await
        })
        .mount(&sessions::CREATE_LINK, |s, c| async move {
            let link = s.app.make_link(&c.caller, c.path.clone()).await?;
            let user = s.app.user(&c.caller, c.path).await?;
            let mailed = mail(&s, &link, user).await;
            Ok(sessions::Link { mailed, ..link })
        })
        .open(&sessions::LOOK_AT_LINK, |s, c| async move {
            s.app.look_at_link(&c.visitor, &Secret::new(c.body.secret)).await
        })
        .open(&sessions::SET_UP, |s, c| async move {
            opened(&s, &s.app.set_up(&c.visitor, c.body).await?)
        })
        .open(&sessions::WELCOME, |s, c| async move {
            opened(&s, &s.app.welcome(&c.visitor, c.body).await?)
        })
}

/// Sends a link to whom it is for, at once and not by the queue, which would keep its secret.
async fn mail(
    shared: &Shared,
    link: &sessions::Link,
    user: users::User,
) -> Option<sessions::Mailed> {
    let to = user.email.filter(|_| shared.notifier.names().iter().any(|name| name == EMAIL))?;
    let message = Message {
        id: format!("link-{}-{}", user.id, link.expires_at.as_millisecond()),
        kind: DeliveryKind::Notice,
        incidents: Vec::new(),
        text: format!(
            "This link sets the password of your account {}, once, within 72 hours.",
            user.username
        ),
        to: user.name,
        ack_url: None,
        resolve_url: None,
        url: link.url.clone(),
    };
    let failure = shared.notifier.send(EMAIL, &to, &message).await.err();
    Some(sessions::Mailed { to, failure: failure.map(|failure| failure.why().to_owned()) })
}

/// A session that was just opened, with its cookie.
fn opened(shared: &Shared, opened: &Opened) -> Result<Answer<sessions::Session>> {
    let user = opened.caller.user().ok_or_else(Error::unauthenticated)?.clone();
    let (token, expires_at) = (opened.secret.expose().to_owned(), opened.caller.expires_at);
    let cookie = Some(auth::set_cookie(shared, &token));
    Ok(Answer { reply: sessions::Session { token, user, expires_at }, cookie })
}
