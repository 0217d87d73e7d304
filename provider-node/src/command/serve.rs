//! `serve`: partners' sessions, until a signal.

use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use channel::Channel;
use channel::identity::Pins;
use channel::quic::ProviderEndpoint;
use graph::GraphError;
use ledger::evidence::SessionEvidence;
use ledger::{Ledger, LedgerError, SessionRow, SessionState};
use node::console::{OutputOptions, Progress, Terminal};
use node::driver::{ChargeError, DriveError, Driver, Duties, Ended, ProviderDuties};
use node::engine::Engine;
use node::failure::{Failure, session_error};
use node::program;
use node::status;
use node::stop::Stop;
use normalize::manifest::RulesManifest;
use protocol::codec::RawFrame;
use protocol::digital_id::DigitalId;
use protocol::error::{Bug, Error, Refusal, WireCode};
use protocol::ledger::{LedgerEntry, Reservation};
use protocol::limits::{AUDIT_SAMPLE_DEFAULT, AUDIT_WINDOW_S_DEFAULT, HELLOS_PER_DAY_MAX, Limits};
use protocol::message::Control;
use protocol::suite::SuiteId;
use protocol::terms::{MatchTerms, Offer};
use protocol::transcript::Role;
use report::{Code, Text};
use rights::objections::suppression_epoch;
use session::advertiser::KnownKey;
use session::disclosure::Resolution;
use session::provider::{Policy, Prepared, ProviderConfig, ProviderSession};
use session::{Outbox, VerifiedPeer};
use store::StoreError;
use store::journal::SessionJournal;
use store::keyring::KeyringError;
use store::os::{self, Clock, DirectoryLock, SystemClock};
use store::spill::{FixedSorted, SpillStore};

use crate::Home;
use crate::admission::Admission;
use crate::cli::ServeOptions;
use crate::command::object::OBJECTIONS;
use crate::delivery::{Delivery, DeliveryDesk};
use crate::group::{self, Group};
use crate::namespaces::Namespaces;
use crate::partners::{Change, Partners, Standing};
use crate::publish::Published;
use crate::tables::{self, Ready, ReadyKey};
use crate::tenant::Tenant;

use self::building::Building;
use self::life::Sessions;
use self::shares::{Readings, SpillMemory, Turns, held};

mod building;
mod life;
mod shares;

pub(crate) fn run(
    dir: &Path,
    options: &ServeOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    output.look_at_json()?;
    let _lock = home.lock()?;
    let rules = RulesManifest::build(home.config.common.ruleset, &home.config.common.options)?;
    let service = Arc::new(Service::new(home, rules.rules_digest(), output.clone(), terminal)?);
    service.ledger.interrupt_sessions()?;
    group::sweep(&service.home)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
            let text = Text::new("runtime-not-started").with("why", &error);
            Failure::new(Code::Storage, text)
        })?;
    let served = runtime.block_on(life::serve(&service, options, terminal));
    runtime.shutdown_timeout(Duration::from_secs(2));
    served
}

struct Service {
    home: Home,
    /// Place and manner of the progress of sessions.
    output: OutputOptions,
    terminal: Terminal,
    ledger: Ledger,
    engine: Arc<Engine>,
    rules_digest: [u8; 32],
    admission: Admission,
    /// Partners whose tables are being built, or wait for it.
    building: Admission,
    /// Turns of the tables, which are built one at a time.
    turns: Turns,
    /// Memory for the spills of all sessions.
    spill_memory: SpillMemory,
    readings: Readings,
    /// The hold on the snapshot that partners are being shown, shared by those who are.
    showing: Mutex<Weak<DirectoryLock>>,
    /// The partners as they were last read.
    partners: Mutex<Partners>,
    sessions: Sessions,
    /// Told when sessions have had their time.
    stop: Stop,
    /// Ends of sessions that could not be noted yet.
    unnoted: Mutex<Vec<SessionRow>>,
}

impl Service {
    fn new(
        home: Home,
        rules_digest: [u8; 32],
        output: OutputOptions,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        Ok(Self {
            ledger: Ledger::open(&home.ledger())?,
            engine: Engine::start(home.config.common.threads),
            rules_digest,
            admission: Admission::default(),
            building: Admission::default(),
            turns: Turns::default(),
            spill_memory: SpillMemory::new(home.config.common.memory_bytes),
            readings: Readings::default(),
            showing: Mutex::default(),
            partners: Mutex::default(),
            sessions: Sessions::default(),
            stop: Stop::new(),
            unnoted: Mutex::default(),
            output,
            terminal: terminal.clone(),
            home,
        })
    }

