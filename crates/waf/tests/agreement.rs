//! The compiled engine against the naive one, on random ACLs and requests.

mod common;
mod naive;

use common::{Sample, b64, compile, visibility};
use palisade_waf::transform::{PreParse, Transformation};
use palisade_waf::{Bump, Terminating};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const SET: &str = "arn:aws:wafv2:eu-west-1:111122223333:regional/ipset/s/1";
const PATTERNS: &str = "arn:aws:wafv2:eu-west-1:111122223333:regional/regexpatternset/s/1";
const REGEXES: [&str; 8] = [
    "ab+c",
    "(?i)select",
    "^/a",
    "passwd$",
    "[0-9]{3}",
    "a|bcd",
    "x.y",
    "<script",
];

/// Pieces that the statements look for and requests are made of, so that they meet.
const PIECES: [&str; 36] = [
    "a",
    "b",
    "abc",
    "abbc",
    "SELECT",
    "select",
    "/",
    "//",
    "/../",
    "./",
    "passwd",
    "123",
    "<script>",
    "%3Cscript",
    "%253c",
    "&lt;script",
    "/*",
    "*/",
    "--",
    "\\u0061",
    "\\x41",
    "0x6162",
    "YWJj",
    "616263",
    "+",
    " ",
    "\t",
    "\0",
    "é",
    "%u0061",
    "bot",
    "_",
    ";",
    "=",
    "&",
    "'\"",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(select(&PIECES[..]), 0..6).prop_map(|pieces| pieces.concat())
}

fn name() -> impl Strategy<Value = String> {
    select(vec!["id", "q", "X-A", "cookie", "sid", "Host"]).prop_map(str::to_owned)
}

fn chain() -> impl Strategy<Value = Value> {
    prop::collection::vec(select(Transformation::ALL), 1..4).prop_map(|kinds| {
        let entry = |(index, kind): (usize, &Transformation)| json!({"Priority": 9 - index, "Type": kind.name()});
        kinds.iter().enumerate().map(entry).collect()
    })
}

fn map_field(
    kind: &'static str,
    included: &'static str,
    excluded: &'static str,
) -> impl Strategy<Value = Value> {
    let pattern = prop_oneof![
        Just(json!({"All": {}})),
        name().prop_map(move |name| json!({ included: [name] })),
        name().prop_map(move |name| json!({ excluded: [name] })),
    ];
    let options = (
        pattern,
        select(vec!["ALL", "KEY", "VALUE"]),
        select(vec!["CONTINUE", "MATCH", "NO_MATCH"]),
    );
    options.prop_map(move |(pattern, scope, oversize)| json!({ kind: {"MatchPattern": pattern, "MatchScope": scope, "OversizeHandling": oversize} }))
}

fn json_field() -> impl Strategy<Value = Value> {
    let pattern = select(vec![
        json!({"All": {}}),
        json!({"IncludedPaths": ["/a"]}),
        json!({"IncludedPaths": ["/a/b", "/c/0"]}),
        json!({"IncludedPaths": ["/c", "/"]}),
    ]);
    let invalid = select(vec![
        Value::Null,
        json!("MATCH"),
        json!("NO_MATCH"),
        json!("EVALUATE_AS_STRING"),
    ]);
    let options = (
        pattern,
        select(vec!["ALL", "KEY", "VALUE"]),
        invalid,
        select(vec!["CONTINUE", "MATCH", "NO_MATCH"]),
    );
    options.prop_map(|(pattern, scope, invalid, oversize)| {
        let mut field =
            json!({"MatchPattern": pattern, "MatchScope": scope, "OversizeHandling": oversize});
        if !invalid.is_null() {
            field["InvalidFallbackBehavior"] = invalid;
        }
        json!({ "JsonBody": field })
    })
}

