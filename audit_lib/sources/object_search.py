"""Searches every object of a git repository for known values, inside archives too."""

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from audit_lib.sources.exact_search import ExactSearch, Found
from audit_lib.sources.git import GitFailed
from audit_lib.sources.git_coverage import is_lfs_pointer
from audit_lib.sources.git_objects import Listing, list_objects, read_object, read_objects
from audit_lib.sources.object_stream import Batch
from audit_lib.sources.scan_cache import Memory
from audit_lib.sources.tree_files import NotSearched
from audit_lib.sources.unpack import HEAD, PieceReader, archive_kind, unpack

Progress = Callable[[str, int, int], None]  # what, done, of how many


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

    Where git failed, `failed` says how: what was found until then counts, and nothing is believed clean.
    """

    listing: Listing | None = None
    read: int = 0  # how many objects were read
    commits: list[str] = field(default_factory=list)  # those of them that are commits
    found: list[InObject] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)  # objects that hold something, or were not wholly searched
    missing: list[str] = field(default_factory=list)
    left_out: list[NotSearched] = field(default_factory=list)
    failed: str = ""


def search_objects(root: Path, search: ExactSearch, memory: Memory, progress: Progress) -> ObjectSearch:
    """Every place of every value in the objects that are not known to hold nothing."""
    done = ObjectSearch()
    worth: dict[str, None] = {}
    faults: list[str] = []
    try:
        done.listing = list_objects(root, memory)
        count = done.listing.count
        for batch in done.listing.read(root, done.missing, faults):
            worth |= dict.fromkeys(_worth_a_look(search, batch))
            done.commits += [span.oid for span in batch.spans if span.kind == "commit"]
            done.read += len(batch.spans)
            progress("git objects", done.read, count)
    except GitFailed as failed:
        faults.append(str(failed))
    done.failed = "; ".join(dict.fromkeys(faults))
    done.left_out += [
        NotSearched(f"git object {oid}", "cannot be read: it was never fetched, or it is broken")
        for oid in done.missing
    ]
    try:
        done.marked = _look(root, search, list(worth), done)
    except GitFailed as failed:
        done.failed = done.failed or str(failed)
    return done


def _worth_a_look(search: ExactSearch, batch: Batch) -> Iterator[str]:
    """The objects of a batch that hold anything searched for, could be an archive, or point elsewhere."""
    starts = [span.start for span in batch.spans]
    for at in search.meets(cast(bytes, batch.data)):
        yield batch.spans[bisect_right(starts, at) - 1].oid
    data = batch.data
    for start, _, oid, kind, *_ in batch.spans:
        if kind == "blob" and (
            bytes(data[start : start + 2]) in _BEGINNINGS
            or bytes(data[start + 257 : start + 262]) == b"ustar"
        ):
            yield oid


# The first two bytes of what may be an archive or a pointer of LFS; the second look asks further.
_BEGINNINGS = frozenset((b"\x1f\x8b", b"BZ", b"\xfd7", b"\x28\xb5", b"PK", b"ve"))
_ELSEWHERE = "points to a content that git LFS keeps elsewhere"


def _look(root: Path, search: ExactSearch, oids: list[str], done: ObjectSearch) -> set[str]:
    """Searches the objects one by one; returns those that hold a value or could not be searched wholly."""
    marked: set[str] = set()
    large: dict[str, None] = {}
    for batch in read_objects(root, oids) if oids else ():
        for span in batch.spans:
            if not span.whole:
                large[span.oid] = None
                continue
            content = batch.content(span)
            hits = [_placed(span.oid, span.kind, content, found) for found in search.look(content)]
            if span.kind == "blob" and is_lfs_pointer(content):
                done.left_out.append(NotSearched(f"git object {span.oid}", _ELSEWHERE))
            elif span.kind == "blob":
                hits += _inside(span.oid, io.BytesIO(content), content[:HEAD], search, done)
            done.found += hits
            marked.update(hit.oid for hit in hits)
    for oid in large:
        hits = [InObject(oid, "blob", found) for found in search.look_in_pieces(read_object(root, oid))]
        head = next(read_object(root, oid), b"")[:HEAD]
        hits += _inside(oid, cast(BinaryIO, PieceReader(read_object(root, oid))), head, search, done)
        done.found += hits
        marked.update(hit.oid for hit in hits)
    return marked | {part.place.removeprefix("git object ") for part in done.left_out}


def _inside(
    oid: str, file: BinaryIO, head: bytes, search: ExactSearch, done: ObjectSearch
) -> Iterator[InObject]:
    faults: list[str] = []
    for member, found in search_archive(file, head, search, faults):
        yield InObject(oid, "blob", found, inside=member)
    done.left_out += [NotSearched(f"git object {oid}", fault) for fault in dict.fromkeys(faults)]


def search_archive(
    file: BinaryIO, head: bytes, search: ExactSearch, faults: list[str]
) -> Iterator[tuple[str, Found]]:
    """Pairs of a member's name and a value in its content or its name; nothing where it is no archive."""
    kind = archive_kind(head)
    for member in unpack(file, kind, faults) if kind else ():
        for found in search.look(member.name.encode("utf-8", "surrogateescape")):
            yield member.name, _through(found, f"{member.encoding} member name")
        for found in search.look_in_pieces(member.pieces):
            yield member.name, _through(found, member.encoding)


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
    """The name of the tree entry at a position; b"" where the position lies in an object's id."""
    at = 0
    while at < len(tree):
        name = tree.find(b" ", at) + 1
        end = tree.find(b"\0", name)
        if name <= position < end:
            return tree[name:end]
        at = end + 1 + id_length
    return b""