    /// Builds what is missing before the node can be reached.
    fn build_tables(&self) -> Result<(), Failure> {
        let Some(snapshot) = Published::current(&self.home)? else {
            return Err(Failure::new(Code::ToDoFirst, Text::new("serve-no-graph")));
        };
        snapshot.stored.verify()?;
        let now = SystemClock::new().now_unix();
        for tenant in Partners::load(&self.home, Some(&self.ledger))?.with_tables() {
            // What is wrong with one partner's keys or tables is no matter of the others.
            if let Err(failure) = self.build_tables_of(tenant, &snapshot, 1, now) {
                let report = &failure;
                let partner = &tenant.name;
                tracing::error!(target: "veilmatch::table", partner, "{report}");
            }
        }
        Ok(())
    }

    fn build_tables_of(
        &self,
        tenant: &Tenant,
        snapshot: &Published,
        wanted: u8,
        now: u64,
    ) -> Result<(), Failure> {
        let (home, engine) = (&self.home, &self.engine);
        for profile in tenant.policy.served_profiles() {
            let (identifiers, shown) =
                (snapshot.stored.root().leaves, (&self.output, &self.terminal));
            let building = Building::new(&tenant.name, profile, identifiers, shown);
            let done = |done| building.done(done);
            // A partner that may only have persons removed by it does that once in 20 hours.
            let is_listed = tenant.policy.profiles().contains(&profile);
            let wanted = if is_listed { wanted } else { 1 };
            let _turn = self.turns.wait();
            tables::ensure(home, tenant, snapshot, (profile, wanted), engine, now, &done)?;
            building.ended();
        }
        Ok(())
    }

