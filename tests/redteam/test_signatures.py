"""Red team: signatures that are old, cut, moved, borrowed, doubled or missing. Each is one bend away from an honest request."""

from datetime import datetime, timedelta, timezone

import pytest

from harness.callers import Credentials
from harness.signing import EMPTY_SHA256, Request, Signer, sha256
from harness.wire import FORM, Raw

FORGERY = {"SignatureDoesNotMatch", "InvalidSignatureException"}
INCOMPLETE = {"IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken", "SignatureDoesNotMatch"}


def now(**ago):
    return datetime.now(timezone.utc) - timedelta(**ago)


@pytest.fixture
def raw(account):
    return Raw(account.root)


def refused(answer, *codes):
    """The answer is 4xx with one of these codes, and gives nothing away."""
    assert 400 <= answer.status < 500, f"{answer.status}: {answer.text}"
    assert answer.code in codes, f"{answer.code}: {answer.message}"
    assert "<ListUsersResult" not in answer.text


def authorization(request: Request) -> str:
    return request.header("Authorization")


def rewritten(request: Request, change) -> Request:
    """The request with its Authorization header changed after signing."""
    before = authorization(request)
    after = change(before)
    assert after != before, "the bend changed nothing"
    return request.with_header("Authorization", after)


# --- time ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [16, 60, 60 * 24 * 7, -16, -60 * 24])
def test_replayed_outside_the_window(raw, minutes):
    answer = raw.send(raw.signer(time=now(minutes=minutes)).sign(raw.form("ListUsers")))
    refused(answer, "SignatureDoesNotMatch", "RequestExpired")
    assert "Signature expired" in answer.message or "Signature not yet current" in answer.message


@pytest.mark.parametrize("minutes", [14, -14])
def test_replayed_inside_the_window_is_taken_as_aws_takes_it(raw, minutes):
    request = raw.signer(time=now(minutes=minutes)).sign(raw.form("ListUsers"))
    assert [raw.send(request).status for _ in range(2)] == [200, 200]


def test_a_date_header_set_forward_does_not_freshen_an_old_signature(raw):
    old = raw.signer(time=now(hours=1)).sign(raw.form("ListUsers"))
    fresh = raw.signer().amz_date
    refused(raw.send(old.with_header("X-Amz-Date", fresh)), *FORGERY)


def test_a_scope_of_another_day(raw):
    refused(raw.send(raw.signer(scope_date=now(days=1).strftime("%Y%m%d")).sign(raw.form("ListUsers"))), *FORGERY)


@pytest.mark.parametrize("date", ["yesterday", "20260230T000000Z", "2026-03-04T05:06:07Z", "", "99999999T999999Z", "20260304T050607"])
def test_a_date_that_is_none(raw, date):
    request = raw.signer().sign(raw.form("ListUsers")).with_header("X-Amz-Date", date)
    refused(raw.send(request), *FORGERY, *INCOMPLETE)


# --- scope --------------------------------------------------------------------------------------------------------------------


def test_a_scope_of_another_service(raw):
    refused(raw.send(raw.signer("s3").sign(raw.form("ListUsers"))), *FORGERY, "AccessDenied", "InvalidAction", "InvalidRequest")


def test_a_session_signed_for_sts_does_not_open_iam(raw):
    signed = raw.signer("sts").sign(raw.form("ListUsers"))
    answer = raw.send(signed)
    refused(answer, *FORGERY, "InvalidAction")


def test_a_scope_rewritten_to_another_service_after_signing(raw):
    signed = raw.signer("sts").sign(raw.form("ListUsers"))
    refused(raw.send(rewritten(signed, lambda value: value.replace("/sts/", "/iam/"))), *FORGERY)


def test_a_scope_rewritten_to_another_region_after_signing(raw):
    signed = raw.signer().sign(raw.form("ListUsers"))
    refused(raw.send(rewritten(signed, lambda value: value.replace("/us-east-1/", "/eu-west-1/"))), *FORGERY)


