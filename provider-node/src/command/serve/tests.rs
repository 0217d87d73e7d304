//! Whole sessions of the profiles that disclose handles, against an advertiser in this process.

use std::time::Instant;

use channel::identity::NodeIdentity;
use channel::memory;
use node::console::{OutputOptions, ProgressForm};
use node::driver::{AdvertiserDuties, DriveError, Shown};
use node::settings::testing::OfAdvertiser;
use protocol::commitment::{InputRoot, identifier_from_parts};
use protocol::identifier::{Identifier, IdentifierKind, RulesetId};
use protocol::identity::ChannelFacts;
use protocol::purpose::Purpose;
use protocol::rows::RowWidth;
use protocol::seed::SessionSeed;
use protocol::suite::Profile;
use report::Reader;
use session::RowSlot;
use session::advertiser::{AdvertiserConfig, AdvertiserSession};
use session::disclosure::{MatchCount, Outcome};
use store::StoreError;

use crate::tables::State;
use crate::tables::tests::World;

use super::*;

const ROWS: u64 = 1_200;
const PERSONS: usize = 400;

/// Question of one session.
pub(super) struct Question {
    pub(super) profile: Profile,
    pub(super) purpose: Purpose,
    pub(super) epsilon_milli: u32,
    /// Places of the leaves of the snapshot whose identifiers are asked for, before those of
    /// nobody.
    pub(super) leaves: Vec<usize>,
    /// Seconds that the clock of the advertiser is ahead.
    pub(super) ahead: i64,
    /// True for an advertiser that ends the session before its receipt.
    pub(super) no_receipt: bool,
    /// Seed of the advertiser's session.
    pub(super) seed: [u8; 32],
}

impl Question {
    /// Asks for the first `matched` leaves, with exact counts.
    pub(super) fn of(profile: Profile, matched: usize) -> Self {
        Self {
            profile,
            purpose: Purpose::Match,
            epsilon_milli: 0,
            leaves: (0..matched).collect(),
            ahead: 0,
            no_receipt: false,
            seed: os::entropy().unwrap(),
        }
    }
}

/// A provider that serves, and what an advertiser of it keeps.
pub(super) struct Partners {
    pub(super) world: World,
    pub(super) service: Arc<Service>,
    advertiser: node::home::Home<OfAdvertiser>,
    ledger: Ledger,
    pub(super) runtime: tokio::runtime::Runtime,
}

impl Partners {
    pub(super) fn new() -> Self {
        let today = day_before(0);
        let lines: String = (0..PERSONS)
            .map(|n| {
                let identifier = format!("p{n},a{n},email,n{n}@exemple.fr");
                format!("{identifier},cookie,a.example,value-{n:05},login,{today}\n")
            })
            .collect();
        Self::of(&lines)
    }

    /// With a graph of these lines, as in [`World::with`].
    pub(super) fn of(lines: &str) -> Self {
        let world = World::at(lines, SystemClock::new().now_unix());
        Namespaces::learn(&world.home, world.snapshot.stored.namespaces()).unwrap();
        let policy = crate::policy::PartnerPolicy {
            namespaces: vec!["a.example".to_owned()],
            profiles: vec!["digital-ids".to_owned(), "activation".to_owned()],
            ..world.tenant.policy.clone()
        };
        let text = toml::to_string(&policy).unwrap();
        std::fs::write(world.tenant.path("partner.toml"), text).unwrap();
        let home = Home::open(&world.dir.path().join("p")).unwrap();
        let advertiser = node::home::Home::open(&world.dir.path().join("a")).unwrap();
        let output = OutputOptions { progress: ProgressForm::Json, ..OutputOptions::default() };
        let service = Arc::new(Service::new(home, [7; 32], output, &Terminal::new()).unwrap());
        service.build_tables().unwrap();
        let ledger = Ledger::open(&advertiser.ledger()).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build();
        Self { world, service, advertiser, ledger, runtime: runtime.unwrap() }
    }

