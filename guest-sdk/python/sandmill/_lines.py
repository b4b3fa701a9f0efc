"""`print` in a stage: what is printed goes to the host at once, which makes lines of the log of it.

Nothing is kept here, so nothing is lost with an instance that ends. The host ends the last line when the call ends.
"""

from __future__ import annotations

import io

from . import log


class Lines(io.TextIOBase):
    """A text stream whose lines are those of the log."""

    def __init__(self, level: str) -> None:
        self._level = level
        self.buffer = _Bytes(level)

    encoding = "utf-8"
    errors = "backslashreplace"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            log._write(self._level, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Nothing: nothing is kept."""


class _Bytes(io.RawIOBase):
    """What is written to `sys.stdout.buffer`: any bytes."""

    def __init__(self, level: str) -> None:
        self._level = level

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:  # type: ignore[override]
        content = bytes(data)  # type: ignore[call-overload]
        if content:
            log._write(self._level, content)
        return len(content)
