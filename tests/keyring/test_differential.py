"""What the keyring makes, PyPI's `cryptography` reads, and the other way round: keys of every kind, by every algorithm."""

import hashlib
import hmac
import secrets

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from keyring.driver import Keyring, Refused

HASHES = {"SHA_1": hashes.SHA1(), "SHA_256": hashes.SHA256(), "SHA_384": hashes.SHA384(), "SHA_512": hashes.SHA512()}
CURVES = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
MLDSA = {"ML_DSA_44": mldsa.MLDSA44PrivateKey, "ML_DSA_65": mldsa.MLDSA65PrivateKey, "ML_DSA_87": mldsa.MLDSA87PrivateKey}
MLKEM = {"ML_KEM_768": mlkem.MLKEM768PrivateKey, "ML_KEM_1024": mlkem.MLKEM1024PrivateKey}
RSA = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
# `cryptography` has no ML-KEM-512; Wycheproof's vectors cover it.
ASYMMETRIC = [*RSA, *CURVES, "ECC_NIST_EDWARDS25519", *MLDSA, *MLKEM]


@pytest.fixture(scope="module")
def keyring():
    keyring = Keyring()
    yield keyring
    keyring.close()


def make(spec: str):
    """A private key of `cryptography`."""
    if spec in RSA:
        return rsa.generate_private_key(65537, RSA[spec])
    if spec in CURVES:
        return ec.generate_private_key(CURVES[spec])
    if spec == "ECC_NIST_EDWARDS25519":
        return ed25519.Ed25519PrivateKey.generate()
    return (MLDSA | MLKEM)[spec].generate()


def pkcs8(key) -> bytes:
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def spki(key) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def hash_of(algorithm: str):
    return HASHES[algorithm[algorithm.index("SHA_") :]]


def sign(key, algorithm: str, message: bytes, prehashed: bool) -> bytes:
    """A signature by `cryptography`."""
    if isinstance(key, rsa.RSAPrivateKey):
        kind = hash_of(algorithm)
        return key.sign(message, rsa_padding(algorithm), Prehashed(kind) if prehashed else kind)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        kind = hash_of(algorithm)
        return key.sign(message, ec.ECDSA(Prehashed(kind) if prehashed else kind))
    return key.sign(message)


def verify(key, algorithm: str, message: bytes, prehashed: bool, signature: bytes):
    """Has `cryptography` verify."""
    if isinstance(key, rsa.RSAPublicKey):
        kind = hash_of(algorithm)
        return key.verify(signature, message, rsa_padding(algorithm), Prehashed(kind) if prehashed else kind)
    if isinstance(key, ec.EllipticCurvePublicKey):
        kind = hash_of(algorithm)
        return key.verify(signature, message, ec.ECDSA(Prehashed(kind) if prehashed else kind))
    return key.verify(signature, message)


def rsa_padding(algorithm: str):
    if "PKCS1" in algorithm:
        return padding.PKCS1v15()
    kind = hash_of(algorithm)
    return padding.PSS(padding.MGF1(kind), kind.digest_size)


def oaep(algorithm: str):
    kind = hash_of(algorithm)
    return padding.OAEP(padding.MGF1(kind), kind, None)


@pytest.mark.parametrize("spec", ASYMMETRIC)
def test_keys_of_either_are_read_by_the_other(keyring, spec):
    theirs = make(spec)
    imported = keyring("import", spec=spec, private=pkcs8(theirs))
    assert imported["public"] == spki(theirs.public_key())
    ours = keyring("generate", spec=spec)
    read = serialization.load_der_private_key(ours["private"], None)
    assert spki(read.public_key()) == ours["public"]
    assert pkcs8(read) == ours["private"], "the same encoding"


@pytest.mark.parametrize("spec", [spec for spec in ASYMMETRIC if not spec.startswith("ML_KEM")])
def test_signatures_of_either_are_verified_by_the_other(keyring, spec):
    theirs, signing = make(spec), keyring("specs")[spec]["SIGN_VERIFY"]
    private, public = pkcs8(theirs), spki(theirs.public_key())
    for algorithm in signing:
        if algorithm == "ED25519_PH_SHA_512":  # `cryptography` has no ph; RFC 8032's vector covers it.
            continue
        prehashable = algorithm.startswith(("RSA", "ECDSA"))
        for kind in ["RAW", "DIGEST"] if prehashable else ["RAW"]:
            prehashed = kind == "DIGEST"
            message = secrets.token_bytes(hash_of(algorithm).digest_size if prehashed else 1000)
            fields = {"spec": spec, "algorithm": algorithm, "type": kind, "message": message}
            ours = keyring("sign", private=private, **fields)["signature"]
            verify(theirs.public_key(), algorithm, message, prehashed, ours)
            keyring("verify", public=public, signature=sign(theirs, algorithm, message, prehashed), **fields)
            with pytest.raises(InvalidSignature):
                verify(theirs.public_key(), algorithm, bytes(len(message)), prehashed, ours)


