"""Two passes over everything: what rules find, then where known and found values are."""

import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.cache import CleanObjects
from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.base.progress import Progress, adding_up
from audit_lib.leaks.candidates import is_kind, is_of_no_language, is_others
from audit_lib.leaks.history import History
from audit_lib.leaks.rules import ENGINE, HASH, PRIVATE_KEY, Rules, Shape, is_available, password_hashes
from audit_lib.leaks.sources import LARGEST, Content, Origin, Reading, Source, file_sources, object_sources
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import BESIDE, MOST_HITS, PART, Matcher
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrecy.value_questions import looks_generated

NO_REPOSITORY = "the project is not a git repository"
_BETWEEN = (b"=", b'="', b"='", b": ", b':"', b': "', b"': '", b'": "', b'":"', b" = ", b' = "', b" = '")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_NOWHERE = Origin("")
_OUTSIDE = ("assistant", "shell history", "chat export")
_LOST = "cannot be read: it was never fetched, or it is broken"
_IDLE = (
    "values under a password's name are placeholders, or defaults in a comment, a test, an example or a "
    "document: counted, not listed"
)


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
    """The values of LeakTargets: in every form, in parts, and weak ones beside their name. Shows and returns
    fingerprints only."""

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
        plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        return self._redactor.text(plain)

    def find(self, content: bytes, origin: Origin = _NOWHERE, line: int = 1) -> list[Found]:
        """Each place of each value in a content, by position; of a name on line 0."""
        found, breaks, counted_to = [], 0, 0
        for hit in self._matcher.find(content):
            # Beside its name a value is not the beginning of another.
            goes_on = set(content[hit.end - 1 : hit.end + 1]) <= _WORD and hit.end < len(content)
            if hit.form != BESIDE or not goes_on:
                breaks += content.count(b"\n", counted_to, hit.start)
                counted_to = hit.start
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
        again = {one for one in found if not one.origin.opened and one.fingerprint in inside}
        words = {one for one in found - again if one.origin.opened == "document"}
        return sorted(
            found - again - {one for one in words if (one.origin.member, one.fingerprint) in written}
        )


def _holds_words(value: str) -> bool:
    """Whether a value that a rule found has words in it, or no sign of a generator."""
    letters = re.findall(r"[A-Za-z]{8,}", value)
    return not looks_generated(value) or any(not is_of_no_language(run) for run in letters)


def _where(content: Content, one: Found) -> bytes:
    """The name of a tree's entry, or whether it is in a commit's or tag's message or in its header."""
    kind, data, at = content.origin.kind, content.data, 0
    if kind in ("commit", "tag"):
        return b"message" if data.find(b"\n\n") < one.start else b"author"
    while kind == "tree" and at < len(data):
        name = data.find(b" ", at) + 1
        end = data.find(b"\0", name)
        if name <= one.start < end:
            return data[name:end]
        at = end + 1 + len(content.origin.oid) // 2
    return b""


