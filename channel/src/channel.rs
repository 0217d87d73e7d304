//! Channels: control messages and bulk frames between two authenticated nodes.
//!
//! A [`Channel`] carries one bidirectional control stream, opened by the advertiser, and one
//! unidirectional stream per bulk stream, opened by its sender, which starts with `u8 stream ‖ sid`
//! [W-02]. Bytes become frames here and nowhere else: each header is checked before its payload is
//! allocated [W-04], and a stream that the session does not accept is not read, so that QUIC flow
//! control holds its sender back. What a frame means is the session's business.
//!
//! [`quic`] is the network; [`memory`] is its twin for tests, with the same framing code.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use protocol::codec::{RawFrame, StreamId};
use protocol::transcript::Role;
use session::VerifiedPeer;
use tokio::sync::mpsc;

use crate::error::{Close, TransportError, Wait};
use crate::frames::{self, Counters, FrameReader, Opening, PREFIX_LEN};
use crate::link::{Link, ReceiveHalf, SendHalf};
use crate::sender::{FrameSender, control_stream};

/// Figures of the path, for the log and the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathFigures {
    /// Round-trip time.
    pub rtt: Duration,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets lost among those sent.
    pub packets_lost: u64,
    /// Number of times that the congestion controller backed off.
    pub congestion_events: u64,
    /// Bytes of the largest packet the path carries.
    pub mtu: u16,
}

/// A connection with an authenticated peer, as streams of bounded frames.
///
/// Dropping it closes the connection with [`Close::Dropped`].
pub struct Channel {
    role: Role,
    peer: VerifiedPeer,
    link: Link,
    control: FrameReader,
    /// Streams that the peer opened, in the order of opening.
    arrivals: mpsc::Receiver<ReceiveHalf>,
    openings: Vec<Opening>,
    bulk: Vec<FrameReader>,
    seen: Vec<StreamId>,
    sender: FrameSender,
    failures: mpsc::UnboundedReceiver<TransportError>,
    closed: Closed,
    ended: Option<TransportError>,
    close_deadline: Duration,
}

impl Channel {
    /// Sends a frame: queues it for the writer of its stream, and waits while 64 are queued.
    ///
    /// Cancel-safe: a call that is dropped has queued the whole frame or nothing. A driver that
    /// waits here without calling [`Self::next`] can block a peer that does the same; it sends
    /// through a [`FrameSender`] instead, or asks [`FrameSender::room`] first.
    ///
    /// # Errors
    ///
    /// The end of the connection; what the peer said before can still be read with [`Self::next`].
    pub async fn send(&mut self, frame: RawFrame) -> Result<(), TransportError> {
        self.sender.send(frame).await
    }

    /// The sending half, to wait for room and for frames at the same time.
    #[must_use]
    pub fn sender(&self) -> FrameSender {
        self.sender.clone()
    }

    /// Gives the next frame: control first, then the bulk streams that `accepts` allows now.
    ///
    /// Cancel-safe: a frame that has begun to arrive is kept. At most one frame a stream is held
    /// here; the rest waits in the windows of QUIC, and with it the peer. A bulk stream that stays
    /// unread can use up the window of the whole connection: control that its sender wrote
    /// *later* then comes only once some of it is read.
    ///
    /// # Errors
    ///
    /// [`TransportError::Malformed`] is the peer's fault; every error is final and comes again.
    pub async fn next(
        &mut self,
        accepts: impl Fn(StreamId) -> bool,
    ) -> Result<RawFrame, TransportError> {
        poll_fn(|cx| self.poll_next(cx, &accepts)).await
    }

    /// Names the session, once its id is known; bulk streams are neither opened nor read before.
    ///
    /// A second id is ignored: a channel serves one session.
    pub fn set_sid(&mut self, sid: [u8; 32]) {
        let _ = self.sender.0.sid.set(sid);
    }

    /// Raises the windows after signed terms, out of the pool of this node (R9).
    ///
    /// Returns the bytes that may now be in flight each way, `None` if the pool has nothing to
    /// spare. They go back when the channel ends.
    pub fn grant(&mut self) -> Option<u64> {
        match &mut self.link {
            Link::Quic(link) => link.grant(),
            Link::Memory(_) => None,
        }
    }

    /// Ends a complete session so that no last byte is lost.
    ///
    /// The advertiser receives the last message of every session, so it closes; the provider sees
    /// everything delivered and waits for that close.
    ///
    /// # Errors
    ///
    /// [`TransportError::Deadline`] or a loss on the provider instead of the advertiser's close:
    /// the session is complete here, but the advertiser may not know it.
    pub async fn finish(mut self) -> Result<(), TransportError> {
        if self.role == Role::Advertiser {
            self.link.close(Close::Done);
            self.link.drain().await;
            return Ok(());
        }
        let delivered = self.sender.finish_control();
        let wait = async {
            delivered.await;
            poll_fn(|cx| self.closed.poll(cx)).await
        };
        match tokio::time::timeout(self.close_deadline, wait).await {
            Ok(TransportError::Closed(Close::Done)) => Ok(()),
            Ok(other) => Err(other),
            Err(_) => Err(TransportError::Deadline(Wait::Close)),
        }
    }

    /// Ends a failed session after a queued ABORT or REFUSE has reached the peer.
    ///
    /// Waits at most two seconds for that; a peer that does not read is left behind.
    pub async fn close_with_reason(self, why: Close) {
        let _ = tokio::time::timeout(ERROR_DELIVERY, self.sender.finish_control()).await;
        self.link.close(why);
        self.link.drain().await;
    }

