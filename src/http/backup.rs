//! Sends a backup piece by piece, however large it is.
use std::io::{self, Read};

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;

use crate::api::backup::MEDIA_TYPE;
use crate::app::backup::Copy;

const PIECE: usize = 256 * 1024;

/// The answer of `GET /backup`.
pub fn answer(copy: Copy) -> Response {
    let headers = [
        (header::CONTENT_TYPE, MEDIA_TYPE.to_owned()),
        (header::CONTENT_LENGTH, copy.bytes.to_string()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"incidentd.db\"".to_owned()),
    ];
    let pieces = stream::try_unfold(copy, |copy| async move {
        tokio::task::spawn_blocking(move || next(copy)).await.map_err(io::Error::other)?
    });
    (headers, Body::from_stream(pieces)).into_response()
}

fn next(mut copy: Copy) -> io::Result<Option<(Bytes, Copy)>> {
    let mut piece = vec![0; PIECE];
    let read = copy.file.read(&mut piece)?;
    piece.truncate(read);
    Ok((read > 0).then(|| (piece.into(), copy)))
}
