"""The clock of development mode: days pass at once for keys and policies; signatures keep the machine's clock; a restart keeps the time."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from harness.callers import Account, Caller, Credentials, allow, refused
from harness.events import lookup
from harness.server import Server, binary

TEST = Credentials("test", "test")
HOME = "000000000000"


@pytest.fixture
def dev(tmp_path):
    with Server(tmp_path, "--dev", "--data", str(tmp_path / "data")) as server:
        yield Account(HOME, Caller(server.endpoint, TEST))


def advance(caller, period: str, code: int = 0) -> str:
    done = caller.palisade("clock", "advance", period, code=code)
    return done.stdout + done.stderr


def pieces(folder) -> set[bytes]:
    """What the vault's files hold, in pieces of 32 bytes, without what is empty."""
    files = [path.read_bytes() for path in (folder / "data" / "vault").rglob("*") if path.is_file()]
    return {data[at : at + 32] for data in files for at in range(0, len(data), 32) if any(data[at : at + 32])}


def test_a_waiting_period_ends_and_the_materials_are_destroyed(tmp_path):
    flags = ("--dev", "--data", str(tmp_path / "data"))
    with Server(tmp_path, *flags) as server:
        account = Account(HOME, Caller(server.endpoint, TEST))
        kms = account.kms
        kept = kms.create_key()["KeyMetadata"]["KeyId"]
        other = kms.encrypt(KeyId=kept, Plaintext=b"y")["CiphertextBlob"]
        before = pieces(tmp_path)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        material = pieces(tmp_path) - before
        assert material
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        advance(account.root, "P6D")
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
        assert pieces(tmp_path) >= material
        advance(account.root, "P2D")
        with refused("NotFoundException"):
            kms.describe_key(KeyId=key)
        with refused("AccessDeniedException"):
            kms.decrypt(CiphertextBlob=blob)
        deadline = time.monotonic() + 5
        while pieces(tmp_path) & material and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not pieces(tmp_path) & material
        assert {one["KeyId"] for one in kms.list_keys()["Keys"]} == {kept}
        assert kms.decrypt(CiphertextBlob=other)["Plaintext"] == b"y"
    with Server(tmp_path, *flags) as server:
        kms = Account(HOME, Caller(server.endpoint, TEST)).kms
        assert kms.decrypt(CiphertextBlob=other)["Plaintext"] == b"y"
        with refused("AccessDeniedException"):
            kms.decrypt(CiphertextBlob=blob)


def test_a_rotation_that_is_due_happens(dev):
    kms = dev.kms
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    advance(dev.root, "P91D")
    kms.encrypt(KeyId=key, Plaintext=b"x")
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [one["RotationType"] for one in rotations] == ["AUTOMATIC"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_conditions_on_the_time_go_by_state_time(dev):
    soon = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    bob = dev.user(allow("iam:ListUsers", DateLessThan={"aws:CurrentTime": soon}))
    assert bob.iam.list_users()["Users"]
    advance(dev.root, "P3D")
    with refused("AccessDenied"):
        bob.iam.list_users()


def test_signatures_keep_the_machines_clock_and_sessions_end_by_state_time(dev):
    role = dev.role({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}]}, allow("*"))
    bob = dev.user(allow("sts:AssumeRole"))
    session = bob.assume(role)
    assert session.iam.list_users()["Users"]
    advance(dev.root, "PT2H")
    # boto3 signs with the machine's time still, and is let in.
    assert dev.iam.list_users()["Users"]
    with refused("ExpiredToken"):
        session.iam.list_users()
    assert bob.assume(role, session="later").iam.list_users()["Users"]


def test_a_restart_does_not_go_back_and_a_reset_does(tmp_path):
    flags = ("--dev", "--data", str(tmp_path / "data"))
    with Server(tmp_path, *flags) as server:
        caller = Caller(server.endpoint, TEST)
        advance(caller, "P30D")
        assert "38 days" in in_days(advance(caller, "P8D"))
    with Server(tmp_path, *flags) as server:
        account = Account(HOME, Caller(server.endpoint, TEST))
        made = account.kms.create_key()["KeyMetadata"]["CreationDate"]
        assert made - datetime.now(UTC) > timedelta(days=37)
        assert "39 days" in in_days(advance(account.root, "P1D"))
        event = next(event for event in lookup(account) if event["eventName"] == "AdvanceClock")
        account.root.palisade("explain", event["eventID"])
        # Explained still: a record is found by the time in its id, which is state time too.
        answer = account.iam.list_users()
        time.sleep(0.3)
        account.root.palisade("explain", answer["ResponseMetadata"]["RequestId"])


def in_days(said: str) -> str:
    seconds = int(said.split(" seconds ahead")[0].rsplit(" ", 1)[1])
    return f"{seconds // 86400} days"


def test_it_is_a_call_like_any_other(dev):
    ann = dev.user(allow("iam:*"))
    assert "is not authorized to perform: palisade:AdvanceClock" in advance(ann, "P1D", code=1)
    advance(dev.user(allow("palisade:AdvanceClock")), "PT1S")
    events = [event for event in lookup(dev) if event["eventName"] == "AdvanceClock" and "errorCode" not in event]
    assert [event["requestParameters"] for event in events] == [{"advance": "PT1S"}]
    for wrong in ("8D", "P-8D", "P1Y", "P", "P40000D"):
        assert "Exception" in advance(dev.root, wrong, code=1)


def test_without_dev_it_is_refused(tmp_path):
    given = f"AKIAROOTROOTROOTROOT:root-secret-0123456789:{HOME}"
    with Server(tmp_path, "--ephemeral", "--root-credentials", given) as server:
        root = Caller(server.endpoint, Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789"))
        assert "development mode only" in advance(root, "P1D", code=1)


def test_on_a_branch_it_is_refused(dev):
    done = dev.root.palisade("what-if", "--", str(binary()), "clock", "advance", "P1D", code=1)
    assert "cannot be moved on a branch" in done.stderr


def test_days_without_use_are_those_since_the_last_use_of_the_journal(dev):
    kms = dev.kms
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Deny", "Principal": "*", "Action": "kms:DisableKey", "Resource": "*", "Condition": {"NumericLessThan": {"kms:TrailingDaysWithoutKeyUsage": "30"}}}]
    key = kms.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))["KeyMetadata"]["KeyId"]
    advance(dev.root, "P20D")
    kms.encrypt(KeyId=key, Plaintext=b"x")
    time.sleep(0.5)  # the use reaches the journal, and whoever follows it
    advance(dev.root, "P29D")
    with refused("AccessDeniedException"):
        kms.disable_key(KeyId=key)
    uses = json.loads(dev.root.palisade("kms", "usage", key, "--since", "30d", "--format", "json").stdout)["Uses"]
    assert [(used["Operation"], used["Count"]) for used in uses] == [("Encrypt", 1)]
    assert kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]["Timestamp"].strftime("%Y-%m-%dT%H:%M:%S") == uses[0]["Last"][:19]
    advance(dev.root, "P2D")
    assert json.loads(dev.root.palisade("kms", "usage", key, "--since", "30d", "--format", "json").stdout)["Uses"] == []
    kms.disable_key(KeyId=key)
