"""Permission by tags (ABAC): of the principal, the resource, the request and the session."""

import pytest

from harness.callers import allow, refused, trust

TEAM = {"Key": "team", "Value": "red"}


def test_principal_and_resource_must_share_a_tag(account):
    ann = account.user(allow("iam:GetUser", StringEquals={"iam:ResourceTag/team": "${aws:PrincipalTag/team}"}), Tags=[TEAM])
    account.iam.create_user(UserName="mine", Tags=[TEAM])
    account.iam.create_user(UserName="theirs", Tags=[{"Key": "team", "Value": "blue"}])
    account.iam.create_user(UserName="nobodys")
    assert ann.iam.get_user(UserName="mine")["User"]
    for name in ("theirs", "nobodys"):
        with refused("AccessDenied"):
            ann.iam.get_user(UserName=name)
    account.iam.tag_user(UserName="nobodys", Tags=[TEAM])
    assert ann.iam.get_user(UserName="nobodys")["User"]


@pytest.mark.parametrize("key", ["aws:ResourceTag/team", "iam:ResourceTag/team", "aws:resourcetag/TEAM"])
def test_a_resources_tag_goes_by_both_names_in_any_case(account, key):
    ann = account.user(allow("iam:GetRole", StringEquals={key: "red"}))
    account.role(trust(account.id), name="mine", Tags=[TEAM])
    account.role(trust(account.id), name="bare")
    assert ann.iam.get_role(RoleName="mine")["Role"]
    with refused("AccessDenied"):
        ann.iam.get_role(RoleName="bare")


def test_the_request_can_be_made_to_carry_a_tag(account):
    ann = account.user(allow("iam:CreateUser", "iam:TagUser", StringEquals={"aws:RequestTag/team": "red"}))
    assert ann.iam.create_user(UserName="good", Tags=[TEAM])["User"]
    for tags in ([], [{"Key": "team", "Value": "blue"}], [{"Key": "other", "Value": "red"}]):
        with refused("AccessDenied", status=403):
            ann.iam.create_user(UserName="bad", **({"Tags": tags} if tags else {}))


def test_only_certain_tag_keys_can_be_allowed(account):
    ann = account.user(allow("iam:TagUser", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]}}))
    account.iam.create_user(UserName="bob")
    ann.iam.tag_user(UserName="bob", Tags=[TEAM, {"Key": "cost", "Value": "1"}])
    with refused("AccessDenied"):
        ann.iam.tag_user(UserName="bob", Tags=[TEAM, {"Key": "owner", "Value": "x"}])


def test_untagging_shows_the_keys_it_takes(account):
    ann = account.user(allow("iam:UntagUser", **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}))
    account.iam.create_user(UserName="bob", Tags=[TEAM, {"Key": "owner", "Value": "x"}])
    ann.iam.untag_user(UserName="bob", TagKeys=["team"])
    with refused("AccessDenied"):
        ann.iam.untag_user(UserName="bob", TagKeys=["owner"])


def test_creating_with_tags_needs_the_tag_action_too(account):
    ann = account.user(allow("iam:CreateUser"))
    assert ann.iam.create_user(UserName="plain")["User"]
    with refused("AccessDenied", "iam:TagUser"):
        ann.iam.create_user(UserName="tagged", Tags=[TEAM])


def test_a_sessions_tags_are_the_principals(account):
    role = account.role(trust(account.id), allow("iam:GetUser", StringEquals={"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}))
    ann = account.user(allow("sts:*"))
    account.iam.create_user(UserName="mine", Tags=[TEAM])
    assert ann.assume(role, Tags=[TEAM]).iam.get_user(UserName="mine")["User"]
    with refused("AccessDenied"):
        ann.assume(role, Tags=[{"Key": "team", "Value": "blue"}]).iam.get_user(UserName="mine")
    with refused("AccessDenied"):
        ann.assume(role).iam.get_user(UserName="mine")


def test_a_session_tag_outweighs_the_roles(account):
    role = account.role(trust(account.id), allow("iam:ListUsers", StringEquals={"aws:PrincipalTag/team": "red"}), Tags=[TEAM])
    ann = account.user(allow("sts:*"))
    assert ann.assume(role).iam.list_users()["Users"]
    with refused("AccessDenied"):
        ann.assume(role, Tags=[{"Key": "team", "Value": "blue"}]).iam.list_users()


def test_transitive_tags_go_down_the_chain_and_cannot_be_changed_there(account):
    second = account.role(trust(account.id), allow("iam:ListUsers", StringEquals={"aws:PrincipalTag/team": "red"}), name="second")
    first = account.role(trust(account.id), allow("sts:*"), name="first")
    ann = account.user(allow("sts:*"))
    carried = ann.assume(first, Tags=[TEAM], TransitiveTagKeys=["team"])
    assert carried.assume(second).iam.list_users()["Users"]
    with refused("AccessDenied"):
        ann.assume(first, Tags=[TEAM]).assume(second).iam.list_users()
    with pytest.raises(ann.sts.exceptions.ClientError):
        carried.assume(second, Tags=[{"Key": "team", "Value": "blue"}])


def test_which_session_tags_may_be_given_is_the_trust_policys_to_say(account):
    role = account.role(trust(account.id, StringEquals={"aws:RequestTag/team": ["red", "green"]}))
    ann = account.user(allow("sts:*"))
    assert ann.assume(role, Tags=[TEAM]).arn
    with refused("AccessDenied"):
        ann.assume(role, Tags=[{"Key": "team", "Value": "blue"}])


def test_policies_and_profiles_are_guarded_by_their_tags(account):
    rule = {"aws:ResourceTag/team": "red"}
    ann = account.user(allow("iam:GetPolicy", "iam:GetInstanceProfile", StringEquals=rule))
    mine, bare = account.managed(allow("*"), Tags=[TEAM]), account.managed(allow("*"))
    account.iam.create_instance_profile(InstanceProfileName="mine", Tags=[TEAM])
    account.iam.create_instance_profile(InstanceProfileName="bare")
    assert ann.iam.get_policy(PolicyArn=mine)["Policy"] and ann.iam.get_instance_profile(InstanceProfileName="mine")
    with refused("AccessDenied"):
        ann.iam.get_policy(PolicyArn=bare)
    with refused("AccessDenied"):
        ann.iam.get_instance_profile(InstanceProfileName="bare")
