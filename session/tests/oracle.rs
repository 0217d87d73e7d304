//! Any two sets: the outcome of a session is the plaintext join, and nothing more crosses.
//!
//! A failing case prints its smallest form, which is whole: every seed of a session is in it.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use protocol::codec::StreamId;
use protocol::error::{Error, Refusal};
use protocol::group::Element;
use protocol::identifier::{Identifier, IdentifierKind, PrfInput};
use protocol::limits::Limits;
use protocol::message::Control;
use protocol::oprf::{Blind, BlindedElement, EvaluatedElement};
use protocol::seed::{Select, SessionSeed};
use protocol::suite::Aligned;
use protocol::transcript::merkle::{Tree, leaf_hash};
use protocol::transcript::receipt::{Receipt, StreamHead};
use session::SpillName;
use session::disclosure::{Outcome, Withheld};
use support::*;

/// Sets of both sides, as (kind, person) pairs.
#[derive(Debug, Clone)]
struct Case {
    rows: Vec<Vec<(u8, u64)>>,
    people: Vec<(u8, u64)>,
    k_min: u32,
    window: u32,
    schedule: u64,
}

impl Case {
    fn world(&self) -> World {
        let rows = self.rows.iter().map(|row| row.iter().map(person).collect()).collect();
        let mut world = World::new(rows, self.people.iter().map(person).collect());
        world.kinds = KINDS.to_vec();
        world.k_min = self.k_min;
        world.window = self.window;
        world.schedule = Schedule::Hostile(self.schedule);
        world
    }

    /// The plaintext join: kind bits of every row.
    fn join(&self) -> Vec<u16> {
        let people: BTreeSet<_> = self.people.iter().collect();
        let bits = |row: &Vec<(u8, u64)>| {
            let hits = row.iter().filter(|entry| people.contains(entry));
            hits.fold(0, |bits, (kind, _)| bits | 1 << kind)
        };
        self.rows.iter().map(bits).collect()
    }
}

proptest! {
    #![proptest_config(cases(40))]

    /// M2 to M19 have no place here: both sides are honest. D6, D8, F2 to F5.
    #[test]
    fn the_outcome_is_the_plaintext_join_and_both_sides_agree(case in any_case()) {
        let world = case.world();
        let ended = run(world.setup());
        if case.rows.iter().all(Vec::is_empty) {
            let refused = Some(Error::Refused(Refusal::SizeOutOfRange));
            prop_assert_eq!(ended.advertiser.error, refused);
            return Ok(());
        }
        ended.expect_honest();
        check_outcome(&case, &world, &ended)?;
        check_agreement(&ended)?;
        check_sizes(&case, &ended)?;
        check_secrecy(&world, &ended)?;
    }
}

