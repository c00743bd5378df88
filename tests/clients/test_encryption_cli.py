"""The AWS Encryption CLI: files in, files out, and the libraries read them."""

import base64
import json

import pytest
from clients import tools
from clients.test_encryption_sdk import CONTEXT, TEXT, decrypt, encrypt, make, opened, python

from harness.callers import Caller

pytestmark = pytest.mark.slow


def cli(caller: Caller, *arguments):
    policy = ("--commitment-policy", "require-encrypt-require-decrypt")
    return tools.run(tools.environment("cli") / "aws-encryption-cli", *arguments, *policy, caller=caller)


def test_files_are_encrypted_and_decrypted(account, tmp_path):
    key, folder = make(account), tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    files = {"a.txt": TEXT, "deep/b.bin": bytes(range(256)) * 300, "empty": b""}
    for name, text in files.items():
        (folder / name).write_bytes(text)
    context = [f"{name}={value}" for name, value in CONTEXT.items()]
    where = ("--metadata-output", tmp_path / "metadata", "--overwrite-metadata", "--recursive", "--wrapping-keys", f"key={key}")
    (tmp_path / "sealed").mkdir()
    (tmp_path / "opened").mkdir()
    done = cli(account.root, "--encrypt", "--input", folder, "--output", tmp_path / "sealed", "--encryption-context", *context, *where)
    assert done.returncode == 0, done.stderr
    done = cli(account.root, "--decrypt", "--input", tmp_path / "sealed", "--output", tmp_path / "opened", "--encryption-context", *context, *where)
    assert done.returncode == 0, done.stderr
    for name, text in files.items():
        assert (tmp_path / "sealed" / f"{name}.encrypted").read_bytes() != text
        assert (tmp_path / "opened" / f"{name}.encrypted.decrypted").read_bytes() == text
    noted = [json.loads(line) for line in (tmp_path / "metadata").read_text().splitlines()]
    assert {one["header"]["encrypted_data_keys"][0]["key_provider"]["key_info"] for one in noted} == {base64.b64encode(key.encode()).decode()}
    one = {"kind": "kms", "key": key}
    sealed = base64.b64encode((tmp_path / "sealed" / "a.txt.encrypted").read_bytes()).decode()
    assert opened(python(account.root, decrypt(one, {"data": sealed}))[0]) == TEXT


def test_it_reads_what_the_library_wrote_and_is_told_what_is_wrong(account, tmp_path):
    key, another = make(account), make(account)
    [sealed] = python(account.root, encrypt({"kind": "kms", "key": key}))
    (tmp_path / "sealed").write_bytes(base64.b64decode(sealed["data"]))
    ask = ("--decrypt", "--input", tmp_path / "sealed", "--output", tmp_path / "opened", "--suppress-metadata", "--wrapping-keys")
    done = cli(account.root, *ask, f"key={another}")
    assert done.returncode != 0 and not (tmp_path / "opened").exists()
    done = cli(account.user(), *ask, f"key={key}")
    assert done.returncode != 0 and not (tmp_path / "opened").exists()
    done = cli(account.root, *ask, f"key={key}")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "opened").read_bytes() == TEXT
