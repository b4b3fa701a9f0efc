"""What a stage's function may take and return, besides text, bytes and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Failure(Exception):
    """Raise it to fail the record, and only that record, with a message for the person who runs the pipeline.

    ``retryable=True`` says that another attempt may succeed: a service was busy, a limit on its rate was met.
    """

    def __init__(self, message: object = "", *, retryable: bool = False) -> None:
        super().__init__(str(message))
        self.message = str(message)
        self.retryable = retryable


@dataclass(frozen=True)
class Record(Generic[T]):
    """A record with its key. ``Record[str]`` has text, ``Record[dict]`` has JSON, plain ``Record`` has bytes.

    Returned, it is an output with this key and this value.
    """

    key: bytes
    value: T


@dataclass(frozen=True)
class Keyed:
    """An output with a key of its own, in place of the key of its record. An empty key means that it has none."""

    key: str | bytes
    value: Any


@dataclass(frozen=True)
class To:
    """Outputs for one of the stage's named outputs, counted from 0 in the order of the pipeline file."""

    port: int
    value: Any


@dataclass(frozen=True)
class Json:
    """One output that is this value as JSON. Only a list needs it: a plain list means many outputs."""

    value: Any


@dataclass(frozen=True)
class At:
    """A record of a source, and where the record after it begins: the `cursor` that a resumed run is given."""

    cursor: str
    value: Any
