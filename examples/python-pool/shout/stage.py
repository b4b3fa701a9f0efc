"""Log lines in capitals: nearly all that this takes is the way to the function and back."""

from sandmill import stage


@stage
def shout(line: str) -> str:
    return line.upper()
