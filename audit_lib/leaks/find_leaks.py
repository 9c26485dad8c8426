"""The search for leaks from values to tables: what is searched for, where it is, which leaks that makes."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.cache import CleanObjects, user_cache
from audit_lib.base.files import NotSearched
from audit_lib.base.frames import rows
from audit_lib.base.git import GitFailed
from audit_lib.base.progress import Progress, quiet
from audit_lib.leaks.contracts import LeakCoverage, LeakTargets
from audit_lib.leaks.history import History
from audit_lib.leaks.places import Whereabouts, dated_lines, tabulate_sightings
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.sarif import read_reports, with_reported
from audit_lib.leaks.scan import Discovery, Scope, ValueSearch, discover, search_values
from audit_lib.leaks.tables import place_words, tabulate_leaks, where_in_use
from audit_lib.leaks.targets import leak_targets, target, weakness, with_found
from audit_lib.leaks.values import Values
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.parameters import formats_of
from audit_lib.logs.log_files import outside_logs
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Policy, Project

_LOGS_OUTSIDE = "is a log outside the project: its lines are counted, and values are not searched for"
_NO_REPOSITORY = "the project is not a git repository"
_IDLE = (
    "values under a password's name are placeholders, or defaults in a comment, a test, an example or a "
    "document: counted, not listed"
)


@dataclass(frozen=True)
class LeakAudit:
    """Frames by the contracts LeakTargets, Leaks, LeakPlaces and LeakCoverage."""

    targets: pd.DataFrame
    leaks: pd.DataFrame
    places: pd.DataFrame
    coverage: pd.DataFrame


@dataclass(frozen=True)
class LeakOptions:
    """How leaks are searched for: also in which folders, with which SARIF reports of other scanners, by
    patterns or not, and with which cache, outside the project, of objects that held nothing."""

    also: tuple[Path, ...] = ()
    reports: tuple[Path, ...] = ()
    patterns: bool = True
    cache: Path | None = None
    progress: Progress = quiet


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
    that was replaced is known.

    Raises:
        BadInput: a report that cannot be used.
    """
    targets, held = leak_targets(entries, inventory, policy, keeper), keeper.fingerprints()
    rules = Rules(keeper, policy.placeholders, user_cache() / "rules")
    reported = read_reports(options.reports, project.root, rules)
    scope, discovery = _scope(project, options), Discovery()
    if options.patterns:
        discovery = discover(scope, rules, _clean(project, keeper, rules.digest, options))
    shapes = {one.shape for one in reported if one.fingerprint} | discovery.shapes
    targets, owners = with_found(targets, shapes, keeper, held)
    values = Values(keeper, targets)
    done = search_values(scope, values, _clean(project, keeper, values.digest, options))
    sightings = dated_lines(_sightings(scope, done, values, owners), project, formats_of(project, policy))
    sightings = where_in_use(sightings, discovery.shapes)
    coverage = [*_coverage(project, scope, done, targets, values)]
    coverage += _pattern_coverage(discovery) if options.patterns else ()
    targets = targets.assign(fingerprint=targets["fingerprint"].replace(owners)).drop_duplicates(
        "fingerprint"
    )
    if options.reports:
        sightings, targets, of_reports = with_reported(reported, sightings, targets, values.scrub)
        coverage += of_reports
    keyed = keeper.key.origin != "throw-away"
    leaks, places = tabulate_leaks(sightings, targets, inventory, as_of, stays=stays, keyed=keyed)
    return LeakAudit(targets, leaks, places, LeakCoverage.of(coverage))


