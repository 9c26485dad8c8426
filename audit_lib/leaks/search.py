"""Two passes over everything: what rules find, then where known and found values are."""

import hmac
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.cache import CleanObjects
from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.base.git import GitFailed
from audit_lib.base.in_words import counted
from audit_lib.base.progress import Progress, adding_up, quiet
from audit_lib.leaks import sources
from audit_lib.leaks.candidates import is_kind, is_others
from audit_lib.leaks.contracts import LeakCoverage, Sightings
from audit_lib.leaks.rules import ENGINE, HASH, Rules, Shape, is_available, password_hashes
from audit_lib.leaks.sources import (
    LARGEST,
    OUTSIDE,
    UNREACHABLE,
    Content,
    History,
    Origin,
    Place,
    Reading,
    Source,
)
from audit_lib.logs.files import line_times, outside_logs
from audit_lib.logs.formats import LogFormats
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.matcher import BESIDE, MOST_HITS, PART, Matcher
from audit_lib.secrecy.redact import Redactor
from audit_lib.settings import Project

NO_REPOSITORY = "the project is not a git repository"
_BETWEEN = (b"=", b'="', b"='", b": ", b':"', b': "', b"': '", b'": "', b'":"', b" = ", b' = "', b" = '")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_NOWHERE = Origin("")
# In the history a line moves from commit to commit; in a file each is one to go to.
_SAME = ["fingerprint", "matched", "place", "path", "encoding", "own_line"]
_BY_AGE = ["authored_at", "committed_at", "commit", "line"]
_LOGS = "is a log outside the project: its lines are counted, and values are not searched for"
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
        # Of what rules found, keys and words begin alike: only of known values parts are searched for.
        self._parts = self._strong.intersection(targets.loc[targets["kind"].eq("leak"), "fingerprint"])
        self._beside = {
            row.fingerprint: [b""]  # a text that holds the name
            if row.kind == "possible"
            else [name.encode() + between for name in row.names.split(",") for between in _BETWEEN]
            for row in rows(targets[targets["searched"].eq("beside its name")])
        }

    # Made on use: where nothing has changed since the last search, nothing is looked into.
    @cached_property
    def _matcher(self) -> Matcher:
        return Matcher.of(self._keeper, self._strong, self._parts, beside=self._beside)

    @cached_property
    def _redactor(self) -> Redactor:
        return Redactor.of(self._keeper, self._strong)

    @property
    def digest(self) -> str:
        """Names, under the key, what is searched for: another value gives another digest."""
        parts = repr((sorted(self._strong), sorted(self._parts), sorted(self._beside.items())))
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


@dataclass(frozen=True)
class LeakOptions:
    """Folders and SARIF reports of other scanners that are searched, too, whether for patterns, and a cache,
    outside the project, of objects that held nothing."""

    also: tuple[Path, ...] = ()
    reports: tuple[Path, ...] = ()
    patterns: bool = True
    cache: Path | None = None
    progress: Progress = quiet


EVERYTHING = LeakOptions()