    /// Builds a partner's missing tables in the background, unless that is going on.
    fn prepare(self: &Arc<Self>, tenant: &Tenant) {
        let Some(going_on) = self.building.enter(tenant.identity.party().0) else { return };
        let (service, tenant) = (Arc::clone(self), tenant.clone());
        tokio::task::spawn_blocking(move || {
            // Ends with the building, whichever way that ends.
            let _going_on = going_on;
            let now = SystemClock::new().now_unix();
            let built = match Published::current(&service.home) {
                Ok(Some(snapshot)) => {
                    // One table for every profile before a second for any.
                    let build = |wanted| service.build_tables_of(&tenant, &snapshot, wanted, now);
                    build(1).and_then(|()| build(service.home.config.prepared))
                }
                Ok(None) => Ok(()),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = built {
                let report = &failure;
                tracing::warn!(target: "veilmatch::table", "{report}");
            }
        });
    }

    /// Has a table ready for every partner and profile before it is asked for: keys end, and
    /// policies change.
    fn renew(self: &Arc<Self>) {
        for tenant in
            Partners::load(&self.home, Some(&self.ledger)).iter().flat_map(Partners::with_tables)
        {
            self.prepare(tenant);
        }
    }

    /// Reads the partners again and pins them; tells what changed since the last time, and which
    /// files have a mistake. Sessions in progress go on under the policy they began with.
    ///
    /// # Errors
    ///
    /// [`Failure`] of storage; the pins stay as they were.
    fn read_partners(&self, pins: &Pins) -> Result<Vec<Change>, Failure> {
        let partners = Partners::load(&self.home, Some(&self.ledger))?;
        partners.keep_good();
        pins.replace(partners.identities());
        let mut last = held(&self.partners);
        let changes = partners.changes(&last);
        *last = partners;
        for change in &changes {
            let line = &change.text;
            match change.faulty {
                true => tracing::warn!(target: "veilmatch::session", "{line}"),
                false => tracing::info!(target: "veilmatch::session", "{line}"),
            }
        }
        Ok(changes)
    }

    /// Takes up partners that were invited, and drops those that were removed, while we serve;
    /// tells what changed.
    fn reload(&self, pins: &Pins, endpoint: &ProviderEndpoint) -> Vec<Change> {
        match self.read_partners(pins) {
            Ok(changes) => {
                endpoint.close_unpinned();
                changes
            }
            Err(failure) => {
                let report = &failure;
                tracing::warn!(target: "veilmatch::session", "{report}");
                Vec::new()
            }
        }
    }

    async fn session(self: &Arc<Self>, channel: Channel) -> Result<Ended, Failure> {
        let clock = SystemClock::new();
        let now = clock.now_unix();
        let partner = *channel.peer().party();
        let (tenant, faulty) =
            match Partners::load(&self.home, Some(&self.ledger))?.standing(&partner) {
                Standing::Served(tenant) => (tenant, false),
                Standing::Quarantined(tenant) => (tenant, true),
                Standing::Unknown => {
                    return Err(protocol::error::Error::from(Refusal::PartnerUnknown).into());
                }
            };
        let live = self.admission.enter(partner);
        let (busy, group) = match faulty {
            true => (Some((Refusal::CannotServe, 0)), None),
            // Waits while a release goes on in a group that is to be united with another.
            false => match tokio::task::block_in_place(|| self.group(&tenant)) {
                Ok(group) => (self.busy(&partner, live.is_some(), now)?, Some(group)),
                Err(failure) if failure.code() == Code::SessionBusy => {
                    (Some((Refusal::SessionBusy, RETRY_BUSY_S)), None)
                }
                Err(failure) => return Err(failure),
            },
        };
        let offered = match (busy, &group) {
            // Tables are read whole: other connections must not wait for it.
            (None, Some(group)) => {
                tokio::task::block_in_place(|| self.offered(&tenant, group, now))
            }
            // Nothing is read for a partner that is turned away: it may come as often as it likes.
            _ => Ok(Offered::default()),
        };
        let Offered { tables, prepared, desk, objections } = offered.unwrap_or_else(|failure| {
            // Our own misfortune: nothing is offered, and the partner may come again.
            let report = &failure;
            tracing::error!(target: "veilmatch::table", partner = tenant.name, "{report}");
            self.prepare(&tenant);
            Offered::default()
        });
        if prepared.is_empty() {
            self.readings.came_to_nothing(partner);
        }
        let spill_share = self.spill_memory.take();
        let sessions = self.home.private_dir("sessions")?;
        let facts = channel.peer().channel();
        let journal = SessionJournal::begin(&sessions, Role::Provider, facts)?;
        let config = self.config(&tenant, *channel.peer(), (prepared, objections), busy, now)?;
        let exporter = config.peer.channel().exporter;
        let (head, budget) = (config.ledger, tenant.policy.budget());
        let mut duties = ProvidersDuties {
            service: self,
            tenant: &tenant,
            partner,
            budget,
            tables,
            desk,
            chosen: None,
            delivery: None,
            offered: None,
            session: None,
            clock: &clock,
        };
        let progress = Progress::of_session(&self.output, &tenant.name, &self.terminal);
        let outbox = Outbox::new(Role::Provider, config.key.clone(), exporter);
        let driver = Driver::<node::driver::Provider> {
            session: ProviderSession::open(config),
            outbox,
            channel,
            bench: self.engine.bench(),
            journal,
            sessions,
            spills: SpillStore::new(&self.home.private_dir("work")?, spill_share.bytes)?,
            duties: &mut duties,
            clock: &clock,
            progress: &progress,
            evaluations: None,
            ledger_head: head.hash,
            retry_after_s: busy.map_or(0, |(_, seconds)| seconds),
            stop: self.stop.clone(),
        };
        let done = driver.run().await.map_err(Failure::from);
        if let Some(delivery) = &mut duties.delivery
            && let Err(failure) = tokio::task::block_in_place(|| delivery.close())
        {
            let report = &failure;
            tracing::warn!(target: "veilmatch::session", "the next start removes it: {report}");
        }
        self.note_end(duties.session.take(), &done, clock.now_unix());
        if matches!(done.as_ref().err().and_then(Failure::get), Some(DriveError::Duty(_))) {
            // Else what has rotted would be offered, and charged, session after session.
            graph::release::verify_anew();
        }
        if duties.run_key_is_spent(&done)? {
            self.prepare(&tenant);
        }
        drop(live);
        done
    }

    /// State that a session starts from.
    fn config(
        &self,
        tenant: &Tenant,
        peer: VerifiedPeer,
        (prepared, suppression_epoch): (Vec<Prepared>, [u8; 32]),
        busy: Option<(Refusal, u32)>,
        now: u64,
    ) -> Result<ProviderConfig, Failure> {
        Ok(ProviderConfig {
            limits: Limits::STANDARD,
            key: self.home.identity.attestation_key(),
            peer,
            nonce: os::entropy()?,
            policy: self.policy(tenant, now)?,
            prepared,
            rules_digest: self.rules_digest,
            suppression_epoch,
            // One that is behind its anchor differs from the partner's, who is told so.
            ledger: self.ledger.head(peer.party())?,
            busy,
            frames_pending_max: FRAMES_PENDING,
            program: program::running(Role::Provider),
            now,
        })
    }

    /// The group of a partner, whose budgets and releases are the partner's.
    fn group(&self, tenant: &Tenant) -> Result<Group, Failure> {
        Group::of(&self.ledger, &self.home, tenant)
    }

    /// Reason why a partner has to come back later, and in how many seconds.
    fn busy(
        &self,
        partner: &[u8; 32],
        admitted: bool,
        now: u64,
    ) -> Result<Option<(Refusal, u32)>, Failure> {
        if !admitted {
            return Ok(Some((Refusal::SessionBusy, RETRY_BUSY_S)));
        }
        // Counted when the answer leaves: the limit keeps a partner from drawing our nonce again
        // and again, not from waiting.
        let hellos = self.ledger.hellos(partner, day_of(now))?;
        if hellos >= HELLOS_PER_DAY_MAX {
            return Ok(Some((Refusal::TooManyHellos, seconds_to_midnight(now))));
        }
        // What is read to answer a partner that then asks nothing is at the cost of the others.
        let may = self.readings.begin(*partner, Instant::now());
        Ok((!may).then_some((Refusal::SessionBusy, RETRY_BUSY_S)))
    }

    /// Notes how a session ended, for `status`: no count of what matched is known here or kept.
    fn note_end(&self, session: Option<SessionRow>, done: &Result<Ended, Failure>, now: u64) {
        let Some(session) = session else { return };
        let (state, outcome) = match done {
            Ok(_) => (SessionState::Done, "served".into()),
            Err(failure) => (status::state_after(failure), failure.code().shown()),
        };
        self.note(session.ended(state, &outcome, now));
    }

    /// Notes a row, or keeps it for [`Self::note_again`]: on a full disk a session that ended must
    /// not be shown as running for as long as we serve.
    fn note(&self, session: SessionRow) {
        if let Err(error) = self.ledger.record_session(&session) {
            tracing::warn!(target: "veilmatch::session", %error, "session not noted yet");
            held(&self.unnoted).push(session);
        }
    }

    /// Tries the rows again that could not be noted.
    fn note_again(&self) {
        let rows = std::mem::take(&mut *held(&self.unnoted));
        rows.into_iter().for_each(|row| self.note(row));
    }

    /// The tenant's tables, or none as long as one is missing, which is then built.
    ///
    /// A HELLO_A that cannot be answered must not count, and which profile it is for is not known
    /// before it counts: so a partner waits until every table is ready.
    fn offered(
        self: &Arc<Self>,
        tenant: &Tenant,
        group: &Group,
        now: u64,
    ) -> Result<Offered, Failure> {
        let showing = self.hold_showing()?;
        let Some(snapshot) = Published::current(&self.home)? else { return Ok(Offered::default()) };
        let objections = self.objections()?;
        let mut offered = Offered { objections, ..Offered::default() };
        let spent = self.ledger.known_keys(&tenant.identity.party().0)?;
        for profile in tenant.policy.served_profiles() {
            let found = tables::ready(&self.home, tenant, &snapshot, profile, &spent, now)?;
            let Some(ready) = found else {
                self.prepare(tenant);
                return Ok(Offered::default());
            };
            offered.prepared.push(ready.prepared(&self.home, tenant, &snapshot));
            offered.tables.push(ready);
        }
        if offered.tables.iter().any(|table| table.handles.is_some()) {
            offered.desk = Some(DeliveryDesk::open(&self.home, (tenant, group), &snapshot)?);
        }
        if self.objections()? != objections {
            // Somebody objected meanwhile: the head that we show would not be that of the tables.
            self.prepare(tenant);
            return Ok(Offered::default());
        }
        snapshot.mark_shown()?;
        drop(showing);
        Ok(offered)
    }

    /// Holds the snapshot as [`Published::hold_showing`] does, together with whoever does: partners
    /// whose tables are read at one time do not wait for each other.
    fn hold_showing(&self) -> Result<Arc<DirectoryLock>, Failure> {
        let mut showing = held(&self.showing);
        if let Some(held) = showing.upgrade() {
            return Ok(held);
        }
        let held = Arc::new(Published::hold_showing(&self.home)?);
        *showing = Arc::downgrade(&held);
        Ok(held)
    }

    /// Head of the list of objections as it is now.
    fn objections(&self) -> Result<[u8; 32], Failure> {
        Ok(suppression_epoch(&self.home.path(OBJECTIONS), &self.home.storage)?)
    }

    fn policy(&self, tenant: &Tenant, now: u64) -> Result<Policy, Failure> {
        let partner = tenant.identity.party().0;
        let left = self.ledger.left(&partner, &tenant.policy.budget(), now)?;
        Ok(Policy {
            profiles: tenant.policy.profiles(),
            purposes: vec![tenant.policy.purpose()],
            elements_max: tenant.policy.elements_max,
            offer: Offer {
                n_min: tenant.policy.n_min,
                k_min: tenant.policy.k_min,
                group_min: tenant.policy.group_min,
                epsilon_left_milli: left.epsilon_milli,
                evaluations_left: left.evaluations,
                expires_at: now.saturating_add(OFFER_S),
            },
            guardrails: tenant.policy.guardrails(&Namespaces::read(&self.home)?),
            notice: None,
            auditors: Vec::new(),
            audit_levels: 0b0000_0001,
            audit_sample_max: AUDIT_SAMPLE_DEFAULT,
            audit_window_s_max: AUDIT_WINDOW_S_DEFAULT,
        })
    }
}

/// Tables that a session may choose from, one per profile at most.
#[derive(Default)]
struct Offered {
    tables: Vec<Ready>,
    prepared: Vec<Prepared>,
    desk: Option<DeliveryDesk>,
    /// Head of the list of objections that the tables were made without; shown with a table alone.
    objections: [u8; 32],
}

struct ProvidersDuties<'a> {
    service: &'a Service,
    tenant: &'a Tenant,
    partner: [u8; 32],
    budget: ledger::Budget,
    tables: Vec<Ready>,
    /// Source of a release, if a profile discloses handles.
    desk: Option<DeliveryDesk>,
    /// The table of the profile that the terms are for.
    chosen: Option<Ready>,
    /// Release to be made, in profiles that disclose handles.
    delivery: Option<Delivery>,
    /// Id of the run key that the partner was offered.
    offered: Option<[u8; 16]>,
    /// The session as `status` shows it, once its reserve is written.
    session: Option<SessionRow>,
    clock: &'a dyn Clock,
}

