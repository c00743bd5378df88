//! Forms of the query protocol: never a panic, and what decodes is written and read back the same.
#![no_main]

mod wire;

use libfuzzer_sys::fuzz_target;
use palisade_model::Protocol;

fuzz_target!(|data: &[u8]| {
    wire::body(Protocol::Query, data);
});
