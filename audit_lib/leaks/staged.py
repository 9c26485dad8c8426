"""Searches what is staged for the next commit for known values, and for what looks like a secret."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.leaks.history import at_head, in_index
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.sources import LARGEST, TOO_LARGE, Reading, Source, object_sources
from audit_lib.leaks.targets import with_found
from audit_lib.leaks.values import Found, Values
from audit_lib.secrecy.keeper import Keeper

_PATTERN = "looks like a secret"
_Blobs = Mapping[str, list[str]]  # by id, with their paths


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
    head, listed = _decoded(at_head(root)), _decoded(in_index(root, index))
    new = {oid: [path for path in paths if path not in head.get(oid, ())] for oid, paths in listed.items()}
    staged = {oid: paths for oid, paths in new.items() if paths}
    reading, held = Reading(), keeper.fingerprints()
    sources = list(object_sources(root, list(staged), reading))
    real = targets[targets["kind"].eq("leak") & targets["searched"].eq("everywhere")]
    changed = {path for paths in staged.values() for path in paths}
    before = {oid: paths for oid, paths in head.items() if not changed.isdisjoint(paths)}
    old = set(_shapes(object_sources(root, list(before), Reading()), before, rules, Reading()))
    shapes = {one for path, one in _shapes(sources, staged, rules, reading) if (path, one) not in old}
    wanted, _ = with_found(real, shapes, keeper, held)
    values = Values(keeper, wanted)
    known = {row.fingerprint: (row.variable, _known_by(row)) for row in rows(wanted)}
    hits = {
        StagedHit(values.scrub(path), one.line, *known[one.fingerprint])
        for source in sources
        for path, one in _found(source, staged[source.origin.oid], values, reading)
        if one.matched == "exact"
    }
    sure = {(hit.path, hit.line) for hit in hits if hit.known != _PATTERN}
    hits = {hit for hit in hits if hit.known != _PATTERN or (hit.path, hit.line) not in sure}
    left_out = {
        NotSearched(path, one.reason)
        for one in reading.left_out
        for path in staged.get(one.place.removeprefix("git object "), [one.place])
    }
    left_out |= {NotSearched(path, "cannot be read") for oid in reading.missing for path in staged[oid]}
    return StagedSearch(len(changed), len(real), tuple(sorted(hits)), tuple(sorted(left_out)))


def _decoded(listed: Mapping[str, Collection[bytes]]) -> dict[str, list[str]]:
    return {oid: sorted(map(os.fsdecode, paths)) for oid, paths in listed.items()}


def _shapes(
    sources: Collection[Source] | Iterator[Source], blobs: _Blobs, rules: Rules | None, reading: Reading
) -> Iterator[tuple[str, Shape]]:
    """What looks like a secret in some blobs, by path."""
    for source in sources if rules else ():
        if source.size > LARGEST:
            reading.left_out.append(NotSearched(source.origin.name, TOO_LARGE))
            continue
        for content in source.contents(Reading()):
            for shape in rules.find(content.text, blobs[source.origin.oid]) if rules else ():
                yield from ((path, shape) for path in blobs[source.origin.oid])


def _found(source: Source, paths: list[str], values: Values, reading: Reading) -> Iterator[tuple[str, Found]]:
    """Each place of each value in a blob and in its paths, by path."""
    found = values.search(source, reading)
    for path in paths:
        for one in found:
            yield f"{path}!{one.origin.member}" if one.origin.member else path, one
        for one in values.find(os.fsencode(path)):
            yield path, Found(one.origin, 0, 0, one.fingerprint, one.form, one.matched)


def _known_by(target: Any) -> str:
    in_force = f"in force in {target.in_force}" if target.in_force else "not known to be in force"
    return _PATTERN if target.kind == "pattern" else in_force
