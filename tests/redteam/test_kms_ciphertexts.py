"""Red team: ciphertexts altered, taken apart and put together anew, shown with another context, key, Region or account."""

import secrets
import unicodedata

import pytest
from redteam.kms import ABSENT, TEXT, Parts, elsewhere, key_policy, make, owner, refusal, seal

from harness.callers import allow

WRONG = ("InvalidCiphertextException", "AccessDeniedException")


@pytest.fixture
def key(account) -> str:
    return make(account)


# --- bits ---------------------------------------------------------------------------------------------------------------------


def test_every_flipped_byte_is_refused(account, key):
    blob = seal(account, key, b"x")
    assert Parts.of(blob).blob() == blob and account.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    for place in range(len(blob)):
        altered = blob[:place] + bytes([blob[place] ^ (1 << secrets.randbelow(8))]) + blob[place + 1 :]
        refusal(account.kms.decrypt, *WRONG, CiphertextBlob=altered)
        refusal(account.kms.decrypt, "InvalidCiphertextException", "IncorrectKeyException", CiphertextBlob=altered, KeyId=key)


def test_every_truncation_is_refused(account, key):
    blob = seal(account, key, b"x")
    for length in range(1, len(blob)):
        refusal(account.kms.decrypt, "InvalidCiphertextException", CiphertextBlob=blob[:length])
    for tail in (b"\0", blob[-16:], blob):
        refusal(account.kms.decrypt, "InvalidCiphertextException", CiphertextBlob=blob + tail)


def test_a_truncated_tag_is_refused_however_short(account, key):
    parts = Parts.of(seal(account, key))
    for length in range(16):
        short = parts.blob()[: -16 + length] if length else parts.blob()[:-16]
        assert len(short) == len(parts.blob()) - 16 + length
        refusal(account.kms.decrypt, "InvalidCiphertextException", CiphertextBlob=short)


def test_a_long_ciphertext_is_refused_before_it_is_read(account, key):
    refusal(account.kms.decrypt, "ValidationException", "InvalidCiphertextException", CiphertextBlob=seal(account, key) + bytes(6144))


# --- parts --------------------------------------------------------------------------------------------------------------------


def test_parts_of_two_ciphertexts_of_one_key_do_not_fit(account, key):
    """The same key, material, context and length: only what was made together opens."""
    one, two = (Parts.of(seal(account, key, text, app="web")) for text in (b"pay 1", b"pay 9"))
    for names in (["nonce"], ["commitment"], ["sealed"], ["tag"], ["nonce", "commitment"], ["sealed", "tag"], ["nonce", "commitment", "tag"]):
        refusal(account.kms.decrypt, "InvalidCiphertextException", CiphertextBlob=one.with_(two, *names), EncryptionContext={"app": "web"})
    whole = one.with_(two, "nonce", "commitment", "sealed", "tag")
    assert account.kms.decrypt(CiphertextBlob=whole, EncryptionContext={"app": "web"})["Plaintext"] == b"pay 9"


def test_the_header_of_another_key_does_not_open_a_body(account, key):
    """Whoever may use one key puts its name on a ciphertext of another."""
    mine, theirs = Parts.of(seal(account, key)), Parts.of(seal(account, make(account)))
    eve = account.user(allow("kms:Decrypt", resource=key))
    refusal(eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=theirs.blob())
    for names in (["key"], ["key", "material"]):
        refusal(eve.kms.decrypt, "InvalidCiphertextException", CiphertextBlob=theirs.with_(mine, *names))
    assert eve.kms.decrypt(CiphertextBlob=mine.blob())["Plaintext"] == TEXT


def test_the_header_of_another_material_does_not_open_a_body(account, key):
    old = Parts.of(seal(account, key))
    account.kms.rotate_key_on_demand(KeyId=key)
    new = Parts.of(seal(account, key))
    assert old.material != new.material and old.key == new.key
    for a, b in ((old, new), (new, old)):
        refusal(account.kms.decrypt, "InvalidCiphertextException", CiphertextBlob=a.with_(b, "material"))
    assert account.kms.decrypt(CiphertextBlob=old.blob())["Plaintext"] == TEXT


