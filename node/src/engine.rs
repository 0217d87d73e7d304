//! Worker threads for the arithmetic of sessions and tables.
//!
//! Arithmetic never runs on the async runtime: keep-alives and control messages go out while every
//! core multiplies. Every session has a queue of its own, and threads take one task from each in
//! turn: however many tasks a session queues, a task of another waits for no more than one of them,
//! beside those that run [S-12].

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LockResult, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use protocol::batch_hash::BatchHash;
use protocol::error::{Bug, Violation};
use protocol::group::{BadElement, BatchArithmetic, Element, Encoded, PublicScalar, SecretScalar};
use protocol::identifier::PrfInput;
use report::{Code, Diagnose, Text};
use ristretto_batch::{BadReason, Hash};
use session::{Computed, Task};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use store::os;

/// A pool of threads over the fastest arithmetic this machine has.
#[derive(Debug)]
pub struct Engine {
    queues: Arc<Queues>,
    arithmetic: Arc<BatchEngine>,
    threads: usize,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queues.close();
    }
}

impl Engine {
    /// Starts a pool; `threads` of 0 means one per core.
    #[must_use]
    pub fn start(threads: usize) -> Arc<Self> {
        let available = thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { available } else { threads };
        let arithmetic = Arc::new(BatchEngine::detect());
        let queues = Arc::new(Queues::default());
        for number in 0..threads {
            let (queues, arithmetic) = (Arc::clone(&queues), Arc::clone(&arithmetic));
            // A thread that cannot be started leaves the others with its share of the work.
            let _ = thread::Builder::new()
                .name(format!("arithmetic-{number}"))
                .spawn(move || work(&queues, &arithmetic));
        }
        Arc::new(Self { queues, arithmetic, threads })
    }

    /// Name of the backend, for people.
    #[must_use]
    pub fn backend(&self) -> String {
        self.arithmetic.0.backend().to_string()
    }

    /// The arithmetic, for work outside a session.
    #[must_use]
    pub fn arithmetic(&self) -> &dyn BatchArithmetic {
        &*self.arithmetic
    }

    /// Number of threads.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }

    /// Elements a second that an advertiser's session blinds, checks and unblinds on all threads,
    /// measured for about `span`.
    #[must_use]
    pub fn measure(&self, span: Duration) -> f64 {
        let started = Instant::now();
        let done: u64 = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads)
                .map(|_| {
                    scope.spawn(|| {
                        let mut done = 0_u64;
                        loop {
                            done = done.saturating_add(work_through(self.arithmetic()));
                            if started.elapsed() >= span {
                                break done;
                            }
                        }
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or(0)).sum()
        });
        done as f64 / started.elapsed().as_secs_f64()
    }

    /// A place for one session's tasks and their results.
    #[must_use]
    pub fn bench(self: &Arc<Self>) -> Workbench {
        let (results, inbox) = unbounded_channel();
        let queue = self.queues.open();
        let engine = Arc::clone(self);
        Workbench { engine, queue, results, inbox, pending: 0, spent: BTreeMap::new() }
    }
}

/// One session's tasks and results.
#[derive(Debug)]
pub struct Workbench {
    engine: Arc<Engine>,
    /// Number of its queue.
    queue: u64,
    results: UnboundedSender<Finished>,
    inbox: UnboundedReceiver<Finished>,
    pending: usize,
    spent: BTreeMap<&'static str, Spent>,
}

/// Cost of one kind of task so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Seconds of processor time.
    pub seconds: f64,
    /// Seconds of these in group arithmetic and hashing to group.
    pub arithmetic_seconds: f64,
    /// Elements worked on.
    pub elements: u64,
}

/// A task panicked: a defect of ours, which ends its session and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskPanicked(pub Bug);

impl Diagnose for TaskPanicked {
    fn code(&self) -> Code {
        self.0.code()
    }

    fn text(&self) -> Text {
        self.0.text()
    }
}

impl std::error::Error for TaskPanicked {}
report::told_in_english!(TaskPanicked);

