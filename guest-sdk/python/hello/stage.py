"""The stage under test: the subject of the conformance suite, the same in each language."""

import random
import sys
import time
from dataclasses import dataclass

from sandmill import Failure, Keyed, To, log, stage


@dataclass
class Config:
    prefix: str = ""
    limit: int = 0


@stage
class Hello:
    def __init__(self, config: Config):
        self.config = config
        self.seen = 0
        self.kept = 0
        self.is_spoilt = False

    def process(self, line: str):
        self.seen += 1
        match line[:1]:
            case "!":
                raise Failure(f"told to fail: {line}", retryable=line.startswith("!?"))
            case "-":
                return None
            case "+":
                return [self.upper(line[1:])] * 2
            case "*":
                return [self.upper(line)] * int(line[1:])
            case "@":
                key, _, value = line[1:].partition("=")
                return Keyed(key, self.upper(value))
            case ">":
                port, _, value = line[1:].partition(" ")
                return To(int(port), self.upper(value))
            case "~":
                return self.odd(line)
        return self.upper(line)

    def flush(self):
        if self.is_spoilt:
            raise Failure("told to fail at the end")
        return [Keyed("kept", str(number + 1)) for number in range(self.kept)]

    def upper(self, text: str) -> str:
        return self.config.prefix + text.encode().upper().decode()  # ASCII only

    def odd(self, line: str):
        """What concerns the instance."""
        match line[1:]:
            case "keep":
                self.kept += 1
                return None
            case "spoil":
                self.is_spoilt = True
                return None
            case "count":
                return str(self.seen)
            case "limit":
                return str(self.config.limit)
        fail(line)
        speak(line)
        return reach_out(line) or break_it(line) or line


def fail(line: str):
    match line[1:]:
        case "nothing":
            raise Failure("")
        case "long":
            raise Failure("x" * 1_000_000)
        case "nul":
            raise Failure("a\0b")


def speak(line: str):
    match line[1:]:
        case "log":
            for level in (log.debug, log.info, log.warn, log.error):
                level("a line, Straße")
        case "print":
            print("printed, Straße")
            print("to stderr", file=sys.stderr)
            sys.stdout.buffer.write(b"bytes \xff|\n")
            print("no end", end="")


def reach_out(line: str):
    match line[1:]:
        case "time":
            return str(time.time())
        case "random":
            return str(random.random())
        case "order":
            return "".join({*"abcdefghij"}) + str(hash("a"))
        case "file":
            return open("/etc/passwd").read()
        case "env":
            import os

            return os.environ["HOME"]
        case "import":
            import csv

            return csv.__name__
        case "beside":
            return coroutine()
        case "surrogate":
            return "\ud800"
        case "both":
            return both()


async def coroutine():
    return "later"


def both():
    yield "lost"
    raise Failure("emitted, then failed")


def break_it(line: str):
    match line[1:]:
        case "panic":
            return 1 // 0
        case "index":
            return [1, 2][len(line)]
        case "loop":
            while True:
                pass
        case "oom":
            return "x" * (1 << 30)
        case "deep":
            return deep(0)
        case "exit":
            sys.exit(3)
    if line.startswith("~last "):
        print("last words", end="")
        return break_it("~" + line.removeprefix("~last ~"))


def deep(depth: int) -> int:
    return deep(depth + 1)
