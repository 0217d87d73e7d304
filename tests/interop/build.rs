//! Lets more tests run at once than there are cores: each waits at times, for a slot or a file.
//!
//! Cargo gives what a build script sets to the tests of its package when it runs them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUST_TEST_THREADS");
    // Whoever sets a number is obeyed, as is `--test-threads`.
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        println!("cargo::rustc-env=RUST_TEST_THREADS={}", (cores * 4).clamp(8, 32));
    }
}
