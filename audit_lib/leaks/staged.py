"""Searches what is staged for the next commit for known values, and for what looks like a secret."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.search import Values
from audit_lib.leaks.sources import Origin, Reading, Source, at_head, in_index, object_sources
from audit_lib.leaks.targets import with_found
from audit_lib.secrecy.keeper import Keeper

_PATTERN = "looks like a secret"


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
    changed = {path for paths in staged.values() for path in paths}
    before = {oid: paths for oid, paths in head.items() if rules and not changed.isdisjoint(paths)}
    reading, held = Reading(), keeper.fingerprints()
    sources = list(object_sources(root, list(staged), reading))
    there = _shapes(object_sources(root, list(before), Reading()), before, rules, Reading())
    old = {(path, shape.fingerprint) for path, shape in there}
    new = _shapes(sources, staged, rules, reading)
    shapes = {shape for path, shape in new if (path, shape.fingerprint) not in old}
    real = targets[targets["kind"].eq("leak") & targets["searched"].eq("everywhere")]
    wanted, _ = with_found(real, shapes, keeper, held)
    values, known = Values(keeper, wanted), {row.fingerprint: row for row in rows(wanted)}
    hits: dict[tuple[str, int], set[StagedHit]] = {}
    for source in sources:
        here = values.search(source, reading)
        for path in staged[source.origin.oid]:
            name = os.fsdecode(path)
            for one in [*here, *values.find_in_path(Origin("git", name))]:
                row, at = known[one.fingerprint], (path, one.fingerprint)
                if one.matched != "exact" or (row.kind == "pattern" and at in old):
                    continue
                place = values.scrub(f"{name}!{one.origin.member}" if one.origin.member else name), one.line
                by = f"in force in {row.in_force}" if row.in_force else "not known to be in force"
                by = _PATTERN if row.kind == "pattern" else by
                hits.setdefault(place, set()).add(StagedHit(*place, row.variable, by))
    # What is known says more of a line than a pattern.
    best = [{hit for hit in some if hit.known != _PATTERN} or some for some in hits.values()]
    lost = dict.fromkeys(reading.missing, "cannot be read")
    lost |= {one.place.removeprefix("git object "): one.reason for one in reading.left_out}
    left_out = {NotSearched(os.fsdecode(path), why) for oid, why in lost.items() for path in staged[oid]}
    return StagedSearch(len(changed), len(real), tuple(sorted(set().union(*best))), tuple(sorted(left_out)))


def _shapes(
    sources: Iterable[Source], blobs: Mapping[str, Iterable[bytes]], rules: Rules | None, reading: Reading
) -> set[tuple[bytes, Shape]]:
    """What looks like a secret in some blobs, by path; nothing without rules."""
    return {
        (path, shape)
        for source in (sources if rules else ())
        for _, text in source.texts(reading)
        for shape in (rules.find(text, list(map(os.fsdecode, blobs[source.origin.oid]))) if rules else ())
        for path in blobs[source.origin.oid]
    }
