"""What is searched: files and git's objects, with what archives and documents in them hold; and a history."""

import io
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from html import unescape
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from audit_lib.base import git
from audit_lib.base.archives import HEAD, PIECE, TAIL, Budget, kind_of, unpack
from audit_lib.base.errors import Fault
from audit_lib.base.files import walk_files
from audit_lib.base.git import GitFailed, run_git
from audit_lib.base.in_words import counted
from audit_lib.leaks.candidates import expression, is_kind

LARGEST = 4 << 20  # bytes; a larger text is data, in which known values alone are searched for
OUTSIDE = ("assistant", "shell history", "chat export", "outside")  # kinds of places beside the project
_INSIDE = ("git file", "bundle", "notebook", "log", "working tree")  # what is of no other kind is the last
_MOST_FAULTS = 20  # objects that git cannot read, before the search gives up
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/[\s\S]{0,1000}")
_END = re.compile(  # of a document's paragraphs and cells
    rb"</(?:w:p|a:p|si|is|c|row|text:p|text:h)>|<(?:w:br|w:tab|text:tab|text:line-break)\b[^<>]*>"
)
UNREACHABLE = "unreachable"
_REACH = {  # refs that reach a commit, the narrowest last: what a clone brings before what this copy holds
    "other ref": ("--all",),
    "stash": ("--glob=refs/stas[h]",),  # without a wildcard git would look below refs/stash
    "note": ("--glob=refs/notes",),
    "commit": ("--branches", "--tags", "--remotes", "HEAD"),
}
_SUBMODULE = b"160000"  # the mode of a path whose object is a commit of another repository
_IDS = re.compile(rb"\Atree [0-9a-f]{40,64}\n(?:parent [0-9a-f]{40,64}\n)*")  # in a commit: git gave them
_ENTRY = re.compile(rb"(?<![^\0])(\d{6}) (?:blob |commit )?([0-9a-f]{40,64})(?: \d)?\t([^\0]+)\0")


class Origin(NamedTuple):
    """Where a content is: a file or an object of git, and the member of an archive within it."""

    place: str  # of a file as LeakPlaces names it; "git" for an object
    path: str = ""
    oid: str = ""
    kind: str = "blob"
    member: str = ""
    opened: str = ""  # what was opened to read it: zip, gzip

    @property
    def name(self) -> str:
        """What coverage calls it."""
        return self.path or f"git object {self.oid}"


class Content(NamedTuple):
    """Some bytes and where they are. A large content comes in several that overlap."""

    origin: Origin
    data: bytes
    start: int = 0  # bytes of the same content before these


@dataclass
class Reading:
    """How the search of a part went: what was left out, what git lacks, what archives may still grow to."""

    part: str = ""  # as LeakCoverage names it
    place: str = "."
    left_out: list[Fault] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # objects
    faults: list[str] = field(default_factory=list)  # of git
    budget: Budget = field(default_factory=Budget)
    count: int = 0  # files or results


