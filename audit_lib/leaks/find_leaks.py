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
from audit_lib.base.git import GitFailed, refuse_part_of_repository
from audit_lib.base.progress import Progress, quiet
from audit_lib.leaks.contracts import LeakCoverage
from audit_lib.leaks.exposure import place_words
from audit_lib.leaks.history import Repository, repository_limits
from audit_lib.leaks.places import History, dated_lines, read_history, tabulate_sightings
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.sarif import read_reports, with_reported
from audit_lib.leaks.scan import Discovery, ValueSearch, discover, search_values
from audit_lib.leaks.tables import tabulate_leaks, where_in_use
from audit_lib.leaks.targets import leak_targets, target_of, weakness, with_chosen, with_hashes, with_patterns
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
    """How leaks are searched for.

    Folders `also` named are searched, too, and SARIF `reports` of other scanners joined. `every_provider`
    adds kingfisher's own rules to ours. A cache folder, outside the project, remembers which objects held
    nothing; `fresh`, it is not believed.
    """

    also: tuple[Path, ...] = ()
    reports: tuple[Path, ...] = ()
    patterns: bool = True
    every_provider: bool = False
    cache: Path | None = None
    fresh: bool = False
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
    a place that a later commit made is left out; a file on disk has no date. `stays` are the ledger's: a
    value that was replaced is known by them.

    Raises:
        BadInput: the project is a folder of a repository above it, whose history would be left out; a report
            that cannot be used.
    """
    refuse_part_of_repository(project.root)
    targets = leak_targets(entries, inventory, policy, keeper)
    held = keeper.fingerprints()
    rules = Rules(keeper, policy.placeholders, user_cache() / "rules", every_provider=options.every_provider)
    reported = read_reports(options.reports, project.root, rules)
    targets = with_patterns(targets, [one.shape for one in reported if one.fingerprint], keeper, held)
    repository, discovery = Repository.of(project.root), Discovery()
    if options.patterns:
        clean = _clean(project, keeper, rules.digest, options)
        apart = _apart(project)
        discovery = discover(
            repository, rules, clean, apart=apart, also=options.also, progress=options.progress
        )
    targets = with_patterns(with_hashes(targets, discovery.hashes), discovery.shapes, keeper, held)
    targets, owners = with_chosen(targets, discovery.chosen, keeper, held)
    sightings, coverage, values = _search(project, keeper, targets, repository, owners, options)
    targets = targets.assign(fingerprint=targets["fingerprint"].replace(owners)).drop_duplicates("fingerprint")
    dated = dated_lines(sightings, project, formats_of(project, policy))
    sightings = where_in_use(dated, discovery.chosen, discovery.idle)
    coverage += _pattern_coverage(discovery) if options.patterns else ()
    if options.reports:
        sightings, targets, of_reports = with_reported(reported, sightings, targets, values.scrub)
        coverage += of_reports
    keyed = keeper.key.origin != "throw-away"
    leaks, places = tabulate_leaks(sightings, targets, inventory, as_of, stays=stays, keyed=keyed)
    return LeakAudit(targets, leaks, places, LeakCoverage.of(coverage))


def _apart(project: Project) -> frozenset[str]:
    """Where no rule is applied: the env files, where values belong, and the audit's own folder."""
    ledger = project.ledger_dir
    own = {ledger.relative_to(project.root).as_posix()} if ledger.is_relative_to(project.root) else set()
    return _homes_of(project) | own


def _homes_of(project: Project) -> frozenset[str]:
    """The env files on disk: where values belong, so that none there is a leak."""
    return frozenset(source.path for source in project.env_sources if not source.example)


def _clean(project: Project, keeper: Keeper, digest: str, options: LeakOptions) -> CleanObjects:
    return CleanObjects.of(options.cache, keeper.key, project.root, digest, believe=not options.fresh)


