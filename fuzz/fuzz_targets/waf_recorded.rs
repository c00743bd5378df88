//! Readers of recorded requests: HTTP text, HAR archives, log records. None panics, and what is read can be shown to an engine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_waf::recorded::{har, http, log_record};

fuzz_target!(|data: &[u8]| {
    let read = [http(data), log_record(data)]
        .into_iter()
        .flatten()
        .chain(har(data).into_iter().flatten());
    for recorded in read {
        recorded.ask(|request| assert_eq!(request.method, recorded.method.as_bytes()));
    }
});
