"""Runs last: no implemented operation has gone untried. `palisade coverage` is honest, and the tests are complete."""

from pathlib import Path

import pytest
from botocore.session import get_session

from harness.record import outcomes
from harness.registry import coverage, implemented

# These cannot fail in any other way than every call can.
ONLY_GOOD = {("sts", "GetCallerIdentity")}

# What they ask for or take away does not exist here: NoSuchEntity is their answer (test_absent.py).
NEVER_GOOD = {("iam", "DeleteLoginProfile"), ("iam", "GetLoginProfile"), ("iam", "GetAccountPasswordPolicy")}


@pytest.fixture(autouse=True)
def whole_run(request):
    files = {Path(item.fspath).name for item in request.session.items}
    missing = {path.name for path in Path(__file__).parent.glob("test_*.py")} - files
    if missing or request.config.getoption("keyword") or request.session.testsfailed:
        pytest.skip(f"only means something after a whole, green run (not run: {sorted(missing)})")


def test_every_implemented_operation_was_seen_to_work():
    untried = [pair for pair in sorted(implemented(("iam", "sts", "cloudtrail", "kms", "wafv2")) - NEVER_GOOD) if "ok" not in outcomes[pair]]
    assert untried == []


def test_every_implemented_operation_was_seen_to_refuse():
    never = [pair for pair in sorted(implemented(("iam", "sts", "cloudtrail", "kms", "wafv2")) - ONLY_GOOD) if not outcomes[pair] - {"ok"}]
    assert never == []


def test_coverage_names_the_model_and_counts_every_operation_once():
    report = coverage()
    assert report["botocore"] >= "1.44.8"
    for service, counted in report["services"].items():
        known = set(counted["real"]) | set(counted["stored_only"]) | set(counted["missing"])
        assert len(known) == sum(len(counted[state]) for state in ("real", "stored_only", "missing"))
        if service != "palisade":
            assert known >= set(get_session().get_service_model(service).operation_names)
