//! A stream that can be cut from inside, whatever its peer does, and that says goodbye to
//! websockets when the server goes.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::server::Conn;

type Cancelled = Pin<Box<WaitForCancellationFutureOwned>>;

/// A stream that ends when it is told to, even while its peer reads nothing.
pub struct Cuttable<S> {
    stream: S,
    conn: Conn,
    /// Cancelled when the stream is gone, so that others can tell.
    _gone: tokio_util::sync::DropGuard,
    // Each direction waits with its own waker.
    read_cut: Cancelled,
    write_cut: Cancelled,
    /// None once the goodbye was said.
    leave: Option<Cancelled>,
    /// Nothing was read yet.
    fresh: bool,
}

/// How a client that expects HTTP/2 begins (RFC 9113, section 3.4), and what is read instead: a
/// version that there is not is answered, this one the library would hang up on.
const HTTP2: &[u8] = b"PRI * HTTP/2";
const NO_HTTP: &[u8] = b"PRI * HTTP/9";

/// A client's close frame, "going away" (RFC 6455, sections 5.5.1 and 7.4.1), masked with zeros.
const GOODBYE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

impl<S> Cuttable<S> {
    pub fn new(stream: S, conn: Conn) -> Self {
        let wait = |token: &CancellationToken| Box::pin(token.clone().cancelled_owned());
        let (read_cut, write_cut) = (wait(&conn.cut), wait(&conn.cut));
        let leave = Some(wait(&conn.leave));
        let gone = conn.cut.clone().drop_guard();
        Self { stream, conn, _gone: gone, read_cut, write_cut, leave, fresh: true }
    }

    /// When the server goes, a websocket reads a close frame as if its peer had sent it. So the
    /// library answers with one and ends the session, without Engine.IO's close packet, which
    /// sends some clients away for good.
    fn goodbye(&mut self, cx: &mut Context<'_>) -> Option<[u8; 8]> {
        let leave = self.leave.as_mut()?;
        let leaving = self.conn.was_upgraded() && is_over(leave, cx);
        leaving.then(|| {
            self.leave = None;
            GOODBYE
        })
    }
}

fn is_over(token: &mut Cancelled, cx: &mut Context<'_>) -> bool {
    token.as_mut().poll(cx).is_ready()
}

fn aborted<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() {
            if std::mem::take(&mut self.fresh) && buf.filled().starts_with(HTTP2) {
                buf.filled_mut()[..HTTP2.len()].copy_from_slice(NO_HTTP);
            }
            return polled;
        }
        if is_over(&mut self.read_cut, cx) {
            return aborted();
        }
        match self.goodbye(cx) {
            Some(goodbye) if buf.remaining() >= goodbye.len() => {
                buf.put_slice(&goodbye);
                Poll::Ready(Ok(()))
            }
            _ => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, buf) {
            Poll::Pending if is_over(&mut self.write_cut, cx) => aborted(),
            polled => polled,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write_vectored(cx, bufs) {
            Poll::Pending if is_over(&mut self.write_cut, cx) => aborted(),
            polled => polled,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
