"""Rounds of kill -9 under load, and what must be true after each restart.

    python tests/crash/rounds.py --rounds 100

Each round starts the real binary on the same data folder, lets several callers write and take sessions at once, kills it with
SIGKILL at a random moment, starts it again, and compares what clients were told with what is there:

- every acknowledged write is there, and so is its record;
- every session handed out is on record, and still works;
- no record of a success without its write, and no write without its record;
- the journal verifies.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402

from harness.callers import Account, Caller, Credentials, allow, trust  # noqa: E402
from harness.events import lookup  # noqa: E402
from harness.server import Server, palisade  # noqa: E402

ACCOUNT = "111122223333"
ROOT = Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789")
WORKERS = 6
DOCUMENT = json.dumps(allow("iam:ListUsers"))


@dataclass
class Told:
    """What one worker's client was told, and what it asked without hearing the end of it."""

    created: dict[str, str] = field(default_factory=dict)  # user -> request id
    policies: dict[str, str] = field(default_factory=dict)  # user -> request id of its inline policy
    deleted: dict[str, str] = field(default_factory=dict)
    sessions: list[tuple[dict, str]] = field(default_factory=list)  # credentials, request id
    denied: list[str] = field(default_factory=list)  # request ids
    unheard: set[str] = field(default_factory=set)  # users whose last call had no answer


@dataclass
class World:
    """The data folder through all rounds, and the callers on it."""

    folder: Path
    told: list[Told] = field(default_factory=list)
    account: Account | None = None
    assumer: Caller | None = None
    powerless: Caller | None = None
    role: str = ""

    def server(self) -> Server:
        """A server on the folder; callers are told its port."""
        server = Server(self.folder, "--data", str(self.folder / "data"), "--root-credentials", f"{ROOT.access_key_id}:{ROOT.secret}:{ACCOUNT}")
        server.start()
        self.account = Account(ACCOUNT, Caller(server.endpoint, ROOT))
        for name in ("assumer", "powerless"):
            if caller := getattr(self, name):
                setattr(self, name, Caller(server.endpoint, caller.credentials))
        return server

    def prepare(self) -> None:
        """The principals of the load, made once."""
        self.role = self.account.role(trust(ACCOUNT), allow("iam:ListUsers"), name="app")
        self.assumer = self.account.user(allow("sts:AssumeRole"), name="assumer")
        self.powerless = self.account.user(name="powerless")


def request_id(answer: dict) -> str:
    return answer["ResponseMetadata"]["RequestId"]


def work(world: World, told: Told, name: str, seed: int, stop: threading.Event) -> None:
    """One caller: creates users, gives them policies, deletes some, takes sessions, is refused; until the server is gone."""
    dice = random.Random(seed)
    iam, sts, powerless = world.account.root.client("iam"), world.assumer.client("sts"), world.powerless.client("iam")
    number = 0
    while not stop.is_set():
        number += 1
        user = f"{name}-{number}"
        try:
            told.unheard.add(user)
            told.created[user] = request_id(iam.create_user(UserName=user, Path=f"/{name.split('w')[0]}/"))
            if dice.random() < 0.5:
                told.policies[user] = request_id(iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=DOCUMENT))
            elif dice.random() < 0.5:
                told.deleted[user] = request_id(iam.delete_user(UserName=user))
            told.unheard.discard(user)
            if dice.random() < 0.5:
                answer = sts.assume_role(RoleArn=world.role, RoleSessionName=user)
                told.sessions.append((answer["Credentials"], request_id(answer)))
            if dice.random() < 0.3:
                powerless.create_user(UserName="never")
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != "AccessDenied":
                raise
            told.denied.append(request_id(refusal.response))
        except BotoCoreError:
            return  # The server is gone: what was asked last stays unheard.


