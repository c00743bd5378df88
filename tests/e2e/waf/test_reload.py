"""Another ACL, put in force while requests are under way: none is dropped, none decided by half of it."""

import http.client
import json
import signal
import threading
import time

import pytest
from harness.edge import Behind, Edge, ask, contains, rule, web_acl


def acl(number: int) -> dict:
    """Blocks /a with this code and /b with the same: an answer of two versions would differ."""
    blocked = {"Block": {"CustomResponse": {"ResponseCode": number}}}
    return web_acl(rule("a", 0, contains({"UriPath": {}}, "/a"), blocked), rule("b", 1, contains({"UriPath": {}}, "/b"), blocked))


def replace(path, value: dict) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(value))
    fresh.rename(path)


def until(holds, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_changed_file_is_in_force_within_a_second_and_a_broken_one_never(tmp_path):
    with Behind() as behind, Edge(tmp_path, acl(404), upstreams=(behind.url,)) as edge:
        assert ask(edge, target="/a")[0] == 404
        replace(edge.acl_path, acl(405))
        assert until(lambda: ask(edge, target="/a")[0] == 405, 1)
        edge.acl_path.write_text("{")
        assert until(lambda: "the old one stays" in edge.log)
        assert ask(edge, target="/a")[0] == 405
        replace(edge.acl_path, acl(409))
        assert until(lambda: ask(edge, target="/a")[0] == 409)
        edge.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert ask(edge, target="/a")[0] == 409


@pytest.mark.slow
def test_a_change_every_100_ms_under_load_drops_nothing(tmp_path):
    codes = [404, 405, 409, 410, 429]
    with Behind() as behind, Edge(tmp_path, acl(codes[0]), upstreams=(behind.url,)) as edge:
        over = threading.Event()
        seen, problems = set(), []

        def load():
            connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
            while not over.is_set():
                for target in ("/a", "/b", "/free"):
                    try:
                        connection.request("GET", target)
                        answer = connection.getresponse()
                        answer.read()
                    except (OSError, http.client.HTTPException) as error:
                        problems.append(f"{target}: {error!r}")
                        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
                        continue
                    expected = answer.status == 200 if target == "/free" else answer.status in codes
                    if not expected:
                        problems.append(f"{target}: {answer.status}")
                    seen.add(answer.status)

        clients = [threading.Thread(target=load) for _ in range(4)]
        for client in clients:
            client.start()
        for number in range(100):
            replace(edge.acl_path, acl(codes[number % len(codes)]))
            if number % 3 == 0:
                edge.process.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        over.set()
        for client in clients:
            client.join()
        assert problems == []
        assert len(seen & set(codes)) >= 3, "versions were in force one after another"
