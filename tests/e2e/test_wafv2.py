"""wafv2: sets, rule groups and web ACLs, with lock tokens, references, quotas and tags; managed groups; what an ACL protects."""

from dataclasses import replace

import pytest
from harness.callers import allow, refused
from harness.edge import rule, sqli, visibility

NOWHERE = "11111111-2222-4333-8444-555555555555"
HERE = {"Scope": "REGIONAL"}
FIRST = {"TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}], "FieldToMatch": {"UriPath": {}}}
MISSING = ("WAFNonexistentItemException", "your resource doesn’t exist")


def block(name: str, priority: int, statement: dict, **more) -> dict:
    return rule(name, priority, statement, **more)


def addresses(account, name="addresses", scope="REGIONAL", **more) -> dict:
    return account.wafv2.create_ip_set(Name=name, Scope=scope, IPAddressVersion="IPV4", Addresses=["192.0.2.0/24"], **more)["Summary"]


def patterns(account, name="patterns", expressions=("^/admin", "\\.php$")) -> dict:
    return account.wafv2.create_regex_pattern_set(Name=name, RegularExpressionList=[{"RegexString": one} for one in expressions], **HERE)["Summary"]


def group(account, *rules: dict, name="group", capacity=100, **more) -> dict:
    return account.wafv2.create_rule_group(Name=name, Capacity=capacity, Rules=list(rules), VisibilityConfig=visibility(name), **(HERE | more))["Summary"]


def acl(account, *rules: dict, name="shop", **more) -> dict:
    parameters = {"DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility(name)} | HERE | more
    return account.wafv2.create_web_acl(Name=name, Rules=list(rules), **parameters)["Summary"]


def of(made: dict, scope="REGIONAL") -> dict:
    return {"Name": made["Name"], "Scope": scope, "Id": made["Id"]}


def locked(made: dict) -> dict:
    return of(made) | {"LockToken": made["LockToken"]}


def listed(made: dict) -> dict:
    """The statement that refers to an IP set."""
    return {"IPSetReferenceStatement": {"ARN": made["ARN"]}}


def test_an_ip_set_is_made_shown_changed_and_deleted(account):
    made = addresses(account, Description="our offices", Tags=[{"Key": "team", "Value": "red"}])
    assert made["ARN"] == f"arn:aws:wafv2:us-east-1:{account.id}:regional/ipset/addresses/{made['Id']}"
    shown = account.wafv2.get_ip_set(**of(made))
    assert shown["LockToken"] == made["LockToken"]
    assert shown["IPSet"] == {"Name": "addresses", "Id": made["Id"], "ARN": made["ARN"], "Description": "our offices", "IPAddressVersion": "IPV4", "Addresses": ["192.0.2.0/24"]}
    next_lock = account.wafv2.update_ip_set(**locked(made), Addresses=["203.0.113.7/32", "198.51.100.0/24"])["NextLockToken"]
    changed = account.wafv2.get_ip_set(**of(made))
    assert changed["LockToken"] == next_lock != made["LockToken"]
    assert changed["IPSet"]["Addresses"] == ["203.0.113.7/32", "198.51.100.0/24"] and changed["IPSet"]["IPAddressVersion"] == "IPV4"
    account.wafv2.delete_ip_set(**of(made), LockToken=next_lock)
    with refused(*MISSING, status=400):
        account.wafv2.get_ip_set(**of(made))
    assert account.wafv2.list_ip_sets(**HERE)["IPSets"] == []


def test_a_change_needs_the_newest_lock_token(account):
    made = addresses(account)
    account.wafv2.update_ip_set(**locked(made), Addresses=[])
    stale = ("WAFOptimisticLockException", "someone changed the resource after you started to edit it")
    with refused(*stale, status=400):
        account.wafv2.update_ip_set(**locked(made), Addresses=["192.0.2.1/32"])
    with refused(*stale):
        account.wafv2.delete_ip_set(**locked(made))
    assert account.wafv2.get_ip_set(**of(made))["IPSet"]["Addresses"] == []


def test_a_name_is_taken_once_a_kind_a_scope_and_a_region(account):
    made = addresses(account)
    with refused("WAFDuplicateItemException", "duplicate of an existing one", status=400):
        addresses(account)
    addresses(account, scope="CLOUDFRONT")
    patterns(account, name="addresses")
    there = replace(account.root, region="eu-west-1").wafv2
    there.create_ip_set(Name="addresses", IPAddressVersion="IPV6", Addresses=["2001:db8::/32"], **HERE)
    with refused(*MISSING):
        there.get_ip_set(**of(made))
    with refused(*MISSING):
        account.wafv2.get_ip_set(**(of(made) | {"Id": NOWHERE}))


def test_the_scope_cloudfront_is_served_in_one_region(account):
    made = addresses(account, scope="CLOUDFRONT")
    assert made["ARN"] == f"arn:aws:wafv2:us-east-1:{account.id}:global/ipset/addresses/{made['Id']}"
    assert account.wafv2.get_ip_set(**of(made, "CLOUDFRONT"))["IPSet"]["Name"] == "addresses"
    there = replace(account.root, region="eu-west-1").wafv2
    for ask in (there.list_ip_sets, there.list_regex_pattern_sets, there.list_rule_groups, there.list_web_acls, there.list_available_managed_rule_groups, there.describe_all_managed_products):
        with refused("WAFInvalidParameterException", "Error reason: The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT", status=400) as caught:
            ask(Scope="CLOUDFRONT")
        assert {name: caught.value.response[name] for name in ("Field", "Parameter", "Reason")} == {"Field": "SCOPE_VALUE", "Parameter": "CLOUDFRONT", "Reason": "The scope is not valid."}
    with refused("WAFInvalidParameterException", "SCOPE_VALUE"):
        there.describe_managed_products_by_vendor(VendorName="AWS", Scope="CLOUDFRONT")


@pytest.mark.parametrize(
    ("version", "address"), [("IPV4", "192.0.2.1"), ("IPV4", "2001:db8::/32"), ("IPV4", "0.0.0.0/0"), ("IPV6", "192.0.2.0/24"), ("IPV4", "192.0.2.0/33"), ("IPV4", "text")]
)
def test_an_address_that_is_none_is_refused(account, version, address):
    with refused("WAFInvalidParameterException", address, status=400) as caught:
        account.wafv2.create_ip_set(Name="addresses", IPAddressVersion=version, Addresses=["192.0.2.0/24", address][version == "IPV6":], **HERE)
    assert caught.value.response["Field"] == "IP_ADDRESS"
    assert account.wafv2.list_ip_sets(**HERE)["IPSets"] == []


def test_an_ip_set_holds_ten_thousand_addresses(account):
    many = [f"10.{number // 256}.{number % 256}.0/24" for number in range(10_000)]
    made = account.wafv2.create_ip_set(Name="many", IPAddressVersion="IPV4", Addresses=many, **HERE)["Summary"]
    assert account.wafv2.get_ip_set(**of(made))["IPSet"]["Addresses"] == many
    with refused("WAFLimitsExceededException", "10000 addresses", status=400):
        account.wafv2.update_ip_set(**locked(made), Addresses=[*many, "192.0.2.0/24"])


def test_a_regex_pattern_set_is_made_shown_changed_and_deleted(account):
    made = patterns(account)
    shown = account.wafv2.get_regex_pattern_set(**of(made))["RegexPatternSet"]
    assert shown == {"Name": "patterns", "Id": made["Id"], "ARN": made["ARN"], "Description": "", "RegularExpressionList": [{"RegexString": "^/admin"}, {"RegexString": "\\.php$"}]}
    with refused("WAFInvalidParameterException", "field: ", status=400):
        account.wafv2.update_regex_pattern_set(**locked(made), RegularExpressionList=[{"RegexString": "(a)\\1"}])
    lock = account.wafv2.update_regex_pattern_set(**locked(made), RegularExpressionList=[{"RegexString": "b"}])["NextLockToken"]
    assert account.wafv2.get_regex_pattern_set(**of(made))["RegexPatternSet"]["RegularExpressionList"] == [{"RegexString": "b"}]
    with refused("WAFOptimisticLockException"):
        account.wafv2.delete_regex_pattern_set(**locked(made))
    account.wafv2.delete_regex_pattern_set(**of(made), LockToken=lock)
    with refused(*MISSING):
        account.wafv2.get_regex_pattern_set(**of(made))


def test_an_account_has_ten_regex_pattern_sets_of_ten_patterns(account):
    with refused("WAFLimitsExceededException", "10 patterns"):
        patterns(account, expressions=[f"a{number}" for number in range(11)])
    for number in range(10):
        patterns(account, name=f"patterns-{number}", expressions=[f"a{number}" for number in range(10)])
    assert [one["Name"] for one in account.wafv2.list_regex_pattern_sets(**HERE)["RegexPatternSets"]] == [f"patterns-{number}" for number in range(10)]
    with refused("WAFLimitsExceededException", "10 of the kind RegexPatternSet", status=400):
        patterns(account)


def test_an_account_has_a_hundred_ip_sets_listed_by_name_and_page(account):
    for number in range(100):
        account.wafv2.create_ip_set(Name=f"set-{number:03}", IPAddressVersion="IPV4", Addresses=[], **HERE)
    with refused("WAFLimitsExceededException"):
        addresses(account)
    names, marker = [], {}
    while True:
        page = account.wafv2.list_ip_sets(Limit=40, **HERE, **marker)
        names.append([one["Name"] for one in page["IPSets"]])
        if "NextMarker" not in page:
            break
        assert page["NextMarker"] == names[-1][-1]
        marker = {"NextMarker": page["NextMarker"]}
    # As in AWS, the last page with items names its last one too.
    assert [len(page) for page in names] == [40, 40, 20, 0] and sum(names, []) == [f"set-{number:03}" for number in range(100)]


def test_a_rule_group_is_made_shown_changed_and_deleted(account):
    evil, bad = addresses(account), patterns(account)
    rules = [
        block("listed", 0, listed(evil), RuleLabels=[{"Name": "office"}]),
        block("path", 1, {"RegexPatternSetReferenceStatement": {"ARN": bad["ARN"], **FIRST}}),
        block("seen", 2, {"LabelMatchStatement": {"Scope": "LABEL", "Key": "other:label"}}),
    ]
    made = group(account, *rules, Description="what we block", CustomResponseBodies={"sorry": {"ContentType": "TEXT_PLAIN", "Content": "no"}})
    shown = account.wafv2.get_rule_group(**of(made))
    assert shown["LockToken"] == made["LockToken"] and account.wafv2.get_rule_group(ARN=made["ARN"])["RuleGroup"] == shown["RuleGroup"]
    shown = shown["RuleGroup"]
    assert shown["Rules"] == rules and shown["Capacity"] == 100 and shown["Description"] == "what we block"
    assert shown["CustomResponseBodies"] == {"sorry": {"ContentType": "TEXT_PLAIN", "Content": "no"}}
    space = f"awswaf:{account.id}:rulegroup:group:"
    assert (shown["LabelNamespace"], shown["AvailableLabels"], shown["ConsumedLabels"]) == (space, [{"Name": f"{space}office"}], [{"Name": "other:label"}])
    assert [one["Name"] for one in account.wafv2.list_rule_groups(**HERE)["RuleGroups"]] == ["group"]
    for delete, what in ((account.wafv2.delete_ip_set, evil), (account.wafv2.delete_regex_pattern_set, bad)):
        with refused("WAFAssociatedItemException", "used by another resource", status=400):
            delete(**locked(what))
    lock = account.wafv2.update_rule_group(**locked(made), Rules=rules[1:2], VisibilityConfig=visibility("group"))["NextLockToken"]
    changed = account.wafv2.get_rule_group(**of(made))["RuleGroup"]
    assert changed["Rules"] == rules[1:2] and changed["Capacity"] == 100 and changed["Description"] == "" and "CustomResponseBodies" not in changed
    account.wafv2.delete_ip_set(**locked(evil))
    with refused("WAFOptimisticLockException"):
        account.wafv2.delete_rule_group(**locked(made))
    account.wafv2.delete_rule_group(**of(made), LockToken=lock)
    account.wafv2.delete_regex_pattern_set(**locked(bad))
    with refused(*MISSING):
        account.wafv2.get_rule_group(ARN=made["ARN"])


def test_a_group_declares_enough_capacity_for_good(account):
    costly = block("sql", 0, sqli({"AllQueryArguments": {}}, "URL_DECODE"))
    with refused("WAFLimitsExceededException", "Capacity units", status=400):
        group(account, costly, capacity=39)
    made = group(account, costly, capacity=40)
    with refused("WAFLimitsExceededException", "Capacity units"):
        account.wafv2.update_rule_group(**locked(made), Rules=[costly, block("xss", 1, {"XssMatchStatement": FIRST})], VisibilityConfig=visibility("group"))
    assert account.wafv2.get_rule_group(**of(made))["RuleGroup"]["Rules"] == [costly]


def test_a_web_acl_is_given_back_as_it_was_put(account):
    made_group = group(account, block("listed", 0, listed(addresses(account))))
    rules = [
        block("sql", 0, {"AndStatement": {"Statements": [sqli({"Body": {"OversizeHandling": "MATCH"}}, "URL_DECODE"), {"NotStatement": {"Statement": {"GeoMatchStatement": {"CountryCodes": ["AU"]}}}}]}}),
        {"Name": "ours", "Priority": 1, "Statement": {"RuleGroupReferenceStatement": {"ARN": made_group["ARN"]}}, "OverrideAction": {"None": {}}, "VisibilityConfig": visibility("ours")},
        {"Name": "common", "Priority": 2, "OverrideAction": {"Count": {}}, "VisibilityConfig": visibility("common"),
         "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet", "RuleActionOverrides": [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]}}},
        block("often", 3, {"RateBasedStatement": {"Limit": 100, "EvaluationWindowSec": 60, "AggregateKeyType": "IP"}}),
        block("bytes", 4, {"ByteMatchStatement": {"SearchString": b"\x00\xffadmin", "PositionalConstraint": "CONTAINS", **FIRST}}),
    ]
    more = {
        "CustomResponseBodies": {"sorry": {"ContentType": "TEXT_HTML", "Content": "<p>no</p>"}}, "TokenDomains": ["example.com"], "ChallengeConfig": {"ImmunityTimeProperty": {"ImmunityTime": 600}},
        "AssociationConfig": {"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_32"}}}, "DefaultAction": {"Block": {"CustomResponse": {"ResponseCode": 429, "CustomResponseBodyKey": "sorry"}}},
    }
    made = acl(account, *rules, **more)
    answer = account.wafv2.get_web_acl(**of(made))
    shown = answer["WebACL"]
    assert answer["LockToken"] == made["LockToken"] and shown["Rules"] == rules and {name: shown[name] for name in more} == more
    assert shown["LabelNamespace"] == f"awswaf:{account.id}:webacl:shop:" and shown["ManagedByFirewallManager"] is False
    # 20 + 10, 1 for the country; the group's 100; 700; 2; 10 + 10.
    assert shown["Capacity"] == account.wafv2.check_capacity(Rules=rules, **HERE)["Capacity"] == 31 + 100 + 700 + 2 + 20
    assert account.wafv2.get_web_acl(ARN=made["ARN"])["WebACL"] == shown
    with refused("WAFAssociatedItemException"):
        account.wafv2.delete_rule_group(**locked(made_group))

    lock = account.wafv2.update_web_acl(**locked(made), DefaultAction={"Allow": {}}, Rules=rules[:1], VisibilityConfig=visibility("shop"), Description="a smaller one")["NextLockToken"]
    changed = account.wafv2.get_web_acl(**of(made))["WebACL"]
    assert changed["Rules"] == rules[:1] and changed["Capacity"] == 31 and not set(more) - {"DefaultAction"} & set(changed)
    assert account.wafv2.list_web_acls(**HERE)["WebACLs"] == [{"Name": "shop", "Id": made["Id"], "Description": "a smaller one", "LockToken": lock, "ARN": made["ARN"]}]
    account.wafv2.delete_rule_group(**locked(made_group))
    with refused("WAFOptimisticLockException"):
        account.wafv2.update_web_acl(**locked(made), DefaultAction={"Allow": {}}, VisibilityConfig=visibility("shop"))
    account.wafv2.delete_web_acl(**of(made), LockToken=lock)
    with refused(*MISSING):
        account.wafv2.get_web_acl(ARN=made["ARN"])
    with refused(*MISSING):
        account.wafv2.delete_web_acl(**of(made), LockToken=lock)


