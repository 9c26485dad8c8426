"""Searches what is staged for the next commit for known values, and for what looks like a secret."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.leaks.history import at_head, in_index
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.sources import LARGEST, TOO_LARGE, Reading, Source, is_text, object_sources
from audit_lib.leaks.targets import with_patterns
from audit_lib.leaks.values import Values
from audit_lib.ledger import Ledger
from audit_lib.ledger.timeline import tenures
from audit_lib.ledger.whose import candidates
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import WEAKEST_BITS
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
_EARLIER_KEY = "values that it saw only under an earlier key cannot be compared"
_PATTERN = "looks like a secret"
_Blobs = Mapping[str, list[str]]  # by id, with their paths


@dataclass(frozen=True, order=True)
class StagedHit:
    """A known value in staged content, by its place and its secret's name. Line 0 is the path itself."""

    path: str
    line: int
    secret: str
    known: str  # in force in …, or by what the value is known


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
    rules: Rules | None = None,
) -> StagedSearch:
    """Every place of a known value in what the index holds and HEAD does not.

    Values at hand (LeakTargets) are found in every form and in archives. Of a value of the ledger only the
    fingerprint is known: it is found as a word or a text in quotes. Weak values and templates are left out.
    With `rules` what looks like a secret is found, too, unless its file held it before.
    Raises `GitFailed` where git cannot say what is staged.
    """
    head, listed = _decoded(at_head(root)), _decoded(in_index(root, index))
    new = {oid: [path for path in paths if path not in head.get(oid, ())] for oid, paths in listed.items()}
    staged = {oid: paths for oid, paths in new.items() if paths}
    reading, stays, held = Reading(), tenures(ledger), keeper.fingerprints()
    sources = list(object_sources(root, list(staged), reading))
    real = targets[targets["kind"].eq("leak") & targets["searched"].eq("everywhere")]
    shapes = _new_shapes(root, sources, staged, head, rules, reading) if rules else set()
    wanted = with_patterns(real, shapes, keeper, held)
    seen = {stay.fingerprint: stay.home.secret for stay in stays if ":" not in stay.fingerprint}
    only_seen = {value: name for value, name in seen.items() if value not in set(real["fingerprint"])}
    hits = set(_of_values(sources, staged, Values(keeper, wanted), wanted, reading))
    if only_seen:
        hits |= set(_of_ledger(sources, staged, keeper, only_seen, reading))
    sure = {(hit.path, hit.line) for hit in hits if hit.known != _PATTERN}
    hits = {hit for hit in hits if hit.known != _PATTERN or (hit.path, hit.line) not in sure}
    left_out = {
        NotSearched(path, one.reason)
        for one in reading.left_out
        for path in staged.get(one.place.removeprefix("git object "), [one.place])
    }
    left_out |= {NotSearched(path, "cannot be read") for oid in reading.missing for path in staged[oid]}
    left_out |= {NotSearched("ledger", _EARLIER_KEY) for stay in stays if ":" in stay.fingerprint}
    files, count = sum(map(len, staged.values())), len({*real["fingerprint"], *seen})
    return StagedSearch(files, count, tuple(sorted(hits)), tuple(sorted(left_out)))


def _decoded(listed: Mapping[str, Collection[bytes]]) -> dict[str, list[str]]:
    return {oid: sorted(map(os.fsdecode, paths)) for oid, paths in listed.items()}


def _new_shapes(
    root: Path, sources: list[Source], staged: _Blobs, head: _Blobs, rules: Rules, reading: Reading
) -> set[Shape]:
    """What looks like a secret in staged files and is not in what HEAD holds there: `leaks` lists that."""
    changed = {path for paths in staged.values() for path in paths}
    before = {oid: paths for oid, paths in head.items() if not changed.isdisjoint(paths)}
    old = {
        (path, shape.fingerprint)
        for source in object_sources(root, list(before), Reading())
        for shape in _shapes(source, before, rules, Reading())
        for path in before[source.origin.oid]
    }
    return {
        shape
        for source in sources
        for shape in _shapes(source, staged, rules, reading)
        for path in staged[source.origin.oid]
        if (path, shape.fingerprint) not in old
    }


def _shapes(source: Source, blobs: _Blobs, rules: Rules, reading: Reading) -> Iterator[Shape]:
    if source.size > LARGEST:
        reading.left_out.append(NotSearched(source.origin.name, TOO_LARGE))
        return
    for content in source.contents(Reading()):
        yield from rules.find(content.text, blobs[source.origin.oid])


def _of_values(
    sources: list[Source], staged: _Blobs, values: Values, wanted: pd.DataFrame, reading: Reading
) -> Iterator[StagedHit]:
    """Hits of LeakTargets in contents and in their paths."""
    known = {row.fingerprint: (row.variable, _known_by(row)) for row in rows(wanted)}
    for source in sources:
        found = [one for one in values.search(source, reading) if one.matched == "exact"]
        for path in staged[source.origin.oid]:
            for one in found:
                inside = f"!{one.origin.member}" if one.origin.member else ""
                yield StagedHit(values.scrub(path + inside), one.line, *known[one.fingerprint])
            for one in values.find(os.fsencode(path)):
                if one.matched == "exact":
                    yield StagedHit(values.scrub(path), 0, *known[one.fingerprint])


def _known_by(target: Any) -> str:
    in_force = f"in force in {target.in_force}" if target.in_force else "not known to be in force"
    return _PATTERN if target.kind == "pattern" else in_force


def _of_ledger(
    sources: list[Source], staged: _Blobs, keeper: Keeper, seen: Mapping[str, str], reading: Reading
) -> Iterator[StagedHit]:
    """Hits of words in staged texts whose fingerprints are those of the ledger."""
    name_of = cache(partial(_name, keeper=keeper, seen=seen))
    for source in sources:
        content = source.open().read(LARGEST + 1)
        if len(content) > LARGEST or not is_text(content):
            reading.left_out.append(NotSearched(source.origin.name, _NO_TEXT))
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            for word in {found[1].strip(" \t;,") for pattern in _WORDS for found in pattern.finditer(line)}:
                if name := name_of(word):
                    for path in staged[source.origin.oid]:
                        yield StagedHit(path, number, name, "seen by the ledger")


def _name(word: str, keeper: Keeper, seen: Mapping[str, str]) -> str:
    """The secret whose value a word is; "" for any other word, and for one that texts hold by chance."""
    for _, candidate in candidates(word):
        name = seen.get(keeper.fingerprint(candidate), "")
        if name and strength_bits(candidate) >= WEAKEST_BITS:
            return name
    return ""
