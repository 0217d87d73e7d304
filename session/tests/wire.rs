//! Every control message as bytes, field by field, and what a decoder must refuse.
//!
//! A difference here is a change of the wire: it needs a new protocol version.

mod support;

use proptest::prelude::*;
use protocol::attestation::Signature;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::{Violation, WireCode};
use protocol::message::{Control, SignedReceipt, Terms};
use protocol::transcript::receipt::StreamHead;
use support::layout::{self, samples};
use support::{bytes, cases, hex, unhex};

#[test]
fn hello_a_on_the_wire() {
    let pinned = concat!(
        "01",                                                               // stream: control A->P
        "01",                                                               // kind: HELLO_A
        "0000",                                                             // reserved
        "00000000",         // elements: none in a control message
        "00000000",         // index in the stream
        "48010000",         // bytes that follow
        "0200",             // protocol_min
        "0300",             // protocol_max
        "0100",             // suite: R255-SHA512-ALIGNED
        "0200",             // profile: matched-rows
        "01",               // row_width
        "0080000000000000", // row_slots: 32,768
        "0000000000000000", // sample_rows: all
        "6161616161616161616161616161616161616161616161616161616161616161", // attestation_key
        "6262626262626262626262626262626262626262626262626262626262626262", // seed_commitment
        "6363636363636363636363636363636363636363636363636363636363636363", // input_commitment
        "6464646464646464646464646464646464646464646464646464646464646464", // rules_digest
        "6565656565656565656565656565656565656565656565656565656565656565", // suppression_epoch
        "6666666666666666666666666666666666666666666666666666666666666666", // ledger_head
        "fed1496b00000000", // sent_at 1,799,999,998
        "00",               // program: advertiser
        "0100",             // program: flags, test limits
        "04030201",         // program: version 1.2.772
        "6767676767676767676767676767676767676767676767676767676767676767", // program: digest
        "6868686868686868686868686868686868686868686868686868686868686868", // signature: R
        "6969696969696969696969696969696969696969696969696969696969696969", // signature: S
    );
    check(&samples()[0], StreamId::ControlAdvertiser, 0, pinned);
}

#[test]
fn hello_p_on_the_wire() {
    let pinned = concat!(
        "02",                                                               // stream: control P->A
        "02",                                                               // kind: HELLO_P
        "0000",                                                             // reserved
        "00000000", // elements: none in a control message
        "00000000", // index in the stream
        "e9020000", // bytes that follow
        "0300",     // protocol
        "7171717171717171717171717171717171717171717171717171717171717171", // attestation_key
        "7272727272727272727272727272727272727272727272727272727272727272", // nonce
        "7373737373737373737373737373737373737373737373737373737373737373", // manifest: provider
        "7474747474747474747474747474747474747474747474747474747474747474", // manifest: partner
        "0100",     // manifest: suite
        "75757575757575757575757575757575", // manifest: key_id
        "7676767676767676767676767676767676767676767676767676767676767676", // manifest: public_key
        "7777777777777777777777777777777777777777777777777777777777777777", // manifest: key seed
        "00d2496b00000000", // manifest: not_before 1,800,000,000
        "005f716b00000000", // manifest: not_after 1,802,592,000
        "0000004000000000", // manifest: evaluations_max 2^30
        "7878787878787878787878787878787878787878787878787878787878787878", // manifest: R
        "7979797979797979797979797979797979797979797979797979797979797979", // manifest: S
        "7373737373737373737373737373737373737373737373737373737373737373", // snapshot: provider
        "61510000", // snapshot: day 20,833
        "0201",     // snapshot: edition 258
        "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a", // snapshot: commitment
        "7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b", // snapshot: previous
        "7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c", // snapshot: R
        "7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d7d", // snapshot: S
        "0000010000000000", // table: tag_count 65,536
        "7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e", // table: root
        "6464646464646464646464646464646464646464646464646464646464646464", // rules_digest
        "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f", // suppression_epoch
        "6666666666666666666666666666666666666666666666666666666666666666", // ledger_head
        "e8030000", // offer: n_min 1,000
        "64000000", // offer: k_min 100
        "e9030000", // offer: group_min 1,001
        "401f0000", // offer: epsilon_left_milli 8,000
        "8096980000000000", // offer: evaluations_left 10,000,000
        "80234b6b00000000", // offer: expires_at 1,800,086,400
        "ffd1496b00000000", // sent_at 1,799,999,999
        "01",       // program: provider
        "0200",     // program: flags, no ML-KEM
        "04030201", // program: version 1.2.772
        "6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a", // program: digest
        "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b", // signature: R
        "6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c6c", // signature: S
    );
    check(&samples()[1], StreamId::ControlProvider, 0, pinned);
}