fn field() -> impl Strategy<Value = Value> {
    let oversize = || select(vec!["CONTINUE", "MATCH", "NO_MATCH"]);
    let fallback = || select(vec!["MATCH", "NO_MATCH"]);
    prop_oneof![
        2 => select(vec!["UriPath", "QueryString", "Method"]).prop_map(|kind| json!({ kind: {} })),
        2 => Just(json!({"AllQueryArguments": {}})),
        2 => name().prop_map(|name| json!({"SingleQueryArgument": {"Name": name}})),
        1 => name().prop_map(|name| json!({"SingleHeader": {"Name": name}})),
        2 => oversize().prop_map(|handling| json!({"Body": {"OversizeHandling": handling}})),
        1 => oversize().prop_map(|handling| json!({"HeaderOrder": {"OversizeHandling": handling}})),
        1 => fallback().prop_map(|fallback| json!({"UriFragment": {"FallbackBehavior": fallback}})),
        1 => fallback().prop_map(|fallback| json!({"JA3Fingerprint": {"FallbackBehavior": fallback}})),
        2 => map_field("Headers", "IncludedHeaders", "ExcludedHeaders"),
        2 => map_field("Cookies", "IncludedCookies", "ExcludedCookies"),
        3 => json_field(),
    ]
}

fn test() -> impl Strategy<Value = (&'static str, Value)> {
    let position = select(vec!["EXACTLY", "STARTS_WITH", "ENDS_WITH", "CONTAINS"]);
    let bytes = (
        text().prop_filter("not empty", |text| !text.is_empty()),
        position,
    )
        .prop_map(|(text, position)| {
            (
                "ByteMatchStatement",
                json!({"SearchString": b64(text), "PositionalConstraint": position}),
            )
        });
    let word = select(vec!["abc", "bot", "select", "a", "123"]).prop_map(|word| {
        (
            "ByteMatchStatement",
            json!({"SearchString": b64(word), "PositionalConstraint": "CONTAINS_WORD"}),
        )
    });
    let size = (select(vec!["EQ", "NE", "LE", "LT", "GE", "GT"]), 0u64..20).prop_map(
        |(operator, size)| {
            (
                "SizeConstraintStatement",
                json!({"ComparisonOperator": operator, "Size": size}),
            )
        },
    );
    let regex = select(&REGEXES[..])
        .prop_map(|pattern| ("RegexMatchStatement", json!({"RegexString": pattern})));
    let set = Just((
        "RegexPatternSetReferenceStatement",
        json!({"ARN": PATTERNS}),
    ));
    prop_oneof![4 => bytes, 1 => word, 1 => size, 2 => regex, 1 => set]
}

fn leaf() -> impl Strategy<Value = Value> {
    let pre_parse = prop::collection::vec(select(PreParse::ALL), 1..3);
    let on_field = (field(), chain(), test(), prop::option::weighted(0.3, pre_parse)).prop_map(|(field, chain, (name, mut more), pre_parse)| {
        let arguments = field.get("AllQueryArguments").or(field.get("SingleQueryArgument")).is_some();
        if let (Some(kinds), true) = (pre_parse, arguments) {
            let entry = |(index, kind): (usize, &PreParse)| json!({"Priority": index, "Type": kind.name()});
            more["PreParseTextTransformations"] = kinds.iter().enumerate().map(entry).collect();
        }
        more["FieldToMatch"] = field;
        more["TextTransformations"] = chain;
        json!({ name: more })
    });
    let label = select(vec![
        ("LABEL", "x"),
        ("LABEL", "ns:x"),
        ("NAMESPACE", "ns:"),
        ("LABEL", "awswaf:111122223333:webacl:test:ns:x"),
    ])
    .prop_map(|(scope, key)| json!({"LabelMatchStatement": {"Scope": scope, "Key": key}}));
    let address = prop::option::of((
        select(vec!["FIRST", "LAST", "ANY"]),
        select(vec!["MATCH", "NO_MATCH"]),
    ))
    .prop_map(|forwarded| {
        let mut statement = json!({"ARN": SET});
        if let Some((position, fallback)) = forwarded {
            statement["IPSetForwardedIPConfig"] =
                json!({"HeaderName": "X-A", "Position": position, "FallbackBehavior": fallback});
        }
        json!({ "IPSetReferenceStatement": statement })
    });
    prop_oneof![12 => on_field, 1 => label, 1 => address]
}

