"""Searches for secrets that nobody gave, by their shape, in the history, messages and files of a project."""

import os
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from audit_lib.base.git.commands import GitFailed
from audit_lib.base.git.objects import Batch
from audit_lib.base.tree import NotSearched, TreeFile, walk_files
from audit_lib.leaks.chosen_passwords import Chosen, ChosenInFile, chosen_in_file
from audit_lib.leaks.git_history import introductions
from audit_lib.leaks.git_objects import Listing, read_objects
from audit_lib.leaks.kinds_of_files import is_installed
from audit_lib.leaks.scan_cache import Memory, ScanCache
from audit_lib.leaks.search_objects import Progress
from audit_lib.leaks.secret_patterns import Shape, Shapes, is_available

_SHARES = 2 * (os.cpu_count() or 1)  # of the work at hand; smaller ones cost more than they spread
_AT_ONCE = 8 << 20  # bytes of files read ahead
LARGEST = 4 << 20  # bytes; a larger text is data, in which known values alone are searched for
_NO_SCANNER = "kingfisher-secret-scanner is not installed: only known values were searched for"
_TOO_LARGE = f"has more than {LARGEST:,} bytes: only known values were searched for in all of it"


@dataclass
class PatternSearch:
    """The values found, which the keeper holds, and what was not searched."""

    shapes: set[Shape] = field(default_factory=set)
    chosen: set[Chosen] = field(
        default_factory=set
    )  # in files alone: what only the history holds is in use nowhere
    defaults: int = 0  # values under a password's name that are counted and not listed
    marked: set[str] = field(default_factory=set)  # objects that hold something, or were not searched
    left_out: set[NotSearched] = field(default_factory=set)
    failed: str = ""


def search_patterns(
    root: Path,
    shapes: Shapes,
    homes: Collection[str],
    listing: "Future[Listing]",
    *,
    cache: ScanCache,
    progress: Progress,
) -> PatternSearch:
    """Everything that looks like a secret in the objects listed, the messages and the files of a project.

    Without kingfisher nothing is searched, and `failed` says so.
    """
    if not is_available():
        return PatternSearch(failed=_NO_SCANNER)
    done = PatternSearch()
    memory = Memory(files=frozenset(_search_files(root, shapes, homes, cache, done)))
    if os.path.lexists(root / ".git"):
        try:
            memory = _search_objects(
                root, shapes, listing.result(), done, before=cache.memory, now=memory, progress=progress
            )
        except GitFailed as failed:
            done.failed = str(failed)
    cache.store(memory)
    return done


def _search_objects(
    root: Path,
    shapes: Shapes,
    listing: Listing,
    done: PatternSearch,
    *,
    before: Memory,
    now: Memory,
    progress: Progress,
) -> Memory:
    """Searches new objects; returns what may be believed next time."""
    asked = listing.to_read(before)
    missing: list[str] = []
    faults: list[str] = []
    commits: list[str] = []
    met: list[str] = []
    read, count = 0, listing.count
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in listing.read(root, asked, missing, faults):
            texts = list(_texts(batch, done))
            shares = [texts[start::_SHARES] for start in range(_SHARES)]
            for some in pool.map(lambda share: [oid for oid, text in share if shapes.meets(text)], shares):
                met += some
            commits += [span.oid for span in batch.spans if span.kind == "commit"]
            read += batch.begun
            progress("shapes of secrets in git objects", read, count)
    # The path decides what counts, and it is known only now; what was met is read once more.
    paths, bringing = _paths(root, met, commits, before)
    for batch in read_objects(root, met) if met else ():
        for oid, content in _texts(batch, PatternSearch()):
            if found_here := shapes.look(content, paths.get(oid, ())):
                done.shapes |= found_here
                done.marked.add(oid)
    done.failed = "; ".join(dict.fromkeys(faults))
    if missing:
        done.left_out.add(NotSearched(".git", f"{len(missing):,} objects are missing or broken"))
        return now
    if read < (count if asked is None else len(asked)):
        return now
    return replace(
        now,
        listing=listing.digest,
        marked=tuple(sorted(done.marked)),
        commits=dict.fromkeys(bringing, ""),
        packed=listing.clean(done.marked, before),
    )


