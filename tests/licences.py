"""Every crate Palisade is built from has a licence that deny.toml allows, and comes from the registry."""

import json
import re
import subprocess
import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python before 3.11
    from pip._vendor import tomli as tomllib

ALLOWED = set(tomllib.loads((Path(__file__).parents[1] / "deny.toml").read_text())["licenses"]["allow"])


def acceptable(expression: str) -> bool:
    """Whether an SPDX expression can be met with allowed licences only. `/` is an old way to write OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    value, rest = any_of(tokens)
    return value and not rest


def any_of(tokens: list[str]) -> tuple[bool, list[str]]:
    value, rest = all_of(tokens)
    while rest and rest[0] == "OR":
        other, rest = all_of(rest[1:])
        value = value or other
    return value, rest


def all_of(tokens: list[str]) -> tuple[bool, list[str]]:
    value, rest = one(tokens)
    while rest and rest[0] == "AND":
        other, rest = one(rest[1:])
        value = value and other
    return value, rest


def one(tokens: list[str]) -> tuple[bool, list[str]]:
    if not tokens:
        return False, []
    if tokens[0] == "(":
        value, rest = any_of(tokens[1:])
        return value, rest[1:]
    if tokens[1:2] == ["WITH"]:
        return " ".join(tokens[:3]) in ALLOWED, tokens[3:]
    return tokens[0].removesuffix("+") in ALLOWED, tokens[1:]


def main() -> int:
    metadata = json.loads(subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked"], check=True, capture_output=True).stdout)
    bad = [f"{p['name']} {p['version']}: {p['license']}" for p in metadata["packages"] if not acceptable(p["license"] or "")]
    bad += [f"{p['name']} {p['version']}: from {p['source']}" for p in metadata["packages"] if p["source"] and not p["source"].startswith("registry+")]
    print("\n".join(bad) or f"{len(metadata['packages'])} packages, every licence allowed")
    return 1 if bad else 0


if __name__ == "__main__":
    assert acceptable("MIT OR GPL-3.0") and acceptable("(MIT/Apache-2.0) AND Unicode-3.0") and acceptable("Apache-2.0 WITH LLVM-exception OR X")
    assert not acceptable("MIT AND GPL-3.0") and not acceptable("") and not acceptable("AGPL-3.0-only")
    sys.exit(main())
