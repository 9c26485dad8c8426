"""Two passes over everything: what rules find, then where known and found values are."""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.archives import Budget
from audit_lib.base.cache import Cache
from audit_lib.base.errors import Fault
from audit_lib.base.frames import Contract, Field, Series, rows
from audit_lib.base.git import GitFailed, run_git
from audit_lib.base.in_words import Progress, counted, quiet
from audit_lib.leaks import sources
from audit_lib.leaks.candidates import is_drawn, is_kind, is_others, reads_as_words
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.sources import OUTSIDE, UNREACHABLE, Content, History, Origin, Reading, Source
from audit_lib.logs.files import line_times, outside_logs
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import BESIDE, MOST_HITS, PART, Matcher, Redactor
from audit_lib.settings import Policy, Project

_BETWEEN = (b"=", b'="', b"='", b": ", b':"', b': "', b"': '", b'": "', b'":"', b" = ", b' = "', b" = '")
_GOES_ON = re.compile(rb"[\w-]{2}")  # beside its name a value is not the beginning of another
_SIGNATURE = re.compile(rb"\ngpgsig[^ ]* [^\n]*(?:\n [^\n]*)*")  # of a commit, which is as random as a secret
_TIMES = ["authored_at", "committed_at"]
_SAME = ["fingerprint", "matched", "place", "path", "encoding", "own_line"]
_SIGHTED = [*_SAME[:-1], "line", "commit", *_TIMES, "at_head", "reachable", "occurrences"]
_THREADS, _AT_ONCE = 2, 3_000  # that search, others would wait for Python; objects, since git starts anew
_Look = Callable[[Source, Reading], Collection[Any]]  # what a source holds
_SEARCHES = 40  # whose clean objects are kept


class LeakCoverage(Contract):
    """One row for each part of the search: how much was searched, and everything that was not."""

    part: Series[str]  # git objects | files | files outside | values | patterns | reports
    place: Series[str]
    state: Series[str] = Field(isin=("searched", "partly", "not searched", "incomplete"))
    count: Series[pd.Int64Dtype] = Field(nullable=True)
    reason: Series[str]


class Found(NamedTuple):
    """One place of a value; `line` counts from 1 and is 0 of a name, `start` in bytes from 0."""

    origin: Origin
    start: int
    line: int
    fingerprint: str
    encoding: str
    matched: str  # exact | truncated
    place: str  # the origin's, and of a commit its message or author


class Values:
    """The values of LeakTargets: in every form, in parts, and weak ones beside their name."""

    def __init__(self, keeper: Keeper, targets: pd.DataFrame) -> None:
        strong = set(targets.loc[targets["reason"].eq(""), "fingerprint"])
        self.known = frozenset(targets.loc[targets["kind"].eq("leak"), "fingerprint"])  # others begin alike
        parts = {one for one in strong & self.known if not keeper.ask(one, reads_as_words)}  # names in code
        self._documents = {one for one in parts if keeper.ask(one, partial(is_kind, "structured"))}
        beside = {
            row.fingerprint: [b""]  # a text that holds the name
            if row.kind == "possible"
            else [name.encode() + between for name in row.names.split(",") for between in _BETWEEN]
            for row in rows(targets[targets["reason"].ne("")])
        }
        self._matcher = Matcher.of(keeper, strong, parts, beside=beside)
        self._redactor = Redactor.of(keeper, strong)
        self.digest = repr((sorted(strong), sorted(parts), sorted(beside.items())))  # of what is searched for

    def scrub(self, text: str) -> str:
        """A path, an author or a message without the values that it may itself hold."""
        return self._redactor.text(os.fsencode(text).decode("utf-8", "backslashreplace"))

    def find(self, content: Content, line: int = 1) -> list[Found]:
        """Each place of each value in a content that begins on a line; on line 0 of a name."""
        origin, data, found, at = content.origin, content.data, list[Found](), 0
        inside = " in its name" if not line else f" in {origin.opened}" if origin.opened else ""
        for hit in self._matcher.find(data):
            if (hit.form == BESIDE and _GOES_ON.match(data, hit.end - 1)) or (
                hit.form == PART and hit.name in self._documents and not is_drawn(data[hit.start : hit.end])
            ):
                continue
            line, at = line and line + data.count(b"\n", at, hit.start), hit.start
            form = "plain" if hit.form in (PART, BESIDE) else hit.form
            matched, place = "truncated" if hit.form == PART else "exact", origin.place
            if origin.kind == "commit":  # a blank line ends its headers
                place = "commit message" if data.find(b"\n\n") < at else "commit author"
            found.append(Found(origin, content.start + at, line, hit.name, form + inside, matched, place))
        return found

    def find_in_path(self, origin: Origin) -> list[Found]:
        """Each place of each value in the path of an origin."""
        return self.find(Content(origin, os.fsencode(origin.path)), line=0)

    def search(self, source: Source, reading: Reading) -> list[Found]:
        """Each place of each value in a source and in what it holds; the reading notes `MOST_HITS` in one."""
        found, line, last = set[Found](), 1, Content(source.origin, b"")
        for content in source.contents(reading):
            line = line + last.data.count(b"\n", 0, content.start - last.start) if content.start else 1
            last, places = content, self.find(content, line)
            found.update(places)
            times = Counter((one.fingerprint, one.encoding) for one in places) if places else {}
            if max(times.values(), default=0) >= MOST_HITS:
                why = f"has a value {MOST_HITS:,} times or more: not all places are listed"
                reading.left_out.append(Fault(source.origin.name, why))
        packed = {one.fingerprint for one in found if one.origin.opened}
        return sorted(one for one in found if one.origin.opened or one.fingerprint not in packed)


