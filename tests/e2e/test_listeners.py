"""What the server listens on: TLS with certificates that change while it serves, metrics, and peers that take their time."""

import json
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest

from harness.callers import Caller, Credentials
from harness.server import Server, free_port, palisade
from harness.wire import Raw, send_bytes

DEV = Credentials("test", "test")


def certificate(folder, name: str) -> None:
    """A self-signed certificate for 127.0.0.1 in `folder`, issued to `name`."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not on the PATH: no certificate to serve with")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)


def served_certificate(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=5)


class TlsServer(Server):
    """A server whose health is asked over TLS, whoever signed it."""

    def is_healthy(self) -> bool:
        self.endpoint = f"https://127.0.0.1:{self.port}"
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_palisade/health", timeout=2, context=ssl._create_unverified_context()) as answer:
                return answer.status == 200
        except OSError:
            return False


@pytest.fixture
def tls(tmp_path):
    certificate(tmp_path, "first")
    flags = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"), "--dev", "--ephemeral")
    with TlsServer(tmp_path, *flags) as server:
        yield server


def test_clients_call_over_tls_and_the_record_says_so(tls, tmp_path):
    root = Caller(tls.endpoint, DEV)
    sts = root.client("sts")
    sts._endpoint.http_session._verify = str(tmp_path / "cert.pem")
    assert sts.get_caller_identity()["Account"] == "000000000000"
    trail = root.client("cloudtrail")
    trail._endpoint.http_session._verify = str(tmp_path / "cert.pem")
    deadline = time.monotonic() + 5
    while not (events := trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetCallerIdentity"}])["Events"]):
        assert time.monotonic() < deadline
    details = json.loads(events[0]["CloudTrailEvent"])["tlsDetails"]
    assert details["tlsVersion"] in ("TLSv1.2", "TLSv1.3") and details["cipherSuite"].startswith("TLS_")


def test_certificates_are_read_again_on_sighup(tls, tmp_path):
    before = served_certificate(tls.port)
    certificate(tmp_path, "second")
    tls.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 5
    while served_certificate(tls.port) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert served_certificate(tls.port) != before
    (tmp_path / "cert.pem").write_text("nonsense")
    kept = served_certificate(tls.port)
    tls.process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert served_certificate(tls.port) == kept, "a bad certificate must not replace a good one"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions_of_tls_are_refused(tls, version):
    context = ssl._create_unverified_context()
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", tls.port), timeout=5) as connection:
        context.wrap_socket(connection)


def test_plain_http_on_a_tls_port_gets_nothing(tls):
    answers = send_bytes(tls.port, b"GET /_palisade/health HTTP/1.1\r\nHost: a\r\n\r\n", timeout_seconds=3)
    assert not [answer for answer in answers if answer.status == 200]


def test_a_client_with_the_wrong_scheme_is_told(tls, tmp_path):
    known = {"AWS_CA_BUNDLE": str(tmp_path / "cert.pem"), **DEV.environment()}
    verify = lambda endpoint: palisade("journal", "verify", "--endpoint-url", endpoint, environment=known)
    done = verify(tls.endpoint.replace("https:", "http:"))
    assert done.returncode == 1 and "if it serves TLS, the endpoint begins with https://" in done.stderr, done.stderr
    (tmp_path / "plain").mkdir()
    with Server(tmp_path / "plain", "--dev", "--ephemeral") as server:
        done = verify(server.endpoint.replace("http:", "https:"))
        assert done.returncode == 1 and "an endpoint of plain HTTP begins with http://" in done.stderr, done.stderr


def test_metrics_have_an_unsigned_listener_of_their_own_if_wanted(tmp_path):
    port = free_port()
    with Server(tmp_path, "--dev", "--ephemeral", "--metrics-listen", f"127.0.0.1:{port}") as server:
        root = Caller(server.endpoint, DEV)
        root.sts.get_caller_identity()
        read = lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
        deadline = time.monotonic() + 5
        while "GetCallerIdentity" not in (text := read()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "GetCallerIdentity" in text and "# TYPE palisade_" in text
        raw = Raw(root)
        (answer,) = send_bytes(port, raw.signer("sts").sign(raw.form("GetCallerIdentity", "sts")).bytes())
        assert "<GetCallerIdentityResult>" not in answer.text, "the unsigned listener serves metrics and nothing else"


def test_a_peer_that_never_finishes_its_head_is_let_go_and_others_are_served(tmp_path):
    with Server(tmp_path, "--dev", "--ephemeral") as server:
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        for connection in slow:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n")
        assert Caller(server.endpoint, DEV).sts.get_caller_identity()["Account"] == "000000000000"
        for connection in slow:
            connection.close()


def test_a_call_under_way_when_the_server_is_told_to_stop_is_answered(tmp_path):
    server = Server(tmp_path, "--dev", "--ephemeral").start()
    raw = Raw(Caller(server.endpoint, DEV))
    data = raw.signer("sts").sign(raw.form("GetCallerIdentity", "sts")).bytes()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data[:-10])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(data[-10:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert server.process.wait(15) == 0
