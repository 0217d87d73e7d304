//! A partner that stalls or asks nothing, beside another partner that works.

use channel::identity::NodeIdentity;
use channel::memory;
use node::settings::testing::OfAdvertiser;
use protocol::identity::ChannelFacts;
use protocol::suite::Profile;
use session::disclosure::Outcome;
use tokio::task::JoinHandle;

use super::tests::Partners;
use super::*;

/// Another partner of the service, whose sessions are begun and left alone.
struct Stalling {
    party: [u8; 32],
    identity: NodeIdentity,
}

impl Stalling {
    fn beside(partners: &Partners) -> Self {
        let service = &partners.service;
        let dir = partners.directory().join("other");
        let public = node::home::Home::<OfAdvertiser>::create(&dir).unwrap();
        let mut policy = crate::tenant::tests::policy("other", public, &[Profile::MatchRate]);
        // Another company: openings are those of a group.
        policy.legal_entity = "Enseigne B SAS".to_owned();
        crate::tenant::tests::create(&service.home, policy).unwrap();
        service.build_tables().unwrap();
        let identity = node::home::Home::<OfAdvertiser>::open(&dir).unwrap().identity;
        Self { party: identity.party().0, identity }
    }

    /// Begins a session; our end of it, which never says a word.
    fn session(&self, partners: &Partners) -> (Channel, JoinHandle<Result<Ended, Failure>>) {
        let facts =
            ChannelFacts { exporter: [7; 32], spki_advertiser: [8; 32], spki_provider: [3; 32] };
        let peer = |identity: &NodeIdentity| {
            VerifiedPeer::assertion(identity.public().attestation_key, facts)
        };
        let service = Arc::clone(&partners.service);
        let _context = partners.runtime.enter();
        let (ours, theirs) =
            memory::pair(peer(&service.home.identity), peer(&self.identity), 1 << 20);
        (ours, partners.runtime.spawn(async move { service.session(theirs).await }))
    }

    /// Connections of it that were asked to come back.
    fn come_back(&self, partners: &Partners) -> u64 {
        let counts = partners.service.readings.come_back();
        counts.get(&self.party).copied().unwrap_or_default().asked
    }

    fn openings(&self, partners: &Partners) -> u32 {
        let now = SystemClock::new().now_unix();
        partners.service.ledger.hellos(&self.party, day_of(now)).unwrap()
    }
}

#[test]
fn partner_that_opens_all_it_may_and_stalls_is_in_nobodys_way() {
    let partners = Partners::new();
    let stalling = Stalling::beside(&partners);
    let most = channel::quic::QuicOptions::default().connections_per_identity;
    let stalled: Vec<_> = (0..most).map(|_| stalling.session(&partners)).collect();
    let limit = Instant::now() + Duration::from_secs(60);
    while stalling.come_back(&partners) + 1 < most as u64 {
        assert!(Instant::now() < limit, "its sessions do not begin");
        std::thread::yield_now();
    }
    let (outcome, served) = partners.run(Profile::DigitalIds, 300);
    assert!(matches!(outcome, Outcome::DigitalIds(_)), "{outcome:?}");
    assert!(served.is_ok());
    assert!(stalled.iter().all(|(_, session)| !session.is_finished()), "they stall all the while");
    // Its own next session has to wait, and none of these counts.
    assert!(partners.service.admission.enter(stalling.party).is_none());
    assert_eq!(stalling.openings(&partners), 0);
    stalled.into_iter().for_each(|(_, session)| session.abort());
}

#[test]
fn partner_that_asks_nothing_again_and_again_is_asked_to_come_back() {
    let partners = Partners::new();
    let stalling = Stalling::beside(&partners);
    let mut connections = 0;
    while stalling.come_back(&partners) == 0 {
        let (ours, session) = stalling.session(&partners);
        drop(ours);
        assert!(partners.runtime.block_on(session).unwrap().is_err());
        connections += 1;
        assert!(connections < 1_000, "its tables are read as often as it likes");
    }
    assert!(connections > 16, "{connections}");
    assert_eq!(stalling.openings(&partners), 0);
    let (outcome, _) = partners.run(Profile::DigitalIds, 300);
    assert!(matches!(outcome, Outcome::DigitalIds(_)), "{outcome:?}");
}