@pytest.mark.parametrize("terminator", ["aws5_request", "AWS4_REQUEST", "", "aws4_request/more"])
def test_a_scope_that_ends_otherwise(raw, terminator):
    refused(raw.send(raw.signer(terminator=terminator).sign(raw.form("ListUsers"))), *FORGERY, *INCOMPLETE)


@pytest.mark.parametrize("scope", ["KEY", "KEY/20260101", "KEY/20260101/us-east-1/iam", "////", ""])
def test_a_credential_without_its_scope(raw, scope):
    signed = raw.signer().sign(raw.form("ListUsers"))
    key = raw.caller.credentials.access_key_id
    value = authorization(signed)
    start, end = value.index("Credential=") + 11, value.index(", SignedHeaders")
    refused(raw.send(signed.with_header("Authorization", value[:start] + scope.replace("KEY", key) + value[end:])), *FORGERY, *INCOMPLETE)


# --- the signature itself -----------------------------------------------------------------------------------------------------


def bend_signature(change):
    return lambda value: value[: value.index("Signature=") + 10] + change(value[value.index("Signature=") + 10 :])


@pytest.mark.parametrize(
    "change",
    [lambda s: s[:-1], lambda s: s[:32], lambda s: "", lambda s: s.upper() if s.upper() != s else s[::-1], lambda s: s[::-1], lambda s: "0" * 64,
     lambda s: s + "00", lambda s: s[:-1] + ("0" if s[-1] != "0" else "1"), lambda s: "g" * 64, lambda s: "' OR 1=1 --"],
    ids=["one short", "half", "empty", "upper case", "reversed", "zeros", "longer", "last digit", "no hex", "words"],
)
def test_a_signature_that_is_not_it(raw, change):
    refused(raw.send(rewritten(raw.signer().sign(raw.form("ListUsers")), bend_signature(change))), *FORGERY, *INCOMPLETE)


def test_another_accounts_secret(raw, other_account):
    signer = Signer(raw.caller.credentials.access_key_id, other_account.root.credentials.secret)
    refused(raw.send(signer.sign(raw.form("ListUsers"))), *FORGERY)


def test_a_key_nobody_has(raw):
    refused(raw.send(Signer("AKIANONENONENONENONE", "secret").sign(raw.form("ListUsers"))), "InvalidClientTokenId")


@pytest.mark.parametrize("key", ["", " ", "../../root", "A" * 4096, "%41KIA", "AKIA*"])
def test_a_key_id_that_is_none(raw, key):
    refused(raw.send(Signer(key, "secret").sign(raw.form("ListUsers"))), "InvalidClientTokenId", "RequestHeaderSectionTooLarge", "BadRequest", *INCOMPLETE)


def test_no_signature_at_all(raw):
    refused(raw.send(raw.form("ListUsers")), "MissingAuthenticationToken")


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a", "AWS KEY:c2lnbmF0dXJl", "", "AWS4-HMAC-SHA256 ,,,,=,=;"])
def test_an_authorization_of_another_kind(raw, value):
    refused(raw.send(raw.form("ListUsers").with_header("Authorization", value)), *INCOMPLETE, "InvalidClientTokenId", "AccessDenied")


@pytest.mark.parametrize("algorithm", ["AWS4-HMAC-SHA1", "AWS4-HMAC-SHA512", "NONE", "aws4-hmac-sha256"])
def test_another_algorithm(raw, algorithm):
    refused(raw.send(raw.signer(algorithm=algorithm).sign(raw.form("ListUsers"))), *INCOMPLETE)


def test_sigv4a_is_known_and_refused_by_name(raw):
    answer = raw.send(raw.signer(algorithm="AWS4-ECDSA-P256-SHA256").sign(raw.form("ListUsers")))
    refused(answer, *INCOMPLETE, "NotImplemented")
    assert "SigV4A" in answer.message or "AWS4-ECDSA-P256-SHA256" in answer.message


# --- what is covered ----------------------------------------------------------------------------------------------------------


def test_the_host_left_out(raw):
    refused(raw.send(raw.signer(unsigned=("host",)).sign(raw.form("ListUsers"))), *FORGERY)


