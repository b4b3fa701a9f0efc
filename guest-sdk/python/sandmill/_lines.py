"""`print` in a stage: text becomes lines of the log."""

from __future__ import annotations

import io

from . import log


class Lines(io.TextIOBase):
    """A text stream whose lines are logged. `finish` logs the last one, which has no line feed."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._rest = ""
        self.buffer = _Bytes(self)

    encoding = "utf-8"
    errors = "backslashreplace"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            log._log(self._level, line)
        return len(text)

    def flush(self) -> None:
        """Nothing: a line is whole at its line feed, or when the call ends."""

    def finish(self) -> None:
        """Logs what has been written since the last line feed."""
        if self._rest:
            line, self._rest = self._rest, ""
            log._log(self._level, line)


class _Bytes(io.RawIOBase):
    """What is written to `sys.stdout.buffer`. Bytes that are not UTF-8 are shown as escapes."""

    def __init__(self, text: Lines) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:  # type: ignore[override]
        content = bytes(data)  # type: ignore[call-overload]
        self._text.write(content.decode("utf-8", "backslashreplace"))
        return len(content)
