"""Red team: policies that try to give more than they may, and names made to look like others."""

import json

import pytest
from botocore.exceptions import ClientError

from harness.callers import allow, deny, refused, trust

ADMIN = json.dumps(allow("*"))


def is_refused(call) -> str:
    """The call is refused; with which code."""
    with pytest.raises(ClientError) as caught:
        call()
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert 400 <= status < 500, caught.value
    return caught.value.response["Error"]["Code"]


# --- escalation: what AWS allows is allowed, what it refuses is refused -------------------------------------------------------


def test_create_policy_version_lets_its_holder_rise_as_on_aws(account):
    """The classic: whoever may write a policy attached to itself may give itself everything, without SetDefaultPolicyVersion."""
    arn = account.managed(allow("iam:CreatePolicyVersion"))
    eve = account.user(name="eve")
    account.iam.attach_user_policy(UserName="eve", PolicyArn=arn)
    with refused("AccessDenied"):
        eve.iam.list_users()
    eve.iam.create_policy_version(PolicyArn=arn, PolicyDocument=ADMIN, SetAsDefault=True)
    assert eve.iam.list_users()["Users"]


def test_create_policy_version_on_another_policy_is_refused(account):
    mine, other = account.managed(allow("*")), account.managed(allow("iam:ListUsers"))
    eve = account.user(allow("iam:CreatePolicyVersion", resource=mine))
    with refused("AccessDenied", "iam:CreatePolicyVersion"):
        eve.iam.create_policy_version(PolicyArn=other, PolicyDocument=ADMIN, SetAsDefault=True)


def test_set_default_policy_version_brings_an_old_power_back_as_on_aws(account):
    arn = account.managed(allow("*"))
    account.iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(allow("iam:SetDefaultPolicyVersion")), SetAsDefault=True)
    eve = account.user(name="eve")
    account.iam.attach_user_policy(UserName="eve", PolicyArn=arn)
    with refused("AccessDenied"):
        eve.iam.list_users()
    eve.iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    assert eve.iam.list_users()["Users"]


def test_pass_role_is_asked_of_the_role_that_is_passed(account):
    account.iam.create_instance_profile(InstanceProfileName="p")
    strong, weak = account.role(trust(account.id), allow("*"), name="strong"), account.role(trust(account.id), name="weak")
    eve = account.user(allow("iam:AddRoleToInstanceProfile"), allow("iam:PassRole", resource=weak))
    with refused("AccessDenied", "iam:PassRole", strong):
        eve.iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="strong")
    eve.iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="weak")


