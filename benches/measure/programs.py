"""The programs that are measured and measured with: built, started, asked, stopped."""

import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from . import client

ROOT = Path(__file__).resolve().parents[2]
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*", "iam:CreateUser"], "Resource": "*"}]})


class Server:
    """A running server and where it listens."""

    def __init__(self, process, host):
        self.process, self.host = process, host

    def stop(self):
        """Asks it to stop and waits until it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def resident_mb(self):
        """Its resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Programs:
    """Everything that runs."""

    def __init__(self, scratch, options):
        self.scratch, self.options, self.servers = scratch, options, []
        self.target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("PALISADE_", "AWS_"))}
        self.environment["CARGO_TARGET_DIR"] = str(self.target)

    def build(self):
        """Builds the server and the measuring programs into one target folder."""
        server = ["--locked", "-p", "palisade", "--manifest-path", str(ROOT / "Cargo.toml")]
        # Not locked: a new dependency of a crate measured here must not fail this build.
        measuring = ["--manifest-path", str(ROOT / "benches" / "Cargo.toml")]
        for arguments in (server, measuring):
            command = ["cargo", "build", "--release", "--quiet", *arguments]
            subprocess.run(command, check=True, env=self.environment)

    def program(self, name):
        """The path of a program that was built."""
        return str(self.target / "release" / name)

    def run(self, name, *arguments):
        """Runs a measuring program to its end; what it printed."""
        command = [self.program(name), *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr}")
        return json.loads(done.stdout)

    def folder(self, name):
        """An empty folder's path; it is not made."""
        path = self.scratch / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def start(self, command, port, environment=None, ready="/"):
        """Starts a server and waits until it answers; with the seconds that took."""
        host = f"127.0.0.1:{port}"
        log = open(self.scratch / f"{port}.log", "w")
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**self.environment, **(environment or {})}, stdout=log, stderr=log)
        server = Server(process, host)
        self.servers.append(server)
        while not answers(host, ready):
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise RuntimeError(f"{command[0]} does not answer: {Path(log.name).read_text()[-2000:]}")
            time.sleep(0.0005)
        return server, time.perf_counter() - began

    def palisade(self, folder):
        """Starts Palisade on a folder, with a journal on disk; with the seconds until it is ready."""
        port = free_port()
        command = [self.program("palisade"), "up", "--dev", "--data", str(folder), "--listen", f"127.0.0.1:{port}"]
        return self.start(command, port, ready="/_palisade/health")

    def stop_all(self):
        """Stops whatever still runs."""
        for server in self.servers:
            server.stop()

    def load(self, server, call, **options):
        """Puts calls to a server; requests a second."""
        options = {"seconds": self.options.seconds, "connections": 16, **options}
        if "requests" in options:
            del options["seconds"]
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        done = self.run("load", "--host", server.host, "--call", call, *arguments)
        return done["requests"] / done["seconds"], done

    def user(self, server):
        """A user with a policy and a key, as options of the load generator."""
        client.call(server.host, "iam", "CreateUser", UserName="caller")
        client.call(server.host, "iam", "PutUserPolicy", UserName="caller", PolicyName="may", PolicyDocument=POLICY)
        key = client.call(server.host, "iam", "CreateAccessKey", UserName="caller")
        return {"key": client.element(key, "AccessKeyId"), "secret": client.element(key, "SecretAccessKey")}


def answers(host, path):
    """Whether something at `host` answers, whatever it answers."""
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
        return True
    except OSError:
        return False
    except http.client.HTTPException:
        return False
    finally:
        connection.close()


def free_port():
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ratios(pairs):
    """The median ratio of what was measured side by side, its least and its greatest."""
    each = [a / b for a, b in pairs]
    return statistics.median(each), min(each), max(each)


def say(text):
    """Tells whoever waits."""
    print(text, file=sys.stderr, flush=True)
