//! The life of the service: ready, serving, draining, gone.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use channel::Close;
use channel::identity::Pins;
use channel::quic::{ConnectionFigures, HandshakeFigures, Incoming, ProviderEndpoint};
use node::console::Terminal;
use node::failure::Failure;
use node::status;
use node::stop::Signals;
use protocol::error::Bug;
use report::{Arg, Code, Exit, Signal, Text};
use store::os::{self, Clock, SystemClock};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Service;
use super::shares::ComeBack;
use crate::cli::ServeOptions;
use crate::door_book::{Connections, DoorBook};

/// Builds what is missing, serves until a signal, and lets sessions end.
pub(super) async fn serve(
    service: &Arc<Service>,
    options: &ServeOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let ready = ReadyFile::absent(options.ready_file.as_deref())?;
    let building = tokio::task::spawn_blocking({
        let service = Arc::clone(service);
        move || service.build_tables()
    });
    tokio::select! {
        biased;
        () = stopped(&mut signals) => return Ok(()),
        // A panic has told about itself, and is a defect.
        built = building => built.map_err(|_| Failure::from(Bug::invariant()))??,
    }
    let pins = Pins::default();
    service.read_partners(&pins)?;
    let quic = service.home.config.common.quic.clone();
    let identity = &service.home.identity;
    let endpoint = ProviderEndpoint::bind(options.listen, identity, pins.clone(), quic)?;
    let endpoint = Arc::new(endpoint);
    let mut watch = DoorWatch::begin(service, &endpoint);
    let address = endpoint.local_addr()?;
    let on = Text::new("serve-on").with("address", address.to_string());
    terminal.say(&on.with("engine", service.engine.backend()));
    ready.write(address)?;
    let watched = (&endpoint, &mut watch);
    let served = until_stopped(service, watched, &pins, &mut signals, terminal).await;
    // Whoever looks at the file is told first.
    drop(ready);
    endpoint.stop_accepting();
    if served.is_ok() {
        drain(service, &mut signals, terminal).await;
    }
    watch.note(service, &endpoint, &pins, true);
    endpoint.shutdown().await;
    served
}

/// Serves until SIGINT or SIGTERM; SIGHUP reads the partners again.
async fn until_stopped(
    service: &Arc<Service>,
    (endpoint, watch): (&Arc<ProviderEndpoint>, &mut DoorWatch),
    pins: &Pins,
    signals: &mut Signals,
    terminal: &Terminal,
) -> Result<(), Failure> {
    // A task of its own: reading the partners again must not hold handshakes up.
    let mut accepting = tokio::spawn(accept(Arc::clone(service), Arc::clone(endpoint)));
    let mut reload = tokio::time::interval(RELOAD_EVERY);
    let mut renew = tokio::time::interval(RENEW_EVERY);
    loop {
        tokio::select! {
            _ = &mut accepting => {
                return Err(Failure::new(Code::Storage, Text::new("serve-socket-lost")));
            }
            _ = reload.tick() => {
                service.reload(pins, endpoint);
                service.note_again();
                watch.note(service, endpoint, pins, false);
            }
            _ = renew.tick() => service.renew(),
            signal = signals.next() => match signal {
                Signal::Hangup => {
                    let changes = service.reload(pins, endpoint);
                    service.renew();
                    terminal.say(&Text::new("serve-partners-read"));
                    changes.iter().for_each(|change| terminal.say(&change.text));
                }
                Signal::Interrupt | Signal::Terminate => return Ok(()),
            }
        }
    }
}

/// Gives sessions their time, then ends them; a second signal ends them at once.
async fn drain(service: &Service, signals: &mut Signals, terminal: &Terminal) {
    let (sessions, seconds) = (service.sessions.drain(), service.home.config.drain_s);
    terminal.say(&match sessions {
        0 => Text::new("serve-stopping"),
        _ => Text::new("serve-stopping-sessions")
            .with("seconds", Arg::Number(seconds.into()))
            .with("sessions", sessions),
    });
    tokio::select! {
        biased;
        () = service.sessions.none() => return,
        () = stopped(signals) => {}
        () = sleep(Duration::from_secs(seconds.into())) => {}
    }
    // Each tells its advertiser, and notes how it ended.
    service.stop.request(Signal::Terminate);
    tokio::select! {
        biased;
        _ = timeout(CLOSING, service.sessions.none()) => {}
        () = stopped(signals) => {}
    }
}

async fn stopped(signals: &mut Signals) {
    while signals.next().await == Signal::Hangup {}
}

async fn accept(service: Arc<Service>, endpoint: Arc<ProviderEndpoint>) {
    while let Some(incoming) = endpoint.accept().await {
        // Its own task, before anything of it can fail [N5].
        tokio::spawn(connection(Arc::clone(&service), incoming));
    }
}

