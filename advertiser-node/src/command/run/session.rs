//! One session with the provider: what it starts from, and what it asks of this node.

use std::path::Path;
use std::sync::Arc;

use node::data::DataError;
use node::data::input::{Identifiers, PreparedInput};
use node::data::table::StoredTable;
use node::driver::{DriveError, Driver, Duties, Ended, Session};
use node::engine::Engine;
use node::error::shown;
use node::failure::Failure;
use node::invite::Invitation;
use node::journal::SessionJournal;
use node::ledger::{Ledger, LedgerError, ReserveError, SeenTable, SessionRow};
use node::program;
use node::room::Demand;
use node::runs::{FixedSorted, RunStore};
use node::seal;
use node::status;
use node::stop::Stop;
use node::telemetry::{Progress, Terminal};
use node::transport::{Channel, quic};
use node::world::{self, Clock, SystemClock};
use protocol::codec::RawFrame;
use protocol::digital_id::DigitalId;
use protocol::disclosure::{MatchCount, Resolution};
use protocol::error::{Error, Incompatibility, Refusal, RefuseCode};
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use protocol::limits::{Limits, TABLE_GROWTH_PERCENT_DEFAULT};
use protocol::message::Control;
use protocol::seed::SessionSeed;
use protocol::session::advertiser::{AdvertiserConfig, AdvertiserSession, KnownKey};
use protocol::session::{Outbox, RowSlot, VerifiedPeer};
use protocol::terms::MatchTerms;
use protocol::transcript::{Record, Role};

use super::approval::Approval;
use super::outcome;
use super::patience::Patience;
use crate::Home;
use crate::committed::Committed;
use crate::repair;
use crate::request::{Request, Shape};

/// Everything the sessions of one run share.
pub(super) struct Run<'a> {
    pub(super) home: &'a Home,
    pub(super) invitation: &'a Invitation,
    pub(super) request: Request,
    pub(super) shape: Shape,
    /// What we ask for, without times.
    pub(super) terms: MatchTerms,
    pub(super) rules_digest: [u8; 32],
    pub(super) input: &'a PreparedInput,
    pub(super) committed: Committed,
    pub(super) ledger: Ledger,
    pub(super) engine: Arc<Engine>,
    pub(super) progress: &'a Progress,
    pub(super) terminal: &'a Terminal,
    pub(super) approval: Approval,
    pub(super) stop: Stop,
}

