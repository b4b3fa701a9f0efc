"""What a stage may not reach is an error of Python, and never a trap.

A component without a clock, files or randomness ends at once, uncatchably, where CPython asks for them. So every
function that would ask is wrapped *before* the author's module is imported, since `from time import time` keeps what it
finds. While the component is built the wrappers let everything through; `seal` closes them.
"""

from __future__ import annotations

import functools
import gc
import io
import random
import sys
import types
from typing import Any, Callable

from . import log
from ._lines import Lines

KINDS = {
    "time": "the time",
    "files": "files",
    "env": "the environment",
    "random": "random numbers",
    "network": "the network",
    "processes": "other processes",
}

_CLOCK = """time time_ns sleep monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns
thread_time thread_time_ns clock_gettime clock_gettime_ns clock_getres get_clock_info""".split()
_CLOCK_BY_DEFAULT = {"localtime": 0, "gmtime": 0, "ctime": 0, "asctime": 0, "strftime": 1}

# What `posix` can do by itself. Everything else in it asks the system: for files, unless it says otherwise here.
_POSIX_OWN = """fspath strerror getpid _path_splitroot _path_splitroot_ex _path_normpath register_at_fork
cpu_count _get_signal waitstatus_to_exitcode WCOREDUMP WIFCONTINUED WIFSTOPPED WIFSIGNALED WIFEXITED WEXITSTATUS WTERMSIG
WSTOPSIG _create_environ _supports_virtual_terminal _inputhook _is_inputhook_installed umask""".split()
_POSIX_KINDS = {"urandom": "random", "getrandom": "random", "putenv": None, "unsetenv": None, "times": "time"}

_sealed: set[str] = set()


def _refuse(kind: str) -> None:
    key = (
        f'`reach = ["{kind}"]` in sandmill.toml asks for it'
        if kind in ("time", "files", "env", "random")
        else "no stage does"
    )
    raise PermissionError(f"this stage does not reach {KINDS[kind]}: {key}")


def _guarded(kind: str, function: Callable[..., Any], when: Callable[..., bool] | None = None) -> Callable[..., Any]:
    @functools.wraps(function, updated=())
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if kind in _sealed and (when is None or when(*args)):
            _refuse(kind)
        return function(*args, **kwargs)

    return guarded


def prepare() -> None:
    """Wraps what reaches out. Called before the author's module is imported."""
    _prepare_time()
    _prepare_files()
    _prepare_random()
    build = sys.stderr  # until `open`, lines are for the person who builds

    def to_build(level: str, line: str) -> None:
        build.write(f"{level}: {line}\n")

    def printed(level: str, fragment: bytes) -> None:
        build.write(fragment.decode("utf-8", "backslashreplace"))

    log._sink, log._write = to_build, printed
    sys.stdout = sys.__stdout__ = Lines("info")
    sys.stderr = sys.__stderr__ = Lines("warn")
    sys.stdin = sys.__stdin__ = io.StringIO()


def seal(reach: frozenset[str]) -> None:
    """Refuses from now on what is not in `reach`. Called when the component is opened."""
    import os

    _sealed.update(set(KINDS) - reach)
    if "env" in _sealed:
        os.environ._data.clear()  # type: ignore[attr-defined]  # what the build saw
    if "random" in reach:
        random.seed()
    sys.path.clear()  # the folders of the build
    sys.path_importer_cache.clear()
    sys.addaudithook(_audit)
    _settle_logging()
    _settle_network()
    sys.meta_path.append(_Late)  # type: ignore[arg-type]


_IN_MEMORY = (":memory:", b":memory:")
"""A database in no file; Python 3.10 says so in bytes."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """CPython's own report of what it is about to do: for names that somebody took before they were wrapped."""
    if "files" in _sealed and (event == "open" or (event == "sqlite3.connect" and arguments[0] not in _IN_MEMORY)):
        _refuse("files")


