//! How long a connection may keep us waiting, at the cost of two stores per request.

use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::Clock;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For a request to begin, or for an answer to be taken.
    Idle,
    /// For the rest of a head.
    Head,
    /// For us.
    Ours,
}

/// What one connection waits for, and since when. Written by the connection, read by whoever watches it now and then:
/// no timer is set and cleared for each request.
#[derive(Debug)]
pub struct Patience {
    clock: Clock,
    /// Milliseconds of the clock times four, plus the kind.
    state: AtomicU64,
}

impl Patience {
    /// A connection that has just begun: some clients open one before they need it.
    pub fn new(clock: Clock) -> Self {
        let patience = Self { clock, state: AtomicU64::new(0) };
        patience.wait(Wait::Idle);
        patience
    }

    /// From now on this is waited for.
    pub fn wait(&self, wait: Wait) {
        let millis = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.state.store((millis << 2) | wait as u64, Ordering::Relaxed);
    }

    /// What is waited for, and since when.
    pub fn state(&self) -> (Wait, Duration) {
        let state = self.state.load(Ordering::Relaxed);
        let wait = match state & 3 {
            0 => Wait::Idle,
            1 => Wait::Head,
            _ => Wait::Ours,
        };
        (wait, Duration::from_millis(state >> 2))
    }

    /// Octets came in: a head has begun if none had.
    fn came_in(&self) {
        if self.state.load(Ordering::Relaxed) & 3 == Wait::Idle as u64 {
            self.wait(Wait::Head);
        }
    }
}

/// A stream that tells its [`Patience`] when something comes in.
#[derive(Debug)]
pub struct Patient<T> {
    stream: T,
    patience: Arc<Patience>,
}

impl<T> Patient<T> {
    /// Watches over the reading of `stream`.
    pub fn new(stream: T, patience: Arc<Patience>) -> Self {
        Self { stream, patience }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.patience.came_in();
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
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
