"""IAM groups and who is in them."""

import json
import re

import pytest

from harness.callers import allow, refused


@pytest.fixture
def group(account):
    return account.iam.create_group(GroupName="devs", Path="/org/")["Group"]


def test_a_new_group_is_given_back_whole(account, group):
    assert group["Arn"] == account.arn("group/org/devs")
    assert re.fullmatch(r"AGPA[A-Z0-9]{12,}", group["GroupId"])
    answer = account.iam.get_group(GroupName="devs")
    assert answer["Group"] == group and answer["Users"] == [] and answer["IsTruncated"] is False


def test_a_groups_name_is_taken_whatever_its_case(account, group):
    with refused("EntityAlreadyExists", "Group with name DEVS already exists.", status=409):
        account.iam.create_group(GroupName="DEVS")


@pytest.mark.parametrize("operation", ["get_group", "update_group", "delete_group", "list_group_policies", "list_attached_group_policies"])
def test_a_missing_group_is_named(account, operation):
    with refused("NoSuchEntity", "The group with name none cannot be found.", status=404):
        getattr(account.iam, operation)(GroupName="none")


def test_a_member_has_the_groups_permissions_until_it_leaves(account, group):
    ann = account.user(name="ann")
    account.iam.put_group_policy(GroupName="devs", PolicyName="list", PolicyDocument=json.dumps(allow("iam:ListUsers")))
    with refused("AccessDenied"):
        ann.iam.list_users()
    account.iam.add_user_to_group(GroupName="devs", UserName="ann")
    assert ann.iam.list_users()["Users"]
    account.iam.remove_user_from_group(GroupName="devs", UserName="ann")
    with refused("AccessDenied"):
        ann.iam.list_users()


def test_membership_shows_from_both_sides(account, group):
    for name in ("bob", "ann"):
        account.iam.create_user(UserName=name)
        account.iam.add_user_to_group(GroupName="devs", UserName=name)
    account.iam.add_user_to_group(GroupName="devs", UserName="ann")  # again: no error, no second membership
    assert [user["UserName"] for user in account.iam.get_group(GroupName="devs")["Users"]] == ["ann", "bob"]
    assert account.iam.list_groups_for_user(UserName="ann")["Groups"] == [group]


def test_membership_needs_both_sides(account, group):
    account.iam.create_user(UserName="ann")
    for operation in ("add_user_to_group", "remove_user_from_group"):
        with refused("NoSuchEntity", "The user with name nobody cannot be found."):
            getattr(account.iam, operation)(GroupName="devs", UserName="nobody")
        with refused("NoSuchEntity", "The group with name none cannot be found."):
            getattr(account.iam, operation)(GroupName="none", UserName="ann")


def test_a_user_is_in_ten_groups_at_most(account):
    account.iam.create_user(UserName="ann")
    for number in range(11):
        account.iam.create_group(GroupName=f"g{number}")
    for number in range(10):
        account.iam.add_user_to_group(GroupName=f"g{number}", UserName="ann")
    with refused("LimitExceeded", "GroupsPerUser: 10", status=409):
        account.iam.add_user_to_group(GroupName="g10", UserName="ann")


@pytest.mark.parametrize("holds", ["member", "inline policy", "attached policy"])
def test_a_group_that_holds_something_cannot_be_deleted(account, group, holds):
    if holds == "member":
        account.iam.create_user(UserName="ann")
        account.iam.add_user_to_group(GroupName="devs", UserName="ann")
    elif holds == "inline policy":
        account.iam.put_group_policy(GroupName="devs", PolicyName="p", PolicyDocument=json.dumps(allow("iam:ListUsers")))
    else:
        account.iam.attach_group_policy(GroupName="devs", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    with refused("DeleteConflict", "Cannot delete entity", status=409):
        account.iam.delete_group(GroupName="devs")
    assert account.iam.get_group(GroupName="devs")["Group"]["GroupId"] == group["GroupId"]


def test_a_renamed_group_keeps_its_id_members_and_policies(account, group):
    account.iam.create_user(UserName="ann")
    account.iam.add_user_to_group(GroupName="devs", UserName="ann")
    account.iam.update_group(GroupName="devs", NewGroupName="makers", NewPath="/")
    answer = account.iam.get_group(GroupName="makers")
    assert answer["Group"]["GroupId"] == group["GroupId"] and answer["Group"]["Arn"] == account.arn("group/makers")
    assert [user["UserName"] for user in answer["Users"]] == ["ann"]
    assert [g["GroupName"] for g in account.iam.list_groups_for_user(UserName="ann")["Groups"]] == ["makers"]


def test_a_group_cannot_take_anothers_name(account, group):
    account.iam.create_group(GroupName="ops")
    with refused("EntityAlreadyExists", status=409):
        account.iam.update_group(GroupName="ops", NewGroupName="Devs")


def test_a_renamed_member_stays_a_member(account, group):
    account.iam.create_user(UserName="ann")
    account.iam.add_user_to_group(GroupName="devs", UserName="ann")
    account.iam.update_user(UserName="ann", NewUserName="anna")
    assert [user["UserName"] for user in account.iam.get_group(GroupName="devs")["Users"]] == ["anna"]


def test_groups_are_listed_by_path_prefix(account, group):
    account.iam.create_group(GroupName="ops")
    names = lambda **kw: [g["GroupName"] for g in account.iam.list_groups(**kw)["Groups"]]
    assert names() == ["devs", "ops"] and names(PathPrefix="/org/") == ["devs"]


def test_a_deleted_group_is_gone(account, group):
    account.iam.delete_group(GroupName="devs")
    assert account.iam.list_groups()["Groups"] == []
