//! Whole sessions between two nodes, one of which dies, and the next run of both.
//!
//! Ledgers, keys and journals are the real ones, in two directories; only the wire is memory, and
//! the limits are small. A side dies at one of its storage operations, at each in turn: before and
//! after every record, every mark and every commit. Then the next run must succeed without help,
//! as the programs run it: entries of a lost session are joined, a spent key is retired.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ledger::evidence::ChainEvidence;
use protocol::attestation::AttestationKey;
use protocol::commitment::{InputCommitter, InputLeaf, InputRoot};
use protocol::error::{Incompatibility, RefuseCode, WireCode};
use protocol::identifier::{Identifier, IdentifierDigest, IdentifierKind, PrfInput, RulesetId};
use protocol::limits::{AUDIT_SAMPLE_DEFAULT, AUDIT_WINDOW_S_DEFAULT, Limits};
use protocol::manifest::{SignedSnapshot, SnapshotBody};
use protocol::oprf::PrfKey;
use protocol::purpose::Purpose;
use protocol::rows::RowWidth;
use protocol::seed::{InputSeed, KeyDerivation, SessionSeed};
use protocol::suite::{Order, Profile, SuiteId};
use protocol::table::{TableWriter, padded_tags};
use protocol::terms::{LinkFilter, MatchTerms, Offer};
use protocol::transcript::Role;
use session::advertiser::AdvertiserConfig;
use session::disclosure::Outcome;
use session::provider::{Guardrails, MatchKey, Policy, Prepared, ProviderConfig};
use session::{ChannelFacts, VerifiedPeer};

use std::path::Path;

use protocol::digital_id::DigitalId;
use protocol::ledger::Reservation;
use session::RowSlot;
use session::advertiser::AdvertiserSession;
use session::disclosure::{MatchCount, Resolution};
use session::provider::ProviderSession;
use store::spill::FixedSorted;

use super::*;
use crate::console::{OutputOptions, Terminal};
use crate::engine::Engine;
use crate::exchange::Exchange;
use channel::memory;
use ledger::{Budget, Ledger, LedgerPlace};
use store::keyring::{Keyring, KeyringError};
use store::os::SystemClock;
use store::os::testing::dying_at;
use store::seal::StorageKey;

/// Frames of a table, and which record each of its handles names.
type Made = (Vec<RawFrame>, BTreeMap<[u8; 16], u64>);

/// Directories that both nodes keep.
struct World {
    dir: tempfile::TempDir,
    engine: Arc<Engine>,
    /// Moves bytes; each session's own work stays on its thread, where it can die.
    runtime: tokio::runtime::Runtime,
    /// Tables by the id of their key.
    tables: Mutex<BTreeMap<[u8; 16], (Prepared, Made)>>,
    /// Limits of the advertiser.
    limits: Limits,
}

/// End of one side; `None` if it died.
type Done<T> = Option<Result<T, DriveError>>;

