"""Red team: grants made wider, used after their end, by another, or where they say nothing."""

import json
import secrets

import pytest
from redteam.kms import TEXT, elsewhere, key_policy, make, owner, refusal, seal

from harness.callers import allow, deny, trust

EQUALS = {"EncryptionContextEquals": {"app": "web"}}
SUBSET = {"EncryptionContextSubset": {"app": "web"}}


@pytest.fixture
def key(account) -> str:
    return make(account)


def grant(account, key: str, to: str, *operations: str, **parameters) -> dict:
    """A grant by the account's root: its id and token."""
    return account.kms.create_grant(KeyId=key, GranteePrincipal=to, Operations=list(operations), **parameters)


# --- wider --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operations", "constraints"),
    [
        (["Encrypt"], EQUALS),
        (["Decrypt", "Encrypt"], EQUALS),
        (["Decrypt", "RetireGrant"], EQUALS),
        (["Decrypt", "DescribeKey"], EQUALS),
        (["Decrypt"], None),
        (["Decrypt"], {}),
        (["Decrypt"], SUBSET),
        (["Decrypt"], {"EncryptionContextEquals": {"app": "api"}}),
        (["Decrypt"], {"EncryptionContextEquals": {"app": "WEB"}}),
        (["Decrypt"], {"EncryptionContextEquals": {"app": "web", "more": "x"}}),
        (["Decrypt"], {"EncryptionContextEquals": {"other": "web"}}),
        (["Decrypt"], {"EncryptionContextEquals": {}}),
    ],
)
def test_a_grantee_does_not_hand_on_more_than_it_has(account, key, operations, constraints):
    eve, puppet = account.user(name="eve"), account.user(name="puppet")
    grant(account, key, eve.arn, "CreateGrant", "Decrypt", Constraints=EQUALS)
    wider = {"Constraints": constraints} if constraints is not None else {}
    refusal(eve.kms.create_grant, "AccessDeniedException", KeyId=key, GranteePrincipal=puppet.arn, Operations=operations, **wider)
    eve.kms.create_grant(KeyId=key, GranteePrincipal=puppet.arn, Operations=["Decrypt"], Constraints=EQUALS)
    assert puppet.kms.decrypt(CiphertextBlob=seal(account, key, app="web"), EncryptionContext={"app": "web"})["Plaintext"] == TEXT


def test_a_subset_is_handed_on_narrower_only(account, key):
    eve, puppet = account.user(name="eve"), account.user(name="puppet")
    grant(account, key, eve.arn, "CreateGrant", "Decrypt", Constraints=SUBSET)
    for constraints in ({"EncryptionContextSubset": {"other": "x"}}, {"EncryptionContextEquals": {"other": "x"}}):
        refusal(eve.kms.create_grant, "AccessDeniedException", KeyId=key, GranteePrincipal=puppet.arn, Operations=["Decrypt"], Constraints=constraints)
    for constraints in (SUBSET, {"EncryptionContextSubset": {"app": "web", "more": "x"}}, {"EncryptionContextEquals": {"app": "web", "more": "x"}}):
        eve.kms.create_grant(KeyId=key, GranteePrincipal=puppet.arn, Operations=["Decrypt"], Constraints=constraints)


def test_a_grantee_without_create_grant_makes_none(account, key):
    eve = account.user(name="eve")
    grant(account, key, eve.arn, "Decrypt", "RetireGrant", "DescribeKey")
    refusal(eve.kms.create_grant, "AccessDeniedException", KeyId=key, GranteePrincipal=eve.arn, Operations=["Decrypt"])


def test_a_chain_of_grants_does_not_grow(account, key):
    """A narrower grant's holder cannot get back what was left out on the way."""
    one, two, three = (account.user(name=name) for name in ("one", "two", "three"))
    grant(account, key, one.arn, "CreateGrant", "Decrypt", "Encrypt")
    one.kms.create_grant(KeyId=key, GranteePrincipal=two.arn, Operations=["CreateGrant", "Decrypt"], Constraints=EQUALS)
    refusal(two.kms.create_grant, "AccessDeniedException", KeyId=key, GranteePrincipal=three.arn, Operations=["Encrypt"], Constraints=EQUALS)
    refusal(two.kms.create_grant, "AccessDeniedException", KeyId=key, GranteePrincipal=three.arn, Operations=["Decrypt"])
    two.kms.create_grant(KeyId=key, GranteePrincipal=three.arn, Operations=["Decrypt"], Constraints=EQUALS)
    refusal(three.kms.create_grant, "AccessDeniedException", KeyId=key, GranteePrincipal=three.arn, Operations=["Decrypt"], Constraints=EQUALS)


def test_two_grants_do_not_add_up_to_a_third(account, key):
    """The operation of one and the constraint of another make no permission."""
    eve = account.user(name="eve")
    grant(account, key, eve.arn, "Decrypt", Constraints=EQUALS)
    grant(account, key, eve.arn, "Encrypt")
    refusal(eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=seal(account, key))
    refusal(eve.kms.re_encrypt, "AccessDeniedException", CiphertextBlob=seal(account, key, app="web"), SourceEncryptionContext={"app": "web"}, DestinationKeyId=key)
    eve.kms.encrypt(KeyId=key, Plaintext=TEXT)


