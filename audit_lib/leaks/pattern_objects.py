"""Searches the objects of a git repository for what looks like a secret, and remembers what held nothing."""

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from audit_lib.base.ahead import ahead
from audit_lib.base.git import GitFailed
from audit_lib.base.in_words import counted
from audit_lib.base.progress import Progress
from audit_lib.base.tree import NotSearched
from audit_lib.leaks.binary_texts import LARGEST, TOO_LARGE, text_of
from audit_lib.leaks.changed_parts import Change, comparison, holding
from audit_lib.leaks.chosen_passwords import Chosen
from audit_lib.leaks.git_history import Introduction, introductions
from audit_lib.leaks.git_objects import Listing, read_objects
from audit_lib.leaks.history_walk import HistoryWalk, LazyWalk
from audit_lib.leaks.kinds_of_files import is_others
from audit_lib.leaks.object_batches import Batch
from audit_lib.leaks.scan_cache import Memory
from audit_lib.leaks.secret_patterns import Shape, Shapes, kind_of

SHARES = 2 * (os.cpu_count() or 1)  # of the work at hand; smaller ones cost more than they spread
_SHARE = 1 << 20  # bytes of objects for one thread
_REACH = 250  # bytes; what a rule spans beyond the lines of a change, and the lines that it begins or ends in
# Of rules that span more: private keys, and defaults of variables behind whatever else is said of them.
_ENDLESS = (b"PRIVATE KEY", b"PuTTY-User-Key", b'"kty"', b'variable "')
Places = Mapping[str, list[Introduction]]


@dataclass
class PatternSearch:
    """The values found, which the keeper holds, and what was not searched."""

    shapes: set[Shape] = field(default_factory=set)
    # in files alone: what only the history holds is in use nowhere
    chosen: set[Chosen] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)  # fingerprints of hashes of passwords, in files alone
    # where values are under a password's name that are counted and not listed: path and line
    idle: list[tuple[str, int]] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)  # objects that hold something, or were not searched
    left_out: set[NotSearched] = field(default_factory=set)
    failed: str = ""


@dataclass
class _Reading:
    """Which objects are read, and what came of it."""

    asked: list[str]
    read: int = 0
    commits: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def texts(
        self, root: Path, listing: Listing, done: PatternSearch, progress: Progress
    ) -> Iterator[tuple[str, bytes]]:
        """What people can read of them, with their ids."""
        for batch in listing.read(root, self.asked, self.missing, self.faults):
            yield from _texts(batch, done)
            self.commits += [span.oid for span in batch.spans if span.kind == "commit"]
            self.read += batch.begun
            progress("shapes in git objects", self.read, len(self.asked))


def search_pattern_objects(
    root: Path,
    shapes: Shapes,
    listing: Listing,
    done: PatternSearch,
    *,
    before: Memory,
    walk: LazyWalk,
    progress: Progress,
) -> Memory:
    """Searches new objects; returns what may be believed next time."""
    if listing.digest == before.listing and _found_again(root, shapes, before, done):
        return before
    walked = walk.result() if listing.is_new(before) else None
    reading = _Reading(_to_read(listing, before, walked))
    # How far the rules of kingfisher's own reach nobody here knows.
    compared = comparison(_REACH, _is_endless, 0 if shapes.every_provider else len(reading.asked))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        changes = compared.changes(reading.texts(root, listing, done, progress))
        looked = _looked(pool, ahead(_shares(changes), 2), shapes)
        met = [change.oid for change, holds in holding(looked, shapes.meets) if holds]
    # The path decides what counts; what was met is read once more.
    places = walked.places(met) if walked else _places(root, met, reading.commits, before)
    again = (text for batch in read_objects(root, met) for text in _texts(batch, PatternSearch()))
    changes = compared.another().changes(again if met else ())
    witnesses = _look_closely(changes, shapes, places, done)
    done.failed = "; ".join(dict.fromkeys(reading.faults))
    if reading.missing:
        lacking = counted(len(reading.missing), "object")
        done.left_out.add(NotSearched(".git", f"lacks {lacking}, never fetched or broken"))
    if reading.missing or reading.read < len(reading.asked):
        return Memory()
    bringing = {place.commit for some in places.values() for place in some}
    return Memory(
        listing=listing.digest,
        marked=tuple(sorted(done.marked)),
        commits=dict.fromkeys(bringing, ""),
        witnesses=witnesses,
        packed=listing.clean(done.marked, before),
    )