def test_an_x_amz_header_left_out(raw):
    request = raw.signer(unsigned=("x-amz-security-token", "x-amz-sneaky")).sign(raw.form("ListUsers").with_header("X-Amz-Sneaky", "1"))
    refused(raw.send(request), *FORGERY)


def test_an_x_amz_header_added_after_signing(raw):
    refused(raw.send(raw.signer().sign(raw.form("ListUsers")).with_header("X-Amz-Target", "Other.Call")), *FORGERY)


def test_the_host_changed_after_signing(raw):
    refused(raw.send(raw.signer().sign(raw.form("ListUsers")).with_header("Host", "iam.amazonaws.com")), *FORGERY)


def test_a_signed_header_sent_twice(raw):
    signed = raw.signer().sign(raw.form("ListUsers"))
    signed.headers.append(("X-Amz-Date", signed.header("X-Amz-Date")))
    assert raw.send(signed).status == 400


def test_authorization_sent_twice(raw, other_account):
    signed = raw.signer().sign(raw.form("ListUsers"))
    other = Raw(other_account.root).signer().sign(raw.form("ListUsers"))
    signed.headers.append(("Authorization", authorization(other)))
    assert raw.send(signed).status == 400


def test_a_signed_header_named_but_not_sent(raw):
    signed = rewritten(raw.signer().sign(raw.form("ListUsers")), lambda value: value.replace("SignedHeaders=", "SignedHeaders=a-ghost;"))
    refused(raw.send(signed), *FORGERY)


def test_signed_headers_out_of_order_or_in_capitals(raw):
    for change in (lambda v: v.replace("content-length;content-type", "content-type;content-length"), lambda v: v.replace("content-length", "Content-Length")):
        refused(raw.send(rewritten(raw.signer().sign(raw.form("ListUsers")), change)), *FORGERY, *INCOMPLETE)


# --- what is said -------------------------------------------------------------------------------------------------------------


def test_the_body_changed_after_signing(raw):
    signed = raw.signer().sign(raw.form("DeleteUser", UserName="ann"))
    signed.body = signed.body.replace(b"ann", b"bob")
    refused(raw.send(signed), *FORGERY)


def test_the_body_hash_claimed_and_false(raw):
    request = raw.form("ListUsers").with_header("X-Amz-Content-Sha256", EMPTY_SHA256)
    refused(raw.send(raw.signer().sign(request)), *FORGERY, "XAmzContentSHA256Mismatch")


