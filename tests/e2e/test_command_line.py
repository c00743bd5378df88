"""`palisade` itself: how it starts, what it refuses to start with, what it keeps, how it ends. Nothing is ever ignored."""

import json
import os
import signal
import stat
import subprocess
import urllib.error
import urllib.request

import pytest

from harness.callers import AWS_CLI, Caller, Credentials, refused
from harness.server import Server, binary, clean_environment, free_port, palisade

ROOT = Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789")
ROOT_FLAG = ("--root-credentials", f"{ROOT.access_key_id}:{ROOT.secret}:111122223333")
DEV = Credentials("test", "test")


def refuses_to_start(*flags, environment=None) -> str:
    """Starts `palisade up`, which must end at once with an error; what it said."""
    done = palisade("up", "--listen", f"127.0.0.1:{free_port()}", *flags, environment=environment, timeout_seconds=15)
    assert done.returncode not in (0, 101), done.stderr
    return done.stderr


def test_dev_serves_the_credentials_every_example_uses(tmp_path):
    with Server(tmp_path, "--dev", "--data", str(tmp_path / "data")) as server:
        who = Caller(server.endpoint, DEV).sts.get_caller_identity()
        assert (who["Account"], who["Arn"]) == ("000000000000", "arn:aws:iam::000000000000:root")


def test_dev_prints_what_a_newcomer_needs(tmp_path):
    with Server(tmp_path, "--dev", "--ephemeral") as server:
        needed = (server.endpoint, "AWS_ACCESS_KEY_ID=test", "aws sts get-caller-identity")
        all_there = lambda lines: all(text in "\n".join(lines) for text in needed)
        assert all_there(server.wait_for_log(all_there))


def test_the_log_says_at_once_what_is_served_from_where(tmp_path):
    data = tmp_path / "data"
    with Server(tmp_path, "--dev", "--data", str(data)) as server:
        server.wait_for_log(lambda lines: '"serving"' in server.log)
        records = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    (said,) = [record["fields"] for record in records if record["fields"]["message"] == "serving"]
    version = palisade("--version").stdout.split()[-1]
    assert (said["endpoint"], said["data"], said["version"]) == (server.endpoint, str(data), version)


def test_state_outlives_the_process_and_flags_credentials_do_not(tmp_path):
    data = ("--data", str(tmp_path / "data"))
    with Server(tmp_path, *data, *ROOT_FLAG) as server:
        Caller(server.endpoint, ROOT).iam.create_user(UserName="ann")
    again = Credentials("AKIAANOTHERROOTXXXXX", "another-secret-0123456789")
    with Server(tmp_path, *data, "--root-credentials", f"{again.access_key_id}:{again.secret}:111122223333") as server:
        assert [u["UserName"] for u in Caller(server.endpoint, again).iam.list_users()["Users"]] == ["ann"]
        with refused("InvalidClientTokenId", status=403):
            Caller(server.endpoint, ROOT).iam.list_users()


def test_ephemeral_keeps_nothing(tmp_path):
    for _ in range(2):
        with Server(tmp_path, "--ephemeral", *ROOT_FLAG) as server:
            root = Caller(server.endpoint, ROOT)
            assert root.iam.list_users()["Users"] == []
            root.iam.create_user(UserName="ann")
    assert "ephemeral" in refuses_to_start("--ephemeral", "--data", str(tmp_path / "d"), *ROOT_FLAG)


