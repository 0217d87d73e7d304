//! The sending half of a channel: a queue and a writer for each stream.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use protocol::codec::{RawFrame, StreamId};
use protocol::error::Bug;
use protocol::limits::FRAMES_IN_FLIGHT_MAX;
use protocol::transcript::Role;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::{Close, TransportError};
use crate::frames::{Counters, PREFIX_LEN};
use crate::held;
use crate::link::{Link, SendHalf};

/// The sending half of a channel; clones feed the same streams.
#[derive(Debug, Clone)]
pub struct FrameSender(pub(crate) Arc<Outgoing>);

impl FrameSender {
    /// Sends a frame, as [`Channel::send`](crate::Channel::send) does.
    ///
    /// # Errors
    ///
    /// The same as of [`Channel::send`](crate::Channel::send).
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

    /// Number of frames of a stream that can be queued without waiting.
    #[must_use]
    pub fn room(&self, stream: StreamId) -> usize {
        match self.0.streams().get(&stream) {
            None => QUEUE_FRAMES,
            Some(Outlet { queue: Some(queue), .. }) => queue.capacity(),
            Some(Outlet { queue: None, .. }) => 0,
        }
    }

    pub(crate) fn new(
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
    pub(crate) fn finish_control(&self) -> impl Future<Output = ()> + use<> {
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

/// State that both halves of a channel and its writers share.
#[derive(Debug)]
pub(crate) struct Outgoing {
    role: Role,
    link: Link,
    pub(crate) counters: Arc<Counters>,
    failures: mpsc::UnboundedSender<TransportError>,
    pub(crate) sid: OnceLock<[u8; 32]>,
    failed: OnceLock<TransportError>,
    streams: Mutex<BTreeMap<StreamId, Outlet>>,
}

/// The queue of one stream; gone once its last frame is queued.
#[derive(Debug)]
struct Outlet {
    queue: Option<mpsc::Sender<RawFrame>>,
    task: Option<JoinHandle<()>>,
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

    /// Reason why writers stopped.
    fn failure(&self) -> TransportError {
        self.failed
            .get()
            .cloned()
            .or_else(|| self.link.close_reason())
            .unwrap_or(TransportError::Closed(Close::Dropped))
    }

    pub(crate) fn abandon(&self) {
        for outlet in self.streams().values_mut() {
            outlet.queue = None;
            if let Some(task) = outlet.task.take() {
                task.abort();
            }
        }
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<StreamId, Outlet>> {
        held(&self.streams)
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
        while let Some(RawFrame { header, payload, signature }) = frames.recv().await {
            let encoded = header.encode();
            let signature = signature.to_bytes();
            // Control messages hold their signatures themselves.
            let after: &[u8] = if header.stream.is_control() { &[] } else { &signature };
            if payload.len() <= JOINED_BYTES {
                half.write(&[&encoded[..], &payload, after].concat()).await?;
            } else {
                half.write(&encoded).await?;
                half.write(&payload).await?;
                half.write(after).await?;
            }
            let bytes = encoded.len() + payload.len() + after.len();
            counters.sent.fetch_add(bytes as u64, Ordering::Relaxed);
            if header.is_last() {
                break;
            }
        }
        half.finish().await
    }
}

/// The control stream that a party sends on.
pub(crate) const fn control_stream(of: Role) -> StreamId {
    match of {
        Role::Advertiser => StreamId::ControlAdvertiser,
        Role::Provider => StreamId::ControlProvider,
    }
}

/// Frames that wait for a writer, a stream.
const QUEUE_FRAMES: usize = FRAMES_IN_FLIGHT_MAX as usize;
/// Payloads up to here go out in one write with their header.
const JOINED_BYTES: usize = 4_096;
