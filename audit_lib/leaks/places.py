"""Where values were found: one row for each value, place, path, encoding and line, and how often."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from audit_lib.leaks.contracts import Sightings
from audit_lib.leaks.history import REACHABLE, UNREACHABLE, CommitTimes, Place, Repository, at_head, in_index
from audit_lib.leaks.values import Found, Values
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.quote_lines import line_times
from audit_lib.settings import Project

# In the history a line moves from commit to commit; in a file each is one to go to.
_SAME = ["fingerprint", "matched", "place", "path", "encoding", "own_line"]
_BY_AGE = ["authored_at", "committed_at", "commit", "line"]


@dataclass(frozen=True)
class History:
    """What says where an object is: by blob its places, by commit times and reach, HEAD, index and refs."""

    places: Mapping[str, list[Place]] = field(default_factory=dict)
    times: Mapping[str, CommitTimes] = field(default_factory=dict)
    reach: Mapping[str, str] = field(default_factory=dict)
    head: Mapping[str, Collection[bytes]] = field(default_factory=dict)
    index: Mapping[str, Collection[bytes]] = field(default_factory=dict)
    refs: Mapping[str, bytes] = field(default_factory=dict)


def read_history(repository: Repository, found: Iterable[Found]) -> History:
    """What is known of the objects in which values were found. Raises `GitFailed`."""
    objects = {(one.origin.kind, one.origin.oid, one.where) for one in found if one.origin.place == "git"}
    if not objects:
        return History()
    blobs = {oid for kind, oid, _ in objects if kind == "blob"}
    names = {where for kind, _, where in objects if kind == "tree"}
    places = {
        oid: mine
        for oid, some in repository.places.items()
        if (mine := some if oid in blobs else [place for place in some if names and has_part(place[1], names)])
    }
    commits = {oid for kind, oid, _ in objects if kind == "commit"}
    commits |= {commit for some in places.values() for commit, _ in some}
    times, reach = repository.times_of(commits), repository.reach_of(commits)
    root = repository.root
    return History(places, times, reach, at_head(root), in_index(root), repository.refs)


def has_part(path: bytes, names: Collection[bytes]) -> bool:
    """Whether a folder or file on a path has one of the names."""
    return any(part in names for part in path.split(b"/"))


def tabulate_sightings(
    found: Iterable[Found], history: History, values: Values, owners: Mapping[str, str]
) -> pd.DataFrame:
    """`Sightings` in a total order. `owners` says of a text that was searched for whose value it holds."""
    scrub = cache(values.scrub)  # many objects have the same few paths
    rows = []
    for one in found:
        inside = f"!{scrub(one.origin.member)}" if one.origin.member else ""
        for row in _rows(one, history):
            path = scrub(row["path"].decode("utf-8", "surrogateescape")) + inside
            own_line = "" if row["commit"] else str(row["line"])
            fingerprint = owners.get(one.fingerprint, one.fingerprint)
            rows.append(row | {"fingerprint": fingerprint, "path": path, "own_line": own_line})
    if not rows:
        return Sightings.of([])
    frame = pd.DataFrame(rows)
    for name in ("authored_at", "committed_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    frame = frame.sort_values([*_SAME, *_BY_AGE])
    places = frame.groupby(_SAME)
    for name in ("at_head", "reachable"):
        frame[name] = places[name].transform("any")
    frame["occurrences"] = places["content"].transform("nunique")
    return Sightings.checked(frame.drop_duplicates(_SAME)[list(Sightings.columns())])


def _rows(one: Found, history: History) -> Iterator[dict[str, Any]]:
    """A value's places with their paths: of an object every commit and path, or where else it is."""
    origin, oid = one.origin, one.origin.oid
    row = {
        "matched": one.matched, "encoding": one.encoding, "path": b"", "commit": "", "authored_at": None,
        "committed_at": None, "at_head": False, "reachable": False,
        "line": (one.line or None) if origin.place != "git" or origin.kind == "blob" else None,
        # The same content at two commits is one occurrence.
        "content": f"{origin.path or oid}:{origin.member}:{one.start}",
    }  # fmt: skip
    ref = history.refs.get(oid)
    if origin.place != "git":
        yield row | {"place": origin.place, "path": origin.path.encode("utf-8", "surrogateescape")}
    elif origin.kind == "commit":
        place = f"commit {one.where.decode('ascii')}"
        yield row | {"place": place} | _in_commit(oid, (oid, b""), history)
    elif origin.kind == "tree":
        named = [(blob, place) for blob, some in history.places.items() for place in some]
        named = [(blob, place) for blob, place in named if one.where in place[1].split(b"/")]
        for blob, place in named:
            yield row | _in_commit(blob, place, history) | {"place": "path", "content": "name"}
        if not named:
            yield row | {"place": "path", "path": one.where}
    elif oid in history.places:
        for place in history.places[oid]:
            reach = history.reach.get(place[0], UNREACHABLE)
            yield row | _in_commit(oid, place, history) | {"place": reach}
    elif oid in history.index:
        for path in sorted(history.index[oid]):
            yield row | {"place": "staged", "path": path}
    else:
        yield row | {"place": "tag" if ref else UNREACHABLE, "path": ref or b"", "reachable": bool(ref)}


def _in_commit(oid: str, place: Place, history: History) -> dict[str, Any]:
    commit, path = place
    return {
        "path": path,
        "commit": commit,
        "at_head": path in history.head.get(oid, ()),
        "reachable": history.reach.get(commit, UNREACHABLE) in REACHABLE,
    } | history.times.get(commit, CommitTimes())._asdict()


def dated_lines(sightings: pd.DataFrame, project: Project, formats: LogFormats) -> pd.DataFrame:
    """`Sightings`, each in a line of a log with the time of that line."""
    in_log = sightings.loc[sightings["place"].eq("log") & sightings["line"].notna(), ["path", "line"]]
    lines = {str(path): set(map(int, group["line"])) for path, group in in_log.groupby("path")}
    times = line_times(project, lines, formats) if lines else {}
    at = {row.Index: times.get((row.path, int(row.line))) for row in in_log.itertuples()}
    authored = sightings["authored_at"].copy()
    authored.loc[in_log.index] = pd.Series(at, dtype=authored.dtype)
    return Sightings.checked(sightings.assign(authored_at=authored))
