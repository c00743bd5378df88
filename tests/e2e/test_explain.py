"""`palisade explain`, and the messages that DecodeAuthorizationMessage opens: why a call was answered as it was."""

import json
import time

import pytest

from harness.callers import Account, Caller, Credentials, allow, deny, refused, trust
from harness.server import Server, palisade


def explain(caller, answer: dict) -> dict:
    """What `palisade explain` says of the call that gave `answer`; calls are there within a moment."""
    request_id = answer["ResponseMetadata"]["RequestId"]
    deadline = time.monotonic() + 5
    while True:
        done = palisade("explain", request_id, "--format", "json", environment=caller_environment(caller))
        if done.returncode == 0 or time.monotonic() > deadline:
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)
        time.sleep(0.1)


def caller_environment(caller) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": caller.endpoint, "AWS_REGION": caller.region, **caller.credentials.environment()}


def denied(call) -> dict:
    with refused("AccessDenied") as caught:
        call()
    return caught.value.response


def test_a_refusal_names_what_was_asked_and_what_would_change_it(account):
    ann = account.user(allow("iam:GetUser"), name="ann")
    said = explain(account.root, denied(lambda: ann.iam.create_user(UserName="bob")))
    assert said["Call"]["Arn"] == account.arn("user/ann") and said["Call"]["Operation"] == "CreateUser"
    question = said["Questions"][0]
    assert (question["Action"], question["Resource"], question["Allowed"]) == ("iam:CreateUser", account.arn("user/bob"), False)
    assert question["OtherOutcome"] and any("iam:CreateUser" in text for text in question["OtherOutcome"])
    considered = [statement for statement in question["Considered"] if statement["Layer"] == "identity"]
    assert considered and considered[0]["Matched"] is False and considered[0]["FailedElement"] == "Action"


