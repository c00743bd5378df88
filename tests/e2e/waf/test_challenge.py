"""The challenge: a browser passes it without being asked anything, a script that does not do the work never."""

import hashlib
import json
import re
import shutil
import subprocess

import pytest
from harness.edge import Behind, Edge, ask, contains, rule, web_acl

HTML = {"Accept": "text/html,application/xhtml+xml", "User-Agent": "test"}
COUNTED = rule("counted", 1, contains({"UriPath": {}}, "/"), {"Count": {}}, RuleLabels=[{"Name": "seen"}])
ACL = web_acl(rule("prove", 0, contains({"UriPath": {}}, "/"), {"Challenge": {}}), COUNTED)


@pytest.fixture(scope="module")
def challenging(tmp_path_factory):
    folder = tmp_path_factory.mktemp("challenge")
    with Behind() as behind, Edge(folder, ACL, "--challenge-difficulty", "10", "--log", folder / "log", upstreams=(behind.url,)) as edge:
        edge.behind = behind
        yield edge


def page(edge, **headers) -> tuple[str, str, int]:
    """What a page asks to be solved: the sealed challenge, its id, how many bits."""
    status, answer, data = ask(edge, headers={**HTML, **headers})
    assert (status, answer["x-amzn-waf-action"]) == (202, "challenge")
    sealed, id, bits = re.search(r'sealed = "([\w-]+)", id = "(\w+)", bits = (\d+);', data.decode()).groups()
    return sealed, id, int(bits)


def solve(id: str, bits: int) -> int:
    counter = 0
    while int.from_bytes(hashlib.sha256(f"{id}:{counter}".encode()).digest()) >> (256 - bits):
        counter += 1
    return counter


def hand_in(edge, solution: str, method: str = "GET", **headers):
    return ask(edge, method, headers={**HTML, "x-palisade-solution": solution, **headers})


def test_browsers_get_a_page_and_others_a_status(challenging):
    status, answer, data = ask(challenging, headers=HTML)
    assert (status, answer["x-amzn-waf-action"], answer["cache-control"]) == (202, "challenge", "no-store, max-age=0")
    assert b"<script>" in data and b"http" not in data.split(b"<script>")[1], "it loads nothing"
    status, answer, data = ask(challenging, "POST", body="{}", headers={"Accept": "application/json"})
    assert (status, answer["x-amzn-waf-action"], data) == (202, "challenge", b"")
    assert not [name for name in answer if name.lower().startswith("access-control")]