impl World {
    fn new() -> Self {
        // Thousands of commits are synced, which a disk takes minutes for and memory does not.
        let memory = Path::new("/dev/shm");
        let dir = match memory.is_dir() {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        for side in ["a", "p"] {
            os::create_private_dir(&dir.path().join(side).join("keys")).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (tables, limits) = (Mutex::default(), Limits::SMALL);
        Self { dir, engine: Engine::start(1), runtime, tables, limits }
    }

    fn place(&self, role: Role) -> LedgerPlace {
        LedgerPlace::of(&self.home(role), &storage())
    }

    fn home(&self, role: Role) -> PathBuf {
        self.dir.path().join(if role == Role::Advertiser { "a" } else { "p" })
    }

    fn ledger(&self, role: Role) -> Ledger {
        Ledger::open(&self.place(role)).unwrap()
    }

    fn keyring(&self) -> Keyring {
        Keyring::open(&self.home(Role::Provider).join("keys"), &storage()).unwrap()
    }

    /// Prepares two run keys, or the key of the epoch, and gives one that may be offered.
    fn prepared(&self, profile: Profile, ledger: &Ledger) -> (Prepared, Made) {
        let (keyring, signer, partner) =
            (self.keyring(), key(Role::Provider), party(Role::Advertiser));
        let now = SystemClock::new().now_unix();
        let mut tables = self.tables.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if profile.suite() == SuiteId::Aligned {
            let made = keyring.aligned(&signer, &partner, now).unwrap();
            let id = made.manifest.body.key_id;
            let table = tables.entry(id).or_insert_with(|| {
                let (table, made_table) = table(&made.key, &made.derivation);
                let key = MatchKey::Aligned(made.key.clone());
                (prepared(profile, key, made.manifest, table), made_table)
            });
            return table.clone();
        }
        let met = ledger.known_keys(&partner).unwrap();
        let usable = |id: &[u8; 16]| {
            keyring.is_run_prepared(id, now).unwrap()
                && !met.iter().any(|met| met.key.key_id == *id)
        };
        tables.retain(|id, (prepared, _)| prepared.key.suite() == SuiteId::Aligned || usable(id));
        while tables.values().filter(|(one, _)| one.key.suite() == SuiteId::Shuffled).count() < 2 {
            let made = keyring.make_run(&signer, &partner, now).unwrap();
            let (table, made_table) = table(&made.key, &made.derivation);
            let key = MatchKey::Shuffled(made.key.clone(), made.derivation.clone());
            let id = made.manifest.body.key_id;
            let _ = tables.insert(id, (prepared(profile, key, made.manifest, table), made_table));
        }
        let found = tables.values().find(|(one, _)| one.key.suite() == SuiteId::Shuffled).unwrap();
        let (prepared, made) = found.clone();
        (Prepared { profile, ..prepared }, made)
    }

    /// One session; `dies` is a side and the number of its storage operation at which it ends. How
    /// both ended, and how many operations each had.
    fn session(
        &self,
        profile: Profile,
        dies: Option<(Role, u64)>,
    ) -> ((Done<Outcome>, u64), (Done<Outcome>, u64)) {
        let random: [u8; 32] = os::entropy().unwrap();
        let facts = ChannelFacts {
            exporter: random,
            spki_advertiser: [0xA0; 32],
            spki_provider: [0xB0; 32],
        };
        let peer = |role| VerifiedPeer::assertion(key(role).public(), facts);
        let _entered = self.runtime.enter();
        let (ours, theirs) = memory::pair(peer(Role::Provider), peer(Role::Advertiser), 1 << 20);
        let at = |role| dies.filter(|(side, _)| *side == role).map(|(_, at)| at);
        std::thread::scope(|scope| {
            let provider =
                scope.spawn(|| dying_at(at(Role::Provider), || self.serve(profile, theirs)));
            let advertiser =
                scope.spawn(|| dying_at(at(Role::Advertiser), || self.advertise(profile, ours)));
            (advertiser.join().unwrap(), provider.join().unwrap())
        })
    }

    fn advertise(&self, profile: Profile, channel: Channel) -> Result<Outcome, DriveError> {
        let ledger = self.ledger(Role::Advertiser);
        let (rows, root) = input();
        let partner = party(Role::Provider);
        let limits = self.limits;
        let shuffled = profile.suite() == SuiteId::Shuffled;
        let kinds = [IdentifierKind::EMAIL_STRICT];
        let terms = MatchTerms {
            n_min: limits.n_min_floor,
            k_min: limits.k_min_floor,
            group_min: limits.group_min_floor,
            rate_cap: if shuffled { 100 } else { 85 },
            count_rounding: if shuffled { 1 } else { 100 },
            cell_min: if shuffled { 0 } else { 50 },
            namespaces: if profile.sends_handles() { vec![NAMESPACE] } else { Vec::new() },
            epsilon_milli: 0,
            epsilon_epoch_milli: 0,
            noise_unit: 0,
            ..MatchTerms::defaults(profile, RulesetId::CRM_FR_1, &kinds)
        };
        let config = AdvertiserConfig {
            limits,
            profile,
            key: key(Role::Advertiser),
            peer: *channel.peer(),
            seed: SessionSeed::from_bytes(os::entropy().unwrap()),
            input: root,
            distinct: rows.len() as u64,
            row_width: RowWidth::ONE,
            sample_rows: 0,
            terms,
            rules_digest: [0x11; 32],
            suppression_epoch: [0; 32],
            ledger: ledger.session_head(&partner).unwrap(),
            table_tags_max: 1 << 20,
            high_rate: false,
            cached_table: None,
            known_keys: ledger.known_keys(&partner).unwrap(),
            frames_in_flight: 4,
            program: crate::program::running(Role::Advertiser),
            now: SystemClock::new().now_unix(),
        };
        let exporter = channel.peer().channel().exporter;
        let mut outbox = Outbox::new(Role::Advertiser, key(Role::Advertiser), exporter);
        let head = config.ledger.hash;
        let session = AdvertiserSession::open(config, &mut outbox).unwrap();
        let mut duties =
            OfAdvertiser { ledger: &ledger, partner, rows: rows.into_iter(), table: None };
        self.drive::<super::Advertiser>(
            Role::Advertiser,
            session,
            outbox,
            channel,
            &mut duties,
            head,
        )
    }

    fn serve(&self, profile: Profile, channel: Channel) -> Result<Outcome, DriveError> {
        let ledger = self.ledger(Role::Provider);
        let partner = party(Role::Advertiser);
        let limits = Limits::SMALL;
        let (prepared, (frames, handles)) = self.prepared(profile, &ledger);
        let id = prepared.manifest.body.key_id;
        let now = SystemClock::new().now_unix();
        let config = ProviderConfig {
            limits,
            key: key(Role::Provider),
            peer: *channel.peer(),
            nonce: os::entropy().unwrap(),
            policy: Policy {
                profiles: vec![profile],
                purposes: vec![Purpose::Match],
                elements_max: 1 << 20,
                offer: Offer {
                    n_min: limits.n_min_floor,
                    k_min: limits.k_min_floor,
                    group_min: limits.group_min_floor,
                    epsilon_left_milli: 0,
                    evaluations_left: 1 << 20,
                    expires_at: now + 10 * 86_400,
                },
                guardrails: Guardrails {
                    rate_cap: 100,
                    count_rounding: 1,
                    cell_min: 0,
                    namespaces: vec![NAMESPACE],
                    // Exact counts: noise has tests of its own.
                    epsilon_milli: 0,
                    ..Guardrails::DEFAULT
                },
                notice: None,
                auditors: Vec::new(),
                audit_levels: 1,
                audit_sample_max: AUDIT_SAMPLE_DEFAULT,
                audit_window_s_max: AUDIT_WINDOW_S_DEFAULT,
            },
            prepared: vec![prepared],
            rules_digest: [0x11; 32],
            suppression_epoch: [0; 32],
            ledger: ledger.session_head(&partner).unwrap(),
            frames_pending_max: 4,
            program: crate::program::running(Role::Provider),
            busy: None,
            now,
        };
        let head = config.ledger.hash;
        let exporter = channel.peer().channel().exporter;
        let outbox = Outbox::new(Role::Provider, key(Role::Provider), exporter);
        let keyring = self.keyring();
        let run = (profile.suite() == SuiteId::Shuffled).then_some(id);
        let mut duties = OfProvider {
            ledger: &ledger,
            keyring: &keyring,
            partner,
            run,
            frames: frames.into_iter(),
            handles,
            ids: Vec::new(),
        };
        let session = ProviderSession::open(config);
        let ended = self.drive::<super::Provider>(
            Role::Provider,
            session,
            outbox,
            channel,
            &mut duties,
            head,
        );
        if let Err(DriveError::Protocol(Error::AbortedByPeer { code, .. })) = &ended
            && *code == WireCode::Refusal(Refusal::KeySpent)
        {
            keyring.retire_run(&id, now).unwrap();
        }
        ended
    }

    fn drive<'d, R: Party>(
        &self,
        role: Role,
        session: R::Session,
        outbox: Outbox,
        channel: Channel,
        duties: &mut R::Duties<'d>,
        ledger_head: [u8; 32],
    ) -> Result<Outcome, DriveError> {
        let sessions = self.home(role).join("sessions");
        os::create_private_dir(&sessions).unwrap();
        let journal = SessionJournal::begin(&sessions, role, channel.peer().channel())?;
        let (clock, progress) = (SystemClock::new(), Progress::silent());
        let driver = Driver::<R> {
            session,
            outbox,
            channel,
            bench: self.engine.bench(),
            journal,
            sessions,
            spills: SpillStore::new(&self.home(role).join("work"), 1 << 20)?,
            evaluations: None,
            duties,
            clock: &clock,
            progress: &progress,
            ledger_head,
            retry_after_s: 0,
            stop: Stop::new(),
        };
        self.runtime.handle().block_on(driver.run()).map(|ended| ended.outcome)
    }

    /// A run as the advertiser's program does it: it joins what it signed, and tries once more when
    /// a key is spent. Nobody may be accused.
    fn next_run(&self, profile: Profile, after: &str) {
        for _ in 0..4 {
            let ((ours, _), (theirs, _)) = self.session(profile, None);
            for done in [&ours, &theirs] {
                let accused = match done {
                    Some(Err(DriveError::Protocol(error))) => matches!(
                        error,
                        Error::PeerMisbehaved { .. }
                            | Error::Bug(_)
                            | Error::AbortedByPeer {
                                code: WireCode::Violation(_) | WireCode::Bug,
                                ..
                            }
                    ),
                    _ => false,
                };
                assert!(!accused, "{after}: {done:?}");
            }
            match ours.unwrap() {
                Ok(_) => {
                    let _ = theirs.unwrap().unwrap();
                    return;
                }
                Err(DriveError::Protocol(Error::Refused(Refusal::KeySpent))) => {}
                Err(DriveError::Protocol(Error::RefusedByPeer {
                    why: RefuseCode::Refusal(Refusal::KeySpent),
                    ..
                })) => {}
                Err(DriveError::Protocol(Error::RefusedByPeer {
                    why: RefuseCode::Incompatibility(Incompatibility::LedgerHeadsDiffer),
                    ledger_head,
                    ..
                })) => {
                    let ledger = self.ledger(Role::Advertiser);
                    let joined = ledger.join_own(&party(Role::Provider), &ledger_head).unwrap();
                    assert!(joined, "{after}: the ledgers differ for good");
                }
                Err(error) => panic!("{after}: {error}"),
            }
        }
        panic!("{after}: no run succeeds");
    }

    /// One ledger for both, one charge for each key, no more than the sessions that got an id.
    fn check_ledgers(&self) {
        let (ours, theirs) = (self.ledger(Role::Advertiser), self.ledger(Role::Provider));
        let head = ours.session_head(&party(Role::Provider)).unwrap();
        assert_eq!(head, theirs.session_head(&party(Role::Advertiser)).unwrap());
        let mut keys = BTreeSet::new();
        for proof in theirs.evidence(&party(Role::Advertiser)).unwrap() {
            let (key, suite) = proof.key().unwrap();
            assert!(keys.insert(key.key_id) || suite == SuiteId::Aligned, "a key charged twice");
        }
        for (role, ledger) in [(Role::Advertiser, &ours), (Role::Provider, &theirs)] {
            let sessions = ledger.evidence(&party(role.peer())).unwrap();
            let pair = ledger::evidence::Pair {
                advertiser: party(Role::Advertiser),
                provider: party(Role::Provider),
            };
            let proven = ChainEvidence { pair, sessions }.verify().unwrap();
            assert_eq!(proven.entries.len() as u64, head.seq, "{}", role.name());
        }
    }

    fn exchange(&self, role: Role) -> Exchange {
        Exchange {
            place: self.place(role),
            role,
            key: key(role),
            partner: party(role.peer()),
            name: "the other".to_owned(),
        }
    }
}

struct OfAdvertiser<'a> {
    ledger: &'a Ledger,
    partner: [u8; 32],
    rows: std::vec::IntoIter<RowSlot>,
    table: Option<Frames>,
}

