//! Shares of the service's memory and of its work, so that no partner slows another down beyond
//! its own share [S-12].
//!
//! A partner has one session at a time and the engine takes a task of each in turn; here are the
//! memory of spills, the turns at making tables, and the pace at which tables are read for partners
//! who then ask nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, LockResult, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use channel::pace::{Pace, PaceLimits};

/// Memory for the spills of all sessions.
#[derive(Debug, Clone)]
pub(super) struct SpillMemory {
    all: usize,
    left: Arc<Mutex<usize>>,
}

impl SpillMemory {
    pub(super) fn new(all: usize) -> Self {
        Self { all, left: Arc::new(Mutex::new(all)) }
    }

    /// Takes the share of one session: a quarter of all, at most half of the rest, and the least
    /// with which one can work even if nothing is left. More memory means fewer runs to merge.
    pub(super) fn take(&self) -> SpillShare {
        let mut left = held(&self.left);
        let bytes = (self.all / SESSIONS_SPILLING).min(*left / 2).max(SPILL_BYTES_MIN);
        let counted = bytes.min(*left);
        *left -= counted;
        SpillShare { memory: self.clone(), bytes, counted }
    }
}

/// Share of one session; goes back when dropped.
#[derive(Debug)]
pub(super) struct SpillShare {
    memory: SpillMemory,
    /// Bytes that the session may use.
    pub(super) bytes: usize,
    counted: usize,
}

impl Drop for SpillShare {
    fn drop(&mut self) {
        let mut left = held(&self.memory.left);
        *left += self.counted;
    }
}

/// Turns at making one table, in the order in which they were asked for: memory then does not grow
/// with the number of partners, and a partner waits for one table of each other partner.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    asked: u64,
    ended: u64,
}

impl Turns {
    /// Waits for a turn, which ends when it is dropped, also by a panic.
    pub(super) fn wait(&self) -> Turn<'_> {
        let mut state = held(&self.state);
        let number = state.asked;
        state.asked = state.asked.wrapping_add(1);
        while state.ended != number {
            state = sound(self.changed.wait(state));
        }
        Turn(self)
    }
}

/// A turn.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = held(&self.0.state);
        state.ended = state.ended.wrapping_add(1);
        self.0.changed.notify_all();
    }
}

/// Connections of a partner that came to no opening, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ComeBack {
    /// Asked to come back: a session was live, no table was ready, or it came too often.
    pub(super) asked: u64,
}

/// Pace at which the tables of each partner are read, and how often it was asked to come back.
#[derive(Debug, Default)]
pub(super) struct Readings(Mutex<BTreeMap<[u8; 32], (Pace, ComeBack)>>);

impl Readings {
    /// Counts a reading of a partner's tables; false if it came too often without asking anything.
    pub(super) fn begin(&self, partner: [u8; 32], now: Instant) -> bool {
        let mut readings = held(&self.0);
        let (pace, _) = readings.entry(partner).or_default();
        pace.step(now, READINGS).is_ok()
    }

    /// Takes back a reading that led to an opening, of which a day has so many.
    pub(super) fn opened(&self, partner: &[u8; 32]) {
        if let Some((pace, _)) = held(&self.0).get_mut(partner) {
            pace.take_back(READINGS);
        }
    }

    /// Counts a connection that was asked to come back.
    pub(super) fn came_to_nothing(&self, partner: [u8; 32]) {
        let mut readings = held(&self.0);
        let (_, back) = readings.entry(partner).or_default();
        back.asked += 1;
    }

    /// Connections of each partner that were asked to come back since the service started.
    pub(super) fn come_back(&self) -> BTreeMap<[u8; 32], ComeBack> {
        held(&self.0).iter().map(|(partner, (_, back))| (*partner, *back)).collect()
    }
}

/// Locks a value that every holder changes in one step, so that no panic leaves it half-changed.
pub(super) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    sound(lock.lock())
}

fn sound<T>(locked: LockResult<T>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}

/// Parts of the memory of the settings, of which a session gets one at most.
const SESSIONS_SPILLING: usize = 4;
const SPILL_BYTES_MIN: usize = 1 << 20;
/// A partner that waits for its table comes every five seconds.
const READINGS: PaceLimits = PaceLimits { at_once: 16, every: Duration::from_secs(5) };

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn sessions_together_take_no_more_memory_than_there_is() {
        let memory = SpillMemory::new(192 << 20);
        let first = memory.take();
        assert_eq!(first.bytes, 48 << 20);
        let more: Vec<_> = (0..100).map(|_| memory.take()).collect();
        let shared: usize = more.iter().map(|share| share.counted).sum();
        assert!(shared + first.counted <= 192 << 20);
        assert!(more.iter().all(|share| share.bytes >= 1 << 20), "and each can work");
        assert!(more.iter().map(|share| share.bytes).sum::<usize>() < (192 + 100) << 20);
        drop(more);
        drop(first);
        assert_eq!(*held(&memory.left), 192 << 20);
        assert_eq!(memory.take().bytes, 48 << 20);
    }

    #[test]
    fn turns_come_in_the_order_in_which_they_were_asked_for() {
        let turns = Arc::new(Turns::default());
        let first = turns.wait();
        let (sender, order) = mpsc::channel();
        let mut waiting = Vec::new();
        for number in 0..8_u64 {
            let (asks, sender) = (Arc::clone(&turns), sender.clone());
            waiting.push(std::thread::spawn(move || {
                let _turn = asks.wait();
                sender.send(number).unwrap();
                assert!(number != 3, "a turn that ends by a panic ends");
            }));
            while held(&turns.state).asked < number + 2 {
                std::thread::yield_now();
            }
        }
        assert!(order.try_recv().is_err());
        drop(first);
        let came: Vec<u64> = (0..8).map(|_| order.recv().unwrap()).collect();
        assert_eq!(came, [0, 1, 2, 3, 4, 5, 6, 7]);
        let panicked = waiting.into_iter().filter_map(|thread| thread.join().err()).count();
        assert_eq!(panicked, 1);
    }

    #[test]
    fn partner_that_asks_nothing_has_its_tables_read_at_a_pace() {
        let readings = Readings::default();
        let begun = Instant::now();
        let read = |partner, now, times: u32| {
            (0..times).filter(|_| readings.begin([partner; 32], now)).count()
        };
        assert_eq!(read(1, begun, 1_000), 16);
        assert_eq!(read(2, begun, 1), 1, "nor does that count for another partner");
        assert_eq!(read(1, begun + Duration::from_secs(60), 1_000), 12);
        // One that asks is bounded by the openings of a day instead.
        for _ in 0..100 {
            readings.opened(&[2; 32]);
            assert_eq!(read(2, begun, 1), 1);
        }
        readings.came_to_nothing([1; 32]);
        assert_eq!(readings.come_back().get(&[1; 32]).unwrap().asked, 1);
    }
}
