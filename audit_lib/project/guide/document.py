"""Whether a guide is whole as a document: head, contents, snippets, claims, and what its demands need."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

from audit_lib.project.guide.facts import periods
from audit_lib.project.guide.text import Guide, Statement, agrees, heading

_HEAD = re.compile(
    r"(?i)^[\s>*_|-]*(version|last updated|date|updated|owner|maintainer|author)[\s*_|]*[:|]\s*[*_]*\s*"
    r"([^\s*_].{0,100})"
)
MOST_OF_HEAD = 40  # lines
_HEADS = {
    "version": ("version",),
    "date": ("last updated", "date", "updated"),
    "owner": ("owner", "maintainer", "author"),
}
_TEAM = re.compile(
    r"(?i)\b(?:teams?|department|group|squad|devops|sre|engineering|operations|committee|security)\b"
)
_PERSON = re.compile(r"@\w|\b[A-Z][\w'-]+\s+(?:[A-Z]\.\s+)?[A-Z][\w'-]+")
_LINK = re.compile(r"\[[^\]]{1,200}\]\(#([^)\s]{1,200})\)")
_CONTENTS = re.compile(r"(?i)(?:table of )?contents|toc")
_SOURCED = re.compile(r"https?://|\]\(|\[\d+\]|\[\^")
_CLAIM = re.compile(
    r"\b[Pp]er (?:the )?(?:provider|vendor|supplier|industry|[A-Z]\w+'s)\b[^.|]{0,40}"
    r"\b(?:recommend|polic|guideline|practice)"
    r"|(?i:\b(?:reduc|sav|improv|increas|cut|lower)e?s\b[^.|]{0,40}?\b\d{1,3}(?:\s?[-–]\s?\d{1,3})?\s?%)"
)
# What a demand needs elsewhere in the text: what is missing then, the demand, and what would meet it.
_NEEDS = (
    (
        "who has access",
        r"(?i)^(?=.*(?:access|rotat|password|secret|key|credential))"
        r".*\b(?:employee|person|people|member|staff|someone|somebody|contractor)s?\b.{0,40}\bleaves?\b",
        r"(?i)\broster|off-?boarding|\bwho has access|\baccess list|\blist of (?:people|persons|members)",
    ),
    (
        "the log that shows access, and how long it is kept",
        r"(?i)\baudit\b.{0,20}\baccess",
        r"(?i)\baudit[ -]?(?:log|trail)|\baccess log|\bretention|\bretain",
    ),
    (
        "an address to report to",
        r"(?i)\breport(?:ed)?\b.{0,20}\bto (?:the |a )?(?:repository |project |repo )?(?:owner|maintainer)",
        r"(?<![:\w.+-])[\w.+-]{1,60}@[\w-]{1,60}(?:\.[\w-]{1,60})+|https?://\S*(?:security|advisor)|\s@[\w-]+",
    ),
    (
        "an encrypted connection to the database",
        r"(?i)\bformat\b.*\b(?:postgres(?:ql)?|mysql|mariadb)\b\S*://",
        r"(?i)\bssl|\btls\b",
    ),
)
_RECORDED = re.compile(
    r"(?i)last rotat|rotated (?:on|at)|rotation (?:log|record|register|ledger|history|date)"
    r"|record\w* .{0,30}rotat|rotations? (?:is|are) recorded|rotation.{0,20}\brecord"
)
_OPENS = re.compile(
    r"(?i)\b(?:open|file|create|raise|submit)\b[^.!?;:]{0,30}\b(?:github |gitlab |public )?issues?\b"
)
_SENSITIVE = re.compile(
    r"(?i)label\W{0,3}security|\bvulnerabilit|\bsecurity (?:issue|bug|problem|flaw|hole)s?\b"
)
_NOT = re.compile(r"(?i)\b(?:not|never|avoid|rather than|instead of|without|non)\b|n't\b|n’t\b")
_FULL = re.compile(r"(?i)\b(?:full|all|unrestricted|unlimited)\s+(?:permissions?|privileges?|access)\b")
_LIMITED = re.compile(
    r"(?i)\bread-?only\b|\b(?:limited|least|minimal|restricted)\s+(?:permissions?|privileges?|access)\b"
)
_PLACE = re.compile(r"(?i)\b(production|staging|development)\b")


def document_is_whole(guide: Guide) -> Iterator[Statement]:
    """What a reader of the guide would miss or could not follow."""
    yield from _head(guide)
    yield from _contents(guide)
    yield from _snippets(guide)
    yield from _claims(guide)
    yield from _needs(guide)
    yield from _public_reports(guide)
    yield from _permissions(guide)


def _head(guide: Guide) -> Iterator[Statement]:
    """Whether version, date and a person are named above the first section; unknown if nothing is."""
    sections = (line.number for line in guide.lines if not line.block and line.text.startswith("## "))
    end = min(next(sections, MOST_OF_HEAD), MOST_OF_HEAD)
    stated: dict[str, tuple[int, str]] = {}
    for line in guide.lines:
        found = _HEAD.match(line.text) if line.number < end else None
        if found:
            stated.setdefault(found[1].lower(), (line.number, found[2]))
    if not {"version", *_HEADS["owner"]} & stated.keys():
        reason = "the guide states neither a version nor an owner at its head"
        yield Statement("head", "head", "unknown", reason=reason)
        return
    for subject, names in _HEADS.items():
        number, words = next((stated[name] for name in names if name in stated), (None, ""))
        answer, reason = "yes" if words else "no", "" if words else f"no {subject} is named"
        if subject == "owner" and words:
            answer, reason = _owner(words)
        yield Statement("head", subject, answer, number, reason)


def _owner(words: str) -> tuple[str, str]:
    """Whether an owner is a person, and what speaks against it."""
    if _TEAM.search(words) and "@" not in words:
        return "no", "the owner is not a person"
    return ("yes", "") if _PERSON.search(words) else ("unknown", "whether the owner is a person is not known")


def _contents(guide: Guide) -> Iterator[Statement]:
    """Whether the table of contents, if there is one, has every section and no other."""
    titles = [
        (line.number, *found) for line in guide.lines if not line.block and (found := heading(line.text))
    ]
    start = next(
        (at for at, (_, _, title) in enumerate(titles) if _CONTENTS.fullmatch(title.strip(" *:"))), None
    )
    if start is None:
        return
    number, level, _ = titles[start]
    end = titles[start + 1][0] if start + 1 < len(titles) else number
    linked = {
        link.lower()
        for line in guide.lines
        if number < line.number < end
        for link in _LINK.findall(line.text)
    }
    if not linked:
        return
    slugs = {_slug(title): at for at, depth, title in titles if at != number}
    for at, depth, title in titles:
        if depth == level and at > number:
            yield agrees(
                "contents", title, at, "is not in the table of contents", agreed=_slug(title) in linked
            )
    for link in sorted(linked - {re.sub(r"-\d+$", "", one) for one in slugs} - slugs.keys()):
        yield Statement("contents", link, "no", number, "is in the table of contents and nowhere else")


def _slug(title: str) -> str:
    """The anchor that code platforms make of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def _snippets(guide: Guide) -> Iterator[Statement]:
    """Whether each Python snippet has a body for each of its blocks."""
    for lines in guide.blocks():
        if lines[0].language not in ("python", "py", "python3"):
            continue
        text = textwrap.dedent("\n".join(line.text for line in lines))
        try:
            with warnings.catch_warnings(action="ignore"):
                ast.parse(text)
        except IndentationError as error:
            reason = "the snippet has a block without a statement: it does not run"
            yield Statement("snippet", "Python", "no", lines[0].block + (error.lineno or 0), reason)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # a placeholder, a prompt, a fragment: whether it is meant to run is not known
        else:
            yield Statement("snippet", "Python", "yes", lines[0].number)