class Source(NamedTuple):
    """A file or an object, to be read before the next one is taken."""

    origin: Origin
    size: int
    open: Callable[[], BinaryIO]
    start: int = 0  # bytes before what is read: a large object comes in windows

    def contents(self, reading: Reading, closed: Collection[str] = ()) -> Iterator[Content]:
        """Its own bytes, then what it holds if it is an archive or a document, but for the kinds `closed`.
        Pieces of a large one overlap, so that a value over their border is found."""
        head, tail, start = b"", b"", self.start
        try:
            with self.open() as file:
                while piece := file.read(PIECE):
                    data = tail + piece
                    yield Content(self.origin, data, start)
                    head, tail = head or data[:HEAD], data[-TAIL:]
                    start += len(data) - len(tail)
            kind = kind_of(head, tail) if self.origin.kind == "blob" and not self.start else ""
            if kind and kind not in closed:
                yield from self._members(kind, reading)
        except OSError as error:
            reading.left_out.append(Fault(self.origin.name, f"cannot be read ({type(error).__name__})"))

    def _members(self, kind: str, reading: Reading) -> Iterator[Content]:
        faults: list[str] = []
        with self.open() as file:
            for path, content, start in unpack(file, faults, reading.budget, kind):
                data = content
                if expression("document").fullmatch(path) and content.lstrip()[:1] == b"<":
                    words = re.sub(rb"<[^<>]*>", b"", _END.sub(b"\n", content))
                    data += b"\n" + unescape(words.decode("utf-8", "replace")).encode("utf-8")
                yield Content(self.origin._replace(member=path, opened=kind), data, start)
        reading.left_out += [Fault(self.origin.name, fault) for fault in faults]

    def texts(self, reading: Reading) -> Iterator[tuple[str, bytes]]:
        """Pairs of a member of an archive, or "", and its text; of a large one the beginning, of SQLite the
        words, none of what nobody can read or others wrote: patterns occur there by chance."""
        for content in self.contents(Reading(budget=reading.budget), closed=("pdf", "png")):
            data = content.data[:LARGEST]
            if data.startswith(b"SQLite format 3\0"):
                data = b"\n".join(re.findall(rb"[\x20-\x7e\t]{6,}", data))
            readable = data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" not in data[:8000]
            others = is_kind("installed", content.origin.member)
            if data and readable and content.start == 0 and not others:
                yield content.origin.member, data
            if others or self.size > LARGEST or (content.start == 0 and len(content.data) > LARGEST):
                what = "files of installed packages" if others else f"more than {LARGEST:,} bytes"
                reading.left_out.append(
                    Fault(self.origin.name, f"has {what}: only known values were searched for in all of it")
                )
            if self.size > LARGEST:
                return


def file_sources(root: Path, reading: Reading, *, outside: bool = False) -> Iterator[Source]:
    """Every file below a folder, or that file, by its kind; outside the project under its path as given."""
    left_out, (*kinds, other) = list[Fault](), OUTSIDE if outside else _INSIDE
    above = (root.parent if root.is_file() else root) if outside else Path()
    for found, size, opener in walk_files(root, left_out):
        reading.count += 1
        path = str(above / found)
        yield Source(Origin(next((kind for kind in kinds if is_kind(kind, path)), other), path), size, opener)
    reading.left_out += [Fault(str(above / one.place), one.text) for one in left_out]


def object_sources(root: Path, oids: list[str], reading: Reading) -> Iterator[Source]:
    """The objects of a repository that are named, a large one in windows, past those that git cannot read."""
    while oids and len(reading.faults) < _MOST_FAULTS:
        last = ""
        try:
            for found in git.read_objects(root, oids, reading.missing):
                last, origin = found.oid, Origin("git", oid=found.oid, kind=found.kind)
                if _POINTER.fullmatch(found.content):
                    reading.left_out.append(Fault(origin.name, "points to what git LFS stores elsewhere"))
                content = _IDS.sub(b"", found.content) if found.kind == "commit" else found.content
                yield Source(origin, found.size, partial(io.BytesIO, content), found.start)
            return
        except GitFailed as failed:
            reading.faults.append(str(failed))
        gone = set(reading.missing)  # what follows the last that came is so, or what git gave up on
        left = [oid for oid in oids[oids.index(last) + 1 if last else 0 :] if oid not in gone]
        reading.missing += left[:1]
        oids = left[1:]


