"""Searches every object of a git repository for known values, inside archives too."""

import io
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from audit_lib.base.archives import HEAD, TAIL, Budget, Part, PieceReader, kind_of, unpack
from audit_lib.base.git import GitFailed
from audit_lib.base.progress import Progress
from audit_lib.base.tree import NotSearched
from audit_lib.leaks.binary_texts import is_document_part, words
from audit_lib.leaks.exact_search import MOST_PLACES, ExactSearch, Found, crowded
from audit_lib.leaks.git_coverage import is_lfs_pointer
from audit_lib.leaks.git_objects import Listing, read_object, read_objects
from audit_lib.leaks.history_walk import HistoryWalk
from audit_lib.leaks.object_batches import Batch, Span
from audit_lib.leaks.scan_cache import Memory

CROWDED = f"holds a value {MOST_PLACES:,} times or more: not every place is listed"
_ELSEWHERE = "points to content that git LFS stores elsewhere"


class FoundInMember(Protocol):
    """A value found in a member of an archive."""

    @property
    def found(self) -> Found:
        """The value and where it is in the member."""


@dataclass(frozen=True)
class InObject:
    """A value found in an object. `inside` names the archive's member, `name` a tree's entry."""

    oid: str
    kind: str  # blob | tree | commit | tag
    found: Found
    inside: str = ""
    name: bytes = b""
    part: str = ""  # of a commit or tag: message | author


@dataclass
class ObjectSearch:
    """What a search of the objects gave.

    If git failed, `failed` says how: what was found until then counts, and nothing is believed clean.
    """

    listing: Listing | None = None
    asked: int = 0  # how many objects were to be read
    read: int = 0  # and how many were
    commits: list[str] = field(default_factory=list)  # those of them that are commits
    found: list[InObject] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)  # objects that hold something, or were not wholly searched
    looked: set[str] = field(default_factory=set)
    large: dict[str, None] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    left_out: list[NotSearched] = field(default_factory=list)
    failed: str = ""
    lacking: str | None = None  # what the history names and does not hold, in words
    expansion: Budget = field(default_factory=Budget)


def search_objects(
    root: Path,
    search: ExactSearch,
    memory: Memory,
    listing: "Future[Listing]",
    *,
    walk: HistoryWalk,
    progress: Progress,
) -> ObjectSearch:
    """Every place of every value in the objects that are not known to hold nothing.

    A tree holds nothing but names: one that the walk saw is read only if a name that it saw holds a value.
    """
    done = ObjectSearch()
    faults: list[str] = []
    try:
        done.listing = listing.result()
        asked = done.listing.to_read(memory)
        if asked is None and walk.files:
            asked = walk.by_path(done.listing.without(() if search.meets(walk.names) else walk.trees))
        done.asked = done.listing.count if asked is None else len(asked)
        for batch in done.listing.read(root, asked, done.missing, faults):
            _search_batch(batch, search, done)
            progress("git objects", done.read, done.asked)
        for oid in done.large:
            _search_large(root, oid, search, done)
    except GitFailed as failed:
        faults.append(str(failed))
    done.failed = "; ".join(dict.fromkeys(faults))
    done.left_out += [
        NotSearched(f"git object {oid}", "cannot be read: it was never fetched, or it is broken")
        for oid in done.missing
    ]
    done.marked = {hit.oid for hit in done.found}
    done.marked |= {part.place.removeprefix("git object ") for part in done.left_out}
    return done


def search_named(root: Path, oids: Iterable[str], search: ExactSearch) -> ObjectSearch:
    """As `search_objects`, in the objects named alone. Raises `GitFailed` where git failed."""
    done = ObjectSearch()
    for batch in read_objects(root, oids, done.missing):
        _search_batch(batch, search, done)
    for oid in done.large:
        _search_large(root, oid, search, done)
    done.left_out += [NotSearched(f"git object {oid}", "cannot be read") for oid in done.missing]
    return done


def _search_batch(batch: Batch, search: ExactSearch, done: ObjectSearch) -> None:
    """Looks into each object once, though git may give it again after it failed; large ones are put off."""
    done.commits += [span.oid for span in batch.spans if span.kind == "commit"]
    done.read += batch.begun
    for span in dict.fromkeys(_worth_a_look(search, batch)):
        if not span.whole:
            done.large[span.oid] = None
        elif span.oid not in done.looked:
            done.looked.add(span.oid)
            _look(span, batch.content(span), search, done)


