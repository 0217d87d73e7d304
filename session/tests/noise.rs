//! Noise of counts through whole sessions: what it adds, what it leaves as it was, and what nobody
//! can tell from it.

mod support;

use std::cell::Cell;
use std::collections::BTreeSet;

use disclosure::noise::Noise;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use protocol::codec::StreamId;
use protocol::error::{Error, Refusal, Violation};
use protocol::group::{Element, Encoded, Portable, SecretScalar};
use protocol::identifier::{Identifier, PrfInput};
use protocol::limits::Limits;
use protocol::message::{Control, SessionBlind};
use protocol::oprf::{Blind, PrfKey, PrfOutput};
use protocol::rows::RowWidth;
use protocol::seed::{KeySeed, SessionSeed};
use protocol::suite::{Profile, Shuffled};
use serde_json::Value;
use session::disclosure::{MatchCount, Outcome, Withheld};
use support::golden;
use support::*;

/// Noise with a bound of 14, so that sessions stay small.
fn small() -> Noise {
    Noise::of(1_000, 1).unwrap()
}

/// Rows of up to `width` identifiers, the first of each row matching if its number says so.
fn world(rows: u64, width: u8, profile: Profile, session: u8) -> World {
    let slots = u64::from(width);
    let row = |row: u64| (0..slots).map(|slot| email(row * slots + slot)).collect();
    // Row i has i mod (w + 1) hits.
    let people =
        (0..rows).flat_map(|row| (0..row % (slots + 1)).map(move |slot| row * slots + slot));
    let people: Vec<Identifier> = people.map(email).collect();
    let world = World::new((0..rows).map(row).collect(), people).shuffled(profile, width);
    World { noise: Some(small()), session, ..world }
}

/// Rows of the world with at least `hits` hits.
fn at_least(rows: u64, width: u8, hits: u8) -> u64 {
    (0..rows).filter(|row| row % (u64::from(width) + 1) >= u64::from(hits)).count() as u64
}

/// Commitment of the advertiser to its blind.
fn blind(ended: &Ended) -> [u8; 32] {
    let controls = ended.provider.controls();
    let k_a = controls.iter().find_map(|message| match message {
        Control::SessionBlind(blind) => Some(blind.k_a),
        _ => None,
    });
    k_a.expect("a commitment")
}

/// Noise rows with at least `hits` hits, drawn a second time from the provider's own seed.
fn drawn(world: &World, ended: &Ended, hits: u8) -> u64 {
    let (noise, width) = (world.noise.unwrap(), RowWidth::new(world.width).unwrap());
    let (_, derivation) = run_key(world.session);
    let blind = blind(ended);
    noise.draw(width, |hits| derivation.noise_draw(hits, &blind)).rows_with(hits)
}

fn count(ended: &Ended) -> &MatchCount {
    match &ended.advertiser.outcome {
        Some(Outcome::Count(count)) => count,
        Some(Outcome::Handles(handles)) => handles.count(),
        Some(Outcome::DigitalIds(ids)) => ids.count(),
        other => panic!("no count: {other:?}"),
    }
}

/// The count that noise makes of the exact one.
fn noised(world: &World, ended: &Ended, rows: u64, hits: u8) -> i64 {
    let (noise, width) = (world.noise.unwrap(), RowWidth::new(world.width).unwrap());
    let exact = at_least(rows, world.width, hits) as i64;
    exact + drawn(world, ended, hits) as i64 - noise.shift(width, hits) as i64
}

