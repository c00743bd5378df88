"""IAM roles: made, read, changed, listed, removed. What assuming them does is in test_sessions.py."""

import json
import re

import pytest

from harness.callers import allow, refused, trust

EC2 = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


@pytest.fixture
def role(account):
    return account.iam.create_role(
        RoleName="app", Path="/svc/", AssumeRolePolicyDocument=json.dumps(EC2), Description="runs the app", MaxSessionDuration=7200
    )["Role"]


def test_a_new_role_is_given_back_whole(account, role):
    assert role["Arn"] == account.arn("role/svc/app")
    assert re.fullmatch(r"AROA[A-Z0-9]{12,}", role["RoleId"])
    assert role["AssumeRolePolicyDocument"] == EC2
    got = account.iam.get_role(RoleName="app")["Role"]
    assert got["Description"] == "runs the app" and got["MaxSessionDuration"] == 7200
    assert {key: got[key] for key in ("RoleId", "Arn", "Path", "CreateDate", "AssumeRolePolicyDocument")} == {
        key: role[key] for key in ("RoleId", "Arn", "Path", "CreateDate", "AssumeRolePolicyDocument")
    }


def test_a_role_lasts_an_hour_unless_told_otherwise(account):
    account.iam.create_role(RoleName="plain", AssumeRolePolicyDocument=json.dumps(EC2))
    assert account.iam.get_role(RoleName="plain")["Role"]["MaxSessionDuration"] == 3600


def test_a_roles_name_is_taken_whatever_its_case(account, role):
    with refused("EntityAlreadyExists", "Role with name APP already exists.", status=409):
        account.iam.create_role(RoleName="APP", AssumeRolePolicyDocument=json.dumps(EC2))


@pytest.mark.parametrize(
    "operation", ["get_role", "update_role", "delete_role", "list_role_policies", "list_attached_role_policies", "list_instance_profiles_for_role"]
)
def test_a_missing_role_is_named(account, operation):
    with refused("NoSuchEntity", "The role with name none cannot be found.", status=404):
        getattr(account.iam, operation)(RoleName="none")


def test_a_roles_description_and_longest_session_change(account, role):
    account.iam.update_role(RoleName="app", Description="", MaxSessionDuration=43200)
    got = account.iam.get_role(RoleName="app")["Role"]
    assert got.get("Description", "") == "" and got["MaxSessionDuration"] == 43200
    answer = account.iam.update_role_description(RoleName="app", Description="new words")["Role"]
    assert answer["Description"] == "new words" and answer["RoleId"] == role["RoleId"]
    with refused("ValidationError", "'maxSessionDuration'", status=400):
        account.iam.update_role(RoleName="app", MaxSessionDuration=43201)


def test_a_trust_policy_is_replaced(account, role):
    account.iam.update_assume_role_policy(RoleName="app", PolicyDocument=json.dumps(trust(account.id)))
    assert account.iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"] == trust(account.id)
    with refused("NoSuchEntity"):
        account.iam.update_assume_role_policy(RoleName="none", PolicyDocument=json.dumps(EC2))


@pytest.mark.parametrize(
    ("what", "document"),
    [
        ("no JSON", "{"),
        ("no principal", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}),
        ("a resource", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}]}),
        ("no action", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}}]}),
        ("an unknown effect", {"Version": "2012-10-17", "Statement": [{"Effect": "Maybe", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}),
        ("an unknown version", {"Version": "2020-01-01", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}),
        ("an action of another service", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject"}]}),
    ],
)
def test_a_trust_policy_that_is_none_is_refused(account, role, what, document):
    text = document if isinstance(document, str) else json.dumps(document)
    with refused("MalformedPolicyDocument", status=400):
        account.iam.create_role(RoleName="bad", AssumeRolePolicyDocument=text)
    with refused("MalformedPolicyDocument", status=400):
        account.iam.update_assume_role_policy(RoleName="app", PolicyDocument=text)
    assert account.iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"] == EC2


def test_a_trust_policy_naming_nobody_that_exists_is_refused(account):
    with refused("MalformedPolicyDocument", "Invalid principal in policy", status=400):
        account.iam.create_role(RoleName="bad", AssumeRolePolicyDocument=json.dumps(trust(account.arn("user/nobody"))))


def test_a_trust_policy_is_2048_characters_at_most(account):
    long = trust(account.id, StringEquals={"sts:ExternalId": ["x" * 60 + str(n) for n in range(40)]})
    with refused("LimitExceeded", "ACLSizePerRole: 2048", status=409):
        account.iam.create_role(RoleName="long", AssumeRolePolicyDocument=json.dumps(long))


@pytest.mark.parametrize("holds", ["inline policy", "attached policy", "instance profile"])
def test_a_role_that_holds_something_cannot_be_deleted(account, role, holds):
    if holds == "inline policy":
        account.iam.put_role_policy(RoleName="app", PolicyName="p", PolicyDocument=json.dumps(allow("iam:ListUsers")))
    elif holds == "attached policy":
        account.iam.attach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    else:
        account.iam.create_instance_profile(InstanceProfileName="p")
        account.iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="app")
    with refused("DeleteConflict", "Cannot delete entity", status=409):
        account.iam.delete_role(RoleName="app")
    assert account.iam.get_role(RoleName="app")["Role"]["RoleId"] == role["RoleId"]


def test_a_deleted_role_is_gone_and_one_made_anew_is_another(account, role):
    account.iam.delete_role(RoleName="app")
    with refused("NoSuchEntity"):
        account.iam.get_role(RoleName="app")
    again = account.iam.create_role(RoleName="app", Path="/svc/", AssumeRolePolicyDocument=json.dumps(EC2))["Role"]
    assert again["Arn"] == role["Arn"] and again["RoleId"] != role["RoleId"]


def test_roles_are_listed_by_path_prefix_without_tags(account, role):
    account.iam.create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps(EC2), Tags=[{"Key": "a", "Value": "b"}])
    assert [r["RoleName"] for r in account.iam.list_roles()["Roles"]] == ["app", "other"]
    only = account.iam.list_roles(PathPrefix="/svc/")["Roles"]
    assert [r["Arn"] for r in only] == [role["Arn"]] and only[0]["AssumeRolePolicyDocument"] == EC2
    assert all("Tags" not in r for r in account.iam.list_roles()["Roles"])


def test_a_role_keeps_unusual_letters_in_its_trust_policy(account):
    document = trust(account.id, StringEquals={"sts:ExternalId": "a+b %41/ü\t\\"})
    account.iam.create_role(RoleName="odd", AssumeRolePolicyDocument=json.dumps(document, ensure_ascii=False))
    assert account.iam.get_role(RoleName="odd")["Role"]["AssumeRolePolicyDocument"] == document


def test_the_path_of_service_linked_roles_cannot_be_taken(account):
    with refused("InvalidInput", status=400):
        account.iam.create_role(RoleName="mine", Path="/aws-service-role/ec2.amazonaws.com/", AssumeRolePolicyDocument=json.dumps(EC2))
