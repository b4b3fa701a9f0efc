"""Where the objects of a call lie in memory.

An instance that starts from an image shares its pages with it until it writes to them. Each page that it writes to costs
it a copy, and again a step when it ends. The allocator uses the gaps first that imports have left: one here, one there,
all over the memory. So the gaps are filled when the component is built, and what a call allocates lies side by side
after everything else.
"""

from __future__ import annotations

import gc

LARGEST = 1 << 20
"""The size of the largest filling, bytes. Larger gaps take several."""
STEP = 16
"""What the allocator rounds sizes up to."""

NUMBERS_KEPT = 128
"""More whole numbers than CPython keeps the room of."""

_fillings: list[object] = []
_beyond = 0
"""The address that all gaps lie before."""


def settle() -> None:
    """Fills the gaps, and takes what there is now from the collector's hands: it would write to each object."""
    global _beyond
    gc.collect()
    _beyond = id(bytes(2 * LARGEST))  # larger than any gap: it lies after all of them, and is free again
    _fill()
    gc.freeze()


def settle_again() -> None:
    """The same for what has come and gone since, in a fraction of a millisecond.

    Only what there is now is never collected: cycles that a stage makes later still are.
    """
    gc.collect()
    _fill()
    gc.freeze()


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