impl Duties for OfAdvertiser<'_> {
    fn table_frame(&mut self, session: &Path) -> Result<RawFrame, Failure> {
        let frames = match &mut self.table {
            Some(frames) => frames,
            None => self.table.insert(Frames::open(session, StreamId::Table).unwrap()),
        };
        Ok(frames.next().unwrap().unwrap())
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

impl AdvertiserDuties for OfAdvertiser<'_> {
    fn rows(&mut self, identifiers_max: usize) -> Result<Vec<RowSlot>, Failure> {
        Ok(self.rows.by_ref().take(identifiers_max).collect())
    }

    fn receipt(&mut self, sid: &[u8; 32], receipt: &RawFrame) -> Result<(), LedgerError> {
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

struct OfProvider<'a> {
    ledger: &'a Ledger,
    keyring: &'a Keyring,
    partner: [u8; 32],
    /// Id of the key, if it is of one run.
    run: Option<[u8; 16]>,
    frames: std::vec::IntoIter<RawFrame>,
    handles: BTreeMap<[u8; 16], u64>,
    ids: Vec<DigitalId>,
}

impl Duties for OfProvider<'_> {
    fn table_frame(&mut self, _session: &Path) -> Result<RawFrame, Failure> {
        Ok(self.frames.next().unwrap())
    }

    fn reserve(
        &mut self,
        entry: &LedgerEntry,
        opening: &SessionEvidence,
    ) -> Result<Reservation, ChargeError> {
        let now = SystemClock::new().now_unix();
        if let Some(id) = &self.run {
            match self.keyring.mark_run_used(id, now) {
                Err(KeyringError::Used) => {
                    let refusal = Refusal::KeySpent;
                    return Err(ChargeError::Refused { refusal, retry_after_s: 1 });
                }
                marked => marked?,
            }
        }
        let budget = Budget {
            evaluations_max_per_epoch: 1 << 30,
            evaluations_max_per_day: 1 << 30,
            phones_max_per_epoch: 1 << 30,
            phones_max_per_day: 1 << 30,
            epsilon_milli_max_per_epoch: 8_000,
            epoch_s: 86_400,
        };
        Ok(self.ledger.reserve(&self.partner, entry, opening, &budget, now)?)
    }

    fn ledger(&mut self, entry: &LedgerEntry, evidence: &RawFrame) -> Result<(), LedgerError> {
        self.ledger.append(&self.partner, entry, evidence)
    }
}

