"""The search for leaks from values to tables: what is searched for, where it is, which leaks that makes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.frames import rows
from audit_lib.leaks.candidates import deploys
from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.sarif import read_reports
from audit_lib.leaks.search import (
    EVERYTHING,
    NO_REPOSITORY,
    Found,
    LeakOptions,
    Search,
    Values,
    dated_lines,
    tabulate_sightings,
)
from audit_lib.leaks.sources import Origin
from audit_lib.leaks.tables import place_words, tabulate_leaks
from audit_lib.leaks.targets import leak_targets, target, weakness, with_found
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.parameters import formats_of
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Policy, Project


@dataclass(frozen=True)
class LeakAudit:
    """Frames by the contracts LeakTargets, Leaks, LeakPlaces and LeakCoverage."""

    targets: pd.DataFrame
    leaks: pd.DataFrame
    places: pd.DataFrame
    coverage: pd.DataFrame


@dataclass(frozen=True)
class RemovalSearch:
    """Where a value still is, and whether everything was searched for it."""

    places: tuple[str, ...]
    whole: bool
    searched: str  # in words: how much was, and what was not


def find_leaks(
    project: Project,
    keeper: Keeper,
    policy: Policy,
    entries: pd.DataFrame,
    inventory: pd.DataFrame,
    *,
    as_of: datetime | None = None,
    stays: Collection[Tenure] = (),
    options: LeakOptions = EVERYTHING,
) -> LeakAudit:
    """Every leak of the values that sources hold and, with patterns, of what looks like a secret.

    What patterns find goes to the keeper and is then searched for like a value that was given. With `as_of`
    a place that a later commit made is left out; a file on disk has no date. By the ledger's `stays` a value
    that was replaced is known. Raises `BadInput` for a report that cannot be used.
    """
    targets, held = leak_targets(entries, inventory, policy, keeper), keeper.fingerprints()
    rules = Rules(keeper, policy.placeholders, user_cache() / "rules")
    search = Search(project, keeper.key, options)
    reported = read_reports(options.reports, rules, search.reports)
    shapes = set(reported) | (search.by_rules(rules) if options.patterns else set())
    targets, owners = with_found(targets, shapes, keeper, held)
    values = Values(keeper, targets)
    found = search.for_values(values)
    here = {one.fingerprint for one in found}
    found += [  # a value that is nowhere is where the other scanner saw it
        Found(Origin("scanner report", path), line, line, shape.fingerprint, "as reported", "exact")
        for shape, (path, line) in reported.items()
        if shape.fingerprint not in here
    ]
    sightings = tabulate_sightings(found, search, values, owners)
    coverage = search.coverage(values, targets)
    targets = targets.assign(fingerprint=targets["fingerprint"].replace(owners))
    targets = targets.drop_duplicates("fingerprint")
    # A default in a test or a document is counted and not listed.
    default = sightings["fingerprint"].isin({shape.fingerprint for shape in shapes if shape.default})
    sightings = sightings[~default | sightings["path"].map(deploys).astype(bool)]
    sightings = dated_lines(sightings, project, formats_of(project, policy))
    keyed = keeper.key.origin != "throw-away"
    leaks, places = tabulate_leaks(sightings, targets, inventory, as_of, stays=stays, keyed=keyed)
    return LeakAudit(targets, leaks, places, coverage)


def search_places(
    project: Project, keeper: Keeper, targets: pd.DataFrame, options: LeakOptions = EVERYTHING
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sightings` and `LeakCoverage`: every place of every target (LeakTargets) in the project."""
    search, values = Search(project, keeper.key, options), Values(keeper, targets)
    sightings = tabulate_sightings(search.for_values(values), search, values, {})
    return sightings, search.coverage(values, targets)


def search_removed(project: Project, keeper: Keeper, fingerprint: str, variable: str) -> RemovalSearch:
    """The search for a value that the keeper holds, in every form, in git, files, logs and bundles: before
    anybody says that it was removed. Whole if nothing was left out; without a repository there is no history.
    """
    weak = weakness(fingerprint, keeper)
    wanted = LeakTargets.of([target(fingerprint, [variable], "leak", weak)])
    sightings, coverage = search_places(project, keeper, wanted)
    mine = coverage[coverage["part"].isin(("git objects", "files"))]
    whole = bool((mine["state"].eq("searched") | mine["reason"].eq(NO_REPOSITORY)).all())
    summary = mine["place"].isin((".", ".git"))
    searched = " and ".join(f"{row.count or 0:,} {row.part}" for row in rows(mine[summary]))
    searched += f"; {int((~summary).sum()):,} not searched" if not summary.all() else ""
    searched += f"; beside its name alone, since it {weak}" if weak else ""
    places = dict.fromkeys(f"{row.place}: {place_words(row)}" for row in rows(sightings))
    return RemovalSearch(tuple(places), not weak and whole, searched)
