//! The Veilmatch matching protocol as a pure machine: bytes and facts in, bytes and tasks out.
//!
//! An advertiser and a provider compute which identifiers they share; nothing else crosses. The
//! provider holds a PRF key k and ships a sorted table of short tags F(k, x) of its identifiers.
//! The advertiser blinds each of its identifiers, r·H(x), has it evaluated, k·r·H(x), removes the
//! blind, and compares tags. Every frame of evaluations carries a proof that the committed key was
//! used; every byte is in a transcript that both sides sign.
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
//!  RECEIPT   roots, counts, commitment  ──────▶
//!            signature                  ◀────── RECEIPT_ACK
//! ```
//!
//! | profile | the advertiser learns | the provider learns |
//! |---|---|---|
//! | `matched-rows` | which of its own rows matched, and by which kinds | nothing |
//!
//! To read the protocol in one sitting: this page, [`suite`], [`oprf`], [`session::advertiser`],
//! [`session::provider`], [`disclosure`]. The driver's contract is in [`session`]. Nothing here
//! touches the world: no I/O, no clock, no randomness, no threads; `node` does.

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
pub mod canary;
pub mod codec;
pub mod commitment;
pub mod digital_id;
pub mod disclosure;
pub mod error;
pub mod group;
#[cfg(any(test, feature = "hazmat"))]
pub mod hazmat;
pub mod identifier;
pub mod ledger;
pub mod limits;
pub mod manifest;
pub mod message;
pub mod oprf;
pub mod proof;
pub mod rows;
pub mod seed;
pub mod session;
pub mod suite;
pub mod table;
pub mod terms;
pub mod transcript;