impl Workbench {
    /// Queues a task.
    pub fn submit(&mut self, task: Task) {
        self.pending = self.pending.saturating_add(1);
        let results = self.results.clone();
        self.engine.queues.push(self.queue, Job { task, results });
    }

    /// The next finished task; never resolves while nothing is queued.
    ///
    /// # Errors
    ///
    /// [`TaskPanicked`].
    pub async fn next(&mut self) -> Result<Computed, TaskPanicked> {
        let Some(finished) = self.inbox.recv().await else {
            return Err(TaskPanicked(Bug::invariant()));
        };
        self.pending = self.pending.saturating_sub(1);
        let spent = self.spent.entry(finished.name).or_default();
        spent.seconds += finished.took.as_secs_f64();
        spent.arithmetic_seconds += finished.arithmetic.as_secs_f64();
        spent.elements = spent.elements.saturating_add(finished.elements as u64);
        finished.computed.ok_or(TaskPanicked(Bug::invariant()))
    }

    /// Tasks queued or running.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.pending
    }

    /// Processor time by kind of task.
    #[must_use]
    pub const fn spent(&self) -> &BTreeMap<&'static str, Spent> {
        &self.spent
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        // Nobody waits any more for tasks that have not begun.
        self.engine.queues.forget(self.queue);
    }
}

/// Tasks that wait, a queue for each session.
#[derive(Debug, Default)]
struct Queues {
    waiting: Mutex<Waiting<Job>>,
    /// Told of every task that is queued, and of the end.
    changed: Condvar,
}

impl Queues {
    fn open(&self) -> u64 {
        let mut waiting = self.waiting();
        waiting.opened = waiting.opened.wrapping_add(1);
        waiting.opened
    }

    fn push(&self, queue: u64, job: Job) {
        self.waiting().push(queue, job);
        self.changed.notify_one();
    }

    fn forget(&self, queue: u64) {
        self.waiting().jobs.remove(&queue);
    }

    fn close(&self) {
        self.waiting().closed = true;
        self.changed.notify_all();
    }

    /// The next task in turn; waits for one, and gives `None` once the engine is gone.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.waiting();
        loop {
            if waiting.closed {
                return None;
            }
            match waiting.pop() {
                Some(job) => return Some(job),
                None => {
                    waiting = sound(self.changed.wait(waiting));
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<Job>> {
        sound(self.waiting.lock())
    }
}

/// Sound even after a panic: every change under the lock is a single step.
fn sound<T>(locked: LockResult<T>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}

/// Tasks by session, taken one from each session in turn.
#[derive(Debug)]
struct Waiting<T> {
    jobs: BTreeMap<u64, VecDeque<T>>,
    /// The session that was served last; the next one in number order is next.
    served: u64,
    /// Queues opened so far.
    opened: u64,
    closed: bool,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { jobs: BTreeMap::new(), served: 0, opened: 0, closed: false }
    }
}

impl<T> Waiting<T> {
    fn push(&mut self, queue: u64, job: T) {
        self.jobs.entry(queue).or_default().push_back(job);
    }

    fn pop(&mut self) -> Option<T> {
        let after = (Bound::Excluded(self.served), Bound::Unbounded);
        let later = self.jobs.range(after).next().map(|(number, _)| *number);
        let number = later.or_else(|| self.jobs.keys().next().copied())?;
        self.served = number;
        let queue = self.jobs.get_mut(&number)?;
        let job = queue.pop_front();
        if queue.is_empty() {
            self.jobs.remove(&number);
        }
        job
    }
}

#[derive(Debug)]
struct Job {
    task: Task,
    results: UnboundedSender<Finished>,
}

#[derive(Debug)]
struct Finished {
    name: &'static str,
    elements: usize,
    took: Duration,
    arithmetic: Duration,
    computed: Option<Computed>,
}

fn work(queues: &Queues, arithmetic: &BatchEngine) {
    while let Some(Job { task, results }) = queues.next() {
        let (name, elements) = (task.name(), task.elements());
        let arithmetic = Timed { arithmetic, nanoseconds: AtomicU64::new(0) };
        let started = os::thread_cpu();
        // The task is owned and gone either way, so nothing half-written survives a panic.
        let computed = catch_unwind(AssertUnwindSafe(|| task.run(&arithmetic))).ok();
        let took = os::thread_cpu().saturating_sub(started);
        let arithmetic = Duration::from_nanos(arithmetic.nanoseconds.into_inner());
        // A session that ended meanwhile no longer listens.
        let _ = results.send(Finished { name, elements, took, arithmetic, computed });
    }
}

/// Counts the processor time of one task in group arithmetic and hashing to group.
struct Timed<'a> {
    arithmetic: &'a BatchEngine,
    nanoseconds: AtomicU64,
}

impl Timed<'_> {
    fn count<T>(&self, work: impl FnOnce(&BatchEngine) -> T) -> T {
        let started = os::thread_cpu();
        let done = work(self.arithmetic);
        let took = os::thread_cpu().saturating_sub(started).as_nanos();
        self.nanoseconds.fetch_add(u64::try_from(took).unwrap_or_default(), Ordering::Relaxed);
        done
    }
}

