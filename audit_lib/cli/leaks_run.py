"""Finds a project's leaks and gives the answer in its layout; imported while git lists its objects."""

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
from audit_lib.cli.leaks_answer import leak_lines
from audit_lib.cli.options import now
from audit_lib.leaks.elsewhere import tabulate_elsewhere
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks
from audit_lib.leaks.git_objects import Listing
from audit_lib.leaks.next_step import exit_code, next_step
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


def answer_of(found: LeakAudit, layout: str, most: int, stops: tuple[str, ...]) -> dict[str, Any]:
    """What the command says, never a value: lines for a person or a text, and the exit code.

    `stops` are the classes of leaks at which a pipeline stops; without one the code is 0.
    """
    elsewhere = tabulate_elsewhere(found.leaks, found.places, now())
    lines = list(leak_lines(found, most, elsewhere)) if layout == "table" else []
    text = {"json": _as_json, "sarif": _as_sarif}[layout](found, elsewhere) if layout != "table" else ""
    code = exit_code(found.leaks, found.coverage, stops) if stops else 0
    return {"lines": lines, "text": text, "code": code}


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


def _as_sarif(found: LeakAudit, _: pd.DataFrame) -> str:
    complete = not (found.coverage["state"] == "incomplete").any()
    log = leaks_sarif(found.leaks, found.places, complete=complete)
    return json.dumps(log, indent=2, ensure_ascii=True) + "\n"
