"""Red team: credentials that outlive their owner, clocks that are bent, doors between accounts."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from botocore.exceptions import ClientError

from harness.callers import allow, refused, trust

DEAD = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "ExpiredToken"}


def is_dead(caller):
    """None of the caller's calls gets past authentication."""
    for call in (caller.sts.get_caller_identity, caller.iam.list_users, caller.cloudtrail.lookup_events, lambda: caller.sts.get_session_token()):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] in DEAD, caught.value


def delete_user(account, name):
    for key in account.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        account.iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in account.iam.list_user_policies(UserName=name)["PolicyNames"]:
        account.iam.delete_user_policy(UserName=name, PolicyName=policy)
    account.iam.delete_user(UserName=name)


def delete_role(account, name):
    for policy in account.iam.list_role_policies(RoleName=name)["PolicyNames"]:
        account.iam.delete_role_policy(RoleName=name, PolicyName=policy)
    account.iam.delete_role(RoleName=name)


def test_keys_of_a_deleted_user_stay_dead_when_the_name_comes_back(account):
    old = account.user(allow("*"), name="ann")
    delete_user(account, "ann")
    is_dead(old)
    new = account.user(allow("*"), name="ann")
    is_dead(old)
    assert new.arn == account.arn("user/ann")


def test_sessions_of_a_deleted_role_stay_dead_when_the_name_comes_back(account):
    ann = account.user(allow("sts:AssumeRole"))
    old = ann.assume(account.role(trust(account.id), allow("*"), name="app"))
    delete_role(account, "app")
    is_dead(old)
    new = ann.assume(account.role(trust(account.id), allow("*"), name="app"))
    is_dead(old)
    assert new.iam.list_roles()["Roles"]


@pytest.mark.parametrize("give", [lambda caller: caller.sts.get_session_token(), lambda caller: caller.sts.get_federation_token(Name="guest", Policy=json.dumps(allow("*")))], ids=["session", "federated"])
def test_sessions_of_a_deleted_user_stay_dead_when_the_name_comes_back(account, give):
    ann = account.user(allow("*"), name="ann")
    old = ann.becoming(give(ann)["Credentials"])
    assert old.arn
    delete_user(account, "ann")
    is_dead(old)
    account.user(allow("*"), name="ann")
    is_dead(old)


def test_a_session_taken_with_a_key_outlives_the_key_but_not_its_powers(account):
    """As on AWS: deleting the key does not end the session; taking the user's policies away does take its powers."""
    ann = account.user(allow("sts:AssumeRole", "cloudtrail:LookupEvents"), name="ann")
    session = ann.becoming(ann.sts.get_session_token()["Credentials"])
    account.iam.delete_access_key(UserName="ann", AccessKeyId=ann.credentials.access_key_id)
    assert "Events" in session.cloudtrail.lookup_events()
    account.iam.delete_user_policy(UserName="ann", PolicyName="inline-0")
    with refused("AccessDeniedException"):
        session.cloudtrail.lookup_events()


def test_a_group_of_a_lost_name_lends_nothing(account):
    account.iam.create_group(GroupName="admins")
    account.iam.put_group_policy(GroupName="admins", PolicyName="p", PolicyDocument=json.dumps(allow("*")))
    eve = account.user(name="eve")
    account.iam.add_user_to_group(GroupName="admins", UserName="eve")
    assert eve.iam.list_users()["Users"]
    account.iam.remove_user_from_group(GroupName="admins", UserName="eve")
    account.iam.delete_group_policy(GroupName="admins", PolicyName="p")
    account.iam.delete_group(GroupName="admins")
    account.iam.create_group(GroupName="admins")
    account.iam.put_group_policy(GroupName="admins", PolicyName="p", PolicyDocument=json.dumps(allow("*")))
    with refused("AccessDenied"):
        eve.iam.list_users()


def test_a_user_made_anew_does_not_inherit_membership_or_policies(account):
    account.iam.create_group(GroupName="admins")
    account.iam.put_group_policy(GroupName="admins", PolicyName="p", PolicyDocument=json.dumps(allow("*")))
    account.user(name="eve")
    account.iam.add_user_to_group(GroupName="admins", UserName="eve")
    account.iam.remove_user_from_group(GroupName="admins", UserName="eve")
    delete_user(account, "eve")
    eve = account.user(name="eve")
    assert account.iam.list_groups_for_user(UserName="eve")["Groups"] == []
    with refused("AccessDenied"):
        eve.iam.list_users()


def test_trust_in_a_deleted_user_is_not_trust_in_the_next_of_that_name(account):
    account.user(name="ann")
    role = account.role(trust(account.arn("user/ann")))
    delete_user(account, "ann")
    impostor = account.user(name="ann")
    with refused("AccessDenied"):
        impostor.assume(role)


