"""Tink with its KMS integration: envelope encryption, and a keyset kept under a KMS key. Jobs come as JSON on stdin, their answers go to stdout.

A job: {"do": "seal" | "open" | "keyset" | "use", "key": ARN, "data": BASE64, "associated": BASE64}; an answer: {"data": …}, or {"error": TEXT}.
"""

import base64
import io
import json
import sys

import tink
from tink import aead
from tink.integration import awskms

aead.register()


def primitive(key: str):
    return awskms.AwsKmsClient(key_uri=f"aws-kms://{key}", credentials_path=None).get_aead(f"aws-kms://{key}")


def do(job: dict) -> str:
    remote = primitive(job["key"])
    data, associated = base64.b64decode(job.get("data", "")), base64.b64decode(job.get("associated", ""))
    if job["do"] in ("seal", "open"):
        envelope = aead.KmsEnvelopeAead(aead.aead_key_templates.AES256_GCM, remote)
        out = envelope.encrypt(data, associated) if job["do"] == "seal" else envelope.decrypt(data, associated)
        return base64.b64encode(out).decode()
    if job["do"] == "keyset":
        handle, out = tink.new_keyset_handle(aead.aead_key_templates.AES128_GCM), io.StringIO()
        handle.write_with_associated_data(tink.JsonKeysetWriter(out), remote, associated)
        return out.getvalue()
    handle = tink.read_keyset_handle_with_associated_data(tink.JsonKeysetReader(job["keyset"]), remote, associated)
    used = handle.primitive(aead.Aead)
    return base64.b64encode(used.decrypt(used.encrypt(data, b""), b"")).decode()


def answer(job: dict) -> dict:
    try:
        return {"data": do(job)}
    except Exception as error:  # Whatever it is, the test says whether it should have been.
        return {"error": f"{type(error).__name__}: {error}"}


json.dump([answer(job) for job in json.load(sys.stdin)], sys.stdout)
