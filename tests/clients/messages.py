"""The AWS Encryption SDK for Python over the Material Providers Library. Jobs come as JSON on stdin, their answers go to stdout.

A job: {"do": "encrypt" | "decrypt", "keyring": {"kind": …}, "context": {…}, "data": BASE64}; an answer: {"data": BASE64, "context": {…}}, or
{"error": TEXT}.
"""

import base64
import json
import sys

import aws_encryption_sdk
import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl import models
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptography_primitives.smithygenerated.aws_cryptography_primitives.models import ECDHCurveSpec
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.identifiers import AlgorithmSuite

PROVIDERS = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
CLIENT = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)


def kms(key: str):
    return boto3.client("kms", region_name=key.split(":")[3])


def keyring(asked: dict):
    """The keyring that a job names."""
    kind, key = asked["kind"], asked.get("key", "")
    if kind == "kms":
        return PROVIDERS.create_aws_kms_keyring(models.CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=kms(key)))
    if kind == "several":
        one = models.CreateAwsKmsMultiKeyringInput(generator=key, kms_key_ids=asked["more"])
        return PROVIDERS.create_aws_kms_multi_keyring(one)
    if kind == "mrk":
        return PROVIDERS.create_aws_kms_mrk_keyring(models.CreateAwsKmsMrkKeyringInput(kms_key_id=key, kms_client=kms(key)))
    if kind == "discovery":
        client = boto3.client("kms", region_name=asked["region"])
        only = models.DiscoveryFilter(account_ids=asked["accounts"], partition="aws")
        return PROVIDERS.create_aws_kms_discovery_keyring(models.CreateAwsKmsDiscoveryKeyringInput(kms_client=client, discovery_filter=only))
    if kind == "rsa":
        given = {"kms_key_id": key, "encryption_algorithm": asked["algorithm"], "kms_client": kms(key)}
        given |= {"public_key": asked["public"].encode()} if "public" in asked else {}
        return PROVIDERS.create_aws_kms_rsa_keyring(models.CreateAwsKmsRsaKeyringInput(**given))
    if kind == "ecdh":
        return PROVIDERS.create_aws_kms_ecdh_keyring(
            models.CreateAwsKmsEcdhKeyringInput(kms_client=kms(key), curve_spec=getattr(ECDHCurveSpec, asked["curve"]), key_agreement_scheme=agreement(asked))
        )
    raise ValueError(f"there is no keyring {kind}")


def agreement(asked: dict):
    """Of one who sends to a public key, or of one who receives."""
    if "to" not in asked:
        return models.KmsEcdhStaticConfigurationsKmsPublicKeyDiscovery(models.KmsPublicKeyDiscoveryInput(recipient_kms_identifier=asked["key"]))
    to = base64.b64decode(asked["to"])
    given = models.KmsPrivateKeyToStaticPublicKeyInput(sender_kms_identifier=asked["key"], recipient_public_key=to)
    return models.KmsEcdhStaticConfigurationsKmsPrivateKeyToStaticPublicKey(given)


def do(job: dict) -> dict:
    data, context = base64.b64decode(job["data"]), job.get("context", {})
    given = {"source": data, "keyring": keyring(job["keyring"]), "encryption_context": context}
    if job["do"] == "decrypt":
        out, header = CLIENT.decrypt(**given)
    else:
        # An RSA keyring takes no suite that signs.
        signs = job["keyring"]["kind"] != "rsa"
        suites = AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY, AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
        out, header = CLIENT.encrypt(**given, algorithm=suites[signs])
    return {"data": base64.b64encode(out).decode(), "context": dict(header.encryption_context)}


def answer(job: dict) -> dict:
    try:
        return do(job)
    except Exception as error:  # Whatever it is, the test says whether it should have been.
        return {"error": told(error)}


def told(error: BaseException) -> str:
    """An error with all that led to it: a keyring tries several ways and gathers what each of them said."""
    inner = [*getattr(error, "list", []), *filter(None, [error.__cause__ or error.__context__])]
    return "; ".join([f"{type(error).__name__}: {error}", *map(told, inner)])


json.dump([answer(job) for job in json.load(sys.stdin)], sys.stdout)
