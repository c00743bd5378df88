//! Transformations: any chain on any bytes ends, and no output is more than three times its input and a hash.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_waf::Bump;
use palisade_waf::transform::{PreParse, Transformation};

fuzz_target!(|data: &[u8]| {
    let Some((chain, value)) = data.split_at_checked(4) else {
        return;
    };
    let arena = Bump::new();
    for kind in PreParse::ALL {
        assert!(kind.apply(value, &arena).len() <= 3 * value.len() + 32);
    }
    let mut value = value;
    for step in chain {
        let kind = Transformation::ALL[*step as usize % Transformation::ALL.len()];
        let next = kind.apply(value, &arena);
        assert!(next.len() <= 3 * value.len() + 32, "{}", kind.name());
        value = next;
    }
});
