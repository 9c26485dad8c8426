"""Plants one edit of a number, name, severity or date in what a report says to its reader."""

import re
from collections.abc import Callable
from random import Random

FILES = ("report.json", "report.html", "findings.csv", "exceptions.csv", "owner.md")
_SEVERITIES = ("critical", "high", "medium", "low", "info")
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_NOT_SAID = re.compile(r"(?s)<(style|script|svg|head)\b.*?</\1>|<[^>]+>")


def _more(text: str, random: Random) -> str:
    return str(int(text) + random.randint(1, 9))


def _other_name(text: str, random: Random) -> str:
    return random.choice([one for one in ("API_TOKEN", "SENTRY_DSN", "DATABASE_URL") if one != text])


def _other_severity(text: str, random: Random) -> str:
    return random.choice([one for one in _SEVERITIES if one != text])


def _other_day(text: str, random: Random) -> str:
    day = re.search(r"(?<!\d)\d\d?(?= [A-Z]|T|$)", text)
    assert day
    other = (int(day[0]) + random.randint(1, 8) - 1) % 28 + 1
    other = other if other != int(day[0]) else other % 28 + 1
    return f"{text[: day.start()]}{other:0{len(day[0])}d}{text[day.end() :]}"


KINDS: dict[str, tuple[re.Pattern[str], Callable[[str, Random], str]]] = {
    "number": (re.compile(r"(?<![\w.,:#/+-])\d{1,5}(?![\w.,:/%+-])(?! [A-Z][a-z]{2}\b)"), _more),
    "name": (re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b"), _other_name),
    "severity": (re.compile(rf"\b({'|'.join(_SEVERITIES)})\b"), _other_severity),
    "date": (re.compile(rf"\b20\d\d-\d\d-\d\d(?=T|\b)|\b\d\d? ({_MONTHS})\b"), _other_day),
}


def planted(name: str, text: str, kind: str, random: Random) -> str:
    """The text with one such edit; "" if it says nothing of the kind. Markup and scripts are left alone."""
    pattern, other = KINDS[kind]
    said = _NOT_SAID.sub(lambda found: " " * len(found[0]), text) if name.endswith(".html") else text
    places = list(pattern.finditer(said))
    if not places:
        return ""
    place = random.choice(places)
    return f"{text[: place.start()]}{other(place[0], random)}{text[place.end() :]}"