impl ProvidersDuties<'_> {
    /// Tells if the run key that was offered serves nobody any more: its terms spent it, or the
    /// partner says that earlier ones did, and then it is retired here [K-12].
    fn run_key_is_spent(&self, done: &Result<Ended, Failure>) -> Result<bool, Failure> {
        let Some(id) = self.offered else { return Ok(false) };
        let keyring = self.tenant.keyring(&self.service.home)?;
        let now = self.clock.now_unix();
        if let Some(Error::AbortedByPeer { code, .. }) = done.as_ref().err().and_then(session_error)
            && *code == WireCode::Refusal(Refusal::KeySpent)
        {
            keyring.retire_run(&id, now)?;
        }
        Ok(!keyring.is_run_prepared(&id, now)?)
    }

    /// Marks the run key of a table as spent; a second time it is refused.
    fn spend(&self, entry: &LedgerEntry, now: u64) -> Result<(), ChargeError> {
        let table = self.tables.iter().find(|table| table.profile.code() == entry.profile);
        let Some(Ready { key: ReadyKey::Run(key), .. }) = table else { return Ok(()) };
        let keyring = self.tenant.keyring(&self.service.home)?;
        match keyring.mark_run_used(&key.manifest.body.key_id, now) {
            Err(KeyringError::Used) => Err(ChargeError::Refused {
                refusal: Refusal::KeySpent,
                retry_after_s: RETRY_BUSY_S,
            }),
            marked => Ok(marked?),
        }
    }

    /// Turns to the table and the release that the terms are for.
    fn choose(&mut self, entry: &LedgerEntry, terms: &MatchTerms, now: u64) -> Result<(), Bug> {
        let tables = std::mem::take(&mut self.tables);
        self.chosen = tables.into_iter().find(|table| table.profile.code() == entry.profile);
        let Some(chosen) = &mut self.chosen else { return Ok(()) };
        if let (Some(handles), Some(desk)) = (chosen.handles.take(), self.desk.take()) {
            let ReadyKey::Run(key) = &chosen.key else { return Err(Bug::invariant()) };
            let source = (handles, key.derivation.clone());
            let session = (chosen.profile, &entry.sid);
            self.delivery = Some(desk.begin(session, terms, source, now)?);
        }
        Ok(())
    }

    fn delivery(&mut self) -> Result<&mut Delivery, GraphError> {
        Ok(self.delivery.as_mut().ok_or(Bug::misuse())?)
    }
}

