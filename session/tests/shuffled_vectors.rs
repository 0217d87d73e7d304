//! The vectors of shuffled order: derivations, PRF, encodings, digital IDs, whole sessions.
//!
//! Files are compared or written as in `vectors.rs`. Rows, order, canaries, answers, digital IDs
//! and the result are computed here a second time from the specification.

mod support;

use std::collections::BTreeSet;

use protocol::attestation::Signature;
use protocol::codec::{RawFrame, StreamId};
use protocol::digital_id::DigitalId;
use protocol::error::{Error, Violation};
use protocol::group::{Element, SecretScalar};
use protocol::hazmat;
use protocol::identifier::{Identifier, PrfInput};
use protocol::limits::Limits;
use protocol::message::{Control, HelloA, Released};
use protocol::oprf::PrfKey;
use protocol::rows::RowWidth;
use protocol::seed::{KeySeed, Select, SessionSeed};
use protocol::suite::{Profile, Shuffled};
use serde_json::{Value, json};
use session::disclosure::Outcome;
use support::golden::*;
use support::*;

// Derivations

/// The seeds of the examples in `spec/keys.md`.
const SESSION_SEED: [u8; 32] = [0x07; 32];
const SID: [u8; 32] = [0x51; 32];
const NONCE: [u8; 32] = [0x5E; 32];

/// The run key of the examples: key seed 0x0b…, key id 0x33…, provider 0x22…, partner 0x11….
fn example_key() -> PrfKey<Shuffled> {
    let (provider, partner, key_id) = ([0x22; 32], [0x11; 32], [0x33; 16]);
    let derivation = KeySeed::from_bytes([0x0B; 32]).key_derivation(&key_id, &provider, &partner);
    PrfKey::derive(&derivation, &provider, &partner, &key_id).unwrap()
}

fn scalar(wide: &[u8; 64]) -> SecretScalar {
    SecretScalar::from_wide_bytes(wide).unwrap()
}

#[test]
fn derivations_of_a_shuffled_session() {
    let session = SessionSeed::from_bytes(SESSION_SEED);
    let keys = session.session_keys(&SID);
    let prk = extract(&SID, &SESSION_SEED);
    let wide: [u8; 64] = kdf(&prk, "session-blind", &[]);
    let blind = keys.session_blind().unwrap();
    assert_eq!(blind.expose_bytes(), scalar(&wide).expose_bytes());
    golden(
        "derivations/session-blind",
        json!({
            "scenario": "The one blind of a shuffled session.",
            "expected": "ok",
            "session_seed": hex(&SESSION_SEED),
            "sid": hex(&SID),
            "prk_a": hex(&prk),
            "kdf": hex(&wide),
            "scalar": hex(blind.expose_bytes()),
        }),
    );
    let dummies: Vec<Value> = [(0_u64, 0_u8), (0, 1), (2, 1), (1 << 33, 7)]
        .map(|(row, slot)| {
            let digest: [u8; 32] = kdf(&prk, "row-dummy", &[&row.to_le_bytes(), &[slot]]);
            assert_eq!(keys.row_dummy(row, slot), PrfInput::row_dummy(&digest));
            let input = [&b"VEILMATCH-1\0\0"[..], &digest].concat();
            assert_eq!(keys.row_dummy(row, slot).expose_bytes()[..], input);
            json!({ "row": row, "slot": slot, "digest": hex(&digest), "input": hex(&input) })
        })
        .to_vec();
    golden(
        "derivations/row-dummies",
        json!({
            "scenario": "Filler of real rows, by committed row and slot.",
            "expected": "ok",
            "session_seed": hex(&SESSION_SEED),
            "sid": hex(&SID),
            "dummies": dummies,
        }),
    );
}

#[test]
fn derivations_of_canary_rows() {
    let keys = SessionSeed::from_bytes(SESSION_SEED).session_keys(&SID);
    let prk = extract(&SID, &SESSION_SEED);
    let key = example_key();
    let public = Element::decode(key.public()).unwrap();
    // Rows 5 and 6 of the list before sorting, three slots each: positions 15 to 20.
    let rows: Vec<Value> = [5_u64, 6]
        .map(|row| {
            let positions = row * 3..row * 3 + 3;
            let scalars: Vec<SecretScalar> = positions
                .map(|position| {
                    let derived = scalar(&kdf(&prk, "canary", &[&position.to_le_bytes()]));
                    let ours = keys.canary(position).unwrap();
                    assert_eq!(ours.expose_bytes(), derived.expose_bytes());
                    derived
                })
                .collect();
            let sorted = |element: &dyn Fn(&SecretScalar) -> Element| {
                let mut all: Vec<[u8; 32]> = scalars.iter().map(|w| element(w).encode()).collect();
                all.sort_unstable();
                hexes(&all)
            };
            let exposed: Vec<[u8; 32]> = scalars.iter().map(|w| *w.expose_bytes()).collect();
            json!({
                "row": row,
                "scalars": hexes(&exposed),
                "blinded": sorted(&Element::multiply_base),
                "answers": sorted(&|w| public.multiply(w)),
            })
        })
        .to_vec();
    golden(
        "derivations/canary-rows",
        json!({
            "scenario": "Two canary rows of width 3, sorted inside, and the answers they must get.",
            "expected": "ok",
            "session_seed": hex(&SESSION_SEED),
            "sid": hex(&SID),
            "width": 3,
            "public_key": hex(key.public()),
            "rows": rows,
        }),
    );
}

