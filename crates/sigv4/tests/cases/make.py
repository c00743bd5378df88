#!/usr/bin/env python3
"""Writes cases.json: requests signed by AWS's own client libraries, for tests/cases.rs.

    python3 -m venv venv && venv/bin/pip install botocore==1.44.8 awscrt==0.38.1
    venv/bin/python make.py > cases.json

Credentials and clock are fixed, so the output changes only with the libraries. Nothing is sent:
requests are caught just before they would be.
"""

import base64
import datetime
import hashlib
import hmac
import io
import json
import os
import sys
import urllib.parse

# botocore hands signing over to awscrt where it finds it; the two are wanted apart.
os.environ["BOTO_DISABLE_CRT"] = "true"

import awscrt
import awscrt.auth
import awscrt.http
import awscrt.io
import botocore
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.httpsession
import botocore.session

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEEXAMPLE//token+with/odd==characters"
NOW = datetime.datetime(2025, 2, 28, 23, 59, 58, tzinfo=datetime.timezone.utc)
STAMP = NOW.strftime("%Y%m%dT%H%M%SZ")

cases = []


def add(name, service, region, method, url, headers, body, token=None, **more):
    parts = urllib.parse.urlsplit(url)
    headers = [[key, text(value)] for key, value in headers]
    if not any(key.lower() == "host" for key, _ in headers):
        headers.append(["Host", parts.netloc])
    target = url[url.index(parts.netloc) + len(parts.netloc):] or "/"
    cases.append({
        "name": name, "service": service, "region": region, "method": method, "target": target,
        "headers": headers, "body": base64.b64encode(body or b"").decode(), "token": token, **more,
    })


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


# botocore: whole clients, down to the request that would go over the wire.

class Caught(Exception):
    pass


def client(service, token=None, endpoint=None, region="us-east-1", **config):
    session = botocore.session.Session()
    session.set_credentials(KEY, SECRET, token)
    return session.create_client(
        service, region_name=region, endpoint_url=endpoint,
        config=botocore.config.Config(retries={"total_max_attempts": 1}, **config),
    )


def caught(name, service, operation, params, token=None, region="us-east-1", endpoint=None, **config):
    made = client(service, token, endpoint, region, **config)

    def catch(request, **_):
        body = request.body
        if hasattr(body, "read"):
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        payload = params.get("Body")
        more = {"payload": base64.b64encode(payload).decode()} if isinstance(payload, bytes) else {}
        add(name, made._service_model.signing_name, region, request.method, request.url,
            request.headers.items(), body, token, **more)
        raise Caught

    made.meta.events.register("before-send", catch)
    try:
        getattr(made, operation)(**params)
    except Caught:
        return
    raise SystemExit(f"{name}: no request was caught")


def presigned(name, service, operation, params, expires, token=None, method=None, region="us-east-1", **config):
    made = client(service, token, region=region, **config)
    url = made.generate_presigned_url(operation, params, expires, method)
    verb = method or made._service_model.operation_model(made.meta.method_to_api_mapping[operation]).http["method"]
    add(name, made._service_model.signing_name, region, verb, url, [], b"", token, expires=expires)


