"""Whether what a guide demands of values agrees: least lengths, examples, formats, placeholders."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from audit_lib.base.connection_url import url_parts
from audit_lib.base.in_words import counted
from audit_lib.project.guide.catalogue import is_secret
from audit_lib.project.guide.facts import SIGNS, Least, url_schemes
from audit_lib.project.guide.generators import Generator
from audit_lib.project.guide.statement import Statement, agrees, lines_in_words
from audit_lib.project.guide.text import Guide
from audit_lib.project.policy.rules import Policy
from audit_lib.secrecy import value_questions as values

_EXAMPLE = re.compile(r"(?i)\bexample\b[^`\n]{0,40}`([^`\n]{1,500})`")
_ASSIGNED = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)=[\"']?([^\s\"'#]{8,500})")
_NO_VALUE = re.compile(r"[A-Z_]+|.*(?:[<>{}\s$…]|\.\.\.).*", re.DOTALL)
_WHOLE = re.compile(
    r"(?i)(?:cannot|can't|must not|may not|must never) be (?:the )?(?:value |text |string )?"
    r"[`\"'][^`\"'\n]{3,60}[`\"']"
)
REAL = "shows a value that looks as if a generator made it"


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