def managed(vendor="AWS", name="AWSManagedRulesCommonRuleSet", **more) -> dict:
    statement = {"ManagedRuleGroupStatement": {"VendorName": vendor, "Name": name, **more}}
    return {"Name": "managed", "Priority": 0, "Statement": statement, "OverrideAction": {"None": {}}, "VisibilityConfig": visibility("managed")}


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        (block("two", 0, {"XssMatchStatement": FIRST, "GeoMatchStatement": {"CountryCodes": ["AU"]}}), "WAFInvalidParameterException", "STATEMENT"),
        (block("none", 0, {}), "WAFInvalidParameterException", "STATEMENT"),
        (block("both", 0, {"XssMatchStatement": FIRST}) | {"OverrideAction": {"None": {}}}, "WAFInvalidParameterException", None),
        (managed(name="AWSManagedRulesOfNobody"), "WAFNonexistentItemException", None),
        (managed(Version="Version_99.0"), "WAFNonexistentItemException", None),
        (managed(vendor="Somebody", name="Rules"), "WAFSubscriptionNotFoundException", None),
        (block("money", 0, {"XssMatchStatement": FIRST}, action={"Monetize": {}}), "NotImplemented", None),
    ],
    ids=lambda value: value["Name"] if isinstance(value, dict) else None,
)
def test_rules_that_cannot_be_are_refused(account, wrong, code, field):
    for ask in (lambda: acl(account, wrong), lambda: account.wafv2.check_capacity(Rules=[wrong], **HERE)):
        with refused(code) as caught:
            ask()
        if field:
            assert caught.value.response["Field"] == field and caught.value.response["Parameter"].startswith("Rules[0]") and caught.value.response["Reason"]
    assert account.wafv2.list_web_acls(**HERE)["WebACLs"] == []


