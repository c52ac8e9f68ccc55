//! From an operation of the contract to an axum route: permission, path, query, body, reply.
use std::future::{Future, ready};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Shared, auth, body, origin, reply};
use crate::api::openapi::Operation;
use crate::api::{Access, Method, Open, PREFIX, Route, Segments};
use crate::app::{Caller, Need, RequestKey, Visitor};
use crate::error::{Error, Result};
use crate::secret::hash;

/// A call of an operation, taken apart.
pub struct Call<P, Q, B> {
    pub caller: Caller,
    pub visitor: Visitor,
    pub path: P,
    pub query: Q,
    pub body: B,
}

/// A call of an operation that is open to anyone.
pub struct OpenCall<B> {
    pub visitor: Visitor,
    pub body: B,
}

/// What an operation answers; logging in and out comes with a cookie.
pub struct Answer<R> {
    pub reply: R,
    pub cookie: Option<String>,
}

impl<R> From<R> for Answer<R> {
    fn from(reply: R) -> Self {
        Self { reply, cookie: None }
    }
}

/// The routes as they are mounted, with what each needs: tests and the OpenAPI document walk them.
#[derive(Default)]
pub struct Mounted {
    pub router: Router<Shared>,
    pub operations: Vec<Operation>,
}

/// One type for all operations, whatever they take and answer: what is the same for all of them is
/// compiled once.
type Handler<T> = Arc<dyn Fn(Shared, T) -> BoxFuture<'static, Result<Response>> + Send + Sync>;

/// Longest `Idempotency-Key`.
const MAX_KEY: usize = 255;

impl Mounted {
    /// Serves `route` by `handler`, for callers who prove who they are.
    #[must_use]
    pub fn mount<P, Q, B, R, A, F, H>(self, route: &Route<P, Q, B, R>, handler: H) -> Self
    where
        P: Segments + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize + JsonSchema + 'static,
        A: Into<Answer<R>>,
        F: Future<Output = Result<A>> + Send + 'static,
        H: Fn(Shared, Call<P, Q, B>) -> F + Clone + Send + Sync + 'static,
    {
        self.mount_any(route, move |shared, call| {
            let answer = handler(shared, call);
            async move { Ok(respond(answer.await?.into())) }
        })
    }

    /// As `mount`, for what answers with something else than JSON.
    #[must_use]
    pub fn mount_any<P, Q, B, R, F, H>(self, route: &Route<P, Q, B, R>, handler: H) -> Self
    where
        P: Segments + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        R: JsonSchema + 'static,
        F: Future<Output = Result<Response>> + Send + 'static,
        H: Fn(Shared, Call<P, Q, B>) -> F + Clone + Send + Sync + 'static,
    {
        let serve = move |shared, taken: Taken| match taken.parse() {
            Ok(call) => handler(shared, call).boxed(),
            Err(error) => ready(Err(error)).boxed(),
        };
        self.serve(route.operation(), admitted(route.access, Arc::new(serve)))
    }

    /// Serves `route` by `handler`, for anyone but the pages of others: none of them logs its
    /// visitors in here, or tries passwords with their browsers.
    #[must_use]
    pub fn open<B, R, A, F, H>(self, route: &Open<B, R>, handler: H) -> Self
    where
        B: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize + JsonSchema + 'static,
        A: Into<Answer<R>>,
        F: Future<Output = Result<A>> + Send + 'static,
        H: Fn(Shared, OpenCall<B>) -> F + Clone + Send + Sync + 'static,
    {
        let serve = move |shared: Shared, (_, request): (RawPathParams, Request)| {
            let handler = handler.clone();
            let answer = async move {
                let (parts, stream) = request.into_parts();
                let config = shared.config();
                origin::check_page(&config, &parts.headers)?;
                let (limit, limits) = (config.limits.api_body, &config.limits);
                let bytes = body::read(&parts.headers, stream, limit, limits).await?;
                let body = body::parse(&parts.headers, &bytes)?;
                let mut visitor = auth::visitor(&parts);
                visitor.request = request_key(&parts.headers, parts.uri.path(), &bytes)?;
                Ok(respond(handler(shared, OpenCall { visitor, body }).await?.into()))
            };
            answer.boxed()
        };
        self.serve(route.operation(), Arc::new(serve))
    }

