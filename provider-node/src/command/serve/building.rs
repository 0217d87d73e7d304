//! Building of a table, told in the log and as progress.

use std::cell::Cell;
use std::time::{Duration, Instant};

use node::console::{OutputOptions, Progress, Terminal, Unit};
use protocol::suite::Profile;

/// Building of the tables of one partner for one profile, if there is anything to build.
pub(super) struct Building<'a> {
    partner: &'a str,
    profile: Profile,
    /// Identifiers of the snapshot, which a table is made from.
    identifiers: u64,
    progress: Progress,
    /// Beginning of the work, and the last line of the log about it.
    times: Cell<Option<(Instant, Instant)>>,
}

impl<'a> Building<'a> {
    pub(super) fn new(
        partner: &'a str,
        profile: Profile,
        identifiers: u64,
        (output, terminal): (&OutputOptions, &Terminal),
    ) -> Self {
        let progress = Progress::of_session(output, partner, terminal);
        Self { partner, profile, identifiers, progress, times: Cell::new(None) }
    }

    /// Tells that so many identifiers are done.
    pub(super) fn done(&self, done: u64) {
        let Self { partner, identifiers, .. } = self;
        let (profile, now) = (self.profile.name(), Instant::now());
        match self.times.get() {
            None => {
                self.progress.stage_of("table", Unit::Identifiers, Some(*identifiers));
                tracing::info!(
                    target: "veilmatch::table", partner, profile, identifiers, "building"
                );
                self.times.set(Some((now, now)));
            }
            Some((begun, told)) if now.duration_since(told) >= LOG_EVERY => {
                tracing::info!(
                    target: "veilmatch::table", partner, profile, done, identifiers, "building"
                );
                self.times.set(Some((begun, now)));
            }
            Some(_) => {}
        }
        self.progress.done(done);
    }

    /// Tells that the tables are there, if one was built.
    pub(super) fn ended(self) {
        self.progress.finish();
        if let Some((begun, _)) = self.times.get() {
            let (partner, profile) = (self.partner, self.profile.name());
            let seconds = begun.elapsed().as_secs();
            tracing::info!(target: "veilmatch::table", partner, profile, seconds, "ready");
        }
    }
}

/// Time between two lines of the log.
const LOG_EVERY: Duration = Duration::from_secs(30);