def test_what_rules_refer_to_must_be_there_and_in_their_scope(account, other_account):
    def gone(where: str) -> dict:
        return block("gone", 0, {"IPSetReferenceStatement": {"ARN": f"arn:aws:wafv2:us-east-1:{where}/ipset/addresses/{NOWHERE}"}})

    distributed = addresses(account, scope="CLOUDFRONT")
    for wrong in (gone(f"{account.id}:regional"), block("elsewhere", 0, listed(distributed))):
        with refused(*MISSING, status=400):
            acl(account, wrong)
        with refused(*MISSING):
            group(account, wrong)
        with refused(*MISSING):
            account.wafv2.check_capacity(Rules=[wrong], **HERE)
    with refused("AccessDeniedException"):
        acl(account, gone(f"{other_account.id}:regional"))
    acl(account, block("there", 0, listed(distributed)), Scope="CLOUDFRONT")


def test_quotas_of_an_acl_hold(account):
    rate = {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}
    with refused("WAFLimitsExceededException", "Rate-based rules"):
        acl(account, *[block(f"rate-{number}", number, rate) for number in range(11)])
    with refused("WAFLimitsExceededException", "Rate-based rules"):
        group(account, *[block(f"rate-{number}", number, rate) for number in range(5)])
    evil = addresses(account)
    with refused("WAFLimitsExceededException", "References"):
        acl(account, *[block(f"listed-{number}", number, listed(evil)) for number in range(51)])
    with refused("WAFDuplicateItemException"):
        acl(account, block("same", 0, listed(evil)), block("same", 1, listed(evil)))


