"""The stage under test: the subject of the conformance suite, the same in each language."""

import random
import sys
import time
from dataclasses import dataclass

from sandmill import Failure, Keyed, To, log, stage


@dataclass
class Config:
    prefix: str = ""


@stage
def hello(line: str, config: Config):
    match line[:1]:
        case "!":
            raise Failure(f"told to fail: {line}", retryable=line.startswith("!?"))
        case "-":
            return None
        case "+":
            return [config.prefix + upper(line[1:])] * 2
        case "*":
            return [config.prefix + upper(line)] * int(line[1:])
        case "@":
            key, _, value = line[1:].partition("=")
            return Keyed(key, config.prefix + upper(value))
        case ">":
            port, _, value = line[1:].partition(" ")
            return To(int(port), config.prefix + upper(value))
        case "~":
            return odd(line)
    return config.prefix + upper(line)


def upper(text: str) -> str:
    return text.encode().upper().decode()  # ASCII only


def odd(line: str):
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
        case "log":
            for level in (log.debug, log.info, log.warn, log.error):
                level("a line, Straße")
        case "print":
            print("printed, Straße")
            print("to stderr", file=sys.stderr)
            sys.stdout.buffer.write(b"bytes \xff")
        case "time":
            return str(time.time())
        case "random":
            return str(random.random())
        case "file":
            return open("/etc/passwd").read()
        case "env":
            import os

            return os.environ["HOME"]
        case "import":
            import csv

            return csv.__name__
        case "surrogate":
            return "\ud800"
    return line


def deep(depth: int) -> int:
    return deep(depth + 1)
