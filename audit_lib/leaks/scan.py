"""Two passes over everything: what rules find, then where known and found values are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from audit_lib.base.cache import CleanObjects
from audit_lib.base.files import NotSearched
from audit_lib.base.in_words import counted
from audit_lib.base.progress import Progress, adding_up
from audit_lib.leaks.candidates import is_kind, is_others
from audit_lib.leaks.chosen import chosen_in_file
from audit_lib.leaks.history import History
from audit_lib.leaks.rules import ENGINE, HASH, Rules, Shape, is_available, password_hashes
from audit_lib.leaks.sources import (
    LARGEST,
    NO_WORDS,
    TOO_LARGE,
    Reading,
    Source,
    file_sources,
    object_sources,
)
from audit_lib.leaks.values import Found, Values

_OUTSIDE = ("assistant", "shell history", "chat export")
_LOST = "cannot be read: it was never fetched, or it is broken"
_IDLE = (
    "values under a password's name are placeholders, or defaults in a comment, a test, an example or a "
    "document: counted, not listed"
)
NO_REPOSITORY = "the project is not a git repository"


@dataclass
class Search:
    """A project's history and files and folders beside it, and how far they were searched."""

    history: History
    homes: frozenset[str]  # env files, where values belong
    own: tuple[str, ...]  # the audit's own folder, to which no rule is applied
    also: tuple[Path, ...]
    progress: Progress
    values: dict[str | Path, Reading] = field(default_factory=dict)  # "git objects", and by folder
    patterns: Reading | None = None
    idle: int = 0  # values under a password's name that are counted and not listed

    @property
    def folders(self) -> tuple[Path, ...]:
        """The project's, then those beside it."""
        return (self.history.root, *self.also)

    def by_rules(self, rules: Rules, clean: CleanObjects) -> set[Shape]:
        """Everything that looks like a secret in the objects, the messages and the files.

        What people choose is looked for in the project's files alone: what only the history holds is in use
        nowhere, and a talk beside it is full of words. Without kingfisher nothing is searched.
        """
        self.patterns = reading = Reading()
        if not is_available():
            reading.faults.append(f"{ENGINE} is not installed: only known values were searched for")
            return set()
        shapes = {shape for root in self.folders for shape in self._in_files(root, rules, reading)}
        marked, objects, history = set[str](), Reading(), self.history
        for source in self._objects(clean, "shapes in git objects", objects, but="tree"):
            places = history.places.get(source.origin.oid, ())
            paths = tuple(dict.fromkeys(path.decode("utf-8", "replace") for _, path in places))
            if not paths or not all(map(is_others, paths)):
                for _, text in _texts(source, reading):
                    found = rules.find(text, paths)
                    shapes |= found
                    marked |= {source.origin.oid} if found else set()
        reading.faults += [*history.faults, *objects.faults]
        if objects.missing:
            lacking = counted(len(objects.missing), "object")
            reading.left_out.append(NotSearched(".git", f"lacks {lacking}, never fetched or broken"))
        elif not reading.faults:
            marked |= {one.oid for one in history.objects if one.size > LARGEST and one.kind != "tree"}
            clean.store(one.oid for one in history.objects if one.oid not in marked)
        return shapes

    def _in_files(self, root: Path, rules: Rules, reading: Reading) -> Iterator[Shape]:
        installed, in_project = 0, root == self.history.root
        for source in file_sources(root, Reading()):
            path = source.origin.path
            if is_kind("installed", path):
                installed += 1
                continue
            apart = in_project and (path in self.homes or path.startswith(self.own))
            for member, text in () if apart else _texts(source, reading):
                yield from rules.find(text, (path,))
                if in_project and not member:
                    yield from (Shape(rules.keeper.take(one), "", HASH) for one in password_hashes(text))
                    chosen, idle = chosen_in_file(text, path, rules)
                    self.idle += idle
                    yield from chosen
        if installed:
            said = NotSearched(counted(installed, "file"), "belong to installed packages or to git")
            reading.left_out.append(said)

    def _objects(self, clean: CleanObjects, what: str, reading: Reading, but: str = "") -> Iterator[Source]:
        """The objects that are not known to be clean, but for a kind."""
        wanted = [one for one in self.history.objects if one.kind != but and one.oid not in clean.objects]
        read = adding_up(self.progress, what, sum(one.size for one in wanted))
        for source in object_sources(self.history.root, [one.oid for one in wanted], reading):
            yield source
            read(source.size)

    def for_values(self, values: Values, clean: CleanObjects) -> list[Found]:
        """Every place of every value, in every form. Of env files, which are their homes, only the names are
        searched."""
        found = [one for root in self.folders for one in self._values_in(root, values)]
        reading = self.values["git objects"] = Reading()
        marked, names, history = set[str](), set[tuple[str, ...]](), self.history
        for source in self._objects(clean, "git objects", reading):
            for one in values.search(source, reading):
                marked.add(source.origin.oid)
                # Every version of a folder is a tree that has a name again.
                name = (str(one.where), one.fingerprint, one.form, one.matched)
                if source.origin.kind != "tree" or (one.where and name not in names):
                    names.add(name)
                    found.append(one)
        reading.left_out += [NotSearched(f"git object {oid}", _LOST) for oid in reading.missing]
        if not (reading.faults or reading.missing or history.faults):
            marked |= {one.place.removeprefix("git object ") for one in reading.left_out}
            clean.store(one.oid for one in history.objects if one.oid not in marked)
        return found

    def _values_in(self, root: Path, values: Values) -> Iterator[Found]:
        reading = self.values[root] = Reading()
        in_project, read = root == self.history.root, 0
        for source in file_sources(root, reading):
            found = values.find(source.origin.path.encode("utf-8", "surrogateescape"), source.origin, 0)
            if not in_project or source.origin.path not in self.homes:
                found += values.search(source, reading)
            for one in found:
                path = one.origin.path if in_project else _shown(root, one.origin.path)
                kind = next((kind for kind in _OUTSIDE if is_kind(kind, path)), "outside")
                place = one.origin.place if in_project else kind
                yield replace(one, origin=replace(one.origin, path=path, place=place))
            read += source.size
            self.progress("files", read, 0)

    def coverage(self, scrub: Callable[[str], str]) -> Iterator[dict[str, Any]]:
        """Rows of LeakCoverage: how much was searched, and everything that was not."""
        history, objects = self.history, self.values["git objects"]
        if history.there:
            objects.faults = [*history.faults, *objects.faults]
            objects.left_out += history.limits()
            objects.count = len(history.objects) or (None if objects.faults else 0)
            yield from _rows("git objects", ".git", objects, scrub)
        else:
            yield coverage_row("git objects", ".git", "not searched", 0, NO_REPOSITORY)
        for root in self.folders:
            outside = root != history.root
            for row in _rows("files outside" if outside else "files", ".", self.values[root], scrub):
                yield row | ({"place": scrub(_shown(root, row["place"]))} if outside else {})
        if self.patterns:
            self.patterns.count = None
            yield from _rows("patterns", ".", self.patterns, scrub)
        if self.idle:
            yield coverage_row("patterns", "files", "partly", self.idle, _IDLE)


