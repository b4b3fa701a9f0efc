"""Records as they cross the sandbox boundary: byte strings back to back, and where each ends.

Whole columns are decoded and encoded at once, because a call of a native function costs less than a step in Python.
"""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from enum import Enum
from itertools import accumulate
from typing import Any, Iterable, Iterator, Sequence

NO_BYTES = (b"", [])

PART = 256
"""How many values are taken apart at a time."""


def slices(data: Any, ends: Sequence[int]) -> list[Any]:
    """The values of a column: of bytes, or of the text that ASCII bytes are."""
    starts = [0, *ends]
    return [data[start:end] for start, end in zip(starts, ends)]


def parts(data: Any, ends: Sequence[int]) -> Iterator[list[Any]]:
    """The values of a column, some at a time: the room that one part takes is the next one's."""
    start = 0
    for first in range(0, len(ends), PART):
        part = ends[first : first + PART]
        yield [data[start:end] for start, end in zip([start, *part], part)]
        start = part[-1]


def texts(data: bytes, ends: Sequence[int]) -> Iterable[list[str]] | None:
    """The values as text, some at a time; None where one of them is not UTF-8."""
    if data.isascii():
        return parts(data.decode("ascii"), ends)
    try:
        return [[value.decode() for value in slices(data, ends)]]
    except UnicodeDecodeError:
        return None


def joined(values: list[bytes]) -> tuple[bytes, list[int]]:
    """A column of these values."""
    return b"".join(values), list(accumulate(map(len, values)))


def joined_texts(values: list[str]) -> tuple[bytes, list[int]] | None:
    """A column of these texts; None where one of them has a lone surrogate."""
    text = "".join(values)
    if text.isascii():
        return text.encode("ascii"), list(accumulate(map(len, values)))
    try:
        return joined([value.encode() for value in values])
    except UnicodeEncodeError:
        return None


def to_bytes(value: Any) -> bytes:
    """An output's value. Raises ValueError or TypeError for what cannot be one."""
    if isinstance(value, str):
        return _utf8(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return to_json(value)


def to_json(value: Any) -> bytes:
    """A value as JSON, exact or an error."""
    return _utf8(_encode(value))


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{error.object[error.start]!r} is half a character: it cannot be written as UTF-8") from None


def _default(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default).encode


def to_key(key: Any) -> bytes:
    """An output's key. Raises ValueError or TypeError for what cannot be one."""
    if isinstance(key, str):
        return _utf8(key)
    if isinstance(key, (bytes, bytearray, memoryview)):
        return bytes(key)
    raise TypeError(f"a key is str or bytes, not {type(key).__name__}")
