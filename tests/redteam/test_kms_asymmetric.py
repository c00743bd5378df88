"""Red team: points off the curve, padding oracles, signatures and MACs bent, keys put to another use."""

import hashlib
import secrets

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from redteam.kms import TEXT, make, refusal

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256_FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def public(account, key):
    return serialization.load_der_public_key(account.kms.get_public_key(KeyId=key)["PublicKey"])


def tlv(tag: int, *parts: bytes) -> bytes:
    """A DER element."""
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)]) if len(body) < 256 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + length + body


# --- key agreement ------------------------------------------------------------------------------------------------------------

EC_PUBLIC_KEY, P256, K256 = "06072a8648ce3d0201", "06082a8648ce3d030107", "06052b8104000a"


def spki(point: bytes, curve: str = P256, parameters: bytes | None = None) -> bytes:
    """A SubjectPublicKeyInfo with any point in it."""
    algorithm = tlv(0x30, bytes.fromhex(EC_PUBLIC_KEY), parameters if parameters is not None else bytes.fromhex(curve))
    return tlv(0x30, algorithm, tlv(3, b"\0", point))


def uncompressed(x: int, y: int) -> bytes:
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def der(key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def a_point() -> tuple[int, int]:
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    return numbers.x, numbers.y


def points() -> dict[str, bytes]:
    """What no honest partner sends, by what is wrong with it."""
    x, y = a_point()
    other = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
    wild = next(x for x in iter(lambda: secrets.randbelow(P256_FIELD), None) if pow((x**3 - 3 * x + 5) % P256_FIELD, (P256_FIELD - 1) // 2, P256_FIELD) == 1)
    twisted = pow(wild**3 - 3 * wild + 5, (P256_FIELD + 1) // 4, P256_FIELD)
    prime = tlv(2, b"\0" + P256_FIELD.to_bytes(32, "big"))
    explicit = tlv(0x30, tlv(2, b"\1"), tlv(0x30, bytes.fromhex("06072a8648ce3d0101"), prime))
    return {
        "off the curve": spki(uncompressed(x, y ^ 1)),
        "on a curve of another b": spki(uncompressed(wild, twisted)),
        "of secp256k1 under the name of P-256": spki(uncompressed(other.x, other.y)),
        "of secp256k1": spki(uncompressed(other.x, other.y), K256),
        "of P-384": der(ec.generate_private_key(ec.SECP384R1())),
        "at infinity": spki(b"\0"),
        "zero": spki(uncompressed(0, 0)),
        "beyond the field": spki(uncompressed(P256_FIELD, y)),
        "x plus the field": spki(b"\x04" + b"\xff" * 32 + y.to_bytes(32, "big")),
        "empty": spki(b""),
        "short": spki(uncompressed(x, y)[:-1]),
        "long": spki(uncompressed(x, y) + b"\0"),
        "hybrid of the wrong parity": spki(bytes([6 + (1 - y % 2)]) + uncompressed(x, y)[1:]),
        "explicit parameters": spki(uncompressed(x, y), parameters=explicit),
        "no parameters": spki(uncompressed(x, y), parameters=b""),
        "something after it": spki(uncompressed(x, y)) + b"\0",
        "the bare point": uncompressed(x, y),
        "of RSA": bytes.fromhex("30819f300d06092a864886f70d010101050003818d0030818902818100") + b"\x7f" * 128 + bytes.fromhex("0203010001"),
        "PEM": b"-----BEGIN PUBLIC KEY-----",
    }


def test_a_shared_secret_is_made_of_points_on_the_keys_curve_only(account):
    key = make(account, "ECC_NIST_P256", "KEY_AGREEMENT")
    honest = spki(uncompressed(*a_point()))
    assert len(account.kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=honest)["SharedSecret"]) == 32
    for what, point in points().items():
        seen = refusal(account.kms.derive_shared_secret, KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=point)
        assert seen.code == "ValidationException", (what, seen)


# --- RSA ----------------------------------------------------------------------------------------------------------------------


def test_no_ciphertext_tells_why_it_does_not_open(account):
    """Manger's question, whether the first byte was zero, and every other way to be wrong: one answer to all of them."""
    key = make(account, "RSA_2048", "ENCRYPT_DECRYPT")
    numbers = public(account, key).public_numbers()
    raw = lambda plain: pow(plain, numbers.e, numbers.n).to_bytes(256, "big")
    oaep = lambda hash_, label=None: padding.OAEP(mgf=padding.MGF1(hash_), algorithm=hash_, label=label)
    seal = public(account, key).encrypt
    honest = seal(TEXT, oaep(hashes.SHA256()))
    wrong = {
        "first byte not zero": raw(numbers.n - 2),
        "first byte zero, wrong mask": raw(secrets.randbits(2039)),
        "zero": bytes(256),
        "one": (1).to_bytes(256, "big"),
        "small": raw(2),
        "beyond the modulus": b"\xff" * 256,
        "the modulus": numbers.n.to_bytes(256, "big"),
        "another hash": seal(TEXT, oaep(hashes.SHA1())),
        "another label": seal(TEXT, oaep(hashes.SHA256(), b"label")),
        "PKCS 1 v1.5": seal(TEXT, padding.PKCS1v15()),
        "a bit flipped": bytes([honest[0] ^ 1]) + honest[1:] if honest[0] > 1 else honest[:-1] + bytes([honest[-1] ^ 1]),
        "short": honest[:-1],
        "long": honest + b"\0",
        "led by zeros": b"\0" + honest,
        "random": secrets.token_bytes(256),
    }
    ask = {"KeyId": key, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    answers = {refusal(account.kms.decrypt, CiphertextBlob=blob, **ask) for blob in wrong.values()}
    assert len(answers) == 1 and answers.pop().code == "InvalidCiphertextException"
    assert account.kms.decrypt(CiphertextBlob=honest, **ask)["Plaintext"] == TEXT


def test_a_key_is_not_put_to_another_use(account):
    """Signing with what decrypts, or decrypting with what signs, makes either an oracle of the other."""
    signing, sealing = make(account, "RSA_2048", "SIGN_VERIFY"), make(account, "RSA_2048", "ENCRYPT_DECRYPT")
    agreeing, mac = make(account, "ECC_NIST_P256", "KEY_AGREEMENT"), make(account, "HMAC_256", "GENERATE_VERIFY_MAC")
    symmetric = make(account)
    uses = {
        account.kms.decrypt: ({"CiphertextBlob": bytes(256), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}, (signing, agreeing, mac, symmetric)),
        account.kms.sign: ({"Message": TEXT, "SigningAlgorithm": "RSASSA_PSS_SHA_256"}, (sealing, agreeing, mac, symmetric)),
        account.kms.derive_shared_secret: ({"KeyAgreementAlgorithm": "ECDH", "PublicKey": spki(uncompressed(*a_point()))}, (signing, sealing, mac, symmetric)),
        account.kms.generate_mac: ({"Message": TEXT, "MacAlgorithm": "HMAC_SHA_256"}, (signing, sealing, agreeing, symmetric)),
        account.kms.generate_data_key: ({"KeySpec": "AES_256"}, (signing, sealing, agreeing, mac)),
        account.kms.encapsulate: ({"EncapsulationAlgorithm": "ML_KEM"}, (signing, sealing, agreeing, mac, symmetric)),
    }
    for operation, (parameters, keys) in uses.items():
        for key in keys:
            refusal(operation, "InvalidKeyUsageException", KeyId=key, **parameters)


def test_a_signature_of_one_algorithm_is_none_of_another(account):
    key = make(account, "RSA_2048", "SIGN_VERIFY")
    algorithms = [f"RSASSA_{kind}_SHA_{bits}" for kind in ("PSS", "PKCS1_V1_5") for bits in (256, 384, 512)]
    signed = {name: account.kms.sign(KeyId=key, Message=TEXT, SigningAlgorithm=name)["Signature"] for name in algorithms}
    for made, signature in signed.items():
        for asked in algorithms:
            ask = {"KeyId": key, "Message": TEXT, "Signature": signature, "SigningAlgorithm": asked}
            if made == asked:
                assert account.kms.verify(**ask)["SignatureValid"] is True
            else:
                refusal(account.kms.verify, "KMSInvalidSignatureException", **ask)


def test_a_forged_rsa_signature_is_refused(account):
    key = make(account, "RSA_2048", "SIGN_VERIFY")
    numbers = public(account, key).public_numbers()
    ask = {"KeyId": key, "Message": TEXT, "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
    signature = account.kms.sign(**ask)["Signature"]
    value = int.from_bytes(signature, "big")
    forged = {
        "zero": bytes(256),
        "one": (1).to_bytes(256, "big"),
        "its negative": (numbers.n - value).to_bytes(256, "big"),
        "plus the modulus": (value + numbers.n).to_bytes(257, "big"),
        "led by a zero": b"\0" + signature,
        "cut": signature[:-1],
        "empty of sense": secrets.token_bytes(256),
    }
    for what, one in forged.items():
        seen = refusal(account.kms.verify, Signature=one, **ask)
        assert seen.code == "KMSInvalidSignatureException", (what, seen)
    assert account.kms.verify(Signature=signature, **ask)["SignatureValid"] is True


# --- elliptic signatures ------------------------------------------------------------------------------------------------------


def test_an_ecdsa_signature_that_is_not_plain_der_or_out_of_range_is_refused(account):
    key = make(account, "ECC_NIST_P256", "SIGN_VERIFY")
    ask = {"KeyId": key, "Message": TEXT, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = account.kms.sign(**ask)["Signature"]
    r, s = decode_dss_signature(signature)
    integer = lambda value, lead=b"": tlv(2, lead + value.to_bytes(33, "big").lstrip(b"\0").rjust(1, b"\0"))
    padded = lambda value: integer(value, b"\0\0")
    bent = {
        "zeros": encode_dss_signature(0, 0),
        "r zero": encode_dss_signature(0, s),
        "s zero": encode_dss_signature(r, 0),
        "r plus the order": encode_dss_signature(r + P256_ORDER, s),
        "s plus the order": encode_dss_signature(r, s + P256_ORDER),
        "r the order": encode_dss_signature(P256_ORDER, s),
        "r negative": tlv(0x30, tlv(2, b"\xff" * 32), integer(s, b"\0")),
        "padded": tlv(0x30, padded(r), padded(s)),
        "a long length": b"\x30\x81" + signature[1:],
        "an endless length": b"\x30\x80" + signature[2:] + b"\0\0",
        "something after it": signature + b"\0",
        "something in it": tlv(0x30, signature[2:], b"\x05\0"),
        "cut": signature[:-1],
        "the bare numbers": r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        "exchanged": encode_dss_signature(s, r),
    }
    for what, one in bent.items():
        seen = refusal(account.kms.verify, Signature=one, **ask)
        assert seen.code == "KMSInvalidSignatureException", (what, seen)
    assert account.kms.verify(Signature=signature, **ask)["SignatureValid"] is True


def test_a_digest_signed_as_a_message_is_not_a_message_signed(account):
    """A short message that is the digest of another must not sign it."""
    key = make(account, "ECC_NIST_P256", "SIGN_VERIFY")
    digest, algorithm = hashlib.sha256(TEXT).digest(), {"KeyId": key, "SigningAlgorithm": "ECDSA_SHA_256"}
    of_digest = account.kms.sign(Message=digest, MessageType="RAW", **algorithm)["Signature"]
    refusal(account.kms.verify, "KMSInvalidSignatureException", Message=TEXT, Signature=of_digest, **algorithm)
    refusal(account.kms.verify, "KMSInvalidSignatureException", Message=digest, MessageType="DIGEST", Signature=of_digest, **algorithm)
    for digest in (b"", b"x" * 31, b"x" * 33, b"x" * 48):
        refusal(account.kms.sign, "ValidationException", Message=digest, MessageType="DIGEST", **algorithm)


def test_an_ed25519_signature_is_not_malleable(account):
    key = make(account, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    ask = {"KeyId": key, "Message": TEXT, "SigningAlgorithm": "ED25519_SHA_512"}
    signature = account.kms.sign(**ask)["Signature"]
    s = int.from_bytes(signature[32:], "little")
    bent = {
        "S plus the order": signature[:32] + (s + ED25519_ORDER).to_bytes(32, "little"),
        "S zero": signature[:32] + bytes(32),
        "R of small order": bytes([1]) + bytes(31) + signature[32:],
        "R and S zero": bytes(64),
        "cut": signature[:-1],
        "long": signature + b"\0",
        "halves exchanged": signature[32:] + signature[:32],
    }
    for what, one in bent.items():
        seen = refusal(account.kms.verify, Signature=one, **ask)
        assert seen.code == "KMSInvalidSignatureException", (what, seen)
    digest = hashlib.sha512(TEXT).digest()
    prehashed = account.kms.sign(KeyId=key, Message=digest, MessageType="DIGEST", SigningAlgorithm="ED25519_PH_SHA_512")["Signature"]
    refusal(account.kms.verify, "KMSInvalidSignatureException", Signature=prehashed, **ask)
    refusal(account.kms.verify, "KMSInvalidSignatureException", KeyId=key, Message=digest, Signature=prehashed, SigningAlgorithm="ED25519_SHA_512")


def test_an_ml_dsa_signature_of_another_kind_of_message_is_refused(account):
    key = make(account, "ML_DSA_44", "SIGN_VERIFY")
    ask = {"KeyId": key, "SigningAlgorithm": "ML_DSA_SHAKE_256"}
    mu = secrets.token_bytes(64)
    of_mu = account.kms.sign(Message=mu, MessageType="EXTERNAL_MU", **ask)["Signature"]
    assert account.kms.verify(Message=mu, MessageType="EXTERNAL_MU", Signature=of_mu, **ask)["SignatureValid"] is True
    refusal(account.kms.verify, "KMSInvalidSignatureException", Message=mu, Signature=of_mu, **ask)
    for bent in (of_mu[:-1], of_mu + b"\0", bytes(len(of_mu)), of_mu[:-1] + bytes([of_mu[-1] ^ 1])):
        refusal(account.kms.verify, "KMSInvalidSignatureException", Message=mu, MessageType="EXTERNAL_MU", Signature=bent, **ask)
    for short in (b"", mu[:-1], mu + b"\0"):
        refusal(account.kms.sign, "ValidationException", Message=short, MessageType="EXTERNAL_MU", **ask)


# --- MACs and KEM -------------------------------------------------------------------------------------------------------------


def test_a_shortened_mac_is_refused(account):
    key = make(account, "HMAC_512", "GENERATE_VERIFY_MAC")
    ask = {"KeyId": key, "Message": TEXT, "MacAlgorithm": "HMAC_SHA_512"}
    mac = account.kms.generate_mac(**ask)["Mac"]
    for bent in (mac[:-1], mac[:32], mac[:1], mac + b"\0", bytes(64), mac[:-1] + bytes([mac[-1] ^ 0x80])):
        refusal(account.kms.verify_mac, "KMSInvalidMacException", Mac=bent, **ask)
    refusal(account.kms.verify_mac, "InvalidKeyUsageException", KeyId=key, Message=TEXT, Mac=mac[:32], MacAlgorithm="HMAC_SHA_256")
    another = make(account, "HMAC_512", "GENERATE_VERIFY_MAC")
    refusal(account.kms.verify_mac, "KMSInvalidMacException", Mac=mac, **(ask | {"KeyId": another}))


def test_an_altered_encapsulation_gives_another_secret_and_no_error(account):
    """Implicit rejection: whether a ciphertext was good must not show."""
    key = make(account, "ML_KEM_512", "ENCAPSULATE_DECAPSULATE")
    made = account.kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
    sealed, ask = made["SharedSecretCiphertextBlob"], {"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"}
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    wrong = [account.kms.decapsulate(SharedSecretCiphertextBlob=altered, **ask)["SharedSecret"] for _ in range(2)]
    assert wrong[0] == wrong[1] != made["SharedSecret"] and len(wrong[0]) == 32
    for bent in (sealed[:-1], sealed + b"\0", b"x"):
        refusal(account.kms.decapsulate, "InvalidCiphertextException", SharedSecretCiphertextBlob=bent, **ask)
