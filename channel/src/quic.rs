//! The network: QUIC with mutual TLS, its settings, and the provider's service rules.
//!
//! Every number that QUIC is run with stands in [`QuicOptions`]: windows small enough that an idle
//! or hostile peer pins a few mebibytes, and limits on handshakes before anybody is authenticated.
//! Path MTU discovery and segmentation offload are left as quinn has them. Keys, pins and TLS rules
//! are [`crate::identity`]'s.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use protocol::error::{Bug, Violation};
use protocol::transcript::Role;
use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ConnectionError, EndpointConfig, IdleTimeout, NoneTokenLog, ReadError, RecvStream, SendStream,
    StoppedError, TokioRuntime, TransportConfig, ValidationTokenConfig, VarInt, WriteError,
};
use session::VerifiedPeer;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::channel::{Channel, Parts, PathFigures};
use crate::door::{Door, Place};
pub use crate::door::{DoorLimits, HandshakeFigures};
use crate::error::{Close, LocalStep, Loss, Side, TransportError, Unreachable, Wait};
use crate::held;
use crate::identity::{
    Check, NodeIdentity, Pins, PublicIdentity, Verdict, client_tls, peer_spki, server_tls,
    verified_peer,
};
use crate::link::{Link, ReceiveHalf, SendHalf};
use crate::pace::{Pace, PaceLimits};

/// The settings of QUIC and of the service; the defaults are those of production.
#[derive(Debug, Clone)]
pub struct QuicOptions {
    /// Silence after which a connection is lost, on both ends.
    pub idle_timeout: Duration,
    /// Interval of keep-alives, on both ends.
    pub keep_alive: Duration,
    /// Longest handshake, first stream included.
    pub handshake_deadline: Duration,
    /// Longest wait for the advertiser's close after the provider's last message.
    pub close_deadline: Duration,
    /// Unread bytes a stream may have; fixed for the life of a connection.
    pub stream_receive_window: u32,
    /// Unread bytes a connection may have before a grant.
    pub receive_window: u32,
    /// Unacknowledged bytes a connection may have before a grant.
    pub send_window: u32,
    /// Most bytes a grant gives each way.
    pub grant_max: u64,
    /// Bytes that grants are taken from; clones share them.
    pub pool: WindowPool,
    /// Congestion controller.
    pub congestion: Congestion,
    /// Handshakes that QUIC keeps before we look at them.
    pub incoming_max: usize,
    /// Bytes buffered for one such handshake.
    pub incoming_buffer: u64,
    /// Bytes buffered for all of them.
    pub incoming_buffer_total: u64,
    /// Shares of the handshakes in progress.
    pub door: DoorLimits,
    /// Connections of one identity at a time.
    pub connections_per_identity: usize,
    /// Pace of the connections of one identity.
    pub connection_pace: PaceLimits,
    /// Bytes asked for as socket buffers, each way.
    pub socket_buffer: usize,
}

impl Default for QuicOptions {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(15),
            keep_alive: Duration::from_secs(5),
            handshake_deadline: Duration::from_secs(10),
            close_deadline: Duration::from_secs(10),
            stream_receive_window: 16 * MIB,
            receive_window: 4 * MIB,
            send_window: 2 * MIB,
            grant_max: 64 * u64::from(MIB),
            pool: WindowPool::new(128 * u64::from(MIB)),
            congestion: Congestion::Cubic,
            incoming_max: 256,
            incoming_buffer: 16 * 1024,
            incoming_buffer_total: 4 * u64::from(MIB),
            door: DoorLimits::default(),
            connections_per_identity: 4,
            connection_pace: PaceLimits { at_once: 64, every: Duration::from_secs(1) },
            socket_buffer: 2 * MIB as usize,
        }
    }
}

