//! World of a node, shared by both Veilmatch programs.
//!
//! The protocol is decided in `protocol`; this crate moves its bytes, keeps its records, draws its
//! randomness, and reads the party's files. Engines move, sort and multiply; `protocol` decides;
//! `node` touches the world.

#![forbid(unsafe_code)]

pub mod check_config;
pub mod console;
pub mod driver;
pub mod engine;
pub mod exchange;
pub mod failure;
pub mod home;
pub mod invite;
pub mod pages;
pub mod program;
pub mod room;
pub mod settings;
pub mod status;
pub mod stop;
pub mod toml_file;

/// Sets a program up: no core dumps, events to standard error as asked.
///
/// # Errors
///
/// [`failure::Failure`] if the system refuses either.
pub fn start(output: &console::OutputOptions) -> Result<(), failure::Failure> {
    store::os::forbid_core_dumps()?;
    console::start_log(output);
    Ok(())
}

/// Sixteen random hexadecimal digits, for names that must not collide.
///
/// # Errors
///
/// [`failure::Failure`] without randomness.
pub fn random_name() -> Result<String, failure::Failure> {
    Ok(store::hex(&store::os::entropy::<8>()?))
}