impl Run<'_> {
    /// Runs the session, and waits and tries again while the provider asks us to.
    ///
    /// However it ends, `status` shows it: a session by its row, a run without one by a row that
    /// says when, where and why.
    pub(super) async fn until_done(&self) -> Result<Ended, Failure> {
        let mut patience = Patience::default();
        let mut repaired = false;
        loop {
            let begun = SystemClock::new().now_unix();
            let missed = match self.once().await {
                Ok(ended) => return Ok(ended),
                Err(missed) => missed,
            };
            if !repaired && self.adopts(&missed.failure)? {
                repaired = true;
                continue;
            }
            let drawn = u32::from_le_bytes(world::entropy()?);
            let wait = match missed.charged {
                true => None,
                false => patience.after(&missed.failure, drawn),
            };
            let Some(wait) = wait else {
                if !missed.charged {
                    self.note_unopened(&missed.failure, begun);
                }
                return Err(missed.failure);
            };
            self.progress.waiting(wait.as_secs().max(1));
            tokio::select! {
                biased;
                signal = self.stop.wait() => {
                    let failure = Failure::Stopped(signal);
                    self.note_unopened(&failure, begun);
                    return Err(failure);
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Whether the provider was ahead by entries of a lost session, which now are ours too.
    fn adopts(&self, error: &Failure) -> Result<bool, Failure> {
        let Failure::Drive(DriveError::Protocol(Error::RefusedByPeer {
            why: RefuseCode::Incompatibility(Incompatibility::LedgerHeadsDiffer),
            ledger_head,
            ..
        })) = error
        else {
            return Ok(false);
        };
        let sessions = self.home.path("sessions");
        repair::adopt(&self.ledger, &self.invitation.provider, &sessions, ledger_head)
    }

    /// Connects and runs one session, if there is room for what it will write.
    async fn once(&self) -> Result<Ended, Missed> {
        let clock = SystemClock::new();
        self.progress.stage("connect");
        let channel = self.connect().await?;
        let sessions = self.home.private_dir("sessions")?;
        let facts = channel.peer().channel();
        let journal = SessionJournal::begin(&sessions, Role::Advertiser, facts)?;
        let head = self.ledger.head(&self.partner())?;
        let seed = self.session_seed(journal.directory())?;
        let config = self.config(*channel.peer(), seed, head, clock.now_unix())?;
        let exporter = config.peer.channel().exporter;
        let mut outbox = Outbox::new(Role::Advertiser, config.key.clone(), exporter);
        let session = AdvertiserSession::open(config, &mut outbox)?;
        // On disk before the provider is told of the input.
        self.committed.record(self.input, clock.now_unix())?;
        let mut duties = AdvertiserDuties {
            run: self,
            partner: self.partner(),
            identifiers: self.input.identifiers()?,
            table: None,
            session: None,
            clock: &clock,
        };
        let driver = Driver {
            session: Session::Advertiser(session),
            outbox,
            channel,
            bench: self.engine.bench(),
            journal,
            sessions,
            runs: self.runs()?,
            duties: &mut duties,
            clock: &clock,
            progress: self.progress,
            evaluations: None,
            ledger_head: head.hash,
            retry_after_s: 0,
            stop: self.stop.clone(),
        };
        let done = driver.run().await.map_err(Failure::from);
        let session = duties.session.take();
        let charged = session.is_some();
        self.note_end(session, &done, clock.now_unix());
        done.map_err(|failure| Missed { failure, charged })
    }

    /// The channel to the provider, once this machine can hold what will come through it.
    async fn connect(&self) -> Result<Channel, Failure> {
        let partner = self.partner();
        let demand = Demand {
            elements: self.shape.elements,
            // The table of the day may be larger: its size is known after HELLO_P, and looked at.
            table_tags: self.ledger.last_table(&partner)?.map_or(0, |last| last.tag_count),
            spill_memory: self.runs()?.memory_bytes(),
        };
        demand.check(&self.home.private_dir("sessions")?)?;
        let options = &self.home.config.common.quic;
        let (address, provider) = (&self.invitation.address, &self.invitation.provider);
        tokio::select! {
            biased;
            signal = self.stop.wait() => Err(Failure::Stopped(signal)),
            channel = quic::connect(address, &self.home.identity, provider, options) => {
                Ok(channel?)
            }
        }
    }

    fn runs(&self) -> Result<RunStore, Failure> {
        let memory = self.home.config.common.memory_bytes;
        Ok(RunStore::new(&self.home.private_dir("work")?, memory)?)
    }

    fn partner(&self) -> [u8; 32] {
        self.invitation.provider.party().0
    }

    fn config(
        &self,
        peer: VerifiedPeer,
        seed: SessionSeed,
        head: LedgerHead,
        now: u64,
    ) -> Result<AdvertiserConfig, Failure> {
        let partner = self.invitation.provider.party().0;
        Ok(AdvertiserConfig {
            limits: Limits::STANDARD,
            profile: self.request.profile,
            key: self.home.identity.attestation_key(),
            peer,
            seed,
            input: self.input.root(),
            distinct: self.input.distinct(),
            row_width: self.shape.width,
            sample_rows: self.shape.sample_rows,
            nearest_input: self.committed.nearest(),
            terms: self.terms.clone(),
            rules_digest: self.rules_digest,
            suppression_epoch: [0; 32],
            ledger: head,
            table_tags_max: self.table_tags_max(&partner)?,
            cached_table: None,
            known_keys: self.ledger.known_keys(&partner)?,
            frames_in_flight: FRAMES_IN_FLIGHT,
            program: program::running(Role::Advertiser),
            now,
        })
    }

    /// Notes how a session ended, for `status`; without the note the result is the same.
    fn note_end(&self, session: Option<SessionRow>, done: &Result<Ended, Failure>, now: u64) {
        let Some(session) = session else { return };
        let (state, outcome) = match done {
            Ok(ended) => (SessionRow::DONE, outcome::text(&ended.outcome)),
            Err(failure) => {
                let code = failure.report(Role::Advertiser).code.into_owned();
                (status::state_after(failure), code)
            }
        };
        if let Err(error) = self.ledger.record_session(&session.ended(state, &outcome, now)) {
            tracing::warn!(target: "veilmatch::session", %error, "session not noted");
        }
    }

    /// Draws the seed of a session and keeps it, sealed, beside the transcript: an auditor's
    /// questions of a later level can only be answered from it.
    fn session_seed(&self, directory: &Path) -> Result<SessionSeed, Failure> {
        let seed = SessionSeed::from_bytes(world::entropy()?);
        let sealed = seal::seal_bytes(&self.home.storage, "session-seed", seed.expose_bytes())?;
        world::publish_new(&directory.join("session.seed"), world::PRIVATE_MODE, |out| {
            out.write_all(&sealed)
        })?;
        Ok(seed)
    }

    /// Our cap, and growth against the last table of this partner.
    fn table_tags_max(&self, partner: &[u8; 32]) -> Result<u64, Failure> {
        let cap = self.home.config.table_tags_max;
        Ok(self.ledger.last_table(partner)?.map_or(cap, |last| {
            let grown = last.tag_count.saturating_mul(TABLE_GROWTH_PERCENT_DEFAULT) / 100;
            // A small table may always grow by two frames.
            cap.min(grown.max(last.tag_count.saturating_add(TABLE_GROWTH_TAGS_FREE)))
        }))
    }

    /// Keeps size and root of the table we accepted: growth is measured against it.
    pub(super) fn remember_table(&self, ended: &Ended) -> Result<(), Failure> {
        let partner = self.invitation.provider.party().0;
        let transcript = node::journal::read_ended(&ended.directory)?;
        let table = transcript.records.iter().find_map(|record| match record {
            Record::Control(frame) => match Control::decode(frame) {
                Ok(Control::HelloP(hello)) => Some(hello.table),
                _ => None,
            },
            Record::Bulk { .. } => None,
        });
        if let Some(table) = table {
            let seen = SeenTable { tag_count: table.tag_count, root: table.root };
            self.ledger.record_table(&partner, &seen)?;
        }
        Ok(())
    }

    /// Notes a run that came to no session: when it was, with whom, and why.
    fn note_unopened(&self, failure: &Failure, begun: u64) {
        let report = failure.report(Role::Advertiser);
        let address = shown(&self.invitation.address);
        let why = match report.what.contains(&*address) {
            true => format!("{} {}", report.code, report.what),
            false => format!("{} {address}: {}", report.code, report.what),
        };
        let times = (begun, SystemClock::new().now_unix());
        let noted = world::entropy().map_err(Failure::from).and_then(|id| {
            let profile = self.request.profile.code();
            let row = status::unopened(id, self.partner(), profile, times, why);
            Ok(self.ledger.record_session(&row)?)
        });
        if let Err(failure) = noted {
            let report = failure.report(Role::Advertiser);
            tracing::warn!(target: "veilmatch::session", "not noted: {report}");
        }
    }

    /// Notes that a run was refused here, under the root of the input: there is no session.
    pub(super) fn note_refusal(&self, why: Refusal, now: u64) -> Failure {
        let failure = Failure::from(Error::from(why));
        let row = SessionRow {
            sid: self.input.root().root,
            partner: self.invitation.provider.party().0,
            profile: self.request.profile.code(),
            state: SessionRow::FAILED.to_owned(),
            started_at: now,
            ended_at: Some(now),
            elements: 0,
            outcome: Some(failure.report(Role::Advertiser).code.into_owned()),
        };
        if let Err(error) = self.ledger.record_session(&row) {
            tracing::warn!(target: "veilmatch::session", %error, "refusal not noted");
        }
        failure
    }
}

/// A session that did not end well.
struct Missed {
    failure: Failure,
    /// Whether evaluations were held for it: it is never repeated by itself.
    charged: bool,
}

impl<E: Into<Failure>> From<E> for Missed {
    fn from(error: E) -> Self {
        Self { failure: error.into(), charged: false }
    }
}

struct AdvertiserDuties<'a> {
    run: &'a Run<'a>,
    partner: [u8; 32],
    identifiers: Identifiers,
    table: Option<StoredTable>,
    /// The session as `status` shows it, once its hold is written.
    session: Option<SessionRow>,
    clock: &'a dyn Clock,
}

impl AdvertiserDuties<'_> {
    /// The advertiser's session never asks for what only a provider has.
    fn without_records(&self) -> DataError {
        DataError::Contradiction { path: self.run.home.path("sessions") }
    }
}

impl Duties for AdvertiserDuties<'_> {
    fn rows(&mut self, identifiers_max: usize) -> Result<Vec<RowSlot>, DataError> {
        self.identifiers.next_chunk(identifiers_max)
    }

    fn table_frame(&mut self, session: &Path) -> Result<RawFrame, DataError> {
        let path = session.join("frames").join("TABLE");
        let table = match &mut self.table {
            Some(table) => table,
            None => self.table.insert(StoredTable::open(&path)?),
        };
        table.next_frame()?.ok_or(DataError::Contradiction { path })
    }

    fn reserve(
        &mut self,
        entry: &LedgerEntry,
        terms: &RawFrame,
    ) -> Result<Reservation, ReserveError> {
        let reservation = self.run.ledger.hold(&self.partner, entry, terms)?;
        let session = SessionRow::begun(self.partner, entry, self.clock.now_unix());
        self.run.ledger.record_session(&session)?;
        self.session = Some(session);
        Ok(reservation)
    }

    fn ledger(&mut self, entry: &LedgerEntry, evidence: &RawFrame) -> Result<(), LedgerError> {
        self.run.ledger.append(&self.partner, entry, evidence)
    }

    fn key_used(&mut self, key: &KnownKey) -> Result<(), LedgerError> {
        let now = self.clock.now_unix();
        self.run.ledger.mark_key_used(&self.partner, key, self.run.request.profile.suite(), now)
    }

    fn approve(&mut self, count: &MatchCount) -> bool {
        let run = self.run;
        run.approval.of(run.request.profile, count, run.terminal, &run.stop)
    }

    fn resolve(&mut self, _handles: FixedSorted) -> Result<Resolution, DataError> {
        Err(self.without_records())
    }

    fn record_release(&mut self) -> Result<(), DataError> {
        Err(self.without_records())
    }

    fn digital_ids(&mut self) -> Result<(Vec<DigitalId>, bool), DataError> {
        Err(self.without_records())
    }
}

/// Frames to have unanswered: enough to keep the wire and both machines busy.
const FRAMES_IN_FLIGHT: u32 = 8;
/// Tags by which a table may grow whatever its size.
const TABLE_GROWTH_TAGS_FREE: u64 = 65_536;
