"""{{name}}: what this stage does to a record."""

from dataclasses import dataclass

from sandmill import Failure, stage


@dataclass
class Config:
    """The `config` table of the pipeline file."""

    greeting: str = "Hello"


@stage
def greet(name: str, config: Config) -> str:
    if not name:
        raise Failure("nobody to greet")
    return f"{config.greeting}, {name}!"