/// Runs a session and checks everything about its noise; true if a count was released.
fn carries_the_draw(world: &World, rows: u64) -> bool {
    let (width, profile) = (world.width, world.profile);
    let ended = run(world.setup());
    ended.expect_honest();
    let matched = noised(world, &ended, rows, 1).clamp(0, rows as i64) as u64;
    let released = matched >= u64::from(world.limits.k_min_floor);
    if released {
        let count = count(&ended);
        assert_eq!(count.matched(), Some(matched));
        assert_eq!(count.noise(), world.noise);
        for hits in 1..=width {
            let more = if hits == width { 0 } else { noised(world, &ended, rows, hits + 1) };
            let cell = (noised(world, &ended, rows, hits) - more).clamp(0, rows as i64) as u64;
            assert_eq!(count.rows_by_hits()[usize::from(hits) - 1], Some(cell));
        }
    } else {
        let withheld = matches!(ended.advertiser.outcome, Some(Outcome::Withheld(_)));
        assert!(withheld, "{:?}", ended.advertiser.outcome);
    }
    // Sizes follow from public numbers alone, and do with a count that is withheld.
    let slots = RowWidth::new(width).unwrap();
    let padded = RowWidth::padded_rows(rows, &world.limits).unwrap();
    let elements = |stream| {
        let frames = ended.stream(stream);
        frames.iter().map(|frame| u64::from(frame.header.elements)).sum::<u64>()
    };
    let of_noise = small().rows(slots);
    assert_eq!(elements(StreamId::Blind), padded * u64::from(width));
    assert_eq!(elements(StreamId::Eval), (padded + of_noise) * u64::from(width));
    assert_eq!(ended.provider.entries[0].evaluations, padded * u64::from(width));
    for side in [&ended.advertiser, &ended.provider] {
        let verdict = side.verdict();
        assert!(verdict.is_accepted(), "{:?}", verdict.checks);
    }
    // A handle of each row with a hit, of noise or not; a record behind the real ones.
    if profile.sends_handles() && released {
        let handles = at_least(rows, width, 1) + drawn(world, &ended, 1);
        assert_eq!(elements(StreamId::Handles), handles);
        match &ended.provider.outcome {
            Some(Outcome::Released(released)) => {
                assert_eq!(released.handles_known, handles);
                assert_eq!(released.records, at_least(rows, width, 1));
            }
            other => panic!("{other:?}"),
        }
    }
    released
}

#[test]
fn counts_carry_the_draw_and_nothing_else() {
    let profiles = vec![Profile::MatchRate, Profile::Activation, Profile::DigitalIds];
    let profiles = prop::sample::select(profiles);
    let cases_of = (1_u64..70, 1_u8..=4, 1_u8..200, profiles, any::<u64>());
    let released = Cell::new((0_u32, 0_u32));
    let checked = TestRunner::new(cases(24)).run(&cases_of, |case| {
        let (rows, width, session, profile, seed) = case;
        let world = world(rows, width, profile, session);
        let world = World { schedule: Schedule::Hostile(seed), ..world };
        let (all, counts) = released.get();
        released.set((all + 1, counts + u32::from(carries_the_draw(&world, rows))));
        Ok(())
    });
    if let Err(failed) = checked {
        panic!("{failed}");
    }
    let (all, counts) = released.get();
    assert!(4 * counts >= all, "{counts} counts in {all} sessions");
}

#[test]
fn terms_of_wider_noise_than_the_table_was_made_for_are_refused() {
    // The provider's policy has a loss of 1; terms may ask for less, if the table has the tags.
    let world = World { noise: Some(small()), ..world(30, 2, Profile::MatchRate, 1) };
    for (least, ready) in [(1_000, false), (125, true)] {
        let mut setup = world.setup();
        let made_for = Noise::of(least, 1).unwrap();
        setup.provider.prepared[0].noise_tags = made_for.hits_max(RowWidth::new(2).unwrap());
        setup.advertiser.terms.epsilon_milli = 125;
        let ended = run(setup);
        if ready {
            ended.expect_honest();
            continue;
        }
        assert_eq!(ended.provider.error, Some(Error::Refused(Refusal::TableNotReady)));
        assert!(ended.advertiser.error.is_some());
        assert!(ended.provider.entries.is_empty() && ended.stream(StreamId::Eval).is_empty());
    }
}