impl QuicOptions {
    fn transport(&self, role: Role) -> Result<TransportConfig, TransportError> {
        let idle = IdleTimeout::try_from(self.idle_timeout)
            .map_err(|error| local(LocalStep::Timeouts, error))?;
        let (bidirectional, unidirectional) = match role {
            Role::Advertiser => (0_u8, 3_u8),
            Role::Provider => (1, 2),
        };
        let mut config = TransportConfig::default();
        config
            .max_idle_timeout(Some(idle))
            .keep_alive_interval(Some(self.keep_alive))
            .max_concurrent_bidi_streams(bidirectional.into())
            .max_concurrent_uni_streams(unidirectional.into())
            .stream_receive_window(self.stream_receive_window.into())
            .receive_window(self.receive_window.into())
            .send_window(self.send_window.into())
            .datagram_receive_buffer_size(None)
            .allow_spin(false);
        match self.congestion {
            Congestion::Cubic => {
                config.congestion_controller_factory(Arc::new(CubicConfig::default()))
            }
            Congestion::Bbr => config.congestion_controller_factory(Arc::new(BbrConfig::default())),
        };
        Ok(config)
    }
}

/// Reaction of the sender to loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Congestion {
    /// The default; collapses under random loss on long paths.
    #[default]
    Cubic,
    /// Controller for long paths with random loss; experimental upstream.
    Bbr,
}

impl Congestion {
    /// The controller with this name in the configuration.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "cubic" => Some(Self::Cubic),
            "bbr" => Some(Self::Bbr),
            _ => None,
        }
    }
}

/// Bytes that grants of larger windows are taken from, shared by the connections of a node (R9).
#[derive(Clone)]
pub struct WindowPool(Arc<AtomicU64>);

impl WindowPool {
    /// A pool of this many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    /// Bytes not granted at the moment.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes an equal window each way: at most `most`, and at most `share` of what is left for
    /// both together, so that the next connection finds something too.
    fn take(&self, most: u64, least: u64, share: u64) -> Option<Granted> {
        let each_of = |left: u64| {
            let each_way = most.min((left / 2).checked_div(share)?);
            let both_ways = each_way.checked_mul(2)?;
            (each_way > least).then_some((each_way, both_ways))
        };
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            each_of(left).and_then(|(_, both_ways)| left.checked_sub(both_ways))
        });
        let (each_way, both_ways) = each_of(left.ok()?)?;
        Some(Granted { pool: self.clone(), each_way, both_ways })
    }
}

impl fmt::Debug for WindowPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowPool({})", self.left())
    }
}

/// Bytes that go back to their pool when dropped.
#[derive(Debug)]
struct Granted {
    pool: WindowPool,
    each_way: u64,
    both_ways: u64,
}

impl Drop for Granted {
    fn drop(&mut self) {
        self.pool.0.fetch_add(self.both_ways, Ordering::Relaxed);
    }
}

/// The provider's end: one UDP socket that admits pinned advertisers.
///
/// An endpoint whose [`Self::accept`] gives `None` without a [`Self::shutdown`] has lost its
/// socket; its supervisor binds another one, and sessions resume from their journals.
#[derive(Debug)]
pub struct ProviderEndpoint {
    endpoint: quinn::Endpoint,
    service: Arc<Service>,
}

/// Everything that the handshakes of an endpoint need.
#[derive(Debug)]
struct Service {
    identity: NodeIdentity,
    pins: Pins,
    options: QuicOptions,
    config: quinn::ServerConfig,
    door: Arc<Door>,
    live: Mutex<Live>,
}

/// Connections that stand, by a number of ours.
#[derive(Debug, Default)]
struct Live {
    next: u64,
    connections: BTreeMap<u64, ([u8; 32], quinn::Connection)>,
    /// Coming of each identity that has authenticated and is still pinned.
    paces: BTreeMap<[u8; 32], (Pace, ConnectionFigures)>,
}

/// Connections of one identity so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionFigures {
    /// Admitted.
    pub admitted: u64,
    /// Closed at once: too many at a time, or one after the other.
    pub refused: u64,
}

