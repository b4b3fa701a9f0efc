"""Makes a component of a stage written in Python. `sandmill build` runs it, with the Python of its own environment:

    python build.py --folder DIR --entry stage.py --wit DIR --work DIR --out stage.wasm [--reach time,files]

`--work` is a folder that this program may fill: the pure Python packages that `requirements.txt` names are kept there.
The last line of stdout is JSON: `{"world": "stage", "flushes": true}`. `flushes` is null where nobody can tell.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

SDK = Path(__file__).resolve().parent
ENTRY = "sandmill_entry"
PYTHON_OF_GUEST = "3.14"


class Refused(Exception):
    """Why there is no component, for the author of the stage."""


def main(arguments: list[str]) -> int:
    given = _arguments(arguments)
    try:
        entry = Path(given.folder) / given.entry
        if not entry.is_file():
            raise Refused(f"{given.entry}: there is no such file in {given.folder}")
        form = describe(entry.read_bytes(), given.entry)
        packages = install(Path(given.folder) / "requirements.txt", Path(given.work))
        componentize(given, form, packages)
    except Refused as why:
        print(why, file=sys.stderr)
        return 1
    print(json.dumps(form))
    return 0


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("folder", "entry", "wit", "work", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--reach", default="")
    return parser.parse_args(arguments)


def describe(text: bytes, name: str) -> dict[str, object]:
    """Whether the module is a stage or a source, and whether it gives outputs at its end: read, not run."""
    try:
        tree = ast.parse(text, name)
    except SyntaxError as error:
        if sys.version_info >= tuple(map(int, PYTHON_OF_GUEST.split("."))):
            raise Refused(f"{name}:{error.lineno}: {error.msg}") from None
        return {"world": "stage", "flushes": None}  # it may be newer than this Python
    for node in tree.body:
        marks = {_name(each) for each in getattr(node, "decorator_list", ())}
        if "source" in marks:
            return {"world": "record-source", "flushes": None}
        if "stage" in marks:
            return {"world": "stage", "flushes": _flushes(node)}
    return {"world": "stage", "flushes": None}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _flushes(node: ast.stmt) -> bool | None:
    if not isinstance(node, ast.ClassDef):
        return False
    if any(getattr(each, "name", "") == "flush" for each in node.body):
        return True
    return None if node.bases else False


def install(requirements: Path, work: Path) -> Path | None:
    """Installs the packages that the stage names, once for each content of `requirements.txt`."""
    if not requirements.is_file() or not requirements.read_text().strip():
        return None
    key = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    folder = work / "packages" / key
    if folder.is_dir():
        return folder
    fresh = folder.with_name(f"{key}.{_unique()}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--target"]
    pure = ["--only-binary=:all:", "--python-version", PYTHON_OF_GUEST]
    pure += ["--implementation", "py", "--abi", "none", "--platform", "any"]
    done = subprocess.run(
        [*pip, str(fresh), *pure, "-r", str(requirements)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        why = "\n".join(line for line in done.stderr.splitlines() if line.startswith("ERROR"))
        raise Refused(f"requirements.txt: only packages of pure Python can be part of a stage\n{why or done.stderr}")
    try:
        fresh.rename(folder)
    except OSError:  # another build was first
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _unique() -> str:
    return f"{os.getpid()}-{time.time_ns()}"


def componentize(given: argparse.Namespace, form: dict[str, object], packages: Path | None) -> None:
    """Runs componentize-py. Raises Refused with the author's part of its complaint."""
    reach = [each for each in given.reach.split(",") if each]
    work = Path(given.work) / f"entry.{_unique()}"
    work.mkdir(parents=True)
    try:
        (work / f"{ENTRY}.py").write_text(entry_of(Path(given.entry), str(form["world"]), reach))
        interface = work / "wit"
        shutil.copytree(given.wit, interface)
        (interface / "stage.wit").write_text(shown((interface / "stage.wit").read_text()))
        search = [Path(given.folder), *([packages] if packages else []), SDK, work]
        command = [sys.executable, "-c", "from componentize_py import script; script()", "-q", "-d", str(interface)]
        command += ["-w", str(form["world"]), "componentize", ENTRY]
        for folder in search:
            command += ["-p", str(folder)]
        done = subprocess.run(
            [*command, *([] if reach else ["--stub-wasi"]), "-o", given.out],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if done.returncode != 0:
        raise Refused(readable(done.stderr))


def shown(wit: str) -> str:
    """The interface as componentize-py is shown it: where records end crosses as bytes, and `sandmill build` makes up for it."""
    text, places = re.subn(r"\b(ends|origins): list<u32>", r"\1: offsets", wit)
    text, definitions = re.subn(r"(?=  record column \{)", "  type offsets = list<u8>;\n", text)
    if (places, definitions) != (2, 1):
        raise AssertionError("the interface is not the one that this program was written for")
    return text


def entry_of(entry: Path, world: str, reach: list[str]) -> str:
    """The module that becomes the component. The order matters: see `_reach`."""
    module = ".".join(entry.with_suffix("").parts)
    name = "Source" if world == "record-source" else "Transform"
    return f"""\
import sys
sys.dont_write_bytecode = True  # the folders are the author's
import sandmill._reach
sandmill._reach.prepare()
import {module}
import sandmill._guest
sandmill._guest.program({reach!r}, {module}.__file__)
from sandmill._guest import {name}
"""


def readable(stderr: str) -> str:
    """The author's part of what the tool says: its traceback, without the tool's own."""
    text = stderr.partition("\nStack backtrace:")[0].partition("\n\nCaused by:")[0]
    text = text.rpartition("AssertionError: ")[2].strip()
    # What is printed while the module is imported is a log line by then.
    lines = [line.removeprefix("warn: ") for line in text.splitlines()]
    lines = [re.sub(r'File "/\d+/', 'File "', line) for line in lines]
    return "\n".join(_without_sdk(lines)) or stderr


def _without_sdk(lines: list[str]) -> list[str]:
    kept, is_sdk = [], False
    for line in lines:
        if line.startswith('  File "'):
            is_sdk = f"{ENTRY}.py" in line or 'File "sandmill/' in line or "<frozen importlib" in line
        elif not line.startswith(" "):
            is_sdk = False
        if not is_sdk:
            kept.append(line)
    return kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