def with_botocore():
    caught("iam query", "iam", "create_user", {"UserName": "Bob+Ann", "Path": "/a b/"})
    caught("sts query with token", "sts", "get_caller_identity", {}, token=TOKEN, region="eu-central-1")
    caught("ec2 query", "ec2", "describe_regions", {"RegionNames": ["eu-west-1"]})
    caught("kms json", "kms", "encrypt", {"KeyId": "alias/k", "Plaintext": b"\x00\xff"}, token=TOKEN)
    caught("guardduty rest-json, arn in path", "guardduty", "list_tags_for_resource",
           {"ResourceArn": "arn:aws:guardduty:us-east-1:123456789012:detector/abc d~e"})
    caught("accessanalyzer rest-json, odd query", "accessanalyzer", "get_finding",
           {"analyzerArn": "arn:aws:access-analyzer:us-east-1:123456789012:analyzer/a b+c", "id": "x/../y%2F"})
    caught("behind a path prefix", "iam", "list_users", {}, endpoint="http://127.0.0.1:4566/_palisade/what-if/b-1")
    caught("rest-json behind a path prefix", "guardduty", "list_detectors", {},
           endpoint="http://127.0.0.1:4566/_palisade/what-if/b-1")

    s3 = {"s3": {"addressing_style": "path"}}
    keys = ["plain", "a b", "a+b", "a//b", "../up", "a/./b/..", "~tilde", "é/日本", "100%", "a%2Fb", "k=v&x?y#z",
            "!$'()*,:;@[]", "trailing/", "/leading", "a\\b\"<>|`^{}"]
    for key in keys:
        caught(f"s3 key {key!r}", "s3", "get_object", {"Bucket": "docs", "Key": key}, **s3)
        caught(f"s3 key {key!r} over plain http", "s3", "head_object", {"Bucket": "docs", "Key": key},
               endpoint="http://127.0.0.1:4566", **s3)
        presigned(f"s3 presigned key {key!r}", "s3", "get_object", {"Bucket": "docs", "Key": key}, 3600,
                  signature_version="s3v4", **s3)
    caught("s3 virtual host", "s3", "list_objects_v2",
           {"Bucket": "docs", "Prefix": "a b/+é", "Delimiter": "/", "ContinuationToken": "x=="}, token=TOKEN)
    caught("s3 subresource", "s3", "get_bucket_policy", {"Bucket": "docs"}, **s3)
    caught("s3 metadata with blanks", "s3", "copy_object",
           {"Bucket": "docs", "Key": "k", "CopySource": "src/a b+é", "Metadata": {"note": "two  spaces", "a": "b"},
            "MetadataDirective": "REPLACE"}, **s3)
    caught("s3 put over plain http", "s3", "put_object", {"Bucket": "docs", "Key": "k", "Body": b"hello"},
           endpoint="http://127.0.0.1:4566", **s3)
    for size in (0, 1, 9_000):
        body = bytes(i * 7 % 251 for i in range(size))
        for algorithm in ("CRC32", "SHA256"):
            caught(f"s3 put with {algorithm} trailer, {size} bytes", "s3", "put_object",
                   {"Bucket": "docs", "Key": "k", "Body": Stream(body), "ChecksumAlgorithm": algorithm}, **s3)
            cases[-1]["payload"] = base64.b64encode(body).decode()
    presigned("s3 presigned put with token", "s3", "put_object",
              {"Bucket": "docs", "Key": "k", "ContentType": "text/plain"}, 604_800, token=TOKEN,
              signature_version="s3v4", region="eu-west-1")
    cases[-1]["headers"].append(["Content-Type", "text/plain"])
    presigned("sts presigned", "sts", "get_caller_identity", {}, 60, token=TOKEN, method="GET")
    presigned("iam presigned", "iam", "list_users", {"PathPrefix": "/a b+/"}, 900)
    presigned("ec2 presigned", "ec2", "describe_regions", {"RegionNames": ["eu-west-1"]}, 1)


class Stream(io.BytesIO):
    """A body that botocore streams, so that it goes out in chunks."""


# Signed chunks: the seed by botocore, the chain by the rules of the S3 API Reference.

def signed_chunks():
    payload = bytes(i * 31 % 256 for i in range(20_000))
    for trailer in (False, True):
        for size in (8192, 20_000):
            mode = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
            headers = {"X-Amz-Content-SHA256": mode, "Content-Encoding": "aws-chunked",
                       "X-Amz-Decoded-Content-Length": str(len(payload))}
            if trailer:
                headers["X-Amz-Trailer"] = "x-amz-checksum-sha256,x-amz-meta-a"
            request = botocore.awsrequest.AWSRequest("PUT", "https://docs.s3.amazonaws.com/k", headers)
            request.context["payload_signing_enabled"] = True
            signer = SeedAuth(botocore.credentials.Credentials(KEY, SECRET), "s3", "us-east-1")
            signer.add_auth(request)
            seed = request.headers["Authorization"].rsplit("=", 1)[1]
            body = chain(signer, request, seed, payload, size, trailer)
            add(f"signed chunks of {size}, trailer {trailer}", "s3", "us-east-1", "PUT",
                request.url, request.headers.items(), body, payload=base64.b64encode(payload).decode())