def test_what_has_no_effect_here_is_refused_by_name(account):
    with refused("NotImplemented", "DataProtectionConfig", status=501):
        acl(account, DataProtectionConfig={"DataProtections": [{"Field": {"FieldType": "BODY"}, "Action": "HASH"}]})
    made = acl(account)
    log = {"ResourceArn": made["ARN"], "LogDestinationConfigs": [f"arn:aws:logs:us-east-1:{account.id}:log-group:aws-waf-logs-x"]}
    with refused("NotImplemented", "PutLoggingConfiguration", status=501):
        account.wafv2.put_logging_configuration(LoggingConfiguration=log)
    window = {"StartTime": 1, "EndTime": 2}
    with refused("NotImplemented", "GetSampledRequests", status=501):
        account.wafv2.get_sampled_requests(WebAclArn=made["ARN"], RuleMetricName="shop", TimeWindow=window, MaxItems=10, **HERE)


def test_a_change_that_would_break_what_refers_to_it_is_refused(account):
    made = group(account, block("one", 0, {"XssMatchStatement": FIRST}), block("two", 1, {"GeoMatchStatement": {"CountryCodes": ["AU"]}}))
    reference = {"RuleGroupReferenceStatement": {"ARN": made["ARN"], "RuleActionOverrides": [{"Name": "two", "ActionToUse": {"Count": {}}}]}}
    acl(account, {"Name": "ours", "Priority": 0, "Statement": reference, "OverrideAction": {"None": {}}, "VisibilityConfig": visibility("ours")})
    with refused("WAFInvalidParameterException", "two"):
        account.wafv2.update_rule_group(**locked(made), Rules=[block("one", 0, {"XssMatchStatement": FIRST})], VisibilityConfig=visibility("group"))
    assert len(account.wafv2.get_rule_group(**of(made))["RuleGroup"]["Rules"]) == 2


