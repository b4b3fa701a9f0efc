"""The stage under test whose records are bytes: the same in each language."""

from dataclasses import dataclass

from sandmill import stage


@dataclass
class Config:
    prefix: str = ""


@stage
def hello(value: bytes, config: Config) -> bytes:
    return config.prefix.encode() + value
