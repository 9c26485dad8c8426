"""Made env files with all that loaders read differently: quotes, escapes, comments, references, line ends."""

import tomllib
from pathlib import Path
from random import Random

PIECES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def made_env_file(seed: str) -> str:
    """The text of one made file; the same for the same seed."""
    random = Random(seed)
    # Half of the files have one oddity at the most, so that no loader refuses them all.
    statement = _calm_statement if random.random() < 0.5 else _statement
    parts = ["\ufeff"] if random.random() < 0.04 else []
    for _ in range(random.randint(1, 7)):
        parts.append(random.choice(PIECES["other"]) if random.random() < 0.12 else statement(random))
    text = "".join(parts)
    return text.rstrip("\r\n") if random.random() < 0.2 else text


def _statement(random: Random) -> str:
    inner = "".join(_piece(random) for _ in range(random.randint(0, 5)))
    quote = random.choice(("", "", "'", '"', "`"))
    value = quote + inner + (quote if random.random() < 0.9 else "")
    before, name, between, behind, end = (
        random.choice(PIECES[piece]) for piece in ("before", "names", "between", "behind", "ends")
    )
    return f"{before}{name}{between}{value}{behind}{end}"


def _calm_statement(random: Random) -> str:
    oddities = (*PIECES["signs"][:5], *PIECES["references"][:8], "", "", "")
    text = "".join(random.choice(pieces) for pieces in (PIECES["plain"], oddities, PIECES["plain"]))
    quote = random.choice(("", "", "'", '"', "`"))
    value = quote + text.replace(quote, "") + quote if quote else text
    before = random.choice(("", "", "", "", "", "", "export "))
    return f"{before}{random.choice(PIECES['names'][:7])}={value}{random.choice(PIECES['ends'][:10])}"


def _piece(random: Random) -> str:
    kind = random.random()
    if kind < 0.9:
        return random.choice(PIECES["plain" if kind < 0.4 else "signs" if kind < 0.7 else "references"])
    return random.choice((" ", "\n", "\r\n", "\t", "  ", "\u00a0", "\u2028", "\x0b"))
