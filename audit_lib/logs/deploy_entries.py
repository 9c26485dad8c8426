"""Takes a platform's deploy list apart: Render's answer, bare deploys, JSON Lines, a form of our own."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.settings import environment_name

# Render's statuses (its API reference, "List deploys").
TOOK_EFFECT = ("live", "deactivated")
FAILED = ("build_failed", "update_failed", "pre_deploy_failed", "canceled")
RUNNING = ("created", "queued", "build_in_progress", "pre_deploy_in_progress", "update_in_progress")
_BLANK = re.compile(r"[\s,\x00]*")
_NEXT = re.compile(r"\n(?=[\[{])")  # where a list can go on after a line that is none
_NAME = re.compile(r"\w[\w.-]{0,79}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")


@dataclass(frozen=True)
class DeployEntry:
    """One deploy as its list tells of it; "" and None are not told."""

    number: int  # 1-based, within the file
    line: int
    deploy: str
    environment: str
    service: str
    status: str
    trigger: str
    commit: str
    message: str
    began_at: datetime
    ended_at: datetime | None

    @property
    def outcome(self) -> str:
        """What became of it, in the words of the contract `Deploys`."""
        for word, statuses in (("took effect", TOOK_EFFECT), ("failed", FAILED), ("in progress", RUNNING)):
            if self.status in statuses:
                return word
        return "not told"


@dataclass(frozen=True)
class DeployList:
    """What a file holds: its entries, and a fault for each thing that cannot be used."""

    entries: tuple[DeployEntry, ...]
    faults: tuple[Fault, ...]
    found: int  # all entries, those that cannot be used among them


def parse_deploys(content: bytes, place: str) -> DeployList:
    """The deploys in the bytes of a file; whatever they are, never an exception."""
    entries: list[DeployEntry] = []
    faults: list[Fault] = []
    number = 0
    for number, (line, found) in enumerate(_found(_decoded(content)), 1):
        where = f"{place}:{line}: entry #{number}"
        wrong: list[str] = []
        entry = _entry(number, line, found, wrong)
        faults += [Fault(where, text) for text in wrong]
        entries += [entry] if entry else []
    return DeployList(tuple(entries), tuple(faults), number)


def _decoded(content: bytes) -> str:
    """The text of UTF-8, or of the UTF-16 that PowerShell writes; other bytes as replacement characters."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if wide else "utf-8-sig", "replace")


class _NotJson:
    """Stands for a stretch that cannot be parsed."""


def _found(text: str) -> Iterator[tuple[int, Any]]:
    """The line and the value of each entry: of values one after another, and within lists of them."""
    decoder = json.JSONDecoder()
    breaks = [found.start() for found in re.finditer("\n", text)]
    at, inside = _after_blank(text, 0), False
    while at < len(text):
        line = bisect_right(breaks, at - 1) + 1
        if text[at] == "[" and not inside:
            at, inside = at + 1, True
        elif text[at] == "]" and inside:
            at, inside = at + 1, False
        else:
            try:
                value, at = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                value, further = _NotJson(), _NEXT.search(text, at)
                at, inside = (further.end() if further else len(text)), False
            yield line, value
        at = _after_blank(text, at)
    if inside:
        yield bisect_right(breaks, len(text) - 1) + 1, _NotJson()  # a list that was cut short


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _entry(number: int, line: int, found: Any, wrong: list[str]) -> DeployEntry | None:
    """The deploy of one entry; None, and what is wrong with it in `wrong`, where it cannot be used."""
    if not isinstance(found, dict):
        wrong.append("is not JSON" if isinstance(found, _NotJson) else "is not an object")
        return None
    inner = found.get("deploy")
    facts = inner if isinstance(inner, dict) else found
    fields = _Fields(facts, wrong)
    began, ended = _instants(fields)
    commit, message = _commit(fields)
    entry = {
        "deploy": fields.word("id") or f"#{number}",
        "environment": _environment(fields),
        "service": fields.word("service"),
        "status": fields.word("status"),
        "trigger": _trigger(fields),
    }
    if wrong or began is None:
        return None
    return DeployEntry(number, line, commit=commit, message=message, began_at=began, ended_at=ended, **entry)


@dataclass(frozen=True)
class _Fields:
    """The fields of one entry; each that cannot be used is noted, and its content never quoted."""

    facts: dict[str, Any]
    wrong: list[str]

    def text(self, name: str) -> str:
        """A text; "" where it is not there or null."""
        value = self.facts.get(name)
        if value is not None and not isinstance(value, str):
            self.wrong.append(f"{name} is not a text")
        return value.strip() if isinstance(value, str) else ""

    def word(self, name: str) -> str:
        """A text that is a name, such as an id or a status."""
        text = self.text(name)
        if text and not _NAME.fullmatch(text):
            self.wrong.append(f"{name} is not made of letters, digits, dots, hyphens and underscores")
        return text

    def instant(self, name: str) -> datetime | None:
        """An instant; None where it is not there."""
        text = self.text(name)
        try:
            return parse_instant(text, name) if text else None
        except BadInput as error:
            self.wrong.append(f"{name} {error.faults[0].text}")
            return None


def _instants(fields: _Fields) -> tuple[datetime | None, datetime | None]:
    """When it began, and when it ended; of our own form one instant, or a day."""
    before = len(fields.wrong)
    at, created, started, ended = map(fields.instant, ("at", "createdAt", "startedAt", "finishedAt"))
    if at is not None:
        day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", fields.text("at"))
        return (at - timedelta(days=1, seconds=-1) if day else at), at
    began = started or created
    if len(fields.wrong) > before:
        return None, None
    if began is None:
        fields.wrong.append("has no time: neither createdAt nor at")
    elif ended is not None and ended < began:
        fields.wrong.append("finishedAt is before it began")
    return began, ended


def _commit(fields: _Fields) -> tuple[str, str]:
    """The commit's name and message; the commit is an object, or the name alone."""
    given = fields.facts.get("commit")
    inner = _Fields(given, fields.wrong) if isinstance(given, dict) else None
    name = inner.text("id") if inner else fields.text("commit")
    if name and not _COMMIT.fullmatch(name):
        fields.wrong.append("commit is not named by 7 to 64 hexadecimal digits")
    return name.lower(), inner.text("message") if inner else ""


def _environment(fields: _Fields) -> str:
    text = fields.text("environment")
    name = environment_name(text)
    if text and not name:
        fields.wrong.append("environment must be one of development, staging, production (or dev, prod)")
    return name


def _trigger(fields: _Fields) -> str:
    """What set it off: a word, or the names that an object says yes to."""
    given = fields.facts.get("trigger")
    if isinstance(given, dict):
        return ", ".join(sorted(name for name, yes in given.items() if yes is True and _NAME.fullmatch(name)))
    return fields.word("trigger")
