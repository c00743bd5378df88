"""What a listener writes of requests, and what `waf explain` and `waf replay` make of it."""

import base64
import json
import time

import pytest
from harness.edge import BODY, Behind, Edge, ask, contains, rule, sqli, web_acl
from harness.server import palisade

RATE = {"RateBasedStatement": {"Limit": 10, "EvaluationWindowSec": 600, "AggregateKeyType": "IP", "ScopeDownStatement": contains({"UriPath": {}}, "/login")}}
ACL = web_acl(
    rule("counted", 0, contains({"UriPath": {}}, "/counted"), {"Count": {}}, RuleLabels=[{"Name": "seen"}]),
    rule("sql", 1, sqli({"AllQueryArguments": {}}, "URL_DECODE")),
    rule("sql-in-body", 2, sqli(BODY, "URL_DECODE")),
    rule("many", 3, RATE),
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A listener's folder after some requests, and their ids by target."""
    folder = tmp_path_factory.mktemp("recorded")
    with Behind() as behind, Edge(folder, ACL, "--log", folder / "log", "--record", folder / "record", upstreams=(behind.url,)) as edge:
        headers = {"User-Agent": "test", "Authorization": "Bearer very-secret", "Cookie": "theme=dark; id=0123456789abcdef0123"}
        ask(edge, target="/counted?x=1#f", headers=headers)
        assert ask(edge, target="/item?id=1%27%20OR%20%271%27=%271", headers=headers)[0] == 403
        assert ask(edge, "POST", "/buy", "user=ann&password=hunter22&id=1' OR '1'='1", headers)[0] == 403
        statuses = [ask(edge, target="/login")[0] for _ in range(12)]
        assert statuses == [200] * 10 + [403] * 2
    return folder


def records(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def record_of(folder, path) -> dict:
    return next(record for record in reversed(records(folder)) if record["httpRequest"]["uri"] == path)


def test_records_have_the_form_of_aws_waf(recorded):
    record = record_of(recorded, "/item")
    assert (record["formatVersion"], record["webaclId"], record["action"]) == (1, "shop", "BLOCK")
    assert (record["terminatingRuleId"], record["terminatingRuleType"], record["responseCodeSent"]) == ("sql", "REGULAR", 403)
    assert abs(record["timestamp"] / 1000 - time.time()) < 600
    request = record["httpRequest"]
    assert (request["clientIp"], request["httpMethod"], request["httpVersion"], request["scheme"], request["country"]) == ("127.0.0.1", "GET", "HTTP/1.1", "http", "-")
    assert (request["args"], request["fragment"]) == ("id=1%27%20OR%20%271%27=%271", "")
    assert {"name": "User-Agent", "value": "test"} in request["headers"]
    counted = record_of(recorded, "/counted")
    assert (counted["action"], counted["terminatingRuleId"], counted["responseCodeSent"]) == ("ALLOW", "Default_Action", None)
    assert counted["labels"] == [{"name": "awswaf:000000000000:webacl:shop:seen"}]
    assert [(rule["ruleId"], rule["action"]) for rule in counted["nonTerminatingMatchingRules"]] == [("counted", "COUNT")]
    limited = record_of(recorded, "/login")
    assert limited["terminatingRuleType"] == "RATE_BASED" and limited["rateBasedRuleList"][0]["rateBasedRuleName"] == "many"
    posted = record_of(recorded, "/buy")
    assert posted["requestBodySize"] == posted["requestBodySizeInspectedByWAF"] == 42


def test_the_id_a_client_was_told_is_in_the_log_and_can_be_explained(tmp_path):
    with Behind() as behind, Edge(tmp_path, ACL, "--log", tmp_path / "log", upstreams=(behind.url,)) as edge:
        _, headers, _ = ask(edge, target="/item?id=1%27%20OR%20%271%27=%271")
    done = palisade("waf", "explain", headers["x-amzn-requestid"], "--log", tmp_path / "log")
    assert done.returncode == 0, done.stderr
    assert "GET /item?id=1%27%20OR%20%271%27=%271 from 127.0.0.1: BLOCK by sql" in done.stdout
    assert "in id at bytes 1..12" in done.stdout and "after URL_DECODE" in done.stdout and "rule counted: no match" in done.stdout
    done = palisade("waf", "explain", "00000000-0000-0000-0000-000000000000", "--log", tmp_path / "log")
    assert done.returncode == 1 and "no record has the id" in done.stderr


def test_a_decision_is_explained_by_the_acl_of_its_moment_with_its_counts_and_its_body(recorded):
    limited = record_of(recorded, "/login")["httpRequest"]["requestId"]
    done = palisade("waf", "explain", limited, "--log", recorded / "log")
    assert "BLOCK by many" in done.stdout and "request 11 in 600 s, over the limit of 10" in done.stdout, done.stdout
    posted = record_of(recorded, "/buy")["httpRequest"]["requestId"]
    without = palisade("waf", "explain", posted, "--log", recorded / "log").stdout
    assert "undecided: sql-in-body" in without and "it was BLOCK then" in without
    full = palisade("waf", "explain", posted, "--log", recorded / "log", "--record", recorded / "record").stdout
    assert "BLOCK by sql-in-body" in full and "it was BLOCK then" not in full
    alone = json.loads(palisade("waf", "explain", posted, "--record", recorded / "record", "--format", "json").stdout)
    assert (alone["action"], alone["recordedAction"], alone["terminatingRuleId"]) == ("BLOCK", "BLOCK", "sql-in-body")
    # Another ACL later changes nothing of it.
    assert len(list((recorded / "log.versions").iterdir())) == 1


def test_secrets_are_hidden_in_records_of_whole_requests(recorded):
    (file,) = (recorded / "record").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    bodies = [base64.b64decode(line["palisade"]["body"]).decode() for line in lines]
    text = file.read_text() + "".join(bodies)
    assert "very-secret" not in text and "hunter22" not in text and "0123456789abcdef0123" not in text
    assert "theme=dark" in text and any("id=1' OR '1'='1" in body for body in bodies)


def test_replay_tells_what_a_draft_would_change_and_which_rules_would_block(recorded, tmp_path):
    draft = tmp_path / "draft.json"
    draft.write_text(json.dumps(web_acl(rule("counted", 0, contains({"UriPath": {}}, "/counted")), rule("sql", 1, sqli({"AllQueryArguments": {}}, "URL_DECODE")))))
    report = json.loads(palisade("waf", "replay", "--web-acl", draft, "--format", "json", recorded / "record").stdout)
    changes = {(change["from"], change["to"]): change["requests"] for change in report["changes"]}
    assert report["requests"] == 15 and changes == {("ALLOW", "BLOCK"): 1, ("BLOCK", "ALLOW"): 3}
    rules = {rule["rule"]: rule for rule in report["rules"]}
    assert rules["counted"]["ends"] == 1 and rules["counted"]["paths"] == [{"value": "/counted", "requests": 1}] and rules["sql"]["clients"] == [{"value": "127.0.0.1", "requests": 1}]
    text = palisade("waf", "replay", "--web-acl", draft, recorded / "record").stdout
    assert "15 requests, 4 decided otherwise" in text and "ALLOW -> BLOCK by counted: GET /counted?x=1" in text and "rule sql: would end 1, counts 0" in text


def test_replay_of_the_same_acl_changes_nothing_and_logs_leave_bodies_undecided(recorded, tmp_path):
    same = tmp_path / "same.json"
    same.write_text(json.dumps(ACL))
    report = json.loads(palisade("waf", "replay", "--web-acl", same, "--format", "json", recorded / "record").stdout)
    assert (report["changes"], report["undecided"]) == ([], 0)
    report = json.loads(palisade("waf", "replay", "--web-acl", same, "--format", "json", recorded / "log").stdout)
    assert report["undecided"] == 1 and report["changes"] == [{"from": "BLOCK", "to": "ALLOW", "requests": 1}]
    assert {rule["rule"]: rule["undecided"] for rule in report["rules"]}["sql-in-body"] == 1
    report = json.loads(palisade("waf", "replay", "--web-acl", same, "--against", same, "--format", "json", recorded / "log").stdout)
    assert report["changes"] == []


def test_redacted_fields_and_filters_of_the_logging_configuration(tmp_path):
    config = {"LoggingConfiguration": {
        "ResourceArn": "arn:aws:wafv2:us-east-1:000000000000:regional/webacl/shop/1", "LogDestinationConfigs": ["arn:aws:s3:::aws-waf-logs-x"],
        "RedactedFields": [{"SingleHeader": {"Name": "authorization"}}, {"QueryString": {}}],
        "LoggingFilter": {"DefaultBehavior": "DROP", "Filters": [{"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}, {"LabelNameCondition": {"LabelName": "awswaf:000000000000:webacl:shop:seen"}}]}]},
    }}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with Behind() as behind, Edge(tmp_path, ACL, "--log", tmp_path / "log", "--log-config", tmp_path / "config.json", upstreams=(behind.url,)) as edge:
        for target in ("/a", "/counted?q=1", "/b?id=1%27%20OR%20%271%27=%271"):
            ask(edge, target=target, headers={"Authorization": "Bearer secret"})
    kept = records(tmp_path)
    assert [record["httpRequest"]["uri"] for record in kept] == ["/counted", "/b"]
    assert all(record["httpRequest"]["args"] == "REDACTED" and {"name": "Authorization", "value": "REDACTED"} in record["httpRequest"]["headers"] for record in kept)


def test_a_log_that_was_moved_away_is_opened_anew_on_sighup(tmp_path):
    import signal

    with Behind() as behind, Edge(tmp_path, ACL, "--log", tmp_path / "log", upstreams=(behind.url,)) as edge:
        ask(edge, target="/before")
        deadline = time.monotonic() + 5
        while not records(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.02)
        (tmp_path / "log").rename(tmp_path / "old")
        edge.process.send_signal(signal.SIGHUP)
        while not (tmp_path / "log").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        ask(edge, target="/after")
    assert [record["httpRequest"]["uri"] for record in records(tmp_path)] == ["/after"]
