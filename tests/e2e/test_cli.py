"""The unmodified AWS CLI: the everyday commands, its own paging, waiting, filtering and files."""

import json
import subprocess

import pytest

from harness.callers import AWS_CLI, Caller, CliError, Credentials, allow, trust
from harness.server import Server


def failing(code):
    class Failing:
        def __enter__(self):
            self.raises = pytest.raises(CliError)
            self.caught = self.raises.__enter__()
            return self.caught

        def __exit__(self, *error):
            done = self.raises.__exit__(*error)
            assert self.caught.value.code == code, str(self.caught.value)
            return done

    return Failing()


def test_a_users_life(account):
    cli = account.root.cli
    user = cli("iam", "create-user", "--user-name", "ann", "--path", "/team/", "--tags", "Key=a,Value=b")["User"]
    assert user["Arn"] == account.arn("user/team/ann") and user["Tags"] == [{"Key": "a", "Value": "b"}]
    assert cli("iam", "get-user", "--user-name", "ann", "--query", "User.UserId", "--output", "text") == user["UserId"]
    cli("iam", "tag-user", "--user-name", "ann", "--tags", "Key=c,Value=d")
    cli("iam", "untag-user", "--user-name", "ann", "--tag-keys", "a")
    assert cli("iam", "list-user-tags", "--user-name", "ann")["Tags"] == [{"Key": "c", "Value": "d"}]
    cli("iam", "update-user", "--user-name", "ann", "--new-user-name", "anna")
    cli("iam", "wait", "user-exists", "--user-name", "anna")
    with failing("EntityAlreadyExists"):
        cli("iam", "create-user", "--user-name", "ANNA")
    cli("iam", "delete-user", "--user-name", "anna")
    with failing("NoSuchEntity"):
        cli("iam", "get-user", "--user-name", "anna")


def test_a_groups_life(account):
    cli = account.root.cli
    cli("iam", "create-user", "--user-name", "ann")
    cli("iam", "create-group", "--group-name", "devs")
    cli("iam", "add-user-to-group", "--group-name", "devs", "--user-name", "ann")
    assert [u["UserName"] for u in cli("iam", "get-group", "--group-name", "devs")["Users"]] == ["ann"]
    assert [g["GroupName"] for g in cli("iam", "list-groups-for-user", "--user-name", "ann")["Groups"]] == ["devs"]
    with failing("DeleteConflict"):
        cli("iam", "delete-group", "--group-name", "devs")
    cli("iam", "remove-user-from-group", "--group-name", "devs", "--user-name", "ann")
    cli("iam", "delete-group", "--group-name", "devs")
    assert cli("iam", "list-groups")["Groups"] == []


def test_a_roles_life_with_documents_from_files(account, tmp_path):
    cli = account.root.cli
    trust_file, policy_file = tmp_path / "trust.json", tmp_path / "policy.json"
    trust_file.write_text(json.dumps(trust(account.id), indent=2))
    policy_file.write_text(json.dumps(allow("iam:ListUsers"), indent=2))
    role = cli("iam", "create-role", "--role-name", "app", "--assume-role-policy-document", f"file://{trust_file}", "--max-session-duration", "7200")
    assert role["Role"]["AssumeRolePolicyDocument"] == trust(account.id)
    cli("iam", "put-role-policy", "--role-name", "app", "--policy-name", "p", "--policy-document", f"file://{policy_file}")
    assert cli("iam", "get-role-policy", "--role-name", "app", "--policy-name", "p")["PolicyDocument"] == allow("iam:ListUsers")
    arn = cli("iam", "create-policy", "--policy-name", "m", "--policy-document", f"file://{policy_file}")["Policy"]["Arn"]
    cli("iam", "attach-role-policy", "--role-name", "app", "--policy-arn", arn)
    cli("iam", "put-role-permissions-boundary", "--role-name", "app", "--permissions-boundary", arn)
    assert cli("iam", "list-attached-role-policies", "--role-name", "app")["AttachedPolicies"] == [{"PolicyName": "m", "PolicyArn": arn}]
    assert cli("iam", "list-entities-for-policy", "--policy-arn", arn)["PolicyRoles"][0]["RoleName"] == "app"
    cli("iam", "create-instance-profile", "--instance-profile-name", "web")
    cli("iam", "add-role-to-instance-profile", "--instance-profile-name", "web", "--role-name", "app")
    cli("iam", "wait", "instance-profile-exists", "--instance-profile-name", "web")
    cli("iam", "wait", "role-exists", "--role-name", "app")
    cli("iam", "wait", "policy-exists", "--policy-arn", arn)
    with failing("MalformedPolicyDocument"):
        cli("iam", "put-role-policy", "--role-name", "app", "--policy-name", "bad", "--policy-document", "{}")


