//! The vectors of `spec/vectors/`: RFCs verbatim, and our own.
//!
//! Our own files are compared with what the crate computes; `VEILMATCH_REGENERATE=1` writes them
//! instead. Where a value follows from the specification alone it is computed here a second time,
//! without the crate, before it is compared.

mod support;

use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signer, Verifier, VerifyingKey};
use protocol::attestation::Signature;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::commitment::{InputLeaf, SnapshotCommitter, SnapshotLeaf, SnapshotRoot};
use protocol::error::{Error, Violation};
use protocol::group::{BatchArithmetic, Element, Portable, PublicScalar, SecretScalar};
use protocol::hazmat;
use protocol::identifier::{Identifier, IdentifierKind, PrfInput};
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::limits::Limits;
use protocol::manifest::{SignedManifest, SignedSnapshot, SnapshotBody};
use protocol::message::{Control, TableDescriptor};
use protocol::oprf::{Blind, BlindedElement, EvaluatedElement, MatchTag, PrfKey};
use protocol::proof::{self, FrameProof, ProofContext, ProofPurpose};
use protocol::seed::{InputSeed, KeySeed, Select, SessionSeed, SnapshotSeed};
use protocol::suite::{Aligned, Order, Profile, Shuffled, SuiteId};
use protocol::table::{TableReader, TableWriter, padded_tags};
use protocol::terms::SignedTerms;
use protocol::transcript::merkle::{Tree, leaf_hash};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use support::golden::*;
use support::*;

// The RFCs

#[test]
fn rfc9496_multiples_of_the_generator() {
    let vector = read("rfc9496/multiples");
    let base = Element::base().encode();
    let multiples = bytes32s(&vector["multiples"]);
    assert_eq!(multiples.len(), 16);
    assert_eq!(Element::decode(&multiples[0]), Err(Violation::ElementIdentity));
    for (k, expected) in (1_u8..).zip(&multiples[1..]) {
        assert_eq!(Element::decode(expected).unwrap().encode(), *expected);
        let mut scalar = [0; 32];
        scalar[0] = k;
        let weight = PublicScalar::decode(&scalar).unwrap();
        assert_eq!(Portable.vartime_sum(&[weight], &[base]), Ok(*expected), "{k}");
        // 1, 2 and 4 are no secret scalars here.
        let secret = SecretScalar::from_canonical_bytes(&scalar);
        assert_eq!(secret.is_none(), [1, 2, 4].contains(&k));
        if let Some(secret) = secret {
            assert_eq!(Element::multiply_base(&secret).encode(), *expected);
            assert_eq!(Element::base().multiply(&secret).encode(), *expected);
            let mut product = [[0; 32]];
            Portable.multiply(&secret, &[base], &mut product).unwrap();
            assert_eq!(product[0], *expected);
        }
    }
}

#[test]
fn rfc9496_invalid_encodings() {
    // A2, M1, G02
    let vector = read("rfc9496/invalid-encodings");
    let groups = vector["encodings"].as_object().unwrap();
    let all: Vec<[u8; 32]> = groups.values().flat_map(bytes32s).collect();
    assert_eq!(all.len(), 29);
    for encoding in all {
        assert_eq!(Element::decode(&encoding), Err(expected(&vector)), "{}", hex(&encoding));
        let mut out = [[0; 32]];
        let secret = SecretScalar::from_wide_bytes(&[3; 64]).unwrap();
        let refused = Portable.multiply(&secret, &[encoding], &mut out).unwrap_err();
        assert_eq!((refused.index, refused.violation), (0, expected(&vector)));
    }
}

#[test]
fn rfc9496_one_way_map() {
    let vector = read("rfc9496/one-way-map");
    for pair in vector["pairs"].as_array().unwrap() {
        let uniform = unhex(text(&pair["uniform"])).try_into().unwrap();
        assert_eq!(hex(&hazmat::one_way_map(&uniform)), text(&pair["element"]));
    }
}

#[test]
fn rfc9380_expand_message_xmd() {
    let vector = read("rfc9380/expand-message-xmd-sha512");
    let dst = text(&vector["dst"]).as_bytes();
    for pair in vector["pairs"].as_array().unwrap() {
        let uniform = hazmat::expand_message_xmd::<32>(dst, text(&pair["message"]).as_bytes());
        assert_eq!(hex(&uniform), text(&pair["uniform"]));
    }
}

#[test]
fn rfc9497_voprf() {
    for file in ["rfc9497/voprf-1", "rfc9497/voprf-2", "rfc9497/voprf-3"] {
        let vector = read(file);
        let key = &vector["key"];
        let (secret, public) =
            hazmat::derive_key_pair(&bytes32(&key["seed"]), &unhex(text(&key["key_info"])))
                .unwrap();
        assert_eq!((secret, public), (bytes32(&key["secret_key"]), bytes32(&key["public_key"])));
        let batch = vector["batch"].as_array().unwrap();
        let each = |name: &str| batch.iter().map(|item| bytes32(&item[name])).collect::<Vec<_>>();
        let (blinds, blinded, evaluated) = (each("blind"), each("blinded"), each("evaluated"));
        for (item, blind) in batch.iter().zip(&blinds) {
            let input = unhex(text(&item["input"]));
            assert_eq!(hazmat::blind(&input, blind), Some(bytes32(&item["blinded"])));
            let output = hazmat::finalize(&input, blind, &bytes32(&item["evaluated"])).unwrap();
            assert_eq!(hex(&output), text(&item["output"]));
        }
        assert_eq!(hazmat::blind_evaluate(&secret, &blinded), Some(evaluated.clone()));
        let nonce = bytes32(&vector["proof_nonce"]);
        let proof = hazmat::generate_proof(&secret, &nonce, &blinded, &evaluated).unwrap();
        assert_eq!(hex(&proof), text(&vector["proof"]));
        assert_eq!(hazmat::verify_proof(&public, &blinded, &evaluated, &proof), Ok(true));
        for at in [0, 32] {
            let mut wrong = proof;
            wrong[at] ^= 1;
            assert_eq!(hazmat::verify_proof(&public, &blinded, &evaluated, &wrong), Ok(false));
        }
    }
}

#[test]
fn rfc6962_eight_leaves() {
    let vector = read("rfc6962/eight-leaves");
    let roots = bytes32s(&vector["roots"]);
    let mut tree = Tree::new();
    assert_eq!(tree.root(), roots[0]);
    for (leaf, root) in vector["leaves"].as_array().unwrap().iter().zip(&roots[1..]) {
        tree.push(leaf_hash(&[&unhex(text(leaf))]));
        assert_eq!(tree.root(), *root);
    }
}

