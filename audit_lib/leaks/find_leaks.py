"""The search for leaks from values to tables: what is searched for, where it is, which leaks that makes."""

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.git import refuse_part_of_repository
from audit_lib.base.progress import Progress, quiet
from audit_lib.leaks.chosen_in_use import where_in_use
from audit_lib.leaks.contracts import LeakCoverage
from audit_lib.leaks.git_objects import Listing, begin_listing
from audit_lib.leaks.history_walk import LazyWalk
from audit_lib.leaks.pattern_objects import PatternSearch
from audit_lib.leaks.reported_leaks import reported_shapes, with_reported
from audit_lib.leaks.scan_cache import ScanCache
from audit_lib.leaks.scanner_reports import read_reports
from audit_lib.leaks.search import dated_lines, homes_of, search_leaks
from audit_lib.leaks.search_patterns import search_patterns
from audit_lib.leaks.secret_patterns import Shapes
from audit_lib.leaks.tabulate import pattern_coverage, tabulate_leaks
from audit_lib.leaks.targets import leak_targets, with_chosen, with_hashes, with_patterns
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.parameters import formats_of
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import Redactor
from audit_lib.settings import Policy, Project


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
    also: tuple[Path, ...] = (),
    reports: tuple[Path, ...] = (),
    patterns: bool = True,
    every_provider: bool = False,
    as_of: datetime | None = None,
    stays: Collection[Tenure] = (),
    listing: "Future[Listing] | None" = None,
    cache: Path | None = None,
    fresh: bool = False,
    progress: Progress = quiet,
) -> LeakAudit:
    """Every leak of the values that sources hold and, with `patterns`, of what looks like a secret.

    A cache folder, outside the project, remembers what held nothing; without one nothing is remembered but
    the rules, as they were compiled. `every_provider` adds kingfisher's own rules to ours. What patterns find
    goes to the keeper and is then searched for like a value that was given. The objects are those of the
    `listing`, by default those that are there now: one that is made meanwhile is the next search's. With
    `as_of` a place that a later commit made is left out; a file on disk has no date. `stays` are
    the ledger's: a value that was replaced is known by them. Folders `also` named are
    searched too, and `reports` of other scanners joined.

    Raises:
        BadInput: the project is a folder of a repository above it, whose history would be left out; a report
            that cannot be used.
    """
    refuse_part_of_repository(project.root)
    listing = listing or begin_listing(project.root)
    walk = LazyWalk(project.root, listing)
    targets = leak_targets(entries, inventory, policy, keeper)
    held = keeper.fingerprints()
    shapes = Shapes(keeper, policy.placeholders, user_cache() / "rules", every_provider=every_provider)
    reported = read_reports(reports, project.root, shapes)
    targets = with_patterns(targets, reported_shapes(reported), keeper, held)
    met = PatternSearch()
    if patterns:
        scans = ScanCache(cache, keeper.key, project.root, "shapes", shapes.digest, believe=not fresh)
        homes = homes_of(project)
        met = search_patterns(
            project.root, shapes, homes, listing, walk=walk, cache=scans, progress=progress, also=also
        )
    targets, values = _with_met(targets, met, keeper, held)
    search = search_leaks(
        project,
        keeper,
        targets,
        values=values,
        walk=walk,
        listing=listing,
        also=also,
        cache=cache,
        fresh=fresh,
        progress=progress,
    )
    targets = targets.assign(fingerprint=targets["fingerprint"].replace(values)).drop_duplicates(
        "fingerprint"
    )
    dated = dated_lines(search.sightings, project, formats_of(project, policy))
    sightings = where_in_use(dated, targets, met.chosen, met.idle)
    coverage = [search.coverage, *([pattern_coverage(met)] if patterns else [])]
    if reports:
        scrub = Redactor.of(keeper).text
        sightings, targets, of_reports = with_reported(reported, sightings, targets, scrub)
        coverage.append(of_reports)
    keyed = keeper.key.origin != "throw-away"
    leaks, places = tabulate_leaks(sightings, targets, inventory, as_of, stays=stays, keyed=keyed)
    return LeakAudit(targets, leaks, places, LeakCoverage.checked(pd.concat(coverage)))


def _with_met(
    targets: pd.DataFrame, met: PatternSearch, keeper: Keeper, held: Collection[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """`LeakTargets` with what patterns met, and whose value each text of a chosen password holds."""
    targets = with_patterns(with_hashes(targets, met.hashes), met.shapes, keeper, held)
    return with_chosen(targets, met.chosen, keeper, held)