def test_a_body_hash_that_promises_nothing_is_for_s3_alone(raw):
    """An unsigned payload would let anybody on the way change the call. AWS takes it from S3 clients only."""
    request = raw.form("ListUsers").with_header("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
    refused(raw.send(raw.signer().sign(request)), *FORGERY)


def test_the_query_changed_after_signing(raw):
    signed = raw.signer().sign(raw.form("ListUsers"))
    signed.query = "Action=ListRoles"
    refused(raw.send(signed), *FORGERY)


def test_the_path_changed_after_signing(raw):
    for path in ("/other", "//", "/%2e", "/./x/..%2f"):
        signed = raw.signer().sign(raw.form("ListUsers"))
        signed.path = path
        answer = raw.send(signed)
        assert answer.status >= 400 or path == "//", f"{path}: {answer.text}"


def test_the_method_changed_after_signing(raw):
    for method in ("PUT", "DELETE", "PATCH"):
        signed = raw.signer().sign(raw.form("ListUsers"))
        signed.method = method
        answer = raw.send(signed)
        assert 400 <= answer.status < 500, f"{method}: {answer.status}"


# --- presigned ----------------------------------------------------------------------------------------------------------------


def presigned(raw, expires_seconds=300, **bends):
    query = raw.form("ListUsers").body.decode()
    return raw.signer(**bends).presign(Request("GET", "/", query, [("Host", raw.host)]), expires_seconds)


def test_presigned_and_expired(raw):
    refused(raw.send(presigned(raw, 60, time=now(seconds=61))), "SignatureDoesNotMatch", "RequestExpired", "ExpiredToken", "AccessDenied")


@pytest.mark.parametrize("seconds", [-1, 604801, 99999999999999999999])
def test_presigned_for_longer_than_a_week_or_less_than_nothing(raw, seconds):
    refused(raw.send(presigned(raw, seconds)), *INCOMPLETE, "AuthorizationQueryParametersError")


def test_presigned_with_its_life_lengthened(raw):
    request = presigned(raw, 60, time=now(seconds=90))
    request.query = request.query.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")
    refused(raw.send(request), *FORGERY)


def test_presigned_without_a_signature(raw):
    request = presigned(raw)
    request.query = request.query.split("&X-Amz-Signature=")[0]
    refused(raw.send(request), *INCOMPLETE)


def test_presigned_and_given_more_parameters(raw):
    request = presigned(raw)
    request.query += "&PathPrefix=/secret/"
    refused(raw.send(request), *FORGERY)


def test_presigned_with_a_doubled_signature_parameter(raw):
    for parameter in ("X-Amz-Signature=" + "0" * 64, "X-Amz-Expires=86400", "X-Amz-Credential=a/b/c/d/e"):
        request = presigned(raw)
        request.query += "&" + parameter
        refused(raw.send(request), *FORGERY, *INCOMPLETE)


def test_header_and_query_authentication_together(raw):
    request = presigned(raw)
    request.headers += [("Authorization", authorization(raw.signer().sign(raw.form("ListUsers"))))]
    answer = raw.send(request)
    assert 400 <= answer.status < 500, answer.text


# --- sessions -----------------------------------------------------------------------------------------------------------------


def session_of(account):
    from harness.callers import allow, trust

    role = account.role(trust(account.id), allow("iam:ListUsers"))
    return account.user(allow("sts:AssumeRole")).assume(role)


def with_credentials(caller, **changes):
    from dataclasses import replace

    return Raw(replace(caller, credentials=replace(caller.credentials, **changes)))


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_session_token_cut(account, cut):
    session = session_of(account)
    refused(with_credentials(session, token=session.credentials.token[:-cut]).call("ListUsers"), "InvalidClientTokenId")


def test_a_session_token_with_any_letter_changed(account):
    session = session_of(account)
    token = session.credentials.token
    for place in range(0, len(token), max(1, len(token) // 24)):
        letter = "A" if token[place] != "A" else "B"
        refused(with_credentials(session, token=token[:place] + letter + token[place + 1 :]).call("ListUsers"), "InvalidClientTokenId", *FORGERY)


def test_a_session_without_its_token(account):
    refused(with_credentials(session_of(account), token=None).call("ListUsers"), "InvalidClientTokenId", "UnrecognizedClientException")


def test_a_session_token_beside_a_long_term_key(account):
    session = session_of(account)
    refused(with_credentials(account.root, token=session.credentials.token).call("ListUsers"), "InvalidClientTokenId")


def test_the_token_of_one_session_with_the_key_of_another(account):
    first, second = session_of(account), session_of(account)
    refused(with_credentials(first, token=second.credentials.token).call("ListUsers"), "InvalidClientTokenId", *FORGERY)


def test_a_token_of_another_deployment(account, tmp_path):
    from harness.callers import Account, Caller
    from harness.server import Server

    root = Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789")
    with Server(tmp_path, "--ephemeral", "--root-credentials", f"{root.access_key_id}:{root.secret}:{account.id}") as elsewhere:
        foreign = session_of(Account(account.id, Caller(elsewhere.endpoint, root)))
        assert Raw(foreign).call("ListUsers").status == 200
    from dataclasses import replace

    refused(Raw(replace(foreign, endpoint=account.root.endpoint)).call("ListUsers"), "InvalidClientTokenId")


def test_a_get_with_a_form_body_hides_nothing(raw):
    body = b"Action=ListUsers&Version=2010-05-08"
    request = Request("GET", "/", "Action=GetAccountSummary&Version=2010-05-08", [("Host", raw.host), ("Content-Type", FORM), ("Content-Length", str(len(body)))], body)
    answer = raw.send(raw.signer().sign(request))
    assert "<ListUsersResult" not in answer.text
    assert sha256(body) != EMPTY_SHA256
