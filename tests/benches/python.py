"""The contenders in Python, as `elsewhere.rs` starts them: `python.py '["threads", JOB, LENGTH]' INPUT`, or `python.py about`.

Written as one would who knows Python's costs: stages of a job are one function call where nothing asks for more, records
travel in chunks, and pools are kept full but bounded.
"""

import hashlib
import json
import os
import pickle
import queue
import re
import resource
import sys
import threading
import time
from collections import deque
from concurrent import futures
from itertools import cycle

CORES = len(os.sched_getaffinity(0))
SECRETS = re.compile(
    rb"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}|\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|\b(?:[0-9]{4}[ -]){3}[0-9]{4}\b"
)
LINE = re.compile(
    r'(\S+) \S+ \S+ \[(\d\d)/(\w{3})/(\d{4}):(\d\d)(:\d\d:\d\d) ([+-]\d\d)(\d\d)\] "(\S+) (.+) HTTP/[^"]+" (\d{3}) (\d+|-)'
    r' "([^"]*)" "([^"]*)"'
)
MONTHS = {name: f"{number:02}" for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}


def order(record):
    order = json.loads(record)
    customer, items = order["customer"], order["items"]
    summary = {
        "id": order["id"],
        "email": customer["email"],
        "country": customer["country"],
        "items": len(items),
        "cents": sum(item["cents"] * item["count"] for item in items),
    }
    return json.dumps(summary, separators=(",", ":"), ensure_ascii=False).encode()


def access_log(record):
    ip, day, month, year, hour, rest, zone, minutes, method, path, status, size, referer, agent = LINE.match(
        record.decode()
    ).groups()
    date = f"{year}-{MONTHS[month]}-{day}T{hour}"
    line = {
        "ip": ip,
        "time": f"{date}{rest}{zone}:{minutes}",
        "hour": f"{date}:00",
        "method": method,
        "path": path,
        "status": int(status),
        "bytes": 0 if size == "-" else int(size),
        "referer": None if referer == "-" else referer,
        "agent": None if agent == "-" else agent,
    }
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()


WORKS = {
    "upper": bytes.upper,
    "json": order,
    "redact": lambda record: SECRETS.sub(b"[redacted]", record),
    "access-log": access_log,
    "hash": lambda record: hashlib.sha256(record).hexdigest().encode(),
}


def stage(work, chunk):
    apply = WORKS[work]
    return [apply(record) for record in chunk]


def all_stages(work, stages, chunk):
    for _ in range(stages):
        chunk = stage(work, chunk)
    return chunk


def read(path):
    """The chunks, and what comes of the last record of each."""
    with open(path, "rb") as file:
        lengths, expected = json.loads(file.readline())
        chunks = [[file.read(length) for length in chunk] for chunk in lengths]
    return chunks, [value.encode() for value in expected]


def give(chunks, length):
    """The chunks over and over, until so many records or so much time."""
    if "records" in length:
        left = length["records"]
        for chunk in cycle(chunks):
            if left <= 0:
                return
            yield chunk if left >= len(chunk) else chunk[:left]
            left -= len(chunk)
    else:
        end = time.monotonic() + length["millis"] / 1000
        for chunk in cycle(chunks):
            if time.monotonic() >= end:
                return
            yield chunk


def loop(given, work, stages):
    return (all_stages(work, stages, chunk) for chunk in given)


def threads(given, work, stages):
    """A thread for each stage, a queue before each."""
    queues = [queue.Queue(8) for _ in range(stages + 1)]

    def source():
        for chunk in given:
            queues[0].put(chunk)
        queues[0].put(None)

    def worker(before, behind):
        while (chunk := before.get()) is not None:
            behind.put(stage(work, chunk))
        behind.put(None)

    targets = [(source, ())] + [(worker, pair) for pair in zip(queues, queues[1:])]
    for target, arguments in targets:
        threading.Thread(target=target, args=arguments, daemon=True).start()
    return iter(queues[-1].get, None)


