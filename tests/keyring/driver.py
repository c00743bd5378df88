"""Palisade's keyring, by the crate's example `keys`: a request and an answer a line."""

import json
import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def binary() -> Path:
    """The example to test: `TEST_KEYS_BINARY`, or the debug build."""
    named = os.environ.get("TEST_KEYS_BINARY")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    path = Path(named) if named else target / "debug" / "examples" / "keys"
    if not path.is_file():
        raise FileNotFoundError(f"no binary at {path}: run `cargo build --package palisade-keyring --example keys` first")
    return path


class Refused(Exception):
    """The keyring answered with an error; its code is the text."""


class Keyring:
    """A running example. Bytes go in and come out as bytes."""

    def __init__(self):
        self.process = subprocess.Popen([binary()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self):
        """Ends it."""
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()

    def __call__(self, do: str, **fields: str | bytes) -> dict:
        texts = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
        self.process.stdin.write(json.dumps({"do": do} | texts) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused(answer["error"])
        return answer if do == "specs" else {name: bytes.fromhex(value) for name, value in answer.items() if value is not None}
