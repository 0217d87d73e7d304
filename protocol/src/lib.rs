//! The Veilmatch matching protocol as a pure machine: bytes and facts in, bytes and tasks out.
//!
//! An advertiser and a provider compute which identifiers they share, or how many of the
//! advertiser's rows; nothing crosses but what the profile of the session says. The provider holds
//! a PRF key k and ships a sorted table of short tags F(k, x) of its identifiers. The advertiser
//! blinds each of its identifiers, r·H(x), has it evaluated, k·r·H(x), removes the blind, and
//! compares tags. Every frame is in a transcript whose heads both sides sign.
//!
//! Answers come back in one of two orders. In *aligned* order they come as asked, and every frame
//! carries a proof that the committed key was used: the advertiser learns which of its rows
//! matched. In *shuffled* order whole rows come back re-sorted, and none before the last row was
//! sent: it learns how many. Rows whose answers it knows beforehand, canary rows, are the evidence.
//!
//! ```text
//!  advertiser                                   provider
//!  HELLO_A   sealed commitments, sizes  ──────▶
//!            nonce, key, snapshot, table ◀────── HELLO_P
//!  TERMS     all conditions, signed     ──────▶  reserve evaluations
//!            signature                  ◀────── TERMS_ACCEPT
//!            sorted tags                ◀══════ TABLE
//!  BLIND     r·H(x), frame by frame     ══════▶
//!            k·r·H(x) and a proof       ◀══════ EVAL
//!  verify, unblind, finalize, look up
//!  HANDLES   one per matched row        ══════▶  activation, digital-ids: once approved
//!            known handles              ◀────── RELEASED, or REFUSE
//!            sorted digital IDs         ◀══════ IDS, digital-ids
//!  RECEIPT   roots, counts, commitment  ──────▶
//!            signature                  ◀────── RECEIPT_ACK
//! ```
//!
//! | profile | order | the advertiser learns | the provider learns |
//! |---|---|---|---|
//! | `match-rate` | shuffled | how many of its rows matched, by how many hits | nothing |
//! | `matched-rows` | aligned | which of its own rows matched, and by which kinds | nothing |
//! | `activation` | shuffled | as `match-rate` | which records matched, not which rows |
//! | `digital-ids` | shuffled | the same, and one unlinked bag of digital IDs | the same |
//!
//! Shuffled order is not secure against a malicious advertiser, which can mark a row and know its
//! answer again; `spec/threat-model.md` says what that costs.
//!
//! To read the protocol in one sitting: this page, [`suite`], [`oprf`], and of the crate `session`
//! its page, with the driver's contract, the states of both parties, and `disclosure`; for shuffled
//! order also [`rows`]. Nothing here touches the world: no I/O, no clock, no randomness, no
//! threads.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

pub mod attestation;
pub mod batch_hash;
mod bytes;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
pub mod codec;
pub mod commitment;
pub mod digital_id;
pub mod error;
pub mod group;
#[cfg(any(test, feature = "hazmat"))]
pub mod hazmat;
pub mod identifier;
pub mod identity;
pub mod last_word;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
pub mod ledger;
pub mod limits;
pub mod manifest;
pub mod message;
pub mod oprf;
pub mod proof;
pub mod purpose;
pub mod release;
pub mod rows;
pub mod seed;
pub mod slots;
pub mod suite;
pub mod table;
pub mod terms;
#[cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
pub mod transcript;