#[test]
fn derivation_of_a_sample() {
    let session = SessionSeed::from_bytes(SESSION_SEED);
    let prk = extract(&NONCE, &SESSION_SEED);
    let drawn: Vec<bool> = Select::new(session.sample_stream(&NONCE), 16, 5).collect();
    assert_eq!(drawn, select(&prk, "sample", 0, 16, 5));
    golden(
        "derivations/sample",
        json!({
            "scenario": "Five rows drawn of sixteen; the nonce is the provider's, from HELLO_P.",
            "expected": "ok",
            "session_seed": hex(&SESSION_SEED),
            "nonce": hex(&NONCE),
            "prk_s": hex(&prk),
            "rows": 16,
            "sample_rows": 5,
            "drawn": positions(&drawn),
        }),
    );
}

// PRF

#[test]
fn every_step_of_the_prf_in_shuffled_order() {
    let key = example_key();
    let digest = unhex("c34aab1ea62b2711e687b2928492f1eca5b52cc7542df841649abad691c0e0bc");
    let input = [&b"VEILMATCH-1\x01\x01"[..], &digest].concat();
    let dst = b"HashToGroup-VEILMATCH-1-SHUFFLED-ristretto255-SHA512";
    let uniform = hazmat::expand_message_xmd::<64>(dst, &input);
    let hashed = hazmat::one_way_map(&uniform);
    let keys = SessionSeed::from_bytes(SESSION_SEED).session_keys(&SID);
    let blind = keys.session_blind().unwrap();
    let blinded = Element::decode(&hashed).unwrap().multiply(&blind);
    let sent = protocol::oprf::BlindedElement::<Shuffled>::decode(&blinded.encode()).unwrap();
    let evaluated = key.evaluate(&sent).encode();
    let unblinded = Element::decode(&evaluated).unwrap().multiply(&blind.invert()).encode();
    let output = h64("shuffled-output", &[key.public(), &unblinded]);
    let ours = protocol::oprf::PrfOutput::<Shuffled>::of_unblinded(key.public(), &unblinded);
    assert_eq!(ours.expose_bytes()[..], output);
    let identifier =
        protocol::commitment::identifier_from_parts(1, 1, digest.as_slice().try_into().unwrap())
            .unwrap();
    assert_eq!(key.output(&PrfInput::of(&identifier)).expose_bytes()[..], output);
    golden(
        "prf/shuffled-steps",
        json!({
            "scenario": "One identifier under the run key and session blind of spec/keys.md.",
            "expected": "ok",
            "input": hex(&input),
            "dst": String::from_utf8_lossy(dst),
            "uniform": hex(&uniform),
            "hashed": hex(&hashed),
            "blind": hex(blind.expose_bytes()),
            "blinded": hex(&blinded.encode()),
            "public_key": hex(key.public()),
            "evaluated": hex(&evaluated),
            "unblinded": hex(&unblinded),
            "output": hex(&output),
            "tag": hex(&output[..9]),
            "handle": hex(&output[16..32]),
        }),
    );
}

// Table

#[test]
fn padding_tags_under_a_run_key() {
    let (provider, partner, key_id) = ([0x22; 32], [0x11; 32], [0x33; 16]);
    let derivation = KeySeed::from_bytes([0x0B; 32]).key_derivation(&key_id, &provider, &partner);
    let prk = extract(&[&key_id[..], &provider, &partner].concat(), &[0x0B; 32]);
    let key = example_key();
    let tags: Vec<Value> = (0_u64..4)
        .map(|index| {
            let digest: [u8; 32] = kdf(&prk, "table-pad", &[&index.to_le_bytes()]);
            assert_eq!(derivation.table_padding(index), PrfInput::table_padding(&digest));
            let tag = key.output(&PrfInput::table_padding(&digest)).tag();
            json!({ "index": index, "digest": hex(&digest), "tag": hex(&tag.0) })
        })
        .collect();
    golden(
        "table/shuffled-padding",
        json!({
            "scenario": "The first padding tags of a table under the run key of spec/keys.md.",
            "expected": "ok",
            "public_key": hex(key.public()),
            "padding": tags,
        }),
    );
}

