//! The programs as a user runs them: one module for each kind of matter.
//!
//! One test program holds them all, so that the programs are built once, and nobody waits for the
//! last test of a file. More tests run at once than there are cores (`build.rs`): each waits at
//! times, for a slot at which a session may show, for a file, for a program that starts.

mod attacks;
mod canary;
mod cases;
mod commands;
mod consent;
mod damage;
mod door;
mod end_to_end;
mod epsilon;
mod exports;
mod feeds;
mod ledgers;
mod maps;
mod matrix;
mod mistakes;
mod outputs;
mod partners;
mod profiles;
mod reference;
mod releases;
mod removal;
mod signals;
mod start;
mod support;
mod surface;
