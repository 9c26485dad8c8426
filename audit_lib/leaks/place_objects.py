"""Turns values found in git objects into sightings: which commit, which path, still reachable."""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from audit_lib.base.git import GitFailed
from audit_lib.leaks.exact_search import ExactSearch
from audit_lib.leaks.git_history import (
    REACHABLE,
    UNREACHABLE,
    CommitTimes,
    Introduction,
    Refs,
    at_head,
    cloned,
    commit_times,
    in_index,
    introductions,
    reach,
    read_refs,
)
from audit_lib.leaks.history_walk import HistoryWalk
from audit_lib.leaks.scan_cache import Memory
from audit_lib.leaks.search_objects import InObject, ObjectSearch
from audit_lib.leaks.sightings import Sighting

_NOWHERE = Introduction("", "", b"")


@dataclass(frozen=True)
class _History:
    """What must be known of the history to place a finding in it, and how to show a path."""

    scrub: Callable[[str], str]  # many objects have the same few paths
    places: dict[str, list[Introduction]]  # by blob
    named: dict[bytes, list[Introduction]]  # by a part of the path that is itself a finding
    times: dict[str, CommitTimes]
    reach: dict[str, str]
    head: dict[str, set[bytes]]
    index: dict[str, set[bytes]]
    refs: Refs


@dataclass
class Placed:
    """Sightings of what was found in objects, and what to remember of the commits that brought it."""

    sightings: list[Sighting]
    refs: str = ""
    commits: dict[str, str] = field(default_factory=dict)


def place_objects(
    root: Path,
    done: ObjectSearch,
    search: ExactSearch,
    memory: Memory,
    walk: HistoryWalk,
) -> Placed:
    """Everything that was found in objects, in its places; what git says is missing goes to `done.failed`.

    The history is not walked again for what the `walk` has seen.
    """
    if not done.found:
        return Placed([])
    try:
        history = _read_history(root, done, search, memory, walk)
    except GitFailed as failed:
        done.failed = done.failed or str(failed)
        history = _History(search.scrub, {}, {}, {}, {}, {}, {}, Refs({}, ""))
        return Placed([_sighting(one, history, "git object", one.oid.encode("ascii")) for one in done.found])
    sightings = [sighting for one in _once_a_name(done.found) for sighting in _places_of(one, history)]
    return Placed(sightings, history.refs.digest, history.reach)


def _once_a_name(found: Iterable[InObject]) -> Iterable[InObject]:
    """What was found, each name of a path once: every version of a folder is a tree that has it again."""
    once: dict[object, InObject] = {}
    for one in found:
        met = one.found
        of_name = one.kind == "tree" and one.name
        once.setdefault((one.name, met.fingerprint, met.encoding, met.matched) if of_name else one, one)
    return once.values()


def _places_of(one: InObject, history: _History) -> Iterator[Sighting]:
    if one.kind == "tree":
        yield from _of_name(one, history)
    elif one.kind == "blob":
        yield from _of_blob(one, history)
    else:
        yield _of_message(one, history)


def _read_history(
    root: Path,
    done: ObjectSearch,
    search: ExactSearch,
    memory: Memory,
    walk: HistoryWalk,
) -> _History:
    """Walks new commits and those that brought something; the others still bring nothing."""
    blobs = {one.oid for one in done.found if one.kind == "blob"}
    new = [oid for oid in done.commits if oid not in memory.commits]
    places = walk.places(blobs)
    named: dict[bytes, list[Introduction]] = {
        one.name: [] for one in done.found if one.kind == "tree" and one.name
    }
    blobs = set() if walk.files else blobs
    walks = bool(blobs or named)
    with ThreadPoolExecutor(1) as pool:
        # It needs nothing of the walk, and takes half as long.
        clones = pool.submit(cloned, root) if (walks or places) and new else None
        if walks:
            _add_introductions(root, [*new, *memory.commits], blobs, places, named)
    concerned = {one.oid for one in done.found if one.kind == "commit"}
    concerned |= {place.commit for some in (*places.values(), *named.values()) for place in some}
    refs = read_refs(root)
    # While no ref has moved, what one reached it reaches still.
    known = {
        commit: by for commit, by in memory.commits.items() if by in REACHABLE and memory.refs == refs.digest
    }
    reached = {commit: known[commit] for commit in concerned & set(known)}
    reached |= reach(root, concerned - set(known), clones.result() if clones else ())
    return _History(
        cache(search.scrub),
        places,
        named,
        commit_times(root, concerned),
        reached,
        at_head(root),
        in_index(root),
        refs,
    )


def _add_introductions(
    root: Path,
    commits: list[str],
    blobs: Collection[str],
    places: dict[str, list[Introduction]],
    named: dict[bytes, list[Introduction]],
) -> None:
    """Adds where commits put the blobs, and paths with one of the names."""
    for place in introductions(root, commits, blobs, named):
        if place.oid in blobs:
            places.setdefault(place.oid, []).append(place)
        for name in named.keys() & place.path.split(b"/"):
            named[name].append(place)


def _of_blob(one: InObject, history: _History) -> Iterator[Sighting]:
    """Its commits and paths; else its place in the index, under a ref, or none at all."""
    places = history.places.get(one.oid, [])
    for place in places:
        yield _in_commit(one, place, history)
    if places:
        return
    for path in sorted(history.index.get(one.oid, ())):
        yield _sighting(one, history, "staged", path)
    if one.oid not in history.index:
        ref = history.refs.names.get(one.oid)
        yield _sighting(one, history, "tag" if ref else UNREACHABLE, ref or b"", in_ref=bool(ref))


def _of_name(one: InObject, history: _History) -> Iterator[Sighting]:
    """A value within a path: at each commit that put such a path into its tree."""
    places = history.named.get(one.name, [])
    for place in places:
        yield _in_commit(one, place, history)
    if not places:
        yield _sighting(one, history, "path", one.name)


def _of_message(one: InObject, history: _History) -> Sighting:
    if one.kind == "tag":
        ref = history.refs.names.get(one.oid)
        return _sighting(one, history, "tag" if ref else UNREACHABLE, ref or b"", in_ref=bool(ref))
    return _sighting(one, history, f"commit {one.part}", b"", Introduction("", one.oid, b""))


def _in_commit(one: InObject, brought_by: Introduction, history: _History) -> Sighting:
    place = "path" if one.kind == "tree" else history.reach.get(brought_by.commit, UNREACHABLE)
    return _sighting(one, history, place, brought_by.path, brought_by)


def _sighting(
    one: InObject,
    history: _History,
    place: str,
    path: bytes,
    brought_by: Introduction = _NOWHERE,
    *,
    in_ref: bool = False,
) -> Sighting:
    times = history.times.get(brought_by.commit, CommitTimes(None, None))
    shown = history.scrub(path.decode("utf-8", "surrogateescape"))
    inside = f"!{history.scrub(one.inside)}" if one.inside else ""
    return Sighting(
        fingerprint=one.found.fingerprint,
        matched=one.found.matched,
        place=place,
        path=shown + inside,
        line=one.found.line if one.kind == "blob" else None,
        encoding=one.found.encoding,
        content=f"{one.oid}:{one.inside}:{one.found.start}",
        commit=brought_by.commit,
        authored_at=times.authored_at,
        committed_at=times.committed_at,
        at_head=path in history.head.get(brought_by.oid, ()),
        reachable=in_ref or history.reach.get(brought_by.commit, UNREACHABLE) in REACHABLE,
    )
