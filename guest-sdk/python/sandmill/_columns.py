"""Records as they cross the sandbox boundary: byte strings back to back, and where each ends.

Whole columns are decoded and encoded at once, because a call of a native function costs less than a step in Python.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import asdict, is_dataclass
from enum import Enum
from io import BytesIO
from itertools import accumulate
from typing import Any, Sequence

NO_BYTES = (b"", [])


def slices(data: Any, ends: Sequence[int]) -> list[Any]:
    """The values of a column: of bytes, or of the text that ASCII bytes are."""
    starts = [0, *ends]
    return [data[start:end] for start, end in zip(starts, ends)]


def ascii_text(data: bytes) -> str | None:
    """A column's bytes as text of which each character is one of them; None where there are other characters."""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        return None


def joined(values: list[bytes]) -> tuple[bytes, list[int]]:
    """A column of these values."""
    return b"".join(values), list(accumulate(map(len, values)))


class Growing:
    """A column that values are added to, some at a time: as bytes, so that the values' own room is the next ones'."""

    def __init__(self, room: bytes = b"") -> None:
        # Where nobody else has `room` any more, CPython writes over it, and otherwise into a copy.
        self._data = BytesIO(room)
        self._lengths = array("I")

    def add(self, values: list[bytes]) -> bool:
        """Adds these values. Where one is no bytes it adds nothing, and says False."""
        return set(map(type, values)) == {bytes} and self._append(b"".join(values), values)

    def add_texts(self, values: list[str]) -> bool:
        """Adds these texts. Where one is no text, or has a lone surrogate, it adds nothing, and says False."""
        try:
            text = "".join(values)
            if text.isascii():
                return self._append(text.encode("ascii"), values)
            return set(map(type, values)) == {str} and self.add([value.encode() for value in values])
        except (TypeError, UnicodeEncodeError):
            return False

    def column(self) -> tuple[bytes, Sequence[int]]:
        """All of them."""
        self._data.truncate()
        return self._data.getvalue(), array("I", accumulate(self._lengths))

    def _append(self, data: bytes, values: list[bytes] | list[str]) -> bool:
        lengths = array("I", map(len, values))
        if sum(lengths) != len(data):  # a kind of text with a length of its own
            return False
        self._data.write(data)
        self._lengths += lengths
        return True


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