#[test]
fn one_element_in_fifty_rows_is_refused_before_an_answer_leaves() {
    let world = world(60, 2, Profile::MatchRate, 1);
    let mut value = None;
    let mut rows_with_it = 0;
    // In the second place of every row that begins below it: first places differ anyway.
    let alter = cheat(move |frame| {
        if frame.header.stream != StreamId::Blind {
            return None;
        }
        let mut payload = frame.payload.to_vec();
        let greatest = *value.get_or_insert_with(|| {
            frame.encodings().as_chunks::<2>().0.iter().map(|row| row[1]).max().unwrap()
        });
        for row in payload.chunks_mut(64) {
            if row[..32] < greatest[..] && rows_with_it < 50 {
                row[32..].copy_from_slice(&greatest);
                rows_with_it += 1;
            }
        }
        Some(vec![[&frame.header.encode()[..], &payload].concat()])
    });
    let ended = run_altered(world.setup(), alter);
    match ended.provider.error {
        Some(Error::PeerMisbehaved { violation, at }) => {
            assert_eq!((violation, at.stream), (Violation::OrderNotStrict, 17));
        }
        other => panic!("{other:?}"),
    }
    assert!(ended.stream(StreamId::Eval).is_empty(), "an answer left");
}

#[test]
fn one_tag_hit_by_different_outputs_counts_once() {
    // A provider that knows K_a could search for such outputs: an abort would be its answer.
    let world = World { noise: None, ..world(30, 1, Profile::MatchRate, 1) };
    let honest = run(world.setup());
    let mut setup = world.setup();
    setup.alter_spill = Some(|spill, records| {
        if spill == session::SpillName::ResponseTags {
            let tags: Vec<Vec<u8>> = records.iter().map(|record| record[..9].to_vec()).collect();
            // Every answer has the tag of the one before it or keeps its own.
            for (at, record) in records.iter_mut().enumerate().filter(|(at, _)| at % 2 == 1) {
                record[..9].copy_from_slice(&tags[at - 1]);
            }
            records.sort_unstable();
        }
    });
    let ended = run(setup);
    ended.expect_honest();
    let all = count(&honest).matched().unwrap();
    let fewer = count(&ended).matched().unwrap();
    assert!(fewer < all && fewer > 0, "{fewer} of {all}");
}

/// Rule [E-13]: recomputed from the advertiser's own files and one opened row.
fn opened_row_holds(ended: &Ended, world: &World, row: u64) -> bool {
    let controls = ended.provider.controls();
    let committed = controls.iter().find_map(|message| match message {
        Control::SessionBlind(blind) => Some(blind.k_a),
        _ => None,
    });
    let sid = ended.terms().sid;
    let keys = SessionSeed::from_bytes(world.session_seed()).session_keys(&sid);
    let blind = keys.session_blind().unwrap();
    let same_blind = committed == Some(Element::multiply_base(&blind).encode());
    let blind = Blind::<Shuffled>::from_scalar(blind);
    let mut elements: Vec<Encoded> = world.rows[row as usize]
        .iter()
        .map(|identifier| blind.blind(&PrfInput::of(identifier)).encode())
        .collect();
    elements.sort_unstable();
    let sent = ended.provider.frames.iter().filter(|f| f.header.stream == StreamId::Blind);
    let rows: BTreeSet<Vec<Encoded>> = sent
        .flat_map(|frame| frame.encodings().chunks(elements.len()).map(<[_]>::to_vec))
        .collect();
    same_blind && rows.contains(&elements)
}