    /// The fact that the peer holds a pinned key, with the binding of this connection.
    pub const fn peer(&self) -> &VerifiedPeer {
        &self.peer
    }

    /// The party that this node is on this channel.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Bytes of frames and stream prefixes written and read so far.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        let counters = &self.sender.0.counters;
        (counters.sent.load(Ordering::Relaxed), counters.received.load(Ordering::Relaxed))
    }

    /// Figures of the path; none in memory.
    #[must_use]
    pub fn path(&self) -> Option<PathFigures> {
        match &self.link {
            Link::Quic(link) => Some(link.path()),
            Link::Memory(_) => None,
        }
    }

    /// Joins the parts of a channel whose peer is verified.
    pub(crate) fn assemble(parts: Parts) -> Self {
        let Parts { role, peer, link, control, arrivals, close_deadline } = parts;
        let counters = Arc::new(Counters::default());
        let (failure, failures) = mpsc::unbounded_channel();
        let closed = Closed::Waiting(Box::pin(link.closed()));
        let sender =
            FrameSender::new(role, link.clone(), control.0, Arc::clone(&counters), failure);
        let from_peer = control_stream(role.peer());
        Self {
            role,
            peer,
            link,
            control: FrameReader::new(control.1, from_peer, counters),
            arrivals,
            openings: Vec::new(),
            bulk: Vec::new(),
            seen: Vec::new(),
            sender,
            failures,
            closed,
            ended: None,
            close_deadline,
        }
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        accepts: &dyn Fn(StreamId) -> bool,
    ) -> Poll<Result<RawFrame, TransportError>> {
        if let Some(error) = &self.ended {
            return Poll::Ready(Err(error.clone()));
        }
        let polled = self.poll_streams(cx, accepts);
        if let Poll::Ready(Err(error)) = &polled {
            self.ended = Some(error.clone());
        }
        polled
    }

    fn poll_streams(
        &mut self,
        cx: &mut Context<'_>,
        accepts: &dyn Fn(StreamId) -> bool,
    ) -> Poll<Result<RawFrame, TransportError>> {
        match self.control.poll_frame(cx)? {
            Poll::Ready(Some(frame)) => return Poll::Ready(Ok(frame)),
            // The peer has said its last word; why, its close will tell.
            Poll::Ready(None) => {
                if let Poll::Ready(error) = self.closed.poll(cx) {
                    return Poll::Ready(Err(error));
                }
            }
            Poll::Pending => {}
        }
        self.poll_arrivals(cx)?;
        for reader in &mut self.bulk {
            if !accepts(reader.stream()) && !reader.is_complete() {
                continue;
            }
            match reader.poll_frame(cx)? {
                Poll::Ready(Some(frame)) => return Poll::Ready(Ok(frame)),
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
        match self.failures.poll_recv(cx) {
            Poll::Ready(Some(error)) => Poll::Ready(Err(error)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Learns which stream each new QUIC stream is.
    fn poll_arrivals(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        let Some(sid) = self.sender.0.sid.get().copied() else {
            return Ok(());
        };
        while let Poll::Ready(Some(half)) = self.arrivals.poll_recv(cx) {
            self.openings.push(Opening::new(half));
        }
        let mut still_opening = Vec::new();
        for mut opening in self.openings.drain(..) {
            match opening.poll_name(cx)? {
                Poll::Pending => still_opening.push(opening),
                Poll::Ready(name) => {
                    let counters = &self.sender.0.counters;
                    counters.received.fetch_add(PREFIX_LEN as u64, Ordering::Relaxed);
                    let stream = frames::named_stream(&name, self.role, &sid)?;
                    // [N24, M24] A stream of another session, or a second one of the same name.
                    if self.seen.contains(&stream) {
                        return Err(frames::unexpected(stream.code()));
                    }
                    self.seen.push(stream);
                    self.bulk.push(opening.into_reader(stream, Arc::clone(counters)));
                }
            }
        }
        self.openings = still_opening;
        Ok(())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the exporter nor a half-read payload.
        write!(f, "Channel({}, {:?})", self.role.name(), self.link)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // The connection closes before the writers end, or a stream cut short would look finished.
        self.link.close(Close::Dropped);
        self.sender.0.abandon();
    }
}

/// Parts of a channel whose peer is verified.
pub(crate) struct Parts {
    pub(crate) role: Role,
    pub(crate) peer: VerifiedPeer,
    pub(crate) link: Link,
    pub(crate) control: (SendHalf, ReceiveHalf),
    pub(crate) arrivals: mpsc::Receiver<ReceiveHalf>,
    pub(crate) close_deadline: Duration,
}

/// The end of the connection, asked for by several calls, and the same each time.
enum Closed {
    Waiting(Pin<Box<dyn Future<Output = TransportError> + Send>>),
    Known(TransportError),
}

impl Closed {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<TransportError> {
        if let Self::Waiting(end) = self {
            *self = Self::Known(ready!(end.as_mut().poll(cx)));
        }
        match self {
            Self::Waiting(_) => Poll::Pending,
            Self::Known(error) => Poll::Ready(error.clone()),
        }
    }
}

/// Longest wait for the peer to receive an ABORT or REFUSE.
const ERROR_DELIVERY: Duration = Duration::from_secs(2);
