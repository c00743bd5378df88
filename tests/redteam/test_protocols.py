"""Red team: requests that say two things at once, or nothing sensible. None may be answered as the wrong one of the two, none may
stop the server, and none may cost it much."""

import json

import pytest

from harness.signing import Request
from harness.wire import FORM, Raw, send_bytes

CLOUDTRAIL = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"
LOOKUP = f"{CLOUDTRAIL}.LookupEvents"


@pytest.fixture
def raw(account):
    return Raw(account.root)


@pytest.fixture(autouse=True)
def still_alive(world):
    """Whatever was thrown at the server, it serves on."""
    yield
    assert world.server.process.poll() is None and world.server.is_healthy()


def signed_form(raw, body: bytes, content_type=FORM, service="iam"):
    return raw.signer(service).sign(raw.request(body, content_type))


def client_error(answer):
    assert 400 <= answer.status < 500, f"{answer.status}: {answer.text[:500]}"
    return answer


# --- said twice ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [
    b"Action=ListUsers&Action=DeleteUser&UserName=ann&Version=2010-05-08",
    b"Action=GetUser&UserName=ann&UserName=bob&Version=2010-05-08",
    b"Action=GetUser&UserName=ann&%55serName=bob&Version=2010-05-08",
    b"Action=ListUsers&Version=2010-05-08&Version=2011-06-15",
], ids=["action", "member", "member, encoded", "version"])
def test_a_parameter_given_twice(account, raw, body):
    """Which of the two decides must not depend on who reads it: authorization and handler see one value, or there is an error."""
    account.iam.create_user(UserName="ann")
    account.iam.create_user(UserName="bob")
    client_error(raw.send(signed_form(raw, body)))
    assert len(account.iam.list_users()["Users"]) == 2


def test_an_action_in_the_query_and_another_in_the_body(account, raw):
    account.iam.create_user(UserName="ann")
    body = b"Action=DeleteUser&UserName=ann&Version=2010-05-08"
    request = raw.request(body, FORM)
    request.query = "Action=ListUsers&Version=2010-05-08"
    client_error(raw.send(raw.signer().sign(request)))
    assert account.iam.get_user(UserName="ann")["User"]


@pytest.mark.parametrize("body", [
    b'{"MaxResults": 1, "MaxResults": 50}',
    b'{"LookupAttributes": [], "LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"}]}',
    b'{"MaxResults": 1, "Max\\u0052esults": 50}',
], ids=["number", "list", "escaped"])
def test_a_json_key_given_twice(raw, body):
    request = raw.json(LOOKUP, body)
    assert client_error(raw.send(raw.signer("cloudtrail").sign(request))).code == "SerializationException"


def test_a_policy_with_a_key_given_twice(account):
    from harness.callers import refused

    account.iam.create_user(UserName="ann")
    text = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}'
    with refused("MalformedPolicyDocument", status=400):
        account.iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=text)


def test_a_target_header_given_twice(raw):
    request = raw.signer("cloudtrail").sign(raw.json(LOOKUP, b"{}"))
    request.headers.append(("X-Amz-Target", f"{CLOUDTRAIL}.DeleteTrail"))
    client_error(raw.send(request))


def test_a_list_with_a_gap_or_a_giant_index(account, raw):
    account.iam.create_user(UserName="ann")
    for name in ("Tags.member.999999999.Key", "Tags.member.-1.Key", "Tags.member.1e9.Key", "Tags.member.18446744073709551616.Key", "Tags.member.0.Key"):
        client_error(raw.call("TagUser", UserName="ann", **{name: "k"}))
    assert account.iam.list_user_tags(UserName="ann")["Tags"] == []


# --- framing ------------------------------------------------------------------------------------------------------------------


def head(raw, *lines, target="/"):
    return "\r\n".join([f"POST {target} HTTP/1.1", f"Host: {raw.host}", *lines, "", ""]).encode("latin-1")


def statuses(answers):
    return [answer.status for answer in answers]


SMUGGLED = b"GET /_palisade/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("lines", [
    ("Content-Length: 5", "Transfer-Encoding: chunked"),
    ("Content-Length: 5", "Content-Length: 6"),
    ("Content-Length: 5, 6",),
    ("Content-Length: +5",),
    ("Content-Length: 0x5",),
    ("Content-Length: -1",),
    ("Content-Length: 99999999999999999999999",),
    ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    ("Transfer-Encoding: xchunked",),
    ("Transfer-Encoding: chunked, identity",),
    ("Transfer-Encoding : chunked",),
    ("Transfer-Encoding:\x0bchunked",),
    ("X: 1\n Transfer-Encoding: chunked", "Content-Length: 5"),
    ("Content Length: 5",),
], ids=repr)
def test_a_body_whose_end_is_in_doubt_smuggles_nothing(raw, lines):
    """Whatever follows such a head, no second request may come out of it."""
    answers = send_bytes(raw.port, head(raw, *lines) + b"0\r\n\r\n" + SMUGGLED, timeout_seconds=3)
    assert len(answers) <= 1 or answers[0].status < 500 and 200 not in statuses(answers[1:]), statuses(answers)
    assert 200 not in statuses(answers[:1])


