//! SQL and script statements with Palisade's own detectors.

mod common;

use common::{Sample, acl, compile_in, rule, transformed};
use palisade_waf::detect::Environment;
use serde_json::json;

#[test]
fn sql_and_scripts_are_blocked_and_talk_about_them_is_not() {
    let chain = ["URL_DECODE", "HTML_ENTITY_DECODE"];
    let arguments = || json!({"AllQueryArguments": {}});
    let rules = vec![
        rule(
            "sql",
            0,
            transformed(
                arguments(),
                &chain,
                "SqliMatchStatement",
                json!({"SensitivityLevel": "LOW"}),
            ),
        ),
        rule(
            "script",
            1,
            transformed(arguments(), &chain, "XssMatchStatement", json!({})),
        ),
    ];
    let compiled = compile_in(&acl(rules), &Environment::default().with_detectors()).unwrap();
    assert_eq!(compiled.capacity(), 20 + 40 + 10 + 10 + 20);
    for (uri, by) in [
        ("/item?id=1%27%20OR%20%271%27=%271", "sql"),
        ("/?q=%3Csvg/onload=alert(1)%3E", "script"),
    ] {
        let (decision, explanation) = Sample::get(uri).explain(&compiled);
        assert!(!decision.verdict.passes(), "{uri}");
        let decided = explanation.rules.last().unwrap();
        let found = decided.reason.found.as_ref().unwrap();
        assert_eq!(
            (decided.rule.as_str(), found.reason.is_some()),
            (by, true),
            "{found:?}"
        );
    }
    for uri in [
        "/?name=O%27Neill+or+O%27Brien",
        "/?q=select+the+best+from+our+menu",
        "/?q=a+%3C+b",
        "/",
    ] {
        assert!(!Sample::get(uri).blocked(&compiled), "{uri}");
    }
}