def test_a_solution_is_a_token_once(challenging):
    sealed, id, bits = page(challenging)
    solution = f"{sealed}.{solve(id, bits)}"
    assert hand_in(challenging, f"{sealed}.{solve(id, bits) + 1}")[0] == 400
    assert hand_in(challenging, solution, "POST")[0] == 400
    assert hand_in(challenging, solution, Origin="https://evil.example")[0] == 400
    status, answer, _ = hand_in(challenging, solution)
    assert status == 204
    cookie = answer["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert hand_in(challenging, solution)[0] == 400, "it counts once"
    token = {"Cookie": cookie.split(";")[0]}
    status, _, data = ask(challenging, "POST", "/buy", "x=1", {**HTML, **token})
    assert status == 200 and json.loads(data)["body"] == "x=1"
    assert ask(challenging, headers={**HTML, **token, "User-Agent": "another"})[0] == 202
    assert ask(challenging, headers={**HTML, **token, "Host": "another.example"})[0] == 202


def test_a_script_that_does_not_do_the_work_does_not_pass(challenging):
    before = len(challenging.behind.seen)
    for _ in range(3):
        sealed, _, _ = page(challenging)
        for counter in ("0", "1", "", "-1", "999999999999999"):
            assert hand_in(challenging, f"{sealed}.{counter}")[0] == 400
    for forged in ("aws-waf-token=", "aws-waf-token=abc", f"aws-waf-token={sealed}", "aws-waf-token=" + "A" * 3000):
        assert ask(challenging, headers={**HTML, "Cookie": forged})[0] == 202
    assert len(challenging.behind.seen) == before


def test_the_log_says_why_a_token_did_not_do_and_rules_after_it_go_on_with_one(challenging, tmp_path):
    sealed, id, bits = page(challenging)
    token = hand_in(challenging, f"{sealed}.{solve(id, bits)}")[1]["set-cookie"].split(";")[0]
    for target, cookie, agent in (("/missing", "", "test"), ("/invalid", "aws-waf-token=abc", "test"), ("/solved", token, "test")):
        ask(challenging, target=target, headers={**HTML, "User-Agent": agent, "Cookie": cookie})
    log = challenging.log_path.with_name("log")
    found = {}
    import time

    deadline = time.monotonic() + 5
    while "/solved" not in found and time.monotonic() < deadline:
        found = {record["httpRequest"]["uri"]: record for record in map(json.loads, log.read_text().splitlines())}
        time.sleep(0.02)
    assert found["/missing"]["challengeResponse"] == {"responseCode": 202, "solveTimestamp": None, "failureReason": "TOKEN_MISSING"}
    assert found["/invalid"]["challengeResponse"]["failureReason"] == "TOKEN_INVALID" and found["/invalid"]["action"] == "CHALLENGE"
    solved = found["/solved"]
    assert solved["action"] == "ALLOW" and [matched["action"] for matched in solved["nonTerminatingMatchingRules"]] == ["CHALLENGE", "COUNT"]


def test_tokens_of_a_key_outlive_the_process_and_its_rotation(tmp_path):
    keys = tmp_path / "keys"
    old, new = "1f" * 32, "2e" * 32
    flags = ("--challenge-difficulty", "4", "--token-key", keys)
    with Behind() as behind:
        keys.write_text(old)
        with Edge(tmp_path, ACL, *flags, upstreams=(behind.url,)) as edge:
            assert "--token-key" not in edge.log
            sealed, id, bits = page(edge)
            token = hand_in(edge, f"{sealed}.{solve(id, bits)}")[1]["set-cookie"].split(";")[0]
        for text, passes in ((old, True), (f"{new}\n{old}\n", True), (new, False)):
            keys.write_text(text)
            with Edge(tmp_path, ACL, *flags, upstreams=(behind.url,)) as edge:
                assert ask(edge, headers={**HTML, "Cookie": token})[0] == (200 if passes else 202)
        with Edge(tmp_path, ACL, upstreams=(behind.url,)) as edge:
            assert "without --token-key, the tokens of solved challenges end with this process" in edge.log


def test_a_page_finds_what_the_listener_asks_for(challenging, tmp_path):
    """The page's own script in Node.js, with a browser's few functions around it."""
    if not shutil.which("node"):
        pytest.skip("node is not on the PATH: the page's script is not run here")
    data = ask(challenging, headers=HTML)[2].decode()
    script = data.split("<script>")[1].split("</script>")[0]
    around = """
      globalThis.location = { href: 'x', hash: '', replace() { console.log('asked again'); } };
      globalThis.document = { getElementById() { return {}; } };
      globalThis.fetch = (_, options) => { console.log(options.headers['x-palisade-solution']); return Promise.resolve({ status: 204 }); };
    """
    (tmp_path / "page.js").write_text(around + script)
    done = subprocess.run(["node", tmp_path / "page.js"], capture_output=True, text=True, timeout=60)
    solution, again = done.stdout.splitlines()
    assert again == "asked again" and hand_in(challenging, solution)[0] == 204


def test_chromium_passes(challenging, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium is on the PATH (Debian: apt-get install chromium): no browser was asked")
    before = len(challenging.behind.seen)
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom", f"{challenging.url}/shop?x=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    seen = [saw for saw in challenging.behind.seen[before:] if saw["target"] == "/shop?x=1"]
    assert len(seen) == 1, done.stdout + done.stderr
    assert "aws-waf-token=" in dict(seen[0]["headers"])["Cookie"] and '"target": "/shop?x=1"' in done.stdout
