"""The clients of these tests, installed on first use into ignored folders. One that cannot be installed skips its tests, aloud."""

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOOLS = HERE.parent / ".tools"
INSTALL_SECONDS = 300


@cache
def environment(name: str) -> Path:
    """The `bin` of a virtual environment with what NAME-requirements.txt lists."""
    wanted, folder = HERE / f"{name}-requirements.txt", TOOLS / name
    mark = folder / "requirements.txt"
    if not (mark.is_file() and mark.read_bytes() == wanted.read_bytes()):
        shutil.rmtree(folder, ignore_errors=True)
        _install([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _install([*pip, "-r", str(wanted)])
        shutil.copy(wanted, mark)
    return folder / "bin"


@cache
def node_folder() -> Path:
    """A folder with package.json, what it lists, and the script beside it."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on the PATH")
    folder, wanted = TOOLS / "node", HERE / "package.json"
    mark = folder / "installed.json"
    if not (mark.is_file() and mark.read_bytes() == wanted.read_bytes()):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(wanted, folder)
        _install(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--no-package-lock", "--silent"])
        shutil.copy(wanted, mark)
    shutil.copy(HERE / "messages.mjs", folder)
    return folder


def _install(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(command)} failed: {done.stderr[-400:]}")


def run(*command, caller, stdin: str | None = None, **variables) -> subprocess.CompletedProcess:
    """Runs a client as `caller`; whoever runs it looks at returncode, stdout and stderr."""
    return subprocess.run([*map(str, command)], env=caller.environment() | variables, input=stdin, capture_output=True, text=True, timeout=120)


def ask(*command, caller, jobs: list[dict]) -> list[dict]:
    """Puts jobs to one of the scripts beside this file: JSON in, JSON out, an answer each."""
    done = run(*command, caller=caller, stdin=json.dumps(jobs))
    assert done.returncode == 0, done.stderr[-4000:]
    answers = json.loads(done.stdout)
    assert len(answers) == len(jobs)
    return answers
