//! The vectors of shuffled order: derivations, PRF, encodings, digital IDs, whole sessions.
//!
//! Files are compared or written as in `vectors.rs`. Rows, order, canaries, answers, digital IDs
//! and the result are computed here a second time from the specification.

mod support;

use std::collections::BTreeSet;

use protocol::codec::{RawFrame, StreamId};
use protocol::digital_id::DigitalId;
use protocol::disclosure::Outcome;
use protocol::error::{Error, Violation};
use protocol::group::{Element, SecretScalar};
use protocol::hazmat;
use protocol::identifier::{Identifier, PrfInput};
use protocol::limits::Limits;
use protocol::message::{Control, HelloA, Refuse, Released};
use protocol::oprf::PrfKey;
use protocol::rows::RowWidth;
use protocol::seed::{KeySeed, Select, SessionSeed};
use protocol::suite::{Profile, Shuffled};
use serde_json::{Value, json};
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
    let identifier = protocol::commitment::identifier_from_parts(
        1,
        1,
        digest.as_slice().try_into().unwrap(),
    )
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
