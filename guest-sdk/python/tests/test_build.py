"""What `build.py` reads from the author's module, and what it shows of the tool's complaints."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import build


class Described(unittest.TestCase):
    def test_the_form_is_read_without_running_the_module(self):
        for text, world, flushes in [
            (b"@stage\ndef f(x): ...\nraise SystemExit", "stage", False),
            (b"@sandmill.stage()\nclass A:\n    def flush(self): ...", "stage", True),
            (b"@stage\nclass A:\n    def process(self, x): ...", "stage", False),
            (b"@stage\nclass A(Base): ...", "stage", None),
            (b"@source\ndef f(): yield 1", "record-source", None),
            (b"import elsewhere", "stage", None),
        ]:
            self.assertEqual(build.describe(text, "stage.py"), {"world": world, "flushes": flushes})

    def test_a_traceback_that_was_logged_is_shown_as_one(self):
        logged = """warn: Traceback (most recent call last):
warn:   File "sandmill_entry.py", line 5, in <module>
warn:     import stage
warn:   File "stage.py", line 3
warn:     def f(line: str) -> str
warn: SyntaxError: expected ':'
"""
        shown = build.readable(logged).splitlines()
        self.assertEqual(shown[1:], ['  File "stage.py", line 3', "    def f(line: str) -> str", "SyntaxError: expected ':'"])

    def test_a_traceback_is_shown_from_the_authors_file_on(self):
        stderr = """Traceback (most recent call last):
  File "/venv/bin/componentize-py", line 8, in <module>
    sys.exit(script())
AssertionError: Traceback (most recent call last):
  File "/2/sandmill_entry.py", line 5, in <module>
  File "/0/stage.py", line 1, in <module>
    import nope
ModuleNotFoundError: No module named 'nope'


Caused by:
    ModuleNotFoundError: No module named 'nope'

Stack backtrace:
   0: <anyhow::Error>::msg
"""
        self.assertEqual(
            build.readable(stderr),
            'Traceback (most recent call last):\n  File "stage.py", line 1, in <module>\n    import nope\n'
            "ModuleNotFoundError: No module named 'nope'",
        )


if __name__ == "__main__":
    unittest.main()