proptest! {
    #![proptest_config(cases(8))]

    /// A47. The two runs are one pair's, one after the other.
    #[test]
    fn two_runs_over_the_same_data_share_no_element(case in small_case()) {
        let world = case.world();
        let first = run(world.setup());
        first.expect_honest();
        let second = run(world.after(&first).setup());
        second.expect_honest();
        let elements = |ended: &Ended| -> BTreeSet<[u8; 32]> {
            let frames = [ended.stream(StreamId::Blind), ended.stream(StreamId::Eval)].concat();
            let encodings = frames.iter().flat_map(|frame| {
                let elements = frame.header.elements as usize;
                frame.encodings()[..elements].to_vec()
            });
            encodings.collect()
        };
        let (one, two) = (elements(&first), elements(&second));
        // Blinded and evaluated elements of one run are pairwise distinct, too.
        let sent = first.stream(StreamId::Blind).iter().map(|f| f.header.elements).sum::<u32>();
        prop_assert_eq!(one.len(), 2 * sent as usize);
        prop_assert!(one.is_disjoint(&two));
        prop_assert_eq!(first.advertiser.matched_rows(), second.advertiser.matched_rows());
    }

    /// M-11, M-12. The frames of a session are the functions of RFC 9497, element by element.
    #[test]
    fn frames_are_the_element_functions_in_order(case in small_case()) {
        let world = case.world();
        let ended = run(world.setup());
        ended.expect_honest();
        let (key, _) = prf_key();
        let seed = SessionSeed::from_bytes(world.session_seed());
        let keys = seed.session_keys(&ended.terms().sid);
        let slots = row_slots(&world.rows);
        let first = |element| slots.iter().find(|slot| slot.element == element);
        let mut elements = (0..).map_while(first);
        let distinct = slots.iter().map(|slot| slot.element + 1).max().unwrap();
        let padded = Limits::SMALL.padded(distinct).unwrap();
        let (blind, eval) = (ended.stream(StreamId::Blind), ended.stream(StreamId::Eval));
        let blinded = blind.iter().flat_map(|frame| frame.encodings());
        let evaluated = eval.iter().flat_map(|frame| &frame.encodings()[..64]);
        let real = Select::new(keys.padding_stream(), padded, distinct);
        let mut tags = Vec::new();
        let sequence = (0..).zip(real).zip(blinded).zip(evaluated);
        for (((position, real), blinded), evaluated) in sequence {
            let sent = BlindedElement::<Aligned>::decode(blinded).unwrap();
            prop_assert_eq!(&key.evaluate(&sent).encode(), evaluated);
            if !real {
                let canary = keys.canary(position).unwrap();
                prop_assert_eq!(&Element::multiply_base(&canary).encode(), blinded);
                continue;
            }
            let slot = elements.next().unwrap();
            let input = PrfInput::of(&slot.identifier);
            let scalar = keys.element_blind(position, &input).unwrap();
            let blind = Blind::<Aligned>::from_scalar(scalar);
            prop_assert_eq!(&blind.blind(&input).encode(), blinded);
            let answer = EvaluatedElement::decode(evaluated).unwrap();
            let output = blind.finalize(&input, &answer, key.public());
            let direct = key.output(&input);
            prop_assert_eq!(output.expose_bytes(), direct.expose_bytes());
            tags.push([&output.tag().0[..], &slot.element.to_be_bytes()].concat());
        }
        prop_assert_eq!(elements.next().map(|slot| slot.element), None);
        tags.sort_unstable();
        prop_assert_eq!(&ended.advertiser.spills[&SpillName::OwnTags], &tags);
    }

    /// Tasks and frames in any order, rows and spills in any chunks: the same bytes.
    #[test]
    fn equal_seeds_give_equal_frames_in_every_order_of_work(
        case in small_case(),
        other: u64,
    ) {
        let world = case.world();
        let first = run(world.setup());
        first.expect_honest();
        for schedule in [Schedule::Inline, Schedule::Hostile(other)] {
            let again = run(World { schedule, ..world.clone() }.setup());
            again.expect_honest();
            for stream in StreamId::BULK {
                prop_assert_eq!(first.stream(stream), again.stream(stream));
            }
            for kind in [1, 2, 3, 4, 8, 9] {
                let (one, two) = (first.control(kind), again.control(kind));
                prop_assert_eq!(&one.payload, &two.payload, "kind {}", kind);
            }
            prop_assert_eq!(first.advertiser.matched_rows(), again.advertiser.matched_rows());
        }
    }

    /// M19, A35. The table is left out: its length follows from its own tags alone.
    #[test]
    fn lengths_on_the_wire_do_not_depend_on_the_overlap(case in small_case()) {
        let nobody = Case {
            people: case.people.iter().map(|(kind, person)| (*kind, person + 10_000)).collect(),
            ..case.clone()
        };
        let everybody = Case {
            people: case.rows.concat().into_iter().cycle().take(case.people.len()).collect(),
            ..case
        };
        let shape = |case: &Case| {
            let ended = run(World { schedule: Schedule::Inline, ..case.world() }.setup());
            ended.expect_honest();
            let frames = ended.sent.iter().filter(|f| f.header.stream != StreamId::Table);
            frames.map(|frame| frame.header).collect::<Vec<_>>()
        };
        prop_assert_eq!(shape(&nobody), shape(&everybody));
    }
}

/// G43, D-01. What was disclosed is the join, or nothing; the commitment covers it.
fn check_outcome(case: &Case, world: &World, ended: &Ended) -> Result<(), TestCaseError> {
    let join = case.join();
    let matched: Vec<(u64, u16)> = (0..).zip(join.clone()).filter(|(_, bits)| *bits != 0).collect();
    prop_assert_eq!(ended.advertiser.matched_rows(), matched.clone());
    prop_assert!(matches!(ended.provider.outcome, Some(Outcome::Served)));
    let released = matched.len() >= case.k_min as usize;
    match ended.advertiser.outcome {
        Some(Outcome::Rows(rows)) => {
            prop_assert!(released);
            prop_assert_eq!(
                (rows.rows(), rows.matched()),
                (join.len() as u64, matched.len() as u64)
            );
        }
        Some(Outcome::Withheld(Withheld::BelowMatchMinimum { k_min })) => {
            prop_assert!(!released);
            prop_assert_eq!(k_min, case.k_min);
        }
        ref other => prop_assert!(false, "{:?}", other),
    }
    let prk = extract(&ended.terms().sid, &world.session_seed());
    let salt: [u8; 32] = kdf(&prk, "result-salt", &[]);
    let rows = (join.len() as u64).to_le_bytes();
    let bits: Vec<u8> = join.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let (released_code, withheld_code): (&[u8], &[u8]) = (&[1], &[2]);
    let expected = match released {
        true => h("result", &[&salt, &2_u16.to_le_bytes(), released_code, &rows, &bits]),
        false => h("result", &[&salt, &2_u16.to_le_bytes(), withheld_code]),
    };
    let receipt = receipt(ended);
    prop_assert_eq!(receipt.result_commitment, expected);
    prop_assert_eq!(receipt.report_commitment, h("report", &[&salt]));
    // What the provider signs does not say whether the result was withheld.
    prop_assert_eq!(receipt.outcome, Receipt::COMPLETED);
    Ok(())
}