def test_a_material_of_another_key_is_not_found_by_its_name(account, key):
    """A made-up ciphertext that names an allowed key and the material of a forbidden one."""
    forbidden = Parts.of(seal(account, make(account)))
    allowed = Parts.of(seal(account, key))
    eve = account.user(allow("kms:Decrypt", resource=key))
    refusal(eve.kms.decrypt, "InvalidCiphertextException", CiphertextBlob=allowed.with_(forbidden, "material", "nonce", "commitment", "sealed", "tag"))


# --- contexts -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "bc"}, {"a": "b"}),
        ({"a": "1", "b": "2"}, {"a": "1b2"}),
        ({"a": "1", "b": "2"}, {"a": "2", "b": "1"}),
        ({"a": "b"}, {"b": "a"}),
        ({"a": "b"}, {"A": "b"}),
        ({"a": "b"}, {"a": "B"}),
        ({"a": "b"}, {"a": "b", "c": ""}),
        ({"a": "b", "c": ""}, {"a": "b"}),
        ({"a": "b"}, {"a": "b "}),
        ({"a": "b"}, {"a\0": "b"}),
        ({"a": "\x01\x00b"}, {"a": "b"}),
        ({"a": unicodedata.normalize("NFC", "é")}, {"a": unicodedata.normalize("NFD", "é")}),
        ({"a": "а"}, {"a": "a"}),  # Cyrillic
        ({}, {"a": "b"}),
        ({"a": "b"}, {}),
    ],
)
def test_a_context_that_only_looks_alike_does_not_open(account, key, given, asked):
    blob = seal(account, key, **given)
    assert refusal(account.kms.decrypt, "InvalidCiphertextException", CiphertextBlob=blob, EncryptionContext=asked).message == ""
    assert account.kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(given.items())))["Plaintext"] == TEXT


def test_a_context_is_bounded_and_counted_in_bytes(account, key):
    largest, too_large = {"k": "ü" * 4092}, {"k": "ü" * 4093}  # with its lengths: 8191 and 8193 bytes
    account.kms.encrypt(KeyId=key, Plaintext=TEXT, EncryptionContext=largest)
    refusal(account.kms.encrypt, "ValidationException", KeyId=key, Plaintext=TEXT, EncryptionContext=too_large)
    blob = seal(account, key)
    for context in (too_large, largest | {"more": "x" * 8192}, {f"k{n}": "v" for n in range(5000)}):
        refusal(account.kms.decrypt, "ValidationException", CiphertextBlob=blob, EncryptionContext=context)


def test_a_context_that_the_policy_forbids_is_not_reached_by_case_or_order(account, key):
    """A Deny of one value holds in any case of its key, and a second spelling of the key beside the first is refused."""
    eve = account.user(allow("kms:*", resource=key))
    account.kms.put_key_policy(
        KeyId=key,
        Policy=key_policy(
            owner(account),
            {"Effect": "Deny", "Principal": {"AWS": eve.arn}, "Action": "kms:Decrypt", "Condition": {"StringEquals": {"kms:EncryptionContext:stage": "prod"}}},
        ),
    )
    for context in ({"stage": "prod"}, {"STAGE": "prod"}, {"stage": "prod", "a": "b"}):
        refusal(eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=seal(account, key, **context), EncryptionContext=context)
    for twice in ({"stage": "test", "Stage": "prod"}, {"STAGE": "prod", "stage": "test", "a": "b"}, {"ÄB": "1", "äb": "2"}):
        for caller in (eve, account.root):
            refusal(caller.kms.encrypt, "ValidationException", KeyId=key, Plaintext=TEXT, EncryptionContext=twice)
            refusal(caller.kms.generate_data_key, "ValidationException", KeyId=key, KeySpec="AES_256", EncryptionContext=twice)
            refusal(caller.kms.decrypt, "ValidationException", CiphertextBlob=seal(account, key), EncryptionContext=twice)
    assert eve.kms.decrypt(CiphertextBlob=seal(account, key, stage="test"), EncryptionContext={"stage": "test"})["Plaintext"] == TEXT


