use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Barrier;

use crate::evidence::SessionEvidence;
use protocol::codec::RawFrame;
use protocol::error::Refusal;
use protocol::suite::SuiteId;
use report::Diagnose as _;
use rusqlite::params;
use session::advertiser::MetKey;

use protocol::attestation::{AttestationKey, Signature};

use protocol::codec::StreamId;
use protocol::identifier::{IdentifierKind, RulesetId};
use protocol::identity::ChannelFacts;
use protocol::manifest::{ManifestBody, SignedManifest, SignedSnapshot, SnapshotBody};
use protocol::message::{
    Control, HelloA, HelloP, Program, ReceiptAck, TableDescriptor, Terms, TermsAccept,
};
use protocol::purpose::Purpose;
use protocol::suite::Profile;
use protocol::terms::{MatchTerms, Offer};
use protocol::transcript::{BuildFlags, Role};

use super::budget::DAY_S;
use super::chain::{BUSY_RETRY_S, SPENT_RETRY_S};
use super::*;
use store::os::testing::private_tempdir;

const ONE: Partner = [0xa1; 32];
const OTHER: Partner = [0xb2; 32];
const E: u64 = 32_768;
const NOW: u64 = 1_700_000_000;
const ROOMY: Budget = Budget {
    evaluations_max_per_epoch: 1 << 40,
    evaluations_max_per_day: 1 << 40,
    phones_max_per_epoch: 1 << 40,
    phones_max_per_day: 1 << 40,
    epsilon_milli_max_per_epoch: 8_000,
    epoch_s: EPOCH_S,
};

fn reserve_after(head: &LedgerHead, session: u8) -> LedgerEntry {
    let kinds = [IdentifierKind::EMAIL_STRICT];
    let mut terms = MatchTerms::defaults(Profile::MatchedRows, RulesetId::CRM_FR_1, &kinds);
    terms.opened_at = NOW;
    LedgerEntry::reserve(head, &[session; 32], Profile::MatchedRows, &terms, E).unwrap()
}

const UNSIGNED: Signature = Signature { r: [1; 32], s: [0; 32] };

fn control(message: &Control) -> RawFrame {
    message.encode(StreamId::ControlAdvertiser, 1).unwrap()
}

/// Companion of a stored reserve, of which only the key is looked at here.
fn opening(key: u8, suite: SuiteId) -> SessionEvidence {
    let signer = AttestationKey::from_bytes(&[9; 32]);
    let manifest = ManifestBody {
        provider: [1; 32],
        partner: [2; 32],
        suite: suite.code(),
        key_id: [key; 16],
        public_key: [key; 32],
        key_seed_commitment: [3; 32],
        not_before: NOW,
        not_after: NOW + DAY_S,
        evaluations_max: E,
    };
    let snapshot = SnapshotBody {
        provider: [1; 32],
        day: 20_000,
        edition: 0,
        commitment: [4; 32],
        previous: [0; 32],
    };
    let hello_a = HelloA {
        protocol_min: 1,
        protocol_max: 1,
        suite: suite.code(),
        profile: 2,
        row_width: 1,
        row_slots: E,
        sample_rows: 0,
        attestation_key: [5; 32],
        seed_commitment: [6; 32],
        input_commitment: [7; 32],
        rules_digest: [8; 32],
        suppression_epoch: [0; 32],
        ledger_head: [0; 32],
        sent_at: NOW,
        program: Program::new(Role::Advertiser, BuildFlags::default(), 1, [12; 32]),
        signature: UNSIGNED,
    };
    let hello_p = HelloP {
        protocol: 1,
        attestation_key: [9; 32],
        nonce: [10; 32],
        manifest: SignedManifest::sign(manifest, &signer).unwrap(),
        snapshot: SignedSnapshot::sign(snapshot, &signer).unwrap(),
        table: TableDescriptor { tag_count: E, root: [11; 32] },
        rules_digest: [8; 32],
        suppression_epoch: [0; 32],
        ledger_head: [0; 32],
        offer: Offer {
            n_min: 1_000,
            k_min: 100,
            group_min: 1_000,
            epsilon_left_milli: 0,
            evaluations_left: E,
            expires_at: NOW + DAY_S,
        },
        sent_at: NOW,
        program: Program::new(Role::Provider, BuildFlags::default(), 1, [12; 32]),
        signature: UNSIGNED,
    };
    let kinds = [IdentifierKind::EMAIL_STRICT];
    let terms = MatchTerms::defaults(Profile::MatchedRows, RulesetId::CRM_FR_1, &kinds);
    SessionEvidence {
        hello_a: control(&Control::HelloA(hello_a)),
        hello_p: control(&Control::HelloP(Box::new(hello_p))),
        terms: control(&Control::Terms(Terms { terms, sid: [key; 32], signature: UNSIGNED })),
        accept: None,
        receipt: None,
        receipt_ack: None,
        channel: ChannelFacts {
            exporter: [1; 32],
            spki_advertiser: [2; 32],
            spki_provider: [3; 32],
        },
    }
}

/// The opening of a session under the key of an epoch.
fn aligned() -> SessionEvidence {
    opening(200, SuiteId::Aligned)
}

/// The answer that a reserve is appended with, or a settle.
fn answer(settles: bool) -> RawFrame {
    control(&match settles {
        true => Control::ReceiptAck(ReceiptAck { signature: UNSIGNED }),
        false => Control::TermsAccept(TermsAccept { sid: [1; 32], signature: UNSIGNED }),
    })
}

fn place(dir: &Path) -> LedgerPlace {
    std::fs::create_dir_all(dir.join("keys")).unwrap();
    LedgerPlace::of(dir, &store::seal::StorageKey::from_bytes([1; 32]))
}

fn ledger() -> (tempfile::TempDir, LedgerPlace, Ledger) {
    let dir = private_tempdir();
    let place = place(dir.path());
    let ledger = Ledger::open(&place).unwrap();
    (dir, place, ledger)
}

/// Sessions 1 to `count` with a partner, each reserved and settled.
fn fill(ledger: &Ledger, partner: &Partner, count: u8) {
    (1..=count).for_each(|session| fill_from(ledger, partner, session));
}

