//! The 14 fields: what each statement looks at.

mod common;

use common::{Sample, contains, matches, on};
use serde_json::{Value, json};

fn size(field: Value, comparison: &str, size: u64) -> Value {
    on(
        field,
        "SizeConstraintStatement",
        json!({"ComparisonOperator": comparison, "Size": size}),
    )
}

#[test]
fn method_path_query_and_fragment_are_the_parts_of_the_target() {
    let sample = Sample::get("/a/b?x=1&y=2#frag");
    for (field, text) in [
        ("Method", "GET"),
        ("UriPath", "/a/b"),
        ("QueryString", "x=1&y=2"),
        ("UriFragment", "frag"),
    ] {
        let exactly = on(
            json!({field: {}}),
            "ByteMatchStatement",
            json!({"SearchString": common::b64(text), "PositionalConstraint": "EXACTLY"}),
        );
        assert!(matches(exactly, &sample), "{field}");
    }
    let absolute = Sample::get("http://host:80/p?q");
    assert!(
        matches(size(json!({"UriPath": {}}), "EQ", 2), &absolute)
            && matches(contains(json!({"UriPath": {}}), "/p"), &absolute)
    );
}

#[test]
fn a_missing_field_never_matches() {
    let sample = Sample::get("/");
    for field in [
        json!({"QueryString": {}}),
        json!({"SingleHeader": {"Name": "x"}}),
        json!({"Body": {}}),
        json!({"UriFragment": {}}),
        json!({"SingleQueryArgument": {"Name": "x"}}),
        json!({"AllQueryArguments": {}}),
    ] {
        assert!(!matches(size(field.clone(), "GE", 0), &sample), "{field}");
        assert!(matches(
            json!({"NotStatement": {"Statement": size(field, "GE", 0)}}),
            &sample
        ));
    }
}

#[test]
fn headers_are_named_without_case_and_all_their_values_count() {
    let sample = Sample::get("/").header("X-A", "one").header("x-a", "two");
    let field = json!({"SingleHeader": {"Name": "x-A"}});
    assert!(
        matches(contains(field.clone(), "one"), &sample)
            && matches(contains(field, "two"), &sample)
    );
}

#[test]
fn arguments_are_named_without_case_and_nameless_ones_are_values() {
    let sample = Sample::get("/?City=Rome&city=Oslo&&%3Cb%3E&=x");
    let city = json!({"SingleQueryArgument": {"Name": "CITY"}});
    assert!(
        matches(contains(city.clone(), "Rome"), &sample)
            && matches(contains(city, "Oslo"), &sample)
    );
    let all = json!({"AllQueryArguments": {}});
    assert!(
        matches(contains(all.clone(), "%3Cb"), &sample) && !matches(contains(all, "City"), &sample)
    );
    assert!(matches(
        size(json!({"SingleQueryArgument": {"Name": "flag"}}), "EQ", 0),
        &Sample::get("/?flag")
    ));
}

#[test]
fn query_strings_are_prepared_before_they_are_split() {
    let sample = Sample::get("/?a=1%26b=evil;c=2");
    let argument = |name: &str, pre_parse: &str| {
        let more = json!({"SearchString": common::b64("evil"), "PositionalConstraint": "EXACTLY",
            "PreParseTextTransformations": [{"Priority": 1, "Type": "REPLACE_SEMICOLONS_WITH_AMPERSANDS"}, {"Priority": 0, "Type": pre_parse}]});
        on(
            json!({"SingleQueryArgument": {"Name": name}}),
            "ByteMatchStatement",
            more,
        )
    };
    assert!(
        matches(argument("b", "URL_DECODE"), &sample) && !matches(argument("b", "NONE"), &sample)
    );
}

