//! End-to-end cells: real processes, real files, real QUIC on loopback, the auditor's verdict.
//!
//! Nothing of the product is linked here: the programs are run as a user would run them, and what
//! they print, write and exit with is what is judged. The cells are in `tests/`.
