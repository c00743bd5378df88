"""Backup of a running server, restore into an empty folder, and the journal's proof that nothing was touched."""

import json
import shutil

import pytest

from harness.callers import Account, Caller, Credentials, allow
from harness.events import lookup, record_of
from harness.server import Server, palisade

ROOT = Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789")
ACCOUNT = "111122223333"


def serving(folder, data="data") -> Server:
    return Server(folder, "--data", str(folder / data), "--root-credentials", f"{ROOT.access_key_id}:{ROOT.secret}:{ACCOUNT}")


def account_on(server) -> Account:
    return Account(ACCOUNT, Caller(server.endpoint, ROOT))


def as_root(server) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": "us-east-1", **ROOT.environment()}


def test_what_was_backed_up_is_restored_with_its_history_and_nothing_later(tmp_path):
    backup = tmp_path / "backup"
    with serving(tmp_path) as server:
        account = account_on(server)
        ann = account.user(allow("iam:ListUsers"), name="ann")
        record_of(account, ann.iam.list_users())
        kms = Caller(server.endpoint, ROOT).kms
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        ciphertext = kms.encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
        done = palisade("backup", str(backup), environment=as_root(server))
        assert done.returncode == 0 and "root.key" in done.stdout + done.stderr, done.stderr
        account.iam.create_user(UserName="later")
    assert ann.credentials.secret.encode() not in backup.read_bytes()
    restored = tmp_path / "restored"
    shutil.copytree(tmp_path / "data" / "seal", restored / "seal")
    done = palisade("restore", "--data", str(restored), str(backup))
    assert done.returncode == 0, done.stderr
    assert palisade("journal", "verify", "--data", str(restored)).returncode == 0
    with serving(tmp_path, "restored") as server:
        account = account_on(server)
        assert [u["UserName"] for u in account.iam.list_users()["Users"]] == ["ann"]
        assert Caller(server.endpoint, ann.credentials).iam.list_users()["Users"]
        assert Caller(server.endpoint, ROOT).kms.decrypt(CiphertextBlob=ciphertext)["Plaintext"] == b"hello"
        assert "CreateAccessKey" in {event["eventName"] for event in lookup(account)}


def test_restore_goes_into_an_empty_folder_only(tmp_path):
    backup = tmp_path / "backup"
    with serving(tmp_path) as server:
        assert palisade("backup", str(backup), environment=as_root(server)).returncode == 0
        assert palisade("backup", str(backup), environment=as_root(server)).returncode not in (0, 101), "a backup overwrote another"
    assert palisade("restore", "--data", str(tmp_path / "data"), str(backup)).returncode not in (0, 101)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], lambda data: b"no backup at all"],
                         ids=["one byte short", "half", "empty", "one bit", "another file"])
def test_a_damaged_backup_is_not_restored(tmp_path, damage):
    backup = tmp_path / "backup"
    with serving(tmp_path) as server:
        account_on(server).iam.create_user(UserName="ann")
        assert palisade("backup", str(backup), environment=as_root(server)).returncode == 0
    backup.write_bytes(damage(backup.read_bytes()))
    assert palisade("restore", "--data", str(tmp_path / "restored"), str(backup)).returncode not in (0, 101)


def test_a_backup_needs_permission(account, tmp_path):
    ann = account.user(allow("iam:*"))
    environment = {"AWS_ENDPOINT_URL": ann.endpoint, "AWS_REGION": "us-east-1", **ann.credentials.environment()}
    done = palisade("backup", str(tmp_path / "stolen"), environment=environment)
    assert done.returncode not in (0, 101) and "palisade:Backup" in done.stderr
    assert not (tmp_path / "stolen").exists()


def test_the_journal_is_verified_running_and_stopped(tmp_path):
    with serving(tmp_path) as server:
        account_on(server).iam.create_user(UserName="ann")
        said = palisade("journal", "verify", "--format", "json", environment=as_root(server))
        assert said.returncode == 0 and json.loads(said.stdout)["Intact"] is True
    assert palisade("journal", "verify", "--data", str(tmp_path / "data")).returncode == 0


@pytest.mark.parametrize("file", ["version", "keyspaces/0/v*"])
def test_a_damaged_folder_is_said_to_be_with_what_to_do(tmp_path, file):
    with serving(tmp_path) as server:
        account_on(server).iam.create_user(UserName="ann")
    (damaged,) = (tmp_path / "data" / "store").glob(file)
    data = bytearray(damaged.read_bytes())
    for at in range(len(data) // 3, len(data), 7):
        data[at] ^= 0x55
    damaged.write_bytes(data)
    for command in (("journal", "verify", "--data", str(tmp_path / "data")), ("up", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"))):
        done = palisade(*command)
        assert done.returncode == 1, done.stderr
        assert f"{tmp_path / 'data' / 'store'} cannot be read." in done.stderr and "palisade restore" in done.stderr
        assert "panicked" not in done.stderr
