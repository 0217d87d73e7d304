//! Files in, prepared sets out.

pub mod csv;