@pytest.mark.parametrize("spec", MLDSA)
def test_a_signature_of_mu_is_one_of_the_message(keyring, spec):
    theirs, message = make(spec), secrets.token_bytes(5000)
    shake = lambda data: hashlib.shake_256(data).digest(64)  # noqa: E731
    mu = shake(shake(theirs.public_key().public_bytes_raw()) + bytes(2) + message)
    fields = {"spec": spec, "algorithm": "ML_DSA_SHAKE_256", "type": "EXTERNAL_MU", "message": mu}
    first, second = (keyring("sign", private=pkcs8(theirs), **fields)["signature"] for _ in range(2))
    assert first != second, "hedged"
    theirs.public_key().verify(first, message)
    keyring("verify", public=spki(theirs.public_key()), signature=theirs.sign(message), **fields)


@pytest.mark.parametrize("spec", RSA)
def test_rsa_ciphertexts_of_either_are_opened_by_the_other(keyring, spec):
    theirs, modulus = make(spec), RSA[spec] // 8
    private, public = pkcs8(theirs), spki(theirs.public_key())
    for algorithm in keyring("specs")[spec]["ENCRYPT_DECRYPT"]:
        for length in [1, modulus - 2 * hash_of(algorithm).digest_size - 2]:
            plaintext = secrets.token_bytes(length)
            ours = keyring("encrypt", spec=spec, algorithm=algorithm, public=public, plaintext=plaintext)["ciphertext"]
            assert theirs.decrypt(ours, oaep(algorithm)) == plaintext
            ciphertext = theirs.public_key().encrypt(plaintext, oaep(algorithm))
            assert keyring("decrypt", spec=spec, algorithm=algorithm, private=private, ciphertext=ciphertext)["secret"] == plaintext
        ciphertext = theirs.public_key().encrypt(b"x", padding.PKCS1v15())
        with pytest.raises(Refused, match="invalid_ciphertext"):
            keyring("decrypt", spec=spec, algorithm=algorithm, private=private, ciphertext=ciphertext)


@pytest.mark.parametrize("spec", ["HMAC_224", "HMAC_256", "HMAC_384", "HMAC_512"])
def test_macs_are_those_of_the_standard_library(keyring, spec):
    bits = spec.removeprefix("HMAC_")
    key, message = secrets.token_bytes(int(bits) // 8), secrets.token_bytes(300)
    ours = keyring("mac", spec=spec, algorithm=f"HMAC_SHA_{bits}", private=key, message=message)["mac"]
    assert ours == hmac.digest(key, message, f"sha{bits}")


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"])
def test_both_agree_on_the_same_secret(keyring, spec):
    theirs, ours = make(spec), keyring("generate", spec=spec)
    secret = keyring("agree", spec=spec, algorithm="ECDH", private=ours["private"], peer=spki(theirs.public_key()))["secret"]
    assert secret == theirs.exchange(ec.ECDH(), serialization.load_der_public_key(ours["public"]))


@pytest.mark.parametrize("spec", MLKEM)
def test_secrets_encapsulated_by_either_are_found_by_the_other(keyring, spec):
    theirs = make(spec)
    ours = keyring("encapsulate", spec=spec, algorithm="ML_KEM", public=spki(theirs.public_key()))
    assert theirs.decapsulate(ours["ciphertext"]) == ours["secret"]
    secret, ciphertext = theirs.public_key().encapsulate()
    found = keyring("decapsulate", spec=spec, algorithm="ML_KEM", private=pkcs8(theirs), ciphertext=ciphertext)["secret"]
    assert found == secret
    # Implicit rejection: both give the same secret for what was not encapsulated.
    altered = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    found = keyring("decapsulate", spec=spec, algorithm="ML_KEM", private=pkcs8(theirs), ciphertext=altered)["secret"]
    assert found == theirs.decapsulate(altered) != secret


@pytest.mark.parametrize("wrapping", RSA)
def test_key_material_wrapped_as_clients_do_is_imported(keyring, wrapping):
    way = keyring("wrapping", wrapping=wrapping)
    public = serialization.load_der_public_key(way["public"])
    imports = 0
    for spec in ["SYMMETRIC_DEFAULT", "HMAC_256", "RSA_2048", "RSA_4096", *CURVES, "ECC_NIST_EDWARDS25519", "ML_DSA_65", "ML_KEM_768"]:
        material = secrets.token_bytes(32) if spec in ("SYMMETRIC_DEFAULT", "HMAC_256") else pkcs8(make(spec))
        for algorithm in ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]:
            wrapped = "KEY_WRAP" in algorithm
            raw = spec in ("SYMMETRIC_DEFAULT", "HMAC_256")
            fits = not (raw if wrapped else spec in RSA or (spec, wrapping) == ("ECC_NIST_P521", "RSA_2048"))
            if wrapped:
                kek = secrets.token_bytes(32)
                encrypted = public.encrypt(kek, oaep(algorithm)) + keywrap.aes_key_wrap_with_padding(kek, material)
            else:
                encrypted = public.encrypt(material, oaep(algorithm)) if fits else b"x"
            fields = {"spec": spec, "wrapping": wrapping, "algorithm": algorithm, "private": way["private"], "encrypted": encrypted}
            if fits:
                assert keyring("unwrap", **fields)["private"] == material, f"{spec} {algorithm}"
                imports += 1
            else:
                with pytest.raises(Refused, match="wrong_algorithm"):
                    keyring("unwrap", **fields)
    assert imports == 34 if wrapping == "RSA_2048" else 36