# --- other keys, accounts, Regions --------------------------------------------------------------------------------------------


def test_a_foreign_accounts_ciphertext_is_refused_like_one_of_no_key(account, other_account, key):
    """The account of another's ciphertext learns nothing of it, not even whether its key exists."""
    blob = seal(account, key)
    missing = Parts.of(blob)
    missing = missing.with_(Parts(**(vars(missing) | {"key": bytes.fromhex(ABSENT.replace("-", ""))})), "key")
    stranger = other_account.user(allow("kms:*"))
    ids = (key.rsplit("/", 1)[1], ABSENT)
    for caller in (other_account.root, stranger):
        there, nowhere = (refusal(caller.kms.decrypt, "AccessDeniedException", CiphertextBlob=b).without(*ids) for b in (blob, missing))
        assert there == nowhere
    own = make(other_account)
    refusal(other_account.kms.decrypt, "IncorrectKeyException", CiphertextBlob=blob, KeyId=own)


def test_within_an_account_a_forbidden_key_and_a_missing_one_look_alike(account, key):
    eve = account.user(allow("kms:Decrypt", resource=make(account)))
    ids = (key.rsplit("/", 1)[1], ABSENT)
    blob = Parts.of(seal(account, key))
    missing = Parts(**(vars(blob) | {"key": bytes.fromhex(ABSENT.replace("-", ""))}))
    assert refusal(eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob.blob()).without(*ids) == refusal(
        eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=missing.blob()).without(*ids)
    asked = [refusal(eve.kms.encrypt, "AccessDeniedException", KeyId=one, Plaintext=TEXT).without(*ids) for one in ids]
    assert asked[0] == asked[1]


def test_a_foreign_ciphertext_with_ones_own_account_written_into_it_does_not_open(account, other_account, key):
    theirs = Parts.of(seal(account, key))
    mine = Parts.of(seal(other_account, make(other_account)))
    for names in (["account"], ["account", "key"], ["account", "key", "material"]):
        refusal(other_account.kms.decrypt, *WRONG, CiphertextBlob=theirs.with_(mine, *names))


def test_a_ciphertext_does_not_leave_its_region(account, key):
    there = elsewhere(account.root)
    here, other = Parts.of(seal(account, key)), Parts.of(there.kms.encrypt(KeyId=there.kms.create_key()["KeyMetadata"]["KeyId"], Plaintext=TEXT)["CiphertextBlob"])
    refusal(there.kms.decrypt, "AccessDeniedException", CiphertextBlob=here.blob())
    for names in (["region"], ["region", "key"], ["region", "key", "material"]):
        refusal(there.kms.decrypt, *WRONG, CiphertextBlob=here.with_(other, *names))
    refusal(there.kms.decrypt, "NotFoundException", CiphertextBlob=here.blob(), KeyId=key)


def test_a_key_named_beside_the_ciphertext_does_not_lend_its_permission(account, key):
    """Allowed to use one key, somebody names it beside the ciphertext of another."""
    blob = seal(account, key)
    own = make(account)
    eve = account.user(allow("kms:Decrypt", "kms:ReEncrypt*", resource=own))
    refusal(eve.kms.decrypt, "IncorrectKeyException", CiphertextBlob=blob, KeyId=own)
    refusal(eve.kms.re_encrypt, "IncorrectKeyException", CiphertextBlob=blob, SourceKeyId=own, DestinationKeyId=own)
    refusal(eve.kms.re_encrypt, "AccessDeniedException", CiphertextBlob=blob, DestinationKeyId=own)


