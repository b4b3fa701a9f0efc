"""A script that a pipeline file holds. It is read when the stage is opened; the component is the same for all scripts.

The script is one expression, or statements that define what runs: the function or class with `@stage`, else the last one.
"""

from __future__ import annotations

import ast
import json
import sys
import types
from typing import Any

from . import _declared, log
from ._instance import FATAL, Instance, Plan
from ._outputs import Failure, Json, Keyed, Record, To
from ._place import message

DEFAULTS = {"json": Any, "text": str, "bytes": bytes}
"""What a record is where the signature does not say, by the pipeline file's `input`."""

NOTHING = "the script defines nothing that runs: write `lambda record: …`, or a function or class as its last statement"


class Script:
    """What the component of scripts declares, in the place of a stage."""


setattr(Script, _declared.MARK, "script")


def declare() -> None:
    """Makes this program one that runs scripts."""
    _declared.declared.append(Script)


def opened(config: str) -> Instance:
    """A stage that runs the script in `config`. Raises Failure with `line:column: what` where that is known."""
    given = json.loads(config)
    arguments, file = given.get("arguments", {}), given.get("file") or "script"
    # The name of a script that stands in the pipeline file is in no message about it.
    before = f"{file}:" if given.get("file") else ""
    try:
        target = _evaluate(given["script"], file, arguments)
        plan = _plan(target, DEFAULTS[given.get("input", "json")])
        return Instance(plan, json.dumps(arguments))
    except _Mistake as mistake:
        raise Failure(f"{before}{mistake.line}:{mistake.column}: {mistake}") from None


class _Mistake(Exception):
    def __init__(self, line: int | None, column: int | None, what: str) -> None:
        super().__init__(what)
        self.line, self.column = line or 1, column or 1


def _evaluate(code: str, file: str, arguments: Any) -> Any:
    """What the script is: a function or a class."""
    module = types.ModuleType("script")
    sys.modules["script"] = module
    module.__dict__.update(config=arguments, log=log, stage=_declared.stage)
    module.__dict__.update(Failure=Failure, Json=Json, Keyed=Keyed, Record=Record, To=To)
    tree = _parsed(code, file)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    known = len(_declared.declared)
    _run(compile(tree, file, "exec"), file, module)
    value = None if last is None else _run(compile(ast.Expression(last.value), file, "eval"), file, module)
    if len(_declared.declared) > known:
        return _declared.declared[-1]
    if callable(value):
        return value
    name = getattr(tree.body[-1], "name", None) if tree.body and last is None else None
    if name is None:
        raise _Mistake(getattr(last, "lineno", 1), getattr(last, "col_offset", 0) + 1, NOTHING)
    return module.__dict__[name]


def _parsed(code: str, file: str) -> ast.Module:
    try:
        return ast.parse(code, file)
    except SyntaxError as error:
        raise _Mistake(error.lineno, error.offset, f"{type(error).__name__}: {error.msg}") from None
    except ValueError as error:  # a zero byte
        raise _Mistake(1, 1, str(error)) from None


def _run(code: Any, file: str, module: types.ModuleType) -> Any:
    try:
        return eval(code, module.__dict__)
    except (*FATAL, Failure):
        raise
    except BaseException as error:
        line, step = 1, error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == file:
                line = step.tb_lineno
            step = step.tb_next
        raise _Mistake(line, 1, message(error)) from None


def _plan(target: Any, default: Any) -> Plan:
    """As for a stage of its own, but that a script may leave its arguments alone: they are in `config` as well."""
    try:
        plan = Plan(target, default)
        if not _declared.takes_config(target, 0 if plan.is_class else 1):
            plan.configure = lambda text: {}
    except TypeError as error:
        code = getattr(target, "__code__", None)
        raise _Mistake(getattr(code, "co_firstlineno", 1), 1, str(error)) from None
    return plan
