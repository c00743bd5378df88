"""kill -9 under load: nothing acknowledged is lost, nothing is unrecorded. CRASH_ROUNDS sets how often (5)."""

import os
import random

import pytest
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