def test_managed_groups_are_listed_and_described(account):
    groups = account.wafv2.list_available_managed_rule_groups(**HERE)
    names = [(one["VendorName"], one["Name"]) for one in groups["ManagedRuleGroups"]]
    assert ("AWS", "AWSManagedRulesSQLiRuleSet") in names and ("Palisade", "InjectionRuleSet") in names and groups["NextMarker"] == names[-1][1]
    sql = {"VendorName": "AWS", "Name": "AWSManagedRulesSQLiRuleSet"}
    described = account.wafv2.describe_managed_rule_group(**sql, **HERE)
    assert described["Capacity"] == 200 and described["LabelNamespace"] == "awswaf:managed:aws:sql-database:"
    assert {"Name": "SQLi_BODY", "Action": {"Block": {}}} in described["Rules"]
    assert {"Name": "awswaf:managed:aws:sql-database:SQLi_Body"} in described["AvailableLabels"]
    versions = account.wafv2.list_available_managed_rule_group_versions(**sql, **HERE)
    assert described["VersionName"] == versions["CurrentDefaultVersion"] in [one["Name"] for one in versions["Versions"]]
    by_vendor = account.wafv2.describe_managed_products_by_vendor(VendorName="Palisade", **HERE)["ManagedProducts"]
    assert [one["ManagedRuleSetName"] for one in by_vendor] == ["InjectionRuleSet"]
    assert len(account.wafv2.describe_all_managed_products(**HERE)["ManagedProducts"]) == len(names)
    with refused(*MISSING):
        account.wafv2.describe_managed_rule_group(**sql, VersionName="Version_99.0", **HERE)
    with refused(*MISSING):
        account.wafv2.list_available_managed_rule_group_versions(VendorName="AWS", Name="AWSManagedRulesOfNobody", **HERE)


