//! Requests of the REST-JSON protocol: never a panic, and what decodes is written and read back the same.
#![no_main]

mod wire;

use libfuzzer_sys::fuzz_target;
use palisade_model::Protocol;

fuzz_target!(|data: &[u8]| {
    match data {
        [0, rest @ ..] => wire::head(Protocol::RestJson, rest),
        _ => wire::body(Protocol::RestJson, data),
    }
});
