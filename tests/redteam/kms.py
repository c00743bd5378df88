"""What the attacks on KMS share: keys to attack, ciphertexts taken apart, and refusals looked at closely."""

import json
from dataclasses import dataclass, replace

import pytest
from botocore.exceptions import ClientError

from harness.callers import Account, Caller

TEXT = b"the secret text"
ABSENT = "1234abcd-12ab-34cd-56ef-1234567890ab"


def make(account: Account, spec: str = "SYMMETRIC_DEFAULT", usage: str = "ENCRYPT_DECRYPT", **parameters) -> str:
    """A new key's ARN."""
    return account.kms.create_key(KeySpec=spec, KeyUsage=usage, **parameters)["KeyMetadata"]["Arn"]


def seal(account: Account, key: str, text: bytes = TEXT, **context: str) -> bytes:
    """A ciphertext of the account's root."""
    return account.kms.encrypt(KeyId=key, Plaintext=text, EncryptionContext=context)["CiphertextBlob"]


def elsewhere(caller: Caller, region: str = "eu-west-1") -> Caller:
    """The same caller in another Region."""
    return replace(caller, region=region)


def key_policy(*statements: dict) -> str:
    """A key policy; each statement is of all actions unless it says which, and of the key."""
    full = [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"} | statement for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": full})


def owner(account: Account, **more) -> dict:
    """The statement by which the account hands out permissions by its own policies."""
    return {"Principal": {"AWS": account.arn("root")}} | more


@dataclass(frozen=True)
class Refusal:
    """A refused call, as its caller sees it."""

    status: int
    code: str
    message: str

    def without(self, *names: str) -> "Refusal":
        """With names taken out that only say what was asked for."""
        message = self.message
        for name in names:
            message = message.replace(name, "…")
        return replace(self, message=message)


def refusal(operation, *codes: str, **parameters) -> Refusal:
    """The call must be refused as the caller's mistake, with one of `codes` if there are any."""
    with pytest.raises(ClientError) as caught:
        operation(**parameters)
    answer = caught.value.response
    seen = Refusal(answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"].get("Message", ""))
    assert 400 <= seen.status < 500, seen
    assert not codes or seen.code in codes, seen
    assert TEXT.decode() not in seen.message
    return seen


@dataclass(frozen=True)
class Parts:
    """A ciphertext in its parts, by the layout that `palisade_keyring::ciphertext` documents."""

    start: bytes
    account: bytes
    region: bytes
    key: bytes
    material: bytes
    nonce: bytes
    commitment: bytes
    sealed: bytes
    tag: bytes

    @classmethod
    def of(cls, blob: bytes) -> "Parts":
        region_end = 8 + blob[7]
        ends = [2, 7, region_end, region_end + 16, region_end + 48, region_end + 64, region_end + 96, len(blob) - 16, len(blob)]
        return cls(*(blob[a:b] for a, b in zip([0, *ends], ends)))

    def blob(self) -> bytes:
        """The ciphertext again."""
        return b"".join(vars(self).values())

    def with_(self, other: "Parts", *names: str) -> bytes:
        """This ciphertext with some parts of another."""
        return replace(self, **{name: getattr(other, name) for name in names}).blob()