#[test]
fn terms_on_the_wire() {
    let pinned = concat!(
        "01",                                                               // stream: control A->P
        "03",                                                               // kind: TERMS
        "0000",                                                             // reserved
        "00000000", // elements: none in a control message
        "01000000", // index in the stream
        "19010000", // bytes that follow
        "0200",     // purpose: ads.suppress
        "00000000", // flags
        "8181818181818181818181818181818181818181818181818181818181818181", // auditor
        "01",       // ruleset: crm-fr/1
        "0200000000000000", // kinds: two of them
        "0103",     // kinds: email.strict, phone
        "e8030000", // n_min 1,000
        "64000000", // k_min 100
        "e9030000", // group_min 1,001
        "fa000000", // epsilon_milli 250
        "581b0000", // epsilon_epoch_milli 7,000
        "04",       // noise_unit
        "01",       // rate_precision
        "55",       // rate_cap 85
        "0a000000", // count_rounding 10
        "32000000", // cell_min 50
        "5a00",     // link_filter: max_age_days 90
        "0f00",     // link_filter: evidence_mask
        "feff",     // link_filter: device_mask
        "01",       // link_filter: level, household
        "02",       // link_filter: min_logins
        "05",       // link_filter: max_persons
        "4704",     // consent_max_age_days 1,095
        "1e00",     // ids_valid_days 30
        "0900000000000000", // handles_max
        "0a00",     // ids_per_record_max
        "0200000000000000", // namespaces: two of them
        "02010403", // namespaces: 0x0102, 0x0304
        "01",       // table_delivery: sent
        "00d2496b00000000", // opened_at 1,800,000,000
        "80234b6b00000000", // expires_at 1,800,086,400
        "80cac16b00000000", // audit_until 1,807,862,400
        "03",       // audit_levels: T0, T1
        "b80b0000", // audit_sample_max 3,000
        "0080000000000000", // phone_evaluations_max 32,768
        "8282828282828282828282828282828282828282828282828282828282828282", // notice
        "9191919191919191919191919191919191919191919191919191919191919191", // sid
        "9292929292929292929292929292929292929292929292929292929292929292", // signature: R
        "9393939393939393939393939393939393939393939393939393939393939393", // signature: S
    );
    check(&samples()[2], StreamId::ControlAdvertiser, 1, pinned);
}

#[test]
fn terms_accept_on_the_wire() {
    let pinned = concat!(
        "02",                                                               // stream: control P->A
        "04",                                                               // kind: TERMS_ACCEPT
        "0000",                                                             // reserved
        "00000000", // elements: none in a control message
        "01000000", // index in the stream
        "60000000", // bytes that follow
        "9191919191919191919191919191919191919191919191919191919191919191", // sid
        "9494949494949494949494949494949494949494949494949494949494949494", // signature: R
        "9595959595959595959595959595959595959595959595959595959595959595", // signature: S
    );
    check(&samples()[3], StreamId::ControlProvider, 1, pinned);
}

#[test]
fn refuse_on_the_wire() {
    let pinned = concat!(
        "02",                                                               // stream: control P->A
        "05",                                                               // kind: REFUSE
        "0000",                                                             // reserved
        "00000000", // elements: none in a control message
        "01000000", // index in the stream
        "a3000000", // bytes that follow
        "0503",     // code: BudgetExceeded
        "100e0000", // retry_after: an hour
        "9696969696969696969696969696969696969696969696969696969696969696", // ledger_head
        "03d2496b00000000", // sent_at 1,800,000,003
        "0100000000000000", // streams: one of them
        "11",       // streams: BLIND
        "01000000", // frames
        "0080000000000000", // elements
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", // root
        "9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b", // signature: R
        "9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c9c", // signature: S
    );
    check(&samples()[4], StreamId::ControlProvider, 1, pinned);
}

