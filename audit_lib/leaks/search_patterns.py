"""Searches for secrets that nobody gave, by their shape, in the history, messages and files of a project."""

import os
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from audit_lib.base.git import GitFailed
from audit_lib.base.in_words import counted
from audit_lib.base.progress import Progress
from audit_lib.base.tree import NotSearched, TreeFile, walk_files
from audit_lib.leaks.binary_texts import LARGEST, TOO_LARGE, text_of
from audit_lib.leaks.chosen_passwords import ChosenInFile, chosen_in_file
from audit_lib.leaks.elsewhere import shown_below
from audit_lib.leaks.git_objects import Listing
from audit_lib.leaks.history_walk import LazyWalk
from audit_lib.leaks.kinds_of_files import is_installed
from audit_lib.leaks.password_hashes import password_hashes
from audit_lib.leaks.pattern_objects import SHARES, PatternSearch, search_pattern_objects
from audit_lib.leaks.scan_cache import Memory, ScanCache
from audit_lib.leaks.secret_patterns import ENGINE, Shape, Shapes, is_available

_AT_ONCE = 8 << 20  # bytes of files read ahead
_NO_SCANNER = f"{ENGINE} is not installed: only known values were searched for"


@dataclass(frozen=True)
class _Read:
    """A file's beginning, its state's id; "" if there is more of the file, so that it is never clean."""

    path: str
    state: str
    content: bytes


def search_patterns(
    root: Path,
    shapes: Shapes,
    homes: Collection[str],
    listing: "Future[Listing]",
    *,
    walk: LazyWalk,
    cache: ScanCache,
    progress: Progress,
    also: tuple[Path, ...] = (),
) -> PatternSearch:
    """Everything that looks like a secret in the objects listed, the messages and the files of a project.

    In files of the folders `also` named what people choose is not listed: a talk is full of words.

    Without kingfisher nothing is searched, and `failed` says so.
    """
    if not is_available():
        return PatternSearch(failed=_NO_SCANNER)
    done = PatternSearch()
    has_history = os.path.lexists(root / ".git")
    with suppress(GitFailed):  # what fails here fails again below
        if has_history and listing.result().is_new(cache.memory):
            walk.begin()
    clean = _search_files(root, shapes, homes, cache, done)
    for folder in also:
        outside = PatternSearch()
        for read in _read_files(folder, (), None, outside, set()):
            done.shapes |= shapes.look(read.content, (read.path,))
        done.left_out |= {replace(one, place=shown_below(folder, one.place)) for one in outside.left_out}
    memory = Memory()
    if has_history:
        try:
            memory = search_pattern_objects(
                root, shapes, listing.result(), done, before=cache.memory, walk=walk, progress=progress
            )
        except GitFailed as failed:
            done.failed = str(failed)
    cache.store(replace(memory, files=frozenset(clean)))
    return done


def _search_files(
    root: Path, shapes: Shapes, homes: Collection[str], cache: ScanCache, done: PatternSearch
) -> set[str]:
    """Searches files that people write, and logs; returns the states of those that hold nothing."""

    def look(share: list[_Read]) -> list[tuple[set[Shape], ChosenInFile, set[str]]]:
        return [
            (
                shapes.look(one.content, (one.path,)),
                chosen_in_file(one.content, one.path, shapes.keeper, shapes.compiled),
                set(map(shapes.keeper.take, password_hashes(one.content))),
            )
            for one in share
        ]

    clean: set[str] = set()
    read = _read_files(root, homes, cache, done, clean)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for some in _batches(read):
            shares = [some[start::SHARES] for start in range(SHARES)]
            for share, looked in zip(shares, pool.map(look, shares), strict=True):
                for one, (met, in_file, hashes) in zip(share, looked, strict=True):
                    done.shapes |= met
                    done.hashes |= hashes
                    done.chosen |= in_file.chosen
                    done.idle += [(one.path, line) for line in in_file.idle]
                    if not (met or in_file.chosen or in_file.idle or hashes):
                        clean.add(one.state)
    return clean - {""}


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
    root: Path, homes: Collection[str], cache: ScanCache | None, done: PatternSearch, clean: set[str]
) -> Iterator[_Read]:
    """The files that have to be searched; those known to hold nothing go into `clean`."""
    installed = 0
    for file in walk_files(root, []):
        if is_installed(file.path):
            installed += 1
        elif file.path not in homes:
            state = cache.file_id(file.path, (file.size_bytes, *file.stamp)) if cache else ""
            if cache and state in cache.memory.files:
                clean.add(state)
            elif (content := _content(file, done)) is not None:
                whole = state if len(content) <= LARGEST else ""
                if text := text_of(content):
                    yield _Read(file.path, whole, text[:LARGEST])
                else:
                    clean.add(whole)
    if installed:
        done.left_out.add(NotSearched(counted(installed, "file"), "belong to installed packages or to git"))


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
        done.left_out.add(NotSearched(file.path, TOO_LARGE))
    return content