/// One connection; whatever fails ends here and nowhere else.
async fn connection(service: Arc<Service>, incoming: Incoming) {
    let channel = match incoming.handshake().await {
        Ok(channel) => channel,
        Err(error) => {
            tracing::info!(target: "veilmatch::session", %error, "handshake");
            return;
        }
    };
    let Some(_counted) = service.sessions.begin() else {
        return channel.close_with_reason(Close::ShuttingDown).await;
    };
    let partner = *channel.peer().party();
    let short = status::short(&partner);
    match service.session(channel).await {
        Ok(ended) => tracing::info!(
            target: "veilmatch::session",
            partner = short,
            session = store::hex(&ended.sid),
            bytes_sent = ended.figures.bytes_sent,
            bytes_received = ended.figures.bytes_received,
            task_seconds = ended.figures.seconds_of(|spent| spent.seconds),
            arithmetic_seconds = ended.figures.seconds_of(|spent| spent.arithmetic_seconds),
            "served"
        ),
        // An advertiser that keeps the answer asks nothing: no failure, though it opened a session.
        Err(failure) if failure.exit() == Exit::Done => tracing::info!(
            target: "veilmatch::session",
            partner = short,
            "nothing to ask: the advertiser has the answer to this question"
        ),
        Err(failure) => {
            let report = &failure;
            tracing::warn!(target: "veilmatch::session", partner = short, "{report}");
        }
    }
}

/// Sessions in progress, until no more may begin.
#[derive(Debug, Default)]
pub(super) struct Sessions(watch::Sender<Open>);

#[derive(Debug, Default, Clone, Copy)]
struct Open {
    sessions: usize,
    draining: bool,
}

impl Sessions {
    /// Counts a session until the guard is dropped; `None` once the service drains.
    fn begin(&self) -> Option<Counted<'_>> {
        let mut begun = false;
        self.0.send_if_modified(|open| {
            begun = !open.draining;
            open.sessions = open.sessions.saturating_add(usize::from(begun));
            begun
        });
        begun.then(|| Counted(self))
    }

    /// Lets no session begin from now on; how many are in progress.
    fn drain(&self) -> usize {
        self.0.send_modify(|open| open.draining = true);
        self.0.borrow().sessions
    }

    /// Resolves when there is none.
    async fn none(&self) {
        let mut open = self.0.subscribe();
        // Cannot fail: the sender lives in `self`.
        let _ = open.wait_for(|open| open.sessions == 0).await;
    }
}

/// One session in progress; ends when dropped, also by a panic.
struct Counted<'a>(&'a Sessions);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| open.sessions = open.sessions.saturating_sub(1));
    }
}

/// The file that says where the node can be reached, as long as it can.
struct ReadyFile<'a>(Option<&'a Path>);

impl<'a> ReadyFile<'a> {
    /// Removes what a killed service left; a file that is no such thing is not touched.
    fn absent(path: Option<&'a Path>) -> Result<Self, Failure> {
        if let Some(path) = path {
            match fs::symlink_metadata(path) {
                Err(_) => {}
                Ok(found) if !found.is_file() || !is_ours(path) => {
                    let text = Text::new("serve-ready-file").with("path", path);
                    return Err(Failure::new(Code::Output, text));
                }
                Ok(_) => fs::remove_file(path).map_err(|error| {
                    let text = Text::new("serve-ready-file-stays").with("path", path);
                    Failure::new(Code::Output, text.with("why", &error))
                })?,
            }
        }
        Ok(Self(path))
    }

    fn write(&self, address: SocketAddr) -> Result<(), Failure> {
        let Some(path) = self.0 else { return Ok(()) };
        let text = address.to_string();
        Ok(os::publish_atomically(path, os::PRIVATE_MODE, |out| out.write_all(text.as_bytes()))?)
    }
}

impl Drop for ReadyFile<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // It may never have been written.
            let _ = fs::remove_file(path);
        }
    }
}

/// True if a file holds an address and nothing else.
fn is_ours(path: &Path) -> bool {
    let small = fs::metadata(path).is_ok_and(|found| found.len() <= ADDRESS_BYTES_MAX);
    small
        && fs::read_to_string(path)
            .is_ok_and(|text| text.is_empty() || text.trim().parse::<SocketAddr>().is_ok())
}

/// Keeper of the account of the door.
struct DoorWatch {
    book: DoorBook,
    /// Figures that are in the account already.
    handshakes: HandshakeFigures,
    connections: BTreeMap<[u8; 32], ConnectionFigures>,
    come_back: BTreeMap<[u8; 32], ComeBack>,
    /// The account as it was last written, and when.
    written: (DoorBook, Instant),
    /// The last line of the log about a crowd, and those turned away until then.
    told: Option<(Instant, u64)>,
}

