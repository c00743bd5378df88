//! wafv2's JSON: whatever is parsed, it is refused or compiles or says why not, and what compiles answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_waf::detect::Environment;
use palisade_waf::model::ResourceType;
use palisade_waf::{Acl, BodyInspection, Bump, Document, Moment, Request};

fuzz_target!(|data: &[u8]| {
    let Ok(document) = Document::parse(data) else {
        return;
    };
    let Ok(acl) = Acl::compile(
        &document,
        &Environment::default(),
        BodyInspection::Aws(ResourceType::ApplicationLoadBalancer),
    ) else {
        return;
    };
    assert!(acl.capacity() <= 5000);
    let request = Request {
        headers: &[(b"a", b"b")],
        body: b"{\"a\":[1,\"b\"]}",
        ..Request::new("POST", "/a?b=c#d")
    };
    let (counters, arena) = (acl.counters(), Bump::new());
    let (explained, _) = acl.explain(&request, &Moment::default(), &counters, &arena);
    let decided = acl.inspect(&request, &Moment::default(), &acl.counters(), &arena);
    assert_eq!(explained, decided);
});
