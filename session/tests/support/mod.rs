//! A driver for two sessions in memory, as small as the contract of `session` allows.
//!
//! [`World`] holds what outlives a session: keys, data, ledger heads. [`World::setup`] makes the
//! two configurations of one session, which a test may change, and [`run`] drives them to their
//! end. A cheating peer is the same session with its outgoing frames altered on the way. Everything
//! is a function of the numbers in `World`, so a failing case repeats.

// Each test program uses a part of this.
#![allow(dead_code)]

pub(crate) mod golden;
pub(crate) mod layout;
pub(crate) mod mock;
pub(crate) mod words;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use disclosure::noise::Noise;
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use mock::MockGroup;
use proptest::prelude::ProptestConfig;
use protocol::attestation::{AttestationKey, Signature};
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::commitment::{InputCommitter, InputLeaf, InputRoot};
use protocol::digital_id::DigitalId;
use protocol::error::{Error, Refusal};
use protocol::group::{BatchArithmetic, Portable};
use protocol::identifier::{Identifier, IdentifierDigest, IdentifierKind, PrfInput, RulesetId};
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use protocol::limits::{AUDIT_SAMPLE_DEFAULT, AUDIT_WINDOW_S_DEFAULT, Limits};
use protocol::manifest::{
    KnownKey, ManifestBody, MetKey, SignedManifest, SignedSnapshot, SnapshotBody,
};
use protocol::message::{Checkpoint, Control, Program, SessionBinding, TableDescriptor, Terms};
use protocol::oprf::{PrfKey, PrfOutput};
use protocol::purpose::Purpose;
use protocol::rows::RowWidth;
use protocol::seed::{InputSeed, KeyDerivation, KeySeed, SessionSeed};
use protocol::slots::Slots;
use protocol::suite::{Aligned, Order, Profile, Shuffled, SuiteId};
use protocol::table::{TableWriter, padded_tags};
use protocol::terms::{LinkFilter, MatchTerms, Offer};
use protocol::transcript::merkle::{Tree, leaf_hash};
use protocol::transcript::{BuildFlags, Opening, Record, Role, Transcript, Writer};
use session::advertiser::{AdvertiserConfig, AdvertiserSession};
use session::disclosure::{MatchCount, Outcome, Resolution};
use session::provider::{Guardrails, MatchKey, Policy, Prepared, ProviderConfig, ProviderSession};
use session::{
    ChannelFacts, Input, Outbox, Output, RowSlot, SpillChunk, SpillContent, SpillName, Task,
    VerifiedPeer,
};
use sha2::{Digest, Sha256, Sha512, Sha512_256};
use verify::rules::T0;
use verify::{self, Expected, FrameSource, FrameUnreadable, Verdict};
use words::Words;

/// What outlives a session of one pair of parties.
#[derive(Clone)]
pub(crate) struct World {
    /// Small limits, but for the one session of real size.
    pub(crate) limits: Limits,
    /// Kinds of identifiers in table and terms, increasing.
    pub(crate) kinds: Vec<IdentifierKind>,
    /// The advertiser's rows.
    pub(crate) rows: Vec<Vec<Identifier>>,
    /// The provider's identifiers.
    pub(crate) people: Vec<Identifier>,
    /// Least matched rows.
    pub(crate) k_min: u32,
    /// Who learns what.
    pub(crate) profile: Profile,
    /// Slots of a row, in shuffled order.
    pub(crate) width: u8,
    /// Rows to draw; 0 for all.
    pub(crate) sample_rows: u64,
    /// Noise of the count, in shuffled order.
    pub(crate) noise: Option<Noise>,
    /// The mock group, in place of the real one.
    pub(crate) mock: Option<Arc<MockGroup>>,
    /// Releases of the provider's node for matched records, in place of all that they have.
    pub(crate) releases: Option<Releases>,
    /// Record of each of the provider's identifiers; one of its own if there is none here.
    pub(crate) records: Vec<u64>,
    /// Seeds, nonce and channel of the next session.
    pub(crate) session: u8,
    /// Head of the ledger, as both sides hold it.
    pub(crate) ledger: LedgerHead,
    /// Keys the advertiser has met.
    pub(crate) known_keys: Vec<MetKey>,
    /// Table the advertiser holds.
    pub(crate) cached: Vec<RawFrame>,
    /// What that table was announced as.
    pub(crate) cached_table: Option<TableDescriptor>,
    /// How tasks and frames are ordered.
    pub(crate) schedule: Schedule,
    /// Frames the advertiser has unanswered, and the provider evaluates at once.
    pub(crate) window: u32,
}

/// Order in which the driver takes one of the steps that are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// First come, first served; large chunks.
    Inline,
    /// Any open step, chunks of any size, drawn from this seed.
    Hostile(u64),
}

/// Changes a sorted run behind the session's back.
pub(crate) type AlterSpill = fn(SpillName, &mut Vec<Vec<u8>>);

/// Changes the entry that a side reserves.
pub(crate) type AlterReserve = fn(&mut LedgerEntry);

/// What a table follows from: limits, key, identifiers.
type MadeFrom = (u32, [u8; 16], Vec<Identifier>, u64);

/// A key with its table, and the frames of it.
type Ready = (Prepared, Vec<RawFrame>);

/// Everything of one session before it starts.
pub(crate) struct Setup {
    pub(crate) advertiser: AdvertiserConfig,
    pub(crate) provider: ProviderConfig,
    /// The advertiser's identifiers, in (row, slot) order.
    pub(crate) rows: Vec<RowSlot>,
    /// The provider's stored table.
    pub(crate) table: Vec<RawFrame>,
    /// The table the advertiser holds.
    pub(crate) cached: Vec<RawFrame>,
    pub(crate) schedule: Schedule,
    /// Answers a reserve with this refusal.
    pub(crate) refuse_reserve: Option<Refusal>,
    /// Has a side reserve another entry than it was asked for.
    pub(crate) alter_reserve: Option<(Role, AlterReserve)>,
    /// Lets the advertiser's hold pass, so that the provider's reserve is the one refused.
    pub(crate) hold_allowed: bool,
    /// Alters spills of both sides after they were sorted.
    pub(crate) alter_spill: Option<AlterSpill>,
    /// What the provider has behind its table.
    pub(crate) graph: Graph,
    /// Group in which both sides compute.
    pub(crate) arithmetic: Arc<dyn BatchArithmetic>,
    pub(crate) mock: Option<Arc<MockGroup>>,
    /// Seed of the advertiser's session.
    pub(crate) seed: [u8; 32],
    /// Frame of a bulk stream that comes with another signature than its own.
    pub(crate) spoil: Option<(StreamId, u32)>,
    /// What the advertiser's operator says when asked.
    pub(crate) approves: bool,
    /// Time that each step takes on the clock of its node.
    pub(crate) step_takes: Duration,
    /// Time that the provider's look-up takes for each record behind the handles.
    pub(crate) look_up_takes: Duration,
    /// Streams that are delivered at once, as a peer that ignores flow control would.
    pub(crate) unheld: &'static [StreamId],
    pub(crate) clock: Rc<Cell<u64>>,
    /// Seconds by which the advertiser's clock is ahead of that one.
    pub(crate) ahead: Rc<Cell<i64>>,
}

/// Digital IDs and head of releases for a set of matched records.
pub(crate) type Releases = Rc<RefCell<dyn FnMut(&BTreeSet<u64>) -> (Vec<DigitalId>, [u8; 32])>>;