def test_a_grant_of_one_operation_is_of_no_other(account, key):
    eve = account.user(name="eve")
    grant(account, key, eve.arn, "GenerateDataKeyWithoutPlaintext")
    eve.kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
    for operation, parameters in [
        (eve.kms.generate_data_key, {"KeySpec": "AES_256"}),
        (eve.kms.encrypt, {"Plaintext": TEXT}),
        (eve.kms.generate_data_key_pair, {"KeyPairSpec": "ECC_NIST_P256"}),
        (eve.kms.describe_key, {}),
        (eve.kms.list_grants, {}),
        (eve.kms.get_key_policy, {}),
        (eve.kms.put_key_policy, {"Policy": key_policy(owner(account))}),
        (eve.kms.disable_key, {}),
        (eve.kms.schedule_key_deletion, {}),
    ]:
        refusal(operation, "AccessDeniedException", KeyId=key, **parameters)


# --- constraints --------------------------------------------------------------------------------------------------------------


def test_a_constraint_holds_against_every_spelling(account, key):
    eve = account.user(name="eve")
    grant(account, key, eve.arn, "Encrypt", Constraints=EQUALS)
    for context in ({}, {"app": "WEB"}, {"app": "api"}, {"app": "web", "more": "x"}, {"app": ""}, {"APP": ""}, {"app": "web", "x": ""}, {"": "web"}, {"ap": "pweb"}):
        refusal(eve.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT, EncryptionContext=context)
    for twice in ({"app": "web", "APP": "api"}, {"app": "web", "App": "web"}, {"app": "api", "App": "web"}):
        refusal(eve.kms.encrypt, "ValidationException", "AccessDeniedException", KeyId=key, Plaintext=TEXT, EncryptionContext=twice)
    refusal(account.kms.create_grant, "ValidationException", KeyId=key, GranteePrincipal=eve.arn, Operations=["Decrypt"], Constraints={"EncryptionContextSubset": {"app": "web", "App": "web"}})
    for context in ({"app": "web"}, {"APP": "web"}):
        eve.kms.encrypt(KeyId=key, Plaintext=TEXT, EncryptionContext=context)


@pytest.mark.parametrize("value", ["*", "w?b", "${aws:username}", "${kms:EncryptionContext:app}", "w*"])
def test_a_constraint_is_no_pattern(account, key, value):
    eve = account.user(name="eve")
    grant(account, key, eve.arn, "Encrypt", Constraints={"EncryptionContextEquals": {"app": value}})
    for other in ("web", "eve", ""):
        refusal(eve.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT, EncryptionContext={"app": other})
    eve.kms.encrypt(KeyId=key, Plaintext=TEXT, EncryptionContext={"app": value})


def test_a_grant_does_not_outvote_a_deny(account, key):
    for where in ("identity", "key", "session"):
        eve = account.user(name=f"eve-{where}")
        grant(account, key, eve.arn, "Encrypt")
        eve.kms.encrypt(KeyId=key, Plaintext=TEXT)
        if where == "identity":
            account.iam.put_user_policy(UserName=f"eve-{where}", PolicyName="no", PolicyDocument=json.dumps(deny("kms:Encrypt")))
        elif where == "key":
            account.kms.put_key_policy(KeyId=key, Policy=key_policy(owner(account), {"Effect": "Deny", "Principal": {"AWS": eve.arn}, "Action": "kms:Encrypt"}))
        else:
            role = account.role(trust(account.id), name="eve-role")
            grant(account, key, role, "Encrypt")
            may = account.user(allow("sts:AssumeRole"))
            may.assume(role).kms.encrypt(KeyId=key, Plaintext=TEXT)
            eve = may.assume(role, Policy=json.dumps(deny("kms:Encrypt")))
        refusal(eve.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT)


# --- after the end ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["retire by token", "retire by id", "revoke"])
def test_a_token_is_worth_nothing_after_the_grant(account, key, end):
    eve = account.user(name="eve")
    made = grant(account, key, eve.arn, "Decrypt", "CreateGrant")
    blob, token = seal(account, key), [made["GrantToken"]]
    assert eve.kms.decrypt(CiphertextBlob=blob, GrantTokens=token)["Plaintext"] == TEXT
    if end == "retire by token":
        account.kms.retire_grant(GrantToken=made["GrantToken"])
    elif end == "retire by id":
        account.kms.retire_grant(KeyId=key, GrantId=made["GrantId"])
    else:
        account.kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    for _ in range(3):
        refusal(eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob, GrantTokens=token)
        refusal(eve.kms.create_grant, "AccessDeniedException", KeyId=key, GranteePrincipal=eve.arn, Operations=["Decrypt"], GrantTokens=token)
    refusal(account.kms.retire_grant, "NotFoundException", GrantToken=made["GrantToken"])


