"""Reads when the guide says that it is reviewed next."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from audit_lib.project.configuration.answers import Answer

_NEXT = re.compile(
    r"(?i)next[ _-]{1,3}(?:review|audit)(?:[ _-]{1,3}(?:date|due))?"
    r"[ \t*_`]{0,8}[:|=][ \t*_`|]{0,8}([^\n|(]{4,40})"
)
_FORMS = ("%Y-%m-%d", "%B %d, %Y", "%d %B %Y", "%b %d, %Y", "%d %b %Y")


def guide_answers(source: str, text: str, as_of: datetime) -> Iterator[Answer]:
    """Whether the next review that the guide promises is still to come; unknown if it names no date."""
    found = _NEXT.search(text)
    if found is None:
        yield Answer(
            "guide review", source, "next review", "unknown", reason="the guide names no next review"
        )
        return
    line = text.count("\n", 0, found.start()) + 1
    day = _date(found[1].strip(" *_`."))
    if day is None:
        yield Answer(
            "guide review", source, "next review", "unknown", line=line, reason="its date is not understood"
        )
        return
    passed = day < as_of
    reason = f"the next review was promised for {day:%Y-%m-%d}" if passed else ""
    yield Answer("guide review", source, "next review", "no" if passed else "yes", line=line, reason=reason)


def _date(text: str) -> datetime | None:
    for form in _FORMS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
