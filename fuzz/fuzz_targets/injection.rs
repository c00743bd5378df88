//! No bytes may bring a detector down, findings lie inside the value, and what one kind finds alone it finds among all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_injection::{Kinds, Sensitivity, inspect_for};

fuzz_target!(|value: &[u8]| {
    for sensitivity in [Sensitivity::Low, Sensitivity::High] {
        if let Some(finding) = inspect_for(value, sensitivity, Kinds::ALL) {
            assert!(finding.start <= finding.end && finding.end <= value.len());
            let again = inspect_for(value, sensitivity, Kinds::of(&[finding.kind]));
            assert_eq!(again.map(|found| found.kind), Some(finding.kind));
        }
    }
});
