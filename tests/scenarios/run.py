"""Puts scenarios (numbered steps as data, see README.md) to any endpoint that speaks the AWS APIs."""

import argparse
import json
import re
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from botocore.exceptions import ClientError  # noqa: E402

from harness.callers import Caller, Credentials  # noqa: E402

STEP_KEYS = {"id", "call", "as", "with", "expect", "refuse", "status", "message", "save", "becomes", "within"}


@dataclass
class Outcome:
    """How a step went; `problem` is empty if as written."""

    id: int
    title: str
    problem: str = ""


def load(path: Path) -> dict:
    """A scenario, checked: numbered steps from 1, known keys, and each step expects something."""
    scenario = yaml.safe_load(path.read_text())
    for number, step in enumerate(scenario["steps"], 1):
        if step.get("id") != number:
            raise ValueError(f"{path.name}: step {number} has id {step.get('id')}")
        if unknown := set(step) - STEP_KEYS:
            raise ValueError(f"{path.name}, step {number}: unknown {sorted(unknown)}")
        if not {"expect", "refuse"} & set(step):
            raise ValueError(f"{path.name}, step {number}: expects nothing")
    return scenario


def run(scenario: dict, callers: dict[str, Caller]) -> list[Outcome]:
    """Puts every step; a step that fails does not end the story, so that two endpoints can be compared step by step."""
    callers = dict(callers)
    variables = {"run": secrets.token_hex(4)}
    for name, variable in (("root", "account"), ("other", "other_account")):
        if name in callers:
            variables[variable] = callers[name].sts.get_caller_identity()["Account"]
    return [put(step, callers, variables) for step in scenario["steps"]]


def put(step: dict, callers: dict[str, Caller], variables: dict[str, str]) -> Outcome:
    """Puts one step, again and again within its time, and keeps what it saves."""
    who = step.get("as", "root")
    outcome = Outcome(step["id"], f"{step['call']} as {who}")
    deadline = time.monotonic() + step.get("within", 0)
    while True:
        try:
            caller, parameters = callers[who], filled(step.get("with", {}), variables)
            answer, error = call(caller, step["call"], parameters)
            outcome.problem = compare(step, answer, error, variables)
            if not error:
                keep(step, answer, caller, callers, variables)
        except (KeyError, IndexError, TypeError) as missing:
            outcome.problem = f"cannot be put: {type(missing).__name__} {missing}"
        if not outcome.problem or time.monotonic() > deadline:
            return outcome
        time.sleep(0.1)


def call(caller: Caller, operation: str, parameters: dict) -> tuple[dict, dict | None]:
    """The answer, and the error if there was one."""
    service, name = operation.split(":")
    client = caller.client(service)
    try:
        return client._make_api_call(name, parameters), None
    except ClientError as refusal:
        return {}, refusal.response


def compare(step: dict, answer: dict, error: dict | None, variables: dict) -> str:
    """What differs from the step's words; empty if nothing does."""
    if "refuse" not in step:
        return f"refused: {error['Error']}" if error else differs(filled(step["expect"], variables), answer, "")
    if not error:
        return f"not refused with {step['refuse']}"
    got, status = error["Error"], error["ResponseMetadata"]["HTTPStatusCode"]
    if got["Code"] != step["refuse"]:
        return f"refused with {got['Code']} ({got.get('Message')}), not {step['refuse']}"
    if "status" in step and status != step["status"]:
        return f"status {status}, not {step['status']}"
    part = filled(step.get("message", ""), variables)
    return "" if part in got.get("Message", "") else f"message {got.get('Message')!r} without {part!r}"


def differs(expected, actual, where: str) -> str:
    """The first difference between what is expected and what there is."""
    if isinstance(expected, dict) and set(expected) == {"some"}:
        found = any(not differs(expected["some"], entry, where) for entry in actual or [])
        return "" if found else f"{where}: no entry like {expected['some']} in {actual}"
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return f"{where}: {actual!r} is no structure"
        found = (differs(value, actual.get(key), f"{where}.{key}" if where else key) for key, value in expected.items())
        return next(filter(None, found), "")
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return f"{where}: {actual!r}, expected {len(expected)} entries"
        found = (differs(value, actual[number], f"{where}.{number}") for number, value in enumerate(expected))
        return next(filter(None, found), "")
    if isinstance(expected, str) and expected.startswith("~"):
        text = actual if isinstance(actual, str) else json.dumps(actual, default=str)
        return "" if re.search(expected[1:], text) else f"{where}: {actual!r} does not match {expected[1:]!r}"
    return "" if expected == actual else f"{where}: {actual!r}, expected {expected!r}"


def keep(step: dict, answer: dict, caller: Caller, callers: dict, variables: dict) -> None:
    """Saves variables and new callers out of an answer."""
    for name, path in step.get("save", {}).items():
        value = answer
        for part in path.split("."):
            value = value[int(part)] if isinstance(value, list) else value[part]
        variables[name] = str(value)
    if "becomes" in step:
        callers[step["becomes"]] = caller.becoming(answer.get("AccessKey") or answer["Credentials"])


def filled(value, variables: dict):
    """`value` with its variables, and `{json: …}` as text."""
    if isinstance(value, dict) and set(value) == {"json"}:
        return json.dumps(filled(value["json"], variables))
    if isinstance(value, dict):
        return {filled(key, variables): filled(entry, variables) for key, entry in value.items()}
    if isinstance(value, list):
        return [filled(entry, variables) for entry in value]
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: variables.get(found.group(1), found.group(0)), value)
    return value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--credentials", action="append", required=True, metavar="KEY:SECRET")
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    named = zip(("root", "other"), arguments.credentials)
    callers = {name: Caller(arguments.endpoint, Credentials(*given.split(":")[:2])) for name, given in named}
    bad = 0
    for path in arguments.files or sorted(Path(__file__).parent.glob("*.yaml")):
        scenario = load(path)
        print(f"{path.name}: {scenario['title']}")
        for outcome in run(scenario, callers):
            bad += bool(outcome.problem)
            print(f"  {outcome.id:3} {'FAIL' if outcome.problem else 'ok  '} {outcome.title} {outcome.problem}")
    print(f"{bad} steps went otherwise than written")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