impl ProviderEndpoint {
    /// Binds the socket; has to be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`TransportError::Local`]: the address is taken or not ours; the operator acts.
    pub fn bind(
        address: SocketAddr,
        identity: &NodeIdentity,
        pins: Pins,
        options: QuicOptions,
    ) -> Result<Self, TransportError> {
        let (tls, _) = server_tls(identity, &pins).map_err(|error| local(LocalStep::Tls, error))?;
        let crypto =
            QuicServerConfig::try_from(tls).map_err(|error| local(LocalStep::Tls, error))?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        config
            .transport_config(Arc::new(options.transport(Role::Provider)?))
            .max_incoming(options.incoming_max)
            .incoming_buffer_size(options.incoming_buffer)
            .incoming_buffer_size_total(options.incoming_buffer_total)
            .validation_token_config(never_skip_retry());
        let socket = socket(address, &options)?;
        let endpoint = quinn::Endpoint::new(
            EndpointConfig::default(),
            Some(config.clone()),
            socket,
            Arc::new(TokioRuntime),
        )
        .map_err(|error| local(LocalStep::Endpoint, error))?;
        let service = Service {
            identity: identity.clone(),
            pins,
            door: Door::new(options.door.clone()),
            options,
            config,
            live: Mutex::default(),
        };
        Ok(Self { endpoint, service: Arc::new(service) })
    }

    /// The address of the socket.
    ///
    /// # Errors
    ///
    /// [`TransportError::Local`] if the system does not say.
    pub fn local_addr(&self) -> Result<SocketAddr, TransportError> {
        self.endpoint.local_addr().map_err(|error| local(LocalStep::Address, error))
    }

    /// The next handshake to serve; `None` once the endpoint has ended.
    ///
    /// The caller spawns a task for [`Incoming::handshake`] at once and comes back here, so that a
    /// failed or slow handshake never stops the loop (N5, N14). Every address has to prove itself
    /// by a Retry, which costs no state here; whoever then finds no place is refused.
    pub async fn accept(&self) -> Option<Incoming> {
        while let Some(incoming) = self.endpoint.accept().await {
            if !incoming.remote_address_validated() {
                // Fails only for an address that is validated.
                let _ = incoming.retry();
                continue;
            }
            match self.service.door.enter(incoming.remote_address().ip()) {
                Some(place) => {
                    return Some(Incoming { incoming, place, service: Arc::clone(&self.service) });
                }
                None => incoming.refuse(),
            }
        }
        None
    }

    /// Figures of the handshakes so far.
    #[must_use]
    pub fn handshakes(&self) -> HandshakeFigures {
        self.service.door.figures()
    }

    /// Addresses from which partners authenticated, each with the key of its partner, the latest
    /// of a partner last; the first address of a range stands for it.
    #[must_use]
    pub fn known_addresses(&self) -> Vec<([u8; 32], IpAddr)> {
        self.service.door.known()
    }

    /// Takes up the addresses that an earlier endpoint knew; those of keys that are not pinned are
    /// left out.
    pub fn remember_addresses(&self, known: impl IntoIterator<Item = ([u8; 32], IpAddr)>) {
        for (spki, address) in known {
            if self.service.pins.party(&spki).is_some() {
                self.service.door.remember(spki, address);
            }
        }
    }

    /// Connections of each key that authenticated so far.
    #[must_use]
    pub fn connections_by_key(&self) -> Vec<([u8; 32], ConnectionFigures)> {
        self.service.live().paces.iter().map(|(spki, (_, figures))| (*spki, *figures)).collect()
    }

    /// Closes the connections whose keys are no longer pinned; returns how many (N22).
    pub fn close_unpinned(&self) -> usize {
        self.service.door.keep(|spki| self.service.pins.party(spki).is_some());
        self.service.live().paces.retain(|spki, _| self.service.pins.party(spki).is_some());
        let unpinned: Vec<quinn::Connection> = self
            .service
            .live()
            .connections
            .values()
            .filter(|(spki, _)| self.service.pins.party(spki).is_none())
            .map(|(_, connection)| connection.clone())
            .collect();
        for connection in &unpinned {
            connection.close(Close::Unpinned.code().into(), b"");
        }
        unpinned.len()
    }

