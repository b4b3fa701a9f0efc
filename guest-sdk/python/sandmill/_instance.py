"""An open stage: the records of one call in, what became of each out.

All records are processed first, then their results collected. A record that fails leaves the others alone.
"""

from __future__ import annotations

import inspect
from functools import partial
from itertools import chain
from typing import Any, Callable, Iterable, Sequence

from . import _columns
from ._declared import Input, config_reader, input_of
from ._emitted import Emitted, Failed, Outcome
from ._outputs import Failure, Record
from ._place import defined, message, place
from ._reader import Misfit, parse

FATAL = (MemoryError, RecursionError, SystemExit, KeyboardInterrupt, SystemError)
"""What an instance does not survive. After these, Python itself, or the stage's state, may be damaged."""

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

    def process(self, values: Column, keys: Column) -> Outcome:
        """Takes the records of one invocation."""
        data, ends = values
        run = _Run(data, ends, keys, self._code)
        given = _columns.parts(data, ends) if self._input.form == "bytes" else _columns.texts(data, ends)
        call = self._call
        if given is None:
            given, call = _columns.parts(data, ends), self._call_undecoded
        if self._input.whole:
            given = [list(zip(run.keys(), chain.from_iterable(given)))]
        return run.outcome(run.results(call, given))

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


def _adapt(function: Call, convert: Call | None, whole: bool) -> Call:
    if whole:
        return lambda pair: function(Record(pair[0], pair[1] if convert is None else convert(pair[1])))
    return function if convert is None else lambda value: function(convert(value))


class _Run:
    """One invocation."""

    def __init__(self, data: bytes, ends: Sequence[int], keys: Column, code: Any) -> None:
        self._data, self._ends, self._key_column, self._code = data, ends, keys, code
        self._failures: dict[int, Failed] = {}

    def keys(self) -> list[bytes]:
        """The records' keys: empty ones where no record has one."""
        data, ends = self._key_column
        return _columns.slices(data, ends) if ends else [b""] * len(self._ends)

    def results(self, call: Call, parts: Iterable[list[Any]]) -> list[Any]:
        """What the stage made of each record: None, and a failure, of one that failed."""
        results: list[Any] = []
        for values in parts:
            self._part(call, values, results)
        return results

    def _part(self, call: Call, values: list[Any], results: list[Any]) -> None:
        append = results.append
        rest = iter(values)
        while True:
            try:
                # A loop and not `map`: CPython calls what is written in Python without a step through C.
                for value in rest:
                    append(call(value))
                return
            except FATAL:
                raise
            except BaseException as error:
                # `rest` continues after the record that failed.
                self._fail(len(results), error)
                append(None)

    def outcome(self, results: list[Any]) -> Outcome:
        """The results as columns."""
        kinds = set(map(type, results))
        if kinds == {bytes}:
            return Outcome(_columns.joined(results), self._key_column)
        column = None
        if kinds <= {str, type(None)}:
            column = _columns.joined_texts([result for result in results if result is not None])
        if column is None:
            return self._general(results)
        if kinds == {str}:
            return Outcome(column, self._key_column)
        origins = [index for index, result in enumerate(results) if result is not None]
        keys = self._key_column
        if keys[1]:
            every = self.keys()
            keys = _columns.joined([every[origin] for origin in origins])
        return Outcome(column, keys if origins else _columns.NO_BYTES, origins, [], list(self._failures.values()))

    def _general(self, results: list[Any]) -> Outcome:
        emitted = Emitted()
        start = 0
        for index, (result, end, key) in enumerate(zip(results, self._ends, self.keys())):
            mark = len(emitted)
            try:
                emitted.add(result, index, key, self._data[start:end])
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
