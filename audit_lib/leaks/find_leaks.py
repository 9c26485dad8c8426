"""The search for leaks from values to tables: what is searched for, where it is, which leaks that makes."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
from pydantic import AliasPath, BaseModel, Field, ValidationError

from audit_lib.base.cache import user_cache
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import NotSearched, read_source
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.leaks.candidates import deploys
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.search import Found, LeakOptions, Search, Values, tabulate_sightings
from audit_lib.leaks.sources import Origin, Reading, Source, at_head, in_index, object_sources
from audit_lib.leaks.tables import tabulate_leaks
from audit_lib.leaks.targets import leak_targets, weakness, with_found
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.parameters import formats_of
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Policy, Project

_LARGEST_REPORT = 64 << 20  # bytes
_MOST_FAULTS = 20  # that are listed
_PLACE = ("locations", 0, "physicalLocation")  # in SARIF
_PATTERN = "looks like a secret"
_REPORT = "scanner report"  # a place


@dataclass(frozen=True)
class LeakAudit:
    """Frames by the contracts LeakTargets, Leaks, LeakPlaces and LeakCoverage."""

    targets: pd.DataFrame
    leaks: pd.DataFrame
    places: pd.DataFrame
    coverage: pd.DataFrame


def find_leaks(
    project: Project,
    keeper: Keeper,
    policy: Policy,
    entries: pd.DataFrame,
    inventory: pd.DataFrame,
    *,
    as_of: datetime | None = None,
    stays: Collection[Tenure] = (),
    options: LeakOptions | None = None,
) -> LeakAudit:
    """Every leak of the values that sources hold and, with patterns, of what looks like a secret.

    What patterns find is then searched for like a value that was given. `as_of` and `stays` are those of
    `tabulate_leaks`. Raises `BadInput` for a report that cannot be used.
    """
    targets, held = leak_targets(entries, inventory, policy, keeper), keeper.fingerprints()
    rules = Rules(keeper, policy.placeholders, user_cache() / "rules")
    options = options or LeakOptions()
    search = Search(project, keeper.key, options)
    reported = read_reports(options.reports, rules, search.reports)
    shapes = set(reported) | (search.by_rules(rules) if options.patterns else set())
    targets, owners = with_found(targets, shapes, keeper, held)
    values = Values(keeper, targets)
    found = search.for_values(values)
    here = {one.fingerprint for one in found}
    found += [  # a value that is nowhere is where the other scanner saw it
        Found(Origin(_REPORT, path), line, line, shape.fingerprint, "as reported", "exact", _REPORT)
        for shape, (path, line) in reported.items()
        if shape.fingerprint not in here
    ]
    sightings = tabulate_sightings(found, search, values, owners, formats_of(project, policy))
    coverage = search.coverage(values, targets)
    owned = targets["fingerprint"].replace(owners)
    targets = targets.assign(fingerprint=owned).drop_duplicates("fingerprint")
    # A default in a test or a document is counted and not listed.
    default = sightings["fingerprint"].isin({shape.fingerprint for shape in shapes if shape.default})
    sightings = sightings[~default | sightings["path"].map(deploys).astype(bool)]
    keyed = keeper.key.origin != "throw-away"
    leaks, places = tabulate_leaks(sightings, targets, inventory, as_of, stays=stays, keyed=keyed)
    return LeakAudit(targets, leaks, places, coverage)


class _Result(BaseModel):
    rule: str = Field(validation_alias="ruleId", min_length=1)
    path: str = Field(validation_alias=AliasPath(*_PLACE, "artifactLocation", "uri"), min_length=1)
    line: int = Field(0, validation_alias=AliasPath(*_PLACE, "region", "startLine"))
    text: str = Field("", validation_alias=AliasPath(*_PLACE, "region", "snippet", "text"))


class _Run(BaseModel):
    results: list[_Result] | None = None


class _Report(BaseModel):
    runs: list[_Run]


def read_reports(files: tuple[Path, ...], rules: Rules, reading: Reading) -> dict[Shape, tuple[str, int]]:
    """The values of all results in SARIF, each with its first path and line; one without a value is left out.
    Raises `BadInput` for files that cannot be read or are no SARIF."""
    found: dict[tuple[str, str], str] = {}  # by rule and text the fingerprint
    places: dict[Shape, tuple[str, int]] = {}
    faults: list[Fault] = []
    for file in files:
        content = read_source(file.parent, file.name, _LARGEST_REPORT).content
        try:
            runs = _Report.model_validate_json(content.removeprefix(b"\xef\xbb\xbf")).runs
        except ValidationError as error:
            listed = error.errors(include_url=False, include_context=False, include_input=False)
            faults += [Fault(".".join(map(str, (file, *fault["loc"]))), fault["msg"]) for fault in listed]
            continue
        for one in (result for run in runs for result in run.results or ()):
            key, reading.count = (one.rule, one.text), reading.count + 1
            found[key] = found[key] if key in found else _fingerprint(one.text, rules)
            place = (unquote(one.path.removeprefix("file://")), one.line)
            if found[key]:
                places.setdefault(Shape(found[key], "", one.rule), place)
            else:
                why = f"reported by {one.rule}; the report does not hold its value"
                reading.left_out.append(NotSearched(f"{place[0]}:{one.line}", why))
    if len(faults) > _MOST_FAULTS:
        faults[_MOST_FAULTS:] = [Fault("--import", counted(len(faults) - _MOST_FAULTS, "more fault"))]
    if faults:
        raise BadInput(faults)
    return places


def _fingerprint(text: str, rules: Rules) -> str:
    """The value in a text: what looks like one, else the text if it is a word; "" for none, or several."""
    if not text or re.search(r"(?i)redact|\*\*\*|\.\.\.$|…|^<.*>$", text):
        return ""
    found = {shape.fingerprint for shape in rules.find(text.encode())}
    if not found and re.fullmatch(r"\S{8,4096}", text):
        found = {rules.keeper.take(text)}
    value = found.pop() if len(found) == 1 else ""
    return value if value and not weakness(value, rules.keeper) else ""


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
    """Every place of a known strong value (LeakTargets) in what the index holds and HEAD does not; with
    `rules` also of what looks like a secret, unless its file held it before. Raises `GitFailed`."""
    head, listed = at_head(root), in_index(root, index)
    staged = {oid: new for oid, paths in listed.items() if (new := paths - head.get(oid, set()))}
    changed = {path for paths in staged.values() for path in paths}
    before = {oid: paths for oid, paths in head.items() if rules and not changed.isdisjoint(paths)}
    reading, held = Reading(), keeper.fingerprints()
    sources = list(object_sources(root, list(staged), reading))
    there = _shapes(object_sources(root, list(before), Reading()), before, rules, Reading())
    old = {(path, shape.fingerprint) for path, shape in there}
    now = _shapes(sources, staged, rules, reading)
    shapes = {shape for path, shape in now if (path, shape.fingerprint) not in old}
    real = targets[targets["kind"].eq("leak") & targets["searched"].eq("everywhere")]
    wanted, _ = with_found(real, shapes, keeper, held)
    values, known = Values(keeper, wanted), {row.fingerprint: row for row in rows(wanted)}

    hits: dict[tuple[str, int], set[StagedHit]] = defaultdict(set)
    for source in sources:
        here = values.search(source, reading)
        for path in staged[source.origin.oid]:
            for one in [*here, *values.find_in_path(Origin("git", path))]:
                row = known[one.fingerprint]
                if one.matched == "exact" and (row.kind != "pattern" or (path, one.fingerprint) not in old):
                    inside = f"!{one.origin.member}" if one.origin.member else ""
                    by = f"in force in {row.in_force}" if row.in_force else "not known to be in force"
                    by = _PATTERN if row.kind == "pattern" else by
                    hit = StagedHit(values.scrub(path + inside), one.line, row.variable, by)
                    hits[hit.path, hit.line].add(hit)
    # What is known says more of a line than a pattern.
    best = [{hit for hit in some if hit.known != _PATTERN} or some for some in hits.values()]
    lost = dict.fromkeys(reading.missing, "cannot be read")
    lost |= {one.place.removeprefix("git object "): one.reason for one in reading.left_out}
    left_out = {NotSearched(path, why) for oid, why in lost.items() for path in staged[oid]}
    return StagedSearch(len(changed), len(real), tuple(sorted(set().union(*best))), tuple(sorted(left_out)))


def _shapes(
    sources: Iterable[Source], blobs: Mapping[str, Collection[str]], rules: Rules | None, reading: Reading
) -> set[tuple[str, Shape]]:
    """What looks like a secret in some blobs, by path; nothing without rules."""
    return {
        (path, shape)
        for source in (sources if rules else ())
        for _, text in source.texts(reading)
        for shape in (rules.find(text, blobs[source.origin.oid]) if rules else ())
        for path in blobs[source.origin.oid]
    }