def _claims(guide: Guide) -> Iterator[Statement]:
    """Whether each claim about numbers or a provider's advice names its source."""
    for line in guide.prose():
        if _CLAIM.search(line.text):
            name = line.subjects[0] if len(line.subjects) == 1 else ""
            agreed = bool(_SOURCED.search(line.text))
            yield agrees(
                "claim", name or "claims", line.number, "names no source", agreed=agreed, secret=name
            )


def _needs(guide: Guide) -> Iterator[Statement]:
    """Whether what a demand needs to be met is anywhere in the guide."""
    text = "\n".join(line.text for line in guide.lines)
    scheduled = [one for one in periods(guide) if one.subject]
    if scheduled:
        agreed = bool(_RECORDED.search(text))
        yield agrees("need", "a record of rotations", scheduled[0].line, "no line says it", agreed=agreed)
    for subject, demand, means in _NEEDS:
        asked = next((line.number for line in guide.lines if re.search(demand, line.text)), None)
        if asked is not None:
            yield agrees("need", subject, asked, "no line says it", agreed=bool(re.search(means, text)))


def _public_reports(guide: Guide) -> Iterator[Statement]:
    """Whether what concerns security is to be reported where everyone reads it."""
    before = ""
    for line in guide.prose():
        for sentence in re.split(r"(?<=[.!?])\s", line.text):
            found = _OPENS.search(sentence)
            if found and _SENSITIVE.search(sentence):
                agreed = bool(_NOT.search(f"{before} {sentence[: found.end()]}"[-200:]))
                reason = "sends reports on security to a public issue"
                yield agrees("public report", "reports", line.number, reason, agreed=agreed)
            before = sentence


def _permissions(guide: Guide) -> Iterator[Statement]:
    """Whether one environment is given full permissions in one line and limited ones in another."""
    stated: dict[str, dict[str, int]] = {}
    for line in guide.prose():
        for place in {found.lower() for found in _PLACE.findall(line.text)}:
            for word, pattern in (("full", _FULL), ("limited", _LIMITED)):
                if pattern.search(line.text):
                    stated.setdefault(place, {}).setdefault(word, line.number)
    for place, told in sorted(stated.items()):
        reason = "; ".join(f"line {line}: {word} permissions" for word, line in told.items())
        yield agrees("permissions", place, min(told.values()), reason, agreed=len(told) == 1)
