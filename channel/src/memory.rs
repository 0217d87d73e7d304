//! A channel inside one process: the twin of [`crate::quic`] for tests.
//!
//! The framing, the checks and the queues are those of the network; only bytes move through
//! bounded buffers instead of packets. Nothing here authenticates anybody: the two facts come from
//! the caller, who says in doing so that they are made up.

use std::time::Duration;

use protocol::transcript::Role;
use session::VerifiedPeer;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};

use crate::channel::{Channel, Parts};
use crate::error::{Close, TransportError};
use crate::link::{Link, ReceiveHalf, SendHalf};

/// Two ends of one channel: the advertiser's, then the provider's.
///
/// `of_provider` is what the advertiser knows of its peer, and the other way round. A stream
/// buffers at most `window` bytes, as a receive window would.
#[must_use]
pub fn pair(
    of_provider: VerifiedPeer,
    of_advertiser: VerifiedPeer,
    window: usize,
) -> (Channel, Channel) {
    let (to_provider, provider_arrivals) = mpsc::channel(ARRIVALS);
    let (to_advertiser, advertiser_arrivals) = mpsc::channel(ARRIVALS);
    let (closed, _) = watch::channel(None);
    let advertiser =
        MemoryLink { role: Role::Advertiser, opened: to_provider, closed: closed.clone(), window };
    let provider = MemoryLink { role: Role::Provider, opened: to_advertiser, closed, window };
    let (a_out, p_in) = tokio::io::duplex(window);
    let (p_out, a_in) = tokio::io::duplex(window);
    let end = |link: MemoryLink, peer, out, received, arrivals| {
        Channel::assemble(Parts {
            role: link.role,
            peer,
            control: (
                SendHalf::Memory(out, link.clone()),
                ReceiveHalf::Memory(received, link.clone()),
            ),
            link: Link::Memory(link),
            arrivals,
            close_deadline: CLOSE_DEADLINE,
        })
    };
    (
        end(advertiser, of_provider, a_out, a_in, advertiser_arrivals),
        end(provider, of_advertiser, p_out, p_in, provider_arrivals),
    )
}

/// View of the connection from one end.
#[derive(Debug, Clone)]
pub(crate) struct MemoryLink {
    role: Role,
    opened: mpsc::Sender<ReceiveHalf>,
    /// The party that closed first, and its reason.
    closed: watch::Sender<Option<(Role, Close)>>,
    window: usize,
}

impl MemoryLink {
    pub(crate) async fn open_bulk(&self) -> Result<SendHalf, TransportError> {
        let (ours, theirs): (DuplexStream, DuplexStream) = tokio::io::duplex(self.window);
        let half = ReceiveHalf::Memory(theirs, self.of_peer());
        self.opened.send(half).await.map_err(|_| self.ended())?;
        Ok(SendHalf::Memory(ours, self.clone()))
    }

    pub(crate) fn close(&self, why: Close) {
        self.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            if first {
                *closed = Some((self.role, why));
            }
            first
        });
    }

    pub(crate) async fn closed(&self) -> TransportError {
        let mut closed = self.closed.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = closed.wait_for(Option::is_some).await;
        self.ended()
    }

    pub(crate) fn close_reason(&self) -> Option<TransportError> {
        let closed = *self.closed.borrow();
        closed.map(|(by, why)| {
            TransportError::Closed(if by == self.role { Close::Dropped } else { why })
        })
    }

    /// Reason why a stream of this end broke.
    pub(crate) fn ended(&self) -> TransportError {
        self.close_reason().unwrap_or(TransportError::Closed(Close::Dropped))
    }

    /// The same connection as the other end sees it; opens nothing.
    fn of_peer(&self) -> Self {
        Self { role: self.role.peer(), ..self.clone() }
    }
}

/// Streams that wait to be looked at.
const ARRIVALS: usize = 4;
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);
