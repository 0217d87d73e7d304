//! The service's door: who stalls there keeps nobody out.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use quinn::crypto::rustls::QuicClientConfig;

use crate::support::{Pair, borrowed, crm, links, numbered};

#[test]
fn honest_run_is_admitted_at_its_first_try_while_one_address_floods() {
    // N14, N15, S7
    let persons = numbered(600, |i| format!("customer.{i}@exemple.fr"));
    let pair = Pair::serving(&links(borrowed(&persons)));
    let rows = numbered(1_200, |i| format!("customer.{}@exemple.fr", i * 2));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let flood = Flood::start(pair.address.parse().unwrap());
    // Far more have begun than there are places.
    flood.wait_for(300);
    let done = pair.run_with(&["--progress", "json"]).expect(0);
    assert!(flood.goes_on(), "it ended before the run");
    assert!(!done.stderr.contains("\"waiting\""), "{}", done.stderr);
    flood.stop();
}

/// Two hundred half-open handshakes a second from 127.0.0.2, for two minutes at most: each proves
/// its address, then says nothing more.
struct Flood {
    going: Arc<AtomicBool>,
    begun: Arc<AtomicU32>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Flood {
    fn start(service: SocketAddr) -> Self {
        let (going, begun) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let back = UdpSocket::bind("127.0.0.2:0").unwrap();
        back.connect(service).unwrap();
        let (relay, (goes_on, count)) =
            (front.local_addr().unwrap(), (Arc::clone(&going), Arc::clone(&begun)));
        let mut threads = pass_on(front, back, &going);
        threads.push(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(begin(relay, &goes_on, &count));
        }));
        Self { going, begun, threads }
    }

    fn wait_for(&self, handshakes: u32) {
        let started = Instant::now();
        while self.begun.load(Ordering::SeqCst) < handshakes {
            assert!(started.elapsed() < Duration::from_secs(60), "the flood does not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn goes_on(&self) -> bool {
        self.going.load(Ordering::SeqCst)
    }

    fn stop(self) {
        self.going.store(false, Ordering::SeqCst);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// Passes everything of the client on, and of the service the Retry packets alone: the client
/// proves its address, and hears nothing that it could answer.
fn pass_on(
    front: UdpSocket,
    back: UdpSocket,
    going: &Arc<AtomicBool>,
) -> Vec<std::thread::JoinHandle<()>> {
    let briefly = Some(Duration::from_millis(100));
    front.set_read_timeout(briefly).unwrap();
    back.set_read_timeout(briefly).unwrap();
    let client = Arc::new(std::sync::Mutex::new(None));
    let (up, down) = (
        (front.try_clone().unwrap(), back.try_clone().unwrap(), Arc::clone(&client)),
        (front, back, client),
    );
    let (goes_on, still_on) = (Arc::clone(going), Arc::clone(going));
    vec![
        std::thread::spawn(move || {
            let mut packet = [0; 2_048];
            while goes_on.load(Ordering::SeqCst) {
                if let Ok((len, from)) = up.0.recv_from(&mut packet) {
                    *up.2.lock().unwrap() = Some(from);
                    let _ = up.1.send(&packet[..len]);
                }
            }
        }),
        std::thread::spawn(move || {
            let mut packet = [0; 2_048];
            while still_on.load(Ordering::SeqCst) {
                let read = down.1.recv(&mut packet).unwrap_or(0);
                let client = *down.2.lock().unwrap();
                // A long header of type 3.
                if let (true, Some(client)) = (read > 0 && packet[0] & 0xF0 == 0xF0, client) {
                    let _ = down.0.send_to(&packet[..read], client);
                }
            }
        }),
    ]
}

async fn begin(relay: SocketAddr, going: &AtomicBool, begun: &AtomicU32) {
    let endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        // It never gets so far that it could judge anybody.
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"veilmatch/3".to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut every = tokio::time::interval(Duration::from_millis(5));
    let until = Instant::now() + Duration::from_secs(120);
    let mut held = Vec::new();
    while going.load(Ordering::SeqCst) && Instant::now() < until {
        every.tick().await;
        held.push(endpoint.connect_with(config.clone(), relay, "x").unwrap());
        begun.fetch_add(1, Ordering::SeqCst);
    }
    going.store(false, Ordering::SeqCst);
}
