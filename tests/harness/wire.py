"""Requests as bytes on a socket, and what comes back: for what HTTP libraries rightly refuse to send."""

import json
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlencode

from harness.callers import Caller
from harness.signing import Request, Signer

FORM = "application/x-www-form-urlencoded; charset=utf-8"
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def code(self) -> str | None:
        """The AWS error code, in whichever protocol it came."""
        if self.status < 400:
            return None
        if named := re.search(r"<Code>([^<]+)</Code>", self.text):
            return named.group(1)
        if named := self.headers.get("x-amzn-errortype"):
            return named.split(":")[0].split("#")[-1]
        try:
            named = json.loads(self.body)
        except ValueError:
            return None
        return str(named.get("__type") or named.get("code") or "").split("#")[-1] or None

    @property
    def message(self) -> str:
        """The AWS error message."""
        if named := re.search(r"<Message>(.*?)</Message>", self.text, re.DOTALL):
            return named.group(1)
        try:
            parsed = json.loads(self.body)
        except ValueError:
            return ""
        return parsed.get("message") or parsed.get("Message") or ""


def send_bytes(port: int, data: bytes, timeout_seconds: float = 15, half_close: bool = False) -> list[Answer]:
    """Sends `data` as it is; every answer that comes back until the server closes or has nothing more to say."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds) as connection:
        received = b""
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server may refuse and close before everything is sent; its answer is what counts.
        answers: list[Answer] = []
        while True:
            answer, received = parse_answer(received)
            if answer:
                answers.append(answer)
                connection.settimeout(0.3)
                continue
            try:
                chunk = connection.recv(65536)
            except (TimeoutError, ConnectionError):
                chunk = b""
            if not chunk:
                return answers
            received += chunk


def parse_answer(received: bytes) -> tuple[Answer | None, bytes]:
    """The first whole answer in `received`, and what follows it."""
    head, separator, rest = received.partition(b"\r\n\r\n")
    if not separator:
        return None, received
    status_line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(status_line.split(" ")[1])
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, rest = parse_chunks(rest)
        return (Answer(status, headers, body), rest) if body is not None else (None, received)
    length = int(headers.get("content-length", "0"))
    if len(rest) < length:
        return None, received
    return Answer(status, headers, rest[:length]), rest[length:]


def parse_chunks(rest: bytes) -> tuple[bytes | None, bytes]:
    """A chunked body, if it is all there."""
    body = b""
    while True:
        size, separator, after = rest.partition(b"\r\n")
        if not separator:
            return None, rest
        length = int(size.split(b";")[0], 16)
        if len(after) < length + 2:
            return None, rest
        if length == 0:
            return body, after[2:]
        body, rest = body + after[:length], after[length + 2 :]


class Raw:
    """Raw access for one caller: builds honest requests, signs them, sends whatever it is given."""

    def __init__(self, caller: Caller):
        self.caller = caller
        self.port = int(caller.endpoint.rsplit(":", 1)[1])
        self.host = f"127.0.0.1:{self.port}"

    def signer(self, service: str = "iam", **bends) -> Signer:
        """A signer for this caller."""
        credentials = self.caller.credentials
        return Signer(credentials.access_key_id, credentials.secret, credentials.token, service=service, **bends)

    def form(self, operation: str, service: str = "iam", **parameters) -> Request:
        """A query-protocol request, unsigned."""
        fields = {"Action": operation, "Version": VERSIONS[service]} | parameters
        return self.request(urlencode(fields).encode(), FORM)

    def json(self, target: str, body: bytes, version: str = "1.1") -> Request:
        """A JSON-protocol request, unsigned."""
        return self.request(body, f"application/x-amz-json-{version}").with_header("X-Amz-Target", target)

    def request(self, body: bytes, content_type: str) -> Request:
        """A POST to `/`, unsigned."""
        headers = [("Host", self.host), ("Content-Type", content_type), ("Content-Length", str(len(body)))]
        return Request("POST", "/", "", headers, body)

    def call(self, operation: str, service: str = "iam", **parameters) -> Answer:
        """An honest call."""
        return self.send(self.signer(service).sign(self.form(operation, service, **parameters)))

    def send(self, request: Request | bytes) -> Answer:
        """Sends one request; there must be an answer."""
        data = request if isinstance(request, bytes) else request.bytes()
        answers = send_bytes(self.port, data)
        assert answers, "the server closed the connection without an answer"
        return answers[0]
