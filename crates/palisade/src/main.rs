//! The `palisade` command: start-up, configuration and wiring.
#![forbid(unsafe_code)]

fn main() {}
