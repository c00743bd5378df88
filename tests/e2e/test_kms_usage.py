"""`palisade kms usage`: who used a key, counted from the journal, and equal to what was done and to GetKeyLastUsage."""

import json
import time

import pytest

from harness.callers import allow, refused, trust


def usage(caller, key: str, since: str = "1h", enough=lambda uses: True) -> list[dict]:
    """The uses, once `enough` says so of them: reads reach the journal up to 100 ms after their answers."""
    deadline = time.monotonic() + 5
    while True:
        uses = json.loads(caller.palisade("kms", "usage", key, "--since", since, "--format", "json").stdout)["Uses"]
        if enough(uses) or time.monotonic() > deadline:
            return uses
        time.sleep(0.1)


def counts(uses: list[dict]) -> dict:
    return {(used["Principal"].rsplit("/", 1)[-1].rsplit(":", 1)[-1], used["Operation"], used["Outcome"], *used["ContextKeys"]): used["Count"] for used in uses}


def test_uses_are_counted_by_who_what_and_with_which_context(account):
    kms = account.kms
    key = kms.create_key()["KeyMetadata"]
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key["KeyId"])
    bob = account.user(allow("kms:Encrypt", "kms:Decrypt"), name="bob")
    eve = account.user(allow("iam:*"), name="eve")
    for _ in range(3):
        blob = bob.kms.encrypt(KeyId=key["Arn"], Plaintext=b"x", EncryptionContext={"app": "web", "env": "test"})["CiphertextBlob"]
    kms.encrypt(KeyId="alias/app", Plaintext=b"x")
    bob.kms.decrypt(CiphertextBlob=blob, EncryptionContext={"env": "test", "app": "web"})
    with refused("InvalidCiphertextException"):
        bob.kms.decrypt(CiphertextBlob=blob, EncryptionContext={"app": "web"})
    with refused("AccessDeniedException"):
        eve.kms.decrypt(CiphertextBlob=blob, EncryptionContext={"app": "web", "env": "test"})
    kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"app": "web", "env": "test"}, DestinationKeyId=other)
    kms.describe_key(KeyId=key["KeyId"])
    expected = {
        ("bob", "Encrypt", "success", "app", "env"): 3,
        ("root", "Encrypt", "success"): 1,
        ("bob", "Decrypt", "success", "app", "env"): 1,
        ("bob", "Decrypt", "failed", "app"): 1,
        ("eve", "Decrypt", "denied", "app", "env"): 1,
        ("root", "ReEncryptFrom", "success", "app", "env"): 1,
    }
    uses = usage(account.root, "alias/app", enough=lambda uses: counts(uses) == expected)
    assert counts(uses) == expected
    material = kms.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"][0]["KeyMaterialId"]
    done = [used for used in uses if used["Outcome"] == "success"]
    assert {used["KeyMaterialId"] for used in done} == {material}
    assert all(used["First"] <= used["Last"] for used in uses)
    assert counts(usage(account.root, other)) == {("root", "ReEncryptTo", "success"): 1}
    text = account.root.palisade("kms", "usage", "alias/app", "--since", "1h").stdout
    assert "3 × kms:Encrypt by" in text and "context app env" in text and "(denied)" in text and "since" in text


def test_a_rotation_shows_in_the_materials(account):
    kms = account.kms
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.rotate_key_on_demand(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")
    uses = usage(account.root, key, enough=lambda uses: len(uses) == 2)
    assert len({used["KeyMaterialId"] for used in uses}) == 2 and [used["Count"] for used in uses] == [1, 1]


def test_the_last_use_is_that_of_get_key_last_usage(account):
    kms = account.kms
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    request = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})["ResponseMetadata"]["RequestId"]
    uses = usage(account.root, key, enough=lambda uses: len(uses) == 3)
    deadline = time.monotonic() + 5
    while (last := kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]).get("KmsRequestId") != request and time.monotonic() < deadline:
        time.sleep(0.1)
    newest = max((used for used in uses if used["Outcome"] == "success"), key=lambda used: used["Last"].rstrip("Z"))
    assert newest["Operation"] == last["Operation"] == "Encrypt" and newest["ContextKeys"] == ["a"]
    assert newest["Last"][:19] == last["Timestamp"].strftime("%Y-%m-%dT%H:%M:%S")
    assert sum(used["Count"] for used in uses) == 3


def test_sessions_count_for_their_role_and_other_accounts_by_id(account, other_account):
    kms = account.kms
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": [account.id, other_account.id]}, "Action": "kms:*", "Resource": "*"}]}
    key = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]
    role = account.role(trust(account.id), allow("kms:Encrypt"))
    bob = account.user(allow("sts:AssumeRole"))
    for session in ("one", "two"):
        bob.assume(role, session=session).kms.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    far = other_account.user(allow("kms:Encrypt"), name="far")
    far.kms.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    uses = usage(account.root, key["Arn"], enough=lambda uses: sum(used["Count"] for used in uses) == 3)
    who = {used["Principal"]: (used["Account"], used["Count"]) for used in uses}
    assert who[role] == (account.id, 2)
    (foreign,) = who.keys() - {role}
    assert foreign.startswith("AIDA") and who[foreign] == (other_account.id, 1)


def test_it_takes_its_action_on_the_key_and_is_the_key_accounts_alone(account, other_account):
    key = account.kms.create_key()["KeyMetadata"]["Arn"]
    assert "palisade:GetKeyUsage" in account.user(allow("kms:*")).palisade("kms", "usage", key, code=1).stderr
    assert "no such key" not in account.user(allow("palisade:GetKeyUsage", resource=key)).palisade("kms", "usage", key).stderr
    assert "palisade:GetKeyUsage" in other_account.root.palisade("kms", "usage", key, code=1).stderr
    assert "There is no such key" in account.root.palisade("kms", "usage", "alias/nothing", code=1).stderr


@pytest.mark.parametrize("period", ["0s", "90d"])
def test_only_the_period_counts(account, period):
    key = account.kms.create_key()["KeyMetadata"]["KeyId"]
    account.kms.encrypt(KeyId=key, Plaintext=b"x")
    assert usage(account.root, key, enough=bool)
    time.sleep(0.05)
    assert bool(usage(account.root, key, since=period)) == (period == "90d")
