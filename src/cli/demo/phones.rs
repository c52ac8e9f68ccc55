//! The phones of the demo's people: they take every message, so that none leaves this host.
use std::convert::Infallible;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::error::{Error, Result};

/// Where ntfy is in `company.toml`.
pub const NTFY: &str = "https://ntfy.example.com";

/// Answers in ntfy's place from now on; returns its address.
///
/// # Errors
/// `Internal` where no port is free.
pub async fn lie_there() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::internal)?;
    let addr = listener.local_addr().map_err(Error::internal)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(take);
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(format!("http://{addr}"))
}

async fn take(request: Request<Incoming>) -> std::result::Result<Response<String>, Infallible> {
    // Who sends may close before he has sent it all.
    let _ = request.into_body().collect().await;
    Ok(Response::new("{}".into()))
}