def load_and_kill(world: World, server: Server, number: int, seed: int, seconds: float) -> Told:
    """Load from several callers on users under the path `/rNUMBER/`, and SIGKILL in the midst of it; what all of them were told."""
    stop, shares = threading.Event(), [Told() for _ in range(WORKERS)]
    threads = [threading.Thread(target=work, args=(world, share, f"r{number}w{worker}", seed + worker, stop)) for worker, share in enumerate(shares)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()
    whole = Told()
    for share in shares:
        for name in ("created", "policies", "deleted"):
            getattr(whole, name).update(getattr(share, name))
        whole.sessions += share.sessions
        whole.denied += share.denied
        whole.unheard |= share.unheard
    return whole


def problems_after(world: World, told: Told, path: str, since: datetime) -> list[str]:
    """Everything that is not as it must be after a restart, for the users under `path`, whose round began at `since`."""
    iam = world.account.iam
    there = {user["UserName"] for page in iam.get_paginator("list_users").paginate(PathPrefix=path) for user in page["Users"]}
    events = {event["requestID"]: event for event in lookup(world.account, since)}
    found = [
        *(f"{user} was created and is gone" for user in told.created if user not in there and user not in told.deleted and user not in told.unheard),
        *(f"{user} was deleted and is there" for user in told.deleted if user in there),
        *(f"the policy of {user} was put and is gone" for user in told.policies if not iam.list_user_policies(UserName=user)["PolicyNames"]),
    ]
    acknowledged = {**told.created, **{f"policy of {user}": id for user, id in told.policies.items()}, **{f"end of {user}": id for user, id in told.deleted.items()}}
    found += [f"{what} has no record" for what, id in acknowledged.items() if id not in events]
    found += [f"the refusal {id} has no record" for id in told.denied if id not in events]
    for credentials, id in told.sessions:
        shown = (events.get(id) or {}).get("responseElements") or {}
        if shown.get("credentials", {}).get("accessKeyId") != credentials["AccessKeyId"]:
            found.append(f"the session {credentials['AccessKeyId']} is not on record")
    for credentials, _ in told.sessions[-3:]:
        try:
            world.account.root.becoming(credentials).sts.get_caller_identity()
        except ClientError as refusal:
            found.append(f"a session from before the crash is refused: {refusal}")
    return found + unbalanced(events.values(), there, path)


def unbalanced(events, there: set[str], path: str) -> list[str]:
    """Records of success without their write, and writes without their record, among the users of one path."""
    created, deleted = Counter(), Counter()
    for event in events:
        asked = event["requestParameters"] or {}
        if "errorCode" not in event and event["eventName"] == "CreateUser" and asked.get("path") == path:
            created[asked["userName"]] += 1
        if "errorCode" not in event and event["eventName"] == "DeleteUser":
            deleted[asked["userName"]] += 1
    recorded = {user for user in created if created[user] > deleted[user]}
    return [
        *(f"{user} is on record as created and is not there" for user in recorded - there),
        *(f"{user} is there and not on record" for user in there - recorded),
        *(f"{user} was recorded {count} times" for user, count in created.items() if count > 1),
    ]


def run(rounds: int, seed: int, folder: Path, say=print) -> list[str]:
    """All rounds on one folder; every problem found, with its round."""
    dice, world, found = random.Random(seed), World(folder), []
    say(f"seed {seed}")
    server = world.server()
    world.prepare()
    for number in range(1, rounds + 1):
        since = datetime.now(timezone.utc) - timedelta(seconds=2)
        told = load_and_kill(world, server, number, dice.randrange(2**32), dice.uniform(0.2, 1.5))
        verified = palisade("journal", "verify", "--data", str(folder / "data"))
        started = time.monotonic()
        server = world.server()
        problems = problems_after(world, told, f"/r{number}/", since)
        if verified.returncode != 0:
            problems.append(f"the journal does not verify: {verified.stdout}{verified.stderr}")
        if not told.created:
            problems.append("nothing was acknowledged: the round proves nothing")
        say(
            f"round {number}: {len(told.created)} users, {len(told.policies)} policies, {len(told.deleted)} deleted, {len(told.sessions)} sessions, "
            f"{len(told.denied)} refusals, {len(told.unheard)} unheard; checked in {time.monotonic() - started:.1f} s: {len(problems)} problems"
        )
        found += [f"round {number}: {problem}" for problem in problems]
    server.stop()
    return found


def main(rounds, description: str, fine: str) -> int:
    """The command line of a module of rounds: `rounds(count, seed, folder)` gives what is wrong, `fine` says that nothing is."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = rounds(arguments.rounds, arguments.seed, Path(folder))
    print("\n".join(found) or f"{arguments.rounds} rounds: {fine}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(run, __doc__, "nothing lost, nothing unrecorded"))