    /// Connections with authenticated advertisers at the moment.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.service.live().connections.len()
    }

    /// Turns every new handshake away from now on; connections that stand are not touched.
    pub fn stop_accepting(&self) {
        self.service.door.close();
    }

    /// Ends the endpoint and its connections, and tells the peers.
    pub async fn shutdown(&self) {
        self.endpoint.close(Close::ShuttingDown.code().into(), b"");
        let _ = timeout(DRAIN, self.endpoint.wait_idle()).await;
    }
}

impl Service {
    fn live(&self) -> MutexGuard<'_, Live> {
        held(&self.live)
    }

    /// Ends the handshake with a peer whose key is pinned and who may have one connection more.
    async fn authenticate(
        self: &Arc<Self>,
        incoming: quinn::Incoming,
    ) -> Result<(quinn::Connection, VerifiedPeer, Admission), TransportError> {
        // TLS rules of its own for each connection, so that the failed check is known by type.
        let (tls, verdict) =
            server_tls(&self.identity, &self.pins).map_err(|error| local(LocalStep::Tls, error))?;
        let crypto =
            QuicServerConfig::try_from(tls).map_err(|error| local(LocalStep::Tls, error))?;
        let mut config = self.config.clone();
        config.crypto = Arc::new(crypto);
        let connection = incoming
            .accept_with(Arc::new(config))
            .map_err(connection_error)?
            .await
            .map_err(|error| refusal(error, &verdict))?;
        let peer = verify(&connection, &self.identity, Role::Provider, &self.pins)?;
        let spki = peer_spki(&peer, Role::Provider);
        self.door.remember(spki, connection.remote_address().ip());
        let Some(admission) = self.admit(spki, &connection) else {
            connection.close(Close::TooManyConnections.code().into(), b"");
            return Err(TransportError::Closed(Close::TooManyConnections));
        };
        Ok((connection, peer, admission))
    }

    /// Counts a connection of an identity, if it may have one more now (N16).
    fn admit(
        self: &Arc<Self>,
        spki: [u8; 32],
        connection: &quinn::Connection,
    ) -> Option<Admission> {
        let mut live = self.live();
        let held = live.connections.values().filter(|(of, _)| *of == spki).count();
        let (pace, figures) = live.paces.entry(spki).or_default();
        let stepped = pace.step(Instant::now().into_std(), self.options.connection_pace);
        if stepped.is_err() || held >= self.options.connections_per_identity {
            figures.refused += 1;
            return None;
        }
        figures.admitted += 1;
        let id = live.next;
        live.next = live.next.wrapping_add(1);
        live.connections.insert(id, (spki, connection.clone()));
        Some(Admission { service: Arc::clone(self), id })
    }
}

/// The place of one connection among those of its identity.
struct Admission {
    service: Arc<Service>,
    id: u64,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.service.live().connections.remove(&self.id);
    }
}

/// A connection attempt from an address that has proved itself.
#[derive(Debug)]
pub struct Incoming {
    incoming: quinn::Incoming,
    place: Place,
    service: Arc<Service>,
}

impl Incoming {
    /// Address that the packets came from.
    #[must_use]
    pub fn remote_address(&self) -> SocketAddr {
        self.incoming.remote_address()
    }

    /// Does the handshake, and waits for the advertiser's first stream, within the deadlines.
    ///
    /// # Errors
    ///
    /// [`TransportError::Refused`] with the check that failed and who made it; the advertiser's
    /// program learns the same through a TLS alert. Otherwise a loss or the deadline.
    pub async fn handshake(self) -> Result<Channel, TransportError> {
        let Self { incoming, place, service } = self;
        let longest = service.options.handshake_deadline;
        let until = Instant::now() + longest;
        let late = || TransportError::Deadline(Wait::Handshake);
        let authenticated = tokio::select! {
            biased;
            authenticated = service.authenticate(incoming) => authenticated,
            () = place.overdue(longest) => Err(late()),
        };
        let (connection, peer, admission) = match authenticated {
            Ok(authenticated) => authenticated,
            Err(error) => {
                place.fail();
                return Err(error);
            }
        };
        // From here on the connection counts among those of its identity.
        drop(place);
        let (send, receive) = timeout_at(until, connection.accept_bi())
            .await
            .map_err(|_| late())?
            .map_err(connection_error)?;
        let link = QuicLink::new(connection, None, Some(admission), &service.options, 2);
        Ok(channel(Role::Provider, peer, link, send, receive, &service.options))
    }
}

