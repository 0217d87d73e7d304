//! `run`: one match with one provider.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::data::DataError;
use node::data::input::{Identifiers, InputRules, PreparedInput};
use node::data::source::SourceOptions;
use node::data::table::StoredTable;
use node::driver::{DriveError, Driver, Duties, Ended, Session};
use node::engine::Engine;
use node::failure::Failure;
use node::home::Home;
use node::invite::Invitation;
use node::journal::SessionJournal;
use node::ledger::{Ledger, LedgerError, ReserveError, SeenTable, SessionRow};
use node::normalize::Normalizer;
use node::normalize::manifest::RulesManifest;
use node::runs::{FixedSorted, RunStore};
use node::seal;
use node::telemetry::{OutputOptions, Progress, Terminal};
use node::transport::quic;
use node::world::{self, Clock, SystemClock};
use protocol::codec::RawFrame;
use protocol::digital_id::DigitalId;
use protocol::disclosure::{MatchCount, Outcome, Resolution, Withheld};
use protocol::error::{Error, Incompatibility, Refusal, RefuseCode};
use protocol::identifier::{IdentifierKind, RulesetId};
use protocol::ledger::{LedgerEntry, Reservation};
use protocol::limits::{Limits, TABLE_GROWTH_PERCENT_DEFAULT};
use protocol::message::Control;
use protocol::rows::RowWidth;
use protocol::seed::SessionSeed;
use protocol::session::advertiser::{AdvertiserConfig, AdvertiserSession, KnownKey};
use protocol::session::{Outbox, RowSlot};
use protocol::suite::{PROTOCOL_VERSION, Profile};
use protocol::terms::MatchTerms;
use protocol::transcript::{BuildFlags, Opening, Record, Role};
use serde_json::json;

use crate::audience;
use crate::cli::{Inputs, RunOptions};
use crate::repair;

pub(crate) fn run(
    options: &RunOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let profile = Profile::from_name(&options.profile).ok_or_else(|| {
        Failure::usage(
            &format!("there is no profile {}", node::error::shown(&options.profile)),
            "`matched-rows` is the profile of this version",
        )
    })?;
    let home = Home::open(&options.dir, Role::Advertiser)?;
    let _lock = home.lock()?;
    let invitation = invitation(&home, options.provider.as_deref())?;
    if !invitation.profiles.iter().any(|allowed| allowed == profile.name()) {
        return Err(Failure::from(Error::from(Refusal::ProfileNotAllowed)));
    }
    let rules = rules_must_agree(&home, &invitation)?;
    writable(&options.output)?;
    if let Some(json) = &options.json {
        writable(json)?;
    }
    let progress = Progress::new(output);
    let started = Instant::now();
    progress.stage("prepare");
    let input = prepare(&home, &options.inputs, &kinds(&invitation))?;
    let prepared_s = started.elapsed().as_secs_f64();
    let n_min = invitation.n_min.max(Limits::STANDARD.n_min_floor);
    if input.counts().eligible < u64::from(n_min) {
        return Err(Failure::TooFewRows { eligible: input.counts().eligible, n_min });
    }
    let run = Run {
        home: &home,
        invitation: &invitation,
        profile,
        rules_digest: rules.rules_digest(),
        input: &input,
        ledger: Ledger::open(&home.path("ledger.sqlite"))?,
        engine: Engine::start(home.config.threads),
        progress: &progress,
        approve: options.approve,
    };
    let runtime = runtime()?;
    run.ledger.interrupt_sessions()?;
    let mut ended = runtime.block_on(run.until_done())?;
    progress.finish();
    run.remember_table(&ended)?;
    let matched = match &ended.outcome {
        Outcome::Rows(rows) => {
            let kinds = kinds(&invitation);
            audience::write_matched_rows(&options.output, rows, &mut ended.runs, &input, &kinds)?;
            rows.matched()
        }
        Outcome::Withheld(why) => {
            return Err(Failure::withheld(*why));
        }
        _ => {
            return Err(Failure::from(Error::from(Refusal::ReleaseDeclined)));
        }
    };
    let summary = run.summary(&ended, matched, prepared_s, started.elapsed());
    if let Some(path) = &options.json {
        let text = format!("{summary:#}\n");
        world::publish_atomically(path, world::PRIVATE_MODE, |out| out.write_all(text.as_bytes()))?;
    }
    show(terminal, &run, &ended, matched, &options.output);
    Ok(())
}

