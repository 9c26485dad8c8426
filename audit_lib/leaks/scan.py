"""Two passes over everything: what rules find, then where known and found values are."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path

from audit_lib.base.cache import CleanObjects
from audit_lib.base.files import NotSearched
from audit_lib.base.in_words import counted
from audit_lib.base.progress import Progress, adding_up
from audit_lib.leaks.chosen import ChosenInFile, chosen_in_file
from audit_lib.leaks.history import Repository
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
from audit_lib.leaks.words import is_generated, is_kind, is_others, place_elsewhere

_SHARE = 1 << 20  # bytes for a thread at a time
_AROUND = 4  # lines that a rule may reach beyond those that are new
_MOST_LINES = 3_000_000  # that are known at a time; then all is new again
# Of rules that span more: private keys, and defaults of variables behind whatever else is said of them.
_ENDLESS = (b"PRIVATE KEY", b"PuTTY-User-Key", b'"kty"', b'variable "', b"kind: Secret")


@dataclass
class Discovery:
    """What the rules found, whose values the keeper holds, and what was not searched by them."""

    shapes: set[Shape] = field(default_factory=set)
    # In files alone: what only the history holds is in use nowhere.
    chosen: set[Shape] = field(default_factory=set)
    hashes: set[str] = field(default_factory=set)  # fingerprints of hashes of passwords
    # Where values are under a password's name that are counted and not listed: path and line.
    idle: set[tuple[str, int]] = field(default_factory=set)
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
        return Discovery(failed=f"{ENGINE} is not installed: only known values were searched for")
    done, reading, marked = Discovery(), Reading(), set[str]()
    for root in (repository.root, *also):
        in_project = root == repository.root
        for text, shapes, in_file, hashes in _judged(_texts_of_files(root, apart, done, in_project), rules):
            done.shapes |= shapes
            done.hashes |= hashes
            done.chosen |= in_file.chosen
            done.idle |= {(text.origin.path, line) for line in in_file.idle}
    for text, shapes, *_ in _judged(_texts_of_objects(repository, clean, done, reading, progress), rules):
        done.shapes |= shapes
        marked |= {text.origin.oid} if shapes else set()
    done.failed = "; ".join(dict.fromkeys([*filter(None, [repository.failed]), *reading.faults]))
    if reading.missing:
        lacking = counted(len(reading.missing), "object")
        done.left_out.add(NotSearched(".git", f"lacks {lacking}, never fetched or broken"))
    elif not done.failed:
        marked |= {one.oid for one in repository.objects if one.size > LARGEST and one.kind != "tree"}
        clean.store(one.oid for one in repository.objects if one.oid not in marked)
    return done


def _judged(texts: Iterable[_Text], rules: Rules) -> Iterator[_Judged]:
    """What the rules find in each text, some texts at a time in each thread."""

    def judge(share: list[_Text]) -> list[_Judged]:
        return [_judge(text, rules) for text in share]

    shares, cores = _shares(texts), os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        while some := list(islice(shares, 2 * cores)):
            for judged in pool.map(judge, some):
                yield from judged


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
    return text, shapes, chosen_in_file(text.whole, text.paths[0], rules), hashes


def _texts_of_files(root: Path, apart: Collection[str], done: Discovery, in_project: bool) -> Iterator[_Text]:
    reading, installed = Reading(), 0
    for source in file_sources(root, reading):
        path = source.origin.path
        if is_kind("installed", path):
            installed += 1
        elif not in_project or not any(path == one or path.startswith(f"{one}/") for one in apart):
            for text in _texts_of(source, (path,), reading):
                yield replace(text, in_project=in_project)
    # What the search for known values says of a file is said once.
    said = (one for one in reading.left_out if one.reason == TOO_LARGE or one.reason.startswith("cannot be read"))
    done.left_out |= {one if in_project else _shown(root, one) for one in said}
    if installed:
        done.left_out.add(NotSearched(counted(installed, "file"), "belong to installed packages or to git"))


def _texts_of(source: Source, paths: tuple[str, ...], reading: Reading) -> Iterator[_Text]:
    if source.size > LARGEST:
        reading.left_out.append(NotSearched(source.origin.name, TOO_LARGE))
    for content in source.contents(reading, NO_WORDS):
        if content.start == 0 and (text := content.text):
            yield _Text(content.origin, paths, text, text)
        if source.size > LARGEST and not content.origin.opened:
            return  # only its beginning


def _texts_of_objects(
    repository: Repository, clean: CleanObjects, done: Discovery, reading: Reading, progress: Progress
) -> Iterator[_Text]:
    new_lines = _NewLines()
    for source in _objects(repository, clean, "patterns in git objects", reading, progress, but="tree"):
        if source.size > LARGEST:
            done.left_out.add(NotSearched(source.origin.name, TOO_LARGE))
            continue
        places = repository.places.get(source.origin.oid, ())
        paths = tuple(dict.fromkeys(path.decode("utf-8", "replace") for _, path in places))
        theirs = bool(paths) and all(map(is_others, paths))
        for text in () if theirs else _texts_of(source, paths, Reading(budget=reading.budget)):
            if new := new_lines.of(paths, text.whole):
                yield replace(text, new=new)


def _objects(
    repository: Repository, clean: CleanObjects, what: str, reading: Reading, progress: Progress, but: str = ""
) -> Iterator[Source]:
    """The objects that are not known to be clean, but for a kind."""
    wanted = [one for one in repository.objects if one.kind != but and one.oid not in clean.objects]
    read: Callable[[int], object] = adding_up(progress, what, sum(one.size for one in wanted))
    for source in object_sources(repository.root, [one.oid for one in wanted], reading):
        yield source
        read(source.size)


class _NewLines:
    """Of each content the lines that stood in none of its kind beside the line before, with some around."""

    def __init__(self) -> None:
        self._known: dict[tuple[bool, bool], set[int]] = {}

    def of(self, paths: tuple[str, ...], content: bytes) -> bytes:
        """What is new in a content at these paths; all of it if that is most, or may matter as a whole."""
        generated = bool(paths) and all(is_generated(path, content) for path in paths)
        code = bool(paths) and all(is_kind("code file", path) for path in paths)
        known = self._known.setdefault((generated, code), set())
        lines = content.split(b"\n")
        pairs = [hash(pair) for pair in pairwise([b"", *lines])]
        new = [at for at, pair in enumerate(pairs) if pair not in known]
        if len(known) > _MOST_LINES:
            known.clear()
        known.update(pairs)
        if 2 * len(new) > len(lines) or (new and any(mark in content for mark in _ENDLESS)):
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
    done.found += _in_files(repository.root, values, homes, done.files, progress)
    for folder in also:
        reading = done.outside.setdefault(folder, Reading())
        for one in _in_files(folder, values, (), reading, progress):
            path = str(_below(folder, one.origin.path))
            origin = replace(one.origin, path=path, place=place_elsewhere(path))
            done.found.append(replace(one, origin=origin))
        reading.left_out = [_shown(folder, one) for one in reading.left_out]
    marked, names = set[str](), set[tuple[str, ...]]()
    for source in _objects(repository, clean, "git objects", done.objects, progress):
        for one in values.search(source, done.objects):
            marked.add(source.origin.oid)
            # Every version of a folder is a tree that has a name again.
            name = (str(one.where), one.fingerprint, one.form, one.matched)
            if source.origin.kind != "tree" or (one.where and name not in names):
                names.add(name)
                done.found.append(one)
    lost = "cannot be read: it was never fetched, or it is broken"
    done.objects.left_out += [NotSearched(f"git object {oid}", lost) for oid in done.objects.missing]
    if not done.objects.faults and not done.objects.missing and not repository.failed:
        marked |= {one.place.removeprefix("git object ") for one in done.objects.left_out}
        clean.store(one.oid for one in repository.objects if one.oid not in marked)
    return done


def _in_files(
    root: Path, values: Values, homes: Collection[str], reading: Reading, progress: Progress
) -> Iterator[Found]:
    read = 0
    for source in file_sources(root, reading):
        for one in values.find(source.origin.path.encode("utf-8", "surrogateescape")):
            yield replace(one, line=0, origin=source.origin)
        if source.origin.path not in homes:
            yield from values.search(source, reading)
        read += source.size
        progress("files", read, 0)


def _shown(root: Path, one: NotSearched) -> NotSearched:
    return replace(one, place=str(_below(root, one.place)))


def _below(root: Path, path: str) -> Path:
    """A path outside the project as it was given."""
    return (root.parent if root.is_file() else root) / path
