"""Whether a guide's periods and dates agree with each other, with the calendar and with today."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from audit_lib.project.guide.facts import Period, covers, periods
from audit_lib.project.guide.text import Guide, Line, Statement, agrees, lines_in_words

_DATED = re.compile(
    r"(?i)\b(next|last)[ _-]{1,3}(review|audit)(?:ed)?(?:[ _-]{1,3}(?:date|due))?"
    r"[ \t*_`]{0,8}[:|=][ \t*_`|]{0,8}([^\n|(]{4,40})(?:\((\d{1,4}) days?\))?"
)
_FORMS = ("%Y-%m-%d", "%B %d, %Y", "%d %B %Y", "%b %d, %Y", "%d %b %Y")


def dates_agree(guide: Guide, as_of: datetime) -> Iterator[Statement]:
    """What the guide states as periods, and as the dates of its own reviews."""
    stated = list(periods(guide))
    yield from _of_all(stated)
    yield from _of_each(guide, stated)
    dated = [(line, found) for line in guide.lines for found in [_DATED.search(line.text)] if found]
    yield _next_review(dated, as_of)
    yield from _reviews(dated, stated)


def _of_all(stated: list[Period]) -> Iterator[Statement]:
    """Whether a period for every secret is kept by those of single ones."""
    general = [one for one in stated if not one.subject]
    for one in general[:1]:
        longer = [other for other in stated if other.subject and other.low > one.high]
        reason = f"line {one.line} demands {one} of every secret; {_in_words(longer)}"
        yield agrees("periods", "the period for every secret", one.line, reason, agreed=not longer)


def _of_each(guide: Guide, stated: list[Period]) -> Iterator[Statement]:
    """Whether each variable has one period, its group's among them."""
    for name in guide.entries:
        own = [
            one for one in stated if one.subject == name or (" " in one.subject and covers(one.subject, name))
        ]
        if own:
            apart = max(one.low for one in own) > min(one.high for one in own)
            reason = "; ".join(f"line {one.line}: {one}" for one in own)
            yield agrees("periods", name, own[0].line, reason, agreed=not apart, secret=name)


def _next_review(dated: list[tuple[Line, re.Match[str]]], as_of: datetime) -> Statement:
    """Whether the next review that the guide promises is still to come; unknown if it names no date."""
    told = next(((line, found) for line, found in dated if found[1].lower() == "next"), None)
    if told is None:
        return Statement("next review", "next review", "unknown", reason="the guide names no next review")
    line, found = told
    day = _date(found[3])
    if day is None:
        return Statement("next review", "next review", "unknown", line.number, "its date is not understood")
    reason = f"the next review was promised for {day:%Y-%m-%d}"
    return agrees("next review", "next review", line.number, reason, agreed=day >= as_of)


def _reviews(dated: list[tuple[Line, re.Match[str]]], stated: list[Period]) -> Iterator[Statement]:
    """Whether the days between two reviews are those that are said, and longer than no period."""
    days = {found[1].lower(): (line, _date(found[3]), found[4]) for line, found in dated}
    (_, last, _), (line, following, said) = (
        days.get("last", (None, None, None)),
        days.get("next", (None, None, None)),
    )
    if not line or not last or not following:
        return
    between = (following - last).days
    if said:
        reason = f"from {last:%Y-%m-%d} to {following:%Y-%m-%d} are {between} days, not {said}"
        yield agrees("days between reviews", "days", line.number, reason, agreed=between == int(said))
    ended = [one for one in stated if between / 2 < one.high <= between]
    reason = f"{between} days are between two reviews; {_in_words(ended)}"
    if stated:
        yield agrees("period and review", "reviews", line.number, reason, agreed=not ended)


def _in_words(several: list[Period]) -> str:
    """`lines 3, 5: 90 days; line 8: 180 days`."""
    lines: dict[str, list[int]] = {}
    for one in several:
        lines.setdefault(str(one), []).append(one.line)
    return "; ".join(f"{lines_in_words(numbers)}: {period}" for period, numbers in lines.items())


def _date(text: str) -> datetime | None:
    for form in _FORMS:
        try:
            return datetime.strptime(text.strip(" *_`."), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
