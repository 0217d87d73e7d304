//! Channels over loopback QUIC and in memory: who may connect, what a frame is, who waits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use channel::identity::{Check, NodeIdentity, Pins, PublicIdentity};
use channel::memory;
use channel::pace::PaceLimits;
use channel::quic::{DoorLimits, HandshakeFigures, ProviderEndpoint, QuicOptions, connect};
use channel::{Channel, Close, FrameSender, Loss, Side, TransportError, Unreachable, Wait};
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::{Bug, Violation};
use protocol::suite::ALPN;
use quinn::crypto::rustls::QuicClientConfig;
use report::{Diagnose, Exit};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use session::{ChannelFacts, VerifiedPeer};
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_agree_on_the_binding_of_the_connection() {
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let (advertiser, provider) = world.session(&mut service).await;
    let (a, p) = (advertiser.peer(), provider.peer());
    assert_eq!(a.channel().exporter, p.channel().exporter);
    assert_ne!(a.channel().exporter, [0; 32]);
    assert_eq!(a.channel().spki_advertiser, world.advertiser.public().spki);
    assert_eq!(a.channel().spki_provider, world.provider.public().spki);
    assert_eq!(p.channel().spki_advertiser, world.advertiser.public().spki);
    assert_eq!(p.channel().spki_provider, world.provider.public().spki);
    assert_eq!(*a.party(), world.provider.party().0);
    assert_eq!(*p.party(), world.advertiser.party().0);
    let exporter = format!("{:?}", a.channel().exporter);
    assert!(!format!("{advertiser:?} {provider:?}").contains(&exporter));
    // A new exporter for each connection, or a recorded session could be replayed [N24].
    let (again, _p) = world.session(&mut service).await;
    assert_ne!(again.peer().channel().exporter, advertiser.peer().channel().exporter);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unpinned_advertiser_is_refused_and_both_sides_know_why() {
    // N19
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let stranger = world.identity("stranger", None);
    assert_eq!(world.refused(&service, &stranger).await, peer_refused(Check::Unpinned));
    assert_eq!(service.failure().await, we_refused(Check::Unpinned));
    // The endpoint is none the worse.
    let _session = world.session(&mut service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_provider_is_refused_and_the_error_names_the_pin() {
    // N19
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let other = world.identity("other", None).public();
    let error = connect(&service.at(), &world.advertiser, &other, &QuicOptions::default())
        .await
        .expect_err("refused");
    assert_eq!(error, we_refused(Check::Unpinned));
    assert_eq!(error.to_string(), "this node refused the connection: the TLS key is not pinned");
    assert_eq!(service.failure().await, peer_refused(Check::Unpinned));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_outside_their_validity_are_refused() {
    // N19
    let world = World::new();
    let past = world.identity("past", Some(1_500_000_000));
    let future = world.identity("future", Some(4_000_000_000));
    world.pins.replace([past.public(), future.public()]);
    let mut service = world.serve(QuicOptions::default());
    for (identity, check) in [(&past, Check::Expired), (&future, Check::NotYetValid)] {
        assert_eq!(world.refused(&service, identity).await, peer_refused(Check::Validity));
        assert_eq!(service.failure().await, we_refused(check));
    }
    // And on the other side: the provider's own certificate has expired.
    let world = World::new();
    let expired =
        ProviderEndpoint::bind(loopback(), &past, world.pins.clone(), QuicOptions::default())
            .expect("bound");
    let mut service = Service::run(expired);
    let error = connect(&service.at(), &world.advertiser, &past.public(), &QuicOptions::default())
        .await
        .expect_err("refused");
    assert_eq!(error, we_refused(Check::Expired));
    assert_eq!(service.failure().await, peer_refused(Check::Validity));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_tls_rules_do_not_connect() {
    // N18, N19, A24
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let x25519 = |provider: &mut rustls::crypto::CryptoProvider| {
        provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519];
    };
    let nothing = |_: &mut rustls::crypto::CryptoProvider| {};
    for (client, check) in [
        (world.raw_client(b"", &nothing), Check::Alpn),
        (world.raw_client(b"veilmatch/2", &nothing), Check::Alpn),
        (world.raw_client(b"veilmatch/4", &nothing), Check::Alpn),
        (world.raw_client(ALPN, &x25519), Check::KeyExchange),
    ] {
        let endpoint = client_endpoint();
        let result = endpoint.connect_with(client, service.address, "x").expect("started").await;
        assert!(result.is_err(), "{check:?}");
        assert_eq!(service.failure().await, we_refused(check));
    }
    let error = we_refused(Check::Alpn);
    assert!(error.to_string().contains("ALPN"), "{error}");
    assert_eq!(error.session_error().map(|e| e.wire().0.code()), Some(0x0208));
    // A certificate of another key type, pinned or not, and none at all.
    let ecdsa = rcgen::KeyPair::generate().expect("key");
    let certificate = rcgen::CertificateParams::new(vec!["x".into()])
        .expect("parameters")
        .self_signed(&ecdsa)
        .expect("certificate");
    let key = PrivateKeyDer::try_from(ecdsa.serialize_der()).expect("key");
    let identity = Some((certificate.der().clone(), key));
    for (shown, checks) in
        [(identity, [Check::KeyType, Check::Missing]), (None, [Check::Missing, Check::Missing])]
    {
        let client = raw_config(ALPN, &nothing, shown);
        let endpoint = client_endpoint();
        let connection =
            endpoint.connect_with(client, service.address, "x").expect("started").await;
        let TransportError::Refused { by: Side::Us, check } = service.failure().await else {
            panic!("refused by a check of ours");
        };
        assert!(checks.contains(&check), "{check:?}");
        drop(connection);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_connection_is_verified_and_a_revoked_one_is_refused() {
    // N21, R17
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    for connections in 1..=3 {
        let _session = world.session(&mut service).await;
        assert_eq!(world.pins.verifier_calls(), connections);
    }
    world.pins.replace([]);
    assert_eq!(world.refused(&service, &world.advertiser).await, peer_refused(Check::Unpinned));
    assert_eq!(world.pins.verifier_calls(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_of_a_revoked_key_is_closed() {
    // N22
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let (mut advertiser, _provider) = world.session(&mut service).await;
    assert_eq!(service.endpoint.close_unpinned(), 0);
    world.pins.replace([]);
    assert_eq!(service.endpoint.close_unpinned(), 1);
    let error = advertiser.next(|_| false).await.expect_err("closed");
    assert_eq!(error, TransportError::Closed(Close::Unpinned));
    assert_eq!(error.exit(), Exit::Party);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifth_connection_of_one_identity_is_refused() {
    // N16
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(world.session(&mut service).await);
    }
    let error = world.refused(&service, &world.advertiser).await;
    assert_eq!(error, TransportError::Closed(Close::TooManyConnections));
    assert_eq!(service.failure().await, TransportError::Closed(Close::TooManyConnections));
    assert_eq!(service.endpoint.connections(), 4);
    held.pop();
    let _session = world.session(&mut service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoint_survives_garbage_and_failed_handshakes() {
    // N5, N15
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let socket = UdpSocket::bind(loopback()).await.expect("bound");
    for round in 0..200_u32 {
        // Version 1 Initials with lengths that lie, and plain noise.
        let mut packet: Vec<u8> = (0..1_200_u32).map(|i| (i * 31 + round * 7) as u8).collect();
        if round % 2 == 0 {
            packet[..6].copy_from_slice(&[0xC0, 0, 0, 0, 1, 8]);
        }
        socket.send_to(&packet, service.address).await.expect("sent");
    }
    let stranger = world.identity("stranger", None);
    for _ in 0..3 {
        assert_eq!(world.refused(&service, &stranger).await, peer_refused(Check::Unpinned));
        assert_eq!(service.failure().await, we_refused(Check::Unpinned));
    }
    let _session = world.session(&mut service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finds_no_place_is_told_so() {
    // N15
    let world = World::new();
    let door = DoorLimits { open: 0, reserved: 0, ..DoorLimits::default() };
    let service = world.serve(QuicOptions { door, ..QuicOptions::default() });
    let error = world.refused(&service, &world.advertiser).await;
    assert_eq!(error, TransportError::Closed(Close::Overloaded));
    assert_eq!(error.exit(), Exit::TryAgain);
    let figures = service.endpoint.handshakes();
    assert_eq!((figures.in_progress, figures.turned_away), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn address_that_has_not_proved_itself_gets_a_retry_and_no_place() {
    // N15
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    // A client that hears nothing of what it is answered, as one with a forged address.
    let relay = Relay::hearing(service.address, loopback(), Hears::Nothing).await;
    let endpoint = client_endpoint();
    let client = world.raw_client(ALPN, &|_| {});
    let attempt = endpoint.connect_with(client, relay.address, "x").expect("started");
    let answered = async {
        while relay.first.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), answered).await.expect("the service answers");
    assert!(is_retry(relay.first.load(Ordering::Relaxed)));
    assert_eq!(service.endpoint.handshakes(), HandshakeFigures::default());
    assert!(service.results.try_recv().is_err(), "no handshake has begun");
    drop(attempt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flood_of_half_open_handshakes_from_one_address_keeps_nobody_out() {
    // N14, N15, S7: 200 a second from one address, none of which ever shows a certificate.
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let longest = Duration::from_secs(30);
    let flood = Flood::start(&world, service.address, [127, 0, 0, 2], 200, longest).await;
    let stalled = async {
        while service.endpoint.handshakes().turned_away < 100 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), stalled).await.expect("the flood is turned away");
    assert_eq!(service.endpoint.handshakes().in_progress, 16, "and holds no more than its share");
    // Ten honest connections, each at its first try, while it goes on.
    for _ in 0..10 {
        let at = service.at();
        let _sides = world.at_the_first_try(&mut service, &at).await;
    }
    assert!(flood.still_going());
    flood.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flood_from_one_network_keeps_neither_neighbours_nor_others_out() {
    // N15, S7: from eight addresses of a /24, more than their network's share.
    let world = World::new();
    // Four times as slow, with times four times as long, for machines that are busy with others.
    let (least, crowded_deadline) = (Duration::from_secs(2), Duration::from_secs(12));
    let door = DoorLimits { least, crowded_deadline, ..DoorLimits::default() };
    let handshake_deadline = Duration::from_secs(40);
    let options = QuicOptions { door, handshake_deadline, ..QuicOptions::default() };
    let mut service = world.serve(options);
    let mut floods = Vec::new();
    for host in 2..10 {
        let longest = Duration::from_secs(60);
        floods.push(Flood::start(&world, service.address, [127, 0, 0, host], 3, longest).await);
    }
    let full = async {
        while service.endpoint.handshakes().gave_way < 50 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), full).await.expect("the network has its share");
    assert_eq!(service.endpoint.handshakes().in_progress, 64);
    // One of another network, whose packets a relay sends, and one of theirs.
    let elsewhere = SocketAddr::from(([127, 0, 1, 1], 0));
    let relay = Relay::hearing(service.address, elsewhere, Hears::All).await;
    for at in [relay.address.to_string(), service.at(), relay.address.to_string(), service.at()] {
        let _sides = world.at_the_first_try(&mut service, &at).await;
    }
    for flood in floods {
        assert!(flood.still_going());
        flood.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flood_from_the_address_of_a_partner_does_not_keep_it_out() {
    // N15, S7: the attack that was seen, 29 a second, behind the partner's own address.
    let world = World::new();
    // Shares and times four times as large, for machines that are busy with other tests.
    let least = Duration::from_secs(2);
    let door = DoorLimits { per_address: 64, per_network: 96, least, ..DoorLimits::default() };
    let mut service = world.serve(QuicOptions { door, ..QuicOptions::default() });
    drop(world.session(&mut service).await);
    let [(_, known)] = service.endpoint.known_addresses()[..] else { panic!("one is known") };
    assert_eq!(known, loopback().ip());
    let longest = Duration::from_secs(60);
    let flood = Flood::start(&world, service.address, [127, 0, 0, 1], 29, longest).await;
    let full = async {
        while service.endpoint.handshakes().gave_way < 10 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), full).await.expect("the address has its share");
    let at = service.at();
    for _ in 0..10 {
        let _sides = world.at_the_first_try(&mut service, &at).await;
    }
    assert!(flood.still_going());
    flood.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_addresses_outlive_an_endpoint_and_strangers_keys_do_not() {
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    drop(world.session(&mut service).await);
    let known = service.endpoint.known_addresses();
    service.stop().await;
    let door = DoorLimits { open: 0, ..DoorLimits::default() };
    let mut service = world.serve(QuicOptions { door, ..QuicOptions::default() });
    let at = service.at();
    service.endpoint.remember_addresses([([9; 32], loopback().ip())]);
    let error = world.refused(&service, &world.advertiser).await;
    assert_eq!(error, TransportError::Closed(Close::Overloaded));
    service.endpoint.remember_addresses(known);
    let _sides = world.at_the_first_try(&mut service, &at).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_that_connects_without_end_is_slowed_down() {
    let world = World::new();
    let connection_pace = PaceLimits { at_once: 2, every: Duration::from_secs(3_600) };
    let mut service = world.serve(QuicOptions { connection_pace, ..QuicOptions::default() });
    for _ in 0..2 {
        drop(world.session(&mut service).await);
    }
    let error = world.refused(&service, &world.advertiser).await;
    assert_eq!(error, TransportError::Closed(Close::TooManyConnections));
    let [(_, figures)] = service.endpoint.connections_by_key()[..] else { panic!("one key") };
    assert_eq!((figures.admitted, figures.refused), (2, 1));
    // Its pace is remembered as long as it is pinned.
    world.pins.replace([]);
    service.endpoint.close_unpinned();
    assert!(service.endpoint.connections_by_key().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_handshake_loses_its_place() {
    // N14
    let world = World::new();
    let deadline = Duration::from_millis(300);
    let options = QuicOptions { handshake_deadline: deadline, ..QuicOptions::default() };
    let mut service = world.serve(options);
    let longest = Duration::from_millis(300);
    let flood = Flood::start(&world, service.address, [127, 0, 0, 2], 50, longest).await;
    let failure = service.failure().await;
    assert_eq!(failure, TransportError::Deadline(Wait::Handshake));
    flood.stop().await;
    let emptied = async {
        while service.endpoint.handshakes().in_progress > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), emptied).await.expect("places come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_advertiser_is_dropped_at_the_handshake_deadline() {
    // N14
    let world = World::new();
    let deadline = Duration::from_millis(300);
    let options = QuicOptions { handshake_deadline: deadline, ..QuicOptions::default() };
    let mut service = world.serve(options);
    let mut channel = connect(
        &service.at(),
        &world.advertiser,
        &world.provider.public(),
        &QuicOptions::default(),
    )
    .await
    .expect("our side is done");
    let failure = service.failure().await;
    assert!(matches!(failure, TransportError::Deadline(_)), "{failure:?}");
    let error = channel.next(|_| false).await.expect_err("dropped");
    assert_eq!(error, TransportError::Closed(Close::Dropped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_udp_is_named_within_the_deadline() {
    // N26
    let world = World::new();
    let silent = UdpSocket::bind(loopback()).await.expect("bound");
    let address = silent.local_addr().expect("address").to_string();
    let options =
        QuicOptions { handshake_deadline: Duration::from_millis(500), ..QuicOptions::default() };
    let started = Instant::now();
    let provider = world.provider.public();
    let error = connect(&address, &world.advertiser, &provider, &options).await.expect_err("none");
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(error.to_string().contains("UDP"), "{error}");
    assert_eq!(error.exit(), Exit::TryAgain);
    let error = connect("provider.example", &world.advertiser, &provider, &options)
        .await
        .expect_err("none");
    let TransportError::Unreachable { why, .. } = &error else { panic!("{error}") };
    assert_eq!(*why, Unreachable::Address);
    assert_eq!(error.exit(), Exit::Configuration);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_runs_both_ways_at_once_over_quic() {
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let (mut advertiser, mut provider) = world.session(&mut service).await;
    assert_eq!(advertiser.grant(), Some(64 << 20));
    assert_eq!(provider.grant(), Some(32 << 20));
    let path = advertiser.path().expect("a path");
    assert!(path.packets_sent > 0 && path.mtu >= 1_200, "{path:?}");
    exchange(advertiser, provider, 48).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_runs_both_ways_at_once_in_memory() {
    let (advertiser, provider) = memory_pair(256 << 10);
    exchange(advertiser, provider, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_that_is_not_accepted_holds_its_sender_back() {
    // N14, R9
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let (advertiser, provider) = world.session(&mut service).await;
    // 64 queued, one with the writer, 4 MiB of receive and 2 MiB of send window, sixteen a MiB.
    held_back(advertiser, provider, 64 + 1 + 16 * (4 + 2) + 1).await;
    let (advertiser, provider) = memory_pair(1 << 20);
    held_back(advertiser, provider, 64 + 1 + 16 + 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_that_comes_before_the_session_id_waits() {
    let (mut advertiser, mut provider) = memory_pair(1 << 20);
    advertiser.set_sid(SID);
    advertiser.send(blind(0, true)).await.expect("sent");
    let early = timeout(Duration::from_millis(100), provider.next(|_| true)).await;
    assert!(early.is_err(), "{early:?}");
    provider.set_sid(SID);
    assert_eq!(provider.next(|_| true).await, Ok(blind(0, true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn next_can_be_dropped_at_any_point() {
    let (mut advertiser, mut provider) = memory_pair(4_096);
    advertiser.set_sid(SID);
    provider.set_sid(SID);
    let sender = advertiser.sender();
    let sending = tokio::spawn(async move {
        for index in 0..4 {
            sender.send(blind(index, index == 3)).await.expect("sent");
        }
    });
    let mut received = 0;
    while received < 4 {
        let next = timeout(Duration::from_micros(50), provider.next(|_| true)).await;
        if let Ok(frame) = next {
            assert_eq!(frame.expect("frame"), blind(received, received == 3));
            received += 1;
        }
    }
    sending.await.expect("sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_overtakes_bulk() {
    let (mut advertiser, mut provider) = memory_pair(4 << 20);
    provider.set_sid(SID);
    advertiser.set_sid(SID);
    advertiser.send(blind(0, false)).await.expect("sent");
    sleep(Duration::from_millis(50)).await;
    advertiser.send(control(StreamId::ControlAdvertiser, 0)).await.expect("sent");
    sleep(Duration::from_millis(50)).await;
    let first = provider.next(|_| true).await.expect("control");
    assert_eq!(first.header.stream, StreamId::ControlAdvertiser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn misuse_of_a_stream_is_ours() {
    let (mut advertiser, _provider) = memory_pair(1 << 20);
    let misuse = Err(TransportError::Bug(Bug::misuse()));
    assert_eq!(advertiser.send(blind(0, false)).await, misuse, "no session id yet");
    advertiser.set_sid(SID);
    let foreign = frame(StreamId::Eval, 0, false, 1);
    assert_eq!(advertiser.send(foreign).await, misuse, "the provider's stream");
    assert_eq!(advertiser.send(blind(0, true)).await, Ok(()));
    assert_eq!(advertiser.send(blind(1, true)).await, misuse, "after the last frame");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giant_length_is_refused_before_it_is_allocated() {
    // M5, A11
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    for (header, violation) in [
        (raw_header(1, 0, u32::MAX), Violation::FrameTooLarge),
        (raw_header(1, 0, 65_537), Violation::FrameTooLarge),
        (raw_header(1, 1, 32), Violation::FrameMalformed),
        (raw_header(2, 0, 32), Violation::FrameMalformed),
        (raw_header(99, 0, 32), Violation::FrameMalformed),
    ] {
        let (_raw, mut provider) = world.raw_session(&mut service, &header).await;
        let error = provider.next(|_| true).await.expect_err("refused");
        assert_eq!(error, TransportError::Malformed { violation, stream: 1, index: 0 });
        // It comes again, and the session can name it to the peer.
        assert_eq!(provider.next(|_| true).await, Err(error.clone()));
        assert!(error.session_error().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_a_peer_may_not_open_are_refused() {
    // M2, N24
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let unexpected = |stream| TransportError::Malformed {
        violation: Violation::UnexpectedMessage,
        stream,
        index: 0,
    };
    let opening = |stream: u8, sid: [u8; 32]| [&[stream][..], &sid].concat();
    for (openings, error) in [
        (vec![opening(16, SID)], unexpected(16)),
        (vec![opening(18, SID)], unexpected(18)),
        (vec![opening(1, SID)], unexpected(1)),
        (vec![opening(77, SID)], unexpected(77)),
        (vec![opening(17, [9; 32])], unexpected(17)),
        (vec![opening(17, SID), opening(17, SID)], unexpected(17)),
    ] {
        let (raw, mut provider) = world.raw_bulk_session(&mut service).await;
        let mut streams = Vec::new();
        for bytes in openings {
            let mut stream = raw.connection.open_uni().await.expect("opened");
            stream.write_all(&bytes).await.expect("written");
            streams.push(stream);
        }
        assert_eq!(provider.next(|_| true).await, Err(error));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_cut_short_or_too_long_are_malformed() {
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let last = blind(0, true);
    let whole = bytes_of(&frame(StreamId::Blind, 0, false, 4));
    let malformed = |violation, index| TransportError::Malformed { violation, stream: 17, index };
    for (content, frames, error) in [
        (whole[..10].to_vec(), 0, malformed(Violation::FrameMalformed, 0)),
        (whole[..40].to_vec(), 0, malformed(Violation::FrameMalformed, 0)),
        (whole.clone(), 1, malformed(Violation::CountMismatch, 1)),
        ([bytes_of(&last), vec![0]].concat(), 1, malformed(Violation::FrameMalformed, 1)),
        (
            bytes_of(&frame(StreamId::Handles, 0, true, 1)),
            0,
            malformed(Violation::FrameMalformed, 0),
        ),
    ] {
        let (raw, mut provider) = world.raw_bulk_session(&mut service).await;
        let mut stream = raw.connection.open_uni().await.expect("opened");
        let writing = tokio::spawn(async move {
            stream.write_all(&[&[17][..], &SID, &content].concat()).await.expect("written");
            stream.finish().expect("finished");
            let _ = stream.stopped().await;
        });
        for _ in 0..frames {
            provider.next(|_| true).await.expect("whole frames are given");
        }
        assert_eq!(provider.next(|_| true).await, Err(error));
        writing.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peer_that_vanishes_is_lost_within_the_idle_timeout() {
    // N8, N13
    let world = World::new();
    let options = QuicOptions {
        idle_timeout: Duration::from_millis(900),
        keep_alive: Duration::from_millis(300),
        ..QuicOptions::default()
    };
    let mut service = world.serve(options.clone());
    let relay = Relay::to(service.address).await;
    let at = relay.address.to_string();
    let (mut advertiser, mut provider) = world.session_at(&mut service, &at, &options).await;
    advertiser.set_sid(SID);
    provider.set_sid(SID);
    for index in 0..3 {
        advertiser.send(blind(index, false)).await.expect("sent");
    }
    provider.next(|_| true).await.expect("first frame");
    relay.cut();
    let started = Instant::now();
    let idle = TransportError::Lost(Loss::Idle);
    loop {
        match provider.next(|_| true).await {
            Ok(_) => {}
            Err(error) => break assert_eq!(error, idle),
        }
    }
    assert_eq!(advertiser.next(|_| true).await, Err(idle.clone()));
    assert!(started.elapsed() < Duration::from_millis(900 + 2_000), "{:?}", started.elapsed());
    assert_eq!(idle.exit(), Exit::TryAgain);
    assert!(idle.session_error().is_none());
    assert_eq!(advertiser.send(blind(3, false)).await, Err(idle));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alives_hold_a_quiet_connection() {
    // R8
    let world = World::new();
    let options = QuicOptions {
        idle_timeout: Duration::from_millis(600),
        keep_alive: Duration::from_millis(150),
        ..QuicOptions::default()
    };
    let mut service = world.serve(options.clone());
    let at = service.at();
    let (mut advertiser, mut provider) = world.session_at(&mut service, &at, &options).await;
    sleep(Duration::from_millis(1_500)).await;
    provider.send(control(StreamId::ControlProvider, 0)).await.expect("sent");
    assert!(advertiser.next(|_| false).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_message_arrives_and_both_sides_end_well() {
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    for over_quic in [true, false] {
        let (mut advertiser, mut provider) =
            if over_quic { world.session(&mut service).await } else { memory_pair(1 << 16) };
        let end = tokio::spawn(async move {
            provider.send(control(StreamId::ControlProvider, 0)).await.expect("sent");
            provider.finish().await
        });
        let last = advertiser.next(|_| false).await.expect("the last message");
        assert_eq!(last, control(StreamId::ControlProvider, 0));
        assert_eq!(advertiser.finish().await, Ok(()));
        assert_eq!(end.await.expect("no panic"), Ok(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provider_that_is_not_answered_says_so() {
    let world = World::new();
    let options =
        QuicOptions { close_deadline: Duration::from_millis(200), ..QuicOptions::default() };
    let mut service = world.serve(options);
    let (_advertiser, mut provider) = world.session(&mut service).await;
    provider.send(control(StreamId::ControlProvider, 0)).await.expect("sent");
    let end = provider.finish().await;
    assert!(matches!(end, Err(TransportError::Deadline(_))), "{end:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abort_arrives_before_the_close() {
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    for over_quic in [true, false] {
        let (mut advertiser, mut provider) =
            if over_quic { world.session(&mut service).await } else { memory_pair(1 << 16) };
        provider.set_sid(SID);
        // Bulk stands unread before it, and a stream that is cut is not taken for a whole one.
        provider.send(frame(StreamId::Table, 0, false, 64)).await.expect("sent");
        advertiser.set_sid(SID);
        let abort = control(StreamId::ControlProvider, 0);
        provider.send(abort.clone()).await.expect("sent");
        let end = tokio::spawn(provider.close_with_reason(Close::Error));
        assert_eq!(advertiser.next(|_| false).await, Ok(abort));
        let closed = Err(TransportError::Closed(Close::Error));
        assert_eq!(advertiser.next(|_| false).await, closed);
        end.await.expect("no panic");
        // The other way round, and a driver that ends the channel all the same.
        let (advertiser, mut provider) =
            if over_quic { world.session(&mut service).await } else { memory_pair(1 << 16) };
        let end = tokio::spawn(advertiser.close_with_reason(Close::Error));
        assert_eq!(provider.next(|_| false).await, closed);
        assert_eq!(provider.finish().await, Err(TransportError::Closed(Close::Error)));
        end.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_leaves_a_peer_behind_that_does_not_answer() {
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let relay = Relay::to(service.address).await;
    let at = relay.address.to_string();
    let (mut advertiser, _provider) =
        world.session_at(&mut service, &at, &QuicOptions::default()).await;
    relay.cut();
    advertiser.send(control(StreamId::ControlAdvertiser, 1)).await.expect("queued");
    let started = Instant::now();
    advertiser.close_with_reason(Close::Error).await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_the_client_follows_a_refusal_it_has_not_seen() {
    // N25: what a client that believes itself connected sends is bounded by what its driver
    // queues, and the refusal comes with the next read.
    let world = World::new();
    let service = world.serve(QuicOptions::default());
    let relay = Relay::to(service.address).await;
    let stranger = world.identity("stranger", None);
    let options = QuicOptions::default();
    let provider = world.provider.public();
    // Usually our side is done first; a fast refusal may also come before.
    let error = match connect(&relay.address.to_string(), &stranger, &provider, &options).await {
        Err(error) => error,
        Ok(mut channel) => {
            let error = channel.next(|_| false).await.expect_err("refused");
            assert_eq!(channel.bytes(), (0, 0));
            error
        }
    };
    assert_eq!(error, peer_refused(Check::Unpinned));
    // Handshake packets only: two full-size Initials with the hybrid key share, the certificate.
    let sent = relay.up.load(Ordering::Relaxed);
    assert!(sent < 16_384, "{sent} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_tells_the_peer() {
    let world = World::new();
    let mut service = world.serve(QuicOptions::default());
    let (mut advertiser, _provider) = world.session(&mut service).await;
    service.stop().await;
    let error = advertiser.next(|_| false).await.expect_err("closed");
    assert_eq!(error, TransportError::Closed(Close::ShuttingDown));
}

/// Sends 24 full frames each way at once, with control in between, and ends the session.
async fn exchange(mut advertiser: Channel, mut provider: Channel, hello: u64) {
    advertiser.set_sid(SID);
    provider.set_sid(SID);
    let a = tokio::spawn(exchange_one(
        advertiser.sender(),
        advertiser,
        (StreamId::Blind, StreamId::ControlAdvertiser),
        StreamId::Eval,
    ));
    let p = tokio::spawn(exchange_one(
        provider.sender(),
        provider,
        (StreamId::Eval, StreamId::ControlProvider),
        StreamId::Blind,
    ));
    let advertiser = a.await.expect("advertiser");
    let mut provider = p.await.expect("provider");
    // Frames, headers, the prefix of one stream, and three messages; a first one came before.
    let whole = 24 * (16 + (1 << 20) + 64) + 33 + 3 * 48;
    assert_eq!(advertiser.bytes(), (whole + hello, whole));
    assert_eq!(provider.bytes(), (whole, whole + hello));
    assert_eq!(advertiser.finish().await, Ok(()));
    let error = provider.next(|_| true).await.expect_err("closed");
    assert_eq!(error, TransportError::Closed(Close::Done));
}

async fn exchange_one(
    sender: FrameSender,
    mut channel: Channel,
    (out, talk): (StreamId, StreamId),
    back: StreamId,
) -> Channel {
    let sending = tokio::spawn(async move {
        for index in 0..24 {
            sender.send(frame(out, index, index == 23, 32_768)).await.expect("sent");
            if index % 8 == 0 {
                sender.send(control(talk, index / 8)).await.expect("sent");
            }
        }
    });
    let (mut bulk, mut controls) = (0, 0);
    while bulk < 24 || controls < 3 {
        let received = channel.next(|stream| stream == back).await.expect("frame");
        if received.header.stream == back {
            assert_eq!(received, frame(back, bulk, bulk == 23, 32_768));
            bulk += 1;
        } else {
            assert_eq!(received.header.index, controls);
            controls += 1;
        }
    }
    sending.await.expect("sent");
    channel
}

/// The provider does not read BLIND: the advertiser stalls; then it reads, and all arrives.
async fn held_back(mut advertiser: Channel, mut provider: Channel, frames_max: u32) {
    advertiser.set_sid(SID);
    provider.set_sid(SID);
    // Frames of 64 KiB, so that the windows hold many.
    let part = |index, last| frame(StreamId::Blind, index, last, 2_048);
    let sender = advertiser.sender();
    let mut queued = 0;
    while timeout(Duration::from_millis(500), sender.send(part(queued, false))).await.is_ok() {
        queued += 1;
        assert!(queued <= frames_max, "{queued} frames are in flight");
        // The other side turns its loop all the while, and takes nothing of this stream.
        let none = timeout(Duration::from_millis(1), provider.next(|_| false)).await;
        assert!(none.is_err(), "{none:?}");
    }
    assert!(queued >= 64, "{queued} frames");
    assert_eq!(sender.room(StreamId::Blind), 0);
    assert!(provider.bytes().1 < 1_024, "{:?}", provider.bytes());
    // Nothing is lost: once the stream is read, everything arrives, and control with it.
    advertiser.send(control(StreamId::ControlAdvertiser, 1)).await.expect("sent");
    let rest = tokio::spawn(async move { sender.send(part(queued, true)).await });
    let (mut index, mut controls) = (0, 0);
    while index <= queued || controls == 0 {
        let received = provider.next(|_| true).await.expect("frame");
        if received.header.stream == StreamId::Blind {
            assert_eq!(received, part(index, index == queued));
            index += 1;
        } else {
            controls += 1;
        }
    }
    assert_eq!(rest.await.expect("no panic"), Ok(()));
}

/// Two identities that pin each other, in a directory of their own.
struct World {
    dir: TempDir,
    advertiser: NodeIdentity,
    provider: NodeIdentity,
    pins: Pins,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let make = |name: &str| NodeIdentity::create(&dir.path().join(name)).expect("created");
        let (advertiser, provider) = (make("advertiser"), make("provider"));
        let pins = Pins::new([advertiser.public()]);
        Self { dir, advertiser, provider, pins }
    }

    fn home(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn identity(&self, name: &str, at: Option<u64>) -> NodeIdentity {
        match at {
            Some(now) => NodeIdentity::create_at(&self.home(name), now).expect("created"),
            None => NodeIdentity::create(&self.home(name)).expect("created"),
        }
    }

    fn serve(&self, options: QuicOptions) -> Service {
        let endpoint =
            ProviderEndpoint::bind(loopback(), &self.provider, self.pins.clone(), options)
                .expect("bound");
        Service::run(endpoint)
    }

    async fn session(&self, service: &mut Service) -> (Channel, Channel) {
        let at = service.at();
        self.session_at(service, &at, &QuicOptions::default()).await
    }

    /// Connects, and says a first word, without which the provider waits.
    async fn session_at(
        &self,
        service: &mut Service,
        at: &str,
        options: &QuicOptions,
    ) -> (Channel, Channel) {
        let provider: PublicIdentity = self.provider.public();
        let mut advertiser =
            connect(at, &self.advertiser, &provider, options).await.expect("connected");
        let hello = control(StreamId::ControlAdvertiser, 0);
        advertiser.send(hello.clone()).await.expect("sent");
        let mut provider = service.channel().await;
        assert_eq!(provider.next(|_| false).await, Ok(hello));
        (advertiser, provider)
    }

    /// Connects while others crowd the door; their failures are skipped.
    async fn at_the_first_try(&self, service: &mut Service, at: &str) -> (Channel, Channel) {
        let options = QuicOptions::default();
        let connected = connect(at, &self.advertiser, &self.provider.public(), &options).await;
        let mut advertiser = connected.expect("at the first try");
        advertiser.send(control(StreamId::ControlAdvertiser, 0)).await.expect("sent");
        (advertiser, service.any_channel().await)
    }

    /// The failure of a connection of this identity, as its own program sees it.
    async fn refused(&self, service: &Service, identity: &NodeIdentity) -> TransportError {
        let options = QuicOptions::default();
        match connect(&service.at(), identity, &self.provider.public(), &options).await {
            Err(error) => error,
            Ok(mut channel) => channel.next(|_| false).await.expect_err("refused"),
        }
    }

    fn raw_client(
        &self,
        alpn: &[u8],
        change: &dyn Fn(&mut rustls::crypto::CryptoProvider),
    ) -> quinn::ClientConfig {
        let keys = self.home("advertiser").join("keys");
        let certificate = CertificateDer::from_pem_file(keys.join("tls.crt")).expect("PEM");
        let key = PrivateKeyDer::from_pem_file(keys.join("tls.key")).expect("PEM");
        raw_config(alpn, change, Some((certificate, key)))
    }

    /// A connection of the pinned advertiser whose control stream starts with `first`, and the
    /// provider's end.
    async fn raw_session(&self, service: &mut Service, first: &[u8]) -> (Raw, Channel) {
        let client = self.raw_client(ALPN, &|_| {});
        let endpoint = client_endpoint();
        let connection = endpoint
            .connect_with(client, service.address, "x")
            .expect("started")
            .await
            .expect("connected");
        let mut control = connection.open_bi().await.expect("opened");
        control.0.write_all(first).await.expect("written");
        let provider = service.channel().await;
        (Raw { connection, _control: control, _endpoint: endpoint }, provider)
    }

    /// The same after a proper first control message.
    async fn raw_bulk_session(&self, service: &mut Service) -> (Raw, Channel) {
        let hello = control(StreamId::ControlAdvertiser, 0);
        let (raw, mut provider) = self.raw_session(service, &bytes_of(&hello)).await;
        assert_eq!(provider.next(|_| false).await, Ok(hello));
        provider.set_sid(SID);
        (raw, provider)
    }
}

/// A client that speaks QUIC and TLS, and no protocol.
struct Raw {
    connection: quinn::Connection,
    _control: (quinn::SendStream, quinn::RecvStream),
    _endpoint: quinn::Endpoint,
}

/// An endpoint whose accept loop runs as the provider's does.
struct Service {
    endpoint: Arc<ProviderEndpoint>,
    address: SocketAddr,
    results: mpsc::UnboundedReceiver<Result<Channel, TransportError>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Service {
    fn run(endpoint: ProviderEndpoint) -> Self {
        let endpoint = Arc::new(endpoint);
        let address = endpoint.local_addr().expect("address");
        let (sender, results) = mpsc::unbounded_channel();
        let accepting = tokio::spawn({
            let endpoint = Arc::clone(&endpoint);
            async move {
                while let Some(incoming) = endpoint.accept().await {
                    let sender = sender.clone();
                    tokio::spawn(async move {
                        let _ = sender.send(incoming.handshake().await);
                    });
                }
            }
        });
        Self { endpoint, address, results, accepting }
    }

    fn at(&self) -> String {
        self.address.to_string()
    }

    async fn channel(&mut self) -> Channel {
        self.result().await.expect("handshake")
    }

    /// The next channel; handshakes that failed before it are skipped.
    async fn any_channel(&mut self) -> Channel {
        loop {
            if let Ok(channel) = self.result().await {
                return channel;
            }
        }
    }

    /// Reason why the next handshake failed; handshakes that garbage started are skipped.
    async fn failure(&mut self) -> TransportError {
        self.result().await.expect_err("failed handshake")
    }

    async fn result(&mut self) -> Result<Channel, TransportError> {
        timeout(Duration::from_secs(5), self.results.recv())
            .await
            .expect("in time")
            .expect("service runs")
    }

    async fn stop(self) {
        self.accepting.abort();
        let _ = self.accepting.await;
        Arc::into_inner(self.endpoint).expect("last holder").shutdown().await;
    }
}

/// Passes datagrams on until it is cut; counts those of the client.
struct Relay {
    address: SocketAddr,
    up: Arc<AtomicU64>,
    /// First byte of the first datagram of the service; 0 before there is one.
    first: Arc<AtomicU8>,
    dead: Arc<AtomicBool>,
}

/// Datagrams of the service that get to the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hears {
    All,
    RetryAlone,
    Nothing,
}

impl Relay {
    async fn to(service: SocketAddr) -> Self {
        Self::hearing(service, loopback(), Hears::All).await
    }

    /// A relay that talks to the service from `from`.
    async fn hearing(service: SocketAddr, from: SocketAddr, hears: Hears) -> Self {
        let front = Arc::new(UdpSocket::bind(loopback()).await.expect("bound"));
        let back = Arc::new(UdpSocket::bind(from).await.expect("bound"));
        back.connect(service).await.expect("connected");
        let relay = Self {
            address: front.local_addr().expect("address"),
            up: Arc::default(),
            first: Arc::default(),
            dead: Arc::default(),
        };
        let (up, first) = (Arc::clone(&relay.up), Arc::clone(&relay.first));
        let dead = Arc::clone(&relay.dead);
        tokio::spawn(async move {
            let (mut forth, mut return_) = (vec![0; 65_536], vec![0; 65_536]);
            let mut client = None;
            loop {
                let gone = || dead.load(Ordering::Relaxed);
                tokio::select! {
                    Ok((len, from)) = front.recv_from(&mut forth) => {
                        client = Some(from);
                        if !gone() {
                            up.fetch_add(len as u64, Ordering::Relaxed);
                            let _ = back.send(&forth[..len]).await;
                        }
                    }
                    Ok(len) = back.recv(&mut return_) => {
                        let unset = first.load(Ordering::Relaxed) == 0;
                        first.fetch_or(if unset { return_[0] } else { 0 }, Ordering::Relaxed);
                        let heard = match hears {
                            Hears::All => true,
                            Hears::RetryAlone => is_retry(return_[0]),
                            Hears::Nothing => false,
                        };
                        if let (Some(client), true) = (client, heard && !gone()) {
                            let _ = front.send_to(&return_[..len], client).await;
                        }
                    }
                    else => break,
                }
            }
        });
        relay
    }

    fn cut(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }
}

/// True if a QUIC packet with this first byte is a Retry: a long header of type 3.
const fn is_retry(first: u8) -> bool {
    first & 0xF0 == 0xF0
}

/// Half-open handshakes at a steady rate: each proves its address, then goes silent before it has
/// shown a certificate.
struct Flood {
    going: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Flood {
    /// Bounded in rate and time; `from` is an address of the loopback.
    async fn start(
        world: &World,
        service: SocketAddr,
        from: [u8; 4],
        per_second: u32,
        longest: Duration,
    ) -> Self {
        let relay = Relay::hearing(service, SocketAddr::from((from, 0)), Hears::RetryAlone).await;
        let config = world.raw_client(ALPN, &|_| {});
        let going = Arc::new(AtomicBool::new(true));
        let goes_on = Arc::clone(&going);
        let task = tokio::spawn(async move {
            let endpoint = client_endpoint();
            let mut every = tokio::time::interval(Duration::from_secs(1) / per_second);
            let until = tokio::time::Instant::now() + longest;
            let mut attempts = Vec::new();
            while goes_on.load(Ordering::Relaxed) && tokio::time::Instant::now() < until {
                every.tick().await;
                let attempt = endpoint.connect_with(config.clone(), relay.address, "x");
                attempts.push(attempt.expect("started"));
            }
            goes_on.store(false, Ordering::Relaxed);
            // What it has begun it leaves as it is, without a word.
            relay.cut();
        });
        Self { going, task }
    }

    fn still_going(&self) -> bool {
        self.going.load(Ordering::Relaxed)
    }

    async fn stop(self) {
        self.going.store(false, Ordering::Relaxed);
        self.task.await.expect("no panic");
    }
}

/// Accepts every certificate: the client under test is the hostile one.
#[derive(Debug)]
struct AnyServer;

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

/// Shows its certificate whatever the server asks for.
#[derive(Debug)]
struct Stubborn(Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Stubborn {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn raw_config(
    alpn: &[u8],
    change: &dyn Fn(&mut rustls::crypto::CryptoProvider),
    shown: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
) -> quinn::ClientConfig {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    change(&mut provider);
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer));
    let mut tls = match shown {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = provider.key_provider.load_private_key(key).expect("key");
            let certified = rustls::sign::CertifiedKey::new(vec![certificate], key);
            builder.with_client_cert_resolver(Arc::new(Stubborn(Arc::new(certified))))
        }
    };
    if !alpn.is_empty() {
        tls.alpn_protocols = vec![alpn.to_vec()];
    }
    let quic = QuicClientConfig::try_from(tls).expect("initial suite");
    quinn::ClientConfig::new(Arc::new(quic))
}

fn client_endpoint() -> quinn::Endpoint {
    quinn::Endpoint::client(loopback()).expect("bound")
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn memory_pair(window: usize) -> (Channel, Channel) {
    let channel =
        ChannelFacts { exporter: [1; 32], spki_advertiser: [2; 32], spki_provider: [3; 32] };
    memory::pair(
        VerifiedPeer::assertion([4; 32], channel),
        VerifiedPeer::assertion([5; 32], channel),
        window,
    )
}

/// A bulk frame with a content that depends on its place.
fn frame(stream: StreamId, index: u32, last: bool, elements: u32) -> RawFrame {
    let each = if stream == StreamId::Handles { 16 } else { 32 };
    let len = if stream == StreamId::Table { elements * 5 } else { elements * each };
    let seed = index.wrapping_mul(0x9E37_79B9).wrapping_add(u32::from(stream.code()));
    // A pattern of prime length, so that a shift by any amount shows.
    let pattern: Vec<u8> = (0..251_u32).map(|i| (i.wrapping_mul(7) ^ seed) as u8).collect();
    let payload = pattern.iter().copied().cycle().take(len as usize).collect::<Vec<u8>>().into();
    let header = FrameHeader { stream, kind: u8::from(last), elements, index, payload_len: len };
    RawFrame::new(header, payload).expect("lengths agree")
}

/// A full BLIND frame of one mebibyte.
fn blind(index: u32, last: bool) -> RawFrame {
    frame(StreamId::Blind, index, last, 32_768)
}

fn control(stream: StreamId, index: u32) -> RawFrame {
    let header = FrameHeader { stream, kind: 12, elements: 0, index, payload_len: 32 };
    RawFrame::new(header, Arc::from([7; 32])).expect("lengths agree")
}

fn bytes_of(frame: &RawFrame) -> Vec<u8> {
    let signature = frame.signature.to_bytes();
    let after: &[u8] = if frame.header.stream.is_control() { &[] } else { &signature };
    [&frame.header.encode()[..], &frame.payload, after].concat()
}

/// A header that no code of ours would write.
fn raw_header(stream: u8, elements: u32, payload_len: u32) -> Vec<u8> {
    let mut bytes = vec![stream, 1, 0, 0];
    for field in [elements, 0, payload_len] {
        bytes.extend_from_slice(&field.to_le_bytes());
    }
    bytes
}

fn we_refused(check: Check) -> TransportError {
    TransportError::Refused { by: Side::Us, check }
}

fn peer_refused(check: Check) -> TransportError {
    TransportError::Refused { by: Side::Peer, check }
}

const SID: [u8; 32] = [42; 32];