    /// Directory of all nodes.
    pub(super) fn directory(&self) -> &Path {
        self.world.dir.path()
    }

    /// Identifiers of these leaves of the snapshot, then of nobody.
    fn rows(&self, leaves: &[usize]) -> Vec<RowSlot> {
        let mut all = self.world.snapshot.stored.leaves().unwrap();
        let all: Vec<Identifier> =
            std::iter::from_fn(|| all.next_leaf().unwrap()).map(|leaf| leaf.identifier).collect();
        let known: Vec<Identifier> = leaves.iter().map(|at| all[*at].clone()).collect();
        let nobody = (0_u64..).map(|n| {
            let mut digest = [9; 32];
            digest[..8].copy_from_slice(&n.to_le_bytes());
            identifier_from_parts(IdentifierKind::EMAIL_STRICT.code(), 1, digest).unwrap()
        });
        (0..ROWS)
            .zip(known.into_iter().chain(nobody))
            .map(|(row, identifier)| RowSlot { row, slot: 0, element: row, identifier })
            .collect()
    }

    fn terms(question: &Question) -> MatchTerms {
        let kinds =
            [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL, IdentifierKind::PHONE];
        let ruleset = RulesetId::from_code(1).unwrap();
        let terms = MatchTerms::defaults(question.profile, ruleset, &kinds);
        let of_noise = (terms.epsilon_epoch_milli, terms.noise_unit);
        let (epsilon_epoch_milli, noise_unit) =
            if question.epsilon_milli == 0 { (0, 0) } else { of_noise };
        MatchTerms {
            namespaces: vec![0x0100],
            purpose: question.purpose,
            epsilon_milli: question.epsilon_milli,
            epsilon_epoch_milli,
            noise_unit,
            ..terms
        }
    }

    /// Runs one session; the advertiser's outcome, and how the provider's side ended.
    pub(super) fn run(
        &self,
        profile: Profile,
        matched: usize,
    ) -> (Outcome, Result<Ended, Failure>) {
        let (ended, served) = self.ask(&Question::of(profile, matched));
        (ended.unwrap().outcome, served)
    }

    /// Runs one session of an advertiser whose clock is so many seconds ahead; how each side ended.
    fn try_run(
        &self,
        profile: Profile,
        matched: usize,
        ahead: i64,
    ) -> (Result<Ended, DriveError>, Result<Ended, Failure>) {
        self.ask(&Question { ahead, ..Question::of(profile, matched) })
    }

    /// Runs one session; how each side ended.
    pub(super) fn ask(
        &self,
        question: &Question,
    ) -> (Result<Ended, DriveError>, Result<Ended, Failure>) {
        let facts =
            ChannelFacts { exporter: [1; 32], spki_advertiser: [2; 32], spki_provider: [3; 32] };
        let peer = |identity: &NodeIdentity| {
            VerifiedPeer::assertion(identity.public().attestation_key, facts)
        };
        let service = Arc::clone(&self.service);
        self.runtime.block_on(async {
            let (ours, theirs) = memory::pair(
                peer(&self.service.home.identity),
                peer(&self.advertiser.identity),
                1 << 20,
            );
            let serving = tokio::spawn(async move { service.session(theirs).await });
            let ended = self.advertise(question, ours).await;
            (ended, serving.await.unwrap())
        })
    }

