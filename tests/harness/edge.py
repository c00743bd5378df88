"""`palisade waf serve` as a process, and a server behind it that says what it saw."""

import http.client
import http.server
import json
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from harness.server import binary, clean_environment, free_port


def visibility(name: str) -> dict:
    return {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": name}


def rule(name: str, priority: int, statement: dict, action: dict | None = None, **more) -> dict:
    """A rule of a web ACL; it blocks if nothing else is said."""
    return {"Name": name, "Priority": priority, "Statement": statement, "Action": action or {"Block": {}}, "VisibilityConfig": visibility(name), **more}


def web_acl(*rules: dict, **more) -> dict:
    """A web ACL that allows what no rule decides."""
    return {"Name": "shop", "DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility("shop"), "Rules": list(rules), **more}


def sqli(field: dict, *transformations: str) -> dict:
    chain = [{"Priority": number, "Type": kind} for number, kind in enumerate(transformations or ("NONE",))]
    return {"SqliMatchStatement": {"FieldToMatch": field, "TextTransformations": chain}}


def contains(field: dict, text: str, *transformations: str) -> dict:
    import base64

    chain = [{"Priority": number, "Type": kind} for number, kind in enumerate(transformations or ("NONE",))]
    return {"ByteMatchStatement": {"FieldToMatch": field, "SearchString": base64.b64encode(text.encode()).decode(), "PositionalConstraint": "CONTAINS", "TextTransformations": chain}}


BODY = {"Body": {"OversizeHandling": "CONTINUE"}}


def ask(edge, method="GET", target="/", body=None, headers=None):
    """Status, headers and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
    connection.request(method, target, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.headers, data


class Behind:
    """A server that answers with what it saw, as JSON, and keeps it."""

    def __init__(self):
        self.seen: list[dict] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                saw = {"method": self.command, "target": self.path, "headers": self.headers.items(), "body": body.decode("latin-1"), "port": self.client_address[1]}
                outer.seen.append(saw)
                if delay := self.headers.get("X-Delay"):
                    time.sleep(float(delay))
                text = json.dumps(saw).encode()
                self.send_response(int(self.headers.get("X-Status") or 200))
                self.send_header("Content-Type", "application/json")
                if self.headers.get("X-Chunked"):
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for at in range(0, len(text), 7):
                        piece = text[at:at + 7]
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")
                    return
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self) -> "Behind":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


class Edge:
    """One `palisade waf serve` on a free port, before servers at `upstreams`."""

    def __init__(self, folder: Path, acl: dict | None, *flags: str, upstreams: tuple[str, ...] = (), wrapper: tuple[str, ...] = ()):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.acl_path = folder / "acl.json"
        by = ("--web-acl", str(self.acl_path)) if acl else ()
        if acl:
            self.acl_path.write_text(json.dumps(acl))
        self.log_path = folder / f"edge-{self.port}.log"
        behind = [part for url in upstreams for part in ("--upstream", url)]
        self.command = [*wrapper, str(binary()), "waf", "serve", "--listen", f"127.0.0.1:{self.port}", *by, *behind, *map(str, flags)]
        self.process: subprocess.Popen | None = None

    def start(self, timeout_seconds: float = 10) -> "Edge":
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=clean_environment())
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with {self.process.returncode} before it was ready:\n{self.log}")
            if "Palisade serves" in self.log:
                return self
            time.sleep(0.01)
        self.kill()
        raise TimeoutError(self.log)

    def send(self, data: bytes, timeout_seconds: float = 5, close: bool = False) -> bytes:
        """What comes back for these bytes on a connection of their own, until it ends or nothing comes for a while."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_seconds) as connection:
            connection.sendall(data)
            if close:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except (TimeoutError, ConnectionResetError):
                pass
            return answer

    def stop(self, timeout_seconds: float = 15) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop within {timeout_seconds} s:\n{self.log[-4000:]}") from None
        assert code == 0, f"it ended with {code}:\n{self.log[-4000:]}"
        assert "panicked" not in self.log, self.log[-8000:]

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def __enter__(self) -> "Edge":
        return self.start()

    def __exit__(self, failed, *_) -> None:
        self.kill() if failed else self.stop()
