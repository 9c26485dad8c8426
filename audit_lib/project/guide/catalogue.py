"""Whether what a guide's parts say of a variable fits: public or secret, required, listed, set, restarted."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from audit_lib.project.guide.facts import covers, periods, schedule_column
from audit_lib.project.guide.text import Guide, Line, Statement, agrees
from audit_lib.project.likely_kind import likely_kind
from audit_lib.project.policy.rules import Policy

_SAME = re.compile(r"(?i)\b(?:same as|must match|equal to|identical to|must equal)\b")
_FALLBACK = re.compile(
    r"(?i)\b(?:auto-?(?:matically )?generated|generated automatically|defaults? to|falls? back)\b"
    r".{0,60}\b(?:if|when|unless)\b.{0,20}\b(?:set|unset|missing|absent|configured|empty)\b"
)
_PUBLIC = re.compile(r"(?i)\b(?:not (?:a )?secret|is public|safe to expose|not sensitive)\b")
_BY_PLATFORM = re.compile(r"(?i)\bauto-?(?:matically )?(?:populated|set|injected|provided|filled)\b")
_RESTART, _BUILD = re.compile(r"(?i)\brestart"), re.compile(r"(?i)\b(?:re-?)?(?:build|deploy)")
_REVOKE = re.compile(r"(?i)\b(?:revoke|delete|disable|deactivate)\b.{0,30}\bold\b.{0,40}\bafter\b")
_WINDOW = re.compile(
    r"(?i)\bgrace|\boverlap|\bwindow|\b401\b|\bdowntime|\bannounce|\blog in again|\binterrupt"
)
_PLATFORM = re.compile(r"\bdeploy|\bplatform|\bproduction\b.*\bvariables\b")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s")
_ALONE = re.compile(r"\s*(?:export )?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)=(?![$`])\S*\s*")
_APART = "old and new value never work at once"
SMALLEST = 3  # names of a list: fewer are mentioned, not listed


def lists_agree(guide: Guide, policy: Policy) -> Iterator[Statement]:
    """Of each variable whether what the guide's parts say of it fits together."""
    for name, entry in guide.entries.items():
        about = [line for line in guide.lines if name in line.subjects]
        if is_secret(name, policy):
            yield _published(guide, policy, name)
        if "secrets" in entry.under:
            called = next((line for line in about if _PUBLIC.search(line.text)), entry)
            reason = "is listed among the secrets and called public"
            agreed = not _PUBLIC.search(called.text)
            yield agrees("called public", name, called.number, reason, agreed=agreed, secret=name)
        if _is_required(entry):
            spare = next((line for line in about if _FALLBACK.search(line.text)), entry)
            reason = f"line {entry.number} requires it, line {spare.number} makes a value without it"
            agreed = not _FALLBACK.search(spare.text)
            yield agrees("required", name, spare.number, reason, agreed=agreed, secret=name)
        yield from _set_by_hand(guide, name)
    yield from _lists(guide, policy)
    yield from _unlisted(guide)
    yield from _procedures(guide, policy)


def is_secret(name: str, policy: Policy) -> bool:
    """Whether a variable holds a secret: by the policy, else by its name."""
    rule = policy.rule(name)
    return (rule.kind if rule else likely_kind(name, (), policy)[0]) == "secret"


def _is_required(entry: Line) -> bool:
    return "required" in entry.under and not re.search(r"optional|not required", entry.under)


def _published(guide: Guide, policy: Policy, name: str) -> Statement:
    """Whether the guide has a secret where every browser reads it, or equal to one that is there."""
    public = policy.public_prefixes
    twins = [
        (line.number, other)
        for line in guide.prose()
        if _SAME.search(line.text) and name in (*line.subjects, *line.names)
        for other in (*line.subjects, *line.names)
        if other.startswith(public) != name.startswith(public)
    ]
    parts = ["is set where every browser reads it"] * name.startswith(public)
    parts += [f"line {line} makes it equal to {other}" for line, other in twins[:1]]
    entry = guide.entries[name]
    return agrees("published", name, entry.number, "; ".join(parts), agreed=not parts, secret=name)


def _set_by_hand(guide: Guide, name: str) -> Iterator[Statement]:
    """Whether a rotation sets by hand what the platform is said to fill in."""
    filled = next(
        (
            one
            for one in guide.prose()
            if name in (*one.names, *one.subjects) and _BY_PLATFORM.search(one.text)
        ),
        None,
    )
    if filled:
        set_here = re.compile(rf"\s*(?:export )?{name}=")
        hand = next(
            (one for one in guide.code() if "rotat" in one.under and set_here.match(one.text)), filled
        )
        reason = f"line {filled.number} has the platform fill it in, line {hand.number} sets it by hand"
        yield agrees("set by hand", name, hand.number, reason, agreed=hand is filled, secret=name)