    async fn advertise(&self, question: &Question, channel: Channel) -> Result<Ended, DriveError> {
        let clock = Skewed { machine: SystemClock::new(), ahead: question.ahead };
        let partner = *channel.peer().party();
        let facts = channel.peer().channel();
        let sessions = self.advertiser.private_dir("sessions").unwrap();
        let journal = SessionJournal::begin(&sessions, Role::Advertiser, facts).unwrap();
        let head = self.ledger.head(&partner).unwrap();
        let key = self.advertiser.identity.attestation_key();
        let mut outbox = Outbox::new(Role::Advertiser, key, facts.exporter);
        let config = AdvertiserConfig {
            limits: Limits::STANDARD,
            profile: question.profile,
            key: self.advertiser.identity.attestation_key(),
            peer: *channel.peer(),
            seed: SessionSeed::from_bytes(question.seed),
            input: InputRoot { root: [4; 32], leaves: ROWS, rows: ROWS, map: [0; 32] },
            distinct: ROWS,
            row_width: RowWidth::ONE,
            sample_rows: 0,
            terms: Self::terms(question),
            rules_digest: [7; 32],
            suppression_epoch: [0; 32],
            ledger: head,
            table_tags_max: 1 << 20,
            high_rate: false,
            cached_table: None,
            known_keys: self.ledger.known_keys(&partner).unwrap(),
            frames_in_flight: 4,
            program: program::running(Role::Advertiser),
            now: clock.now_unix(),
        };
        let session = AdvertiserSession::open(config, &mut outbox).unwrap();
        let mut duties = Advertiser {
            ledger: &self.ledger,
            partner,
            rows: self.rows(&question.leaves).into_iter(),
            no_receipt: question.no_receipt,
            table: None,
        };
        let progress = Progress::silent();
        let driver = Driver::<node::driver::Advertiser> {
            session,
            outbox,
            channel,
            bench: self.service.engine.bench(),
            journal,
            sessions,
            spills: SpillStore::new(&self.advertiser.private_dir("work").unwrap(), 1 << 20)
                .unwrap(),
            duties: &mut duties,
            clock: &clock,
            progress: &progress,
            evaluations: None,
            ledger_head: head.hash,
            retry_after_s: 0,
            stop: Stop::new(),
        };
        driver.run().await
    }

    /// The partner as the service knows it.
    pub(super) fn tenant(&self) -> Tenant {
        let partners = crate::partners::Partners::read(&self.service.home).unwrap();
        let [tenant] = &partners.tenants[..] else { panic!("one partner") };
        tenant.clone()
    }

    /// Waits until another table of the profile is ready.
    pub(super) fn wait_for_table(&self, profile: Profile) {
        let since = Instant::now();
        let (Self { world, service, .. }, tenant) = (self, self.tenant());
        let now = SystemClock::new().now_unix();
        let state =
            || tables::state(&service.home, &tenant, Some(&world.snapshot), profile, now).unwrap();
        while !matches!(state(), State::Ready(_)) {
            assert!(since.elapsed() < Duration::from_secs(120), "no table is prepared");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Day so many days before this one, as graph files have it.
pub(super) fn day_before(days: u32) -> String {
    status::day(day_of(SystemClock::new().now_unix()) - days)
}

/// The machine's clock, wrong by some seconds.
struct Skewed {
    machine: SystemClock,
    ahead: i64,
}

impl Clock for Skewed {
    fn now_unix(&self) -> u64 {
        self.machine.now_unix().saturating_add_signed(self.ahead)
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }
}

struct Advertiser<'a> {
    ledger: &'a Ledger,
    partner: [u8; 32],
    rows: std::vec::IntoIter<RowSlot>,
    no_receipt: bool,
    table: Option<graph::table::StoredTable>,
}

impl Duties for Advertiser<'_> {
    fn table_frame(&mut self, session: &Path) -> Result<RawFrame, Failure> {
        let path = session.join("frames").join("TABLE");
        let table = match &mut self.table {
            Some(table) => table,
            None => self.table.insert(graph::table::StoredTable::open(&path)?),
        };
        Ok(table.next_frame()?.ok_or(GraphError::Store(StoreError::Contradiction { path }))?)
    }

    fn reserve(
        &mut self,
        entry: &LedgerEntry,
        opening: &SessionEvidence,
    ) -> Result<Reservation, ChargeError> {
        Ok(self.ledger.hold(&self.partner, entry, opening)?)
    }

    fn ledger(&mut self, entry: &LedgerEntry, evidence: &RawFrame) -> Result<(), LedgerError> {
        self.ledger.append(&self.partner, entry, evidence)
    }
}

impl AdvertiserDuties for Advertiser<'_> {
    fn rows(&mut self, identifiers_max: usize) -> Result<Vec<RowSlot>, Failure> {
        Ok(self.rows.by_ref().take(identifiers_max).collect())
    }

