from sandmill import stage


@stage
def upper(line: str) -> str:
    return line.upper()