@pytest.mark.parametrize("chunks", [
    b"zz\r\nabc\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nabc", b"3\nabc\n0\n\n", b"3;" + b"x" * 70000 + b"\r\nabc\r\n0\r\n\r\n",
], ids=["no hex", "negative", "too large", "bare newlines", "endless extension"])
def test_chunks_that_are_none(raw, chunks):
    answers = send_bytes(raw.port, head(raw, "Transfer-Encoding: chunked", f"Content-Type: {FORM}") + chunks, timeout_seconds=3)
    assert 200 not in statuses(answers)


@pytest.mark.parametrize("data", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 4096,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n", b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
], ids=["nothing", "half a line", "version", "TLS", "zeros", "HTTP/2", "no host", "absolute", "connect", "two hosts", "zero byte", "raw bytes in path"])
def test_bytes_that_are_no_request(raw, data):
    answers = send_bytes(raw.port, data, timeout_seconds=3, half_close=True)
    assert all(400 <= status < 500 or status == 505 for status in statuses(answers)), statuses(answers)


# --- size and depth -----------------------------------------------------------------------------------------------------------


def test_headers_without_end(raw):
    assert not any(s < 400 for s in statuses(send_bytes(raw.port, head(raw, "X: " + "a" * 1_000_000), timeout_seconds=5)))
    assert not any(s < 400 for s in statuses(send_bytes(raw.port, head(raw, *(f"X-{n}: 1" for n in range(20_000))), timeout_seconds=5)))


def test_a_path_without_end(raw):
    answers = send_bytes(raw.port, head(raw, target="/" + "a" * 200_000), timeout_seconds=5)
    assert not any(s < 400 for s in statuses(answers))


def test_a_body_announced_as_huge_is_refused_before_it_comes(raw):
    request = raw.form("ListUsers").with_header("Content-Length", str(10**12))
    answers = send_bytes(raw.port, raw.signer().sign(request).bytes(), timeout_seconds=10)
    assert answers and 400 <= answers[0].status < 500


def test_a_huge_body_is_refused(raw):
    body = b"Action=ListUsers&Version=2010-05-08&Padding=" + b"x" * 20_000_000
    answers = send_bytes(raw.port, signed_form(raw, body).bytes(), timeout_seconds=20)
    assert not any(s < 400 for s in statuses(answers))


def test_a_stranger_cannot_make_the_server_read_a_large_body(raw):
    body = b"Action=ListUsers&Version=2010-05-08&Padding=" + b"x" * 900_000
    client_error(raw.send(raw.request(body, FORM)))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"LookupAttributes":' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"MaxResults": 1e999999}', b'{"MaxResults": ' + b"9" * 100_000 + b"}"],
                         ids=["lists", "objects", "closed", "exponent", "digits"])
def test_json_nested_or_numbered_beyond_reason(raw, body):
    client_error(raw.send(raw.signer("cloudtrail").sign(raw.json(LOOKUP, body))))


def test_a_policy_nested_beyond_reason(account):
    account.iam.create_user(UserName="ann")
    raw = Raw(account.root)
    deep = '{"Version":"2012-10-17","Statement":' + "[" * 900 + "]" * 900 + "}"
    assert client_error(raw.call("PutUserPolicy", UserName="ann", PolicyName="p", PolicyDocument=deep)).code == "MalformedPolicyDocument"


def test_a_form_with_very_many_members(account, raw):
    account.iam.create_user(UserName="ann")
    tags = {f"Tags.member.{n}.Key": f"k{n}" for n in range(1, 9000)} | {f"Tags.member.{n}.Value": "v" for n in range(1, 9000)}
    client_error(raw.call("TagUser", UserName="ann", **tags))


# --- letters ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["%ff%fe", "%c0%ae", "%ed%a0%80", "%00", "a%", "a%4", "a%zz", "ann%0d%0aX-Injected:%201", "%E2%80%8Eann", "ann%20", "Ann%CC%88"],
                         ids=["no UTF-8", "overlong", "surrogate", "zero", "cut", "cut short", "no hex", "header split", "direction mark", "space", "combining"])
