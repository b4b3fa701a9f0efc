"""Where the objects of a call lie in memory.

An instance that starts from an image shares its pages with it until it writes to them. Each page that it writes to costs
it a copy, and again a step when it ends; pages side by side cost less than the same number here and there. So what a call
writes to is put side by side when the component is built:

- The allocator uses the gaps first that imports have left: one here, one there, all over the memory. They are filled, and
  what a call allocates lies after everything else.
- CPython counts in a function's code how often it ran, and changes the code. The code of this package and of the author's
  modules is copied to one place.
- Who holds an object is counted in the object: see `_uncounted`.
"""

from __future__ import annotations

import gc
import os
import sys
from types import CodeType, FrameType, FunctionType
from typing import Callable, Iterable

from . import _uncounted

LARGEST = 1 << 20
"""The size of the largest filling, bytes. Larger gaps take several."""
STEP = 16
"""What the allocator rounds sizes up to."""

WARM_UPS = 32
"""How often CPython sees a call before the component starts with the code that it has specialised."""

NUMBERS_KEPT = 128
"""More whole numbers than CPython keeps the room of."""

_fillings: list[object] = []
_frames: list[FrameType] = []
_beyond = 0
"""The address that all gaps lie before."""


def settle(folder: str, warm_up: Callable[[int], None]) -> None:
    """Puts in order what there is when the component is built. `folder`: where the author's modules are. `warm_up` does
    often what a call does."""
    _fill_all()
    ran = _ran(lambda: warm_up(1))
    _gather(lambda code: id(code) in ran or code.co_filename.startswith(os.path.join(folder, "")))
    warm_up(WARM_UPS)
    # What those hold who called this would leave gaps when they return.
    _frames.extend(_callers())
    _uncounted.keep()
    # It holds names that somebody has asked for since the start, and would drop them one by one.
    sys._clear_type_cache()
    warm_up(1)
    _fill_all()
    gc.freeze()


def settle_again() -> None:
    """Fills the gaps that have come since, in a fraction of a millisecond.

    Only what there is now is never collected: cycles that a stage makes later still are.
    """
    gc.collect()
    _fill()
    gc.freeze()


def _fill_all() -> None:
    global _beyond
    gc.collect()
    _beyond = id(bytes(2 * LARGEST))  # larger than any gap: it lies after all of them, and is free again
    _fill()


def _fill() -> None:
    for size in _sizes():
        while True:
            filling = bytes(size) if size else object()
            if id(filling) >= _beyond:
                break
            _fillings.append(filling)
    # The addresses were numbers, whose room CPython keeps for other numbers: much of it lay in gaps.
    numbers = [_beyond + index for index in range(NUMBERS_KEPT)]
    _fillings.extend(number for number in numbers if id(number) < _beyond)


def _sizes() -> list[int]:
    """From large to small, so that a gap takes few."""
    halves = [LARGEST >> shift for shift in range(10)]
    return [*halves, *range(halves[-1] - STEP, 0, -STEP), 1, 0]


def _ran(work: Callable[[], None]) -> dict[int, CodeType]:
    """The code that work runs, by identity: two functions may have equal code."""
    ran: dict[int, CodeType] = {}
    sys.setprofile(lambda frame, event, argument: ran.update({id(frame.f_code): frame.f_code}))
    try:
        work()
    finally:
        sys.setprofile(None)
    return ran


def _gather(is_hot: Callable[[CodeType], bool]) -> None:
    """Copies code to one place."""
    functions = [each for each in gc.get_objects() if type(each) is FunctionType and is_hot(each.__code__)]
    # The old code is held until all is copied: a copy would lie where the code before it was.
    copies = [_copied(each.__code__) for each in functions]
    for function, copy in zip(functions, copies):
        function.__code__ = copy


def _copied(code: CodeType) -> CodeType:
    constants = (_copied(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=tuple(constants))


def _callers() -> Iterable[FrameType]:
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back
