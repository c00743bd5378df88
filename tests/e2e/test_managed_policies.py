"""Managed policies: the account's own with their versions, and AWS's."""

import json
import re

import pytest

from harness.callers import allow, refused

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.fixture
def arn(account):
    return account.managed(allow("iam:ListUsers"), name="list", Path="/p/", Description="lists")


def versions(account, arn):
    return {v["VersionId"]: v["IsDefaultVersion"] for v in account.iam.list_policy_versions(PolicyArn=arn)["Versions"]}


def add_version(account, arn, action, default=False):
    answer = account.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow(action)), SetAsDefault=default)
    return answer["PolicyVersion"]["VersionId"]


def test_a_new_policy_is_given_back_whole(account, arn):
    assert arn == account.arn("policy/p/list")
    got = account.iam.get_policy(PolicyArn=arn)["Policy"]
    assert re.fullmatch(r"ANPA[A-Z0-9]{12,}", got["PolicyId"])
    assert got["Description"] == "lists" and got["DefaultVersionId"] == "v1" and got["IsAttachable"] is True
    assert got["AttachmentCount"] == 0 and got["PermissionsBoundaryUsageCount"] == 0 and got["Tags"] == []
    assert account.iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == allow("iam:ListUsers")


def test_a_policys_name_is_taken_whatever_its_case_or_path(account, arn):
    with refused("EntityAlreadyExists", "A policy called LIST already exists. Duplicate names are not allowed.", status=409):
        account.managed(allow("iam:ListUsers"), name="LIST")


@pytest.mark.parametrize("operation", ["get_policy", "delete_policy", "list_policy_versions", "list_entities_for_policy", "list_policy_tags"])
def test_a_missing_policy_is_named(account, operation):
    missing = account.arn("policy/none")
    with refused("NoSuchEntity", f"Policy {missing} ", status=404):
        getattr(account.iam, operation)(PolicyArn=missing)


def test_the_default_version_decides(account, arn):
    ann = account.user(name="ann")
    account.iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    assert ann.iam.list_users()["Users"]
    assert add_version(account, arn, "iam:ListRoles") == "v2"
    with refused("AccessDenied"):
        ann.iam.list_roles()
    account.iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert ann.iam.list_roles()["Roles"] == []
    with refused("AccessDenied"):
        ann.iam.list_users()


def test_a_version_can_be_made_the_default_at_once(account, arn):
    assert add_version(account, arn, "iam:ListRoles", default=True) == "v2"
    assert versions(account, arn) == {"v1": False, "v2": True}
    assert account.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"


def test_there_are_five_versions_at_most_and_numbers_are_never_used_again(account, arn):
    for _ in range(4):
        add_version(account, arn, "iam:ListRoles")
    with refused("LimitExceeded", "A managed policy can have up to 5 versions.", status=409):
        add_version(account, arn, "iam:ListRoles")
    account.iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    assert add_version(account, arn, "iam:ListRoles") == "v6"
    assert set(versions(account, arn)) == {"v1", "v2", "v3", "v4", "v6"}


def test_the_default_version_cannot_be_deleted(account, arn):
    with refused("DeleteConflict", "Cannot delete the default version of a policy.", status=409):
        account.iam.delete_policy_version(PolicyArn=arn, VersionId="v1")


@pytest.mark.parametrize("operation", ["get_policy_version", "set_default_policy_version", "delete_policy_version"])
def test_a_missing_version_is_named(account, arn, operation):
    with refused("NoSuchEntity", "v9", status=404):
        getattr(account.iam, operation)(PolicyArn=arn, VersionId="v9")


def test_a_policy_in_use_cannot_be_deleted(account, arn):
    account.iam.create_user(UserName="ann")
    account.iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    with refused("DeleteConflict", "Cannot delete a policy attached to entities.", status=409):
        account.iam.delete_policy(PolicyArn=arn)
    account.iam.detach_user_policy(UserName="ann", PolicyArn=arn)
    add_version(account, arn, "iam:ListRoles")
    with refused("DeleteConflict", status=409):
        account.iam.delete_policy(PolicyArn=arn)
    account.iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    account.iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity"):
        account.iam.get_policy(PolicyArn=arn)


