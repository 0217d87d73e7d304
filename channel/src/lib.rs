//! Authenticated channels between two nodes: identities, pins, TLS rules, and streams of frames.
//!
//! [`identity`] holds the keys of a node, the partners it accepts, and the rules of TLS. A
//! [`Channel`] carries control messages and bulk frames between two nodes that have proved their
//! keys to each other; [`quic`] is the network, [`memory`] its twin for tests.

#![forbid(unsafe_code)]

mod channel;
mod door;
pub mod identity;
pub mod memory;
pub mod quic;
mod told;

pub use channel::{
    Channel, Close, FrameSender, Loss, PathFigures, Side, TransportError, Unreachable, Wait,
};