impl BatchArithmetic for Timed<'_> {
    fn multiply(
        &self,
        by: &SecretScalar,
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        self.count(|it| it.multiply(by, elements, out))
    }

    fn multiply_each(
        &self,
        by: &[SecretScalar],
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        self.count(|it| it.multiply_each(by, elements, out))
    }

    fn multiply_base_each(&self, by: &[SecretScalar], out: &mut [Encoded]) {
        self.count(|it| it.multiply_base_each(by, out));
    }

    fn hash_multiply(
        &self,
        by: &SecretScalar,
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    ) {
        self.count(|it| it.hash_multiply(by, dst, inputs, out));
    }

    fn hash_multiply_each(
        &self,
        by: &[SecretScalar],
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    ) {
        self.count(|it| it.hash_multiply_each(by, dst, inputs, out));
    }

    fn vartime_sum(
        &self,
        weights: &[PublicScalar],
        elements: &[Encoded],
    ) -> Result<Encoded, BadElement> {
        self.count(|it| it.vartime_sum(weights, elements))
    }

    fn vartime_sum_pair(
        &self,
        weights: &[PublicScalar],
        first: &[Encoded],
        second: &[Encoded],
    ) -> Result<[Encoded; 2], BadElement> {
        self.count(|it| it.vartime_sum_pair(weights, first, second))
    }

    fn hash_each(&self, hash: BatchHash<'_>, messages: &[&[u8]], out: &mut [[u8; 64]]) {
        // Blinds, weights and tags are no group arithmetic.
        self.arithmetic.hash_each(hash, messages, out);
    }
}

/// Does an advertiser's work on a few elements that mean nothing, and tells how many they were.
fn work_through(arithmetic: &dyn BatchArithmetic) -> u64 {
    let bytes = |i: usize| [u8::try_from(i % 251).unwrap_or_default().saturating_add(3); 64];
    let by: Vec<SecretScalar> =
        (0..MEASURED).filter_map(|i| SecretScalar::from_wide_bytes(&bytes(i))).collect();
    let inputs: Vec<PrfInput> = (0..by.len()).map(|_| PrfInput::row_dummy(&[7; 32])).collect();
    let weights: Vec<PublicScalar> =
        (0..by.len()).filter_map(|_| PublicScalar::decode(&WEIGHT).ok()).collect();
    let mut blinded = vec![[0; 32]; by.len()];
    arithmetic.hash_multiply_each(&by, b"measure", &inputs, &mut blinded);
    let mut unblinded = vec![[0; 32]; by.len()];
    let sound = arithmetic.multiply_each(&by, &blinded, &mut unblinded).is_ok()
        && arithmetic.vartime_sum(&weights, &blinded).is_ok()
        && arithmetic.vartime_sum(&weights, &unblinded).is_ok();
    if sound { by.len() as u64 } else { 0 }
}

/// Elements of one step of a measurement.
const MEASURED: usize = 256;
/// A weight of 128 bits, as proofs have them.
const WEIGHT: [u8; 32] = *b"sixteen bytes...\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// [`BatchArithmetic`] over the vector engine.
#[derive(Debug)]
pub struct BatchEngine(ristretto_batch::Engine);