def _to_read(listing: Listing, before: Memory, walked: HistoryWalk | None) -> list[str]:
    """The objects that may hold what was not known before; the names in trees are no texts."""
    asked = listing.to_read(before)
    if asked is not None:
        return asked
    return walked.by_path(listing.without(walked.every_tree)) if walked else listing.without(())


def _is_endless(content: bytes) -> bool:
    return any(mark in content for mark in _ENDLESS)


def _found_again(root: Path, shapes: Shapes, before: Memory, done: PatternSearch) -> bool:
    """Finds by the witnesses of the last search all that it found; False if one cannot be read."""
    missing: list[str] = []
    try:
        for batch in read_objects(root, before.witnesses, missing) if before.witnesses else ():
            for oid, content in _texts(batch, done):
                generated, code = (flag == "1" for flag in before.witnesses[oid])
                done.shapes |= shapes.look_as(content, generated, code)
    except GitFailed:
        return False
    return not missing


def _look_closely(
    changes: Iterable[Change], shapes: Shapes, places: Places, done: PatternSearch
) -> dict[str, str]:
    """Looks into what was met; returns the few objects that together hold all, and what they are.

    Of a version of the same kind as the one before only the changes are looked into: the rest was.
    """
    found: set[Shape] = set()
    witnesses = dict.fromkeys(done.marked, "00")  # what was too large is to be said again
    before, held = None, False
    for change in changes:
        paths = [place.path.decode("utf-8", "replace") for place in places.get(change.oid, ())]
        if paths and all(map(is_others, paths)):
            before = None
            continue
        kind = generated, code = kind_of(paths, change.content)
        is_next = change.before is not None and kind == before
        here = shapes.look_as(change.new if is_next else change.content, *kind)
        before, held = kind, bool(here) or (is_next and held)
        if held:
            done.marked.add(change.oid)
        if not here <= found:
            witnesses[change.oid] = f"{generated:d}{code:d}"
            found |= here
    done.shapes |= found
    return witnesses


def _places(root: Path, met: list[str], read: Iterable[str], before: Memory) -> Places:
    """Where each object that was met has been put, by the commits read now and those that brought others."""
    new = [oid for oid in read if oid not in before.commits]
    places: dict[str, list[Introduction]] = {oid: [] for oid in met}
    for place in introductions(root, [*new, *before.commits], set(met)) if met else ():
        places[place.oid].append(place)
    return places


def _shares(changes: Iterable[Change]) -> Generator[list[Change]]:
    """Contents to search at a time: enough to outweigh what it costs to hand them to a thread."""
    some: list[Change] = []
    size = 0
    for change in changes:
        some.append(change)
        size += len(change.content)
        if size >= _SHARE:
            yield some
            some, size = [], 0
    yield some


def _looked(
    pool: ThreadPoolExecutor, shares: Iterable[list[Change]], shapes: Shapes
) -> Iterator[tuple[Change, bool]]:
    """With each change whether something in it looks like a secret, a few shares at a time."""

    def look(share: list[Change]) -> list[tuple[Change, bool]]:
        return [(change, shapes.meets(change.new)) for change in share]

    waiting: deque[Future[list[tuple[Change, bool]]]] = deque()
    for share in shares:
        waiting.append(pool.submit(look, share))
        if len(waiting) > SHARES:
            yield from waiting.popleft().result()
    for one in waiting:
        yield from one.result()


def _texts(batch: Batch, done: PatternSearch) -> Iterator[tuple[str, bytes]]:
    """The objects of a batch that people can read, with their ids."""
    for span in batch.spans:
        if span.size > LARGEST:
            done.left_out.add(NotSearched(f"git object {span.oid}", TOO_LARGE))
            done.marked.add(span.oid)
        elif span.kind != "tree" and (text := text_of(batch.content(span))):
            yield span.oid, text