impl ProviderDuties for OfProvider<'_> {
    fn resolve(&mut self, mut handles: FixedSorted) -> Result<Resolution, Failure> {
        let mut records = BTreeSet::new();
        let mut known = 0;
        while let Some(chunk) = handles.next_chunk(1 << 10)? {
            for handle in chunk.as_chunks::<16>().0 {
                known += u64::from(self.handles.contains_key(handle));
                records.extend(self.handles.get(handle).copied());
            }
        }
        self.ids = records
            .iter()
            .map(|record| DigitalId {
                namespace: NAMESPACE,
                device_class: 0,
                age_bucket: 0,
                days_valid: 0,
                value: format!("cookie-{record:03}").into_bytes(),
            })
            .collect();
        Ok(Resolution {
            handles_known: known,
            handles_unknown: 0,
            records: records.len() as u64,
            release_head: [7; 32],
        })
    }

    fn record_release(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn digital_ids(&mut self) -> Result<(Vec<DigitalId>, bool), Failure> {
        Ok((std::mem::take(&mut self.ids), true))
    }

    fn offered(&mut self, _key: &KnownKey) {}

    fn count_opening(&mut self) -> Result<(), ChargeError> {
        Ok(())
    }
}

fn storage() -> StorageKey {
    StorageKey::from_bytes([7; 32])
}

