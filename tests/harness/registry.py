"""What the binary says it implements: `palisade coverage --format json`."""

import json
from functools import cache

from harness.server import palisade


@cache
def coverage() -> dict:
    """The registry's own report."""
    done = palisade("coverage", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def implemented(services: tuple[str, ...] | None = None) -> set[tuple[str, str]]:
    """(service, operation) of everything that has a handler, whether real or kept only."""
    found = set()
    for service, counted in coverage()["services"].items():
        if services is None or service in services:
            found |= {(service, operation) for operation in counted["real"] + counted["stored_only"]}
    return found
