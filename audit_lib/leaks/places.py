"""Where values were found: one row for each value, place, path, encoding and line, and how often."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.leaks.contracts import Sightings
from audit_lib.leaks.history import REACHABLE, UNREACHABLE, History, Place, at_head, in_index
from audit_lib.leaks.search import Found, Values
from audit_lib.logs.formats import LogFormats
from audit_lib.logs.quote_lines import line_times
from audit_lib.settings import Project

# In the history a line moves from commit to commit; in a file each is one to go to.
_SAME = ["fingerprint", "matched", "place", "path", "encoding", "own_line"]
_BY_AGE = ["authored_at", "committed_at", "commit", "line"]


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
        self._head = at_head(history.root) if objects else {}
        self._index = in_index(history.root) if objects else {}
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
        at_head, reachable = path in self._head.get(oid, ()), reach in REACHABLE
        row = {"place": reach, "path": path, "commit": commit, "at_head": at_head, "reachable": reachable}
        return row | {"authored_at": times[0], "committed_at": times[1]}


def _holds(path: bytes, names: Collection[bytes]) -> bool:
    return any(part in names for part in path.split(b"/"))


def tabulate_sightings(
    found: Iterable[Found], where: Whereabouts | None, values: Values, owners: Mapping[str, str]
) -> pd.DataFrame:
    """`Sightings` in a total order. `owners` says of a text that was searched for whose value it holds.

    Without knowing `where` objects are, they are only named as such.
    """
    scrub = cache(values.scrub)  # many objects have the same few paths
    listed = []
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
