"""Red team: material brought in with another's token, wrapped otherwise, malformed, or past its time."""

import secrets
import time
from datetime import datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from redteam.kms import TEXT, elsewhere, make, refusal, seal

from harness.callers import allow

FOR_EVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
SHA256 = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
SHA1 = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)


def external(account, spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT", **parameters) -> str:
    return make(account, spec, usage, Origin="EXTERNAL", **parameters)


def ask(kms, key: str, algorithm: str = "RSAES_OAEP_SHA_256", spec: str = "RSA_2048") -> tuple[bytes, object]:
    """The token and the public key to wrap to."""
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)
    return given["ImportToken"], serialization.load_der_public_key(given["PublicKey"])


def wrap(public, material: bytes) -> bytes:
    """RSA_AES_KEY_WRAP_SHA_256."""
    kek = secrets.token_bytes(32)
    return public.encrypt(kek, SHA256) + keywrap.aes_key_wrap_with_padding(kek, material)


def pkcs8(private) -> bytes:
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def test_a_token_is_of_its_key_alone(account, other_account):
    mine, another, foreign = external(account), external(account), external(other_account)
    there = elsewhere(account.root)
    token, public = ask(account.kms, mine)
    sealed = public.encrypt(secrets.token_bytes(32), SHA256)
    for kms, key in ((account.kms, another), (other_account.kms, foreign), (there.kms, there.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"])):
        refusal(kms.import_key_material, "InvalidImportTokenException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    account.kms.import_key_material(KeyId=mine, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)


def test_a_token_and_a_wrapping_key_belong_together(account):
    key = external(account)
    (first, _), (second, public) = ask(account.kms, key), ask(account.kms, key)
    sealed = public.encrypt(secrets.token_bytes(32), SHA256)
    refusal(account.kms.import_key_material, "InvalidCiphertextException", KeyId=key, ImportToken=first, EncryptedKeyMaterial=sealed, **FOR_EVER)
    account.kms.import_key_material(KeyId=key, ImportToken=second, EncryptedKeyMaterial=sealed, **FOR_EVER)


def test_an_altered_token_is_refused_and_tells_nothing(account):
    key = external(account)
    token, public = ask(account.kms, key)
    sealed = public.encrypt(secrets.token_bytes(32), SHA256)
    bent = [token[:at] + bytes([token[at] ^ 0x40]) + token[at + 1 :] for at in range(0, len(token), 37)]
    bent += [token[:-1], token + b"\0", token[: len(token) // 2], b"x", secrets.token_bytes(len(token))]
    answers = {refusal(account.kms.import_key_material, KeyId=key, ImportToken=one, EncryptedKeyMaterial=sealed, **FOR_EVER) for one in bent}
    assert {seen.code for seen in answers} == {"InvalidImportTokenException"} and len(answers) == 1


def test_a_token_of_the_session_secrets_is_no_import_token(account):
    """Everything sealed under one root says what it is for: a session token, a grant token and a ciphertext are no import token."""
    key = external(account)
    _token, public = ask(account.kms, key)
    sealed = public.encrypt(secrets.token_bytes(32), SHA256)
    other = make(account)
    session = account.user(name="ann").sts.get_session_token()["Credentials"]["SessionToken"].encode()
    grant = bytes.fromhex(account.kms.create_grant(KeyId=other, GranteePrincipal=account.arn("user/ann"), Operations=["Decrypt"])["GrantToken"])
    for token in (session, grant, seal(account, other)):
        refusal(account.kms.import_key_material, "InvalidImportTokenException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)


def test_a_wrapping_that_the_token_does_not_say_is_refused_without_a_reason(account):
    key = external(account)
    token, public = ask(account.kms, key)
    material = secrets.token_bytes(32)
    bent = [public.encrypt(material, SHA1), public.encrypt(material, padding.PKCS1v15()), wrap(public, material), material, bytes(256), b"\xff" * 256]
    answers = {refusal(account.kms.import_key_material, KeyId=key, ImportToken=token, EncryptedKeyMaterial=one, **FOR_EVER) for one in bent}
    assert {seen.code for seen in answers} == {"InvalidCiphertextException"} and len(answers) == 1


@pytest.mark.parametrize("size", [1, 16, 24, 31, 33, 64])
def test_a_symmetric_key_of_another_size_is_refused(account, size):
    key = external(account)
    token, public = ask(account.kms, key)
    sealed = public.encrypt(secrets.token_bytes(size), SHA256)
    refusal(account.kms.import_key_material, "IncorrectKeyMaterialException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)


def private_keys() -> dict[str, tuple[str, str, bytes]]:
    """What must not become a key, by what is wrong with it."""
    honest = rsa.generate_private_key(65537, 2048)
    numbers = honest.private_numbers()
    inconsistent = bytearray(pkcs8(honest))
    at = inconsistent.index(numbers.q.to_bytes(128, "big"))
    inconsistent[at + 127] ^= 2  # a factor that divides nothing
    curve = pkcs8(ec.generate_private_key(ec.SECP256R1()))
    scalar = curve.index(bytes.fromhex("0420")) + 2
    zero = curve[:scalar] + bytes(32) + curve[scalar + 32 :]
    beyond = curve[:scalar] + b"\xff" * 32 + curve[scalar + 32 :]
    mismatched = curve[:scalar] + secrets.token_bytes(32) + curve[scalar + 32 :]
    return {
        "RSA of another size": ("RSA_2048", "SIGN_VERIFY", pkcs8(rsa.generate_private_key(65537, 3072))),
        "RSA that does not fit together": ("RSA_2048", "SIGN_VERIFY", bytes(inconsistent)),
        "RSA with something after it": ("RSA_2048", "SIGN_VERIFY", pkcs8(honest) + b"\0"),
        "RSA as PKCS 1": ("RSA_2048", "SIGN_VERIFY", honest.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())),
        "another curve": ("ECC_NIST_P256", "SIGN_VERIFY", pkcs8(ec.generate_private_key(ec.SECP384R1()))),
        "secp256k1 for P-256": ("ECC_NIST_P256", "SIGN_VERIFY", pkcs8(ec.generate_private_key(ec.SECP256K1()))),
        "an elliptic key for RSA": ("RSA_2048", "SIGN_VERIFY", curve),
        "scalar zero": ("ECC_NIST_P256", "SIGN_VERIFY", zero),
        "scalar beyond the order": ("ECC_NIST_P256", "SIGN_VERIFY", beyond),
        "public half of another": ("ECC_NIST_P256", "SIGN_VERIFY", mismatched),
        "Ed25519 for P-256": ("ECC_NIST_P256", "SIGN_VERIFY", pkcs8(ed25519.Ed25519PrivateKey.generate())),
        "cut": ("ECC_NIST_P256", "SIGN_VERIFY", curve[:-1]),
        "no DER": ("ECC_NIST_P256", "SIGN_VERIFY", secrets.token_bytes(138)),
    }


def test_a_private_key_that_is_none_or_another_is_refused(account):
    for what, (spec, usage, material) in private_keys().items():
        key = external(account, spec, usage)
        token, public = ask(account.kms, key, "RSA_AES_KEY_WRAP_SHA_256")
        seen = refusal(account.kms.import_key_material, KeyId=key, ImportToken=token, EncryptedKeyMaterial=wrap(public, material), **FOR_EVER)
        assert seen.code == "IncorrectKeyMaterialException", (what, seen)
        assert account.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport", what


def test_an_rsa_private_key_is_not_wrapped_by_rsa_alone(account):
    key = external(account, "RSA_2048", "SIGN_VERIFY")
    refusal(account.kms.get_parameters_for_import, "ValidationException", "UnsupportedOperationException", KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_4096")


def test_importing_needs_its_own_permission_and_the_model_of_expiry_decides(account):
    key = external(account)
    token, public = ask(account.kms, key)
    sealed = public.encrypt(secrets.token_bytes(32), SHA256)
    eve = account.user(allow("kms:GetParametersForImport", "kms:Encrypt"))
    refusal(eve.kms.import_key_material, "AccessDeniedException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)
    expiring = account.user(allow("kms:ImportKeyMaterial", StringEquals={"kms:ExpirationModel": "KEY_MATERIAL_EXPIRES"}))
    refusal(expiring.kms.import_key_material, "AccessDeniedException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)


def test_another_material_does_not_take_the_place_of_one_that_is_gone(account):
    """Whoever may import must not be able to swap the key under what is encrypted already."""
    key = external(account)
    material = secrets.token_bytes(32)
    token, public = ask(account.kms, key)
    account.kms.import_key_material(KeyId=key, ImportToken=token, EncryptedKeyMaterial=public.encrypt(material, SHA256), **FOR_EVER)
    blob = seal(account, key)
    account.kms.delete_imported_key_material(KeyId=key)
    other = public.encrypt(secrets.token_bytes(32), SHA256)
    refusal(account.kms.import_key_material, "IncorrectKeyMaterialException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=other, **FOR_EVER)
    account.kms.import_key_material(KeyId=key, ImportToken=token, EncryptedKeyMaterial=public.encrypt(material, SHA256), **FOR_EVER)
    assert account.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT


def test_the_same_material_under_another_key_opens_nothing_of_the_first(account):
    """The bytes alone are not the key: its name is in what is derived and bound."""
    material, keys = secrets.token_bytes(32), (external(account), external(account))
    for key in keys:
        token, public = ask(account.kms, key)
        account.kms.import_key_material(KeyId=key, ImportToken=token, EncryptedKeyMaterial=public.encrypt(material, SHA256), **FOR_EVER)
    blob = seal(account, keys[0])
    refusal(account.kms.decrypt, "IncorrectKeyException", CiphertextBlob=blob, KeyId=keys[1])


def test_material_past_its_time_neither_seals_nor_opens(account):
    key = external(account)
    token, public = ask(account.kms, key)
    material = public.encrypt(secrets.token_bytes(32), SHA256)
    now = datetime.now(timezone.utc)
    for wrong in (now - timedelta(seconds=1), now + timedelta(days=366)):
        refusal(account.kms.import_key_material, "ValidationException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=material, ValidTo=wrong)
    end = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=3)
    account.kms.import_key_material(KeyId=key, ImportToken=token, EncryptedKeyMaterial=material, ValidTo=end)
    blob = seal(account, key)
    time.sleep(max(0, (end - datetime.now(timezone.utc)).total_seconds()) + 0.05)
    for _ in range(3):
        refusal(account.kms.decrypt, "KMSInvalidStateException", CiphertextBlob=blob)
        refusal(account.kms.encrypt, "KMSInvalidStateException", KeyId=key, Plaintext=TEXT)
        time.sleep(0.2)
    token, public = ask(account.kms, key)
    with_end = {"KeyId": key, "ImportToken": token, "EncryptedKeyMaterial": public.encrypt(secrets.token_bytes(32), SHA256)}
    refusal(account.kms.import_key_material, "IncorrectKeyMaterialException", **with_end, **FOR_EVER)


def test_a_key_of_our_own_takes_no_material(account):
    key = make(account)
    refusal(account.kms.get_parameters_for_import, "UnsupportedOperationException", KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    token, public = ask(account.kms, external(account))
    sealed = public.encrypt(secrets.token_bytes(32), SHA256)
    refusal(account.kms.import_key_material, "UnsupportedOperationException", KeyId=key, ImportToken=token, EncryptedKeyMaterial=sealed, **FOR_EVER)
    refusal(account.kms.delete_imported_key_material, "UnsupportedOperationException", KeyId=key)