class Search:
    """A search of a project's history and files, and of folders beside it, and how far it came."""

    def __init__(self, project: Project, key: Key, options: LeakOptions) -> None:
        self.history, self._project, self._options = History.of(project.root), project, options
        ledger, root = project.ledger_dir, project.root
        self._own = f"{ledger.relative_to(root).as_posix()}/" if ledger.is_relative_to(root) else "/"
        # The env files, where values belong.
        self._homes = {source.path for source in project.env_sources if not source.example}
        # Under a key that all know nothing is remembered.
        self._secret = key.derive("scan cache") if key.origin == "file" else b""
        self.readings: dict[Path | None, Reading] = {}  # by folder, and of git's objects
        self.patterns: Reading | None = None
        self.reports = Reading()  # of other scanners
        self.idle = 0  # values under a password's name that are counted and not listed

    def by_rules(self, rules: Rules) -> set[Shape]:
        """Everything that looks like a secret in the objects, the messages and the files; without kingfisher
        nothing. What people choose only in the project's files: what the history holds is in use nowhere."""
        self.patterns, shapes, marked, installed = Reading(), set[Shape](), set[str](), 0
        if not is_available():
            self.patterns.faults.append(f"{ENGINE} is not installed: only known values were searched for")
            return shapes
        readings: dict[Path | None, Reading] = {}
        clean = CleanObjects.of(self._options.cache, self._secret, self.history.root, rules.digest)
        for source, _ in self._sources(clean, readings, "shapes in git objects", but="tree"):
            origin, in_git = source.origin, source.origin.place == "git"
            places = self.history.places.get(origin.oid, ()) if in_git else ()
            paths = list(dict.fromkeys(os.fsdecode(path) for _, path in places)) if in_git else [origin.path]
            installed += not in_git and is_kind("installed", origin.path)
            apart = origin.path in self._homes or origin.path.startswith(self._own)
            others = bool(paths) and all(map(is_others, paths))
            for member, text in () if others or apart else source.texts(self.patterns):
                found = rules.find(text, paths)
                marked |= {origin.oid} if found else set()
                if origin.place not in ("git", *OUTSIDE) and not member:
                    found |= {Shape(rules.keeper.take(one), "", HASH) for one in password_hashes(text)}
                    chosen, idle = rules.find_chosen(text, origin.path)
                    found, self.idle = found | chosen, self.idle + idle
                shapes |= found
        if installed:
            fault = NotSearched(counted(installed, "file"), "belong to installed packages or to git")
            self.patterns.left_out.append(fault)
        self.patterns.faults += [*self.history.faults, *readings[None].faults]
        if lost := len(readings[None].missing):
            fault = NotSearched(".git", f"lacks {counted(lost, 'object')}, never fetched or broken")
            self.patterns.left_out.append(fault)
        marked |= {one.oid for one in self.history.objects if one.size > LARGEST and one.kind != "tree"}
        self._remember(clean, readings[None], marked)
        return shapes

    def _sources(
        self, clean: CleanObjects, readings: dict[Path | None, Reading], what: str, but: str = ""
    ) -> Iterator[tuple[Source, Reading]]:
        """Every file, then the objects that are not known to be clean, but for a kind; and how that goes."""
        root, read = self.history.root, 0
        for folder in (root, *self._options.also):
            reading = readings[folder] = Reading()
            for source in sources.file_sources(folder, reading, outside=folder != root):
                yield source, reading
                read += source.size
                self._options.progress("files", read, 0)
        wanted = [one for one in self.history.objects if one.kind != but and one.oid not in clean.objects]
        more = adding_up(self._options.progress, what, sum(one.size for one in wanted))
        reading = readings[None] = Reading()
        for source in sources.object_sources(root, [one.oid for one in wanted], reading):
            yield source, reading
            more(source.size)

    def _remember(self, clean: CleanObjects, reading: Reading, marked: set[str]) -> None:
        if not (reading.faults or reading.missing or self.history.faults):
            clean.store(one.oid for one in self.history.objects if one.oid not in marked)

    def for_values(self, values: Values) -> list[Found]:
        """Every place of every value, in every form; of env files only the names are searched."""
        found: list[Found] = []
        marked, names = set[str](), set[tuple[str, ...]]()
        clean = CleanObjects.of(self._options.cache, self._secret, self.history.root, values.digest)
        for source, reading in self._sources(clean, self.readings, "git objects"):
            found += values.find(os.fsencode(source.origin.path), source.origin, 0)
            for one in [] if source.origin.path in self._homes else values.search(source, reading):
                marked.add(source.origin.oid)
                # Every version of a folder is a tree that has a name again.
                name = (str(one.where), one.fingerprint, one.form, one.matched)
                if source.origin.kind != "tree" or (one.where and name not in names):
                    names.add(name)
                    found.append(one)
        objects = self.readings[None]
        objects.left_out += [NotSearched(f"git object {oid}", _LOST) for oid in objects.missing]
        self._remember(clean, objects, marked | {one.place.split()[-1] for one in objects.left_out})
        return found

    def coverage(self, values: Values, targets: pd.DataFrame) -> pd.DataFrame:
        """`LeakCoverage`: how much was searched, and everything that was not."""
        history, objects, root = self.history, self.readings[None], self.history.root
        objects.faults, objects.count = [*history.faults, *objects.faults], len(history.objects)
        objects.left_out += history.limits() if history.there else []
        self.readings[root].left_out += [NotSearched(one, _LOGS) for one in outside_logs(self._project)]
        listed = _rows("git objects", ".git", objects, values)
        if not history.there:
            listed = [("git objects", ".git", "not searched", 0, NO_REPOSITORY)]
        listed += _rows("files", ".", self.readings[root], values)
        for folder in self._options.also:
            listed += _rows("files outside", str(folder), self.readings[folder], values)
        targets = targets[targets["kind"].ne("possible")]  # what rules found, and their own row counts
        everywhere = targets["searched"].eq("everywhere")
        count = int(everywhere.sum())
        listed.append(("values", "", "searched", count, "in every form, in every place"))
        # By name: the order of fingerprints is another under another key.
        for row in rows(targets[~everywhere].sort_values(["variable", "searched", "reason"])):
            state = "partly" if row.searched == "beside its name" else row.searched
            listed.append(("values", row.variable, state, 1, row.reason))
        listed += _rows("patterns", ".", self.patterns, values) if self.patterns else []
        listed += _rows("reports", ".", self.reports, values) if self.reports.count else []
        listed += [("patterns", "files", "partly", self.idle, _IDLE)] if self.idle else []
        return LeakCoverage.checked(pd.DataFrame(listed, columns=list(LeakCoverage.columns())))


