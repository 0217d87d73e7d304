//! Channels: control messages and bulk frames between two authenticated nodes.
//!
//! A [`Channel`] carries one bidirectional control stream, opened by the advertiser, and one
//! unidirectional stream per bulk stream, opened by its sender, which starts with `u8 stream ‖ sid`
//! [W-02]. Bytes become frames here and nowhere else: each header is checked before its payload is
//! allocated [W-04], and a stream that the session does not accept is not read, so that QUIC flow
//! control holds its sender back. What a frame means is the session's business.
//!
//! [`quic`] is the network; [`memory`] is its twin for tests, with the same framing code.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::{Bug, Violation};
use protocol::limits::FRAMES_IN_FLIGHT_MAX;
use protocol::transcript::Role;
use session::VerifiedPeer;
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::identity::Check;
use crate::{memory, quic};

/// Why a channel did not come about or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nobody answered at the address.
    #[error("no connection to {address}: {why}")]
    Unreachable {
        /// The address as configured.
        address: String,
        /// What is known of the cause.
        why: Unreachable,
    },
    /// A check of the handshake failed.
    #[error("{by} refused the connection: {check}")]
    Refused {
        /// Which side checked.
        by: Side,
        /// What failed.
        check: Check,
    },
    /// The connection ended without a word.
    #[error("the connection was lost: {0}")]
    Lost(Loss),
    /// The peer closed the connection.
    #[error("the peer closed the connection: {0}")]
    Closed(Close),
    /// The peer broke a rule of the wire format.
    #[error("the peer broke the protocol: {violation} (stream {stream}, frame {index})")]
    Malformed {
        /// The rule.
        violation: Violation,
        /// Number of the stream; 0 when it is not known.
        stream: u8,
        /// Frames read from it before.
        index: u32,
    },
    /// The peer did not do in time what it had to.
    #[error("the peer took too long: {0}")]
    Deadline(Wait),
    /// This machine or its configuration is in the way.
    #[error("cannot {action}: {why}")]
    Local {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        why: String,
    },
    /// The channel was used wrongly.
    #[error("defect in Veilmatch: {0}")]
    Bug(Bug),
}

impl TransportError {
    /// The session's error for this one, if the wire has a code for it.
    ///
    /// Losses, deadlines and local problems have none; the session simply ends.
    #[must_use]
    pub fn session_error(&self) -> Option<protocol::error::Error> {
        use protocol::error::{Error, Incompatibility};
        match self {
            Self::Malformed { violation, stream, index } => {
                Some(Error::peer(*violation, *stream, *index))
            }
            Self::Refused { check, .. } if check.is_incompatibility() => {
                Some(Error::PeerIncompatible(Incompatibility::ChannelPolicy))
            }
            Self::Bug(bug) => Some(Error::Bug(*bug)),
            _ => None,
        }
    }

    /// Whether the peer had no place for a connection that had begun nothing yet.
    #[must_use]
    pub const fn is_overload(&self) -> bool {
        use Close::{Overloaded, ShuttingDown, TooManyConnections};
        matches!(self, Self::Closed(Overloaded | TooManyConnections | ShuttingDown))
    }

    /// Whether the same connection may succeed later with nobody changing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { why, .. } => !matches!(why, Unreachable::Address),
            Self::Lost(_) | Self::Deadline(_) => true,
            Self::Closed(why) => !matches!(why, Close::Unpinned),
            Self::Refused { .. } | Self::Malformed { .. } | Self::Local { .. } | Self::Bug(_) => {
                false
            }
        }
    }
}

/// Why nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The text is not `host:port`.
    #[error("the address is not of the form host:port")]
    Address,
    /// The name has no address.
    #[error("the name does not resolve")]
    Name,
    /// Packets went out, none came back.
    #[error("no answer; a firewall may block UDP on this path")]
    NoAnswer,
}

/// Which side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This node.
    Us,
    /// The other node.
    Peer,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "this node",
            Self::Peer => "the peer",
        })
    }
}

/// How a connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// Nothing arrived for the idle timeout.
    #[error("nothing arrived for the idle timeout")]
    Idle,
    /// The peer's host no longer knows the connection; it was restarted.
    #[error("the peer was restarted")]
    Restarted,
    /// A QUIC error with this code.
    #[error("QUIC error 0x{0:x}")]
    Quic(u64),
}

