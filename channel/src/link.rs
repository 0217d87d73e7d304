//! The carrier of a channel's streams: packets of QUIC, or buffers in memory.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use protocol::error::Bug;
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf};

use crate::error::{Close, TransportError};
use crate::{memory, quic};

/// Carrier of the streams.
#[derive(Debug, Clone)]
pub(crate) enum Link {
    Quic(quic::QuicLink),
    Memory(memory::MemoryLink),
}

impl Link {
    pub(crate) async fn open_bulk(&self) -> Result<SendHalf, TransportError> {
        match self {
            Self::Quic(link) => link.open_bulk().await.map(SendHalf::Quic),
            Self::Memory(link) => link.open_bulk().await,
        }
    }

    pub(crate) fn close(&self, why: Close) {
        match self {
            Self::Quic(link) => link.close(why),
            Self::Memory(link) => link.close(why),
        }
    }

    /// Resolves with the reason once the connection has ended.
    pub(crate) fn closed(&self) -> impl Future<Output = TransportError> + Send + use<> {
        let link = self.clone();
        async move {
            match link {
                Self::Quic(link) => link.closed().await,
                Self::Memory(link) => link.closed().await,
            }
        }
    }

    pub(crate) fn close_reason(&self) -> Option<TransportError> {
        match self {
            Self::Quic(link) => link.close_reason(),
            Self::Memory(link) => link.close_reason(),
        }
    }

    /// Waits a little, so that a close reaches the peer.
    pub(crate) async fn drain(&self) {
        if let Self::Quic(link) = self {
            link.drain().await;
        }
    }
}

/// Sending end of one stream.
#[derive(Debug)]
pub(crate) enum SendHalf {
    Quic(quinn::SendStream),
    Memory(DuplexStream, memory::MemoryLink),
}

impl SendHalf {
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        match self {
            Self::Quic(stream) => stream.write_all(bytes).await.map_err(quic::write_error),
            Self::Memory(stream, link) => stream.write_all(bytes).await.map_err(|_| link.ended()),
        }
    }

    /// Ends the stream, and waits until the peer has all of it.
    pub(crate) async fn finish(&mut self) -> Result<(), TransportError> {
        match self {
            Self::Quic(stream) => quic::finish(stream).await,
            Self::Memory(stream, link) => stream.shutdown().await.map_err(|_| link.ended()),
        }
    }
}

/// Receiving end of one stream.
#[derive(Debug)]
pub(crate) enum ReceiveHalf {
    Quic(quinn::RecvStream),
    Memory(DuplexStream, memory::MemoryLink),
}

impl AsyncRead for ReceiveHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Quic(half) => half.poll_read_buf(cx, into).map_err(io::Error::other),
            Self::Memory(half, link) => {
                let before = into.filled().len();
                let ended = |_| io::Error::other(link.ended());
                ready!(Pin::new(half).poll_read(cx, into)).map_err(ended)?;
                match link.close_reason() {
                    Some(reason) if into.filled().len() == before => {
                        Poll::Ready(Err(io::Error::other(reason)))
                    }
                    _ => Poll::Ready(Ok(())),
                }
            }
        }
    }
}

/// Reason why a [`ReceiveHalf`] can no longer be read.
pub(crate) fn read_error(error: io::Error, stream: u8, index: u32) -> TransportError {
    error
        .downcast::<quinn::ReadError>()
        .map(|error| quic::read_error(error, stream, index))
        .or_else(io::Error::downcast::<TransportError>)
        .unwrap_or(TransportError::Bug(Bug::invariant()))
}
