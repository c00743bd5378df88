"""A client for what a measurement needs set up: a signed call of the query protocol."""

import datetime
import hashlib
import hmac
import http.client
import re
import urllib.parse

VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}


def call(host, service, action, key="test", secret="test", **parameters):
    """Calls an operation and gives the body of its answer; an error ends the run."""
    body = urllib.parse.urlencode({"Action": action, "Version": VERSIONS[service], **parameters})
    headers = sign(host, service, body, key, secret)
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("POST", "/", body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{service}:{action} answered {answer.status}: {text}")
    return text


def sign(host, service, body, key, secret):
    """The headers of a signed request."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    content_type = "application/x-www-form-urlencoded; charset=utf-8"
    signed = "content-type;host;x-amz-date"
    fields = f"content-type:{content_type}\nhost:{host}\nx-amz-date:{now}\n"
    canonical = f"POST\n/\n\n{fields}\n{signed}\n{hashlib.sha256(body.encode()).hexdigest()}"
    scope = f"{now[:8]}/us-east-1/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    derived = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
    signature = hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
    return {
        "Host": host, "Content-Type": content_type, "X-Amz-Date": now,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={signed}, Signature={signature}",
    }


def element(text, name):
    """The text of an XML element."""
    return re.search(f"<{name}>([^<]*)</{name}>", text).group(1)