def test_a_token_in_other_hands_gives_nothing(account, other_account, key):
    ann, eve = account.user(name="ann"), account.user(name="eve")
    token = grant(account, key, ann.arn, "Decrypt", "Encrypt")["GrantToken"]
    blob = seal(account, key)
    for thief in (eve, other_account.root, other_account.user(allow("kms:*"))):
        refusal(thief.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob, GrantTokens=[token])
        refusal(thief.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT, GrantTokens=[token])
        refusal(thief.kms.retire_grant, "AccessDeniedException", GrantToken=token)
    another = make(account)
    refusal(ann.kms.encrypt, "AccessDeniedException", KeyId=another, Plaintext=TEXT, GrantTokens=[token])


def test_a_token_that_was_made_up_or_altered_is_refused(account, key):
    token = grant(account, key, account.user(name="ann").arn, "Decrypt")["GrantToken"]
    bent = [token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1 :] for at in range(0, len(token), 29)]
    bent += [token[:-2], token[:-1], token + "00", token.replace("a", "g"), "é" * 40, secrets.token_hex(len(token) // 2), "1"]
    for one in bent:
        refusal(account.kms.encrypt, "InvalidGrantTokenException", KeyId=key, Plaintext=TEXT, GrantTokens=[one])
        refusal(account.kms.retire_grant, "InvalidGrantTokenException", GrantToken=one)
    refusal(account.kms.encrypt, "ValidationException", KeyId=key, Plaintext=TEXT, GrantTokens=[token] * 11)
    account.kms.encrypt(KeyId=key, Plaintext=TEXT, GrantTokens=[token] * 10)
    refusal(elsewhere(account.root).kms.retire_grant, "InvalidGrantTokenException", GrantToken=token)


def test_only_who_may_retires_a_grant(account, other_account, key):
    ann, bob, eve = (account.user(name=name) for name in ("ann", "bob", "eve"))
    made = grant(account, key, ann.arn, "Decrypt", RetiringPrincipal=bob.arn)
    ask = {"KeyId": key, "GrantId": made["GrantId"]}
    for nobody in (ann, eve, other_account.root):
        refusal(nobody.kms.retire_grant, "AccessDeniedException", **ask)
        refusal(nobody.kms.revoke_grant, "AccessDeniedException", **ask)
    refusal(bob.kms.revoke_grant, "AccessDeniedException", **ask)
    another = make(account)
    refusal(account.kms.retire_grant, "NotFoundException", KeyId=another, GrantId=made["GrantId"])
    bob.kms.retire_grant(**ask)


@pytest.mark.parametrize("role", ["grantee", "retirer"])
def test_a_principal_made_anew_has_no_grant(account, key, role):
    """The name is the same; it is somebody else."""
    ann = account.user(name="ann")
    other = account.user(name="other")
    made = grant(account, key, ann.arn if role == "grantee" else other.arn, "Decrypt", RetiringPrincipal=ann.arn)
    blob = seal(account, key)
    key_id = ann.credentials.access_key_id
    account.iam.delete_access_key(UserName="ann", AccessKeyId=key_id)
    account.iam.delete_user(UserName="ann")
    again = account.user(name="ann")
    assert again.arn == account.arn("user/ann")
    refusal(again.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob, GrantTokens=[made["GrantToken"]])
    refusal(again.kms.retire_grant, "AccessDeniedException", GrantToken=made["GrantToken"])


def test_a_role_made_anew_has_no_grant(account, key):
    may = account.user(allow("sts:AssumeRole"))
    role = account.role(trust(account.id), name="app")
    grant(account, key, role, "Decrypt")
    blob, session = seal(account, key), may.assume(role)
    assert session.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT
    account.iam.delete_role(RoleName="app")
    assert account.role(trust(account.id), name="app") == role
    refusal(may.assume(role).kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)


def test_the_same_name_does_not_turn_one_grant_into_another(account, key):
    """Name makes a repeated call find its grant; it must not find a different one, nor change it."""
    ann = account.user(name="ann")
    first = grant(account, key, ann.arn, "Decrypt", Name="app")
    assert grant(account, key, ann.arn, "Decrypt", Name="app")["GrantId"] == first["GrantId"]
    wider = grant(account, key, ann.arn, "Decrypt", "Encrypt", Name="app")
    assert wider["GrantId"] != first["GrantId"]
    account.kms.revoke_grant(KeyId=key, GrantId=wider["GrantId"])
    refusal(ann.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT)


def test_a_service_is_granted_to_only_with_a_source_and_nobody_passes_for_it(account, key):
    refusal(account.kms.create_grant, "ValidationException", KeyId=key, GranteeServicePrincipal="s3.amazonaws.com", Operations=["Decrypt"])
    source = {"SourceArn": "arn:aws:s3:us-east-1:111122223333:bucket"}
    account.kms.create_grant(KeyId=key, GranteeServicePrincipal="s3.amazonaws.com", RetiringPrincipal=account.arn("root"), Operations=["Decrypt"], Constraints=source)
    for name in ("s3.amazonaws.com", "s3"):
        eve = account.user(name=name)
        refusal(eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=seal(account, key))
