"""`palisade kms access`: who may use a key, by which way; held against the server itself, asked by DryRun."""

import json
import random

from botocore.exceptions import ClientError

from harness.callers import allow, deny, refused, trust


def access(caller, key: str, *flags: str) -> list[dict]:
    return json.loads(caller.palisade("kms", "access", key, "--format", "json", *flags).stdout)["Access"]


def who(found: list[dict]) -> dict[str, list[dict]]:
    by: dict[str, list[dict]] = {}
    for one in found:
        by.setdefault(one["Principal"], []).append(one)
    return by


def steps(one: dict) -> list[list[tuple]]:
    return [[(statement["Layer"], statement["Policy"], *statement["Conditions"]) for step in path["Steps"] for statement in step["AnyOf"]] for path in one["Paths"]]


def test_each_way_in_is_told_with_its_policies_and_conditions(account, other_account):
    iam, kms = account.iam, account.kms
    key = kms.create_key()["KeyMetadata"]["Arn"]
    account.user(allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:app": "web"}), name="bob")
    account.user(name="ann")
    iam.create_group(GroupName="staff")
    iam.put_group_policy(GroupName="staff", PolicyName="all", PolicyDocument=json.dumps(allow("kms:*")))
    iam.add_user_to_group(GroupName="staff", UserName="ann")
    iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=account.managed(allow("kms:Encrypt", "kms:DescribeKey"), name="limits"))
    account.user(allow("s3:*"), name="eve")
    role = account.role(trust(account.id), name="app")
    grant = kms.create_grant(KeyId=key, GranteePrincipal=role, Operations=["Decrypt"], Constraints={"EncryptionContextSubset": {"app": "api"}})["GrantId"]
    far = other_account.user(allow("kms:Decrypt"), name="far")
    kms.create_grant(KeyId=key, GranteePrincipal=far.arn, Operations=["Decrypt"])
    found = who(access(account.root, key))
    (own,) = found[account.arn("root")]
    assert "kms:PutKeyPolicy" in own["Actions"] and steps(own) == [[("resource", "key-policy")]]
    (bobs,) = found[account.arn("user/bob")]
    assert bobs["Actions"] == ["kms:Decrypt"]
    assert steps(bobs) == [[("resource", "key-policy"), ("identity", "inline:inline-0", "StringEquals kms:EncryptionContext:app = web")]]
    (anns,) = found[account.arn("user/ann")]
    assert anns["Actions"] == ["kms:DescribeKey", "kms:Encrypt"]
    assert steps(anns) == [[("resource", "key-policy"), ("identity", "inline:all"), ("boundary", account.arn("policy/limits"))]]
    assert account.arn("user/eve") not in found
    (roles,) = found[role]
    ((layer, policy, *conditions),) = steps(roles)[0]
    assert roles["Actions"] == ["kms:Decrypt"] and (layer, policy) == ("resource", f"grant:{grant}")
    assert "StringEquals kms:EncryptionContext:app = api" in conditions
    (fars,) = found[far.arn]
    assert fars["Outside"] and fars["Actions"] == ["kms:Decrypt"]
    assert {one["Principal"] for one in access(account.root, key, "--action", "kms:Encrypt")} == {account.arn("root"), account.arn("user/ann")}
    text = account.root.palisade("kms", "access", key, "--action", "kms:Decrypt").stdout
    assert "identity policy inline:inline-0 statement 0 if StringEquals kms:EncryptionContext:app = web" in text


