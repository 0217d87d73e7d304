//! One session with the provider: its start, and its demands on this node.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use channel::{Channel, quic};
use crm::{Identifiers, PreparedInput, Shape};
use ledger::evidence::SessionEvidence;
use ledger::{Ledger, LedgerError, SeenTable, SessionRow, SessionState};
use node::console::{OutputOptions, Progress, Terminal};
use node::driver::{AdvertiserDuties, ChargeError, Driver, Duties, Ended, Shown};
use node::engine::Engine;
use node::failure::{Failure, session_error};
use node::invite::Invitation;
use node::program;
use node::room::Demand;
use node::status;
use node::stop::Stop;
use protocol::codec::{RawFrame, StreamId};
use protocol::commitment::InputOpening;
use protocol::error::{Bug, Error, Incompatibility, RefuseCode};
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use protocol::limits::{Limits, TABLE_GROWTH_PERCENT_DEFAULT};
use protocol::message::{Control, Terms};
use protocol::seed::SessionSeed;
use protocol::terms::MatchTerms;
use protocol::transcript::{Record, Role};
use report::{Arg, Code, Exit, Text};
use session::advertiser::{AdvertiserConfig, AdvertiserSession, KnownKey};
use session::disclosure::{MatchCount, Outcome};
use session::{Outbox, RowSlot, VerifiedPeer};
use store::journal::{Frames, SessionJournal};
use store::os::{self, Clock, SystemClock};
use store::results::{About, Question, QuestionKey, Results, StoredResult};
use store::seal;
use store::spill::SpillStore;

use super::approval::Approval;
use super::keep::{keep_ids, keep_rows};
use super::patience::Patience;
use crate::Home;
use crate::answer::{Answer, Figures};
use crate::budget;
use crate::departures::{self, Departures};
use crate::partner::kinds;
use crate::places::again;
use crate::policy::Policy;
use crate::request::Request;
use crate::runs::{Asked, NamedRun};

/// Everything the sessions of one run share.
pub(super) struct Run<'a> {
    pub(super) home: &'a Home,
    pub(super) invitation: &'a Invitation,
    pub(super) request: Request,
    pub(super) shape: Shape,
    /// Our demands; the terms are those of [`Policy::on`] for this input.
    pub(super) policy: Policy,
    pub(super) rules_digest: [u8; 32],
    pub(super) input: &'a PreparedInput,
    pub(super) ledger: &'a Ledger,
    pub(super) engine: Arc<Engine>,
    pub(super) progress: &'a Progress,
    pub(super) terminal: &'a Terminal,
    pub(super) approval: Approval,
    /// True if a rate above the cap is meant.
    pub(super) high_rate: bool,
    pub(super) results: &'a Results,
    /// The operator's own name of the audience.
    pub(super) segment: Option<&'a str>,
    /// Longest wait for the provider in all.
    pub(super) wait: Duration,
    pub(super) output: &'a OutputOptions,
    pub(super) stop: &'a Stop,
    /// Memory of what was delivered, and of who left.
    pub(super) departures: &'a Departures,
}

/// A result that is kept.
pub(super) type Kept = StoredResult<Answer>;

/// End of a run.
pub(super) enum Finish {
    /// By a session; its result is kept unless a decision of the day withholds it.
    Ended(Box<Ended>, Option<Box<Kept>>),
    /// By the result of an earlier session, which asked the same.
    Stored(Box<Kept>),
}

