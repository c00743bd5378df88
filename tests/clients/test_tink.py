"""Tink: data keys sealed by Encrypt, opened by Decrypt, its associated data as the encryption context."""

import base64

import pytest
from clients import tools
from clients.test_encryption_sdk import make

from harness.events import lookup

TEXT, ASSOCIATED = b"the text of a message", b"row 17"

pytestmark = pytest.mark.slow


def ask(caller, *jobs: dict) -> list[dict]:
    return tools.ask(tools.environment("library") / "python", tools.HERE / "keysets.py", caller=caller, jobs=jobs)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_an_envelope_opens_with_its_key_and_associated_data_only(account):
    key, another = make(account), make(account)
    [sealed] = ask(account.root, {"do": "seal", "key": key, "data": text(TEXT), "associated": text(ASSOCIATED)})
    job = {"do": "open", "key": key, "data": sealed["data"], "associated": text(ASSOCIATED)}
    right, *wrong = ask(account.root, job, job | {"associated": text(b"row 18")}, job | {"key": another})
    assert base64.b64decode(right["data"]) == TEXT and ["error" in one for one in wrong] == [True, True], wrong


def test_a_keyset_is_kept_under_a_key(account):
    key = make(account)
    [kept] = ask(account.root, {"do": "keyset", "key": key, "associated": text(ASSOCIATED)})
    job = {"do": "use", "key": key, "keyset": kept["data"], "associated": text(ASSOCIATED), "data": text(TEXT)}
    right, wrong = ask(account.root, job, job | {"associated": text(b"another")})
    assert base64.b64decode(right["data"]) == TEXT and "InvalidCiphertextException" in wrong["error"]
    contexts = [event["requestParameters"]["encryptionContext"] for event in lookup(account) if event["eventName"] == "Encrypt"]
    assert contexts == [{"associatedData": ASSOCIATED.hex()}]
    account.kms.disable_key(KeyId=key)
    [off] = ask(account.root, job)
    assert "DisabledException" in off["error"]