    fn receipt(&mut self, sid: &[u8; 32], receipt: &RawFrame) -> Result<(), LedgerError> {
        if self.no_receipt {
            return Err(Bug::misuse().into());
        }
        self.ledger.keep_receipt(&self.partner, sid, receipt)
    }

    fn key_answered(&mut self, key: &KnownKey) -> Result<(), LedgerError> {
        self.ledger.mark_key_answered(&self.partner, key)
    }

    fn approve(&mut self, _count: &MatchCount) -> Result<bool, Failure> {
        Ok(true)
    }

    fn knows_answer(&mut self, _terms: &RawFrame, _shown: &Shown) -> Result<bool, Failure> {
        Ok(false)
    }

    fn keep_result(&mut self, _: &Outcome, _: &mut SpillStore) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn matched_persons_are_delivered_and_a_near_repetition_brings_the_same() {
    let partners = Partners::new();
    let (outcome, served) = partners.run(Profile::DigitalIds, 300);
    let Outcome::DigitalIds(found) = outcome else { panic!("{outcome:?}") };
    // Some persons wait: 110 at most.
    let first = found.ids();
    assert!((190..=300).contains(&first), "{first}");
    assert!(matches!(served.unwrap().outcome, Outcome::Released(_)));
    let group = partners.world.group();
    assert!(group.path("classes").exists());
    let bags = group.path("bags");
    assert_eq!(std::fs::read_dir(&bags).unwrap().count(), 0, "its session has a receipt");
    // The key is used; another table is prepared without anybody asking.
    partners.wait_for_table(Profile::DigitalIds);
    // One person less would be told apart by the two lists: it stays.
    let (outcome, _) = partners.run(Profile::DigitalIds, 299);
    let Outcome::DigitalIds(again) = outcome else { panic!("{outcome:?}") };
    assert_eq!(again.ids(), first);
    partners.wait_for_table(Profile::Activation);
    partners.wait_for_table(Profile::DigitalIds);
    let (outcome, _) = partners.run(Profile::Activation, 300);
    assert!(matches!(outcome, Outcome::Handles(_)), "{outcome:?}");
    let deliveries = partners.world.tenant.path("deliveries");
    let csv = std::fs::read_dir(deliveries)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "csv"))
        .unwrap();
    assert_eq!(std::fs::read_to_string(csv).unwrap().lines().count() as u64, first + 1);
}

#[test]
fn bag_goes_with_its_session_however_that_ends() {
    let partners = Partners::new();
    let question = Question { no_receipt: true, ..Question::of(Profile::DigitalIds, 300) };
    let (ended, served) = partners.ask(&question);
    assert!(ended.is_err() && served.is_err());
    let group = partners.world.group();
    assert_eq!(std::fs::read_dir(group.path("annexes")).unwrap().count(), 1, "it was released");
    assert_eq!(std::fs::read_dir(group.path("bags")).unwrap().count(), 0);
}

#[test]
fn local_misfortune_between_two_messages_accuses_nobody() {
    // The delivery file cannot be written after its handles were judged: RELEASED, which is queued
    // behind it, is never sent, and whatever came after it would show a gap.
    let partners = Partners::new();
    std::fs::write(partners.world.tenant.path("deliveries"), "").unwrap();
    let (ended, served) = partners.try_run(Profile::Activation, 300, 0);
    assert_eq!(served.unwrap_err().exit().code(), 74);
    let failure = Failure::from(ended.unwrap_err());
    let report = failure.lines(&Reader::of(Role::Advertiser));
    assert_eq!(failure.exit().code(), 75, "{report}");
}

