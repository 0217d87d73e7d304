//! The committed input of a run beside those its provider was told of before.

use std::sync::{Mutex, PoisonError};

use crate::history::Fingerprints;
use crate::history::InputHistory;
use crm::CrmError;
use crm::PreparedInput;
use node::failure::Failure;
use protocol::limits::{AUDIT_WINDOW_S_DEFAULT, TERMS_LIFETIME_S_MAX};
use protocol::suite::Profile;

use crate::Home;

/// Relation of the input to those this provider was told of before.
pub(crate) struct Committed {
    history: InputHistory,
    /// Until they are kept.
    fingerprints: Mutex<Option<Fingerprints>>,
    /// Changed rows against the nearest other one.
    nearest: Option<u64>,
}

impl Committed {
    /// Compares the input with what is kept.
    pub(crate) fn compare(
        home: &Home,
        provider: &[u8; 32],
        input: &PreparedInput,
        now: u64,
    ) -> Result<Self, Failure> {
        let store = home.private_dir("inputs")?;
        let history = InputHistory::open(&store, provider, &home.storage, now)?;
        let mut fingerprints = history.fingerprints(input, &home.workspace()?)?;
        let nearest = history.nearest(&mut fingerprints)?;
        Ok(Self { history, fingerprints: Mutex::new(Some(fingerprints)), nearest })
    }

    /// Changed rows against the nearest other input, if there is one.
    pub(crate) const fn nearest(&self) -> Option<u64> {
        self.nearest
    }

    /// True if only `matched-rows` may run on an input this near to another [D-14].
    pub(crate) fn is_too_near(&self, profile: Profile, group_min: u32) -> bool {
        profile != Profile::MatchedRows
            && self.nearest.is_some_and(|changed| changed < u64::from(group_min))
    }

    /// Keeps the fingerprints for as long as the terms of a session opened now may be audited;
    /// once, however often the provider has to be asked.
    pub(crate) fn record(&self, input: &PreparedInput, now: u64) -> Result<(), CrmError> {
        let window = TERMS_LIFETIME_S_MAX.saturating_add(AUDIT_WINDOW_S_DEFAULT);
        // What a poisoned lock holds has not been touched.
        let fingerprints = self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut fingerprints) = fingerprints else { return Ok(()) };
        let root = input.root().root;
        self.history.record(&root, &mut fingerprints, now.saturating_add(window))
    }
}
