"""GetSessionToken, GetFederationToken, GetAccessKeyInfo and DecodeAuthorizationMessage."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from harness.callers import allow, deny, refused, trust


def lasts(credentials) -> timedelta:
    return credentials["Expiration"] - datetime.now(timezone.utc)


def test_a_session_token_needs_no_permission_and_is_the_user(account):
    ann = account.user(name="ann")
    answer = ann.sts.get_session_token()["Credentials"]
    assert answer["AccessKeyId"].startswith("ASIA") and abs(lasts(answer) - timedelta(hours=12)) < timedelta(minutes=5)
    session = ann.becoming(answer)
    assert session.arn == account.arn("user/ann")


@pytest.mark.parametrize(("seconds", "good"), [(899, False), (900, True), (129600, True), (129601, False)])
def test_a_session_token_lasts_between_a_quarter_and_36_hours(account, seconds, good):
    ann = account.user()
    if good:
        assert abs(lasts(ann.sts.get_session_token(DurationSeconds=seconds)["Credentials"]) - timedelta(seconds=seconds)) < timedelta(minutes=5)
    else:
        with refused("ValidationError", "'durationSeconds'", status=400):
            ann.sts.get_session_token(DurationSeconds=seconds)


def test_roots_session_token_lasts_an_hour_at_most(account):
    assert lasts(account.sts.get_session_token(DurationSeconds=7200)["Credentials"]) <= timedelta(hours=1)


def test_a_session_token_without_mfa_may_not_call_iam_and_little_of_sts(account):
    ann = account.user(allow("*"), name="ann")
    session = ann.becoming(ann.sts.get_session_token()["Credentials"])
    role = account.role(trust(account.id), name="app")
    with refused("InvalidClientTokenId", "The security token included in the request is invalid", status=403):
        session.iam.list_users()
    assert session.assume(role).arn.endswith("assumed-role/app/session")
    for call in (session.sts.get_session_token, lambda: session.sts.get_federation_token(Name="fed")):
        with refused("AccessDenied", status=403):
            call()


def test_a_role_assumed_with_a_session_token_is_a_chained_one(account):
    ann = account.user(allow("sts:AssumeRole"))
    role = account.role(trust(account.id), MaxSessionDuration=7200)
    session = ann.becoming(ann.sts.get_session_token()["Credentials"])
    assert session.assume(role, DurationSeconds=3600).arn
    with refused("ValidationError", "1 hour session limit for roles assumed by role chaining", status=400):
        session.assume(role, DurationSeconds=3601)


def test_a_session_token_ends_with_the_user(account):
    ann = account.user(name="ann")
    session = ann.becoming(ann.sts.get_session_token()["Credentials"])
    account.iam.delete_access_key(UserName="ann", AccessKeyId=ann.credentials.access_key_id)
    account.iam.delete_user(UserName="ann")
    with refused("InvalidClientTokenId", status=403):
        session.sts.get_caller_identity()


def federate(caller, *policies, **parameters):
    if policies:
        parameters["Policy"] = json.dumps(policies[0])
    return caller.sts.get_federation_token(Name="guest", **parameters)


def test_a_federated_user_has_a_name_of_its_own(account):
    ann = account.user(allow("sts:GetFederationToken", "cloudtrail:LookupEvents"), name="ann")
    answer = federate(ann, allow("cloudtrail:LookupEvents"))
    arn = f"arn:aws:sts::{account.id}:federated-user/guest"
    assert answer["FederatedUser"] == {"FederatedUserId": f"{account.id}:guest", "Arn": arn}
    assert abs(lasts(answer["Credentials"]) - timedelta(hours=12)) < timedelta(minutes=5)
    assert ann.becoming(answer["Credentials"]).arn == arn


def test_a_federated_user_may_what_user_and_session_policy_both_allow(account):
    ann = account.user(allow("sts:GetFederationToken", "cloudtrail:LookupEvents"), name="ann")
    with_policy = ann.becoming(federate(ann, allow("*"))["Credentials"])
    assert "Events" in with_policy.cloudtrail.lookup_events()
    without = ann.becoming(federate(ann)["Credentials"])
    with refused("AccessDeniedException", "because no session policy allows the cloudtrail:LookupEvents action"):
        without.cloudtrail.lookup_events()


def test_federation_needs_permission(account):
    with refused("AccessDenied", "sts:GetFederationToken", f"arn:aws:sts::{account.id}:federated-user/guest", status=403):
        federate(account.user())


def test_a_role_session_cannot_federate(account):
    ann = account.user(allow("sts:AssumeRole"))
    session = ann.assume(account.role(trust(account.id), allow("*")))
    for call in (lambda: federate(session), session.sts.get_session_token):
        with refused("AccessDenied", status=403):
            call()


def test_whose_an_access_key_is_can_be_asked(account, other_account):
    there = other_account.user()
    ann = account.user(allow("sts:GetAccessKeyInfo"))
    assert ann.sts.get_access_key_info(AccessKeyId=there.credentials.access_key_id)["Account"] == other_account.id
    with pytest.raises(ann.sts.exceptions.ClientError):
        ann.sts.get_access_key_info(AccessKeyId="AKIANONENONENONENONE")


def test_a_message_that_palisade_did_not_encode_cannot_be_decoded(account):
    with refused("InvalidAuthorizationMessageException", status=400):
        account.sts.decode_authorization_message(EncodedMessage="bm9uc2Vuc2U")


def test_root_is_who_it_is(account):
    who = account.sts.get_caller_identity()
    assert (who["Account"], who["Arn"], who["UserId"]) == (account.id, account.arn("root"), account.id)


def test_who_one_is_cannot_be_forbidden(account):
    assert account.user(deny("*"), name="ann").arn == account.arn("user/ann")
