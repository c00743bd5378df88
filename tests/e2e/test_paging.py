"""Every operation that gives pages gives everything once, in any page size, even while others write."""

import json

import pytest

from harness.callers import allow, refused, trust

COUNT = 5


def some_users(account):
    for n in range(COUNT):
        account.iam.create_user(UserName=f"u{n}")


def some_groups(account):
    account.iam.create_user(UserName="u")
    for n in range(COUNT):
        account.iam.create_group(GroupName=f"g{n}")
        account.iam.add_user_to_group(GroupName=f"g{n}", UserName="u")


def some_members(account):
    account.iam.create_group(GroupName="g")
    for n in range(COUNT):
        account.iam.create_user(UserName=f"u{n}")
        account.iam.add_user_to_group(GroupName="g", UserName=f"u{n}")


def some_roles(account):
    for n in range(COUNT):
        account.role(trust(account.id), name=f"r{n}")


def some_policies(account):
    account.iam.create_user(UserName="u")
    account.iam.create_group(GroupName="g")
    account.role(trust(account.id), name="r")
    for n in range(COUNT):
        arn = account.managed(allow("iam:ListUsers"), name=f"p{n}")
        account.iam.attach_user_policy(UserName="u", PolicyArn=arn)
        account.iam.attach_group_policy(GroupName="g", PolicyArn=arn)
        account.iam.attach_role_policy(RoleName="r", PolicyArn=arn)
        account.iam.put_user_policy(UserName="u", PolicyName=f"p{n}", PolicyDocument=json.dumps(allow("iam:ListUsers")))
        account.iam.put_group_policy(GroupName="g", PolicyName=f"p{n}", PolicyDocument=json.dumps(allow("iam:ListUsers")))
        account.iam.put_role_policy(RoleName="r", PolicyName=f"p{n}", PolicyDocument=json.dumps(allow("iam:ListUsers")))


def some_versions(account):
    arn = account.managed(allow("iam:ListUsers"), name="p")
    for _ in range(4):
        account.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow("iam:ListRoles")))


def some_holders(account):
    arn = account.managed(allow("iam:ListUsers"), name="p")
    for n in range(3):
        account.iam.create_user(UserName=f"u{n}")
        account.iam.attach_user_policy(UserName=f"u{n}", PolicyArn=arn)
    account.role(trust(account.id), name="r")
    account.iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    account.iam.create_group(GroupName="g")
    account.iam.attach_group_policy(GroupName="g", PolicyArn=arn)


def some_profiles(account):
    account.role(trust(account.id), name="r")
    for n in range(COUNT):
        account.iam.create_instance_profile(InstanceProfileName=f"p{n}")
        account.iam.add_role_to_instance_profile(InstanceProfileName=f"p{n}", RoleName="r")


def some_keys(account):
    account.iam.create_user(UserName="u")
    for _ in range(2):
        account.iam.create_access_key(UserName="u")


# operation, what is put there first, parameters, the lists in the answer, how many entries there are in all
PAGED = [
    ("list_users", some_users, {}, ["Users"], 5),
    ("list_groups", some_groups, {}, ["Groups"], 5),
    ("list_groups_for_user", some_groups, {"UserName": "u"}, ["Groups"], 5),
    ("get_group", some_members, {"GroupName": "g"}, ["Users"], 5),
    ("list_roles", some_roles, {}, ["Roles"], 5),
    ("list_policies", some_policies, {"Scope": "Local"}, ["Policies"], 5),
    ("list_user_policies", some_policies, {"UserName": "u"}, ["PolicyNames"], 5),
    ("list_group_policies", some_policies, {"GroupName": "g"}, ["PolicyNames"], 5),
    ("list_role_policies", some_policies, {"RoleName": "r"}, ["PolicyNames"], 5),
    ("list_attached_user_policies", some_policies, {"UserName": "u"}, ["AttachedPolicies"], 5),
    ("list_attached_group_policies", some_policies, {"GroupName": "g"}, ["AttachedPolicies"], 5),
    ("list_attached_role_policies", some_policies, {"RoleName": "r"}, ["AttachedPolicies"], 5),
    ("list_policy_versions", some_versions, {}, ["Versions"], 5),
    ("list_entities_for_policy", some_holders, {}, ["PolicyUsers", "PolicyRoles", "PolicyGroups"], 5),
    ("list_instance_profiles", some_profiles, {}, ["InstanceProfiles"], 5),
    ("list_instance_profiles_for_role", some_profiles, {"RoleName": "r"}, ["InstanceProfiles"], 5),
    ("list_access_keys", some_keys, {"UserName": "u"}, ["AccessKeyMetadata"], 2),
]


@pytest.mark.parametrize(("operation", "prepare", "parameters", "lists", "count"), PAGED, ids=[row[0] for row in PAGED])
def test_pages_give_everything_once(account, operation, prepare, parameters, lists, count):
    prepare(account)
    if operation in ("list_policy_versions", "list_entities_for_policy"):
        parameters = {"PolicyArn": account.arn("policy/p")}
    call = getattr(account.iam, operation)
    entries = lambda page: [json.dumps(entry, default=str, sort_keys=True) for name in lists for entry in page[name]]
    whole = call(**parameters)
    assert whole["IsTruncated"] is False and "Marker" not in whole and len(entries(whole)) == count
    seen, pages, marker = [], 0, {}
    while True:
        page = call(**parameters, MaxItems=2, **marker)
        assert len(entries(page)) <= 2
        seen, pages = seen + entries(page), pages + 1
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["Marker"]}
    assert sorted(seen) == sorted(entries(whole)) and pages == (count + 1) // 2


def test_paging_goes_on_where_it_was_while_others_write(account):
    for name in ("b", "d", "f", "h"):
        account.iam.create_user(UserName=name)
    first = account.iam.list_users(MaxItems=2)
    account.iam.create_user(UserName="a")
    account.iam.delete_user(UserName="d")
    account.iam.delete_user(UserName="f")
    rest = account.iam.list_users(Marker=first["Marker"])
    assert [u["UserName"] for u in rest["Users"]][-1] == "h"
    assert not {"a", "b", "d"} & {u["UserName"] for u in rest["Users"]}


def test_a_marker_is_good_for_its_caller_and_list_only(account, other_account):
    for name in ("a", "b"):
        account.iam.create_user(UserName=name)
        account.iam.create_group(GroupName=name)
        other_account.iam.create_user(UserName=name)
    marker = account.iam.list_users(MaxItems=1)["Marker"]
    for call in (
        lambda: account.iam.list_groups(Marker=marker),
        lambda: other_account.iam.list_users(Marker=marker),
        lambda: account.iam.list_users(Marker=marker, PathPrefix="/x/"),
        lambda: account.iam.list_users(Marker=marker[:-1] + ("A" if marker[-1] != "A" else "B")),
        lambda: account.iam.list_users(Marker="made-up"),
    ):
        with refused("ValidationError", "arker", status=400):
            call()


@pytest.mark.parametrize("count", [0, 1001])
def test_a_page_has_one_to_a_thousand_entries(account, count):
    with refused("ValidationError", "'maxItems'", status=400):
        account.iam.list_users(MaxItems=count)


def test_a_page_has_a_hundred_entries_unless_told(account):
    for n in range(101):
        account.iam.create_group(GroupName=f"g{n:03}")
    first = account.iam.list_groups()
    assert len(first["Groups"]) == 100 and first["IsTruncated"] is True
    assert [g["GroupName"] for g in account.iam.list_groups(Marker=first["Marker"])["Groups"]] == ["g100"]