    fn serve(mut self, of: Operation, handler: Handler<(RawPathParams, Request)>) -> Self {
        let filter = match of.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        let serve = move |State(shared): State<Shared>, params: RawPathParams, request: Request| {
            let answer = handler(shared, (params, request));
            answer.map(|answer| answer.unwrap_or_else(IntoResponse::into_response))
        };
        self.router = self.router.route(&format!("{PREFIX}{}", of.path), on(filter, serve));
        self.operations.push(of);
        self
    }
}

fn respond<R: Serialize>(Answer { reply, cookie }: Answer<R>) -> Response {
    let mut response = reply::json(StatusCode::OK, &reply);
    if let Some(cookie) = cookie.and_then(|cookie| cookie.parse().ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A request of somebody who may try it, before it is known what for.
struct Taken {
    caller: Caller,
    visitor: Visitor,
    params: RawPathParams,
    parts: Parts,
    body: Bytes,
}

impl Taken {
    fn parse<P, Q, B>(self) -> Result<Call<P, Q, B>>
    where
        P: Segments,
        Q: DeserializeOwned,
        B: DeserializeOwned,
    {
        let Self { caller, visitor, params, parts, body } = self;
        let values: Vec<&str> = params.iter().map(|(_, value)| value).collect();
        let path = P::read(&values).ok_or_else(|| Error::not_found("This address"))?;
        let query = query(parts.uri.query())?;
        let body = body::parse(&parts.headers, &body)?;
        Ok(Call { caller, visitor, path, query, body })
    }
}

/// Lets only those through to `handler` who may try.
fn admitted(access: Access, handler: Handler<Taken>) -> Handler<(RawPathParams, Request)> {
    Arc::new(move |shared, (params, request)| {
        let handler = handler.clone();
        let answer = async move {
            let taken = take(&shared, access, params, request).await?;
            handler(shared, taken).await
        };
        answer.boxed()
    })
}

async fn take(
    shared: &Shared,
    access: Access,
    params: RawPathParams,
    request: Request,
) -> Result<Taken> {
    let (parts, stream) = request.into_parts();
    let visitor = auth::visitor(&parts);
    let mut caller = auth::caller(shared, &visitor, &parts).await?;
    match access {
        Access::Anyone | Access::Read => caller.must_have(Need::Read)?,
        Access::Respond => caller.must_have(Need::Respond)?,
        Access::Manage => caller.must_have(Need::Manage)?,
        Access::Platform => caller.must_be_platform_admin()?,
    }
    let limits = &shared.config().limits;
    let body = body::read(&parts.headers, stream, limits.api_body, limits).await?;
    caller.request = request_key(&parts.headers, parts.uri.path(), &body)?;
    Ok(Taken { caller, visitor, params, parts, body })
}

/// # Errors
/// `Invalid` naming the parameter.
pub fn query<Q: DeserializeOwned>(query: Option<&str>) -> Result<Q> {
    let pairs = serde_html_form::Deserializer::from_bytes(query.unwrap_or_default().as_bytes());
    serde_path_to_error::deserialize(pairs).map_err(|error| body::misfit(error, "query"))
}

/// # Errors
/// `Invalid` for a key that is empty, too long or not printable.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_empty() || key.len() > MAX_KEY || !visible {
        let why = format!("needs 1 to {MAX_KEY} visible ASCII characters");
        return Err(Error::invalid("Idempotency-Key", why));
    }
    Ok(Some(key.to_owned()))
}

fn request_key(headers: &HeaderMap, path: &str, body: &[u8]) -> Result<Option<RequestKey>> {
    Ok(idempotency_key(headers)?.map(|key| {
        let request = hash(&[key.as_bytes(), b"\n", path.as_bytes(), b"\n", body].concat());
        RequestKey { key, request }
    }))
}