def search_places(
    project: Project, keeper: Keeper, targets: pd.DataFrame, options: LeakOptions = LeakOptions()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sightings` and `LeakCoverage`: every place of every target (LeakTargets) in the project."""
    found, coverage, _ = _search(project, keeper, targets, Repository.of(project.root), {}, options)
    return found, LeakCoverage.of(coverage)


def _search(
    project: Project,
    keeper: Keeper,
    targets: pd.DataFrame,
    repository: Repository,
    owners: dict[str, str],
    options: LeakOptions,
) -> tuple[pd.DataFrame, list[dict[str, Any]], Values]:
    """`Sightings`, the rows of LeakCoverage, and what redacts the values searched for."""
    values = Values(keeper, targets)
    clean, homes = _clean(project, keeper, values.digest, options), _homes_of(project)
    done = search_values(
        repository, values, clean, homes=homes, also=options.also, progress=options.progress
    )
    done.files.left_out += [NotSearched(name, _LOGS_OUTSIDE) for name in outside_logs(project)]
    history = History()
    try:
        history = read_history(repository, done.found)
    except GitFailed as failed:
        done.objects.faults.append(str(failed))
    sightings = tabulate_sightings(done.found, history, values, owners)
    return sightings, list(_coverage(repository, done, targets, values)), values


@dataclass(frozen=True)
class RemovalSearch:
    """Where a value still is, and whether everything was searched for it."""

    places: tuple[str, ...]
    whole: bool
    searched: str  # in words: how much was, and what was not


def search_removed(project: Project, keeper: Keeper, fingerprint: str, variable: str) -> RemovalSearch:
    """The search for a value that the keeper holds, in every form, in git, files, logs and bundles: before
    anybody says that it was removed.

    It is whole if nothing was left out. A folder without a repository has no history to search.
    """
    weak = weakness(fingerprint, keeper)
    sightings, coverage = search_places(project, keeper, target_of(fingerprint, variable, keeper))
    mine = coverage[coverage["part"].isin(("git objects", "files"))]
    whole = bool((mine["state"].eq("searched") | mine["reason"].eq(_NO_REPOSITORY)).all())
    summary = mine["place"].isin((".", ".git"))
    searched = " and ".join(f"{row.count or 0:,} {row.part}" for row in mine[summary].itertuples())
    left = int((~summary).sum())
    searched += f"; {left:,} not searched" if left else ""
    searched += f"; beside its name alone, since it {weak}" if weak else ""
    places = dict.fromkeys(place_words(row, f"{row.place}: ") for row in rows(sightings))
    return RemovalSearch(tuple(places), not weak and whole, searched)


# ---- How much was searched, and everything that was not ----


def _coverage(
    repository: Repository, done: ValueSearch, targets: pd.DataFrame, values: Values
) -> Iterator[dict[str, Any]]:
    """Rows of LeakCoverage of the search for values."""
    failed = dict.fromkeys(filter(None, [repository.failed, repository.lost, *done.objects.faults]))
    if repository.there:
        left_out = [*repository_limits(repository.root), *done.objects.left_out]
        count = None if repository.failed else len(repository.objects)
        yield from _part_rows("git objects", ".git", count, left_out, values, "; ".join(failed))
    else:
        yield _row("git objects", ".git", "not searched", 0, _NO_REPOSITORY)
    yield from _part_rows("files", ".", done.files.count, done.files.left_out, values)
    for folder, reading in done.outside.items():
        place = values.scrub(str(folder))
        yield from _part_rows("files outside", place, reading.count, reading.left_out, values)
    targets = targets[targets["kind"].ne("possible")]  # what patterns found, and their own row counts
    everywhere = targets["searched"].eq("everywhere")
    yield _row("values", "", "searched", int(everywhere.sum()), "in every form, in every place")
    # By name: the order of fingerprints is another under another key.
    for target in rows(targets[~everywhere].sort_values(["variable", "searched", "reason"])):
        state = "partly" if target.searched == "beside its name" else "not searched"
        yield _row("values", target.variable, state, 1, target.reason)


def _part_rows(
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
        yield _row("patterns", "files", "partly", len(done.idle), _IDLE)
    for one in sorted(done.left_out):
        yield _row("patterns", one.place, "not searched", 1, one.reason)


def _row(part: str, place: str, state: str, count: int | None, reason: str) -> dict[str, Any]:
    return {"part": part, "place": place, "state": state, "count": count, "reason": reason}