// Encodings

#[test]
fn encodings_at_the_ends_of_their_fields() {
    let hello = |edit: fn(&mut HelloA)| {
        let mut hello = HelloA { suite: 2, profile: 1, ..layout::hello_a() };
        edit(&mut hello);
        Control::HelloA(hello)
    };
    let none = Released {
        handles_known: 0,
        handles_unknown: 0,
        release_head: [0; 32],
        signature: Signature::NONE,
    };
    let refuse = |code| Control::Refuse(layout::refuse(code, 0));
    let cases = [
        ("hello-a-width", "Rows of width 8.", hello(|m| m.row_width = 8)),
        ("hello-a-rows", "2^24 padded rows.", hello(|m| m.row_slots = 1 << 24)),
        (
            "hello-a-sample",
            "A sample of 200,000 rows of width 3.",
            hello(|m| (m.row_width, m.row_slots, m.sample_rows) = (3, 229_376, 200_000)),
        ),
        ("released-nothing", "No handle known.", Control::Released(none)),
        (
            "released-known",
            "2^64 - 1 handles known.",
            Control::Released(Released { handles_known: u64::MAX, ..none }),
        ),
        (
            "released-unknown",
            "2^32 - 1 handles unknown.",
            Control::Released(Released { handles_unknown: u32::MAX, ..none }),
        ),
        (
            "released-head",
            "A head of releases.",
            Control::Released(Released { release_head: [0xFF; 32], ..none }),
        ),
        ("refuse-handles-expired", "Handles after the terms expired.", refuse(0x0309)),
        ("refuse-handles-minimum", "Handles of too few records.", refuse(0x0308)),
    ];
    for (name, scenario, message) in cases {
        let stream = match message {
            Control::HelloA(_) => StreamId::ControlAdvertiser,
            _ => StreamId::ControlProvider,
        };
        let frame = message.encode(stream, 3).unwrap();
        let fields = layout::fields(&message);
        assert_eq!(layout::concat(&fields), frame.payload.to_vec(), "{name}");
        assert_eq!(Control::decode(&frame).as_ref(), Ok(&message), "{name}");
        let fields: Vec<Value> =
            fields.iter().map(|(name, bytes)| json!([name, hex(bytes)])).collect();
        golden(
            &format!("encoding/{name}"),
            json!({
                "scenario": scenario,
                "expected": "ok",
                "kind": message.kind(),
                "fields": fields,
                "frame": hex(&bytes(&frame)),
            }),
        );
    }
}

#[test]
fn digital_ids_as_entries() {
    let id = |namespace, attributes: (u8, u8, u16), value: &[u8]| {
        let (device_class, age_bucket, days_valid) = attributes;
        DigitalId { namespace, device_class, age_bucket, days_valid, value: value.to_vec() }
    };
    let plain = (0, 0, 0);
    let good = [
        ("a cookie", id(0x0102, plain, b"AbCd1234")),
        ("a cookie like a formula", id(0x0102, plain, b"=1+1+1+1")),
        ("an IDFA", id(1, plain, b"6d92078a-8246-4ba4-ae5b-76104861e7dc")),
        ("the shortest value", id(0x0102, plain, b"12345678")),
        ("the longest value", id(0x0102, plain, &[b'z'; 255])),
        ("every attribute at its end", id(u16::MAX, (255, 255, u16::MAX), b"AbCd1234")),
    ];
    let entries: Vec<Value> = good
        .iter()
        .map(|(what, id)| {
            let head = [&id.namespace.to_be_bytes()[..], &[id.device_class, id.age_bucket]];
            let tail = [&id.days_valid.to_be_bytes()[..], &[id.value.len() as u8], &id.value];
            let bytes = [head.concat(), tail.concat()].concat();
            assert_eq!(entry(id), bytes, "{what}");
            assert_eq!(DigitalId::decode(&bytes), Some((id.clone(), &[][..])));
            json!({
                "what": what,
                "namespace": id.namespace,
                "device_class": id.device_class,
                "age_bucket": id.age_bucket,
                "days_valid": id.days_valid,
                "value": hex(&id.value),
                "entry": hex(&bytes),
            })
        })
        .collect();
    golden(
        "encoding/ids-entries",
        json!({ "scenario": "Entries of IDS.", "expected": "ok", "entries": entries }),
    );
    for (name, scenario, bytes) in [
        ("empty", "A value of no byte.", "01020000000000"),
        ("short", "A cookie of seven bytes.", &format!("01020000000007{}", "61".repeat(7))),
        ("space", "A cookie with a space.", "010200000000086162632064656667"),
        ("zeros", "A cookie of zeros.", &format!("01020000000008{}", "30".repeat(8))),
        ("upper", "An AAID in upper case.", &format!("00020000000024{}", hex(UPPER))),
        ("type", "A number of a reserved type.", "000300000000086162636465666768"),
        (
            "cut",
            "A value of seven bytes where eight are announced.",
            "0102000000000861626364656667",
        ),
        ("head", "An entry that ends in its head.", "010200000000"),
    ] {
        assert_eq!(DigitalId::decode(&unhex(bytes)), None, "{name}");
        golden(
            &format!("encoding/refused-ids-{name}"),
            json!({ "scenario": scenario, "expected": "IdListMalformed", "entry": bytes }),
        );
    }
}

