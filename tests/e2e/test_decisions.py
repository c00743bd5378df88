"""What policies decide, through the whole way of a request, in the words AWS uses."""

import json

import pytest

from harness.callers import allow, deny, refused, trust


def test_nobody_is_allowed_anything_unless_told(account):
    ann = account.user(name="ann")
    text = (
        f"User: {account.arn('user/ann')} is not authorized to perform: iam:ListUsers on resource: "
        f"{account.arn('user/')} because no identity-based policy allows the iam:ListUsers action"
    )
    with refused("AccessDenied", text, status=403):
        ann.iam.list_users()


def test_root_may_do_everything_in_its_account(account):
    assert account.iam.list_users()["Users"] == []


def test_an_explicit_deny_outweighs_every_allow(account):
    ann = account.user(allow("*"), deny("iam:ListUsers"), name="ann")
    assert ann.iam.list_roles()["Roles"] == []
    with refused("AccessDenied", "is not authorized to perform: iam:ListUsers on resource: ", "with an explicit deny in an identity-based policy"):
        ann.iam.list_users()


def test_permission_is_for_the_resource_it_names(account):
    ann = account.user(allow("iam:GetUser", resource=account.arn("user/team/*")))
    account.iam.create_user(UserName="near", Path="/team/")
    account.iam.create_user(UserName="far", Path="/")
    assert ann.iam.get_user(UserName="near")["User"]["Path"] == "/team/"
    with refused("AccessDenied"):
        ann.iam.get_user(UserName="far")


def test_who_may_not_read_learns_nothing_of_what_exists(account):
    ann = account.user(name="ann")
    account.iam.create_user(UserName="there")
    for name in ("there", "not-there"):
        with refused("AccessDenied", "iam:GetUser", status=403):
            ann.iam.get_user(UserName=name)


def test_not_action_allows_what_is_left(account):
    ann = account.user({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": "iam:ListU*", "Resource": "*"}]})
    assert ann.iam.list_roles()["Roles"] == []
    with refused("AccessDenied"):
        ann.iam.list_users()


def test_not_resource_denies_what_is_left(account):
    rule = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "iam:GetUser", "NotResource": account.arn("user/me")}]}
    ann = account.user(allow("*"), rule, name="me")
    assert ann.iam.get_user(UserName="me")["User"]
    account.iam.create_user(UserName="you")
    with refused("AccessDenied", "explicit deny"):
        ann.iam.get_user(UserName="you")


def test_actions_match_whatever_their_case_and_resources_only_in_theirs(account):
    account.iam.create_user(UserName="Bob")
    assert account.user(allow("IAM:getuser")).iam.get_user(UserName="Bob")["User"]
    with refused("AccessDenied"):
        account.user(allow("iam:GetUser", resource=account.arn("user/bob"))).iam.get_user(UserName="Bob")


def test_the_callers_name_can_stand_in_a_policy(account):
    ann = account.user(allow("iam:GetUser", resource=account.arn("user/${aws:username}")), name="ann")
    account.iam.create_user(UserName="bob")
    assert ann.iam.get_user(UserName="ann")["User"]
    with refused("AccessDenied"):
        ann.iam.get_user(UserName="bob")