/// Both transcripts hold the same messages and frames, and an auditor accepts both.
fn check_agreement(ended: &Ended) -> Result<(), TestCaseError> {
    let (a, p) = (&ended.advertiser, &ended.provider);
    prop_assert_eq!(&a.entries, &p.entries);
    prop_assert_eq!(a.entries.len(), 2);
    prop_assert_eq!(&a.holds, &p.entries[..1].to_vec());
    let receipt = receipt(ended);
    prop_assert_eq!(&receipt.ledger, &a.entries[1]);
    let mut heads: BTreeMap<u8, (Tree, StreamHead)> = BTreeMap::new();
    for frame in ended.sent.iter().filter(|frame| !frame.header.stream.is_control()) {
        let stream = frame.header.stream.code();
        let head = StreamHead { stream, frames: 0, elements: 0, root: [0; 32] };
        let (tree, head) = heads.entry(stream).or_insert((Tree::new(), head));
        tree.push(leaf_hash(&[&frame.header.encode(), &frame.payload]));
        head.frames += 1;
        head.elements += u64::from(frame.header.elements);
        head.root = tree.root();
    }
    let heads: Vec<StreamHead> = heads.into_values().map(|(_, head)| head).collect();
    prop_assert_eq!(&receipt.streams, &heads);
    for side in [a, p] {
        let receipts = side.controls().into_iter().filter_map(|message| match message {
            Control::Receipt(message) => Some(message.receipt),
            _ => None,
        });
        prop_assert_eq!(receipts.collect::<Vec<_>>(), vec![receipt.clone()]);
        let verdict = side.verdict();
        prop_assert!(verdict.is_accepted(), "{:#?}", verdict);
    }
    Ok(())
}

/// Lengths are those of the announced sizes.
fn check_sizes(case: &Case, ended: &Ended) -> Result<(), TestCaseError> {
    let distinct: BTreeSet<_> = case.rows.iter().flatten().collect();
    let frames = distinct.len().div_ceil(64);
    let blind: Vec<_> = ended.stream(StreamId::Blind).iter().map(|f| f.payload.len()).collect();
    let eval: Vec<_> = ended.stream(StreamId::Eval).iter().map(|f| f.payload.len()).collect();
    prop_assert_eq!(blind, vec![64 * 32; frames]);
    prop_assert_eq!(eval, vec![64 * 32 + 64; frames]);
    Ok(())
}

/// No digest of either side is on the wire or in a transcript, raw, reversed or as text.
fn check_secrecy(world: &World, ended: &Ended) -> Result<(), TestCaseError> {
    let identifiers = world.rows.iter().flatten().chain(&world.people);
    let mut marks: BTreeSet<Vec<u8>> = BTreeSet::new();
    for identifier in identifiers {
        let digest = identifier.digest.expose_bytes();
        marks.insert(digest[..8].to_vec());
        marks.insert(digest[24..].to_vec());
        marks.insert(digest.iter().rev().take(8).copied().collect());
        marks.insert(hex(&digest[..4]).into_bytes());
        marks.insert(hex(&digest[..4]).to_uppercase().into_bytes());
    }
    let wire = ended.sent.iter().map(bytes);
    let transcripts = [&ended.advertiser, &ended.provider].map(|side| side.transcript.clone());
    for text in wire.chain(transcripts) {
        let leaked = text.windows(8).find(|window| marks.contains(*window));
        prop_assert_eq!(leaked, None);
    }
    Ok(())
}

/// The search of `check_secrecy` finds a digest that is there.
#[test]
fn a_leaked_digest_would_be_found() {
    let world = World::five_by_seven();
    let mut ended = run(world.setup());
    check_secrecy(&world, &ended).unwrap();
    ended.provider.transcript.extend(world.rows[1][0].digest.expose_bytes());
    check_secrecy(&world, &ended).unwrap_err();
}

fn receipt(ended: &Ended) -> Receipt {
    match Control::decode(ended.control(8)) {
        Ok(Control::Receipt(message)) => message.receipt,
        other => panic!("not a receipt: {other:?}"),
    }
}

fn person((kind, number): &(u8, u64)) -> Identifier {
    identifier(KINDS[usize::from(*kind)], *number)
}

/// Up to 200 rows against up to 200 identifiers; the fewer people there are, the more match, also
/// twice in a row and across rows.
fn any_case() -> impl Strategy<Value = Case> {
    (1_u64..400).prop_flat_map(|people| sets(people, 200))
}

fn small_case() -> impl Strategy<Value = Case> {
    sets(40, 40).prop_map(|mut case| {
        // At least one identifier, or there is no session.
        case.rows.push(vec![(0, 1)]);
        case
    })
}

fn sets(people: u64, size: usize) -> impl Strategy<Value = Case> {
    let entry = (0_u8..KINDS.len() as u8, 0..people);
    let rows = prop::collection::vec(prop::collection::vec(entry.clone(), 0..4), 0..=size);
    let tags = prop::collection::vec(entry, 0..=size);
    (rows, tags, 1_u32..40, 1_u32..6, any::<u64>()).prop_map(
        |(rows, people, k_min, window, schedule)| Case { rows, people, k_min, window, schedule },
    )
}

const KINDS: [IdentifierKind; 3] =
    [IdentifierKind::EMAIL_STRICT, IdentifierKind::PHONE, IdentifierKind::CUSTOM];