#[test]
fn checkpoint_on_the_wire() {
    let pinned = concat!(
        "01",                                                               // stream: control A->P
        "06",                                                               // kind: CHECKPOINT
        "0000",                                                             // reserved
        "00000000",         // elements: none in a control message
        "03000000",         // index in the stream
        "6d000000",         // bytes that follow
        "11",               // stream: BLIND
        "01000000",         // frames
        "0080000000000000", // elements
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", // root
        "9797979797979797979797979797979797979797979797979797979797979797", // signature: R
        "9898989898989898989898989898989898989898989898989898989898989898", // signature: S
    );
    check(&samples()[5], StreamId::ControlAdvertiser, 3, pinned);
}

#[test]
fn checkpoint_ack_on_the_wire() {
    let pinned = concat!(
        "02",                                                               // stream: control P->A
        "07",                                                               // kind: CHECKPOINT_ACK
        "0000",                                                             // reserved
        "00000000",         // elements: none in a control message
        "03000000",         // index in the stream
        "6d000000",         // bytes that follow
        "11",               // stream: BLIND
        "01000000",         // frames
        "0080000000000000", // elements
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", // root
        "9999999999999999999999999999999999999999999999999999999999999999", // signature: R
        "9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a9a", // signature: S
    );
    check(&samples()[6], StreamId::ControlProvider, 3, pinned);
}

#[test]
fn receipt_on_the_wire() {
    let pinned = concat!(
        "01",                                                               // stream: control A->P
        "08",                                                               // kind: RECEIPT
        "0000",                                                             // reserved
        "00000000", // elements: none in a control message
        "05000000", // index in the stream
        "af010000", // bytes that follow
        "9191919191919191919191919191919191919191919191919191919191919191", // sid
        "0100",     // outcome: completed
        "0200000000000000", // streams: two of them
        "11",       // streams: BLIND
        "01000000", // frames
        "0080000000000000", // elements
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", // root
        "12",       // streams: EVAL
        "02000000", // frames
        "0180000000000000", // elements
        "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2", // root
        "a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3", // result_commitment
        "a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4", // report_commitment
        "0100000000000000", // handles_known
        "02000000", // handles_unknown
        "0300000000000000", // ids_returned
        "b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7", // release_head
        "0200000000000000", // ledger: seq
        "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5", // ledger: previous
        "9191919191919191919191919191919191919191919191919191919191919191", // ledger: sid
        "02",       // ledger: kind, settle
        "0200",     // ledger: profile
        "0080000000000000", // ledger: evaluations 32,768
        "0500000000000000", // ledger: handles
        "0600000000000000", // ledger: ids
        "fa000000", // ledger: epsilon_milli 250
        "07d2496b00000000", // ledger: at 1,800,000,007
        "08d2496b00000000", // closed_at 1,800,000,008
        "b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1", // signature: R
        "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2", // signature: S
    );
    check(&samples()[7], StreamId::ControlAdvertiser, 5, pinned);
}

#[test]
fn receipt_ack_on_the_wire() {
    let pinned = concat!(
        "02",                                                               // stream: control P->A
        "09",                                                               // kind: RECEIPT_ACK
        "0000",                                                             // reserved
        "00000000", // elements: none in a control message
        "05000000", // index in the stream
        "40000000", // bytes that follow
        "b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3", // signature: R
        "b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4", // signature: S
    );
    check(&samples()[8], StreamId::ControlProvider, 5, pinned);
}

#[test]
fn abort_on_the_wire() {
    let pinned = concat!(
        "01",                                                               // stream: control A->P
        "0c",                                                               // kind: ABORT
        "0000",                                                             // reserved
        "00000000",         // elements: none in a control message
        "06000000",         // index in the stream
        "a9000000",         // bytes that follow
        "0b01",             // code: ProofInvalid
        "12",               // stream: EVAL
        "07000000",         // index
        "0200000000000000", // streams: two of them
        "11",               // streams: BLIND
        "01000000",         // frames
        "0080000000000000", // elements
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", // root
        "12",               // streams: EVAL
        "01000000",         // frames
        "0080000000000000", // elements
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", // root
        "9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d9d", // signature: R
        "9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e9e", // signature: S
    );
    check(&samples()[9], StreamId::ControlAdvertiser, 6, pinned);
}

#[test]
fn released_on_the_wire() {
    let pinned = concat!(
        "02",                                                               // stream: control P->A
        "0d",                                                               // kind: RELEASED
        "0000",                                                             // reserved
        "00000000",         // elements: none in a control message
        "05000000",         // index in the stream
        "6c000000",         // bytes that follow
        "0100000000000000", // handles_known
        "02000000",         // handles_unknown
        "b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5", // release_head
        "b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6", // signature: R
        "b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7b7", // signature: S
    );
    check(&samples()[10], StreamId::ControlProvider, 5, pinned);
}