impl Run<'_> {
    /// Runs the session, and waits and tries again while the provider asks us to.
    ///
    /// However it ends, `status` shows it: a session by its row, a run without one by a row that
    /// says when, where and why.
    pub(super) async fn until_done(&self) -> Result<Finish, Failure> {
        let mut patience = Patience::of(self.wait);
        let mut repaired = false;
        loop {
            let begun = SystemClock::new().now_unix();
            let missed = match self.once().await {
                Ok(finish) => return Ok(finish),
                Err(missed) => missed,
            };
            if let Some(named) = other_head(&missed.failure) {
                if repaired || !self.joins_own(&named)? {
                    let failure = self.ledgers_differ(&named)?;
                    self.note_unopened(&failure, begun);
                    return Err(failure);
                }
                repaired = true;
                continue;
            }
            let drawn = u32::from_le_bytes(os::entropy()?);
            let wait = match missed.charged {
                true => None,
                false => patience.after(&missed.failure, drawn),
            };
            let Some(wait) = wait else {
                if !missed.noted {
                    self.note_unopened(&missed.failure, begun);
                }
                return Err(missed.failure);
            };
            self.progress.waiting(&missed.failure.code().shown(), wait.as_secs().max(1));
            tokio::select! {
                biased;
                signal = self.stop.wait() => {
                    let failure = node::failure::Stopped(signal).into();
                    self.note_unopened(&failure, begun);
                    return Err(failure);
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// True if the provider was ahead by entries that we signed in a lost session, which are ours
    /// too now [L-09].
    fn joins_own(&self, named: &[u8; 32]) -> Result<bool, Failure> {
        Ok(self.ledger.join_own(&self.invitation.provider.party().0, named)?)
    }

    /// Tells where the two ledgers end, and whose entries go to whom.
    fn ledgers_differ(&self, named: &[u8; 32]) -> Result<Failure, Failure> {
        let partner = self.invitation.provider.party().0;
        let ours = self.ledger.head(&partner)?.seq;
        let text = match self.ledger.position_of(&partner, named)? {
            Some(seq) => Text::new("run-ledger-behind").with("theirs", Arg::Number(seq)),
            None => Text::new("run-ledger-ahead").with("entry", status::short(named)),
        };
        Ok(Failure::new(Code::LedgerHeadsDiffer, text.with("ours", Arg::Number(ours))))
    }

    /// Connects and runs one session, if there is room for what it will write.
    async fn once(&self) -> Result<Finish, Missed> {
        let clock = SystemClock::new();
        self.progress.stage("connect");
        let channel = self.connect().await?;
        let sessions = self.home.private_dir("sessions")?;
        let facts = channel.peer().channel();
        let journal = SessionJournal::begin(&sessions, Role::Advertiser, facts)?;
        let head = self.ledger.session_head(&self.partner())?;
        let seed = self.session_seed(journal.directory())?;
        let config = self.config(*channel.peer(), seed, head, clock.now_unix())?;
        let exporter = config.peer.channel().exporter;
        let mut outbox = Outbox::new(Role::Advertiser, config.key.clone(), exporter);
        let session = AdvertiserSession::open(config, &mut outbox)?;
        let mut duties = AdvertisersDuties {
            run: self,
            partner: self.partner(),
            identifiers: self.input.identifiers()?,
            table: None,
            session: None,
            question: None,
            known: None,
            kept: None,
            clock: &clock,
        };
        let driver = Driver::<node::driver::Advertiser> {
            session,
            outbox,
            channel,
            bench: self.engine.bench(),
            journal,
            sessions,
            spills: self.runs()?,
            duties: &mut duties,
            clock: &clock,
            progress: self.progress,
            evaluations: None,
            ledger_head: head.hash,
            retry_after_s: 0,
            stop: self.stop.clone(),
        };
        let done = driver.run().await.map_err(|error| match &duties.session {
            Some(session) => Failure::from(error).in_session(session.sid),
            None => error.into(),
        });
        if let Some(known) = duties.known.take() {
            self.note_known(duties.question.as_ref(), clock.now_unix());
            return Ok(Finish::Stored(Box::new(known)));
        }
        let session = duties.session.take();
        // Terms that the provider refuses are held here and charged nowhere.
        let refused = done
            .as_ref()
            .err()
            .and_then(session_error)
            .is_some_and(|error| matches!(error, Error::RefusedByPeer { .. }));
        let noted = session.is_some();
        let charged = noted && !refused;
        self.note_end(session, &done, clock.now_unix());
        let kept = duties.kept.take();
        match done {
            Ok(ended) => {
                // Without the note the result is the same.
                if let Some(Err(error)) = kept.as_ref().map(StoredResult::note_receipt) {
                    tracing::warn!(target: "veilmatch::results", %error, "receipt not noted");
                }
                Ok(Finish::Ended(Box::new(ended), kept.map(Box::new)))
            }
            Err(failure) => {
                if let Some(result) = kept.filter(|_| failure.exit() != Exit::Peer) {
                    let command = again(&result.about.sid, &self.home.path(""));
                    self.terminal.ask(&Text::new("run-result-kept").with("command", command));
                }
                Err(Missed { failure, charged, noted })
            }
        }
    }

    /// Content of a result, to be kept and told.
    pub(super) fn answer(&self, figures: Figures, valid_days: u16, now: u64) -> Answer {
        let counts = self.input.counts();
        let named = self.invitation.namespaces.iter();
        Answer {
            profile: self.request.profile.name().to_owned(),
            purpose: self.input.purpose(),
            consent_max_age_days: self.input.consent_max_age_days(),
            map: self.input.map().copied(),
            rows: counts.rows,
            eligible: counts.eligible,
            populations: counts.clone(),
            distinct: self.input.distinct(),
            row_width: self.shape.width.get(),
            elements: self.shape.elements,
            kinds: kinds(self.invitation),
            namespaces: named.map(|(name, code)| (*code, name.clone())).collect(),
            rules_digest: self.rules_digest,
            valid_days,
            day: i32::try_from(now / DAY_S).unwrap_or(i32::MAX),
            segment: self.segment.map(str::to_owned),
            run_id: self.output.run_id.clone(),
            asked: Some(self.asked()),
            figures,
        }
    }

    /// Notes a session that ended before its terms, because the answer is kept.
    fn note_known(&self, question: Option<&Planned>, now: u64) {
        let Some(question) = question else { return };
        let row = SessionRow {
            sid: question.sid,
            partner: self.invitation.provider.party().0,
            profile: self.request.profile.code(),
            state: SessionState::Done,
            started_at: now,
            ended_at: Some(now),
            elements: 0,
            outcome: Some(Text::new("outcome-stored").to_string()),
        };
        if let Err(error) = self.ledger.record_session(&row) {
            tracing::warn!(target: "veilmatch::session", %error, "session not noted");
        }
    }

    /// The question of this run, as far as it is known here.
    pub(super) fn asked(&self) -> Asked {
        Asked {
            input: self.input.root().root,
            map: self.input.map().copied(),
            provider: self.partner(),
            profile: self.request.profile.name().to_owned(),
            sample_rows: self.shape.sample_rows,
        }
    }

    /// The stored result of this very run.
    ///
    /// # Errors
    ///
    /// [`Code::ToDoFirst`] if it may be used no more, or is gone: the same is not paid for twice.
    pub(super) fn known(&self, name: &str, run: &NamedRun) -> Result<Option<Kept>, Failure> {
        // A name alone says little: runs without one are named by the time.
        let asked = self.asked();
        let of_run = |kept: &Kept| {
            let Answer { run_id, asked: of_kept, .. } = &kept.about.answer;
            Some(kept.about.sid) == run.session
                || (run_id == name && of_kept.as_ref() == Some(&asked))
        };
        let known = self.results.all()?.into_iter().find(of_run);
        match known {
            Some(known) if known.about.kept_until < SystemClock::new().now_unix() => {
                let text = Text::new("result-too-old")
                    .with("session", status::short(&known.about.sid))
                    .with("time", Arg::Time(known.about.kept_until));
                Err(Failure::new(Code::ToDoFirst, text))
            }
            None if run.session.is_some() => Err(Failure::new(
                Code::ToDoFirst,
                Text::new("run-id-result-gone").with("run", name),
            )),
            known => Ok(known),
        }
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
            signal = self.stop.wait() => Err(node::failure::Stopped(signal).into()),
            channel = quic::connect(address, &self.home.identity, provider, options) => {
                Ok(channel?)
            }
        }
    }

    fn runs(&self) -> Result<SpillStore, Failure> {
        let memory = self.home.config.common.memory_bytes;
        Ok(SpillStore::new(&self.home.private_dir("work")?, memory)?)
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
            terms: self.policy.on(self.input),
            rules_digest: self.rules_digest,
            suppression_epoch: [0; 32],
            ledger: head,
            table_tags_max: self.table_tags_max(&partner)?,
            high_rate: self.high_rate,
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
            Ok(ended) => (SessionState::Done, Figures::of(&ended.outcome).text().to_string()),
            Err(failure) => {
                let code = failure.code().shown();
                (status::state_after(failure), code)
            }
        };
        if let Err(error) = self.ledger.record_session(&session.ended(state, &outcome, now)) {
            tracing::warn!(target: "veilmatch::session", %error, "session not noted");
        }
    }

    /// Draws the seed of a session and keeps it, sealed, beside the transcript: an auditor's
    /// questions of a later level can only be answered from it. The opening of the input lies there
    /// for the auditor to read: it names the map, and no person [T-22].
    fn session_seed(&self, directory: &Path) -> Result<SessionSeed, Failure> {
        let seed = SessionSeed::from_bytes(os::entropy()?);
        let sealed = seal::seal_bytes(&self.home.storage, "session-seed", seed.expose_bytes())?;
        os::publish_new(&directory.join("session.seed"), os::PRIVATE_MODE, |out| {
            out.write_all(&sealed)
        })?;
        let opening = InputOpening { salt: *seed.input_salt(), input: self.input.root() };
        os::publish_new(&directory.join(InputOpening::FILE), os::PRIVATE_MODE, |out| {
            out.write_all(&opening.encode())
        })?;
        Ok(seed)
    }

    /// Refuses a run that our own count has no room for.
    pub(super) fn refuse_spent(&self, now: u64) -> Result<(), Failure> {
        let ledger = (Some(self.ledger), &self.partner());
        let terms = self.policy.on(self.input);
        budget::check(ledger, &terms, (self.input.counts(), &self.shape), now)
    }

    /// Our cap, and growth against the last table of this partner, or, before any, against the one
    /// that the invitation states: a table that counts through a numbering plan is much larger.
    fn table_tags_max(&self, partner: &[u8; 32]) -> Result<u64, Failure> {
        let last = self.ledger.last_table(partner)?.map(|last| last.tag_count);
        // An invitation that was accepted since may state a larger one.
        Ok(tags_max(self.home.config.table_tags_max, last.max(self.invitation.table_tags)))
    }

    /// Keeps size and root of the table we accepted: growth is measured against it.
    pub(super) fn remember_table(&self, ended: &Ended) -> Result<(), Failure> {
        let partner = self.invitation.provider.party().0;
        let transcript = store::journal::read_ended(&ended.directory)?;
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
        let address = report::shown(&self.invitation.address);
        let (code, what) = (failure.code().shown(), failure.text().to_string());
        let why = match what.contains(&*address) {
            true => format!("{code} {what}"),
            false => format!("{code} {address}: {what}"),
        };
        let times = (begun, SystemClock::new().now_unix());
        let noted = os::entropy().map_err(Failure::from).and_then(|id| {
            let profile = self.request.profile.code();
            let row = status::unopened(id, self.partner(), profile, times, why);
            Ok(self.ledger.record_session(&row)?)
        });
        if let Err(failure) = noted {
            let report = &failure;
            tracing::warn!(target: "veilmatch::session", "not noted: {report}");
        }
    }
}

/// Most tags of a table after one of so many, if there was one.
fn tags_max(cap: u64, before: Option<u64>) -> u64 {
    before.map_or(cap, |tags| {
        let grown = tags.saturating_mul(TABLE_GROWTH_PERCENT_DEFAULT) / 100;
        // A small table may always grow by two frames.
        cap.min(grown.max(tags.saturating_add(TABLE_GROWTH_TAGS_FREE)))
    })
}

/// A session that did not end well.
struct Missed {
    failure: Failure,
    /// True if evaluations were held for it: it is never repeated by itself.
    charged: bool,
    /// True if `status` has a row of it.
    noted: bool,
}

impl<E: Into<Failure>> From<E> for Missed {
    fn from(error: E) -> Self {
        Self { failure: error.into(), charged: false, noted: false }
    }
}

struct AdvertisersDuties<'a> {
    run: &'a Run<'a>,
    partner: [u8; 32],
    identifiers: Identifiers,
    table: Option<Frames>,
    /// The session as `status` shows it, once its hold is written.
    session: Option<SessionRow>,
    /// Question of the planned terms.
    question: Option<Planned>,
    /// The answer, if it was kept before.
    known: Option<Kept>,
    /// The answer of this session, once it is kept.
    kept: Option<Kept>,
    clock: &'a dyn Clock,
}