#[test]
fn another_blind_than_the_committed_one_shows_exact_counts_and_fails_with_one_row() {
    let world = world(40, 2, Profile::MatchRate, 3);
    let honest = run(world.setup());
    honest.expect_honest();
    assert!((0..40).all(|row| opened_row_holds(&honest, &world, row)));
    let other = SecretScalar::from_wide_bytes(&[0x5A; 64]).unwrap();
    let k_a = Element::multiply_base(&other).encode();
    let key = advertiser_key();
    let mut sid = [0; 32];
    let ended = run_altered(world.setup(), |frame| {
        if !frame.header.stream.is_control() {
            return None;
        }
        match Control::decode(frame).unwrap() {
            Control::Terms(terms) => {
                sid = terms.sid;
                None
            }
            Control::SessionBlind(_) => {
                let message = Control::SessionBlind(SessionBlind::sign(k_a, &key, &sid));
                let header = frame.header;
                Some(vec![bytes(&message.encode(header.stream, header.index).unwrap())])
            }
            _ => None,
        }
    });
    // No noise row of another blind is a hit: what is left is the rows that match, less the shift.
    let (noise, width) = (small(), RowWidth::new(2).unwrap());
    let exact = at_least(40, 2, 1) as i64 - noise.shift(width, 1) as i64;
    match &ended.advertiser.outcome {
        Some(Outcome::Count(count)) => assert_eq!(count.matched(), Some(exact.max(0) as u64)),
        Some(Outcome::Withheld(Withheld::BelowMatchMinimum { .. })) => assert!(exact < 1),
        other => panic!("{other:?}"),
    }
    assert!((0..40).all(|row| !opened_row_holds(&ended, &world, row)));
}

/// Rule [E-14]: every noise row of EVAL, made again from the provider's own seed and BLIND.
fn noise_rows(ended: &Ended, world: &World) -> Vec<(u64, Vec<(bool, Encoded)>)> {
    let k_a = Element::decode(&blind(ended)).unwrap();
    let (noise, width) = (world.noise.unwrap(), RowWidth::new(world.width).unwrap());
    let (key, derivation) = run_key(world.session);
    let scalar = |hits: bool, number: u64| {
        let number = core::iter::once(number);
        derivation.noise_scalars(&Portable, hits, number).unwrap().remove(0)
    };
    let of_row = |row: u64| {
        let slots = (0..world.width).map(|slot| {
            let hit = row < drawn(world, ended, slot + 1);
            let scalar = match hit {
                true => scalar(true, noise.hit_number(width, row, slot).unwrap()),
                false => scalar(false, row * u64::from(world.width) + u64::from(slot)),
            };
            let asked = k_a.multiply(&scalar).encode();
            let mut answer = [[0; 32]];
            key.evaluate_each(&Portable, &[asked], &mut answer).unwrap();
            (hit, answer[0])
        });
        let mut slots: Vec<(bool, Encoded)> = slots.collect();
        slots.sort_unstable_by_key(|(_, answer)| *answer);
        slots
    };
    (0..noise.rows(width)).map(|row| (row, of_row(row))).collect()
}

#[test]
fn noise_rows_are_made_again_from_the_provider_s_own_seed() {
    let world = world(30, 3, Profile::MatchRate, 5);
    let ended = run(world.setup());
    ended.expect_honest();
    let rows: BTreeSet<Vec<Encoded>> = ended
        .stream(StreamId::Eval)
        .iter()
        .flat_map(|frame| frame.encodings().chunks(3).map(<[_]>::to_vec).collect::<Vec<_>>())
        .collect();
    let noise = noise_rows(&ended, &world);
    assert_eq!(noise.len() as u64, small().rows(RowWidth::new(3).unwrap()));
    for (row, slots) in noise {
        let answers: Vec<Encoded> = slots.iter().map(|(_, answer)| *answer).collect();
        assert!(rows.contains(&answers), "{row}");
    }
    // Every scalar that may hit has its tag in the table, used or not.
    let (key, derivation) = run_key(world.session);
    let outputs = noise_outputs(&key, &derivation, world.noise_hits_max());
    let tags: BTreeSet<_> = outputs.iter().map(PrfOutput::tag).collect();
    assert_eq!(tags.len() as u64, world.noise_hits_max());
}

