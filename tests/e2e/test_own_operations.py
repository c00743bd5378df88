"""Palisade's own operations are operations like any other: signed, authorized by actions of their own, recorded."""

import pytest

from harness.callers import Account, Caller, Credentials, allow
from harness.events import lookup
from harness.registry import implemented
from harness.server import Server
from harness.signing import Request
from harness.wire import Raw

NOBODY = "00000000-0000-7000-8000-000000000000"
KEY = f"arn:aws:kms:us-east-1:111122223333:key/{NOBODY}"
ON_KEY = f'{{"KeyId": "{KEY}", "Period": "P1D"}}'.encode()
# operation: method, path, body, the action that opens it
CALLS = {
    "AdvanceClock": ("POST", "/_palisade/clock", b'{"advance": "P1D"}', "palisade:AdvanceClock"),
    "GetKeyUsage": ("POST", "/_palisade/kms/usage", ON_KEY, "palisade:GetKeyUsage"),
    "GetKeyAccess": ("POST", "/_palisade/kms/access", f'{{"KeyId": "{KEY}"}}'.encode(), "palisade:GetKeyAccess"),
    "CreateBranch": ("POST", "/_palisade/what-if", b"{}", "palisade:CreateBranch"),
    "GetBranch": ("GET", f"/_palisade/branches/{NOBODY}", b"", "palisade:GetBranch"),
    "DeleteBranch": ("DELETE", f"/_palisade/branches/{NOBODY}", b"", "palisade:DeleteBranch"),
    "Replay": ("POST", f"/_palisade/branches/{NOBODY}/replay", b'{"Since": 0}', "palisade:Replay"),
    "Explain": ("GET", f"/_palisade/explain/{NOBODY}", b"", "palisade:Explain"),
    "GetBackup": ("GET", "/_palisade/backup", b"", "palisade:Backup"),
    "GetMetrics": ("GET", "/_palisade/metrics", b"", "palisade:ReadMetrics"),
    "VerifyJournal": ("POST", "/_palisade/journal/verify", b"{}", "palisade:VerifyJournal"),
    "ListAuthenticationFailures": ("GET", "/_palisade/authentication-failures", b"", "palisade:ReadMetrics"),
}


def call(caller, operation, sign=True):
    method, path, body, _ = CALLS[operation]
    raw = Raw(caller)
    headers = [("Host", raw.host), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    request = Request(method, path, "", headers, body)
    return raw.send(raw.signer("palisade").sign(request) if sign else request)


def test_every_operation_of_palisades_own_is_tried_here():
    assert {name for _, name in implemented(("palisade",))} == set(CALLS)


@pytest.mark.parametrize("operation", CALLS)
def test_nobody_comes_in_unsigned(account, operation):
    answer = call(account.root, operation, sign=False)
    assert answer.status in (400, 401, 403) and "MissingAuthenticationToken" in (answer.code or "")


@pytest.mark.parametrize("operation", CALLS)
def test_without_its_action_a_caller_is_refused_by_its_name(account, operation):
    action = CALLS[operation][3]
    answer = call(account.user(allow("iam:*", "sts:*", "cloudtrail:*")), operation)
    assert answer.status == 403 and "AccessDenied" in answer.code
    assert f"is not authorized to perform: {action}" in answer.message


@pytest.fixture(scope="module")
def owner(tmp_path_factory):
    """The account that the deployment belongs to: the first one of a server of its own."""
    root = Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789")
    given = f"{root.access_key_id}:{root.secret}:111122223333"
    with Server(tmp_path_factory.mktemp("owner"), "--ephemeral", "--root-credentials", given) as server:
        yield Account("111122223333", Caller(server.endpoint, root))


@pytest.mark.parametrize("operation", CALLS)
def test_with_its_action_alone_a_caller_of_the_owning_account_comes_in(owner, operation):
    answer = call(owner.user(allow(CALLS[operation][3])), operation)
    # Not without --dev.
    expected = (409,) if operation == "AdvanceClock" else (200, 404)
    assert answer.status in expected, f"{answer.status}: {answer.text[:300]}"


@pytest.mark.parametrize("operation", ["AdvanceClock", "GetBackup", "GetMetrics", "VerifyJournal", "ListAuthenticationFailures"])
def test_what_shows_the_whole_deployment_is_its_owners_alone(account, operation):
    """The shared server belongs to its first account, which no test uses: root of any other is refused."""
    answer = call(account.root, operation)
    assert answer.status == 403 and ":deployment" in answer.message


def test_calls_of_palisades_own_are_on_record(owner):
    call(owner.root, "CreateBranch")
    assert call(owner.root, "VerifyJournal").status == 200
    seen = {event["eventName"]: event for event in lookup(owner)}
    assert seen["CreateBranch"]["eventSource"].startswith("palisade") and "VerifyJournal" in seen
