"""The bendable signer is honest when it is not bent: it agrees with botocore, and the server takes what it signs."""

from datetime import datetime, timezone

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.signing import Request, Signer
from harness.wire import Raw

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)


@pytest.mark.parametrize("query", ["", "b=2&a=1", "a=%2F&A=x%20y&empty="])
@pytest.mark.parametrize("path", ["/", "/a%20b/c"])
def test_it_signs_as_botocore_does(monkeypatch, path, query):
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW)
    theirs = AWSRequest("POST", f"http://host{path}" + (f"?{query}" if query else ""), data=b"body", headers={"Host": "host", "X-Amz-Thing": " a  b "})
    SigV4Auth(Credentials("KEY", "secret", "token"), "iam", "eu-west-1").add_auth(theirs)
    ours = Signer("KEY", "secret", "token", region="eu-west-1", time=NOW)
    signed = ours.sign(Request("POST", path, query, [("Host", "host"), ("X-Amz-Thing", " a  b ")], b"body"))
    assert signed.header("Authorization") == theirs.headers["Authorization"]


def test_the_server_takes_what_it_signs(account):
    raw = Raw(account.root)
    assert raw.call("ListUsers").status == 200
    request = raw.form("ListUsers")
    presigned = raw.signer().presign(Request("GET", "/", request.body.decode(), [("Host", raw.host)]))
    assert raw.send(presigned).status == 200
