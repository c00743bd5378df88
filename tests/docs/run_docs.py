"""Runs the ```console blocks of a documentation page, so that no page shows a command that does not do what it says.

    python tests/docs/run_docs.py README.md docs/*.md

Lines that start with `$ ` are commands (`> ` continues one, as a shell shows it; a command that ends with `\\` goes on in the next line). What
stands below is what they print. All blocks of a page share one bash, so variables stay. Compared loosely: ids, keys, dates, ports and
times are masked on both sides; a line `...` stands for any number of lines, `...` within a line for any text. The command that starts the
server (`... up ...`) is started in the background on a free port, and every 127.0.0.1:4566 of the page means that port; a second one on
the page stops the first and goes on with its data folder.
A block marked ```console (not run: REASON) is left out, aloud.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness.callers import AWS_CLI  # noqa: E402
from harness.server import REPOSITORY, Server, binary, clean_environment  # noqa: E402

BLOCK = re.compile(r"^```console[ \t]*(\(not run: [^)\n]+\))?[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
CARGO_RUN = re.compile(r"cargo run (--release )?(-q )?--(?= )")
SERVE = re.compile(r"^palisade up\b(.*)$")
STATED_PORT = "127.0.0.1:4566"
MASKS = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b(AIDA|AROA|AGPA|ANPA|AIPA|AKIA|ASIA)[A-Z0-9]{12,}\b"), r"<\1>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<date>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<endpoint>"),
    (re.compile(r"(?<![\w/+=])[A-Za-z0-9/+]{40}(?![\w/+=])"), "<secret>"),
    (re.compile(r"\b1[67]\d{8}(\.\d+)?\b"), "<seconds>"),
    (re.compile(r"[ \t]+"), " "),
]


@dataclass
class Step:
    """A command and what the page says it prints."""

    line: int
    command: str
    expected: list[str] = field(default_factory=list)


def steps_of(text: str) -> tuple[list[Step], list[str]]:
    """The steps of a page, and the reasons for blocks that are not run."""
    steps, skipped = [], []
    for block in BLOCK.finditer(text):
        first = text[: block.start(2)].count("\n") + 1
        if block.group(1):
            skipped.append(f"line {first}: {block.group(1)}")
        else:
            steps += steps_in(block.group(2), first)
    return steps, skipped


def steps_in(block: str, first: int) -> list[Step]:
    """The steps of one block."""
    steps: list[Step] = []
    for number, line in enumerate(block.splitlines(), first):
        if line.startswith("$ "):
            steps.append(Step(number, line[2:]))
        elif not steps:
            raise ValueError(f"line {number}: output before the first command")
        elif not steps[-1].expected and (line.startswith("> ") or line == ">"):
            steps[-1].command += "\n" + line[2:]
        elif not steps[-1].expected and steps[-1].command.endswith("\\"):
            steps[-1].command += "\n" + line
        else:
            steps[-1].expected.append(line)
    return steps


def masked(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, stands_for in MASKS:
        text = pattern.sub(stands_for, text)
    return text.strip()


def matches(expected: list[str], actual: list[str]) -> bool:
    """Whether the lines agree, `...` standing for anything."""
    parts = []
    for line in filter(None, map(masked, expected)):
        parts.append(r"(?:[^\n]*\n)*" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n")
    text = "".join(f"{line}\n" for line in filter(None, map(masked, actual)))
    return re.fullmatch("".join(parts), text) is not None


class Shell:
    """One bash for a page: each command's output and exit status, with variables that stay."""

    def __init__(self, folder: Path):
        tools = folder / "bin"
        tools.mkdir()
        (tools / "palisade").symlink_to(binary())
        (tools / "aws").symlink_to(AWS_CLI)
        # The page's commands see the repository around them, and what they write stays out of it.
        here = folder / "here"
        here.mkdir()
        for entry in REPOSITORY.iterdir():
            (here / entry.name).symlink_to(entry)
        path = f"{tools}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=here,
            env=clean_environment(PATH=path, AWS_PAGER="", AWS_MAX_ATTEMPTS="1", HOME=str(folder)),
        )

    def run(self, command: str) -> tuple[list[str], int]:
        """Output lines and exit status. A command may read no input but its own here-documents."""
        end = "--end-of-command--"
        self.process.stdin.write(f"{{ {command}\n}} </dev/null\necho {end} $?\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            before, found, status = line.rstrip("\n").partition(end)
            if found:
                return lines + ([before] if before else []), int(status)
            lines.append(before)
        raise RuntimeError(f"the shell ended in:\n{command}\n" + "\n".join(lines))

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)


def run_page(path: Path, say=print) -> list[str]:
    """Runs a page; what went otherwise than written."""
    steps, skipped = steps_of(path.read_text())
    for reason in skipped:
        say(f"{path.name}, {reason}")
    problems: list[str] = []
    server: Server | None = None
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(Path(folder))
        for step in steps:
            command = CARGO_RUN.sub("palisade", step.command)
            if serve := SERVE.match(command):
                if server:
                    server.stop()
                    server.log_path.unlink()
                server = serving(Path(folder), serve.group(1).split())
                output, status = server.wait_for_log(lambda lines: matches(step.expected, lines)), 0
            else:
                output, status = shell.run(command.replace(STATED_PORT, f"127.0.0.1:{server.port}") if server else command)
            if not matches(step.expected, output):
                problems.append(f"{path.name}, line {step.line}: {step.command}\n--- written\n" + "\n".join(step.expected) + f"\n--- printed (exit {status})\n" + "\n".join(output))
        shell.close()
        if server:
            server.stop()
    say(f"{path.name}: {len(steps)} commands run, {len(problems)} otherwise than written")
    return problems


def serving(folder: Path, flags: list[str]) -> Server:
    """The page's server, with its flags but a port and a data folder of its own; a passphrase is in the shell's folder."""
    kept = [flag.replace("passphrase:file=", f"passphrase:file={folder / 'here'}/") for flag in flags if flag not in ("&",)]
    if "--data" not in kept and "--ephemeral" not in kept:
        kept += ["--data", str(folder / "data")]
    return Server(folder, *kept).start()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path)
    problems = [problem for page in parser.parse_args().pages for problem in run_page(page)]
    print("\n\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