const UPPER: &[u8] = b"6D92078A-8246-4BA4-AE5B-76104861E7DC";

// Sessions

/// Five rows against seven people, at width 1 by the last identifier of each row.
fn five_by_seven(profile: Profile, width: u8) -> World {
    let mut world = World::five_by_seven();
    if width == 1 {
        for row in &mut world.rows {
            *row = row.pop().into_iter().collect();
        }
    }
    world.shuffled(profile, width)
}

/// A session computed from the specification: what its frames and its result must be.
struct Expected {
    /// Elements of the real rows, before any sorting.
    real: Vec<Vec<[u8; 32]>>,
    /// BLIND, in order.
    blind: Vec<Vec<[u8; 32]>>,
    /// EVAL, in order.
    eval: Vec<Vec<[u8; 32]>>,
    /// Rows with 0, 1, … w hits.
    histogram: Vec<u64>,
    /// The smallest handle of each matched row.
    handles: BTreeSet<[u8; 16]>,
    result_salt: [u8; 32],
}

impl Expected {
    fn of(world: &World, sid: &[u8; 32]) -> Self {
        let width = usize::from(world.width);
        let (key, _) = run_key(world.session);
        let prk = extract(sid, &world.session_seed());
        let blind = scalar(&kdf(&prk, "session-blind", &[]));
        let tags: BTreeSet<[u8; 9]> =
            world.people.iter().map(|person| key.output(&PrfInput::of(person)).tag().0).collect();
        let mut seen = BTreeSet::new();
        let mut real = Vec::new();
        let mut histogram = vec![0; width + 1];
        let mut handles = BTreeSet::new();
        for (row, identifiers) in (0_u64..).zip(&world.rows) {
            let mut hits: Vec<[u8; 16]> = Vec::new();
            let slots = (0..width).map(|slot| {
                let own = identifiers.get(slot).map(|id| *PrfInput::of(id).expose_bytes());
                match own.filter(|input| seen.insert(*input)) {
                    Some(input) => {
                        let output = key.output(&PrfInput::of(&identifiers[slot]));
                        if tags.contains(&output.tag().0) {
                            hits.push(*output.handle().expose_bytes());
                        }
                        input
                    }
                    None => {
                        let context: [&[u8]; 2] = [&row.to_le_bytes(), &[slot as u8]];
                        let digest: [u8; 32] = kdf(&prk, "row-dummy", &context);
                        [&b"VEILMATCH-1\0\0"[..], &digest].concat().try_into().unwrap()
                    }
                }
            });
            real.push(slots.map(|input| hashed(&input).multiply(&blind).encode()).collect());
            histogram[hits.len()] += 1;
            handles.extend(hits.into_iter().min());
        }
        let first = (real.len() * width) as u64;
        let last = 64 * width as u64;
        let canaries: Vec<[u8; 32]> = (first..last)
            .map(|j| scalar(&kdf(&prk, "canary", &[&j.to_le_bytes()])))
            .map(|w| Element::multiply_base(&w).encode())
            .collect();
        let mut rows: Vec<Vec<[u8; 32]>> = real.clone();
        rows.extend(canaries.chunks(width).map(<[_]>::to_vec));
        let eval = rows.iter().map(|row| row.iter().map(|c| evaluated(&key, c)).collect());
        let eval = in_order(eval.collect());
        let result_salt = kdf(&prk, "result-salt", &[]);
        Self { real, blind: in_order(rows), eval, histogram, handles, result_salt }
    }

    fn result(&self, profile: Profile, bytes: &[u8]) -> [u8; 32] {
        h("result", &[&self.result_salt, &profile.code().to_le_bytes(), &[1], bytes])
    }
}

fn hashed(input: &[u8; 45]) -> Element {
    let dst = b"HashToGroup-VEILMATCH-1-SHUFFLED-ristretto255-SHA512";
    let uniform = hazmat::expand_message_xmd::<64>(dst, input);
    Element::decode(&hazmat::one_way_map(&uniform)).unwrap()
}

fn evaluated(key: &PrfKey<Shuffled>, blinded: &[u8; 32]) -> [u8; 32] {
    key.evaluate(&protocol::oprf::BlindedElement::decode(blinded).unwrap()).encode()
}

