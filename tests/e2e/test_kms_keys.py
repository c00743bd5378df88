"""KMS keys: made, shown, listed, switched, tagged, named, rotated, deleted; their policies and grants."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.callers import allow, refused

MISSING = "1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def key(account) -> str:
    """The id of a symmetric encryption key."""
    return account.kms.create_key()["KeyMetadata"]["KeyId"]


def key_arn(account, key: str) -> str:
    return f"arn:aws:kms:us-east-1:{account.id}:key/{key}"


def test_a_new_key_is_given_back_whole(account):
    made = account.kms.create_key(Description="one", Tags=[{"TagKey": "team", "TagValue": "red"}])["KeyMetadata"]
    assert made["Arn"] == key_arn(account, made["KeyId"]) and made["AWSAccountId"] == account.id
    assert re.fullmatch(r"[0-9a-f]{64}", made["CurrentKeyMaterialId"])
    described = account.kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
    assert described == made
    expected = {
        "Enabled": True, "Description": "one", "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": False,
    }
    assert {name: made[name] for name in expected} == expected
    assert account.kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == [{"TagKey": "team", "TagValue": "red"}]


@pytest.mark.parametrize(
    ("parameters", "code", "text"),
    [
        ({"KeySpec": "RSA_2048"}, "ValidationException", "You must specify a KeyUsage"),
        ({"KeySpec": "ECC_NIST_P256", "KeyUsage": "ENCRYPT_DECRYPT"}, "ValidationException", "not compatible"),
        ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException", "SM2"),
        ({"CustomKeyStoreId": "cks-1"}, "UnsupportedOperationException", "CustomKeyStoreId"),
        ({"Tags": [{"TagKey": "aws:x", "TagValue": "y"}]}, "TagException", "reserved"),
        ({"Policy": "{}"}, "MalformedPolicyDocumentException", ""),
    ],
)
def test_a_key_that_cannot_be_is_refused(account, parameters, code, text):
    with refused(code, text, status=400):
        account.kms.create_key(**parameters)


def test_rsa_keys_made_at_the_same_time_are_all_made(account):
    with ThreadPoolExecutor(6) as pool:
        made = [pool.submit(account.kms.create_key, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY") for _ in range(6)]
        pairs = [pool.submit(account.kms.create_key) for _ in range(6)]
        ids = {key.result()["KeyMetadata"]["KeyId"] for key in made + pairs}
    assert {entry["KeyId"] for entry in account.kms.list_keys()["Keys"]} == ids and len(ids) == 12
    for key in made:
        account.kms.sign(KeyId=key.result()["KeyMetadata"]["KeyId"], Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")


def test_of_many_grants_the_one_that_fits_counts(account, key):
    bob = account.user()
    for tenant in range(40):
        kind = "EncryptionContextEquals" if tenant % 2 else "EncryptionContextSubset"
        account.kms.create_grant(KeyId=key, GranteePrincipal=bob.arn, Operations=["Encrypt"], Constraints={kind: {"tenant": f"t{tenant}"}})
    for context in ({"tenant": "t7"}, {"tenant": "t8"}, {"tenant": "t8", "more": "x"}):
        assert bob.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    for context in ({"tenant": "t7", "more": "x"}, {"tenant": "t40"}, {}):
        with refused("AccessDeniedException"):
            bob.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
    with refused("InvalidGrantIdException"):
        account.kms.revoke_grant(KeyId=key, GrantId="none")


def test_an_alias_leads_to_a_key_and_a_replica_to_a_region_that_is_served(account, key):
    account.kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    with refused("ValidationException", "Aliases must refer to keys. Not aliases"):
        account.kms.create_alias(AliasName="alias/other", TargetKeyId="alias/app")
    primary = account.kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    with refused("ValidationException", "mars-west-1"):
        account.kms.replicate_key(KeyId=primary, ReplicaRegion="mars-west-1")


def test_keys_are_listed_page_by_page(account):
    made = sorted(account.kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5))
    pages = account.kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2})
    pages = [[entry["KeyId"] for entry in page["Keys"]] for page in pages]
    assert [len(page) for page in pages] == [2, 2, 1] and sum(pages, []) == made
    assert account.kms.list_keys()["Keys"][0]["KeyArn"] == key_arn(account, made[0])
    with refused("InvalidMarkerException"):
        account.kms.list_keys(Marker="nonsense")


ON_A_KEY = [
    ("describe_key", {}), ("enable_key", {}), ("disable_key", {}), ("update_key_description", {"Description": "x"}), ("get_key_policy", {}),
    ("put_key_policy", {"Policy": json.dumps({"Version": "2012-10-17", "Statement": []})}), ("list_key_policies", {}), ("list_aliases", {}),
    ("tag_resource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}), ("untag_resource", {"TagKeys": ["a"]}), ("list_resource_tags", {}),
    ("create_grant", {"GranteePrincipal": "arn:aws:iam::111122223333:root", "Operations": ["Encrypt"]}), ("list_grants", {}),
    ("revoke_grant", {"GrantId": "0" * 64}), ("retire_grant", {"GrantId": "0" * 64}), ("enable_key_rotation", {}), ("disable_key_rotation", {}),
    ("get_key_rotation_status", {}), ("rotate_key_on_demand", {}), ("list_key_rotations", {}), ("schedule_key_deletion", {}), ("cancel_key_deletion", {}),
    ("encrypt", {"Plaintext": b"x"}), ("generate_data_key", {"KeySpec": "AES_256"}), ("generate_data_key_without_plaintext", {"KeySpec": "AES_256"}),
    ("generate_data_key_pair", {"KeyPairSpec": "ECC_NIST_P256"}), ("generate_data_key_pair_without_plaintext", {"KeyPairSpec": "ECC_NIST_P256"}),
    ("sign", {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}), ("verify", {"Message": b"x", "Signature": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}),
    ("get_public_key", {}), ("generate_mac", {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}), ("verify_mac", {"Message": b"x", "Mac": b"x", "MacAlgorithm": "HMAC_SHA_256"}),
    ("derive_shared_secret", {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"}), ("encapsulate", {"EncapsulationAlgorithm": "ML_KEM"}),
    ("decapsulate", {"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": b"x"}),
]


@pytest.mark.parametrize(("operation", "parameters"), ON_A_KEY, ids=[name for name, _ in ON_A_KEY])
def test_a_missing_key_is_named_to_who_may_know_and_to_nobody_else(account, operation, parameters):
    with refused("NotFoundException", f"Key '{key_arn(account, MISSING)}' does not exist", status=400):
        getattr(account.kms, operation)(KeyId=MISSING, **parameters)
    powerless = account.user()
    if operation != "list_aliases":
        with refused("AccessDeniedException", "is not authorized to perform: kms:", status=400):
            getattr(powerless.kms, operation)(KeyId=MISSING, **parameters)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [("list_keys", {}), ("list_aliases", {}), ("generate_random", {"NumberOfBytes": 8}), ("create_key", {}), ("list_retirable_grants", {"RetiringPrincipal": "111122223333"})],
)
def test_what_names_no_key_is_refused_to_who_may_not(account, operation, parameters):
    with refused("AccessDeniedException", status=400):
        getattr(account.user().kms, operation)(**parameters)


def test_a_key_is_switched_off_and_on(account, key):
    account.kms.disable_key(KeyId=key)
    assert account.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    with refused("DisabledException", f"{key_arn(account, key)} is disabled."):
        account.kms.encrypt(KeyId=key, Plaintext=b"x")
    account.kms.enable_key(KeyId=key)
    account.kms.encrypt(KeyId=key, Plaintext=b"x")


def test_a_description_is_changed(account, key):
    account.kms.update_key_description(KeyId=key, Description="two")
    assert account.kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "two"


def test_deletion_waits_and_is_cancelled(account, key):
    answer = account.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert answer["KeyState"] == "PendingDeletion" and answer["PendingWindowInDays"] == 7 and answer["KeyId"] == key_arn(account, key)
    assert account.kms.describe_key(KeyId=key)["KeyMetadata"]["DeletionDate"] == answer["DeletionDate"]
    for operation, parameters in [("encrypt", {"Plaintext": b"x"}), ("enable_key", {}), ("tag_resource", {"Tags": []}), ("schedule_key_deletion", {})]:
        with refused("KMSInvalidStateException", "is pending deletion."):
            getattr(account.kms, operation)(KeyId=key, **parameters)
    account.kms.cancel_key_deletion(KeyId=key)
    assert account.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    with refused("KMSInvalidStateException", "is not pending deletion."):
        account.kms.cancel_key_deletion(KeyId=key)


def test_a_policy_is_put_and_read_back_as_it_was(account, key):
    default = account.kms.get_key_policy(KeyId=key)
    assert default["PolicyName"] == "default" and f"arn:aws:iam::{account.id}:root" in default["Policy"]
    assert account.kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "kms:*", "Resource": "*"}]})
    account.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document)
    assert account.kms.get_key_policy(KeyId=key)["Policy"] == document
    locked = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "kms:Encrypt", "Resource": "*"}]})
    with refused("MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future."):
        account.kms.put_key_policy(KeyId=key, Policy=locked)


def test_tags_are_put_over_one_another_and_listed_page_by_page(account, key):
    account.kms.tag_resource(KeyId=key, Tags=[{"TagKey": f"k{n:02}", "TagValue": "a"} for n in range(50)])
    account.kms.tag_resource(KeyId=key, Tags=[{"TagKey": "k00", "TagValue": "b"}])
    first = account.kms.list_resource_tags(KeyId=key, Limit=30)
    rest = account.kms.list_resource_tags(KeyId=key, Marker=first["NextMarker"])
    assert first["Truncated"] and not rest["Truncated"] and len(first["Tags"] + rest["Tags"]) == 50
    assert first["Tags"][0] == {"TagKey": "k00", "TagValue": "b"}
    with refused("LimitExceededException"):
        account.kms.tag_resource(KeyId=key, Tags=[{"TagKey": "more", "TagValue": ""}])
    account.kms.untag_resource(KeyId=key, TagKeys=[f"k{n:02}" for n in range(50)])
    assert account.kms.list_resource_tags(KeyId=key)["Tags"] == []


def test_tags_decide(account, key):
    red = account.user(allow("kms:Encrypt", StringEquals={"aws:ResourceTag/team": "red"}))
    with refused("AccessDeniedException"):
        red.kms.encrypt(KeyId=key, Plaintext=b"x")
    account.kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "red"}])
    red.kms.encrypt(KeyId=key, Plaintext=b"x")


def test_an_alias_leads_to_its_key(account, key):
    account.kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    assert account.kms.describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"] == key
    assert account.kms.describe_key(KeyId=f"arn:aws:kms:us-east-1:{account.id}:alias/app")["KeyMetadata"]["KeyId"] == key
    with refused("AlreadyExistsException", f"An alias with the name arn:aws:kms:us-east-1:{account.id}:alias/app already exists"):
        account.kms.create_alias(AliasName="alias/app", TargetKeyId=key)
    other = account.kms.create_key()["KeyMetadata"]["KeyId"]
    account.kms.update_alias(AliasName="alias/app", TargetKeyId=other)
    [alias] = account.kms.list_aliases(KeyId=other)["Aliases"]
    assert alias["AliasName"] == "alias/app" and alias["TargetKeyId"] == other
    account.kms.delete_alias(AliasName="alias/app")
    for operation, parameters in [("delete_alias", {}), ("update_alias", {"TargetKeyId": key})]:
        with refused("NotFoundException", "is not found."):
            getattr(account.kms, operation)(AliasName="alias/app", **parameters)


def test_aliases_are_listed_page_by_page(account, key):
    for number in range(5):
        account.kms.create_alias(AliasName=f"alias/n{number}", TargetKeyId=key)
    pages = [page["Aliases"] for page in account.kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 2})]
    names = [alias["AliasName"] for page in pages for alias in page]
    assert {len(page) for page in pages[:-1]} == {2} and names == sorted(set(names))
    assert [name for name in names if not name.startswith("alias/aws/")] == [f"alias/n{number}" for number in range(5)]
    with refused("ValidationException", "100"):
        account.kms.list_aliases(Limit=101)


def test_a_grant_is_listed_retired_and_revoked(account, key):
    ann = account.user(name="ann")
    ann_arn = account.arn("user/ann")
    with refused("InvalidArnException"):
        account.kms.create_grant(KeyId=key, GranteePrincipal=account.arn("user/nobody"), Operations=["Encrypt"])
    with refused("ValidationException", "Sign"):
        account.kms.create_grant(KeyId=key, GranteePrincipal=ann_arn, Operations=["Sign"])
    first = account.kms.create_grant(KeyId=key, GranteePrincipal=ann_arn, RetiringPrincipal=ann_arn, Operations=["Encrypt"], Name="first")
    ann.kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[first["GrantToken"]])
    ann.kms.encrypt(KeyId=key, Plaintext=b"x")
    with refused("InvalidGrantTokenException"):
        ann.kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=["made up"])
    [listed] = account.kms.list_grants(KeyId=key)["Grants"]
    assert (listed["GrantId"], listed["GranteePrincipal"], listed["Operations"], listed["Name"]) == (first["GrantId"], ann_arn, ["Encrypt"], "first")
    [retirable] = account.kms.list_retirable_grants(RetiringPrincipal=ann_arn)["Grants"]
    assert retirable["GrantId"] == first["GrantId"]
    ann.kms.retire_grant(GrantToken=first["GrantToken"])
    assert account.kms.list_grants(KeyId=key)["Grants"] == []
    with refused("AccessDeniedException"):
        ann.kms.encrypt(KeyId=key, Plaintext=b"x")
    second = account.kms.create_grant(KeyId=key, GranteePrincipal=ann_arn, Operations=["Encrypt"])
    account.kms.revoke_grant(KeyId=key, GrantId=second["GrantId"])
    with refused("AccessDeniedException"):
        ann.kms.encrypt(KeyId=key, Plaintext=b"x")
    with refused("NotFoundException", second["GrantId"]):
        account.kms.revoke_grant(KeyId=key, GrantId=second["GrantId"])
    with refused("ValidationException"):
        account.kms.list_retirable_grants()


def test_grants_are_listed_page_by_page(account, key):
    account.user(name="ann")
    for _ in range(5):
        account.kms.create_grant(KeyId=key, GranteePrincipal=account.arn("user/ann"), Operations=["Encrypt"])
    pages = account.kms.get_paginator("list_grants").paginate(KeyId=key, PaginationConfig={"PageSize": 2})
    assert [len(page["Grants"]) for page in pages] == [2, 2, 1]


def test_rotation_is_scheduled_and_done_on_demand(account, key):
    assert account.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    account.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    status = account.kms.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"], status["KeyId"]) == (True, 180, key_arn(account, key))
    account.kms.disable_key_rotation(KeyId=key)
    assert account.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    before = account.kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert account.kms.rotate_key_on_demand(KeyId=key)["KeyId"] == key_arn(account, key)
    [rotation] = account.kms.list_key_rotations(KeyId=key)["Rotations"]
    assert rotation["RotationType"] == "ON_DEMAND" and rotation["KeyMaterialId"] != before
    everything = account.kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [one["KeyMaterialState"] for one in everything] == ["CURRENT", "NON_CURRENT"]
    with refused("ValidationException"):
        account.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=10)
    mac = account.kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    assert account.kms.get_key_rotation_status(KeyId=mac)["KeyRotationEnabled"] is False
    for operation in ("enable_key_rotation", "disable_key_rotation", "rotate_key_on_demand", "list_key_rotations"):
        with refused("UnsupportedOperationException"):
            getattr(account.kms, operation)(KeyId=mac)


def test_another_account_is_let_in_by_both_policies(account, other_account, key):
    arn = key_arn(account, key)
    stranger = other_account.user(allow("kms:*"))
    with refused("AccessDeniedException", "no resource-based policy allows"):
        stranger.kms.encrypt(KeyId=arn, Plaintext=b"x")
    statements = [{"Effect": "Allow", "Principal": {"AWS": who}, "Action": "kms:*", "Resource": "*"} for who in (account.id, other_account.id)]
    account.kms.put_key_policy(KeyId=key, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    stranger.kms.encrypt(KeyId=arn, Plaintext=b"x")
    with refused("AccessDeniedException"):
        stranger.kms.schedule_key_deletion(KeyId=arn)


def test_a_refusal_is_explained_by_grant_and_policy(account, key):
    ann = account.user(name="ann")
    account.kms.create_grant(KeyId=key, GranteePrincipal=account.arn("user/ann"), Operations=["Decrypt"])
    with refused("AccessDeniedException", "kms:Encrypt") as caught:
        ann.kms.encrypt(KeyId=key, Plaintext=b"x")
    assert key_arn(account, key) in caught.value.response["Error"]["Message"]