/// Connects to a provider at `host:port` and verifies its pin.
///
/// The channel that comes back proves the provider to us, not us to the provider: a TLS 1.3
/// client is done before the server has judged its certificate (arch-7). A refusal arrives with
/// the first [`Channel::next`], so nothing but HELLO_A may be sent before the provider's first
/// message (N25).
///
/// # Errors
///
/// [`TransportError::Unreachable`] after the deadline, with a hint at blocked UDP (N26);
/// [`TransportError::Refused`] if a check of ours fails.
pub async fn connect(
    address: &str,
    identity: &NodeIdentity,
    provider: &PublicIdentity,
    options: &QuicOptions,
) -> Result<Channel, TransportError> {
    let unreachable = |why| TransportError::Unreachable { address: address.into(), why };
    let attempt = async {
        let found = resolve(address).await.map_err(unreachable)?;
        // One address at least was found, and a few are tried.
        let each = u32::try_from(found.len()).ok();
        let each = each.and_then(|count| options.handshake_deadline.checked_div(count));
        let each = each.ok_or(TransportError::Bug(Bug::invariant()))?;
        let mut last = unreachable(Unreachable::Name);
        for target in found {
            match timeout(each, connect_to(target, identity, provider, options)).await {
                Ok(Ok(channel)) => return Ok(channel),
                Ok(Err(TransportError::Lost(Loss::Idle))) | Err(_) => {
                    last = unreachable(Unreachable::NoAnswer);
                }
                // An answer, even a refusal, is the provider's word: no other address is tried.
                Ok(Err(error)) => return Err(error),
            }
        }
        Err(last)
    };
    timeout(options.handshake_deadline, attempt)
        .await
        .unwrap_or_else(|_| Err(unreachable(Unreachable::NoAnswer)))
}

async fn resolve(address: &str) -> Result<Vec<SocketAddr>, Unreachable> {
    let port = address.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    let Some(Ok(_)) = port else {
        return Err(Unreachable::Address);
    };
    let found = tokio::net::lookup_host(address).await.map_err(|_| Unreachable::Name)?;
    let found: Vec<_> = found.take(ADDRESSES_MAX).collect();
    if found.is_empty() { Err(Unreachable::Name) } else { Ok(found) }
}

async fn connect_to(
    target: SocketAddr,
    identity: &NodeIdentity,
    provider: &PublicIdentity,
    options: &QuicOptions,
) -> Result<Channel, TransportError> {
    let pins = Pins::new([*provider]);
    let (tls, verdict) =
        client_tls(identity, &pins).map_err(|error| local(LocalStep::Tls, error))?;
    let crypto = QuicClientConfig::try_from(tls).map_err(|error| local(LocalStep::Tls, error))?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(options.transport(Role::Advertiser)?));
    let any = match target {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = socket(any, options)?;
    let endpoint =
        quinn::Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))
            .map_err(|error| local(LocalStep::Endpoint, error))?;
    let connection = endpoint
        .connect_with(config, target, SERVER_NAME)
        .map_err(|error| local(LocalStep::Start, error))?
        .await
        .map_err(|error| refusal(error, &verdict))?;
    let peer = verify(&connection, identity, Role::Advertiser, &pins)?;
    let (send, receive) = connection.open_bi().await.map_err(connection_error)?;
    let link = QuicLink::new(connection, Some(endpoint), None, options, 1);
    Ok(channel(Role::Advertiser, peer, link, send, receive, options))
}

