"""What does not exist here yet is told truthfully: empty lists, and NoSuchEntity where one thing is asked for."""

import pytest

from harness.callers import allow, refused

EMPTY = [
    ("list_open_id_connect_providers", "OpenIDConnectProviderList"),
    ("list_saml_providers", "SAMLProviderList"),
    ("list_server_certificates", "ServerCertificateMetadataList"),
]


@pytest.mark.parametrize(("call", "member"), EMPTY, ids=[call for call, _ in EMPTY])
def test_there_are_none(account, call, member):
    assert getattr(account.iam, call)()[member] == []


def test_nobody_has_a_password_and_there_is_no_rule_for_one(account):
    name = account.name("user")
    account.user(name=name)
    with refused("NoSuchEntity", f"Login Profile for User {name} cannot be found.", status=404):
        account.iam.get_login_profile(UserName=name)
    with refused("NoSuchEntity", f"Login Profile for User {name} cannot be found.", status=404):
        account.iam.delete_login_profile(UserName=name)
    with refused("NoSuchEntity", "The Password Policy with domain name", status=404):
        account.iam.get_account_password_policy()


def test_the_authorization_details_show_users_with_their_policies(account):
    name = account.name("user")
    account.user(allow("iam:ListUsers"), name=name)
    details = account.iam.get_account_authorization_details(Filter=["User"])
    shown = [found for found in details["UserDetailList"] if found["UserName"] == name]
    assert len(shown) == 1 and shown[0]["UserPolicyList"][0]["PolicyDocument"]["Statement"]
