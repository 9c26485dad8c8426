"""Where values were found: one row for each value, place, path, encoding and line, and how often."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pandas as pd

from audit_lib.leaks.contracts import Sightings
from audit_lib.leaks.history import REACHABLE, UNREACHABLE, CommitTimes, History, Place
from audit_lib.leaks.values import Found, Values
from audit_lib.logs.files import line_times
from audit_lib.logs.formats import LogFormats
from audit_lib.settings import Project

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Sighting:
    """One place where a value was seen: the columns of the Sightings contract, and in which content."""

    fingerprint: str
    matched: str
    place: str
    path: str
    line: int | None
    encoding: str
    content: str  # what was met: the same content at two commits is one occurrence
    commit: str = ""
    authored_at: datetime | None = None
    committed_at: datetime | None = None
    at_head: bool = False
    reachable: bool = False

    @property
    def age(self) -> tuple[datetime, datetime, str, int]:
        """Orders sightings from the earliest: by author time, then committer time, commit and line."""
        return (self.authored_at or _NEVER, self.committed_at or _NEVER, self.commit, self.line or 0)


def tabulate_sightings(
    found: Iterable[Found], history: History, values: Values, owners: Mapping[str, str]
) -> pd.DataFrame:
    """`Sightings` in a total order. `owners` says of a text that was searched for whose value it holds."""
    scrub = cache(values.scrub)  # many objects have the same few paths
    earliest: dict[tuple[str, ...], Sighting] = {}
    contents: dict[tuple[str, ...], set[str]] = {}
    for one in found:
        one = replace(one, fingerprint=owners.get(one.fingerprint, one.fingerprint))  # noqa: PLW2901
        for path, sighting in _sightings(one, history):
            inside = f"!{scrub(one.origin.member)}" if one.origin.member else ""
            shown = replace(sighting, path=scrub(path.decode("utf-8", "surrogateescape")) + inside)
            # In the history a line moves from commit to commit; in a file each is one to go to.
            line = "" if shown.commit else str(shown.line)
            key = (shown.fingerprint, shown.matched, shown.place, shown.path, shown.encoding, line)
            earliest[key] = _merged(earliest[key], shown) if key in earliest else shown
            contents.setdefault(key, set()).add(shown.content)
    return Sightings.of(_row(earliest[key], len(contents[key])) for key in sorted(earliest))


def _merged(one: Sighting, other: Sighting) -> Sighting:
    first = min(one, other, key=lambda sighting: sighting.age)
    at_head, reachable = one.at_head or other.at_head, one.reachable or other.reachable
    if (at_head, reachable) == (first.at_head, first.reachable):
        return first
    return replace(first, at_head=at_head, reachable=reachable)


def _row(sighting: Sighting, occurrences: int) -> dict[str, Any]:
    row = {part.name: getattr(sighting, part.name) for part in fields(sighting) if part.name != "content"}
    return row | {"occurrences": occurrences}


def _sightings(one: Found, history: History) -> Iterator[tuple[bytes, Sighting]]:
    """A value's places with their paths: of an object every commit and path, or where else it is."""
    origin = one.origin
    if origin.place != "git":
        path = origin.path.encode("utf-8", "surrogateescape")
        yield path, _sighting(one, origin.place)
    elif origin.kind == "tree":
        yield from _of_name(one, history)
    elif origin.kind == "blob":
        yield from _of_blob(one, history)
    elif origin.kind == "commit":
        where = f"commit {one.where.decode('ascii')}"
        yield b"", _in_commit(one, where, (origin.oid, b""), history)
    else:
        yield _of_ref(one, history)


def _of_blob(one: Found, history: History) -> Iterator[tuple[bytes, Sighting]]:
    """Its commits and paths; else its place in the index, under a ref, or none at all."""
    oid = one.origin.oid
    for place in history.places.get(oid, ()):
        yield place[1], _in_commit(one, history.reach.get(place[0], UNREACHABLE), place, history)
    if oid in history.places:
        return
    for path in sorted(history.index.get(oid, ())):
        yield path, _sighting(one, "staged")
    if oid not in history.index:
        yield _of_ref(one, history)


def _of_name(one: Found, history: History) -> Iterator[tuple[bytes, Sighting]]:
    """A value within a path: at each commit that put such a path into its tree."""
    places = [
        (oid, place)
        for oid, some in history.places.items()
        for place in some
        if one.where in place[1].split(b"/")
    ]
    for oid, place in places:
        named = replace(one, origin=replace(one.origin, oid=oid))
        yield place[1], replace(_in_commit(named, "path", place, history), content="name")
    if not places:
        yield one.where, _sighting(one, "path")


def _of_ref(one: Found, history: History) -> tuple[bytes, Sighting]:
    ref = history.refs.get(one.origin.oid)
    return ref or b"", replace(_sighting(one, "tag" if ref else UNREACHABLE), reachable=bool(ref))


def _in_commit(one: Found, name: str, place: Place, history: History) -> Sighting:
    commit, path = place
    times = history.times.get(commit, CommitTimes())
    return replace(
        _sighting(one, name),
        commit=commit,
        authored_at=times.authored_at,
        committed_at=times.committed_at,
        at_head=path in history.head.get(one.origin.oid, ()),
        reachable=history.reach.get(commit, UNREACHABLE) in REACHABLE,
    )


def _sighting(one: Found, place: str) -> Sighting:
    origin = one.origin
    in_file = origin.place != "git" or origin.kind == "blob"
    return Sighting(
        fingerprint=one.fingerprint,
        matched=one.matched,
        place=place,
        path="",
        line=(one.line or None) if in_file else None,
        encoding=one.encoding,
        content=f"{origin.path or origin.oid}:{origin.member}:{one.start}",
    )


def dated_lines(sightings: pd.DataFrame, project: Project, formats: LogFormats) -> pd.DataFrame:
    """`Sightings`, each in a line of a log with the time of that line."""
    in_log = sightings[sightings["place"].eq("log") & sightings["line"].notna()]
    lines: dict[str, set[int]] = {}
    for path, line in in_log[["path", "line"]].itertuples(index=False, name=None):
        lines.setdefault(path, set()).add(int(line))
    times = line_times(project, lines, formats) if lines else {}
    at = [times.get((path, int(line))) for path, line in zip(in_log["path"], in_log["line"], strict=True)]
    authored = sightings["authored_at"].copy()
    authored.loc[in_log.index] = pd.Series(at, index=in_log.index, dtype=authored.dtype)
    return Sightings.checked(sightings.assign(authored_at=authored))
