"""What a listener says of itself, and whom it believes."""

import json
import socket
import time
import urllib.request

import pytest
from harness.edge import Behind, Edge, ask, contains, rule, web_acl
from harness.server import free_port

EVIL = {"IPSetReferenceStatement": {"ARN": "arn:aws:wafv2:us-east-1:000000000000:regional/ipset/evil/1"}}
SET = {"Name": "evil", "Id": "1", "ARN": EVIL["IPSetReferenceStatement"]["ARN"], "IPAddressVersion": "IPV4", "Addresses": ["203.0.113.66/32"]}


def test_the_proxy_protocol_says_who_the_client_is(tmp_path):
    acl = {"WebACL": web_acl(rule("evil", 0, EVIL)), "IPSets": [SET]}
    request = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    address = lambda last: b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([203, 0, 113, last, 127, 0, 0, 1, 0, 5, 1, 187])
    with Behind() as behind, Edge(tmp_path, acl, "--proxy-protocol", upstreams=(behind.url,)) as edge:
        assert edge.send(b"PROXY TCP4 203.0.113.66 127.0.0.1 5 443\r\n" + request).startswith(b"HTTP/1.1 403")
        assert edge.send(address(66) + request).startswith(b"HTTP/1.1 403")
        answer = edge.send(address(67) + request)
        headers = dict(json.loads(answer.split(b"\r\n\r\n", 1)[1])["headers"])
        assert headers["X-Forwarded-For"] == "203.0.113.67" and headers["X-Forwarded-Port"] == "443"
        assert edge.send(b"PROXY UNKNOWN\r\n" + request).startswith(b"HTTP/1.1 200")
        assert edge.send(request) == b"", "without a header there is no answer"


def test_metrics_are_on_an_address_of_their_own(tmp_path):
    port = free_port()
    acl = web_acl(rule("a", 0, contains({"UriPath": {}}, "/a")), rule("b", 1, contains({"UriPath": {}}, "/b"), {"Count": {}}, RuleLabels=[{"Name": "b"}]))
    with Behind() as behind, Edge(tmp_path, acl, "--metrics-listen", f"127.0.0.1:{port}", upstreams=(behind.url,)) as edge:
        for target in ("/a", "/b", "/b", "/"):
            ask(edge, target=target)
        edge.send(b"nonsense\r\n\r\n")
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    for line in ('requests_total{webacl="shop",action="ALLOW"} 3', 'requests_total{webacl="shop",action="BLOCK"} 1', "refused_total 1",
                 'rule_matches_total{webacl="shop",group="",rule="b",action="COUNT"} 2', 'labels_total{label="awswaf:000000000000:webacl:shop:b"} 2'):
        assert f"palisade_waf_{line}\n" in text, text


@pytest.mark.slow
def test_slow_heads_and_bodies_hold_nobody_up_and_are_let_go(tmp_path):
    with Behind() as behind, Edge(tmp_path, web_acl(), upstreams=(behind.url,)) as edge:
        slow = [socket.create_connection(("127.0.0.1", edge.port)) for _ in range(300)]
        for number, connection in enumerate(slow):
            connection.sendall(b"GET / HTTP/1.1\r\nHost:" if number % 2 else b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        assert ask(edge)[0] == 200
        began = time.monotonic()
        slow[1].settimeout(20)
        assert slow[1].recv(100).startswith(b"HTTP/1.1 408") and time.monotonic() - began > 5
        for connection in slow:
            connection.close()
        assert ask(edge)[0] == 200
