"""Red team: key policies gone round, aliases exchanged, services imitated, principals remade, branches used to look, names bent."""

import json
import secrets
import sys
import threading
import time

import pytest
from botocore.exceptions import ClientError
from redteam.kms import ABSENT, TEXT, Parts, elsewhere, key_policy, make, owner, refusal, seal
from redteam.test_kms_import import FOR_EVER, SHA256, ask, external

from harness.callers import allow, trust
from harness.server import palisade
from harness.wire import Raw


@pytest.fixture
def key(account) -> str:
    return make(account)


# --- who decides --------------------------------------------------------------------------------------------------------------


def test_without_its_key_policys_allow_nobody_gets_in(account, key):
    """Neither the strongest identity policy nor the account's root."""
    ann = account.user(allow("kms:*"), name="ann")
    admin = account.user(allow("*"))
    blob = seal(account, key)
    account.kms.put_key_policy(KeyId=key, Policy=key_policy({"Principal": {"AWS": ann.arn}}), BypassPolicyLockoutSafetyCheck=True)
    for shut_out in (account.root, admin):
        for operation, parameters in [
            (shut_out.kms.decrypt, {"CiphertextBlob": blob}),
            (shut_out.kms.describe_key, {"KeyId": key}),
            (shut_out.kms.get_key_policy, {"KeyId": key}),
            (shut_out.kms.put_key_policy, {"KeyId": key, "Policy": key_policy(owner(account)), "BypassPolicyLockoutSafetyCheck": True}),
            (shut_out.kms.create_grant, {"KeyId": key, "GranteePrincipal": admin.arn, "Operations": ["Decrypt"]}),
            (shut_out.kms.schedule_key_deletion, {"KeyId": key}),
            (shut_out.kms.create_alias, {"AliasName": "alias/mine", "TargetKeyId": key}),
            (shut_out.kms.tag_resource, {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ]:
            refusal(operation, "AccessDeniedException", **parameters)
    assert ann.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT


def test_the_lockout_check_is_not_gone_round(account, key):
    """A policy that would lock its maker out is refused however it says so, and leaving the check out is a permission of its own."""
    ann = account.user(allow("kms:*"), name="ann")
    itself = {"Principal": {"AWS": ann.arn}}
    lockouts = [
        key_policy(itself | {"Action": "kms:Encrypt"}),
        key_policy(itself | {"Action": ["kms:Get*", "kms:Describe*", "kms:PutKeyPolic"]}),
        key_policy(owner(account), itself | {"Effect": "Deny", "Action": "kms:PutKeyPolicy"}),
        key_policy(itself | {"Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}}),
        key_policy(itself | {"Condition": {"Bool": {"kms:BypassPolicyLockoutSafetyCheck": "true"}}}),
        key_policy(itself | {"Condition": {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}}),
        key_policy(itself | {"Resource": f"arn:aws:kms:us-east-1:{account.id}:key/{ABSENT}"}),
    ]
    for policy in lockouts:
        refusal(ann.kms.put_key_policy, "MalformedPolicyDocumentException", KeyId=key, Policy=policy)
        refusal(ann.kms.create_key, "MalformedPolicyDocumentException", Policy=policy)
    careful = account.user(allow("kms:*", Bool={"kms:BypassPolicyLockoutSafetyCheck": "false"}), name="careful")
    refusal(careful.kms.put_key_policy, "AccessDeniedException", KeyId=key, Policy=lockouts[0], BypassPolicyLockoutSafetyCheck=True)
    refusal(careful.kms.create_key, "AccessDeniedException", Policy=lockouts[0], BypassPolicyLockoutSafetyCheck=True)
    ann.kms.put_key_policy(KeyId=key, Policy=lockouts[0], BypassPolicyLockoutSafetyCheck=True)


def test_a_policy_of_one_key_says_nothing_of_another(account, other_account, key):
    """`Resource` in a key policy is the key itself; naming another gives nothing there."""
    mine = make(account)
    eve = other_account.user(allow("kms:*"), name="eve")
    account.kms.put_key_policy(KeyId=mine, Policy=key_policy(owner(account), {"Principal": {"AWS": other_account.id}, "Resource": [key, "*"]}))
    refusal(eve.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT)
    eve.kms.encrypt(KeyId=mine, Plaintext=TEXT)


def test_a_key_policy_for_an_account_is_not_one_for_all_its_users(account, other_account, key):
    """The other account must hand the permission on: its root's yes alone is not its users'."""
    account.kms.put_key_policy(KeyId=key, Policy=key_policy(owner(account), {"Principal": {"AWS": other_account.id}}))
    powerless, may = other_account.user(), other_account.user(allow("kms:Encrypt"))
    refusal(powerless.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT)
    may.kms.encrypt(KeyId=key, Plaintext=TEXT)
    refusal(may.kms.decrypt, "AccessDeniedException", CiphertextBlob=seal(account, key))


MANAGING = [
    ("cancel_key_deletion", {}), ("create_alias", {"AliasName": "alias/theirs", "TargetKeyId": ...}), ("delete_imported_key_material", {}), ("disable_key", {}),
    ("disable_key_rotation", {}), ("enable_key", {}), ("enable_key_rotation", {}), ("get_key_last_usage", {}), ("get_key_policy", {}), ("list_key_rotations", {}),
    ("get_parameters_for_import", {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}), ("list_key_policies", {}),
    ("list_resource_tags", {}), ("put_key_policy", {"Policy": key_policy({"Principal": "*"})}), ("replicate_key", {"ReplicaRegion": "eu-west-1"}),
    ("rotate_key_on_demand", {}), ("schedule_key_deletion", {}), ("tag_resource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
    ("untag_resource", {"TagKeys": ["a"]}), ("update_key_description", {"Description": "theirs"}), ("update_primary_region", {"PrimaryRegion": "eu-west-1"}),
    ("import_key_material", {"ImportToken": b"x", "EncryptedKeyMaterial": b"x"}),
]


@pytest.mark.parametrize(("operation", "parameters"), MANAGING, ids=[name for name, _ in MANAGING])
def test_another_account_manages_no_key_whatever_its_policy_says(account, other_account, key, operation, parameters):
    account.kms.put_key_policy(KeyId=key, Policy=key_policy(owner(account), {"Principal": {"AWS": "*"}}))
    parameters = {name: key if value is ... else value for name, value in parameters.items()}
    if "TargetKeyId" not in parameters:
        parameters["KeyId"] = key
    for caller in (other_account.root, other_account.user(allow("kms:*"))):
        refusal(getattr(caller.kms, operation), "AccessDeniedException", **parameters)
    other_account.kms.encrypt(KeyId=key, Plaintext=TEXT)


def test_a_deputy_is_confused_neither_by_account_nor_by_source(account, other_account, key):
    """A key that is open to whoever comes through a service is not open to whoever says so."""
    statements = [
        {"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:CallerAccount": account.id}}},
        {"Principal": {"Service": "s3.amazonaws.com"}, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}},
    ]
    account.kms.put_key_policy(KeyId=key, Policy=key_policy(owner(account), *statements))
    for eve in (account.user(), other_account.root, other_account.user(allow("*"))):
        raw = Raw(eve)
        body = json.dumps({"KeyId": key, "Plaintext": "eA=="}).encode()
        forged = {
            "nothing": {},
            "a service's headers": {"X-Amz-Via-Service": "s3.us-east-1.amazonaws.com", "X-Amz-Source-Arn": "arn:aws:s3:::bucket", "X-Amz-Source-Account": account.id},
            "conditions as headers": {"kms:ViaService": "s3.us-east-1.amazonaws.com", "aws:SourceArn": "arn:aws:s3:::bucket", "aws:CalledVia": "s3.amazonaws.com"},
            "an agent": {"User-Agent": "s3.amazonaws.com", "X-Amz-User-Agent": "s3.amazonaws.com", "X-Forwarded-For": "s3.amazonaws.com"},
            "a principal": {"X-Amz-Principal": "s3.amazonaws.com", "X-Amz-Account-Id": account.id, "X-Amz-Caller-Account": account.id},
        }
        for what, headers in forged.items():
            request = raw.json("TrentService.Encrypt", body)
            for name, value in headers.items():
                request = request.with_header(name, value)
            answer = raw.send(raw.signer("kms").sign(request))
            assert answer.status in (400, 403) and answer.code != "SerializationException", (what, answer.text)
            if ":" not in "".join(headers):
                assert answer.code == "AccessDeniedException", (what, answer.text)
        refusal(eve.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT, EncryptionContext={"kms:ViaService": "s3.us-east-1.amazonaws.com", "aws:s3:arn": "arn:aws:s3:::bucket"})


@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_principal_made_anew_is_not_whom_the_policy_means(account, key, kind):
    may = account.user(allow("sts:AssumeRole"))

    def made():
        if kind == "user":
            return account.user(name="ann")
        return may.assume(account.role(trust(account.id), name="app"))

    first = made()
    name = account.arn("user/ann" if kind == "user" else "role/app")
    account.kms.put_key_policy(KeyId=key, Policy=key_policy(owner(account), {"Principal": {"AWS": name}}))
    first.kms.encrypt(KeyId=key, Plaintext=TEXT)
    if kind == "user":
        account.iam.delete_access_key(UserName="ann", AccessKeyId=first.credentials.access_key_id)
        account.iam.delete_user(UserName="ann")
    else:
        account.iam.delete_role(RoleName="app")
    second = made()
    refusal(second.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT)
    refusal(second.kms.put_key_policy, "AccessDeniedException", KeyId=key, Policy=key_policy({"Principal": {"AWS": name}}))
    assert name not in account.kms.get_key_policy(KeyId=key)["Policy"]


def test_who_may_tag_or_name_a_key_does_not_rise_by_it(account, key):
    """Tags and aliases decide; so putting them is asked of the key, not of the name alone."""
    tagged = account.user(allow("kms:Decrypt", StringEquals={"aws:ResourceTag/team": "red"}), allow("kms:TagResource", StringEquals={"aws:ResourceTag/team": "red"}))
    refusal(tagged.kms.tag_resource, "AccessDeniedException", KeyId=key, Tags=[{"TagKey": "team", "TagValue": "red"}])
    named = account.user(
        allow("kms:Decrypt", **{"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/mine"}}),
        allow("kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias", resource=f"arn:aws:kms:*:{account.id}:alias/mine"),
    )
    refusal(named.kms.create_alias, "AccessDeniedException", AliasName="alias/mine", TargetKeyId=key)
    account.kms.create_alias(AliasName="alias/mine", TargetKeyId=make(account))
    refusal(named.kms.update_alias, "AccessDeniedException", AliasName="alias/mine", TargetKeyId=key)
    refusal(named.kms.delete_alias, "AccessDeniedException", AliasName="alias/mine")
    refusal(named.kms.decrypt, "AccessDeniedException", CiphertextBlob=seal(account, key))
    refusal(account.kms.create_alias, AliasName="alias/aws/s3", TargetKeyId=key)


# --- between check and use ----------------------------------------------------------------------------------------------------


def test_an_alias_exchanged_between_check_and_use_gives_nothing(account, key):
    """Allowed one key, by an alias that jumps between it and a forbidden one: every answer is of the key that was allowed."""
    forbidden = make(account)
    account.kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    eve = account.user(allow("kms:Encrypt", "kms:GenerateDataKey", resource=key))
    stop, moved = threading.Event(), 0

    def jump():
        nonlocal moved
        kms = account.root.client("kms")
        while not stop.is_set():
            kms.update_alias(AliasName="alias/app", TargetKeyId=(forbidden, key)[moved % 2])
            moved += 1

    jumper = threading.Thread(target=jump)
    jumper.start()
    try:
        answers = []
        for _ in range(400):
            try:
                answers.append(eve.kms.encrypt(KeyId="alias/app", Plaintext=TEXT))
            except ClientError as error:
                answers.append(error.response["Error"]["Code"])
    finally:
        stop.set()
        jumper.join()
    given = [answer for answer in answers if isinstance(answer, dict)]
    assert given and len(given) < len(answers) and moved > 20, "the alias did not jump between the two"
    assert {answer for answer in answers if isinstance(answer, str)} == {"AccessDeniedException"}
    id_of = lambda arn: bytes.fromhex(arn.rsplit("/", 1)[1].replace("-", ""))
    assert {answer["KeyId"] for answer in given} == {key} and {Parts.of(answer["CiphertextBlob"]).key for answer in given} == {id_of(key)}


def test_a_permission_taken_back_is_gone_with_the_answer(account, key):
    """No call that begins after a revocation was answered gets through: nothing of a decision is kept."""
    ann = account.user(name="ann")
    for _ in range(10):
        made = account.kms.create_grant(KeyId=key, GranteePrincipal=ann.arn, Operations=["Encrypt"])
        ann.kms.encrypt(KeyId=key, Plaintext=TEXT)
        account.kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
        refusal(ann.kms.encrypt, "AccessDeniedException", KeyId=key, Plaintext=TEXT)
        account.kms.disable_key(KeyId=key)
        refusal(account.kms.encrypt, "DisabledException", KeyId=key, Plaintext=TEXT)
        account.kms.enable_key(KeyId=key)


# --- names --------------------------------------------------------------------------------------------------------------------


def test_a_key_has_one_name(account, key):
    """What is not exactly its id, its ARN or an alias leads nowhere, for whoever may use every key."""
    id = key.rsplit("/", 1)[1]
    account.kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    for name in (
        id.upper(), f" {id}", f"{id} ", f"{id}\n", f"key/{id}", f"{id}/", id.replace("-", ""), key.upper(), f"{key}/", f"{key}:x", key.replace("key/", "key/../key/"),
        key.replace("key/", "key//"), key.replace("key/", "KEY/"), key.replace("us-east-1", "eu-west-1"), key.replace("us-east-1", ""), key.replace(":aws:", ":aws-cn:"),
        key.replace(":aws:", "::"), key.replace(":kms:", ":iam:"), key.replace(account.id, ""), key.replace(account.id, f"0{account.id}"), "alias/App", "alias/app/", "alias//app",
        "alias/../alias/app", "Alias/app", "*", "alias/*", "key/*",
    ):
        seen = refusal(account.kms.encrypt, KeyId=name, Plaintext=TEXT)
        assert seen.code in ("NotFoundException", "InvalidArnException", "ValidationException"), (name, seen)


def test_a_member_given_twice_is_not_checked_once_and_used_the_other_time(account, key):
    forbidden = make(account)
    eve = account.user(allow("kms:Encrypt", resource=key))
    raw = Raw(eve)
    for first, second in ((key, forbidden), (forbidden, key)):
        body = f'{{"KeyId": "{first}", "Plaintext": "eA==", "KeyId": "{second}"}}'.encode()
        answer = raw.send(raw.signer("kms").sign(raw.json("TrentService.Encrypt", body)))
        if answer.status == 200:
            assert json.loads(answer.body)["KeyId"] == key
        else:
            assert answer.code in ("SerializationException", "AccessDeniedException", "ValidationException"), answer.text


def test_what_is_too_large_is_refused(account, key):
    long = {"Sid": "x" * 33000}
    refusal(account.kms.put_key_policy, "LimitExceededException", "MalformedPolicyDocumentException", "ValidationException", KeyId=key, Policy=key_policy(owner(account, **long)))
    refusal(account.kms.create_key, "LimitExceededException", "MalformedPolicyDocumentException", "ValidationException", Policy=key_policy(owner(account, **long)))
    refusal(account.kms.encrypt, "ValidationException", KeyId=key, Plaintext=bytes(4097))
    refusal(account.kms.encrypt, KeyId="x" * 3000, Plaintext=TEXT)
    refusal(account.kms.create_alias, AliasName="alias/" + "x" * 300, TargetKeyId=key)
    deep = '{"Version":"2012-10-17","Statement":' + "[" * 5000 + "]" * 5000 + "}"
    refusal(account.kms.put_key_policy, "MalformedPolicyDocumentException", KeyId=key, Policy=deep)


def test_a_recipient_is_never_answered_in_clear(account, key):
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    for operation, parameters in [
        (account.kms.decrypt, {"CiphertextBlob": seal(account, key)}),
        (account.kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
        (account.kms.generate_random, {"NumberOfBytes": 8}),
        (account.kms.generate_data_key_pair, {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"}),
    ]:
        refusal(operation, "UnsupportedOperationException", "ValidationException", Recipient=recipient, **parameters)


# --- Regions ------------------------------------------------------------------------------------------------------------------


def test_a_replica_decides_for_itself(account):
    """Allowed in one Region, refused in the other: the same material, two policies."""
    both = make(account, MultiRegion=True)
    id = both.rsplit("/", 1)[1]
    ann = account.user(allow("kms:*"), name="ann")
    account.kms.replicate_key(KeyId=both, ReplicaRegion="eu-west-1", Policy=key_policy({"Principal": {"AWS": ann.arn}}), BypassPolicyLockoutSafetyCheck=True)
    blob, there = seal(account, both), elsewhere(account.root)
    refusal(there.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)
    refusal(there.kms.put_key_policy, "AccessDeniedException", KeyId=id, Policy=key_policy(owner(account)))
    assert elsewhere(ann).kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT
    elsewhere(ann).kms.disable_key(KeyId=id)
    refusal(elsewhere(ann).kms.decrypt, "DisabledException", CiphertextBlob=blob)
    assert account.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT


def test_a_multi_region_id_leads_into_no_other_region_or_account(account, other_account):
    both = make(account, MultiRegion=True)
    blob = seal(account, both)
    mine = other_account.kms.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    refusal(elsewhere(account.root, "ap-south-1").kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)
    for caller in (other_account.root, other_account.user(allow("kms:*"))):
        refusal(caller.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)
        refusal(caller.kms.encrypt, "NotFoundException", "AccessDeniedException", KeyId=both.rsplit("/", 1)[1], Plaintext=TEXT)
    theirs, own = Parts.of(blob), Parts.of(other_account.kms.encrypt(KeyId=mine, Plaintext=TEXT)["CiphertextBlob"])
    for names in (["account"], ["account", "key"], ["account", "key", "material"]):
        refusal(other_account.kms.decrypt, "AccessDeniedException", "InvalidCiphertextException", CiphertextBlob=theirs.with_(own, *names))


def test_a_single_regions_ciphertext_does_not_pass_for_one_of_all_regions(account, key):
    """With its Region struck out, a header reads as a multi-Region key's."""
    parts = Parts.of(seal(account, key))
    struck = parts.start + parts.account + b"\0" + b"".join((parts.key, parts.material, parts.nonce, parts.commitment, parts.sealed, parts.tag))
    for caller in (account.root, elsewhere(account.root)):
        refusal(caller.kms.decrypt, "AccessDeniedException", "InvalidCiphertextException", CiphertextBlob=struck)


# --- branches -----------------------------------------------------------------------------------------------------------------


def on_branch(caller, *calls: tuple) -> list[tuple[str, str]]:
    """How calls of KMS (or of the service that a third member names) ended that were made on a branch: each operation, and its outcome."""
    program = """
import json, sys, boto3, botocore
for name, parameters, *service in json.loads(sys.argv[1]):
    if "CiphertextBlob" in parameters:
        parameters["CiphertextBlob"] = bytes.fromhex(parameters["CiphertextBlob"])
    try:
        print(getattr(boto3.client(*service or ["kms"]), name)(**parameters))
    except botocore.exceptions.ClientError as error:
        print(error)
"""
    variables = caller.environment() | {"AWS_MAX_ATTEMPTS": "1"}
    done = palisade("what-if", "--format", "json", "--", sys.executable, "-c", program, json.dumps(calls), environment=variables)
    assert done.returncode == 0, done.stderr
    assert TEXT.decode() not in done.stdout + done.stderr
    made = json.loads(done.stdout)["Calls"]
    assert len(made) == len(calls), done.stderr
    return [(call["Operation"], call.get("ErrorCode") or call["Outcome"]) for call in made]


def test_a_branch_discloses_nothing_that_is_refused_outside_it(account, key):
    """Who may write policies gives itself everything on a branch, and learns nothing by it."""
    blob = seal(account, key)
    eve = account.user(allow("palisade:*", "kms:PutKeyPolicy", "kms:CreateGrant", "iam:PutUserPolicy"), name="eve")
    policy = key_policy(owner(account), {"Principal": {"AWS": eve.arn}})
    uses = [
        ("decrypt", {"CiphertextBlob": blob.hex()}),
        ("generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}),
        ("generate_data_key_pair", {"KeyId": key, "KeyPairSpec": "ECC_NIST_P256"}),
        ("re_encrypt", {"CiphertextBlob": blob.hex(), "DestinationKeyId": key}),
    ]
    for escalation in (
        ("put_key_policy", {"KeyId": key, "Policy": policy}),
        ("create_grant", {"KeyId": key, "GranteePrincipal": eve.arn, "Operations": ["Decrypt", "GenerateDataKey", "GenerateDataKeyPair", "ReEncryptFrom", "ReEncryptTo"]}),
        ("put_user_policy", {"UserName": "eve", "PolicyName": "p", "PolicyDocument": json.dumps(allow("*"))}, "iam"),
    ):
        (_, risen), *ends = on_branch(eve, escalation, *uses)
        assert risen == "success" and {end for _, end in ends} == {"AccessDeniedException"}, ends
    refusal(eve.kms.decrypt, "AccessDeniedException", CiphertextBlob=blob)


def test_a_branch_wakes_no_disabled_or_doomed_key_and_kills_none(account, key):
    blob = seal(account, key)
    decrypt, wake = ("decrypt", {"CiphertextBlob": blob.hex()}), ("enable_key", {"KeyId": key})
    account.kms.disable_key(KeyId=key)
    assert on_branch(account.root, wake, decrypt) == [("EnableKey", "success"), ("Decrypt", "DisabledException")]
    account.kms.schedule_key_deletion(KeyId=key)
    ends = on_branch(account.root, ("cancel_key_deletion", {"KeyId": key}), wake, decrypt)
    assert ends == [("CancelKeyDeletion", "success"), ("EnableKey", "success"), ("Decrypt", "KMSInvalidStateException")]
    account.kms.cancel_key_deletion(KeyId=key)
    account.kms.enable_key(KeyId=key)
    ends = on_branch(account.root, ("rotate_key_on_demand", {"KeyId": key}), ("schedule_key_deletion", {"KeyId": key}))
    assert [end for _, end in ends] == ["success", "success"]
    assert account.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT and account.kms.list_key_rotations(KeyId=key)["Rotations"] == []
    assert account.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_imported_material_is_not_deleted_by_a_branch(account):
    key = external(account)
    token, public = ask(account.kms, key)
    account.kms.import_key_material(KeyId=key, ImportToken=token, EncryptedKeyMaterial=public.encrypt(secrets.token_bytes(32), SHA256), **FOR_EVER)
    blob = seal(account, key)
    assert on_branch(account.root, ("delete_imported_key_material", {"KeyId": key})) == [("DeleteImportedKeyMaterial", "success")]
    time.sleep(1)  # what destroys materials comes after the answer
    assert account.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == TEXT


def test_an_alias_made_on_a_branch_does_not_lead_to_a_forbidden_key(account, key):
    mine = make(account)
    account.kms.create_alias(AliasName="alias/app", TargetKeyId=mine)
    eve = account.user(allow("palisade:*"), allow("kms:*", resource=[mine, f"arn:aws:kms:*:{account.id}:alias/*"]), allow("kms:UpdateAlias", resource=key))
    move, use = ("update_alias", {"AliasName": "alias/app", "TargetKeyId": key}), ("generate_data_key", {"KeyId": "alias/app", "KeySpec": "AES_256"})
    assert on_branch(eve, move, use) == [("UpdateAlias", "success"), ("GenerateDataKey", "AccessDeniedException")]