/// The order of [M-41].
fn in_order(mut rows: Vec<Vec<[u8; 32]>>) -> Vec<Vec<[u8; 32]>> {
    rows.iter_mut().for_each(|row| row.sort_unstable());
    rows.sort_unstable();
    rows
}

fn elements(ended: &Ended, stream: StreamId) -> Vec<[u8; 32]> {
    ended.stream(stream).iter().flat_map(|frame| frame.encodings().to_vec()).collect()
}

fn root(ended: &Ended, stream: StreamId) -> [u8; 32] {
    let Ok(Control::Receipt(message)) = Control::decode(ended.control(8)) else {
        panic!("no receipt");
    };
    message.receipt.streams.iter().find(|head| head.stream == stream.code()).unwrap().root
}

/// Everything of a session that ended well.
fn session_file(scenario: &str, world: &World, ended: &Ended, expected: &Expected) -> Value {
    let identifiers = |all: &[Identifier]| -> Vec<Value> {
        all.iter().map(|id| json!([id.kind.code(), hex(id.digest.expose_bytes())])).collect()
    };
    let handles: Vec<String> = expected.handles.iter().map(|handle| hex(handle)).collect();
    json!({
        "scenario": scenario,
        "expected": "ok",
        "ruleset": 1,
        "width": world.width,
        "rows": world.rows.iter().map(|row| identifiers(row)).collect::<Vec<_>>(),
        "people": identifiers(&world.people),
        "advertiser_attestation_seed": hex(advertiser_signing_key().as_bytes()),
        "provider_attestation_seed": hex(provider_signing_key().as_bytes()),
        "session_seed": hex(&world.session_seed()),
        "key_seed": hex(&sha256(&[b"run key", &[world.session]])),
        "key_id": hex(&run_key_id(world.session)),
        "sid": hex(&ended.terms().sid),
        "real_rows": expected.real.iter().map(|row| hexes(row)).collect::<Vec<_>>(),
        "histogram": expected.histogram,
        "handles_of_matched_rows": handles,
        "sent": ended.sent.iter().map(|frame| hex(&bytes(frame))).collect::<Vec<_>>(),
        "advertiser_transcript": hex(&ended.advertiser.transcript),
        "provider_transcript": hex(&ended.provider.transcript),
    })
}

/// Runs a session, and holds its rows and answers against the specification.
fn run_as_specified(world: &World) -> (Ended, Expected) {
    let ended = run(world.setup());
    ended.expect_honest();
    assert!(ended.advertiser.verdict().is_accepted() && ended.provider.verdict().is_accepted());
    let expected = Expected::of(world, &ended.terms().sid);
    assert_eq!(elements(&ended, StreamId::Blind), expected.blind.concat());
    assert_eq!(elements(&ended, StreamId::Eval), expected.eval.concat());
    let full = RowWidth::new(world.width).unwrap().frame_elements(&Limits::SMALL);
    for stream in [StreamId::Blind, StreamId::Eval] {
        let frames = ended.stream(stream);
        let (last, others) = frames.split_last().unwrap();
        assert!(others.iter().all(|frame| frame.header.elements == full) && last.header.is_last());
    }
    (ended, expected)
}

fn result_commitment(ended: &Ended) -> [u8; 32] {
    let Ok(Control::Receipt(message)) = Control::decode(ended.control(8)) else {
        panic!("no receipt");
    };
    message.receipt.result_commitment
}

#[test]
fn match_rate_of_five_by_seven() {
    for width in 1..=3 {
        let world = five_by_seven(Profile::MatchRate, width);
        let (ended, expected) = run_as_specified(&world);
        let bins: Vec<u8> = expected.histogram.iter().flat_map(|bin| bin.to_le_bytes()).collect();
        let commitment = expected.result(Profile::MatchRate, &bins);
        assert_eq!(result_commitment(&ended), commitment);
        let Some(Outcome::Count(count)) = &ended.advertiser.outcome else { panic!("no count") };
        let matched = expected.histogram[1..].iter().sum::<u64>();
        assert_eq!(count.matched(), Some(matched));
        let scenario = format!(
            "Five rows of width {width} against seven people, small limits; counts to the row."
        );
        let mut file = session_file(&scenario, &world, &ended, &expected);
        file["result_salt"] = json!(hex(&expected.result_salt));
        file["result_commitment"] = json!(hex(&commitment));
        golden(&format!("shuffled/match-rate-width-{width}"), file);
    }
}