/// The provider's data behind a table with handles.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    pub(crate) handles: BTreeMap<[u8; 16], u64>,
    /// Handles of noise elements, which name no record.
    pub(crate) noise: BTreeSet<[u8; 16]>,
    /// Releases for matched records, in place of all that they have.
    pub(crate) releases: Option<Releases>,
    /// Records whose person objected after the snapshot.
    pub(crate) objected: BTreeSet<u64>,
    /// Changes what the provider's node gives as digital IDs.
    pub(crate) alter_ids: Option<fn(&mut Vec<DigitalId>)>,
}

/// What came of a session.
pub(crate) struct Ended {
    pub(crate) advertiser: Side,
    pub(crate) provider: Side,
    /// Every frame the two sessions sent, in order, before anything was altered.
    pub(crate) sent: Vec<RawFrame>,
}

/// One side after a session.
pub(crate) struct Side {
    /// Why it ended early, if it did.
    pub(crate) error: Option<Error>,
    pub(crate) outcome: Option<Outcome>,
    /// The state it was in when nothing could happen any more.
    pub(crate) stage: &'static str,
    pub(crate) transcript: Vec<u8>,
    /// Openings that were counted; the provider's side.
    pub(crate) openings: u32,
    /// Frames kept beside the transcript.
    pub(crate) frames: Vec<RawFrame>,
    /// Entries that joined the chain.
    pub(crate) entries: Vec<LedgerEntry>,
    pub(crate) holds: Vec<LedgerEntry>,
    /// Keys that this side spent, and whether it has an answer under them.
    pub(crate) keys: Vec<MetKey>,
    pub(crate) spills: BTreeMap<SpillName, Vec<Vec<u8>>>,
    /// What the operator was asked to release.
    pub(crate) asked: Option<MatchCount>,
    /// Whether a release was recorded before it left.
    pub(crate) recorded_release: bool,
    /// Time from the acknowledgement of EVAL, or of HANDLES, to the end of the work on it.
    pub(crate) worked: Option<Duration>,
    /// The slot that was then waited for.
    pub(crate) slot: Option<Duration>,
    /// Times from then at which frames left.
    pub(crate) after_answers: Vec<Duration>,
    /// Names and elements of the tasks it computed, in order.
    pub(crate) tasks: Vec<(&'static str, usize)>,
}

impl World {
    /// Two parties with this data.
    pub(crate) fn new(rows: Vec<Vec<Identifier>>, people: Vec<Identifier>) -> Self {
        Self {
            limits: Limits::SMALL,
            kinds: vec![IdentifierKind::EMAIL_STRICT, IdentifierKind::PHONE],
            rows,
            people,
            k_min: 1,
            profile: Profile::MatchedRows,
            width: 1,
            sample_rows: 0,
            noise: None,
            mock: None,
            releases: None,
            records: Vec::new(),
            session: 1,
            ledger: LedgerHead::EMPTY,
            known_keys: Vec::new(),
            cached: Vec::new(),
            cached_table: None,
            schedule: Schedule::Inline,
            window: 4,
        }
    }

    /// The same data in shuffled order.
    pub(crate) fn shuffled(self, profile: Profile, width: u8) -> Self {
        Self { profile, width, ..self }
    }

    /// The arithmetic of this session: the mock group knows its key by now.
    fn arithmetic(&self) -> Arc<dyn BatchArithmetic> {
        match &self.mock {
            None => Arc::new(Portable),
            Some(mock) => {
                mock.knows_key(&run_key(self.session).0);
                Arc::clone(mock) as Arc<dyn BatchArithmetic>
            }
        }
    }

    /// Record of the provider's identifier at `at`.
    pub(crate) fn record(&self, at: usize) -> u64 {
        self.records.get(at).copied().unwrap_or(at as u64)
    }

    /// What the provider has behind the table of the next session.
    pub(crate) fn graph(&self) -> Graph {
        let mut handles = BTreeMap::new();
        if self.profile.sends_handles() {
            let (key, _) = run_key(self.session);
            let inputs: Vec<PrfInput> = self.people.iter().map(PrfInput::of).collect();
            let outputs = key.outputs(&*self.arithmetic(), &inputs);
            for (at, output) in outputs.iter().enumerate() {
                let handle = *output.handle().expose_bytes();
                // Of several records of one identifier the first is named.
                handles.entry(handle).or_insert_with(|| self.record(at));
            }
        }
        let (key, derivation) = run_key(self.session);
        let hits = self.noise_hits_max();
        let outputs = noise_outputs_by(&*self.arithmetic(), &key, &derivation, hits);
        let noise = outputs.iter().map(|output| *output.handle().expose_bytes()).collect();
        Graph { handles, noise, releases: self.releases.clone(), ..Graph::default() }
    }

    /// Noise elements that may hit, whose tags the table holds.
    pub(crate) fn noise_hits_max(&self) -> u64 {
        let width = RowWidth::new(self.width).expect("a width");
        self.noise.map_or(0, |noise| noise.hits_max(width))
    }

    /// Five rows against seven people, three rows of which match: the small vector of the design.
    pub(crate) fn five_by_seven() -> Self {
        let rows = vec![
            vec![email(1), phone(101)],
            vec![email(2)],
            vec![phone(103), phone(3)],
            vec![email(1), phone(4)],
            vec![],
        ];
        let mut people: Vec<Identifier> = (3..7).map(phone).collect();
        people.extend([email(1), email(50), phone(104)]);
        Self::new(rows, people)
    }

    /// The next session of the pair, after one that ended well.
    pub(crate) fn after(&self, ended: &Ended) -> Self {
        let last = ended.advertiser.entries.last().expect("a finished session has entries");
        Self {
            session: self.session + 1,
            ledger: LedgerHead::of(last).unwrap(),
            known_keys: ended.advertiser.keys.clone(),
            ..self.clone()
        }
    }

    pub(crate) fn channel(&self) -> ChannelFacts {
        ChannelFacts {
            exporter: [self.session; 32],
            spki_advertiser: [0xA0; 32],
            spki_provider: [0xB0; 32],
        }
    }

    pub(crate) fn session_seed(&self) -> [u8; 32] {
        sha256(&[b"session seed", &[self.session]])
    }

