"""KMS over restarts: what was encrypted opens still, what was deleted is gone for good, and no file holds either in clear."""

import base64
import secrets
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness.callers import Account, Caller, Credentials, refused
from harness.server import Server

ROOT = Credentials("AKIAROOT000000000001", secrets.token_hex(20))
ACCOUNT = "444455556666"


def server(folder) -> Server:
    config = folder / "palisade.toml"
    config.write_text(f'root-credentials = ["{ROOT.access_key_id}:{ROOT.secret}:{ACCOUNT}"]\n')
    config.chmod(0o600)
    return Server(folder, "--data", str(folder / "data"), "--config", str(config))


def account(running: Server) -> Account:
    return Account(ACCOUNT, Caller(running.endpoint, ROOT))


def everything(folder) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "data").rglob("*")) if path.is_file())


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_encrypted_opens_after_a_restart(tmp_path, end):
    running = server(tmp_path).start()
    kms = account(running).kms
    symmetric = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=symmetric, Plaintext=b"x")["CiphertextBlob"]
    kms.rotate_key_on_demand(KeyId=symmetric)
    signing = kms.create_key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signed = kms.sign(KeyId=signing, Message=b"x", SigningAlgorithm="ECDSA_SHA_384")["Signature"]
    getattr(running, end)()
    with server(tmp_path) as running:
        kms = account(running).kms
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        assert kms.verify(KeyId=signing, Message=b"x", Signature=signed, SigningAlgorithm="ECDSA_SHA_384")["SignatureValid"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_imported_material_that_was_deleted_is_gone_and_was_never_in_clear(tmp_path, end):
    running = server(tmp_path).start()
    kms, material = account(running).kms, secrets.token_bytes(32)
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    wrapped = serialization.load_der_public_key(given["PublicKey"]).encrypt(material, oaep)
    kms.import_key_material(KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key)
    if end == "stop":
        time.sleep(0.5)  # the follower destroys it; after a kill the start does
    getattr(running, end)()
    with server(tmp_path) as running:
        with refused("KMSInvalidStateException", "is pending import."):
            account(running).kms.decrypt(CiphertextBlob=blob)
    files = everything(tmp_path)
    for form in (material, material.hex().encode(), base64.b64encode(material)):
        assert form not in files