/// A question, as the terms that are about to be signed have it.
struct Planned {
    sid: [u8; 32],
    terms: MatchTerms,
    key: QuestionKey,
}

impl Duties for AdvertisersDuties<'_> {
    fn table_frame(&mut self, session: &Path) -> Result<RawFrame, Failure> {
        let table = match &mut self.table {
            Some(table) => table,
            None => self.table.insert(Frames::open(session, StreamId::Table)?),
        };
        // The session asks for as many frames as it received.
        Ok(table.next().ok_or(Bug::stored_data_changed())??)
    }

    fn reserve(
        &mut self,
        entry: &LedgerEntry,
        opening: &SessionEvidence,
    ) -> Result<Reservation, ChargeError> {
        // Refused as well if the privacy loss of the epoch is spent meanwhile [L-15].
        let reservation = self.run.ledger.hold(&self.partner, entry, opening)?;
        let session = SessionRow::begun(self.partner, entry, self.clock.now_unix());
        self.run.ledger.record_session(&session)?;
        self.session = Some(session);
        Ok(reservation)
    }

    fn ledger(&mut self, entry: &LedgerEntry, evidence: &RawFrame) -> Result<(), LedgerError> {
        self.run.ledger.append(&self.partner, entry, evidence)
    }
}

impl AdvertiserDuties for AdvertisersDuties<'_> {
    fn rows(&mut self, identifiers_max: usize) -> Result<Vec<RowSlot>, Failure> {
        Ok(self.identifiers.next_chunk(identifiers_max)?)
    }

    fn knows_answer(&mut self, terms: &RawFrame, shown: &Shown) -> Result<bool, Failure> {
        let Ok(Control::Terms(planned)) = Control::decode(terms) else {
            return Err(Bug::invariant().into());
        };
        let (run, Terms { terms, sid, .. }) = (self.run, planned);
        let question = Question {
            profile: run.request.profile,
            input: &run.input.root(),
            sample_rows: run.shape.sample_rows,
            snapshot: &shown.snapshot,
            objections: &shown.objections,
            terms: &terms,
        };
        let key = run.results.key(&self.partner, &question)?;
        self.known = run.results.find(&key, self.clock.now_unix())?;
        // A bag that may hold a person who left is no answer any more.
        let left = |known: &Kept| departures::refuse_left(run.departures, known).is_err();
        self.known = self.known.take().filter(|known| !left(known));
        self.question = Some(Planned { sid, terms, key });
        Ok(self.known.is_some())
    }

    fn keep_result(&mut self, outcome: &Outcome, spills: &mut SpillStore) -> Result<(), Failure> {
        let figures = Figures::of(outcome);
        if !figures.is_released() {
            return Ok(());
        }
        let Planned { sid, terms, key } = self.question.as_ref().ok_or(Bug::misuse())?;
        let now = self.clock.now_unix();
        let days = u64::from(terms.ids_valid_days);
        let kept_until = match &figures {
            Figures::DigitalIds { .. } => now.saturating_add(days.saturating_mul(DAY_S)),
            _ => terms.audit_until,
        };
        let answer = self.run.answer(figures, terms.ids_valid_days, now);
        let about = About { sid: *sid, sealed_at: now, kept_until, answer };
        let kept = self.run.results.seal(key, &about, |records| match outcome {
            Outcome::Rows(_) => keep_rows(self.run.input, spills, records),
            Outcome::DigitalIds(_) => keep_ids(spills, records),
            _ => Ok(()),
        })?;
        self.kept = Some(kept);
        Ok(())
    }

    fn receipt(&mut self, sid: &[u8; 32], receipt: &RawFrame) -> Result<(), LedgerError> {
        self.run.ledger.keep_receipt(&self.partner, sid, receipt)
    }

    fn key_answered(&mut self, key: &KnownKey) -> Result<(), LedgerError> {
        self.run.ledger.mark_key_answered(&self.partner, key)
    }

    fn approve(&mut self, count: &MatchCount) -> Result<bool, Failure> {
        let run = self.run;
        let ask = || run.approval.of(run.request.profile, count, run.terminal, run.stop);
        let approved = run.progress.aside(ask);
        if approved {
            // On disk before a handle leaves: whoever is delivered can leave again.
            let until = self.question.as_ref().ok_or(Bug::misuse())?.terms.audit_until;
            let times = (self.clock.now_unix(), until);
            let phones = run.invitation.link_filter.level == 0;
            run.departures.record(&self.partner, run.input, phones, times)?;
        }
        Ok(approved)
    }
}

const DAY_S: u64 = 86_400;
/// The head that the provider names, if it refused because the ledgers differ.
fn other_head(error: &Failure) -> Option<[u8; 32]> {
    match session_error(error)? {
        Error::RefusedByPeer {
            why: RefuseCode::Incompatibility(Incompatibility::LedgerHeadsDiffer),
            ledger_head,
            ..
        } => Some(*ledger_head),
        _ => None,
    }
}

/// Frames to have unanswered: enough to keep the wire and both machines busy.
const FRAMES_IN_FLIGHT: u32 = 8;
/// Tags by which a table may grow whatever its size.
const TABLE_GROWTH_TAGS_FREE: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_a_quarter_larger_at_most_from_the_first_run_on() {
        let million = 1 << 20;
        assert_eq!(tags_max(1 << 31, Some(million)), million / 4 * 5);
        assert_eq!(tags_max(1 << 31, None), 1 << 31, "a provider that has no graph yet");
        assert_eq!(tags_max(million, Some(million)), million, "our own cap");
        // A small table may grow by two frames.
        assert_eq!(tags_max(1 << 31, Some(32_768)), 32_768 + 65_536);
        assert_eq!(tags_max(u64::MAX, Some(u64::MAX)), u64::MAX);
    }
}