@pytest.mark.parametrize(
    ("what", "document"),
    [
        ("no JSON", '{"Version": "2012-10-17"'),
        ("a list", "[]"),
        ("no statement", '{"Version": "2012-10-17"}'),
        ("an unknown element", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","When":"now"}]}'),
        ("a principal", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}'),
        ("no resource", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*"}]}'),
        ("action and not-action", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","NotAction":"iam:*","Resource":"*"}]}'),
        ("an action without a service", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"GetUser","Resource":"*"}]}'),
        ("a resource that is no ARN", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"ann"}]}'),
        ("an unknown operator", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Is":{"a":"b"}}}]}'),
        ("two statements of one Sid", '{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"iam:*","Resource":"*"}]}'),
        ("a Sid with a dash", '{"Version":"2012-10-17","Statement":[{"Sid":"a-b","Effect":"Allow","Action":"*","Resource":"*"}]}'),
    ],
)
def test_a_document_that_is_no_policy_is_refused(account, what, document):
    with refused("MalformedPolicyDocument", status=400):
        account.iam.create_policy(PolicyName="bad", PolicyDocument=document)
    assert account.iam.list_policies(Scope="Local")["Policies"] == []


def test_a_managed_policy_is_6144_characters_at_most_without_white_space(account):
    def document(count):
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["iam:" + "x" * 96] * count, "Resource": "*"}]}

    padded = json.dumps(document(58), indent=8)
    assert len(padded) > 6144
    account.iam.create_policy(PolicyName="fits", PolicyDocument=padded)
    with refused("LimitExceeded", "PolicySize: 6144", status=409):
        account.iam.create_policy(PolicyName="long", PolicyDocument=json.dumps(document(62)))


def test_aws_managed_policies_are_there_and_can_be_read(account):
    got = account.iam.get_policy(PolicyArn=READ_ONLY)["Policy"]
    document = account.iam.get_policy_version(PolicyArn=READ_ONLY, VersionId=got["DefaultVersionId"])["PolicyVersion"]["Document"]
    assert got["PolicyName"] == "ReadOnlyAccess" and document["Statement"]
    names = {p["PolicyName"] for page in account.iam.get_paginator("list_policies").paginate(Scope="AWS") for p in page["Policies"]}
    assert {"AdministratorAccess", "IAMFullAccess", "AmazonS3ReadOnlyAccess", "AWSLambdaBasicExecutionRole"} <= names
    assert len(names) > 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda iam: iam.create_policy_version(PolicyArn=READ_ONLY, PolicyDocument=json.dumps(allow("*"))),
        lambda iam: iam.delete_policy(PolicyArn=READ_ONLY),
        lambda iam: iam.tag_policy(PolicyArn=READ_ONLY, Tags=[{"Key": "a", "Value": "b"}]),
    ],
    ids=["create version", "delete", "tag"],
)
def test_aws_managed_policies_cannot_be_changed(account, change):
    before = account.iam.get_policy(PolicyArn=READ_ONLY)["Policy"]
    with pytest.raises(account.iam.exceptions.ClientError) as caught:
        change(account.iam)
    assert caught.value.response["Error"]["Code"] in {"AccessDenied", "InvalidInput"}
    assert account.iam.get_policy(PolicyArn=READ_ONLY)["Policy"] == before


def test_policies_are_listed_by_scope_path_use_and_attachment(account, arn):
    unused = account.managed(allow("iam:ListRoles"), name="unused")
    bound = account.managed(allow("*"), name="bound")
    account.iam.create_user(UserName="ann", PermissionsBoundary=bound)
    account.iam.attach_user_policy(UserName="ann", PolicyArn=arn)
    account.iam.attach_user_policy(UserName="ann", PolicyArn=READ_ONLY)
    listed = lambda **kw: {p["Arn"] for p in account.iam.list_policies(**kw)["Policies"]}
    assert listed(Scope="Local") == {arn, unused, bound}
    assert listed(Scope="Local", PathPrefix="/p/") == {arn}
    assert listed(OnlyAttached=True) == {arn, READ_ONLY}
    assert listed(Scope="Local", OnlyAttached=True) == {arn}
    assert listed(PolicyUsageFilter="PermissionsBoundary") == {bound}
