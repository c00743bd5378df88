"""TLS and HTTP/2 at the listener: certificates by name, both protocols, what the first message says of a client."""

import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from harness.edge import BODY, Behind, Edge, rule, sqli, web_acl

ACL = web_acl(rule("sql", 0, sqli({"AllQueryArguments": {}}, "URL_DECODE")), rule("sql-in-body", 1, sqli(BODY, "URL_DECODE")))


def certificate(folder, name: str, *hosts: str) -> tuple[str, str]:
    """A self-signed certificate for these hosts; paths of certificate and key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not on the PATH: no certificate to serve with")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
               "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts), "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return str(cert), str(key)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    one, two = certificate(folder, "one", "one.example"), certificate(folder, "two", "two.example", "*.two.example")
    flags = ("--tls-cert", one[0], "--tls-key", one[1], "--tls-cert", two[0], "--tls-key", two[1], "--log", folder / "log")
    with Behind() as behind, Edge(folder, ACL, *flags, upstreams=(behind.url,)) as edge:
        assert "on https://" in edge.log
        edge.folder, edge.behind = folder, behind
        yield edge


def curl(edge, *arguments: str) -> str:
    if not shutil.which("curl"):
        pytest.skip("curl is not on the PATH")
    if "HTTP2" not in subprocess.run(["curl", "-V"], capture_output=True, text=True).stdout:
        pytest.skip("this curl does not speak HTTP/2")
    command = ["curl", "--silent", "--insecure", "--max-time", "10", "--resolve", f"one.example:{edge.port}:127.0.0.1", *arguments]
    return subprocess.run(command, capture_output=True, text=True).stdout


def named(edge, name: str | None) -> str:
    """The common name of the certificate that a client gets who asks for this name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", edge.port), timeout=5) as raw, context.wrap_socket(raw, server_hostname=name) as wrapped:
        der = wrapped.getpeercert(binary_form=True)
    from cryptography import x509

    return x509.load_der_x509_certificate(der).subject.rfc4514_string().removeprefix("CN=")


def records(edge, path: str) -> dict:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for line in (edge.folder / "log").read_text().splitlines():
            record = json.loads(line)
            if record["httpRequest"]["uri"] == path:
                return record
        time.sleep(0.02)
    raise AssertionError(path)


def test_the_certificate_is_the_one_for_the_name(tls):
    assert [named(tls, name) for name in ("one.example", "two.example", "a.two.example", "other.example", None)] == ["one", "two", "two", "one", "one"]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_both_protocols_are_decided_and_passed_on(tls, version):
    url = f"https://one.example:{tls.port}"
    saw = json.loads(curl(tls, version, "-b", "a=1", "-H", "X-Amzn-Waf-Role: admin", f"{url}/x?y=z"))
    headers = dict(saw["headers"])
    assert (saw["target"], headers["Host"], headers["X-Forwarded-Proto"]) == ("/x?y=z", f"one.example:{tls.port}", "https")
    assert {name.lower() for name in headers}.isdisjoint({"x-amzn-waf-role", "connection", "te"})
    answer = curl(tls, version, "-o", "/dev/null", "-w", "%{http_code} %{http_version}", f"{url}/?id=1%27%20OR%20%271%27=%271")
    assert answer == ("403 2" if version == "--http2" else "403 1.1")
    assert json.loads(curl(tls, version, "--data", "a=b", f"{url}/form"))["body"] == "a=b"
    assert curl(tls, version, "-o", "/dev/null", "-w", "%{http_code}", "--data", "id=1'+OR+'1'='1", f"{url}/form") == "403"
    long = "x" * 300_000
    (tls.folder / "long").write_text(long)
    assert len(json.loads(curl(tls, version, "--data-binary", f"@{tls.folder / 'long'}", f"{url}/long"))["body"]) == len(long)
    assert "403 Forbidden" in curl(tls, version, f"{url}/?id=1%27%20OR%20%271%27=%271")
    head = curl(tls, version, "--head", f"{url}/h")
    assert "content-length" in head.lower() and "200" in head.splitlines()[0]


def test_cookies_of_http2_are_one_field_and_its_version_is_on_record(tls):
    saw = json.loads(curl(tls, "--http2", "-H", "Cookie: a=1", "-H", "Cookie: b=2", f"https://one.example:{tls.port}/cookies"))
    assert [value for name, value in saw["headers"] if name == "cookie"] == ["a=1; b=2"]
    record = records(tls, "/cookies")["httpRequest"]
    assert (record["httpVersion"], record["scheme"], record["host"]) == ("HTTP/2.0", "https", f"one.example:{tls.port}")


def test_responses_of_unknown_length_come_whole_over_http2(tls):
    assert json.loads(curl(tls, "--http2", "-H", "X-Chunked: 1", f"https://one.example:{tls.port}/c"))["target"] == "/c"