def test_policy_versions(account):
    cli = account.root.cli
    arn = account.managed(allow("iam:ListUsers"))
    cli("iam", "create-policy-version", "--policy-arn", arn, "--policy-document", json.dumps(allow("iam:*")), "--set-as-default")
    assert [v["VersionId"] for v in cli("iam", "list-policy-versions", "--policy-arn", arn)["Versions"] if v["IsDefaultVersion"]] == ["v2"]
    cli("iam", "set-default-policy-version", "--policy-arn", arn, "--version-id", "v1")
    cli("iam", "delete-policy-version", "--policy-arn", arn, "--version-id", "v2")
    with failing("DeleteConflict"):
        cli("iam", "delete-policy-version", "--policy-arn", arn, "--version-id", "v1")


def test_access_keys_and_whose_they_are(account):
    cli = account.root.cli
    account.iam.create_user(UserName="ann")
    key = cli("iam", "create-access-key", "--user-name", "ann")["AccessKey"]
    ann = account.root.becoming(key)
    assert ann.cli("sts", "get-caller-identity")["Arn"] == account.arn("user/ann")
    assert cli("iam", "list-access-keys", "--user-name", "ann")["AccessKeyMetadata"][0]["AccessKeyId"] == key["AccessKeyId"]
    assert cli("iam", "get-access-key-last-used", "--access-key-id", key["AccessKeyId"])["UserName"] == "ann"
    assert cli("sts", "get-access-key-info", "--access-key-id", key["AccessKeyId"])["Account"] == account.id
    cli("iam", "update-access-key", "--user-name", "ann", "--access-key-id", key["AccessKeyId"], "--status", "Inactive")
    with failing("InvalidClientTokenId"):
        ann.cli("sts", "get-caller-identity")
    cli("iam", "delete-access-key", "--user-name", "ann", "--access-key-id", key["AccessKeyId"])


def test_a_denied_command_says_why(account):
    ann = account.user(name="ann")
    with failing("AccessDenied") as caught:
        ann.cli("iam", "list-roles")
    assert "because no identity-based policy allows the iam:ListRoles action" in str(caught.value)


def test_roles_are_assumed_and_sessions_work(account):
    role = account.role(trust(account.id), allow("iam:ListUsers"))
    ann = account.user(allow("sts:*"), name="ann")
    answer = ann.cli("sts", "assume-role", "--role-arn", role, "--role-session-name", "s1", "--tags", "Key=a,Value=b")
    session = ann.becoming(answer["Credentials"])
    assert session.cli("iam", "list-users", "--query", "Users[].UserName", "--output", "text") == "ann"
    token = ann.becoming(ann.cli("sts", "get-session-token")["Credentials"])
    assert token.cli("sts", "get-caller-identity")["Arn"] == account.arn("user/ann")
    federated = ann.cli("sts", "get-federation-token", "--name", "guest", "--policy", json.dumps(allow("*")))
    assert federated["FederatedUser"]["Arn"].endswith(":federated-user/guest")