def _prepare_time() -> None:
    import datetime
    import time

    for name in _CLOCK:
        if hasattr(time, name):
            setattr(time, name, _guarded("time", getattr(time, name)))
    for name, given in _CLOCK_BY_DEFAULT.items():
        setattr(time, name, _guarded("time", getattr(time, name), lambda *args, given=given: len(args) <= given))
    # A C type: its dictionary is read-only, but not the dictionary behind that. Nobody has looked these names up yet.
    methods = gc.get_referents(datetime.datetime.__dict__)[0]
    for name in ("now", "utcnow"):
        original = methods[name].__get__(None, datetime.datetime)
        methods[name] = classmethod(_clock_of_class(name, original))


def _clock_of_class(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def now(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if "time" in _sealed:
            _refuse("time")
        given = original(*args, **kwargs)
        return given if cls is type(given) else cls.combine(given.date(), given.timetz())

    now.__name__ = name
    return now


def _prepare_files() -> None:
    import builtins
    import os
    import posix

    for name, function in list(vars(posix).items()):
        if isinstance(function, types.BuiltinFunctionType) and name not in _POSIX_OWN:
            kind = _POSIX_KINDS.get(name, "files")
            if kind is not None:
                guarded = _exiting if name in ("_exit", "abort") else _guarded(kind, function)
                setattr(posix, name, guarded)
                if hasattr(os, name):
                    setattr(os, name, guarded)
    builtins.open = io.open = _guarded("files", io.open)
    io.FileIO = _guarded("files", io.FileIO)  # type: ignore[misc,assignment]
    io.open_code = _guarded("files", io.open_code)


def _exiting(code: int = 1) -> None:
    raise SystemExit(code)


class _Shared(random.Random):
    """Behind `random.random()` and its kin: seeded by the author, or refused. A seed of the build is not random."""

    is_seeded = False

    def seed(self, a: Any = None, version: int = 2) -> None:
        super().seed(a, version)
        self.is_seeded = a is not None

    def random(self) -> float:
        if not self.is_seeded and "random" in _sealed:
            _refuse("random")
        return super().random()

    def getrandbits(self, k: int) -> int:
        if not self.is_seeded and "random" in _sealed:
            _refuse("random")
        return super().getrandbits(k)


def _prepare_random() -> None:
    original = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None and "random" in _sealed:
            _refuse("random")
        original(self, a, version)

    random.Random.seed = seed  # type: ignore[method-assign]
    shared = _Shared()
    for name, value in list(vars(random).items()):
        if getattr(value, "__self__", None) is random._inst:  # type: ignore[attr-defined]
            setattr(random, name, getattr(shared, name))
    random._inst = shared  # type: ignore[attr-defined]
    random._urandom = sys.modules["os"].urandom  # type: ignore[attr-defined]


def _settle_network() -> None:
    """Sockets are of the stages that import them."""
    for module, names in {
        "_socket": "getaddrinfo gethostbyname gethostname socketpair",
        "select": "select poll",
    }.items():
        for holder in (sys.modules.get(module), sys.modules.get(module.lstrip("_"))):
            for name in names.split() if holder else ():
                if hasattr(holder, name):
                    setattr(holder, name, _guarded("network", getattr(holder, name)))
    socket = sys.modules.get("socket")
    if socket is not None:
        socket.socket.__init__ = _guarded("network", socket.socket.__init__)


def _settle_logging() -> None:
    """`logging` writes lines of the log, and its records have no time where there is none."""
    logging = sys.modules.get("logging")
    if logging is None:
        return

    class ToHost(logging.Handler):  # type: ignore[name-defined]
        def emit(self, record: Any) -> None:
            level = next((name for least, name in _LEVELS if record.levelno >= least), "debug")
            log._log(level, self.format(record))

    if "time" in _sealed:
        still = types.SimpleNamespace(**vars(logging.time))
        still.time, still.time_ns = lambda: 0.0, lambda: 0
        logging.time = still  # type: ignore[attr-defined]
    if not logging.root.handlers:
        logging.root.addHandler(ToHost())
        if logging.root.level == logging.WARNING:
            logging.root.setLevel(logging.DEBUG)


_LEVELS = ((40, "error"), (30, "warn"), (20, "info"))


class _Late:
    """The last finder: says why a module that was not imported at the build is not there."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        raise ModuleNotFoundError(
            f"No module named {name!r}: a stage has the modules that were imported when it was built, "
            f"so write `import {name}` at the top of the file",
            name=name,
        )