    /// The configurations of one session.
    pub(crate) fn setup(&self) -> Setup {
        let (prepared, table) = prepare(self);
        let slots = row_slots(&self.rows);
        let distinct = slots.iter().map(|slot| slot.element + 1).max().unwrap_or(0);
        let kinds = &self.kinds;
        let shuffled = self.profile.suite() == SuiteId::Shuffled;
        let handles = self.profile.sends_handles();
        // Counts of a dozen rows, to the row.
        let defaults = MatchTerms {
            rate_cap: if shuffled { 100 } else { 85 },
            count_rounding: if shuffled { 1 } else { 100 },
            cell_min: if shuffled { 0 } else { 50 },
            namespaces: if handles { vec![NAMESPACE] } else { Vec::new() },
            epsilon_milli: self.noise.map_or(0, Noise::epsilon_milli),
            epsilon_epoch_milli: self.noise.map_or(0, |_| 8_000),
            noise_unit: self.noise.map_or(0, Noise::unit),
            ..MatchTerms::defaults(self.profile, RULESET, kinds)
        };
        let Limits { n_min_floor, k_min_floor, group_min_floor, .. } = self.limits;
        let k_min = self.k_min.max(k_min_floor);
        let terms =
            MatchTerms { n_min: n_min_floor, k_min, group_min: group_min_floor, ..defaults };
        let advertiser = AdvertiserConfig {
            limits: self.limits,
            profile: self.profile,
            key: Arc::new(advertiser_key()),
            peer: VerifiedPeer::assertion(provider_key().public(), self.channel()),
            seed: SessionSeed::from_bytes(self.session_seed()),
            input: input_root(&self.rows),
            distinct,
            row_width: RowWidth::new(self.width).expect("a width"),
            sample_rows: self.sample_rows,
            terms,
            rules_digest: [0x11; 32],
            suppression_epoch: [0x21; 32],
            ledger: self.ledger,
            table_tags_max: 1 << 20,
            high_rate: false,
            cached_table: self.cached_table,
            known_keys: self.known_keys.clone(),
            frames_in_flight: self.window,
            program: program(Role::Advertiser, &self.limits),
            now: NOW,
        };
        let offer = Offer {
            n_min: n_min_floor,
            k_min: k_min_floor,
            group_min: group_min_floor,
            epsilon_left_milli: self.noise.map_or(0, |_| 8_000),
            evaluations_left: 1 << 20,
            expires_at: NOW + 10 * 86_400,
        };
        let provider = ProviderConfig {
            limits: self.limits,
            key: Arc::new(provider_key()),
            peer: VerifiedPeer::assertion(advertiser_key().public(), self.channel()),
            nonce: sha256(&[b"nonce", &[self.session]]),
            policy: Policy {
                profiles: vec![self.profile],
                purposes: vec![Purpose::Match],
                elements_max: 1 << 20,
                offer,
                guardrails: Guardrails {
                    rate_cap: 100,
                    count_rounding: 1,
                    cell_min: 0,
                    namespaces: vec![NAMESPACE],
                    epsilon_milli: self.noise.map_or(0, Noise::epsilon_milli),
                    noise_unit: self.noise.map_or(1, Noise::unit),
                    ..Guardrails::DEFAULT
                },
                notice: None,
                auditors: Vec::new(),
                audit_levels: 0b0001,
                audit_sample_max: AUDIT_SAMPLE_DEFAULT,
                audit_window_s_max: AUDIT_WINDOW_S_DEFAULT,
            },
            prepared: vec![prepared],
            rules_digest: [0x11; 32],
            suppression_epoch: [0x22; 32],
            ledger: self.ledger,
            frames_pending_max: self.window,
            program: program(Role::Provider, &self.limits),
            busy: None,
            now: NOW,
        };
        Setup {
            advertiser,
            provider,
            rows: slots,
            table,
            cached: self.cached.clone(),
            schedule: self.schedule,
            refuse_reserve: None,
            alter_reserve: None,
            hold_allowed: false,
            alter_spill: None,
            graph: self.graph(),
            arithmetic: self.arithmetic(),
            mock: self.mock.clone(),
            seed: self.session_seed(),
            spoil: None,
            approves: true,
            step_takes: Duration::from_micros(100),
            look_up_takes: Duration::from_micros(10),
            unheld: &[],
            clock: Rc::new(Cell::new(NOW)),
            ahead: Rc::new(Cell::new(0)),
        }
    }