fn key(role: Role) -> Arc<AttestationKey> {
    Arc::new(AttestationKey::from_bytes(&[role.code() + 1; 32]))
}

fn party(role: Role) -> [u8; 32] {
    key(role).party().0
}

fn person(n: u8) -> Identifier {
    Identifier {
        kind: IdentifierKind::EMAIL_STRICT,
        ruleset: RulesetId::CRM_FR_1,
        digest: IdentifierDigest::from_bytes([n; 32]),
    }
}

/// Twelve persons, eight of whom the provider knows.
fn input() -> (Vec<RowSlot>, InputRoot) {
    let mut committer = InputCommitter::new(InputSeed::from_bytes([0x41; 32]).leaf_salts());
    let rows: Vec<RowSlot> = (0..12)
        .map(|row| RowSlot { row, slot: 0, element: row, identifier: person(row as u8) })
        .collect();
    for RowSlot { row, slot, identifier, .. } in &rows {
        committer.push(&InputLeaf {
            row: *row,
            slot: *slot,
            identifier: identifier.clone(),
            consent_evidence: [0x42; 32],
            source_time: 1_700_000_000,
        });
    }
    (rows, committer.finish(12, [0; 32]))
}

fn table<O: Order>(
    key: &PrfKey<O>,
    derivation: &KeyDerivation,
) -> (protocol::message::TableDescriptor, Made) {
    let limits = Limits::SMALL;
    let outputs: Vec<_> = (4..30).map(|n| key.output(&PrfInput::of(&person(n)))).collect();
    let mut tags: BTreeSet<_> = outputs.iter().map(|output| output.tag()).collect();
    let handles = outputs.iter().zip(0..).map(|(one, n)| (*one.handle().expose_bytes(), n));
    let handles: BTreeMap<[u8; 16], u64> = handles.collect();
    let total = padded_tags(tags.len() as u64, &limits).unwrap();
    let mut padding = (0..).map(|index| key.output(&derivation.table_padding(index)).tag());
    while (tags.len() as u64) < total {
        let _ = tags.insert(padding.next().unwrap());
    }
    let mut writer = TableWriter::new(total, &limits).unwrap();
    let frames = tags.into_iter().filter_map(|tag| writer.push(tag).unwrap()).collect();
    (writer.finish().unwrap(), (frames, handles))
}