fn verify(
    connection: &quinn::Connection,
    identity: &NodeIdentity,
    role: Role,
    pins: &Pins,
) -> Result<VerifiedPeer, TransportError> {
    verified_peer(connection, identity, role, pins).map_err(|check| {
        connection.close(Close::Unpinned.code().into(), b"");
        TransportError::Refused { by: Side::Us, check }
    })
}

fn channel(
    role: Role,
    peer: VerifiedPeer,
    link: QuicLink,
    send: SendStream,
    receive: RecvStream,
    options: &QuicOptions,
) -> Channel {
    // Control overtakes bulk data that waits to be sent.
    let _ = send.set_priority(1);
    let (opened, arrivals) = mpsc::channel(ARRIVALS);
    let connection = link.shared.connection.clone();
    tokio::spawn(async move {
        // Ends with the connection, or with the channel that looks at what arrives.
        while let Ok(stream) = connection.accept_uni().await {
            if opened.send(ReceiveHalf::Quic(stream)).await.is_err() {
                break;
            }
        }
    });
    Channel::assemble(Parts {
        role,
        peer,
        link: Link::Quic(link),
        control: (SendHalf::Quic(send), ReceiveHalf::Quic(receive)),
        arrivals,
        close_deadline: options.close_deadline,
    })
}

/// A QUIC connection with what has to live as long as it does.
#[derive(Clone)]
pub(crate) struct QuicLink {
    shared: Arc<Shared>,
}

struct Shared {
    connection: quinn::Connection,
    /// The advertiser's endpoint, one for each connection.
    endpoint: Option<quinn::Endpoint>,
    _admission: Option<Admission>,
    granted: Mutex<Option<Granted>>,
    pool: WindowPool,
    grant_max: u64,
    grant_least: u64,
    /// Divisor of the rest of the pool for one grant.
    share: u64,
}

impl fmt::Debug for QuicLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuicLink({})", self.shared.connection.remote_address())
    }
}

impl QuicLink {
    fn new(
        connection: quinn::Connection,
        endpoint: Option<quinn::Endpoint>,
        admission: Option<Admission>,
        options: &QuicOptions,
        share: u64,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                connection,
                endpoint,
                _admission: admission,
                granted: Mutex::new(None),
                pool: options.pool.clone(),
                grant_max: options.grant_max,
                grant_least: u64::from(options.receive_window.max(options.send_window)),
                share,
            }),
        }
    }

    pub(crate) async fn open_bulk(&self) -> Result<SendStream, TransportError> {
        self.shared.connection.open_uni().await.map_err(connection_error)
    }

    pub(crate) fn close(&self, why: Close) {
        self.shared.connection.close(why.code().into(), b"");
    }

    pub(crate) async fn closed(&self) -> TransportError {
        connection_error(self.shared.connection.closed().await)
    }

    pub(crate) fn close_reason(&self) -> Option<TransportError> {
        self.shared.connection.close_reason().map(connection_error)
    }

    pub(crate) async fn drain(&self) {
        if let Some(endpoint) = &self.shared.endpoint {
            let _ = timeout(DRAIN, endpoint.wait_idle()).await;
        }
    }

    pub(crate) fn grant(&self) -> Option<u64> {
        let shared = &self.shared;
        let mut granted = held(&shared.granted);
        if granted.is_none() {
            *granted = shared.pool.take(shared.grant_max, shared.grant_least, shared.share);
        }
        let each_way = granted.as_ref()?.each_way;
        let window = VarInt::from_u64(each_way).ok()?;
        shared.connection.set_receive_window(window);
        shared.connection.set_send_window(each_way);
        Some(each_way)
    }

    pub(crate) fn path(&self) -> PathFigures {
        let path = self.shared.connection.stats().path;
        PathFigures {
            rtt: path.rtt,
            packets_sent: path.sent_packets,
            packets_lost: path.lost_packets,
            congestion_events: path.congestion_events,
            mtu: path.current_mtu,
        }
    }
}