    /// The sid of the next session, from its first three messages; as both sides compute it.
    pub(crate) fn sid(
        &self,
        hello_a: &RawFrame,
        hello_p: &RawFrame,
        terms: &MatchTerms,
    ) -> [u8; 32] {
        let channel = self.channel();
        SessionBinding {
            hello_a: &hello_a.payload,
            hello_p: &hello_p.payload,
            spki_advertiser: &channel.spki_advertiser,
            spki_provider: &channel.spki_provider,
            exporter: &channel.exporter,
        }
        .sid(terms)
        .unwrap()
    }
}

thread_local! {
    /// Tables are most of the work of a small session, and many sessions share one.
    static READY: RefCell<BTreeMap<MadeFrom, Ready>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// Makes key and table ready, as a provider's node does ahead of a session.
pub(crate) fn prepare(world: &World) -> Ready {
    if world.mock.is_some() {
        let (prepared, frames) = prepare_anew(world);
        let kinds = world.kinds.iter().map(|kind| kind.code()).collect();
        return (Prepared { kinds, profile: world.profile, ..prepared }, frames);
    }
    READY.with_borrow_mut(|ready| {
        let key_id = match world.profile.suite() {
            SuiteId::Aligned => KEY_ID,
            SuiteId::Shuffled => run_key_id(world.session),
        };
        let noise = world.noise_hits_max();
        let made_from = (world.limits.frame_elements, key_id, world.people.clone(), noise);
        let (prepared, frames) =
            ready.entry(made_from).or_insert_with(|| prepare_anew(world)).clone();
        let kinds = world.kinds.iter().map(|kind| kind.code()).collect();
        (Prepared { kinds, profile: world.profile, ..prepared }, frames)
    })
}

fn prepare_anew(world: &World) -> Ready {
    let provider = provider_key();
    let (people, limits) = (&world.people, &world.limits);
    let (body, key, (table, frames)) = match world.profile.suite() {
        SuiteId::Aligned => {
            let (key, derivation) = prf_key();
            let table = table(&key, &derivation, people, &[], limits);
            (manifest_body(&key), MatchKey::Aligned(Arc::new(key)), table)
        }
        SuiteId::Shuffled => {
            let (key, derivation) = run_key(world.session);
            let (arithmetic, hits) = (world.arithmetic(), world.noise_hits_max());
            let noise = noise_outputs_by(&*arithmetic, &key, &derivation, hits);
            let table = table_by(&*arithmetic, &key, &derivation, people, &noise, limits);
            let (key_id, suite) = (run_key_id(world.session), SuiteId::Shuffled.code());
            let public_key = *key.public();
            let body = ManifestBody { key_id, suite, public_key, ..manifest_body(&prf_key().0) };
            (body, MatchKey::Shuffled(Arc::new(key), derivation), table)
        }
    };
    let manifest = SignedManifest::sign(body, &provider).unwrap();
    let snapshot = SnapshotBody {
        provider: provider.party().0,
        day: (NOW / 86_400) as u32,
        edition: 0,
        commitment: [0x31; 32],
        previous: [0; 32],
    };
    let prepared = Prepared {
        profile: world.profile,
        key,
        manifest,
        snapshot: SignedSnapshot::sign(snapshot, &provider).unwrap(),
        table,
        filter: LinkFilter::DEFAULT,
        ruleset: RULESET.code(),
        kinds: Vec::new(),
        purpose: Purpose::Match,
        noise_tags: world.noise_hits_max(),
    };
    (prepared, frames)
}

/// What the test programs say of themselves.
pub(crate) fn program(role: Role, limits: &Limits) -> Program {
    let build = BuildFlags { small_limits: *limits == Limits::SMALL, classical_kx: false };
    Program::new(role, build, 0x0100_0002, [0xF0; 32])
}

/// Drives a session to its end.
pub(crate) fn run(setup: Setup) -> Ended {
    run_altered(setup, |_| None)
}

/// Drives a session whose frames go through `alter`: `None` leaves a frame as it is, anything else
/// takes its place as raw bytes.
pub(crate) fn run_altered(
    setup: Setup,
    mut alter: impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>>,
) -> Ended {
    let ids_per_record_max = setup.advertiser.terms.ids_per_record_max.into();
    let Setup { advertiser, provider, rows, table, cached, schedule, .. } = setup;
    let opening = |role| Opening {
        protocol: 3,
        role,
        exporter: advertiser.peer.channel().exporter,
        spki_advertiser: advertiser.peer.channel().spki_advertiser,
        spki_provider: advertiser.peer.channel().spki_provider,
    };
    let mut words = Words::new([&advertiser.peer, &provider.peer].map(|p| p.channel().exporter));
    words.spoil = setup.spoil;
    let (mock, seed) = (setup.mock, setup.seed);
    let mut deliver = |frame: &RawFrame| {
        if let (Some(mock), 1, 3) = (&mock, frame.header.stream.code(), frame.header.kind)
            && let Ok(Control::Terms(terms)) = Control::decode(frame)
        {
            let keys = SessionSeed::from_bytes(seed).session_keys(&terms.sid);
            mock.knows(&keys.session_blind().unwrap());
        }
        let altered = alter(frame);
        words.deliver(frame, altered)
    };
    let openings = [opening(Role::Advertiser), opening(Role::Provider)];
    let windows = [advertiser.frames_in_flight, provider.frames_pending_max];
    let heads = [advertiser.ledger.hash, provider.ledger.hash];
    let mut draw = Draw(match schedule {
        Schedule::Inline => 0,
        Schedule::Hostile(seed) => seed,
    });
    let [opening_a, opening_p] = openings;
    let exporter = advertiser.peer.channel().exporter;
    let mut out = Outbox::new(Role::Advertiser, advertiser.key.clone(), exporter);
    let opened = AdvertiserSession::open(advertiser, &mut out).map(Session::Advertiser);
    let mut a = Node::new(&opening_a, heads[0], out);
    a.rows = rows.into();
    a.table = cached;
    let exporter = provider.peer.channel().exporter;
    let out_p = Outbox::new(Role::Provider, provider.key.clone(), exporter);
    let mut p = Node::new(&opening_p, heads[1], out_p);
    p.table = table;
    p.graph = setup.graph;
    a.arithmetic = Arc::clone(&setup.arithmetic);
    p.arithmetic = setup.arithmetic;
    p.ids_per_record_max = ids_per_record_max;
    a.approves = setup.approves;
    (a.step_takes, p.step_takes) = (setup.step_takes, setup.step_takes);
    p.look_up_takes = setup.look_up_takes;
    a.refuse_reserve = setup.refuse_reserve.filter(|_| !setup.hold_allowed);
    a.alter_spill = setup.alter_spill;
    p.alter_spill = setup.alter_spill;
    for (node, window) in [&mut a, &mut p].into_iter().zip(windows) {
        if setup.unheld.is_empty() {
            node.window = window as usize;
        }
        let (role, reserve) = setup.alter_reserve.unzip();
        node.alter_reserve = reserve.filter(|_| role == Some(node.role));
    }
    p.refuse_reserve = setup.refuse_reserve;
    p.session = Some(Session::Provider(ProviderSession::open(provider)));
    a.settle(opened);
    let mut sent = Vec::new();
    loop {
        a.transmit(&mut p, &mut deliver, &mut sent);
        p.transmit(&mut a, &mut deliver, &mut sent);
        let mut open: Vec<(Role, Step)> = Vec::new();
        for (role, node) in [(Role::Advertiser, &a), (Role::Provider, &p)] {
            let steps = node.steps(setup.unheld);
            open.extend(steps.into_iter().map(|step| (role, step)));
        }
        let Some(&(role, step)) = (match schedule {
            Schedule::Inline => open.first(),
            Schedule::Hostile(_) => open.get(draw.below(open.len())),
        }) else {
            break;
        };
        let node = if role == Role::Advertiser { &mut a } else { &mut p };
        let ahead = if role == Role::Advertiser { setup.ahead.get() } else { 0 };
        let now = setup.clock.get().saturating_add_signed(ahead);
        node.step(step, now, schedule, &mut draw);
    }
    Ended { advertiser: a.end(), provider: p.end(), sent }
}

enum Session {
    Advertiser(AdvertiserSession),
    Provider(ProviderSession),
}

impl Session {
    fn handle(self, now: u64, input: Input, out: &mut Outbox) -> Result<Self, Error> {
        match self {
            Self::Advertiser(session) => session.handle(now, input, out).map(Self::Advertiser),
            Self::Provider(session) => session.handle(now, input, out).map(Self::Provider),
        }
    }

    fn accepts(&self, stream: StreamId) -> bool {
        match self {
            Self::Advertiser(session) => session.accepts(stream),
            Self::Provider(session) => session.accepts(stream),
        }
    }

    fn stage(&self) -> &'static str {
        match self {
            Self::Advertiser(session) => session.stage().name(),
            Self::Provider(session) => session.stage().name(),
        }
    }
}

/// Something the driver may do next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The n-th piece of work a session asked for.
    Work(usize),
    /// Deliver the next frame of a stream.
    Frame(u8),
}

enum Work {
    Compute(Task),
    Rows { identifiers_max: usize },
    Spill(SpillName),
    Reserve(LedgerEntry),
    Resolve,
    Approve,
    Slot,
}

struct Node {
    role: Role,
    /// Tasks a session may have open.
    window: usize,
    session: Option<Session>,
    stage: &'static str,
    out: Outbox,
    head: [u8; 32],
    work: Vec<Work>,
    inbound: BTreeMap<u8, VecDeque<(Vec<u8>, Signature)>>,
    sending: Vec<RawFrame>,
    rows: VecDeque<RowSlot>,
    table: Vec<RawFrame>,
    refuse_reserve: Option<Refusal>,
    alter_reserve: Option<AlterReserve>,
    alter_spill: Option<AlterSpill>,
    graph: Graph,
    arithmetic: Arc<dyn BatchArithmetic>,
    ids_per_record_max: usize,
    /// Digital IDs of the batch that was resolved.
    ids: Vec<DigitalId>,
    approves: bool,
    writer: Writer,
    /// The key of HELLO_P.
    offered: Option<KnownKey>,
    /// The record that was appended last: a frame may be sent only right after its own.
    appended: Option<FrameHeader>,
    kept: Option<Outcome>,
    cursors: BTreeMap<SpillName, usize>,
    step_takes: Duration,
    look_up_takes: Duration,
    /// Time that all steps so far have taken.
    clock: Duration,
    /// Time at which the slots were started, and these.
    slots: Option<(Duration, Slots)>,
    side: Side,
}

impl Node {
    fn new(opening: &Opening, head: [u8; 32], out: Outbox) -> Self {
        let (writer, transcript) = Writer::open(opening).unwrap();
        Self {
            role: opening.role,
            window: usize::MAX,
            session: None,
            stage: "open",
            out,
            head,
            work: Vec::new(),
            inbound: BTreeMap::new(),
            sending: Vec::new(),
            rows: VecDeque::new(),
            table: Vec::new(),
            refuse_reserve: None,
            alter_reserve: None,
            alter_spill: None,
            graph: Graph::default(),
            arithmetic: Arc::new(Portable),
            ids_per_record_max: 0,
            ids: Vec::new(),
            approves: true,
            writer,
            offered: None,
            appended: None,
            kept: None,
            cursors: BTreeMap::new(),
            step_takes: Duration::ZERO,
            look_up_takes: Duration::ZERO,
            clock: Duration::ZERO,
            slots: None,
            side: Side {
                error: None,
                outcome: None,
                stage: "",
                openings: 0,
                transcript,
                frames: Vec::new(),
                entries: Vec::new(),
                holds: Vec::new(),
                keys: Vec::new(),
                spills: BTreeMap::new(),
                asked: None,
                recorded_release: false,
                worked: None,
                slot: None,
                after_answers: Vec::new(),
                tasks: Vec::new(),
            },
        }
    }