fn statement() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several
                .clone()
                .prop_map(|parts| json!({"AndStatement": {"Statements": parts}})),
            several.prop_map(|parts| json!({"OrStatement": {"Statements": parts}})),
            inner.prop_map(|part| json!({"NotStatement": {"Statement": part}})),
        ]
    })
}

fn bundle() -> impl Strategy<Value = Value> {
    let action = select(vec!["Allow", "Block", "Count", "Count"]);
    let labels = prop::option::of(select(vec!["x", "zx", "ns:x", "ns:y", "y:ns:x", "yns:x"]));
    let rules = prop::collection::vec((statement(), action, labels), 1..7);
    (rules, select(vec!["Allow", "Block"])).prop_map(|(rules, default)| {
        let rule = |(index, (statement, action, label)): (usize, &(Value, &str, Option<&str>))| {
            let labels: Vec<Value> = label.iter().map(|label| json!({"Name": label})).collect();
            json!({"Name": format!("r{index}"), "Priority": index * 3, "Statement": statement, "Action": { *action: {} },
                "RuleLabels": labels, "VisibilityConfig": visibility()})
        };
        let rules: Vec<Value> = rules.iter().enumerate().map(rule).collect();
        json!({
            "WebACL": {"Name": "test", "ARN": "arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/test/a", "DefaultAction": { default: {} },
                "VisibilityConfig": visibility(), "Rules": rules},
            "IPSets": [{"Name": "s", "ARN": SET, "IPAddressVersion": "IPV4", "Addresses": ["192.0.2.0/25", "10.0.0.0/7"]}],
            "RegexPatternSets": [{"ARN": PATTERNS, "RegularExpressionList": [{"RegexString": REGEXES[0]}, {"RegexString": REGEXES[1]}, {"RegexString": REGEXES[4]}]}],
        })
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let value = || {
        prop_oneof![
            text().prop_map(|text| json!(text)),
            Just(json!(12.5)),
            Just(json!(null)),
            Just(json!([["a"], {"b": "abc"}]))
        ]
    };
    let valid = prop::collection::vec((select(vec!["a", "b", "c", ""]), value()), 0..4).prop_map(
        |members| {
            let member = |(key, value): &(&str, Value)| format!("{}:{value}", json!(key));
            format!(
                "{{{}}}",
                members.iter().map(member).collect::<Vec<_>>().join(",")
            )
            .into_bytes()
        },
    );
    let broken = (
        valid.clone(),
        0usize..60,
        select(vec![
            "",
            "\\",
            "\"",
            ":",
            ",",
            "}",
            "x",
            "\\u00",
            "\\ud83d\\ude00",
        ]),
    )
        .prop_map(|(mut body, at, with)| {
            let at = at.min(body.len());
            body.splice(at..at, with.bytes());
            body
        });
    let cut = (valid.clone(), 0usize..60).prop_map(|(mut body, at)| {
        body.truncate(at);
        body
    });
    let long = (text(), 7000usize..9500).prop_map(|(text, length)| {
        format!("{{\"a\":\"{}{text}\"}}", "a".repeat(length)).into_bytes()
    });
    prop_oneof![2 => Just(vec![]), 2 => text().prop_map(String::into_bytes), 3 => valid, 3 => broken, 1 => cut, 1 => long]
}

fn sample() -> impl Strategy<Value = Sample> {
    let pair = || (name(), text()).prop_map(|(name, value)| format!("{name}={value}"));
    let query = prop::option::of(
        prop::collection::vec(prop_oneof![4 => pair(), 1 => text()], 0..4)
            .prop_map(|pairs| pairs.join("&")),
    );
    let header = prop_oneof![
        3 => (name(), text()),
        1 => prop::collection::vec(pair(), 1..3).prop_map(|pairs| ("Cookie".to_owned(), pairs.join("; "))),
        1 => select(vec!["192.0.2.7", "9.9.9.9, 11.1.1.1", "unknown", "192.0.2.1,x"]).prop_map(|value| ("x-a".to_owned(), value.to_owned())),
        1 => (1000usize..9000).prop_map(|length| ("Large".to_owned(), "a".repeat(length))),
    ];
    let headers = prop_oneof![
        12 => prop::collection::vec(header, 0..5),
        1 => Just((0..205).map(|number| (format!("h{number}"), if number < 200 { "y" } else { "abc" }.to_owned())).collect::<Vec<_>>()),
    ];
    let fragment = prop::option::weighted(0.2, text());
    let client = select(vec![
        "192.0.2.1",
        "192.0.2.200",
        "11.255.0.1",
        "2001:db8::1",
    ]);
    (
        text(),
        query,
        fragment,
        headers,
        body(),
        client,
        prop::option::of(Just("abc".to_owned())),
    )
        .prop_map(|(path, query, fragment, headers, body, client, ja3)| {
            // What the target's parts are made of must not end them.
            let path = path.replace(['?', '#'], "");
            let query = query.map_or(String::new(), |query| {
                format!("?{}", query.replace('#', ""))
            });
            let fragment = fragment.map_or(String::new(), |fragment| format!("#{fragment}"));
            Sample {
                method: "POST".into(),
                uri: format!("/{path}{query}{fragment}"),
                headers,
                body,
                client: client.parse().unwrap(),
                ja3,
            }
        })
}

/// Whether what holds says where, and what it shows has the length it says.
fn is_told(reason: &palisade_waf::Reason) -> bool {
    let shown = reason.found.as_ref().is_none_or(|found| {
        let length = found.bytes.1 - found.bytes.0;
        reason.holds && (length > 64 || found.text.len() >= length)
    });
    shown && reason.parts.iter().all(is_told)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compiled_and_naive_decide_the_same((bundle, samples) in (bundle(), prop::collection::vec(sample(), 1..4))) {
        let compiled = compile(&bundle).unwrap();
        for sample in &samples {
            let expected = naive::decide(&bundle, sample);
            let decision = sample.decide(&compiled);
            let (explained, explanation) = sample.explain(&compiled);
            let rule = match &decision.terminating {
                Terminating::Default => None,
                Terminating::Rule(found) => Some(found.rule.to_string()),
            };
            let counted = decision.non_terminating.iter().map(|found| found.rule.to_string()).collect();
            let ours = naive::Answer { action: decision.verdict.name().into(), rule, labels: decision.labels.clone(), counted };
            prop_assert_eq!(&ours, &expected, "{:?}", sample);
            prop_assert_eq!(&explained, &decision, "explaining changes nothing");
            let matched = explanation.rules.iter().filter(|rule| rule.matched).count();
            prop_assert_eq!(matched, ours.counted.len() + usize::from(ours.rule.is_some()));
            prop_assert!(explanation.rules.iter().all(|rule| rule.matched == rule.reason.holds));
            prop_assert!(explanation.rules.iter().all(|rule| is_told(&rule.reason)));
        }
    }

    #[test]
    fn transformations_agree_on_any_bytes(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), text().prop_map(String::into_bytes),
        "[\\\\/.a&#;xu0-9lt%*+ '\"^(,-]{0,30}".prop_map(String::into_bytes)])
    {
        let arena = Bump::new();
        for kind in Transformation::ALL {
            let (ours, theirs) = (kind.apply(&bytes, &arena), naive::apply(kind.name(), &bytes));
            prop_assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string(), "{} of {}", kind.name(), bytes.escape_ascii());
        }
        for kind in PreParse::ALL {
            let (ours, theirs) = (kind.apply(&bytes, &arena), naive::prepare(kind.name(), &bytes));
            prop_assert_eq!(ours.escape_ascii().to_string(), theirs.escape_ascii().to_string(), "{} of {}", kind.name(), bytes.escape_ascii());
        }
    }
}
