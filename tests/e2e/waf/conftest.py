"""A listener with a small web ACL, and a server behind it, that the tests of a module share."""

import pytest
from harness.edge import BODY, Behind, Edge, contains, rule, sqli, web_acl

ACL = web_acl(
    rule("sql", 0, sqli({"AllQueryArguments": {}}, "URL_DECODE")),
    rule("sql-in-body", 1, sqli(BODY, "URL_DECODE")),
    rule("teapot", 2, contains({"UriPath": {}}, "/teapot"), {"Block": {"CustomResponse": {"ResponseCode": 409, "CustomResponseBodyKey": "short", "ResponseHeaders": [{"Name": "x-kind", "Value": "tea"}]}}}),
    rule("counted", 3, contains({"UriPath": {}}, "/counted"), {"Count": {"CustomRequestHandling": {"InsertHeaders": [{"Name": "seen", "Value": "yes"}]}}}, RuleLabels=[{"Name": "counted"}]),
    rule("evil-client", 4, {"IPSetReferenceStatement": {"ARN": "arn:aws:wafv2:us-east-1:000000000000:regional/ipset/evil/1"}}),
    CustomResponseBodies={"short": {"ContentType": "APPLICATION_JSON", "Content": '{"short": "and stout"}'}},
)
EVIL = {"Name": "evil", "Id": "1", "ARN": "arn:aws:wafv2:us-east-1:000000000000:regional/ipset/evil/1", "IPAddressVersion": "IPV4", "Addresses": ["203.0.113.66/32"]}


@pytest.fixture(scope="module")
def behind():
    with Behind() as behind:
        yield behind


@pytest.fixture(scope="module")
def edge(behind, tmp_path_factory):
    with Edge(tmp_path_factory.mktemp("edge"), {"WebACL": ACL, "IPSets": [EVIL]}, "--trusted-hops", "1", upstreams=(behind.url,)) as edge:
        yield edge