    fn end(self) -> Side {
        Side { stage: self.stage, ..self.side }
    }

    /// What could be done now; work first, then bulk frames, then control messages.
    fn steps(&self, unheld: &[StreamId]) -> Vec<Step> {
        let Some(session) = &self.session else {
            return Vec::new();
        };
        let work = (0..self.work.len()).map(Step::Work);
        let frames = self.inbound.iter().rev().filter(|(stream, queue)| {
            let bulk = StreamId::from_code(**stream).filter(|stream| !stream.is_control());
            let read = bulk.is_none_or(|bulk| unheld.contains(&bulk) || session.accepts(bulk));
            read && !queue.is_empty()
        });
        work.chain(frames.map(|(stream, _)| Step::Frame(*stream))).collect()
    }

    fn step(&mut self, step: Step, now: u64, schedule: Schedule, draw: &mut Draw) {
        let hostile = schedule != Schedule::Inline;
        self.clock += self.step_takes;
        let input = match step {
            Step::Work(at) => match self.work.remove(at) {
                Work::Compute(task) => {
                    self.side.tasks.push((task.name(), task.elements()));
                    Input::Computed(task.run(&*self.arithmetic))
                }
                Work::Rows { identifiers_max } => {
                    let most = identifiers_max.min(self.rows.len());
                    let take = if hostile { draw.below(most + 1) } else { most };
                    match self.rows.is_empty() {
                        true => Input::EndOfRows,
                        false => Input::Rows(self.rows.drain(..take).collect()),
                    }
                }
                Work::Spill(run) => Input::Spilled(self.chunk(run, hostile, draw)),
                Work::Reserve(mut entry) => match self.refuse_reserve {
                    Some(refusal) => Input::ReserveRefused { refusal, retry_after_s: 60 },
                    None => {
                        self.alter_reserve.into_iter().for_each(|alter| alter(&mut entry));
                        Input::Reserved(Reservation::assertion(entry))
                    }
                },
                Work::Resolve => Input::Resolved(self.resolve()),
                Work::Approve if self.approves => Input::Approved,
                Work::Approve => Input::Declined,
                Work::Slot => {
                    let (since, slots) = self.slots.expect("slots are started before one is due");
                    let slot = slots.next(self.clock - since).unwrap();
                    self.clock = since + slot;
                    self.side.slot = Some(slot);
                    Input::Slot
                }
            },
            Step::Frame(stream) => {
                let next = self.inbound.get_mut(&stream).and_then(VecDeque::pop_front);
                let (bytes, signature) = next.expect("the step was open");
                match parse(&bytes) {
                    Ok(frame) => Input::Frame(frame.with_signature(signature)),
                    Err(error) => return self.settle(Err(error)),
                }
            }
        };
        let Some(session) = self.session.take() else {
            return;
        };
        let stepped = session.handle(now, input, &mut self.out);
        self.settle(stepped);
    }

    /// Carries out what the session asked for, and moves its frames to the peer.
    fn transmit(
        &mut self,
        to: &mut Self,
        deliver: &mut impl FnMut(&RawFrame) -> Vec<(Vec<u8>, Signature)>,
        sent: &mut Vec<RawFrame>,
    ) {
        self.take_outputs();
        for frame in self.sending.drain(..) {
            for (bytes, signature) in deliver(&frame) {
                let stream = bytes.first().copied().unwrap_or(0);
                to.inbound.entry(stream).or_default().push_back((bytes, signature));
            }
            sent.push(frame);
        }
    }

    /// Keeps the next state, or closes after an error.
    fn settle(&mut self, stepped: Result<Session, Error>) {
        match stepped {
            Ok(session) => {
                self.stage = session.stage();
                self.session = Some(session);
            }
            Err(error) => {
                self.session = None;
                self.out.close(&error, self.head, 0);
                self.side.error = Some(error);
            }
        }
    }

    /// Rules 1, 2 and 5 of the contract.
    fn take_outputs(&mut self) {
        let outputs: Vec<Output> = self.out.drain().collect();
        for output in outputs {
            match output {
                Output::Append { record, frame } => {
                    if let Record::Control(frame) = &record
                        && matches!(Control::decode(frame), Ok(Control::Receipt(_)))
                        && self.role == Role::Advertiser
                        && frame.header.stream == StreamId::ControlAdvertiser
                    {
                        assert!(self.kept.is_some(), "a receipt over a result nobody keeps");
                    }
                    self.side.transcript.extend(self.writer.append(&record).unwrap());
                    self.appended = Some(match record {
                        Record::Control(control) => {
                            if let Ok(Control::HelloP(hello)) = Control::decode(&control) {
                                self.offered = Some(hello.manifest.known_key().unwrap());
                            }
                            control.header
                        }
                        Record::Bulk { header, .. } => {
                            let kept = header.stream != StreamId::Ids;
                            assert_eq!(frame.is_some(), kept, "digital IDs are in no package");
                            header
                        }
                    });
                    if let Some(frame) = frame {
                        if frame.header.stream == StreamId::Table && self.role == Role::Advertiser {
                            self.table.push(frame.clone());
                        }
                        self.side.frames.push(frame);
                    }
                }
                Output::Send(frame) => {
                    assert_eq!(self.appended, Some(frame.header), "sent what was not recorded");
                    if let Some((since, _)) = self.slots {
                        self.side.after_answers.push(self.clock - since);
                    }
                    self.sending.push(frame);
                }
                Output::Opening => {
                    assert!(self.sending.is_empty(), "counted before the answer leaves");
                    self.side.openings += 1;
                }
                Output::Compute(task) => self.work.push(Work::Compute(task)),
                Output::WantRows { identifiers_max } => {
                    self.work.push(Work::Rows { identifiers_max });
                }
                Output::Spill { spill, records } => {
                    assert!(!self.cursors.contains_key(&spill), "{spill:?} grew while it was read");
                    if spill == SpillName::DigitalIds {
                        let kept = self.side.spills.entry(spill).or_default();
                        let mut rest: &[u8] = &records;
                        while let Some((id, after)) = DigitalId::decode(rest) {
                            kept.push(rest[..id.encoded_len()].to_vec());
                            rest = after;
                        }
                        assert!(rest.is_empty(), "whole entries");
                        continue;
                    }
                    let len = spill.record_len().expect("records, not frames");
                    assert_eq!(records.len() % len, 0, "{spill:?} was given in whole records");
                    let kept = self.side.spills.entry(spill).or_default();
                    kept.extend(records.chunks(len).map(<[u8]>::to_vec));
                }
                Output::WantSpill(run) => self.work.push(Work::Spill(run)),
                Output::Reserve { entry, terms } => {
                    assert!(matches!(Control::decode(&terms), Ok(Control::Terms(_))));
                    let kept = match self.role {
                        Role::Provider => &mut self.side.entries,
                        Role::Advertiser => &mut self.side.holds,
                    };
                    kept.push(entry.clone());
                    let key = self.offered.expect("HELLO_P comes before terms");
                    self.side.keys.push(MetKey { key, answered: false });
                    self.work.push(Work::Reserve(entry));
                }
                Output::Ledger { entry, evidence } => {
                    let expected = match (self.role, entry.kind) {
                        (Role::Advertiser, LedgerEntry::RESERVE) => "TERMS_ACCEPT",
                        (Role::Advertiser, _) => "RECEIPT_ACK",
                        (Role::Provider, _) => "RECEIPT",
                    };
                    assert_eq!(Control::decode(&evidence).unwrap().name(), expected);
                    self.side.entries.push(entry);
                }
                Output::KeyAnswered(key) => {
                    let mut keys = self.side.keys.iter_mut();
                    keys.find(|met| met.key == key).expect("a key that is spent").answered = true;
                }
                Output::WantApproval { count } => {
                    self.side.asked = Some(count);
                    self.work.push(Work::Approve);
                }
                Output::StartSlots(slots) => {
                    let started = self.slots.replace((self.clock, slots));
                    assert_eq!(started, None, "one clock");
                }
                Output::WantSlot => {
                    let (since, _) = self.slots.expect("a clock");
                    self.side.worked = Some(self.clock - since);
                    self.work.push(Work::Slot);
                }
                Output::Resolve => self.work.push(Work::Resolve),
                Output::RecordRelease => self.side.recorded_release = true,
                Output::KeepResult(outcome) => {
                    assert_eq!(self.role, Role::Advertiser, "the provider keeps no result");
                    assert_eq!(self.kept.replace(outcome), None, "one result");
                }
                Output::Finished(outcome) => {
                    if self.role == Role::Advertiser {
                        assert_eq!(self.kept.as_ref(), Some(&outcome), "another than was kept");
                    }
                    self.side.outcome = Some(outcome);
                }
            }
        }
        if self.session.is_none() {
            self.work.clear();
        }
        // Memory is bounded by the window, as long as the driver holds the peer back.
        let tasks = self.work.iter().filter(|work| matches!(work, Work::Compute(_))).count();
        assert!(tasks <= self.window, "{tasks} tasks at once");
    }

