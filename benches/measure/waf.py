"""`palisade waf serve` against Debian's nginx, alone and with ModSecurity and the CRS: one core a proxy, the load and the server behind on another."""

import json
import re
import shutil
import statistics
import subprocess
from pathlib import Path

from .programs import free_port, say

PROXY_CORE, OTHER_CORE = "0", "1"
MODULES = Path("/usr/lib/nginx/modules")
CRS = Path("/usr/share/modsecurity-crs/rules")

NGINX = """
{modules}
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s; client_body_buffer_size 128k; keepalive_requests 1000000000;
  {http}
  server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""
BEHIND = "location / { default_type text/html; return 200 '" + "x" * 512 + "'; }"
PROXY = "location / {{ proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $host; {more} }}"
BEHIND_OF = "upstream behind {{ server 127.0.0.1:{port}; keepalive 128; }}"
RULES = """
Include /etc/nginx/modsecurity.conf
SecRuleEngine On
SecAuditEngine Off
SecRequestBodyAccess On
Include /etc/modsecurity/crs/crs-setup.conf
Include /usr/share/modsecurity-crs/rules/*.conf
"""

BROWSER = {
    "Host": "shop.example.com",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate",
    "Referer": "https://shop.example.com/catalogue/shoes?page=2",
    "Cookie": "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; consent=yes; visited=2026-11-20",
    "Upgrade-Insecure-Requests": "1",
}


def post_body() -> str:
    """An order of 8 KB, as a shop's page sends it."""
    line = {"sku": "SHOE-42-BLACK", "name": "Running shoe, black", "quantity": 2, "price": 79.9, "note": "Please wrap it, it's a gift for O'Neill & sons."}
    lines = []
    while len(json.dumps({"customer": "c-1", "lines": lines})) < 8 * 1024 - 150:
        lines.append(line | {"line": len(lines)})
    return json.dumps({"customer": "c-1", "lines": lines})


def script(folder: Path, name: str, method: str, path: str, headers: dict, body: str = "") -> Path:
    """A request as wrk reads it."""
    text = [f'wrk.method = "{method}"', f"wrk.path = {json.dumps(path)}"]
    text += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
    if body:
        text.append(f"wrk.body = [==[{body}]==]")
    # The median is printed in microseconds.
    text.append('done = function(summary, latency, requests) print(string.format("median_us %d failed %d", latency:percentile(50), summary.errors.status)) end')
    file = folder / f"{name}.lua"
    file.write_text("\n".join(text))
    return file


def wrk(port: int, request: Path, seconds: float, connections: int) -> tuple[float, float]:
    """Requests a second, and the median in microseconds. All must have been let through."""
    command = ["taskset", "-c", OTHER_CORE, "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(request), f"http://127.0.0.1:{port}/"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", printed).group(1))
    median, failed = map(int, re.search(r"median_us (\d+) failed (\d+)", printed).groups())
    if failed:
        raise RuntimeError(f"{failed} requests were refused:\n{printed}")
    return rate, median


class Stand:
    """The server behind and the proxies."""

    def __init__(self, programs):
        self.programs = programs
        self.folder = programs.scratch / "waf"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.servers = []
        self.behind = self.nginx(OTHER_CORE, "behind", "", BEHIND)

    def start(self, core: str, command: list[str], port: int):
        server, _ = self.programs.start(["taskset", "-c", core, *command], port)
        self.servers.append(server)
        return port, server

    def nginx(self, core: str, name: str, http: str, server: str, modules: str = ""):
        port, folder = free_port(), self.folder / name
        folder.mkdir()
        file = folder / "nginx.conf"
        file.write_text(NGINX.format(modules=modules, folder=folder, http=http, server=server, port=port))
        return self.start(core, ["nginx", "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")], port)

    def plain(self):
        """nginx as a proxy that looks at nothing."""
        return self.nginx(PROXY_CORE, "plain", BEHIND_OF.format(port=self.behind[0]), PROXY.format(more=""))

    def modsecurity(self):
        """nginx with ModSecurity and the CRS as Debian ships them; nothing, said aloud, where they are not installed."""
        module = MODULES / "ngx_http_modsecurity_module.so"
        if not module.exists() or not CRS.exists():
            say("SKIPPED: ModSecurity (apt-get install libnginx-mod-http-modsecurity modsecurity-crs)")
            return None
        rules = self.folder / "rules.conf"
        rules.write_text(RULES)
        more = f"modsecurity on; modsecurity_rules_file {rules};"
        ndk = MODULES / "ndk_http_module.so"
        modules = "".join(f"load_module {path};\n" for path in (ndk, module) if path.exists())
        return self.nginx(PROXY_CORE, "modsecurity", BEHIND_OF.format(port=self.behind[0]), PROXY.format(more=more), modules)

    def palisade(self, *flags: str):
        """`palisade waf serve` before the server behind."""
        port = free_port()
        command = [self.programs.program("palisade"), "waf", "serve", "--listen", f"127.0.0.1:{port}", "--upstream", f"http://127.0.0.1:{self.behind[0]}", *flags]
        return self.start(PROXY_CORE, command, port)

    def stop(self):
        for server in self.servers:
            server.stop()


def measure(programs, table):
    """Ordinary requests through each proxy in turn, a core each, in every round."""
    missing = [name for name in ("nginx", "wrk", "taskset") if not shutil.which(name)]
    if missing:
        return say(f"SKIPPED: the WAF ({', '.join(missing)} not on the PATH: apt-get install nginx wrk util-linux)")
    stand = Stand(programs)
    try:
        compare(programs, table, stand)
    finally:
        stand.stop()


def compare(programs, table, stand):
    get = script(stand.folder, "get", "GET", "/catalogue/shoes?page=3&sort=price&colour=black", BROWSER)
    post = script(stand.folder, "post", "POST", "/api/orders", {**BROWSER, "Content-Type": "application/json"}, post_body())
    empty = stand.folder / "empty.json"
    visibility = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "empty"}
    empty.write_text(json.dumps({"Name": "empty", "DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility, "Rules": []}))
    proxies = {"nginx": stand.plain(), "modsecurity": stand.modsecurity(), "open": stand.palisade("--web-acl", str(empty)),
               "groups": stand.palisade("--managed", "common,sqli,knownbadinputs")}
    proxies = {name: proxy for name, proxy in proxies.items() if proxy}
    rates = {(name, kind): [] for name in proxies for kind in ("get", "post")}
    medians = {name: [] for name in (*proxies, "behind")}
    for _ in range(programs.options.rounds):
        for name, (port, _) in proxies.items():
            for kind, request in (("get", get), ("post", post)):
                rates[name, kind].append(wrk(port, request, programs.options.seconds, 32)[0])
            medians[name].append(wrk(port, get, programs.options.seconds, 1)[1])
        medians["behind"].append(wrk(stand.behind[0], get, programs.options.seconds, 1)[1])
    rows(table, proxies, rates, medians)


def rows(table, proxies, rates, medians):
    rate = lambda name, kind: statistics.median(rates[name, kind])
    kinds = (("get", "browser GET", "10,000/s and 13 ×", "25,000/s"), ("post", "JSON post of 8 KB", "1,500/s and 50 ×", "5,000/s"))
    for kind, what, must, aim in kinds:
        against, detail = "", "ModSecurity is not installed"
        if "modsecurity" in proxies:
            theirs = rate("modsecurity", kind)
            against, detail = f", {rate('groups', kind) / theirs:.1f} ×", f"nginx with ModSecurity and the CRS {theirs:,.0f}/s"
        table.add(f"{what}, common, sqli, knownbadinputs, one core", f"{rate('groups', kind):,.0f}/s{against}", must, aim, detail)
    pairs = [ours / theirs for ours, theirs in zip(rates["open", "get"], rates["nginx", "get"])]
    detail = f"{rate('open', 'get'):,.0f}/s against {rate('nginx', 'get'):,.0f}/s"
    table.add("GET without an ACL, against nginx as a proxy, one core", f"{statistics.median(pairs):.2f}", "0.70", "0.88", detail)
    added = statistics.median(medians["groups"]) - statistics.median(medians["behind"])
    nginx = statistics.median(medians["nginx"]) - statistics.median(medians["behind"])
    table.add("added to the median of a GET by these groups, one connection", f"{added:.0f} µs", "60 µs", "40 µs", f"nginx as a proxy adds {nginx:.0f} µs")
    table.add("resident memory with these groups", f"{proxies['groups'][1].resident_mb():.0f} MB", "60 MB", "40 MB", "after the rounds")
