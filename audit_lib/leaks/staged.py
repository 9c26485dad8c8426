"""Searches what is staged for the next commit for known values, and for what looks like a secret."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.tree import NotSearched
from audit_lib.leaks.binary_texts import LARGEST, is_text
from audit_lib.leaks.exact_search import WEAKEST_BITS, ExactSearch
from audit_lib.leaks.git_history import at_head, in_index
from audit_lib.leaks.git_objects import read_objects
from audit_lib.leaks.search_objects import InObject, search_named
from audit_lib.leaks.secret_patterns import Shapes
from audit_lib.leaks.shown_names import shown_names
from audit_lib.leaks.staged_patterns import Blobs, New, new_shapes
from audit_lib.ledger import Ledger
from audit_lib.ledger.timeline import tenures
from audit_lib.ledger.whose import candidates
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import strength_bits

# What may be a value in a line: a text in quotes, what follows a name, a word, and parts of a word.
_WORDS = tuple(
    re.compile(pattern)
    for pattern in (
        r"""(?=["'`]([^"'`]{8,512})["'`])""",
        r"""[=:]\s*(\S.{7,511})""",
        r"""(\S{8,512})""",
        r"""([\w.~+/=-]{8,512})""",
        r"""([\w-]{8,512})""",
    )
)
_NO_TEXT = f"is binary or over {LARGEST:,} bytes: values that the ledger alone knows were not searched for"
_LOOKS = "looks like a secret"
_EARLIER_KEY = "values that it saw only under an earlier key cannot be compared"


@dataclass(frozen=True, order=True)
class StagedHit:
    """A known value in staged content, by its place and its secret's name. Line 0 is the path itself."""

    path: str
    line: int
    secret: str
    known: str  # in force in …, or by what the value is known


_Known = Mapping[str, tuple[str, str]]  # fingerprints: the secret's name, and how the value is known
_Hits = Iterator[StagedHit]


@dataclass(frozen=True)
class StagedSearch:
    """What a search of the staged content gave."""

    files: int
    values: int  # how many known values were searched for
    hits: tuple[StagedHit, ...]
    left_out: tuple[NotSearched, ...]


def search_staged(
    root: Path,
    keeper: Keeper,
    targets: pd.DataFrame,
    ledger: Ledger,
    *,
    index: Path | None = None,
    shapes: Shapes | None = None,
) -> StagedSearch:
    """Every place of a known value in what the index holds and HEAD does not.

    Values at hand (LeakTargets) are found in every form and in archives. Of a value of the ledger only the
    fingerprint is known: it is found as a word or a text in quotes. Weak values and templates are left out.
    With `shapes` what looks like a secret is found, too, unless its file held it before.
    Raises `GitFailed` where git cannot say what is staged.
    """
    head = _decoded(at_head(root))
    staged = _new(_decoded(in_index(root, index)), head)
    real = targets[targets["kind"].eq("leak") & targets["searched"].eq("everywhere")]
    search = ExactSearch(keeper, real["fingerprint"], {})
    known = {row.fingerprint: (row.variable, _force(row.in_force)) for row in rows(real)}
    seen, earlier = _seen(ledger)
    found = search_named(root, staged, search)
    hits = {*_in_contents(found.found, staged, search, known), *_in_paths(staged, search, known)}
    left_out = [*found.left_out, *([NotSearched("ledger", _EARLIER_KEY)] if earlier else [])]
    only_seen = {mark: name for mark, name in seen.items() if mark not in known}
    for path, line, name in _by_ledger(root, staged, keeper, only_seen, left_out) if only_seen else ():
        hits.add(StagedHit(search.scrub(path), line, name, "seen by the ledger"))
    places = {(hit.path, hit.line) for hit in hits}
    held = keeper.fingerprints()
    new = list(new_shapes(root, staged, head, shapes, left_out)) if shapes else []
    shown = shown_names({shape.name for *_, shape in new}, keeper, held)
    hits.update(hit for hit in _by_shape(new, search, shown) if (hit.path, hit.line) not in places)
    files = sum(map(len, staged.values()))
    return StagedSearch(
        files, len(known.keys() | seen.keys()), tuple(sorted(hits)), tuple(sorted(set(left_out)))
    )


def _decoded(listed: Mapping[str, Collection[bytes]]) -> dict[str, list[str]]:
    return {oid: sorted(map(os.fsdecode, paths)) for oid, paths in listed.items()}


def _new(index: Blobs, head: Blobs) -> dict[str, list[str]]:
    """The blobs that the index holds at paths where HEAD holds another or none."""
    new = {oid: [path for path in paths if path not in head.get(oid, ())] for oid, paths in index.items()}
    return {oid: paths for oid, paths in new.items() if paths}


def _seen(ledger: Ledger) -> tuple[dict[str, str], bool]:
    """The secret of each fingerprint in the ledger; whether some are left out, being of an earlier key."""
    stays = tenures(ledger)
    ours = [stay for stay in stays if ":" not in stay.fingerprint]
    return {stay.fingerprint: stay.home.secret for stay in ours}, len(ours) < len(stays)


def _force(environments: str) -> str:
    return f"in force in {environments}" if environments else "not known to be in force"


def _in_contents(found: Iterable[InObject], staged: Blobs, search: ExactSearch, known: _Known) -> _Hits:
    for one in found:
        if one.found.matched == "exact":
            inside = f"!{search.scrub(one.inside)}" if one.inside else ""
            for path in staged[one.oid]:
                place = search.scrub(path) + inside
                yield StagedHit(place, one.found.line, *known[one.found.fingerprint])


def _in_paths(staged: Blobs, search: ExactSearch, known: _Known) -> _Hits:
    for path in sorted({path for paths in staged.values() for path in paths}):
        for found in search.look(os.fsencode(path)):
            if found.matched == "exact":
                yield StagedHit(search.scrub(path), 0, *known[found.fingerprint])


def _by_ledger(
    root: Path, staged: Blobs, keeper: Keeper, seen: Mapping[str, str], left_out: list[NotSearched]
) -> Iterator[tuple[str, int, str]]:
    """Path, line and secret of the words in staged texts whose fingerprints are those of the ledger."""
    for batch in read_objects(root, staged):
        for span in batch.spans:
            if not span.whole or span.size > LARGEST or not is_text(content := batch.content(span)):
                left_out += [NotSearched(path, _NO_TEXT) for path in staged[span.oid]]
            else:
                for line, name in _known_words(content.decode("utf-8", "replace"), keeper, seen):
                    yield from ((path, line, name) for path in staged[span.oid])


def _by_shape(new: Iterable[New], search: ExactSearch, shown: Collection[str]) -> _Hits:
    """One hit for each line: under a name that may be shown, else under the rule that met it."""
    told: dict[tuple[str, int], str] = {}
    for path, line, shape in sorted(
        new, key=lambda one: (one[2].name not in shown, one[2].name, one[2].rule)
    ):
        name = shape.name if shape.name in shown else shape.rule
        told.setdefault((search.scrub(path), line), name)
    return (StagedHit(*place, name, _LOOKS) for place, name in told.items())


def _known_words(text: str, keeper: Keeper, seen: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    judged: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        for word in _words(line):
            if word not in judged:
                judged[word] = _name(word, keeper, seen)
            if judged[word]:
                yield number, judged[word]


def _words(line: str) -> Collection[str]:
    return {found[1].strip(" \t;,") for pattern in _WORDS for found in pattern.finditer(line)}


def _name(word: str, keeper: Keeper, seen: Mapping[str, str]) -> str:
    """The secret whose value a word is; "" for any other word, and for one that texts hold by chance."""
    for _, candidate in candidates(word):
        name = seen.get(keeper.fingerprint(candidate), "")
        if name and strength_bits(candidate) >= WEAKEST_BITS:
            return name
    return ""
