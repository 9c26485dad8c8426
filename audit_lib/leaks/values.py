"""Searches sources for known values: in every form, in parts, and weak ones beside their name."""

import hmac
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import pandas as pd

from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.leaks.candidates import is_of_no_language
from audit_lib.leaks.rules import PRIVATE_KEY
from audit_lib.leaks.sources import Content, Origin, Reading, Source
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import BESIDE, MOST_HITS, PART, Matcher
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrecy.value_questions import looks_generated

_BETWEEN = (b"=", b'="', b"='", b": ", b':"', b': "', b"': '", b'": "', b'":"', b" = ", b' = "', b" = '")
_NOWHERE = Origin("")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, order=True)
class Found:
    """One place of a value; `line` counts from 1 and is 0 of a name, `start` in bytes from 0."""

    origin: Origin
    start: int
    line: int
    fingerprint: str
    form: str
    matched: str  # exact | truncated
    where: bytes = b""  # of a tree the entry's name; of a commit or tag message or author

    @property
    def encoding(self) -> str:
        """Its form, and what was opened to read it."""
        through = f" in {self.origin.opened}" if self.origin.opened else ""
        return f"{self.form}{through}" if self.line else f"{self.form} in its name"


class Values:
    """The values of LeakTargets, ready to be searched for. Shows and returns fingerprints only."""

    def __init__(self, keeper: Keeper, targets: pd.DataFrame) -> None:
        self._keeper = keeper
        self._strong = frozenset(targets.loc[targets["searched"].eq("everywhere"), "fingerprint"])
        # Keys and hashes of a kind begin alike, and a part of what holds words occurs wherever these do.
        alike = targets["names"].eq(PRIVATE_KEY) | targets["kind"].eq("hash")
        found = targets.loc[targets["kind"].eq("pattern"), "fingerprint"]
        worded = {value for value in found if value in keeper and keeper.ask(value, _holds_words)}
        self._whole = worded.union(targets.loc[alike, "fingerprint"])
        self._beside = {
            row.fingerprint: [b""]  # a text that holds the name
            if row.kind == "possible"
            else [name.encode() + between for name in row.names.split(",") for between in _BETWEEN]
            for row in rows(targets[targets["searched"].eq("beside its name")])
        }

    # Made on use: where nothing has changed since the last search, nothing is looked into.
    @cached_property
    def _matcher(self) -> Matcher:
        return Matcher.of(self._keeper, self._strong, self._strong - self._whole, beside=self._beside)

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor.of(self._keeper, self._strong)

    @property
    def digest(self) -> str:
        """Names, under the key, what is searched for: another value gives another digest."""
        parts = repr((sorted(self._strong), sorted(self._whole), sorted(self._beside.items())))
        return hmac.digest(self._keeper.key.derive("leak search"), parts.encode(), sha256).hex()

    def scrub(self, text: str) -> str:
        """A path, an author or a message without the values that it may itself hold."""
        return self._redactor.text(
            text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        )

    def find(self, content: bytes, origin: Origin = _NOWHERE, line: int = 1) -> list[Found]:
        """Each place of each value in a content, by position; of a name on line 0."""
        found, breaks, counted = [], 0, 0
        for hit in self._matcher.find(content):
            # Beside its name a value is not the beginning of another.
            goes_on = set(content[hit.end - 1 : hit.end + 1]) <= _WORD and hit.end < len(content)
            if hit.form != BESIDE or not goes_on:
                breaks += content.count(b"\n", counted, hit.start)
                counted = hit.start
                form = "plain" if hit.form in (PART, BESIDE) else hit.form
                matched = "truncated" if hit.form == PART else "exact"
                found.append(Found(origin, hit.start, line and line + breaks, hit.name, form, matched))
        return found

    def search(self, source: Source, reading: Reading) -> list[Found]:
        """Each place of each value in a source and in what it holds, once."""
        found: set[Found] = set()
        before: dict[Origin, tuple[Content, int]] = {}  # the last piece, and the line breaks before it
        for content in source.contents(reading):
            last, breaks = before.get(content.origin, (content, 0))
            breaks += last.data.count(b"\n", 0, content.start - last.start)
            before[content.origin] = content, breaks
            here = self.find(content.data, content.origin)
            for one in here:
                start, line = one.start + content.start, one.line + breaks
                found.add(replace(one, start=start, line=line, where=_where(content, one)))
            if MOST_HITS in Counter((one.fingerprint, one.form) for one in here).values():
                fault = f"holds a value {MOST_HITS:,} times or more: not every place is listed"
                reading.left_out.append(NotSearched(source.origin.name, fault))
        # The same place again: in an archive's own bytes what its members hold, and in the words of a
        # document what stands in it as it is written.
        inside = {one.fingerprint for one in found if one.origin.opened}
        written = {(one.origin.member, one.fingerprint) for one in found if one.origin.opened != "document"}
        return [
            one
            for one in sorted(found)
            if not (one.fingerprint in inside and not one.origin.opened)
            and not (one.origin.opened == "document" and (one.origin.member, one.fingerprint) in written)
        ]


def _holds_words(value: str) -> bool:
    """Whether a value that a rule found has words in it, or no sign of a generator."""
    letters = re.findall(r"[A-Za-z]{8,}", value)
    return not looks_generated(value) or any(not is_of_no_language(run) for run in letters)


def _where(content: Content, one: Found) -> bytes:
    """The name of a tree's entry, or whether it is in a commit's or tag's message or in its header."""
    kind, data, at = content.origin.kind, content.data, 0
    if kind in ("commit", "tag"):
        return b"message" if 0 <= data.find(b"\n\n") < one.start else b"author"
    while kind == "tree" and at < len(data):
        name = data.find(b" ", at) + 1
        end = data.find(b"\0", name)
        if name <= one.start < end:
            return data[name:end]
        at = end + 1 + len(content.origin.oid) // 2
    return b""