/// Ends a stream, and waits until the peer has acknowledged all of it.
pub(crate) async fn finish(stream: &mut SendStream) -> Result<(), TransportError> {
    // Fails only for a stream that the peer stopped, which the next line reports.
    let _ = stream.finish();
    match stream.stopped().await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(stopped()),
        Err(StoppedError::ConnectionLost(error)) => Err(connection_error(error)),
        Err(StoppedError::ZeroRttRejected) => Err(TransportError::Bug(Bug::invariant())),
    }
}

pub(crate) fn write_error(error: WriteError) -> TransportError {
    match error {
        WriteError::Stopped(_) => stopped(),
        WriteError::ConnectionLost(error) => connection_error(error),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => {
            TransportError::Bug(Bug::invariant())
        }
    }
}

pub(crate) fn read_error(error: ReadError, stream: u8, index: u32) -> TransportError {
    match error {
        // Our side never resets: a session that fails closes the connection.
        ReadError::Reset(_) => {
            TransportError::Malformed { violation: Violation::UnexpectedMessage, stream, index }
        }
        ReadError::ConnectionLost(error) => connection_error(error),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            TransportError::Bug(Bug::invariant())
        }
    }
}

/// A peer that tells us to stop sending does not run this protocol.
const fn stopped() -> TransportError {
    TransportError::Malformed { violation: Violation::UnexpectedMessage, stream: 0, index: 0 }
}

/// The error of a handshake, with the check of ours that failed if one did.
fn refusal(error: ConnectionError, verdict: &Verdict) -> TransportError {
    match verdict.failed() {
        Some(check) => TransportError::Refused { by: Side::Us, check },
        None => connection_error(error),
    }
}

fn connection_error(error: ConnectionError) -> TransportError {
    let refused = |by, code: u64| {
        let alert = u8::try_from(code.checked_sub(CRYPTO_ERROR)?).ok()?;
        Some(TransportError::Refused { by, check: Check::from_alert(alert) })
    };
    match error {
        ConnectionError::VersionMismatch => {
            TransportError::Refused { by: Side::Peer, check: Check::Version }
        }
        ConnectionError::TransportError(error) => {
            let code = u64::from(error.code);
            refused(Side::Us, code).unwrap_or(TransportError::Lost(Loss::Quic(code)))
        }
        ConnectionError::ConnectionClosed(close) => match u64::from(close.error_code) {
            CONNECTION_REFUSED => TransportError::Closed(Close::Overloaded),
            NO_ERROR | APPLICATION_ERROR => TransportError::Closed(Close::Dropped),
            code => refused(Side::Peer, code).unwrap_or(TransportError::Lost(Loss::Quic(code))),
        },
        ConnectionError::ApplicationClosed(close) => {
            TransportError::Closed(Close::from_code(close.error_code.into_inner()))
        }
        ConnectionError::Reset => TransportError::Lost(Loss::Restarted),
        ConnectionError::TimedOut => TransportError::Lost(Loss::Idle),
        ConnectionError::LocallyClosed => TransportError::Closed(Close::Dropped),
        ConnectionError::CidsExhausted => TransportError::Bug(Bug::invariant()),
    }
}

/// Rules under which no token of an earlier connection stands in for a Retry: whoever collected
/// tokens could show them from many places at once.
fn never_skip_retry() -> ValidationTokenConfig {
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0).log(Arc::new(NoneTokenLog));
    tokens
}

/// A UDP socket with large buffers; a system that caps them costs speed, not correctness.
fn socket(
    address: SocketAddr,
    options: &QuicOptions,
) -> Result<std::net::UdpSocket, TransportError> {
    let open = || -> std::io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // Both families on one socket where the system can; IPv6 alone otherwise.
            let _ = socket.set_only_v6(false);
        }
        let _ = socket.set_recv_buffer_size(options.socket_buffer);
        let _ = socket.set_send_buffer_size(options.socket_buffer);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(socket)
    };
    let socket = open().map_err(|error| local(LocalStep::Socket, format!("{address}: {error}")))?;
    let got = socket.recv_buffer_size().unwrap_or(0).min(socket.send_buffer_size().unwrap_or(0));
    // Linux reports twice what it gives.
    let got = if cfg!(target_os = "linux") { got / 2 } else { got };
    if got < options.socket_buffer {
        tracing::warn!(
            wanted = options.socket_buffer,
            got,
            "the system caps UDP buffers; for full speed raise net.core.rmem_max and wmem_max"
        );
    }
    Ok(socket.into())
}

