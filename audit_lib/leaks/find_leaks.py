"""The search for leaks from values to tables: what is searched for, where it is, which leaks that makes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from audit_lib.base.cache import CleanObjects, user_cache
from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.base.git import GitFailed
from audit_lib.base.progress import Progress, quiet
from audit_lib.leaks.candidates import deploys
from audit_lib.leaks.contracts import LeakCoverage, LeakTargets
from audit_lib.leaks.history import History
from audit_lib.leaks.places import Whereabouts, dated_lines, tabulate_sightings
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.sarif import read_reports, with_reported
from audit_lib.leaks.search import NO_REPOSITORY, Search, Values, coverage_row
from audit_lib.leaks.tables import place_words, tabulate_leaks
from audit_lib.leaks.targets import leak_targets, target, weakness, with_found
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.parameters import formats_of
from audit_lib.logs.log_files import outside_logs
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Policy, Project

_LOGS_OUTSIDE = "is a log outside the project: its lines are counted, and values are not searched for"


@dataclass(frozen=True)
class LeakAudit:
    """Frames by the contracts LeakTargets, Leaks, LeakPlaces and LeakCoverage."""

    targets: pd.DataFrame
    leaks: pd.DataFrame
    places: pd.DataFrame
    coverage: pd.DataFrame


@dataclass(frozen=True)
class LeakOptions:
    """Also in which folders, with which SARIF reports of other scanners, by patterns or not, and with which
    cache, outside the project, of objects that held nothing."""

    also: tuple[Path, ...] = ()
    reports: tuple[Path, ...] = ()
    patterns: bool = True
    cache: Path | None = None
    progress: Progress = quiet


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
    options: LeakOptions = LeakOptions(),
) -> LeakAudit:
    """Every leak of the values that sources hold and, with patterns, of what looks like a secret.

    What patterns find goes to the keeper and is then searched for like a value that was given. With `as_of`
    a place that a later commit made is left out; a file on disk has no date. By the ledger's `stays` a value
    that was replaced is known. Raises `BadInput` for a report that cannot be used.
    """
    targets, held = leak_targets(entries, inventory, policy, keeper), keeper.fingerprints()
    rules = Rules(keeper, policy.placeholders, user_cache() / "rules")
    reported = read_reports(options.reports, project.root, rules)
    search, shapes = _search(project, options), set[Shape]()
    if options.patterns:
        shapes = search.by_rules(rules, _clean(project, keeper, rules.digest, options))
    given = {one.shape for one in reported if one.fingerprint}
    targets, owners = with_found(targets, given | shapes, keeper, held)
    sightings, coverage, values = _places(search, project, keeper, targets, owners, options)
    targets = targets.assign(fingerprint=targets["fingerprint"].replace(owners)).drop_duplicates(
        "fingerprint"
    )
    # A default in a test or a document is counted and not listed.
    default = sightings["fingerprint"].isin({shape.fingerprint for shape in shapes if shape.default})
    sightings = sightings[~default | sightings["path"].map(deploys).astype(bool)]
    sightings = dated_lines(sightings, project, formats_of(project, policy))
    if options.reports:
        sightings, targets, of_reports = with_reported(reported, sightings, targets, values.scrub)
        coverage = LeakCoverage.checked(pd.concat([coverage, of_reports]))
    keyed = keeper.key.origin != "throw-away"
    leaks, places = tabulate_leaks(sightings, targets, inventory, as_of, stays=stays, keyed=keyed)
    return LeakAudit(targets, leaks, places, coverage)


def search_places(
    project: Project, keeper: Keeper, targets: pd.DataFrame, options: LeakOptions = LeakOptions()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sightings` and `LeakCoverage`: every place of every target (LeakTargets) in the project."""
    return _places(_search(project, options), project, keeper, targets, {}, options)[:2]


def _search(project: Project, options: LeakOptions) -> Search:
    ledger, root = project.ledger_dir, project.root
    own = (f"{ledger.relative_to(root).as_posix()}/",) if ledger.is_relative_to(root) else ()
    homes = frozenset(source.path for source in project.env_sources if not source.example)
    return Search(History.of(root), homes, own, options.also, options.progress)


def _clean(project: Project, keeper: Keeper, digest: str, options: LeakOptions) -> CleanObjects:
    """What is remembered of such a search; nothing under a key that all know."""
    secret = keeper.key.derive("scan cache") if keeper.key.origin == "file" else b""
    return CleanObjects.of(options.cache, secret, project.root, digest)


def _places(
    search: Search,
    project: Project,
    keeper: Keeper,
    targets: pd.DataFrame,
    owners: dict[str, str],
    options: LeakOptions,
) -> tuple[pd.DataFrame, pd.DataFrame, Values]:
    """`Sightings`, `LeakCoverage`, and what redacts the values searched for."""
    values = Values(keeper, targets)
    found = search.for_values(values, _clean(project, keeper, values.digest, options))
    logs = [NotSearched(name, _LOGS_OUTSIDE) for name in outside_logs(project)]
    search.files[project.root].left_out += logs
    try:
        where = Whereabouts(search.history, found)
    except GitFailed as failed:
        search.objects.faults.append(str(failed))
        where = None
    targets = targets[targets["kind"].ne("possible")]  # what rules found, and their own row counts
    everywhere = targets["searched"].eq("everywhere")
    whole = coverage_row("values", "", "searched", int(everywhere.sum()), "in every form, in every place")
    partly = [
        coverage_row("values", row.variable, row.searched.replace("beside its name", "partly"), 1, row.reason)
        # By name: the order of fingerprints is another under another key.
        for row in rows(targets[~everywhere].sort_values(["variable", "searched", "reason"]))
    ]
    coverage = LeakCoverage.of([*search.coverage(values.scrub), whole, *partly])
    return tabulate_sightings(found, where, values, owners), coverage, values


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
