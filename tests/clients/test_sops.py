"""sops 3.11: files whose values are sealed under KMS keys, with an encryption context, read by whom the keys' policies allow."""

import json

import pytest
import yaml
from clients import tools
from clients.test_encryption_sdk import make

from harness.callers import allow
from harness.events import lookup

SECRETS = {"database": {"user": "app", "password": "correct horse"}, "ports": [80, 443]}

pytestmark = pytest.mark.slow


def sops(caller, *arguments):
    return tools.run(tools.environment("library") / "sops", *arguments, caller=caller, SOPS_DISABLE_VERSION_CHECK="1")


def test_a_file_is_sealed_and_opened_with_its_context(account, tmp_path):
    key, file = make(account), tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump(SECRETS))
    done = sops(account.root, "encrypt", "--kms", key, "--encryption-context", "app:web,stage:test", "--in-place", file)
    assert done.returncode == 0, done.stderr
    sealed = yaml.safe_load(file.read_text())
    assert "correct horse" not in file.read_text() and sealed["sops"]["kms"][0]["context"] == {"app": "web", "stage": "test"}
    may = account.user(allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:app": "web"}))
    done = sops(may, "decrypt", file)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout) == SECRETS
    may_not = account.user(allow("kms:Decrypt", StringEquals={"kms:EncryptionContext:app": "api"}))
    done = sops(may_not, "decrypt", file)
    assert done.returncode != 0 and "correct horse" not in done.stdout
    contexts = {json.dumps(event["requestParameters"]["encryptionContext"], sort_keys=True) for event in lookup(account) if event["eventName"] in ("Encrypt", "Decrypt")}
    assert contexts == {json.dumps({"app": "web", "stage": "test"})}


def test_a_context_that_was_changed_in_the_file_does_not_open(account, tmp_path):
    file = tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump(SECRETS))
    assert sops(account.root, "encrypt", "--kms", make(account), "--encryption-context", "app:web", "--in-place", file).returncode == 0
    file.write_text(file.read_text().replace("app: web", "app: api"))
    done = sops(account.root, "decrypt", file)
    assert done.returncode != 0 and "InvalidCiphertextException" in done.stderr


def test_a_creation_rule_names_keys_by_alias_and_in_two_regions(account, tmp_path):
    """What a team's .sops.yaml says: any one of the keys opens, and new data keys are taken on the way."""
    here, there = make(account), make(account, "eu-west-1")
    account.kms.create_alias(AliasName="alias/team", TargetKeyId=here)
    alias = here.rsplit(":", 1)[0] + ":alias/team"
    rules = {"creation_rules": [{"path_regex": r"secrets\.json$", "key_groups": [{"kms": [{"arn": alias, "context": {"app": "web"}}, {"arn": there}]}]}]}
    (tmp_path / ".sops.yaml").write_text(yaml.safe_dump(rules))
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(SECRETS))
    config = ("--config", tmp_path / ".sops.yaml")
    done = sops(account.root, *config, "encrypt", "--in-place", file)
    assert done.returncode == 0, done.stderr
    account.kms.disable_key(KeyId=here)
    done = sops(account.root, "decrypt", file)
    assert done.returncode == 0 and json.loads(done.stdout) == SECRETS, done.stderr
    account.kms.enable_key(KeyId=here)
    done = sops(account.root, *config, "rotate", "--in-place", file)
    assert done.returncode == 0, done.stderr
    done = sops(account.root, "decrypt", "--extract", '["database"]["password"]', file)
    assert done.returncode == 0 and done.stdout == "correct horse", done.stderr