fn local(step: LocalStep, why: impl fmt::Display) -> TransportError {
    TransportError::Local { step, why: why.to_string() }
}

const MIB: u32 = 1 << 20;
/// Sent nowhere, since SNI is off; rustls wants a name all the same.
const SERVER_NAME: &str = "veilmatch";
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 3;
/// Streams that wait to be looked at; the peer may open three.
const ARRIVALS: usize = 4;
/// Longest wait for a close to reach the peer.
const DRAIN: Duration = Duration::from_secs(1);
/// Transport error codes of RFC 9000, section 20.
const NO_ERROR: u64 = 0x0;
const CONNECTION_REFUSED: u64 = 0x2;
const APPLICATION_ERROR: u64 = 0xC;
const CRYPTO_ERROR: u64 = 0x100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_those_of_the_design() {
        // N14, N15, N16, N23, R8, R9, arch-11
        let options = QuicOptions::default();
        for (role, bidirectional, unidirectional) in
            [(Role::Provider, 1, 2), (Role::Advertiser, 0, 3)]
        {
            let shown = format!("{:?}", options.transport(role).expect("valid"));
            for setting in [
                format!("max_concurrent_bidi_streams: {bidirectional},"),
                format!("max_concurrent_uni_streams: {unidirectional},"),
                "max_idle_timeout: Some(15000)".into(),
                "keep_alive_interval: Some(5s)".into(),
                "stream_receive_window: 16777216,".into(),
                " receive_window: 4194304,".into(),
                "send_window: 2097152,".into(),
                "datagram_receive_buffer_size: None".into(),
                "allow_spin: false".into(),
                "initial_mtu: 1200".into(),
                "mtu_discovery_config: Some(".into(),
                "enable_segmentation_offload: true".into(),
            ] {
                assert!(shown.contains(&setting), "{setting} in {shown}");
            }
        }
        assert_eq!(options.handshake_deadline, Duration::from_secs(10));
        assert_eq!(options.incoming_max, 256);
        assert_eq!(options.incoming_buffer, 16_384);
        assert_eq!(options.incoming_buffer_total, 4_194_304);
        let door = &options.door;
        assert_eq!((door.open, door.reserved, door.crowded_above), (192, 64, 64));
        assert_eq!((door.per_address, door.per_network), (16, 64));
        assert_eq!(door.crowded_deadline, Duration::from_secs(3));
        assert_eq!((door.reserved_per_address, door.least), (4, Duration::from_millis(500)));
        assert_eq!(options.connections_per_identity, 4);
        assert_eq!(options.grant_max, 67_108_864);
        assert_eq!(options.pool.left(), 134_217_728);
        assert_eq!(options.socket_buffer, 2_097_152);
        assert_eq!(Congestion::from_name("bbr"), Some(Congestion::Bbr));
        assert_eq!(Congestion::from_name("cubic"), Some(Congestion::default()));
    }

    #[test]
    fn pool_gives_back_and_never_more_than_it_has() {
        let pool = WindowPool::new(128);
        let alone = pool.take(64, 4, 1).expect("whole");
        assert_eq!((alone.each_way, pool.left()), (64, 0));
        assert!(pool.take(64, 4, 1).is_none());
        drop(alone);
        let first = pool.take(64, 4, 2).expect("half");
        let second = pool.take(64, 4, 2).expect("quarter");
        assert_eq!((first.each_way, second.each_way, pool.left()), (32, 16, 32));
        drop(first);
        drop(second);
        assert_eq!(pool.left(), 128);
        assert!(pool.take(64, 64, 1).is_none(), "a grant is above the base window");
    }

    #[test]
    fn closes_keep_their_codes() {
        for code in 0..8 {
            assert_eq!(Close::from_code(u64::from(code)).code(), code);
        }
    }
}
