"""Two passes over everything: what rules find, then where known and found values are."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from audit_lib.base.cache import CleanObjects
from audit_lib.base.files import NotSearched
from audit_lib.base.in_words import counted
from audit_lib.base.progress import Progress, adding_up
from audit_lib.leaks.candidates import is_kind, is_others, place_elsewhere
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


@dataclass(frozen=True)
class Scope:
    """What is searched: the project's history and files, and others beside it."""

    history: History
    homes: frozenset[str]  # env files, where values belong
    own: frozenset[str]  # the audit's own folder, to which no rule is applied
    also: tuple[Path, ...]
    progress: Progress


@dataclass
class Discovery:
    """What the rules found, whose values the keeper holds, and what was not searched by them."""

    shapes: set[Shape] = field(default_factory=set)
    idle: int = 0  # values under a password's name that are counted and not listed
    left_out: set[NotSearched] = field(default_factory=set)
    failed: str = ""


@dataclass
class ValueSearch:
    """Where values are in a project, and what was searched: objects, files, folders outside."""

    found: list[Found] = field(default_factory=list)
    objects: Reading = field(default_factory=Reading)
    files: dict[Path, Reading] = field(default_factory=dict)  # by folder, the project's first


def discover(scope: Scope, rules: Rules, clean: CleanObjects) -> Discovery:
    """Everything that looks like a secret in the objects, the messages and the files of a project.

    What people choose is looked for in its files alone: what only the history holds is in use nowhere, and a
    talk beside it is full of words. Without kingfisher nothing is searched.
    """
    if not is_available():
        return Discovery(failed=f"{ENGINE} is not installed: only known values were searched for")
    done, reading, marked, history = Discovery(), Reading(), set[str](), scope.history
    for root in (history.root, *scope.also):
        _discover_in_files(scope, root, rules, done)
    for source in _objects(scope, clean, "shapes in git objects", reading, but="tree"):
        places = history.places.get(source.origin.oid, ())
        paths = tuple(dict.fromkeys(path.decode("utf-8", "replace") for _, path in places))
        if not paths or not all(map(is_others, paths)):
            for _, text in _texts(source, done):
                shapes = rules.find(text, paths)
                done.shapes |= shapes
                marked |= {source.origin.oid} if shapes else set()
    done.failed = "; ".join(dict.fromkeys([*history.faults, *reading.faults]))
    if reading.missing:
        lacking = counted(len(reading.missing), "object")
        done.left_out.add(NotSearched(".git", f"lacks {lacking}, never fetched or broken"))
    elif not done.failed:
        marked |= {one.oid for one in history.objects if one.size > LARGEST and one.kind != "tree"}
        clean.store(one.oid for one in history.objects if one.oid not in marked)
    return done


def _discover_in_files(scope: Scope, root: Path, rules: Rules, done: Discovery) -> None:
    """Adds what the rules find in the files of the project or of a folder beside it."""
    installed, in_project, mine = 0, root == scope.history.root, Discovery()
    for source in file_sources(root, Reading()):
        path = source.origin.path
        if is_kind("installed", path):
            installed += 1
        elif not (in_project and (path in scope.homes or path.startswith(tuple(scope.own)))):
            for member, text in _texts(source, mine):
                done.shapes |= rules.find(text, (path,))
                if in_project and not member:
                    done.shapes |= {Shape(rules.keeper.take(one), "", HASH) for one in password_hashes(text)}
                    chosen, idle = chosen_in_file(text, path, rules)
                    done.shapes |= chosen
                    done.idle += idle
    done.left_out |= {one if in_project else _shown(root, one) for one in mine.left_out}
    if installed:
        done.left_out.add(NotSearched(counted(installed, "file"), "belong to installed packages or to git"))


def _texts(source: Source, done: Discovery) -> Iterator[tuple[str, bytes]]:
    """The texts of a source, each with the member of an archive that it is. What the search for known values
    says of archives, too, is said once."""
    reading = Reading()
    for content in source.contents(reading, NO_WORDS):
        if source.size > LARGEST and not content.origin.opened:
            done.left_out.add(NotSearched(source.origin.name, TOO_LARGE))
        if content.start == 0 and (text := content.text):
            yield content.origin.member, text
        if source.size > LARGEST and not content.origin.opened:
            return  # only its beginning
    done.left_out |= {one for one in reading.left_out if one.reason.startswith("cannot be read")}


def _objects(
    scope: Scope, clean: CleanObjects, what: str, reading: Reading, but: str = ""
) -> Iterator[Source]:
    """The objects that are not known to be clean, but for a kind."""
    wanted = [one for one in scope.history.objects if one.kind != but and one.oid not in clean.objects]
    read = adding_up(scope.progress, what, sum(one.size for one in wanted))
    for source in object_sources(scope.history.root, [one.oid for one in wanted], reading):
        yield source
        read(source.size)


def search_values(scope: Scope, values: Values, clean: CleanObjects) -> ValueSearch:
    """Every place of every value in a project and in the folders beside it, in every form.

    Of env files, which are the values' homes, only the names are searched.
    """
    done, history, marked, names = ValueSearch(), scope.history, set[str](), set[tuple[str, ...]]()
    for root in (history.root, *scope.also):
        done.files[root] = Reading()
        done.found += _in_files(scope, root, values, done.files[root])
    reading = done.objects
    for source in _objects(scope, clean, "git objects", reading):
        for one in values.search(source, reading):
            marked.add(source.origin.oid)
            # Every version of a folder is a tree that has a name again.
            name = (str(one.where), one.fingerprint, one.form, one.matched)
            if source.origin.kind != "tree" or (one.where and name not in names):
                names.add(name)
                done.found.append(one)
    lost = "cannot be read: it was never fetched, or it is broken"
    reading.left_out += [NotSearched(f"git object {oid}", lost) for oid in reading.missing]
    if not (reading.faults or reading.missing or history.faults):
        marked |= {one.place.removeprefix("git object ") for one in reading.left_out}
        clean.store(one.oid for one in history.objects if one.oid not in marked)
    return done


def _in_files(scope: Scope, root: Path, values: Values, reading: Reading) -> Iterator[Found]:
    read, in_project = 0, root == scope.history.root
    for source in file_sources(root, reading):
        found = values.find(source.origin.path.encode("utf-8", "surrogateescape"), source.origin)
        found = [replace(one, line=0) for one in found]
        if not in_project or source.origin.path not in scope.homes:
            found += values.search(source, reading)
        path = str(_below(root, source.origin.path))
        for one in found:
            origin = replace(one.origin, path=path, place=place_elsewhere(path))
            yield one if in_project else replace(one, origin=origin)
        read += source.size
        scope.progress("files", read, 0)
    if not in_project:
        reading.left_out = [_shown(root, one) for one in reading.left_out]


def _shown(root: Path, one: NotSearched) -> NotSearched:
    return replace(one, place=str(_below(root, one.place)))


def _below(root: Path, path: str) -> Path:
    """A path outside the project as it was given."""
    return (root.parent if root.is_file() else root) / path
