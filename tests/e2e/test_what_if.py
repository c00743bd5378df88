"""What-if: commands on a branch of the running state. They really happen there, are really recorded, and leave nothing behind."""

import json
import sys

import pytest

from harness.callers import AWS_CLI, allow, deny, refused, trust
from harness.events import lookup
from harness.server import palisade

AWS = str(AWS_CLI)


def environment(caller) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": caller.endpoint, "AWS_REGION": caller.region, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1", **caller.credentials.environment()}


def what_if(caller, *command: str, flags=(), codes=(0,), **variables):
    done = palisade("what-if", *flags, "--", *command, environment=environment(caller) | variables)
    assert done.returncode in codes, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def report_of(caller, *command: str, flags=(), codes=(0,), **variables) -> dict:
    return json.loads(what_if(caller, *command, flags=("--format", "json", *flags), codes=codes, **variables).stdout)


def script(*lines: str) -> tuple[str, ...]:
    return ("bash", "-ec", "\n".join(line.replace("aws ", f"{AWS} ", 1) for line in lines))


def test_what_is_done_on_a_branch_is_seen_there_and_nowhere_else(account):
    account.iam.create_user(UserName="real")
    report = report_of(account.root, *script(
        "aws iam create-user --user-name imagined",
        "aws iam delete-user --user-name real",
        "test $(aws iam list-users --query Users[].UserName --output text) = imagined"))
    assert report["ExitStatus"] == 0
    assert [(call["Operation"], call["Outcome"]) for call in report["Calls"]] == [(name, "success") for name in ("CreateUser", "DeleteUser", "ListUsers")]
    assert {write["Key"] for write in report["Writes"]} and all(write["Table"] for write in report["Writes"])
    assert [u["UserName"] for u in account.iam.list_users()["Users"]] == ["real"]


def test_the_text_report_follows_the_commands_own_output(account):
    out = what_if(account.root, AWS, "iam", "create-user", "--user-name", "imagined", "--output", "json").stdout
    assert out.index('"UserName": "imagined"') < out.index("On the branch")
    assert "iam:CreateUser" in out


def test_calls_on_a_branch_are_authorized_and_recorded_but_no_event_of_the_account(account):
    ann = account.user(allow("palisade:*"), name="ann")
    report = report_of(ann, AWS, "iam", "create-user", "--user-name", "imagined", codes=(254, 255))
    (call,) = report["Calls"]
    assert call["ErrorCode"] == "AccessDenied" and call["Questions"][0]["Action"] == "iam:CreateUser"
    done = palisade("explain", call["RequestId"], "--format", "json", environment=environment(account.root))
    assert done.returncode == 0 and json.loads(done.stdout)["Call"]["BranchId"]
    assert call["RequestId"] not in {event["requestID"] for event in lookup(account)}


def test_opening_a_branch_needs_permission(account):
    ann = account.user(allow("iam:*"))
    done = what_if(ann, "true", codes=(1, 2))
    assert "palisade:CreateBranch" in done.stderr


def test_the_command_ends_with_its_own_status(account):
    assert what_if(account.root, "sh", "-c", "exit 7", codes=(7,)).returncode == 7


def test_a_thief_gives_itself_nothing_on_a_branch_that_it_may_keep(account):
    """Credentials handed out on a branch are worthless outside it."""
    out = what_if(account.root, *script(
        "aws iam create-user --user-name imagined",
        "aws iam create-access-key --user-name imagined --output json",
    )).stdout
    key = json.loads(out[out.index('{\n    "AccessKey"') : out.index("\n}\n", out.index('{\n    "AccessKey"')) + 2])["AccessKey"]
    with refused("InvalidClientTokenId"):
        account.root.becoming(key).sts.get_caller_identity()


def test_the_branchs_credentials_are_refused_elsewhere(account):
    """A call that misses the branch fails instead of happening."""
    for way in (f"--endpoint-url {account.root.endpoint}", ""):
        variables = {} if way else {"AWS_ENDPOINT_URL_IAM": account.root.endpoint}
        command = f"{AWS} {way} iam create-user --user-name missed"
        report = report_of(account.root, "bash", "-c", command, codes=(0, 254, 255), **variables)
        if way:
            assert report["ExitStatus"] != 0 and report["Calls"] == []
        else:
            assert report["ExitStatus"] == 0 and [call["Operation"] for call in report["Calls"]] == ["CreateUser"]
    assert account.iam.list_users()["Users"] == []


