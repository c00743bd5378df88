"""The seal: what opens the root key, what a stolen folder is worth, opening by hand, another root key, another seal."""

import json
import shutil
import signal
import socket
import stat
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from harness.callers import Account, Caller, Credentials, allow
from harness.events import lookup
from harness.server import Server, binary, clean_environment, free_port, palisade

ROOT = Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789")
ACCOUNT = "111122223333"
ROOT_FLAG = ("--root-credentials", f"{ROOT.access_key_id}:{ROOT.secret}:{ACCOUNT}")


def secret_file(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


class Site:
    """A data folder, and a passphrase beside it."""

    def __init__(self, folder):
        self.folder, self.data = folder, folder / "data"
        self.passphrase = secret_file(folder / "passphrase", "correct horse\n")

    @property
    def by_passphrase(self) -> tuple[str, str]:
        return ("--seal", f"passphrase:file={self.passphrase}")

    def serve(self, *flags, kind=Server, data=None) -> Server:
        return kind(self.folder, "--data", str(data or self.data), *ROOT_FLAG, *flags)

    def seal(self, *arguments, stdin=None):
        what, *rest = arguments
        return palisade("seal", what, "--data", str(self.data), *rest, stdin=stdin)

    def status(self) -> dict:
        done = self.seal("status", "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def holds(self, secret: str | bytes) -> list:
        secret = secret.encode() if isinstance(secret, str) else secret
        return [file for file in self.data.rglob("*") if file.is_file() and secret in file.read_bytes()]


class Sealed(Server):
    """A server that is up once it says that it is sealed."""

    def is_healthy(self) -> bool:
        return health(self) == (503, {"status": "sealed"})


def health(server) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(f"{server.endpoint}/_palisade/health", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0, {}


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def account_on(server) -> Account:
    return Account(ACCOUNT, Caller(server.endpoint, ROOT))


def kms_key(server, text: bytes) -> tuple[str, bytes]:
    kms = Caller(server.endpoint, ROOT).kms
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    return key, kms.encrypt(KeyId=key, Plaintext=text)["CiphertextBlob"]


def opened(server, ciphertext: bytes) -> bytes:
    return Caller(server.endpoint, ROOT).kms.decrypt(CiphertextBlob=ciphertext)["Plaintext"]


def test_the_default_seal_says_what_a_stolen_folder_is_worth(site):
    with site.serve() as server:
        assert any("whoever takes the folder" in line for line in server.wait_for_log(lambda lines: any("--seal" in line for line in lines)))
        assert "whoever takes the folder" in site.seal("status").stdout
        status = site.status()
        assert status["open"] and status["within_folder"] and status["wraps"] == 1
        assert stat.S_IMODE((site.data / "control.sock").stat().st_mode) == 0o600


def test_with_a_passphrase_the_folder_holds_no_secret_and_no_credentials(site, tmp_path):
    refused = palisade("up", "--listen", f"127.0.0.1:{free_port()}", "--data", str(site.data), *site.by_passphrase)
    assert refused.returncode not in (0, 101) and "--credentials-out" in refused.stderr
    inside = palisade("up", "--listen", f"127.0.0.1:{free_port()}", "--data", str(site.data), *site.by_passphrase, "--credentials-out", str(site.data / "c"))
    assert inside.returncode not in (0, 101) and "outside" in inside.stderr
    out = tmp_path / "credentials"
    with Server(tmp_path, "--data", str(site.data), *site.by_passphrase, "--credentials-out", str(out)) as server:
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        secret = next(line.split("=")[1].strip() for line in out.read_text().splitlines() if "secret" in line)
        key = next(line.split("=")[1].strip() for line in out.read_text().splitlines() if "key_id" in line)
        assert Caller(server.endpoint, Credentials(key, secret)).sts.get_caller_identity()["Arn"].endswith(":root")
        assert not site.status()["within_folder"]
    assert site.holds(secret) == [] and site.holds("correct horse") == []
    assert not (site.data / "credentials").exists() and not (site.data / "seal" / "root.key").exists()


def test_keys_and_credentials_are_there_after_a_restart(site):
    with site.serve(*site.by_passphrase) as server:
        ann = account_on(server).user(allow("iam:ListUsers"), name="ann")
        _key, ciphertext = kms_key(server, b"hello")
    with site.serve(*site.by_passphrase) as server:
        assert Caller(server.endpoint, ann.credentials).iam.list_users()["Users"]
        assert opened(server, ciphertext) == b"hello"


def test_a_server_whose_seal_does_not_open_waits_for_its_operator(site, tmp_path):
    with site.serve(*site.by_passphrase) as server:
        ann = account_on(server).user(allow("iam:ListUsers"), name="ann")
    right = site.passphrase.read_text()
    site.passphrase.write_text("wrong\n")
    with site.serve(*site.by_passphrase, kind=Sealed) as server:
        caller = Caller(server.endpoint, ann.credentials)
        for call in (caller.iam.list_users, caller.kms.list_keys, caller.cloudtrail.lookup_events, caller.sts.get_caller_identity):
            with pytest.raises(ClientError) as refused:
                call()
            answer = refused.value.response
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503 and answer["Error"]["Code"] == "ServiceUnavailable", answer
        assert "sealed" in site.seal("status").stdout and not site.status()["open"]
        absent = site.seal("unseal", "--with", "file:/nonexistent")
        assert absent.returncode == 1 and "/nonexistent" in absent.stderr
        secret_file(tmp_path / "other", "also wrong\n")
        wrong = site.seal("unseal", "--with", f"passphrase:file={tmp_path / 'other'}")
        assert wrong.returncode == 1 and "does not open" in wrong.stderr
        assert server.log.count("refused at the control socket") == 2
        assert health(server) == (503, {"status": "sealed"})
        site.passphrase.write_text(right)
        done = site.seal("unseal", "--with", f"passphrase:file={site.passphrase}")
        assert done.returncode == 0, done.stderr
        assert health(server) == (200, {"status": "ready"})
        assert caller.iam.list_users()["Users"]
        unsealed = [event for event in lookup(account_on(server)) if event["eventName"] == "Unseal"]
        assert len(unsealed) == 1 and unsealed[0]["userIdentity"]["type"] == "AWSService"
        # Once more changes nothing.
        assert site.seal("unseal", "--with", f"passphrase:file={site.passphrase}").returncode == 0


def test_an_unsealing_whose_start_fails_can_be_tried_again(site, tmp_path):
    with site.serve(*site.by_passphrase) as server:
        _key, ciphertext = kms_key(server, b"hello")
    right = site.passphrase.read_text()
    site.passphrase.write_text("wrong\n")
    store, away = site.data / "store", tmp_path / "away"
    with site.serve(*site.by_passphrase, kind=Sealed) as server:
        site.passphrase.write_text(right)
        unseal = ("unseal", "--with", f"passphrase:file={site.passphrase}")
        store.rename(away)
        store.write_text("no store")
        assert site.seal(*unseal).returncode == 1 and health(server) == (503, {"status": "sealed"})
        store.unlink()
        # An empty store names no material; all would be destroyed.
        refused = site.seal(*unseal)
        assert refused.returncode == 1 and "the store is empty" in refused.stderr and health(server)[0] == 503, refused.stderr
        shutil.rmtree(store)
        away.rename(store)
        done = site.seal(*unseal)
        assert done.returncode == 0 and health(server) == (200, {"status": "ready"}), done.stderr
        assert opened(server, ciphertext) == b"hello"


def test_an_older_copy_of_the_store_is_not_served(site, tmp_path):
    with site.serve():
        pass
    older = tmp_path / "older"
    shutil.copytree(site.data / "store", older)
    seen = site.data / "vault" / "store-seen"
    with site.serve() as server:
        before = seen.read_text()
        _key, ciphertext = kms_key(server, b"hello")
        until = time.monotonic() + 30
        while seen.read_text() == before and time.monotonic() < until:
            time.sleep(0.2)
    newer = tmp_path / "newer"
    (site.data / "store").rename(newer)
    shutil.copytree(older, site.data / "store")
    refused = palisade("up", "--listen", f"127.0.0.1:{free_port()}", "--data", str(site.data), *ROOT_FLAG)
    assert refused.returncode == 1 and "older copy" in refused.stderr, refused.stderr
    shutil.rmtree(site.data / "store")
    newer.rename(site.data / "store")
    with site.serve() as server:
        assert opened(server, ciphertext) == b"hello"


def test_any_of_several_seals_opens_and_one_named_later_is_added(site, tmp_path):
    outside = ("--seal", f"file:{tmp_path / 'keys' / 'root.key'}")
    with site.serve(*site.by_passphrase):
        pass
    with site.serve(*site.by_passphrase, *outside):
        assert site.status()["wraps"] == 2
    for alone in (outside, site.by_passphrase):
        with site.serve(*alone):
            assert site.status()["open"]
            rotated = site.seal("rotate")
            assert rotated.returncode == 1 and "2 wraps" in rotated.stderr, "it would shut the other seal out"


def test_a_new_root_key_makes_older_copies_worthless(site, tmp_path):
    with site.serve() as server:
        ann = account_on(server).user(allow("iam:ListUsers"), name="ann")
        _key, ciphertext = kms_key(server, b"hello")
    stolen = tmp_path / "stolen"
    shutil.copytree(site.data, stolen, ignore=shutil.ignore_patterns("control.sock"))
    old_file_key = (site.data / "seal" / "root.key").read_bytes()
    with site.serve() as server:
        before = site.status()["root"]
        done = site.seal("rotate")
        assert done.returncode == 0 and site.status()["root"] != before, done.stderr
        assert opened(server, ciphertext) == b"hello"
        assert Caller(server.endpoint, ann.credentials).iam.list_users()["Users"]
    assert site.holds(old_file_key) == []
    with site.serve() as server:
        assert opened(server, ciphertext) == b"hello"
        assert Caller(server.endpoint, ann.credentials).iam.list_users()["Users"]
    # The older copy, but for its key file, with the key file of now.
    shutil.copy(site.data / "seal" / "root.key", stolen / "seal" / "root.key")
    with site.serve(kind=Sealed, data=stolen):
        pass


def test_a_move_to_a_passphrase_takes_the_key_file_away(site):
    with site.serve() as server:
        _key, ciphertext = kms_key(server, b"hello")
        done = site.seal("migrate", "--to", f"passphrase:file={site.passphrase}")
        assert done.returncode == 0 and "palisade up --seal" in done.stdout, done.stderr
        assert not site.status()["within_folder"] and not (site.data / "seal" / "root.key").exists()
        assert opened(server, ciphertext) == b"hello"
    with site.serve(*site.by_passphrase) as server:
        assert opened(server, ciphertext) == b"hello"
    with site.serve(kind=Sealed):
        pass


def test_a_move_onto_its_own_key_file_is_refused_by_whatever_name(site, tmp_path):
    with site.serve() as server:
        _key, ciphertext = kms_key(server, b"hello")
        (tmp_path / "link").symlink_to(site.data / "seal" / "root.key")
        for same in (tmp_path / "link", site.data / "seal" / ".." / "seal" / "root.key"):
            refused = site.seal("migrate", "--to", f"file:{same}")
            assert refused.returncode == 1 and "a seal already" in refused.stderr, (same, refused.stderr)
    with site.serve() as server:
        assert opened(server, ciphertext) == b"hello"


def test_no_core_of_a_server_is_dumped(site):
    with site.serve() as server:
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        (core,) = (line.split() for line in limits.splitlines() if line.startswith("Max core file size"))
        assert core[4:6] == ["0", "0"], core


def test_a_passphrase_may_come_by_descriptor(site):
    with site.serve(*site.by_passphrase):
        pass
    server = site.serve("--seal", "passphrase:fd=0")
    flags = server.flags
    server.flags = ["/bin/sh", "-c", 'exec "$@" < "$0"', str(site.passphrase), *flags]
    with server:
        assert site.status()["open"]


def test_kills_while_rotating_lose_nothing(site):
    with site.serve() as server:
        _key, ciphertext = kms_key(server, b"hello")
    for round_number in range(12):
        server = site.serve().start()
        rotating = subprocess.Popen([str(binary()), "seal", "rotate", "--data", str(site.data)], env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.004 * round_number)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        rotating.wait(timeout=20)
        with site.serve() as server:
            assert opened(server, ciphertext) == b"hello", f"round {round_number}"


def test_the_socket_takes_one_short_question(site):
    with site.serve():
        for question in (b"{}\n", b"\xff\n", b'{"unseal":{}}x\n', b'"status"' + b" " * 70000 + b"\n", b'{"drop":{}}\n'):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(str(site.data / "control.sock"))
                try:
                    client.sendall(question)
                    answer = client.recv(4096)
                except (BrokenPipeError, ConnectionResetError):
                    continue
                assert b"failed" in answer, (question[:20], answer)
        assert site.status()["open"]


def test_a_start_with_another_kind_of_seal_says_what_it_is_sealed_by(site, tmp_path):
    with site.serve(*site.by_passphrase):
        pass
    with site.serve(kind=Sealed) as server:
        assert "is not among the seals of this root key: it is sealed by a passphrase" in server.log
        other = site.seal("unseal", "--with", f"file:{tmp_path / 'no.key'}")
        assert other.returncode == 1 and "it is sealed by a passphrase" in other.stderr


def test_a_key_file_opens_a_server_by_hand(site, tmp_path):
    outside = tmp_path / "keys" / "root.key"
    with site.serve("--seal", f"file:{outside}"):
        pass
    away = outside.rename(tmp_path / "away.key")
    with site.serve("--seal", f"file:{outside}", kind=Sealed) as server:
        assert site.seal("unseal", "--with", f"file:{away}").returncode == 0
        assert health(server) == (200, {"status": "ready"})


def test_a_seal_that_was_named_later_is_added_when_the_server_is_opened_by_hand(site, tmp_path):
    outside = ("--seal", f"file:{tmp_path / 'keys' / 'root.key'}")
    with site.serve(*site.by_passphrase):
        pass
    with site.serve(*outside, kind=Sealed):
        assert site.seal("unseal", "--with", f"passphrase:file={site.passphrase}").returncode == 0
        assert site.status()["wraps"] == 2
    with site.serve(*outside):
        assert site.status()["open"]


def test_a_passphrase_that_others_can_read_is_refused(site):
    site.passphrase.chmod(0o644)
    refused = palisade("up", "--listen", f"127.0.0.1:{free_port()}", "--data", str(site.data), *ROOT_FLAG, *site.by_passphrase)
    assert refused.returncode == 1 and "can be read by others (mode 644): set it to 0600" in refused.stderr
    site.passphrase.chmod(0o600)
    with site.serve(*site.by_passphrase):
        pass
    site.passphrase.chmod(0o640)
    with site.serve(*site.by_passphrase, kind=Sealed) as server:
        assert "can be read by others" in server.log


def test_credentials_are_written_over_no_file(site, tmp_path):
    out = tmp_path / "credentials"
    out.write_text("dear to somebody\n")
    first = ("up", "--listen", f"127.0.0.1:{free_port()}", "--data", str(site.data), *site.by_passphrase, "--credentials-out", str(out))
    refused = palisade(*first)
    assert refused.returncode == 1 and "is there already" in refused.stderr, refused.stderr
    assert out.read_text() == "dear to somebody\n" and not (site.data / "store").exists()
    out.unlink()
    for _start in range(2):
        with Server(tmp_path, "--data", str(site.data), *site.by_passphrase, "--credentials-out", str(out)):
            assert "aws_secret_access_key" in out.read_text()


def test_a_connection_that_asks_nothing_holds_nobody_up(site):
    with site.serve(), socket.socket(socket.AF_UNIX) as idle:
        idle.connect(str(site.data / "control.sock"))
        assert site.status()["open"]
        idle.setblocking(False)
        with pytest.raises(BlockingIOError):  # It is open still: nobody waited until its time was up.
            idle.recv(1)


def test_materials_that_the_vault_lacks_are_named(site, tmp_path):
    with site.serve() as server:
        kms_key(server, b"hello")
        assert site.status()["missing_materials"] == 0
    older = tmp_path / "older"
    shutil.copytree(site.data / "vault", older)
    with site.serve() as server:
        kms = Caller(server.endpoint, ROOT).kms
        made = kms.create_key()["KeyMetadata"]
        blob = kms.encrypt(KeyId=made["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    shutil.rmtree(site.data / "vault")
    shutil.copytree(older, site.data / "vault")
    with site.serve() as server:
        assert made["CurrentKeyMaterialId"] in server.log and "lacks a key material" in server.log
        assert site.status()["missing_materials"] == 1 and "missing key materials: 1 " in site.seal("status").stdout
        with pytest.raises(ClientError, match="destroyed"):
            opened(server, blob)


def test_a_ciphertext_tells_its_key_and_no_secret(site, tmp_path):
    with site.serve() as server:
        key, ciphertext = kms_key(server, b"hello")
    blob = tmp_path / "c"
    blob.write_bytes(ciphertext)
    done = palisade("keyring", "inspect", str(blob))
    assert done.returncode == 0 and key in done.stdout and "5 bytes" in done.stdout, done.stderr
    told = json.loads(palisade("keyring", "inspect", "--format", "json", str(blob)).stdout)
    assert (told["keyId"], told["account"], told["region"], told["plaintextBytes"]) == (key, ACCOUNT, "us-east-1", 5)
    blob.write_bytes(b"nothing")
    assert palisade("keyring", "inspect", str(blob)).returncode not in (0, 101)
    assert palisade("keyring", "vectors", str(tmp_path / "v")).returncode == 0
    for file in (tmp_path / "v").iterdir():
        assert json.loads(file.read_text())["version"] == 1
