//! Honest parties in forged packages: whatever somebody edits, and signs anew with the keys of one
//! party or of none, accuses nobody but whoever signed it [T-18].

#[path = "../../session/tests/support/mod.rs"]
mod support;

mod package;

use std::sync::LazyLock;

use disclosure::noise::Noise;
use package::{A, P, Package};
use proptest::prelude::*;
use protocol::attestation::{AttestationKey, PartyId, Signature};
use protocol::codec::StreamId;
use protocol::ledger::LedgerHead;
use protocol::message::{Control, ReceiptAck, SessionBinding, SessionBlind, SignedReceipt};
use protocol::suite::Profile;
use protocol::terms::sign_sid;
use protocol::transcript::{Record, Role};
use support::words::sign_over;
use support::*;
use verify::compare::{self, Agreement};
use verify::{Conclusion, Signers};

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn random_edits_never_accuse_an_honest_party(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let honest = &PACKAGES[draw.below(PACKAGES.len())];
        let cheater = [None, Some(A), Some(P)][draw.below(3)];
        let mut package = honest.clone();
        let mut edits = Vec::new();
        for _ in 0..=draw.below(6) {
            edits.push(edit(&mut package, cheater, &mut draw));
        }
        let verdict = package.judge();
        for role in [A, P] {
            let party = match role {
                A => verdict.parties.advertiser,
                P => verdict.parties.provider,
            };
            // Under another key it is another party, whom the cheater invented.
            let is_honest = Some(role) != cheater && party == Some(id(role));
            prop_assert!(
                !(is_honest && verdict.accused().contains(role)),
                "{cheater:?} {edits:?}: {:?}",
                verdict.checks.iter().filter(|check| check.by.contains(role)).collect::<Vec<_>>()
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_forged_package_beside_an_honest_one_never_accuses_an_honest_party(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let at = draw.below(PACKAGES.len());
        let cheater = [None, Some(A), Some(P)][draw.below(3)];
        let mut forged = PACKAGES[at].clone();
        let mut edits = Vec::new();
        for _ in 0..=draw.below(6) {
            edits.push(edit(&mut forged, cheater, &mut draw));
        }
        // Of the same session mostly, by its other party; and of any other one.
        let beside = if draw.below(4) == 0 { draw.below(PACKAGES.len()) } else { at ^ 1 };
        let [one, other] = [&forged, &PACKAGES[beside]].map(Package::exhibit);
        let accounts = (&one.account, &other.account);
        let found = match compare::is_one_session(accounts.0, accounts.1) {
            true => compare::session(&one, &other),
            false => compare::sessions(accounts.0, accounts.1).unwrap(),
        };
        for role in [A, P] {
            let parties = [one.account.parties, other.account.parties].map(|parties| match role {
                A => parties.advertiser,
                P => parties.provider,
            });
            let is_honest = Some(role) != cheater && parties.contains(&Some(id(role)));
            let accusing = found.iter().filter(|found| match found.result {
                Agreement::Other(by) => by.contains(role),
                _ => false,
            });
            let accusing: Vec<_> = accusing.collect();
            prop_assert!(!is_honest || accusing.is_empty(), "{cheater:?} {edits:?}: {accusing:?}");
        }
    }
}

#[test]
fn random_edits_of_a_cheater_are_found_and_often_accuse_the_cheater() {
    // Without this the property above could hold because nothing ever accuses anybody.
    let (mut refused, mut accused) = (0, [0, 0]);
    for seed in 0..400 {
        let mut draw = Draw(seed);
        let cheater = [A, P][draw.below(2)];
        let mut package = PACKAGES[draw.below(PACKAGES.len())].clone();
        for _ in 0..=draw.below(4) {
            edit(&mut package, Some(cheater), &mut draw);
        }
        let verdict = package.judge();
        refused += u32::from(verdict.conclusion() == Conclusion::NotAccepted);
        accused[usize::from(cheater == P)] += u32::from(verdict.accused().contains(cheater));
    }
    assert!(refused > 250, "{refused}");
    assert!(accused.iter().all(|count| *count > 10), "{accused:?}");
}

#[test]
fn a_holder_of_one_key_who_plays_both_parties_accuses_neither_honest_one() {
    for honest in PACKAGES.iter() {
        for cheater in [A, P] {
            let mut package = honest.clone();
            play_both(&mut package, cheater);
            let verdict = package.judge();
            let other = match cheater.peer() {
                A => verdict.parties.advertiser,
                P => verdict.parties.provider,
            };
            assert_ne!(other, Some(id(cheater.peer())));
        }
    }
}

#[test]
fn an_answer_that_fails_accuses_its_provider_before_it_signed_any_head() {
    // The advertiser aborts at the frame, so that no CHECKPOINT of EVAL ever comes.
    for frame in [0, 1, 2] {
        let wrong = on_bulk(StreamId::Eval, frame, |_, payload| payload.swap(0, 32));
        let ended = run_altered(long().setup(), wrong);
        assert!(ended.advertiser.error.is_some());
        let mut package = Package::of(&ended.advertiser);
        let verdict = package.judge();
        assert_eq!(package::by(&verdict, "T0-23"), Some(Signers::of(P)), "{verdict:?}");
        assert_eq!(verdict.accused(), Signers::of(P));
        // The same frame under a question that the advertiser made afterwards.
        package.swap_elements(StreamId::Blind);
        package.follow(StreamId::Blind);
        package.sign_all(StreamId::Blind, A);
        assert!(!package.judge().accused().provider);
    }
}

/// Honest packages: both orders, both sides, whole, refused and aborted.
static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(|| {
    let mut packages = Vec::new();
    // Each on a channel of its own, and one after the other in the ledger.
    let mut ledger = LedgerHead::EMPTY;
    for (session, world) in (1..).zip([
        World::five_by_seven(),
        World::five_by_seven().shuffled(Profile::DigitalIds, 2),
        World::five_by_seven().shuffled(Profile::MatchRate, 2),
        long(),
        long().shuffled(Profile::DigitalIds, 2),
        // Answers of noise rows stand in further frames than the rows that were asked for.
        World { noise: Noise::of(1_000, 1), ..long().shuffled(Profile::Activation, 2) },
    ]) {
        let ended = run(World { session, ledger, ..world }.setup());
        ended.expect_honest();
        ledger = LedgerHead::of(ended.advertiser.entries.last().unwrap()).unwrap();
        packages.extend([&ended.advertiser, &ended.provider].map(Package::of));
    }
    let mut setup = World { session: 9, ledger, ..World::five_by_seven() }.setup();
    setup.provider.policy.profiles.clear();
    let refused = run(setup);
    packages.extend([&refused.advertiser, &refused.provider].map(Package::of));
    // Cut by the provider in the middle of its answers, as a transport would cut it.
    for package in packages.clone() {
        let mut cut = package;
        let frames = cut.transcript.records.len();
        cut.transcript.records.truncate(frames - frames / 3);
        packages.push(cut);
    }
    packages
});

/// Streams of several frames.
fn long() -> World {
    let rows = (0..150).map(|person| vec![email(person), phone(person)]).collect();
    World::new(rows, (0..150).step_by(3).map(email).collect())
}

fn id(role: Role) -> PartyId {
    let key = match role {
        A => advertiser_signing_key(),
        P => provider_signing_key(),
    };
    PartyId::of(&key.verifying_key().to_bytes())
}

fn key_of(role: Role) -> AttestationKey {
    match role {
        A => advertiser_key(),
        P => provider_key(),
    }
}

const STREAMS: [StreamId; 5] = StreamId::BULK;

/// Edits a package at random, with the keys of a cheater if there is one; the name of the edit.
fn edit(package: &mut Package, cheater: Option<Role>, draw: &mut Draw) -> &'static str {
    let count = package.transcript.records.len();
    let at = draw.below(count);
    let records = &mut package.transcript.records;
    if records.is_empty() {
        return "nothing";
    }
    let stream = STREAMS[draw.below(5)];
    match draw.below(14) {
        0 => {
            flip(&mut records[at], draw);
            "flip"
        }
        1 => {
            records.remove(at);
            "remove"
        }
        2 => {
            let copy = records[at].clone();
            records.insert(draw.below(count), copy);
            "repeat"
        }
        3 => {
            records.swap(at, draw.below(count));
            "swap"
        }
        4 => {
            records.truncate(at + 1);
            "truncate"
        }
        5 => {
            package.alter_frame(draw);
            "frame"
        }
        6 => {
            package.alter_frame(draw);
            package.follow(stream);
            STREAMS.into_iter().for_each(|stream| package.follow(stream));
            stand_by(package, cheater);
            "frame, recorded and signed"
        }
        7 => {
            package.renumber();
            "renumber"
        }
        8 | 9 => {
            reword(package, at, draw);
            "message"
        }
        10 | 11 => {
            reword(package, at, draw);
            if let Some(role) = cheater {
                sign_message(package, at, role);
            }
            "message, signed"
        }
        12 => {
            add_word(package, at, cheater, draw);
            "word"
        }
        _ => {
            stand_by(package, cheater);
            "signed"
        }
    }
}

/// Flips a bit of a record, wherever it is.
fn flip(record: &mut Record, draw: &mut Draw) {
    let bit = 1 << draw.below(8);
    match record {
        Record::Control(frame) => {
            let mut payload = frame.payload.to_vec();
            if let Some(byte) = payload.get_mut(draw.below(frame.payload.len())) {
                *byte ^= bit;
            }
            frame.payload = payload.into();
        }
        Record::Bulk { header, leaf, signature } => match draw.below(7) {
            0 => leaf[draw.below(32)] ^= bit,
            1 => signature.r[draw.below(32)] ^= bit,
            2 => *signature = Signature::NONE,
            3 => header.kind ^= 1,
            4 => header.elements ^= u32::from(bit),
            5 => header.index ^= 1,
            _ => header.payload_len ^= u32::from(bit),
        },
    }
}

/// Changes what a message says, if it is a message.
fn reword(package: &mut Package, at: usize, draw: &mut Draw) {
    let Some(mut message) = package.message(at) else { return };
    let n = draw.below(8);
    match &mut message {
        Control::HelloA(hello) => match n {
            0 => hello.program.flags = 0,
            1 => hello.program.flags = 3,
            2 => hello.row_slots += 64,
            3 => hello.suite ^= 3,
            4 => hello.ledger_head = [7; 32],
            _ => hello.input_commitment = [7; 32],
        },
        Control::HelloP(hello) => match n {
            0 => hello.program.flags = 0,
            1 => hello.table.tag_count = 7,
            2 => hello.table.root = [7; 32],
            3 => hello.manifest.body.evaluations_max = 0,
            4 => hello.snapshot.body.day += 1,
            _ => hello.offer.evaluations_left = 0,
        },
        Control::Terms(terms) => match n {
            0 => terms.terms.k_min = 0,
            1 => terms.terms.handles_max = 0,
            2 => terms.terms.table_delivery ^= 1,
            3 => terms.sid = [7; 32],
            _ => terms.terms.opened_at += 1 << 40,
        },
        Control::TermsAccept(accept) => accept.sid[n] ^= 1,
        Control::SessionBlind(blind) => match n {
            0 => blind.k_a = [0; 32],
            1 => blind.k_a = [0xFF; 32],
            _ => blind.k_a[n] ^= 2,
        },
        Control::Checkpoint(head) | Control::CheckpointAck(head) => match n {
            0 => head.frames += 1,
            1 => head.elements ^= 1,
            2 => head.stream ^= 1,
            _ => head.root[n] ^= 1,
        },
        Control::Released(released) => match n {
            0 => released.handles_known += 1,
            1 => released.handles_unknown += 5,
            _ => released.release_head[n] ^= 1,
        },
        Control::Receipt(signed) => {
            let receipt = &mut signed.receipt;
            match n {
                0 => receipt.handles_known += 1,
                1 => receipt.ids_returned += 1,
                2 => receipt.closed_at = 0,
                3 => receipt.report_commitment = [0; 32],
                4 => receipt.ledger.evaluations -= 1,
                5 => drop(receipt.streams.pop()),
                6 => receipt.streams[0].root[0] ^= 1,
                _ => receipt.streams[0].frames += 1,
            }
        }
        Control::ReceiptAck(ack) => ack.signature.r[n] ^= 1,
        Control::Refuse(refuse) => refuse.code = 0x0305,
        Control::Abort(abort) => match n {
            0 => abort.streams.clear(),
            _ => abort.code = 0x0401,
        },
    }
    package.put(at, &message);
}

/// Signs a message again with the key of a role, whoever it is from.
fn sign_message(package: &mut Package, at: usize, role: Role) {
    let Some(mut message) = package.message(at) else { return };
    let key = key_of(role);
    let signing = match role {
        A => advertiser_signing_key(),
        P => provider_signing_key(),
    };
    let exporter = package.transcript.opening.exporter;
    let sid = package.sid();
    let payload = package.payload(at);
    match &mut message {
        Control::HelloA(hello) => *hello = hello.clone().signed(&key, &exporter).unwrap(),
        Control::HelloP(hello) => **hello = hello.clone().signed(&key, &exporter).unwrap(),
        Control::Terms(terms) => {
            if let Some(sid) = package.recomputed_sid(&terms.terms) {
                terms.sid = sid;
                terms.signature = sign_sid(&key, &sid);
            }
        }
        Control::TermsAccept(accept) => {
            accept.sid = sid;
            accept.signature = sign_sid(&key, &sid);
        }
        Control::SessionBlind(blind) => *blind = SessionBlind::sign(blind.k_a, &key, &sid),
        Control::Checkpoint(head) | Control::CheckpointAck(head) => {
            *head = protocol::message::Checkpoint::sign(&head.head(), &key, &sid);
        }
        Control::Released(released) => {
            let handles = package.roots(StreamId::Handles).pop().unwrap_or([0; 32]);
            *released = released.signed(&key, &sid, &handles).unwrap();
        }
        Control::Receipt(SignedReceipt { receipt, signature }) => {
            *signature = receipt.sign(&key).unwrap();
        }
        Control::ReceiptAck(ReceiptAck { signature }) => {
            if let Some(receipt) = package.receipt() {
                *signature = receipt.sign(&key).unwrap();
            }
        }
        Control::Refuse(refuse) => {
            refuse.signature = sign_over(&signing, "sign-refuse", &payload, &sid);
        }
        Control::Abort(abort) => {
            abort.signature = sign_over(&signing, "sign-abort", &payload, &sid);
        }
    }
    package.put(at, &message);
}

/// Has a cheater sign everything of its own as it stands now.
fn stand_by(package: &mut Package, cheater: Option<Role>) {
    let Some(role) = cheater else { return };
    for stream in STREAMS {
        package.sign_all(stream, role);
    }
    for at in 0..package.transcript.records.len() {
        if package.is_from(at, role) {
            sign_message(package, at, role);
        }
    }
}

/// Puts a REFUSE or ABORT into the mouth of a party.
fn add_word(package: &mut Package, at: usize, cheater: Option<Role>, draw: &mut Draw) {
    let message = match draw.below(2) {
        0 => Control::Refuse(layout::refuse(0x0305, 0)),
        _ => Control::Abort(layout::abort(0x0401, 0, 0)),
    };
    let stream = [StreamId::ControlAdvertiser, StreamId::ControlProvider][draw.below(2)];
    let frame = message.encode(stream, 0).unwrap();
    package.transcript.records.insert(at, Record::Control(frame));
    package.renumber();
    if let Some(role) = cheater {
        sign_message(package, at, role);
    }
}

/// Puts one party's key in the place of the other's too, and signs everything with it.
fn play_both(package: &mut Package, role: Role) {
    let key = match role {
        A => advertiser_signing_key(),
        P => provider_signing_key(),
    };
    let public = key.verifying_key().to_bytes();
    for at in 0..package.transcript.records.len() {
        let Some(mut message) = package.message(at) else { continue };
        match &mut message {
            Control::HelloA(hello) => hello.attestation_key = public,
            Control::HelloP(hello) => hello.attestation_key = public,
            _ => {}
        }
        package.put(at, &message);
        sign_message(package, at, role);
    }
}

impl Package {
    fn is_from(&self, at: usize, role: Role) -> bool {
        let header = match &self.transcript.records[at] {
            Record::Control(frame) => frame.header,
            Record::Bulk { header, .. } => *header,
        };
        header.stream.from_advertiser() == (role == A)
    }

    fn receipt(&self) -> Option<protocol::transcript::receipt::Receipt> {
        self.find(|message| match message {
            Control::Receipt(signed) => Some(signed.receipt),
            _ => None,
        })
    }

    fn recomputed_sid(&self, terms: &protocol::terms::MatchTerms) -> Option<[u8; 32]> {
        let payload = |kind| {
            let mut records = self.transcript.records.iter();
            records.find_map(|record| match record {
                Record::Control(frame) if frame.header.kind == kind => Some(&frame.payload),
                _ => None,
            })
        };
        let opening = &self.transcript.opening;
        let binding = SessionBinding {
            hello_a: payload(1)?,
            hello_p: payload(2)?,
            spki_advertiser: &opening.spki_advertiser,
            spki_provider: &opening.spki_provider,
            exporter: &opening.exporter,
        };
        binding.sid(terms).ok()
    }

    /// Alters a stored frame.
    fn alter_frame(&mut self, draw: &mut Draw) {
        let at = draw.below(self.frames.len());
        let Some(frame) = self.frames.get_mut(at) else { return };
        let mut payload = frame.payload.to_vec();
        let len = payload.len();
        match draw.below(4) {
            0 => payload[draw.below(len)] ^= 1 << draw.below(8),
            1 if len >= 64 => payload.copy_within(0..32, 32),
            2 if len >= 64 => (0..32).for_each(|byte| payload.swap(byte, 32 + byte)),
            _ => payload[..len.min(32)].fill(0xFF),
        }
        frame.payload = payload.into();
    }
}