def _lists(guide: Guide, policy: Policy) -> Iterator[Statement]:
    """Whether each list of the guide has all variables that it should have."""
    secrets = [name for name in guide.entries if is_secret(name, policy)]
    required = [name for name, entry in guide.entries.items() if _is_required(entry)]
    items = [one for one in guide.prose() if _ITEM.match(one.text) and one.subjects and not one.entry]
    checked = [one for one in items if "validation" in one.under and "fail" not in one.under]
    platform = [one for one in items if _PLATFORM.search(one.under)]
    titles = {title for one in guide.lines for title in one.headings[1:] if "rotat" in one.under}
    stated = [one.subject for one in periods(guide) if one.subject]
    table = any(schedule_column(one) is not None for one in guide.prose())
    yield from _list(guide, "rotation schedule", stated if table else [], secrets)
    yield from _list(guide, "rotation procedures", titles & _of_variables(titles, secrets), secrets)
    yield from _list(guide, "validation", [name for one in checked for name in one.subjects], required)
    yield from _list(
        guide, "platform's variables", [name for one in platform for name in one.subjects], secrets
    )


def _of_variables(titles: set[str], names: list[str]) -> set[str]:
    return {title for title in titles if any(_is_of(name, title) for name in names)}


def _is_of(name: str, words: str) -> bool:
    """Whether words name a variable, or a group that it is of."""
    return name in words.split() or name == words or ("_" not in words and covers(words, name))


def _list(guide: Guide, title: str, listed: Iterable[str], names: list[str]) -> Iterator[Statement]:
    """Whether a list leaves no variable out; one that must be equal to another goes with it."""
    words = list(listed)
    if len({name for name in names for one in words if _is_of(name, one)}) < min(SMALLEST, len(names)):
        return
    for name in names:
        with_it = {name} | {
            other
            for line in guide.lines
            if name in line.subjects and _SAME.search(line.text)
            for other in line.names
        }
        agreed = any(_is_of(one, word) for one in with_it for word in words)
        topic = "validation" if title == "validation" else "list"
        reason = f"is not in the {title}"
        yield agrees(topic, title, guide.entries[name].number, reason, agreed=agreed, secret=name)


def _unlisted(guide: Guide) -> Iterator[Statement]:
    """Whether each variable that a line of code sets is presented anywhere in a guide with lists of them."""
    if any(_is_required(entry) for entry in guide.entries.values()):
        alone = {found[1]: one.number for one in guide.code() if (found := _ALONE.fullmatch(one.text))}
        presented = {name for line in guide.prose() for name in line.names} | guide.entries.keys()
        for name, line in alone.items():
            agreed = name in presented
            yield agrees(
                "unlisted", name, line, "is set here and presented nowhere", agreed=agreed, secret=name
            )


def _procedures(guide: Guide, policy: Policy) -> Iterator[Statement]:
    """Of each section on a rotation whether its steps can work for the variables that it is for."""
    rotating = (line for line in guide.lines if "rotat" in line.under)
    for headings, grouped in groupby(rotating, key=lambda line: line.headings):
        lines = list(grouped)
        text = "\n".join(line.text for line in lines)
        names = [name for name in guide.entries if _is_of(name, re.sub(r"^\d+[.)]\s*", "", headings[-1]))]
        built = [name for line in lines for name in line.names if name.startswith(policy.public_prefixes)]
        restart = next((line for line in lines if _RESTART.search(line.text)), None)
        if restart and built:
            reason = "is built into the frontend, and the procedure restarts without a build"
            yield agrees(
                "rebuild", built[0], restart.number, reason, agreed=bool(_BUILD.search(text)), secret=built[0]
            )
        revoke = next((line for line in lines if _REVOKE.search(line.text)), None)
        for name in names:
            rule = policy.rule(name)
            if rule is None or rule.overlap != "no" or rule.kind != "secret":
                continue
            if revoke:
                reason = f"{_APART}; the procedure revokes the old one after the new one works"
                yield Statement("overlap", name, "no", revoke.number, reason, name)
            elif any(line.block for line in lines):
                reason = f"{_APART}; the procedure does not say what fails meanwhile"
                agreed = bool(_WINDOW.search(text))
                yield agrees("overlap", name, lines[0].number, reason, agreed=agreed, secret=name)
