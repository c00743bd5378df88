//! The `palisade` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// What one thread allocates for a request, the committer's frees: the system's allocator makes them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    palisade::run()
}