def pooled(pool, given, work, stages):
    """Results in order, with a few tasks for each worker under way."""
    under_way = deque()
    for chunk in given:
        under_way.append(pool.submit(all_stages, work, stages, chunk))
        if len(under_way) > 4 * CORES:
            yield under_way.popleft().result()
    for task in under_way:
        yield task.result()


class Interpreters(futures.ThreadPoolExecutor):
    """What Python 3.14 has as InterpreterPoolExecutor: a thread for each interpreter, which has a lock of its own."""

    PREPARE = "import os, pickle, sys\nsys.path.insert(0, {folder!r})\nimport {module} as program"
    CALL = (
        "done = pickle.dumps(program.all_stages(*pickle.loads(task)), 5)\n"
        "os.ftruncate(file, len(done))\nos.pwrite(file, done, 0)"
    )

    def __init__(self, workers):
        super().__init__(workers, initializer=self.prepare)
        self.mine = threading.local()

    def prepare(self):
        folder, module = os.path.split(os.path.splitext(os.path.abspath(__file__))[0])
        # In memory: what interpreters can hand over otherwise differs from release to release.
        self.mine.file = os.memfd_create("result")
        self.mine.interpreter = subinterpreters().create()
        self.run(self.PREPARE.format(folder=folder, module=module), {})

    def run(self, code, shared):
        module = subinterpreters()
        failed = getattr(module, "exec", module.run_string)(self.mine.interpreter, code, shared)
        if failed is not None:
            raise RuntimeError(failed)

    def call(self, *task):
        self.run(self.CALL, {"task": pickle.dumps(task, 5), "file": self.mine.file})
        return pickle.loads(os.pread(self.mine.file, os.fstat(self.mine.file).st_size, 0))

    def submit(self, _all_stages, *task):
        return super().submit(self.call, *task)


def subinterpreters():
    """The module below, whatever this release calls it; None before they had locks of their own."""
    if sys.version_info < (3, 12):
        return None
    try:
        import _interpreters as module
    except ImportError:
        import _xxsubinterpreters as module
    return module


def pool_of(kind):
    if kind != "interpreters":
        return futures.ProcessPoolExecutor(CORES)
    return getattr(futures, "InterpreterPoolExecutor", Interpreters)(CORES)


def by_record(given):
    return ([record] for chunk in given for record in chunk)


def main(kind, job, length, path):
    chunks, expected = read(path)
    given, work = give(chunks, length), (job["work"], job["stages"])
    pool = None
    if kind in ("processes", "processes-by-record", "interpreters"):
        pool = pool_of(kind)
        # All workers are there before the clock starts.
        for task in [pool.submit(all_stages, *work, chunks[0]) for _ in range(4 * CORES)]:
            task.result()
    cpu = time.process_time()
    begun = time.monotonic()
    if kind == "loop":
        done = loop(given, *work)
    elif kind == "threads":
        done = threads(given, *work)
    else:
        done = pooled(pool, by_record(given) if kind == "processes-by-record" else given, *work)
    records = arrive(done, len(chunks[0]), expected)
    wall = time.monotonic() - begun
    cpu = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if pool is not None:
        pool.shutdown()
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu += children.ru_utime + children.ru_stime
        peak += children.ru_maxrss * 1024 * (kind != "interpreters") * CORES
    print(json.dumps({"records": records, "wall_seconds": wall, "cpu_seconds": cpu, "peak_bytes": peak}))


def arrive(done, chunk_records, expected):
    """Counts records at the destination, and looks at the last of each chunk."""
    records = 0
    for chunk in done:
        records += len(chunk)
        turn, rest = divmod(records, chunk_records)
        if rest == 0:
            assert chunk[-1] == expected[(turn - 1) % len(expected)], "a record is not what it should be"
    return records


if __name__ == "__main__":
    if sys.argv[1] == "about":
        print(json.dumps([sys.executable, sys.version.split()[0], subinterpreters() is not None]))
    else:
        main(*json.loads(sys.argv[1]), sys.argv[2])
