"""AssumeRole: who may, for how long, with which name, tags and policies, and what the session then is."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from harness.callers import allow, refused, trust


@pytest.fixture
def role(account):
    """A role that anybody of its account may assume who is allowed to; it may list users."""
    return account.role(trust(account.id), allow("iam:ListUsers"), name="app", MaxSessionDuration=7200)


@pytest.fixture
def ann(account):
    return account.user(allow("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"), name="ann")


def assume(caller, role, **parameters):
    return caller.sts.assume_role(RoleArn=role, **({"RoleSessionName": "s1"} | parameters))


def test_a_session_is_the_role_under_its_name(account, ann, role):
    answer = assume(ann, role)
    credentials = answer["Credentials"]
    assert re.fullmatch(r"ASIA[A-Z0-9]{16}", credentials["AccessKeyId"])
    assert abs(credentials["Expiration"] - datetime.now(timezone.utc) - timedelta(hours=1)) < timedelta(minutes=5)
    role_id = account.iam.get_role(RoleName="app")["Role"]["RoleId"]
    arn = f"arn:aws:sts::{account.id}:assumed-role/app/s1"
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": f"{role_id}:s1", "Arn": arn}
    session = ann.becoming(credentials)
    who = session.sts.get_caller_identity()
    assert (who["Arn"], who["UserId"], who["Account"]) == (arn, f"{role_id}:s1", account.id)
    assert [u["UserName"] for u in session.iam.list_users()["Users"]] == ["ann"]


def test_a_session_may_do_what_its_role_may_and_no_more(ann, role):
    with refused("AccessDenied", "assumed-role/app/s1 is not authorized to perform: iam:ListRoles", status=403):
        ann.assume(role, "s1").iam.list_roles()


def test_a_role_with_a_path_is_assumed_by_its_full_arn(account, ann):
    arn = account.role(trust(account.id), name="deep", Path="/a/b/")
    assert assume(ann, arn)["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account.id}:assumed-role/deep/s1"
    with refused("AccessDenied", status=403):
        assume(ann, account.arn("role/deep"))


def test_a_role_that_does_not_exist_cannot_be_told_from_one_that_refuses(account, ann):
    closed = account.role(trust(account.arn("root")) | {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sts:*"}]}, name="closed")
    for arn in (closed, account.arn("role/none")):
        with refused("AccessDenied", f"is not authorized to perform: sts:AssumeRole on resource: {arn}", status=403):
            assume(ann, arn)


def test_trust_in_the_account_leaves_it_to_the_accounts_policies(account, role):
    with refused("AccessDenied", "because no identity-based policy allows the sts:AssumeRole action", status=403):
        assume(account.user(name="bob"), role)


def test_trust_in_the_user_is_enough_within_the_account(account):
    bob = account.user(name="bob")
    assert assume(bob, account.role(trust(account.arn("user/bob"))))["Credentials"]


def test_root_cannot_assume_roles(account, role):
    with refused("AccessDenied", "Roles may not be assumed by root accounts.", status=403):
        assume(account.root, role)


@pytest.mark.parametrize(("seconds", "good"), [(900, True), (7200, True), (7201, False)])
def test_a_session_lasts_as_long_as_asked_up_to_the_roles_longest(ann, role, seconds, good):
    if good:
        left = assume(ann, role, DurationSeconds=seconds)["Credentials"]["Expiration"] - datetime.now(timezone.utc)
        assert abs(left - timedelta(seconds=seconds)) < timedelta(minutes=5)
    else:
        with refused("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", status=400):
            assume(ann, role, DurationSeconds=seconds)


@pytest.mark.parametrize(
    ("parameters", "member"),
    [({"DurationSeconds": 899}, "durationSeconds"), ({"DurationSeconds": 43201}, "durationSeconds"), ({"RoleSessionName": "x"}, "roleSessionName"),
     ({"RoleSessionName": "with space"}, "roleSessionName"), ({"ExternalId": "x"}, "externalId"), ({"SourceIdentity": "a"}, "sourceIdentity")],
)
def test_what_the_model_forbids_is_refused(ann, role, parameters, member):
    with refused("ValidationError", f"'{member}'", "failed to satisfy constraint", status=400):
        assume(ann, role, **parameters)


def test_a_session_that_assumes_another_role_gets_an_hour_at_most(account, ann, role):
    second = account.role(trust(role), MaxSessionDuration=43200)
    account.iam.put_role_policy(RoleName="app", PolicyName="chain", PolicyDocument=json.dumps(allow("sts:AssumeRole")))
    first = ann.assume(role)
    assert assume(first, second, DurationSeconds=3600)["Credentials"]
    with refused("ValidationError", "1 hour session limit for roles assumed by role chaining", status=400):
        assume(first, second, DurationSeconds=3601)


def test_a_session_policy_takes_away_and_never_gives(account, ann, role):
    wide = ann.assume(role, Policy=json.dumps(allow("*")))
    assert wide.iam.list_users()["Users"]
    with refused("AccessDenied", "because no identity-based policy allows the iam:ListRoles action"):
        wide.iam.list_roles()
    narrow = ann.assume(role, Policy=json.dumps(allow("iam:ListRoles")))
    with refused("AccessDenied", "because no session policy allows the iam:ListUsers action", status=403):
        narrow.iam.list_users()


def test_session_policies_can_be_named_by_arn(account, ann, role):
    arn = account.managed(allow("iam:ListRoles"))
    with refused("AccessDenied", "because no session policy allows the iam:ListUsers action"):
        ann.assume(role, PolicyArns=[{"arn": arn}]).iam.list_users()
    both = ann.assume(role, PolicyArns=[{"arn": arn}], Policy=json.dumps(allow("iam:ListUsers")))
    assert both.iam.list_users()["Users"]
    with pytest.raises(ann.sts.exceptions.ClientError):
        assume(ann, role, PolicyArns=[{"arn": account.arn("policy/none")}])


def test_a_session_policy_that_is_none_is_refused(ann, role):
    for text in ("{", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}'):
        with refused("MalformedPolicyDocument", status=400):
            assume(ann, role, Policy=text)


def test_how_full_the_packed_policy_is_is_told(ann, role):
    small = assume(ann, role, Policy=json.dumps(allow("iam:ListUsers")))["PackedPolicySize"]
    large = assume(ann, role, Policy=json.dumps(allow(*(f"iam:Get{n:04}" for n in range(120)))))["PackedPolicySize"]
    assert 0 < small < large <= 100
    assert "PackedPolicySize" not in assume(ann, role)


def test_session_tags_are_bounded(ann, role):
    tags = lambda count: [{"Key": f"k{n}", "Value": "v"} for n in range(count)]
    assert assume(ann, role, Tags=tags(50))["Credentials"]
    with refused("ValidationError", "'tags'", status=400):
        assume(ann, role, Tags=tags(51))
    with pytest.raises(ann.sts.exceptions.ClientError):
        assume(ann, role, Tags=[{"Key": "aws:x", "Value": "v"}])


def test_the_external_id_must_be_the_one_agreed(account, ann):
    arn = account.role(trust(account.arn("user/ann"), StringEquals={"sts:ExternalId": "agreed"}))
    assert assume(ann, arn, ExternalId="agreed")["Credentials"]
    for wrong in ({}, {"ExternalId": "guessed"}):
        with refused("AccessDenied", status=403):
            assume(ann, arn, **wrong)


def test_the_session_name_can_be_prescribed(account, ann):
    arn = account.role(trust(account.arn("user/ann"), StringEquals={"sts:RoleSessionName": "${aws:username}"}))
    assert assume(ann, arn, RoleSessionName="ann")["Credentials"]
    with refused("AccessDenied"):
        assume(ann, arn, RoleSessionName="bob")


def test_the_source_identity_stays_through_the_chain(account, ann, role):
    second = account.role(trust(role, StringEquals={"sts:SourceIdentity": "ann@home"}), name="second")
    account.iam.put_role_policy(RoleName="app", PolicyName="chain", PolicyDocument=json.dumps(allow("sts:AssumeRole", "sts:SetSourceIdentity")))
    answer = assume(ann, role, SourceIdentity="ann@home")
    assert answer["SourceIdentity"] == "ann@home"
    first = ann.becoming(answer["Credentials"])
    assert assume(first, second)["SourceIdentity"] == "ann@home"
    with pytest.raises(ann.sts.exceptions.ClientError):
        assume(first, second, SourceIdentity="somebody")
    with refused("AccessDenied"):
        assume(ann.assume(role), second)


def test_sessions_end_with_their_role(account, ann, role):
    session = ann.assume(role)
    account.iam.delete_role_policy(RoleName="app", PolicyName="inline-0")
    account.iam.delete_role(RoleName="app")
    with refused("InvalidClientTokenId", "The security token included in the request is invalid", status=403):
        session.sts.get_caller_identity()
    account.role(trust(account.id), allow("iam:ListUsers"), name="app")
    with refused("InvalidClientTokenId", status=403):
        session.iam.list_users()


def test_a_change_of_the_roles_policies_counts_at_once(account, ann, role):
    session = ann.assume(role)
    account.iam.put_role_policy(RoleName="app", PolicyName="more", PolicyDocument=json.dumps(allow("iam:ListRoles")))
    assert session.iam.list_roles()["Roles"]
    account.iam.delete_role_policy(RoleName="app", PolicyName="inline-0")
    with refused("AccessDenied"):
        session.iam.list_users()


def test_old_sessions_are_revoked_by_their_issue_time(account, ann, role):
    session = ann.assume(role)
    revoked = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {
        "aws:TokenIssueTime": (datetime.now(timezone.utc) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")}}}]}
    account.iam.put_role_policy(RoleName="app", PolicyName="AWSRevokeOlderSessions", PolicyDocument=json.dumps(revoked))
    with refused("AccessDenied", "with an explicit deny in an identity-based policy", status=403):
        session.iam.list_users()
