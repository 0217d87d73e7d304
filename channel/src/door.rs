//! The provider's door: who may have a handshake in progress, and for how long.
//!
//! Nothing is kept for an address before it has proved itself by a QUIC Retry. From then on each
//! handshake holds a place until its certificate has been judged, and places are shared out so that
//! nobody who stalls can keep the others out [S-10]: a cap for each address, a wider one for each
//! network, and places of their own for addresses from which a partner has authenticated before.
//! Within a share that is taken, whoever comes next takes the place of the oldest that has had its
//! least time: a flood in the neighbourhood, or even from the same address, keeps nobody out as
//! long as it is slower than that. Memory is bounded by the places and by the number of partners.
//!
//! An *address* is an IPv4 address or an IPv6 /64, which one subscriber has whole; a *network* is
//! an IPv4 /24 or an IPv6 /48, the smallest that is routed by itself and commonly the largest that
//! one customer is given.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::held;

/// Shares of the handshakes in progress; the defaults are those of production.
#[derive(Debug, Clone)]
pub struct DoorLimits {
    /// Places for everybody.
    pub open: usize,
    /// Further places, for addresses from which a partner has authenticated before.
    pub reserved: usize,
    /// Open places of one address.
    pub per_address: usize,
    /// Open places of one network.
    pub per_network: usize,
    /// Reserved places of one address.
    pub reserved_per_address: usize,
    /// Addresses remembered for one partner, the latest ones.
    pub known_per_partner: usize,
    /// Handshakes in progress above which the shorter deadline holds.
    pub crowded_above: usize,
    /// Longest wait for the client's certificate while it is crowded.
    pub crowded_deadline: Duration,
    /// Time that nobody takes from a handshake, however many come from its address or network.
    pub least: Duration,
    /// Time for which a failed handshake keeps its place.
    pub failed_for: Duration,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self {
            open: 192,
            reserved: 64,
            per_address: 16,
            per_network: 64,
            reserved_per_address: 4,
            known_per_partner: 4,
            crowded_above: 64,
            crowded_deadline: Duration::from_secs(3),
            least: Duration::from_millis(500),
            failed_for: Duration::from_secs(1),
        }
    }
}

/// The places of one endpoint.
#[derive(Debug)]
pub(crate) struct Door {
    limits: DoorLimits,
    places: Mutex<Places>,
    /// True while more handshakes are in progress than leave everybody the longer deadline.
    crowded: watch::Sender<bool>,
    turned_away: AtomicU64,
    gave_way: AtomicU64,
    failed: AtomicU64,
    closed: AtomicBool,
}

/// Figures of the handshakes of an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandshakeFigures {
    /// Handshakes in progress.
    pub in_progress: usize,
    /// Found no place so far.
    pub turned_away: u64,
    /// Gave their place to a newcomer from the same address or network so far.
    pub gave_way: u64,
    /// Ended without an authenticated partner so far, those that gave way among them.
    pub failed: u64,
}

/// Handshakes in progress, each under a number of its own, so that the oldest come first; counted
/// anew where a share is asked for, because there are a few hundred at most.
#[derive(Debug, Default)]
struct Places {
    next: u64,
    taken: BTreeMap<u64, Taken>,
    known: Known,
}

/// A place in use.
#[derive(Debug)]
struct Taken {
    kind: Kind,
    address: Address,
    since: Instant,
    /// Told once the place is another's.
    lost: Arc<Notify>,
}