/// Why a peer closed a connection, as an application code of QUIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Close {
    /// It went away without a reason: its process ended, or its session was dropped.
    #[error("its program ended")]
    Dropped,
    /// The session is complete.
    #[error("the session is complete")]
    Done,
    /// It ended the session with an error, sent before.
    #[error("it ended the session with an error")]
    Error,
    /// It has as many connections with us as it allows.
    #[error("too many connections of this identity")]
    TooManyConnections,
    /// It is being stopped, by its operator.
    #[error("its operator is stopping it")]
    ShuttingDown,
    /// It no longer pins our key.
    #[error("it no longer pins this identity")]
    Unpinned,
    /// It has too many handshakes in progress.
    #[error("it is overloaded")]
    Overloaded,
    /// Another code.
    #[error("code {0}")]
    Other(u32),
}

impl Close {
    /// The reason with this application code.
    #[must_use]
    pub fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Dropped,
            1 => Self::Done,
            2 => Self::Error,
            3 => Self::TooManyConnections,
            4 => Self::ShuttingDown,
            5 => Self::Unpinned,
            6 => Self::Overloaded,
            other => Self::Other(u32::try_from(other).unwrap_or(u32::MAX)),
        }
    }

    /// The application code.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Dropped => 0,
            Self::Done => 1,
            Self::Error => 2,
            Self::TooManyConnections => 3,
            Self::ShuttingDown => 4,
            Self::Unpinned => 5,
            Self::Overloaded => 6,
            Self::Other(code) => code,
        }
    }
}

/// What was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wait {
    /// The handshake and the first stream.
    #[error("to complete the handshake")]
    Handshake,
    /// The close after the last message.
    #[error("to close the connection")]
    Close,
}

