"""Objects of which nobody counts who holds them.

CPython writes to an object whenever somebody takes or drops it, so an instance writes to a page for each class, function
and name that it uses. What the program consists of when the component is built is kept for as long as the instance lives,
and `sandmill build` makes it immortal in the component's memory, as PEP 683 has it: CPython no longer counts who holds
it. The build finds the objects by the note that is left here.
"""

from __future__ import annotations

import gc
import sys
import weakref
from array import array
from types import CodeType, FunctionType, ModuleType
from typing import Any, Iterable

MARK = bytes(reversed(b"detnuocnu:llimdnas"))
"""What the note begins with. It is written backwards here, because the text of the program lies in memory, too."""

OBJECTS_MAX = 1 << 18
"""Of which nobody counts who holds them. The interpreter and its libraries are about 40,000."""
ITEMS_MAX = 4096
"""Of a container that is part of the program."""

_CONTAINERS = (dict, list, tuple, set, frozenset)
_OF_CODE = (
    "co_consts",
    "co_names",
    "co_filename",
    "co_name",
    "co_qualname",
    "co_linetable",
    "co_exceptiontable",
)
# A metaclass may have members of these names.
_members = type.__dict__["__dict__"].__get__
_bases = type.__dict__["__bases__"].__get__
_order = type.__dict__["__mro__"].__get__

_objects: tuple[object, ...] = ()
_note = b""


def keep() -> None:
    """Keeps the objects, and leaves the note: the mark, then as numbers of 32 bits where their addresses are, how many
    there are, and the count that makes an object immortal."""
    global _objects, _note
    immortal = sys.getrefcount(keep.__name__)  # names are immortal from the start
    if immortal < 1 << 28:
        return
    _objects = tuple(each for each in _reachable() if not _is_missed(each))
    _note = MARK + array("I", [id(_objects) + tuple.__basicsize__, len(_objects), immortal]).tobytes()


def _reachable() -> list[object]:
    """What modules and classes hold, the nearest first. What a large container holds is data, and left as it is."""
    found: list[object] = [sys.modules, object]
    known = set(map(id, found))
    for each in found:  # which grows meanwhile
        for held in (*_held(each), *_hidden(each)):
            if id(held) not in known and len(found) < OBJECTS_MAX:
                known.add(id(held))
                found.append(held)
    return found


def _held(each: object) -> Iterable[object]:
    size = next((kind.__len__(each) for kind in _CONTAINERS if issubclass(type(each), kind)), 0)
    return gc.get_referents(each) if size <= ITEMS_MAX else ()


def _hidden(each: Any) -> Iterable[object]:
    """What an object holds that is nothing to the collector."""
    kind = type(each)  # and not `isinstance`: an object may lie about its class
    if kind is CodeType:
        return [getattr(each, name, None) for name in _OF_CODE]  # Python 3.10 has no qualified names
    if issubclass(kind, dict):
        return dict.keys(each) if dict.__len__(each) <= ITEMS_MAX else ()
    if issubclass(kind, type):
        return [*gc.get_referents(_members(each)), _order(each), _bases(each), *type.__subclasses__(each)]
    return ()


def _is_missed(each: Any) -> bool:
    """Whether somebody is told when the object is gone."""
    kind = type(each)
    if any("__del__" in _members(base) for base in _order(kind)):
        return True
    return not issubclass(kind, (type, FunctionType, ModuleType)) and weakref.getweakrefcount(each) > 0
