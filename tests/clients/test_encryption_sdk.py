"""The AWS Encryption SDK for Python and for JavaScript: data keys and agreements from KMS, each reading what the other wrote."""

import base64
from dataclasses import replace

import pytest
from clients import tools
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.callers import Caller, allow
from harness.events import lookup

TEXT = "the text of a message, ünïcode and all".encode() * 20
CONTEXT = {"app": "web", "stage": "tëst"}

pytestmark = pytest.mark.slow


def python(caller: Caller, *jobs: dict) -> list[dict]:
    return tools.ask(tools.environment("library") / "python", tools.HERE / "messages.py", caller=caller, jobs=jobs)


def node(caller: Caller, *jobs: dict) -> list[dict]:
    return tools.ask("node", tools.node_folder() / "messages.mjs", caller=caller, jobs=jobs)


SDKS = {"python": python, "node": node}


def encrypt(keyring: dict, text: bytes = TEXT) -> dict:
    return {"do": "encrypt", "keyring": keyring, "context": CONTEXT, "data": base64.b64encode(text).decode()}


def decrypt(keyring: dict, answer: dict, context: dict | None = None) -> dict:
    assert "error" not in answer, answer
    return {"do": "decrypt", "keyring": keyring, "data": answer["data"], "context": context or {}}


def opened(answer: dict) -> bytes:
    """The text of an answer, whose context must be what was given."""
    assert "error" not in answer, answer
    assert CONTEXT.items() <= answer["context"].items()
    return base64.b64decode(answer["data"])


def make(account, region: str = "us-east-1", **parameters) -> str:
    return replace(account.root, region=region).kms.create_key(**parameters)["KeyMetadata"]["Arn"]


@pytest.mark.parametrize(("writer", "reader"), [("python", "node"), ("node", "python")])
def test_each_reads_what_the_other_wrote(account, writer, reader):
    here, there = make(account), make(account, "eu-west-1")
    both = make(account, MultiRegion=True)
    account.kms.replicate_key(KeyId=both, ReplicaRegion="eu-west-1")
    replica = both.replace("us-east-1", "eu-west-1")
    discovery = {"kind": "discovery", "region": "us-east-1", "accounts": [account.id]}
    one, several = {"kind": "kms", "key": here}, {"kind": "several", "key": here, "more": [there]}
    mrk = {"kind": "mrk", "key": both}
    written = SDKS[writer](account.root, encrypt(one), encrypt(several), encrypt(mrk), encrypt(one, b""))
    single, double, multi, empty = written
    assert all(TEXT not in base64.b64decode(answer["data"]) for answer in written)
    read = SDKS[reader](
        account.root,
        decrypt(one, single),
        decrypt(discovery, single),
        decrypt({"kind": "kms", "key": there}, double),
        decrypt({"kind": "mrk", "key": replica}, multi),
        decrypt(discovery, multi),
        decrypt(one, empty),
    )
    assert [opened(answer) for answer in read] == [TEXT] * 5 + [b""]


@pytest.mark.parametrize("sdk", SDKS)
def test_what_must_not_open_does_not(account, other_account, sdk):
    mine, another = make(account), make(account)
    both = make(account, MultiRegion=True)
    account.kms.replicate_key(KeyId=both, ReplicaRegion="eu-west-1")
    one, mrk = {"kind": "kms", "key": mine}, {"kind": "mrk", "key": both}
    single, multi = SDKS[sdk](account.root, encrypt(one), encrypt(mrk))
    altered = bytearray(base64.b64decode(single["data"]))
    altered[-1] ^= 1
    altered = {"data": base64.b64encode(altered).decode()}
    foreign = {"kind": "discovery", "region": "us-east-1", "accounts": [other_account.id]}
    elsewhere = {"kind": "mrk", "key": both.replace("us-east-1", "ap-south-1")}  # where it has no replica
    refused = SDKS[sdk](
        account.root,
        decrypt({"kind": "kms", "key": another}, single),
        decrypt(one, altered),
        decrypt(foreign, single),
        decrypt(elsewhere, multi),
    )
    assert ["error" in answer for answer in refused] == [True] * 4, refused
    [powerless] = SDKS[sdk](account.user(allow("kms:GenerateDataKey")), decrypt(one, single))
    assert "kms:Decrypt" in powerless["error"] and "not authorized" in powerless["error"]


def test_the_context_of_a_message_is_on_record_and_decides(account):
    key = make(account)
    ann = account.user(allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:app": "web"}))
    bob = account.user(allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:app": "api"}))
    one = {"kind": "kms", "key": key}
    [sealed] = python(account.root, encrypt(one))
    assert opened(python(ann, decrypt(one, sealed))[0]) == TEXT
    assert "kms:Decrypt" in python(bob, decrypt(one, sealed))[0]["error"]
    events = [event for event in lookup(account) if event["eventName"] == "Decrypt"]
    assert len(events) == 2 and all(CONTEXT.items() <= event["requestParameters"]["encryptionContext"].items() for event in events)


RSA = {"RSAES_OAEP_SHA_1": "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_256": "RSAES_OAEP_SHA_1"}  # each with the other


def test_an_rsa_keyring_seals_with_the_public_key_and_opens_with_kms(account):
    key = make(account, KeySpec="RSA_3072", KeyUsage="ENCRYPT_DECRYPT")
    public = serialization.load_der_public_key(account.kms.get_public_key(KeyId=key)["PublicKey"])
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    keyring = lambda algorithm, **more: {"kind": "rsa", "key": key, "algorithm": algorithm} | more
    sealed = python(account.root, *(encrypt(keyring(algorithm, public=pem)) for algorithm in RSA))
    right = python(account.root, *(decrypt(keyring(algorithm), answer) for algorithm, answer in zip(RSA, sealed)))
    assert [opened(answer) for answer in right] == [TEXT, TEXT]
    wrong = python(account.root, *(decrypt(keyring(other), answer) for other, answer in zip(RSA.values(), sealed)))
    assert ["KMS Key was able to decrypt" in answer.get("error", "") for answer in wrong] == [True, True], wrong


CURVES = ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521")


def test_an_ecdh_keyring_agrees_from_either_side(account):
    keys = {curve: [make(account, KeySpec=curve, KeyUsage="KEY_AGREEMENT") for _ in range(3)] for curve in CURVES}
    sends, receives, overhears = [], [], []
    for curve, (ann, bob, eve) in keys.items():
        to_bob = base64.b64encode(account.kms.get_public_key(KeyId=bob)["PublicKey"]).decode()
        sends.append({"kind": "ecdh", "curve": curve, "key": ann, "to": to_bob})
        receives.append({"kind": "ecdh", "curve": curve, "key": bob})
        overhears.append({"kind": "ecdh", "curve": curve, "key": eve})
    sealed = python(account.root, *map(encrypt, sends))
    answers = python(account.root, *map(decrypt, sends + receives + overhears, sealed * 3))
    assert [opened(answer) for answer in answers[:6]] == [TEXT] * 6
    assert ["error" in answer for answer in answers[6:]] == [True] * 3, answers[6:]
