"""wafv2 with Terraform and the AWS provider 5.100: a web ACL with what it refers to, applied, found unchanged, changed and taken away."""

from pathlib import Path

import pytest

from terraform.test_terraform import Terraform, usable

MODULE = Path(__file__).with_name("wafv2") / "main.tf"
HERE = {"Scope": "REGIONAL"}

pytestmark = pytest.mark.slow


@pytest.fixture
def terraform(account, tmp_path) -> Terraform:
    usable()
    made = Terraform(tmp_path, account.root, MODULE)
    made.run("init", "-input=false", "-no-color")
    return made


def left(account) -> list:
    waf = account.wafv2
    lists = [waf.list_web_acls(**HERE)["WebACLs"], waf.list_rule_groups(**HERE)["RuleGroups"], waf.list_regex_pattern_sets(**HERE)["RegexPatternSets"]]
    return [one["Name"] for kind in (*lists, waf.list_ip_sets(**HERE)["IPSets"], waf.list_ip_sets(Scope="CLOUDFRONT")["IPSets"]) for one in kind]


def test_a_web_acl_is_applied_found_unchanged_changed_and_destroyed(terraform, account):
    terraform.apply()
    outputs = terraform.outputs()
    assert outputs["by_name"] == outputs["made"]
    shown = account.wafv2.get_web_acl(ARN=outputs["acl"])["WebACL"]
    assert {rule["Name"] for rule in shown["Rules"]} == {"ours", "common", "attacks", "often"} and shown["Capacity"] == outputs["capacity"]
    [protected] = account.wafv2.list_resources_for_web_acl(WebACLArn=outputs["acl"])["ResourceArns"]
    assert account.wafv2.get_web_acl_for_resource(ResourceArn=protected)["WebACL"] == shown
    tags = account.wafv2.list_tags_for_resource(ResourceARN=outputs["acl"])["TagInfoForResource"]["TagList"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"managed": "terraform", "revision": "one"}
    assert not terraform.changes(), "what was read back is not what was written"

    two = ("-var", "revision=two", "-var", 'blocked=["203.0.113.0/24"]')
    assert terraform.changes(*two)
    terraform.apply(*two)
    assert not terraform.changes(*two)
    assert account.wafv2.get_web_acl(ARN=outputs["acl"])["WebACL"]["Description"] == "of the shop, revision two"

    # What somebody changed by hand is noticed.
    found = account.wafv2.list_ip_sets(**HERE)["IPSets"][0]
    account.wafv2.update_ip_set(Name=found["Name"], Id=found["Id"], LockToken=found["LockToken"], Addresses=[], Description="by hand", **HERE)
    assert terraform.changes(*two)

    terraform.run("destroy", "-input=false", "-no-color", "-auto-approve", *two)
    assert left(account) == []
