"""An open source: a generator, a chunk at a time."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from itertools import islice
from typing import Any, Iterator, Sequence

from ._declared import CURSOR, config_reader
from ._emitted import Emitted
from ._outputs import At, Failure, To


@dataclass
class Chunk:
    """Records, where the next chunk begins, and whether there is one."""

    values: tuple[bytes, Sequence[int]]
    keys: tuple[bytes, Sequence[int]]
    cursor: str
    done: bool


class Plan:
    """What a declared source takes. Raises TypeError where it cannot be a source."""

    def __init__(self, target: Any) -> None:
        if not inspect.isgeneratorfunction(target):
            raise TypeError(f"{target.__qualname__} is not a generator function: a source yields its records")
        self.target = target
        self.configure = config_reader(target, 0)
        self.names_cursors = CURSOR in inspect.signature(target).parameters


class OpenSource:
    """A source, opened with a configuration, and with the cursor of an earlier run."""

    def __init__(self, plan: Plan, config: str, cursor: str | None) -> None:
        given = plan.configure(config)
        self._names_cursors = plan.names_cursors
        if self._names_cursors:
            given[CURSOR] = cursor
        self._records: Iterator[Any] = iter(plan.target(**given))
        self._cursor = cursor or ""
        self._count = 0
        if cursor is not None and not self._names_cursors:
            self._skip(cursor)

    def pull(self, records_max: int) -> Chunk:
        """At most this many records. Raises what the source raises."""
        emitted = Emitted()
        done = True
        for given in islice(self._records, records_max):
            emitted.add(self._located(given), 0, b"", b"")
            self._count += 1
            if len(emitted) >= records_max:
                done = False
                break
        outcome = emitted.outcome([], has_origins=False)
        return Chunk(outcome.values, outcome.keys, self._cursor if self._names_cursors else str(self._count), done)

    def _located(self, given: Any) -> Any:
        if self._names_cursors:
            if not isinstance(given, At):
                raise TypeError(f"a source that takes `cursor` yields `At(cursor, value)`, not {type(given).__name__}")
            self._cursor, given = given.cursor, given.value
        if given is None or isinstance(given, (bool, list, tuple, To)):
            raise TypeError(f"the source yielded a {type(given).__name__}: a record is str, bytes, Keyed, or JSON")
        return given

    def _skip(self, cursor: str) -> None:
        if not cursor.isdecimal():
            raise Failure(f"the cursor {cursor!r} is not a number of records")
        for _ in islice(self._records, int(cursor)):
            self._count += 1
