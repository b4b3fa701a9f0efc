"""`@stage` and `@source`: what is declared, and which function takes what, read from signatures."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from typing import Any, Callable, TypeVar, overload

from ._outputs import Failure, Record
from ._reader import Misfit, Reader, parse, reader

F = TypeVar("F", bound=Callable[..., Any])

CURSOR = "cursor"
"""The parameter of a source that says where a resumed run begins."""

MARK = "__sandmill__"
"""The attribute that says what was declared: "stage" or "source"."""

declared: list[Any] = []
"""All stages and sources of the program, in order: a component has exactly one."""


@overload
def stage(target: F) -> F: ...
@overload
def stage() -> Callable[[F], F]: ...
def stage(target: Any = None) -> Any:
    """Makes a function, or a class with `process` and perhaps `flush`, the stage of this component.

    The first parameter is the record: `str` (or no annotation) for text, `bytes`, `Record`, or the type to read its
    JSON as. A second parameter is the configuration. A class takes the configuration in `__init__`.
    """
    return _declare(target, "stage")


@overload
def source(target: F) -> F: ...
@overload
def source() -> Callable[[F], F]: ...
def source(target: Any = None) -> Any:
    """Makes a generator function the source of this component.

    Its parameters are optional: the configuration, and `cursor`, where a resumed run begins. With `cursor`, it yields
    `At(cursor, value)`; without, a resumed run skips the records that an earlier run had.
    """
    return _declare(target, "source")


def _declare(target: Any, kind: str) -> Any:
    if target is None:
        return lambda given: _declare(given, kind)
    if not callable(target):
        raise TypeError(f"@{kind} is for functions and classes, not for {type(target).__name__}")
    setattr(target, MARK, kind)
    declared.append(target)
    return target


@dataclass(frozen=True)
class Input:
    """How a record becomes the first argument: `form` is "text", "bytes" or "json"; `whole` adds its key."""

    form: str
    whole: bool
    read: Reader | None


def input_of(function: Callable[..., Any], own: int, default: Any = str) -> Input:
    """The input of a function whose record is parameter number `own`, a `default` where its signature does not say."""
    parameters = _parameters(function)
    if len(parameters) <= own:
        raise TypeError(f"{function.__qualname__} takes no record: its first parameter is the record")
    kind = _hint(function, parameters[own], default)
    if kind is Record or typing.get_origin(kind) is Record:
        inner = (typing.get_args(kind) or (bytes,))[0]
        return _input(inner, whole=True)
    return _input(kind, whole=False)


def _input(kind: Any, *, whole: bool) -> Input:
    if kind in (str, bytes):
        return Input("text" if kind is str else "bytes", whole, None)
    return Input("json", whole, reader(kind, strict=False))


def takes_config(function: Callable[..., Any], own: int) -> bool:
    """Whether the function takes the configuration as parameter `own`."""
    return len([p for p in _parameters(function) if p.name != CURSOR]) > own


def config_reader(function: Callable[..., Any], own: int) -> Callable[[str], dict[str, Any]]:
    """What makes arguments of the configuration's text: none where the function does not take it as parameter `own`."""
    parameters = [p for p in _parameters(function) if p.name != CURSOR]
    too_many = [p.name for p in parameters[own + 1 :] if p.default is p.empty]
    if too_many:
        raise TypeError(f"{function.__qualname__} takes {', '.join(too_many)} too: nothing would give it a value")
    if len(parameters) <= own:
        return lambda text: _no_config(_table(text))
    name = parameters[own].name
    kind = _hint(function, parameters[own], Any)
    read = reader(kind, strict=True)
    return lambda text: {name: _configure(read, _table(text))}


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return [p for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]


def _hint(function: Callable[..., Any], parameter: inspect.Parameter, default: Any) -> Any:
    holder = function.__init__ if isinstance(function, type) else function
    return typing.get_type_hints(holder, include_extras=True).get(parameter.name, default)


def _table(text: str) -> Any:
    try:
        return parse(text if text.strip() not in ("", "null") else "{}")
    except ValueError as error:
        raise Failure(f"config: {error}") from None


def _no_config(given: Any) -> dict[str, Any]:
    if given != {}:
        key = next(iter(given)) if isinstance(given, dict) else given
        raise Failure(f'config: this stage takes no configuration, but has "{key}"')
    return {}


def _configure(read: Reader | None, given: Any) -> Any:
    if type(given) is not dict:
        raise Failure("config: expected a table")
    try:
        return given if read is None else read(given)
    except Misfit as misfit:
        raise Failure(misfit.at("config")) from None
    except (ValueError, TypeError) as error:  # from the `__post_init__` of a dataclass
        raise Failure(f"config: {error}") from error