#[test]
fn digital_ids_of_five_by_seven() {
    for width in 1..=3 {
        let world = five_by_seven(Profile::DigitalIds, width);
        let (ended, expected) = run_as_specified(&world);
        let sent: Vec<u8> =
            ended.stream(StreamId::Handles).iter().flat_map(|f| f.payload.to_vec()).collect();
        let handles: Vec<u8> = expected.handles.iter().flatten().copied().collect();
        assert_eq!(sent, handles);
        let graph = world.graph();
        let records: BTreeSet<u64> =
            expected.handles.iter().map(|handle| graph.handles[handle]).collect();
        let bag: BTreeSet<Vec<u8>> =
            records.iter().flat_map(|record| digital_ids(*record)).map(|id| entry(&id)).collect();
        let bag: Vec<Vec<u8>> = bag.into_iter().collect();
        assert_eq!(ended.advertiser.digital_ids(), bag);
        let payload: Vec<u8> =
            ended.stream(StreamId::Ids).iter().flat_map(|f| f.payload.to_vec()).collect();
        assert_eq!(payload, bag.concat());
        let roots = [root(&ended, StreamId::Handles), root(&ended, StreamId::Ids)];
        let commitment = expected.result(Profile::DigitalIds, roots.as_flattened());
        assert_eq!(result_commitment(&ended), commitment);
        let scenario = format!(
            "Five rows of width {width} against seven people, small limits; a bag of digital IDs."
        );
        let mut file = session_file(&scenario, &world, &ended, &expected);
        file["records"] = json!(records);
        file["digital_ids"] = json!(bag.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>());
        file["result_salt"] = json!(hex(&expected.result_salt));
        file["result_commitment"] = json!(hex(&commitment));
        golden(&format!("shuffled/digital-ids-width-{width}"), file);
    }
}

// Sessions that a cheating peer loses

type EditRows = fn(&mut Vec<Vec<[u8; 32]>>);
type EditHello = fn(&mut HelloA);

/// Frames of one stream in the place of those that were sent, and what comes of it.
fn cheated(
    world: &World,
    name: &str,
    scenario: &str,
    stream: StreamId,
    frames: &[RawFrame],
    violation: Violation,
) {
    let replacement: Vec<Vec<u8>> = frames.iter().map(bytes).collect();
    let alter = cheat(|sent: &RawFrame| {
        let replaced = sent.header.stream == stream;
        replaced.then(|| if sent.header.is_last() { replacement.clone() } else { Vec::new() })
    });
    let ended = run_altered(world.setup(), alter);
    let victim = if stream.from_advertiser() { &ended.provider } else { &ended.advertiser };
    match &victim.error {
        Some(Error::PeerMisbehaved { violation: found, .. }) => {
            assert_eq!(*found, violation, "{name}");
        }
        other => panic!("{name}: {other:?}"),
    }
    let told = ended.sent.iter().find(|f| f.header.stream.is_control() && f.header.kind == 12);
    golden(
        &format!("shuffled/{name}"),
        json!({
            "scenario": scenario,
            "expected": violation.name(),
            "replaced": stream.code(),
            "frames": replacement.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>(),
            "abort": told.map(|frame| hex(&bytes(frame))),
        }),
    );
}

/// One last frame of a stream.
fn whole(stream: StreamId, elements: usize, payload: Vec<u8>) -> RawFrame {
    numbered(stream, 0, true, elements, payload)
}

fn numbered(
    stream: StreamId,
    index: u32,
    last: bool,
    elements: usize,
    payload: Vec<u8>,
) -> RawFrame {
    let (kind, elements) = (u8::from(last), elements as u32);
    let payload_len = payload.len() as u32;
    let header = protocol::codec::FrameHeader { stream, kind, elements, index, payload_len };
    RawFrame::new(header, payload.into()).unwrap()
}

/// Rows as frames, all but the last full.
fn as_frames(stream: StreamId, width: usize, rows: &[Vec<[u8; 32]>]) -> Vec<RawFrame> {
    let full = 64 / width;
    let count = rows.len().div_ceil(full) as u32;
    let chunks = rows.chunks(full).zip(0_u32..);
    chunks
        .map(|(rows, index)| {
            let elements = rows.concat();
            let payload = elements.as_flattened().to_vec();
            numbered(stream, index, index + 1 == count, elements.len(), payload)
        })
        .collect()
}

