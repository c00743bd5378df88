"""IAM users: made, read, renamed, moved, listed, removed."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from harness.callers import allow, refused


def test_a_new_user_is_given_back_whole(account):
    user = account.iam.create_user(UserName="ann", Path="/team/", Tags=[{"Key": "cost", "Value": "7"}])["User"]
    assert user["UserName"] == "ann" and user["Path"] == "/team/"
    assert user["Arn"] == account.arn("user/team/ann")
    assert re.fullmatch(r"AIDA[A-Z0-9]{12,}", user["UserId"])
    assert abs(user["CreateDate"] - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert user["Tags"] == [{"Key": "cost", "Value": "7"}]
    assert "PermissionsBoundary" not in user and "PasswordLastUsed" not in user
    assert account.iam.get_user(UserName="ann")["User"] == user


def test_a_user_without_a_path_lives_at_the_root(account):
    user = account.iam.create_user(UserName="ann")["User"]
    assert (user["Path"], user["Arn"]) == ("/", account.arn("user/ann"))


def test_a_users_name_is_taken_whatever_its_case_or_path(account):
    account.iam.create_user(UserName="Ann")
    for name, path in [("Ann", "/"), ("ann", "/"), ("ANN", "/elsewhere/")]:
        with refused("EntityAlreadyExists", f"User with name {name} already exists.", status=409):
            account.iam.create_user(UserName=name, Path=path)


@pytest.mark.parametrize("operation", ["get_user", "update_user", "delete_user", "list_groups_for_user", "list_access_keys"])
def test_a_missing_user_is_named(account, operation):
    with refused("NoSuchEntity", "The user with name nobody cannot be found.", status=404):
        getattr(account.iam, operation)(UserName="nobody")


def test_get_user_without_a_name_is_the_caller(account):
    ann = account.user(allow("iam:GetUser"), name="ann")
    assert ann.iam.get_user()["User"]["UserName"] == "ann"


def test_get_user_without_a_name_as_root_is_the_account(account):
    user = account.iam.get_user()["User"]
    assert user["Arn"] == account.arn("root") and user["UserId"] == account.id


def test_a_renamed_user_keeps_its_id_keys_and_policies(account):
    caller = account.user(allow("iam:ListUsers"), name="ann")
    before = account.iam.get_user(UserName="ann")["User"]
    account.iam.update_user(UserName="ann", NewUserName="anna", NewPath="/moved/")
    after = account.iam.get_user(UserName="anna")["User"]
    assert after["UserId"] == before["UserId"] and after["Arn"] == account.arn("user/moved/anna")
    assert account.iam.list_user_policies(UserName="anna")["PolicyNames"] == ["inline-0"]
    assert caller.arn == account.arn("user/moved/anna")
    assert [user["UserName"] for user in caller.iam.list_users()["Users"]] == ["anna"]
    with refused("NoSuchEntity"):
        account.iam.get_user(UserName="ann")


def test_a_user_cannot_take_anothers_name(account):
    account.iam.create_user(UserName="ann")
    account.iam.create_user(UserName="bob")
    with refused("EntityAlreadyExists", status=409):
        account.iam.update_user(UserName="ann", NewUserName="Bob")


def test_a_user_may_change_the_case_of_its_name(account):
    account.iam.create_user(UserName="ann")
    account.iam.update_user(UserName="ann", NewUserName="Ann")
    assert [user["UserName"] for user in account.iam.list_users()["Users"]] == ["Ann"]


def test_a_deleted_user_is_gone_and_its_name_is_free_for_another(account):
    first = account.iam.create_user(UserName="ann")["User"]
    account.iam.delete_user(UserName="ann")
    assert account.iam.list_users()["Users"] == []
    assert account.iam.create_user(UserName="ann")["User"]["UserId"] != first["UserId"]


@pytest.mark.parametrize("holds", ["access key", "inline policy", "attached policy", "group"])
def test_a_user_that_holds_something_cannot_be_deleted(account, holds):
    iam = account.iam
    iam.create_user(UserName="ann")
    if holds == "access key":
        iam.create_access_key(UserName="ann")
        text = "must delete access keys first"
    elif holds == "inline policy":
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps(allow("iam:ListUsers")))
        text = "must delete policies first"
    elif holds == "attached policy":
        iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
        text = "must detach all policies first"
    else:
        iam.create_group(GroupName="g")
        iam.add_user_to_group(GroupName="g", UserName="ann")
        text = "must remove users from group first"
    with refused("DeleteConflict", "Cannot delete entity", text, status=409):
        iam.delete_user(UserName="ann")
    assert iam.get_user(UserName="ann")["User"]["UserName"] == "ann"


def test_users_are_listed_by_path_prefix_in_order_of_name(account):
    for name, path in [("cid", "/a/"), ("ann", "/a/b/"), ("bob", "/ab/"), ("dan", "/")]:
        account.iam.create_user(UserName=name, Path=path)
    names = lambda **kw: [user["UserName"] for user in account.iam.list_users(**kw)["Users"]]
    assert names() == ["ann", "bob", "cid", "dan"]
    assert names(PathPrefix="/a/") == ["ann", "cid"]
    assert names(PathPrefix="/a") == ["ann", "bob", "cid"]
    assert names(PathPrefix="/none/") == []


@pytest.mark.parametrize(
    ("parameters", "member"),
    [
        ({"UserName": ""}, "userName"),
        ({"UserName": "a" * 65}, "userName"),
        ({"UserName": "white space"}, "userName"),
        ({"UserName": "slash/ed"}, "userName"),
        ({"UserName": "ann", "Path": "no-slashes"}, "path"),
        ({"UserName": "ann", "Path": "/" + "p" * 511 + "/"}, "path"),
        ({"UserName": "ann", "PermissionsBoundary": "short"}, "permissionsBoundary"),
    ],
)
def test_what_the_model_forbids_is_refused_by_member(account, parameters, member):
    with refused("ValidationError", "validation error", f"'{member}'", "failed to satisfy constraint", status=400):
        account.iam.create_user(**parameters)


def test_every_offending_member_is_named(account):
    with refused("ValidationError", "2 validation errors detected", "'userName'", "'path'", status=400):
        account.iam.create_user(UserName="white space", Path="none")


def test_accounts_do_not_see_each_others_users(account, other_account):
    account.iam.create_user(UserName="ann")
    assert other_account.iam.list_users()["Users"] == []
    with refused("NoSuchEntity"):
        other_account.iam.get_user(UserName="ann")
    assert other_account.iam.create_user(UserName="ann")["User"]["Arn"] == other_account.arn("user/ann")


def test_what_a_client_reads_on_the_way_to_deleting_a_user_is_answered_truthfully(account):
    """Terraform's force_destroy asks all of these before it deletes."""
    iam = account.iam
    iam.create_user(UserName="ann")
    assert iam.list_mfa_devices(UserName="ann")["MFADevices"] == []
    assert iam.list_ssh_public_keys(UserName="ann")["SSHPublicKeys"] == []
    assert iam.list_signing_certificates(UserName="ann")["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName="ann")["ServiceSpecificCredentials"] == []
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    with refused("NoSuchEntity", "Login Profile for User ann cannot be found.", status=404):
        iam.get_login_profile(UserName="ann")
