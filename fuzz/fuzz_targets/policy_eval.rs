//! Case files of arbitrary bytes: never a panic; decision and explanation agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_policy::{Case, evaluate, explain};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(case) = Case::parse(text) else {
        return;
    };
    let decision = evaluate(&case.request(), &case.layers());
    let explanation = explain(&case.request(), &case.layers());
    assert_eq!(decision.reason, explanation.reason);
    assert_eq!(decision.is_allowed(), explanation.message.is_none());
});
