//! Actions, groups, responses, tokens: what a match leads to.

mod common;

use std::sync::Arc;

use common::{Sample, acl, compile, compile_in, contains, rule, visibility};
use palisade_waf::detect::{Environment, ManagedGroups};
use palisade_waf::model::RuleGroup;
use palisade_waf::{Acl, Document, Terminating, TokenFailure, TokenState, Verdict};
use serde_json::{Value, json};

const GROUP: &str = "arn:aws:wafv2:eu-west-1:111122223333:regional/rulegroup/g/1";

fn on_path(text: &str) -> Value {
    contains(json!({"UriPath": {}}), text)
}

fn acting(name: &str, priority: u32, text: &str, action: Value) -> Value {
    let mut rule = rule(name, priority, on_path(text));
    rule["Action"] = action;
    rule
}

fn inserting(name: &str, value: &str) -> Value {
    json!({"CustomRequestHandling": {"InsertHeaders": [{"Name": name, "Value": value}]}})
}

/// The name of the rule that decided.
fn decider(acl: &Acl, uri: &str) -> (String, Option<String>) {
    match Sample::get(uri).decide(acl).terminating {
        Terminating::Default => ("default".into(), None),
        Terminating::Rule(found) => (
            found.rule.to_string(),
            found.in_group.map(|group| group.rule.to_string()),
        ),
    }
}

#[test]
fn rules_run_by_priority_until_one_decides() {
    let rules = vec![
        acting("late", 30, "a", json!({"Block": {}})),
        acting("count", 10, "a", json!({"Count": inserting("seen", "1")})),
        acting("allow", 20, "ab", json!({"Allow": inserting("ok", "2")})),
    ];
    let compiled = compile(&acl(rules)).unwrap();
    assert_eq!(decider(&compiled, "/ab").0, "allow");
    assert_eq!(decider(&compiled, "/a").0, "late");
    assert_eq!(decider(&compiled, "/x").0, "default");
    let decision = Sample::get("/ab").decide(&compiled);
    let inserted: Vec<_> = decision
        .insert_headers
        .iter()
        .map(|header| (header.name.as_str(), header.value.as_str()))
        .collect();
    assert_eq!(inserted, [("seen", "1"), ("ok", "2")]);
    assert_eq!(
        (
            decision.non_terminating.len(),
            decision.non_terminating[0].action
        ),
        (1, "COUNT")
    );
    assert!(
        Sample::get("/a")
            .decide(&compiled)
            .insert_headers
            .is_empty(),
        "a blocked request gets no headers"
    );
}

#[test]
fn a_default_of_block_answers_what_it_says() {
    let mut blocking = acl(vec![acting("allow", 0, "ok", json!({"Allow": {}}))]);
    let response = json!({"ResponseCode": 429, "CustomResponseBodyKey": "late", "ResponseHeaders": [{"Name": "Retry-After", "Value": "60"}]});
    blocking["DefaultAction"] = json!({"Block": {"CustomResponse": response}});
    blocking["CustomResponseBodies"] =
        json!({"late": {"ContentType": "APPLICATION_JSON", "Content": "{}"}});
    let compiled = compile(&blocking).unwrap();
    assert!(!Sample::get("/ok").blocked(&compiled));
    let Verdict::Block(answer) = Sample::get("/").decide(&compiled).verdict else {
        panic!()
    };
    assert_eq!(
        (answer.status, answer.body),
        (429, Some(("application/json", "{}".to_owned())))
    );
    assert_eq!(answer.headers[0].name, "Retry-After");
    blocking["CustomResponseBodies"] = Value::Null;
    assert_eq!(
        compile(&blocking).unwrap_err().code(),
        "WAFInvalidParameterException"
    );
}