fn prepared(
    profile: Profile,
    key: MatchKey,
    manifest: protocol::manifest::SignedManifest,
    table: protocol::message::TableDescriptor,
) -> Prepared {
    let snapshot = SnapshotBody {
        provider: party(Role::Provider),
        day: 20_000,
        edition: 0,
        commitment: [0x31; 32],
        previous: [0; 32],
    };
    Prepared {
        profile,
        key,
        manifest,
        snapshot: SignedSnapshot::sign(snapshot, &self::key(Role::Provider)).unwrap(),
        table,
        filter: LinkFilter::DEFAULT,
        ruleset: RulesetId::CRM_FR_1.code(),
        kinds: vec![IdentifierKind::EMAIL_STRICT.code()],
        purpose: Purpose::Match,
        noise_tags: 0,
    }
}

const NAMESPACE: u16 = 0x0100;

/// Lets either side die at each of its storage operations, and runs again.
fn dies_everywhere(profile: Profile) {
    let world = World::new();
    let ((ours, of_advertiser), (theirs, of_provider)) = world.session(profile, None);
    let _ = ours.unwrap().unwrap();
    let _ = theirs.unwrap().unwrap();
    assert!(of_advertiser > 20 && of_provider > 20, "{of_advertiser}, {of_provider}");
    for (role, operations) in [(Role::Advertiser, of_advertiser), (Role::Provider, of_provider)] {
        for at in 0..operations {
            let after = format!("{} {} at {at}", profile.name(), role.name());
            let ((ours, _), (theirs, _)) = world.session(profile, Some((role, at)));
            let died = if role == Role::Advertiser { ours } else { theirs };
            // Later sessions have fewer operations than the first, which makes directories.
            assert!(died.is_none_or(|done| done.is_ok()), "{after}");
            world.next_run(profile, &after);
        }
    }
    world.check_ledgers();
}

