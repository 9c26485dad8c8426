"""The search for leaks from values to tables: what is searched for, where it is, which leaks that makes."""

from collections.abc import Collection
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
from audit_lib.leaks.contracts import LeakCoverage
from audit_lib.leaks.coverage import pattern_coverage, value_coverage
from audit_lib.leaks.history import History
from audit_lib.leaks.places import dated_lines, tabulate_sightings
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.sarif import read_reports, with_reported
from audit_lib.leaks.scan import Discovery, Repository, discover, search_values
from audit_lib.leaks.tables import tabulate_leaks, where_in_use
from audit_lib.leaks.targets import leak_targets, target_of, weakness, with_chosen, with_hashes, with_patterns
from audit_lib.leaks.values import Values
from audit_lib.ledger.timeline import Tenure
from audit_lib.logins.parameters import formats_of
from audit_lib.logs.files import outside_logs
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Policy, Project

_LOGS_OUTSIDE = "is a log outside the project: its lines are counted, and values are not searched for"
_PARTS = ("git objects", "files")


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
        BadInput: a report that cannot be used.
    """
    targets = leak_targets(entries, inventory, policy, keeper)
    held = keeper.fingerprints()
    rules = Rules(keeper, policy.placeholders, user_cache() / "rules", every_provider=options.every_provider)
    reported = read_reports(options.reports, project.root, rules)
    targets = with_patterns(targets, [one.shape for one in reported if one.fingerprint], keeper, held)
    repository = Repository.of(project.root)
    discovery = Discovery()
    if options.patterns:
        discovery = discover(
            repository,
            rules,
            _memory(project, keeper, rules.digest, options),
            apart=_apart(project),
            also=options.also,
            progress=options.progress,
        )
    targets = with_patterns(with_hashes(targets, discovery.hashes), discovery.shapes, keeper, held)
    targets, owners = with_chosen(targets, discovery.chosen, keeper, held)
    sightings, coverage, values = _search(
        project, keeper, targets, repository, owners=owners, options=options
    )
    targets = targets.assign(fingerprint=targets["fingerprint"].replace(owners))
    targets = targets.drop_duplicates("fingerprint")
    dated = dated_lines(sightings, project, formats_of(project, policy))
    sightings = where_in_use(dated, targets, discovery.chosen, discovery.idle)
    parts = [coverage, *([pattern_coverage(discovery)] if options.patterns else [])]
    if options.reports:
        sightings, targets, of_reports = with_reported(reported, sightings, targets, values.scrub)
        parts.append(of_reports)
    keyed = keeper.key.origin != "throw-away"
    leaks, places = tabulate_leaks(sightings, targets, inventory, as_of, stays=stays, keyed=keyed)
    return LeakAudit(targets, leaks, places, LeakCoverage.checked(pd.concat(parts)))


def _apart(project: Project) -> frozenset[str]:
    """Where no rule is applied: the env files, where values belong, and the audit's own folder."""
    ledger = project.ledger_dir
    own = {ledger.relative_to(project.root).as_posix()} if ledger.is_relative_to(project.root) else set()
    return homes_of(project) | own


def homes_of(project: Project) -> frozenset[str]:
    """The env files on disk: where values belong, so that none there is a leak."""
    return frozenset(source.path for source in project.env_sources if not source.example)


def _memory(project: Project, keeper: Keeper, digest: str, options: LeakOptions) -> CleanObjects:
    """What is remembered of such a search; nothing under a key that all know."""
    secret = keeper.key.derive("scan cache") if keeper.key.origin == "file" else b""
    return CleanObjects.of(options.cache, secret, project.root, digest, believe=not options.fresh)


def search_places(
    project: Project,
    keeper: Keeper,
    targets: pd.DataFrame,
    options: LeakOptions = LeakOptions(),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Sightings` and `LeakCoverage`: every place of every target (LeakTargets) in the project."""
    found = _search(project, keeper, targets, Repository.of(project.root), owners={}, options=options)
    return found[0], found[1]


def _search(
    project: Project,
    keeper: Keeper,
    targets: pd.DataFrame,
    repository: Repository,
    *,
    owners: dict[str, str],
    options: LeakOptions,
) -> tuple[pd.DataFrame, pd.DataFrame, Values]:
    values = Values(keeper, targets)
    memory = _memory(project, keeper, values.digest, options)
    done = search_values(
        repository, values, memory, homes=homes_of(project), also=options.also, progress=options.progress
    )
    done.files.left_out += [NotSearched(name, _LOGS_OUTSIDE) for name in outside_logs(project)]
    try:
        history = repository.history(done.found)
    except GitFailed as failed:
        done.objects.faults.append(str(failed))
        history = History()
    sightings = tabulate_sightings(done.found, history, values, owners)
    return sightings, value_coverage(repository, done, targets, values), values


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
    mine = coverage[coverage["part"].isin(_PARTS)]
    bare = mine["reason"].eq("the project is not a git repository")
    whole = bool((mine["state"].eq("searched") | bare).all())
    all_of = mine["place"].isin((".", ".git"))
    counts = mine[all_of].groupby("part")["count"].sum()
    searched = " and ".join(f"{int(counts.get(part, 0)):,} {part}" for part in _PARTS)
    if left := int((~all_of).sum()):
        searched += f"; {left:,} not searched"
    searched += f"; beside its name alone, since it {weak}" if weak else ""
    places = dict.fromkeys(_place(row) for row in rows(sightings))
    return RemovalSearch(tuple(places), not weak and whole, searched)


def _place(row: Any) -> str:
    line = "" if row.line is None else f":{row.line}"
    commit = f" in {row.commit[:12]}" if row.commit else ""
    return f"{row.place}: {row.path}{line}{commit}"