def _texts(source: Source, reading: Reading) -> Iterator[tuple[str, bytes]]:
    """The texts of a source, each with the member of an archive that it is; of a large one its beginning."""
    if source.size > LARGEST:
        reading.left_out.append(NotSearched(source.origin.name, TOO_LARGE))
    for content in source.contents(Reading(budget=reading.budget), NO_WORDS):
        if content.start == 0 and (text := content.text):
            yield content.origin.member, text
        if source.size > LARGEST:
            return


def _rows(part: str, place: str, reading: Reading, scrub: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """git failing is "incomplete", whatever was found until then."""
    failed, left_out = "; ".join(dict.fromkeys(reading.faults)), sorted(set(reading.left_out))
    state = "incomplete" if failed else "partly" if left_out else "searched"
    yield coverage_row(part, place, state, reading.count, failed)
    yield from (coverage_row(part, scrub(one.place), "not searched", 1, one.reason) for one in left_out)


def coverage_row(part: str, place: str, state: str, count: int | None, reason: str) -> dict[str, Any]:
    """A row of LeakCoverage."""
    return {"part": part, "place": place, "state": state, "count": count, "reason": reason}


def _shown(root: Path, path: str) -> str:
    """A path outside the project as it was given."""
    return str((root.parent if root.is_file() else root) / path)
