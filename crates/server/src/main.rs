//! The `rollcall` program.

fn main() {}
