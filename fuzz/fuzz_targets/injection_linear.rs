//! A piece repeated to 64 KiB is read in time that follows its length: libFuzzer's `-timeout` is the judge.
//!
//!     cargo +nightly fuzz run injection_linear -- -max_len=24 -timeout=2
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_injection::{Kinds, Sensitivity, inspect_for};

fuzz_target!(|piece: &[u8]| {
    if !piece.is_empty() {
        let value = piece.repeat(64 * 1024 / piece.len());
        let _either = inspect_for(&value, Sensitivity::High, Kinds::ALL);
    }
});
