"""Two passes over everything: what rules find, then where known and found values are.

What held nothing is remembered by object for the next time, under a MAC and without values.
"""

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from audit_lib.base.cache import CleanObjects
from audit_lib.base.files import NotSearched
from audit_lib.base.git import GitFailed, repository_above
from audit_lib.base.in_words import counted
from audit_lib.base.progress import Progress, adding_up
from audit_lib.leaks.chosen import Chosen, ChosenInFile, chosen_in_file
from audit_lib.leaks.history import History, ListedObject, Place, list_objects, read_history, walk
from audit_lib.leaks.kinds import is_code, is_generated, is_kind, is_others, place_elsewhere
from audit_lib.leaks.rules import ENGINE, Rules, Shape, is_available, password_hashes
from audit_lib.leaks.sources import (
    LARGEST,
    NO_WORDS,
    TOO_LARGE,
    Origin,
    Reading,
    Source,
    file_sources,
    object_sources,
)
from audit_lib.leaks.values import Found, Values

_NO_SCANNER = f"{ENGINE} is not installed: only known values were searched for"
_SHARE = 1 << 20  # bytes for a thread at a time
_AROUND = 4  # lines that a rule may reach beyond those that are new
_MOST_LINES = 3_000_000  # that are known at a time; then all is new again
# Of rules that span more: private keys, and defaults of variables behind whatever else is said of them.
_ENDLESS = (b"PRIVATE KEY", b"PuTTY-User-Key", b'"kty"', b'variable "', b"kind: Secret")


@dataclass
class Repository:
    """The objects of a project's git repository, and where its history put them."""

    root: Path
    objects: list[ListedObject] = field(default_factory=list)
    there: bool = False
    failed: str = ""
    _places: "Future[dict[str, list[Place]]] | None" = None
    _walked_all: bool = False

    @classmethod
    def of(cls, root: Path) -> "Repository":
        """The repository as it is now; `failed` says so if git cannot list its objects."""
        if repository_above(root) is None:
            return cls(root)
        try:
            return cls(root, list_objects(root), there=True)
        except GitFailed as failed:
            return cls(root, there=True, failed=str(failed))

    def size_of(self, oids: Collection[str]) -> int:
        """How many bytes some objects have together."""
        some = frozenset(oids)
        return sum(one.size for one in self.objects if one.oid in some)

    def begin_walk(self) -> None:
        """Walks the history meanwhile."""
        if self._walked_all:
            return
        commits = [one.oid for one in self.objects if one.kind == "commit"]
        self._walked_all = True
        pool = ThreadPoolExecutor(1)
        self._places = pool.submit(walk, self.root, commits)
        pool.shutdown(wait=False)

    @property
    def places(self) -> dict[str, list[Place]]:
        """By blob the commits and paths that put it there; nothing if git could not follow the history."""
        with suppress(GitFailed):
            return self._places.result() if self._places else {}
        return {}

    def history(self, found: Collection[Found]) -> History:
        """What says where the values found are. Raises `GitFailed`."""
        if not found or self._places is None:
            return History()
        blobs = {one.origin.oid for one in found if one.origin.kind == "blob"}
        names = {one.where for one in found if one.origin.kind == "tree"}
        self._places.result()
        concerned = {
            oid: mine
            for oid, some in self.places.items()
            if (mine := some if oid in blobs else [one for one in some if _has_part(one[1], names)])
        }
        return read_history(
            self.root, concerned, {one.origin.oid for one in found if one.origin.kind == "commit"}
        )


def _has_part(path: bytes, names: Collection[bytes]) -> bool:
    return bool(names) and not frozenset(names).isdisjoint(path.split(b"/"))


@dataclass
class Discovery:
    """What the rules found, whose values the keeper holds, and what was not searched by them."""

    shapes: set[Shape] = field(default_factory=set)
    # in files alone: what only the history holds is in use nowhere
    chosen: set[Chosen] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)  # fingerprints of hashes of passwords
    # where values are under a password's name that are counted and not listed: path and line
    idle: list[tuple[str, int]] = field(default_factory=list)
    left_out: set[NotSearched] = field(default_factory=set)
    failed: str = ""


@dataclass(frozen=True)
class _Text:
    """A text to which the rules are applied: what is new of it, and all of it."""

    origin: Origin
    paths: tuple[str, ...]
    new: bytes
    whole: bytes
    in_project: bool = False  # a file of it, in which also what somebody chose is looked for


_Judged = tuple[_Text, set[Shape], ChosenInFile, set[str]]


