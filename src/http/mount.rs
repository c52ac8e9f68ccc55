//! From an operation of the contract to an axum route: permission, path, query, body, reply.
use std::future::Future;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Shared, auth, body, reply};
use crate::api::openapi::Operation;
use crate::api::{Access, Method, PREFIX, Route, Segments};
use crate::app::{Caller, Need, RequestKey};
use crate::error::{Error, Result};
use crate::secret::hash;

/// A call of an operation, taken apart.
pub struct Call<P, Q, B> {
    pub caller: Caller,
    pub path: P,
    pub query: Q,
    pub body: B,
}

/// The routes as they are mounted, with what each needs: tests and the OpenAPI document walk them.
#[derive(Default)]
pub struct Mounted {
    pub router: Router<Shared>,
    pub operations: Vec<Operation>,
}

/// Longest `Idempotency-Key`.
const MAX_KEY: usize = 255;

impl Mounted {
    /// Serves `route` by `handler`, for callers who prove who they are.
    #[must_use]
    pub fn mount<P, Q, B, R, F, H>(self, route: &Route<P, Q, B, R>, handler: H) -> Self
    where
        P: Segments + Send + 'static,
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        B: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize + JsonSchema + 'static,
        F: Future<Output = Result<R>> + Send + 'static,
        H: Fn(Shared, Call<P, Q, B>) -> F + Clone + Send + Sync + 'static,
    {
        let access = route.access;
        let serve = move |State(shared): State<Shared>, params: RawPathParams, request: Request| {
            let handler = handler.clone();
            async move {
                let answer = async {
                    let call = take_apart(&shared, access, &params, request).await?;
                    handler(shared, call).await
                };
                match answer.await {
                    Ok(answer) => reply::json(StatusCode::OK, &answer),
                    Err(error) => error.into_response(),
                }
            }
        };
        self.serve(route.operation(), serve)
    }

    /// Serves `route` by a handler that finds out itself who calls, or answers with more than JSON.
    #[must_use]
    pub fn mount_open<P, Q, B, R, H, T>(self, route: &Route<P, Q, B, R>, handler: H) -> Self
    where
        P: Segments,
        Q: JsonSchema,
        B: DeserializeOwned + JsonSchema + 'static,
        R: JsonSchema,
        H: Handler<T, Shared>,
        T: 'static,
    {
        self.serve(route.operation(), handler)
    }

    fn serve<H: Handler<T, Shared>, T: 'static>(mut self, of: Operation, handler: H) -> Self {
        let filter = match of.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Patch => MethodFilter::PATCH,
            Method::Delete => MethodFilter::DELETE,
        };
        self.router = self.router.route(&format!("{PREFIX}{}", of.path), on(filter, handler));
        self.operations.push(of);
        self
    }
}

async fn take_apart<P, Q, B>(
    shared: &Shared,
    access: Access,
    params: &RawPathParams,
    request: Request,
) -> Result<Call<P, Q, B>>
where
    P: Segments,
    Q: DeserializeOwned,
    B: DeserializeOwned,
{
    let (parts, stream) = request.into_parts();
    let mut caller = auth::caller(shared, &parts.method, &parts.headers, &parts.extensions).await?;
    match access {
        Access::Anyone => {}
        Access::Read => caller.must_have(Need::Read)?,
        Access::Respond => caller.must_have(Need::Respond)?,
        Access::Manage => caller.must_have(Need::Manage)?,
        Access::Platform => caller.must_be_platform_admin()?,
    }
    let values: Vec<&str> = params.iter().map(|(_, value)| value).collect();
    let path = P::read(&values).ok_or_else(|| Error::not_found("This address"))?;
    let query = query(parts.uri.query())?;
    let limits = &shared.config().limits;
    let bytes = body::read(&parts.headers, stream, limits.api_body, limits).await?;
    caller.request = request_key(&parts.headers, parts.uri.path(), &bytes)?;
    let body = body::parse(&parts.headers, &bytes)?;
    Ok(Call { caller, path, query, body })
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
    if key.is_empty() || key.len() > MAX_KEY {
        let why = format!("needs 1 to {MAX_KEY} visible ASCII characters");
        return Err(Error::invalid("Idempotency-Key", why));
    }
    Ok(Some(key.to_owned()))
}

fn request_key(headers: &HeaderMap, path: &str, body: &[u8]) -> Result<Option<RequestKey>> {
    let request = || hash(&[path.as_bytes(), b"\n", body].concat());
    Ok(idempotency_key(headers)?.map(|key| RequestKey { key, request: request() }))
}

/// Reads a body for a route that is open to anyone.
///
/// # Errors
/// As `body::read` and `body::parse`.
pub async fn open_body<B: DeserializeOwned>(
    shared: &Shared,
    headers: &HeaderMap,
    stream: Body,
) -> Result<B> {
    let limits = &shared.config().limits;
    let bytes = body::read(headers, stream, limits.api_body, limits).await?;
    body::parse(headers, &bytes)
}

/// Adds a cookie to an answer.
#[must_use]
pub fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = cookie.parse() {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
