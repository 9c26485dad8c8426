"""Searches what is staged for the next commit for known values, and for what looks like a secret."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.search import Found, Values
from audit_lib.leaks.sources import Reading, Source, at_head, in_index, object_sources
from audit_lib.leaks.targets import with_found
from audit_lib.secrecy.keeper import Keeper

_PATTERN = "looks like a secret"
_Blobs = Mapping[str, Iterable[bytes]]  # by id, with their paths


@dataclass(frozen=True, order=True)
class StagedHit:
    """A secret in staged content, by its place and name. Line 0 is the path itself."""

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
    *,
    index: Path | None = None,
    rules: Rules | None = None,
) -> StagedSearch:
    """Every place of a known value (LeakTargets) in what the index holds and HEAD does not, in every form and
    in archives. Weak values and templates are left out.

    With `rules` what looks like a secret is found, too, unless its file held it before.
    Raises `GitFailed` where git cannot say what is staged.
    """
    head, listed = at_head(root), in_index(root, index)
    staged = {oid: new for oid, paths in listed.items() if (new := paths - head.get(oid, set()))}
    reading, held = Reading(), keeper.fingerprints()
    sources = list(object_sources(root, list(staged), reading))
    real = targets[targets["kind"].eq("leak") & targets["searched"].eq("everywhere")]
    changed = {path for paths in staged.values() for path in paths}
    before = {oid: paths for oid, paths in head.items() if not changed.isdisjoint(paths)} if rules else {}
    held_before = _shapes(object_sources(root, list(before), Reading()), before, rules, Reading())
    old = {(path, shape.fingerprint) for path, shape in held_before}
    found = _shapes(sources, staged, rules, reading)
    shapes = {shape for path, shape in found if (path, shape.fingerprint) not in old}
    wanted, _ = with_found(real, shapes, keeper, held)
    values, known = Values(keeper, wanted), {row.fingerprint: row for row in rows(wanted)}
    hits: dict[tuple[str, int], set[StagedHit]] = {}
    for source in sources:
        for path, one in _found(source, staged[source.origin.oid], values, reading):
            row, place = known[one.fingerprint], (values.scrub(path), one.line)
            if row.kind == "pattern" and (os.fsencode(path), one.fingerprint) in old:
                continue
            force = f"in force in {row.in_force}" if row.in_force else "not known to be in force"
            by = _PATTERN if row.kind == "pattern" else force
            hits.setdefault(place, set()).add(StagedHit(*place, row.variable, by))
    # What is known says more of a line than a pattern.
    told = {hit for some in hits.values() for hit in ({h for h in some if h.known != _PATTERN} or some)}
    lost = dict.fromkeys(reading.missing, "cannot be read")
    lost |= {one.place.removeprefix("git object "): one.reason for one in reading.left_out}
    left_out = {NotSearched(os.fsdecode(path), why) for oid, why in lost.items() for path in staged[oid]}
    return StagedSearch(len(changed), len(real), tuple(sorted(told)), tuple(sorted(left_out)))


def _shapes(
    sources: Iterable[Source], blobs: _Blobs, rules: Rules | None, reading: Reading
) -> Iterator[tuple[bytes, Shape]]:
    """What looks like a secret in some blobs, by path."""
    for source in sources if rules else ():
        paths = blobs[source.origin.oid]
        for _, text in source.texts(reading):
            for shape in rules.find(text, list(map(os.fsdecode, paths))) if rules else ():
                yield from ((path, shape) for path in paths)


def _found(
    source: Source, paths: Iterable[bytes], values: Values, reading: Reading
) -> Iterator[tuple[str, Found]]:
    """Each place of each whole value in a blob and in its paths, by path; of a path on line 0."""
    found = [one for one in values.search(source, reading) if one.matched == "exact"]
    for path in paths:
        for one in found:
            yield os.fsdecode(path) + (f"!{one.origin.member}" if one.origin.member else ""), one
        for one in values.find(path, line=0):
            if one.matched == "exact":
                yield os.fsdecode(path), one