#[test]
fn a_challenge_goes_on_with_a_fresh_token_only() {
    let mut challenging = acl(vec![
        acting(
            "challenge",
            0,
            "/",
            json!({"Challenge": inserting("solved", "1")}),
        ),
        acting("block", 1, "bad", json!({"Block": {}})),
    ]);
    challenging["Rules"][0]["RuleLabels"] = json!([{"Name": "asked"}]);
    challenging["ChallengeConfig"] = json!({"ImmunityTimeProperty": {"ImmunityTime": 600}});
    let compiled = compile(&challenging).unwrap();
    let now_s = 1_000_000;
    let reason = |token| match Sample::get("/").decide_with(&compiled, token).verdict {
        Verdict::Challenge {
            reason,
            immunity_s: 600,
            captcha: false,
        } => Some(reason),
        Verdict::Allow => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(TokenState::Missing), Some(TokenFailure::Missing));
    assert_eq!(reason(TokenState::Invalid), Some(TokenFailure::Invalid));
    assert_eq!(
        reason(TokenState::DomainMismatch),
        Some(TokenFailure::DomainMismatch)
    );
    assert_eq!(
        reason(TokenState::Solved { at_s: now_s - 600 }),
        Some(TokenFailure::Expired)
    );
    assert_eq!(reason(TokenState::Solved { at_s: now_s - 599 }), None);
    let solved = Sample::get("/").decide_with(&compiled, TokenState::Solved { at_s: now_s });
    assert_eq!(
        (
            solved.insert_headers[0].name.as_str(),
            solved.labels.len(),
            solved.non_terminating[0].action
        ),
        ("solved", 1, "CHALLENGE")
    );
    let later = Sample::get("/bad").decide_with(&compiled, TokenState::Solved { at_s: now_s });
    assert!(
        matches!(later.verdict, Verdict::Block(_)),
        "evaluation goes on"
    );
    challenging["Rules"][0]["ChallengeConfig"] =
        json!({"ImmunityTimeProperty": {"ImmunityTime": 300}});
    let own = compile(&challenging).unwrap();
    let verdict = Sample::get("/")
        .decide_with(&own, TokenState::Solved { at_s: now_s - 400 })
        .verdict;
    assert!(
        matches!(
            verdict,
            Verdict::Challenge {
                reason: TokenFailure::Expired,
                immunity_s: 300,
                ..
            }
        ),
        "the rule's time before the ACL's"
    );
}

#[test]
fn a_setting_without_effect_is_taken_with_a_warning() {
    let mut document = acl(Vec::new());
    assert!(compile(&document).unwrap().warnings().is_empty());
    document["DataProtectionConfig"] = json!({"DataProtections": []});
    let compiled = compile(&document).unwrap();
    assert_eq!(
        compiled.warnings(),
        ["DataProtectionConfig has no effect here"]
    );
}

#[test]
fn captcha_acts_as_challenge_and_says_so() {
    let compiled = compile(&acl(vec![acting(
        "captcha",
        0,
        "/",
        json!({"Captcha": {}}),
    )]))
    .unwrap();
    assert_eq!(
        compiled.warnings(),
        ["rule captcha: Captcha acts as Challenge"]
    );
    assert!(matches!(
        Sample::get("/").decide(&compiled).verdict,
        Verdict::Challenge { captcha: true, .. }
    ));
}

fn group() -> Value {
    let mut labelled = acting("labels", 0, "/", json!({"Count": {}}));
    labelled["RuleLabels"] = json!([{"Name": "seen"}]);
    let rules = vec![
        labelled,
        acting("blocks", 1, "bad", json!({"Block": {}})),
        acting("allows", 2, "good", json!({"Allow": {}})),
    ];
    json!({"Name": "g", "ARN": GROUP, "Capacity": 100, "VisibilityConfig": visibility(), "Rules": rules})
}

fn using(reference: Value, action: Value) -> Value {
    let mut statement = json!({"ARN": GROUP});
    statement
        .as_object_mut()
        .unwrap()
        .extend(reference.as_object().unwrap().clone());
    let referring = json!({"Name": "uses", "Priority": 0, "OverrideAction": action, "VisibilityConfig": visibility(),
        "Statement": {"RuleGroupReferenceStatement": statement}});
    let label = json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": "awswaf:111122223333:rulegroup:g:seen"}});
    let mut after = rule("after", 1, label);
    after["Action"] = json!({"Count": {}});
    json!({"WebACL": acl(vec![referring, after]), "RuleGroups": [group()]})
}

#[test]
fn a_groups_rule_decides_for_the_acl() {
    let compiled = compile(&using(json!({}), json!({"None": {}}))).unwrap();
    assert_eq!(
        decider(&compiled, "/bad/good"),
        ("uses".into(), Some("blocks".into()))
    );
    assert_eq!(
        decider(&compiled, "/good"),
        ("uses".into(), Some("allows".into()))
    );
    assert_eq!(compiled.capacity(), 101, "a group counts as it declares");
    let decision = Sample::get("/").decide(&compiled);
    assert_eq!(decision.labels, ["awswaf:111122223333:rulegroup:g:seen"]);
    assert_eq!(
        decision.groups[0].non_terminating,
        [("labels".into(), "COUNT")]
    );
    assert_eq!(
        &*decision.non_terminating[0].rule, "after",
        "labels of a group are seen by later rules"
    );
}

#[test]
fn a_groups_result_or_its_rules_are_overridden() {
    let counted = compile(&using(json!({}), json!({"Count": {}}))).unwrap();
    let decision = Sample::get("/bad").decide(&counted);
    assert!(decision.verdict.passes());
    assert_eq!(
        (
            decision.non_terminating[0].action,
            decision.non_terminating[0].overridden
        ),
        ("COUNT", Some("BLOCK"))
    );
    let excluded = compile(&using(
        json!({"ExcludedRules": [{"Name": "blocks"}]}),
        json!({"None": {}}),
    ))
    .unwrap();
    assert_eq!(decider(&excluded, "/bad/good").1, Some("allows".into()));
    let to_allow =
        json!({"RuleActionOverrides": [{"Name": "blocks", "ActionToUse": {"Allow": {}}}]});
    let overridden = compile(&using(to_allow, json!({"None": {}}))).unwrap();
    assert!(Sample::get("/bad").decide(&overridden).verdict.passes());
    let unknown =
        json!({"RuleActionOverrides": [{"Name": "nobody", "ActionToUse": {"Count": {}}}]});
    assert_eq!(
        compile(&using(unknown, json!({"None": {}})))
            .unwrap_err()
            .code(),
        "WAFInvalidParameterException"
    );
}