def test_names_in_letters_that_are_none(account, raw, name):
    answer = client_error(raw.send(signed_form(raw, f"Action=CreateUser&Version=2010-05-08&UserName={name}".encode())))
    assert "x-injected" not in answer.headers
    assert account.iam.list_users()["Users"] == []


def test_an_error_repeats_nothing_that_breaks_out_of_its_markup(raw):
    for hostile in ("<Code>Fake</Code>", "]]><x/>", "&#x41;", "\"'><script>"):
        answer = client_error(raw.call("GetUser", UserName=hostile))
        assert hostile not in answer.text and answer.text.count("<Code>") == 1


def test_bytes_in_headers_that_are_no_text(account, raw):
    signed = raw.signer().sign(raw.form("ListUsers")).with_header("User-Agent", "\udcff\udcfeagent")
    answer = raw.send(signed)
    assert answer.status in (200, 400)


# --- the wrong dress ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "text/xml", "multipart/form-data; boundary=x", ""])
def test_a_form_under_another_content_type(account, raw, content_type):
    """A server that guesses can be led: what is not announced as a form is not read as one."""
    answer = raw.send(signed_form(raw, b"Action=CreateUser&UserName=sneaky&Version=2010-05-08", content_type))
    client_error(answer)
    assert account.iam.list_users()["Users"] == []


@pytest.mark.parametrize(("target", "code"), [
    (f"{CLOUDTRAIL}.NoSuchCall", "UnknownOperationException"),
    (f"{CLOUDTRAIL}.", "UnknownOperationException"),
    ("NoSuchService.LookupEvents", "UnknownOperationException"),
    ("LookupEvents", "UnknownOperationException"),
    ("." * 2000, "UnknownOperationException"),
])
def test_a_target_that_is_none(raw, target, code):
    assert client_error(raw.send(raw.signer("cloudtrail").sign(raw.json(target, b"{}")))).code in {code, "InvalidAction", "SerializationException"}


@pytest.mark.parametrize("action", ["NoSuchCall", "", "listusers", "ListUsers\x00", "../ListUsers", "ListUsers;DeleteUser"])
def test_an_action_that_is_none(raw, action):
    assert client_error(raw.call(action)).code in {"InvalidAction", "MissingAction", "ValidationError"}


@pytest.mark.parametrize("version", ["2011-06-15", "", "1999-01-01", "latest"])
def test_a_version_that_is_none(raw, version):
    client_error(raw.call("ListUsers", Version=version))


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b"{", b"{}{}", b"{'MaxResults': 1}", b'{"MaxResults": "1"}', b'{"MaxResults": 1.5}', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00"],
                         ids=["empty", "null", "list", "string", "cut", "two", "quotes", "text for number", "fraction", "mark", "UTF-16"])
def test_json_that_is_not_the_calls(raw, body):
    answer = raw.send(raw.signer("cloudtrail").sign(raw.json(LOOKUP, body)))
    if body == b"":
        assert answer.status in (200, 400)
    else:
        assert client_error(answer).code == "SerializationException"


def test_palisades_own_paths_are_signed_for_too(raw):
    for method, path in [("GET", "/_palisade/metrics"), ("POST", "/_palisade/what-if"), ("GET", "/_palisade/backup"), ("GET", "/_palisade/explain/" + "0" * 8 + "-0000-0000-0000-" + "0" * 12),
                         ("POST", "/_palisade/journal/verify"), ("GET", "/_palisade/authentication-failures"), ("POST", "/_palisade/what-if/none/")]:
        client_error(raw.send(Request(method, path, "", [("Host", raw.host), ("Content-Length", "0")])))


@pytest.mark.parametrize("path", ["/_palisade/health/../metrics", "/_palisade/%68ealth/../backup", "/_palisade//metrics", "/_palisade/health%2f..%2fmetrics", "/_PALISADE/metrics", "/_palisade/health;/metrics"])
def test_the_open_door_to_health_leads_nowhere_else(raw, path):
    answer = raw.send(Request("GET", path, "", [("Host", raw.host)]))
    client_error(answer)
    assert "palisade_" not in answer.text


def test_ordinary_json_of_the_call_is_taken(raw):
    """The other side of the cases above: the dress was the only thing wrong."""
    answer = raw.send(raw.signer("cloudtrail").sign(raw.json(LOOKUP, b'{"MaxResults": 1}')))
    assert answer.status == 200 and "Events" in json.loads(answer.body)
    assert raw.send(signed_form(raw, b"Version=2010-05-08&Action=ListUsers")).status == 200