#[test]
fn match_rate_goes_on_after_a_death_at_any_record() {
    dies_everywhere(Profile::MatchRate);
}

#[test]
fn digital_ids_go_on_after_a_death_at_any_record() {
    dies_everywhere(Profile::DigitalIds);
}

#[test]
fn activation_goes_on_after_a_death_at_any_record() {
    dies_everywhere(Profile::Activation);
}

#[test]
fn matched_rows_go_on_after_a_death_at_any_record() {
    dies_everywhere(Profile::MatchedRows);
}

#[test]
fn nothing_of_a_count_leaves_before_its_slot() {
    let limits = Limits { slot_ms: 1_000, ..Limits::SMALL };
    let world = World { limits, ..World::new() };
    for profile in [Profile::MatchRate, Profile::Activation] {
        let started = Instant::now();
        let ((ours, _), (theirs, _)) = world.session(profile, None);
        let _ = (ours.unwrap().unwrap(), theirs.unwrap().unwrap());
        assert!(started.elapsed() >= Duration::from_secs(1), "{profile}");
    }
}

/// Lines as a reader of English sees them.
fn lines(lines: &[report::Line]) -> Vec<String> {
    lines.iter().map(|line| line.render(&report::Reader::LOG)).collect()
}

/// The bytes of a node's ledger and anchor, as a backup has them.
fn backup(world: &World, role: Role) -> [Vec<u8>; 2] {
    let home = world.home(role);
    drop(world.ledger(role));
    ["ledger.sqlite", "keys/ledger.anchor"].map(|name| std::fs::read(home.join(name)).unwrap())
}

fn restore(world: &World, role: Role, [ledger, anchor]: &[Vec<u8>; 2]) {
    let home = world.home(role);
    std::fs::write(home.join("ledger.sqlite"), ledger).unwrap();
    std::fs::write(home.join("keys/ledger.anchor"), anchor).unwrap();
}

#[test]
fn either_side_is_mended_from_the_others_entries() {
    for restored in [Role::Advertiser, Role::Provider] {
        let world = World::new();
        let profile = Profile::MatchRate;
        world.next_run(profile, "first");
        let older = backup(&world, restored);
        for _ in 0..2 {
            world.next_run(profile, "later");
        }
        // A lost session, whose reserve only counts, and one more after it.
        let _ = world.session(profile, Some((Role::Provider, 20)));
        world.next_run(profile, "after a lost session");
        let head = world.ledger(Role::Provider).head(&party(Role::Advertiser)).unwrap();
        restore(&world, restored, &older);
        let _ = std::fs::remove_dir_all(world.home(restored).join("sessions"));
        let (other, file) = (world.exchange(restored.peer()), world.dir.path().join("export"));
        other.export(&file, &OutputOptions::default(), &Terminal::new()).unwrap();
        let own = world.exchange(restored);
        let told = lines(&own.compare(&file).unwrap()).join("\n");
        assert!(told.contains(&format!("this ledger ends at 2, theirs at {}", head.seq)), "{told}");
        let mut called = false;
        own.adopt(&file, || {
            called = true;
            Ok(())
        })
        .unwrap();
        assert!(called, "the run keys of an older directory are retired");
        if restored == Role::Provider {
            world.keyring().retire_runs(SystemClock::new().now_unix()).unwrap();
        }
        assert_eq!(world.ledger(restored).head(&party(restored.peer())).unwrap(), head);
        // The keys that were met come with the entries.
        let keys = |role: Role| -> BTreeSet<[u8; 16]> {
            let keys = world.ledger(role).known_keys(&party(role.peer())).unwrap();
            keys.iter().map(|met| met.key.key_id).collect()
        };
        assert!(keys(Role::Provider).is_subset(&keys(Role::Advertiser)));
        assert_eq!(lines(&own.compare(&file).unwrap())[1], "the two are the same");
        own.adopt(&file, || panic!("nothing is missing")).unwrap();
        world.next_run(profile, "after adopting");
        world.check_ledgers();
        assert!(own.show().unwrap().len() as u64 > head.seq);
    }
}