@dataclass
class Search:
    """A project's history and files and folders beside it, and how far they were searched."""

    history: History
    homes: frozenset[str]  # env files, where values belong
    own: tuple[str, ...]  # the audit's own folder, to which no rule is applied
    also: tuple[Path, ...]
    progress: Progress
    objects: Reading = field(default_factory=Reading)
    files: dict[Path, Reading] = field(default_factory=dict)  # by folder, the project's first
    patterns: Reading | None = None
    idle: int = 0  # values under a password's name that are counted and not listed

    def by_rules(self, rules: Rules, clean: CleanObjects) -> set[Shape]:
        """Everything that looks like a secret in the objects, the messages and the files.

        What people choose is looked for in the project's files alone: what only the history holds is in use
        nowhere, and a talk beside it is full of words. Without kingfisher nothing is searched.
        """
        self.patterns = reading = Reading()
        if not is_available():
            reading.faults.append(f"{ENGINE} is not installed: only known values were searched for")
            return set()
        history, objects, marked = self.history, Reading(), set[str]()
        shapes = {shape for root in (history.root, *self.also) for shape in self._shapes_in(root, rules)}
        for source in self._objects(clean, "shapes in git objects", objects, but="tree"):
            places = history.places.get(source.origin.oid, ())
            paths = tuple(dict.fromkeys(path.decode("utf-8", "replace") for _, path in places))
            for _, text in () if paths and all(map(is_others, paths)) else source.texts(reading):
                found = rules.find(text, paths)
                shapes |= found
                marked |= {source.origin.oid} if found else set()
        reading.faults += [*history.faults, *objects.faults]
        if objects.missing:
            lacking = counted(len(objects.missing), "object")
            reading.left_out.append(NotSearched(".git", f"lacks {lacking}, never fetched or broken"))
        marked |= {one.oid for one in history.objects if one.size > LARGEST and one.kind != "tree"}
        self._remember(clean, objects, marked)
        return shapes

    def _shapes_in(self, root: Path, rules: Rules) -> Iterator[Shape]:
        installed, in_project, reading = 0, root == self.history.root, self.patterns or Reading()
        for source in file_sources(root, Reading()):
            path = source.origin.path
            others = is_kind("installed", path)
            installed += others
            apart = others or (in_project and (path in self.homes or path.startswith(self.own)))
            for member, text in () if apart else source.texts(reading):
                yield from rules.find(text, (path,))
                if in_project and not member:
                    yield from (Shape(rules.keeper.take(one), "", HASH) for one in password_hashes(text))
                    chosen, idle = rules.find_chosen(text, path)
                    self.idle += idle
                    yield from chosen
        if installed:
            fault = "belong to installed packages or to git"
            reading.left_out.append(NotSearched(counted(installed, "file"), fault))

    def _objects(self, clean: CleanObjects, what: str, reading: Reading, but: str = "") -> Iterator[Source]:
        """The objects that are not known to be clean, but for a kind."""
        wanted = [one for one in self.history.objects if one.kind != but and one.oid not in clean.objects]
        read = adding_up(self.progress, what, sum(one.size for one in wanted))
        for source in object_sources(self.history.root, [one.oid for one in wanted], reading):
            yield source
            read(source.size)

    def _remember(self, clean: CleanObjects, reading: Reading, marked: set[str]) -> None:
        if not (reading.faults or reading.missing or self.history.faults):
            clean.store(one.oid for one in self.history.objects if one.oid not in marked)

    def for_values(self, values: Values, clean: CleanObjects) -> list[Found]:
        """Every place of every value, in every form. Of env files, which are their homes, only the names are
        searched."""
        history, reading, marked, names = self.history, self.objects, set[str](), set[tuple[str, ...]]()
        found = [one for root in (history.root, *self.also) for one in self._values_in(root, values)]
        for source in self._objects(clean, "git objects", reading):
            for one in values.search(source, reading):
                marked.add(source.origin.oid)
                # Every version of a folder is a tree that has a name again.
                name = (str(one.where), one.fingerprint, one.form, one.matched)
                if source.origin.kind != "tree" or (one.where and name not in names):
                    names.add(name)
                    found.append(one)
        reading.left_out += [NotSearched(f"git object {oid}", _LOST) for oid in reading.missing]
        self._remember(clean, reading, marked | {one.place.split()[-1] for one in reading.left_out})
        return found

    def _values_in(self, root: Path, values: Values) -> Iterator[Found]:
        reading, in_project, read = self.files.setdefault(root, Reading()), root == self.history.root, 0
        for source in file_sources(root, reading):
            found = values.find(source.origin.path.encode("utf-8", "surrogateescape"), source.origin, 0)
            if not in_project or source.origin.path not in self.homes:
                found += values.search(source, reading)
            for one in found:
                path = one.origin.path if in_project else _shown(root, one.origin.path)
                kind = next((kind for kind in _OUTSIDE if is_kind(kind, path)), "outside")
                place = one.origin.place if in_project else kind
                yield replace(one, origin=replace(one.origin, path=path, place=place))
            read += source.size
            self.progress("files", read, 0)

    def coverage(self, scrub: Callable[[str], str]) -> Iterator[dict[str, Any]]:
        """Rows of LeakCoverage: how much was searched, and everything that was not."""
        history, objects = self.history, self.objects
        objects.faults, objects.count = [*history.faults, *objects.faults], len(history.objects)
        objects.left_out += history.limits() if history.there else []
        if history.there:
            yield from _rows("git objects", ".git", objects, scrub)
        else:
            yield coverage_row("git objects", ".git", "not searched", 0, NO_REPOSITORY)
        for root, reading in self.files.items():
            outside = root != history.root
            for row in _rows("files outside" if outside else "files", ".", reading, scrub):
                yield row | ({"place": scrub(_shown(root, row["place"]))} if outside else {})
        if self.patterns:
            for row in _rows("patterns", ".", self.patterns, scrub):
                yield row | ({} if row["count"] else {"count": None})
        if self.idle:
            yield coverage_row("patterns", "files", "partly", self.idle, _IDLE)


def _rows(part: str, place: str, reading: Reading, scrub: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """git failing is "incomplete", whatever was found until then."""
    failed, left_out = "; ".join(dict.fromkeys(reading.faults)), sorted(set(reading.left_out))
    state = "incomplete" if failed else "partly" if left_out else "searched"
    yield coverage_row(part, place, state, reading.count or (None if failed else reading.count), failed)
    yield from (coverage_row(part, scrub(one.place), "not searched", 1, one.reason) for one in left_out)


def coverage_row(part: str, place: str, state: str, count: int | None, reason: str) -> dict[str, Any]:
    """A row of LeakCoverage."""
    return {"part": part, "place": place, "state": state, "count": count, "reason": reason}


def _shown(root: Path, path: str) -> str:
    """A path outside the project as it was given."""
    return str((root.parent if root.is_file() else root) / path)
