"""`palisade explain` of calls of KMS: the statement, grant, policy, constraint or state that decided; to the key's account the grant that nearly fitted."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from harness.callers import allow


def explained(caller, request_id: str) -> dict:
    time.sleep(0.2)  # reads are on record 100 ms after their answers
    return json.loads(caller.palisade("explain", request_id, "--format", "json").stdout)


def refusal(ask) -> str:
    """The id of a request that is refused."""
    with pytest.raises(ClientError) as caught:
        ask()
    return caught.value.response["ResponseMetadata"]["RequestId"]


def decided(answer: dict) -> list[tuple]:
    (question,) = answer["Questions"]
    return [(one["Layer"], one["Policy"], one["Statement"]) for one in question["Deciding"]]


def test_what_allowed_is_named(account):
    key = account.kms.create_key()["KeyMetadata"]["Arn"]
    bob = account.user(allow("kms:Encrypt"))
    done = bob.kms.encrypt(KeyId=key, Plaintext=b"x")["ResponseMetadata"]["RequestId"]
    assert decided(explained(account.root, done)) == [("resource", "key-policy", 0), ("identity", "inline:inline-0", 0)]
    grant = account.kms.create_grant(KeyId=key, GranteePrincipal=bob.arn, Operations=["GenerateDataKey"])["GrantId"]
    done = bob.kms.generate_data_key(KeyId=key, KeySpec="AES_256")["ResponseMetadata"]["RequestId"]
    assert decided(explained(account.root, done)) == [("resource", f"grant:{grant}", 0)]


def test_the_grant_that_nearly_fitted_is_named_with_the_pair_that_differs(account):
    kms = account.kms
    key = kms.create_key()["KeyMetadata"]["Arn"]
    bob = account.user()
    equals = kms.create_grant(KeyId=key, GranteePrincipal=bob.arn, Operations=["Decrypt"], Constraints={"EncryptionContextEquals": {"app": "web"}})["GrantId"]
    subset = kms.create_grant(KeyId=key, GranteePrincipal=bob.arn, Operations=["Decrypt"], Constraints={"EncryptionContextSubset": {"env": "prod"}})["GrantId"]
    kms.create_grant(KeyId=key, GranteePrincipal=bob.arn, Operations=["Encrypt"])
    context = {"app": "api"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    refused = refusal(lambda: bob.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context))
    (question,) = explained(account.root, refused)["Questions"]
    assert sorted(question["Nearly"]) == sorted([
        f'grant:{equals} would allow it, but for its constraint EncryptionContextEquals: app is "api", not "web"',
        f"grant:{subset} would allow it, but for its constraint EncryptionContextSubset: the context has no pair env"])
    assert "nearly" not in account.root.palisade("explain", refused).stdout.lower() and "its constraint EncryptionContextEquals" in account.root.palisade("explain", refused).stdout


def test_another_account_does_not_learn_of_the_keys_grants(account, other_account):
    kms = account.kms
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "kms:*", "Resource": "*"}]}
    key = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    far = other_account.user(allow("kms:Encrypt"))
    kms.create_grant(KeyId=key, GranteePrincipal=far.arn, Operations=["Encrypt"], Constraints={"EncryptionContextEquals": {"app": "web"}})
    refused = refusal(lambda: far.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"app": "api"}))
    answer = explained(other_account.root, refused)
    assert "grant:" not in json.dumps(answer) and "web" not in json.dumps(answer["Questions"])


def test_a_state_that_refused_is_told(account):
    key = account.kms.create_key()["KeyMetadata"]["Arn"]
    account.kms.disable_key(KeyId=key)
    refused = refusal(lambda: account.kms.encrypt(KeyId=key, Plaintext=b"x"))
    answer = explained(account.root, refused)
    assert answer["Call"]["Outcome"] == "failed" and answer["Call"]["ErrorMessage"] == f"{key} is disabled."
    assert decided(answer) == [("resource", "key-policy", 0)]