impl Duties for ProvidersDuties<'_> {
    fn table_frame(&mut self, session: &Path) -> Result<RawFrame, Failure> {
        let missing =
            || GraphError::Store(StoreError::Contradiction { path: session.to_path_buf() });
        let table = self.chosen.as_mut().ok_or_else(missing)?;
        Ok(table.frames.next_frame()?.ok_or_else(missing)?)
    }

    fn reserve(
        &mut self,
        entry: &LedgerEntry,
        opening: &SessionEvidence,
    ) -> Result<Reservation, ChargeError> {
        let now = self.clock.now_unix();
        let Ok(Control::Terms(signed)) = Control::decode(&opening.terms) else {
            return Err(LedgerError::from(Bug::invariant()).into());
        };
        self.service.ledger.session_head(&self.partner)?;
        // First the mark: between the two a power loss costs a table and never a second use.
        self.spend(entry, now)?;
        let ledger = &self.service.ledger;
        let reservation = ledger.reserve(&self.partner, entry, opening, &self.budget, now)?;
        self.choose(entry, &signed.terms, now).map_err(LedgerError::from)?;
        let session = SessionRow::begun(self.partner, entry, now);
        ledger.record_session(&session)?;
        self.session = Some(session);
        Ok(reservation)
    }

    fn ledger(&mut self, entry: &LedgerEntry, evidence: &RawFrame) -> Result<(), LedgerError> {
        self.service.ledger.append(&self.partner, entry, evidence)
    }
}