@pytest.mark.parametrize(("allowed", "refused_for"), [("kms:ReEncryptTo", "kms:ReEncryptFrom"), ("kms:ReEncryptFrom", "kms:ReEncryptTo")])
def test_reencrypting_needs_both_sides(account, key, allowed, refused_for):
    eve = account.user(allow(allowed, "kms:Encrypt", "kms:Decrypt"))
    assert refused_for in refusal(eve.kms.re_encrypt, "AccessDeniedException", CiphertextBlob=seal(account, key), DestinationKeyId=make(account)).message


def test_reencrypting_does_not_launder_a_context(account, key):
    blob = seal(account, key, app="web")
    refusal(account.kms.re_encrypt, "InvalidCiphertextException", CiphertextBlob=blob, DestinationKeyId=key)
    eve = account.user(allow("kms:ReEncrypt*", StringEquals={"kms:EncryptionContext:app": "api"}))
    refusal(eve.kms.re_encrypt, "AccessDeniedException", CiphertextBlob=blob, SourceEncryptionContext={"app": "web"}, DestinationKeyId=key, DestinationEncryptionContext={"app": "api"})
    same = account.user(allow("kms:ReEncrypt*", Bool={"kms:ReEncryptOnSameKey": "true"}))
    refusal(same.kms.re_encrypt, "AccessDeniedException", CiphertextBlob=blob, SourceEncryptionContext={"app": "web"}, DestinationKeyId=make(account))
    assert same.kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"app": "web"}, DestinationKeyId=key)["KeyId"] == key


# --- DryRun -------------------------------------------------------------------------------------------------------------------


def test_a_dry_run_tells_no_more_than_a_real_one(account, key):
    blob = seal(account, key, app="web")
    altered = blob[:-1] + bytes([blob[-1] ^ 1])
    for parameters in ({"CiphertextBlob": altered, "EncryptionContext": {"app": "web"}}, {"CiphertextBlob": blob}):
        real = refusal(account.kms.decrypt, "InvalidCiphertextException", **parameters)
        assert refusal(account.kms.decrypt, DryRun=True, **parameters) == real
    assert "Plaintext" not in str(refusal(account.kms.decrypt, "DryRunOperationException", CiphertextBlob=blob, EncryptionContext={"app": "web"}, DryRun=True))


def test_a_dry_run_is_no_oracle_for_who_may_not(account, key):
    """Without the permission a good, an altered and a foreign ciphertext are refused with the same words."""
    eve = account.user(allow("kms:Encrypt", resource=key))
    blob = seal(account, key)
    answers = {refusal(eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=b, DryRun=dry) for b in (blob, blob[:-1] + bytes([blob[-1] ^ 1])) for dry in (True, False)}
    assert len(answers) == 1


def test_a_dry_run_that_ignores_the_ciphertext_says_nothing_of_it(account, key):
    ask = {"KeyId": key, "DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
    blob = seal(account, key)
    answers = {refusal(account.kms.decrypt, "DryRunOperationException", CiphertextBlob=b, **ask) for b in (blob, blob[:-1] + bytes([blob[-1] ^ 1]), b"nothing at all")}
    assert len(answers) == 1
    refusal(account.user().kms.decrypt, "AccessDeniedException", CiphertextBlob=blob, **ask)


def test_a_dry_run_changes_nothing(account, key):
    ann = account.user(name="ann")
    refusal(account.kms.create_grant, "DryRunOperationException", KeyId=key, GranteePrincipal=ann.arn, Operations=["Decrypt"], DryRun=True)
    assert account.kms.list_grants(KeyId=key)["Grants"] == []
    grant = account.kms.create_grant(KeyId=key, GranteePrincipal=ann.arn, Operations=["Decrypt"])
    for end in (account.kms.retire_grant, account.kms.revoke_grant):
        refusal(end, "DryRunOperationException", KeyId=key, GrantId=grant["GrantId"], DryRun=True)
    assert len(account.kms.list_grants(KeyId=key)["Grants"]) == 1
