//! Channels of bounded frames.