/// Figures of the path, for the log and the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathFigures {
    /// Round-trip time.
    pub rtt: Duration,
    /// Packets sent.
    pub packets_sent: u64,
    /// Of these, packets lost.
    pub packets_lost: u64,
    /// How often the congestion controller backed off.
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
    /// How the connection ended; what the peer said before can still be read with [`Self::next`].
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
    /// On the provider, [`TransportError::Deadline`] or a loss instead of the advertiser's close:
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

    /// Which party this node is on this channel.
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
            if !accepts(reader.stream) && !reader.complete {
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
            self.openings.push(Opening { half, prefix: [0; PREFIX_LEN], filled: 0 });
        }
        let mut still_opening = Vec::new();
        for mut opening in self.openings.drain(..) {
            match opening.poll_prefix(cx) {
                Poll::Pending => still_opening.push(opening),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(())) => {
                    let counters = &self.sender.0.counters;
                    counters.received.fetch_add(PREFIX_LEN as u64, Ordering::Relaxed);
                    let stream = opening.stream(self.role, &sid)?;
                    // [N24, M24] A stream of another session, or a second one of the same name.
                    if self.seen.contains(&stream) {
                        return Err(unexpected(stream.code()));
                    }
                    self.seen.push(stream);
                    self.bulk.push(FrameReader::new(opening.half, stream, Arc::clone(counters)));
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

/// The sending half of a channel; clones feed the same streams.
#[derive(Debug, Clone)]
pub struct FrameSender(Arc<Outgoing>);

impl FrameSender {
    /// Sends a frame, as [`Channel::send`] does.
    ///
    /// # Errors
    ///
    /// As [`Channel::send`].
    pub async fn send(&self, frame: RawFrame) -> Result<(), TransportError> {
        if let Some(ended) = self.0.link.close_reason() {
            return Err(ended);
        }
        let stream = frame.header.stream;
        let queue = self.0.queue(stream)?;
        let permit = queue.reserve().await.map_err(|_| self.0.failure())?;
        if frame.header.is_last() {
            self.0.end(stream);
        }
        permit.send(frame);
        Ok(())
    }

    /// How many more frames of a stream can be queued without waiting.
    #[must_use]
    pub fn room(&self, stream: StreamId) -> usize {
        match self.0.streams().get(&stream) {
            None => QUEUE_FRAMES,
            Some(Outlet { queue: Some(queue), .. }) => queue.capacity(),
            Some(Outlet { queue: None, .. }) => 0,
        }
    }

    fn new(
        role: Role,
        link: Link,
        control: SendHalf,
        counters: Arc<Counters>,
        failures: mpsc::UnboundedSender<TransportError>,
    ) -> Self {
        let outgoing = Arc::new(Outgoing {
            role,
            link,
            counters,
            failures,
            sid: OnceLock::new(),
            failed: OnceLock::new(),
            streams: Mutex::new(BTreeMap::new()),
        });
        let writer = Writer { half: Some(control), prefix: None };
        let outlet = outgoing.spawn(writer);
        outgoing.streams().insert(control_stream(role), outlet);
        Self(outgoing)
    }

    /// Lets the control stream end after what is queued; resolves when the peer has all of it.
    fn finish_control(&self) -> impl Future<Output = ()> + use<> {
        let task = self.0.streams().get_mut(&control_stream(self.0.role)).and_then(|outlet| {
            outlet.queue = None;
            outlet.task.take()
        });
        async move {
            if let Some(task) = task {
                let _ = task.await;
            }
        }
    }
}

/// What both halves of a channel and its writers share.
#[derive(Debug)]
struct Outgoing {
    role: Role,
    link: Link,
    counters: Arc<Counters>,
    failures: mpsc::UnboundedSender<TransportError>,
    sid: OnceLock<[u8; 32]>,
    failed: OnceLock<TransportError>,
    streams: Mutex<BTreeMap<StreamId, Outlet>>,
}

/// The queue of one stream; gone once its last frame is queued.
#[derive(Debug)]
struct Outlet {
    queue: Option<mpsc::Sender<RawFrame>>,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Outgoing {
    /// The queue of a stream of ours, opened at its first frame.
    fn queue(self: &Arc<Self>, stream: StreamId) -> Result<mpsc::Sender<RawFrame>, TransportError> {
        let ours = stream.from_advertiser() == (self.role == Role::Advertiser);
        let misuse = TransportError::Bug(Bug::misuse());
        let mut streams = self.streams();
        if let Some(outlet) = streams.get(&stream) {
            return outlet.queue.clone().ok_or(misuse);
        }
        let (true, Some(sid)) = (ours, self.sid.get()) else {
            return Err(misuse);
        };
        let mut prefix = [stream.code(); PREFIX_LEN];
        if let Some(rest) = prefix.last_chunk_mut::<32>() {
            *rest = *sid;
        }
        let outlet = self.spawn(Writer { half: None, prefix: Some(prefix) });
        let queue = outlet.queue.clone().ok_or(misuse)?;
        streams.insert(stream, outlet);
        Ok(queue)
    }

    fn spawn(self: &Arc<Self>, writer: Writer) -> Outlet {
        let (queue, frames) = mpsc::channel(QUEUE_FRAMES);
        let link = self.link.clone();
        let counters = Arc::clone(&self.counters);
        // A writer holds no reference to the channel: the queue's end is how it learns of its end.
        let outgoing = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            let result = writer.run(&link, frames, &counters).await;
            if let (Err(error), Some(outgoing)) = (result, outgoing.upgrade()) {
                let _ = outgoing.failed.set(error.clone());
                let _ = outgoing.failures.send(error);
            }
        });
        Outlet { queue: Some(queue), task: Some(task) }
    }

    fn end(&self, stream: StreamId) {
        if let Some(outlet) = self.streams().get_mut(&stream) {
            outlet.queue = None;
        }
    }

    /// Why writers stopped.
    fn failure(&self) -> TransportError {
        self.failed
            .get()
            .cloned()
            .or_else(|| self.link.close_reason())
            .unwrap_or(TransportError::Closed(Close::Dropped))
    }

    fn abandon(&self) {
        for outlet in self.streams().values_mut() {
            outlet.queue = None;
            if let Some(task) = outlet.task.take() {
                task.abort();
            }
        }
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<StreamId, Outlet>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the frames of one stream.
struct Writer {
    /// The stream, if it is open already.
    half: Option<SendHalf>,
    prefix: Option<[u8; PREFIX_LEN]>,
}

impl Writer {
    async fn run(
        self,
        link: &Link,
        mut frames: mpsc::Receiver<RawFrame>,
        counters: &Counters,
    ) -> Result<(), TransportError> {
        let mut half = match self.half {
            Some(half) => half,
            None => link.open_bulk().await?,
        };
        if let Some(prefix) = self.prefix {
            half.write(&prefix).await?;
            counters.sent.fetch_add(prefix.len() as u64, Ordering::Relaxed);
        }
        while let Some(RawFrame { header, payload }) = frames.recv().await {
            let encoded = header.encode();
            if payload.len() <= JOINED_BYTES {
                let joined: Vec<u8> = encoded.iter().chain(payload.iter()).copied().collect();
                half.write(&joined).await?;
            } else {
                half.write(&encoded).await?;
                half.write(&payload).await?;
            }
            counters.sent.fetch_add((encoded.len() + payload.len()) as u64, Ordering::Relaxed);
            if header.is_last() {
                break;
            }
        }
        half.finish().await
    }
}

/// A stream of the peer whose name is still on its way.
struct Opening {
    half: ReceiveHalf,
    prefix: [u8; PREFIX_LEN],
    filled: usize,
}

impl Opening {
    fn poll_prefix(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while let Some(rest) = self.prefix.get_mut(self.filled..).filter(|rest| !rest.is_empty()) {
            match ready!(self.half.poll_read(cx, rest, 0, 0))? {
                0 => return Poll::Ready(Err(unexpected(0))),
                read => self.filled += read,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The stream that the prefix names, if the peer may open it in this session.
    fn stream(&self, role: Role, sid: &[u8; 32]) -> Result<StreamId, TransportError> {
        let [code, named @ ..] = &self.prefix;
        let stream = StreamId::from_code(*code)
            .filter(|stream| !stream.is_control())
            .filter(|stream| stream.from_advertiser() == (role == Role::Provider));
        match stream {
            Some(stream) if named == sid => Ok(stream),
            _ => Err(unexpected(*code)),
        }
    }
}

/// Reads the frames of one stream, holding at most one.
struct FrameReader {
    half: ReceiveHalf,
    stream: StreamId,
    counters: Arc<Counters>,
    header: [u8; FrameHeader::LEN],
    body: Option<(FrameHeader, Arc<[u8]>)>,
    /// Bytes of the header, or of the body once there is one.
    filled: usize,
    frames: u32,
    /// The frame flagged last has been read; only the end of the stream may follow.
    complete: bool,
    /// The end of the stream has been read.
    at_end: bool,
}

impl FrameReader {
    fn new(half: ReceiveHalf, stream: StreamId, counters: Arc<Counters>) -> Self {
        Self {
            half,
            stream,
            counters,
            header: [0; FrameHeader::LEN],
            body: None,
            filled: 0,
            frames: 0,
            complete: false,
            at_end: false,
        }
    }

    /// The next frame, or `None` at the end of the stream.
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<RawFrame>, TransportError>> {
        if self.at_end {
            return Poll::Ready(Ok(None));
        }
        if self.body.is_none() && !ready!(self.poll_header(cx))? {
            self.at_end = true;
            return Poll::Ready(Ok(None));
        }
        ready!(self.poll_body(cx))?;
        let Some((header, payload)) = self.body.take() else {
            return Poll::Ready(Err(TransportError::Bug(Bug::invariant())));
        };
        self.filled = 0;
        self.complete = header.is_last();
        let frame =
            RawFrame::new(header, payload).map_err(|violation| self.malformed(violation))?;
        self.frames = self.frames.saturating_add(1);
        Poll::Ready(Ok(Some(frame)))
    }

    /// Reads and checks a header, then allocates what it announced; false at the end.
    fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, TransportError>> {
        let (code, index) = (self.stream.code(), self.frames);
        while let Some(rest) = self.header.get_mut(self.filled..).filter(|rest| !rest.is_empty()) {
            let read = ready!(self.half.poll_read(cx, rest, code, index))?;
            match (read, self.filled) {
                (0, 0) if self.complete || self.stream.is_control() => {
                    return Poll::Ready(Ok(false));
                }
                (0, 0) => return Poll::Ready(Err(self.malformed(Violation::CountMismatch))),
                (0, _) => return Poll::Ready(Err(self.malformed(Violation::FrameMalformed))),
                _ if self.complete => {
                    return Poll::Ready(Err(self.malformed(Violation::FrameMalformed)));
                }
                _ => self.filled += read,
            }
        }
        // [G07, G08] Nothing is allocated for a length that the limits do not allow.
        let header = FrameHeader::parse(&self.header).map_err(|why| self.malformed(why))?;
        if header.stream != self.stream {
            return Poll::Ready(Err(self.malformed(Violation::FrameMalformed)));
        }
        let len = usize::try_from(header.payload_len)
            .map_err(|_| self.malformed(Violation::FrameTooLarge))?;
        self.body = Some((header, std::iter::repeat_n(0, len).collect()));
        self.filled = 0;
        self.counters.received.fetch_add(FrameHeader::LEN as u64, Ordering::Relaxed);
        Poll::Ready(Ok(true))
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let (code, index) = (self.stream.code(), self.frames);
        // Nobody else has the payload before it is complete.
        let payload = self.body.as_mut().and_then(|(_, payload)| Arc::get_mut(payload));
        let Some(payload) = payload else {
            return Poll::Ready(Err(TransportError::Bug(Bug::invariant())));
        };
        while let Some(rest) = payload.get_mut(self.filled..).filter(|rest| !rest.is_empty()) {
            match ready!(self.half.poll_read(cx, rest, code, index))? {
                0 => {
                    return Poll::Ready(Err(TransportError::Malformed {
                        violation: Violation::FrameMalformed,
                        stream: code,
                        index,
                    }));
                }
                read => {
                    self.filled += read;
                    self.counters.received.fetch_add(read as u64, Ordering::Relaxed);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn malformed(&self, violation: Violation) -> TransportError {
        TransportError::Malformed { violation, stream: self.stream.code(), index: self.frames }
    }
}

/// What a channel is made of.
pub(crate) struct Parts {
    pub(crate) role: Role,
    pub(crate) peer: VerifiedPeer,
    pub(crate) link: Link,
    pub(crate) control: (SendHalf, ReceiveHalf),
    pub(crate) arrivals: mpsc::Receiver<ReceiveHalf>,
    pub(crate) close_deadline: Duration,
}

/// What carries the streams.
#[derive(Debug, Clone)]
pub(crate) enum Link {
    Quic(quic::QuicLink),
    Memory(memory::MemoryLink),
}

impl Link {
    async fn open_bulk(&self) -> Result<SendHalf, TransportError> {
        match self {
            Self::Quic(link) => link.open_bulk().await.map(SendHalf::Quic),
            Self::Memory(link) => link.open_bulk().await,
        }
    }

    fn close(&self, why: Close) {
        match self {
            Self::Quic(link) => link.close(why),
            Self::Memory(link) => link.close(why),
        }
    }

    /// Resolves with the reason once the connection has ended.
    fn closed(&self) -> impl Future<Output = TransportError> + Send + use<> {
        let link = self.clone();
        async move {
            match link {
                Self::Quic(link) => link.closed().await,
                Self::Memory(link) => link.closed().await,
            }
        }
    }

    fn close_reason(&self) -> Option<TransportError> {
        match self {
            Self::Quic(link) => link.close_reason(),
            Self::Memory(link) => link.close_reason(),
        }
    }

    /// Waits a little, so that a close reaches the peer.
    async fn drain(&self) {
        if let Self::Quic(link) = self {
            link.drain().await;
        }
    }
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

/// Sending end of one stream.
#[derive(Debug)]
pub(crate) enum SendHalf {
    Quic(quinn::SendStream),
    Memory(DuplexStream, memory::MemoryLink),
}

impl SendHalf {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        match self {
            Self::Quic(stream) => stream.write_all(bytes).await.map_err(quic::write_error),
            Self::Memory(stream, link) => stream.write_all(bytes).await.map_err(|_| link.ended()),
        }
    }

    /// Ends the stream, and waits until the peer has all of it.
    async fn finish(&mut self) -> Result<(), TransportError> {
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

impl ReceiveHalf {
    /// Reads some bytes; 0 at the end of the stream.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut [u8],
        stream: u8,
        index: u32,
    ) -> Poll<Result<usize, TransportError>> {
        match self {
            Self::Quic(half) => {
                half.poll_read(cx, into).map_err(|error| quic::read_error(error, stream, index))
            }
            Self::Memory(half, link) => {
                let mut into = ReadBuf::new(into);
                ready!(Pin::new(half).poll_read(cx, &mut into)).map_err(|_| link.ended())?;
                match (into.filled().len(), link.close_reason()) {
                    (0, Some(reason)) => Poll::Ready(Err(reason)),
                    (read, _) => Poll::Ready(Ok(read)),
                }
            }
        }
    }
}

const fn control_stream(of: Role) -> StreamId {
    match of {
        Role::Advertiser => StreamId::ControlAdvertiser,
        Role::Provider => StreamId::ControlProvider,
    }
}

const fn unexpected(stream: u8) -> TransportError {
    TransportError::Malformed { violation: Violation::UnexpectedMessage, stream, index: 0 }
}

/// Bytes before the first frame of a bulk stream: its number and the sid.
const PREFIX_LEN: usize = 33;
/// Frames that wait for a writer, a stream.
const QUEUE_FRAMES: usize = FRAMES_IN_FLIGHT_MAX as usize;
/// Payloads up to here go out in one write with their header.
const JOINED_BYTES: usize = 4_096;
/// Longest wait for the peer to receive an ABORT or REFUSE.
const ERROR_DELIVERY: Duration = Duration::from_secs(2);