#[test]
fn nothing_on_the_wire_tells_noise_from_rows() {
    // Means of each bit of the encodings, and of the places of rows, over some sessions.
    let width = 2_usize;
    let mut groups = [(); 3].map(|()| (vec![0_u32; 256], 0_u32, 0.0_f64));
    for session in 1..40 {
        let world = world(60, width as u8, Profile::MatchRate, session);
        let ended = run(world.setup());
        ended.expect_honest();
        let noise = noise_rows(&ended, &world);
        let of_noise: std::collections::BTreeMap<Encoded, bool> =
            noise.into_iter().flat_map(|(_, slots)| slots).map(|(hit, e)| (e, hit)).collect();
        let frames = ended.stream(StreamId::Eval);
        let all: Vec<Encoded> = frames.iter().flat_map(|f| f.encodings().to_vec()).collect();
        for (at, element) in all.iter().enumerate() {
            let group = match of_noise.get(element) {
                Some(true) => 0,
                Some(false) => 1,
                None => 2,
            };
            let (bits, elements, places) = &mut groups[group];
            *elements += 1;
            *places += (at / width) as f64 / (all.len() / width) as f64;
            for (bit, count) in bits.iter_mut().enumerate() {
                *count += u32::from(element[bit / 8] >> (bit % 8) & 1);
            }
        }
    }
    let [hits, misses, real] = &groups;
    for (one, other) in [(hits, misses), (hits, real), (misses, real)] {
        let (n, m) = (f64::from(one.1), f64::from(other.1));
        assert!(n > 500.0 && m > 500.0);
        let far = 5.0 * (0.25 * (1.0 / n + 1.0 / m)).sqrt();
        for bit in 0..256 {
            let (a, b) = (f64::from(one.0[bit]) / n, f64::from(other.0[bit]) / m);
            assert!((a - b).abs() <= far, "bit {bit}: {a} and {b}");
        }
        // Places are uniform up to the order inside a row.
        let apart = (one.2 / n - other.2 / m).abs();
        assert!(apart < 5.0 * (1.0 / 6.0 * (1.0 / n + 1.0 / m)).sqrt(), "{apart}");
    }
}

#[test]
fn sizes_and_order_of_frames_and_tasks_do_not_depend_on_the_draw() {
    for profile in [Profile::MatchRate, Profile::Activation] {
        let work = |session: u8| {
            let world = world(60, 3, profile, session);
            let ended = run(world.setup());
            ended.expect_honest();
            let sizes: Vec<(u8, u32, u32)> = ended
                .sent
                .iter()
                .filter(|frame| !frame.header.stream.is_control())
                // The provider gets a handle for each noise row that hits, and knows how many.
                .filter(|f| ![StreamId::Table, StreamId::Handles].contains(&f.header.stream))
                .map(|f| (f.header.stream.code(), f.header.index, f.header.payload_len))
                .collect();
            (sizes, ended.provider.tasks.clone(), drawn(&world, &ended, 1))
        };
        let all: Vec<_> = (1..8).map(work).collect();
        let draws: BTreeSet<u64> = all.iter().map(|(.., draw)| *draw).collect();
        assert!(draws.len() > 1, "all draws are {draws:?}");
        let (sizes, tasks, _) = &all[0];
        assert!(all.iter().all(|(other, ..)| other == sizes));
        assert!(all.iter().all(|(_, other, _)| other == tasks));
        let (noise, width) = (small(), RowWidth::new(3).unwrap());
        let made: usize = tasks.iter().map(|(_, elements)| elements).sum();
        let asked = RowWidth::padded_rows(60, &Limits::SMALL).unwrap();
        assert!(made as u64 >= (noise.rows(width) + asked) * 3, "{tasks:?}");
    }
}

#[test]
fn known_rows_and_a_target_do_not_show_the_target() {
    // The attack on match-rate: rows that are known to match, one target, and invented ones.
    // By whole sessions only that noise is there; the odds are those of `disclosure`.
    let attack = |target: bool, session: u8| {
        let mut people: Vec<Identifier> = (0..20).map(email).collect();
        people.extend(target.then(|| email(20)));
        let rows = (0..44).map(|row| vec![email(row)]).collect();
        let world = World::new(rows, people).shuffled(Profile::MatchRate, 1);
        let world = World { noise: Some(small()), session, ..world };
        let ended = run(world.setup());
        ended.expect_honest();
        match ended.advertiser.outcome {
            Some(Outcome::Count(ref count)) => count.matched().unwrap(),
            _ => 0,
        }
    };
    let (with, without): (BTreeSet<u64>, BTreeSet<u64>) =
        (1..20).map(|session| (attack(true, session), attack(false, session + 20))).unzip();
    assert!(with.len() > 2 && without.len() > 2, "{with:?} {without:?}");
    assert!(!with.is_disjoint(&without), "{with:?} {without:?}");
}

