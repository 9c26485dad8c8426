"""Whether the commands that a guide prints make values that keep its own rules."""

import math
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from audit_lib.base.in_words import counted
from audit_lib.project.guide.facts import SIGNS, Least, covers, url_schemes
from audit_lib.project.guide.statement import Statement, agrees
from audit_lib.project.guide.text import Guide, Line

_MADE = re.compile(
    r"token_(?P<kind>urlsafe|hex|bytes)\((?P<n>\d{1,4})\)|openssl rand -(?P<form>hex|base64) (?P<m>\d{1,4})"
)
_DRAWN = re.compile(
    r"(?P<alphabet>string\.\w+(?:\s*\+\s*(?:string\.\w+|'[^']*'|\"[^\"]*\")){0,8}).{0,200}?range\((?P<n>\d{1,4})\)"
)
_RESERVED = frozenset("@#/?%:&+")  # RFC 3986: in the password of a URL they must be encoded
_RARE = 0.001  # of the values that a generator makes


@dataclass(frozen=True)
class Generator:
    """What a command makes for a variable: so many characters of an alphabet."""

    variable: str
    line: int
    length: int
    alphabet: str = ""  # "" for Base64 and hexadecimal digits
    quoted: bool = False  # within double quotes of a shell


def generators(guide: Guide) -> Iterator[Generator]:
    """What the commands of a guide make for each variable, as far as they are understood."""
    for line in guide.lines:
        made, drawn = _MADE.search(line.text), _DRAWN.search(line.text)
        if made:
            count = int(made["n"] or made["m"])
            length = 2 * count if "hex" in (made["kind"], made["form"]) else math.ceil(count * 8 / 6)
            yield from (Generator(name, line.number, length) for name in _made_for(line, guide))
        elif drawn and (alphabet := _alphabet(drawn["alphabet"])):
            quoted = bool(re.search(r"\s-c\s+\"", line.text))
            for name in _made_for(line, guide):
                yield Generator(name, line.number, int(drawn["n"]), alphabet, quoted)


def _alphabet(text: str) -> str:
    """The characters that a Python expression draws from; "" if a part of it is not known."""
    parts = re.findall(r"string\.(\w+)|'([^']*)'|\"([^\"]*)\"", text)
    signs = [getattr(string, name, None) if name else one or two for name, one, two in parts]
    return "".join(dict.fromkeys("".join(map(str, signs)))) if None not in signs else ""


def _made_for(line: Line, guide: Guide) -> tuple[str, ...]:
    """The variables that a generator is for: by its own line, the comment above, the headings."""
    above = set(re.findall(r"\w+", line.comment))
    named = [name for name in guide.entries if name in line.subjects] or [
        name for name in guide.entries if name in above
    ]
    if named or line.entry in guide.entries:
        return tuple(named) or (line.entry,)
    words = re.sub(r"[^\w\s]|\(.*\)", "", line.comment) or (line.headings[-1] if line.headings else "")
    return tuple(name for name in guide.entries if covers(words, name))


def generators_agree(guide: Guide, least: list[Least], made: list[Generator]) -> Iterator[Statement]:
    """Whether what each generator makes keeps the rules of the variable that it is for."""
    addresses = url_schemes(guide)
    for one in made:
        demands = [demand for demand in least if demand.variable == one.variable]
        faults = "; ".join(_faults(one, demands, in_url=one.variable in addresses))
        place = one.variable, one.line
        yield agrees("generator", *place, faults, agreed=not faults, secret=one.variable)


def _faults(made: Generator, demands: list[Least], *, in_url: bool) -> Iterator[str]:
    for one in demands:
        if made.length < one.characters:
            yield f"makes {counted(made.length, 'character')}, line {one.line} demands {one}"
    if in_url and _RESERVED & set(made.alphabet):
        yield "draws characters that a URL reserves"
    if made.quoted and "!" in made.alphabet:
        yield "has ! within double quotes, which an interactive shell expands"
    kinds = {kind for one in demands for kind in one.kinds}
    if made.alphabet and (missed := _without_a_kind(made, kinds)) > _RARE:
        yield f"lacks a kind of character that is demanded in {missed:.1%} of its values"


def _without_a_kind(made: Generator, kinds: set[str]) -> float:
    """How likely a drawn text lacks one of the kinds: by inclusion and exclusion."""
    shares = [len(re.findall(SIGNS[kind], made.alphabet)) / len(made.alphabet) for kind in sorted(kinds)]
    lacking = (
        (-1) ** (len(left) + 1) * (1.0 - sum(left)) ** made.length
        for count in range(1, len(shares) + 1)
        for left in combinations(shares, count)
    )
    return math.fsum(lacking)