impl ProviderDuties for ProvidersDuties<'_> {
    fn count_opening(&mut self) -> Result<(), ChargeError> {
        let now = self.clock.now_unix();
        let ledger = &self.service.ledger;
        // Another partner of the group may have opened a session since ours was admitted.
        match ledger.count_hello(&self.partner, day_of(now), HELLOS_PER_DAY_MAX)? {
            Some(_) => {
                self.service.readings.opened(&self.partner);
                Ok(())
            }
            None => Err(ChargeError::Refused {
                refusal: Refusal::TooManyHellos,
                retry_after_s: seconds_to_midnight(now),
            }),
        }
    }

    fn offered(&mut self, key: &KnownKey) {
        let table = self.tables.iter().find(|table| *table.key_id() == key.key_id);
        self.offered =
            table.filter(|table| table.profile.suite() == SuiteId::Shuffled).map(|_| key.key_id);
    }

    fn resolve(&mut self, handles: FixedSorted) -> Result<Resolution, Failure> {
        let node = (&self.service.home, &self.service.ledger);
        let delivery = self.delivery()?;
        // Takes as long as reading the snapshot: other connections must not wait for it.
        tokio::task::block_in_place(|| delivery.resolve(node, handles))
    }

    fn record_release(&mut self) -> Result<(), Failure> {
        let delivery = self.delivery()?;
        tokio::task::block_in_place(|| delivery.record_release())
    }

    fn digital_ids(&mut self) -> Result<(Vec<DigitalId>, bool), Failure> {
        let delivery = self.delivery()?;
        Ok(tokio::task::block_in_place(|| delivery.digital_ids())?)
    }
}

pub(crate) fn day_of(now: u64) -> u32 {
    u32::try_from(now / 86_400).unwrap_or(u32::MAX)
}

fn seconds_to_midnight(now: u64) -> u32 {
    u32::try_from(86_400_u64.saturating_sub(now % 86_400)).unwrap_or(u32::MAX)
}

/// Frames of one session being evaluated: enough for all cores, few enough to be fair.
const FRAMES_PENDING: u32 = 4;
const RETRY_BUSY_S: u32 = 5;
/// An offer stands for a day.
const OFFER_S: u64 = 86_400;

#[cfg(test)]
mod recomputed;
#[cfg(test)]
mod stalled;
#[cfg(test)]
mod tests;