#[test]
fn session_blind_on_the_wire() {
    let pinned = concat!(
        "01",                                                               // stream: control A->P
        "0e",                                                               // kind: SESSION_BLIND
        "0000",                                                             // reserved
        "00000000", // elements: none in a control message
        "02000000", // index in the stream
        "60000000", // bytes that follow
        "b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8b8", // k_a
        "b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9", // signature: R
        "babababababababababababababababababababababababababababababababa", // signature: S
    );
    check(&samples()[11], StreamId::ControlAdvertiser, 2, pinned);
}

#[test]
fn the_sizes_that_the_specification_states() {
    let sizes: Vec<usize> = samples()
        .iter()
        .map(|message| bytes(&message.encode(StreamId::ControlProvider, 0).unwrap()).len())
        .collect();
    // With the frame header of 16 bytes each.
    assert_eq!((sizes[0], sizes[1], sizes[3]), (344, 761, 112));
}

#[test]
fn every_field_has_its_place() {
    for message in samples() {
        let frame = message.encode(StreamId::ControlAdvertiser, 0).unwrap();
        let fields = layout::fields(&message);
        assert_eq!(hex(&frame.payload), hex(&layout::concat(&fields)), "{}", message.name());
    }
}

#[test]
fn bodies_that_are_shorter_or_longer_are_refused() {
    // G09
    for message in samples() {
        let body = body(&message);
        for len in 0..body.len() {
            assert_eq!(decode(message.kind(), &body[..len]), None, "{} {len}", message.name());
        }
        for extra in [&[0][..], &[1], &[0; 32]] {
            let longer = [&body[..], extra].concat();
            assert_eq!(decode(message.kind(), &longer), None, "{}", message.name());
        }
    }
}

#[test]
fn unknown_kinds_are_refused() {
    // A40. 10 and 11, RESUME and its answer, are not of this version.
    let known: Vec<u8> = samples().iter().map(Control::kind).collect();
    assert_eq!(known, [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14]);
    for kind in (0..=255).filter(|kind| !known.contains(kind)) {
        for message in samples() {
            assert_eq!(decode(kind, &body(&message)), None);
        }
        assert_eq!(decode(kind, &[]), None);
    }
}

#[test]
fn unknown_codes_are_refused() {
    // A40
    for code in 0..=u16::MAX {
        let meaning = WireCode::from_code(code);
        let abort = [&code.to_le_bytes()[..], &[0; 5 + 8 + 64]].concat();
        assert_eq!(decode(12, &abort).is_some(), meaning.is_some(), "{code:#06x}");
        let refuse = [&code.to_le_bytes()[..], &[0; 36 + 8 + 8 + 64]].concat();
        let refusable =
            matches!(meaning, Some(WireCode::Refusal(_) | WireCode::Incompatibility(_)));
        assert_eq!(decode(5, &refuse).is_some(), refusable, "{code:#06x}");
    }
    let bulk = [16, 17, 18, 19, 20];
    for stream in 0..=255 {
        let abort = [&[0x0B, 0x01, stream, 0, 0, 0, 0][..], &[0; 8 + 64]].concat();
        let named = bulk.contains(&stream) || stream <= 2;
        assert_eq!(decode(12, &abort).is_some(), named, "{stream}");
        let mut checkpoint = body(&samples()[5]);
        checkpoint[0] = stream;
        assert_eq!(decode(6, &checkpoint).is_some(), bulk.contains(&stream), "{stream}");
    }
}

#[test]
fn lists_above_their_maximum_or_out_of_order_are_refused() {
    let with = |kinds: &[u8], namespaces: &[u16]| {
        let mut terms = layout::terms();
        (terms.kinds, terms.namespaces) = (kinds.to_vec(), namespaces.to_vec());
        let (sid, signature) = ([0; 32], layout::signature(0));
        decode(3, &body(&Control::Terms(Terms { terms, sid, signature }))).is_some()
    };
    let kinds: Vec<u8> = (1..=17).collect();
    let namespaces: Vec<u16> = (1..=17).collect();
    assert!(with(&kinds[..16], &namespaces[..16]) && with(&[], &[]));
    for (kinds, namespaces) in [
        (&kinds[..], &namespaces[..16]),
        (&kinds[..16], &namespaces[..]),
        (&[1, 1], &[]),
        (&[2, 1], &[]),
        (&[], &[7, 7]),
        (&[], &[7, 6]),
    ] {
        assert!(!with(kinds, namespaces), "{kinds:?} {namespaces:?}");
    }
}