#[test]
fn a_clock_that_is_wrong_by_minutes_is_told_with_both_times_on_both_sides() {
    // Keys of shuffled order are made for every run, so their validity began just now.
    let partners = Partners::new();
    for ahead in [-360, -10_800, 360] {
        let (told, found) = partners.try_run(Profile::DigitalIds, 300, ahead);
        let told = Failure::from(told.unwrap_err());
        for (failure, role) in [(told, Role::Advertiser), (found.unwrap_err(), Role::Provider)] {
            let report = failure.lines(&Reader::of(role));
            assert_eq!((failure.exit().code(), failure.code().number()), (77, 0x0311), "{report}");
            assert!(report.contains("differ by"), "{report}");
            let times = report.lines().next().unwrap().matches('Z').count();
            assert_eq!(times, 2, "both times, in UTC: {report}");
            assert!(!report.contains("broke"), "nobody is accused: {report}");
        }
    }
    let (outcome, _) = partners.try_run(Profile::DigitalIds, 300, -280);
    assert!(matches!(outcome.unwrap().outcome, Outcome::DigitalIds(_)));
}

#[test]
fn refusals_are_no_openings_and_the_limit_says_when_it_ends() {
    let partners = Partners::new();
    let now = SystemClock::new().now_unix();
    let party = partners.advertiser.identity.party().0;
    let opened = || partners.service.ledger.hellos(&party, day_of(now)).unwrap();
    let refused = || {
        let (ended, _) = partners.try_run(Profile::DigitalIds, 300, 0);
        Failure::from(ended.unwrap_err())
    };
    // Another session is live; the file has a mistake; there is no table.
    let live = partners.service.admission.enter(party).unwrap();
    assert_eq!((refused().exit().code(), opened()), (75, 0));
    drop(live);
    let come_back = || partners.service.readings.come_back()[&party].asked;
    assert_eq!(come_back(), 1);
    // Nor does a partner that is turned away hold the operator to the snapshot of the day.
    assert!(!partners.world.snapshot.is_shown());
    let (policy, tables) =
        (partners.world.tenant.path("partner.toml"), partners.world.tenant.path("tables"));
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("k_min = 100", "k_min = 1")).unwrap();
    let report = refused().lines(&Reader::of(Role::Advertiser));
    let told = "V0315: the provider cannot serve you: its file for you has a mistake";
    assert!(report.contains(told) && opened() == 0, "{report}");
    std::fs::write(&policy, text).unwrap();
    // Nor do they fill a disk.
    for sessions in [partners.service.home.path("sessions"), partners.advertiser.path("sessions")] {
        assert_eq!(std::fs::read_dir(sessions).unwrap().count(), 0);
    }
    let away = partners.world.tenant.path("away");
    std::fs::rename(&tables, &away).unwrap();
    assert_eq!((refused().exit().code(), opened(), come_back()), (75, 0, 3));
    partners.wait_for_table(Profile::DigitalIds);
    partners.wait_for_table(Profile::Activation);
    // One that is answered counts, whatever becomes of it.
    let (ended, _) = partners.try_run(Profile::DigitalIds, 300, 0);
    assert!(ended.is_ok() && opened() == 1);
    for _ in 1..HELLOS_PER_DAY_MAX {
        partners.service.ledger.count_hello(&party, day_of(now), u32::MAX).unwrap();
    }
    let failure = refused();
    let report = failure.lines(&Reader::of(Role::Advertiser));
    assert_eq!((failure.exit().code(), opened()), (82, HELLOS_PER_DAY_MAX));
    for part in ["V030F", "again in ", "`run` does not wait for it"] {
        assert!(report.contains(part), "{report}");
    }
}
