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
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        texts = reading.texts(root, listing, done, progress)
        looked = _looked(pool, ahead(_shares(texts), 2), shapes)
        met = [oid for oid, holds in looked if holds]
    # The path decides what counts; what was met is read once more.
    places = walked.places(met) if walked else _places(root, met, reading.commits, before)
    again = (text for batch in read_objects(root, met) for text in _texts(batch, PatternSearch()))
    witnesses = _look_closely(again if met else (), shapes, places, done)
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
    texts: Iterable[tuple[str, bytes]], shapes: Shapes, places: Places, done: PatternSearch
) -> dict[str, str]:
    """Looks into what was met; returns the few objects that together hold all, and what they are."""
    found: set[Shape] = set()
    witnesses = dict.fromkeys(done.marked, "00")  # what was too large is to be said again
    for oid, content in texts:
        paths = [place.path.decode("utf-8", "replace") for place in places.get(oid, ())]
        if paths and all(map(is_others, paths)):
            continue
        generated, code = kind_of(paths, content)
        here = shapes.look_as(content, generated, code)
        if here:
            done.marked.add(oid)
        if not here <= found:
            witnesses[oid] = f"{generated:d}{code:d}"
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


def _shares(texts: Iterable[tuple[str, bytes]]) -> Generator[list[tuple[str, bytes]]]:
    """Contents to search at a time: enough to outweigh what it costs to hand them to a thread."""
    some: list[tuple[str, bytes]] = []
    size = 0
    for oid, content in texts:
        some.append((oid, content))
        size += len(content)
        if size >= _SHARE:
            yield some
            some, size = [], 0
    yield some


def _looked(
    pool: ThreadPoolExecutor, shares: Iterable[list[tuple[str, bytes]]], shapes: Shapes
) -> Iterator[tuple[str, bool]]:
    """With the id of each content whether something in it looks like a secret, a few shares at a time."""

    def look(share: list[tuple[str, bytes]]) -> list[tuple[str, bool]]:
        return [(oid, shapes.meets(content)) for oid, content in share]

    waiting: deque[Future[list[tuple[str, bool]]]] = deque()
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
