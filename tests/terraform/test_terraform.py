"""Terraform with the AWS provider 5.100: applies a module, finds nothing to change, changes it, and takes it all away.

The provider comes from a file-system mirror: TERRAFORM_AWS_MIRROR names it, or the usual places are searched. Where Terraform or the provider
is missing, the tests are skipped aloud.
"""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from harness.callers import Credentials
from harness.server import palisade

PROVIDER = "registry.terraform.io/hashicorp/aws/5.100.0"
PLACES = ("/opt", "/usr/local/share/terraform", "/usr/share/terraform", "~/.terraform.d", "~/.local/share/terraform")
MODULE = Path(__file__).with_name("main.tf")

pytestmark = pytest.mark.slow


def mirror() -> Path | None:
    """The folder that holds registry.terraform.io/hashicorp/aws/5.100.0."""
    if named := os.environ.get("TERRAFORM_AWS_MIRROR"):
        assert (Path(named) / PROVIDER).is_dir(), f"TERRAFORM_AWS_MIRROR={named} has no {PROVIDER}"
        return Path(named)
    for place in map(Path, map(os.path.expanduser, PLACES)):
        for depth in ("", "*/", "*/*/"):
            for found in place.glob(depth + PROVIDER):
                return found.parents[3]
    return None


class Terraform:
    """A working folder with the module, as one caller."""

    def __init__(self, folder: Path, caller, module: Path = MODULE):
        shutil.copy(module, folder)
        config = folder / "terraform.rc"
        config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n')
        self.folder = folder
        self.environment = caller.environment() | {"TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def run(self, *arguments: str, codes=(0,)) -> subprocess.CompletedProcess:
        """Runs terraform; it must end with one of `codes`."""
        command = ["terraform", f"-chdir={self.folder}", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode in codes, f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done

    def changes(self, *arguments: str) -> bool:
        """Whether plan finds anything to do."""
        return self.run("plan", "-input=false", "-no-color", "-detailed-exitcode", *arguments, codes=(0, 2)).returncode == 2

    def apply(self, *arguments: str):
        return self.run("apply", "-input=false", "-no-color", "-auto-approve", *arguments)

    def outputs(self) -> dict:
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json").stdout).items()}


def usable():
    """Skips the test, aloud, where Terraform or the provider is missing."""
    if not shutil.which("terraform"):
        pytest.skip("terraform is not on the PATH")
    if not mirror():
        pytest.skip(f"no provider mirror with {PROVIDER}: name one in TERRAFORM_AWS_MIRROR")


@pytest.fixture
def terraform(account, tmp_path) -> Terraform:
    """Terraform as the account's root, initialised."""
    usable()
    made = Terraform(tmp_path, account.root)
    made.run("init", "-input=false", "-no-color")
    return made


def counts(account) -> dict:
    summary = account.iam.get_account_summary()["SummaryMap"]
    return {kind: summary[kind] for kind in ("Users", "Groups", "Roles", "Policies", "InstanceProfiles")}


def test_a_module_is_applied_found_unchanged_changed_and_destroyed(terraform, account):
    terraform.apply()
    assert counts(account) == {"Users": 3, "Groups": 2, "Roles": 1, "Policies": 2, "InstanceProfiles": 1}
    outputs = terraform.outputs()
    assert outputs["account"] == account.id and outputs["role"] == account.arn("role/apps/tf-app")
    assert outputs["members"] == outputs["people"] == ["tf-ann", "tf-bob", "tf-cid"]
    ann = account.root.becoming({"AccessKeyId": outputs["key_id"], "SecretAccessKey": outputs["key_secret"]})
    assert ann.arn == account.arn("user/people/tf-ann")
    assert not terraform.changes(), "what was read back is not what was written"

    assert terraform.changes("-var", "revision=two")
    terraform.apply("-var", "revision=two")
    assert not terraform.changes("-var", "revision=two")
    assert account.iam.get_role(RoleName="tf-app")["Role"]["Description"] == "runs the app, revision two"

    account.iam.create_access_key(UserName="tf-bob")  # Made by hand: force_destroy must find and remove it.
    terraform.run("destroy", "-input=false", "-no-color", "-auto-approve", "-var", "revision=two")
    assert counts(account) == {"Users": 0, "Groups": 0, "Roles": 0, "Policies": 0, "InstanceProfiles": 0}
    assert account.iam.list_account_aliases()["AccountAliases"] == []


def test_what_was_changed_by_hand_is_noticed(terraform, account):
    terraform.apply()
    account.iam.update_role_description(RoleName="tf-app", Description="by hand")
    account.iam.delete_user_policy(UserName="tf-ann", PolicyName="inline")
    assert terraform.changes()
    terraform.apply()
    assert not terraform.changes()
    assert account.iam.get_role(RoleName="tf-app")["Role"]["Description"] == "runs the app, revision one"


def test_existing_resources_are_imported(terraform, account):
    account.iam.create_group(GroupName="tf-readers")
    terraform.run("import", "-input=false", "-no-color", "aws_iam_group.readers", "tf-readers")
    terraform.apply()
    assert not terraform.changes()


def test_a_caller_without_permission_is_told_so_at_once(account, tmp_path, terraform):
    folder = tmp_path / "powerless"
    folder.mkdir()
    powerless = Terraform(folder, account.user(name="powerless"))
    powerless.run("init", "-input=false", "-no-color")
    done = powerless.run("apply", "-input=false", "-no-color", "-auto-approve", codes=(1,))
    assert "is not authorized to perform: iam:" in done.stderr.replace("\n", " ").replace("│ ", "")


def test_credentials_that_are_none_are_told_so_at_once(account, tmp_path, terraform):
    folder = tmp_path / "stranger"
    folder.mkdir()
    stranger = Terraform(folder, replace(account.root, credentials=Credentials("AKIANONENONENONENONE", "none")))
    stranger.run("init", "-input=false", "-no-color")
    done = stranger.run("plan", "-input=false", "-no-color", codes=(1,))
    assert "InvalidClientTokenId" in done.stderr


def test_a_module_is_tried_on_a_branch_and_nothing_of_it_is_kept(terraform, account):
    """The same module under `palisade what-if`: applied, reported, gone; the local state file is as it was."""
    account.iam.create_user(UserName="real")
    command = ["terraform", f"-chdir={terraform.folder}", "apply", "-input=false", "-no-color", "-auto-approve"]
    done = palisade("what-if", "--format", "json", "--", *command, environment=terraform.environment, timeout_seconds=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    report = json.loads(done.stdout)
    assert "Apply complete!" in done.stderr
    made = {call["Operation"] for call in report["Calls"]}
    assert {"CreateUser", "CreateRole", "CreatePolicy", "CreateAccessKey", "CreateInstanceProfile"} <= made and len(report["Writes"]) > 20
    assert counts(account) == {"Users": 1, "Groups": 0, "Roles": 0, "Policies": 0, "InstanceProfiles": 0}
    assert not (terraform.folder / "terraform.tfstate").exists()


def test_a_remote_backend_is_refused_on_a_branch(account, tmp_path, terraform):
    (terraform.folder / "backend.tf").write_text('terraform {\n  backend "http" {\n    address = "http://127.0.0.1:1/state"\n  }\n}\n')
    command = ["terraform", f"-chdir={terraform.folder}", "apply", "-auto-approve"]
    done = palisade("what-if", "--", *command, environment=terraform.environment, timeout_seconds=60)
    assert done.returncode != 0 and "--outside-effects" in done.stderr


def test_endpoints_written_into_the_module_miss_the_branch_and_fail(terraform, account):
    """The branch's credentials are refused by the real state, so a call that misses the branch does not happen."""
    text = (terraform.folder / "main.tf").read_text()
    block = f'provider "aws" {{\n  endpoints {{\n    iam = "{account.root.endpoint}"\n  }}'
    assert 'provider "aws" {' in text
    (terraform.folder / "main.tf").write_text(text.replace('provider "aws" {', block))
    command = ["terraform", f"-chdir={terraform.folder}", "apply", "-input=false", "-no-color", "-auto-approve"]
    done = palisade("what-if", "--", *command, environment=terraform.environment, timeout_seconds=300)
    assert done.returncode != 0 and "InvalidClientTokenId" in done.stderr
    assert counts(account) == {"Users": 0, "Groups": 0, "Roles": 0, "Policies": 0, "InstanceProfiles": 0}
