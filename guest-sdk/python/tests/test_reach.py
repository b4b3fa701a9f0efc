"""What a sealed stage may not reach is an error of Python. In a process of its own, since it changes the standard library."""

import subprocess
import sys
import unittest
from pathlib import Path

SDK = Path(__file__).parents[1]

PROGRAM = """
import sandmill._reach as reach, sandmill.log as log
reach.prepare()
import datetime, io, logging, os, pathlib, random, secrets, sqlite3, sys, time, uuid
from time import time as now
from random import choice
print("at the build")
built = (now(), datetime.datetime.now(), random.random())
lines = []
reach.seal(frozenset(REACH))
log._sink = lambda level, line: lines.append(f"{level}: {line}")
log._write = lambda level, fragment: lines.append((level, fragment))
def tried(call):
    try: return str(call())
    except Exception as error: return type(error).__name__
def main(): BODY
result = main()
build.write(repr((result, lines)))
"""


def sealed(body: str, reach: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    text = "import sys; build = sys.stdout\n" + PROGRAM.replace("REACH", repr(reach)).replace("BODY", f"return {body}")
    done = subprocess.run([sys.executable, "-B", "-c", text], cwd=SDK, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "at the build" in done.stderr
    return eval(done.stdout)


class Sealed(unittest.TestCase):
    def test_what_asks_for_the_world_is_refused_by_whatever_name(self):
        calls = """now; time.monotonic; time.localtime; lambda: time.strftime("%Y"); datetime.datetime.now; datetime.date.today;
            lambda: choice([1, 2]); random.Random; secrets.token_hex; uuid.uuid4; lambda: os.urandom(1);
            lambda: open("x"); lambda: io.FileIO("x"); pathlib.Path("x").read_text; lambda: os.listdir("."); lambda: sqlite3.connect("x.db")"""
        names = [each.strip() for each in calls.split(";")]
        result, _ = sealed(f"[tried(call) for call in [{', '.join(f'({name})' for name in names)}]]")
        self.assertEqual(dict(zip(names, result)), dict.fromkeys(names, "PermissionError"))

    def test_what_needs_nothing_of_the_world_works(self):
        result, _ = sealed(
            "[tried(call) for call in [lambda: random.Random(1).random() > 0, lambda: random.seed(1) or choice([1]), "
            "lambda: time.gmtime(0).tm_year, lambda: datetime.datetime(2020, 1, 1).year, lambda: os.environ.get('PATH'), "
            "lambda: sqlite3.connect(':memory:').execute('select 2').fetchone()[0], lambda: os.path.exists('/')]]"
        )
        self.assertEqual(result, ["True", "1", "1970", "2020", "None", "2", "False"])

    def test_what_is_reached_works(self):
        result, _ = sealed(
            "[tried(lambda: now() > 0), tried(lambda: random.random() < 1), tried(lambda: open('x'))]",
            ("time", "random"),
        )
        self.assertEqual(result, ["True", "True", "PermissionError"])

    def test_what_was_not_imported_is_said_to_be_missing(self):
        result, _ = sealed("[tried(lambda: __import__('csv'))]")
        self.assertEqual(result, ["ModuleNotFoundError"])

    def test_what_is_printed_goes_to_the_log_at_once_and_so_do_lines_of_logging(self):
        body = "[print('a\\nb', end=''), print('c', file=sys.stderr), sys.stdout.buffer.write(b'\\xff\\n'), logging.error('d'), tried(sys.stdin.read)]"
        result, lines = sealed(body)
        printed = [("info", b"a\nb"), ("warn", b"c"), ("warn", b"\n"), ("info", b"\xff\n")]
        self.assertEqual(lines, [*printed, "error: d"])


if __name__ == "__main__":
    unittest.main()