    /// Looks up the batch of handles, as the provider's node does.
    fn resolve(&mut self) -> Resolution {
        let batch = self.side.spills.get(&SpillName::Handles).cloned().unwrap_or_default();
        let handles: Vec<[u8; 16]> = batch.iter().map(|h| h[..].try_into().unwrap()).collect();
        let known: Vec<u64> =
            handles.iter().filter_map(|handle| self.graph.handles.get(handle).copied()).collect();
        let noise = handles.iter().filter(|handle| self.graph.noise.contains(*handle)).count();
        let records: BTreeSet<u64> = known.iter().copied().collect();
        self.clock += self.look_up_takes * u32::try_from(records.len()).unwrap();
        if let Some(releases) = &self.graph.releases {
            let (ids, release_head) = releases.borrow_mut()(&records);
            self.ids = ids;
            return Resolution {
                handles_known: (known.len() + noise) as u64,
                handles_unknown: (handles.len() - known.len() - noise) as u32,
                records: records.len() as u64,
                release_head,
            };
        }
        let mut ids: BTreeSet<Vec<u8>> = BTreeSet::new();
        for record in &records {
            let of_record = digital_ids(*record);
            if !self.graph.objected.contains(record) {
                ids.extend(of_record.iter().take(self.ids_per_record_max).map(entry));
            }
        }
        self.ids = ids.iter().map(|bytes| DigitalId::decode(bytes).unwrap().0).collect();
        if let Some(alter) = self.graph.alter_ids {
            alter(&mut self.ids);
        }
        Resolution {
            handles_known: (known.len() + noise) as u64,
            handles_unknown: (handles.len() - known.len() - noise) as u32,
            records: records.len() as u64,
            release_head: h("release", &[&self.side.transcript]),
        }
    }

    /// The next chunk of a run, sorted.
    fn chunk(&mut self, run: SpillName, hostile: bool, draw: &mut Draw) -> SpillChunk {
        let cursor = self.cursors.entry(run).or_insert(0);
        if run == SpillName::Table {
            let frame = self.table[*cursor].clone();
            *cursor += 1;
            let last = *cursor == self.table.len();
            return SpillChunk { spill: run, content: SpillContent::Frame(frame), last };
        }
        if run == SpillName::Evaluations {
            let mut kept = self.side.frames.iter().filter(|f| f.header.stream == StreamId::Eval);
            let mut frame = kept.nth(*cursor).cloned().expect("a further frame of EVAL");
            *cursor += 1;
            if let Some(alter) = self.alter_spill {
                let mut rows = vec![frame.payload.to_vec()];
                alter(run, &mut rows);
                frame = RawFrame { payload: rows.concat().into(), ..frame };
            }
            let last = frame.header.is_last();
            return SpillChunk { spill: run, content: SpillContent::Frame(frame), last };
        }
        if run == SpillName::DigitalIds {
            let left = self.ids.len() - *cursor;
            let take = if hostile { draw.below(left + 1) } else { left.min(50) };
            let content = SpillContent::Ids(self.ids[*cursor..*cursor + take].to_vec());
            *cursor += take;
            return SpillChunk { spill: run, content, last: *cursor == self.ids.len() };
        }
        let records = self.side.spills.entry(run).or_default();
        if *cursor == 0 {
            records.sort_unstable();
            if let Some(alter) = self.alter_spill {
                alter(run, records);
            }
        }
        let left = records.len() - *cursor;
        let take = if hostile { draw.below(left + 1) } else { left.min(7) };
        self.clock += TAKEN_BY_RECORD * u32::try_from(take).unwrap();
        let content = records[*cursor..*cursor + take].concat();
        *cursor += take;
        let last = *cursor == records.len();
        SpillChunk { spill: run, content: SpillContent::Records(content.into()), last }
    }
}

impl Side {
    /// The outcome run: row and kind bits, as the operator may read it.
    pub(crate) fn matched_rows(&self) -> Vec<(u64, u16)> {
        let records = self.spills.get(&SpillName::MatchedRows).map_or(&[][..], Vec::as_slice);
        records
            .iter()
            .map(|record| {
                let (row, bits) = record.split_at(8);
                let row = u64::from_be_bytes(row.try_into().unwrap());
                (row, u16::from_be_bytes(bits.try_into().unwrap()))
            })
            .collect()
    }

    /// The digital IDs that came back, as their encodings.
    pub(crate) fn digital_ids(&self) -> Vec<Vec<u8>> {
        self.spills.get(&SpillName::DigitalIds).cloned().unwrap_or_default()
    }

    /// What an auditor finds at T0 in this side's transcript and frames.
    pub(crate) fn verdict(&self) -> Verdict {
        let (mut frames, transcript) = (self, self.parsed());
        let small = self.controls().iter().any(
            |message| matches!(message, Control::HelloA(hello) if hello.program.flags & 1 != 0),
        );
        let limits = if small { Limits::SMALL } else { Limits::STANDARD };
        let expected = Expected {
            advertiser: Some(advertiser_key().party()),
            provider: Some(provider_key().party()),
        };
        verify::verify(&T0, &transcript, &mut frames, &Portable, &limits, 1 << 10, &expected)
            .unwrap()
    }

    pub(crate) fn parsed(&self) -> Transcript {
        Transcript::parse(&self.transcript).expect("a transcript of ours parses")
    }

    /// Control messages in the transcript, in order.
    pub(crate) fn controls(&self) -> Vec<Control> {
        let records = self.parsed().records;
        records
            .iter()
            .filter_map(|record| match record {
                Record::Control(frame) => Some(Control::decode(frame).unwrap()),
                Record::Bulk { .. } => None,
            })
            .collect()
    }
}

impl FrameSource for &Side {
    fn frame(&mut self, stream: StreamId, index: u32) -> Result<Option<RawFrame>, FrameUnreadable> {
        let mut frames = self.frames.iter();
        Ok(frames.find(|f| f.header.stream == stream && f.header.index == index).cloned())
    }
}

