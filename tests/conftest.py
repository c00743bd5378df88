"""Fixtures that every end-to-end test builds on: one server for the whole run, and a fresh account on it for each test."""

import secrets
from pathlib import Path

import pytest

from harness.callers import Account, Caller, Credentials
from harness.server import Server

ACCOUNTS = 1200


class World:
    """The server that most tests share, and its accounts. Accounts are cheap and cannot see each other: each test takes new ones."""

    def __init__(self, folder: Path):
        self.roots = {f"{700000000000 + number}": self._credentials(number) for number in range(ACCOUNTS)}
        _owner, *self.unused = self.roots  # The deployment belongs to the first account; no test gets it.
        config = folder / "palisade.toml"
        config.write_text(f"root-credentials = {[f'{c.access_key_id}:{c.secret}:{a}' for a, c in self.roots.items()]}\n")
        config.chmod(0o600)
        self.server = Server(folder, "--data", str(folder / "data"), "--config", str(config))

    @staticmethod
    def _credentials(number: int) -> Credentials:
        return Credentials(f"AKIAROOT{number:012d}", secrets.token_hex(20))

    def account(self) -> Account:
        """An account that no test has touched."""
        number = self.unused.pop(0)
        return Account(number, Caller(self.server.endpoint, self.roots[number]))


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The shared server. After the last test it must stop cleanly, without a panic or a secret in its log."""
    world = World(tmp_path_factory.mktemp("world"))
    world.server.start()
    yield world
    world.server.stop()
    leaked = [account for account, root in world.roots.items() if root.secret in world.server.log]
    assert not leaked, f"the log holds root secrets of {leaked}"


@pytest.fixture
def account(world) -> Account:
    """A fresh account."""
    return world.account()


@pytest.fixture
def other_account(world) -> Account:
    """A second fresh account."""
    return world.account()


@pytest.fixture(scope="module")
def module_account(world) -> Account:
    """A fresh account that the tests of one module share."""
    return world.account()


def pytest_collection_modifyitems(items):
    """What looks at everything the others did comes last."""
    items.sort(key=lambda item: item.path.name == "test_coverage.py")