def _rows(part: str, place: str, reading: Reading, values: Values) -> list[tuple[Any, ...]]:
    """git failing is "incomplete", whatever was found until then."""
    failed, left_out = "; ".join(dict.fromkeys(reading.faults)), sorted(set(reading.left_out))
    state = "incomplete" if failed else "partly" if left_out else "searched"
    count = None if part == "patterns" or (failed and not reading.count) else reading.count
    more = [(part, values.scrub(one.place), "not searched", 1, one.reason) for one in left_out]
    return [(part, values.scrub(place), state, count, failed), *more]


# ---- Where values were found ----


class Whereabouts:
    """Where objects that hold values are: commits and paths, HEAD, index and refs. Raises `GitFailed`."""

    def __init__(self, history: History, found: Iterable[Found]) -> None:
        objects = {(one.origin.kind, one.origin.oid, one.where) for one in found if one.origin.place == "git"}
        blobs = {oid for kind, oid, _ in objects if kind == "blob"}
        names = {where for kind, _, where in objects if kind == "tree"}
        self._places: dict[str, list[Place]] = {}
        for oid, places in history.places.items() if objects else ():
            if mine := places if oid in blobs else [one for one in places if names and _holds(one[1], names)]:
                self._places[oid] = mine
        commits = {oid for kind, oid, _ in objects if kind == "commit"}
        commits |= {commit for places in self._places.values() for commit, _ in places}
        self._times, self._reach = history.times_of(commits), history.reach_of(commits)
        self._head = sources.at_head(history.root) if objects else {}
        self._index = sources.in_index(history.root) if objects else {}
        self._refs = history.refs() if objects else {}

    def rows_of(self, one: Found) -> Iterator[dict[str, Any]]:
        """An object's places with their paths: every commit and path, or where else it is."""
        oid, ref = one.origin.oid, self._refs.get(one.origin.oid, b"")
        if one.origin.kind == "commit":
            yield self._in_commit(oid, (oid, b"")) | {"place": f"commit {one.where.decode('ascii')}"}
        elif one.origin.kind == "tree":
            every = [(blob, place) for blob, places in self._places.items() for place in places]
            named = [(blob, place) for blob, place in every if _holds(place[1], {one.where})]
            yield from (self._in_commit(*at) | {"place": "path", "content": "name"} for at in named)
            yield from [] if named else [{"place": "path", "path": one.where}]
        elif oid in self._places:
            yield from (self._in_commit(oid, place) for place in self._places[oid])
        elif oid in self._index:
            yield from ({"place": "staged", "path": path} for path in sorted(self._index[oid]))
        else:
            yield {"place": "tag" if ref else UNREACHABLE, "path": ref, "reachable": bool(ref)}

    def _in_commit(self, oid: str, place: Place) -> dict[str, Any]:
        commit, path = place
        reach, times = self._reach.get(commit, UNREACHABLE), self._times.get(commit, (None, None))
        at_head, reachable = path in self._head.get(oid, ()), reach in sources.REACHABLE
        row = {"place": reach, "path": path, "commit": commit, "at_head": at_head, "reachable": reachable}
        return row | {"authored_at": times[0], "committed_at": times[1]}