def test_it_equals_what_the_server_answers_everybody(account, other_account):
    """Random policies, and every user and role asks every action by DryRun: whoever is let in is listed, with a way that holds."""
    dice = random.Random(7)
    contexts = ({}, {"app": "web"}, {"app": "api"})
    operations = {
        "kms:Decrypt": lambda kms, key, blob, context: kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionContext=context, DryRun=True),
        "kms:Encrypt": lambda kms, key, blob, context: kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context, DryRun=True),
        "kms:GenerateDataKey": lambda kms, key, blob, context: kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context, DryRun=True),
    }

    def document(principal=None):
        condition = dice.choice([{}, {}, {"StringEquals": {"kms:EncryptionContext:app": "web"}}, {"StringNotEqualsIfExists": {"kms:EncryptionContext:app": "api"}}])
        actions = dice.choice([["kms:*"], ["kms:Decrypt"], ["kms:Encrypt", "kms:Generate*"]])
        made = dice.choice([allow, allow, allow, deny])(*actions, **condition)
        if principal:
            made["Statement"] = [{**statement, "Principal": principal} for statement in made["Statement"]]
        return made

    users = [account.user(document(), name=f"user-{number}") for number in range(5)]
    role = account.role(trust(account.id), document(), name="app")
    session = account.user(allow("sts:AssumeRole"), name="assumer").assume(role)
    far = other_account.user(allow("kms:*"), name="far")
    callers = {user.arn: user for user in users} | {role: session, far.arn: far, account.arn("root"): account.root}
    checked = let_in = 0
    for _ in range(8):
        key = account.kms.create_key()["KeyMetadata"]["Arn"]
        blobs = {str(context): account.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"] for context in contexts}
        own = {"Sid": "Own", "Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "kms:*", "Resource": "*"}
        more = [statement for _ in range(2) for statement in document({"AWS": [dice.choice([users[0].arn, role, far.arn]), users[1].arn]})["Statement"]]
        if dice.random() < 0.3:
            own["Action"] = ["kms:Put*", "kms:CreateGrant", "kms:DescribeKey"]
        account.kms.put_key_policy(KeyId=key, Policy=json.dumps({"Version": "2012-10-17", "Statement": [own, *more]}), BypassPolicyLockoutSafetyCheck=True)
        if dice.random() < 0.6:
            try:
                account.kms.create_grant(KeyId=key, GranteePrincipal=dice.choice([users[2].arn, role, far.arn]), Operations=["Decrypt"], Constraints={"EncryptionContextEquals": {"app": "web"}})
            except ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDeniedException"
        claimed = who(access(account.root, key))
        for arn, caller in callers.items():
            for action, ask in operations.items():
                answers = [answer(ask, caller.kms, key, blobs[str(context)], context) for context in contexts]
                listed = [one for one in claimed.get(arn, []) if action in one["Actions"]]
                checked, let_in = checked + 1, let_in + any(answers)
                if any(answers):
                    assert listed, f"{arn} may {action}: {answers}"
                for one in listed if not all(answers) else ():
                    # What is not let in at all times hangs on what a request says, on every way.
                    assert one["Unless"] or all(hangs(path) for path in one["Paths"]), one
    assert checked > let_in > checked // 10


def hangs(path: dict) -> bool:
    return any(statement["Conditions"] for step in path["Steps"] for statement in step["AnyOf"])


def answer(ask, kms, key, blob, context) -> bool:
    try:
        ask(kms, key, blob, context)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in ("DryRunOperationException", "AccessDeniedException"), error
        return code == "DryRunOperationException"
    raise AssertionError("DryRun always ends with an error")


def test_it_takes_its_action_on_the_key(account, other_account):
    key = account.kms.create_key()["KeyMetadata"]["Arn"]
    assert "palisade:GetKeyAccess" in account.user(allow("kms:*")).palisade("kms", "access", key, code=1).stderr
    assert access(account.user(allow("palisade:GetKeyAccess", resource=key)), key)
    assert "palisade:GetKeyAccess" in other_account.root.palisade("kms", "access", key, code=1).stderr
    assert "is no action on a key" in account.root.palisade("kms", "access", key, "--action", "kms:Nothing", code=1).stderr


def test_pages_are_read_to_the_end(account):
    key = account.kms.create_key()["KeyMetadata"]["Arn"]
    for number in range(230):
        account.iam.create_user(UserName=f"u{number}")
    account.iam.put_user_policy(UserName="u99", PolicyName="p", PolicyDocument=json.dumps(allow("kms:Encrypt")))
    role = account.role(trust(account.id), allow("kms:Decrypt"), name="last")
    assert {one["Principal"] for one in access(account.root, key)} == {account.arn("root"), account.arn("user/u99"), role}


def test_whoever_was_made_anew_under_an_old_name_has_no_grant(account):
    kms = account.kms
    key = kms.create_key()["KeyMetadata"]["Arn"]
    ann = account.user(name="ann")
    kms.create_grant(KeyId=key, GranteePrincipal=ann.arn, Operations=["Decrypt"])
    assert account.arn("user/ann") in who(access(account.root, key))
    (access_key,) = account.iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    account.iam.delete_access_key(UserName="ann", AccessKeyId=access_key["AccessKeyId"])
    account.iam.delete_user(UserName="ann")
    ann = account.user(name="ann")
    assert account.arn("user/ann") not in who(access(account.root, key))
    with refused("AccessDeniedException"):
        ann.kms.decrypt(KeyId=key, CiphertextBlob=b"x" * 200)