def search_places(
    project: Project, keeper: Keeper, targets: pd.DataFrame, options: LeakOptions = LeakOptions()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sightings` and `LeakCoverage`: every place of every target (LeakTargets) in the project."""
    scope, values = _scope(project, options), Values(keeper, targets)
    done = search_values(scope, values, _clean(project, keeper, values.digest, options))
    sightings = _sightings(scope, done, values, {})
    return sightings, LeakCoverage.of(_coverage(project, scope, done, targets, values))


def _scope(project: Project, options: LeakOptions) -> Scope:
    ledger = project.ledger_dir
    own = (
        {f"{ledger.relative_to(project.root).as_posix()}/"} if ledger.is_relative_to(project.root) else set()
    )
    homes = frozenset(source.path for source in project.env_sources if not source.example)
    return Scope(History.of(project.root), homes, frozenset(own), options.also, options.progress)


def _clean(project: Project, keeper: Keeper, digest: str, options: LeakOptions) -> CleanObjects:
    """What is remembered of such a search; nothing under a key that all know."""
    secret = keeper.key.derive("scan cache") if keeper.key.origin == "file" else b""
    return CleanObjects.of(options.cache, secret, project.root, digest)


def _sightings(scope: Scope, done: ValueSearch, values: Values, owners: dict[str, str]) -> pd.DataFrame:
    try:
        where = Whereabouts(scope.history, done.found)
    except GitFailed as failed:
        done.objects.faults.append(str(failed))
        where = None
    return tabulate_sightings(done.found, where, values, owners)


@dataclass(frozen=True)
class RemovalSearch:
    """Where a value still is, and whether everything was searched for it."""

    places: tuple[str, ...]
    whole: bool
    searched: str  # in words: how much was, and what was not


def search_removed(project: Project, keeper: Keeper, fingerprint: str, variable: str) -> RemovalSearch:
    """The search for a value that the keeper holds, in every form, in git, files, logs and bundles: before
    anybody says that it was removed. Whole if nothing was left out; without a repository there is no history.
    """
    weak = weakness(fingerprint, keeper)
    wanted = LeakTargets.of([target(fingerprint, [variable], "leak", weak)])
    sightings, coverage = search_places(project, keeper, wanted)
    mine = coverage[coverage["part"].isin(("git objects", "files"))]
    whole = bool((mine["state"].eq("searched") | mine["reason"].eq(_NO_REPOSITORY)).all())
    summary = mine["place"].isin((".", ".git"))
    searched = " and ".join(f"{row.count or 0:,} {row.part}" for row in rows(mine[summary]))
    searched += f"; {int((~summary).sum()):,} not searched" if not summary.all() else ""
    searched += f"; beside its name alone, since it {weak}" if weak else ""
    places = dict.fromkeys(f"{row.place}: {place_words(row)}" for row in rows(sightings))
    return RemovalSearch(tuple(places), not weak and whole, searched)


def _coverage(
    project: Project, scope: Scope, done: ValueSearch, targets: pd.DataFrame, values: Values
) -> Iterator[dict[str, Any]]:
    """Rows of LeakCoverage of the search for values: how much was searched, and everything that was not."""
    history = scope.history
    if history.there:
        left_out = [*history.limits(), *done.objects.left_out]
        failed = "; ".join(dict.fromkeys([*history.faults, *done.objects.faults]))
        count = len(history.objects) or (None if failed else 0)
        yield from _part("git objects", ".git", count, left_out, values, failed)
    else:
        yield _row("git objects", ".git", "not searched", 0, _NO_REPOSITORY)
    for root, reading in done.files.items():
        own = root == history.root
        logs = [NotSearched(name, _LOGS_OUTSIDE) for name in (outside_logs(project) if own else ())]
        part, place = ("files", ".") if own else ("files outside", values.scrub(str(root)))
        yield from _part(part, place, reading.count, [*reading.left_out, *logs], values)
    targets = targets[targets["kind"].ne("possible")]  # what patterns found, and their own row counts
    everywhere = targets["searched"].eq("everywhere")
    yield _row("values", "", "searched", int(everywhere.sum()), "in every form, in every place")
    # By name: the order of fingerprints is another under another key.
    for row in rows(targets[~everywhere].sort_values(["variable", "searched", "reason"])):
        state = "partly" if row.searched == "beside its name" else "not searched"
        yield _row("values", row.variable, state, 1, row.reason)


def _part(
    part: str,
    place: str,
    count: int | None,
    left_out: Iterable[NotSearched],
    values: Values,
    failed: str = "",
) -> Iterator[dict[str, Any]]:
    """git failing is "incomplete", whatever was found until then."""
    some = sorted(set(left_out))
    yield _row(part, place, "incomplete" if failed else "partly" if some else "searched", count, failed)
    for one in some:
        yield _row(part, values.scrub(one.place), "not searched", 1, one.reason)


def _pattern_coverage(done: Discovery) -> Iterator[dict[str, Any]]:
    """Rows of LeakCoverage of the search by patterns."""
    state = "incomplete" if done.failed else "partly" if done.left_out else "searched"
    yield _row("patterns", ".", state, None, done.failed)
    if done.idle:
        yield _row("patterns", "files", "partly", done.idle, _IDLE)
    for one in sorted(done.left_out):
        yield _row("patterns", one.place, "not searched", 1, one.reason)


def _row(part: str, place: str, state: str, count: int | None, reason: str) -> dict[str, Any]:
    return {"part": part, "place": place, "state": state, "count": count, "reason": reason}
