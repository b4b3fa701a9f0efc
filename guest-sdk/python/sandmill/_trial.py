"""A stage or a source under test, natively: records in, what became of them out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from . import _columns, _instance, _source
from ._emitted import Outcome
from ._outputs import Failure

Bytes = str | bytes


@dataclass(frozen=True)
class Emitted:
    """An output. `origin` is the place in the input of the record it was made of; None when it was flushed."""

    value: bytes
    key: bytes = b""
    origin: int | None = None
    port: int = 0

    @property
    def text(self) -> str:
        """The value as text."""
        return self.value.decode()


@dataclass(frozen=True)
class Fates:
    """What became of the records of one call."""

    outputs: list[Emitted] = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        """The outputs' values as text."""
        return [output.text for output in self.outputs]

    def failure(self, index: int) -> str | None:
        """Why the record at this place of the input failed, if it did."""
        failed = self.failures.get(index)
        return None if failed is None else failed.message


class Trial:
    """An open stage."""

    def __init__(self, target: Any, config: str) -> None:
        self._instance = _instance.Instance(_instance.Plan(target), config)

    def process(self, values: Iterable[Bytes]) -> Fates:
        """Gives the stage records without keys, all in one batch."""
        column = _columns.joined([_bytes(value) for value in values])
        return _fates(self._instance.process(column, _columns.NO_BYTES), len(column[1]))

    def process_keyed(self, records: Iterable[tuple[Bytes, Bytes]]) -> Fates:
        """Gives the stage records with keys, all in one batch."""
        pairs = [(_bytes(key), _bytes(value)) for key, value in records]
        values, keys = _columns.joined([v for _, v in pairs]), _columns.joined([k for k, _ in pairs])
        return _fates(self._instance.process(values, keys if keys[0] else _columns.NO_BYTES), len(pairs))

    def flush(self) -> Fates:
        """Tells the stage that the input has ended. Raises what the stage raises."""
        return _fates(self._instance.flush(), None)


class SourceTrial:
    """An open source."""

    def __init__(self, target: Any, config: str, cursor: str | None) -> None:
        self._source = _source.OpenSource(_source.Plan(target), config, cursor)
        self.cursor = cursor
        """Where the next records begin."""
        self.done = False
        """Whether there are no more records."""

    def pull(self, records_max: int = 1 << 16) -> Fates:
        """Takes at most this many records."""
        chunk = self._source.pull(records_max)
        self.cursor, self.done = chunk.cursor, chunk.done
        return _fates(Outcome(chunk.values, chunk.keys), None)


def trial(target: Any, config: Mapping[str, Any] | None = None, *, cursor: str | None = None, **fields: Any) -> Any:
    """Opens a stage or a source for a test of the whole of it: configuration, parsing, the function, its result.

    The configuration is `config`, or keyword arguments: `trial(shout, prefix="> ").process(["a"]).texts`.
    Raises `Failure` where the configuration does not fit.
    """
    text = json.dumps({**(config or {}), **fields})
    if getattr(target, "__sandmill__", "stage") == "source":
        return SourceTrial(target, text, cursor)
    return Trial(target, text)


def _bytes(value: Bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _fates(outcome: Outcome, records: int | None) -> Fates:
    values = _columns.slices(*outcome.values)
    keys = _columns.slices(*outcome.keys) or [b""] * len(values)
    ports = outcome.ports or [0] * len(values)
    origins = [None] * len(values) if records is None else (outcome.origins or range(len(values)))
    outputs = [Emitted(*each) for each in zip(values, keys, origins, ports)]
    failures = {each.index: Failure(each.message, retryable=each.retryable) for each in outcome.failures}
    return Fates(outputs, failures)
