//! Tells the program its commit and its compiler.

fn main() -> std::io::Result<()> {
    stamp::emit()
}