impl Door {
    pub(crate) fn new(limits: DoorLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            places: Mutex::default(),
            crowded: watch::Sender::new(false),
            turned_away: AtomicU64::new(0),
            gave_way: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// Takes a place for a handshake from an address that has proved itself; `None` if there is
    /// none for it.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let since = Instant::now();
        let open = !self.closed.load(Ordering::SeqCst);
        let taken = open.then(|| self.places().take(Address::of(from), since, &self.limits));
        let Some(entry) = taken.flatten() else {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        if let Some(lost) = entry.instead_of {
            self.gave_way.fetch_add(1, Ordering::Relaxed);
            lost.notify_one();
        }
        self.tell();
        let Entry { number, lost, .. } = entry;
        Some(Place { door: Arc::clone(self), number, since, lost })
    }

    /// Gives no place any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Remembers where a partner authenticated from.
    pub(crate) fn remember(&self, partner: [u8; 32], from: IpAddr) {
        let most = self.limits.known_per_partner;
        self.places().known.remember(partner, Address::of(from), most);
    }

    /// Forgets the addresses of partners that are none any more.
    pub(crate) fn keep(&self, is_partner: impl Fn(&[u8; 32]) -> bool) {
        self.places().known.keep(is_partner);
    }

    /// Addresses of partners, the oldest of each first.
    pub(crate) fn known(&self) -> Vec<([u8; 32], IpAddr)> {
        let places = self.places();
        let of_partner = places.known.of_partner.iter();
        of_partner
            .flat_map(|(partner, addresses)| addresses.iter().map(|at| (*partner, at.first())))
            .collect()
    }

    pub(crate) fn figures(&self) -> HandshakeFigures {
        HandshakeFigures {
            in_progress: self.places().taken.len(),
            turned_away: self.turned_away.load(Ordering::Relaxed),
            gave_way: self.gave_way.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    fn tell(&self) {
        let crowded = self.places().taken.len() > self.limits.crowded_above;
        self.crowded.send_if_modified(|was| std::mem::replace(was, crowded) != crowded);
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        held(&self.places)
    }
}

/// A place that was found.
#[derive(Debug)]
struct Entry {
    number: u64,
    lost: Arc<Notify>,
    /// The handshake that had it before, if it has to give way.
    instead_of: Option<Arc<Notify>>,
}

impl Places {
    /// Takes a free place, or that of an older handshake from the same address or network.
    fn take(&mut self, address: Address, now: Instant, limits: &DoorLimits) -> Option<Entry> {
        let network = address.network();
        let (mut open, mut of_address, mut of_network) = (0, 0, 0);
        let (mut reserved, mut reserved_of) = (0, 0);
        for Taken { kind, address: held, .. } in self.taken.values() {
            match kind {
                Kind::Open => {
                    open += 1;
                    of_address += usize::from(*held == address);
                    of_network += usize::from(held.network() == network);
                }
                Kind::Reserved => {
                    reserved += 1;
                    reserved_of += usize::from(*held == address);
                }
            }
        }
        let known = self.known.contains(&address);
        let in_share = of_address < limits.per_address && of_network < limits.per_network;
        if open < limits.open && in_share {
            return Some(self.put(Kind::Open, address, now));
        }
        if known && reserved < limits.reserved && reserved_of < limits.reserved_per_address {
            return Some(self.put(Kind::Reserved, address, now));
        }
        let least = limits.least;
        let victim = if of_address >= limits.per_address {
            self.oldest(now, least, |one| one.kind == Kind::Open && one.address == address)
        } else if of_network >= limits.per_network {
            self.oldest_of_most(network, now, least)
        } else {
            // Nobody whose own share is free of crowds has to give way to strangers.
            None
        };
        let victim = victim.or_else(|| {
            known.then(|| {
                self.oldest(now, least, |one| one.kind == Kind::Reserved && one.address == address)
            })?
        })?;
        let given = self.taken.remove(&victim)?;
        let entry = self.put(given.kind, address, now);
        Some(Entry { instead_of: Some(given.lost), ..entry })
    }

    fn put(&mut self, kind: Kind, address: Address, since: Instant) -> Entry {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let lost = Arc::new(Notify::new());
        self.taken.insert(number, Taken { kind, address, since, lost: Arc::clone(&lost) });
        Entry { number, lost, instead_of: None }
    }

    /// The oldest of these places that has had its least time.
    fn oldest(&self, now: Instant, least: Duration, is_of: impl Fn(&Taken) -> bool) -> Option<u64> {
        let (number, _) = self
            .taken
            .iter()
            .find(|(_, one)| is_of(one) && now.duration_since(one.since) >= least)?;
        Some(*number)
    }

    /// The oldest place of the address in a network that has most of its open places.
    fn oldest_of_most(&self, network: Network, now: Instant, least: Duration) -> Option<u64> {
        let mut held: BTreeMap<Address, usize> = BTreeMap::new();
        let open = |one: &&Taken| one.kind == Kind::Open && one.address.network() == network;
        for one in self.taken.values().filter(open) {
            *held.entry(one.address).or_default() += 1;
        }
        let most = held.values().copied().max()?;
        self.oldest(now, least, |one| {
            one.kind == Kind::Open && held.get(&one.address) == Some(&most)
        })
    }
}

/// Share that a place is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Open,
    Reserved,
}

/// The place of one handshake, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Door>,
    number: u64,
    since: Instant,
    lost: Arc<Notify>,
}

impl Place {
    /// Resolves when the handshake has had its time: `longest`, or less while it is crowded; or
    /// when it has to give way.
    ///
    /// A handshake that began when it was quiet has no right to the longer time: otherwise whoever
    /// came before the crowd would hold places three times as long as whoever comes with it.
    pub(crate) async fn overdue(&self, longest: Duration) {
        let mut changes = self.door.crowded.subscribe();
        loop {
            let crowded = *changes.borrow_and_update();
            let short = self.door.limits.crowded_deadline.min(longest);
            let allowed = if crowded { short } else { longest };
            tokio::select! {
                biased;
                // The sender lives in the door, which this place holds.
                Ok(()) = changes.changed() => {}
                () = self.lost.notified() => return,
                () = sleep_until(self.since + allowed) => return,
            }
        }
    }

