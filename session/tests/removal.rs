//! `ads.remove`: persons who leave go through the match, past every threshold, and are not counted.

mod support;

use disclosure::noise::Noise;
use protocol::codec::StreamId;
use protocol::error::{Error, Refusal, RefuseCode};
use protocol::identifier::Identifier;
use protocol::purpose::Purpose;
use protocol::suite::Profile;
use session::disclosure::{Outcome, Withheld};
use support::*;

/// Three persons who leave, two of whom the provider knows, under terms that ask for a thousand
/// rows.
fn setup(profile: Profile) -> Setup {
    let rows: Vec<Vec<Identifier>> = (0..3).map(|row| vec![email(row)]).collect();
    let people = (0..2).chain(100..110).map(email).collect();
    let mut setup = World { k_min: 50, ..World::new(rows, people) }.shuffled(profile, 1).setup();
    setup.advertiser.terms.n_min = 1_000;
    setup.advertiser.terms.purpose = Purpose::Remove;
    // The partner may have digital IDs, for another purpose, and nothing else.
    setup.provider.policy.profiles = vec![Profile::DigitalIds];
    setup
}

#[test]
fn a_few_persons_who_leave_are_named_without_a_question_and_without_a_count() {
    let ended = run(Setup { approves: false, ..setup(Profile::Activation) });
    ended.expect_honest();
    assert_eq!(ended.advertiser.outcome, Some(Outcome::Removed));
    assert!(ended.advertiser.asked.is_none(), "the operator would see a count");
    let named: u32 =
        ended.stream(StreamId::Handles).iter().map(|frame| frame.header.elements).sum();
    assert_eq!(named, 2);
    // They show at a slot, as any other end of the work does.
    let slot = ended.advertiser.slot.expect("a slot came");
    assert!(ended.advertiser.after_answers.iter().all(|left| *left >= slot));
}

/// Persons who leave, all of whom the provider knows.
fn all_known(rows: u64, noise: Option<Noise>) -> Setup {
    let rows: Vec<Vec<Identifier>> = (0..rows).map(|row| vec![email(row)]).collect();
    let people = (0..rows.len() as u64).map(email).collect();
    let world = World { k_min: 50, noise, ..World::new(rows, people) };
    let mut setup = world.shuffled(Profile::Activation, 1).setup();
    setup.advertiser.terms.rate_cap = 85;
    setup.advertiser.terms.purpose = Purpose::Remove;
    setup
}

#[test]
fn a_table_that_knows_all_who_leave_gets_no_handle_of_them_whatever_the_noise() {
    // Of few persons the noise alone may look like a rate above the cap: they are named.
    // Where both sides have it off, one person who leaves and is known is as few.
    for (few, many, noise) in [(100, 2_000, Noise::of(125, 1)), (1, 4_000, None)] {
        let few = run(all_known(few, noise));
        assert_eq!(few.advertiser.outcome, Some(Outcome::Removed));
        let ended = run(all_known(many, noise));
        let stopped = &ended.advertiser.outcome;
        assert!(matches!(stopped, Some(Outcome::Withheld(Withheld::Implausible))), "{stopped:?}");
        assert!(ended.stream(StreamId::Handles).is_empty(), "handles left");
    }
}

#[test]
fn persons_are_removed_by_activation_alone() {
    for profile in [Profile::MatchRate, Profile::DigitalIds] {
        let ended = run(setup(profile));
        let refused = Some(Error::Refused(Refusal::PurposeNotAllowed));
        assert_eq!(ended.advertiser.error, refused, "{profile}");
    }
    // No other run of the profile goes with it.
    let mut other = setup(Profile::Activation);
    other.advertiser.terms.purpose = Purpose::Match;
    other.advertiser.terms.n_min = 1;
    let why = RefuseCode::Refusal(Refusal::ProfileNotAllowed);
    let error = run(other).advertiser.error;
    assert!(matches!(error, Some(Error::RefusedByPeer { why: w, .. }) if w == why), "{error:?}");
    // Nor with partners to whom nothing is released.
    let mut other = setup(Profile::Activation);
    other.provider.policy.profiles = vec![Profile::MatchRate];
    let error = run(other).advertiser.error;
    assert!(matches!(error, Some(Error::RefusedByPeer { why: w, .. }) if w == why), "{error:?}");
    // Of another purpose as few rows are no input.
    let mut other = setup(Profile::Activation);
    other.advertiser.terms.purpose = Purpose::Match;
    assert_eq!(run(other).advertiser.error, Some(Error::Refused(Refusal::SizeOutOfRange)));
}

#[test]
fn persons_are_removed_though_every_other_budget_is_spent() {
    let mut spent = setup(Profile::Activation);
    spent.provider.policy.offer.evaluations_left = 0;
    spent.provider.policy.offer.epsilon_left_milli = 0;
    let ended = run(spent);
    ended.expect_honest();
    assert_eq!(ended.advertiser.outcome, Some(Outcome::Removed));
    // Terms of another purpose have no part in that: their reserve is refused.
    let mut other = setup(Profile::DigitalIds);
    other.advertiser.terms.purpose = Purpose::Match;
    other.advertiser.terms.n_min = 1;
    other.provider.policy.offer.evaluations_left = 0;
    let why = RefuseCode::Refusal(Refusal::BudgetExceeded);
    let error = run(other).advertiser.error;
    assert!(matches!(error, Some(Error::RefusedByPeer { why: w, .. }) if w == why), "{error:?}");
}

#[test]
fn a_person_leaves_by_every_identifier_that_the_provider_knows() {
    // An address and a number of one person, which are two records at the provider.
    let rows = vec![vec![email(1), phone(1)], vec![email(2), phone(300)], vec![email(400)]];
    let people = vec![email(1), phone(1), email(2), email(9)];
    let of = |purpose| {
        let mut setup = World::new(rows.clone(), people.clone());
        setup.profile = Profile::Activation;
        let mut setup = setup.shuffled(Profile::Activation, 2).setup();
        setup.advertiser.terms.purpose = purpose;
        setup.provider.policy.profiles = vec![Profile::Activation];
        let ended = run(setup);
        ended.expect_honest();
        for side in [&ended.advertiser, &ended.provider] {
            assert!(side.verdict().is_accepted(), "{:?}", side.verdict().checks);
        }
        let frames = ended.stream(StreamId::Handles);
        frames.iter().map(|frame| frame.header.elements).sum::<u32>()
    };
    assert_eq!(of(Purpose::Remove), 3);
    // Nobody learns which identifiers share a row elsewhere.
    assert_eq!(of(Purpose::Match), 2);
}
