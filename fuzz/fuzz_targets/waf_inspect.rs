//! Requests, as HTTP text, through an ACL that looks at every field: deciding and explaining agree, and found bytes are there.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use palisade_waf::detect::Environment;
use palisade_waf::model::ResourceType;
use palisade_waf::recorded::http;
use palisade_waf::{Acl, BodyInspection, Bump, Document, Moment};

fn acl() -> &'static Acl {
    static ACL: OnceLock<Acl> = OnceLock::new();
    ACL.get_or_init(|| {
        let fields = [
            r#"{"AllQueryArguments": {}}"#,
            r#"{"UriPath": {}}"#,
            r#"{"Body": {"OversizeHandling": "CONTINUE"}}"#,
            r#"{"JsonBody": {"MatchPattern": {"IncludedPaths": ["/a/0", "/b"]}, "MatchScope": "ALL"}}"#,
            r#"{"JsonBody": {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "InvalidFallbackBehavior": "EVALUATE_AS_STRING"}}"#,
            r#"{"Headers": {"MatchPattern": {"ExcludedHeaders": ["x"]}, "MatchScope": "ALL", "OversizeHandling": "NO_MATCH"}}"#,
            r#"{"Cookies": {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "OversizeHandling": "CONTINUE"}}"#,
            r#"{"HeaderOrder": {"OversizeHandling": "CONTINUE"}}"#,
        ];
        let visibility = r#"{"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "m"}"#;
        let rule = |(index, field): (usize, &&str)| {
            format!(
                r#"{{"Name": "r{index}", "Priority": {index}, "Action": {{"Count": {{}}}}, "VisibilityConfig": {visibility}, "Statement": {{"RegexMatchStatement":
                {{"FieldToMatch": {field}, "RegexString": "a+.b$|\\d{{3}}", "TextTransformations": [{{"Priority": 0, "Type": "URL_DECODE_UNI"}}, {{"Priority": 1, "Type": "JS_DECODE"}}]}}}}}}"#
            )
        };
        let rules: Vec<String> = fields.iter().enumerate().map(rule).collect();
        let text = format!(r#"{{"Name": "f", "DefaultAction": {{"Allow": {{}}}}, "VisibilityConfig": {visibility}, "Rules": [{}]}}"#, rules.join(","));
        let document = Document::parse(text.as_bytes()).unwrap();
        Acl::compile(&document, &Environment::default(), BodyInspection::Aws(ResourceType::ApplicationLoadBalancer)).unwrap()
    })
}

fuzz_target!(|data: &[u8]| {
    let Ok(recorded) = http(data) else {
        return;
    };
    let acl = acl();
    recorded.ask(|request| {
        let arena = Bump::new();
        let decided = acl.inspect(request, &Moment::default(), &acl.counters(), &arena);
        let (explained, explanation) =
            acl.explain(request, &Moment::default(), &acl.counters(), &arena);
        assert_eq!(decided, explained);
        for rule in &explanation.rules {
            assert_eq!(rule.matched, rule.reason.holds);
            assert!(
                rule.reason
                    .found
                    .as_ref()
                    .is_none_or(|found| found.bytes.0 <= found.bytes.1)
            );
        }
    });
});
