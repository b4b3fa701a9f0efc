"""An open stage: the records of one call in, what became of each out.

Texts and bytes that a stage returns become a part of the output soon, so that one part of the records takes the room of
the one before. What else it returns is collected when all records are processed. A record that fails leaves the others
alone.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, Callable, Iterable, Sequence

from . import _columns
from ._declared import Input, config_reader, input_of
from ._emitted import Emitted, Failed, Outcome
from ._outputs import Failure, Record
from ._place import defined, message, place
from ._reader import Misfit, parse

FATAL = (MemoryError, RecursionError, SystemExit, KeyboardInterrupt, SystemError)
"""What an instance does not survive. After these, Python itself, or the stage's state, may be damaged."""

PART = 1024
"""How many records are processed before their results become bytes: the room that one part takes is the next one's."""

Column = tuple[bytes, Sequence[int]]
Call = Callable[[Any], Any]


class Plan:
    """What a declared stage takes, found out once: when the component is built, not when it is opened.

    Raises TypeError where it cannot be a stage.
    """

    def __init__(self, target: Any, default: Any = str) -> None:
        self.target = target
        self.is_class = isinstance(target, type)
        function = getattr(target, "process", None) if self.is_class else target
        if not callable(function):
            raise TypeError(f"{target.__name__} has no `process(self, record)`")
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__qualname__} is `async`: a stage waits for nothing, so make it a plain `def`")
        self.input = input_of(function, int(self.is_class), default)
        self.configure = config_reader(target, 0 if self.is_class else 1)
        self.is_lazy = inspect.isgeneratorfunction(function)
        self.code = inspect.unwrap(function).__code__


class Instance:
    """A stage, opened with a configuration."""

    def __init__(self, plan: Plan, config: str) -> None:
        given = plan.configure(config)
        function = plan.target
        self._flush = None
        if plan.is_class:
            made = plan.target(**given)
            function, given = made.process, {}
            self._flush = getattr(made, "flush", None)
        function = _eager(function, given, plan.is_lazy)
        convert = _conversion(plan.input)
        self._input, self._code = plan.input, plan.code
        self._call = _adapt(function, convert, plan.input.whole)
        self._call_undecoded = _adapt(function, _decoding(convert), plan.input.whole)

    def process(self, values: Iterable[Any], keys: Column) -> Outcome:
        """Takes the records of one invocation. `values` is a column; an iterator of it leaves the data to the stage."""
        data, ends = values
        call = self._call
        text = None if self._input.form == "bytes" else _columns.ascii_text(data)
        if text is None:
            run = _Run(data, ends, keys, self._code)
            call = call if self._input.form == "bytes" else self._call_undecoded
        else:
            run = _Run(text, ends, keys, self._code, data)
        del data  # so that nothing else has it, and outputs are written over it
        return run.outcome(_keyed(call, run.keys()) if self._input.whole else call)

    def flush(self) -> Outcome:
        """Takes what the stage has kept for its end. Raises what the stage raises."""
        emitted = Emitted()
        given = None if self._flush is None else self._flush()
        if given is True:
            raise TypeError("`flush` returned True, which stands for the record: it has none")
        emitted.add(given, 0, b"", b"")
        return emitted.outcome([], has_origins=False)


def _eager(function: Call, rest: dict[str, Any], is_lazy: bool) -> Call:
    """A function of one argument. What it returns is complete: a generator runs before the next record does."""
    if rest:
        function = partial(function, **rest)
    if is_lazy:
        lazy = function
        return lambda value: list(lazy(value))
    return function


def _conversion(given: Input) -> Call | None:
    """From text or bytes to what the function takes; None where they are the same."""
    if given.form != "json":
        return None
    read = given.read

    def convert(text: str) -> Any:
        try:
            return parse(text) if read is None else read(parse(text))
        except Misfit as misfit:
            raise Failure(misfit) from None
        except ValueError as error:
            raise Failure(f"not JSON: {error}") from None

    return convert


def _decoding(convert: Call | None) -> Call:
    """The same, from bytes of which some are not UTF-8."""

    def decode(value: bytes) -> Any:
        try:
            text = value.decode()
        except UnicodeDecodeError as error:
            raise Failure(f"the record is not UTF-8: byte 0x{value[error.start]:02x} at offset {error.start}") from None
        return text if convert is None else convert(text)

    return decode


