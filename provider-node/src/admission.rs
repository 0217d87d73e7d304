//! One thing at a time for each partner: a live session, or a building of tables.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Partners for whom something is going on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Admission(Arc<Mutex<BTreeSet<[u8; 32]>>>);

impl Admission {
    /// Begins something for a partner; `None` while the last one goes on.
    pub(crate) fn enter(&self, partner: [u8; 32]) -> Option<Live> {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.insert(partner).then(|| Live { admission: self.clone(), partner })
    }
}

/// Work that goes on for a partner; ends when dropped, also by a panic.
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

    #[test]
    fn panic_ends_what_went_on() {
        let admission = Admission::default();
        let live = admission.enter([1; 32]).unwrap();
        let ended = std::thread::spawn(move || {
            let _live = live;
            panic!("a defect");
        });
        assert!(ended.join().is_err());
        assert!(admission.enter([1; 32]).is_some());
    }
}
