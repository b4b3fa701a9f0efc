"""Reads JSON as Python types: the configuration, and records.

JSON is exact here or it fails: no NaN, no number that a float cannot hold.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
import types
import typing
from itertools import accumulate
from typing import Any, Callable, Literal, Union

Reader = Callable[[Any], Any]

DEPTH_MAX = 512
"""How deep JSON may be nested. Beyond 1,000 levels, CPython's parser overflows the stack of a component: a trap."""


class Misfit(Exception):
    """A value that does not fit its type. `path` grows on the way out: `lines[2].price`."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def inside(self, step: str) -> Misfit:
        """The same misfit, seen from one level further out."""
        dot = "." if self.path and not self.path.startswith("[") else ""
        self.path = f"{step}{dot}{self.path}"
        return self

    def at(self, root: str) -> str:
        """The whole message, with `root` as the name of the outermost value."""
        return str(self.inside(root)) if root else str(self)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def parse(text: str) -> Any:
    """JSON, exact or an error.

    Raises ValueError for what is not JSON, and for numbers that no float holds.
    """
    if text.count("[") + text.count("{") > DEPTH_MAX and _depth(text) > DEPTH_MAX:
        raise ValueError(f"nested more than {DEPTH_MAX} levels deep")
    return _decode(text)


def _depth(text: str) -> int:
    """How deep lists and objects are nested. Brackets in strings do not count."""
    brackets = _NO_BRACKETS.sub("", text)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[^\[\]{}"]+|"', re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text} is too large for a float")
    return number


_decode = json.JSONDecoder(parse_constant=_constant, parse_float=_float).decode


def reader(kind: Any, *, strict: bool) -> Reader | None:
    """What reads a JSON value as `kind`; None where every value fits as it is.

    `strict` refuses unknown fields of dataclasses and TypedDicts. Raises TypeError for a type that JSON cannot become.
    """
    kind = _bare(kind)
    if kind in (Any, object):
        return None
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if typing.is_typeddict(kind):
        return _typed_dict(kind, strict)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass(kind, strict)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _enum(kind)
    return _generic(kind, strict)


def _bare(kind: Any) -> Any:
    while True:
        if hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif typing.get_origin(kind) in _QUALIFIERS:
            kind = typing.get_args(kind)[0]
        elif kind.__class__.__name__ == "TypeAliasType":
            kind = kind.__value__
        else:
            return kind


_QUALIFIERS = {typing.Annotated, getattr(typing, "Required", None), getattr(typing, "NotRequired", None)} - {None}


def _generic(kind: Any, strict: bool) -> Reader | None:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in (list, tuple) or origin in (list, tuple):
        return _list(kind, origin or kind, args, strict)
    if kind is dict or origin is dict:
        return _dict(args, strict)
    if origin in (Union, types.UnionType):
        return _union([reader(each, strict=strict) for each in args])
    if origin is Literal:
        return _literal(args)
    raise TypeError(f"JSON cannot be read as {getattr(kind, '__name__', kind)}")


def _shown(value: Any) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "list", dict: "object"}
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return names[type(value)]
    text = json.dumps(value)
    return f"{names.get(type(value), type(value).__name__)} {text if len(text) <= 60 else text[:60] + '…'}"


def _wrong(value: Any, expected: str) -> Misfit:
    return Misfit(f"invalid type: {_shown(value)}, expected {expected}")


def _exactly(kind: type, expected: str) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise _wrong(value, expected)
        return value

    return read


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        if not _is_exact(value):
            raise Misfit(f"the {_shown(value)} has no exact float")
        return float(value)
    raise _wrong(value, "a number")


def _is_exact(value: int) -> bool:
    try:
        return float(value) == value
    except OverflowError:
        return False


def _none(value: Any) -> None:
    if value is not None:
        raise _wrong(value, "null")


_SIMPLE: dict[Any, Reader] = {
    None: _none,
    type(None): _none,
    str: _exactly(str, "a string"),
    bool: _exactly(bool, "true or false"),
    int: _exactly(int, "an integer"),
    float: _number,
}


def _list(kind: Any, origin: type, args: tuple[Any, ...], strict: bool) -> Reader:
    if origin is tuple and args and Ellipsis not in args:
        raise TypeError(f"JSON cannot be read as {kind}: a list of any length is `tuple[T, ...]` or `list[T]`")
    item = reader(args[0], strict=strict) if args else None

    def read(value: Any) -> Any:
        if type(value) is not list:
            raise _wrong(value, "a list")
        if item is not None:
            for index, each in enumerate(value):
                try:
                    value[index] = item(each)
                except Misfit as misfit:
                    raise misfit.inside(f"[{index}]")
        return value if origin is list else tuple(value)

    return read


def _dict(args: tuple[Any, ...], strict: bool) -> Reader:
    if args and args[0] not in (str, Any):
        raise TypeError("the keys of a JSON object are `str`")
    item = reader(args[1], strict=strict) if args else None

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise _wrong(value, "an object")
        return value if item is None else {key: _field(item, key, each) for key, each in value.items()}

    return read


def _field(read: Reader | None, name: str, value: Any) -> Any:
    if read is None:
        return value
    try:
        return read(value)
    except Misfit as misfit:
        raise misfit.inside(name)


def _union(options: list[Reader | None]) -> Reader:
    def read(value: Any) -> Any:
        misfits = []
        for option in options:
            if option is None:
                return value
            try:
                return option(value)
            except Misfit as misfit:
                misfits.append(misfit)
        deeper = [misfit for misfit in misfits if misfit.path]
        if deeper:
            raise deeper[0]
        raise _wrong(value, " or ".join(misfit.message.rpartition("expected ")[2] for misfit in misfits))

    return read


def _literal(choices: tuple[Any, ...]) -> Reader:
    shown = ", ".join(json.dumps(choice) for choice in choices)

    def read(value: Any) -> Any:
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return value
        raise Misfit(f"{_shown(value)} is not one of {shown}")

    return read


def _enum(kind: type[enum.Enum]) -> Reader:
    choose = _literal(tuple(member.value for member in kind))
    return lambda value: kind(choose(value))


def _unknown(names: typing.Iterable[str], known: typing.Collection[str]) -> None:
    for name in names:
        if name not in known:
            expected = ", ".join(f"`{each}`" for each in known) or "no fields"
            raise Misfit(f"unknown field `{name}`, expected {expected}", name)


def _object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise _wrong(value, "an object")
    return value


def _dataclass(kind: type, strict: bool) -> Reader:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.name: reader(hints[field.name], strict=strict) for field in dataclasses.fields(kind) if field.init}
    missing = (dataclasses.MISSING, dataclasses.MISSING)
    required = [f.name for f in dataclasses.fields(kind) if f.init and (f.default, f.default_factory) == missing]

    def read(value: Any) -> Any:
        given = _object(value)
        if strict:
            _unknown(given, fields)
        for name in required:
            if name not in given:
                raise Misfit(f"missing field `{name}`")
        return kind(**{name: _field(fields[name], name, each) for name, each in given.items() if name in fields})

    return read


def _typed_dict(kind: Any, strict: bool) -> Reader:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {name: reader(hint, strict=strict) for name, hint in hints.items()}
    required = [name for name in fields if name in kind.__required_keys__]

    def read(value: Any) -> Any:
        given = _object(value)
        if strict:
            _unknown(given, fields)
        for name in required:
            if name not in given:
                raise Misfit(f"missing field `{name}`")
        return {name: _field(fields.get(name), name, each) for name, each in given.items()}

    return read
