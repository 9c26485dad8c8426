"""Searches every artefact for every secret value before it is published, and refuses on a hit.

The report says what was searched for, and that sentence is itself in the artefacts. So `plan` counts
values, forms and artefacts first; the artefacts are written with its sentence; `seal` then searches
the finished bytes, and refuses on a hit or where it did something else than the sentence says.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from audit_lib.base.errors import Refused
from audit_lib.base.in_words import counted
from audit_lib.report.publish.extract_text import views
from audit_lib.report.publish.value_classes import Classes
from audit_lib.secrecy.forms import WINDOW, forms, windows
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import Hit, Matcher
from audit_lib.secrecy.signature import MANIFEST
from audit_lib.secrecy.spelled import SpelledSearch

SHOWN = 20  # hits
_NAME = re.compile(rb"[A-Za-z]+(?:[_-][A-Za-z]+)+")  # such as the user and the database of MY_SHOP_URL
_Find = Callable[[bytes], list[Hit]]


@dataclass(frozen=True)
class SealPlan:
    """What is searched for, in how many artefacts; of a search that was done also what it found."""

    values: int
    forms: int
    runs: int  # runs of 12 characters
    artefacts: int
    not_searched: tuple[str, ...]
    ordinary: int = 0  # other values that are not searched for
    hits: tuple[str, ...] = ()  # places, never values

    def statement(self) -> str:
        """What the report says: true of a published copy and of a run by hand alike."""
        weak = (
            " Not searched for, since they are too weak to be distinguished from ordinary text: "
            f"{', '.join(self.not_searched)}."
        )
        other = (
            f" Of the other values {self.ordinary} are not searched for: they are shorter than 8 characters, "
            "a date, or a part of this program's own text or of the policy's."
        )
        return (
            (
                f"`review` publishes this report only after a search of its {self.artefacts} artefacts for "
                f"{self.values} secret values in {self.forms} forms, and for {self.runs} runs of {WINDOW} "
                f"characters of them, with 0 hits. Treat a copy without {MANIFEST} as unchecked."
            )
            + (weak if self.not_searched else "")
            + (other if self.ordinary else "")
        )


def plan(keeper: Keeper, classes: Classes, artefacts: int) -> SealPlan:
    """What will be searched for, to be stated in the artefacts themselves.

    Raises:
        Refused: the keeper lacks a value that the inventory names: it would not be searched for.
    """
    if missing := sum(name not in keeper for name in classes.sealed | classes.whole):
        raise Refused(f"the seal lacks {missing} values that the inventory names; nothing was published")
    return _planned(_Patterns.of(keeper, classes), classes, artefacts)


@dataclass(frozen=True)
class _Patterns:
    """What is searched for: whole values by form and byte by byte, and runs of 12 characters."""

    whole: dict[bytes, str] = field(repr=False)  # the bytes, and the name of their form
    runs: dict[bytes, str] = field(repr=False)
    spelled: SpelledSearch

    @classmethod
    def of(cls, keeper: Keeper, classes: Classes) -> "_Patterns":
        whole: dict[bytes, str] = {}
        runs: dict[bytes, str] = {}
        searched = classes.sealed | classes.whole

        def is_public_name(form: bytes) -> bool:
            return bool(_NAME.fullmatch(form)) and form.decode() in classes.public

        for fingerprint, value in keeper.values():
            name_of = classes.names.get(fingerprint)
            called = f"the value of {name_of}" if name_of else "a value"
            if fingerprint in searched:
                for name, form in forms(value):
                    if not (name == "other case" and is_public_name(form)):
                        whole.setdefault(form, f"{called} as {name}")
            if fingerprint in classes.sealed:
                for run in windows(value):
                    if run.decode("utf-8", "replace") not in classes.public:
                        runs.setdefault(run, f"{WINDOW} characters of {called}")
        spelled = SpelledSearch(
            (("a value byte by byte", value) for name, value in keeper.values() if name in searched),
            (("a value in letters", value) for name, value in keeper.values() if name in classes.sealed),
        )
        return cls(whole, runs, spelled)

    @property
    def forms(self) -> int:
        return len(self.whole) + len(self.spelled)

    def finder(self) -> _Find:
        """Gives every place of them in a content."""
        matcher = Matcher((name, form) for form, name in (self.runs | self.whole).items())
        return lambda data: sorted([*matcher.find(data), *self.spelled.find(data)])


def _planned(patterns: _Patterns, classes: Classes, artefacts: int) -> SealPlan:
    values, runs = len(classes.sealed | classes.whole), len(patterns.runs)
    return SealPlan(values, patterns.forms, runs, artefacts, classes.not_searched, classes.ordinary)


def search(folder: Path, keeper: Keeper, classes: Classes) -> SealPlan:
    """What is in the files of a folder, their names and all that is packed in them.

    Raises:
        Refused: a file cannot be searched as a whole.
    """
    paths = [path for path in folder.rglob("*") if not path.is_dir()]
    # Archives last: a file that was searched is not searched again as a copy in one.
    paths.sort(key=lambda path: (path.suffix == ".zip", path))
    return search_files({path.relative_to(folder).as_posix(): path for path in paths}, keeper, classes)


def search_files(files: Mapping[str, Path], keeper: Keeper, classes: Classes) -> SealPlan:
    """What is in files, in the names that they have here, and in all that is packed in them.

    Raises:
        Refused: a file cannot be searched as a whole.
    """
    patterns = _Patterns.of(keeper, classes)
    find = patterns.finder()
    searched: set[bytes] = set()
    hits: list[str] = []
    for number, (name, path) in enumerate(files.items(), start=1):
        named = find(name.encode("utf-8", "surrogateescape"))
        hits += [f"the name of artefact {number}: {hit.name}" for hit in named[:1]]
        data = path.read_bytes()
        hits += _in_file(f"artefact {number}" if named else name, data, find, searched)
        searched.add(sha256(data).digest())
    return replace(_planned(patterns, classes, len(files)), hits=tuple(hits))


def _in_file(name: str, data: bytes, find: _Find, searched: Collection[bytes]) -> list[str]:
    found = []
    for way, content in views(name, data, searched):
        # Overlapping runs of one value are one place.
        last = -1
        for hit in find(content):
            if hit.start > last:
                found.append(f"{name}: {hit.name}, at byte {hit.start} of its {way}")
            last = max(last, hit.end)
    return found


def seal(folder: Path, keeper: Keeper, classes: Classes, planned: SealPlan) -> SealPlan:
    """The result of a search without a hit, which is what the plan in the artefacts said.

    Raises:
        Refused: a value is in an artefact, one cannot be searched, or the plan said something else.
    """
    result = search(folder, keeper, classes)
    if result.hits:
        raise Refused("\n".join(_shortened(result.hits)) + "\nnothing was published")
    if result != planned:
        raise Refused("the seal searched for something other than the report states; nothing was published")
    return result


def _shortened(hits: tuple[str, ...]) -> list[str]:
    """The first place of each value in each artefact, and how many more there are."""
    alike: dict[str, list[str]] = {}
    for hit in hits:
        alike.setdefault(hit.partition(", at byte ")[0], []).append(hit)
    told = [
        some[0] + (f", and {counted(len(some) - 1, 'more place')}" if some[1:] else "")
        for some in alike.values()
    ]
    more = len(told) - SHOWN
    return [*told[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