def test_the_first_start_makes_an_account_and_writes_its_credentials(tmp_path):
    data = tmp_path / "data"
    with Server(tmp_path, "--data", str(data)) as server:
        path = data / "credentials"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        environment = clean_environment(AWS_SHARED_CREDENTIALS_FILE=str(path), AWS_PROFILE="palisade", AWS_ENDPOINT_URL=server.endpoint, AWS_DEFAULT_REGION="us-east-1")
        done = subprocess.run([str(AWS_CLI), "sts", "get-caller-identity", "--output", "json"], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["Arn"].endswith(":root")
        secret = next(line.split("=")[1].strip() for line in path.read_text().splitlines() if "secret" in line)
        assert secret not in server.log
    for file in data.rglob("*"):
        if file.is_file() and file != path:
            assert secret.encode() not in file.read_bytes(), f"{file.name} holds root's secret in clear"


def test_no_secret_lies_in_the_data_folder_in_clear(tmp_path):
    data = tmp_path / "data"
    with Server(tmp_path, "--data", str(data), *ROOT_FLAG) as server:
        root = Caller(server.endpoint, ROOT)
        root.iam.create_user(UserName="ann")
        key = root.iam.create_access_key(UserName="ann")["AccessKey"]
    files = [file for file in data.rglob("*") if file.is_file()]
    assert files
    for file in files:
        for secret in (key["SecretAccessKey"], ROOT.secret):
            assert secret.encode() not in file.read_bytes(), file.name


def test_a_folder_once_served_with_dev_is_refused_without_it(tmp_path):
    data = ("--data", str(tmp_path / "data"))
    with Server(tmp_path, "--dev", *data):
        pass
    assert "--dev" in refuses_to_start(*data, *ROOT_FLAG)


def test_a_folder_serves_one_process_at_a_time(tmp_path):
    data = ("--data", str(tmp_path / "data"))
    with Server(tmp_path, "--dev", *data):
        refuses_to_start("--dev", *data)


@pytest.mark.parametrize(
    ("flags", "environment", "named"),
    [
        (("--no-auth",), {}, "--no-auth"),
        (("--audit", "off"), {}, "off"),
        (("--root-credentials", "only-a-key"), {}, "root credentials"),
        (("--root-credentials", "a:b:12345"), {}, "twelve digits"),
        ((), {"PALISADE_NO_AUTH": "1"}, "PALISADE_NO_AUTH"),
        ((), {"PALISADE_DEV": "perhaps"}, "perhaps"),
        (("--tls-cert", "/nowhere"), {}, "tls"),
        (("--retention-days", "-1"), {}, "-1"),
    ],
    ids=lambda value: str(value) if value else "-",
)
def test_what_it_does_not_know_is_an_error(tmp_path, flags, environment, named):
    assert named in refuses_to_start("--data", str(tmp_path / "d"), *flags, environment=environment)


def test_an_unknown_key_in_the_file_is_an_error(tmp_path):
    config = tmp_path / "palisade.toml"
    config.write_text("no-auth = true\n")
    assert "no-auth" in refuses_to_start("--config", str(config))


def test_flags_outweigh_variables_outweigh_the_file(tmp_path):
    config = tmp_path / "palisade.toml"
    config.write_text(f'listen = "127.0.0.1:{free_port()}"\nroot-credentials = ["FILEFILEFILEFILEFILE:file-secret:111122223333"]\nephemeral = true\n')
    variables = {"PALISADE_ROOT_CREDENTIALS": "VARIVARIVARIVARIVARI:variable-secret:444455556666", "PALISADE_CONFIG": str(config)}
    with Server(tmp_path, environment=variables) as server:
        assert Caller(server.endpoint, Credentials("VARIVARIVARIVARIVARI", "variable-secret")).sts.get_caller_identity()["Account"] == "444455556666"
        with refused("InvalidClientTokenId"):
            Caller(server.endpoint, Credentials("FILEFILEFILEFILEFILE", "file-secret")).sts.get_caller_identity()


def test_plain_http_beyond_loopback_must_be_wanted(tmp_path):
    done = palisade("up", "--listen", f"0.0.0.0:{free_port()}", "--data", str(tmp_path / "d"), *ROOT_FLAG, timeout_seconds=15)
    assert done.returncode != 0 and "--allow-plaintext" in done.stderr
    done = palisade("up", "--listen", f"0.0.0.0:{free_port()}", "--allow-plaintext", "--dev", "--ephemeral", timeout_seconds=15)
    assert done.returncode != 0 and "loopback" in done.stderr


def test_reset_returns_to_the_first_start_in_dev_only(tmp_path, account):
    def reset(endpoint, **headers):
        request = urllib.request.Request(f"{endpoint}/_palisade/reset", method="POST", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    with Server(tmp_path, "--dev", "--data", str(tmp_path / "data")) as server:
        root = Caller(server.endpoint, DEV)
        root.iam.create_user(UserName="ann")
        key = root.becoming(root.iam.create_access_key(UserName="ann")["AccessKey"])
        for hostile in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            assert reset(server.endpoint, **hostile) >= 400
        assert len(root.iam.list_users()["Users"]) == 1
        assert reset(server.endpoint) < 300
        assert root.iam.list_users()["Users"] == []
        with refused("InvalidClientTokenId"):
            key.sts.get_caller_identity()
    before = account.iam.create_user(UserName="stays")
    assert reset(account.root.endpoint) >= 400 and account.iam.get_user(UserName="stays")["User"]["UserId"] == before["User"]["UserId"]


def test_the_root_key_must_be_private_and_is_needed(tmp_path):
    data = tmp_path / "data"
    with Server(tmp_path, "--data", str(data), *ROOT_FLAG):
        pass
    key = data / "seal" / "root.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    (data / "seal" / "root.sealed").rename(tmp_path / "away")
    assert "root.sealed" in refuses_to_start("--data", str(data), *ROOT_FLAG)
    (tmp_path / "away").rename(data / "seal" / "root.sealed")
    for spoil in (lambda: os.chmod(key, 0o644), key.unlink):
        spoil()
        server = Server(tmp_path, "--data", str(data), *ROOT_FLAG)
        server.is_healthy = lambda server=server: "root.key" in server.log and "Palisade is sealed" in server.log
        server.log_path.unlink()
        server.start()
        assert not Server.is_healthy(server)
        server.stop()


def test_help_explains_every_option():
    text = palisade("up", "--help").stdout
    for option in ("--listen", "--data", "--dev", "--root-credentials", "--ephemeral", "--audit", "--tls-cert", "--tls-key", "--allow-plaintext", "--metrics-listen", "--seal", "--credentials-out"):
        assert option in text and f"PALISADE_{option[2:].upper().replace('-', '_')}" in text


def test_sigint_stops_it_as_cleanly_as_sigterm(tmp_path):
    server = Server(tmp_path, "--dev", "--ephemeral").start()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(15) == 0


def test_an_unknown_subcommand_is_an_error():
    done = subprocess.run([str(binary()), "frobnicate"], capture_output=True, text=True, env=clean_environment())
    assert done.returncode != 0 and "frobnicate" in done.stderr


def test_a_policy_check_knows_what_actions_there_are(tmp_path):
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"Statement": {"Effect": "Allow", "Resource": "*", "Action": ["s3:GetObjet", "iam:Lizt*", "lambda:InvokeFunction"],
                                                "Condition": {"StringEquals": {"s3:prefx": "a"}}}}))
    done = palisade("policy", "check", "--format", "json", policy)
    (checked,) = json.loads(done.stdout)["files"]
    assert [finding["code"] for finding in checked["findings"]] == ["UNKNOWN_ACTION", "ACTION_MATCHES_NOTHING", "UNKNOWN_CONDITION_KEY"]
    assert "did you mean GetObject?" in checked["findings"][0]["message"] and "did you mean s3:prefix?" in checked["findings"][2]["message"]
    assert done.returncode == 0
    assert palisade("policy", "check", "--strict", policy).returncode == 1
