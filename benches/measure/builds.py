"""Builds, each once: they take minutes and the whole machine."""

import shutil
import subprocess
import time

from .programs import ROOT, say


def measure(programs, table):
    """A cold release build, a clean debug build of the workspace, and a rebuild and test after touching one service."""
    target = programs.folder("build")
    environment = {**programs.environment, "CARGO_TARGET_DIR": str(target)}

    def timed(*arguments):
        say("measuring: cargo " + " ".join(arguments))
        began = time.perf_counter()
        subprocess.run(["cargo", *arguments, "--quiet", "--locked"], check=True, env=environment, cwd=ROOT)
        return time.perf_counter() - began

    cold = timed("build", "--release")
    table.add("README's first command: cold release build", f"{cold:.0f} s", "600 s", "300 s", "packages downloaded already")
    shutil.rmtree(target)
    debug = timed("build", "--workspace")
    table.add("clean debug build of the workspace", f"{debug:.0f} s", "480 s", "240 s")
    timed("test", "--no-run", "-p", "palisade-sts")
    (ROOT / "crates/services/sts/src/lib.rs").touch()
    touched = timed("build") + timed("test", "-p", "palisade-sts")
    table.add("rebuild and test after touching one service", f"{touched:.0f} s", "30 s", "10 s",
              "palisade-sts: the server rebuilt, the service's tests built and run")
    shutil.rmtree(target)
