"""Searches what is about to be published, packed and encoded as it may be, for every known value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pandas as pd

from audit_lib.base.archives import Budget, unpack
from audit_lib.base.errors import Refused
from audit_lib.base.in_words import few
from audit_lib.secrecy.keeper import MANIFEST, Keeper
from audit_lib.secrecy.redact import PART, SHORTEST, WINDOW, Hit, Matcher, readings
from audit_lib.secrecy.strength import component, strength_bits

STRONG_BITS = 64  # a value of fewer may be found by chance in parts
SHOWN = 20  # hits
_GENERATED = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16}|(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+=_~.-]{20}"
)
_DATE = re.compile(r"(19|20)\d\d-\d\d-\d\d([T ][\d:.Z+-]*)?")
_PACKAGE = Path(__file__).parents[1]
_TEXTS = (".py", ".toml", ".json", ".yml", ".j2", ".css", ".js")
_NOTEBOOKS = ("notebooks/quarterly_review.ipynb", "notebooks/incident.ipynb")


@dataclass(frozen=True)
class Classes:
    """The keeper's values, as fingerprints, by how they are searched for."""

    sealed: frozenset[str]  # strong, and secret by name or by shape: whole, and any 12 characters
    whole: frozenset[str]  # all others of eight characters or more: whole
    open: frozenset[str]  # short ones, dates, and what ordinary text holds: not at all
    not_searched: tuple[str, ...]  # names of secrets whose values are open
    ordinary: int  # how many other values are open
    names: Mapping[str, str]  # of each value the secret that has it
    public: str = field(repr=False)  # what a report may say anyway, such as names and formats


def classify(keeper: Keeper, inventory: pd.DataFrame, public: str) -> Classes:
    """The keeper's values by what they are, never by what the project's policy calls them: whoever writes it
    could else have one published. Of what a report says anyway, `public`, nothing is searched for."""
    known = inventory.dropna(subset=["fingerprint"])
    set_up = ~known["placeholder"].fillna(False) & ~known["template"].fillna(False)
    secret = known[known["kind"].isin(["secret", "unlisted"]) & set_up]
    named = frozenset(secret["fingerprint"])
    for whole in keeper.fingerprints():  # whatever the policy says that a URL is for
        keeper.part(whole, component("password"))
    held = frozenset(keeper.fingerprints())
    strong = {value for value in held if keeper.ask(value, strength_bits) >= STRONG_BITS}
    # What the inventory names and the keeper lacks stays in a class, so that the seal sees it is missing.
    sealed = {value for value in strong if value in named or keeper.ask(value, _looks_drawn)} | (named - held)

    def is_ordinary(value: str) -> bool:
        short, folded = len(value) < SHORTEST or bool(_DATE.fullmatch(value)), value.casefold()
        return short or folded in public.casefold() or folded in _own_text()

    ordinary = frozenset(value for value in held - sealed if keeper.ask(value, is_ordinary))
    weak = secret[secret["fingerprint"].isin(ordinary)]
    names = set(weak["secret"] + " (" + weak["environment"] + "/" + weak["service"] + ")")
    return Classes(
        sealed=frozenset(sealed),
        whole=held - sealed - ordinary,
        open=ordinary,
        not_searched=tuple(sorted(names)),
        ordinary=len(ordinary - named),
        names=dict(zip(known["fingerprint"], known["secret"], strict=True)),
        public=public,
    )


def _looks_drawn(value: str) -> bool:
    return "://" not in value and len(value.split()) == 1 and _GENERATED.search(value) is not None


@cache
def _own_text() -> str:
    """This program's own text, folded: a word in it is nobody's secret, but for the sample's values."""
    own = [path for path in _PACKAGE.rglob("*") if path.suffix in _TEXTS and path.parent.name != "sample"]
    own += [path for name in _NOTEBOOKS for path in (*_PACKAGE.glob(name), *_PACKAGE.parent.glob(name))]
    return "\n".join(path.read_text("utf-8") for path in own).casefold()


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
    matcher: Matcher = field(default_factory=lambda: Matcher({}), repr=False)

    def statement(self, manifest: str = MANIFEST) -> str:
        """What the report says: true of a published copy and of a run by hand alike."""
        weak = ", ".join(self.not_searched)
        sentences = {
            f"`review` publishes this report only after a search of its {self.artefacts} artefacts for "
            f"{self.values} secret values in {self.forms} forms, and for {self.runs} runs of {WINDOW} "
            f"characters of them, with 0 hits. Treat a copy without {manifest} as unchecked.": True,
            f"Too weak to be distinguished from ordinary text, and not searched for: {weak}.": weak,
            f"Of the other values {self.ordinary} are not searched for: they are shorter than 8 characters, "
            "a date, or a part of this program's own text or of the policy's.": self.ordinary,
        }
        return " ".join(sentence for sentence, holds in sentences.items() if holds)


def plan(keeper: Keeper, classes: Classes, artefacts: int) -> SealPlan:
    """What will be searched for. Raises `Refused` for a keeper that lacks a value of the inventory."""
    values = classes.sealed | classes.whole
    if missing := sum(value not in keeper for value in values):
        raise Refused(f"the seal lacks {missing} values that the inventory names; nothing was published")
    matcher = Matcher.of(keeper, values, classes.sealed, classes.public)
    counts = (len(values), matcher.forms, matcher.runs, artefacts)
    return SealPlan(*counts, classes.not_searched, classes.ordinary, matcher=matcher)


def seal(folder: Path, keeper: Keeper, classes: Classes) -> SealPlan:
    """The result of a search of a folder without a hit. Raises `Refused` for one, and as `search_files`."""
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
    result = search_files({path.relative_to(folder).as_posix(): path for path in paths}, keeper, classes)
    if result.hits:
        raise Refused(few(result.hits, SHOWN, apart="\n", end="\nand ") + "\nnothing was published")
    return result


def search_files(files: Mapping[str, Path], keeper: Keeper, classes: Classes) -> SealPlan:
    """What is in files, their names and all that is packed in them. Raises `Refused` for others."""
    planned = plan(keeper, classes, len(files))
    seen: set[bytes] = set()
    hits: list[str] = []
    for number, (name, path) in enumerate(files.items(), start=1):
        in_name = planned.matcher.find(name.encode("utf-8", "surrogateescape"), 1)
        hits += [f"the name of artefact {number}: {_called(hit, classes)}" for hit in in_name[:1]]
        shown = f"artefact {number}" if in_name else name
        for way, content in views(shown, path.read_bytes(), seen):
            first = {(hit.name, hit.form): hit for hit in reversed(planned.matcher.find(content))}
            named = ((_called(hit, classes), hit.start) for hit in sorted(first.values()))
            hits += [f"{shown}: {value}, at byte {start} of its {way}" for value, start in named]
    return replace(planned, hits=tuple(hits))


def _called(hit: Hit, classes: Classes) -> str:
    value = f"the value of {classes.names[hit.name]}" if hit.name in classes.names else "a value"
    return f"{WINDOW} characters of {value}" if hit.form == PART else f"{value} as {hit.form}"


def views(name: str, data: bytes, seen: set[bytes]) -> Iterator[tuple[str, bytes]]:
    """Pairs of a way of reading and what is read so, and is not in `seen` yet. Raises `Refused`."""
    budget = Budget()

    def members(content: bytes) -> list[tuple[str, bytes]]:
        faults: list[str] = []
        found = [
            (f"member {part.path or 'content'}", part.content) for part in unpack(content, faults, budget)
        ]
        if faults:
            raise Refused(f"{name}: {faults[0]}")
        return found

    return readings(data, seen, members)