def _keyed(call: Call, keys: Iterable[bytes]) -> Call:
    """A function of each record's value in turn."""
    rest = iter(keys)
    return lambda value: call((next(rest), value))


def _adapt(function: Call, convert: Call | None, whole: bool) -> Call:
    if whole:
        return lambda pair: function(Record(pair[0], pair[1] if convert is None else convert(pair[1])))
    return function if convert is None else lambda value: function(convert(value))


class _Run:
    """One invocation."""

    def __init__(self, source: bytes | str, ends: Sequence[int], keys: Column, code: Any, room: bytes = b"") -> None:
        """`source`: the records back to back, as bytes or, if they are ASCII, as text. `room`: see `Growing`."""
        self._source, self._ends, self._key_column, self._code = source, ends, keys, code
        self._failures: dict[int, Failed] = {}
        self._written = _columns.Growing(room)
        self._origins: list[int] | None = None  # of what is written, unless each record has one output
        self._rest: list[Any] = []

    def keys(self) -> list[bytes]:
        """The records' keys: empty ones where no record has one."""
        data, ends = self._key_column
        return _columns.slices(data, ends) if ends else [b""] * len(self._ends)

    def outcome(self, call: Call) -> Outcome:
        """Gives the stage all records, and takes what it makes of them."""
        for first in range(0, len(self._ends), PART):
            results = self._results(call, first)
            if self._rest or not self._write(results, first):
                # These wait for the others: what is no text or bytes may change until all records are processed.
                self._rest += results
        return self._general() if self._rest else self._columns()

    def _results(self, call: Call, first: int) -> list[Any]:
        """What the stage made of a part of the records: None, and a failure, of one that failed."""
        results: list[Any] = []
        source = self._source
        start = self._ends[first - 1] if first else 0
        rest = iter(self._ends[first : first + PART])
        while True:
            try:
                # A loop and not `map`: CPython calls what is written in Python without a step through C.
                for end in rest:
                    results.append(call(source[start:end]))
                    start = end
                return results
            except FATAL:
                raise
            except BaseException as error:
                # `rest` continues after the record that failed.
                self._fail(first + len(results), error)
                results.append(None)
                start = end

    def _write(self, results: list[Any], first: int) -> bool:
        """Adds results to the column if all are texts, or all bytes, but for those that are None."""
        written = self._written
        if written.add_texts(results) or written.add(results):
            kept: Iterable[int] = range(first, first + len(results))
        else:
            values = [result for result in results if result is not None]
            if values and not (written.add_texts(values) or written.add(values)):
                return False
            kept = [index for index, result in enumerate(results, first) if result is not None]
            if self._origins is None:
                self._origins = list(range(first))
        if self._origins is not None:
            self._origins += kept
        return True

    def _columns(self) -> Outcome:
        """The results, of which there is at most one for each record."""
        column, keys, origins = self._written.column(), self._key_column, self._origins
        if origins is None:
            return Outcome(column, keys)
        if keys[1]:
            every = self.keys()
            keys = _columns.joined([every[origin] for origin in origins])
        return Outcome(column, keys if origins else _columns.NO_BYTES, origins, [], list(self._failures.values()))

    def _every(self) -> list[Any]:
        """The results, record by record."""
        values = _columns.slices(*self._written.column())
        if self._origins is not None:
            written = dict(zip(self._origins, values))
            values = [written.get(index) for index in range(len(self._ends) - len(self._rest))]
        return values + self._rest

    def _general(self) -> Outcome:
        emitted = Emitted()
        data = self._source.encode() if isinstance(self._source, str) else self._source
        start = 0
        for index, (result, end, key) in enumerate(zip(self._every(), self._ends, self.keys())):
            mark = len(emitted)
            try:
                emitted.add(result, index, key, data[start:end])
            except FATAL:
                raise
            except BaseException as error:
                emitted.take_back(mark)
                self._fail(index, error, f" (returned by {defined(self._code)})")
            start = end
        return emitted.outcome(list(self._failures.values()))

    def _fail(self, index: int, error: BaseException, hint: str = "") -> None:
        if isinstance(error, Failure):
            self._failures[index] = Failed(index, error.message, bool(error.retryable))
            return
        where = place(error)
        self._failures[index] = Failed(index, message(error) + (f" ({where})" if where else hint))