@dataclass
class History:
    """The objects of a project's repository, and what git tells of them; `faults` says what it could not."""

    root: Path
    there: bool = False
    objects: dict[str, str] = field(default_factory=dict)  # the kind of each, by its id
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, root: Path) -> "History":
        """All objects as they are now, reachable or not, in the order in which git reads them."""
        history = cls(root, git.repository_above(root) is not None)
        every = ("cat-file", "--batch-all-objects", "--unordered", "--buffer")
        # If some are broken git gives the ids alone: reading them says which.
        for layout in ("%(objectname) %(objecttype)", "%(objectname) blob") if history.there else ():
            try:
                with git.running(root, (*every, f"--batch-check={layout}")) as stream:
                    return cls(root, history.there, dict(line.decode("ascii").split() for line in stream))
            except GitFailed as failed:
                history.faults = [str(failed)]
        return history

    @cached_property
    def places(self) -> dict[str, list[tuple[str, str]]]:
        """By blob, of a submodule by commit, the commits and paths that put it there; see `faults`, too."""
        places: dict[str, list[tuple[str, str]]] = defaultdict(list)
        commit, oid, rest, decoded = "", "", b"", cache(os.fsdecode)  # many commits have the same few paths
        commits = (oid for oid, kind in self.objects.items() if kind == "commit")
        diff = ("diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames", "--raw", "-z", "--no-abbrev")
        try:
            with git.running(self.root, diff, commits) as stream:
                for piece in iter(partial(stream.read, PIECE), b""):
                    *texts, rest = (rest + piece).split(b"\0")
                    for text in texts:
                        if oid:
                            places[oid].append((commit, decoded(text)))
                            oid = ""
                        elif text.startswith(b":"):
                            oid = text.split(b" ")[3].decode("ascii")
                        else:
                            commit = text.decode("ascii", "replace").strip()
        except GitFailed as failed:
            self.faults.append(str(failed))
        return {oid: put for oid, put in places.items() if oid.strip("0")}  # zeros: the path was taken away

    def facts_of(self, commits: Collection[str]) -> dict[str, dict[str, Any]]:
        """By commit what reaches it, and its two times in seconds since 1970, which can be forged."""
        named, how = "\n".join(sorted(commits)).encode("ascii"), ("--no-walk=unsorted", "--stdin")
        shown = run_git(self.root, "rev-list", *how, "--format=%H %at %ct", stdin=named) if commits else b""
        facts = {
            oid: {"place": UNREACHABLE, "reachable": False, "authored_at": written, "committed_at": committed}
            for oid, written, committed in re.findall(r"(?m)^(\w+) (-?\d+) (-?\d+)$", shown.decode("ascii"))
        }
        for place, refs in _REACH.items() if facts else ():
            known = [ref for ref in refs if ref != "HEAD" or git.head_of(self.root)]
            for oid in facts.keys() & run_git(self.root, "rev-list", *known).decode("ascii").split():
                facts[oid] |= {"place": place, "reachable": True}
        return facts

    def limits(self) -> Iterator[Fault]:
        """Shallow and partial clones, submodules and lost objects: what was not searched, and why."""
        names = ("rev-list", "--all", "--missing=print", "--objects", "--no-object-names")
        try:
            if (git.find_repository(self.root).common / "shallow").exists():
                yield Fault(".git/shallow", "is a shallow clone: older commits are not here")
            for mode, _, path in _ENTRY.findall(run_git(self.root, "ls-files", "-z", "--stage")):
                if mode == _SUBMODULE:
                    name = path.decode("utf-8", "backslashreplace")
                    yield Fault(name, "is a submodule: its history is another repository's")
            with git.running(self.root, ("for-each-ref",)) as stream:  # leaves broken refs out, and complains
                stream.read()
            with git.running(self.root, names) as stream:
                lost = sum(line.startswith(b"?") for line in stream)
            if lost:
                yield Fault(".git/objects", f"lacks {counted(lost, 'object')} that its history names")
        except GitFailed:
            yield Fault(".git/objects", "has refs or a history that git cannot follow to the end")


def at_head(root: Path) -> dict[str, set[str]]:
    """The paths at HEAD of each blob; empty if there is no commit yet. Raises `GitFailed`."""
    return _paths(run_git(root, "ls-tree", "-r", "-z", "--full-tree", "HEAD") if git.head_of(root) else b"")


def in_index(root: Path, index: Path | None = None) -> dict[str, set[str]]:
    """The paths of each blob in the repository's index, or in another one. Raises `GitFailed`."""
    return _paths(run_git(root, "ls-files", "-z", "--stage", index=index))


def _paths(listed: bytes) -> dict[str, set[str]]:
    paths: dict[str, set[str]] = defaultdict(set)
    for mode, oid, path in _ENTRY.findall(listed):
        if mode != _SUBMODULE:
            paths[oid.decode("ascii")].add(os.fsdecode(path))
    return dict(paths)
