//! Bodies of Smithy RPC v2 with CBOR: never a panic, and what decodes is written and read back the same.
#![no_main]

mod wire;

use libfuzzer_sys::fuzz_target;
use palisade_model::Protocol;

fuzz_target!(|data: &[u8]| {
    wire::body(Protocol::RpcV2Cbor, data);
});
