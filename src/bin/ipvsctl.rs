//! The `ipvsctl` binary.
fn main() {}