#[test]
fn rfc8032_signatures_are_verified_strictly() {
    // G25, G60
    let key = advertiser_signing_key();
    let sid = [0x91; 32];
    let public = key.verifying_key().to_bytes();
    let good = sign(&key, "sign-terms", &[&sid]);
    let identity = le32(1);
    let case = |name: &str, scenario: &str, key: [u8; 32], r: [u8; 32], s: [u8; 32]| {
        let message = labelled("sign-terms", &[&sid]);
        let honest = (key, r, s) == (public, good.r, good.s);
        let expected = if honest { "ok" } else { "SignatureInvalid" };
        golden(
            &format!("rfc8032/{name}"),
            json!({
                "source": "RFC 8032, 5.1.7, and strict verification",
                "scenario": scenario,
                "expected": expected,
                "public_key": hex(&key),
                "sid": hex(&sid),
                "message": hex(&message),
                "r": hex(&r),
                "s": hex(&s),
            }),
        );
        let signature = protocol::attestation::Signature { r, s };
        let result = SignedTerms::verify(
            layout::terms(),
            Profile::MatchedRows,
            sid,
            (&key, &signature),
            (&public, &good),
        );
        assert_eq!(result.err(), (!honest).then_some(Violation::SignatureInvalid), "{name}");
    };
    case("honest", "Sig(sign-terms; sid) of a party.", public, good.r, good.s);
    case(
        "s-plus-order",
        "S + L: the equation holds, but S is not canonical.",
        public,
        good.r,
        add(&good.s, &order()),
    );
    let mut high = good.s;
    high[31] |= 0xE0;
    case("s-high-bits", "The three high bits of S are set.", public, good.r, high);
    let zero = [0; 32];
    case(
        "key-identity",
        "The identity as key, as R, and S = 0: the equation holds for every message.",
        identity,
        identity,
        zero,
    );
    for (at, point) in small_order_points().into_iter().enumerate() {
        case(&format!("key-small-order-{at}"), "A key of small order.", point, good.r, good.s);
    }
    // The signer knows a, so it can choose R = 0 and S = k·a: the equation holds.
    let message = labelled("sign-terms", &[&sid]);
    let k = Sha512::new().chain_update(identity).chain_update(public).chain_update(&message);
    let k = Scalar::from_bytes_mod_order_wide(&k.finalize().into());
    let s = (k * key.to_scalar()).to_bytes();
    case("r-identity", "R is the identity, and the equation holds.", public, identity, s);
    for (key, s) in [(public, s), (identity, zero)] {
        let lenient = ed25519_dalek::Signature::from_components(identity, s);
        let key = VerifyingKey::from_bytes(&key).unwrap();
        assert!(key.verify(&message, &lenient).is_ok(), "only strictness refuses these two");
    }
    let mut non_canonical_r = [0xFF; 32];
    (non_canonical_r[0], non_canonical_r[31]) = (0xEE, 0x7F);
    case(
        "r-not-canonical",
        "R = p + 1, the identity a second time.",
        identity,
        non_canonical_r,
        zero,
    );
    case(
        "key-not-canonical",
        "Key = p + 1, the identity a second time.",
        non_canonical_r,
        identity,
        zero,
    );
    case("key-not-a-point", "A key that is no point.", le32(2), good.r, good.s);
    let other = sign(&key, "sign-receipt", &[&sid]);
    case(
        "other-label",
        "A signature of the same party under another label.",
        public,
        other.r,
        other.s,
    );
    let bare = key.sign(&sid).to_bytes();
    let (r, s) = (bare[..32].try_into().unwrap(), bare[32..].try_into().unwrap());
    case("no-label", "A signature over the sid without a label.", public, r, s);
}

/// The eight points of small order, canonical and not.
fn small_order_points() -> Vec<[u8; 32]> {
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ]
    .map(|text| unhex(text).try_into().unwrap())
    .to_vec()
}

// Our own: encoding

#[test]
fn encoding_of_every_message() {
    for message in layout::samples() {
        let frame = message.encode(StreamId::ControlAdvertiser, 0).unwrap();
        let fields = layout::fields(&message);
        assert_eq!(layout::concat(&fields), frame.payload.to_vec());
        let fields: Vec<Value> =
            fields.iter().map(|(name, bytes)| json!([name, hex(bytes)])).collect();
        golden(
            &format!("encoding/{}", message.name().to_lowercase().replace('_', "-")),
            json!({
                "scenario": format!("{}, with a value of its own in every field.", message.name()),
                "expected": "ok",
                "kind": message.kind(),
                "fields": fields,
                "frame": hex(&bytes(&frame)),
            }),
        );
    }
}

#[test]
fn encodings_that_are_refused() {
    let samples = layout::samples();
    let body =
        |at: usize| samples[at].encode(StreamId::ControlAdvertiser, 0).unwrap().payload.to_vec();
    let place = |at: usize, name: &str| -> usize {
        let fields = layout::fields(&samples[at]);
        let before = fields.iter().take_while(|(field, _)| field != name);
        before.map(|(_, bytes)| bytes.len()).sum()
    };
    let changed = |at: usize, name: &str, value: &[u8]| {
        let (mut body, start) = (body(at), place(at, name));
        body[start..start + value.len()].copy_from_slice(value);
        body
    };
    let cases: [(&str, &str, u8, Vec<u8>); 17] = [
        ("leftover-byte", "TERMS_ACCEPT and a byte more.", 4, [body(3), vec![0]].concat()),
        ("short", "TERMS_ACCEPT without its last byte.", 4, body(3)[..95].to_vec()),
        ("unknown-kind", "Kind 15 is not of this version.", 15, body(3)),
        ("resume", "RESUME is not of this version.", 10, body(3)),
        ("abort-unknown-code", "ABORT with code 0x011C.", 12, changed(9, "code", &[0x1C, 1])),
        ("abort-unknown-stream", "ABORT about stream 21.", 12, changed(9, "stream", &[21])),
        ("refuse-abort-code", "REFUSE with a code of ABORT.", 5, changed(4, "code", &[0x0B, 1])),
        ("kinds-not-increasing", "Kinds 3, 3.", 3, changed(2, "kinds", &[3, 3])),
        ("table-delivery", "table_delivery 2.", 3, changed(2, "table_delivery", &[2])),
        ("link-level", "Link filter of level 2.", 3, changed(2, "link_filter.level", &[2])),
        ("list-length", "A list of 2^64 - 1 kinds.", 3, changed(2, "kinds.len", &[0xFF; 8])),
        ("receipt-outcome", "Outcome 3.", 8, changed(7, "outcome", &[3, 0])),
        ("versions", "protocol_min 4, protocol_max 3.", 1, changed(0, "protocol_min", &[4, 0])),
        ("program-role", "HELLO_A of a provider.", 1, changed(0, "program.role", &[1])),
        ("program-flags", "A program with flag 4.", 2, changed(1, "program.flags", &[4, 0])),
        ("purpose", "Purpose 6.", 3, changed(2, "purpose", &[6, 0])),
        ("refuse-control-stream", "REFUSE that lists stream 2.", 5, changed(4, "stream", &[2])),
    ];
    for (name, scenario, kind, body) in cases {
        let header = FrameHeader {
            stream: StreamId::ControlAdvertiser,
            kind,
            elements: 0,
            index: 0,
            payload_len: body.len() as u32,
        };
        let frame = RawFrame { header, payload: body.into(), signature: Signature::NONE };
        assert_eq!(Control::decode(&frame), Err(Violation::EncodingNotCanonical), "{name}");
        refused(&format!("encoding/refused-{name}"), scenario, "EncodingNotCanonical", &frame);
    }
}

