//! Authenticated channels between two nodes: identities, pins, TLS rules, and streams of frames.
//!
//! [`identity`] holds the keys of a node, the partners it accepts, and the rules of TLS. A
//! [`Channel`] carries control messages and bulk frames between two nodes that have proved their
//! keys to each other; [`quic`] is the network, [`memory`] its twin for tests.

#![forbid(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

mod channel;
mod door;
mod error;
mod frames;
pub mod identity;
mod link;
pub mod memory;
pub mod pace;
pub mod quic;
mod sender;

pub use channel::{Channel, PathFigures};
pub use error::{Close, LocalStep, Loss, Side, TransportError, Unreachable, Wait};
pub use sender::FrameSender;

/// Locks a value that every holder changes in one step, so that no panic leaves it half-changed.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