def discover(
    repository: Repository,
    rules: Rules,
    clean: CleanObjects,
    *,
    apart: Collection[str],
    also: tuple[Path, ...],
    progress: Progress,
) -> Discovery:
    """Everything that looks like a secret in the objects, the messages and the files of a project.

    Files `apart` are the env files, where values belong, and the audit's own folder. In folders `also` named
    what people choose is not listed: a talk is full of words. Without kingfisher nothing is searched.
    """
    if not is_available():
        return Discovery(failed=_NO_SCANNER)
    done = Discovery()
    repository.begin_walk()
    texts = [_texts_of_files(repository.root, apart, done, in_project=True)]
    texts += [_texts_of_files(folder, (), done, in_project=False) for folder in also]
    for some in texts:
        for judged in _judged(some, rules):
            _add(judged, done)
    reading, marked = Reading(), set[str]()
    for judged in _judged(_texts_of_objects(repository, clean, done, reading, progress), rules):
        _add(judged, done)
        if judged[1]:
            marked.add(judged[0].origin.oid)
    done.failed = "; ".join(dict.fromkeys([*filter(None, [repository.failed]), *reading.faults]))
    if reading.missing:
        lacking = counted(len(reading.missing), "object")
        done.left_out.add(NotSearched(".git", f"lacks {lacking}, never fetched or broken"))
    elif not done.failed:
        marked |= {one.oid for one in repository.objects if one.size > LARGEST and one.kind != "tree"}
        clean.store(one.oid for one in repository.objects if one.oid not in marked)
    return done


def _add(judged: _Judged, done: Discovery) -> None:
    text, shapes, in_file, hashes = judged
    done.shapes |= shapes
    done.hashes |= hashes
    done.chosen |= in_file.chosen
    done.idle += [(text.origin.path, line) for line in in_file.idle]


def _judged(texts: Iterable[_Text], rules: Rules) -> Iterator[_Judged]:
    """What the rules find in each text, some texts at a time in each thread."""

    def judge(share: list[_Text]) -> list[_Judged]:
        return [_judge(text, rules) for text in share]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        waiting: deque[Future[list[_Judged]]] = deque()
        for share in _shares(texts):
            waiting.append(pool.submit(judge, share))
            if len(waiting) > 2 * (os.cpu_count() or 1):
                yield from waiting.popleft().result()
        for one in waiting:
            yield from one.result()


def _shares(texts: Iterable[_Text]) -> Iterator[list[_Text]]:
    some: list[_Text] = []
    size = 0
    for text in texts:
        some.append(text)
        size += len(text.new)
        if size >= _SHARE:
            yield some
            some, size = [], 0
    yield some


def _judge(text: _Text, rules: Rules) -> _Judged:
    shapes = rules.find(text.new, text.paths, text.whole)
    if not text.in_project or text.origin.member:
        return text, shapes, ChosenInFile(), set()
    hashes = set(map(rules.keeper.take, password_hashes(text.whole)))
    return text, shapes, chosen_in_file(text.whole, text.paths[0], rules.keeper, rules.compiled), hashes


def _texts_of_files(
    root: Path, apart: Collection[str], done: Discovery, *, in_project: bool
) -> Iterator[_Text]:
    reading = Reading()
    installed = 0
    for source in file_sources(root, reading):
        path = source.origin.path
        if is_kind("installed", path):
            installed += 1
        elif not any(path == one or path.startswith(f"{one}/") for one in apart):
            yield from _texts_of(source, (path,), reading, in_project=in_project)
    done.left_out |= {one if in_project else _shown(root, one) for one in reading.left_out if _is_read(one)}
    if installed:
        done.left_out.add(NotSearched(counted(installed, "file"), "belong to installed packages or to git"))


def _is_read(one: NotSearched) -> bool:
    """What the search for known values says of a file is said once."""
    return one.reason == TOO_LARGE or one.reason.startswith("cannot be read")


def _texts_of(
    source: Source, paths: tuple[str, ...], reading: Reading, *, in_project: bool = False
) -> Iterator[_Text]:
    if source.size > LARGEST:
        reading.left_out.append(NotSearched(source.origin.name, TOO_LARGE))
    for content in source.contents(reading, NO_WORDS):
        if content.start == 0 and (text := content.text):
            yield _Text(content.origin, paths, text, text, in_project)
        if source.size > LARGEST and not content.origin.opened:
            return  # only its beginning


def _texts_of_objects(
    repository: Repository, clean: CleanObjects, done: Discovery, reading: Reading, progress: Progress
) -> Iterator[_Text]:
    asked = [one.oid for one in repository.objects if one.kind != "tree" and one.oid not in clean.objects]
    new_lines = _NewLines()
    read = adding_up(progress, "shapes in git objects", repository.size_of(asked))
    for source in _counted(repository, asked, reading, read):
        if source.size > LARGEST:
            done.left_out.add(NotSearched(source.origin.name, TOO_LARGE))
            continue
        oid = source.origin.oid
        paths = tuple(
            dict.fromkeys(path.decode("utf-8", "replace") for _, path in repository.places.get(oid, ()))
        )
        if not paths or not all(map(is_others, paths)):
            for text in _texts_of(source, paths, Reading(budget=reading.budget)):
                new = new_lines.of(paths, text.whole)
                if new:
                    yield replace(text, new=new)