#[test]
fn headers_that_are_refused() {
    let too_large = Violation::FrameTooLarge;
    let malformed = Violation::FrameMalformed;
    let cases: [(&str, &str, &str, Violation); 12] = [
        ("stream", "Stream 3.", "03000000000000000000000000000000", malformed),
        ("reserved", "A reserved bit.", "11000100010000000000000020000000", malformed),
        ("flags", "Bit 1 of the flags.", "11020000010000000000000020000000", malformed),
        ("empty", "BLIND without elements.", "11010000000000000000000000000000", malformed),
        (
            "short-element",
            "A BLIND element of 31 bytes.",
            "1101000001000000000000001f000000",
            malformed,
        ),
        (
            "long-element",
            "A BLIND element of 33 bytes.",
            "11010000010000000000000021000000",
            malformed,
        ),
        ("half-proof", "EVAL with half a proof.", "12010000010000000000000040000000", malformed),
        (
            "table-tag",
            "A TABLE frame below one tag.",
            "10010000010000000000000008000000",
            malformed,
        ),
        (
            "control-elements",
            "Elements in a control message.",
            "01010000010000000000000000000000",
            malformed,
        ),
        (
            "control-body",
            "A control body of 65,537 bytes.",
            "01010000000000000000000001000100",
            too_large,
        ),
        ("elements", "32,769 elements.", "11010000018000000000000020001000", too_large),
        ("giant", "A payload of 2^32 - 1 bytes.", "110100000100000000000000ffffffff", too_large),
    ];
    for (name, scenario, header, violation) in cases {
        let bytes = unhex(header).try_into().unwrap();
        assert_eq!(FrameHeader::parse(&bytes), Err(violation), "{name}");
        golden(
            &format!("encoding/header-{name}"),
            json!({ "scenario": scenario, "expected": violation.name(), "header": header }),
        );
    }
}

// Our own: derivations

#[test]
fn derivations_of_a_session() {
    let (seed, nonce, sids) = ([0x41; 32], [0x42; 32], [[0x43; 32], [0x44; 32]]);
    let session = SessionSeed::from_bytes(seed);
    assert_eq!(session.commitment(), h("seed", &[&seed]));
    let prk_input = extract(b"VEILMATCH-1-input", &seed);
    let input_salt: [u8; 32] = kdf(&prk_input, "input-salt", &[]);
    assert_eq!(*session.input_salt(), input_salt);
    let prk_s = extract(&nonce, &seed);
    let sample: Vec<bool> = Select::new(session.sample_stream(&nonce), 40, 10).collect();
    assert_eq!(sample, select(&prk_s, "sample", 0, 40, 10));
    let identifier = identifier_of([0x45; 32]);
    let input = PrfInput::of(&identifier);
    let per_sid: Vec<Value> = sids
        .iter()
        .map(|sid| {
            let keys = session.session_keys(sid);
            let prk = extract(sid, &seed);
            let tail = [&[3_u8, 1][..], &[0x45; 32]].concat();
            let blinds: Vec<[u8; 64]> = [0_u64, 1, 1 << 40]
                .iter()
                .map(|j| kdf(&prk, "element-blind", &[&j.to_le_bytes(), &tail]))
                .collect();
            for (j, wide) in [0_u64, 1, 1 << 40].into_iter().zip(&blinds) {
                let blind = keys.element_blind(j, &input).unwrap();
                assert_eq!(*blind.expose_bytes(), reduce(wide));
            }
            let session_blind: [u8; 64] = kdf(&prk, "session-blind", &[]);
            assert_eq!(*keys.session_blind().unwrap().expose_bytes(), reduce(&session_blind));
            let canary: [u8; 64] = kdf(&prk, "canary", &[&7_u64.to_le_bytes()]);
            assert_eq!(*keys.canary(7).unwrap().expose_bytes(), reduce(&canary));
            let dummy: [u8; 32] = kdf(&prk, "row-dummy", &[&9_u64.to_le_bytes(), &[2]]);
            assert_eq!(keys.row_dummy(9, 2), PrfInput::row_dummy(&dummy));
            let result_salt: [u8; 32] = kdf(&prk, "result-salt", &[]);
            assert_eq!(*keys.result_salt(), result_salt);
            let padding: Vec<bool> = Select::new(keys.padding_stream(), 64, 5).collect();
            assert_eq!(padding, select(&prk, "padding", 0, 64, 5));
            json!({
                "sid": hex(sid),
                "prk_a": hex(&prk),
                "element_blinds": blinds.iter().map(|wide| json!({
                    "kdf": hex(wide),
                    "scalar": hex(&reduce(wide)),
                })).collect::<Vec<_>>(),
                "session_blind": hex(&reduce(&session_blind)),
                "canary_7": hex(&reduce(&canary)),
                "row_dummy_9_2": hex(&dummy),
                "result_salt": hex(&result_salt),
                "padding_5_of_64": positions(&padding),
            })
        })
        .collect();
    assert_ne!(per_sid[0]["element_blinds"], per_sid[1]["element_blinds"]);
    golden(
        "derivations/session",
        json!({
            "scenario": "Everything an advertiser derives from one seed, under two sids.",
            "expected": "ok",
            "session_seed": hex(&seed),
            "seed_commitment": hex(&session.commitment()),
            "prk_input": hex(&prk_input),
            "input_salt": hex(&input_salt),
            "nonce": hex(&nonce),
            "prk_s": hex(&prk_s),
            "sample_10_of_40": positions(&sample),
            "identifier": { "kind": 3, "ruleset": 1, "digest": hex(&[0x45; 32]) },
            "element_blind_positions": [0, 1, 1_u64 << 40],
            "sessions": per_sid,
        }),
    );
}