/// Threads for the channel; arithmetic has its own.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::storage(&format!("cannot start the runtime: {error}")))
}

/// Both nodes must normalize alike, or equal customers would not meet.
pub(crate) fn rules_must_agree(
    home: &Home,
    invitation: &Invitation,
) -> Result<RulesManifest, Failure> {
    let own = RulesManifest::build(home.config.ruleset, &home.config.options)?;
    match own.first_difference(&invitation.rules_manifest) {
        None => Ok(own),
        Some(difference) => Err(Failure::rules_differ(&difference)),
    }
}

/// The one accepted provider, or the one that was named.
pub(crate) fn invitation(home: &Home, wanted: Option<&str>) -> Result<Invitation, Failure> {
    let found = providers(home);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let path = match (wanted, found.as_slice()) {
        (_, []) => {
            return Err(Failure::operator(
                "this node has no provider yet",
                "run `advertiser-node accept` with the invitation your provider wrote",
            ));
        }
        (None, [(_, only)]) => only,
        (None, _) => {
            return Err(Failure::usage(
                "this node has several providers",
                &format!("choose one with --provider: {}", names.join(", ")),
            ));
        }
        (Some(wanted), _) => {
            let by_name = found.iter().find(|(name, _)| name.starts_with(wanted));
            let Some((_, path)) = by_name else {
                return Err(Failure::usage(
                    &format!("no provider is called {}", node::error::shown(wanted)),
                    &format!("this node has: {}", names.join(", ")),
                ));
            };
            path
        }
    };
    Ok(Invitation::read(path)?)
}

/// The accepted invitations of this node, by the name that `--provider` takes.
pub(crate) fn providers(home: &Home) -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(home.path("providers"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.file_stem()?.to_str()?.to_owned();
            (path.extension()? == "toml").then_some((name, path))
        })
        .collect();
    found.sort();
    found
}

fn prepare(home: &Home, inputs: &Inputs, kinds: &[u8]) -> Result<PreparedInput, Failure> {
    let normalizer = normalizer(home, kinds);
    let source = inputs.source(home);
    let rules = input_rules(home, &normalizer, &source, kinds);
    let store = home.private_dir("inputs")?;
    let workspace = home.workspace()?;
    Ok(PreparedInput::prepare(&inputs.files()?, &rules, &store, &home.storage, &workspace)?)
}

/// How this node normalizes values of CRM files.
pub(crate) fn normalizer(home: &Home, kinds: &[u8]) -> Normalizer {
    let normalizer = home.config.normalizer();
    // Telephone numbers without `+` are of use only to a provider that holds digests of them.
    if kinds.contains(&IdentifierKind::PHONE_DIGITS.code()) {
        return normalizer.with_phone_digits();
    }
    normalizer
}

/// How this node reads CRM files.
pub(crate) fn input_rules<'a>(
    home: &'a Home,
    normalizer: &'a Normalizer,
    source: &'a SourceOptions,
    kinds: &'a [u8],
) -> InputRules<'a> {
    InputRules {
        normalizer,
        source,
        purpose: &home.config.purpose,
        kinds,
        email_sha256: home.config.email_sha256,
        phone_sha256: home.config.phone_sha256,
        shared: home.config.shared,
        not_for_purpose: &home.config.not_for_purpose,
    }
}

/// Codes of the kinds the invitation lists, in the order of the terms.
pub(crate) fn kinds(invitation: &Invitation) -> Vec<u8> {
    let known = invitation.kinds.iter().filter_map(|name| IdentifierKind::from_name(name));
    let mut kinds: Vec<u8> = known.map(IdentifierKind::code).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// An output that cannot be written is told before anything leaves the machine [D11].
pub(crate) fn writable(path: &Path) -> Result<(), Failure> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let probe = parent.join(format!(".veilmatch-probe-{}", std::process::id()));
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&probe);
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(_) if path.is_dir() => {
            Err(Failure::storage(&format!("cannot write {}: it is a directory", path.display())))
        }
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Failure::storage(&format!("cannot write to {}: {error}", parent.display())))
        }
    }
}

