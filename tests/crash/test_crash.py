"""kill -9 under load: nothing acknowledged is lost, nothing is unrecorded. CRASH_ROUNDS sets how often (5)."""

import os
import random

import pytest
from crash import kms_rounds
from crash.rounds import run, unbalanced


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_and_nothing_is_unrecorded(tmp_path):
    rounds = int(os.environ.get("CRASH_ROUNDS", "5"))
    found = run(rounds, random.SystemRandom().randrange(2**32), tmp_path)
    assert not found, "\n".join(found)


def test_the_comparison_sees_what_is_missing_on_either_side():
    record = lambda name, user: {"eventName": name, "requestParameters": {"userName": user, "path": "/r1/"}}
    assert unbalanced([record("CreateUser", "a")], {"a"}, "/r1/") == []
    assert unbalanced([record("CreateUser", "a")], set(), "/r1/") and unbalanced([], {"a"}, "/r1/")
    assert unbalanced([record("CreateUser", "a"), record("DeleteUser", "a")], {"a"}, "/r1/")
    assert unbalanced([record("CreateUser", "a")] * 2, {"a"}, "/r1/")


@pytest.mark.slow
def test_every_ciphertext_opens_and_nothing_deleted_comes_back(tmp_path):
    rounds = int(os.environ.get("CRASH_ROUNDS", "5"))
    found = kms_rounds.run(rounds, random.SystemRandom().randrange(2**32), tmp_path)
    assert not found, "\n".join(found)


def test_the_comparison_sees_what_does_not_open_and_what_came_back():
    state, text = "KMSInvalidStateException", b"x"
    good = [(None, text), ("there", text), ("unknown", text), ("unknown", state), ("gone", state)]
    bad = [(None, state), (None, b"y"), (None, "InvalidCiphertextException"), ("there", state), ("unknown", b"y"), ("unknown", "KeyUnavailableException"), ("gone", text)]
    assert [kms_rounds.compare(brought, text, found) for brought, found in good] == [None] * len(good)
    assert all(kms_rounds.compare(brought, text, found) for brought, found in bad)
