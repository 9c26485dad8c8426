"""Searches sources for known values: in every form, in parts, and weak ones beside their name."""

import hmac
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import hyperscan
import pandas as pd

from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.leaks.private_keys import PRIVATE_KEY
from audit_lib.leaks.sources import Content, Origin, Reading, Source
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import BESIDE, MOST_HITS, PART, Hit, Matcher
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrecy.strength import looks_generated
from audit_lib.secrecy.wording import is_of_no_language

CROWDED = f"holds a value {MOST_HITS:,} times or more: not every place is listed"
_BETWEEN = (b"=", b'="', b"='", b": ", b':"', b': "', b"': '", b'": "', b'":"', b" = ", b' = "', b" = '")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
# Base64 in lines, as mails, tools and JSON have it: with breaks, quotes and marks of quotation between.
_LINES = rb"[A-Za-z0-9+/_-]{56}(\\[nr]|[\r\n\"',> ]){1,8}[A-Za-z0-9+/_-]{8}"
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{40,}(?:(?:\\[nr]|[\s>\"',])+[A-Za-z0-9+/_-]{4,}={0,2})+")
_GAP = re.compile(rb"(?:\\[nr]|[\s>\"',])+")


_NOWHERE = Origin("")


@dataclass(frozen=True, order=True)
class Found:
    """One place of a value; `line` counts from 1 and is 0 of a name, `start` in bytes from 0."""

    start: int
    end: int
    line: int
    fingerprint: str
    form: str
    matched: str  # exact | truncated
    origin: Origin = _NOWHERE
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
        everywhere = targets[targets["searched"] == "everywhere"]
        self._strong = frozenset(everywhere["fingerprint"])
        # Keys and hashes of a kind begin alike, and keys end alike in several formats.
        alike = (targets["names"] == PRIVATE_KEY) | (targets["kind"] == "hash")
        # A part of what holds words is met wherever these are.
        found = targets.loc[targets["kind"] == "pattern", "fingerprint"]
        worded = (one for one in found if one in keeper and keeper.ask(one, _holds_words))
        self._whole = frozenset(targets.loc[alike, "fingerprint"]).union(worded)
        beside = targets[targets["searched"] == "beside its name"]
        self._texts = frozenset(beside.loc[beside["kind"] == "possible", "fingerprint"])
        self._weak = {
            row.fingerprint: tuple(row.names.split(","))
            for row in rows(beside)
            if row.fingerprint not in self._texts
        }

    # Made on use: where nothing has changed since the last search, nothing is looked into.
    @cached_property
    def _matcher(self) -> Matcher:
        beside: dict[str, list[bytes]] = {text: [b""] for text in self._texts}
        for value, names in self._weak.items():
            beside.setdefault(value, []).extend(
                name.encode() + between for name in names for between in _BETWEEN
            )
        return Matcher.of(self._keeper, self._strong, self._strong - self._whole, beside=beside)

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor.of(self._keeper, self._strong)

    @cached_property
    def _in_lines(self) -> hyperscan.Database:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(expressions=[_LINES], ids=[0], elements=1, flags=hyperscan.HS_FLAG_SINGLEMATCH)
        return database

    @property
    def digest(self) -> str:
        """Names, under the key, what is searched for: another value gives another digest."""
        weak = (f"{value} {','.join(names)}" for value, names in sorted(self._weak.items()))
        parts = (*sorted(self._strong), "", *weak, "", *sorted(self._texts), "", *sorted(self._whole))
        return hmac.digest(self._keeper.key.derive("leak search"), "\n".join(parts).encode(), sha256).hex()

    def scrub(self, text: str) -> str:
        """A path, an author or a message without the values that it may itself hold."""
        return self._redactor.text(
            text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        )

    def look(self, content: bytes) -> list[Found]:
        """Each place of each value in a content, by position."""
        hits = [hit for hit in self._matcher.find(content) if hit.form != BESIDE or _ends_there(content, hit)]
        hits += self._across_lines(content, hits)
        found, line, counted = [], 1, 0
        for hit in sorted(hits):
            line += content.count(b"\n", counted, hit.start)
            counted = hit.start
            form = "plain" if hit.form in (PART, BESIDE) else hit.form
            matched = "truncated" if hit.form == PART else "exact"
            found.append(Found(hit.start, hit.end, line, hit.name, form, matched))
        return found

    def _across_lines(self, content: bytes, known: list[Hit]) -> Iterator[Hit]:
        """Values in base64 that breaks of lines cut."""
        met: list[int] = []
        self._in_lines.scan(content, match_event_handler=lambda *_: met.append(1))
        for run in _RUN.finditer(content) if met else ():
            gaps = list(_GAP.finditer(run[0]))
            origins = [0, *(gap.end() for gap in gaps)]
            starts = [0]
            for before, gap in zip(origins, gaps, strict=False):
                starts.append(starts[-1] + gap.start() - before)
            for hit in self._matcher.find(_GAP.sub(b"", run[0])):
                start, end = (
                    run.start() + origins[place] + at - starts[place]
                    for at in (hit.start, hit.end)
                    for place in [bisect_right(starts, at) - 1]
                )
                is_known = any(one.name == hit.name and one.start <= start < one.end for one in known)
                if hit.form.startswith("base64") and not is_known:
                    yield replace(hit, start=start, end=end)

    def search(self, source: Source, reading: Reading) -> list[Found]:
        """Each place of each value in a source and in what it holds, once."""
        found: list[Found] = []
        lines: dict[tuple[str, str], tuple[Content, int]] = {}
        for content in source.contents(reading):
            key = (content.origin.member, content.origin.opened)
            before = 0
            if content.start and key in lines:
                last, before = lines[key]
                before += last.data.count(b"\n", 0, content.start - last.start)
            lines[key] = content, before
            for one in self.look(content.data):
                where = _where(content, one) if source.origin.kind != "blob" else b""
                start, end = one.start + content.start, one.end + content.start
                placed = replace(one, start=start, end=end, line=one.line + before)
                found.append(replace(placed, origin=content.origin, where=where))
        if any(count >= MOST_HITS for count in Counter(one.fingerprint for one in found).values()):
            reading.left_out.append(NotSearched(source.origin.name, CROWDED))
        return list(_once(found))


def _once(found: list[Found]) -> Iterator[Found]:
    """Without what is the same place again: in the overlap of two pieces, in an archive's own bytes what
    its members hold, and in the words of a document what stands in it as it is written."""
    whole: dict[tuple[Origin, str], list[Found]] = {}
    for one in found:
        if one.matched == "exact":
            whole.setdefault((one.origin, one.fingerprint), []).append(one)
    inside = {one.fingerprint for one in found if one.origin.opened}
    written = {key for key in whole if key[0].opened not in ("", "document")}
    for one in sorted(set(found), key=lambda one: (one.origin.member, one.origin.opened, one.start)):
        if not one.origin.opened and one.fingerprint in inside:
            continue
        if one.origin.opened == "document":
            as_written = ((origin.member, value) for origin, value in written)
            if (one.origin.member, one.fingerprint) in as_written:
                continue
        exact = whole.get((one.origin, one.fingerprint), ())
        if one.matched == "exact" or not any(o.start < one.end and one.start < o.end for o in exact):
            yield one


def _holds_words(value: str) -> bool:
    """Whether a value that a rule found has words in it, or no sign of a generator."""
    letters = re.findall(r"[A-Za-z]{8,}", value)
    return not looks_generated(value) or any(not is_of_no_language(run) for run in letters)


def _ends_there(content: bytes, hit: Hit) -> bool:
    """Whether no word goes on behind a hit: the value is not the beginning of another."""
    return hit.end >= len(content) or not {content[hit.end - 1], content[hit.end]} <= _WORD


def _where(content: Content, one: Found) -> bytes:
    """The name of a tree's entry, or whether it is in a commit's or tag's message or in its header."""
    if content.origin.kind != "tree":
        header = content.data.find(b"\n\n")
        return b"message" if header < 0 or one.start > header else b"author"
    at, tree, id_length = 0, content.data, len(content.origin.oid) // 2
    while at < len(tree):
        name = tree.find(b" ", at) + 1
        end = tree.find(b"\0", name)
        if name <= one.start < end:
            return tree[name:end]
        at = end + 1 + id_length
    return b""
