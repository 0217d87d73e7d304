//! Authenticated channels between two nodes: identities, pins, TLS rules, and streams of frames.
//!
//! [`identity`] holds the keys of a node, the partners it accepts, and the rules of TLS. A
//! [`Channel`] carries control messages and bulk frames between two nodes that have proved their
//! keys to each other; [`quic`] is the network, [`memory`] its twin for tests.

#![forbid(unsafe_code)]

mod channel;
mod door;
mod error;
mod frames;
pub mod identity;
mod link;
pub mod memory;
pub mod quic;
mod sender;

pub use channel::{Channel, PathFigures};
pub use error::{Close, LocalStep, Loss, Side, TransportError, Unreachable, Wait};
pub use sender::FrameSender;