struct Shelf(Arc<RuleGroup>);

impl ManagedGroups for Shelf {
    fn find(&self, vendor: &str, name: &str, version: Option<&str>) -> Option<Arc<RuleGroup>> {
        (vendor == "Test" && name == "G" && version.is_none_or(|version| version == "1"))
            .then(|| self.0.clone())
    }
}

#[test]
fn managed_groups_are_found_by_vendor_name_and_version() {
    let parsed = Document::parse(group().to_string().as_bytes()).unwrap();
    let shelf = Shelf(Arc::new(parsed.rule_groups[GROUP].clone()));
    let environment = Environment {
        managed: Some(Arc::new(shelf)),
        ..Environment::default()
    };
    let using = |more: Value| {
        let mut statement = json!({"VendorName": "Test", "Name": "G"});
        statement
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let rule = json!({"Name": "managed", "Priority": 0, "OverrideAction": {"None": {}}, "VisibilityConfig": visibility(),
            "Statement": {"ManagedRuleGroupStatement": statement}});
        compile_in(&acl(vec![rule]), &environment)
    };
    assert!(Sample::get("/bad").blocked(&using(json!({})).unwrap()));
    let scoped = using(json!({"ScopeDownStatement": on_path("api"), "Version": "1"})).unwrap();
    assert!(Sample::get("/api/bad").blocked(&scoped) && !Sample::get("/bad").blocked(&scoped));
    let missing = using(json!({"Version": "2"})).unwrap_err();
    assert_eq!(
        (missing.code(), missing.to_string()),
        (
            "WAFNonexistentItemException",
            "there is no managed rule group Test G 2".to_owned()
        )
    );
    let unknown = using(json!({"ExcludedRules": [{"Name": "Nobody"}]})).unwrap();
    assert_eq!(
        unknown.warnings(),
        [format!(
            "rule managed: {GROUP} has no rule Nobody; its override does nothing"
        )]
    );
    assert_eq!(compile(&acl(vec![])).unwrap().warnings().len(), 0);
}

#[test]
fn firewall_manager_groups_run_before_and_after() {
    let mut bundle = using(json!({}), json!({"None": {}}));
    let group = |name: &str| {
        json!([{"Name": name, "Priority": 0, "OverrideAction": {"None": {}}, "VisibilityConfig": visibility(),
        "FirewallManagerStatement": {"RuleGroupReferenceStatement": {"ARN": GROUP}}}])
    };
    bundle["WebACL"]["PreProcessFirewallManagerRuleGroups"] = group("before");
    assert_eq!(decider(&compile(&bundle).unwrap(), "/bad").0, "before");
    bundle["WebACL"]["PreProcessFirewallManagerRuleGroups"] = Value::Null;
    bundle["WebACL"]["Rules"] = json!([]);
    bundle["WebACL"]["PostProcessFirewallManagerRuleGroups"] = group("behind");
    assert_eq!(decider(&compile(&bundle).unwrap(), "/bad").0, "behind");
}

#[test]
fn an_explanation_tells_of_every_rule_what_it_found_where() {
    let decoded = common::transformed(
        json!({"AllQueryArguments": {}}),
        &["URL_DECODE", "LOWERCASE"],
        "RegexMatchStatement",
        json!({"RegexString": "un.on"}),
    );
    let both = json!({"AndStatement": {"Statements": [on_path("nowhere"), decoded.clone()]}});
    let compiled = compile(&acl(vec![
        rule("both", 0, both),
        rule("regex", 1, decoded),
        rule("never", 2, on_path("/")),
    ]))
    .unwrap();
    let (decision, explanation) = Sample::get("/p?id=1&q=a%20UNION").explain(&compiled);
    assert!(!decision.verdict.passes());
    let [first, second] = &explanation.rules[..] else {
        panic!()
    };
    assert!(
        !first.matched
            && first.reason.because == "1 of 2 parts hold"
            && first.reason.parts[0].because == "not in its one value"
    );
    let found = second.reason.found.as_ref().unwrap();
    assert_eq!(
        (found.place.as_deref(), found.bytes, found.text.as_str()),
        (Some("q"), (2, 7), "union")
    );
    assert_eq!(found.transformations, ["URL_DECODE", "LOWERCASE"]);
    assert_eq!(explanation.not_evaluated, ["never"]);
}