/// One such session.
fn fill_from(ledger: &Ledger, partner: &Partner, session: u8) {
    let entry = reserve_after(&ledger.head(partner).unwrap(), session);
    let reservation = ledger.reserve(partner, &entry, &aligned(), &ROOMY, NOW).unwrap();
    assert_eq!(reservation.entry(), &entry);
    let settle = entry.settle(3, 0, NOW + 9).unwrap();
    ledger.append(partner, &settle, &answer(true)).unwrap();
}

fn refusal(outcome: Result<Reservation, ReserveError>) -> (Refusal, u32) {
    match outcome {
        Err(ReserveError::Refused { refusal, retry_after_s }) => (refusal, retry_after_s),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    // G40
    let (_dir, place, ledger) = ledger();
    fill(&ledger, &ONE, 2);
    fill(&ledger, &OTHER, 1);
    let head = ledger.head(&ONE).unwrap();
    assert_eq!(head.seq, 4);
    // Another process sees it while this one still has it open: it was committed.
    let reader = Ledger::open(&place).unwrap();
    assert_eq!(reader.head(&ONE).unwrap(), head);
    drop((reader, ledger));
    let ledger = Ledger::open(&place).unwrap();
    assert_eq!(ledger.head(&ONE).unwrap(), head);
    assert_eq!(ledger.head(&OTHER).unwrap().seq, 2);
    assert_eq!(ledger.head(&[0; 32]).unwrap(), LedgerHead::EMPTY);
    let stored = ledger.entry(&ONE, 3).unwrap().unwrap();
    assert_eq!(stored.sid, [2; 32]);
    let [_, proof] = &ledger.evidence(&ONE).unwrap()[..] else { panic!("two sessions") };
    assert_eq!((&proof.hello_p, &proof.terms), (&aligned().hello_p, &aligned().terms));
    assert_eq!(proof.receipt_ack, Some(answer(true)));
    assert_eq!(ledger.entry(&ONE, 5).unwrap(), None);
}

#[test]
fn commits_are_synced_and_the_file_is_private() {
    // G40, G54
    let (_dir, place, ledger) = ledger();
    let connection = ledger.lock();
    let synchronous: i64 =
        connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!(synchronous, SYNCHRONOUS_FULL);
    for suffix in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{}{suffix}", place.file.display()));
        let mode = std::fs::metadata(&path).unwrap().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    drop(connection);
    drop(ledger);
    std::fs::set_permissions(&place.file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Ledger::open(&place).unwrap_err();
    let advice = error.text().attribute("try").to_string();
    assert!(advice.starts_with("chmod 600"), "{error}");
}

#[test]
fn chain_with_a_removed_or_altered_entry_is_refused() {
    // G62, A46
    for (change, seq) in [
        ("DELETE FROM entries WHERE seq = 1", 1),
        ("DELETE FROM entries WHERE seq = 3", 3),
        ("DELETE FROM entries WHERE seq IN (2, 3)", 2),
        ("UPDATE entries SET evaluations = 1 WHERE seq = 2", 2),
        ("UPDATE entries SET sid = zeroblob(32) WHERE seq = 4", 4),
        ("UPDATE entries SET handles = 2 WHERE seq = 6", 6),
        ("UPDATE entries SET hash = zeroblob(32) WHERE seq = 3", 3),
        ("UPDATE entries SET seq = 9 WHERE seq = 6", 6),
    ] {
        let (_dir, place, ledger) = ledger();
        fill(&ledger, &OTHER, 1);
        fill(&ledger, &ONE, 3);
        let only = format!("{change} AND partner = ?1");
        let changed = ledger.lock().execute(&only, params![ONE]).unwrap();
        assert!(changed > 0);
        drop(ledger);
        match Ledger::open(&place) {
            Err(LedgerError::Chain { partner, seq: at }) => {
                assert_eq!((partner.as_str(), at), ("a1a1a1a1", seq), "{change}");
            }
            other => panic!("{change}: {other:?}"),
        }
    }
}

#[test]
fn settle_closes_its_own_reserve_in_full_and_nothing_else() {
    // G41
    let (_dir, _path, ledger) = ledger();
    let entry = reserve_after(&LedgerHead::EMPTY, 1);
    let early = entry.settle(0, 0, NOW).unwrap();
    assert!(matches!(ledger.append(&ONE, &early, &answer(true)), Err(LedgerError::Follow { .. })));
    let _ = ledger.reserve(&ONE, &entry, &aligned(), &ROOMY, NOW).unwrap();
    for settle in [
        LedgerEntry { evaluations: E - 1, ..early.clone() },
        LedgerEntry { sid: [9; 32], ..early.clone() },
        LedgerEntry { kind: 3, ..early.clone() },
    ] {
        assert!(ledger.append(&ONE, &settle, &answer(true)).is_err());
    }
    ledger.append(&ONE, &early, &answer(true)).unwrap();
    ledger.append(&ONE, &early, &answer(true)).unwrap();
    assert_eq!(ledger.head(&ONE).unwrap().seq, 2);
    let twice = LedgerEntry { seq: 3, previous: early.hash().unwrap(), ..early };
    assert!(ledger.append(&ONE, &twice, &answer(true)).is_err());
}

#[test]
fn session_is_charged_once_and_a_superseded_one_is_dead() {
    // A45
    let (_dir, _path, ledger) = ledger();
    let first = reserve_after(&LedgerHead::EMPTY, 1);
    for _ in 0..3 {
        let _ = ledger.reserve(&ONE, &first, &aligned(), &ROOMY, NOW).unwrap();
    }
    assert_eq!(ledger.spent(&ONE, Allowance::Match, 0).unwrap().evaluations, E);
    // Terms that build on an unsettled reserve leave it spent and its session dead.
    let second = reserve_after(&ledger.head(&ONE).unwrap(), 2);
    let _ = ledger.reserve(&ONE, &second, &aligned(), &ROOMY, NOW).unwrap();
    let again = ledger.reserve(&ONE, &first, &aligned(), &ROOMY, NOW);
    assert_eq!(refusal(again), (Refusal::ResumeExpired, 0));
    assert_eq!(ledger.spent(&ONE, Allowance::Match, 0).unwrap().evaluations, 2 * E);
    let late = reserve_after(&LedgerHead::EMPTY, 3);
    let busy = ledger.reserve(&ONE, &late, &aligned(), &ROOMY, NOW);
    assert_eq!(refusal(busy), (Refusal::SessionBusy, BUSY_RETRY_S));
    let settle = first.settle(0, 0, NOW).unwrap();
    assert!(ledger.reserve(&ONE, &settle, &aligned(), &ROOMY, NOW).is_err());
}

#[test]
fn budget_counts_reserves_in_full_in_sliding_windows() {
    // A44
    let (_dir, _path, ledger) = ledger();
    let budget = Budget {
        evaluations_max_per_epoch: 3 * E,
        evaluations_max_per_day: 2 * E,
        epoch_s: 10 * DAY_S,
        ..ROOMY
    };
    let mut session = 0;
    let mut reserve = |now: u64| {
        session += 1;
        let entry = reserve_after(&ledger.head(&ONE).unwrap(), session);
        ledger.reserve(&ONE, &entry, &aligned(), &budget, now)
    };
    assert!(reserve(NOW).is_ok());
    assert!(reserve(NOW + 100).is_ok());
    let left = |now| ledger.left(&ONE, &budget, now).unwrap().evaluations;
    assert_eq!(left(NOW + 200), 0);
    assert_eq!(refusal(reserve(NOW + 200)), (Refusal::BudgetExceeded, 86_400 - 200));
    assert_eq!(left(NOW + DAY_S), E);
    // The time in the entry is the peer's; ours counts.
    assert!(reserve(NOW + DAY_S).is_ok());
    assert_eq!(refusal(reserve(NOW + 3 * DAY_S)), (Refusal::BudgetExceeded, 7 * 86_400));
    // A clock that goes back frees nothing.
    assert!(reserve(NOW - 5 * DAY_S).is_err());
    assert!(reserve(NOW + 10 * DAY_S).is_ok());
    assert_eq!(ledger.spent(&ONE, Allowance::Match, NOW + DAY_S).unwrap().evaluations, 2 * E);
    assert_eq!(ledger.spent(&OTHER, Allowance::Match, 0).unwrap().evaluations, 0);
    let small = Budget { evaluations_max_per_day: E - 1, ..budget };
    let entry = reserve_after(&LedgerHead::EMPTY, 1);
    let never = ledger.reserve(&OTHER, &entry, &aligned(), &small, NOW);
    assert_eq!(refusal(never), (Refusal::BudgetExceeded, 0));
}

#[test]
fn last_budget_goes_to_exactly_one_of_eight_threads() {
    let (_dir, place, shared) = ledger();
    fill(&shared, &ONE, 1);
    let budget = Budget { evaluations_max_per_epoch: 2 * E, ..ROOMY };
    let barrier = Barrier::new(8);
    let won: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (shared, place, barrier) = (&shared, &place, &barrier);
                scope.spawn(move || {
                    // Half of them have a connection of their own, as another process would.
                    let own = (thread % 2 == 0).then(|| Ledger::open(place).unwrap());
                    let ledger = own.as_ref().unwrap_or(shared);
                    barrier.wait();
                    loop {
                        let head = ledger.head(&ONE).unwrap();
                        let entry = reserve_after(&head, 10 + thread);
                        let outcome = ledger.reserve(&ONE, &entry, &aligned(), &budget, NOW + 1);
                        match outcome {
                            Ok(_) => return 1,
                            Err(ReserveError::Refused {
                                refusal: Refusal::SessionBusy, ..
                            }) => {}
                            Err(ReserveError::Refused { refusal, .. }) => {
                                assert_eq!(refusal, Refusal::BudgetExceeded);
                                return 0;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
    assert_eq!(shared.spent(&ONE, Allowance::Match, 0).unwrap().evaluations, 2 * E);
    assert_eq!(shared.left(&ONE, &budget, NOW + 1).unwrap().evaluations, 0);
    drop(shared);
    assert_eq!(Ledger::open(&place).unwrap().head(&ONE).unwrap().seq, 3);
}

#[test]
fn ledger_is_read_beside_its_writer_and_after_it() {
    let (_dir, place, writer) = ledger();
    let entry = reserve_after(&LedgerHead::EMPTY, 1);
    let _ = writer.hold(&ONE, &entry, &aligned()).unwrap();
    writer.append(&ONE, &entry, &answer(false)).unwrap();
    let reader = Ledger::open_read_only(&place).unwrap();
    let row = SessionRow::begun(ONE, &entry, NOW);
    writer.record_session(&row).unwrap();
    assert_eq!(reader.sessions(10).unwrap(), std::slice::from_ref(&row));
    assert!(reader.record_session(&row).is_err(), "nothing can be changed");
    writer.interrupt_sessions().unwrap();
    assert_eq!(reader.sessions(10).unwrap()[0].state, SessionState::Interrupted);
    let done = row.ended(SessionState::Done, "served", NOW + 1);
    writer.record_session(&done).unwrap();
    writer.interrupt_sessions().unwrap();
    drop((reader, writer));
    let reader = Ledger::open_read_only(&place).unwrap();
    assert_eq!(reader.sessions(10).unwrap(), [done]);
    assert_eq!(reader.head(&ONE).unwrap().seq, 1);
    let nowhere = LedgerPlace::of(Path::new("/nowhere"), &place.key);
    assert!(Ledger::open_read_only(&nowhere).is_err());
}

#[test]
fn hold_lasts_until_its_reserve_joins_the_chain() {
    let (_dir, place, ledger) = ledger();
    let lost = reserve_after(&LedgerHead::EMPTY, 1);
    let entry = reserve_after(&LedgerHead::EMPTY, 2);
    assert_eq!(ledger.hold(&ONE, &lost, &aligned()).unwrap().entry(), &lost);
    let _ = ledger.hold(&ONE, &entry, &aligned()).unwrap();
    let _ = ledger.hold(&ONE, &entry, &aligned()).unwrap();
    drop(ledger);
    let ledger = Ledger::open(&place).unwrap();
    let holds = ledger.open_holds(&ONE).unwrap();
    assert_eq!(holds.len(), 2);
    assert_eq!(holds[1], entry);
    assert_eq!(ledger.head(&ONE).unwrap(), LedgerHead::EMPTY, "outside the chain");
    assert!(ledger.open_holds(&OTHER).unwrap().is_empty());
    ledger.append(&ONE, &entry, &answer(false)).unwrap();
    let [proof] = &ledger.evidence(&ONE).unwrap()[..] else { panic!("one session") };
    assert_eq!(proof.accept, Some(answer(false)));
    assert!(ledger.open_holds(&ONE).unwrap().is_empty(), "neither can join");
    let moved_on = ledger.hold(&ONE, &lost, &aligned());
    assert!(matches!(moved_on, Err(ReserveError::Storage(LedgerError::Follow { .. }))));
}

#[test]
fn numbers_keep_their_bits() {
    let (_dir, place, ledger) = ledger();
    let entry = LedgerEntry {
        handles: u64::MAX,
        ids: 1 << 63,
        at: u64::MAX - 1,
        ..reserve_after(&LedgerHead::EMPTY, 1)
    };
    ledger.append(&ONE, &entry, &answer(false)).unwrap();
    drop(ledger);
    let ledger = Ledger::open(&place).unwrap();
    assert_eq!(ledger.entry(&ONE, 1).unwrap().unwrap(), entry);
}

#[test]
fn small_facts_are_remembered() {
    let (_dir, place, ledger) = ledger();
    for (session, key) in [(1, 2), (2, 1), (3, 2)] {
        let entry = reserve_after(&LedgerHead::EMPTY, session);
        let _ = ledger.hold(&ONE, &entry, &opening(key, SuiteId::Aligned)).unwrap();
    }
    let key = |id: u8| opening(id, SuiteId::Aligned).key().unwrap().0;
    ledger.mark_key_answered(&ONE, &key(1)).unwrap();
    for day in [5, 5, 6] {
        ledger.count_hello(&ONE, day, 64).unwrap();
    }
    assert_eq!(ledger.last_table(&ONE).unwrap(), None);
    for tag_count in [7, 9] {
        let table = SeenTable { tag_count, root: [tag_count as u8; 32] };
        ledger.record_table(&ONE, &table).unwrap();
    }
    let mut session = SessionRow {
        sid: [1; 32],
        partner: ONE,
        profile: 2,
        state: SessionState::Running,
        started_at: 10,
        ended_at: None,
        elements: E,
        outcome: None,
    };
    ledger.record_session(&session).unwrap();
    session.ended_at = Some(20);
    session.outcome = Some("completed".into());
    ledger.record_session(&session).unwrap();
    let newer = SessionRow { sid: [2; 32], started_at: 11, ..session.clone() };
    ledger.record_session(&newer).unwrap();
    drop(ledger);
    let ledger = Ledger::open(&place).unwrap();
    let keys = ledger.known_keys(&ONE).unwrap();
    let met = |id: u8, answered| MetKey { key: key(id), answered };
    assert_eq!(keys, [met(1, true), met(2, false)]);
    assert_eq!((ledger.hellos(&ONE, 5).unwrap(), ledger.hellos(&ONE, 7).unwrap()), (2, 0));
    assert_eq!(ledger.count_hello(&ONE, 5, 64).unwrap(), Some(3));
    assert_eq!(ledger.count_hello(&ONE, 6, 64).unwrap(), Some(2));
    assert_eq!(ledger.count_hello(&OTHER, 6, 64).unwrap(), Some(1));
    assert_eq!(ledger.count_hello(&ONE, 20, 64).unwrap(), Some(1));
    assert_eq!(ledger.last_table(&ONE).unwrap().unwrap().tag_count, 9);
    assert_eq!(ledger.sessions(10).unwrap(), [newer.clone(), session]);
    assert_eq!(ledger.sessions(1).unwrap(), [newer]);
}

#[test]
fn ledger_of_another_version_is_refused() {
    // D19
    let (_dir, place, ledger) = ledger();
    for version in [2, 4] {
        ledger.lock().pragma_update(None, "user_version", version).unwrap();
        let refused = Ledger::open(&place);
        assert!(matches!(refused, Err(LedgerError::Version { version: v, .. }) if v == version));
    }
}

#[test]
fn damaged_file_is_refused_or_reads_as_it_was() {
    // D13
    let (_dir, place, ledger) = ledger();
    fill(&ledger, &ONE, 3);
    let head = ledger.head(&ONE).unwrap();
    drop(ledger);
    let path = &place.file;
    let whole = std::fs::read(path).unwrap();
    let mut refused = 0;
    let read = || Ledger::open(&place).and_then(|ledger| ledger.session_head(&ONE));
    for at in (0..whole.len()).step_by(whole.len() / 300) {
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        std::fs::write(path, &altered).unwrap();
        match read() {
            Ok(found) => assert_eq!(found, head, "byte {at}"),
            Err(_) => refused += 1,
        }
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
    }
    assert!(refused > 10, "{refused}");
    for cut in (0..whole.len()).step_by(whole.len() / 60) {
        std::fs::write(path, &whole[..cut]).unwrap();
        match read() {
            Ok(found) => assert_eq!(found, head, "cut at {cut}"),
            Err(error) => assert_eq!(matches!(error, LedgerError::Gone { .. }), cut == 0),
        }
    }
}

#[test]
fn row_that_was_changed_added_or_removed_is_found() {
    let filled = || {
        let (dir, place, ledger) = ledger();
        fill(&ledger, &ONE, 2);
        let entry = reserve_after(&ledger.head(&ONE).unwrap(), 7);
        let _ = ledger.hold(&ONE, &entry, &opening(7, SuiteId::Shuffled)).unwrap();
        ledger.record_session(&SessionRow::begun(ONE, &entry, NOW)).unwrap();
        ledger.record_table(&ONE, &SeenTable { tag_count: 5, root: [5; 32] }).unwrap();
        ledger.count_hello(&ONE, 5, 64).unwrap();
        ledger.join_group(&ONE, "g").unwrap();
        (dir, place, ledger)
    };
    let changes = [
        "UPDATE hellos SET count = 0",
        "DELETE FROM hellos",
        "INSERT INTO hellos (partner, day, count) VALUES (zeroblob(32), 1, 1)",
        "UPDATE keys_used SET answered = 1 WHERE suite = 2",
        "DELETE FROM keys_used WHERE suite = 2",
        "DELETE FROM keys_used",
        "UPDATE entries SET recorded_at = 0",
        "UPDATE proofs SET accept = x'00' WHERE sid = (SELECT max(sid) FROM proofs)",
        "DELETE FROM holds",
        "UPDATE holds SET evaluations = 'many'",
        "UPDATE tables_seen SET tag_count = 99",
        "UPDATE sessions SET state = 'done'",
        "UPDATE sessions SET outcome = x'ff00'",
        "DELETE FROM members",
        "UPDATE members SET name = 'other'",
        "INSERT INTO unions (name, into_name) VALUES ('h', 'g')",
        "DELETE FROM checks WHERE name = 'hellos'",
        "UPDATE checks SET rows = 0, sum = zeroblob(32) WHERE name = 'holds'",
        "UPDATE entries SET sid = 'text' WHERE seq = 1",
        "DROP TABLE holds",
    ];
    for change in changes {
        let (_dir, place, ledger) = filled();
        // Strict tables refuse some of these; then nothing was changed.
        let done = ledger.lock().execute_batch(change).is_ok();
        drop(ledger);
        match Ledger::open(&place) {
            Ok(_) => assert!(!done, "{change} was not found"),
            Err(error) => assert!(done, "{change}: {error}"),
        }
        assert_eq!(Ledger::open_read_only(&place).is_err(), done, "{change}");
    }
    let (dir, _place, ledger) = filled();
    drop(ledger);
    let other = LedgerPlace::of(dir.path(), &store::seal::StorageKey::from_bytes([2; 32]));
    assert!(Ledger::open(&other).is_err(), "another storage key");
}

#[test]
fn rows_that_change_all_the_time_keep_their_checks() {
    let (_dir, place, ledger) = ledger();
    fill(&ledger, &ONE, 3);
    for day in [1, 1, 2, 30, 30, 31] {
        ledger.count_hello(&ONE, day, 64).unwrap();
        ledger.count_hello(&OTHER, day, 64).unwrap();
    }
    for session in 1..=3 {
        let entry = reserve_after(&ledger.head(&OTHER).unwrap(), session);
        let _ = ledger.hold(&OTHER, &entry, &opening(session, SuiteId::Shuffled)).unwrap();
        let row = SessionRow::begun(OTHER, &entry, NOW);
        ledger.record_session(&row).unwrap();
        ledger.interrupt_sessions().unwrap();
        ledger.record_session(&row.ended(SessionState::Failed, "V0424", NOW)).unwrap();
        if session == 2 {
            ledger.append(&OTHER, &entry, &answer(false)).unwrap();
            assert_eq!(ledger.open_holds(&OTHER).unwrap(), []);
        }
    }
    drop(ledger);
    let reopened = Ledger::open(&place).unwrap();
    assert_eq!(reopened.open_holds(&OTHER).unwrap().len(), 1);
    assert_eq!(reopened.partners().unwrap(), [ONE, OTHER]);
}

#[test]
fn lost_or_older_ledger_is_refused_and_a_new_one_is_not() {
    let (dir, place, ledger) = ledger();
    fill(&ledger, &ONE, 1);
    fill(&ledger, &OTHER, 1);
    drop(ledger);
    let older = std::fs::read(&place.file).unwrap();
    let ledger = Ledger::open(&place).unwrap();
    fill_from(&ledger, &ONE, 2);
    drop(ledger);
    // An older copy: the partner that gained entries is refused, the other goes on.
    std::fs::write(&place.file, &older).unwrap();
    for ledger in [Ledger::open(&place).unwrap(), Ledger::open_read_only(&place).unwrap()] {
        match ledger.session_head(&ONE) {
            Err(LedgerError::Behind { seq: 2, anchored: 4, .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(ledger.session_head(&OTHER).unwrap().seq, 2);
        assert_eq!(ledger.head(&ONE).unwrap().seq, 2, "what is there can be shown");
    }
    // None, or an empty one, where the anchor knows of entries.
    for content in [None, Some(b"")] {
        let _ = std::fs::remove_file(&place.file);
        content.into_iter().for_each(|bytes| {
            std::fs::write(&place.file, bytes).unwrap();
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&place.file, private).unwrap();
        });
        for opened in [Ledger::open(&place), Ledger::open_read_only(&place)] {
            match opened {
                Err(LedgerError::Gone { trace, .. }) => assert!(trace.ends_with("ledger.anchor")),
                other => panic!("{other:?}"),
            }
        }
    }
    // One that is made in its place knows what is missing.
    let anew = Ledger::open_anew(&place).unwrap();
    assert!(matches!(anew.session_head(&ONE), Err(LedgerError::Behind { .. })));
    drop(anew);
    // The anchor is gone too: sessions, marks and histories show that there was a ledger.
    let sid = "ab".repeat(32);
    let history = format!("inputs/history/{sid}");
    for trace in
        [&format!("sessions/{sid}"), "partners/p/keys/run-1.used", &format!("{history}/9-{sid}")]
    {
        std::fs::remove_file(&place.file).unwrap();
        let _ = std::fs::remove_file(&place.anchor);
        let path = dir.path().join(trace);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(Ledger::open(&place), Err(LedgerError::Gone { .. })), "{trace}");
        std::fs::remove_file(path).unwrap();
        drop(Ledger::open(&place).unwrap());
    }
}

#[test]
fn run_key_is_spent_by_one_reserve() {
    let (_dir, _place, ledger) = ledger();
    let run = opening(1, SuiteId::Shuffled);
    let first = reserve_after(&LedgerHead::EMPTY, 1);
    let _ = ledger.reserve(&ONE, &first, &run, &ROOMY, NOW).unwrap();
    let second = reserve_after(&ledger.head(&ONE).unwrap(), 2);
    let spent = ledger.reserve(&ONE, &second, &run, &ROOMY, NOW);
    assert_eq!(refusal(spent), (Refusal::KeySpent, SPENT_RETRY_S));
    let other = opening(2, SuiteId::Shuffled);
    let _ = ledger.reserve(&ONE, &second, &other, &ROOMY, NOW).unwrap();
    assert_eq!(ledger.spent(&ONE, Allowance::Match, 0).unwrap().evaluations, 2 * E);
    // A key of an epoch serves many.
    for session in 3..5 {
        let entry = reserve_after(&ledger.head(&ONE).unwrap(), session);
        let _ = ledger.reserve(&ONE, &entry, &aligned(), &ROOMY, NOW).unwrap();
    }
}

#[test]
fn group_spends_one_budget_whichever_partner_asks() {
    let (_dir, place, ledger) = ledger();
    let third: Partner = [0xc3; 32];
    for (partner, name) in [(&ONE, "g"), (&OTHER, "g"), (&third, "alone.c")] {
        ledger.join_group(partner, name).unwrap();
    }
    let budget = Budget { evaluations_max_per_epoch: 3 * E, ..ROOMY };
    for (partner, session) in [(&ONE, 1), (&OTHER, 2), (&third, 3)] {
        let entry = reserve_after(&LedgerHead::EMPTY, session);
        let _ = ledger.reserve(partner, &entry, &aligned(), &budget, NOW).unwrap();
    }
    let left = |ledger: &Ledger| {
        [&ONE, &OTHER, &third].map(|one| ledger.left(one, &budget, NOW).unwrap().evaluations / E)
    };
    assert_eq!(left(&ledger), [1, 1, 2]);
    // The third joins, and brings along what it spent.
    ledger.unite_groups("alone.c", "g").unwrap();
    assert_eq!(left(&ledger), [0, 0, 0]);
    let entry = reserve_after(&ledger.head(&OTHER).unwrap(), 4);
    let refused = ledger.reserve(&OTHER, &entry, &aligned(), &budget, NOW);
    assert_eq!(refusal(refused).0, Refusal::BudgetExceeded);
    for (partner, day, counted) in [(&ONE, 5, 1), (&third, 5, 2), (&OTHER, 5, 3), (&ONE, 6, 1)] {
        assert_eq!(ledger.count_hello(partner, day, 64).unwrap(), Some(counted));
    }
    drop(ledger);
    let ledger = Ledger::open(&place).unwrap();
    assert_eq!(left(&ledger), [0, 0, 0]);
    assert_eq!(ledger.hellos(&OTHER, 5).unwrap(), 3);
}

#[test]
fn partners_that_race_for_the_budget_of_their_group_have_one_winner() {
    let (_dir, place, ledger) = ledger();
    let budget = Budget { evaluations_max_per_epoch: E, ..ROOMY };
    let partners: Vec<Partner> = (1..=8).map(|n| [n; 32]).collect();
    partners.iter().for_each(|one| ledger.join_group(one, "g").unwrap());
    // Some through the ledger that a service has open, some through one of their own.
    let others: Vec<Ledger> = (0..4).map(|_| Ledger::open(&place).unwrap()).collect();
    let barrier = Barrier::new(partners.len());
    let won: usize = std::thread::scope(|scope| {
        let racing: Vec<_> = (0_usize..)
            .zip(&partners)
            .map(|(at, partner)| {
                let (barrier, ledger) = (&barrier, others.get(at).unwrap_or(&ledger));
                scope.spawn(move || {
                    let entry = reserve_after(&LedgerHead::EMPTY, partner[0]);
                    barrier.wait();
                    match ledger.reserve(partner, &entry, &aligned(), &budget, NOW) {
                        Ok(_) => 1,
                        Err(ReserveError::Refused { refusal: Refusal::BudgetExceeded, .. }) => 0,
                        Err(error) => panic!("{error}"),
                    }
                })
            })
            .collect();
        racing.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn unions_lead_straight_to_their_end_in_any_order() {
    let seed = 0x51_u64;
    let mut state = seed;
    let mut draw = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (_dir, place, ledger) = ledger();
    let partners: Vec<Partner> = (0..12).map(|n| [n; 32]).collect();
    let name = |n: u64| format!("group-{n}");
    // Sets of partners as they should be, found by repeated merging.
    let mut sets: Vec<usize> = (0..12).collect();
    let mut of_name: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for step in 0..60 {
        let (at, named) = (usize::try_from(draw(12)).unwrap(), name(draw(9)));
        match ledger.membership(&partners[at], &named).unwrap() {
            Membership::New(_) => ledger.join_group(&partners[at], &named).unwrap(),
            Membership::Divided { own, named } => ledger.unite_groups(&own, &named).unwrap(),
            Membership::Member(_) => {}
        }
        let own = sets[at];
        let with = *of_name.entry(named).or_insert(own);
        sets.iter_mut()
            .chain(of_name.values_mut())
            .filter(|set| **set == own)
            .for_each(|set| *set = with);
        for one in 0..12 {
            for other in 0..one {
                let groups = [one, other].map(|n| ledger.group_of(&partners[n]).unwrap());
                let together = groups[0].is_some() && groups[0] == groups[1];
                assert_eq!(together, sets[one] == sets[other], "seed {seed}, step {step}");
            }
        }
    }
    Ledger::open(&place).unwrap();
}

/// The messages of a run under these terms, each under a key of its own.
fn asking(session: u8, purpose: Purpose, change: impl FnOnce(&mut MatchTerms)) -> SessionEvidence {
    let base = opening(session, SuiteId::Shuffled);
    let Ok(Control::Terms(mut message)) = Control::decode(&base.terms) else { panic!("terms") };
    message.terms.purpose = purpose;
    change(&mut message.terms);
    SessionEvidence { terms: control(&Control::Terms(message)), ..base }
}

/// A run that costs so much privacy, within so much an epoch.
fn noisy(session: u8, epsilon_milli: u32, epsilon_epoch_milli: u32) -> SessionEvidence {
    asking(session, Purpose::Match, |terms| {
        (terms.epsilon_milli, terms.epsilon_epoch_milli) = (epsilon_milli, epsilon_epoch_milli);
        terms.noise_unit = 4;
    })
}

/// The reserve of such messages.
fn reserve_of(head: &LedgerHead, session: u8, opening: &SessionEvidence) -> LedgerEntry {
    let Ok(Control::Terms(message)) = Control::decode(&opening.terms) else { panic!("terms") };
    LedgerEntry::reserve(head, &[session; 32], Profile::MatchRate, &message.terms, E).unwrap()
}

#[test]
fn privacy_loss_is_charged_in_full_until_its_epoch_has_passed() {
    let (_dir, _place, ledger) = ledger();
    let budget = Budget { epsilon_milli_max_per_epoch: 1_000, ..ROOMY };
    let mut session = 0;
    let mut reserve = |epsilon, epoch, now| {
        session += 1;
        let opening = noisy(session, epsilon, epoch);
        let entry = reserve_of(&ledger.head(&ONE).unwrap(), session, &opening);
        ledger.reserve(&ONE, &entry, &opening, &budget, now)
    };
    let left = |now| ledger.left(&ONE, &budget, now).unwrap().epsilon_milli;
    for (at, rest) in [(0, 750), (60, 500), (120, 250)] {
        let _ = reserve(250, 8_000, NOW + at).unwrap();
        assert_eq!(left(NOW + at), rest);
    }
    // The stricter side wins: terms that name less an epoch stop earlier than the policy.
    let strict = reserve(250, 750, NOW + 200);
    assert_eq!(refusal(strict), (Refusal::EpsilonExceeded, 30 * 86_400 - 200));
    let large = reserve(500, 8_000, NOW + 200);
    assert_eq!(refusal(large), (Refusal::EpsilonExceeded, 30 * 86_400 - 200));
    let _ = reserve(250, 8_000, NOW + 200).unwrap();
    assert_eq!(left(NOW + 200), 0);
    // A run without noise costs none of it, and none fits that is above all of it.
    let _ = reserve(0, 0, NOW + 200).unwrap();
    assert_eq!(refusal(reserve(2_000, 8_000, NOW + 200)), (Refusal::EpsilonExceeded, 0));
    let told = refusal(reserve(250, 8_000, NOW + 300)).1;
    assert_eq!(told, 30 * 86_400 - 300);
    let _ = reserve(250, 8_000, NOW + 300 + u64::from(told)).unwrap();
    assert_eq!(ledger.spent(&ONE, Allowance::Match, 0).unwrap().epsilon_milli, 1_250);
}

#[test]
fn advertiser_keeps_its_own_count_of_privacy_loss() {
    let (_dir, place, ledger) = ledger();
    for session in 1..=2 {
        let opening = noisy(session, 250, 500);
        let mut entry = reserve_of(&ledger.head(&ONE).unwrap(), session, &opening);
        entry.at = NOW + u64::from(session);
        let _ = ledger.hold(&ONE, &entry, &opening).unwrap();
        // A hold alone costs nothing: the provider may have refused.
        let before = ledger.spent(&ONE, Allowance::Match, 0).unwrap().epsilon_milli;
        assert_eq!(before, 250 * u64::from(session - 1));
        ledger.append(&ONE, &entry, &answer(false)).unwrap();
    }
    drop(ledger);
    let ledger = Ledger::open(&place).unwrap();
    let opening = noisy(3, 250, 500);
    let mut entry = reserve_of(&ledger.head(&ONE).unwrap(), 3, &opening);
    entry.at = NOW + 100;
    let refused = ledger.hold(&ONE, &entry, &opening);
    assert_eq!(refusal(refused), (Refusal::EpsilonExceeded, 30 * 86_400 - 99));
    assert!(ledger.open_holds(&ONE).unwrap().is_empty());
    let renews = |asked, most| ledger.epsilon_renews_at(&ONE, (asked, most), NOW + 100).unwrap();
    assert_eq!(renews(250, 500), Some(NOW + 1 + 30 * 86_400));
    assert_eq!(renews(500, 500), Some(NOW + 2 + 30 * 86_400));
    assert_eq!((renews(250, 750), renews(1_000, 500)), (None, None));
}

#[test]
fn no_span_of_an_epoch_holds_more_privacy_loss_than_the_budget() {
    let seed = 0x5eed_u64;
    let mut state = seed;
    let mut draw = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let (_dir, _place, ledger) = ledger();
    let partners: [Partner; 3] = [[1; 32], [2; 32], [3; 32]];
    partners.iter().for_each(|one| ledger.join_group(one, "g").unwrap());
    let budget = Budget { epsilon_milli_max_per_epoch: 2_000, epoch_s: 1_000, ..ROOMY };
    let (mut now, mut granted, mut refused) = (NOW, Vec::new(), 0);
    for session in 1..=200 {
        now += draw(120);
        let partner = &partners[usize::try_from(draw(3)).unwrap()];
        let epsilon = [0, 125, 250, 500, 1_000][usize::try_from(draw(5)).unwrap()];
        let opening = noisy(session, epsilon, 8_000);
        let entry = reserve_of(&ledger.head(partner).unwrap(), session, &opening);
        let spent = |at: u64| -> u32 {
            let within = |(then, _): &&(u64, u32)| then + budget.epoch_s > at;
            granted.iter().filter(within).map(|(_, epsilon)| epsilon).sum()
        };
        let fits = epsilon == 0 || spent(now) + epsilon <= 2_000;
        match ledger.reserve(partner, &entry, &opening, &budget, now) {
            Ok(_) => {
                assert!(fits, "seed {seed}, session {session}");
                granted.push((now, epsilon));
            }
            Err(ReserveError::Refused { refusal: Refusal::EpsilonExceeded, retry_after_s }) => {
                let then = now + u64::from(retry_after_s);
                assert!(!fits && spent(then) + epsilon <= 2_000, "seed {seed}, session {session}");
                assert!(spent(then - 1) + epsilon > 2_000, "seed {seed}: told too late");
                refused += 1;
            }
            Err(error) => panic!("{error}, seed {seed}"),
        }
    }
    assert!(refused > 20 && granted.len() > 20, "{refused}, seed {seed}");
}

#[test]
fn partners_that_race_for_the_last_privacy_loss_have_one_winner() {
    let (_dir, _place, ledger) = ledger();
    let budget = Budget { epsilon_milli_max_per_epoch: 250, ..ROOMY };
    let partners: Vec<Partner> = (1..=6).map(|n| [n; 32]).collect();
    partners.iter().for_each(|one| ledger.join_group(one, "g").unwrap());
    let barrier = Barrier::new(partners.len());
    let won: usize = std::thread::scope(|scope| {
        let race = |partner: &Partner| {
            let opening = noisy(partner[0], 250, 8_000);
            let entry = reserve_of(&LedgerHead::EMPTY, partner[0], &opening);
            barrier.wait();
            ledger.reserve(partner, &entry, &opening, &budget, NOW).is_ok()
        };
        let racing: Vec<_> =
            partners.iter().map(|one| scope.spawn(move || usize::from(race(one)))).collect();
        racing.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn declared_telephone_numbers_have_a_budget_of_their_own() {
    let (_dir, _place, ledger) = ledger();
    let budget = Budget { phones_max_per_epoch: 250, phones_max_per_day: 150, ..ROOMY };
    let mut session = 0;
    let mut reserve = |phones, now| {
        session += 1;
        let opening = asking(session, Purpose::Match, |terms| terms.phone_evaluations_max = phones);
        let entry = reserve_of(&ledger.head(&ONE).unwrap(), session, &opening);
        ledger.reserve(&ONE, &entry, &opening, &budget, now)
    };
    let _ = reserve(100, NOW).unwrap();
    assert_eq!(refusal(reserve(100, NOW + 10)), (Refusal::BudgetExceeded, 86_400 - 10));
    let _ = reserve(0, NOW + 10).unwrap();
    let _ = reserve(100, NOW + DAY_S).unwrap();
    assert_eq!(refusal(reserve(100, NOW + 2 * DAY_S)).1, 28 * 86_400);
    assert_eq!(refusal(reserve(151, NOW + 2 * DAY_S)), (Refusal::BudgetExceeded, 0));
    assert_eq!(ledger.spent(&ONE, Allowance::Match, 0).unwrap().phones, 200);
}

#[test]
fn removals_and_matches_do_not_spend_what_is_the_others() {
    let (_dir, place, ledger) = ledger();
    let budget = Budget { evaluations_max_per_epoch: E, epsilon_milli_max_per_epoch: 250, ..ROOMY };
    let mut session = 0;
    let mut reserve = |ledger: &Ledger, purpose, epsilon, now| {
        session += 1;
        let opening = asking(session, purpose, |terms| {
            (terms.epsilon_milli, terms.epsilon_epoch_milli) = (epsilon, 8_000);
        });
        let entry = reserve_of(&ledger.head(&ONE).unwrap(), session, &opening);
        ledger.reserve(&ONE, &entry, &opening, &budget, now)
    };
    let _ = reserve(&ledger, Purpose::Match, 250, NOW).unwrap();
    assert!(reserve(&ledger, Purpose::Match, 0, NOW).is_err());
    let _ = reserve(&ledger, Purpose::Remove, 125, NOW).unwrap();
    // One a day, of an eighth of epsilon each, whatever the jitter of a timer.
    let second = reserve(&ledger, Purpose::Remove, 125, NOW + 60);
    assert_eq!(refusal(second), (Refusal::BudgetExceeded, 20 * 3_600 - 60));
    let costly = reserve(&ledger, Purpose::Remove, 250, NOW + DAY_S);
    assert_eq!(refusal(costly), (Refusal::EpsilonExceeded, 0));
    for day in 1..30 {
        let jitter = 600 * (day % 3);
        let _ = reserve(&ledger, Purpose::Remove, 125, NOW + day * DAY_S - jitter).unwrap();
    }
    let spent = |ledger: &Ledger, allowance| ledger.spent(&ONE, allowance, 0).unwrap();
    for ledger in [&ledger, &Ledger::open(&place).unwrap()] {
        let removals = spent(ledger, Allowance::Removal);
        assert_eq!((removals.runs, removals.epsilon_milli), (30, 3_750));
        let matches = spent(ledger, Allowance::Match);
        assert_eq!((matches.runs, matches.evaluations, matches.epsilon_milli), (1, E, 250));
    }
    let _ = reserve(&ledger, Purpose::Match, 250, NOW + 30 * DAY_S).unwrap();
    // Too many rows for a removal.
    let mut large = asking(200, Purpose::Remove, |_| ());
    let Ok(Control::HelloA(mut hello)) = Control::decode(&large.hello_a) else { panic!("HELLO_A") };
    hello.row_slots = 2 * E;
    large.hello_a = control(&Control::HelloA(hello));
    let entry = reserve_of(&ledger.head(&ONE).unwrap(), 200, &large);
    let refused = ledger.reserve(&ONE, &entry, &large, &budget, NOW + 40 * DAY_S);
    assert_eq!(refusal(refused), (Refusal::BudgetExceeded, 0));
}

#[test]
fn companies_of_a_group_have_a_removal_each_and_one_privacy_loss() {
    let (_dir, _place, ledger) = ledger();
    let partners: [Partner; 2] = [[1; 32], [2; 32]];
    partners.iter().for_each(|one| ledger.join_group(one, "g").unwrap());
    let mut session = 0;
    let mut reserve = |partner: &Partner, now| {
        session += 1;
        let opening = asking(session, Purpose::Remove, |terms| {
            (terms.epsilon_milli, terms.epsilon_epoch_milli) = (125, 8_000);
        });
        let entry = reserve_of(&ledger.head(partner).unwrap(), session, &opening);
        ledger.reserve(partner, &entry, &opening, &ROOMY, now)
    };
    for day in 0..15 {
        for partner in &partners {
            let _ = reserve(partner, NOW + day * DAY_S).unwrap();
        }
    }
    let spent = reserve(&partners[0], NOW + 16 * DAY_S);
    assert_eq!(refusal(spent).0, Refusal::EpsilonExceeded);
}

#[test]
fn openings_of_a_group_have_one_limit_also_in_a_race() {
    let (_dir, _place, ledger) = ledger();
    let partners: Vec<Partner> = (1..=6).map(|n| [n; 32]).collect();
    partners.iter().for_each(|one| ledger.join_group(one, "g").unwrap());
    let barrier = Barrier::new(partners.len());
    let counted: usize = std::thread::scope(|scope| {
        let open = |partner: &Partner| {
            barrier.wait();
            (0..4).filter(|_| ledger.count_hello(partner, 5, 9).unwrap().is_some()).count()
        };
        let racing: Vec<_> = partners.iter().map(|one| scope.spawn(move || open(one))).collect();
        racing.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!((counted, ledger.hellos(&[1; 32], 5).unwrap()), (9, 9));
    assert_eq!(ledger.count_hello(&[1; 32], 5, 9).unwrap(), None);
    assert_eq!(ledger.count_hello(&[1; 32], 6, 9).unwrap(), Some(1));
    assert_eq!(ledger.count_hello(&[7; 32], 5, 9).unwrap(), Some(1));
}
