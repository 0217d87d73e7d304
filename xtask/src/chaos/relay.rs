//! A UDP relay on the loopback interface that can be cut.
//!
//! The advertiser's node talks to the relay, the relay to the provider's. While the path is cut
//! every datagram is dropped in both directions, as by a dead line: neither side is told.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A relay in its own thread; dropping it ends the thread.
pub(super) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    cut: AtomicBool,
    ended: AtomicBool,
}

impl Relay {
    /// Starts to relay between whoever sends to the relay's address and `provider`.
    pub(super) fn start(provider: SocketAddr) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start the relay: {error}");
        let front = UdpSocket::bind(("127.0.0.1", 0)).map_err(failed)?;
        front.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let address = front.local_addr().map_err(failed)?;
        let shared =
            Arc::new(Shared { cut: AtomicBool::new(false), ended: AtomicBool::new(false) });
        let seen = Arc::clone(&shared);
        let thread = std::thread::spawn(move || forward(&front, provider, &seen));
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// The address that the invitation names.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts the path, or mends it.
    pub(super) fn set_cut(&self, cut: bool) {
        self.shared.cut.store(cut, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Passes datagrams on until the relay ends; each client has a socket of its own to the provider.
fn forward(front: &UdpSocket, provider: SocketAddr, shared: &Arc<Shared>) {
    let mut clients: HashMap<SocketAddr, UdpSocket> = HashMap::new();
    let mut backs: Vec<JoinHandle<()>> = Vec::new();
    let mut buffer = vec![0; DATAGRAM_BYTES];
    while !shared.ended.load(Ordering::SeqCst) {
        let (length, client) = match front.recv_from(&mut buffer) {
            Ok(received) => received,
            // A port that is closed answers the datagram before.
            Err(error) if is_passing(error.kind()) => continue,
            Err(_) => break,
        };
        if shared.cut.load(Ordering::SeqCst) {
            continue;
        }
        let socket = match clients.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => match answer(front, client, provider, shared) {
                Some((socket, back)) => {
                    backs.push(back);
                    new.insert(socket)
                }
                None => continue,
            },
        };
        let _ = socket.send(&buffer[..length]);
    }
    for back in backs {
        let _ = back.join();
    }
}

/// A socket to the provider for one client, and the thread that brings answers back.
fn answer(
    front: &UdpSocket,
    client: SocketAddr,
    provider: SocketAddr,
    shared: &Arc<Shared>,
) -> Option<(UdpSocket, JoinHandle<()>)> {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).ok()?;
    socket.connect(provider).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let (back, front, shared) = (socket.try_clone().ok()?, front.try_clone().ok()?, shared.clone());
    let thread = std::thread::spawn(move || {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        while !shared.ended.load(Ordering::SeqCst) {
            match back.recv(&mut buffer) {
                Ok(length) if !shared.cut.load(Ordering::SeqCst) => {
                    let _ = front.send_to(&buffer[..length], client);
                }
                Ok(_) => {}
                Err(error) if is_passing(error.kind()) => {}
                Err(_) => break,
            }
        }
    });
    Some((socket, thread))
}

/// True if an error of a socket says nothing about the datagrams to come.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
    )
}

/// Longest wait for a datagram before a thread looks whether the relay has ended.
const PATIENCE: Duration = Duration::from_millis(50);

/// More than any datagram.
const DATAGRAM_BYTES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_pass_both_ways_until_the_path_is_cut() {
        let provider = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        provider.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let relay = Relay::start(provider.local_addr().unwrap()).unwrap();
        let client = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        client.connect(relay.address()).unwrap();
        let mut buffer = [0; 16];
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client.send(b"there").unwrap();
        let (length, from) = provider.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"there");
        provider.send_to(b"back", from).unwrap();
        let length = client.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"back");

        relay.set_cut(true);
        client.send(b"lost").unwrap();
        provider.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        assert!(provider.recv_from(&mut buffer).is_err());
        relay.set_cut(false);
        client.send(b"again").unwrap();
        provider.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let (length, _) = provider.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"again");
    }
}
