"""The client subcommands with real AWS files: profiles that assume roles, and profiles whose credentials a program prints."""

import json
import sys
import time

import pytest

from harness.callers import Caller, Credentials, allow, trust
from harness.server import palisade


@pytest.fixture
def files(tmp_path, account):
    """Writes the AWS files; runs `palisade explain` of a call of root's under a profile of theirs."""
    request_id = account.sts.get_caller_identity()["ResponseMetadata"]["RequestId"]

    def explain(config: str, credentials: str, *flags: str, **environment: str):
        (tmp_path / "config").write_text(config)
        (tmp_path / "credentials").write_text(credentials)
        environment = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
                       "AWS_ENDPOINT_URL": account.root.endpoint, **environment}
        return palisade("explain", request_id, *flags, environment=environment)

    return explain


def keys(credentials: Credentials) -> str:
    token = f"aws_session_token = {credentials.token}\n" if credentials.token else ""
    return f"aws_access_key_id = {credentials.access_key_id}\naws_secret_access_key = {credentials.secret}\n{token}"


def explained(account, name: str) -> bool:
    """Whether the event of an Explain by a user or session of that name comes up."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        events = account.cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": name}])["Events"]
        if any(event["EventName"] == "Explain" for event in events):
            return True
        time.sleep(0.05)
    return False


def test_a_profile_assumes_its_role_with_everything_it_says(account, files):
    ann = account.user(allow("sts:AssumeRole"))
    role = account.role(trust(account.id, StringEquals={"sts:ExternalId": "x=y,z"}), allow("palisade:Explain"))
    config = f"[profile app]\nrole_arn = {role}\nsource_profile = ann\nrole_session_name = report\nexternal_id = x=y,z\nduration_seconds = 900\nregion = eu-west-1\n"
    done = files(config, f"[ann]\n{keys(ann.credentials)}", "--profile", "app")
    assert done.returncode == 0 and "sts:GetCallerIdentity" in done.stdout, done.stderr
    assert explained(account, "report")
    assumed = Caller(account.root.endpoint, account.root.credentials, "eu-west-1").cloudtrail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}])["Events"]
    parameters = json.loads(assumed[0]["CloudTrailEvent"])["requestParameters"]
    assert (parameters["externalId"], parameters["durationSeconds"], parameters["roleSessionName"]) == ("x=y,z", 900, "report")


def test_roles_are_chained_and_the_environment_is_a_source(account, files):
    ann = account.user(allow("sts:AssumeRole"))
    first = account.role(trust(account.id), allow("sts:AssumeRole"))
    second = account.role(trust(account.id), allow("palisade:Explain"))
    config = (f"[profile end]\nrole_arn = {second}\nsource_profile = middle\nrole_session_name = end\n"
              f"[profile middle]\nrole_arn = {first}\ncredential_source = Environment\n")
    done = files(config, "", "--profile", "end", **ann.credentials.environment())
    assert done.returncode == 0, done.stderr
    assert explained(account, "end")


def test_a_profile_named_by_the_environment_is_followed_too(account, files):
    ann = account.user(allow("sts:AssumeRole"))
    role = account.role(trust(account.id), allow("palisade:Explain"))
    config = f"[profile app]\nrole_arn = {role}\nsource_profile = app\n"
    done = files(config, f"[app]\n{keys(ann.credentials)}", AWS_PROFILE="app")
    assert done.returncode == 0, done.stderr


def test_a_role_that_may_not_be_assumed_is_refused_in_the_servers_words(account, files):
    ann = account.user()
    role = account.role(trust("111122223333"))
    config = f"[profile app]\nrole_arn = {role}\nsource_profile = ann\n"
    done = files(config, f"[ann]\n{keys(ann.credentials)}", "--profile", "app")
    assert done.returncode == 1
    assert f"cannot assume {role}: AccessDenied: User: " in done.stderr and "is not authorized to perform: sts:AssumeRole" in done.stderr


def printing(tmp_path, **members) -> str:
    """A command that prints these members, through quotes and an argument with a space."""
    script = tmp_path / "print credentials.py"
    (tmp_path / "printed.json").write_text(json.dumps(members))
    script.write_text(f"import sys\nassert sys.argv[1] == 'a b'\nprint(open({str(tmp_path / 'printed.json')!r}).read())\n")
    return f"{sys.executable} \"{script}\" 'a b'"


def test_a_program_prints_the_credentials(account, files, tmp_path):
    ann = account.user(allow("palisade:Explain"), name="ann")
    session = Credentials.of(ann.sts.get_session_token()["Credentials"])
    members = {"Version": 1, "AccessKeyId": session.access_key_id, "SecretAccessKey": session.secret, "SessionToken": session.token}
    config = lambda **more: f"[profile tool]\ncredential_process = {printing(tmp_path, **members | more)}\n"
    done = files(config(Expiration="2099-01-01T00:00:00Z"), "", "--profile", "tool")
    assert done.returncode == 0, done.stderr
    assert explained(account, "ann")
    for more, said in [({"Version": 2}, "Version 2"), ({"Expiration": "2020-01-01T00:00:00Z"}, "expired at 2020-01-01T00:00:00Z"), ({"SecretAccessKey": None}, "no SecretAccessKey")]:
        done = files(config(**more), "", "--profile", "tool")
        assert done.returncode == 1 and said in done.stderr and session.secret not in done.stderr, done.stderr
    done = files("[profile tool]\ncredential_process = /nowhere/to/be/found\n", "", "--profile", "tool")
    assert done.returncode == 1 and "cannot run /nowhere/to/be/found" in done.stderr
    done = files(f"[profile tool]\ncredential_process = {sys.executable} -c 'import sys; sys.exit(3)'\n", "", "--profile", "tool")
    assert done.returncode == 1 and "exit status: 3" in done.stderr


@pytest.mark.parametrize("setting", ["mfa_serial", "web_identity_token_file", "sso_session"])
def test_what_is_not_followed_is_refused_by_name(files, setting):
    role = "" if setting == "sso_session" else "role_arn = arn:aws:iam::111122223333:role/r\nsource_profile = q\n"
    done = files(f"[profile p]\n{role}{setting} = x\n", "[q]\naws_access_key_id = A\naws_secret_access_key = s\n", "--profile", "p")
    assert done.returncode == 1 and f"by {setting}, which palisade does not follow" in done.stderr