def balancer(account, name="shop") -> str:
    return f"arn:aws:elasticloadbalancing:us-east-1:{account.id}:loadbalancer/app/{name}/50dc6c495c0c9188"


def test_a_web_acl_protects_what_it_is_associated_with(account):
    first, second = acl(account, name="first"), acl(account, name="second")
    shop, blog = balancer(account), balancer(account, "blog")
    assert "WebACL" not in account.wafv2.get_web_acl_for_resource(ResourceArn=shop)
    for resource in (shop, blog):
        account.wafv2.associate_web_acl(WebACLArn=first["ARN"], ResourceArn=resource)
    assert sorted(account.wafv2.list_resources_for_web_acl(WebACLArn=first["ARN"])["ResourceArns"]) == sorted([shop, blog])
    assert account.wafv2.list_resources_for_web_acl(WebACLArn=first["ARN"], ResourceType="API_GATEWAY")["ResourceArns"] == []
    # One ACL a resource: another one takes its place.
    account.wafv2.associate_web_acl(WebACLArn=second["ARN"], ResourceArn=shop)
    assert account.wafv2.get_web_acl_for_resource(ResourceArn=shop)["WebACL"]["Name"] == "second"
    assert account.wafv2.list_resources_for_web_acl(WebACLArn=first["ARN"])["ResourceArns"] == [blog]
    with refused("WAFAssociatedItemException"):
        account.wafv2.delete_web_acl(**locked(second))
    account.wafv2.disassociate_web_acl(ResourceArn=shop)
    assert "WebACL" not in account.wafv2.get_web_acl_for_resource(ResourceArn=shop)
    account.wafv2.delete_web_acl(**locked(second))


