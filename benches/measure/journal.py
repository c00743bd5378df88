"""The journal's weight, start, memory, and replay over a million recorded calls."""

import json
import statistics
import subprocess
import time


def bytes_per_record(programs, table):
    """What is kept of a GetCallerIdentity: links, bodies and histories, as the engine is given them."""
    folder = programs.folder("bytes")
    server, _ = programs.palisade(folder)
    user = programs.user(server)
    server.stop()
    before = programs.run("journal", "size", folder)
    server, _ = programs.palisade(folder)
    programs.load(server, "get-caller-identity", requests=50_000, **user)
    server.stop()
    after = programs.run("journal", "size", folder)
    each = {name: (after[name] - before[name]) / (after["records"] - before["records"])
            for name in ("bytes", "links", "bodies", "histories")}
    table.add("journal bytes per GetCallerIdentity", f"{each['bytes']:.0f}", "600", "300",
              f"chain {each['links']:.0f}, record {each['bodies']:.0f}, histories {each['histories']:.1f}")


def start(programs, table):
    """From the process's start to its first answer, on an empty store; its memory after."""
    times, memory = [], []
    for _ in range(max(programs.options.rounds, 11)):
        server, seconds = programs.palisade(programs.folder("start"))
        times.append(seconds * 1000)
        time.sleep(0.5)
        memory.append(server.resident_mb())
        server.stop()
    table.add("start to ready, empty store", f"{statistics.median(times):.0f} ms", "100 ms", "25 ms",
              f"{min(times):.0f} to {max(times):.0f} ms, the folder made anew")
    table.add("resident memory, idle, all services", f"{statistics.median(memory):.1f} MB", "30 MB", "15 MB",
              f"{min(memory):.1f} to {max(memory):.1f} MB")


def million(programs, table):
    """Start on a million records, and `what-if --since` over as many questions."""
    folder = programs.folder("million")
    server, _ = programs.palisade(folder)
    user = programs.user(server)
    for _ in range(3):
        programs.load(server, "get-user", requests=50, name="caller", **user)
    server.stop()
    programs.run("journal", "fill", folder, "--records", 1_000_000)
    times = []
    for _ in range(programs.options.rounds):
        server, seconds = programs.palisade(folder)
        times.append(seconds * 1000)
        time.sleep(0.5)
        memory = server.resident_mb()
        server.stop()
    table.add("start to ready, 1M journal records", f"{statistics.median(times):.0f} ms", "500 ms", "150 ms",
              f"{min(times):.0f} to {max(times):.0f} ms; then {memory:.1f} MB resident")
    server, _ = programs.palisade(folder)
    times, asked = [], 0
    for _ in range(min(programs.options.rounds, 3)):
        seconds, asked = what_if(programs, server)
        times.append(seconds)
    table.add("what-if --since over 1M recorded calls", f"{statistics.median(times):.1f} s", "30 s", "10 s",
              f"{asked:,} questions asked of two states; {server.resident_mb():.0f} MB resident after")
    server.stop()


def what_if(programs, server):
    """Runs an empty command on a branch and replays a day; seconds, and how many questions were asked."""
    environment = {**programs.environment, "AWS_ENDPOINT_URL": f"http://{server.host}", "AWS_REGION": "us-east-1",
                   "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    command = [programs.program("palisade"), "what-if", "--since", "1d", "--format", "json", "--", "true"]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"what-if failed: {done.stderr}")
    asked = json.loads(done.stdout)["Replay"]["QuestionsAsked"]
    if asked < 1_000_000:
        raise SystemExit(f"only {asked} questions were asked")
    return seconds, asked
