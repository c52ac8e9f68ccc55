//! Operations on people: sessions, users, tokens.
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::mount::{Mounted, open_body, with_cookie};
use super::{Shared, auth, origin, reply};
use crate::api::{Nothing, Page, sessions, tokens, users};
use crate::error::Error;
use crate::secret::Secret;

/// The typed operations.
#[must_use]
pub fn operations(mounted: Mounted) -> Mounted {
    let done = |()| Nothing {};
    mounted
        // These set cookies.
        .mount_open(&sessions::LOG_IN, log_in)
        .mount_open(&sessions::LOG_OUT, log_out)
        .mount(&sessions::ME, |s, c| async move { s.app.me(&c.caller).await })
        .mount(&users::USERS, |s, c| async move { s.app.users(&c.caller).await.map(Page::whole) })
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
        .mount(
            &tokens::TOKENS,
            |s, c| async move { s.app.tokens(&c.caller).await.map(Page::whole) },
        )
        .mount(
            &tokens::CREATE_TOKEN,
            |s, c| async move { s.app.create_token(&c.caller, c.body).await },
        )
        .mount(&tokens::REVOKE_TOKEN, move |s, c| async move {
            s.app.revoke_token(&c.caller, c.path).await.map(done)
        })
}

async fn log_in(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let opened = async {
        // Nobody's page logs its visitors in here, or tries passwords with their browsers.
        origin::check_page(&shared.config(), &parts.headers)?;
        let login: sessions::Login = open_body(&shared, &parts.headers, body).await?;
        shared.app.log_in(login.username, Secret::new(login.password)).await
    };
    match opened.await {
        Err(error) => error.into_response(),
        Ok(opened) => {
            let Some(user) = opened.caller.user() else {
                return Error::unauthenticated().into_response();
            };
            let session = sessions::Session {
                token: opened.secret.expose().to_owned(),
                user: user.clone(),
                expires_at: opened.caller.expires_at,
            };
            let cookie = auth::set_cookie(&shared, opened.secret.expose());
            with_cookie(reply::json(StatusCode::OK, &session), &cookie)
        }
    }
}

async fn log_out(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let ended = async {
        let caller =
            auth::caller(&shared, &parts.method, &parts.headers, &parts.extensions).await?;
        shared.app.log_out(&caller).await
    };
    match ended.await {
        Err(error) => error.into_response(),
        Ok(()) => {
            let gone = auth::set_cookie(&shared, "");
            with_cookie(reply::json(StatusCode::OK, &Nothing {}), &gone)
        }
    }
}