@pytest.mark.parametrize("step", [
    lambda eve: eve.iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=ADMIN),
    lambda eve: eve.iam.attach_user_policy(UserName="eve", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
    lambda eve: eve.iam.add_user_to_group(UserName="eve", GroupName="admins"),
    lambda eve: eve.iam.create_access_key(UserName="admin"),
    lambda eve: eve.iam.update_assume_role_policy(RoleName="admin", PolicyDocument=json.dumps(trust("*"))),
    lambda eve: eve.iam.put_group_policy(GroupName="mine", PolicyName="p", PolicyDocument=ADMIN),
    lambda eve: eve.iam.attach_group_policy(GroupName="mine", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
    lambda eve: eve.iam.delete_user_permissions_boundary(UserName="eve"),
    lambda eve: eve.iam.put_user_permissions_boundary(UserName="eve", PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"),
    lambda eve: eve.iam.update_user(UserName="eve", NewUserName="admin2"),
    lambda eve: eve.iam.create_user(UserName="puppet"),
    lambda eve: eve.iam.attach_role_policy(RoleName="admin", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"),
    lambda eve: eve.iam.delete_user_policy(UserName="eve", PolicyName="inline-1"),
    lambda eve: eve.sts.assume_role(RoleArn=eve.arn.replace("user/eve", "role/admin"), RoleSessionName="up"),
    lambda eve: eve.sts.get_federation_token(Name="up", Policy=ADMIN),
], ids=["own policy", "attach", "join", "another's key", "trust", "own group", "attach group", "drop boundary", "other boundary", "rename", "puppet", "attach role", "drop deny", "assume", "federate"])
def test_a_reader_cannot_rise(account, step):
    account.iam.create_group(GroupName="admins")
    account.iam.put_group_policy(GroupName="admins", PolicyName="p", PolicyDocument=ADMIN)
    account.iam.create_group(GroupName="mine")
    account.iam.create_user(UserName="admin")
    account.role(trust(account.id), allow("*"), name="admin")
    eve = account.user(allow("iam:Get*", "iam:List*"), deny("iam:GetRole"), name="eve", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")
    account.iam.add_user_to_group(GroupName="mine", UserName="eve")
    assert is_refused(lambda: step(eve)) == "AccessDenied"
    with refused("AccessDenied"):
        eve.iam.create_group(GroupName="risen")


# --- boundaries ---------------------------------------------------------------------------------------------------------------


def test_a_bounded_admin_cannot_take_its_boundary_off_when_told_so(account):
    bound = account.managed({"Version": "2012-10-17", "Statement": [
        allow("*")["Statement"][0], deny("iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")["Statement"][0]]})
    eve = account.user(allow("*"), name="eve", PermissionsBoundary=bound)
    for call in (lambda: eve.iam.delete_user_permissions_boundary(UserName="eve"),
                 lambda: eve.iam.put_user_permissions_boundary(UserName="eve", PermissionsBoundary="arn:aws:iam::aws:policy/AdministratorAccess"),
                 lambda: eve.iam.create_policy_version(PolicyArn=bound, PolicyDocument=ADMIN, SetAsDefault=True)):
        with refused("AccessDenied", "with an explicit deny in a permissions boundary"):
            call()


def test_new_users_can_be_forced_under_a_boundary(account):
    bound = account.managed(allow("iam:List*"), name="bound")
    eve = account.user(allow("iam:CreateUser", "iam:PutUserPermissionsBoundary", StringEquals={"iam:PermissionsBoundary": bound}))
    assert eve.iam.create_user(UserName="good", PermissionsBoundary=bound)["User"]
    for parameters in ({}, {"PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}):
        with refused("AccessDenied"):
            eve.iam.create_user(UserName="bad", **parameters)


def test_a_session_of_a_bounded_role_is_bounded(account):
    role = account.role(trust(account.id), allow("*"), PermissionsBoundary=account.managed(allow("iam:ListUsers")))
    session = account.user(allow("sts:AssumeRole")).assume(role, Policy=ADMIN)
    assert session.iam.list_users()["Users"]
    with refused("AccessDenied", "because no permissions boundary allows"):
        session.iam.list_roles()


def test_a_boundary_of_another_account_is_refused(account, other_account):
    foreign = other_account.managed(allow("*"))
    is_refused(lambda: account.iam.create_user(UserName="ann", PermissionsBoundary=foreign))
    assert account.iam.list_users()["Users"] == []


# --- session policies ---------------------------------------------------------------------------------------------------------


def test_a_chain_of_sessions_cannot_shed_a_session_policy(account):
    role = account.role(trust(account.id), allow("*"), name="app")
    session = account.user(allow("sts:AssumeRole")).assume(role, Policy=json.dumps(allow("iam:ListUsers")))
    for call in (lambda: session.assume(role, Policy=ADMIN), lambda: session.iam.create_user(UserName="puppet"), lambda: session.sts.get_federation_token(Name="x", Policy=ADMIN)):
        assert is_refused(call) == "AccessDenied"


@pytest.mark.parametrize("text", ["*", "null", "true", "[]", '{"Version":"2012-10-17"}', '{"Version":"2012-10-17","Statement":[]}x', " ", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}]}'])
def test_a_session_policy_that_is_none_gives_no_session(account, text):
    role = account.role(trust(account.id), allow("*"))
    ann = account.user(allow("sts:AssumeRole"))
    assert is_refused(lambda: ann.assume(role, Policy=text)) in {"MalformedPolicyDocument", "ValidationError"}


def test_an_empty_list_of_session_policies_is_no_session_policy_and_takes_nothing_away(account):
    role = account.role(trust(account.id), allow("iam:ListUsers"))
    session = account.user(allow("sts:AssumeRole")).assume(role, PolicyArns=[])
    assert session.iam.list_users()["Users"]
    with refused("AccessDenied"):
        session.iam.list_roles()


# --- names that look like others ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", [
    "user/%61dmin", "user/ADMIN", "user/admin ", "user/аdmin", "user/admin/", "user//admin", "user/./admin", "user/x/../admin", "user/admin\u200b", "user/admi?\\", "User/admin", "user/admin%00"],
    ids=ascii)
def test_a_pattern_that_looks_like_a_name_does_not_match_it(account, resource):
    """`а` above is Cyrillic. A deny on a look-alike would protect nothing, an allow must not reach the original."""
    account.iam.create_user(UserName="admin")
    document = allow("iam:GetUser", resource=account.arn(resource))
    account.iam.create_user(UserName="eve")
    try:
        account.iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=json.dumps(document))
    except ClientError as refusal:
        assert refusal.response["Error"]["Code"] in {"MalformedPolicyDocument", "ValidationError"}
        return
    eve = account.root.becoming(account.iam.create_access_key(UserName="eve")["AccessKey"])
    with refused("AccessDenied"):
        eve.iam.get_user(UserName="admin")


@pytest.mark.parametrize("resource", ["arn:aws:iam::*", "arn:aws:iam", "*:*", "arn:*", "arn:aws:iam::{}:user"], ids=str)
def test_a_pattern_short_of_six_segments_reaches_no_resource(account, resource):
    account.iam.create_user(UserName="eve")
    try:
        account.iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=json.dumps(allow("iam:GetUser", resource=resource.format(account.id))))
    except ClientError as refusal:
        assert refusal.response["Error"]["Code"] == "MalformedPolicyDocument"
        return
    eve = account.root.becoming(account.iam.create_access_key(UserName="eve")["AccessKey"])
    with refused("AccessDenied"):
        eve.iam.get_user(UserName="eve")


def test_a_wildcard_reaches_across_paths_as_on_aws(account):
    account.iam.create_user(UserName="deep", Path="/a/b/")
    assert account.user(allow("iam:GetUser", resource=account.arn("user/a*"))).iam.get_user(UserName="deep")["User"]
    with refused("AccessDenied"):
        account.user(allow("iam:GetUser", resource=account.arn("user/deep"))).iam.get_user(UserName="deep")


def test_a_name_made_of_wildcards_is_a_name(account):
    """`+=,.@-_` are letters of names; a variable that holds one must not act as a pattern."""
    account.iam.create_user(UserName="a.b")
    account.iam.create_user(UserName="axb")
    eve = account.user(allow("iam:GetUser", resource=account.arn("user/a.b")))
    assert eve.iam.get_user(UserName="a.b")["User"]
    with refused("AccessDenied"):
        eve.iam.get_user(UserName="axb")


def test_a_tag_full_of_wildcards_opens_nothing(account):
    """Variables are filled after wildcards are read: a principal that tags itself `*` is a principal tagged `*`."""
    eve = account.user(allow("iam:GetUser", resource=account.arn("user/${aws:PrincipalTag/team}")), Tags=[{"Key": "team", "Value": "x"}])
    role = account.role(trust(account.id), allow("iam:GetUser", resource="arn:aws:iam::" + account.id + ":user/${aws:PrincipalTag/team}"))
    account.iam.create_user(UserName="admin")
    caller = account.user(allow("sts:*"))
    for value in ("*", "+", "${aws:username}"):
        try:
            session = caller.assume(role, Tags=[{"Key": "team", "Value": value}])
        except ClientError as refusal:
            assert refusal.response["Error"]["Code"] in {"ValidationError", "InvalidParameterValue"}
            continue
        with refused("AccessDenied"):
            session.iam.get_user(UserName="admin")
    with refused("AccessDenied"):
        eve.iam.get_user(UserName="admin")


def test_variables_are_plain_text_in_the_old_language_version(account):
    old = allow("iam:GetUser", resource=account.arn("user/${aws:username}")) | {"Version": "2008-10-17"}
    eve = account.user(old, name="eve")
    with refused("AccessDenied"):
        eve.iam.get_user(UserName="eve")
    without = {"Statement": old["Statement"]}
    account.iam.put_user_policy(UserName="eve", PolicyName="inline-0", PolicyDocument=json.dumps(without))
    with refused("AccessDenied"):
        eve.iam.get_user(UserName="eve")


# --- trust --------------------------------------------------------------------------------------------------------------------


def test_the_confused_deputy_without_an_external_id(account, other_account):
    """The service in `account` acts for many customers; a customer's role demands its own id, and another customer's does not open it."""
    role = other_account.role(trust(account.id, StringEquals={"sts:ExternalId": "customer-1"}))
    deputy = account.user(allow("sts:AssumeRole"))
    for parameters in ({}, {"ExternalId": "customer-2"}, {"ExternalId": "CUSTOMER-1"}, {"ExternalId": "customer-1 "[:10] + "x"}):
        assert is_refused(lambda: deputy.assume(role, **parameters)) == "AccessDenied"


def test_not_principal_denies_whoever_has_a_boundary(account):
    """As documented: NotPrincipal with Deny always denies a principal that has a permissions boundary."""
    bound = account.managed(allow("*"))
    account.iam.create_user(UserName="plain")
    account.iam.create_user(UserName="bounded", PermissionsBoundary=bound)
    rule = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "NotPrincipal": {"AWS": [account.arn("user/plain"), account.arn("user/bounded"), account.arn("root")]}, "Action": "sts:AssumeRole"}]}
    try:
        role = account.role(rule)
    except ClientError as refusal:
        assert refusal.response["Error"]["Code"] == "MalformedPolicyDocument"
        return
    callers = {}
    for name in ("plain", "bounded"):
        account.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(allow("sts:AssumeRole")))
        callers[name] = account.root.becoming(account.iam.create_access_key(UserName=name)["AccessKey"])
    assert callers["plain"].assume(role).arn
    assert is_refused(lambda: callers["bounded"].assume(role)) == "AccessDenied"


def test_trust_in_everybody_still_needs_the_callers_own_permission_from_outside(account, other_account):
    role = other_account.role(trust("*"))
    assert is_refused(lambda: account.user().assume(role)) == "AccessDenied"
    assert account.user(allow("sts:AssumeRole")).assume(role).arn


def test_trust_in_a_service_is_no_trust_in_a_user_of_that_name(account):
    rule = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = account.role(rule)
    assert is_refused(lambda: account.user(allow("*"), name="ec2.amazonaws.com").assume(role)) == "AccessDenied"


def test_a_principal_pattern_is_no_pattern(account):
    """Only `*` alone is a wildcard in Principal."""
    assert is_refused(lambda: account.role(trust(account.arn("user/*")))) == "MalformedPolicyDocument"


def test_service_linked_is_a_path_not_a_name(account):
    """A role that calls itself service-linked gets none of the exemptions and can be deleted like any other."""
    account.role(trust(account.id), name="AWSServiceRoleForFake")
    account.iam.delete_role(RoleName="AWSServiceRoleForFake")
    assert account.iam.list_roles()["Roles"] == []
