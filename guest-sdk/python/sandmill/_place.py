"""Where in the author's code an exception came from.

By hand, not with `traceback`: that looks for source lines in files, which a stage cannot reach.
"""

from __future__ import annotations

import os
from itertools import groupby
from types import CodeType

_SDK = os.path.dirname(__file__) + os.sep
_FRAMES_MAX = 8


def place(error: BaseException) -> str:
    """`stage.py:12 in parse, called from stage.py:7 in shout`: the innermost frame first."""
    frames = []
    step = error.__traceback__
    while step is not None:
        frames.append((step.tb_frame.f_code, step.tb_lineno))
        step = step.tb_next
    own = [f"{_file(code)}:{line} in {_name(code)}" for code, line in reversed(frames) if _is_shown(code)]
    shown = [f"{frame}{_times(len(list(same)))}" for frame, same in groupby(own)]
    return ", called from ".join(shown[:_FRAMES_MAX])


def message(error: BaseException) -> str:
    """`ZeroDivisionError: division by zero`, and what caused it."""
    text = _one(error)
    cause = error.__cause__
    return text if cause is None else f"{text}, caused by {_one(cause)}"


def defined(code: CodeType) -> str:
    """Where a function begins."""
    return f"{_file(code)}:{code.co_firstlineno} in {_name(code)}"


def _one(error: BaseException) -> str:
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # an author's `__str__` may fail as well
        text = ""
    return f"{name}: {text}" if text else name


def _times(count: int) -> str:
    return "" if count == 1 else f" ({count} times)"


def _is_shown(code: CodeType) -> bool:
    return not code.co_filename.startswith((_SDK, "<frozen"))


def _file(code: CodeType) -> str:
    """The name in the stage's folder: in a component, files are below `/0/`, `/1/`, one number a search path."""
    name = code.co_filename
    root, _, rest = name[1:].partition("/")
    if name.startswith("/") and root.isdigit():
        return rest
    return os.path.basename(name) if name.startswith("/") else name


def _name(code: CodeType) -> str:
    return getattr(code, "co_qualname", code.co_name)  # Python 3.10 has no qualified names
