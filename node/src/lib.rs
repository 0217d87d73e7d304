//! What both Veilmatch programs share of the world.
//!
//! The protocol is decided in `protocol`; this crate moves its bytes, keeps its records, draws its
//! randomness, and reads the party's files. Engines move, sort and multiply; `protocol` decides;
//! `node` touches the world.

#![forbid(unsafe_code)]

pub mod data;
pub mod driver;
pub mod engine;
pub mod error;
pub mod exit;
pub mod identity;
pub mod invite;
pub mod journal;
pub mod keyring;
pub mod ledger;
pub mod normalize;
pub mod runs;
pub mod seal;
pub mod telemetry;
pub mod transport;
pub mod world;