impl Ended {
    /// Frames of one stream, as they were sent.
    pub(crate) fn stream(&self, stream: StreamId) -> Vec<&RawFrame> {
        self.sent.iter().filter(|frame| frame.header.stream == stream).collect()
    }

    /// The first control message of this kind, as its frame.
    pub(crate) fn control(&self, kind: u8) -> &RawFrame {
        let mut frames = self.sent.iter();
        let found = frames.find(|f| f.header.stream.is_control() && f.header.kind == kind);
        found.expect("the message was sent")
    }

    pub(crate) fn terms(&self) -> Terms {
        match Control::decode(self.control(3)) {
            Ok(Control::Terms(terms)) => terms,
            other => panic!("not terms: {other:?}"),
        }
    }

    /// Neither side reported an error.
    pub(crate) fn expect_honest(&self) {
        assert_eq!((self.advertiser.error, self.provider.error), (None, None));
        assert_eq!((self.advertiser.stage, self.provider.stage), ("closed", "closed"));
    }
}

/// Replaces a control message by what `edit` makes of it.
pub(crate) fn on_control(
    kind: u8,
    mut edit: impl FnMut(&mut Control),
) -> impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>> {
    move |frame| {
        let header = frame.header;
        if !header.stream.is_control() || header.kind != kind {
            return None;
        }
        let mut message = Control::decode(frame).unwrap();
        edit(&mut message);
        Some(vec![bytes(&message.encode(header.stream, header.index).unwrap())])
    }
}

/// Replaces the payload of one frame of a bulk stream; its length may change.
pub(crate) fn on_bulk(
    stream: StreamId,
    index: u32,
    mut edit: impl FnMut(&mut FrameHeader, &mut Vec<u8>),
) -> impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>> {
    move |frame| {
        let mut header = frame.header;
        if header.stream != stream || header.index != index {
            return None;
        }
        let mut payload = frame.payload.to_vec();
        edit(&mut header, &mut payload);
        header.payload_len = payload.len() as u32;
        Some(vec![[&header.encode()[..], &payload].concat()])
    }
}

/// Makes the sender of altered frames stand by them: its CHECKPOINTs are over what was delivered,
/// signed with its key, and the CHECKPOINT_ACKs it receives are over what it thinks it sent.
pub(crate) fn cheat(
    mut alter: impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>>,
) -> impl FnMut(&RawFrame) -> Option<Vec<Vec<u8>>> {
    let mut sid = [0; 32];
    let mut honest: BTreeMap<u8, (Tree, u64)> = BTreeMap::new();
    let mut delivered: BTreeMap<u8, (Tree, u64)> = BTreeMap::new();
    move |frame| {
        let altered = alter(frame);
        let stream = frame.header.stream;
        if !stream.is_control() {
            let push = |heads: &mut BTreeMap<u8, (Tree, u64)>, bytes: &[u8]| {
                let (tree, elements) = heads.entry(stream.code()).or_default();
                tree.push(leaf_hash(&[bytes]));
                *elements += u64::from(u32::from_le_bytes(bytes[4..8].try_into().unwrap()));
            };
            push(&mut honest, &bytes(frame));
            for bytes in altered.iter().flatten() {
                push(&mut delivered, bytes);
            }
            if altered.is_none() {
                push(&mut delivered, &bytes(frame));
            }
            return altered;
        }
        let mut message = Control::decode(frame).unwrap();
        let heads = match &mut message {
            Control::Terms(terms) => {
                sid = terms.sid;
                return altered;
            }
            Control::Checkpoint(checkpoint) => (checkpoint, &delivered, 6),
            Control::CheckpointAck(checkpoint) => (checkpoint, &honest, 7),
            _ => return altered,
        };
        let (checkpoint, heads, kind) = heads;
        let (tree, elements) = &heads[&checkpoint.stream];
        checkpoint.frames = tree.leaves() as u32;
        checkpoint.elements = *elements;
        checkpoint.root = tree.root();
        sign_checkpoint(checkpoint, kind, &sid);
        Some(vec![bytes(&message.encode(stream, frame.header.index).unwrap())])
    }
}

/// Signs a checkpoint as its sender (kind 6), or as its receiver (kind 7).
pub(crate) fn sign_checkpoint(checkpoint: &mut Checkpoint, kind: u8, sid: &[u8; 32]) {
    let by_advertiser = matches!(checkpoint.stream, 17 | 19) == (kind == 6);
    let key = match by_advertiser {
        true => advertiser_signing_key(),
        false => provider_signing_key(),
    };
    let Checkpoint { stream, frames, elements, root, .. } = checkpoint;
    let parts: [&[u8]; 5] =
        [sid, &[*stream], &frames.to_le_bytes(), &elements.to_le_bytes(), &*root];
    checkpoint.signature = sign(&key, "sign-checkpoint", &parts);
}

/// A frame as it stands on the wire.
pub(crate) fn bytes(frame: &RawFrame) -> Vec<u8> {
    [&frame.header.encode()[..], &frame.payload].concat()
}

/// A frame from the wire, read as the node reads it.
pub(crate) fn parse(bytes: &[u8]) -> Result<RawFrame, Error> {
    let (head, payload) = bytes.split_first_chunk::<16>().expect("a header is always sent whole");
    let stream = head[0];
    let index = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    FrameHeader::parse(head)
        .and_then(|header| RawFrame::new(header, payload.into()))
        .map_err(|violation| Error::peer(violation, stream, index))
}

pub(crate) fn advertiser_key() -> AttestationKey {
    AttestationKey::from_bytes(&ADVERTISER)
}

pub(crate) fn provider_key() -> AttestationKey {
    AttestationKey::from_bytes(&PROVIDER)
}

pub(crate) fn advertiser_signing_key() -> SigningKey {
    SigningKey::from_bytes(&ADVERTISER)
}

pub(crate) fn provider_signing_key() -> SigningKey {
    SigningKey::from_bytes(&PROVIDER)
}

/// `Sig(label; x)` by hand, for peers that sign what no honest session would.
pub(crate) fn sign(key: &SigningKey, label: &str, parts: &[&[u8]]) -> Signature {
    let bytes = key.sign(&labelled(label, parts)).to_bytes();
    Signature { r: bytes[..32].try_into().unwrap(), s: bytes[32..].try_into().unwrap() }
}

/// `u8(len(l)) ‖ l ‖ x` with `l = "VEILMATCH-1-" ‖ label`.
pub(crate) fn labelled(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let label = format!("VEILMATCH-1-{label}");
    [&[label.len() as u8], label.as_bytes(), &parts.concat()].concat()
}

/// `H(label; x)` by hand.
pub(crate) fn h(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    Sha512_256::digest(labelled(label, parts)).into()
}

/// `H64(label; x)` by hand.
pub(crate) fn h64(label: &str, parts: &[&[u8]]) -> [u8; 64] {
    Sha512::digest(labelled(label, parts)).into()
}

/// `Extract(salt, ikm)` by hand.
pub(crate) fn extract(salt: &[u8], ikm: &[u8]) -> Vec<u8> {
    Hkdf::<Sha512>::extract(Some(salt), ikm).0.to_vec()
}