struct Run<'a> {
    home: &'a Home,
    invitation: &'a Invitation,
    profile: Profile,
    rules_digest: [u8; 32],
    input: &'a PreparedInput,
    ledger: Ledger,
    engine: Arc<Engine>,
    progress: &'a Progress,
    approve: bool,
}

impl Run<'_> {
    /// Runs the session, and waits and tries again while the provider asks us to.
    async fn until_done(&self) -> Result<Ended, Failure> {
        let mut waited = 0_u64;
        let mut repaired = false;
        loop {
            let error = match self.once().await {
                Ok(ended) => return Ok(ended),
                Err(error) => error,
            };
            if !repaired && self.adopts(&error)? {
                repaired = true;
                continue;
            }
            let wait = match &error {
                Failure::Drive(DriveError::Protocol(
                    refused @ Error::RefusedByPeer { retry_after_s, .. },
                )) if *retry_after_s > 0
                    && matches!(
                        refused.refusal(),
                        Some(Refusal::TableNotReady | Refusal::SessionBusy)
                    ) =>
                {
                    u64::from(*retry_after_s)
                }
                _ => return Err(error),
            };
            waited = waited.saturating_add(wait);
            if waited > WAIT_S_MAX {
                return Err(error);
            }
            self.progress.waiting(wait);
            tokio::time::sleep(Duration::from_secs(wait)).await;
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

    async fn once(&self) -> Result<Ended, Failure> {
        let provider = &self.invitation.provider;
        let partner = provider.party().0;
        let clock = SystemClock::new();
        self.progress.stage("connect");
        let options = &self.home.config.quic;
        let address = &self.invitation.address;
        let channel = quic::connect(address, &self.home.identity, provider, options).await?;
        let facts = *channel.peer().channel();
        let sessions = self.home.private_dir("sessions")?;
        let opening = Opening {
            protocol: PROTOCOL_VERSION,
            role: Role::Advertiser,
            build: BuildFlags::default(),
            exporter: facts.exporter,
            spki_advertiser: facts.spki_advertiser,
            spki_provider: facts.spki_provider,
        };
        let pending = node::journal::unopened(&sessions)?;
        let journal = SessionJournal::create(&pending, &opening)?;
        let head = self.ledger.head(&partner)?;
        let mut outbox = Outbox::new(Role::Advertiser);
        let seed = self.session_seed(&pending)?;
        let config = AdvertiserConfig {
            limits: Limits::STANDARD,
            profile: self.profile,
            key: self.home.identity.attestation_key(),
            peer: *channel.peer(),
            seed,
            input: self.input.root(),
            distinct: self.input.distinct(),
            row_width: RowWidth::ONE,
            sample_rows: 0,
            nearest_input: None,
            terms: self.terms()?,
            rules_digest: self.rules_digest,
            suppression_epoch: [0; 32],
            ledger: head,
            table_tags_max: self.table_tags_max(&partner)?,
            cached_table: None,
            known_keys: self.ledger.known_keys(&partner)?,
            frames_in_flight: FRAMES_IN_FLIGHT,
            now: clock.now_unix(),
        };
        let session = AdvertiserSession::open(config, &mut outbox)?;
        let mut duties = AdvertiserDuties {
            run: self,
            partner,
            identifiers: self.input.identifiers()?,
            table: None,
            session: None,
            clock: &clock,
        };
        let memory = self.home.config.memory_bytes;
        let driver = Driver {
            session: Session::Advertiser(session),
            outbox,
            channel,
            bench: self.engine.bench(),
            journal,
            sessions,
            runs: RunStore::new(&self.home.private_dir("work")?, memory)?,
            duties: &mut duties,
            clock: &clock,
            progress: self.progress,
            evaluations: None,
            ledger_head: head.hash,
            retry_after_s: 0,
        };
        let done = driver.run().await.map_err(Failure::from);
        self.note_end(duties.session.take(), &done, clock.now_unix());
        done
    }

    /// Notes how a session ended, for `status`; without the note the result is the same.
    fn note_end(&self, session: Option<SessionRow>, done: &Result<Ended, Failure>, now: u64) {
        let Some(session) = session else { return };
        let (state, outcome) = match done {
            Ok(ended) => (SessionRow::DONE, outcome_text(&ended.outcome)),
            Err(failure) => {
                (SessionRow::FAILED, failure.report(Role::Advertiser).code.into_owned())
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

    fn terms(&self) -> Result<MatchTerms, Failure> {
        let kinds: Vec<IdentifierKind> = self
            .invitation
            .kinds
            .iter()
            .filter_map(|name| IdentifierKind::from_name(name))
            .collect();
        let ruleset = RulesetId::from_code(self.home.config.ruleset.code())
            .ok_or_else(|| Failure::operator("the ruleset has no code", "choose crm-fr/1"))?;
        let defaults = MatchTerms::defaults(self.profile, ruleset, &kinds);
        Ok(MatchTerms {
            link_filter: self.invitation.link_filter,
            notice: self.invitation.notice.unwrap_or_default(),
            ..defaults
        })
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
    fn remember_table(&self, ended: &Ended) -> Result<(), Failure> {
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

    fn summary(
        &self,
        ended: &Ended,
        matched: u64,
        prepared_s: f64,
        total: Duration,
    ) -> serde_json::Value {
        let counts = self.input.counts();
        let mut stages = vec![json!({"name": "prepare", "seconds": prepared_s})];
        stages.extend(
            ended
                .figures
                .stages
                .iter()
                .map(|(name, seconds)| json!({"name": name, "seconds": seconds})),
        );
        let tasks: serde_json::Map<String, serde_json::Value> = ended
            .figures
            .tasks
            .iter()
            .map(|(name, spent)| {
                let value = json!({"seconds": spent.seconds, "elements": spent.elements});
                ((*name).to_owned(), value)
            })
            .collect();
        json!({
            "profile": self.profile.name(),
            "rows": counts.rows,
            "eligible": counts.eligible,
            "matched": matched,
            "populations": counts,
            "distinct_identifiers": self.input.distinct(),
            "stages": stages,
            "tasks": tasks,
            "seconds_total": total.as_secs_f64(),
            "bytes_sent": ended.figures.bytes_sent,
            "bytes_received": ended.figures.bytes_received,
            "transcript_dir": ended.directory,
            "backend": self.engine.backend(),
            "session_id": node::hex(&ended.sid),
        })
    }
}

/// How a session ended, as far as its profile lets this side know.
fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rows(rows) => format!("matched {}", rows.matched()),
        Outcome::Withheld(Withheld::BelowMatchMinimum { .. }) => "withheld".to_owned(),
        Outcome::Withheld(Withheld::Declined) => "declined".to_owned(),
        _ => "served".to_owned(),
    }
}

fn show(terminal: &Terminal, run: &Run<'_>, ended: &Ended, matched: u64, output: &Path) {
    let counts = run.input.counts();
    let percent = |of: u64| 100.0 * matched as f64 / of.max(1) as f64;
    terminal.line(&format!(
        "matched {matched} of {} eligible rows (active match rate {:.1} %, \
         file match rate {:.1} %)",
        counts.eligible,
        percent(counts.eligible),
        percent(counts.rows),
    ));
    terminal.line(&format!(
        "rows {}, without consent evidence {}, without usable identifier {}, objected {}",
        counts.rows,
        counts.excluded_consent,
        counts.excluded_no_usable_identifier,
        counts.excluded_optout,
    ));
    if !counts.identifiers_rejected.is_empty() {
        let reasons: Vec<String> = counts
            .identifiers_rejected
            .iter()
            .map(|(code, count)| format!("{code} {count}"))
            .collect();
        terminal.line(&format!("values rejected: {}", reasons.join(", ")));
    }
    terminal.line(&format!("result: {}", output.display()));
    terminal.line(&format!("transcript: {}", ended.directory.display()));
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
        self.run.ledger.mark_key_used(&self.partner, key, self.run.profile.suite(), now)
    }

    fn approve(&mut self, _count: &MatchCount) -> bool {
        self.run.approve
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
/// Longest wait for a table or another session, by default.
const WAIT_S_MAX: u64 = 1_800;
/// Tags by which a table may grow whatever its size.
const TABLE_GROWTH_TAGS_FREE: u64 = 65_536;
