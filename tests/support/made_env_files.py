"""Made env files with all that loaders read differently: quotes, escapes, comments, references, line ends."""

from random import Random

NAMES = ("A", "B", "C", "AB", "X1", "_u", "KEY_TWO", "n.ame", "d-ash")
BEFORE = ("", "", "", "", "", "", "export ", " ", "export  ", "\t", "export\t")
BETWEEN = ("=",) * 12 + (" = ", "= ", " =", ": ", ":", "=\t", "\n=", "=\n")
PLAIN = ("v1", "p4ss", "w0rd", "é", "x y", "0", "a.b", "n", "“q”")
SIGNS = (
    "#",
    " #",
    "$",
    "\\",
    "'",
    '"',
    "`",
    "=",
    ";",
    "\\n",
    "\\$",
    "$$",
    "\\\\",
    "\\'",
    '\\"',
    "\\`",
    "{",
    "}",
    "\\t",
    "\\u0041",
)
REFERENCES = (
    "$A",
    "${A}",
    "$B",
    "${B}",
    "${C:-d}",
    "${C}",
    "$ZZ",
    "${ZZ:-d}",
    "$1",
    "\\${A}",
    "\\$B",
    "${A",
    "$A$B",
    "$AB",
    "${KEY_TWO-e}",
)
BEHIND = ("",) * 8 + (" ", " # note", "#note", " junk", "\t", "  #'", '"', "\\")
ENDS = ("\n",) * 8 + ("\r\n", "\r\n", "\n\n", "\r")
OTHER = (
    "# note\n",
    "  # it's\n",
    "; note\n",
    "A\n",
    "export A\n",
    "word word\n",
    "\n",
    " \n",
    "=v\n",
    "#\\\n",
    "'A'=x\n",
    "\u00a0\n",
)


def made_env_file(seed: str) -> str:
    """The text of one made file; the same for the same seed."""
    random = Random(seed)
    # Half of the files have one oddity at the most, so that no loader refuses them all.
    calm = random.random() < 0.5
    parts = ["\ufeff"] if random.random() < 0.04 else []
    for _ in range(random.randint(1, 7)):
        parts.append(random.choice(OTHER) if random.random() < 0.12 else _statement(random, calm=calm))
    text = "".join(parts)
    return text.rstrip("\r\n") if random.random() < 0.2 else text


def _statement(random: Random, *, calm: bool) -> str:
    value = _calm_value(random) if calm else _value(random)
    if calm:
        before = random.choice(("", "", "", "", "", "", "export "))
        return f"{before}{random.choice(NAMES[:7])}={value}{random.choice(ENDS[:10])}"
    return "".join(
        (
            random.choice(BEFORE),
            random.choice(NAMES),
            random.choice(BETWEEN),
            value,
            random.choice(BEHIND),
            random.choice(ENDS),
        )
    )


def _calm_value(random: Random) -> str:
    text = (
        random.choice(PLAIN) + random.choice((*SIGNS[:5], *REFERENCES[:8], "", "", "")) + random.choice(PLAIN)
    )
    quote = random.choice(("", "", "'", '"', "`"))
    return quote + text.replace(quote, "") + quote if quote else text


def _value(random: Random) -> str:
    inner = "".join(_piece(random) for _ in range(random.randint(0, 5)))
    quote = random.choice(("", "", "'", '"', "`"))
    closing = quote if random.random() < 0.9 else ""
    return quote + inner + closing


def _piece(random: Random) -> str:
    kind = random.random()
    if kind < 0.4:
        return random.choice(PLAIN)
    if kind < 0.7:
        return random.choice(SIGNS)
    if kind < 0.9:
        return random.choice(REFERENCES)
    return random.choice((" ", "\n", "\r\n", "\t", "  ", "\u00a0", "\u2028", "\x0b"))