#[test]
fn noise_is_that_of_another_program() {
    // [E-04] to [E-06], [E-08]: nothing in the file was computed with this code.
    let vector = golden::read("noise/derivations");
    let bytes = |value: &Value| unhex(value.as_str().unwrap());
    let word = |value: &Value| <[u8; 32]>::try_from(bytes(value)).unwrap();
    let [provider, partner] = ["provider", "partner"].map(|name| word(&vector[name]));
    let key_id: [u8; 16] = bytes(&vector["key_id"]).try_into().unwrap();
    let seed = KeySeed::from_bytes(word(&vector["key_seed"]));
    let derivation = seed.key_derivation(&key_id, &provider, &partner);
    let key = PrfKey::<Shuffled>::derive(&derivation, &provider, &partner, &key_id).unwrap();
    assert_eq!(key.public()[..], bytes(&vector["public_key"]));
    let (width, noise) = (RowWidth::new(8).unwrap(), Noise::of(250, 4).unwrap());
    let k_a = word(&vector["k_a"]);
    let draw = noise.draw(width, |hits| derivation.noise_draw(hits, &k_a));
    let one_for_all = noise.draw(width, |_| derivation.noise_draw(1, &k_a));
    let mut others = 0;
    for (hits, listed) in (1..=8).zip(vector["draws"].as_array().unwrap()) {
        assert_eq!(derivation.noise_draw(hits, &k_a)[..], bytes(&listed["word"]), "{hits}");
        assert_eq!(draw.rows_with(hits), listed["rows"].as_u64().unwrap(), "{hits}");
        let shift = noise.shift(width, hits) as i64;
        assert_eq!(draw.rows_with(hits) as i64 - shift, listed["x"].as_i64().unwrap(), "{hits}");
        others += u8::from(one_for_all.rows_with(hits) != draw.rows_with(hits));
    }
    assert_eq!(others, 7, "numbers of hits have one draw");
    for (name, hits) in [("hit_0", true), ("miss_0", false)] {
        let (listed, scalars) = (&vector[name], derivation.noise_scalars(&Portable, hits, 0..1));
        let scalars = scalars.unwrap();
        assert_eq!(scalars[0].expose_bytes()[..], bytes(&listed["scalar"]), "{name}");
        let output = key.noise_outputs(&Portable, &scalars).unwrap().remove(0);
        assert_eq!(output.tag().0[..], bytes(&listed["tag"]), "{name}");
        assert_eq!(output.handle().expose_bytes()[..], bytes(&listed["handle"]), "{name}");
    }
    // A row with slots of both kinds, as if it had come, and its answers.
    let row = vector["row"]["number"].as_u64().unwrap();
    let asked = noise.asked(width, row..row + 1, &k_a, &derivation, &Portable).unwrap();
    let mut answers = [[0; 32]; 8];
    key.evaluate_each(&Portable, &asked, &mut answers).unwrap();
    let slots = vector["row"]["slots"].as_array().unwrap();
    assert_eq!(slots.len(), 8);
    assert!([true, false].iter().all(|kind| slots.iter().any(|slot| slot["hit"] == *kind)));
    for (slot, listed) in slots.iter().enumerate() {
        assert_eq!(draw.hits(row, slot as u8) != 0, listed["hit"], "{slot}");
        assert_eq!(asked[slot], word(&listed["element"]), "{slot}");
        assert_eq!(answers[slot], word(&listed["answer"]), "{slot}");
    }
}
