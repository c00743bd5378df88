"""KMS with Terraform and the AWS provider 5.100: keys of every origin, applied, found unchanged, changed and taken away."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from terraform.test_terraform import Terraform, usable

MODULE = Path(__file__).with_name("kms") / "main.tf"

pytestmark = pytest.mark.slow


@pytest.fixture
def terraform(account, tmp_path) -> Terraform:
    usable()
    made = Terraform(tmp_path, account.root, MODULE)
    made.run("init", "-input=false", "-no-color")
    return made


def test_keys_are_applied_found_unchanged_changed_and_destroyed(terraform, account):
    terraform.apply()
    outputs = terraform.outputs()
    keys = outputs["keys"]
    assert outputs["by_alias"] == [keys["app"], keys["app"]] and outputs["opened"] == "secret" and "PUBLIC KEY" in outputs["public"]
    described = {name: account.kms.describe_key(KeyId=key)["KeyMetadata"] for name, key in keys.items()}
    assert {name: one["KeyState"] for name, one in described.items()} == dict.fromkeys(keys, "Enabled")
    assert described["brought"]["Origin"] == "EXTERNAL" and described["everywhere"]["MultiRegion"]
    assert account.kms.get_key_rotation_status(KeyId=keys["app"])["RotationPeriodInDays"] == 180
    assert [one["Sid"] for one in json.loads(account.kms.get_key_policy(KeyId=keys["app"])["Policy"])["Statement"]] == ["Account", "App"]
    [grant] = account.kms.list_grants(KeyId=keys["app"])["Grants"]
    assert sorted(grant["Operations"]) == ["Decrypt", "GenerateDataKey"] and grant["Constraints"] == {"EncryptionContextEquals": {"app": "web"}}
    assert not terraform.changes(), "what was read back is not what was written"

    assert terraform.changes("-var", "revision=two")
    terraform.apply("-var", "revision=two")
    assert not terraform.changes("-var", "revision=two")
    assert account.kms.describe_key(KeyId=keys["app"])["KeyMetadata"]["Description"] == "of the app, revision two"

    terraform.run("destroy", "-input=false", "-no-color", "-auto-approve", "-var", "revision=two")
    states = {name: account.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for name, key in keys.items()}
    assert states == {"app": "PendingDeletion", "signing": "PendingDeletion", "brought": "PendingDeletion", "everywhere": "PendingReplicaDeletion"}
    there = replace(account.root, region="eu-west-1").kms
    assert there.describe_key(KeyId=keys["everywhere"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert not [alias for alias in account.kms.list_aliases()["Aliases"] if "TargetKeyId" in alias]