@dataclass(frozen=True)
class LeakOptions:
    """What is searched beside the project, and by what; the cache is of objects that held nothing."""

    also: tuple[Path, ...] = ()
    reports: tuple[Path, ...] = ()
    patterns: bool = True
    cache: Path | None = None
    progress: Progress = quiet


class Search:
    """A search of a project's history and files, and of folders beside it, and how far it came."""

    def __init__(self, project: Project, key: Key, options: LeakOptions) -> None:
        self.project, self.history, self._options = project, History.of(project.root), options
        self.homes = {source.path for source in project.env_sources if not source.example}  # of values
        kept = options.cache if key.origin == "file" else None  # of a key that all know nothing is believed
        self._clean = Cache(kept, key.derive("scan cache"), "clean", _SEARCHES) if kept else None
        self.patterns, self.reports = Reading("patterns"), Reading("reports")  # of other scanners
        self.idle, self._installed, self._folders = 0, 0, dict[Path, Reading]()  # values and files not listed
        self._own = f"{os.path.relpath(project.ledger_dir, self.history.root)}/"

    def by_rules(self, rules: Rules) -> set[Shape]:
        """Everything that looks like a secret; of chosen passwords those of files, not of history."""
        self.patterns = reading = Reading("patterns", count=1)
        shapes = set(self._search(rules.digest, partial(self._shapes_in, rules), reading))
        if self._installed:
            reading.left_out.append(Fault(counted(self._installed, "file"), "belong to packages or to git"))
        reading.faults += [*self.history.faults, *self.objects.faults]
        return shapes

    def _shapes_in(self, rules: Rules, source: Source, reading: Reading) -> set[Shape]:
        origin, found = source.origin, set[Shape]()
        paths = {path for _, path in self.history.places.get(origin.oid, ())} or {origin.path} - {""}
        apart = origin.path in self.homes or origin.path.startswith(self._own) or is_others(*paths)
        for member, text in () if apart else source.texts(reading):
            found |= rules.find(_SIGNATURE.sub(b"", text) if origin.kind == "commit" else text, paths)
            if origin.place not in ("git", *OUTSIDE) and not member:
                chosen, idle = rules.find_chosen(text, origin.path)
                found, self.idle = found | chosen, self.idle + idle
        self._installed += not origin.oid and is_kind("installed", origin.path)
        return found

    def for_values(self, values: Values) -> list[Found]:
        """Every place of every value, in every form; of env files only the names are searched."""
        found = list(self._search(values.digest, partial(self._places_in, values)))
        if any(one.origin.kind == "tree" for one in found):  # once a version: the commits' paths say where
            paths = {path for places in self.history.places.values() for _, path in places}
            named = [one for path in paths for one in values.find_in_path(Origin("git", path))]
            told = {one.fingerprint for one in named}
            found = [one for one in found if one.origin.kind != "tree" or one.fingerprint not in told] + named
        why = "cannot be read: it was never fetched, or it is broken"
        self.objects.left_out += [Fault(f"git object {oid}", why) for oid in self.objects.missing]
        return found

    def _places_in(self, values: Values, source: Source, reading: Reading) -> list[Found]:
        named = values.find_in_path(source.origin) if source.origin.path else []
        return named if source.origin.path in self.homes else [*values.search(source, reading), *named]

    def _search(self, digest: str, look: _Look, patterns: Reading | None = None) -> Iterator[Any]:
        """What a look finds in every file, then in each object that is not known to hold nothing."""
        root, kinds, self.objects = self.history.root, self.history.objects, Reading("git objects", ".git")
        for folder in (root, *self._options.also):
            reading = Reading("files") if folder == root else Reading("files outside", str(folder))
            self._folders[folder] = reading
            for source in sources.file_sources(folder, reading, outside=folder != root):
                yield from look(source, patterns or reading)
                self._options.progress("files", reading.count, 0)
        name = self._clean.name(str(root.resolve()), digest) if self._clean else ""
        clean = frozenset(json.loads((self._clean and self._clean.recall(name)) or b"[]"))
        oids = [oid for oid in kinds if oid not in clean and not (patterns and kinds[oid] == "tree")]
        pieces, left = [oids[at : at + _AT_ONCE] for at in range(0, len(oids), _AT_ONCE)], list[str]()
        with ThreadPoolExecutor(_THREADS) as pool:
            for done, marked in enumerate(pool.map(partial(_marked_in, root, look), pieces), 1):
                left += marked
                self._options.progress("shapes in " * bool(patterns) + "git objects", done, len(pieces))
        for source in sources.object_sources(root, left, self.objects):
            yield from look(source, patterns or self.objects)
        if self._clean and not (self.objects.faults or self.objects.missing or self.history.faults):
            self._clean.keep(name, json.dumps(sorted(kinds.keys() - left)).encode("ascii"))

    def coverage(self, values: Values, targets: pd.DataFrame) -> pd.DataFrame:
        """`LeakCoverage`: how much was searched, and everything that was not; weak LeakTargets one by one."""
        history, objects, parts = self.history, self.objects, list(self._folders.values())
        if history.there:
            parts.insert(0, objects)
            objects.faults, objects.count = [*history.faults, *objects.faults], len(history.objects)
            objects.left_out += history.limits()
        why = "is a log outside the project: its lines are counted, and values are not searched for"
        self._folders[history.root].left_out += [Fault(one, why) for one in outside_logs(self.project)]
        targets = targets[targets["kind"].ne("possible")]  # what rules found, and their own row counts
        none = "the project is not a git repository"
        idle = "placeholders, unused defaults and what is declared an identifier: counted, not listed"
        weak = targets[targets["reason"].ne("")].sort_values(["variable", "reason"])
        listed = [
            *([] if history.there else [("git objects", ".git", "not searched", 0, none)]),
            *(row for one in parts for row in _rows(one, values)),
            ("values", "", "searched", len(targets) - len(weak), "in every form, in every place"),
            *(("values", row.variable, "partly", 1, row.reason) for row in rows(weak)),
            *(row for one in (self.patterns, self.reports) if one.count for row in _rows(one, values)),
            *([("patterns", "files", "partly", self.idle, idle)] if self.idle else []),
        ]
        return LeakCoverage.checked(pd.DataFrame(listed, columns=list(LeakCoverage.columns)))