#[test]
fn derivations_of_a_key() {
    let (seed, key_id, provider, partner) = ([0x46; 32], [0x47; 16], [0x48; 32], [0x49; 32]);
    let key_seed = KeySeed::from_bytes(seed);
    assert_eq!(key_seed.commitment(), h("key-seed", &[&seed]));
    let derivation = key_seed.key_derivation(&key_id, &provider, &partner);
    let prk = extract(&[&key_id[..], &provider, &partner].concat(), &seed);
    let prf_seed: [u8; 32] = kdf(&prk, "prf-key", &[]);
    assert_eq!(*derivation.prf_key_seed(), prf_seed);
    let padding: [u8; 32] = kdf(&prk, "table-pad", &[&5_u64.to_le_bytes()]);
    assert_eq!(derivation.table_padding(5), PrfInput::table_padding(&padding));
    let info = |suite: u16| {
        [b"VEILMATCH-1", &suite.to_le_bytes()[..], &provider, &partner, &key_id].concat()
    };
    let (secret, public) = hazmat::derive_key_pair(&prf_seed, &info(1)).unwrap();
    let aligned = PrfKey::<Aligned>::derive(&derivation, &provider, &partner, &key_id).unwrap();
    let shuffled = PrfKey::<Shuffled>::derive(&derivation, &provider, &partner, &key_id).unwrap();
    assert_eq!(*aligned.public(), public);
    assert_ne!(aligned.public(), shuffled.public());
    golden(
        "derivations/key",
        json!({
            "scenario": "A PRF key of each order from one seed, and a padding input of its table.",
            "expected": "ok",
            "key_seed": hex(&seed),
            "key_seed_commitment": hex(&key_seed.commitment()),
            "key_id": hex(&key_id),
            "provider": hex(&provider),
            "partner": hex(&partner),
            "prk_k": hex(&prk),
            "derive_key_pair_seed": hex(&prf_seed),
            "aligned": {
                "info": hex(&info(1)),
                "secret_key": hex(&secret),
                "public_key": hex(&public),
            },
            "shuffled": { "info": hex(&info(2)), "public_key": hex(shuffled.public()) },
            "table_pad_5": hex(&padding),
        }),
    );
}

#[test]
fn derivations_of_leaf_salts() {
    let seed = [0x4A; 32];
    let salts = |salt: &[u8]| -> Vec<[u8; 16]> {
        let prk = extract(salt, &seed);
        [0_u64, 1, 1 << 33].iter().map(|i| kdf(&prk, "leaf-salt", &[&i.to_le_bytes()])).collect()
    };
    let (input, snapshot) = (salts(b"VEILMATCH-1-input"), salts(b"VEILMATCH-1-snapshot"));
    let ours =
        [InputSeed::from_bytes(seed).leaf_salts(), SnapshotSeed::from_bytes(seed).leaf_salts()];
    for (at, leaf) in [0_u64, 1, 1 << 33].into_iter().enumerate() {
        assert_eq!((*ours[0].salt(leaf), *ours[1].salt(leaf)), (input[at], snapshot[at]));
    }
    golden(
        "derivations/leaf-salts",
        json!({
            "scenario": "Salts of leaves 0, 1 and 2^33 under one seed, as input and as snapshot.",
            "expected": "ok",
            "seed": hex(&seed),
            "input": input.iter().map(|salt| hex(salt)).collect::<Vec<_>>(),
            "snapshot": snapshot.iter().map(|salt| hex(salt)).collect::<Vec<_>>(),
        }),
    );
}

#[test]
fn derivation_of_a_sid() {
    let world = World::five_by_seven();
    let message = |message: Control| message.encode(StreamId::ControlAdvertiser, 0).unwrap();
    let hello_a = message(Control::HelloA(layout::hello_a()));
    let hello_p = message(Control::HelloP(Box::new(layout::hello_p())));
    let terms = layout::terms_bytes(&layout::terms());
    let channel = world.channel();
    let parts = [
        h("hello-a", &[&hello_a.payload]),
        h("hello-p", &[&hello_p.payload]),
        h("terms", &[&terms]),
        channel.spki_advertiser,
        channel.spki_provider,
        channel.exporter,
    ];
    let sid = h("sid", &[&parts.concat()]);
    assert_eq!(world.sid(&hello_a, &hello_p, &layout::terms()), sid);
    golden(
        "derivations/sid",
        json!({
            "scenario": "The session id of the messages in encoding/.",
            "expected": "ok",
            "hello_a": hex(&hello_a.payload),
            "hello_p": hex(&hello_p.payload),
            "terms": hex(&terms),
            "spki_advertiser": hex(&channel.spki_advertiser),
            "spki_provider": hex(&channel.spki_provider),
            "exporter": hex(&channel.exporter),
            "parts": parts.iter().map(|part| hex(part)).collect::<Vec<_>>(),
            "sid": hex(&sid),
        }),
    );
}

// Our own: PRF and proof

#[test]
fn prf_outputs_in_both_orders() {
    prf_outputs::<Aligned>("aligned");
    prf_outputs::<Shuffled>("shuffled");
}

fn prf_outputs<O: Order>(name: &str) {
    let key = sample_key::<O>();
    let digest = [0x4B; 32];
    let mut inputs: Vec<(String, PrfInput)> = [1, 3, 8]
        .map(|code| {
            let kind = IdentifierKind::from_code(code).unwrap();
            let identifier = Identifier { kind, ..identifier_of(digest) };
            (format!("kind {code}, ruleset 1"), PrfInput::of(&identifier))
        })
        .to_vec();
    inputs.push(("row dummy".to_owned(), PrfInput::row_dummy(&digest)));
    inputs.push(("table padding".to_owned(), PrfInput::table_padding(&digest)));
    let blind = SecretScalar::from_wide_bytes(&[0x4C; 64]).unwrap();
    let cases: Vec<Value> = inputs
        .iter()
        .map(|(what, input)| {
            let blinded = Blind::<O>::from_scalar(blind.clone()).blind(input);
            let sent = BlindedElement::<O>::decode(&blinded.encode()).unwrap();
            let evaluated = key.evaluate(&sent);
            let answer = EvaluatedElement::<O>::decode(&evaluated.encode()).unwrap();
            let output =
                Blind::<O>::from_scalar(blind.clone()).finalize(input, &answer, key.public());
            let bytes = output.expose_bytes();
            assert_eq!(bytes, key.output(input).expose_bytes());
            assert_eq!(output.tag().0, bytes[..9]);
            assert_eq!(output.handle().expose_bytes()[..], bytes[16..32]);
            json!({
                "what": what,
                "input": hex(input.expose_bytes()),
                "blinded": hex(&blinded.encode()),
                "evaluated": hex(&evaluated.encode()),
                "output": hex(bytes),
                "tag": hex(&output.tag().0),
                "handle": hex(output.handle().expose_bytes()),
            })
        })
        .collect();
    golden(
        &format!("prf/{name}"),
        json!({
            "scenario": "One digest as several inputs: kinds never meet.",
            "expected": "ok",
            "suite": O::SUITE.code(),
            "public_key": hex(key.public()),
            "blind": hex(blind.expose_bytes()),
            "cases": cases,
        }),
    );
}