    /// Keeps the place of a failed handshake for a little while, so that one address fails at a
    /// bounded rate.
    pub(crate) fn fail(self) {
        self.door.failed.fetch_add(1, Ordering::Relaxed);
        let time = self.door.limits.failed_for;
        tokio::spawn(async move {
            sleep(time).await;
            drop(self);
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.places().taken.remove(&self.number);
        self.door.tell();
    }
}

/// The latest addresses of each partner.
#[derive(Debug, Default)]
struct Known {
    of_partner: BTreeMap<[u8; 32], VecDeque<Address>>,
    /// The partners that have an address.
    partners_at: BTreeMap<Address, BTreeSet<[u8; 32]>>,
}

impl Known {
    fn contains(&self, address: &Address) -> bool {
        self.partners_at.contains_key(address)
    }

    fn remember(&mut self, partner: [u8; 32], address: Address, most: usize) {
        let addresses = self.of_partner.entry(partner).or_default();
        addresses.retain(|known| *known != address);
        addresses.push_back(address);
        self.partners_at.entry(address).or_default().insert(partner);
        while addresses.len() > most {
            if let Some(oldest) = addresses.pop_front() {
                forget(&mut self.partners_at, oldest, &partner);
            }
        }
    }

    fn keep(&mut self, is_partner: impl Fn(&[u8; 32]) -> bool) {
        let partners_at = &mut self.partners_at;
        self.of_partner.retain(|partner, addresses| {
            let kept = is_partner(partner);
            if !kept {
                addresses.drain(..).for_each(|address| forget(partners_at, address, partner));
            }
            kept
        });
    }
}

fn forget(
    partners_at: &mut BTreeMap<Address, BTreeSet<[u8; 32]>>,
    address: Address,
    partner: &[u8; 32],
) {
    if let Some(partners) = partners_at.get_mut(&address) {
        partners.remove(partner);
        if partners.is_empty() {
            partners_at.remove(&address);
        }
    }
}

/// Address range of one host or one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Address {
    V4(Ipv4Addr),
    /// The first 64 bits.
    V6([u8; 8]),
}

/// Address range that one organisation commonly has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Network {
    V4([u8; 3]),
    V6([u8; 6]),
}

impl Address {
    fn of(address: IpAddr) -> Self {
        // A socket for both families shows IPv4 addresses inside IPv6 ones.
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = Ipv6Addr::octets(&address);
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    /// The first address of the range.
    fn first(self) -> IpAddr {
        match self {
            Self::V4(address) => address.into(),
            Self::V6(prefix) => {
                let mut octets = [0; 16];
                octets.iter_mut().zip(prefix).for_each(|(to, from)| *to = from);
                Ipv6Addr::from(octets).into()
            }
        }
    }

    const fn network(self) -> Network {
        match self {
            Self::V4(address) => {
                let [a, b, c, _] = address.octets();
                Network::V4([a, b, c])
            }
            Self::V6([a, b, c, d, e, f, ..]) => Network::V6([a, b, c, d, e, f]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The default shares, of which nobody loses a place while a busy machine runs the test.
    fn unhurried() -> DoorLimits {
        DoorLimits { least: Duration::from_secs(3_600), ..DoorLimits::default() }
    }

    /// Takes all places that an address gets.
    fn fill(door: &Arc<Door>, from: &str) -> Vec<Place> {
        std::iter::from_fn(|| door.enter(ip(from))).take(1_000).collect()
    }

    #[test]
    fn one_address_gets_its_share_and_no_more() {
        let door = Door::new(unhurried());
        let held = fill(&door, "192.0.2.1");
        assert_eq!(held.len(), 16);
        assert_eq!(fill(&door, "::ffff:192.0.2.1").len(), 0, "the same address in other clothes");
        assert!(door.enter(ip("192.0.2.2")).is_some());
        assert_eq!(door.figures().turned_away, 2);
        drop(held);
        assert_eq!(fill(&door, "192.0.2.1").len(), 16);
        assert_eq!(door.figures().in_progress, 0);
        door.close();
        assert!(door.enter(ip("192.0.2.1")).is_none());
    }

    #[test]
    fn one_network_gets_its_share_and_no_more() {
        let door = Door::new(unhurried());
        let held: Vec<_> =
            (1..=255).flat_map(|host| fill(&door, &format!("192.0.2.{host}"))).collect();
        assert_eq!(held.len(), 64);
        assert!(door.enter(ip("192.0.3.1")).is_some());
        // One subscriber of IPv6 has 2^64 addresses, and one customer 2^16 subscribers' worth.
        let one: Vec<_> =
            (0..999).filter_map(|host| door.enter(ip(&format!("2001:db8::{host:x}")))).collect();
        assert_eq!(one.len(), 16);
        let more: Vec<_> = (1..999)
            .filter_map(|subnet| door.enter(ip(&format!("2001:db8:0:{subnet:x}::1"))))
            .collect();
        assert_eq!(one.len() + more.len(), 64);
        assert!(door.enter(ip("2001:db8:1::1")).is_some());
    }

    #[test]
    fn address_that_authenticated_before_finds_a_place_in_any_crowd() {
        let door = Door::new(unhurried());
        door.remember([1; 32], ip("192.0.2.1"));
        let crowd: Vec<_> =
            (0..=255).flat_map(|net| fill(&door, &format!("10.0.{net}.1"))).collect();
        assert_eq!(crowd.len(), 192);
        assert!(door.enter(ip("198.51.100.1")).is_none());
        let known = fill(&door, "192.0.2.1");
        assert_eq!(known.len(), 4, "nor does it take the places of other partners");
        drop(known);
        door.keep(|_| false);
        assert!(door.enter(ip("192.0.2.1")).is_none(), "no partner any more");
    }

    #[test]
    fn memory_of_addresses_is_bounded_for_each_partner() {
        let door = Door::new(DoorLimits { open: 0, ..DoorLimits::default() });
        door.remember([2; 32], ip("203.0.113.9"));
        for host in 0..1_000 {
            door.remember([1; 32], ip(&format!("2001:db8:0:{host:x}::1")));
        }
        assert!(door.enter(ip("2001:db8::1")).is_none(), "forgotten");
        assert!(door.enter(ip(&format!("2001:db8:0:{:x}::1", 999))).is_some());
        assert!(door.enter(ip("203.0.113.9")).is_some(), "another partner's");
        let known = door.places();
        assert_eq!((known.known.of_partner.len(), known.known.partners_at.len()), (2, 5));
    }

    /// Places under a clock of the test's own, whose half-open handshakes end after ten seconds.
    struct Simulated {
        places: Places,
        now: Instant,
        limits: DoorLimits,
    }

    impl Simulated {
        fn new() -> Self {
            Self { places: Places::default(), now: Instant::now(), limits: DoorLimits::default() }
        }

        fn pass(&mut self, time: Duration) {
            self.now += time;
            let now = self.now;
            self.places.taken.retain(|_, one| now - one.since < Duration::from_secs(10));
        }

        fn enter(&mut self, from: &str) -> Option<u64> {
            let entry = self.places.take(Address::of(ip(from)), self.now, &self.limits);
            entry.map(|entry| entry.number)
        }

        /// Lets `per_second` half-open handshakes come from these addresses in turn for a minute;
        /// shares of the handshakes of `honest`, one a second, that found a place, and that kept
        /// it for as long as a slow path takes.
        fn flooded(&mut self, per_second: u32, from: &[String], honest: &str) -> (f64, f64) {
            let gap = Duration::from_secs(1) / per_second;
            let slow_path = Duration::from_millis(400);
            let (mut found, mut kept, mut tried) = (0_u32, 0_u32, 0_u32);
            let mut trying: Option<(u64, Instant)> = None;
            let (every, mut next) = (per_second as usize + 7, 0);
            let all = 60 * per_second as usize;
            for (n, from) in from.iter().cycle().take(all).enumerate() {
                self.enter(from);
                // Not in step with the flood.
                if n == next && n < all - per_second as usize {
                    next += every;
                    tried += 1;
                    trying = self.enter(honest).map(|number| (number, self.now));
                    found += u32::from(trying.is_some());
                }
                self.pass(gap);
                if let Some((number, since)) = trying
                    && self.now - since >= slow_path
                {
                    kept += u32::from(self.places.taken.remove(&number).is_some());
                    trying = None;
                }
            }
            assert!(tried > 45, "{tried}");
            (f64::from(found) / f64::from(tried), f64::from(kept) / f64::from(tried))
        }
    }

    fn addresses(network: &str, count: u8) -> Vec<String> {
        (1..=count).map(|host| format!("{network}.{host}")).collect()
    }

    #[test]
    fn flood_keeps_nobody_out_not_even_at_its_own_address() {
        // The attack that was seen: 29 half-open handshakes a second.
        let one = addresses("198.51.100", 1);
        for honest in ["203.0.113.1", "198.51.100.9", "198.51.100.1"] {
            assert_eq!(Simulated::new().flooded(29, &one, honest), (1.0, 1.0), "{honest}");
        }
        // From 50 addresses of one network, 100 a second.
        let many = addresses("198.51.100", 50);
        for honest in ["203.0.113.1", "198.51.100.99", "198.51.100.1"] {
            assert_eq!(Simulated::new().flooded(100, &many, honest), (1.0, 1.0), "{honest}");
        }
        // A hundred times the attack: only who shares its address has to try again and again.
        assert_eq!(Simulated::new().flooded(2_900, &one, "203.0.113.1"), (1.0, 1.0));
    }

    #[test]
    fn nobody_gives_way_to_strangers() {
        let mut simulated = Simulated::new();
        let honest = simulated.enter("203.0.113.1").unwrap();
        for second in 0..9 {
            for net in 0..=255 {
                (0..20).for_each(|_| {
                    simulated.enter(&format!("10.{second}.{net}.1"));
                });
            }
            simulated.pass(Duration::from_secs(1));
        }
        assert_eq!(simulated.places.taken.len(), 192);
        assert!(simulated.places.taken.contains_key(&honest), "it has its ten seconds");
    }

    #[test]
    fn newcomer_takes_a_place_of_whoever_has_most_in_its_network() {
        let mut simulated = Simulated::new();
        let modest = simulated.enter("198.51.100.99").unwrap();
        for from in addresses("198.51.100", 5) {
            (0..20).for_each(|_| {
                simulated.enter(&from);
            });
        }
        assert_eq!(simulated.places.taken.len(), 64);
        assert!(simulated.enter("198.51.100.98").is_none(), "everybody has a least time");
        simulated.pass(simulated.limits.least);
        assert!(simulated.enter("198.51.100.98").is_some());
        assert!(simulated.places.taken.contains_key(&modest), "though it is the oldest");
        assert_eq!(simulated.places.taken.len(), 64);
    }

    #[tokio::test]
    async fn handshake_that_gives_way_ends_at_once() {
        let limits = DoorLimits { least: Duration::ZERO, per_address: 1, ..DoorLimits::default() };
        let door = Door::new(limits);
        let first = door.enter(ip("192.0.2.1")).unwrap();
        let second = door.enter(ip("192.0.2.1")).unwrap();
        let hour = Duration::from_secs(3_600);
        tokio::time::timeout(Duration::from_secs(60), first.overdue(hour)).await.unwrap();
        first.fail();
        let figures = door.figures();
        assert_eq!((figures.in_progress, figures.gave_way, figures.failed), (1, 1, 1));
        let waiting = second.overdue(hour);
        assert!(tokio::time::timeout(Duration::from_millis(20), waiting).await.is_err());
    }

    #[test]
    fn addresses_known_are_taken_up_again() {
        let door = Door::new(DoorLimits::default());
        for (partner, from) in [([1; 32], "192.0.2.1"), ([2; 32], "2001:db8:1:2:3::4")] {
            door.remember(partner, ip(from));
        }
        let again = Door::new(DoorLimits { open: 0, ..DoorLimits::default() });
        let known = door.known();
        assert_eq!(known, [([1; 32], ip("192.0.2.1")), ([2; 32], ip("2001:db8:1:2::"))]);
        known.into_iter().for_each(|(partner, from)| again.remember(partner, from));
        assert!(again.enter(ip("2001:db8:1:2:ffff::9")).is_some());
        assert!(again.enter(ip("192.0.2.2")).is_none());
    }

    #[tokio::test]
    async fn certificate_is_due_sooner_in_a_crowd() {
        let short = Duration::from_millis(50);
        let limits = DoorLimits { crowded_deadline: short, ..DoorLimits::default() };
        let door = Door::new(limits);
        let quiet = door.enter(ip("192.0.2.1")).unwrap();
        let begun = Instant::now();
        quiet.overdue(Duration::from_millis(200)).await;
        assert!(begun.elapsed() >= Duration::from_millis(200));

        // A crowd that comes later shortens the time of those who came before.
        let early = door.enter(ip("192.0.2.1")).unwrap();
        let hour = Duration::from_secs(3_600);
        let (begun, waiting) = (Instant::now(), early.overdue(hour));
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(short * 2, &mut waiting).await.is_err(), "no crowd yet");
        let crowd: Vec<_> = (0..5).flat_map(|net| fill(&door, &format!("10.0.{net}.1"))).collect();
        assert!(crowd.len() > 64);
        waiting.await;
        assert!(begun.elapsed() < hour);
    }

    #[tokio::test]
    async fn failed_handshake_keeps_its_place_for_a_while() {
        let door = Door::new(DoorLimits {
            failed_for: Duration::from_millis(200),
            ..DoorLimits::default()
        });
        fill(&door, "192.0.2.1").into_iter().for_each(Place::fail);
        assert!(door.enter(ip("192.0.2.1")).is_none());
        let limit = Instant::now() + Duration::from_secs(60);
        while door.enter(ip("192.0.2.1")).is_none() {
            assert!(Instant::now() < limit);
            tokio::task::yield_now().await;
        }
    }
}