def _paths(
    root: Path, met: list[str], read: list[str], before: Memory
) -> tuple[dict[str, set[str]], set[str]]:
    """The paths of each object that was met, and the commits, read now or before, that gave them."""
    new = [oid for oid in read if oid not in before.commits]
    paths: dict[str, set[str]] = {}
    commits = set()
    for place in introductions(root, [*new, *before.commits], set(met)) if met else ():
        paths.setdefault(place.oid, set()).add(place.path.decode("utf-8", "replace"))
        commits.add(place.commit)
    return paths, commits


def _texts(batch: Batch, done: PatternSearch) -> Iterator[tuple[str, bytes]]:
    """The objects of a batch that people can read, with their ids."""
    for span in batch.spans:
        if span.size > LARGEST:
            done.left_out.add(NotSearched(f"git object {span.oid}", _TOO_LARGE))
            done.marked.add(span.oid)
        elif span.kind != "tree" and is_text(content := batch.content(span)):
            yield span.oid, content


def _search_files(
    root: Path, shapes: Shapes, homes: Collection[str], cache: ScanCache, done: PatternSearch
) -> set[str]:
    """Searches files that people write, and logs; returns the states of those that hold nothing."""

    def look(share: list[_Read]) -> list[tuple[set[Shape], ChosenInFile]]:
        return [
            (
                shapes.look(one.content, (one.path,)),
                chosen_in_file(one.content, one.path, shapes.keeper, shapes.compiled),
            )
            for one in share
        ]

    clean: set[str] = set()
    read = _read_files(root, homes, cache, done, clean)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for some in _batches(read):
            shares = [some[start::_SHARES] for start in range(_SHARES)]
            for share, looked in zip(shares, pool.map(look, shares), strict=True):
                for one, (met, in_file) in zip(share, looked, strict=True):
                    done.shapes |= met
                    done.chosen |= in_file.chosen
                    done.defaults += in_file.defaults
                    if not (met or in_file.chosen or in_file.defaults):
                        clean.add(one.state)
    return clean - {""}


@dataclass(frozen=True)
class _Read:
    """A file's beginning, its state's id; "" if there is more of the file, so that it is never clean."""

    path: str
    state: str
    content: bytes


def _batches(files: Iterator[_Read]) -> Iterator[list[_Read]]:
    """Files to search at a time: enough for all threads, and bounded in memory."""
    some: list[_Read] = []
    size = 0
    for file in files:
        some.append(file)
        size += len(file.content)
        if size >= _AT_ONCE:
            yield some
            some, size = [], 0
    yield some


def _read_files(
    root: Path, homes: Collection[str], cache: ScanCache, done: PatternSearch, clean: set[str]
) -> Iterator[_Read]:
    """The files that have to be searched; those known to hold nothing go into `clean`."""
    installed = 0
    for file in walk_files(root, []):
        if is_installed(file.path):
            installed += 1
        elif file.path not in homes:
            state = cache.file_id(file.path, (file.size_bytes, *file.stamp))
            if state in cache.memory.files:
                clean.add(state)
            elif (content := _content(file, done)) is not None:
                whole = state if len(content) <= LARGEST else ""
                if is_text(content):
                    yield _Read(file.path, whole, content[:LARGEST])
                else:
                    clean.add(whole)
    if installed:
        done.left_out.add(NotSearched(f"{installed:,} files", "belong to installed packages or to git"))


def _content(file: TreeFile, done: PatternSearch) -> bytes | None:
    """A file's beginning: a byte more than is searched where there is more; None if it is not readable."""
    try:
        with file.open() as opened:
            # No more than there is: a buffer for more would leave each small file a mapping of its own.
            content = opened.read(min(file.size_bytes, LARGEST) + 1)
    except OSError as error:
        done.left_out.add(NotSearched(file.path, f"cannot be read ({type(error).__name__})"))
        return None
    if len(content) > LARGEST:
        done.left_out.add(NotSearched(file.path, _TOO_LARGE))
    return content


def is_text(content: bytes) -> bool:
    """Whether people can read a content: UTF-16 by its mark, else by having no zero byte at its beginning."""
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in content[:8000]