#[test]
fn rows_and_answers_that_are_refused() {
    // M6, M7, M8, M16
    let world = five_by_seven(Profile::MatchRate, 2);
    let honest = Expected::of(&world, &run(world.setup()).terms().sid);
    let based = "match-rate-width-2, but: ";
    let changed = |rows: &[Vec<[u8; 32]>], edit: EditRows| {
        let mut rows = rows.to_vec();
        edit(&mut rows);
        rows
    };
    for (stream, rows) in [(StreamId::Blind, &honest.blind), (StreamId::Eval, &honest.eval)] {
        let name = stream.name().to_lowercase();
        let edits: [(&str, &str, EditRows, Violation); 4] = [
            ("rows-swapped", "two rows are swapped.", |r| r.swap(3, 4), Violation::OrderNotStrict),
            (
                "row-unsorted",
                "a row is not in order.",
                |r| r[5].swap(0, 1),
                Violation::OrderNotStrict,
            ),
            (
                "row-repeated",
                "a row stands twice.",
                |r| r[6] = r[5].clone(),
                Violation::OrderNotStrict,
            ),
            ("row-less", "the last row is missing.", |r| drop(r.pop()), Violation::CountMismatch),
        ];
        for (edit_name, what, edit, violation) in edits {
            let frames = as_frames(stream, 2, &changed(rows, edit));
            cheated(
                &world,
                &format!("cheat-{name}-{edit_name}"),
                &format!("{based}in {} {what}", stream.name()),
                stream,
                &frames,
                violation,
            );
        }
    }
    // The answer to a canary row: one of its elements becomes another point of the group.
    let real: BTreeSet<Vec<[u8; 32]>> = {
        let (key, _) = run_key(world.session);
        let rows = honest.real.iter();
        in_order(rows.map(|row| row.iter().map(|c| evaluated(&key, c)).collect()).collect())
            .into_iter()
            .collect()
    };
    let mut rows = honest.eval.clone();
    let at = rows.iter().position(|row| !real.contains(row)).unwrap();
    let other = scalar(&[3; 64]);
    rows[at][1] = Element::decode(&rows[at][1]).unwrap().multiply(&other).encode();
    cheated(
        &world,
        "cheat-eval-canary-missing",
        &format!("{based}one element of a canary row is another point, and all is in order."),
        StreamId::Eval,
        &as_frames(StreamId::Eval, 2, &in_order(rows)),
        Violation::CanaryMissing,
    );
    // Rows of three in a session of width 2: a frame holds 21 of them.
    let wide = in_order(honest.blind.concat().chunks(3).map(<[_]>::to_vec).collect());
    cheated(
        &world,
        "cheat-blind-rows-of-three",
        &format!("{based}BLIND has rows of w + 1 slots."),
        StreamId::Blind,
        &as_frames(StreamId::Blind, 3, &wide),
        Violation::FrameMalformed,
    );
}

#[test]
fn handles_and_digital_ids_that_are_refused() {
    let world = five_by_seven(Profile::DigitalIds, 2);
    let ended = run(world.setup());
    let honest: Vec<[u8; 16]> =
        Expected::of(&world, &ended.terms().sid).handles.into_iter().collect();
    let based = "digital-ids-width-2, but: ";
    let handles =
        |all: &[[u8; 16]]| vec![whole(StreamId::Handles, all.len(), all.as_flattened().to_vec())];
    let mut unknown = honest.clone();
    unknown.extend((0..5).map(|byte| [byte; 16]));
    unknown.sort_unstable();
    let again = numbered(StreamId::Handles, 1, true, 1, vec![0xFF; 16]);
    let cases = [
        (
            "handles-swapped",
            "two handles are swapped.",
            handles(&[honest[1], honest[0], honest[2]]),
            Violation::HandleMalformed,
        ),
        (
            "handles-repeated",
            "a handle stands twice.",
            handles(&[honest[0], honest[0], honest[2]]),
            Violation::HandleMalformed,
        ),
        (
            "handles-unknown",
            "five handles more name nothing.",
            handles(&unknown),
            Violation::UnknownHandles,
        ),
        (
            "handles-second-batch",
            "a frame follows the last one.",
            [handles(&honest), vec![again]].concat(),
            Violation::SecondHandleBatch,
        ),
    ];
    for (name, what, frames, violation) in cases {
        let scenario = format!("{based}{what}");
        cheated(&world, &format!("cheat-{name}"), &scenario, StreamId::Handles, &frames, violation);
    }
    let bag = ended.advertiser.digital_ids();
    let ids = |all: &[Vec<u8>]| vec![whole(StreamId::Ids, all.len(), all.concat())];
    let with_last = |last: Vec<u8>| [&bag[..bag.len() - 1], &[last]].concat();
    let swapped = [&[bag[1].clone(), bag[0].clone()], &bag[2..]].concat();
    let repeated = [&[bag[0].clone()], &bag[..]].concat();
    let (first, rest) = (&bag[0], &bag[1..]);
    let early = vec![
        numbered(StreamId::Ids, 0, false, 1, first.clone()),
        numbered(StreamId::Ids, 1, true, rest.len(), rest.concat()),
    ];
    let entry_of = |edit: fn(&mut DigitalId)| {
        let (mut id, _) = DigitalId::decode(bag.last().unwrap()).unwrap();
        edit(&mut id);
        entry(&id)
    };
    let most = ended.terms().terms.ids_released_max().unwrap();
    let many: Vec<Vec<u8>> = (0..=most)
        .map(|at| {
            let (mut id, _) = DigitalId::decode(&bag[0]).unwrap();
            id.value = format!("cookie-{at:03}").into_bytes();
            entry(&id)
        })
        .collect();
    let full = many.chunks(64).enumerate();
    let too_many = full
        .map(|(at, chunk)| {
            let last = (at + 1) * 64 >= many.len();
            numbered(StreamId::Ids, at as u32, last, chunk.len(), chunk.concat())
        })
        .collect();
    let malformed = Violation::IdListMalformed;
    let cases = [
        ("ids-swapped", "two entries are swapped.", ids(&swapped), malformed),
        ("ids-repeated", "an entry stands twice.", ids(&repeated), malformed),
        (
            "ids-namespace",
            "an entry is of a namespace that the terms do not name.",
            ids(&with_last(entry_of(|id| id.namespace += 1))),
            malformed,
        ),
        (
            "ids-attributes",
            "an entry has an attribute, and the terms ask for none.",
            ids(&with_last(entry_of(|id| id.age_bucket = 1))),
            malformed,
        ),
        (
            "ids-value",
            "a cookie has a space.",
            ids(&with_last([&bag[bag.len() - 1][..bag[bag.len() - 1].len() - 1], b" "].concat())),
            malformed,
        ),
        (
            "ids-too-many",
            "one entry more than ten for each handle that the terms allow.",
            too_many,
            malformed,
        ),
        (
            "ids-closed-early",
            "a frame closes though the next entry would fit.",
            early,
            Violation::FrameMalformed,
        ),
    ];
    for (name, what, frames, violation) in cases {
        let scenario = format!("{based}{what}");
        cheated(&world, &format!("cheat-{name}"), &scenario, StreamId::Ids, &frames, violation);
    }
}