#[test]
fn proof_of_a_frame_of_two() {
    // A13, G23
    let key = sample_key::<Aligned>();
    let sid = [0x4D; 32];
    let context =
        ProofContext { purpose: ProofPurpose::AlignedFrame, sid: &sid, stream: 18, frame: 3 };
    let blind = Blind::<Aligned>::from_scalar(SecretScalar::from_wide_bytes(&[0x4C; 64]).unwrap());
    let blinded: Vec<[u8; 32]> =
        (1..=2).map(|byte| blind.blind(&PrfInput::row_dummy(&[byte; 32])).encode()).collect();
    let evaluated: Vec<[u8; 32]> = blinded
        .iter()
        .map(|element| key.evaluate(&BlindedElement::decode(element).unwrap()).encode())
        .collect();
    let proof = proof::prove(&Portable, &key, &context, &blinded, &evaluated).unwrap();
    let check = |context: &ProofContext<'_>, blinded: &[[u8; 32]], evaluated: &[[u8; 32]]| {
        let suite = SuiteId::Aligned;
        proof::verify(&Portable, suite, key.public(), context, blinded, evaluated, &proof).map(drop)
    };
    assert_eq!(check(&context, &blinded, &evaluated), Ok(()));
    // The weights' seed, computed once more from the specification.
    let seed = h64(
        "frame-proof",
        &[
            &1_u16.to_le_bytes(),
            &[1],
            &sid,
            &[18],
            &3_u32.to_le_bytes(),
            &Element::base().encode(),
            key.public(),
            &2_u32.to_le_bytes(),
            blinded.as_flattened(),
            evaluated.as_flattened(),
        ],
    );
    let mut file = json!({
        "scenario": "The proof of an aligned EVAL frame of two elements.",
        "expected": "ok",
        "suite": 1,
        "purpose": 1,
        "sid": hex(&sid),
        "stream": 18,
        "frame": 3,
        "public_key": hex(key.public()),
        "blinded": hexes(&blinded),
        "evaluated": hexes(&evaluated),
        "weights_seed": hex(&seed),
        "proof": hex(&proof.encode()),
    });
    golden("proof/frame-of-two", file.clone());
    file["expected"] = json!("ProofInvalid");
    let other_sid = [0x4E; 32];
    let moved = [
        ("frame", "The proof shown for another frame.", ProofContext { frame: 4, ..context }),
        ("sid", "The proof shown in another session.", ProofContext { sid: &other_sid, ..context }),
        ("stream", "The proof shown for another stream.", ProofContext { stream: 17, ..context }),
        (
            "purpose",
            "The proof shown for another purpose.",
            ProofContext { purpose: ProofPurpose::TableTags, ..context },
        ),
    ];
    for (name, scenario, context) in moved {
        assert_eq!(check(&context, &blinded, &evaluated), Err(Violation::ProofInvalid));
        let mut file = file.clone();
        file["scenario"] = json!(scenario);
        file["purpose"] = json!(context.purpose as u8);
        file["sid"] = json!(hex(context.sid));
        file["stream"] = json!(context.stream);
        file["frame"] = json!(context.frame);
        file.as_object_mut().unwrap().remove("weights_seed");
        golden(&format!("proof/moved-{name}"), file);
    }
    let swapped = [evaluated[1], evaluated[0]];
    assert_eq!(check(&context, &blinded, &swapped), Err(Violation::ProofInvalid));
    file["scenario"] = json!("Two evaluations swapped.");
    file["evaluated"] = json!(hexes(&swapped));
    file.as_object_mut().unwrap().remove("weights_seed");
    golden("proof/swapped", file);
    let mut zero = proof.encode();
    zero[32..].fill(0);
    assert_eq!(FrameProof::decode(&zero), Err(Violation::ScalarNotCanonical));
    golden(
        "proof/zero-scalar",
        json!({
            "scenario": "A proof whose second scalar is zero.",
            "expected": "ScalarNotCanonical",
            "proof": hex(&zero),
        }),
    );
}

// Our own: sessions

#[test]
fn aligned_session_of_five_by_seven() {
    let world = World::five_by_seven();
    let ended = run(world.setup());
    ended.expect_honest();
    let terms = ended.terms();
    let identifiers = |all: &[Identifier]| -> Vec<Value> {
        all.iter().map(|id| json!([id.kind.code(), hex(id.digest.expose_bytes())])).collect()
    };
    golden(
        "aligned/five-by-seven",
        json!({
            "scenario": "Five rows against seven people under small limits (frames of 64).",
            "expected": "ok",
            "ruleset": 1,
            "rows": world.rows.iter().map(|row| identifiers(row)).collect::<Vec<_>>(),
            "people": identifiers(&world.people),
            "advertiser_attestation_seed": hex(advertiser_signing_key().as_bytes()),
            "provider_attestation_seed": hex(provider_signing_key().as_bytes()),
            "session_seed": hex(&world.session_seed()),
            "key_seed": hex(&KEY_SEED),
            "key_id": hex(&KEY_ID),
            "sid": hex(&terms.sid),
            "sent": ended.sent.iter().map(|frame| hex(&bytes(frame))).collect::<Vec<_>>(),
            "advertiser_transcript": hex(&ended.advertiser.transcript),
            "provider_transcript": hex(&ended.provider.transcript),
            "matched_rows": ended.advertiser.matched_rows(),
        }),
    );
    assert!(ended.advertiser.verdict().is_accepted());
}

