"""Using KMS keys: what comes out is what any other implementation of the same algorithm makes of it."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

from harness.callers import CliError, refused

TEXT = b"a message"


def make(account, spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT") -> str:
    return account.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]


def public(account, key: str):
    return serialization.load_der_public_key(account.kms.get_public_key(KeyId=key)["PublicKey"])


def test_a_text_is_encrypted_and_decrypted_with_its_context(account):
    key = make(account)
    sealed = account.kms.encrypt(KeyId=key, Plaintext=TEXT, EncryptionContext={"app": "web"})
    assert TEXT not in sealed["CiphertextBlob"] and len(sealed["CiphertextBlob"]) <= len(TEXT) + 152
    opened = account.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"app": "web"})
    assert opened["Plaintext"] == TEXT and opened["KeyId"] == sealed["KeyId"] and opened["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    for context in ({}, {"app": "api"}, {"APP": "web"}):
        with refused("InvalidCiphertextException", status=400):
            account.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    broken = sealed["CiphertextBlob"][:-1] + bytes([sealed["CiphertextBlob"][-1] ^ 1])
    with refused("InvalidCiphertextException"):
        account.kms.decrypt(CiphertextBlob=broken, EncryptionContext={"app": "web"})


def test_the_same_text_is_never_the_same_ciphertext(account):
    key = make(account)
    assert len({account.kms.encrypt(KeyId=key, Plaintext=TEXT)["CiphertextBlob"] for _ in range(20)}) == 20


def test_a_text_that_is_too_long_is_refused(account):
    key = make(account)
    account.kms.encrypt(KeyId=key, Plaintext=bytes(4096))
    with refused("ValidationException"):
        account.kms.encrypt(KeyId=key, Plaintext=bytes(4097))


def test_a_ciphertext_is_encrypted_again_under_another_key(account):
    one, two = make(account), make(account)
    blob = account.kms.encrypt(KeyId=one, Plaintext=TEXT, EncryptionContext={"a": "1"})["CiphertextBlob"]
    again = account.kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, DestinationKeyId=two, DestinationEncryptionContext={"b": "2"})
    assert again["SourceKeyId"].endswith(one) and again["KeyId"].endswith(two)
    assert account.kms.decrypt(CiphertextBlob=again["CiphertextBlob"], EncryptionContext={"b": "2"})["Plaintext"] == TEXT
    with refused("IncorrectKeyException"):
        account.kms.re_encrypt(CiphertextBlob=blob, SourceKeyId=two, SourceEncryptionContext={"a": "1"}, DestinationKeyId=two)


def test_data_keys_come_open_and_sealed(account):
    key = make(account)
    made = account.kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "1"})
    assert len(made["Plaintext"]) == 32
    assert account.kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "1"})["Plaintext"] == made["Plaintext"]
    sealed = account.kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=64)
    assert "Plaintext" not in sealed and len(account.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"]) == 64
    for parameters in ({}, {"KeySpec": "AES_128", "NumberOfBytes": 16}):
        with refused("ValidationException", "Please specify either number of bytes or key spec."):
            account.kms.generate_data_key(KeyId=key, **parameters)
    signing = make(account, "ECC_NIST_P256", "SIGN_VERIFY")
    with refused("InvalidKeyUsageException"):
        account.kms.generate_data_key(KeyId=signing, KeySpec="AES_256")
    with refused("UnsupportedOperationException", "Recipient"):
        account.kms.generate_data_key(KeyId=key, KeySpec="AES_256", Recipient={"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"})


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_SECG_P256K1"])
def test_data_key_pairs_belong_together(account, spec):
    key = make(account)
    pair = account.kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec)
    private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
    der = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert der == pair["PublicKey"]
    assert account.kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])["Plaintext"] == pair["PrivateKeyPlaintext"]
    sealed = account.kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec=spec)
    assert "PrivateKeyPlaintext" not in sealed and sealed["KeyPairSpec"] == spec


def test_random_bytes_are_as_many_as_asked_for(account):
    assert len(account.kms.generate_random(NumberOfBytes=1024)["Plaintext"]) == 1024
    with refused("ValidationException"):
        account.kms.generate_random()


@pytest.mark.parametrize(
    ("spec", "algorithm", "curve_hash"),
    [("ECC_NIST_P256", "ECDSA_SHA_256", hashes.SHA256), ("ECC_NIST_P384", "ECDSA_SHA_384", hashes.SHA384), ("ECC_SECG_P256K1", "ECDSA_SHA_256", hashes.SHA256)],
)
def test_ecdsa_signatures_verify_elsewhere(account, spec, algorithm, curve_hash):
    key = make(account, spec, "SIGN_VERIFY")
    signed = account.kms.sign(KeyId=key, Message=TEXT, SigningAlgorithm=algorithm)
    public(account, key).verify(signed["Signature"], TEXT, ec.ECDSA(curve_hash()))
    digest = hashlib.new(curve_hash.name, TEXT).digest()
    assert account.kms.verify(KeyId=key, Message=digest, MessageType="DIGEST", Signature=signed["Signature"], SigningAlgorithm=algorithm)["SignatureValid"] is True
    with refused("KMSInvalidSignatureException"):
        account.kms.verify(KeyId=key, Message=b"another", Signature=signed["Signature"], SigningAlgorithm=algorithm)
    with refused("ValidationException", "Digest is invalid length for algorithm"):
        account.kms.sign(KeyId=key, Message=TEXT, MessageType="DIGEST", SigningAlgorithm=algorithm)
    with refused("InvalidKeyUsageException"):
        account.kms.sign(KeyId=key, Message=TEXT, SigningAlgorithm="RSASSA_PSS_SHA_256")


def test_rsa_signs_and_encrypts_as_elsewhere(account):
    signing = make(account, "RSA_2048", "SIGN_VERIFY")
    signed = account.kms.sign(KeyId=signing, Message=TEXT, SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    public(account, signing).verify(signed, TEXT, pss, hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public(account, signing).verify(signed, b"another", pss, hashes.SHA256())
    sealing = make(account, "RSA_2048", "ENCRYPT_DECRYPT")
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    blob = public(account, sealing).encrypt(TEXT, oaep)
    assert account.kms.decrypt(KeyId=sealing, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256")["Plaintext"] == TEXT
    account.kms.encrypt(KeyId=sealing, Plaintext=bytes(190), EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    with refused("ValidationException", "cannot encrypt data larger than 190 bytes."):
        account.kms.encrypt(KeyId=sealing, Plaintext=bytes(191), EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    with refused("InvalidKeyUsageException"):
        account.kms.encrypt(KeyId=sealing, Plaintext=b"x")


def test_ed25519_verifies_elsewhere(account):
    key = make(account, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    signed = account.kms.sign(KeyId=key, Message=TEXT, SigningAlgorithm="ED25519_SHA_512")["Signature"]
    verifier = public(account, key)
    assert isinstance(verifier, ed25519.Ed25519PublicKey)
    verifier.verify(signed, TEXT)


def test_ml_dsa_signs_what_it_verifies(account):
    key = make(account, "ML_DSA_65", "SIGN_VERIFY")
    signed = account.kms.sign(KeyId=key, Message=TEXT, SigningAlgorithm="ML_DSA_SHAKE_256")["Signature"]
    assert len(signed) == 3309
    assert account.kms.verify(KeyId=key, Message=TEXT, Signature=signed, SigningAlgorithm="ML_DSA_SHAKE_256")["SignatureValid"]


def test_a_public_key_says_what_it_is_for_and_a_symmetric_key_has_none(account):
    key = make(account, "ECC_NIST_P384", "KEY_AGREEMENT")
    answer = account.kms.get_public_key(KeyId=key)
    assert (answer["KeySpec"], answer["KeyUsage"], answer["KeyAgreementAlgorithms"]) == ("ECC_NIST_P384", "KEY_AGREEMENT", ["ECDH"])
    with refused("UnsupportedOperationException"):
        account.kms.get_public_key(KeyId=make(account))


def test_macs_are_made_and_verified(account):
    key = make(account, "HMAC_512", "GENERATE_VERIFY_MAC")
    made = account.kms.generate_mac(KeyId=key, Message=TEXT, MacAlgorithm="HMAC_SHA_512")["Mac"]
    assert len(made) == hmac.new(b"", digestmod="sha512").digest_size
    assert account.kms.verify_mac(KeyId=key, Message=TEXT, Mac=made, MacAlgorithm="HMAC_SHA_512")["MacValid"] is True
    with refused("KMSInvalidMacException"):
        account.kms.verify_mac(KeyId=key, Message=b"another", Mac=made, MacAlgorithm="HMAC_SHA_512")
    with refused("InvalidKeyUsageException"):
        account.kms.generate_mac(KeyId=make(account), Message=TEXT, MacAlgorithm="HMAC_SHA_512")


def test_a_shared_secret_is_the_one_the_other_side_has(account):
    key = make(account, "ECC_NIST_P256", "KEY_AGREEMENT")
    mine = ec.generate_private_key(ec.SECP256R1())
    der = mine.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    answer = account.kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=der)
    assert answer["SharedSecret"] == mine.exchange(ec.ECDH(), public(account, key)) and answer["KeyOrigin"] == "AWS_KMS"
    with refused("ValidationException"):
        account.kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=der[:-1] + bytes([der[-1] ^ 1]))


def test_a_secret_is_encapsulated_and_decapsulated(account):
    key = make(account, "ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
    made = account.kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
    assert len(made["SharedSecretCiphertextBlob"]) == 1088 and len(made["SharedSecret"]) == 32
    opened = account.kms.decapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"])
    assert opened["SharedSecret"] == made["SharedSecret"]
    with refused("InvalidCiphertextException"):
        account.kms.decapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=b"short")


def test_the_command_line_does_it_with_files(account, tmp_path):
    cli = account.root.cli
    key = cli("kms", "create-key", "--query", "KeyMetadata.KeyId", "--output", "text")
    (tmp_path / "s").write_bytes(TEXT)
    sealed = cli("kms", "encrypt", "--key-id", key, "--plaintext", f"fileb://{tmp_path}/s", "--encryption-context", "app=web", "--query", "CiphertextBlob", "--output", "text")
    (tmp_path / "c").write_bytes(base64.b64decode(sealed))
    opened = cli("kms", "decrypt", "--ciphertext-blob", f"fileb://{tmp_path}/c", "--encryption-context", "app=web")
    assert base64.b64decode(opened["Plaintext"]) == TEXT
    with pytest.raises(CliError) as caught:
        cli("kms", "decrypt", "--ciphertext-blob", f"fileb://{tmp_path}/c")
    assert caught.value.code == "InvalidCiphertextException"


def test_calls_are_on_record_with_context_and_key(account):
    key = make(account)
    sealed = account.kms.encrypt(KeyId=key, Plaintext=TEXT, EncryptionContext={"app": "web"})
    account.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"app": "web"})
    for _ in range(50):
        events = account.cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "Decrypt"}])["Events"]
        if events:
            break
        time.sleep(0.1)
    event = json.loads(events[0]["CloudTrailEvent"])
    assert event["eventSource"] == "kms.amazonaws.com" and event["requestParameters"]["encryptionContext"] == {"app": "web"}
    assert "plaintext" not in event["requestParameters"] and event["responseElements"] is None
    assert event["resources"][0]["ARN"].endswith(key) and event["resources"][0]["type"] == "AWS::KMS::Key"
    assert len(event["additionalEventData"]["keyMaterialId"]) == 64
