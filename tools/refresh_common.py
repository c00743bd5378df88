"""What the refresh tools share: fetching a pinned public package, and writing reviewable JSON.

Python 3 and its standard library, plus `pip` and `npm` as commands. Packages are kept in `.cache/`, which git ignores,
so that a second run needs no network.
"""

import json
import pathlib
import subprocess
import sys
import tarfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"


def version_argument(default, what):
    """The version to fetch: the tool's only argument, or the default that the repository is at."""
    arguments = sys.argv[1:]
    if arguments in (["-h"], ["--help"]) or len(arguments) > 1:
        sys.exit(f"usage: {pathlib.Path(sys.argv[0]).name} [VERSION]   ({what}; default {default})")
    return arguments[0] if arguments else default


def pypi_wheel(package, version):
    """The wheel of `package==version` from PyPI, as an open zip file."""
    pattern = f"{package}-{version}-*.whl"
    if not list(CACHE.glob(pattern)):
        CACHE.mkdir(exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
             "--dest", str(CACHE), f"{package}=={version}"],
            check=True,
        )
    return zipfile.ZipFile(next(CACHE.glob(pattern)))


def npm_package(package, version):
    """The folder of `package@version` from npm, unpacked (nothing of it is run)."""
    folder = CACHE / f"{package.strip('@').replace('/', '-')}-{version}"
    if not folder.exists():
        CACHE.mkdir(exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"{package}@{version}"],
            check=True, cwd=CACHE, capture_output=True, text=True,
        ).stdout.split()[-1]
        with tarfile.open(CACHE / packed) as archive:
            archive.extractall(folder, filter="data")
    return folder / "package"


def compact(value):
    """One line of JSON, in the order that `value` has."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def write_lines(path, head, tables):
    """Write `head`'s entries one a line, then each table with one line an entry: a change of one fact is a diff of one line."""
    lines = [f"{compact(key)}:{compact(value)}" for key, value in head.items()]
    for name, table in tables.items():
        entries = [f"{compact(key)}:{compact(value)}" for key, value in table.items()]
        lines.append(compact(name) + ":{\n" + ",\n".join(entries) + ("\n}" if entries else "}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
    return path.stat().st_size
