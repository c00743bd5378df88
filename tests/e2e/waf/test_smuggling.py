"""Requests that two servers may read differently do not go through. Over raw sockets: no client would send them."""

import pytest

HEAD = b"Host: a\r\nConnection: close\r\n"


def get(more: bytes, line: bytes = b"GET /x HTTP/1.1\r\n", body: bytes = b"") -> bytes:
    return line + HEAD + more + b"\r\n" + body


REFUSED = {
    "both lengths": (400, get(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n")),
    "both lengths, the other way round": (400, get(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", body=b"0\r\n\r\n")),
    "two lengths": (400, get(b"Content-Length: 5\r\nContent-Length: 6\r\n", body=b"abcde")),
    "a length twice": (400, get(b"Content-Length: 5\r\nContent-Length: 5\r\n", body=b"abcde")),
    "a list of lengths": (400, get(b"Content-Length: 5, 5\r\n", body=b"abcde")),
    "a length with a sign": (400, get(b"Content-Length: +5\r\n", body=b"abcde")),
    "a negative length": (400, get(b"Content-Length: -5\r\n")),
    "a length in hexadecimal": (400, get(b"Content-Length: 0x5\r\n", body=b"abcde")),
    "a length in octal": (400, get(b"Content-Length: 0o5\r\n", body=b"abcde")),
    "a length with a space in it": (400, get(b"Content-Length: 1 0\r\n", body=b"abcde")),
    "no length": (400, get(b"Content-Length: \r\n")),
    "a length that is too long": (400, get(b"Content-Length: 99999999999999999999\r\n")),
    "a length with an underscore": (400, get(b"Content_Length: 5\r\n", body=b"abcde")),
    "an encoding with an underscore": (400, get(b"Transfer_Encoding: chunked\r\n", body=b"0\r\n\r\n")),
    "another encoding": (501, get(b"Transfer-Encoding: gzip\r\n")),
    "two encodings": (501, get(b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n")),
    "chunked twice": (501, get(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n")),
    "chunked and identity": (501, get(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", body=b"0\r\n\r\n")),
    "an encoding in quotes": (501, get(b'Transfer-Encoding: "chunked"\r\n', body=b"0\r\n\r\n")),
    "an encoding with a parameter": (501, get(b"Transfer-Encoding: chunked;q=1\r\n", body=b"0\r\n\r\n")),
    "an encoding after a vertical tab": (400, get(b"Transfer-Encoding: \x0bchunked\r\n", body=b"0\r\n\r\n")),
    "an empty encoding": (501, get(b"Transfer-Encoding: \r\n")),
    "an encoding in HTTP/1.0": (501, get(b"Transfer-Encoding: chunked\r\n", b"GET /x HTTP/1.0\r\n", b"0\r\n\r\n")),
    "an encoding with a space before the colon": (400, get(b"Transfer-Encoding : chunked\r\n", body=b"0\r\n\r\n")),
    "an encoding with a tab before the colon": (400, get(b"Transfer-Encoding\t: chunked\r\n", body=b"0\r\n\r\n")),
    "an encoding folded": (400, get(b"Transfer-Encoding:\r\n chunked\r\n", body=b"0\r\n\r\n")),
    "an encoding after a space": (400, get(b" Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n")),
    "an encoding after a bare CR": (400, get(b"X: y\rTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n")),
    "an encoding after a bare LF": (400, get(b"X: y\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n")),
    "a fold with a tab": (400, get(b"X: y\r\n\tz\r\n")),
    "a line end of LF": (400, b"GET /x HTTP/1.1\nHost: a\n\n"),
    "a line end of CR CR LF": (400, get(b"X: y\r\r\n")),
    "NUL in a value": (400, get(b"X: y\0z\r\n")),
    "NUL in a name": (400, get(b"X\0: y\r\n")),
    "NUL in the target": (400, get(b"", b"GET /x\0 HTTP/1.1\r\n")),
    "a control in a value": (400, get(b"X: y\x01z\r\n")),
    "DEL in a value": (400, get(b"X: y\x7f\r\n")),
    "a name that is none": (400, get(b"X Y: z\r\n")),
    "a name in parentheses": (400, get(b"(X): z\r\n")),
    "a name beyond ASCII": (400, get("Transfer\u00adEncoding: chunked\r\n".encode())),
    "no name": (400, get(b": y\r\n")),
    "no colon": (400, get(b"nothing\r\n")),
    "no host": (400, b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n"),
    "two hosts": (400, get(b"Host: b\r\n")),
    "a host with a space": (400, b"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "a host with a path": (400, b"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    "a host with a user": (400, b"GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    "an empty host": (400, b"GET /x HTTP/1.1\r\nHost:\r\n\r\n"),
    "a target of another host": (400, get(b"", b"GET http://b/x HTTP/1.1\r\n")),
    "a target with a user": (400, get(b"", b"GET http://u@a/x HTTP/1.1\r\n")),
    "a target without slash": (400, get(b"", b"GET x HTTP/1.1\r\n")),
    "a target of a file": (400, get(b"", b"GET file:///x HTTP/1.1\r\n")),
    "a star": (400, get(b"", b"GET * HTTP/1.1\r\n")),
    "two spaces": (400, get(b"", b"GET  /x HTTP/1.1\r\n")),
    "a space in the target": (400, get(b"", b"GET /x y HTTP/1.1\r\n")),
    "a tab between": (400, get(b"", b"GET\t/x HTTP/1.1\r\n")),
    "a space at the end": (400, get(b"", b"GET /x HTTP/1.1 \r\n")),
    "no version": (400, b"GET /x\r\n\r\n"),
    "HTTP/1.2": (505, get(b"", b"GET /x HTTP/1.2\r\n")),
    "HTTP/2 in a line": (505, get(b"", b"GET /x HTTP/2.0\r\n")),
    "HTTP/2 without asking": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "CONNECT": (405, b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
    "an upgrade to h2c": (400, get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n")),
    "an upgrade to h2c among others": (400, get(b"Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n")),
    "another expectation": (417, get(b"Expect: 200-ok\r\n")),
    "too many fields": (431, get(b"X: y\r\n" * 100)),
    "a head that is too long": (431, get(b"X: " + b"y" * 40000 + b"\r\n")),
    "a chunk size with 0x": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"0x5\r\nabcde\r\n0\r\n\r\n")),
    "a chunk size with a sign": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"+5\r\nabcde\r\n0\r\n\r\n")),
    "a chunk size after a space": (400, get(b"Transfer-Encoding: chunked\r\n", body=b" 5\r\nabcde\r\n0\r\n\r\n")),
    "a chunk size before a space": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"5 \r\nabcde\r\n0\r\n\r\n")),
    "a chunk size that overflows": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"10000000000000005\r\nabcde\r\n0\r\n\r\n")),
    "a chunk line of LF": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"5\nabcde\r\n0\r\n\r\n")),
    "a chunk of LF": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"5\r\nabcde\n0\r\n\r\n")),
    "a chunk longer than its size": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"5\r\nabcdef\r\n0\r\n\r\n")),
    "a chunk extension with LF": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"5;a\nb\r\nabcde\r\n0\r\n\r\n")),
    "a chunk extension without end": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"5;" + b"a" * 300 + b"\r\nabcde\r\n0\r\n\r\n")),
    "the end of chunks in LF": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"5\r\nabcde\r\n0\r\n\n")),
    "a trailer that is none": (400, get(b"Transfer-Encoding: chunked\r\n", body=b"0\r\nGET /y HTTP/1.1\x00\r\n\r\n")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_servers_read_differently_is_refused(edge, behind, name):
    status, request = REFUSED[name]
    before = len(behind.seen)
    hidden = b"GET /hidden HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = edge.send(request + hidden)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert answer.count(b"HTTP/1.") == 1, "the connection ends, whatever else it holds"
    assert len(behind.seen) == before, "nothing went on"


def test_a_request_that_breaks_off_never_goes_on(edge, behind):
    before = len(behind.seen)
    edge.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc", close=True)
    edge.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", close=True)
    edge.send(b"GET /x HTTP/1.1\r\nHost: a\r\n", close=True)
    assert len(behind.seen) == before


def test_what_is_listed_in_connection_stays_behind_and_what_frames_the_message_goes_on(edge):
    import json

    answer = edge.send(b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close, X-Secret, Host, Content-Length\r\nX-Secret: 1\r\nContent-Length: 2\r\n\r\nab")
    saw = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    names = [name for name, _ in saw["headers"]]
    assert saw["body"] == "ab" and "X-Secret" not in names and names.count("Host") == 1