def test_what_cannot_be_protected_is_refused(account, other_account):
    regional, distributed = acl(account), acl(account, name="cdn", Scope="CLOUDFRONT")
    shop = balancer(account)
    wrong = ("WAFInvalidParameterException", "RESOURCE_ARN")
    for resource in (balancer(other_account), shop.replace("us-east-1", "eu-west-1"), shop.replace("/app/", "/net/"), f"arn:aws:s3:::bucket-of-{account.id}"):
        with refused(*wrong, status=400):
            account.wafv2.associate_web_acl(WebACLArn=regional["ARN"], ResourceArn=resource)
    with refused(*wrong):
        account.wafv2.associate_web_acl(WebACLArn=distributed["ARN"], ResourceArn=shop)
    with refused(*MISSING):
        account.wafv2.associate_web_acl(WebACLArn=regional["ARN"].replace(regional["Id"], NOWHERE), ResourceArn=shop)
    with refused("NotImplemented", "apigateway", status=501):
        account.wafv2.associate_web_acl(WebACLArn=regional["ARN"], ResourceArn="arn:aws:apigateway:us-east-1::/restapis/a1b2c3/stages/live")
    with refused(*wrong):
        account.wafv2.disassociate_web_acl(ResourceArn=balancer(other_account))
    with refused(*wrong):
        account.wafv2.get_web_acl_for_resource(ResourceArn=balancer(other_account))
    with refused(*MISSING):
        account.wafv2.list_resources_for_web_acl(WebACLArn=regional["ARN"].replace(regional["Id"], NOWHERE))
    with refused("AccessDeniedException"):
        other_account.wafv2.list_resources_for_web_acl(WebACLArn=regional["ARN"])


def test_tags_are_put_shown_and_taken_away(account):
    made = acl(account, Tags=[{"Key": "team", "Value": "red"}])
    account.wafv2.tag_resource(ResourceARN=made["ARN"], Tags=[{"Key": "stage", "Value": "test"}, {"Key": "team", "Value": "blue"}])
    info = account.wafv2.list_tags_for_resource(ResourceARN=made["ARN"])["TagInfoForResource"]
    assert info == {"ResourceARN": made["ARN"], "TagList": [{"Key": "team", "Value": "blue"}, {"Key": "stage", "Value": "test"}]}
    page = account.wafv2.list_tags_for_resource(ResourceARN=made["ARN"], Limit=1)
    assert page["TagInfoForResource"]["TagList"] == [{"Key": "team", "Value": "blue"}] and page["NextMarker"] == "team"
    account.wafv2.untag_resource(ResourceARN=made["ARN"], TagKeys=["team", "unknown"])
    assert account.wafv2.list_tags_for_resource(ResourceARN=made["ARN"])["TagInfoForResource"]["TagList"] == [{"Key": "stage", "Value": "test"}]
    # Tags are none of what a lock token guards.
    assert account.wafv2.get_web_acl(**of(made))["LockToken"] == made["LockToken"]