#[test]
fn headers_and_cookies_are_selected_by_name_and_scope() {
    let headers = |pattern: Value, scope: &str| json!({"Headers": {"MatchPattern": pattern, "MatchScope": scope, "OversizeHandling": "CONTINUE"}});
    let sample = Sample::get("/")
        .header("X-One", "alpha")
        .header("Cookie", "sid=beta; Theme=gamma; bare");
    assert!(matches(
        contains(headers(json!({"All": {}}), "VALUE"), "alpha"),
        &sample
    ));
    assert!(!matches(
        contains(headers(json!({"All": {}}), "KEY"), "alpha"),
        &sample
    ));
    assert!(matches(
        contains(
            headers(json!({"IncludedHeaders": ["x-one"]}), "KEY"),
            "X-One"
        ),
        &sample
    ));
    assert!(!matches(
        contains(
            headers(json!({"ExcludedHeaders": ["x-ONE"]}), "ALL"),
            "alpha"
        ),
        &sample
    ));
    let cookies = |pattern: Value, scope: &str| json!({"Cookies": {"MatchPattern": pattern, "MatchScope": scope, "OversizeHandling": "CONTINUE"}});
    assert!(matches(
        contains(
            cookies(json!({"IncludedCookies": ["sid"]}), "VALUE"),
            "beta"
        ),
        &sample
    ));
    assert!(
        !matches(
            contains(
                cookies(json!({"IncludedCookies": ["SID"]}), "VALUE"),
                "beta"
            ),
            &sample
        ),
        "cookies' names have case"
    );
    assert!(matches(
        contains(cookies(json!({"ExcludedCookies": ["sid"]}), "ALL"), "Theme"),
        &sample
    ));
    assert!(matches(
        contains(cookies(json!({"All": {}}), "VALUE"), "bare"),
        &sample
    ));
}

#[test]
fn header_order_is_names_with_colons() {
    let sample = Sample::get("/")
        .header("Host", "a")
        .header("User-Agent", "b");
    let exactly = on(
        json!({"HeaderOrder": {"OversizeHandling": "MATCH"}}),
        "ByteMatchStatement",
        json!({"SearchString": common::b64("host:user-agent"), "PositionalConstraint": "EXACTLY"}),
    );
    assert!(matches(exactly, &sample));
}

#[test]
fn what_is_too_long_is_handled_as_asked() {
    let body = |handling: &str, text: &str| {
        contains(json!({"Body": {"OversizeHandling": handling}}), text)
    };
    let long = Sample::get("/").body([&b"start"[..], &vec![b'a'; 9000], b"tail"].concat());
    assert!(matches(body("MATCH", "nowhere"), &long) && !matches(body("NO_MATCH", "start"), &long));
    assert!(matches(body("CONTINUE", "start"), &long) && !matches(body("CONTINUE", "tail"), &long));
    let exact = Sample::get("/").body(vec![b'a'; 8192]);
    assert!(!matches(body("MATCH", "nowhere"), &exact) && matches(body("NO_MATCH", "a"), &exact));
    let headers = |handling: &str, text: &str| {
        contains(
            json!({"Headers": {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "OversizeHandling": handling}}),
            text,
        )
    };
    let many = (0..201).fold(Sample::get("/"), |sample, number| {
        sample.header(&format!("h{number}"), "v")
    });
    assert!(
        matches(headers("MATCH", "nowhere"), &many)
            && !matches(headers("CONTINUE", "h200"), &many)
            && matches(headers("CONTINUE", "h199"), &many)
    );
    let large = Sample::get("/")
        .header("big", &"x".repeat(8190))
        .header("next", "v");
    assert!(
        matches(headers("MATCH", "nowhere"), &large)
            && !matches(headers("NO_MATCH", "big"), &large)
    );
}

#[test]
fn fingerprints_fall_back_where_there_are_none() {
    let field = |fallback: &str| json!({"JA3Fingerprint": {"FallbackBehavior": fallback}});
    let without = Sample::get("/");
    let with = Sample {
        ja3: Some("abc".into()),
        ..without.clone()
    };
    assert!(
        matches(contains(field("MATCH"), "abc"), &without)
            && !matches(contains(field("NO_MATCH"), "abc"), &without)
    );
    assert!(
        matches(contains(field("NO_MATCH"), "abc"), &with)
            && !matches(contains(field("MATCH"), "x"), &with)
    );
}

fn json_body(pattern: Value, scope: &str, invalid: Option<&str>) -> Value {
    let mut field = json!({"MatchPattern": pattern, "MatchScope": scope});
    if let Some(invalid) = invalid {
        field["InvalidFallbackBehavior"] = invalid.into();
    }
    json!({"JsonBody": field})
}