def _counted(
    repository: Repository, asked: list[str], reading: Reading, read: Callable[[int], object]
) -> Iterator[Source]:
    """The objects asked for; `read` is given the bytes of each."""
    for source in object_sources(repository.root, asked, reading):
        yield source
        read(source.size)


class _NewLines:
    """Of each content the lines that stood in none of its kind beside the line before, with some around."""

    def __init__(self) -> None:
        self._known: dict[tuple[bool, bool], set[int]] = {}

    def of(self, paths: tuple[str, ...], content: bytes) -> bytes:
        """What is new in a content at these paths; all of it if that is most, or may matter as a whole."""
        kind = (
            bool(paths) and all(is_generated(path, content) for path in paths),
            bool(paths) and all(map(is_code, paths)),
        )
        known = self._known.setdefault(kind, set())
        lines = content.split(b"\n")
        pairs = [hash(pair) for pair in pairwise([b"", *lines])]
        new = [at for at, pair in enumerate(pairs) if pair not in known]
        if len(known) > _MOST_LINES:
            known.clear()
        known.update(pairs)
        if not new:
            return b""
        if 2 * len(new) > len(lines) or any(mark in content for mark in _ENDLESS):
            return content
        parts: list[bytes] = []
        last = -1
        for at in new:
            first = max(at - _AROUND, last + 1)
            if first > last + 1 and parts:
                parts.append(b"#")  # no rule goes on over it
            parts += lines[first : at + _AROUND + 1]
            last = max(last, min(at + _AROUND, len(lines) - 1))
        return b"\n".join(parts)


@dataclass
class ValueSearch:
    """Where values are in a project, and what was searched: objects, files, folders outside."""

    found: list[Found] = field(default_factory=list)
    objects: Reading = field(default_factory=Reading)
    files: Reading = field(default_factory=Reading)
    outside: dict[Path, Reading] = field(default_factory=dict)


def search_values(
    repository: Repository,
    values: Values,
    clean: CleanObjects,
    *,
    homes: Collection[str],
    also: tuple[Path, ...],
    progress: Progress,
) -> ValueSearch:
    """Every place of every value in a project and in the folders `also` named, in every form.

    Of env files, which are the values' homes, only the names are searched.
    """
    done = ValueSearch()
    repository.begin_walk()
    done.found += _in_files(repository.root, values, homes, done.files, progress)
    for folder in also:
        reading = done.outside.setdefault(folder, Reading())
        there = _in_files(folder, values, (), reading, progress)
        done.found += [_outside(folder, one) for one in there]
        reading.left_out = [_shown(folder, one) for one in reading.left_out]
    asked = [one.oid for one in repository.objects if one.oid not in clean.objects]
    marked = set[str]()
    names = set[tuple[str, ...]]()
    read = adding_up(progress, "git objects", repository.size_of(asked))
    for source in _counted(repository, asked, done.objects, read):
        found = values.search(source, done.objects)
        marked |= {source.origin.oid} if found else set()
        for one in found:
            # Every version of a folder is a tree that has a name again.
            name = (str(one.where), one.fingerprint, one.form, one.matched)
            if source.origin.kind != "tree" or (name not in names and one.where):
                names.add(name)
                done.found.append(one)
    done.objects.left_out += [
        NotSearched(f"git object {oid}", "cannot be read: it was never fetched, or it is broken")
        for oid in done.objects.missing
    ]
    marked |= {one.place.removeprefix("git object ") for one in done.objects.left_out}
    if not done.objects.faults and not done.objects.missing and not repository.failed:
        clean.store(one.oid for one in repository.objects if one.oid not in marked)
    return done


def _in_files(
    root: Path, values: Values, homes: Collection[str], reading: Reading, progress: Progress
) -> list[Found]:
    found: list[Found] = []
    read = 0
    for source in file_sources(root, reading):
        name = source.origin.path.encode("utf-8", "surrogateescape")
        found += [replace(one, line=0, origin=source.origin) for one in values.look(name)]
        if source.origin.path not in homes:
            found += values.search(source, reading)
        read += source.size
        progress("files", read, 0)
    return found


def _outside(root: Path, one: Found) -> Found:
    """What was found outside the project, under the path as it was given."""
    path = str(_below(root, one.origin.path))
    return replace(one, origin=replace(one.origin, path=path, place=place_elsewhere(path)))


def _shown(root: Path, one: NotSearched) -> NotSearched:
    return replace(one, place=str(_below(root, one.place)))


def _below(root: Path, path: str) -> Path:
    return (root.parent if root.is_file() else root) / path