@pytest.mark.parametrize(
    ("condition", "good"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.1/32"}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
        ({"NumericLessThan": {"aws:EpochTime": "1577836800"}}, False),
        ({"StringEquals": {"aws:PrincipalType": "User"}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
        ({"StringLike": {"aws:UserAgent": "*Boto3*"}}, True),
        ({"StringLike": {"aws:UserAgent": "curl*"}}, False),
        ({"Null": {"aws:TokenIssueTime": "true"}}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-aaaaaaaaaa"}}, True),
        ({"StringEquals": {"aws:ViaAWSService": "false"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/cond-*"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "only"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": "only"}}, False),
    ],
    ids=str,
)
def test_conditions_see_the_request_as_it_is(account, condition, good):
    ann = account.user(allow("iam:ListUsers", **condition), name="cond-1")
    if good:
        assert ann.iam.list_users()["Users"]
    else:
        with refused("AccessDenied", "no identity-based policy allows"):
            ann.iam.list_users()


def test_a_boundary_caps_what_policies_give(account):
    bound = account.managed(allow("iam:ListUsers"))
    ann = account.user(allow("iam:ListUsers", "iam:ListRoles"), name="ann", PermissionsBoundary=bound)
    assert ann.iam.list_users()["Users"]
    with refused("AccessDenied", "because no permissions boundary allows the iam:ListRoles action", status=403):
        ann.iam.list_roles()
    account.iam.delete_user_permissions_boundary(UserName="ann")
    assert ann.iam.list_roles()["Roles"] == []


def test_a_boundary_alone_gives_nothing(account):
    ann = account.user(PermissionsBoundary=account.managed(allow("*")))
    with refused("AccessDenied", "because no identity-based policy allows the iam:ListUsers action"):
        ann.iam.list_users()


def test_a_deny_in_the_boundary_is_named_as_such(account):
    bound = account.managed({"Version": "2012-10-17", "Statement": [allow("*")["Statement"][0], deny("iam:ListRoles")["Statement"][0]]})
    with refused("AccessDenied", f"with an explicit deny in a permissions boundary: {bound}"):
        account.user(allow("*"), PermissionsBoundary=bound).iam.list_roles()


def test_a_deny_in_the_session_policy_is_named_as_such(account):
    ann = account.user(allow("sts:AssumeRole"))
    role = account.role(trust(account.id), allow("*"))
    rules = {"Version": "2012-10-17", "Statement": [allow("*")["Statement"][0], deny("iam:ListRoles")["Statement"][0]]}
    with refused("AccessDenied", "with an explicit deny in a session policy"):
        ann.assume(role, Policy=json.dumps(rules)).iam.list_roles()


def test_a_deny_in_the_trust_policy_is_named_as_such(account):
    ann = account.user(allow("sts:AssumeRole"), name="ann")
    rules = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": {"AWS": account.arn("user/ann")}, "Action": "sts:AssumeRole"}]}
    with refused("AccessDenied", "sts:AssumeRole", "with an explicit deny in the role trust policy"):
        ann.assume(account.role(rules))


class TestAcrossAccounts:
    """AssumeRole from one account into another needs both sides."""

    def test_both_sides_must_allow(self, account, other_account):
        role = other_account.role(trust(account.id), allow("iam:ListUsers"))
        ann = account.user(allow("sts:AssumeRole", resource=role))
        session = ann.assume(role)
        assert session.arn.startswith(f"arn:aws:sts::{other_account.id}:assumed-role/")
        assert session.iam.list_users()["Users"] == []
        with refused("AccessDenied", "because no identity-based policy allows the sts:AssumeRole action"):
            account.user(name="powerless").assume(role)

    def test_trust_in_the_user_is_not_enough(self, account, other_account):
        ann = account.user(name="ann")
        role = other_account.role(trust(account.arn("user/ann")))
        with refused("AccessDenied", "sts:AssumeRole"):
            ann.assume(role)

    def test_permission_without_trust_is_not_enough(self, account, other_account):
        role = other_account.role(trust(other_account.id))
        with refused("AccessDenied", f"is not authorized to perform: sts:AssumeRole on resource: {role}", status=403):
            account.user(allow("*")).assume(role)

    def test_the_external_id_guards_the_door(self, account, other_account):
        role = other_account.role(trust(account.id, StringEquals={"sts:ExternalId": "agreed"}))
        ann = account.user(allow("sts:AssumeRole"))
        with refused("AccessDenied"):
            ann.assume(role)
        assert ann.assume(role, ExternalId="agreed").arn

    def test_no_other_way_leads_into_another_account(self, account, other_account):
        other_account.iam.create_user(UserName="theirs")
        policy = other_account.managed(allow("*"))
        ann = account.user(allow("*"))
        with refused("NoSuchEntity"):
            ann.iam.get_user(UserName="theirs")
        with pytest.raises(ann.iam.exceptions.ClientError) as caught:
            ann.iam.get_policy(PolicyArn=policy)
        assert caught.value.response["Error"]["Code"] in {"AccessDenied", "NoSuchEntity"}

    def test_session_tags_need_tag_session_on_both_sides(self, account, other_account):
        plain = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "sts:AssumeRole"}]}
        closed, open_ = other_account.role(plain), other_account.role(trust(account.id))
        ann = account.user(allow("sts:AssumeRole", "sts:TagSession"))
        tags = [{"Key": "team", "Value": "a"}]
        with refused("AccessDenied", "sts:TagSession"):
            ann.assume(closed, Tags=tags)
        assert ann.assume(open_, Tags=tags).arn
        with refused("AccessDenied", "sts:TagSession"):
            account.user(allow("sts:AssumeRole")).assume(open_, Tags=tags)


def test_a_role_named_in_another_roles_trust_is_known_by_its_id(account):
    """A role deleted and made anew under the same name is not the role that was trusted; the trust then shows the old one's id."""
    first = account.role(trust(account.id), allow("sts:AssumeRole"), name="first")
    second = account.role(trust(first), name="second")
    ann = account.user(allow("sts:AssumeRole"))
    assert ann.assume(first).assume(second).arn
    account.iam.delete_role_policy(RoleName="first", PolicyName="inline-0")
    account.iam.delete_role(RoleName="first")
    account.role(trust(account.id), name="first")
    with refused("AccessDenied"):
        ann.assume(first).assume(second)
    shown = account.iam.get_role(RoleName="second")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]
    assert "AROA" in str(shown)