def _worth_a_look(search: ExactSearch, batch: Batch) -> Iterator[Span]:
    """The objects of a batch that hold anything searched for, could be an archive, or point elsewhere."""
    starts = [span.start for span in batch.spans]
    for at in search.meets(cast(bytes, batch.data)):
        yield batch.spans[bisect_right(starts, at) - 1]
    data = batch.data
    for span in batch.spans:
        head = bytes(data[span.start : min(span.start + HEAD, span.end)])
        tail = bytes(data[max(span.start, span.end - TAIL) : span.end])
        if span.kind == "blob" and (kind_of(head, tail) or is_lfs_pointer(head)):
            yield span


def _look(span: Span, content: bytes, search: ExactSearch, done: ObjectSearch) -> None:
    met = search.look(content)
    if crowded(met):
        done.left_out.append(NotSearched(f"git object {span.oid}", CROWDED))
    inside: list[InObject] = []
    if span.kind == "blob" and is_lfs_pointer(content):
        done.left_out.append(NotSearched(f"git object {span.oid}", _ELSEWHERE))
    elif span.kind == "blob":
        kind = kind_of(content[:HEAD], content[-TAIL:])
        inside += _inside(span.oid, io.BytesIO(content), kind, search, done)
    done.found += [_placed(span.oid, span.kind, content, found) for found in not_within(met, inside)]
    done.found += inside


def _search_large(root: Path, oid: str, search: ExactSearch, done: ObjectSearch) -> None:
    """Searches an object that is read again, in pieces."""
    head = tail = b""

    def pieces() -> Iterator[bytes]:
        nonlocal head, tail
        for piece in read_object(root, oid):
            head, tail = head or piece[:HEAD], (tail + piece)[-TAIL:]
            yield piece

    met = search.look_in_pieces(pieces())
    file = cast(BinaryIO, PieceReader(read_object(root, oid)))
    inside = list(_inside(oid, file, kind_of(head, tail), search, done))
    done.found += [InObject(oid, "blob", found) for found in not_within(met, inside)]
    done.found += inside


def _inside(
    oid: str, file: BinaryIO, kind: str, search: ExactSearch, done: ObjectSearch
) -> Iterator[InObject]:
    faults: list[str] = []
    for member, found in search_archive(file, kind, search, faults, done.expansion):
        yield InObject(oid, "blob", found, inside=member)
    done.left_out += [NotSearched(f"git object {oid}", fault) for fault in dict.fromkeys(faults)]


def search_archive(
    file: BinaryIO, kind: str, search: ExactSearch, faults: list[str], expansion: Budget
) -> Iterator[tuple[str, Found]]:
    """Pairs of a member's name and a value in its content or its name; nothing if it is not an archive."""
    for part in unpack(file, faults, expansion, kind) if kind else ():
        look = _in_words(part, search) if is_document_part(part.path) else search.look(part.content)
        for found in look:
            yield part.path, _through(found, kind)


def _in_words(part: Part, search: ExactSearch) -> list[Found]:
    """As it is written, and as it is read: marks of style may cut a value in two."""
    written, read = search.look(part.content), search.look(words(part.content))
    met = {found.fingerprint for found in written if found.matched == "exact"}
    return written + [one for one in read if one.matched == "exact" and one.fingerprint not in met]


def not_within(met: Iterable[Found], inside: Collection[FoundInMember]) -> Iterator[Found]:
    """What was met in an archive's own bytes, less the values that its members hold.

    What is packed without being made smaller is in both, and is one place.
    """
    told = {one.found.fingerprint for one in inside}
    return (found for found in met if found.fingerprint not in told)


def _through(found: Found, encoding: str) -> Found:
    return Found(found.start, found.line, found.fingerprint, f"{found.encoding} in {encoding}", found.matched)


def _placed(oid: str, kind: str, content: bytes, found: Found) -> InObject:
    if kind == "tree":
        return InObject(oid, kind, found, name=_entry_name(content, found.start, len(oid) // 2))
    if kind in ("commit", "tag"):
        header = content.find(b"\n\n")
        in_message = header < 0 or found.start > header
        return InObject(oid, kind, found, part="message" if in_message else "author")
    return InObject(oid, kind, found)


def _entry_name(tree: bytes, position: int, id_length: int) -> bytes:
    """The name of the tree entry at a position; b"" if the position is in an object's id."""
    at = 0
    while at < len(tree):
        name = tree.find(b" ", at) + 1
        end = tree.find(b"\0", name)
        if name <= position < end:
            return tree[name:end]
        at = end + 1 + id_length
    return b""
