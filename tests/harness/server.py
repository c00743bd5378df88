"""The real binary as a process: started on a free port, waited for, stopped with SIGTERM and looked over afterwards."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def binary() -> Path:
    """The `palisade` to test: `TEST_PALISADE_BINARY`, or the debug build."""
    named = os.environ.get("TEST_PALISADE_BINARY")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    path = Path(named) if named else target / "debug" / "palisade"
    if not path.is_file():
        raise FileNotFoundError(f"no binary at {path}: run `cargo build` first, or name one in TEST_PALISADE_BINARY")
    return path


def clean_environment(**added: str) -> dict[str, str]:
    """The environment without anything that would steer the binary or a client: no PALISADE_*, AWS_* or TF_* of the machine."""
    steering = ("PALISADE_", "AWS_", "TF_", "BOTO")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(steering)}
    kept.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true", NO_PROXY="*")
    return kept | added


def free_port() -> int:
    """A port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One `palisade up`. `log` is what it wrote; `stop` proves that it ended well."""

    def __init__(self, folder: Path, *flags: str, port: int | None = None, environment: dict[str, str] | None = None):
        self.port = port or free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / "palisade.log"
        self.flags = [str(binary()), "up", "--listen", f"127.0.0.1:{self.port}", *flags]
        self.environment = clean_environment(**(environment or {}))
        self.process: subprocess.Popen | None = None

    def start(self, timeout_seconds: float = 20) -> "Server":
        """Starts the process and waits until it says it is ready."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self.flags, stdout=log, stderr=log, env=self.environment)
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"palisade ended with {self.process.returncode} before it was ready:\n{self.log}")
            if self.is_healthy():
                return self
            time.sleep(0.01)
        self.kill()
        raise TimeoutError(f"palisade was not ready within {timeout_seconds} s:\n{self.log}")

    def is_healthy(self) -> bool:
        """Whether /_palisade/health answers 200."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_palisade/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def wait_for_log(self, enough, timeout_seconds: float = 5) -> list[str]:
        """What was printed for people (log records, which are JSON here, left out), once `enough` says so of it, or time is up."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            lines = [line for line in self.log.splitlines() if not line.startswith("{")]
            if enough(lines) or time.monotonic() > deadline:
                return lines
            time.sleep(0.02)

    def stop(self, timeout_seconds: float = 15) -> None:
        """SIGTERM; then it must drain, exit with 0, and must not have panicked."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"palisade did not stop within {timeout_seconds} s of SIGTERM:\n{self.log[-4000:]}") from None
        assert code == 0, f"palisade ended with {code}:\n{self.log[-4000:]}"
        assert "panicked" not in self.log, f"palisade panicked:\n{self.log[-8000:]}"

    def kill(self) -> None:
        """SIGKILL: the power cut of the crash tests."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        """Everything the process wrote so far."""
        return self.log_path.read_text(errors="replace")

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, failed, *_) -> None:
        if failed:
            self.kill()
        else:
            self.stop()


def palisade(*arguments: str, stdin: str | None = None, environment: dict[str, str] | None = None, timeout_seconds: float = 60):
    """Runs a subcommand of the binary to its end; the caller looks at returncode, stdout and stderr."""
    return subprocess.run(
        [str(binary()), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        env=clean_environment(**(environment or {})),
        timeout=timeout_seconds,
    )
