"""Finds a project's leaks and gives them as JSON or SARIF; imported while git lists its objects."""

import json
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.cache_folder import user_cache
from audit_lib.base.clock import iso
from audit_lib.base.contracts.leaks import PUBLISHED_PLACE
from audit_lib.base.progress import Progress
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks
from audit_lib.leaks.git_objects import Listing
from audit_lib.leaks.next_step import next_step
from audit_lib.ledger.keys import keeper_of
from audit_lib.project import Project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.report.publish.known_values import guard_values
from audit_lib.report.sarif import leaks_sarif
from audit_lib.secrets.env_files import read_env_sources
from audit_lib.secrets.given_values import parse_env_options
from audit_lib.secrets.inventory import tabulate_inventory


def search(
    project: Project,
    listing: "Future[Listing]",
    progress: Progress,
    *,
    given: tuple[str, ...],
    policy: str,
    patterns: bool,
    every_provider: bool,
    also: tuple[Path, ...],
    reports: tuple[Path, ...],
    fresh: bool,
) -> LeakAudit:
    """What leaked of the values in the project's env files and in `given`, as `find_leaks` says."""
    keeper = keeper_of(project)
    rules = choose_policy(project, policy)
    values = parse_env_options(given, sys.stdin.buffer)
    sources, entries = read_env_sources(project, values, keeper, rules)
    inventory = tabulate_inventory(entries, rules, project, keeper, sources)
    guard_values(keeper, inventory, rules, project)
    return find_leaks(
        project,
        keeper,
        rules,
        entries,
        inventory,
        also=also,
        reports=reports,
        patterns=patterns,
        every_provider=every_provider,
        listing=listing,
        cache=user_cache(),
        fresh=fresh,
        progress=progress,
    )


def printed(found: LeakAudit, layout: str, elsewhere: pd.DataFrame) -> str:
    """The leaks as json or sarif, never a value."""
    return _as_sarif(found) if layout == "sarif" else _as_json(found, elsewhere)


def _as_json(found: LeakAudit, elsewhere: pd.DataFrame) -> str:
    table, coverage = found.leaks, found.coverage
    named = found.places.rename(columns=PUBLISHED_PLACE)
    places: dict[str, list[dict[str, Any]]] = {}
    for place in named.to_dict("records"):
        places.setdefault(place.pop("leak_id"), []).append(_record(place))
    leaks_ = [
        _record(leak) | {"places": places[leak["leak_id"]]}
        for leak in table.drop(columns="fingerprint").to_dict("records")
    ]
    document = {
        "leaks": leaks_,
        "elsewhere": [_record(row) for row in elsewhere.to_dict("records")],
        "coverage": [_record(row) for row in coverage.to_dict("records")],
        "do_first": next_step(table, coverage),
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _record(row: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(key): None if pd.isna(value) else iso(value) if hasattr(value, "tzinfo") else value
        for key, value in row.items()
    }


def _as_sarif(found: LeakAudit) -> str:
    complete = not (found.coverage["state"] == "incomplete").any()
    log = leaks_sarif(found.leaks, found.places, complete=complete)
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"
