"""How much a log line deserves a look: the words that weigh something, each once, and the line after its score."""

WEIGHTS = {"error": 5.0, "failed": 4.0, "timeout": 3.0, "refused": 3.0, "retry": 1.0, "slow": 1.0, "denied": 2.5}


def score(line: str) -> str:
    total, seen = 0.0, set()
    for word in line.split():
        bare = word.strip(".,:;()[]\"'").lower()
        if bare in seen:
            continue
        seen.add(bare)
        total += WEIGHTS.get(bare, 0.0)
        if len(word) > 2 and word.isupper():
            total += 0.5
        if bare.isdigit() and int(bare) >= 500:
            total += 1.0
    return f"{total:.1f} {line}"