def test_an_inactive_key_gives_nothing_not_even_identity(account):
    eve = account.user(allow("*"), name="eve")
    account.iam.update_access_key(UserName="eve", AccessKeyId=eve.credentials.access_key_id, Status="Inactive")
    is_dead(eve)


def test_a_caller_may_cut_off_its_own_hand(account):
    eve = account.user(allow("*"), name="eve")
    eve.iam.update_access_key(AccessKeyId=eve.credentials.access_key_id, Status="Inactive")
    is_dead(eve)


# --- clocks -------------------------------------------------------------------------------------------------------------------


def test_a_policy_that_ends_has_ended(account):
    past, future = "2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"
    over = account.user(allow("iam:ListUsers", DateLessThan={"aws:CurrentTime": past}))
    to_come = account.user(allow("iam:ListUsers", DateGreaterThan={"aws:CurrentTime": future}))
    now = account.user(allow("iam:ListUsers", DateGreaterThan={"aws:CurrentTime": past}, DateLessThan={"aws:CurrentTime": future}))
    for caller in (over, to_come):
        with refused("AccessDenied"):
            caller.iam.list_users()
    assert now.iam.list_users()["Users"]


def test_the_clients_date_is_not_the_policys_clock(account):
    """X-Amz-Date may differ by minutes from the server's clock; aws:CurrentTime is the server's."""
    from harness.wire import Raw

    edge = (datetime.now(timezone.utc) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    eve = account.user(allow("iam:ListUsers", DateGreaterThan={"aws:CurrentTime": edge}))
    raw = Raw(eve)
    answer = raw.send(raw.signer(time=datetime.now(timezone.utc) + timedelta(minutes=10)).sign(raw.form("ListUsers")))
    assert answer.status == 403 and answer.code == "AccessDenied"


def test_a_session_cannot_renew_itself(account):
    ann = account.user(allow("*"), name="ann")
    session = ann.becoming(ann.sts.get_session_token(DurationSeconds=900)["Credentials"])
    with refused("AccessDenied"):
        session.sts.get_session_token(DurationSeconds=129600)


def test_context_cannot_be_set_from_outside(account):
    """Headers and parameters named like condition keys are not the request's context."""
    from harness.wire import Raw

    eve = account.user(allow("iam:ListUsers", IpAddress={"aws:SourceIp": "203.0.113.7/32"}), allow("iam:ListRoles", StringEquals={"aws:PrincipalTag/team": "red"}))
    raw = Raw(eve)
    for name, value in [("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7"), ("X-Real-Ip", "203.0.113.7"), ("X-Amz-Source-Ip", "203.0.113.7"), ("aws:SourceIp", "203.0.113.7")]:
        request = raw.form("ListUsers").with_header(name, value) if ":" not in name else raw.form("ListUsers", **{name: value})
        assert raw.send(raw.signer().sign(request)).status in (400, 403)
    assert raw.call("ListRoles", **{"aws:PrincipalTag/team": "red"}).status in (400, 403)


# --- between accounts ---------------------------------------------------------------------------------------------------------


def test_names_of_another_account_open_nothing_there(account, other_account):
    role = other_account.role(trust(other_account.id), allow("*"), name="target")
    policy = other_account.managed(allow("iam:ListUsers"), name="target")
    victim = other_account.user(name="victim")
    admin = account.user(allow("*"))
    for call in (
        lambda: admin.iam.get_role(RoleName="target"),
        lambda: admin.iam.create_policy_version(PolicyArn=policy, PolicyDocument=json.dumps(allow("*")), SetAsDefault=True),
        lambda: admin.iam.delete_policy(PolicyArn=policy),
        lambda: admin.iam.list_entities_for_policy(PolicyArn=policy),
        lambda: admin.iam.get_access_key_last_used(AccessKeyId=victim.credentials.access_key_id),
        lambda: admin.iam.delete_access_key(UserName="victim", AccessKeyId=victim.credentials.access_key_id),
        lambda: admin.sts.assume_role(RoleArn=role, RoleSessionName="up"),
        lambda: admin.iam.attach_user_policy(UserName="victim", PolicyArn=policy),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403, 404)
    assert other_account.iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v1"
    assert victim.arn == other_account.arn("user/victim")


def test_a_policy_naming_another_accounts_resources_gives_nothing_there(account, other_account):
    other_account.iam.create_user(UserName="victim")
    eve = account.user(allow("iam:*", resource=other_account.arn("user/victim")))
    with refused("AccessDenied"):
        eve.iam.get_user(UserName="victim")


def test_root_of_one_account_is_nobody_in_another(account, other_account):
    role = other_account.role(trust(other_account.id), name="target")
    with refused("AccessDenied"):
        account.root.sts.assume_role(RoleArn=role, RoleSessionName="up")
