"""KMS keys whose material comes from outside, and keys of several Regions."""

import secrets
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from harness.callers import allow, refused
from harness.events import by_itself

OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def external(account, **parameters) -> str:
    return account.kms.create_key(Origin="EXTERNAL", **parameters)["KeyMetadata"]["KeyId"]


def bring(kms, key: str, material: bytes, algorithm: str = "RSAES_OAEP_SHA_256", **parameters) -> dict:
    """Imports material as a client does: wrapped to the public key that KMS gives out."""
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048")
    public = serialization.load_der_public_key(given["PublicKey"])
    if algorithm.startswith("RSA_AES"):
        kek = secrets.token_bytes(32)
        wrapped = public.encrypt(kek, OAEP) + keywrap.aes_key_wrap_with_padding(kek, material)
    else:
        wrapped = public.encrypt(material, OAEP)
    parameters = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"} | parameters
    return kms.import_key_material(KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped, **parameters)


def test_material_is_brought_in_deleted_and_brought_in_again(account):
    key, material = external(account), secrets.token_bytes(32)
    assert account.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    with refused("KMSInvalidStateException", "is pending import."):
        account.kms.encrypt(KeyId=key, Plaintext=b"x")
    brought = bring(account.kms, key, material)
    described = account.kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["ExpirationModel"], described["Origin"]) == ("Enabled", "KEY_MATERIAL_DOES_NOT_EXPIRE", "EXTERNAL")
    blob = account.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert account.kms.delete_imported_key_material(KeyId=key)["KeyMaterialId"] == brought["KeyMaterialId"]
    with refused("KMSInvalidStateException"):
        account.kms.decrypt(CiphertextBlob=blob)
    with refused("IncorrectKeyMaterialException"):
        bring(account.kms, key, secrets.token_bytes(32))
    bring(account.kms, key, material)
    assert account.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_an_elliptic_key_signs_with_the_key_that_was_brought_in(account):
    key = external(account, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    private = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    bring(account.kms, key, pkcs8, "RSA_AES_KEY_WRAP_SHA_256")
    signed = account.kms.sign(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    private.public_key().verify(signed, b"x", ec.ECDSA(hashes.SHA256()))


def test_what_cannot_be_imported_is_refused(account):
    key = external(account)
    for parameters, code in [
        ({"WrappingAlgorithm": "RSAES_PKCS1_V1_5", "WrappingKeySpec": "RSA_2048"}, "UnsupportedOperationException"),
        ({"WrappingAlgorithm": "RSA_AES_KEY_WRAP_SHA_256", "WrappingKeySpec": "RSA_2048"}, "ValidationException"),
    ]:
        with refused(code):
            account.kms.get_parameters_for_import(KeyId=key, **parameters)
    with refused("IncorrectKeyMaterialException"):
        bring(account.kms, key, secrets.token_bytes(16))
    given = account.kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    garbage = {"ImportToken": given["ImportToken"], "EncryptedKeyMaterial": b"x" * 256, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    with refused("InvalidCiphertextException"):
        account.kms.import_key_material(KeyId=key, **garbage)
    with refused("InvalidImportTokenException"):
        account.kms.import_key_material(KeyId=external(account), **garbage)
    with refused("ValidationException"):
        bring(account.kms, key, secrets.token_bytes(32), ExpirationModel="KEY_MATERIAL_EXPIRES")
    own = account.kms.create_key()["KeyMetadata"]["KeyId"]
    with refused("UnsupportedOperationException", "origin is AWS_KMS"):
        account.kms.delete_imported_key_material(KeyId=own)


def test_material_expires(account):
    key = external(account)
    end = datetime.now(timezone.utc) + timedelta(days=10)
    bring(account.kms, key, secrets.token_bytes(32), ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=end)
    described = account.kms.describe_key(KeyId=key)["KeyMetadata"]
    assert described["ExpirationModel"] == "KEY_MATERIAL_EXPIRES" and abs(described["ValidTo"] - end) < timedelta(seconds=2)


def test_material_that_expired_is_deleted_on_record(account):
    key = external(account)
    end = datetime.now(timezone.utc) + timedelta(seconds=2)
    material = bring(account.kms, key, secrets.token_bytes(32), ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=end)["KeyMaterialId"]
    [event] = by_itself(account, "DeleteExpiredKeyMaterial")
    assert event["eventType"] == "AwsServiceEvent" and event["serviceEventDetails"] == {"keyId": key, "keyMaterialId": material}
    assert account.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"


def test_new_material_waits_for_its_rotation(account):
    key = external(account)
    bring(account.kms, key, secrets.token_bytes(32))
    blob = account.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    with refused("KMSInvalidStateException"):
        account.kms.rotate_key_on_demand(KeyId=key)
    bring(account.kms, key, secrets.token_bytes(32), ImportType="NEW_KEY_MATERIAL", KeyMaterialDescription="second")
    listed = account.kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [one["KeyMaterialState"] for one in listed] == ["PENDING_ROTATION", "CURRENT"] and listed[0]["KeyMaterialDescription"] == "second"
    account.kms.rotate_key_on_demand(KeyId=key)
    assert account.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.fixture
def there(account):
    """The account's root in another Region."""
    return replace(account.root, region="eu-west-1")


def test_a_key_is_replicated_and_its_primary_moved(account, there):
    made = account.kms.create_key(MultiRegion=True)["KeyMetadata"]
    key = made["KeyId"]
    assert key.startswith("mrk-") and made["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"
    replica = account.kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1", Tags=[{"TagKey": "a", "TagValue": "b"}])
    assert replica["ReplicaKeyMetadata"]["Arn"] == f"arn:aws:kms:eu-west-1:{account.id}:key/{key}" and replica["ReplicaTags"] == [{"TagKey": "a", "TagValue": "b"}]
    with refused("AlreadyExistsException"):
        account.kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    blob = account.kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert there.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    account.kms.update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")
    assert there.kms.describe_key(KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"
    with refused("UnsupportedOperationException", "is not a multi-Region primary key"):
        account.kms.update_primary_region(KeyId=key, PrimaryRegion="eu-west-1")
    single = account.kms.create_key()["KeyMetadata"]["KeyId"]
    with refused("UnsupportedOperationException"):
        account.kms.replicate_key(KeyId=single, ReplicaRegion="eu-west-1")


def test_replication_asks_for_the_key_and_for_a_new_one(account):
    key = account.kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    half = account.user(allow("kms:ReplicateKey"))
    with refused("AccessDeniedException", "kms:CreateKey"):
        half.kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    account.user(allow("kms:ReplicateKey", "kms:CreateKey")).kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")


def test_the_last_use_is_told(account):
    key = account.kms.create_key()["KeyMetadata"]["KeyId"]
    assert account.kms.get_key_last_usage(KeyId=key)["KeyLastUsage"] == {}
    used = account.kms.encrypt(KeyId=key, Plaintext=b"x")
    for _ in range(50):
        last = account.kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]
        if last:
            break
        time.sleep(0.1)
    assert last["Operation"] == "Encrypt" and last["KmsRequestId"] == used["ResponseMetadata"]["RequestId"]
    with refused("NotFoundException"):
        account.kms.get_key_last_usage(KeyId="1234abcd-12ab-34cd-56ef-1234567890ab")