#[test]
fn hellos_that_are_refused() {
    // M2: what a HELLO_A may ask for follows from order and profile.
    let rate = five_by_seven(Profile::MatchRate, 2);
    let ids = five_by_seven(Profile::DigitalIds, 2);
    let aligned = World::five_by_seven();
    let parameters = 0x0206;
    let size = 0x0304;
    let cases: [(&str, &str, &World, EditHello, u16); 8] = [
        ("width-0", "Width 0.", &rate, |m| m.row_width = 0, parameters),
        ("width-9", "Width 9.", &rate, |m| m.row_width = 9, parameters),
        ("aligned-width-2", "Width 2, aligned.", &aligned, |m| m.row_width = 2, parameters),
        ("aligned-sample", "A sample, aligned.", &aligned, |m| m.sample_rows = 5, parameters),
        ("ids-sample", "A sample of digital-ids.", &ids, |m| m.sample_rows = 5, parameters),
        ("sample-small", "A sample of 3 (least: 4).", &rate, |m| m.sample_rows = 3, parameters),
        (
            "sample-size",
            "A sample of 5 in 128 padded rows instead of 64.",
            &rate,
            |m| (m.sample_rows, m.row_slots) = (5, 128),
            size,
        ),
        ("rows", "2^24 + 64 padded rows.", &rate, |m| m.row_slots = (1 << 24) + 64, size),
    ];
    for (name, scenario, world, edit, code) in cases {
        let mut sent = None;
        let ended = run_altered(
            world.setup(),
            on_control(1, |message| {
                let Control::HelloA(hello) = message else { return };
                edit(hello);
                sent = Some(message.encode(StreamId::ControlAdvertiser, 0).unwrap());
            }),
        );
        let told = ended.sent.iter().find(|f| f.header.stream == StreamId::ControlProvider);
        let Ok(Control::Refuse(refuse)) = Control::decode(told.unwrap()) else {
            panic!("{name}: not refused");
        };
        assert_eq!(refuse.code, code, "{name}");
        golden(
            &format!("shuffled/refused-hello-{name}"),
            json!({
                "scenario": scenario,
                "expected": format!("REFUSE 0x{code:04x}"),
                "frame": hex(&bytes(&sent.unwrap())),
                "refuse": hex(&bytes(told.unwrap())),
            }),
        );
    }
}

#[test]
fn a_row_wider_than_the_session_sends_nothing() {
    let mut world = five_by_seven(Profile::MatchRate, 2);
    world.rows[1] = vec![email(2), phone(102), phone(202)];
    let ended = run(world.setup());
    // The node refuses such an input before; a session that meets one sends no row.
    assert_eq!(ended.advertiser.error, Some(protocol::error::Bug::misuse().into()));
    assert!(ended.stream(StreamId::Blind).is_empty());
    let counts: Vec<usize> = world.rows.iter().map(Vec::len).collect();
    golden(
        "shuffled/refused-row-of-three",
        json!({
            "scenario": "An input with a row of w + 1 identifiers: its owner's node refuses it.",
            "expected": "refused before BLIND",
            "width": 2,
            "identifiers_of_rows": counts,
        }),
    );
}