def test_tags_that_cannot_be_are_refused(account):
    made = addresses(account)
    gone = made["ARN"].replace(made["Id"], NOWHERE)
    with refused("WAFTagOperationException", "aws:"):
        account.wafv2.tag_resource(ResourceARN=made["ARN"], Tags=[{"Key": "aws:x", "Value": "y"}])
    with refused("WAFLimitsExceededException", "50 tags"):
        account.wafv2.tag_resource(ResourceARN=made["ARN"], Tags=[{"Key": f"k{number}", "Value": ""} for number in range(51)])
    for ask in (lambda: account.wafv2.untag_resource(ResourceARN=gone, TagKeys=["a"]), lambda: account.wafv2.list_tags_for_resource(ResourceARN=gone)):
        with refused(*MISSING):
            ask()


def test_policies_decide_on_the_acl_its_references_and_its_tags(account):
    evil = addresses(account, Tags=[{"Key": "team", "Value": "red"}])
    made = acl(account)
    user = account.user(allow("wafv2:UpdateWebACL", resource=made["ARN"]))
    change = {**locked(made), "DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility("shop")}
    with refused("AccessDeniedException", "wafv2:UpdateWebACL", evil["ARN"]):
        user.wafv2.update_web_acl(**change, Rules=[block("listed", 0, listed(evil))])
    with refused("AccessDeniedException", "regional/managedruleset/*/*"):
        user.wafv2.update_web_acl(**change, Rules=[managed()])
    user.wafv2.update_web_acl(**change, Rules=[])
    by_tag = account.user(allow("wafv2:GetIPSet", StringEquals={"aws:ResourceTag/team": "red"}))
    assert by_tag.wafv2.get_ip_set(**of(evil))["IPSet"]["Name"] == "addresses"
    with refused("AccessDeniedException", "wafv2:GetIPSet"):
        by_tag.wafv2.get_ip_set(**(of(evil) | {"Id": NOWHERE}))
    associates = account.user(allow("wafv2:AssociateWebACL"))
    with refused("AccessDeniedException", "elasticloadbalancing:SetWebAcl"):
        associates.wafv2.associate_web_acl(WebACLArn=made["ARN"], ResourceArn=balancer(account))


def test_the_cli_makes_what_boto_shows(account, tmp_path):
    made = account.root.cli("wafv2", "create-ip-set", "--name", "cli", "--scope", "REGIONAL", "--ip-address-version", "IPV4", "--addresses", "192.0.2.0/24")["Summary"]
    assert account.wafv2.get_ip_set(**of(made))["IPSet"]["Addresses"] == ["192.0.2.0/24"]
    account.root.cli("wafv2", "create-web-acl", "--name", "cli", "--scope", "CLOUDFRONT", "--default-action", "Block={}", "--visibility-config", "SampledRequestsEnabled=true,CloudWatchMetricsEnabled=true,MetricName=cli")
    assert [one["Name"] for one in account.root.cli("wafv2", "list-web-acls", "--scope", "CLOUDFRONT")["WebACLs"]] == ["cli"]


def test_an_event_names_what_was_changed(account):
    addresses(account)
    events = account.cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateIPSet"}])["Events"]
    assert [one["Resources"] for one in events] == [[{"ResourceType": "AWS::WAFv2::IPSet", "ResourceName": "addresses"}]] and events[0]["EventSource"] == "wafv2.amazonaws.com"
