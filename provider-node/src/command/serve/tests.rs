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

/// A provider that serves, and what an advertiser of it keeps.
struct Partners {
    world: World,
    service: Arc<Service>,
    advertiser: node::home::Home<OfAdvertiser>,
    ledger: Ledger,
    runtime: tokio::runtime::Runtime,
}

impl Partners {
    fn new() -> Self {
        let now = SystemClock::new().now_unix();
        let today = status::day(u32::try_from(now / 86_400).unwrap());
        let lines: String = (0..PERSONS)
            .map(|n| {
                let identifier = format!("p{n},a{n},email,n{n}@exemple.fr");
                format!("{identifier},cookie,a.example,value-{n:05},login,{today}\n")
            })
            .collect();
        let world = World::at(&lines, now);
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

    /// Identifiers of the first `matched` leaves of the snapshot, then of nobody.
    fn rows(&self, matched: usize) -> Vec<RowSlot> {
        let mut leaves = self.world.snapshot.stored.leaves().unwrap();
        let known: Vec<Identifier> =
            (0..matched).map(|_| leaves.next_leaf().unwrap().unwrap().identifier.clone()).collect();
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

    fn terms(profile: Profile) -> MatchTerms {
        let kinds =
            [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL, IdentifierKind::PHONE];
        let ruleset = RulesetId::from_code(1).unwrap();
        MatchTerms {
            namespaces: vec![0x0100],
            handles_max: ROWS,
            ..MatchTerms::defaults(profile, ruleset, &kinds)
        }
    }

    /// Runs one session; the advertiser's outcome, and how the provider's side ended.
    fn run(&self, profile: Profile, matched: usize) -> (Outcome, Result<Ended, Failure>) {
        let (ended, served) = self.try_run(profile, matched, 0);
        (ended.unwrap().outcome, served)
    }

    /// Runs one session of an advertiser whose clock is so many seconds ahead; how each side ended.
    fn try_run(
        &self,
        profile: Profile,
        matched: usize,
        ahead: i64,
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
            let ended = self.advertise(profile, matched, ours, ahead).await;
            (ended, serving.await.unwrap())
        })
    }

    async fn advertise(
        &self,
        profile: Profile,
        matched: usize,
        channel: Channel,
        ahead: i64,
    ) -> Result<Ended, DriveError> {
        let clock = Skewed { machine: SystemClock::new(), ahead };
        let partner = *channel.peer().party();
        let facts = channel.peer().channel();
        let sessions = self.advertiser.private_dir("sessions").unwrap();
        let journal = SessionJournal::begin(&sessions, Role::Advertiser, facts).unwrap();
        let head = self.ledger.head(&partner).unwrap();
        let key = self.advertiser.identity.attestation_key();
        let mut outbox = Outbox::new(Role::Advertiser, key, facts.exporter);
        let config = AdvertiserConfig {
            limits: Limits::STANDARD,
            profile,
            key: self.advertiser.identity.attestation_key(),
            peer: *channel.peer(),
            seed: SessionSeed::from_bytes(os::entropy().unwrap()),
            input: InputRoot { root: [4; 32], leaves: ROWS, rows: ROWS },
            distinct: ROWS,
            row_width: RowWidth::ONE,
            sample_rows: 0,
            nearest_input: None,
            terms: Self::terms(profile),
            rules_digest: [7; 32],
            suppression_epoch: [0; 32],
            ledger: head,
            table_tags_max: 1 << 20,
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
            rows: self.rows(matched).into_iter(),
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

    /// Waits until another table of the profile is ready.
    fn wait_for_table(&self, profile: Profile) {
        let since = Instant::now();
        let Self { world, service, .. } = self;
        let partners = crate::partners::Partners::load(&service.home).unwrap();
        let [tenant] = &partners.tenants[..] else { panic!("one partner") };
        let now = SystemClock::new().now_unix();
        let state =
            || tables::state(&service.home, tenant, Some(&world.snapshot), profile, now).unwrap();
        while !matches!(state(), State::Ready(_)) {
            assert!(since.elapsed() < Duration::from_secs(120), "no table is prepared");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
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
        self.ledger.keep_receipt(&self.partner, sid, receipt)
    }

    fn key_answered(&mut self, key: &KnownKey) -> Result<(), LedgerError> {
        self.ledger.mark_key_answered(&self.partner, key)
    }

    fn approve(&mut self, _count: &MatchCount) -> bool {
        true
    }

    fn knows_answer(&mut self, _terms: &RawFrame, _shown: &Shown) -> Result<bool, Failure> {
        Ok(false)
    }

    fn keep_result(&mut self, _: &Outcome, _: &mut SpillStore) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn matched_persons_are_delivered_and_a_near_repetition_is_refused() {
    let partners = Partners::new();
    let (outcome, served) = partners.run(Profile::DigitalIds, 300);
    let Outcome::DigitalIds(found) = outcome else { panic!("{outcome:?}") };
    assert_eq!((found.ids(), found.suppressed()), (300, 0));
    assert!(matches!(served.unwrap().outcome, Outcome::Released(_)));
    let releases = partners.world.tenant.path("releases");
    assert_eq!(std::fs::read_dir(&releases).unwrap().count(), 1);
    // The key is used; another table is prepared without anybody asking.
    partners.wait_for_table(Profile::DigitalIds);
    // One person more or less would be told apart by the two lists.
    let (outcome, _) = partners.run(Profile::DigitalIds, 299);
    assert!(matches!(outcome, Outcome::Withheld(_)), "{outcome:?}");
    assert_eq!(std::fs::read_dir(&releases).unwrap().count(), 1);
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
    assert_eq!(std::fs::read_to_string(csv).unwrap().lines().count(), 301);
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
    assert_eq!((refused().exit().code(), opened()), (75, 0));
    partners.wait_for_table(Profile::DigitalIds);
    partners.wait_for_table(Profile::Activation);
    // One that is answered counts, whatever becomes of it.
    let (ended, _) = partners.try_run(Profile::DigitalIds, 300, 0);
    assert!(ended.is_ok() && opened() == 1);
    for _ in 1..HELLOS_PER_DAY_MAX {
        partners.service.ledger.count_hello(&party, day_of(now)).unwrap();
    }
    let failure = refused();
    let report = failure.lines(&Reader::of(Role::Advertiser));
    assert_eq!((failure.exit().code(), opened()), (82, HELLOS_PER_DAY_MAX));
    for part in ["V030F", "again in ", "`run` does not wait for it"] {
        assert!(report.contains(part), "{report}");
    }
}
