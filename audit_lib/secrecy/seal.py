"""Searches what is about to be published, packed and encoded as it may be, for every known value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.archives import Budget, unpack
from audit_lib.base.errors import Refused
from audit_lib.base.in_words import few
from audit_lib.secrecy.keeper import MANIFEST, Keeper
from audit_lib.secrecy.redact import PART, SHORTEST, WINDOW, Hit, Matcher, Reading, readings
from audit_lib.secrecy.strength import component, strength_bits

STRONG_BITS = 64  # a value of fewer may be found by chance in parts
SHOWN = 20  # hits
_GENERATED = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16}|(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+=_~.-]{20}"
)
_TEXT = re.compile(r"""://|@\w+\(|\S\s+\S|^[\w$.>-]+\\{0,3}["'`\]]?[(:,=]+\\{0,3}["'`]""")
_NAME = re.compile(r"""^[\w$.>-]+["'`]?\s*[:=]\s*(["'`])(.*)\1$""")
_PACKAGE, _TEXTS = Path(__file__).parents[1], (".py", ".toml", ".json", ".yml", ".j2", ".css", ".js")
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


def classify(keeper: Keeper, inventory: pd.DataFrame, public: str, files: str = "") -> Classes:
    """The keeper's values by what they are, never by what the policy calls them: its writer could have one
    published. What a report says, `public`, is not searched for, nor are weak values in paths, `files`."""
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
        weak = len(value) < SHORTEST or re.fullmatch(r"(19|20)\d\d-\d\d-\d\d([T ][\d:.Z+-]*)?", value)
        # Without its name; a loader may take the quotes along, which JSON has, too.
        bare = _NAME.sub(r"\2", value).strip("\"'").casefold()
        return bool(weak) or bare in f"{public}\n{files}".casefold() or bare in _own_text()

    ordinary = frozenset(value for value in held - sealed if keeper.ask(value, is_ordinary))
    weak = secret[secret["fingerprint"].isin(ordinary)]
    return Classes(
        sealed=frozenset(sealed),
        whole=held - sealed - ordinary,
        open=ordinary,
        not_searched=tuple(
            sorted(set(weak["secret"] + " (" + weak["environment"] + "/" + weak["service"] + ")"))
        ),
        ordinary=len(ordinary - named),
        names=dict(zip(known["fingerprint"], known["secret"], strict=True)),
        public=public,
    )


def _looks_drawn(value: str) -> bool:
    # A NAME= may be shown, and NAME(".
    return any(map(_GENERATED.search, re.split("=+", value))) and not _TEXT.search(value)


@cache
def _own_text() -> str:
    """This program's own text, folded: a word in it is nobody's secret, but for the sample's values."""
    own = [
        *(path for path in _PACKAGE.rglob("*") if path.suffix in _TEXTS and path.parent.name != "sample"),
        *(path for name in _NOTEBOOKS for path in (*_PACKAGE.glob(name), *_PACKAGE.parent.glob(name))),
    ]
    return "\n".join(path.read_text("utf-8") for path in own).casefold()


def _matcher(keeper: Keeper, classes: Classes) -> Matcher:
    values = classes.sealed | classes.whole
    if missing := sum(value not in keeper for value in values):
        raise Refused(f"the seal lacks {missing} values that the inventory names; nothing was published")
    return Matcher.of(keeper, values, classes.sealed, classes.public)


def plan(keeper: Keeper, classes: Classes, artefacts: int) -> dict[str, Any]:
    """What will be searched for, in so many artefacts, as the manifest has it.

    `values` in `forms` forms, `runs` runs of 12 characters of strong ones, the names of secrets that are
    `not_searched`, and how many `ordinary` values are not either. Raises `Refused` as the search itself.
    """
    matcher = _matcher(keeper, classes)
    return {
        "values": len(classes.sealed | classes.whole),
        "forms": matcher.forms,
        "runs": matcher.runs,
        "artefacts": artefacts,
        "not_searched": classes.not_searched,
        "ordinary": classes.ordinary,
    }


def statement(planned: Mapping[str, Any]) -> str:
    """What the report says of a plan: true of a published copy and of a run by hand alike."""
    weak = ", ".join(planned["not_searched"])
    sentences = {
        "`review` publishes this report only after a search of its {artefacts} artefacts for {values} secret "
        f"values in {{forms}} forms, and for {{runs}} runs of {WINDOW} characters of them, with 0 hits. "
        f"Treat a copy without {MANIFEST} as unchecked.": True,
        "Too weak to be distinguished from ordinary text, and not searched for: {weak}.": weak,
        "Of the other values {ordinary} are not searched for: they are shorter than 8 characters, "
        "a date, or a part of this program's own text or of the policy's.": planned["ordinary"],
    }
    return " ".join(sentence.format(**planned, weak=weak) for sentence, holds in sentences.items() if holds)


def seal(folder: Path, keeper: Keeper, classes: Classes) -> None:
    """Search a folder. Raises `Refused` for a hit, and as `search_files`."""
    files = {at.relative_to(folder).as_posix(): at for at in sorted(folder.rglob("*")) if not at.is_dir()}
    if hits := search_files(files, keeper, classes):
        raise Refused(few(hits, SHOWN, apart="\n", end="\nand ") + "\nnothing was published")


def search_files(files: Mapping[str, Path], keeper: Keeper, classes: Classes) -> list[str]:
    """The places of values in files, in their names and in all that is packed in them, never a value itself.

    Of each secret and form the first place in each way of reading a file. Raises `Refused` for a file that
    cannot be searched to its bottom, and for a keeper that lacks a value.
    """
    matcher, seen, hits = _matcher(keeper, classes), set[bytes](), list[str]()
    for number, (name, path) in enumerate(files.items(), start=1):
        in_name = matcher.find(name.encode("utf-8", "surrogateescape"), 1)
        hits += [f"the name of artefact {number}: {_called(hit, classes)}" for hit in in_name[:1]]
        shown = f"artefact {number}" if in_name else name
        for way, content in views(shown, path.read_bytes(), seen):
            first = {(hit.name, hit.form): hit for hit in reversed(matcher.find(content))}
            hits += [
                f"{shown}: {_called(hit, classes)}, at byte {hit.start} of its {way}"
                for hit in sorted(first.values())
            ]
    return hits


def _called(hit: Hit, classes: Classes) -> str:
    value = f"the value of {classes.names[hit.name]}" if hit.name in classes.names else "a value"
    return f"{WINDOW} characters of {value}" if hit.form == PART else f"{value} as {hit.form}"


def views(name: str, data: bytes, seen: set[bytes]) -> Iterator[Reading]:
    """Pairs of a way of reading and what is read so, and is not in `seen` yet. Raises `Refused`."""
    budget, faults = Budget(), list[str]()

    def members(content: bytes) -> Iterator[Reading]:
        for path, part, _ in unpack(content, faults, budget):
            yield f"member {path or 'content'}", part
        if faults:
            raise Refused(f"{name}: {faults[0]}")

    return readings(data, seen, members)
