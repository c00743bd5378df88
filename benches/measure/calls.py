"""Calls a second, against yardsticks and peers measured in the same rounds."""

import re
import statistics
import subprocess

from . import peers
from .programs import free_port, ratios


def caller_identity(programs, table):
    """Signed GetCallerIdentity of an IAM user, journaled on disk, against bare hyper and the peers."""
    server, _ = programs.palisade(programs.folder("calls"))
    user = programs.user(server)
    _, sample = programs.load(server, "get-caller-identity", requests=2000, **user)
    port = free_port()
    bare = [programs.program("bare"), "--listen", f"127.0.0.1:{port}",
            "--head", str(sample["head"]), "--body", str(sample["body"])]
    others = {"bare": programs.start(bare, port)[0]}
    if not programs.options.no_peers:
        for name, start in (("ministack", peers.ministack), ("moto", peers.moto)):
            if peer := start(programs):
                others[name] = peer
    rounds = {name: [] for name in others}
    for _ in range(programs.options.rounds):
        ours, _ = programs.load(server, "get-caller-identity", **user)
        for name, other in others.items():
            theirs, _ = programs.load(other, "get-caller-identity")
            rounds[name].append((ours, theirs))
    budgets = {"bare": ("a bare hyper server answering a constant", "0.35", "0.60", "{:.2f}"),
               "ministack": ("ministack, AUTH=true, recording on", "12 ×", "25 ×", "{:.1f} ×"),
               "moto": ("moto[server]", "60 ×", "120 ×", "{:.1f} ×")}
    for name, pairs in rounds.items():
        against, must, aim, form = budgets[name]
        middle, least, most = ratios(pairs)
        ours, theirs = (statistics.median(side) for side in zip(*pairs))
        table.add(f"signed GetCallerIdentity, 16 connections, against {against}", form.format(middle), must, aim,
                  f"{ours:,.0f}/s against {theirs:,.0f}/s; rounds {least:.2f} to {most:.2f}")
    for one in (server, *others.values()):
        one.stop()


def create_user(programs, table):
    """Durable CreateUser against the engine's own group-committed writes of as many bytes."""
    folder = programs.folder("create")
    server, _ = programs.palisade(folder)
    programs.load(server, "create-user", requests=5000, name="first")
    server.stop()
    kept = programs.run("journal", "size", folder)
    value = round((kept["bytes"] + kept["state"]) / kept["records"])
    server, _ = programs.palisade(folder)
    pairs = []
    for number in range(programs.options.rounds):
        ours, _ = programs.load(server, "create-user", name=f"round{number}x")
        engine = programs.run("engine", "--folder", programs.folder("engine"), "--value", value,
                              "--seconds", programs.options.seconds)
        pairs.append((ours, engine["writes"] / engine["seconds"]))
    server.stop()
    middle, least, most = ratios(pairs)
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    table.add("CreateUser, durable, 16 connections, against the engine's own group-committed writes", f"{middle:.2f}",
              "0.5", "0.8", f"{ours:,.0f}/s against {theirs:,.0f}/s of {value} bytes; rounds {least:.2f} to {most:.2f}")


def create_user_among_many(programs, table):
    """CreateUser with 100,000 users there, against an empty account."""
    crowded, _ = programs.palisade(programs.folder("crowded"))
    programs.load(crowded, "create-user", requests=100_000, connections=64, name="crowd")
    pairs = []
    for number in range(programs.options.rounds):
        empty, _ = programs.palisade(programs.folder("empty"))
        alone, _ = programs.load(empty, "create-user", name="some")
        among, _ = programs.load(crowded, "create-user", name=f"round{number}x")
        pairs.append((among, alone))
        empty.stop()
    crowded.stop()
    middle, least, most = ratios(pairs)
    among, alone = (statistics.median(side) for side in zip(*pairs))
    table.add("CreateUser with 100,000 users there, against an empty account", f"{middle:.2f}", "0.8", "0.95",
              f"{among:,.0f}/s against {alone:,.0f}/s; rounds {least:.2f} to {most:.2f}")


def policy_decision(programs, table):
    """A decision over 10 policies of 5 statements: the slowest of the cases of the policy crate's own measurement."""
    command = ["cargo", "run", "--release", "--locked", "--quiet", "-p", "palisade-policy", "--example", "bench_decision"]
    done = subprocess.run(command, check=True, env=programs.environment, capture_output=True, text=True)
    cases = [(int(match.group(1)), match.group(2)) for match in re.finditer(r"(\d+) ns  (.*?):", done.stdout)]
    slowest, first = max(cases), min(cases)
    table.add("policy decision, 10 policies of 5 statements", f"{slowest[0]} ns", "2,000 ns", "500 ns",
              f"slowest case ({slowest[1]}); the quickest {first[0]} ns ({first[1]})")
