"""The outputs of a call, as they are collected from what the stage returned."""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from typing import Any, Iterator, Sequence

from . import _columns
from ._outputs import Json, Keyed, Record, To

PORT_MAX = 0xFFFF


@dataclass
class Failed:
    """Why a record failed."""

    index: int
    message: str
    retryable: bool = False


@dataclass
class Outcome:
    """What became of the records of a call. Empty `origins`: one output for each record. Empty `ports`: all to 0."""

    values: tuple[bytes, Sequence[int]] = _columns.NO_BYTES
    keys: tuple[bytes, Sequence[int]] = _columns.NO_BYTES
    origins: list[int] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)


class Emitted:
    """Outputs, in order."""

    def __init__(self) -> None:
        self._values: list[bytes] = []
        self._keys: list[bytes] = []
        self._origins: list[int] = []
        self._ports: list[int] = []

    def __len__(self) -> int:
        return len(self._values)

    def take_back(self, mark: int) -> None:
        """Forgets the outputs from number `mark` on."""
        for column in (self._values, self._keys, self._origins, self._ports):
            del column[mark:]

    def add(self, value: Any, origin: int, key: bytes, record: bytes, port: int = 0) -> None:
        """Adds what a stage returned for a record. Raises TypeError and ValueError for what cannot be an output."""
        if isinstance(value, (str, bytes, bytearray, memoryview)):
            self._one(_columns.to_bytes(value), origin, key, port)
        elif value is None or value is False:
            pass
        elif value is True:
            self._one(record, origin, key, port)
        elif isinstance(value, (Keyed, Record)):
            self.add(value.value, origin, _columns.to_key(value.key), record, port)
        elif isinstance(value, To):
            self.add(value.value, origin, key, record, _port(value.port))
        elif isinstance(value, Json):
            self._one(_columns.to_json(value.value), origin, key, port)
        elif isinstance(value, (list, tuple, Iterator)):
            for each in value:
                self.add(each, origin, key, record, port)
        else:
            self._one(_columns.to_json(_allowed(value)), origin, key, port)

    def outcome(self, failures: list[Failed], *, has_origins: bool = True) -> Outcome:
        """The outputs as columns."""
        return Outcome(
            _columns.joined(self._values),
            _columns.joined(self._keys) if any(self._keys) else _columns.NO_BYTES,
            self._origins if has_origins else [],
            self._ports if any(self._ports) else [],
            failures,
        )

    def _one(self, value: bytes, origin: int, key: bytes, port: int) -> None:
        self._values.append(value)
        self._keys.append(key)
        self._origins.append(origin)
        self._ports.append(port)


def _port(port: Any) -> int:
    if type(port) is not int or not 0 <= port <= PORT_MAX:
        raise ValueError(f"{port!r} is not the number of an output: they are counted from 0")
    return port


def _allowed(value: Any) -> Any:
    if isinstance(value, (dict, int, float, Enum)) or (is_dataclass(value) and not isinstance(value, type)):
        return value
    raise TypeError(
        f"the stage returned a {type(value).__name__}: an output is str, bytes, or JSON (dict, dataclass, number), "
        "a list or generator of these, or None for no output"
    )
