"""Searches every file of a project's folder for known values: their content, their names, their archives."""

from collections.abc import Collection, Iterator
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from audit_lib.base.archives import HEAD, PIECE, TAIL, Budget, kind_of
from audit_lib.base.progress import Progress
from audit_lib.base.tree import NotSearched, TreeFile, walk_files
from audit_lib.leaks.elsewhere import place_elsewhere, shown_below
from audit_lib.leaks.exact_search import ExactSearch, Found, crowded
from audit_lib.leaks.scan_cache import ScanCache
from audit_lib.leaks.search_objects import CROWDED, not_within, search_archive


@dataclass(frozen=True)
class InFile:
    """A value found in a file, or in its name (line 0). `inside` names the archive's member.

    The path is `clean` if it is known to hold no value itself.
    """

    path: str
    place: str
    found: Found
    inside: str = ""
    clean: bool = False


@dataclass
class FileSearch:
    """What a search of the files gave.

    `clean` are the states of files that may be left out next time, `known` the places in others that may.
    """

    found: list[InFile] = field(default_factory=list)
    clean: set[str] = field(default_factory=set)
    known: dict[str, list[list[Any]]] = field(default_factory=dict)
    listed: int = 0
    left_out: list[NotSearched] = field(default_factory=list)
    expansion: Budget = field(default_factory=Budget)


def search_elsewhere(root: Path, search: ExactSearch, progress: Progress) -> FileSearch:
    """As `search_files`, in a folder or file outside the project, which is shown as it was given."""
    done = search_files(root, search, (), None, progress)
    found = [replace(one, path=shown_below(root, one.path)) for one in done.found]
    done.found = [replace(one, place=place_elsewhere(one.path)) for one in found]
    done.left_out = [replace(one, place=shown_below(root, one.place)) for one in done.left_out]
    return done


def search_files(
    root: Path,
    search: ExactSearch,
    homes: Collection[str],
    cache: ScanCache | None,
    progress: Progress,
) -> FileSearch:
    """Every place of every value in the files below the root, but for the env files that are their homes."""
    done = FileSearch()
    for file in walk_files(root, done.left_out):
        done.listed += 1
        is_home = file.path in homes
        file_id = cache.file_id(file.path, (is_home, file.size_bytes, *file.stamp)) if cache else ""
        if cache and file_id in cache.memory.files:
            done.clean.add(file_id)
            continue
        if cache and (known := cache.memory.found.get(file_id)):
            done.known[file_id] = known
            done.found += [InFile(file.path, file.place, Found(*one), clean=True) for one in known]
            continue
        faults: list[str] = []
        look = _in_name(file, search) if is_home else _search_file(file, search, faults, done.expansion)
        hits = list(look)
        done.found += hits
        done.left_out += [NotSearched(file.path, fault) for fault in dict.fromkeys(faults)]
        if not hits and not faults:
            done.clean.add(file_id)
        elif not (faults or any(hit.inside for hit in hits)) and search.scrub(file.path) == file.path:
            # The name of a file or of an archive's member may itself hold a value: it is read each time.
            done.known[file_id] = [list(astuple(hit.found)) for hit in hits]
        progress("files", done.listed, 0)
    return done


def _search_file(
    file: TreeFile, search: ExactSearch, faults: list[str], expansion: Budget
) -> Iterator[InFile]:
    yield from _in_name(file, search)
    met: list[Found] = []
    inside: list[InFile] = []
    try:
        with file.open() as opened:
            head = opened.read(min(file.size_bytes, PIECE) + 1)
            # Most files are read at once and hold nothing: they cost one search.
            if len(head) > min(file.size_bytes, PIECE) or search.meets(head):
                pieces = _pieces(opened, head)
                met += search.look_in_pieces(pieces)
            if kind := kind_of(head[:HEAD], _tail(opened, head, file.size_bytes)):
                opened.seek(0)
                for member, found in search_archive(opened, kind, search, faults, expansion):
                    inside.append(InFile(file.path, file.place, found, inside=member))
    except OSError as error:
        faults.append(f"cannot be read ({type(error).__name__})")
    if crowded(met):
        faults.append(CROWDED)
    yield from (InFile(file.path, file.place, found) for found in not_within(met, inside))
    yield from inside


def _tail(opened: BinaryIO, head: bytes, size: int) -> bytes:
    """The last bytes of a file of which the head is read."""
    if size <= len(head):
        return head[-TAIL:]
    opened.seek(max(size - TAIL, 0))
    return opened.read(TAIL)


def _in_name(file: TreeFile, search: ExactSearch) -> Iterator[InFile]:
    name = file.path.encode("utf-8", "surrogateescape")
    for found in search.look(name) if search.meets(name) else ():
        yield InFile(
            file.path, file.place, Found(found.start, 0, found.fingerprint, found.encoding, found.matched)
        )


def _pieces(opened: BinaryIO, head: bytes) -> Iterator[bytes]:
    while head:
        yield head
        head = opened.read(PIECE)
