"""Access keys: two a user, active or not, last used; the secret is shown once."""

import re
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness.callers import allow, refused


def test_a_new_key_works_and_its_secret_is_shown_once(account):
    ann = account.user(name="ann")
    assert re.fullmatch(r"AKIA[A-Z0-9]{16}", ann.credentials.access_key_id)
    assert re.fullmatch(r"[A-Za-z0-9/+]{40}", ann.credentials.secret)
    assert ann.arn == account.arn("user/ann")
    listed = account.iam.list_access_keys(UserName="ann")["AccessKeyMetadata"]
    assert [(k["AccessKeyId"], k["Status"], k["UserName"]) for k in listed] == [(ann.credentials.access_key_id, "Active", "ann")]
    assert "SecretAccessKey" not in listed[0]


def test_a_user_has_two_keys_at_most(account):
    account.iam.create_user(UserName="ann")
    keys = {account.iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"] for _ in range(2)}
    assert len(keys) == 2
    with refused("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", status=409):
        account.iam.create_access_key(UserName="ann")


def test_an_inactive_key_is_refused_until_it_is_active_again(account):
    ann = account.user(name="ann")
    key = {"UserName": "ann", "AccessKeyId": ann.credentials.access_key_id}
    account.iam.update_access_key(**key, Status="Inactive")
    assert account.iam.list_access_keys(UserName="ann")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    with refused("InvalidClientTokenId", "The security token included in the request is invalid", status=403):
        ann.sts.get_caller_identity()
    account.iam.update_access_key(**key, Status="Active")
    assert ann.arn == account.arn("user/ann")


def test_a_deleted_key_is_refused(account):
    ann = account.user(name="ann")
    account.iam.delete_access_key(UserName="ann", AccessKeyId=ann.credentials.access_key_id)
    with refused("InvalidClientTokenId", status=403):
        ann.sts.get_caller_identity()
    assert account.iam.list_access_keys(UserName="ann")["AccessKeyMetadata"] == []


@pytest.mark.parametrize("change", [lambda iam, key: iam.update_access_key(**key, Status="Inactive"), lambda iam, key: iam.delete_access_key(**key)])
def test_a_missing_key_is_named(account, change):
    account.iam.create_user(UserName="ann")
    with refused("NoSuchEntity", "The Access Key with id AKIANONENONENONENONE cannot be found.", status=404):
        change(account.iam, {"UserName": "ann", "AccessKeyId": "AKIANONENONENONENONE"})


def test_a_key_belongs_to_its_user_alone(account):
    ann = account.user(name="ann")
    account.iam.create_user(UserName="bob")
    with refused("NoSuchEntity"):
        account.iam.delete_access_key(UserName="bob", AccessKeyId=ann.credentials.access_key_id)
    assert ann.arn


def test_a_user_manages_its_own_keys_without_naming_itself(account):
    ann = account.user(allow("iam:*AccessKey*", resource=account.arn("user/${aws:username}")), name="ann")
    second = ann.iam.create_access_key()["AccessKey"]
    assert second["UserName"] == "ann"
    assert {k["AccessKeyId"] for k in ann.iam.list_access_keys()["AccessKeyMetadata"]} == {ann.credentials.access_key_id, second["AccessKeyId"]}
    ann.iam.update_access_key(AccessKeyId=second["AccessKeyId"], Status="Inactive")
    ann.iam.delete_access_key(AccessKeyId=second["AccessKeyId"])
    assert len(ann.iam.list_access_keys()["AccessKeyMetadata"]) == 1


def last_used(account, ann):
    return account.iam.get_access_key_last_used(AccessKeyId=ann.credentials.access_key_id)


def test_when_where_and_for_what_a_key_was_last_used_is_known(account):
    ann = account.user(allow("iam:ListUsers"), name="ann")
    unused = last_used(account, ann)
    assert unused["UserName"] == "ann" and unused["AccessKeyLastUsed"]["ServiceName"] == "N/A" and unused["AccessKeyLastUsed"]["Region"] == "N/A"
    assert "LastUsedDate" not in unused["AccessKeyLastUsed"]
    ann.iam.list_users()
    deadline = time.monotonic() + 5  # Derived from the journal by a follower: soon, not at once.
    while (used := last_used(account, ann)["AccessKeyLastUsed"])["ServiceName"] == "N/A" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert used["ServiceName"] == "iam" and used["Region"] == "us-east-1"
    assert abs(used["LastUsedDate"] - datetime.now(timezone.utc)) < timedelta(minutes=5)


def test_keys_of_different_accounts_are_different(account, other_account):
    here, there = account.user(name="ann"), other_account.user(name="ann")
    assert here.arn == account.arn("user/ann") and there.arn == other_account.arn("user/ann")
    with refused("AccessDenied", status=403):
        account.root.iam.get_access_key_last_used(AccessKeyId=there.credentials.access_key_id)
