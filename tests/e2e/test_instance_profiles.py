"""Instance profiles and the one role in each."""

import re

import pytest

from harness.callers import allow, refused, trust


@pytest.fixture
def profile(account):
    account.role(trust(account.id), name="app")
    return account.iam.create_instance_profile(InstanceProfileName="web", Path="/p/", Tags=[{"Key": "a", "Value": "b"}])["InstanceProfile"]


def test_a_new_instance_profile_is_given_back_whole(account, profile):
    assert profile["Arn"] == account.arn("instance-profile/p/web") and profile["Roles"] == []
    assert re.fullmatch(r"AIPA[A-Z0-9]{12,}", profile["InstanceProfileId"])
    assert account.iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"] == profile


def test_an_instance_profiles_name_is_taken(account, profile):
    with refused("EntityAlreadyExists", "Instance Profile web already exists.", status=409):
        account.iam.create_instance_profile(InstanceProfileName="web")


@pytest.mark.parametrize("operation", ["get_instance_profile", "delete_instance_profile"])
def test_a_missing_instance_profile_is_named(account, operation):
    with refused("NoSuchEntity", "Instance Profile none cannot be found.", status=404):
        getattr(account.iam, operation)(InstanceProfileName="none")


def test_a_role_goes_in_shows_and_comes_out(account, profile):
    account.iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="app")
    roles = account.iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"]["Roles"]
    assert [r["RoleName"] for r in roles] == ["app"] and roles[0]["AssumeRolePolicyDocument"] == trust(account.id)
    assert [p["InstanceProfileName"] for p in account.iam.list_instance_profiles_for_role(RoleName="app")["InstanceProfiles"]] == ["web"]
    with refused("DeleteConflict", "must remove roles from instance profile first", status=409):
        account.iam.delete_instance_profile(InstanceProfileName="web")
    account.iam.remove_role_from_instance_profile(InstanceProfileName="web", RoleName="app")
    assert account.iam.list_instance_profiles_for_role(RoleName="app")["InstanceProfiles"] == []
    account.iam.delete_instance_profile(InstanceProfileName="web")
    assert account.iam.list_instance_profiles()["InstanceProfiles"] == []


def test_an_instance_profile_holds_one_role(account, profile):
    account.role(trust(account.id), name="second")
    account.iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="app")
    with refused("LimitExceeded", "InstanceSessionsPerInstanceProfile: 1", status=409):
        account.iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="second")


def test_what_is_put_in_must_exist(account, profile):
    for operation in ("add_role_to_instance_profile", "remove_role_from_instance_profile"):
        with refused("NoSuchEntity", "none", status=404):
            getattr(account.iam, operation)(InstanceProfileName="web", RoleName="none")
        with refused("NoSuchEntity", "none", status=404):
            getattr(account.iam, operation)(InstanceProfileName="none", RoleName="app")


def test_putting_a_role_in_needs_pass_role_too(account, profile):
    ann = account.user(allow("iam:AddRoleToInstanceProfile"), name="ann")
    with refused("AccessDenied", "iam:PassRole", account.arn("role/app"), status=403):
        ann.iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="app")
    bob = account.user(allow("iam:AddRoleToInstanceProfile"), allow("iam:PassRole", resource=account.arn("role/app")), name="bob")
    bob.iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="app")


def test_instance_profiles_are_listed_by_path_prefix(account, profile):
    account.iam.create_instance_profile(InstanceProfileName="other")
    names = lambda **kw: [p["InstanceProfileName"] for p in account.iam.list_instance_profiles(**kw)["InstanceProfiles"]]
    assert names() == ["other", "web"] and names(PathPrefix="/p/") == ["web"]