#[test]
fn lost_ledger_is_made_anew_from_the_others_entries() {
    let world = World::new();
    let profile = Profile::MatchRate;
    world.next_run(profile, "first");
    let file = world.dir.path().join("export");
    world
        .exchange(Role::Provider)
        .export(&file, &OutputOptions::default(), &Terminal::new())
        .unwrap();
    std::fs::remove_file(world.home(Role::Advertiser).join("ledger.sqlite")).unwrap();
    let gone = Ledger::open(&world.place(Role::Advertiser));
    assert!(matches!(gone, Err(LedgerError::Gone { .. })));
    let failure = world.exchange(Role::Advertiser).show().unwrap_err();
    assert_eq!(failure.exit().code(), 74);
    assert_eq!(failure.code().shown(), "V0428");
    world.exchange(Role::Advertiser).adopt(&file, || Ok(())).unwrap();
    world.next_run(profile, "after adopting");
    world.check_ledgers();
}

#[test]
fn contradicting_or_forged_entries_change_nothing() {
    let world = World::new();
    let profile = Profile::MatchRate;
    world.next_run(profile, "first");
    let older = [backup(&world, Role::Advertiser), backup(&world, Role::Provider)];
    world.next_run(profile, "one future");
    let file = world.dir.path().join("export");
    world
        .exchange(Role::Provider)
        .export(&file, &OutputOptions::default(), &Terminal::new())
        .unwrap();
    // Both go back and on by another way: then two signed entries have one number.
    restore(&world, Role::Advertiser, &older[0]);
    restore(&world, Role::Provider, &older[1]);
    world.next_run(profile, "another future");
    let own = world.exchange(Role::Advertiser);
    let before = world.ledger(Role::Advertiser).head(&party(Role::Provider)).unwrap();
    let failures = [
        own.compare(&file).unwrap_err(),
        own.adopt(&file, || panic!("it does not lack anything")).unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(failure.exit().code(), 69);
        let report = failure.to_string();
        assert!(report.contains("V0207") && report.contains("at entry 3"), "{report}");
    }
    // Every byte counts, with the checksum made anew.
    let (whole, mut refused) = (std::fs::read(&file).unwrap(), 0);
    for at in (0..whole.len() - 32).step_by(37) {
        let mut forged = whole.clone();
        forged[at] ^= 1;
        let end = forged.len() - 32;
        let checksum = protocol::transcript::merkle::leaf_hash(&[&forged[..end]]);
        forged[end..].copy_from_slice(&checksum);
        std::fs::write(&file, &forged).unwrap();
        let failure = own.adopt(&file, || panic!("forged at {at}")).unwrap_err();
        // Of a frame's header only kind and length say anything; the rest is then as it was.
        refused += u32::from(failure.exit().code() == 65);
        assert!(matches!(failure.exit().code(), 65 | 69), "byte {at}");
    }
    assert!(refused > 100, "{refused}");
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(own.adopt(&file, || Ok(())).unwrap_err().exit().code(), 65);
    assert_eq!(world.ledger(Role::Advertiser).head(&party(Role::Provider)).unwrap(), before);
}