def test_a_profile_that_assumes_a_role_works(account, tmp_path):
    """The CLI's own role_arn/source_profile."""
    role = account.role(trust(account.id), allow("iam:ListUsers"))
    ann = account.user(allow("sts:AssumeRole"))
    config = tmp_path / "config"
    config.write_text(f"[profile base]\naws_access_key_id={ann.credentials.access_key_id}\naws_secret_access_key={ann.credentials.secret}\n"
                      f"[profile app]\nrole_arn={role}\nsource_profile=base\nrole_session_name=cli\nregion=eu-west-1\n")
    environment = {k: v for k, v in ann.environment().items() if not k.startswith("AWS_ACCESS") and not k.startswith("AWS_SECRET")}
    done = subprocess.run([str(AWS_CLI), "--profile", "app", "sts", "get-caller-identity", "--output", "json"],
                          env=environment | {"AWS_CONFIG_FILE": str(config), "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Arn"].endswith("/cli")


def test_the_clients_own_paging_shows_everything(account):
    for n in range(5):
        account.iam.create_user(UserName=f"u{n}")
    cli = account.root.cli
    assert len(cli("iam", "list-users", "--page-size", "2")["Users"]) == 5
    first = cli("iam", "list-users", "--max-items", "3")
    assert len(first["Users"]) == 3
    rest = cli("iam", "list-users", "--starting-token", first["NextToken"])
    assert [u["UserName"] for u in first["Users"] + rest["Users"]] == [f"u{n}" for n in range(5)]


def test_the_account_as_a_whole(account):
    cli = account.root.cli
    cli("iam", "create-account-alias", "--account-alias", f"alias-{account.id}")
    assert cli("iam", "list-account-aliases")["AccountAliases"] == [f"alias-{account.id}"]
    assert cli("iam", "get-account-summary")["SummaryMap"]["Users"] == 0
    cli("iam", "delete-account-alias", "--account-alias", f"alias-{account.id}")


def test_the_history_can_be_looked_up(account):
    account.iam.create_user(UserName="ann")
    cli = account.root.cli
    events = cli("cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=CreateUser")["Events"]
    assert len(events) == 1 and json.loads(events[0]["CloudTrailEvent"])["requestParameters"] == {"userName": "ann"}


def test_any_region_will_do_for_a_global_service(account):
    for region in ("eu-central-1", "ap-southeast-2", "us-west-2"):
        assert account.root.cli("iam", "list-users", "--region", region)["Users"] == []
        assert account.root.cli("sts", "get-caller-identity", "--region", region)["Account"] == account.id


def test_a_regional_service_takes_the_regions_that_are_served(account):
    assert "Events" in account.root.cli("cloudtrail", "lookup-events", "--region", "eu-central-1")
    with failing("InvalidSignatureException") as caught:
        account.root.cli("cloudtrail", "lookup-events", "--region", "eu-centrl-1")
    assert "Credential should be scoped to a valid region" in str(caught.value)


def test_a_site_names_regions_of_its_own(tmp_path):
    with Server(tmp_path, "--dev", "--ephemeral", "--region", "dc-north-1", "--region", "dc-south-1") as server:
        root = Caller(server.endpoint, Credentials("test", "test"))
        assert "Events" in root.cli("cloudtrail", "lookup-events", "--region", "dc-south-1")
        with failing("InvalidSignatureException"):
            root.cli("cloudtrail", "lookup-events", "--region", "dc-west-1")


def test_what_is_not_there_yet_says_so_by_name_at_once(account):
    with failing("NotImplemented") as caught:
        account.root.cli("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "m", "--outfile", "/dev/null", "--bootstrap-method", "QRCodePNG")
    assert "CreateVirtualMFADevice" in str(caught.value)
    with failing("NotImplemented") as caught:
        account.root.cli("kms", "describe-custom-key-stores")
    assert "DescribeCustomKeyStores" in str(caught.value)