/// Those of `texts` that are values of the field, whole.
fn seen<'t>(field: &Value, body: &str, texts: &[&'t str]) -> Vec<&'t str> {
    let is_value = |text: &&&str| {
        let exactly = json!({"SearchString": common::b64(text), "PositionalConstraint": "EXACTLY"});
        matches(
            on(field.clone(), "ByteMatchStatement", exactly),
            &Sample::get("/").body(body),
        )
    };
    texts.iter().filter(is_value).copied().collect()
}

#[test]
fn json_pointers_pick_what_is_beneath_them() {
    // The example of the developer guide.
    let body = r#"{"a":{"c":"d","b":{"e":{"f":"g"}}}}"#;
    let all = ["a", "b", "c", "d", "e", "f", "g"];
    let picked = |scope: &str| {
        seen(
            &json_body(json!({"IncludedPaths": ["/a/b"]}), scope, None),
            body,
            &all,
        )
    };
    assert_eq!(
        (picked("ALL"), picked("KEY"), picked("VALUE")),
        (vec!["e", "f", "g"], vec!["e", "f"], vec!["g"])
    );
    let dogs = r#"{"dogs":[{"name":"Rex"},{"name":"Ada"}],"x~y":{"":"deep"},"n":[1,[2,3]],"t":true,"z":null}"#;
    let at = |path: &str| {
        seen(
            &json_body(json!({"IncludedPaths": [path]}), "VALUE", None),
            dogs,
            &["Rex", "Ada", "deep", "1", "2", "3", "true", "null"],
        )
    };
    assert_eq!(at("/dogs/1/name"), ["Ada"]);
    assert_eq!(at("/x~0y/"), ["deep"]);
    assert_eq!(at("/n/1"), ["2", "3"]);
    assert_eq!(at("/n/01"), [""; 0]);
    assert_eq!((at("/t"), at("/z")), (vec!["true"], vec!["null"]));
}

#[test]
fn json_is_read_leniently_and_to_its_break() {
    let field = |invalid| json_body(json!({"All": {}}), "ALL", invalid);
    let words = ["key1", "value1", "key2", "value2", "x", "y"];
    // The developer guide's examples of what can be read.
    for body in [
        r#"{"key1":"value1""key2":"value2"}"#,
        r#"{"key1":"value1","key2""value2"}"#,
        r#"{"key1"::"value1","key2""value2"}"#,
    ] {
        assert_eq!(
            seen(&field(Some("NO_MATCH")), body, &words),
            words[..4],
            "{body}"
        );
    }
    let broken = r#"{"key1":"value1",key2:"x"}"#;
    assert_eq!(seen(&field(None), broken, &words), ["key1", "value1"]);
    assert!(matches(
        contains(field(Some("MATCH")), "nowhere"),
        &Sample::get("/").body(broken)
    ));
    assert!(!matches(
        contains(field(Some("NO_MATCH")), "key1"),
        &Sample::get("/").body(broken)
    ));
    assert!(matches(
        contains(field(Some("EVALUATE_AS_STRING")), "key2:"),
        &Sample::get("/").body(broken)
    ));
    assert_eq!(
        seen(&field(None), r#"{"x":1,"x":"y"}"#, &words),
        ["x", "y"],
        "all members of one key"
    );
    assert_eq!(
        seen(&field(None), r#"["x","y"#, &words),
        ["x", "y"],
        "a string without end"
    );
    assert_eq!(
        seen(&field(Some("NO_MATCH")), r#""x""#, &words),
        [""; 0],
        "the root is an object or a list"
    );
    assert_eq!(
        seen(&field(Some("NO_MATCH")), r#"["x"] y"#, &words),
        [""; 0],
        "nothing may follow"
    );
    assert_eq!(
        seen(
            &field(Some("NO_MATCH")),
            r#"["\u0078","\ud83d\ude00","\ud800"]"#,
            &["x", "😀", "\u{FFFD}"]
        ),
        ["x", "😀", "\u{FFFD}"]
    );
}

#[test]
fn deep_json_is_read_without_recursion() {
    let deep = format!("{}\"x\"", "[".repeat(8000));
    assert!(matches(
        contains(json_body(json!({"All": {}}), "ALL", None), "x"),
        &Sample::get("/").body(deep)
    ));
}
