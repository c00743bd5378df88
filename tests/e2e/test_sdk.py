"""The AWS SDK for Rust (tests/sdk, a workspace of its own): `./test` builds it, `./test --fast` does not; without it the test is skipped aloud."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.server import REPOSITORY


def program() -> Path:
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    return target / "sdk" / "debug" / "palisade-sdk-tests"


def test_the_aws_sdk_for_rust_finds_everything_as_documented(account):
    if not program().is_file():
        pytest.skip("tests/sdk is not built: ./test builds it")
    done = subprocess.run([str(program())], env=account.root.environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