def first_message(port: int, context: ssl.SSLContext, path: str) -> bytes:
    """Asks for the path, and gives the bytes of the client's first message."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="one.example")
    hello = None
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                data = outgoing.read()
                hello = hello or data
                if data:
                    connection.sendall(data)
                incoming.write(connection.recv(65536))
        connection.sendall(outgoing.read())
        client.write(f"GET {path} HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n".encode())
        connection.sendall(outgoing.read())
        while connection.recv(65536):
            pass
    return hello


def test_fingerprints_are_those_that_another_reader_sees(tls):
    ja4plus = pytest.importorskip("ja4plus", reason="ja4plus is not installed (pip install ja4plus): nothing to compare fingerprints with")
    from scapy.layers.inet import IP, TCP
    from scapy.packet import Raw

    plain = ssl._create_unverified_context()
    old = ssl._create_unverified_context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    offering = ssl._create_unverified_context()
    offering.set_alpn_protocols(["http/1.1"])
    few = ssl._create_unverified_context()
    few.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    for number, context in enumerate((plain, old, offering, few)):
        hello = first_message(tls.port, context, f"/ja4-{number}")
        packet = IP(src="192.0.2.1", dst="192.0.2.2") / TCP(sport=1, dport=443, flags="PA") / Raw(hello)
        record = records(tls, f"/ja4-{number}")
        assert record["ja4Fingerprint"] == ja4plus.JA4Fingerprinter().process_packet(packet)
        assert len(record["ja3Fingerprint"]) == len(hashlib.md5().hexdigest())


def test_certificates_are_read_again_when_they_change(tmp_path):
    cert, key = certificate(tmp_path, "first", "a.example")
    with Behind() as behind, Edge(tmp_path, web_acl(), "--tls-cert", cert, "--tls-key", key, upstreams=(behind.url,)) as edge:
        assert named(edge, "a.example") == "first"
        second = certificate(tmp_path, "second", "a.example")
        shutil.copy(second[1], key)
        shutil.copy(second[0], cert)
        deadline = time.monotonic() + 5
        while named(edge, "a.example") != "second":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_who_speaks_no_tls_gets_nothing(tls):
    assert b"200" not in tls.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", timeout_seconds=2)


GOOD = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/trick")]
TRICKS = {
    "no method": GOOD[1:],
    "two methods": [GOOD[0], *GOOD],
    "no path": GOOD[:3],
    "an empty path": [*GOOD[:3], (":path", "")],
    "a path without slash": [*GOOD[:3], (":path", "trick")],
    "a space in the path": [*GOOD[:3], (":path", "/trick HTTP/1.1")],
    "a line end in the path": [*GOOD[:3], (":path", "/trick HTTP/1.1\r\nX: y")],
    "a line end in the method": [(":method", "GET /hidden HTTP/1.1\r\nHost: b\r\n\r\nGET"), *GOOD[1:]],
    "a line end in a value": [*GOOD, ("x", "y\r\nTransfer-Encoding: chunked")],
    "a line end in a name": [*GOOD, ("x: y\r\ntransfer-encoding", "chunked")],
    "NUL in a value": [*GOOD, ("x", "y\0z")],
    "a name in capitals": [*GOOD, ("X-Capital", "y")],
    "a name with a colon": [*GOOD, ("x:y", "z")],
    "an empty name": [*GOOD, ("", "z")],
    "a pseudo-header after a field": [*GOOD[:3], ("x", "y"), GOOD[3]],
    "an unknown pseudo-header": [*GOOD, (":x", "y")],
    "a pseudo-header of responses": [*GOOD, (":status", "200")],
    "another host": [*GOOD, ("host", "b")],
    "two hosts": [GOOD[0], GOOD[1], GOOD[3], ("host", "a"), ("host", "b")],
    "no host": [GOOD[0], GOOD[1], GOOD[3]],
    "an authority with a user": [GOOD[0], GOOD[1], (":authority", "u@a"), GOOD[3]],
    "an encoding": [*GOOD, ("transfer-encoding", "chunked")],
    "a connection": [*GOOD, ("connection", "x")],
    "an upgrade": [*GOOD, ("upgrade", "h2c")],
    "another te": [*GOOD, ("te", "gzip")],
    "a length without a body": [*GOOD, ("content-length", "5")],
    "two lengths": [*GOOD, ("content-length", "0"), ("content-length", "5")],
    "a length with a sign": [*GOOD, ("content-length", "+0")],
    "CONNECT": [(":method", "CONNECT"), (":authority", "a:80")],
    "extended CONNECT": [(":method", "CONNECT"), (":protocol", "websocket"), *GOOD[1:]],
}


def ask_http2(edge, fields: list[tuple[str, str]]) -> bytes:
    """What comes back for one request with these fields, each as a literal of HPACK."""
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2"])
    block = b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in fields)
    frame = lambda kind, flags, stream, payload: len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    with socket.create_connection(("127.0.0.1", edge.port), timeout=5) as raw, context.wrap_socket(raw, server_hostname="one.example") as wrapped:
        assert wrapped.selected_alpn_protocol() == "h2"
        wrapped.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 5, 1, block))
        wrapped.settimeout(0.3)
        answer = b""
        try:
            while piece := wrapped.recv(65536):
                answer += piece
        except (TimeoutError, OSError):
            pass
        return answer


def test_what_is_no_request_of_http2_does_not_go_on(tls):
    assert b"/trick" in ask_http2(tls, GOOD), "a plain one does"
    before = len(tls.behind.seen)
    for name, fields in TRICKS.items():
        ask_http2(tls, fields)
        assert len(tls.behind.seen) == before, name
