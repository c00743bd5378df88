"""What the commands of the developer guide's import pages make with `openssl`, the keyring takes."""

import shutil
import subprocess

import pytest

from keyring.driver import Keyring

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on the PATH")

KEYS = {
    "RSA_2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ECC_NIST_P256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ECC_NIST_P384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ECC_NIST_P521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "ECC_SECG_P256K1": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    "ECC_NIST_EDWARDS25519": ["-algorithm", "ED25519"],
}


@pytest.fixture(scope="module")
def keyring():
    keyring = Keyring()
    yield keyring
    keyring.close()


def openssl(*arguments: object, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True, check=True).stdout


@pytest.mark.parametrize("spec", KEYS)
def test_a_key_is_imported_and_its_signatures_are_verified(keyring, tmp_path, spec):
    key, public, message, signature = (tmp_path / name for name in ("key", "public", "message", "signature"))
    traditional = openssl("genpkey", *KEYS[spec])
    key.write_bytes(openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", given=traditional))
    imported = keyring("import", spec=spec, private=key.read_bytes())
    public.write_bytes(openssl("pkey", "-in", key, "-inform", "DER", "-pubout", "-outform", "DER"))
    assert imported["public"] == public.read_bytes()
    message.write_bytes(b"a message of openssl's")
    algorithm = keyring("specs")[spec]["SIGN_VERIFY"][0]
    fields = {"spec": spec, "algorithm": algorithm, "type": "RAW", "message": message.read_bytes()}
    signature.write_bytes(keyring("sign", private=key.read_bytes(), **fields)["signature"])
    digest = [] if spec == "ECC_NIST_EDWARDS25519" else ["-digest", "sha" + algorithm.rpartition("_")[2]]
    verify = ["-verify", "-pubin", "-inkey", public, "-keyform", "DER", "-rawin", "-in", message, "-sigfile", signature]
    assert b"Successfully" in openssl("pkeyutl", *verify, *digest)


@pytest.mark.parametrize("hash_name", ["SHA_1", "SHA_256"])
def test_symmetric_material_wrapped_by_openssl_is_imported(keyring, tmp_path, hash_name):
    way = keyring("wrapping", wrapping="RSA_3072")
    public, material = tmp_path / "WrappingPublicKey.bin", openssl("rand", 32)
    public.write_bytes(way["public"])
    digest = hash_name.replace("_", "").lower()
    options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", f"rsa_oaep_md:{digest}", "-pkeyopt", f"rsa_mgf1_md:{digest}"]
    encrypted = openssl("pkeyutl", "-encrypt", "-inkey", public, "-keyform", "DER", "-pubin", *options, given=material)
    fields = {"wrapping": "RSA_3072", "algorithm": f"RSAES_OAEP_{hash_name}", "private": way["private"]}
    assert keyring("unwrap", spec="SYMMETRIC_DEFAULT", encrypted=encrypted, **fields)["private"] == material


def test_what_the_keyring_makes_openssl_reads(keyring):
    for spec in KEYS:
        private = keyring("generate", spec=spec)["private"]
        assert b"Key is valid" in openssl("pkey", "-inform", "DER", "-check", "-noout", given=private), spec
