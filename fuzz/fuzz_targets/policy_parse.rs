//! Policies of arbitrary bytes: never a panic, and what is refused says where and why.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_policy::cli::{Format, check};
use palisade_policy::{CompiledPolicy, Policy, PolicyKind};

fuzz_target!(|data: &[u8]| {
    let report = check([("policy.json", data)], None);
    let text = report.render(Format::Text);
    assert!(report.files[0].kind.is_some() || text.contains("policy.json:"));
    let Ok(policy) = std::str::from_utf8(data).map(Policy::parse) else {
        return;
    };
    if let Ok(policy) = policy {
        for kind in PolicyKind::ALL {
            // What is refused is also reported by the check.
            assert!(policy.validate(kind).is_ok() || !policy.check(kind).is_empty());
        }
        let statements = policy.statements.len();
        assert_eq!(CompiledPolicy::new("p", policy).statement_count(), statements);
    }
});