def test_an_explicit_deny_is_named_down_to_the_statement(account):
    rule = {"Version": "2012-10-17", "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}, {"Sid": "NoLists", "Effect": "Deny", "Action": "iam:List*", "Resource": "*"}]}
    ann = account.user(rule, name="ann")
    question = explain(account.root, denied(ann.iam.list_users))["Questions"][0]
    deciding = question["Deciding"]
    assert [(statement["Sid"], statement["Effect"], statement["Layer"]) for statement in deciding] == [("NoLists", "Deny", "identity")]
    assert "inline-0" in deciding[0]["Policy"]


def test_an_allow_is_explained_too(account):
    ann = account.user(allow("iam:ListUsers"), name="ann")
    question = explain(account.root, ann.iam.list_users())["Questions"][0]
    assert question["Allowed"] is True and question["Deciding"][0]["Effect"] == "Allow" and "inline-0" in question["Deciding"][0]["Policy"]


def test_the_chain_of_sessions_leads_back_to_the_user(account):
    role = account.role(trust(account.id), name="app")
    ann = account.user(allow("sts:*"), name="ann")
    said = explain(account.root, denied(ann.assume(role, "s1", SourceIdentity="ann").iam.list_users))
    assert said["Call"]["Arn"].endswith("assumed-role/app/s1")
    assert [(link["Operation"], link["Arn"]) for link in said["Chain"]] == [("sts:AssumeRole", account.arn("user/ann"))]


def test_a_condition_that_failed_shows_the_value_it_saw(account):
    ann = account.user(allow("iam:ListUsers", IpAddress={"aws:SourceIp": "203.0.113.0/24"}), name="ann")
    question = explain(account.root, denied(ann.iam.list_users))["Questions"][0]
    failed = [statement for statement in question["Considered"] if statement["FailedElement"].startswith("Condition")]
    assert failed and "127.0.0.1" in json.dumps(failed)


def test_explaining_needs_permission(account):
    ann = account.user(allow("iam:*"), name="ann")
    request_id = denied(lambda: ann.sts.get_federation_token(Name="guest"))["ResponseMetadata"]["RequestId"]
    done = palisade("explain", request_id, environment=caller_environment(ann))
    assert done.returncode != 0 and "palisade:Explain" in done.stderr
    allowed = account.user(allow("palisade:Explain"))
    assert palisade("explain", request_id, environment=caller_environment(allowed)).returncode == 0


def test_of_another_account_one_learns_only_that_it_did_or_did_not_allow(account, other_account):
    """The caller's account sees its own policies, the role's account its own trust policy. Neither sees the other's."""
    role = other_account.role(trust(account.id, StringNotEquals={"sts:ExternalId": "their-secret"}))
    ann = account.user(allow("sts:AssumeRole"), deny("sts:AssumeRole", StringEquals={"aws:PrincipalTag/x": "our-secret"}), name="ann")
    call = lambda **parameters: ann.sts.assume_role(RoleArn=role, RoleSessionName="s1", **parameters)
    allowed, refusal = call(), denied(lambda: call(ExternalId="their-secret"))
    mine, theirs = explain(account.root, allowed), explain(other_account.root, allowed)
    assert "our-secret" in json.dumps(mine) and "their-secret" not in json.dumps(mine)
    assert "our-secret" not in json.dumps(theirs)
    layers = lambda said: {statement["Layer"] for statement in said["Questions"][0]["Considered"] + said["Questions"][0]["Deciding"]}
    assert layers(mine) == {"identity"} and layers(theirs) == {"resource"}
    said = explain(account.root, refusal)["Questions"][0]
    assert said["Allowed"] is False and "StringNotEquals" not in json.dumps(said)


def test_calls_of_another_account_cannot_be_explained(account, other_account):
    answer = account.iam.create_user(UserName="ann")
    explain(account.root, answer)
    done = palisade("explain", answer["ResponseMetadata"]["RequestId"], environment=caller_environment(other_account.root))
    assert done.returncode != 0


@pytest.mark.parametrize("request_id", ["", "nonsense", "00000000-0000-0000-0000-000000000000", "../metrics"])
def test_a_call_that_never_was_is_not_explained(account, request_id):
    assert palisade("explain", request_id, environment=caller_environment(account.root)).returncode not in (0, 101)


def test_a_failed_signature_is_explained_from_the_ring(account):
    ann = account.user(name="ann")
    account.iam.update_access_key(UserName="ann", AccessKeyId=ann.credentials.access_key_id, Status="Inactive")
    with refused("InvalidClientTokenId") as caught:
        ann.iam.list_users()
    said = explain(account.root, caught.value.response)
    assert said["AuthenticationFailure"]["Code"] == "InvalidClientTokenId" and said["AuthenticationFailure"]["Detail"]


def test_denials_can_carry_a_message_for_those_who_may_decode_it(tmp_path):
    root = Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789")
    with Server(tmp_path, "--ephemeral", "--explain-denials", "--root-credentials", f"{root.access_key_id}:{root.secret}:111122223333") as server:
        account = Account("111122223333", Caller(server.endpoint, root))
        ann = account.user(name="ann")
        message = denied(lambda: ann.iam.create_user(UserName="bob"))["Error"]["Message"]
        assert "Encoded authorization failure message: " in message
        encoded = message.split("Encoded authorization failure message: ")[1]
        with refused("AccessDenied", "sts:DecodeAuthorizationMessage"):
            ann.sts.decode_authorization_message(EncodedMessage=encoded)
        decoded = json.loads(account.sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
        assert decoded["allowed"] is False and decoded["explicitDeny"] is False
        assert decoded["context"]["action"] == "iam:CreateUser" and decoded["context"]["resource"] == account.arn("user/bob")
        assert decoded["context"]["principal"]["arn"] == account.arn("user/ann")
        with refused("InvalidAuthorizationMessageException"):
            account.sts.decode_authorization_message(EncodedMessage=encoded[:-4] + "AAAA")