/// `KDF(prk, label; ctx, N)` by hand.
pub(crate) fn kdf<const N: usize>(prk: &[u8], label: &str, context: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    let prk = Hkdf::<Sha512>::from_prk(prk).unwrap();
    prk.expand(&labelled(label, context), &mut out).unwrap();
    out
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

pub(crate) fn email(person: u64) -> Identifier {
    identifier(IdentifierKind::EMAIL_STRICT, person)
}

pub(crate) fn phone(person: u64) -> Identifier {
    identifier(IdentifierKind::PHONE, person)
}

/// The identifier of a kind of one person. Different kinds of one person share their digest, so
/// that a match across kinds would show.
pub(crate) fn identifier(kind: IdentifierKind, person: u64) -> Identifier {
    let digest = sha256(&[b"person", &person.to_le_bytes()]);
    Identifier { kind, ruleset: RULESET, digest: IdentifierDigest::from_bytes(digest) }
}

/// The rows as the driver gives them, with elements numbered by first occurrence.
pub(crate) fn row_slots(rows: &[Vec<Identifier>]) -> Vec<RowSlot> {
    let mut elements: BTreeMap<Identifier, u64> = BTreeMap::new();
    let mut slots = Vec::new();
    for (row, identifiers) in (0_u64..).zip(rows) {
        for (slot, identifier) in (0_u8..).zip(identifiers) {
            let next = elements.len() as u64;
            let element = *elements.entry(identifier.clone()).or_insert(next);
            slots.push(RowSlot { row, slot, element, identifier: identifier.clone() });
        }
    }
    slots
}

pub(crate) fn input_root(rows: &[Vec<Identifier>]) -> InputRoot {
    let mut committer = InputCommitter::new(InputSeed::from_bytes([0x41; 32]).leaf_salts());
    for slot in row_slots(rows) {
        committer.push(&InputLeaf {
            row: slot.row,
            slot: slot.slot,
            identifier: slot.identifier,
            consent_evidence: [0x42; 32],
            source_time: NOW - 86_400,
        });
    }
    committer.finish(rows.len() as u64, [0x3A; 32])
}

pub(crate) fn prf_key() -> (PrfKey<Aligned>, KeyDerivation) {
    let (provider, partner) = (provider_key().party().0, advertiser_key().party().0);
    let derivation = KeySeed::from_bytes(KEY_SEED).key_derivation(&KEY_ID, &provider, &partner);
    (PrfKey::derive(&derivation, &provider, &partner, &KEY_ID).unwrap(), derivation)
}

pub(crate) fn manifest_body(key: &PrfKey<Aligned>) -> ManifestBody {
    ManifestBody {
        provider: provider_key().party().0,
        partner: advertiser_key().party().0,
        suite: SuiteId::Aligned.code(),
        key_id: KEY_ID,
        public_key: *key.public(),
        key_seed_commitment: KeySeed::from_bytes(KEY_SEED).commitment(),
        not_before: NOW - 86_400,
        not_after: NOW + 20 * 86_400,
        evaluations_max: 1 << 20,
    }
}

/// Name of the key of one shuffled run.
pub(crate) fn run_key_id(session: u8) -> [u8; 16] {
    [0x60 ^ session; 16]
}

/// The key of one shuffled run.
pub(crate) fn run_key(session: u8) -> (PrfKey<Shuffled>, KeyDerivation) {
    let (provider, partner) = (provider_key().party().0, advertiser_key().party().0);
    let key_id = run_key_id(session);
    let seed = KeySeed::from_bytes(sha256(&[b"run key", &[session]]));
    let derivation = seed.key_derivation(&key_id, &provider, &partner);
    (PrfKey::derive(&derivation, &provider, &partner, &key_id).unwrap(), derivation)
}

/// Outputs of the first noise elements that may hit.
pub(crate) fn noise_outputs(
    key: &PrfKey<Shuffled>,
    derivation: &KeyDerivation,
    count: u64,
) -> Vec<PrfOutput<Shuffled>> {
    noise_outputs_by(&Portable, key, derivation, count)
}

fn noise_outputs_by(
    arithmetic: &dyn BatchArithmetic,
    key: &PrfKey<Shuffled>,
    derivation: &KeyDerivation,
    count: u64,
) -> Vec<PrfOutput<Shuffled>> {
    let scalars = derivation.noise_scalars(arithmetic, true, 0..count).unwrap();
    key.noise_outputs(arithmetic, &scalars).unwrap()
}

/// Digital IDs of a record: one to three of its own, and one of its household of four records.
pub(crate) fn digital_ids(record: u64) -> Vec<DigitalId> {
    let value = |text: String| DigitalId {
        namespace: NAMESPACE,
        device_class: 0,
        age_bucket: 0,
        days_valid: 0,
        value: text.into_bytes(),
    };
    let mut ids: Vec<DigitalId> =
        (0..=record % 3).map(|at| value(format!("cookie-{record}-{at}"))).collect();
    ids.push(value(format!("household-{}", record / 4)));
    ids
}

/// The bytes that a digital ID is ordered and sent by.
pub(crate) fn entry(id: &DigitalId) -> Vec<u8> {
    let mut bytes = Vec::new();
    id.encode_into(&mut bytes).unwrap();
    bytes
}

/// The padded, sorted, encoded table of some identifiers.
pub(crate) fn table<O: Order>(
    key: &PrfKey<O>,
    derivation: &KeyDerivation,
    people: &[Identifier],
    noise: &[PrfOutput<O>],
    limits: &Limits,
) -> (TableDescriptor, Vec<RawFrame>) {
    table_by(&Portable, key, derivation, people, noise, limits)
}

fn table_by<O: Order>(
    arithmetic: &dyn BatchArithmetic,
    key: &PrfKey<O>,
    derivation: &KeyDerivation,
    people: &[Identifier],
    noise: &[PrfOutput<O>],
    limits: &Limits,
) -> (TableDescriptor, Vec<RawFrame>) {
    let inputs: Vec<PrfInput> = people.iter().map(PrfInput::of).collect();
    let mut tags: BTreeSet<_> =
        key.outputs(arithmetic, &inputs).iter().map(PrfOutput::tag).collect();
    tags.extend(noise.iter().map(PrfOutput::tag));
    let total = padded_tags(tags.len() as u64, limits).unwrap();
    let mut next = 0;
    while (tags.len() as u64) < total {
        // As many as are missing; one whose tag is there already makes room for the next.
        let numbers = next..next + (total - tags.len() as u64);
        next = numbers.end;
        let padding: Vec<PrfInput> = numbers.map(|at| derivation.table_padding(at)).collect();
        tags.extend(key.outputs(arithmetic, &padding).iter().map(PrfOutput::tag));
    }
    let mut writer = TableWriter::new(total, limits).unwrap();
    let frames = tags.into_iter().filter_map(|tag| writer.push(tag).unwrap()).collect();
    (writer.finish().unwrap(), frames)
}

/// A small deterministic generator; its quality does not matter.
#[derive(Debug, Clone)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `bound`; 0 when that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }
}

/// So many cases of a property. No file of failures is kept: a found case becomes a test.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8)
        .collect();
    assert_eq!(digits.len() % 2, 0, "whole bytes");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Unix time of every test.
pub(crate) const NOW: u64 = 1_800_000_000;
/// Namespace of every digital ID.
pub(crate) const NAMESPACE: u16 = 0x0100;
pub(crate) const RULESET: RulesetId = RulesetId::CRM_FR_1;
pub(crate) const KEY_ID: [u8; 16] = [0x51; 16];
pub(crate) const KEY_SEED: [u8; 32] = [0x52; 32];
const ADVERTISER: [u8; 32] = [0x0A; 32];
const PROVIDER: [u8; 32] = [0x0B; 32];

/// Time that each record of a spill adds to its step.
const TAKEN_BY_RECORD: Duration = Duration::from_micros(3);
