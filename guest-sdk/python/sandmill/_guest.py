"""The Wasm side: what the component exports. Only `build.py`'s entry imports it.

componentize-py makes a new `Transform` for each call, so the open stage is kept in the module.
"""

from __future__ import annotations

import os
from array import array
from functools import partial
from typing import Any, Iterable

import wit_world.exports as exports  # type: ignore[import-not-found]
from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world.imports import host, types  # type: ignore[import-not-found]

from . import _columns, _instance, _memory, _reach, _script, _source, log
from ._declared import MARK, declared
from ._outputs import Failure
from ._place import message, place

WARM_UP_RECORDS = 1024

_reach_of_stage: frozenset[str] = frozenset()
_plan: Any = None
_make: Any = None
_open: Any = None


def program(reach: list[str], file: str) -> None:
    """Checks what the author's module declares. Raises TypeError where it cannot be a component. `file`: the module's."""
    global _reach_of_stage, _plan, _make
    _reach_of_stage = frozenset(reach)
    if len(declared) != 1:
        names = ", ".join(each.__qualname__ for each in declared) or "none"
        raise TypeError(f"a component has one function or class with @stage or @source; this one has {names}")
    kind = getattr(declared[0], MARK)
    if kind == "source":
        _plan = _source.Plan(declared[0])
        return
    if kind == "script":
        _make = _script.opened
    else:
        _make = partial(_instance.Instance, _instance.Plan(declared[0]))
    _memory.settle(os.path.dirname(file), _warm_up)


def _warm_up(rounds: int) -> None:
    """Lets CPython specialise the code of this package: the component starts with it as it is then."""
    global _open

    def same(line: str) -> str:
        return line

    def some(line: str) -> list[str] | None:
        return [line] if line != "0" else None

    transform = Transform()
    for function in (some, same):
        for _ in range(rounds):
            column = _lowered_column(_columns.joined([str(number).encode() for number in range(WARM_UP_RECORDS)]))
            _open = _instance.Instance(_instance.Plan(function), "{}")
            transform.process(types.Batch(column, _lowered_column(_columns.NO_BYTES)))
            transform.flush()
    _open = None


def _log(level: str, line: str) -> None:
    host.log(host.Level[level.upper()], line)


def _write(level: str, fragment: bytes) -> None:
    host.write(host.Level[level.upper()], fragment)


def _crossing(text: str) -> str:
    """A text that is UTF-8: half a surrogate pair is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _nobody(level: str, fragment: bytes) -> None:
    """Takes what is printed after the end."""


def _call(function: Any, *args: Any) -> Any:
    """Calls the stage. What an instance does not survive ends it, with message and place."""
    try:
        return function(*args)
    except Failure as failure:
        raise Err(_crossing(failure.message)) from None
    except _instance.FATAL as error:
        host.panicked(_crossing(message(error)), place(error))
        log._write = _nobody  # a host whose `panicked` returns: the traceback on stderr says nothing new
        raise
    except BaseException as error:
        where = place(error)
        raise Err(_crossing(message(error) + (f" ({where})" if where else ""))) from None


def _begin() -> None:
    log._sink, log._write = _log, _write
    _reach.seal(_reach_of_stage)


def _handed_over(batch: Any) -> Any:
    """The column of a batch's values, of which then nothing but the iterator has the data."""
    values, batch.values = batch.values, None
    return iter((values.data, _numbers(values.ends)))


def _numbers(packed: bytes) -> memoryview:
    """Numbers cross as bytes, four for each, because a list would cross one by one: the build makes up for it."""
    return memoryview(packed).cast("I")


def _packed(numbers: Iterable[int]) -> bytes:
    return array("I", numbers).tobytes()


def _lowered_column(column: Any) -> Any:
    data, ends = column
    return types.Column(data, _packed(ends))


def _lowered(values: Any, keys: Any) -> Any:
    return types.Batch(_lowered_column(values), _lowered_column(keys))


def _outcome(outcome: Any) -> Any:
    failures = [types.Failure(each.index, each.retryable, _crossing(each.message)) for each in outcome.failures]
    batch, origins = _lowered(outcome.values, outcome.keys), _packed(outcome.origins)
    return types.Outcome(batch, origins, outcome.ports, failures)


if hasattr(exports, "Transform"):

    class Transform(exports.Transform):  # type: ignore[misc]
        """The world `stage`."""

        def open(self, config: str) -> None:
            global _open
            _begin()
            _open = _call(_make, config)
            _memory.settle_again()

        def process(self, input: Any) -> Any:
            keys = (input.keys.data, _numbers(input.keys.ends))
            return _outcome(_call(_open.process, _handed_over(input), keys))

        def flush(self) -> Any:
            return _outcome(_call(_open.flush))

else:

    class Source(exports.Source):  # type: ignore[misc]
        """The world `record-source`."""

        def open(self, config: str, cursor: str | None) -> None:
            global _open
            _begin()
            _open = _call(_source.OpenSource, _plan, config, cursor)

        def pull(self, max: int) -> Any:
            chunk = _call(_open.pull, max)
            return exports.source.Chunk(_lowered(chunk.values, chunk.keys), chunk.cursor, chunk.done)
