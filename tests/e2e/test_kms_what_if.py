"""What-if of what takes keys away: which calls would fail, who used the key, what hangs on it. Nothing of it happens."""

import json
import secrets
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness.callers import AWS_CLI, allow

AWS = str(AWS_CLI)


def what_if(caller, *command: str) -> dict:
    return json.loads(caller.palisade("what-if", "--since", "1h", "--format", "json", "--", AWS, "kms", *command).stdout)


def flips(report: dict) -> set[tuple]:
    return {(flip["Principal"].rsplit("/", 1)[-1].rsplit(":", 1)[-1], flip["Action"], flip["From"], flip["To"], flip["Count"]) for flip in report["Replay"]["Flips"]}


@pytest.fixture
def used(account):
    """A key with an alias and a grant that bob used: its ARN."""
    kms = account.kms
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    bob = account.user(allow("kms:Encrypt"), name="bob")
    kms.create_grant(KeyId=key, GranteePrincipal=bob.arn, Operations=["Decrypt"], Constraints={"EncryptionContextEquals": {"app": "web"}})
    blobs = [bob.kms.encrypt(KeyId="alias/app", Plaintext=b"x", EncryptionContext={"app": "web"})["CiphertextBlob"] for _ in range(2)]
    for blob in blobs:
        bob.kms.decrypt(CiphertextBlob=blob, EncryptionContext={"app": "web"})
    time.sleep(0.3)  # reads are on record 100 ms after their answers
    return key


def test_a_scheduled_deletion_says_who_loses_what(account, used):
    report = what_if(account.root, "schedule-key-deletion", "--key-id", used)
    assert flips(report) == {("bob", "kms:Encrypt", "allowed", "failed", 2), ("bob", "kms:Decrypt", "allowed", "failed", 2), ("root", "kms:CreateAlias", "allowed", "failed", 1), ("root", "kms:CreateGrant", "allowed", "failed", 1)}
    (lost,) = report["Replay"]["Lost"]
    assert (lost["Arn"], lost["Before"], lost["After"], lost["Ciphertexts"]) == (used, "Enabled", "PendingDeletion", 2)
    uses = {(use["Principal"], use["Operation"]): use for use in lost["Uses"]}
    assert {kind: use["Count"] for kind, use in uses.items()} == {(account.arn("user/bob"), "Encrypt"): 2, (account.arn("user/bob"), "Decrypt"): 2}
    assert all(use["ContextKeys"] == ["app"] and len(use["KeyMaterialId"]) == 64 for use in uses.values())
    kinds = {dependent["Kind"]: dependent["Name"] for dependent in lost["Dependents"]}
    assert kinds["alias"] == "alias/app" and f"to {account.arn('user/bob')}: Decrypt" in kinds["grant"] and len(kinds) == 2
    assert account.kms.describe_key(KeyId=used)["KeyMetadata"]["KeyState"] == "Enabled"
    text = account.root.palisade("what-if", "--since", "1h", "--", AWS, "kms", "schedule-key-deletion", "--key-id", used).stdout
    assert f"lost: {used} (Enabled → PendingDeletion), 2 ciphertexts" in text and "2 × kms:Decrypt by" in text and "alias alias/app" in text


def test_a_disabled_key_fails_by_its_state(account, used):
    report = what_if(account.root, "disable-key", "--key-id", used)
    assert {flip[:4] for flip in flips(report)} >= {("bob", "kms:Encrypt", "allowed", "failed"), ("bob", "kms:Decrypt", "allowed", "failed")}
    assert all("DisabledException" in flip["Reason"] for flip in report["Replay"]["Flips"])
    (lost,) = report["Replay"]["Lost"]
    assert lost["After"] == "Disabled"


def test_a_revoked_grant_flips_what_it_allowed(account, used):
    (grant,) = account.kms.list_grants(KeyId=used)["Grants"]
    report = what_if(account.root, "revoke-grant", "--key-id", used, "--grant-id", grant["GrantId"])
    assert flips(report) == {("bob", "kms:Decrypt", "allowed", "denied", 2)} and report["Replay"]["Lost"] == []


def test_another_key_policy_flips_what_it_allowed(account, used):
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Deny", "Principal": {"AWS": account.arn("user/bob")}, "Action": "kms:Encrypt", "Resource": "*"}]}
    report = what_if(account.root, "put-key-policy", "--key-id", used, "--policy", json.dumps(policy))
    assert flips(report) == {("bob", "kms:Encrypt", "allowed", "denied", 2)} and report["Replay"]["Lost"] == []


def test_a_deleted_alias_fails_whoever_used_the_key_by_it(account, used):
    report = what_if(account.root, "delete-alias", "--alias-name", "alias/app")
    assert flips(report) == {("bob", "kms:Encrypt", "allowed", "failed", 2)} and report["Replay"]["Lost"] == []
    assert "alias/app is not found" in report["Replay"]["Flips"][0]["Reason"]


def test_deleted_material_leaves_its_key_without_use(account):
    kms = account.kms
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    wrapped = serialization.load_der_public_key(given["PublicKey"]).encrypt(secrets.token_bytes(32), oaep)
    kms.import_key_material(KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    kms.encrypt(KeyId=key, Plaintext=b"x")
    time.sleep(0.3)
    report = what_if(account.root, "delete-imported-key-material", "--key-id", key)
    assert ("root", "kms:Encrypt", "allowed", "failed", 1) in flips(report)
    (lost,) = report["Replay"]["Lost"]
    assert lost["After"] == "PendingImport" and lost["Ciphertexts"] == 1
    assert kms.encrypt(KeyId=key, Plaintext=b"x")


def test_what_was_lost_before_is_no_flip(account, used):
    account.kms.disable_key(KeyId=used)
    report = what_if(account.root, "schedule-key-deletion", "--key-id", used)
    assert not any(flip[1] in ("kms:Encrypt", "kms:Decrypt") for flip in flips(report)) and report["Replay"]["Lost"] == []
    assert sum(one["Count"] for one in report["Replay"]["AlreadyChanged"] if one["To"] == "failed") >= 4
