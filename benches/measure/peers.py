"""The peers that GetCallerIdentity is compared with, in a virtual environment, benches/.peers."""

import subprocess
import sys

from .programs import ROOT, free_port, say

PEERS = ROOT / "benches" / ".peers"


def start(programs, name, requirement, command, environment):
    """Starts a peer, installing it first; `None`, said aloud, where it cannot be had."""
    try:
        install(name, requirement)
        port = free_port()
        command = [part.format(bin=PEERS / "bin", port=port) for part in command]
        environment = {name: value.format(port=port) for name, value in environment.items()}
        return programs.start(command, port, environment)[0]
    except (OSError, subprocess.CalledProcessError, RuntimeError) as error:
        say(f"SKIPPED: {name} ({error})")
        return None


def install(name, requirement):
    """Installs a peer, once."""
    mark = PEERS / f"{name}.installed"
    if mark.exists():
        return
    if not (PEERS / "bin").exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
    pip = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, requirement], check=True)
    mark.write_text(requirement + "\n")


def ministack(programs):
    """ministack with authentication and recording on: the nearest promise among peers."""
    environment = {"AUTH": "true", "CLOUDTRAIL_RECORDING": "1", "GATEWAY_PORT": "{port}", "LOG_LEVEL": "WARNING"}
    return start(programs, "ministack", "ministack>=1.5,<1.6", ["{bin}/ministack"], environment)


def moto(programs):
    """moto's server, as it is."""
    command = ["{bin}/python", "-m", "moto.server", "-H", "127.0.0.1", "-p", "{port}"]
    return start(programs, "moto", "moto[server]", command, {})