impl BatchEngine {
    /// The fastest arithmetic that this processor runs.
    #[must_use]
    pub fn detect() -> Self {
        Self(ristretto_batch::Engine::detect())
    }
}

impl BatchArithmetic for BatchEngine {
    fn multiply(
        &self,
        by: &SecretScalar,
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        self.0.multiply(&scalar(by), elements, out).map_err(bad_element)
    }

    fn multiply_each(
        &self,
        by: &[SecretScalar],
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        self.0.multiply_each(&scalars(by), elements, out).map_err(bad_element)
    }

    fn multiply_base_each(&self, by: &[SecretScalar], out: &mut [Encoded]) {
        let base = vec![Element::base().encode(); by.len()];
        // Eight lanes are faster on any point than a table is on this one.
        if self.multiply_each(by, &base, out).is_err() {
            std::panic::panic_any("the base point does not decode");
        }
    }

    fn hash_multiply(
        &self,
        by: &SecretScalar,
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    ) {
        self.0.hash_multiply(&scalar(by), dst, inputs, out);
    }

    fn hash_multiply_each(
        &self,
        by: &[SecretScalar],
        dst: &[u8],
        inputs: &[PrfInput],
        out: &mut [Encoded],
    ) {
        self.0.hash_multiply_each(&scalars(by), dst, inputs, out);
    }

    fn vartime_sum(
        &self,
        weights: &[PublicScalar],
        elements: &[Encoded],
    ) -> Result<Encoded, BadElement> {
        let weights: Vec<[u8; 32]> = weights.iter().map(|weight| weight.to_bytes()).collect();
        self.0.vartime_sum(&weights, elements).map_err(bad_element)
    }

    fn vartime_sum_pair(
        &self,
        weights: &[PublicScalar],
        first: &[Encoded],
        second: &[Encoded],
    ) -> Result<[Encoded; 2], BadElement> {
        let weights: Vec<[u8; 32]> = weights.iter().map(|weight| weight.to_bytes()).collect();
        self.0.vartime_sum_pair(&weights, first, second).map_err(bad_element)
    }

    fn hash_each(&self, hash: BatchHash<'_>, messages: &[&[u8]], out: &mut [[u8; 64]]) {
        let hash = match hash {
            BatchHash::Sha512 => Hash::Sha512,
            BatchHash::HmacSha512 { key } => Hash::HmacSha512 { key },
            BatchHash::ExpandXmd { dst } => Hash::ExpandXmd { dst },
        };
        self.0.hash_each(hash, messages, out);
    }
}

fn scalars(scalars: &[SecretScalar]) -> Vec<ristretto_batch::SecretScalar> {
    scalars.iter().map(scalar).collect()
}

/// Both types refuse the same values, so a scalar of one is always a scalar of the other.
fn scalar(scalar: &SecretScalar) -> ristretto_batch::SecretScalar {
    match ristretto_batch::SecretScalar::from_canonical_bytes(*scalar.expose_bytes()) {
        Some(scalar) => scalar,
        // Continuing with another scalar would leak or corrupt; stopping the task is right.
        None => std::panic::panic_any("a scalar that the engine refuses"),
    }
}

fn bad_element(bad: ristretto_batch::BadElement) -> BadElement {
    let violation = match bad.reason {
        BadReason::NotCanonical => Violation::ElementNotCanonical,
        BadReason::Identity => Violation::ElementIdentity,
    };
    BadElement { index: bad.index, violation }
}

#[cfg(test)]
mod tests {
    use protocol::group::Portable;

    use super::*;

    #[test]
    fn task_waits_for_one_of_each_other_session_however_many_they_queue() {
        let mut waiting = Waiting::default();
        for task in 0..1_000 {
            waiting.push(1, (1, task));
            waiting.push(3, (3, task));
        }
        assert_eq!(waiting.pop(), Some((1, 0)));
        waiting.push(2, (2, 0));
        waiting.push(2, (2, 1));
        let next: Vec<_> = (0..6).filter_map(|_| waiting.pop()).collect();
        assert_eq!(next, [(2, 0), (3, 0), (1, 1), (2, 1), (3, 1), (1, 2)]);
        // A session that ends takes what it queued along.
        waiting.jobs.remove(&3);
        assert_eq!(waiting.pop(), Some((1, 3)));
        let rest = std::iter::from_fn(|| waiting.pop()).collect::<Vec<_>>();
        assert_eq!(rest.len(), 996);
        assert!(waiting.jobs.is_empty(), "an empty queue takes no memory");
    }

