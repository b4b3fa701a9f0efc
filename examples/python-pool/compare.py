"""Runs one function through `concurrent.futures` and through Sandmill, on the same lines, and compares what comes out.

    python3.14 compare.py --sandmill PATH [--lines N] [--json]

Each way starts with nothing and has to deliver every output: pools are created, and Sandmill is started, on the clock.
A record a task is slow, so those ways are given the first tenth of the lines. `shout` takes little, so the others are
given the lines five times: the start would be most of what is measured.
"""

import argparse
import json
import multiprocessing
import os
import platform
import random
import resource
import site
import subprocess
import sys
import tempfile
import time
from concurrent import futures
from contextlib import nullcontext
from functools import partial
from itertools import chain
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEFORE = str(HERE / "before")
sys.path.insert(0, BEFORE)

from normalise import normalise  # noqa: E402
from score import score  # noqa: E402
from shout import shout  # noqa: E402

CORES = len(os.sched_getaffinity(0))
CHUNK = 1000
FUNCTIONS = {"shout": shout, "normalise": normalise, "score": score}
TIMES = {"shout": 5}
WORDS = "GET POST /index /orders/17 user Ada Grace Edsger ERROR failed: timeout refused retry slow denied 200 404 503 (ok)".split()


def lines_of(count):
    """Lines of about 100 bytes, the same in every run."""
    chance = random.Random(1)
    for number in range(count):
        yield f"{number}  " + " ".join(chance.choices(WORDS, k=14))


def all_of(function, chunk):
    """A chunk by hand, for executors whose `map` ignores `chunksize`."""
    return [function(line) for line in chunk]


def loop(function, lines):
    return [function(line) for line in lines]


def by_record(pool, function, lines):
    return list(pool.map(function, lines))


def by_chunksize(pool, function, lines):
    return list(pool.map(function, lines, chunksize=CHUNK))


def by_hand(pool, function, lines):
    chunks = [lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)]
    return list(chain.from_iterable(pool.map(partial(all_of, function), chunks)))


def interpreters():
    # A sub-interpreter imports the function's module by itself, so it must find the folder.
    return futures.InterpreterPoolExecutor(CORES, initializer=site.addsitedir, initargs=(BEFORE,))


def pools():
    """Each way with its name, its executor, how that is used, and whether a record is a task."""
    yield "a loop, no pool", nullcontext, lambda _pool, function, lines: loop(function, lines), False
    threads = partial(futures.ThreadPoolExecutor, CORES)
    yield "ThreadPoolExecutor, a record a task", threads, by_record, True
    yield f"ThreadPoolExecutor, {CHUNK} records a task", threads, by_hand, False
    processes = partial(futures.ProcessPoolExecutor, CORES)
    yield "ProcessPoolExecutor, a record a task", processes, by_record, True
    yield f"ProcessPoolExecutor, chunksize={CHUNK}", processes, by_chunksize, False
    if hasattr(futures, "InterpreterPoolExecutor"):
        yield "InterpreterPoolExecutor, a record a task", interpreters, by_record, True
        yield f"InterpreterPoolExecutor, {CHUNK} records a task", interpreters, by_hand, False


def processor_seconds():
    """Of this process, of the children that it has waited for, and of those that live."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    living = 0.0
    for child in multiprocessing.active_children():
        # Workers are not always children of this process: a fork server has them.
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        living += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return sum(usage.ru_utime + usage.ru_stime for usage in usages) + living


def through_pool(create, use, function, lines):
    cpu, begun = processor_seconds(), time.monotonic()
    with create() as pool:
        outputs = use(pool, function, lines)
        seconds, cpu = time.monotonic() - begun, processor_seconds() - cpu
    return outputs, seconds, cpu


def through_sandmill(program, name, count, folder):
    """The function as a stage, in a pipeline from a file to a file, as a process of its own."""
    pipeline = folder / f"{name}.toml"
    pipeline.write_text(
        f'name = "{name}"\n\n[source]\nkind = "file"\npath = "lines.txt"\n\n'
        f'[[stage]]\nname = "{name}"\ncomponent = {json.dumps(str(HERE / name))}\n\n'
        '[sink]\nkind = "file"\npath = "out.txt"\nformat = "lines"\n'
    )
    cpu, begun = processor_seconds(), time.monotonic()
    subprocess.run([program, "run", "--quiet", pipeline], check=True, stdout=subprocess.DEVNULL)
    seconds, cpu = time.monotonic() - begun, processor_seconds() - cpu
    with open(folder / "out.txt") as file:
        outputs = file.read().split("\n")
    assert outputs.pop() == "" and len(outputs) == count, f"{len(outputs)} outputs of {count} lines"
    return outputs, seconds, cpu


def compare(program, name, lines, folder):
    """Every way, with what it took."""
    function, times = FUNCTIONS[name], TIMES.get(name, 1)
    (folder / "lines.txt").write_text("".join(line + "\n" for line in lines) * times)
    expected = loop(function, lines)
    taken = []

    def took(way, outputs, seconds, cpu):
        assert outputs == (expected * times)[: len(outputs)], f"{way} gives other outputs than a loop"
        taken.append({"function": name, "way": way, "records": len(outputs), "seconds": seconds, "cpu_seconds": cpu})

    for way, create, use, is_by_record in pools():
        given = lines[: max(1, len(lines) // 10)] if is_by_record else lines * times
        outputs, seconds, cpu = through_pool(create, use, function, given)
        assert len(outputs) == len(given), f"{way} has lost outputs"
        took(way, outputs, seconds, cpu)
    # The first run compiles CPython for this machine, and is not counted.
    through_sandmill(program, name, len(lines) * times, folder)
    took("Sandmill, a Python stage", *through_sandmill(program, name, len(lines) * times, folder))
    return taken


def table(taken):
    ours = {row["function"]: row["records"] / row["seconds"] for row in taken if row["way"].startswith("Sandmill")}
    yield "| function | way | records/s | Sandmill is faster by | cpu µs per record |"
    yield "|---|---|--:|--:|--:|"
    for row in taken:
        speed = row["records"] / row["seconds"]
        factor, cpu = ours[row["function"]] / speed, row["cpu_seconds"] / row["records"] * 1e6
        yield f"| `{row['function']}` | {row['way']} | {speed:,.0f} | {factor:.1f} × | {cpu:.1f} |"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sandmill", default="sandmill", help="the program")
    options.add_argument("--lines", type=int, default=400_000)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    left_out = []
    if not hasattr(futures, "InterpreterPoolExecutor"):
        left_out.append(f"InterpreterPoolExecutor: it needs Python 3.14, and this is {platform.python_version()}")
    lines = list(lines_of(asked.lines))
    with tempfile.TemporaryDirectory() as folder:
        taken = [row for name in FUNCTIONS for row in compare(asked.sandmill, name, lines, Path(folder))]
    if asked.json:
        print(json.dumps({"python": platform.python_version(), "left_out": left_out, "taken": taken}))
    else:
        print(f"Python {platform.python_version()}, {CORES} cores\n", *table(taken), sep="\n")
        print(*(f"left out: {line}" for line in left_out), sep="\n")


if __name__ == "__main__":
    main()
