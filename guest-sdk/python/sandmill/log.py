"""Lines for the person who runs the pipeline. The host adds stage and worker; natively they go to stderr.

``print`` and the standard library's ``logging`` end here too, when the stage runs in a pipeline.
"""

from __future__ import annotations

import sys
from typing import Callable


def _to_stderr(level: str, line: str) -> None:
    print(f"{level}: {line}", file=sys.stderr)


def _printed(level: str, fragment: bytes) -> None:
    sys.stderr.write(fragment.decode("utf-8", "backslashreplace"))


# What takes a line, and what takes a fragment of what is printed: the host, when `_guest` has put it here.
_sink: Callable[[str, str], None] = _to_stderr
_write: Callable[[str, bytes], None] = _printed


def debug(message: object) -> None:
    """Logs a line that helps the stage's author."""
    _log("debug", message)


def info(message: object) -> None:
    """Logs a line that is worth knowing."""
    _log("info", message)


def warn(message: object) -> None:
    """Logs that something is odd, and that the stage continued."""
    _log("warn", message)


def error(message: object) -> None:
    """Logs that something went wrong."""
    _log("error", message)


def _log(level: str, message: object) -> None:
    # A lone surrogate cannot cross: it is shown as an escape.
    for line in str(message).encode("utf-8", "backslashreplace").decode().split("\n"):
        _sink(level, line)