#[test]
fn receipts_list_each_bulk_stream_once_and_in_order() {
    let with = |streams: &[u8], outcome: u16| {
        let mut receipt = layout::receipt();
        let head = |stream: &u8| StreamHead { stream: *stream, ..receipt.streams[0] };
        let heads = streams.iter().map(head).collect();
        (receipt.streams, receipt.outcome) = (heads, outcome);
        let message = SignedReceipt { receipt, signature: layout::signature(0) };
        decode(8, &body(&Control::Receipt(message))).is_some()
    };
    assert!(with(&[16, 17, 18, 19, 20], 1) && with(&[17, 18], 2) && with(&[], 1));
    for streams in [&[17, 17][..], &[18, 17], &[1, 17], &[2], &[21], &[16, 17, 18, 19, 20, 20]] {
        assert!(!with(streams, 1), "{streams:?}");
    }
    assert!(!with(&[17, 18], 0) && !with(&[17, 18], 3));
}

#[test]
fn reserved_values_are_refused() {
    // A40
    let mut terms = body(&samples()[2]);
    let fields = layout::fields(&samples()[2]);
    for (name, refused) in
        [("table_delivery", 2), ("table_delivery", 255), ("link_filter.level", 2)]
    {
        let at = offset(&fields, name);
        let kept = std::mem::replace(&mut terms[at], refused);
        assert_eq!(decode(3, &terms), None, "{name} {refused}");
        terms[at] = kept;
    }
    assert!(decode(3, &terms).is_some());
    let purpose = offset(&fields, "purpose");
    for code in 0..=u16::MAX {
        terms[purpose..purpose + 2].copy_from_slice(&code.to_le_bytes());
        let known = (1..=5).contains(&code);
        assert_eq!(decode(3, &terms).is_some(), known, "purpose {code}");
    }
    let mut hello = layout::hello_a();
    (hello.protocol_min, hello.protocol_max) = (2, 1);
    assert_eq!(decode(1, &body(&Control::HelloA(hello))), None);
    let (hello_a, hello_p) = (body(&samples()[0]), body(&samples()[1]));
    for (kind, body, own) in [(1, hello_a, 0), (2, hello_p, 1)] {
        let fields = layout::fields(&samples()[kind - 1]);
        let role = offset(&fields, "program.role");
        let flags = offset(&fields, "program.flags");
        for (at, values) in [(role, &[1 - own, 2][..]), (flags, &[4, 255]), (flags + 1, &[1])] {
            for value in values {
                let mut altered = body.clone();
                altered[at] = *value;
                assert_eq!(decode(kind as u8, &altered), None, "{kind} {at} {value}");
            }
        }
    }
}

#[test]
fn lengths_of_lists_are_not_believed() {
    // M5
    let fields = layout::fields(&samples()[2]);
    for name in ["kinds.len", "namespaces.len"] {
        for len in [3, 17, 65_536, 1 << 32, u64::MAX] {
            let mut body = body(&samples()[2]);
            let at = offset(&fields, name);
            body[at..at + 8].copy_from_slice(&len.to_le_bytes());
            assert_eq!(decode(3, &body), None, "{name} {len}");
        }
    }
}

#[test]
fn a_body_above_the_limit_is_refused_by_its_header() {
    // G08, M5
    let mut header = FrameHeader {
        stream: StreamId::ControlAdvertiser,
        kind: 3,
        elements: 0,
        index: 0,
        payload_len: 65_536,
    };
    assert_eq!(FrameHeader::parse(&header.encode()), Ok(header));
    header.payload_len += 1;
    assert_eq!(FrameHeader::parse(&header.encode()), Err(Violation::FrameTooLarge));
    // Whoever skips the header's check meets the same limit.
    let frame = RawFrame { header, payload: vec![0; 65_537].into(), signature: Signature::NONE };
    assert_eq!(Control::decode(&frame), Err(Violation::FrameTooLarge));
}