def _marked_in(root: Path, look: _Look, oids: list[str]) -> list[str]:
    """Those in which a look finds or notes anything or unpacks too much, to be looked at in order; or all."""
    reading, marked = Reading(budget=Budget(0)), set[str]()
    for source in sources.object_sources(root, oids, reading):
        if look(source, reading) or reading.left_out or reading.budget.left:
            marked.add(source.origin.oid)
            reading.left_out, reading.budget.left = [], 0
    marked.update(oids if reading.faults else reading.missing)
    return [oid for oid in oids if oid in marked]


def _rows(one: Reading, values: Values) -> list[tuple[Any, ...]]:
    failed, left_out = "; ".join(dict.fromkeys(one.faults)), sorted(set(one.left_out))
    state = "incomplete" if failed else "partly" if left_out else "searched"
    count = None if one.part == "patterns" or (failed and not one.count) else one.count
    return [
        (one.part, values.scrub(one.place), state, count, failed),
        *((one.part, values.scrub(part.place), "not searched", 1, part.text) for part in left_out),
    ]


def locate(history: History, found: Collection[Found]) -> Iterator[tuple[Found, dict[str, Any]]]:
    """What was found in git, with columns of LeakPlaces that say where. Raises `GitFailed` if git cannot."""
    wanted = {one.origin.oid or f"/{one.origin.path}" for one in found}
    held: dict[str, list[tuple[str, str, str]]] = defaultdict(list)  # by blob, or by path
    for oid, put in history.places.items():
        for commit, path in put:
            for key in wanted.intersection((oid, f"/{path}")):
                held[key].append((oid, commit, path))
    commits = {commit for places in held.values() for _, commit, _ in places}
    facts = history.facts_of(commits | {one.origin.oid for one in found if one.origin.kind == "commit"})
    head, index = sources.at_head(history.root), sources.in_index(history.root)
    listed = run_git(history.root, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(*objectname)")
    fields = (os.fsdecode(line).split("\0") for line in listed.splitlines())
    refs = {oid: name for name, *oids in fields for oid in oids}
    for one in found:
        oid, kind = one.origin.oid, one.origin.kind
        places = held.get(oid or f"/{one.origin.path}", [])
        for blob, commit, path in places:
            row = {"path": path, "commit": commit, "at_head": path in head.get(blob, ())}
            yield one, row | facts.get(commit, {"place": UNREACHABLE}) | ({} if oid else {"place": "path"})
        if kind == "commit":
            yield one, {"commit": oid} | facts.get(oid, {}) | {"place": one.place}
        elif kind == "tree":
            yield one, {"place": "path"}
        elif oid in index and not places:
            yield from ((one, {"place": "staged", "path": path}) for path in sorted(index[oid]))
        elif oid and not places:
            ref = refs.get(oid, "")
            yield one, {"place": "tag" if ref else UNREACHABLE, "path": ref, "reachable": bool(ref)}


def tabulate_sightings(
    found: Collection[Found], search: Search, values: Values, owners: Mapping[str, str], policy: Policy
) -> pd.DataFrame:
    """One row for each value, place, path and encoding, in a total order: where it was first, how often.
    The columns of LeakPlaces without its id, and fingerprint, matched (exact | truncated), authored_at (of a
    line in a log that of its record, by the policy's formats), committed_at, at_head, reachable (by any ref;
    a file on disk is not) and occurrences. `owners` says of a text that was searched for whose value it
    holds."""
    in_git = [one for one in found if one.origin.place == "git"]
    try:
        located = list(locate(search.history, in_git)) if in_git else []
    except GitFailed as failed:  # then objects are only named as such
        search.objects.faults.append(str(failed))
        located = [(one, {"place": "git object"}) for one in in_git]
    located += [(one, {"place": one.place}) for one in found if one.origin.place != "git"]
    logged = [one for one in found if one.place == "log" and one.line and not one.origin.member]
    times: dict[tuple[str, int], int | None] = {}
    if logged:  # few searches find anything in a log, and formats take a while
        from audit_lib.logins.parameters import formats_of  # noqa: PLC0415

        lines = {(one.origin.path, one.line) for one in logged}
        times = line_times(search.project, lines, formats_of(search.project, policy))
    scrub, listed = cache(values.scrub), []  # many objects have the same few paths
    for one, where in located:
        origin, inside = one.origin, f"!{scrub(one.origin.member)}" if one.origin.member else ""
        line = (one.line or None) if origin.kind == "blob" else None
        row = dict.fromkeys(_SIGHTED) | {"commit": "", "at_head": False, "reachable": False} | where
        listed.append(row | {
            "fingerprint": owners.get(one.fingerprint, one.fingerprint), "matched": one.matched,
            "encoding": one.encoding, "path": scrub(where.get("path", origin.path)) + inside, "line": line,
            "logged_at": None if origin.member else times.get((origin.path, one.line)),
            "own_line": "" if row["commit"] else str(line),  # in the history it moves from commit to commit
            "content": f"{origin.path or origin.oid}:{origin.member}:{one.start}",  # at two commits it is one
        })  # fmt: skip
    frame = pd.DataFrame(listed, columns=[*_SIGHTED, "own_line", "content", "logged_at"])
    frame = frame.astype({"line": "Int64", "at_head": bool, "reachable": bool})
    for name in _TIMES:
        frame[name] = pd.to_datetime(pd.to_numeric(frame[name]), unit="s", utc=True, errors="coerce")
    by_line = pd.to_datetime(pd.to_numeric(frame["logged_at"]), unit="us", utc=True)
    frame["authored_at"] = frame["authored_at"].fillna(by_line)
    frame = frame.sort_values([*_SAME, *_TIMES, "commit", "line"], ignore_index=True)
    same = frame.groupby(_SAME)
    frame["occurrences"] = same["content"].transform("nunique")
    frame[["at_head", "reachable"]] = same[["at_head", "reachable"]].transform("any")
    return frame.drop_duplicates(_SAME)[_SIGHTED]
