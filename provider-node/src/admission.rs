//! Who may start a session now: one live session per partner, a bounded number of hellos a day.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Partners with a live session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Admission(Arc<Mutex<BTreeSet<[u8; 32]>>>);

impl Admission {
    /// Enters a partner's session; `None` while another one is live.
    pub(crate) fn enter(&self, partner: [u8; 32]) -> Option<Live> {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.insert(partner).then(|| Live { admission: self.clone(), partner })
    }
}

/// A live session; ends when dropped.
#[derive(Debug)]
pub(crate) struct Live {
    admission: Admission,
    partner: [u8; 32],
}

impl Drop for Live {
    fn drop(&mut self) {
        self.admission.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.partner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_session_of_a_partner_waits_for_the_first_to_end() {
        let admission = Admission::default();
        let first = admission.enter([1; 32]).unwrap();
        assert!(admission.enter([1; 32]).is_none());
        assert!(admission.enter([2; 32]).is_some());
        drop(first);
        assert!(admission.enter([1; 32]).is_some());
    }
}