#[test]
fn aligned_sessions_that_a_cheating_peer_loses() {
    // A1, A2, A4, A8, A12, A14, A19, A20
    let world = World::five_by_seven();
    let honest = run(world.setup());
    let eval = honest.stream(StreamId::Eval)[0].clone();
    let edited = |frame: &RawFrame, edit: &dyn Fn(&mut Vec<u8>)| {
        let mut payload = frame.payload.to_vec();
        edit(&mut payload);
        RawFrame { payload: payload.into(), ..frame.clone() }
    };
    let cases: [(&str, &str, RawFrame, Violation); 6] = [
        (
            "eval-identity",
            "An evaluation is the identity.",
            edited(&eval, &|p| p[..32].fill(0)),
            Violation::ElementIdentity,
        ),
        (
            "eval-not-canonical",
            "An evaluation is not canonical.",
            edited(&eval, &|p| p[..32].fill(0xFF)),
            Violation::ElementNotCanonical,
        ),
        (
            "eval-swapped",
            "Two evaluations are swapped.",
            edited(&eval, &|p| p[..64].rotate_left(32)),
            Violation::ProofInvalid,
        ),
        (
            "eval-echo",
            "One element comes back as it was sent.",
            edited(&eval, &|p| {
                p[..32].copy_from_slice(&honest.stream(StreamId::Blind)[0].payload[..32]);
            }),
            Violation::ProofInvalid,
        ),
        (
            "eval-proof-scalar",
            "A proof scalar is not canonical.",
            edited(&eval, &|p| p[64 * 32..].fill(0xFF)),
            Violation::ScalarNotCanonical,
        ),
        (
            "table-root",
            "The table is another one than announced, and signed.",
            table(&prf_key().0, &prf_key().1, &[email(77)], &[], &Limits::SMALL).1[0].clone(),
            Violation::TableRootMismatch,
        ),
    ];
    for (name, scenario, frame, violation) in cases {
        let alter = cheat(|sent: &RawFrame| {
            (sent.header.stream == frame.header.stream).then(|| vec![bytes(&frame)])
        });
        let ended = run_altered(world.setup(), alter);
        let stream = frame.header.stream.code();
        assert_eq!(ended.advertiser.error, Some(Error::peer(violation, stream, 0)), "{name}");
        golden(
            &format!("aligned/cheat-{name}"),
            json!({
                "scenario": format!("five-by-seven, but: {scenario}"),
                "expected": violation.name(),
                "replaced": [stream, 0],
                "frame": hex(&bytes(&frame)),
            }),
        );
    }
}

// Our own: tables and trees

#[test]
fn tables() {
    let tag = |n: u64| MatchTag(h("vector-tag", &[&n.to_le_bytes()])[..9].try_into().unwrap());
    let mut many: Vec<MatchTag> = (0..1_000).map(tag).collect();
    many.sort_unstable();
    let extremes = vec![MatchTag([0; 9]), MatchTag([0xFF; 9])];
    for (name, scenario, tags) in [
        ("one-tag", "One tag, without gaps.", vec![tag(0)]),
        ("two-tags", "The lowest tag and the highest.", extremes),
        ("one-class", "One full class of small limits: 64 tags.", many[..64].to_vec()),
        ("thousand-tags", "1,000 tags in frames of 64.", many.clone()),
    ] {
        let mut tags = tags;
        tags.sort_unstable();
        let mut writer = TableWriter::new(tags.len() as u64, &Limits::SMALL).unwrap();
        let frames: Vec<RawFrame> =
            tags.iter().filter_map(|tag| writer.push(*tag).unwrap()).collect();
        let descriptor = writer.finish().unwrap();
        let mut reader = TableReader::new(&descriptor);
        let read: Vec<MatchTag> =
            frames.iter().flat_map(|frame| reader.read(frame).unwrap()).collect();
        assert!(reader.is_complete() && read == tags);
        let rice = 71 - tags.len().ilog2();
        for (frame, tags) in frames.iter().zip(tags.chunks(64)) {
            assert_eq!(frame.payload.to_vec(), golomb_rice(tags, rice), "{name}");
        }
        golden(
            &format!("table/{name}"),
            json!({
                "scenario": scenario,
                "expected": "ok",
                "tag_count": descriptor.tag_count,
                "rice": rice,
                "tags": tags.iter().map(|tag| hex(&tag.0)).collect::<Vec<_>>(),
                "frames": frames.iter().map(|frame| hex(&bytes(frame))).collect::<Vec<_>>(),
                "root": hex(&descriptor.root),
            }),
        );
    }
    assert!(TableWriter::new(0, &Limits::SMALL).is_err(), "a table has a tag");
    assert_eq!(padded_tags(0, &Limits::STANDARD), Some(32_768));
    assert_eq!(padded_tags(32_768 - 1_024, &Limits::STANDARD), Some(32_768));
    assert_eq!(padded_tags(32_768 - 1_023, &Limits::STANDARD), Some(65_536));
}

#[test]
fn tables_that_are_refused() {
    // A9, G10, G14
    let malformed = Violation::TableMalformed;
    let first = [0x10_u8; 9];
    let two = |tail: &[u8]| [&first[..], tail].concat();
    // Two tags have b = 70: one zero for the quotient, 70 low bits, one bit of padding.
    let good = two(&[0, 0, 0, 0, 0, 0, 0, 0, 0x02]);
    let one = |payload: &[u8], elements: u32, count: u64| {
        let frame = table_frame(payload, elements);
        let descriptor = TableDescriptor { tag_count: count, root: [0; 32] };
        TableReader::new(&descriptor).read(&frame)
    };
    let tags = one(&good, 2, 2).unwrap();
    assert_eq!(tags[1].0, [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x12]);
    let cases: [(&str, &str, Vec<u8>, u64, Violation); 7] = [
        (
            "padding-bit",
            "A padding bit is set.",
            two(&[0, 0, 0, 0, 0, 0, 0, 0, 0x03]),
            2,
            malformed,
        ),
        (
            "byte-more",
            "A byte follows the padding.",
            two(&[0, 0, 0, 0, 0, 0, 0, 0, 2, 0]),
            2,
            malformed,
        ),
        ("byte-less", "The last byte is missing.", two(&[0; 8]), 2, malformed),
        ("overflow", "The second tag is above 2^72.", two(&[0xFF; 9]), 2, malformed),
        ("unary-only", "A quotient that never ends.", two(&[0xFF; 11]), 2, malformed),
        ("count-above", "Two tags in a table of one.", good.clone(), 1, Violation::CountMismatch),
        (
            "count-below",
            "The last frame of two tags in a table of 64.",
            good,
            64,
            Violation::CountMismatch,
        ),
    ];
    for (name, scenario, payload, count, violation) in cases {
        let error = one(&payload, 2, count).unwrap_err();
        assert_eq!(error, Error::peer(violation, 16, 0), "{name}");
        golden(
            &format!("table/refused-{name}"),
            json!({
                "scenario": scenario,
                "expected": violation.name(),
                "tag_count": count,
                "frame": hex(&bytes(&table_frame(&payload, 2))),
            }),
        );
    }
}

