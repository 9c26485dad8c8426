"""What a report says twice near each other: clauses in their order, instants beside their words, ids."""

import re
from collections.abc import Hashable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

Fact = tuple[Hashable, ...]
_NEAR = 60  # characters from one clause to the next: a place of a leak may stand between
_ANYWHERE = timedelta(hours=14)  # from the time of a zone that is not known to UTC
_CLOCKED = ("E1", "E2", "E3", "E4", "E5", "E8")  # evidence whose words begin with when it was seen
_ASKED = ("source", "line", "secret", "environment", "service")
_INSTANT = re.compile(r"\d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d")


def clauses(text: str) -> list[str]:
    """The clauses of a text in Markdown."""
    return [line.strip("-#;. ") for line in re.split(r"\n+|(?<=[.;:]) ", text.replace("\\", ""))]


@cache
def of_order(text: str, plain: str) -> frozenset[Fact]:
    """Each clause that the plain text says soon after those before it, by its number.

    Alone a clause such as a severity is said in many places, and four in a row are not.
    """
    listed = [one for one in clauses(text) if one]
    return frozenset(
        ("order", length, number)
        for length in (2, 4)
        for number in range(len(listed) - length + 1)
        if _in_order(listed[number : number + length], plain)
    )


def _in_order(some: list[str], plain: str) -> bool:
    return any(_go_on(some[1:], plain, found.end()) for found in re.finditer(re.escape(some[0]), plain))


def _go_on(some: list[str], plain: str, end: int) -> bool:
    for one in some:
        at = plain.find(one, end, end + _NEAR + len(one))
        if at < 0:
            return False
        end = at + len(one)
    return True


def of_evidence(report: Any) -> Iterator[Fact]:
    """An instant of evidence is that of its words, and its bound the widest zone away from it."""
    for number, row in enumerate(report["freshness"]):
        for place, one in enumerate(row["evidence"]):
            if one["kind"] not in _CLOCKED:
                continue
            seen, said = _instant(one["observed_at"]), _INSTANT.findall(one["text"])
            yield from [("seen", number, place)] * (bool(said) and _of_words(said[0]) == seen)
            if one["hi_at"]:
                yield from [("hi", number, place)] * (_instant(one["hi_at"]) == seen + _ANYWHERE)
            if one["lo_at"] and len(said) > 1:
                before = _of_words(said[1]) - _ANYWHERE
                yield from [("lo", number, place)] * (_instant(one["lo_at"]) == before)
        due = re.findall(f"overdue from ({_INSTANT.pattern})", row["next_evidence"] or "")
        if due and row["overdue_from"]:
            yield from [("due", number)] * (_of_words(due[0]) == _instant(row["overdue_from"]))


def of_rules(report: Any) -> Iterator[Fact]:
    """The exceptions of a rule are findings, and those of the checks that decide it."""
    checks = {row["id"]: row["check"] for row in report["findings"]}
    for row in report["coverage"]["rules"]:
        decided_by = row["decided_by"].split(", ")
        yield from [("once", row["rule"])] * (len(set(row["evidence"])) == len(row["evidence"]))
        for place, one in enumerate(row["evidence"]):
            if one in checks:
                yield ("exception", row["rule"], place)
                yield from [("decided", row["rule"], place)] * (checks[one] in decided_by)


def of_reasons(report: Any) -> Iterator[Fact]:
    """What a reason counts is what is listed: days without a line, and lines that were not understood."""
    silent, logged = report["coverage"]["days_without_logs"], report["auth_failures"]["by_day"]
    days = f"{len(silent)} of {len(silent) + len(logged)} days"
    for number, row in enumerate(report["detections"]):
        yield from [("days", number)] * (days in row["reason"])
    for number, row in enumerate(report["triggers"]):
        stated = re.findall(r"20\d\d-\d\d-\d\d", row["subject"])
        yield from [("trigger", number)] * (stated == [row["at"][:10]])
    asked = [tuple(row[key] for key in _ASKED) for row in report["triggers"]]
    yield from [("asked once",)] * (len(set(asked)) == len(asked))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _of_words(text: str) -> datetime:
    return datetime.strptime(f"{text} +0000", "%d %b %Y %H:%M %z")
