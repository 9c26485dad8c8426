"""Whether what a guide demands of values agrees, and whether its commands make such values."""

import math
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from audit_lib.base.connection_url import url_parts
from audit_lib.base.in_words import counted
from audit_lib.project.guide.catalogue import is_secret
from audit_lib.project.guide.facts import SIGNS, Least, covers, url_schemes
from audit_lib.project.guide.text import Guide, Line, Statement, agrees, lines_in_words
from audit_lib.project.policy.rules import Policy
from audit_lib.secrecy import value_questions as values

_MADE = re.compile(
    r"token_(?P<kind>urlsafe|hex|bytes)\((?P<n>\d{1,4})\)|openssl rand -(?P<form>hex|base64) (?P<m>\d{1,4})"
)
_DRAWN = re.compile(
    r"(?P<alphabet>string\.\w+(?:\s*\+\s*(?:string\.\w+|'[^']*'|\"[^\"]*\")){0,8}).{0,200}?range\((?P<n>\d{1,4})\)"
)
_RESERVED = frozenset("@#/?%:&+")  # RFC 3986: in the password of a URL they must be encoded
_RARE = 0.001  # of the values that a generator makes
_EXAMPLE = re.compile(r"(?i)\bexample\b[^`\n]{0,40}`([^`\n]{1,500})`")
_ASSIGNED = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)=[\"']?([^\s\"'#]{8,500})")
_NO_VALUE = re.compile(r"[A-Z_]+|.*(?:[<>{}\s$…]|\.\.\.).*", re.DOTALL)
_WHOLE = re.compile(
    r"(?i)(?:cannot|can't|must not|may not|must never) be (?:the )?(?:value |text |string )?"
    r"[`\"'][^`\"'\n]{3,60}[`\"']"
)
REAL = "shows a value that looks as if a generator made it"


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


class _Shown(NamedTuple):
    """A value that a line shows for a variable, as an example or set in a line of code."""

    line: int
    variable: str
    text: str
    secret: str  # the part of it that is
    example: bool


def values_agree(
    guide: Guide, policy: Policy, least: list[Least], made: list[Generator]
) -> Iterator[Statement]:
    """What the guide demands of values and shows as examples."""
    yield from _minima(least, made)
    for shown in _shown(guide, policy):
        real = values.looks_generated(shown.secret) or values.is_listed(shown.text, policy.compromised)
        place = shown.variable, shown.line
        if real or shown.example:
            yield agrees("example value", *place, REAL, agreed=not real, secret=shown.variable)
        own = [one for one in least if one.variable == shown.variable]
        if shown.example and own:
            broken = "; ".join(dict.fromkeys(_broken(shown.secret, own)))
            yield agrees("example rule", *place, broken, agreed=not broken, secret=shown.variable)
    yield from _formats(guide)
    for line in guide.lines:
        for name in line.subjects if _WHOLE.search(line.text) else ():
            if is_secret(name, policy):
                reason = "forbids one text alone: a longer one that holds it passes"
                yield Statement("placeholder", name, "no", line.number, reason, name)


def _minima(least: list[Least], made: list[Generator]) -> Iterator[Statement]:
    """Of each variable all least lengths that the guide gives, and beside them what its generators make."""
    for name in dict.fromkeys(one.variable for one in least):
        told: dict[str, list[int]] = {}
        own = [one for one in least if one.variable == name]
        for one in own:
            told.setdefault(str(one), []).append(one.line)
        for generator in made:
            if generator.variable == name:
                told.setdefault(f"made with {counted(generator.length, 'character')}", []).append(
                    generator.line
                )
        reason = "; ".join(f"{lines_in_words(lines)}: {words}" for words, lines in told.items())
        agreed = len({one.characters for one in own}) == 1
        yield agrees("minima", name, own[0].line, reason, agreed=agreed, secret=name)


def _shown(guide: Guide, policy: Policy) -> Iterator[_Shown]:
    """Each value that the guide shows for a secret; placeholders are none."""
    for line in guide.lines:
        example = _EXAMPLE.search(line.text)
        pairs = [(name, example[1]) for name in line.subjects] if example else []
        pairs += _ASSIGNED.findall(line.text) if line.block and not example else []
        for name, text in pairs:
            rule, parts = policy.rule(name), url_parts(text)
            secret = parts.password if parts else text
            markers = policy.placeholders + (rule.placeholders if rule else ())
            real = secret and not _NO_VALUE.fullmatch(secret) and not values.is_placeholder(secret, markers)
            if real and is_secret(name, policy):
                yield _Shown(line.number, name, text, secret, bool(example))


def _broken(secret: str, least: list[Least]) -> Iterator[str]:
    """What an example lacks of what the guide demands of it, by the line that does."""
    for one in least:
        if len(secret) < one.characters:
            yield f"has {counted(len(secret), 'character')}, line {one.line} demands {one}"
        for kind in one.kinds:
            if not re.search(SIGNS[kind], secret):
                yield f"has no {kind}, which line {one.line} demands"


def _formats(guide: Guide) -> Iterator[Statement]:
    """Of each variable that is an address whether every line on its format allows the same schemes."""
    for name, several in url_schemes(guide).items():
        reason = "; ".join(f"line {line}: {' or '.join(sorted(schemes))}" for line, schemes in several)
        agreed = len({schemes for _, schemes in several}) == 1
        yield agrees("formats", name, several[0][0], reason, agreed=agreed, secret=name)