def test_a_service_variable_set_inside_the_command_misses_and_fails(account):
    report = report_of(account.root, "bash", "-c", f"AWS_ENDPOINT_URL_IAM={account.root.endpoint} {AWS} iam create-user --user-name missed", codes=(254, 255))
    assert report["Calls"] == [] and account.iam.list_users()["Users"] == []


@pytest.mark.parametrize("program", [
    "import boto3; boto3.client('iam').create_user(UserName='imagined'); print(len(boto3.client('iam').list_users()['Users']))",
    "import boto3; boto3.client('cloudtrail').lookup_events(); boto3.client('sts').get_caller_identity(); print(1)",
], ids=["query", "json"])
def test_any_client_works_on_a_branch(account, program):
    report = report_of(account.root, sys.executable, "-c", program)
    assert report["ExitStatus"] == 0 and all(call["Outcome"] == "success" for call in report["Calls"]) and report["Calls"]
    assert account.iam.list_users()["Users"] == []


def test_what_was_recorded_is_asked_again_of_the_branch(account):
    """A deny that is only tried shows whom it would stop."""
    ann = account.user(allow("iam:ListUsers", "iam:ListRoles"), name="ann")
    for _ in range(3):
        ann.iam.list_users()
    ann.iam.list_roles()
    attempt = (AWS, "iam", "put-user-policy", "--user-name", "ann", "--policy-name", "no", "--policy-document", json.dumps(deny("iam:ListUsers")))
    report = report_of(account.root, *attempt, flags=("--since", "1h"))
    flips = [flip for flip in report["Replay"]["Flips"] if flip["Principal"] == account.arn("user/ann")]
    assert [(flip["Action"], flip["From"], flip["To"], flip["Count"]) for flip in flips] == [("iam:ListUsers", "allowed", "denied", 3)]
    assert flips[0]["ExampleRequestId"]
    assert ann.iam.list_users()["Users"]
    assert what_if(account.root, *attempt, flags=("--since", "1h", "--fail-on", "flip"), codes=(3,)).returncode == 3
    harmless = (AWS, "iam", "create-user", "--user-name", "imagined")
    assert what_if(account.root, *harmless, flags=("--since", "1h", "--fail-on", "flip")).returncode == 0


def test_an_allow_that_is_tried_shows_whom_it_would_let_in(account):
    ann = account.user(name="ann")
    with refused("AccessDenied"):
        ann.iam.list_users()
    attempt = (AWS, "iam", "put-user-policy", "--user-name", "ann", "--policy-name", "yes", "--policy-document", json.dumps(allow("iam:ListUsers")))
    flips = report_of(account.root, *attempt, flags=("--since", "1h"))["Replay"]["Flips"]
    assert [(flip["Action"], flip["From"], flip["To"]) for flip in flips] == [("iam:ListUsers", "denied", "allowed")]


def test_sessions_taken_on_a_branch_work_on_it(account):
    role = account.role(trust(account.id), allow("iam:CreateUser"), name="app")
    ann = account.user(allow("palisade:*", "sts:AssumeRole"), name="ann")
    program = (
        "import boto3; c = boto3.client('sts').assume_role(RoleArn=%r, RoleSessionName='s1')['Credentials'];"
        "s = boto3.Session(c['AccessKeyId'], c['SecretAccessKey'], c['SessionToken']); s.client('iam').create_user(UserName='imagined')" % role
    )
    report = report_of(ann, sys.executable, "-c", program)
    assert [(call["Operation"], call["Outcome"]) for call in report["Calls"]] == [("AssumeRole", "success"), ("CreateUser", "success")]
    assert [u["UserName"] for u in account.iam.list_users()["Users"]] == ["ann"]


def test_sessions_that_were_taken_are_asked_again_of_the_roles_trust_policy(account):
    """Nothing about AssumeRole flips by itself; it does once the branch changes whom the role trusts."""
    role = account.role(trust(account.id), name="app")
    ann = account.user(allow("sts:AssumeRole"), name="ann")
    ann.sts.assume_role(RoleArn=role, RoleSessionName="s1")
    harmless = report_of(account.root, AWS, "iam", "create-user", "--user-name", "imagined", flags=("--since", "1h"))["Replay"]
    assert [flip for flip in harmless["Flips"] + harmless["AlreadyChanged"] if flip["Action"] == "sts:AssumeRole"] == []
    attempt = (AWS, "iam", "update-assume-role-policy", "--role-name", "app", "--policy-document", json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    flips = report_of(account.root, *attempt, flags=("--since", "1h"))["Replay"]["Flips"]
    assert [(flip["Principal"], flip["Action"], flip["Count"]) for flip in flips] == [(account.arn("user/ann"), "sts:AssumeRole", 1)]
