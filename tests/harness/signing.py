"""A SigV4 signer in which every part can be bent, for requests that no honest client sends.

It is written apart from botocore's on purpose; `redteam/test_signer.py` shows that, unbent, the two agree.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def sha256(data: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(data).hexdigest()


def encode(text: str, safe: str = "-_.~") -> str:
    """AWS's percent-encoding: everything but letters, digits and -_.~ (and what `safe` adds)."""
    return quote(text, safe=safe)


@dataclass
class Request:
    """A request as it will go over the wire. `path` and `query` are raw, as sent."""

    method: str = "POST"
    path: str = "/"
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_header(self, name: str, value: str) -> "Request":
        """The same request with this header in place of any of its name."""
        kept = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        return Request(self.method, self.path, self.query, [*kept, (name, value)], self.body)

    def without_header(self, name: str) -> "Request":
        """The same request without headers of this name."""
        kept = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        return Request(self.method, self.path, self.query, kept, self.body)

    def bytes(self) -> bytes:
        """The request in HTTP/1.1."""
        target = self.path + (f"?{self.query}" if self.query else "")
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + self.body


@dataclass
class Signer:
    """Signs for one caller. Fields left alone make an honest signature."""

    access_key_id: str
    secret: str
    token: str | None = None
    service: str = "iam"
    region: str = "us-east-1"
    time: datetime | None = None
    # What bends: the scope's date (YYYYMMDD), its terminator, the algorithm's name, the headers left out of the signature, and
    # the hash claimed for the body.
    scope_date: str | None = None
    terminator: str = "aws4_request"
    algorithm: str = "AWS4-HMAC-SHA256"
    unsigned: tuple[str, ...] = ()
    body_hash: str | None = None

    @property
    def amz_date(self) -> str:
        """The request's time as X-Amz-Date writes it."""
        return (self.time or datetime.now(timezone.utc)).strftime("%Y%m%dT%H%M%SZ")

    def scope(self, amz_date: str) -> str:
        """The credential scope."""
        return "/".join([self.scope_date or amz_date[:8], self.region, self.service, self.terminator])

    def key(self, amz_date: str) -> bytes:
        """The signing key of the scope."""
        key = b"AWS4" + self.secret.encode()
        for part in self.scope(amz_date).split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key

    def sign(self, request: Request) -> Request:
        """Adds X-Amz-Date, the session token and Authorization."""
        amz_date = self.amz_date
        request = request.with_header("X-Amz-Date", amz_date)
        if self.token:
            request = request.with_header("X-Amz-Security-Token", self.token)
        names = self.signed_names(request)
        payload = self.body_hash or request.header("X-Amz-Content-Sha256") or sha256(request.body)
        signature = self.signature(request, request.query, names, payload, amz_date)
        value = (
            f"{self.algorithm} Credential={self.access_key_id}/{self.scope(amz_date)}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        return request.with_header("Authorization", value)

    def presign(self, request: Request, expires_seconds: int = 300, **extra: str) -> Request:
        """Puts the signature into the query instead."""
        amz_date = self.amz_date
        names = self.signed_names(request)
        added = {
            "X-Amz-Algorithm": self.algorithm,
            "X-Amz-Credential": f"{self.access_key_id}/{self.scope(amz_date)}",
            "X-Amz-Date": amz_date,
            "X-Amz-Expires": str(expires_seconds),
            "X-Amz-SignedHeaders": ";".join(names),
        } | extra
        if self.token:
            added["X-Amz-Security-Token"] = self.token
        query = "&".join(filter(None, [request.query, *(f"{encode(k)}={encode(v)}" for k, v in added.items())]))
        payload = self.body_hash or sha256(request.body)
        signature = self.signature(request, query, names, payload, amz_date)
        return Request(request.method, request.path, f"{query}&X-Amz-Signature={signature}", request.headers, request.body)

    def signed_names(self, request: Request) -> list[str]:
        """The headers covered: all that are there, but those left out on purpose and what proxies may touch."""
        skipped = {"authorization", "connection", "user-agent", "transfer-encoding", *map(str.lower, self.unsigned)}
        return sorted({name.lower() for name, _ in request.headers} - skipped)

    def signature(self, request: Request, query: str, names: list[str], payload: str, amz_date: str) -> str:
        """The signature over the canonical request."""
        canonical = canonical_request(request, query, names, payload, double_encode=self.service != "s3")
        to_sign = "\n".join([self.algorithm, amz_date, self.scope(amz_date), sha256(canonical.encode())])
        return hmac.new(self.key(amz_date), to_sign.encode(), hashlib.sha256).hexdigest()


def canonical_request(request: Request, query: str, names: list[str], payload: str, double_encode: bool) -> str:
    """SigV4's canonical request over the raw path and query."""
    path = normalised(request.path) if double_encode else request.path
    path = encode(path, safe="/-_.~") if double_encode else path
    pairs = sorted(pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair)
    headers = [f"{name}:{','.join(squeezed(value) for key, value in request.headers if key.lower() == name)}" for name in names]
    return "\n".join([request.method, path or "/", "&".join(pairs), *headers, "", ";".join(names), payload])


def normalised(path: str) -> str:
    """The path without empty, `.` and `..` segments, as every service but S3 signs it."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if path.endswith("/") and kept else ""
    return "/" + "/".join(kept) + slash


def squeezed(value: str) -> str:
    """A header's value with runs of spaces made one."""
    return " ".join(value.split())
