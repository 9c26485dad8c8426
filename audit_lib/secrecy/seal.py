"""Searches what is about to be published, packed and encoded as it may be, for every known value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import pandas as pd

from audit_lib.base.archives import Budget, kind_of, unpack
from audit_lib.base.errors import Refused
from audit_lib.secrecy.forms import SHORTEST, STRONG_BITS, WINDOW, readings
from audit_lib.secrecy.keeper import MANIFEST, Keeper
from audit_lib.secrecy.matcher import PART, Hit, Matcher
from audit_lib.secrecy.strength import component, strength_bits

SHOWN = 20  # hits
_DEEPEST = 3  # encodings within each other
_SECRET_KINDS = ("secret", "unlisted")  # unlisted: named like a secret, and in no policy
_GENERATED = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16}|(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+=_~.-]{20}"
)
_DATE = re.compile(r"(19|20)\d\d-\d\d-\d\d([T ][\d:.Z+-]*)?")
_PACKAGE = Path(__file__).parents[1]
_TEXTS = (".py", ".toml", ".json", ".yml", ".j2", ".css", ".js")
_NOTEBOOKS = ("quarterly_review.ipynb", "incident.ipynb")


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
    """The keeper's values by what they are, never by what the project's policy calls them: whoever writes
    the policy could else have one published. A secret under one name is one under every name.

    `public` is text that the report may hold anyway (policy, names): a weak value within it is not searched
    for, and neither are 12 characters that are in it, such as a key's public prefix.
    """
    known = inventory.dropna(subset=["fingerprint"])
    set_up = ~known["placeholder"].fillna(False) & ~known["template"].fillna(False)
    secret = known[known["kind"].isin(_SECRET_KINDS) & set_up]
    named = frozenset(secret["fingerprint"])
    for whole in keeper.fingerprints():  # whatever the policy says that a URL is for
        keeper.part(whole, component("password"))
    held = frozenset(keeper.fingerprints())
    strong = {value for value in held if keeper.ask(value, strength_bits) >= STRONG_BITS}
    # What the inventory names and the keeper lacks stays in a class, so that the seal sees it is missing.
    sealed = {value for value in strong if value in named or keeper.ask(value, _looks_drawn)} | (named - held)
    folded = public.casefold()

    def is_ordinary(value: str) -> bool:
        name = value.casefold()
        return len(value) < SHORTEST or bool(_DATE.fullmatch(value)) or name in folded or name in _own_text()

    ordinary = {value for value in held - sealed if keeper.ask(value, is_ordinary)}
    weak = secret[secret["fingerprint"].isin(ordinary)]
    names = weak["secret"] + " (" + weak["environment"] + "/" + weak["service"] + ")"
    return Classes(
        sealed=frozenset(sealed),
        whole=held - sealed - ordinary,
        open=frozenset(ordinary),
        not_searched=tuple(sorted(set(names))),
        ordinary=len(ordinary - named),
        names=dict(zip(known["fingerprint"], known["secret"], strict=True)),
        public=public,
    )


def _looks_drawn(value: str) -> bool:
    """Whether a value was drawn rather than written: not a text, of which a part is ordinary."""
    return "://" not in value and len(value.split()) == 1 and _GENERATED.search(value) is not None


@cache
def _own_text() -> str:
    """This program's own text, folded: a word in it is nobody's secret, but for the sample's values."""
    own = [path for path in sorted(_PACKAGE.rglob("*")) if path.parent.name not in ("sample", "notebooks")]
    folders = (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks")
    notebooks = [folder / name for folder in folders for name in _NOTEBOOKS if (folder / name).is_file()]
    texts = [path for path in own if path.suffix in _TEXTS] + notebooks
    return "\n".join(path.read_text("utf-8") for path in texts).casefold()


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

    def statement(self, manifest: str = MANIFEST) -> str:
        """What the report says: true of a published copy and of a run by hand alike."""
        parts = [
            f"`review` publishes this report only after a search of its {self.artefacts} artefacts for "
            f"{self.values} secret values in {self.forms} forms, and for {self.runs} runs of {WINDOW} "
            f"characters of them, with 0 hits. Treat a copy without {manifest} as unchecked."
        ]
        if self.not_searched:
            weak = ", ".join(self.not_searched)
            parts.append(f"Too weak to be distinguished from ordinary text, and not searched for: {weak}.")
        if self.ordinary:
            parts.append(
                f"Of the other values {self.ordinary} are not searched for: they are shorter than 8 "
                "characters, a date, or a part of this program's own text or of the policy's."
            )
        return " ".join(parts)


def plan(keeper: Keeper, classes: Classes, artefacts: int) -> SealPlan:
    """What will be searched for, to be stated in the artefacts themselves.

    Raises:
        Refused: the keeper lacks a value that the inventory names: it would not be searched for.
    """
    if missing := sum(name not in keeper for name in classes.sealed | classes.whole):
        raise Refused(f"the seal lacks {missing} values that the inventory names; nothing was published")
    return _matched(keeper, classes, artefacts)[1]


def _matched(keeper: Keeper, classes: Classes, artefacts: int) -> tuple[Matcher, SealPlan]:
    values = classes.sealed | classes.whole
    matcher = Matcher.of(keeper, values, classes.sealed, classes.public)
    counts = (len(values), matcher.forms, matcher.runs, artefacts)
    return matcher, SealPlan(*counts, classes.not_searched, classes.ordinary)


def seal(folder: Path, keeper: Keeper, classes: Classes) -> SealPlan:
    """The result of a search of a folder without a hit: its files, their names and what is packed in them.

    Raises:
        Refused: a value is in an artefact, or one cannot be searched as a whole.
    """
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
    files = {path.relative_to(folder).as_posix(): path for path in paths}
    result = search_files(files, keeper, classes)
    if result.hits:
        more = [f"and {len(result.hits) - SHOWN} more"] if len(result.hits) > SHOWN else []
        raise Refused("\n".join([*result.hits[:SHOWN], *more, "nothing was published"]))
    return result


def search_files(files: Mapping[str, Path], keeper: Keeper, classes: Classes) -> SealPlan:
    """What is in files, in the names that they have here, and in all that is packed in them.

    Raises:
        Refused: a file cannot be searched as a whole: packed too deep, too large, damaged, or in a container
            that is not opened.
    """
    matcher, planned = _matched(keeper, classes, len(files))
    seen: set[bytes] = set()
    hits: list[str] = []
    for number, (name, path) in enumerate(files.items(), start=1):
        in_name = matcher.find(name.encode("utf-8", "surrogateescape"), 1)
        hits += [f"the name of artefact {number}: {_called(hit, classes)}" for hit in in_name[:1]]
        shown = f"artefact {number}" if in_name else name
        for way, content in views(shown, path.read_bytes(), seen):
            first = {(hit.name, hit.form): hit for hit in reversed(matcher.find(content))}
            places = [(_called(hit, classes), hit.start) for hit in sorted(first.values())]
            hits += [f"{shown}: {called}, at byte {start} of its {way}" for called, start in places]
    return replace(planned, hits=tuple(hits))


def _called(hit: Hit, classes: Classes) -> str:
    value = f"the value of {classes.names[hit.name]}" if hit.name in classes.names else "a value"
    return f"{WINDOW} characters of {value}" if hit.form == PART else f"{value} as {hit.form}"


def views(name: str, data: bytes, seen: set[bytes]) -> Iterator[tuple[str, bytes]]:
    """Pairs of a way of reading and what is then read, the bytes themselves first, no content twice.

    What was read is noted in `seen`: a copy of it is left out the next time.

    Raises:
        Refused: it cannot be searched as a whole.
    """
    budget = Budget()
    waiting: list[tuple[str, bytes, int]] = [("bytes", data, 0)]
    while waiting:
        way, content, depth = waiting.pop()
        if (digest := sha256(content).digest()) in seen:
            continue
        seen.add(digest)
        yield way, content
        faults: list[str] = []
        parts = [(part.path or "content", part.content) for part in unpack(content, faults, budget)]
        if faults:
            raise Refused(f"{name}: {faults[0]}")
        inner = [(f"member {path}", part, depth) for path, part in parts]
        if depth < _DEEPEST and (not parts or not kind_of(content)):
            inner += [(step, text, depth + 1) for step, text in readings(content)]
        waiting += [
            (step if way == "bytes" else f"{way}, {step}", part, deeper)
            for step, part, deeper in inner
            if part and part != content
        ]