#[test]
fn trees_of_inputs_and_snapshots() {
    let leaf = InputLeaf {
        row: 1,
        slot: 2,
        identifier: identifier_of([0x4F; 32]),
        consent_evidence: [0x50; 32],
        source_time: 1_799_000_000,
    };
    let salt = [0x53; 16];
    let bytes = [
        &[0][..],
        &salt,
        &1_u64.to_le_bytes(),
        &[2, 3, 1],
        &[0x4F; 32],
        &[0x50; 32],
        &1_799_000_000_u64.to_le_bytes(),
    ]
    .concat();
    assert_eq!(leaf.hash(&salt), sha256(&[&bytes]));
    let world = World::five_by_seven();
    let root = input_root(&world.rows);
    let seals: Vec<Value> = [[0x41; 32], [0x54; 32]]
        .iter()
        .map(|seed| {
            let salt = SessionSeed::from_bytes(*seed).input_salt();
            let seal = root.seal(&salt);
            let counts = [root.leaves.to_le_bytes(), root.rows.to_le_bytes()].concat();
            assert_eq!(seal, h("input-root", &[&*salt, &root.root, &counts, &root.map]));
            json!({ "session_seed": hex(seed), "salt": hex(&*salt), "commitment": hex(&seal) })
        })
        .collect();
    assert_ne!(seals[0]["commitment"], seals[1]["commitment"]);
    golden(
        "trees/input",
        json!({
            "scenario": "A leaf, the root of the input of five-by-seven, sealed for two sessions.",
            "expected": "ok",
            "leaf": hex(&bytes[1..]),
            "leaf_hash": hex(&leaf.hash(&salt)),
            "input_seed": hex(&[0x41; 32]),
            "consent_evidence": hex(&[0x42; 32]),
            "source_time": NOW - 86_400,
            "leaves": root.leaves,
            "rows": root.rows,
            "root": hex(&root.root),
            "sealed": seals,
        }),
    );
    let (leaf, bytes) = snapshot_leaf(&salt);
    assert_eq!(leaf.hash(&salt), sha256(&[&[0], &bytes]));
    let mut committer = SnapshotCommitter::new(SnapshotSeed::from_bytes([0x55; 32]).leaf_salts());
    committer.push(&leaf);
    committer.push(&SnapshotLeaf { record: 8, ..leaf.clone() });
    let root: SnapshotRoot = committer.finish(2);
    let counts = [root.leaves.to_le_bytes(), root.records.to_le_bytes()].concat();
    assert_eq!(root.commitment(), h("snapshot-root", &[&root.root, &counts]));
    golden(
        "trees/snapshot",
        json!({
            "scenario": "A leaf; the root of it and of the same leaf with record 8.",
            "expected": "ok",
            "leaf": hex(&bytes),
            "leaf_hash": hex(&leaf.hash(&salt)),
            "snapshot_seed": hex(&[0x55; 32]),
            "leaves": root.leaves,
            "records": root.records,
            "root": hex(&root.root),
            "commitment": hex(&root.commitment()),
        }),
    );
}

#[test]
fn trees_signatures_and_the_ledger_chain() {
    let key = provider_signing_key();
    let manifest = SignedManifest::sign(layout::hello_p().manifest.body, &provider_key()).unwrap();
    let fields = layout::fields(&Control::HelloP(Box::new(layout::hello_p())));
    let body = |prefix: &str| -> Vec<u8> {
        let own = fields.iter().filter(|(name, _)| name.starts_with(prefix));
        own.filter(|(name, _)| !name.contains("signature")).flat_map(|(_, b)| b.clone()).collect()
    };
    let (manifest_body, snapshot_body) = (body("manifest."), body("snapshot."));
    let manifest_digest = h("manifest", &[&manifest_body]);
    assert_eq!(manifest.signature, sign(&key, "sign-manifest", &[&manifest_digest]));
    let snapshot: SnapshotBody = layout::hello_p().snapshot.body;
    let snapshot_digest = h("snapshot", &[&snapshot_body]);
    assert_eq!(snapshot.hash(), Ok(snapshot_digest));
    let signed = SignedSnapshot::sign(snapshot, &provider_key()).unwrap();
    assert_eq!(signed.signature, sign(&key, "sign-snapshot", &[&snapshot_digest]));
    let receipt = layout::receipt();
    let digest = h("receipt", &[&layout::receipt_bytes(&receipt)]);
    assert_eq!(receipt.digest(), Ok(digest));
    let acknowledged = sign(&key, "sign-receipt", &[&digest]);
    assert_eq!(receipt.verify(&key.verifying_key().to_bytes(), &acknowledged), Ok(()));
    let join =
        |signature: &protocol::attestation::Signature| hex(&[signature.r, signature.s].concat());
    golden(
        "trees/signed",
        json!({
            "scenario": "Digests and signatures of the provider over the structures in encoding/.",
            "expected": "ok",
            "attestation_seed": hex(key.as_bytes()),
            "public_key": hex(&key.verifying_key().to_bytes()),
            "party": hex(&h("party", &[&key.verifying_key().to_bytes()])),
            "manifest_digest": hex(&manifest_digest),
            "manifest_signature": join(&manifest.signature),
            "snapshot_digest": hex(&snapshot_digest),
            "snapshot_signature": join(&signed.signature),
            "receipt_digest": hex(&digest),
            "receipt_signature": join(&acknowledged),
        }),
    );
    assert_eq!(provider_key().party().0, h("party", &[&key.verifying_key().to_bytes()]));
    ledger_chain();
}

#[test]
fn signatures_of_hellos_refusals_and_aborts() {
    let world = World::five_by_seven();
    let exporter = world.channel().exporter;
    let by = |frame: &RawFrame| match frame.header.stream {
        StreamId::ControlAdvertiser => advertiser_signing_key(),
        _ => provider_signing_key(),
    };
    let vector = |scenario: &str, label: &str, frame: &RawFrame, shared: &[u8]| {
        let (body, stated) = frame.payload.split_at(frame.payload.len() - 64);
        let signature = sign(&by(frame), label, &[body, shared]);
        assert_eq!(stated, [signature.r, signature.s].concat(), "{scenario}");
        json!({
            "scenario": scenario,
            "attestation_seed": hex(by(frame).as_bytes()),
            "label": label,
            "body": hex(body),
            "shared": hex(shared),
            "signature": hex(stated),
        })
    };
    let hellos = |ended: &Ended| {
        [("hello-a", 1), ("hello-p", 2)]
            .map(|(label, kind)| h(label, &[&ended.control(kind).payload]))
    };
    let honest = run(world.setup());
    let mut setup = world.setup();
    setup.provider.rules_digest = [9; 32];
    let refused = run(setup);
    let asked = h("hello-a", &[&refused.control(1).payload]);
    let mut setup = world.setup();
    setup.provider.policy.offer.n_min = 6;
    let declined = run(setup);
    let setup = world.setup();
    let clock = setup.clock.clone();
    let expired = run_altered(setup, move |frame| {
        if frame.header.stream == StreamId::Blind {
            clock.set(NOW + 86_400);
        }
        None
    });
    golden(
        "trees/words",
        json!({
            "scenario": "What HELLO, REFUSE and ABORT are signed over.",
            "expected": "ok",
            "signed": [
                vector("HELLO_A, over the exporter.", "sign-hello", honest.control(1), &exporter),
                vector("HELLO_P, over the exporter.", "sign-hello", honest.control(2), &exporter),
                vector(
                    "REFUSE in the place of HELLO_P, over HELLO_A.",
                    "sign-refuse",
                    refused.control(5),
                    &asked,
                ),
                vector(
                    "ABORT in the place of TERMS, over both HELLOs.",
                    "sign-abort",
                    declined.control(12),
                    &hellos(&declined).concat(),
                ),
                vector(
                    "ABORT after the first frame of BLIND, over the sid, with two heads.",
                    "sign-abort",
                    expired.control(12),
                    &expired.terms().sid,
                ),
            ],
        }),
    );
}