class SeedAuth(botocore.auth.S3SigV4Auth):
    def _modify_request_before_signing(self, request):
        mode = request.headers["X-Amz-Content-SHA256"]
        super()._modify_request_before_signing(request)
        del request.headers["X-Amz-Content-SHA256"]
        request.headers["X-Amz-Content-SHA256"] = mode


def chain(signer, request, previous, payload, size, trailer):
    def sign(*lines):
        head = [lines[0], STAMP, signer.credential_scope(request), previous]
        return signer.signature("\n".join(head + list(lines[1:])), request)

    sha = lambda data: hashlib.sha256(data).hexdigest()
    out = b""
    for start in list(range(0, len(payload), size)) + [len(payload)]:
        chunk = payload[start:start + size]
        previous = sign("AWS4-HMAC-SHA256-PAYLOAD", sha(b""), sha(chunk))
        out += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk
        out += b"" if trailer and not chunk else b"\r\n"
    if trailer:
        fields = [("x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(payload).digest()).decode()),
                  ("x-amz-meta-a", "b")]
        canonical = "".join(f"{name}:{value}\n" for name, value in fields)
        previous = sign("AWS4-HMAC-SHA256-TRAILER", sha(canonical.encode()))
        out += "".join(f"{name}:{value}\r\n" for name, value in fields).encode()
        out += f"x-amz-trailer-signature:{previous}\r\n\r\n".encode()
    return out


# The AWS Common Runtime, an implementation independent of botocore.

def with_crt():
    provider = awscrt.auth.AwsCredentialsProvider.new_static(KEY, SECRET)
    with_token = awscrt.auth.AwsCredentialsProvider.new_static(KEY, SECRET, TOKEN)
    targets = ["/", "/?Action=ListUsers&Version=2010-05-08", "/a/../b//c/./d/", "/a%20b/%C3%A9?x=%2B&X=%20&a=&b",
               "/p?z=1&a=2&a=1&A=0"]
    for target in targets:
        for service, s3 in (("iam", False), ("s3", True)):
            for query in (False, True):
                for token in (None, TOKEN):
                    crt(target, service, s3, query, token, with_token if token else provider)


def crt(target, service, s3, query, token, provider):
    kind = awscrt.auth.AwsSignatureType
    headers = awscrt.http.HttpHeaders([("Host", "example.amazonaws.com"), ("X-Spaced", "  a   b  ")])
    request = awscrt.http.HttpRequest("GET", target, headers)
    config = awscrt.auth.AwsSigningConfig(
        algorithm=awscrt.auth.AwsSigningAlgorithm.V4,
        signature_type=kind.HTTP_REQUEST_QUERY_PARAMS if query else kind.HTTP_REQUEST_HEADERS,
        credentials_provider=provider, region="us-east-1", service=service, date=NOW,
        use_double_uri_encode=not s3, should_normalize_uri_path=not s3,
        signed_body_value=awscrt.auth.AwsSignedBodyValue.UNSIGNED_PAYLOAD if s3 and query else None,
        signed_body_header_type=(awscrt.auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256 if s3 and not query
                                 else awscrt.auth.AwsSignedBodyHeaderType.NONE),
        expiration_in_seconds=300 if query else None,
    )
    signed = awscrt.auth.aws_sign_request(request, config).result(10)
    name = f"crt {service} {'query' if query else 'header'}{' token' if token else ''} {target}"
    add(name, service, "us-east-1", "GET", "https://example.amazonaws.com" + signed.path, list(signed.headers), b"",
        token, **({"expires": 300} if query else {}))


def main():
    botocore.auth.get_current_datetime = lambda *_, **__: NOW
    with_botocore()
    signed_chunks()
    with_crt()
    # Headers that differ from run to run are not signed, or are left out here if they are not needed.
    for case in cases:
        drop = ("user-agent", "amz-sdk-invocation-id", "amz-sdk-request")
        signed = "".join(value for key, value in case["headers"] if key.lower() == "authorization")
        case["headers"] = [[k, v] for k, v in case["headers"] if k.lower() not in drop or k.lower() in signed]
    libraries = {"botocore": botocore.__version__, "awscrt": awscrt.__version__}
    document = {"libraries": libraries, "access_key_id": KEY, "secret": SECRET, "now": STAMP, "cases": cases}
    json.dump(document, sys.stdout, indent=1, ensure_ascii=True)
    print()


if __name__ == "__main__":
    main()