#[test]
fn a_bulk_header_on_the_wire() {
    let pinned = concat!(
        "12",       // stream: EVAL
        "01",       // last frame
        "0000",     // reserved
        "02000000", // elements
        "03000000", // index in the stream
        "80000000", // bytes that follow: two elements and a proof
    );
    let header =
        FrameHeader { stream: StreamId::Eval, kind: 1, elements: 2, index: 3, payload_len: 128 };
    assert_eq!(hex(&header.encode()), pinned);
    assert_eq!(FrameHeader::parse(&unhex(pinned).try_into().unwrap()), Ok(header));
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// W-01. Bytes near to a message: whatever is accepted has this one encoding.
    #[test]
    fn what_is_accepted_encodes_to_itself(
        which in 0_usize..11,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
        tail in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let message = &samples()[which];
        let mut bytes = body(message);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(tail);
        if let Some(decoded) = decode(message.kind(), &bytes) {
            prop_assert_eq!(&body(&decoded), &bytes);
            prop_assert_eq!(layout::concat(&layout::fields(&decoded)), bytes);
        }
    }

    /// W-01, W-02. Any bytes at all.
    #[test]
    fn arbitrary_bytes_are_refused_or_encode_to_themselves(
        kind: u8,
        body_bytes in prop::collection::vec(any::<u8>(), 0..900),
        header: [u8; 16],
    ) {
        if let Some(decoded) = decode(kind, &body_bytes) {
            prop_assert_eq!(body(&decoded), body_bytes);
        }
        if let Ok(parsed) = FrameHeader::parse(&header) {
            prop_assert_eq!(parsed.encode(), header);
        }
    }

    /// W-02, W-04. Headers that are nearly right.
    #[test]
    fn headers_near_the_rules_are_refused_or_encode_to_themselves(
        stream in prop::sample::select(vec![0_u8, 1, 2, 15, 16, 17, 18, 19, 20, 21]),
        kind in 0_u8..4,
        reserved in prop::sample::select(vec![0_u16, 0, 0, 1, 0x8000]),
        elements in prop::sample::select(vec![0_u32, 1, 2, 64, 32_768, 32_769, u32::MAX]),
        per_element in prop::sample::select(vec![0_u32, 8, 9, 16, 31, 32, 33, 71, 72]),
        tail in prop::sample::select(vec![0_u32, 1, 64]),
        index: u32,
    ) {
        let len = elements.wrapping_mul(per_element).wrapping_add(tail);
        let mut bytes = vec![stream, kind];
        bytes.extend(reserved.to_le_bytes());
        for field in [elements, index, len] {
            bytes.extend(field.to_le_bytes());
        }
        let bytes: [u8; 16] = bytes.try_into().unwrap();
        if let Ok(parsed) = FrameHeader::parse(&bytes) {
            prop_assert_eq!(parsed.encode(), bytes);
            prop_assert!(reserved == 0 && parsed.payload_len <= 1_048_640);
            prop_assert!(parsed.stream.is_control() || parsed.elements <= 32_768);
        }
    }
}

/// The message encodes to the pinned bytes, and they decode to the message.
fn check(message: &Control, stream: StreamId, index: u32, pinned: &str) {
    let frame = message.encode(stream, index).unwrap();
    assert_eq!(hex(&bytes(&frame)), pinned, "{}", message.name());
    let parsed = support::parse(&unhex(pinned)).unwrap();
    assert_eq!(parsed, frame);
    assert_eq!(Control::decode(&parsed).as_ref(), Ok(message));
}

fn body(message: &Control) -> Vec<u8> {
    message.encode(StreamId::ControlAdvertiser, 0).unwrap().payload.to_vec()
}

/// The message of a body, or that it was refused as not canonical.
fn decode(kind: u8, body: &[u8]) -> Option<Control> {
    let payload_len = body.len() as u32;
    let stream = StreamId::ControlAdvertiser;
    let header = FrameHeader { stream, kind, elements: 0, index: 0, payload_len };
    match Control::decode(&RawFrame { header, payload: body.into(), signature: Signature::NONE }) {
        Ok(message) => Some(message),
        Err(violation) => {
            assert_eq!(violation, Violation::EncodingNotCanonical);
            None
        }
    }
}

fn offset(fields: &layout::Fields, name: &str) -> usize {
    let before = fields.iter().take_while(|(field, _)| field != name);
    before.map(|(_, bytes)| bytes.len()).sum()
}