    #[test]
    fn threads_end_with_their_engine() {
        let engine = Engine::start(2);
        let queues = Arc::downgrade(&engine.queues);
        let bench = engine.bench();
        drop(engine);
        assert!(queues.upgrade().is_some(), "a session still has it");
        drop(bench);
        let limit = Instant::now() + Duration::from_secs(60);
        while queues.upgrade().is_some() {
            assert!(Instant::now() < limit, "a thread waits for ever");
            thread::yield_now();
        }
    }

    #[test]
    fn engine_writes_the_bytes_of_portable() {
        let engine = BatchEngine::detect();
        let inputs: Vec<PrfInput> = (0..100).map(|i| PrfInput::row_dummy(&[i; 32])).collect();
        let by = SecretScalar::from_wide_bytes(&[9; 64]).unwrap();
        let each: Vec<SecretScalar> =
            (1..=100).map(|i| SecretScalar::from_wide_bytes(&[i; 64]).unwrap()).collect();
        let run = |arithmetic: &dyn BatchArithmetic| {
            let mut hashed = vec![[0; 32]; 100];
            arithmetic.hash_multiply(&by, b"dst", &inputs, &mut hashed);
            let mut multiplied = vec![[0; 32]; 100];
            arithmetic.multiply_each(&each, &hashed, &mut multiplied).unwrap();
            let mut twice = vec![[0; 32]; 100];
            arithmetic.multiply(&by, &multiplied, &mut twice).unwrap();
            let mut own = vec![[0; 32]; 100];
            arithmetic.hash_multiply_each(&each, b"dst", &inputs, &mut own);
            let mut bases = vec![[0; 32]; 100];
            arithmetic.multiply_base_each(&each, &mut bases);
            let weights: Vec<PublicScalar> =
                each.iter().map(|w| PublicScalar::decode(w.expose_bytes()).unwrap()).collect();
            let sums = arithmetic.vartime_sum_pair(&weights, &hashed, &bases).unwrap();
            assert_eq!(Ok(sums[1]), arithmetic.vartime_sum(&weights, &bases));
            (hashed, multiplied, twice, own, bases, sums)
        };
        assert_eq!(run(&engine), run(&Portable));
    }

    #[test]
    fn engine_hashes_like_portable() {
        let engine = BatchEngine::detect();
        let (bytes, key) = ([5; 200], [9; 64]);
        let messages: Vec<&[u8]> = (0..bytes.len()).map(|len| &bytes[..len]).collect();
        let hashes = [
            BatchHash::Sha512,
            BatchHash::HmacSha512 { key: &key },
            BatchHash::ExpandXmd { dst: b"dst" },
        ];
        for hash in hashes {
            let run = |arithmetic: &dyn BatchArithmetic| {
                let mut out = vec![[0; 64]; messages.len()];
                arithmetic.hash_each(hash, &messages, &mut out);
                out
            };
            assert_eq!(run(&engine), run(&Portable));
        }
    }

    #[test]
    fn measurement_ends_with_a_rate() {
        assert!(Engine::start(1).measure(Duration::from_millis(1)) > 0.0);
    }

    #[test]
    fn engine_names_the_first_bad_element() {
        let engine = BatchEngine::detect();
        let by = SecretScalar::from_wide_bytes(&[9; 64]).unwrap();
        let mut elements = vec![protocol::group::Element::base().encode(); 40];
        elements[17] = [0; 32];
        let mut out = vec![[0; 32]; 40];
        let bad = engine.multiply(&by, &elements, &mut out).unwrap_err();
        assert_eq!(bad, BadElement { index: 17, violation: Violation::ElementIdentity });
    }
}
