"""Log lines in one form, so that equal lines are equal texts."""

from sandmill import stage


@stage
def normalise(line: str) -> str:
    return " ".join(line.lower().split())