/// Reserve, settle, and a reserve that nobody settles.
fn ledger_chain() {
    // A46, G62
    let terms = layout::terms();
    let mut head = LedgerHead::EMPTY;
    let mut entries: Vec<LedgerEntry> = Vec::new();
    for (sid, settled) in [([1; 32], true), ([2; 32], false)] {
        let reserve =
            LedgerEntry::reserve(&head, &sid, Profile::MatchedRows, &terms, 32_768).unwrap();
        head = LedgerHead::of(&reserve).unwrap();
        entries.push(reserve.clone());
        if settled {
            let settle = reserve.settle(0, 0, 1_800_000_100).unwrap();
            head = LedgerHead::of(&settle).unwrap();
            entries.push(settle);
        }
    }
    for pair in entries.windows(2) {
        assert!(pair[1].follows(&LedgerHead::of(&pair[0]).unwrap()));
    }
    assert!(!entries[2].follows(&LedgerHead::of(&entries[0]).unwrap()), "an entry is missing");
    let chain: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let bytes = layout::ledger_bytes(entry);
            assert_eq!(entry.hash(), Ok(h("ledger", &[&bytes])));
            json!({ "entry": hex(&bytes), "hash": hex(&h("ledger", &[&bytes])) })
        })
        .collect();
    golden(
        "trees/ledger",
        json!({
            "scenario": "A reserve, its settle, and a reserve that nobody settles.",
            "expected": "ok",
            "chain": chain,
        }),
    );
}

// Reading of files

fn expected(vector: &Value) -> Violation {
    let name = text(&vector["expected"]);
    *Violation::ALL.iter().find(|violation| violation.name() == name).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes32(value: &Value) -> [u8; 32] {
    unhex(text(value)).try_into().unwrap()
}

fn bytes32s(value: &Value) -> Vec<[u8; 32]> {
    value.as_array().unwrap().iter().map(bytes32).collect()
}

fn identifier_of(digest: [u8; 32]) -> Identifier {
    protocol::commitment::identifier_from_parts(3, 1, digest).unwrap()
}

fn sample_key<O: Order>() -> PrfKey<O> {
    let derivation =
        KeySeed::from_bytes([0x46; 32]).key_derivation(&[0x47; 16], &[0x48; 32], &[0x49; 32]);
    PrfKey::derive(&derivation, &[0x48; 32], &[0x49; 32], &[0x47; 16]).unwrap()
}

fn snapshot_leaf(salt: &[u8; 16]) -> (SnapshotLeaf, Vec<u8>) {
    let leaf = SnapshotLeaf {
        record: 7,
        identifier: identifier_of([0x56; 32]),
        ids_digest: [0x57; 32],
        last_seen: 1_799_500_000,
        evidence: 0x0102,
        devices: 0x0304,
        level: 1,
        logins: 5,
        persons: 6,
        purposes: 0x0708_090A,
        objection_scope: [0x58; 32],
        consent_evidence: [0x59; 32],
    };
    let bytes = [
        &salt[..],
        &7_u64.to_le_bytes(),
        &[3, 1],
        &[0x56; 32],
        &[0x57; 32],
        &1_799_500_000_u64.to_le_bytes(),
        &0x0102_u16.to_le_bytes(),
        &0x0304_u16.to_le_bytes(),
        &[1, 5, 6],
        &0x0708_090A_u32.to_le_bytes(),
        &[0x58; 32],
        &[0x59; 32],
    ]
    .concat();
    (leaf, bytes)
}

fn table_frame(payload: &[u8], elements: u32) -> RawFrame {
    let payload_len = payload.len() as u32;
    let stream = StreamId::Table;
    let header = FrameHeader { stream, kind: 1, elements, index: 0, payload_len };
    RawFrame::new(header, payload.into()).unwrap()
}

// The specification a second time

/// 64 little-endian bytes modulo the group order, by long division bit by bit.
fn reduce(wide: &[u8; 64]) -> [u8; 32] {
    let order = order();
    let mut rest = [0_u8; 32];
    for bit in (0..512).rev() {
        // Doubling stays below 2^254, since the order is below 2^253.
        let mut carry = wide[bit / 8] >> (bit % 8) & 1;
        for byte in &mut rest {
            (*byte, carry) = (*byte << 1 | carry, *byte >> 7);
        }
        if rest.iter().rev().ge(order.iter().rev()) {
            let mut borrow = 0;
            for (byte, subtrahend) in rest.iter_mut().zip(&order) {
                let difference = i16::from(*byte) - i16::from(*subtrahend) - borrow;
                *byte = difference.rem_euclid(256) as u8;
                borrow = i16::from(difference < 0);
            }
        }
    }
    rest
}

/// A table payload, bit by bit.
fn golomb_rice(tags: &[MatchTag], rice: u32) -> Vec<u8> {
    let integer = |tag: &MatchTag| tag.0.iter().fold(0_u128, |n, byte| n << 8 | u128::from(*byte));
    let mut bits: Vec<bool> = Vec::new();
    for pair in tags.windows(2) {
        let value = integer(&pair[1]) - integer(&pair[0]) - 1;
        bits.extend((0..value >> rice).map(|_| true));
        bits.push(false);
        bits.extend((0..rice).rev().map(|bit| value >> bit & 1 == 1));
    }
    let tail = bits.chunks(8).map(|chunk| {
        let byte = chunk.iter().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit));
        byte << (8 - chunk.len())
    });
    tags[0].0.iter().copied().chain(tail).collect()
}

/// The order of the group, little-endian.
fn order() -> [u8; 32] {
    let text = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    unhex(text).try_into().unwrap()
}

/// Little-endian sum.
fn add(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut carry = 0_u16;
    let mut sum = [0; 32];
    for ((out, left), right) in sum.iter_mut().zip(left).zip(right) {
        carry += u16::from(*left) + u16::from(*right);
        *out = carry as u8;
        carry >>= 8;
    }
    sum
}

fn le32(value: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = value;
    bytes
}