def _holds(path: bytes, names: Collection[bytes]) -> bool:
    return any(part in names for part in path.split(b"/"))


def tabulate_sightings(
    found: Collection[Found], search: Search, values: Values, owners: Mapping[str, str]
) -> pd.DataFrame:
    """`Sightings` in a total order. `owners` says of a text that was searched for whose value it holds."""
    scrub, where, listed = cache(values.scrub), None, []  # many objects have the same few paths
    try:
        where = Whereabouts(search.history, found)
    except GitFailed as failed:  # then objects are only named as such
        search.readings[None].faults.append(str(failed))
    for one in found:
        origin, in_git = one.origin, one.origin.place == "git"
        row: dict[str, Any] = dict.fromkeys(Sightings.columns()) | {
            "fingerprint": owners.get(one.fingerprint, one.fingerprint), "matched": one.matched,
            "encoding": one.encoding, "place": "git object" if in_git else origin.place,
            "path": origin.path.encode("utf-8", "surrogateescape"), "commit": "", "at_head": False,
            "reachable": False, "line": (one.line or None) if origin.kind == "blob" else None,
            # The same content at two commits is one occurrence.
            "content": f"{origin.path or origin.oid}:{origin.member}:{one.start}",
        }  # fmt: skip
        for more in where.rows_of(one) if where and in_git else [{}]:
            full = row | more
            inside = f"!{scrub(origin.member)}" if origin.member else ""
            full["path"] = scrub(full["path"].decode("utf-8", "surrogateescape")) + inside
            listed.append(full | {"own_line": "" if full["commit"] else str(full["line"])})
    frame = pd.DataFrame(listed, columns=[*Sightings.columns(), "content", "own_line"])
    for name in ("authored_at", "committed_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    frame = frame.sort_values([*_SAME, *_BY_AGE])
    same = frame.groupby(_SAME)
    frame["occurrences"] = same["content"].transform("nunique")
    for name in ("at_head", "reachable"):
        frame[name] = same[name].transform("any")
    return Sightings.checked(frame.drop_duplicates(_SAME)[list(Sightings.columns())])


def dated_lines(sightings: pd.DataFrame, project: Project, formats: LogFormats) -> pd.DataFrame:
    """`Sightings`, each in a line of a log with the time of that line."""
    in_log = sightings.loc[sightings["place"].eq("log") & sightings["line"].notna(), ["path", "line"]]
    lines = {str(path): set(map(int, group["line"])) for path, group in in_log.groupby("path")}
    times = line_times(project, lines, formats) if lines else {}
    at = [times.get((row.path, row.line)) for row in rows(in_log)]
    authored = sightings["authored_at"].copy()
    authored.loc[in_log.index] = pd.Series(at, index=in_log.index, dtype=authored.dtype)
    return Sightings.checked(sightings.assign(authored_at=authored))