impl DoorWatch {
    /// Takes up the account of the last service, and the addresses in it.
    fn begin(service: &Service, endpoint: &ProviderEndpoint) -> Self {
        let book = DoorBook::read(&service.home);
        endpoint.remember_addresses(book.known());
        Self {
            written: (book.clone(), Instant::now()),
            book,
            handshakes: HandshakeFigures::default(),
            connections: BTreeMap::new(),
            come_back: BTreeMap::new(),
            told: None,
        }
    }

    /// Brings the account up to date, and writes it if it changed and enough time is gone, or
    /// `last`.
    fn note(&mut self, service: &Service, endpoint: &ProviderEndpoint, pins: &Pins, last: bool) {
        let day = super::day_of(SystemClock::new().now_unix());
        self.book.turn_to(day);
        let handshakes = endpoint.handshakes();
        let more = |now: u64, before: u64| now.saturating_sub(before);
        let Self { book, handshakes: before, .. } = self;
        book.failed = book.failed.wrapping_add(more(handshakes.failed, before.failed));
        let turned_away = more(handshakes.turned_away, before.turned_away);
        book.turned_away = book.turned_away.wrapping_add(turned_away);
        self.handshakes = handshakes;
        for (key, figures) in endpoint.connections_by_key() {
            let before = self.connections.insert(key, figures).unwrap_or_default();
            let Some(party) = pins.party(&key) else { continue };
            let admitted = more(figures.admitted, before.admitted);
            let refused = more(figures.refused, before.refused);
            self.book.add(&party.0, Connections { admitted, refused, come_back: 0 });
        }
        for (party, back) in service.readings.come_back() {
            let before = self.come_back.insert(party, back).unwrap_or_default();
            let come_back = more(back.asked, before.asked);
            self.book.add(&party, Connections { come_back, ..Connections::default() });
        }
        self.book.know(endpoint.known_addresses());
        self.tell();
        let (written, at) = &self.written;
        if *written == self.book || !(last || at.elapsed() >= WRITE_EVERY) {
            return;
        }
        if let Err(error) = self.book.write(&service.home) {
            tracing::warn!(target: "veilmatch::session", %error, "connections not noted yet");
        }
        self.written = (self.book.clone(), Instant::now());
    }

    /// Tells the log of handshakes that found no place: not more than a line a minute.
    fn tell(&mut self) {
        let HandshakeFigures { in_progress, turned_away, gave_way, .. } = self.handshakes;
        let before = self.told.map_or(0, |(_, before)| before);
        let all = turned_away + gave_way;
        let since = all - before;
        if since == 0 || self.told.is_some_and(|(told, _)| told.elapsed() < CROWD_EVERY) {
            return;
        }
        self.told = Some((Instant::now(), all));
        tracing::warn!(
            target: "veilmatch::session",
            found_no_place = since,
            in_progress,
            "more handshakes than there are places"
        );
    }
}

const RELOAD_EVERY: Duration = Duration::from_secs(2);
const RENEW_EVERY: Duration = Duration::from_secs(600);
const WRITE_EVERY: Duration = Duration::from_secs(10);
const CROWD_EVERY: Duration = Duration::from_secs(60);
/// Longest wait for sessions that are told to end.
const CLOSING: Duration = Duration::from_secs(3);
const ADDRESS_BYTES_MAX: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_session_begins_while_others_end() {
        let sessions = Sessions::default();
        let first = sessions.begin().unwrap();
        let second = sessions.begin().unwrap();
        assert_eq!(sessions.drain(), 2);
        assert!(sessions.begin().is_none());
        drop(first);
        assert!(timeout(Duration::from_millis(10), sessions.none()).await.is_err());
        drop(second);
        sessions.none().await;
    }

    #[test]
    fn ready_file_is_there_only_while_ready() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ready");
        fs::write(&path, "127.0.0.1:4433").unwrap();
        let ready = ReadyFile::absent(Some(&path)).unwrap();
        assert!(!path.exists(), "a killed service left it");
        ready.write("127.0.0.1:1".parse().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "127.0.0.1:1");
        drop(ready);
        assert!(!path.exists());
        ReadyFile::absent(None).unwrap().write("127.0.0.1:1".parse().unwrap()).unwrap();
        // Nobody's file is destroyed.
        fs::write(&path, "n_min = 1000\n").unwrap();
        assert_eq!(ReadyFile::absent(Some(&path)).err().unwrap().exit().code(), 73);
        assert!(ReadyFile::absent(Some(dir.path())).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "n_min = 1000\n");
    }
}
